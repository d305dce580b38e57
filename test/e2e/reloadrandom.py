"""reloadrandom: manifests at random while an instance is under load, and a model of what they do.

Why: what a new policy takes and what it leaves depends on what there was before, and nobody thinks
of all of it. So manifests are made at random, of services, their methods, profiles, grants and ways in that
come, change and go, and broken ones among them; and a model, which knows the rules of doc/design/broker.md
and nothing of the instance, says of each session whether it lives, and of each reference how its
next call ends. Meanwhile others log in, call and log out by a profile that never changes, and must
not notice anything.
"""
import random
import threading

import instance
import sessionlib as s
from sessionlib import Failed, Refused

SERVICES = ["red", "green", "blue", "grey"]
PROFILES = ["p1", "p2", "p3", "p4"]
ALWAYS = ["session", "system_info"]
STEADY = "operator"  # never changes
GUEST, NOBODY = "guest", "anonymous"
LIVES, REVOKED, LOST = "lives", "revoked", "disconnected"
METHODS = ["motd", "version", "uptime"]  # by number; the first is what is called to see what has become of one
UPTIME = 2
PAUSE = 0.005  # seconds, between two rounds of the load: the reloads are to be the most of the work


class Policy:
    """What a manifest says, as far as it changes."""

    def __init__(self, rng, before=None):
        if before is None:
            self.services = {n: "0" for n in SERVICES[:2]}
            self.methods = {n: [] for n in SERVICES}  # that its facet has; none: all
            self.profiles = {p: {"accounts": True, "grants": {SERVICES[0]: "session"}} for p in PROFILES}
            self.open = {GUEST: True, NOBODY: True}
            return
        self.services, self.open, self.methods = dict(before.services), dict(before.open), dict(before.methods)
        self.profiles = {p: {"accounts": f["accounts"], "grants": dict(f["grants"])}
                         for p, f in before.profiles.items()}
        for _ in range(rng.randint(1, 4)):
            rng.choice([self.a_service, self.a_profile, self.a_grant, self.a_grant, self.a_way, self.a_facet])(rng)
        for f in self.profiles.values():
            f["grants"] = {n: t for n, t in f["grants"].items() if n in self.services}

    def a_service(self, rng):
        name = rng.choice(SERVICES)
        if name in self.services and rng.random() < 0.4:
            del self.services[name]
        else:
            self.services[name] = str(rng.randint(0, 2))

    def a_profile(self, rng):
        name = rng.choice(PROFILES)
        if name not in self.profiles:
            self.profiles[name] = {"accounts": True, "grants": {}}
        elif rng.random() < 0.4:
            del self.profiles[name]
        else:
            self.profiles[name]["accounts"] = rng.random() < 0.7

    def a_grant(self, rng):
        if not self.profiles or not self.services:
            return
        grants = self.profiles[rng.choice(sorted(self.profiles))]["grants"]
        name = rng.choice(sorted(self.services))
        if name in grants and rng.random() < 0.7:
            del grants[name]
        else:
            grants[name] = rng.choice(["session", "services"])

    def a_facet(self, rng):
        """The order means nothing; and all that there are are not the same as any."""
        self.methods[rng.choice(SERVICES)] = rng.choice([[], rng.sample(METHODS, 3), ["motd"], ["motd", "uptime"],
                                                         ["SystemInfo.uptime", "motd"]])

    def a_way(self, rng):
        way = rng.choice([GUEST, NOBODY])
        self.open[way] = not self.open[way]

    def text(self):
        text = instance.manifest(
            guest=self.open[GUEST],
            services=[self.service(n, version) for n, version in self.services.items()],
            profiles=[self.profile(name, f) for name, f in self.profiles.items()])
        if not self.open[NOBODY]:
            text = text.replace("anonymous = (enabled = true", "anonymous = (enabled = false")
        return text

    def service(self, name, version):
        text = instance.service(name, "capos-system-info", s.SYSTEM_INFO, ["--motd", version])
        methods = ", ".join(map(instance.quoted, self.methods[name]))
        return text.replace("remote = ", f"facets = [(methods = [{methods}])], remote = ") if methods else text

    def ordinals(self, name):
        """Of the methods that a service's facet has; None: of any."""
        said = {METHODS.index(m.split(".")[-1]) for m in self.methods.get(name, [])}
        return said or None

    @staticmethod
    def profile(name, f):
        text = instance.profile(name, ALWAYS + list(f["grants"].items()))
        return text if f["accounts"] else text.replace("(name", "(accounts = false, name", 1)

    # ---- the rules

    def admits(self, who):
        """Whether somebody may have a session: of an account p1's only profile is p1."""
        if who in (GUEST, NOBODY):
            return self.open[who]
        return who in self.profiles and self.profiles[who]["accounts"]

    def bundle(self, who):
        grants = self.profiles[who]["grants"] if who in self.profiles else {}
        return {**{n: "session" for n in ALWAYS}, **grants}


