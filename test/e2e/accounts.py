#!/usr/bin/env python3
"""accounts: what an operator of sshd expects of accounts, seen from outside.

Why: a lock, a date or an option of a key that holds only where it was written is none. So it is set
by the command that people use, and looked at by a client that knows nothing of it.

usage: accounts.py
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

import instance
import sessionlib as s
import sshkeys
from line import Line
from sessionlib import Failed, Refused

SCRIPT = "e2e-accounts"
ENDS_AT, LAST_AT = 64, 128  # bits into SessionInfo
LAST_KIND, LAST_FROM = 11, 12  # pointers of it
EXPIRED = "revoked: the account has expired"


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def refused(code, act):
    """It is; what is said."""
    try:
        act()
    except Refused as e:
        if e.code != code:
            raise Failed(f"expected {code}, got {e}") from e
        return e.reason
    raise Failed(f"it was not refused: {code}")


class Cases(sshkeys.Keys):
    def __init__(self, folder):
        super().__init__(folder)
        self.target = instance.Instance(instance.manifest(
            profiles=[instance.profile("second", ["session", "system_info"]),
                      instance.profile("robot", ["session", "system_info"]).replace(
                          "lease", "service = true, lease", 1)]))

    def start(self):
        self.target.start()

    def stop(self):
        return self.target.stop()

    def capos(self, code, *words, text=""):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=text, env=self.env, capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def admin(self, *words, code=0):
        return self.capos(code, *words, "--state", self.target.state)

    def shown(self, name):
        """An account, as it is listed."""
        found = json.loads(self.admin("account", "list", "--json").stdout)["accounts"]
        return next(a for a in found if a["name"] == name)

    def last(self, what="attempt"):
        """The last record of this kind."""
        return [r for r in instance.audit(self.target.state) if r.get("what") == what][-1]

    # ---- who got in

    def key_list(self, name):
        return json.loads(self.admin("account", "key", "list", name, "--json").stdout)["keys"]

    def login(self, name, *words, code=0):
        """By the command, over the plain listener."""
        return self.capos(code, "login", f"{name}@plain:{self.target.address}", "--json", *words)

    def by_key(self, name, key, code=0):
        done = self.login(name, "--identity", self.path(key), "--non-interactive", code=code)
        if not code:
            self.capos(0, "logout", "-s", json.loads(done.stdout)["alias"])
        return done

    def last_login(self):
        """Only of who was let in, and told to the next one."""
        self.target.add_user("gil")
        self.keygen("gil")
        self.admin("account", "key", "add", "gil", self.path("gil.pub"))
        expect(self.shown("gil")["lastLoginAtMs"], 0, "an account that nobody has used")
        begun = time.time() * 1000
        done = self.by_key("gil", "gil")
        expect(json.loads(done.stdout)["lastLoginAtMs"], 0, "what the first one is told")
        seen = self.shown("gil")
        expect((seen["lastLoginKind"], seen["lastLoginFrom"]), ("publicKey", "127.0.0.1"), "shown")
        key = self.key_list("gil")[0]
        expect((key["usedAtMs"], key["usedFrom"]), (seen["lastLoginAtMs"], "127.0.0.1"), "the key")
        if not begun <= seen["lastLoginAtMs"] <= time.time() * 1000:
            raise Failed(f"another time: {seen}")
        refused("denied.credentials", lambda: self.target.connect().password("gil", "wrong one"))
        self.admin("account", "lock", "gil")
        refused("denied.credentials",
                lambda: self.target.connect().password("gil", instance.SECRET))
        self.admin("account", "unlock", "gil")
        refused("denied.profile",
                lambda: self.target.connect().password("gil", instance.SECRET, "another"))
        expect(self.shown("gil"), seen, "after three that were refused")
        session = self.target.connect().password("gil", instance.SECRET)
        info = session.call(0).content.ptr(0)
        expect((info.uint(LAST_AT, 64), s.text(info.ptr(LAST_KIND)), s.text(info.ptr(LAST_FROM))),
               (seen["lastLoginAtMs"], "publicKey", "127.0.0.1"), "what the next one is told")
        proof = s.Struct((60000).to_bytes(8, "little"), [instance.SECRET.encode()])
        before = self.shown("gil")
        expect(before["lastLoginKind"], "password", "after another login")
        session.call(2, proof)
        expect(self.shown("gil"), before, "after a renewal")
        expect(self.key_list("gil"), [key], "the key, which was not used again")

    # ---- options of keys

    def key_of(self, account, *options, line="", profiles=("operator",), code=0):
        """An account with one key, with options of the command, and of a line."""
        self.target.add_user(account, list(profiles))
        self.keygen(account)
        with open(self.path(account + ".line"), "w", encoding="ascii") as f:
            f.write(line + self.read(account + ".pub") + "\n")
        return self.admin("account", "key", "add", account, self.path(account + ".line"), *options,
                          code=code)

    def said(self, account):
        """What somebody is told whose key is not taken."""
        return self.by_key(account, account, code=3).stderr

    def from_where(self):
        """It is judged by the address that the gateway has seen."""
        rows = [("127.0.0.0/8", True), ("127.0.0.1", True), ("10.0.0.0/8,127.0.0.1", True),
                ("0.0.0.0/0", True), ("::ffff:127.0.0.0/104", True), ("10.0.0.0/8", False),
                ("unix", False), ("::/0", False), ("127.0.0.0/8,!127.0.0.1", False)]
        for i, (networks, good) in enumerate(rows):
            self.key_of(f"from{i}", "--from", networks)
            expect(self.key_list(f"from{i}")[0]["from"], networks, "what is listed")
            if good:
                self.by_key(f"from{i}", f"from{i}")
                continue
            self.said(f"from{i}")
            expect(self.last()["detail"], "key not from here", networks)
            expect(self.key_list(f"from{i}")[0]["usedAtMs"], 0, "a use that was none")
        self.key_of("from9", line='from="10.0.0.0/8,!10.1.0.0/16,127.0.0.1" ')
        self.by_key("from9", "from9")

    def a_key_that_expires(self):
        """So do sessions that rest on it, and what their clients come back by."""
        self.key_of("hal", "--expires", "10s")
        self.login("hal", "--identity", self.path("hal"), "--as", "hal", "--non-interactive")
        self.capos(0, "call", "-s", "hal", "system_info", "motd")
        instance.until(lambda: time.time() * 1000 > self.key_list("hal")[0]["expiresAtMs"], "then")
        instance.until(lambda: self.ended("hal"), "the end of the session")
        self.said("hal")
        expect(self.last()["detail"], "key expired", "the record")
        self.key_of("ivy", line='expiry-time="20200101" ')
        self.said("ivy")

    def ended(self, alias):
        done = subprocess.run(
            [os.path.join(instance.build_folder(), "bin", "capos"), "whoami", "-s", alias],
            env=self.env, capture_output=True, timeout=60, check=False)
        return done.returncode != 0

    def a_key_for_one_profile(self):
        self.key_of("jan", "--profile", "second", profiles=("operator", "second"))
        shown = json.loads(self.login("jan", "--identity", self.path("jan"), "--as", "jan",
                                      "--non-interactive").stdout)
        expect(shown["profile"], "second", "its profile")
        self.capos(0, "logout", "-s", "jan")
        self.login("jan", "--identity", self.path("jan"), "--profile", "operator",
                   "--non-interactive", code=3)
        expect(self.last()["outcome"], "denied.profile", "the record")
        session = self.target.connect().password("jan", instance.SECRET)
        expect(s.text(session.call(0).content.ptr(0).ptr(2)), "operator", "by the password")

    def a_service_account_has_them_too(self):
        self.admin("service-account", "add", "ci", "--profile", "robot")
        with open(self.path("ci.pem"), "wb") as f:
            f.write(subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519"], check=True,
                                   capture_output=True).stdout)
        os.chmod(self.path("ci.pem"), 0o600)
        public = subprocess.run(["openssl", "pkey", "-in", self.path("ci.pem"), "-pubout"],
                                check=True, capture_output=True, text=True).stdout
        words = ["--method", "service", "--identity", self.path("ci.pem"), "--non-interactive"]
        for options, why in ((["--from", "10.0.0.0/8"], "key not from here"),
                             (["--expires", "0s"], "key expired"), (["--expires", "1h"], None)):
            key = self.capos(0, "service-account", "key", "add", "ci", "-", *options, "--state",
                             self.target.state, text=public).stdout.strip()
            self.login("ci", "--as", "ci", *words, code=3 if why else 0)
            if why and not self.last()["detail"].startswith(why):
                raise Failed(f"{options}: {self.last()}")
            if not why:
                self.capos(0, "logout", "-s", "ci")
            self.admin("service-account", "key", "remove", "ci", key)

    def options_that_are_wrong(self):
        for line, says in (('restrict,from="127.0.0.1" ', "the option restrict is not supported"),
                           ('command="ls" ', "the option command is not supported"),
                           ('from="10.0.0.1/8" ', "10.0.0.1/8: it has bits behind its prefix"),
                           ('expiry-time="soon" ', "soon: this is no date")):
            done = self.key_of("kay", line=line, code=1)
            if says not in done.stderr:
                raise Failed(f"{line}: {done.stderr}")
            self.admin("account", "remove", "kay")
            os.unlink(self.path("kay"))
        self.key_of("kay", "--from", "example.org", code=2)
        for options in (("--expires", "soon"), ("--from", "10.0.0.0/33")):
            self.admin("account", "key", "add", "kay", self.path("kay.pub"), *options, code=2)
        self.admin("account", "key", "add", "kay", self.path("kay.pub"), "--profile", "none", code=1)
        expect(self.key_list("kay"), [], "what was added")

    # ---- accounts that expire

    def ends(self, session, why):
        """The session does, with this reason."""
        def over():
            try:
                session.call(0)
            except Refused as e:
                expect(e.code, "denied.stale-session", "the code")
                if why not in e.reason:
                    raise Failed(f"not {why!r}: {e.reason!r}") from e
                return True
            return False
        instance.until(over, "the end of the session")

    def expires(self):
        """A session ends at the date, and a good proof is what a bad one is then."""
        self.target.add_user("dora")
        before = self.target.connect().password("dora", instance.SECRET)
        self.admin("account", "expire", "dora", "1h")
        during = self.target.connect().password("dora", instance.SECRET)
        self.admin("account", "expire", "dora", "8s")
        for session in (before, during):
            session.call(0)
        for session in (before, during):
            self.ends(session, EXPIRED)
        says = {refused("denied.credentials",
                        lambda p=p: self.target.connect().password("dora", p))
                for p in (instance.SECRET, "a wrong password")}
        expect(len(says), 1, f"what is said of a good proof and of a bad one: {says}")
        self.admin("account", "expire", "dora", "never")
        expect(self.shown("dora")["expiresAtMs"], 0, "what is listed")
        self.target.connect().password("dora", instance.SECRET).call(0)

    def no_renewal_outlives_it(self):
        self.target.add_user("eve")
        self.admin("account", "expire", "eve", "20m")
        until = self.shown("eve")["expiresAtMs"]
        session = self.target.connect().password("eve", instance.SECRET)
        proof = s.Struct((3600000).to_bytes(8, "little"), [instance.SECRET.encode()])
        renewed = session.call(2, proof).ref(0, s.SESSION)
        ends = renewed.call(0).content.ptr(0).uint(ENDS_AT, 64)
        if not time.time() * 1000 < ends <= until + 1:
            raise Failed(f"it ends at {ends}, the account at {until}")

    def a_flow_under_way_meets_it(self):
        """Begun while the account was good, proved when it is not."""
        self.target.add_user("finn")
        flow = self.target.connect().flow(s.PASSWORD, "finn")
        flow.call(0, s.Struct(b"", [None]))
        self.admin("account", "expire", "finn", "0s")
        refused("denied.credentials", lambda: s.answer(flow, instance.SECRET))
        expect(self.last()["detail"], "account expired", "the record")


class Revoked(sshkeys.Keys):
    """A file of keys that are not believed any more, by an instance that is told of it while it runs."""

    def __init__(self, folder):
        os.mkdir(os.path.join(folder, "revoked"))
        super().__init__(os.path.join(folder, "revoked"))
        for name in ("ca", "ca2", "good", "lost", "shown", "away", "held", "other"):
            self.keygen(name)
        self.file("# nothing yet\n")

    def file(self, text):
        with open(self.path("list"), "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(self.path("list"), 0o600)

    def manifest(self):
        by = ", ".join(f'(name = "{n}", key = "{self.read(n + ".pub")}")' for n in ("ca", "ca2"))
        return instance.manifest().replace(
            "authentication = (", f"authentication = (revokedKeys = \"{self.path('list')}\", "
            f"sshAuthorities = [{by}],", 1)

    def run_all(self):
        with instance.Instance(self.manifest(), user=False) as target:
            target.add_user("ada")
            for name in ("good", "lost", "shown", "away"):
                self.capos(0, "account", "key", "add", "ada", self.path(name + ".pub"), "--state",
                           target.state)
            self.certify("held")
            self.certify("other", by="ca2")
            self.listed(target)
            self.is_explained(target)

    def is_explained(self, target):
        """Beforehand, and without a login; by whatever a key is, or is certified by."""
        self.file(f"{self.fingerprint('lost')}\n{self.read('ca2.pub')}\n")
        said = json.loads(self.capos(3, "manifest", "explain", target.arguments[-1], "--json", "--account", "ada",
                                     "--method", "key", "--from", "192.0.2.1", "--profile", "nowhere", "--state",
                                     target.state).stdout)
        expect({w["why"] for w in said["ways"]},
               {"revoked key", "the account has no such profile, or the manifest has none"}, "two reasons")
        said = self.capos(0, "manifest", "explain", target.arguments[-1], "--json", "--account", "ada", "--method",
                          "key", "--state", target.state).stdout
        found = {w["by"].split(",")[0]: (w["outcome"], w.get("why")) for w in json.loads(said)["ways"]}
        good, no = ("ok", None), ("denied.credentials", "revoked key")
        wanted = {f"its key {self.fingerprint(n)}": no if n == "lost" else good
                  for n in ("good", "lost", "shown", "away")}
        wanted.update({f"a key that authority {n} has certified for it": no if n == "ca2" else good
                       for n in ("ca", "ca2")})
        expect(found, wanted, "what is explained")
        said = self.capos(0, "manifest", "explain", target.arguments[-1], "--account", "ada", "--method", "key",
                          "--state", target.state).stdout
        expect(said.count("denied.credentials: revoked key"), 2, said)

    def capos(self, code, *words):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              env=self.env, capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        if code is not None and done.returncode not in (code if isinstance(code, tuple) else (code,)):
            raise Failed(f"{words}: {done}")
        return done

    def login(self, target, name, code=0):
        return self.capos(code, "login", f"ada@plain:{target.address}", "--identity",
                          self.path(name), "--as", name, "--non-interactive").stderr

    def lives(self, name):
        return not self.capos(None, "call", "-s", name, "system_info", "motd").returncode

    def refused(self, target, *names):
        """As one that the account never had is."""
        stranger = "stranger" + names[0].split("-")[0]
        self.keygen(stranger)
        wanted = self.login(target, stranger, 3)
        for name in names:
            expect(self.login(target, name, 3).replace(self.path(name), ""),
                   wanted.replace(self.path(stranger), ""), name)
            last = [r for r in instance.audit(target.state) if r.get("what") == "attempt"][-1]
            expect((last["outcome"], last["detail"].split(":")[0]),
                   ("denied.credentials", "revoked key"), f"{name}: the record")

    def with_a_line(self, target, act):
        """Its client is away meanwhile, and does not come back."""
        host, port = target.address.rsplit(":", 1)
        line = Line(socket.AF_INET, ("127.0.0.1", 0), (host, int(port)))
        try:
            self.capos(0, "login", "ada@plain:127.0.0.1:%d" % line.address[1], "--identity",
                       self.path("away"), "--as", "away", "--non-interactive")
            line.up = False
            line.cut()
            instance.until(lambda: self.dropped(target) == 1, "the drop")
            act()
            expect(self.dropped(target), 0, "what waits for its client")
            line.up = True
            instance.until(lambda: "could not be made again: denied.credentials" in
                           self.capos(None, "caps", "-s", "away").stderr, "the end")
        finally:
            line.close()

    @staticmethod
    def dropped(target):
        admin = target.admin()
        try:
            return len([x for x in admin.sessions() if x["dropped"]])
        finally:
            admin.close()

    def listed(self, target):
        all_of = ("good", "lost", "shown", "held-cert.pub", "other-cert.pub")
        for name in all_of:
            self.login(target, name)
        expect([n for n in all_of if self.lives(n)], list(all_of), "before")
        self.file(f"{self.read('lost.pub')}\nnokey\n")
        done = target.reload()
        expect((done.returncode, f"{self.path('list')}:2: a key is a line" in done.stderr),
               (1, True), f"a file that is broken: {done}")
        expect([n for n in all_of if self.lives(n)], list(all_of), "nothing has changed")
        self.capos(0, "logout", "-s", "lost")
        self.login(target, "lost")
        self.file(f"# mine\n{self.read('lost.pub')}\n\n256 {self.fingerprint('shown')} x (ED25519)\n"
                  f"{self.fingerprint('held')}\n{self.fingerprint('away')}\n")
        self.with_a_line(target, lambda: expect(target.reload().returncode, 0, "the reload"))
        told = self.capos(s.OVER, "caps", "-s", "lost").stderr
        expect("revoked: what it was proved by was taken away" in told, True, told)
        expect([n for n in all_of if self.lives(n)], ["good", "other-cert.pub"], "who goes on")
        self.refused(target, "lost", "shown", "held-cert.pub")
        self.file(self.read("ca2.pub") + "\n")
        expect(target.reload().returncode, 0, "the reload")
        expect([n for n in ("good", "other-cert.pub") if self.lives(n)], ["good"], "who goes on")
        self.refused(target, "other-cert.pub")
        self.login(target, "lost")
        self.login(target, "held-cert.pub")


def manifest(admission="", profile_from=""):
    near = instance.profile("near", ["session", "system_info"])
    text = instance.manifest(profiles=[near.replace("lease", f"from = {profile_from}, lease", 1)
                                       if profile_from else near], guest=True)
    return text.replace("(", f"(admission = {admission}, ", 1) if admission else text


def starts(text):
    """What `manifest check` says of it, and its code."""
    with tempfile.NamedTemporaryFile("w", suffix=".manifest", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), "manifest",
                               "check", f.name], capture_output=True, text=True, timeout=60,
                              check=False)
    return done.returncode, done.stdout + done.stderr


def lists_are_checked():
    expect(starts(manifest('(allow = ["127.0.0.0/8", "unix"], deny = ["10.0.0.0/8"])',
                           '["127.0.0.1"]'))[0], 0, "good ones")
    for admission, profile, path in (('(allow = ["10.0.0.1/8"])', "", "admission.allow[0]"),
                                     ('(deny = ["unix", "host.example"])', "", "admission.deny[1]"),
                                     ("", '["10.0.0.0/8", "10.0.0.0/33"]', "from[1]")):
        code, says = starts(manifest(admission, profile))
        if not code or path not in says:
            raise Failed(f"{admission}{profile}: {code}, {says}")


def strangers_are_not_spoken_to():
    """Denied, or not allowed: the connection ends, and a record says so, with the others' number."""
    for admission, good in (('(deny = ["127.0.0.0/8"])', False), ('(allow = ["10.0.0.0/8"])', False),
                            ('(allow = ["0.0.0.0/0"], deny = ["127.0.0.1"])', False),
                            ('(allow = ["127.0.0.1"])', True), ('(deny = ["10.0.0.0/8"])', True)):
        with instance.Instance(manifest(admission), user=False) as target:
            for _ in range(5):
                try:
                    target.connect().anonymous().call(0)
                    got = True
                except (s.w.Closed, OSError):
                    got = False
                expect(got, good, admission)

            def records():
                return sum(r.get("what") == "connection" for r in instance.audit(target.state))
            if not good:
                instance.until(records, "the record")
            expect(records(), 0 if good else 1, f"{admission}: records")


