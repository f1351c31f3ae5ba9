"""MCP over HTTP, between server-everything and the official SDK's client, and one in Python."""
import contextlib
import http.server
import itertools
import json
import threading
import urllib.parse

from lib.case import each, timeout
from lib.h2_server import H2Servers
from lib.mcp import HTTP_CLIENTS, Client, Server

POLICY = """\
version: 1
tools:
  - {name: every.echo, host: "*", path: /mcp, mcp: echo, scopes: [test.use], effect: read}
  - {name: every.weather, host: "*", path: /mcp, mcp: get-structured-content, scopes: [test.use], effect: read}
  - {name: every.sum, host: "*", path: /mcp, mcp: get-sum, scopes: [test.use], effect: read}
  - {name: every.environment, host: "*", path: /mcp, mcp: get-env, scopes: [test.forbidden], effect: read}
rules:
  - {id: echoes, effect: allow, tools: [every.echo, every.weather, every.environment]}
  - {id: little, effect: allow, tools: [every.sum], args: {a: {le: 500}, b: {le: 500}}}
"""


def use(env) -> None:
    env.daemon.write({"policies/test.yaml": POLICY})
    assert env.writ("reload").returncode == 0


@each(program=HTTP_CLIENTS)
def test_calls_and_denials(env, program):
    """Allowed, denied in MCP's own form without a byte of it at the server, and the next call works."""
    use(env)
    before = env.last_sequence()
    with Server(env.directory) as server, Client(env, server.url, client=HTTP_CLIENTS[program]) as client:
        assert "get-env" in client.ask(list=True)["tools"]
        assert client.ask(call="echo", arguments={"message": "hello"})["result"]["content"][0]["text"] == "Echo: hello"
        weather = client.ask(call="get-structured-content", arguments={"location": "Chicago"})["result"]
        assert weather["structuredContent"]["temperature"] == 36, weather
        posts = server.posts()
        denied = client.ask(call="get-env")["error"]
        assert denied["name"] == "McpError" and denied["code"] == -32090 and "scope test.forbidden is missing" in denied["message"], denied
        assert denied["data"]["code"] == "scope_missing" and denied["data"]["by"] == "writ", denied
        too_much = client.ask(call="get-sum", arguments={"a": 2, "b": 501})["error"]
        assert too_much["data"]["code"] == "no_rule", too_much
        unknown = client.ask(call="trigger-long-running-operation")["error"]
        assert unknown["data"]["code"] == "tool_unknown", unknown
        assert server.posts() == posts, "a denied call has reached the server"
        assert "42" in client.ask(call="get-sum", arguments={"a": 2, "b": 40})["result"]["content"][0]["text"]
        assert client.ask(ping=True) == {}
    calls = {c["decision"]["decision"]["callId"]: c for c in env.calls(before, 9)}
    made = [(c["decision"]["decision"], c["outcome"]["outcome"]) for c in calls.values()]
    seen = {d["tool"].get("name", "") for d, _ in made}
    assert {"mcp.start", "mcp.notify", "mcp.stream", "mcp.list", "mcp.ping", "mcp.end"} <= seen, seen
    decision, outcome = next((d, o) for d, o in made if d["tool"].get("name") == "every.weather")
    assert decision["tool"]["server"] == server.url, decision
    mcp = decision["tool"]["mcp"]
    assert (mcp["method"], mcp["name"]) == ("tools/call", "get-structured-content"), mcp
    assert mcp["version"] and len(mcp["arguments"]) == 64, mcp
    assert outcome["result"] == "completed" and not outcome["mcp"].get("isError"), outcome
    assert len(outcome["mcp"]["result"]) == 64 and len(outcome["mcp"]["structured"]) == 64, outcome
    assert [o["result"] for d, o in made if d["verdict"] == "VERDICT_DENY"] == ["refused"] * 3
    trace = env.writ("trace", decision["callId"])
    assert "tools/call get-structured-content" in trace.stdout, trace.stdout


