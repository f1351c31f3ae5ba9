"""Must show 1: every client, cleartext and TLS, both IP versions: allowed before, denied without a byte at the server and at
once with a clear error, allowed after. 10 MB both ways, byte for byte."""
from lib import expect
from lib.case import each
from lib.clients import HTTP

SCHEMES, FAMILIES = ["http", "https"], ["ipv4", "ipv6"]
MB = 1_000_000


@each(client=HTTP, scheme=SCHEMES, family=FAMILIES)
def test_allowed_denied_allowed(env, client, scheme, family):
    """One process and one session of the client for all three."""
    mark, before = env.servers.mark(), env.last_sequence()
    paths = ["/allowed/before", "/denied/x", "/allowed/after"]
    first, denied, last = env.client(client, *[env.url(scheme, p, family) for p in paths], method="POST", body=2000)
    expect.allowed(first, 2000)
    expect.denied(denied, scheme)
    expect.allowed(last, 2000)
    expect.only_arrived(env.servers.since(mark), ["/allowed/before", "/allowed/after"])
    decisions = env.decisions(before, 3)
    expect.verdicts(decisions[:1] + decisions[-1:], ["allow", "allow"])
    refused = [d for d in decisions if d["verdict"] == "VERDICT_DENY"]  # a client may try again by itself
    assert refused and all(d["request"]["path"] == "/denied/x" for d in refused), decisions
    assert refused[0]["code"] == "scope_missing", refused[0]
    assert refused[0]["destination"]["tls"] if scheme == "https" else not refused[0]["destination"].get("tls")


@each(client=HTTP, scheme=SCHEMES)
def test_first_request_denied(env, client, scheme):
    """The very first call of a new process: probes attached too late would let it pass."""
    mark = env.servers.mark()
    expect.denied(env.client(client, env.url(scheme, "/denied/first"))[0], scheme)
    expect.nothing_arrived(env.servers.since(mark))


@each(client=HTTP, scheme=SCHEMES)
def test_first_request_recorded(env, client, scheme):
    before = env.last_sequence()
    expect.allowed(env.client(client, env.url(scheme, "/allowed/first"))[0])
    calls = env.calls(before, 1)
    assert [c["decision"]["decision"]["request"]["path"] for c in calls] == ["/allowed/first"], calls
    assert calls[0]["outcome"]["outcome"]["status"] == 200, calls[0]
    assert calls[0]["decision"]["traceId"] == calls[0]["outcome"]["traceId"], calls[0]


@each(client=HTTP, scheme=SCHEMES, framing=["length", "chunked"])
def test_upload_10_mb(env, client, scheme, framing):
    result = env.client(client, env.url(scheme, "/allowed/up"), method="POST", body=10 * MB, tail="the end",
                        chunked=framing == "chunked")[0]
    expect.allowed(result, 10 * MB, "the end")


@each(client=HTTP, scheme=SCHEMES)
def test_upload_10_mb_denied(env, client, scheme):
    mark = env.servers.mark()
    result = env.client(client, env.url(scheme, "/denied/up"), method="POST", body=10 * MB)[0]
    expect.denied(result, scheme)
    expect.nothing_arrived(env.servers.since(mark))


@each(client=HTTP, scheme=SCHEMES, kind=["download", "chunked"])
def test_download_10_mb(env, client, scheme, kind):
    before = env.last_sequence()
    expect.downloaded(env.client(client, env.url(scheme, f"/allowed/{kind}/{10 * MB}"))[0], 10 * MB)
    outcome = env.calls(before, 1)[0]["outcome"]["outcome"]
    assert outcome["result"] == "completed" and int(outcome["bytes"]) >= 10 * MB, outcome


@each(client=["requests", "curl", "node-https"], scheme=SCHEMES)
def test_not_in_the_catalog(env, client, scheme):
    """Default deny: what no catalog entry names does not leave."""
    mark = env.servers.mark()
    expect.denied(env.client(client, env.url(scheme, "/unheard-of"))[0], scheme)
    expect.nothing_arrived(env.servers.since(mark))


@each(client=["requests", "aiohttp", "node-https"], scheme=SCHEMES)
def test_keep_alive(env, client, scheme):
    """Many calls over one connection: each is decided, none is lost or doubled."""
    mark, before = env.servers.mark(), env.last_sequence()
    results = env.client(client, env.url(scheme, "/allowed/again"), method="POST", body=500, repeat=50)
    for result in results:
        expect.allowed(result, 500)
    assert len(env.servers.since(mark).connections) == 1
    assert len(env.decisions(before, 50)) == 50


@each(scheme=SCHEMES)
def test_denied_bytes_stay_when_writd_stops(env, scheme):
    """The refused bytes lie in the socket's queue: none may leave when the egress program goes away."""
    mark = env.servers.mark()
    expect.denied(env.client("requests", env.url(scheme, "/denied/x"), method="POST", body=5000)[0], scheme)
    env.daemon.stop()
    try:
        expect.nothing_arrived(env.servers.since(mark, settle=1.5))
    finally:
        env.daemon.start()


@each(client=["curl", "requests"])
def test_head_and_no_content(env, client):
    for url in (env.url("https", "/allowed/x"), env.url("http", "/allowed/x")):
        assert env.client(client, url, url, method="HEAD")[1]["status"] == 200
