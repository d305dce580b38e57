"""attacklib: an instance to be attacked, good clients that must get through, and what is counted.

Why: an attack shows nothing by itself. What it must not do is the outcome: a good login by password
or by key fails, a process dies that should live, a descriptor stays. So each script here starts an
instance of its own, runs the tries that list.md gives it, and says of each which layer has stopped
it. list.md is the plan: a script whose rows and whose tries are not the same fails.

A try is a function; it returns the layer that has stopped it, in the words of list.md, or raises
when nothing has.
"""
import errno
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))

import heard  # noqa: E402,F401
import instance  # noqa: E402
import sessionlib as s  # noqa: E402
from sessionlib import Failed, Struct, w  # noqa: E402,F401

SKIP = 77
COMMAND_S = 120
KEY_USER = "carol"
SECONDS = float(os.environ.get("CAPOS_ATTACK_SECONDS", "3"))  # a flood; `make soak` gives it minutes
SOURCES = 16
HELD = 60  # connections that an attacker holds
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


def checked(name, layer, function):
    """Runs a try and compares who has stopped it."""
    def run():
        stopped = function()
        if stopped != layer:
            raise Failed(f"stopped by {stopped!r}, expected {layer!r}")
    return f"{name}, stopped by: {layer}", run


def run(script, tries):
    """Runs {id: function} as list.md says; the exit code."""
    rows = listed(script)
    if set(rows) != set(tries):
        print(f"not ok list.md - only there: {sorted(set(rows) - set(tries))}, "
              f"only here: {sorted(set(tries) - set(rows))}")
        instance.count(script, 0, 1)
        return 1
    return instance.run_cases(script, [checked(i, rows[i], tries[i]) for i in sorted(tries, key=order)])


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
        self.resting = None  # what counts() was when nobody had done anything yet
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

    def __exit__(self, kind, value, trace):
        if kind:
            print(f"# the log of the instance: {self.log_text()[-4000:]}")
        super().__exit__(kind, value, trace)

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
        self.capos("login", f"{KEY_USER}@{self.where}", "--identity", self.key, "--as", name)
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

    def settled(self, seconds=300):
        """Waits until nobody is logged in and nobody is connected."""
        def empty():
            status = self.status()
            return status["sessions"] == 0 and status["workers"] == 0
        instance.until(empty, "the end of all sessions and connections", seconds)

    def rests(self, seconds=300):
        """Waits until nobody is there and no process has more descriptors than at the beginning.
        That was counted once, before anybody came, and when it changed no more: right after a
        flood the gateway has fewer than ever, because workers are still being made for it."""
        self.settled(seconds)
        if not self.resting:
            instance.until(self.is_still, "an instance at rest", seconds)
        instance.until(lambda: no_more(self.resting, self.counts()),
                       lambda: f"the descriptors that there were ({self.resting}, {self.counts()})",
                       seconds)

    def is_still(self):
        """Whether nothing is opened and closed any more; if so, that is how it rests."""
        before = self.counts()
        time.sleep(0.5)
        self.resting = before if before == self.counts() else None
        return self.resting is not None

    def audit_lines(self):
        """The audit log, all segments, as bytes. A line that is being written is none so far."""
        found = b""
        for name in sorted(os.listdir(self.state)):
            if re.fullmatch(r"audit(-\d+)?\.log", name):
                with open(os.path.join(self.state, name), "rb") as f:
                    found += f.read()
        return found[:found.rfind(b"\n") + 1].splitlines()


def no_more(before, now):
    """The same processes, none with more descriptors, as far as we may look."""
    return set(now) == set(before) and all(now[k] is None or now[k] <= before[k] for k in now)


# ---- attackers ----------------------------------------------------------------------------------

def source(number):
    """The address of an attacker."""
    return f"127.0.{2 + number % SOURCES}.1"


class Attackers:
    """Threads that attack until the end of the `with`: turn(self, number), again and again. What a
    turn returns is held, and closed at the end, or when there is too much of it."""

    def __init__(self, target, count, turn):
        self.target, self.turn = target, turn
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.go_on, args=(i,), daemon=True)
                        for i in range(count)]
        self.acts = 0

    def go_on(self, number):
        held = []
        while not self.over.is_set():
            try:
                held.append(self.turn(self, number))
                self.acts += 1
            except REFUSALS + (Failed,):
                self.over.wait(0.02)
            if len(held) > HELD:
                close(held.pop(0))
        for one in held:
            close(one)

    def __enter__(self):
        for t in self.threads:
            t.start()
        self.over.wait(SECONDS / 2)
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(30)
        if not self.acts:
            raise Failed("nobody attacked")


def close(one):
    if one:
        one.close()


# ---- processes that have been taken over --------------------------------------------------------

def program(name):
    """A hostile program that the build has made."""
    return os.path.join(instance.build_folder(), "test", "attack", name)


