#!/usr/bin/env python3
"""web-panes: what a tab is told of panes (R53, R54): each whole once, then what changes of it, and nothing that it has
no room for. What it then holds is compared with what a tab is told that comes later.

    panes.py BIN STAGE [CASE...]

STAGE is the program of test/ui/stage.c.
"""
import functools
import json
import os
import signal
import socket
import sys
import time

from bridge import DEADLINE, until
from staging import Mirror, Staged, LISTS, STAGE, equal, holds, instance, schema_of

CASES = []
SAY = 9  # Stage.say
QUEUE = 4 << 20


def case(f):
    CASES.append(f)
    return f


def key(k, **more):
    return {"key": k, **more}


def log_line(i, text="words"):
    return {"sequence": str(i), "atMs": "1", "level": "info", "text": f"{text} {i}"}


# Of each kind: the whole, then changes, each with the members of `change` that it must come as.
KINDS = {
    "text": [{"paragraphs": [{"style": "body", "runs": [{"text": "all of it"}]}]}],
    "log": [{"lines": [log_line(1), log_line(2)], "keep": 3},
            ({"lines": [log_line(3)]}, {"appended": 1}),
            ({"lines": [log_line(4), log_line(5)]}, {"dropped": 2, "appended": 2})],
    "list": [{"items": [key("a", title="A"), key("b", title="B"), key("c", title="C")]},
             ({"items": [key("b", title="B again"), key("d", title="D")]}, {"replaced": [1], "appended": 1}),
             ({"remove": ["a", "c"], "items": [key("d", title="D again")]}, {"removed": [0, 2], "replaced": [1]}),
             ({"remove": ["b"], "items": []}, {"removed": [0]})],
    "table": [{"columns": [key("x", title="X")], "rows": [key("a", cells=[{"text": "1"}]),
                                                          key("b", cells=[{"text": "2"}])]},
              ({"rows": [key("b", cells=[{"text": "3"}]), key("c", cells=[{"text": "4"}])]},
               {"replaced": [1], "appended": 1})],
    "tree": [{"nodes": [key("a", title="A"), key("b", parent="a", title="B"), key("c", title="C")]},
             ({"remove": ["a"], "nodes": [key("d", parent="c", title="D")]}, {"removed": [0, 1], "appended": 1})],
    "counters": [{"counters": [key("a", label="A", value=1), key("b", label="B", value=2)]},
                 ({"counters": [key("a", label="A", value=7, recent=[1, 2])]}, {"replaced": [0]})],
    "chart": [{"series": [key("a", label="A", x=[1], y=[1])], "keep": 3},
              ({"points": [key("a", x=[2, 3, 4], y=[2, 3, 4]), key("b", label="B", x=[1], y=[2])]},
               {"replaced": [0], "appended": 1})],
    "form": [{"fields": [{"path": "a", "label": "A", "kind": "text"}], "submit": ""},
             ({"form": {"complaints": [{"path": "a", "text": "not that"}]}}, {"head": True})],
    "progress": [{"steps": [key("a", title="A", state="running"), key("b", title="B")]},
                 ({"steps": [key("a", title="A", state="done"), key("c", title="C")]},
                  {"replaced": [0], "appended": 1})],
    "map": [{"width": 2, "height": 1, "tiles": [{"glyph": "#", "label": "wall"}, {"glyph": ".", "label": "floor"}],
             "cells": [0, 0], "markers": [key("me", x=0, y=0, here=True)]},
            ({"map": {"cells": [{"x": 1, "y": 0, "tile": 1}]}}, {"head": True}),
            ({"map": {"markers": [key("me", x=1, y=0), key("you", x=0, y=0)]}}, {"replaced": [0], "appended": 1})],
    "transcript": [{"messages": [{"sequence": "1", "author": "a", "text": "hello"}], "keep": 2},
                   ({"messages": [{"sequence": "2", "text": "you"}, {"sequence": "3", "text": "too"}]},
                    {"dropped": 1, "appended": 2}),
                   ({"unread": 7}, {"head": True})],
}


