"""Cases of the command as a person meets it: mistyped words, full disks, answers that do not come,
times. cli.py runs them.
"""
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading

from rig import PASSWORD, agent_lives, case, equal, holds, keygen, needs_root, offers, state, typed


def to_full(g, *args):
    """Runs a command whose output goes to a disk that is full."""
    with open("/dev/full", "wb") as full:
        return subprocess.run([g.capos, *args], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, env=g.env, timeout=60, check=False)


@case(once=True)
def lost_output_is_an_error(g):
    g.login("work")
    commands = [["caps"], ["caps", "--long"], ["whoami"], ["describe", "chat"], ["sessions"],
                ["methods", g.address], ["doctor"], ["version"], ["--help"], ["help", "login"],
                ["call", "system_info", "motd"], ["caps", "--json"], ["account"]]
    for args in commands:
        r = to_full(g, *args)
        holds(r.returncode not in (0, 3, 4), f"{args}: exit code {r.returncode}")
        equal(r.stderr, b"capos: standard output: No space left on device\n", str(args))
    # Closed from the start: nothing else may get its number.
    r = subprocess.run(["sh", "-c", f'exec "{g.capos}" caps >&-'], stderr=subprocess.PIPE,
                       env=g.env, timeout=60, check=False)
    equal((r.returncode, r.stderr), (1, b"capos: standard output: Bad file descriptor\n"))
    # A reader that has left is told nothing.
    reader, writer = os.pipe()
    os.close(reader)
    r = subprocess.run([g.capos, "caps"], stdout=writer, stderr=subprocess.PIPE, env=g.env,
                       timeout=60, check=False)
    os.close(writer)
    equal((r.returncode, r.stderr), (1, b""))
    g.ok("logout")


@case(needs_instance=True)
def lost_output_of_an_administrator_is_an_error(g):
    g.login("work")
    for args in (["account", "list"], ["session", "list"], ["status"], ["audit", "tail"],
                 ["audit", "verify"], ["account", "list", "--json"]):
        r = to_full(g, *args, "--state", g.state)
        equal((r.returncode, r.stderr), (1, b"capos: standard output: No space left on device\n"),
              str(args))
    g.ok("logout")


@case(once=True)
def mistyped_words_get_a_hint(g):
    for typed_, meant in (("lgin", "login"), ("acount", "account"), ("sesions", "sessions"),
                          ("account lst", "account list"), ("account key ad", "account key add"),
                          ("sessoin revoke", "session"), ("help lgoin", "login"),
                          ("--versoin", "--version"), ("status --sate x", "--state"),
                          ("caps --lnog", "--long"), ("login x --indentity k", "--identity")):
        says = g.error(2, "usage", *typed_.split())
        holds(f"did you mean `{meant}" in says, f"{typed_}: {says}")
    for far in ("frobnicate", "account zzzzz"):
        holds("did you mean" not in g.error(2, "usage", *far.split()), far)


@case(once=True)
def groups_answer_with_their_commands(g):
    for group, has in (("account", ["account add", "account key add", "account list"]),
                       ("account key", ["account key add", "account key remove"]),
                       ("session", ["session list", "session revoke"]),
                       ("audit", ["audit verify", "audit tail"]), ("chat", ["chat join"])):
        words = group.split()
        text = g.ok(*words, "--help").out
        equal(text, g.ok("help", *words).out)
        equal(text, g.fails(2, *words).out)
        for command in has:
            holds(f"\n  {command} " in text, f"no {command} in {text}")
        holds("\n  login" not in text, text)
        g.error(2, "usage", *words)
    holds("account list" in g.error(2, "usage", "account", "lits"), "no hint")


@case(once=True)
def version_as_an_option(g):
    for args in (["--version"], ["-V"], ["login", "--version"]):
        equal(g.ok(*args).out, g.ok("version").out)


@case()
def times_have_two_units(g):
    """A lease of ten minutes, and then of others."""
    g.login("work")
    for duration, wanted in (("10m", r"in (10 min|9 min \d+ s)"), ("90s", r"in [3-9]\d s"),
                             ("8h", r"in (8 h|7 h 5\d min)"), ("5m", r"in (5 min|4 min \d+ s)"),
                             ("1h", r"in (1 h|5\d min)"), ("100m", r"in 1 h (40|3\d) min")):
        g.ok("renew", "--password-stdin", "--duration", duration, stdin="correct horse")
        for command in ("whoami", "sessions"):
            out = g.ok(command).out
            holds(re.search(wanted + r"\b", out), f"{duration}: {out}")
    g.ok("logout")


