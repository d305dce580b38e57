"""screen: a screen of its own (Xvfb), a session bus of its own with the accessibility bus on it, and a person before
both: who presses keys (xdotool), reads the accessibility tree as a screen reader does (AT-SPI), and looks (the picture
is Xvfb's own memory, by -fbdir).

Nothing here waits for a time: each wait is for a state, and its deadline is only there so that a test ends. What D-Bus
starts by itself is ended with the rest: whatever loses its parent here becomes this process's child.
"""
import atexit
import ctypes
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402  (after its version)

WAIT_S = int(os.environ.get("CAPOS_DESKTOP_DEADLINE", "240"))
PR_SET_CHILD_SUBREAPER = 36
SIZE = 1400, 960
DEEP, LOOKS = 60, 40
FRAME = bytes.fromhex("1d2730")  # of chrome.c


class Failed(Exception):
    pass


def until(wanted, what):
    """Waits until wanted() is something, and returns that."""
    end = time.monotonic() + WAIT_S
    while True:
        got = wanted()
        if got:
            return got
        if time.monotonic() > end:
            raise Failed(f"{what() if callable(what) else what}: not so within {WAIT_S} s")
        time.sleep(0.05)


class Node:
    """An element as it was when it was read."""

    def __init__(self, element, parent=None):
        self.element, self.parent = element, parent
        self.role, self.name = element.get_role_name(), element.get_name() or ""
        states = element.get_state_set()
        self.focused, self.sensitive = (states.contains(s) for s in (Atspi.StateType.FOCUSED,
                                                                     Atspi.StateType.SENSITIVE))
        self.showing = states.contains(Atspi.StateType.SHOWING)
        self.children = []

    @property
    def text(self):
        """What is written in it."""
        try:
            if "Text" not in self.element.get_interfaces():
                return ""
            n = Atspi.Text.get_character_count(self.element)
            return Atspi.Text.get_text(self.element, 0, n)
        except GLib.Error:
            return ""

    def walk(self):
        yield self
        for c in self.children:
            yield from c.walk()

    def find(self, role, name=None):
        """The first of a role, with a name that begins so."""
        for n in self.walk():
            if n.role == role and (name is None or n.name.startswith(name)):
                return n
        return None

    def shape(self, leave=()):
        """Roles and names, but of those whose name begins with what is left out."""
        return self.role, self.name, [c.shape(leave) for c in self.children if not c.name.startswith(tuple(leave))]

    def drawn(self, depth=0):
        lines = "".join(c.drawn(depth + 1) for c in self.children)
        return f"{'  ' * depth}{self.role} {self.name!r}{' *' if self.focused else ''}\n{lines}"


def read(element, parent=None, depth=0):
    """The tree below an element; what is gone meanwhile is left out."""
    try:
        node = Node(element, parent)
        for i in range(element.get_child_count() if depth < DEEP else 0):
            child = element.get_child_at_index(i)
            below = read(child, node, depth + 1) if child else None
            if below:
                node.children.append(below)
        return node
    except GLib.Error:
        return None


def matches(element, role=None, state=None, most=5000):
    """What there is below an element, in order, by one question: a walk asks for each. Nothing, when it is gone."""
    every = Atspi.CollectionMatchType.ALL
    roles = [getattr(Atspi.Role, role.upper().replace(" ", "_"))] if role else []
    rule = Atspi.MatchRule.new(Atspi.StateSet.new([state] if state else []), every, {}, every, roles,
                               Atspi.CollectionMatchType.ANY if roles else every, [], every, False)
    try:
        return Atspi.Collection.get_matches(element, rule, Atspi.CollectionSortOrder.CANONICAL, most, True)
    except GLib.Error:
        return []


def node(element):
    """An element as it is; None: it is gone."""
    try:
        return Node(element)
    except GLib.Error:
        return None


