"""A throw-away CA and one server certificate for all test hosts, made by openssl in the run's own directory."""
import pathlib
import subprocess

HOSTS = ["DNS:localhost", "DNS:crm.example.test", "DNS:finance.example.test", "IP:127.0.0.1", "IP:::1"]


class Certs:
    def __init__(self, directory: pathlib.Path):
        self.ca = directory / "ca.pem"
        self.cert = directory / "server.pem"
        self.key = directory / "server.key"
        if not self.cert.exists():
            self._make(directory)

    def _make(self, directory: pathlib.Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        ca_key, request, extensions = directory / "ca.key", directory / "server.csr", directory / "server.ext"
        extensions.write_text(
            "subjectAltName=" + ",".join(HOSTS) + "\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"
        )
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl("req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj",
                      "/CN=writ test CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._openssl("req", "-new", *curve, "-keyout", self.key, "-out", request, "-subj", "/CN=localhost")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out",
                      self.cert, "-days", "2", "-extfile", extensions)

    @staticmethod
    def _openssl(*args) -> None:
        done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {args[0]}: {done.stderr.strip()}")
