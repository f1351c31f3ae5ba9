"""Must show 7: kill -9 of writd at any moment: what was released is on record, and the chain verifies after a restart."""
import time

from lib import expect
from lib.case import each, timeout


def verify(env) -> dict:
    answer = env.writ_json("audit", "verify")[0]
    assert answer.get("intact"), answer
    return answer


@each(after=[0.3, 0.9, 1.7], client=["requests", "many-asyncio"])
@timeout(90)
def test_killed_under_load(env, after, client):
    mark = env.servers.mark()
    if client == "requests":
        arguments = ["--url", env.url("https", "/allowed/load"), "--method", "POST", "--body-bytes", 3000, "--repeat", 3000,
                     "--timeout", 5]
    else:
        arguments = ["--allowed", env.url("https", "/allowed"), "--denied", env.url("https", "/denied"), "--rounds", 50,
                     "--connections", 30, "--timeout", 5]
    process = env.start_client(client, *arguments)
    deadline = time.monotonic() + 20
    while not env.servers._since(mark).requests and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(after)
    at = time.monotonic()
    env.daemon.kill9()
    env.end_clients()
    process.communicate(timeout=20)
    came = [r for r in env.servers._since(mark).requests if r.completed_at and r.completed_at < at]
    assert came, "nothing was under way when writd was killed: could not arm"
    env.daemon.start()
    verify(env)
    recorded = {}
    for decision in [c["decision"]["decision"] for c in env.all_calls()]:
        if decision["verdict"] == "VERDICT_ALLOW":
            path = decision["request"]["path"]
            recorded[path] = recorded.get(path, 0) + 1
    for path in {r.path for r in came}:
        count = sum(r.path == path for r in came)
        assert count <= recorded.get(path, 0), f"{path}: {count} arrived before the kill, {recorded.get(path, 0)} on record"
    expect.allowed(env.client("requests", env.url("https", "/allowed/after"))[0])
    expect.denied(env.client("requests", env.url("https", "/denied/after"))[0], "https")
    verify(env)


@timeout(90)
def test_killed_at_start(env):
    """At moments of its start, when it creates or reopens its files."""
    env.daemon.stop()
    for delay in (0.005, 0.02, 0.05, 0.1, 0.2):
        env.daemon.launch()
        time.sleep(delay)
        env.daemon.kill9()
    env.daemon.start()
    verify(env)


def test_torn_tail(env):
    """A record cut in its middle, as a power loss leaves it: cut off, and said."""
    env.client("requests", env.url("https", "/allowed/x"))
    env.calls(0, 1)
    env.daemon.kill9()
    segments = sorted((p for p in env.daemon.state.rglob("*") if p.is_file() and "seg" in str(p).lower()),
                      key=lambda p: (p.stat().st_mtime, p.name))
    assert segments, [str(p) for p in env.daemon.state.rglob("*")]
    with open(segments[-1], "ab") as segment:
        segment.write(b"\x00\x00\x01\x00half a rec")
    env.daemon.start()
    verify(env)
    assert b"torn_tail" in env.audit_bytes(), "the cut is not in the audit"
