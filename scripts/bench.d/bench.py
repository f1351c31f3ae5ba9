"""Measures what Writ costs, round by round. Started by scripts/bench."""
import argparse
import contextlib
import fcntl
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "system"))

import report  # noqa: E402
from calls import Calls  # noqa: E402
from commands import Commands  # noqa: E402
from desk import Desk  # noqa: E402
from figures import Figures, MeasureError  # noqa: E402
from http2 import Http2  # noqa: E402
from lib.daemon import DaemonError  # noqa: E402
from lib.processes import Processes, become_subreaper  # noqa: E402
from machine import facts  # noqa: E402
from programs import Programs  # noqa: E402
from reload import Reload  # noqa: E402
from stdio import Stdio  # noqa: E402

SUBJECTS = [*Calls.SUBJECTS, *Programs.SUBJECTS, *Reload.SUBJECTS, *Desk.SUBJECTS, *Commands.SUBJECTS, *Stdio.SUBJECTS,
            *Http2.SUBJECTS]
# What --only takes beside the names themselves.
GROUPS = {"calls": {subject.name for subject in Calls.SUBJECTS}, "identity": {"token", "scopes", "grant", "exchange"},
          "policy": {"policy", "opa", "reload"}, "protocols": {"parse", "http2"}}


def arguments() -> argparse.Namespace:
    names = [subject.name for subject in SUBJECTS]
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    parser.add_argument("--rounds", type=int, help="default: 10, below which a median says little; 1 if quick")
    parser.add_argument("--quick", action="store_true", help="few samples, to see whether it works; the figures say little")
    parser.add_argument("--bin", type=pathlib.Path, required=True,
                        help="where writ, writd and the programs of tests/bench are; default: built by scripts/bench")
    parser.add_argument("--only", choices=[*dict.fromkeys([*GROUPS, *names])], action="append", help="repeatable")
    found = parser.parse_args()
    if found.rounds is None:
        found.rounds = 1 if found.quick else 10
    if found.rounds < 1:
        parser.error("--rounds must be 1 or more")
    found.only = set().union(*(GROUPS.get(one, {one}) for one in found.only or names))
    for name in sorted(programs(found.only)):
        if not (found.bin / name).exists():
            parser.error(f"there is no {name} in {found.bin} (leave out --bin to have it built)")
    return found


def programs(wanted: set[str]) -> set[str]:
    needed = {f"writ_bench_{'policy' if name == 'reload' else name}" for name in wanted - GROUPS["calls"] - {"exec", "stdio", "http2"}}
    if wanted - {subject.name for subject in Programs.SUBJECTS}:
        needed |= {"writ", "writd"}
    return needed | ({"writ_floor"} if wanted & GROUPS["calls"] else set())


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


def measure_all(options: argparse.Namespace, directory: pathlib.Path) -> Figures:
    figures, binaries, wanted = Figures(), options.bin.resolve(), options.only
    makers = [(Calls, lambda: Calls(binaries, directory, wanted)), (Programs, lambda: Programs(binaries, wanted, options.quick)),
              (Reload, lambda: Reload(binaries, directory, wanted, options.quick)),
              (Desk, lambda: Desk(binaries, directory, wanted, options.quick)),
              (Commands, lambda: Commands(binaries, directory, wanted, options.quick)),
              (Stdio, lambda: Stdio(binaries, directory, wanted, options.quick)),
              (Http2, lambda: Http2(binaries, directory, options.quick))]
    with contextlib.ExitStack() as stack:
        parts = [stack.enter_context(contextlib.closing(make())) for kind, make in makers
                 if wanted & {subject.name for subject in kind.SUBJECTS}]
        for number in range(options.rounds):
            began = time.monotonic()
            for part in parts:
                part.round(number, figures)
            say(f"bench: round {number + 1} of {options.rounds}: {time.monotonic() - began:.0f} s")
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
        figures = measure_all(options, directory)
    except (MeasureError, DaemonError, RuntimeError, OSError, AssertionError, subprocess.SubprocessError) as error:
        say(f"bench: {error}")
        return 1
    finally:
        Processes.end_all(patience=0)
        shutil.rmtree(directory, ignore_errors=True)
        held.close()
    rows = figures.rows(SUBJECTS)
    reached = report.aims(rows)
    if options.json:
        print(json.dumps({"rows": rows, "spread": "quartiles", "rounds": options.rounds, "quick": options.quick, "aims": reached,
                          "seconds": round(time.monotonic() - began), "machine": machine}, indent=1))
    else:
        print(report.text(SUBJECTS, rows, reached, machine, options.rounds))
    return 0


sys.exit(main())