class Screen:
    def __init__(self, wayland=False):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.folder = tempfile.mkdtemp(prefix="capos-screen-")
        self.started = []
        atexit.register(self.close)  # whatever fails before somebody can close it
        number, out = os.pipe()
        self.x = self.start(["Xvfb", "-displayfd", str(out), "-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-fbdir",
                             self.folder, "-nolisten", "tcp", "-noreset"], pass_fds=[out])
        os.close(out)
        self.display = f":{self.line(number)}"
        os.close(number)
        address, out = os.pipe()
        self.env = {"DISPLAY": self.display, "XDG_RUNTIME_DIR": self.folder, "HOME": self.folder,
                    "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "GDK_BACKEND": "x11", "GTK_THEME": "Adwaita",
                    "GSETTINGS_BACKEND": "keyfile"}
        self.wayland = wayland
        if wayland:
            self.compositor()
        self.start(["dbus-daemon", "--session", "--nofork", f"--print-address={out}"], pass_fds=[out])
        os.close(out)
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.line(address)
        os.close(address)
        os.environ.update(self.env)  # of the reader of the tree, which is in this process
        if Atspi.init() not in (0, 1):
            raise Failed("there is no accessibility bus")
        Atspi.set_timeout(WAIT_S * 1000, WAIT_S * 1000)

    def compositor(self):
        """Weston, whose only window is all of the screen: what is started from here on knows Wayland alone."""
        config = os.path.join(self.folder, "weston.ini")
        with open(config, "w", encoding="ascii") as f:
            f.write("[shell]\npanel-position=none\nanimation=none\nstartup-animation=none\nlocking=false\n")
        self.start(["weston", "--backend=x11-backend.so", "--use-pixman", "--socket=screen", f"--config={config}",
                    f"--width={SIZE[0]}", f"--height={SIZE[1]}", "--idle-time=0",
                    f"--log={os.path.join(self.folder, 'weston.log')}"])
        until(lambda: os.path.exists(os.path.join(self.folder, "screen")), "a compositor")
        all_of_it = until(lambda: self.xdotool("search", "--onlyvisible", "--name", ".*").split("\n")[0], "its window")
        self.xdotool("windowmove", "--sync", all_of_it, "0", "0")
        self.xdotool("windowfocus", "--sync", all_of_it)
        self.env.update(GDK_BACKEND="wayland", WAYLAND_DISPLAY="screen", DISPLAY="")

    @staticmethod
    def calm(home):
        """Who has this home wants nothing to move or to blink: there is no end of that to wait for."""
        still = "enable-animations=false\n{0}cursor-blink=false\n"
        for path, text in (("gtk-3.0/settings.ini", "[Settings]\ngtk-" + still.format("gtk-")),
                           ("glib-2.0/settings/keyfile",  # which counts under Wayland
                            "[org/gnome/desktop/interface]\n" + still.format(""))):
            path = os.path.join(home, ".config", path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as f:
                f.write(text)

    def start(self, argv, **more):
        """A process that is ended with the screen."""
        p = subprocess.Popen(argv, env={**os.environ, **getattr(self, "env", {}), **more.pop("env", {})},
                             stdin=subprocess.DEVNULL, stdout=more.pop("stdout", sys.stderr), **more)
        self.started.append(p)
        return p

    @staticmethod
    def line(fd):
        got = b""
        while not got.endswith(b"\n"):
            ready, _, _ = select.select([fd], [], [], WAIT_S)
            more = os.read(fd, 1024) if ready else b""
            if not more:
                raise Failed(f"a line that ends: {got!r}")
            got += more
        return got.decode().strip()

    def close(self):
        while self.started:
            p = self.started.pop()
            p.kill()
            p.wait()
        while self.orphans():
            for pid in self.orphans():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def orphans():
        """What has become ours, as its parent has ended."""
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]

    # ---- keys ----

    def xdotool(self, *words):
        done = subprocess.run(["xdotool", *words], env={**os.environ, **self.env, "DISPLAY": self.display},
                              capture_output=True, text=True, check=False, timeout=WAIT_S)
        return done.stdout.strip()

    def key(self, *names):
        self.xdotool("key", "--clearmodifiers", *names)

    def type(self, text):
        self.xdotool("type", "--clearmodifiers", "--delay", "5", text)

    # ---- the picture ----

    def rows(self, x=0, y=0, wide=SIZE[0], tall=SIZE[1]):
        """What is seen, as rows of bytes: red, green, blue."""
        with open(os.path.join(self.folder, "Xvfb_screen0"), "rb") as f:
            data = f.read()
        head = struct.unpack(">25I", data[:100])
        size, bits, per_line, colours = head[0], head[11], head[12], head[19]
        if bits != 32:
            raise Failed(f"a picture of {bits} bits")
        at, out = size + colours * 12, []
        for row in range(y, y + tall):
            line = data[at + row * per_line + x * 4:at + row * per_line + (x + wide) * 4]
            rgb = bytearray(3 * wide)
            rgb[0::3], rgb[1::3], rgb[2::3] = line[2::4], line[1::4], line[0::4]
            out.append(bytes(rgb))
        return out

    def still(self, *where):
        """The same, when it has come to rest: two in a row are alike."""
        before = []

        def rests():
            now = self.rows(*where)
            before.append(now)
            return len(before) > 2 and before[-1] == before[-2] == before[-3] and now
        return until(rests, "a picture that is at rest")

    def shot(self, path):
        """A PNG of it."""
        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        rows = self.rows()
        for _ in range(LOOKS):  # a picture is for people: one that does not come to rest is taken as it is
            before, rows = rows, self.rows()
            if rows == before:
                break
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0)) +
                    chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows), 6)) + chunk(b"IEND", b""))


