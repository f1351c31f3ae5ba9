"""Writs: granted, used, listed, shown, revoked, run out."""
import os
import subprocess
import time

from lib import expect
from lib.case import config, each
from lib.held import HeldUpload

NOBODY = 65534
AGENTS = ({"id": "brief", "scopes": ["test.use"], "ttl": "2s"},
          {"id": "counted", "scopes": ["test.use"], "limits": {"max_tool_calls": 5}})
WITH_AGENTS = {"more_agents": AGENTS}


def grant(env, *arguments, agent="tester", user="sarah") -> str:
    done = env.writ("grant", "--agent", agent, *(["--user", user] if user else []), *arguments)
    assert done.returncode == 0, done
    return done.stdout.strip()


def show(env, writ) -> dict:
    return env.writ_json("show", writ)[0]


def curl(env, writ, url, **options):
    done = env.writ("run", "--writ", writ, "--", "/usr/bin/curl", "-q", "-sS", "--cacert", str(env.certs.ca), "-o", "/dev/null",
                    "-w", "%{http_code}", url, **options)
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def test_granted_and_used(env):
    before = env.last_sequence()
    writ = grant(env, "--task", "look up contact 7", "--scopes", "test.use,crm.contacts.read", "--ttl", "5m")
    info = show(env, writ)
    assert info["state"] == "active" and info["task"] == "look up contact 7", info
    assert sorted(info["effectiveScopes"]) == ["crm.contacts.read", "test.use"], info
    lasts = (int(info["notAfterUnixNs"]) - int(info["notBeforeUnixNs"])) / 1e9
    assert 299 < lasts < 301, lasts
    assert curl(env, writ, env.url("https", "/crm/contacts/7"))[:2] == (0, "200")
    decision = env.decisions(before, 1)[0]
    assert (decision["writId"], decision["task"], decision["user"]["id"]) == (writ, "look up contact 7", "sarah"), decision
    assert decision["user"]["strength"] == "asserted" and decision["chainWrits"] == [writ], decision
    assert writ in env.writ("list").stdout
    assert env.writ("show", writ[:8]).returncode == 0, "a prefix that is unique names it too"


def test_narrowed_scopes_bind(env):
    """Sarah and the agent may both read contacts; this writ may not."""
    writ = grant(env, "--scopes", "test.use")
    mark = env.servers.mark()
    assert curl(env, writ, env.url("http", "/crm/contacts/7"))[1] == "403"
    expect.nothing_arrived(env.servers.since(mark))
    assert curl(env, writ, env.url("http", "/allowed/x"))[1] == "200"


def test_more_than_there_is_is_refused(env):
    done = env.writ("grant", "--agent", "tester", "--user", "sarah", "--scopes", "finance.revenue.read")
    assert done.returncode != 0 and "finance.revenue.read" in done.stderr, done
    assert env.writ_json("list") == [] or all(w["user"]["id"] for w in env.writ_json("list"))


@each(arguments=[("--ttl", "0s"), ("--ttl", "soon"), ("--limits", "calls=3"), ("--user", "ghost"), ("--agent", "ghost"),
                 ("--tenant", "ghost"), ("--token-file", "/dev/null"), ("--scopes", "a..b"), ("--tier", "boss")])
def test_bad_terms(env, arguments):
    """Each a clear error; nothing is granted."""
    count = len(env.writ_json("list", "--all"))
    rest = [] if "--agent" in arguments else ["--agent", "tester"]
    rest += [] if "--user" in arguments or "--token-file" in arguments else ["--user", "sarah"]
    done = env.writ("grant", *rest, *arguments)
    assert done.returncode != 0 and done.stderr.strip(), done
    assert len(env.writ_json("list", "--all")) == count, "something was granted"


def test_unknown_writ(env):
    marker = env.directory / "ran"
    for writ in ("0" * 32, "nonsense", "", "../x"):
        done = env.writ("run", "--writ", writ, "--", "/usr/bin/touch", marker)
        assert done.returncode != 0 and done.stderr.strip(), done
    assert not marker.exists(), "the command ran"


@config(**WITH_AGENTS)
def test_runs_out(env):
    """After its ttl the same process is denied, and a new session is refused."""
    writ = grant(env, agent="brief")
    mark = env.servers.mark()
    script = ("import time,urllib.request,sys\n"
              "def get():\n"
              "  try: return urllib.request.urlopen(sys.argv[1]).status\n"
              "  except urllib.error.HTTPError as e: return e.code\n"
              "print(get()); time.sleep(2.5); print(get())")
    done = env.writ("run", "--writ", writ, "--", "/usr/bin/python3", "-c", script, env.url("http", "/allowed/x"))
    assert done.stdout.split() == ["200", "403"], done
    expect.only_arrived(env.servers.since(mark), ["/allowed/x"])
    assert show(env, writ)["state"] == "expired"
    assert env.writ("run", "--writ", writ, "--", "/bin/true").returncode != 0
    assert any(d["code"] == "writ_expired" for d in env.decisions())


