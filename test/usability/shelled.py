"""shelled: rows of who works in `capos shell`, from the login to the logout; and what a peer has planted reaches no
terminal.
"""
import contextlib
import os
import re
import signal
import subprocess

from rows import log_in, row
from terminal import DEADLINE_S, Terminal, children, need

PLANTED = "planted-7261"


def serve(t, *changes):
    """The instance that `capos up` starts, but for what is changed in its manifest; alice has an account there."""
    text = subprocess.run(["capos", "manifest", "show"], capture_output=True, text=True, env=t.home.env, check=True,
                          timeout=DEADLINE_S).stdout
    for old, new in changes:
        need(text.count(old) == 1, old)
        text = text.replace(old, new)
    with open(t.home.path("manifest"), "w", encoding="utf-8") as f:
        f.write(text)
    t.instance = Terminal(t.home)
    t.instance.begin(f"capos up --listen plain:127.0.0.1:0 --manifest {t.home.path('manifest')}")
    shown = t.instance.sees(r"^remote CapSet: plain \S+ \d+$").rsplit("remote CapSet: plain ", 1)[1].split()
    t.types(f"A=plain:{shown[0]}:{shown[1]}")
    t.types("echo 'correct horse' | capos account add alice --password-stdin")


def is_refused(t, other):
    """By the shell, by a service, and by the instance: a method that was not granted, a capability that must not be
    passed on, one that was never granted, and one that is taken away meanwhile. The session goes on."""
    t.keys("quit")
    t.sees(r"a command has a dot in front: `\.quit`")
    t.keys(".describe nothing")
    t.sees("no such capability")
    t.keys("chat.join channel=desk")
    t.sees("a channel is # and 1 to 32")
    t.keys("system_info.version")
    t.sees(r"^capos: system_info\.version: the session was granted this capability without this method")
    t.keys("$s = settings")
    t.keys("chat.join channel=#desk listener=$s")
    t.sees(r"^capos: chat\.join: the capability may not be passed on")
    t.keys("admin.status")
    t.sees(r"^capos: admin: the session has no such capability")
    other.types("capos session revoke --account alice chat")
    t.keys("chat.channels")
    t.sees(r"^capos: chat\.channels: an administrator has taken this capability back")
    t.keys("system_info.motd")
    t.sees(r'^\{"text": "Welcome to capOS\."\}$')
    other.types("capos audit tail", r"denied\.transfer", r"denied\.revoked-lease")


@row()
def a_session_in_the_shell(t):
    """Logs in, talks on a line of its own, runs commands, keeps a reference and calls it, is refused, logs out."""
    serve(t, ("interfaceId = 0x9af912bd1eaaead7,",
              'interfaceId = 0x9af912bd1eaaead7, facets = [(methods = ["motd", "uptime"])],'))
    log_in(t, "work")
    t.begin("capos shell")
    t.sees(r"^work> *$")
    t.keys(".caps")
    t.sees(r"^chat  ")
    t.keys(".chat join '#desk'")
    t.sees(r"^\* you are \S+ in #desk")
    t.keys("a line of its own")
    t.sees(r"^\d\d:\d\d:\d\d <\S+> a line of its own$")
    t.keys("/quit")
    t.sees(r"<\S+> a line of its own$(?s:.*)^work> *\Z")  # what is typed is the shell's again
    t.keys(".ui chat")
    t.sees(r"^\[1\] Chat: Channels \(list\)")
    t.sees(r"^ui> *\Z")
    t.keys("enter channel=#desk")
    t.sees(r"^  .*: a line of its own$")
    t.keys("/quit")
    t.sees(r"^ui> /quit$(?s:.*)^work> *\Z")
    t.keys(".trace")
    t.keys("chat.channels")
    t.sees(r"^\[trace\] -> call \d+: Chat\.channels on (what|reference) \d+")
    t.sees(r"^\[trace\] <- answer to \d+: results, \d+ bytes, \d+ ms$(?s:.*)^work> *\Z")
    t.keys(".trace off")
    t.keys(".commands chat")
    t.sees(r"^send ")
    t.keys("$m = chat.join channel=#desk")
    t.sees(r"^\$m = \{")
    t.keys("$m.membership.send text='kept, and called'")
    t.sees(r'^\{"sequence": "\d+"\}$')
    t.sees(r"^\$m\.listener event\s(?:.*\n  )?.*kept, and called")
    t.keys(".run chat send channel='#desk' text='by a command'")
    t.sees(r"^\$m\.listener event\s(?:.*\n  )?.*by a command")
    t.keys("session.info")
    t.sees(r'^ +"account": "alice",$')
    is_refused(t, Terminal(t.home))
    t.keys(".logout")
    t.sees(r"^Logged out\.$")
    t.sees("the login work is over")
    t.ended(code=4)


