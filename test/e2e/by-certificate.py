#!/usr/bin/env python3
"""by-certificate: log in by a client certificate, and all who may not.

Why: what a certificate is worth is decided far from the connection that shows it: by rules in the
manifest, by files that only caposd reads, by a prover, and by a list that changes while sessions
go on. That they agree, what a client is told and what the audit log has, is seen from outside only.

usage: by-certificate.py
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import certlib
import instance
import sessionlib as s
from certlib import MTLS, Authority, TlsInstance, TlsPeer
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-certificates"
AGAIN = "counts from now on"
TRIES = 20  # more than there are idle workers, and fewer than a zygote makes
SOON_S = 10  # how long a certificate is good that expires while the test looks on


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def moment(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))


class Cases:
    def __init__(self, folder):
        self.ca, self.other = Authority(folder, "ca"), Authority(folder, "other")
        self.ada = self.ca.issue("ada", "email:ada@example.org")
        self.stray = self.other.issue("stray")
        self.target = TlsInstance(self.manifest())

    def manifest(self):
        """Rules in this order: hosts, SPIFFE ids, mail addresses, a pinned key."""
        text = instance.manifest(profiles=[instance.profile("robot", ["session", "system_info"])])
        rules = f"""certificates = (
          authorities = [(name = "ours", file = "{self.ca.pem}", revocations = "{self.ca.crl}")],
          rules = [
            (authority = "ours", dns = ["*.build.example.org"], account = "builder"),
            (authority = "ours", spiffe = ["spiffe://example.org/ci/*"], accountFromName = true,
             profile = "robot"),
            (authority = "ours", email = ["*@example.org"], accountFromName = true),
            (keys = ["{certlib.fingerprint(self.stray[0])}"], account = "builder",
             profile = "robot")])"""
        return text.replace("authentication = (", f"authentication = ({rules},\n    ", 1)

    def start(self):
        self.target.start()
        for name, profiles in (("ada", ["operator"]), ("builder", ["operator", "robot"]),
                               ("nightly", ["operator", "robot"])):
            self.target.add_user(name, profiles)

    def connect(self, who=None):
        return TlsPeer(self.target.tls, who)

    def audit(self):
        return instance.audit(self.target.state)

    def last_attempt(self):
        """The record of the last attempt by certificate."""
        return [r for r in self.audit() if r["what"] == "attempt"
                and r.get("kind") == "mtlsClientCert" and "times" not in r][-1]

    def refused(self, who, code, why, account=None, profile=None):
        """Nobody is let in; what the client is told has no reason, the audit log has."""
        peer = self.connect(who)
        try:
            peer.by_certificate(account, profile)
        except Refused as e:
            expect(e.code, code, "the denial")
            if why and why in e.reason:
                raise Failed(f"the client is told: {e.reason}") from e
        else:
            raise Failed("it was let in")
        finally:
            peer.close()
        record = self.last_attempt()
        expect(record["outcome"], code, "the record's outcome")
        expect(record["transport"], "tls", "the record's transport")
        if why not in record.get("detail", ""):
            raise Failed(f"{why!r} is not in {record}")

    def info(self, session):
        """(account, profile, kind, transport, when it ends) of a session."""
        i = session.call(0).content.ptr(0)
        return (*(s.text(i.ptr(n)) for n in (1, 2, 3, 6)), i.uint(64, 64))

    # ---- who may

    def by_certificate(self):
        peer = self.connect(self.ada)
        session = peer.by_certificate()
        expect(self.info(session)[:4], ("ada", "operator", "mtlsClientCert", "tls"), "the session")
        caps = s.cap_set(session)
        expect(sorted(s.names(caps)), ["chat", "session", "system_info"], "the bundle")
        if not s.motd(s.get(caps, "system_info", s.SYSTEM_INFO)):
            raise Failed("the session is of no use")
        record = self.last_attempt()
        expect((record["outcome"], record["account"], record["binding"], record["transport"]),
               ("ok", "ada", "tls-certificate", "tls"), "the record")
        for word in ("rule 2", "serial 4F01", "CN = ada"):
            if word not in record["detail"]:
                raise Failed(f"{word} is not in {record}")
        grant = [r for r in self.audit() if r["what"] == "grant"][-1]
        expect(grant["detail"], certlib.fingerprint(self.ada[0]), "the credential")
        session.call(3)
        peer.close()

    def renewal(self):
        peer = self.connect(self.ada)
        session = peer.by_certificate("ada")
        flow = session.call(4, s.auth_start(MTLS)).ref(0, s.FLOW)
        session = s.answer(flow, "").ref(1, s.SESSION)
        expect(self.last_attempt()["detail"][:9], "renewal: ", "the record")
        session = session.call(2, Struct(bytes(8), [b""])).ref(0, s.SESSION)
        expect(self.info(session)[0], "ada", "the account")
        session.call(3)
        try:
            session.call(0)
        except Refused as e:
            expect(e.code, "denied.stale-session", "after the logout")
        peer.close()

    def rules_decide(self):
        """The account, and the profile where the rule has one."""
        for san, account, profile in (("DNS:x1.build.example.org", "builder", "operator"),
                                      ("URI:spiffe://example.org/ci/nightly", "nightly", "robot")):
            peer = self.connect(self.ca.issue("made", san))
            expect(self.info(peer.by_certificate())[:2], (account, profile), san)
            peer.close()
        peer = self.connect(self.stray)
        expect(self.info(peer.by_certificate(profile="robot"))[:2], ("builder", "robot"), "by pin")
        peer.close()
        self.refused(self.stray, "denied.profile", "", profile="operator")

    def other_ways_over_tls(self):
        """Who has a certificate need not use it; who has none logs in as ever."""
        for who in (None, self.ada):
            peer = self.connect(who)
            session = peer.password(instance.USER, instance.SECRET)
            expect(self.info(session)[2:4], ("password", "tls"), "the session")
            peer.close()

    def not_without_tls(self):
        for address in (self.target.address, "unix:" + self.target.unix):
            peer = s.Peer(address)
            gateway = peer.gateway()
            m = gateway.call(0).content.ptr(0)[MTLS]
            expect((m.uint(32, 16), s.text(m.ptr(2))),
                   (1, f"needs TLS: log in at tls:{self.target.tls}"), address)
            try:
                gateway.call(1, s.auth_start(MTLS))
                raise Failed("a flow begins")
            except Refused as e:
                expect(e.code, "denied.method-disabled", address)
            peer.close()
        peer = self.connect()
        m = peer.gateway().call(0).content.ptr(0)[MTLS]
        expect((m.uint(32, 16), s.text(m.ptr(2))), (0, ""), "over TLS")
        peer.close()

    def capos(self, code, *words):
        """Runs the command; what it has said, by its exit code."""
        env = {**os.environ, "HOME": self.target.folder.name}
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words,
                               "--runtime", os.path.join(self.target.folder.name, "run")], env=env,
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done.stdout if code == 0 else done.stderr

    def by_the_command(self):
        certificate, key = self.ada
        pin = certlib.fingerprint(os.path.join(self.target.state, "tls", "cert.pem"))
        where = (f"capos://{self.target.tls}/#{pin}", "--certificate", certificate)
        for name in ("", "ada@"):
            self.capos(0, "login", name + where[0], *where[1:], "--key", key, "--as", "c")
            session = json.loads(self.capos(0, "whoami", "-s", "c", "--json"))
            expect((session["account"], session["kind"], session["transport"]),
                   ("ada", "mtlsClientCert", "tls"), "the session")
            self.capos(0, "renew", "-s", "c", "--duration", "5m")
            self.capos(0, "logout", "-s", "c")
        self.capos(3, "login", "nightly@" + where[0], *where[1:], "--key", key, "--as", "c")
        self.capos(2, "login", *where)
        self.capos(2, "login", "plain:" + self.target.address, *where[1:], "--key", key)
        self.capos(2, "login", *where, "--key", key, "--anonymous")
        for wrong in (self.stray[1], certificate, "/nowhere"):
            self.capos(1, "login", *where, "--key", wrong, "--as", "c")
        os.chmod(key, 0o644)
        if "others can read it" not in self.capos(1, "login", *where, "--key", key, "--as", "c"):
            raise Failed("a key that others can read is taken")
        os.chmod(key, 0o600)

    def without_tls_at_all(self):
        """Rules are no harm to an instance that has nobody to ask for a certificate."""
        manifest = os.path.join(self.target.folder.name, "manifest")
        self.capos(0, "manifest", "check", manifest)
        with instance.Instance(self.manifest()) as plain:
            peer, _, _ = plain.login()
            m = peer.gateway().call(0).content.ptr(0)[MTLS]
            expect(s.text(m.ptr(2)), "needs TLS, and this instance has no tls: listener",
                   "the reason")
            peer.close()

    def both(self):
        """An authority's certificate with its key behind it."""
        path = os.path.join(self.target.folder.name, "both")
        with open(path, "wb") as f:
            for part in (self.ca.pem, self.ca.path("ca.key")):
                with open(part, "rb") as one:
                    f.write(one.read())
        return path

    def a_file_that_is_not_there(self):
        """The start ends, and says where in the manifest it is."""
        path = os.path.join(self.target.folder.name, "wrong")
        for old, new, says in ((self.ca.crl, "/nowhere/crl.pem", "revocations: No such file"),
                               (self.ca.pem, self.ca.crl, "file: is no PEM of what it should have"),
                               (self.ca.pem, "/dev/null", "file: is no file"),
                               (self.ca.pem, self.both(), "file: has a private key in it")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(self.manifest().replace(f'"{old}"', f'"{new}"'))
            got = self.capos(1, "manifest", "check", path)
            if f"authentication.certificates.authorities[0].{says}" not in got:
                raise Failed(f"{says!r} is not in {got}")

    # ---- who may not

    def no_certificate(self):
        self.refused(None, "denied.credentials", "")
        expect(self.last_attempt()["detail"], "the client has shown no certificate", "the record")

    def expired(self):
        who = self.ca.issue("late", "email:ada@example.org", "20200101000000Z", "20200102000000Z")
        self.refused(who, "denied.credentials", "has expired")

    def not_yet_valid(self):
        who = self.ca.issue("early", "email:ada@example.org", "20450101000000Z", "20460101000000Z")
        self.refused(who, "denied.credentials", "not valid yet")

    def another_authority(self):
        who = self.other.issue("ada", "email:ada@example.org")
        self.refused(who, "denied.credentials", "not one of those pinned")  # the last rule's word

    def no_rule(self):
        who = self.ca.issue("eve", "email:eve@example.com")
        self.refused(who, "denied.credentials", "none of the names")

    def no_account(self):
        who = self.ca.issue("nobody", "email:nobody@example.org")
        self.refused(who, "denied.credentials", "there is no account")

    def another_account(self):
        self.refused(self.ada, "denied.credentials", "it is ada's", account="builder")

    def another_profile(self):
        self.refused(self.ada, "denied.profile", "", profile="robot")

    def renewal_of_another_account(self):
        """A certificate renews no session that it has not made, so none of another account's."""
        peer = self.connect(self.ada)
        session = peer.password(instance.USER, instance.SECRET)
        try:
            session.call(4, s.auth_start(MTLS))
            raise Failed("it was renewed")
        except Refused as e:
            expect(e.code, "denied.weak-proof", "the denial")
        peer.close()

    # ---- until when

    def ends_with_the_certificate(self):
        who = self.ca.issue("brief", "email:ada@example.org", moment(-60), moment(SOON_S))
        peer = self.connect(who)
        session = peer.by_certificate()
        ends = self.info(session)[4]
        if ends > (time.time() + SOON_S) * 1000:
            raise Failed(f"the lease ends {ends / 1000 - time.time()} s from now")

        def over():
            try:
                session.call(0)
            except (Refused, s.Closed):
                return True
            return False
        instance.until(over, "the end of the session")
        peer.close()

    def revoked(self):
        """The list is read again: his sessions end, others do not, and he does not come back."""
        who = self.ca.issue("mallory", "email:ada@example.org")
        theirs, other = self.connect(who), self.connect(self.ada)
        session, stays = theirs.by_certificate(), other.by_certificate()
        self.ca.revoke(who[0])
        if self.info(session)[0] != "ada":
            raise Failed("the session has ended before the list was read")
        self.target.process.send_signal(signal.SIGHUP)
        instance.until(lambda: [r for r in self.audit() if r["what"] == "revocation"],
                       "the revocation", 60)
        try:
            session.call(0)
            raise Failed("the session goes on")
        except (Refused, s.Closed) as e:
            if isinstance(e, Refused):
                expect(e.code, "denied.stale-session", "the session")
        expect(self.info(stays)[0], "ada", "the other session")
        self.refused(who, "denied.credentials", "was revoked")
        theirs.close()
        other.close()

    def revoked_by_the_command(self):
        """When it returns they are gone."""
        who = self.ca.issue("oscar", "email:ada@example.org")
        peers = [self.connect(who) for _ in range(3)]
        sessions = [p.by_certificate() for p in peers]
        state = ("--state", self.target.state)
        expect(json.loads(self.capos(0, "cert", "crl", *state, "--json")), {"ended": 0}, "before")
        self.ca.revoke(who[0])
        expect(json.loads(self.capos(0, "cert", "crl", *state, "--json")), {"ended": 3}, "the answer")
        for session in sessions:
            try:
                session.call(0)
                raise Failed("the session goes on")
            except (Refused, s.Closed):
                pass
        for p in peers:
            p.close()

    def other_rules(self):
        """By another manifest: each is judged again, by what he has shown; without rules nobody is left."""
        peers = [self.connect(self.ada) for _ in range(2)] + [self.connect()]
        certified = [p.by_certificate() for p in peers[:2]]
        text, state = self.manifest(), self.target.state
        self.target.changed(text.replace('"For tests."', '"For others."'))
        for session in certified:
            expect(self.info(session)[0], "ada", "whose it is")
        self.target.changed(text.replace('email = ["*@example.org"], accountFromName = true',
                                         'email = ["*@example.org"], account = "builder"'))

        def over(session):
            try:
                session.call(0)
            except Refused as e:
                expect(e.code, "denied.stale-session", "the denial")
                return True
        for session in certified:
            instance.until(lambda e=session: over(e), "its end")
        self.target.changed(text)
        again = self.connect(self.ada)
        session = again.by_certificate()
        self.target.changed(instance.manifest(profiles=[instance.profile("robot", ["session", "system_info"])]))
        expect(over(session), True, "its end, without rules")
        self.target.changed(text)
        self.capos(0, "cert", "crl", "--state", state)
        for peer in [*peers, again]:
            peer.close()

    def a_list_that_is_soon_out_of_date(self):
        """Is said, before it lets nobody in."""
        state = ("--state", self.target.state)
        expect("revocations" in self.capos(0, "status", *state), False, "a warning too early")
        expect("none comes near" in self.capos(0, "doctor", *state), True, "a warning too early")
        self.ca.list_revoked(days=3)
        self.capos(0, "cert", "crl", *state)
        said = self.capos(0, "status", *state)
        if "a list of revocations ends" not in said or "capos cert crl" not in said:
            raise Failed(said)
        expect("a list of revocations ends" in self.capos(0, "doctor", *state), True, "the doctor")
        self.ca.list_revoked()
        self.capos(0, "cert", "crl", *state)

    def an_authority_that_soon_ends(self):
        """Likewise."""
        state = ("--state", self.target.state)
        with open(self.ca.pem, "rb") as f:
            pem = f.read()
        self.ca.certify(days=5)
        self.capos(0, "cert", "crl", *state)
        for command in ("status", "doctor"):
            said = self.capos(0, command, *state)
            expect("an authority for client certificates ends" in said, True, said)
        with open(self.ca.pem, "wb") as f:
            f.write(pem)
        self.capos(0, "cert", "crl", *state)
        expect("none comes near" in self.capos(0, "doctor", *state), True, "the doctor")

    def a_list_that_cannot_be_read(self):
        """What was read before goes on to count."""
        with open(self.ca.crl, "w", encoding="ascii") as f:
            f.write("nothing\n")
        says = self.capos(1, "cert", "crl", "--state", self.target.state)
        if "what was read before stays" not in says or (
                "authorities[0].revocations" not in self.target.log_text()):
            raise Failed(says)
        peer = self.connect(self.ada)
        peer.by_certificate()
        peer.close()
        self.ca.list_revoked()

    # ---- whom clients are told of

    def asked_for(self, target):
        """The instance's side of a handshake, in the clear."""
        seen = []
        TlsPeer(target.tls, None, lambda *a: seen.append(bytes(a[5]))).close()
        return b"".join(seen)

    def authorities_are_told(self):
        """All of them, also after they were read again; or none, for there is no room for many."""
        folder = self.target.folder.name
        path, text = os.path.join(folder, "authorities"), instance.manifest()
        rules = (f'certificates = (authorities = [(name = "all", file = "{path}")], '
                 'rules = [(authority = "all", accountFromName = true, email = ["*@a.example"])])')
        for i in range(17):
            certlib.openssl("req", "-x509", "-new", "-config", self.ca.config, "-extensions", "ca_ext",
                            "-key", self.ca.path("ca.key"), "-subj", f"/CN=authority-{i}.",
                            "-out", os.path.join(folder, f"authority-{i}"))
        self.authorities(path, 1)
        with TlsInstance(text.replace("authentication = (", f"authentication = ({rules},", 1)) as target:
            for n, told in ((1, 1), (2, 2), (16, 16), (17, 0)):
                self.authorities(path, n)
                read = target.log_text().count(AGAIN)
                target.process.send_signal(signal.SIGHUP)
                instance.until(lambda r=read: target.log_text().count(AGAIN) > r, AGAIN)
                for _ in range(TRIES):
                    got = self.asked_for(target)
                    named = [b"authority-%d." % i in got for i in range(17)]
                    if named == [i < told for i in range(17)]:
                        break
                else:
                    raise Failed(f"of {n} authorities {told} should be named, not {named}")

    def authorities(self, path, n):
        """Puts the first n certificates into a file."""
        with open(path, "wb") as f:
            for i in range(n):
                with open(os.path.join(self.target.folder.name, f"authority-{i}"), "rb") as one:
                    f.write(one.read())


NAMES = ["by_certificate", "renewal", "rules_decide", "other_ways_over_tls", "not_without_tls",
         "by_the_command", "without_tls_at_all", "a_file_that_is_not_there",
         "no_certificate", "expired", "not_yet_valid", "another_authority", "no_rule", "no_account",
         "another_account", "another_profile", "renewal_of_another_account",
         "ends_with_the_certificate", "revoked",
         "revoked_by_the_command", "other_rules", "a_list_that_is_soon_out_of_date", "an_authority_that_soon_ends",
         "a_list_that_cannot_be_read",
         "authorities_are_told"]


def main():
    with tempfile.TemporaryDirectory(prefix="capos-certs-") as folder:
        cases = Cases(folder)
        try:
            cases.start()
            code = instance.run_cases(SCRIPT, [(n, getattr(cases, n)) for n in NAMES])
        finally:
            wrong = cases.target.stop()
            cases.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
