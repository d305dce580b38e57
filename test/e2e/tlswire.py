"""tlswire: TLS 1.3 by its bytes, for who wants to know what a server has sent.

Why: a library says what it makes of a server, in words of its own version. Here the records are
opened with a connection's secrets (RFC 8446, 5 and 7), whoever has them: the handshake of our own
below, a log of Python's ssl, or one of s_client. What was in them is kept as it came, and told in
words that depend on nothing else. The ciphers themselves, and X25519, are libcrypto's; all else is
Python's standard library.
"""
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import re
import struct

import sessionlib as s
import wirelib as w

HANDSHAKE, ALERT, DATA, CHANGE = 22, 21, 23, 20
HELLO, SERVER_HELLO, TICKET, ENCRYPTED, CERTIFICATE, REQUEST, VERIFY, FINISHED, KEY_UPDATE = \
    1, 2, 4, 8, 11, 13, 15, 20, 24
TAG, GET_TAG, SET_TAG = 16, 0x10, 0x11
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()
SHAKE_OF_SERVER, SHAKE_OF_CLIENT = "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
OF_SERVER, OF_CLIENT = "SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"

# number: (name, bytes of a key, hash, cipher of libcrypto; None: it is not opened here)
SUITES = {0x1301: ("TLS_AES_128_GCM_SHA256", 16, "sha256", "EVP_aes_128_gcm"),
          0x1302: ("TLS_AES_256_GCM_SHA384", 32, "sha384", "EVP_aes_256_gcm"),
          0x1303: ("TLS_CHACHA20_POLY1305_SHA256", 32, "sha256", "EVP_chacha20_poly1305"),
          0x1304: ("TLS_AES_128_CCM_SHA256", 16, "sha256", None),
          0x1305: ("TLS_AES_128_CCM_8_SHA256", 16, "sha256", None)}
GROUPS = {23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448",
          256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192"}
VERSIONS = {0x0300: "SSL 3", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
SIGNATURES = {0x0403: "ecdsa_secp256r1_sha256", 0x0807: "ed25519"}
(NAME, FRAGMENT, STATUS, GROUP_LIST, SIGALGS, ALPN, PADDING, MASTER, COMPRESSED, SESSION, PSK, EARLY, SUPPORTED, COOKIE,
 PSK_MODES, AUTHORITIES, LATER, SHARE, RENEGOTIATION) = \
    0, 1, 5, 10, 13, 16, 21, 23, 27, 35, 41, 42, 43, 44, 45, 47, 49, 51, 0xff01
EXTENSIONS = {NAME: "the name", FRAGMENT: "shorter fragments", STATUS: "OCSP", GROUP_LIST: "its groups",
              COMPRESSED: "compressed certificates", EARLY: "early data", COOKIE: "a cookie",
              RENEGOTIATION: "renegotiation"}

crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm", "EVP_aes_256_gcm", "EVP_chacha20_poly1305",
             "EVP_PKEY_new_raw_private_key", "EVP_PKEY_new_raw_public_key", "EVP_PKEY_CTX_new"):
    getattr(crypto, name).restype = ctypes.c_void_p


# ---- secrets -----------------------------------------------------------------------------------

def expand(secret, label, context, size, digest="sha256"):
    """HKDF-Expand-Label for up to as many bytes as a hash has."""
    label = b"tls13 " + label
    info = struct.pack(">HB", size, len(label)) + label + bytes([len(context)]) + context
    return hmac.new(secret, info + b"\1", digest).digest()[:size]


def cipher_run(suite, key, nonce, extra, text, tag=None):
    """The text, encrypted, and its tag; with a tag: decrypted, None if that is another one."""
    c, seals = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new()), tag is None
    out, made, n = ctypes.create_string_buffer(len(text) + TAG), ctypes.create_string_buffer(TAG), \
        ctypes.c_int()
    ref, cipher = ctypes.byref(n), ctypes.c_void_p(getattr(crypto, SUITES[suite][3])())
    crypto.EVP_CipherInit_ex(c, cipher, None, key, nonce, int(seals))
    crypto.EVP_CipherUpdate(c, None, ref, extra, len(extra))
    n.value = 0
    if text:
        crypto.EVP_CipherUpdate(c, out, ref, text, len(text))
    done = n.value
    if not seals:
        crypto.EVP_CIPHER_CTX_ctrl(c, SET_TAG, TAG, tag)
    good = crypto.EVP_CipherFinal_ex(c, out, ref)
    if seals:
        crypto.EVP_CIPHER_CTX_ctrl(c, GET_TAG, TAG, made)
    crypto.EVP_CIPHER_CTX_free(c)
    if not seals and good != 1:
        return None
    return out.raw[:done] + (made.raw if seals else b"")


