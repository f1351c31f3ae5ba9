import asyncio
import time

import httpx

from common import arguments, async_pieces, each, report

args = arguments()


async def main():
    async with httpx.AsyncClient(verify=args.verify, timeout=args.timeout) as client:
        for url in each(args):
            started = time.monotonic()
            try:
                body = async_pieces(args.body) if args.chunked else args.body
                answer = await client.request(args.method, url, content=body, headers=args.headers)
                report(args, url, started, answer.status_code, answer.content)
            except httpx.HTTPError as error:
                report(args, url, started, error=error)


asyncio.run(main())
