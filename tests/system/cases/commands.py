"""Commands: a program that an agent starts is stopped before its first instruction, and runs or is killed by the verdict."""
import contextlib
import hashlib
import os
import pathlib
import signal
import subprocess
import time

from lib.case import config, each, timeout
from lib.config import Config
from lib.processes import Processes, descendants
from lib.stopped import stopped, wait_for

PYTHON = os.path.realpath("/usr/bin/python3")
SHELL = os.path.realpath("/bin/sh")
TOUCH = os.path.realpath("/usr/bin/touch")
TRUE = os.path.realpath("/usr/bin/true")
SLEEP = os.path.realpath("/usr/bin/sleep")

CONFIG = {
    "commands": {"python": [PYTHON], "shell": [SHELL], "true": [TRUE], "sleep": [SLEEP], "unshare": ["/usr/bin/unshare"],
                 "mount": ["/usr/bin/mount"], "touch": [TOUCH], "memory": ["/?/memfd:allowed"]},
    "more_rules": ({"id": "no-trace", "effect": "deny", "tools": ["touch"], "args": {"argv": {"any": {"glob": "*trace*"}}}},),
}


def folder(env) -> pathlib.Path:
    path = env.directory / f"files{time.monotonic_ns()}"
    path.mkdir()
    return path


def run(env, *command, mode="enforce", seconds=30, user="admin", **options):
    return env.writ("run", "--agent", "tester", "--user", user, "--mode", mode, "--", *map(str, command), timeout=seconds,
                    **options)


def start(env, *command, user="admin", **options) -> subprocess.Popen:
    return env.start_writ("run", "--agent", "tester", "--user", user, "--mode", "enforce", "--", *map(str, command),
                          stdin=subprocess.DEVNULL, **options)


def commands(env, after: int, count: int = 0, seconds: float = 5) -> list[dict]:
    """Of each command that was decided: decision, with the outcome's result and detail."""
    found = []
    for call in env.calls(after, count, seconds):
        decision, outcome = call["decision"]["decision"], call.get("outcome", {}).get("outcome", {})
        if decision["request"]["protocol"] == "exec":
            found.append(decision | {"result": outcome.get("result"), "detail": outcome.get("detail")})
    return found


def of(found: list[dict], path: str, gone: bool = False) -> dict:
    """The one command of that path. `gone`: it may have ended before it was looked at, and then nobody knows which file it was."""
    named = [d for d in found if d["request"]["path"] in (path, f"/?{path}" if gone else path)]
    assert len(named) == 1, f"{len(named)} commands {path}: {[d['request']['path'] for d in found]}"
    return named[0]


@contextlib.contextmanager
def held(env, *command):
    """writd does not answer, and one program of the command waits: (process of the command, the program that waits)."""
    ready, go = os.pipe(), os.pipe()
    # The agent itself has been let go; the next program it starts finds nobody who answers.
    script = (f"import os, subprocess, time; os.write({ready[1]}, b'.'); os.read({go[0]}, 1); "
              f"subprocess.Popen({[str(c) for c in command]!r}); time.sleep(60)")
    agent = start(env, PYTHON, "-c", script, pass_fds=(ready[1], go[0]))
    try:
        assert os.read(ready[0], 1) == b"."
        os.kill(env.daemon.pid, signal.SIGSTOP)
        os.write(go[1], b".")
        waits = stopped(5)
        assert len(waits) == 1, f"{len(waits)} programs wait: {waits}"
        yield agent, waits[0]
    finally:
        for end in (*ready, *go):
            os.close(end)
        if env.daemon.running():
            os.kill(env.daemon.pid, signal.SIGCONT)


