"""`writ decide`: callers that ask before they act get the decision, the limits and the record that their live calls get."""
import json
import os
import subprocess

import decision_point
from lib.case import config
from lib.processes import Processes

AWS_KEY = "AKIA" + "Q7ZX2MWPLB4TNE5D"
SARAH = ("--user", "sarah")
NOBODY = 65534
DENY, INVALID, DENIED, NOT_FOUND = 6, 2, 4, 5  # userspace/cli/exit_code.h
POLICY = """\
version: 1
tools:
  - {name: pay, host: "*", method: POST, path: "/allowed/pay", scopes: [test.use], effect: write}
  - {name: own.get, host: "*", method: GET, path: "/allowed/own/{id}", scopes: [test.use], effect: read}
  - {name: slow.get, host: "*", method: GET, path: /allowed/slow, scopes: [test.use], effect: read}
  - {name: books.get, host: "*", method: GET, path: /books, scopes: [finance.read], effect: read}
rules:
  - {id: little, effect: allow, tools: [pay], args: {amount: {ge: 0, le: 500}}}
  - {id: reads, effect: allow, tools: ["*.get"]}
  - {id: no-secrets, effect: deny, findings: [secret]}
  - {id: look-first, effect: deny, tools: [pay], requires_before: [own.get]}
settings:
  - {tools: [slow.get], rate_per_minute: 2}
"""
CONFIG = {"agents": {"three": {"max_tool_calls": 3}}}
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
# One session: each line is the path of a live call, or the JSON of a call to ask about.
SCRIPT = ("import http.client,json,subprocess,sys\n"
          "port,command=int(sys.argv[1]),sys.argv[2:]; print('ready',flush=True)\n"
          "for line in sys.stdin:\n"
          "  if line.startswith('/'):\n"
          "    c=http.client.HTTPConnection('localhost',port); c.request('GET',line.strip())\n"
          "    print(c.getresponse().status,flush=True); c.close(); continue\n"
          "  asked=json.loads(line)\n"
          "  p=subprocess.run([*command,*asked.pop('arguments',[])],input=json.dumps(asked),capture_output=True,text=True)\n"
          "  print(json.dumps([p.returncode,json.loads(p.stdout or '{}'),p.stderr]),flush=True)\n")


def use(env) -> None:
    env.daemon.write({"policies/test.yaml": POLICY})
    assert env.writ("reload").returncode == 0


def ask(env, call, /, *arguments, **options):
    """(exit code, what was answered, what was told)"""
    process = env.start_writ("decide", *arguments, **PIPES, **options)
    out, err = process.communicate(call if isinstance(call, str) else json.dumps(call), timeout=15)
    Processes.done(process)
    return process.returncode, json.loads(out or "{}"), err


def grant(env, /, *person, **options) -> str:
    done = env.writ("grant", "--agent", "tester", *person, **options)
    assert done.returncode == 0, done
    return done.stdout.strip()


def as_nobody(env) -> dict:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/", "env": {"PATH": os.environ["PATH"], "HOME": "/"}}