@row()
def nothing_that_is_planted_reaches_a_terminal(t):
    """A message of the day that would give the window a title, in each place where it is shown."""
    raw = t.home.path("raw")
    planted = f"\\x1b]0;{PLANTED}\\x07\\x9b5m{PLANTED}\\xd8\\x9c\\xf3\\xa0\\x81\\x81\\xe2\\x81\\xa0"
    serve(t, ('motd = "Welcome to capOS."', f'motd = "{planted}"'))
    t.home.tmux("pipe-pane", "-t", t.name, "-o", f"cat >{raw}")
    log_in(t, "work")
    t.types("capos call system_info motd", PLANTED)
    t.begin("capos shell")
    t.sees(r"^work> *$")
    t.keys("system_info.motd")
    t.sees(rf'^\{{"text": .*{PLANTED}')
    t.keys(".call system_info motd")
    t.keys(".quit")
    t.ended()
    with open(raw, "rb") as f:
        seen = f.read()
    need(seen.count(PLANTED.encode()) >= 4, f"it was not shown: {seen!r}")
    for sequence in (b"\x1b]0;", b"\xc2\x9b", b"\x9b5m", "\u061c".encode(), "\U000e0041".encode(), "\u2060".encode()):
        need(sequence not in seen, f"{sequence!r} has reached the terminal: {seen!r}")
    need(os.path.getsize(raw) > 0, "nothing was seen")


# ---- completion: nothing waits for anybody ---------------------------------------------------------------------------
# The shell is told to wait for ten minutes, so what is shown while somebody is stopped was shown without him.


def types(t, text, *seen, tab=True):
    """Types part of a line, with a tab behind it; what must be on the screen then."""
    t.keys(text, enter=False)
    if tab:
        t.key("Tab")
    for pattern in seen:
        t.sees(pattern)


def shell(t):
    log_in(t, "work")
    t.types("printf '%s\\n' '.run chat send channel=#here text=x' | capos shell", '"sequence"')
    t.begin("capos shell --timeout 10m")
    t.sees(r"^work> *$")


def all_started(t, name):
    """The instance's processes of that name, in the order of their start."""
    for pid in [child for parent in t.instance.running() for child in children(parent)]:
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            if os.path.basename(f.read().split("\0")[0]) == name:
                yield pid


def started(t, name):
    """The first of them."""
    return next(all_started(t, name))


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            need(f.read().rsplit(")", 1)[1].split()[0] == "T", "somebody has let it go on")
    finally:
        os.kill(pid, signal.SIGCONT)


@row(instance=True)
def tab_completes_everything_in_the_shell(t):
    """Capabilities, methods, fields, names, types, commands, and what a service says that a field may be."""
    shell(t)
    types(t, "sys", r"^work> system_info\.$")
    types(t, "mo", r"^work> system_info\.motd *(\S.*)?$")
    t.keys("")
    t.sees(r'^\{"text": "Welcome')
    types(t, ".desc", r"^work> \.describe$")
    types(t, "ch", r"^work> \.describe chat$")
    types(t, "ChatEv", r"^work> \.describe chat ChatEvent$")
    t.key("C-u")
    types(t, ".call chat jo", r"^work> \.call chat join *(\S.*)?$")
    types(t, "ch", r"^work> \.call chat join channel= *(\S.*)?$")
    t.key("C-u")
    types(t, ".run chat ", r"^join +leave +send +channels *$")
    types(t, "se", r"^work> \.run chat send *(\S.*)?$")
    types(t, "", r"^channel= +text= *$")
    types(t, "te", r"^work> \.run chat send text= *(\S.*)?$")
    types(t, "hi ", r"^work> \.run chat send text=hi channel= *(\S.*)?$")
    types(t, "", r"^work> \.run chat send text=hi channel=#here *(\S.*)?$")
    t.keys("")
    t.sees('"sequence"')
    t.keys("$room = chat.channels")
    t.sees(r"^\$room = \{")
    types(t, ".drop $r", r"^work> \.drop \$room$")
    t.keys("")
    t.keys(".quit")
    t.ended()


@row(instance=True)
def a_hung_service_holds_up_no_typing(t):
    """What it is asked for is shown when it comes, if nothing was typed since."""
    shell(t)
    types(t, ".run chat send ", r"^channel= +text= *$")
    with stopped(started(t, "capos-chat")):
        types(t, "channel=", r"^work> \.run chat send channel= .*asking\.\.\.$")
        types(t, "typed", r"^work> \.run chat send channel=typed", tab=False)
        t.key("C-u")
        t.keys("system_info.motd")
        t.sees(r'^\{"text": "Welcome')
        types(t, ".run chat send channel=", r"channel= .*asking\.\.\.$")
        t.key("C-c")
        t.sees(r"\^C *$")
        types(t, ".run chat send channel=", r"\^C *\n(?s:.*)channel= .*asking\.\.\.$")
    t.sees(r"^work> \.run chat send channel=#here *(\S.*)?$")
    t.key("C-u")
    t.keys(".quit")
    t.ended()


