"""cli: the command `capos`, as a person and as a script use it.

    cli.py --name NAME BIN [--gateway PROGRAM] [CASE...]

BIN is the folder with the programs. With --gateway the cases that need nothing but a gateway run
against that program (test/cli/gateway-server.c); without, all run against an instance that `capos up`
starts. Everything is in a folder of the test's own; no process is left.
"""
import argparse
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import traceback

import admin  # noqa: F401  (its cases)
import cert  # noqa: F401  (likewise)
import keys  # noqa: F401  (likewise)
import known  # noqa: F401  (likewise)
import owner  # noqa: F401  (likewise)
import talk  # noqa: F401  (likewise)
import person  # noqa: F401  (likewise)
import probes  # noqa: F401  (likewise)
import records  # noqa: F401  (likewise)
import shelled  # noqa: F401  (likewise)
import transcripts  # noqa: F401  (likewise)
import trust  # noqa: F401  (likewise)
import via  # noqa: F401  (likewise)
import ways  # noqa: F401  (likewise)
from rig import (CASES, PASSWORD, Failed, Rig, Skip, agent_lives, case, equal, heard, holds, in_memory, keygen,
                 needs_root, offers, typed)


# ---- the life of a login -----------------------------------------------------------------------


@case()
def login_call_logout(g):
    r = g.login("work")
    equal((r["account"], r["kind"], r["alias"]), ("alice", "password", "work"))
    holds(agent_lives(r["agent"]), "the agent is gone")
    equal(g.ok("whoami", "--json").json["account"], "alice")
    holds("operator" in g.ok("whoami").out, "no profile")
    if not g.gateway:
        use = g.ok("whoami", "--json").json["use"]
        equal(use["sessions"], {"limit": 16, "used": 1, "most": 1})
        equal(use["calls"]["limit"], 2048)
        holds(0 < use["calls"]["used"] <= use["calls"]["most"] < 2048, "no call asks")
        holds(re.search(r"^ +calls +\d+ of 2048, \d+ at most so far$",
                        g.ok("whoami", "--long").out, re.M), "no use")
    names = [c["name"] for c in g.ok("caps", "--json").json["capabilities"]]
    holds({"session", "system_info", "chat"} <= set(names), names)
    motd = g.ok("call", "system_info", "motd", "--json").json
    holds(motd["text"].lower().startswith("welcome"), motd)
    holds("elcome" in g.ok("call", "system_info", "motd").out, "no message")
    equal(g.ok("logout", "--json").json, {"loggedOut": True})
    g.until(lambda: not agent_lives(r["agent"]), "the agent lives on")
    equal(g.sockets(), [])
    equal(g.error(4, "no-session", "whoami")[:7], "you are")
    holds("capos login" in g.fails(4, "whoami").err, "does not say what to do")


@case()
def two_logins_at_once(g):
    a, b = g.login("one"), g.anonymous("two")
    equal([s["alias"] for s in g.ok("sessions", "--json").json["sessions"]], ["one", "two"])
    equal(g.ok("whoami", "--json", "--session", "one").json["account"], "alice")
    equal(g.ok("whoami", "--json", "-s", "two").json["account"], "")
    equal(g.ok("whoami", "--json", env={**g.env, "CAPOS_SESSION": "two"}).json["kind"],
          "anonymous")
    holds("--session" in g.error(2, "which-session", "whoami"), "does not say what to do")
    g.error(1, "already-logged-in", "login", g.address, "--anonymous", "--as", "one")
    g.ok("logout", "--session", "one")
    equal(g.ok("whoami", "--json").json["kind"], "anonymous")
    g.until(lambda: not agent_lives(a["agent"]), "the agent lives on")
    holds(agent_lives(b["agent"]), "the wrong agent ended")
    g.error(4, "no-session", "whoami", "--session", "one")
    holds("two" in g.ok("sessions").out, "not listed")


@case()
def default_alias_names_who_and_where(g):
    r = g.ok("login", f"alice@{g.address}", "--password-stdin", "--json", stdin=PASSWORD).json
    g.agents.append(r["agent"])
    equal(r["alias"], f"alice@{g.address}")
    g.ok("logout", "-s", r["alias"])


