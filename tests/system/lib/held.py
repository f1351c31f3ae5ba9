"""A call that is held because its body has not come to an end: curl reads it from a pipe."""
import subprocess
import time

from .processes import Processes


class HeldUpload:
    """Started by `start(command)`, which runs a command with the given standard streams."""

    def __init__(self, start, url: str, ca: str):
        self.process = start("/usr/bin/curl", "-q", "-sS", "--cacert", ca, "-H", "Expect:", "-T", "-", "-X", "POST", "-w", "\n%{http_code}",
                             "--max-time", "30", url, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.process.stdin.write(b"first half, ")
        self.process.stdin.flush()

    def wait_held(self, held_calls, seconds: float = 10) -> None:
        """`held_calls()` says how many calls wait for a verdict."""
        deadline = time.monotonic() + seconds
        while held_calls() == 0:
            assert time.monotonic() < deadline, f"nothing is held: {self.process.poll()}"
            time.sleep(0.05)

    def end(self, timeout: float = 15) -> tuple[int, str, str]:
        """Writes the rest; returns exit code, output and errors of curl."""
        try:
            out, err = self.process.communicate(b"second half", timeout=timeout)
        except BrokenPipeError:
            out, err = self.process.communicate(timeout=timeout)
        finally:
            Processes.done(self.process)
        return self.process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
