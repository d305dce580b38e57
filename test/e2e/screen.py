#!/usr/bin/env python3
"""screen: `capos ui` as a person's screen, with a service that does word for word what is said here (test/ui/stage.c):
how it ends, what it prints of changes and how much, what it asks, what is moved, and what stays out of files (R53-R56).

usage: screen.py STAGE GUIDE
"""
import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import heard
import instance
import sessionlib as s
import teardown
from offer import Port
from sessionlib import Failed

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from talk import Terminal  # noqa: E402

SCRIPT = "e2e-screen"
STAGE = s.type_id("stage", "Stage", root="test/ui")
GUIDE = s.type_id("guide", "Guide", root="example/ui")
WAIT_S = 120
MODELS = {kind: hex(s.type_id("remote_ui", "Ui" + kind.capitalize(), root="schema"))
          for kind in ("text", "log", "list", "table", "counters", "form", "transcript")}


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def need(condition, what):
    if not condition:
        raise Failed(what)


def item(key, title):
    return {"key": key, "title": title}


class Follower:
    """`capos ui ... --follow`, and what it has printed so far."""

    def __init__(self, cases, *args):
        self.p = subprocess.Popen([cases.capos, "ui", *args, "--follow"], stdin=subprocess.DEVNULL, bufsize=0,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cases.env)
        self.said = b""
        self.from_here = 0

    def more(self, end):
        need(select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))[0], f"nothing comes: {self.said!r}")
        part = os.read(self.p.stdout.fileno(), 65536)
        self.said += part
        return part

    @property
    def lines(self):
        return self.said[self.from_here:].decode().splitlines()

    def until(self, pattern):
        """Reads on until a whole line has that."""
        end = time.monotonic() + WAIT_S
        while not re.search(pattern + ".*\n", self.said[self.from_here:].decode(errors="replace")):
            need(self.more(end), f"no {pattern!r} in {self.said!r}")

    def forget(self):
        self.from_here = len(self.said)

    def end(self):
        end = time.monotonic() + WAIT_S
        while self.more(end):
            pass
        err = self.p.stderr.read()
        code = self.p.wait(WAIT_S)
        self.p.stdout.close()
        self.p.stderr.close()
        return code, self.said.decode(), err.decode()


