#!/usr/bin/env python3
"""smoke: a client goes through every success and every refusal of an instance of its own (`make smoke`).

Why: who has built it, installed it or changed a manifest's defaults wants to know in half a minute whether all of it
answers as the schema says. So there is a row for each method that a client can call, for each way in, for each
RemoteDenial and for each quota, in tables; a row is a success that came, a refusal with its code, or the reason why it
is not tried here and what does that. What the schema has and the tables have not is a failure.
"""
import base64
import os
import re
import struct
import subprocess
import sys
import tempfile

import denials
import instance
import sessionlib as s
from denials import Table, refused
from instance import Skip
from sessionlib import Failed, Refused, Struct

SCRIPT = "smoke"
REFERENCES = 64
CLIENTS = [("remote_session", ("RemoteSessionGateway", "RemoteAuthFlow", "RemoteSession", "RemoteCapSet")),
           ("user_session", ("UserSession",)), ("system_info", ("SystemInfo",)), ("chat", ("Chat", "ChatMembership"))]


def need(condition, what):
    if not condition:
        raise Failed(what)


class Smoke:
    def __init__(self, run, folder):
        self.run, self.table = run, Table(run, None)
        self.key = os.path.join(folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        with open(self.key + ".pub", encoding="ascii") as f:
            self.line = f.read().strip()

    # ---- successes

    def session(self):
        return self.run.login()[1]

    def caps(self):
        return self.run.login()[2]

    def methods(self):
        found = {m.uint(0, 16): m.uint(32, 16) for m in self.run.connect().gateway().call(0).content.ptr(0)}
        need(sorted(found) == list(range(len(s.KINDS))), f"authMethods says {found}")

    def starts(self):
        self.run.connect().flow(s.PASSWORD, instance.USER)

    def guest(self):
        need(s.names(s.cap_set(self.run.connect().guest())), "a guest has nothing")

    def anonymous(self):
        need(s.names(s.cap_set(self.run.connect().anonymous())), "nobody has anything")

    def by_password(self):
        need("chat" in s.names(self.caps()), "the bundle")

    def by_key(self):
        admin = self.run.admin()
        admin.key_add("grace", self.line)
        admin.close()
        flow = self.run.connect().flow(s.PUBLIC_KEY, "grace")
        nonce = flow.call(0, Struct(b"", [None])).content.ptr(0).ptr(3)
        session = s.answer(flow, denials.signed(self.key, "grace", nonce)).ref(1, s.SESSION)
        need(s.text(session.call(0).content.ptr(0).ptr(3)) == "publicKey", "the kind")

    def cancels(self):
        self.run.connect().flow(s.PASSWORD, instance.USER).call(1)

    def info(self):
        info = self.session().call(0).content.ptr(0)
        need((s.text(info.ptr(1)), s.text(info.ptr(2))) == (instance.USER, "operator"), "the session's info")

    def renews(self):
        proof = Struct(struct.pack("<Q", 60000), [instance.SECRET.encode()])
        self.session().call(2, proof).ref(0, s.SESSION).call(0)

    def logs_out(self):
        self.session().call(3)

    def reauthenticates(self):
        flow = self.session().call(4, s.auth_start(s.PASSWORD, instance.USER)).ref(0, s.FLOW)
        s.answer(flow, instance.SECRET).ref(1, s.SESSION).call(0)

    def enrols(self):
        blob = base64.b64decode(self.line.split()[1])
        need(self.session().call(6, Struct(b"", [blob])).content.uint(0, 64), "until when")

    def sees_its_own(self):
        need(self.session().call(7).content.ptr(0), "no session of the account")

    def ends_its_others(self):
        other, mine = self.session(), self.session()
        mine.call(8, Struct(b"", [s.text(other.call(0).content.ptr(0).ptr(0))]))
        instance.over(other)
        refused("denied.stale-session", lambda: other.call(0))

    def reports(self):
        """What is no report is refused, and what is about nothing of the session's."""
        pinned = Struct(struct.pack("<HHIQ", 7, 0, 0, 0) + b"\1" + bytes(7), ["pinned", ""])
        self.session().call(14, Struct(b"", ["chat", pinned]))
        refused("denied.unknown-name", lambda: self.session().call(14, Struct(b"", ["nothing", pinned])))

    def lists(self):
        need(set(s.names(self.caps())) == {"session", "system_info", "chat"}, "the bundle")

    def gets(self):
        s.get(self.caps(), "session", s.USER_SESSION).call(0)

    def changes(self):
        need(self.caps().call(3, Struct(struct.pack("<Q", 0))).content.uint(0, 64), "what to ask with next")

    def schema(self):
        need(self.caps().call(2, Struct(struct.pack("<Q", s.CHAT))).content.ptr(0), "a schema")

    def system_info(self, method):
        return s.get(self.caps(), "system_info", s.SYSTEM_INFO).call(method).content

    def motd(self):
        need(s.text(self.system_info(0).ptr(0)), "the message of the day")

    def version(self):
        need(s.text(self.system_info(1).ptr(0)), "a version")

    def uptime(self):
        self.system_info(2)

    def chat(self):
        return s.get(self.caps(), "chat", s.CHAT)

    def joins(self):
        need(s.join(self.chat(), "#smoke")[1], "a label")

    def channels(self):
        self.chat().call(1)

    def says(self):
        need(self.chat().call(2, Struct(b"", ["#smoke", "hi"])).content.uint(0, 64), "a number")

    def leaves_all(self):
        chat = self.chat()
        s.join(chat, "#smoke")
        chat.call(3, Struct(b"", ["#smoke"]))

    def enters(self):
        """In panes: test/e2e/chatted.py. Without any there is nothing to enter a channel by."""
        try:
            self.chat().call(4, Struct(b"", ["#smoke"]))
        except Refused as e:
            need("no panes are shown" in e.reason, e.reason)
        else:
            raise Failed("a channel was entered without panes")

    def sends(self):
        s.join(self.chat(), "#smoke")[0].call(0, Struct(b"", ["hello"]))

    def members(self):
        need(s.join(self.chat(), "#smoke")[0].call(1).content.ptr(0), "nobody is there")

    def leaves(self):
        s.join(self.chat(), "#smoke")[0].call(2)

    # ---- the command

    def by_command(self):
        """In, what there is, one call, what has to be refused, out."""
        capos = os.path.join(instance.build_folder(), "bin", "capos")
        with tempfile.TemporaryDirectory(prefix="capos-smoke-") as home:
            def run(*words, text=""):
                done = subprocess.run([capos, *words], capture_output=True, text=True, timeout=60, check=False,
                                      input=text, env={**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home})
                need(done.returncode == 0, f"{words}: {done}")
                return done.stdout

            run("login", f"{instance.USER}@{self.run.where}", "--password-stdin", text=instance.SECRET + "\n")
            try:
                need("chat" in run("caps"), "the list")
                need("Hello" in run("call", "system_info", "motd"), "the call")
                need("8 as expected, 0 not" in run("probe"), "the probe")
            finally:
                run("logout")

    # ---- quotas

    def references(self):
        """One more than the session may hold; all that is given back can be had again."""
        session = self.run.connect().password(instance.USER, instance.SECRET, "narrow")
        held = []

        def fill():
            while len(held) <= REFERENCES:
                held.append(session.call(1).ref(0, s.CAP_SET))

        refused("over-quota.references", fill, "overloaded")
        for ref in held:
            ref.release()
        session.call(1)

    def too_long(self):
        session = self.run.connect().password(instance.USER, instance.SECRET, "narrow")
        caps = s.cap_set(session)
        refused("over-quota.bytes", lambda: s.get(caps, "x" * 20000, s.CHAT), "overloaded")
        session.call(0)


AUTHENTICATOR = "it needs an authenticator: test/web/passkey.py"

# What a client can call, each by a row that has its results, or why that is not here.
SUCCESSES = {
    "RemoteSessionGateway": {"authMethods": Smoke.methods, "start": Smoke.starts, "guest": Smoke.guest,
                             "anonymous": Smoke.anonymous, "passkeyBegin": AUTHENTICATOR,
                             "passkeyAdd": AUTHENTICATOR},
    "RemoteAuthFlow": {"next": Smoke.by_password, "cancel": Smoke.cancels},
    "RemoteSession": {"info": Smoke.info, "capSet": Smoke.lists, "renew": Smoke.renews, "logout": Smoke.logs_out,
                      "reauthenticate": Smoke.reauthenticates, "offerUi": Table.screen,
                      "offerSurface": Table.screen, "enrol": Smoke.enrols,
                      "accountSessions": Smoke.sees_its_own, "endAccountSession": Smoke.ends_its_others,
                      "passkeyBegin": AUTHENTICATOR, "passkeyAdd": AUTHENTICATOR, "passkeys": AUTHENTICATOR,
                      "passkeyRemove": AUTHENTICATOR, "reportUi": Smoke.reports},
    "RemoteCapSet": {"list": Smoke.lists, "get": Smoke.gets, "schema": Smoke.schema, "changed": Smoke.changes},
    "UserSession": {"info": Smoke.gets},
    "SystemInfo": {"motd": Smoke.motd, "version": Smoke.version, "uptime": Smoke.uptime},
    "Chat": {"join": Smoke.joins, "channels": Smoke.channels, "say": Smoke.says, "leave": Smoke.leaves_all,
             "enter": Smoke.enters},
    "ChatMembership": {"send": Smoke.sends, "members": Smoke.members, "leave": Smoke.leaves},
}

# RemoteAuthKind: a login by it, or why that is not here.
WAYS = {
    "password": Smoke.by_password, "publicKey": Smoke.by_key, "guest": Smoke.guest, "anonymous": Smoke.anonymous,
    "oidcDeviceCode": "it needs an identity provider: test/e2e/by-oidc.py",
    "oidcAuthorizationCodePkce": "it needs an identity provider: test/e2e/by-oidc.py",
    "passkey": "it needs an authenticator: test/e2e/by-passkey.py",
    "mtlsClientCert": "it needs TLS and an authority: test/e2e/by-certificate.py",
    "serviceCredential": "it needs a service account's key: test/e2e/by-service.py",
}

# RemoteDenial: how it is provoked, in words, and by what.
DENIALS = {
    "unknownName": ("get() of names that the bundle does not have", Table.unknown_name),
    "wrongInterface": ("get() of a capability as another interface", Table.wrong_interface),
    "profile": ("anonymous() with an account's profile", Table.profile_of_others),
    "staleSession": ("every reference of a session, after its logout", Table.stale_after_logout),
    "revokedLease": ("a capability that an administrator has taken", Table.revoked_lease),
    "methodDisabled": ("start() by methods that are not offered", Table.method_disabled),
    "credentials": ("wrong passwords, and accounts that are not there", Table.credentials),
    "alreadyBound": ("a second login on a connection", Table.already_bound),
    "transfer": ("chat.join() with references that may not be passed on", Table.transfer),
    "flow": ("next() after cancel(), and after a wrong proof", Table.flow),
    "backoff": ("a right password after too many wrong ones", Table.backoff),
    "method": ("a method that a capability was granted without", Table.method_not_granted),
    "ui": ("offerUi() and offerSurface() to a service that may not propose panes", Table.screen),
    "withdrawn": "services alone meet it: daemon/worker/test-worker-offer.c",
    "weakProof": ("the renewal of a session by key with a password", Table.renewal_by_less),
}

# Quotas, by the names on doc/protocol/admission.md.
QUOTAS = {
    "flows": ("a fifth flow of a connection", Table.over_quota_flows),
    "sessions": ("one more session than the account may have", Table.over_quota_sessions),
    "references": ("capSet() until there is no room, then released", Smoke.references),
    "bytes": ("get() of a name longer than a message may be", Smoke.too_long),
    "calls": "it needs a service that does not answer: test/e2e/reload.py",
    "proofs": "it needs more proofs at once than provers: daemon/sessiond/test-sessiond-proof.c",
    "memory": "it needs an instance whose memory is used up: test/e2e/shares.py",
    "sockets": "it needs an instance without descriptors: daemon/sessiond/test-sessiond.c",
    "disk": "it needs a full disk: test/attack/audit.py",
    "reports": "no client sees it: daemon/worker/test-worker-grant.c",
    "ui-offers": "it needs a service that composes: daemon/worker/test-worker-offer.c",
    **{f"ui-{name}": "services alone meet it: daemon/worker/test-worker-offer.c"
       for name in ("patches", "patch", "traffic", "references", "polls")},
}


# ---- the tables, and what they are held against --------------------------------------------------

def schema_of(name):
    with open(os.path.join(s.TOP, "schema", name + ".capnp"), encoding="utf-8") as f:
        return f.read()


def members(text, kind, name, pattern):
    body = re.search(rf"^{kind} {name} .*?\{{(.*?)^\}}", text, re.S | re.M).group(1)
    return re.findall(pattern, body, re.M)


def complete():
    """What the schema has is in the tables, and nothing else is."""
    rs = schema_of("remote_session")
    wanted = {"RemoteDenial": set(members(rs, "enum", "RemoteDenial", r"^  (\w+) @")) - {"none"},
              "RemoteAuthKind": set(members(rs, "enum", "RemoteAuthKind", r"^  (\w+) @"))}
    tables = {"RemoteDenial": set(DENIALS), "RemoteAuthKind": set(WAYS)}
    for file, names in CLIENTS:
        for name in names:
            wanted[name] = set(members(schema_of(file), "interface", name, r"^  (\w+) @"))
            tables[name] = set(SUCCESSES[name])
    with open(os.path.join(s.TOP, "doc", "protocol", "admission.md"), encoding="utf-8") as f:
        wanted["quotas"] = set(re.findall(r"over-quota\.([a-z-]*[a-z])", f.read()))
    tables["quotas"] = set(QUOTAS)
    wrong = {k: sorted(wanted[k] ^ tables[k]) for k in wanted if wanted[k] != tables[k]}
    need(not wrong, f"in the schema or in the tables alone: {wrong}")


def skipped(why):
    def row():
        raise Skip(why)
    return row


def code_of(name):
    return "denied." + re.sub("[A-Z]", lambda m: "-" + m.group().lower(), name)


def rows(smoke):
    def bound(function):
        return lambda: function(smoke.table if hasattr(Table, function.__name__) and
                                getattr(Table, function.__name__) is function else smoke)

    def provokes(code, function):
        def row():
            denials.SEEN.clear()
            bound(function)()
            need(code in denials.SEEN, f"{code} was not met, but {denials.SEEN}")
        return row

    yield "the tables are complete", complete
    for interface, methods in SUCCESSES.items():
        for name, function in methods.items():
            yield f"{interface}.{name}", skipped(function) if isinstance(function, str) else bound(function)
    for name, function in WAYS.items():
        yield f"login by {name}", skipped(function) if isinstance(function, str) else bound(function)
    yield "the command", smoke.by_command
    for name, how in DENIALS.items():
        code = code_of(name)
        yield (code, skipped(how)) if isinstance(how, str) else (f"{code}: {how[0]}", provokes(code, how[1]))
    for name, how in QUOTAS.items():
        code = f"over-quota.{name}"
        yield (code, skipped(how)) if isinstance(how, str) else (f"{code}: {how[0]}", provokes(code, how[1]))


def main():
    narrow = instance.profile("narrow", ["session", "system_info"], references=REFERENCES, message='"16KiB"')
    text = instance.manifest(guest=True, services=denials.services(),
                             profiles=[*denials.profiles(), narrow])
    try:
        with tempfile.TemporaryDirectory(prefix="capos-smoke-") as folder, instance.Instance(text) as run:
            denials.accounts(run, [*denials.WIDE, "narrow"])
            return instance.run_cases(SCRIPT, rows(Smoke(run, folder)))
    except (Failed, Refused, s.Closed, OSError) as e:
        print(f"not ok instance - {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
