"""Must show 7: writd ends in the middle; writs, revocations and sessions are as before."""
import time

from lib import expect
from lib.asking import Asking
from lib.case import config, each

AGENT = ({"id": "counted", "scopes": ["test.use"], "limits": {"max_tool_calls": 4}},
         {"id": "child", "scopes": ["test.use"]})

def restart(env, how: str) -> None:
    env.daemon.kill9() if how == "kill9" else env.daemon.stop()
    env.daemon.start()


def grant(env, *arguments) -> str:
    done = env.writ("grant", "--user", "sarah", *arguments)
    assert done.returncode == 0, done
    return done.stdout.strip()


@config(more_agents=AGENT)
@each(how=["stop", "kill9"])
def test_writs_and_revocations(env, how):
    kept, revoked = grant(env, "--agent", "tester", "--task", "stays"), grant(env, "--agent", "tester")
    assert env.writ("revoke", revoked).returncode == 0
    before = {writ: env.writ_json("show", writ)[0] for writ in (kept, revoked)}
    restart(env, how)
    assert {writ: env.writ_json("show", writ)[0] for writ in (kept, revoked)} == before
    url = env.url("http", "/allowed/x")
    assert env.writ("run", "--writ", kept, "--", "/usr/bin/curl", "-q", "-sSf", "-o", "/dev/null", url).returncode == 0
    assert env.writ("run", "--writ", revoked, "--", "/bin/true").returncode != 0


@config(more_agents=AGENT)
@each(how=["stop", "kill9"], scheme=["http", "https"])
def test_sessions_go_on(env, how, scheme):
    """The same process, on the connection it had: governed again, with the calls it has used."""
    agent = Asking.governed(env, scheme, "--agent", "counted", "--user", "sarah")
    assert [agent.ask("/allowed/1"), agent.ask("/allowed/2")] == ["200", "200"]
    session = env.writ_json("status")[0]["sessions"][0]
    restart(env, how)
    again = env.writ_json("status")[0]["sessions"]
    assert [s["sessionId"] for s in again] == [session["sessionId"]], again
    assert (again[0]["user"], again[0]["agent"], again[0]["writId"]) == ("sarah", "counted", session["writId"]), again
    mark = env.servers.mark()
    assert agent.ask("/denied/3") == ("403" if scheme == "http" else "aborted")
    expect.nothing_arrived(env.servers.since(mark))
    assert [agent.ask("/allowed/4"), agent.ask("/allowed/5")] == ["200", "200"]
    assert agent.ask("/allowed/6") == ("403" if scheme == "http" else "aborted"), "max_tool_calls counts on"
    agent.end()
    assert b"writd was not there for a while" in env.audit_bytes(), "the gap is not in the record"
    assert env.writ_json("audit", "verify")[0]["intact"]


@config(more_agents=AGENT)
def test_revoked_after_the_restart(env):
    writ = grant(env, "--agent", "tester")
    agent = Asking.governed(env, "http", "--writ", writ)
    assert agent.ask("/allowed/1") == "200"
    restart(env, "kill9")
    assert env.writ("revoke", writ).returncode == 0
    mark = env.servers.mark()
    assert agent.ask("/allowed/2") == "403"
    expect.nothing_arrived(env.servers.since(mark))
    agent.end()


@config(more_agents=AGENT)
def test_sessions_that_ended_meanwhile(env):
    agent = Asking.governed(env, "http", "--agent", "counted", "--user", "sarah")
    assert agent.ask("/allowed/1") == "200"
    env.daemon.stop()
    agent.end()  # `writ run` says on stderr that nobody takes the exit code
    env.daemon.start()
    assert not env.writ_json("status")[0].get("sessions"), env.writ_json("status")
    assert not [w for w in env.writ_json("list") if w["agent"]["id"] == "counted"], "its own writ is over with it"


@each(damage=["garbage", "cut"])
def test_damaged_state_is_told(env, damage):
    """It does not start on a state that it cannot trust; the message says what to do."""
    grant(env, "--agent", "tester")
    env.daemon.stop()
    path = env.daemon.state / "writs.db"
    for extra in env.daemon.state.glob("writs.db-*"):
        extra.unlink()
    content = path.read_bytes()
    path.write_bytes(b"not a database at all" * 300 if damage == "garbage" else content[: len(content) // 2])
    done = env.writd(env.daemon)
    assert done.returncode != 0 and "writs.db" in done.stderr, done
    path.unlink()
    env.daemon.start()
    time.sleep(0.1)
    assert env.writ_json("list") == []
