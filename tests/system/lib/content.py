"""The bytes that clients send and servers serve: deterministic, position-dependent, free of anything a scanner looks for.

A missing, doubled or swapped piece changes the SHA-256; clients/content.js makes the same bytes.
"""
import hashlib

BLOCK = 1 << 20
LINE = 32


def _letters(number: int) -> bytes:
    return bytes(97 + ((number >> shift) & 15) for shift in range(28, -4, -4))


def _line(kind: bytes, number: int) -> bytes:
    return kind + _letters(number) + b" plain filler of a test" [: LINE - 10] + b"\n"


_LINES = b"".join(_line(b"l", i) for i in range(1, BLOCK // LINE))


def content(size: int, tail: bytes = b"") -> bytes:
    """`size` bytes; the last ones are `tail` when given."""
    blocks = [_line(b"b", k) + _LINES for k in range((size + BLOCK - 1) // BLOCK)]
    data = b"".join(blocks)[:size]
    if tail:
        data = data[: max(0, size - len(tail))] + tail
    return data


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
