"""certlib: a certification authority for tests, and a client over TLS that shows certificates.

Why: what a certificate must not get away with needs authorities that issue wrong ones: expired, not
yet valid, revoked, of another authority. openssl(1) makes all of them; TLS is Python's own, so that
what is under test is spoken to by a stranger.
"""
import os
import re
import ssl
import subprocess

import instance
import sessionlib as s

MTLS = 5
CONFIG = """
[ca]
default_ca = own
[own]
dir = {folder}
database = $dir/index
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = none
[none]
[ca_ext]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[client_ext]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""


def openssl(*words):
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise s.Failed(f"openssl {' '.join(words)}: {done.stderr}")
    return done.stdout


class Authority:
    """In a folder of its own; what it issues is (certificate, key), paths."""

    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.config = self.path("config")
        self.pem, self.crl = self.path("ca.pem"), self.path("crl.pem")
        for file, text in (("config", CONFIG.format(folder=self.folder)), ("index", ""),
                           ("serial", "4F01\n"), ("crlnumber", "01\n")):
            with open(self.path(file), "w", encoding="ascii") as f:
                f.write(text)
        self.key("ca")
        self.name = name
        self.certify()
        self.list_revoked()

    def certify(self, days=30):
        """Its own certificate, for the same key."""
        openssl("req", "-new", "-x509", "-config", self.config, "-extensions", "ca_ext", "-key",
                self.path("ca.key"), "-subj", f"/CN={self.name}", "-days", str(days), "-out", self.pem)

    def path(self, name):
        return os.path.join(self.folder, name)

    def key(self, name):
        path = self.path(name + ".key")
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
        return path

    def issue(self, name, san=None, begin=None, end=None):
        """For a new key. begin, end: YYYYMMDDHHMMSSZ."""
        key, request, path = self.key(name), self.path(name + ".req"), self.path(name + ".pem")
        more = ["-addext", f"subjectAltName={san}"] if san else []
        openssl("req", "-new", "-config", self.config, "-key", key, "-subj", f"/CN={name}", *more,
                "-out", request)
        more = (["-startdate", begin] if begin else []) + (["-enddate", end] if end else [])
        openssl("ca", "-batch", "-notext", "-config", self.config, "-extensions", "client_ext",
                "-in", request, "-out", path, *more)
        return path, key

    def revoke(self, path):
        openssl("ca", "-config", self.config, "-revoke", path)
        self.list_revoked()

    def list_revoked(self, days=30):
        openssl("ca", "-config", self.config, "-gencrl", "-crldays", str(days), "-out", self.crl)


def lets_in(ca, text):
    """A manifest in which certificates of an authority are taken, by their mail addresses."""
    rules = (f"certificates = (authorities = [(name = \"ours\", file = \"{ca.pem}\")],"
             " rules = [(authority = \"ours\", email = [\"*@example.org\"], accountFromName = true)])")
    return text.replace("authentication = (", f"authentication = ({rules},", 1)


def fingerprint(path):
    """`sha256:…` of a certificate's key."""
    der = subprocess.run(f"openssl x509 -in '{path}' -noout -pubkey | openssl pkey -pubin -outform DER"
                         " | openssl dgst -sha256 -binary | openssl base64", shell=True, check=True,
                         capture_output=True, text=True).stdout
    return "sha256:" + der.strip().rstrip("=")


# ---- a client -----------------------------------------------------------------------------------

class Channel:
    """A TLS socket that behaves as a plain one that does not wait."""

    def __init__(self, sock):
        self.sock = sock

    def fileno(self):
        return self.sock.fileno()

    def close(self):
        self.sock.close()

    def send(self, data):
        try:
            return self.sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None

    def recv(self, room):
        """All that is there: what libssl holds already wakes nobody."""
        got = b""
        while True:
            try:
                part = self.sock.recv(room)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                if got:
                    return got
                raise BlockingIOError from None
            if not part:
                return got
            got += part


class TlsPeer(s.Peer):
    """A connection over TLS to an instance whose key nobody asks about."""

    def __init__(self, address, certificate=None, note=None):
        """note: called for every message of the handshake, as libssl does it."""
        super().__init__(address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        if note:
            context._msg_callback = note  # pylint: disable=protected-access
        self.sock.settimeout(s.WAIT_S)
        wrapped = context.wrap_socket(self.sock)
        wrapped.setblocking(False)
        self.sock = Channel(wrapped)

    def by_certificate(self, account=None, profile=None):
        flow = self.flow(MTLS, account, profile)
        return s.answer(flow, "").ref(1, s.SESSION)


class TlsInstance(instance.Instance):
    """An instance that listens on tls:, plain: and unix:."""

    def __init__(self, manifest_text, user=True):
        super().__init__(manifest_text, user)
        self.unix = os.path.join(self.folder.name, "clients.sock")
        self.arguments += ["--listen", "tls:127.0.0.1:0", "--listen", f"unix:{self.unix}"]
        self.tls = None

    def endpoint(self):
        plain = super().endpoint()
        self.tls = instance.until(self.tls_endpoint, "the address over TLS")
        return plain

    def tls_endpoint(self):
        admin = self.admin()
        try:
            found = [re.match(r"capos://([^/]+)/", s.text(e)) for e in
                     admin.ref.call(8).content.ptr(2) or []]
        finally:
            admin.close()
        return next((m.group(1) for m in found if m), None)
