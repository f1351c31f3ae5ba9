"""How long a running writd takes to put 10,000 changed rules into force, and how long calls wait meanwhile."""
import contextlib
import json
import pathlib
import select
import shutil
import subprocess
import time

from backend import Backend
from figures import Figures, MeasureError, Subject, percentile
from lib.config import Config
from lib.daemon import Daemon
from lib.processes import Processes
from measures import PYTHON

HERE = pathlib.Path(__file__).resolve().parent
# The calls' own rule; one for every tool would make all others idle.
ALLOW_ALL, ALLOW_CALLS = 'tools: ["*"]', 'tools: ["test.*"]'


class Reload:
    SUBJECTS = (
        Subject("reload", "`writ reload` of 10,000 rules, from the command until they are in force; calls of one agent meanwhile",
                ("quiet", "reload")),
    )
    RULES, RELOADS, PAUSE = 10_000, 10, 0.3

    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path, wanted: set[str], quick: bool):
        self.binaries, self.root = binaries, directory / "reload-root"
        self.reloads = 2 if quick else self.RELOADS
        self.backend = Backend(directory / "reload")

    def round(self, number: int, figures: Figures) -> None:
        with self._daemon() as daemon, self._agent() as agent:
            _line(agent)
            _tell(agent)
            began = time.monotonic_ns()
            time.sleep(1)
            spans = [self._reload(daemon, turn) for turn in range(self.reloads)]
            _tell(agent)
            calls = [(start, start + took) for start, took in json.loads(_line(agent))["calls"]]
        quiet = [call for call in calls if call[0] > began and call[1] < spans[0][0]]
        during = [call for call in calls if any(call[0] < end and call[1] > start for start, end in spans)]
        if not quiet or not during:
            raise MeasureError("the agent made no call while it was measured")
        figures.add("reload", "in_force_p50", "ms", "reload", percentile([end - start for start, end in spans], 50) / 1e6)
        for column, some in (("quiet", quiet), ("reload", during)):
            took = [end - start for start, end in some]
            for name, value in (("call_p50", percentile(took, 50)), ("call_p99", percentile(took, 99)), ("call_longest", max(took))):
                figures.add("reload", name, "us", column, value / 1000)

    def close(self) -> None:
        self.backend.close()

    def _reload(self, daemon: Daemon, turn: int) -> tuple[int, int]:
        """Changes a file and asks for it to be in force: when that was asked, and when it was."""
        rules = daemon.config / "policies" / "rules.yaml"
        before = self._writ("status")["policyVersion"]
        rules.write_text(f"{rules.read_text()}# {turn}\n")
        start = time.monotonic_ns()
        version = self._writ("reload")["policyVersion"]
        end = time.monotonic_ns()
        if version == before:
            raise MeasureError("writ reload answered, and the old policy is in force")
        time.sleep(self.PAUSE)
        return start, end

    def _writ(self, *command) -> dict:
        done = subprocess.run([self.binaries / "writ", "--root", self.root, *command, "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise MeasureError(f"writ {command[0]}: {done.stderr.strip()[-800:]}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def _daemon(self):
        daemon = Daemon(self.binaries / "writd", self.root)
        files = Config().files()
        daemon.write(files | {"policies/test.yaml": files["policies/test.yaml"].replace(ALLOW_ALL, ALLOW_CALLS)})
        subprocess.run([self.binaries / "writ_bench_policy", "--write", daemon.config / "policies", str(self.RULES)], check=True)
        daemon.start(seconds=60)
        try:
            yield daemon
        finally:
            daemon.stop()
            shutil.rmtree(self.root)

    @contextlib.contextmanager
    def _agent(self):
        command = [*PYTHON, str(HERE / "stall.py"), "--port", str(self.backend.port), "--ca", str(self.backend.certs.ca)]
        agent = Processes.start([self.binaries / "writ", "--root", self.root, "run", "--agent", "tester", "--user", "sarah", "--",
                                 *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        try:
            yield agent
            agent.communicate(timeout=20)
        finally:
            if agent.poll() is None:
                agent.kill()
                agent.communicate()
            Processes.done(agent)


def _tell(agent: subprocess.Popen) -> None:
    agent.stdin.write(b"\n")


def _line(agent: subprocess.Popen) -> bytes:
    if not select.select([agent.stdout], [], [], 60)[0]:
        raise MeasureError("the agent did not answer in time")
    return agent.stdout.readline()
