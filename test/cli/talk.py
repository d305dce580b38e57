"""Cases of `chat join` and of what is typed behind `call`. cli.py runs them."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from rig import case, equal, heard, holds, offers


class Terminal:
    """A command on a terminal of its own, and everything that it has shown."""

    def __init__(self, g, *args, columns=0):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            if columns:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
            os.execve(g.capos, [g.capos, *args], {**g.env, "TERM": "xterm"})
        self.shown = b""

    def until(self, what, seconds=heard.DEADLINE_S, after=0):
        """Reads on until a text is shown behind what was looked at before."""
        end = time.monotonic() + seconds
        while what.encode() not in self.shown[after:]:
            holds(time.monotonic() < end, f"no {what!r} in {self.shown!r}")
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                self.shown += os.read(self.fd, 4096)
            except OSError:
                break
        holds(what.encode() in self.shown[after:], f"no {what!r} in {self.shown!r}")

    def type(self, text):
        os.write(self.fd, text.encode())

    def reads(self, keys, seconds=heard.DEADLINE_S):
        """Waits until keys are read one by one, by who edits a line; or not, and Ctrl-C is a signal."""
        end = time.monotonic() + seconds
        while keys == bool(termios.tcgetattr(self.fd)[3] & termios.ICANON):
            holds(time.monotonic() < end, f"keys are {'not ' if keys else ''}read: {self.shown!r}")
            time.sleep(0.02)

    def end(self, seconds=heard.DEADLINE_S):
        end = time.monotonic() + seconds
        pid = 0
        while not pid:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if not pid and time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                holds(False, f"it does not end: {self.shown!r}")
            time.sleep(0.02)
        try:
            while more := os.read(self.fd, 4096):
                self.shown += more
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def listen(g, alias, *more):
    """A person who only reads: standard input stays open and silent."""
    p = subprocess.Popen([g.capos, "chat", "join", "#lobby", "-s", alias, *more],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=g.env, bufsize=0, start_new_session=True)
    heard.until(p.stdout, "you")
    return p


def told(p):
    """What a reader has said when it has ended, by itself: its input is open until then."""
    p.wait(60)
    return p.communicate()


@case(needs_instance=True)
def a_reader_is_told_at_once(g):
    s = ("--state", g.state)
    g.login("one")
    me = g.ok("whoami", "--json").json["id"]
    p = listen(g, "one")
    g.ok("session", "revoke", me, "chat", *s)
    out, err = told(p)
    equal(p.returncode, 3, (out, err))
    says = err.decode()
    equal(says.count("administrator"), 1, says)
    holds("taken this capability back" in says, says)
    g.ok("logout")
    for end in (["session", "revoke"], None):
        g.login("one")
        me = g.ok("whoami", "--json").json["id"]
        p = listen(g, "one", "--json")
        if end:
            g.ok(*end, me, *s)
        else:
            g.ok("logout")
        out, _ = told(p)
        equal(p.returncode, 4, out)
        holds(b'"error"' in out.splitlines()[-1], out)
        g.until(lambda: g.ok("sessions", "--json").json["sessions"] == [], "it lives on")


@case()
def typing_is_not_broken_into(g):
    g.login("one")
    g.login("two")
    t = Terminal(g, "chat", "join", "#lobby", "-s", "one")
    t.until("you are")
    t.until("> ")
    t.type("half a lime")
    t.until("> half a lime")
    t.shown = b""
    g.ok("chat", "join", "#lobby", "-s", "two", stdin="meanwhile\n")
    t.until("> meanwhile\r\n\r\x1b[K> half a lime")
    # What came in is whole lines, each with the typed one taken off the screen before.
    said = [x for x in t.shown.split(b"\r\x1b[K") if b"meanwhile" in x]
    equal(len(said), 1, t.shown)
    holds(said[0].endswith(b"> meanwhile\r\n"), said)
    t.shown = b""
    t.type("\x7f\x7fne\n")
    t.until("> half a line\r\n")
    time.sleep(0.3)
    t.type("x\x15/nothing\n")
    t.until("no such command")
    t.type("/help\n")
    t.until("/quit leaves")
    t.type("//slash gr\u00fc\u00dfex\x7f\x1b[D\n")
    t.until("> /slash gr\u00fc\u00dfe")
    t.type("/quit\n")
    equal(t.end(), 0, t.shown)
    lines = [x for x in t.shown.decode().split("\r\x1b[K") if "half a line\r\n" in x]
    equal(len(lines), 1, "one's own line is shown once")
    holds("> /nothing\r\n" not in t.shown.decode(), "a command was said")
    # ^D on an empty line ends it as well.
    t = Terminal(g, "chat", "join", "#lobby", "-s", "one")
    t.until("\r\x1b[K> ")
    t.type("\x04")
    equal(t.end(), 0, t.shown)
    for alias in ("one", "two"):
        g.ok("logout", "-s", alias)


@case()
def commands_are_not_said(g):
    g.login("one")
    r = g.ok("chat", "join", "#lobby", "--json", stdin="/nothing\n//x\n/quit\nnot said\n")
    said = [e["text"] for e in map(json.loads, r.out.splitlines()) if e.get("event") == "said"]
    holds("not said" not in said and "/nothing" not in said, said)
    holds('"usage"' in r.out, r.out)
    g.ok("logout")


# ---- parameters --------------------------------------------------------------------------------


@case()
def parameters_from_everywhere(g):
    g.login("work")
    whole = g.ok("call", "chat", "join", "-", "--json", stdin='{"channel": "#a"}').json
    holds(whole["label"], whole)
    equal(g.ok("call", "system_info", "motd", "-", stdin="{}").out,
          g.ok("call", "system_info", "motd").out)
    with open(g.path("name"), "w", encoding="ascii") as f:
        f.write("#from-a-file")
    for word in (f"channel=@{g.path('name')}", 'channel:="#b"', "channel=#c"):
        g.ok("call", "chat", "join", word)
    says = g.error(2, "usage", "call", "chat", "join", "channel=#a", "channel=#b")
    holds("channel is given twice" in says, says)
    g.error(2, "parameters", "call", "chat", "join", "channel:={")
    g.error(1, "failed", "call", "chat", "join", "channel=@/nowhere/at/all")
    says = g.error(2, "parameters", "call", "chat", "join", "listener=5")
    holds("1:" not in says, f"a place in a text that nobody wrote: {says}")
    g.error(2, "parameters", "call", "chat", "join", "-", stdin="{")
    # More than an argument can be.
    big = json.dumps({"channel": "#" + "x" * 300000})
    holds(g.run("call", "chat", "join", "-", stdin=big).code in (0, 1), "it does not get there")
    g.ok("logout")


@case(needs_instance=True)
def long_results_go_on_below_their_field(g):
    """On a terminal, and between words; elsewhere a line is a line, which programs read."""
    g.login("work")
    said = " ".join(f"word-{n}" for n in range(30)) + " \u4e2d" + "x" * 90
    g.ok("run", "chat", "send", "channel=#long", "text=" + said)
    line, = [x for x in g.ok("call", "chat", "join", "channel=#long").out.splitlines() if "word-7" in x]
    for words in (("call", "chat", "join", "channel=#long"), ("shell",)):
        t = Terminal(g, *words, columns=60)
        if words == ("shell",):
            t.until("work> ")
            t.type("chat.join channel=#long\n")
            t.until('"label"')
            t.until("}\r\n")
            t.type(".quit\n")
        equal(t.end(), 0, t.shown)
        shown = re.sub(r"\x1b\[\?7[lh]|\r", "", t.shown.decode()).split("\n")
        first = next(i for i, x in enumerate(shown) if "word-0" in x)
        rows = shown[first:next(i for i, x in enumerate(shown) if i >= first and "xx\"" in x) + 1]
        holds(len(rows) > 4 and all(len(x) <= 60 for x in rows), rows)
        indent = len(line) - len(line.lstrip())
        holds(all(x.startswith(" " * (indent + 2)) for x in rows[1:]), rows)
        for n in range(30):
            equal(sum(1 for x in rows if re.search(rf"\bword-{n}\b", x)), 1, (n, rows))
    g.ok("logout")


@case(needs_instance=True)
def chat_has_commands(g):
    g.login("work")
    d = g.ok("commands", "chat", "--json").json
    equal([c["id"] for c in d["commands"]], ["join", "leave", "send", "channels"])
    holds("(others see it)" in g.ok("commands", "chat").out, "no effect")
    r = g.ok("run", "chat", "send", "channel=#den", "text=hello you", "--json").json
    equal(r, {"sequence": "1"})
    equal([c["name"] for c in g.ok("run", "chat", "channels", "--json").json["channels"]], ["#den"])
    event, = [h for h in g.ok("run", "chat", "join", "channel=#den", "--json").json["history"]
              if "said" in h]
    equal((event["said"], event["channel"]), ("hello you", "#den"))
    read = [e for e in map(json.loads, g.ok("chat", "join", "#den", "--json", stdin="").out.splitlines())
            if e.get("event") == "said"]
    equal([(e["sequence"], e["atMs"], e["text"]) for e in read], [(event["sequence"], event["atMs"], "hello you")],
          "the same, encoded as `call` does")
    holds(d["revision"].isdigit(), "how the revision is encoded")
    holds("you have left" in g.error(1, "failed", "run", "chat", "leave", "channel=#den"), "left")
    holds("at most 33 bytes" in g.error(2, "parameters", "run", "chat", "send", "text=x",
                                        "channel=#" + "x" * 40), "max")

    def complete(*words):
        return g.ok("__complete", *words).out.splitlines()

    offers(lambda: complete("run", "chat", "ch"), ["channels"])
    offers(lambda: complete("run", "chat", "send", "ch"), ["channel=", ":open"])
    offers(lambda: complete("run", "chat", "send", "channel="), ["channel=#den"])
    g.ok("logout")


@case()
def mistyped_names_get_a_hint(g):
    g.login("work")
    says = g.error(3, "denied.unknown-name", "call", "chatt", "join")
    holds("did you mean `chat`" in says, says)
    says = g.error(2, "unknown-method", "describe", "chat", "jion")
    holds("did you mean `join`" in says and "channels" in says, says)
    types = re.search("; types: ([^\"]*)", says).group(1).split(", ")
    holds(len(types) > 4 and types == sorted(types), types)
    says = g.error(2, "unknown-method", "call", "chat", "jion")
    holds("(did you mean `join`?); it has: join" in says and "compose" not in says, says)
    says = g.error(2, "unknown-field", "call", "chat", "join", "chanel=#a")
    holds("did you mean `channel`" in says and "channel, listener" in says, says)
    holds("there are none" in g.error(2, "unknown-field", "call", "system_info", "motd", "x=1"),
          "not said")
    g.ok("logout")
