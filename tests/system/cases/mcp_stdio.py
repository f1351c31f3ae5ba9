"""MCP over stdio: the official SDK's client and servers over socketpairs, and a client in Python over pipes."""
import contextlib
import json
import os
import pathlib
import signal
import time

from lib.case import each, timeout
from lib.mcp import EVERYTHING, FILESYSTEM, Client
from lib.processes import descendants
from lib.stopped import stopped, wait_for

POLICY = """\
version: 1
tools:
  - {name: every.echo, server: "*/node */server-everything/dist/index.js *", mcp: echo, scopes: [test.use], effect: read}
  - {name: every.sum, server: "*/node */server-everything/dist/index.js *", mcp: get-sum, scopes: [test.use], effect: read}
  - {name: every.environment, server: "*/node */server-everything/dist/index.js *", mcp: get-env, scopes: [test.forbidden], effect: read}
  - {name: files.write, server: "*/server-filesystem/dist/index.js *", mcp: write_file, scopes: [test.use], effect: write}
  - {name: files.read, server: "*/server-filesystem/dist/index.js *", mcp: "read_*", scopes: [test.use], effect: read}
rules:
  - {id: echoes, effect: allow, tools: [every.echo, every.environment, files.read]}
  - {id: little, effect: allow, tools: [every.sum], args: {a: {le: 500}, b: {le: 500}}}
  - {id: notes, effect: allow, tools: [files.write], args: {path: {glob: "*/note*"}}}
"""


def use(env, policy=POLICY) -> None:
    env.daemon.write({"policies/test.yaml": policy})
    done = env.writ("reload")
    assert done.returncode == 0, done.stderr


def made(env, after: int, count: int) -> list:
    return [(c["decision"]["decision"], c["outcome"]["outcome"]) for c in env.calls(after, count)]


def test_calls_and_denials(env):
    """Allowed, denied in MCP's own form with its reason, and the next call works."""
    use(env)
    before = env.last_sequence()
    with Client(env, "node", EVERYTHING, "stdio") as client:
        assert "get-env" in client.ask(list=True)["tools"]
        assert client.ask(call="echo", arguments={"message": "hello"})["result"]["content"][0]["text"] == "Echo: hello"
        denied = client.ask(call="get-env")["error"]
        assert denied["name"] == "McpError" and denied["code"] == -32090 and "scope test.forbidden is missing" in denied["message"], denied
        assert denied["data"]["code"] == "scope_missing" and denied["data"]["by"] == "writ", denied
        assert client.ask(call="get-sum", arguments={"a": 2, "b": 501})["error"]["data"]["code"] == "no_rule"
        assert client.ask(call="trigger-long-running-operation")["error"]["data"]["code"] == "tool_unknown"
        assert "42" in client.ask(call="get-sum", arguments={"a": 2, "b": 40})["result"]["content"][0]["text"]
        assert client.ask(ping=True) == {}
    calls = made(env, before, 9)
    seen = {d["tool"].get("name", "") for d, _ in calls}
    assert {"mcp.start", "mcp.notify", "mcp.list", "mcp.ping"} <= seen, seen
    decision, outcome = next((d, o) for d, o in calls if d["tool"].get("name") == "every.echo")
    assert decision["request"]["protocol"] == "stdio", decision
    assert decision["tool"]["server"].startswith("stdio:/") and str(EVERYTHING) in decision["tool"]["server"], decision
    mcp = decision["tool"]["mcp"]
    assert (mcp["method"], mcp["name"], mcp["version"]) == ("tools/call", "echo", "2025-11-25"), mcp
    assert len(mcp["arguments"]) == 64 and len(outcome["mcp"]["result"]) == 64, (mcp, outcome)
    assert outcome["result"] == "completed", outcome
    assert [o["result"] for d, o in calls if d["verdict"] == "VERDICT_DENY"] == ["refused"] * 3


def test_what_a_server_would_have_written(env):
    """server-filesystem: a denied write is an error to the client, and no file is there."""
    use(env)
    folder = env.directory / "files"
    folder.mkdir(exist_ok=True)
    with Client(env, "node", FILESYSTEM, folder) as client:
        write = lambda name, text: client.ask(call="write_file", arguments={"path": str(folder / name), "content": text})  # noqa: E731
        assert "error" not in write("note-1.txt", "one"), "allowed before"
        assert write("other.txt", "two")["error"]["data"]["code"] == "no_rule"
        assert client.ask(call="create_directory", arguments={"path": str(folder / "d")})["error"]["data"]["code"] == "tool_unknown"
        assert "error" not in write("note-2.txt", "three"), "allowed after"
        text = client.ask(call="read_text_file", arguments={"path": str(folder / "note-1.txt")})["result"]["content"][0]["text"]
        assert text == "one"
    assert sorted(p.name for p in folder.iterdir()) == ["note-1.txt", "note-2.txt"]


