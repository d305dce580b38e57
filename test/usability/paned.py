"""paned: rows of who looks at panes in `capos ui`: sees them, runs what is asked about, says no and yes, moves, closes,
resets, and leaves.
"""
import base64
import json
import os
import sys

from rows import log_in, row
from terminal import Terminal, need

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import instance  # noqa: E402
import sessionlib  # noqa: E402

GUIDE = ("guide", os.path.join("example", "ui"), "Guide")
STAGE = ("stage", os.path.join("test", "ui"), "Stage")


def begin(t, *services):
    """An instance with services that compose, and alice in it."""
    build = os.path.dirname(os.environ["PATH"].split(":")[0])
    grants = ["session", "system_info", *(name for name, _, _ in services)]
    profile = instance.profile("viewer", grants)
    for name, _, _ in services:
        profile = profile.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    manifest = t.home.path("manifest")
    with open(manifest, "w", encoding="utf-8") as f:
        f.write(instance.manifest(profiles=[profile], services=[
            instance.service(name, os.path.join(build, folder, name), sessionlib.type_id(name, interface, root=folder))
            for name, folder, interface in services]))
    server = Terminal(t.home)
    server.begin(f"capos up --listen plain:127.0.0.1:0 --manifest {manifest}")
    shown = server.sees(r"^remote CapSet: plain \S+ \d+$").rsplit("remote CapSet: plain ", 1)[1].split()
    t.types(f"A=plain:{shown[0]}:{shown[1]}")
    t.types("echo 'correct horse' | capos account add alice --profile viewer --password-stdin")
    log_in(t, "work")


@row()
def somebody_follows_a_guide(t):
    """Reads each step, as far as it goes."""
    begin(t, GUIDE)
    t.begin("capos ui guide")
    t.sees(r"^\[1\] guide: First steps \(progress\)")
    t.sees(r"^  > next  Next step")
    t.sees(r"^ui> ?$")
    t.keys("/help")
    t.sees(r"^What capos asks is answered by yes or no")
    t.keys("next")
    t.sees("shows its methods")
    t.keys("/pin 1")
    t.sees(r"\(progress, pinned\)")
    t.keys("nxt")
    t.sees("nxt: no pane has such a command")
    t.keys("1 next")
    t.sees("is a first one")
    t.keys("next")
    t.sees("all of it is gone")
    t.keys("next")
    t.sees(r"^guide has ended:")
    t.ended()


@row()
def somebody_is_asked_and_puts_panes_in_order(t):
    """A command with a question: no, nothing, yes. Two panes are moved, one is closed, all is reset."""
    begin(t, STAGE)
    t.begin("capos ui stage")
    t.sees(r"^ui> ?$")
    other = Terminal(t.home)
    told = 0

    def tell(method, **params):
        nonlocal told
        told += 1
        path = t.home.path(f"home/params-{told}")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(params, f)
        other.types(f"capos call stage {method} - <{path}", '"outcome": ""')

    def opened(name, safety):
        tell("open", spec={"surfaceId": base64.b64encode(name.encode()).decode(), "title": name, "kind": "text",
                           "safetyClass": safety, "modelSchema": str(sessionlib.type_id("remote_ui", "UiText"))})

    opened("Orders", "consequential")
    t.sees(r"^\[1\] stage: Orders \(text\)")
    call = {"interfaceId": str(sessionlib.type_id("stage", "Stage", root=STAGE[1])), "methodId": 7}
    tell("apply", patch={"kind": "addCommand", "surfaceId": base64.b64encode(b"Orders").decode(), "payload": {
        "command": {"id": "order", "title": "Order", "fields": [{"path": "text"}], "run": {"call": call}}}})
    t.sees(r"^  > order \[text=\]  Order \(asks\)")
    for answer, shown in (("no", r"^\[1\] order:\n  refused\.person: a person said no"),
                          ("", r"^\[1\] order:\n  refused\.person: a person said no"), ("yes", r"^\[1\] order: done")):
        t.clear()
        t.keys("order text='two teas'")
        asked = t.sees(r"^\[\?\] yes or no\? \(no\)$")
        need('[?] text = "two teas"' in asked and "[?] account: alice" in asked, asked)
        while True:  # what comes in the first half second answers nothing
            t.keys(answer)
            if "too early" not in t.sees("too early|" + shown):
                break
            t.clear()
    opened("Notes", "ordinary")
    t.sees(r"^\[2\] stage: Notes")
    t.keys("/move 2 side")
    t.sees(r"^\[2\] column [1-9]\d*, row")
    t.keys("/reset")
    t.keys("/close 2")
    t.sees("^closed, by you")
    t.keys("/panes")
    t.keys("/quit")
    t.ended()
    other.types("capos call stage worked", '"times": 1', '"last": "two teas"')
