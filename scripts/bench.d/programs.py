"""What is measured by a program of tests/bench, which prints its figures (figures.h there)."""
import json
import pathlib
import subprocess

from figures import Figures, MeasureError, Subject
from lib.processes import Processes


def run_program(binaries: pathlib.Path, name: str, *arguments, form: str | None = None, timeout: float = 180) -> dict:
    """Runs writ_bench_`name` to its end; `form` goes to its standard input. metric → {"unit": …, column: value}"""
    stdin = subprocess.DEVNULL if form is None else subprocess.PIPE
    process = Processes.start([binaries / f"writ_bench_{name}", *arguments], stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    try:
        out, errors = process.communicate(form, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise MeasureError(f"writ_bench_{name} did not end in {timeout:g} s") from None
    finally:
        Processes.done(process)
    if process.returncode != 0:
        raise MeasureError(f"writ_bench_{name} ended with {process.returncode}; {errors.strip()[-800:]}")
    return json.loads(out)


def add_printed(figures: Figures, name: str, printed: dict) -> None:
    for metric, columns in printed.items():
        for column, value in columns.items():
            if column != "unit":
                figures.add(name, metric, columns["unit"], column, value)


class Programs:
    """Those that need nothing but themselves. `samples` of each (of `parse`, megabytes), or a tenth of it in a quick run."""
    SUBJECTS = (
        Subject("token", "verifying a person's token with cached keys, beside OpenSSL's check of the same bytes",
                ("verify", "floor")),
        Subject("scopes", "100 scopes of the user and 100 of the agent; per_call: whether writ and scopes let a call pass",
                ("specific", "wildcards")),
        Subject("policy", "decisions by number of rules; crowded: all rules are for the tool that is called",
                ("10", "1000", "10000")),
        Subject("parse", "reading on one core, by the size of a message (of an event, a gRPC message); gzip: bytes that come out",
                ("1KiB", "64KiB", "1MiB")),
        Subject("opa", "asking a decision point that answers at once, beside the same POST by libcurl alone", ("unix", "tcp")),
    )
    SAMPLES = {"token": 1000, "scopes": 100_000, "policy": 100_000, "parse": 200, "opa": 10_000}

    def __init__(self, binaries: pathlib.Path, wanted: set[str], quick: bool):
        self.binaries, self.quick = binaries, quick
        self.wanted = [subject.name for subject in self.SUBJECTS if subject.name in wanted]

    def round(self, number: int, figures: Figures) -> None:
        for name in self.wanted:
            samples = self.SAMPLES[name] // (10 if self.quick else 1)
            add_printed(figures, name, run_program(self.binaries, name, samples))

    def close(self) -> None:
        pass
