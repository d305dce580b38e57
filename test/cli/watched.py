"""watched: `capos call --watch`, `capos describe` and the ways to give parameters, with a service
that the command knows by its own words alone.

    watched.py --name NAME SERVICE CAPNP BIN

SERVICE is test/cli/watch/watch-service.c++, a foreign one. It is started in three instances: as
`teller` it tells of itself what the compiler of schemas says, as `mute` the same without comments,
and as `hostile` with comments and defaults that want to steer a terminal.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import heard  # noqa: E402
import instance  # noqa: E402
import sessionlib  # noqa: E402
from line import Line  # noqa: E402
from rig import CASES, PASSWORD, Failed, Rig, case, equal, holds, typed  # noqa: E402

STEERING = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\u2066"


def harmless(text):
    """No control character but the newline, and none that turns text around."""
    return all(c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f" and c not in "\u202e\u2066")
               for c in text)


class Watch:
    """An instance with one of the three, and a login."""

    def __init__(self, name, service, capnp, binaries, folder):
        self.capnp = capnp
        teller = sessionlib.type_id("watch", "Teller", root="test/cli/watch")
        with open(os.path.join(HERE, "watch", "watch.capnp"), encoding="utf-8") as f:
            text = f.read()
        if name == "mute":
            text = "\n".join(x for x in text.split("\n") if not x.lstrip().startswith("#"))
        if name == "hostile":
            text = text.replace("# ", "# " + STEERING)
            text = text.replace('["none"]', '["\\x1b[2J\\xc2\\x9b2J"]')
            text = text.replace("text :Text)", 'text :Text = "' + "\u00e9" * 20 + '")')
        served = instance.service(name, service, teller, [self.request(folder, name, text)])
        path = os.path.join(folder, name, "manifest")
        with open(path, "w", encoding="utf-8") as f:
            f.write(instance.manifest(services=[served], operator=[name]))
        self.rig = Rig(binaries, None, manifest=path)
        self.rig.login("work")

    def request(self, folder, name, text):
        os.mkdir(os.path.join(folder, name))
        source = os.path.join(folder, name, "watch.capnp")
        with open(source, "w", encoding="utf-8") as f:
            f.write(text)
        path = os.path.join(folder, name, "request")
        with open(path, "wb") as f:
            subprocess.run([self.capnp, "compile", "-o-", "--src-prefix=" + os.path.dirname(source),
                            "-I" + os.path.join(HERE, "..", "..", "schema"), source], stdout=f, check=True)
        return path


# ---- listeners ---------------------------------------------------------------------------------


@case()
def a_method_that_tells_is_watched(g):
    out = g.ok("call", "--watch", "teller", "tell", "times=2", "text=hi").out
    lines = out.splitlines()
    equal(lines[0], 'told {"item":{"number":0,"text":"hi","kind":"plain",'
                    '"place":{"row":-1},"nothing":null}}')
    holds(lines[1].startswith('told {"item":{"number":1'), lines)
    equal(lines[2:], ['{"told": 2}'])


@case()
def what_is_told_is_json_a_line_each(g):
    out = g.ok("call", "--watch", "--json", "teller", "tell", "text=a\nb", "times=1").out
    lines = [json.loads(x) for x in out.splitlines()]
    equal((lines[0]["listener"], lines[0]["method"]), ("listener", "told"))
    equal(lines[0]["params"]["item"]["text"], "a\nb")
    equal(lines[1:], [{"results": {"told": 1}}])


@case()
def each_parameter_without_a_value_has_a_listener(g):
    out = g.ok("call", "-w", "--json", "teller", "follow", "item.number=7").out
    lines = [json.loads(x) for x in out.splitlines()]
    holds({"results": {}} in lines, lines)
    told, = [x for x in lines if x.get("method") == "told"]
    equal((told["listener"], told["params"]["item"]["number"]), ("first", 7))
    equal(told["params"]["by"], {"$cap": 0})
    equal(sorted(x["listener"] for x in lines if x.get("method") == "closed"), ["first", "second"])
    out = g.ok("call", "-w", "teller", "follow", '{ "second": null }  ').out
    holds('closed {"why":"all was told"}\n' in out and "second" not in out, out)
    out = g.ok("call", "-w", "teller", "follow").out
    holds('first.told {' in out and 'second.closed {"why":"all was told"}\n' in out, out)


@case()
def where_there_is_nothing_to_watch_it_is_said(g):
    says = g.error(2, "usage", "call", "--watch", "teller", "echo")
    holds("nothing to watch" in says, says)
    says = g.error(2, "usage", "call", "--watch", "teller", "tell", "listener:=null")
    holds("nothing to watch" in says, says)
    g.error(2, "parameters", "call", "--watch", "teller", "tell", "{")
    says = g.error(2, "parameters", "call", "--watch", "teller", "tell", '{\n"time": 1}')
    holds("2:" in says and "did you mean `times`" in says, says)


def watching(g, *words):
    p = subprocess.Popen([g.capos, "call", "--watch", *words], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=g.env, text=True, start_new_session=True)
    lines = [heard.line(p.stdout) for _ in range(2)]
    holds(any(x.startswith("told ") for x in lines), lines)
    return p


@case()
def it_ends_with_an_interrupt_and_with_the_session(g):
    p = watching(g, "teller", "forever")
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=heard.DEADLINE_S)
    equal(p.returncode, -signal.SIGINT)
    p = watching(g, "teller", "forever")
    g.ok("logout")
    out, err = p.communicate(timeout=heard.DEADLINE_S)
    equal((p.returncode, out), (4, ""))
    holds("the session has ended" in err, err)
    g.login("work")
    p = watching(g, "teller", "forever")
    admin = g.ok("session", "list", "--state", g.state, "--json").json["sessions"]
    g.ok("session", "revoke", admin[0]["id"], "teller", "--state", g.state)
    out, err = p.communicate(timeout=heard.DEADLINE_S)
    equal((p.returncode, out), (3, ""))
    holds("taken this capability back" in err, err)
    g.ok("logout")
    g.login("work")


@case()
def what_only_reads_is_called_again_when_the_line_has_dropped(g):
    """By the schema's word, without being asked; what says nothing of itself is not."""
    host, port = g.address.removeprefix("plain:").rsplit(":", 1)
    line = Line(socket.AF_INET, ("127.0.0.1", 0), (host, int(port)))
    g.ok("login", "alice@plain:127.0.0.1:%d" % line.address[1], "--password-stdin", "--as", "cut",
         stdin=PASSWORD + "\n")
    p = watching(g, "teller", "look", "-s", "cut")
    try:
        line.cut()
        said = [heard.line(p.stderr), heard.line(p.stderr)]
        holds("has dropped, and is being made again" in said[0] and "there again" in said[1], said)
        lines = [heard.line(p.stdout) for _ in range(2)]
        holds(any(x.startswith("told ") for x in lines), lines)
    finally:
        p.kill()
        p.communicate()
    p = watching(g, "teller", "forever", "-s", "cut")
    line.cut()
    out, err = p.communicate(timeout=heard.DEADLINE_S)
    equal((p.returncode, out), (4, ""))
    holds("teller.forever: the line to the instance has dropped" in err and "not repeated" in err, err)
    g.until(lambda: not g.ok("sessions", "--json").json["sessions"][0]["droppedAtMs"], "the line")
    g.ok("logout", "-s", "cut")
    line.close()


