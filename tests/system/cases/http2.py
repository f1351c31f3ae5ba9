"""HTTP/2: real clients allowed and denied, many calls on one connection, bodies far beyond the flow-control window, gRPC
conversations, what becomes of the other calls when one is denied, and frames that no client sends."""
import functools
import re
import subprocess

import hpack

from lib import expect
from lib.case import each
from lib.clients import HTTP2
from lib.h2_server import H2Servers

SCHEMES = ["http", "https"]
KIB, MIB = 1 << 10, 1 << 20
AWS_KEY = " AKIA" + "Q7ZX2MWPLB4TNE5D"


def with_servers(test):
    @functools.wraps(test)
    def run(env, **values):
        with H2Servers(env.certs) as servers:
            test(env, servers, **values)
    return run


def ask(env, servers, name, scheme, *paths, **options):
    extra = [*HTTP2.get(name, []), *options.pop("extra", [])]
    return env.client(name, *[servers.url(scheme, path) for path in paths], extra=extra, **options)


def call(env, servers, name, scheme, path, size):
    return ask(env, servers, name, scheme, path, method="POST", body=size)[0]


def aborted(result):
    expect.denied(result, "https")  # also in cleartext: a 403 in HTTP/1.1 would not be understood


# Every client, and each scheme by two: a client reads the same for both.
@each(client_scheme=["curl http", "curl https", "node-http2 http", "node-http2 https", "httpx https", "nghttp http",
                     "undici https"])
@with_servers
def test_allowed_denied_allowed(env, servers, client_scheme):
    """Byte-exact; of the denied one not a byte of a frame that carries requests."""
    client, scheme = client_scheme.split()
    before = env.last_sequence()
    expect.allowed(call(env, servers, client, scheme, "/allowed/a", 20 * KIB), 20 * KIB)
    mark = servers.mark()
    aborted(call(env, servers, client, scheme, "/denied/b", 20 * KIB))
    arrived = servers.since(mark)
    assert (arrived.request_bytes, arrived.requests) == (0, []), arrived
    expect.allowed(call(env, servers, client, scheme, "/allowed/c", 20 * KIB), 20 * KIB)
    decisions = env.decisions(before, 3)
    expect.verdicts(decisions, ["allow", "deny", "allow"])
    assert [d["request"]["protocol"] for d in decisions] == ["http/2"] * 3, decisions
    assert all(d["request"]["complete"] for d in decisions), "a body that fits into the window is judged whole"


@each(client=HTTP2, scheme=["https"])
@with_servers
def test_get_on_one_connection(env, servers, client, scheme):
    names = ["/allowed/1", "/allowed/2", "/allowed/download/200000"]
    one, two, download = ask(env, servers, client, scheme, *names)
    for result in (one, two):
        expect.allowed(result)
    if client != "nghttp":  # it shows bodies among its other words
        expect.downloaded(download, 200_000)


@each(client=["curl"], scheme=SCHEMES)
@with_servers
def test_body_beyond_the_window(env, servers, client, scheme):
    """8 MiB through windows of 64 KiB: decided when the first is used up, then passed as it is scanned."""
    expect.allowed(call(env, servers, client, scheme, "/scanned/x", 8 * MIB), 8 * MIB)
    result = ask(env, servers, client, scheme, "/scanned/x", method="POST", body=8 * MIB,
                                 tail=AWS_KEY)[0]
    assert result["status"] == 0, expect.brief(result)
    requests = [r for server in servers.all.values() for r in server.requests]
    assert [r.complete for r in requests] == [True, False], "the denied request arrived complete"


@each(scheme=SCHEMES)
@with_servers
def test_denied_by_the_last_bytes_of_the_window(env, servers, scheme):
    mark = servers.mark()
    aborted(ask(env, servers, "curl", scheme, "/scanned/x", method="POST", body=60_000, tail=AWS_KEY)[0])
    assert servers.since(mark).request_bytes == 0


@each(scheme=SCHEMES)
@with_servers
def test_a_hundred_streams(env, servers, scheme):
    """h2load: as many records as requests."""
    before, count = env.last_sequence(), 200
    command = ["h2load", "-n", str(count), "-c", "1", "-m", "100", servers.url(scheme, "/allowed/x")]
    process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", *command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    done = env.finish(process, 40)
    told = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", done.stdout)
    assert told and told.groups() == (str(count), "0"), done.stdout + done.stderr
    calls = env.calls(before, count, seconds=10)
    assert len(calls) == count, f"{len(calls)} records of {count} requests"
    assert {c["outcome"]["outcome"]["result"] for c in calls} == {"completed"}


