"""prooflib: whatever an account may prove itself by, and logins by each, as a client that is made of bytes.

Why: what holds for logins in general has to be tried by all of them: password, SSH key, passkey, client certificate,
identity provider (a browser, a code for a device, an access token), assertion, and without an account. Who uses this
says what is proved and from where; the rest is as it should be.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import time

import certlib
import instance
import oplib
import sessionlib as s
import sshkeys
import tlspeer
import tokens

sys.path.insert(0, os.path.join(s.TOP, "test", "passkey"))
import authenticator  # noqa: E402

KINDS = {"password": 0, "key": 1, "oidc-device": 2, "oidc": 3, "passkey": 4, "certificate": 5, "guest": 6,
         "anonymous": 7, "service": 8}
BINDS = ("key", "service", "passkey", "oidc")  # may be bound to the instance's key alone
PARTY, ORIGIN, AUDIENCE = "capos.example", "https://capos.example", "capos-api"
REDIRECT = "http://127.0.0.1:9/callback"


class Provider(oplib.Provider):
    """One whose codes for devices are each somebody's own; everybody says yes at once."""

    def __init__(self):
        super().__init__()
        self.whose = {}

    def device(self, h, form):
        code = os.urandom(12).hex()
        self.whose[code] = self.claims
        h.answer(200, {"device_code": code, "user_code": "WDJB-MJHT", "verification_uri": f"{self.url}/activate",
                       "interval": 1, "expires_in": 600})

    def token(self, h, form):
        claims = self.whose.get(form.get("device_code"))
        if claims is None:
            super().token(h, form)
            return
        h.answer(200, self.tokens(None, claims=claims))

    def access(self, claims):
        now = int(time.time())
        return self.key.token({"iss": self.url, "aud": AUDIENCE, "exp": now + 80000, "iat": now,
                               "client_id": "c",
                               "jti": os.urandom(8).hex(), **claims}, typ="at+jwt").decode()