@case()
def killed_agent_leaves_nothing(g):
    r = g.login("work")
    os.kill(r["agent"], signal.SIGKILL)
    g.until(lambda: not agent_lives(r["agent"]), "not dead")
    equal(g.ok("sessions", "--json").json, {"sessions": []})
    equal(g.sockets(), [])
    g.error(4, "no-session", "caps")
    r = g.login("work")
    os.kill(r["agent"], signal.SIGKILL)
    g.until(lambda: not agent_lives(r["agent"]), "not dead")
    g.login("work")
    g.ok("logout")


@case()
def terminated_agent_cleans_up(g):
    r = g.login("work")
    os.kill(r["agent"], signal.SIGTERM)
    g.until(lambda: not agent_lives(r["agent"]), "not dead")
    equal(g.sockets(), [])


@case()
def end_of_the_server_ends_the_agent(g):
    r = g.anonymous("work")  # which has nothing to come back by
    g.server.send_signal(signal.SIGKILL)
    g.until(lambda: not agent_lives(r["agent"]), "the agent lives on")
    g.error(4, "no-session", "whoami")


@case()
def agent_is_closed_to_others(g):
    r = g.login("work")
    socket = g.path("run/capos/work.sock")
    equal(stat.S_IMODE(os.stat(g.path("run/capos")).st_mode), 0o700)
    equal(stat.S_IMODE(os.stat(socket).st_mode), 0o600)
    status = open(f"/proc/{r['agent']}/status", encoding="ascii").read()
    holds("NoNewPrivs:\t1" in status, "may gain privileges")
    limits = open(f"/proc/{r['agent']}/limits", encoding="ascii").read()
    holds(re.search(r"Max core file size +0 +0", limits), "may dump core")
    # What is not dumpable belongs to root, whoever runs it.
    equal(os.stat(f"/proc/{r['agent']}/mem").st_uid, 0)
    g.ok("logout")


@case()
def agent_is_closed_to_other_users(g):
    needs_root()
    r = g.login("work")
    socket = g.path("run/capos/work.sock")
    fds = [os.readlink(f"/proc/{r['agent']}/fd/{i}") for i in range(3)]
    equal(fds, ["/dev/null"] * 3)
    equal(os.readlink(f"/proc/{r['agent']}/cwd"), "/")
    probe = ("import os,socket,sys; os.setuid(65534); s=socket.socket(socket.AF_UNIX);\n"
             "try: s.connect(sys.argv[1]); s.settimeout(5); s.send(b'x'*8); print(s.recv(8))\n"
             "except OSError as e: print('refused')")
    os.chmod(g.dir, 0o755)
    os.chmod(g.path("run"), 0o755)
    out = subprocess.run([sys.executable, "-c", probe, socket], capture_output=True, text=True,
                         check=True).stdout
    equal(out, "refused\n")
    # And even when the folder is set up wrongly.
    os.chmod(g.path("run/capos"), 0o777)
    os.chmod(socket, 0o777)
    out = subprocess.run([sys.executable, "-c", probe, socket], capture_output=True, text=True,
                         check=True).stdout
    holds(out in ("b''\n", "refused\n"), out)
    os.chmod(g.path("run/capos"), 0o700)
    g.ok("logout")


@case()
def open_runtime_folder_is_refused(g):
    os.makedirs(g.path("run/capos"), exist_ok=True)
    os.chmod(g.path("run/capos"), 0o750)
    says = g.error(1, "runtime-dir", "login", g.address, "--anonymous")
    holds("chmod 700" in says, says)
    os.rename(g.path("run/capos"), g.path("run/elsewhere"))
    os.symlink("/tmp", g.path("run/capos"))
    g.error(1, "runtime-dir", "login", g.address, "--anonymous")
    env = {k: v for k, v in g.env.items() if k != "XDG_RUNTIME_DIR"}
    says = g.error(1, "runtime-dir", "login", g.address, "--anonymous", env=env)
    holds("XDG_RUNTIME_DIR" in says, says)
    r = g.ok("login", g.address, "--anonymous", "--runtime", g.path("own"), "--json", env=env).json
    g.agents.append(r["agent"])
    g.ok("logout", "--runtime", g.path("own"), env=env)


# ---- ways to log in, and not to ----------------------------------------------------------------


