#!/usr/bin/env python3
"""explained: what `capos manifest explain` says of a login is what a login gets.

Why: an operator who reads there that nobody but the owner has the vault believes it. The explanation is made offline,
by the function that decides about logins; whether it is given what a login gives it, only a login shows. So manifests
and accounts are made at random, by a seed that is printed, and each account logs in, by whatever method there is
(prooflib.py) and from where the seed says. Addresses that are let in, keys that are revoked and who has certified
them, methods of facets, rules for certificates and for providers vary with them. Both have to agree on the denial, or
on profile, capabilities, their methods, leases and quotas.

usage: explained.py [INSTANCES [ACCOUNTS [SEED | random]]]
"""
import json
import os
import random
import secrets
import ssl
import subprocess
import sys
import tempfile
import time

import certlib
import instance
import prooflib
import sessionlib as s
from instance import quoted
from sessionlib import Closed, Failed, Refused

SCRIPT = "e2e-explained"
POWERS = ("spawn", "network", "keys", "audit")
STRENGTHS = ("token", "password", "asserted", "signedKey", "signed", "touched")
SLACK_MS = 20000  # between a login and what it says of its leases; those differ by minutes
FEW = 6  # codes for devices that are waited for at once
METHODS = {"capos-system-info": ("motd", "version", "SystemInfo.uptime"), "capos-chat": ("join", "channels")}
ADMIN = ("", "accounts", "sessions", "audit")
NEAR = ([], [], [], [], [], ["127.1.0.0/16"], ["127.2.0.0/16", "unix"], ["127.0.0.0/8", "192.0.2.0/24"])
ADMISSION = ("", "", "", ', admission = (deny = ["127.3.0.0/16"])',
             ', admission = (allow = ["127.0.0.0/8", "unix"], deny = ["127.2.128.0/17"])')
WORTH = {"oidc-device": 0, "password": 1, "oidc": 2, "key": 4, "certificate": 4, "service": 4, "passkey": 5}
PEOPLE = ("password", "key", "certificate", "passkey", "oidc", "oidc-device")
ROWS = [2, 20] if "CAPOS_SANITIZED" in os.environ else [13, 40]
HOSTS = ("example.org", "a.example.org")


# ---- manifests -------------------------------------------------------------------------------------------------------

class Service:
    def __init__(self, r, name, program, iface, local=False):
        self.name, self.program, self.iface = name, program, iface
        self.remote = not local
        self.transfer = r.random() < .5
        self.lease = r.choice((None, None, 20, 45)) if self.remote else None
        self.powers = r.sample(POWERS, r.choice((0, 0, 1, 2))) if name != "system_info" else []
        some = METHODS[program]
        self.methods = r.choice(([], r.sample(some, r.randint(1, len(some)))))  # of its ordinary facet

    def text(self):
        remote = ""
        if self.remote:
            lease = f', lease = "{self.lease}m"' if self.lease else ""
            remote = f", remote = (transfer = {'services' if self.transfer else 'session'}{lease})"
        if self.methods:
            remote += f", facets = [(methods = [{', '.join(map(quoted, self.methods))}])]"
        return (f'(name = "{self.name}", program = "{self.program}", interfaceId = {self.iface}{remote}, '
                f"powers = [{', '.join(self.powers)}])")


