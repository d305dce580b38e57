#!/usr/bin/env python3
"""secrets: plants secrets in every input, and looks for them a second later.

Why: a password that has been used stays where it was copied until something else happens to be
written there. Whoever takes over a process, or finds a dump or a disk, gets it then. So each input
gets a secret of its own here, and afterwards the memory of every process of the instance, its logs,
its audit log and its state directory are searched for all of them: whole, and for their middle.

Memory of others is the superuser's to read; without that the script is skipped. What is not secret
is looked for, too, by the same search: it must be found, or the search is worth nothing.
"""
import os
import pty
import re
import select
import struct
import subprocess
import sys
import time

import attacklib as a
import finder
import sessionlib as s

SCRIPT = "attack-secrets"
SETTLE_S = 1


# ---- planting ----------------------------------------------------------------------------------

class Planter:
    """Uses each way in, with a secret of its own."""

    def __init__(self, target):
        self.target, self.secrets, self.agents, self.peers = target, {}, [], []

    def new(self, name):
        self.secrets[name] = finder.secret(name)
        return self.secrets[name]

    def command(self, *words, **more):
        return self.target.capos(*words, **more)

    def account(self, name):
        password = self.new(name)
        self.command("account", "add", name, "--profile", "operator", "--password-stdin", "--state",
                     self.target.state, stdin=password + "\n")
        return password

    def added(self):
        self.account("added")

    def logged_in(self):
        password = self.account("login")
        peer = self.target.connect()
        peer.password("login", password)
        self.peers.append(peer)

    def wrong(self):
        self.account("owner")
        for name, label in (("owner", "wrong"), ("nobody", "madeup")):
            peer = self.target.connect()
            flow = peer.flow(s.PASSWORD, name)
            try:
                s.answer(flow, self.new(label))
            except s.Refused:
                pass
            self.peers.append(peer)

    def renewed(self):
        password = self.account("renew")
        peer = self.target.connect()
        session = peer.password("renew", password)
        session.call(2, s.Struct(struct.pack("<Q", 60000), [password.encode()]))
        self.peers.append(peer)

    def changed(self):
        self.account("change")
        admin = self.target.admin()
        admin.passwd("change", self.new("changed"))
        admin.close()

    def by_command(self):
        """The command goes; its agent stays."""
        password = self.account("command")
        said = self.command("login", f"command@{self.target.where}", "--password-stdin", "--as",
                            "planted", "--json", stdin=password + "\n")
        self.agents += [int(n) for n in re.findall(r'"agent":\s*(\d+)', said)]

    def by_passphrase(self):
        """A key that is locked; the passphrase is typed."""
        phrase, key = self.new("phrase"), os.path.join(self.target.folder.name, "locked")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", key], check=True)
        self.command("account", "key", "add", a.KEY_USER, key + ".pub", "--state",
                     self.target.state)
        home = os.path.join(self.target.folder.name, "home")
        words = [self.target.command, "login", f"{a.KEY_USER}@{self.target.where}", "--identity",
                 key, "--as", "locked", "--json"]
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(HOME=home, XDG_RUNTIME_DIR=home)
            os.environ.pop("SSH_AUTH_SOCK", None)
            os.execv(words[0], words)
        said, end = b"", time.monotonic() + 60
        while time.monotonic() < end and select.select([terminal], [], [], 30)[0]:
            try:
                part = os.read(terminal, 4096)
            except OSError:
                break
            if not part:
                break
            if b"assphrase" in part and b"assphrase" not in said:
                os.write(terminal, phrase.encode() + b"\n")
            said += part
        os.waitpid(pid, 0)
        os.close(terminal)
        found = re.findall(rb'"agent":\s*(\d+)', said)
        if not found:
            raise a.Failed(f"no login by a key with a passphrase: {said[-500:]!r}")
        self.agents += [int(n) for n in found]

    def close(self):
        for peer in self.peers:
            peer.close()
        for name in ("planted", "locked"):
            try:
                self.command("logout", "-s", name)
            except a.Failed:
                pass


# ---- all of them -------------------------------------------------------------------------------

def planted(target):
    """Plants all, and waits a second."""
    p = Planter(target)
    for plant in (p.added, p.logged_in, p.wrong, p.renewed, p.changed, p.by_command,
                  p.by_passphrase):
        plant()
    time.sleep(SETTLE_S)
    return p, finder.Search(target, p.agents, [
        finder.needle(x) for x in (*p.secrets.values(), a.KEY_USER)])


def found_nowhere(search, planter, name):
    places = search.places(finder.needle(planter.secrets[name]))
    if places:
        raise a.Failed(f"the secret of {name} is in {places}")
    return "wiping"


def search_works(search):
    """What is no secret is found, in memory and in files."""
    places = search.places(finder.needle(a.KEY_USER))
    if "capos-sessiond" not in places or "accounts.db" not in " ".join(places):
        raise a.Failed(f"a name is only in {places}")
    return "nobody"


NAMES = ["added", "login", "owner", "wrong", "madeup", "renew", "change", "changed", "command",
         "phrase"]


def tries(target):
    planter, search = planted(target)
    rows = {f"X{i + 1}": (lambda n=name: found_nowhere(search, planter, n))
            for i, name in enumerate(NAMES)}
    rows[f"X{len(rows) + 1}"] = lambda: search_works(search)
    rows[f"X{len(rows) + 1}"] = lambda: closed(planter)
    return rows


def closed(planter):
    planter.close()
    planter.target.settled()
    return "nobody"


def main():
    if os.geteuid() != 0:
        print("skipped: memory of others is the superuser's to read")
        return a.SKIP
    return a.main(SCRIPT, a.Target, tries)


if __name__ == "__main__":
    sys.exit(main())
