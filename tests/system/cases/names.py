"""Names and datagrams: whom an agent may ask for names, by which name it then goes on record, and that QUIC does not leave unless
the policy says so. Real resolvers: glibc's by curl (with a resolv.conf of its own), c-ares by Node."""
import contextlib
import json
import time

from lib import expect
from lib.asking import PIPES, Asking
from lib.case import each
from lib.clients import DIRECTORY
from lib.config import Config
from lib.datagrams import MANY, Names, Sink
from lib.stopped import wait_for

NAME = "api.acme.test"
HOST, OTHER = "127.0.0.1", "127.0.0.2"  # without a resolv.conf below its root, writd takes the loopback for the resolver


class Client(Asking):
    """clients/node_names.js, governed."""

    def __init__(self, env):
        super().__init__(env.start_writ("run", "--agent", "tester", "--user", "sarah", "--mode", "enforce", "--",
                                        "node", DIRECTORY / "node_names.js", **PIPES))

    def do(self, what: str, **how) -> dict:
        return json.loads(self.ask(json.dumps({"what": what} | how)))

    def resolves(self, server: str, name: str = NAME, kind: str = "A") -> bool:
        return "addresses" in self.do("resolve", server=server, name=name, kind=kind)

    def sends(self, address: str, port: int, size: int = 1200) -> bool:
        return "sent" in self.do("send", address=address, port=port, bytes=size)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


@contextlib.contextmanager
def network(env, said: str):
    """While it lasts the policy says so; sessions that run follow."""
    def reload(text: str):
        env.daemon.write({"policies/test.yaml": text})
        assert env.writ("reload").returncode == 0
    reload(Config().policy() + f"network: {said}\n")
    try:
        yield
    finally:
        reload(Config().policy())


def datagrams(env) -> str:
    return next(c["detail"] for c in env.writ_json("doctor")[0]["checks"] if c["name"] == "datagrams")


def recorded(env, text: bytes, times: int = 1) -> bool:
    """What nobody waits for is told a moment later."""
    deadline = time.monotonic() + 5
    while env.audit_bytes().count(text) < times and time.monotonic() < deadline:
        time.sleep(0.02)
    return env.audit_bytes().count(text) == times


def by_name(env, *command):
    """Runs a client in a session, with a resolv.conf that names HOST."""
    conf = env.directory / "resolv.conf"
    conf.write_text(f"nameserver {HOST}\noptions timeout:1 attempts:1\n")
    script = f"mount --bind {conf} /etc/resolv.conf && exec \"$@\""
    return env.writ("run", "--agent", "tester", "--user", "sarah", "--mode", "enforce", "--",
                    "unshare", "--mount", "sh", "-c", script, "sh", *map(str, command))


@each(family=["ipv4", "ipv6"], path=["/allowed/x", "/denied/x"])
def test_what_is_asked_for_names_where_it_goes(env, family, path):
    mark, before = env.servers.mark(), env.last_sequence()
    with Names(HOST):
        by_name(env, "/usr/bin/curl", "-q", "-sS", "-m", "5", "-4" if family == "ipv4" else "-6",
                f"http://{NAME}:{env.servers.port('http', family)}{path}")
    expect.only_arrived(env.servers.since(mark), [path] if path == "/allowed/x" else [])
    call = env.calls(before, 1)[0]["decision"]["decision"]
    assert call["destination"]["host"] == NAME and call["destination"]["dnsNames"] == [NAME], call
    assert f"by DNS {NAME}" in env.writ("trace", call["callId"]).stdout


def test_bytes_that_cannot_be_read_go_by_it(env):
    before = env.last_sequence()
    with Names(HOST):
        by_name(env, "/usr/bin/gnutls-cli", "--insecure", "--port", env.servers.port("https"), NAME)
    call = env.calls(before, 1)[0]["decision"]["decision"]
    assert call["request"]["protocol"] == "opaque" and call["destination"]["dnsNames"] == [NAME], call
    assert f"({NAME})" in call["reason"] and NAME in env.writ("calls").stdout, call