class Profile:
    def __init__(self, r, name, services, **flags):
        self.name, self.r = name, r
        self.accounts = self.service = self.local = self.elevated = False
        self.ways = []  # of people
        self.__dict__.update(flags)
        self.lease = r.randint(2, 600)
        self.grants = ["session"] if r.random() < .8 or self.local else []
        self.services = {v.name: v for v in services}
        for v in services:
            may = (v.remote or self.local) and (not v.powers or self.elevated)
            if may and (self.local or r.random() < .6):
                self.grants.append(v.name)
        if self.elevated and (self.local or r.random() < .3):
            self.grants.append("admin")
        r.shuffle(self.grants)
        self.unbound, self.demand = r.random() < .5, ""
        if self.accounts:
            self.demand = self.demanded(["service"] if self.service else
                                        [m for m in self.ways if m != "certificate" or not self.local])

    def demanded(self, methods):
        """Some of the methods, and what a proof by at least one of them is worth."""
        r, said, hardest = self.r, "", max
        if r.random() < .25:
            methods = r.sample(methods, r.randint(1, len(methods)))
            hardest = min
            said += f", methods = [{', '.join(map(quoted, methods))}]"
            self.unbound = self.unbound or "oidc-device" in methods
        if r.random() < .25:
            said += f", atLeast = {r.choice(STRENGTHS[:hardest(WORTH[m] for m in methods) + 1])}"
        return said

    def grant(self, name):
        v, r, more = self.services.get(name), self.r, ""
        if v and v.transfer and v.remote and r.random() < .5:
            more += ", transfer = services"
        if name == "admin" and not self.local:
            more += f', facet = "{r.choice(ADMIN)}"'
        if r.random() < .3 and not self.local:
            more += f', lease = "{r.randint(1, v.lease if v and v.lease else 60)}m"'
        return f'(name = "{name}"{more})'

    def text(self):
        r = self.r

        def flag(name, value):
            return f", {name} = {str(value).lower()}" if value or r.random() < .2 or name == "accounts" else ""
        near = r.choice(NEAR) if self.accounts else []
        return (f'(name = "{self.name}", lease = "{self.lease}m", maxLease = "{self.lease + r.choice((0, 90))}m"'
                + flag("accounts", self.accounts) + flag("service", self.service) + flag("local", self.local)
                + flag("elevated", self.elevated) + flag("unbound", self.unbound)
                + flag("serverKeyBinding", r.random() < .4) + self.demand
                + (f", from = [{', '.join(map(quoted, near))}]" if near else "")
                + f", bundle = [{', '.join(map(self.grant, self.grants))}]"
                + f", quota = (references = {r.randint(8, 99)}, calls = {r.randint(8, 99)}, "
                  f'queued = "{r.randint(256, 999)}KiB", message = "{r.randint(64, 128)}KiB", '
                  f"callsPerSecond = {r.choice((0, 0, 50, 900))}, sessionsPerAccount = 9"
                + r.choice(("", f", ui = (offers = {r.randint(1, 9)}, patchesPerSecond = {r.randint(1, 99)}, "
                                f'patch = "{r.randint(1, 99)}KiB", perSecond = "{r.randint(1, 999)}KiB", '
                                f"references = {r.randint(1, 99)})")) + "))")


class Account:
    def __init__(self, world, i):
        r = world.r
        self.name, self.service = f"u{i}", r.random() < .2
        may = [p.name for p in world.profiles if p.service == self.service]
        if not may:  # the manifest has none for one
            self.service = not self.service
            may = [p.name for p in world.profiles]
        self.profiles = r.sample(may, min(len(may), r.choice((1, 1, 2, 3))))
        self.there = r.random() < .95
        self.key = f"k{r.randrange(prooflib.Proofs.NKEYS)}" if r.random() < .8 else None
        self.identity = f"subject of {self.name}" if r.random() < .6 else None
        self.mail = [f"{self.name}@{host}" for host in r.sample(HOSTS, 2)]


