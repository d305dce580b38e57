#!/usr/bin/env python3
"""web-shield: a bridge beyond localhost, which is there over TLS alone (R49, R50): that a client of our own gets
through (Chromium does in passkey.py); and the attacks of sockets.py that TLS could have made another thing of.

usage: shield.py BINARIES [CASE...]

The address is one of this machine's that is not `localhost`, and the name is none that anybody looks up; the
certificate signs itself, and the client knows it. An openssl.cnf that would spoil all of it is there, and not read.
"""
import atexit
import base64
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import bridge  # noqa: E402
import instance  # noqa: E402
from bridge import DEADLINE, Answer, Browser, equal, holds, read_all, until  # noqa: E402

HOST, NAME = "127.0.0.2", "capos.example"
SPOILT = """openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = worst
[worst]
MaxProtocol = TLSv1.2
"""


def certificate_make(rig, name, authority="FALSE"):
    """A certificate that signs itself, made out to NAME, and its key: their files."""
    certificate, key = rig.path(f"{name}.pem"), rig.path(f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=web", "-addext", f"subjectAltName=DNS:{NAME}",
                    "-addext", f"basicConstraints=critical,CA:{authority}"], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return certificate, key


class Bridge(bridge.Bridge):
    """As others are, with TLS before it."""

    def start(self, *options, port=0):
        self.certificate, key = self.rig.path("web.pem"), self.rig.path("web.key")
        if not os.path.exists(self.certificate):
            certificate_make(self.rig, "web")
        with open(self.rig.path("openssl.cnf"), "w", encoding="ascii") as f:
            f.write(SPOILT)
        self.context = ssl.create_default_context(cafile=self.certificate)
        self.context.set_alpn_protocols(["http/1.1"])
        self.web = subprocess.Popen(
            [self.rig.capos, "web", "--listen", f"{HOST}:{port}", "--name", NAME, "--tls-certificate",
             self.certificate, "--tls-key", key, "--instance", f"lab={self.rig.address}", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
            env={**self.env, "OPENSSL_CONF": self.rig.path("openssl.cnf")})
        atexit.register(self.end)
        self.read_code()
        self.host = f"{NAME}:{self.port}"
        self.origin = f"https://{self.host}"

    def for_chromium(self):
        """By which flags a browser finds it, and trusts the certificate."""
        with open(self.certificate, "rb") as f:
            key = x509.load_pem_x509_certificate(f.read()).public_key()
        digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
        return (f"--host-resolver-rules=MAP {NAME} {HOST}",
                f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}")

    def read_code(self):
        line = self.rig.read_line(self.web.stdout, DEADLINE)
        found = re.fullmatch(rf"https://{re.escape(NAME)}:(\d+)/#k=([\w-]{{22}})\n", line)
        holds(found, f"the address is {line!r}: {self.rig.read('web.log')}")
        self.port, self.code = int(found.group(1)), found.group(2)

    def plain(self):
        return socket.create_connection((HOST, self.port), DEADLINE)

    def connect(self, address=HOST):
        return self.context.wrap_socket(self.plain(), server_hostname=NAME)


def confined(pids):
    """Those of them that have a filter of the kernel's. (The starter has none, and reads nobody's bytes.)"""
    return [p for p in pids if "Seccomp:\t2" in instance.read_proc(p, "status")]


class Cases:
    def __init__(self, binaries):
        self.binaries = os.path.abspath(binaries)
        self.bridge = Bridge(self.binaries)

    def close(self):
        self.bridge.close()

    # ---- what has to work ----

    def a_client_enters_logs_in_and_calls(self):
        t = self.bridge.logged_in()
        equal((t.s.version(), t.s.cipher()[0]), ("TLSv1.3", "TLS_CHACHA20_POLY1305_SHA256"), "of what is wished")
        r = t.ask("call", {"target": "system_info", "method": "motd"})
        holds("elcome" in r.get("returned", {}).get("json", ""), r)
        r = t.ask("schema", "chat")  # more than is carried at a time
        holds("Chat" in str(r), r)
        t.close()

    def the_cookie_is_for_this_host_alone(self):
        a = Browser(self.bridge).enter(self.bridge.another_code())
        equal(set(a.headers["set-cookie"].split("; ")[1:]), {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"})
        holds("default-src 'none'" in a.headers["content-security-policy"], a.headers)

    def each_process_is_confined(self):
        """The shield as well, which alone has the key."""
        pids = self.bridge.processes()
        if os.environ.get("CAPOS_SANITIZED"):
            raise instance.Skip("a sanitizer is not confined")
        holds(pids[0] in confined(pids) and confined(pids[1:]), "front and shield")

    # ---- what has to be refused ----

    def without_a_certificate(self):
        r = self.bridge.rig
        said = r.fails(2, "web", "--listen", f"{HOST}:0")
        holds("beyond localhost only with --tls-certificate" in said.err, said)
        said = r.fails(2, "web", "--listen", f"{HOST}:0", "--tls-key", r.path("web.key"))
        holds("go together" in said.err, said)
        for more in (("--listen", "localhost:0", "--name", NAME), ("--name", NAME),
                     ("--listen", f"{HOST}:0", "--name", "a b", "--tls-certificate", "x", "--tls-key", "y")):
            said = r.fails(2, "web", *more)
            holds("--name" in said.err, said)

    def with_files_that_are_wrong(self):
        """It is said which of both is, and what is wrong with it."""
        r = self.bridge.rig
        good, key = r.path("web.pem"), r.path("web.key")
        rows = [(good, r.path("nowhere"), "No such file"), (r.path("nowhere"), key, "No such file"),
                (key, key, "no certificate can be read"), (good, good, "others may read it")]
        with open(key, encoding="ascii") as f:
            rows.append((good, self._file("open.key", f.read(), 0o644), "others may read it"))
        rows.append((good, self._file("empty.key", "", 0o600), "no private key can be read"))
        rows.append((good, certificate_make(r, "other")[1], f"not the key of {good}"))
        rows.append((certificate_make(r, "ca", "TRUE")[0], key, "CA:TRUE"))
        subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", r.path("shut.key")],
                       check=True, capture_output=True)
        os.chmod(r.path("shut.key"), 0o600)
        rows.append((good, r.path("shut.key"), "it has a passphrase"))
        for certificate, private, words in rows:
            said = r.fails(1, "web", "--listen", f"{HOST}:0", "--tls-certificate", certificate, "--tls-key", private)
            wrong = certificate if "certificate" in words or "CA" in words or "nowhere" in certificate else private
            holds(f"capos: {wrong}: " in said.err and words in said.err and not said.out, (wrong, words, said))

    def _file(self, name, text, mode):
        path = self.bridge.rig.path(name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def a_name_that_the_certificate_has_not(self):
        """It serves, for a browser may know the key; and says what others will be warned of."""
        r = self.bridge.rig
        with subprocess.Popen([r.capos, "web", "--listen", f"{HOST}:0", "--tls-certificate", r.path("web.pem"),
                               "--tls-key", r.path("web.key")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=r.env) as p:
            try:
                line = r.read_line(p.stdout, DEADLINE)
                holds(line.startswith(f"https://{HOST}:"), line)
            finally:
                p.terminate()
            said = p.stderr.read().decode()
            holds(f"{r.path('web.pem')}: it is not made out to {HOST}" in said, said)

    def http_without_tls(self):
        s = self.bridge.plain()
        s.sendall(self.bridge.head("GET", "/", {}))
        holds(b"HTTP" not in read_all(s), "it is answered")
        s.close()

    def an_old_tls(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        c.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            c.wrap_socket(self.bridge.plain())
        except (ssl.SSLError, ConnectionError):
            return
        raise bridge.Failed("TLS 1.2 is spoken")

    def hosts_and_origins(self):
        b = self.bridge
        for host in ("localhost", f"localhost:{b.port}", f"127.0.0.1:{b.port}", f"{HOST}:{b.port}", "evil.example"):
            equal(b.request("GET", "/", Host=host).words, "421 host", host)
        for origin in (None, "null", f"http://{b.host}", f"https://localhost:{b.port}", "https://evil.example"):
            equal(b.browser().upgrade(Origin=origin).words, "403 origin", origin)

    def a_stolen_cookie(self):
        thief = Browser(self.bridge)
        thief.cookie = self.bridge.browser().cookie
        t = thief.upgrade()
        t.up("hello", thief.sign(t.down("greet")["greet"]))
        equal(t.ended(), 1008)

    def handshakes_that_do_not_end(self):
        """Twenty of one address: some are not heard at once, none for long; another address is not kept out."""
        silent = [self.bridge.plain() for _ in range(20)]
        other = socket.create_connection((HOST, self.bridge.port), DEADLINE, ("127.0.0.3", 0))
        s = self.bridge.context.wrap_socket(other, server_hostname=NAME)
        s.sendall(self.bridge.head("GET", "/", {}))
        equal(Answer(read_all(s)).status, 200, "another address")
        s.close()
        for one in silent:
            equal(read_all(one), b"", "what it is told")
            one.close()

    def a_request_that_does_not_end(self):
        s = self.bridge.connect()
        s.sendall(b"GET / HTTP/1.1\r\nHost: ")
        equal(read_all(s), b"", "what it is told")
        s.close()

    def a_key_that_nobody_else_has(self):
        """Killed, the shield takes the bridge along: nothing answers without TLS in its place."""
        other = Bridge(self.binaries)
        try:
            pids = other.processes()[1:]
            for pid in confined(pids) or pids:
                os.kill(pid, signal.SIGKILL)
            until(lambda: other.web.poll() is not None, "the bridge goes on")
            holds(other.web.returncode != 0, "it ends well")
        finally:
            other.close()


CASES = [n for n in vars(Cases) if not n.startswith("_") and n != "close"]


def main(binaries, *only):
    cases = Cases(binaries)
    try:
        return instance.run_cases("web-shield", [(n, getattr(cases, n)) for n in only or CASES],
                                  more=cases.bridge.said)
    finally:
        cases.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
