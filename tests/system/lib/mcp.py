"""MCP's own client and servers (npm's @modelcontextprotocol/sdk, server-everything and server-filesystem), over Streamable HTTP or the
older HTTP+SSE, or over stdio to a server that the client starts; and a client in Python, over Streamable HTTP only.

    with Server(env.directory) as server:
        with Client(env, server.url) as client:      # under `writ run`; or client=HTTP_CLIENTS["python"]
            client.ask(call="echo", arguments={"message": "x"})
    with Client(env, "node", EVERYTHING, "stdio") as client: ...
"""
import json
import os
import pathlib
import re
import socket
import subprocess
import time

from . import clients
from .asking import PIPES
from .oidc import NODE, install
from .processes import Processes

EVERYTHING = NODE / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
FILESYSTEM = NODE / "node_modules/@modelcontextprotocol/server-filesystem/dist/index.js"
NODE_CLIENT = ["node", NODE / "mcp_client.mjs"]
HTTP_CLIENTS = {"node": NODE_CLIENT, "python": [clients.PYTHON, "-B", clients.DIRECTORY / "py_mcp.py"]}


class Server:
    """Runs free of Writ, and logs each POST that reaches it."""

    def __init__(self, directory: pathlib.Path, transport: str = "streamableHttp"):
        """Or "sse"."""
        self.transport = transport
        self.log = directory / "mcp-server.log"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/{'sse' if transport == 'sse' else 'mcp'}"

    def __enter__(self):
        install()
        with open(self.log, "wb") as log:
            self.process = Processes.start(["node", EVERYTHING, self.transport], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={"PATH": os.environ["PATH"], "PORT": str(self.port)})
        deadline = time.monotonic() + 30
        while not re.search("listening|is running", self.log.read_text()):
            assert self.process.poll() is None and time.monotonic() < deadline, f"no MCP server:\n{self.log.read_text()[-1500:]}"
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        Processes.done(self.process)

    def posts(self) -> int:
        return len(re.findall("Received MCP POST request|Client Message from", self.log.read_text()))


class Client:
    def __init__(self, env, *server, client=NODE_CLIENT, mode="enforce"):
        """`server`: its URL, or the command that starts it."""
        install()
        self.process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--mode", mode, "--", *client, *server,
                                      env=env.environment(), **PIPES)

    def __enter__(self):
        assert json.loads(self.process.stdout.readline() or "{}") == {"ready": True}, "the client did not connect"
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=15)  # it ends with its standard input
        Processes.done(self.process)

    def ask(self, **order) -> dict:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())
