#!/usr/bin/env python3
"""audit: what strangers can do to the log, what a full disk does, and what was done to it at rest.

Why: whoever has to log in can make the session manager write. What he makes it write must be
bounded, whatever he sends how often; and when there is no room to write, nothing may begin and
nothing that has begun may end. A log that was cut while nobody looked must not look whole.
"""
import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

import attacklib as a
import instance
import sessionlib as s

SCRIPT = "attack-audit"
LOG = "audit.log"
# What one source may cost within a minute, whatever it does: rows of the table of counts.
BOUND = 64 * 1024
NONCES = 2000
OWN_ENDS = 1000  # each of which was a record
END_ACCOUNT_SESSION = s.ordinal("remote_session", "endAccountSession")
CALLS = 100  # fewer than are recorded at once
REPORTED_S = 2  # a worker tells of them within one
A_CONNECTION = 50  # fewer than a connection is closed after


def size(target):
    return os.path.getsize(os.path.join(target.state, LOG))


def records(target):
    return instance.audit(target.state)


def bounded(target, times, act):
    """Does it that often; the log may not have grown by more than the bound."""
    before = size(target)
    for i in range(times):
        act(i)
    grown = size(target) - before
    if grown > BOUND:
        raise a.Failed(f"the log has grown by {grown} bytes")
    return "sessiond"


def ask(peer, ref, method, params):
    try:
        ref.call(method, params)
    except s.Refused:
        return
    raise a.Failed("it was not refused")


