"""Must show 1: people by the tokens of a real OIDC provider; and every token that is not one grants nothing."""
import contextlib
import hashlib
import json
import signal
import time

from lib import expect
from lib.case import each, timeout
from lib.oidc import ISSUERS, Provider, decode
from lib.processes import Processes

CONFIG = {"more_agents": ({"id": "helper", "tenant": "globex", "scopes": ["test.use"]},)}
ALL = "test.use crm.contacts.read crm.contacts.write"


@contextlib.contextmanager
def provider(env, cached: bool = True):
    """The provider, and a writd that knows it; `cached`: that has its keys already, else one that has just started."""
    with Provider(env.certs, env.directory) as idp:
        known = (env.daemon.config / "issuers.yaml").exists()
        if not known or not cached:
            env.daemon.write({"issuers.yaml": ISSUERS.format(issuer=idp.issuer, ca=env.certs.ca)})
            restart(env)
        if cached:
            assert grant(env, idp.token("sarah", "test.use")).returncode == 0
        yield idp


def restart(env) -> None:
    env.daemon.stop()
    env.daemon.start()


def file_of(env, token: str):
    path = env.directory / "token.jwt"
    path.write_text(token + "\n")
    return path


def grant(env, token, *arguments, agent="tester"):
    return env.writ("grant", "--agent", agent, "--token-file", file_of(env, token), *arguments)


def call(env, token, *urls, agent="tester", method="GET"):
    """The requests of one agent that acts for whoever the token names."""
    return env.client("curl", *urls, method=method, user=None, agent=agent, run=["--token-file", str(file_of(env, token))])


def standing(env) -> list:
    return sorted((w["id"], w["state"]) for w in env.writ_json("list", "--all"))


def refused(env, token, *words, extra=(), agent="tester") -> None:
    """Neither command grants; both say why, and nothing that could be used of the token."""
    before, marker, audit = standing(env), env.directory / "started", env.last_sequence()
    for done in (grant(env, token, *extra, agent=agent),
                 env.writ("run", "--agent", agent, "--token-file", file_of(env, token), *extra, "--", "/usr/bin/touch", marker)):
        assert done.returncode != 0, f"accepted: {done.stdout} {done.stderr}"
        assert not done.stdout.strip(), done.stdout
        for word in words:
            assert word in done.stderr, f"expected {word!r} in: {done.stderr}"
        assert len(done.stderr) < 600, f"a long error: {expect.brief(done.stderr)}"
        told = done.stdout + done.stderr + env.daemon.tail(1 << 20)
        parts = {part[at:at + 24] for part in token.split(".")[1:] for at in (0, max(0, len(part) - 24))}
        assert not any(part in told for part in parts if len(part) == 24), "a part of the token was printed"
    assert not marker.exists(), "the command ran"
    assert standing(env) == before, "something was granted"
    assert env.last_sequence() == audit


# --- Good tokens ---

@each(alg=["RS256", "PS256", "ES256", "EdDSA"])
def test_an_agent_for_the_person(env, alg):
    with provider(env) as idp:
        before, token = env.last_sequence(), idp.token("sarah", ALL, f"api://writ/{alg}")
        assert decode(token.split(".")[0])["alg"] == alg
        expect.allowed(call(env, token, env.url("https", "/crm/contacts/7"))[0])
        user = env.decisions(before, 1)[0]["user"]
        assert (user["id"], user["email"], user["roles"]) == ("sarah", "sarah@idp.example.test", ["sales"]), user
        assert (user["via"], user["strength"]) == ("token", "token"), user
        audit = env.audit_bytes()
        assert all(part.encode() not in audit for part in token.split(".")), "the token is in the audit"


