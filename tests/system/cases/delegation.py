"""Agents that start agents: scopes only narrow, the person stays, the chain is in every record."""
import concurrent.futures
import json
import os
import subprocess
import time

from lib import expect
from lib.case import config, each, timeout

CHAIN = (
    {"id": "planner", "scopes": ["test.use", "crm.*"], "limits": {"max_tool_calls": 100}},
    {"id": "researcher", "scopes": ["test.use", "crm.contacts.read", "finance.*"]},
    {"id": "reader", "scopes": ["crm.*", "finance.*"], "limits": {"max_tool_calls": 3}},
    {"id": "worker", "scopes": ["test.use", "crm.contacts.read"]},
    {"id": "leaf", "scopes": ["test.use"], "max_depth": 0},
    {"id": "observed", "scopes": ["test.use"], "mode": "observe"},
)
CONFIG = {"more_agents": CHAIN}


def nested(env, agents, command, user="sarah", options=()):
    """`writ run` of the first agent, in which each one starts the next, and the last one the command."""
    line = list(command)
    for agent in reversed(agents[1:]):
        line = [str(env.binaries / "writ"), "--root", str(env.daemon.root), "run", "--as-child", "--agent", agent, *options, "--",
                *line]
    return env.writ("run", "--agent", agents[0], "--user", user, "--", *line, timeout=40)


def curl(url, ca=None):
    return ["/usr/bin/curl", "-q", "-sS", *(["--cacert", str(ca)] if ca else []), "-o", "/dev/null", "-w", "%{http_code}\n", url]


@config(**CONFIG)
@each(scheme=["http", "https"])
def test_three_hops(env, scheme):
    """Must show 4: the five questions of a call at the end of a chain."""
    before = env.last_sequence()
    done = nested(env, ["planner", "researcher", "reader"], curl(env.url(scheme, "/crm/contacts/7"), env.certs.ca))
    assert (done.returncode, done.stdout.strip()) == (0, "200"), done
    decision = env.decisions(before, 1)[0]
    assert decision["chain"] == ["planner", "researcher", "reader"], decision
    assert decision["user"]["id"] == "sarah" and decision["agent"]["id"] == "reader", decision
    assert decision["scopes"]["effective"] == ["crm.contacts.read"], decision
    assert decision["tier"] == "subagent" and len(decision["chainWrits"]) == 3, decision
    assert decision["writId"] == decision["chainWrits"][2], decision
    told = env.writ("trace", decision["callId"]).stdout
    for word in ("sarah", "planner", "researcher", "reader", "crm.contacts.read"):
        assert word in told, f"{word} is not in\n{told}"


@config(**CONFIG)
def test_never_wider(env):
    """The reader may read finance, and so may the researcher and the CFO; the planner may not."""
    mark = env.servers.mark()
    url = env.url("http", "/finance/revenue")
    done = nested(env, ["planner", "researcher", "reader"], curl(url), user="cfo")
    assert done.stdout.strip() == "403", done
    expect.nothing_arrived(env.servers.since(mark))
    done = nested(env, ["researcher", "reader"], curl(url), user="cfo")
    assert done.stdout.strip() == "200", done


@config(**CONFIG)
def test_asked_for_narrows(env):
    done = nested(env, ["planner", "worker"], curl(env.url("http", "/crm/contacts/7")), options=("--scopes", "test.use"))
    assert done.stdout.strip() == "403", done
    done = nested(env, ["planner", "worker"], curl(env.url("http", "/allowed/x")), options=("--scopes", "test.use,finance.*"))
    assert done.stdout.strip() == "200", "what the parent lacks is left out, what it has is passed on"


@config(**CONFIG)
@each(case=["cycle", "depth", "user", "token", "unknown agent", "not a child"])
def test_refused(env, case):
    marker = env.directory / f"ran-{case.replace(' ', '-')}"
    touch = ["/usr/bin/touch", str(marker)]
    if case == "not a child":
        done = env.writ("run", "--as-child", "--agent", "planner", "--", *touch)
    elif case == "cycle":
        done = nested(env, ["planner", "worker", "planner"], touch)
    elif case == "depth":
        done = nested(env, ["leaf", "worker"], touch)
    elif case == "user":
        done = nested(env, ["planner", "worker"], touch, options=("--user", "cfo"))
    elif case == "token":
        token = env.directory / "token"
        token.write_text("a.b.c")
        done = nested(env, ["planner", "worker"], touch, options=("--token-file", str(token)))
    else:
        done = nested(env, ["planner", "nobody"], touch)
    assert done.returncode != 0 and done.stderr.strip(), done
    assert not marker.exists(), "the command ran"


@config(**CONFIG)
@each(command=["run", "run --user cfo", "grant", "list", "calls", "attach", "revoke", "observe"])
def test_no_way_out(env, command):
    """An agent, although it runs as root here, can ask for nothing but a child of its own."""
    marker = env.directory / f"out-{command.replace(' ', '-')}"
    marker.unlink(missing_ok=True)
    writ = [str(env.binaries / "writ"), "--root", str(env.daemon.root)]
    granted = env.writ("grant", "--agent", "tester", "--user", "cfo").stdout.strip()
    line = {"run": ["run", "--agent", "tester", "--", "/usr/bin/touch", str(marker)],
            "run --user cfo": ["run", "--agent", "tester", "--user", "cfo", "--", "/usr/bin/touch", str(marker)],
            "grant": ["grant", "--agent", "tester", "--user", "cfo"],
            "list": ["list"], "calls": ["calls"],
            "attach": ["attach", "1", "--agent", "tester", "--user", "cfo"],
            "revoke": ["revoke", granted],
            "observe": ["run", "--as-child", "--agent", "observed", "--mode", "observe", "--", "/usr/bin/touch", str(marker)]}
    done = env.writ("run", "--agent", "planner", "--user", "sarah", "--", *writ, *line[command])
    assert done.returncode != 0 and done.stderr.strip(), done
    assert not marker.exists(), "the command ran"
    assert env.writ_json("show", granted)[0]["state"] == "active"


