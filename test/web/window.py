#!/usr/bin/env python3
"""The session of a window (`capos desktop`), by a client that is no window: who its tabs are let in by, what only it
asks for, and a browser beside it, by a front that is told to take it for its starter (R51, R13).

usage: window.py BINARIES

What a window does between its page and this is desk.py's (test/desktop), and test-desktop-frames'.
"""
import array
import os
import re
import signal
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

import heard  # noqa: E402
import instance  # noqa: E402
from bridge import DEADLINE, PASSWORD, Bridge, Browser, Closed, Rig, Socket, equal, holds, until  # noqa: E402

BACK = 4002  # tab.h
PACKET = struct.pack("<32xI4096x", 0)  # struct packet_socket: no cookie, nothing early
PHRASE = "open this key"


class Window:
    """A session's process, and the sockets that a window has to it."""

    def __init__(self, rig, *options):
        self.rig, self.options = rig, options
        self.sockets, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.starts, starts = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.log = open(rig.path("window.log"), "w+", encoding="utf-8")
        self.process = self.start("capos-web", ["--sockets", "3", "--starts", "4", "--instance",
                                                f"lab={rig.address}", *options], theirs, starts)
        theirs.close()
        starts.close()

    def start(self, name, options, *fds, **more):
        for s in fds:
            s.setblocking(False)

        def place():
            high = [os.dup(s.fileno()) for s in fds]
            for n, fd in enumerate(high):
                os.dup2(fd, 3 + n)
            os.closerange(3 + len(fds), 256)
        return subprocess.Popen([os.path.join(os.path.dirname(self.rig.capos), name), *options], close_fds=False,
                                preexec_fn=place, stdin=subprocess.DEVNULL, stderr=self.log, env=self.rig.env, **more)

    def tab(self, proof=""):
        """A tab, by the window's socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets.sendmsg([PACKET], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        theirs.close()
        t = Socket(ours)
        t.greet = t.down("greet")["greet"]
        equal(t.ask("hello", proof).get("done", 0), None, "hello")
        return t

    def front(self):
        """A front for a browser beside it, as a bridge that Browser can speak to."""
        f = Bridge.__new__(Bridge)
        f.rig = self.rig
        f.web = self.start("capos-web", ["--port", "0", "--starter", "3"], self.starts, stdout=subprocess.PIPE)
        f.log = self.log
        found = re.fullmatch(r"http://localhost:(\d+)/#k=([\w-]{22})\n", heard.line(f.web.stdout))
        holds(found, f"where it listens: {self.said()}")
        f.port, f.code = int(found.group(1)), found.group(2)
        f.host = f"localhost:{f.port}"
        f.origin = f"http://{f.host}"
        return f

    def said(self):
        with open(self.log.name, encoding="utf-8") as f:
            return f.read()

    def gone(self):
        """Whether the session's process ends, as it does without its window."""
        self.sockets.close()
        self.starts.close()
        equal(self.process.wait(DEADLINE), 0, "how it ends")
        self.log.close()


