"""via: the cases of `--via ssh`, with a real sshd on a port of its own on loopback.

The sshd is started by the test, as the user who runs it; it accepts one key, and gives the commands
it starts a PATH with `capos` in it. $CAPOS_SSH names ssh with a configuration of the test's own.
"""
import contextlib
import getpass
import os
import signal
import socket
import subprocess
import sys

from rig import PASSWORD, Skip, agent_lives, case, equal, heard, holds, keygen, typed

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop", "conf"))
import ports  # noqa: E402

SSHD = "/usr/sbin/sshd"


@contextlib.contextmanager
def sshd(g):
    if not os.path.exists(SSHD):
        raise Skip("there is no sshd: openssh-server")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    for name in ("host", "user", "other"):
        keygen(g, name, "-t", "ed25519")
    port = ports.free_port()
    write(g, "sshd_config", f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {g.path('host')}
PidFile none
AuthorizedKeysFile {g.path('user.pub')}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv PATH={os.path.dirname(g.capos)}:{os.environ['PATH']} XDG_RUNTIME_DIR={g.path('run')}
""")
    with open(g.path("host.pub"), encoding="ascii") as f:
        write(g, "known_hosts", f"[127.0.0.1]:{port} {f.read()}")
    write(g, "ssh_config", f"""
Host there
        HostName 127.0.0.1
        Port {port}
        User {getpass.getuser()}
        IdentityFile {g.path('user')}
        IdentitiesOnly yes
        UserKnownHostsFile {g.path('known_hosts')}
        StrictHostKeyChecking yes
        ControlPath none
Host stranger
        HostName 127.0.0.1
        Port {port}
        IdentityFile {g.path('other')}
        IdentitiesOnly yes
        UserKnownHostsFile {g.path('known_hosts')}
        StrictHostKeyChecking yes
""")
    g.env["CAPOS_SSH"] = f"ssh -F {g.path('ssh_config')}"
    with open(g.path("sshd.log"), "wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", g.path("sshd_config")], stderr=log,
                                  stdin=subprocess.DEVNULL)
    try:
        def listens():
            with socket.socket() as s:
                return server.poll() is not None or s.connect_ex(("127.0.0.1", port)) == 0

        g.until(listens, "sshd does not listen")
        if server.poll() is not None:
            raise Skip("sshd does not start here: " + g.read("sshd.log")[-300:])
        # An account that may not log in (a locked one, one without a shell) is not ours to mend.
        done = subprocess.run(["ssh", "-F", g.path("ssh_config"), "-oBatchMode=yes", "there", "true"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env=g.env, check=False)
        if done.returncode:
            raise Skip(f"this account cannot log in by ssh: {done.stderr[-200:]}")
        yield port
    finally:
        server.terminate()
        server.wait(heard.DEADLINE_S)


def write(g, name, text):
    with open(g.path(name), "w", encoding="ascii") as f:
        f.write(text)


def port_of(g):
    return g.address.rsplit(":", 1)[1]


def ssh_processes(g):
    """The ssh processes that use our configuration."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().decode(errors="replace").split("\0")
            if words[0] == "ssh" and g.path("ssh_config") in words:
                found.append(int(pid))
    return found


@case(needs_instance=True)
def a_login_through_ssh_outlives_its_command(g):
    with sshd(g):
        methods = g.ok("methods", f"there:{port_of(g)}", "--via", "ssh", "--json").json["methods"]
        holds(methods, "no methods")
        r = g.ok("login", f"alice@there:{port_of(g)}", "--via", "ssh", "--password-stdin", "--as",
                 "far", "--json", stdin=PASSWORD + "\n").json
        g.agents.append(r["agent"])
        equal(g.ok("whoami", "--json").json["transport"], "unix")
        equal(g.ok("call", "system_info", "motd").json, {"text": "Welcome to capOS."})
        holds(ssh_processes(g), "no ssh")
        # All that it holds goes when the login goes.
        g.ok("logout")
        g.until(lambda: not agent_lives(r["agent"]), "the agent stays")
        g.until(lambda: not ssh_processes(g), "ssh stays")
        g.agents.remove(r["agent"])


@case(needs_instance=True)
def through_ssh_by_key_and_renewed(g):
    keygen(g, "mine", "-t", "ed25519")
    g.ok("account", "key", "add", "alice", g.path("mine.pub"), "--state", g.state)
    with sshd(g):
        r = g.ok("login", f"alice@localhost:{port_of(g)}", "--via", "ssh:there", "-i",
                 g.path("mine"), "--json").json
        g.agents.append(r["agent"])
        g.ok("renew", "-i", g.path("mine"))
        # ssh dies: so does the login, and its end is said.
        for pid in ssh_processes(g):
            os.kill(pid, signal.SIGKILL)
        g.until(lambda: not agent_lives(r["agent"]), "the agent stays")
        says = g.error(4, "no-session", "caps")
        holds("connection to the instance is lost" in says, says)


@case(needs_instance=True)
def ssh_and_what_is_there_are_blamed_rightly(g):
    with sshd(g):
        r = g.fails(4, "login", f"stranger:{port_of(g)}", "--via", "ssh", "--anonymous")
        holds("Permission denied" in r.err and "ssh has ended" in r.err, r.err)
        r = g.fails(4, "login", "there:1", "--via", "ssh", "--anonymous")
        holds("localhost:1" in r.err and "no instance" in r.err, r.err)
        r = g.fails(4, "login", "unix:/nowhere/it's", "--via", "ssh:there", "--anonymous")
        holds("/nowhere/it's" in r.err and "No such file" in r.err, r.err)
        r = g.fails(4, "login", "nobody.invalid", "--via", "ssh", "--anonymous")
        holds("ssh has ended" in r.err, r.err)
        r = g.fails(3, "login", f"alice@there:{port_of(g)}", "--via", "ssh", "--password-stdin",
                    stdin="wrong\n")
        g.until(lambda: not ssh_processes(g), "ssh stays")
    env = {**g.env, "CAPOS_SSH": "/no/such/ssh"}
    r = g.fails(4, "methods", "there", "--via", "ssh", env=env)
    holds("/no/such/ssh: No such file" in r.err, r.err)


@case(needs_instance=True)
def three_passwords_through_one_ssh(g):
    with sshd(g):
        answers = [("Password of alice", w) for w in ("wrong", "wrong again", PASSWORD)]
        code, shown = typed([g.capos, "login", f"alice@there:{port_of(g)}", "--password", "--via",
                             "ssh", "--as", "far"], g.env, answers)
        equal(code, 0, shown)
        holds("Logged in as alice" in shown, shown)
        g.agents.append(g.ok("sessions", "--json").json["sessions"][0]["agent"])
        equal(len(ssh_processes(g)), 1)
        equal(g.read("sshd.log").count("Accepted publickey"), 2)  # ours, and the probe's
        g.ok("logout")


@case(needs_instance=True)
def a_login_through_ssh_keeps_nothing_of_its_caller(g):
    with sshd(g):
        # The pipe of the caller ends although the login goes on.
        done = subprocess.run(f'"{g.capos}" login there:{port_of(g)} --via ssh --anonymous --json '
                              "2>&1 | cat", shell=True, capture_output=True, text=True,
                              timeout=60, env=g.env, check=False, start_new_session=True)
        holds('"agent"' in done.stdout, done)
        agent = g.ok("sessions", "--json").json["sessions"][0]["agent"]
        g.agents.append(agent)
        holds(agent_lives(agent), "it has ended")
        g.ok("logout")


@case(once=True)
def via_is_written_rightly(g):
    for address, via in (("h", "rsh"), ("h", "ssh:"), ("h", "sshx"), ("plain:h:1", "ssh"),
                         ("tls:h:1", "ssh"), ("unix:/x", "ssh"), ("other:1", "ssh:h")):
        g.error(2, "usage", "login", address, "--anonymous", "--via", via)


@case(needs_instance=True)
def pipe_joins_and_ends(g):
    path = [w for w in g.ok("status", "--json", "--state", g.state).json["addresses"]
            if w.startswith("unix:")]
    holds(path, "no Unix socket")
    p = subprocess.Popen([g.capos, "pipe", path[0]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         env=g.env)
    # A bootstrap question; what comes back is an answer, byte for byte a frame.
    p.stdin.write(bytes.fromhex("0000000005000000" "0000000001000100" "0800000000000000"
                                "0000000001000100" "0000000000000000" "0000000000000000"))
    p.stdin.flush()
    head = p.stdout.read(8)
    equal(head[:4], b"\0\0\0\0")
    p.stdin.close()
    rest = p.stdout.read()
    holds(len(rest) >= 8 * int.from_bytes(head[4:], "little"), "cut short")
    equal(p.wait(30), 0)
    g.error(4, "cannot-connect", "pipe", "unix:/nowhere/at/all")