# ---- parameters --------------------------------------------------------------------------------


@case()
def parameters_come_from_files(g):
    with open(g.path("all.json"), "w", encoding="utf-8") as f:
        f.write('{"item": {"number": 5, "text": "in a file"}, "count": 1}\n')
    with open(g.path("item.json"), "w", encoding="utf-8") as f:
        f.write('{"number": 6, "place": {"row": 2}}')
    with open(g.path("text"), "w", encoding="utf-8") as f:
        f.write("a text, {no json")
    with open(g.path("bad.json"), "w", encoding="utf-8") as f:
        f.write('{"number": 6,\n "number": 7}')
    with open(g.path("nul"), "wb") as f:
        f.write(b"{}\0{")
    equal(g.ok("call", "teller", "echo", "@all.json", "--json").json["item"]["text"], "in a file")
    with open(g.path("all.json"), encoding="utf-8") as f:
        equal(g.ok("call", "teller", "echo", "-", "--json", stdin=f.read()).json["count"], 1)
    r = g.ok("call", "teller", "echo", "item=@item.json", "count=3", "--json").json
    equal((r["item"]["number"], r["item"]["place"]["row"], r["count"]), (6, 2, 3))
    equal(g.ok("call", "teller", "echo", "item.text=@text", "--json").json["item"]["text"],
          "a text, {no json")
    says = g.error(2, "parameters", "call", "teller", "echo", "item=@bad.json")
    holds("bad.json: line 2" in says and "uplicate" in says, says)
    says = g.error(2, "parameters", "call", "teller", "echo", "@text")
    holds(says.startswith("parameters: 1:"), says)
    holds("NUL" in g.error(2, "parameters", "call", "teller", "echo", "@nul"), "a NUL is let in")
    g.error(1, "failed", "call", "teller", "echo", "@nowhere")
    g.error(1, "failed", "call", "teller", "echo", "item=@nowhere")


