"""What all Python clients share: one command line, one JSON line a request. The request itself is the library's own."""
import argparse
import hashlib
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lib import codings  # noqa: E402
from lib.content import content  # noqa: E402


def text_or_file(value: str) -> str:
    """A command line is on record; what a test looks for in the record must come another way."""
    return pathlib.Path(value[1:]).read_text() if value.startswith("@") else value


def message_of(text: str) -> str | bytes:
    return content(int(text.removesuffix(" bytes"))) if text.endswith(" bytes") else text


def arguments(parser: argparse.ArgumentParser | None = None):
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--url", action="append", required=True, help="repeatable: requested in turn, one session")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--body-bytes", type=int, default=-1, help="-1: no body")
    parser.add_argument("--tail", default="", type=text_or_file, help="the last bytes of the body; @FILE: what it holds")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--header", action="append", default=[], help="'Name: value'")
    parser.add_argument("--coding", choices=codings.NAMES, help="the body is sent in this content coding")
    parser.add_argument("--say", action="append", default=[],
                        help="WebSocket: a message, sent when the one before it was answered; 'N bytes': content(N)")
    parser.add_argument("--chunked", action="store_true")
    parser.add_argument("--ca", default=None)
    parser.add_argument("--timeout", type=float, default=30)
    parser.add_argument("--json-out", default="-", help="a file for the results; '-': stdout")
    args = parser.parse_args()
    args.headers = dict(h.split(": ", 1) for h in args.header)
    args.say = [message_of(text) for text in args.say]
    args.body = None if args.body_bytes < 0 else content(args.body_bytes, args.tail.encode())
    if args.coding:
        args.body = codings.encode(args.coding, args.body)
        args.headers["Content-Encoding"] = args.coding
    args.out = sys.stdout if args.json_out == "-" else open(args.json_out, "w", encoding="utf-8")
    args.verify = args.ca if args.ca else True
    return args


def pieces(body: bytes, size: int = 16_000):
    for at in range(0, len(body), size):
        yield body[at : at + size]


async def async_pieces(body: bytes):
    for piece in pieces(body):
        yield piece


def chain(error: BaseException | None) -> str:
    """An error and everything behind it, as one line."""
    seen = []
    while error is not None and len(seen) < 10:
        seen.append(f"{type(error).__name__}({error})")
        error = error.__cause__ or error.__context__
    return " <- ".join(seen)


def find_errno(error: BaseException | None) -> int:
    """The first errno in an error, its arguments and its causes."""
    for _ in range(10):
        if error is None:
            break
        for candidate in (error, *getattr(error, "args", ()), getattr(error, "reason", None)):
            number = getattr(candidate, "errno", None)
            if isinstance(number, int) and number > 0:
                return number
            for inner in getattr(candidate, "args", ()) if isinstance(candidate, BaseException) else ():
                if isinstance(getattr(inner, "errno", None), int):
                    return inner.errno
        error = error.__cause__ or error.__context__
    return 0


def report(args, url: str, started: float, status: int = 0, data: bytes = b"", error: BaseException | None = None,
           more: dict | None = None) -> None:
    line = {"url": url, "status": status, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
            "ms": round((time.monotonic() - started) * 1000, 1)}
    if 0 < len(data) < 65_536 and data[:1] == b"{":
        line["answer"] = json.loads(data)
    if error is not None:
        line |= {"error": type(error).__name__, "errno": find_errno(error), "why": chain(error)}
    print(json.dumps(line | (more or {})), file=args.out, flush=True)


def each(args):
    """The requests to make: every URL in turn, `--repeat` times."""
    for _ in range(args.repeat):
        yield from args.url