class Cases:
    def __init__(self, binaries):
        self.rig = Rig(os.path.abspath(binaries), None)
        for name, phrase in (("plain", ""), ("locked", PHRASE)):
            path = self.rig.path(name)
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-C", name, "-f", path], check=True)
            self.rig.ok("account", "key", "add", "alice", path + ".pub", "--state", self.rig.state)
        self.windows = []

    def close(self):
        for w in self.windows:
            if w.process.poll() is None:
                w.process.kill()
                w.process.wait()
        self.rig.end()

    def window(self, *options):
        w = Window(self.rig, *options)
        self.windows.append(w)
        return w

    def sessions(self):
        """Those whose line is up."""
        all_of_them = self.rig.ok("session", "list", "--json", "--state", self.rig.state).json["sessions"]
        return sum(not s["droppedAtMs"] for s in all_of_them)

    @staticmethod
    def connected(t):
        m = t.ask("connect", 0)
        holds("methods" in m, m)
        return m["methods"]

    def in_session(self, t):
        self.connected(t)
        s = t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
        equal(s.get("session", {}).get("account"), "alice", f"{s}")

    # ---- cases ----

    def known_by_its_socket(self):
        """It shows no key and gets no ticket; whoever has not that socket has no way in; without it there is no
        session."""
        w = self.window()
        t = w.tab()
        equal(t.greet["bridge"], "capos desktop", "what it is called")
        self.in_session(t)
        two = w.tab()
        equal(two.down("session")["session"]["account"], "alice", "what another tab is told")
        equal([f for f in t.frames + two.frames if "rotate" in f], [], "tickets")
        equal(self.sessions(), 1, "sessions")
        w.gone()
        until(lambda: self.sessions() == 0, "it has ended")

    def no_hello_no_word(self):
        """What comes before hello is not heard here either."""
        w = self.window()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        w.sockets.sendmsg([PACKET], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
        theirs.close()
        t = Socket(ours)
        t.down("greet")
        t.up("instances")
        equal(t.ended(), 1008, "how it is closed")
        w.tab()
        w.gone()

    def keys_of_files(self):
        """They are offered by their public halves; one that is locked asks for its passphrase, and a wrong one, or
        none, ends that login and no more."""
        w = self.window("--identity", self.rig.path("plain"), "--identity", self.rig.path("locked"))
        t = w.tab()
        keys = {k["comment"]: k["fingerprint"] for k in self.connected(t)["keys"]}
        equal(sorted(keys), ["locked", "plain"], "the keys")
        login = {"kind": "publicKey", "account": "alice", "key": keys["locked"]}
        for said, code in (("not this one", "bridge.failed"), (None, "bridge.given-up")):
            id = t.up("login", login)
            step = t.down("step", id)["step"]
            equal((step["wants"], step["redaction"]), ("answer", True), "what is asked")
            holds(step["prompt"].startswith("Passphrase of "), step["prompt"])
            if said:
                t.up("answer", said)
            else:
                t.up("giveUp")
            equal(t.down("failed", id)["failed"]["code"], code, f"the answer {said}")
        id = t.up("login", login)
        t.down("step", id)
        t.up("answer", PHRASE)
        equal(t.down("session", id)["session"]["account"], "alice", "who is in")
        t.ask("logout")
        t.ask("disconnect")
        self.connected(t)
        s = t.ask("login", {"kind": "publicKey", "account": "alice", "key": keys["plain"]})
        equal(s.get("session", {}).get("account"), "alice", f"{s}")
        w.gone()

    def a_browser_beside(self):
        """It needs its code, its cookie and its key as ever; a login that is begun in it is the window's when it is
        done, and the browser is sent away."""
        w = self.window()
        t = w.tab()
        self.connected(t)
        f = w.front()
        thief, b = Browser(f), Browser(f)
        equal(thief.enter(code="A" * 22).status, 403, "another code")
        equal(b.enter().status, 200, "the code")
        equal(thief.enter(code=f.code).status, 403, "the code again")
        s = b.upgrade()
        greet = s.down("greet")["greet"]
        equal(greet["bridge"], "capos web", "what it is called for a browser")
        s.up("hello", thief.sign(greet))
        equal(s.ended(), 1008, "another's key")
        s = b.upgrade()
        s.down("greet")
        s.up("hello", "")
        equal(s.ended(), 1008, "no key, as a window has none")
        s = b.tab()
        s.down("methods")
        s.up("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
        try:
            while True:
                s.read()
        except Closed as e:
            equal(e.code, BACK, "how the browser is sent away")
        equal(t.down("session")["session"]["account"], "alice", "who is in, in the window")
        t.down("caps")
        until(lambda: not hasattr(b.upgrade(), "s"), "its cookie opens nothing any more")
        equal(self.sessions(), 1, "sessions")
        f.web.send_signal(signal.SIGTERM)
        f.web.wait(DEADLINE)
        equal(t.ask("refresh")["session"]["account"], "alice", "the window without the front")
        w.gone()

    def a_front_that_dies(self):
        """The window's session lives; another browser may come."""
        w = self.window()
        t = w.tab()
        self.connected(t)
        for _ in range(2):
            f = w.front()
            b = Browser(f)
            equal(b.enter().status, 200, "the code")
            s = b.tab()
            f.web.kill()
            f.web.wait(DEADLINE)
            equal(s.ended(), BACK, "its tab")
        self.in_session(t)
        w.gone()

    def no_page_to_lead_back_to(self):
        """A provider's page cannot lead back to a window; the browser's can."""
        w = self.window()
        t = w.tab()
        self.connected(t)
        r = t.ask("login", {"kind": "oidcAuthorizationCodePkce"})
        equal(r.get("failed", {}).get("code"), "bridge.no-browser", f"{r}")
        r = t.ask("browser")
        equal(r.get("failed", {}).get("code"), "bridge.not-here", f"{r}")
        w.gone()


NAMES = ["known_by_its_socket", "no_hello_no_word", "keys_of_files", "a_browser_beside", "a_front_that_dies",
         "no_page_to_lead_back_to"]


def main(binaries, *only):
    c = Cases(binaries)
    try:
        return instance.run_cases("web-window", [(n, getattr(c, n)) for n in NAMES if not only or n in only])
    finally:
        c.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
