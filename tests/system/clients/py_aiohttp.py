import asyncio
import ssl
import time

import aiohttp

from common import arguments, async_pieces, each, report

args = arguments()


async def main():
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=args.ca))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(args.timeout)) as session:
        for url in each(args):
            started = time.monotonic()
            try:
                body = async_pieces(args.body) if args.chunked else args.body
                async with session.request(args.method, url, data=body, headers=args.headers) as answer:
                    report(args, url, started, answer.status, await answer.read())
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                report(args, url, started, error=error)


asyncio.run(main())