class Keys:
    """One direction of a connection: seals its records, or opens them."""

    def __init__(self, suite, secret):
        self.suite, self.hash, self.number = suite, SUITES[suite][2], 0
        self.rekey(secret)

    def rekey(self, secret=None):
        """Without a secret: the next one (RFC 8446, 7.2)."""
        size = hashlib.new(self.hash).digest_size
        self.secret = secret or expand(self.secret, b"traffic upd", b"", size, self.hash)
        self.key = expand(self.secret, b"key", b"", SUITES[self.suite][1], self.hash)
        self.iv, self.number = expand(self.secret, b"iv", b"", 12, self.hash), 0

    def next_nonce(self):
        self.number += 1
        return bytes(x ^ y for x, y in zip(self.iv, struct.pack(">4xQ", self.number - 1)))

    def seal(self, kind, content, padding=0):
        """The next record."""
        text = content + bytes([kind]) + bytes(padding)
        head = struct.pack(">BHH", DATA, 0x0303, len(text) + TAG)
        return head + cipher_run(self.suite, self.key, self.next_nonce(), head, text)

    def open(self, one):
        """(kind, content) of the next record, which is whole."""
        text = cipher_run(self.suite, self.key, self.next_nonce(), one[:5], one[5:-TAG], one[-TAG:])
        if text is None:
            raise s.Failed("a record that cannot be opened")
        text = text.rstrip(b"\0")
        return text[-1], text[:-1]


# ---- bytes -------------------------------------------------------------------------------------

def record(kind, content, version=0x0303):
    """A record in the clear."""
    return struct.pack(">BHH", kind, version, len(content)) + content


