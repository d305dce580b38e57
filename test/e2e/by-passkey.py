#!/usr/bin/env python3
"""by-passkey: passkeys are registered by the command, log in over every transport, renew, and are taken away.

Why: what a browser and its authenticator say is judged far from where it is asked for: the command, the session
manager, its store and a prover each have a part. The authenticator is one in software (test/passkey/authenticator.py),
started as --passkey-command, as somebody's own would be.

usage: by-passkey.py
"""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time

import certlib
import instance
import sessionlib as s
import tlspeer
from sessionlib import Failed, Struct

sys.path.insert(0, os.path.join(s.TOP, "test", "passkey"))
sys.path.insert(0, os.path.join(s.TOP, "test", "attack"))
import authenticator as a  # noqa: E402
import cheatlib as c  # noqa: E402

SCRIPT = "e2e-passkey"
PASSKEY = 4
ORIGIN = "https://login.capos.example"
PASSKEYS = f'passkeys = (relyingParty = "capos.example", origins = ["https://capos.example", "{ORIGIN}"]'
BUNDLE = ["chat", "session", "system_info"]


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def manifest(more=""):
    return instance.manifest().replace("authentication = (", f"authentication = ({PASSKEYS}{more}), ", 1)


class Cases:
    def __init__(self, folder):
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        self.env.update(HOME=folder, XDG_RUNTIME_DIR=folder, XDG_CONFIG_HOME=folder)
        self.target = certlib.TlsInstance(manifest())
        self.made = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def command(self, name, *more, origin=ORIGIN):
        """An authenticator with passkeys of its own."""
        tool = os.path.join(s.TOP, "test", "passkey", "authenticator.py")
        return " ".join([sys.executable, tool, self.path(name), origin, *more])

    def capos(self, code, *words, stdin=""):
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words], input=stdin,
                              env=self.env, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode not in (code if isinstance(code, tuple) else (code,)):
            raise Failed(f"{words}: {done}")
        return done

    def account(self, *words, code=0, stdin="", target=None):
        return self.capos(code, "account", "passkey", *words, "--state", (target or self.target).state, stdin=stdin)

    def records(self):
        return instance.audit(self.target.state)

    def last(self, what="attempt"):
        return [r for r in self.records() if r["what"] == what and "times" not in r][-1]

    def start(self):
        self.target.start()
        for name in ("ada", "bob"):
            self.target.add_user(name, ["operator"])

    def where(self, transport):
        return {"tls": f"tls:{self.target.tls}", "plain": f"plain:{self.target.address}",
                "unix": f"unix:{self.target.unix}"}[transport]

    def login(self, command, transport="plain", account="", code=0, party="capos.example"):
        words = ["--expect", self.fingerprint()] if transport == "tls" else []
        where = (account + "@" if account else "") + self.where(transport)
        return self.capos(code, "login", where, "--passkey-command", command, "--as", "x", "--json", *words,
                          *(["--relying-party", party] if party else []))

    def fingerprint(self):
        return json.loads(self.capos(0, "cert", "show", "--json", "--state", self.target.state).stdout)["fingerprint"]

    def whoami(self, code=0):
        return json.loads(self.capos(code, "whoami", "-s", "x", "--json").stdout or "{}")

    # ---- registering

    def they_are_registered(self):
        """By the command at once, and by hand in two steps."""
        for algorithm in a.NAMES:
            done = self.account("add", "ada", "--label", f"my {algorithm}", "--passkey-command",
                                self.command(algorithm, "--algorithm", algorithm))
            self.made[algorithm] = done.stdout.strip()
            record = self.last("passkey-add")
            expect((record["outcome"], record["account"], record["detail"]), ("ok", "ada", self.made[algorithm]),
                   "the record")
        options = self.account("add", "bob").stdout
        asked = json.loads(options)
        expect((asked["rp"]["id"], asked["user"]["name"], asked["attestation"], len(a.unb64(asked["challenge"])),
                asked["authenticatorSelection"]["residentKey"], asked["excludeCredentials"]),
               ("capos.example", "bob", "none", 32, "required", []), "the options")
        expect("bob" in a.unb64(asked["user"]["id"]).decode(errors="replace"), False, "the user handle")
        answer = subprocess.run(self.command("bob"), shell=True, input=options, capture_output=True, text=True,
                                check=True).stdout
        with open(self.path("answer"), "w", encoding="utf-8") as f:
            f.write(answer)
        self.account("add", "bob", self.path("answer"))
        said = self.account("add", "bob", "-", stdin=answer, code=1)
        expect("nothing was begun" in said.stderr, True, said.stderr)

    def they_are_listed(self):
        found = json.loads(self.account("list", "ada", "--json").stdout)["passkeys"]
        expect([(k["id"], k["label"], k["algorithm"], k["usedAtMs"]) for k in found],
               [(self.made[n], f"my {n}", w, 0) for n, w in zip(a.NAMES, ("ES256", "EdDSA", "RS256"))], "the list")
        expect(found[0]["aaguid"], "ca905ca9-05ca-905c-a905-ca905ca905ca", "the make")
        known = json.loads(self.account("add", "ada").stdout)["excludeCredentials"]
        expect(len(known), 3, "what the authenticator must not replace")

    def one_that_is_not_good_is_refused(self):
        for why, origin, spoil in (("from another origin", "https://capos.example.evil", None),
                                   ("its user was not verified", ORIGIN, a.PRESENT),
                                   ("nobody was present", ORIGIN, a.VERIFIED)):
            asked = json.loads(self.account("add", "bob").stdout)
            one = a.Passkey("capos.example", a.unb64(asked["user"]["id"]))
            one.flags = spoil or one.flags
            answer = json.dumps(one.make(a.unb64(asked["challenge"]), origin))
            said = self.account("add", "bob", "-", stdin=answer, code=1).stderr
            expect(why in said, True, said)
            record = self.last("passkey-add")
            expect((record["outcome"], record["account"], record["detail"]), ("failed", "bob", why), "the record")

    def a_program_that_fails_is_told_of(self):
        for command, why in (("exit 3", "has failed"), ("true", "says nothing"),
                             ("head -c 40000 /dev/zero", "says too much")):
            said = self.account("add", "bob", "--passkey-command", command, code=1).stderr
            expect(why in said, True, said)
            said = self.login(command, code=1)
            expect(why in said.stdout + said.stderr, True, str(said))

    # ---- logging in

    def each_logs_in_over_each_transport(self):
        for algorithm, ident in self.made.items():
            for transport in ("tls", "plain", "unix"):
                for account in ("ada", ""):
                    self.login(self.command(algorithm), transport, account)
                    i = self.whoami()
                    expect((i["account"], i["profile"], i["kind"]), ("ada", "operator", "passkey"), "the session")
                    caps = json.loads(self.capos(0, "caps", "-s", "x", "--json").stdout)["capabilities"]
                    expect(sorted(x["name"] for x in caps), BUNDLE, "the bundle")
                    record = self.last()
                    expect((record["outcome"], record["kind"], record["transport"], record["binding"]),
                           ("ok", "passkey", transport, "tls-exporter" if transport == "tls" else "none"), "the record")
                    expect(record["detail"].startswith("counter "), True, record["detail"])
                    expect(self.last("grant")["detail"], ident, "the credential")
                    said = self.capos(2, "renew", "-s", "x", "--password-stdin", stdin=instance.SECRET).stderr
                    expect("only a passkey renews" in said, True, said)
                    self.capos(0, "renew", "-s", "x", "--passkey-command", self.command(algorithm))
                    record = self.last()
                    expect((record["outcome"], record["binding"], record["detail"].split(",")[0][:16]),
                           ("ok", "tls-exporter" if transport == "tls" else "none", "renewal: counter"), "the renewal")
                    self.capos(3, "renew", "-s", "x", "--passkey-command", self.command("bob"))
                    self.capos(1, "renew", "-s", "x", "--passkey-command", "exit 1")
                    self.capos(0, "logout", "-s", "x")
        found = json.loads(self.account("list", "ada", "--json").stdout)["passkeys"]
        expect([k["count"] for k in found], [12, 12, 12], "the counters")
        expect(all(abs(k["usedAtMs"] / 1000 - time.time()) < 600 for k in found), True, "when they were used")

    def it_is_one_of_the_methods(self):
        methods = json.loads(self.capos(0, "methods", self.where("plain"), "--json").stdout)["methods"]
        one = next(m for m in methods if m["kind"] == "passkey")
        expect((one["enabled"], one["method"]), (True, "passkey"), "the method")

    def a_domain_is_not_the_instances_to_choose(self):
        """Nobody is asked for another domain's passkey than the address says, or the user."""
        asked = self.path("asked")
        for transport, why in (("tls", "was not dialled by a name"), ("unix", "was dialled as localhost")):
            said = self.login(f"touch {asked}", transport, party=None, code=1).stdout
            if "asks for passkeys of capos.example" not in said or why not in said:
                raise Failed(said)
        said = self.login(f"touch {asked}", party="example.net", code=1).stdout
        expect("was to ask for those of example.net" in said, True, said)
        self.login(self.command("bob"), "unix")
        said = self.capos(1, "renew", "-s", "x", "--passkey-command", f"touch {asked}", "--relying-party",
                          "example.net").stderr
        expect("was to ask for those of example.net" in said, True, said)
        expect(os.path.exists(asked), False, "whether an authenticator was asked")
        self.capos(0, "renew", "-s", "x", "--passkey-command", self.command("bob"))
        self.capos(0, "logout", "-s", "x")

    def nobody_shows_one(self):
        """When the instance waits no more, the command ends, and so does all that it has started."""
        target = instance.Instance(manifest().replace("limits = (", 'limits = (person = "10s"', 1))
        target.start()
        try:
            def login(n, more):
                pid = self.path(f"pid{n}")
                said = self.capos(1, "login", f"plain:{target.address}", "--relying-party", "capos.example", "--as",
                                  f"late{n}", "--passkey-command", f"sleep 1000 >/dev/null & echo $! >{pid}; {more}")
                expect("no passkey was shown in time" in said.stderr, True, said)
                with open(pid, encoding="ascii") as f:
                    left = f"/proc/{f.read().strip()}"
                instance.until(lambda: not os.path.exists(left), "the end of what the command has started")

            with concurrent.futures.ThreadPoolExecutor() as pool:
                list(pool.map(login, (1, 2), ("wait", "echo something; exec >&-; wait")))
        finally:
            wrong = target.stop()
            target.folder.cleanup()
        expect(wrong, [], "the end of the instance")

    def anothers_account_is_refused(self):
        said = self.login(self.command("bob"), account="ada", code=3)
        expect(json.loads(said.stdout or said.stderr)["error"]["code"], "denied.credentials", "the denial")
        expect(self.last()["detail"], "it is bob's", "the record")

    # ---- renewing

    def flow(self, peer, session=None, account="bob"):
        return c.Login(peer, account, kind=PASSKEY, session=session).ask()

    def proof(self, login, one):
        challenge = hashlib.sha256(login.text()).digest()
        return json.dumps(one.get(challenge, ORIGIN))

    def a_session_is_renewed(self):
        """By a flow; an older session's proof, or a weaker one, renews nothing."""
        one = a.read(self.path("bob"))[-1]
        peer = tlspeer.TlsPeer(self.target.tls)
        peer.transport, peer.first = "tls", peer.gateway()
        login = self.flow(peer)
        step = login.flow.call(0, Struct(b"", [None])).content.ptr(0)
        expect(s.text(step.ptr(4)), "capos.example", "the relying party")
        session = login.prove(self.proof(login, one))
        renewal = self.flow(peer, session)
        session = renewal.prove(self.proof(renewal, one))
        expect(s.text(session.call(0).content.ptr(0).ptr(1)), "bob", "the session")
        expect(self.last("renewal")["outcome"], "ok", "the record")
        session.call(3)
        a.write(self.path("bob"), [one])
        peer.close()

    # ---- the end

    def one_that_is_removed_ends_its_sessions(self):
        self.login(self.command("es256"))
        self.account("remove", "ada", self.made["eddsa"])
        self.whoami()
        self.account("remove", "ada", self.made["es256"])
        said = self.capos(s.OVER, "whoami", "-s", "x").stderr
        expect("revoked: what it was proved by was taken away" in said, True, said)
        self.login(self.command("es256"), code=3)
        expect(self.last()["detail"], "by an unknown passkey", "the record")
        self.account("remove", "ada", self.made["es256"], code=1)

    def it_lives_as_long_as_its_account(self):
        admin = self.target.admin()
        admin.account_remove("bob")
        admin.close()
        self.target.add_user("bob", ["operator"])
        self.login(self.command("bob"), code=3)
        expect(self.account("list", "bob").stdout, "", "the list")

    def what_is_demanded_is_shown(self):
        """Attestation by the key itself, and makes that are named."""
        make = "aaguids = [\"%s\"]"
        rows = [(", attestation = self", "none", "not attested"), (", attestation = self", "packed", None),
                (", attestation = self, " + make % "00000000-0000-0000-0000-000000000001", "packed", "of a make"),
                (", attestation = self, " + make % "ca905ca9-05ca-905c-a905-ca905ca905ca", "packed", None),
                (", attestation = self", "certified", "not attested"),
                (", attestation = packed", "none", "not attested"),
                (", attestation = packed, " + make % "ca905ca9-05ca-905c-a905-ca905ca905ca", "certified", None)]
        for i, (more, attestation, why) in enumerate(rows):
            target = instance.Instance(manifest(more))
            target.start()
            try:
                said = self.account("add", instance.USER, "--passkey-command",
                                    self.command(f"demand{i}", "--attestation", attestation), code=1 if why else 0,
                                    target=target)
                if why and why not in said.stderr:
                    raise Failed(f"{more}: {said}")
            finally:
                wrong = target.stop()
                target.folder.cleanup()
            expect(wrong, [], "the end of the instance")


def main():
    with tempfile.TemporaryDirectory(prefix="capos-passkey-") as folder:
        cases = Cases(folder)
        try:
            cases.start()
            names = ["they_are_registered", "they_are_listed", "one_that_is_not_good_is_refused",
                     "a_program_that_fails_is_told_of", "each_logs_in_over_each_transport",
                     "it_is_one_of_the_methods", "a_domain_is_not_the_instances_to_choose", "nobody_shows_one",
                     "anothers_account_is_refused", "a_session_is_renewed",
                     "one_that_is_removed_ends_its_sessions", "it_lives_as_long_as_its_account",
                     "what_is_demanded_is_shown"]
            code = instance.run_cases(SCRIPT, [(n, getattr(cases, n)) for n in names])
        finally:
            wrong = cases.target.stop()
            cases.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
