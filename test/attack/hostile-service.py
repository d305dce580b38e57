#!/usr/bin/env python3
"""hostile-service: what a service can do that means harm.

Why: services are other people's programs. What one holds is its link, a socket to the session
manager and one for each caller; what it may do is the list of its role. Each try here is a service
of its own in the manifest, which begins as a good one and does its deed when it is called
(hostile-service.c). Whoever has called it sees its end or its words; nobody else sees anything.
"""
import json
import re
import sys

import attacklib as a
import sessionlib as s

SCRIPT = "attack-hostile-service"
SIGKILL = "9"


def calls():
    """[[name of the call, arguments as they stand in the manifest]]; @ is caposd's number."""
    path = "/etc/passwd"
    return [["openat", "-100", path, "0", "0"], ["open", path, "0"],
            ["tgkill", "1", "1", SIGKILL], ["kill", "1", SIGKILL], ["fcntl", "3", "8", "1"],
            ["fcntl", "3", "4", "8192"], ["socket", "2", "1", "0"], ["socket", "1", "1", "0"],
            ["connect", "3", path, "16"], ["fork"], ["clone", "17", "0"], ["clone3", path, "64"],
            ["execve", path, "0", "0"], ["mmap", "0", "4096", "5", "34", "-1", "0"],
            ["mprotect", "0", "4096", "4"], ["ptrace", "16", "1", "0", "0"],
            ["prlimit64", "0", "7", path, "0"], ["prlimit64", "1", "7", "0", path],
            ["setsockopt", "3", "1", "33", path, "4"], ["unshare", "0x10000000"],
            ["io_uring_setup", "1", path], ["bpf", "0", path, "0"], ["mkdir", path, "0777"],
            ["chmod", path, "0777"], ["memfd_create", path, "0"]]


ACTS = ["forge", "babble", "large", "packets", "end", "hang"]
PSEUDONYM, ACCOUNT, PROFILE, METHOD, SOURCE = 1, 2, 4, 8, 16
# What is done, what is asked for, what the manifest lets it know.
CURIOUS = [["ask", ACCOUNT | PSEUDONYM, "pseudonym"], ["guess", ACCOUNT, "account"],
           ["nag", METHOD, "account, pseudonym"]]
GRASPS = 2000


def text():
    hostile = [a.instance.service(f"c{i}", a.program("hostile-service"), s.SYSTEM_INFO,
                                  ["--call", str(a.NR[c[0]])] + c[1:])
               for i, c in enumerate(calls())]
    hostile += [a.instance.service(name, a.program("hostile-service"), s.SYSTEM_INFO,
                                   ["--act", name]) for name in ACTS]
    hostile += [a.instance.service(act, a.program("hostile-service"), s.SYSTEM_INFO,
                                   ["--act", act, str(fields)], disclosure=may)
                for act, fields, may in CURIOUS]
    hostile += [a.instance.service(f"grasp{n}", a.program("hostile-service"), s.SYSTEM_INFO,
                                   ["--act", "grasp", str(n)]) for n in (1, GRASPS)]
    grants = (["session", "system_info"] + [f"c{i}" for i in range(len(calls()))] + ACTS +
              [c[0] for c in CURIOUS] + ["grasp1", f"grasp{GRASPS}"])
    return a.instance.manifest(services=hostile, anonymous="wide", operator=grants[2:],
                               profiles=[a.instance.profile("wide", grants)])


def killed(target, name):
    return f"{name} was killed by signal 31" in target.log_text()


def others(target):
    """The processes that must stay: not the hostile ones, nor a copy of caposd that is becoming
    one."""
    return {p: n for p, n in target.daemons().items()
            if "hostile" not in n and ("caposd" not in n or p == target.process.pid)}


class Session:
    """An anonymous session, whose other capabilities must not be touched."""

    def __init__(self, target):
        self.peer = target.connect()
        self.caps = s.cap_set(self.peer.anonymous())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()

    def motd(self, name):
        return s.motd(s.get(self.caps, name, s.SYSTEM_INFO))

    def others_work(self):
        if not self.motd("system_info"):
            raise a.Failed("another service is of no use any more")


def call_try(target, i):
    with Session(target) as c:
        try:
            got = c.motd(f"c{i}")
        except s.Refused as e:
            if e.kind != "disconnected":
                raise a.Failed(str(e)) from e
            a.instance.until(lambda: killed(target, f"c{i}"), "the line of its end")
        else:
            if got != "-13":
                raise a.Failed(f"it goes through: {got}")
        c.others_work()
    return "kernel filter"


