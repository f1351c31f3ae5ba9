"""Nanoseconds of each of 1,500 POSTs of 1 KiB, one behind the other on one connection."""
import time

from agent import Agent
from content import content

agent = Agent()
connection, body = agent.connect(), content(1024)
for _ in range(100):
    agent.post(connection, body)
agent.ready()
times = []
for _ in range(1500):
    start = time.perf_counter_ns()
    agent.post(connection, body)
    times.append(time.perf_counter_ns() - start)
agent.result(calls=len(times), times_ns=times)
