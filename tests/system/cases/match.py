"""Sessions that nobody asked for: units, cgroups, programs and variables that `match` rules bind (Must show 6), and who they are for."""
import contextlib
import os
import shutil
import time

from lib import expect
from lib.asking import PIPES, Asking
from lib.case import config, each
from lib.oidc import ISSUERS, Provider
from lib.processes import Processes
from lib.units import SLICE, Unit

NOBODY = 65534  # nora, in lib/config.py
LOGIN = f"/user.slice/user-{NOBODY}.slice"
RULES = (
    {"id": "unit-agent", "scopes": ["test.use"], "match": [{"unit": "sales-*.service", "tier": "api"}]},
    {"id": "login-first", "scopes": ["test.use"], "match": [{"unit": "login-*.scope", "person": ["login", "unit"]}]},
    {"id": "cgroup-agent", "scopes": ["test.use"], "match": [{"cgroup": f"/{SLICE}/pods/*", "user": "sarah"}]},
    {"id": "variable-agent", "scopes": ["test.use"],
     "match": [{"environment": "WRIT_TEST_AGENT=variable", "person": ["login", "account"]}]},
)
CONFIG = {"more_agents": RULES}


@contextlib.contextmanager
def unit_file(env, unit: str, user: str, mode: int = 0o644):
    """What the unit says of itself, below the root of this writd."""
    path = env.daemon.root / "etc/systemd/system" / unit
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[Service]\nExecStart=/bin/true\n\n[X-Writ]\nUser={user}\nTask=nightly report\n")
    path.chmod(mode)
    try:
        yield path
    finally:
        path.unlink()


def asking(env, unit: Unit, scheme="http", login=None) -> Asking:
    return Asking(unit.start(Asking.command(env, scheme), login, **PIPES))


