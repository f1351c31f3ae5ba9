"""Must show 6: what is not a well-formed HTTP/1.1 request is denied as unparseable in enforce mode, recorded, and writd lives."""
from lib import expect
from lib.case import each

HEAD = b"POST /allowed/x HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# Each of these a server could read in a way of its own.
MESSAGES = {
    "not-http": b"\x01\x02\x00\xff this is not a request\r\n\r\n",
    "non-utf8-header": HEAD + b"X-Name: \xc3\x28\xff\r\nContent-Length: 0\r\n\r\n",
    "non-utf8-path": b"GET /allowed/\xff\xfe\xc3 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "nul-in-path": b"GET /allowed/\x00x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "nul-in-header": HEAD + b"X-Name: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "nul-in-name": HEAD + b"X\x00Name: a\r\nContent-Length: 0\r\n\r\n",
    "header-section-over-the-limit": HEAD + b"".join(b"X-%d: %s\r\n" % (i, b"v" * 1000) for i in range(400)) + b"\r\n",
    "one-header-over-the-limit": HEAD + b"X-Long: " + b"v" * 400_000 + b"\r\n\r\n",
    "ten-thousand-headers": HEAD + b"".join(b"X-%d: y\r\n" % i for i in range(10_000)) + b"\r\n",
    "endless-request-line": b"GET /allowed/" + b"a" * 400_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad-chunk-size": CHUNKED + b"5\r\nhello\r\nzz\r\nhello\r\n0\r\n\r\n",
    "huge-chunk-size": CHUNKED + b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "negative-chunk-size": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk-longer-than-said": CHUNKED + b"3\r\nhello\r\n0\r\n\r\n",
    "two-content-lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "content-length-and-chunked": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "content-length-not-a-number": HEAD + b"Content-Length: 5x\r\n\r\nhello",
    "negative-content-length": HEAD + b"Content-Length: -5\r\n\r\nhello",
    "huge-content-length": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "two-hosts": b"GET /allowed/x HTTP/1.1\r\nHost: localhost\r\nHost: crm.example.test\r\n\r\n",
    "folded-header": HEAD + b"X-Name: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "space-before-colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "bare-lf": b"POST /allowed/x HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n",
}


@each(message=MESSAGES, scheme=["http", "https"])
def test_denied_as_unparseable(env, message, scheme):
    mark, before, pid = env.servers.mark(), env.last_sequence(), env.daemon.pid
    path = env.directory / f"{message}.bin"
    path.write_bytes(MESSAGES[message])
    result = env.client("raw", env.url(scheme, "/allowed/x"), extra=["--send-file", path], method="POST", timeout=15)[0]
    assert result["status"] in (0, 400, 403), expect.brief(result)
    assert "in time" not in str(result.get("why")), f"left hanging: {expect.brief(result)}"
    expect.nothing_arrived(env.servers.since(mark))
    decision = env.decisions(before, 1)[0]
    expect.verdicts([decision], ["deny"])
    assert decision["code"] == "unparseable", decision
    expect.allowed(env.client("raw", env.url(scheme, "/allowed/x"), method="POST", body=100)[0], 100)
    assert env.daemon.running() and env.daemon.pid == pid


@each(path=["/allowed/%ff%fe", "/allowed/%00", "/allowed/%2e%2e/denied/x", "/allowed/../denied/x", "//allowed/x"])
def test_paths_that_servers_read_differently(env, path):
    """Well-formed as HTTP, and no catalog pattern may take them for what they are not: recorded, and not allowed."""
    mark, before = env.servers.mark(), env.last_sequence()
    message = env.directory / "path.bin"
    message.write_bytes(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    env.client("raw", env.url("http", "/allowed/x"), extra=["--send-file", message], timeout=10)
    expect.nothing_arrived(env.servers.since(mark))
    expect.verdicts(env.decisions(before, 1), ["deny"])


@each(scheme=["http", "https"])
def test_content_length_longer_than_the_body(env, scheme):
    """The client says 100 bytes, sends 5 and closes: the call never became whole, so nothing of it has left."""
    mark = env.servers.mark()
    path = env.directory / "short.bin"
    path.write_bytes(HEAD.replace(b"/allowed", b"/scanned") + b"Content-Length: 100\r\n\r\nhello")
    extra = ["--send-file", path, "--close-after", path.stat().st_size]
    env.client("raw", env.url(scheme, "/scanned/x"), method="POST", extra=extra)
    expect.nothing_arrived(env.servers.since(mark, settle=1))


@each(scheme=["http", "https"])
def test_content_length_shorter_than_the_body(env, scheme):
    """What follows the body is the next request on the connection, and it is not one: the first passes, the rest never."""
    mark, before = env.servers.mark(), env.last_sequence()
    path = env.directory / "long.bin"
    path.write_bytes(HEAD + b"Content-Length: 5\r\n\r\nhello\x01\x02 and more that is no request\r\n\r\n")
    env.client("raw", env.url(scheme, "/allowed/x"), method="POST", extra=["--send-file", path], timeout=10)
    arrived = env.servers.since(mark)
    assert sum(c.unaccounted_bytes for c in arrived.connections) == 0, "bytes behind the request arrived"
    assert any(d["verdict"] == "VERDICT_DENY" and d["code"] == "unparseable"
               for d in env.decisions(before, 1)), "the rest is not in the audit"


@each(scheme=["http", "https"])
def test_smuggled_second_request(env, scheme):
    """Pipelined behind an allowed request: decided for itself."""
    mark, before = env.servers.mark(), env.last_sequence()
    path = env.directory / "two.bin"
    path.write_bytes(HEAD + b"Content-Length: 5\r\n\r\nhello" + b"GET /denied/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    env.client("raw", env.url(scheme, "/allowed/x"), method="POST", extra=["--send-file", path], timeout=10)
    arrived = env.servers.since(mark)
    assert not [r for r in arrived.requests if r.path == "/denied/x"], "the denied request arrived"
    assert sum(c.unaccounted_bytes for c in arrived.connections) == 0
    assert "/denied/x" in [d["request"].get("path") for d in env.decisions(before, 2)]


@each(message=["nul-in-header", "bad-chunk-size", "two-content-lengths"])
def test_observe_mode_lets_it_pass(env, message):
    mark, before = env.servers.mark(), env.last_sequence()
    path = env.directory / "observe.bin"
    path.write_bytes(MESSAGES[message])
    env.client("raw", env.url("http", "/allowed/x"), extra=["--send-file", path], mode="observe", timeout=3)
    assert env.servers.since(mark).application_bytes == len(MESSAGES[message])
    decision = env.decisions(before, 1)[0]
    expect.verdicts([decision], ["deny"])
    assert decision["mode"] == "MODE_OBSERVE" and decision["code"] == "unparseable", decision
