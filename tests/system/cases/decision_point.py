"""An external decision point beside the rules (Must show 5): it narrows, it is waited for no longer than said, no error allows."""
import contextlib
import threading
import time

from lib import expect
from lib.asking import Asking
from lib.case import config, each
from lib.decision_point import DecisionPoint

SOCKET = "/tmp/writ-test-decision.sock"
TIMEOUT = 0.4


def settings(on_error="deny") -> dict:
    return {"decision": {"opa": {"url": f"unix:{SOCKET}", "path": "data/writ/decision", "timeout": "400ms",
                                 "on_error": on_error}}}


CONFIG = {"writ": settings()}


def by_path(given: dict):
    path = given["request"]["path"]
    if path.endswith("/no"):
        return {"decision": "deny", "reason": "the ledger is closed", "rule": "ledger"}
    if path.endswith("/flag"):
        return {"decision": "flag", "reason": "worth a look"}
    if path.endswith("/undefined"):
        return None
    return True


@contextlib.contextmanager
def point(decide=by_path):
    with DecisionPoint(SOCKET, decide) as made:
        try:
            yield made
        finally:
            __import__("os").unlink(SOCKET)


def governed(env, scheme="http") -> Asking:
    return Asking.governed(env, scheme, "--agent", "tester", "--user", "sarah", "--task", "reporting")


@each(scheme=["http", "https"])
def test_it_narrows(env, scheme):
    """Works before, denied with its reason and zero bytes at the server, works after; it is not asked about what rules deny."""
    before = env.last_sequence()
    with point() as opa:
        running = governed(env, scheme)
        assert running.ask("/allowed/yes") == "200"
        mark = env.servers.mark()
        denied = "403" if scheme == "http" else "aborted"
        assert [running.ask("/allowed/no"), running.ask("/denied/x")] == [denied] * 2
        expect.nothing_arrived(env.servers.since(mark))
        assert [running.ask("/allowed/flag"), running.ask("/crm/contacts/7")] == ["200", "200"]
        running.end()
        assert [given["request"]["path"] for given in opa.asked] == ["/allowed/yes", "/allowed/no", "/allowed/flag", "/crm/contacts/7"]
        assert opa.connections == 1, "each request had a connection of its own"
        given = opa.asked[-1]
        assert given["user"]["id"] == "sarah" and given["agent"]["id"] == "tester", given
        assert given["tool"]["name"] == "crm.get_contact" and given["tool"]["effect"] == "read", given
        assert "crm.contacts.read" in given["scopes"]["effective"] and given["session"]["calls"] == 2, given
    yes, no, own, flag, _ = env.decisions(before, 5)
    assert (yes["verdict"], no["code"], no["rule"], no["reason"]) == \
        ("VERDICT_ALLOW", "pdp_denied", "decision-point:ledger", "the ledger is closed"), no
    assert own["code"] == "scope_missing" and flag["verdict"] == "VERDICT_FLAG", (own, flag)


@each(mode=["slow", "500", "bad json", "huge", "wrong type", "cut", "undefined"])
def test_no_error_allows(env, mode):
    with point() as opa:
        opa.mode = "" if mode == "undefined" else mode
        before, running = env.last_sequence(), governed(env)
        mark, started = env.servers.mark(), time.monotonic()
        assert running.ask("/allowed/undefined" if mode == "undefined" else "/allowed/yes") == "403"
        took = time.monotonic() - started
        expect.nothing_arrived(env.servers.since(mark))
        assert took < TIMEOUT + 0.5, f"it waited {took:.2f} s"
        opa.mode = ""
        assert running.ask("/allowed/yes") == "200"
        running.end()
    code = {"slow": "pdp_timeout", "500": "pdp_status", "cut": "pdp_unreachable", "undefined": "pdp_undefined"}.get(mode, "pdp_bad_answer")
    decision = env.decisions(before, 2)[0]
    assert decision["code"] == code, decision
    counters = {c["name"]: int(c.get("value", 0)) for c in env.writ_json("status")[0]["counters"]}
    assert counters.get(code, 0) >= 1, counters


def test_dead_and_back(env):
    running = governed(env)
    before = env.last_sequence()
    assert running.ask("/allowed/yes") == "403"
    with point():
        assert running.ask("/allowed/yes") == "200"
    assert running.ask("/allowed/yes") == "403"
    with point():
        assert running.ask("/allowed/yes") == "200"
    running.end()
    assert [d["code"] for d in env.decisions(before, 4)][::2] == ["pdp_unreachable"] * 2


@config(writ=settings("allow"))
def test_what_on_error_says(env):
    """Asked for by name, and the record shows that there was no answer."""
    before, running = env.last_sequence(), governed(env)
    assert [running.ask("/allowed/yes"), running.ask("/denied/x")] == ["200", "403"]
    running.end()
    decision = env.decisions(before, 2)[0]
    assert decision["verdict"] == "VERDICT_ALLOW" and "pdp_unreachable" in decision["reason"], decision


def test_a_slow_answer_holds_its_own_call_only(env):
    with point() as opa:
        opa.mode = "slow one"
        slow, quick = governed(env), governed(env)
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(slow.ask("/allowed/slow")))
        waiting.start()
        time.sleep(0.05)
        times = []
        for _ in range(5):
            started = time.monotonic()
            assert quick.ask("/allowed/yes") == "200"
            times.append(time.monotonic() - started)
        waiting.join()
        assert answers == ["403"], answers
        assert sorted(times)[2] < 0.2, times
        slow.end()
        quick.end()


def test_revoked_while_it_is_asked(env):
    with point() as opa:
        opa.mode = "slow one"
        running = governed(env)
        writ = next(s for s in env.writ_json("status")[0]["sessions"])["writId"]
        answers, before, mark = [], env.last_sequence(), env.servers.mark()
        waiting = threading.Thread(target=lambda: answers.append(running.ask("/allowed/slow")))
        waiting.start()
        time.sleep(0.1)
        done = env.writ("revoke", writ)
        assert done.returncode == 0 and "1 call held" in done.stdout, done
        waiting.join()
        assert answers == ["403"]
        expect.nothing_arrived(env.servers.since(mark))
        running.end()
    assert env.decisions(before, 1)[0]["code"] == "writ_revoked"


def test_a_body_goes_with_it(env):
    with point(lambda given: given["tool"]["args"] == {"amount": 5} and given["tool"]["args_state"] == "complete") as opa:
        body = env.directory / "body.json"
        body.write_text('{"amount": 5}')
        done = env.writ("run", "--agent", "tester", "--user", "sarah", "--", "/usr/bin/curl", "-q", "-sS", "-o", "/dev/null", "-w",
                        "%{http_code}", "-H", "Content-Type: application/json", "--data-binary", f"@{body}", env.url("http", "/allowed/pay"))
        assert done.stdout == "200", (done, opa.asked)
