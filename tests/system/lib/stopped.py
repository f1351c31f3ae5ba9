"""Processes that wait for a verdict, and waiting for things to become so."""
import os
import time

from .processes import descendants


def stopped(seconds: float = 0.0) -> list[int]:
    """Our descendants that are stopped, but for writd; waits for one to be."""
    deadline = time.monotonic() + seconds
    while True:
        found = [pid for pid, state in descendants().items() if state == "T" and _exe(pid) != "writd"]
        if found or time.monotonic() >= deadline:
            return found
        time.sleep(0.005)


def _exe(pid: int) -> str:
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def wait_for(what, why: str, seconds: float = 5):
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline, why
        time.sleep(0.01)
    return value
