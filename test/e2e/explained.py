#!/usr/bin/env python3
"""explained: what `capos manifest explain` says of a login is what a login gets.

Why: an operator who reads there that nobody but the owner has the vault believes it. The explanation is made offline,
by the function that decides about logins; whether it is given what a login gives it, only a login shows. So manifests
and accounts are made at random, by a seed that is printed, and each account logs in, by a method and from where the
seed says: both have to agree on the denial, or on profile, capabilities, leases and quotas.

usage: explained.py [INSTANCES [ACCOUNTS [SEED | random]]]
"""
import base64
import hashlib
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time

import certlib
import instance
import sessionlib as s
import sshkeys
import tlspeer
import tokens
from instance import quoted
from sessionlib import Failed, Refused

SCRIPT = "e2e-explained"
KINDS = {"password": 0, "key": 1, "guest": 6, "anonymous": 7, "service": 8}
POWERS = ("spawn", "network", "keys", "audit")
STRENGTHS = ("token", "password", "asserted", "signedKey", "signed")
METHODS = {"capos-system-info": ("motd", "version", "SystemInfo.uptime"), "capos-chat": ("join", "channels")}
SLACK_MS = 20000  # between a login and what it says of its leases; those differ by minutes
FROM = {"plain": "plain:127.0.0.1", "tls": "127.0.0.1", "unix": "unix"}


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
        r.shuffle(self.grants)

    def grant(self, name):
        v, r, more = self.services.get(name), self.r, ""
        if v and v.transfer and v.remote and r.random() < .5:
            more += ", transfer = services"
        if r.random() < .3:
            more += f', lease = "{r.randint(1, v.lease if v and v.lease else 60)}m"'
        return f'(name = "{name}"{more})'

    def text(self):
        r = self.r

        def flag(name, value):
            return f", {name} = {str(value).lower()}" if value or r.random() < .2 or name == "accounts" else ""
        demand = ""
        methods = ["service"] if self.service else self.ways
        if self.accounts and methods and r.random() < .4:
            methods = r.sample(methods, r.randint(1, len(methods)))
            demand += f", methods = [{', '.join(map(quoted, methods))}]"
        if self.accounts and methods and r.random() < .4:
            demand += f", atLeast = {r.choice(STRENGTHS[:2] if 'password' in methods else STRENGTHS)}"
        return (f'(name = "{self.name}", lease = "{self.lease}m", maxLease = "{self.lease + r.choice((0, 90))}m"'
                + flag("accounts", self.accounts) + flag("service", self.service) + flag("local", self.local)
                + flag("elevated", self.elevated) + flag("unbound", r.random() < .3)
                + flag("serverKeyBinding", r.random() < .4) + demand
                + f", bundle = [{', '.join(map(self.grant, self.grants))}]"
                + f", quota = (references = {r.randint(8, 99)}, calls = {r.randint(4, 99)}, "
                  f'queued = "{r.randint(256, 999)}KiB", message = "{r.randint(64, 128)}KiB", '
                  f"callsPerSecond = {r.choice((0, 0, 50, 900))}, sessionsPerAccount = 9))")


class World:
    """A manifest, and who there is."""

    def __init__(self, seed):
        r = self.r = random.Random(seed)
        own = r.random() < .6  # a profile for the owner
        ways = [m for m in ("password", "key") if r.random() < .9]
        self.services = [Service(r, "system_info", "capos-system-info", s.SYSTEM_INFO),
                         Service(r, "chat", "capos-chat", s.CHAT),
                         Service(r, "vault", "capos-system-info", s.SYSTEM_INFO, local=own)]
        self.profiles = [Profile(r, f"p{i}", self.services, accounts=True, service=r.random() < .25,
                                 elevated=r.random() < .4, ways=ways) for i in range(r.randint(4, 8))]
        if own:
            self.profiles.append(Profile(r, "owner", self.services, accounts=True, local=True, elevated=True,
                                         ways=ways))
        people = [set(p.grants) for p in self.profiles if not p.service]
        common = set.intersection(*people) if people else set()
        nobody = Profile(r, "nobody", self.services)
        nobody.grants = sorted(n for n in nobody.grants if n in common)
        nobody.lease = r.randint(2, 59)
        r.shuffle(self.profiles)
        entry = f'(enabled = {r.choice(("true", "false"))}, profile = "nobody")'
        comma = ",\n    "
        self.text = (f"(\n  services = [{comma.join(v.text() for v in self.services)}],\n"
                     f"  profiles = [{comma.join(p.text() for p in self.profiles + [nobody])}],\n"
                     f"  authentication = (password = {str('password' in ways).lower()}, "
                     f"publicKey = {str('key' in ways).lower()},\n"
                     f"    guest = {entry}, anonymous = (enabled = true, profile = \"nobody\")))\n")

    def account(self, i):
        """(name, whether a program's, profiles); None: the manifest has no profile for one."""
        r, service = self.r, self.r.random() < .25
        may = [p.name for p in self.profiles if p.service == service]
        if not may:
            return None
        return f"u{i}", service, r.sample(may, min(len(may), r.choice((1, 1, 2, 3))))

    def ask(self, service, profiles):
        """(method, profile that is asked for, where from, whether by the server's key)"""
        r = self.r
        method = r.choice(("service",) * 6 + ("password", "key") if service else
                          ("password",) * 6 + ("key",) * 6 + ("service", "guest", "anonymous"))
        wanted = r.choice((None, None, r.choice(profiles), "nobody", r.choice(self.profiles).name))
        over = r.choice(("plain", "tls", "tls", "unix"))
        return method, wanted, over, over == "tls" and method in ("key", "service") and r.random() < .3