def until(what, seconds: float = 5):
    deadline = time.monotonic() + seconds
    while not (answer := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


def session_of(env, agent: str) -> dict:
    return next((s for s in env.writ_json("status")[0].get("sessions", []) if s["agent"] == agent), {})


def known(env, agent: str) -> dict:
    return until(lambda: session_of(env, agent).get("user") and session_of(env, agent))


def denied(env, running: Asking, path: str) -> None:
    mark = env.servers.mark()
    assert running.ask(path) == "403"
    expect.nothing_arrived(env.servers.since(mark))


# --- What is bound ---

def test_a_unit_from_its_first_byte_on(env):
    before = env.last_sequence()
    with unit_file(env, "sales-1.service", "sarah"), Unit("sales-1.service") as unit:
        running = asking(env, unit)
        denied(env, running, "/denied/1")
        assert running.ask("/allowed/2") == "200"
        session = session_of(env, "unit-agent")
        assert session["tier"] == "api" and session["via"] == "unit" and session["strength"] == "asserted", session
        running.end()
    decisions = env.decisions(before, 2)
    assert {(d["user"]["id"], d["user"]["via"], d["user"]["strength"], d["task"]) for d in decisions} == \
        {("sarah", "unit", "asserted", "nightly report")}, decisions
    assert until(lambda: not session_of(env, "unit-agent")), "the session outlives its unit"


@each(scheme=["http", "https"])
def test_running_and_connected_before(env, scheme):
    """It was there before writd was, on a connection that it keeps."""
    with unit_file(env, "sales-2.service", "sarah"), Unit("sales-2.service") as unit:
        env.daemon.stop()
        running = asking(env, unit, scheme)
        assert running.ask("/denied/1") == "200", "not governed yet"
        env.daemon.start()
        mark = env.servers.mark()
        assert running.ask("/denied/2") == ("403" if scheme == "http" else "aborted")
        expect.nothing_arrived(env.servers.since(mark))
        assert running.ask("/allowed/3") == "200"
        running.end()


def test_a_connection_that_came_along(env):
    """A process that is moved into a bound cgroup brings connections that are older."""
    running = Asking.free(env, "http")
    assert running.ask("/denied/1") == "200"
    with Unit("pods/a") as pod:
        pod.take(running.process.pid)
        assert known(env, "cgroup-agent")
        time.sleep(0.1)
        denied(env, running, "/denied/2")
        assert running.ask("/allowed/3") == "200"
        running.end()


def test_a_cgroup_by_its_path(env):
    before = env.last_sequence()
    with Unit("pods/b/deeper") as pod:
        running = asking(env, pod)
        denied(env, running, "/denied/1")
        assert running.ask("/allowed/2") == "200"
        running.end()
    assert {(d["user"]["id"], d["user"]["via"]) for d in env.decisions(before, 2)} == {("sarah", "agents.yaml")}


def test_a_variable_and_the_login(env):
    before = env.last_sequence()
    with Unit(f"{LOGIN}/session-writ1.scope") as unit:
        environment = os.environ | {"WRIT_TEST_AGENT": "variable"}
        running = Asking(unit.start(Asking.command(env, "http"), NOBODY, env=environment, **PIPES))
        assert known(env, "variable-agent")
        denied(env, running, "/denied/1")
        assert running.ask("/allowed/2") == "200"
        session = session_of(env, "variable-agent")
        assert (session["user"], session["via"], session["strength"]) == ("nora", "login", "login"), session
        # What limits the unit limits it still: it was bound below its own cgroup.
        own = next(line for line in open(f"/proc/{running.process.pid}/cgroup") if line.startswith("0::"))[3:].strip()
        assert own.startswith(unit.path + "/writ-"), own
        running.end()
        assert until(lambda: not session_of(env, "variable-agent"))
    assert len(env.decisions(before, 2)) == 2


def test_another_variable_binds_nobody(env):
    process = Processes.start(Asking.command(env, "http"), env=os.environ | {"WRIT_TEST_AGENT": "variables"}, **PIPES)
    running = Asking(process)
    assert running.ask("/denied/1") == "200"
    running.end()


@config(more_agents=({"id": "program-agent", "scopes": ["test.use"],
                      "match": [{"executable": "/tmp/writ-test-agent-*/*", "person": ["account"]}]},))
@each(kind=["program", "script"])
def test_a_program(env, kind):
    folder = f"/tmp/writ-test-agent-{os.getpid()}"
    os.mkdir(folder)
    try:
        command = Asking.command(env, "http")
        if kind == "program":
            shutil.copy(os.path.realpath("/usr/bin/python3"), f"{folder}/agent")
            command[0] = f"{folder}/agent"
        else:
            with open(f"{folder}/agent", "w") as script:
                script.write("#!/usr/bin/python3\n" + command[2])
            os.chmod(f"{folder}/agent", 0o755)
            command = [f"{folder}/agent", *command[3:]]
        running = Asking(Processes.start(command, env=os.environ | {"PYTHONHOME": "/usr"}, **PIPES))
        session = known(env, "program-agent")
        assert (session["user"], session["via"], session["strength"]) == ("admin", "account", "unix_peer"), session
        denied(env, running, "/denied/1")
        assert running.ask("/allowed/2") == "200"
        running.end()
    finally:
        shutil.rmtree(folder)


@config(more_agents=({"id": "many", "scopes": ["test.use"],
                      "match": [{"environment": "WRIT_TEST_MANY", "person": ["account"]}]},))
def test_many_short_programs(env):
    """100 programs, each a session of its own; none gets its request out."""
    mark, before = env.servers.mark(), env.last_sequence()
    url = env.url("http", "/denied/x")
    script = f"for i in $(seq 100); do WRIT_TEST_MANY=1 /usr/bin/curl -q -sS -o /dev/null -w '%{{http_code}} ' {url}; done"
    done = env.finish(Processes.start(["/bin/sh", "-c", script], stdout=-1, stderr=-1, text=True), 60)
    assert done.stdout.split() == ["403"] * 100, done
    expect.nothing_arrived(env.servers.since(mark))
    assert len(env.decisions(before, 100)) == 100


@each(path=["user.slice/user-1.slice/user@1.service/app.slice/sales-9.service", "sales-9.service.d", "xsales-9.service",
            "docker-1.scope/sales-9.service"])
def test_nobody_takes_a_units_name(env, path):
    """A user's own manager, or a container, can call what it starts as it likes."""
    with Unit(path) as unit:
        running = asking(env, unit)
        assert running.ask("/denied/1") == "200"
        running.end()


# --- Who it is for ---

def test_nobody_is_known(env):
    """No source names anybody: every call is denied, and recorded as nobody's."""
    before = env.last_sequence()
    with Unit("sales-3.service") as unit:
        running = asking(env, unit)
        denied(env, running, "/allowed/1")
        with unit_file(env, "sales-3.service", "sarah"):
            assert known(env, "unit-agent")
            assert running.ask("/allowed/2") == "200"
        running.end()
    first, second = env.decisions(before, 2)
    assert first["verdict"] == "VERDICT_DENY" and not first["user"].get("id") and first["code"] == "no_identity", first
    assert first["agent"]["id"] == "unit-agent" and second["user"]["id"] == "sarah", second


@each(case=["no such user", "others can write it"])
def test_a_unit_that_names_nobody(env, case):
    user, mode = ("nobody-knows", 0o644) if case == "no such user" else ("sarah", 0o666)
    with unit_file(env, "sales-4.service", user, mode), Unit("sales-4.service") as unit:
        running = asking(env, unit)
        denied(env, running, "/allowed/1")
        expected = "nobody-knows" if case == "no such user" else "written by others"
        assert expected in env.daemon.tail(), env.daemon.tail()
        running.end()


@each(case=["real", "none", "forged", "another's slice"])
def test_the_declared_order(env, case):
    """login stands before unit in the rule. Whoever has no loginuid can write their own: it counts in its user's slice only."""
    slices = {"forged": "", "another's slice": "/user.slice/user-1.slice"}.get(case, LOGIN)
    name = f"login-writ{case[0]}.scope"
    with unit_file(env, name, "sarah"), Unit(f"{slices}/{name}" if slices else name) as unit:
        running = asking(env, unit, login=None if case == "none" else NOBODY)
        session = known(env, "login-first")
        expected = ("nora", "login") if case == "real" else ("sarah", "unit")
        assert (session["user"], session["strength"]) == (expected[0], "login" if case == "real" else "asserted"), session
        assert session["via"] == expected[1], session
        running.end()
    assert until(lambda: not session_of(env, "login-first"))


@contextlib.contextmanager
def orchestrator(env):
    """The provider, a writd that knows it, and a function that drops a token for a unit."""
    folder = env.daemon.root / "run/writ/tokens"
    with Provider(env.certs, env.directory) as idp:
        env.daemon.write({"issuers.yaml": ISSUERS.format(issuer=idp.issuer, ca=env.certs.ca)})
        env.daemon.stop()
        env.daemon.start()
        folder.mkdir(exist_ok=True, mode=0o700)

        def drop(unit: str, token: str) -> None:
            new = folder / f".{unit}"
            new.touch(mode=0o600)
            new.write_text(token + "\n")
            new.rename(folder / unit)
        yield idp, drop
        shutil.rmtree(folder)


def test_a_token_file(env):
    """It comes later than the unit, and counts from then on; with it goes the stronger word over the unit's."""
    with orchestrator(env) as (idp, drop), Unit("sales-5.service") as unit:
        before = env.last_sequence()
        running = asking(env, unit)
        denied(env, running, "/allowed/1")
        drop("sales-5.service", idp.token("sarah", "test.use"))
        session = known(env, "unit-agent")
        assert (session["user"], session["via"], session["strength"]) == ("sarah", "token-file", "token"), session
        assert running.ask("/allowed/2") == "200"
        denied(env, running, "/denied/3")
        running.end()
        assert env.decisions(before, 3)[1]["user"]["strength"] == "token"


def test_the_first_request_waits_for_the_keys(env):
    """The token has to be verified with keys that are still to be fetched: the call is held for that long, not denied."""
    with orchestrator(env) as (idp, drop):
        drop("sales-6.service", idp.token("sarah", "test.use"))
        with Unit("sales-6.service") as unit:
            running = asking(env, unit)
            assert running.ask("/allowed/1") == "200"
            running.end()


@each(case=["expired", "forged", "readable"])
def test_a_bad_token_is_not_replaced_by_something_weaker(env, case):
    with orchestrator(env) as (idp, drop), unit_file(env, "sales-7.service", "sarah"):
        token = idp.token("sarah", "test.use")
        if case == "expired":
            token = idp.forge(token, claims={"exp": int(time.time()) - 600})
        elif case == "forged":
            token = token[:-8] + ("AAAAAAAA" if not token.endswith("AAAAAAAA") else "BBBBBBBB")
        drop("sales-7.service", token)
        if case == "readable":
            (env.daemon.root / "run/writ/tokens/sales-7.service").chmod(0o644)
        with Unit("sales-7.service") as unit:
            running = asking(env, unit)
            denied(env, running, "/allowed/1")
            assert not session_of(env, "unit-agent").get("user")
            told = env.daemon.tail(1 << 20)
            assert "nobody is known behind it" in told and token not in told, told
            running.end()


def test_a_token_that_comes_later_than_the_unit(env):
    """It stands before the unit's word in the rule, so it counts from then on."""
    with orchestrator(env) as (idp, drop), unit_file(env, "sales-13.service", "cfo"), Unit("sales-13.service") as unit:
        running = asking(env, unit)
        assert known(env, "unit-agent")["user"] == "cfo"
        assert running.ask("/allowed/1") == "200"
        drop("sales-13.service", idp.token("sarah", "test.use"))
        assert until(lambda: session_of(env, "unit-agent")["strength"] == "token")
        assert running.ask("/allowed/2") == "200"
        running.end()


def test_a_token_that_runs_out(env):
    """The writ ends with it; a new token goes on, the old one does not."""
    with orchestrator(env) as (idp, drop), Unit("sales-8.service") as unit:
        short = idp.forge(idp.token("sarah", "test.use"), claims={"exp": int(time.time()) + 4})
        drop("sales-8.service", short)
        running = asking(env, unit)
        assert running.ask("/allowed/1") == "200"
        first = session_of(env, "unit-agent")["writId"]
        time.sleep(5)
        denied(env, running, "/allowed/2")
        drop("sales-8.service", idp.token("sarah", "test.use"))
        assert until(lambda: session_of(env, "unit-agent")["writId"] != first)
        assert running.ask("/allowed/3") == "200"
        running.end()


def test_revoked_stays_revoked(env):
    with unit_file(env, "sales-10.service", "sarah"), Unit("sales-10.service") as unit:
        running = asking(env, unit)
        assert running.ask("/allowed/1") == "200"
        assert env.writ("revoke", session_of(env, "unit-agent")["writId"]).returncode == 0
        denied(env, running, "/allowed/2")
        time.sleep(2.2)
        denied(env, running, "/allowed/3")
        running.end()


# --- Restarts ---

@each(how=["stop", "kill9"])
def test_writd_restarted(env, how):
    with unit_file(env, "sales-11.service", "sarah"), Unit("sales-11.service") as unit:
        running = asking(env, unit)
        assert running.ask("/allowed/1") == "200"
        writ = session_of(env, "unit-agent")["writId"]
        getattr(env.daemon, how)()
        env.daemon.start()
        assert session_of(env, "unit-agent")["writId"] == writ, "another writ than before"
        denied(env, running, "/denied/2")
        running.end()
    assert until(lambda: not session_of(env, "unit-agent"))


def test_the_unit_restarted(env):
    with unit_file(env, "sales-12.service", "sarah"):
        for _ in range(2):
            with Unit("sales-12.service") as unit:
                running = asking(env, unit)
                assert running.ask("/allowed/1") == "200"
                denied(env, running, "/denied/2")
                running.end()
            assert until(lambda: not session_of(env, "unit-agent"))


# --- Rules ---

@each(rule=["{}", "{executable: /usr/bin/*, user: sarah}", "{unit: a.timer}", "{unit: a.service, user: nobody-knows}",
            "{cgroup: relative}", "{unit: a.service, person: [guess]}", "{units: a.service}"])
def test_rules_that_are_refused(env, rule):
    daemon = env.new_daemon()
    text = (daemon.config / "agents.yaml").read_text() + "  - id: bad\n    scopes: []\n    match: [" + rule + "]\n"
    daemon.write({"agents.yaml": text})
    done = env.writd(daemon)
    assert done.returncode != 0 and f"agents.yaml:{text.count(chr(10))}:" in done.stderr, done
    shutil.rmtree(daemon.root)
