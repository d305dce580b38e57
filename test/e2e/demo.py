#!/usr/bin/env python3
"""demo: `capos up --demo` as somebody meets it who has never seen any of this (R58): what it prints is typed, line by
line as it stands there, into a shell on a terminal; a step is played in each of its games by a guest (R15, R41, R42,
R57), and the address that it prints lets a browser in. Then all that ends it, and what it says where it cannot begin.

usage: demo.py
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import heard
import instance
from instance import until
from sessionlib import Failed

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path += [os.path.join(TESTS, "cli"), os.path.join(TESTS, "web")]
from bridge import Bridge, Browser  # noqa: E402
from talk import Terminal  # noqa: E402

SCRIPT = "e2e-demo"
BIN = os.path.join(instance.build_folder(), "bin")
END_S = 120


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def has(text, *words):
    for word in words:
        if word not in text:
            raise Failed(f"no {word!r} in {text!r}")


class Place:
    """A home, a folder for what is temporary, and what is started from there. For a `with`."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="capos-e2e-")
        self.path = self.folder.name
        self.home, self.tmp = os.path.join(self.path, "home"), os.path.join(self.path, "tmp")
        for folder in (self.home, self.tmp):
            os.mkdir(folder, 0o700)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CAPOS_"))}
        self.env |= {"HOME": self.home, "TMPDIR": self.tmp, "LC_ALL": "C.UTF-8", "TZ": "UTC", "DEMO_TEST": self.path}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.running():
            os.kill(pid, signal.SIGKILL)
        until(lambda: not self.running(), "the end of all processes")
        self.folder.cleanup()

    def running(self):
        """All that was started from here, by whomever, and is no zombie."""
        mark = f"DEMO_TEST={self.path}"
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                if mark in instance.read_proc(pid, "environ").split("\0") and instance.state(pid) not in ("", "Z")]

    def run(self, *options, capos=os.path.join(BIN, "capos"), **more):
        """A demo that cannot begin."""
        return subprocess.run([capos, "up", "--demo", *options], capture_output=True, text=True, timeout=END_S,
                              env=self.env, stdin=subprocess.DEVNULL, check=False, **more)

    def nothing_left(self):
        until(lambda: not self.running(), lambda: f"the end of {self.running()}")
        expect(os.listdir(self.tmp), [], "what is left of what is temporary")


