"""desktop: the cases of desk.py, and what they begin with: an instance with games, chat and services that do what they
are told, and a window for each case.
"""
import ctypes
import json
import os
import random
import re
import signal
import socket
import subprocess
import tempfile
import threading

import instance
import oplib
import sessionlib
from browser import Browser
from models import harmful
from rig import PASSWORD, Rig, equal, holds
from screen import FRAME, SIZE, WAIT_S, Screen, Window, until

SERVICES = {"guide": ("guide", "Guide", "example/ui"), "stage": ("stage", "Stage", "test/ui"),
            "hostile": ("hostile", "Hostile", "test/ui")}
HANDED = "It goes on in the window"
PHRASE = "open this key"
ALLOW, REFUSE = 0x7fff0000, 0x00050001  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)


def manifest(programs, port, provider, secret):
    """An operator may have panes of all of them, of chat and of the workshop; passkeys are of a page at a port; who has
    entered a code at the provider's is a visitor."""
    services = [instance.service(name, os.path.abspath(programs[name]), sessionlib.type_id(file, iface, root=root))
                for name, (file, iface, root) in SERVICES.items()]
    clips = instance.service("paperclips", "capos-paperclips", sessionlib.type_id("paperclips", "Paperclips"),
                             disclosure="pseudonym")
    services.append(clips.replace("interfaceId", "state = true, interfaceId", 1))
    shown = ["chat", "paperclips", *SERVICES]
    grants = instance.profile("operator", ["session", "system_info", *shown], lease_ms=7200000)
    for name in shown:
        grants = grants.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    visitor = instance.profile("visitor", ["session", "system_info"]).replace("lease", "unbound = true, lease", 1)
    text = re.sub(r'\(name = "operator", lease.*?\)\)', lambda _: grants,
                  instance.manifest(services=services, profiles=[visitor]), count=1)
    oidc = (f'oidc = [(name = "op", issuer = "{provider.url}", clientId = "{oplib.CLIENT}", loopback = true, '
            f'clientSecretFile = "{secret}", rules = [(claims = [(name = "groups", value = "people")], '
            'create = true, profile = "visitor")])]')
    return text.replace("authentication = (", "authentication = (publicKey = true, passkeys = (relyingParty = "
                        f'"localhost", origins = ["http://localhost:{port}"]), {oidc}, ', 1)


def free_port():
    """One that nobody is given who does not ask for it: they are given those from 32768 on."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)):
                return port


def of(pid, name):
    """What /proc says of a process in a line that begins so."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return re.search(rf"^{name}:\s*(.*)$", f.read(), re.M).group(1)


def descriptors(pid):
    """What a process has open; what is closed just now is not."""
    found = set()
    folder = f"/proc/{pid}/fd"
    for fd in os.listdir(folder) if os.path.exists(folder) else ():
        try:
            found.add(os.readlink(f"{folder}/{fd}"))
        except OSError:
            pass
    return found