@each(scheme=["http", "https"])
def test_never_more_than_the_token(env, scheme):
    """users.yaml gives Sarah crm.* and the agent has it too; the token says read."""
    with provider(env) as idp:
        before, mark, token = env.last_sequence(), env.servers.mark(), idp.token("sarah", "test.use crm.contacts.read")
        expect.denied(call(env, token, env.url(scheme, "/crm/contacts"), method="POST")[0], scheme)
        expect.nothing_arrived(env.servers.since(mark))
        expect.allowed(call(env, token, env.url(scheme, "/crm/contacts/7"))[0])
        denied, allowed = env.decisions(before, 2)
        assert denied["scopes"]["missing"] == ["crm.contacts.write"], denied
        assert sorted(allowed["scopes"]["effective"]) == ["crm.contacts.read", "test.use"], allowed
        expect.allowed(call(env, idp.token("sarah", ALL), env.url(scheme, "/crm/contacts"), method="POST")[0])


def test_never_more_than_the_agent(env):
    with provider(env) as idp:
        token = idp.token("sarah", ALL)
        expect.denied(call(env, token, env.url("http", "/crm/contacts/7"), agent="other")[0], "http")
        expect.allowed(call(env, token, env.url("http", "/allowed/x"), agent="other")[0])


def test_two_people_and_a_role(env):
    """The CFO's role grants what her token does not name; Sarah asks for it, and her provider leaves it out."""
    with provider(env) as idp:
        url = env.url("https", "/finance/revenue")
        expect.denied(call(env, idp.token("sarah", "test.use finance.revenue.read"), url)[0], "https")
        expect.allowed(call(env, idp.token("cfo", "test.use"), url)[0])


def test_not_in_the_directory(env):
    with provider(env) as idp:
        before = env.last_sequence()
        expect.allowed(call(env, idp.token("dora", "test.use"), env.url("http", "/allowed/x"))[0])
        assert env.decisions(before, 1)[0]["user"]["id"] == "dora"


def test_issuer_in_every_record(env):
    """Who vouched for the person, and a digest that tells tokens apart."""
    with provider(env) as idp:
        before, token = env.last_sequence(), idp.token("sarah", ALL)
        expect.allowed(call(env, token, env.url("http", "/allowed/x"))[0])
        user = env.decisions(before, 1)[0]["user"]
        signed_part = token.rpartition(".")[0].encode()
        assert (user["issuer"], user["token"]) == ("test-idp", hashlib.sha256(signed_part).hexdigest()), user


def test_granted_writ(env):
    with provider(env) as idp:
        done = grant(env, idp.token("sarah", ALL), "--scopes", "test.use", "--task", "one thing")
        assert done.returncode == 0, done
        writ = env.writ_json("show", done.stdout.strip())[0]
        assert (writ["user"]["id"], writ["effectiveScopes"]) == ("sarah", ["test.use"]), writ
        assert (writ["user"]["via"], writ["user"]["strength"], writ["user"]["issuer"]) == ("token", "token", "test-idp"), writ
        run = env.writ("run", "--writ", writ["id"], "--", "/usr/bin/curl", "-q", "-sSf", env.url("http", "/allowed/x"))
        assert run.returncode == 0, run


def test_forged_as_it_was(env):
    """What the refusals below start from: signed again without a change, it is good."""
    with provider(env) as idp:
        assert grant(env, idp.forge(idp.token("sarah", "test.use"))).returncode == 0


# --- Bad tokens, each with one thing wrong ---

@each(late=[90, 86400])
def test_expired(env, late):
    with provider(env) as idp:
        now = int(time.time())
        refused(env, idp.forge(idp.token("sarah", ALL), claims={"iat": now - 2 * late, "exp": now - late}), "expired", "get a new one")


def test_expired_within_the_leeway(env):
    with provider(env) as idp:
        assert grant(env, idp.forge(idp.token("sarah", ALL), claims={"exp": int(time.time()) - 30})).returncode == 0


def test_future_nbf(env):
    with provider(env) as idp:
        refused(env, idp.forge(idp.token("sarah", ALL), claims={"nbf": int(time.time()) + 120}), "not valid before", "clock")


def test_future_iat(env):
    with provider(env) as idp:
        refused(env, idp.forge(idp.token("sarah", ALL), claims={"iat": int(time.time()) + 120}), "issued in the future", "clock")


def test_no_expiry(env):
    with provider(env) as idp:
        refused(env, idp.forge(idp.token("sarah", ALL), claims={"exp": None}), "`exp`")


