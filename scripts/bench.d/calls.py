"""What governed calls cost: the same clients bare, observed, enforced and over the floor."""
import pathlib

from backend import Backend
from figures import Figures, MeasureError, Subject
from measures import MEASURES, UNITS, perform
from modes import MODES, Modes


class Calls:
    SUBJECTS = tuple(Subject(measure.name, measure.what, MODES) for measure in MEASURES)

    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path, wanted: set[str]):
        self.measures = [measure for measure in MEASURES if measure.name in wanted]
        self.modes, self.backend = Modes(binaries, directory), Backend(directory)

    def round(self, number: int, figures: Figures) -> None:
        """Each round begins with another mode, so that none is always the first."""
        turn = number % len(MODES)
        for mode in MODES[turn:] + MODES[:turn]:
            with self.modes.entered(mode) as start:
                for measure in self.measures:
                    if mode == "bare" and measure.needs_worker:
                        continue
                    try:
                        run = perform(measure, start, self.backend)
                    except MeasureError as error:
                        raise MeasureError(f"{measure.name} in {mode}, round {number + 1}: {error}") from None
                    for metric, value in measure.figures(run).items():
                        figures.add(measure.name, metric, UNITS[metric], mode, value)

    def close(self) -> None:
        self.backend.close()