def a_profile_is_for_some_addresses():
    for networks, good in (('["127.0.0.0/8"]', True), ('["10.0.0.0/8", "unix"]', False)):
        with instance.Instance(manifest(profile_from=networks), user=False) as target:
            target.add_user("lea", ["near"])
            if good:
                target.connect().password("lea", instance.SECRET).call(0)
                continue
            refused("denied.profile",
                    lambda t=target: t.connect().password("lea", instance.SECRET))


def what_a_guess_costs():
    """R9: what the manifest says when a password is set; what was set before goes on at its own price."""
    def kib(target):
        found = set()
        for folder, _, files in os.walk(target.state):
            for path in filter(os.path.isfile, (os.path.join(folder, name) for name in files)):
                with open(path, "rb") as f:
                    found.update(re.findall(rb"\$argon2id\$v=19\$m=(\d+),t=3,p=1\$", f.read()))
        return {int(n) for n in found}

    cheap = instance.manifest()
    with instance.Instance(cheap) as target:
        expect(kib(target), {8192}, "at 8 MiB")
        expect(target.reload(cheap.replace(', passwordMemory = "8MiB"', "")).returncode, 0, "the reload")
        target.add_user("later")
        expect(kib(target), {8192, 65536}, "at the usual price, too")
        for name in (instance.USER, "later"):
            target.login(name)
            refused("denied.credentials", lambda n=name: target.login(n, "not the password"))


def main():
    with tempfile.TemporaryDirectory(prefix="capos-accounts-") as folder:
        cases = Cases(folder)
        try:
            cases.start()
            names = ["last_login", "from_where", "a_key_that_expires", "a_key_for_one_profile",
                     "a_service_account_has_them_too",
                     "options_that_are_wrong", "expires", "no_renewal_outlives_it", "a_flow_under_way_meets_it"]
            code = instance.run_cases(SCRIPT, [(n, getattr(cases, n)) for n in names] + [
                ("revoked_keys", lambda: Revoked(folder).run_all())] + [
                (f.__name__, f) for f in (lists_are_checked, strangers_are_not_spoken_to,
                                          a_profile_is_for_some_addresses, what_a_guess_costs)])
        finally:
            wrong = cases.stop()
            cases.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