@config(**WITH_AGENTS)
def test_limits_are_the_writs(env):
    """Two sessions under one writ share what it has."""
    writ = grant(env, "--limits", "max_tool_calls=3", agent="counted")
    url = env.url("http", "/allowed/x")
    codes = [curl(env, writ, url)[1] for _ in range(5)]
    assert codes == ["200"] * 3 + ["403"] * 2, codes
    assert curl(env, grant(env, agent="counted"), url)[1] == "200", "another writ has limits of its own"


@each(scheme=["http", "https"])
def test_revoked_while_held(env, scheme):
    """Must show 3: the call that is held at that moment is denied; not a byte of it arrives."""
    writ = grant(env)
    url = env.url(scheme, "/allowed/held")
    assert curl(env, writ, env.url(scheme, "/allowed/before"))[1] == "200"
    mark = env.servers.mark()
    held = HeldUpload(lambda *command, **streams: env.start_writ("run", "--writ", writ, "--", *command, **streams), url,
                      str(env.certs.ca))
    held.wait_held(lambda: sum(s.get("held", 0) for s in env.writ_json("status")[0].get("sessions", [])))
    done = env.writ("--json", "revoke", writ, "--reason", "laptop was stolen")
    assert done.returncode == 0 and f'"{writ}"' in done.stdout and '"denied": 1' in done.stdout, done
    code, out, err = held.end()
    assert "200" not in out and ("403" in out or code != 0), (code, out, err)  # curl may write on before it reads
    expect.nothing_arrived(env.servers.since(mark))
    assert show(env, writ)["state"] == "revoked"
    assert curl(env, writ, env.url(scheme, "/allowed/x"))[0] != 0, "no new session under it"
    assert curl(env, grant(env), env.url(scheme, "/allowed/after"))[1] == "200"


@each(scheme=["http", "https"])
def test_revoked_during_a_download(env, scheme):
    """Must show 3: the download goes on, the next request on that connection is denied."""
    writ = grant(env)
    script = ("import http.client,ssl,sys,time\n"
              "port=int(sys.argv[2]); context=ssl.create_default_context(cafile=sys.argv[3])\n"
              "c=(http.client.HTTPSConnection('localhost',port,context=context) if sys.argv[1]=='https'\n"
              "   else http.client.HTTPConnection('localhost',port))\n"
              "c.request('GET','/allowed/download/8000000'); r=c.getresponse(); n=len(r.read(100000))\n"
              "print('begun',flush=True); sys.stdin.readline()\n"
              "n+=len(r.read()); print(n,flush=True)\n"
              "try:\n"
              "  c.request('GET','/allowed/next'); print(c.getresponse().status,flush=True)\n"
              "except OSError as e: print('aborted',type(e).__name__,flush=True)\n"
              "except http.client.HTTPException as e: print('aborted',type(e).__name__,flush=True)\n")
    url = env.url(scheme, "/allowed/download/8000000")
    port = url.split(":")[2].split("/")[0]
    mark = env.servers.mark()
    process = env.start_writ("run", "--writ", writ, "--", "/usr/bin/python3", "-c", script, scheme, port, str(env.certs.ca),
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n", process.communicate()
    assert env.writ("revoke", writ).returncode == 0
    out, err = process.communicate("\n", timeout=20)
    lines = out.split("\n")
    assert lines[0] == "8000000", (out, err)
    assert lines[1] == "403" if scheme == "http" else lines[1].startswith("aborted"), (out, err)
    assert [r.path for r in env.servers.since(mark).requests] == ["/allowed/download/8000000"] or \
        "/allowed/next" not in [r.path for r in env.servers.since(mark).requests]


def test_revoked_stays_revoked(env):
    writ = grant(env)
    assert env.writ("revoke", writ).returncode == 0
    assert env.writ("revoke", writ).returncode == 0, "once more is no error"
    assert env.writ("run", "--writ", writ, "--", "/bin/true").returncode != 0
    assert writ not in env.writ("list").stdout and writ in env.writ("list", "--all").stdout


def test_others_writs(env):
    """Who is neither root nor the subject learns nothing, and ends nothing."""
    writ = grant(env, user="sarah")
    for command in (["show", writ], ["revoke", writ], ["run", "--writ", writ, "--", "/bin/true"]):
        done = as_nobody(env, *command)
        assert done.returncode != 0 and "no writ" in done.stderr, done
    assert writ not in as_nobody(env, "list").stdout
    assert show(env, writ)["state"] == "active"
    mine = as_nobody(env, "grant", "--agent", "tester").stdout.strip()
    assert mine in as_nobody(env, "list").stdout and as_nobody(env, "revoke", mine).returncode == 0
    assert show(env, mine)["user"]["strength"] == "unix_peer"


def test_in_the_record(env):
    writ = grant(env, "--task", "task-that-is-looked-for")
    env.writ("revoke", writ, "--reason", "reason-that-is-looked-for")
    stored = env.audit_bytes()
    for text in (writ, "task-that-is-looked-for", "reason-that-is-looked-for"):
        assert text.encode() in stored, f"{text} is not in the record"
    assert env.writ_json("audit", "verify")[0]["intact"]


def as_nobody(env, *arguments):
    return env.writ(*arguments, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
                    env={"PATH": os.environ["PATH"], "HOME": "/"})
