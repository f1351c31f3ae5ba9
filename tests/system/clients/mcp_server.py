"""An MCP server over stdio in plain Python (there is no SDK for it in the registries), for what well-behaved servers never do: reading a
byte at a time, reading by recv, a descriptor of another number; and for batches, which MCP 2025-03-26 had and no SDK sends. One tool,
`note`, appends its argument to a file; `echo` returns it."""
import argparse
import ctypes
import json
import os
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--file", required=True, help="what `note` appends to")
parser.add_argument("--piece", type=int, default=65536, help="bytes a read")
parser.add_argument("--moved", action="store_true", help="standard input is used under another number")
parser.add_argument("--silent", type=float, default=0, help="seconds before anything is read")
parser.add_argument("--headless", action="store_true", help="its first thread ends once there was a call")
parser.add_argument("--readers", type=int, default=1, help="threads that read at once, once there was a call")
args = parser.parse_args()

source = 0
if args.moved:
    source = os.dup(0)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
time.sleep(args.silent)


def answer(message):
    params = message.get("params") or {}
    given = params.get("arguments") or {}
    if message["method"] == "initialize":
        return {"protocolVersion": params.get("protocolVersion", "2025-06-18"), "capabilities": {"tools": {}},
                "serverInfo": {"name": "notes", "version": "1"}}
    if message["method"] == "tools/call":
        if params["name"] == "note":
            with open(args.file, "a", encoding="utf-8") as file:
                file.write(given["text"][:100] + "\n")
        return {"content": [{"type": "text", "text": given.get("text", "")}]}
    return {}


def answer_to(message):
    if isinstance(message, list):
        return [each for each in map(answer_to, message) if each]
    if "id" in message and "method" in message:
        return {"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}
    return None


def serve(calls=None):
    """Until its input ends, or `calls` were answered."""
    left = b""
    while calls != 0 and (data := os.read(source, args.piece)):
        left += data
        while b"\n" in left:
            line, left = left.split(b"\n", 1)
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if told := answer_to(message):
                os.write(1, json.dumps(told).encode() + b"\n")
            if calls and b"tools/call" in line:
                calls -= 1


serve(1 if args.headless or args.readers > 1 else None)
for _ in range(args.readers - 1 + args.headless):
    threading.Thread(target=serve).start()
if args.headless:
    ctypes.CDLL(None).pthread_exit(None)
if args.readers > 1:
    serve()