def message(kind, body):
    """One of the handshake."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def vector(size, content):
    """With its length in front, of this many bytes."""
    return len(content).to_bytes(size, "big") + content


def vectors(data, size):
    """Those that follow each other in one."""
    at = 0
    while at < len(data):
        n = int.from_bytes(data[at:at + size], "big")
        yield data[at + size:at + size + n]
        at += size + n


def numbers(values):
    return b"".join(struct.pack(">H", v) for v in values)


def extensions(data):
    """{number: content} of a list without its length."""
    found, at = {}, 0
    while at < len(data):
        kind, n = struct.unpack_from(">HH", data, at)
        found[kind] = data[at + 4:at + 4 + n]
        at += 4 + n
    return found


# ---- what a server has sent --------------------------------------------------------------------

class Heard:
    """The server's side of a connection. secret(name): the one of that name in a key log."""

    def __init__(self, secret):
        self.secret, self.keys, self.left, self.part = secret, None, b"", b""
        self.hello, self.retry, self.encrypted = None, None, {}  # extensions, by number
        self.version = self.suite = None
        self.request, self.chain, self.entries, self.signature = None, None, {}, None
        self.finished, self.sealed = False, False  # sealed: not readable here
        self.ended = False  # the connection, by whoever hears this
        self.alert, self.data, self.tickets, self.updates, self.others = None, b"", 0, 0, []
        self.raw, self.messages = b"", []  # all that came; the handshake, message by message

    def feed(self, data):
        """More of it; whatever a TLS record is not stays in `left`."""
        self.raw += data
        self.left += data
        while len(self.left) >= 5 and self.left[1] == 3:
            size = struct.unpack_from(">H", self.left, 3)[0]
            if len(self.left) < 5 + size:
                return
            one, self.left = self.left[:5 + size], self.left[5 + size:]
            self.record(one)

    def record(self, one):
        kind, content = one[0], one[5:]
        if kind == CHANGE:
            return
        if kind == DATA and self.keys:
            kind, content = self.keys.open(one)
        elif kind == DATA:
            self.sealed = True
            return
        if kind == ALERT:
            self.alert = content[1] if len(content) == 2 else -1
        elif kind == DATA:
            self.data += content
        elif kind == HANDSHAKE:
            self.part += content
            while len(self.part) >= 4 and len(self.part) >= 4 + int.from_bytes(self.part[1:4], "big"):
                size = 4 + int.from_bytes(self.part[1:4], "big")
                whole, self.part = self.part[:size], self.part[size:]
                self.take(whole[0], whole[4:], whole)
        else:
            self.others.append(kind)

    def take(self, kind, body, whole):
        """A message of the handshake."""
        if not self.finished:
            self.messages.append(whole)
        if kind == SERVER_HELLO:
            self.take_hello(body)
        elif self.version != 0x0304:
            return  # it says all already
        elif kind == ENCRYPTED:
            self.encrypted = extensions(body[2:])
        elif kind == REQUEST:
            self.request = extensions(body[3:])
        elif kind == CERTIFICATE:
            self.take_chain(body[4:])
        elif kind == VERIFY:
            self.signature = struct.unpack(">H", body[:2])[0]
        elif kind == FINISHED:
            self.finished = True
            self.keys = self.keys_of(OF_SERVER)
        elif kind == TICKET:
            self.tickets += 1
        elif kind == KEY_UPDATE:
            self.updates += 1
            self.keys.rekey()
        else:
            self.others.append(kind)

    def take_hello(self, body):
        at = 2 + 32 + 1 + body[34]
        found = extensions(body[at + 5:])
        if body[2:34] == RETRY:
            self.retry = found
            return
        self.hello, self.suite = found, struct.unpack_from(">H", body, at)[0]
        self.version = struct.unpack(">H", found.get(SUPPORTED, body[:2]))[0]
        self.keys = self.keys_of(SHAKE_OF_SERVER)

    def take_chain(self, body):
        self.chain, at = [], 0
        while at < len(body):
            n = int.from_bytes(body[at:at + 3], "big")
            self.chain.append(body[at + 3:at + 3 + n])
            at += 3 + n
            n = struct.unpack_from(">H", body, at)[0]
            self.entries.update(extensions(body[at + 2:at + 2 + n]))
            at += 2 + n

    def keys_of(self, name):
        secret = self.secret(name) if SUITES.get(self.suite, (None,) * 4)[3] else None
        return Keys(self.suite, secret) if secret else None

    # ---- in words

    def rpc(self):
        """The messages (rpc.capnp) of its data."""
        at = 0
        while found := w.split_frame(self.data, at):
            at = found[1]
            yield w.Message(found[0])

    def answered(self):
        """Whether a call was answered."""
        return any(m.tag == w.RETURN for m in self.rpc())

    def aborts(self):
        """Why the RPC connection was ended, as the server says it, sealed or not; None: it was not."""
        in_clear = re.search(rb"[A-Za-z][ -~]{15,}", self.left)
        if in_clear:
            return in_clear.group(0).decode()
        return next((m.exception()[1] for m in self.rpc() if m.tag == w.ABORT), None)

    def more(self):
        """What a good handshake need not have."""
        unasked = {**self.encrypted, **self.entries}
        for n in (self.hello or {}):
            if n not in (SUPPORTED, SHARE, PSK):
                unasked[n] = b""
        chosen = unasked.pop(ALPN, None)
        if chosen is not None:
            yield f"ALPN `{chosen[3:].decode()}`"
        for n in sorted(unasked):
            yield EXTENSIONS.get(n, f"extension {n}")
        if self.finished and self.chain is None:
            yield "no certificate: resumed"
        if self.request is not None:
            yield "a certificate is asked for"
        if self.tickets:
            yield f"{self.tickets} tickets"
        if self.updates:
            yield "new keys"
        for n in self.others:
            yield f"what is numbered {n}"

    def shaken(self):
        """What version, suite and group, and what more."""
        group = struct.unpack_from(">H", self.hello.get(SHARE, b"\0\0"))[0]
        how = [VERSIONS.get(self.version, hex(self.version)),
               SUITES.get(self.suite, (hex(self.suite),))[0], GROUPS.get(group, "no group")]
        if self.retry is not None:
            how.append("a second hello")
        return ", ".join(how + list(self.more()))

    def __str__(self):
        said = []
        if self.hello is not None:
            said.append(self.shaken())
        if self.answered():
            said.append("answered")
        if self.alert is not None and (self.alert or not self.answered()):
            said.append(f"alert {self.alert}")
        if self.aborts() is not None:
            said.append(f"an abort{' in the clear' if self.left else ''}: {self.aborts()}")
        elif self.left:
            said.append(f"{len(self.left)} bytes that are no record")
        elif self.ended and self.alert is None:
            said.append("the end" if said else "closed without a word")
        return "; ".join(said)