def agent_of(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_denied_leaves_no_trace(env):
    """Allowed before, denied without a trace, allowed after; the record says which, and of what."""
    files = folder(env)
    before = env.last_sequence()
    done = run(env, SHELL, "-c", f"{TOUCH} {files}/a; {TOUCH} {files}/trace; echo $?; {TOUCH} {files}/b")
    assert done.returncode == 0 and done.stdout == "137\n", done
    assert sorted(p.name for p in files.iterdir()) == ["a", "b"], list(files.iterdir())
    found = commands(env, before, 4)
    assert [d["verdict"] for d in found] == ["VERDICT_ALLOW", "VERDICT_ALLOW", "VERDICT_DENY", "VERDICT_ALLOW"], found
    shell, denied = found[0], found[2]
    assert denied["rule"] == "no-trace" and denied["result"] == "refused" and "before its first" in denied["detail"], denied
    assert denied["request"]["method"] == "EXEC" and denied["request"]["path"] == TOUCH, denied
    assert denied["command"]["argv"] == [TOUCH, f"{files}/trace"] and denied["command"]["whole"], denied
    assert denied["command"]["parent"]["exe"] == SHELL and int(denied["heldNs"]) > 0, denied
    assert denied["command"]["cwd"] == os.getcwd(), denied
    assert denied["command"]["digest"] == "sha256:" + hashlib.sha256(pathlib.Path(TOUCH).read_bytes()).hexdigest()
    assert shell["tool"]["name"] == "shell" and shell["command"]["file"] == SHELL, shell


def test_unknown_is_denied(env):
    """A program that no tool names, by whatever call it is started, and the agent's own."""
    before = env.last_sequence()
    assert run(env, "/usr/bin/id").returncode == -signal.SIGKILL
    script = ("import os, subprocess, threading\n"
              "print(subprocess.run(['/usr/bin/id']).returncode)\n"
              "print(os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn('/usr/bin/id', ['id'], {}), 0)[1]))\n"
              "p = os.fork()\n"
              "if p == 0:\n"
              "    t = threading.Thread(target=lambda: os.execve(os.open('/usr/bin/id', os.O_RDONLY), ['id'], {}))\n"
              "    t.start(); t.join()\n"
              "print(os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]))\n")
    done = run(env, PYTHON, "-c", script)
    assert done.stdout.split() == ["-9"] * 3, done
    denied = [d for d in commands(env, before, 5) if d["verdict"] == "VERDICT_DENY"]
    assert [d["code"] for d in denied] == ["tool_unknown"] * 4, denied
    assert all(d["request"]["path"] == os.path.realpath("/usr/bin/id") for d in denied), denied


@each(program=["true", "touch"])
@timeout(90)
def test_a_thousand(env, program):
    """`true` needs no stop after the first time; of `touch` a rule looks at the arguments. Every one is on record."""
    path = {"true": TRUE, "touch": TOUCH}[program]
    before = env.last_sequence()
    loop = f"import subprocess\nprint(sum(subprocess.run([{path!r}, '/dev/null']).returncode == 0 for _ in range(1000)))"
    done = run(env, PYTHON, "-c", loop, seconds=60)
    assert done.stdout == "1000\n", done
    assert not stopped(), "a program was left stopped"
    found = [d for d in commands(env, before, 1001, 10) if d["request"]["path"] == path]
    assert len(found) == 1000 and {d["verdict"] for d in found} == {"VERDICT_ALLOW"}, len(found)
    assert {d["result"] for d in found} == {"completed"}, {d["result"] for d in found}
    waited = sum(int(d.get("heldNs", 0)) > 0 for d in found)
    assert waited == 1000 if program == "touch" else waited < 100, f"{waited} of {program} waited"


@each(name=["a", "trace"])
def test_agent_killed_meanwhile(env, name):
    """The agent dies while its child waits: the child is judged all the same, and nothing is left stopped."""
    files = folder(env)
    before = env.last_sequence()
    with held(env, TOUCH, files / name) as (agent, child):
        os.kill(agent_of(child), signal.SIGKILL)
        agent.wait(10)
    Processes.done(agent)
    wait_for(lambda: child not in descendants(), "the child is still there")
    assert (files / name).exists() == (name == "a")
    decision = of(commands(env, before, 2), TOUCH)
    assert decision["result"] == ("completed" if name == "a" else "refused"), decision


def test_child_killed_meanwhile(env):
    files = folder(env)
    before = env.last_sequence()
    with held(env, TOUCH, files / "a") as (agent, child):
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: child not in descendants(), "the child did not die")
    assert of(commands(env, before, 2), TOUCH, gone=True)["result"] in ("incomplete", "refused")
    assert not (files / "a").exists()
    end(agent)


def end(agent: subprocess.Popen) -> None:
    agent.terminate()
    agent.wait(10)
    Processes.done(agent)


