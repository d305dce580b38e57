#!/usr/bin/env python3
"""chatted: people who talk in the panes that Chat composes (R57), by `capos ui chat` at a real instance.

Two of them, each on a terminal: they enter a channel, talk by the pane's own command, see each other come and go, and
what is new where they do not look. Then a table of what ends it: whoever ends, the others see him leave, and the
instance says at its end that nothing was kept (instance.py).

usage: chatted.py
"""
import json
import os
import signal
import subprocess
import sys

import heard
import instance
from instance import until
from people import People, Person, expect
from sessionlib import Failed

SCRIPT = "e2e-chatted"


class Chatter(Person):
    """Somebody at `capos ui chat`."""

    def __init__(self, cases, name, entered=None):
        super().__init__(cases, "chat", name, "> enter channel=", "> leave")
        if entered:
            self.does(f"enter channel={entered}", "has joined")


class Cases(People):
    def __init__(self):
        grants = ["session", "system_info", "chat"]
        may = instance.profile("may", grants).replace('(name = "chat"', '(name = "chat", ui = true')
        self.target = instance.Instance(instance.manifest(profiles=[may, instance.profile("not", grants)]))

    def prepare(self):
        self.arrive(self.target, ("ada", "may", "ada"), ("bob", "may", "bob"), ("eve", "not", "eve"))

    def say(self, name, channel, text):
        self.run("run", "chat", "send", f"channel={channel}", f"text={text}", "-s", name)

    def here(self, channel):
        """How many are in a channel, by somebody who has no panes."""
        said = json.loads(self.run("call", "chat", "channels", "-s", "eve", "--json").stdout)
        return {c["name"]: c["members"] for c in said["channels"]}.get(channel, 0)

    # ---- talking

    def two_talk(self):
        ada, bob = Chatter(self, "ada"), Chatter(self, "bob")
        ada.does("enter channel=#lobby", "[2] chat: #lobby (transcript)", "has joined", "[you]")
        bob.does("enter channel=#lobby", "* #lobby - 2 here")
        ada.until("* #lobby - 2 here")
        ada.does("send text='hello, bob'", "send: done", ": hello, bob")
        bob.until(": hello, bob")
        bob.does("send text='and to you'", ": and to you")
        ada.until(": and to you")
        bob.does("/panes", "hello, bob", "and to you")
        bob.does("leave", "leave: done", "[2] chat: No channel (transcript)")
        ada.until("has left")
        ada.until("* #lobby - 1 here")
        bob.does("send text=x", "you are in no channel")
        bob.quits()
        ada.quits()
        until(lambda: not self.here("#lobby"), "the end of all places")

    def what_is_new(self):
        """What is said where nobody looks is counted, until somebody does."""
        ada = Chatter(self, "ada", "#one")
        ada.does("enter channel=#two", "[2] chat: #two (transcript)", "has joined")
        ada.shown = b""
        self.say("bob", "#one", "first")
        ada.until("#one [1 new]")
        self.say("bob", "#one", "second")
        ada.until("#one [2 new]")
        self.say("bob", "#two", "seen")
        ada.until(": seen")
        ada.does("/select 1 '#one'", "[2] chat: #one (transcript)", ": first", ": second", "* #one - 1 here")
        ada.does("/panes", "#two - 1 here")
        if b"new]" in ada.shown:
            raise Failed(f"something is new all the same: {ada.shown!r}")
        ada.quits()

    def who_listens(self):
        """Holding Chat gives panes to nobody, and who listens by `chat join` is a member as others are (R56)."""
        done = self.run("ui", "chat", "-s", "eve", "--once", code=3)
        if "denied.ui" not in done.stderr:
            raise Failed(f"{done}")
        expect(self.run("call", "chat", "enter", "channel=#lobby", "-s", "eve", code=1).stdout, "", "entering")
        ada = Chatter(self, "ada", "#lobby")
        with heard.Program([self.capos, "chat", "join", "#lobby", "-s", "eve"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True, env=self.env) as p:
            label = heard.until(p.stdout, "you are")[0].split()[3]
            ada.until(f"{label} has joined")
            ada.does("send text='who is there?'", "send: done")
            heard.until(p.stdout, "who is there?")
            p.stdin.write("me\n")
            p.stdin.flush()
            ada.until(f"{label}: me")
            p.stdin.close()
            ada.until(f"{label} has left")
        ada.quits()

    def once(self):
        """For a pipe: what there is now, as text and as JSON, if it is asked for; nothing is entered by looking."""
        ada = Chatter(self, "ada", "#lobby")
        for args in ((), ("--json",)):
            said = self.run("ui", "chat", "-s", "bob", "--once", *args).stdout
            if "#lobby" in said or "Channels" in said:
                raise Failed(f"personal panes are in a pipe: {said}")
        said = self.run("ui", "chat", "-s", "bob", "--once", "--personal").stdout
        for line in ("[1] chat: Channels (list)", "    #lobby - 1 here", "[2] chat: No channel (transcript)",
                     "[3] chat: Members (list)"):
            if line not in said.splitlines():
                raise Failed(f"no {line!r} in {said}")
        said = self.run("ui", "chat", "-s", "bob", "--once", "--json", "--personal").stdout
        rows = [json.loads(row) for row in said.splitlines()]
        expect([(r["title"], r["kind"], r["class"]) for r in rows],
               [("Channels", "list", "personal"), ("No channel", "transcript", "personal"),
                ("Members", "list", "personal")], "the panes")
        expect([(c["id"], c["cost"], c["enabled"]) for r in rows for c in r["commands"]],
               [("enter", "shared", True), ("send", "shared", False), ("leave", "shared", False)], "their commands")
        expect(self.here("#lobby"), 1, "people in the channel")
        ada.quits()

    # ---- ends

    def admin_revokes(self, *what):
        admin = self.target.admin()
        admin.revoke([x["id"] for x in admin.sessions() if x["account"] == "ada"][-1], *what)
        admin.close()

    def ends(self, end, code):
        """ada's panes end; bob sees her leave, and can go on."""
        def row():
            bob, ada = Chatter(self, "bob", "#lobby"), Chatter(self, "ada", "#lobby")
            bob.until("* #lobby - 2 here")
            bob.shown = b""
            end(ada)
            bob.until("has left")
            bob.until("* #lobby - 1 here")
            expect(ada.end(), code, "the exit code")
            bob.does("send text='anybody?'", ": anybody?")
            bob.quits()
            until(lambda: not self.here("#lobby"), "the end of all places")
            self.try_run("logout", "-s", "ada")
            self.login("ada", "ada")
        return row

    def service_killed(self):
        """All panes end, and are there again when the service is."""
        ada, bob = Chatter(self, "ada", "#lobby"), Chatter(self, "bob", "#lobby")
        old = self.target.pids("capos-chat")
        os.kill(old[0], signal.SIGKILL)
        for person in (ada, bob):
            person.until("chat has ended:")
            person.end()
        until(lambda: self.target.pids("capos-chat") not in ([], old), "another service")
        until(lambda: not self.try_run("ui", "chat", "-s", "ada", "--once").returncode, "panes of the new one")
        ada = Chatter(self, "ada", "#lobby")
        ada.does("send text='anew'", ": anew")
        ada.quits()


def main():
    cases = Cases()
    with cases.target:
        cases.prepare()
        rows = [("two talk", cases.two_talk),
                ("what is new", cases.what_is_new),
                ("who listens", cases.who_listens),
                ("once", cases.once),
                ("ends: left", cases.ends(lambda ada: ada.type("/quit\n"), 0)),
                ("ends: logged out", cases.ends(lambda _: cases.run("logout", "-s", "ada"), 4)),
                ("ends: session revoked", cases.ends(lambda _: cases.admin_revokes(), 4)),
                ("ends: capability revoked", cases.ends(lambda _: cases.admin_revokes("chat"), 3)),
                ("ends: terminal killed", cases.ends(lambda ada: os.kill(ada.pid, signal.SIGKILL), -signal.SIGKILL)),
                ("ends: service killed", cases.service_killed)]
        return cases.rows(SCRIPT, rows)


if __name__ == "__main__":
    sys.exit(main())
