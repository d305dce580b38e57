"""Cases of administration: accounts, their keys, sessions that are revoked. cli.py runs them."""
import os
import re
import subprocess

from rig import agent_lives, case, equal, holds, keygen


@case(needs_instance=True)
def an_account_that_nobody_can_use_is_said(g):
    s = ("--state", g.state)
    r = g.ok("account", "add", "bob", *s, stdin="a password for nobody\n")
    holds("no password and no key" in r.out and "account key add bob" in r.out, r)
    holds("--password-stdin" in r.err, r)
    equal(g.ok("account", "add", "carol", "--json", *s).json["hasPassword"], False)
    r = g.ok("account", "add", "dave", "--password-stdin", *s, stdin="eight letters\n")
    equal((r.out, r.err), ("The account is there.\n", ""))
    with open(g.path("secret"), "w", encoding="ascii") as f:
        f.write("nine letters\nmore\n")
    os.chmod(g.path("secret"), 0o644)
    holds("others" in g.error(1, "failed", "account", "add", "erin", "--password-file", g.path("secret"), *s), "open")
    os.chmod(g.path("secret"), 0o600)
    r = g.ok("account", "add", "erin", "--password-file", g.path("secret"), *s, stdin="not asked for\n")
    equal((r.out, r.err), ("The account is there.\n", ""))
    g.ok("account", "passwd", "dave", "--password-file", g.path("secret"), *s)
    for name in ("erin", "dave"):
        g.ok("login", f"{name}@{g.address}", "--as", name, "--password-stdin", stdin="nine letters\n")
        g.ok("logout", "-s", name)
    lines = g.ok("account", "list", *s).out.splitlines()
    shown = {line.split()[0]: line for line in lines}
    holds("(no password, no key)" in shown["bob"], lines)
    holds(shown["dave"].endswith("(password)"), lines)
    keygen(g, "k", "-t", "ed25519")
    g.ok("account", "key", "add", "bob", g.path("k.pub"), *s)
    holds("(no password)" in g.ok("account", "list", *s).out, "not listed")
    print_ = g.ok("account", "key", "list", "bob", *s).out
    holds(re.fullmatch(r"SHA256:\S+ ssh-ed25519 a key, added 20\S+ \S+\n", print_), print_)
    key = g.ok("account", "key", "list", "bob", "--json", *s).json["keys"]
    equal([(k["type"], k["comment"], k["usedAtMs"]) for k in key], [("ssh-ed25519", "a key", 0)])
    holds(key[0]["id"] == key[0]["fingerprint"] and key[0]["addedAtMs"], key)
    g.error(1, "failed", "account", "key", "list", "nobody", *s)


@case(needs_instance=True)
def a_locked_account_is_shown(g):
    s = ("--state", g.state)
    g.ok("account", "lock", "alice", "--reason", "laptop stolen", *s)
    holds("locked: laptop stolen" in g.ok("account", "list", *s).out, "not listed")
    a = next(a for a in g.ok("account", "list", "--json", *s).json["accounts"]
             if a["name"] == "alice")
    equal((a["locked"], a["lockReason"]), (True, "laptop stolen"))
    g.ok("account", "lock", "alice", *s)
    holds("locked\n" in g.ok("account", "list", *s).out, "not listed")
    g.ok("account", "unlock", "alice", *s)
    holds("locked" not in g.ok("account", "list", *s).out, "still listed")
    g.error(1, "failed", "account", "lock", "nobody", *s)
    g.login("again")
    g.ok("logout", "-s", "again")


@case(needs_instance=True)
def an_account_that_expires_is_shown(g):
    s = ("--state", g.state)

    def shown():
        a = next(a for a in g.ok("account", "list", "--json", *s).json["accounts"]
                 if a["name"] == "alice")
        return a["expiresAtMs"]

    equal(shown(), 0)
    says = g.ok("account", "expire", "alice", "2099-01-31T18:00Z", *s).out
    holds("The account expires 2099-01-31 " in says or "2099-02-01" in says, says)
    equal(shown(), 4073565600000)
    holds("expires 2099-0" in g.ok("account", "list", *s).out, "not listed")
    says = g.ok("account", "expire", "alice", "2020-01-01", *s).out
    holds("has expired" in says, says)
    holds("expired 2020-01-01" in g.ok("account", "list", *s).out, "not listed")
    for wrong in ("tomorrow", "90", "2027-02-30", "8"):
        g.error(2, "usage", "account", "expire", "alice", wrong, *s)
    g.error(1, "failed", "account", "expire", "nobody", "8h", *s)
    g.ok("account", "expire", "alice", "never", *s)
    equal(shown(), 0)
    g.login("again")
    g.ok("logout", "-s", "again")


