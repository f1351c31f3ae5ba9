"""Must show 5: two tenants with the same names; nothing of one is visible or usable in the other, not even for its administrator."""
import os

from lib import expect
from lib.case import config, each

ACME_ADMIN, ACME_USER, OTHER_ADMIN = 61001, 61002, 61003
PEOPLE = tuple(
    {"id": user, "tenant": tenant, "scopes": scopes, "unix": [str(uid)], **more}
    for tenant, user, scopes, uid, more in (
        ("acme", "alice", ["test.use", "crm.*"], ACME_USER, {}),
        ("acme", "boss", ["test.use"], ACME_ADMIN, {"admin": True}),
        ("globex", "alice", ["test.use"], 61004, {"limits": {"calls_per_minute": 2}}),
        ("globex", "boss", ["test.use"], OTHER_ADMIN, {"admin": True})))
AGENTS = ({"id": "helper", "tenant": "acme", "scopes": ["test.use", "crm.*"]},
          {"id": "helper", "tenant": "globex", "scopes": ["test.use"]},
          {"id": "acme-only", "tenant": "acme", "scopes": ["test.use"]})
CONFIG = {"people": PEOPLE, "more_agents": AGENTS}


def run_as(env, uid, *arguments):
    return env.writ(*arguments, user=uid, group=uid, extra_groups=[], cwd="/", env={"PATH": os.environ["PATH"], "HOME": "/"})


def call(env, tenant, url, user="alice"):
    return env.writ("run", "--agent", "helper", "--user", user, "--tenant", tenant, "--", "/usr/bin/curl", "-q", "-sS", "-o",
                    "/dev/null", "-w", "%{http_code}", url)


@config(**CONFIG)
def test_each_has_its_own_scopes(env):
    mark = env.servers.mark()
    url = env.url("http", "/crm/contacts/7")
    assert call(env, "globex", url).stdout == "403"
    expect.nothing_arrived(env.servers.since(mark))
    assert call(env, "acme", url).stdout == "200"
    tenants = [(d["tenant"], d["user"]["id"], d["verdict"]) for d in env.decisions(0, 2)[-2:]]
    assert tenants == [("globex", "alice", "VERDICT_DENY"), ("acme", "alice", "VERDICT_ALLOW")], tenants


@config(**CONFIG)
def test_root_must_say_which(env):
    done = env.writ("run", "--agent", "helper", "--user", "alice", "--", "/bin/true")
    assert done.returncode != 0 and "acme" in done.stderr and "globex" in done.stderr and "--tenant" in done.stderr, done


@config(**CONFIG)
def test_an_agent_of_another_tenant(env):
    done = env.writ("run", "--agent", "acme-only", "--user", "alice", "--tenant", "globex", "--", "/bin/true")
    assert done.returncode != 0 and "acme-only" in done.stderr, done


@config(**CONFIG)
def test_limits_are_apart(env):
    """Alice of globex has two calls a minute; what she uses is not taken from Alice of acme."""
    url = env.url("http", "/allowed/x")
    assert [call(env, "globex", url).stdout for _ in range(3)] == ["200", "200", "403"]
    assert [call(env, "acme", url).stdout for _ in range(4)] == ["200"] * 4


@config(**CONFIG)
def test_records_are_apart(env):
    for tenant in ("acme", "globex"):
        assert call(env, tenant, env.url("http", f"/allowed/of-{tenant}"), user="boss").stdout == "200"
    env.calls(0, 2)
    ids = {path: c["decision"]["decision"]["callId"] for c in env.all_calls()
           for path in [c["decision"]["decision"]["request"]["path"]]}
    seen = run_as(env, ACME_USER, "calls", "--json").stdout
    assert "of-acme" not in seen and "of-globex" not in seen, "who is no administrator sees only what is their own"
    for uid, mine, theirs in ((ACME_ADMIN, "acme", "globex"), (OTHER_ADMIN, "globex", "acme")):
        seen = run_as(env, uid, "calls", "--json").stdout
        assert f"/allowed/of-{mine}" in seen and f"of-{theirs}" not in seen, (uid, seen)
        assert run_as(env, uid, "trace", ids[f"/allowed/of-{mine}"]).returncode == 0
        done = run_as(env, uid, "trace", ids[f"/allowed/of-{theirs}"])
        assert done.returncode != 0 and theirs not in done.stdout, done


@config(**CONFIG)
def test_an_administrator_stays_in_its_tenant(env):
    """It ends and sees the writs of its own users, and nothing of the other's."""
    writs = {}
    for tenant in ("acme", "globex"):
        done = env.writ("grant", "--agent", "helper", "--user", "alice", "--tenant", tenant)
        assert done.returncode == 0, done
        writs[tenant] = done.stdout.strip()
    listed = run_as(env, ACME_ADMIN, "list").stdout
    assert writs["acme"] in listed and writs["globex"] not in listed, listed
    for command in (["show", writs["globex"]], ["revoke", writs["globex"]], ["run", "--writ", writs["globex"], "--", "/bin/true"]):
        done = run_as(env, ACME_ADMIN, *command)
        assert done.returncode != 0 and "no writ" in done.stderr, done
    assert env.writ_json("show", writs["globex"])[0]["state"] == "active"
    assert run_as(env, ACME_ADMIN, "revoke", writs["acme"]).returncode == 0
    assert env.writ_json("show", writs["acme"])[0]["state"] == "revoked"


@config(**CONFIG)
@each(command=["list", "grant", "run"])
def test_naming_the_other_tenant_is_denied(env, command):
    line = {"list": ["list", "--tenant", "globex"], "grant": ["grant", "--agent", "helper", "--tenant", "globex"],
            "run": ["run", "--agent", "helper", "--tenant", "globex", "--", "/bin/true"]}[command]
    done = run_as(env, ACME_ADMIN, *line)
    assert done.returncode != 0 and "globex" in done.stderr, done
    other = run_as(env, ACME_ADMIN, *[word.replace("globex", "no-such-tenant") for word in line])
    assert other.stderr.replace("no-such-tenant", "globex") == done.stderr, "the answer tells which tenants exist"


@config(**CONFIG)
def test_a_plain_user_ends_nobody_elses(env):
    writ = env.writ("grant", "--agent", "helper", "--user", "boss", "--tenant", "acme").stdout.strip()
    assert run_as(env, ACME_USER, "revoke", writ).returncode != 0
    assert env.writ_json("show", writ)[0]["state"] == "active"
