"""WebSocket: real clients (python3-websockets, aiohttp, npm's ws) with compression on. What is allowed arrives byte-exact both ways,
of a denied message no byte does, and another connection works after."""
import functools
import json

from lib import expect
from lib.case import each
from lib.clients import WEBSOCKET
from lib.content import content, sha256
from lib.oidc import install
from lib.ws_server import WsServers

CLIENT_SCHEME = [f"{client} {scheme}" for client in WEBSOCKET for scheme in ("ws", "wss")]
AWS_KEY = "AKIA" + "Q7ZX2MWPLB4TNE5D"
CAP = {"id": "cap", "effect": "deny", "tools": ["test.allowed"], "methods": ["MESSAGE"],
       "args": {"amount": {"exists": True, "gt": 500}}}


CONFIG = {"more_rules": (CAP,)}


def with_servers(test):
    @functools.wraps(test)
    def run(env, client_scheme):
        client, scheme = client_scheme.split()
        if client == "node-ws":
            install()
        with WsServers(env.certs) as servers:
            test(env, servers, client, scheme)
    return run


def talk(env, servers, client, scheme, path, *messages):
    extra = [word for message in messages for word in ("--say", message)]
    return env.client(client, servers.url(scheme, path), extra=extra, timeout=15)



@each(client_scheme=CLIENT_SCHEME)
@with_servers
def test_byte_exact_both_ways(env, servers, client, scheme):
    before = env.last_sequence()
    account = json.dumps({"amount": 500})
    results = talk(env, servers, client, scheme, "/scanned/x", account, "0 bytes", "300000 bytes", "/ask 200000", "κόσμε")
    sizes = [content(0), content(300_000), content(200_000)]
    wanted = [account.encode(), *sizes, "κόσμε".encode()]
    assert [(r["status"], r["sha256"]) for r in results] == [(200, sha256(w)) for w in wanted], expect.brief(results)
    connection = servers.connections[0]
    assert connection.messages == [account.encode(), content(0), content(300_000), b"/ask 200000", "κόσμε".encode()]
    assert connection.compressed and connection.unaccounted_bytes == 0
    assert connection.pongs == 5, "an agent may answer the server's pings"
    calls = env.calls(before, 6)
    told = [(c["decision"]["decision"]["request"]["method"], c["outcome"]["outcome"]["result"]) for c in calls]
    assert sorted(told) == [("GET", "completed")] + [("MESSAGE", "completed")] * 5, told
    handshake = next(c["outcome"]["outcome"] for c in calls if c["decision"]["decision"]["request"]["method"] == "GET")
    assert handshake["detail"] == "WebSocket: 5 messages of the agent, 5 of the server, closed by the agent", handshake
    assert int(handshake["bytes"]) == sum(len(w) for w in wanted), handshake


def denied(env, servers, client, scheme, path, fine, bad, rule):
    """Works before, not a byte of the denied message at the server, works after."""
    before = env.last_sequence()
    results = talk(env, servers, client, scheme, path, fine, bad, fine)
    assert [r["status"] for r in results] == [200, 1008 if scheme == "ws" else 0], expect.brief(results)
    if scheme == "ws":
        assert results[1]["reason"].startswith("writ: "), results[1]
    else:
        expect.denied(results[1], "https")
    after = talk(env, servers, client, scheme, path, fine)
    assert [r["status"] for r in after] == [200], expect.brief(after)
    messages = [(c.messages, c.unaccounted_bytes) for c in servers.connections]
    assert messages == [([fine.encode()], 0)] * 2, expect.brief(messages)
    decisions = env.decisions(before, 5)
    expect.verdicts(decisions, ["allow", "allow", "deny", "allow", "allow"])
    assert decisions[2]["rule"] == rule, decisions[2]


@each(client_scheme=CLIENT_SCHEME)
@with_servers
def test_a_secret(env, servers, client, scheme):
    denied(env, servers, client, scheme, "/scanned/x", "nothing to see", f"the key is {AWS_KEY} " * 3, "no-secrets")


@each(client_scheme=["websockets ws", "node-ws wss"])
@with_servers
def test_an_argument(env, servers, client, scheme):
    denied(env, servers, client, scheme, "/allowed/x", json.dumps({"amount": 500}), json.dumps({"amount": 501}), "cap")
