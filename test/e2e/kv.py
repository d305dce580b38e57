#!/usr/bin/env python3
"""kv: one service in five languages, used by one script (R44, R45).

Why: example/service/kv shows what a service can do besides answering at once, and kv-cpp, kv-python,
kv-go and kv-rust are the same behind a connector. What a caller sees must not depend on which it is:
the same rows are played with each, by a client of the C++ library with nothing of ours but schemas.

usage: kv.py NAME CLIENT SERVER [ARGUMENT...]     a server: it is started with unix:PATH FILE
       kv.py NAME CLIENT --kit SERVICE            a service of the kit
"""
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile

import instance
import sessionlib as s
from instance import until
from sessionlib import Failed

_spec = importlib.util.spec_from_file_location("broker_cpp", os.path.join(os.path.dirname(__file__), "broker-cpp.py"))
_broker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_broker)
Client, expect = _broker.Client, _broker.expect

FOLDER = os.path.join(s.TOP, "example", "service", "kv")
KV = s.type_id("kv", "Kv", root="example/service/kv")
LONG = 600000  # ms: longer than anything here takes
VALUE = 64 * 1024


class Server:
    """One that knows nothing of the instance, and is started by nobody of it."""

    def __init__(self, command, folder):
        self.command, self.path, self.process = [*command, f"unix:{folder}/kv", f"{folder}/table"], f"{folder}/kv", None
        self.start()

    def entry(self, folder):
        schema = os.path.join(folder, "kv.schema")
        with open(schema, "wb") as f:
            subprocess.run(["capnp", "compile", "-o-", "--src-prefix=" + FOLDER, os.path.join(FOLDER, "kv.capnp")],
                           stdout=f, check=True)
        return (f"(name = \"kv\", connect = {instance.quoted('unix:' + self.path)}, "
                f"schema = {instance.quoted(schema)}, interfaceId = {KV}, title = \"Values\", remote = ())")

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        expect(self.process.stdout.readline(), "ready\n", "what the server says")

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()
        self.process.stdout.close()

    def killed(self, _):
        self.end(signal.SIGKILL)
        self.start()


class Service:
    """One of the kit, which the instance starts."""

    def __init__(self, program):
        self.program = os.path.abspath(program)

    def entry(self, _):
        return instance.service("kv", self.program, KV).replace("remote = (transfer = services)",
                                                                "state = true, remote = ()")

    def end(self):
        pass

    @staticmethod
    def killed(target):
        pid = target.pids("kv")[0]
        os.kill(pid, signal.SIGKILL)
        until(lambda: [p for p in target.pids("kv") if p != pid], "another one")