@timeout(90)
def test_a_thousand_calls(env):
    """Not one lost, hung or reordered: one after the other, and 20 at once; every one on record with its result."""
    use(env)
    before = env.last_sequence()
    with Client(env, "node", EVERYTHING, "stdio") as client:
        row = client.ask(echo=500)
        assert row["good"] == 500 and row["ordered"], row
        many = client.ask(echo=500, at_once=20)
        assert many["good"] == 500, many
    calls = [(d, o) for d, o in made(env, before, 1000) if d["tool"].get("name") == "every.echo"]
    assert len(calls) == 1000, len(calls)
    assert len({d["tool"]["mcp"]["id"] for d, _ in calls}) == 1000
    assert all(o["result"] == "completed" and len(o["mcp"]["result"]) == 64 for _, o in calls), "a result is not on record"


def test_eight_megabytes(env):
    """A message over more than a hundred reads, there and back; a card number at its end has it denied."""
    use(env, POLICY + "  - {id: no-cards, effect: deny, tools: [every.echo], findings: [pii.*]}\n")
    with Client(env, "node", EVERYTHING, "stdio") as client:
        assert client.ask(long=8 << 20) == {"bytes": 8 << 20, "good": True}
        denied = client.ask(call="echo", arguments={"message": "x" * (8 << 20) + " card 4111 1111 1111 1111 "})
        assert denied["error"]["data"]["code"] == "rule_denied", str(denied)[:300]
        assert client.ask(call="echo", arguments={"message": "after"})["result"]["content"][0]["text"] == "Echo: after"


# --- a server and a client in plain Python ---

NOTES = """\
version: 1
tools:
  - {name: notes.echo, server: "*/python3* */mcp_server.py *", mcp: echo, scopes: [test.use], effect: read}
  - {name: notes.add, server: "*/python3* */mcp_server.py *", mcp: note, scopes: [test.use], effect: write}
rules:
  - {id: all, effect: allow, tools: [notes.echo, notes.add]}
  - {id: no-secrets, effect: deny, tools: [notes.add], args: {text: {glob: "*secret*"}}}
"""
CLIENTS = pathlib.Path(__file__).parents[1] / "clients"
PYTHON = "/usr/bin/python3"
PYTHON_CLIENT = [PYTHON, CLIENTS / "mcp_client.py"]


class Notes(Client):
    """The client in Python, and its server."""
    def __init__(self, env, *options, over="pipes", version="2025-06-18", started_by=(), **how):
        self.file = env.directory / f"notes-{os.urandom(4).hex()}"
        client = PYTHON_CLIENT + (["--socketpair"] if over == "socketpair" else []) + ["--version", version]
        super().__init__(env, *started_by, PYTHON, CLIENTS / "mcp_server.py", "--file", self.file, *options, client=client, **how)

    def note(self, text: str) -> dict:
        return self.ask(call="note", arguments={"text": text})

    def noted(self) -> list[str]:
        return self.file.read_text().split("\n")[:-1] if self.file.exists() else []


def note(name, text, **more) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": {"name": "note", "arguments": {"text": text}}} | more)


@each(over=["pipes", "socketpair"], options=[(), ("--piece", "1"), ("--piece", "7"), ("--moved",)])
def test_however_it_is_read(env, over, options):
    """Also a byte at a time: what is denied is an error with its reason, and was not done."""
    use(env, NOTES)
    before = env.last_sequence()
    with Notes(env, *options, over=over) as notes:
        assert "error" not in notes.note("one")
        assert notes.note("a secret")["error"]["data"]["code"] == "rule_denied"
        assert "error" not in notes.note("two")
        assert notes.noted() == ["one", "two"]
    verdicts = [d["verdict"] for d, _ in made(env, before, 5) if d["tool"].get("name") == "notes.add"]
    assert verdicts == ["VERDICT_ALLOW", "VERDICT_DENY", "VERDICT_ALLOW"], verdicts


