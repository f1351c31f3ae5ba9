"""Token exchange (RFC 8693) by a running writd; a stock resource server (npm's jose) judges what comes out."""
import contextlib
import json
import re
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from lib.case import config, each
from lib.oidc import ISSUERS, NODE, Provider

AUDIENCE = "https://crm.example.test"
EXCHANGE = f"""\
listen: 127.0.0.1:0
issuer: https://writ.example.test
token_ttl: 2m
audiences: [{AUDIENCE}]
"""
CHAIN = ({"id": "planner", "scopes": ["test.use", "crm.*"]}, {"id": "reader", "scopes": ["crm.contacts.read", "test.use"]})
CONFIG = {"more_agents": (*CHAIN, {"id": "helper", "tenant": "globex", "scopes": ["test.use"]})}


@contextlib.contextmanager
def endpoint(env):
    """The provider, and where writd's endpoint is."""
    with Provider(env.certs, env.directory) as idp:
        env.daemon.write({"issuers.yaml": ISSUERS.format(issuer=idp.issuer, ca=env.certs.ca),
                          "exchange.yaml": EXCHANGE.replace("127.0.0.1:0", f"127.0.0.1:{free_port()}")})
        env.daemon.stop()
        env.daemon.start()
        port = re.search(r"127\.0\.0\.1:(\d+)", (env.daemon.config / "exchange.yaml").read_text())[1]
        yield idp, f"http://127.0.0.1:{port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exchange(url, **fields) -> tuple[int, dict]:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "audience": AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "actor_token_type": "urn:writ:token-type:writ"} | fields
    body = urllib.parse.urlencode({k: v for k, v in form.items() if v is not None}).encode()
    try:
        with urllib.request.urlopen(f"{url}/token", body, timeout=10) as response:
            assert response.headers["Cache-Control"] == "no-store"
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def accepted(url, token, audience=AUDIENCE):
    return subprocess.run(["node", NODE / "verify_token.mjs", f"{url}/.well-known/jwks.json", audience, "https://writ.example.test",
                           token], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)


def grant(env, idp, *arguments, agent="tester", person="sarah") -> str:
    path = env.directory / "token.jwt"
    path.write_text(idp.token(person, "test.use crm.contacts.read crm.contacts.write"))
    done = env.writ("grant", "--agent", agent, "--token-file", path, *arguments)
    assert done.returncode == 0, done
    return done.stdout.strip()


@config(**CONFIG)
def test_a_stock_resource_server_takes_it(env):
    with endpoint(env) as (idp, url):
        writ = grant(env, idp)
        status, answer = exchange(url, subject_token=idp.token("sarah", "crm.contacts.read"), actor_token=writ)
        assert status == 200 and answer["token_type"] == "Bearer", answer
        done = accepted(url, answer["access_token"])
        assert done.returncode == 0, done.stderr
        claims = json.loads(done.stdout)
        assert (claims["sub"], claims["act"]["sub"], claims["scope"]) == ("sarah", "tester", "crm.contacts.read"), claims
        assert claims["exp"] - claims["iat"] <= 120, claims
        assert accepted(url, answer["access_token"], "https://other.example.test").returncode != 0
        assert claims["jti"].encode() in env.audit_bytes(), "the exchange is not in the record"
        assert answer["access_token"].encode() not in env.audit_bytes(), "the token is in the record"


@config(**CONFIG)
def test_the_chain_is_nested(env):
    with endpoint(env) as (idp, url):
        parent = grant(env, idp, agent="planner")
        child = env.start_writ("run", "--writ", parent, "--", env.binaries / "writ", "--root", env.daemon.root, "run", "--as-child",
                               "--agent", "reader", "--", "/bin/sh", "-c", "echo started; read line", stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "started\n"
        writ = next(w["id"] for w in env.writ_json("list") if w["agent"]["id"] == "reader")
        status, answer = exchange(url, subject_token=idp.token("sarah", "crm.contacts.read crm.contacts.write"), actor_token=writ)
        child.communicate("\n", timeout=10)
        assert status == 200, answer
        claims = json.loads(accepted(url, answer["access_token"]).stdout)
        assert claims["act"] == {"sub": "reader", "act": {"sub": "planner"}}, claims
        assert claims["scope"] == "crm.contacts.read", "never wider than the reader"


@config(**CONFIG)
@each(case=["revoked writ", "unknown writ", "another person", "wide scope", "unknown audience", "forged", "no actor", "grant type"])
def test_refused(env, case):
    code = {"wide scope": "invalid_scope", "unknown audience": "invalid_target",
            "grant type": "unsupported_grant_type"}.get(case, "invalid_request")
    with endpoint(env) as (idp, url):
        writ, token, fields = grant(env, idp), idp.token("sarah", "crm.contacts.read"), {}
        if case == "revoked writ":
            assert exchange(url, subject_token=token, actor_token=writ)[0] == 200, "works before"
            assert env.writ("revoke", writ).returncode == 0
        elif case == "unknown writ":
            writ = "0" * 32
        elif case == "another person":
            token = idp.token("cfo", "crm.contacts.read")
        elif case == "wide scope":
            fields = {"scope": "finance.revenue.read"}
        elif case == "unknown audience":
            fields = {"audience": "https://other.example.test"}
        elif case == "forged":
            token = idp.forge(token, header={"alg": "none"}, how="none")
        elif case == "no actor":
            fields = {"actor_token": None, "actor_token_type": None}
        else:
            fields = {"grant_type": "password"}
        status, answer = exchange(url, **({"subject_token": token, "actor_token": writ} | fields))
        assert status == 400 and answer["error"] == code, (status, answer)
        assert "access_token" not in answer and answer["error_description"], answer
        good = exchange(url, subject_token=idp.token("sarah", "crm.contacts.read"), actor_token=grant(env, idp))
        assert good[0] == 200, "works after"


@config(on_opaque="deny")  # another configuration, so another root
def test_off_by_default(env):
    """No exchange.yaml, no endpoint."""
    assert not (env.daemon.root / "run" / "writ" / "token.sock").exists()
    assert not (env.daemon.state / "keys").exists()
