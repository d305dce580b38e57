#!/usr/bin/env python3
"""reconnect: a line that drops under a login of the command's, over each transport (R46); and under its shell.

Why: that a session is come back to is the work of four processes and a key that is nowhere on disk,
and what must end it for good is decided far from the line. So the line here is one that can be cut
(line.py), between the command's agent and a real instance.

usage: reconnect.py
"""
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading

import certlib
import heard
import instance
from line import Line
from sessionlib import Failed

SCRIPT = "e2e-reconnect"
TIMES = 20
WAIT_S = 100
BUNDLE = ["chat", "session", "system_info"]


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Target(certlib.TlsInstance):
    """With a profile of a short lease, and of an authority's if there is one."""

    def __init__(self, ca=None):
        panes = instance.profile("panes", BUNDLE).replace('(name = "chat"', '(name = "chat", ui = true')
        text = instance.manifest(profiles=[instance.profile("short", BUNDLE, lease_ms=15000), panes])
        if ca:
            text = certlib.lets_in(ca, text).replace(
                f'file = "{ca.pem}"', f'file = "{ca.pem}", revocations = "{ca.crl}"', 1)
        super().__init__(text, user=False)

    def start(self):
        super().start()
        pin = certlib.fingerprint(os.path.join(self.state, "tls", "cert.pem"))
        host, port = self.tls.rsplit(":", 1)
        self.at = {"tls": (host, int(port)), "unix": self.unix}
        host, port = self.address.rsplit(":", 1)
        self.at["plain"] = (host, int(port))
        self.pin = pin

    def account(self, name):
        self.add_user(name, ("operator", "short", "panes"))


class Shell:
    """`capos shell` on a terminal of its own."""

    def __init__(self, command, env):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 220, 0, 0))
            os.execve(command[0], command, env)
        self.shown = b""

    def until(self, *words):
        """Reads until all of them are shown, and forgets what was."""
        def look():
            while select.select([self.fd], [], [], 0)[0]:
                try:
                    self.shown += os.read(self.fd, 4096)
                except OSError:
                    break
            return all(w.encode() in self.shown for w in words)
        try:
            instance.until(look, words, WAIT_S)
        except Failed as e:
            raise Failed(f"{e}: {self.shown}") from None
        shown, self.shown = self.shown, b""
        return shown.decode()

    def type(self, line, *words):
        os.write(self.fd, line.encode() + b"\n")
        return self.until(*words) if words else ""

    def type_half(self, text):
        """Types what is no line yet, until it has been read: it is shown again."""
        os.write(self.fd, text.encode())
        self.until(text)

    def ends(self):
        def ended():
            try:
                while select.select([self.fd], [], [], 0)[0]:
                    os.read(self.fd, 4096)
            except OSError:
                pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return [status] if pid else None
        status, = instance.until(ended, "the end", WAIT_S)
        self.pid = 0
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)

    def close(self):
        if not self.pid:
            return
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


class Talker:
    """A command whose input is open, and all that it has said."""

    def __init__(self, command, env):
        self.p = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.name = command[-1]
        self.out = self.err = ""
        self.at = {"out": 0, "err": 0}

    def look(self):
        for name, f in (("out", self.p.stdout), ("err", self.p.stderr)):
            while select.select([f], [], [], 0)[0]:
                got = os.read(f.fileno(), 4096)
                if not got:
                    break
                setattr(self, name, getattr(self, name) + got.decode())

    def until(self, where, words):
        """Waits until all of them stand there, behind what was waited for before."""
        def look():
            self.look()
            return all(w in getattr(self, where)[self.at[where]:] for w in words)
        try:
            instance.until(look, words, WAIT_S)
        except Failed as e:
            raise Failed(f"{e}: {self.out} / {self.err}") from None
        text = getattr(self, where)
        self.at[where] = max(text.index(w, self.at[where]) + len(w) for w in words)

    def says(self, *words):
        self.until("out", words)

    def tells(self, *words):
        self.until("err", words)

    def write(self, text):
        self.p.stdin.write(text.encode())
        self.p.stdin.flush()

    def taken(self):
        """Until it has read what was written."""
        def empty():
            left = fcntl.ioctl(self.p.stdin.fileno(), termios.FIONREAD, b"\0" * 4)
            return not struct.unpack("i", left)[0]
        instance.until(empty, "what was written is read", WAIT_S)

    def ends(self):
        def ended():
            self.look()
            return self.p.poll() is not None
        instance.until(ended, lambda: f"the end: {self.out} / {self.err}", WAIT_S)
        self.look()
        return self.p.returncode

    def close(self):
        self.p.kill()
        self.p.wait()
        for f in (self.p.stdin, self.p.stdout, self.p.stderr):
            try:
                f.close()
            except OSError:
                pass