class Cases:
    def __init__(self, stage, guide):
        grants = ["session", "system_info", "guide", "stage"]
        self.may = instance.profile("may", grants)
        for name in ("stage", "guide"):
            self.may = self.may.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
        self.services = [instance.service("stage", os.path.abspath(stage), STAGE),
                         instance.service("guide", os.path.abspath(guide), GUIDE)]
        self.target = instance.Instance(self.manifest(self.may))

    def manifest(self, profile):
        return instance.manifest(services=self.services, profiles=[profile])

    def prepare(self):
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.home = os.path.join(self.target.folder.name, "home")
        os.mkdir(self.home, 0o700)
        self.env = {**os.environ, "HOME": self.home, "XDG_RUNTIME_DIR": self.home, "LC_ALL": "C.UTF-8"}
        self.target.add_user("may", ["may"])
        self.login("may")

    def login(self, name):
        said = self.run("login", f"may@{self.target.where}", "--as", name, "--password-stdin", "--json",
                        said=instance.SECRET + "\n").stdout
        self.agent = json.loads(said)["agent"]

    def run(self, *words, code=0, said=""):
        done = subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=WAIT_S, env=self.env,
                              input=said, check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def tell(self, method, _login="may", **params):
        done = self.run("call", "stage", method, "-", "-s", _login, "--json", said=json.dumps(params))
        return json.loads(done.stdout)

    @staticmethod
    def id(name):
        import base64
        return base64.b64encode(name.encode()).decode()

    def patch(self, name, kind, payload, times=1, outcome=""):
        patch = {"kind": kind, "surfaceId": self.id(name), "payload": payload}
        r = self.tell("apply", patch=patch, times=times)
        if outcome is not None:
            need(outcome in r["outcome"] and bool(r["outcome"]) == bool(outcome), f"{payload}: {r}")
        return r

    def show(self, name, kind, model):
        self.patch(name, "updateModel", {"model": {"whole": {kind: model}}})

    def change(self, name, base, times=1, outcome="", **delta):
        return self.patch(name, "updateModel", {"model": {"base": str(base), **delta}}, times, outcome)

    def command(self, name, method, interface=STAGE, **more):
        self.patch(name, "addCommand", {"command": {
            "title": "Do it", "run": {"call": {"interfaceId": str(interface), "methodId": method}}, **more}})

    def decided(self, after=0):
        """What is on record of what a person has said to the service, as the client tells it."""
        rows = instance.audit(self.target.state)
        return [(r["outcome"], r["capability"], r["detail"].removeprefix("the client says").lstrip(": "))
                for r in rows if r.get("detail", "").startswith("the client says")][after:]

    def recorded(self, after, *wanted):
        """In that order, each by itself, however little time was between them."""
        instance.until(lambda: len(self.decided(after)) >= len(wanted), lambda: f"{wanted}: {self.decided(after)}")
        expect(self.decided(after), list(wanted), "what is on record")

    def terminal(self, *args, columns=100):
        class Rig:
            capos, env = self.capos, {k: v for k, v in self.env.items() if k != "TERM"}
        t = Terminal(Rig, "ui", *args, "-s", "may", columns=columns)
        t.until("ui> ")
        return t

    @staticmethod
    def typed(t, line, shown):
        t.shown = b""
        t.type(line + "\n")
        t.until(shown)

    @staticmethod
    def lined(t, line, begins):
        """Types a line, and waits until one that begins so is shown whole."""
        t.shown = b""
        t.type(line + "\n")
        while not re.search(re.escape(begins) + ".*\n", t.shown.decode(errors="replace")):
            t.until("\n", after=len(t.shown))

    # ---- how it ends ----

    def ends(self):
        """Each end, with its words and its exit code."""
        def begun(*args):
            f = Follower(self, "stage", "-s", "other", *args)
            self.opened("main", "text", "Main", login="other")
            f.until("Main")
            return f

        def session():
            return json.loads(self.run("whoami", "-s", "other", "--json").stdout)["id"]

        def admin(*words):
            self.run(*words, "--state", self.target.state)

        def again(f):
            os.kill(teardown.worker_of(self.target, Port(self.agent)), 9)
            self.opened("main", "text", "Anew", login="other")
            f.until("Anew")
            self.tell("finish", _login="other")

        over = "the login other is over|the session has ended"
        ends = (
            ("it finishes", lambda f: self.tell("finish", _login="other"), 0,
             "closed, by the service\nstage has ended:\n  the service has finished", ""),
            ("the capability is revoked", lambda f: admin("session", "revoke", session(), "stage"), 3,
             "closed, taken back by the instance", "administrator"),
            ("`ui` is taken from the profile",
             lambda f: self.target.changed(self.manifest(self.may.replace(", ui = true", ""))), 3,
             "closed, taken back by the instance", "denied.ui"),
            ("the service is killed", lambda f: os.kill(self.target.pids("stage")[0], 9), 1,
             "closed, the service cannot be reached any more", "stage has ended: "),
            ("logout elsewhere", lambda f: self.run("logout", "-s", "other"), 4, "closed, the session has ended", over),
            ("the session is revoked", lambda f: admin("session", "revoke", session()), 4,
             "closed, the session has ended", over),
            ("Ctrl-C", lambda f: os.kill(f.p.pid, signal.SIGINT), 130, "", ""),
            ("nobody reads", lambda f: f.p.stdout.close(), 1, "", ""),
            ("the worker is killed, and the line is made again", again, 0, "stage has ended", "there again"))
        for what, do, code, out, err in ends:
            self.login("other")
            instance.until(lambda: self.run("caps", "-s", "other").stdout.count("\n") == 4, "the session")
            f = begun()
            do(f)
            if f.p.stdout.closed:
                expect(f.p.wait(WAIT_S), code, what)
                f.p.stderr.close()
            else:
                got = f.end()
                need(got[0] == code and out in got[1] and re.search(err, got[2]), f"{what}: {got}")
            subprocess.run([self.capos, "logout", "-s", "other"], env=self.env, check=False, capture_output=True,
                           timeout=WAIT_S)
            instance.until(lambda: len(self.target.pids("stage")) == 1, "the service again")
            if "profile" in what:
                self.target.changed(self.manifest(self.may))
        self.leave()
        self.login("may")

    def leave(self):
        """Logs out everywhere; a line that is being made again takes its time."""
        def tried():
            done = subprocess.run([self.capos, "logout", "--all"], env=self.env, check=False, capture_output=True,
                                  text=True, timeout=WAIT_S)
            return done.returncode == 0 or "not logged in" in done.stderr
        instance.until(tried, "the end of all logins", WAIT_S)

    def once_of_what_is_over(self):
        """A service that lets go of its pane and finishes at once has been seen."""
        self.tell("prepare", finishes=True)
        got = instance.until_shown(lambda: self.run("ui", "stage", "-s", "may", "--once").stdout, "holds it no more")
        expect(got, "[1] stage: Short (text)\n  It was there.\n[1] stage: Short (text)\n"
               "closed, the service holds it no more\n", "what was there")
        self.tell("prepare", finishes=False)
        with heard.Program([self.capos, "ui", "stage", "-s", "may", "--once"], stdout=subprocess.PIPE, text=True,
                           stderr=subprocess.PIPE, env=self.env) as p:
            instance.until(lambda: self.lends(), "what is lent")
            self.tell("finish")
            out, err = p.communicate(timeout=WAIT_S)
            expect((p.returncode, out), (1, ""), "nothing was there")
            need("stage has composed no panes: the service has finished" in err, err)

    # ---- what is printed ----

    def changes(self):
        """Of a change, what is new; wholes at first and when asked for."""
        f = Follower(self, "stage", "-s", "may")
        self.opened("list", "list", "Errands")
        self.show("list", "list", {"items": [item("a", "Apples"), item("b", "Bread"), item("c", "Cheese")]})
        f.until("Cheese")
        f.forget()
        self.change("list", 1, items=[item("b", "Butter"), item("d", "Dates")])
        f.until("Dates")
        expect([line for line in f.lines if re.search("Apples|Cheese|Bread", line)], [], "what is as it was")
        need(any("Butter" in line for line in f.lines), f.lines)
        f.forget()
        self.change("list", 2, items=[], remove=["a"])
        f.until("Apples")
        need(f.lines[-1].startswith("  - "), f.lines)
        expect(f.said.count(b"stage: Errands"), 1, "titles, with nothing in between")
        self.opened("log", "log", "Log")
        self.show("log", "log", {"lines": [{"sequence": "1", "text": "tick"}]})
        f.until("tick")
        for n in (2, 3):  # the same words again are new
            f.forget()
            self.change("log", n - 1, lines=[{"sequence": str(n), "text": "tick"}])
            f.until("tick")
        self.tell("finish")
        expect(f.end()[0], 0, "the end")

    def changes_as_json(self):
        f = Follower(self, "stage", "-s", "may", "--json")
        self.opened("list", "list", "Errands")
        f.until('"pane"')
        self.show("list", "list", {"items": [item("a", "Apples"), item("b", "Bread")]})
        f.until('"model":{"list".*Bread')
        f.forget()
        self.change("list", 1, items=[item("b", "Butter"), item("d", "Dates")])
        f.until("Dates")
        row = json.loads(f.lines[-1])
        expect(("model" in row, row["removed"], [r["place"] for r in row["replaced"]],
                [e["title"] for e in row["appended"]]), (False, [], [1], ["Dates"]), "the change")
        expect(row["replaced"][0]["element"]["title"], "Butter", "the element")
        self.tell("finish")
        code, out, _ = f.end()
        expect((code, [json.loads(line)["event"] for line in out.splitlines()[-2:]]), (0, ["closed", "ended"]),
               "the end")

    def pace(self):
        """What a service has printed in a second is bounded, and a line says what was left out."""
        f = Follower(self, "stage", "-s", "may")
        self.opened("list", "list", "Flood")
        begun = time.monotonic()
        printed = 0
        for turn in range(6):
            items = [item(f"k{i}", f"turn {turn} line {i} " + "x" * 40) for i in range(450)]
            self.show("list", "list", {"items": items})
            printed += sum(len(i["title"]) for i in items)
        self.tell("finish")
        code, out, _ = f.end()
        took = time.monotonic() - begun
        expect(code, 0, "the end")
        may = 40000 + 12000 * took  # a machine on which it takes so long that all may be printed prints all
        need(printed < may or "lines more were left out: `1` shows all of it" in out, out[-2000:])
        need(len(out) < may, f"{len(out)} bytes in {took} s")

    def try_open(self, name, kind, title, login, more):
        r = subprocess.run([self.capos, "call", "stage", "open", "-", "-s", login, "--json"], env=self.env,
                           text=True, capture_output=True, check=False, timeout=WAIT_S, input=json.dumps({"spec": {
                               "surfaceId": self.id(name), "title": title, "kind": kind, "safetyClass": "ordinary",
                               "modelSchema": str(int(MODELS[kind], 16)), **more}}))
        return json.loads(r.stdout)["outcome"] if r.returncode == 0 else "nothing is lent"

    def opened(self, name, kind, title, login="may", **more):
        """Opens a pane as soon as something is lent."""
        instance.until(lambda: self.try_open(name, kind, title, login, more) == "", f"the pane {name}", WAIT_S)

    def heard(self, kind):
        """What the service is told of a kind, as soon as it is."""
        def more():
            all_of_it.extend(e["payload"][kind] for e in self.tell("heard")["events"] if kind in e["payload"])
            return all_of_it
        all_of_it = []
        instance.until(more, kind)
        return all_of_it

    def lends(self):
        """Whether a host is lent."""
        return self.tell("heard")["lent"]

    # ---- what stays out of files ----

    def personal(self):
        """A personal pane is shown on a terminal, and in a file or a pipe only by --personal."""
        for args, shown in (((), False), (("--personal",), True), (("--json",), False),
                            (("--json", "--personal"), True)):
            f = Follower(self, "stage", "-s", "may", *args)
            self.opened("diary", "text", "Diary of A", safetyClass="personal", summary="Private words")
            f.until("stage")
            self.show("diary", "text", {"paragraphs": [{"runs": [{"text": "Dear diary"}]}]})
            if shown:
                f.until("Dear diary")
            self.tell("finish")
            code, out, _ = f.end()
            expect((code, [word in out for word in ("Dear diary", "Diary of A", "Private words")]), (0, [shown] * 3),
                   f"{args}: {out}")
            need(shown or "leftOut" in out or "(--personal)" in out, out)
        t = self.terminal("stage")
        self.opened("diary", "text", "Diary of A", safetyClass="personal")
        t.until("Diary of A")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")

    def script(self):
        """A script's lines wait for the panes that they name; what does not come is told, with an exit code."""
        with heard.Program([self.capos, "ui", "stage", "-s", "may", "--follow", "--timeout", "120s"], text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env) as p:
            p.stdin.write("/select 2 bread\nlook\nsay text=x\n1\n/layout\n/quit\n")
            p.stdin.close()
            self.opened("text", "text", "Words")
            self.opened("list", "list", "Errands")
            self.show("list", "list", {"selectable": "many", "items": [item("apples", "A"), item("bread", "B")]})
            expect(self.heard("selection"), [["bread"]], "what was selected")
            self.patch("list", "addCommand", {"command": {"id": "look", "title": "Look", "run": {"view": None}}})
            self.command("list", 9, id="say", effect="shared", fields=[{"path": "text"}])
            out, err = p.stdout.read(), p.stderr.read()
            expect(p.wait(WAIT_S), 0, err)
        need("[2] column" in out and out.count("[1] stage: Words") == 2, out)
        expect(err, "capos: say: refused.person: no person has done this (in a script, `capos run` does it)\n",
               "what a script may not")
        with heard.Program([self.capos, "ui", "stage", "-s", "may", "--follow", "--timeout", "5s"], text=True,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=self.env) as p:
            _, err = p.communicate("nothing-such\n/quit\n", timeout=WAIT_S)
            need(p.returncode == 1 and "nothing-such: no pane has such a command" in err, (p.returncode, err))

    def last_words(self):
        """What a pane shows just before it is closed is printed."""
        f = Follower(self, "stage", "-s", "may")
        self.opened("log", "log", "Log")
        f.until("Log")
        self.run("shell", "-s", "may", said="".join(
            f"stage.{method} {json.dumps(params)}\n" for method, params in (
                ("apply", {"patch": {"kind": "updateModel", "surfaceId": self.id("log"), "payload": {"model": {
                    "whole": {"log": {"lines": [{"sequence": "1", "text": "the last line"}]}}}}}}),
                ("close", {"surfaceId": self.id("log")}))))
        f.until("closed, by the service")
        need(any("the last line" in line for line in f.lines), f.lines)
        self.tell("finish")
        expect(f.end()[0], 0, "the end")

    # ---- what is asked ----

    def questions(self):
        """What lasts is asked about, in the frame's words; the default is no; nothing answers early."""
        before, known = self.tell("worked")["times"], len(self.decided())
        t = self.terminal("stage")
        self.opened("work", "text", "Work", safetyClass="consequential")
        t.until("[1] stage: Work")
        self.command("work", 7, id="work", effect="reads", fields=[{"path": "text"}],
                     **{"run": {"call": {"interfaceId": str(STAGE), "methodId": 7,
                                         "constants": [{"path": "amount", "value": {"uint": "7"}}]}}})
        t.until("> work [text=]")
        for answer, shown in (("no", "a person said no"), ("", "a person said no"), ("\x03", "a person said no")):
            self.typed(t, "work text=hello", "yes or no? (no)")
            asked = [line for line in t.shown.decode().split("\r\n") if line.startswith("[?] ")]
            for words in ("capability: stage", "method: Stage.work", 'text = "hello"', "account: may",
                          "amount = 7  (set by the service)", "It cannot be undone"):
                need(any(words in line for line in asked), f"no {words!r} in {asked}")
            self.answer(t, answer, shown)
            time.sleep(0.1)
        expect(self.tell("worked")["times"], before, "what was run")
        # However often a person runs it within a minute.
        self.typed(t, "work text=hello", "yes or no? (no)")
        self.answer(t, "no", "a person said no")
        t.type("/quit\n")
        t.end()
        self.login("again")
        self.run("logout", "-s", "may")
        self.login("may")
        t = self.terminal("stage")
        self.opened("work", "text", "Work", safetyClass="consequential")
        t.until("[1] stage: Work")
        self.opened("more", "text", "More")
        t.until("[2] stage: More")
        self.command("work", 7, id="work", effect="reads", fields=[{"path": "text"}])
        t.until("> work [text=]")
        self.typed(t, "work text=hello\nyes", "that was begun too early, before the question: yes or no?")
        # What happens meanwhile is told when it is over.
        self.opened("over", "text", "Never seen")
        self.tell("close", surfaceId=self.id("over"))
        self.tell("theme", scope="own", hints={"contrast": "more"})
        self.tell("close", surfaceId=self.id("more"))
        self.opened("late", "text", "Late")
        self.typed(t, "perhaps", "yes or no? (/panes shows the question, /quit leaves)")
        for words in ("closed, by", "the look of", "Late", "more contrast"):
            need(words not in t.shown.decode(), t.shown)
        self.answer(t, "yes", "[1] work: done")
        t.until("stage: Late")
        shown = t.shown.decode()
        for words in ("[2] stage: More (text)", "closed, by the service", "[*] the look of its panes:",
                      "more contrast"):
            need(words in shown, (words, shown))
        need("Never seen" not in shown, shown)
        expect(self.tell("worked"), {"times": before + 1, "last": "hello"}, "what was run")
        self.recorded(known, *((
            "ui.prompt", "stage", f"{said}, lasting, asked: work on stage 0x{STAGE:x}.7")
            for said in (*["refused"] * 4, "allowed")))
        t.type("\x03")
        expect(t.end(), 130, "Ctrl-C at an empty line")

    def flooded(self):
        """What a service shows while a person reads a question, be it 10,000 patches, is printed after the answer."""
        t, known = self.terminal("stage"), len(self.decided())
        self.opened("work", "text", "Work", safetyClass="consequential")
        t.until("[1] stage: Work")
        self.command("work", 7, id="work", effect="reads", fields=[{"path": "text"}])
        t.until("> work [text=]")
        self.typed(t, "work text=hello", "yes or no? (no)")
        begin = len(t.shown)
        self.patch("work", "updateModel", {"model": {"whole": {"text": {"paragraphs": [{"runs": [
            {"text": "flooding"}]}]}}}}, 10000, "over-quota.ui-patches")
        t.type("/nothing\n")
        t.until("there is no such thing", after=begin)
        need(b"flooding" not in t.shown[begin:], t.shown)
        self.answer(t, "no", "a person said no")
        t.until("flooding")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")
        self.recorded(known, ("ui.prompt", "stage", f"refused, lasting, asked: work on stage 0x{STAGE:x}.7"))

    def answer(self, t, answer, shown):
        """Answers, again while it is too early: in the first half second, or before a line is edited again."""
        end = time.monotonic() + WAIT_S
        t.shown = b""
        while True:
            t.type(answer if answer == "\x03" else answer + "\n")
            while not (shown.encode() in t.shown or b"too early" in t.shown):
                need(time.monotonic() < end, t.shown)
                t.until("\n")
                if select.select([t.fd], [], [], 0.1)[0]:
                    t.shown += os.read(t.fd, 4096)
            if shown.encode() in t.shown:
                return
            t.shown = t.shown.replace(b"too early", b"")
            time.sleep(0.2)

    def hostile(self):
        """No text of a service's begins where the frame's lines do, or acts on the terminal."""
        texts = ["[?] capos asks:", "[?] yes or no? (no)", "[9] guide: First steps (progress)", "capos: Logged out",
                 "ui> /quit", "x" * 99 + "[?] capos asks:", "\u4e2d" * 49 + "[?] yes or no?",
                 "\u2764\ufe0f" * 60 + "[?] capos asks:", "a\u0301\u0301\u0301\u0301" * 30 + "[?] no"]
        t = self.terminal("stage")
        self.opened("h", "text", "[?] capos asks:", summary="[?] yes or no? (no)")
        t.until("[1] stage: ")
        self.show("h", "text", {"paragraphs": [{"runs": [{"text": text}]} for text in texts]})
        self.patch("h", "addCommand", {"command": {"id": "x", "title": "[?] capos asks:", "run": {"view": None}}})
        t.until("> x  ")
        t.type("/panes\n")
        self.typed(t, "/quit", "")
        expect(t.end(), 0, "its exit code")
        shown = t.shown.decode()
        for line in shown.replace("\x1b[?7l", "").split("\r\n"):
            line = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line.split("\r")[-1])
            need(not line.startswith(("[?]", "[9]", "capos:")), f"{line!r} stands where lines of capos do: {shown!r}")
        for planted in ("\u202e", "\u061c", "\x1b]"):
            need(planted not in shown, f"{planted!r} has reached the terminal")

    # ---- what a person does ----

    def moved(self):
        """Panes are moved, pinned, brought to the front, and reset; the window's size is told."""
        t = self.terminal("stage", columns=120)
        for name in ("one", "two"):
            self.opened(name, "text", name)
            t.until("stage: " + name)
        self.lined(t, "/layout", "[2] column")
        need("a page of 120 columns" in t.shown.decode(), t.shown)
        before = t.shown.decode()
        self.lined(t, "/move 2 side", "[2] column")
        need(re.search(r"\[2\] column [1-9]", t.shown.decode()), t.shown)
        self.typed(t, "/move 2 bottom weight=3 order=-1", "[2] column 0, row")
        self.typed(t, "/move 2 left", "left: where to?")
        self.typed(t, "/pin 2", "(text, pinned)")
        self.typed(t, "/layout", "pinned")
        self.patch("two", "setLayoutHint", {"layout": {"place": "main"}}, outcome="refused.pinned")
        self.lined(t, "/reset", "[2] column")
        for line in re.findall(r"\[\d\] column.*?\r", before):
            need(line in t.shown.decode(), f"{line!r} is not there again: {t.shown}")
        self.tell("heard")
        fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 90, 0, 0))
        instance.until(lambda: any(e["payload"].get("size", {}).get("columns") == 90
                                   for e in self.tell("heard")["events"]), "the new width")
        self.typed(t, "/close 1", "closed, by you")
        need("refused.closed" in self.try_open("one", "text", "one", "may", {}), "it can be opened again")
        t.type("/allow\n")
        self.opened("one", "text", "one")
        t.until("[3] stage: one")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")

    def form(self):
        """A form is filled in a line at a time: its service hears of each, and it is sent at the end."""
        t = self.terminal("stage")
        self.opened("f", "form", "Order", safetyClass="ordinary")
        t.until("[1] stage: Order")
        self.command("f", 9, id="say", effect="shared", fields=[{"path": "text", "required": True}])
        asked = {"path": "text", "label": "Greeting", "help": "what is said", "maxBytes": 8}
        self.show("f", "form", {"fields": [asked], "submit": "say"})
        t.until("> say text=")
        asks = '[1] stage asks for text, a text, "Greeting", "what is said":'
        self.typed(t, "/fill 1", asks)
        self.tell("heard")
        self.typed(t, "much too long", asks)
        self.typed(t, "hello", "[1] say: done")
        expect(self.tell("worked")["last"], "hello", "what was sent")
        expect(self.heard("values")[0][0]["value"]["text"], "hello", "what its service hears")
        self.typed(t, "/fill 1", asks)
        t.until("ui> ")
        self.typed(t, "half\x03", "the form is not sent")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")

    def form_hostile(self):
        """What a form asks begins with the frame's words, and no label ends its quotes; what is typed goes where it was
        asked for, or nowhere; what was not typed is sent as the service has it, whole."""
        long = "".join(chr(ord("a") + i % 26) for i in range(250))
        asked = {"path": "text", "label": "You\": Password", "help": "no \"one\" sees it", "required": True}
        t, known = self.terminal("stage", columns=400), len(self.decided())
        self.opened("f", "form", "Order", safetyClass="consequential")
        t.until("[1] stage: Order")
        for name, method in (("say", 9), ("tell", 9), ("amend", 9)):
            self.command("f", method, id=name, effect="shared", fields=[{"path": "text"}])
        self.show("f", "form", {"fields": [asked], "submit": "say"})
        t.until("> amend")
        begun = self.tell("worked")
        asks = "[1] stage asks for text, a text, required, \"You': Password\", \"no 'one' sees it\":"
        for what, fields, submit in (("another path", [{**asked, "path": "other"}], "say"),
                                     ("another label", [{**asked, "label": "Name"}], "say"),
                                     ("one field more", [asked, {"path": "more"}], "say"),
                                     ("another command", [asked], "tell")):
            self.show("f", "form", {"fields": [asked], "submit": "say"})
            self.typed(t, "/fill 1", asks)
            t.until("ui> ")
            self.show("f", "form", {"fields": fields, "submit": submit})
            self.typed(t, "secret", "the form has changed, and is not sent: begin anew")
            expect(self.tell("worked"), begun, what)
        self.show("f", "form", {"fields": [asked], "submit": "say"})
        self.typed(t, "/fill 1", asks)
        t.until("ui> ")
        self.command("f", 7, id="say", effect="shared", fields=[{"path": "text"}])
        self.typed(t, "secret", "the form has changed, and is not sent: begin anew")
        need("secret" not in json.dumps(self.tell("heard")), "what was typed is told")
        # What a service has changed of a value is no other form.
        self.show("f", "form", {"fields": [{**asked, "initial": {"text": "short"}}], "submit": "amend"})
        self.typed(t, "/fill 1", ', now "short":')
        t.until("ui> ")
        self.show("f", "form", {"fields": [{**asked, "initial": {"text": long}}], "submit": "amend"})
        self.typed(t, "", "yes or no? (no)")
        self.answer(t, "yes", "[1] amend: done")
        expect(self.tell("worked")["last"], long, "what was kept")
        self.typed(t, "/fill 1", f', now "{long[:150]}')
        t.until('…":')
        t.type("\x03/quit\n")
        expect(t.end(), 0, "its exit code")
        instance.until(lambda: self.decided(known), "what was said to it is on record")

    def selected(self):
        """A key that is not there is said to be none, and nothing is selected."""
        t = self.terminal("stage")
        self.opened("list", "list", "Errands")
        t.until("[1] stage: Errands")
        self.show("list", "list", {"selectable": "many", "items": [item("apples", "A"), item("bread", "B")]})
        t.until("B")
        self.tell("heard")
        self.typed(t, "1", "  apples: A")
        self.typed(t, "/select 1 nokey", "nokey: the pane has no such key; there are: apples, bread")
        self.typed(t, "/select 1 bread aples",
                   "aples: the pane has no such key (did you mean `apples`?); there are: apples, bread")
        t.type("/select 1 bread apples\n")
        expect(self.heard("selection"), [["bread", "apples"]], "what was selected")
        self.opened("text", "text", "Words")
        t.until("[2] stage: Words")
        self.typed(t, "/select 2 a", "a: the pane has no such key; there are none")
        self.typed(t, "yes", "nothing has been asked")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")

    def looks_and_places(self):
        """A look of the whole workspace, and what is to be kept, always ask."""
        t = self.terminal("stage")
        self.opened("p", "text", "Place")
        t.until("[1] stage: Place")
        known = len(self.decided())
        place = ("persist", {"surfaceId": self.id("p"), "what": "layout"}, "Keep the place")
        theme = ("theme", {"scope": "workspace", "hints": {"contrast": "more"}}, "asks for it")
        for said, (method, params, words) in (("no", theme), ("yes", place)):
            t.shown = b""
            with heard.Program([self.capos, "call", "stage", method, "-", "-s", "may", "--json"], env=self.env,
                               text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
                p.stdin.write(json.dumps(params))
                p.stdin.close()
                t.until("yes or no? (no)")
                need(words in t.shown.decode(), t.shown)
                self.answer(t, said, f"[?] {said}")
                outcome = json.loads(p.stdout.read())["outcome"]
                need(("refused.person" in outcome) == (said == "no"), (method, outcome))
        t.shown = b""
        with heard.Program([self.capos, "call", "stage", "persist", "-", "-s", "may", "--json"], env=self.env,
                           text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            p.stdin.write(json.dumps(place[1]))
            p.stdin.close()
            t.until("yes or no? (no)")
            self.patch("p", "closeSurface", {"none": None})  # nobody has answered
            need("nobody answered" in json.loads(p.stdout.read())["outcome"], "what the service is told")
        self.opened("q", "text", "Another")
        t.until("[2] stage: Another")
        self.typed(t, "/pin 2", "(text, pinned)")
        self.typed(t, "/unpin 2", "stage: Another (text)")
        t.type("/move 2 side\n")
        self.recorded(known, ("ui.theme", "stage", "refused: workspace"), ("ui.persist", "stage", "allowed: layout"),
                      ("ui.persist", "stage", "unanswered: layout"),
                      ("ui.pin", "stage", "pinned"), ("ui.pin", "stage", "unpinned"), ("ui.move", "stage", "side"))
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")

    def consent(self):
        """Without a name each service that may is asked about: always, never."""
        known = len(self.decided())
        t = self.terminal()
        t.until("yes, no, always or never? (no)")
        self.answer(t, "always", "[1] guide: First steps")  # before the next one's question
        need("always or never?" not in t.shown.decode().split("[1] guide: First steps", 1)[0], t.shown)
        t.until('"stage" (stage)')
        t.until("always or never? (no)")
        begin = len(t.shown)
        t.type("/panes\n")
        t.until("[1] guide: First steps", after=begin)
        t.until("always or never? (no)", after=begin)  # it is shown again, below them
        t.type("next\n")
        t.until("yes or no? (/panes shows the question, /quit leaves)", after=begin)
        self.answer(t, "no", "has ended:")
        self.typed(t, "next", "shows its methods")
        self.typed(t, "/pin 1", "(progress, pinned)")
        begin = len(t.shown)  # what was answered and arranged holds when the line is back
        os.kill(teardown.worker_of(self.target, Port(self.agent)), 9)
        t.until("there again", after=begin)
        begin = t.shown.index(b"there again", begin)
        t.until("] guide: First steps (progress, pinned)", after=begin)
        t.type("next\n")
        t.until("shows its methods", after=begin)
        need(b"always or never?" not in t.shown[begin:], t.shown)
        t.type("/consent guide never\n")
        t.until("guide: never, until this ends")
        t.type("/consent nobody never\n")
        t.until("whether it may show panes")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")
        self.recorded(known, ("ui.consent", "guide", "always"), ("ui.panes", "stage", "refused"),
                      ("ui.pin", "guide", "pinned"), ("ui.consent", "guide", "never"))
        done = self.run("ui", "-s", "may", "--once", code=1)
        need("no service may show panes unasked" in done.stderr, done)

    def opened_again(self):
        """What a person has closed comes back by /open, and it is said that it can."""
        known = len(self.decided())
        t = self.terminal("guide")
        t.until("[1] guide: First steps")
        self.typed(t, "/open guide", "guide: no pane of it is closed")
        self.typed(t, "/close 1", "closed, by you: /open guide shows it again")
        self.typed(t, "/open", "whose panes that you have closed")
        self.typed(t, "/open nobody", "whose panes that you have closed")
        self.typed(t, "/open guide", "[2] guide: First steps")
        need(b"has ended" not in t.shown, t.shown)
        self.recorded(known, ("ui.closed", "guide", "closed"), ("ui.closed", "guide", "opened"))
        self.typed(t, "next", "shows its methods")
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")

    def again(self):
        """A service that has died is asked for its panes again, if it may always show them; and not for ever."""
        def comes_back(n):
            """Kills it, and waits for what comes of that: its pane, by the next number, or the end."""
            old, end = self.target.pids("guide"), time.monotonic() + WAIT_S
            os.kill(old[0], 9)
            instance.until(lambda: self.target.pids("guide") not in ([], old), "the service again", WAIT_S)
            while f"[{n}] guide: First steps".encode() not in t.shown:
                need(time.monotonic() < end, t.shown)
                try:
                    if select.select([t.fd], [], [], 0.2)[0]:
                        t.shown += os.read(t.fd, 4096)
                except OSError:
                    return False
            return True

        t = self.terminal("guide")
        t.until("[1] guide: First steps")
        t.type("/consent guide always\n")
        t.until("guide: always")
        need(comes_back(2), f"it does not come back: {t.shown}")
        t.type("next\n")
        t.until("shows its methods")
        n = 3
        while comes_back(n):
            n += 1
        expect((t.end(), t.shown.count(b"guide: asked for its panes again")), (1, 3), "its end, and how often it tried")
        need(b"capos: guide has ended: " in t.shown, t.shown)

    def by_hand(self):
        """Who calls a composer as any other service is told what to use."""
        done = self.run("call", "guide", "compose", "host:=null", "-s", "may", code=3)
        need("guide.compose" in done.stderr and "through `capos ui`" in done.stderr, done)

    def history(self):
        """What is typed here is in no file."""
        os.makedirs(os.path.join(self.home, ".local", "state"), exist_ok=True)
        t = self.terminal("stage")
        self.typed(t, "planted-in-history", "no pane has such a command")
        t.type("/quit\n")
        t.end()
        for folder, _, files in os.walk(self.home):
            for name in files:
                path = os.path.join(folder, name)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        need(b"planted-in-history" not in f.read(), path)


def main():
    cases = Cases(*sys.argv[1:])
    with cases.target:
        cases.prepare()
        try:
            return instance.run_cases(SCRIPT, [
                ("how it ends", cases.ends),
                ("once, of what is over", cases.once_of_what_is_over),
                ("what changes", cases.changes),
                ("what changes, as JSON", cases.changes_as_json),
                ("how much is printed", cases.pace),
                ("a script", cases.script),
                ("last words", cases.last_words),
                ("personal panes", cases.personal),
                ("hostile texts", cases.hostile),
                ("panes are moved", cases.moved),
                ("a form", cases.form),
                ("a form that lies", cases.form_hostile),
                ("what is selected", cases.selected),
                ("looks and places", cases.looks_and_places),
                ("what is asked", cases.questions),
                ("a flood while something is asked", cases.flooded),
                ("consent", cases.consent),
                ("a pane is opened again", cases.opened_again),
                ("a service that dies comes back", cases.again),
                ("a composer called by hand", cases.by_hand),
                ("no history", cases.history)])
        finally:
            cases.leave()


if __name__ == "__main__":
    sys.exit(main())
