"""MCP over stdio: the official SDK's client and servers over socketpairs, and a client in Python over pipes."""
import json
import os
import pathlib

from lib.case import each, timeout
from lib.mcp import EVERYTHING, FILESYSTEM, Client

POLICY = """\
version: 1
tools:
  - {name: every.echo, server: "*/node */server-everything/dist/index.js *", mcp: echo, scopes: [test.use], effect: read}
  - {name: every.sum, server: "*/node */server-everything/dist/index.js *", mcp: get-sum, scopes: [test.use], effect: read}
  - {name: every.environment, server: "*/node */server-everything/dist/index.js *", mcp: get-env, scopes: [test.forbidden], effect: read}
  - {name: files.write, server: "*/server-filesystem/dist/index.js *", mcp: write_file, scopes: [test.use], effect: write}
  - {name: files.read, server: "*/server-filesystem/dist/index.js *", mcp: "read_*", scopes: [test.use], effect: read}
rules:
  - {id: echoes, effect: allow, tools: [every.echo, every.environment, files.read]}
  - {id: little, effect: allow, tools: [every.sum], args: {a: {le: 500}, b: {le: 500}}}
  - {id: notes, effect: allow, tools: [files.write], args: {path: {glob: "*/note*"}}}
"""


def use(env, policy=POLICY) -> None:
    env.daemon.write({"policies/test.yaml": policy})
    done = env.writ("reload")
    assert done.returncode == 0, done.stderr


def made(env, after: int, count: int) -> list:
    return [(c["decision"]["decision"], c["outcome"]["outcome"]) for c in env.calls(after, count)]


def test_calls_and_denials(env):
    """Allowed, denied in MCP's own form with its reason, and the next call works."""
    use(env)
    before = env.last_sequence()
    with Client(env, "node", EVERYTHING, "stdio") as client:
        assert "get-env" in client.ask(list=True)["tools"]
        assert client.ask(call="echo", arguments={"message": "hello"})["result"]["content"][0]["text"] == "Echo: hello"
        denied = client.ask(call="get-env")["error"]
        assert denied["name"] == "McpError" and denied["code"] == -32090 and "scope test.forbidden is missing" in denied["message"], denied
        assert denied["data"]["code"] == "scope_missing" and denied["data"]["by"] == "writ", denied
        assert client.ask(call="get-sum", arguments={"a": 2, "b": 501})["error"]["data"]["code"] == "no_rule"
        assert client.ask(call="trigger-long-running-operation")["error"]["data"]["code"] == "tool_unknown"
        assert "42" in client.ask(call="get-sum", arguments={"a": 2, "b": 40})["result"]["content"][0]["text"]
        assert client.ask(ping=True) == {}
    calls = made(env, before, 9)
    seen = {d["tool"].get("name", "") for d, _ in calls}
    assert {"mcp.start", "mcp.notify", "mcp.list", "mcp.ping"} <= seen, seen
    decision, outcome = next((d, o) for d, o in calls if d["tool"].get("name") == "every.echo")
    assert decision["request"]["protocol"] == "stdio", decision
    assert decision["tool"]["server"].startswith("stdio:/") and str(EVERYTHING) in decision["tool"]["server"], decision
    mcp = decision["tool"]["mcp"]
    assert (mcp["method"], mcp["name"], mcp["version"]) == ("tools/call", "echo", "2025-11-25"), mcp
    assert len(mcp["arguments"]) == 64 and len(outcome["mcp"]["result"]) == 64, (mcp, outcome)
    assert outcome["result"] == "completed", outcome
    assert [o["result"] for d, o in calls if d["verdict"] == "VERDICT_DENY"] == ["refused"] * 3
