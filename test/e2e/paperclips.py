#!/usr/bin/env python3
"""paperclips: the game as its players have it (R41, R43, R57), by `capos` at a real instance.

The manifest's entry is the one of doc/paperclips.md. By `capos run` alone, of a session that may have no panes; by
panes, as they are for a pipe and on a terminal; two logins of one account in one game; the service killed.

usage: paperclips.py
"""
import json
import os
import re
import signal
import sys

import instance
from instance import until
from people import People, Person, expect
import sessionlib as s
from sessionlib import Failed

SCRIPT = "e2e-paperclips"


def entry():
    """The service, as doc/paperclips.md has it in a manifest."""
    with open(os.path.join(s.TOP, "doc", "paperclips.md"), encoding="utf-8") as f:
        return re.search(r"^services = \[\n(.*?)\n\],$", f.read(), re.S | re.M).group(1)


class Cases(People):
    def __init__(self):
        grants = ["session", "system_info", "paperclips"]
        may = instance.profile("may", grants).replace('(name = "paperclips"', '(name = "paperclips", ui = true')
        self.target = instance.Instance(instance.manifest(
            services=[entry().replace("program =", 'arguments = ["--autosave", "0"], program =')],
            profiles=[may, instance.profile("not", grants)]))

    def prepare(self):
        self.arrive(self.target, ("ada", "may", "one", "two"), ("bob", "may", "bob"), ("eve", "not", "eve"))

    def play(self, login, *words):
        """A command of the game's; what it says."""
        return json.loads(self.run("run", "paperclips", *words, "-s", login, "--json").stdout)

    def status(self, login):
        return self.play(login, "status")["status"]

    def stock(self, login, key):
        return {x["key"]: x["amount"] for x in self.status(login)["stocks"]}.get(key)

    def wire(self, login):
        """Of a beginner; a crate that has washed ashore holds 120."""
        return round(self.stock(login, "wire")) % 120

    # ---- by commands

    def by_commands(self):
        """A first quarter of an hour's beginning, by a session that may have no panes."""
        expect(self.wire("eve"), 60, "wire")
        self.play("eve", "make", "count=20")
        said = self.play("eve", "price", "cents=12")["outcome"]["said"]
        if "12 cents" not in said:
            raise Failed(f"the price: {said}")

        def reached(what):
            if self.stock("eve", "wire") < 1:
                self.play("eve", "buy", "machine=driftwood")
            self.play("eve", "make", "count=30")
            return what in [p["key"] for p in self.status("eve")["projects"]]

        until(lambda: reached("nails"), "something to begin", 60)
        until(lambda: self.play("eve", "begin", "project=nails")["outcome"].get("short") is None or
              reached("nothing"), "craft enough", 90)
        if "jig" not in [m["key"] for m in self.status("eve")["machines"]]:
            raise Failed(f"no jig to be bought: {self.status('eve')}")
        done = self.run("run", "paperclips", "begin", "project=nails", "-s", "eve", code=2)
        if "there is no such choice" not in done.stderr:
            raise Failed(f"the same again: {done}")
        done = self.run("ui", "paperclips", "-s", "eve", "--once", code=3)
        if "denied.ui" not in done.stderr:
            raise Failed(f"{done}")

    def asked_first(self):
        """Giving a game up lasts, so nothing does it without a yes."""
        self.play("bob", "make", "count=5")
        done = self.try_run("run", "paperclips", "start-over", "-s", "bob")
        if not done.returncode:
            raise Failed(f"nobody was asked: {done}")
        expect(self.wire("bob"), 55, "wire")
        self.run("run", "paperclips", "start-over", "-s", "bob", "--yes")
        expect(self.wire("bob"), 60, "wire of the new game")

    # ---- by panes

    def once(self):
        said = self.run("ui", "paperclips", "-s", "one", "--once").stdout
        for line in ("[1] Paperclips: Bench (counters)", "[2] Paperclips: Machines (table)",
                     "[3] Paperclips: Projects (list)", "[4] Paperclips: Made and earned (chart)",
                     "[5] Paperclips: Log book (log)", "[6] Paperclips: The way (progress)"):
            if line not in said.splitlines():
                raise Failed(f"no {line!r} in {said}")
        for words in ("Wire, in spans", "Tide, ", "Spool of wire", "three bends", "9.00 coins", "answer the Keeper"):
            if words not in said:
                raise Failed(f"no {words!r} in {said}")
        rows = [json.loads(row) for row in
                self.run("ui", "paperclips", "-s", "one", "--once", "--json").stdout.splitlines()]
        expect([(r["kind"], r["class"]) for r in rows if r.get("kind")],
               [("counters", "ordinary"), ("table", "ordinary"), ("list", "ordinary"), ("chart", "ambient"),
                ("log", "consequential"), ("progress", "ambient")], "the panes")
        expect(sorted((c["id"], c["cost"]) for r in rows for c in r.get("commands", [])),
               [("begin", "own"), ("buy", "own"), ("make", "own"), ("price", "own"), ("start-over", "lasting")],
               "their commands")

    def on_terminals(self):
        """Two logins of one account: one game, and each sees what the other does."""
        one, two = (Person(self, "paperclips", name, "> start-over", "ui> ") for name in ("one", "two"))
        for person in (one, two):
            person.shown = b""
        one.type("price cents=31\n")
        one.until("price: done")
        two.until("0.31")
        two.type("make count=7\n")
        two.until("make: done")
        until(lambda: self.wire("one") == 53, "what the other has made")
        one.type("begin project=nothing\n")
        one.until("ui> ")
        for person in (one, two):
            person.quits()
        expect(self.status("one")["priceCents"], 31, "the price")

    # ---- ends

    def killed(self):
        """What was done is there when the service is."""
        self.play("bob", "price", "cents=44")
        self.play("bob", "make", "count=9")
        for _ in range(3):
            old = self.target.pids("capos-paperclips")
            os.kill(old[0], signal.SIGKILL)
            until(lambda o=old: self.target.pids("capos-paperclips") not in ([], o), "another service")
            until(lambda: not self.try_run("run", "paperclips", "status", "-s", "bob").returncode,
                  "the game of the new one")
            status = self.status("bob")
            expect((status["priceCents"], status["kept"]), (44, True), "what is kept")
            expect(self.wire("bob"), 51, "wire")

def main():
    cases = Cases()
    with cases.target:
        cases.prepare()
        rows = [("once", cases.once),
                ("by commands", cases.by_commands),
                ("asked first", cases.asked_first),
                ("on terminals", cases.on_terminals),
                ("killed", cases.killed)]
        return cases.rows(SCRIPT, rows)


if __name__ == "__main__":
    sys.exit(main())