def test_wrong_audience(env):
    """The provider itself issued this one, for another service."""
    with provider(env) as idp:
        refused(env, idp.token("sarah", ALL, "https://other.example.test"), "https://other.example.test", "api://writ")


@each(change=["other", "slash", "none"])
def test_wrong_issuer(env, change):
    with provider(env) as idp:
        iss = {"other": "https://other.example.test", "slash": idp.issuer + "/", "none": None}[change]
        refused(env, idp.forge(idp.token("sarah", ALL), claims={"iss": iss}), *(["`iss`"] if iss is None else [iss, "issuers.yaml"]))


@each(alg=["none", "None", "nOnE"])
def test_alg_none(env, alg):
    with provider(env) as idp:
        refused(env, idp.forge(idp.token("sarah", ALL), header={"alg": alg}, how="none"), f"'{alg}'", "not allowed", "ES256")


@each(alg=["RS256", "ES256"])
def test_hs256_with_the_public_key(env, alg):
    with provider(env) as idp:
        token = idp.token("sarah", ALL, f"api://writ/{alg}")
        refused(env, idp.forge(token, header={"alg": "HS256"}, how="secret"), "'HS256'", "not allowed", "ES256")


@each(kid=["right", "unknown", "absent"])
def test_signed_by_another_key(env, kid):
    """An EC key of an attacker's, also one that the header brings along."""
    with provider(env, cached=False) as idp:
        token, key = idp.token("sarah", ALL), strange_key()
        public = {name: value for name, value in key.items() if name != "d"}
        header = {"right": {"jwk": public}, "unknown": {"kid": "no-such-key", "jwk": public}, "absent": {"kid": None, "jwk": public}}[kid]
        refused(env, idp.forge(token, header=header, key=key), "no-such-key" if kid == "unknown" else "signature")
        assert grant(env, token).returncode == 0


def test_unknown_kids_do_not_hammer_the_provider(env):
    with provider(env, cached=False) as idp:
        token = idp.token("sarah", ALL)
        assert grant(env, token).returncode == 0
        before = idp.key_fetches()
        for number in range(6):
            assert grant(env, idp.forge(token, header={"kid": f"no-such-{number}"})).returncode != 0
        assert idp.key_fetches() - before == 1, "one fetch for unknown kids within 30 s"
        assert grant(env, token).returncode == 0


@each(part=["signature", "half", "one-part", "header", "nothing"])
def test_truncated(env, part):
    with provider(env) as idp:
        token = idp.token("sarah", ALL)
        header, claims, signature = token.split(".")
        cut, word = {"signature": (token[:-8], "cut"), "half": (f"{header}.{claims[:len(claims) // 2]}", "cut short"),
                     "one-part": (header, "cut short"), "header": (f".{claims}.{signature}", "header"), "nothing": ("", "empty")}[part]
        refused(env, cut, word)


@each(size=[20_000, 1_000_000])
def test_very_long(env, size):
    with provider(env) as idp:
        token = idp.token("sarah", ALL)
        refused(env, idp.forge(token, claims={"padding": "x" * size}), "bytes")


def test_tampered(env):
    """Claims of the CFO under the signature of Sarah's token."""
    with provider(env) as idp:
        hers, other = idp.token("sarah", ALL).split("."), idp.token("cfo", ALL).split(".")
        refused(env, ".".join([hers[0], other[1], hers[2]]), "signature")


def test_another_tenant_than_asked(env):
    with provider(env) as idp:
        refused(env, idp.token("sarah", ALL), "tenant", "globex", extra=["--tenant", "globex"], agent="helper")
        refused(env, idp.token("gina", "test.use"), "tenant", extra=["--tenant", "default"])
        assert grant(env, idp.token("gina", "test.use"), "--tenant", "globex", agent="helper").returncode == 0


def test_agent_of_another_tenant(env):
    with provider(env) as idp:
        refused(env, idp.token("sarah", ALL), "helper", agent="helper")


def test_tenant_that_nobody_configured(env):
    with provider(env) as idp:
        refused(env, idp.token("oona", "test.use"), "other-corp", "tenants")


def test_token_and_user(env):
    """Whoever brings a token cannot also name somebody else."""
    with provider(env) as idp:
        refused(env, idp.token("sarah", ALL), "user", extra=["--user", "cfo"])


