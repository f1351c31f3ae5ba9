"""Seconds of an upload of 64 MiB in one piece and of a download of 64 MiB, on one connection that is warm."""
import time

from agent import Agent
from content import content

SIZE = 64 << 20
PIECE = 256 << 10


def download(connection) -> None:
    connection.request("GET", f"/scanned/download/{SIZE}")
    answer = connection.getresponse()
    received = 0
    while piece := answer.read(PIECE):
        received += len(piece)
    if answer.status != 200 or received != SIZE:
        raise SystemExit(f"download: {answer.status}, {received} bytes")


agent = Agent()
connection, body = agent.connect(), content(SIZE)
for _ in range(20):
    agent.post(connection, body[:1024])
agent.ready()
start = time.perf_counter()
agent.post(connection, body)
between = time.perf_counter()
download(connection)
agent.result(bytes=SIZE, upload_s=between - start, download_s=time.perf_counter() - between)
