"""Cases of the command as a person meets it: mistyped words, full disks, answers that do not come,
times. cli.py runs them.
"""
import os
import re
import subprocess

from rig import case, equal, holds


def to_full(g, *args):
    """Runs a command whose output goes to a disk that is full."""
    with open("/dev/full", "wb") as full:
        return subprocess.run([g.capos, *args], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, env=g.env, timeout=60, check=False)


@case()
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


@case()
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


@case()
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


@case()
def version_as_an_option(g):
    for args in (["--version"], ["-V"], ["login", "--version"]):
        equal(g.ok(*args).out, g.ok("version").out)


@case()
def times_have_two_units(g):
    """A lease of a minute, and then of eight hours, a day and ten minutes."""
    g.login("work")
    for duration, wanted in (("10m", r"in (10 min|9 min 5\d s)"), ("90s", r"in (90|8\d) s"),
                             ("8h", r"in (8 h|7 h 59 min)"), ("5m", r"in (5 min|4 min 5\d s)"),
                             ("1h", r"in (1 h|59 min)"), ("100m", r"in 1 h (40|39) min")):
        g.ok("renew", "--password-stdin", "--duration", duration, stdin="correct horse")
        for command in ("whoami", "sessions"):
            out = g.ok(command).out
            holds(re.search(wanted + r"\b", out), f"{duration}: {out}")
    g.ok("logout")
