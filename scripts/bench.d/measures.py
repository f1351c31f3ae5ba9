"""What is measured: one client each, and what of its result is a figure.

A client warms up and says that it is ready; what is read of the worker's CPU time is from there to its result (agent.py).
"""
import dataclasses
import json
import pathlib
import select
import subprocess
import time
from typing import Callable

from figures import MeasureError, percentile
from lib.processes import Processes
from worker import cpu_seconds, memory_mib

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = ["/usr/bin/python3", "-B"]
MIB = 1 << 20


@dataclasses.dataclass
class Run:
    """One client's run in one mode."""
    result: dict
    cpu_s: float | None  # of the worker; None: there is none
    memory: dict | None  # of the worker, when the client was ready


def _cpu(run: Run) -> dict[str, float]:
    return {} if run.cpu_s is None else {"cpu_per_1000_calls": run.cpu_s * 1000 / run.result["calls"] * 1000}


def _latency(run: Run) -> dict[str, float]:
    times = run.result["times_ns"]
    return {"p50": percentile(times, 50) / 1000, "p99": percentile(times, 99) / 1000} | _cpu(run)


def _rate(run: Run) -> dict[str, float]:
    return {"requests": run.result["calls"] / run.result["seconds"]} | _cpu(run)


def _transfer(run: Run) -> dict[str, float]:
    size = run.result["bytes"] / 1e6
    return {"upload": size / run.result["upload_s"], "download": size / run.result["download_s"]}


def _idle(run: Run) -> dict[str, float]:
    return run.memory or {}


@dataclasses.dataclass
class Measure:
    name: str
    what: str
    command: list[str]
    figures: Callable[[Run], dict[str, float]]  # by metric; those of the worker are not there in bare
    needs_worker: bool = False


MEASURES = [
    Measure("post_python", "keep-alive HTTPS POST of 1 KiB, Python", [*PYTHON, str(HERE / "latency.py")], _latency),
    Measure("post_node", "keep-alive HTTPS POST of 1 KiB, Node", ["node", str(HERE / "latency.js")], _latency),
    Measure("rate", "POSTs of 1 KiB on 32 connections, Node", ["node", str(HERE / "rate.js")], _rate),
    Measure("transfer", "64 MiB in one request, Python", [*PYTHON, str(HERE / "transfer.py")], _transfer),
    # The last one, so that it shows the memory of a writd that has worked.
    Measure("idle", "1,000 idle connections", [*PYTHON, str(HERE / "idle.py")], _idle, needs_worker=True),
]

UNITS = {"p50": "us", "p99": "us", "requests": "1/s", "upload": "MB/s", "download": "MB/s", "cpu_per_1000_calls": "ms",
         "rss": "MiB", "rss_anon": "MiB", "rss_file": "MiB", "rss_shmem": "MiB"}


def _line(process: subprocess.Popen, deadline: float) -> dict:
    """The next line of the client, which is a JSON object."""
    if not select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
        raise MeasureError("the client did not answer in time")
    line = process.stdout.readline()
    if not line.startswith(b"{"):
        raise MeasureError(f"the client said {line[:200]!r}")
    return json.loads(line)


def _tail(errors: bytes) -> str:
    return errors.decode(errors="replace").strip()[-800:]


def _end(process: subprocess.Popen) -> str:
    """Ends the client if it still runs, gently first: the floor has a cgroup to remove. What it said about errors."""
    if process.returncode is not None:
        return ""
    process.terminate()
    try:
        return _tail(process.communicate(timeout=5)[1])
    except subprocess.TimeoutExpired:
        process.kill()
        return _tail(process.communicate()[1])


def perform(measure: Measure, start, backend, timeout: float = 120) -> Run:
    command = [*measure.command, "--port", str(backend.port), "--ca", str(backend.certs.ca)]
    # Unbuffered, so that select() knows what readline() has left.
    process, worker = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    deadline = time.monotonic() + timeout
    try:
        _line(process, deadline)
        memory = memory_mib(worker) if worker else None
        before = cpu_seconds(worker) if worker else None
        process.stdin.write(b"\n")
        result = _line(process, deadline)
        spent = cpu_seconds(worker) - before if worker else None
        _, errors = process.communicate(timeout=max(1, deadline - time.monotonic()))
    except (MeasureError, OSError, subprocess.TimeoutExpired) as error:
        raise MeasureError(f"{error}; {_end(process)}") from None
    finally:
        _end(process)
        Processes.done(process)
    if process.returncode != 0:
        raise MeasureError(f"the client ended with {process.returncode}; {_tail(errors)}")
    return Run(result, spent, memory)