def test_its_first_thread_has_ended(env):
    """The process is there for as long as any of its threads: what these read is judged."""
    use(env, NOTES)
    with Notes(env, "--headless") as notes:
        pid = notes.ask(pid=True)["pid"]
        assert "error" not in notes.note("one")
        wait_for(lambda: " Z" in pathlib.Path(f"/proc/{pid}/stat").read_text(), "its first thread has not ended")
        assert "error" not in notes.note("two")
        # What it has read cannot be changed under its process's number, so it is ended.
        assert "the server is gone" in json.dumps(notes.note("a secret"))
        assert notes.noted() == ["one", "two"]
    assert b"rule_denied" in env.audit_bytes()


def test_two_threads_read_at_once(env):
    """While one waits, the other one cannot wait too: it would go on by a verdict that is not on what it has read."""
    use(env, NOTES)
    lost = env.counters()["stdio_lost"]
    with Notes(env, "--readers", "2", "--piece", "160") as notes:
        assert "error" not in notes.note("zero")
        messages = "".join(note(1000 + i, text).ljust(159) + "\n" for i, text in enumerate(["a secret", "one"] * 20))
        told = notes.ask(send=[messages], answers=40)["answers"]
        assert "the server is gone" in json.dumps(told[-1]), told
        assert "a secret" not in notes.noted()
    assert env.counters()["stdio_lost"] > lost


def test_a_server_in_a_child_session(env):
    """What an agent says to a server that it has put into a session of its own is judged as the agent's."""
    use(env, NOTES)
    before = env.last_sequence()
    child = [env.binaries / "writ", "--root", env.daemon.root, "run", "--as-child", "--agent", "other", "--"]
    with Notes(env, started_by=child) as notes:
        assert "error" not in notes.note("one")
        assert notes.note("a secret")["error"]["data"]["code"] == "rule_denied"
        assert "error" not in notes.note("two")
        assert notes.noted() == ["one", "two"]
    said = [d for d, _ in made(env, before, 5) if d["tool"].get("name") == "notes.add"]
    assert [(d["agent"]["id"], d["verdict"]) for d in said] == [("tester", v) for v in ("VERDICT_ALLOW", "VERDICT_DENY", "VERDICT_ALLOW")]


FORGETFUL = """
import os, subprocess, sys
server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
os.write(server.stdin.fileno(), sys.argv[1].encode())
for _ in range(140000):
    ends = os.pipe()
    os.write(ends[1], b"x")
    os.close(ends[0]), os.close(ends[1])
print(server.stdout.readline().decode())
server.stdin.close()
server.wait()
"""


def test_who_wrote_is_not_forgotten(env):
    """An agent that writes into more pipes than the kernel side keeps, before the server reads what it has said."""
    use(env, NOTES)
    file = env.directory / "forgetful"
    done = env.writ("run", "--agent", "tester", "--user", "sarah", "--", PYTHON, "-c", FORGETFUL, note(1, "a secret") + "\n",
                    PYTHON, CLIENTS / "mcp_server.py", "--file", file, "--silent", "6", timeout=40)
    assert "rule_denied" in done.stdout, done
    assert not file.exists()


def test_several_in_one_write(env):
    """Each has a verdict of its own, and its own answer."""
    use(env, NOTES)
    with Notes(env) as notes:
        batch = "\n".join([note(101, "one"), note("two", "a secret"), note(103, "three"), note("four", "secret"), note(105, "five")]) + "\n"
        answers = {str(a["id"]): a for a in notes.ask(send=[batch], answers=5)["answers"]}
        assert {name for name, a in answers.items() if "error" in a} == {"two", "four"}, answers
        assert notes.noted() == ["one", "three", "five"]


def batch(*messages) -> str:
    return "[" + ", ".join(messages) + "]\n"


@each(piece=["65536", "7"])
def test_a_batch(env, piece):
    """MCP 2025-03-26: each message of an array has its own verdict and record; where one is denied, nothing of the array is done."""
    use(env, NOTES)
    before = env.last_sequence()
    with Notes(env, "--piece", piece, version="2025-03-26") as notes:
        told = '{"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}'
        (answers,) = notes.ask(send=[batch(note(101, "one"), told, note("x", "two"))], answers=1)["answers"]
        assert [(a["id"], "result" in a) for a in answers] == [(101, True), ("x", True)], answers
        refused = notes.ask(send=[batch(note(102, "three"), note(103, "a secret"), told)], answers=2)["answers"]
        assert [(a["id"], a["error"]["data"]["code"]) for a in refused] == [(102, "batch_denied"), (103, "rule_denied")], refused
        assert "message 2 of 3 of its batch (tools/call note) is denied, by no-secrets" in refused[0]["error"]["message"], refused
        assert notes.noted() == ["one", "two"], "a message of a denied batch was done"
        (answers,) = notes.ask(send=[batch(note(104, "four"))], answers=1)["answers"]
        assert [a["id"] for a in answers] == [104], answers
        assert notes.noted() == ["one", "two", "four"]
    calls = [(d["tool"]["mcp"].get("id", ""), d["code"], o["result"], len(o.get("mcp", {}).get("result", "")))
             for d, o in made(env, before, 9) if d["tool"].get("name") in ("notes.add", "mcp.notify")][1:]
    assert calls == [("101", "allowed", "completed", 64), ("", "allowed", "completed", 0), ('"x"', "allowed", "completed", 64),
                     ("102", "batch_denied", "refused", 0), ("103", "rule_denied", "refused", 0), ("", "batch_denied", "refused", 0),
                     ("104", "allowed", "completed", 64)], calls


