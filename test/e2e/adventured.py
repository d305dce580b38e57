#!/usr/bin/env python3
"""adventured: Adventure at a real instance (R42): played to its end by `capos run` alone, by a session that has no
panes; shown by `capos ui`; met by others in its rooms; heard in Chat, by what the manifest grants it there; and killed
under way.

usage: adventured.py
"""
import json
import os
import signal
import sys
import time

import instance
from instance import until
from people import People, Person, expect
import sessionlib as s
from sessionlib import Failed

SCRIPT = "e2e-adventured"
ADVENTURE = s.type_id("adventure", "Adventure")
GRANT = 'grants = [(name = "chat", facet = "narrator")],'

# A way through: an exit, or a verb and what it is about.
WALK = """east; talk tam key; take key; west; use key door; west; take kelp; east; north; take lantern; use stand; west;
take matches; use matches lantern; east; down; use handle wheel; use wheel; up; south; west; west; take spectacles;
east; east; north; west; use spectacles quill; take herring; talk quill oil; west; use kelp press; east; east; up;
east; take gear; west; use gear orrery; west; take almanac; east; down; east; use almanac osei; west; down; down;
use herring commodore; up; use wheel; up; up; up; use glass lamp; use oil lamp; use dial; use lantern lamp"""
FIELDS = {"go": ("exit",), "take": ("thing",), "drop": ("thing",), "inspect": ("thing",), "use": ("thing", "on"),
          "talk": ("person", "topic")}


