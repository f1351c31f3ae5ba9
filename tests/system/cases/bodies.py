"""Must show 4: bodies of all sizes, small buffers, retries and partial writes, 100-continue, early answers, early closes: no
hang, no doubled or missing byte, and up to hold_max a denied call delivers nothing."""
from lib import expect
from lib.case import each, timeout

SCHEMES = ["http", "https"]
KIB, MIB = 1 << 10, 1 << 20
SIZES = {"1KiB": KIB, "20KiB": 20 * KIB, "64KiB": 64 * KIB, "1MiB": MIB, "8MiB": 8 * MIB, "64MiB": 64 * MIB}
UP_TO_HOLD_MAX = ["1KiB", "64KiB", "1MiB", "8MiB"]
AWS_KEY = " AKIA" + "Q7ZX2MWPLB4TNE5D"
STYLES = {
    "single-write": [],
    "pieces": ["--piece", 5000],
    "small-buffer": ["--sndbuf", 4096, "--piece", 100_000],
    "nonblocking": ["--nonblocking"],
    "want-write": ["--sndbuf", 4096, "--nonblocking"],
}
# Through a 4 KiB buffer loopback moves 2 MB a second: 64 MiB would tell nothing more.
SIZED = {f"{style}-{size}": (STYLES[style], SIZES[size]) for style in STYLES for size in SIZES
         if "--sndbuf" not in STYLES[style] or SIZES[size] <= 8 * MIB}


def seen_bytes(env, before, body):
    """The captured stream is as long as what was sent: head and body, nothing doubled, nothing missing."""
    call = env.calls(before, 1)[0]
    request = call["decision"]["decision"]["request"]
    if request.get("complete"):
        assert body < int(request["bytes"]) < body + 2000, f"{body} bytes sent, the record says {request}"


@each(scheme=SCHEMES, sized=SIZED)
@timeout(120)
def test_sizes(env, scheme, sized):
    before, (style, size) = env.last_sequence(), SIZED[sized]
    result = env.client("raw", env.url(scheme, "/allowed/x"), method="POST", body=size, extra=style, timeout=90)[0]
    expect.allowed(result, size)
    seen_bytes(env, before, size)


@each(client=["requests", "aiohttp", "node-https", "curl"], scheme=SCHEMES, size=["64MiB"])
@timeout(120)
def test_sizes_of_clients(env, client, scheme, size):
    result = env.client(client, env.url(scheme, "/allowed/x"), method="POST", body=SIZES[size], timeout=90)[0]
    expect.allowed(result, SIZES[size])


@each(scheme=SCHEMES, style=STYLES, size=UP_TO_HOLD_MAX)
def test_denied_by_its_last_bytes(env, scheme, style, size):
    """A body rule that needs the last byte: the whole call is held until then."""
    mark = env.servers.mark()
    result = env.client("raw", env.url(scheme, "/scanned/x"), method="POST", body=SIZES[size], tail=AWS_KEY,
                        extra=STYLES[style], timeout=50)[0]
    expect.denied(result, scheme, at_once=20_000)  # from the first byte written, through a 4 KiB buffer
    expect.nothing_arrived(env.servers.since(mark))


@each(scheme=SCHEMES)
@timeout(120)
def test_longer_than_hold_max(env, scheme):
    """Released as it is scanned; a denial on the last bytes still leaves the request incomplete at the server."""
    mark = env.servers.mark()
    result = env.client("raw", env.url(scheme, "/scanned/x"), method="POST", body=64 * MIB, tail=AWS_KEY,
                        extra=["--piece", 100_000], timeout=90)[0]
    assert result["status"] != 200, expect.brief(result)
    arrived = env.servers.since(mark)
    assert not any(r.complete for r in arrived.requests), "the denied request arrived complete"


@each(scheme=SCHEMES, size=["64KiB", "8MiB"])
def test_allowed_scanned(env, scheme, size):
    """The same tool without a finding: what denies is the finding."""
    result = env.client("raw", env.url(scheme, "/scanned/x"), method="POST", body=SIZES[size], timeout=50)[0]
    expect.allowed(result, SIZES[size])


