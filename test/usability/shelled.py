"""shelled: rows of who works in `capos shell`, from the login to the logout; and what a peer has planted reaches no
terminal.
"""
import os
import subprocess

from rows import log_in, row
from terminal import DEADLINE_S, Terminal, need

PLANTED = "planted-7261"


@row(instance=True)
def a_session_in_the_shell(t):
    """Logs in, talks on a line of its own, runs commands, keeps a reference and calls it, is refused, logs out."""
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
    t.keys(".commands chat")
    t.sees(r"^send ")
    t.keys("$m = chat.join channel=#desk")
    t.sees(r"^\$m = \{")
    t.keys("$m.membership.send text='kept, and called'")
    t.sees(r'^\{"sequence": "\d+"\}$')
    t.sees(r"^\$m\.listener event .*kept, and called")
    t.keys(".run chat send channel='#desk' text='by a command'")
    t.sees(r"^\$m\.listener event .*by a command")
    t.keys("chat.join channel=desk")
    t.sees("a channel is # and 1 to 32")
    t.keys(".describe nothing")
    t.sees("no such capability")
    t.keys(".logout")
    t.sees(r"^Logged out\.$")
    t.sees("the login work is over")
    t.ended(code=4)


@row()
def nothing_that_is_planted_reaches_a_terminal(t):
    """A message of the day that would give the window a title, in each place where it is shown."""
    manifest, raw = t.home.path("manifest"), t.home.path("raw")
    shown = subprocess.run(["capos", "manifest", "show"], capture_output=True, text=True, env=t.home.env, check=True,
                           timeout=DEADLINE_S).stdout
    with open(manifest, "w", encoding="utf-8") as f:
        f.write(shown.replace('motd = "Welcome to capOS."', f'motd = "\\x1b]0;{PLANTED}\\x07\\x9b5m{PLANTED}"'))
    server = Terminal(t.home)
    server.begin(f"capos up --listen plain:127.0.0.1:0 --manifest {manifest}")
    address = server.sees(r"^remote CapSet: plain \S+ \d+$").rsplit("remote CapSet: plain ", 1)[1].split()
    t.types(f"A=plain:{address[0]}:{address[1]}")
    t.types("echo 'correct horse' | capos account add alice --password-stdin")
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
    for sequence in (b"\x1b]0;", b"\xc2\x9b", b"\x9b5m"):
        need(sequence not in seen, f"{sequence!r} has reached the terminal: {seen!r}")
    need(os.path.getsize(raw) > 0, "nothing was seen")