class Proofs:
    """Keys, an authority and a provider, which any number of instances may have in their manifests."""

    NKEYS, NPRINCIPALS = 3, 100  # the latter u0, u1, ...: those that the key `certified` is certified for

    def __init__(self, folder):
        self.keys, self.token, self.op = sshkeys.Keys(folder), tokens.Key(), Provider()
        self.ca = certlib.Authority(folder, "ca")
        self.certificates, self.passkeys = {}, {}
        for name in [f"k{i}" for i in range(self.NKEYS)] + ["authority", "certified"]:
            self.keys.keygen(name)
        self.keys.certify("certified", by="authority", principals=",".join(f"u{i}" for i in range(self.NPRINCIPALS)))
        self.secret = os.path.join(folder, "secret")
        with open(self.secret, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(oplib.SECRET + "\n")

    def stop(self):
        self.op.stop()

    def certificate(self, address):
        """(certificate, key) for a mail address; the same again."""
        if address not in self.certificates:
            self.certificates[address] = self.ca.issue(f"c{len(self.certificates)}", f"email:{address}")
        return self.certificates[address]

    def passkey(self, options):
        """Makes what an account is to have: RegistrationResponseJSON for what was asked; keeps it by its user."""
        asked = json.loads(options)
        one = authenticator.Passkey(PARTY, authenticator.unb64(asked["user"]["id"]))
        self.passkeys[asked["user"]["name"]] = one
        return json.dumps(one.make(authenticator.unb64(asked["challenge"]), ORIGIN))

    def signed(self, key, data):
        """What ssh-keygen makes of some bytes, without its armour."""
        made = subprocess.run(["ssh-keygen", "-Y", "sign", "-f", self.keys.path(key), "-n", "login@capos"], input=data,
                              check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60).stdout
        blob = base64.b64decode(b"".join(x for x in made.splitlines() if not x.startswith(b"-")))
        return self.with_certificate(blob) if key == "certified" else blob

    def with_certificate(self, blob):
        """The same signature, which names the certificate of its key and not the key."""
        cert = base64.b64decode(self.keys.read("certified-cert.pub").split()[1])
        size = int.from_bytes(blob[10:14], "big")
        return blob[:10] + len(cert).to_bytes(4, "big") + cert + blob[14 + size:]


class Ask:
    """A login that somebody tries. named: as in the request, None: not at all; what is proved is in `by`: an SSH key's
    name, a certificate's mail address, claims of a token, or None."""

    def __init__(self, name, method, profile=None, over="plain", **more):
        self.name, self.method, self.profile, self.over = name, method, profile, over
        self.source, self.by_server, self.by, self.named, self.access = "127.0.0.1", False, None, name, False
        self.__dict__.update(more)

    def __repr__(self):
        return str(self.__dict__)


class Way:
    """A connection to an instance, and a login there."""

    def __init__(self, proofs, target, ask):
        self.proofs, self.ask = proofs, ask
        self.transport, self.exporter, self.key_hash, self.audience = ask.over.encode(), b"", b"", "capos"
        if ask.over == "unix":
            self.peer = s.Peer("unix:" + target.unix)
        elif ask.over == "plain":
            self.peer = s.Peer(tlspeer.connect(target.address, ask.source))
        else:
            context = tlspeer.client_context()
            if ask.method == "certificate":
                context.load_cert_chain(*proofs.certificate(ask.by))
            self.peer = tlspeer.TlsPeer(target.tls, ask.source, context)
            self.exporter, self.key_hash = self.peer.exporter, self.peer.key_hash
            self.audience = tlspeer.fingerprint(self.key_hash)
        if ask.by_server:
            self.transport, self.exporter = b"tls-key", b""

    def close(self):
        self.peer.close()

    def transcript(self, nonce):
        fields = (b"capos admission proof 1", self.transport, self.exporter, nonce, b"",
                  (self.ask.named or "").encode(), (self.ask.profile or "").encode(), self.key_hash)
        return b"".join(len(f).to_bytes(4, "big") + f for f in fields)

    def begin(self):
        """The flow, and what it says first: a request that has the answer in it is one step before."""
        ask = self.ask
        start = s.auth_start(KINDS[ask.method], ask.named, ask.profile, None, int(ask.by_server))
        flow = self.peer.gateway().call(1, start).ref(0, s.FLOW)
        if ask.method in ("password", "certificate"):
            return flow, None
        first = REDIRECT if ask.method == "oidc" else ""
        return flow, s.answer(flow, first).content.ptr(0)

    def response(self, step):
        ask, proofs = self.ask, self.proofs
        if ask.method == "password":
            return instance.SECRET
        if ask.method == "key":
            return proofs.signed(ask.by, self.transcript(step.ptr(3)))
        if ask.method == "passkey":
            one = proofs.passkeys.get(ask.name) or authenticator.Passkey(PARTY, b"nobody")
            return json.dumps(one.get(hashlib.sha256(self.transcript(step.ptr(3))).digest(), ORIGIN))
        if ask.method == "oidc":
            proofs.op.claims = ask.by
            return proofs.op.browse(s.text(step.ptr(1)))
        if ask.method == "service" and ask.access:
            return proofs.op.access(ask.by)
        if ask.method == "service":
            return proofs.token.token(
                {"iss": ask.name, "sub": ask.name, "aud": self.audience, "exp": int(time.time()) + 120,
                 "nonce": tokens.b64(hashlib.sha256(self.transcript(step.ptr(3))).digest())})
        return ""

    def start(self):
        """All but waiting for the session: (where it is in what comes, the question)."""
        if self.ask.method in ("guest", "anonymous"):
            method = 2 if self.ask.method == "guest" else 3
            return 0, self.peer.gateway().send(method, s.Struct(b"", [self.ask.profile, None]))
        if self.ask.method == "oidc-device":
            self.proofs.op.claims = self.ask.by
        flow, step = self.begin()
        response = self.response(step)
        response = response if isinstance(response, bytes) else response.encode()
        return 1, flow.send(0, s.Struct(b"", [response]))

    def session(self, begun):
        return self.peer.wait(begun[1]).ref(begun[0], s.SESSION)


def lets_in(proofs, password=True, key=True, certificates="", passkeys=True, oidc=None, authority=None, revoked=()):
    """What a manifest's `authentication` has of these. certificates, oidc: their rules, as text; empty, None: no such
    way. authority: what is said of who certifies keys, beside who it is; None: nobody does."""
    parts = [f"password = {str(password).lower()}", 'passwordMemory = "8MiB"', f"publicKey = {str(key).lower()}"]
    if certificates:
        parts.append(f'certificates = (authorities = [(name = "ours", file = "{proofs.ca.pem}")], '
                     f"rules = [{certificates}])")
    if passkeys:
        parts.append(f'passkeys = (relyingParty = "{PARTY}", origins = ["{ORIGIN}"])')
    if oidc is not None:
        parts.append(f'oidc = [(name = "op", issuer = "{proofs.op.url}", clientId = "{oplib.CLIENT}", '
                     f'clientSecretFile = "{proofs.secret}", loopback = true, audience = "{AUDIENCE}", '
                     f"rules = [{oidc}])]")
    if authority is not None:
        parts.append(f'sshAuthorities = [(name = "ssh", key = "{proofs.keys.read("authority.pub")}"{authority})]')
    if revoked:
        parts.append(f"revokedFingerprints = [{', '.join(map(instance.quoted, revoked))}]")
    return ",\n    ".join(parts)
