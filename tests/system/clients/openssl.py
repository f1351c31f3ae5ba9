"""libssl called directly, for what Python's ssl hides: SSL_MODE_ENABLE_PARTIAL_WRITE, SSL_write beside SSL_write_ex, and a
body that lies in a mapped file whose pages are not resident."""
import argparse
import ctypes
import hashlib
import json
import mmap
import os
import select
import socket
import tempfile
import time
import urllib.parse

from common import content, text_or_file

SSL_CTRL_MODE, PARTIAL_WRITE, MOVING_BUFFER = 33, 1, 2
WANT_READ, WANT_WRITE, ZERO_RETURN = 2, 3, 6
VERIFY_PEER = 1

parser = argparse.ArgumentParser()
parser.add_argument("--url", action="append", required=True)
parser.add_argument("--method", default="POST")
parser.add_argument("--body-bytes", type=int, default=0)
parser.add_argument("--tail", default="", type=text_or_file)
parser.add_argument("--ca", required=True)
parser.add_argument("--timeout", type=float, default=30)
parser.add_argument("--function", choices=["SSL_write", "SSL_write_ex"], default="SSL_write")
parser.add_argument("--partial", action="store_true")
parser.add_argument("--sndbuf", type=int, default=0)
parser.add_argument("--mapped", action="store_true", help="write the body out of a mapped file, pages not resident")
args = parser.parse_args()

lib = ctypes.CDLL("libssl.so.3")
for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.SSL_CTX_new.argtypes = lib.SSL_new.argtypes = lib.SSL_connect.argtypes = [ctypes.c_void_p]
lib.SSL_CTX_load_verify_locations.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
lib.SSL_CTX_set_verify.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
lib.SSL_set_fd.argtypes = lib.SSL_get_error.argtypes = [ctypes.c_void_p, ctypes.c_int]
lib.SSL_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
lib.SSL_write.argtypes = lib.SSL_read.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
lib.SSL_write_ex.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_size_t)]


class Failed(Exception):
    pass


class Connection:
    def __init__(self, url, deadline):
        self.deadline, self.partial = deadline, 0
        self.sock = socket.create_connection((url.hostname, url.port), timeout=args.timeout)
        if args.sndbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, args.sndbuf)
        self.sock.setblocking(False)
        context = lib.SSL_CTX_new(lib.TLS_client_method())
        if lib.SSL_CTX_load_verify_locations(context, args.ca.encode(), None) != 1:
            raise Failed("cannot load the CA")
        lib.SSL_CTX_set_verify(context, VERIFY_PEER, None)
        self.ssl = lib.SSL_new(context)
        lib.SSL_set_fd(self.ssl, self.sock.fileno())
        lib.SSL_ctrl(self.ssl, SSL_CTRL_MODE, (PARTIAL_WRITE if args.partial else 0) | MOVING_BUFFER, None)
        while (got := lib.SSL_connect(self.ssl)) != 1:
            self.wait(got, "SSL_connect")

    def wait(self, result, what):
        error = lib.SSL_get_error(self.ssl, result)
        left = self.deadline - time.monotonic()
        reads = [self.sock] if error == WANT_READ else []
        writes = [self.sock] if error == WANT_WRITE else []
        if not reads and not writes:
            number = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            raise Failed(f"{what}: connection closed or reset, SSL_get_error {error}, errno {number}")
        if left <= 0 or not any(select.select(reads, writes, [], left)):
            raise Failed(f"{what}: not in time")

    def write(self, address, size):
        done = ctypes.c_size_t()
        while size > 0:
            if args.function == "SSL_write":
                result = lib.SSL_write(self.ssl, address, size)
                done.value = max(result, 0)
            else:
                result = lib.SSL_write_ex(self.ssl, address, size, ctypes.byref(done))
            if result <= 0:
                self.wait(result, args.function)
                continue
            self.partial += done.value < size
            address, size = address + done.value, size - done.value

    def read(self):
        buffer, data = ctypes.create_string_buffer(65536), b""
        while True:
            head, found, body = data.partition(b"\r\n\r\n")
            if found:
                length = [l for l in head.lower().split(b"\r\n") if l.startswith(b"content-length:")]
                if len(body) >= int(length[0].split(b":")[1]):
                    return int(head.split()[1]), body
            got = lib.SSL_read(self.ssl, buffer, 65536)
            if got <= 0:
                self.wait(got, "SSL_read")
            else:
                data += buffer.raw[:got]


def mapped(data):
    """The data as a private mapping of a file, none of whose pages is in memory."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return mmap.mmap(file.fileno(), len(data), mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)


for target in args.url:
    url, started, line = urllib.parse.urlsplit(target), time.monotonic(), {"url": target, "status": 0}
    body = content(args.body_bytes, args.tail.encode())
    head = (f"{args.method} {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    try:
        connection = Connection(url, started + args.timeout)
        parts = [bytearray(head), mapped(body)] if args.mapped and body else [bytearray(head + body)]
        for part in parts:
            connection.write(ctypes.addressof(ctypes.c_char.from_buffer(part)), len(part))
        line["partial"] = connection.partial
        line["status"], data = connection.read()
        line |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "answer": json.loads(data)}
    except (OSError, Failed) as error:
        line |= {"error": type(error).__name__, "errno": getattr(error, "errno", 0) or 0, "why": str(error)}
    print(json.dumps(line | {"ms": round((time.monotonic() - started) * 1000, 1)}), flush=True)
