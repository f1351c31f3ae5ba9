"""Servers of datagrams on loopback that count what reaches them: names (DNS), and whatever is sent to another port.

    with Names("127.0.0.1", "127.0.0.2", "::1") as names:
        names.asked("127.0.0.2")        # what it was asked since the last call
    with Sink("127.0.0.1", 443) as sink:
        sink.took()                     # how many came since the last call
"""
import selectors
import socket
import struct
import threading

from .case import skip

TTL = 30
A, CNAME, AAAA = 1, 5, 28
MANY = 60  # addresses: an answer that needs more than 512 bytes

# name → its records; api.acme.test is an alias, as most names of the web are
RECORDS = {
    "api.acme.test": [("api.acme.test", CNAME, "edge.cdn.test")],
    "edge.cdn.test": [("edge.cdn.test", A, "127.0.0.1"), ("edge.cdn.test", AAAA, "::1")],
    "many.acme.test": [("many.acme.test", A, f"127.0.9.{i}") for i in range(MANY - 1)] + [("many.acme.test", A, "127.0.0.1")],
}


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def labels(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def record(owner: str, kind: int, value: str) -> bytes:
    data = labels(value) if kind == CNAME else socket.inet_pton(family_of(value), value)
    return labels(owner) + struct.pack("!HHIH", kind, 1, TTL, len(data)) + data


def name_in(query: bytes) -> tuple[str, int]:
    """The name that is asked for, and where it ends."""
    parts, at = [], 12
    while query[at]:
        parts.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(parts).lower(), at + 1


def answer(query: bytes) -> bytes:
    name, end = name_in(query)
    kind, question = struct.unpack("!H", query[end : end + 2])[0], query[12 : end + 4]
    if name == "broken.acme.test":
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 9, 0, 0) + question  # nine records, and none is there
    records, at = [], name
    while at in RECORDS:
        records += [one for one in RECORDS[at] if one[1] in (kind, CNAME)]
        at = next((value for _, type_, value in RECORDS[at] if type_ == CNAME), "")
    flags = 0x8180 if name in RECORDS else 0x8183
    return (query[:2] + struct.pack("!HHHHH", flags, 1, len(records), 0, 0) + question
            + b"".join(record(*one) for one in records))


class _Server:
    """One thread for several sockets."""

    def __init__(self, addresses: tuple[str, ...], port: int):
        self._selector, self._lock, self._seen = selectors.DefaultSelector(), threading.Lock(), []
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        for address in addresses:
            opened = socket.socket(family_of(address), socket.SOCK_DGRAM)
            try:
                opened.bind((address, port))
            except OSError as error:
                opened.close()
                self._close()
                skip(f"UDP port {port} of {address} is taken: {error}")
            self._selector.register(opened, selectors.EVENT_READ, address)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._wake.close()
        self._thread.join()
        self._close()

    def _close(self):
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()
        self._selector.close()
        self._wake.close()

    def _serve(self):
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                message, peer = key.fileobj.recvfrom(65536)
                with self._lock:
                    self._seen.append((key.data, message))
                reply = self.reply(message)
                if reply:
                    key.fileobj.sendto(reply, peer)

    def reply(self, message: bytes) -> bytes:
        return b""

    def take(self, address: str) -> list[bytes]:
        """What has come to that address since the last call."""
        with self._lock:
            found = [message for to, message in self._seen if to == address]
            self._seen = [one for one in self._seen if one[0] != address]
        return found


class Names(_Server):
    def __init__(self, *addresses: str):
        super().__init__(addresses, 53)

    def reply(self, message: bytes) -> bytes:
        return answer(message)

    def asked(self, address: str) -> list[str]:
        return [name_in(query)[0] for query in self.take(address)]


class Sink(_Server):
    def __init__(self, address: str, port: int):
        super().__init__((address,), port)
        self.address = address

    def took(self) -> int:
        return len(self.take(self.address))