class World:
    """A manifest, and who there is."""

    def __init__(self, seed, proofs, accounts):
        r = self.r = random.Random(seed)
        self.proofs, own = proofs, r.random() < .6  # a profile for the owner
        self.ways = [m for m in PEOPLE if r.random() < .9] or ["key"]
        self.certifies = "key" in self.ways and r.random() < .7  # keys, by an authority
        self.services = [Service(r, "system_info", "capos-system-info", s.SYSTEM_INFO),
                         Service(r, "chat", "capos-chat", s.CHAT),
                         Service(r, "vault", "capos-system-info", s.SYSTEM_INFO, local=own)]
        self.profiles = [Profile(r, f"p{i}", self.services, accounts=True, service=r.random() < .25,
                                 elevated=r.random() < .4, ways=self.ways) for i in range(r.randint(4, 8))]
        if own:
            self.profiles.append(Profile(r, "owner", self.services, accounts=True, local=True, elevated=True,
                                         ways=self.ways))
        people = [set(p.grants) for p in self.profiles if not p.service]
        common = set.intersection(*people) if people else set()
        nobody = Profile(r, "nobody", self.services)
        nobody.grants = sorted(n for n in nobody.grants if n in common)
        nobody.lease = r.randint(2, 59)
        r.shuffle(self.profiles)
        self.certificate_rules = [c for i in range(accounts) for c in self.pinned(i)]
        self.certificate_rules += [(f"@{h}", None, self.profile()) for h in r.sample(HOSTS, r.choice((1, 2, 2)))]
        self.oidc_rules = [(f"g{i}", f"u{i}", self.profile()) for i in range(accounts) if r.random() < .5]
        entry = f'(enabled = {r.choice(("true", "false"))}, profile = "nobody")'
        comma = ",\n    "
        self.text = (f"(\n  services = [{comma.join(v.text() for v in self.services)}],\n"
                     f"  profiles = [{comma.join(p.text() for p in self.profiles + [nobody])}],\n"
                     f"  authentication = ({self.authentication()},\n"
                     f"    guest = {entry}, anonymous = (enabled = true, profile = \"nobody\"))"
                     f"{r.choice(ADMISSION)})\n")

    def profile(self):
        """For a rule: mostly none."""
        may = [p.name for p in self.profiles if not p.demand and not p.service] + [""]
        return self.r.choice(("", "", "", self.r.choice(may)))

    def pinned(self, i):
        return [(f"u{i}@{HOSTS[0]}", f"u{i}", self.profile())] if self.r.random() < .05 else []

    def authentication(self):
        def profile(p):
            return f', profile = "{p}"' if p else ""
        rules = []
        for mail, account, p in self.certificate_rules:
            if account:
                key = certlib.fingerprint(self.proofs.certificate(mail)[0])
                rules.append(f'(keys = ["{key}"], account = "{account}"{profile(p)})')
            else:
                rules.append(f'(authority = "ours", email = ["*{mail}"], accountFromName = true{profile(p)})')
        claims = [f'(claims = [(name = "groups", value = "{g}")], account = "{a}"{profile(p)})'
                  for g, a, p in self.oidc_rules]
        return prooflib.lets_in(
            self.proofs, "password" in self.ways, "key" in self.ways,
            ", ".join(rules) if "certificate" in self.ways else "", "passkey" in self.ways,
            ", ".join(claims) if self.has_provider() else None,
            profile(self.profile()) if self.certifies else None,
            [self.proofs.keys.fingerprint(name) for name in [f"k{i}" for i in range(self.proofs.NKEYS)] + ["authority"]
             if self.r.random() < .15])

    def has_provider(self):
        return "oidc" in self.ways or "oidc-device" in self.ways

    # ---- logins

    def ask(self, account, i):
        """A login, and what of it the explanation calls that which is proved."""
        r = self.r
        method = r.choice(("service",) * 8 + ("password", "key", "passkey", "oidc") if account.service else
                          ("password",) * 2 + ("key",) * 7 + PEOPLE[2:] * 8 + ("service", "guest", "anonymous"))
        own = [p.name for p in self.profiles if p.name in account.profiles]
        wanted = r.choice((None,) * 8 + (r.choice(own or ["nobody"]),) * 6 + ("nobody", r.choice(self.profiles).name))
        over = r.choice(("plain", "tls", "tls", "unix") if method != "certificate" else ("tls",) * 8 + ("plain",))
        ask = prooflib.Ask(account.name, method, wanted, over)
        ask.source = f"127.{r.randint(1, 3)}.{r.choice((1, 200))}.{i + 1}"
        ask.by_server = over == "tls" and method in prooflib.BINDS and r.random() < .2
        named = method in ("password", "key", "service") or r.random() < .5
        ask.access = method == "service" and r.random() < .4
        ask.named = account.name if named and not ask.access else None
        return ask, self.prove(account, ask)

    def prove(self, account, ask):
        if ask.method == "key" and self.certifies and self.r.random() < .4:
            ask.by = "certified"
            return "authority ssh"
        if ask.method == "key":
            ask.by = account.key or "k0"
            return "its key"
        if ask.method == "certificate":
            return self.prove_certificate(account, ask)
        if ask.method in ("oidc", "oidc-device") or ask.access:
            return self.prove_identity(account, ask)
        return {"password": "its password", "passkey": "its passkey", "service": "by its key"}.get(ask.method, "")

    def prove_certificate(self, account, ask):
        """By one that meets a rule, if there is one; the first rule that it meets."""
        for mail in account.mail:
            for n, (suffix, whose, _) in enumerate(self.certificate_rules):
                if mail == suffix and whose or not whose and mail.partition("@")[2] == suffix[1:]:
                    ask.by = mail
                    return f".certificates.rules[{n}]"
        ask.by = account.mail[0]
        return None

    def prove_identity(self, account, ask):
        """By a token that is the account's, if there is one; an identity counts before the rules."""
        ask.by = {"sub": account.identity or f"nobody like {account.name}", "groups": "none"}
        if account.identity:
            return "who is it"
        for n, (group, whose, _) in enumerate(self.oidc_rules):
            if whose == account.name:
                ask.by["groups"] = ["none", group]
                return f".oidc[0].rules[{n}]"
        return None


# ---- logins ----------------------------------------------------------------------------------------------------------

