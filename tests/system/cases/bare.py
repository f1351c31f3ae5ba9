"""The tests' own instruments without Writ: every client reaches every server with the right bytes, and the servers count
what they claim to count."""
import socket
import ssl

from lib import expect
from lib.case import each
from lib.clients import HTTP, MANY
from lib.content import content, sha256

BARE = True
SCHEMES, FAMILIES = ["http", "https"], ["ipv4", "ipv6"]
MB = 1_000_000


@each(client=HTTP, scheme=SCHEMES, family=FAMILIES)
def test_client(env, client, scheme, family):
    mark = env.servers.mark()
    paths = ["/allowed/a", "/allowed/b"]
    for method, body in (("POST", 2000), ("GET", -1)):
        for result in env.client(client, *[env.url(scheme, p, family) for p in paths], method=method, body=body,
                                 headers=["X-Secret: s1"]):
            expect.allowed(result, body)
            assert result["answer"]["secret"] == "s1"
    arrived = env.servers.since(mark)
    expect.only_arrived(arrived, paths * 2)
    assert arrived.application_bytes >= 4000


@each(client=HTTP, scheme=SCHEMES, chunked=["length", "chunked"])
def test_upload(env, client, scheme, chunked):
    expect.allowed(env.client(client, env.url(scheme, "/allowed/up"), method="POST", body=10 * MB, tail="the end",
                              chunked=chunked == "chunked")[0], 10 * MB, "the end")


@each(client=HTTP, scheme=SCHEMES, kind=["download", "chunked"])
def test_download(env, client, scheme, kind):
    expect.downloaded(env.client(client, env.url(scheme, f"/allowed/{kind}/{10 * MB}"))[0], 10 * MB)


@each(client=MANY)
def test_many(env, client):
    url = env.url("https", "")
    lines = env.results(env.start_client(client, "--allowed", url + "/allowed", "--denied", url + "/denied"))
    assert len(lines) == 600, len(lines)
    wrong = [l for l in lines if l["status"] != 200 or l["answer"]["secret"] != l["secret"]
             or l["answer"]["bytes"] != l["sent"]]
    assert not wrong, wrong[:3]


@each(scheme=SCHEMES, style=["blocking", "nonblocking"])
def test_raw_small_buffer(env, scheme, style):
    extra = ["--sndbuf", 4096] + (["--nonblocking"] if style == "nonblocking" else [])
    result = env.client("raw", env.url(scheme, "/allowed/raw"), method="POST", body=4 << 20, extra=extra)[0]
    expect.allowed(result, 4 << 20)
    assert style == "blocking" or result["again"] > 0, "never had to try again: the buffer was not small"


def test_raw_single_write_64_mib(env):
    expect.allowed(env.client("raw", env.url("https", "/allowed/raw"), method="POST", body=64 << 20)[0], 64 << 20)


def test_curl_expects_100_continue(env):
    mark = env.servers.mark()
    expect.allowed(env.client("curl", env.url("https", "/allowed/x"), method="POST", body=2 * MB)[0], 2 * MB)
    assert env.servers.since(mark).requests[0].headers["expect"] == "100-continue"


@each(function=["SSL_write", "SSL_write_ex"], mode=["partial", "whole", "mapped"])
def test_openssl(env, function, mode):
    extra = ["--function", function, "--sndbuf", 4096] + ([f"--{mode}"] if mode != "whole" else [])
    result = env.client("openssl", env.url("https", "/allowed/x"), method="POST", body=2 << 20, extra=extra)[0]
    expect.allowed(result, 2 << 20)
    assert (result["partial"] > 0) == (mode == "partial"), result


@each(way=["sendfile", "splice", "fastopen"])
def test_ways_around_send(env, way):
    expect.allowed(env.client("raw", env.url("http", "/allowed/x"), method="POST", body=50_000, extra=[f"--{way}"])[0], 50_000)


def test_gnutls(env):
    expect.allowed(env.client("gnutls", env.url("https", "/allowed/x"), method="POST", body=100)[0], 100)


@each(scheme=SCHEMES)
def test_early_close(env, scheme):
    mark = env.servers.mark()
    result = env.client("raw", env.url(scheme, "/allowed/x"), method="POST", body=50_000, extra=["--close-after", 20_000])
    assert result[0].get("closed"), result
    arrived = env.servers.since(mark)
    assert len(arrived.requests) == 1 and not arrived.requests[0].complete, arrived.requests


@each(scheme=SCHEMES)
def test_early_answer(env, scheme):
    assert env.client("requests", env.url(scheme, "/allowed/early"), method="POST", body=5 * MB)[0]["status"] == 200


def test_counts_nothing_for_a_handshake(env):
    """Connect, complete the TLS 1.3 handshake, close with close_notify: no application byte is counted."""
    mark = env.servers.mark()
    context = ssl.create_default_context(cafile=env.certs.ca)
    with socket.create_connection(("127.0.0.1", env.servers.port("https"))) as raw:
        tls = context.wrap_socket(raw, server_hostname="localhost")
        assert tls.version() == "TLSv1.3"
        tls.unwrap()
    arrived = env.servers.since(mark)
    assert arrived.raw_bytes > 300 and arrived.application_bytes == 0, arrived


@each(version=["TLSv1_2", "TLSv1_3"])
def test_counts_a_cut_record(env, version):
    """Half of one record and nothing else: counted, though it can never be decrypted."""
    mark = env.servers.mark()
    context = ssl.create_default_context(cafile=env.certs.ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", env.servers.port("https"))) as raw:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outgoing.read())
                incoming.write(raw.recv(65536))
        raw.sendall(outgoing.read())
        tls.write(b"x" * 1000)
        raw.sendall(outgoing.read()[:500])
        arrived = env.servers.since(mark)
        assert arrived.application_bytes == 500, arrived
        assert sum(c.unaccounted_bytes for c in arrived.connections) == 500
    assert sha256(content(3)) == sha256(content(4)[:3])
