"""HTTP/1.1 servers that a test can ask what really arrived: per socket the raw bytes, per request head and body hash.

    with Servers(certs) as servers:
        servers.url("https", "ipv6", "/allowed/x")
        mark = servers.mark(); ...; servers.since(mark).application_bytes

The last part of a path chooses the answer (see _answer); everything else is answered with a JSON account of the request.
"""
import dataclasses
import hashlib
import json
import re
import socket
import ssl
import threading
import time

from . import codings
from .content import content
from .tls_counter import TlsCounter

MAX_HEAD = 1 << 20
ADDRESS = {"ipv4": "127.0.0.1", "ipv6": "::1"}


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict
    connection: "Connection"
    body_bytes: int = 0
    sha256: str = ""
    wire_bytes: int = 0  # head and body as they came, framing included
    complete: bool = False
    completed_at: float = 0  # time.monotonic()
    problem: str = ""

    @property
    def secret(self) -> str:
        return self.headers.get("x-secret", "")


@dataclasses.dataclass
class Connection:
    number: int
    scheme: str
    family: str
    raw_bytes: int = 0  # everything the socket delivered
    plain_bytes: int = 0  # after decryption
    tls: TlsCounter = dataclasses.field(default_factory=TlsCounter)
    requests: list = dataclasses.field(default_factory=list)
    closed: bool = False
    problem: str = ""

    @property
    def application_bytes(self) -> int:
        return self.tls.application_bytes if self.scheme == "https" else self.raw_bytes

    @property
    def unaccounted_bytes(self) -> int:
        """Bytes that arrived and belong to no request that `requests` knows: a part of a head, or of a TLS record."""
        return self.plain_bytes - sum(r.wire_bytes for r in self.requests) + self.tls.unfinished_bytes


class PlainStream:
    def __init__(self, sock: socket.socket, connection: Connection):
        self.sock, self.connection = sock, connection

    def recv(self) -> bytes:
        data = self.sock.recv(1 << 18)
        self.connection.raw_bytes += len(data)
        self.connection.plain_bytes += len(data)
        return data

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)


class TlsStream:
    """TLS over memory BIOs, so that the records are counted as they come from the socket."""

    def __init__(self, sock: socket.socket, connection: Connection, context: ssl.SSLContext):
        self.sock, self.connection = sock, connection
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self._until_done(self.tls.do_handshake)
        connection.tls.version = self.tls.version()

    def recv(self) -> bytes:
        try:
            data = self._until_done(self.tls.read, 1 << 18)
        except ssl.SSLZeroReturnError:
            return b""
        self.connection.plain_bytes += len(data)
        return data

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        for at in range(0, len(view), 1 << 18):
            self._until_done(self.tls.write, view[at : at + (1 << 18)])

    def _until_done(self, step, *args):
        while True:
            try:
                result = step(*args)
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                data = self.sock.recv(1 << 18)
                if not data:
                    raise ConnectionError("closed in the middle of a TLS record or without close_notify") from None
                self.connection.raw_bytes += len(data)
                self.connection.tls.feed(data)
                self.incoming.write(data)

    def _flush(self) -> None:
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)


class Reader:
    """A buffer in front of a stream: lines and exact counts."""

    def __init__(self, stream):
        self.stream, self.buffer, self.taken = stream, bytearray(), 0

    def fill(self) -> bool:
        data = self.stream.recv()
        self.buffer += data
        return bool(data)

    def until(self, mark: bytes, limit: int) -> bytes:
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                out = bytes(self.buffer[: at + len(mark)])
                del self.buffer[: at + len(mark)]
                self.taken += len(out)
                return out
            if len(self.buffer) > limit:
                raise ValueError(f"no {mark!r} in {limit} bytes")
            start = max(0, len(self.buffer) - len(mark))
            if not self.fill():
                if self.buffer:
                    raise ValueError(f"closed before {mark!r}")
                return b""

    def pieces(self, size: int):
        while size > 0:
            if not self.buffer and not self.fill():
                raise ValueError(f"closed with {size} bytes of the body missing")
            piece = bytes(self.buffer[:size])
            del self.buffer[: len(piece)]
            size -= len(piece)
            self.taken += len(piece)
            yield piece