def equal_to_a_new_tab(b, mirror=None):
    """What a tab holds is what one is told that comes now."""
    mirror, new = mirror or b.mirror, Mirror(b.person.tab())
    new.until(lambda: set(new.panes) == set(mirror.panes))
    for n, p in mirror.panes.items():
        new.at(n, int(p["revision"]))
        mirror.at(n, int(new.panes[n]["revision"]))
        holds(new.panes[n] == p, f"pane {n}: {new.panes[n]!r:.2000} and not {p!r:.2000}")
    new.tab.close()


def a_kind(b, kind, whole, *changes):
    n = b.open(kind, kind)
    b.show(kind, {kind: whole})
    b.mirror.at(n, 1)
    for delta, members in changes:
        b.mirror.heard.clear()
        b.change(kind, **delta)
        b.mirror.at(n, b.revisions[kind])
        told = [f for f in b.mirror.heard if "change" in f or "pane" in f]
        equal([sorted(f) for f in told], [["change", "id"]], f"{kind}: {delta}")
        c = told[0]["change"]
        got = {m: c[m] for m in ("head", "removed", "dropped", "replaced", "appended") if c.get(m)}
        equal(got, members, f"{kind}: {delta}")
        if kind in LISTS:
            equal(len(c["model"][kind].get(LISTS[kind], [])),
                  len(members.get("replaced", [])) + members.get("appended", 0), f"elements of {c}")


@case
def what_changes_is_told_and_nothing_else(b):
    """All eleven kinds: no change is a whole pane, and none has an element that is as it was."""
    for kind, (whole, *changes) in KINDS.items():
        a_kind(b, kind, whole, *changes)
    equal(len(b.mirror.panes), 11, "panes")
    equal_to_a_new_tab(b)


@case
def a_title_is_told_without_the_model(b):
    n = b.open("titled", "log")
    b.show("titled", {"log": {"lines": [log_line(i) for i in range(100)]}})
    b.mirror.at(n, 1)
    b.mirror.heard.clear()
    b.patch("titled", "openSurface", {"spec": {"surfaceId": b.id("titled"), "title": "Another", "kind": "log",
                                               "safetyClass": "ordinary", "modelSchema": LOG_SCHEMA}})
    b.mirror.ask("act", {"surface": n, "pin": True})
    b.mirror.until(lambda: b.mirror.panes[n]["title"] == "Another" and b.mirror.panes[n].get("pinned"))
    told = [f["pane"] for f in b.mirror.heard if "pane" in f]
    holds(told and all(p.get("stays") for p in told), told)
    equal(len(b.mirror.panes[n]["model"]["log"]["lines"]), 100)
    equal_to_a_new_tab(b)


@case
def a_line_costs_a_line(b):
    n = b.open("long", "log")
    b.show("long", {"log": {"lines": [log_line(i) for i in range(500)], "keep": 1000}})
    b.mirror.at(n, 1)
    b.mirror.heard.clear()
    for i in range(10):
        b.change("long", lines=[log_line(500 + i)])
    b.mirror.at(n, 11)
    bytes_ = sum(len(json.dumps(f)) for f in b.mirror.heard if "change" in f or "pane" in f)
    holds(bytes_ < 10 * 600, f"{bytes_} bytes for ten lines")
    equal_to_a_new_tab(b)


NUMBER = -1.2345678901234567e+100


def fill(b, name, points=4096):
    """A chart of as many points as there may be."""
    n = b.open(name, "chart")
    b.show(name, {"chart": {"keep": 4096}})
    while points:
        now = min(points, 1200)
        b.change(name, points=[key("s", x=[NUMBER] * now, y=[NUMBER] * now)])
        points -= now
    return n


