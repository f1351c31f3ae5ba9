"""What the files say comes into force while calls run: all of it or nothing, from the next call on."""
import signal
import threading
import time

from lib import expect
from lib.asking import Asking
from lib.config import Config


def policy(allow_denied: bool) -> str:
    """The cases' policy, with the tool that nobody may call opened or not."""
    text = Config().policy()
    closed = next(line for line in text.splitlines() if "test.denied" in line)
    return text.replace(closed, closed.replace("test.forbidden", "test.use")) if allow_denied else text


def write(env, text: str) -> None:
    env.daemon.write({"policies/test.yaml": text})


def version(env) -> str:
    return env.writ_json("status")[0]["policyVersion"]


def changed(env, before: str, back: bool = False, seconds: float = 5) -> bool:
    """Whether another version comes into force, or (`back`) that one again."""
    deadline = time.monotonic() + seconds
    while (version(env) == before) != back and time.monotonic() < deadline:
        time.sleep(0.05)
    return (version(env) == before) == back


def governed(env, scheme="http", user="sarah"):
    return Asking.governed(env, scheme, "--agent", "tester", "--user", user)


def test_by_command(env):
    running = governed(env)
    assert running.ask("/denied/1") == "403"
    write(env, policy(True))
    done = env.writ("reload")
    assert done.returncode == 0 and version(env) in done.stdout, done
    assert running.ask("/denied/2") == "200"
    write(env, policy(False))
    assert env.writ("reload").returncode == 0
    mark = env.servers.mark()
    assert running.ask("/denied/3") == "403"
    expect.nothing_arrived(env.servers.since(mark))
    running.end()


def test_by_signal(env):
    before = version(env)
    write(env, policy(True))
    env.daemon.process.send_signal(signal.SIGHUP)
    assert changed(env, before)
    write(env, policy(False))
    env.daemon.process.send_signal(signal.SIGHUP)
    assert changed(env, before, back=True)


def test_by_the_files_alone(env):
    before = version(env)
    running = governed(env)
    write(env, policy(True))
    assert changed(env, before)
    assert running.ask("/denied/1") == "200"
    write(env, policy(False))
    assert changed(env, before, back=True)
    running.end()


def test_a_bad_file_changes_nothing(env):
    before = version(env)
    running = governed(env)
    good = policy(False)
    write(env, good + "  - {id: bad, effect: allwo, tools: [x]}\n")
    done = env.writ("reload")
    assert done.returncode != 0 and "test.yaml" in done.stderr and before in done.stderr, done
    status = env.writ_json("status")[0]
    assert status["policyVersion"] == before and "test.yaml" in status["policyProblem"], status
    assert [running.ask("/allowed/1"), running.ask("/denied/2")] == ["200", "403"]
    write(env, good)
    assert env.writ("reload").returncode == 0
    assert not env.writ_json("status")[0].get("policyProblem")
    running.end()


def test_a_scope_that_is_taken_away(env):
    """From the person, and then from the agent; the writ is the same, and has it again when they have."""
    users, agents = (env.daemon.config / name for name in ("users.yaml", "agents.yaml"))
    texts = {path: path.read_text() for path in (users, agents)}
    running = governed(env)
    assert running.ask("/allowed/1") == "200"
    for path in (users, agents):
        path.write_text(texts[path].replace('"test.use"', '"test.other"'))
        assert env.writ("reload").returncode == 0
        mark = env.servers.mark()
        assert running.ask("/allowed/2") == "403"
        expect.nothing_arrived(env.servers.since(mark))
        path.write_text(texts[path])
        assert env.writ("reload").returncode == 0
        assert running.ask("/allowed/3") == "200"
    running.end()


def test_a_user_who_is_gone(env):
    users = env.daemon.config / "users.yaml"
    text = users.read_text()
    running = governed(env, user="cfo")
    assert running.ask("/allowed/1") == "200"
    lines = text.splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if "id: cfo" in line)
    users.write_text("".join(lines[:at] + lines[at + 3:]))
    assert env.writ("reload").returncode == 0
    assert running.ask("/allowed/2") == "403"
    users.write_text(text)
    assert env.writ("reload").returncode == 0
    running.end()


def test_only_root(env):
    done = env.writ("reload", user=65534, group=65534, extra_groups=[], cwd="/", env={"PATH": "/usr/bin:/bin", "HOME": "/"})
    assert done.returncode != 0 and "root" in done.stderr, done


def test_a_match_rule_that_comes_later(env):
    from lib.units import Unit
    agents = env.daemon.config / "agents.yaml"
    text = agents.read_text()
    with Unit("later.service") as unit:
        running = Asking(unit.start(Asking.command(env, "http"), stdin=-1, stdout=-1, text=True, bufsize=1))
        assert running.ask("/denied/1") == "200"
        agents.write_text(text + '  - {id: later, scopes: [test.use], match: [{unit: later.service, user: sarah, person: []}]}\n')
        assert env.writ("reload").returncode == 0
        assert [running.ask("/denied/2"), running.ask("/allowed/3")] == ["403", "200"]
        running.end()
    agents.write_text(text)
    assert env.writ("reload").returncode == 0


def test_under_load(env):
    """Must show 4: calls run while the policy flips every 100 ms; the version in each record explains its verdict."""
    before = env.last_sequence()
    versions = {}
    for allow in (True, False):
        write(env, policy(allow))
        assert env.writ("reload").returncode == 0
        versions[version(env)] = allow
    stop = threading.Event()

    def flip():
        allow = True
        while not stop.wait(0.1):
            write(env, policy(allow))
            env.writ("reload")
            allow = not allow
    flipping = threading.Thread(target=flip)
    flipping.start()
    calls = 10_000
    try:
        done = env.client("requests", env.url("http", "/denied/x"), repeat=calls, timeout=120)
    finally:
        stop.set()
        flipping.join()
    write(env, policy(False))
    assert env.writ("reload").returncode == 0
    assert len(done) == calls
    odd = [line for line in done if line["status"] not in (200, 403)]
    assert not odd, odd[:3]
    decisions = [c["decision"]["decision"] for c in env.calls(before, calls, seconds=30)]
    assert len(decisions) == calls
    wrong = [d for d in decisions if (d["verdict"] == "VERDICT_ALLOW") != versions[d["policyVersion"]]]
    assert not wrong, wrong[:3]
    assert len({d["policyVersion"] for d in decisions}) == 2
    print(f"{sum(line['status'] == 200 for line in done)} of {calls} were allowed")
test_under_load.seconds = 240
