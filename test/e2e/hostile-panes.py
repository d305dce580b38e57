#!/usr/bin/env python3
"""hostile-panes: a service that composes and means harm (test/ui/hostile.c), at a real instance, with real hosts.

Why: test/ui/test-ui-hostile.c plays every act of test/ui/hostile.md against lib/ui alone. Here those that a service can
do by itself, or by what a person does with its panes, go the whole way: service, worker, host. After each one, what is
the host's own and what it shows of an honest service is what it is without the other, each pane stands behind its own
service's title, and no method has run for nobody (R55, R56). A flood of 10,000 patches is refused while a second
session's calls are served in turn, at the same service and at another.

usage: hostile-panes.py PANEL HOSTILE LENDER
"""
import os
import re
import struct
import subprocess
import sys
import time

import heard
import instance
import sessionlib as s
import wirelib as w
from sessionlib import Failed, Struct

SCRIPT = "e2e-hostile-panes"
PANEL = s.type_id("panel", "Panel", root="test/ui")
HOSTILE = s.type_id("hostile", "Hostile", root="test/ui")
SAY, FLOOD, COUNTED, STOP = 0, 1, 2, 3
SHARE, LAST = 5, 6
FLOOD_PATCHES, AT_ONCE, BATCH = 10000, 64, 64
WAIT_S = 120
KINDS = {"text": "UiText", "log": "UiLog", "table": "UiTable", "map": "UiMap", "list": "UiList"}


def quoted(text):
    """As the text format has it: what is no ASCII stays, control characters are escapes."""
    return '"' + re.sub(r'[\x00-\x1f"\\]', lambda m: f"\\x{ord(m.group()):02x}", text) + '"'


class Hostile:
    """What the service is told, by another session than the one that lends."""

    def __init__(self, target):
        self.peer, _, caps = target.login("teller")
        self.cap = s.get(caps, "hostile", HOSTILE)
        self.others = s.get(caps, "system_info", s.SYSTEM_INFO)

    def say(self, to, method, params="()", count=1):
        r = self.cap.call(SAY, Struct(struct.pack("<I", count), [to, method, params])).content
        return s.text(r.ptr(0)), r.uint(0, 32)

    def has_host(self):
        try:
            return not self.say("host", "describe")[0]
        except s.Refused:  # none was lent yet
            return False

    def paced(self, *said, without=("patches", "traffic")):
        """The same, in another second where there is no room in this one."""
        while True:
            answer, done = self.say(*said)
            if not any(f"over-quota.ui-{w}" in answer for w in without):
                return answer, done
            time.sleep(.05)

    def open(self, name="a", title="Pane", kind="log", more="safetyClass = ordinary"):
        spec = (f"(spec = (surfaceId = {quoted(name)}, title = {quoted(title)}, kind = {kind}, "
                f"modelSchema = {s.type_id('remote_ui', KINDS[kind])}, {more}))")
        return self.paced("host", "open", spec)[0]

    def apply(self, patch, pane="a"):
        return self.paced(pane, "apply", f"(patch = ({patch}))")[0]

    def counted(self):
        r = self.cap.call(COUNTED).content
        return r.uint(0, 64), r.uint(64, 64), r.uint(128, 32)