def words(target, name):
    """What the caller sees of it."""
    with Session(target) as c:
        try:
            got = c.motd(name)
        except s.Refused as e:
            got = e
        c.others_work()
    return got


def forge(target):
    """A denial is the instance's to say; a service's has a mark in front."""
    got = words(target, "forge")
    if not isinstance(got, s.Refused) or not got.reason.startswith("service: "):
        raise a.Failed(str(got))
    return "membrane"


def babble(target):
    got = words(target, "babble")
    if not isinstance(got, s.Refused) or len(got.reason) > 1024:
        raise a.Failed(f"{len(str(got))} bytes")
    return "membrane"


def large(target):
    """Two megabytes where one is the most: that call fails, and the next one on it is answered."""
    with Session(target) as c:
        for _ in range(2):
            try:
                c.motd("large")
            except s.Refused as e:
                if "over-quota" not in e.reason and e.kind != "overloaded":
                    raise a.Failed(str(e)) from e
            else:
                raise a.Failed("it has come through")
        c.others_work()
    return "membrane"


def packets(target):
    """What is not its to send: it is ended, or not listened to; nobody else notices."""
    before = others(target)
    lines = len(target.log_text().splitlines())
    words(target, "packets")
    target.good_by_password()
    now = others(target)
    if now != before or len(target.log_text().splitlines()) > lines + 50:
        raise a.Failed(f"{target.log_text()[-1000:]}")
    return "caposd"


def end(target):
    got = words(target, "end")
    if not isinstance(got, s.Refused) or got.kind != "disconnected":
        raise a.Failed(str(got))
    return "service end"


def hang(target):
    """Who waits may go on with everything else, and go."""
    with Session(target) as c:
        s.get(c.caps, "hang", s.SYSTEM_INFO).send(0)
        c.others_work()
    target.settled()
    return "service end"


def told_nothing(target, name, why):
    """It is refused, whole, and that is on record."""
    got = words(target, name)
    if got != "refused":
        raise a.Failed(f"it has learned {got}")
    lines = [x for x in map(json.loads, target.audit_lines())
             if x["what"] == "disclosure" and x["capability"] == name
             and x["outcome"] == "denied.disclosure"]
    if len(lines) != 1 or lines[0]["detail"] != why:
        raise a.Failed(f"recorded: {lines}")
    return "sessiond"


def nag(target):
    """Thousands of questions are a few lines."""
    before = len(target.audit_lines())
    if words(target, "nag") != "asked":
        raise a.Failed("it has not asked")
    after = len(target.audit_lines())
    if after > before + 20:
        raise a.Failed(f"{after - before} records")
    return "sessiond"


def grasp(target, times):
    """What it does not hold it does not get, and of however many names, that is a few lines."""
    before = len(target.audit_lines())
    got = words(target, f"grasp{times}")
    if got != "denied.unknown-name":
        raise a.Failed(f"it has got: {got}")
    lines = [json.loads(x) for x in target.audit_lines()[before:]]
    mine = [x for x in lines if x["what"] == "open" and x["outcome"] == "denied.unknown-name"]
    if len(lines) > 20 or (times == 1 and [x["detail"] for x in mine] != ["grasp1"]):
        raise a.Failed(f"recorded: {lines}")
    return "sessiond"


def after_all(target, before):
    target.settled()
    now = others(target)
    if now != before:
        raise a.Failed(f"before: {before}; now: {now}")
    target.good_by_password()
    target.good_by_key()
    return "nobody"


def tries(target):
    before = others(target)
    rows = {f"HS{i + 1}": (lambda i=i: call_try(target, i)) for i in range(len(calls()))}
    for deed in (forge, babble, large, packets, end, hang):
        rows[f"HS{len(rows) + 1}"] = lambda d=deed: d(target)
    rows["HS32"] = lambda: told_nothing(target, "ask", "account")
    rows["HS33"] = lambda: told_nothing(target, "guess", "no such caller")
    rows["HS34"] = lambda: nag(target)
    rows["HS35"] = lambda: grasp(target, 1)
    rows["HS36"] = lambda: grasp(target, GRASPS)
    rows[f"HS{len(rows) + 1}"] = lambda: after_all(target, before)
    return rows


def make():
    target = a.Target(text())
    target.harmful = re.compile(rf"hostile-service: (error|warning)|\b({'|'.join(ACTS)}) ended with exit code 13")
    return target


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, make, tries))
