"""Cases of `capos shell` (R43, R48): scripts, and what is typed at it. cli.py runs them."""
import os
import re
import signal
import stat
import subprocess

from rig import PASSWORD, case, equal, holds
from talk import Terminal


def script(g, *lines, code=0, args=()):
    r = g.run("shell", *args, stdin="".join(line + "\n" for line in lines))
    holds(r.code == code, f"{lines}: {r}, expected exit code {code}")
    return r


def refused(g, line, words, code=2, before=(), at=None):
    """A line that ends a script; what stands behind it is not done. at: the line that is named, if it is another."""
    r = script(g, *before, line, "system_info.motd", code=code)
    holds(words in r.err, f"{line}: no {words!r} in {r}")
    holds(f"line {at or len(before) + 1} ends the script, with exit code {code}" in r.err, f"{line}: {r}")
    holds("elcome" not in r.out, f"{line}: went on: {r}")


@case(needs_instance=True)
def a_script_calls_and_names_what_comes_back(g):
    g.login("work")
    out = script(g, "# said by nobody", "", "  system_info.motd", "$m = chat.join channel=#shell",
                 '$m.membership.send text="two words"', "$m.send text='it''s one'", "$c = chat", "$c.channels", "$_",
                 '$again = chat.join {"channel": "#shell"}', ".wait", "$again", ".refs", ".drop $c $again", ".refs").out
    holds("elcome" in out, out)
    equal(out.count('"name": "#shell"'), 2, "the channels, and again as $_")
    holds('"said": "two words"' in out and '"said": "its one"' in out, out)
    holds(out.count("$again ") == 1 and out.count("$m ") == 2, out)


@case(needs_instance=True)
def a_script_ends_with_the_first_line_that_fails(g):
    g.login("work")
    refused(g, "chat.jion", "chat has no method jion (did you mean `join`?); it has: join, ")
    refused(g, "caht.join", "did you mean `chat`?", code=3)
    r = script(g, "chat", code=2)
    holds("chat: call which method? It has: join" in r.err and "compose" not in r.err, r)
    refused(g, "chat.join chanel=#x", "did you mean `channel`?")
    refused(g, "chat.join channel=$x", "service: a channel is", code=1)
    refused(g, "$x.send text=a", "$x: nothing has this name")
    refused(g, '$x = chat.join channel="', "a quote has no end")
    refused(g, "$x =", "$x = what?")
    refused(g, "$_ = chat", "$_ is what was returned last")
    refused(g, f"${'n' * 32} = chat", "a name has at most 31 letters")
    refused(g, "chat.join.membership.send text=a", "has to have a name first: $x = chat.join")
    refused(g, "$m.label.send", "has no such reference; it has: $m.membership", before=["$m = chat.join channel=#x"])
    refused(g, "$m.membership.sned", "did you mean `send`?", before=["$m = chat.join channel=#x"])
    refused(g, ".drop $x", "$x: nothing has this name")
    refused(g, ".drop", ".drop which?")
    refused(g, ".wait soon", "soon: is no duration")
    refused(g, ".shell", "this is the shell")
    refused(g, ".nothing", "nothing")
    refused(g, ".call chat join channel=x", "a channel is", code=1)
    refused(g, ".wait", "service: a channel is", code=1, before=["$m = chat.join channel=x"], at=1)


@case(needs_instance=True)
def what_failed_under_a_name_fails_the_script_that_waits_for_it(g):
    g.login("work")
    r = script(g, "$m = chat.join channel=x", code=1)
    holds("$m: service: a channel is" in r.err, r)
    r = script(g, "$m = chat.join channel=x", "$n = $m.membership.send text=a", code=1)
    holds("$n: service: a channel is" in r.err, r)


@case(needs_instance=True)
def a_shell_runs_any_command_with_its_session(g):
    g.login("one")
    g.login("two")
    r = script(g, ".whoami --json", ".caps", ".quit", "chat.nothing", args=("--session", "two"))
    holds('"account":"alice"' in r.out.replace(" ", ""), r)
    holds("system_info" in r.out, r)
    g.error(2, "which-session", "shell")
    r = script(g, "system_info.motd", ".whoami", args=("--session", "two", "--json"))
    holds(r.out.count("\n") == 2, r)


