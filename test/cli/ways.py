"""Cases of how a login chooses among the ways that there are, and of what it says. cli.py runs them.
"""
import contextlib
import fcntl
import os
import pty
import signal
import subprocess
import termios

from rig import PASSWORD, case, equal, heard, holds, keygen, typed

ALL = ["key", "certificate", "passkey", "oidc", "oidc-device", "password", "service", "guest",
       "anonymous"]


def add_key(g, name):
    g.ok("account", "key", "add", "alice", g.path(name + ".pub"), "--state", g.state)


def own_key(g):
    """A key where ssh would look for it."""
    keygen(g, "home/.ssh/id_ed25519", "-t", "ed25519")
    return "home/.ssh/id_ed25519"


def logged_in(g, kind):
    s = g.ok("sessions", "--json").json["sessions"][0]
    g.agents.append(s["agent"])
    equal(s["kind"], kind)
    g.ok("logout")


def why_not(g, code, *args, **more):
    """The list of ways that comes with a failure: {name: (state, why)}, and the error's code."""
    error = g.fails(code, "login", *args, "--json", **more).json["error"]
    return error["code"], {m["method"]: (m["state"], m["why"]) for m in error["methods"]}


@case(needs_instance=True)
def a_key_goes_before_a_password(g):
    add_key(g, own_key(g))
    r = g.ok("login", f"alice@{g.address}", "-v")
    holds("by key: SHA256:" in r.err and "password" in r.err, r)
    logged_in(g, "publicKey")


@case(needs_instance=True)
def a_refused_key_leads_to_a_password_and_that_is_said(g):
    own_key(g)
    code, shown = typed([g.capos, "login", f"alice@{g.address}"], g.env,
                        [("Password of alice", PASSWORD)])
    equal(code, 0, shown)
    holds("not by key: the account or the proof is not right; now by password" in shown, shown)
    logged_in(g, "password")
    # Where nobody can be asked, the refusal is the end, and what else there would be is said.
    for more, word in (([], "--password-stdin"), (["--non-interactive"], "--password-file")):
        r = g.fails(3, "login", f"alice@{g.address}", *more)
        holds("the account or the proof is not right" in r.err and "audit tail" in r.err and
              "by password it was not tried" in r.err and word in r.err, r)
    code, ways = why_not(g, 3, f"alice@{g.address}")
    equal((code, ways["key"][0], ways["password"][0]),
          ("denied.credentials", "tried", "not available here"))


@case(needs_instance=True)
def nobody_becomes_anonymous_by_failing(g):
    """It is offered, and it is not gone on to; a name has nothing to do with it."""
    own_key(g)
    holds({m["kind"]: m["enabled"] for m in g.ok("methods", g.address, "--json").json["methods"]}
          ["anonymous"], "anonymous is closed")
    code, ways = why_not(g, 3, f"alice@{g.address}")
    equal(ways["anonymous"], ("not chosen", "only where it is asked for: --method anonymous"))
    code, ways = why_not(g, 2, g.address)
    equal((code, ways["anonymous"][0]), ("usage", "not chosen"))
    holds("NAME@" in ways["key"][1] and "NAME@" in ways["password"][1], ways)
    equal(g.ok("sessions", "--json").json, {"sessions": []})


@case()
def nothing_fits(g):
    code, ways = why_not(g, 1, f"alice@{g.address}")
    equal((code, sorted(ways)), ("no-method", sorted(ALL)))
    equal(ways["key"][0], "not available here")
    holds("ssh-keygen" in ways["key"][1], ways)
    holds("--password-stdin" in ways["password"][1], ways)
    equal(ways["certificate"][0], "not offered")
    text = g.fails(1, "login", f"alice@{g.address}").err
    holds("nothing that is here fits" in text, text)
    for name in ALL:
        holds(f"\n  {name} " in text, f"no {name} in {text}")


@case()
def one_method_and_no_other(g):
    one = f"alice@{g.address}"
    r = g.ok("login", one, "--method", "password", "--password-stdin", stdin=PASSWORD + "\n")
    holds("Logged in as alice" in r.out, r)
    logged_in(g, "password")
    g.ok("login", g.address, "--method", "anonymous")
    logged_in(g, "anonymous")
    says = g.error(1, "no-method", "login", one, "--method", "password")
    holds("--password-stdin" in says, says)
    says = g.error(1, "no-method", "login", one, "--method", "key")
    holds("ssh-keygen" in says, says)
    says = g.error(3, "denied.method-disabled", "login", g.address, "--method", "guest")
    holds("capos methods" in says, says)
    says = g.error(2, "usage", "login", one, "--method", "pasword")
    holds("did you mean `password`" in says and "oidc-device" in says, says)
    says = g.error(2, "usage", "login", one, "--method", "key", "--password-stdin")
    holds("--password" in says and "--method key" in says, says)
    says = g.error(2, "usage", "login", one, "--identity", "k", "--password-stdin")
    holds("--identity" in says and "--password" in says, says)
    g.error(2, "usage", "login", g.address, "--method", "password")
    g.error(2, "usage", "login", one, "--method", "anonymous")
    g.error(2, "usage", "login", one, "--method", "certificate")