# ---- what it is --------------------------------------------------------------------------------


@case()
def foreign_types_are_expanded(g):
    out = g.ok("describe", "teller", "Item").out
    for line in ("  One of those that are told.\n", '  tags :List(Text) = ["none"]\n',
                 "  kind :Kind = plain\n", "  | nothing :Void\n  | ratio :Float32\n",
                 "  place :group\n      Where it is.\n      row :Int16 = -1\n"
                 "          From the top.\n"):
        holds(line in out, f"{line!r} is not in {out}")
    holds("tell(listener :Listener, times :UInt32 = 3, text :Text) -> (told :UInt32)\n"
          "      Tells an item so many times, then returns.\n" in g.ok("describe", "teller").out,
          "no comment, no default")
    d = g.ok("describe", "teller", "Item", "--json").json
    row, = [f for f in d["fields"] if f["name"] == "place"][0]["fields"]
    equal((row["name"], row["default"], row["doc"]), ("row", "-1", "From the top."))
    says = g.error(2, "unknown-field", "call", "teller", "echo", "item.txt=x")
    holds("did you mean `text`" in says and "number, text, tags, kind" in says, says)


@case()
def without_comments_it_works_as_well(g):
    out = g.ok("describe", "mute").out
    holds("  tell(listener :Listener" in out and "Tells" not in out, out)
    equal(g.ok("describe", "mute", "Item", "--json").json["doc"], "")
    holds("told {" in g.ok("call", "-w", "mute", "tell").out, "it tells nothing")


@case()
def no_word_of_a_service_steers_the_terminal(g):
    item = json.dumps({"item": {"text": STEERING}})
    for words in (["describe", "hostile"], ["describe", "hostile", "Item"],
                  ["describe", "hostile", "Hook"], ["describe", "hostile", "tell"],
                  ["call", "-w", "hostile", "tell", "text=" + STEERING.replace("\0", "")],
                  ["call", "hostile", "echo", item], ["commands", "hostile"],
                  ["call", "-w", "hostile", "follow", item]):
        for more in ([], ["--json"]):
            r = g.ok(*words, *more)
            holds(harmless(r.out) and harmless(r.err), repr(r.out))
    for command in ("disabled", "view", "other"):
        for more in ([], ["--json"]):
            r = g.run("run", "hostile", command, *more)
            holds(harmless(r.out) and harmless(r.err) and r.code, repr(r))
    offered = g.ok("__complete", "run", "hostile", "echo", "item.kind=").out
    holds("item.kind=plain\n" in offered and harmless(offered), repr(offered))
    # It is shown, not dropped.
    holds("\\x1b" in g.ok("describe", "hostile").out, "the comment is not shown")
    holds("\\u202e" in g.ok("describe", "hostile", "--json").out, "nothing is escaped")


@case()
def nor_does_it_from_within_the_shell(g):
    """Hints as one types, comments and choices at a Tab, results, events and refusals: the raw bytes."""
    from talk import Terminal  # (it has cases of its own)
    said = json.dumps(STEERING)
    for columns in (61, 62, 220):
        t = Terminal(g, "shell", columns=columns)
        t.until("work> ")
        for text, shown in (("hostile.tell", "\\x1b]0;"), (" t", "\x1b[2mtell("),
                            ("\x15hostile.tell \t", "listener=  times="),
                            ("\x15.run hostile \t", "wipe  lasting"), ("echo \t", "item.number=  item.text="),
                            ("item.kind=\t", "plain"), ("\x15.run hostile disabled\n", "not now: \\x1b"),
                            (".run hostile view\n", "here nothing is"), (".describe hostile Item\n", "From the top"),
                            (".commands hostile\n", "typed"), (f'hostile.tell {{"text": {said}}}\n', '"told": 3'),
                            (f'hostile.echo {{"item": {{"text": {said}}}}}\n', '"count"')):
            before = len(t.shown)
            t.type(text)
            t.until(shown, after=before)
        t.type(".quit\n")
        equal(t.end(), 0)
        # A hint cannot go on in the next row, nor a comment at the edge.
        hints = re.findall(rb"\x1b7(\x1b\[\?7l)?[^\x1b]*(?:\x1b(?!7|8)[^\x1b]*)*?(\x1b\[\?7h)?\x1b8", t.shown)
        holds(hints and all(a and b for a, b in hints), (columns, hints))
        holds(b"\r\n\\x1b]0;" not in t.shown, (columns, t.shown))
        for planted in ("\x1b]0;", "\x1b[31m", "\x9b2J", "\x1b[2J", "\u202e", "\u2066"):
            holds(planted.encode() not in t.shown, (planted, columns, t.shown))