# ---- a client's hello --------------------------------------------------------------------------

BASE_POINT = {  # of curves: a share that is valid, of whoever has the secret 1
    23: bytes.fromhex("04"
                      "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
                      "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
    24: bytes.fromhex("04"
                      "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98"
                      "59f741e082542a385502f25dbf55296c3a545e3872760ab7"
                      "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c"
                      "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"),
    25: bytes.fromhex("04"
                      "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1d"
                      "c127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66"
                      "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550"
                      "b9013fad0761353c7086a272c24088be94769fd16650"),
    30: b"\5" + bytes(55)}
FINITE_BYTES = {256: 256, 257: 384, 258: 512, 259: 768, 260: 1024}


class Secret:
    """A client's half of X25519."""

    def __init__(self):
        self.own = os.urandom(32)
        self.share = self.derive(b"\x09" + bytes(31))

    def derive(self, other):
        x25519 = 1034
        own = ctypes.c_void_p(crypto.EVP_PKEY_new_raw_private_key(x25519, None, self.own, 32))
        theirs = ctypes.c_void_p(crypto.EVP_PKEY_new_raw_public_key(x25519, None, other, 32))
        c = ctypes.c_void_p(crypto.EVP_PKEY_CTX_new(own, None))
        out, n = ctypes.create_string_buffer(32), ctypes.c_size_t(32)
        good = crypto.EVP_PKEY_derive_init(c) == 1 and crypto.EVP_PKEY_derive_set_peer(c, theirs) == 1 \
            and crypto.EVP_PKEY_derive(c, out, ctypes.byref(n)) == 1
        crypto.EVP_PKEY_CTX_free(c)
        crypto.EVP_PKEY_free(theirs)
        crypto.EVP_PKEY_free(own)
        if not good:
            raise s.Failed("libcrypto has no X25519")
        return out.raw


def share_of(group, secret):
    """A valid key share, or what looks like one."""
    if group == 29:
        return secret.share
    return BASE_POINT.get(group) or bytes([1]) * FINITE_BYTES[group]


def shares_of(groups, secret):
    return vector(2, b"".join(struct.pack(">H", g) + vector(2, share_of(g, secret)) for g in groups))


class Hello:
    """A ClientHello; each part can be what no client would say."""

    def __init__(self, version=0x0303, versions=(0x0304,), suites=(0x1301, 0x1303, 0x1302), groups=(29,),
                 shares=None, sigalgs=(0x0403, 0x0807), compression=b"\0", more=None, last=b""):
        """versions, groups: None: not said. more: {number: content} of extensions; last: of those
        that have to be the last."""
        self.secret = Secret()
        self.session = os.urandom(32) if versions else b""
        found = dict(more or {})
        if versions:
            found[SUPPORTED] = vector(1, numbers(versions))
        if groups:
            found[GROUP_LIST] = vector(2, numbers(groups))
            found.setdefault(SHARE, shares_of(groups if shares is None else shares, self.secret))
        if sigalgs:
            found[SIGALGS] = vector(2, numbers(sigalgs))
        rest = b"".join(struct.pack(">H", n) + vector(2, found[n]) for n in found) + last
        self.body = struct.pack(">H", version) + os.urandom(32) + vector(1, self.session) + \
            vector(2, numbers(suites)) + vector(1, compression) + (vector(2, rest) if found else b"")
        self.message = message(HELLO, self.body)


def forged_psk():
    """Extensions of somebody who says that he has been here before; the second has to be last."""
    identity = vector(2, vector(2, os.urandom(64)) + bytes(4))
    binder = vector(2, vector(1, os.urandom(32)))
    return {PSK_MODES: b"\1\1"}, struct.pack(">H", PSK) + vector(2, identity + binder)


# ---- a client ----------------------------------------------------------------------------------

class Client:
    """A connection whose client side is written here. Say hello, then whatever."""

    def __init__(self, sock, hello):
        self.sock, self.hello = sock, hello
        self.heard, self.known, self.keys = Heard(self.secret), {}, None
        self.said = []  # messages of the client

    def secret(self, wanted):
        """Heard.secret: by RFC 8446, 7.1, of a handshake whose group is X25519."""
        if wanted not in self.known:
            self.derive(wanted)
        return self.known.get(wanted)

    def transcript(self, more=b""):
        """The hash of all messages so far."""
        got = b"".join(self.heard.messages)
        return hashlib.new(self.hash(), self.hello.message + got + more).digest()

    def hash(self):
        return SUITES[self.heard.suite][2]

    def derive(self, wanted):
        heard, digest = self.heard, self.hash()
        size = hashlib.new(digest).digest_size
        empty, zero = hashlib.new(digest).digest(), bytes(size)
        share = heard.hello.get(SHARE, b"")
        if share[:2] != b"\0\x1d" or heard.retry is not None:
            return
        if wanted == SHAKE_OF_SERVER:
            early = hmac.new(zero, zero, digest).digest()
            secret = hmac.new(expand(early, b"derived", empty, size, digest),
                              self.hello.secret.derive(share[4:]), digest).digest()
            self.known["master"] = hmac.new(expand(secret, b"derived", empty, size, digest), zero, digest).digest()
            names, labels = (SHAKE_OF_CLIENT, SHAKE_OF_SERVER), (b"c hs traffic", b"s hs traffic")
        else:
            secret = self.known["master"]
            names, labels = (OF_CLIENT, OF_SERVER), (b"c ap traffic", b"s ap traffic")
        for one, label in zip(names, labels):
            self.known[one] = expand(secret, label, self.transcript(), size, digest)

    # ---- speaking

    def send(self, data):
        """False: nothing is taken any more."""
        try:
            self.sock.sendall(data)
        except OSError as e:
            if isinstance(e, TimeoutError):
                raise s.Hang("the server takes nothing any more") from e
            return False
        return True

    def hear(self, until=lambda heard: False):
        """Until that is so, or the end. False: it is the end."""
        while not until(self.heard):
            try:
                part = self.sock.recv(65536)
            except TimeoutError:
                raise s.Hang(f"nothing more comes after: {self.heard}") from None
            except OSError:
                part = b""  # a reset is an end, too
            if not part:
                self.heard.ended = True
                return False
            self.heard.feed(part)
        return True

    def shake(self, data=None):
        """Says hello, in these bytes, and does its part. False: the server would not."""
        if not self.send(data or record(HANDSHAKE, self.hello.message, 0x0301)):
            return False
        if not self.hear(lambda h: h.finished or h.sealed or h.retry) or not self.heard.finished:
            return False
        self.keys = Keys(self.heard.suite, self.known[SHAKE_OF_CLIENT])
        size = hashlib.new(self.hash()).digest_size
        nothing = message(CERTIFICATE, b"\0\0\0\0") if self.heard.request is not None else b""
        key = expand(self.known[SHAKE_OF_CLIENT], b"finished", b"", size, self.hash())
        text = self.transcript(nothing)
        done = nothing + message(FINISHED, hmac.new(key, text, self.hash()).digest())
        taken = self.send(self.keys.seal(HANDSHAKE, done))
        self.keys = Keys(self.heard.suite, self.known[OF_CLIENT])
        return taken

    def sealed(self, kind, content, padding=0):
        """The next record."""
        return self.keys.seal(kind, content, padding)

    def key_update(self, asks=True):
        """A record that says that new keys follow, and then has them."""
        sent = self.keys.seal(HANDSHAKE, message(KEY_UPDATE, bytes([asks])))
        self.keys.rekey()
        return sent

    def close(self):
        self.sock.close()
