#!/usr/bin/env python3
"""reload: another manifest while sessions live: what it grants no more is gone, all else goes on.

Why: a policy that counts from the next start on is no policy for who is inside. So each way to
narrow one is shown from outside under open references, each way to widen it too, and that a broken
manifest changes nothing. Then manifests at random, sound and broken, under load: a model says which
session has what afterwards, and nothing else may come of it.

usage: reload.py [--forger SERVICE] [--random]

--forger names a service of Conf (test/peers/conf.capnp), whose calls can be left open. --random is
the second part alone, CAPOS_RELOADS times (200, in a build with sanitizers 20), from
CAPOS_RELOAD_SEED (1) on.
"""
import argparse
import contextlib
import os
import signal
import subprocess
import sys

import instance
import sessionlib as s
from reloadrandom import Random
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-reload"
CONF = s.type_id("conf", "Conf", root="test/peers")
HANG = 16
RELOADS = "20" if "CAPOS_SANITIZED" in os.environ else "200"
GONE = "denied.revoked-lease"
OVER = "denied.stale-session"


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(call, code, says=""):
    try:
        call()
    except Refused as e:
        if (e.code, says in e.reason) != (code, True):
            raise Failed(f"expected {code} with {says!r}, got {e}") from e
        return
    raise Failed(f"expected {code}, and it worked")


def extra(name="extra", *words, program="capos-system-info", iface=s.SYSTEM_INFO):
    return instance.service(name, program, iface, words)