class Demo:
    """A demo that runs. For a `with`."""

    def __init__(self, place, *options, listen="127.0.0.1:0", capos=os.path.join(BIN, "capos")):
        self.place = place
        self.log = open(os.path.join(place.path, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([capos, "up", "--demo", "--listen", listen, *options], env=place.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log)

    def __enter__(self):
        try:
            address, self.said = heard.until(self.process.stdout, "http://")
        except heard.Unheard as e:
            self.__exit__()
            raise Failed(f"{e}: {self.errors()}") from e
        self.address = re.fullmatch(r"http://localhost:(\d+)/#k=([\w-]{22})\n", address)
        self.lines = [line[4:] for line in self.said.splitlines() if line.startswith("    ")]
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def errors(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as f:
            return f.read()

    def pid_of(self, name):
        found = [pid for pid in instance.children(self.process.pid)
                 if os.path.basename(instance.read_proc(pid, "cmdline").split("\0")[0]) == name]
        expect(len(found), 1, f"processes of {name}")
        return found[0]

    def ends(self, how=signal.SIGINT, code=0):
        """By a signal, or by itself."""
        if how:
            self.process.send_signal(how)
        try:
            expect(self.process.wait(END_S), code, f"its exit code ({self.errors()!r})")
        except subprocess.TimeoutExpired as e:
            raise Failed(f"it does not end: {self.errors()!r}") from e


class Door(Bridge):
    """A bridge that somebody else has started: where it is, and the code that lets one browser in."""

    def __init__(self, address):  # pylint: disable=super-init-not-called
        self.port, self.code = int(address.group(1)), address.group(2)
        self.host = f"localhost:{self.port}"
        self.origin = f"http://{self.host}"


class Shell(Terminal):
    """A person's shell, which says in its prompt how the last command has ended."""

    def __init__(self, place):
        class Rig:
            capos = "/bin/bash"
            env = {**place.env, "PS1": "[$?] now> ", "HISTFILE": "/dev/null"}
        super().__init__(Rig, "--norc", "--noprofile", "-i", columns=200)
        self.until("[0] now> ")

    def does(self, line, *shown):
        """Types a line to whatever reads; what is to be seen then, in any order."""
        self.shown = b""
        self.type(line + "\n")
        for text in shown:
            self.until(text)

    def runs(self, line, *shown):
        """Types a command that ends by itself, and well."""
        self.does(line)
        self.over(line, *shown)

    def over(self, line, *shown):
        """Waits for the prompt behind it."""
        self.until("] now> ")
        found = re.findall(rb"\[(\d+)\] now> ", self.shown)
        expect(found, [b"0"], f"how {line!r} has ended, {self.shown!r}")
        has(self.shown.decode(errors="replace"), *shown)


# ---- what is typed ------------------------------------------------------------------------------

def guide(shell, line):
    shell.does(line, "First steps", "> next")
    shell.does("next", "shows its methods")
    shell.runs("/quit")


def paperclips(shell, line):
    shell.does(line, "Machines", "> make [count=]")
    shell.does("make count=5", "make: done")
    shell.runs("/quit")


def adventure(shell, line):
    shell.does(line, "The Landing", "> go exit=")
    shell.does("go exit=east", "go: done", "Somebody is here: Tam")
    shell.does("go exit=west", "go: done")
    shell.runs("/quit")


def chat(shell, line):
    shell.does(line, "> enter channel=")
    shell.does("enter channel=#lobby", "has joined")
    shell.does("send text='hello, all'", ": hello, all")
    shell.runs("/quit")


def room(shell, line):
    """In Chat stands what somebody of the story has said, by a command before."""
    shell.does(line, "you are", "<narrator> Tam: ")
    shell.does("hello, Tam", "> hello, Tam")
    shell.runs("/quit")


def shell_of_ours(shell, line):
    shell.does(line, "localhost:")
    shell.does("system_info.motd", "Welcome to the demo")
    shell.runs(".quit")


# What a line is about, and what is done with it beside typing it; or what has to be seen.
STEPS = [("PATH=", ()), ("export XDG_RUNTIME_DIR=", ()),
         ("capos login ", ("Logged in as guest (profile guest), 7 capabilities",)),
         ("capos caps", ("paperclips", "adventure", "chat", "guide", "system_info", "kv")),
         ("capos ui guide", guide), ("capos ui paperclips", paperclips), ("capos ui adventure", adventure),
         ("capos ui chat", chat),
         ("capos run paperclips make", ("clips",)),
         ("capos run adventure look", ("The Landing", "Ways: ")),
         ("capos run adventure go", ("The Boathouse",)),
         ("capos run adventure talk", ("hangs a key",)),
         ("capos chat join", room), ("capos call kv set", ()), ("capos shell", shell_of_ours),
         ("capos logout", ("Logged out",))]


def typed(place, lines):
    """All of it, in a shell; and another login, which is there when the demo ends."""
    expect([[b for b, _ in STEPS if line.startswith(b)] for line in lines], [[b] for b, _ in STEPS], "what is printed")
    shell = Shell(place)
    for line, (_, step) in zip(lines, STEPS):
        if callable(step):
            step(shell, line)
        else:
            shell.runs(line, *step)
    shell.runs(lines[2], "Logged in as guest")
    return shell


def opened(address):
    """A browser of a guest's; its tab, which stays."""
    door = Door(address)
    expect(door.request("GET", "/").status, 200, "the page")
    browser = Browser(door)
    expect(browser.enter().status, 200, "the way in by the code")
    expect(Browser(door).enter().status == 200, False, "the same code once more")
    tab = browser.tab()
    has(str(tab.ask("connect", 0)), "methods", "guest")
    expect(tab.ask("login", {"kind": "guest"}).get("session", {}).get("profile"), "guest", "a guest of the browser's")
    return tab


def all_that_is_printed():
    with Place() as place, Demo(place) as demo:
        expect(os.listdir(place.home), [], "what it has written into the home")
        tab = opened(demo.address)
        shell = typed(place, demo.lines)
        demo.ends(signal.SIGINT)
        tab.ended()
        tab.close()
        shell.type("exit\n")
        shell.end()
        place.nothing_left()
        port = re.search(r"localhost:(\d+) --guest", demo.said).group(1)
        expect(os.path.exists(f"/run/capos/instance-{port}.sock"), False, "its socket")


# ---- where it is, and what ends it --------------------------------------------------------------

def watched(place, demo):
    """Who makes an account sees what happens, and a guest does not."""
    port = re.search(r"localhost:(\d+) --guest", demo.said).group(1)

    def capos(*words, code=0):
        done = subprocess.run([os.path.join(BIN, "capos"), *words], input=instance.SECRET + "\n", capture_output=True,
                              text=True, timeout=END_S, env={**place.env, "XDG_RUNTIME_DIR": place.path}, check=False)
        expect(done.returncode, code, f"{words}: {done}")
        return done.stdout + done.stderr
    capos("login", f"ada@localhost:{port}", "--as", "ada", "--password-stdin")
    has(capos("ui", "diagnostics", "-s", "ada", "--once", "--personal"), "Diagnostics: Audit (log)", "ada")
    capos("login", f"localhost:{port}", "--guest", "--as", "guest")
    has(capos("ui", "diagnostics", "-s", "guest", "--once", code=3), "no such capability")
    capos("logout", "--all")


def a_state_folder():
    """It stays, with what accounts have in it, and can be used again; nobody else's can."""
    with Place() as place:
        state, other = os.path.join(place.path, "new", "state"), os.path.join(place.path, "other")
        os.mkdir(other, 0o700)
        with open(os.path.join(other, "accounts.db"), "w", encoding="ascii"):
            pass
        for said in ("", "The account exists already"):
            with Demo(place, "--state", state) as demo:
                has(demo.said, f"capos account add NAME --state {state}")
                done = subprocess.run([os.path.join(BIN, "capos"), "account", "add", "ada", "--state", state,
                                       "--password-stdin"], input=instance.SECRET + "\n", capture_output=True,
                                      text=True, timeout=END_S, env=place.env, check=False)
                expect(done.returncode, 1 if said else 0, f"another account, {done}")
                watched(place, demo)
                done = place.run("--state", state, "--listen", "127.0.0.1:0")
                expect(done.returncode, 1, "the exit code of a second one there")
                has(done.stderr, "another instance is using it", "the demo does not start")
                demo.ends(signal.SIGTERM)
            place.nothing_left()
        has(os.listdir(state), "demo.manifest", "accounts.db")
        done = place.run("--state", other)
        expect((done.returncode, os.listdir(other)), (1, ["accounts.db"]), "another's folder")
        has(done.stderr, "that is no demo's")
        place.nothing_left()


def refused():
    with Place() as place:
        for options, words in ((["--manifest", "x"], "a manifest of its own"),
                               (["--listen", "0.0.0.0:0"], "for this machine alone"),
                               (["--listen", "plain:127.0.0.1:0"], "for this machine alone"),
                               (["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"], "once"),
                               (["--listen", "nowhere:"], "ADDRESS:PORT"),
                               (["--json"], "prints no JSON")):
            done = place.run(*options)
            expect((done.returncode, done.stdout if "--json" not in options else ""), (2, ""), f"{options}: {done}")
            has(done.stdout + done.stderr, words)
        expect(os.listdir(place.home), [], "what is left at home")
        place.nothing_left()


def a_port_that_is_taken():
    with Place() as place, socket.create_server(("127.0.0.1", 0)) as taken:
        done = place.run("--listen", "127.0.0.1:%d" % taken.getsockname()[1])
        expect((done.returncode, done.stdout), (1, ""), f"{done}")
        has(done.stderr, "Address already in use", "--listen 127.0.0.1:0", "the demo does not start")
        place.nothing_left()


def linked(path, to):
    """The same file elsewhere: a program finds others by where it lies itself."""
    try:
        os.link(path, to)
    except OSError:
        shutil.copy(path, to)


def installed():
    """As `make install` has it, found by its name; then a service is missing."""
    with Place() as place:
        for folder in ("bin", "libexec/capos"):
            os.makedirs(os.path.join(place.path, folder))
        for name in os.listdir(BIN):
            path = os.path.join(BIN, name)
            if name.startswith("capos") and os.path.isfile(path):
                linked(path, os.path.join(place.path, "bin" if name == "capos" else "libexec/capos", name))
        capos = os.path.join(place.path, "bin", "capos")
        place.env["PATH"] = os.path.dirname(capos) + ":" + place.env["PATH"]
        place.env["XDG_RUNTIME_DIR"] = os.path.join(place.path, "run")
        os.mkdir(place.env["XDG_RUNTIME_DIR"], 0o700)
        with Demo(place, capos=capos) as demo:
            expect(demo.lines[0].split(" ")[:2], ["capos", "login"], "what is to be typed first")
            shell = Shell(place)
            shell.runs(demo.lines[0], "Logged in as guest")
            shell.runs("capos run adventure look", "The Landing")
            shell.type("exit\n")
            shell.end()
            demo.ends(signal.SIGHUP)
        place.nothing_left()
        os.unlink(os.path.join(place.path, "libexec", "capos", "capos-adventure"))
        done = place.run(capos=capos)
        expect((done.returncode, done.stdout), (1, ""), f"{done}")
        has(done.stderr, "capos-adventure is not there")
        place.nothing_left()


def on_a_terminal():
    """Where Enter gives another address, and Ctrl-C is told to all of it at once."""
    with Place() as place:
        class Rig:
            capos, env = os.path.join(BIN, "capos"), place.env
        demo = Terminal(Rig, "up", "--demo", "--listen", "127.0.0.1:0")
        demo.until("Enter gives another")
        demo.shown = b""
        demo.type("\n")
        demo.until("/#k=")
        demo.type("\x03")
        expect(demo.end(), 0, "its exit code")
        place.nothing_left()


def a_part_is_killed():
    """One does not go without the other."""
    with Place() as place:
        for name, words in (("capos-web", "the bridge to a browser has ended"),
                            ("capos-caposd", "the instance has ended")):
            with Demo(place) as demo:
                os.kill(demo.pid_of(name), signal.SIGKILL)
                demo.ends(None, 1)
                has(demo.errors(), words)
            place.nothing_left()
        with Demo(place) as demo:
            demo.ends(signal.SIGKILL, -signal.SIGKILL)
            until(lambda: not place.running(), lambda: f"the end of {place.running()}")


if __name__ == "__main__":
    sys.exit(instance.run_cases(SCRIPT, [("all that is printed", all_that_is_printed),
                                         ("a state folder", a_state_folder),
                                         ("refused", refused),
                                         ("a port that is taken", a_port_that_is_taken),
                                         ("installed", installed),
                                         ("on a terminal", on_a_terminal),
                                         ("a part is killed", a_part_is_killed)]))
