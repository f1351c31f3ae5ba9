"""A stand-in for OPA: speaks POST /v1/data/<path> as its REST API documents it, and misbehaves where a case wants it to.

OPA's server is in none of the registries that the tests can reach, so the decisions are a Python function's here. What the shipped
Rego answers, OPA's engine says in cases/opa_rego.py.
"""
import contextlib
import http.server
import json
import socket
import socketserver
import threading
import time


class DecisionPoint:
    """`decide(input)` returns what stands below "result"; None: undefined. `mode`: "" or how it fails."""

    def __init__(self, path, decide):
        self.path, self.decide, self.mode = str(path), decide, ""
        self.asked: list[dict] = []
        self.connections = 0
        self.sockets = []

    def __enter__(self):
        point = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                point.connections += 1
                point.sockets.append(self.connection)

            def address_string(self):
                return "unix"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with contextlib.suppress(BrokenPipeError):  # whoever waited has given up
                    point.answer(self, json.loads(body)["input"])

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(self.path, Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        for connection in self.sockets:  # those that are kept alive would go on being served
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, request, given: dict) -> None:
        self.asked.append(given)
        mode = self.mode
        if mode.startswith("slow") and (mode == "slow" or given["request"]["path"].endswith("/slow")):
            time.sleep(1.5)
        result = self.decide(given)
        text = json.dumps({} if result is None else {"result": result})
        text = {"bad json": text[:-1], "huge": json.dumps({"result": True, "pad": "x" * 200_000}),
                "wrong type": json.dumps({"result": 7})}.get(mode, text)
        if mode == "cut":
            request.send_response(200)
            request.send_header("Content-Length", str(len(text) + 10))
            request.end_headers()
            request.wfile.write(text.encode())
            request.close_connection = True
            return
        request.send_response(500 if mode == "500" else 200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text.encode())
