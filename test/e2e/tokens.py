"""tokens: JSON Web Tokens and the keys they are signed with, made by another implementation.

Why: whoever checks tokens must take those that the world makes, and refuse those that nobody
should make; so each part of one can be chosen here. Keys and signatures are python3-cryptography's.
"""
import base64
import hashlib
import json
import time

import debian  # noqa: F401
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
CURVES = {"ES256": (ec.SECP256R1, "P-256", 32, hashes.SHA256),
          "ES384": (ec.SECP384R1, "P-384", 48, hashes.SHA384)}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, width=0):
    return encode(value.to_bytes(width or (value.bit_length() + 7) // 8, "big"))


class Key:
    """Signs by one algorithm, unless it is told another that its kind can."""

    def __init__(self, algorithm="EdDSA", made=None):
        self.algorithm = algorithm
        if made:
            self.made = made
        elif algorithm == "EdDSA":
            self.made = ed25519.Ed25519PrivateKey.generate()
        elif algorithm in CURVES:
            self.made = ec.generate_private_key(CURVES[algorithm][0]())
        else:
            self.made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.id = self.thumbprint()

    def pem(self, private=False):
        if private:
            return self.made.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()).decode()
        return self.made.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def jwk(self):
        public = self.made.public_key()
        if self.algorithm == "EdDSA":
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": encode(raw)}
        n = public.public_numbers()
        if self.algorithm in CURVES:
            _, name, width, _ = CURVES[self.algorithm]
            return {"kty": "EC", "crv": name, "x": number(n.x, width), "y": number(n.y, width)}
        return {"kty": "RSA", "n": number(n.n), "e": number(n.e)}

    def thumbprint(self):
        """RFC 7638."""
        text = json.dumps(self.jwk(), sort_keys=True, separators=(",", ":"))
        return encode(hashlib.sha256(text.encode()).digest())

    def sign(self, text, algorithm=None, salt=32):
        algorithm = algorithm or self.algorithm
        if algorithm == "EdDSA":
            return self.made.sign(text)
        if algorithm == "RS256":
            return self.made.sign(text, padding.PKCS1v15(), hashes.SHA256())
        if algorithm == "PS256":
            pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
            return self.made.sign(text, pss, hashes.SHA256())
        _, _, width, digest = CURVES[algorithm]
        r, s = utils.decode_dss_signature(self.made.sign(text, ec.ECDSA(digest())))
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def claims(account, audience, nonce, **lies):
    """What an assertion says; a lie of None leaves a claim out."""
    now = int(time.time())
    said = {"iss": account, "sub": account, "aud": audience, "iat": now, "exp": now + 120,
            "nonce": nonce} | lies
    return {k: v for k, v in said.items() if v is not None}


def joined(header, said, signature):
    """A token of its three parts, of which texts and bytes are taken as they are."""
    def part(x):
        if isinstance(x, dict):
            x = json.dumps(x).encode()
        return encode(x.encode() if isinstance(x, str) else x)
    return ".".join((part(header), part(said), part(signature)))


def token(key, said, header=None, signer=None):
    """Signed. header: more of it, or, as text, all of it. signer: who signs in the key's place."""
    if not isinstance(header, str):
        header = {"alg": key.algorithm, "kid": key.id} | (header or {})
        header = {k: v for k, v in header.items() if v is not None}
    text = joined(header, said, b"").rstrip(".")
    return text + "." + encode((signer or key).sign(text.encode()))
