#!/usr/bin/env python3
"""The same panes in a terminal and in Debian's Chromium (R53, R54, R57): one service shows every kind of them to both,
and so do two games that are under way; what `capos ui` prints and what a screen reader is told are compared.

usage: alike.py BINARIES STAGE [SCREENS [CASE...]]

What is compared are words (spoken.py): of the terminal's lines and of the browser's accessibility tree letters and
numbers are left, numbers to three digits, moments to the minute; no signs, lines, curves, and no case. Each title,
label, value, row and command has to be in both, rows in the same order and each with what belongs to it; what one of
the two says alone has to be in a list of that host's own words here. As page.py, whose cases it has but does not run.
"""
import copy
import json
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

import adventured  # noqa: E402
import heard  # noqa: E402
import instance  # noqa: E402
import kinds  # noqa: E402
import models  # noqa: E402
import page  # noqa: E402
import sessionlib  # noqa: E402
from bridge import equal, holds  # noqa: E402
from spoken import accessible, blocks, find, words  # noqa: E402

GAMES = ("paperclips", "adventure")

# What a terminal says alone: tones and states are characters there, and what is in a map has one.
TERMINAL = {"map": "1 2 3 4 5 6 7 8 9"}
TONES = "i x"
# What a browser says alone: its own buttons and places to type in, and states that a terminal has a character for.
BROWSER = {"table": "chosen commands", "map": "list you are here", "chart": "table now", "counters": "goal",
           "progress": "waiting under way done", "transcript": "send say something in you somebody",
           "form": "needed in bytes milliseconds mm dd yyyy 0 show local date and time picker"}
# What stands in the midst of a terminal's rows and at the end of a browser's.
BESIDE = {"transcript": "2 unread"}


def fixture():
    """models.KINDS, with numbers that run and say the same for an hour, lines that are missing, what is unread, and
    elements without a title."""
    out = {kind: copy.deepcopy(model) for kind, (model, *_) in models.KINDS.items()}
    clips, wire = out["counters"]["counters"][:2]
    clips.update(value=1.2312e9)
    wire.update(value=1.8304e9, goal=4e9)
    del out["log"]["lines"][20:22]
    out["transcript"]["unread"] = 2
    for kind, name in (("list", "items"), ("tree", "nodes"), ("progress", "steps")):
        out[kind][name].append({"key": "untitled"})
    return out


def shown_nodes(nodes, parent=""):
    """Titles of a tree, each before those below it, which are there if it is open."""
    return [t for n in nodes if n.get("parent", "") == parent
            for t in [n.get("title") or n["key"]] + (shown_nodes(nodes, n["key"]) if n.get("open") else [])]


def orders(kind, m):
    """What comes one behind the other: lists of texts, the rows first."""
    def all_of(name, *fields):
        return [next((e[f] for f in fields if e.get(f)), "") for e in m.get(name, [])]
    return {
        "text": lambda: [["".join(r["text"] for r in p["runs"]) for p in m["paragraphs"]]],
        "log": lambda: [all_of("lines", "text")],
        "list": lambda: [all_of("items", "title", "key")],
        "table": lambda: [[r["cells"][0]["text"] for r in m["rows"]], all_of("columns", "title")],
        "tree": lambda: [shown_nodes(m["nodes"])],
        "counters": lambda: [all_of("counters", "label", "key")],
        "chart": lambda: [[], all_of("series", "label", "key"), all_of("mark", "label")],
        "form": lambda: [all_of("fields", "label", "path")],
        "progress": lambda: [all_of("steps", "title", "key")],
        "map": lambda: [[], all_of("markers", "label", "key"), [t["label"] for t in m["tiles"] if t.get("label")]],
        "transcript": lambda: [all_of("messages", "text", "author")],
    }[kind]()


def elements(m):
    return [e for v in m.values() if isinstance(v, list) for e in v if isinstance(e, dict)]


def segments(text, rows, where):
    """What belongs to each row: the words up to the next. Each has to be there, behind the one before."""
    at, starts = 0, []
    for row in rows:
        place = find(text, row, at)
        holds(place >= 0, f"{where}: {' '.join(row)!r} is not where it should be in {' '.join(text)}")
        starts.append(place)
        at = place + max(1, len(row))
    return [set(text[a:b]) for a, b in zip(starts, starts[1:] + [len(text)])]