# ---- commands ----------------------------------------------------------------------------------


@case()
def commands_are_listed_and_run(g):
    out = g.ok("commands", "teller").out
    holds("echo " in out and "      item.number  a whole number, required\n" in out, out)
    d = g.ok("commands", "teller", "--json").json
    equal([c["id"] for c in d["commands"]][:2], ["echo", "wipe"])
    equal(d["commands"][0]["fields"][1]["kind"], "text")
    r = g.ok("run", "teller", "echo", "item.number=3", "item.kind=plain", "count=2s", "--json").json
    equal((r["item"]["number"], r["item"]["text"], r["count"]), (3, "first", 2000))
    equal(r["item"]["place"]["row"], 4)
    equal(g.ok("run", "teller", "echo", "item.number=3", "item.ratio=0.5", "--json")
          .json["item"]["ratio"], 0.5)


@case()
def fields_are_checked_before_anything_is_sent(g):
    def refused(code, *words):
        return g.error(2, code, "run", "teller", "echo", *words)

    holds("from 1 to 9" in refused("parameters", "item.number=10"), "max")
    holds("from 1 to 9" in refused("parameters", "item.number=0"), "min")
    holds("whole number" in refused("parameters", "item.number=1.5"), "kind")
    holds("whole number" in refused("parameters", "item.number=99999999999999999999999"), "long")
    holds("at most 5" in refused("parameters", "item.number=1", "item.text=sixsix"), "maxBytes")
    holds("no such choice" in refused("parameters", "item.number=1", "item.kind=other"), "choice")
    holds("duration" in refused("parameters", "item.number=1", "count=soon"), "duration")
    holds("a number" in refused("parameters", "item.number=1", "item.ratio=nan"), "nan")
    says = refused("unknown-field", "item.nmber=1")
    holds("did you mean `item.number`" in says and "item.text" in says, says)
    holds("twice" in refused("usage", "item.number=1", "item.number=2"), "twice")
    refused("usage", "item.number")
    holds("item.number=VALUE" in refused("missing-field"), "required")
    says = g.error(2, "unknown-command", "run", "teller", "ehco")
    holds("did you mean `echo`" in says, says)
    says = g.error(2, "no-commands", "commands", "system_info")
    holds("capos describe system_info" in says, says)


@case()
def a_field_comes_from_where_a_parameter_may(g):
    """`capos run` and `capos call` read the same words: @FILE, @- and :=JSON; a lone - is a text."""
    def echo(*words, **more):
        return (g.ok("run", "teller", "echo", *words, "--json", **more).json["item"],
                g.ok("call", "teller", "echo", "item.place.row=4", *words, "--json", **more).json["item"])

    def file(name, content):
        with open(g.path(name), "wb") as f:
            f.write(content)
        return "@" + g.path(name)

    kind, text = "item.kind=plain", file("t", b"one\n")
    for words, expected, more in (((f"item.text={text}",), "one\n", {}),
                                  (("item.text=@-",), "two", {"stdin": "two"}),
                                  (('item.text:="@t"',), "@t", {}),
                                  (("item.text=-",), "-", {"stdin": "two"})):
        ran, called = echo("item.number=3", kind, *words, **more)
        equal((ran["text"], called["text"]), (expected, expected), words)
    # What is no text has no end of a line in it.
    for words, more in (((f"item.number={file('n', b'3' + bytes([10]))}",), {}), (("item.number:=3",), {}),
                        (("item.number=@-",), {"stdin": "3\n"})):
        ran, called = echo(kind, *words, **more)
        equal((ran["number"], called["number"]), (3, 3), words)

    def refused(code, name, *words):
        return g.error(code, name, "run", "teller", "echo", "item.number=1", *words)

    holds("No such file" in refused(1, "failed", "item.text=@/nowhere/at/all"), "no file")
    holds("at most 5" in refused(2, "parameters", f"item.text={file('long', b'sixsix')}"), "bytes")
    holds("NUL" in refused(2, "parameters", f"item.text={file('nul', b'a' + bytes(1))}"), "NUL")
    says = refused(2, "parameters", f"item.ratio={file('more', b'x' * 5000)}")
    holds("more: it is far too long" in says and "xx" not in says, says)
    holds("more" in refused(2, "parameters", f"item.ratio={file('more', b'words')}"), "whose")
    refused(2, "parameters", "item.text:=[1]")
    refused(2, "parameters", "item.text:={")
    refused(2, "usage", "item.text=a", 'item.text:="b"')
    # And from within the shell.
    said = g.ok("shell", "--json", stdin=f".run teller echo item.number=3 item.text={text}\n"
                                         ".run teller echo item.number=3 item.text=<<END\nfour\nEND\n").out
    holds('"one\\n"' in said and '"four"' in said, said)


