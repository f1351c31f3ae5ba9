"""What the start of a program costs where commands are governed."""
import json
import os
import pathlib
import shutil
import subprocess

from figures import Figures, MeasureError, Subject
from lib.config import Config
from lib.daemon import Daemon
from lib.processes import Processes

HERE = pathlib.Path(__file__).resolve().parent
PYTHON, TRUE = os.path.realpath("/usr/bin/python3"), os.path.realpath("/usr/bin/true")

# A rule that looks at arguments: each start waits for a verdict.
LOOKS = ({"id": "looks", "effect": "deny", "tools": ["true"], "args": {"argv": {"any": {"prefix": "--evil"}}}},)


class Commands:
    SUBJECTS = (
        Subject("exec", "programs started one behind the other; enforce: allowed by executable; judged: a rule looks at arguments",
                ("bare", "observe", "enforce", "judged")),
    )

    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path, wanted: set[str], quick: bool):
        self.binaries, self.root, self.count = binaries, directory / "commands-root", 100 if quick else 1000

    def round(self, number: int, figures: Figures) -> None:
        turn = number % 4
        modes = self.SUBJECTS[0].columns
        for mode in modes[turn:] + modes[:turn]:
            figures.add("exec", "starts", "1/s", mode, self._rate(mode))

    def close(self) -> None:
        pass

    def _rate(self, mode: str) -> float:
        client = [PYTHON, "-B", HERE / "starts.py", TRUE, self.count]
        if mode == "bare":
            return self._run(client)
        daemon = Daemon(self.binaries / "writd", self.root)
        daemon.write(Config(commands={"python": [PYTHON], "true": [TRUE]}, more_rules=LOOKS if mode == "judged" else ()).files())
        daemon.start()
        try:
            return self._run([self.binaries / "writ", "--root", self.root, "run", "--agent", "tester", "--user", "sarah",
                              "--mode", "observe" if mode == "observe" else "enforce", "--", *client])
        finally:
            daemon.stop()
            shutil.rmtree(self.root)

    @staticmethod
    def _run(command) -> float:
        process = Processes.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise MeasureError("the starts did not end in 120 s") from None
        finally:
            Processes.done(process)
        if process.returncode != 0:
            raise MeasureError(f"starts: exit {process.returncode}; {errors.strip()[-800:]}")
        return json.loads(out)["rate"]
