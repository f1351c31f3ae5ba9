"""One writd with a root directory of its own."""
import pathlib
import signal
import subprocess
import time

from .processes import Processes


class DaemonError(Exception):
    pass


class Daemon:
    def __init__(self, binary: pathlib.Path, root: pathlib.Path):
        self.binary, self.root = binary, root
        self.log = root / "writd.log"
        self.process: subprocess.Popen | None = None

    @property
    def config(self) -> pathlib.Path:
        return self.root / "etc" / "writ"

    @property
    def state(self) -> pathlib.Path:
        return self.root / "var" / "lib" / "writ"

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def write(self, files: dict[str, str]) -> None:
        """Configuration files, by path below etc/writ."""
        for name, text in files.items():
            path = self.config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def launch(self) -> subprocess.Popen:
        """Starts writd without waiting for it to serve."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)
        with open(self.log, "ab") as log:
            self.process = Processes.start([self.binary, "--root", self.root], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log)
        return self.process

    def start(self, seconds: float = 20) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        deadline = time.monotonic() + seconds
        while "writd: ready" not in self._log_from(before):
            if self.process.poll() is not None:
                code = self.process.returncode
                Processes.done(self.process)
                self.process = None
                raise DaemonError(f"writd ended with {code} before it was ready:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise DaemonError(f"writd did not print 'writd: ready' in {seconds:g} s:\n{self.tail()}")
            time.sleep(0.02)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds: float = 15) -> None:
        """SIGTERM; anything but a clean end is an error."""
        if self.process is None:
            return
        self.process.terminate()
        self._wait(seconds)

    def kill9(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        Processes.done(self.process)
        self.process = None

    def _wait(self, seconds: float) -> None:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise DaemonError(f"writd did not stop within {seconds:g} s of SIGTERM") from None
        Processes.done(self.process)
        self.process = None
        if code != 0:
            raise DaemonError(f"writd ended with {code}:\n{self.tail()}")

    def _log_from(self, at: int) -> str:
        with open(self.log, "rb") as log:
            log.seek(at)
            return log.read().decode(errors="replace")

    def tail(self, size: int = 2500) -> str:
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""