@case()
def refused_logins(g):
    one = f"alice@{g.address}"
    g.error(3, "denied.credentials", "login", one, "--password-stdin", stdin="wrong")
    g.error(3, "denied.method-disabled", "login", g.address, "--guest")
    g.error(1, "failed", "login", one, "--password-stdin", stdin="")
    g.error(4, "disconnected", "login", "plain:127.0.0.1:1", "--anonymous")
    g.error(4, "cannot-connect", "login", "no.such.host.invalid:1", "--anonymous")
    g.error(2, "usage", "login", one, "--anonymous")
    g.error(2, "usage", "login", g.address, "--password-stdin")
    g.error(2, "usage", "login", g.address, "--anonymous", "--guest")
    g.error(2, "usage", "login", g.address, "--anonymous", "--as", "a/b")
    g.error(1, "key", "login", one, "--identity", g.path("nothing"))
    equal(g.ok("sessions", "--json").json, {"sessions": []})


@case()
def methods_are_listed(g):
    methods = g.ok("methods", g.address, "--json").json["methods"]
    states = {m["kind"]: m["enabled"] for m in methods}
    equal(len(states), 9)
    holds(states["password"] and states["anonymous"] and not states["guest"], states)
    holds("disabled" in g.ok("methods", g.address).out, "no state")
    # Which profiles each can lead to is said of those that can't be tried from here, too.
    for line in [one for one in g.ok("methods", g.address).out.splitlines() if " enabled " in one]:
        kind = line.split()[0]
        said = {m["kind"]: ", ".join(m["profiles"]) for m in methods}[kind]
        holds(f" for {said or 'no profile'}" in line, line)


@case()
def password_is_in_no_argument(g):
    secret = "planted-secret-5417"
    fifo = g.path("fifo")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(fifo, os.O_WRONLY)
    p = subprocess.Popen([g.capos, "login", f"alice@{g.address}", "--password-stdin"],
                         stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=g.env)
    time.sleep(0.3)
    os.write(writer, secret.encode() + b"\n")
    os.close(writer)
    os.close(reader)
    while p.poll() is None:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    holds(secret.encode() not in f.read(), f"the password is an argument of {pid}")
            except OSError:
                pass
    out, err = p.communicate()
    holds(secret.encode() not in out + err, "the password was printed")
    equal(p.returncode, 3)


@case()
def no_password_stays_in_the_agent(g):
    r = g.login("work")
    holds(not in_memory(r["agent"], PASSWORD), "the password is in the agent after the login")
    g.ok("renew", "--password-stdin", stdin=PASSWORD)
    g.until(lambda: not in_memory(r["agent"], PASSWORD), "the password is in the agent after a renewal")
    g.ok("logout")


@case()
def password_is_asked_for_without_echo(g):
    command = [g.capos, "login", f"alice@{g.address}", "--password", "--as", "work"]
    code, shown = typed(command, g.env, [("Password of alice", PASSWORD)])
    equal(code, 0, shown)
    holds(PASSWORD not in shown, "the password was shown")
    g.agents.append(g.ok("sessions", "--json").json["sessions"][0]["agent"])
    g.ok("logout")
    # Without any option, too, when there is no key.
    command = [g.capos, "login", f"alice@{g.address}", "--as", "again"]
    code, shown = typed(command, g.env, [("Password of alice", PASSWORD)])
    equal(code, 0, shown)
    g.agents.append(g.ok("sessions", "--json").json["sessions"][0]["agent"])
    g.ok("logout")


@case(needs_instance=True)
def keys_log_in(g):
    for name, options in (("ed", ["-t", "ed25519"]), ("ec", ["-t", "ecdsa"]),
                          ("rsa", ["-t", "rsa", "-b", "2048"])):
        keygen(g, name, *options)
        g.error(3, "denied.credentials", "login", f"alice@{g.address}", "--identity", g.path(name))
        print_ = g.ok("account", "key", "add", "alice", g.path(name + ".pub"), "--state", g.state,
                      "--json").json["fingerprint"]
        time.sleep(1.1)
        r = g.ok("login", f"alice@{g.address}", "-i", g.path(name), "--as", name, "--json").json
        g.agents.append(r["agent"])
        equal(r["kind"], "publicKey")
        before = g.ok("whoami", "--json").json["expiresAtMs"]
        g.ok("renew", "--identity", g.path(name), "--duration", "5m")
        holds(g.ok("whoami", "--json").json["expiresAtMs"] < before, "not renewed for 5 minutes")
        g.ok("account", "key", "remove", "alice", print_, "--state", g.state)
        g.until(lambda: not agent_lives(r["agent"]), "its key is gone, and the login goes on")
        time.sleep(1.1)


