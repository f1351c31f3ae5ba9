"""Content codings for clients and servers of the tests: gzip and deflate by Python, br and zstd by the system's libraries."""
import ctypes
import functools
import gzip
import zlib

NAMES = ["gzip", "deflate", "br", "zstd"]


def encode(coding: str, data: bytes) -> bytes:
    return {"gzip": gzip.compress, "deflate": zlib.compress, "br": _brotli, "zstd": _zstd}[coding](data)


@functools.cache
def bomb(coding: str) -> bytes:
    """256 MiB of zeros as some hundred KiB; 32 MiB where they must be one piece, which is slow to make."""
    zeros = bytes(16 << 20)
    if coding in ("br", "deflate"):
        return encode(coding, zeros * 2)
    return encode(coding, zeros) * 16  # members and frames in a row are one content


def _brotli(data: bytes) -> bytes:
    library = ctypes.CDLL("libbrotlienc.so.1")
    size = ctypes.c_size_t(len(data) + 1024)
    out = ctypes.create_string_buffer(size.value)
    quality, window, mode = 0, 22, 0
    assert library.BrotliEncoderCompress(quality, window, mode, ctypes.c_size_t(len(data)), data, ctypes.byref(size), out)
    return out.raw[: size.value]


def _zstd(data: bytes) -> bytes:
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    room = library.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    size = library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    assert size <= room, "libzstd failed"
    return out.raw[:size]
