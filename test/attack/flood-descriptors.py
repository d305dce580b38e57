#!/usr/bin/env python3
"""flood-descriptors: a flood of connections, and few descriptors to meet it with.

A process that runs out of descriptors must neither take that for the end of its neighbours nor
forget to go on when they are there again. For each limit an instance is started under it and is
flooded with connections that say nothing. It goes on answering good clients, during and after
that; nothing dies; and its log says once what is short and what to do.

In the long form (CAPOS_ATTACK_SECONDS of 30 and more) all limits come, and the largest manifest.
"""
import os
import resource
import socket
import sys
import time

import attacklib as a
from attacklib import Failed, instance, s

SCRIPT = "attack-flood-descriptors"
SECONDS = float(os.environ.get("CAPOS_ATTACK_SECONDS", "3"))
LONG = SECONDS >= 30
ROUNDS = 3 if LONG else 1
SOURCE = "127.0.2.1"
MANY = 900 if SECONDS > 1 else 300  # each has a worker, which a sanitizer makes slowly
s.WAIT_S = 300  # a good client waits behind all of these
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


class Flood:
    """A process of its own that holds connections: select() knows no large descriptors."""

    def __init__(self, target, count):
        host, port = target.address.rsplit(":", 1)
        done, self.over = os.pipe(), os.pipe()
        self.pid = os.fork()
        if not self.pid:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
                os.close(self.over[1])
                self.held = [begin(host, int(port)) for _ in range(count)]
                os.write(done[1], b"x")
                os.read(self.over[0], 1)
            finally:
                os._exit(0)
        os.close(done[1])
        os.read(done[0], 1)
        os.close(done[0])

    def end(self):
        os.close(self.over[0])
        os.close(self.over[1])
        os.waitpid(self.pid, 0)


def begin(host, port):
    """A connection that is not waited for."""
    one = socket.socket()
    one.setblocking(False)
    try:
        one.bind((SOURCE, 0))
        one.connect((host, port))
    except OSError:
        pass
    return one


def limited(fds, limits, count):
    """An instance under a limit, flooded; the layer that bears it."""
    def run():
        target = a.Target(instance.manifest(limits=limits) if limits else None)
        if fds:
            target.wrapper = ["prlimit", f"--nofile={fds}:{fds}"]
        with target:
            before = set(target.daemons())
            for _ in range(ROUNDS):
                flood = Flood(target, count)
                try:
                    target.good_by_password()
                    target.good_by_key()
                finally:
                    flood.end()
                target.good_by_password()
            target.settled()
            if set(target.daemons()) != before:
                raise Failed(f"somebody has died: {target.log_text()[-2000:]}")
            look_at_log(target, fds)
        return "limits"
    return run


def look_at_log(target, fds):
    said = [line for line in target.log_text().splitlines() if "ulimit -n" in line]
    if fds and fds < 4000 and len(said) != 1:
        raise Failed(f"what is short should be said once: {said}")
    if len(said) > 3:
        raise Failed(f"said again and again: {said[:5]}")


def tries():
    none = "connections = 4096, unauthenticated = 4096"
    short = {"D1": limited(64, "", 300),
             "D2": limited(128, "", 300),
             "D3": limited(160, "", 300),
             "D4": limited(1024, "connections = 1024, unauthenticated = 1024", 1200)}
    if LONG:
        short["D5"] = limited(0, none, 4500)
        short["D6"] = limited(4096, none, 4500)
    else:
        short["D5"] = limited(0, none, MANY)
        short["D6"] = limited(256, none, 900)
    return short


if __name__ == "__main__":
    begun = time.monotonic()
    code = a.run(SCRIPT, tries())
    print(f"# {time.monotonic() - begun:.0f} s")
    sys.exit(code)
