"""tlspeer: a client behind TLS that is made of bytes, and what it takes to break the rules of TLS.

Why: Python's ssl makes a good handshake, and offers neither the exporter nor a record that is not
good. Both follow from the secrets of a connection, which it writes down when asked to: so exporters
are derived here, by RFC 8446 alone, and records of any kind are sealed, with libcrypto for the
cipher itself. Python's standard library otherwise.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import os
import socket
import ssl
import struct
import tempfile
import time

import sessionlib as s

HANDSHAKE, ALERT, DATA, CHANGE = 22, 21, 23, 20
KEY_UPDATE_ASKED = b"\x18\0\0\1\1"
LABEL = b"EXPORTER-Channel-Binding"
EMPTY = hashlib.sha256(b"").digest()


# ---- secrets -----------------------------------------------------------------------------------

def expand(secret, label, context, size):
    """HKDF-Expand-Label for up to 32 bytes."""
    label = b"tls13 " + label
    info = struct.pack(">HB", size, len(label)) + label + bytes([len(context)]) + context
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:size]


def exported(secret):
    """`tls-exporter` (RFC 9266) of a connection with this exporter secret."""
    return expand(expand(secret, LABEL, EMPTY, 32), b"exporter", EMPTY, 32)


class Secrets:
    """What the connections of one context write down."""

    def __init__(self, context):
        handle, self.path = tempfile.mkstemp(prefix="capos-secrets-")
        os.close(handle)
        context.keylog_filename = self.path

    def get(self, name):
        """The one of the last connection."""
        found = None
        with open(self.path, encoding="ascii") as f:
            for line in f:
                words = line.split()
                if len(words) == 3 and words[0] == name:
                    found = bytes.fromhex(words[2])
        return found

    def forget(self):
        os.unlink(self.path)


# ---- what is seen of a server ------------------------------------------------------------------

def der_next(data, at):
    """(where its content begins, where it ends) of the element at `at`."""
    size, begin = data[at + 1], at + 2
    if size & 0x80:
        n = size & 0x7f
        size, begin = int.from_bytes(data[begin:begin + n], "big"), begin + n
    return begin, begin + size


def public_key(certificate):
    """The SubjectPublicKeyInfo of a certificate, both DER."""
    at = der_next(certificate, der_next(certificate, 0)[0])[0]
    if certificate[at] == 0xa0:  # the version
        at = der_next(certificate, at)[1]
    for _ in range(5):  # number, signature, issuer, validity, subject
        at = der_next(certificate, at)[1]
    return certificate[at:der_next(certificate, at)[1]]


def fingerprint(key_hash):
    return "sha256:" + base64.b64encode(key_hash).decode().rstrip("=")


# ---- a connection ------------------------------------------------------------------------------

def client_context():
    """Believes any server: whom it speaks to is compared by who uses it."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    return c


def connect(address, source="127.0.0.1"):
    """A TCP connection from this address of the loopback network."""
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), s.WAIT_S, (source, 0))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Quiet:
    """A socket behind TLS that says so in the words of one without: BlockingIOError, and all that
    has come at once."""

    def __init__(self, tls):
        self.tls = tls

    def fileno(self):
        return self.tls.fileno()

    def close(self):
        self.tls.close()

    def send(self, data):
        try:
            return self.tls.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def recv(self, size):
        got = b""
        while True:
            try:
                part = self.tls.recv(size)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if got:
                    return got
                raise BlockingIOError from None
            except OSError:  # what came before it counts
                return got
            if not part:
                return got
            got += part


class TlsPeer(s.Peer):
    """A client whose connection is TLS. exporter, key_hash: what a proof is bound to."""

    def __init__(self, address, source="127.0.0.1", context=None):
        context = context or client_context()
        secrets = Secrets(context)
        try:
            tls = context.wrap_socket(connect(address, source))
            self.exporter = exported(secrets.get("EXPORTER_SECRET"))
            self.client_secret = secrets.get("CLIENT_TRAFFIC_SECRET_0")
        finally:
            secrets.forget()
        self.key_hash = hashlib.sha256(public_key(tls.getpeercert(True))).digest()
        self.cipher, self.version = tls.cipher()[0], tls.version()
        tls.setblocking(False)
        self.sock = Quiet(tls)
        self.deadline = time.monotonic() + s.WAIT_S
        self.buf, self.others = bytearray(), []
        self.sent_closed, self.next_id = False, 1000


