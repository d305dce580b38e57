#!/usr/bin/env python3
"""Diagnostics in Debian's Chromium (R57): a denied call, a slow one and a capability that was taken away are each found
in its panes, side by side; and its panes stand close, when that is asked for.

usage: diagnosed.py BINARIES KV [SCREENS [CASE...]]

As page.py, whose cases it has but does not run. test/e2e/diagnosed.py has what is the same wherever it is shown.
"""
import os
import re
import shutil
import struct
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

import instance  # noqa: E402
import page  # noqa: E402
import sessionlib as s  # noqa: E402
from bridge import PASSWORD, equal, holds  # noqa: E402
from sessionlib import Refused, Struct  # noqa: E402

DIAGNOSTICS = s.type_id("diagnostics", "Diagnostics")
KV = s.type_id("kv", "Kv", root="example/service/kv")
GET, SET, NEXT = 0, 1, 2
SLOW_MS = 1200
SECRET = "hunter2"


def manifest(kv):
    """An operator is elevated, and may have panes of it."""
    diagnostics = instance.service("diagnostics", "capos-diagnostics", DIAGNOSTICS).replace(
        "remote = ", 'powers = [audit, debug], grants = [(name = "instance"), (name = "trace")], remote = ', 1)
    kv = instance.service("kv", os.path.abspath(kv), KV).replace(
        "remote = ", 'facets = [(methods = ["set", "next"])], remote = ', 1)
    grants = instance.profile("operator", ["session", "system_info", "chat", "kv", "diagnostics"]).replace(
        "lease = ", "elevated = true, lease = ", 1).replace('(name = "diagnostics"', '(name = "diagnostics", ui = true')
    return re.sub(r'\(name = "operator", lease.*?\)\)', lambda _: grants,
                  instance.manifest(services=[diagnostics, kv]), count=1)


class Diagnosed(page.Cases):
    def __init__(self, binaries, kv, screens):
        super().__init__(binaries, None, screens, manifest(kv))

    def lent(self):
        p = self.session()
        p.click("#go-workspace")
        p.click("#open-diagnostics")
        for kind in ("log", "chart", "table"):
            p.there(f".pane.of-{kind}")
        return p

    def worker(self):
        """(peer, kv) of another session."""
        peer = s.Peer(self.bridge.rig.address.removeprefix("plain:"))
        session = peer.password("alice", PASSWORD)
        return peer, s.get(s.cap_set(session), "kv", KV)

    @staticmethod
    def refused(ask, code):
        try:
            ask()
        except Refused as e:
            equal(e.code, code, "the refusal")
            return
        holds(False, f"expected {code}, and it worked")

    @staticmethod
    def row(p, tone, *words):
        """A row of that tone that has all of them."""
        said = " && ".join(f"r.innerText.includes('{w}')" for w in words)
        p.until(f"[...document.querySelectorAll('.pane.of-table tr.tone-{tone}')].some((r) => {said})",
                f"{tone}: {words}")

    def found(self):
        """What somebody looks for, among what is good."""
        p = self.lent()
        peer, kv = self.worker()
        page.bridge.until(lambda: (kv.call(SET, Struct(struct.pack("<I", 0), ["a", "b"])),
                                   "ok" in p.text(".pane.of-table"))[1], "calls are traced")
        self.refused(lambda: kv.call(GET, Struct(b"", [SECRET])), "denied.method")
        self.refused(lambda: kv.call(NEXT, Struct(struct.pack("<I", SLOW_MS), [SECRET])), "service")
        open_one = kv.send(NEXT, Struct(struct.pack("<I", 60000), [SECRET]))
        kv.call(SET, Struct(struct.pack("<I", 0), [SECRET + "-more", SECRET]))  # so the first has arrived
        rig = self.bridge.rig
        rig.ok("session", "revoke", "--account", "alice", "kv", "--state", rig.state)
        self.refused(lambda: peer.wait(open_one), "denied.revoked-lease")
        self.row(p, "bad", "alice", "kv", "denied.method")
        self.row(p, "warning", "alice", "kv", "overloaded, slow")
        self.row(p, "bad", "alice", "kv", "denied.revoked-lease")
        p.until("[...document.querySelectorAll('.pane.of-log .line.tone-warning')].some((l) => "
                "l.innerText.includes('revocation ok: kv'))", "the revocation")
        p.until("[...document.querySelectorAll('.pane.of-chart .mark.tone-bad')].some((m) => "
                "m.textContent.includes('denied.method'))", "the mark of the denied call")
        holds(SECRET not in p.js("document.body.innerText"), "a secret is shown")
        if self.screens:
            self.shoot(p, "panes-diagnostics")
        equal(p.faults(), [], "faults of scripts")
        peer.close()
        self.leave(p)

    def close_together(self):
        """For the session: every pane of the service, and nothing of the frame."""
        p = self.lent()
        p.click("[id$='-c-compact']")
        p.click("[id$='-compact-on']")
        p.click(".ask-fields .go")
        p.until("[...document.querySelectorAll('.pane')].every((e) => e.dataset.density === 'compact')", "the look")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)


CASES = ["found", "close_together"]


def main(binaries, kv, screens=None, *only):
    if not shutil.which("chromium"):
        print("there is no Chromium here")
        return 77
    return page.run("web-diagnosed", Diagnosed(binaries, kv, screens), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
