"""Programs a second, each started when the one before has ended, as an agent's shell does. Prints one JSON object."""
import json
import os
import sys
import time

PROGRAM, COUNT = sys.argv[1], int(sys.argv[2])


def start() -> None:
    _, status = os.waitpid(os.posix_spawn(PROGRAM, [PROGRAM], os.environ), 0)
    if status != 0:
        raise SystemExit(f"{PROGRAM}: {os.waitstatus_to_exitcode(status)}")


for _ in range(COUNT // 10):
    start()
begin = time.perf_counter()
for _ in range(COUNT):
    start()
print(json.dumps({"rate": COUNT / (time.perf_counter() - begin)}))
