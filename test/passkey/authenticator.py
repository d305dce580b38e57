#!/usr/bin/env python3
"""authenticator.py FILE ORIGIN [--algorithm es256|eddsa|rs256]: an authenticator and its browser, in software.

Reads what is asked for from standard input, PublicKeyCredentialCreationOptionsJSON or
PublicKeyCredentialRequestOptionsJSON, and writes the answer to standard output: RegistrationResponseJSON or
AuthenticationResponseJSON. Its passkeys lie in FILE, unprotected: it is for tests. `capos` starts it by
--passkey-command; tests of what must be refused use the class, and bend what it says.
"""
import argparse
import base64
import datetime
import hashlib
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import debian  # noqa: E402,F401
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa  # noqa: E402

ES256, EDDSA, RS256 = -7, -8, -257
NAMES = {"es256": ES256, "eddsa": EDDSA, "rs256": RS256}
AAGUID = bytes.fromhex("ca905ca905ca905ca905ca905ca905ca")
PRESENT, VERIFIED, MAY_BE_COPIED, COPIED, CREDENTIAL, EXTENSIONS = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(v):
    """What authenticators need of CBOR (RFC 8949)."""
    def head(major, n):
        for low, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if n < 24:
                return bytes([major << 5 | n])
            if n < 1 << (8 * size):
                return bytes([major << 5 | low]) + n.to_bytes(size, "big")
        raise ValueError(n)
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(cbor(x) for x in v)
    if isinstance(v, dict):
        return head(5, len(v)) + b"".join(cbor(k) + cbor(x) for k, x in v.items())
    raise TypeError(v)


def make_key(algorithm):
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def cose(key):
    public = key.public_key()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        n = public.public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: n.x.to_bytes(32, "big"), -3: n.y.to_bytes(32, "big")}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {1: 1, 3: EDDSA, -1: 6, -2: raw}
    n = public.public_numbers()
    return {1: 3, 3: RS256, -1: n.n.to_bytes(256, "big"), -2: n.e.to_bytes(3, "big")}


def sign(key, data):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def certificate(key):
    """A maker's, by itself, as WebAuthn 8.2.1 wants it."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation")])
    now = datetime.datetime.now(datetime.timezone.utc)
    make = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4"), b"\x04\x10" + AAGUID)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    made = made.add_extension(x509.BasicConstraints(False, None), True).add_extension(make, False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Passkey:
    """One, and all that it says when it signs: a test may change each of these before."""

    def __init__(self, party, user, algorithm=ES256, key=None, ident=None, count=0):
        self.party, self.user, self.algorithm = party, user, algorithm
        self.key = key or make_key(algorithm)
        self.id = ident or os.urandom(32)
        self.count = count
        self.flags = PRESENT | VERIFIED
        self.extensions = b""  # what it adds unasked

    def data(self, more=b""):
        flags = self.flags | (CREDENTIAL if more else 0) | (EXTENSIONS if self.extensions else 0)
        front = hashlib.sha256(self.party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")
        return front + more + self.extensions

    def client(self, kind, challenge, origin, **more):
        return json.dumps({"type": kind, "challenge": b64(challenge), "origin": origin, "crossOrigin": False, **more},
                          separators=(",", ":")).encode()

    def response(self, **fields):
        return {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "clientExtensionResults": {},
                "response": {k: b64(v) for k, v in fields.items()}}

    def make(self, challenge, origin, attestation="none", client=None):
        """The RegistrationResponseJSON, as a dict."""
        client = client or self.client("webauthn.create", challenge, origin)
        data = self.data(AAGUID + len(self.id).to_bytes(2, "big") + self.id + cbor(cose(self.key)))
        statement, text = {}, data + hashlib.sha256(client).digest()
        if attestation == "packed":
            statement = {"alg": self.algorithm, "sig": sign(self.key, text)}
        elif attestation == "certified":
            maker = make_key(ES256)
            attestation, statement = "packed", {"alg": ES256, "sig": sign(maker, text), "x5c": [certificate(maker)]}
        return self.response(clientDataJSON=client, attestationObject=cbor(
            {"fmt": attestation, "attStmt": statement, "authData": data}))

    def get(self, challenge, origin, client=None, user=True):
        """The AuthenticationResponseJSON, as a dict."""
        self.count += 1
        client = client or self.client("webauthn.get", challenge, origin)
        data = self.data()
        fields = {"clientDataJSON": client, "authenticatorData": data,
                  "signature": sign(self.key, data + hashlib.sha256(client).digest())}
        if user:
            fields["userHandle"] = self.user
        return self.response(**fields)

    def save(self):
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption())
        return {"party": self.party, "user": b64(self.user), "algorithm": self.algorithm, "key": pem.decode(),
                "id": b64(self.id), "count": self.count}

    @staticmethod
    def load(s):
        key = serialization.load_pem_private_key(s["key"].encode(), None)
        return Passkey(s["party"], unb64(s["user"]), s["algorithm"], key, unb64(s["id"]), s["count"])


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [Passkey.load(s) for s in json.load(f)]
    except FileNotFoundError:
        return []


def write(path, keys):
    with open(path, "w", encoding="utf-8") as f:
        json.dump([k.save() for k in keys], f)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("file")
    p.add_argument("origin")
    p.add_argument("--algorithm", choices=NAMES, default="es256")
    p.add_argument("--attestation", choices=["none", "packed", "certified"], default="none")
    a = p.parse_args()
    asked, keys = json.load(sys.stdin), read(a.file)
    challenge = unb64(asked["challenge"])
    if "rp" in asked:
        algorithm = NAMES[a.algorithm]
        if algorithm not in [x["alg"] for x in asked["pubKeyCredParams"]]:
            sys.exit("authenticator.py: the algorithm is not wanted")
        if set(unb64(x["id"]) for x in asked.get("excludeCredentials", [])) & set(k.id for k in keys):
            sys.exit("authenticator.py: there is one already")
        one = Passkey(asked["rp"]["id"], unb64(asked["user"]["id"]), algorithm)
        keys.append(one)
        answer = one.make(challenge, a.origin, a.attestation)
    else:
        fit = [k for k in keys if k.party == asked["rpId"]]
        if not fit:
            sys.exit("authenticator.py: no passkey for " + asked["rpId"])
        answer = fit[-1].get(challenge, a.origin)
    write(a.file, keys)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