@case(needs_instance=True)
def a_trace_has_each_call_and_each_answer(g):
    """Also what is called before it is there, and what a listener is told; no content; and not among the results."""
    g.login("work")
    lines = ["$m = chat.join channel=#traced", "$m.membership.send text=quiet", "$m.members", ".trace off",
             "chat.channels"]
    r = script(g, ".trace", *lines, ".trace off")
    shown = r.err.splitlines()
    ends = r" on (reference|what) \d+( returns)?, \d+ bytes$"
    for pattern in (r"-> call \d+: Chat\.join" + ends, r"-> call \d+: ChatMembership\.send on what \d+ returns, ",
                    r"-> call \d+: ChatMembership\.members" + ends, r"<- answer to \d+: results, \d+ bytes, \d+ ms$",
                    r"<- call \d+: ChatListener\.event" + ends, r"-> answer to \d+: results, \d+ bytes$"):
        holds(any(re.match(r"\[trace\] " + pattern, line) for line in shown), f"no {pattern!r} in {r.err}")
    holds("quiet" not in r.err and "#traced" not in r.err and "Chat.channels" not in r.err, r.err)
    strip = re.compile(r'"(label|sequence|atMs)": ?"[^"]*"|"labels": \["[^"]*"\]|event .*')
    equal(strip.sub("", r.out), strip.sub("", script(g, *lines[:3], lines[4]).out), "the results")
    r = script(g, ".trace", "chat.join channel=x", code=1)
    holds(re.search(r"^\[trace\] <- answer to \d+: failed, ", r.err, re.M), r.err)
    refused(g, ".trace on", ".trace, or .trace off")


@case(needs_instance=True)
def references_are_passed_by_name(g):
    g.login("work")
    refused(g, "chat.join channel=#x listener=$c.join", "$c.join: is no reference", before=["$c = chat"])
    refused(g, "chat.join channel=#x listener=$none", "$none: nothing has this name")
    script(g, "$m = chat.join channel=#x", "$n = chat.join channel=#y listener=$m.membership", ".wait",
           "$n.send text=a")


@case(needs_instance=True)
def what_a_listener_is_told_is_printed(g):
    """Before what is asked afterwards; null listens to nothing."""
    g.login("work")
    out = script(g, "$m = chat.join channel=#heard", '$m.send text="to everybody"', "$m.members", ".drop $m",
                 "$m = chat.join channel=#unheard listener:=null", "$m.send text=quiet", "$m.members",
                 'chat.join {"channel": "#last"}', "$_.send text=loud", "chat.channels").out
    heard = [line for line in out.splitlines() if ".listener event " in line]
    holds([line.split()[0] for line in heard] == ["$m.listener"] * 2 + ["chat.join.listener"] * 2, heard)
    holds('"to everybody"' in heard[1] and '"loud"' in heard[3], heard)


@case(needs_instance=True)
def what_is_heard_stands_above_the_line_that_is_typed(g):
    g.login("one")
    g.login("two")
    t = Terminal(g, "shell", "-s", "one", columns=300)
    t.until("one> ")
    t.type("$m = chat.join channel=#above\n")
    t.until('$m = {"membership"')
    t.type("half a line")
    t.until("half a line")
    script(g, "$n = chat.join channel=#above", "$n.send text=over", args=("-s", "two"))
    t.until('"said":"over"')
    t.shown = t.shown.split(b'"said":"over"')[1]
    t.until("half a line")  # it is drawn anew
    t.type("\x15.quit\n")
    equal(t.end(), 0)


@case(needs_instance=True)
def the_names_are_64(g):
    g.login("work")
    names = [f"$n{i} = chat" for i in range(64)]
    refused(g, "$more = chat", "there are 64 names", before=names)
    script(g, *names, "$n0 = system_info", ".drop $n1", "$more = chat")