class Server:
    """One listening socket; a thread per connection."""
    connection_type = Connection

    def __init__(self, scheme: str, family: str, context=None, pages=None, port: int = 0):
        self.scheme, self.family, self.context = scheme, family, context
        self.pages = pages or {}  # path → bytes of a fixed JSON answer
        self.tail = b""  # of what /coded/CODING answers
        self.events = []  # the pieces of an event stream, which paths that end with `events_at` answer
        self.events_at = "/events"
        self.events_pause = 0.0  # seconds before each
        self.lock = threading.Lock()
        self.connections, self.requests = [], []
        self._sockets, self._threads = set(), []
        self._closing = False
        self.listener = socket.socket(socket.AF_INET if family == "ipv4" else socket.AF_INET6)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((ADDRESS[family], port))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                if self._closing:
                    sock.close()
                    return
                connection = self.connection_type(len(self.connections), self.scheme, self.family)
                self.connections.append(connection)
                self._sockets.add(sock)
                thread = threading.Thread(target=self._serve, args=(sock, connection), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, connection: Connection) -> None:
        try:
            if self.context is not None:
                stream = TlsStream(sock, connection, self.context)
            else:
                stream = PlainStream(sock, connection)
            reader = Reader(stream)
            while self._one(reader, stream, connection):
                pass
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            connection.problem = f"{type(error).__name__}: {error}"
        finally:
            connection.closed = True
            with self.lock:
                self._sockets.discard(sock)
            sock.close()

    def _one(self, reader: Reader, stream, connection: Connection) -> bool:
        taken = reader.taken
        head = reader.until(b"\r\n\r\n", MAX_HEAD)
        if not head:
            return False
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = (lines[0].split(" ", 2) + ["", ""])[:3]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name:
                headers[name.strip().lower()] = value.strip()
        request = Request(method, path, headers, connection, wire_bytes=len(head))
        with self.lock:
            connection.requests.append(request)
            self.requests.append(request)
        early = re.search(r"/early(-close)?(?:$|\?)", path)
        if early:
            stream.send(_head(200, 2, "text/plain", close=bool(early[1])) + b"ok")
            if early[1]:
                request.problem = "answered and closed before the body"
                time.sleep(0.05)
                return False
        elif headers.get("expect", "").lower() == "100-continue":
            stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        digest = hashlib.sha256()
        try:
            for piece in self._body(reader, headers):
                digest.update(piece)
                request.body_bytes += len(piece)
        except (OSError, ValueError) as error:
            request.problem = str(error)
            raise
        finally:
            request.sha256 = digest.hexdigest()
            request.wire_bytes = reader.taken - taken
        request.complete = True
        request.completed_at = time.monotonic()
        if not early:
            self._answer(stream, request)
        return headers.get("connection", "").lower() != "close"

    @staticmethod
    def _body(reader: Reader, headers: dict):
        if "chunked" in headers.get("transfer-encoding", "").lower():
            while True:
                size = int(reader.until(b"\r\n", 1024).split(b";")[0], 16)
                if size == 0:
                    while reader.until(b"\r\n", MAX_HEAD) != b"\r\n":
                        pass
                    return
                yield from reader.pieces(size)
                if reader.until(b"\r\n", 2) != b"\r\n":
                    raise ValueError("a chunk does not end in CRLF")
        else:
            yield from reader.pieces(int(headers.get("content-length", "0")))

    def _answer(self, stream, request: Request) -> None:
        path = request.path.split("?")[0]
        if path in self.pages:
            stream.send(_head(200, len(self.pages[path]), "application/json") + self.pages[path])
        elif match := re.search(r"/download/(\d+)$", path):
            body = content(int(match[1]))
            stream.send(_head(200, len(body), "application/octet-stream"))
            stream.send(body)
        elif match := re.search(r"/(coded|bomb)/(\w+)$", path):
            kind, coding = match.groups()
            body = codings.bomb(coding) if kind == "bomb" else codings.encode(coding, content(4096, self.tail))
            stream.send(_head(200, len(body), "text/plain", more=f"Content-Encoding: {coding}\r\n") + body)
        elif path.endswith(self.events_at):
            stream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in self.events:
                time.sleep(self.events_pause)
                stream.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            stream.send(b"0\r\n\r\n")
        elif match := re.search(r"/chunked/(\d+)$", path):
            stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            body = content(int(match[1]))
            for at in range(0, len(body), 10_000):
                piece = body[at : at + 10_000]
                stream.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            stream.send(b"0\r\n\r\n")
        elif match := re.search(r"/drip/(\d+)$", path):
            body = content(int(match[1]))
            stream.send(_head(200, len(body), "application/octet-stream"))
            for at in range(0, len(body), max(1, len(body) // 10)):
                time.sleep(0.05)
                stream.send(body[at : at + max(1, len(body) // 10)])
        else:
            if match := re.search(r"/slow/(\d+)$", path):
                time.sleep(int(match[1]) / 1000)
            body = json.dumps({
                "method": request.method, "path": request.path, "bytes": request.body_bytes,
                "sha256": request.sha256, "secret": request.secret,
            }).encode()
            stream.send(_head(200, len(body), "application/json") + (b"" if request.method == "HEAD" else body))

    def close(self) -> None:
        with self.lock:
            self._closing = True
            sockets = list(self._sockets)
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._acceptor.join(5)
        for thread in self._threads:
            thread.join(5)


def _head(status: int, length: int, kind: str, close: bool = False, more: str = "") -> bytes:
    return (f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
            + ("Connection: close\r\n" if close else "") + more + "\r\n").encode()


def server_context(certs) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs.cert, certs.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclasses.dataclass
class Arrived:
    application_bytes: int
    raw_bytes: int
    requests: list
    connections: list


class Servers:
    """The four servers of a run: http and https, on 127.0.0.1 and ::1."""

    def __init__(self, certs):
        context = server_context(certs)
        self.all = {(scheme, family): Server(scheme, family, context if scheme == "https" else None)
                    for scheme in ("http", "https") for family in ("ipv4", "ipv6")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        for server in self.all.values():
            server.close()

    def open(self) -> list[Server]:
        return [server for server in self.all.values() if server.listener.fileno() >= 0]

    def url(self, scheme: str, family: str, path: str) -> str:
        host = ADDRESS[family] if family == "ipv4" else f"[{ADDRESS[family]}]"
        return f"{scheme}://{host}:{self.all[scheme, family].port}{path}"

    def port(self, scheme: str, family: str = "ipv4") -> int:
        return self.all[scheme, family].port

    def mark(self) -> dict:
        """A point in time, for since()."""
        return {key: (len(server.requests), [(c, c.application_bytes, c.raw_bytes) for c in server.connections])
                for key, server in self.all.items()}

    def since(self, mark: dict, settle: float = 0.3) -> Arrived:
        """What came after `mark`, once nothing more has come for `settle` seconds."""
        previous = None
        while True:
            arrived = self._since(mark)
            if arrived.raw_bytes == previous:
                return arrived
            previous = arrived.raw_bytes
            time.sleep(settle)

    def _since(self, mark: dict) -> Arrived:
        total = Arrived(0, 0, [], [])
        for key, server in self.all.items():
            first, before = mark[key]
            for connection in list(server.connections):
                _, application, raw = before[connection.number] if connection.number < len(before) else (None, 0, 0)
                total.application_bytes += connection.application_bytes - application
                total.raw_bytes += connection.raw_bytes - raw
                if connection.raw_bytes != raw:
                    total.connections.append(connection)
            total.requests += server.requests[first:]
        return total
