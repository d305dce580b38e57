#!/usr/bin/env python3
"""shares: what many people share of an instance: reached exactly, refused by one past, given back.

Why: one who comes first must not be able to leave nothing to those who come after him, and what an
end leaves behind is missing for ever. So each pool (an account's sessions, a profile's, the
instance's; the bytes that sessions may make it hold; attempts to log in) is filled by one after the
other, each taking all that he gets, and the numbers are those of the table in
doc/design/limits.md; what is refused says which pool and whose; and after a logout, a connection
that is closed and a client that is killed as many get in as before. In the end the session manager
has nothing in use, by its own word.

usage: shares.py
"""
import os
import signal
import socket
import sys
import time

import instance
import sessionlib as s
from sessionlib import Failed, Refused

SCRIPT = "e2e-shares"
NAMES = ["ada", "bob", "cleo", "dan"]
HALL, SIXTEEN = 16, [8, 2, 1, 1]  # what each of four finds, one after the other
FEW, FOUR = 4, [2, 1, 1, 0]
MIB = 1 << 20
MEMORY, EACH, WIDER = 24 * MIB, 6 * MIB, 12 * MIB
FRESH = 16  # connections without a session; each has an attempt to log in for itself, and of three
FLOWS = [24, 8, 4, 2]  # times as many for all, four sources find so many, one after the other


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(act, code, words):
    """The refusal says which ledger, and then whose."""
    try:
        act()
    except Refused as e:
        expect((e.kind, e.code), ("overloaded", code), "a refusal")
        if not e.reason.partition(f"{code}: ")[2].startswith(words):
            raise Failed(f"{words} was expected to be said: {e.reason}") from None
        return
    raise Failed(f"one more than there may be was taken, {code}: {words} was expected")


def connect_from(target, source):
    """From another address of this machine: a source of its own."""
    host, port = target.address.rsplit(":", 1)
    return s.Peer(socket.create_connection((host, int(port)), s.WAIT_S, (source, 0)))


