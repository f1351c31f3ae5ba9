"""Finds the cases, runs each under a timeout, checks after each that nothing is left behind, and counts."""
import contextlib
import importlib
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

from . import leftovers
from .case import CaseTimeout, Skip, cases_of
from .env import Env
from .processes import Processes, become_subreaper, descendants


class Module:
    def __init__(self, module):
        self.module = module
        self.settings = getattr(module, "CONFIG", {})

    def cases(self, seconds: float):
        return cases_of(self.module, seconds)


def discover(directory: pathlib.Path, bare: bool) -> list[Module]:
    names = sorted(p.stem for p in directory.glob("*.py"))
    modules = [importlib.import_module(name) for name in names]
    return [Module(m) for m in modules if getattr(m, "BARE", False) == bare]


class Runner:
    def __init__(self, binaries, directory: pathlib.Path, only: list[str], seconds: float):
        self.binaries, self.directory, self.only, self.seconds = binaries, directory, only, seconds
        self.passed = self.failed = self.skipped = 0
        self.failures: list[str] = []

    def run(self, modules: list[Module]) -> int:
        if os.geteuid() != 0:
            print("tests/system/run: needs root", file=sys.stderr)
            return 2
        become_subreaper()
        signal.signal(signal.SIGALRM, self._on_alarm)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.cgroups_before, self.pins_before = leftovers.cgroups(), leftovers.pins()
        try:
            for module in modules:
                cases = [c for c in module.cases(self.seconds) if all(o in c.id for o in self.only)]
                if cases:
                    self._module(module, cases)
        finally:
            Processes.end_all(patience=0)
        for failure in self.failures:  # once more: what is read of a long log is its end
            print(failure)
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed or self.passed == 0 else 0

    def _module(self, module: Module, cases) -> None:
        directory = self.directory / module.module.__name__
        directory.mkdir()
        self.directory.chmod(0o755)
        env = Env(self.binaries, directory)
        for case in cases:
            self._case(env, module, case)
        problems = []
        try:
            with self._deadline(30):
                env.close()
        except (Exception, CaseTimeout) as error:  # a daemon that does not stop is a failure of its own
            problems.append(str(error))
        problems += self._left(env, daemon_pid=0)
        if problems:
            self._count(f"{module.module.__name__}.(end)", 0, "FAIL", "; ".join(problems))
        shutil.rmtree(directory, ignore_errors=True)

    def _case(self, env: Env, module: Module, case) -> None:
        started, outcome, why = time.monotonic(), "ok", ""
        try:
            with self._deadline(case.seconds):
                env.need(module.settings if case.config is None else case.config)
                pid = env.daemon.pid if env.daemon else 0
                case.function(env, **case.arguments)
                if env.daemon and not env.daemon.running():
                    raise AssertionError(f"writd has ended during the case (pid {pid})")
        except Skip as skip:
            outcome, why = "SKIP", str(skip)
        except CaseTimeout:
            outcome, why = "FAIL", f"took more than {case.seconds:g} s\n{traceback.format_exc(limit=-4)}"
        except Exception as error:
            where = "" if isinstance(error, AssertionError) else traceback.format_exc(limit=-4)
            line = traceback.extract_tb(error.__traceback__)[-1]
            caller = [f for f in traceback.extract_tb(error.__traceback__) if "/cases/" in f.filename]
            at = caller[-1] if caller else line
            outcome, why = "FAIL", f"{pathlib.Path(at.filename).name}:{at.lineno}: {str(error) or at.line}\n{where}".rstrip()
        seconds = time.monotonic() - started
        try:
            with self._deadline(40):
                left = self._left(env, env.daemon.pid if env.daemon and env.daemon.running() else 0)
        except CaseTimeout:
            left = ["looking for leftovers did not end"]
        if left:
            outcome, why = "FAIL", (why + "\n" if why else "") + "left behind: " + "; ".join(left)
        log = env.daemon.tail() if outcome == "FAIL" and env.daemon else ""
        self._count(case.id, seconds, outcome, why, log)
        if outcome == "FAIL" and env.daemon:  # the next case starts from a clean state
            with contextlib.suppress(Exception):
                with self._deadline(30):
                    env.stop()

    def _left(self, env: Env, daemon_pid: int) -> list[str]:
        problems = Processes.end_all(keep={daemon_pid, *descendants(daemon_pid)} if daemon_pid else frozenset())
        problems += [f"cgroup {path}" for path in sorted(
            leftovers.settled(self._session_cgroups if daemon_pid else leftovers.cgroups, self.cgroups_before))]
        if not daemon_pid:
            problems += [f"pin {path}" for path in sorted(leftovers.settled(leftovers.pins, self.pins_before))]
            if env.daemon is None:
                own = {f"port {s.port} of process {os.getpid()}" for s in env.servers.open()}
                problems += [f"listening {what}" for what in sorted(leftovers.listening([os.getpid()]) - own)]
        return problems

    @staticmethod
    def _session_cgroups() -> set[str]:
        """While writd runs it may keep cgroups to put sessions in; a session's own is a leaf below one of these."""
        paths = leftovers.cgroups()
        parents = {os.path.dirname(p) for p in paths}
        top = {p for p in paths if os.path.dirname(p) not in paths}
        return paths - top - (parents & paths)

    @contextlib.contextmanager
    def _deadline(self, seconds: float):
        signal.setitimer(signal.ITIMER_REAL, seconds, 5)  # again every 5 s, in case something swallowed the first
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    @staticmethod
    def _on_alarm(*_):
        raise CaseTimeout()

    def _count(self, case_id: str, seconds: float, outcome: str, why: str, log: str = "") -> None:
        first, _, rest = why.partition("\n")
        lines = [f"{outcome:<4} {seconds:6.2f} s  {case_id}" + (f"  ({first})" if why else "")]
        lines += [f"{'':18}{line}" for line in rest.splitlines()]
        lines += [f"{'':18}writd.log:"] * bool(log) + [f"{'':18}| {line}" for line in log.splitlines()[-12:]]
        told = "\n".join(lines)
        print(told, flush=True)
        if outcome == "ok":
            self.passed += 1
        elif outcome == "SKIP":
            self.skipped += 1
        else:
            self.failed += 1
            self.failures.append(told)
