"""A refusal is put into the agent's receive queue while the agent goes on."""
ROUNDS = 60
# Never waits, so that its calls begin at every moment of a refusal.
SCRIPT = """
import socket, sys
for _ in range(int(sys.argv[2])):
    s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
    s.setblocking(False)
    s.send(b'GET /denied/x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
    answer = b''
    try:
        while not answer.endswith(b'}'):
            try: part = s.recv(65536)
            except BlockingIOError: continue
            answer += part
            if not part: break
        print('refused' if answer.startswith(b'HTTP/1.1 403 ') else repr(answer))
    except OSError as error: print(repr(error))
    s.close()
"""


def test_while_the_agent_receives(env):
    """In repair mode, a recv() that begins would fail with EPERM."""
    port = env.url("http", "/").split(":")[2].split("/")[0]
    mark = env.servers.mark()
    agent = env.start_writ("run", "--user", "sarah", "--agent", "tester", "--", "/usr/bin/python3", "-c", SCRIPT, port,
                           str(ROUNDS), stdout=-1, stderr=-1, text=True)
    done = env.finish(agent, 50)
    assert done.stdout.split() == ["refused"] * ROUNDS, (set(done.stdout.splitlines()), done.stderr)
    assert not env.servers.since(mark).requests
