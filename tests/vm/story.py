"""Played in the virtual machine (run): the mechanisms of Writ, one time each. Allowed, denied without a byte at the server, allowed
after, over cleartext, TLS and stdio; a program that is denied leaves no trace; the record verifies."""
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import traceback

CLIENT = """
import http.client, ssl, sys
trust = ssl.create_default_context(cafile="/root/cert.pem")
port = int(sys.argv[2])
to = http.client.HTTPSConnection("127.0.0.1", port, context=trust) if sys.argv[1] == "https" else http.client.HTTPConnection("127.0.0.1", port)
for path in sys.argv[3:]:
    try:
        to.request("POST", path, b"x" * 2000)
        answer = to.getresponse()
        answer.read()
        print(answer.status)
    except (OSError, http.client.HTTPException) as error:
        to.close()
        print(type(error).__name__)
"""
EXEC = """
import subprocess
print(subprocess.run(["/bin/busybox", "touch", "/tmp/trace"]).returncode)
"""
seen = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        seen.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a connection that was ended for a denied call


def serve(scheme: str) -> int:
    server = Server(("127.0.0.1", 0), Handler)
    if scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("/root/cert.pem", "/root/key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def writ(*words, **how) -> subprocess.CompletedProcess:
    return subprocess.run(["/root/writ", *words], capture_output=True, text=True, timeout=120, check=False, **how)


def run(*command, **how) -> list[str]:
    done = writ("run", "--agent", "tester", "--user", "sarah", "--", *map(str, command), **how)
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def over(scheme: str, denied: str) -> None:
    del seen[:]
    got = run("python3", "-c", CLIENT, scheme, serve(scheme), "/allowed/a", "/denied/b", "/allowed/c")
    assert got == ["200", denied, "200"], got
    assert seen == ["/allowed/a", "/allowed/c"], seen


def stdio() -> None:
    orders = [{"call": "note", "arguments": {"text": "one"}}, {"call": "note", "arguments": {"text": "a secret"}}, {"thousand": 200},
              {"call": "note", "arguments": {"text": "two"}}]
    got = run("python3", "mcp_client.py", "python3", "/root/mcp_server.py", "--file", "/tmp/notes",
              input="".join(json.dumps(order) + "\n" for order in orders))
    ready, one, secret, good, two = map(json.loads, got)
    assert ready and "result" in one and "result" in two and good == {"good": 200}, got
    assert secret["error"]["data"]["code"] == "rule_denied", secret
    assert pathlib.Path("/tmp/notes").read_text() == "one\ntwo\n"


def program() -> None:
    assert run("python3", "-c", EXEC) == ["-9"]
    assert not os.path.exists("/tmp/trace")


def play() -> None:
    doctor = writ("doctor")
    assert doctor.returncode == 0, doctor.stdout
    over("http", "403")
    over("https", "RemoteDisconnected")
    stdio()
    program()
    verified = writ("audit", "verify")
    assert verified.returncode == 0, verified


print("story: on", os.uname().release, flush=True)
with open("/tmp/writd.log", "wb") as log:
    daemon = subprocess.Popen(["/root/writd", "--root", "/"], stdout=log, stderr=log)
try:
    deadline = time.monotonic() + 60
    while "ready" not in pathlib.Path("/tmp/writd.log").read_text() and daemon.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    play()
    daemon.terminate()
    assert daemon.wait(20) == 0
    print("story: all passed", flush=True)
except Exception:  # all of it has to be said on the console, which is all that is left of this machine
    traceback.print_exc(file=sys.stdout)
    print(pathlib.Path("/tmp/writd.log").read_text(), flush=True)
os._exit(0)  # the servers' threads are still there