def test_long_and_broken_answers(env):
    before, unread = env.last_sequence(), env.counters()["dns_unread"]
    with Names(HOST), Client(env) as client:
        assert len(client.do("resolve", server=HOST, name="many.acme.test", kind="A")["addresses"]) == MANY
        port = env.servers.port("http")
        assert client.do("get", address="127.0.0.1", port=port, path="/allowed/x") == {"status": 200}
        assert not client.resolves(HOST, "broken.acme.test")
        assert not client.resolves(HOST, "nowhere.acme.test")  # that there is nothing is an answer
        wait_for(lambda: env.counters()["dns_unread"] > unread, "the broken answer is not counted")  # no event that wakes writd
        assert env.counters()["dns_unread"] == unread + 1
    assert env.decisions(before, 1)[0]["destination"]["dnsNames"] == ["many.acme.test"]


def test_the_hosts_resolvers_only(env):
    with Names(HOST, OTHER, "::1") as names, Client(env) as client:
        assert [client.resolves(server) for server in (HOST, "::1", f"::ffff:{HOST}")] == [True] * 3
        refused = env.counters()["datagrams_refused"]
        assert not client.resolves(OTHER) and not client.resolves(f"::ffff:{OTHER}")
        assert not names.asked(OTHER), "a resolver that is not the host's was asked"
        assert env.counters()["datagrams_refused"] >= refused + 2
        assert recorded(env, f"to {OTHER}:53: DNS may be asked of the host's".encode(), 2)
        with network(env, "{dns: any}"):
            assert client.resolves(OTHER) and names.asked(OTHER)
            assert "ANYBODY in 1 of 1 sessions" in datagrams(env)
            assert "DNS may be asked of anybody in 1 session" in env.writ("status").stdout
        assert not client.resolves(OTHER) and not names.asked(OTHER)


def test_resolv_conf_that_changes(env):
    conf = env.daemon.root / "etc" / "resolv.conf"

    def told(what: str) -> bool:
        deadline = time.monotonic() + 5
        while what not in datagrams(env) and time.monotonic() < deadline:
            time.sleep(0.05)
        return what in datagrams(env)

    with Names(HOST, OTHER, "::1") as names, Client(env) as client:
        try:
            conf.write_text(f"nameserver {OTHER}\n")
            assert told(f"asked of {OTHER} ({conf})"), datagrams(env)
            assert client.resolves(OTHER)
            assert not client.resolves(HOST) and not client.resolves("::1", kind="AAAA")
            assert not names.asked(HOST) and not names.asked("::1")
        finally:
            conf.unlink()
        assert told(f"asked of {HOST}, ::1"), datagrams(env)
        assert client.resolves("::1", kind="AAAA") and not client.resolves(OTHER)


@each(address=["127.0.0.1", "::1"])
def test_quic(env, address):
    with Sink(address, 443) as sink, Client(env) as client:
        assert not client.sends(address, 443)
        there = f"[{address}]" if ":" in address else address
        assert recorded(env, f"to {there}:443: QUIC cannot be read".encode()) and "QUIC is refused" in datagrams(env)
        passed = env.counters()["quic_passed"]
        with network(env, "{quic: allow}"):
            assert sink.took() == 0, "a datagram to port 443 left"
            assert client.sends(address, 443) and client.sends(address, 443)
            assert not client.sends(address, 444)
            assert "leaves UNREAD in 1 of 1 sessions" in datagrams(env)
            assert "QUIC leaves unread in 1 session" in env.writ("status").stdout
            assert env.counters()["quic_passed"] == passed + 2
        assert sink.took() == 2
        assert not client.sends(address, 443)
        assert recorded(env, f"UDP to {there}:443 leaves unread".encode()), "not told once for two datagrams"
        assert recorded(env, f"to {there}:443: QUIC cannot be read".encode(), 2)
        assert sink.took() == 0