def test_continued_by_somebody_else(env):
    """Who continues a program that waits has killed it: it never ran."""
    files = folder(env)
    before, forced = env.last_sequence(), env.counters()["commands_forced"]
    with held(env, TOUCH, files / "a") as (agent, child):
        os.kill(child, signal.SIGCONT)
        wait_for(lambda: child not in descendants(), "the child goes on")
    assert not (files / "a").exists(), "it ran before the verdict"
    assert of(commands(env, before, 2), TOUCH, gone=True)["result"] in ("incomplete", "refused")
    assert env.counters()["commands_forced"] > forced
    wait_for(lambda: b"command_forced" in env.audit_bytes(), "the record does not say so")
    end(agent)


@each(name=["a", "trace"])
def test_writd_killed_meanwhile(env, name):
    """kill -9 of writd: the next one judges what waits."""
    files = folder(env)
    with held(env, TOUCH, files / name) as (agent, child):
        env.daemon.kill9()
        time.sleep(0.1)
        assert stopped() == [child]
        assert not (files / name).exists()
        before = 0
        env.daemon.start()
        wait_for(lambda: child not in descendants(), "the child still waits")
    assert (files / name).exists() == (name == "a")
    decision = [d for d in commands(env, before, 2) if d["command"]["argv"][1:] == [f"{files}/{name}"]]
    assert len(decision) == 1 and decision[0]["result"] == ("completed" if name == "a" else "refused"), decision
    end(agent)


def test_writd_stopped_meanwhile(env):
    """A clean stop ends what waits."""
    files = folder(env)
    with held(env, TOUCH, files / "a") as (agent, child):
        env.daemon.process.terminate()
        os.kill(env.daemon.pid, signal.SIGCONT)
        env.daemon.stop()
        assert child not in descendants() and not (files / "a").exists()
    end(agent)
    env.daemon.start()


def test_scripts_and_files_from_elsewhere(env):
    """#!, a memfd, a deleted file, and one that was put over another in a mount namespace of its own."""
    files = folder(env)
    script = files / "job"
    script.write_text(f"#!{SHELL}\n{TRUE}\n")
    script.chmod(0o755)
    evil = files / "evil"
    evil.write_bytes(pathlib.Path(TOUCH).read_bytes())
    evil.chmod(0o755)
    before = env.last_sequence()
    assert run(env, script).returncode == 0
    job = [d for d in commands(env, before, 2) if d["command"].get("script")][0]
    assert job["request"]["path"] == SHELL and job["command"]["file"] == str(script), job
    assert job["command"]["argv"] == [SHELL, str(script)], job

    memory = ("import os, sys\nfd = os.memfd_create(sys.argv[1], 0)\n"
              f"os.write(fd, open({TRUE!r}, 'rb').read())\nos.execve(fd, ['x'], {{}})")
    assert run(env, PYTHON, "-c", memory, "allowed").returncode == 0
    assert run(env, PYTHON, "-c", memory, "other").returncode == -signal.SIGKILL
    over = f"/usr/bin/mount --bind {evil} {TRUE} && {TRUE} {files}/trace"
    before = env.last_sequence()
    assert run(env, "/usr/bin/unshare", "-m", SHELL, "-c", over).returncode in (137, -9)
    assert not (files / "trace").exists()
    assert of(commands(env, before, 4), "/?" + TRUE)["code"] == "tool_unknown"
    gone = f"import os\nfd = os.open({str(evil)!r}, os.O_RDONLY)\nos.unlink({str(evil)!r})\nos.execve(fd, ['x'], {{}})"
    before = env.last_sequence()
    assert run(env, PYTHON, "-c", gone).returncode == -signal.SIGKILL
    assert of(commands(env, before, 2), f"/?{evil}")["code"] == "tool_unknown"


def test_long_and_strange_arguments(env):
    """What is not all there, or no UTF-8, is undefined for the rule that looks; what no rule looks at passes."""
    files = folder(env)
    long = f"import subprocess\nprint(subprocess.run([%r, *['x' * 1000] * 150, {str(files / 'a')!r}]).returncode)"
    before = env.last_sequence()
    assert run(env, PYTHON, "-c", long % TRUE).stdout == "0\n"
    assert run(env, PYTHON, "-c", long % TOUCH).stdout == "-9\n"
    found = commands(env, before, 4)
    assert not of(found, TOUCH)["request"].get("complete") and of(found, TOUCH)["rule"] == "no-trace", found
    assert len(of(found, TOUCH)["command"]["argv"]) <= 64
    strange = f"import subprocess\nprint(subprocess.run([{TOUCH!r}, {os.fsencode(files)!r} + b'/\\xff']).returncode)"
    assert run(env, PYTHON, "-c", strange).stdout == "-9\n"
    assert not list(files.iterdir())


