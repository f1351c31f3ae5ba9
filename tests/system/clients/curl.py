"""The curl program: every URL in one process, so that connections are reused. curl sends `Expect: 100-continue` by itself
with a body over 1 MiB."""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

from common import arguments, each, report

parser = argparse.ArgumentParser()
parser.add_argument("--upload-file", action="store_true", help="stream the body from a file (-T) instead of POST data")
parser.add_argument("--compressed", action="store_true", help="ask for a coded answer, and decode it")
parser.add_argument("--http2", action="store_true", help="by ALPN over TLS, by prior knowledge in cleartext")
args = arguments(parser)

with tempfile.TemporaryDirectory() as scratch:
    directory = pathlib.Path(scratch)
    command = ["curl", "-q", "-sS", "-g", "--no-progress-meter", "-X", args.method, "-m", str(args.timeout),
               "-w", r"%{json}\n"]
    if args.method == "HEAD":
        command.remove("-X"), command.remove("HEAD"), command.append("-I")
    if args.compressed:
        command.append("--compressed")
    if args.http2:
        command.append("--http2" if args.url[0].startswith("https:") else "--http2-prior-knowledge")
    if args.ca:
        command += ["--cacert", args.ca]
    for name, value in args.headers.items():
        command += ["-H", f"{name}: {value}"]
    if args.chunked:
        command += ["-H", "Transfer-Encoding: chunked"]
    body = directory / "body"
    if args.body is not None:
        body.write_bytes(args.body)
    if args.body is not None and not args.upload_file:
        command += ["--data-binary", f"@{body}", "-H", "Content-Type: application/octet-stream"]
    urls = list(each(args))
    for number, url in enumerate(urls):
        if args.body is not None and args.upload_file:
            command += ["-T", str(body)]
        command += ["-o", str(directory / f"out{number}"), url]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(lines) != len(urls):
        raise SystemExit(f"curl: {done.stderr}")
    for number, (url, line) in enumerate(zip(urls, lines)):
        path = directory / f"out{number}"
        data = path.read_bytes() if path.exists() else b""
        more = {"ms": round(line["time_total"] * 1000, 1)}
        if line["exitcode"] != 0:
            more |= {"error": f"curl {line['exitcode']}", "errno": 0, "why": line["errormsg"] or ""}
        report(args, url, started, int(line["response_code"]), data, more=more)
