"""Must show 3: TLS by a library that is not covered is opaque: held, denied by default, let through and recorded when the
policy says so."""
from lib import expect
from lib.case import config


def test_denied_by_default(env):
    mark, before = env.servers.mark(), env.last_sequence()
    result = env.client("gnutls", env.url("https", "/allowed/x"), method="POST", body=300, timeout=15)[0]
    assert result["status"] == 0, result
    assert not result.get("timeout"), "gnutls-cli was left hanging"
    expect.nothing_arrived(env.servers.since(mark))
    decision = env.decisions(before, 1)[0]
    expect.verdicts([decision], ["deny"])
    assert decision["request"]["protocol"] == "opaque", decision
    assert decision["destination"]["port"] == env.servers.port("https"), decision


@config(on_opaque="allow")
def test_allowed_by_policy(env):
    before = env.last_sequence()
    expect.allowed(env.client("gnutls", env.url("https", "/allowed/x"), method="POST", body=300)[0], 300)
    decision = env.decisions(before, 1)[0]
    assert decision["verdict"] in ("VERDICT_ALLOW", "VERDICT_FLAG"), decision
    assert decision["request"]["protocol"] == "opaque", decision


@config(on_opaque="allow")
def test_allowing_opaque_does_not_allow_denied(env):
    """What can be seen is still judged."""
    mark = env.servers.mark()
    expect.denied(env.client("requests", env.url("https", "/denied/x"))[0], "https")
    expect.nothing_arrived(env.servers.since(mark))


def test_covered_client_after_opaque(env):
    env.client("gnutls", env.url("https", "/allowed/x"), method="POST", timeout=15)
    expect.allowed(env.client("requests", env.url("https", "/allowed/x"))[0])
