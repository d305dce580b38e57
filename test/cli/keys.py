"""Cases of keys and passwords: files that are locked, open to others or damaged; agents that have
many keys, or do not work. cli.py runs them.
"""
import base64
import os
import socket
import struct
import subprocess
import threading

from rig import PASSWORD, case, equal, holds, in_memory, keygen, typed

PHRASE = "a phrase to remember"


class SshAgent:
    """A real one, with keys."""

    def __init__(self, g, *names):
        self.path = g.path("ssh-agent")
        self.agent = subprocess.Popen(["ssh-agent", "-D", "-a", self.path],
                                      stdout=subprocess.DEVNULL)
        self.env = {**g.env, "SSH_AUTH_SOCK": self.path}
        g.until(lambda: os.path.exists(self.path), "no ssh-agent")
        for name in names:
            subprocess.run(["ssh-add", "-q", g.path(name)], env=self.env, check=True)

    def close(self):
        self.agent.terminate()
        self.agent.wait()


def add_key(g, name):
    g.ok("account", "key", "add", "alice", g.path(name + ".pub"), "--state", g.state)


def logged_in(g):
    s = g.ok("sessions", "--json").json["sessions"][0]
    g.agents.append(s["agent"])
    return s


@case(needs_instance=True)
def a_passphrase_is_asked_for(g):
    keygen(g, "locked", "-t", "ed25519", phrase=PHRASE)
    add_key(g, "locked")
    command = [g.capos, "login", f"alice@{g.address}", "-i", g.path("locked")]
    prompt = f"Passphrase of {g.path('locked')}"
    code, shown = typed(command, g.env, [(prompt, "wrong"), (prompt, PHRASE)])
    equal(code, 0, shown)
    holds(PHRASE not in shown and "passphrase is not right" in shown, shown)
    now = logged_in(g)
    equal(now["kind"], "publicKey")
    holds(not in_memory(now["agent"], PHRASE), "the passphrase is in the agent's memory")
    code, shown = typed([g.capos, "renew", "-i", g.path("locked")], g.env, [(prompt, PHRASE)])
    equal(code, 0, shown)
    g.ok("logout")
    # Three times, and no more.
    code, shown = typed(command, g.env, [(prompt, "wrong")] * 3)
    equal((code, shown.count("passphrase is not right")), (1, 4), shown)
    # One of ~/.ssh, without being named.
    os.rename(g.path("locked"), g.path("home/.ssh/id_ed25519"))
    command = [g.capos, "login", f"alice@{g.address}"]
    code, shown = typed(command, g.env, [("Passphrase of", PHRASE)])
    equal(code, 0, shown)
    equal(logged_in(g)["kind"], "publicKey")
    g.ok("logout")
    # No passphrase is typed: it is passed over, and that is said.
    code, shown = typed(command, g.env, [("Passphrase of", ""), ("Password of alice", PASSWORD)])
    equal(code, 0, shown)
    holds("ssh-add" in shown, shown)
    equal(logged_in(g)["kind"], "password")
    g.ok("logout")
    # Without a terminal likewise.
    says = g.fails(1, "login", f"alice@{g.address}").err
    holds("id_ed25519 is protected by a passphrase" in says, says)


@case(once=True)
def three_tries_for_a_password(g):
    command = [g.capos, "login", f"alice@{g.address}", "--password", "--as", "work"]
    ask = "Password of alice"
    code, shown = typed(command, g.env, [(ask, "wrong"), (ask, "wrong too"), (ask, PASSWORD)])
    equal((code, shown.count("try again")), (0, 2), shown)
    logged_in(g)
    g.ok("logout")
    code, shown = typed(command, g.env, [(ask, "wrong")] * 3)
    equal(code, 3, shown)
    # From a pipe there is one.
    g.error(3, "denied.credentials", "login", f"alice@{g.address}", "--password-stdin",
            stdin=f"wrong\n{PASSWORD}\n")


@case(needs_instance=True)
def the_last_of_many_keys_is_reached(g):
    names = [f"k{i}" for i in range(8)]
    for name in names:
        keygen(g, name, "-t", "ed25519")
    add_key(g, names[-1])
    agent = SshAgent(g, *names)
    try:
        r = g.ok("login", f"alice@{g.address}", "--json", env=agent.env).json
        g.agents.append(r["agent"])
        equal(r["kind"], "publicKey")
        g.ok("logout")
    finally:
        agent.close()


