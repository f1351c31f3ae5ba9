"""Must show 5: a ring buffer that is too small loses events; bytes whose plaintext was lost do not leave, and the audit says so."""
from lib import expect
from lib.case import skip, timeout

CONFIG = {"writ": {"ring_bytes": "64KiB"}}


def load(env):
    """More plaintext at once than the ring holds. Returns (client's lines, what arrived)."""
    mark = env.servers.mark()
    process = env.start_client("many-asyncio", "--allowed", env.url("https", "/allowed"), "--denied",
                               env.url("https", "/denied"), "--connections", 60, "--rounds", 2, "--body-bytes", 300_000,
                               "--timeout", 30)
    return env.results(process, timeout=80), env.servers.since(mark)


def lost(env) -> dict[str, int]:
    return {name: value for name, value in env.counters().items() if "lost" in name and value > 0}


@timeout(150)
def test_lost_plaintext_is_not_released(env):
    before = env.last_sequence()
    lines, arrived = load(env)
    if not lost(env):
        skip("a ring of 64 KiB lost nothing under 60 connections with 300 KB bodies: could not arm")
    for request in arrived.requests:
        assert request.path.startswith("/allowed/"), f"{request.path} arrived"
    allowed = {}
    for decision in env.decisions(before, 1):
        if decision["verdict"] == "VERDICT_ALLOW":
            allowed[decision["request"]["path"]] = allowed.get(decision["request"]["path"], 0) + 1
    for path in {r.path for r in arrived.requests}:
        came = sum(r.path == path for r in arrived.requests)
        assert came <= allowed.get(path, 0), f"{path}: {came} arrived, {allowed.get(path, 0)} were allowed"
    failed = [l for l in lines if l["kind"] == "allowed" and l["status"] != 200]
    assert failed, "events were lost, and yet every allowed call went through"
    assert b"lost" in env.audit_bytes(), f"counters {lost(env)}, and no word of it in the audit"


@timeout(90)
def test_works_again_after_loss(env):
    load(env)
    expect.allowed(env.client("requests", env.url("https", "/allowed/x"), method="POST", body=2000)[0], 2000)
    done = env.writ("audit", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
