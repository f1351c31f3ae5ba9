"""What a case is given: the servers, a writd, ways to run real clients under it, and what the audit says of them."""
import json
import os
import pathlib
import shutil
import subprocess
import time

from . import clients
from .certs import Certs
from .config import Config
from .daemon import Daemon
from .processes import Processes
from .server import Servers


class Env:
    def __init__(self, binaries: pathlib.Path | None, directory: pathlib.Path):
        self.binaries, self.directory = binaries, directory
        self.certs = Certs(directory / "certs")
        directory.chmod(0o755)
        (directory / "certs").chmod(0o755)
        self.servers = Servers(self.certs)
        self.settings: dict | None = None
        self.daemon: Daemon | None = None
        self._roots = 0

    # --- the daemon ---

    @property
    def bare(self) -> bool:
        return self.binaries is None

    def new_root(self) -> pathlib.Path:
        self._roots += 1
        return self.directory / f"root{self._roots}"

    def new_daemon(self, **settings) -> Daemon:
        """Configured, not started."""
        daemon = Daemon(self.binaries / "writd", self.new_root())
        daemon.write(Config(**settings).files())
        return daemon

    def need(self, settings: dict) -> None:
        """A running writd with these settings, the one at hand if it has them."""
        if self.bare or (self.daemon and self.daemon.running() and self.settings == settings):
            return
        self.stop()
        self.daemon, self.settings = self.new_daemon(**settings), settings
        self.daemon.start()

    def stop(self) -> None:
        daemon, self.daemon, self.settings = self.daemon, None, None
        if daemon:
            try:
                daemon.stop()
            finally:
                shutil.rmtree(daemon.root, ignore_errors=True)

    def close(self) -> None:
        try:
            self.stop()
        finally:
            self.servers.close()

    # --- commands ---

    def writ(self, *arguments, timeout: float = 20, root: pathlib.Path | None = None, **options):
        """Runs `writ` to its end; returns subprocess.CompletedProcess with text."""
        process = self.start_writ(*arguments, root=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True, **options)
        return self.finish(process, timeout)

    def start_writ(self, *arguments, root: pathlib.Path | None = None, **options) -> subprocess.Popen:
        command = [self.binaries / "writ", "--root", root or self.daemon.root, *arguments]
        return Processes.start(command, **options)

    @staticmethod
    def finish(process: subprocess.Popen, timeout: float):
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate(timeout=10)
            raise AssertionError(f"{' '.join(map(str, process.args))[:300]} did not end in {timeout:g} s\n"
                                 f"stdout: {(out or '')[-500:]}\nstderr: {(err or '')[-500:]}") from None
        finally:
            Processes.done(process)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def writ_json(self, *arguments) -> list[dict]:
        """The JSON documents that a command prints with --json. Exit code 1: done, and the answer is no."""
        done = self.writ(*arguments, "--json")
        assert done.returncode in (0, 1), f"writ {arguments}: exit {done.returncode}\n{done.stderr}"
        return documents(done.stdout)

    def writd(self, daemon: Daemon, timeout: float = 20, **options):
        """Runs a writd that is expected to end by itself, with an error."""
        process = Processes.start([self.binaries / "writd", "--root", daemon.root], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        return self.finish(process, timeout)

    def end_clients(self) -> None:
        """Ends everything this run has started, but for writd."""
        Processes.end_all(keep={self.daemon.pid} - {0} if self.daemon else frozenset(), patience=0)

    # --- clients ---

    def start_client(self, name: str, *arguments, user="sarah", agent="tester", mode="enforce", ca=True,
                     run=(), environment=None) -> subprocess.Popen:
        """A client of lib/clients.py, under `writ run` unless the run is bare."""
        command = [*clients.command(name), *map(str, arguments)]
        if ca:
            command += ["--ca", str(self.certs.ca)]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                   "env": self.environment() | (environment or {})}
        if self.bare:
            return Processes.start(command, **options)
        identity = ["--agent", agent, *(["--user", user] if user else []), "--mode", mode, *run]
        return self.start_writ("run", *identity, "--", *command, **options)

    def client(self, name: str, *urls, method="GET", body: int = -1, tail="", repeat=1, headers=(), chunked=False,
               extra=(), timeout: float = 30, **identity) -> list[dict]:
        """Runs an HTTP client over `urls`, in one session; returns its lines, one a request."""
        arguments = [a for url in urls for a in ("--url", url)]
        arguments += ["--method", method, "--timeout", timeout]
        arguments += ["--body-bytes", body] if body >= 0 else []
        arguments += ["--tail", tail] if tail else []
        arguments += ["--repeat", repeat] if repeat != 1 else []
        arguments += [a for h in headers for a in ("--header", h)] + (["--chunked"] if chunked else []) + list(extra)
        return self.results(self.start_client(name, *arguments, **identity), timeout + 10)

    def results(self, process: subprocess.Popen, timeout: float = 50) -> list[dict]:
        done = self.finish(process, timeout)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        assert lines and done.returncode == 0, f"client: exit {done.returncode}\n{done.stdout[-500:]}{done.stderr[-2000:]}"
        return lines

    def environment(self) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TERM")}
        return keep | {"NODE_EXTRA_CA_CERTS": str(self.certs.ca), "PYTHONDONTWRITEBYTECODE": "1"}

    def url(self, scheme: str, path: str, family: str = "ipv4") -> str:
        return self.servers.url(scheme, family, path)

    # --- the audit ---

    def last_sequence(self) -> int:
        return max((sequence(record) for call in self.all_calls() for record in call.values()), default=0)

    def all_calls(self) -> list[dict]:
        return self.writ_json("calls")

    def calls(self, after: int = 0, count: int = 0, seconds: float = 5) -> list[dict]:
        """Calls decided after sequence `after`, once there are `count` of them and each has its outcome."""
        deadline = time.monotonic() + seconds
        while True:
            found = [c for c in self.all_calls() if sequence(c["decision"]) > after]
            if len(found) >= count and all("outcome" in c for c in found):
                return found
            if time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def decisions(self, after: int = 0, count: int = 0, seconds: float = 5) -> list[dict]:
        return [c["decision"]["decision"] for c in self.calls(after, count, seconds)]

    def audit_bytes(self) -> bytes:
        """The stored audit as it lies on disk: strings of records can be looked for in it."""
        return b"".join(p.read_bytes() for p in sorted(self.daemon.state.rglob("*")) if p.is_file())

    def counters(self) -> dict[str, int]:
        status = self.writ_json("status")[0]
        return {c["name"]: int(c.get("value", 0)) for c in status.get("counters", [])}


def documents(text: str) -> list[dict]:
    """JSON documents one behind the other, on one line each or on many."""
    found, at, decoder = [], 0, json.JSONDecoder()
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        found.append(document)
    return found


def sequence(record: dict) -> int:
    return int(record.get("sequence", 0))
