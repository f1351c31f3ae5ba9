"""The four ways in which a client is run, and the process whose work for it counts."""
import contextlib
import pathlib
import shutil
import subprocess

from lib.config import Config
from lib.daemon import Daemon
from lib.processes import Processes

MODES = ("bare", "observe", "enforce", "floor")


class Modes:
    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path):
        self.binaries, self.root = binaries, directory / "root"

    @contextlib.contextmanager
    def entered(self, mode: str):
        """Gives start(command, **options) → (process, pid of the worker or 0). writd is there for as long as it is used:
        its probes are the machine's, and bare is without them."""
        if mode in ("bare", "floor"):
            yield getattr(self, f"_start_{mode}")
            return
        daemon = Daemon(self.binaries / "writd", self.root)
        daemon.write(Config().files())
        daemon.start()
        run = [self.binaries / "writ", "--root", self.root, "run", "--agent", "tester", "--user", "sarah", "--mode", mode]
        try:
            yield lambda command, **options: (Processes.start([*run, "--", *command], **options), daemon.pid)
        finally:
            daemon.stop()
            shutil.rmtree(self.root)

    @staticmethod
    def _start_bare(command, **options) -> tuple[subprocess.Popen, int]:
        return Processes.start(command, **options), 0

    def _start_floor(self, command, **options) -> tuple[subprocess.Popen, int]:
        process = Processes.start([self.binaries / "writ_floor", "--", *command], **options)
        return process, process.pid
