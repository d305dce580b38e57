"""attacklib: an instance to be attacked, good clients that must get through, and what is counted.

Why: an attack shows nothing by itself. What it must not do is the outcome: a good login by password
or by key fails, a process dies that should live, a descriptor stays. So each script here starts an
instance of its own, runs the tries that list.md gives it, and says of each which layer has stopped
it. list.md is the plan: a script whose rows and whose tries are not the same fails.

A try is a function; it returns the layer that has stopped it, in the words of list.md, or raises
when nothing has.
"""
import os
import re
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import instance  # noqa: E402
import sessionlib as s  # noqa: E402
from sessionlib import Failed, Struct, w  # noqa: E402,F401

SKIP = 77
COMMAND_S = 60
KEY_USER = "carol"
# What ends a try that does not work, and is not a fault of the instance.
REFUSALS = (s.Refused, s.Closed, s.Hang, OSError)


# ---- the list ----------------------------------------------------------------------------------

def listed(script):
    """The rows of list.md that this script runs: {id: layer}."""
    rows = {}
    with open(os.path.join(HERE, "list.md"), encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if len(cells) == 5 and re.fullmatch(r"[A-Z]+\d+", cells[0]) and cells[4] == script:
                if cells[0] in rows:
                    raise Failed(f"list.md has {cells[0]} twice")
                rows[cells[0]] = cells[3]
    return rows


def as_root(function):
    """A try that needs the superuser; else it is counted as skipped."""
    return function if os.geteuid() == 0 else None


def checked(name, layer, function):
    """Runs a try and compares who has stopped it."""
    def run():
        stopped = function()
        if stopped != layer:
            raise Failed(f"stopped by {stopped!r}, expected {layer!r}")
    return name, run


def run(script, tries):
    """Runs {id: function} as list.md says; the exit code."""
    rows = listed(script)
    if set(rows) != set(tries):
        print(f"not ok list.md - only there: {sorted(set(rows) - set(tries))}, "
              f"only here: {sorted(set(tries) - set(rows))}")
        instance.count(script, 0, 1)
        return 1
    for i in sorted(tries):
        if tries[i] is None:
            print(f"skipped {i}: it needs the superuser")
    return instance.run_cases(script, [checked(i, rows[i], tries[i]) for i in sorted(tries, key=order)
                                       if tries[i]])


def order(name):
    """A2 before A10."""
    return name.rstrip("0123456789"), int(re.search(r"\d+$", name).group())


# ---- the instance ------------------------------------------------------------------------------

class Target(instance.Instance):
    """A running instance with an account by password (alice) and one by key (carol)."""

    def __init__(self, manifest_text=None, programs=None):
        """programs: {name: path}, started in the place of the instance's own."""
        super().__init__(manifest_text)
        self.env = dict(os.environ)
        self.command = os.path.join(instance.build_folder(), "bin", "capos")
        self.key = os.path.join(self.folder.name, "key")
        self.logins = 0
        if programs:
            overlay = os.path.join(self.folder.name, "libexec")
            os.mkdir(overlay)
            for name, path in programs.items():
                os.symlink(path, os.path.join(overlay, name))
            self.env["CAPOS_LIBEXEC"] = overlay

    def start(self):
        super().start()
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.capos("account", "add", KEY_USER, "--profile", "operator", "--state", self.state)
        self.capos("account", "key", "add", KEY_USER, self.key + ".pub", "--state", self.state)

    def capos(self, *words, stdin=""):
        """Runs the command; its output."""
        home = os.path.join(self.folder.name, "home")
        os.makedirs(home, 0o700, exist_ok=True)
        env = dict(os.environ, HOME=home, XDG_RUNTIME_DIR=home)
        env.pop("SSH_AUTH_SOCK", None)
        done = subprocess.run([self.command, *words], input=stdin, capture_output=True, text=True,
                              env=env, timeout=COMMAND_S, check=False)
        if done.returncode:
            raise Failed(f"capos {' '.join(words)}: {done.returncode} {done.stderr.strip()}")
        return done.stdout

    # ---- good clients

    def good_by_password(self):
        """A login with the right password, a call, a logout."""
        peer, session, caps = self.login()
        try:
            if not s.motd(s.get(caps, "system_info", s.SYSTEM_INFO)):
                raise Failed("no message of the day")
            session.call(3)
        finally:
            peer.close()

    def good_by_key(self):
        """The same with a key, by the command."""
        self.logins += 1
        name = f"good-{self.logins}"
        self.capos("login", f"{KEY_USER}@{self.address}", "--identity", self.key, "--as", name)
        try:
            if '"text"' not in self.capos("call", "-s", name, "system_info", "motd"):
                raise Failed("no message of the day")
        finally:
            self.capos("logout", "-s", name)

    def peer_from(self, source):
        """A connection from this address of the loopback network."""
        peer = s.Peer.__new__(s.Peer)
        host, port = self.address.rsplit(":", 1)
        peer.sock = socket.create_connection((host, int(port)), s.WAIT_S, (source, 0))
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sock.setblocking(False)
        peer.deadline = time.monotonic() + s.WAIT_S
        peer.buf, peer.others = bytearray(), []
        peer.sent_closed, peer.next_id = False, 1000
        return peer

    # ---- counters

    def status(self):
        admin = self.admin()
        try:
            return admin.status()
        finally:
            admin.close()

    def counts(self):
        """What must be the same before and after: {process: descriptors}."""
        return {f"{name} {pid}": instance.descriptors(pid) for pid, name in self.daemons().items()}

    def settled(self, seconds=30):
        """Waits until nobody is logged in and nobody is connected."""
        def empty():
            status = self.status()
            return status["sessions"] == 0 and status["workers"] == 0
        instance.until(empty, "the end of all sessions and connections", seconds)

    def audit_lines(self):
        """The audit log, all segments, as bytes."""
        found = b""
        for name in sorted(os.listdir(self.state)):
            if re.fullmatch(r"audit(-\d+)?\.log", name):
                with open(os.path.join(self.state, name), "rb") as f:
                    found += f.read()
        return found.splitlines()


def capabilities(pid):
    """The effective capabilities of a process, as a number."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", instance.read_proc(pid, "status"), re.M)
    return int(found.group(1), 16) if found else None


def resident_bytes(pid):
    """The memory of a process that is in use."""
    found = re.search(r"^VmRSS:\s*(\d+) kB$", instance.read_proc(pid, "status"), re.M)
    return int(found.group(1)) * 1024 if found else None


def main(script, make, tries):
    """Starts the target that make() returns, and runs tries(target); the exit code."""
    try:
        with make() as target:
            return run(script, tries(target))
    except (Failed, subprocess.SubprocessError) + REFUSALS as e:
        print(f"not ok instance - {type(e).__name__} {e}")
        instance.count(script, 0, 1)
        return 1