class Cases:
    def __init__(self, target, folder, ca):
        self.target, self.folder, self.ca, self.number = target, folder, ca, 0

    def env(self):
        env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        env.update(HOME=self.folder, XDG_RUNTIME_DIR=self.folder, XDG_CONFIG_HOME=self.folder, TERM="xterm")
        return env

    def capos(self, *words, code=0, stdin=""):
        env = self.env()
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=stdin, env=env, capture_output=True, text=True, timeout=60,
                              check=False)
        if code is not None and done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def line(self, transport):
        if transport == "unix":
            self.number += 1
            return Line(socket.AF_UNIX, os.path.join(self.folder, f"line-{self.number}"),
                        self.target.at["unix"])
        return Line(socket.AF_INET, ("127.0.0.1", 0), self.target.at[transport])

    def login(self, transport, line, name, profile="operator", by=()):
        where = f"unix:{line.address}" if transport == "unix" else "127.0.0.1:%d" % line.address[1]
        if transport == "tls":
            where = f"capos://{where}/#{self.target.pin}"
        elif transport == "plain":
            where = f"plain:{where}"
        self.capos("login", f"{name}@{where}", *(by or ["--password-stdin"]), "--as", name,
                   "--profile", profile, stdin="" if by else instance.SECRET)

    def now(self, name):
        """The login, as `capos sessions` has it; None: it is over."""
        found = json.loads(self.capos("sessions", "--json").stdout)["sessions"]
        for row in found:
            if not all(row.get(k) for k in ("alias", "address", "account", "profile", "kind", "expiresAtMs")):
                raise Failed(f"a row without data: {row}")
        return next((x for x in found if x["alias"] == name), None)

    def is_back(self, name, times):
        def look():
            now = self.now(name)
            if not now:
                raise Failed(f"{name} is over: {self.capos('caps', '-s', name, code=None).stderr}")
            return now["reconnects"] == times and not now["droppedAtMs"]
        instance.until(look, f"reconnect {times}", WAIT_S)

    def is_over(self, name, says):
        """The agent has ended, and who asks is told why."""
        instance.until(lambda: not self.now(name), "the end", WAIT_S)
        told = self.capos("caps", "-s", name, code=None)
        if told.returncode != 4 or says not in told.stderr:
            raise Failed(f"expected {says!r}: {told}")

    def bundle(self, name):
        caps = json.loads(self.capos("caps", "-s", name, "--json").stdout)["capabilities"]
        expect(sorted(c["name"] for c in caps), BUNDLE, "the bundle")
        self.capos("call", "-s", name, "system_info", "motd")

    def sessions(self, name):
        admin = self.target.admin()
        try:
            return [x for x in admin.sessions() if x["account"] == name and not x["dropped"]]
        finally:
            admin.close()

    # ---- coming back

    def drops(self, transport):
        """Twenty times; every second time the instance does not hear of it."""
        name = f"drops-{transport}"
        self.target.account(name)
        line = self.line(transport)
        try:
            self.login(transport, line, name)
            until = json.loads(self.capos("whoami", "-s", name, "--json").stdout)["expiresAtMs"]
            for n in range(TIMES):
                line.cut(half=n % 2 == 1)
                self.is_back(name, n + 1)
                self.bundle(name)
                expect(len(self.sessions(name)), 1, "sessions of the account")
            who = json.loads(self.capos("whoami", "-s", name, "--json").stdout)
            expect((who["account"], who["profile"], who["kind"], who["reconnects"]),
                   (name, "operator", "password", TIMES), "the session")
            expect(who["expiresAtMs"], until, "its end")
            said = self.capos("whoami", "-s", name).stdout
            if f"dropped    {TIMES} times" not in said:
                raise Failed(said)
            self.capos("renew", "-s", name, "--password-stdin", stdin=instance.SECRET)
            self.capos("logout", "-s", name)
        finally:
            line.close()

    def by_certificate(self):
        """Which needs no key of its own, and is good for as long as it is not revoked."""
        name = "ada"
        self.target.account(name)
        who = self.ca.issue(name, "email:ada@example.org")
        line = self.line("tls")
        try:
            self.login("tls", line, name, by=["--certificate", who[0], "--key", who[1]])
            for n in range(3):
                line.cut(half=n % 2 == 1)
                self.is_back(name, n + 1)
                self.bundle(name)
            line.up = False
            line.cut()
            instance.until(lambda: (self.now(name) or {}).get("droppedAtMs"), "the drop")
            self.ca.revoke(who[0])
            self.capos("cert", "crl", "--state", self.target.state)
            line.up = True
            self.is_over(name, "could not be made again: denied.credentials")
        finally:
            line.close()

    def down(self):
        """While there is no line, callers are told, and a logout is one."""
        self.target.account("down")
        line = self.line("plain")
        try:
            self.login("plain", line, "down")
            line.up = False
            line.cut()
            instance.until(lambda: self.now("down")["droppedAtMs"], "the drop")
            told = self.capos("call", "-s", "down", "system_info", "motd", code=4)
            if "has dropped" not in told.stderr or "again" not in told.stderr:
                raise Failed(told.stderr)
            if "reconnecting" not in self.capos("sessions").stdout:
                raise Failed("`capos sessions` does not say so")
            line.up = True
            self.is_back("down", 1)
            self.bundle("down")
            line.up = False
            line.cut()
            instance.until(lambda: self.now("down")["droppedAtMs"], "the drop")
            self.capos("logout", "-s", "down")
            expect(self.now("down"), None, "after the logout")
            line.up = True
            self.login("plain", line, "down")
            line.up = False
            line.cut()
            instance.until(lambda: self.now("down")["droppedAtMs"], "the drop")
            told = self.capos("logout", "--all", "-s", "down", code=4)
            if "this login has ended all the same" not in told.stderr:
                raise Failed(told.stderr)
            expect(self.now("down"), None, "after the logout of all")
        finally:
            line.close()

    def shell(self):
        """A shell is told, has its capabilities anew by their names, and knows which references are gone."""
        self.target.account("shell")
        line = self.line("plain")
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.login("plain", line, "shell")
        t = Shell([capos, "shell", "-s", "shell"], self.env())
        try:
            t.until("shell> ")
            t.type("$c = chat")
            t.type("$data = chat.channels", "$data = {")
            t.type("$m = chat.join channel=#kept", "$m = {")
            line.up = False
            line.cut()
            t.until("has dropped, and is being made again. Gone with it: $m.")
            t.type("chat.say channel=#kept text=never", "nothing was sent")
            line.up = True
            t.until("the line is there again. Taken anew: $c.")
            t.type("$m.send text=x", "nothing has this name")
            t.type("$data", '"channels"')
            t.type("$c.say channel=#kept text=anew", '"sequence"')
            shown = t.type("chat.join channel=#kept", '"label"', "}\r\nshell> ")
            if "anew" not in shown or "never" in shown:
                raise Failed(shown)
        finally:
            t.close()
            self.capos("logout", "-s", "shell")
            line.close()

    def shell_calls_nothing_again(self):
        """What was under way when the line dropped has failed, and happens once at most."""
        self.target.account("once")
        line = self.line("plain")
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.login("plain", line, "once")
        t = Shell([capos, "shell", "-s", "once"], self.env())
        chat = self.target.pids("chat")[0]
        try:
            t.until("once> ")
            t.type("chat.say channel=#once text=before", '"sequence"')
            os.kill(chat, signal.SIGSTOP)
            try:
                t.type("chat.say channel=#once text=under-way")
                line.until(b"under-way")
                line.cut()
                t.until("Nobody knows whether it was done; it is not done again", "the line is there again")
            finally:
                os.kill(chat, signal.SIGCONT)
            shown = t.type("chat.join channel=#once", '"label"', "}\r\nonce> ")
            if shown.count("under-way") > 1 or "before" not in shown:
                raise Failed(shown)
        finally:
            t.close()
            self.capos("logout", "-s", "once")
            line.close()

    @staticmethod
    def label(shown):
        """What somebody is called in the list of who is there."""
        return re.findall(r"(\S+) \[you\]", shown)[-1]

    def panes(self):
        """Panes are composed anew, in the channel where they were and under the same label; what was typed before is
        not run again, what is typed while there are none is not run, and Ctrl-C leaves also then.
        """
        self.target.account("panes")
        line = self.line("plain")
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.login("plain", line, "panes", profile="panes")
        t = Shell([capos, "ui", "chat", "-s", "panes"], self.env())
        try:
            t.until("[1] chat: Channels", "> enter channel=", "ui> ")
            you = self.label(t.type("enter channel=#panes", "enter: done", "#panes - 1 here", "[you]"))
            for n in range(3):
                line.up = False
                line.cut(half=n % 2 == 1)
                t.until("has dropped, and is being made again.")
                for typed in ("enter channel=#never", "1", "/close 1"):
                    t.type(typed, typed + ": not done: the line to the instance has dropped")
                t.type_half("enter channel=#ha")
                line.up = True
                shown = t.until("the line is there again.", "] chat: Channels", "> enter channel=", "ui> ",
                                "] chat: #panes", "#panes - 1 here", "[you]")
                if "has ended" in shown or "[1] chat" in shown:
                    raise Failed(shown)
                expect(self.label(shown), you, "who that is")
                t.type("lf", "enter channel=#half: not done: that line was begun before the panes were there again")
                t.type("1", "1: no pane has such a command")
            for channel in ("#half", "#never"):
                if channel in self.capos("call", "chat", "channels", "-s", "panes").stdout:
                    raise Failed(channel)
            line.up = False
            line.cut()
            t.until("has dropped, and is being made again.")
            os.write(t.fd, b"\x03")
            expect(t.ends(), 130, "by Ctrl-C")
            line.up = True
            self.is_back("panes", 4)
            p = Talker([capos, "ui", "chat", "--follow", "-s", "panes"], self.env())
            try:
                p.write("/layout\n")
                p.says("[1] column")
                line.cut()
                p.tells("has dropped", "a script ends with the line")
                expect(p.ends(), 4, "a script's end")
            finally:
                p.close()
            self.is_back("panes", 5)
        finally:
            self.capos("logout", "-s", "panes")
            line.close()

    def script_ends(self):
        """A script's line that would call while there is no line ends it, and is not kept for later."""
        self.target.account("script")
        line = self.line("plain")
        self.login("plain", line, "script")
        p = subprocess.Popen([os.path.join(instance.build_folder(), "bin", "capos"), "shell", "-s", "script"],
                             env=self.env(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        try:
            p.stdin.write("$c = chat\nsystem_info.motd\n")
            p.stdin.flush()
            heard.line(p.stdout)
            line.up = False
            line.cut()
            told = heard.line(p.stderr)
            out, err = p.communicate("$c.channels\nsystem_info.motd\n", timeout=WAIT_S)
            if "has dropped" not in told or "nothing was sent" not in err or "line 3 ends the script" not in err:
                raise Failed(told + err)
            expect((p.returncode, out), (4, ""), "the end")
            line.up = True
            self.is_back("script", 1)
        finally:
            p.kill()
            p.wait()
            self.capos("logout", "-s", "script")
            line.close()

    # ---- a reader of a channel, and a watched call

    def going_on(self, name, act, *words):
        """A command that goes on, with its input open, while its line can be cut."""
        self.target.account(name)
        line = self.line("plain")
        self.login("plain", line, name)
        p = Talker([os.path.join(instance.build_folder(), "bin", "capos"), *words, "-s", name], self.env())
        try:
            act(p, line)
        finally:
            p.close()
            if self.now(name):
                self.capos("logout", "-s", name)
            line.close()

    def chat(self):
        """Joins anew, six times: nothing is shown twice, nothing that was said meanwhile is lost."""
        def act(p, line):
            p.says("* you are ")
            for n in range(6):
                line.up = False
                line.cut(half=n % 2 == 1)
                p.tells("has dropped, and is being made again.")
                p.write(f"said while it was down {n}\n")
                self.capos("run", "-s", "chat-other", "chat", "send", "channel=#back", f"text=missed {n}")
                line.up = True
                p.tells("the line is there again.")
                p.says(f"said while it was down {n}", f"missed {n}", "* you are ")
                self.capos("run", "-s", "chat-other", "chat", "send", "channel=#back", f"text=heard {n}")
                p.says(f"heard {n}")
            p.write("/quit\n")
            expect(p.ends(), 0, "the exit code")
            expect(len(set(re.findall(r"\* you are (\S+) in #back", p.out))), 1, "labels")
            for n in range(6):
                for text in (f"said while it was down {n}\n", f"missed {n}\n", f"heard {n}\n"):
                    expect(p.out.count("> " + text), 1, text)

        self.target.account("chat-other")
        where = self.line("plain")
        self.login("plain", where, "chat-other")
        try:
            self.capos("run", "-s", "chat-other", "chat", "join", "channel=#back")
            self.going_on("chatter", act, "chat", "join", "#back")
        finally:
            self.capos("logout", "-s", "chat-other")
            where.close()

    def chat_says_nothing_twice(self):
        """What was on its way when the line dropped: nobody knows, it is told, and not said again."""
        def act(p, line):
            p.says("* you are ")
            chat = self.target.pids("chat")[0]
            os.kill(chat, signal.SIGSTOP)
            try:
                p.write("on its way\nthe next\n")
                p.taken()
                line.until(b"on its way")
                line.cut()
                p.tells("nobody knows whether this was said; it is not said again: on its way")
            finally:
                os.kill(chat, signal.SIGCONT)
            p.tells("the line is there again.")
            p.says("the next")
            p.write("/quit\n")
            expect(p.ends(), 0, "the exit code")
            expect((p.out.count("> on its way\n") < 2, p.out.count("> the next\n")), (True, 1), p.out)

        self.going_on("chatter-once", act, "chat", "join", "#once-said")

    def chat_ends(self):
        """With its login, also while there is no line; and with what it was joined by."""
        def revoked(p, line):
            p.says('"event":"you"')
            line.up = False
            line.cut()
            p.says('{"line":"dropped"')
            admin = self.target.admin()
            try:
                row, = [x for x in admin.sessions() if x["account"] == p.name]
                admin.revoke(row["id"], "chat")
            finally:
                admin.close()
            line.up = True
            expect(p.ends(), 3, p.err)
            if "denied" not in p.out + p.err:
                raise Failed(p.out + p.err)

        def logged_out(p, line):
            p.says("* you are ")
            line.up = False
            line.cut()
            p.tells("has dropped")
            self.capos("logout", "-s", p.name)
            expect(p.ends(), 4, p.err)

        def service_killed(p, _):
            p.says("* you are ")
            os.kill(self.target.pids("chat")[0], signal.SIGKILL)
            expect(p.ends(), 4, p.err)
            if "has dropped" in p.err:
                raise Failed(p.err)

        self.going_on("chatter-revoked", revoked, "chat", "join", "#end", "--json")
        self.going_on("chatter-out", logged_out, "chat", "join", "#end")
        self.going_on("chatter-killed", service_killed, "chat", "join", "#end")
        instance.until(lambda: self.target.pids("chat"), "another chat")

    def watched(self):
        """A call is made again by a flag alone: it would be seen by others."""
        def ends(p, line):
            p.says('"label"')
            line.cut()
            p.tells("has dropped", "the call is not repeated", "--again")
            expect(p.ends(), 4, p.err)

        def again(p, line):
            p.says('"label"')
            for n in range(3):
                line.cut(half=n % 2 == 1)
                p.tells("has dropped, and is being made again.")
                p.tells("the line is there again.")
                p.says('"label"')
                self.capos("run", "-s", p.name, "chat", "send", "channel=#watched", f"text=heard {n}")
                p.says(f'"said":"heard {n}"')

        def commands(p, line):
            p.says("send ")
            for n in range(3):
                line.cut(half=n % 2 == 1)
                p.tells("has dropped, and is being made again.")
                p.tells("the line is there again.")
            expect(p.out.count("send "), 1, "what has not changed")

        self.going_on("watcher-commands", commands, "commands", "--watch", "chat")
        self.going_on("watcher", ends, "call", "--watch", "chat", "join", "channel=#watched")
        self.going_on("watcher-again", again, "call", "--watch", "--again", "chat", "join", "channel=#watched")

    # ---- and not

    def ended(self, name, act, says, profile="operator", transport="plain"):
        """The line drops, something happens, the line is there again."""
        self.target.account(name)
        line = self.line(transport)
        try:
            self.login(transport, line, name, profile)
            ident = json.loads(self.capos("whoami", "-s", name, "--json").stdout)["id"]
            line.up = False
            line.cut()
            instance.until(lambda: not self.sessions(name), "the end of the session")
            act(line, ident)
            line.up = True
            self.is_over(name, says)
        finally:
            line.close()

    def by_admin(self, act):
        def run(_, ident):
            admin = self.target.admin()
            try:
                act(admin, ident)
            finally:
                admin.close()
        return run

    def revoked(self):
        self.ended("revoked", self.by_admin(lambda a, ident: a.revoke(ident)),
                   "could not be made again: denied.credentials")

    def revoked_by_the_command(self):
        self.ended("revoked2", lambda _, ident: self.capos("session", "revoke", ident, "--state",
                                                           self.target.state),
                   "could not be made again: denied.credentials")

    def capability_revoked(self):
        """Before the line drops, and while it is down: it stays away."""
        name = "narrowed"
        self.target.account(name)
        line = self.line("plain")
        admin = self.target.admin()
        try:
            self.login("plain", line, name)
            admin.revoke(self.sessions(name)[0]["id"], "chat")
            line.up = False
            line.cut()
            instance.until(lambda: not self.sessions(name), "the end of the session")
            dropped = [x for x in admin.sessions() if x["account"] == name]
            expect([x["grants"] for x in dropped], [["session", "system_info"]], "what is left")
            admin.revoke(dropped[0]["id"], "system_info")
            line.up = True
            self.is_back(name, 1)
            caps = json.loads(self.capos("caps", "-s", name, "--json").stdout)["capabilities"]
            expect([c["name"] for c in caps], ["session"], "the bundle")
            told = self.capos("call", "-s", name, "system_info", "motd", code=None)
            expect(told.returncode != 0, True, "the call")
            self.capos("logout", "-s", name)
        finally:
            admin.close()
            line.close()

    def account_removed(self):
        self.ended("removed", self.by_admin(lambda a, _: a.account_remove("removed")),
                   "could not be made again: denied.credentials")

    def account_locked(self):
        self.ended("locked", self.by_admin(lambda a, _: a.account_lock("locked")),
                   "could not be made again: denied.credentials")

    def password_changed(self):
        self.ended("changed", self.by_admin(lambda a, _: a.passwd("changed", "another password")),
                   "could not be made again: denied.credentials")

    def expired(self):
        """The agent gives up when there is nothing to come back to."""
        def wait(line, _):
            instance.until(lambda: not self.now("expired"), "the agent's end", WAIT_S)
        self.ended("expired", wait, "could not be made again", profile="short")

    def another_instance(self):
        """Its key is unknown there."""
        with Target() as other:
            for transport in ("plain", "unix"):
                def divert(line, _, t=transport):
                    line.upstream = other.at[t]
                self.ended(f"other-{transport}", divert, "denied.credentials", transport=transport)

    def somebody_else(self):
        """Over TLS somebody else has another key: he is told nothing, and outlasted."""
        name = "hotel"
        self.target.account(name)
        line = self.line("tls")
        try:
            with Target() as other:
                self.login("tls", line, name)
                line.upstream = other.at["tls"]
                line.cut()
                instance.until(lambda: "not the instance" in self.now(name)["droppedWhy"],
                               "the reason", WAIT_S)
                told = self.capos("call", "-s", name, "system_info", "motd", code=4)
                if "The last try: this is not the instance" not in told.stderr:
                    raise Failed(told.stderr)
                if "the last try: this is not the instance" not in self.capos("sessions").stdout:
                    raise Failed("`capos sessions` does not say why")
                heard = [x for x in instance.audit(other.state) if x["what"] == "attempt"]
                expect(heard, [], "what he heard")
            line.upstream = self.target.at["tls"]
            self.is_back(name, 1)
            expect(self.now(name)["droppedWhy"], "", "the reason, afterwards")
            self.bundle(name)
            self.capos("logout", "-s", name)
        finally:
            line.close()

    def nobody_at_all(self):
        """What answers is no TLS: a page to pay at."""
        self.target.account("page")
        line = self.line("tls")
        page = socket.create_server(("127.0.0.1", 0))
        served = threading.Event()

        def serve():
            near = page.accept()[0]
            near.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://hotel.example/\r\n\r\n")
            near.close()
            served.set()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            self.login("tls", line, "page")
            line.upstream = page.getsockname()
            line.cut()
            if not served.wait(WAIT_S):
                raise Failed("no try to come back")
            line.upstream = self.target.at["tls"]
            self.is_back("page", 1)
            self.capos("logout", "-s", "page")
        finally:
            page.close()
            line.close()

    def session_manager_killed(self):
        """Last: there is another one then, which knows no key."""
        def kill(*_):
            before = self.target.pids("sessiond")
            os.kill(before[0], signal.SIGKILL)
            instance.until(lambda: self.target.pids("sessiond") not in ([], before), "another one")
        self.ended("killed", kill, "could not be made again: denied.credentials", transport="tls")

    def no_login_is_left(self):
        """After all others: each has ended its agent."""
        found = json.loads(self.capos("sessions", "--json").stdout)["sessions"]
        if found:
            self.capos("logout", "--all", code=None)
        expect([x["alias"] for x in found], [], "logins")


def main():
    with tempfile.TemporaryDirectory(prefix="capos-line-") as folder:
        ca = certlib.Authority(folder, "ca")
        with Target(ca) as target:
            return run(Cases(target, folder, ca))


def run(c):
    rows = [(f"drops-{t}", lambda t=t: c.drops(t)) for t in ("tls", "plain", "unix")]
    rows += [(f.__name__.replace("_", "-"), f) for f in
             (c.by_certificate, c.down, c.shell, c.shell_calls_nothing_again, c.script_ends, c.panes,
              c.chat, c.chat_says_nothing_twice, c.chat_ends, c.watched,
              c.revoked, c.revoked_by_the_command, c.capability_revoked,
              c.account_removed, c.account_locked, c.password_changed, c.expired, c.another_instance, c.somebody_else,
              c.nobody_at_all, c.session_manager_killed, c.no_login_is_left)]
    return instance.run_cases(SCRIPT, rows)


if __name__ == "__main__":
    sys.exit(main())
