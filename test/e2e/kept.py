#!/usr/bin/env python3
"""kept: what `capos ui` keeps of how a person has arranged panes (R55), in the `settings` of a real instance.

A service asks that something be kept, the host asks the person, and what a person has said yes to is there in the next
session; without a yes nothing is. Two hosts of one account save at once, and both choices are kept. No service can come
by `settings`.

usage: kept.py PANEL GUIDE
"""
import json
import os
import subprocess
import sys
import termios
import time

import heard
import instance
from instance import until
import sessionlib as s
from sessionlib import Failed, Refused

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from talk import Terminal  # noqa: E402

SCRIPT = "e2e-kept"
PANEL = s.type_id("panel", "Panel", root="test/ui")
GUIDE = s.type_id("guide", "Guide", root="example/ui")
SETTINGS = s.type_id("remote_ui", "UiSettings")
WAIT_S = 120


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Person(Terminal):
    """Somebody at `capos ui`."""

    def __init__(self, cases, service, login, first=""):
        class Rig:
            capos, env = cases.capos, cases.env
        super().__init__(Rig, "ui", service, "-s", login)
        self.until(first or f"[1] {service}: ")
        self.until("ui> ")

    def does(self, line, *shown):
        self.shown = b""
        self.type(line + "\n")
        for text in shown:
            self.until(text)

    def answers(self, word):
        """To what capos asks, which is deaf for half a second, and to what was typed before it asked."""
        self.until("yes or no? (no)")
        while True:
            self.shown = b""
            self.type(word + "\n/nothing\n")
            self.until("there is no such thing")
            if b"too early" not in self.shown:
                return

    def quits(self):
        self.type("/quit\n")
        expect(self.end(), 0, "its exit code")