class Agent:
    def __init__(self, env, agent="tester"):
        port = env.url("http", "/").split(":")[2].split("/")[0]
        self.process = env.start_writ("run", "--agent", agent, "--user", "sarah", "--", "/usr/bin/python3", "-c", SCRIPT, port,
                                      env.binaries / "writ", "--root", env.daemon.root, "decide",
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.process.stdout.readline() == "ready\n"

    def _line(self, text: str) -> str:
        self.process.stdin.write(text + "\n")
        return self.process.stdout.readline().strip()

    def get(self, path: str) -> str:
        return self._line(path)

    def ask(self, **call):
        return json.loads(self._line(json.dumps(call)))

    def code(self, **call):
        exit_code, answer, _ = self.ask(**call)
        assert (exit_code == DENY) == (answer["verdict"] == "VERDICT_DENY"), (exit_code, answer)
        return answer["code"]

    def end(self) -> None:
        self.process.communicate(timeout=15)
        Processes.done(self.process)


def test_inside_a_session(env):
    """It asks for itself; its live calls and what it asks are one history, and one record."""
    use(env)
    before, agent = env.last_sequence(), Agent(env)
    pay = {"tool": "pay", "args": {"amount": 5}}
    exit_code, answer, _ = agent.ask(**pay)
    assert (exit_code, answer["rule"]) == (DENY, "look-first"), answer
    assert agent.get("/allowed/own/7") == "200"
    exit_code, answer, _ = agent.ask(**pay)
    assert (exit_code, answer["verdict"], answer["rule"], answer["tool"]) == (0, "VERDICT_ALLOW", "little", "pay"), answer
    assert [agent.code(tool="pay", args={"amount": 501}), agent.code(tool="books.get"), agent.code(tool="nothing")] == \
        ["no_rule", "scope_missing", "tool_unknown"]
    exit_code, answer, _ = agent.ask(tool="pay", args={"amount": 5, "note": AWS_KEY})
    assert exit_code == DENY and answer["rule"] == "no-secrets" and answer["findings"][0]["category"] == "secret", answer
    assert AWS_KEY not in json.dumps(answer)
    exit_code, answer, _ = agent.ask(request={"method": "GET", "host": "crm.test", "path": "/allowed/own/8", "query": "k=" + AWS_KEY})
    assert (exit_code, answer["tool"], answer["rule"]) == (DENY, "own.get", "no-secrets"), answer
    exit_code, _, told = agent.ask(tool="pay", arguments=["--session", "another"])
    assert exit_code == DENIED and "for itself only" in told, told
    agent.end()
    found = env.decisions(before, 8)
    assert [d["request"]["protocol"] for d in found] == ["decide", "http/1.1"] + ["decide"] * 6, found
    assert len({(d["sessionId"], d["user"]["id"], d["agent"]["id"]) for d in found}) == 1, found
    assert all("writ" in d["process"]["exe"] for d in found if d["request"]["protocol"] == "decide")


def test_limits_are_shared_with_live_calls(env):
    use(env)
    agent, mark = Agent(env, "three"), env.servers.mark()
    assert [agent.get("/allowed/own/1"), agent.code(tool="own.get"), agent.code(tool="books.get"), agent.get("/allowed/own/2"),
            agent.code(tool="own.get"), agent.get("/allowed/own/3")] == \
        ["200", "allowed", "scope_missing", "200", "limit_tool_calls", "403"]
    agent.end()
    assert [r.path for r in env.servers.since(mark).requests] == ["/allowed/own/1", "/allowed/own/2"]


def test_a_rate_is_shared_with_live_calls(env):
    use(env)
    agent = Agent(env)
    assert [agent.code(tool="slow.get"), agent.get("/allowed/slow"), agent.code(tool="slow.get"), agent.get("/allowed/slow")] == \
        ["allowed", "200", "rate_limited", "403"]
    agent.end()


def test_by_writ_from_outside(env):
    """No session: what was asked under a writ is its history, until it is revoked."""
    use(env)
    before, writ, other = env.last_sequence(), grant(env, *SARAH), grant(env, *SARAH)
    look, pay = {"tool": "own.get", "captures": {"id": "7"}}, {"tool": "pay", "args": {"amount": 5}}
    assert [ask(env, call, "--writ", writ)[0] for call in (pay, look, pay)] == [DENY, 0, 0]
    assert ask(env, pay, "--writ", other)[0] == DENY, "another writ has a history of its own"
    assert env.writ("revoke", writ).returncode == 0
    exit_code, answer, _ = ask(env, pay, "--writ", writ)
    assert (exit_code, answer["code"]) == (DENY, "writ_revoked"), answer
    found = env.decisions(before, 5)
    assert [d["writId"] for d in found] == [writ] * 3 + [other, writ] and {d["user"]["id"] for d in found} == {"sarah"}, found


def test_another_persons_writ(env):
    """One's own may be asked under; another's is not even there, nor is another's session."""
    use(env)
    hers, agent = grant(env, *SARAH), Agent(env)
    session = env.writ_json("status")[0]["sessions"][0]["sessionId"]
    nobody = as_nobody(env)
    count = len(env.all_calls())
    exit_code, answer, told = ask(env, {"tool": "own.get"}, "--writ", hers, **nobody)
    assert exit_code == NOT_FOUND and "no writ" in told and not answer, told
    exit_code, answer, told = ask(env, {"tool": "own.get"}, "--session", session, **nobody)
    assert exit_code == NOT_FOUND and "no session" in told and not answer, told
    assert len(env.all_calls()) == count, "something was decided"
    own = grant(env, **nobody)
    exit_code, answer, _ = ask(env, {"tool": "own.get"}, "--writ", own, **nobody)
    assert (exit_code, answer["writId"]) == (0, own), answer
    exit_code, answer, _ = ask(env, {"tool": "own.get"}, "--session", session)
    assert (exit_code, answer["sessionId"]) == (0, session), answer
    assert agent.code(tool="pay", args={"amount": 5}) == "allowed", "what root asked under the session is its history"
    agent.end()


def test_what_is_no_question(env):
    writ = grant(env, *SARAH)
    for call, told in (("no JSON", "one JSON object"), ('{"tool": "pay"} {}', "one JSON object"), ({"user": "cfo"}, "cannot be read"),
                       ({}, "write one of them"), ('{"tool": "pay", "tool": "own.get"}', "twice"),
                       ({"tool": "pay", "args": "x" * (1 << 20)}, "bytes")):
        exit_code, answer, said = ask(env, call, "--writ", writ)
        assert exit_code == INVALID and told in said and not answer, (exit_code, said)
    exit_code, _, said = ask(env, {"tool": "pay"})
    assert exit_code == INVALID and "--writ" in said, said


def test_in_the_record(env):
    use(env)
    before, writ = env.last_sequence(), grant(env, *SARAH)
    call_id = ask(env, {"tool": "own.get", "captures": {"id": "7"}, "args": {"fields": "name"}}, "--writ", writ)[1]["callId"]
    call = env.calls(before, 1)[0]
    assert call["decision"]["decision"]["callId"] == call_id and call["decision"]["decision"]["request"]["digest"], call
    assert call["outcome"]["outcome"]["result"] == "incomplete" and "acts itself" in call["outcome"]["outcome"]["detail"], call
    text = env.writ("trace", call_id).stdout
    for word in ("sarah", "own.get", "id=7", "decide", "rule reads", "acts itself", "yes, all"):
        assert word in text, f"{word!r} is not in\n{text}"
    assert env.writ_json("audit", "verify")[0]["intact"]


@config(writ=decision_point.settings())
def test_the_decision_point_is_asked(env):
    """It narrows what rules let through, and no error of it allows."""
    before, writ = env.last_sequence(), grant(env, *SARAH)
    allowed = {"request": {"method": "GET", "host": "localhost", "path": "/allowed/yes"}, "args": {"amount": 5}}
    denied = {"request": {"method": "GET", "host": "localhost", "path": "/allowed/no"}}
    with decision_point.point() as opa:
        assert ask(env, allowed, "--writ", writ)[0] == 0
        exit_code, answer, _ = ask(env, denied, "--writ", writ)
        assert (exit_code, answer["code"], answer["reason"]) == (DENY, "pdp_denied", "the ledger is closed"), answer
        assert ask(env, {"tool": "test.denied"}, "--writ", writ)[0] == DENY
        assert [(g["request"]["path"], g["tool"]["args"]) for g in opa.asked] == [("/allowed/yes", {"amount": 5}), ("/allowed/no", None)]
        assert opa.asked[0]["user"]["id"] == "sarah" and opa.asked[0]["request"]["protocol"] == "decide", opa.asked
    assert ask(env, allowed, "--writ", writ)[1]["code"] == "pdp_unreachable"
    assert [d["code"] for d in env.decisions(before, 4)] == ["allowed", "pdp_denied", "scope_missing", "pdp_unreachable"]