# ---- answers that do not come, or come from something else --------------------------------------


class Other:
    """A listener that is no instance: says something, does something with what it hears."""

    def __init__(self, says=b"", hears=lambda s, b: None, closes=False):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "plain:127.0.0.1:%d" % self.listener.getsockname()[1]
        self.says, self.hears, self.closes = says, hears, closes
        self.over = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.over:
            s, _ = self.listener.accept()
            with s:
                if self.over:
                    return
                s.sendall(self.says)
                if self.closes:
                    continue
                try:
                    while heard := s.recv(4096):
                        self.hears(s, heard)
                except OSError:
                    pass

    def close(self):
        self.over = True
        socket.create_connection(self.listener.getsockname()).close()
        self.thread.join()
        self.listener.close()


def hear_http(s, _):
    s.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n")
    s.shutdown(socket.SHUT_WR)


@case(once=True)
def what_is_no_instance_is_called_so(g):
    others = {"ssh": Other(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
              "http": Other(hears=hear_http),
              "noise": Other(bytes(range(7, 256)) * 40),
              "smtp": Other(b"220 mail.example ESMTP\r\n"), "echo": Other(hears=socket.socket.send)}
    for name, other in others.items():
        for args in (["methods", other.address], ["login", other.address, "--anonymous"],
                     ["login", f"alice@{other.address}", "--password-stdin"]):
            says = g.error(4, "not-capos", *args, "--timeout", "20", stdin="never sent")
            holds("this is not a capOS instance" in says and "capos status" in says,
                  f"{name}: {says}")
        other.close()
    gone = Other(closes=True)
    says = g.error(4, "disconnected", "methods", gone.address)
    gone.close()
    g.error(4, "disconnected", "methods", gone.address)


@case(once=True)
def silence_has_an_end(g):
    mute = Other()
    for args in (["methods", mute.address], ["login", mute.address, "--anonymous"]):
        says = g.error(4, "timeout", *args, "--timeout", "300ms")
        holds("no answer" in says and "capOS instance" in says, says)
    mute.close()
    for wrong in ("soon", "0", "-1", "5 parsecs", ""):
        g.error(2, "usage", "methods", mute.address, "--timeout", wrong)


@case(once=True)
def a_stopped_agent_is_named(g):
    r = g.login("work")
    os.kill(r["agent"], signal.SIGSTOP)
    g.until(lambda: state(r["agent"]) == "T", "it is not stopped")
    try:
        for args in (["whoami"], ["caps"], ["call", "system_info", "motd"], ["logout"],
                     ["describe", "chat"], ["chat", "join", "#lobby"]):
            says = g.error(4, "timeout", *args, "--timeout", "300ms")
            holds("agent of this login" in says and f"kill -CONT {r['agent']}" in says,
                  f"{args}: {says}")
        out = g.ok("sessions", "--timeout", "300ms").out
        holds("work" in out and "is stopped" in out and str(r["agent"]) in out, out)
        listed = g.ok("sessions", "--timeout", "300ms", "--json").json["sessions"]
        equal([(s["alias"], s["agent"], s["stuck"]) for s in listed], [("work", r["agent"], True)])
    finally:
        os.kill(r["agent"], signal.SIGCONT)
    # What was asked of it is done now, the logout too.
    g.until(lambda: not agent_lives(r["agent"]), "the logout was lost")


@case(once=True)
def an_agent_that_ends_just_now_says_why(g):
    """It has taken the command's connection, and has noted why it ends."""
    ended = g.path("run/capos.ended")
    os.makedirs(ended, 0o700, exist_ok=True)
    os.makedirs(g.path("run/capos"), 0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(g.path("run/capos/brief.sock"))
        agent.listen()
        with open(f"{ended}/brief", "w", encoding="ascii") as f:
            f.write("somebody has ended it\n")
        hangs_up = threading.Thread(target=lambda: [agent.accept()[0].close() for _ in range(2)])
        hangs_up.start()
        says = [g.error(4, "no-session", *args, "-s", "brief") for args in (["caps"], ["whoami"])]
        hangs_up.join()
    os.unlink(g.path("run/capos/brief.sock"))
    holds(all("somebody has ended it" in text for text in says), says)


@case(needs_instance=True)
def a_stopped_instance_ends_a_wait(g):
    g.ok("status", "--state", g.state)
    children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(g.server.pid)],
                              capture_output=True, text=True, check=True).stdout
    pid = int(re.search(r"(\d+) capos-sessiond", children).group(1))
    os.kill(pid, signal.SIGSTOP)
    try:
        says = g.error(4, "timeout", "status", "--state", g.state, "--timeout", "300ms")
        holds("the instance" in says and "does not answer" in says, says)
    finally:
        os.kill(pid, signal.SIGCONT)
    g.ok("status", "--state", g.state)


