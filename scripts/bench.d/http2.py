"""HTTP/2 requests a second: h2load on one connection with 100 streams, against nghttpd."""
import pathlib
import re
import shutil
import socket
import subprocess
import time

from figures import Figures, MeasureError, Subject
from lib.certs import Certs
from lib.processes import Processes
from modes import Modes


class Http2:
    SUBJECTS = (
        Subject("http2", "HTTP/2 over TLS: GETs on one connection, 100 at once, h2load and nghttpd", ("bare", "observe", "enforce")),
    )

    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path, quick: bool):
        self.modes, self.count = Modes(binaries, directory / "http2"), 1000 if quick else 20_000
        certs, documents = Certs(directory / "http2-certs"), directory / "documents"
        (documents / "allowed").mkdir(parents=True)
        (documents / "allowed" / "x").write_bytes(b"x" * 1024)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.server = Processes.start(["nghttpd", "-a", "127.0.0.1", "-d", documents, str(self.port), certs.key, certs.cert],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._listens():
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise MeasureError("nghttpd does not listen (is nghttp2-server installed?)")
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def round(self, number: int, figures: Figures) -> None:
        columns = self.SUBJECTS[0].columns
        turn = number % len(columns)
        for mode in columns[turn:] + columns[:turn]:
            with self.modes.entered(mode) as start:
                figures.add("http2", "requests", "1/s", mode, self._rate(start))

    def _rate(self, start) -> float:
        process, _ = start(["h2load", "-n", str(self.count), "-c", "1", "-m", "100", f"https://127.0.0.1:{self.port}/allowed/x"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise MeasureError("h2load did not end in 120 s") from None
        finally:
            Processes.done(process)
        rate, good = re.search(r"finished in .*, ([\d.]+) req/s", out), re.search(r"status codes: (\d+) 2xx", out)
        if process.returncode != 0 or not rate or not good or int(good[1]) != self.count:
            raise MeasureError(f"h2load: exit {process.returncode}; {(out + errors).strip()[-800:]}")
        return float(rate[1])

    def close(self) -> None:
        self.server.terminate()
        self.server.wait(10)
        Processes.done(self.server)