# ---- logins ----------------------------------------------------------------------------------------------------------

def sign(path, data):
    """What ssh-keygen makes of some bytes, without its armour."""
    made = subprocess.run(["ssh-keygen", "-Y", "sign", "-f", path, "-n", "login@capos"], input=data, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60).stdout
    return base64.b64decode(b"".join(x for x in made.splitlines() if not x.startswith(b"-")))


class Run:
    """An instance, and what its accounts prove themselves by: one key of each kind for all of them."""

    def __init__(self, target, keys, token, world):
        self.target, self.keys, self.token, self.world = target, keys, token, world
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.pin = certlib.fingerprint(os.path.join(target.state, "tls", "cert.pem"))

    def make(self, name, service, profiles):
        r = self.world.r
        if service:
            self.run("service-account", "add", name, *(w for p in profiles for w in ("--profile", p)))
            if r.random() < .85:
                self.run("service-account", "key", "add", name, "-", *self.options(profiles), stdin=self.token.pem)
        else:
            admin = self.target.admin()
            admin.account_add(name, profiles, instance.SECRET if r.random() < .85 else "")
            admin.close()
            if r.random() < .8:
                self.run("account", "key", "add", name, self.keys.path("k.pub"), *self.options(profiles))
        if r.random() < .1:
            admin = self.target.admin()
            admin.account_lock(name, "for a while")
            admin.close()
        if r.random() < .25:
            self.run("account", "expire", name, r.choice(("2020-01-01", "30m", "3h", "9d")))

    def options(self, profiles):
        """What a key is restricted to."""
        r = self.world.r
        words = []
        if r.random() < .2:
            words += ["--from", r.choice(("127.0.0.0/8", "192.0.2.0/24"))]
        if r.random() < .2:
            words += ["--expires", r.choice(("20m", "2h"))]
        if r.random() < .2:
            words += ["--profile", r.choice(profiles)]
        return words

    def run(self, *words, stdin="", codes=(0,)):
        done = subprocess.run([self.capos, *words, "--state", self.target.state], input=stdin, capture_output=True,
                              text=True, timeout=60, check=False)
        if done.returncode not in codes:
            raise Failed(f"{words}: {done}")
        return done

    def peer(self, over):
        """(connection, transport, exporter, hash of the server's key, whom assertions are for)"""
        if over == "tls":
            peer = tlspeer.TlsPeer(self.target.tls)
            return peer, b"tls", peer.exporter, peer.key_hash, self.pin
        if over == "unix":
            return s.Peer("unix:" + self.target.unix), b"unix", b"", b"", "capos"
        return s.Peer(self.target.address), b"plain", b"", b"", "capos"

    def session(self, peer, ask, name):
        method, wanted, _, by_server = ask
        peer, transport, exporter, server, audience = peer
        if method in ("guest", "anonymous"):
            return getattr(peer, method)(wanted)
        if method == "password":
            return peer.password(name, instance.SECRET, wanted)
        gateway = peer.gateway()
        flow = gateway.call(1, s.auth_start(KINDS[method], name, wanted, None, int(by_server))).ref(0, s.FLOW)
        nonce = flow.call(0, s.Struct(b"", [None])).content.ptr(0).ptr(3)
        fields = (b"capos admission proof 1", b"tls-key" if by_server else transport,
                  b"" if by_server else exporter, nonce, b"", name.encode(), (wanted or "").encode(), server)
        text = b"".join(len(f).to_bytes(4, "big") + f for f in fields)
        if method == "key":
            return s.answer(flow, sign(self.keys.path("k"), text)).ref(1, s.SESSION)
        return s.answer(flow, self.token.token(
            {"iss": name, "sub": name, "aud": audience, "exp": int(time.time()) + 120,
             "nonce": tokens.b64(hashlib.sha256(text).digest())})).ref(1, s.SESSION)

    def login(self, ask, name):
        """What it comes to: the code of a denial, or what the session says of itself."""
        peer = self.peer(ask[2])
        try:
            session = self.session(peer, ask, name)
            caps = s.cap_set(session)
            methods = {n: [m for _, _, m in l] for n, l in s.methods(caps).items()}
            info = session.call(0).content.ptr(0)
            begun, quota = info.uint(0, 64), info.ptr(5)
            got = {"profile": s.text(info.ptr(2)), "leaseMs": info.uint(64, 64) - begun,
                   "quota": [quota.uint(0, 32), quota.uint(32, 32), quota.uint(64, 64), quota.uint(128, 64),
                             quota.uint(192, 32)],
                   "entries": {n: (iface, transfer, methods[n], end - begun)
                               for n, (iface, transfer, end) in s.names(caps).items()}}
            session.call(3)
            return got
        except Refused as e:
            return e.code
        finally:
            peer[0].close()

    def explained(self, ask, name):
        """The same, as it is explained."""
        method, wanted, over, by_server = ask
        said = self.run("manifest", "explain", self.file(), "--json",
                        "--account", name, "--method", method, "--from", FROM[over],
                        *(("--profile", wanted) if wanted else ()), *(("--server-key",) if by_server else ()),
                        codes=(0, 3))
        e = json.loads(said.stdout)
        if len(e["ways"]) != 1 or (said.returncode == 0) != (e["ways"][0]["outcome"] == "ok"):
            raise Failed(f"{e}")
        if e["ways"][0]["outcome"] != "ok":
            return e["ways"][0]["outcome"]
        p = e["granted"][0]
        q = p["quota"]
        return {"profile": p["name"], "leaseMs": p["leaseMs"],
                "quota": [q["references"], q["calls"], q["queuedBytes"], q["messageBytes"], q["callsPerSecond"]],
                "entries": {n["name"]: (int(n["interface"], 16), n["transfer"], n["methods"], n["leaseMs"])
                            for n in p["entries"]}}

    def file(self):
        return self.target.arguments[self.target.arguments.index("--manifest") + 1]