@case
def more_than_a_queue_holds_is_told_bit_by_bit(b):
    """A tab that comes when the panes are larger than what may wait for it is shown all of them."""
    for i in range(14):
        fill(b, f"chart{i}")
    for i in range(2):
        b.open(f"log{i}", "log")
        for j in range(1, 24 * 7, 7):
            b.change(f"log{i}", lines=[{"sequence": str(j + k), "text": "\"" * 3900} for k in range(7)])
    b.mirror.ask("refresh")
    sizes = sum(len(json.dumps(p)) for p in b.mirror.panes.values())
    holds(sizes > QUEUE, f"only {sizes} bytes")
    equal_to_a_new_tab(b)


@case
def what_was_not_opened_for_its_pace_is_opened_later(b):
    """And is that from then on, not the pane that never was."""
    b.open("busy", "text")
    text = {"kind": "updateModel", "surfaceId": b.id("busy"), "payload": {"model": {"whole": {"text": {}}}}}
    spec = {"surfaceId": b.id("late"), "title": "late", "kind": "text", "safetyClass": "ordinary",
            "modelSchema": schema_of("text")}
    end = time.monotonic() + DEADLINE
    while True:
        holds(time.monotonic() < end, "it is always opened")
        holds("over-quota.ui-patches" in b.tell("apply", patch=text, times=1000)["outcome"], "there is room for all")
        said = b.tell("open", spec=spec)["outcome"]
        if said:
            break
        b.tell("close", surfaceId=b.id("late"))
    holds("over-quota.ui-patches" in said, said)
    n = b.open("late", "text")
    b.show("late", {"text": {"paragraphs": [{"runs": [{"text": "here"}]}]}})
    b.mirror.at(n, b.revisions["late"])
    equal_to_a_new_tab(b)


@case
def who_reads_slowly_is_told_later_and_the_same(b):
    """Changes that there is no room for are left out, and what came of them is said when there is."""
    n = fill(b, "quick")
    slow = Mirror(b.person.tab())
    # The kernel would keep some megabytes for it, and move none of them on for as long as most are unread; with less
    # than some segments of this machine's (64 KiB) it would say seldom that there is room again.
    slow.tab.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
    slow.until(lambda: n in slow.panes)
    slow.heard.clear()
    end = time.monotonic() + 2 * DEADLINE
    while not [f for f in slow.heard if "pane" in f]:
        holds(time.monotonic() < end, "nothing is left out")
        for i in range(3):  # each is told as a whole series
            b.change("quick", points=[key("s", x=[i], y=[i])])
        read = len(slow.heard)
        while not [f for f in slow.heard[read:] if "change" in f or "pane" in f]:
            slow.take(json.loads(slow.tab.read()))
    b.mirror.at(n, b.revisions["quick"])
    slow.at(n, b.revisions["quick"])
    holds(slow.panes == b.mirror.panes, "the panes differ")
    equal_to_a_new_tab(b, slow)
    slow.tab.close()