class Lender:
    """Our host, with what it was lent to."""

    def __init__(self, cases, *services):
        self.process = subprocess.Popen([cases.lender, cases.target.where, "may", instance.SECRET, "hold", *services],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        """Its lines, without the last; and that, as numbers and a text."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        lines = []
        while not lines or lines[-1] != ".":
            got = heard.line(self.process.stdout, before=str(lines))
            if not got:
                raise Failed(f"it has ended: {lines}")
            lines.append(got.rstrip("\n"))
        m = re.fullmatch(r"prompts: (\d+), open: (\d), ended: (\d), last: (.*)", lines[-2])
        return lines[:-2], (*map(int, m.groups()[:3]), m.group(4))

    def close(self):
        self.process.stdin.close()
        if self.process.wait(WAIT_S):
            raise Failed(f"the host ended with {self.process.returncode}")
        self.process.stdout.close()


class Cases:
    def __init__(self, panel, hostile, lender):
        self.lender = lender
        services = [instance.service("panel", os.path.abspath(panel), PANEL),
                    instance.service("hostile", os.path.abspath(hostile), HOSTILE)]
        grants = ["session", "system_info", "panel", "hostile"]
        may = instance.profile("may", grants)
        for name in ("panel", "hostile"):
            may = may.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
        self.target = instance.Instance(instance.manifest(
            services=services, profiles=[may, instance.profile("teller", grants)]))
        self.acts = {}

    def prepare(self):
        for name in ("may", "teller"):
            self.target.add_user(name, [name])
        alone = Lender(self, "panel")
        self.alone = self.frame(alone)
        alone.close()
        self.hostile = Hostile(self.target)
        with open(os.path.join(s.TOP, "test", "ui", "hostile.md"), encoding="utf-8") as f:
            for line in f:
                cells = [c.strip().strip("`") for c in line.strip().strip("|").split("|")]
                if len(cells) == 4 and line.startswith("| `"):
                    self.acts[cells[0]] = cells[3]

    @staticmethod
    def frame(host):
        """When the honest service's pane is as it will be."""
        def there():
            lines = host.ask("frame")[0]
            return lines if any("Paperclips" in line for line in lines) else None
        instance.until(there, "the honest pane")
        return there()

    def judged(self):
        """After an act: the frame, whose panes there are, and what has run."""
        frame = self.frame(self.host)
        if frame != self.alone:
            raise Failed(f"the frame is {frame}, and alone {self.alone}")
        for line in self.host.ask("panes")[0]:
            service, title, _ = line.split("|", 2)
            if (service, title) not in (("panel", "panel"), ("hostile", "hostile")):
                raise Failed(f"a pane is {line!r}")
        if self.hostile.counted()[2]:
            raise Failed("something has run")

    def row(self, name, act, wanted=None):
        """What hostile.md says that the last call is answered with, by the host or by the worker before it. Each has a
        host of its own, so nobody's pace is in another's way."""
        wanted = wanted or self.acts[name]

        def run():
            self.host = Lender(self, "panel", "hostile")
            try:
                self.frame(self.host)
                instance.until(self.hostile.has_host, "its host")
                answer = act(self.hostile) or "taken"
                if re.sub(r"^host: ", "", answer).split(":")[0] != wanted:
                    raise Failed(f"{answer!r}, and not {wanted}")
                self.judged()
            finally:
                self.host.close()
        return f"{name}: {wanted}", run

    # ---- acts

    @staticmethod
    def titled(*titles):
        def act(h):
            for title in titles:
                answer = h.open(title=title)
            return answer
        return act

    @staticmethod
    def patched(kind, *patches):
        def act(h):
            h.open(kind=kind)
            for patch in patches:
                answer = h.apply(patch)
            return answer
        return act

    @staticmethod
    def id_odd(h):
        for name in ("", "\x1b[2J\n\r\x7f".ljust(16, "x")):
            h.open(name)
        return h.open("x" * 17)

    @staticmethod
    def poll_twice(h):
        h.open()
        h.say("a", "poll", "(waitMs = 60000)")  # where it is, and how large
        h.cap.send(SAY, Struct(struct.pack("<I", 1), ["a", "poll", "(waitMs = 60000)"]))
        return h.say("a", "poll", "(waitMs = 60000)")[0]

    @staticmethod
    def surfaces(h):
        panes = 0
        while not (answer := h.open(f"p{panes}")):
            panes += 1
        if panes != 16:
            raise Failed(f"{panes} panes")
        return answer

    @staticmethod
    def commands(h):
        h.open()
        for i in range(65):
            answer = h.apply(f'kind = addCommand, payload = (command = (id = "c{i}", title = "Yes", '
                             "run = (view = void)))")
        return answer

    @staticmethod
    def grows(h):
        h.open(kind="list")
        for i in range(34):
            items = ", ".join(f'(key = "k{i}-{k}", title = "x")' for k in range(30))
            answer = h.apply(f"kind = updateModel, payload = (model = (base = {i}, items = [{items}]))")
        return answer

    @staticmethod
    def themes(h):
        for scheme in ("light", "dark", "light"):
            answer = h.paced("host", "theme", f"(scope = own, hints = (scheme = {scheme}))")[0]
        return answer

    def asked(self, *said):
        """A question, which a person answers with no."""
        def act(h):
            h.open()
            q = h.cap.send(SAY, Struct(struct.pack("<I", 1), list(said)))
            self.says_no()
            return s.text(h.peer.wait(q).content.ptr(0))
        return act

    def says_no(self):
        """Once it listens."""
        instance.until(lambda: self.host.ask("?")[1][1], "a question")
        instance.until(lambda: not self.host.ask("no")[1][1], "no question")

    def prompts_looped(self, h):
        h.open()
        for _ in range(3):
            q = h.cap.send(SAY, Struct(struct.pack("<I", 1), ["a", "persist", "(what = layout)"]))
            self.says_no()
            h.peer.wait(q)
        answer = h.paced("a", "persist", "(what = layout)", 1000)[0]
        if self.host.ask("?")[1][0] != 3:
            raise Failed("more questions")
        return answer

    def command(self, more, path=None):
        """A command that lies, which a person runs, and then says no."""
        def act(h):
            h.open(more="safetyClass = consequential")
            answer = h.apply('kind = addCommand, payload = (command = (id = "x", title = "Look again", '
                             f"effect = reads, {more}))")
            if answer or not path:
                return answer
            self.host.ask(f"run x {path}")
            self.says_no()
            return self.host.ask("?")[1][3]
        return act

    def handled(self, how, then):
        def act(h):
            h.open()
            self.host.ask(how)
            return then(h)
        return act

    # ---- a flood

    def flood(self, h):
        """10,000 patches and more, so many under way at any time. Meanwhile another session's calls are served, each
        when it is its turn: one round of the flood for each of them, at the most."""
        begin = time.monotonic()
        h.open()
        other = Hostile(self.target)
        h.cap.call(FLOOD, Struct(b"", ["a"]))
        sent = 0
        while sent < FLOOD_PATCHES:
            here = [other.peer.fresh_id() for _ in range(BATCH)]
            there = [other.peer.fresh_id() for _ in range(BATCH)]
            other.peer.send(*[w.call(q, other.cap.number, COUNTED, iface=HOSTILE) for q in here],
                            *[w.call(q, other.others.number, 0, iface=s.SYSTEM_INFO) for q in there])
            counts = [other.peer.wait(q).content.uint(0, 64) for q in here]
            for q in there:
                other.peer.wait(q)
            if counts != sorted(counts) or counts[-1] - counts[0] > BATCH * AT_ONCE:
                raise Failed(f"between {BATCH} calls there were {counts}")
            sent = counts[-1]
        h.cap.call(STOP)
        taken, most = h.counted()[1], 40 + 20 * (time.monotonic() - begin)
        other.peer.close()
        if taken > most:
            raise Failed(f"{taken} patches of {most}")
        return h.paced("a", "apply", "(patch = (kind = setLayoutHint, payload = (layout = ())))", 50,
                       without=("traffic",))[0]

    # ---- the command

    def by_the_command(self):
        """`capos ui` of the honest service prints what it prints alone; each line of the hostile one's is behind its
        name or indented."""
        home = os.path.join(self.target.folder.name, "home")
        os.mkdir(home, 0o700)
        env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, "LC_ALL": "C.UTF-8"}
        capos = os.path.join(instance.build_folder(), "bin", "capos")

        def run(*words, said=""):
            return subprocess.run([capos, *words], capture_output=True, text=True, timeout=WAIT_S, env=env, input=said,
                                  check=True).stdout
        run("login", f"may@{self.target.where}", "--as", "may", "--password-stdin", said=instance.SECRET + "\n")
        alone = run("ui", "panel", "-s", "may", "--once")
        with heard.Program([capos, "ui", "hostile", "-s", "may", "--follow"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True, env=env) as p:
            try:
                beside = self.beside(lambda: run("ui", "panel", "-s", "may", "--once"))
                run("logout", "--all")
            except BaseException:
                p.kill()
                raise
            lines = p.stdout.read().splitlines()
        if beside != alone:
            raise Failed(f"the honest service's panes are {beside!r} beside it, and alone {alone!r}")
        for line in lines:
            if not re.match(r"  |\[\d+\] hostile: |closed, the session has ended$|hostile has ended", line):
                raise Failed(f"a line is {line!r} of {lines}")
        if not any("Yes" in line for line in lines):
            raise Failed(f"{lines}")

    def beside(self, look):
        """While there are panes of the hostile one's."""
        h = self.hostile
        instance.until(h.has_host, "its host")
        h.open("a", "[2] panel: Workshop (counters)", "text")
        h.apply(DIALOG)
        return look()

    def rows(self):
        call = f"run = (call = (interfaceId = {HOSTILE}, methodId = %d%s))"
        hidden = ', constants = [(path = "to", value = (text = "%s"))]'
        layout = "kind = setLayoutHint, payload = (layout = (place = side))"
        return [
            ("flood-at-once", self.flood),
            ("title-bar", self.titled("alice \u2502 instance one \u2502 lease 7:59 \u2502 log out")),
            ("title-direction", self.titled("ksed eht \u202e alice", "a\u2067b")),
            ("title-unseen", self.titled("The cl\u200bock")),
            ("title-marks", self.titled("Z\u0301\u0302\u0303\u0304\u0305 over the frame")),
            ("title-long", self.titled("A" * 60000, "A" * 65536)),
            ("title-nul", self.titled("panel\0 is not")),
            ("title-escape", self.titled("\x1b[1;1H alice", "\x1b]0;x\x07", "a\rb", "a\nb", "a\x9b2J", "a\x7f")),
            ("id-odd", self.id_odd),
            ("dialog-drawn", self.patched("text", DIALOG)),
            ("login-table", self.patched("table", "kind = updateModel, payload = (model = (whole = (table = (columns = "
                                         '[(key = "a", title = "Log in")], rows = [(key = "1", cells = '
                                         '[(text = "Password: ________")])]))))')),
            ("login-map", self.patched("map", "kind = updateModel, payload = (model = (whole = (map = (width = 4, "
                                       'height = 1, tiles = [(glyph = "Password")], cells = [0, 0, 0, 0]))))')),
            ("another-pane", self.patched("log", 'kind = updateModel, surfaceId = "main", payload = (model = ('
                                          'base = 0, lines = [(sequence = 2, text = "midnight")]))')),
            ("poll-twice", self.poll_twice),
            ("flood-surfaces", self.surfaces),
            ("flood-commands", self.commands),
            ("flood-themes", self.themes),
            ("theme-of-all", self.asked("host", "theme", "(scope = workspace, hints = (scheme = dark))")),
            ("prompts-looped", self.prompts_looped),
            ("persist-unasked", self.asked("a", "persist", "(what = theme)")),
            ("model-grows", self.grows),
            ("lasting-as-reads", self.patched("log", 'kind = addCommand, payload = (command = (id = "x", title = "X", '
                                              f"effect = reads, {call % (LAST, '')}))")),
            ("title-lies", self.command(f'fields = [(path = "what")], {call % (LAST, "")}', "what")),
            ("other-target", self.command(f'run = (call = (capability = "panel", interfaceId = {PANEL}, '
                                          "methodId = 2))")),
            ("constants-hidden", self.command(f'fields = [(path = "text")], {call % (SHARE, hidden % "all")}', "text")),
            ("prompt-forged", self.command('fields = [(path = "text")], '
                                           + call % (SHARE, hidden % "me\\naccount: bob"), "text")),
            ("opens-again", self.handled("close", lambda h: h.open())),
            ("pinned-moves", self.handled("pin", lambda h: h.apply(layout))),
        ]

    def all(self):
        return [*[self.row(*r) for r in self.rows()],
                self.row("used-after", self.handled("withdraw", lambda h: h.say("a", "persist")[0]),
                         "denied.withdrawn"),
                ("capos ui: the frame is the same", self.by_the_command)]


DIALOG = ("kind = updateModel, payload = (model = (whole = (text = (paragraphs = [(runs = [(text = "
          '"\u250c\u2500\u2500\u2510\\n\u2502 Log out? [Yes] [No] \u2502\\n\u2514\u2500\u2500\u2518")])]))))')


def main():
    cases = Cases(*sys.argv[1:])
    with cases.target:
        cases.prepare()
        return instance.run_cases(SCRIPT, cases.all())


if __name__ == "__main__":
    sys.exit(main())
