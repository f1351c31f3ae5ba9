"""Must show 2: 200 connections in one event loop, each with its own secret, half of them with denied calls: nothing is ever
attributed to another connection."""
import collections

from lib import expect
from lib.case import each, timeout
from lib.clients import MANY

CONNECTIONS, ROUNDS, BODY = 200, 2, 3000
AWS_KEY = " AKIA" + "Q7ZX2MWPLB4TNE5D"  # denied in /scanned by its body


def run(env, client, scheme, denied_path, tail=""):
    mark, before = env.servers.mark(), env.last_sequence()
    arguments = ["--allowed", env.url(scheme, "/allowed"), "--denied", env.url(scheme, denied_path), "--connections",
                 CONNECTIONS, "--rounds", ROUNDS, "--body-bytes", BODY] + (["--tail", tail] if tail else [])
    lines = env.results(env.start_client(client, *arguments), timeout=80)
    wanted = {"allowed": CONNECTIONS * ROUNDS, "denied": CONNECTIONS // 2 * ROUNDS}
    assert collections.Counter(l["kind"] for l in lines) == wanted, f"{len(lines)} lines"
    return lines, env.servers.since(mark), env.decisions(before, sum(wanted.values()), 15)


def check(lines, arrived, decisions, scheme, denied_path):
    for line in lines:
        if line["kind"] == "allowed":
            answer = line.get("answer") or {}
            assert line["status"] == 200, expect.brief(line)
            assert (answer["secret"], answer["bytes"]) == (line["secret"], line["sent"]), expect.brief(line)
        else:
            expect.denied(line, scheme, at_once=15_000)  # 100 at once on two cores
    at_server = collections.Counter(r.path for r in arrived.requests)
    assert at_server == collections.Counter(f"/allowed/secret{k:04d}" for k in range(CONNECTIONS) for _ in range(ROUNDS))
    assert all(r.complete and r.path.endswith(r.secret) for r in arrived.requests)
    assert sum(c.unaccounted_bytes for c in arrived.connections) == 0

    sent = {(l["kind"], l["secret"]): l["sent"] for l in lines}
    overhead = collections.defaultdict(set)  # bytes beside the body: the same for all calls of a kind
    for decision in decisions:
        path = decision["request"]["path"]
        kind = "denied" if path.startswith(denied_path) else "allowed"
        verdict = decision["verdict"].removeprefix("VERDICT_").lower()
        assert verdict == ("deny" if kind == "denied" else "allow"), decision
        overhead[kind].add(int(decision["request"]["bytes"]) - sent[kind, path.rsplit("/", 1)[1]])
    assert all(len(values) == 1 for values in overhead.values()), f"bytes of another connection: {dict(overhead)}"
    recorded = collections.Counter(d["request"]["path"] for d in decisions)
    missing = [l for l in lines if recorded[f"{denied_path if l['kind'] == 'denied' else '/allowed'}/{l['secret']}"] < ROUNDS]
    assert not missing, f"{len(missing)} calls are not in the audit, e.g. {missing[0]}"


@each(client=MANY, scheme=["https", "http"])
@timeout(150)
def test_denied_by_path(env, client, scheme):
    check(*run(env, client, scheme, "/denied"), scheme, "/denied")


@each(client=MANY, scheme=["https", "http"])
@timeout(150)
def test_denied_by_body(env, client, scheme):
    """The verdict hangs on plaintext of the body: a body that is tied to the wrong socket shows."""
    check(*run(env, client, scheme, "/scanned", AWS_KEY), scheme, "/scanned")
