"""Must show 8: what is wrong is said clearly, with what to do; exit code ≠ 0, nothing changed. And `writ run` is transparent."""
import os
import pathlib
import subprocess

from lib import expect
from lib.case import each
from lib.processes import Processes

NOBODY = 65534
BAD_POLICY = "tools:\n  - name: [\n"
UNKNOWN_KEY = "toolz: []\nrulez: []\n"


def clear(done, *words):
    """An error for people: exit code, stderr, and each of these words in it."""
    assert done.returncode not in (0, -11, -6), f"exit {done.returncode}: {done.stdout}{done.stderr}"
    assert done.stderr.strip(), "nothing on stderr"
    for word in words:
        assert word in done.stderr, f"no {word!r} in: {done.stderr}"


@each(option=["agent", "user"])
def test_unknown_name(env, option):
    marker = env.directory / "started"
    names = {"agent": "tester", "user": "sarah"} | {option: "no-such-name"}
    done = env.writ("run", "--agent", names["agent"], "--user", names["user"], "--", "/usr/bin/touch", marker)
    clear(done, "no-such-name")
    assert not marker.exists(), "the command ran"


@each(content=["syntax", "unknown-key"])
def test_policy_check(env, content):
    path = env.directory / "bad.yaml"
    path.write_text(BAD_POLICY if content == "syntax" else UNKNOWN_KEY)
    done = env.writ("policy", "check", path)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert f"{path}:" in said and any(c.isdigit() for c in said.split(f"{path}:")[1][:3]), f"no file:line in: {said}"
    if content == "unknown-key":
        assert "toolz" in said and "rulez" in said, f"one of two errors is missing: {said}"
        assert "tools" in said, f"no hint: {said}"


def test_policy_check_accepts_what_is_in_force(env):
    done = env.writ("policy", "check", *sorted((env.daemon.config / "policies").glob("*.yaml")))
    assert done.returncode == 0, done


@each(file=["policies/test.yaml", "users.yaml", "agents.yaml", "writ.yaml", "rules/bad.yaml"])
def test_writd_refuses_bad_configuration(env, file):
    daemon = env.new_daemon()
    daemon.write({file: "nonsense_key: 1\n"})
    process = daemon.launch()
    try:
        code = process.wait(20)
    except subprocess.TimeoutExpired:
        process.terminate()
        raise AssertionError(f"writd runs with a bad {file}") from None
    assert code != 0 and pathlib.Path(file).name in daemon.tail() and "nonsense_key" in daemon.tail(), daemon.tail()


def test_bad_policy_while_running(env):
    """What is in force stays in force."""
    path = env.daemon.config / "policies" / "test.yaml"
    good, version = path.read_text(), env.writ_json("status")[0]["policyVersion"]
    try:
        path.write_text(BAD_POLICY)
        expect.denied(env.client("requests", env.url("http", "/denied/x"))[0], "http")
        expect.allowed(env.client("requests", env.url("http", "/allowed/x"))[0])
        assert env.writ_json("status")[0]["policyVersion"] == version
    finally:
        path.write_text(good)


@each(command=["status", "doctor", "calls", "trace", "run", "verify"])
def test_no_daemon(env, command):
    arguments = {"trace": ["trace", "abc"], "run": ["run", "--agent", "tester", "--", "/bin/true"],
                 "verify": ["calls"]}.get(command, [command])
    done = env.writ(*arguments, root=env.new_root())
    if command == "doctor" and done.returncode == 0:
        assert "writd" in done.stdout, done
        return
    clear(done, "writd")


STRANGER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("up", flush=True)
peer, _ = listener.accept()
peer.settimeout(2)
print(len(peer.recv(100)), flush=True)
"""


def test_socket_owned_by_someone_else(env):
    """What another account serves is not talked to."""
    root = env.new_root()
    path = root / "run" / "writ" / "control.sock"
    path.parent.mkdir(parents=True)
    root.chmod(0o755)
    os.chown(path.parent, NOBODY, NOBODY)
    server = Processes.start(["/usr/bin/python3", "-c", STRANGER, path], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout.readline() == "up\n"
    clear(env.writ("status", root=root), "control.sock")
    server.terminate()
    said = env.finish(server, 5).stdout
    assert said in ("", "0\n"), f"writ sent it {said} bytes"


def test_second_writd_on_the_same_root(env):
    second = env.writd(env.daemon)
    clear(second, "writd")
    assert env.daemon.running() and env.writ("status").returncode == 0


def test_writd_without_privileges(env):
    daemon = env.new_daemon()
    for path in [daemon.root, *daemon.root.rglob("*")]:
        os.chown(path, NOBODY, NOBODY)
    done = env.writd(daemon, user=NOBODY, group=NOBODY, extra_groups=[])
    clear(done)
    assert any(w in done.stderr.lower() for w in ("root", "cap_", "permission")), done.stderr


MISSING = {
    "cgroup2": ("umount -l \"$(awk '$3 == \"cgroup2\" {print $2; exit}' /proc/mounts)\"", "mount -t cgroup2"),
    "BTF": ("mount -t tmpfs none /sys/kernel/btf", "CONFIG_DEBUG_INFO_BTF"),
}


@each(feature=list(MISSING))
def test_a_kernel_without(env, feature):
    """In a mount namespace where the feature cannot be found: an error that says what to do, and nothing was made."""
    hide, advice = MISSING[feature]
    daemon = env.new_daemon()
    process = Processes.start(["unshare", "-m", "--propagation", "private", "sh", "-c",
                               f"{hide} && exec {daemon.binary} --root {daemon.root}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    done = env.finish(process, 20)
    clear(done, advice)
    assert not daemon.state.exists() and not (daemon.root / "run").exists()


def test_unknown_command_and_option(env):
    clear(env.writ("no-such-command"))
    clear(env.writ("status", "--no-such-option"))
    clear(env.writ("run", "--agent", "tester"))
    clear(env.writ("run", "--agent", "tester", "--mode", "maybe", "--", "/bin/true"), "maybe")


# --- writ run is transparent ---

def run(env, *command, **options):
    return env.writ("run", "--agent", "tester", "--user", "sarah", "--", *command, **options)


@each(code=[0, 7, 255])
def test_exit_code_passes(env, code):
    assert run(env, "/bin/sh", "-c", f"exit {code}").returncode == code


def test_death_by_signal_passes(env):
    assert run(env, "/bin/sh", "-c", "kill -TERM $$").returncode in (-15, 143)


def test_command_not_found(env):
    done = run(env, "/no/such/program")
    clear(done, "/no/such/program")
    assert done.returncode == 127, done


def test_signals_reach_the_command(env):
    script = "trap 'echo got it; exit 9' TERM; echo up; while :; do sleep 0.05; done"
    process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", "/bin/sh", "-c", script,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    process.terminate()
    done = env.finish(process, 10)
    assert (done.returncode, done.stdout) == (9, "got it\n"), done


def test_input_and_output_are_the_commands(env):
    process = env.start_writ("run", "--agent", "tester", "--user", "sarah", "--", "/bin/cat", stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate("through and through\n", timeout=15)
    env.finish(process, 5) if process.poll() is None else None
    assert (process.returncode, out, err) == (0, "through and through\n", ""), (process.returncode, out, err)
