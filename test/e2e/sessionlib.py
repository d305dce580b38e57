"""sessionlib: a client of an instance that is made of bytes, for the tests of the whole.

Why: the tests here provoke what a good client never sends, look at ids and texts exactly as they
came over the wire, and must not depend on the library that is under test. So this stands on
test/interop/conf/wirelib.py (the encoding and rpc.capnp's messages) and on the layouts of schema/
alone. Python's standard library only.
"""
import hashlib
import os
import re
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "test", "interop", "conf"))

import wirelib as w  # noqa: E402
from wirelib import Closed, Conn, Failed, Hang, Struct  # noqa: E402,F401

WAIT_S = 120
OVER = (3, 4)  # a command in a session that has ended: its agent is told so just now, or has been, and is gone
KINDS = ["password", "publicKey", "oidcDeviceCode", "oidcAuthorizationCodePkce", "passkey",
         "mtlsClientCert", "guest", "anonymous", "serviceCredential"]
PASSWORD, PUBLIC_KEY = 0, 1


def type_id(schema, name, root="schema"):
    """The id of a declaration: explicit at the top of a file, or derived from that of what it is in."""
    with open(os.path.join(TOP, root, schema + ".capnp"), encoding="utf-8") as f:
        text = f.read()
    explicit = re.search(rf"^(?:interface|struct) {name} @0x([0-9a-f]+)", text, re.M)
    if explicit:
        return int(explicit.group(1), 16)
    outer, _, inner = name.rpartition(".")
    parent = type_id(schema, outer, root) if outer else int(re.search(r"^@0x([0-9a-f]+);", text, re.M).group(1), 16)
    digest = hashlib.md5(struct.pack("<Q", parent) + inner.encode()).digest()
    return struct.unpack(">Q", digest[:8])[0] | 1 << 63


def ordinal(schema, method):
    """The number of a method; its name is the only one of that file."""
    with open(os.path.join(TOP, "schema", schema + ".capnp"), encoding="utf-8") as f:
        return int(re.search(rf"^  {method} @(\d+) ", f.read(), re.M).group(1))


GATEWAY = type_id("remote_session", "RemoteSessionGateway")
FLOW = type_id("remote_session", "RemoteAuthFlow")
SESSION = type_id("remote_session", "RemoteSession")
CAP_SET = type_id("remote_session", "RemoteCapSet")
USER_SESSION = type_id("user_session", "UserSession")
CHAT = type_id("chat", "Chat")
MEMBERSHIP = type_id("chat", "ChatMembership")
LISTENER = type_id("chat", "ChatListener")
SYSTEM_INFO = type_id("system_info", "SystemInfo")
ADMIN = type_id("admin", "Admin")


class Refused(Exception):
    """A call came back as an exception."""

    def __init__(self, kind, reason):
        super().__init__(f"{kind}: {reason}")
        self.kind, self.reason = kind, reason

    @property
    def code(self):
        text = self.reason
        while text.startswith("remote exception: "):
            text = text[len("remote exception: "):]
        return re.split("[ :]", text, maxsplit=1)[0]


class Result:
    """What a call returned: its content and the references in it."""

    def __init__(self, peer, message):
        self.peer, self.content = peer, message.results()
        self.table = message.caps()

    def ref(self, pointer, iface):
        """The reference behind a pointer of the content."""
        cap = self.content.ptr(pointer)
        if not isinstance(cap, w.Cap):
            raise Failed("a reference was expected")
        kind, number = self.table[cap.index]
        if kind not in (w.SENDER_HOSTED, w.SENDER_PROMISE):
            raise Failed(f"a reference of the server's was expected, not kind {kind}")
        return Ref(self.peer, number, iface)


class Ref:
    """A reference that the server has exported to this client."""

    def __init__(self, peer, number, iface):
        self.peer, self.number, self.iface = peer, number, iface

    def call(self, method, params=None, caps=()):
        return self.peer.wait(self.send(method, params, caps))

    def send(self, method, params=None, caps=()):
        """Makes a call without waiting; the question's number."""
        q = self.peer.fresh_id()
        self.peer.send(w.call(q, self.number, method, params, caps, iface=self.iface))
        return q

    def release(self, count=1):
        self.peer.send(w.release(self.number, count))


class Peer(Conn):
    """A connection to an instance, before and after a login."""

    def __init__(self, address):
        super().__init__(address, time.monotonic() + WAIT_S)

    def more_time(self):
        self.deadline = time.monotonic() + WAIT_S

    def send(self, *frames):
        """From then on there is so much time again, however old the connection is."""
        self.more_time()
        super().send(*frames)

    def wait(self, question):
        """The outcome of a question; references in it stay."""
        self.more_time()
        for m in self.others:
            if m.tag == w.RETURN and m.answer_id == question:
                self.others.remove(m)
                break
        else:
            m = self.recv_return(question)
        if not m.no_finish_needed:
            self.send(w.finish(question, release=False))
        why = m.exception()
        if why:
            raise Refused(*why)
        return Result(self, m)

    def gateway(self):
        self.more_time()
        return Ref(self, self.bootstrap(), GATEWAY)

    def anonymous(self, profile=None, gateway=None):
        gateway = gateway or self.gateway()
        return gateway.call(3, Struct(b"", [profile, None])).ref(0, SESSION)

    def guest(self, profile=None, gateway=None):
        gateway = gateway or self.gateway()
        return gateway.call(2, Struct(b"", [profile, None])).ref(0, SESSION)

    def flow(self, kind, account=None, profile=None, gateway=None):
        gateway = gateway or self.gateway()
        return gateway.call(1, auth_start(kind, account, profile)).ref(0, FLOW)

    def password(self, account, password, profile=None, gateway=None):
        flow = self.flow(PASSWORD, account, profile, gateway)
        return answer(flow, password).ref(1, SESSION)


