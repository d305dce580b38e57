"""instance: starts a real instance for a test, looks at its processes, and ends it.

Why: every test of the whole needs the same: a state directory of its own, an instance on a free
loopback port, the line that says where it listens, an account made over the admin socket, and the
certainty that nothing is left. Processes are found as the descendants of the one that was started,
and ended by their numbers.

The manifest of the tests is built here, so that a test says only what is special about it.
"""
import contextlib
import json
import os
import re
import select
import signal
import stat
import subprocess
import tempfile
import threading
import time
import traceback

import heard
import sessionlib as s

START_S = 120
STOP_S = 60
RUN_S = 300
SUMMARY = re.compile(r"(\d+) passed, (\d+) failed")
ENDPOINT = re.compile(r"remote CapSet: plain (\S+) (\d+)")
REPORT = re.compile(r"(AddressSanitizer|LeakSanitizer|MemorySanitizer|runtime error:)")
LEDGER = re.compile(r"ended with exit code 13\b|were not given back|are held until the service stops")
USER, SECRET = "alice", "correct horse battery"


def build_folder():
    return os.environ.get("CAPOS_BUILDDIR") or os.path.join(s.TOP, "build")


# ---- manifests ---------------------------------------------------------------------------------

def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def service(name, program, iface, arguments=(), disclosure=""):
    """A service of a manifest, as text; disclosure: names with commas between."""
    return (f"(name = {quoted(name)}, program = {quoted(program)}, "
            f"arguments = [{', '.join(map(quoted, arguments))}], interfaceId = {iface}, "
            f"disclosure = [{disclosure}], "
            f"title = {quoted(name)}, summary = \"For tests.\", remote = (transfer = services))")


def profile(name, grants, lease_ms=600000, **quota):
    """A profile of a manifest; a grant is a name or (name, transfer)."""
    pairs = [g if isinstance(g, tuple) else (g, "session") for g in grants]
    bundle = ", ".join(f"(name = {quoted(n)}, transfer = {t})" for n, t in pairs)
    limits = ", ".join(f"{k} = {v}" for k, v in quota.items())
    return (f"(name = {quoted(name)}, lease = \"{lease_ms}ms\", bundle = [{bundle}], "
            f"quota = ({limits}))")


def manifest(guest=False, profiles=(), services=(), password=True, anonymous="anonymous",
             limits="", operator=()):
    """The text of a manifest: the ordinary services and profiles, and what a test adds."""
    all_services = [service("system_info", "capos-system-info", s.SYSTEM_INFO,
                            ["--motd", "Hello from the test."]),
                    service("chat", "capos-chat", s.CHAT)] + list(services)
    ordinary = [profile("anonymous", ["session", "system_info"])] if anonymous == "anonymous" else []
    ordinary += [profile("guest", ["session", "system_info"]),
                 profile("operator", ["session", "system_info", "chat", *operator])]
    comma = ",\n    "
    return (f"( motd = \"Hello from the test.\",\n"
            f"  services = [{comma.join(all_services)}],\n"
            f"  profiles = [{comma.join(ordinary + list(profiles))}],\n"
            f"  authentication = (password = {str(password).lower()}, passwordMemory = \"8MiB\",\n"
            f"    guest = (enabled = {str(guest).lower()}, profile = \"guest\"),\n"
            f"    anonymous = (enabled = true, profile = {quoted(anonymous)}, maxSessions = 512)),\n"
            f"  limits = ({limits}) )\n")


def usual():
    """The text of the manifest that an instance has of itself, with passwords that cost less."""
    with open(os.path.join(s.TOP, "daemon", "caposd", "default-manifest.txt"), encoding="utf-8") as f:
        return f.read().replace("password = true,", 'password = true, passwordMemory = "8MiB",', 1)


# ---- records -----------------------------------------------------------------------------------

def records(path):
    """What is in a log of JSON, a record a line, oldest first. One that is being written is none so far."""
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def audit(state):
    """The records of an instance."""
    return records(os.path.join(state, "audit.log"))


# ---- processes ---------------------------------------------------------------------------------