@case(needs_instance=True)
def keys_of_an_agent_are_tried(g):
    socket = g.path("ssh-agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    env = {**g.env, "SSH_AUTH_SOCK": socket}
    try:
        g.until(lambda: os.path.exists(socket), "no ssh-agent")
        keygen(g, "k", "-t", "ed25519")
        subprocess.run(["ssh-add", "-q", g.path("k")], env=env, check=True)
        g.ok("account", "key", "add", "alice", g.path("k.pub"), "--state", g.state)
        os.unlink(g.path("k"))
        for how in ([], ["--identity", g.path("k")]):
            r = g.ok("login", f"alice@{g.address}", "--json", *how, env=env).json
            g.agents.append(r["agent"])
            equal(r["kind"], "publicKey")
            g.ok("renew", "--duration", "1h", env=env)
            g.ok("logout")
    finally:
        agent.terminate()
        agent.wait()


@case(needs_instance=True)
def a_renewal_takes_the_key_of_the_login(g):
    """Of several keys the one that the login was made by; and no password in its place."""
    socket = g.path("ssh-agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    env = {**g.env, "SSH_AUTH_SOCK": socket}
    try:
        g.until(lambda: os.path.exists(socket), "no ssh-agent")
        for name in ("other", "own", "named"):
            keygen(g, name, "-t", "ed25519")
        subprocess.run(["ssh-add", "-q", g.path("other"), g.path("own")], env=env, check=True)
        for name in ("own", "named"):
            g.ok("account", "key", "add", "alice", g.path(name + ".pub"), "--state", g.state)
        time.sleep(1.1)
        for options, in_env in (((), env), (("-i", g.path("named")), g.env)):
            r = g.ok("login", f"alice@{g.address}", "--json", *options, env=in_env).json
            g.agents.append(r["agent"])
            g.ok("renew", "--duration", "1h", env=in_env)
            says = g.error(3, "denied.weak-proof", "renew", "--password-stdin", stdin=PASSWORD)
            holds("stronger" in says, says)
            g.ok("logout")
        r = g.ok("login", f"alice@{g.address}", "--json", env=env).json
        g.agents.append(r["agent"])
        says = g.error(1, "key", "renew")
        holds("SHA256:" in says and "--identity" in says, says)
        g.ok("logout")
    finally:
        agent.terminate()
        agent.wait()


@case()
def locked_key_says_what_to_do(g):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", g.path("k")],
                   check=True)
    says = g.error(1, "key", "login", f"alice@{g.address}", "--identity", g.path("k"))
    holds("ssh-add" in says and "ssh-keygen -p" in says, says)


# ---- using what there is -----------------------------------------------------------------------


@case()
def calls_by_name(g):
    g.login("work")
    equal(g.ok("call", "system_info", "motd", "{}", "--json").json,
          g.ok("call", "system_info", "motd", "--json").json)
    holds(int(g.ok("call", "system_info", "uptime", "--json").json["seconds"]) >= 0, "no uptime")
    g.error(3, "denied.unknown-name", "call", "nothing", "motd")
    says = g.error(2, "unknown-method", "call", "system_info", "nothing")
    holds("motd" in says and "uptime" in says, says)
    g.error(2, "unknown-field", "call", "system_info", "motd", "x=1")
    g.error(2, "usage", "call", "system_info", "motd", "word")
    g.error(2, "parameters", "call", "system_info", "motd", "{\"x\": 1}")
    g.error(2, "parameters", "call", "system_info", "motd", "{")
    r = g.ok("call", "chat", "join", "channel=#lobby", "--json").json
    holds("$cap" in r["membership"] and r["label"], r)
    equal(sorted(g.ok("call", "chat", "join", '{"channel": "#lobby"}', "--json").json)[-1],
          "membership")
    g.error(1, "failed", "call", "chat", "join", "channel=lobby")
    g.ok("logout")


@case()
def malformed_answers_are_told(g):
    if not g.gateway:
        return
    # Out of bounds; a far pointer into nowhere; a list where a struct must be, which no relay sees.
    for word in "0000000100000fa0", "4d00000002", "200000001":
        other = Rig(os.path.dirname(g.capos), g.gateway, more=(word,))
        try:
            other.anonymous()
            # The agent, which relays, has looked at it first.
            code = "malformed" if word == "200000001" else "failed"
            says = other.error(1, code, "call", "system_info", "uptime")
            holds("malformed" in says, says)
            equal(other.fails(1, "call", "system_info", "uptime").out, "")
            other.ok("call", "system_info", "motd")
            other.ok("logout")
        finally:
            other.close()


@case()
def described(g):
    g.anonymous()
    d = g.ok("describe", "system_info", "--json").json
    equal(d["interface"], "system_info.capnp:SystemInfo")
    equal([m["name"] for m in d["methods"]], ["motd", "version", "uptime"])
    holds("motd() -> (text :Text)" in g.ok("describe", "system_info").out, "no usage")
    m, = g.ok("describe", "system_info", "motd", "--json").json["methods"]
    equal((m["effect"], m["title"]), ("reads", "Message of the day"))
    holds("Message of the day.\n" in g.ok("describe", "system_info", "motd").out, "no title")
    g.error(3, "denied.unknown-name", "describe", "nothing")
    g.error(2, "unknown-method", "describe", "system_info", "nothing")
    g.ok("logout")


@case()
def described_in_the_words_of_the_author(g):
    g.login("work")
    out = g.ok("describe", "chat").out
    doc = "Grants: to join channels and talk there. Nothing else. Shows channels in panes to who lends it a host."
    holds(f"\n  {doc}\n" in out, out)
    holds("\n      Joins a channel, making it when it is not there:" in out, out)
    holds("\n      (others see it)\n" in out, out)
    d = g.ok("describe", "chat", "--json").json
    equal(d["doc"], doc)
    holds(d["methods"][0]["doc"].startswith("Joins a channel"), d)
    # The session is the worker's own, and the session manager says what it is.
    holds("\n  The session, to itself." in g.ok("describe", "session").out, "no comment")
    out = g.ok("describe", "chat", "ChatEvent").out
    holds(out.startswith("ChatEvent (struct, chat.capnp:ChatEvent, 0x"), out)
    holds("\n  sequence :UInt64\n      Grows by one" in out, out)
    holds("\n  | said :Text\n      A message.\n" in out, out)
    d = g.ok("describe", "chat", "ChatEvent", "--json").json
    equal([f["name"] for f in d["fields"] if f["union"]], ["said", "joined", "left"])
    equal(g.ok("describe", "chat", "ChatMembership", "--json").json["methods"][1]["name"], "members")
    says = g.error(2, "unknown-method", "describe", "chat", "ChatEvnt")
    holds("did you mean `ChatEvent`" in says and "join, channels" in says, says)
    says = g.error(2, "parameters", "call", "chat", "join", '{"zzzzzzzz": 1}')
    holds("it has: channel, listener" in says, says)
    g.ok("logout")


@case()
def what_others_say_is_not_sent_to_the_terminal(g):
    g.login("work")
    for command in (["whoami"], ["caps"], ["caps", "--long"], ["call", "system_info", "motd"],
                    ["describe", "chat"]):
        out = g.ok(*command).out
        holds(all(c == "\n" or (" " <= c and c != "\x7f") for c in out), repr(out))
    g.ok("logout")


@case()
def chat_both_ways(g):
    g.login("one")
    g.login("two")

    def join(alias, *more):
        p = subprocess.Popen([g.capos, "chat", "join", "#lobby", "--json", "-s", alias, *more],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=g.env,
                             bufsize=0)
        heard.until(p.stdout, '"you"')
        return p

    def hear(p, text):
        while True:
            e = json.loads(g.read_line(p.stdout))
            if e["event"] == "said" and e["text"] == text:
                return e

    a, b = join("one"), join("two")
    a.stdin.write(b"hello\n")
    said = hear(b, "hello")
    equal(hear(a, "hello")["label"], said["label"])
    b.stdin.write("grüße\nhalf a line".encode())
    b.stdin.close()
    hear(a, "grüße")
    hear(a, "half a line")
    equal(b.wait(heard.DEADLINE_S), 0)
    b.stdout.close()
    # The end of the session is the end of the conversation.
    g.ok("logout", "-s", "one")
    equal(a.wait(heard.DEADLINE_S), 4)
    a.stdin.close()
    a.stdout.close()
    with open(g.path("lines"), "w", encoding="ascii") as f:
        f.write("from a file\r\n\nand more\n")
    with open(g.path("lines"), encoding="ascii") as f:
        r = subprocess.run([g.capos, "chat", "join", "#lobby"], stdin=f, capture_output=True,
                           env=g.env, timeout=heard.DEADLINE_S, check=False)
    equal(r.returncode, 0, r.stderr)
    holds(b"from a file\n" in r.stdout and b"and more\n" in r.stdout, r.stdout)
    g.ok("logout")


@case()
def renewal_by_password(g):
    g.login("work")
    before = g.ok("whoami", "--json").json["expiresAtMs"]
    g.error(3, "denied.credentials", "renew", "--password-stdin", "--duration", "1h", stdin="no")
    time.sleep(1.1)
    r = g.ok("renew", "--password-stdin", "--duration", "10m", "--json", stdin=PASSWORD).json
    holds(r["expiresAtMs"] != before, "not renewed")
    holds(abs(r["expiresAtMs"] / 1000 - time.time() - 600) < 30, "not for ten minutes")
    for text, mode, code in ((PASSWORD, 0o600, 0), ("no", 0o600, 3), (PASSWORD, 0o644, 1)):
        with open(g.path("pw"), "w", encoding="ascii") as f:
            f.write(text + "\n")
        os.chmod(g.path("pw"), mode)
        equal(g.run("renew", "--password-file", g.path("pw")).code, code)
    g.ok("call", "system_info", "motd")
    for wrong in ("-5", "soon", "5 parsecs", ""):
        g.error(2, "usage", "renew", "--duration", wrong, "--password-stdin")
    g.ok("logout")
    g.anonymous()
    g.error(1, "not-renewable", "renew", "--password-stdin")
    g.ok("logout")


@case()
def expiry_ends_the_agent(g):
    r = g.login("work")
    g.ok("renew", "--password-stdin", "--duration", "16s", stdin=PASSWORD)
    g.ok("call", "system_info", "motd")
    g.until(lambda: not agent_lives(r["agent"]), "the agent lives on")
    equal(g.sockets(), [])
    g.error(4, "no-session", "call", "system_info", "motd")


# ---- the instance of this machine --------------------------------------------------------------


@case(needs_instance=True)
def accounts(g):
    s = ("--state", g.state)
    g.error(1, "failed", "account", "add", "alice", "--password-stdin", *s, stdin=PASSWORD)
    g.error(1, "failed", "account", "add", "No Such Name", *s)
    g.error(1, "failed", "account", "add", "carol", "--profile", "nothing", *s)
    g.error(1, "failed", "account", "add", "carol", "--password-stdin", *s, stdin="short")
    g.ok("account", "add", "bob", "--profile", "operator", *s)
    names = {a["name"]: a for a in g.ok("account", "list", "--json", *s).json["accounts"]}
    equal((names["alice"]["hasPassword"], names["bob"]["hasPassword"]), (True, False))
    equal(names["bob"]["profiles"], ["operator"])
    g.ok("account", "passwd", "bob", "--password-stdin", *s, stdin="another horse\n")
    r = g.ok("login", f"bob@{g.address}", "--password-stdin", "--json", stdin="another horse").json
    g.agents.append(r["agent"])
    g.ok("account", "remove", "bob", *s)
    g.until(lambda: not agent_lives(r["agent"]), "the account is gone, and its login goes on")
    g.error(1, "failed", "account", "remove", "bob", *s)
    g.error(1, "failed", "account", "key", "add", "alice", "/etc/passwd", *s)
    keygen(g, "k", "-t", "ed25519")
    g.error(2, "usage", "account", "key", "add", "alice", g.path("k"), *s)
    g.error(4, "cannot-connect", "account", "list", "--state", g.path("elsewhere"))
    holds("bob" not in g.ok("account", "list", *s).out, "still there")


@case(needs_instance=True)
def account_password_is_typed_twice(g):
    command = [g.capos, "account", "add", "dave", "--password", "--state", g.state]
    code, shown = typed(command, g.env, [("Password for dave", "one horse here"),
                                         ("The same again", "another horse")])
    equal(code, 1, shown)
    holds("differ" in shown, shown)
    code, shown = typed(command, g.env, [("Password for dave", "one horse here"),
                                         ("The same again", "one horse here")])
    equal(code, 0, shown)
    holds("one horse" not in shown, "the password was shown")
    r = g.ok("login", f"dave@{g.address}", "--password-stdin", "--json", stdin="one horse here")
    g.agents.append(r.json["agent"])
    g.ok("logout")


@case(needs_instance=True)
def sessions_are_revoked(g):
    s = ("--state", g.state)
    r = g.login("work")
    me = g.ok("whoami", "--json").json["id"]
    live = g.ok("session", "list", "--json", *s).json["sessions"]
    equal([(x["id"], x["account"]) for x in live], [(me, "alice")])
    holds(me in g.ok("session", "list", *s).out, "not listed")
    g.ok("session", "revoke", me, "system_info", *s)
    g.error(3, "denied.revoked-lease", "call", "system_info", "motd")
    g.ok("call", "chat", "channels")
    status = g.ok("status", "--json", *s).json
    equal(status["sessions"], 1)
    holds(status["address"].startswith("plain:127.0.0.1:"), "does not say where it listens")
    g.ok("session", "revoke", me, *s)
    g.until(lambda: not agent_lives(r["agent"]), "revoked, and the agent lives on")
    equal(g.ok("session", "list", "--json", *s).json, {"sessions": []})
    g.error(1, "failed", "session", "revoke", me, *s)
    holds("sessions 0" in g.ok("status", *s).out, "not counted")


@case(needs_instance=True)
def audit_log(g):
    s = ("--state", g.state)
    g.login("work")
    g.fails(3, "login", f"alice@{g.address}", "--password-stdin", "--as", "x", stdin="planted-secret")
    g.ok("logout")
    v = g.ok("audit", "verify", "--json", *s).json
    holds(v["records"] > 3 and len(v["hash"]) == 64, v)
    log = v["file"]
    whole = open(log, encoding="utf-8").read()
    holds("planted-secret" not in whole and PASSWORD not in whole, "a password is in the log")
    tail = g.ok("audit", "tail", "-n", "2", "--json", *s).out.splitlines()
    equal(tail, whole.splitlines()[-2:])
    equal(len(g.ok("audit", "tail", "-n", "3", *s).out.splitlines()), 3)
    p = subprocess.Popen([g.capos, "audit", "tail", "-n", "1", "-f", *s], stdout=subprocess.PIPE, env=g.env)
    g.read_line(p.stdout)  # it has its place in the log
    g.login("again")
    heard.until(p.stdout, "grant", "alice")
    p.kill()
    p.wait()
    p.stdout.close()
    g.ok("logout")
    lines = whole.splitlines(keepends=True)
    copy = g.path("copy")
    for changed in (lines[:2] + lines[3:], [lines[0].replace("start", "begin")] + lines[1:],
                    lines + ["x\n"], lines[:-1] + [lines[-1][:-5]]):
        with open(copy, "w", encoding="utf-8") as f:
            f.writelines(changed)
        g.error(1, "audit", "audit", "verify", copy)
    g.error(1, "failed", "audit", "verify", g.path("nothing"))


# ---- the command line --------------------------------------------------------------------------


@case()
def usage(g):
    for wrong in (["nothing"], ["whoami", "--nothing"], ["whoami", "word"], ["call", "x"],
                  ["login"], ["login", "--as"], ["whoami", "--json=1"], ["account"],
                  ["account", "key"], ["audit", "tail", "-n", "many"], ["help", "nothing"]):
        g.error(2, "usage", *wrong)
    says = g.error(2, "usage", "--state", g.path("x"), "status")
    holds("behind the command" in says, says)
    equal(g.fails(2).out[:6], "usage:")
    holds("no such command" in g.fails(2, "nothing").err, "unclear")
    text = g.ok("--help").out
    for command in ("up", "account add", "login", "call", "chat join", "audit verify"):
        holds(f"\n  {command} " in text, f"no {command} in the help")
        words = command.split()
        help_ = g.ok(*words, "--help").out
        equal(help_, g.ok("help", *words).out)
        equal(help_[:13 + len(command)], f"usage: capos {command}")
    holds(g.ok("version", "--json").json["version"] in g.ok("version").out, "versions differ")
    equal(g.ok("--json", "version").json, g.ok("version", "--json").json)
    d = g.ok("doctor", "--json").json
    holds(d["basic"] and "seccomp" in d["kernel"], d)
    holds("seccomp" in g.ok("doctor").out, "no findings")


@case()
def completion(g):
    g.login("work")

    def complete(*words):
        return g.ok("__complete", "--", *words).out.split()

    holds({"up", "login", "account", "call"} <= set(complete("")), "commands")
    offers(lambda: complete("lo"), ["login", "logout"])
    equal(complete("account", ""), ["add", "remove", "list", "key", "identity", "passkey", "passwd",
                                    "lock", "unlock", "expire"])
    offers(lambda: complete("account", "key", "r"), ["remove"])
    offers(lambda: complete("login", "--passw"), ["--password", "--password-stdin", "--password-file"])
    offers(lambda: complete("login", "--method", "p"), ["passkey", "password"])
    offers(lambda: complete("renew", "--passw"), ["--password", "--password-stdin", "--password-file"])
    offers(lambda: complete("renew", "--method", ""), ["oidc", "oidc-device"])
    offers(lambda: complete("whoami", "--session", ""), ["work"])
    offers(lambda: {"system_info", "chat"} <= set(complete("call", "")), True, "capabilities")
    offers(lambda: complete("call", "--session", "work", "system_info", ""), ["motd", "version", "uptime"])
    offers(lambda: complete("call", "system_info", "m"), ["motd"])
    offers(lambda: complete("describe", "sys"), ["system_info"])
    offers(lambda: {"Chat", "ChatEvent", "ChatMembership"} <= set(complete("describe", "chat", "Chat")), True, "types")
    offers(lambda: complete("call", "nothing", ""), [])
    offers(lambda: complete("probe", ""), ["work"])
    offers(lambda: complete("probe", "--method", "o"), ["oidc", "oidc-device"])
    g.ok("logout")
    offers(lambda: complete("call", ""), [])
    script = os.path.join(os.environ["CAPOS_SRCDIR"], "pkg", "completion", "capos")
    shell = (f". {script}; COMP_WORDS=(capos account key r); COMP_CWORD=3; _capos; "
             'echo "${COMPREPLY[@]}"')
    out = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True,
                         env={**g.env, "PATH": os.path.dirname(g.capos) + ":" + g.env["PATH"]})
    equal((out.stdout, out.stderr), ("remove\n", ""))


