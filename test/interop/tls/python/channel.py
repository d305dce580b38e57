"""channel: a connection to an instance in Python, and what a proof on it is bound to.

By the standard library's ssl, which has no call for tls-exporter but gives the server's certificate,
or by pyOpenSSL, which has both. doc/protocol/admission.md says what is signed.
"""
import base64
import hashlib
import select
import socket
import ssl
import struct
import subprocess
import threading

LABEL = b"EXPORTER-Channel-Binding"
WAIT_S = 60


class Channel:
    """Fields 2, 3 and 8 of the transcript."""

    def __init__(self, transport, binding=b"", key_hash=b""):
        self.transport, self.binding, self.key_hash = transport, binding, key_hash


def has_exporter():
    """Whether this Python's ssl can tell the exporter (3.11's cannot)."""
    return hasattr(ssl.SSLSocket, "export_keying_material")


# ---- what is signed -------------------------------------------------------------------------

def der(data):
    """The element at the start of some DER: (all of it, its content, what follows)."""
    more = data[1] & 0x7f if data[1] & 0x80 else 0
    head = 2 + more
    end = head + (int.from_bytes(data[2:head], "big") if more else data[1])
    return data[:end], data[head:end], data[end:]


def key_hash(certificate):
    """SHA-256 of a certificate's SubjectPublicKeyInfo, which follows [0] version, serial, algorithm,
    issuer, validity and subject."""
    rest = der(der(certificate)[1])[1]
    for _ in range(6 if rest[0] == 0xa0 else 5):
        rest = der(rest)[2]
    return hashlib.sha256(der(rest)[0]).digest()


def transcript(channel, nonce, account):
    fields = [b"capos admission proof 1", channel.transport.encode(), channel.binding, nonce, b"",
              account.encode(), b"", channel.key_hash]
    return b"".join(struct.pack(">I", len(f)) + f for f in fields)


def signature(key, data):
    """What ssh-keygen makes of some bytes, without its armour."""
    r = subprocess.run(["ssh-keygen", "-Y", "sign", "-f", key, "-n", "login@capos"], input=data,
                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return base64.b64decode(b"".join(x for x in r.stdout.splitlines() if not x.startswith(b"-")))


def proof(channel, method, key, nonce, account):
    """The answer to a challenge; with `-other`, as if it had been given to somebody else."""
    def flip(field):
        return bytes([field[0] ^ 1]) + field[1:] if field and method.endswith("-other") else field

    if channel.transport == "tls" and method.startswith("tls-key"):
        channel = Channel("tls-key", b"", flip(channel.key_hash))
    elif channel.transport == "tls":
        channel = Channel("tls", flip(channel.binding), channel.key_hash)
    else:
        nonce = flip(nonce)
    return signature(key, transcript(channel, nonce, account))


# ---- TLS ------------------------------------------------------------------------------------

def ssl_context(certificate, kind=ssl.SSLContext):
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["capnp-rpc"])
    context.load_verify_locations(certificate)
    return context


def ssl_channel(connection):
    """What a proof is bound to: of a SSLSocket or SSLObject."""
    return Channel("tls", b"", key_hash(connection.getpeercert(binary_form=True)))


def connect_ssl(place, certificate):
    tcp = socket.create_connection(place, WAIT_S)
    tls = ssl_context(certificate).wrap_socket(tcp, server_hostname="localhost")
    return pumped(tls, (ssl.SSLWantReadError, ssl.SSLWantWriteError)), ssl_channel(tls)


def connect_pyopenssl(place, certificate):
    from OpenSSL import SSL, crypto

    def good(_connection, _certificate, _error, _depth, ok):
        return ok

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_alpn_protos([b"capnp-rpc"])
    context.load_verify_locations(certificate)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, good)
    tls = SSL.Connection(context, socket.create_connection(place, None))
    tls.set_tlsext_host_name(b"localhost")
    tls.set_connect_state()
    tls.do_handshake()
    certificate = tls.get_peer_certificate()
    leaf = crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
    # It checks no names by itself. What is trusted here is one certificate, so its key is the name.
    binding = tls.export_keying_material(LABEL, 32)
    ends = (SSL.WantReadError, SSL.WantWriteError)
    return pumped(tls, ends, SSL.Error), Channel("tls", binding, key_hash(leaf))


def pumped(tls, later, error=OSError):
    """A socket whose bytes go through TLS, for a library that takes sockets alone."""
    outer, inner = socket.socketpair()
    tls.setblocking(False)
    threading.Thread(target=pump, args=(tls, later, error, inner), daemon=True).start()
    return outer


def pump(tls, later, error, inner):
    try:
        while True:
            ready = select.select([tls, inner], [], [])[0]
            if tls in ready and not take(tls, later, inner):
                return
            if inner in ready:
                data = inner.recv(16384)
                if not data:
                    return
                give(tls, later, data)
    except (OSError, error):
        pass
    finally:
        inner.close()
        tls.close()


def take(tls, later, inner):
    """Passes on all that has come; False at the end."""
    while True:
        try:
            data = tls.recv(16384)
        except later:
            return True
        if not data:
            return False
        inner.sendall(data)


def give(tls, later, data):
    while data:
        try:
            data = data[tls.send(data):]
        except later:
            select.select([], [tls], [], 0.1)
