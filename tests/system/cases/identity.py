"""Who a call is for: the same agent may do for one person what it may not do for another."""
import os

from lib import expect
from lib.case import each

NOBODY = 65534


@each(client=["requests", "curl", "node-https"], scheme=["http", "https"])
def test_same_agent_two_people(env, client, scheme):
    mark, before, url = env.servers.mark(), env.last_sequence(), env.url(scheme, "/finance/revenue")
    expect.denied(env.client(client, url, user="sarah")[0], scheme)
    expect.nothing_arrived(env.servers.since(mark))
    expect.allowed(env.client(client, url, user="cfo")[0])
    decisions = env.decisions(before, 2)
    denied = [d for d in decisions if d["verdict"] == "VERDICT_DENY"][0]
    allowed = [d for d in decisions if d["verdict"] == "VERDICT_ALLOW"][0]
    assert (denied["user"]["id"], denied["user"]["email"]) == ("sarah", "sarah@example.test"), denied
    assert denied["scopes"]["missing"] == ["finance.revenue.read"] and denied["code"] == "scope_missing", denied
    assert allowed["user"]["id"] == "cfo" and not allowed["scopes"].get("missing"), allowed
    assert {d["agent"]["id"] for d in decisions} == {"tester"} and denied["chain"] == ["tester"], decisions


def test_effective_is_the_intersection(env):
    before = env.last_sequence()
    env.client("requests", env.url("http", "/crm/contacts/7"), user="sarah")
    scopes = env.decisions(before, 1)[0]["scopes"]
    assert scopes["required"] == ["crm.contacts.read"], scopes
    assert set(scopes["effective"]) == {"test.use", "crm.contacts.read", "crm.contacts.write"}, scopes


def test_the_agent_bounds_the_person(env):
    """The CFO may; an agent without the scope may not for the CFO either."""
    expect.denied(env.client("requests", env.url("http", "/finance/revenue"), user="cfo", agent="other")[0], "http")


def test_root_without_user_is_the_directorys(env):
    """SO_PEERCRED and the directory, not the caller's word."""
    before = env.last_sequence()
    expect.allowed(env.client("requests", env.url("http", "/allowed/x"), user=None)[0])
    user = env.decisions(before, 1)[0]["user"]
    assert (user["id"], user["via"]) == ("admin", "unix-peer"), user


def test_another_account(env):
    before = env.last_sequence()
    done = as_nobody(env, "run", "--agent", "tester", "--mode", "enforce", "--", "/usr/bin/curl", "-q", "-sS", "-o", "/dev/null",
                     "-w", "%{http_code}", env.url("http", "/allowed/x"))
    assert (done.returncode, done.stdout) == (0, "200"), done
    user = env.decisions(before, 1)[0]["user"]
    assert (user["id"], user["via"]) == ("nora", "unix-peer"), user


def test_unknown_account(env):
    """Nobody is known behind it, so nothing is started: there is no anonymous session."""
    marker = env.directory / "started"
    done = env.writ("run", "--agent", "tester", "--", "/usr/bin/touch", marker, user=54321, group=54321, extra_groups=[], cwd="/")
    assert done.returncode != 0 and "54321" in done.stderr, done
    assert not marker.exists(), "the command ran"


def test_others_cannot_choose_a_user(env):
    done = as_nobody(env, "run", "--agent", "tester", "--user", "cfo", "--", "/bin/true")
    assert done.returncode != 0 and done.stderr.strip(), done


def test_others_see_their_own_sessions_only(env):
    env.client("requests", env.url("http", "/allowed/of-root"), user="sarah")
    as_nobody(env, "run", "--agent", "tester", "--mode", "enforce", "--", "/usr/bin/curl", "-q", "-sS", "-o", "/dev/null",
              env.url("http", "/allowed/of-nora"))
    env.calls(0, 2)
    seen = as_nobody(env, "calls", "--json").stdout
    assert "/allowed/of-nora" in seen and "/allowed/of-root" not in seen, seen
    root_call = [c["decision"]["decision"]["callId"] for c in env.all_calls() if "of-root" in str(c)][0]
    done = as_nobody(env, "trace", root_call)
    assert done.returncode != 0 and "of-root" not in done.stdout, done


def as_nobody(env, *arguments):
    return env.writ(*arguments, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
                    env={"PATH": os.environ["PATH"], "HOME": "/"})
