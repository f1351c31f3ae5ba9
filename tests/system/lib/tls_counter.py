"""Counts what arrives on a TLS socket before anything is decrypted: records by type, complete or not.

In TLS 1.3 the client's first record of type application_data carries its Finished, and alerts look like application
data of 19 bytes; neither is data of the application. In TLS 1.2 type 23 is application data only. (RFC 8446, 5.1-5.2)
"""
HANDSHAKE_TYPES = (20, 21, 22)
APPLICATION_DATA = 23
ALERT_LENGTH = 2 + 1 + 16  # level and description, inner content type, AEAD tag


class TlsCounter:
    def __init__(self) -> None:
        self.handshake_bytes = 0
        self.version = ""  # set by the server after the handshake
        self._header = bytearray()
        self._kind = 0
        self._left = 0
        self._application = []  # [declared length, bytes received with header] of each record of type 23

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._left == 0:
                take = min(5 - len(self._header), len(data) - at)
                if not self._header:
                    self._begin(data[at])
                self._header += data[at : at + take]
                self._count(take)
                at += take
                if len(self._header) < 5:
                    return
                self._left = int.from_bytes(self._header[3:5], "big")
                if self._kind == APPLICATION_DATA:
                    self._application[-1][0] = self._left
                self._header.clear()
            take = min(self._left, len(data) - at)
            self._count(take)
            self._left -= take
            at += take

    def _begin(self, kind: int) -> None:
        self._kind = kind
        if kind == APPLICATION_DATA:
            self._application.append([0, 0])

    def _count(self, size: int) -> None:
        if self._kind == APPLICATION_DATA:
            self._application[-1][1] += size
        else:
            self.handshake_bytes += size

    @property
    def application_bytes(self) -> int:
        """Bytes of records that can only be the application's, headers included, whole or cut."""
        records = list(self._application)
        if self.version != "TLSv1.2":
            records = [r for r in records[1:] if r[0] != ALERT_LENGTH or r[1] != ALERT_LENGTH + 5]
        return sum(received for _, received in records)

    @property
    def unfinished_bytes(self) -> int:
        """Bytes of a record of type 23 whose end has not come."""
        if self._kind == APPLICATION_DATA and (self._left or self._header):
            return self._application[-1][1]
        return 0
