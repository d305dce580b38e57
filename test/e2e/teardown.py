#!/usr/bin/env python3
"""teardown: every way a session can end, what its client sees, and what is left: nothing.

Why: a capability that outlives its session, or a descriptor that outlives a process, is found by
counting, not by reading. Before each case the instance is idle and counted: processes by name,
open descriptors of each, sessions. Then there are two sessions, one that the case is about and a
bystander; the case happens; both clients are asked what they see; they leave; and the numbers must
come back to what they were.

usage: teardown.py
"""
import os
import signal
import sys

import instance
import sessionlib as s
from instance import until
from sessionlib import Closed, Failed, Refused

CHANNEL = "#teardown"
LISTENER_ID = 7


class Client:
    """A logged-in client that holds something of everything."""

    def __init__(self, run, wanted=None):
        self.peer = run.connect()
        self.gateway = self.peer.gateway()
        self.session = self.peer.password(instance.USER, instance.SECRET, wanted, self.gateway)
        self.caps = s.cap_set(self.session)
        self.info = s.get(self.caps, "system_info", s.SYSTEM_INFO)
        self.chat = s.get(self.caps, "chat", s.CHAT)
        self.member, self.label = s.join(self.chat, CHANNEL, LISTENER_ID)
        self.works()

    def works(self):
        """Everything it holds can be called."""
        self.session.call(0)
        self.caps.call(0)
        if not s.motd(self.info):
            raise Failed("no message of the day")
        self.members()

    def members(self):
        return [s.text(t) for t in self.member.call(1).content.ptr(0)]

    def is_ended(self):
        """Whether the worker knows: it may just be about to ask for the news."""
        try:
            self.session.call(0)
        except Refused:
            return True
        return False

    def is_stale(self):
        """Everything is refused, as what it is."""
        instance.until(self.is_ended, "the end of the session at its worker")
        for call in (lambda: self.session.call(0), lambda: self.caps.call(0),
                     lambda: self.info.call(0), lambda: self.chat.call(1),
                     lambda: self.member.call(1)):
            try:
                call()
            except Refused as e:
                if e.code != "denied.stale-session" or e.kind != "failed":
                    raise Failed(f"expected denied.stale-session, got {e}") from e
            else:
                raise Failed("a reference still works")

    def ends(self):
        """Calls, and says whether that showed the end of the connection."""
        try:
            self.peer.more_time()
            self.session.call(0)
        except (Closed, OSError):
            return True
        except Refused as e:
            raise Failed(f"expected the end of the connection, got {e}") from e
        return False

    def is_cut(self):
        """The connection ends, and nothing but its end is seen: no refusal, no silence."""
        def ended():
            try:
                self.session.call(0)
            except (Closed, OSError):
                return True
            except Failed as e:
                if isinstance(e, s.Hang) or "abort" not in str(e):
                    raise
            except Refused as e:
                if e.kind != "disconnected":
                    raise Failed(f"expected the end of the connection, got {e}") from e
            return False

        until(ended, "the end of the connection")

    def leave(self):
        self.peer.close()


# Who copies himself for each connection or proof, and the two copies that wait for a connection.
AT_REST = {"capos-worker": 3, "capos-prover": 1}


def client_port(peer):
    return peer.sock.getsockname()[1]


def worker_of(run, peer):
    """The process that holds the other end of a client's connection."""
    port = int(run.address.rsplit(":", 1)[1])
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    inodes = {r[9] for r in rows
              if int(r[1].split(":")[1], 16) == port
              and int(r[2].split(":")[1], 16) == client_port(peer)}
    for pid in run.pids("worker"):
        if any(link[8:-1] in inodes for link in instance.opened(pid).values()):
            return pid
    raise Failed("no process holds the connection")


