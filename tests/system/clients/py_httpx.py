import argparse
import time

import httpx

from common import arguments, each, pieces, report

parser = argparse.ArgumentParser()
parser.add_argument("--http2", action="store_true")
args = arguments(parser)
with httpx.Client(verify=args.verify, timeout=args.timeout, http1=not args.http2, http2=args.http2) as client:
    for url in each(args):
        started = time.monotonic()
        try:
            body = pieces(args.body) if args.chunked else args.body
            answer = client.request(args.method, url, content=body, headers=args.headers)
            report(args, url, started, answer.status_code, answer.content)
        except httpx.HTTPError as error:
            report(args, url, started, error=error)
