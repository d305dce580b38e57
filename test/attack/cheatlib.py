"""cheatlib: proofs that have something wrong about them, and a man in the middle who carries them.

Why: a proof is worth something for one nonce, one connection, one account and one profile, and only
the instance may say which. Whoever cheats speaks the protocol well and lies in one field, so that
here every field of the transcript and of a signature can be chosen, and the rest is as it should be.

Each try comes from an address of its own: what an address does again is counted, not recorded.
"""
import base64
import os
import select
import socket
import ssl
import struct
import subprocess
import threading

import attacklib
import certlib
import instance
import sessionlib as s
import tlspeer
from sessionlib import Failed, Refused, Struct

EXPORTER, SERVER_KEY = 0, 1
FIELDS = ("label", "transport", "channel", "nonce", "client_nonce", "account", "profile", "key_hash")
LABEL = b"capos admission proof 1"
SPACE = "login@capos"
COMMAND_S = 60
USER, TWIN, OTHER = "carol", "dave", "eve"


# ---- signatures --------------------------------------------------------------------------------

def strings(*parts):
    """Each with its length before it."""
    return b"".join(struct.pack(">I", len(p)) + p for p in parts)


def transcript(fields):
    return strings(*[fields[name] for name in FIELDS])


def keygen(path, kind="ed25519", *more):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *more, "-N", "", "-C", "", "-f", path], check=True)
    return path


def public(path):
    with open(path + ".pub", encoding="ascii") as f:
        return f.read().strip()


def fingerprint(path):
    """Of an SSH key, as people compare it."""
    return subprocess.run(["ssh-keygen", "-lf", path + ".pub"], capture_output=True, text=True,
                          check=True).stdout.split()[1]


def sign(key, message, space=SPACE, digest="sha512"):
    """An SSHSIG blob by ssh-keygen."""
    env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
    done = subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", space, "-O",
                           f"hashalg={digest}"], input=message, capture_output=True, env=env,
                          timeout=COMMAND_S, check=True)
    return base64.b64decode(b"".join(done.stdout.splitlines()[1:-1]))


class Signature:
    """An SSHSIG blob in its parts, to be put together otherwise."""

    def __init__(self, blob):
        self.version = blob[6:10]
        self.key, self.space, self.reserved, self.digest, inner = self.split(blob[10:])
        self.algorithm, self.bytes = self.split(inner)

    @staticmethod
    def split(data):
        found = []
        while data:
            size = struct.unpack(">I", data[:4])[0]
            found.append(data[4:4 + size])
            data = data[4 + size:]
        return found

    def blob(self):
        return b"SSHSIG" + self.version + strings(self.key, self.space, self.reserved, self.digest,
                                                  strings(self.algorithm, self.bytes))


# ---- a man in the middle -------------------------------------------------------------------------

def own_certificate(folder, name):
    """(certificate, key) that nobody else has."""
    paths = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    certlib.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-days", "2", "-addext", "basicConstraints=CA:FALSE",
                    "-out", paths[0], "-keyout", paths[1])
    return paths


class Middle:
    """Ends TLS on both sides and passes on all that is said, in the clear between them. `heard`:
    what clients have said."""

    def __init__(self, upstream, identity, source, tls=True):
        self.upstream, self.source, self.tls = upstream, source, tls
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*identity)
        self.pin = certlib.fingerprint(identity[0])
        self.heard = bytearray()
        self.shows = None  # (certificate, key) of his own, as a client
        self.listen()

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.over, self.threads = threading.Event(), []

    def __enter__(self):
        self.start(self.accept)
        return self

    def __exit__(self, *_):
        self.over.set()
        for t in self.threads:
            t.join(s.WAIT_S)
        self.listener.close()

    def start(self, function, *arguments):
        self.threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self.threads[-1].start()

    def accept(self):
        while not self.over.is_set():
            if select.select([self.listener], [], [], 0.05)[0]:
                self.start(self.serve, self.listener.accept()[0])

    def serve(self, sock):
        """A client, who may not like what he is shown."""
        sock.settimeout(s.WAIT_S)
        try:
            client = tlspeer.Quiet(self.context.wrap_socket(sock, server_side=True))
            server = tlspeer.connect(self.upstream, self.source)
            if self.tls:
                context = tlspeer.client_context()
                if self.shows:
                    context.load_cert_chain(*self.shows)
                server = tlspeer.Quiet(context.wrap_socket(server))
            self.relay(client, server)
        except OSError:
            sock.close()

    def relay(self, client, server):
        for side in (client, server):
            getattr(side, "tls", side).setblocking(False)
        while not self.over.is_set():
            for side in select.select([client, server], [], [], 0.05)[0]:
                try:
                    got = side.recv(1 << 18)
                except BlockingIOError:
                    continue
                if not got:
                    client.close()
                    server.close()
                    return
                if side is client:
                    self.heard += got
                self.pass_on(server if side is client else client, got)

    @staticmethod
    def pass_on(side, data):
        sock = getattr(side, "tls", side)
        sock.settimeout(s.WAIT_S)
        sock.sendall(data)
        sock.setblocking(False)


