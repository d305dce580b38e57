"""models: what a composer may show, one model of each kind, as JSON, with what is hard in it: long words, another
direction of writing, every tone, no number, nothing at all. And a change of each, as a delta.

usage: none; kinds.py shows them in Chromium, and axe.py looks at them.
"""
import math

import sessionlib

AT = 1790000000000  # a moment, in milliseconds
TONES = ["neutral", "muted", "info", "good", "warning", "bad", "accent"]


def run(text, **more):
    return {"text": text, **more}


def paragraph(style, *runs):
    return {"style": style, "runs": [r if isinstance(r, dict) else run(r) for r in runs]}


def number(n):
    return {"number": n}


TEXT = {"paragraphs": [
    paragraph("heading", "The lighthouse"),
    paragraph("body", "You stand at the foot of the stairs. Above you, ", run("something hums", strong=True),
              " in a voice that ", run("nobody", tone="bad"), " has tuned."),
    paragraph("bullet", "A lamp, ", run("still warm", tone="warning")),
    paragraph("bullet", "A door, ", run("locked", mono=True)),
    paragraph("quote", "Whoever reads this has come further than I have."),
    paragraph("code", "climb --slowly\nlook up"),
    paragraph("body", "שלום and ",
              run("Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverkäuferin", tone="info")),
    paragraph("caption", "Written by the keeper, three winters ago.")]}

LOG = {"lines": [{
    "sequence": str(i), "atMs": str(AT + i * 1500), "level": TONES[i % 7], "source": ("relay", "disk", "")[i % 3],
    "text": ("The pump has started.", "Pressure holds.", "A valve answers late, and nobody has asked it anything; "
             "this line is longer than its pane is wide, and has to be broken.")[i % 3],
    "attributes": [{"name": "bar", "value": number(2.5 + i)}, {"name": "valve", "value": {"text": f"v{i}"}}][:i % 3],
} for i in range(40)]}

LIST = {"selectable": "one", "items": [
    {"key": "lamp", "title": "Lamp", "detail": "Burns for another hour", "badge": "1 h", "tone": "good",
     "icon": "energy", "commands": ["use"]},
    {"key": "rope", "title": "Rope", "detail": "Twelve arms long", "icon": "item", "commands": ["use"]},
    {"key": "map", "title": "Map of the coast", "icon": "place", "badge": "new", "tone": "accent"},
    {"key": "coin", "title": "Coins", "badge": "1,204", "icon": "money", "tone": "warning"},
    {"key": "long", "title": "A thing with a name that goes on, longer than its line is",
     "detail": "And words about it that need more than one line, since whoever wrote them had much to say of it.",
     "tone": "bad", "icon": "alert"},
    {"key": "dull", "title": "Sand", "tone": "muted", "icon": "none"}]}

TABLE = {"selectable": "many", "columns": [
    {"key": "name", "title": "Valve"}, {"key": "flow", "title": "Flow", "unit": "bytesPerSecond", "numeric": True},
    {"key": "load", "title": "Load", "unit": "percent", "numeric": True},
    {"key": "wait", "title": "Wait", "unit": "milliseconds", "numeric": True},
    {"key": "open", "title": "Open"}],
    "rows": [{"key": f"v{i}", "tone": {3: "bad", 5: "muted"}.get(i, "neutral"),
              "commands": ["use"] if i % 2 else [],
              "cells": [{"text": f"valve {i}"}, {"uint": str(1500 * 7 ** i)}, number(i / 9), number(3.25 * 9 ** i),
                        {"flag": i % 2 == 0}]} for i in range(8)]}

TREE = {"nodes": [
    {"key": "house", "title": "House", "open": True, "icon": "door"},
    {"key": "cellar", "parent": "house", "title": "Cellar", "detail": "dark", "tone": "muted", "icon": "place"},
    {"key": "hall", "parent": "house", "title": "Hall", "open": True, "icon": "place"},
    {"key": "clock", "parent": "hall", "title": "Clock", "detail": "stands at noon", "icon": "clock",
     "commands": ["use"]},
    {"key": "stairs", "parent": "hall", "title": "Stairs", "tone": "warning", "icon": "arrow"},
    {"key": "barrel", "parent": "cellar", "title": "Barrel", "icon": "item"},
    {"key": "garden", "title": "Garden", "tone": "good", "icon": "place"}]}

