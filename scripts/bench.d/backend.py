"""The server of the measurements, as far from Writ as another machine: no probe is on it.

A probe sits on a file's inode, for every process that runs it. So that Writ does not slow down the server, which in life is
elsewhere, the server runs from copies of node and OpenSSL.
"""
import os
import pathlib
import shutil
import subprocess

from lib.certs import Certs
from lib.processes import Processes

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = ("libssl.so.3", "libcrypto.so.3", "libnode.so")


def copy_node(directory: pathlib.Path) -> tuple[pathlib.Path, dict[str, str]]:
    """A node of our own, and the environment that makes it use the OpenSSL beside it, if it does not contain one."""
    directory.mkdir()
    original = os.path.realpath(shutil.which("node"))
    node = pathlib.Path(shutil.copy(original, directory / "node"))
    for line in subprocess.run(["ldd", original], capture_output=True, text=True, check=True).stdout.splitlines():
        name, _, rest = line.strip().partition(" => ")
        if name.startswith(LIBRARIES) and rest.startswith("/"):
            shutil.copy(os.path.realpath(rest.split(" ")[0]), directory / name)
    return node, os.environ | {"LD_LIBRARY_PATH": str(directory)}


class Backend:
    def __init__(self, directory: pathlib.Path):
        self.certs = Certs(directory / "certs")
        node, environment = copy_node(directory / "node")
        self.process = Processes.start([node, HERE / "server.js", self.certs.cert, self.certs.key], env=environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            raise RuntimeError("the server did not start")
        self.port = int(line)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        Processes.done(self.process)
