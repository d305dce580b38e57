"""staging: a bridge, and behind it a service that does word for word what a test says (test/ui/stage.c); and what a
page holds of its panes, by the arithmetic that web.capnp has for `change`, written here another time.
"""
import base64
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import instance  # noqa: E402
import sessionlib  # noqa: E402

from bridge import DEADLINE, Bridge, equal, holds, until  # noqa: E402

STAGE = sessionlib.type_id("stage", "Stage", root="test/ui")
SETTINGS = sessionlib.type_id("remote_ui", "UiSettings")
LISTS = {"log": "lines", "list": "items", "table": "rows", "tree": "nodes", "counters": "counters",
         "chart": "series", "progress": "steps", "map": "markers", "transcript": "messages"}


def schema_of(kind):
    return str(sessionlib.type_id("remote_ui", "Ui" + kind.capitalize(), root="schema"))


def applied(model, c):
    """The model that a change makes of one."""
    kind, fresh = next(iter(c["model"].items()))
    equal([kind], list(model), "a change of another kind")
    name, head = LISTS.get(kind), dict(fresh if c.get("head") else model[kind])
    if not name:
        return {kind: head}
    gone, new = set(c.get("removed", [])), fresh.get(name, [])
    left = [e for i, e in enumerate(model[kind].get(name, [])) if i not in gone][c.get("dropped", 0):]
    places = c.get("replaced", [])
    for place, e in zip(places, new):
        left[place] = e
    equal(len(new) - len(places), c.get("appended", 0), "appended")
    head[name] = left + new[len(places):]
    return {kind: head}


class Mirror:
    """What one tab has been told of panes."""

    def __init__(self, tab):
        self.tab, self.panes, self.heard = tab, {}, []
        for f in tab.frames:
            self.take(f)
        tab.frames.clear()

    def take(self, f):
        if "pane" in f:
            p = f["pane"]
            if p.get("stays"):
                holds("model" not in p or not p["model"].get(p["kind"]), "a model beside `stays`")
                p = {**self.panes[p["surface"]], **{m: p[m] for m in p if m not in ("model", "commands", "stays")}}
            self.panes[p["surface"]] = p
        elif "change" in f and f["change"]["surface"] in self.panes:
            p = self.panes[f["change"]["surface"]]
            p["model"], p["revision"] = applied(p["model"], f["change"]), f["change"]["revision"]
        elif "commands" in f and f["commands"]["surface"] in self.panes:
            self.panes[f["commands"]["surface"]]["commands"] = f["commands"].get("commands", [])
        elif "gone" in f:
            self.panes.pop(f["gone"]["surface"], None)
        self.heard.append(f)

    def until(self, wanted):
        """Reads on until wanted() holds, of this mirror."""
        end = time.monotonic() + DEADLINE
        while not wanted():
            holds(time.monotonic() < end, f"it does not come; {self.heard[-3:]!r:.1000}")
            self.take(json.loads(self.tab.read()))

    def at(self, surface, revision):
        self.until(lambda: int(self.panes.get(surface, {}).get("revision", -1)) >= revision)

    def ask(self, what, value=None):
        id = self.tab.up(what, value)
        found, end = [], time.monotonic() + DEADLINE
        while not found:
            holds(time.monotonic() < end, f"no answer to {what}; {self.heard[-3:]!r:.1000}")
            f = json.loads(self.tab.read())
            self.take(f)
            found = [f] if f.get("id") == id else []
        return found[0]


class Staged(Bridge):
    """A bridge whose instance has a stage, which is lent a host."""

    def __init__(self, binaries, stage, env=None):
        grants = instance.profile("operator", ["session", "system_info", "chat", "stage", "settings"])
        settings = instance.service("settings", "capos-settings", SETTINGS, disclosure="pseudonym").replace(
            "remote = (transfer = services)", "state = true, remote = ()")
        text = instance.manifest(services=[instance.service("stage", os.path.abspath(stage), STAGE), settings])
        plain = instance.profile("operator", ["session", "system_info", "chat"])
        holds(plain in text, "the profile of the manifest")
        text = text.replace(plain, grants.replace('(name = "stage"', '(name = "stage", ui = true'))
        with tempfile.NamedTemporaryFile("w", suffix=".manifest") as f:
            f.write(text)
            f.flush()
            super().__init__(binaries, manifest=f.name, env=env)
        self.person = self.browser()
        t = self.person.tab()
        t.ask("connect", 0)
        holds("session" in t.ask("login", {"kind": "password", "account": "alice", "secret": "correct horse"}), "login")
        t.down("offers")
        self.mirror = Mirror(t)
        equal(self.mirror.ask("offer", "stage").get("done", 0), None)
        self.revisions = {}
        until(lambda: self.tell("heard").get("lent"), "nothing is lent")

    def tell(self, method, **params):
        r = self.mirror.ask("call", {"target": "stage", "method": method, "params": json.dumps(params)})
        holds("returned" in r, r)
        return json.loads(r["returned"]["json"])

    def open(self, name, kind, safety="ordinary"):
        """Opens a pane, and returns its number."""
        before = set(self.mirror.panes)
        self.paced("open", spec={"surfaceId": self.id(name), "title": name, "kind": kind, "safetyClass": safety,
                                 "modelSchema": schema_of(kind)})
        self.mirror.until(lambda: set(self.mirror.panes) - before)
        self.revisions[name] = 0
        return (set(self.mirror.panes) - before).pop()

    @staticmethod
    def id(name):
        return base64.b64encode(name.encode()).decode()

    def paced(self, method, **params):
        """Tells it; what is too much for one second is tried again."""
        said, end = {"outcome": "over-quota.ui-patches"}, time.monotonic() + DEADLINE
        while "over-quota.ui-patches" in said["outcome"] or "over-quota.ui-traffic" in said["outcome"]:
            holds(time.monotonic() < end, f"{method} is {said['outcome']} all the time")
            said = self.tell(method, **params)
            time.sleep(0.05 if said["outcome"] else 0)
        equal(said["outcome"], "", f"{params!r:.500}")

    def patch(self, name, kind, payload):
        self.paced("apply", patch={"kind": kind, "surfaceId": self.id(name), "payload": payload})
        self.revisions[name] += 1

    def show(self, name, model):
        self.patch(name, "updateModel", {"model": {"whole": model}})

    def change(self, name, **delta):
        self.patch(name, "updateModel", {"model": {"base": str(self.revisions[name]), **delta}})
