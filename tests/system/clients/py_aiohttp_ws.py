"""Says one message after the other, each when the one before it was answered; with compression."""
import asyncio
import ssl
import time

import aiohttp

from common import arguments, report

args = arguments()


async def talk(session: aiohttp.ClientSession, url: str) -> None:
    started = time.monotonic()
    try:
        async with session.ws_connect(url, compress=15, max_msg_size=0) as socket:
            for message in args.say:
                started = time.monotonic()
                await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
                answer = await socket.receive(args.timeout)
                if answer.type is aiohttp.WSMsgType.CLOSE:
                    report(args, url, started, answer.data, more={"reason": answer.extra})
                    return
                if answer.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    raise socket.exception() or ConnectionError(f"closed: {answer.type.name}")
                report(args, url, started, 200, answer.data.encode() if isinstance(answer.data, str) else answer.data)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        report(args, url, started, error=error)


async def main():
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=args.ca))
    async with aiohttp.ClientSession(connector=connector) as session:
        for url in args.url:
            await talk(session, url)


asyncio.run(main())