def broken(rng, text):
    """A manifest that must not be taken, for one reason or another."""
    kind = rng.randrange(9)
    if kind == 0:
        return text[:rng.randrange(len(text) - 4)]
    if kind == 1:
        return text.replace("lease", "laese", 1)
    if kind == 2:
        return text.replace("capos-chat", "capos-none", 1)
    if kind == 3:
        return text.replace('program = "capos-chat"', 'program = "/bin/false"', 1)
    if kind == 4:
        return text.replace('(name = "chat", transfer', '(name = "chut", transfer', 1)
    if kind == 5:
        return text.replace("limits = (", "limits = (connections = 77, unauthenticated = 7", 1)
    if kind == 8:
        return text.replace('program = "capos-chat"', 'facets = [(methods = ["jion"])], program = "capos-chat"', 1)
    if kind == 6:
        return text.replace(f"interfaceId = {s.CHAT}", f"interfaceId = {s.SYSTEM_INFO}", 1)
    return text.replace('(name = "chat", transfer', '(name = "chat", facet = "none", transfer', 1)


class Session:
    """A living one, as the test holds it, and as the model has it."""

    def __init__(self, who, target):
        self.who, self.peer = who, target.connect()
        if who == GUEST:
            self.session = self.peer.guest()
        elif who == NOBODY:
            self.session = self.peer.anonymous()
        else:
            self.session = self.peer.password(who, instance.SECRET)
        self.caps = s.cap_set(self.session)
        self.refs = {}  # name: [reference, version of its service, fate]
        self.taken = set()  # names that the policy has taken: remembered

    def follow(self, before, now):
        """What the next policy makes of it. Whether it lives."""
        if not now.admits(self.who):
            return False
        had, has = before.bundle(self.who), now.bundle(self.who)
        self.taken = (self.taken | set(had)) - set(has)
        for name, row in self.refs.items():
            if name not in has or (row[2] == LIVES and before.ordinals(name) != now.ordinals(name)):
                row[2] = REVOKED
            elif row[2] == LIVES and name in SERVICES and row[1] != now.services[name]:
                row[2] = LOST
        return True