@case()
def a_password_comes_from_a_file(g):
    one = f"alice@{g.address}"
    with open(g.path("secret"), "w", encoding="ascii") as f:
        f.write(PASSWORD + "\nmore\n")
    os.chmod(g.path("secret"), 0o644)
    says = g.error(1, "failed", "login", one, "--password-file", g.path("secret"))
    holds(f"chmod 600 {g.path('secret')}" in says, says)
    os.chmod(g.path("secret"), 0o600)
    g.ok("login", one, "--password-file", g.path("secret"), "--non-interactive")
    logged_in(g, "password")
    g.ok("login", one, "--password-file", "/dev/fd/0", stdin=PASSWORD)
    logged_in(g, "password")
    open(g.path("secret"), "w", encoding="ascii").close()
    g.error(1, "failed", "login", one, "--password-file", g.path("secret"))
    g.error(1, "failed", "login", one, "--password-file", g.path("nothing"))


@case()
def nobody_is_asked(g):
    """On a terminal, too."""
    own_key(g)
    keygen(g, "locked", "-t", "ed25519", phrase="a phrase")
    for more, word in (([], "--password-stdin"), (["--password"], "--password-stdin"),
                       (["-i", g.path("locked")], "passphrase")):
        code, shown = typed([g.capos, "login", f"bob@{g.address}", "--non-interactive", *more],
                            g.env, [])
        holds(code in (1, 3) and word in shown and "Password of" not in shown and
              "Passphrase of" not in shown, (code, shown))


@case()
def verbose_says_all_but_secrets(g):
    r = g.fails(3, "login", f"bob@{g.address}", "-v", "--password-stdin", stdin="planted-secret")
    for word in ("method key: offered", "method guest: not offered", "method password: offered",
                 "standard input", "attempt 1: denied.credentials"):
        holds(word in r.err, f"no {word} in {r.err}")
    holds("planted-secret" not in r.err + r.out, r)
    quiet = g.fails(3, "login", f"bob@{g.address}", "--password-stdin", stdin="planted-secret")
    holds("method key" not in quiet.err, quiet)


@case(once=True)
def something_else_than_the_proof_ends_it(g):
    """Too many failures: another proof would not help, so none is asked for."""
    own_key(g)
    code, shown = typed([g.capos, "login", f"slow@{g.address}"], g.env, [])
    equal(code, 3, shown)
    holds("too many failures" in shown and "900 seconds" in shown and "Password" not in shown,
          shown)


@case(once=True)
def a_long_wait_is_shown(g):
    def stop():
        g.server.send_signal(signal.SIGSTOP)
        return PASSWORD

    def go_on():
        g.server.send_signal(signal.SIGCONT)
        return ""

    try:
        code, shown = typed([g.capos, "login", f"alice@{g.address}"], g.env,
                            [("Password of alice", stop), ("waiting for the instance, ", go_on)])
    finally:
        g.server.send_signal(signal.SIGCONT)
    equal(code, 0, shown)
    holds("\r\x1b[K" in shown and PASSWORD not in shown, shown)
    logged_in(g, "password")


@case(once=True)
def nothing_is_echoed_when_a_password_is_asked_for(g):
    """However soon the answer comes: the screen is stopped, so the question is not there yet."""
    screen, line = pty.openpty()
    termios.tcflow(line, termios.TCOOFF)
    p = subprocess.Popen([g.capos, "login", f"alice@{g.address}", "--password"], stdin=line, stdout=line, stderr=line,
                         env=g.env, start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    try:
        g.until(lambda: not termios.tcgetattr(line)[3] & termios.ECHO, "what is typed would be echoed")
        termios.tcflow(line, termios.TCOON)
        os.write(screen, PASSWORD.encode() + b"\n")
        os.close(line)
        shown = b""
        with contextlib.suppress(OSError):  # nobody has it any more
            while part := os.read(screen, 4096):
                shown += part
        equal(p.wait(heard.DEADLINE_S), 0, shown)
    finally:
        p.kill()
        p.wait()
        os.close(screen)
    holds(b"Password of alice" in shown and PASSWORD.encode() not in shown, shown)
    logged_in(g, "password")


@case()
def methods_say_what_is_here(g):
    def look():
        return {m["method"]: m for m in g.ok("methods", g.address, "--json").json["methods"]}

    equal(sorted(look()), sorted(ALL))
    equal((look()["key"]["enabled"], look()["key"]["here"]), (True, False))
    own_key(g)
    equal((look()["key"]["here"], look()["key"]["hereWhy"]), (True, "~/.ssh/id_ed25519"))
    holds("not here" in g.ok("methods", g.address).out, "no word of what is here")
