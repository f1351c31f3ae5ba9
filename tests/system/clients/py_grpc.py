"""grpc over cleartext: a unary call to each URL's path, or with --chat a conversation of three messages, each sent when the
answer to the one before it has come."""
import argparse
import queue
import time
import urllib.parse

import grpc

from common import arguments, each, report

parser = argparse.ArgumentParser()
parser.add_argument("--chat", action="store_true")
parser.add_argument("--gzip", action="store_true", help="messages are compressed")
args = arguments(parser)
COMPRESSION = grpc.Compression.Gzip if args.gzip else None


def unary(channel, path: str, body: bytes) -> bytes:
    return channel.unary_unary(path)(body, timeout=args.timeout)


def chat(channel, path: str, body: bytes) -> bytes:
    messages: queue.Queue = queue.Queue()
    messages.put(body)
    answers = channel.stream_stream(path)(iter(messages.get, None), timeout=args.timeout)
    heard = b""
    for number in range(3):
        heard = next(answers)
        messages.put(body if number < 2 else None)
    assert not list(answers), "more answers than messages"
    return heard


for url in each(args):
    started = time.monotonic()
    parts = urllib.parse.urlsplit(url)
    try:
        with grpc.insecure_channel(parts.netloc, options=[("grpc.enable_retries", 0)], compression=COMPRESSION) as channel:
            answer = (chat if args.chat else unary)(channel, parts.path, args.body or b"")
        report(args, url, started, 200, answer)
    except grpc.RpcError as error:
        report(args, url, started, error=error, more={"why": f"{error.code()} {error.details()}"})