def agree(one, other):
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    near = [(one["leaseMs"], other["leaseMs"])]
    near += [(one["entries"][n][3], other["entries"].get(n, (0, 0, [], 0))[3]) for n in one["entries"]]
    return (all(abs(a - b) < SLACK_MS for a, b in near)
            and all(one[k] == other[k] for k in ("profile", "quota"))
            and {n: e[:3] for n, e in one["entries"].items()} == {n: e[:3] for n, e in other["entries"].items()})


# ---- all of it -------------------------------------------------------------------------------------------------------

class Property:
    def __init__(self, keys, token):
        self.keys, self.token, self.outcomes = keys, token, {}

    def instance(self, seed, accounts):
        world = World(seed)
        target = certlib.TlsInstance(world.text, user=False)
        with target:
            run = Run(target, self.keys, self.token, world)
            for i in range(accounts):
                self.account(run, seed, i)

    def account(self, run, seed, i):
        account = run.world.account(i)
        if not account:
            return
        name, service, profiles = account
        if run.world.r.random() < .95:  # else there is none
            run.make(*account)
        ask = run.world.ask(service, profiles)
        got, said = run.login(ask, name), run.explained(ask, name)
        outcome = got if isinstance(got, str) else "ok"
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if not agree(got, said):
            raise Failed(f"seed {seed}, {account}, {ask}:\n  a login got  {got}\n  explained as {said}")

    def many(self, instances, accounts, seed):
        for i in range(instances):
            self.instance(f"{seed}-{i}", accounts)
        print(f"# seed {seed}: {self.outcomes}", flush=True)

    def both_ways(self):
        """A property that only ever sees one outcome shows little."""
        if len(self.outcomes) < 3 or self.outcomes.get("ok", 0) * 5 < sum(self.outcomes.values()):
            raise Failed(f"{self.outcomes}")


def main():
    instances, accounts = [int(a) for a in sys.argv[1:3]] + [3, 12][len(sys.argv[1:3]):]
    seed = sys.argv[3] if len(sys.argv) > 3 else "capos"
    seed = secrets.token_hex(4) if seed == "random" else seed
    with tempfile.TemporaryDirectory(prefix="capos-explained-") as folder:
        keys = sshkeys.Keys(folder)
        keys.keygen("k")
        p = Property(keys, tokens.Key())
        return instance.run_cases(SCRIPT, [
            ("logins are what was explained", lambda: p.many(instances, accounts, seed)),
            ("of each kind there were some", p.both_ways)])


if __name__ == "__main__":
    sys.exit(main())