# Connects to the control socket, ends, and leaves the socket to its child, which asks for a writ of the CFO's.
ORPHAN = """
import os, socket, struct, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
if os.fork() > 0:
    os._exit(0)
time.sleep(0.5)
terms = b"\\x0a\\x06tester\\x12\\x03cfo"
grant = b"\\x0a" + bytes([len(terms)]) + terms
request = b"\\x42" + bytes([len(grant)]) + grant
s.sendall(struct.pack(">I", len(request)) + request)
s.settimeout(5)
open(sys.argv[2], "wb").write(s.recv(4096))
"""


@config(**CONFIG)
def test_a_socket_of_a_process_that_ended(env):
    """SO_PEERCRED names who connected; when that one is gone, nobody knows who asks."""
    before, answer = len(env.writ_json("list", "--all")), env.directory / "orphan-answer"
    answer.unlink(missing_ok=True)
    done = env.writ("run", "--agent", "planner", "--user", "sarah", "--", "/usr/bin/python3", "-c", ORPHAN,
                    str(env.daemon.root / "run" / "writ" / "control.sock"), str(answer))
    assert done.returncode == 0, done
    deadline = time.monotonic() + 10
    while not answer.exists() or not answer.read_bytes():
        assert time.monotonic() < deadline, "no answer came"
        time.sleep(0.05)
    assert b"denied" in answer.read_bytes(), answer.read_bytes()
    assert len(env.writ_json("list", "--all")) == before + 1, "only the planner's own writ was issued"


@config(**CONFIG)
def test_the_child_of_an_enforced_agent_is_enforced(env):
    """Whatever the child's own entry says; otherwise delegation would be a way out."""
    mark = env.servers.mark()
    done = nested(env, ["planner", "observed"], curl(env.url("http", "/denied/x")))
    assert done.stdout.strip() == "403", done
    expect.nothing_arrived(env.servers.since(mark))


@config(**CONFIG)
def test_children_share_what_the_parent_has(env):
    """Two readers with three calls each, below a parent with four in all."""
    script = ("import subprocess,sys\n"
              "for _ in range(2):\n"
              "  subprocess.run(sys.argv[1:], check=False)\n")
    three = "for i in 1 2 3; do curl -q -sS -o /dev/null -w '%{http_code}\\n' " + env.url("http", "/crm/contacts/7") + "; done"
    child = [str(env.binaries / "writ"), "--root", str(env.daemon.root), "run", "--as-child", "--agent", "reader", "--", "/bin/sh",
             "-c", three]
    done = env.writ("run", "--agent", "planner", "--user", "sarah", "--limits", "max_tool_calls=4", "--", "/usr/bin/python3", "-c",
                    script, *child)
    assert done.stdout.split() == ["200"] * 4 + ["403"] * 2, done


@config(**CONFIG)
def test_revoking_the_first_ends_the_last(env):
    """And only what is below it."""
    grant = env.writ("grant", "--agent", "planner", "--user", "sarah").stdout.strip()
    other = env.writ("grant", "--agent", "planner", "--user", "sarah").stdout.strip()
    script = ("import subprocess,sys\n"
              "def get(): print(subprocess.run(sys.argv[2:],capture_output=True,text=True).stdout.strip(),flush=True)\n"
              "get(); open(sys.argv[1]).read(); get()\n")
    fifo = env.directory / "go"
    fifo.unlink(missing_ok=True)
    os.mkfifo(fifo)
    child = [str(env.binaries / "writ"), "--root", str(env.daemon.root), "run", "--as-child", "--agent", "worker", "--",
             "/usr/bin/python3", "-c", script, str(fifo), *curl(env.url("http", "/allowed/x"))]
    process = env.start_writ("run", "--writ", grant, "--", *child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "200"
    done = env.writ("--json", "revoke", grant)
    assert len(json.loads(done.stdout)["revoked"]) == 2, done
    fifo.write_text("go")
    out, err = process.communicate(timeout=20)
    assert out.strip() == "403", (out, err)
    assert env.writ_json("show", other)[0]["state"] == "active"


@config(**CONFIG)
@timeout(120)
def test_parallel_chains_never_mix(env):
    """Must show 4: two chains in parallel, 50 calls each."""
    before = env.last_sequence()
    chains = {"sarah": ["planner", "researcher", "worker"], "cfo": ["researcher", "planner", "worker"]}
    script = ("import sys,http.client\n"
              "c=http.client.HTTPConnection('localhost',int(sys.argv[1]))\n"
              "for i in range(50):\n"
              "  c.request('GET',f'/allowed/{sys.argv[2]}/{i}'); r=c.getresponse(); r.read(); assert r.status==200,r.status\n"
              "print('done')\n")
    port = env.url("http", "/").split(":")[2].split("/")[0]

    def play(user):
        return nested(env, chains[user], ["/usr/bin/python3", "-c", script, port, user], user=user)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in pool.map(play, chains):
            assert done.stdout.strip() == "done", done
    decisions = env.decisions(before, 100, seconds=10)
    assert len(decisions) == 100, len(decisions)
    for decision in decisions:
        user = decision["request"]["path"].split("/")[2]
        assert (decision["user"]["id"], decision["chain"]) == (user, chains[user]), decision
    for user in chains:
        assert len({tuple(d["chainWrits"]) for d in decisions if d["user"]["id"] == user}) == 1