NR = {"read": 0, "open": 2, "mmap": 9, "mprotect": 10, "ioctl": 16, "madvise": 28, "dup": 32,
      "sendto": 44, "sendmsg": 46, "recvmsg": 47, "shutdown": 48, "bind": 49, "socketpair": 53,
      "setsockopt": 54, "clone": 56, "fork": 57, "execve": 59, "kill": 62, "fcntl": 72, "mkdir": 83,
      "chmod": 90, "socket": 41, "connect": 42, "accept": 43, "ptrace": 101, "setuid": 105,
      "personality": 135, "prctl": 157, "mount": 165, "tkill": 200, "tgkill": 234, "openat": 257,
      "unshare": 272, "prlimit64": 302, "write": 1, "getpid": 39, "process_vm_readv": 310,
      "seccomp": 317, "memfd_create": 319, "bpf": 321, "userfaultfd": 323, "pidfd_open": 434,
      "io_uring_setup": 425, "clone3": 435, "capset": 126, "listen": 50, "symlink": 88, "link": 86,
      "perf_event_open": 298, "keyctl": 250, "timer_create": 222, "chroot": 161, "setns": 308,
      "shmget": 29, "close": 3, "rt_sigqueueinfo": 129, "getsockname": 51, "kcmp": 312}
M64 = (1 << 64) - 1


class Hijacked:
    """Leads a process: system calls with any arguments, and memory for them to point to."""

    def __init__(self, target, source="127.0.0.1"):
        host, port = target.address.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), s.WAIT_S, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.memory, self.client, self.other, self.pid = struct.unpack("<4Q", self.ask(32, 4))

    def ask(self, size, *words):
        self.sock.sendall(struct.pack("<8Q", *[x & M64 for x in words + (0,) * (8 - len(words))]))
        return self.take(size)

    def take(self, size):
        got = b""
        while len(got) < size:
            part = self.sock.recv(size - len(got))
            if not part:
                raise s.Closed()
            got += part
        return got

    def call(self, name, *arguments):
        """A system call; its result, or the negative number of an error. Closed: it was killed."""
        return struct.unpack("<q", self.ask(8, 1, NR[name], *arguments))[0]

    def poke(self, offset, data):
        """Puts data into its memory; where that is."""
        self.sock.sendall(struct.pack("<8Q", 2, offset, len(data), 0, 0, 0, 0, 0) + data)
        self.take(8)
        return self.memory + offset

    def peek(self, offset, size):
        return self.ask(size, 3, offset, size)

    def send(self, fd, data, descriptor=None):
        """sendmsg() of data, with a descriptor of its own; what the call returns."""
        at = self.poke(4096, data)
        vec = self.poke(1024, struct.pack("<QQ", at, len(data)))
        control, size = 0, 0
        if descriptor is not None:
            control = self.poke(2048, struct.pack("<QiiiI", 20, socket.SOL_SOCKET,
                                                  socket.SCM_RIGHTS, descriptor, 0))
            size = 24
        head = self.poke(0, struct.pack("<QIIQQQQI", 0, 0, 0, vec, 1, control, size, 0) + bytes(4))
        end = time.monotonic() + s.WAIT_S
        while True:
            got = self.call("sendmsg", fd, head, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
            # The kernel counts what is in flight for a user: another instance may be flooded.
            if got != -errno.ETOOMANYREFS or time.monotonic() > end:
                return got
            time.sleep(0.01)

    def recv(self, fd, seconds=10):
        """What comes on a descriptor, and the descriptor that came with it, if one did; b"" at its
        end."""
        end = time.monotonic() + seconds
        while True:
            vec = self.poke(1024, struct.pack("<QQ", self.memory + 65536, 65536))
            control = self.poke(2048, bytes(64))
            head = self.poke(0, struct.pack("<QIIQQQQI", 0, 0, 0, vec, 1, control, 64, 0) + bytes(4))
            got = self.call("recvmsg", fd, head, socket.MSG_DONTWAIT)
            if got == 0 or (got < 0 and got != -11):
                return b"", None
            if got > 0:
                size, level, kind, number = struct.unpack("<Qiii", self.peek(2048, 20))
                there = size == 20 and level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS
                return self.peek(65536, got), number if there else None
            if time.monotonic() > end:
                raise s.Hang("nothing comes")
            time.sleep(0.01)

    def close(self):
        self.sock.close()


def stopped_call(process, name, *arguments):
    """The layer that stops a system call."""
    try:
        got = process.call(name, *arguments)
    except (s.Closed, ConnectionError):
        return "kernel filter"
    if got in (-12, -24, -11):
        return "limits"
    if got in (-13, -1):
        return "kernel filter"
    raise Failed(f"{name} goes through: {got}")


def capabilities(pid):
    """The effective capabilities of a process, as a number."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", instance.read_proc(pid, "status"), re.M)
    return int(found.group(1), 16) if found else None


def main(script, make, tries):
    """Starts the target that make() returns, and runs tries(target); the exit code."""
    try:
        with make() as target:
            code = run(script, tries(target))
            if code:
                print(f"# the log of the instance: {target.log_text()[-4000:]}")
            return code
    except (Failed, subprocess.SubprocessError) + REFUSALS as e:
        print(f"not ok instance - {type(e).__name__} {e}")
        instance.count(script, 0, 1)
        return 1
