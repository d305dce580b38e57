"""sshforge: SSH keys, security keys and certificates that are made of bytes.

Why: ssh-keygen makes nothing that is wrong, and a security key signs nothing that nobody has
touched. Who cheats has his own tools; here every field of a certificate and of a signature can be
chosen, and what is not chosen is as OpenSSH would have it (PROTOCOL.certkeys, PROTOCOL.u2f,
PROTOCOL.sshsig). Keys are those of python3-cryptography.
"""
import base64
import hashlib
import os
import struct
import time

import debian  # noqa: F401
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

USER, HOST = 1, 2
TOUCHED, VERIFIED = 1, 4
SPACE = b"login@capos"
HASHES = {b"ecdsa-sha2-nistp256": hashes.SHA256, b"ecdsa-sha2-nistp384": hashes.SHA384,
          b"rsa-sha2-256": hashes.SHA256, b"rsa-sha2-512": hashes.SHA512, b"ssh-rsa": hashes.SHA1}
SK = {b"sk-ssh-ed25519@openssh.com": "ed25519", b"sk-ecdsa-sha2-nistp256@openssh.com": "p256"}


def strings(*parts):
    """Each with its length before it."""
    return b"".join(struct.pack(">I", len(p)) + p for p in parts)


def number(value):
    """A positive number (mpint)."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b""


# ---- keys ----------------------------------------------------------------------------------------

class Key:
    """kind: ed25519, p256, p384, rsa, sk-ed25519 or sk-p256; the last two are what a security key
    has inside. seed: for an Ed25519 key that is always the same."""

    def __init__(self, kind, application=b"ssh:", seed=None, bits=2048):
        self.application, self.counter = application, 0
        self.is_sk = kind.startswith("sk-")
        kind = kind.removeprefix("sk-")
        if kind == "ed25519":
            self.private = ed25519.Ed25519PrivateKey.from_private_bytes(seed or os.urandom(32))
            public = self.private.public_key().public_bytes(serialization.Encoding.Raw,
                                                            serialization.PublicFormat.Raw)
            self.name, self.rest = b"ssh-ed25519", strings(public)
        elif kind == "rsa":
            self.private = rsa.generate_private_key(65537, bits)
            n = self.private.public_key().public_numbers()
            self.name, self.rest = b"ssh-rsa", strings(number(n.e), number(n.n))
        else:
            curve = {"p256": ec.SECP256R1, "p384": ec.SECP384R1}[kind]()
            self.private = ec.generate_private_key(curve)
            point = self.private.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
            self.name = b"ecdsa-sha2-nist" + kind.encode()
            self.rest = strings(b"nist" + kind.encode(), point)
        if self.is_sk:
            self.name = {v: k for k, v in SK.items()}[kind]
            self.rest += strings(application)

    @property
    def blob(self):
        return strings(self.name) + self.rest

    @property
    def line(self):
        """As in a .pub file."""
        return f"{self.name.decode()} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self):
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode()
        return "SHA256:" + digest.rstrip("=")

    def raw(self, message, algorithm):
        """The bytes of a signature, by an algorithm of this sort of key."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        digest = HASHES.get(algorithm, hashes.SHA256)()
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(message, padding.PKCS1v15(), digest)
        r, s = utils.decode_dss_signature(self.private.sign(message, ec.ECDSA(digest)))
        return strings(number(r), number(s))

    def sign(self, message, algorithm=None, flags=TOUCHED, application=None):
        """A signature in SSH's form. flags, application: what a security key signs of itself."""
        algorithm = algorithm or (b"rsa-sha2-512" if self.name == b"ssh-rsa" else self.name)
        if not self.is_sk:
            return strings(algorithm, self.raw(message, algorithm))
        self.counter += 1
        said = struct.pack(">BI", flags, self.counter)
        application = self.application if application is None else application
        signed = (hashlib.sha256(application).digest() + said + hashlib.sha256(message).digest())
        return strings(algorithm, self.raw(signed, algorithm)) + said


# ---- signatures of texts -------------------------------------------------------------------------

def envelope(message, space=SPACE, digest=b"sha512"):
    """What is really signed."""
    hashed = hashlib.new(digest.decode(), message).digest()
    return b"SSHSIG" + strings(space, b"", digest, hashed)


def sshsig(key, message, shown=None, space=SPACE, digest=b"sha512", change=None, **how):
    """An SSHSIG blob. shown: what stands there as the key, if not it. change: of the signature."""
    signature = key.sign(envelope(message, space, digest), **how)
    if change:
        signature = change(signature)
    return b"SSHSIG" + struct.pack(">I", 1) + strings(shown or key.blob, space, b"", digest,
                                                      signature)


# ---- certificates --------------------------------------------------------------------------------

class Certificate:
    """A certificate; each of its fields can be set before it is signed."""

    def __init__(self, key, authority, **fields):
        now = int(time.time())
        self.key, self.authority = key, authority
        self.name = None  # of its type, if not the key's
        self.nonce, self.serial, self.type, self.key_id = os.urandom(32), 7, USER, b"at work"
        self.principals, self.after, self.before = [], now - 3600, now + 3600
        self.options, self.extensions, self.reserved = [], b"", b""
        self.authority_blob = authority.blob
        self.algorithm = None  # of its signature
        for name, value in fields.items():
            if name not in self.__dict__:
                raise TypeError(name)
            setattr(self, name, value)

    def text(self):
        """What the authority signs."""
        name = certificate_name(self.key.name) if self.name is None else self.name
        options = b"".join(strings(n, v) for n, v in self.options)
        return (strings(name, self.nonce) + self.key.rest +
                struct.pack(">QI", self.serial, self.type) +
                strings(self.key_id, strings(*self.principals)) +
                struct.pack(">QQ", self.after, self.before) +
                strings(options, self.extensions, self.reserved, self.authority_blob))

    def blob(self, **how):
        text = self.text()
        return text + strings(self.authority.sign(text, algorithm=self.algorithm, **how))


def certificate_name(key_name):
    """ssh-ed25519-cert-v01@openssh.com"""
    return key_name.removesuffix(b"@openssh.com") + b"-cert-v01@openssh.com"
