"""What a run of Writ must not leave on the machine: session cgroups, pins, listening sockets."""
import os
import pathlib
import re
import time

BPFFS = pathlib.Path("/sys/fs/bpf")


def cgroup2_mount() -> pathlib.Path | None:
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        fields = line.split()
        if fields[2] == "cgroup2":
            return pathlib.Path(fields[1])
    return None


def cgroups() -> set[str]:
    mount = cgroup2_mount()
    if mount is None:
        return set()
    return {base for base, _, _ in os.walk(mount) if "writ" in base[len(str(mount)):].lower()}


def pins() -> set[str]:
    found = set()
    for base, directories, files in os.walk(BPFFS):
        found |= {os.path.join(base, name) for name in directories + files if not name.endswith(".debug")}
    return found


def listening(pids) -> set[str]:
    """TCP sockets in LISTEN that belong to one of `pids`."""
    inodes = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                inodes[fields[9]] = int(fields[1].rsplit(":", 1)[1], 16)
    found = set()
    for pid in pids:
        for link in _links(f"/proc/{pid}/fd"):
            if (match := re.fullmatch(r"socket:\[(\d+)\]", link)) and match[1] in inodes:
                found.add(f"port {inodes[match[1]]} of process {pid}")
    return found


def _links(directory: str):
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(os.path.join(directory, name))
        except OSError:  # closed since, as the directory's own is
            pass


def settled(read, allowed: set[str], seconds: float = 3.0) -> set[str]:
    """What read() shows beyond `allowed`, after waiting up to `seconds` for it to go."""
    deadline = time.monotonic() + seconds
    while (extra := read() - allowed) and time.monotonic() < deadline:
        time.sleep(0.05)
    return extra
