"""An MCP client over stdio in plain Python (there is no SDK for it in the registries): starts a server behind two pipes, as Python's
subprocess does, or behind a socketpair, and sends what it is told as it is told.

    mcp_client.py [--socketpair] [--version VERSION] SERVER...
    {"send": [PIECE...], "pause": SECONDS, "answers": N} → {"answers": [...]}: the pieces one write each; then N lines of the server's
    {"call": NAME, "arguments": {...}} → {"result": ...} or {"error": ...}, as mcp_client.mjs has it
    {"pid": true} → {"pid": of the server}      {"thousand": N} → {"good": ...}
"""
import json
import os
import socket
import subprocess
import sys
import time

command = sys.argv[1:]
over_socketpair, version = False, "2025-06-18"
while command[0].startswith("--"):
    option = command.pop(0)
    if option == "--socketpair":
        over_socketpair = True
    else:
        version = command.pop(0)
if over_socketpair:
    near, far = socket.socketpair()
    server = subprocess.Popen(command, stdin=far, stdout=far)
    far.close()
    writer, reader = near.fileno(), near.makefile("r")
else:
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    writer, reader = server.stdin.fileno(), server.stdout
names = iter(range(1, 10**9))


def answer():
    return json.loads(reader.readline() or '{"id": null, "error": {"message": "the server is gone"}}')


def send(data):
    view = memoryview(data)
    while view:
        view = view[os.write(writer, view):]


def call(method, params):
    name = next(names)
    send(json.dumps({"jsonrpc": "2.0", "id": name, "method": method, "params": params}).encode() + b"\n")
    told = answer()
    assert told.get("id") in (name, None), told
    return {key: told[key] for key in ("result", "error") if key in told}


def act(order):
    if "pid" in order:
        return {"pid": server.pid}
    if "send" in order:
        for piece in order["send"]:
            send(piece.encode())
            time.sleep(order.get("pause", 0))
        return {"answers": [answer() for _ in range(order["answers"])]}
    if "thousand" in order:
        texts = [f"number {i}" for i in range(order["thousand"])]
        return {"good": sum(call("tools/call", {"name": "echo", "arguments": {"text": t}})["result"]["content"][0]["text"] == t
                            for t in texts)}
    return call("tools/call", {"name": order["call"], "arguments": order.get("arguments", {})})


call("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "plain", "version": "1"}})
send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    print(json.dumps(act(json.loads(line))), flush=True)
os.close(writer) if over_socketpair else server.stdin.close()
server.wait(10)