def long_nonces(target):
    """Requests that are refused at once, without a proof, with all the text they may carry."""
    source = s.Struct(b"", ["\1" * 48, "\1" * 48, "\1" * 48])
    start = s.Struct(struct.pack("<H", s.PASSWORD),
                     [s.Struct(b"", ["\1" * 128]), "\2" * 60, b"x" * 65, source])

    def connection(_):
        peer = target.peer_from("127.0.7.1")
        try:
            gateway = peer.gateway()
            for _ in range(A_CONNECTION):
                ask(peer, gateway, 1, s.Struct(b"", [start]))
        finally:
            peer.close()
    return bounded(target, NONCES // A_CONNECTION, connection)


def made_up_names(target):
    peer = target.peer_from("127.0.7.2")
    try:
        caps = s.cap_set(peer.anonymous())
        params = [s.Struct(struct.pack("<Q", 1), [f"name-{i}" + "\1" * 100]) for i in range(2000)]
        return bounded(target, 2000, lambda i: ask(peer, caps, 1, params[i]))
    finally:
        peer.close()


def many_sessions(target):
    def one(_):
        peer = target.peer_from("127.0.7.3")
        try:
            peer.anonymous().call(3)
        finally:
            peer.close()
    return bounded(target, 250, one)


def utf8(target):
    peer = target.connect()
    try:
        flow = peer.flow(s.PASSWORD, "été\u202e\u0007")
        ask(peer, flow, 0, s.Struct(b"", [b"whatever"]))
    finally:
        peer.close()
    with open(os.path.join(target.state, LOG), "rb") as f:
        text = f.read()
    if "été\\u202e\\u0007".encode() not in text or "\u202e".encode() in text:
        raise a.Failed("the name is not there as it was typed")
    return "sessiond"


def closing_is_no_crime(target):
    """A client that resets its connection with answers on their way has broken no rule."""
    before = len([r for r in records(target) if r["what"] == "illegal"])
    for _ in range(20):
        peer = target.connect()
        caps = s.cap_set(peer.anonymous())
        for _ in range(8):
            caps.send(0)
        peer.sock.setsockopt(a.socket.SOL_SOCKET, a.socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
    target.settled()
    if len([r for r in records(target) if r["what"] == "illegal"]) != before:
        raise a.Failed("it is recorded as illegal")
    return "nobody"


# ---- a full disk -------------------------------------------------------------------------------

class SmallDisk:
    """A file system of one megabyte for a state folder, where we may mount one."""

    def __init__(self, target):
        self.folder = tempfile.TemporaryDirectory(prefix="capos-disk-")
        target.state = target.arguments[1] = self.path = os.path.join(self.folder.name, "state")
        os.mkdir(self.path, 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", self.path],
                       check=True)

    def fill(self):
        with open(os.path.join(self.path, "balloon"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                return

    def empty(self):
        os.unlink(os.path.join(self.path, "balloon"))

    def end(self):
        subprocess.run(["umount", "-l", self.path], check=True)
        self.folder.cleanup()


def refused_for_room(target):
    peer = target.connect()
    try:
        peer.anonymous()
    except s.Refused as e:
        return e.code == "over-quota.disk"
    finally:
        peer.close()
    return False


def full_disk():
    target = a.Target()
    disk = SmallDisk(target)
    try:
        with target:
            daemons = target.daemons()
            peer, session, caps = target.login()
            info = s.get(caps, "system_info", s.SYSTEM_INFO)
            other = target.login()[1]
            disk.fill()
            instance.until(lambda: refused_for_room(target), "the refusal")
            if not s.motd(info) or s.text(session.call(0).content.ptr(0).ptr(1)) != "alice":
                raise a.Failed("the session has not gone on")
            other.call(3)
            if target.status()["sessions"] != 1:
                raise a.Failed("the end of a session was not taken")
            for _ in range(OWN_ENDS):  # of nobody: not even this uses up what is kept for ends
                session.call(END_ACCOUNT_SESSION, s.Struct(b"", [""]))
            disk.empty()
            instance.until(lambda: not refused_for_room(target), "room")
            target.good_by_password()
            target.good_by_key()
            if target.daemons() != daemons:
                raise a.Failed("a process has died")
            found = [(r["what"], r.get("outcome")) for r in records(target)]
            for wanted in (("full", "begun"), ("full", "over"), ("logout", "ok")):
                if wanted not in found:
                    raise a.Failed(f"there is no record {wanted}")
            target.capos("audit", "verify", target.state)
            peer.close()
    finally:
        disk.end()
    return "sessiond"


def calls(peer, info, times):
    """Calls, more than one under way; each has to be answered."""
    for _ in range(times // 10):
        for question in [info.send(0) for _ in range(10)]:
            peer.wait(question)


def full_disk_and_each_call():
    """A profile whose calls are recorded one by one (`auditCalls`): while there is no room they go on,
    and are a number afterwards."""
    each = instance.profile("each", ["session", "system_info"]).replace("(name =", "(auditCalls = true, name =", 1)
    target = a.Target(instance.manifest(profiles=[each]))
    disk = SmallDisk(target)

    def of_calls():
        return [r for r in records(target) if r["what"] == "call"]
    try:
        with target:
            target.add_user("each", ["each"])
            peer, _, caps = target.login("each")
            info = s.get(caps, "system_info", s.SYSTEM_INFO)
            calls(peer, info, CALLS)
            instance.until(lambda: len(of_calls()) == CALLS, "a record for each call")
            disk.fill()
            instance.until(lambda: refused_for_room(target), "the refusal")
            calls(peer, info, CALLS)
            time.sleep(REPORTED_S)
            if len(of_calls()) != CALLS:
                raise a.Failed(f"{len(of_calls()) - CALLS} records of what is left of the disk")
            disk.empty()
            instance.until(lambda: not refused_for_room(target), "room")
            calls(peer, info, CALLS)
            instance.until(lambda: len(of_calls()) >= 2 * CALLS, "a record for each call again")
            peer.close()
            target.settled()
            target.capos("audit", "verify", target.state)
        if sum(int(r["times"]) for r in of_calls()) != 3 * CALLS:
            raise a.Failed(f"of {3 * CALLS} calls: {of_calls()}")
    finally:
        disk.end()
    return "sessiond"


# ---- at rest -----------------------------------------------------------------------------------

def stop_orderly(target):
    target.process.send_signal(signal.SIGTERM)
    target.process.wait(120)
    target.process.stdout.close()


def start_again(target):
    target.user = False
    instance.Instance.start(target)


def counted():
    """Nothing is forgotten: what was not recorded by itself is a number."""
    with a.Target() as target:
        long_nonces(target)
        stop_orderly(target)
        times = sum(int(r.get("times", 1)) for r in records(target)
                    if r.get("source", "").startswith("127.0.7.1") and r["what"] == "attempt")
        start_again(target)
    if times != NONCES:
        raise a.Failed(f"{times} of {NONCES} attempts are in the log")
    return "nobody"


def restarted(spoil, outcome):
    """An instance is stopped, its log spoilt, and started again: it says so, and so does verify."""
    with a.Target() as target:
        target.good_by_password()
        stop_orderly(target)
        spoil(os.path.join(target.state, LOG))
        start_again(target)
        got = [r for r in records(target) if r["what"] == "recovered"]
        if [r.get("outcome") for r in got] != [outcome] or "audit log" not in target.log_text():
            raise a.Failed(f"it was not noticed: {got}")
        try:
            target.capos("audit", "verify", target.state)
        except a.Failed as e:
            if "is missing: records 1 to" not in str(e):
                raise
            return "sessiond"
    raise a.Failed("the log passes for whole")


def cut(path):
    with open(path, "rb+") as f:
        f.truncate(f.read().rstrip(b"\n").rfind(b"\n") + 1)


class Segments:
    """A log in segments, made here as doc/protocol/audit.md says."""

    def __init__(self, folder):
        self.folder, self.n, self.hash = folder, 0, bytes(32)

    def line(self, segment=0):
        self.n += 1
        head = f'{{"n":{self.n},"time":"2026-11-28T18:00:00.000Z","what":"attempt","outcome":"ok"'
        if segment:
            head += f',"segment":"{segment}","before":"{self.hash.hex()}"'
        self.hash = hashlib.sha256(self.hash + head.encode()).digest()
        return f'{head},"hash":"{self.hash.hex()}"}}\n'

    def write(self, name, lines, segment=0):
        with open(os.path.join(self.folder, name), "a", encoding="utf-8") as f:
            f.writelines(self.line(segment if i == 0 else 0) for i in range(lines))


def verified(folder):
    done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), "audit", "verify",
                           folder], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout + done.stderr


def missing_segments():
    """All of them are verified, and what is not there is named; a reader is led from one to the
    next."""
    with tempfile.TemporaryDirectory() as folder:
        log = Segments(folder)
        for segment in range(1, 4):
            log.write(f"audit-{segment:06}.log", 5, segment if segment > 1 else 0)
        log.write(LOG, 5, 4)
        code, said = verified(folder)
        if code or "20 records" not in said:
            raise a.Failed(said)
        follow(folder, log)
        path = os.path.join(folder, "audit-000002.log")
        os.rename(path, path + ".away")
        code, said = verified(folder)
        if code != 1 or "segment 2 is missing: records 6 to 10" not in said:
            raise a.Failed(said)
        os.rename(path + ".away", path)
        with open(path, "r+b") as f:
            f.seek(60)
            f.write(b"X")
        code, said = verified(folder)
        if code != 1 or "audit-000002.log: line 1" not in said:
            raise a.Failed(said)
    return "nobody"


def follow(folder, log):
    """tail -f shows what is written after a change of segments as well."""
    command = [os.path.join(instance.build_folder(), "bin", "capos"), "audit", "tail", "-f", "-n",
               "1", "--json", os.path.join(folder, LOG)]
    with a.heard.Program(command, stdout=subprocess.PIPE) as tail:
        try:
            seen = [json.loads(a.heard.line(tail.stdout))["n"]]  # it has its place in the log
            log.write(LOG, 1)
            os.rename(os.path.join(folder, LOG), os.path.join(folder, "audit-000004.log"))
            log.write(LOG, 2, 5)
            seen += [json.loads(a.heard.line(tail.stdout))["n"] for _ in range(3)]
        finally:
            tail.kill()
    if seen != [20, 21, 22, 23]:
        raise a.Failed(f"{seen}")


def refused_files():
    """The command neither waits for a pipe nor takes one for a log."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, LOG)
        os.mkfifo(path)
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), "audit",
                               "verify", path], capture_output=True, text=True, timeout=30,
                              check=False)
        if done.returncode != 1 or not re.search("regular file", done.stderr):
            raise a.Failed(f"{done.returncode} {done.stderr}")
    return "nobody"


def tries(target):
    rows = {"A1": lambda: long_nonces(target),
            "A2": lambda: made_up_names(target),
            "A3": lambda: many_sessions(target),
            "A4": lambda: utf8(target),
            "A5": lambda: closing_is_no_crime(target),
            "A6": counted,
            "A7": lambda: restarted(os.unlink, "missing"),
            "A8": lambda: restarted(lambda path: os.truncate(path, 0), "missing"),
            "A9": lambda: restarted(cut, "cut"),
            "A10": refused_files,
            "A11": instance.needs_root(full_disk),
            "A12": missing_segments,
            "A13": instance.needs_root(full_disk_and_each_call)}
    return rows


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, a.Target, tries))