# ---- the instance ------------------------------------------------------------------------------

class Target(certlib.TlsInstance):
    """Listens on tls:, plain: and unix:. Profiles: operator, robot, and loose, which allows the
    binding to the instance's key alone."""

    def __init__(self, public_key=True, ways="", others=(), **more):
        """ways: more of what the manifest says of `authentication`; others: more profiles."""
        profiles = [instance.profile("robot", ["session", "system_info"]),
                    instance.profile("loose", ["session", "system_info"]).replace(
                        "lease", "serverKeyBinding = true, lease", 1)]
        text = instance.manifest(profiles=[*profiles, *others], **more)
        ways += "" if public_key else "publicKey = false, "
        text = text.replace("authentication = (", f"authentication = ({ways}", 1)
        super().__init__(text, user=False)

    @property
    def identity(self):
        """(certificate, private key) of the instance: for who has stolen them."""
        return tuple(os.path.join(self.state, "tls", n) for n in ("cert.pem", "key.pem"))

    def account(self, name, keys=(), profiles=("operator", "robot", "loose"), password=""):
        """keys: paths, or what has a line of its own (sshforge.py)."""
        admin = self.admin()
        try:
            admin.account_add(name, profiles, password)
            for key in keys:
                admin.key_add(name, public(key) if isinstance(key, str) else key.line)
        finally:
            admin.close()

    def admin_call(self, method, *pointers):
        """A call of the admin socket; its result."""
        admin = self.admin()
        try:
            return admin.ref.call(method, Struct(b"", list(pointers)))
        finally:
            admin.close()

    def records(self, begin=0):
        return instance.audit(self.state)[begin:]


class Login:
    """A flow that has begun, and what it must be proved with."""

    def __init__(self, peer, account, profile="", kind=s.PUBLIC_KEY, client_nonce=b"",
                 binding=EXPORTER, session=None):
        self.peer, self.account, self.profile = peer, account, profile
        self.client_nonce, self.binding = client_nonce, binding
        start = s.auth_start(kind, account, profile, client_nonce or None, binding)
        on = session.call(4, start) if session else peer.first.call(1, start)
        self.flow = on.ref(0, s.FLOW)
        self.nonce = b""

    def ask(self):
        """Gets the nonce."""
        step = self.flow.call(0, Struct(b"", [None])).content.ptr(0)
        self.nonce, self.expires_ms = step.ptr(3), step.uint(64, 64)
        return self

    def fields(self, **lies):
        tls = self.peer.transport == "tls"
        honest = {"label": LABEL, "channel": b"", "nonce": self.nonce,
                  "client_nonce": self.client_nonce, "account": self.account.encode(),
                  "profile": self.profile.encode(), "transport": self.peer.transport.encode(),
                  "key_hash": self.peer.key_hash if tls else b""}
        if self.binding == SERVER_KEY:
            honest["transport"] = b"tls-key"
        elif tls:
            honest["channel"] = self.peer.exporter
        return honest | lies

    def text(self, **lies):
        """The transcript, with these fields otherwise."""
        return transcript(self.fields(**lies))

    def signed(self, key, **lies):
        return sign(key, self.text(**lies))

    def prove(self, response):
        return s.answer(self.flow, response).ref(1, s.SESSION)