@case
def a_service_that_calls_faster_than_a_tab_reads(b):
    """It is told so, and the tab stays: what a service says never fills what may wait for one."""
    slow = Mirror(b.person.tab())
    for _ in range(3):
        flood = b.mirror.tab.up("call", {"target": "stage", "method": "flood", "params": json.dumps(
            {"listener": {"$listen": True}, "bytes": 20000, "times": 2 * QUEUE // 20000})})
        b.mirror.until(lambda: b.mirror.heard[-1].get("id") == flood)  # noqa: B023
        r = json.loads(b.mirror.heard[-1]["returned"]["json"])
        holds("who listens does not keep up" in r["why"] and r["heard"] * 20000 < QUEUE, r)
        for _ in range(10):
            slow.take(json.loads(slow.tab.read()))
    slow.ask("export")
    slow.tab.close()


def joined(b, method, **params):
    """A call with a listener of its own, and the numbers of the references that came of it."""
    r = b.mirror.ask("call", {"target": "stage", "method": method,
                              "params": json.dumps({"listener": {"$listen": True}, **params})})
    return r, [h["handle"] for h in r.get("returned", {}).get("handles", [])]


@case
def what_a_service_hands_out_does_not_use_up_what_there_is(b):
    """256 references may be held. What is too much at once leaves none behind; what comes unasked gives way."""
    for _ in range(3):
        r, _ = joined(b, "many", count=300)
        equal(r["failed"]["code"], "bridge.failed")
    r, handles = joined(b, "many", count=100)
    equal(len(handles), 101)
    for n in handles:
        b.mirror.ask("forget", n)
        time.sleep(0.006)
    for _ in range(3):
        r, _ = joined(b, "flood", bytes=1, times=150, gives=True)
        equal(json.loads(r["returned"]["json"])["heard"], 150)
    r, handles = joined(b, "many", count=100)
    equal(len(handles), 101)


@case
def a_number_that_looks_like_a_reference_is_none(b):
    """A service may name its fields as our references are named; what another has returned is not its own for that."""
    _, handles = joined(b, "many", count=1)
    for n in (*handles, 0, 12345):
        r = b.tell("lie", number=n, count=3)
        equal(r["lies"], [{"$cap": n}] * 3)
    r, _ = joined(b, "many", count=1)
    id = b.mirror.tab.up("call", {"target": "stage", "method": "lie",
                                  "params": json.dumps({"number": handles[0], "count": 5000})})
    b.mirror.until(lambda: b.mirror.heard[-1].get("id") == id)
    equal(b.mirror.heard[-1]["returned"]["handles"], [])


def layout(tab):
    """What a tab was told last of where panes are."""
    return [f["layout"] for f in tab.heard if "layout" in f][-1]


@case
def each_tab_has_a_layout_of_its_own(b):
    for name in ("one", "two", "three"):
        b.open(name, "text")
    narrow = Mirror(b.person.tab())
    narrow.ask("size", {"columns": 40, "rows": 20})
    b.mirror.ask("size", {"columns": 200, "rows": 50})
    holds(layout(narrow)["narrow"] and not layout(b.mirror)["narrow"], (layout(narrow), layout(b.mirror)))
    b.open("four", "text")
    narrow.until(lambda: len(narrow.panes) == 4)
    equal(layout(narrow)["narrow"], True, "after another has changed it")
    narrow.tab.close()


def offer(b):
    """What is said last of the stage."""
    return [f["offers"] for f in b.mirror.heard if "offers" in f][-1][0]


def lent_again(b, safety="ordinary"):
    """The stage has a host that knows no pane: the first one can be opened."""
    def opened():
        r = b.mirror.ask("call", {"target": "stage", "method": "open", "params": json.dumps({"spec": {
            "surfaceId": b.id("one"), "title": "one", "kind": "log", "safetyClass": safety,
            "modelSchema": LOG_SCHEMA}})})
        return json.loads(r.get("returned", {"json": '{"outcome": "not there"}'})["json"])["outcome"] == ""
    until(opened, "a pane again")


def said_of(b):
    """What is on record of what a person has said, as the bridge tells it."""
    with open(os.path.join(b.rig.state, "audit.log"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f if line.endswith("\n")]
    return [(r["outcome"], r["detail"]) for r in rows if r.get("detail", "").startswith("the client says")]


@case
def what_was_closed_can_be_shown_again_and_all_is_on_record(b):
    n = b.open("one", "log")
    for act in ({"pin": True}, {"pin": False}, {"move": {"place": "side"}}, {"close": None}):
        equal(b.mirror.ask("act", {"surface": n, **act}).get("done", 0), None, act)
    b.mirror.until(lambda: offer(b).get("closed") == 1)
    equal(offer(b)["running"], True)
    equal(b.tell("open", spec={"surfaceId": b.id("one"), "title": "one", "kind": "log", "safetyClass": "ordinary",
                               "modelSchema": LOG_SCHEMA})["outcome"].split(":")[1].strip(), "refused.closed")
    equal(b.mirror.ask("offer", "stage").get("done", 0), None, "the same again")
    b.mirror.until(lambda: not offer(b).get("closed") and offer(b)["running"])
    lent_again(b)
    for consent in ("never", "never", "always"):
        equal(b.mirror.ask("consent", {"service": "stage", "consent": consent}).get("done", 0), None)
    wanted = [("ui.pin", "the client says: pinned"), ("ui.pin", "the client says: unpinned"),
              ("ui.move", "the client says: side"), ("ui.closed", "the client says: closed"),
              ("ui.closed", "the client says: opened"), ("ui.consent", "the client says: never"),
              ("ui.consent", "the client says: always")]
    until(lambda: len(said_of(b)) >= len(wanted), "all of it is on record")
    equal(said_of(b), wanted)


@case
def a_service_that_has_died_is_offered_anew(b):
    """If it may always, and what has ended one is told with its code."""
    equal(b.mirror.ask("consent", {"service": "stage", "consent": "always"}).get("done", 0), None)
    b.open("one", "log")
    os.kill(b.pid_of("stage"), signal.SIGKILL)
    b.mirror.until(lambda: not b.mirror.panes)
    gone = [f["gone"]["reason"] for f in b.mirror.heard if "gone" in f]
    equal(gone, ["failed"])
    b.mirror.until(lambda: not offer(b)["running"])
    holds(offer(b)["code"] == "failed" and offer(b)["again"] and offer(b)["why"], offer(b))
    b.mirror.until(lambda: offer(b)["running"])
    equal((offer(b).get("why", ""), offer(b).get("again", False)), ("", False), "what is said of the new one")
    lent_again(b)
    b.rig.ok("session", "revoke", "--account", "alice", "stage", "--state", b.rig.state)
    b.mirror.until(lambda: not offer(b)["running"])
    equal((offer(b)["code"], offer(b).get("again", False)), ("denied.revoked-lease", False))
    late = Mirror(b.person.tab())
    late.until(lambda: [f for f in late.heard if "offers" in f])
    told = [f["offers"] for f in late.heard if "offers" in f]
    equal(told[-1][0]["code"], "denied.revoked-lease", "a tab that is new")
    late.tab.close()


@case
def what_comes_again_with_the_line(b):
    """Who was lent a host is lent one anew, without a word of the person's, and a pane is where he had put it, also one
    that is personal; it has another number. Of references he is told that they are gone."""
    _, handles = joined(b, "many", count=3)
    n = b.open("one", "log", "personal")
    equal(b.mirror.ask("act", {"surface": n, "pin": True}).get("done", 0), None)
    b.mirror.until(lambda: b.mirror.panes[n].get("pinned"))
    key = b.mirror.panes[n].get("id")
    b.mirror.heard.clear()
    b.to_workers(signal.SIGKILL)
    b.mirror.until(lambda: [f for f in b.mirror.heard if "line" in f and not f["line"].get("down")])
    equal((b.mirror.panes, sorted(f["forgotten"] for f in b.mirror.heard if "forgotten" in f)), ({}, sorted(handles)))
    b.mirror.until(lambda: [f for f in b.mirror.heard if "offers" in f] and offer(b)["running"])
    lent_again(b, "personal")
    b.mirror.until(lambda: b.mirror.panes)
    (again, p), = b.mirror.panes.items()
    equal((again > n, p["pinned"], p.get("id")), (True, True, key))


def kept(b):
    """What `settings` keep: the version, all of it, and which panes of the stage are pinned."""
    r = json.loads(b.mirror.ask("call", {"target": "settings", "method": "load", "params": "{}"})["returned"]["json"])
    pinned = {bytes(p["surfaceId"]).decode() for x in r["saved"].get("services") or []
              for p in x.get("surfaces") or [] if p["pinned"]}
    return int(r["version"]), r["saved"], pinned


@case
def another_host_of_the_account_saves_too(b):
    """Who is second has what the first saved as well, and what is changed later is kept as before."""
    def pin(name):
        n = b.open(name, "log")
        equal(b.mirror.ask("act", {"surface": n, "pin": True}).get("done", 0), None)
    pin("one")
    until(lambda: kept(b)[2] == {"one"}, "what is kept first")
    version, saved, _ = kept(b)
    r = b.mirror.ask("call", {"target": "settings", "method": "save",
                              "params": json.dumps({"saved": saved, "version": str(version)})})
    holds("returned" in r, r)
    for all_of_them in ({"one", "two"}, {"one", "two", "three"}):
        pin(sorted(all_of_them - kept(b)[2])[0])
        until(lambda: kept(b)[2] == all_of_them, all_of_them)  # noqa: B023


@case
def who_ran_a_command_is_told_how_it_ended(b):
    """By the number of what was asked; another tab that runs the same hears nothing of it."""
    n = b.open("one", "log")
    b.patch("one", "addCommand", {"command": {
        "id": "say", "title": "Say", "fields": [{"path": "text", "label": "Words", "kind": "text"}],
        "run": {"call": {"interfaceId": str(STAGE), "methodId": SAY}}}})
    second = Mirror(b.person.tab())
    run = {"surface": n, "command": "say", "trusted": True}
    for tab, other, text in ((b.mirror, second, "one"), (second, b.mirror, "two")):
        for m in (tab, other):
            m.heard.clear()
        id = tab.tab.up("run", {**run, "values": [{"path": "text", "text": text, "typed": True}]})
        tab.until(lambda: [f for f in tab.heard if "ran" in f])  # noqa: B023
        equal([f["id"] for f in tab.heard if "ran" in f], [id])
        other.ask("instances")
        equal([f for f in other.heard if "ran" in f], [])
    second.tab.close()


def themes(tab):
    return {f["theme"]["surface"]: f["theme"]["hint"] for f in tab.heard if "theme" in f}


@case
def a_look_is_told_to_tabs_and_panes_that_come_later(b):
    """And what a person's system is set to beats a service's wish, in all tabs."""
    first = b.open("first", "text")
    said = b.tell("theme", scope="own", hints={"accent": "rose", "density": "compact", "scheme": "dark"})
    equal(said.get("outcome", ""), "")
    second = b.open("second", "text")
    b.mirror.until(lambda: second in themes(b.mirror))
    late = Mirror(b.person.tab())
    late.until(lambda: {first, second} <= set(themes(late)))
    for tab in (b.mirror, late):
        for n in (first, second):
            equal([themes(tab)[n][m] for m in ("accent", "density", "scheme")], ["rose", "compact", "dark"])
    late.ask("seen", {"density": "spacious", "scheme": "light", "motion": "less"})
    for tab in (b.mirror, late):
        tab.until(lambda: themes(tab)[first]["motion"] == "less")  # noqa: B023
        equal([themes(tab)[first][m] for m in ("accent", "density", "scheme")], ["rose", "compact", "dark"])
        equal(themes(tab)[0]["density"], "spacious", "where nothing is wished")
    late.tab.close()


def main():
    global LOG_SCHEMA
    LOG_SCHEMA = schema_of("log")
    bin_, stage, wanted = sys.argv[1], sys.argv[2], sys.argv[3:]

    def staged(f):
        b = Staged(bin_, stage)
        try:
            f(b)
            b.lives()
        except Exception:
            print(b.said(), flush=True)
            raise
        finally:
            b.close()
    return instance.run_cases("web-panes", [(f.__name__, functools.partial(staged, f)) for f in CASES
                                            if f.__name__ in wanted or not wanted])


if __name__ == "__main__":
    sys.exit(main())