class Desktop:
    CASES = ["by_a_key_and_the_keyboard", "games_and_chat", "a_harmful_composer", "by_a_password", "by_the_agent",
             "by_a_locked_key", "a_link", "an_instance_that_is_not_known", "what_is_asked", "a_transcript",
             "no_network", "no_sandbox", "no_bus", "its_processes_die", "by_a_passkey", "large_and_dark"]
    WAYLAND = ["by_a_key_and_the_keyboard", "games_and_chat", "a_harmful_composer", "by_a_password", "what_is_asked",
               "as_large_as_the_screen", "no_network"]

    def __init__(self, binaries, guide, stage, hostile, screens, wayland=False):
        self.binaries, self.screens = os.path.abspath(binaries), os.path.abspath(screens)
        self.screen, self.port = Screen(wayland), free_port()
        self.provider = oplib.Provider()
        self.provider.claims = {"groups": ["people"]}
        with tempfile.NamedTemporaryFile("w", suffix=".manifest") as f, tempfile.NamedTemporaryFile("w") as secret:
            secret.write(oplib.SECRET)
            secret.flush()
            services = {"guide": guide, "stage": stage, "hostile": hostile}
            f.write(manifest(services, self.port, self.provider, secret.name))
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
        self.provider.stop()
        self.screen.close()

    def over(self):
        """Closes the window of a case; its session ends."""
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
        on = "wayland" if self.screen.wayland else "desktop"
        self.screen.shot(os.path.join(self.screens, f"{on}-{name}.png"))

    # ---- what cases begin with ----

    def open(self, *options, instance_is=None, env=None):
        opener = self.rig.path("opener")
        with open(opener, "w", encoding="utf-8") as f:
            f.write(f"""#!/bin/sh
cd {self.rig.dir}
case $1 in
http*) echo "$1" >opened.new ;;
*) cp "$1" opened.new ;;
esac
mv opened.new opened
""")
        os.chmod(opener, 0o755)
        self.start(*options, instance_is=instance_is, env={"BROWSER": opener, **(env or {})})
        self.window = Window(self.screen, self.process, "capOS")
        self.window.there(self.window.page, "heading", "Instances")
        return self.window

    def start(self, *options, instance_is=None, env=None, **more):
        env = {"HOME": self.rig.path("home"), **(env or {})}
        self.screen.calm(env["HOME"])
        self.process = self.screen.start(
            [self.rig.capos, "desktop", "--listen", f"localhost:{self.port}", "--instance",
             instance_is or f"home={self.rig.address}", *options], stdout=subprocess.DEVNULL, env=env, **more)

    def opened(self):
        """What was given to the browser since this was asked."""
        path = self.rig.path("opened")
        until(lambda: os.path.exists(path), "what is opened")
        text = self.rig.read("opened")
        os.remove(path)
        return text

    def press(self, w, name, role="push button"):
        w.tab_to(role, name)
        self.screen.key("Return")

    def answer(self, w, title, name):
        """What is asked in the frame, by the keyboard; nothing else can be used meanwhile."""
        w.there(w.frame, "dialog", title)
        w.focused("push button")  # it hears
        self.press(w, name)
        w.lacks(w.frame, title)

    def at_login(self, *options, **more):
        w = self.open(*options, **more)
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
        holds(not w.has(w.page, "landmark", "Frame"), "the page has no frame of its own")
        self.screen.key("F6")  # from the page to the frame, and back
        w.focused("push button", "Find")
        w.tab_to("push button", "Log out")
        self.screen.key("Return")
        w.there(w.frame, "dialog", "Log out?")
        w.focused("push button", "Stay")
        self.shoot("log-out")
        self.answer(w, "Log out?", "Log out")
        w.says(w.frame, "ended")

    def workspace(self, w, *services):
        for name, pane in services:
            self.press(w, name, "toggle button")
            w.there(w.page, "heading", f"{name} {pane}")

    def wire(self):
        stocks = self.call("paperclips", "status")["status"]["stocks"]
        return next(s["amount"] for s in stocks if s["key"] == "wire")

    def games_and_chat(self):
        """Panes of two services, used by the keyboard: something is made, and something said."""
        w = self.session()
        self.workspace(w, ("paperclips", "Bench"), ("chat", "Channels"))
        self.press(w, "Bend clips by hand")
        w.focused("entry", "How many")
        self.screen.key("ctrl+a")
        self.screen.type("5")
        self.screen.key("Return")
        until(lambda: self.wire() < 60, "wire is bent")
        self.press(w, "Enter a channel")
        w.focused("entry|combo box")
        self.screen.type("#lobby")
        self.screen.key("Return")
        w.there(w.page, "heading", "chat #lobby")
        w.tab_to("entry", "Say something")
        self.screen.type("hello, everybody")
        self.screen.key("Return")
        w.says(w.page, "hello, everybody")
        self.shoot("workspace")
        self.press(w, "Give up this game and begin another")
        w.there(w.frame, "dialog", "Run this?")
        w.says(w.frame, "paperclips · ")
        w.says(w.frame, "It cannot be undone")
        holds(not w.has(w.page, "dialog", "Run this?"), "the page asks nothing")
        self.shoot("prompt")
        self.answer(w, "Run this?", "Run it")
        until(lambda: self.wire() == 60, "another game")

    # ---- a composer that means harm ----

    def call(self, cap, does, **params):
        r = self.rig.run("call", cap, does, "-", "-s", "teller", "--json", stdin=json.dumps(params))
        return r.json if r.code == 0 else {"answer": r.out + r.err}

    def say(self, to, method, params):
        """Until there is room for it in its pace."""
        until(lambda: self.call("hostile", "say", to=to, method=method, params=params, count=1)["answer"] == "",
              f"{method} {params}")

    def frame_of(self):
        """The pixels of the frame but the lease, which runs: who and where one is; what can be done; the stripe."""
        lease = self.window.there(self.window.frame, "label", "Lease").element
        box = lease.get_extents(0)  # of the screen
        rows = self.screen.still(0, 0, SIZE[0], 51)
        return [r[:3 * box.x] + r[3 * (box.x + box.width):] for r in rows]

    def a_harmful_composer(self):
        """Whatever it shows, the frame's pixels and its part of the tree are as without it, each pane stands behind its
        service's name, what it wants is asked above the stripe, and nothing has run."""
        w = self.session()
        self.workspace(w, ("guide", "First steps"))
        self.screen.key("F6")
        w.focused("push button", "Find")
        alone, tree = self.frame_of(), w.whole(w.frame).shape(["Lease"])
        self.screen.key("F6")
        w.tab_to("toggle button", "hostile")
        self.screen.key("Return")
        until(lambda: self.call("hostile", "say", to="host", method="describe", params="()", count=1)["answer"] == "",
              "its host")
        harmful(self.say, "home")
        w.there(w.page, "heading", "hostile Is this the instance you mean?")
        self.same(w, alone, tree, "beside its panes")
        self.say("host", "theme", "(scope = own, hints = (scheme = dark, density = spacious, scalePercent = 200, "
                 "contrast = more, accent = rose, simple = true))")
        self.same(w, alone, tree, "beside its look")
        for n in w.whole(w.page).walk():
            if n.role == "landmark" and any(c.role == "header" for c in n.children):
                holds(n.name.startswith(("hostile ", "guide ")), f"a pane is called {n.name!r}")
        self.shoot("hostile")
        told = []
        asks = threading.Thread(target=lambda: told.append(self.asks_for_all()))
        asks.start()
        w.there(w.frame, "dialog", "Change the look of everything?")
        self.shoot("hostile-prompt")
        w.focused("push button", "No")
        self.screen.key("Escape")
        w.lacks(w.frame, "Change the look of everything?")
        asks.join(WAIT_S)
        holds(told and "refused.person" in told[0], f"what it is told: {told}")
        self.same(w, alone, tree, "after what it has asked")
        equal(self.call("hostile", "counted").get("ran"), 0, "what has run")

    def asks_for_all(self):
        """It wishes a look for all; what it is told when there was room for that in its pace."""
        def said():
            answer = self.call("hostile", "say", to="host", method="theme", count=1,
                               params="(scope = workspace, hints = (scheme = dark, accent = rose))")["answer"]
            return "over-quota" not in answer and answer
        return until(said, "a wish for all")

    def same(self, w, alone, tree, when):
        w.tab_to("toggle button", "hostile")
        self.screen.key("F6")
        w.focused("push button", "Find")
        equal(w.whole(w.frame).shape(["Lease"]), tree, f"the frame's tree {when}")
        holds(self.frame_of() == alone, f"the frame's pixels {when}")
        self.screen.key("F6")

    # ---- ways in ----

    def by_a_password(self):
        """It is typed above the stripe, and nowhere else: the page has no place for it."""
        w = self.at_login()
        self.to_method(w, "Password")
        w.tab_to("entry", "Account")
        holds(not w.has(w.page, "password text"), "the page has no field for it")
        self.screen.type("alice")
        self.press(w, "Log in")
        w.there(w.frame, "password text", "Password")
        w.focused("password text")
        self.shoot("password")
        self.screen.type("not this one")
        self.screen.key("Return")
        w.says(w.page, "denied.credentials")
        self.press(w, "Log in")
        w.focused("password text")
        self.screen.key("Escape")
        w.says(w.page, "given up")
        self.press(w, "Log in")
        w.focused("password text")
        self.screen.type(PASSWORD)
        self.screen.key("Return")
        w.says(w.frame, "alice")
        w.there(w.page, "heading", "Overview")
        page = w.whole(w.page)
        said = page.drawn() + "".join(n.text for n in page.walk())
        holds(PASSWORD not in said, "the page has it")

    def by_the_agent(self):
        """By a key that it has, and this machine has not: the window's session asks it."""
        address = self.rig.path("agent")
        agent = self.screen.start(["ssh-agent", "-D", "-a", address])
        until(lambda: not subprocess.run(["ssh-add", "-q", self.rig.path("plain")], check=False, capture_output=True,
                                         env={**os.environ, "SSH_AUTH_SOCK": address}).returncode, "an agent")
        w = self.at_login(env={"SSH_AUTH_SOCK": address})
        self.to_method(w, "Public key")
        self.log_in(w)
        w.says(w.frame, "alice")
        w.there(w.page, "heading", "Overview")
        agent.kill()
        agent.wait()

    def a_link(self):
        """A code for a device stands at a link: it is asked about above the stripe whether that is opened, and nothing
        is before. When it was entered there, the window goes on."""
        self.provider.approved = False
        w = self.at_login()
        self.to_method(w, "OpenID Connect, device")
        self.press(w, "Log in")
        w.says(w.page, "WDJB-MJHT")
        self.press(w, "Open the page for the code", "link")
        w.there(w.frame, "dialog", "Open this in your browser?")
        w.says(w.frame, f"{self.provider.url}/activate")
        w.focused("push button", "No")
        self.shoot("link")
        self.screen.key("Escape")
        w.lacks(w.frame, "Open this in your browser?")
        self.press(w, "Open the page for the code", "link")
        self.answer(w, "Open this in your browser?", "Open it")
        equal(self.opened(), f"{self.provider.url}/activate\n", "what is opened, and how often")
        self.provider.approved = True
        w.says(w.frame, "visitor")
        w.there(w.page, "heading", "Overview")

    def by_a_locked_key(self):
        """Its passphrase likewise; a wrong one opens nothing."""
        w = self.at_login("--identity", self.rig.path("locked"))
        self.to_method(w, "Public key")
        self.log_in(w)
        w.there(w.frame, "password text", "Passphrase of ")
        w.focused("password text")
        self.screen.type("not this one")
        self.screen.key("Return")
        w.says(w.page, "passphrase")
        self.press(w, "Log in")
        w.focused("password text")
        self.screen.type(PHRASE)
        self.screen.key("Return")
        w.says(w.frame, "alice")
        w.there(w.page, "heading", "Overview")

    def an_instance_that_is_not_known(self):
        """Its key is asked about above the stripe, which has its colours from then on."""
        home = self.rig.path("stranger")
        os.makedirs(home, exist_ok=True)
        w = self.at_login(instance_is=f"far={self.tls}", env={"HOME": home})
        w.there(w.frame, "dialog", "Is this the instance you mean?")
        w.says(w.frame, "sha256:")
        holds(not w.has(w.page, "heading", "Log in"), "before it is said to be the one")
        self.shoot("key")
        w.focused("push button", "No")
        self.screen.key("Escape")
        w.lacks(w.frame, "Is this the instance you mean?")
        self.press(w, "Connect")
        self.answer(w, "Is this the instance you mean?", "It is the one")
        w.there(w.page, "heading", "Log in")
        w.says(w.frame, "sha256:")
        self.shoot("known")

    def what_is_asked(self):
        """A layout is reset, and a session ended, when that was agreed to in the frame, and not before."""
        w = self.session()
        self.workspace(w, ("guide", "First steps"))
        self.press(w, "Reset layout")
        w.there(w.frame, "dialog", "Reset the layout?")
        w.focused("push button", "Keep it")
        self.screen.key("Escape")
        w.lacks(w.frame, "Reset the layout?")
        self.press(w, "Reset layout")
        self.answer(w, "Reset the layout?", "Reset")
        w.there(w.page, "heading", "guide First steps")
        self.screen.key("ctrl+k")  # the page's own way to log out asks there, too
        w.there(w.page, "dialog", "Find")
        self.screen.type("Log out")
        w.focused("list item", "act Log out")
        self.screen.key("Return")
        w.there(w.frame, "dialog", "Log out?")
        w.focused("push button", "Stay")
        self.screen.key("Escape")
        w.lacks(w.frame, "Log out?")
        w.says(w.frame, "Lease")

    def a_transcript(self):
        """It is saved where a person says, and has what was done."""
        w = self.session()
        path = self.rig.path("transcript.json")
        self.press(w, "Transcript", "link")
        self.press(w, "As JSON")
        dialog = until(lambda: self.screen.xdotool("search", "--onlyvisible", "--name", "Save the transcript"),
                       "where to save it")
        self.screen.xdotool("windowfocus", "--sync", dialog.split("\n")[0])
        self.shoot("save")
        self.screen.key("ctrl+a")
        self.screen.type(path)
        self.screen.key("Return")
        until(lambda: os.path.exists(path) and os.path.getsize(path), "the file")
        holds("publicKey" in self.rig.read("transcript.json"), "what is in it")

    # ---- what it is made of ----

    def children(self, pid=None):
        """All processes below one, as (pid, name)."""
        found = []
        folder = f"/proc/{pid or self.process.pid}/task"
        for task in os.listdir(folder) if os.path.exists(folder) else ():
            try:
                with open(f"{folder}/{task}/children", encoding="ascii") as f:
                    for child in map(int, f.read().split()):
                        found.append((child, of(child, "Name")))
                        found += self.children(child)
            except OSError:
                pass  # it has ended meanwhile
        return found

    def no_network(self):
        """Neither the window nor any process of WebKit's can make a socket that leads away; the page's process is in
        a sandbox; nothing of ours listens."""
        self.open()
        found = self.children()
        for name in ("WebKitNetworkPr", "WebKitWebProces"):
            holds(name in [n for _, n in found], f"{name}: {found}")
        ours = {p for p, n in found if n.startswith(("capos-web", "capos-desktop"))}
        for pid, name in [*found, (self.process.pid, "the window")]:
            if pid not in ours and os.path.exists(f"/proc/{pid}"):
                equal((of(pid, "Seccomp"), of(pid, "NoNewPrivs")), ("2", "1"), name)
        page = next(p for p, n in found if n == "WebKitWebProces")
        holds(os.readlink(f"/proc/{page}/ns/mnt") != os.readlink("/proc/self/ns/mnt"), "mounts of its own")
        self.listens_nowhere(found)

    def listens_nowhere(self, found):
        inodes = set().union(*(descriptors(p) for p in [self.process.pid, *(p for p, _ in found)]))
        for table in ("tcp", "tcp6"):
            with open(f"/proc/{self.process.pid}/net/{table}", encoding="ascii") as f:
                for line in f.read().splitlines()[1:]:
                    words = line.split()
                    holds(words[3] != "0A" or f"socket:[{words[9]}]" not in inodes, f"it listens: {line}")

    def no_sandbox(self):
        """Where bwrap cannot mount, it is said, and nothing is shown."""
        lib = ctypes.CDLL("libseccomp.so.2")
        lib.seccomp_init.restype = ctypes.c_void_p
        lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                               ctypes.c_void_p]
        lib.seccomp_load.argtypes = [ctypes.c_void_p]
        rules = lib.seccomp_init(ALLOW)
        equal(lib.seccomp_rule_add_array(rules, REFUSE, lib.seccomp_syscall_resolve_name(b"mount"), 0, None), 0)
        self.start(stderr=subprocess.PIPE, preexec_fn=lambda: lib.seccomp_load(rules))
        said = self.process.communicate(timeout=WAIT_S)[1].decode()
        equal(self.process.returncode, 1, said)
        holds("capos: no sandbox can be made here" in said, said)

    def no_bus(self):
        """Without a session bus, over which a screen reader would find it, a window is there all the same, and its page
        is: that has asked for a session."""
        self.start(env={"DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.rig.path('no-bus')}"})
        until(lambda: "capos-web" in [n for _, n in self.children()], "a session")
        until(lambda: self.screen.xdotool("search", "--onlyvisible", "--pid", str(self.process.pid), "--name", "capOS"),
              "a window")

    def as_large_as_the_screen(self):
        """A window that is made as large as the screen, which would be without a frame, does not stay so."""
        w = self.open()
        self.screen.key("super+shift+f")
        before = w.focus()
        self.screen.key("Tab")  # which it hears after that
        until(lambda: w.moved(before), "a key")
        until(lambda: self.screen.still(SIZE[0] - 1, 0, 1, 1) == [FRAME], "the frame")
        holds(w.has(w.frame, "push button", "Find"), "what is in it")

    def its_processes_die(self):
        """The page comes again by itself, and the session with it; a session that has died is said to have, and another
        one can be had."""
        w = self.session()
        page = next(p for p, n in self.children() if n == "WebKitWebProces")
        os.kill(page, signal.SIGKILL)
        until(lambda: any(n == "WebKitWebProces" and p != page for p, n in self.children()), "another process")
        w.says(w.page, "alice")
        w.says(w.frame, "alice")
        session = next(p for p, n in self.children() if n == "capos-web")
        os.kill(session, signal.SIGKILL)
        w.there(w.page, "heading", "Instances")
        w.lacks(w.frame, "alice")
        self.press(w, "Connect")
        w.there(w.page, "heading", "Log in")

    def by_a_passkey(self):
        """A browser goes on for the window: a passkey is registered there by a code, and logs in; the session is the
        window's, and the browser is shown out."""
        w = self.at_login()
        self.to_method(w, "Passkey")
        self.press(w, "Open the browser")
        until(lambda: w.has(w.frame, "push button", "In your browser").showing, "a browser that goes on")
        self.shoot("in-browser")
        link = re.search(r"url=([^\"]+)\"", self.opened()).group(1)
        code = self.rig.ok("account", "passkey", "code", "alice", "--state", self.rig.state).out.strip()
        with Browser() as browser:
            p = browser.page()
            p.authenticator()
            p.go(link)
            p.click("#choose-enrol")
            p.fill("#enrol-code", code)
            p.click("#enrol")
            p.says("registered", "#enrol-outcome")
            p.click("#login")  # which is chosen for who has registered one
            p.says(HANDED)
            w.says(w.frame, "alice")
            w.there(w.page, "heading", "Overview")
            w.says(w.page, "passkey")
            until(lambda: not w.has(w.frame, "push button", "In your browser").showing, "no browser any more")
            p.go(f"http://localhost:{self.port}/")  # nobody is there
            until(lambda: "capOS" not in p.text(), "the page has gone")

    def large_and_dark(self):
        """Twice as large, and dark as the desktop is; the page's menu is then its own."""
        w = self.open("--identity", self.rig.path("plain"), env={"GTK_THEME": "Adwaita:dark"})
        self.shoot("dark")
        for _ in range(10):
            self.screen.key("ctrl+plus")
        w.there(w.page, "heading", "Instances")
        self.press(w, "Connect")
        self.to_method(w, "Public key")
        self.log_in(w)
        w.there(w.page, "heading", "Overview")
        self.shoot("large")
        self.press(w, "Menu")
        w.there(w.page, "link", "Workspace")
        self.shoot("large-menu")
