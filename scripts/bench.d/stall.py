"""When each POST of 1 KiB began and how many nanoseconds it took, one behind the other, until a line comes."""
import select
import sys
import time

from agent import Agent
from content import content

agent = Agent()
connection, body = agent.connect(), content(1024)
for _ in range(100):
    agent.post(connection, body)
agent.ready()
calls = []
while not select.select([sys.stdin], [], [], 0)[0]:
    start = time.monotonic_ns()
    agent.post(connection, body)
    calls.append((start, time.monotonic_ns() - start))
agent.result(calls=calls)