class Pane:
    """One pane in both. terminal, browser: what they say, as words; numbers: that do not count."""

    def __init__(self, name, kind, model, commands, masked=False):
        self.name, self.kind, self.model, self.commands, self.masked = name, kind, model, commands, masked

    def words(self, text):
        return [w for w in words(text) if w[0].isalpha() or not self.masked]

    def alone(self, terminal, browser, more=""):
        """What one of the two says alone, but for its own words."""
        keys = [e.get(x, "") for e in elements(self.model) for x in ("key", "path")]
        mine = [e["author"] for e in self.model.get("messages", []) if e.get("own")]
        titles = [c["title"] for c in self.commands]
        t = set(words(" ".join([TONES, TERMINAL.get(self.kind, ""), more, *keys, *mine])))
        b = set(words(" ".join([BROWSER.get(self.kind, ""), more, self.name, *titles])))
        return sorted(set(terminal) - set(browser) - t), sorted(set(browser) - set(terminal) - b)

    def same(self, terminal, browser):
        """… of a model."""
        if self.kind == "map":  # without the grid, which is a picture
            terminal = "\n".join(line for line in terminal.splitlines() if re.search(r"[a-z]{2}", line))
        terminal, browser = self.words(terminal), self.words(browser)
        moments = [[w for w in side if ":" in w] for side in (terminal, browser)]
        equal(moments[1], moments[0], f"{self.name}: moments")
        terminal, browser = ([w for w in side if ":" not in w] for side in (terminal, browser))
        equal(self.alone(terminal, browser), ([], []), f"{self.name}: what one of {' '.join(terminal)!r} and "
              f"{' '.join(browser)!r} has alone")
        for i, texts in enumerate(orders(self.kind, self.model)):
            rows = [self.words(t) for t in texts]
            both = [segments(side, rows, f"{self.name} {host}")
                    for host, side in (("in a terminal", terminal), ("in a browser", browser))]
            for row, t, b in zip(texts, *both) if not i else ():
                equal(self.alone(t, b, BESIDE.get(self.kind, "")), ([], []), f"{self.name}, {row!r}: of one alone")

    def offers(self, terminal, model, below):
        """The titles of its commands: in their order, where they are not at what they are about."""
        placed = {self.model.get("submit")} | {c for e in elements(self.model) for c in e.get("commands", ())}
        at = 0
        equal(len(terminal), len(self.commands), f"{self.name}: its commands in a terminal, {terminal}")
        for said, c in zip(terminal, self.commands):
            title = words(c["title"])
            equal(words(said)[:len(title)], title, f"{self.name}: a command in a terminal")
            if c["id"] == self.model.get("send"):
                continue  # a box to write into
            place = find(model, title, 0) if c["id"] in placed else find(below, title, at)
            holds(place >= 0, f"{self.name}: no {title} in {model} and {below}")
            at = at if c["id"] in placed else place + len(title)