@row(instance=True)
def a_stuck_agent_holds_up_no_typing(t):
    """It has all schemas. A call that needs one is waited for, and Ctrl-C ends that."""
    shell(t)
    agent = int(subprocess.run(["bash", "-c", "capos sessions --json | grep -o '\"agent\": *[0-9]*' | cut -d: -f2"],
                               env=t.home.env, capture_output=True, text=True, check=True).stdout)
    with stopped(agent):
        types(t, "chat.", r"^work> chat\. .*asking\.\.\.$")
        types(t, "join channel=", r"^work> chat\.join channel= *$", tab=False)
        t.key("C-c")
        t.keys("chat.channels")
        t.sees(r"^work> chat\.channels *$")
        t.key("C-c")
        t.sees("canceled")
        types(t, "system_info.", r"^work> system_info\. .*asking\.\.\.$")
    t.sees(r"^system_info\.motd +system_info\.version +system_info\.uptime *$")
    t.key("C-u")
    t.keys(".quit")
    t.ended()


@row(instance=True)
def what_a_method_is_about_stands_beside_it(t):
    """Its author's first sentence, then how it is called; all of it at a Tab; dimmed, in the columns that are left."""
    shell(t)
    types(t, "chat.join", r"^work> chat\.join +Joins a channel, making it when it is not there", tab=False)
    types(t, " ", r"^work> chat\.join +join\(channel :Text, listener :ChatListener\)", tab=False)
    types(t, "", r"^join\(channel :Text.*\n(?s:.+)^channel= +listener= *$")
    shown = t.home.tmux("capture-pane", "-e", "-p", "-t", t.name)
    need("\x1b[2mjoin(channel" in shown and re.search(r"\x1b\[0m\S*channel= +listener=", shown), shown)
    t.key("C-u")
    types(t, ".run chat send ", r"^channel= +text= *$")
    types(t, "t", r"^work> \.run chat send t +.*\(others see it\)$", tab=False)
    t.key("C-u")
    for columns in (60, 61, 62, 63):
        t.home.tmux("resize-window", "-t", t.name, "-x", str(columns))
        types(t, "chat.join", r"^work> chat\.join +Joins a .*\.\.\.$", tab=False)
        t.key("C-u")
        t.sees(r"^work> *$")
    t.keys(".quit")
    t.ended()


@row(instance=True)
def a_line_of_several_rows_is_taken_off_whole(t):
    """What is told meanwhile stands above it, and it stands there once, however wide its characters are."""
    shell(t)
    other = Terminal(t.home)
    t.home.tmux("resize-window", "-t", t.name, "-x", "60")
    t.keys("$m = chat.join channel=#wide")
    t.sees(r"^\$m = \{")
    t.sees(r"^\$m\.listener event\s(?:.*\n  )?.*")
    for n, typed in enumerate(("x" * 170, "\u4e2d" * 70)):
        begun, end = f"BEGUN-{n}", f"END-{n}"
        t.keys(begun + typed + end, enter=False)
        t.sees(end + r" *\Z")
        other.types(f"capos run chat send channel=#wide text=meanwhile-{n}", '"sequence"')
        t.sees(rf"meanwhile-{n}(?s:.*){end} *\Z")
        need(t.screen().count(begun) == 1, t.screen())
        t.key("Home")
        other.types(f"capos run chat send channel=#wide text=at-home-{n}", '"sequence"')
        t.sees(rf"at-home-{n}(?s:.*){end} *\Z")
        need(t.screen().count(begun) == 1 and t.screen().count(end) == 1, t.screen())
        t.key("C-u")
        t.key("C-k")
        t.sees(r"^work> *\Z")
    t.keys(".quit")
    t.ended()


@row(instance=True)
def personal_panes_stay_where_they_were_put(t):
    """Of Chat's nothing is written anywhere; when the line has dropped and is there again, they stand as they stood."""
    log_in(t, "work")
    t.begin("capos ui chat")
    t.sees(r"^\[1\] Chat: Channels \(list\)")
    t.sees(r"^ui> *\Z")
    t.keys("/pin 1")
    t.sees(r"^\[1\] Chat: Channels \(list, pinned\)")
    t.keys("/close 3")
    t.sees("closed, by you")
    workers = list(all_started(t, "capos-worker"))
    need(len(workers) > 1, workers)
    for worker in workers[1:]:  # the first one is what they are made of
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    t.sees(r"there again(?s:.*)^\[\d+\] Chat: Channels \(list, pinned\)(?s:.*)^ui> *\Z")
    t.keys("/layout")
    t.sees(r"pinned$")
    need("Members" not in t.screen().split("there again", 1)[1], t.screen())
    t.keys("/quit")
    t.ended()