class Random:
    """An instance, its sessions, and the load on it. Use with `with`."""

    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.policy = Policy(self.rng)
        self.target = instance.Instance(self.policy.text())
        self.sessions, self.wrong, self.over = {}, [], threading.Event()
        self.done = {"calls": 0, "logins": 0}
        self.threads = []

    def __enter__(self):
        self.target.__enter__()
        for p in PROFILES:
            self.target.add_user(p, [p])
        self.threads = [threading.Thread(target=self.guarded, args=(f,))
                        for f in (self.calls, self.calls, self.logins)]
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *why):
        self.over.set()
        for t in self.threads:
            t.join()
        self.target.__exit__(*why)

    # ---- load

    def guarded(self, work):
        try:
            while not self.over.is_set():
                work()
        except (Failed, Refused, s.Closed, OSError) as e:
            self.wrong.append(f"{work.__name__}: {type(e).__name__} {e}")

    def calls(self):
        """A session that no manifest touches: it keeps all it has, and every call succeeds."""
        _, session, caps = self.target.login()
        chat, info = s.get(caps, "chat", s.CHAT), s.get(caps, "system_info", s.SYSTEM_INFO)
        member, _ = s.join(chat, "#steady")
        while not self.over.is_set():
            s.motd(info)
            member.call(1)
            again = s.get(caps, "chat", s.CHAT)
            again.call(1)
            again.release()
            self.done["calls"] += 3
            self.over.wait(PAUSE)
        session.call(3)
        session.peer.close()

    def logins(self):
        peer, session, caps = self.target.login()
        s.motd(s.get(caps, "system_info", s.SYSTEM_INFO))
        session.call(3)
        peer.close()
        self.done["logins"] += 1
        self.over.wait(100 * PAUSE)  # each costs a password's hash

    # ---- the plot

    def play(self, times):
        counts = {"taken": 0, "refused": 0, "ended": 0, "revoked": 0, "lost": 0}
        try:
            for self.turn in range(times):
                self.fill()
                self.step(counts)
        except (Failed, Refused, s.Closed, OSError) as e:
            raise Failed(f"seed {self.seed}, turn {self.turn}: {type(e).__name__} {e}") from e
        if self.wrong:
            raise Failed(f"seed {self.seed}: {self.wrong}")
        print(f"# seed {self.seed}: {times} reloads ({counts['taken']} taken, {counts['refused']} refused), "
              f"{counts['ended']} sessions ended, {counts['revoked']} references revoked, {counts['lost']} lost; "
              f"{self.done['calls']} calls and {self.done['logins']} logins beside", flush=True)

    def fill(self):
        """Everybody who can has a session, with a reference to some of what he has."""
        for who in [*PROFILES, GUEST, NOBODY]:
            if who not in self.sessions:
                self.enter(who)
            if who in self.sessions:
                self.hold(self.sessions[who])

    def enter(self, who):
        try:
            session = Session(who, self.target)
        except Refused as e:
            if self.policy.admits(who):
                raise
            wanted = "denied.method-disabled" if who in (GUEST, NOBODY) else "denied.profile"
            if e.code != wanted:
                raise Failed(f"{who}: {e}, not {wanted}") from e
            return
        if not self.policy.admits(who):
            raise Failed(f"{who} has got a session")
        self.sessions[who] = session

    def hold(self, session):
        for name in self.policy.bundle(session.who):
            if name != "session" and (name not in session.refs or session.refs[name][2] != LIVES) and \
                    self.rng.random() < 0.8:
                session.refs[name] = [s.get(session.caps, name, s.SYSTEM_INFO),
                                      self.policy.services.get(name), LIVES]
                s.motd(session.refs[name][0])

    def step(self, counts):
        before, text, good = self.policy, None, self.rng.random() < 0.7
        now = Policy(self.rng, before)
        text = now.text() if good else broken(self.rng, now.text())
        done = self.target.reload(text)
        if done.returncode != (0 if good else 1):
            raise Failed(f"reload of a {'good' if good else 'broken'} manifest: {done}")
        counts["taken" if good else "refused"] += 1
        if good:
            self.policy = now
        for who, session in list(self.sessions.items()):
            if good and not session.follow(before, now):
                self.is_over(session)
                del self.sessions[who]
                counts["ended"] += 1
                continue
            self.is_right(session, counts)

    @staticmethod
    def is_over(session):
        for call in [lambda: session.session.call(0), lambda: session.caps.call(0),
                     *(lambda r=row[0]: s.motd(r) for row in session.refs.values() if row[2] == LIVES)]:
            try:
                call()
            except Refused as e:
                if e.code != "denied.stale-session" or "policy" not in e.reason:
                    raise Failed(f"{session.who}: it ends with {e}") from e
                continue
            raise Failed(f"{session.who}: the session survives")
        session.peer.close()

    def is_right(self, session, counts):
        """It is what the model says it is, in all that can be seen from outside."""
        session.session.call(0)
        bundle = self.policy.bundle(session.who)
        listed = {n: row[1] for n, row in s.names(session.caps).items()}
        if listed != bundle:
            raise Failed(f"{session.who} lists {listed}, not {bundle}")
        for name, methods in s.methods(session.caps).items():
            if [m for _, _, m in methods] != self.policy.methods.get(name, []):
                raise Failed(f"{session.who}'s {name} has {methods}, not {self.policy.methods[name]}")
        for name, (ref, version, fate) in session.refs.items():
            got = self.fate(ref, version)
            if got != fate:
                raise Failed(f"{session.who}'s {name}: {got}, not {fate}")
            if fate == LIVES and self.is_refused(ref) == (UPTIME in (self.policy.ordinals(name) or {UPTIME})):
                raise Failed(f"{session.who}'s {name} has not {self.policy.ordinals(name)}")
            counts["revoked"] += fate == REVOKED
            counts["lost"] += fate == LOST
        session.refs = {n: row for n, row in session.refs.items() if row[2] == LIVES}
        for name in session.taken:
            try:
                s.get(session.caps, name, s.SYSTEM_INFO)
            except Refused as e:
                if e.code == "denied.revoked-lease" and "policy" in e.reason:
                    continue
                raise Failed(f"{session.who}'s {name}, which was taken: {e}") from e
            raise Failed(f"{session.who} gets {name}")

    @staticmethod
    def is_refused(ref):
        """Whether a method is that it may have or not."""
        try:
            ref.call(UPTIME)
        except Refused as e:
            if e.code != "denied.method":
                raise
            return True
        return False

    @staticmethod
    def fate(ref, version):
        try:
            said = s.motd(ref)
        except Refused as e:
            if e.code == "denied.revoked-lease" and "policy" in e.reason:
                return REVOKED
            if e.kind == "disconnected":
                return LOST
            raise
        if version is not None and said != version:
            raise Failed(f"it says {said}, not {version}")
        return LIVES
