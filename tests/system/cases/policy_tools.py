"""`writ policy explain` and `writ policy replay` over what a real agent did."""
import json
import time

from cases.rules import Agent
from lib import expect

POLICY = """\
version: 1
tools:
  - {name: pay, host: "*", method: POST, path: /allowed/pay, scopes: [test.use], effect: write}
  - {name: web.get, host: "*", method: GET, path: "/allowed/web/**", scopes: [test.use], effect: read, untrusted: true}
  - {name: own.get, host: "*", method: GET, path: "/allowed/own/**", scopes: [test.use], effect: read}
  - {name: closed, host: "*", method: GET, path: "/denied/**", scopes: [test.forbidden], effect: read}
rules:
  - {id: little, effect: allow, tools: [pay], args: {amount: {ge: 0, le: 500}}}
  - {id: reads, effect: allow, tools: [closed, "*.get"]}
  - {id: steered, effect: deny, tools: [pay], after: {untrusted: true}}
  - {id: circles, effect: deny, tools: [own.get], repeat: {more_than: 2}}
  - {id: often, effect: flag, tools: [own.get], tool_calls: {ge: 3}}
"""


def use(env, text) -> None:
    env.daemon.write({"policies/test.yaml": text})
    assert env.writ("reload").returncode == 0


def session(env) -> str:
    """Plays one; returns its id, once every call has its outcome."""
    before, agent = env.last_sequence(), Agent(env)
    for path in ["/allowed/own/x"] * 3 + ["/allowed/own/x?page=2", "/allowed/own/y", "/denied/z"]:
        agent.call("GET", path)
    assert [agent.pay(5), agent.pay(501), agent.call("GET", "/allowed/web/a"), agent.pay(6)] == ["200", "403", "200", "403"]
    assert agent.call("GET", "/nothing/here") == "403"
    agent.end()
    decisions = env.decisions(before, 11)
    verdicts = [(d["rule"], d["verdict"].removeprefix("VERDICT_").lower()) for d in decisions]
    assert verdicts == [("reads", "allow")] * 2 + [("circles", "deny"), ("reads", "allow"), ("often", "flag"),
                        ("built-in:scope_missing", "deny"), ("little", "allow"), ("built-in:no_rule", "deny"),
                        ("reads", "allow"), ("steered", "deny"), ("built-in:tool_unknown", "deny")], verdicts
    return decisions[0]["sessionId"]


def replayed(env, name: str, text: str, *arguments) -> dict:
    file = env.directory / f"{name}.yaml"
    file.write_text(text)
    done = env.writ("policy", "replay", "--json", file, *arguments)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def changes(replay: dict) -> dict:
    """(change, tool, by) → calls."""
    return {(g["change"], g["tool"], g["by"]): g["calls"] for g in replay["groups"]}


def test_the_policy_that_decided_changes_nothing(env):
    use(env, POLICY)
    its = session(env)
    replay = replayed(env, "same", POLICY, "--session", its)
    # One payment was allowed by its amount and one denied: that is not on record. The one after the page is denied in any case.
    assert changes(replay) == {("undecidable", "pay", "args"): 2}, replay
    assert replay["calls"] == 11 and replay["unchanged"] == 9, replay
    done = env.writ("policy", "replay", "--session", its, "--fail-on-change", env.directory / "same.yaml")
    assert done.returncode == 1 and "2 undecidable" in done.stdout, done


def test_another_policy(env):
    """One tool more is denied, another one less, and the counts say so."""
    use(env, POLICY)
    its = session(env)
    text = POLICY.replace("scopes: [test.forbidden]", "scopes: [test.use]").replace(
        "rules:\n", "rules:\n  - {id: no-web, effect: deny, tools: [web.get]}\n").replace(
        "args: {amount: {ge: 0, le: 500}}", "roles: [payer]")
    replay = replayed(env, "other", text, "--session", its)
    assert changes(replay) == {("newlyDenied", "web.get", "no-web"): 1, ("newlyDenied", "pay", "no_rule"): 1,
                               ("newlyAllowed", "closed", "reads"): 1}, replay
    assert replay["unchanged"] == 8, replay
    example = next(g["call"] for g in replay["groups"] if g["by"] == "no-web")
    done = env.writ("policy", "explain", example, "--policy", env.directory / "other.yaml")
    assert done.returncode == 0, done
    for words in ("allowed by rule reads", "not the one that decided then", "Denied by rule no-web", "rule no-web holds"):
        assert words in done.stdout, f"no {words!r} in:\n{done.stdout}"


def test_since(env):
    use(env, POLICY)
    session(env)
    time.sleep(1.1)
    its = session(env)
    every = replayed(env, "same", POLICY)
    last = replayed(env, "same", POLICY, "--since", "1s", "--session", its)
    assert every["calls"] >= 22 and last["calls"] <= 11, (every, last)


def test_why_a_call_was_denied(env):
    """In the history of its session, under the policy of the host."""
    use(env, POLICY)
    its = session(env)
    calls = [c["decision"]["decision"] for c in env.writ_json("calls", "--session", its)]
    steered = next(d for d in calls if d["rule"] == "steered")
    done = env.writ("policy", "explain", steered["callId"])
    assert done.returncode == 0, done
    for words in ("denied by rule steered (rule_denied)", "Denied by rule steered", "tools yes, after yes"):
        assert words in done.stdout, f"no {words!r} in:\n{done.stdout}"
    assert "not the one" not in done.stdout and "Not certain" not in done.stdout, done.stdout
    circles = env.writ_json("policy", "explain", next(d for d in calls if d["rule"] == "circles")["callId"])[0]
    assert circles["rule"] == "circles" and circles["recorded"]["rule"] == "circles" and not circles["undecided"], circles
    scope = env.writ_json("policy", "explain", next(d for d in calls if d["code"] == "scope_missing")["callId"])[0]
    assert scope["missing"] == ["test.forbidden"] and "scope test.forbidden is missing" in scope["changes"], scope
    paid = env.writ_json("policy", "explain", next(d for d in calls if d["rule"] == "little")["callId"])[0]
    assert paid["undecided"] == ["args"] and paid["recorded"]["verdict"] == "allow", paid


def test_what_would_be_decided(env):
    """Asked beforehand, it is what then happens."""
    use(env, POLICY)
    agent = Agent(env)
    for amount, status, code in ((500, "200", 0), (501, "403", 1)):
        asked = env.writ("policy", "explain", "--user", "sarah", "--agent", "tester", "--tool", "pay", "--args",
                         json.dumps({"amount": amount}))
        assert asked.returncode == code and ("Denied" in asked.stdout) == bool(code), asked
        mark = env.servers.mark()
        assert agent.pay(amount) == status
        if code:
            expect.nothing_arrived(env.servers.since(mark))
    agent.end()
