#!/usr/bin/env python3
"""offer: hosts lend panes to a service, and get them back, however that ends; and what the service may do meanwhile.

Why: what a service was lent is a person's screen. So it is the C++ library's host (panel-host.c++) that lends, accepts
a patch, sends an event and withdraws, while the service (test/ui/panel.c) tries what it may not. Each end is a row,
with that host and with ours (lender.c, by lib/ui): whoever brings it about, the host has lost no pane to somebody who
still holds it and holds nothing itself, the service's call was canceled, and no worker keeps a quota (instance.py looks
at how they end). And each bound of an offer is reached, exceeded by one, and given back, at its default and as a
profile says, before a host that has none of its own (R53, R56).

usage: offer.py PANEL PANEL-HOST LENDER
       offer.py --proof NAME PANEL PANEL-HOST...     that row alone, by a host in another language
"""
import json
import os
import signal
import struct
import subprocess
import sys
import time

import heard
import instance
import sessionlib as s
import teardown
from instance import until
from sessionlib import Closed, Failed, Refused, Struct

SCRIPT = "e2e-offer"
PANEL = s.type_id("panel", "Panel", root="test/ui")
ATTEMPT, STATE, DROP = 0, 2, 4
PATCH, LARGE, HOLD, RELEASE, POLL_HELD = 0, 5, 7, 8, 9  # of Panel's acts
WAIT_S = 120
ENVELOPE = 1024  # what a patch may have around it
# Bounds of an offer: as they are, and as a profile says.
USUAL = {"offers": 8, "patchesPerSecond": 20, "patch": 65536, "perSecond": 262144, "references": 32}
NARROW = {"offers": 2, "patchesPerSecond": 5, "patch": 4096, "perSecond": 16384, "references": 6}
WIDE = {"offers": 11, "patchesPerSecond": 50, "patch": 131072, "perSecond": 524288, "references": 40}


class Port:
    """What teardown.worker_of() asks of a peer, of a process that is none."""

    def __init__(self, pid):
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = {line.split()[9]: line.split()[1] for line in f.readlines()[1:]}
        local = [rows[link[8:-1]] for link in instance.opened(pid).values()
                 if link.startswith("socket:") and link[8:-1] in rows]
        self.sock = self
        self.name = ("127.0.0.1", int(local[0].split(":")[1], 16))

    def getsockname(self):
        return self.name


def quota(bounds):
    """As it stands in a manifest."""
    return "(" + ", ".join(f'{k} = "{v}B"' if k in ("patch", "perSecond") else f"{k} = {v}"
                           for k, v in bounds.items()) + ")"


class Host:
    """The program, which has lent a host. ours: by lib/ui."""

    def __init__(self, cases, how="wait", user=instance.USER, ours=False):
        program = [cases.lender, cases.run.where] if ours else [*cases.program, cases.run.address]
        self.process = subprocess.Popen([*program, user, instance.SECRET, "end", how], stdout=subprocess.PIPE,
                                        text=True)
        self.says("lent")

    def says(self, begin):
        line = heard.line(self.process.stdout)
        if not line.startswith(begin):
            raise Failed(f"expected `{begin}…`, got {line!r}")
        return line

    def ended(self, why):
        line = self.says("ended with 0 panes, 0 hosts: ")
        if why not in line:
            raise Failed(f"expected it to end for {why!r}: {line}")

    def leave(self):
        self.process.kill()
        self.process.wait(WAIT_S)
        self.process.stdout.close()