def test_the_older_transport(env):
    """What answers a call comes on another connection, and is on record with the call."""
    env.daemon.write({"policies/test.yaml": POLICY.replace("path: /mcp", "path: [/sse, /message]")})
    assert env.writ("reload").returncode == 0
    before = env.last_sequence()
    with Server(env.directory, "sse") as server, Client(env, server.url) as client:
        assert client.ask(call="echo", arguments={"message": "hello"})["result"]["content"][0]["text"] == "Echo: hello"
        posts = server.posts()
        denied = client.ask(call="get-env")["error"]
        assert "HTTP 403" in denied["message"] and "scope test.forbidden is missing" in denied["message"], denied
        assert server.posts() == posts, "a denied call has reached the server"
        assert "42" in client.ask(call="get-sum", arguments={"a": 2, "b": 40})["result"]["content"][0]["text"]
    made = [(c["decision"]["decision"], c["outcome"]["outcome"]) for c in env.calls(before, 5)]
    outcomes = {d["tool"].get("name", ""): o for d, o in made if d["verdict"] != "VERDICT_DENY"}
    assert "mcp.stream" in outcomes, outcomes
    for tool in ("mcp.start", "every.echo", "every.sum"):
        assert outcomes[tool]["status"] == 202 and len(outcomes[tool]["mcp"]["result"]) == 64, (tool, outcomes[tool])


def test_a_message_that_two_readers_could_read_differently(env):
    """Of such a one no byte leaves; the same without the trick does."""
    use(env)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"message": "x"}}}
    good = json.dumps(call)
    twice = good.replace('"name": "echo"', '"name": "echo", "name": "get-env"')
    for body, headers, denied in ((good, (), False), (twice, (), True), (f"[{good}]", (), True), (good[:-1], (), True),
                                  (good, ("Mcp-Name: get-env",), True), (good, ("Mcp-Name: echo",), False),
                                  (good, ("Content-Type: application/json; charset=utf-7",), True)):
        before, mark = env.last_sequence(), env.servers.mark()
        status = post(env, body, headers)
        arrived = env.servers.since(mark, settle=0.1)
        decision = env.decisions(before, 1)[0]
        assert (decision["code"] == "unparseable") == denied == (status == 403), (body, headers, status, decision)
        assert (arrived.raw_bytes == 0) == denied, (body, headers, arrived.raw_bytes)


SEND = ("import http.client,sys\n"
        "c=http.client.HTTPConnection(sys.argv[1],int(sys.argv[2]))\n"
        "headers=dict(line.split(': ',1) for line in sys.argv[4:])\n"
        "c.request('POST','/mcp',sys.argv[3],{'Content-Type':'application/json'}|headers); r=c.getresponse()\n"
        "print(r.status); print(r.read().decode())\n")


def post(env, body, headers) -> int:
    return post_to(env, env.url("http", "/mcp"), body, headers)[0]


def post_to(env, url, body, headers) -> tuple[int, str]:
    target = urllib.parse.urlsplit(url)
    done = env.writ("run", "--agent", "tester", "--user", "sarah", "--", "/usr/bin/python3", "-c", SEND, target.hostname, str(target.port),
                    body, *headers)
    assert done.returncode == 0, done.stderr
    status, _, text = done.stdout.partition("\n")
    return int(status), text


@each(program=HTTP_CLIENTS)
@timeout(90)
def test_many_calls(env, program):
    """Not one lost, hung or reordered: one after the other, and 20 at once."""
    count = {"node": 500, "python": 100}[program]
    use(env)
    before = env.last_sequence()
    with Server(env.directory) as server, Client(env, server.url, client=HTTP_CLIENTS[program]) as client:
        row = client.ask(echo=count)
        assert row["good"] == count and row["ordered"], row
        many = client.ask(echo=count, at_once=20)
        assert many["good"] == count, many
    made = [c for c in env.calls(before, 2 * count, 20) if c["decision"]["decision"]["tool"].get("name") == "every.echo"]
    assert len(made) == 2 * count, len(made)
    assert len({c["decision"]["decision"]["tool"]["mcp"]["id"] for c in made}) == 2 * count
    assert all(len(c["outcome"]["outcome"]["mcp"]["result"]) == 64 for c in made), "a result is not on record"


