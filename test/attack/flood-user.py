#!/usr/bin/env python3
"""flood-user: another user of the machine floods from the very address that good clients use.

On loopback an address says nothing: whoever connects comes from 127.0.0.1. The instance must tell
users apart, or one of them keeps out all others. To be another user, this has to be root; without
that it is counted as skipped.
"""
import os
import signal
import socket
import sys
import time

import attacklib as a
from attacklib import Failed, instance

SCRIPT = "attack-flood-user"
SECONDS = float(os.environ.get("CAPOS_ATTACK_SECONDS", "3"))
STRANGER = 4711
HELD = 400


def hold_silent(target, held):
    host, port = target.address.rsplit(":", 1)
    held.append(socket.create_connection((host, int(port)), 5))


def hold_anonymous(target, held):
    peer = target.connect()
    held.append(peer)
    peer.anonymous()


def hold_on_socket(target, held):
    """The same over the Unix socket."""
    one = socket.socket(socket.AF_UNIX)
    held.append(one)
    one.settimeout(5)
    one.connect(target.path)


def be_a_nuisance(target, hold):
    """In a child: another user, who connects without end."""
    held = []
    os.setgid(STRANGER)
    os.setuid(STRANGER)
    while True:
        try:
            hold(target, held)
        except a.REFUSALS + (Failed,):
            time.sleep(0.02)
        if len(held) > HELD:
            held.pop(0).close()


class Nuisance:
    """Three processes of the stranger's."""

    def __init__(self, target, hold):
        self.target, self.hold, self.pids = target, hold, []

    def __enter__(self):
        for _ in range(3):
            pid = os.fork()
            if not pid:
                try:
                    be_a_nuisance(self.target, self.hold)
                finally:
                    os._exit(1)
            self.pids.append(pid)
        time.sleep(SECONDS / 3)
        return self

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def flood(target, layer, hold):
    def run():
        with Nuisance(target, hold):
            for _ in range(max(2, int(SECONDS / 2))):
                target.good_by_password()
                target.good_by_key()
        target.settled()
        return layer
    return run


class UnixTarget(a.Target):
    """Also at a Unix socket, in a folder that others can enter."""

    def __init__(self):
        super().__init__(instance.manifest(limits="connections = 64, unauthenticated = 32"))
        os.chmod(self.folder.name, 0o755)
        self.path = os.path.join(self.folder.name, "clients.sock")
        self.arguments += ["--listen", f"unix:{self.path}"]


def tries(target):
    return {"U1": flood(target, "gateway", hold_silent),
            "U2": flood(target, "gateway", hold_on_socket),
            "U3": flood(target, "sessiond", hold_anonymous)}


if __name__ == "__main__":
    if os.geteuid():
        print("only root can be another user: skipped")
        sys.exit(a.SKIP)
    sys.exit(a.main(SCRIPT, UnixTarget, tries))