class Bounds:
    """One offer of a user whose profile has these bounds; the service is told what to do by somebody else."""

    def __init__(self, cases, user, bounds):
        self.most, self.begin = bounds, time.monotonic()
        self.host = Host(cases, user=user)
        self.peer, _, caps = cases.run.login("other")
        self.panel = s.get(caps, "panel", PANEL)

    def close(self):
        self.peer.close()
        self.host.leave()

    @staticmethod
    def params(act, count):
        return Struct(struct.pack("<HxxI", act, count))

    def once(self, act, count=1):
        """Its code, or "", and how often it was done."""
        r = self.panel.call(ATTEMPT, self.params(act, count)).content
        return s.text(r.ptr(0)).split(":")[0], r.uint(0, 32)

    def attempt(self, act, count=1, waits=("patches", "traffic")):
        """The same, when there is room in the second."""
        while True:
            code, done = self.once(act, count)
            if code not in [f"over-quota.ui-{w}" for w in waits]:
                return code, done

    def says(self, got, what, done=None):
        if got[0] != (f"over-quota.ui-{what}" if what else "") or done not in (None, got[1]):
            raise Failed(f"{what}, {done}: {got}")

    def patches(self):
        """First: a pane was opened and patched before."""
        rate = self.most["patchesPerSecond"]
        code, done = self.once(PATCH, 100000)
        self.says((code, done), "patches")
        if not 0 <= done - (2 * rate - 2) <= rate * (time.monotonic() - self.begin):
            raise Failed(f"{done} patches within {time.monotonic() - self.begin} s")
        self.says(self.attempt(PATCH), "")

    def references(self):
        """The host and the pane are two of them."""
        left = self.most["references"] - 2
        while left:
            code, done = self.attempt(HOLD, left, ())
            left -= done
            if code not in ("", "over-quota.ui-patches", "over-quota.ui-traffic"):
                raise Failed(f"{left} more: {code}")
        self.says(self.attempt(HOLD), "references", 0)
        self.says(self.once(RELEASE), "")
        self.says(self.attempt(HOLD), "")
        self.says(self.attempt(HOLD), "references", 0)

    def polls(self):
        self.says(self.attempt(POLL_HELD, 60001), "polls")
        time.sleep(1)  # a second's room: it is not to be refused for another reason
        self.panel.send(ATTEMPT, self.params(POLL_HELD, 60000))
        self.says(self.attempt(POLL_HELD, 1), "polls")
        self.says(self.once(RELEASE), "")

    def patch(self):
        """To the word; what is around the text is the same whatever the bound is."""
        text, step = 0, 1 << 17
        while step >= 8:
            code, _ = self.attempt(LARGE, text + step)
            if not code:
                text += step
            elif code != "over-quota.ui-patch":
                raise Failed(f"{text + step} bytes: {code}")
            step //= 2
        return self.most["patch"] + ENVELOPE - text

    def traffic(self):
        """All of it that has gone through, since the offer began."""
        size, sent = self.most["patch"], 0
        begin = time.monotonic()
        while True:
            code, done = self.attempt(LARGE, size, ("patches",))
            sent += done * size
            if code:
                break
        self.says((code, 0), "traffic")
        most = self.most["perSecond"] * (2 + time.monotonic() - begin)
        if sent > most:
            raise Failed(f"{sent} bytes of {most}")
        self.says(self.attempt(LARGE, size), "")


