"""Rules on arguments and on what a session did before, through real agents (Must show 3 of the policy issue)."""
import json

from lib import expect
from lib.asking import PIPES
from lib.case import each
from lib.processes import Processes

POLICY = """\
version: 1
tools:
  - {name: pay, host: "*", method: POST, path: /allowed/pay, scopes: [test.use], effect: write}
  - {name: web.get, host: "*", method: GET, path: "/allowed/web/**", scopes: [test.use], effect: read, untrusted: true}
  - {name: own.get, host: "*", method: GET, path: "/allowed/own/**", scopes: [test.use], effect: read}
  - {name: slow.get, host: "*", method: GET, path: "/allowed/slow", scopes: [test.use], effect: read}
rules:
  - {id: little, effect: allow, tools: [pay], args: {amount: {ge: 0, le: 500}}}
  - {id: reads, effect: allow, tools: ["*.get"]}
  - id: steered
    effect: deny
    tools: [pay]
    after: {untrusted: true}
    reason: "{user} may not {tool} after the agent has read a page of strangers"
  - {id: circles, effect: deny, tools: [own.get], repeat: {more_than: 3}}
settings:
  - {tools: [slow.get], rate_per_minute: 2}
"""
# One session with a connection of its own for each line "METHOD PATH BODY".
SCRIPT = ("import sys,requests\n"
          "base,ca=sys.argv[1:]; s=requests.Session(); s.verify=ca; print('ready',flush=True)\n"
          "for line in sys.stdin:\n"
          "  method,path,*body=line.split(' ',2)\n"
          "  try: print(s.request(method,base+path.strip(),data=body[0].strip() if body else None,\n"
          "        headers={'Content-Type':'application/json'},verify=ca).status_code,flush=True)\n"
          "  except requests.RequestException as e: print('aborted',flush=True)\n")


class Agent:
    def __init__(self, env, scheme="http"):
        base = env.url(scheme, "/").rstrip("/")
        self.process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", "/usr/bin/python3", "-c", SCRIPT,
                                      base, str(env.certs.ca), **PIPES)
        assert self.process.stdout.readline() == "ready\n"

    def call(self, method, path, body=None) -> str:
        self.process.stdin.write(f"{method} {path}{'' if body is None else ' ' + body}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def pay(self, amount) -> str:
        return self.call("POST", "/allowed/pay", json.dumps({"amount": amount}))

    def end(self) -> None:
        self.process.communicate(timeout=15)
        Processes.done(self.process)


def use(env) -> None:
    env.daemon.write({"policies/test.yaml": POLICY})
    assert env.writ("reload").returncode == 0


@each(scheme=["http", "https"])
def test_an_amount(env, scheme):
    use(env)
    before, mark, agent = env.last_sequence(), env.servers.mark(), Agent(env, scheme)
    denied = "403" if scheme == "http" else "aborted"
    assert agent.pay(500) == "200"
    assert [agent.pay(amount) for amount in (501, "500", None, -1, 500.5)] == [denied] * 5
    assert [agent.call("POST", "/allowed/pay", body) for body in ('{"amount": 5, "amount": 501}', "{}", "no json", "[5]")] == [denied] * 4
    assert agent.pay(0) == "200"
    agent.end()
    arrived = [r.path for r in env.servers.since(mark).requests]
    assert arrived == ["/allowed/pay"] * 2, arrived
    rules = [d["rule"] for d in env.decisions(before, 11)]
    assert rules[0] == rules[-1] == "little" and set(rules[1:-1]) == {"built-in:no_rule"}, rules


def test_a_query_cannot_stand_in_for_the_body(env):
    use(env)
    agent = Agent(env)
    assert agent.call("POST", "/allowed/pay?amount=5", '{"amount": 501}') == "403"
    assert agent.call("POST", "/allowed/pay?amount=5&amount=501") == "403"
    agent.end()


def test_tainted_content(env):
    """The write is allowed before the page of strangers was read, and denied after; another session's is not."""
    use(env)
    before, agent, other = env.last_sequence(), Agent(env), Agent(env)
    assert [agent.pay(5), agent.call("GET", "/allowed/own/a"), agent.pay(6)] == ["200"] * 3
    assert agent.call("GET", "/allowed/web/page") == "200"
    mark = env.servers.mark()
    assert agent.pay(7) == "403"
    expect.nothing_arrived(env.servers.since(mark))
    assert [other.pay(8), agent.call("GET", "/allowed/own/b")] == ["200", "200"]
    agent.end()
    other.end()
    decision = env.decisions(before, 7)[4]
    assert decision["rule"] == "steered" and "strangers" in decision["reason"], decision


def test_the_same_call_in_a_row(env):
    use(env)
    agent = Agent(env)
    assert [agent.call("GET", "/allowed/own/x") for _ in range(4)] == ["200", "200", "200", "403"]
    assert agent.call("GET", "/allowed/own/y") == "200", "another one"
    agent.end()


def test_a_rate(env):
    use(env)
    before, agent = env.last_sequence(), Agent(env)
    assert [agent.call("GET", "/allowed/slow") for _ in range(3)] == ["200", "200", "403"]
    assert agent.call("GET", "/allowed/own/z") == "200"
    agent.end()
    assert env.decisions(before, 4)[2]["code"] == "rate_limited"


def test_shipped_language(env):
    """The commands that need no daemon."""
    done = env.writ("policy", "schema")
    assert done.returncode == 0 and json.loads(done.stdout)["type"] == "object", done
    folder = env.directory / "cases"
    folder.mkdir(exist_ok=True)
    (folder / "policy.yaml").write_text(POLICY)
    case = "  - {name: %s, user: sarah, agent: tester, tool: pay, args: {amount: %s}, expect: %s}\n"
    (folder / "good.yaml").write_text("version: 1\ncases:\n" + case % ("a", 500, "allow") + case % ("b", 501, "deny"))
    (folder / "bad.yaml").write_text("version: 1\ncases:\n" + case % ("c", 501, "allow"))
    command = ["policy", "test", "--policy", folder / "policy.yaml"]
    assert env.writ(*command, folder / "good.yaml").returncode == 0
    done = env.writ(*command, folder / "good.yaml", folder / "bad.yaml")
    assert done.returncode == 1 and "FAIL  c" in done.stdout and "2 cases as expected, 1 not" in done.stdout, done