@case(once=True)
def a_call_without_end_has_one_when_asked(g):
    """What takes any time is a server that sleeps."""
    g.login("work")
    g.server.send_signal(signal.SIGSTOP)
    try:
        says = g.error(4, "timeout", "whoami", "--timeout", "300ms")
        holds("does not answer" in says, says)
    finally:
        g.server.send_signal(signal.SIGCONT)
    g.ok("whoami")
    g.ok("logout")


# ---- what an agent has, and whom a command trusts -----------------------------------------------


@case(once=True)
def the_agent_inherits_nothing(g):
    reader, writer = os.pipe()
    lock = g.path("lock")
    script = (f'exec 9>"{lock}"; flock 9; exec 200</dev/null; '
              f'"{g.capos}" login {g.address} --anonymous --as work --json')
    r = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       pass_fds=(writer,), env=g.env, timeout=60, check=True)
    os.close(writer)
    agent = json.loads(r.stdout)["agent"]
    g.agents.append(agent)
    # The lock is free, and the pipe has come to its end.
    subprocess.run(["flock", "-n", lock, "true"], check=True)
    holds(select.select([reader], [], [], 20)[0], "somebody holds the pipe")
    equal(os.read(reader, 1), b"")
    os.close(reader)
    g.ok("logout")


def opened(pid):
    """What the descriptors of a process lead to; what closes meanwhile is left out."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return found


@case(once=True)
def an_agent_has_sockets_alone(g):
    needs_root()
    agent = g.login("work")["agent"]
    # It closes the pipe by which it has said that it is ready, after it has said so.
    g.until(lambda: all(what == "/dev/null" or what.startswith(("socket:", "anon_inode:"))
                        for what in opened(agent)), f"the agent keeps {opened(agent)}")
    g.ok("logout")


@case(needs_instance=True)
def an_instance_inherits_nothing(g):
    lock = g.path("lock")
    script = (f'exec 9>"{lock}"; flock 9; '
              f'exec "{g.capos}" up --state "{g.path("second")}" --listen plain:127.0.0.1:0')
    p = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, stderr=g.log, env=g.env,
                         stdin=subprocess.DEVNULL)
    try:
        holds("remote CapSet" in g.read_line(p.stdout), "it does not start")
        subprocess.run(["flock", "-n", lock, "true"], check=True)
    finally:
        p.terminate()
        p.wait()
        p.stdout.close()


@case(needs_instance=True)
def root_administers_an_instance_of_another_user(g):
    needs_root()
    nobody = 65534
    home = g.path("theirs")
    os.mkdir(home, 0o700)
    os.chown(home, nobody, nobody)
    os.chmod(g.dir, 0o711)
    os.mkdir(g.path("alien"), 0o700)
    server = subprocess.Popen([g.capos, "up", "--state", home, "--listen", "plain:127.0.0.1:0"],
                              stdout=subprocess.PIPE, stderr=g.log, stdin=subprocess.DEVNULL,
                              env={**g.env, "XDG_RUNTIME_DIR": ""}, user=nobody, group=nobody,
                              extra_groups=[])
    try:
        line = g.read_line(server.stdout)
        holds("remote CapSet" in line, line)
        equal(g.ok("status", "--state", home, "--json").json["sessions"], 0)
        g.ok("account", "add", "carol", "--password-stdin", "--state", home, stdin=PASSWORD)
        equal(g.ok("account", "list", "--json", "--state", home).json["accounts"][0]["name"],
              "carol")
        # In a folder of ours it is somebody else's socket, whatever it says.
        os.symlink(home + "/admin.sock", g.path("alien/admin.sock"))
        g.error(3, "not-yours", "status", "--state", g.path("alien"))
        # And it never is an agent.
        os.mkdir(g.path("run/capos"), 0o700)
        os.symlink(home + "/admin.sock", g.path("run/capos/work.sock"))
        holds(g.fails(1, "whoami", "--session", "work"), "an agent of another user")
        holds(os.path.exists(home + "/admin.sock"), "the socket was removed")
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@case(once=True)
def the_state_folder_has_an_environment(g):
    env = {**g.env, "CAPOS_STATE": g.path("nowhere")}
    holds(g.path("nowhere") in g.error(4, "cannot-connect", "status", env=env), "not used")
    bare = {k: v for k, v in g.env.items() if k != "HOME"}
    if os.getuid() != 0:  # root's is in /var
        holds("HOME" in g.error(2, "usage", "status", env=bare), "not explained")


@case(once=True)
def names_are_shown_harmless(g):
    r = g.ok("login", g.address, "--anonymous", "--as", "a\nb\x1b[31m")
    holds("a\\x0ab\\x1b[31m" in r.out and "\x1b" not in r.out, r.out)
    g.agents.append(g.ok("sessions", "--json").json["sessions"][0]["agent"])
    g.ok("logout")
    for url in (f"ssh://alice@{g.address}", f"https://{g.address}"):
        says = g.error(2, "usage", "login", url)
        holds("URL" in says, says)


# ---- the end of a login, and the next -----------------------------------------------------------


@case(needs_instance=True)
def a_dead_login_is_replaced(g):
    r = g.login("work")
    me = g.ok("whoami", "--json").json["id"]
    g.ok("session", "revoke", me, "--state", g.state)
    # At once, while its agent has not noticed.
    again = g.login("work")
    holds(again["agent"] != r["agent"], "the same agent")
    g.ok("whoami")
    g.error(1, "already-logged-in", "login", g.address, "--anonymous", "--as", "work")
    g.ok("logout")


@case(needs_instance=True)
def the_reason_of_an_end_is_kept(g):
    g.login("work")
    me = g.ok("whoami", "--json").json["id"]
    g.ok("session", "revoke", me, "--state", g.state)
    g.until(lambda: g.ok("sessions", "--json").json["sessions"] == [], "the agent lives on")
    for args in (["whoami"], ["whoami", "--session", "work"]):
        says = g.error(4, "no-session", *args)
        holds("work ended at 20" in says and "revoked" in says, says)
    g.login("work")
    g.ok("renew", "--password-stdin", "--duration", "8s", stdin=PASSWORD)
    g.until(lambda: g.ok("sessions", "--json").json["sessions"] == [], "the agent lives on")
    says = g.error(4, "no-session", "whoami")
    holds("work ended at 20" in says and "expired" in says, says)
    # Who has logged out knows.
    g.login("work")
    g.ok("logout")
    says = g.error(4, "no-session", "whoami")
    holds("ended" not in says, says)
    g.anonymous("work")  # which has nothing to come back by
    g.server.kill()
    g.server.wait()
    g.until(lambda: g.ok("sessions", "--json").json["sessions"] == [], "the agent lives on")
    says = g.error(4, "no-session", "whoami")
    holds("instance" in says and "lost" in says, says)


@case(once=True)
def a_person_is_greeted(g):
    code, shown = typed([g.capos, "login", f"alice@{g.address}", "--password"], g.env,
                        [("Password of alice", PASSWORD)])
    equal(code, 0, shown)
    holds("welcome" in shown.lower(), shown)
    g.agents.append(g.ok("sessions", "--json").json["sessions"][0]["agent"])
    g.ok("logout")
    holds("elcome" not in g.ok("login", g.address, "--anonymous").out, "a program is greeted")
    g.ok("logout")


# ---- completion --------------------------------------------------------------------------------


def tab(g, line, env=None):
    """What bash offers for a line, with the point at its end."""
    script = os.path.join(os.environ["CAPOS_SRCDIR"], "pkg", "completion", "capos")
    shell = (f'. "{script}"; COMP_LINE=$1; COMP_POINT=${{#1}}; read -ra COMP_WORDS <<<"$1"; '
             '[[ $1 == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
             '_capos; printf "%s\\n" "${COMPREPLY[@]}"')
    r = subprocess.run(["bash", "-c", shell, "bash", line], capture_output=True, text=True,
                       check=True, cwd=g.dir, timeout=60,
                       env={**(env or g.env), "PATH": os.path.dirname(g.capos) + ":" +
                            g.env["PATH"]})
    equal(r.stderr, "")
    return r.stdout.split()


@case(once=True)
def tab_offers_what_fits(g):
    with open(g.path("a-file"), "w", encoding="ascii"):
        pass
    os.mkdir(g.path("a-folder"))
    # Nothing, where nothing is known: no files.
    for line in ("capos chat join ", "capos whoami ", "capos call ", "capos account remove ",
                 "capos session revoke ", "capos caps -s ", "capos login x "):
        equal(tab(g, line), [], line)
    # Files, where files belong.
    holds({"a-file", "a-folder"} <= set(tab(g, "capos account key add alice ")), "no files")
    offers(lambda: tab(g, "capos login x -i a-fi"), ["a-file"])
    offers(lambda: tab(g, "capos up --state a-"), ["a-folder"])
    offers(lambda: tab(g, "capos audit verify a-fi"), ["a-file"])
    offers(lambda: tab(g, "capos cert import a-file a-fi"), ["a-file"])
    offers(lambda: tab(g, "capos help account ke"), ["key"])
    g.login("work")
    offers(lambda: tab(g, "capos caps -s "), ["work"])
    offers(lambda: tab(g, "capos call chat jo"), ["join"])
    offers(lambda: sorted(tab(g, "capos call chat join ")), ["channel=", "listener="])
    offers(lambda: tab(g, "capos call chat join chan"), ["channel="])
    offers(lambda: tab(g, "capos call chat join channel=#a "), ["listener="])
    offers(lambda: tab(g, "capos call chat join channel=@a-fi"), ["a-file"])
    host, port = g.address.rsplit(":", 1)
    offers(lambda: tab(g, "capos methods "), [g.address])
    offers(lambda: tab(g, f"capos methods {host}:"), [port])
    offers(lambda: tab(g, "capos login bob@"), [g.address])
    offers(lambda: tab(g, "capos login ali"), [f"alice@{g.address}"])
    g.ok("logout")


@case(needs_instance=True)
def tab_knows_the_instance(g):
    s = f"--state {g.state}"
    keygen(g, "k", "-t", "ed25519")
    g.ok("account", "add", "bob", *s.split())
    print_ = g.ok("account", "key", "add", "bob", g.path("k.pub"), *s.split()).out.strip()
    offers(lambda: sorted(tab(g, f"capos account remove {s} ")), ["alice", "bob"])
    offers(lambda: tab(g, f"capos account passwd {s} b"), ["bob"])
    offers(lambda: tab(g, f"capos session revoke {s} --account al"), ["alice"])
    offers(lambda: tab(g, f"capos account key remove {s} bob "), [print_])
    g.login("work")
    me = g.ok("whoami", "--json").json["id"]
    offers(lambda: tab(g, f"capos session revoke {s} "), [me])
    offers(lambda: tab(g, "capos session revoke ", {**g.env, "CAPOS_STATE": g.state}), [me])
    g.ok("logout")


@case(needs_instance=True)
def signals_without_a_meaning_end_nothing(g):
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM):
        g.server.send_signal(number)
    equal(g.ok("status", "--state", g.state, "--json").json["sessions"], 0)
    holds(g.server.poll() is None, "the instance has ended")


@case(once=True)
def doctor_says_what_this_machine_can_have(g):
    found = g.ok("doctor", "--json").json
    equal(found["full"], all(found["kernel"].values()))
    text = g.ok("doctor").out
    for name, has in found["kernel"].items():
        holds(re.search(rf"^{name} +{'yes' if has else 'no'} ", text, re.M), name)
    holds(f"demands): {'possible' if found['full'] else 'not possible'}" in text, text)