# --- The provider away ---

def test_down_with_cached_keys(env):
    with provider(env) as idp:
        token = idp.token("sarah", ALL)
        bad = idp.forge(token, header={"kid": "no-such-key"})
        idp.stop()
        expect.allowed(call(env, token, env.url("https", "/crm/contacts/7"))[0])
        refused(env, bad, "no-such-key")


def test_down_without_keys(env):
    """A clear error, and it works again when the provider is back."""
    with provider(env) as idp:
        token = idp.token("sarah", ALL)
        idp.stop()
        restart(env)
        refused(env, token, "test-idp", "cannot be fetched")
        idp.start()
        deadline = time.monotonic() + 20
        while (done := grant(env, token)).returncode != 0:
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.5)


@timeout(90)
def test_hangs_without_keys(env):
    """It takes connections and does not answer: whoever brings its token gets an error, and nobody else waits."""
    with provider(env) as idp:
        token = idp.token("sarah", ALL)
        idp.process.send_signal(signal.SIGSTOP)
        try:
            restart(env)
            waiting = env.start_writ("grant", "--agent", "tester", "--token-file", file_of(env, token), stdout=-1, stderr=-1, text=True)
            started = time.monotonic()
            assert env.writ("grant", "--agent", "tester", "--user", "sarah").returncode == 0
            assert time.monotonic() - started < 2, "somebody else had to wait"
            done = env.finish(waiting, 40)
            assert done.returncode != 0 and "test-idp" in done.stderr, done
        finally:
            idp.process.send_signal(signal.SIGCONT)


# --- New keys ---

def test_rotation_in_flight(env):
    """Tokens of the old key and the new at the same time, while the new one is fetched: once, and nobody is refused."""
    with provider(env, cached=False) as idp:
        old = idp.token("sarah", ALL)
        assert grant(env, old).returncode == 0
        before = idp.key_fetches()
        idp.command("rotate")
        new = idp.token("cfo", "test.use")
        kids = [decode(token.split(".")[0])["kid"] for token in (old, new)]
        assert kids[0] != kids[1], kids
        files = {token: env.directory / f"{kid}.jwt" for token, kid in zip((old, new), kids)}
        for token, path in files.items():
            path.write_text(token)
        running = [env.start_writ("grant", "--agent", "tester", "--token-file", files[token], stdout=-1, stderr=-1, text=True)
                   for token in [new, old] * 6]
        failed = [done.stderr for done in (env.finish(process, 20) for process in running) if done.returncode != 0]
        assert not failed, failed
        assert idp.key_fetches() - before == 1, "the new key is fetched once"
        expect.allowed(call(env, new, env.url("https", "/finance/revenue"))[0])
        expect.allowed(call(env, old, env.url("https", "/crm/contacts/7"))[0])


def test_key_no_longer_published(env):
    with provider(env) as idp:
        old = idp.token("sarah", ALL)
        idp.command("rotate")
        idp.command("retire")
        restart(env)
        assert grant(env, idp.token("sarah", ALL)).returncode == 0
        refused(env, old, decode(old.split(".")[0])["kid"])


def test_sessions_outlive_the_provider(env):
    """A writ that was granted does not ask again."""
    with provider(env) as idp:
        writ = grant(env, idp.token("sarah", ALL)).stdout.strip()
    restart(env)
    done = env.writ("run", "--writ", writ, "--", "/usr/bin/curl", "-q", "-sSf", env.url("http", "/allowed/x"))
    assert done.returncode == 0, done
    user = env.decisions()[-1]["user"]
    assert (user["id"], user["via"], user["strength"]) == ("sarah", "token", "token"), user


def strange_key() -> dict:
    """A private EC key that no provider has published."""
    process = Processes.start(["node", "-e", "console.log(JSON.stringify(require('crypto').generateKeyPairSync('ec',"
                               "{namedCurve:'P-256'}).privateKey.export({format:'jwk'})))"], stdout=-1, text=True)
    out, _ = process.communicate(timeout=20)
    Processes.done(process)
    return json.loads(out)
