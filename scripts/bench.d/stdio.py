"""What a call to an MCP server over stdio takes: the official SDK's client and server-everything."""
import json
import os
import pathlib
import shutil
import subprocess

from figures import Figures, MeasureError, Subject, percentile
from lib.config import Config
from lib.daemon import Daemon
from lib.mcp import EVERYTHING, NODE_CLIENT
from lib.oidc import install
from lib.processes import Processes

POLICY = """\
version: 1
tools:
  - {name: every.echo, server: "*/server-everything/dist/index.js *", mcp: echo, scopes: [test.use], effect: read}
rules:
  - {id: echoes, effect: allow, tools: [every.echo]}
"""


class Stdio:
    SUBJECTS = (Subject("stdio", "calls of an MCP tool over stdio, one after the other", ("bare", "observe", "enforce")),)

    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path, wanted: set[str], quick: bool):
        install()
        self.binaries, self.root, self.count = binaries, directory / "stdio-root", 100 if quick else 1000

    def round(self, number: int, figures: Figures) -> None:
        turn = number % 3
        modes = self.SUBJECTS[0].columns
        for mode in modes[turn:] + modes[:turn]:
            took = self._took(mode)
            figures.add("stdio", "p50", "µs", mode, percentile(took, 50))
            figures.add("stdio", "p99", "µs", mode, percentile(took, 99))

    def close(self) -> None:
        pass

    def _took(self, mode: str) -> list[int]:
        client = [*NODE_CLIENT, "node", EVERYTHING, "stdio"]
        if mode == "bare":
            return self._run(client)
        daemon = Daemon(self.binaries / "writd", self.root)
        daemon.write(Config().files() | {"policies/test.yaml": POLICY})
        daemon.start()
        try:
            return self._run([self.binaries / "writ", "--root", self.root, "run", "--agent", "tester", "--user", "sarah",
                              "--mode", mode, "--", *client])
        finally:
            daemon.stop()
            shutil.rmtree(self.root)

    def _run(self, command) -> list[int]:
        orders = json.dumps({"echo": self.count // 4}) + "\n" + json.dumps({"echo": self.count}) + "\n"  # the first to warm up
        process = Processes.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env={"PATH": os.environ["PATH"], "HOME": "/root"})
        try:
            out, errors = process.communicate(orders, timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise MeasureError("the calls did not end in 120 s") from None
        finally:
            Processes.done(process)
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if process.returncode != 0 or len(lines) != 3 or lines[2]["good"] != self.count:
            raise MeasureError(f"calls over stdio: exit {process.returncode}; {out[-300:]} {errors.strip()[-800:]}")
        return lines[2]["us"]