@contextlib.contextmanager
def batch_server():
    """An MCP server that takes batches, which 2025-03-26 had and no SDK in the registries sends. Gives its URL, and the ids that it has
    seen."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle(self):
            with contextlib.suppress(ConnectionResetError):  # a refused connection ends so
                super().handle()

        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.extend(one["id"] for one in message)
            text = json.dumps([{"jsonrpc": "2.0", "id": one["id"], "result": {"content": []}} for one in message]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/mcp", seen
        server.shutdown()


def test_a_batch(env):
    """MCP 2025-03-26: each message has its own verdict, record and result; where one is denied, no byte of the batch leaves."""
    use(env)
    call = lambda i, tool: {"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": {"name": tool, "arguments": {}}}  # noqa: E731
    with batch_server() as (url, seen):
        send = lambda *calls, version="2025-03-26": post_to(  # noqa: E731
            env, url, json.dumps(calls), ["Accept: application/json, text/event-stream", f"MCP-Protocol-Version: {version}"])
        before = env.last_sequence()
        status, text = send(call(1, "echo"), call(2, "get-structured-content"))
        assert (status, [a["id"] for a in json.loads(text)], seen) == (200, [1, 2], [1, 2]), (status, text, seen)
        status, text = send(call(3, "echo"), call(4, "get-env"))
        errors = [(a["id"], a["error"]["data"]["code"]) for a in json.loads(text)]
        assert (status, errors) == (200, [(3, "batch_denied"), (4, "scope_missing")]), (status, text)
        assert send(call(5, "echo"), version="2025-06-18")[0] == 403
        assert send(call(6, "echo"))[0] == 200
        assert seen == [1, 2, 6], "a message of a denied batch has reached the server"
    made = [(c["decision"]["decision"], c["outcome"]["outcome"]) for c in env.calls(before, 6)]
    told = [(d["code"], o["result"], len(o.get("mcp", {}).get("result", ""))) for d, o in made]
    assert told == [("allowed", "completed", 64), ("allowed", "completed", 64), ("batch_denied", "refused", 0),
                    ("scope_missing", "refused", 0), ("unparseable", "refused", 0), ("allowed", "completed", 64)], told


def test_over_http2(env):
    """Allowed, denied without a byte of it at the server, allowed after: the same reading, whatever carries the message."""
    use(env)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "arguments": {"message": "x"}}}
    other = call | {"params": {"name": "get-env"}}
    before, got = env.last_sequence(), []
    with H2Servers(env.certs) as servers:
        for server in servers.all.values():
            server.pages["/mcp"] = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}).encode()
        for scheme, message in itertools.product(("https", "http"), (call, other, call)):
            mark, text = servers.mark(), json.dumps(message)
            result = env.client("curl", servers.url(scheme, "/mcp"), method="POST", body=len(text), tail=text, extra=["--http2"])[0]
            assert (servers.since(mark).request_bytes == 0) == (message is other), scheme
            got.append(result["status"])
    assert got == [200, 0, 200] * 2, got
    made = [(c["decision"]["decision"], c["outcome"]["outcome"]) for c in env.calls(before, 6)]
    assert [d["code"] for d, _ in made] == ["allowed", "scope_missing", "allowed"] * 2, made
    for decision, outcome in made:
        assert (decision["request"]["protocol"], decision["tool"]["mcp"]["method"]) == ("http/2", "tools/call"), decision
        if decision["verdict"] == "VERDICT_ALLOW":
            assert decision["tool"]["name"] == "every.echo" and len(outcome["mcp"]["result"]) == 64, (decision, outcome)
