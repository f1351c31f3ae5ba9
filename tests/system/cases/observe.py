"""Observe mode: nothing is held, everything is recorded with the verdict that would have been."""
from lib import expect
from lib.case import each
from lib.clients import HTTP


@each(client=HTTP, scheme=["http", "https"])
def test_passes_and_is_recorded(env, client, scheme):
    before = env.last_sequence()
    paths = ["/allowed/x", "/denied/x"]
    for result in env.client(client, *[env.url(scheme, p) for p in paths], method="POST", body=2000, mode="observe"):
        expect.allowed(result, 2000)
    decisions = env.decisions(before, 2)
    assert [d["request"]["path"] for d in decisions] == paths, decisions
    expect.verdicts(decisions, ["allow", "deny"])
    for decision in decisions:
        assert decision["mode"] == "MODE_OBSERVE" and int(decision.get("heldNs", 0)) == 0, decision


def test_opaque_passes(env):
    before = env.last_sequence()
    expect.allowed(env.client("gnutls", env.url("https", "/allowed/x"), method="POST", body=300, mode="observe")[0], 300)
    assert env.decisions(before, 1)[0]["request"]["protocol"] == "opaque"


@each(scheme=["http", "https"])
def test_large_upload(env, scheme):
    expect.allowed(env.client("requests", env.url(scheme, "/allowed/x"), method="POST", body=40 << 20, mode="observe")[0],
                   40 << 20)


def test_limits_do_not_bite(env):
    results = env.client("requests", env.url("https", "/allowed/x"), repeat=30, mode="observe")
    assert [r["status"] for r in results] == [200] * 30
