#!/usr/bin/env python3
"""Reads each source of a build by itself, as a compiler does without a unity build: what it needs, it includes.

  each_source.py BUILD_DIR [PART_OF_A_PATH]

Exit code 1 with the compiler's words, when one cannot be read so.
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def command_of(entry):
    words = shlex.split(entry["command"])
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    at = words.index("-o")
    return words[:at] + ["-fsyntax-only"] + words[at + 2 :]


def read(entry):
    return subprocess.run(command_of(entry), cwd=entry["directory"], capture_output=True, text=True)


def main():
    build = pathlib.Path(sys.argv[1])
    part = sys.argv[2] if len(sys.argv) > 2 else "/userspace/"
    entries = [e for e in json.loads((build / "compile_commands.json").read_text()) if part in e["file"]]
    if not entries:
        sys.exit(f"each_source: {build} has no source with '{part}' in its path")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(read, entries):
            if done.returncode != 0:
                failed += 1
                print(done.stderr, end="")
    print(f"each source by itself: {len(entries) - failed} of {len(entries)} can be read")
    sys.exit(1 if failed else 0)


main()
