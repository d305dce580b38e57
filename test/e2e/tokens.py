"""tokens: signed JSON Web Tokens that are made of bytes, and the keys they are signed with.

Why: whoever checks tokens must take those that others make, and refuse those that nobody should
make. Who makes tokens well has a library; who cheats writes header and claims as they are, twice or
not at all, and signs by whatever key and in whatever form. Keys are those of python3-cryptography.
"""
import base64
import hashlib
import hmac
import json

import debian  # noqa: F401
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")


def b64(data):
    """base64url without padding, as text."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text):
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))


def encoded(part):
    """A part of a token: an object, or its text as somebody has written it."""
    if not isinstance(part, (str, bytes)):
        part = json.dumps(part)
    return b64(part.encode() if isinstance(part, str) else part)


class Key:
    """For one algorithm, with an id: its thumbprint, unless it is given one."""

    def __init__(self, algorithm="EdDSA", kid=None):
        self.algorithm = algorithm
        if algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
        elif algorithm in ("ES256", "ES384"):
            self.private = ec.generate_private_key(
                ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
        else:
            self.private = rsa.generate_private_key(65537, 2048)
        self.kid = kid or self.thumbprint()

    @property
    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def private_pem(self):
        return self.private.private_bytes(serialization.Encoding.PEM,
                                          serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()).decode()

    def members(self):
        """Those of the public key that its thumbprint is of."""
        if self.algorithm == "EdDSA":
            point = self.private.public_key().public_bytes(serialization.Encoding.Raw,
                                                           serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(point)}
        n = self.private.public_key().public_numbers()
        if self.algorithm in ("ES256", "ES384"):
            return {"kty": "EC", "crv": {32: "P-256", 48: "P-384"}[self.size],
                    "x": b64(n.x.to_bytes(self.size, "big")),
                    "y": b64(n.y.to_bytes(self.size, "big"))}
        return {"kty": "RSA", "n": b64(n.n.to_bytes(256, "big")), "e": "AQAB"}

    @property
    def jwk(self):
        """The public key, as an object."""
        return {**self.members(), "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    @property
    def size(self):
        """Bytes of each number of an ECDSA signature."""
        return 32 if self.algorithm == "ES256" else 48

    def raw(self, text, algorithm=None):
        """The bytes of a signature."""
        algorithm = algorithm or self.algorithm
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(text)
        digest = hashes.SHA384() if algorithm == "ES384" else hashes.SHA256()
        if isinstance(self.private, rsa.RSAPrivateKey):
            pss = padding.PSS(padding.MGF1(digest), 32)
            return self.private.sign(text, pss if algorithm == "PS256" else padding.PKCS1v15(),
                                     digest)
        r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(digest)))
        return r.to_bytes(self.size, "big") + s.to_bytes(self.size, "big")

    def der(self, text):
        """An ECDSA signature in the other form."""
        return self.private.sign(text, ec.ECDSA(hashes.SHA256()))

    def token(self, claims, header=None, sign=None, **more):
        """A token. header: all of it, an object or text; more: additions to the usual one; sign: a
        function from text to signature."""
        if header is None:
            header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT", **more}
        text = f"{encoded(header)}.{encoded(claims)}".encode()
        return text + b"." + b64((sign or self.raw)(text)).encode()

    def thumbprint(self):
        """RFC 7638."""
        text = json.dumps(self.members(), sort_keys=True, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())


def other_half(signature):
    """The other signature by P-256 of the same text: whoever has one, has both."""
    order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
    return signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


# Public keys by which everybody signs: the points of small order of Ed25519, the last in another form,
# and RSA with an exponent of one.
SMALL = ["01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 32, "01" + "00" * 30 + "80"]
WEAK = [{"kty": "OKP", "crv": "Ed25519", "x": b64(bytes.fromhex(point))} for point in SMALL]
WEAK.append({"kty": "RSA", "n": b64(b"\xff" * 255 + b"\xef"), "e": "AQ"})


def by_nobody(_):
    """A signature by the first of these, of any text."""
    return bytes.fromhex(SMALL[0]) + bytes(32)


def by_one(text):
    """… by the last: the padded hash itself."""
    head = bytes.fromhex("3031300d060960864801650304020105000420")
    digest = head + hashlib.sha256(text).digest()
    return b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest


def by_secret(secret):
    """An HMAC by something that everybody knows."""
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()