@case(needs_instance=True)
def what_is_heard_never_stands_where_our_lines_begin(g):
    """Broken before the edge and moved in: in the shell, in the chat, and by call --watch."""
    g.login("one")
    g.login("two")
    for args, ready, channel in ((("shell",), "one> ", "#edge"), (("chat", "join", "#edge2"), "you are", "#edge2"),
                                 (("call", "--watch", "chat", "join", "channel=#edge3"), '"membership"', "#edge3")):
        t = Terminal(g, *args, "-s", "one", columns=50)
        t.until(ready)
        if args[0] == "shell":
            t.type("$m = chat.join channel=#edge\n")
            t.until('$m = {')
            t.until("\r\none> ")
        t.shown = b""
        g.ok("run", "chat", "send", f"channel={channel}", "text=" + "x" * 130 + "yy", "-s", "two")
        t.until("yy")
        lines = [line.split("\x1b[K")[-1] for line in t.shown.decode().split("\r\n")]
        first = next(i for i, line in enumerate(lines) if "x" * 5 in line or '"event"' in line)
        more = [line for line in lines[first + 1:] if "xxx" in line]
        holds(len(more) >= 2 and all(line.startswith("  ") and len(line) <= 50 for line in more), lines)
        t.type("\x03" if args[0] == "call" else "/quit\n" if args[0] == "chat" else "\x15.quit\n")
        t.end()


@case(needs_instance=True)
def a_line_is_typed_completed_and_given_up(g):
    g.login("work")
    t = Terminal(g, "shell")
    t.until("work> ")
    # Behind each tab what it has added, and nothing is typed before.
    for word, rest in (("sys", "tem_info."), ("mo", "td"), ("\n$m = chat.jo", "in"), ("ch", "annel="),
                       ("#typed\n$m.membersh", "ip."), ("se", "nd"), ("te", "xt=")):
        t.shown = b""
        t.type(word + "\t")
        t.until(rest)
    t.type("'häl lo'\n")
    t.until('{"sequence"')
    t.type("chat.join channel=x\n")
    t.until("a channel is")
    t.type("garbage that is given up\x03")
    t.until("^C")
    t.type("$m.\t\t")
    t.until("$m.members")
    t.type("\x15.refs\n")
    t.until("Chat.join")
    t.type(" $secret = chat\n")
    t.type(".quit\n")
    equal(t.end(), 0)
    kept = g.path("home/.local/state/capos/shell-history")
    holds("secret" not in g.read(kept), g.read(kept))


@case(needs_instance=True)
def what_is_typed_is_kept_for_its_user_alone(g):
    g.login("work")
    for again in (False, True):
        t = Terminal(g, "shell")
        t.until("work> ")
        if again:
            t.type("\x1b[A\x1b[A\n")
            t.until("elcome")
        else:
            t.type("system_info.motd\n")
            t.until("elcome")
            t.type(" system_info.version\n.quit\n")
            equal(t.end(), 0)
            continue
        t.until('"}\r\nwork> ')
        t.reads(keys=True)
        t.type("\x04")
        equal(t.end(), 0)
    kept = g.path("home/.local/state/capos/shell-history")
    equal(stat.S_IMODE(os.stat(kept).st_mode), 0o600)
    for folder in (".local", ".local/state", ".local/state/capos"):
        equal(stat.S_IMODE(os.stat(g.path("home/" + folder)).st_mode), 0o700, folder)
    holds("motd" in g.read(kept) and "version" not in g.read(kept), g.read(kept))


@case(needs_instance=True)
def a_call_that_does_not_return_is_given_up_and_the_shell_goes_on(g):
    """Nobody answers: the agent is stopped."""
    r = g.login("work")
    t = Terminal(g, "shell")
    t.until("work> ")
    t.type("system_info.version\n")
    t.until('"}\r\nwork> ')
    t.reads(keys=True)
    os.kill(r["agent"], signal.SIGSTOP)
    try:
        t.type("system_info.motd\n")
        t.until("motd\r\n")
        t.reads(keys=False)
        t.type("\x03")
        t.until("canceled")
    finally:
        os.kill(r["agent"], signal.SIGCONT)
    t.type("system_info.motd\n")
    t.until("elcome")
    os.kill(t.pid, signal.SIGTERM)
    t.end()


