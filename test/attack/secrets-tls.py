#!/usr/bin/env python3
"""secrets-tls: looks for what TLS must not leave behind: the instance's private key, and passwords.

Why: the key is in one process, the signer, and everything else is built on that: so all others are
searched for each form that a key has, and so is the signer itself when a key has been replaced, the
command that has made or brought the new one at the moment when it ends, the disk, the log, and the
core of each process. Passwords that came over TLS have been in more buffers than others: those of
records, of libssl, of whoever puts records together.

All are searched as root, who is skipped otherwise. The key must be found where it belongs, or the
search is worth nothing.
"""
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

import attacklib as a
import finder
import instance
import sessionlib as s
import tlspeer

SCRIPT = "attack-secrets-tls"
SETTLE_S = 1
BEFORE_S = 11  # the signer keeps a key that was replaced for a handshake's time
LINE = re.compile(r"remote CapSet: tls (\S+) (\d+) (sha256:\S+)")


class Target(a.Target):
    """Listens on TLS, too."""

    def __init__(self):
        super().__init__()
        self.arguments += ["--listen", "tls:127.0.0.1:0"]
        self.wrapper = ["env", "-C", self.folder.name]  # where cores would be
        self.key_file = os.path.join(self.state, "tls", "key.pem")
        self.tls = self.pin = None

    def endpoint(self):
        plain = super().endpoint()
        host, port, self.pin = self.hear(LINE).groups()
        self.tls = f"{host}:{port}"
        return plain

    def copy_key(self, name):
        """A copy of the key that is there now, which outlives it."""
        return shutil.copy(self.key_file, os.path.join(self.folder.name, name))


# ---- passwords ---------------------------------------------------------------------------------

class Planter:
    """Uses each way of a password over TLS, with one of its own."""

    def __init__(self, target):
        self.target, self.secrets, self.agents, self.peers = target, {}, [], []

    def connect(self):
        self.peers.append(tlspeer.TlsPeer(self.target.tls))
        return self.peers[-1]

    def new(self, name):
        self.secrets[name] = finder.secret(name)
        return self.secrets[name]

    def account(self, name):
        password = self.new(name)
        self.target.capos("account", "add", name, "--profile", "operator", "--password-stdin",
                          "--state", self.target.state, stdin=password + "\n")
        return password

    def logged_in(self):
        self.connect().password("login", self.account("login"))

    def renewed(self):
        password = self.account("renew")
        session = self.connect().password("renew", password)
        session.call(2, s.Struct(struct.pack("<Q", 60000), [password.encode()]))

    def wrong(self):
        for name, label in (("login", "wrong"), ("nobody", "madeup")):
            flow = self.connect().flow(s.PASSWORD, name)
            try:
                s.answer(flow, self.new(label))
            except s.Refused:
                continue
            raise a.Failed(f"a password that is wrong is good for {name}")

    def dropped(self):
        """The client goes before there is an answer."""
        password = self.account("dropped")
        peer = tlspeer.TlsPeer(self.target.tls)
        peer.flow(s.PASSWORD, "dropped").send(0, s.Struct(b"", [password.encode()]))
        peer.close()

    def by_bytes(self):
        """Each byte is a record; the frame is put together from all of them."""
        password = self.account("bytes")
        flow, whole = self.connect().flow(s.PASSWORD, "bytes"), bytearray()
        peer = flow.peer
        send, peer.send = peer.send, lambda *frames: whole.extend(b"".join(frames))
        question = flow.send(0, s.Struct(b"", [password.encode()]))
        peer.send = send
        for at in range(len(whole)):
            peer.send(bytes(whole[at:at + 1]))
        peer.wait(question)

    def by_command(self):
        """The command goes; its agent stays, with the connection."""
        said = self.target.capos("login", f"command@capos://{self.target.tls}/#{self.target.pin}",
                                 "--password-stdin", "--as", "planted", "--json",
                                 stdin=self.account("command") + "\n")
        self.agents += [int(n) for n in re.findall(r'"agent":\s*(\d+)', said)]
        if not self.agents:
            raise a.Failed(f"a login without an agent: {said}")

    def all(self):
        for plant in (self.logged_in, self.renewed, self.wrong, self.dropped, self.by_bytes,
                      self.by_command):
            plant()
        time.sleep(SETTLE_S)

    def found(self, search, name):
        places = search.places(finder.needle(self.secrets[name]))
        if places:
            raise a.Failed(f"the password of {name} is in {places}")
        return "wiping"

    def close(self):
        for peer in self.peers:
            peer.close()
        self.target.capos("logout", "-s", "planted")
        self.target.settled()
        return "nobody"


# ---- the key -----------------------------------------------------------------------------------

def key_places(target, path, agents=()):
    """{place: forms} of the key in this file."""
    needles, found = finder.key_needles(path), {}
    search = finder.Search(target, agents, needles.values())
    for form, needle in needles.items():
        for place in search.places(needle):
            found.setdefault(place, []).append(form)
    return found


