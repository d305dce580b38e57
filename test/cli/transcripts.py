"""transcripts: the cases of `--transcript`: what is noted, what never is, and what becomes of a command
whose file is not whole.
"""
import json
import os
import re
import resource
import subprocess

from rig import case, equal, holds


def schema_words():
    """Every name of an interface and of a method that a transcript may have."""
    top = os.path.join(os.path.dirname(__file__), "..", "..")
    words = set()
    for name in ("schema/admin", "schema/chat", "schema/remote_session", "schema/system_info",
                 "schema/user_session", "app/cli/agent"):
        with open(os.path.join(top, name + ".capnp"), encoding="utf-8") as f:
            text = f.read()
        words |= set(re.findall(r"^interface (\w+)", text, re.M))
        words |= set(re.findall(r"^  (\w+) @\d+ \(", text, re.M))
    return words


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ID = re.compile(r"0x[0-9a-f]{16}")
ENVELOPE = {"here", "there", "call", "return", "results", "failed", "overloaded", "disconnected",
            "unimplemented", "canceled", "instance", "agent", "admin"}


def transcript_of(g, name):
    """The lines of a whole transcript; every text in them is one that the program has."""
    equal(os.stat(g.path(name)).st_mode & 0o777, 0o600)
    lines = [json.loads(x) for x in g.read(name).splitlines()]
    words = schema_words() | ENVELOPE
    first, *middle, last = lines
    equal((first["format"], first["version"]), ("capos-transcript", 1))
    equal(set(last), {"at", "messages"})
    messages = [m for m in middle if "message" in m]
    equal(last["messages"], len(messages))
    for m in [*middle, last]:
        for key, value in m.items():
            if key == "denial":
                holds(re.fullmatch(r"denied\.[a-z-]+", value), m)
            elif key in ("at", "interfaceId"):
                holds((TIME if key == "at" else ID).fullmatch(value), m)
            elif not isinstance(value, int):
                holds(value in words, f"{value!r} in {m}")
    for m in messages:
        holds(m["connection"] in [c["connection"] for c in middle if "to" in c], m)
    return first["command"], messages


@case(needs_instance=True)
def a_transcript_has_names_and_numbers_alone(g):
    """What is secret, or only somebody's, is in no transcript, and the file is ours alone."""
    s = ("--state", g.state)
    planted = ["planted password 1", "planted reason 2", "plantedname3", "planted-channel-4"]
    runs = [(("account", "add", planted[2], "--password-stdin", *s), planted[0] + "\n",
             ["Admin.accountAdd"]),
            (("login", f"{planted[2]}@{g.address}", "--password-stdin", "--as", "work"),
             planted[0] + "\n", ["RemoteSessionGateway.authMethods", "RemoteAuthFlow.next"]),
            (("methods", g.address), "", ["RemoteSessionGateway.authMethods"]),
            (("account", "passwd", "alice", "--password-stdin", *s), planted[0] + "x\n",
             ["Admin.passwd"]),
            (("call", "system_info", "motd"), "", ["RemoteCapSet.get", "SystemInfo.motd"]),
            (("chat", "join", "#" + planted[3]), planted[1] + "\n",
             ["Chat.join", "ChatMembership.send"]),
            (("whoami",), "", ["RemoteSession.info"]),
            (("renew", "--password-stdin"), planted[0] + "\n", ["SessionAgent.renew"]),
            (("audit", "verify", *s), "", []), (("manifest", "show"), "", []),
            (("logout",), "", ["SessionAgent.logout"]),
            (("account", "lock", planted[2], "--reason", planted[1], *s), "",
             ["Admin.accountLock"])]
    for i, (words, stdin, calls) in enumerate(runs):
        g.ok(*words, "--transcript", g.path(f"transcript{i}"), stdin=stdin)
        command, messages = transcript_of(g, f"transcript{i}")
        holds(" ".join(words).startswith(command), command)
        made = [f"{m.get('interface')}.{m.get('method')}" for m in messages if m["message"] == "call"]
        holds(set(calls) <= set(made), f"{words}: {made}")
        answered = [m for m in messages if m["from"] == "there" and m["message"] == "return"]
        holds(len(answered) > 0 or not calls, messages)
        holds(not any(p in g.read(f"transcript{i}") for p in planted), words)


@case(needs_instance=True)
def a_transcript_of_what_fails(g):
    """A denial has its code and not its text; what is in the way is left alone."""
    g.fails(3, "login", f"nobody@{g.address}", "--password-stdin", "--transcript",
            g.path("denied"), stdin="planted password 1\n")
    _, messages = transcript_of(g, "denied")
    equal([m.get("denial") for m in messages if m["message"] == "return"][-1], "denied.credentials")
    holds("nobody" not in g.read("denied"), "the name is in it")
    before = g.read("denied")
    g.error(1, "failed", "methods", g.address, "--transcript", g.path("denied"))
    g.error(1, "failed", "methods", g.address, "--transcript", g.path("no/folder"))
    equal(g.read("denied"), before)


@case(needs_instance=True)
def a_transcript_that_does_not_fit(g):
    """The command does what it is for, and says at its end that the file is not whole."""
    def bounded():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))

    done = subprocess.run([g.capos, "methods", g.address, "--transcript", g.path("cut")],
                          capture_output=True, text=True, env=g.env, timeout=60, check=False,
                          preexec_fn=bounded, restore_signals=False)
    equal(done.returncode, 1)
    holds("the transcript is incomplete" in done.stderr, done)
    equal(done.stdout, g.ok("methods", g.address).out)
    text = g.read("cut")
    holds(text.endswith("\n") and "messages" not in text.splitlines()[-1], text)
    holds(all(json.loads(x) for x in text.splitlines()), text)
