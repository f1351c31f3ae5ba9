"""A process that lives on and asks for the paths it is told, on the connection that it keeps."""
import subprocess

from .processes import Processes

SCRIPT = ("import http.client,ssl,sys\n"
          "port=int(sys.argv[2]); context=ssl.create_default_context(cafile=sys.argv[3])\n"
          "def connect():\n"
          "  return (http.client.HTTPSConnection('localhost',port,context=context) if sys.argv[1]=='https'\n"
          "          else http.client.HTTPConnection('localhost',port))\n"
          "c=connect(); print('ready',flush=True)\n"
          "for path in sys.stdin:\n"
          "  try: c.request('GET',path.strip()); r=c.getresponse(); r.read(); print(r.status,flush=True)\n"
          "  except (OSError,http.client.HTTPException) as e: c.close(); c=connect(); print('aborted',flush=True)\n")
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}


class Asking:
    def __init__(self, process: subprocess.Popen):
        self.process = process
        assert process.stdout.readline() == "ready\n"

    @staticmethod
    def command(env, scheme) -> list[str]:
        port = env.url(scheme, "/").split(":")[2].split("/")[0]
        return ["/usr/bin/python3", "-c", SCRIPT, scheme, port, str(env.certs.ca)]

    @classmethod
    def governed(cls, env, scheme, *identity):
        return cls(env.start_writ("run", *identity, "--", *cls.command(env, scheme), **PIPES))

    @classmethod
    def free(cls, env, scheme, **options):
        return cls(Processes.start(cls.command(env, scheme), **PIPES, **options))

    def ask(self, path: str) -> str:
        """The status, or "aborted"."""
        self.process.stdin.write(path + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate(timeout=15)
        Processes.done(self.process)