class Cases:
    def __init__(self, target):
        self.target = target
        self.last = ""  # why fill() has ended

    def login(self, name):
        peer = self.target.connect()
        try:
            return peer, peer.password(name, instance.SECRET)
        except Refused:
            peer.close()
            raise

    def fill(self, name):
        """All that one gets."""
        got = []
        while True:
            try:
                got.append(self.login(name))
            except Refused as e:
                if not e.code.startswith("over-quota."):
                    raise
                self.last = e.reason
                return got

    def ledgers(self):
        admin = self.target.admin()
        try:
            return {name: used for name, (_, used, _) in admin.ledgers().items()}
        finally:
            admin.close()

    def used(self, ledger):
        return self.ledgers()[ledger]

    def workers(self):
        admin = self.target.admin()
        try:
            return admin.status()["workers"]
        finally:
            admin.close()

    def settled(self, connections):
        """Until the instance knows of so many and no others: one that was closed has its place until
        its worker has ended, and somebody would give way to the next one."""
        instance.until(lambda: self.workers() == connections,
                       lambda: f"{connections} connections, not {self.workers()},")

    def nothing_in_use(self):
        instance.until(lambda: not any(self.ledgers().values()),
                       lambda: f"ledgers at zero: {self.ledgers()}")
        self.settled(0)

    def end(self, sessions, how):
        """Some of each way there is."""
        for i, (peer, session) in enumerate(sessions):
            if how == "logout" or (how == "both" and i % 2):
                session.call(3)
            peer.close()

    def again(self, act, what):
        """Somebody else's end is seen a moment later."""
        def tried():
            try:
                return act()
            except Refused as e:
                if e.code.startswith("over-quota."):
                    return None
                raise
        return instance.until(tried, what)

    def profile(self):
        """Four accounts, one after the other, each with all that it gets: and again after each end."""
        for how in ("logout", "close"):
            got = [self.fill(name) for name in NAMES]
            expect([len(g) for g in got], SIXTEEN, "sessions that each account finds")
            refused(lambda: self.login("ada"), "over-quota.sessions", "profile: what is left")
            refused(lambda: self.login("bob"), "over-quota.sessions", "profile: what is left")
            for g in got:
                self.end(g, how)
            self.nothing_in_use()

    def equals(self):
        """Two who take one in turn come to the same; three likewise."""
        for n, wanted in ((2, [4, 4]), (3, [3, 3, 2]), (4, [2, 2, 2, 2])):
            got, going = [[] for _ in range(n)], set(range(n))
            while going:
                for i in sorted(going):
                    try:
                        got[i].append(self.login(NAMES[i]))
                    except Refused as e:
                        expect(e.code, "over-quota.sessions", "why not")
                        going.remove(i)
            expect([len(g) for g in got], wanted, f"sessions of {n} equals")
            for g in got:
                self.end(g, "both")
            self.nothing_in_use()

    def whole(self):
        """A pool that is small: one has half of it, be he alone; then it is full."""
        got = self.fill("few")
        expect(len(got), 2, "sessions of who is alone")
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: what is left")
        for name in ("fewer", "fewest"):
            got.append(self.login(name))
        for name in ("few", "fewest", "one"):
            refused(lambda n=name: self.login(n), "over-quota.sessions", "profile: it has as many")
        self.end([got.pop()], "logout")
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: what is left")
        got.append(self.again(lambda: self.login("one"), "a place after a logout"))
        refused(lambda: self.login("fewest"), "over-quota.sessions", "profile: it has as many")
        self.end([got.pop()], "close")
        got.append(self.again(lambda: self.login("fewest"), "a place after a disconnect"))
        self.end(got, "both")
        self.nothing_in_use()

    def account(self):
        got = [self.login("narrow") for _ in range(3)]
        refused(lambda: self.login("narrow"), "over-quota.sessions", "account: it has as many")
        self.end(got, "both")
        self.nothing_in_use()

    def killed(self):
        """A client in a process of its own has all of a pool, and is killed."""
        readable, writable = os.pipe()
        child = os.fork()
        if not child:
            try:
                got = self.fill("few")
                os.write(writable, bytes([len(got)]))
                time.sleep(60)
            finally:
                os._exit(1)
        os.close(writable)
        expect(os.read(readable, 1), b"\x02", "sessions of the client")
        os.close(readable)
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: what is left")
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        got = [self.again(lambda: self.login("few"), "a place after SIGKILL") for _ in range(2)]
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: what is left")
        self.end(got, "both")
        self.nothing_in_use()

    def flows(self):
        """Attempts to log in, by four sources; who comes from an address that has all; a fifth."""
        peers, found = [], []
        for i in range(len(FLOWS)):
            found.append(0)
            more = True
            while more:
                peer = connect_from(self.target, f"127.0.0.{i + 2}")
                peers.append(peer)
                gateway = peer.gateway()
                peer.flow(s.PASSWORD, "ada", gateway=gateway)
                try:
                    for _ in range(3):
                        peer.flow(s.PASSWORD, "ada", gateway=gateway)
                        found[i] += 1
                except Refused as e:
                    expect(e.code, "over-quota.flows", "why not")
                    if "source: what is left" not in e.reason:
                        raise Failed(f"the source was expected to be said: {e.reason}") from None
                    more = False
        expect(found, FLOWS, "attempts of each source, beside one of each connection")
        expect(self.used("flows"), sum(FLOWS) + len(peers), "attempts by the session manager's count")
        peer = connect_from(self.target, "127.0.0.2")
        self.end([(peer, peer.password("narrow", instance.SECRET))], "logout")
        for peer in peers:
            peer.close()
        self.nothing_in_use()
        peer = self.target.connect()
        gateway = peer.gateway()
        for _ in range(4):
            peer.flow(s.PASSWORD, "ada", gateway=gateway)
        refused(lambda: peer.flow(s.PASSWORD, "ada", gateway=gateway), "over-quota.flows",
                "connection: too many")
        peer.close()
        self.nothing_in_use()

    def limit_of_profile(self, most):
        self.target.changed(profiles_manifest(few=most))

    def reload(self):
        """A profile's limit that becomes wider counts at once; narrower, it ends nobody."""
        got = self.fill("few")
        expect(len(got), FEW // 2, "sessions of the profile")
        self.limit_of_profile(6)
        got.append(self.login("few"))
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: what is left")
        self.limit_of_profile(1)
        for _, session in got:
            session.call(0)
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: it has as many")
        for _ in range(2):
            self.end([got.pop()], "logout")
        refused(lambda: self.login("few"), "over-quota.sessions", "profile: it has as many")
        self.end([got.pop()], "logout")
        got.append(self.again(lambda: self.login("few"), "the only place"))
        self.limit_of_profile(FEW)
        self.end(got, "both")
        self.nothing_in_use()

    def provers(self):
        """So many at once and no more, however many wait; and each is given back."""
        asked = []
        for _ in range(6):  # of one address, and provers are four
            peer = self.target.connect()
            asked.append((peer, peer.flow(s.PASSWORD, "narrow")))
        # None is made before all have asked: who makes them stands still.
        instance.until(lambda: len(self.target.pids("prover")) == 1, "the end of all but the zygote")
        zygote, = self.target.pids("prover")
        os.kill(zygote, signal.SIGSTOP)
        try:
            flows = [(peer, flow.send(0, s.Struct(b"", [b"wrong"]))) for peer, flow in asked]
            instance.until(lambda: self.used("provers") >= 2, lambda: f"provers at once: {self.ledgers()}")
        finally:
            os.kill(zygote, signal.SIGCONT)
        for peer, question in flows:
            try:
                peer.wait(question)
            except Refused as e:
                expect(e.code in ("denied.credentials", "denied.backoff"), True, e.code)
            peer.close()
        admin = self.target.admin()
        limit, _, most = admin.ledgers()["provers"]
        admin.close()
        expect(limit, 4, "provers at once")
        if not 2 <= most <= limit:
            raise Failed(f"{most} provers at once, of {limit}")
        self.nothing_in_use()


class Small(Cases):
    """An instance with four places, and eight for visitors of whom one source has seven."""

    def places(self):
        for how in ("logout", "close"):
            got = self.fill("ada")
            expect(len(got), 2, "places of the instance, for one who is alone")
            refused(lambda: self.login("bob"), "over-quota.sessions", "source: what is left")
            self.end(got, how)
            self.nothing_in_use()

    def visitor(self, source):
        peer = connect_from(self.target, source)
        try:
            return peer, peer.anonymous()
        except Refused:
            peer.close()
            raise

    def entry(self):
        """A source has all places but an eighth, and then who has less takes one of whom has most."""
        got = [self.visitor("127.0.0.2") for _ in range(7)]
        refused(lambda: self.visitor("127.0.0.2"), "over-quota.sessions", "source: your source has")
        got.append(self.visitor("127.0.0.3"))
        got.append(self.visitor("127.0.0.4"))
        expect(self.used("sessions"), 8, "sessions of visitors")
        try:
            got[0][1].call(0)
            raise Failed("nobody gave way")
        except Refused as e:
            expect(e.code, "denied.stale-session", "who gave way")
        self.end(got[1:], "both")
        got[0][0].close()
        self.nothing_in_use()


class Memory(Cases):
    def all_of_it(self):
        """Four accounts, one after the other, each with all that it gets."""
        got = [self.fill(name) for name in NAMES]
        expect([len(g) for g in got], FOUR, "sessions that each account finds memory for")
        return [one for g in got for one in g]

    def bytes(self):
        """Each session reserves what its quota lets it queue, both ways, and one message."""
        ada = self.fill("ada")
        expect(len(ada), 2, "sessions of who is alone")
        refused(lambda: self.login("ada"), "over-quota.memory", "account: what is left")
        self.end(ada, "both")
        self.nothing_in_use()
        got = self.all_of_it()
        refused(lambda: self.login("ada"), "over-quota.memory", "total: ")
        refused(lambda: self.login("dan"), "over-quota.memory", "total: ")
        expect(self.used("memory"), MEMORY, "bytes")
        self.end([got.pop()], "logout")
        refused(lambda: self.login("ada"), "over-quota.memory", "account: what is left")
        got.append(self.again(lambda: self.login("dan"), "room after a logout"))
        self.end(got, "both")
        self.nothing_in_use()

    def visit(self, way):
        peer = self.target.connect()
        try:
            return peer, peer.guest() if way == "guest" else peer.anonymous()
        except Refused:
            peer.close()
            raise

    def gives_way(self):
        """Who has no account makes room for who has one, and not the other way round."""
        visitors = [self.visit("anonymous") for _ in range(2)]
        expect(self.used("memory"), 2 * EACH, "bytes of two")
        got = self.all_of_it()
        refused(lambda: self.visit("anonymous"), "over-quota.memory", "total: ")
        refused(lambda: self.visit("guest"), "over-quota.memory", "total: ")
        self.end(got, "both")
        self.end(visitors, "close")
        self.nothing_in_use()

    def refused_harms_nobody(self):
        """A visitor would have to make room in one ledger, and in another the guest has no place."""
        got = [self.login("ada") for _ in range(2)]
        visitors = [self.visit("anonymous") for _ in range(2)]
        got.append(self.visit("guest"))
        try:
            visitors[0][1].call(0)
            raise Failed("nobody gave way")
        except Refused as e:
            expect(e.code, "denied.stale-session", "who gave way")
        for _ in range(3):
            refused(lambda: self.visit("guest"), "over-quota.sessions", "source: your source has")
        visitors[1][1].call(0)
        expect(self.used("memory"), MEMORY, "bytes")
        self.end(got, "both")
        self.end(visitors, "close")
        self.nothing_in_use()

    def reload(self):
        """Quotas that become wider and narrower count from then on, for who is there as well."""
        got = self.fill("ada")
        self.target.changed(memory_manifest(WIDER))
        expect(self.used("memory"), 2 * WIDER, "bytes by the wider quota")
        refused(lambda: self.login("bob"), "over-quota.memory", "total: ")
        self.target.changed(memory_manifest(EACH))
        expect(self.used("memory"), 2 * EACH, "bytes by the narrower quota")
        got += [self.login("bob"), self.login("cleo")]
        refused(lambda: self.login("dan"), "over-quota.memory", "total: ")
        self.end(got, "both")
        self.nothing_in_use()


class One(Cases):
    """A profile for one session, whoever has it."""

    def classes(self):
        """Who has proved less gives way to who has more, and not the other way round."""
        ways = [lambda p: p.anonymous(), lambda p: p.guest(),
                lambda p: p.password("ada", instance.SECRET)]
        got = []
        for way in ways:
            peer = self.target.connect()
            got.append((peer, way(peer)))
            expect(self.used("profiles"), 1, "sessions of the profile")
        for way in ways:
            peer = self.target.connect()
            refused(lambda w=way, p=peer: w(p), "over-quota.sessions", "profile: it has as many")
            peer.close()
        got[2][1].call(0)
        self.end(got[2:], "logout")
        self.end(got[:2], "close")
        self.nothing_in_use()


class Users(Cases):
    """Sources that are parties: users of this machine, which only the superuser can be."""

    def visit(self, uid, name):
        readable, writable = os.pipe()
        back, go = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                got = self.fill(name)
                os.write(writable, bytes([len(got)]) + self.last.encode())
                os.read(back, 1)
            finally:
                os._exit(0)
        os.close(writable)
        said = os.read(readable, 1024)
        os.close(readable)
        return said[0] if said else -1, said[1:].decode(), child, go

    def each(self, wanted, last):
        visits = [self.visit(20001 + i, name) for i, name in enumerate(NAMES)]
        for _, _, child, go in visits:
            os.write(go, b"x")
            os.waitpid(child, 0)
        expect([v[0] for v in visits], wanted, "places that each user of the machine finds")
        if f"over-quota.sessions: {last}" not in visits[-1][1]:
            raise Failed(f"{last} was expected to be said last: {visits[-1][1]}")
        self.nothing_in_use()

    @instance.needs_root
    def places(self):
        """The instance's own places, of accounts without any other bound."""
        self.each(SIXTEEN, "source: what is left")

    @instance.needs_root
    def few(self):
        self.each(FOUR, "total: ")


def memory_manifest(each):
    quota = {"queued": f'"{each // 3}B"', "message": f'"{each // 3}B"'}
    room = instance.profile("room", ["session", "system_info"], **quota)
    visitor = instance.profile("visitor", ["session", "system_info"], **quota)
    text = instance.manifest(guest=True, profiles=[room, visitor], anonymous="visitor",
                             limits=f'memory = "{MEMORY}B"')
    return text.replace('profile = "guest")', 'profile = "visitor", maxSessionsPerSource = 1)')


def shared_profile(name, most, accounts=64):
    text = instance.profile(name, ["session", "system_info"], sessionsPerAccount=accounts)
    return text[:-1] + f", maxSessions = {most})"


def profiles_manifest(few=FEW):
    return instance.manifest(profiles=[shared_profile("hall", HALL), shared_profile("few", few),
                                       shared_profile("narrow", 0, 3)],
                             limits=f"unauthenticated = {FRESH}")


def run_profiles():
    with instance.Instance(profiles_manifest()) as target:
        for name in NAMES:
            target.add_user(name, ["hall"])
        for name in ("few", "fewer", "fewest", "one"):
            target.add_user(name, ["few"])
        target.add_user("narrow", ["narrow"])
        cases = Cases(target)
        return instance.run_cases(SCRIPT, [
            ("a profile's sessions, by one after the other", cases.profile),
            ("… by equals", cases.equals),
            ("… a few of them", cases.whole),
            ("… after a client was killed", cases.killed),
            ("… by another manifest", cases.reload),
            ("an account's sessions", cases.account),
            ("attempts to log in", cases.flows),
            ("provers", cases.provers)])


def run_memory():
    with instance.Instance(memory_manifest(EACH)) as target:
        for name in NAMES:
            target.add_user(name, ["room"])
        cases = Memory(target)
        return instance.run_cases(SCRIPT, [
            ("bytes of all sessions", cases.bytes),
            ("… who gives way", cases.gives_way),
            ("… who is refused has cost nobody his", cases.refused_harms_nobody),
            ("… by another manifest", cases.reload)])


def run_one():
    text = instance.manifest(guest=True, profiles=[shared_profile("one", 1)], anonymous="one")
    with instance.Instance(text.replace('profile = "guest")', 'profile = "one")')) as target:
        target.add_user("ada", ["one"])
        return instance.run_cases(SCRIPT, [("a profile's only place", One(target).classes)])


def small_manifest(connections):
    fresh = min(connections, FRESH)
    return instance.manifest(profiles=[shared_profile("any", 0)],
                             limits=f"connections = {connections}, unauthenticated = {fresh}")


def run_small():
    visitors = small_manifest(32).replace("maxSessions = 512", "maxSessions = 8")
    with instance.Instance(small_manifest(FEW)) as target:
        for name in NAMES:
            target.add_user(name, ["any"])
        bad = instance.run_cases(SCRIPT, [("the instance's places", Small(target).places),
                                          ("… by users", Users(target).few)])
    with instance.Instance(visitors) as target:
        return bad | instance.run_cases(SCRIPT, [("visitors' places", Small(target).entry)])


def run_users():
    with instance.Instance(small_manifest(HALL)) as target:
        for name in NAMES:
            target.add_user(name, ["any"])
        cases = Users(target)
        return instance.run_cases(SCRIPT, [("the instance's places, by users", cases.places)])


def main():
    return run_profiles() | run_memory() | run_one() | run_small() | run_users()


if __name__ == "__main__":
    sys.exit(main())
