"""The nghttp program, a process for each URL: its status and headers come with -v, its body among them."""
import pathlib
import re
import subprocess
import tempfile
import time

from common import arguments, each, report

args = arguments()
with tempfile.TemporaryDirectory() as scratch:
    for url in each(args):
        command = ["nghttp", "-v", "--no-verify-peer", "-H", f":method: {args.method}", "-t", str(int(args.timeout))]
        for name, value in args.headers.items():
            command += ["-H", f"{name}: {value}"]
        if args.body is not None:
            body = pathlib.Path(scratch) / "body"
            body.write_bytes(args.body)
            command += ["-d", str(body)]
        started = time.monotonic()
        done = subprocess.run([*command, url], capture_output=True)
        status = re.search(rb"recv \(stream_id=\d+\) :status: (\d+)", done.stdout)
        answer = re.search(rb"^(\{.*?\})(?:\[|$)", done.stdout, re.M)
        more = {}
        if status is None:
            more = {"error": f"nghttp {done.returncode}", "errno": 0,
                    "why": "closed: " + (done.stderr + done.stdout)[-200:].decode(errors="replace")}
        report(args, url, started, int(status[1]) if status else 0, answer[1] if answer else b"", more=more)
