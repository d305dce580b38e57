#!/usr/bin/env python3
"""Panes in Debian's Chromium: every kind of them and their changes, what is asked about, what is taken away, and a
composer that means harm, by services that do what they are told (test/ui/stage.c, test/ui/hostile.c; R53 to R56).

usage: kinds.py BINARIES GUIDE STAGE HOSTILE [SCREENS [CASE...]]

As page.py, whose cases it has but does not run.
"""
import base64
import json
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

from panes import KINDS as CHANGES  # noqa: E402
import instance  # noqa: E402
import page  # noqa: E402
import sessionlib  # noqa: E402
from bridge import equal, holds  # noqa: E402
from models import KINDS  # noqa: E402

STAGE = sessionlib.type_id("stage", "Stage", root="test/ui")
WORK, SAY = 7, 9
FRAME = 0, 0, 700, 47  # all of it but the lease, which runs
SERVICES = {"guide": ("guide", "Guide", "example/ui"), "stage": ("stage", "Stage", "test/ui"),
            "hostile": ("hostile", "Hostile", "test/ui")}


def manifest(programs):
    """An operator may have panes of all of them, and of chat."""
    services = [instance.service(name, os.path.abspath(programs[name]), sessionlib.type_id(file, iface, root=root))
                for name, (file, iface, root) in SERVICES.items()]
    grants = instance.profile("operator", ["session", "system_info", "chat", *SERVICES])
    for name in ("chat", *SERVICES):
        grants = grants.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    text = instance.manifest(services=services)
    return re.sub(r'\(name = "operator", lease.*?\)\)', lambda _: grants, text, count=1)


# What stands in each pane: elements, their attributes in order, texts; but not what was read out last.
DRAWN = """((kinds) => {
    const tree = (n) => n.nodeType === 3 ? n.data : [n.nodeName,
        [...n.attributes].map((a) => `${a.name}=${a.value}`).sort(), [...n.childNodes].map(tree)];
    return Object.fromEntries(kinds.map((k) => [k, JSON.stringify(
        [...document.querySelectorAll(`.pane.of-${k} .model > :not(.unseen)`)].map(tree))]));
})(%s)"""


def surface(name):
    return base64.b64encode(name.encode()).decode()


class Kinds(page.Cases):
    def __init__(self, binaries, programs, screens):
        super().__init__(binaries, None, screens, manifest(programs))
        self.rig = self.bridge.rig
        self.rig.login("teller")
        self.revisions = {}

    # ---- what the services are told ----

    def call(self, cap, method, **params):
        r = self.rig.run("call", cap, method, "-", "-s", "teller", "--json", stdin=json.dumps(params))
        return r.json if r.code == 0 else {"outcome": r.out + r.err}

    def open(self, p, name, kind, title, **more):
        """The pane, as soon as something is lent."""
        schema = sessionlib.type_id("remote_ui", "Ui" + kind.capitalize(), root="schema")
        spec = {"surfaceId": surface(name), "title": title, "kind": kind, "safetyClass": "ordinary",
                "modelSchema": str(schema), **more}
        page.bridge.until(lambda: self.call("stage", "open", spec=spec)["outcome"] == "", f"the pane {name}")
        self.revisions[name] = 0
        p.says(title, "#main")

    def patch(self, name, kind, outcome="", **payload):
        r = self.call("stage", "apply", patch={"kind": kind, "surfaceId": surface(name), "payload": payload})
        holds(r["outcome"] == outcome, f"{payload}: {r}")

    def show(self, name, kind, model):
        self.change(name, whole={kind: model})

    def change(self, name, **delta):
        self.patch(name, "updateModel", model={"base": str(self.revisions[name]), **delta})
        self.revisions[name] += 1

    def command(self, name, command, title, method=SAY, **more):
        self.patch(name, "addCommand", command={
            "id": command, "title": title,
            "run": {"call": {"interfaceId": str(STAGE), "methodId": method}}, **more})

    def full(self, kind, model):
        """A model with the commands that it speaks of."""
        self.command(kind, "use", "Take it")
        self.command(kind, "say", "Say", fields=[{"path": "text", "label": "Words", "kind": "text"}])
        self.show(kind, kind, model)

    def lent(self):
        """A page whose workspace has been lent to the stage."""
        p = self.session()
        p.click("#go-workspace")
        p.click("#open-stage")
        return p

    def over(self, p):
        self.call("stage", "finish")
        p.until("!document.querySelector('.pane')", "the panes are gone")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    # ---- kinds ----

    def each_kind(self):
        """Nothing yet, and then a model with all that is hard in it, alone in the workspace."""
        p = self.lent()
        for kind, (model, nothing, words, there) in KINDS.items():
            self.open(p, kind, kind, f"A {kind}")
            p.says(nothing, ".pane .model")
            if self.screens:
                self.shoot(p, f"pane-{kind}-empty")
            self.full(kind, model)
            for word in words:
                p.says(word, ".pane .model")
            p.there(f".pane .model :is({there})")
            equal(p.js("document.documentElement.scrollWidth <= innerWidth"), True, f"{kind} fits")
            if self.screens:
                self.shoot(p, f"pane-{kind}")
            p.click(f"#main .pane [id$='-close']")
            p.until("!document.querySelector('.pane')", f"{kind} is closed")
        self.over(p)

    def each_kind_changes(self):
        """What changes is drawn as it changes: afterwards each pane is what a page shows that is told it whole."""
        p = self.lent()
        for kind, (whole, *changes) in CHANGES.items():
            self.open(p, kind, kind, f"A {kind}")
            self.show(kind, kind, whole)
            for delta, _ in changes:
                self.change(kind, **delta)
        wanted = {k for k, (_, *changes) in CHANGES.items() if changes}
        page.bridge.until(lambda: self.changed(p) == wanted, "kinds that come as a change")
        drawn = DRAWN % json.dumps(list(CHANGES))
        p.until("document.querySelectorAll('.pane').length > 1")
        changed = self.settled(p, drawn)
        p.reload()
        p.there(".pane")
        whole = self.settled(p, drawn)
        for kind in CHANGES:
            equal(changed[kind], whole[kind], f"the pane of a {kind}")
        self.over(p)

    @staticmethod
    def changed(p):
        """The kinds of which a change has come."""
        p.js("1")  # what has come so far is read by that
        frames = [json.loads(e["params"]["response"]["payloadData"]) for e in p.events
                  if e["method"] == "Network.webSocketFrameReceived"]
        return {next(iter(f["change"]["model"])) for f in frames if "change" in f}

    @staticmethod
    def settled(p, expression):
        """A value, when two drawings in a row have the same."""
        before = None
        while True:
            now = p.js(expression)
            if now == before:
                return now
            before = now
            p.js("new Promise((done) => setTimeout(() => requestAnimationFrame(() => done(1)), 200))")

    def all_kinds_at_once(self):
        """A workspace full of panes: a layout, each readable."""
        p = self.lent()
        for kind, (model, *_) in KINDS.items():
            self.open(p, kind, kind, f"A {kind}")
            self.full(kind, model)
        p.until(f"document.querySelectorAll('.pane, [role=tab]').length >= {len(KINDS)}", "all are there")
        if self.screens:
            self.shoot(p, "panes-all")
        self.over(p)


CASES = ["each_kind", "each_kind_changes", "all_kinds_at_once"]


def main(binaries, guide, stage, hostile, screens=None, *only):
    if not shutil.which("chromium"):
        print("there is no Chromium here")
        return 77
    programs = {"guide": guide, "stage": stage, "hostile": hostile}
    return page.run("web-kinds", Kinds(binaries, programs, screens), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
