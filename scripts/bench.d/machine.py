"""The facts without which a figure says little."""
import os
import pathlib
import platform
import ssl
import subprocess


def facts() -> dict:
    info = pathlib.Path("/proc/cpuinfo").read_text()
    models = [line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")]
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    python = subprocess.run(["/usr/bin/python3", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return {"kernel": platform.release(), "cpu": models[0] if models else platform.machine(),
            "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory / (1 << 20), 1),
            "load_before": round(os.getloadavg()[0], 2), "python": python, "node": node, "openssl": ssl.OPENSSL_VERSION}
