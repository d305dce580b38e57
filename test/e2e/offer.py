#!/usr/bin/env python3
"""offer: a host of panes that is nobody's here lends them to a service, and gets them back, however that ends.

Why: what a service was lent is a person's screen. So it is the C++ library's host (panel-host.c++) that lends, accepts
a patch, sends an event and withdraws, while the service (test/ui/panel.c) tries what it may not. And each end is a row:
whoever brings it about, the host has lost no pane to somebody who still holds it, the service's call was canceled, and
no worker keeps a quota (instance.py looks at how they end).

usage: offer.py PANEL PANEL-HOST
       offer.py --proof NAME PANEL PANEL-HOST...     that row alone, by a host in another language
"""
import json
import os
import signal
import subprocess
import sys

import instance
import sessionlib as s
import teardown
from instance import until
from sessionlib import Closed, Failed, Refused

SCRIPT = "e2e-offer"
PANEL = s.type_id("panel", "Panel", root="test/ui")
STATE, DROP = 2, 4
WAIT_S = 60


class Port:
    """What teardown.worker_of() asks of a peer, of a process that is none."""

    def __init__(self, pid):
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = {line.split()[9]: line.split()[1] for line in f.readlines()[1:]}
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        local = [rows[link[8:-1]] for link in links if link.startswith("socket:") and link[8:-1] in rows]
        self.sock = self
        self.name = ("127.0.0.1", int(local[0].split(":")[1], 16))

    def getsockname(self):
        return self.name


class Host:
    """The program, which has lent a host."""

    def __init__(self, cases, how="wait", user=instance.USER):
        self.process = subprocess.Popen([*cases.program, cases.run.address, user, instance.SECRET, "end", how],
                                        stdout=subprocess.PIPE, text=True)
        self.says("lent")

    def says(self, begin):
        line = self.process.stdout.readline()
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


class Cases:
    def __init__(self, panel, program):
        self.program, self.panel = list(program), os.path.abspath(panel)
        self.run = instance.Instance(self.text())

    def text(self, ui=True, panel=True):
        service = instance.service("panel", self.panel, PANEL)
        grants = ["session", "system_info", "chat", *(["panel"] if panel else [])]

        def profile(name, lease_ms=600000, lease=""):
            return instance.profile(name, grants, lease_ms).replace(
                '(name = "panel"', f'(name = "panel", ui = {str(ui).lower()}{lease}')

        text = instance.manifest(services=[service], profiles=[
            profile("brief", 4000), profile("hasty", lease=', lease = "4s"'), profile("other")])
        return text.replace(instance.profile("operator", ["session", "system_info", "chat"]), profile("operator"))

    def accounts(self):
        for name in ("brief", "hasty", "other"):
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

    # ---- ends

    def own(self, how, why):
        """By the host, the client or the service."""
        def row():
            host = Host(self, how)
            host.ended(why)
            self.quiet()
            host.leave()
        return row

    def brought(self, act, why, user=instance.USER):
        """By somebody else; act is told the host."""
        def row():
            host = Host(self, user=user)
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

    def killed_host(self):
        begun = self.state()
        host = Host(self)
        host.leave()
        self.quiet()
        now = self.state()
        if now != (0, begun[1] + 1, begun[2] + 1, 0):
            raise Failed(f"before {begun}, now {now}")

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
        found = {(r["outcome"], r["detail"]) for r in records
                 if r["what"] == "report" and r.get("reporter") == "worker" and "detail" in r}
        for row in (("ui.offer", "panel: one surface"), ("ui.end", "panel: the host has withdrawn it")):
            if row not in found:
                raise Failed(f"{row} is not among {sorted(found)}")

    def rows(self):
        nobody = "denied.stale-session"
        return [
            ("a surface is lent, patched, asked, and taken back", self.proof),
            ("who may be lent one is listed", self.listed),
            ("offers and their ends are on record", self.recorded),
            ("end: the host withdraws", self.own("withdraw", "the host has withdrawn it")),
            ("end: the offer is dropped", self.own("drop", "")),
            ("end: the service has finished", self.own("finish", "the service has finished")),
            ("end: logout", self.own("logout", f"{nobody}: the session was logged out")),
            ("end: an administrator takes the capability", self.brought(self.revokes("panel"), "denied.revoked-lease")),
            ("end: an administrator ends the session", self.brought(self.revokes(), f"{nobody}: revoked")),
            ("end: the lease of the capability", self.brought(lambda _: None, "denied.revoked-lease", "hasty")),
            ("end: the lease of the session", self.brought(lambda _: None, f"{nobody}: expired", "brief")),
            ("end: `ui` is gone from the profile", self.brought(self.reloads(ui=False), "denied.ui: policy")),
            ("(as before)", self.as_before),
            ("end: the capability is gone from the profile",
             self.brought_without_state(self.reloads(panel=False), "denied.revoked-lease")),
            ("(as before)", self.as_before),
            ("end: kill -9 of the service", self.brought(self.kills_service, "")),
            ("end: kill -9 of the worker", instance.needs_root(self.brought(self.kills_worker, "lost: "))),
            ("end: kill -9 of the host", self.killed_host),
            ("nothing is left", self.nothing_is_left),
        ]

    def brought_without_state(self, act, why):
        """The same, where nobody may ask the service any more; the next row does."""
        def row():
            host = Host(self)
            act(host)
            host.ended(why)
            host.leave()
        return row


def main(argv):
    alone = len(argv) > 3 and argv[0] == "--proof"
    if not alone and len(argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    name = argv[1] if alone else SCRIPT
    cases = Cases(argv[2], argv[3:]) if alone else Cases(argv[0], argv[1:])
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
