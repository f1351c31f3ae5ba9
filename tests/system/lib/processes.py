"""The runner's own processes: starts them, finds their descendants, ends them by pid and nothing else."""
import ctypes
import os
import pathlib
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Orphans of ours come to this process instead of pid 1, so that none is lost."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _stat(pid: int):
    """(parent, state) of a process, or None when it is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()
        return int(fields[1]), fields[0]
    except (OSError, IndexError):
        return None


def descendants(root: int | None = None) -> dict[int, str]:
    """pid → state of everything below `root` (default: this process), zombies left out."""
    stats = {int(p): s for p in os.listdir("/proc") if p.isdigit() and (s := _stat(int(p)))}
    found, front = {}, {root or os.getpid()}
    while front:
        front = {pid for pid, (parent, _) in stats.items() if parent in front and pid not in found}
        found |= {pid: stats[pid][1] for pid in front}
    return {pid: state for pid, state in found.items() if state not in "ZX"}


def command_of(pid: int) -> str:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "?"


def reap() -> None:
    """Collects orphans that have ended; children that a Popen of ours waits for are left to it."""
    waited_for = {p.pid for p in Processes.open}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in waited_for and (stat := _stat(int(name))):
            if stat == (os.getpid(), "Z"):
                try:
                    os.waitpid(int(name), os.WNOHANG)
                except ChildProcessError:
                    pass


class Processes:
    """Everything started through start(); end_all() ends what is left, and says what that was."""

    open: set[subprocess.Popen] = set()

    @classmethod
    def start(cls, command, **options) -> subprocess.Popen:
        process = subprocess.Popen([str(c) for c in command], start_new_session=True, **options)
        cls.open.add(process)
        return process

    @classmethod
    def done(cls, process: subprocess.Popen) -> None:
        cls.open.discard(process)

    @classmethod
    def end_all(cls, keep: set[int] = frozenset(), patience: float = 1.0) -> list[str]:
        """Waits a moment for descendants to end by themselves, then kills them. `keep`: pids that may stay."""
        deadline = time.monotonic() + patience
        while True:
            for process in list(cls.open):
                if process.pid not in keep and process.poll() is not None:
                    cls.done(process)
            reap()
            left = {p: s for p, s in descendants().items() if p not in keep}
            if not left or time.monotonic() > deadline or "T" in left.values():
                break
            time.sleep(0.05)
        report = [f"{'stopped ' if state in 'Tt' else ''}process {pid} ({command_of(pid)[:120]})"
                  for pid, state in left.items()]
        for _ in range(20):
            left = {p for p in descendants() if p not in keep}
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
            for process in list(cls.open):
                if process.pid not in keep and process.poll() is not None:
                    cls.done(process)
            reap()
        return report
