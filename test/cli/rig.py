"""rig: what the cases of the command stand on: a folder of their own, a gateway or an instance, and
every process that they start.
"""
import atexit
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import heard  # noqa: E402

PASSWORD = "correct horse"
CASES = []
DEFAULT = os.path.join(os.path.dirname(__file__), "..", "..", "daemon", "caposd", "default-manifest.txt")


def case(needs_instance=False, once=False):
    """once: what is tried does not lie in the server; the gateway is enough."""
    def add(f):
        CASES.append((f.__name__, f, needs_instance, once))
        return f
    return add


class Failed(Exception):
    pass


class Skip(Exception):
    """What a case raises that can't be tried here; its text says why."""


def needs_root():
    if os.getuid() != 0:
        raise Skip("it needs the superuser")


def equal(found, expected, what=""):
    if found != expected:
        raise Failed(f"{what}: found {found!r}, expected {expected!r}")


def holds(condition, what):
    if not condition:
        raise Failed(what)


def offers(look, wanted, what=""):
    """Whether Tab comes to offer that. It is answered within 1.5 s by what is known then, so whoever lacks something
    tries again."""
    end = time.monotonic() + heard.DEADLINE_S
    while (found := look()) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    equal(found, wanted, what)


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"({self.code}, out {self.out!r}, err {self.err!r})"

    @property
    def json(self):
        return json.loads(self.out)


class Rig:
    """A folder, a gateway or an instance, and everything that a case starts."""

    def __init__(self, binaries, gateway, lease_ms=600000, manifest=None, more=()):
        self.dir = tempfile.mkdtemp(prefix="capos-cli-")
        self.capos = os.path.join(binaries, "capos")
        self.gateway = gateway
        self.agents = []
        self.state = os.path.join(self.dir, "state")
        os.mkdir(self.path("run"), 0o700)
        os.makedirs(self.path("home/.ssh"), 0o700)
        self.env = {"PATH": os.environ["PATH"], "HOME": self.path("home"), "LC_ALL": "C.UTF-8",
                    "XDG_RUNTIME_DIR": self.path("run")}
        for name in os.environ:
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = os.environ[name]
        self.log = open(self.path("log"), "w+")
        if gateway:
            command = [gateway, str(lease_ms), *more]
        else:
            command = [self.capos, "up", "--state", self.state, "--listen", "plain:127.0.0.1:0"]
            command += ["--manifest", manifest or self.usual()]
            command += more
        self.server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=self.log, env=self.env)
        atexit.register(self.end)  # whatever fails before somebody can close it
        line = self.read_line(self.server.stdout)
        found = re.fullmatch(r"remote CapSet: plain (\S+) (\d+)\n", line)
        holds(found, f"the endpoint line is {line!r}: {self.read('log')}")
        self.address = f"plain:{found.group(1)}:{found.group(2)}"
        if not gateway:
            self.ok("account", "add", "alice", "--profile", "operator", "--password-stdin",
                    "--state", self.state, stdin=PASSWORD + "\n")

    def usual(self):
        """The manifest that an instance has of itself, in a file, with passwords that cost less."""
        path = self.path("usual.manifest")
        with open(DEFAULT, encoding="utf-8") as f, open(path, "w", encoding="utf-8") as to:
            to.write(f.read().replace("password = true,", 'password = true, passwordMemory = "8MiB",', 1))
        return path

    @staticmethod
    def read_line(stream, seconds=heard.DEADLINE_S):
        return heard.line(stream, seconds)

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def run(self, *args, stdin="", env=None):
        # A session of its own has no terminal, whoever runs the tests from one.
        done = subprocess.run([self.capos, *args], input=stdin, capture_output=True, text=True,
                              env=env or self.env, timeout=120, check=False, cwd=self.dir,
                              start_new_session=True)
        return Result(done)

    def ok(self, *args, **more):
        r = self.run(*args, **more)
        holds(r.code == 0, f"{args}: {r}")
        return r

    def fails(self, code, *args, **more):
        r = self.run(*args, **more)
        holds(r.code == code, f"{args}: {r}, expected exit code {code}")
        return r

    def error(self, code, name, *args, **more):
        """The error that a command prints with --json."""
        r = self.fails(code, *args, "--json", **more)
        equal(r.json["error"]["code"], name, str(args))
        return r.json["error"]["message"]

    def login(self, alias, *more):
        r = self.ok("login", f"alice@{self.address}", "--password-stdin", "--as", alias, "--json",
                    *more, stdin=PASSWORD + "\n").json
        self.agents.append(r["agent"])
        return r

    def anonymous(self, alias="anon"):
        r = self.ok("login", self.address, "--anonymous", "--as", alias, "--json").json
        self.agents.append(r["agent"])
        return r

    def sockets(self):
        """The agents' sockets; that of an ordinary user's instance lies beside them."""
        return [f for f in os.listdir(self.path("run/capos")) if not f.startswith("instance-")]

    def until(self, f, what, seconds=heard.DEADLINE_S):
        end = time.monotonic() + seconds
        while not f():
            holds(time.monotonic() < end, what)
            time.sleep(0.02)

    def end(self):
        """Ends every process, and leaves the folder."""
        for pid in self.agents:
            if agent_lives(pid):
                os.kill(pid, signal.SIGKILL)
        if self.server.poll() is None:
            self.server.stdin.close()
            self.server.send_signal(signal.SIGTERM)
            try:
                self.server.wait(heard.DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()

    def close(self):
        self.end()
        atexit.unregister(self.end)
        self.server.stdout.close()
        self.log.close()
        lost = re.findall(r".*(?:ended with exit code 13\b|were not given back).*", self.read("log"))
        shutil.rmtree(self.dir)
        holds(not lost, f"not all was given back: {lost}")


def state(pid):
    """The letter of /proc/PID/stat; Z when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def agent_lives(pid):
    return state(pid) != "Z"


def typed(command, env, answers):
    """Runs a command on a terminal of its own; each answer is typed when its prompt has come. It may be
    a function, which is called then and says it.
    """
    pid, fd = pty.fork()
    if not pid:
        os.execve(command[0], command, env)
    shown, seen = b"", 0
    for prompt, answer in answers + [(None, None)]:
        end = time.monotonic() + heard.DEADLINE_S
        while prompt is None or prompt.encode() not in shown[seen:].rsplit(b"\n", 1)[-1]:
            holds(time.monotonic() < end, f"no prompt {prompt!r} in {shown!r}")
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            try:
                more = os.read(fd, 4096)
            except OSError:
                more = b""
            if not more:
                break
            shown += more
        if prompt is None:
            break
        seen = len(shown)
        os.write(fd, (answer() if callable(answer) else answer).encode() + b"\n")
        shown += b"\n"
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), shown.decode()


def keygen(g, name, *options, phrase=""):
    subprocess.run(["ssh-keygen", "-q", "-N", phrase, "-C", "a key", "-f", g.path(name), *options],
                   check=True)


def in_memory(pid, secret):
    """How often something is in a process's memory; the case is skipped where that can't be seen."""
    found = 0
    try:
        with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
                open(f"/proc/{pid}/mem", "rb") as mem:
            for line in maps:
                m = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if not m:
                    continue
                size = int(m.group(2), 16) - int(m.group(1), 16)
                if size > 1 << 30:
                    raise Skip("a sanitizer keeps what is freed")
                mem.seek(int(m.group(1), 16))
                found += mem.read(size).count(secret.encode())
    except PermissionError as e:
        raise Skip("memory of others is the superuser's to read") from e
    return found
