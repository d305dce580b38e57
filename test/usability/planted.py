"""planted: what a peer has planted in its texts acts on no terminal (R54, R55): in panes, where the host refuses it,
and in all that is printed of a service besides: comments, commands, their help, what is asked for them, what calls
return, how they fail; and what people say in a channel. Looked for on the screen, and in the bytes that went there.
"""
import base64
import json
import os
import re
import subprocess
import sys

from instance import Skip
from rows import log_in, row
from terminal import DEADLINE_S, Terminal, need

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import instance  # noqa: E402
import sessionlib  # noqa: E402

PLANTED = "planted-8264"
STEERS = f"\x1b]0;{PLANTED}\x07\x1b[2J\x9b5m\u061c\u202e\u2066\U000e0041\u2060{PLANTED}"
UNSEEN = "\u061c\u202e\u2066\U000e0041\u2060"
SEQUENCES = [b"\x1b]0;", b"\x1b[2J", b"\x9b5m", *(c.encode() for c in "\x9b" + UNSEEN)]
STAGE = sessionlib.type_id("stage", "Stage", root=os.path.join("test", "ui"))
TELLER = sessionlib.type_id("watch", "Teller", root=os.path.join("test", "cli", "watch"))


def request(t, name, text):
    """What a service with this schema says of itself, in a file."""
    with open(t.home.path(f"{name}.capnp"), "w", encoding="utf-8") as f:
        f.write(text)
    with open(t.home.path(name), "wb") as f:
        subprocess.run(["capnp", "compile", "-o-", "--src-prefix=" + t.home.dir,
                        "-I" + os.path.join(t.home.source, "schema"), t.home.path(f"{name}.capnp")],
                       stdout=f, check=True, timeout=DEADLINE_S)
    return t.home.path(name)


def tellers(t, build):
    """A service whose schema steers: its comments and a default; and one that has a method which is called so. Where
    there is no C++ library, there is none."""
    program = os.path.join(build, "test", "cli", "watch-service")
    if not os.path.exists(program):
        raise Skip("no C++ library")
    with open(os.path.join(t.home.source, "test", "cli", "watch", "watch.capnp"), encoding="utf-8") as f:
        text = f.read()
    said = text.replace("# ", "# " + STEERS).replace("text :Text)", f'text :Text = "{PLANTED}")')
    steers = request(t, "hostile", said)
    misnamed = request(t, "misnamed", re.sub(r"^@0x\w+;", "@0xd2c5b8a1f4e3607a;", text))
    with open(misnamed, "rb") as f:
        names = f.read()
    need(names.count(b"wipe\0") == 1, "nothing has this name")
    with open(misnamed, "wb") as f:
        f.write(names.replace(b"wipe\0", b"\x1b[2J\0"))
    other = sessionlib.type_id("misnamed", "Teller", root=t.home.dir)
    return [instance.service("hostile", program, TELLER, [steers]),
            instance.service("misnamed", program, other, [misnamed])]


def begin(t):
    """An instance with both services, alice in it, and another terminal of hers."""
    build = os.path.dirname(os.environ["PATH"].split(":")[0])
    profile = instance.profile("viewer", ["session", "system_info", "chat", "stage", "hostile", "misnamed"])
    services = [instance.service("stage", os.path.join(build, "test", "ui", "stage"), STAGE), *tellers(t, build)]
    for name in ("stage", "chat"):
        profile = profile.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    with open(t.home.path("manifest"), "w", encoding="utf-8") as f:
        f.write(instance.manifest(profiles=[profile], services=services))
    server = Terminal(t.home)
    server.begin(f"capos up --listen plain:127.0.0.1:0 --manifest {t.home.path('manifest')}")
    shown = server.sees(r"^remote CapSet: plain \S+ \d+$").rsplit("remote CapSet: plain ", 1)[1].split()
    t.types(f"A=plain:{shown[0]}:{shown[1]}")
    t.types("echo 'correct horse' | capos account add alice --profile viewer --password-stdin")
    log_in(t, "work")
    return Terminal(t.home)


