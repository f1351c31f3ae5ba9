"""gnutls-cli: a TLS library that Writ does not cover, so that its application data is opaque."""
import argparse
import json
import re
import subprocess
import time
import urllib.parse

from common import content

parser = argparse.ArgumentParser()
parser.add_argument("--url", action="append", required=True)
parser.add_argument("--method", default="POST")
parser.add_argument("--body-bytes", type=int, default=100)
parser.add_argument("--ca", required=True)
parser.add_argument("--timeout", type=float, default=20)
args = parser.parse_args()

for target in args.url:
    url, started = urllib.parse.urlsplit(target), time.monotonic()
    body = content(args.body_bytes)
    head = (f"{args.method} {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n").encode()
    line = {"url": target, "status": 0}
    client = subprocess.Popen(["gnutls-cli", "--logfile=/dev/null", f"--x509cafile={args.ca}", "-p", str(url.port),
                               url.hostname], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        client.stdin.write(head + body)
        client.stdin.flush()  # kept open: at its end gnutls-cli would close before the answer
        client.wait(args.timeout)
    except subprocess.TimeoutExpired:
        client.kill()
        line["timeout"] = True
    client.stdin.close()
    output = client.stdout.read()
    client.wait()
    answer = re.search(rb"HTTP/1.1 (\d+) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n(.*)", output, re.DOTALL)
    if answer:
        line["status"] = int(answer[1])
        line["answer"] = json.JSONDecoder().raw_decode(answer[2].decode())[0]
    else:
        line |= {"error": "gnutls-cli", "errno": 0, "why": f"exit {client.returncode}: {output[-300:].decode('latin-1')}"}
    print(json.dumps(line | {"ms": round((time.monotonic() - started) * 1000, 1)}), flush=True)