def read_proc(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as f:
            return f.read().decode(errors="replace")
    except OSError:
        return ""


def children(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(c) for t in tasks for c in read_proc(pid, f"task/{t}/children").split()]


def state(pid):
    """The letter of /proc/PID/stat; empty when there is no such process."""
    return read_proc(pid, "stat").rpartition(") ")[2][:1]


def opened(pid):
    """What its descriptors lead to; what closes meanwhile is left out, and all of a process that has gone."""
    links = {}
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                links[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return links


def descriptors(pid):
    """How many descriptors a process has open; None if we may not look."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def until(condition, what, seconds=heard.DEADLINE_S):
    """Asks until the answer is true; what it was if that never comes. what: or a function for it."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise s.Failed(f"{what() if callable(what) else what} never came: {got!r}")
        time.sleep(0.02)


def over(session):
    """Waits until a session's worker has been told that it has ended, which is a moment after whoever has ended it has
    his answer. Its sockets to services are dead before."""
    def told():
        try:
            session.call(0)
        except s.Refused:
            return True
        return False
    until(told, "the end of the session at its worker")


def until_shown(look, *words):
    """What `capos ui --once` prints, when all of these are in it: it looks until nothing more has come for a moment, so
    where all is slow it may see a pane before what is in it."""
    shown = []

    def looked():
        shown[:] = [look()]
        return all(word in shown[0] for word in words)
    until(looked, lambda: f"{[word for word in words if word not in shown[0]]} in {shown[0]!r}")
    return shown[0]


class Instance:
    """A running instance. Use with `with`."""

    def __init__(self, manifest_text=None, user=True):
        self.folder = tempfile.TemporaryDirectory(prefix="capos-e2e-")
        self.state = os.path.join(self.folder.name, "state")
        self.log = os.path.join(self.folder.name, "log")
        self.arguments = ["--state", self.state, "--listen", "plain:127.0.0.1:0"]
        path = os.path.join(self.folder.name, "manifest")
        with open(path, "w", encoding="utf-8") as f:
            f.write(usual() if manifest_text is None else manifest_text)
        self.arguments += ["--manifest", path]
        self.user = user
        self.env = None
        self.program = None  # caposd, or what becomes it
        self.wrapper = []  # what starts it: a command that turns into its last words
        self.process = None
        self.said = b""  # on its standard output
        self.harmful = None  # lines of the log by who may keep what is not theirs: a pattern
        self.address = self.where = None  # for a socket; with its transport, for `capos`
        self.services = {}

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def start(self):
        program = self.program or [os.path.join(build_folder(), "bin", "capos-caposd")]
        self.said = b""
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.wrapper + program + self.arguments, stderr=log, env=self.env,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.address = self.endpoint()
        self.where = f"plain:{self.address}"
        if self.user:
            self.add_user()

    def endpoint(self):
        """Waits for the line that says where it listens."""
        found = self.hear(ENDPOINT)
        return f"{found.group(1)}:{found.group(2)}"

    def hear(self, pattern):
        """Waits for a line of its standard output; the match."""
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            found = pattern.search(self.said.decode(errors="replace"))
            if found:
                return found
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                part = os.read(self.process.stdout.fileno(), 4096)
                self.said += part
                if not part:
                    break
        raise s.Failed(f"the instance does not start: {self.said!r} {self.log_text()[-2000:]}")

    def add_user(self, name=USER, profiles=("operator",), password=SECRET):
        """Makes an account; an instance that is short of something says `try again`, and means it."""
        end = time.monotonic() + 60
        while True:
            admin = self.admin()
            try:
                admin.account_add(name, profiles, password)
                return
            except s.Refused as e:
                if "try again" not in str(e) or time.monotonic() > end:
                    raise
            finally:
                admin.close()
            time.sleep(0.2)

    def admin(self):
        for folder, _, files in os.walk(self.state):
            for name in files:
                path = os.path.join(folder, name)
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    return s.Admin(path)
        raise s.Failed("there is no admin socket in the state directory")

    def connect(self):
        return s.Peer(self.address)

    def login(self, name=USER, password=SECRET, wanted=None):
        """(peer, session, CapSet) of a fresh login."""
        peer = self.connect()
        session = peer.password(name, password, wanted)
        return peer, session, s.cap_set(session)

    def log_text(self):
        with open(self.log, "rb") as f:
            return f.read().decode(errors="replace")

    def reload(self, text=None):
        """Has it live by another manifest, or by what the file is now; what came of the command."""
        if text is not None:
            with open(os.path.join(self.folder.name, "manifest"), "w", encoding="utf-8") as f:
                f.write(text)
        capos = os.path.join(build_folder(), "bin", "capos")
        return subprocess.run([capos, "reload", "--state", self.state], capture_output=True, text=True,
                              timeout=120, check=False)

    def changed(self, text):
        """The same, for one that is good."""
        done = self.reload(text)
        if done.returncode or done.stderr:
            raise s.Failed(f"reload: {done}")

    # ---- looking

    def tree(self):
        """All processes but zombies, and but those that end while they are looked at: {pid: name}."""
        found, left = {}, [self.process.pid]
        while left:
            pid = left.pop()
            if state(pid) in ("", "Z"):
                continue
            words = read_proc(pid, "cmdline").split("\0")
            name = os.path.basename(words[0]) if words[0] else read_proc(pid, "comm").strip()
            if name:
                found[pid] = name
                left += children(pid)
        return found

    def pids(self, part):
        """The processes whose name has this in it."""
        return sorted(p for p, name in self.tree().items() if part in name)

    def daemons(self):
        """The processes that stay: all but workers (and the zygote, which is one of them), and but a child of the first
        one's that has still its name, for it has not become yet what it will be."""
        found = self.tree()
        first = found.get(self.process.pid)
        return {p: n for p, n in found.items()
                if "worker" not in n and "prover" not in n and (n != first or p == self.process.pid)}

    # ---- ending

    def stop(self):
        """Ends it politely; what went wrong, or an empty list."""
        wrong = []
        if self.process is None:
            return wrong
        all_pids = list(self.tree())
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                wrong.append("it does not end when asked to")
        else:
            wrong.append(f"it ended by itself with {self.process.returncode}")
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        try:
            until(lambda: all(state(p) in ("", "Z") for p in all_pids), "the end of all processes")
        except s.Failed:
            wrong.append(f"left running: {[p for p in all_pids if state(p) not in ('', 'Z')]}")
            for p in all_pids:
                if state(p) not in ("", "Z"):
                    os.kill(p, signal.SIGKILL)
        if REPORT.search(self.log_text()):
            wrong.append("a sanitizer has reported: " + self.log_text()[-3000:])
        lost = [line for line in self.log_text().splitlines()
                if LEDGER.search(line) and not (self.harmful and self.harmful.search(line))]
        if lost:
            wrong.append(f"not all was given back (EXIT_LEDGER), {len(lost)} times: {lost[0]}")
        self.process = None
        return wrong

    def __exit__(self, kind, value, trace):
        wrong = self.stop()
        self.folder.cleanup()
        if wrong and kind is None:
            raise s.Failed("; ".join(wrong))


# ---- running named cases -----------------------------------------------------------------------

def run_client(command):
    """Runs the client, passing its output on; (passed, failed) of its last line."""
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        bound = threading.Timer(RUN_S, client.kill)
        bound.start()
        for line in client.stdout:
            last = line
            if not SUMMARY.match(line):
                print(line, end="", flush=True)
        code = client.wait()
        bound.cancel()
    m = SUMMARY.match(last)
    if not m:
        print(f"not ok client - ended with code {code} and without a summary")
        return 0, 1
    return int(m.group(1)), int(m.group(2))


class Skip(Exception):
    """What a case raises that can't be tried here; its text says why."""


def needs_root(function):
    """The function; without the superuser one that is counted as skipped."""
    def skipped(*_):
        raise Skip("it needs the superuser")
    return function if os.geteuid() == 0 else skipped


def count(name, passed, failed, skipped=0):
    """Says how it went, to people and to tool/test-summary."""
    counts = os.environ.get("CAPOS_TEST_COUNTS")
    if counts:
        with open(counts, "a", encoding="utf-8") as f:
            f.write(f"{name} {passed} {failed} {skipped}\n")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")


def run_cases(name, cases, after=lambda: None, more=lambda: ""):
    """Runs [(name, function)], and after() each that was good; prints a line each and the sum; the exit code. Whatever
    a case raises is that case's. Of one that has failed, more() is shown as well, and its line is there again at the
    end: a log of which only the end is kept tells it, too."""
    passed = skipped = 0
    failed = []
    for title, function in cases:
        started = time.monotonic()
        try:
            function()
            after()
        except Skip as e:
            skipped += 1
            print(f"skipped {title}: {e}", flush=True)
        except Exception as e:  # pylint: disable=broad-except
            places = " > ".join(f"{os.path.basename(f.filename)}:{f.lineno}"
                                for f in traceback.extract_tb(e.__traceback__)[1:])
            failed.append(f"not ok {title} - {type(e).__name__} {e} ({places})".replace("\n", " "))
            print(failed[-1], more(), sep="\n", flush=True)
        else:
            passed += 1
            print(f"ok {title} ({time.monotonic() - started:.1f} s)", flush=True)
    if failed:
        print("", *(f"{line:.300}" for line in failed), sep="\n")
    count(name, passed, len(failed), skipped)
    return 0 if passed and not failed else 1