class Cases:
    """The cases, and the instance they happen to."""

    def __init__(self, run):
        self.run = run
        self.base = None
        self.most = {}  # files that were open when nobody was there: {process: the most}

    def count(self):
        """What there is: processes and descriptors by name, sessions, workers."""
        processes, open_files = {}, {}
        for pid, name in self.run.tree().items():
            processes[name] = processes.get(name, 0) + 1
            n = instance.descriptors(pid)
            if n is not None:
                open_files[name] = open_files.get(name, 0) + n
        admin = self.run.admin()
        held = admin.status()
        sessions = admin.sessions()
        admin.close()
        return {"processes": processes, "open files": open_files, "sessions": len(sessions),
                "sessiond": held}

    def settle(self):
        """Waits until five counts in a row are the same and nobody is there, nor about to go, nor one whose end the
        session manager has not noticed yet. Of files a moment may have fewer, before an idle worker is known to all, or
        more, while they are closed: those of all rests count."""
        last = []

        def same():
            try:
                now = self.count()
            except (OSError, Failed, Closed, Refused):
                return False
            last.append(now)
            there = [now["processes"].get(name) for name in AT_REST]
            nobody = not now["sessions"] and not any(now["sessiond"].values())
            return nobody and last[-5:] == [now] * 5 and there == list(AT_REST.values()) and now

        rest = until(same, "quiet")
        for name, n in rest["open files"].items():
            self.most[name] = max(n, self.most.get(name, 0))
        return rest

    def nothing_more(self, now):
        """Everything is as it was, and no more files are open than there were at rest."""
        return ({**now, "open files": None} == {**self.base, "open files": None}
                and all(n <= self.most.get(name, 0) for name, n in now["open files"].items()))

    def back(self):
        """Waits until everything is as it was."""
        last = [None]

        def as_before():
            try:
                last[0] = self.count()
            except (OSError, Failed, Closed, Refused) as e:
                last[0] = e
                return False
            return self.nothing_more(last[0])

        try:
            until(as_before, "the numbers before")
        except Failed:
            raise Failed(f"before: {self.base}, at most {self.most}; now: {last[0]}") from None

    def around(self, case):
        """Counts, lets a case happen to two fresh clients, and counts again."""
        def wrapped():
            self.base = self.settle()
            bystander = Client(self.run)
            case(bystander)
            bystander.leave()
            self.back()
        return (case.__name__.replace("_", "-"),
                instance.needs_root(wrapped) if case == self.killed_worker else wrapped)

    def goes_on(self, bystander):
        """Another session is not affected, and sees who has left its channel."""
        bystander.works()
        until(lambda: bystander.members() == [bystander.label], "the other one's leaving")

    # ---- ends of one session

    def logout(self, bystander):
        one = Client(self.run)
        one.session.call(3)
        one.is_stale()
        self.goes_on(bystander)
        one.leave()

    def logout_frees_before_the_client_leaves(self, bystander):
        """Nothing is held for a client that has logged out and stays connected."""
        one = Client(self.run)
        one.session.call(3)
        admin = self.run.admin()
        until(lambda: len(admin.sessions()) == 1, "one session less")
        admin.close()
        self.goes_on(bystander)
        one.is_stale()
        one.leave()

    def expiry(self, bystander):
        one = Client(self.run, "short")

        def ended():
            try:
                one.session.call(0)
            except Refused:
                return True
            return False

        until(ended, "the end of a lease of six seconds")
        one.is_stale()
        self.goes_on(bystander)
        one.leave()

    def revocation(self, bystander):
        one = Client(self.run)
        admin = self.run.admin()
        admin.revoke(s.text(one.session.call(0).content.ptr(0).ptr(0)))
        admin.close()
        one.is_stale()
        self.goes_on(bystander)
        one.leave()

    def disconnect(self, bystander):
        Client(self.run).leave()
        self.goes_on(bystander)

    def disconnect_with_calls_open(self, bystander):
        one = Client(self.run)
        for _ in range(200):
            one.info.send(0)
        one.leave()
        self.goes_on(bystander)

    def disconnect_in_the_middle_of_a_login(self, bystander):
        peer = self.run.connect()
        flow = peer.flow(s.PASSWORD, instance.USER)
        flow.send(0, s.Struct(b"", [instance.SECRET.encode()]))
        peer.close()
        self.goes_on(bystander)

    def connections_without_a_login(self, bystander):
        peers = [self.run.connect() for _ in range(20)]
        for peer in peers[:10]:
            peer.gateway()
        for peer in peers:
            peer.close()
        self.goes_on(bystander)

    # ---- ends of processes

    def kill(self, name):
        pids = self.run.pids(name)
        if len(pids) != 1:
            raise Failed(f"there are {len(pids)} processes {name}")
        os.kill(pids[0], signal.SIGKILL)
        until(lambda: pids[0] not in self.run.tree(), "its end")
        return pids[0]

    def killed_worker(self, bystander):
        one = Client(self.run)
        os.kill(worker_of(self.run, one.peer), signal.SIGKILL)
        one.is_cut()
        self.goes_on(bystander)
        one.leave()

    def killed_service(self, bystander):
        """What it served is disconnected; everything else goes on; a new `get` finds the next."""
        old = self.kill("system-info")
        try:
            bystander.info.call(0)
        except Refused as e:
            if e.kind != "disconnected":
                raise Failed(f"expected disconnected, got {e}") from e
        else:
            raise Failed("a dead service answers")
        bystander.session.call(0)
        bystander.members()

        def again():
            try:
                info = s.get(bystander.caps, "system_info", s.SYSTEM_INFO)
                return s.motd(info)
            except Refused as e:
                if e.kind != "disconnected":
                    raise
                return False

        until(again, "the service")
        if self.run.pids("system-info") == [old]:
            raise Failed("it is the same process")

    def killed_chat(self, bystander):
        """The same with references of both directions."""
        self.kill("capos-chat")
        for ref, method in ((bystander.member, 1), (bystander.chat, 1)):
            try:
                ref.call(method)
            except Refused as e:
                if e.kind != "disconnected":
                    raise Failed(f"expected disconnected, got {e}") from e
            else:
                raise Failed("a dead service answers")
        if not s.motd(bystander.info):
            raise Failed("another service is affected")
        until(lambda: self.run.pids("capos-chat"), "the service")

    def killed_sessiond(self, bystander):
        """No session survives, accounts do."""
        one = Client(self.run)
        self.kill("sessiond")
        one.is_cut()
        bystander.is_cut()

        def again():
            try:
                return Client(self.run)
            except (OSError, Closed, Failed, Refused):
                return None

        fresh = until(again, "a session manager")
        fresh.works()
        fresh.leave()
        one.leave()

    def killed_gateway(self, bystander):
        """Sessions go on, and new ones can be made after a moment."""
        one = Client(self.run)
        self.kill("gateway")
        one.works()
        bystander.works()

        def again():
            try:
                return Client(self.run)
            except (OSError, Closed, Failed, Refused):
                return None

        fresh = until(again, "a gateway")
        fresh.leave()
        one.works()
        one.session.call(3)
        one.is_stale()
        self.goes_on(bystander)
        one.leave()

    def rows(self):
        return [self.logout, self.logout_frees_before_the_client_leaves, self.expiry,
                self.revocation, self.disconnect, self.disconnect_with_calls_open,
                self.disconnect_in_the_middle_of_a_login, self.connections_without_a_login,
                self.killed_worker, self.killed_service, self.killed_chat, self.killed_sessiond,
                self.killed_gateway]

    def many_sessions(self):
        """A hundred sessions, one after the other, leave as little as one."""
        self.base = self.settle()
        for _ in range(100):
            peer = self.run.connect()
            caps = s.cap_set(peer.anonymous())
            s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))
            peer.close()
        self.back()


def killed_caposd():
    """Nothing of the instance outlives the process that started it."""
    run = instance.Instance(instance.manifest())
    run.start()
    client = Client(run)
    pids = list(run.tree())
    run.process.kill()
    client.is_cut()
    until(lambda: all(instance.state(p) in ("", "Z") for p in pids), "the end of all processes")
    client.leave()
    run.process.wait()
    run.process.stdout.close()
    run.folder.cleanup()


def main():
    if os.geteuid() != 0:
        print("# not root: descriptors of the daemons and the worker of a client can't be seen")
    text = instance.manifest(profiles=[
        instance.profile("short", ["session", "system_info", "chat"], lease_ms=6000)])
    try:
        with instance.Instance(text, user=False) as run:
            run.add_user(profiles=("operator", "short"))
            cases = Cases(run)
            for _ in range(3):
                Client(run).leave()
                cases.settle()
            rows = [cases.around(c) for c in cases.rows()]
            return instance.run_cases("e2e-teardown", rows + [
                ("many-sessions", cases.many_sessions), ("killed-caposd", killed_caposd)])
    except (Failed, Refused, Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count("e2e-teardown", 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