# ---- records that nobody should send -----------------------------------------------------------

crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm"):
    getattr(crypto, name).restype = ctypes.c_void_p
GET_TAG, TAG = 0x10, 16


def seal(key, nonce, extra, text):
    """AES-128-GCM: the text, encrypted, and its tag."""
    c = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    out, tag, n = ctypes.create_string_buffer(len(text) + TAG), ctypes.create_string_buffer(TAG), \
        ctypes.c_int()
    ref = ctypes.byref(n)
    crypto.EVP_EncryptInit_ex(c, ctypes.c_void_p(crypto.EVP_aes_128_gcm()), None, key, nonce)
    crypto.EVP_EncryptUpdate(c, None, ref, extra, len(extra))
    crypto.EVP_EncryptUpdate(c, out, ref, text, len(text))
    done = n.value
    crypto.EVP_EncryptFinal_ex(c, out, ref)
    crypto.EVP_CIPHER_CTX_ctrl(c, GET_TAG, TAG, tag)
    crypto.EVP_CIPHER_CTX_free(c)
    return out.raw[:done] + tag.raw


def record(kind, content, version=0x0303):
    """A record in the clear."""
    return struct.pack(">BHH", kind, version, len(content)) + content


class Rogue:
    """Has made a good handshake, and from then on sends whatever records it likes."""

    def __init__(self, address, source="127.0.0.1"):
        peer = TlsPeer(address, source)
        if peer.cipher != "TLS_AES_128_GCM_SHA256":
            raise s.Failed(f"the server prefers {peer.cipher}")
        tls = peer.sock.tls
        self.sock = socket.socket(fileno=os.dup(tls.fileno()))
        self.sock.settimeout(s.WAIT_S)
        tls.close()
        self.number, self.secret = 0, peer.client_secret
        self.rekey(self.secret)

    def rekey(self, secret):
        self.secret, self.number = secret, 0
        self.key = expand(secret, b"key", b"", 16)
        self.iv = expand(secret, b"iv", b"", 12)

    def sealed(self, kind, content):
        """The next record."""
        text = content + bytes([kind])
        nonce = bytes(x ^ y for x, y in zip(self.iv, struct.pack(">4xQ", self.number)))
        self.number += 1
        head = struct.pack(">BHH", DATA, 0x0303, len(text) + TAG)
        return head + seal(self.key, nonce, head, text)

    def key_update(self):
        """A record that asks for new keys, and then has them."""
        sent = self.sealed(HANDSHAKE, KEY_UPDATE_ASKED)
        self.rekey(expand(self.secret, b"traffic upd", b"", 32))
        return sent

    def ended(self):
        """Reads until the server ends it; how many bytes it had to say."""
        got = 0
        while True:
            try:
                part = self.sock.recv(65536)
            except socket.timeout:
                raise s.Hang("the server does not end it") from None
            except OSError:
                return got
            if not part:
                return got
            got += len(part)

    def close(self):
        self.sock.close()


def hello(context=None, name=None):
    """A ClientHello of Python's ssl, as records."""
    out = ssl.MemoryBIO()
    tls = (context or client_context()).wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def with_extension(data, extension):
    """The records of a hello, with one extension more, in front."""
    at = 5 + 4 + 2 + 32
    at += 1 + data[at]
    at += 2 + struct.unpack_from(">H", data, at)[0]
    at += 1 + data[at]
    rest = struct.pack(">H", len(data) - at - 2 + len(extension)) + extension + data[at + 2:]
    body = data[9:at] + rest
    return record(HANDSHAKE, b"\1" + struct.pack(">I", len(body))[1:] + body, 0x0301)
