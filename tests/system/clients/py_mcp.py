"""An MCP client over Streamable HTTP, on Debian's httpx: a second one beside the official SDK's for Node, since there is no package
of one for Python here. Orders and answers are those of node/mcp_client.mjs, a JSON object a line.

    python3 py_mcp.py URL
"""
import concurrent.futures
import itertools
import json
import sys
import threading
import time

import httpx

VERSION = "2025-06-18"


class McpError(Exception):
    def __init__(self, error: dict):
        super().__init__(error["message"])
        self.code, self.data = error["code"], error.get("data")


class Client:
    def __init__(self, url: str):
        self.url, self.ids = url, itertools.count(1)
        self.http = httpx.Client(timeout=30, headers={"Accept": "application/json, text/event-stream"})
        self.ask("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "writ-tests", "version": "1"}})
        self.http.headers["MCP-Protocol-Version"] = VERSION
        self.post({"method": "notifications/initialized"})
        self.opened = threading.Event()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        self.opened.wait(10)

    def ask(self, method: str, params: dict | None = None) -> dict:
        number = next(self.ids)
        answer = self.post({"id": number, "method": method, **({} if params is None else {"params": params})}, number)
        if "error" in answer:
            raise McpError(answer["error"])
        return answer["result"]

    def post(self, message: dict, number: int | None = None) -> dict:
        with self.http.stream("POST", self.url, json={"jsonrpc": "2.0", **message}) as response:
            if "mcp-session-id" in response.headers:
                self.http.headers["Mcp-Session-Id"] = response.headers["mcp-session-id"]
            if number is None:
                return {}
            if response.headers["content-type"].startswith("text/event-stream"):
                return next(m for m in _messages(response) if m.get("id") == number)
            return json.loads(response.read())

    def _listen(self) -> None:
        """What the server says by itself."""
        try:
            with self.http.stream("GET", self.url, headers={"Accept": "text/event-stream"}, timeout=None) as response:
                self.opened.set()
                for _ in _messages(response):
                    pass
        except httpx.TransportError:
            pass  # the session is over
        finally:
            self.opened.set()

    def end(self) -> None:
        self.http.delete(self.url)
        self.listener.join(5)


def _messages(response):
    """Of an event stream."""
    data = []
    for line in response.iter_lines():
        line = line.rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield json.loads("\n".join(data))
            data = []


def echo(client: Client, count: int, at_once: int) -> dict:
    began, answered = time.monotonic(), []

    def one(number: int) -> bool:
        message = f"number {number}"
        result = client.ask("tools/call", {"name": "echo", "arguments": {"message": message}})
        answered.append(number)
        return result["content"][0]["text"] == f"Echo: {message}"

    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        good = sum(pool.map(one, range(count)))
    return {"good": good, "ordered": answered == sorted(answered), "ms": round((time.monotonic() - began) * 1000)}


def act(client: Client, order: dict) -> dict:
    if "list" in order:
        return {"tools": [tool["name"] for tool in client.ask("tools/list")["tools"]]}
    if "ping" in order:
        return client.ask("ping")
    if "echo" in order:
        return echo(client, order["echo"], order.get("at_once", 1))
    return {"result": client.ask("tools/call", {"name": order["call"], "arguments": order.get("arguments", {})})}


def main() -> None:
    client = Client(sys.argv[1])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        try:
            answer = act(client, json.loads(line))
        except McpError as error:
            answer = {"error": {"name": "McpError", "code": error.code, "message": str(error), "data": error.data}}
        print(json.dumps(answer), flush=True)
    client.end()


main()