@case()
def a_command_runs_what_it_may(g):
    g.error(3, "refused.target", "run", "teller", "elsewhere", "--yes")
    g.error(1, "unknown-method", "run", "teller", "nowhere", "--yes")
    g.error(1, "refused.disabled", "run", "teller", "disabled", "--yes")
    g.error(2, "refused.view", "run", "teller", "view", "--yes")


@case()
def what_lasts_is_asked_for(g):
    # By the word of the service, and by that of a schema that says nothing.
    g.error(2, "confirm", "run", "teller", "lasting")
    g.error(2, "confirm", "run", "teller", "wipe")
    code, shown = typed([g.capos, "run", "teller", "wipe"], g.env, [("Run it? [y/N]", "n")])
    holds(code == 1 and "teller.wipe {} cannot be undone" in shown, (code, shown))
    equal(g.ok("run", "--yes", "teller", "wipe", "--json").json, {"count": 1})
    code, shown = typed([g.capos, "run", "teller", "wipe"], g.env, [("Run it? [y/N]", "y")])
    holds(code == 0 and '"count": 2' in shown, (code, shown))
    code, shown = typed([g.capos, "run", "teller", "echo"], g.env,
                        [('teller echo needs item.number, a whole number, "Number": ', "4")])
    holds(code == 0 and '"number": 4' in shown, (code, shown))


@case()
def what_others_see_is_asked_for_unless_all_of_it_was_typed(g):
    """As in a pane. What is asked begins with the frame's own words; a label cannot end its quotes."""
    equal(g.ok("run", "teller", "typed", "item.number=3", "--json").json["item"]["number"], 3)
    says = g.error(2, "confirm", "run", "teller", "fixed", "item.number=3")
    holds("seen by others" in says, says)
    g.ok("run", "teller", "fixed", "item.number=3", "--yes")
    code, shown = typed([g.capos, "run", "teller", "fixed", "item.number=3"], g.env, [("Run it? [y/N]", "n")])
    holds(code == 1 and "teller.echo {" in shown and "by the service" in shown, (code, shown))
    code, shown = typed([g.capos, "run", "teller", "typed"], g.env,
                        [("""teller typed needs item.number, a whole number, "You ': Password": """, "4")])
    holds(code == 0 and '"number": 4' in shown, (code, shown))


@case()
def a_name_that_is_too_long_is_told(g):
    says = g.error(2, "usage", "run", "teller", "echo", "x" * 256 + "=1")
    holds("at most 255 bytes" in says, says)


@case()
def changes_of_commands_are_shown(g):
    p = subprocess.Popen([g.capos, "commands", "--watch", "--json", "teller"],
                         stdout=subprocess.PIPE, env=g.env, text=True, start_new_session=True)
    first, second = (json.loads(heard.line(p.stdout))["revision"] for _ in range(2))
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=heard.DEADLINE_S)
    equal(int(second), int(first) + 1)


HERE_CASES = list(CASES)
# Which of the three a case needs.
ONLY = {"without_comments_it_works_as_well": "mute",
        "no_word_of_a_service_steers_the_terminal": "hostile",
        "nor_does_it_from_within_the_shell": "hostile"}


def main(argv):
    if len(argv) < 5 or argv[0] != "--name":
        print(__doc__, file=sys.stderr)
        return 2
    import tempfile
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="capos-watched-") as folder:
        for one in ("teller", "mute", "hostile"):
            w = Watch(one, os.path.abspath(argv[2]), argv[3], os.path.abspath(argv[4]), folder)
            try:
                for name, f, _, _ in HERE_CASES:
                    if ONLY.get(name, "teller") != one or (argv[5:] and name not in argv[5:]):
                        continue
                    started = time.monotonic()
                    try:
                        f(w.rig)
                        passed += 1
                        print(f"ok {name} ({time.monotonic() - started:.1f} s)")
                    except (Failed, OSError, subprocess.SubprocessError, ValueError) as e:
                        failed += 1
                        print(f"not ok {name}: {e}")
            finally:
                w.rig.close()
                heard.end_children()
    instance.count(argv[1], passed, failed)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
