"""cert: the cases of `capos cert`. openssl is the judge of what comes out, and makes what goes in.
"""
import os
import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

from rig import case, equal, holds


def openssl(g, *args, stdin=None):
    return subprocess.run(["openssl", *args], cwd=g.dir, input=stdin, capture_output=True,
                          text=True, check=True).stdout


def show(g):
    return g.ok("cert", "show", "--state", g.state, "--json").json["fingerprint"]


def by_openssl(g, pem):
    """The fingerprint as openssl sees it."""
    key = openssl(g, "x509", "-noout", "-pubkey", stdin=pem)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key.encode(),
                         capture_output=True, check=True).stdout
    out = subprocess.run("openssl dgst -sha256 -binary | openssl base64", shell=True, input=der,
                         capture_output=True, check=True).stdout
    return "sha256:" + out.decode().strip().rstrip("=")


def make(g, name, *how):
    """A key and a certificate of its own, by openssl: x.key, x.pem."""
    openssl(g, "req", "-x509", "-nodes", "-subj", f"/CN={name}", "-days", "30", "-keyout",
            f"{name}.key", "-out", f"{name}.pem", "-addext", "basicConstraints=critical,CA:FALSE",
            *how)


P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


@case(once=True)
def a_certificate_is_made_shown_and_renewed(g):
    os.makedirs(g.state, exist_ok=True)
    at = ("--state", g.state)
    none = g.path("none")
    for words in (("show",), ("renew",), ("import", "x", "y")):
        says = g.error(1, "no-state", "cert", *words, "--state", none)
        holds(none in says and "capos up" in says, says)
    holds("cert renew" in g.error(1, "no-cert", "cert", "show", *at), "no way out")
    first = g.ok("cert", "renew", *at, "--json").json["fingerprint"]
    equal(stat.S_IMODE(os.stat(g.state + "/tls").st_mode), 0o700)
    equal(stat.S_IMODE(os.stat(g.state + "/tls/key.pem").st_mode), 0o600)
    pem = g.ok("cert", "show", "--pem", *at).out
    equal(by_openssl(g, pem), first)
    equal(show(g), first)
    text = openssl(g, "x509", "-noout", "-text", stdin=pem)
    for word in ("CA:FALSE", "DNS:localhost", "IP Address:127.0.0.1", "Digital Signature"):
        holds(word in text, f"no {word} in {text}")
    shown = g.ok("cert", "show", *at).out
    holds(first in shown and "localhost" in shown, shown)
    # The key stays, and so do the names, until others are asked for.
    g.ok("cert", "renew", "example.org", "192.0.2.7", *at)
    r = g.ok("cert", "renew", *at)
    holds(first in r.out and "another one" not in r.err, r)
    again = g.ok("cert", "show", "--pem", *at).out
    holds(again != pem, "it is the same certificate")
    equal(sorted(re.findall(r"(?:DNS|IP Address):([^,\s]+)",
                            openssl(g, "x509", "-noout", "-text", stdin=again))),
          ["192.0.2.7", "example.org"])
    r = g.ok("cert", "renew", "--new-key", *at)
    holds(first not in r.out and "capos known" in r.err, r)
    holds(show(g) != first, "it is the same key")
    g.error(1, "cert", "cert", "renew", "not a name!", *at)


@case(once=True)
def a_certificate_is_imported_whole_or_not_at_all(g):
    os.makedirs(g.state, exist_ok=True)
    at = ("--state", g.state)
    make(g, "good", *P256)
    make(g, "ed", "-newkey", "ed25519")
    make(g, "rsa", "-newkey", "rsa:2048")
    openssl(g, "req", "-x509", "-nodes", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem",
            *P256)
    openssl(g, "pkey", "-in", "good.key", "-aes256", "-passout", "pass:x", "-out", "locked.key")
    os.symlink("good.pem", g.path("link.pem"))

    def load(cert, key):
        return "cert", "import", g.path(cert), g.path(key), *at

    r = g.ok(*load("link.pem", "good.key"))
    with open(g.path("good.pem"), encoding="ascii") as f:
        good = by_openssl(g, f.read())
    holds(good in r.out, r)
    equal(show(g), good)
    for cert, key, word in (("rsa.pem", "rsa.key", "RSA"), ("ca.pem", "ca.key", "CA"),
                            ("good.pem", "ed.key", "key"), ("good.pem", "locked.key", "passphrase"),
                            ("good.key", "good.key", "certificate"), ("good.pem", "good.pem", "key"),
                            ("nothing", "good.key", "No such file"), ("good.pem", ".", "")):
        says = g.error(1, "cert", *load(cert, key))
        holds(word in says, f"{cert}, {key}: {says}")
        equal(show(g), good)
    r = g.ok(*load("ed.pem", "ed.key"))
    holds("another one" in r.err, r)
    # What somebody else has issued is not renewed here.
    openssl(g, "req", "-new", "-nodes", "-subj", "/CN=leaf", "-keyout", "leaf.key", "-out",
            "leaf.csr", *P256)
    openssl(g, "x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "30", "-out", "leaf.pem")
    g.ok(*load("leaf.pem", "leaf.key"))
    leaf = show(g)
    holds("import" in g.error(1, "cert", "cert", "renew", *at), "no way out")
    equal(show(g), leaf)


@case(once=True)
def several_renewals_at_once_leave_one_whole_identity(g):
    os.makedirs(g.state, exist_ok=True)
    at = ("--state", g.state)
    g.ok("cert", "renew", *at)
    keep, change = ("cert", "renew", *at), ("cert", "renew", "--new-key", *at)
    for _ in range(5):
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda words: g.ok(*words), [keep, change, change, change]))
        pem = g.ok("cert", "show", "--pem", *at).out
        equal(openssl(g, "x509", "-noout", "-pubkey", stdin=pem),
              openssl(g, "pkey", "-pubout", "-in", g.state + "/tls/key.pem"))
