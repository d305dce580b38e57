#!/usr/bin/env python3
"""Panes in Debian's Chromium: every kind of them and their changes, what is asked about, what is taken away, and a
composer that means harm, by services that do what they are told (test/ui/stage.c, test/ui/hostile.c; R53 to R56).

usage: kinds.py BINARIES GUIDE STAGE HOSTILE [SCREENS [CASE...]]

As page.py, whose cases it has but does not run.
"""
import base64
import concurrent.futures
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
from models import KINDS, harmful  # noqa: E402

STAGE = sessionlib.type_id("stage", "Stage", root="test/ui")
WORK, SAY = 7, 9
FRAME = 0, 0, 780, 47  # as far as where the lease begins, and what stands beside that
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

    def call(self, cap, does, /, **params):
        r = self.rig.run("call", cap, does, "-", "-s", "teller", "--json", stdin=json.dumps(params))
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
            p.click("#main .pane [id$='-close']")
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
        wanted = {k: self.revisions[k] for k in CHANGES}
        page.bridge.until(lambda: self.told(p)[0] == wanted, "all that has changed")
        equal(self.told(p)[1], {k for k, (_, *changes) in CHANGES.items() if changes}, "kinds that come as a change")
        drawn = DRAWN % json.dumps(list(CHANGES))
        p.until("document.querySelectorAll('.pane').length > 1")
        changed = self.settled(p, drawn)
        since = len(p.events)
        p.reload()
        page.bridge.until(lambda: self.told(p, since)[0] == wanted, "all of it whole")
        p.there(".pane")
        whole = self.settled(p, drawn)
        for kind in CHANGES:
            equal(changed[kind], whole[kind], f"the pane of a {kind}")
        self.over(p)

    @staticmethod
    def told(p, since=0):
        """What has come: {kind: revision}, and the kinds of which a change has come."""
        p.call("Page.getFrameTree")  # what has come so far is read by that
        frames = [json.loads(e["params"]["response"]["payloadData"]) for e in p.events[since:]
                  if e["method"] == "Network.webSocketFrameReceived"]
        panes = [f["pane"] for f in frames if "pane" in f]
        kinds, told = {f["surface"]: f["kind"] for f in panes}, {}
        changes = [f["change"] for f in frames if "change" in f]
        for c in panes + changes:
            kind = kinds[c["surface"]]
            told[kind] = max(told.get(kind, 0), int(c["revision"]))
        return told, {kinds[c["surface"]] for c in changes}

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


    # ---- what is asked, and what is taken ----

    def asked_about(self):
        """What would last is asked about in the frame, in the host's words; no is no, and yes is once."""
        p = self.lent()
        self.open(p, "acts", "text", "Acts", safetyClass="consequential")
        self.command("acts", "lasts", "Look again", WORK, effect="reads",
                     fields=[{"path": "text", "label": "Words", "kind": "text"}],
                     run={"call": {"interfaceId": str(STAGE), "methodId": WORK,
                                   "constants": [{"path": "amount", "value": {"uint": "7"}}]}})
        for answer, times in (("no", 0), ("yes", 1)):
            p.click("[id$='-c-lasts']")
            p.there(".ask-fields [id$='-lasts-text']")
            p.fill(".ask-fields [id$='-lasts-text']", "for good")
            p.click(".ask-fields .go")
            p.there("#sheet[open]")
            for words in ("stage", "Look again", "work", "for good", "7", "set by the service", "alice",
                          "cannot be undone"):
                p.says(words, "#sheet")
            p.until("document.querySelector('#sheet').dataset.deaf === ''", "it can be answered")
            if self.screens and answer == "no":
                self.shoot(p, "asked-lasting")
            p.js("document.querySelector('.pane .said').textContent = ''")
            p.click(f"#sheet-{answer}")
            p.until("!document.querySelector('#sheet').open", "it is answered")
            p.until("document.querySelector('.pane .said').innerText.length > 1", "how it has ended")
            equal(self.call("stage", "worked").get("times", 0), times, f"how often it ran after {answer}")
            typed = p.js("document.querySelector('.ask-fields [id$=-lasts-text]')?.value ?? ''")
            equal(typed, "for good" if answer == "no" else "", f"what was typed, after {answer}")
        p.says("Done", ".pane .said")
        self.over(p)

    LONG = "too long for it"
    SHORT = [{"path": "text", "label": "Words", "kind": "text", "maxBytes": 8}]

    def a_message_is_refused(self):
        """What was said and not taken stands in the box again, unless somebody has typed on; why is said once."""
        p = self.lent()
        self.open(p, "talk", "transcript", "A talk")
        self.command("talk", "say", "Say", fields=self.SHORT)
        self.show("talk", "transcript", {"send": "say"})
        p.there(".say:not([hidden]) textarea:enabled")
        value = "document.querySelector('.say textarea').value"
        p.fill(".say textarea", self.LONG)
        p.key("Enter")
        p.says("longer than 8 bytes", ".pane .said")
        equal([p.text(".pane .said"), p.js(value)], ["refused.command: longer than 8 bytes", self.LONG], "refused")
        p.js("document.querySelector('.pane .said').textContent = ''")
        p.js(f"document.querySelector('.say').requestSubmit(), {value} = 'other'")
        p.says("longer than 8 bytes", ".pane .said")
        equal(p.js(value), "other", "what was typed since")
        p.fill(".say textarea", "short")
        p.key("Enter")
        p.says("Done", ".pane .said")
        equal(p.js(value), "", "what was taken")
        self.over(p)

    def a_form_is_refused(self):
        """A command's fields stay until it is taken; Escape and Cancel let it be. The focus is at its button again."""
        p = self.lent()
        self.open(p, "acts", "text", "Acts")
        self.command("acts", "name", "Name it", fields=self.SHORT)
        field = "document.querySelector('.ask-fields [id$=-name-text]')"
        back = f"!{field} && document.activeElement?.id.endsWith('-c-name')"
        for ends in (lambda: p.key("Escape"), lambda: p.click(".ask-fields .cancel"), lambda: p.key("Enter")):
            p.click("[id$='-c-name']")
            p.until(f"document.activeElement === {field}")
            p.type("éèéèé")
            p.key("Enter")
            p.until("document.querySelector('.ask-fields')?.ariaBusy === 'false'", "it is answered")
            p.says("refused.command: longer than 8 bytes", ".pane .said")
            equal(p.js(f"{field}?.value"), "éèéèé", "what was typed")
            p.js(f"{field}.select()")
            p.type("short")
            ends()
            p.until(back, "it is closed, and its button has the focus")
        p.says("Done", ".pane .said")
        self.over(p)

    def what_a_service_has_set(self):
        """A choice that nobody has made is none; one that the service has made is asked about, until a person has."""
        p = self.lent()
        self.open(p, "acts", "form", "Order", safetyClass="consequential")
        self.command("acts", "say", "Say", effect="shared", fields=[{"path": "text"}])
        wing = {"path": "text", "label": "Wing", "kind": "choice", "required": True,
                "choices": [{"value": {"text": "east"}}, {"value": {"text": "west"}}]}
        chosen = "document.querySelector('.pane-form select').value"
        self.show("acts", "form", {"submit": "say", "fields": [wing]})
        p.there(".pane-form select")
        equal(p.js(chosen), "", "what is chosen where nothing is")
        p.choose(".pane-form select", "west")
        p.click(".pane-form .go")
        p.says("Done", ".pane .said")
        equal(self.call("stage", "worked").get("last"), "west", "what was sent")
        p.js("document.querySelector('.pane .said').textContent = ''")
        self.show("acts", "form", {"submit": "say", "fields": [{**wing, "initial": {"text": "east"}}]})
        p.until(f"{chosen} === 'east'", "what the service has chosen")
        p.click(".pane-form .go")
        p.there("#sheet[open]")
        p.until("document.querySelector('#sheet').dataset.deaf === ''", "it can be answered")
        p.click("#sheet-no")
        p.says("a person said no", ".pane .said")
        equal(self.call("stage", "worked").get("last"), "west", "what was sent after no")
        self.show("acts", "form", {"submit": "say", "fields": [{"path": "text", "label": "Quiet", "kind": "flag"}]})
        p.there(".pane-form [type=checkbox]")
        p.click(".pane-form .go")
        p.says("Done", ".pane .said")
        self.over(p)

    def a_pane_with_a_form_is_refused(self):
        """What was typed into a pane of fields and was not taken stays; what was taken is the service's again."""
        p = self.lent()
        self.open(p, "form", "form", "A form")
        self.command("form", "go", "Go", fields=self.SHORT)
        self.show("form", "form", {"fields": self.SHORT, "submit": "go"})
        field = "document.querySelector('.pane-form input')"
        p.fill(".pane-form input", "éèéèé")
        p.click(".pane-form .go")
        p.says("refused.command: longer than 8 bytes", ".pane .said")
        self.show("form", "form", {"fields": self.SHORT, "submit": "go",
                                   "complaints": [{"path": "text", "text": "too long"}]})
        p.says("too long", ".pane-form")
        equal(p.js(f"{field}.value"), "éèéèé", "what was refused")
        p.fill(".pane-form input", "short")
        p.click(".pane-form .go")
        p.says("Done", ".pane .said")
        p.until(f"{field}.value === ''", "what was taken")
        self.over(p)

    def shown_again(self):
        """A transcript stands at its end when it is shown again, though that has gone on; or where somebody read."""
        p = self.lent()
        self.open(p, "talk", "transcript", "A talk")
        said = [{"sequence": str(i), "author": "ann", "text": f"line {i}"} for i in range(60)]
        self.show("talk", "transcript", {"messages": said[:58]})
        room = "document.querySelector('.messages')"
        end = f"{room}?.isConnected && {room}.scrollTop > 100 && " \
              f"{room}.scrollHeight - {room}.scrollTop - {room}.clientHeight < 24"
        p.until(end, "its end")
        for i in (58, 59):
            p.click("#go-overview")
            p.there("#overview")
            self.change("talk", messages=[said[i]])
            p.click("#go-workspace")
            p.says(f"line {i}", ".messages")
            p.until(end, "its end, shown again")
        p.js(f"{room}.scrollTop = 200, new Promise((done) => {room}.onscroll = () => done(1))")
        p.click("#go-overview")
        p.there("#overview")
        p.click("#go-workspace")
        p.until(f"{room}?.scrollTop === 200", "where somebody has read")
        self.over(p)

    def consent(self):
        """Whether a service may open panes by itself is a person's word, which stands beside it; a click is another."""
        p = self.session()
        p.click("#go-capabilities")
        p.click("#show-stage")
        p.choose("#consent-stage", "never")
        p.says("never", "#service-stage")
        p.choose("#consent-stage", "ask")
        p.until("!document.querySelector('#service-stage').innerText.includes('never')")
        p.click("#service-stage")
        self.open(p, "again", "text", "Again")
        p.click("#main .pane [id$='-close']")
        p.says("Show the pane that you closed", "#closed-stage")
        p.click("#closed-stage")
        p.until("!document.querySelector('#closed-stage')", "it may be shown again")
        self.open(p, "again", "text", "Again")
        self.over(p)

    def taken_while_a_call_runs(self):
        """A capability is revoked: the call that runs, its row and its panes say so."""
        p = self.session()
        p.click("#service-chat")
        p.until("document.querySelectorAll('.pane').length === 3", "all of its panes")
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'commands')")
        p.choose("#method", "commands")
        p.there("#arg-waitMs")
        p.click("#call")
        p.says("revision", "#response")
        revision = json.loads(p.text("#response"))["revision"]
        p.fill("#arg-known", revision)
        p.fill("#arg-waitMs", "60000")
        p.click("#call")
        p.says("under way", "#outcome")
        self.rig.ok("session", "revoke", "--account", "alice", "chat", "--state", self.rig.state)
        p.says("denied.revoked-lease", "#outcome")
        p.says("was taken from this session", "#taken")
        p.says("3 panes of chat were closed (Channels, No channel, Members): the instance has taken it back",
               "#notice")
        if self.screens:
            self.shoot(p, "taken-calls")
        p.click("#go-capabilities")
        p.until("document.querySelector('#cap-chat.gone')?.innerText.includes('revoked')", "its row")
        if self.screens:
            self.shoot(p, "taken")
        p.click("#go-workspace")
        p.until("!document.querySelector('.pane')", "its panes")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    # ---- by name, and by schema ----

    def by_the_palette(self):
        """Whatever can be run is found by some of its letters: a command, a method, a screen."""
        p = self.lent()
        self.open(p, "acts", "text", "Acts")
        self.command("acts", "polish", "Polish the lamp", run={"view": None})
        p.there("[id$='-c-polish']")
        self.call("stage", "heard")
        self.find(p, "plsh lmp", "Polish the lamp")
        page.bridge.until(lambda: any(e.get("command") == "polish" for e in self.call("stage", "heard")["events"]),
                          "the service is told")
        self.find(p, "chat", "chat")
        p.until("document.querySelector('#target')?.value === 'c:chat'", "it is what is called")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'channels')")
        self.find(p, "chat.chan", "chat.channels")
        p.until("document.querySelector('#method').value === 'channels'", "the method")
        self.find(p, "over", "Overview")
        p.there("#overview")
        p.click("#go-workspace")
        self.over(p)

    @staticmethod
    def find(p, letters, first):
        p.key("k", ctrl=True)
        p.until("document.activeElement?.id === 'palette-input'")
        p.type(letters)
        p.says(first, "#palette-0")
        p.key("Enter")

    def forms_by_schema(self):
        """Each parameter has its type and its author's words, lists grow, and what is sent is seen before it is."""
        p = self.session()
        p.click("#go-calls")
        p.choose("#target", "c:stage")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'open')")
        p.choose("#method", "open")
        p.says("Opens a pane. outcome: empty, or why not.", ".builder .doc")
        p.there("#arg-spec-title")
        p.fill("#arg-spec-title", "By hand")
        p.choose("#arg-spec-kind", "table")
        p.until("JSON.parse(document.querySelector('#request').innerText).spec?.kind === 'table'")
        holds(p.js("[...document.querySelectorAll('.builder .field > .help')].some((e) => e.innerText.length > 20)"),
              "no field has its author's words")
        p.choose("#method", "theme")
        p.there("#arg-hints-accent")
        holds(p.js("document.querySelectorAll('#arg-hints-accent option').length > 5"), "an enum's names")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.says("Joins a channel, making it when it is not there", ".builder .doc")
        p.fill("#arg-channel", "#typed")
        p.choose("#target", "c:stage")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'open')")
        p.choose("#method", "open")
        p.until("document.querySelector('#arg-spec-title')?.value === 'By hand'", "what was typed before")
        p.click("#go-overview")
        p.there("#overview")
        p.click("#go-calls")
        p.until("document.querySelector('#arg-spec-title')?.value === 'By hand'", "what was typed for it")
        p.until("JSON.parse(document.querySelector('#request').innerText).spec?.kind === 'table'")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.until("document.querySelector('#arg-channel')?.value === '#typed'", "what was typed for the other")
        p.click("#as-json")
        p.until("document.querySelector('#raw')?.value.includes('#typed')", "the same as JSON")
        self.leave(p)

    # ---- a composer that means harm (test/ui/hostile.md) ----

    def say(self, to, method, params, answer="", count=1):
        """Until there is room for it in its pace; what it is answered with begins so."""
        def said():
            r = self.call("hostile", "say", to=to, method=method, params=params, count=count)
            return "over-quota" not in r.get("answer", r.get("outcome", "")) and r
        got = page.bridge.until(said, f"{method} {params}")
        holds(got.get("answer", "?").removeprefix("host: ").startswith(answer) and
              bool(answer) == bool(got["answer"]), f"{method} {params}: {got}")

    def frame_of(self, p):
        """The pixels of the frame: all of both bars but the lease, which runs, and what says how much there is."""
        right = p.js("Math.ceil(document.querySelector('.lease').getBoundingClientRect().right)")
        return [p.pixels(*r) for r in (FRAME, (right, 0, 1360 - right, 47), (0, 732, 250, 28), (1260, 732, 100, 28))]

    def same(self, p, alone, when):
        for now, before in zip(self.frame_of(p), alone):
            self.alike(now, before, when)

    def hostile_frame(self):
        """Whatever it shows and wishes, the frame's pixels are as without it, each pane stands behind its service's
        name, what it asks for in the name of all is asked about, and nothing has run."""
        p = self.session()
        p.click("#go-workspace")
        p.click("#open-guide")
        p.says("First steps", ".pane h2")
        p.js("document.activeElement.blur()")
        alone = self.frame_of(p)
        p.click("#service-hostile")
        page.bridge.until(lambda: self.call("hostile", "say", to="host", method="describe", params="()",
                                            count=1).get("answer") == "", "its host")
        harmful(self.say, "lab")
        p.says("Your lease is over.", "#main")
        self.same(p, alone, "the frame beside its panes")
        self.say("host", "theme", "(scope = own, hints = (scheme = dark, density = spacious, scalePercent = 200, "
                 "contrast = more, accent = rose, simple = true))")
        p.until("document.querySelector('.pane.of-text').dataset.simple === 'yes'", "its wish is followed in its panes")
        self.same(p, alone, "the frame beside its look")
        equal(p.js("document.documentElement.dataset.accent"), "", "the accent of all")
        for surface in p.js("[...document.querySelectorAll('.pane h2')].map((e) => e.textContent)"):
            holds(surface.startswith(("hostile ", "guide ")), f"a pane is called {surface!r}")
        self.asked_no(p, "host", "theme", "(scope = workspace, hints = (scheme = dark, accent = rose))")
        self.asked_no(p, "a", "persist", "(what = layout)")
        p.js("document.activeElement.blur()")
        self.same(p, alone, "the frame after its questions")
        if self.screens:
            self.shoot(p, "panes-hostile")
        equal(self.call("hostile", "counted").get("ran"), 0, "what has run")
        p.click("#service-hostile")
        p.until("[...document.querySelectorAll('.pane h2')].every((e) => e.textContent.startsWith('guide '))")
        p.click("#service-guide")
        p.until("!document.querySelector('.pane')")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def asked_no(self, p, *said):
        """What it asks for stands in the frame's sheet; a person says no, and it is told so."""
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answer = pool.submit(self.say, *said, "refused.person")
            p.there("#sheet[open]")
            p.until("document.querySelector('#sheet').dataset.deaf === ''", "it can be answered")
            p.click("#sheet-no")
            answer.result()
        p.until("!document.querySelector('#sheet').open", "it is answered")


CASES = ["each_kind", "each_kind_changes", "all_kinds_at_once", "asked_about", "a_message_is_refused",
         "a_form_is_refused", "what_a_service_has_set", "a_pane_with_a_form_is_refused", "shown_again", "consent",
         "by_the_palette", "forms_by_schema", "hostile_frame",
         "taken_while_a_call_runs"]


def main(binaries, guide, stage, hostile, screens=None, *only):
    if not shutil.which("chromium"):
        print("there is no Chromium here")
        return 77
    programs = {"guide": guide, "stage": stage, "hostile": hostile}
    return page.run("web-kinds", Kinds(binaries, programs, screens), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