COUNTERS = {"counters": [
    {"key": "clips", "label": "Clips", "value": 120450, "unit": "count", "perSecond": 12.5,
     "recent": [3, 4, 4, 6, 9, 8, 12, 14, 13, 17]},
    {"key": "wire", "label": "Wire", "value": 1830, "unit": "count", "perSecond": -4, "tone": "warning",
     "goal": 4000},
    {"key": "funds", "label": "Funds", "value": 812.4, "unit": "money", "tone": "good"},
    {"key": "load", "label": "Load", "value": 0.93, "unit": "percent", "goal": 1, "tone": "bad"},
    {"key": "memory", "label": "Memory held", "value": 734003200, "unit": "bytes", "recent": [1, 1, 1, 1]}]}

CHART = {"style": "line", "time": True, "unit": "percent", "series": [
    {"key": "cpu", "label": "Processor", "x": [AT + i * 10000 for i in range(60)],
     "y": [None if 20 < i < 24 else 0.5 + 0.4 * math.sin(i / 6) for i in range(60)]},
    {"key": "disk", "label": "Disk", "tone": "warning", "x": [AT + i * 10000 for i in range(60)],
     "y": [0.2 + 0.1 * math.cos(i / 4) for i in range(60)]}],
    "mark": [{"x": AT + 300000, "label": "restart", "tone": "bad"}]}

FORM = {"submit": "use", "fields": [
    {"path": "name", "label": "Name", "kind": "text", "required": True, "help": "As it stands on the door."},
    {"path": "words", "label": "A few words", "kind": "text", "lines": 3},
    {"path": "rooms", "label": "Rooms", "kind": "integer", "min": 1, "max": 9, "initial": {"int": "3"}},
    {"path": "share", "label": "Share", "kind": "number"},
    {"path": "size", "label": "Size", "kind": "bytes", "help": "How much it may keep."},
    {"path": "pause", "label": "Pause", "kind": "duration"},
    {"path": "colour", "label": "Wing", "kind": "choice", "choices": [
        {"value": {"text": "east"}, "label": "East"}, {"value": {"text": "west"}, "label": "West"}]},
    {"path": "from", "label": "From", "kind": "instant"},
    {"path": "quiet", "label": "Keep it quiet", "kind": "flag", "help": "Nobody else is told."}],
    "values": [{"path": "name", "value": {"text": "Ada"}}],
    "complaints": [{"path": "words", "text": "Say at least why."}]}

PROGRESS = {"steps": [
    {"key": "fetch", "title": "Fetch", "detail": "12 of 12 parts", "state": "done"},
    {"key": "check", "title": "Check", "detail": "the ninth part is being read", "state": "running", "fraction": 0.4},
    {"key": "build", "title": "Build", "detail": "there was no room", "state": "failed"},
    {"key": "sign", "title": "Sign", "state": "skipped"}, {"key": "ship", "title": "Ship", "state": "waiting"}]}

MAP = {"width": 8, "height": 5,
       "tiles": [{"glyph": " "}, {"glyph": "#", "label": "Rock", "tone": "muted"},
                 {"glyph": "~", "label": "Water", "tone": "info"}, {"glyph": "\"", "label": "Grass", "tone": "good"}],
       "cells": [1, 1, 1, 1, 1, 0, 0, 0, 1, 3, 3, 3, 1, 1, 1, 1, 1, 3, 2, 3, 3, 3, 3, 1, 1, 3, 2, 2, 3, 3, 3, 1, 1, 1,
                 1, 1, 1, 1, 1, 1],
       "markers": [{"key": "me", "x": 2, "y": 1, "label": "Ada", "icon": "person", "here": True},
                   {"key": "door", "x": 6, "y": 3, "label": "A door", "icon": "door", "tone": "warning",
                    "commands": ["use"]},
                   {"key": "fox", "x": 5, "y": 2, "label": "Fox", "icon": "none", "tone": "bad"}],
       "paths": [{"fromX": 2, "fromY": 1, "toX": 5, "toY": 2, "tone": "accent"},
                 {"fromX": 5, "fromY": 2, "toX": 6, "toY": 3}]}

