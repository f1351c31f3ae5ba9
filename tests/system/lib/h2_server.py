"""HTTP/2 servers that a test can ask what really arrived: of each connection the bytes of frames that carry requests.

    with H2Servers(certs) as servers:
        servers.url("https", "/allowed/x")     # ALPN h2; "http": prior knowledge
        mark = servers.mark(); ...; servers.since(mark).request_bytes

The answer is the JSON account of lib/server.py, or a gRPC message for gRPC requests; /download/N answers with N bytes.
"""
import dataclasses
import hashlib
import json
import re
import socket
import ssl
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from .content import content
from .server import Connection, PlainStream, Request, Server, TlsStream

PREFACE = 24
OF_REQUESTS = (0, 1, 9)  # DATA, HEADERS, CONTINUATION


class FrameCounter:
    """Bytes of frames that carry requests, whole or cut: what is of the connection alone may pass a gate at once."""

    def __init__(self) -> None:
        self.request_bytes, self._skip, self._head, self._left, self._counts = 0, PREFACE, b"", 0, False

    def feed(self, data: bytes) -> None:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = data[skipped:]
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self.request_bytes += taken if self._counts else 0
                self._left -= taken
                data = data[taken:]
                continue
            taken = min(9 - len(self._head), len(data))
            self._head += data[:taken]
            data = data[taken:]
            if len(self._head) == 9:
                self._counts = self._head[3] in OF_REQUESTS
                self._left = int.from_bytes(self._head[:3], "big")
                self.request_bytes += 9 if self._counts else 0
                self._head = b""


@dataclasses.dataclass
class Pending:
    """An answer that waits for room in the client's windows."""
    body: bytes
    trailers: list | None


class H2Server(Server):
    def _serve(self, sock: socket.socket, connection: Connection) -> None:
        connection.frames = FrameCounter()
        try:
            stream = TlsStream(sock, connection, self.context) if self.context else PlainStream(sock, connection)
            H2Session(self, stream, connection).run()
        except (OSError, ValueError, h2.exceptions.ProtocolError) as error:
            connection.problem = f"{type(error).__name__}: {error}"
        finally:
            connection.closed = True
            with self.lock:
                self._sockets.discard(sock)
            sock.close()


class H2Session:
    """One connection: requests by stream, answers as the client's windows let them go."""

    def __init__(self, server: H2Server, stream, connection: Connection):
        self.server, self.stream, self.connection = server, stream, connection
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.requests: dict[int, tuple[Request, object]] = {}
        self.pending: dict[int, Pending] = {}

    def run(self) -> None:
        self.h2.initiate_connection()
        self.stream.send(self.h2.data_to_send())
        while data := self.stream.recv():
            self.connection.frames.feed(data)
            for event in self.h2.receive_data(data):
                self._on(event)
            self._pump()
            if out := self.h2.data_to_send():
                self.stream.send(out)

    def _on(self, event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            headers = dict(event.headers)
            request = Request(headers[":method"], headers[":path"], headers, self.connection)
            with self.server.lock:
                self.connection.requests.append(request)
                self.server.requests.append(request)
            self.requests[event.stream_id] = (request, hashlib.sha256())
            if grpc(request):
                self.h2.send_headers(event.stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            request, digest = self.requests[event.stream_id]
            digest.update(event.data)
            request.body_bytes += len(event.data)
            if grpc(request) and request.path.endswith("/Chat") and event.data:
                self.h2.send_data(event.stream_id, event.data)  # an echo, message by message
        elif isinstance(event, h2.events.StreamEnded):
            self._answer(event.stream_id, *self.requests.pop(event.stream_id))
        elif isinstance(event, h2.events.StreamReset):
            self.requests.pop(event.stream_id, None)
            self.pending.pop(event.stream_id, None)

    def _answer(self, stream: int, request: Request, digest) -> None:
        request.complete, request.completed_at, request.sha256 = True, time.monotonic(), digest.hexdigest()
        account = json.dumps({"method": request.method, "path": request.path, "bytes": request.body_bytes,
                              "sha256": request.sha256, "secret": request.secret}).encode()
        if grpc(request):
            message = b"" if request.path.endswith("/Chat") else b"\0" + len(account).to_bytes(4, "big") + account
            self.pending[stream] = Pending(message, [("grpc-status", "0")])
            return
        match = re.search(r"/download/(\d+)$", request.path.split("?")[0])
        body = content(int(match[1])) if match else self.server.pages.get(request.path, account)
        self.h2.send_headers(stream, [(":status", "200"), ("content-type", "application/json"),
                                      ("content-length", str(len(body)))])
        self.pending[stream] = Pending(body, None)

    def _pump(self) -> None:
        for stream, answer in list(self.pending.items()):
            while answer.body and (room := min(self.h2.local_flow_control_window(stream),
                                               self.h2.max_outbound_frame_size)) > 0:
                self.h2.send_data(stream, answer.body[:room])
                answer.body = answer.body[room:]
            if answer.body:
                continue
            del self.pending[stream]
            if answer.trailers:
                self.h2.send_headers(stream, answer.trailers, end_stream=True)
            else:
                self.h2.end_stream(stream)


def grpc(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/grpc")


@dataclasses.dataclass
class Arrived:
    request_bytes: int
    requests: list


class H2Servers:
    """Two servers on 127.0.0.1: http (prior knowledge) and https (ALPN)."""

    def __init__(self, certs):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs.cert, certs.key)
        context.set_alpn_protocols(["h2"])
        self.all = {scheme: H2Server(scheme, "ipv4", context if scheme == "https" else None)
                    for scheme in ("http", "https")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.all.values():
            server.close()

    def url(self, scheme: str, path: str) -> str:
        return f"{scheme}://127.0.0.1:{self.all[scheme].port}{path}"

    def _count(self) -> tuple[int, int, list]:
        servers = self.all.values()
        connections = [c for server in servers for c in list(server.connections) if hasattr(c, "frames")]
        return (sum(c.frames.request_bytes for c in connections), sum(c.raw_bytes for c in connections),
                [r for server in servers for r in list(server.requests)])

    def mark(self) -> tuple[int, int]:
        count = self._count()
        return count[0], len(count[2])

    def since(self, mark: tuple[int, int], settle: float = 0.2) -> Arrived:
        """What came after `mark`, once nothing more has come for `settle` seconds."""
        previous = None
        while (now := self._count())[:2] != previous:
            previous = now[:2]
            time.sleep(settle)
        return Arrived(now[0] - mark[0], now[2][mark[1]:])
