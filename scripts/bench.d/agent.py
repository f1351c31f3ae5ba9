"""What the Python clients share: arguments, the connection, and the start by hand.

    CLIENT --port N --ca FILE

A client warms up, prints {"ready": true}, waits for a line on its standard input, measures, and prints one JSON object.
"""
import argparse
import http.client
import json
import ssl
import sys


class Agent:
    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--port", type=int, required=True)
        parser.add_argument("--ca", required=True)
        arguments = parser.parse_args()
        self.port = arguments.port
        self.context = ssl.create_default_context(cafile=arguments.ca)

    def connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=60)
        connection.connect()
        return connection

    @staticmethod
    def post(connection: http.client.HTTPSConnection, body: bytes) -> None:
        connection.request("POST", "/scanned/bench", body, {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or json.loads(text)["bytes"] != len(body):
            raise SystemExit(f"POST: {answer.status} {text[:200]!r}")

    @staticmethod
    def ready() -> None:
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.readline()

    @staticmethod
    def result(**values) -> None:
        print(json.dumps(values), flush=True)
