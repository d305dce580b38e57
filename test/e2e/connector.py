#!/usr/bin/env python3
"""connector: servers that know nothing of the instance, each behind it by four lines of a manifest (R44).

Why: a service that was written for an instance keeps its rules because its kit does. Here is a
server of the C++ library with two-party RPC and a bootstrap object, at a Unix socket, at a TCP port
and as a program, and a client of the same library with nothing of ours but the schemas: it
pipelines, passes functions of its own, and meets quotas, facets and revocation as anywhere else.
Both ends die, and servers that mean harm stand in: each costs its own callers `disconnected`, and
nothing else notices.

usage: connector.py CLIENT SERVER
       connector.py CLIENT SERVER NAME     what a server in another language has to show, as the test NAME
"""
import contextlib
import importlib.util
import json
import os
import random
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import heard
import instance
import sessionlib as s
from instance import until
from ports import free_port  # (sessionlib knows where it is)
from sessionlib import Failed

_spec = importlib.util.spec_from_file_location("broker_cpp", os.path.join(os.path.dirname(__file__), "broker-cpp.py"))
_broker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_broker)
Client, expect = _broker.Client, _broker.expect

FOLDER = os.path.join(s.TOP, "test", "interop", "connector")
CALCULATOR = s.type_id("calculator", "Calculator", root="test/interop/connector")
KINDS = ("unix", "tcp", "program")
CALLERS = 4  # at once, of one server
MESSAGE = 64 * 1024
LIE = 'capos-sessiond: login of "x" from 192.0.2.1 refused: credentials (password)'
LINES = 10000  # of a program that says more than can be counted


class Server:
    """The server, as somebody else starts it."""

    def __init__(self, program, address):
        self.program, self.address, self.process, self.alone = program, address, None, 0

    def start(self):
        path = self.address.partition("unix:")[2]
        if path and os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen([self.program, self.address], stdout=subprocess.PIPE)
        heard.line(self.process.stdout)
        return self

    def streams(self):
        """How many connections it has."""
        return instance.descriptors(self.process.pid) - self.alone

    def count(self):
        """Nobody is connected."""
        self.alone = instance.descriptors(self.process.pid)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()
        self.process.stdout.close()


class Hostile:
    """A server that means harm: `act` is handed each connection."""

    def __init__(self, path, act):
        self.path, self.act, self.conns, self.times = path, act, [], 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(16)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                conn = self.socket.accept()[0]
            except OSError:
                return
            self.conns.append(conn)
            self.times += 1
            threading.Thread(target=self.one, args=(conn,), daemon=True).start()

    def one(self, conn):
        try:
            self.act(conn)
        except OSError:
            pass

    def end(self):
        self.socket.close()
        for conn in self.conns:
            conn.close()


def closes(conn):
    conn.close()


def mute(conn):
    while conn.recv(65536):
        pass


