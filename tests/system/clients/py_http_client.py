"""The standard library's own client: no pool, no retry; a new connection after a failed one."""
import http.client
import ssl
import time
import urllib.parse

from common import arguments, each, pieces, report

args = arguments()
connections = {}


def connect(url):
    key = (url.scheme, url.hostname, url.port)
    if key not in connections:
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=args.ca)
            connections[key] = http.client.HTTPSConnection(url.hostname, url.port, timeout=args.timeout, context=context)
        else:
            connections[key] = http.client.HTTPConnection(url.hostname, url.port, timeout=args.timeout)
    return connections[key]


for target in each(args):
    started, parts = time.monotonic(), urllib.parse.urlsplit(target)
    connection = connect(parts)
    try:
        body = pieces(args.body) if args.chunked else args.body
        connection.request(args.method, parts.path, body, args.headers, encode_chunked=args.chunked)
        answer = connection.getresponse()
        report(args, target, started, answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        report(args, target, started, error=error)
