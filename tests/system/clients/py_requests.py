import time

import requests

from common import arguments, each, pieces, report

args = arguments()
with requests.Session() as session:
    for url in each(args):
        started = time.monotonic()
        try:
            body = pieces(args.body) if args.chunked else args.body
            answer = session.request(args.method, url, data=body, headers=args.headers, verify=args.verify,
                                     timeout=args.timeout)
            report(args, url, started, answer.status_code, answer.content)
        except requests.RequestException as error:
            report(args, url, started, error=error)
