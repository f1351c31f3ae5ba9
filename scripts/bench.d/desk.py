"""What writd's desks are asked: for writs on the control socket, for tokens over HTTP. A fresh writd for each round, since it
holds so many writs of one person and no more."""
import contextlib
import pathlib
import shutil
import subprocess
import urllib.parse

from cases.exchange import AUDIENCE, EXCHANGE, free_port
from figures import Figures, MeasureError, Subject
from lib.certs import Certs
from lib.config import Config
from lib.daemon import Daemon
from lib.oidc import ISSUERS, Provider
from lib.processes import Processes
from programs import add_printed, run_program


class Desk:
    SUBJECTS = (
        Subject("grant", "`writ grant` as a command, beside the start of /bin/true, and its request on the control socket alone",
                ("command", "process", "socket")),
        Subject("exchange", "tokens exchanged over HTTP, on connections that are kept if writd keeps them; callers at once",
                ("one", "eight")),
    )
    COMMANDS, REQUESTS, EXCHANGES = 200, 1000, 800

    def __init__(self, binaries: pathlib.Path, directory: pathlib.Path, wanted: set[str], quick: bool):
        self.binaries, self.directory, self.root = binaries, directory, directory / "desk-root"
        self.wanted, self.share = wanted, 10 if quick else 1
        self.provider: Provider | None = None
        if "exchange" in wanted:
            (directory / "idp").mkdir()
            self.provider = Provider(Certs(directory / "idp" / "certs"), directory / "idp")
            self.provider.start()

    def round(self, number: int, figures: Figures) -> None:
        with self._daemon() as daemon:
            if "grant" in self.wanted:
                printed = run_program(self.binaries, "grant", daemon.root, self.binaries / "writ", self.COMMANDS // self.share,
                                      self.REQUESTS // self.share)
                add_printed(figures, "grant", printed)
            if "exchange" in self.wanted:
                printed = run_program(self.binaries, "exchange", self.port, self.EXCHANGES // self.share, form=self._form())
                add_printed(figures, "exchange", printed)

    def close(self) -> None:
        if self.provider:
            self.provider.stop()

    @contextlib.contextmanager
    def _daemon(self):
        daemon = Daemon(self.binaries / "writd", self.root)
        daemon.write(Config().files())
        if self.provider:
            self.port = free_port()
            daemon.write({"issuers.yaml": ISSUERS.format(issuer=self.provider.issuer, ca=self.provider.certs.ca),
                          "exchange.yaml": EXCHANGE.replace("127.0.0.1:0", f"127.0.0.1:{self.port}")})
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()
            shutil.rmtree(self.root)

    def _form(self) -> str:
        """A request that a service of Sarah's would make: her token, and the writ of the agent."""
        file = self.root / "token.jwt"
        file.write_text(self.provider.token("sarah", "test.use crm.contacts.read crm.contacts.write"))
        process = Processes.start([self.binaries / "writ", "--root", self.root, "grant", "--agent", "tester", "--token-file", file],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, errors = process.communicate(timeout=20)
        Processes.done(process)
        if process.returncode != 0:
            raise MeasureError(f"writ grant: {errors.strip()[-800:]}")
        token = self.provider.token("sarah", "crm.contacts.read")
        return urllib.parse.urlencode({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": AUDIENCE,
            "subject_token": token, "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "actor_token": out.strip(), "actor_token_type": "urn:writ:token-type:writ"})
