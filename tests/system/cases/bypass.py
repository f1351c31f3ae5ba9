"""How rules are bypassed elsewhere: children, daemons, other address forms, system calls that carry no plaintext, data in the
SYN. Everything here must be held to the same policy."""
import subprocess
import time

from lib import clients, expect
from lib.case import each
from lib.processes import Processes

CURL = "/usr/bin/curl -q -g -sS --no-progress-meter -m 8 -o /dev/null"
AWS_KEY = " AKIA" + "Q7ZX2MWPLB4TNE5D"


def shell(env, script, mode="enforce"):
    return env.writ("run", "--agent", "tester", "--user", "sarah", "--mode", mode, "--", "/bin/sh", "-c", script)


@each(scheme=["http", "https"], how=["child", "grandchild", "double-fork"])
def test_processes_of_the_agent(env, scheme, how):
    mark, before = env.servers.mark(), env.last_sequence()
    curl = f"{CURL} --cacert {env.certs.ca}"
    both = f"{curl} {env.url(scheme, '/allowed/x')}; {curl} {env.url(scheme, '/denied/x')}"
    script = {"child": both, "grandchild": f"sh -c 'sh -c \"{both}\"; true'",
              "double-fork": f"(setsid sh -c '{both}' </dev/null >/dev/null 2>&1 &) ; true"}[how]
    shell(env, script)
    deadline = time.monotonic() + 10
    while len(env.decisions(before)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    expect.only_arrived(env.servers.since(mark), ["/allowed/x"])
    expect.verdicts(env.decisions(before, 2)[:2], ["allow", "deny"])


@each(host=["localhost", "[::ffff:127.0.0.1]", "127.1", "2130706433"])
def test_other_names_of_the_same_place(env, host):
    mark = env.servers.mark()
    url = f"http://{host}:{env.servers.port('http')}/denied/x"
    shell(env, f"{CURL} {url}")
    expect.nothing_arrived(env.servers.since(mark))


@each(way=["sendfile", "splice"])
def test_bodies_past_the_send_calls(env, way):
    """sendfile and splice hand no plaintext to anyone: the bytes are seen another way or held, never passed."""
    mark = env.servers.mark()
    result = env.client("raw", env.url("http", "/scanned/x"), method="POST", body=50_000, tail=AWS_KEY,
                        extra=[f"--{way}"], timeout=15)[0]
    assert result["status"] != 200, result
    expect.nothing_arrived(env.servers.since(mark))


@each(path=["/allowed/x", "/denied/x"])
def test_data_in_the_syn(env, path):
    mark = env.servers.mark()
    result = env.client("raw", env.url("http", path), method="POST", body=500, extra=["--fastopen"], timeout=15)[0]
    arrived = env.servers.since(mark)
    if path == "/denied/x":
        assert result["status"] != 200, result
        expect.nothing_arrived(arrived)
    else:
        assert all(r.path == path for r in arrived.requests), arrived.requests


@each(scheme=["http", "https"])
def test_data_dressed_as_a_handshake(env, scheme):
    """Handshake records pass by themselves, bounded in size and number: no way out for 1.6 MB."""
    mark = env.servers.mark()
    path = env.directory / "handshake.bin"
    path.write_bytes(b"".join(b"\x16\x03\x01\x0f\xa0" + bytes([k % 256]) * 4000 for k in range(400)))
    url = f"http://127.0.0.1:{env.servers.port(scheme)}/x"  # the client never speaks TLS
    env.client("raw", url, extra=["--send-file", path], method="POST", timeout=6)
    arrived = env.servers.since(mark)
    assert arrived.raw_bytes < 200_000, f"{arrived.raw_bytes} bytes left the host dressed as a TLS handshake"


def test_ungoverned_processes_are_left_alone(env):
    """The same programs outside a session: nothing is held, nothing is recorded."""
    before = env.last_sequence()
    process = Processes.start([*clients.command("requests"), "--url", env.url("https", "/denied/x"), "--ca", env.certs.ca],
                              stdout=subprocess.PIPE, text=True, env=env.environment())
    expect.allowed(env.results(process)[0])
    assert not env.decisions(before)


@each(path=["/allowed/x", "/denied/x"])
def test_a_connection_that_is_older_than_its_session(env, path):
    """A shell connects, then hands the socket to an agent: what the agent sends on it is judged all the same."""
    mark = env.servers.mark()
    port = env.servers.port("http")
    request = f"POST {path} HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Length: 2\\r\\n\\r\\nhi"
    run = f"{env.binaries}/writ --root {env.daemon.root} run --agent tester --user sarah --mode enforce"
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; {run} -- sh -c 'printf \"{request}\" >&3; timeout 3 head -c 12 <&3'"
    process = Processes.start(["/bin/bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    done = env.finish(process, 15)
    arrived = env.servers.since(mark)
    if path == "/denied/x":
        assert "403" in done.stdout, f"{done.stdout} {done.stderr}"
        expect.nothing_arrived(arrived)
    else:
        assert "200" in done.stdout, f"{done.stdout} {done.stderr}"
        expect.only_arrived(arrived, [path])


def test_an_agent_in_a_network_namespace_of_its_own(env):
    """A container's agent: a denied TLS call is aborted there too, at once, and not left waiting."""
    serve = f"ip link set lo up && exec openssl s_server -quiet -accept 9443 -www -cert {env.certs.cert} -key {env.certs.key}"
    server = Processes.start(["unshare", "-n", "sh", "-c", serve], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    inside = ["nsenter", "-t", str(server.pid), "-n", "/usr/bin/curl", "-q", "-sS", "-m", "8", "--http1.1",
              "--cacert", str(env.certs.ca), "--retry", "10", "--retry-connrefused", "--retry-delay", "1"]
    run = ["run", "--agent", "tester", "--user", "sarah", "--mode", "enforce", "--"]
    try:
        allowed = env.writ(*run, *inside, "https://127.0.0.1:9443/allowed/x")
        assert "HTTP/1.0 200" in allowed.stdout or "<HTML>" in allowed.stdout.upper(), f"{allowed.stdout} {allowed.stderr}"
        started = time.monotonic()
        denied = env.writ(*run, *inside, "https://127.0.0.1:9443/denied/x")
        seconds = time.monotonic() - started
        assert denied.returncode != 0 and not denied.stdout, f"{denied.stdout} {denied.stderr}"
        assert seconds < 3, f"the denial took {seconds:.1f} s: {denied.stderr}"
    finally:
        server.terminate()
        server.wait(5)
        Processes.done(server)