def test_a_message_in_pieces(env):
    """The server has read the first pieces before it is known what they are."""
    use(env, NOTES)
    with Notes(env) as notes:
        for cut in (1, 20, -2, -1):
            for text, allowed in ((f"at {cut}", True), (f"secret {cut}", False)):
                line = note(7, text) + "\n"
                (answer,) = notes.ask(send=[line[:cut], line[cut:]], pause=0.05, answers=1)["answers"]
                assert ("result" in answer) == allowed and answer["id"] == 7, (cut, answer)
        assert notes.noted() == [f"at {cut}" for cut in (1, 20, -2, -1)]


TRICKS = {
    "a-line-within": lambda: '{"a":\n' + note(8, "secret") + "\n}\n",
    "a-name-twice": lambda: note(8, "x")[:-1] + ',"method":"tools/call"}\n',
    "no-json-rpc": lambda: note(8, "secret", jsonrpc="1.0") + "\n",
    "a-batch": lambda: "[" + note(8, "secret") + "]\n",
    "a-separator": lambda: '{"id":8,"a":"\u2028' + note(9, "secret") + '\u2028"}\n',
    "behind-a-message": lambda: '{"jsonrpc":"2.0","id":8,"method":"ping"} {"x' + "\n",
    "carriage-return": lambda: '{"id":8,"a":"\r' + note(9, "secret") + '\r"}\n',
}


@each(trick=TRICKS)
def test_what_two_readers_read_differently(env, trick):
    """Is not done, is on record, and the next call works."""
    use(env, NOTES)
    before = env.last_sequence()
    with Notes(env) as notes:
        notes.ask(send=[TRICKS[trick]()], pause=0.2, answers=0)
        answers = notes.ask(send=[note(99, "after") + "\n"], answers=1)["answers"]
        while answers[-1]["id"] != 99:
            assert "error" in answers[-1] or answers[-1]["result"] == {}, answers
            answers += notes.ask(send=[], answers=1)["answers"]
        assert notes.noted() == ["after"]
    assert "VERDICT_DENY" in {d["verdict"] for d, _ in made(env, before, 3)}


def test_a_thousand_calls_in_python(env):
    use(env, NOTES)
    before = env.last_sequence()
    with Notes(env) as notes:
        assert notes.ask(thousand=1000) == {"good": 1000}
    calls = [o for d, o in made(env, before, 1000) if d["tool"].get("name") == "notes.echo"]
    assert len(calls) == 1000 and all(len(o["mcp"]["result"]) == 64 for o in calls)


def test_observe_mode_says_and_does_nothing(env):
    use(env, NOTES)
    before = env.last_sequence()
    with Notes(env, mode="observe") as notes:
        assert "error" not in notes.note("a secret")
        assert notes.noted() == ["a secret"]
    calls = made(env, before, 3)
    added = [(d, o) for d, o in calls if d["tool"].get("name") == "notes.add"]
    assert len(added) == 1, [(d["tool"], d["code"], d["request"]["path"]) for d, _ in calls]
    decision, outcome = added[0]
    assert (decision["verdict"], outcome["result"]) == ("VERDICT_DENY", "completed"), (decision, outcome)


def test_what_reads_no_messages_is_left_alone(env):
    """A pipeline of a shell, also of JSON that is no message."""
    use(env, NOTES)
    before = env.last_sequence()
    done = env.writ("run", "--agent", "tester", "--user", "sarah", "--", "sh", "-c",
                    "seq 20000 | sort -n | tail -1; echo '{\"a\": 1}' | cat; yes '{\"a\": 1}' | head -20000 | wc -l")
    assert done.stdout.split("\n")[:3] == ["20000", '{"a": 1}', "20000"], done
    assert env.all_calls() == [] or env.last_sequence() == before, "something was taken for a message"


