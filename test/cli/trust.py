"""trust: the cases of whom a client takes for the instance behind TLS: first use on a terminal and in
a script, a key that has changed, --expect, an address that carries a fingerprint or a CA.

The server is the gateway of these tests, with an identity that `capos cert` has made.
"""
import contextlib
import os
import re
import subprocess

from rig import PASSWORD, case, equal, heard, holds, typed
from known import A, file_of, known, write


@contextlib.contextmanager
def served(g, state="far", fresh=True):
    """(HOST:PORT, fingerprint, folder) of a server behind TLS."""
    folder = g.path(state)
    os.makedirs(folder, exist_ok=True)
    if fresh:
        g.ok("cert", "renew", "localhost", "127.0.0.1", "--state", folder)
    key = g.ok("cert", "show", "--state", folder, "--json").json["fingerprint"]
    server = subprocess.Popen([g.gateway, "600000", "0", folder + "/tls"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=g.log)
    try:
        line = g.read_line(server.stdout)
        found = re.fullmatch(r"remote CapSet: tls (\S+) (\d+)\n", line)
        holds(found, f"the endpoint line is {line!r}")
        yield f"{found.group(1)}:{found.group(2)}", key, folder
    finally:
        server.stdin.close()
        server.wait(heard.DEADLINE_S)


def login(g, address, *more):
    r = g.ok("login", f"alice@{address}", "--password-stdin", "--json", *more,
             stdin=PASSWORD + "\n").json
    g.ok("logout")
    return r


@case(once=True)
def a_script_never_trusts_on_first_use(g):
    with served(g) as (where, key, _):
        says = g.error(4, "unknown-key", "login", f"alice@tls:{where}", "--password-stdin",
                       stdin=PASSWORD)
        holds(key in says and "cert show" in says and "--expect" in says, says)
        equal(known(g), [])
        g.error(4, "wrong-key", "methods", f"tls:{where}", "--expect", A)
        login(g, f"tls:{where}", "--expect", key)
        login(g, f"capos://{where}/#{key}")
        g.error(4, "wrong-key", "methods", f"capos://{where}/#{A}")
        g.error(4, "wrong-key", "methods", f"capos://{where}/#{key}", "--expect", A)
        equal(known(g), [])
        g.ok("known", "add", where, key)
        login(g, f"tls:{where}")
        g.ok("methods", "tls:localhost:" + where.rsplit(":", 1)[1])  # this machine by its other name
        for bad in ("sha256:x", key + "="):
            g.error(2, "usage", "methods", f"tls:{where}", "--expect", bad)
        g.error(2, "usage", "methods", g.address, "--expect", key)


@case(once=True)
def a_person_is_asked_once(g):
    with served(g) as (where, key, _):
        for answer, code in (("no", 4), ("y", 4), ("yes", 0)):
            got, shown = typed([g.capos, "methods", f"tls:{where}"], g.env, [("[yes/no]", answer)])
            equal(got, code, shown)
            holds(key in shown and f"tls:{where}" in shown and "cert show" in shown, shown)
            equal(known(g), [(where, key)] if code == 0 else [])
        got, shown = typed([g.capos, "methods", f"tls:{where}"], g.env, [])
        equal(got, 0, shown)
        holds("yes/no" not in shown, shown)


@case(once=True)
def a_changed_key_is_refused_to_everybody(g):
    with served(g) as (where, key, _):
        write(g, f"# one\n{where} {A} since 2026-01-01\n")
        says = g.error(4, "wrong-key", "methods", f"tls:{where}")
        for word in (key, A, file_of(g) + ", line 2", f"capos known remove {where}"):
            holds(word in says, f"no {word} in {says}")
        got, shown = typed([g.capos, "methods", f"tls:{where}"], g.env, [])
        equal(got, 4, shown)
        holds("yes/no" not in shown and key in shown, shown)
        # Several keys of one place are all good; what was told beside the address decides alone.
        g.ok("methods", f"tls:{where}", "--expect", key)
        g.ok("known", "add", where, key)
        g.ok("methods", f"tls:{where}")
        g.ok("known", "remove", where)
        g.error(4, "unknown-key", "methods", f"tls:{where}")
        write(g, f"{where} {key}\ngarbage\n")
        says = g.error(4, "unknown-key", "methods", f"tls:{where}")
        holds(file_of(g) + ", line 2" in says, says)


@case(once=True)
def a_renewed_certificate_of_the_same_key_is_no_event(g):
    with served(g) as (where, key, folder):
        g.ok("known", "add", where, key)
        with open(folder + "/tls/cert.pem", encoding="ascii") as f:
            first = f.read()
    g.ok("cert", "renew", "--state", folder)
    with open(folder + "/tls/cert.pem", encoding="ascii") as f:
        holds(f.read() != first, "it is the same certificate")
    with served(g, fresh=False) as (where, again, _):
        equal(again, key)
        write(g, f"{where} {key}\n")
        g.ok("methods", f"tls:{where}")


@case(once=True)
def a_ca_decides_alone(g):
    with served(g) as (where, key, folder):
        ca = folder + "/tls/cert.pem"
        g.ok("methods", f"capos://{where}/?ca={ca}")
        port = where.rsplit(":", 1)[1]
        g.ok("methods", f"capos://localhost:{port}/?ca={ca}")
        # Neither does the file make good what a CA refuses, nor the reverse.
        g.ok("known", "add", where, key)
        g.error(4, "wrong-key", "methods", f"capos://{where}/?ca=system")
        os.mkdir(g.path("other"))
        g.ok("cert", "renew", "--state", g.path("other"))
        other = g.path("other/tls/cert.pem")
        g.error(4, "wrong-key", "methods", f"capos://{where}/?ca={other}")
        g.ok("cert", "renew", "example.org", "--state", folder)
    with served(g, fresh=False) as (where, key, folder):
        says = g.error(4, "wrong-key", "methods", f"capos://{where}/?ca={folder}/tls/cert.pem")
        holds("certificate" in says, says)
        g.ok("methods", f"tls:{where}", "--expect", key)
        write(g, f"{where} {A}\n")
        g.error(4, "wrong-key", "methods", f"tls:{where}")
        holds(g.fails(1, "methods", f"capos://{where}/?ca=/no/such/file").err, "nothing is said")


@case(once=True)
def who_comes_by_the_other_transport_is_told(g):
    plain = g.address.removeprefix("plain:")
    for word in ("tls:", "", "capos://"):
        says = g.error(4, "transport", "methods", word + plain)
        holds("does not speak TLS" in says and f"plain:{plain}" in says, says)
    equal(g.fails(4, "login", f"alice@{plain}", "--password-stdin", stdin=PASSWORD).out, "")
    # By an address that need not be this machine's: who is in between could say the same.
    says = g.error(4, "transport", "methods", "tls:0.0.0.0:" + plain.rsplit(":", 1)[1])
    holds("does not speak TLS" in says and "plain:" not in says, says)
    with served(g) as (where, key, _):
        g.ok("known", "add", where, key)
        says = g.error(4, "transport", "login", f"alice@plain:{where}", "--password-stdin",
                       stdin=PASSWORD)
        holds("speaks TLS" in says and f"tls:{where}" in says, says)
        # Without a word it is TLS.
        login(g, where)
