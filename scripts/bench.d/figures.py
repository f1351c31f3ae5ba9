"""What is measured, whichever way: its name, its columns, and its rows of figures.

A round gives {metric: {column: value}}; a metric's unit is said once.
"""
import dataclasses
import statistics


class MeasureError(Exception):
    pass


@dataclasses.dataclass
class Subject:
    """What the rows of one table are about."""
    name: str
    what: str
    columns: tuple[str, ...]


class Figures:
    """One value a round of each subject's metric in each column; what is not measured is not there."""

    def __init__(self):
        self._values: dict[tuple[str, str], dict[str, list[float]]] = {}
        self._units: dict[tuple[str, str], str] = {}

    def add(self, name: str, metric: str, unit: str, column: str, value: float) -> None:
        self._units[name, metric] = unit
        self._values.setdefault((name, metric), {}).setdefault(column, []).append(value)

    def rows(self, subjects) -> list[dict]:
        """In the order of the subjects, and of what they were first seen to have. Spread: the quartiles."""
        return [{"name": subject.name, "metric": metric, "unit": self._units[name, metric]}
                | {column: _median(by_column.get(column)) for column in subject.columns}
                | {"spread": {column: [_rounded(v) for v in _quartiles(by_column[column])]
                              for column in subject.columns if column in by_column}}
                for subject in subjects for (name, metric), by_column in self._values.items() if name == subject.name]


def percentile(values: list[int], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _rounded(value: float) -> float:
    return round(value, 2 if value >= 1 else 4)


def _median(values: list[float] | None) -> float | None:
    return values and _rounded(statistics.median(values))


def _quartiles(values: list[float]) -> list[float]:
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]
