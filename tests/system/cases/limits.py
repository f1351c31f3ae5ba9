"""Limits per session and per user; denied calls use no quota."""
import time

from lib import expect
from lib.case import each

CONFIG = {"agents": {"three": {"max_tool_calls": 3}, "brief": {"max_duration": "2s"}},
          "users": {"ten": {"calls_per_minute": 10}, "ten-denied": {"calls_per_minute": 10}}}


@each(client=["requests", "node-https", "curl"], scheme=["http", "https"])
def test_max_tool_calls(env, client, scheme):
    mark, before = env.servers.mark(), env.last_sequence()
    results = env.client(client, env.url(scheme, "/allowed/x"), method="POST", body=100, repeat=5, agent="three")
    for result in results[:3]:
        expect.allowed(result, 100)
    for result in results[3:]:
        expect.denied(result, scheme)
    expect.only_arrived(env.servers.since(mark), ["/allowed/x"] * 3)
    codes = {d.get("code") for d in env.decisions(before, 5) if d["verdict"] == "VERDICT_DENY"}
    assert codes == {"limit_tool_calls"}, codes


def test_each_session_has_its_own(env):
    for _ in range(2):
        results = env.client("requests", env.url("http", "/allowed/x"), repeat=3, agent="three")
        assert [r["status"] for r in results] == [200, 200, 200]


def test_denied_calls_use_no_quota(env):
    denied, allowed = env.url("http", "/denied/x"), env.url("http", "/allowed/x")
    results = env.client("requests", *[denied] * 5, *[allowed] * 3, allowed, agent="three")
    assert [r["status"] for r in results] == [403] * 5 + [200] * 3 + [403], [r["status"] for r in results]


def test_concurrent_calls_do_not_overshoot(env):
    mark = env.servers.mark()
    process = env.start_client("many-asyncio", "--allowed", env.url("http", "/allowed"), "--denied",
                               env.url("http", "/allowed"), "--connections", 64, "--rounds", 1, agent="three")
    lines = env.results(process)
    assert sum(l["status"] == 200 for l in lines) == 3, [l["status"] for l in lines]
    assert len(env.servers.since(mark).requests) == 3


def test_max_duration(env):
    process = env.start_client("raw", "--url", env.url("http", "/allowed/slow/2500"), "--url", env.url("http", "/allowed/x"),
                               agent="brief")
    first, second = env.results(process)
    assert first["status"] == 200, first
    expect.denied(second, "http")


def test_calls_per_minute_are_the_users(env):
    """Two agents, run at the same time, share their user's ten."""
    mark, before = env.servers.mark(), env.last_sequence()
    url = env.url("http", "/allowed/x")
    both = [env.start_client("requests", "--url", url, "--repeat", 8, user="ten", agent=a) for a in ("tester", "other")]
    lines = [line for process in both for line in env.results(process)]
    assert sum(l["status"] == 200 for l in lines) == 10, [l["status"] for l in lines]
    assert sum(l["status"] == 403 for l in lines) == 6
    assert len(env.servers.since(mark).requests) == 10
    codes = {d["code"] for d in env.decisions(before, 16) if d["verdict"] == "VERDICT_DENY"}
    assert codes == {"limit_calls_per_minute"}, codes


def test_denied_calls_use_no_minute(env):
    denied, allowed = env.url("http", "/denied/x"), env.url("http", "/allowed/x")
    results = env.client("requests", *[denied] * 15, *[allowed] * 10, user="ten-denied")
    assert [r["status"] for r in results] == [403] * 15 + [200] * 10, [r["status"] for r in results]


def test_refusal_says_why(env):
    started = time.monotonic()
    results = env.client("requests", env.url("http", "/allowed/x"), repeat=4, agent="three")
    assert "3" in str(results[3]["answer"]), results[3]
    assert time.monotonic() - started < 20