class Cheats:
    """What the tries of a script have in common. kind: of what is tried, by its name."""

    def __init__(self, target, kind):
        self.target, self.kind = target, kind
        self.folder = target.folder.name
        self.number, self.begin, self.peers = 0, 0, []

    def tried(self, function):
        """The try, from an address of its own."""
        def run():
            self.number += 1
            self.source = f"127.20.{self.number}.1"
            self.begin = len(self.target.records())
            try:
                return function()
            finally:
                for peer in self.peers:
                    peer.close()
                self.peers.clear()
        return run

    def elsewhere(self):
        """Another address, for a try that goes on."""
        first, second, third, fourth = self.source.split(".")
        self.source = f"{first}.{second}.{third}.{int(fourth) + 1}"

    # ---- connections

    def peer(self, transport="tls", address=None):
        if transport == "tls":
            peer = tlspeer.TlsPeer(address or self.target.tls, self.source)
        elif transport == "plain":
            peer = s.Peer(tlspeer.connect(address or self.target.address, self.source))
        else:
            peer = s.Peer("unix:" + self.target.unix)
        peer.transport = transport
        return self.take(peer)

    def take(self, peer):
        peer.first = peer.gateway()
        self.peers.append(peer)
        return peer

    def login(self, account, profile="", peer=None, **how):
        """A flow that waits for its proof."""
        return Login(peer or self.peer(), account, profile, **how).ask()

    # ---- outcomes

    def recorded(self, outcome, why="", **wanted):
        """The records of this try that say so; there must be one. why: how its detail begins."""
        wanted = {"kind": self.kind, **wanted}
        found = [r for r in self.target.records(self.begin)
                 if r["what"] == "attempt" and r["outcome"] == outcome and
                 r.get("detail", "").startswith(why) and
                 all(r.get(k) == v for k, v in wanted.items() if v is not None)]
        if not found:
            raise Failed(f"no record of {outcome} {why!r} with {wanted} in {self.target.records(self.begin)}")
        return found

    def refused(self, code, call, layer=None, audit=True, says="", **wanted):
        """The call is refused with this code, which is recorded; nobody is let in. Who stopped it."""
        grants = self.grants()
        try:
            call()
        except Refused as e:
            if e.code != code or says not in e.reason:
                raise Failed(f"expected {code} {says!r}, got {e}") from e
        else:
            raise Failed("it got through")
        if audit:
            self.recorded(code, **wanted)
        if self.grants() != grants:
            raise Failed("a session has begun")
        return layer or ("prover" if code == "denied.credentials" else "sessiond")

    def grants(self):
        """How often somebody was let in, by all that is recorded of it."""
        return sum(r["what"] in ("grant", "renewal", "attempt") and r["outcome"] == "ok"
                   for r in self.target.records(self.begin))

    def let_in(self, session, account):
        """It is a session of this account, and recorded; the layer of what is allowed."""
        if s.text(session.call(0).content.ptr(0).ptr(1)) != account:
            raise Failed("it is another account's")
        self.recorded("ok", account=account)
        return "nobody"

    def capos(self, *words, code=0, stdin=""):
        """Runs the command; what it says on standard error."""
        env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        env.update(HOME=self.folder, XDG_RUNTIME_DIR=self.folder, XDG_CONFIG_HOME=self.folder)
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                              input=stdin, env=env, capture_output=True, text=True,
                              timeout=COMMAND_S, check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done.stderr

    def middle(self, identity=None, upstream=None, tls=True):
        """Somebody between; with a key of his own, unless he has another."""
        identity = identity or own_certificate(self.folder, f"middle-{self.number}")
        return Middle(upstream or self.target.tls, identity, self.source, tls)



class KeyCheats(Cheats):
    """carol and dave have the same key, carol also one of each other type, eve her own; nobody has
    the stray."""

    def __init__(self, target):
        super().__init__(target, "publicKey")
        self.key, self.ecdsa, self.rsa, self.eve, self.stray = (
            keygen(os.path.join(self.folder, name), *how) for name, how in
            (("key", ()), ("ecdsa", ("ecdsa",)), ("rsa", ("rsa", "-b", "2048")), ("eve", ()),
             ("stray", ())))
        for name, keys in ((USER, (self.key, self.ecdsa, self.rsa)), (TWIN, (self.key,)),
                           (OTHER, (self.eve,))):
            target.account(name, keys)

    def wrong(self, login, response, **wanted):
        """The proof does not convince."""
        return self.refused("denied.credentials", lambda: login.prove(response), **wanted)

    def lie(self, to=USER, over="tls", how=None, **fields):
        """A login whose proof says something else in these fields."""
        login = self.login(to, "operator", self.peer(over), **(how or {}))
        return self.wrong(login, login.signed(self.key, **fields), account=to, transport=over)


def main(script, prefix, cases, names, make=Target):
    """Runs a script's tries: the methods of these names, in their order. The exit code."""
    def tries(target):
        made = cases(target)
        return {f"{prefix}{i + 1}": made.tried(getattr(made, n)) for i, n in enumerate(names)}
    return attacklib.main(script, make, tries)