@each(scheme=SCHEMES, path=["/allowed/x", "/denied/x", "/scanned/x"])
def test_expect_100_continue(env, scheme, path):
    """curl waits for 100 before it sends a body over 1 MiB: the head is decided alone, or it waits for ever."""
    mark = env.servers.mark()
    tail = AWS_KEY if path == "/scanned/x" else ""
    result = env.client("curl", env.url(scheme, path), method="POST", body=2 * MIB, tail=tail)[0]
    arrived = env.servers.since(mark)
    if path == "/allowed/x":
        expect.allowed(result, 2 * MIB)
        assert arrived.requests[0].headers.get("expect") == "100-continue", "curl did not ask"
    elif path == "/denied/x":
        expect.denied(result, scheme)
        expect.nothing_arrived(arrived)
    else:
        assert result["status"] != 200, expect.brief(result)
        assert not any(r.complete for r in arrived.requests), "the denied body arrived"


@each(client=["raw", "requests", "node-https"], scheme=SCHEMES)
def test_early_answer(env, client, scheme):
    """The server answers before it has read everything, then goes on reading; the connection stays usable."""
    urls = [env.url(scheme, "/allowed/early"), env.url(scheme, "/allowed/after")]
    extra = ["--keep"] if client == "raw" else []
    early, after = env.client(client, *urls, method="POST", body=5 * MIB, extra=extra)
    assert early["status"] == 200, expect.brief(early)
    expect.allowed(after, 5 * MIB)


@each(scheme=SCHEMES)
def test_early_answer_and_close(env, scheme):
    """The server answers and closes in the middle of the upload: the client ends, with the answer or with an error."""
    result = env.client("raw", env.url(scheme, "/allowed/early-close"), method="POST", body=40 * MIB,
                        extra=["--piece", 100_000], timeout=30)[0]
    assert result["ms"] < 25_000, result
    expect.allowed(env.client("raw", env.url(scheme, "/allowed/x"), method="POST", body=1000)[0], 1000)


@each(scheme=SCHEMES, after=[30, 500, 70_000])
def test_client_closes_early(env, scheme, after):
    """In the head, at its end, in the body: no complete call came to be, and the next one works."""
    mark = env.servers.mark()
    result = env.client("raw", env.url(scheme, "/scanned/x"), method="POST", body=200_000, extra=["--close-after", after])[0]
    assert result.get("closed"), result
    assert not any(r.complete for r in env.servers.since(mark).requests)
    expect.allowed(env.client("raw", env.url(scheme, "/allowed/x"), method="POST", body=1000)[0], 1000)


@each(scheme=SCHEMES)
def test_slow_pieces(env, scheme):
    """A request that takes its time: held until it is whole."""
    result = env.client("raw", env.url(scheme, "/allowed/x"), method="POST", body=3000,
                        extra=["--piece", 300, "--pause", 0.1])[0]
    expect.allowed(result, 3000)


@each(client=["requests", "aiohttp", "node-fetch"], scheme=SCHEMES)
def test_slow_answer(env, client, scheme):
    urls = [env.url(scheme, "/allowed/slow/1500"), env.url(scheme, "/allowed/drip/100000")]
    slow, drip = env.client(client, *urls)
    expect.allowed(slow)
    expect.downloaded(drip, 100_000)


@each(function=["SSL_write", "SSL_write_ex"], mode=["partial", "whole"])
def test_openssl_write_modes(env, function, mode):
    """A non-blocking socket with a tiny buffer: with SSL_MODE_ENABLE_PARTIAL_WRITE what a write was offered is not what it
    took; without it the same bytes are offered again and again."""
    mark, before = env.servers.mark(), env.last_sequence()
    extra = ["--sndbuf", 4096, "--function", function] + (["--partial"] if mode == "partial" else [])
    result = env.client("openssl", env.url("https", "/allowed/x"), method="POST", body=2 * MIB, extra=extra)[0]
    expect.allowed(result, 2 * MIB)
    assert mode == "whole" or result["partial"] > 0, "no write was partial: the test did not arm itself"
    seen_bytes(env, before, 2 * MIB)
    denied = env.client("openssl", env.url("https", "/scanned/x"), method="POST", body=2 * MIB, tail=AWS_KEY, extra=extra)
    expect.denied(denied[0], "https", at_once=20_000)
    expect.only_arrived(env.servers.since(mark), ["/allowed/x"])


@each(tail=["", AWS_KEY])
def test_body_in_pages_that_are_not_resident(env, tail):
    """A mapped file: a probe that cannot fault pages in would lose the plaintext. Read, or held; never passed unseen."""
    mark = env.servers.mark()
    result = env.client("openssl", env.url("https", "/scanned/x"), method="POST", body=MIB, tail=tail, extra=["--mapped"])[0]
    if tail:
        expect.denied(result, "https")
        expect.nothing_arrived(env.servers.since(mark))
    else:
        expect.allowed(result, MIB)