class Stage:
    """What the service is told to say, from another terminal; what the host has answered it."""

    def __init__(self, home):
        self.home = home

    def tell(self, method, **params):
        done = subprocess.run(["capos", "call", "stage", method, "-", "--json"], input=json.dumps(params), text=True,
                              capture_output=True, env=self.home.env, check=True, timeout=DEADLINE_S)
        return json.loads(done.stdout)

    def open(self, title, name="a", kind="log", **more):
        return self.tell("open", spec={
            "surfaceId": base64.b64encode(name.encode()).decode(), "title": title, "kind": kind,
            "safetyClass": "consequential", "modelSchema": str(sessionlib.type_id(
                "remote_ui", "Ui" + kind.capitalize())), **more})["outcome"]

    def patch(self, kind, payload, name="a"):
        return self.tell("apply", patch={"kind": kind, "payload": payload, "surfaceId": base64.b64encode(
            name.encode()).decode()})["outcome"]


def command(**more):
    return {"command": {"id": "do", "title": "Do", **more}}


# Texts of a pane, and of what can be asked in it.
def texts():
    call = {"interfaceId": str(STAGE), "methodId": 7}
    field = {"path": "text", "label": "Text"}
    lines = {"sequence": "1", "text": "line"}
    yield "updateModel", {"model": {"whole": {"log": {"lines": [{**lines, "text": STEERS}]}}}}
    yield "updateModel", {"model": {"whole": {"log": {"lines": [{**lines, "source": STEERS}]}}}}
    yield "openSurface", {"spec": {"surfaceId": base64.b64encode(b"a").decode(), "title": STEERS, "kind": "log",
                                   "safetyClass": "consequential",
                                   "modelSchema": str(sessionlib.type_id("remote_ui", "UiLog"))}}
    yield "setLayoutHint", {"layout": {"tab": STEERS}}
    for more in ({"title": STEERS}, {"summary": STEERS}, {"reason": STEERS}, {"group": STEERS}, {"key": STEERS},
                 {"fields": [{**field, "help": STEERS}]}, {"fields": [{**field, "label": STEERS}]},
                 {"fields": [{**field, "kind": "choice", "choices": [{"value": {"text": "x"}, "label": STEERS}]}]},
                 {"run": {"call": {**call, "constants": [{"path": "text", "value": {"text": STEERS}}]}}}):
        yield "addCommand", command(**{"run": {"call": call}, **more})


def prompted(t, stage):
    """What may be said is asked about, in quotes: the words are the service's, and act on nothing."""
    call = {"interfaceId": str(STAGE), "methodId": 7, "constants": [{"path": "text", "value": {"text": PLANTED}}]}
    need(stage.patch("addCommand", command(title=PLANTED, run={"call": call})) == "", "a harmless one is refused")
    t.sees(rf"^  > do  {PLANTED}")
    t.keys("do")
    t.sees(rf'^\[\?\] text = "{PLANTED}"  \(set by the service\)')
    t.sees(r"^\[\?\] yes or no\? \(no\)")
    while "a person said no" not in t.screen():  # what comes in the first half second answers nothing
        t.clear()
        t.keys("no")
        t.sees("too early|a person said no")


@row()
def nothing_that_a_service_plants_reaches_a_terminal(t):
    """Titles, lines, help and questions of panes; then what a service says of itself, in commands and in the shell."""
    other, raw = begin(t), t.home.path("raw")
    stage = Stage(t.home)
    t.home.tmux("pipe-pane", "-t", t.name, "-o", f"cat >{raw}")
    t.begin("capos ui stage")
    t.sees(r"^ui> ?$")
    instance.until(lambda: stage.tell("heard")["lent"], "a host", DEADLINE_S)
    need("refused.text" in stage.open(STEERS), "a title that steers is taken")
    need("refused.text" in stage.open("Log", summary=STEERS), "a summary is taken")
    need(stage.open("Log") == "", "no pane")
    t.sees(r"^\[1\] stage: Log \(log\)")
    for kind, payload in texts():
        outcome = stage.patch(kind, payload)
        need("host: refused." in outcome and PLANTED not in outcome, (payload, outcome))
    prompted(t, stage)
    stage.tell("say", text=STEERS)
    t.keys("/quit")
    t.ended()
    t.types("capos call stage worked", PLANTED)
    t.types("capos describe hostile", PLANTED)
    t.types("capos describe hostile Item", PLANTED)
    t.types("capos commands hostile", "echo")
    t.begin("capos shell")
    t.sees(r"^work> *$")
    t.keys("stage.worked")
    t.sees(rf'"last": .*{PLANTED}')
    t.keys("hostile.tell", enter=False)
    t.sees(rf"^work> hostile\.tell .*{PLANTED}Tells an item")
    t.keys(" ", enter=False)
    t.key("Tab")
    t.sees(r"^listener= +times=")
    t.key("C-u")
    t.keys(".describe hostile Item")
    t.sees("tags :List")
    t.keys(".commands hostile")
    t.sees("wipe")
    t.keys(".quit")
    t.ended()
    other.types("true")
    with open(raw, "rb") as f:
        seen = f.read()
    need(seen.count(PLANTED.encode()) >= 8, f"it was not shown: {seen!r}")
    for sequence in SEQUENCES:
        need(sequence in STEERS.encode(), f"{sequence!r} was not planted")
        need(sequence not in seen, f"{sequence!r} has reached the terminal: {seen!r}")