class Window:
    """The window of a program, as a screen reader knows it."""

    def __init__(self, screen, process, title):
        self.screen, self.process = screen, process
        if not screen.wayland:  # there, a window that comes has the keyboard
            screen.xdotool("windowfocus", "--sync", until(lambda: self.seen(title), f"a window {title}"))
        until(self.top, "its tree")
        if screen.wayland:
            until(self.active, "the keyboard")
            screen.key("super+shift+m")
            # In the corner where no pointer is drawn: until it is moved, that of a compositor may be in the other.
            until(lambda: screen.rows(SIZE[0] - 1, 0, 1, 1) == [FRAME], "it is as large as the screen")

    def seen(self, title):
        """Its number on the screen, or nothing."""
        self.root()  # whether it has ended
        return self.screen.xdotool("search", "--onlyvisible", "--pid", str(self.process.pid), "--name",
                                   title).split("\n")[0]

    def active(self):
        root = self.root()
        return root and matches(root, "frame", Atspi.StateType.ACTIVE)

    def top(self):
        """All of it, walked through; None: it is not there yet, or has ended."""
        root = self.root()
        tree = root and read(root)
        return tree and tree.find("frame")

    def root(self):
        """Its part of the tree; None: it is not there yet."""
        if self.process.poll() is not None:
            raise Failed(f"the window has ended, with {self.process.returncode}")
        desktop = Atspi.get_desktop(0)
        desktop.clear_cache()
        for i in range(desktop.get_child_count()):
            app = desktop.get_child_at_index(i)
            if app and app.get_process_id() == self.process.pid:
                app.clear_cache()
                return app
        return None

    def part(self, role, name=None):
        """The nearest element of a role, and what is below is not looked at."""
        layer = [self.root()]
        try:
            while layer:
                for e in layer:
                    if e and e.get_role_name() == role and (name is None or e.get_name() == name):
                        return e
                layer = [e.get_child_at_index(i) for e in layer if e for i in range(e.get_child_count())]
        except GLib.Error:
            pass
        return None

    def frame(self):
        return self.part("filler", "Frame")

    def page(self):
        return self.part("document web")

    def whole(self, where):
        """A part, walked through."""
        return until(lambda: read(where()) if where() else None, "a part of the window")

    def says(self, where, words):
        """Waits until a part, frame or page, has these words in a name or a text; returns that element."""
        def found():
            part = where()
            for e in matches(part) if part else ():
                n = node(e)
                if n and (words in n.name or words in n.text):
                    return n
            return None
        return until(found, lambda: f"{words!r}\n{self.told(where)}")

    def lacks(self, where, words):
        def gone():
            part = where()
            found = [node(e) for e in matches(part)] if part else []
            return found and all(n and words not in n.name and words not in n.text for n in found)
        until(gone, lambda: f"{words!r} is gone\n{self.told(where)}")

    def told(self, where):
        part = where() or self.root()
        tree = part and read(part)
        return tree.drawn() if tree else "nothing"

    def has(self, where, role, name=None):
        """An element of a part with a role, and a name that begins so; None: there is none."""
        part = where()
        found = [node(e) for e in matches(part, role)] if part else []
        return next((n for n in found if n and n.role == role and (name is None or n.name.startswith(name))), None)

    def there(self, where, role, name=None):
        return until(lambda: self.has(where, role, name), lambda: f"{role} {name!r}\n{self.told(where)}")

    def focus(self):
        """What a key goes to. A page remembers what has had it while the frame has."""
        for part in (self.frame(), self.page()):
            found = matches(part, state=Atspi.StateType.FOCUSED) if part else []
            if found:
                return node(found[-1])
        return None

    def focused(self, role, name=""):
        """Waits until that has the focus."""
        def has():
            now = self.focus()
            return now and now.role in role.split("|") and now.name.startswith(name) and now
        return until(has, lambda: f"the focus on {role} {name!r}; {self.focus() and self.focus().name!r}")

    def tab_to(self, role, name, key="Tab"):
        """By the keyboard alone."""
        last = []
        for _ in range(80):
            now = self.focus()
            last.append(f"{now.role} {now.name!r}" if now else "nothing")
            if now and now.role == role and now.name.startswith(name):
                return now
            self.screen.key(key)
            until(lambda: self.moved(now), f"the focus goes on from {last[-1]}")
        raise Failed(f"no {role} {name!r} by {key}: {last}")

    def moved(self, before):
        now = self.focus()
        return now and (before is None or now.element != before.element) and now