@with_servers
def test_collateral(env, servers):
    """A denial ends the connection: the calls beside it say by which one."""
    before = env.last_sequence()
    paths = ["/allowed/x"] * 20 + ["/denied/x"]
    command = ["nghttp", "-n", "--no-verify-peer", *[servers.url("https", path) for path in paths]]
    process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", *command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    env.finish(process, 20)
    calls = env.calls(before, 2)
    denied = [c for c in calls if c["decision"]["decision"]["verdict"] == "VERDICT_DENY"
              and c["outcome"]["outcome"]["result"] == "aborted"]
    assert len(denied) == 1, calls
    name = denied[0]["decision"]["decision"]["callId"]
    others = [c["outcome"]["outcome"] for c in calls if c is not denied[0]]
    cut = [o for o in others if o["result"] == "incomplete"]
    assert all(name in o["detail"] for o in cut), cut
    assert len(cut) + sum(o["result"] == "completed" for o in others) == len(others)


@with_servers
def test_grpc(env, servers):
    """Unary, plain and compressed, and a conversation in which neither side goes on without the other. The library's TLS
    (BoringSSL) is opaque."""
    ask_grpc = functools.partial(ask, env, servers, "grpc", "http")
    before = env.last_sequence()
    expect.allowed(ask_grpc("/crm.v1.Contacts/Lookup", body=100)[0])
    mark = servers.mark()
    denied = ask_grpc("/denied/Service/Echo", body=100)[0]
    assert denied["status"] == 0 and "UNAVAILABLE" in denied["why"], denied
    secret = ask_grpc("/scanned/Service/Echo", body=4 * KIB, tail=AWS_KEY, extra=["--gzip"])[0]
    assert secret["status"] == 0 and "UNAVAILABLE" in secret["why"], secret
    assert servers.since(mark).request_bytes == 0
    expect.allowed(ask_grpc("/scanned/Service/Echo", body=4 * KIB, extra=["--gzip"])[0])
    chat = ask_grpc("/allowed/Service/Chat", body=100, extra=["--chat"])[0]
    assert (chat["status"], chat["bytes"]) == (200, 100), chat
    assert chat["ms"] < 3000, f"three messages took {chat['ms']} ms"
    decisions = env.decisions(before, 5)
    expect.verdicts(decisions, ["allow", "deny", "deny", "allow", "allow"])
    assert {d["request"]["protocol"] for d in decisions} == {"grpc"}
    assert decisions[0]["tool"]["name"] == "grpc.lookup", decisions[0]


HEADERS, CONTINUATION, END_STREAM, END_HEADERS = 1, 9, 1, 4
OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def request(stream, *fields):
    named = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/allowed/x"), *fields]
    block = hpack.Encoder().encode(named)
    pieces = [block[at:at + 16384] for at in range(0, len(block), 16384)]
    return b"".join(frame(CONTINUATION if at else HEADERS,
                          (END_HEADERS if piece is pieces[-1] else 0) | (0 if at else END_STREAM), stream, piece)
                    for at, piece in enumerate(pieces))


@with_servers
def test_server_speaks_first(env, servers):
    """Its SETTINGS are read before the agent has sent a byte: the answer is read all the same."""
    before, path = env.last_sequence(), env.directory / "one-request.bin"
    path.write_bytes(OPENING + request(1))
    result = env.client("raw", servers.url("http", "/allowed/x"), extra=["--listen", "--send-file", path], timeout=1)[0]
    assert result["heard"] > 0, result
    outcomes = [c["outcome"]["outcome"] for c in env.calls(before, 1)]
    assert [(o["result"], o["status"]) for o in outcomes] == [("completed", 200)], outcomes


HOSTILE = {
    "stream-reused": ("stream_closed", request(1) + request(1)),
    "ten-thousand-headers": ("header_section_too_large", request(1, *[(f"x-{i}", "y") for i in range(10_000)])),
    "gigabyte-without-a-body": ("content_length_mismatch", request(1, ("content-length", "1000000000"))),
}


@each(message=HOSTILE)
@with_servers
def test_hostile_frames(env, servers, message):
    """Denied and on record, and writd goes on."""
    code, frames = HOSTILE[message]
    before, pid = env.last_sequence(), env.daemon.pid
    path = env.directory / f"{message}.bin"
    path.write_bytes(OPENING + frames)
    result = env.client("raw", servers.url("http", "/allowed/x"), extra=["--send-file", path], timeout=5)[0]
    assert result["status"] == 0, expect.brief(result)
    denied = [d["reason"] for d in env.decisions(before, 1) if d["verdict"] == "VERDICT_DENY"]
    assert len(denied) == 1 and code in denied[0], denied
    assert env.daemon.running() and env.daemon.pid == pid
    expect.allowed(call(env, servers, "curl", "http", "/allowed/x", 100), 100)