class Cases:
    def __init__(self, forger):
        self.more = [instance.service("conf", os.path.abspath(forger), CONF)] if forger else []
        self.conf = ["conf"] if forger else []
        self.target = instance.Instance(self.text())

    def text(self, services=(), operator=(), profiles=(), **more):
        """The manifest that each case begins with, and ends with; or with something else in it."""
        return instance.manifest(
            services=[*self.more, *services], operator=[*self.conf, *operator],
            profiles=[instance.profile("other", ["session", "system_info"]), *profiles], **more)

    # ---- reloading

    def write(self, text):
        with open(os.path.join(self.target.folder.name, "manifest"), "w", encoding="utf-8") as f:
            f.write(text)

    def reload(self, text):
        self.target.changed(text)

    def fails(self, text, *said):
        """It is refused, in these words, to the command and in the log; and nothing changes."""
        session, caps = self.login()
        info, chat = self.get(caps, "system_info"), s.get(caps, "chat", s.CHAT)
        daemons, bundle = self.at_rest(), s.names(caps)
        done = self.target.reload(text)
        expect(done.returncode, 1, "the exit code")
        for words in (*said, "nothing has changed"):
            if words not in done.stderr:
                raise Failed(f"{words!r} is not in {done.stderr!r}")
        for words in said:
            if words not in self.target.log_text():
                raise Failed(f"{words!r} is not in the log")
        s.motd(info)
        chat.call(1)
        session.call(0)
        expect(s.names(caps), bundle, "the bundle")
        self.same(daemons)
        session.call(3)
        info.peer.close()

    def at_rest(self):
        """The processes, when those have ended whose services the last manifest had and this one has not."""
        instance.until(lambda: len(self.target.pids("system-info")) == 1, "the end of other services")
        return self.target.daemons()

    def same(self, daemons):
        """The same processes: what was started in vain is gone."""
        instance.until(lambda: self.target.daemons() == daemons,
                       lambda: f"{daemons}, not {self.target.daemons()}")

    def login(self, name=instance.USER, wanted=None):
        _, session, caps = self.target.login(name, wanted=wanted)
        return session, caps

    @staticmethod
    def get(caps, name):
        return s.get(caps, name, s.SYSTEM_INFO)

    # ---- what stays

    def nothing_new(self):
        """Untouched: processes, references, and a call that is open."""
        session, caps = self.login()
        info, chat = self.get(caps, "system_info"), s.get(caps, "chat", s.CHAT)
        member, label = s.join(chat, "#here")
        hanging = s.get(caps, "conf", CONF).send(HANG) if self.conf else None
        daemons = self.at_rest()
        for _ in range(3):
            self.reload(self.text())
        self.reload(self.text([extra()], ["extra"], [instance.profile("more", ["session", "system_info"])]))
        self.reload(self.text())
        self.same(daemons)
        s.motd(info)
        member.call(0, Struct(b"", ["still here"]))
        _, again = s.join(chat, "#here")
        expect(again, label, "who the service thinks it is")
        expect(sum(m.tag == s.w.RETURN and m.answer_id == hanging for m in info.peer.others), 0,
               "returns of the open call")
        session.call(3)
        info.peer.close()

    def by_signal(self):
        session, caps = self.login()
        self.write(self.text([extra()], ["extra"]))
        self.target.process.send_signal(signal.SIGHUP)
        instance.until(lambda: "extra" in s.names(caps), "the capability")
        s.motd(self.get(caps, "extra"))
        self.write("(")
        self.target.process.send_signal(signal.SIGHUP)
        instance.until(lambda: "manifest:1:" in self.target.log_text(), "the fault in the log")
        s.motd(self.get(caps, "extra"))
        self.reload(self.text())
        session.call(3)

    # ---- capabilities

    def taken_away(self):
        session, caps = self.login()
        info, chat = self.get(caps, "system_info"), s.get(caps, "chat", s.CHAT)
        member, _ = s.join(chat, "#gone")
        less = self.text().replace(', (name = "chat", transfer = session)', "", 1)
        self.reload(less)
        for call in (lambda: chat.call(1), lambda: member.call(1), lambda: s.get(caps, "chat", s.CHAT)):
            refused(call, GONE, "policy")
        s.motd(info)
        expect("chat" in s.names(caps), False, "whether it is listed")
        recorded = [r for r in self.audit() if r["what"] == "revocation" and r.get("capability") == "chat"]
        expect([r["detail"] for r in recorded], ["policy"], "the record")
        self.reload(self.text())
        refused(lambda: chat.call(1), GONE, "policy")
        s.get(caps, "chat", s.CHAT).call(1)
        expect("chat" in s.names(caps), True, "whether it is listed again")
        session.call(3)

    def taken_away_under_an_open_call(self):
        session, caps = self.login()
        conf = s.get(caps, "conf", CONF)
        hanging = conf.send(HANG)
        conf.call(0)
        self.reload(self.text().replace(', (name = "conf", transfer = session)', "", 1))
        refused(lambda: conf.peer.wait(hanging), GONE, "policy")
        refused(lambda: conf.call(0), GONE, "policy")
        session.call(0)
        self.reload(self.text())
        session.call(3)

    def somebody_has_taken_it(self):
        """What an administrator has revoked does not come back with a policy."""
        session, caps = self.login()
        admin = self.target.admin()
        admin.revoke(s.text(session.call(0).content.ptr(0).ptr(0)), "chat")
        admin.close()
        self.reload(self.text().replace(', (name = "chat", transfer = session)', "", 1))
        self.reload(self.text())
        refused(lambda: s.get(caps, "chat", s.CHAT), GONE)
        session.call(3)

    def the_session_itself(self):
        """`session`, which the worker serves."""
        session, caps = self.login()
        user = s.get(caps, "session", s.USER_SESSION)
        user.call(0)
        self.reload(self.text().replace('(name = "session", transfer = session), ', ""))
        refused(lambda: user.call(0), GONE)
        refused(lambda: s.get(caps, "session", s.USER_SESSION), GONE)
        self.reload(self.text())
        s.get(caps, "session", s.USER_SESSION).call(0)
        session.call(3)

    def transfer_and_lease(self):
        """A narrower transfer, a shorter lease: at once, and the reference goes on."""
        self.reload(self.text(operator=[]).replace(
            '(name = "chat", transfer = session)', '(name = "chat", transfer = services)', 1))
        session, caps = self.login()
        chat = s.get(caps, "chat", s.CHAT)
        before = s.names(caps)
        expect(before["chat"][1], "services", "the transfer policy")
        self.reload(self.text().replace('(name = "chat", transfer', '(name = "chat", lease = "1m", transfer', 1))
        after = s.names(caps)
        expect(after["chat"][1], "session", "the transfer policy")
        if not after["chat"][2] + 60000 < before["chat"][2] == after["session"][2]:
            raise Failed(f"the leases: {before}, {after}")
        chat.call(1)
        self.reload(self.text())
        expect(s.names(caps)["chat"], (before["chat"][0], "session", before["chat"][2]), "as it was")
        session.call(3)

    # ---- sessions

    def profile_gone(self):
        self.target.add_user("bob", ["other"])
        session, caps = self.login("bob")
        mine, my_caps = self.login()
        info = self.get(caps, "system_info")
        self.reload(self.text().replace('(name = "other"', '(name = "another"'))
        instance.over(session)
        for call in (lambda: session.call(0), lambda: s.motd(info), lambda: caps.call(0)):
            refused(call, OVER, "policy: the profile is gone")
        refused(lambda: self.login("bob"), "denied.profile")
        s.motd(self.get(my_caps, "system_info"))
        self.reload(self.text().replace('(name = "other", ', '(name = "other", accounts = false, '))
        refused(lambda: self.login("bob"), "denied.profile")
        self.reload(self.text())
        session, caps = self.login("bob")
        self.reload(self.text().replace('(name = "other", ', '(name = "other", accounts = false, '))
        instance.over(session)
        refused(lambda: session.call(0), OVER, "policy: the profile is not for this account")
        self.reload(self.text())
        mine.call(3)

    def better_proof(self):
        """A profile that wants more than what its session was made by."""
        self.target.add_user("carol", ["other"])
        session, _ = self.login("carol")
        mine, _ = self.login()
        self.reload(self.text().replace('(name = "other", ', '(name = "other", atLeast = token, '))
        session.call(0)
        self.reload(self.text().replace('(name = "other", ', '(name = "other", atLeast = signedKey, '))
        instance.over(session)
        refused(lambda: session.call(0), OVER, "policy: the profile wants a better proof")
        mine.call(0)
        self.reload(self.text())
        session, _ = self.login("carol")
        self.reload(self.text().replace('(name = "other", ', '(name = "other", methods = ["key"], '))
        instance.over(session)
        refused(lambda: session.call(0), OVER, "policy: the profile wants a better proof")
        self.reload(self.text())
        mine.call(3)

    def without_an_account(self):
        """Guests and anonymous sessions end when that way in is closed; accounts' go on."""
        self.reload(self.text(guest=True))
        peers = [self.target.connect() for _ in range(2)]
        guest, nobody = peers[0].guest(), peers[1].anonymous()
        mine, _ = self.login()
        self.reload(self.text())
        instance.over(guest)
        refused(lambda: guest.call(0), OVER, "policy")
        nobody.call(0)
        self.reload(self.text().replace("anonymous = (enabled = true", "anonymous = (enabled = false"))
        instance.over(nobody)
        refused(lambda: nobody.call(0), OVER, "policy")
        refused(lambda: self.target.connect().anonymous(), "denied.method-disabled")
        mine.call(3)
        self.reload(self.text())

    def method_off(self):
        """No new logins; who is in stays."""
        session, _ = self.login()
        flow = self.target.connect().flow(s.PASSWORD, instance.USER)
        self.reload(self.text(password=False))
        refused(self.login, "denied.method-disabled")
        refused(lambda: s.answer(flow, instance.SECRET), "denied.method-disabled")
        session.call(0)
        self.reload(self.text())
        session.call(3)

    def shorter(self):
        """The lease of a profile bounds at once what was given; a longer one gives nothing."""
        def end(session):
            return session.call(0).content.ptr(0).uint(64, 64)
        session, _ = self.login()
        before = end(session)
        hour = self.text().replace('name = "operator", lease = "600000ms"', 'name = "operator", lease = "1h"')
        self.reload(hour)
        expect(end(session), before, "its end")
        self.reload(hour.replace('lease = "1h"', 'lease = "3m", maxLease = "3m"'))
        if not before - 8 * 60000 < end(session) < before - 6 * 60000:
            raise Failed(f"{before}, then {end(session)}")
        self.reload(hour.replace('lease = "1h"', 'lease = "1s", maxLease = "1s"'))

        def over():
            try:
                session.call(0)
            except Refused as e:
                expect((e.code, "expired" in e.reason), (OVER, True), "the denial")
                return True
        instance.until(over, "the end of the lease")
        self.reload(self.text())

    def quota(self):
        """Narrower, at once, and wider; what is above is not torn down."""
        session, caps = self.login()
        conf = s.get(caps, "conf", CONF)
        hanging = [conf.send(HANG) for _ in range(10)]
        conf.call(0)
        self.reload(self.text().replace('quota = ()', 'quota = (calls = 8)'))
        refused(lambda: conf.call(0), "over-quota.calls")
        self.reload(self.text())
        conf.call(0)
        expect([q for q in hanging if any(m.tag == s.w.RETURN and m.answer_id == q
                                          for m in conf.peer.others)], [], "open calls that ended")
        session.call(3)

    # ---- services

    def service_comes_and_goes(self):
        session, caps = self.login()
        refused(lambda: self.get(caps, "extra"), "denied.unknown-name")
        daemons = self.at_rest()
        self.reload(self.text([extra("extra", "--motd", "one")], ["extra"]))
        one = self.get(caps, "extra")
        expect(s.motd(one), "one", "the new service")
        instance.until(lambda: len(self.target.daemons()) == len(daemons) + 1,
                       lambda: f"one more than {daemons}, not {self.target.daemons()},")
        self.reload(self.text([extra("extra", "--motd", "two")], ["extra"]))
        try:
            s.motd(one)
            raise Failed("the old service answers")
        except Refused as e:
            expect(e.kind, "disconnected", "how a changed service ends")
        expect(s.motd(self.get(caps, "extra")), "two", "the changed service")
        self.reload(self.text([extra("extra", "--motd", "two").replace("For tests", "For others")], ["extra"]))
        self.reload(self.text())
        refused(lambda: self.get(caps, "extra"), GONE, "policy")
        self.same(daemons)
        session.call(3)

    def longer_bundle(self):
        """Of a living session: its worker has room for what it could not foresee."""
        session, caps = self.login()
        many = [f"many{i}" for i in range(24)]
        self.reload(self.text([extra(n, "--motd", n) for n in many], many))
        for n, ref in [(n, self.get(caps, n)) for n in many]:
            expect(s.motd(ref), n, "the service")
        self.reload(self.text())
        refused(lambda: self.get(caps, many[0]), GONE, "policy")
        session.call(3)

    def service_with_a_folder(self):
        """Its folder is one process's at a time, and what is in it stays."""
        def kept(word):
            return self.text([extra("keeper", "--motd", word).replace("title", "state = true, title")], ["keeper"])
        session, caps = self.login()
        self.reload(kept("one"))
        expect(s.motd(self.get(caps, "keeper")), "one", "the service")
        self.reload(kept("two"))

        def two():
            try:
                return s.motd(self.get(caps, "keeper")) == "two"
            except Refused as e:
                expect(e.kind, "disconnected", "while it starts")
        instance.until(two, "the changed service")
        self.reload(self.text())
        session.call(3)

    # ---- what is wrong

    def broken(self):
        none = instance.profile("p", ["session", "system_info", "none"])
        self.fails(self.text().replace("lease =", "laese =", 1), "manifest:", "laese")
        self.fails("(", "manifest:1:")
        self.fails(self.text(profiles=[none]), "bundle[2].name")
        self.fails(self.text([extra(program="capos-none")]), "program capos-none")
        self.fails(self.text([extra(program="/bin/false")], ["extra"]), "extra ended with exit code 1")
        self.fails(self.text([extra(iface=s.CHAT)]), "interfaceId: capos-system-info does not serve")
        self.fails(self.text([extra()], ["extra"]).replace(
            '(name = "extra", transfer', '(name = "extra", facet = "none", transfer'), "facet: extra refuses `none`")
        self.fails(self.text().replace("Hello from", "Good day from", 1), "motd: cannot change")
        self.fails(self.text(limits="connections = 999"), "limits.connections: cannot change")
        self.fails(self.text().replace("( motd", "( firstUser = 4242, motd"), "firstUser: cannot change")
        os.remove(os.path.join(self.target.folder.name, "manifest"))
        expect(self.target.reload().returncode, 1, "no manifest at all")
        self.reload(self.text())
        failed = [r for r in self.audit() if r["what"] == "manifest" and r["outcome"] == "failed"]
        expect(sum("laese" in r["detail"] for r in failed), 1, "records of the first")
        if len(failed) < 11:
            raise Failed(f"the records: {failed}")

    def two_at_once(self):
        """One after the other, or told to try again; both see a manifest whole."""
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.write(self.text([extra()], ["extra"]))
        both = [subprocess.Popen([capos, "reload", "--state", self.target.state], stderr=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, text=True) for _ in range(2)]
        self.target.process.send_signal(signal.SIGHUP)
        for p in both:
            said = p.communicate(timeout=90)[1]
            if p.returncode != 0 and "under way" not in said:
                raise Failed(f"{p.returncode}: {said}")
        self.reload(self.text())

    @staticmethod
    def confined():
        """Each service a user of its own, whatever place in a manifest it has, and whoever leaves."""
        def text(services, **more):
            return instance.manifest(services=services, **more).replace("( motd", "( confinement = full, motd")

        def users(target):
            found = {}
            for p in target.pids("capos-system-info") + target.pids("chat"):
                with contextlib.suppress(FileNotFoundError):  # it ends just now
                    found[p] = os.stat(f"/proc/{p}").st_uid
            return found

        def apart(found, n):
            return len(found) == len(set(found.values())) == n
        one = extra("one", "--motd", "one").replace("title", "state = true, title")
        two = extra("two", "--motd", "two")
        with instance.Instance(text([])) as target:
            _, session, caps = target.login()
            for services in ([two, one], [one], [one, two], [extra("other"), one], []):
                target.changed(text(services, operator=[n for n in ("one", "two") if f'"{n}"' in str(services)]))
                instance.until(lambda n=len(services) + 2: apart(users(target), n),
                               lambda: f"the services, each of its own user: {users(target)}")
                if one in services:
                    expect(s.motd(s.get(caps, "one", s.SYSTEM_INFO)), "one", "the service")
            session.call(3)

    def audit(self):
        return instance.audit(self.target.state)

    def rows(self):
        rows = [("a manifest that says the same", self.nothing_new), ("by a signal", self.by_signal),
                ("a capability is taken away", self.taken_away),
                ("… after an administrator has", self.somebody_has_taken_it),
                ("… the session's own", self.the_session_itself),
                ("transfer and lease of an entry", self.transfer_and_lease),
                ("a profile is gone", self.profile_gone),
                ("a profile that wants a better proof", self.better_proof),
                ("guests and anonymous sessions", self.without_an_account),
                ("a method is switched off", self.method_off), ("a shorter lease", self.shorter),
                ("more services than there ever were", self.longer_bundle),
                ("a service comes, changes and goes", self.service_comes_and_goes),
                ("… and keeps things", self.service_with_a_folder),
                ("confinement full", instance.needs_root(self.confined)),
                ("broken manifests", self.broken), ("two at once", self.two_at_once)]
        if self.conf:
            rows[3:3] = [("… under an open call", self.taken_away_under_an_open_call)]
            rows += [("a narrower quota", self.quota)]
        return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--forger")
    parser.add_argument("--random", action="store_true")
    options = parser.parse_args()
    if options.random:
        with Random(int(os.environ.get("CAPOS_RELOAD_SEED", "1"))) as r:
            return instance.run_cases(SCRIPT + "-random", [
                ("manifests at random", lambda: r.play(int(os.environ.get("CAPOS_RELOADS", RELOADS))))])
    cases = Cases(options.forger)
    with cases.target:
        return instance.run_cases(SCRIPT, cases.rows())


if __name__ == "__main__":
    sys.exit(main())
