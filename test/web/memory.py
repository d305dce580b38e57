#!/usr/bin/env python3
"""web-memory: a browser's process in which an allocation fails, the first or a later one, of its own code's or of a
library's (R49). What it was asked is answered, or its tab is closed; a process that cannot go on says so
and ends. It never crashes, never leaves a tab without an answer, and the next act works.

    memory.py BIN STAGE PRELOAD [ACT...]

PRELOAD is test/web/fail-malloc.c.
"""
import functools
import json
import mmap
import os
import struct
import sys
import tempfile
import time

from bridge import PASSWORD, Closed, Failed, until
from panes import key, log_line
from staging import Mirror, Staged, holds, instance, schema_of

ACTS = []
TICK = 0.5  # seconds, as in app/web/session.c


def act(f):
    ACTS.append(f)
    return f


class World:
    def __init__(self, bin_, stage, preload):
        self.file = tempfile.NamedTemporaryFile()
        self.file.truncate(mmap.PAGESIZE)
        self.told = mmap.mmap(self.file.fileno(), mmap.PAGESIZE)
        self.b = Staged(bin_, stage, env={"LD_PRELOAD": os.path.abspath(preload), "CAPOS_FAIL_MALLOC": self.file.name})
        self.panes = 0
        self.own = self.b.processes()[-1]

    def fail_at(self, n):
        self.told[:24] = struct.pack("3q", self.own, n, 0)

    def failed(self):
        return struct.unpack("3q", self.told[:24])[2]

    def tab(self):
        return Mirror(self.b.person.tab())

    def ready(self):
        """A session, and a tab of it that is lent a host: what a failure has ended is made again."""
        try:
            m = self.tab()
        except (Failed, Closed, ConnectionError):  # it has said why, and ended
            until(lambda: not os.path.exists(f"/proc/{self.own}"), "it lives, and takes no tab")
            holds("capos: a browser's process: " in self.b.rig.read("web.log"), "it has crashed")
            open(self.b.rig.path("web.log"), "w", encoding="ascii").close()
            self.b.person = self.b.browser()
            self.own = self.b.processes()[-1]
            m = self.tab()
        if "failed" in m.ask("refresh"):
            m.ask("logout")
            m.ask("disconnect")
            holds("methods" in m.ask("connect", 0), "it cannot connect")
            r = m.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
            holds("session" in r, r)
        m.ask("offer", "stage")
        self.b.mirror = m
        return m


def call(m, method, **params):
    return m.ask("call", {"target": "stage", "method": method, "params": json.dumps(params)})


@act
def instances(w, m):
    m.ask("instances")


@act
def another_tab(w, m):
    w.tab().tab.close()


@act
def refresh(w, m):
    m.ask("refresh")


@act
def schema(w, m):
    m.ask("schema", "stage")


@act
def call_and_return(w, m):
    m.ask("call", {"target": "system_info", "method": "motd"})


@act
def references(w, m):
    r = call(m, "many", listener={"$listen": True}, count=3)
    for h in r.get("returned", {}).get("handles", []):
        m.ask("forget", h["handle"])


@act
def events(w, m):
    r = call(m, "flood", listener={"$listen": True}, bytes=10, times=3, gives=True)
    for h in r.get("returned", {}).get("handles", []):
        m.ask("forget", h["handle"])


@act
def a_pane(w, m):
    """Opened, filled, changed, closed."""
    w.panes += 1
    name = w.b.id(f"p{w.panes}")

    def patch(kind, payload):
        call(m, "apply", patch={"kind": kind, "surfaceId": name, "payload": payload})
    call(m, "open", spec={"surfaceId": name, "title": "A pane", "kind": "list", "safetyClass": "ordinary",
                          "modelSchema": schema_of("list")})
    patch("updateModel", {"model": {"whole": {"list": {"items": [key("a", title="A"), key("b", title="B")]}}}})
    patch("updateModel", {"model": {"base": "1", "items": [key("b", title="C"), key("c", title="D")]}})
    patch("addCommand", {"command": {"id": "c", "title": "Do", "run": {"view": None}}})
    for n in list(m.panes):
        m.ask("act", {"surface": n, "pin": True})
        m.ask("run", {"surface": n, "command": "c", "trusted": True})
    m.ask("size", {"columns": 100, "rows": 40})
    m.ask("seen", {"density": "compact"})
    for n in list(m.panes):
        m.ask("act", {"surface": n, "close": None})


@act
def a_log(w, m):
    w.panes += 1
    name = w.b.id(f"p{w.panes}")
    call(m, "open", spec={"surfaceId": name, "title": "A log", "kind": "log", "safetyClass": "ordinary",
                          "modelSchema": schema_of("log")})
    for i in range(2):
        call(m, "apply", patch={"kind": "updateModel", "surfaceId": name, "payload": {
            "model": {"base": str(i), "lines": [log_line(i)]}}})
    call(m, "close", surfaceId=name)


@act
def offered_again(w, m):
    m.ask("withdraw", "stage")
    m.ask("offer", "stage")


@act
def a_probe(w, m):
    m.ask("probe", "unknownName")


@act
def a_probe_of_its_own(w, m):
    m.ask("probe", "staleCall")


@act
def the_transcript(w, m):
    m.ask("export")


@act
def the_account_s_sessions(w, m):
    m.ask("sessions")
    m.ask("endSession", "no such session")


@act
def what_may_not_be_passed_on(w, m):
    m.ask("probe", "transfer")


@act
def out_and_in_again(w, m):
    m.ask("logout")
    m.ask("disconnect")
    m.ask("connect", 0)
    m.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})


@act
def time_passes(w, m):
    """What a process does by itself, now and then."""
    end = time.monotonic() + 2.5 * TICK
    while time.monotonic() < end and not w.failed():
        time.sleep(0.05)


def one(w, f):
    """With the n-th failing, for n that grow until it is done before. How often that was is said."""
    n, times = 1, 0
    while True:
        m = w.ready()
        w.fail_at(n)
        try:
            f(w, m)
        except (Closed, ConnectionError, TypeError, AttributeError, KeyError) as e:
            holds(w.failed(), f"{e!r} without a failure")
        finally:
            failed = w.failed()
            w.fail_at(0)
        m.tab.close()
        if not failed:
            print(f"{f.__name__}: {times} failures")
            return
        times += 1
        n += 1 + n // 3


def main():
    w, wanted = World(*sys.argv[1:4]), sys.argv[4:]
    try:
        return instance.run_cases("web-memory", [(f.__name__, functools.partial(one, w, f)) for f in ACTS
                                                 if f.__name__ in wanted or not wanted], more=w.b.said)
    finally:
        w.b.close()


if __name__ == "__main__":
    sys.exit(main())