class Cases:
    def __init__(self, panel, program, lender=None):
        self.program, self.panel, self.lender = list(program), os.path.abspath(panel), lender
        self.run = instance.Instance(self.text())
        self.around = []  # a patch: bytes

    def text(self, ui=True, panel=True, bounds=None):
        service = instance.service("panel", self.panel, PANEL)
        grants = ["session", "system_info", "chat", *(["panel"] if panel else [])]

        def profile(name, lease_ms=600000, lease="", bounds=None):
            return instance.profile(name, grants, lease_ms, **({"ui": quota(bounds)} if bounds else {})).replace(
                '(name = "panel"', f'(name = "panel", ui = {str(ui).lower()}{lease}')

        text = instance.manifest(services=[service], profiles=[
            profile("brief", 8000), profile("hasty", lease=', lease = "8s"'), profile("other"),
            profile("narrow", bounds=NARROW), profile("wide", bounds=WIDE)])
        return text.replace(instance.profile("operator", ["session", "system_info", "chat"]),
                            profile("operator", bounds=bounds))

    def accounts(self):
        for name in ("brief", "hasty", "other", "narrow", "wide"):
            self.run.add_user(name, [name])

    def state(self):
        """How many compositions the service has open, has begun and has had taken back; its panes."""
        peer, _, caps = self.run.login("other")
        r = s.get(caps, "panel", PANEL).call(STATE).content
        peer.close()
        return tuple(r.uint(at, 32) for at in (0, 32, 64, 96))

    def quiet(self):
        def nothing():
            try:
                return self.state()[::3] == (0, 0)
            except Refused:  # it is being started again
                return False

        until(nothing, "a service that has nothing")

    def proof(self):
        if instance.run_client([*self.program, self.run.address, instance.USER, instance.SECRET, "proof"])[1]:
            raise Failed("not all of it")

    def listed(self):
        """`capos manifest explain`, and the list itself, of who may be lent a host and who may not."""
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        manifest = os.path.join(self.run.folder.name, "manifest")
        said = subprocess.run([capos, "manifest", "explain", manifest], capture_output=True, text=True, timeout=60,
                              check=True).stdout
        if not any("panel" in line and "; may propose panes" in line for line in said.split("\n")):
            raise Failed(said)
        peer, _, caps = self.run.login()
        found = {s.text(e.ptr(0)): e.uint(128, 8) & 1 for e in caps.call(0).content.ptr(0)}
        peer.close()
        if found != {"session": 0, "system_info": 0, "chat": 0, "panel": 1}:
            raise Failed(f"the list: {found}")

    # ---- bounds

    def offers(self, user, bounds):
        def row():
            done = instance.run_client([*self.program, self.run.address, user, instance.SECRET, "offers",
                                        str(bounds["offers"])])
            if done != (1, 0):
                raise Failed(f"{done}")
        return row

    def bounds(self, user, bounds):
        def row():
            self.quiet()
            b = Bounds(self, user, bounds)
            try:
                b.patches()
                around = b.patch()
                b.traffic()
                b.references()
                b.polls()
                if not 0 < around < ENVELOPE or around not in self.around + [around]:
                    raise Failed(f"around a patch are {around} bytes, and were {self.around}")
                self.around = [around]
            finally:
                b.close()
        return row

    def narrower(self):
        """By a reload, below what is held by then: nothing is taken back, and nothing more is given."""
        self.quiet()
        b = Bounds(self, instance.USER, USUAL)
        try:
            b.says(b.attempt(HOLD, 3), "", 3)
            self.run.changed(self.text(bounds={"references": 3}))
            b.says(b.attempt(HOLD), "references", 0)
            b.says(b.attempt(PATCH), "")
            self.as_before()
            b.says(b.attempt(HOLD), "")
        finally:
            b.close()

    # ---- ends

    def own(self, how, why, ours=False):
        """By the host, the client or the service."""
        def row():
            host = Host(self, how, ours=ours)
            host.ended(why)
            self.quiet()
            host.leave()
        return row

    def brought(self, act, why, user=instance.USER, ours=False):
        """By somebody else; act is told the host."""
        def row():
            host = Host(self, user=user, ours=ours)
            act(host)
            host.ended(why)
            self.quiet()
            host.leave()
        return row

    def session_of(self, user):
        admin = self.run.admin()
        found = [x["id"] for x in admin.sessions() if x["account"] == user]
        return admin, found[-1]

    def revokes(self, cap=None):
        def act(_):
            admin, session = self.session_of(instance.USER)
            admin.revoke(session, cap)
            admin.close()
        return act

    def reloads(self, **text):
        """And back again, when the row is over: the next begins with another reload."""
        return lambda _: self.run.changed(self.text(**text))

    def as_before(self):
        self.run.changed(self.text())

    def kills_service(self, _):
        pid, = self.run.pids("panel")
        os.kill(pid, signal.SIGKILL)

    def kills_worker(self, host):
        os.kill(teardown.worker_of(self.run, Port(host.process.pid)), signal.SIGKILL)

    def killed_host(self, ours):
        def row():
            begun = self.state()
            host = Host(self, ours=ours)
            host.leave()
            self.quiet()
            now = self.state()
            if now != (0, begun[1] + 1, begun[2] + 1, 0):
                raise Failed(f"before {begun}, now {now}")
        return row

    def nothing_is_left(self):
        """Of what was lent in all these rows: no session, no worker but those that wait."""
        admin = self.run.admin()
        until(lambda: admin.status()["sessions"] == 0, lambda: f"no session: {admin.status()}")
        admin.close()
        instance.until(lambda: not self.run.pids("panel") or len(self.run.pids("panel")) == 1, "one service")

    def recorded(self):
        admin = self.run.admin()
        path = admin.audit_path()
        admin.close()
        with open(path, encoding="utf-8") as f:
            records = [json.loads(line) for line in f]
        found = {(r["outcome"], r.get("capability"), r["detail"]) for r in records
                 if r["what"] == "report" and r.get("reporter") == "worker" and "detail" in r}
        for row in (("ui.offer", "panel", "one surface"), ("ui.end", "panel", "the host has withdrawn it"),
                    ("ui.open", "panel", "counters ordinary"), ("ui.quota", "panel", "over-quota.ui-patches")):
            if row not in found:
                raise Failed(f"{row} is not among {sorted(found)}")

    def ends(self, ours):
        """With one of the two hosts. A kill of the worker is told to ours by its own vat."""
        nobody, lost = "sessionEnded: denied.stale-session", "failed: " if ours else "lost: "
        who = "ours" if ours else "C++"

        def own(*row):
            return self.own(*row, ours=ours)

        def brought(*row):
            return self.brought(*row, ours=ours)
        rows = [
            ("the host withdraws", own("withdraw", "withdrawn: ")),
            ("the offer is dropped", own("free" if ours else "drop", "")),
            ("the service has finished", own("finish", "finished: the service has finished")),
            ("logout", own("logout", f"{nobody}: the session was logged out")),
            ("an administrator takes the capability", brought(self.revokes("panel"), "revoked: denied.revoked-lease")),
            ("an administrator ends the session", brought(self.revokes(), f"{nobody}: revoked")),
            ("the lease of the capability", brought(lambda _: None, "revoked: denied.revoked-lease", "hasty")),
            ("the lease of the session", brought(lambda _: None, f"{nobody}: expired", "brief")),
            ("`ui` is gone from the profile", brought(self.reloads(ui=False), "revoked: denied.ui: policy")),
            (None, self.as_before),
            ("the capability is gone from the profile",
             self.brought_without_state(self.reloads(panel=False), "revoked: denied.revoked-lease", ours)),
            (None, self.as_before),
            ("kill -9 of the service", brought(self.kills_service, "failed: ")),
            ("kill -9 of the worker", instance.needs_root(brought(self.kills_worker, lost))),
            ("kill -9 of the host", self.killed_host(ours)),
        ]
        return [(f"end, {who}: {name}" if name else "(as before)", row) for name, row in rows]

    def rows(self):
        users = ((instance.USER, USUAL, "as usual"), ("narrow", NARROW, "a profile's, narrower"),
                 ("wide", WIDE, "a profile's, wider"))
        return [
            ("a surface is lent, patched, asked, and taken back", self.proof),
            ("who may be lent one is listed", self.listed),
            *[(f"offers: {what}", self.offers(user, bounds)) for user, bounds, what in users],
            *[(f"bounds: {what}", self.bounds(user, bounds)) for user, bounds, what in users],
            ("bounds: narrower by a reload", self.narrower),
            ("offers, panes and their ends are on record", self.recorded),
            *self.ends(False),
            *self.ends(True),
            ("nothing is left", self.nothing_is_left),
        ]

    def brought_without_state(self, act, why, ours):
        """The same, where nobody may ask the service any more; the next row does."""
        def row():
            host = Host(self, ours=ours)
            act(host)
            host.ended(why)
            host.leave()
        return row


def main(argv):
    alone = len(argv) > 3 and argv[0] == "--proof"
    if not alone and len(argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    name = argv[1] if alone else SCRIPT
    cases = Cases(argv[2], argv[3:]) if alone else Cases(argv[0], argv[1:2], argv[2])
    try:
        with cases.run:
            cases.accounts()
            return instance.run_cases(name, cases.rows()[:1] if alone else cases.rows())
    except (Failed, Refused, Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count(name, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