def deaf(conn):
    """Reads nothing, and stays."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    threading.Event().wait(600)


def garbage(conn):
    """Bytes of no protocol."""
    conn.sendall(random.Random(1).randbytes(1 << 20))
    mute(conn)


def endless(conn):
    """One message that never ends, of 4 GiB by its own word."""
    conn.sendall(b"\0\0\0\0\xff\xff\xff\x1f")
    while True:
        conn.sendall(bytes(1 << 16))


def segments(conn):
    """A message of half a thousand million segments."""
    conn.sendall(b"\xfe\xff\xff\x1f" + bytes(1 << 16))
    mute(conn)


def aborts(conn):
    conn.recv(65536)
    conn.sendall(s.w.message(s.w.ABORT, s.w.exception("denied.stale-session you have been logged out")))
    conn.close()


def calls(conn):
    """Asks for our bootstrap object and calls it, without an end."""
    n = 0
    while True:
        conn.sendall(s.w.bootstrap(n) + s.w.call(n + 1, s.w.to_answer(n), 0, iface=CALCULATOR))
        n += 2


def full(family, address, held):
    """A server that takes nobody, for its queue is full. held: what keeps it so. Where it is."""
    listener = socket.socket(family)
    listener.bind(address)
    listener.listen(0)
    held.append(listener)
    for _ in range(6):
        held.append(socket.socket(family))
        held[-1].setblocking(False)
        held[-1].connect_ex(listener.getsockname())
    return listener.getsockname()


SILENT = (mute, deaf, calls)  # they never answer
HARM = (closes, mute, deaf, garbage, endless, segments, calls, aborts)


def entry(name, connect, schema, **more):
    fields = {"name": name, "connect": connect, "schema": schema}
    fields.update(more)
    text = ", ".join(f"{k} = {v if k in ('facets', 'arguments') else instance.quoted(v)}" for k, v in fields.items())
    return f"({text}, interfaceId = {CALCULATOR}, title = \"Calculator\", remote = (transfer = services))"


class Cases:
    def __init__(self, client, server, folder, servers):
        self.program, self.server, self.folder, self.servers = client, server, folder, servers
        self.schema = os.path.join(folder, "calculator.schema")
        shutil.copy(os.path.join(FOLDER, "calculator.capnp"), folder)
        services = [self.written("unix", f"unix:{folder}/calculator"),
                    self.entry("tcp", f"plain:{self.servers['tcp'].address}"),
                    self.written("program", self.server, "--", "-"),
                    self.entry("faced", f"unix:{folder}/calculator",
                               facets='[(name = "operators", methods = ["getOperator"])]'),
                    self.entry("absent", f"unix:{folder}/nowhere"),
                    self.entry("fails", "stdio", program="/bin/false"),
                    *self.unserved(), *self.speaking()]
        services += [self.entry(h.__name__, f"unix:{folder}/{h.__name__}") for h in HARM]
        names = [*KINDS, "absent", "fails", "nobody", "full", "crowd", "shy", "liar", "loud",
                 *(h.__name__ for h in HARM)]
        tight = instance.profile("tight", ["session", "system_info", "unix"], message=f'"{MESSAGE}B"')
        faced = instance.profile("faced", ["session", "system_info", "faced"]).replace(
            '(name = "faced", transfer', '(name = "faced", facet = "operators", transfer', 1)
        self.target = instance.Instance(instance.manifest(services=services, profiles=[tight, faced],
                                                          operator=names))
        self.hostile = []
        self.waiting = contextlib.ExitStack()

    def entry(self, name, connect, **more):
        return entry(name, connect, self.schema, **more)

    def unserved(self):
        """A port that nobody listens at, and two servers that take nobody."""
        self.held, self.shy = [socket.socket()], []
        self.held[0].bind(("127.0.0.1", 0))
        port = full(socket.AF_INET, ("127.0.0.1", 0), self.held)[1]
        return [self.entry("nobody", f"plain:127.0.0.1:{self.held[0].getsockname()[1]}"),
                self.entry("full", "unix:" + full(socket.AF_UNIX, f"{self.folder}/full", self.held)),
                self.entry("crowd", f"plain:127.0.0.1:{port}"),
                self.entry("shy", "unix:" + full(socket.AF_UNIX, f"{self.folder}/shy", self.shy))]

    def speaking(self):
        """Programs that write to their standard error."""
        lie = f"echo {shlex.quote(LIE)} >&2; exec {shlex.quote(self.server)} -"
        return [self.entry(name, "stdio", program="/bin/sh", arguments=f'["-c", {instance.quoted(what)}]')
                for name, what in (("liar", lie), ("loud", "exec yes >&2"))]

    def written(self, name, where, *more):
        """An entry as `capos` writes it, from the schema."""
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        done = subprocess.run([capos, "manifest", "connect", where, "calculator.capnp", "--as", name, *more],
                              cwd=self.folder, env=dict(os.environ, PWD=self.folder), capture_output=True, text=True,
                              timeout=60, check=False)
        expect((done.returncode, done.stderr), (0, ""), done)
        return done.stdout.partition("#")[0].strip().rstrip(",")

    def client(self, name=None, user=instance.USER):
        c = Client(self.program, self.target.address)
        c.good("password", user, instance.SECRET)
        if name:
            c.good("get", name)
        return c

    def connectors(self):
        return self.target.pids("capos-connector")

    def connector(self, name):
        return [p for p in self.connectors() if name in instance.read_proc(p, "cmdline").split("\0")][0]

    def programs(self):
        return self.target.pids("calculator-server")

    # ---- what a server serves

    def used(self, kind):
        """Everything that its own client would do with it."""
        with self.client() as c:
            expect(c.good("early", kind, 5), {"value": 5}, "without waiting for the capability")
            c.good("get", kind)
            for words, wanted in ((("literal", 7), 7), (("chain", 200), 200), (("define", 3), 11),
                                  (("power", 2, 10), 1024), (("divide", 1, 4), 0.25)):
                expect(c.good(*words), {"value": wanted}, words)
            said = c.ask("parameter")
            expect((said["refused"], said["kind"]), ("service", "failed"), said)
            expect("no such parameter" in said["reason"], True, said)
            c.good("bytes", 1 << 20)
            c.good("logout")

    def each_its_own(self):
        """Connections, and programs; each goes with its caller."""
        until(lambda: not self.programs(), "no program")
        with contextlib.ExitStack() as all_callers:
            def callers(kind, n):
                for _ in range(n):
                    c = all_callers.enter_context(self.client(kind))
                    expect(c.good("literal", 1), {"value": 1}, kind)
                return c
            for kind, server in self.servers.items():
                until(lambda server=server: server.streams() == 0, f"no stream at {kind}")
                callers(kind, CALLERS)
                expect(server.streams(), CALLERS, f"streams at {kind}")
            callers("program", CALLERS)
            expect(len(self.programs()), CALLERS, "programs")
            stays = all_callers.pop_all()
            with self.client("program") as last:
                last.good("literal", 1)
                stays.close()
                for kind, server in self.servers.items():
                    until(lambda server=server: server.streams() == 0, f"no stream at {kind} again")
                until(lambda: len(self.programs()) == 1, "one program")
                expect(last.good("literal", 2), {"value": 2}, "that of who stays")
        until(lambda: not self.programs(), "no program again")

    def by_name(self):
        """`capos` knows it by its schema, comments and all."""
        env = dict(os.environ, XDG_RUNTIME_DIR=os.path.join(self.folder, "run"), HOME=self.folder)
        os.makedirs(env["XDG_RUNTIME_DIR"], mode=0o700, exist_ok=True)

        def capos(line, text=""):
            done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *shlex.split(line)],
                                  input=text, capture_output=True, text=True, timeout=60, check=False, env=env)
            expect(done.returncode, 0, f"{line}: {done.stdout} {done.stderr}")
            return done.stdout
        capos(f"login {instance.USER}@{self.target.where} --password-stdin", instance.SECRET + "\n")
        said = capos("describe unix")
        expect("What an expression comes to." in said and "defFunction" in said, True, said)
        said = capos("call unix evaluate expression.literal=3")
        expect(list(json.loads(said)), ["value"], said)
        capos("logout --all")

    # ---- what the instance holds it to

    def facet(self):
        with self.client("faced", "faced") as c:
            said = c.ask("literal", 1)
            expect((said["refused"], said["kind"]), ("denied.method", "failed"), said)

    def quotas(self):
        """Those of the session, before the server has a byte of it."""
        with self.client("unix", "tight") as c:
            c.good("bytes", MESSAGE // 2)
            said = c.ask("bytes", MESSAGE)
            expect((said["refused"], said["kind"]), ("over-quota.bytes", "overloaded"), said)
            expect(c.good("literal", 1), {"value": 1}, "the session goes on")

    def revoked(self):
        """Under way: its calls end, its connection with them; another's stays."""
        server = self.servers["unix"]
        with self.client("unix") as other, self.client("unix", "ada") as c:
            expect(other.good("literal", 1), {"value": 1}, "the other's")
            expect(c.good("literal", 1), {"value": 1}, "ours")
            c.good("hang")
            c.good("hang")
            admin = self.target.admin()
            admin.revoke([x["id"] for x in admin.sessions() if x["account"] == "ada"][-1], "unix")
            admin.close()
            for _ in range(2):
                expect(c.ask("hung").get("refused"), "denied.revoked-lease", "a call under way")
            expect(c.ask("literal", 1).get("refused"), "denied.revoked-lease", "a call afterwards")
            until(lambda: server.streams() == 1, "the other's stream alone")
            expect(other.good("power", 2, 3), {"value": 8}, "the other's")

    def recorded(self):
        """By its worker, as calls on any other."""
        with self.client("unix", "ada") as c:
            for _ in range(3):
                c.good("literal", 1)
            c.good("logout")

        def records():
            return [x for x in instance.audit(self.target.state)
                    if (x["what"], x.get("capability"), x.get("account")) == ("calls", "unix", "ada") and
                    x["detail"].startswith(f"0x{CALCULATOR:016x}.0, ")]
        until(lambda: [x for x in records() if x["times"] == "3" and x["outcome"] == "ok"], "the record")

    # ---- who dies

    def is_disconnected(self, said, what):
        if said.get("kind") != "disconnected":
            raise Failed(f"{what}: {said}")
        return said["reason"]

    def comes_again(self, c, name):
        """Asked for again, it is another connection."""
        until(lambda: c.good("get", name) == {} and c.ask("literal", 4) == {"value": 4}, f"{name} again")

    def server_killed(self, kind):
        server, before = self.servers[kind], self.connectors()
        with self.client(kind) as c, self.client("program") as other:
            expect(c.good("literal", 1), {"value": 1}, "before")
            for _ in range(5):
                c.good("hang")
            server.end(signal.SIGKILL)
            for _ in range(5):
                self.is_disconnected(c.ask("hung"), "a call under way")
            self.is_disconnected(c.ask("literal", 1), "a call afterwards")
            c.good("get", kind)
            self.is_disconnected(c.ask("literal", 1), "a call while there is none")
            server.start().count()
            self.comes_again(c, kind)
            expect(other.good("literal", 1), {"value": 1}, "another server's caller")
        expect(self.connectors(), before, "the connectors")

    def program_killed(self):
        before = self.connectors()
        until(lambda: not self.programs(), "no program")
        with self.client("program") as c, self.client("unix") as other:
            c.good("literal", 1)
            c.good("hang")
            with self.client("program") as second:
                second.good("literal", 1)
                first = self.programs()
                expect(len(first), 2, "programs")
            until(lambda: len(self.programs()) == 1, "the first program")
            os.kill(self.programs()[0], signal.SIGKILL)
            self.is_disconnected(c.ask("hung"), "a call under way")
            self.comes_again(c, "program")
            expect(other.good("literal", 1), {"value": 1}, "another's")
        expect(self.connectors(), before, "the connectors")

    def program_stopped(self):
        """One that does not end though its caller has gone."""
        until(lambda: not self.programs(), "no program")
        with self.client("program") as c:
            c.good("literal", 1)
            pid = self.programs()[0]
            os.kill(pid, signal.SIGSTOP)
        until(lambda: instance.state(pid) in ("", "Z"), "its end")

    def connector_killed(self):
        with self.client("unix") as c, self.client("tcp") as other:
            c.good("literal", 1)
            other.good("literal", 1)
            c.good("hang")
            os.kill(self.connector("unix"), signal.SIGKILL)
            self.is_disconnected(c.ask("hung"), "a call under way")
            self.comes_again(c, "unix")
            expect(other.good("literal", 2), {"value": 2}, "another's")
        until(lambda: self.servers["unix"].streams() == 0, "no stream")

    def absent(self):
        names = ("absent", "nobody")
        with self.client() as c:
            for name in names:
                until(lambda name=name: "service: the server cannot be reached: " in
                      self.is_disconnected(c.ask("early", name, 1), "a call"), f"the reason, of {name}")
            c.good("get", "fails")
            self.is_disconnected(c.ask("literal", 1), "a program that ends at once")
            expect(c.good("early", "unix", 1), {"value": 1}, "another one")
        for name in names:
            lines = [x for x in self.target.log_text().splitlines() if f" {name}: the server cannot be reached" in x]
            expect(len(lines), 1, f"said once: {lines}")

    def full_begins(self):
        """Whoever asks waits, but not for ever; what came of it is a row further down."""
        self.full, self.crowd = (self.waiting.enter_context(self.client()) for _ in range(2))
        self.full.begin("early", "full", 1)
        self.crowd.begin("early", "crowd", 1)

    def short(self):
        """A connector that may open no more: what is on its way to it is lost, and it is not."""
        before = self.connectors()
        pid = self.connector("shy")
        fds = instance.descriptors(pid)
        with self.client() as c:
            c.begin("early", "shy", 1)
            until(lambda: instance.descriptors(pid) == fds + 1, "the caller at the connector")
            free = min(set(range(1024)) - {int(n) for n in os.listdir(f"/proc/{pid}/fd")})
            old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, old[1]))
            self.shy[0].accept()[0].close()
            said = self.is_disconnected(c.end(), "a call while there is no room")
            expect("Too many open files" in said, True, said)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
        expect(self.connectors(), before, "the connectors")

    def full_ends(self):
        with self.waiting:
            said = self.full.end()
            expect((said.get("refused"), said.get("kind")), ("service", "overloaded"), said)
            expect("it takes nobody now" in said["reason"], True, said)
            said = self.is_disconnected(self.crowd.end(), "a connection that does not come")
            expect("the server cannot be reached" in said, True, said)

    def speaks(self):
        """In the log, as its own words, and not without an end."""
        with self.client("liar") as c, self.client("loud") as loud:
            loud.good("hang")
            expect(loud.good("early", "unix", 1), {"value": 1}, "beside who says too much")
            expect(c.good("literal", 1), {"value": 1}, "who has said something")
            until(lambda: "liar: its program says: capos-sessiond: login of " in self.target.log_text(), "its words")
            until(lambda: "more lines like the next were left out" in self.target.log_text(), "that it says too much")
            expect(c.good("literal", 2), {"value": 2}, "meanwhile")
        until(lambda: not self.target.pids("yes"), "the end of who says too much")
        said = self.target.log_text().splitlines()
        expect([x for x in said if LIE in x], [], "lines that would be taken for the instance's")
        expect(len(said) < LINES, True, f"how much there is: {len(said)}")

    # ---- who means harm

    def harm(self, act):
        """At the other end of a caller's own connection, and nowhere else."""
        self.hostile.append(Hostile(os.path.join(self.folder, act.__name__), act))
        before = self.connectors()
        with self.client("unix") as other, self.client() as c:
            for _ in range(3):
                c.good("get", act.__name__)
                if act in SILENT:
                    c.good("hang")
                    continue
                said = c.ask("literal", 1)
                expect((said["refused"], said["kind"]), ("service", "disconnected"), said)
            expect(other.good("power", 2, 8), {"value": 256}, "another caller's")
            expect(c.good("early", "program", 6), {"value": 6}, "the same caller's")
        expect(self.connectors(), before, "the connectors")

    def is_confined(self):
        """A connector has no socket but what it was given, and no file."""
        wrong = {link for p in self.connectors() for fd, link in instance.opened(p).items() if fd > 2}
        wrong = {x for x in wrong if not x.startswith(("socket:", "anon_inode:"))}
        expect(wrong, set(), "what connectors have open")
        for p in self.connectors():
            words = instance.read_proc(p, "status")
            expect("Seccomp:\t2" in words or bool(os.environ.get("CAPOS_SANITIZED")), True, words)