def test_a_server_that_the_policy_does_not_name(env):
    """Its tools are unknown, and so denied."""
    use(env, NOTES.replace("mcp_server.py", "another.py"))
    with Notes(env) as notes:
        assert notes.note("one")["error"]["data"]["code"] == "tool_unknown"
        assert notes.noted() == []


def test_without_a_server_in_the_policy(env):
    """It is not governed, and that is said."""
    use(env, POLICY.split("tools:")[0])
    with Notes(env) as notes:
        assert "error" not in notes.note("one")
        status = env.writ("status").stdout
        assert "MCP over stdio is not governed in 1 session" in status, status
        assert "MCP over stdio" in env.writ("doctor").stdout


# --- while a server waits ---

@contextlib.contextmanager
def held(env, text):
    """A call `note` is made while writd does nothing, so that its server waits. Gives the client and the server's process."""
    use(env, NOTES)
    notes = Notes(env)
    with notes:
        pid = notes.ask(pid=True)["pid"]
        assert notes.ask(thousand=1)["good"] == 1  # answered, so that it does not wait with what the handshake told it
        os.kill(env.daemon.pid, signal.SIGSTOP)
        try:
            notes.process.stdin.write(json.dumps({"call": "note", "arguments": {"text": text}}) + "\n")
            notes.process.stdin.flush()
            assert stopped(5) == [pid], "the server does not wait"
            time.sleep(0.05)
            assert notes.noted() == [], "the server has done it before a verdict"
            yield notes, pid
        finally:
            if env.daemon.running():
                os.kill(env.daemon.pid, signal.SIGCONT)


def answer(notes) -> dict:
    return json.loads(notes.process.stdout.readline() or '{"error": "the client is gone"}')


def test_it_waits_as_long_as_it_takes(env):
    for text, allowed in (("one", True), ("a secret", False)):
        with held(env, text) as (notes, _):
            os.kill(env.daemon.pid, signal.SIGCONT)
            assert ("result" in answer(notes)) == allowed
            assert notes.noted() == ([text] if allowed else [])


def test_agent_killed_meanwhile(env):
    """Nothing is left stopped, and the server ends as servers do whose client is gone."""
    with contextlib.suppress(BrokenPipeError), held(env, "one") as (notes, pid):
        os.kill(parent_of(pid), signal.SIGKILL)
        os.kill(env.daemon.pid, signal.SIGCONT)
        notes.process.wait(10)
        wait_for(lambda: pid not in descendants(), "the server is still there")


def parent_of(pid: int) -> int:
    return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def test_server_killed_meanwhile(env):
    before = env.last_sequence()
    with held(env, "one") as (notes, pid):
        os.kill(pid, signal.SIGKILL)
        os.kill(env.daemon.pid, signal.SIGCONT)
        assert "the server is gone" in json.dumps(answer(notes))
        assert notes.noted() == []
        calls = [(d, o) for d, o in made(env, before, 4) if d["tool"].get("name") == "notes.add"]
    assert [o["result"] for _, o in calls] == ["incomplete"], calls


def test_continued_by_somebody_else(env):
    """Who continues a server that waits has killed it: the call is not done."""
    forced = env.counters()["stdio_forced"]
    with held(env, "one") as (notes, pid):
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: pid not in descendants(), "the server goes on")
        os.kill(env.daemon.pid, signal.SIGCONT)
        assert "the server is gone" in json.dumps(answer(notes))
        assert notes.noted() == []
    assert env.counters()["stdio_forced"] > forced
    wait_for(lambda: b"stdio_forced" in env.audit_bytes(), "the record does not say so")


def test_writd_killed_meanwhile(env):
    """kill -9 of writd: nobody knows whether the message was judged, so the next writd ends its reader."""
    with held(env, "one") as (notes, pid):
        env.daemon.kill9()
        time.sleep(0.1)
        assert stopped() == [pid]
        env.daemon.start()
        wait_for(lambda: pid not in descendants(), "the server still waits")
        assert "the server is gone" in json.dumps(answer(notes))
        assert notes.noted() == []


def test_writd_stopped_meanwhile(env):
    """A clean stop leaves nothing stopped."""
    with held(env, "a secret") as (notes, pid):
        env.daemon.process.terminate()
        os.kill(env.daemon.pid, signal.SIGCONT)
        env.daemon.stop()
        assert stopped() == []
        assert notes.noted() == []
        assert "error" in answer(notes)
        env.daemon.start()
