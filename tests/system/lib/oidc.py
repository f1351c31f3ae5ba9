"""The OIDC provider of the tests: starts and stops node/oidc_provider.mjs, logs people in, and forges tokens.

    with Provider(certs, directory) as idp:
        token = idp.token("sarah", "test.use")
        old = idp.forge(token, claims={"exp": 1})       # as the provider would sign it, which it would not
"""
import base64
import hashlib
import http.cookiejar
import json
import pathlib
import secrets
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from .processes import Processes

NODE = pathlib.Path(__file__).resolve().parents[1] / "node"
CLIENT = {"client_id": "writ-tests", "redirect_uri": "https://client.example.test/back"}
# What writd is told of it.
ISSUERS = """\
issuers:
  - id: test-idp
    issuer: {issuer}
    audience: api://writ
    algorithms: [RS256, PS256, ES256, EdDSA]
    claims: {{user_id: sub, email: email, tenant: tid, roles: roles, scopes: scope}}
    tenants: {{acme-corp: default, globex-corp: globex}}
    role_scopes: {{finance-lead: [finance.revenue.read]}}
    ca_file: {ca}
"""


def install() -> None:
    """The npm packages; does nothing when they are there."""
    done = subprocess.run([NODE / "install"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{NODE / 'install'} failed with {done.returncode}:\n{done.stderr.strip()[-1500:]}"


class Provider:
    def __init__(self, certs, directory: pathlib.Path):
        """Serves from __enter__ on; in one directory always with the same address and keys."""
        self.certs, self.keys, self.address = certs, directory / "idp-keys.json", directory / "idp-address.json"
        self.process: subprocess.Popen | None = None
        self.issuer = json.loads(self.address.read_text())["issuer"] if self.address.exists() else ""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self) -> None:
        install()
        port = urllib.parse.urlsplit(self.issuer).port or 0
        log = open(self.keys.with_suffix(".log"), "ab")
        self.process = Processes.start(["node", NODE / "oidc_provider.mjs", self.certs.cert, self.certs.key, port, self.keys],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        log.close()
        line = self.process.stdout.readline()
        assert line, f"the provider did not start:\n{self.keys.with_suffix('.log').read_text()[-1500:]}"
        self.issuer = json.loads(line)["issuer"]
        self.address.write_text(line)

    def stop(self) -> None:
        if self.process is None:
            return
        process, self.process = self.process, None
        process.communicate(timeout=10)  # it ends with its standard input
        Processes.done(process)

    def command(self, name: str) -> dict:
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def key_fetches(self) -> int:
        return self.command("counts")["counts"].get("/jwks", 0)

    # --- Tokens ---

    def token(self, person: str, scopes: str, resource: str = "api://writ/ES256") -> str:
        """An access token of the authorization code flow with PKCE, as an application gets it for who has logged in."""
        browser = Browser(self.certs.ca)
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        back = browser.follow(f"{self.issuer}/auth?" + urllib.parse.urlencode(CLIENT | {
            "response_type": "code", "scope": f"openid {scopes}", "resource": resource, "login_hint": person,
            "code_challenge": challenge, "code_challenge_method": "S256"}))
        answer = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
        assert "code" in answer, f"the provider refused {person}: {answer}"
        form = CLIENT | {"grant_type": "authorization_code", "code": answer["code"], "code_verifier": verifier, "resource": resource}
        return json.loads(browser.open(f"{self.issuer}/token", urllib.parse.urlencode(form).encode()))["access_token"]

    def private_key(self, kid: str) -> dict:
        return next(k for generation in json.loads(self.keys.read_text()) for k in generation if k["kid"] == kid)

    def forge(self, token: str, header: dict = {}, claims: dict = {}, how: str = "jwk", key: dict | None = None) -> str:
        """`token` with parts of it exchanged (None: left out), signed with its own key unless said otherwise."""
        old_header, old_claims = (decode(part) for part in token.split(".")[:2])
        new = [{k: v for k, v in (old | change).items() if v is not None} for old, change in ((old_header, header), (old_claims, claims))]
        order = {"header": new[0], "claims": new[1], "with": how, "key": key or self.private_key(old_header["kid"])}
        done = subprocess.run(["node", NODE / "sign_token.mjs"], input=json.dumps(order), capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout


class Browser:
    """Keeps cookies, and follows redirects as far as the provider's own pages."""

    def __init__(self, ca: pathlib.Path):
        context = ssl.create_default_context(cafile=str(ca))
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _NoRedirect())

    def open(self, url: str, body: bytes | None = None) -> bytes:
        with self.opener.open(url, body, timeout=10) as response:
            return response.read()

    def follow(self, url: str) -> str:
        for _ in range(10):
            try:
                raise AssertionError(f"{url} is a page, not a redirect: {self.open(url)[:500]}")
            except urllib.error.HTTPError as error:
                with error:
                    assert error.code in (302, 303), f"{url}: {error.code} {error.read()[:500]}"
                    url = urllib.parse.urljoin(url, error.headers["Location"])
            if url.startswith(CLIENT["redirect_uri"]):
                return url
        raise AssertionError(f"too many redirects, the last to {url}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def decode(part: str) -> dict:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
