"""The real clients, as one table. A client is a script in ../clients with the command line of clients/common.py."""
import pathlib

DIRECTORY = pathlib.Path(__file__).resolve().parents[1] / "clients"
PYTHON = "/usr/bin/python3"
NODE = "node"

# Complete HTTP clients: every one of them runs every case of clients_allowed_denied.py.
HTTP = {
    "requests": [PYTHON, "py_requests.py"],
    "httpx": [PYTHON, "py_httpx.py"],
    "httpx-async": [PYTHON, "py_httpx_async.py"],
    "aiohttp": [PYTHON, "py_aiohttp.py"],
    "http.client": [PYTHON, "py_http_client.py"],
    "curl": [PYTHON, "curl.py"],
    "node-https": [NODE, "node_https.js"],
    "node-fetch": [NODE, "node_fetch.js"],
    "undici": [NODE, "node_undici.js"],
}

SPECIAL = {
    "raw": [PYTHON, "raw.py"],
    "openssl": [PYTHON, "openssl.py"],
    "gnutls": [PYTHON, "gnutls.py"],
    "node-http2": [NODE, "node_http2.js"],
    "nghttp": [PYTHON, "nghttp.py"],
    "grpc": [PYTHON, "py_grpc.py"],
    "websockets": [PYTHON, "py_websockets.py"],
    "aiohttp-ws": [PYTHON, "py_aiohttp_ws.py"],
    "node-ws": [NODE, "node_ws.js"],
    "many-asyncio": [PYTHON, "many_asyncio.py"],
    "many-node": [NODE, "many_node.js"],
}

# HTTP/2: the arguments that make them speak it.
HTTP2 = {
    "curl": ["--http2"],
    "httpx": ["--http2"],
    "node-http2": [],
    "undici": ["--http2"],
    "nghttp": [],
}

WEBSOCKET = ["websockets", "aiohttp-ws", "node-ws"]

MANY = ["many-asyncio", "many-node"]


def command(name: str) -> list[str]:
    program, script = (HTTP | SPECIAL)[name]
    return [program, str(DIRECTORY / script)]