def main():
    client, server, *brief = sys.argv[1:]
    server = os.path.abspath(server)
    with tempfile.TemporaryDirectory(prefix="capos-connector-") as folder, contextlib.ExitStack() as running:
        servers = {"unix": Server(server, f"unix:{folder}/calculator"),
                   "tcp": Server(server, f"127.0.0.1:{free_port()}")}
        for x in servers.values():
            x.start().count()
            running.callback(x.end)
        cases = Cases(client, server, folder, servers)
        running.callback(lambda: [x.end() for x in cases.hostile])
        running.callback(lambda: [x.close() for x in cases.held + cases.shy])
        with cases.target:
            for name in ("ada", "tight", "faced"):
                cases.target.add_user(name, ["operator" if name == "ada" else name])
            used = [(f"used: {k}", lambda k=k: cases.used(k)) for k in KINDS]
            killed = [(f"killed: {k}", lambda k=k: cases.server_killed(k)) for k in ("unix", "tcp")]
            if brief:
                return instance.run_cases(brief[0], [*used, ("revoked under way", cases.revoked), *killed])
            return instance.run_cases("e2e-connector", [
                *used,
                ("each caller has its own", cases.each_its_own),
                ("known by its schema", cases.by_name),
                ("a facet of methods", cases.facet),
                ("a message that is too long", cases.quotas),
                ("revoked under way", cases.revoked),
                ("recorded", cases.recorded),
                *killed,
                ("killed: program", cases.program_killed),
                ("a program that stays", cases.program_stopped),
                ("killed: a connector", cases.connector_killed),
                ("a queue that is full", cases.full_begins),
                ("nobody there", cases.absent),
                ("a connector that is short of descriptors", instance.needs_root(cases.short)),
                ("a program that speaks", cases.speaks),
                *((f"a server that {h.__name__}", lambda h=h: cases.harm(h)) for h in HARM),
                ("a queue that has stayed full", cases.full_ends),
                ("what a connector has", cases.is_confined)])


if __name__ == "__main__":
    sys.exit(main())