class Cases(People):
    def __init__(self):
        grants = ["session", "system_info", "adventure", "chat"]
        may = instance.profile("may", grants).replace('(name = "adventure"', '(name = "adventure", ui = true')
        game = instance.service("adventure", "capos-adventure", ADVENTURE, disclosure="pseudonym").replace(
            "remote = ", f"state = true, {GRANT} remote = ")
        self.manifest = instance.manifest(services=[game], profiles=[may, instance.profile("not", grants)])
        self.target = instance.Instance(self.manifest)

    def prepare(self):
        self.arrive(self.target, ("ada", "may", "ada", "ada2"), ("bob", "may", "bob"), ("cyd", "may", "cyd"),
                    ("eve", "not", "eve"))

    def do(self, name, verb, *words):
        """What has come of it, by `capos run`."""
        fields = [f"{path}={word}" for path, word in zip(FIELDS[verb], words)]
        return json.loads(self.run("run", "adventure", verb, *fields, "-s", name, "--json").stdout)["outcome"]

    def scene(self, name):
        return json.loads(self.run("run", "adventure", "look", "-s", name, "--json").stdout)["scene"]

    def once(self, name, *more):
        return self.run("ui", "adventure", "-s", name, "--once", *more).stdout

    # ---- by commands alone

    def told_in_words(self):
        """Where nobody has asked for JSON, what a person reads and nothing else."""
        said = self.run("run", "adventure", "look", "-s", "eve").stdout
        expect(said.splitlines()[0], "The Landing", f"the first line of {said!r}")
        expect([w for w in ('"', "{", "channel") if w in said], [], f"what is no prose in {said!r}")
        if "\n- Ways: " not in said:
            raise Failed(f"no ways in {said!r}")
        said = self.run("run", "adventure", "go", "exit=east", "-s", "eve").stdout
        expect((said.splitlines()[0], said.count("Ropes, tar")), ("The Boathouse", 1), f"what is told, {said!r}")
        self.run("run", "adventure", "go", "exit=west", "-s", "eve")
        called = self.run("call", "adventure", "look", "-s", "eve").stdout
        expect(json.loads(called)["scene"]["room"], "landing", "a call's results")

    def played_by_commands(self):
        listed = self.run("commands", "adventure", "-s", "eve").stdout
        for word in ("go", "take", "talk", "start-over"):
            if word not in listed:
                raise Failed(f"no {word} in {listed!r}")
        for step in WALK.replace("\n", " ").split(";"):
            words = step.split()
            if len(words) == 1:
                words = ["go", *words]
            expect(self.do("eve", *words)["what"], "done", step)
        scene = self.scene("eve")
        expect(scene["state"], "won", "the end")
        expect([x["done"] for x in scene["mission"]], [True] * 7, "the mission")
        refused = self.run("run", "adventure", "go", "exit=down", "-s", "eve", code=1)
        expect("the story has been told" in refused.stderr, True, f"why it is over: {refused.stderr!r}")
        called = json.loads(self.run("call", "adventure", "go", "exit=down", "-s", "eve", "--json").stdout)
        expect(called["outcome"]["what"], "over", "going on after the end")

    def without_panes(self):
        done = self.run("ui", "adventure", "-s", "eve", "--once", code=3)
        if "denied.ui" not in done.stderr:
            raise Failed(f"{done}")

    def two_sessions_one_game(self):
        self.do("ada", "go", "east")
        expect(self.scene("ada2")["room"], "boathouse", "where the other session is")
        said = self.do("ada2", "talk", "tam", "key")["text"]
        expect("hangs a key" in said, True, f"what Tam says, {said!r}")
        expect([t["key"] for t in self.scene("ada")["things"]], ["key"], "what is there")

    # ---- panes

    def panes_once(self):
        self.do("cyd", "go", "east")
        self.do("cyd", "talk", "tam", "key")
        self.do("cyd", "take", "key")
        shown = self.once("cyd")
        for text in ("The room", "The Boathouse", "Ropes, tar", "Somebody is here: Tam", "Ways: west",
                     "Map", "The Landing", "Carried", "a brass key", "Mission", "Get into the Tide House"):
            if text not in shown:
                raise Failed(f"no {text!r} in {shown!r}")
        if "What happens" in shown:
            raise Failed("a pane with what people say is printed without --personal")
        shown = self.once("cyd", "--personal")
        for text in ("What happens", "You have it: a brass key", "hangs a key on a hook"):
            if text not in shown:
                raise Failed(f"no {text!r} in {shown!r}")

    def two_meet(self):
        """In the panes of one stands what the other does, who plays by commands."""
        bob = Person(self, "adventure", "bob", "> go exit=", "> say text=")
        label = self.scene("cyd")["label"]
        bob.shown = b""
        self.do("cyd", "go", "west")
        bob.until(f"{label} comes in.")
        bob.until("Also here: ")
        expect(self.scene("bob")["others"].count(label), 1, "whom he sees")
        expect(label != self.scene("bob")["label"], True, "two labels")
        expect(self.scene("cyd")["others"].count(self.scene("bob")["label"]), 1, "whom she sees")
        self.run("run", "adventure", "say", "text=Good evening.", "-s", "cyd")
        bob.until(f"{label}: Good evening.")
        bob.does("say text='And to you.'")

        def heard():
            lines = json.loads(self.run("run", "adventure", "lines", "-s", "cyd", "--json").stdout)["lines"]
            return (self.scene("bob")["label"], "And to you.") in [(x["who"], x["text"]) for x in lines]
        until(heard, "what she hears")
        bob.does("go exit=east", "The Boathouse", "Somebody is here: Tam")
        bob.does("talk person=tam topic=key", "hangs a key on a hook")
        bob.does("take thing=key", "You have it: a brass key")
        bob.quits()

    # ---- Chat

    def said_in(self, channel):
        """What Chat has of a channel: (who, what); nothing, where it is not there or has been asked too often."""
        done = self.try_run("call", "chat", "join", f"channel={channel}", "-s", "bob", "--json")
        if done.returncode:
            return []
        return [(e["label"], e["said"]) for e in json.loads(done.stdout)["history"] if e.get("said")]

    def heard_in_chat(self):
        """What people of the story say in a room is heard in the channel that its scene names; players are not."""
        if self.scene("cyd")["room"] != "boathouse":
            self.do("cyd", "go", "east")
        channel = self.scene("cyd")["channel"]
        expect(channel, "#adv-boathouse", "the room's channel")
        self.run("run", "adventure", "say", "text=My own words.", "-s", "cyd")
        said = self.do("cyd", "talk", "tam", "key")["text"]
        line = ("narrator", f"Tam: {said}")

        def heard():
            got = self.said_in(channel)
            return got if line in got else None
        got = until(heard, "what Tam has said")
        expect({who for who, _ in got}, {"narrator"}, "who speaks there")
        expect([text for _, text in got if "My own words" in text], [], "what players have said")

        # By Chat's death it is not silenced, and what it says is recorded as its doing.
        old = self.target.pids("capos-chat")
        os.kill(old[0], signal.SIGKILL)
        until(lambda: self.target.pids("capos-chat") not in ([], old), "another Chat")

        def again():
            self.do("cyd", "talk", "tam", "key")
            return heard()
        until(again, "the same again")
        opened = [r for r in self.audit() if r["what"] == "open" and r.get("source") == "service"]
        expect({(r["capability"], r["detail"], r["outcome"]) for r in opened}, {("chat", "adventure", "ok")}, "records")

    def heard_after_a_reload(self):
        """What a reload has taken from it, and grants it again: without another start of anything."""
        pids = self.target.pids("capos-adventure") + self.target.pids("capos-chat")
        self.target.changed(self.manifest.replace(GRANT, ""))

        def refused():
            time.sleep(0.5)  # a player has so many turns a second
            self.do("cyd", "talk", "tam", "key")
            return [r for r in self.audit() if r["what"] == "open" and r["outcome"] == "denied.unknown-name"]
        until(refused, "that it asks, and is refused")
        self.target.changed(self.manifest)
        before = len(self.said_in("#adv-boathouse"))

        def more():
            time.sleep(0.5)
            self.do("cyd", "talk", "tam", "key")
            return len(self.said_in("#adv-boathouse")) > before
        until(more, "what Tam says after the reload")
        expect(self.target.pids("capos-adventure") + self.target.pids("capos-chat"), pids, "the processes")

    def audit(self):
        return instance.audit(self.target.state)

    # ---- what ends it

    def service_killed(self):
        before = self.scene("ada")
        for _ in range(5):
            old = self.target.pids("capos-adventure")
            for pid in old:
                os.kill(pid, signal.SIGKILL)
            until(lambda: self.target.pids("capos-adventure") not in ([], old), "another process")
            until(lambda: not self.try_run("run", "adventure", "look", "-s", "ada").returncode, "an answer")
            after = self.scene("ada")
            expect((after["room"], after["turn"]), (before["room"], before["turn"]), "where she is")
            before["turn"] += 1
            before["room"] = {"boathouse": "landing", "landing": "boathouse"}[before["room"]]
            self.do("ada", "go", "east" if before["room"] == "boathouse" else "west")


def main():
    cases = Cases()
    with cases.target:
        cases.prepare()
        rows = [("told in words", cases.told_in_words),
                ("played to the end by commands", cases.played_by_commands),
                ("no panes without ui", cases.without_panes),
                ("two sessions, one game", cases.two_sessions_one_game),
                ("panes, once", cases.panes_once),
                ("two meet", cases.two_meet),
                ("heard in Chat", cases.heard_in_chat),
                ("heard after a reload", cases.heard_after_a_reload),
                ("service killed", cases.service_killed)]
        return cases.rows(SCRIPT, rows)


if __name__ == "__main__":
    sys.exit(main())
