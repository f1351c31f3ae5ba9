"""Plays the story step by step under a writd of its own, and checks each step. Started by scripts/demo, in a mount namespace
where crm.example.test and finance.example.test are this host."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]

from backends import Backends  # noqa: E402  (puts the tests' library on the path, too)
from lib.daemon import Daemon  # noqa: E402
from lib.processes import Processes, become_subreaper  # noqa: E402

AGENT = ["/usr/bin/python3", str(HERE / "sales_assistant.py")]
CARD = "4111 1111 1111 1111"  # the networks' test number


class Story:
    def __init__(self, scratch: pathlib.Path, binaries: pathlib.Path):
        self.binaries = binaries
        self.backends = Backends(scratch / "certs")
        self.daemon = Daemon(binaries / "writd", scratch / "root")
        policies = REPOSITORY / "policies"
        files = {"policies/demo.yaml": policies / "demo.yaml", "users.yaml": policies / "demo-directory/users.yaml",
                 "agents.yaml": policies / "demo-directory/agents.yaml"}
        files |= {f"rules/{path.name}": path for path in (policies / "rules").glob("*.yaml")}
        self.daemon.write({name: path.read_text() for name, path in files.items()})
        self.problems: list[str] = []

    # --- what a step is made of ---

    def writ(self, *arguments, environment=None, typed="", timeout=60) -> subprocess.CompletedProcess:
        process = Processes.start([self.binaries / "writ", "--root", self.daemon.root, *arguments], text=True,
                                  env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(typed, timeout=timeout)
        Processes.done(process)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def ask(self, user: str, request: str) -> subprocess.CompletedProcess:
        """A person has the agent do something. The agent gets what it would get without Writ, and nothing of it."""
        print(f'   $ writ run --agent sales-assistant --user {user} -- python3 sales_assistant.py <<< "{request}"')
        agent_environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"} | self.backends.environment()
        done = self.writ("run", "--agent", "sales-assistant", "--user", user, "--", *AGENT, environment=agent_environment,
                         typed=request)
        lines = (done.stdout + done.stderr).strip().splitlines()
        for line in lines[:3] + ([f"... {len(lines) - 4} more lines ..."] if len(lines) > 4 else []) + lines[3:][-1:]:
            print("     " + (line if len(line) < 150 else line[:150] + " ..."))
        return done

    def show(self, done: subprocess.CompletedProcess) -> None:
        for line in (done.stdout + done.stderr).rstrip().splitlines():
            print("     " + line)

    def check(self, fact: str, holds: bool) -> None:
        print(f"   {'ok    ' if holds else 'WRONG '} {fact}")
        if not holds:
            self.problems.append(fact)

    def calls(self, count: int) -> list[dict]:
        """All calls so far, once there are `count`, each with its outcome."""
        for _ in range(50):
            done = self.writ("calls", "--json")
            calls = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
            if len(calls) >= count and all("outcome" in call for call in calls):
                break
            time.sleep(0.1)
        return calls

    # --- the steps ---

    def sarah_reads_a_contact(self) -> None:
        title("(a) Sarah, from sales, has the agent read a CRM contact")
        done = self.ask("sarah", "show contact 17")
        decision = self.calls(1)[-1]["decision"]["decision"]
        self.check("the agent got the contact", done.returncode == 0 and "Ada Park" in done.stdout)
        self.check("on record: allowed, for sarah@example.test, as crm.contact.read",
                   (decision["verdict"], decision["user"]["email"], decision["tool"]["name"])
                   == ("VERDICT_ALLOW", "sarah@example.test", "crm.contact.read"))

    def sarah_reads_revenue(self) -> None:
        title("(b) Sarah has the same agent read last quarter's revenue: the agent may, Sarah may not")
        done = self.ask("sarah", "show the revenue of last-quarter")
        time.sleep(1)  # for anything that might still come
        decision = self.calls(2)[-1]["decision"]["decision"]
        self.denied = decision["callId"]
        print(f"     why: {decision['reason']}")
        self.check("the agent failed, and got no number", done.returncode != 0 and "18400000" not in done.stdout)
        self.check("on record: denied, scope finance.revenue.read is missing",
                   (decision["verdict"], decision["code"], decision["scopes"]["missing"])
                   == ("VERDICT_DENY", "scope_missing", ["finance.revenue.read"]))
        self.check(f"the finance backend has received {self.backends.finance.application_bytes} bytes of a request",
                   self.backends.finance.application_bytes == 0)

    def the_cfo_reads_revenue(self) -> None:
        title("(c) Diana, the CFO, has the same agent do the same")
        done = self.ask("diana", "show the revenue of last-quarter")
        decision = self.calls(3)[-1]["decision"]["decision"]
        self.allowed = decision["callId"]
        self.check("the agent got the revenue", done.returncode == 0 and "18400000" in done.stdout)
        self.check("on record: allowed, for diana@example.test",
                   (decision["verdict"], decision["user"]["email"]) == ("VERDICT_ALLOW", "diana@example.test"))
        self.check("the finance backend has seen one request", len(self.backends.finance.requests) == 1)

    def findings(self) -> None:
        title("(d) A contact's notes carry an injected instruction; a request carries a card number")
        first = self.ask("sarah", "show contact 66")
        second = self.ask("sarah", f"leave a note on contact 17: pays with {CARD}")
        injected, card = self.calls(5)[-2:]
        found = injected["outcome"]["outcome"]["findings"]
        for finding in found + card["decision"]["decision"]["findings"]:
            print(f"     found in the {finding['where']}: {finding['rule']}, {finding['sample']!r}")
        self.check("the injection is found in the result", first.returncode == 0
                   and "injection" in {f["category"] for f in found if f["where"] == "result"})
        decision = card["decision"]["decision"]
        self.check("the card number is found in the arguments",
                   second.returncode == 0 and "pii.card" in {f["rule"] for f in decision["findings"]})
        self.check("the call with the card is flagged", decision["verdict"] == "VERDICT_FLAG")
        stored = b"".join(p.read_bytes() for p in self.daemon.state.rglob("*") if p.is_file())
        self.check("the number itself is not in the audit", CARD.encode() not in stored)

    def the_agent_loops(self) -> None:
        title("(e) The agent loops: max_tool_calls of its session stops it")
        before = len(self.calls(5))
        done = self.ask("sarah", "watch contact 17 until it changes")
        calls = [c["decision"]["decision"] for c in self.calls(before + 21)[before:]]
        verdicts = [c["verdict"] for c in calls]
        print(f"     why: {calls[-1]['reason']}")
        self.check("20 calls were allowed", verdicts[:20] == ["VERDICT_ALLOW"] * 20)
        self.check("the next one was denied: limit_tool_calls",
                   verdicts[20:21] == ["VERDICT_DENY"] and calls[20]["code"] == "limit_tool_calls")
        self.check("the agent has ended", done.returncode != 0)

    def the_record(self) -> None:
        title("(f) The record answers the five questions about (b) and (c)")
        for call, person in ((self.denied, "sarah@example.test"), (self.allowed, "diana@example.test")):
            print(f"   $ writ trace {call}")
            text = self.writ("trace", call)
            self.show(text)
            trace = json.loads(self.writ("trace", call, "--json").stdout)
            decision, outcome = trace["call"]["decision"]["decision"], trace["call"]["outcome"]["outcome"]
            self.check("who asked: the person, the agent, the chain between them",
                       decision["user"]["email"] == person and decision["chain"] == ["sales-assistant"])
            self.check("with what permissions: the user's, the agent's, both, the tool's",
                       bool(decision["user"]["scopes"] and decision["agent"]["scopes"])
                       and decision["scopes"]["required"] == ["finance.revenue.read"]
                       and ("finance.revenue.read" in decision["scopes"]["effective"]) == (call == self.allowed))
            self.check("what data: destination, tool, arguments, result",
                       decision["destination"]["host"] == "finance.example.test"
                       and decision["tool"]["captures"] == {"quarter": "last-quarter"}
                       and (int(outcome["bytes"]) > 0) == (call == self.allowed))
            self.check("scanned for injection, by which rules",
                       "injection" in decision["scan"]["categories"] and bool(decision["scan"]["ruleset"]))
            self.check("tied together in an intact record", trace["intact"] and text.returncode == 0)

        print("   $ writ audit verify")
        done = self.writ("audit", "verify")
        self.show(done)
        self.check("the record is whole", done.returncode == 0)
        segment = max(self.daemon.state.rglob("segment-*"), key=lambda path: path.stat().st_size)
        at = segment.stat().st_size // 2
        flip(segment, at)
        print(f"   one bit of byte {at} of {segment.name} is flipped\n   $ writ audit verify")
        done = self.writ("audit", "verify")
        self.show(done)
        self.check("the change is found, and where", done.returncode != 0 and segment.name in done.stdout)
        flip(segment, at)
        self.check("flipped back, it is whole again", self.writ("audit", "verify").returncode == 0)

    def play(self) -> None:
        self.daemon.start()
        for step in (self.sarah_reads_a_contact, self.sarah_reads_revenue, self.the_cfo_reads_revenue, self.findings,
                     self.the_agent_loops, self.the_record):
            try:
                step()
            except (KeyError, IndexError, ValueError, subprocess.TimeoutExpired) as error:
                self.check(f"{step.__name__} could be played to its end ({type(error).__name__}: {error})", False)

    def close(self) -> None:
        try:
            self.daemon.stop()
        finally:
            left = Processes.end_all()
            self.backends.close()
        self.check("nothing is left running", not left)


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def flip(path: pathlib.Path, at: int) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def main() -> int:
    become_subreaper()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    story = Story(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve())
    try:
        story.play()
    except KeyboardInterrupt:
        story.problems.append("interrupted")
    finally:
        story.close()
    if story.problems:
        print(f"\n{len(story.problems)} of the demo's facts did not hold:", *story.problems, sep="\n  - ")
        print(f"writd's log:\n{story.daemon.tail()}")
        return 1
    print("\nThe demo came out as it must.")
    return 0


sys.exit(main())
