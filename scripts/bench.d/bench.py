"""Measures bare, observe, enforce and floor in turn, round by round. Started by scripts/bench."""
import argparse
import collections
import fcntl
import json
import pathlib
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "system"))

import report  # noqa: E402
from backend import Backend  # noqa: E402
from lib.daemon import DaemonError  # noqa: E402
from lib.processes import Processes, become_subreaper  # noqa: E402
from machine import facts  # noqa: E402
from measures import MEASURES, MeasureError, perform  # noqa: E402
from modes import MODES, Modes  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--rounds", type=int, default=10, help="below 10 a median says little")
    parser.add_argument("--bin", type=pathlib.Path, required=True,
                        help="where writ, writd and writ_floor are; default: built by scripts/bench")
    parser.add_argument("--only", choices=[measure.name for measure in MEASURES])
    found = parser.parse_args()
    if found.rounds < 1:
        parser.error("--rounds must be 1 or more")
    for name in ("writ", "writd", "writ_floor"):
        if not (found.bin / name).exists():
            parser.error(f"there is no {name} in {found.bin} (leave out --bin to have it built)")
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def lock():
    """One writd at a time: the lock of tests/system/run."""
    file = open("/tmp/writ-system.lock", "w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("bench: waiting for another run of writd's tests")
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def measure_all(wanted, rounds: int, modes: Modes, backend: Backend) -> dict:
    """(name, metric, mode) → one value a round. Each round begins with another mode, so that none is always the first."""
    figures = collections.defaultdict(list)
    for number in range(rounds):
        began = time.monotonic()
        turn = number % len(MODES)
        for mode in MODES[turn:] + MODES[:turn]:
            with modes.entered(mode) as start:
                for measure in wanted:
                    if mode == "bare" and measure.needs_worker:
                        continue
                    try:
                        run = perform(measure, start, backend)
                    except MeasureError as error:
                        raise MeasureError(f"{measure.name} in {mode}, round {number + 1}: {error}") from None
                    for metric, value in measure.figures(run).items():
                        figures[measure.name, metric, mode].append(value)
        say(f"bench: round {number + 1} of {rounds}: {time.monotonic() - began:.0f} s")
    return figures


def main() -> int:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    become_subreaper()
    held = lock()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="writ-bench-"))
    directory.chmod(0o755)
    began = time.monotonic()
    try:
        machine = facts()
        wanted = [m for m in MEASURES if options.only in (None, m.name)]
        backend = Backend(directory)
        try:
            figures = measure_all(wanted, options.rounds, Modes(options.bin.resolve(), directory), backend)
        finally:
            backend.close()
    except (MeasureError, DaemonError, RuntimeError, OSError) as error:
        say(f"bench: {error}")
        return 1
    finally:
        Processes.end_all(patience=0)
        shutil.rmtree(directory, ignore_errors=True)
        held.close()
    rows = report.rows(figures)
    reached = report.aims(rows)
    if options.json:
        print(json.dumps({"rows": rows, "spread": "quartiles", "rounds": options.rounds, "aims": reached,
                          "seconds": round(time.monotonic() - began), "machine": machine}, indent=1))
    else:
        print(report.text(rows, reached, machine, options.rounds))
    return 0


sys.exit(main())
