"""desktop: the cases of desk.py, and what they begin with: an instance with games, chat and services that do what they
are told, and a window for each case.
"""
import json
import os
import re
import signal
import subprocess
import tempfile

import instance
import sessionlib
from browser import Browser
from rig import PASSWORD, Rig, equal, holds
from screen import SIZE, Screen, Window, until

SERVICES = {"guide": ("guide", "Guide", "example/ui"), "stage": ("stage", "Stage", "test/ui"),
            "hostile": ("hostile", "Hostile", "test/ui")}
HANDED = "It goes on in the window"
PHRASE = "open this key"


def manifest(programs, port):
    """An operator may have panes of all of them, of chat and of the workshop; passkeys are those of a page at a port."""
    services = [instance.service(name, os.path.abspath(programs[name]), sessionlib.type_id(file, iface, root=root))
                for name, (file, iface, root) in SERVICES.items()]
    clips = instance.service("paperclips", "capos-paperclips", sessionlib.type_id("paperclips", "Paperclips"),
                             disclosure="pseudonym")
    services.append(clips.replace("interfaceId", "state = true, interfaceId", 1))
    shown = ["chat", "paperclips", *SERVICES]
    grants = instance.profile("operator", ["session", "system_info", *shown], lease_ms=7200000)
    for name in shown:
        grants = grants.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    text = re.sub(r'\(name = "operator", lease.*?\)\)', lambda _: grants, instance.manifest(services=services), count=1)
    return text.replace("authentication = (", "authentication = (publicKey = true, passkeys = (relyingParty = "
                        f'"localhost", origins = ["http://localhost:{port}"]), ', 1)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def of(pid, name):
    """What /proc says of a process in a line that begins so."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return re.search(rf"^{name}:\s*(.*)$", f.read(), re.M).group(1)


class Desktop:
    CASES = ["by_a_key_and_the_keyboard", "games_and_chat", "a_harmful_composer", "by_a_password", "by_a_locked_key",
             "an_instance_that_is_not_known", "what_is_asked", "no_network", "its_processes_die", "by_a_passkey",
             "large_and_dark"]

    def __init__(self, binaries, guide, stage, hostile, screens):
        self.binaries, self.screens = os.path.abspath(binaries), os.path.abspath(screens)
        self.screen, self.port, self.said = Screen(), free_port(), []
        with tempfile.NamedTemporaryFile("w", suffix=".manifest") as f:
            f.write(manifest({"guide": guide, "stage": stage, "hostile": hostile}, self.port))
            f.flush()
            self.rig = Rig(self.binaries, None, manifest=f.name, more=["--listen", "tls:127.0.0.1:0"])
        line = self.rig.read_line(self.rig.server.stdout)
        found = re.search(r"tls (\S+) (\d+)", line)
        holds(found, f"the second endpoint is {line!r}")
        self.tls = f"tls:{found.group(1)}:{found.group(2)}"
        self.key("plain", "")
        self.key("locked", PHRASE)
        self.rig.login("teller")
        self.window = self.process = None

    def key(self, name, phrase):
        path = self.rig.path(name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-C", name, "-f", path], check=True)
        self.rig.ok("account", "key", "add", "alice", path + ".pub", "--state", self.rig.state)

    def close(self):
        self.over()
        self.rig.end()
        self.screen.close()

    def over(self):
        """Closes the window of a case; its session logs out."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            equal(self.process.wait(120), 0, "how the window ends")
        self.process = self.window = None

    def told(self):
        tree = self.window and self.process.poll() is None and self.window.top()
        self.shoot("failed")
        said = (tree.drawn() if tree else "no window\n") + self.rig.read("log")[-2000:]
        if self.process:
            self.process.kill()
            self.process.wait()
        return said

    def shoot(self, name):
        self.screen.shot(os.path.join(self.screens, f"desktop-{name}.png"))

    # ---- what cases begin with ----

    def open(self, *options, env=None):
        opener = self.rig.path("opener")
        with open(opener, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\ncp "$1" {self.rig.path("opened.new")} && mv {self.rig.path("opened.new")} '
                    f'{self.rig.path("opened")}\n')
        os.chmod(opener, 0o755)
        self.process = self.screen.start(
            [self.rig.capos, "desktop", "--listen", f"localhost:{self.port}", "--instance",
             f"home={self.rig.address}", "--instance", f"far={self.tls}", *options], stdout=subprocess.DEVNULL,
            env={"HOME": self.rig.path("home"), "BROWSER": opener, **(env or {})})
        self.window = Window(self.screen, self.process, "capOS")
        self.window.there(self.window.page, "heading", "Instances")
        return self.window

    def press(self, w, name, role="push button"):
        w.tab_to(role, name)
        self.screen.key("Return")

    def at_login(self, *options, instance_name="home", **more):
        w = self.open(*options, **more)
        if instance_name != "home":
            w.tab_to("push button", "Connect")
            self.screen.key("Tab")
        self.press(w, "Connect")
        return w

    def to_method(self, w, name):
        w.there(w.page, "heading", "Log in")
        self.press(w, name)

    def log_in(self, w, account="alice"):
        w.tab_to("entry", "Account")
        self.screen.key("ctrl+a")
        self.screen.type(account)
        self.press(w, "Log in")

    def session(self, *options):
        """A window that has logged in by a key, and shows the workspace."""
        w = self.at_login("--identity", self.rig.path("plain"), *options)
        self.to_method(w, "Public key")
        self.log_in(w)
        w.says(w.frame, "alice")
        w.there(w.page, "heading", "Overview")
        return w

    # ---- cases ----

    def by_a_key_and_the_keyboard(self):
        """From the list of instances to a session, by keys alone; the frame says who and where, the page nothing of it;
        and out again."""
        w = self.open("--identity", self.rig.path("plain"))
        equal(w.says(w.frame, "capOS").role, "label", "the name in the frame")
        self.shoot("instances")
        self.press(w, "Connect")
        self.to_method(w, "Public key")
        w.says(w.frame, "logging in to")
        w.tab_to("entry", "Account")
        self.shoot("login")
        self.log_in(w)
        for words in ("alice", "operator on", "home", "Lease: 1 h"):
            w.says(w.frame, words)
        w.there(w.page, "heading", "Overview")
        self.shoot("overview")
        holds(not w.page().find("landmark", "Frame"), "the page has no frame of its own")
        self.screen.key("F6")  # from the page to the frame, and back
        w.there(lambda: w.focus(), "push button", "Find")
        w.tab_to("push button", "Log out")
        self.screen.key("Return")
        w.there(w.frame, "dialog", "Log out?")
        w.there(lambda: w.focus(), "push button", "Stay")
        self.shoot("log-out")
        self.screen.key("Tab", "Return")
        w.says(w.frame, "ended")
        w.lacks(w.frame, "Log out?")