def said(t, text):
    """Says something in the channel, as another process; how that ended."""
    return subprocess.run(["capos", "call", "chat", "say", "-"], input=json.dumps({"channel": "#desk", "text": text}),
                          text=True, capture_output=True, env=t.home.env, check=False, timeout=DEADLINE_S)


@row()
def nothing_that_a_peer_says_in_the_shell_reaches_a_terminal(t):
    """What others say in a channel, in each place that shows it; how a call fails; what a listener is told, and
    `.trace` of all that; what Tab offers, and names in a schema."""
    begin(t)
    raw, typed = t.home.path("raw"), json.dumps(STEERS)
    t.home.tmux("pipe-pane", "-t", t.name, "-o", f"cat >{raw}")
    t.begin("capos shell")
    t.sees(r"^work> *$")
    t.keys(".trace")
    t.keys("$m = chat.join channel=#desk")
    t.sees(r"^\$m = \{")
    need(said(t, STEERS).returncode, "a message that has control characters is taken")
    need(not said(t, UNSEEN + PLANTED + "-1").returncode, "a message is refused")
    t.sees(rf"^\$m\.listener event\s(?:.*\n  )?.*{PLANTED}-1")
    t.keys(f"hostile.fail text:='{typed[:-1]}-2\"'")
    t.sees(rf"^capos: hostile\.fail: .*{PLANTED}-2")
    t.keys(f"$t = hostile.tell times=1 text:='{typed[:-1]}-3\"'")
    t.sees(rf"^\$t\.listener told\s(?:.*\n  )?.*{PLANTED}-3")
    t.sees(r"^\[trace\] <- call \d+: Listener\.told on ")
    t.keys(".run hostile echo item.kind=", enter=False)
    t.key("Tab")  # the service says `plain`, and what would colour the line
    t.sees(r"^work> \.run hostile echo item\.kind=plain")
    t.key("C-u")
    t.keys(".describe misnamed")
    t.sees(r"^capos: misnamed: ")
    t.keys(".chat join '#desk'")
    t.sees(r"^\* you are \S+ in #desk")
    need(not said(t, f"{UNSEEN}{PLANTED}-4\n00:00:00 <{PLANTED}-5> a lie").returncode, "a message is refused")
    t.sees(rf"^\d\d:\d\d:\d\d <\S+> \S*{PLANTED}-4$")
    t.sees(rf"^  \| 00:00:00 <{PLANTED}-5> a lie$")
    t.keys("/quit")
    t.sees(r"a lie$(?s:.*)^\[trace\] <- call \d+: ChatListener(?s:.*)"  # told when the command is over
           rf"^\$m\.listener event\s(?:.*\n  )?.*{PLANTED}-4(?s:.*)^work> *\Z")
    t.keys(".trace off")
    t.keys(".ui chat")
    t.sees(r"^ui> *\Z")
    t.keys("enter channel=#desk")
    t.sees(r"^  \S+ \* \S+ has said what cannot be shown here$")
    need(not said(t, f"{PLANTED}-6\n00:00:00 {PLANTED}-7: a lie").returncode, "a message is refused")
    t.sees(rf"^  \S+ \S+: {PLANTED}-6$")
    t.sees(rf"^    \| 00:00:00 {PLANTED}-7: a lie$")
    t.keys("/quit")
    t.sees(r"^ui> /quit$(?s:.*)^work> *\Z")
    shown = t.screen()
    t.keys(".quit")
    t.ended()
    with open(raw, "rb") as f:
        seen = f.read()
    for n in range(1, 8):
        mark = f"{PLANTED}-{n}"
        need(mark in shown and mark.encode() in seen, f"{mark} was not shown: {shown}")
    for sequence in (*SEQUENCES, b"\x1b[31m"):
        need(sequence not in seen + shown.encode(), f"{sequence!r} has reached the terminal: {seen!r}")
