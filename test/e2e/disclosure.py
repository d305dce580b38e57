#!/usr/bin/env python3
"""disclosure: what services learn of their callers, and that no two can compare notes.

Why: a service knows a caller by a reference, which is of this service and this session alone. What
else it may know the manifest says, field by field, it has to ask for, and what it was told is on
record. The services are hostile-service's (test/attack), which ask and say what they were told.
"""
import os
import sys

import instance
import sessionlib as s
from sessionlib import Failed

SCRIPT = "e2e-disclosure"
PSEUDONYM, ACCOUNT, PROFILE, METHOD, SOURCE = 1, 2, 4, 8, 16
ALL = PSEUDONYM | ACCOUNT | PROFILE | METHOD | SOURCE
EVERY = "pseudonym, account, profile, method, source"
# name: what it does, what it asks for, what the manifest grants.
SERVICES = {"one": ("names", 0, "pseudonym"), "two": ("names", 0, "pseudonym"),
            "all": ("ask", ALL, EVERY), "some": ("ask", ACCOUNT, "account"),
            "none": ("ask", ACCOUNT, ""), "mixed": ("ask", ACCOUNT | SOURCE, "source"),
            "newer": ("ask", ACCOUNT | 64, "account")}


def text():
    program = os.path.join(instance.build_folder(), "test", "attack", "hostile-service")
    services = [instance.service(name, program, s.SYSTEM_INFO, ["--act", act, str(fields)], may)
                for name, (act, fields, may) in SERVICES.items()]
    wide = instance.profile("wide", ["session"] + list(SERVICES))
    return instance.manifest(services=services, profiles=[wide], anonymous="wide",
                             operator=SERVICES)


class Disclosure:
    def __init__(self, run):
        self.run = run
        self.run.add_user("ada", ["wide"])
        self.run.add_user("bob", ["wide"])

    def ask(self, name, who="ada", times=1):
        """What a service says it has learned, in a session of its own."""
        if who:
            peer, _, caps = self.run.login(who)
        else:
            peer = self.run.connect()
            caps = s.cap_set(peer.anonymous())
        try:
            return [s.motd(s.get(caps, name, s.SYSTEM_INFO)) for _ in range(times)][-1]
        finally:
            peer.close()

    def records(self, name):
        return [x for x in instance.audit(self.run.state)
                if x["what"] == "disclosure" and x.get("capability") == name]

    def is_told(self, name, told, who="ada"):
        got = self.ask(name, who)
        if got != told:
            raise Failed(f"{got}, and not {told}")

    def all_of_it(self):
        got = self.ask("all", times=3).split("|")
        if got[:3] != ["ada", "wide", "password"] or not got[3] or got[4] != "1":
            raise Failed(str(got))
        lines = self.records("all")
        if [(x["outcome"], x["account"], x["detail"]) for x in lines] != [
                ("ok", "ada", "pseudonym"), ("ok", "ada", "account, profile, method, source")]:
            raise Failed(str(lines))

    def what_was_asked_for(self):
        self.is_told("some", "ada||||0")

    def nobody_in_particular(self):
        self.is_told("some", "||||0", who=None)

    def refused(self):
        """Whole, also where a part is granted, or is of a later version; and on record."""
        for name, words in (("none", "account"), ("mixed", "account"), ("newer", "unknown")):
            self.is_told(name, "refused")
            lines = self.records(name)
            if [(x["outcome"], x["detail"], x["account"]) for x in lines] != [
                    ("denied.disclosure", words, "ada")]:
                raise Failed(str(lines))

    def unrelated_names(self):
        """16 names: of two services, accounts and sessions of each; references are all different,
        pseudonyms those of one account at one service."""
        seen = {}
        for who in ("ada", "bob"):
            for name in ("one", "two"):
                for _ in range(2):
                    reference, pseudonym = self.ask(name, who).split()
                    seen.setdefault(reference, []).append((name, who))
                    seen.setdefault(pseudonym, []).append((name, who))
        shared = sorted(v for v in seen.values() if len(v) > 1)
        if len(seen) != 12 or shared != [[(n, w)] * 2 for n in ("one", "two")
                                         for w in ("ada", "bob")]:
            raise Failed(str(seen))
        for a in seen:
            for b in seen:
                alike = sum(x == y for x, y in zip(bytes.fromhex(a), bytes.fromhex(b)))
                if a != b and alike > 8:
                    raise Failed(f"{a} and {b} are alike")

    def references_of_one_session(self):
        peer, _, caps = self.run.login("ada")
        names = [s.motd(s.get(caps, name, s.SYSTEM_INFO)).split()[0] for name in ("one", "two")]
        peer.close()
        if names[0] == names[1]:
            raise Failed("two services call a session by one name")


def main():
    with instance.Instance(text()) as run:
        d = Disclosure(run)
        return instance.run_cases(SCRIPT, [
            ("what is granted is told, and on record once for each field", d.all_of_it),
            ("no more than was asked for", d.what_was_asked_for),
            ("an anonymous caller has no account", d.nobody_in_particular),
            ("what is not granted is refused whole, and on record", d.refused),
            ("names are unrelated between services, accounts and sessions", d.unrelated_names),
            ("one session has two names at two services", d.references_of_one_session),
        ])


if __name__ == "__main__":
    sys.exit(main())