@case(needs_instance=True)
def all_keys_of_a_file_are_added(g):
    s = ("--state", g.state)
    names = ["one", "two", "three"]
    for name in names:
        keygen(g, name, "-t", "ed25519")
    text = "# mine\n\n" + "".join(g.read(name + ".pub") for name in names)
    with open(g.path("authorized_keys"), "w", encoding="ascii") as f:
        f.write(text.replace("\n", "\r\n"))
    r = g.ok("account", "key", "add", "alice", g.path("authorized_keys"), *s)
    equal((len(re.findall("SHA256:", r.out)), "3 keys were added." in r.out), (3, True))
    equal(len(g.ok("account", "key", "list", "alice", *s).out.splitlines()), 3)
    says = g.error(1, "failed", "account", "key", "add", "alice", g.path("none"), *s)
    holds("No such file" in says, says)
    keygen(g, "four", "-t", "ed25519")
    r = g.ok("account", "key", "add", "alice", "-", "--json", *s, stdin=g.read("four.pub")).json
    equal([r["fingerprint"]], r["fingerprints"])


@case(needs_instance=True)
def keys_that_will_not_do_say_why(g):
    s = ("--state", g.state)
    keygen(g, "good", "-t", "ed25519")
    keygen(g, "weak", "-t", "rsa", "-b", "1024")
    good, weak = g.read("good.pub"), g.read("weak.pub")
    keygen(g, "ca", "-t", "ed25519")
    subprocess.run(["ssh-keygen", "-q", "-s", g.path("ca"), "-I", "x", g.path("good.pub")],
                   check=True)
    for line, why in ((weak, "fewer than 2048 bits"),
                      (g.read("good-cert.pub"), "sshAuthorities"),
                      ("ssh-dss AAAAB3NzaC1kc3M= x\n", "DSA"),
                      ('command="id" ' + good, "the option command is not supported"), ("hello\n", "no public key")):
        with open(g.path("keys"), "w", encoding="ascii") as f:
            f.write(good + line)
        says = g.error(1, "failed", "account", "key", "add", "alice", g.path("keys"), *s)
        holds("keys:2:" in says and why in says, f"{line}: {says}")
        equal(g.ok("account", "key", "list", "alice", *s).out, "", "a key was added")


@case(needs_instance=True)
def sessions_are_named_by_their_beginning(g):
    s = ("--state", g.state)
    a, b = g.login("one"), g.anonymous("two")
    ids = {x["account"]: x["id"] for x in g.ok("session", "list", "--json", *s).json["sessions"]}
    for wrong in ("zz", ids["alice"] + "0"):
        g.error(1, "failed", "session", "revoke", wrong, *s)
    g.error(2, "usage", "session", "revoke", *s)
    g.error(1, "failed", "session", "revoke", "", *s)
    short = next(ids["alice"][:n] for n in range(1, 33) if not ids[""].startswith(ids["alice"][:n]))
    g.ok("session", "revoke", short, "system_info", *s)
    g.error(3, "denied.revoked-lease", "call", "system_info", "motd", "-s", "one")
    equal(g.ok("session", "revoke", short, "--json", *s).json["session"], ids["alice"])
    g.until(lambda: not agent_lives(a["agent"]), "revoked, and the agent lives on")
    holds(agent_lives(b["agent"]), "the wrong session ended")
    logins = [g.login(f"a{i}") for i in range(3)]
    g.ok("session", "revoke", "--account", "alice", "chat", *s)
    g.error(3, "denied.revoked-lease", "call", "chat", "channels", "-s", "a0")
    equal(g.ok("session", "revoke", "--account", "alice", "--json", *s).json["sessions"], 3)
    for r in logins:
        g.until(lambda r=r: not agent_lives(r["agent"]), "revoked, and the agent lives on")
    g.error(1, "failed", "session", "revoke", "--account", "alice", *s)
    g.ok("logout")


@case(needs_instance=True)
def several_beginnings_are_listed(g):
    """Some ids begin alike, when there are enough of them."""
    s = ("--state", g.state)
    begins = {}
    for i in range(17):
        g.anonymous(f"n{i}")
    for x in g.ok("session", "list", "--json", *s).json["sessions"]:
        begins.setdefault(x["id"][0], []).append(x["id"])
    letter, ids = next((k, v) for k, v in begins.items() if len(v) > 1)
    says = g.error(2, "which-session", "session", "revoke", letter, *s)
    holds(all(i in says for i in ids[:8]), says)


@case(needs_instance=True)
def what_was_taken_back_is_listed_so(g):
    g.login("work")
    me = g.ok("whoami", "--json").json["id"]

    def revoked():
        return {c["name"] for c in g.ok("caps", "--json").json["capabilities"] if c["revoked"]}

    equal(revoked(), set())
    # One that is in use, and one that nobody has asked for.
    g.ok("call", "chat", "channels")
    gone = set()
    for name in ("chat", "system_info"):
        g.ok("session", "revoke", me, name, "--state", g.state)
        gone.add(name)
        equal(revoked(), gone)
        lines = {x.split()[0]: x for x in g.ok("caps").out.splitlines()}
        holds("(revoked)" in lines[name], lines)
        holds("lease ends revoked" in g.ok("caps", "--long").out, "not said")
    g.error(3, "denied.revoked-lease", "call", "chat", "channels")
    g.ok("logout")