def auth_start(kind, account=None, profile=None, client_nonce=None, binding=0):
    """Parameters with one RemoteAuthStart."""
    source = Struct(b"", ["e2e", None, None])
    return Struct(b"", [Struct(struct.pack("<HHH", kind, 0, binding),
                               [Struct(b"", [account]), profile, client_nonce, source])])


def answer(flow, response):
    """One step of a flow; text, or bytes."""
    if isinstance(response, str):
        response = response.encode()
    return flow.call(0, Struct(b"", [response]))


def cap_set(session):
    return session.call(1).ref(0, CAP_SET)


def get(caps, name, iface):
    return caps.call(1, Struct(struct.pack("<Q", iface), [name])).ref(0, iface)


def names(caps):
    """What a bundle lists: {name: (interface id, transfer policy, lease end)}."""
    return {text(e.ptr(0)): (e.uint(0, 64), text(e.ptr(1)), e.uint(64, 64))
            for e in caps.call(0).content.ptr(0)}


def methods(caps):
    """Those that each of a bundle has, where it has not all: {name: [(interface id, ordinal, name)]}."""
    return {text(e.ptr(0)): [(m.uint(0, 64), m.uint(64, 16), text(m.ptr(0))) for m in e.ptr(4) or []]
            for e in caps.call(0).content.ptr(0)}


def text(pointer):
    return (pointer or b"\0")[:-1].decode()


def motd(info):
    return text(info.call(0).content.ptr(0))


def join(chat, channel, listener=None):
    """Joins; listener is an export id of the client's, or None. (membership, label)."""
    caps = [w.descriptor(w.SENDER_HOSTED, listener)] if listener is not None else []
    params = Struct(b"", [channel, w.Cap(0) if listener is not None else None])
    r = chat.call(0, params, caps)
    return r.ref(0, MEMBERSHIP), text(r.content.ptr(1))


class Admin:
    """The admin socket of an instance."""

    def __init__(self, path):
        self.peer = Peer("unix:" + path)
        self.ref = Ref(self.peer, self.peer.bootstrap(), ADMIN)

    @classmethod
    def of(cls, ref):
        """The same calls, on the `admin` of a session."""
        admin = cls.__new__(cls)
        admin.peer, admin.ref = ref.peer, ref
        return admin

    def close(self):
        self.peer.close()

    def account_add(self, name, profiles, password):
        self.ref.call(0, Struct(b"", [name, w.Ptrs(list(profiles)), password.encode()]))

    def account_remove(self, name):
        self.ref.call(1, Struct(b"", [name]))

    def key_add(self, name, key, sources="", expires_ms=0):
        options = Struct(struct.pack("<Q", expires_ms), [sources, ""])
        return text(self.ref.call(3, Struct(b"", [name, key, options])).content.ptr(0))

    def key_remove(self, name, fingerprint):
        self.ref.call(4, Struct(b"", [name, fingerprint]))

    def passwd(self, name, password):
        self.ref.call(5, Struct(b"", [name, password.encode()]))

    def account_lock(self, name, reason=""):
        self.ref.call(22, Struct(b"", [name, reason]))

    def account_unlock(self, name):
        self.ref.call(23, Struct(b"", [name]))

    def account_expire(self, name, at_ms):
        self.ref.call(24, Struct(at_ms.to_bytes(8, "little"), [name]))

    def pages(self, method, most=0):
        """What a call lists that gives a page at a time."""
        after, found = "", []
        while True:
            r = self.ref.call(method, Struct(struct.pack("<Q", most), [after])).content
            found += list(r.ptr(0) or [])
            after = text(r.ptr(1))
            if not after:
                return found

    def accounts(self):
        """Their names."""
        return [text(a.ptr(0)) for a in self.pages(2)]

    def sessions(self):
        """[{id, account, profile, kind, source, dropped, grants}], the oldest first."""
        return [{"id": text(s.ptr(0)), "account": text(s.ptr(1)), "profile": text(s.ptr(2)),
                 "kind": text(s.ptr(3)), "source": text(s.ptr(4)),
                 "dropped": s.uint(128, 64), "grants": [text(g) for g in s.ptr(5) or []]} for s in self.pages(6)]

    def revoke(self, session, cap=None):
        self.ref.call(7, Struct(b"", [session, cap]))

    def status(self):
        r = self.ref.call(8).content
        return {"sessions": r.uint(0, 32), "workers": r.uint(32, 32),
                "descriptors": r.uint(64, 32)}

    def ledgers(self):
        """{name: (limit, used, most)} of what many share."""
        rows = self.ref.call(8).content.ptr(7)
        return {text(r.ptr(0)): (r.uint(0, 64), r.uint(64, 64), r.uint(128, 64)) for r in rows}

    def audit_path(self):
        return text(self.ref.call(9).content.ptr(0))
