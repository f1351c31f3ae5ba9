"""What writd, or the floor, takes of the machine: CPU time and memory, as /proc tells it."""
import os
import pathlib

TICK = os.sysconf("SC_CLK_TCK")
MEMORY = {"rss": "VmRSS", "rss_anon": "RssAnon", "rss_file": "RssFile", "rss_shmem": "RssShmem"}


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads (proc(5), fields 14 and 15 of stat)."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_mib(pid: int) -> dict[str, float]:
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: int(lines[field].split()[0]) / 1024 for name, field in MEMORY.items()}