def only_there(target, agents):
    """In the signer and in its file."""
    found = key_places(target, target.key_file, agents)
    if set(found) != {"capos-signer", "key.pem"}:
        raise a.Failed(f"the key is in {found}")
    return "separation"


def no_descriptor(target):
    """Nobody has the file open, once it was read."""
    wanted = os.stat(target.key_file)
    for pid, name in target.tree().items():
        for fd in instance.opened(pid):
            try:
                has = os.stat(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if (has.st_dev, has.st_ino) == (wanted.st_dev, wanted.st_ino):
                raise a.Failed(f"{name} has the key's file open")
    return "separation"


def command_leaves_none(target, *words, keys=()):
    """Runs a command that handles keys; the files in `keys`, and the new key, must not be in it."""
    command = [target.command, *words, "--state", target.state]
    before = [finder.key_needles(path) for path in keys]
    found = finder.left_at_exit(command, {n for forms in before for n in forms.values()})
    if found:
        raise a.Failed(f"{words}: it ends with {[f for b in before for f in b if b[f] in found]}")
    return "wiping"


def old_is_gone(target, old):
    """A handshake has been made by the new key, and the time of the old one is over."""
    tlspeer.TlsPeer(target.tls).close()
    time.sleep(BEFORE_S)
    found = key_places(target, old)
    if found:
        raise a.Failed(f"the old key is in {found}")
    only_there(target, ())
    return "wiping"


def renewed(target):
    """The old key is nowhere, when the time of its last handshakes is over."""
    old = target.copy_key("old-key")
    command_leaves_none(target, "cert", "renew", "--new-key", keys=[old])
    return old_is_gone(target, old)


def imported(target):
    """The same for a key that comes from elsewhere."""
    key, cert = [os.path.join(target.folder.name, name) for name in ("new.key", "new.pem")]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-subj", "/CN=new", "-days", "30",
                    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-addext",
                    "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    old = target.copy_key("renewed-key")
    command_leaves_none(target, "cert", "import", cert, key, keys=[old, key])
    with open(key, "rb") as had, open(target.key_file, "rb") as has:
        if had.read() != has.read():
            raise a.Failed("the key that was imported is another one")
    return old_is_gone(target, old)


# ---- cores -------------------------------------------------------------------------------------

def core_pattern():
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as f:
        return f.read().strip()


def lift_limit(pid):
    """Lets a process leave a core as far as its limits say, if that is ours to do."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    except PermissionError:
        pass  # a container's superuser may lower limits only


def core_of(target, pid):
    """Makes a process abort; the core that it leaves, or None."""
    lift_limit(pid)
    os.kill(pid, signal.SIGABRT)
    if pid == target.process.pid:
        os.kill(pid, signal.SIGCONT)
        target.process.wait(60)
    instance.until(lambda: instance.state(pid) in ("", "Z"), "the end of a process")
    path = os.path.join(target.folder.name, "core")
    if not os.path.exists(path):
        return None
    with open(path, "rb") as f:
        core = f.read()
    os.unlink(path)
    return core


def no_cores(target, planter):
    """Each process is made to abort, after the limit for cores was lifted from outside. caposd,
    which has no secret, may leave one; it has none."""
    if core_pattern() != "core":
        raise instance.Skip("cores of this machine go elsewhere")
    secrets = {finder.needle(text) for text in planter.secrets.values()}
    secrets.update(finder.key_needles(target.key_file).values())
    processes, caposd = target.tree(), target.process.pid
    os.kill(caposd, signal.SIGSTOP)  # it would start others in their place
    for pid in sorted(processes, key=lambda p: p == caposd):
        core = core_of(target, pid)
        if core is not None and (pid != caposd or any(n in core for n in secrets)):
            raise a.Failed(f"{processes[pid]} leaves a core")
    target.process.stdout.close()
    target.process = None
    return "kernel"


# ---- all of them -------------------------------------------------------------------------------

NAMES = ["login", "renew", "wrong", "madeup", "dropped", "bytes", "command"]


def tries(target):
    planter = Planter(target)
    planter.all()
    search = finder.Search(target, planter.agents, [finder.needle(planter.secrets[n]) for n in NAMES])
    functions = [lambda: only_there(target, planter.agents), lambda: no_descriptor(target)]
    functions += [lambda n=name: planter.found(search, n) for name in NAMES]
    functions += [planter.close, lambda: renewed(target), lambda: imported(target),
                  lambda: no_cores(target, planter)]
    return {f"XT{i + 1}": f for i, f in enumerate(functions)}


def main():
    if os.geteuid() != 0:
        print("skipped: memory of others is the superuser's to read")
        return a.SKIP
    return a.main(SCRIPT, Target, tries)


if __name__ == "__main__":
    sys.exit(main())
