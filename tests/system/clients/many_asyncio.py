"""Many connections in one asyncio loop, each with a session, a secret and a body of its own.

Worker k asks --allowed/<secret> `rounds` times; every odd worker asks --denied/<secret> after each of them.
"""
import argparse
import asyncio
import json
import ssl
import time

import aiohttp

from common import chain, content, find_errno, text_or_file

parser = argparse.ArgumentParser()
parser.add_argument("--allowed", required=True)
parser.add_argument("--denied", required=True)
parser.add_argument("--connections", type=int, default=200)
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument("--body-bytes", type=int, default=3000, help="worker k sends k bytes more")
parser.add_argument("--tail", default="", type=text_or_file, help="ends the body of denied requests")
parser.add_argument("--ca")
parser.add_argument("--timeout", type=float, default=40)
args = parser.parse_args()
context = ssl.create_default_context(cafile=args.ca)


async def one(session, prefix, kind, secret, body):
    started = time.monotonic()
    line = {"kind": kind, "secret": secret, "sent": len(body), "status": 0}
    try:
        async with session.post(f"{prefix}/{secret}", data=body, headers={"X-Secret": secret}) as answer:
            line["status"] = answer.status
            line["answer"] = json.loads(await answer.read())
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        line |= {"error": type(error).__name__, "errno": find_errno(error), "why": chain(error)}
    print(json.dumps(line | {"ms": round((time.monotonic() - started) * 1000, 1)}), flush=True)


async def worker(number, start):
    secret = f"secret{number:04d}"
    body = secret.encode() + content(args.body_bytes + number)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=1),
                                     timeout=aiohttp.ClientTimeout(args.timeout)) as session:
        await start.wait()
        for _ in range(args.rounds):
            await one(session, args.allowed, "allowed", secret, body)
            if number % 2:
                await one(session, args.denied, "denied", secret, body + args.tail.encode())


async def main():
    start = asyncio.Event()
    workers = [asyncio.create_task(worker(k, start)) for k in range(args.connections)]
    start.set()
    await asyncio.gather(*workers)


asyncio.run(main())
