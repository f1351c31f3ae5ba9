"""`writ doctor` and `writ status`: what is really in force, for the host and for each governed process."""
import subprocess
import time


def test_all_kernel_needs_are_met(env):
    report = env.writ_json("doctor")[0]
    assert len(report["checks"]) >= 5, report
    for check in report["checks"]:
        assert check.get("ok") or check.get("hint"), f"not met, and no word on what to do: {check}"


def test_text(env):
    done = env.writ("doctor")
    assert done.returncode in (0, 1) and len(done.stdout.splitlines()) >= 5, done


def test_processes_are_covered(env):
    process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", "/usr/bin/python3", "-c",
                             "import ssl, time; print('up', flush=True); time.sleep(20)", stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "up\n"
        found, deadline = [], time.monotonic() + 5
        while not found and time.monotonic() < deadline:
            found = [p for p in env.writ_json("doctor")[0].get("processes", []) if "python3" in p["exe"]]
        assert found and found[0]["covered"] and found[0]["why"], found
        sessions = env.writ_json("status")[0]["sessions"]
        assert [(s["agent"], s["user"]) for s in sessions if s["processes"] == 1] == [("tester", "sarah")], sessions
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_status_counts(env):
    url = env.url("http", "/allowed/x")
    before = int(env.writ_json("status")[0].get("lastSequence", 0))
    env.client("requests", url, env.url("http", "/denied/x"))
    env.calls(before, 2)
    status = env.writ_json("status")[0]
    assert int(status["lastSequence"]) >= before + 4, status
    assert status["version"] and status["policyVersion"] and status["counters"], status
    assert env.writ("status").stdout.strip()


def test_what_is_not_in_force(env):
    """A verdict that this version cannot do is told while it is asked for, and no longer."""
    path = env.daemon.config / "policies" / "test.yaml"
    before = path.read_text()
    try:
        env.daemon.write({"policies/test.yaml": before + "  - {id: ask-first, effect: hold, tools: [test.scanned]}\n"
                                                         "settings: [{results: redact}]\n"})
        assert env.writ("reload").returncode == 0
        done = env.writ("doctor")
        assert done.returncode == 1 and "ask-first" in done.stdout and "results: redact" in done.stdout, done
        check = verdicts(env)
        assert not check["ok"] and "denied" in check["detail"] and check["hint"], check
        assert env.writ_json("status")[0]["notInForce"] == 2
        assert "Not in force as it is written: 2" in env.writ("status").stdout
    finally:
        env.daemon.write({"policies/test.yaml": before})
        assert env.writ("reload").returncode == 0
    assert verdicts(env)["ok"] and env.writ_json("status")[0]["notInForce"] == 0


def verdicts(env) -> dict:
    return next(c for c in env.writ_json("doctor")[0]["checks"] if c["name"] == "verdicts in force")