class Cases:
    def __init__(self, client, server, folder):
        self.program, self.server = client, server
        self.target = instance.Instance(instance.manifest(services=[server.entry(folder)], operator=["kv"]))

    def client(self, user=instance.USER):
        c = Client(self.program, self.target.address)
        c.good("password", user, instance.SECRET)
        c.good("get", "kv")
        return c

    def refused(self, said, says):
        """By the service, in its own words. What kind it is not every library lets it say."""
        if said.get("refused") != "service" or says not in said["reason"]:
            raise Failed(f"expected {says!r}, got {said}")

    @staticmethod
    def taken_back(said):
        if said.get("refused") != "denied.revoked-lease":
            raise Failed(f"expected denied.revoked-lease, got {said}")

    # ---- the rows

    def values(self):
        with self.client() as c, self.client() as other:
            self.refused(c.ask("value", "first"), "there is no such key")
            c.good("set", "first", "one", 0)
            expect(other.good("value", "first"), {"value": "one"}, "another session's")
            other.good("set", "first", "two", 0)
            expect(c.good("early", "kv", "first"), {"value": "two"}, "without waiting for the capability")
            c.good("set", "first", "", 0)
            self.refused(other.ask("value", "first"), "there is no such key")
            for key in ("", "k" * 65):
                self.refused(c.ask("set", key, "x", 0), "too long, or too many")

    def full(self):
        """So many keys, and not one more; then there is room again."""
        with self.client() as c:
            for i in range(256):
                c.good("set", f"full {i}", "x", LONG)
            self.refused(c.ask("set", "full", "x", LONG), "too long, or too many")
            c.good("set", "full 7", "y", LONG)
            for i in range(256):
                c.good("set", f"full {i}", "", 0)
            c.good("set", "full", "x", LONG)
            c.good("set", "full", "", 0)

    def promise(self):
        """A call that returns when somebody else has done something, or nobody has."""
        with self.client() as c, self.client() as other:
            for key in ("later", "later", "never"):
                c.good("next", key, LONG if key == "later" else 1)
            self.refused(c.ask("value", "later"), "there is no such key")  # they have arrived before it has
            other.good("set", "later", "now", 0)
            for _ in range(2):
                expect(c.ask("came"), {"value": "now"}, "the next value")
            self.refused(c.ask("came"), "not set in time")

    def timer(self):
        with self.client() as c:
            c.good("watch", "brief")
            c.good("set", "brief", "x", LONG)
            c.good("set", "brief", "y", 50)
            for value in ("x", "y", ""):
                expect(c.good("told"), {"key": "brief", "value": value}, "what is told")
            self.refused(c.ask("value", "brief"), "there is no such key")
            # What has been set again stays beyond its first time, which is over before that of `brief later` is.
            c.good("set", "brief", "z", 50)
            c.good("set", "brief", "stays", 0)
            c.good("set", "brief later", "x", 100)
            told = []
            while told[-1:] != [("brief later", "")]:
                told.append(tuple(c.good("told").values()))
            expect(told[-3:], [("brief", "stays"), ("brief later", "x"), ("brief later", "")], told)
            expect(c.good("value", "brief"), {"value": "stays"}, "what has been set again")
            c.good("set", "brief", "", 0)

    def callback(self):
        """In order, of what was asked for, until it is let go of."""
        with self.client() as c, self.client() as witness, self.client() as other:
            c.good("watch", "here ")
            witness.good("watch")
            for i in range(50):
                other.good("set", "there" if i % 5 == 0 else f"here {i}", str(i), LONG)
            for i in range(50):
                key = "there" if i % 5 == 0 else f"here {i}"
                expect(witness.good("told"), {"key": key, "value": str(i)}, "the witness")
                if i % 5:
                    expect(c.good("told"), {"key": key, "value": str(i)}, "the watcher")
            c.good("unwatch")
            # A call after it: what was let go of before has been.
            expect(c.good("value", "here 1"), {"value": "1"}, "a call")
            other.good("set", "here 1", "more", LONG)
            expect(witness.good("told"), {"key": "here 1", "value": "more"}, "the witness")
            expect(c.good("value", "here 1"), {"value": "more"}, "a call")
            expect(c.good("untold"), {"value": 0}, "what it was told afterwards")

    def stream(self):
        """More parts than are ever on their way at once; none is lost, and one that is refused decides."""
        with self.client() as c, self.client() as other:
            for n, size in ((0, 0), (1, 1), (2000, 32), (16, VALUE // 16)):
                key = f"stream {n}"
                expect(c.good("upload", key, n, size), {"length": n * size}, "its length")
                if n:
                    wanted = "".join(chr(ord("a") + i % 26) * size for i in range(n))
                    expect(other.good("value", key)["value"] == wanted, True, f"{n} parts of {size}")
            self.refused(c.ask("upload", "stream 1", 17, VALUE // 16), "at most")
            expect(c.good("value", "stream 1"), {"value": "a"}, "what was there")
            for n in (1, 2000, 16):
                c.good("set", f"stream {n}", "", 0)

    def revoked(self):
        """Under way: calls, a watch, a stream. Another session's go on."""
        with self.client() as other, self.client("ada") as c:
            other.good("watch", "mine")
            c.good("watch", "mine")
            for _ in range(3):
                c.good("next", "mine", LONG)
                other.good("next", "mine", LONG)
            c.good("begin", "mine", 4, 100)
            other.good("begin", "mine", 4, 100)
            with contextlib.closing(self.target.admin()) as admin:
                admin.revoke([x["id"] for x in admin.sessions() if x["account"] == "ada"][-1], "kv")
            for _ in range(3):
                self.taken_back(c.ask("came"))
            self.taken_back(c.ask("finish"))
            self.taken_back(c.ask("value", "mine"))
            expect(other.good("finish"), {"length": 400}, "the other's stream")
            for _ in range(3):
                expect(len(other.ask("came")["value"]), 400, "the other's call")
            expect(other.good("told")["key"], "mine", "the other's watch")
            expect(c.good("untold"), {"value": 0}, "what is told to who has none")
            other.good("set", "mine", "", 0)

    def state(self):
        """What was kept is kept; what had its time is gone with it."""
        with self.client() as c:
            c.good("set", "kept", "for good", 0)
            c.good("set", "lent", "for a while", LONG)
            c.good("next", "kept", LONG)
            self.server.killed(self.target)
            expect(c.ask("came").get("kind"), "disconnected", "a call under way")
            until(lambda: c.good("get", "kv") == {} and c.ask("value", "kept") == {"value": "for good"}, "its value")
            self.refused(c.ask("value", "lent"), "there is no such key")
            c.good("set", "kept", "", 0)
            self.refused(c.ask("value", "kept"), "there is no such key")


def main(name, client, *command):
    with tempfile.TemporaryDirectory(prefix="capos-kv-") as folder:
        server = Service(command[1]) if command[0] == "--kit" else Server(map(os.path.abspath, command), folder)
        with contextlib.closing(contextlib.ExitStack()) as running:
            running.callback(server.end)
            cases = Cases(client, server, folder)
            with cases.target:
                cases.target.add_user("ada")
                return instance.run_cases(name, [
                    ("values", cases.values), ("so many, and not one more", cases.full),
                    ("a promise", cases.promise), ("a timer", cases.timer), ("a callback", cases.callback),
                    ("a stream", cases.stream), ("revoked under way", cases.revoked), ("state", cases.state)])


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
