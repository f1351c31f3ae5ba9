"""Says one message after the other, each when the one before it was answered; compression as the library has it."""
import asyncio
import ssl
import time

import websockets

from common import arguments, report

args = arguments()


async def talk(url: str) -> None:
    started = time.monotonic()
    tls = ssl.create_default_context(cafile=args.ca) if url.startswith("wss") else None
    try:
        async with websockets.connect(url, ssl=tls, max_size=None, close_timeout=2) as socket:
            for message in args.say:
                started = time.monotonic()
                await socket.send(message)
                answer = await asyncio.wait_for(socket.recv(), args.timeout)
                report(args, url, started, 200, answer.encode() if isinstance(answer, str) else answer)
    except websockets.ConnectionClosed as error:
        close = error.rcvd
        report(args, url, started, close.code if close else 0, error=error, more={"reason": close.reason if close else ""})
    except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
        report(args, url, started, error=error)


async def main():
    for url in args.url:
        await talk(url)


asyncio.run(main())
