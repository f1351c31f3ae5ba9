"""Keeps 1,000 connections open, each of which has made one call, until it is told to go on."""
import resource

from agent import Agent
from content import content

COUNT = 1000

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
agent = Agent()
body, connections = content(1024), []
for _ in range(COUNT):
    connections.append(agent.connect())
    agent.post(connections[-1], body)
agent.ready()
agent.result(connections=len(connections))
