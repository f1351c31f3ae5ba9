"""Must show 6: a process that was running, and connected, before it was bound is governed from its next request on."""
import os

from lib import expect
from lib.asking import PIPES, Asking
from lib.case import each
from lib.processes import Processes

NOBODY = 65534


def attach(env, process, *arguments):
    return env.writ("attach", str(process.process.pid), *(arguments or ("--agent", "tester", "--user", "sarah")))


@each(scheme=["http", "https"])
def test_running_and_connected(env, scheme):
    before = env.last_sequence()
    running = Asking.free(env, scheme)
    assert running.ask("/denied/1") == "200", "not governed yet, on the connection that it keeps"
    done = attach(env, running)
    assert done.returncode == 0, done
    mark = env.servers.mark()
    assert running.ask("/denied/2") == ("403" if scheme == "http" else "aborted")
    expect.nothing_arrived(env.servers.since(mark))
    assert running.ask("/allowed/3") == "200"
    running.end()
    decisions = env.decisions(before, 2)
    assert [d["request"]["path"] for d in decisions] == ["/denied/2", "/allowed/3"], decisions
    assert {d["user"]["id"] for d in decisions} == {"sarah"}


@each(scheme=["http", "https"])
def test_the_kept_connection_goes_on(env, scheme):
    """An allowed call on a connection that is older than the session, byte for byte."""
    running = Asking.free(env, scheme)
    assert running.ask("/allowed/1") == "200"
    assert attach(env, running).returncode == 0
    mark = env.servers.mark()
    assert [running.ask("/allowed/2"), running.ask("/allowed/3")] == ["200", "200"]
    arrived = env.servers.since(mark)
    assert [r.path for r in arrived.requests] == ["/allowed/2", "/allowed/3"]
    assert len({id(r.connection) for r in arrived.requests}) == 1, "it had to connect anew"
    running.end()


def test_descendants_come_with_it(env):
    script = "import subprocess,sys; subprocess.run(['/usr/bin/python3','-c',*sys.argv[1:]])"
    parent = Processes.start(["/usr/bin/python3", "-c", script, *Asking.command(env, "http")[2:]], **PIPES)
    assert parent.stdout.readline() == "ready\n"
    done = env.writ("--json", "attach", str(parent.pid), "--agent", "tester", "--user", "sarah")
    assert done.returncode == 0 and '"processes": 2' in done.stdout, done
    parent.stdin.write("/denied/1\n")
    parent.stdin.flush()
    assert parent.stdout.readline().strip() == "403"
    parent.communicate(timeout=15)
    Processes.done(parent)


def test_under_a_granted_writ(env):
    writ = env.writ("grant", "--agent", "tester", "--user", "sarah", "--scopes", "test.use").stdout.strip()
    running = Asking.free(env, "http")
    assert attach(env, running, "--writ", writ).returncode == 0
    assert [running.ask("/allowed/1"), running.ask("/crm/contacts/7")] == ["200", "403"]
    running.end()


@each(case=["gone", "init", "writd", "twice", "no agent", "other's"])
def test_refused(env, case):
    """A clear error, and the process goes on as it was."""
    running = Asking.free(env, "http")
    options = {}
    target, arguments = str(running.process.pid), ["--agent", "tester", "--user", "sarah"]
    if case == "gone":
        target = "4194303"
    elif case == "init":
        target = "1"
    elif case == "writd":
        target = str(env.daemon.pid)
    elif case == "twice":
        assert attach(env, running).returncode == 0
    elif case == "no agent":
        arguments = ["--agent", "nobody", "--user", "sarah"]
    else:
        arguments = ["--agent", "tester"]
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/",
                   "env": {"PATH": os.environ["PATH"], "HOME": "/"}}
    done = env.writ("attach", target, *arguments, **options)
    assert done.returncode != 0 and done.stderr.strip(), done
    assert running.ask("/denied/1") == ("403" if case == "twice" else "200")
    running.end()


def test_own_process_of_a_user(env):
    """Who is no root may bind what is their own, for themselves."""
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
    running = Asking.free(env, "http", **options)
    done = env.writ("attach", str(running.process.pid), "--agent", "tester", **options)
    assert done.returncode == 0, done
    assert [running.ask("/allowed/1"), running.ask("/denied/2")] == ["200", "403"]
    running.end()