@case()
def manual_is_complete(g):
    page = os.path.join(os.environ["CAPOS_SRCDIR"], "pkg", "man", "capos.1")
    with open(page, encoding="utf-8") as f:
        text = re.sub(r"\\f.", "", f.read()).replace("\\-", "-")
    commands = re.findall(r"^  (\S.*?)  ", g.ok("--help").out.split("Options of all")[0], re.M)
    holds(len(commands) > 20, commands)
    for command in commands:
        holds(re.search(rf"^\.B {command}\b", text, re.M), f"no {command} in the manual")
        for option in re.findall(r"--[a-z-]+", g.ok(*command.split(), "--help").out):
            holds(option in text, f"no {option} in the manual")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--name", default="cli")
    p.add_argument("--gateway")
    p.add_argument("binaries")
    p.add_argument("cases", nargs="*")
    a = p.parse_args()
    os.environ.setdefault("CAPOS_SRCDIR", os.path.dirname(os.path.dirname(os.path.dirname(
        os.path.abspath(__file__)))))
    passed, failed, skipped = 0, [], 0
    for name, run, needs_instance, once in CASES:
        if (a.cases and name not in a.cases) or (needs_instance if a.gateway else once):
            continue
        rig = None
        try:
            rig = Rig(os.path.abspath(a.binaries), a.gateway)
            run(rig)
            passed += 1
        except Skip as e:
            skipped += 1
            print(f"skipped {name}: {e}")
        except Exception as e:  # pylint: disable=broad-except
            failed.append(f"not ok {name} - {type(e).__name__} {e}".replace("\n", " "))
            print(failed[-1])
            traceback.print_exc(file=sys.stdout)
            if rig:
                print(rig.read("log")[-2000:])
        finally:
            try:
                if rig:
                    rig.close()
            except Failed as e:
                failed.append(f"not ok {name}, at its end - {e}".replace("\n", " "))
                print(failed[-1])
            heard.end_children()
    print("".join(f"{line:.300}\n" for line in failed), end="")
    print(f"{a.name}: {passed} passed, {len(failed)} failed, {skipped} skipped")
    counts = os.environ.get("CAPOS_TEST_COUNTS")
    if counts:
        with open(counts, "a", encoding="ascii") as f:
            f.write(f"{a.name} {passed} {len(failed)} {skipped}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
