"""`writ policy suggest`: the demo's agent is observed, and what it did becomes the policy that it runs under."""
import pathlib
import subprocess
import sys

from lib import expect
from lib.case import each
from lib.processes import Processes

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
DEMO, POLICIES = REPOSITORY / "scripts" / "demo.d", REPOSITORY / "policies"
sys.path.append(str(DEMO))
from backends import Backends  # noqa: E402

SEEN = ["show contact 17", "show the revenue of last-quarter"]
FURTHER = "leave a note on contact 17: call back"
# Each request in a process of its own, all in one session.
AGENT = 'while read -r request; do echo "$request" | /usr/bin/python3 "$0" || code=$?; done; exit ${code-0}'
# Names for the backends, without touching the machine's /etc/hosts.
NAMES = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Demo:
    """The demo's backends and agent, under the case's writd. The person may do everything: what the agent may is shown."""

    def __init__(self, env, policy: str):
        self.env, self.backends = env, Backends(env.directory / f"demo-{policy}")
        self.hosts = env.directory / "hosts"
        self.hosts.write_text(pathlib.Path("/etc/hosts").read_text() + "\n127.0.0.1 crm.example.test finance.example.test\n")
        self.install({"policies/test.yaml": (POLICIES / policy).read_text(), "users.yaml": 'users: [{id: sarah, scopes: ["*"]}]\n',
                      "agents.yaml": (POLICIES / "demo-directory" / "agents.yaml").read_text()})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.backends.close()

    def install(self, files: dict[str, str]) -> None:
        self.env.daemon.write(files)
        done = self.env.writ("reload")
        assert done.returncode == 0, done

    def play(self, requests: list[str], mode="enforce") -> tuple[subprocess.CompletedProcess, list[dict]]:
        """The agent's output, and what was decided of its calls."""
        before = self.env.last_sequence()
        process = Processes.start(
            ["unshare", "--mount", "sh", "-c", NAMES, self.hosts, self.env.binaries / "writ", "--root", self.env.daemon.root, "run",
             "--agent", "sales-assistant", "--user", "sarah", "--mode", mode, "--", "sh", "-c", AGENT, DEMO / "sales_assistant.py"],
            env=self.env.environment() | self.backends.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        process.stdin.write("".join(f"{request}\n" for request in requests))
        return self.env.finish(process, 30), self.env.decisions(before, len(requests))

    def passes(self, mode="enforce") -> list[dict]:
        done, decisions = self.play(SEEN, mode)
        assert done.returncode == 0 and "Ada Park" in done.stdout and "18400000" in done.stdout, done
        expect.verdicts(decisions, ["allow", "allow"])
        return decisions

    def refuses(self, code: str) -> dict:
        before = self.backends.crm.application_bytes
        done, decisions = self.play([FURTHER])
        assert done.returncode != 0 and "add_note failed" in done.stderr, done
        expect.verdicts(decisions, ["deny"])
        assert decisions[0]["code"] == code, decisions
        arrived = self.backends.crm.application_bytes - before
        assert arrived == 0, f"{arrived} bytes of the denied call arrived"
        return decisions[0]


@each(policy=["observe-everything", "demo"])
def test_the_demo_under_what_it_did(env, policy):
    """Must show 6: the same session passes under the suggestion, and one more scope does not."""
    with Demo(env, f"{policy}.yaml") as demo:
        seen = demo.passes("observe")
        suggest = ["policy", "suggest", "--session", seen[0]["sessionId"]]
        done = env.writ(*suggest)
        assert done.returncode == 0 and not done.stderr, done
        file = env.directory / "suggested.yaml"
        file.write_text(done.stdout)
        checked = env.writ("policy", "check", file)
        assert checked.returncode == 0 and "0 warnings" in checked.stdout, checked
        agents = env.writ_json(*suggest)[0]["agents"]
        demo.install({"policies/test.yaml": done.stdout, "agents.yaml": agents})

        decisions = demo.passes()
        demo.refuses("tool_unknown")
        demo.passes()
        if policy == "demo":  # with the catalog of before it is the scope that the agent does not have
            assert [d["tool"]["name"] for d in decisions] == ["crm.contact.read", "finance.revenue.read"], decisions
            demo.install({"policies/test.yaml": (POLICIES / "demo.yaml").read_text()})
            assert demo.refuses("scope_missing")["scopes"]["missing"] == ["crm.notes.write"]
            demo.passes()


def test_a_denied_call_is_named_and_not_allowed(env):
    with Demo(env, "demo.yaml") as demo:
        demo.install({"agents.yaml": "agents: [{id: sales-assistant, scopes: [crm.contacts.read]}]\n"})
        _, decisions = demo.play(SEEN, "observe")
        expect.verdicts(decisions, ["allow", "deny"])
        done = env.writ("policy", "suggest", "--session", decisions[0]["sessionId"])
        assert done.returncode == 0 and "left out" in done.stderr, done
        denied = [line for line in done.stdout.splitlines() if "/revenue/last-quarter" in line]
        assert len(denied) == 1 and denied[0].startswith("#") and "scope_missing" in denied[0], done.stdout


def test_no_such_session(env):
    done = env.writ("policy", "suggest", "--session", "nobody")
    assert done.returncode == 5 and "nobody" in done.stderr and not done.stdout, done
