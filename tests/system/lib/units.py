"""Processes where systemd would have put them: in cgroups of their own, by the names that units have there.

No systemd is needed, and none is here: to the kernel a unit is a cgroup of that name.
"""
import os
import pathlib
import time

from .leftovers import cgroup2_mount
from .processes import Processes

SLICE = "writtest.slice"


class Unit:
    """`path`: below writtest.slice, unless it begins with a slash; the last part is the unit's name."""

    def __init__(self, path: str):
        self.path = path if path.startswith("/") else f"/{SLICE}/{path}"
        self.folder = cgroup2_mount() / self.path[1:]

    def __enter__(self):
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_):
        self.remove()

    def options(self, login: int | None = None) -> dict:
        """For Popen: the process is in the unit before its program begins."""
        procs = self.folder / "cgroup.procs"

        def enter():
            procs.write_text("0")
            if login is not None:
                pathlib.Path("/proc/self/loginuid").write_text(str(login))  # what pam_loginuid does
        return {"preexec_fn": enter}

    def start(self, command, login: int | None = None, **options):
        return Processes.start(command, **self.options(login), **options)

    def take(self, pid: int) -> None:
        (self.folder / "cgroup.procs").write_text(str(pid))

    def remove(self, seconds: float = 5) -> None:
        """As systemd stops a unit: its processes, all that lies below, and its slices when they are empty."""
        (self.folder / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + seconds
        while self.folder.exists():
            for folder, _, _ in os.walk(self.folder, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    if time.monotonic() > deadline:
                        raise
            time.sleep(0.01)
        above = self.folder.parent
        while above != cgroup2_mount():
            try:
                above.rmdir()
            except OSError:
                return
            above = above.parent