class Run:
    """An instance, with the accounts of a world."""

    def __init__(self, target, proofs, world):
        self.target, self.proofs, self.world = target, proofs, world
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")

    def make(self, account, ask):
        r, name = self.world.r, account.name
        if account.service:
            self.run("service-account", "add", name, *(w for p in account.profiles for w in ("--profile", p)))
            if r.random() < .85:
                self.run("service-account", "key", "add", name, "-", *self.options(account),
                         stdin=self.proofs.token.pem)
        else:
            often = .85 if ask.method == "password" else .1  # making one takes as long as a guess has to
            self.admin("account_add", name, account.profiles, instance.SECRET if r.random() < often else "")
        if account.key and not account.service:
            self.run("account", "key", "add", name, self.proofs.keys.path(account.key + ".pub"),
                     *self.options(account))
        if ask.method == "passkey" and not account.service and "passkey" in self.world.ways and r.random() < .9:
            asked = self.run("account", "passkey", "add", name).stdout
            self.run("account", "passkey", "add", name, "-", stdin=self.proofs.passkey(asked))
        if account.identity and self.world.has_provider():
            self.run("account", "identity", "add", name, "op", account.identity)
        if r.random() < .07:
            self.admin("account_lock", name, "for a while")
        if r.random() < .2:
            self.run("account", "expire", name, r.choice(("2020-01-01", "30m", "3h", "9d")))

    def admin(self, method, *words):
        admin = self.target.admin()
        getattr(admin, method)(*words)
        admin.close()

    def options(self, account):
        """What a key is restricted to."""
        r = self.world.r
        words = []
        if r.random() < .2:
            words += ["--from", r.choice(("127.1.0.0/16", "127.0.0.0/8", "192.0.2.0/24"))]
        if r.random() < .2:
            words += ["--expires", r.choice(("20m", "2h"))]
        if r.random() < .2:
            words += ["--profile", r.choice(account.profiles)]
        return words

    def run(self, *words, stdin="", codes=(0,)):
        done = subprocess.run([self.capos, *words, "--state", self.target.state], input=stdin, capture_output=True,
                              text=True, timeout=60, check=False)
        if done.returncode not in codes:
            raise Failed(f"{words}: {done}")
        return done

    def begin(self, ask):
        """A login as far as it goes without waiting; a code, if it is over."""
        way = None
        try:
            way = prooflib.Way(self.proofs, self.target, ask)
            return way, way.start()
        except (Refused, Closed, ConnectionError, ssl.SSLError) as e:
            if way:
                way.close()
            return e.code if isinstance(e, Refused) else "closed"

    def login(self, begun):
        """What it comes to: the code of a denial, or what the session says of itself."""
        if isinstance(begun, str):
            return begun
        way, question = begun
        try:
            session = way.session(question)
            got = self.told(session)
            session.call(3)
            return got
        except Refused as e:
            return e.code
        except Closed:
            return "closed"
        finally:
            way.close()

    @staticmethod
    def told(session):
        info = session.call(0).content.ptr(0)
        begun, quota = info.uint(0, 64), info.ptr(5)
        ui = quota.ptr(0)  # on the wire a field is XORed with its default
        caps = s.cap_set(session)
        methods = {n: [m for _, _, m in l] for n, l in s.methods(caps).items()}
        entries = {n: (iface, transfer, methods[n], end - begun)
                   for n, (iface, transfer, end) in s.names(caps).items()}
        return {"profile": s.text(info.ptr(2)), "leaseMs": info.uint(64, 64) - begun,
                "quota": [quota.uint(0, 32), quota.uint(32, 32), quota.uint(64, 64), quota.uint(128, 64),
                          quota.uint(192, 32), ui.uint(0, 32) ^ 8, ui.uint(32, 32) ^ 20, ui.uint(64, 64) ^ 65536,
                          ui.uint(128, 64) ^ 262144, ui.uint(192, 32) ^ 32],
                "entries": entries}

    def explained(self, ask, by):
        """The same, as it is explained: by what is proved, which has this in what it is called."""
        where = {"tls": ask.source, "plain": f"plain:{ask.source}", "unix": "unix"}[ask.over]
        said = self.run("manifest", "explain", self.file(), "--json",
                        "--account", ask.name, "--method", ask.method, "--from", where,
                        *(("--profile", ask.profile) if ask.profile else ()),
                        *(("--server-key",) if ask.by_server else ()), codes=(0, 3))
        e = json.loads(said.stdout)
        if (said.returncode == 0) != any(w["outcome"] == "ok" for w in e["ways"]):
            raise Failed(f"{e}")
        ways = [w for w in e["ways"] if not w["by"] or by and by in w["by"]
                and ask.access == ("access token" in w["by"])]
        if not ways:  # it has others, which are not what is proved
            return "denied.credentials"
        if len(ways) != 1:
            raise Failed(f"{by}: {e}")
        if ways[0]["outcome"] != "ok":
            return ways[0]["outcome"]
        p = next(p for p in e["granted"] if ways[0]["by"] == "" or p["name"] == ways[0]["profile"])
        q, most = p["quota"], p["leaseMs"]
        if ways[0].get("untilMs"):  # a profile is explained by the best that gives it
            most = min(most, ways[0]["untilMs"] - int(time.time() * 1000))
        return {"profile": p["name"], "leaseMs": most,
                "quota": [q["references"], q["calls"], q["queuedBytes"], q["messageBytes"], q["callsPerSecond"],
                          *q["ui"].values()],
                "entries": {n["name"]: (int(n["interface"], 16), n["transfer"], n["methods"], min(n["leaseMs"], most))
                            for n in p["entries"]}}

    def file(self):
        return self.target.arguments[self.target.arguments.index("--manifest") + 1]


