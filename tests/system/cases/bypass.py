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
