"""Models: the official SDKs of OpenAI and Anthropic (npm), and a stand-in for their servers.

    with Model(env.certs) as model, Agent(env, model.url) as agent:      # the agent under `writ run`
        agent.ask("messages", stream=True, coding="br", tools=[["crm_get_contact", {"id": "7"}]])
        agent.call("GET", env.url("https", "/crm/contacts/7"))
"""
import json
import subprocess

from .asking import PIPES
from .oidc import NODE, install
from .processes import Processes


class Model:
    """Runs free of Writ."""

    def __init__(self, certs):
        self.certs = certs

    def __enter__(self):
        install()
        self.process = Processes.start(["node", NODE / "llm_server.mjs", self.certs.cert, self.certs.key], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.url = f"https://localhost:{json.loads(self.process.stdout.readline())['port']}"
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=10)  # it ends with its standard input
        Processes.done(self.process)


class Agent:
    def __init__(self, env, url: str):
        self.process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", "node", NODE / "llm_agent.mjs", url,
                                      env=env.environment(), **PIPES)

    def __enter__(self):
        assert json.loads(self.process.stdout.readline() or "{}") == {"ready": True}, "the agent did not start"
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=15)
        Processes.done(self.process)

    def order(self, **order) -> dict:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer

    def ask(self, api: str, stream: bool, coding: str, tools: list) -> dict:
        """Asks a model that answers with these tool uses; what the SDK says that it answered."""
        answer = self.order(api=api, stream=stream, coding=coding, tools=[[name, json.dumps(arguments)] for name, arguments in tools])
        assert answer["uses"] == tools, answer
        return answer

    def call(self, method: str, url: str, body=None) -> None:
        assert self.order(method=method, url=url, body=body) == {"status": 200}
