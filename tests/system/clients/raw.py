"""HTTP written by hand over a socket or Python's ssl, for what well-behaved libraries never do: tiny send buffers,
WANT_WRITE retries, one write of 64 MiB, closing early, bytes that are not HTTP at all."""
import argparse
import hashlib
import json
import os
import pathlib
import select
import socket
import ssl
import sys
import tempfile
import time
import urllib.parse

from common import chain, content, find_errno, text_or_file

TCP_FASTOPEN_NO_COOKIE = 34

parser = argparse.ArgumentParser()
parser.add_argument("--url", action="append", required=True, help="repeatable; each on a new connection, or see --keep")
parser.add_argument("--keep", action="store_true", help="all URLs on one connection")
parser.add_argument("--method", default="POST")
parser.add_argument("--body-bytes", type=int, default=0)
parser.add_argument("--tail", default="", type=text_or_file)
parser.add_argument("--header", action="append", default=[])
parser.add_argument("--ca")
parser.add_argument("--timeout", type=float, default=30)
parser.add_argument("--sndbuf", type=int, default=0)
parser.add_argument("--nonblocking", action="store_true")
parser.add_argument("--piece", type=int, default=0, help="bytes a write; 0: head and body in one single write")
parser.add_argument("--close-after", type=int, default=-1, help="close when that many bytes are written")
parser.add_argument("--send-file", help="send exactly these bytes instead of a request")
parser.add_argument("--sendfile", action="store_true", help="the body goes out by sendfile(2), cleartext only")
parser.add_argument("--splice", action="store_true", help="the body goes out by splice(2) from a pipe, cleartext only")
parser.add_argument("--fastopen", action="store_true", help="head and body go out with the SYN, cleartext only")
parser.add_argument("--listen", action="store_true", help="receive once before anything is sent")
parser.add_argument("--pause", type=float, default=0, help="seconds between two writes")
args = parser.parse_args()


def connect(url):
    if args.fastopen:
        sock = socket.socket(socket.AF_INET6 if ":" in url.hostname else socket.AF_INET)
        sock.settimeout(args.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
        return sock
    sock = socket.create_connection((url.hostname, url.port), timeout=args.timeout)
    if args.sndbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, args.sndbuf)
    if url.scheme == "https":
        sock = ssl.create_default_context(cafile=args.ca).wrap_socket(sock, server_hostname=url.hostname)
    if args.nonblocking:
        sock.setblocking(False)
    return sock


def wait(sock, want, deadline):
    left = deadline - time.monotonic()
    reads, writes = ([sock], []) if want == "read" else ([], [sock])
    if left <= 0 or not any(select.select(reads, writes, [], left)):
        raise TimeoutError(f"no {want} in time")


def write_all(sock, data, deadline):
    """Returns how often a write had to be tried again."""
    view, again = memoryview(data), 0
    while view:
        try:
            sent = sock.send(view)
            view = view[sent:]
        except (ssl.SSLWantWriteError, BlockingIOError):
            again += 1
            wait(sock, "write", deadline)
        except ssl.SSLWantReadError:
            wait(sock, "read", deadline)
    return again


def write_around(sock, head, body):
    """The head by send(), the body past it: by a system call that carries no plaintext in its arguments."""
    sock.sendall(head)
    if args.sendfile:
        with tempfile.TemporaryFile() as file:
            file.write(body)
            file.flush()
            sent = 0
            while sent < len(body):
                sent += os.sendfile(sock.fileno(), file.fileno(), sent, len(body) - sent)
        return
    reader, writer = os.pipe()
    for at in range(0, len(body), 4096):
        left = os.write(writer, body[at : at + 4096])
        while left > 0:
            left -= os.splice(reader, sock.fileno(), left)


def read_answer(sock, deadline):
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        if found:
            fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line)
            lower = {k.lower(): v for k, v in fields.items()}
            if len(body) >= int(lower.get("content-length", 0)):
                return int(head.split()[1]), body
        try:
            more = sock.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            wait(sock, "read", deadline)
            continue
        if not more:
            raise ConnectionError(f"closed by the peer after {len(data)} bytes")
        data += more


def message(url):
    if args.send_file:
        return pathlib.Path(args.send_file).read_bytes()
    body = content(args.body_bytes, args.tail.encode())
    lines = [f"{args.method} {url.path} HTTP/1.1", f"Host: {url.netloc}", f"Content-Length: {len(body)}", *args.header]
    return "\r\n".join([*lines, "", ""]).encode() + body


def one(target, sock):
    url, started = urllib.parse.urlsplit(target), time.monotonic()
    deadline, line = started + args.timeout, {"url": target, "status": 0}
    try:
        sock = sock or connect(url)
        data = message(url)
        if args.listen:
            line["heard"] = len(sock.recv(65536))
        if args.close_after >= 0:
            data = data[: args.close_after]
        step, line["again"] = args.piece or max(1, len(data)), 0
        if args.sendfile or args.splice:
            head = data.index(b"\r\n\r\n") + 4
            write_around(sock, data[:head], data[head:])
            data = b""
        if args.fastopen:
            data = data[sock.sendto(data, socket.MSG_FASTOPEN, (url.hostname, url.port)):]
        for at in range(0, len(data), step):
            line["again"] += write_all(sock, data[at : at + step], deadline)
            time.sleep(args.pause)
        if args.close_after >= 0:
            line["closed"] = True
        else:
            line["status"], body = read_answer(sock, deadline)
            line["sha256"], line["bytes"] = hashlib.sha256(body).hexdigest(), len(body)
            if body[:1] == b"{":
                line["answer"] = json.loads(body)
    except (OSError, ValueError) as error:
        line |= {"error": type(error).__name__, "errno": find_errno(error), "why": chain(error)}
        sock = None if sock is None else sock.close()
    print(json.dumps(line | {"ms": round((time.monotonic() - started) * 1000, 1)}), flush=True)
    return sock


kept = None
for each_url in args.url:
    kept = one(each_url, kept)
    if kept is not None and (not args.keep or args.close_after >= 0):
        kept = kept.close()
sys.exit(0)