def agree(one, other):
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    near = [(one["leaseMs"], other["leaseMs"])]
    near += [(one["entries"][n][3], other["entries"].get(n, (0, 0, 0, 0))[3]) for n in one["entries"]]
    return (all(abs(a - b) < SLACK_MS for a, b in near)
            and all(one[k] == other[k] for k in ("profile", "quota"))
            and {n: e[:3] for n, e in one["entries"].items()} == {n: e[:3] for n, e in other["entries"].items()})


# ---- all of it -------------------------------------------------------------------------------------------------------

class Property:
    def __init__(self, proofs):
        self.proofs, self.outcomes, self.methods = proofs, {}, {}

    def instance(self, seed, accounts):
        world = World(seed, self.proofs, accounts)
        target = certlib.TlsInstance(world.text, user=False)
        with target:
            run = Run(target, self.proofs, world)
            late = []
            for i in range(accounts):
                late += self.account(run, seed, i)
                # A code for a device is asked about once a second, so a few wait; but eight of one address may.
                while late and (len(late) == FEW or i == accounts - 1):
                    late.pop(0)()

    def account(self, run, seed, i):
        """Logs in, or is about to; what compares then, if anything."""
        account = Account(run.world, i)
        ask, by = run.world.ask(account, i)
        if account.there:
            run.make(account, ask)
        begun = run.begin(ask)

        def compare():
            got, said = run.login(begun), run.explained(ask, by)
            self.note(ask, got if isinstance(got, str) else "ok")
            if not agree(got, said):
                raise Failed(f"seed {seed}, {account.__dict__}, {ask}, {by}:\n  a login got  {got}\n"
                             f"  explained as {said}")
        if ask.method == "oidc-device":
            return [compare]
        compare()
        return []

    def note(self, ask, outcome):
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        method = "access" if ask.access else "certified" if ask.by == "certified" else ask.method
        tried, good = self.methods.get(method, (0, 0))
        self.methods[method] = (tried + 1, good + (outcome == "ok"))

    def many(self, instances, accounts, seed):
        for i in range(instances):
            self.instance(f"{seed}-{i}", accounts)
        print(f"# seed {seed}: {self.outcomes}, (tried, let in) {self.methods}", flush=True)

    def both_ways(self):
        """A property that only ever sees one outcome shows little, by whatever method."""
        tried = sum(self.outcomes.values())
        if len(self.outcomes) < 3 or (tried >= 100 and self.outcomes.get("ok", 0) * 5 < tried):
            raise Failed(f"{self.outcomes}")
        for method in PEOPLE:
            tried, good = self.methods.get(method, (0, 0))
            if tried >= 25 and not 0 < good < tried:
                raise Failed(f"{method}: {good} of {tried} were let in")


def main():
    instances, accounts = [int(a) for a in sys.argv[1:3]] + ROWS[len(sys.argv[1:3]):]
    seed = sys.argv[3] if len(sys.argv) > 3 else "capos"
    seed = secrets.token_hex(4) if seed == "random" else seed
    with tempfile.TemporaryDirectory(prefix="capos-explained-") as folder:
        proofs = prooflib.Proofs(folder)
        p = Property(proofs)
        try:
            return instance.run_cases(SCRIPT, [
                ("logins are what was explained", lambda: p.many(instances, accounts, seed)),
                ("of each kind there were some", p.both_ways)])
        finally:
            proofs.stop()


if __name__ == "__main__":
    sys.exit(main())