@case(needs_instance=True)
def a_shell_ends_with_its_login(g):
    g.login("work")
    t = Terminal(g, "shell")
    t.until("work> ")
    g.ok("logout")
    t.until("is over")
    equal(t.end(), 4)


@case(needs_instance=True)
def a_line_that_a_secret_answered_is_not_kept(g):
    g.login("work")
    os.makedirs(g.path("home/.local/state"))
    t = Terminal(g, "shell")
    for text, shown in (("system_info.motd\n", "elcome"), (".renew --password\n", "Password of alice: "),
                        (PASSWORD + "\n", "work> "), (".caps\n", "system_info")):
        t.shown = b""
        t.type(text)
        t.until(shown)
    t.type(".quit\n")
    equal(t.end(), 0)
    kept = g.read("home/.local/state/capos/shell-history")
    holds("motd" in kept and ".caps" in kept and "renew" not in kept and PASSWORD not in kept, kept)


# ---- parameters of scripts ---------------------------------------------------------------------


@case(needs_instance=True)
def a_script_has_its_own_lines_as_parameters(g):
    g.login("work")
    said = '"said": "'
    out = script(g, "$m = chat.join channel=#x", "$m.send text=<<END", "one", "", "three", "END", "$m.send <<A_1",
                 '{"text":', '"whole"}', "A_1", '$m.send text="<<no end"', ".call chat say - <<END",
                 '{"channel": "#x", "text": "to a command"}', "END", "$c = chat.channels",
                 "chat.join channel=#x listener:=null").out
    for text in ("one\\n\\nthree", "whole", "<<no end", "to a command"):
        holds(said + text + '"' in out, (text, out))
    out = script(g, "chat.say -", "{", '"channel": "#y",', '"text": "the rest"', "}").out
    holds('"sequence"' in out, out)
    refused(g, "chat.say channel=#x text=<<END", "no line is END, which ends what <<END begins", at=1)
    refused(g, ".call chat say <<END", "no line is END", at=1)
    refused(g, "chat.say <<END\n{\nEND", "parameters: ", before=["$c = chat"], at=2)
    # What is a script's next line is not read by its commands.
    r = script(g, ".call chat say -", "chat.channels", code=1)
    holds("a channel is" in r.err and "line 1 ends the script" in r.err, r)
    r = script(g, "chat.channels", "#" + "x" * 65536, code=2)
    holds("at most 65534 bytes" in r.err and "line 2 ends" in r.err, r)


@case(needs_instance=True)
def the_scripts_in_the_manual_run(g):
    """Each block of the manual that starts a shell, as it stands there."""
    g.login("work")
    with open(os.path.join(os.environ["CAPOS_SRCDIR"], "pkg", "man", "capos.1"), encoding="utf-8") as f:
        blocks = re.findall(r"^\.nf\n(.*?)^\.fi$", f.read(), re.M | re.S)
    for escaped, plain in (("\\&", ""), ("\\-", "-"), ("\\(dq", '"'), ("\\(aq", "'"), ("\\e", "\\")):
        blocks = [b.replace(escaped, plain) for b in blocks]
    blocks = [b for b in blocks if "capos shell" in b]
    equal(len(blocks), 3, "examples")
    for block in blocks:
        done = subprocess.run(["bash", "-e", "-c", block], capture_output=True, text=True, timeout=60, check=False,
                              cwd=g.dir, env={**g.env, "PATH": os.path.dirname(g.capos) + ":" + g.env["PATH"]})
        equal((done.returncode, done.stderr), (0, ""), block)
    said = [e["said"] for e in g.ok("run", "chat", "join", "channel=#desk", "--json").json["history"] if "said" in e]
    equal(said, ["two lines of a here-document:\nthe second", "a whole object", "on standard input", "in a file",
                 "the rest of the script"])