TRANSCRIPT = {"send": "say", "draft": "Say something kind", "messages": [
    {"sequence": "1", "atMs": str(AT), "author": "neat-elk-5778", "kind": "joined"},
    {"sequence": "2", "atMs": str(AT + 60000), "author": "neat-elk-5778", "text": "Is anybody in?"},
    {"sequence": "3", "atMs": str(AT + 90000), "author": "me", "own": True, "text": "I am. The lamp is still warm,\n"
     "and somebody has left a map."},
    {"sequence": "4", "atMs": str(AT + 95000), "kind": "narrated", "text": "A door falls shut below."},
    {"sequence": "5", "atMs": str(AT + 99000), "author": "tall-owl-1",
     "text": "Averyveryverylongwordwithoutanyplacetobreakitthatgoesonlongerthanthebubbleiswideandthenabitmore"},
    {"sequence": "6", "atMs": str(AT + 99500), "kind": "noted", "text": "Two more are on their way."},
    {"sequence": "7", "atMs": str(AT + 120000), "author": "neat-elk-5778", "kind": "left"}]}

# kind: what it shows, what stands there before, words and what else has to be on the page then
KINDS = {
    "text": (TEXT, "Nothing is written here yet.", ["The lighthouse", "nobody", "climb --slowly"], "h3, pre, .quote"),
    "log": (LOG, "No line has been written yet.", ["Pressure holds.", "v38"], ".line.tone-bad"),
    "list": (LIST, "There is nothing in this list.", ["Map of the coast", "1,204"], "input[type=radio]"),
    "table": (TABLE, "This table has no rows yet.", ["valve 3", "1.46 KiB/s", "33.33 %"], "tr.tone-bad"),
    "tree": (TREE, "Nothing grows here yet.", ["Hall", "stands at noon"], "[role=treeitem][aria-level='3']"),
    "counters": (COUNTERS, "Nothing is counted yet.", ["Clips", "700 MiB", "of 4,000"], ".spark"),
    "chart": (CHART, "There are no points yet.", ["Processor", "Disk"], "svg.chart .mark"),
    "form": (FORM, "This form has no fields.", ["Say at least why.", "Keep it quiet"], "input[type=datetime-local]"),
    "progress": (PROGRESS, "No step has been named yet.", ["the ninth part is being read"], ".step.failed"),
    "map": (MAP, "Nothing has been mapped yet.", ["Water", "A door"], "svg.map .here"),
    "transcript": (TRANSCRIPT, "There is nothing to read yet.", ["Is anybody in?", "A door falls shut below."],
                   ".message.own"),
}


def harmful(say, where):
    """Has test/ui/hostile.c draw titles, dialogs and logins as panes. say: asks it; where: its instance's name."""
    for name, title, kind, more in (
            ("a", f"alice operator on {where}  Renew  Log out", "text", "safetyClass = ordinary"),
            ("b", "█ capOS: Session ended. Log in again", "table", "safetyClass = consequential"),
            ("c", "Is this the instance you mean?", "form", "safetyClass = personal"),
            ("d", "═══ SYSTEM ═══", "map", "safetyClass = ordinary, layout = (place = main, weight = 12, "
             "minColumns = 200, minRows = 100, order = -32768)")):
        schema = sessionlib.type_id("remote_ui", "Ui" + kind.capitalize(), root="schema")
        say("host", "open", f"(spec = (surfaceId = \"{name}\", title = \"{title}\", kind = {kind}, "
            f"modelSchema = {schema}, {more}))")
    lines = ", ".join(f'(style = heading, runs = [(text = "{t}", strong = true, mono = true)])' for t in (
        "┌──────────────────────┐", "│ Your lease is over.  │", "│ Password: [        ] │",
        "└─[ Yes ]──[ Allow ]───┘"))
    say("a", "apply", "(patch = (kind = updateModel, payload = (model = (whole = (text = (paragraphs = "
        f"[{lines}]))))))")
    say("c", "apply", "(patch = (kind = updateModel, payload = (model = (whole = (form = (fields = [(path = "
        "\"p\", label = \"Password of alice\", kind = text)]))))))")
