"""WebSocket servers (Debian's python3-websockets, without its own sockets) that a test can ask what really arrived: of each
connection the bytes that the socket delivered, and the messages.

    with WsServers(certs) as servers:
        servers.url("wss", "/allowed/x")     # "ws": cleartext
        servers.connections                  # .unaccounted_bytes, .messages

Every message is sent back as it came, behind a PING; "/ask N" is answered with a text of N bytes.
"""
import dataclasses
import socket
import ssl

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.server import ServerConnection

from .content import content
from .server import Connection, PlainStream, Server, TlsStream


@dataclasses.dataclass
class WsConnection(Connection):
    messages: list = dataclasses.field(default_factory=list)
    compressed: bool = False  # permessage-deflate was agreed on
    pongs: int = 0
    accounted: int = 0  # of plain_bytes: up to here frames were read

    @property
    def unaccounted_bytes(self) -> int:
        """A part of a frame. A frame that came together with a whole one must be whole too, so messages are sent one by one."""
        return self.plain_bytes - self.accounted + self.tls.unfinished_bytes


class WsServer(Server):
    connection_type = WsConnection

    def _serve(self, sock: socket.socket, connection: WsConnection) -> None:
        try:
            stream = TlsStream(sock, connection, self.context) if self.context else PlainStream(sock, connection)
            WsSession(stream, connection).run()
        except (OSError, ValueError) as error:
            connection.problem = f"{type(error).__name__}: {error}"
        finally:
            connection.closed = True
            with self.lock:
                self._sockets.discard(sock)
            sock.close()


class WsSession:
    def __init__(self, stream, connection: WsConnection):
        self.stream, self.connection = stream, connection
        self.ws = ServerConnection(extensions=[ServerPerMessageDeflateFactory()], max_size=64 << 20)
        self.opcode, self.parts = None, []

    def run(self) -> None:
        while data := self.stream.recv():
            self.ws.receive_data(data)
            events = self.ws.events_received()
            if events:
                self.connection.accounted = self.connection.plain_bytes
            for event in events:
                if isinstance(event, Frame):
                    self._on(event)
                else:
                    self.ws.send_response(self.ws.accept(event))
                    self.connection.compressed = bool(self.ws.extensions)
            for out in self.ws.data_to_send():
                if not out:
                    return
                self.stream.send(out)

    def _on(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self.connection.pongs += 1
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        self.opcode = frame.opcode if frame.opcode is not Opcode.CONT else self.opcode
        self.parts.append(frame.data)
        if not frame.fin:
            return
        message, self.parts = b"".join(self.parts), []
        self.connection.messages.append(message)
        self.ws.send_ping(b"a ping that is to be echoed")
        if message.startswith(b"/ask "):
            self.ws.send_text(content(int(message[5:])))
        elif self.opcode is Opcode.TEXT:
            self.ws.send_text(message)
        else:
            self.ws.send_binary(message)


class WsServers:
    """Two servers on 127.0.0.1: ws and wss."""

    def __init__(self, certs):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certs.cert, certs.key)
        self.all = {scheme: WsServer({"ws": "http", "wss": "https"}[scheme], "ipv4", context if scheme == "wss" else None)
                    for scheme in ("ws", "wss")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.all.values():
            server.close()

    def url(self, scheme: str, path: str) -> str:
        return f"{scheme}://127.0.0.1:{self.all[scheme].port}{path}"

    @property
    def connections(self) -> list[WsConnection]:
        return [c for server in self.all.values() for c in list(server.connections)]