class Cases:
    def __init__(self, panel, guide):
        grants = ["session", "system_info", "chat", "panel", "guide", "settings"]
        may = instance.profile("may", grants)
        for name in ("panel", "guide"):
            may = may.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
        settings = instance.service("settings", "capos-settings", SETTINGS, disclosure="pseudonym").replace(
            "remote = (transfer = services)", "state = true, remote = ()")
        self.target = instance.Instance(instance.manifest(
            services=[instance.service("panel", os.path.abspath(panel), PANEL),
                      instance.service("guide", os.path.abspath(guide), GUIDE), settings],
            profiles=[may]))

    def prepare(self):
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        home = os.path.join(self.target.folder.name, "home")
        os.mkdir(home, 0o700)
        self.env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, "LC_ALL": "C.UTF-8"}
        self.target.add_user("ada", ["may"])
        self.target.add_user("bob", ["may"])
        for name, login in (("ada", "one"), ("ada", "two"), ("bob", "bob")):
            self.login(name, login)

    def login(self, name, login):
        self.run("login", f"{name}@{self.target.where}", "--as", login, "--password-stdin",
                 said=instance.SECRET + "\n")

    def run(self, *words, code=0, said=""):
        done = subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=WAIT_S, env=self.env,
                              input=said, check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def kept(self, login="one"):
        """{service: (scale of its look, [(pane, pinned, closed)])} of what is kept."""
        saved = json.loads(self.run("call", "settings", "load", "-s", login, "--json").stdout).get("saved") or {}
        return {x["name"]: ((x.get("theme") or {}).get("scalePercent", 0),
                            [(bytes(p["surfaceId"]).decode(), p["pinned"], p["closed"])
                             for p in x.get("surfaces") or []]) for x in saved.get("services") or []}

    def forget(self):
        self.run("call", "settings", "reset", "-s", "one")
        expect(self.kept(), {}, "what is kept after a reset")

    # ---- what a service asks for

    def asked_and_agreed(self):
        ada = Person(self, "guide", "one")
        ada.does("easy", "type at 150 %, spacious, more contrast, fewer controls")
        ada.does("keep", "[?] capos asks:", "Keep how its panes look?")
        expect(self.kept(), {}, "what is kept before she has answered")
        ada.answers("yes")
        until(lambda: self.kept() == {"guide": (150, [])}, lambda: f"the look among {self.kept()}")
        expect(self.kept("bob"), {}, "what is kept of somebody else")
        ada.quits()
        self.run("logout", "-s", "one")
        self.login("ada", "one")
        expect(self.kept(), {"guide": (150, [])}, "what a later session finds")
        self.forget()

    def asked_and_refused(self):
        ada = Person(self, "guide", "one")
        ada.does("easy", "type at 150 %, spacious, more contrast, fewer controls")
        ada.does("keep", "[?] capos asks:")
        ada.answers("no")
        ada.does("next", "shows its methods")
        ada.quits()
        expect(self.kept(), {}, "what is kept without a yes")

    def not_asked(self):
        """Wishes alone are followed, and not kept; nor does a script say yes."""
        ada = Person(self, "guide", "one")
        ada.does("easy", "type at 150 %, spacious, more contrast, fewer controls")
        ada.does("next", "shows its methods")
        ada.quits()
        with heard.Program([self.capos, "ui", "guide", "-s", "one", "--follow"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.env) as p:
            said = heard.until(p.stdout, "Keep it so")[1]
            p.stdin.write("keep\n")
            p.stdin.flush()
            said += heard.until(p.stdout, "yes or no?")[1]
            said += p.communicate("yes\n/quit\n", timeout=WAIT_S)[0]
        if "somebody has to type it" not in said:
            raise Failed(f"it says {said!r}")
        expect(self.kept(), {}, "what is kept")

    def nothing_beside_a_question(self):
        """What a service shows while she is asked does not come between the question and her; it comes after it."""
        ada = Person(self, "panel", "one")
        ada.shown = b""
        with heard.Program([self.capos, "call", "panel", "attempt", "act=persist", "count=1", "-s", "one"],
                           stdout=subprocess.DEVNULL, env=self.env) as p:
            try:
                ada.until("yes or no? (no)")
                begin = len(ada.shown)
                self.run("call", "panel", "attempt", "act=patch", "count=1", "-s", "one")
                ada.type("/nothing\n")
                ada.until("there is no such thing", after=begin)
                if b"[1] panel" in ada.shown[begin:]:
                    raise Failed(f"the pane is shown beside the question: {ada.shown!r}")
                ada.answers("no")
                ada.until("[1] panel: Workshop (counters)")
                expect(p.wait(WAIT_S), 0, "the end of what asked")
            finally:
                p.kill()
        ada.quits()

    def typed_before_it_stood_there(self):
        """A yes that was on its way when she was asked is none, however long the screen took: here it is stopped."""
        def waits_in():
            with open(f"/proc/{ada.pid}/syscall", encoding="ascii") as f:
                return f.read().split()[0]
        ada = Person(self, "panel", "one")
        screen = os.open(f"/proc/{ada.pid}/fd/1", os.O_RDWR | os.O_NOCTTY)
        until(lambda: waits_in() != "running", "she is waited for")
        idle = waits_in()
        try:
            termios.tcflow(screen, termios.TCOOFF)
            with heard.Program([self.capos, "call", "panel", "attempt", "act=persist", "count=1", "-s", "one"],
                               stdout=subprocess.DEVNULL, env=self.env) as p:
                until(lambda: waits_in() not in ("running", idle), "the question is being written")
                ada.type("yes\n")
                time.sleep(1)  # what comes at once is too early
                termios.tcflow(screen, termios.TCOON)
                ada.until("that was begun too early, before the question: yes or no?")
                ada.answers("no")
                expect(p.wait(WAIT_S), 0, "the end of what asked")
        finally:
            termios.tcflow(screen, termios.TCOON)
            os.close(screen)
        ada.quits()
        expect(self.kept(), {}, "what is kept without a yes")

    # ---- what a person does

    def places_come_back(self):
        ada = Person(self, "panel", "one")
        ada.does("/pin 1", "(counters, pinned)")
        ada.quits()
        expect(self.kept(), {"panel": (0, [("main", True, False)])}, "what is kept")
        self.run("logout", "-s", "one")
        self.login("ada", "one")
        said = self.run("ui", "panel", "-s", "one", "--once").stdout
        if "[1] panel: Workshop (counters, pinned)" not in said:
            raise Failed(f"the pane is {said!r}")
        ada = Person(self, "panel", "one")
        ada.does("/close 1", "closed, by you")
        ada.quits()
        said = self.run("ui", "panel", "-s", "two", "--once", code=1).stderr
        if "has composed no panes: you have closed" not in said:
            raise Failed("a pane that was closed has come back")
        ada = Person(self, "panel", "one", first="panel: 1 pane stays closed, by you: /open panel shows it again")
        ada.does("/open panel", "[1] panel: Workshop (counters")
        ada.quits()
        expect(self.kept(), {"panel": (0, [("main", True, False)])}, "what is kept after it was opened again")
        self.forget()
        if "[1] panel: Workshop (counters)" not in self.run("ui", "panel", "-s", "two", "--once").stdout:
            raise Failed("it is not there after a reset")

    def two_hosts(self):
        """Each saves on what the other has saved."""
        one, two = Person(self, "panel", "one"), Person(self, "guide", "two")
        one.does("/pin 1", "(counters, pinned)")
        until(lambda: set(self.kept()) == {"panel"}, "the first choice")
        two.does("/pin 1", "(progress, pinned)")
        until(lambda: set(self.kept()) == {"panel", "guide"}, lambda: f"both of {self.kept()}")
        one.does("/unpin 1", "Workshop (counters)")
        until(lambda: set(self.kept()) == {"guide"}, lambda: f"the second alone of {self.kept()}")
        one.does("/pin 1", "(counters, pinned)")
        two.does("/unpin 1", "First steps (progress)")
        until(lambda: set(self.kept()) == {"panel"}, lambda: f"the first alone of {self.kept()}")
        for person in (one, two):
            person.does("/help", "take everything back")
            if b"kept" in person.shown:
                raise Failed(f"it complains: {person.shown!r}")
            person.quits()
        expect(self.kept(), {"panel": (0, [("main", True, False)])}, "what is kept in the end")
        self.forget()

    # ---- what may fail

    def no_service_has_them(self):
        peer, session, caps = self.target.login("ada")
        settings, chat = s.get(caps, "settings", SETTINGS), s.get(caps, "chat", s.CHAT)
        panel = s.get(caps, "panel", PANEL)
        lent = [s.w.descriptor(s.w.RECEIVER_HOSTED, settings.number)]
        for what, call in (("to chat", lambda: chat.call(0, s.Struct(b"", ["#x", s.w.Cap(0)]), lent)),
                           ("as a host", lambda: session.call(s.ordinal("remote_session", "offerUi"),
                                                              s.Struct(b"", [s.w.Cap(0), "panel"]), lent))):
            try:
                call()
            except Refused as e:
                expect(e.code, "denied.transfer", f"what is lent {what}")
            else:
                raise Failed(f"settings were lent {what}")
        expect(panel.iface, PANEL, "it is there")
        settings.call(0)
        peer.close()

    def service_killed(self):
        """What was kept is there when the service is again; and a host that lost it goes on, and says so."""
        ada = Person(self, "panel", "one")
        ada.does("/pin 1", "(counters, pinned)")
        until(lambda: set(self.kept()) == {"panel"}, "the choice")
        old = self.target.pids("capos-settings")
        os.kill(old[0], 9)
        until(lambda: self.target.pids("capos-settings") not in ([], old), "another service")
        ada.does("/unpin 1", "nothing more is kept")
        ada.does("1", "Paperclips")
        ada.quits()
        until(lambda: self.run_quietly("call", "settings", "load", "-s", "one"), "the new service")
        expect(self.kept(), {"panel": (0, [("main", True, False)])}, "what is kept")

    def run_quietly(self, *words):
        return subprocess.run([self.capos, *words], capture_output=True, env=self.env, timeout=WAIT_S,
                              check=False).returncode == 0


def main():
    cases = Cases(*sys.argv[1:])
    with cases.target:
        cases.prepare()
        try:
            return instance.run_cases(SCRIPT, [
                ("a service asks, and a person agrees", cases.asked_and_agreed),
                ("… and a person does not", cases.asked_and_refused),
                ("nobody is asked", cases.not_asked),
                ("nothing beside a question", cases.nothing_beside_a_question),
                ("typed before it stood there", cases.typed_before_it_stood_there),
                ("places come back", cases.places_come_back),
                ("two hosts at once", cases.two_hosts),
                ("no service has them", cases.no_service_has_them),
                ("the service is killed", cases.service_killed)])
        finally:
            cases.run("logout", "--all")


if __name__ == "__main__":
    sys.exit(main())