@case(once=True)
def keys_that_others_may_read_are_refused(g):
    keygen(g, "k", "-t", "ed25519")
    os.chmod(g.path("k"), 0o644)
    says = g.error(1, "key", "login", f"alice@{g.address}", "-i", g.path("k"))
    holds("0644" in says and f"chmod 600 {g.path('k')}" in says, says)
    os.rename(g.path("k"), g.path("home/.ssh/id_ed25519"))
    says = g.fails(1, "login", f"alice@{g.address}").err
    holds("chmod 600" in says, says)


def rewrite(path, change):
    """Changes the body of a key file."""
    with open(path, encoding="ascii") as f:
        lines = f.read().split("\n")
    body = bytearray(base64.b64decode("".join(lines[1:-2])))
    text = base64.b64encode(change(body)).decode()
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join([lines[0], text, *lines[-2:]]))


def other_public_half(body):
    at = body.index(b"ssh-ed25519") + 11 + 4
    body[at + 3] ^= 1
    return body


def wrong_padding(body):
    body[-1] ^= 1
    return body


def trailing_bytes(body):
    return body + b"more"


def longer_private_part(body):
    at = body.index(b"ssh-ed25519") + 11 + 4 + 32
    (size,) = struct.unpack(">I", body[at:at + 4])
    body[at:at + 4] = struct.pack(">I", size + 8)
    return body + b"\1\2\3\4\5\6\7\10"


@case(once=True)
def damaged_key_files_are_refused(g):
    for change, why in ((other_public_half, "halves"), (wrong_padding, "padding"),
                        (trailing_bytes, "lengths"), (longer_private_part, "padding")):
        if os.path.exists(g.path("k")):
            os.unlink(g.path("k"))
        keygen(g, "k", "-t", "ed25519", "-C", "odd")
        rewrite(g.path("k"), change)
        says = g.error(1, "key", "login", f"alice@{g.address}", "-i", g.path("k"))
        holds(why in says, f"{change.__name__}: {says}")


class FakeAgent:
    """Takes callers, and answers each with some bytes, or with nothing at all."""

    def __init__(self, path, answer):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.answer, self.callers = answer, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            if self.answer:
                s.sendall(self.answer)
                s.close()
            else:
                self.callers.append(s)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.callers:
            s.close()


@case(once=True)
def a_broken_agent_is_what_is_named(g):
    keygen(g, "k", "-t", "ed25519")
    os.rename(g.path("k"), g.path("elsewhere"))
    paths = {"nowhere": g.path("nowhere"), "long": g.path("x" * 120)}
    for name, answer in (("large", b"\xff\xff\xff\xff"), ("empty", b"\0\0\0\0"),
                         ("refusal", b"\0\0\0\1\5"), ("count", b"\0\0\0\5\x0c\xff\xff\xff\xff"),
                         ("half", b"\0\0\0"), ("hang", b"")):
        paths[name] = g.path(f"agent-{name}")
        agent = FakeAgent(paths[name], answer)
        g.fakes = [*getattr(g, "fakes", []), agent]
    for name, path in paths.items():
        env = {**g.env, "SSH_AUTH_SOCK": path}
        # To wait for one that hangs once is enough.
        for identity in (g.path("k.pub"), g.path("k"))[:1 if name == "hang" else 2]:
            says = g.error(1, "agent", "login", f"alice@{g.address}", "-i", identity, env=env)
            holds(says.startswith(f"the ssh-agent at {path}"), f"{name}: {says}")
        if name == "hang":
            continue
        # Without -i it is said, and the login goes on.
        r = g.run("login", f"alice@{g.address}", env=env)
        holds(f"the ssh-agent at {path}" in r.err and r.code == 1, f"{name}: {r}")
    for agent in g.fakes:
        agent.close()
    says = g.error(1, "agent", "login", f"alice@{g.address}", "-i", g.path("k.pub"))
    holds("SSH_AUTH_SOCK is not set" in says, says)