class Alike(kinds.Kinds):
    def __init__(self, binaries, stage, screens):
        page.Cases.__init__(self, binaries, None, screens, manifest(stage))
        self.rig, self.revisions = self.bridge.rig, {}
        self.rig.login("teller")
        self.env = {**self.rig.env, "TZ": "UTC", "COLUMNS": "400"}

    # ---- both hosts ----

    def printed(self, service, *options):
        """What is shown at once, and nothing later."""
        return subprocess.run([self.rig.capos, "ui", service, "--once", "-s", "teller", "--personal", *options],
                              env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=heard.DEADLINE_S, check=True).stdout

    def here(self):
        """A page in the terminal's time, with room for all panes side by side."""
        p = self.session()
        p.call("Emulation.setTimezoneOverride", timezoneId="UTC")
        p.call("Accessibility.enable")
        p.size(2400, 1500)
        p.click("#go-workspace")
        return p

    @staticmethod
    def read_out(p, pane):
        """Title, summary, model and what is below it. A map is read out as the list that it has for that."""
        button = f"{pane} .legend [id$='-list']"
        if p.js(f"document.querySelector({json.dumps(button)})?.ariaPressed === 'false'"):
            p.click(button)
            p.until(f"document.querySelector({json.dumps(button)})?.ariaPressed === 'true'")
        return [accessible(p, f"{pane} {part}") for part in ("h2", ".summary", ".model", ".below")]

    # ---- every kind ----

    def every_kind(self):
        commands = [{"id": "use", "title": "Take it"}, {"id": "say", "title": "Say"}]

        class Nobody:
            """Looks at no page."""
            @staticmethod
            def says(*_):
                pass
        with heard.Program([self.rig.capos, "ui", "stage", "-s", "teller", "--follow", "--personal"], env=self.env,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as t:
            for kind, model in fixture().items():
                self.open(Nobody, kind, kind, f"A {kind}")
                self.full(kind, model)
            t.stdin.write("/panes\n/quit\n")
            t.stdin.close()
            shown = blocks(t.stdout.read())
        p = self.here()
        p.click("#open-stage")
        for kind, model in fixture().items():
            pane = Pane(f"A {kind}", kind, model, commands)
            self.open(p, kind, kind, pane.name)
            self.full(kind, model)
            p.there(f".pane .model :is({models.KINDS[kind][3]})")
            title, summary, text, below = self.read_out(p, ".pane")
            equal(words(title), words(f"stage {pane.name}"), "the title")
            pane.same(shown[pane.name][0], f"{summary}\n{text}")
            pane.offers(shown[pane.name][1], words(text), words(below))
            p.click("#main .pane [id$='-close']")
            p.until("!document.querySelector('.pane')", f"{kind} is closed")
        self.over(p)

    # ---- games under way ----

    def game(self, service, masked):
        """Whatever goes on by itself meanwhile: before and after the browser was read the terminal says the same."""
        p = self.here()
        p.click(f"#open-{service}")
        rows = [json.loads(line) for line in self.printed(service, "--json").splitlines()]
        panes = [Pane(r["title"], r["kind"], r["model"][r["kind"]], r["commands"], masked) for r in rows]
        p.until(f"document.querySelectorAll('.pane').length === {len(panes)}", "all panes")
        for pane in panes:
            selector = f".pane.of-{pane.kind}"

            def read():
                before, spoken = self.said_of(service, pane), self.read_out(p, selector)
                after = self.said_of(service, pane)
                return (after, spoken) if before == after else None
            (text, commands), (title, summary, model, below) = page.bridge.until(read, f"{pane.name} stays as it is")
            equal(words(title), words(f"{service} {pane.name}"), "the title")
            pane.same(text, f"{summary}\n{model}")
            pane.offers(commands, words(model), words(below))
        if self.screens:
            for button in p.js("[...document.querySelectorAll('.legend [id$=-list]')].map((e) => e.id)"):
                p.click(f"#{button}")
            p.size(*page.SIZES["wide"])
            self.has_its_layout(p, page.SIZES["wide"][0])
            self.shoot(p, f"panes-{service}")
        p.click(f"#service-{service}")
        p.until("!document.querySelector('.pane')", "its panes are gone")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def said_of(self, service, pane):
        """What a terminal shows of a pane: (its text, or its words without those that run; commands)."""
        text, commands = blocks(self.printed(service))[pane.name]
        return text if not pane.masked else " ".join(pane.words(text)), commands

    def paperclips(self):
        """Numbers run; what they are of does not."""
        for words_of in (("make", "count=25"), ("price", "cents=24"), ("make", "count=25")):
            self.rig.ok("run", "paperclips", *words_of, "-s", "teller")
        self.game("paperclips", masked=True)

    def adventure(self):
        for step in adventured.WALK.replace("\n", " ").split(";")[:10]:
            words_of = step.split()
            verb, *about = words_of if len(words_of) > 1 else ["go", *words_of]
            fields = [f"{path}={word}" for path, word in zip(adventured.FIELDS[verb], about)]
            self.rig.ok("run", "adventure", verb, *fields, "-s", "teller")
        self.game("adventure", masked=False)


def manifest(stage):
    """An operator has panes of all of it."""
    services = [instance.service("stage", os.path.abspath(stage), kinds.STAGE)]
    services += [instance.service(name, f"capos-{name}", sessionlib.type_id(name, name.capitalize()),
                                  disclosure="pseudonym").replace("remote = ", "state = true, remote = ", 1)
                 for name in GAMES]
    grants = instance.profile("operator", ["session", "system_info", "chat", "stage", *GAMES])
    for name in ("chat", "stage", *GAMES):
        grants = grants.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    return re.sub(r'\(name = "operator", lease.*?\)\)', lambda _: grants, instance.manifest(services=services), count=1)


CASES = ["every_kind", "paperclips", "adventure"]


def main(binaries, stage, screens=None, *only):
    if not shutil.which("chromium"):
        print("there is no Chromium here")
        return 77
    return page.run("web-alike", Alike(binaries, stage, screens), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
