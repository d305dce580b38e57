"""tlspeer: a client behind TLS that is made of bytes, and what it takes to break the rules of TLS.

Why: Python's ssl makes a good handshake, and offers neither the exporter nor a record that is not
good. Both follow from the secrets of a connection, which it writes down when asked to: so exporters
are derived here, by RFC 8446 alone, and records of any kind are sealed and opened (tlswire).
"""
import base64
import hashlib
import os
import socket
import ssl
import tempfile
import time

import sessionlib as s
import tlswire
from tlswire import ALERT, CHANGE, DATA, HANDSHAKE, expand, record  # noqa: F401

KEY_UPDATE_ASKED = b"\x18\0\0\1\1"
LABEL = b"EXPORTER-Channel-Binding"
EMPTY = hashlib.sha256(b"").digest()


# ---- secrets -----------------------------------------------------------------------------------

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
            self.client_secret = secrets.get(tlswire.OF_CLIENT)
            self.server_secret = secrets.get(tlswire.OF_SERVER)
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
        self.keys = tlswire.Keys(0x1301, peer.client_secret)
        self.heard = tlswire.Heard(lambda _: None)
        self.heard.version, self.heard.suite, self.heard.finished = 0x0304, 0x1301, True
        self.heard.keys = tlswire.Keys(0x1301, peer.server_secret)

    def sealed(self, kind, content):
        """The next record."""
        return self.keys.seal(kind, content)

    def key_update(self):
        """A record that asks for new keys, and then has them."""
        sent = self.sealed(HANDSHAKE, KEY_UPDATE_ASKED)
        self.keys.rekey()
        return sent

    def opened(self):
        """Reads until the server ends it; what it had to say, as a tlswire.Heard."""
        self.ended()
        return self.heard

    def ended(self):
        """Reads until the server ends it."""
        while True:
            try:
                part = self.sock.recv(65536)
            except socket.timeout:
                raise s.Hang("the server does not end it") from None
            except OSError:
                return
            if not part:
                return
            self.heard.feed(part)

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