def test_observed(env):
    """Recorded with the verdict that would have been, never stopped."""
    files = folder(env)
    before = env.last_sequence()
    with_trace = f"import subprocess\nfor i in range(50): subprocess.run([{TOUCH!r}, {str(files / 'trace')!r}])"
    assert run(env, PYTHON, "-c", with_trace, mode="observe").returncode == 0
    assert (files / "trace").exists()
    found = [d for d in commands(env, before, 51) if d["request"]["path"] == TOUCH]
    assert len(found) == 50, len(found)
    assert {(d["verdict"], d["mode"], d["result"]) for d in found} == {("VERDICT_DENY", "MODE_OBSERVE", "completed")}, found[0]
    assert all(not int(d.get("heldNs", 0)) for d in found)


def test_said_by_status_doctor_and_trace(env):
    before = env.last_sequence()
    run(env, TRUE)
    decision = commands(env, before, 1)[0]
    told = env.writ("trace", decision["callId"]).stdout
    assert TRUE in told and "sha256:" in told and "Started by" in told, told
    checks = {c["name"]: c for c in env.writ_json("doctor")[0]["checks"]}
    assert "NOT" not in checks["commands"]["detail"], checks["commands"]


@config(**CONFIG, writ={"ring_bytes": "64KiB"})
def test_more_starts_than_can_be_told(env):
    """Nobody reads the ring buffer, and it fills up: what does not fit in did not run, is counted and on record; the rest is judged."""
    files, count = folder(env), 100
    before, counted = env.last_sequence(), env.counters()["commands_lost"]
    ready, go = os.pipe(), os.pipe()
    script = (f"import os, subprocess; os.write({ready[1]}, b'.'); os.read({go[0]}, 1); "
              f"all = [subprocess.Popen([{TOUCH!r}, {str(files)!r} + f'/{{i}}']) for i in range({count})]; "
              f"os.write({ready[1]}, b'.'); print(*[one.wait() for one in all])")
    agent = start(env, PYTHON, "-c", script, pass_fds=(ready[1], go[0]), stdout=subprocess.PIPE, text=True)
    try:
        assert os.read(ready[0], 1) == b"."
        os.kill(env.daemon.pid, signal.SIGSTOP)
        os.write(go[1], b".")
        assert os.read(ready[0], 1) == b"."
        assert not list(files.iterdir()), "one ran without a verdict"
    finally:
        os.kill(env.daemon.pid, signal.SIGCONT)
        for fd in (*ready, *go):
            os.close(fd)
        codes = [int(code) for code in env.finish(agent, 20).stdout.split()]
    lost = [str(i) for i, code in enumerate(codes) if code == -signal.SIGKILL]
    ran = [str(i) for i, code in enumerate(codes) if code == 0]
    assert lost and ran and len(lost) + len(ran) == count, codes
    assert sorted(p.name for p in files.iterdir()) == sorted(ran), "what ran is not what says so"
    assert env.counters()["commands_lost"] - counted == len(lost), env.counters()
    wait_for(lambda: b"commands_lost" in env.audit_bytes(), "the record does not say so")
    touched = [d for d in commands(env, before, 1 + len(ran)) if d["request"]["path"] == TOUCH]
    assert [d["result"] for d in touched] == ["completed"] * len(ran), touched
    assert run(env, TRUE).returncode == 0 and not stopped()


@config()
def test_ungoverned_is_said(env):
    """A policy that names no program stops none, and that is said."""
    before = env.last_sequence()
    agent = start(env, SLEEP, 30)
    wait_for(lambda: env.writ_json("status")[0].get("ungovernedCommands") == 1, "status does not say it")
    checks = {c["name"]: c for c in env.writ_json("doctor")[0]["checks"]}
    assert checks["commands"]["detail"].startswith("NOT governed"), checks["commands"]
    assert "Commands are not governed" in env.writ("status").stdout
    # A reload that names programs governs the same session.
    env.daemon.write({"policies/test.yaml": Config(**CONFIG).policy()})
    assert env.writ("reload").returncode == 0
    assert not env.writ_json("status")[0].get("ungovernedCommands")
    assert not commands(env, before)
    end(agent)
    env.settings = None  # not what it was started with any more
