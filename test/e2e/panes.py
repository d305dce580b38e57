#!/usr/bin/env python3
"""panes: `capos ui` at an instance, with a service that composes by the kit (test/ui/panel.c): as text, as JSON, on and
on, on a terminal, and refused.

usage: panes.py PANEL GUIDE
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import heard
import instance
import sessionlib as s
from sessionlib import Failed

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from talk import Terminal  # noqa: E402

SCRIPT = "e2e-panes"
PANEL = s.type_id("panel", "Panel", root="test/ui")
GUIDE = s.type_id("guide", "Guide", root="example/ui")
WAIT_S = 120


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Cases:
    def __init__(self, panel, guide):
        grants = ["session", "system_info", "panel", "guide"]
        may = instance.profile("may", grants)
        for name in ("panel", "guide"):
            may = may.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
        self.target = instance.Instance(instance.manifest(
            services=[instance.service("panel", os.path.abspath(panel), PANEL),
                      instance.service("guide", os.path.abspath(guide), GUIDE)],
            profiles=[may, instance.profile("not", grants)]))

    def prepare(self):
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        home = os.path.join(self.target.folder.name, "home")
        os.mkdir(home, 0o700)
        self.env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, "LC_ALL": "C.UTF-8"}
        for name in ("may", "not"):
            self.target.add_user(name, [name])
            self.run("login", f"{name}@{self.target.where}", "--as", name, "--password-stdin",
                     said=instance.SECRET + "\n")

    def run(self, *words, code=0, said=""):
        done = subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=WAIT_S, env=self.env,
                              input=said, check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def as_text(self):
        out = self.run("ui", "panel", "-s", "may", "--once").stdout
        if not re.fullmatch(r"\[1\] panel: Workshop \(counters\)\n  +Paperclips +1\n", out):
            raise Failed(f"the pane is {out!r}")

    def as_json(self):
        said = self.run("ui", "panel", "-s", "may", "--once", "--json").stdout
        rows = [json.loads(line) for line in said.splitlines()]
        expect([(r["event"], r["pane"], r["service"], r["title"], r["kind"], r["class"]) for r in rows],
               [("pane", 1, "panel", "Workshop", "counters", "ordinary")], "the panes")
        expect(rows[0]["model"]["counters"]["counters"][0]["value"], 1, "the model")

    def refused(self):
        for words, code, says in ((("panel", "-s", "not"), 3, "denied.ui"),
                                  (("system_info", "-s", "may"), 3, "denied.ui"),
                                  (("nothing", "-s", "may"), 3, "no such capability"),
                                  (("panel", "-s", "may", "--once", "--follow"), 2, "--once or --follow?")):
            done = self.run("ui", *words, code=code)
            if says not in done.stderr:
                raise Failed(f"{words}: {done}")

    def on_and_on(self):
        """What changes is printed when it does, until the service has finished."""
        with heard.Program([self.capos, "ui", "panel", "-s", "may", "--follow", "--json"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True, env=self.env) as p:
            first = json.loads(heard.line(p.stdout))
            expect((first["event"], first["revision"]), ("pane", 0), "the pane, when it is opened")
            expect(json.loads(heard.line(p.stdout))["event"], "changed", "its first model")
            self.run("call", "panel", "attempt", "act=patch", "count=1", "-s", "may")
            row = json.loads(heard.line(p.stdout))
            expect((row["event"], row["revision"]), ("changed", 2), "a change")
            self.run("call", "panel", "finish", "-s", "may")
            expect([json.loads(line)["event"] for line in p.stdout], ["closed", "ended"], "the end")
            expect(p.wait(WAIT_S), 0, "its exit code")

    def on_a_terminal(self):
        """What is typed is done; and what is lent is back when it is left."""
        class Rig:
            capos, env = self.capos, {k: v for k, v in self.env.items() if k != "TERM"}
        t = Terminal(Rig, "ui", "panel", "-s", "may")
        t.until("[1] panel: Workshop")
        t.until("ui> ")
        for typed, shown in (("/pin 1", "(counters, pinned)"), ("/unpin 1", "Workshop (counters)"), ("1", "Paperclips"),
                             ("/close 7", "which pane?"), ("/nothing", "there is no such thing"),
                             ("make", "no pane has such a command"), ("'", "a quote has no end"),
                             ("/help", "take everything back"), ("/close 1", "closed, by you")):
            t.shown = b""
            t.type(typed + "\n")
            t.until(shown)
        t.type("/quit\n")
        expect(t.end(), 0, "its exit code")
        instance.until(lambda: self.open_ones() == 0, "the end of the composition")

    def stays_within(self):
        """No line of a service's begins where ours do, or is longer than the page."""
        done = subprocess.run([self.capos, "ui", "guide", "-s", "may", "--once"], capture_output=True, text=True,
                              timeout=WAIT_S, env={**self.env, "COLUMNS": "30"}, check=True, stdin=subprocess.DEVNULL)
        lines = done.stdout.splitlines()
        expect((lines[0], lines[1]), ("[1] guide: First steps", "  (progress)"), "the title")
        for line in lines[1:]:
            if len(line) > 30 or not line.startswith("  "):
                raise Failed(f"a line {line!r} of {lines}")

    def guided(self):
        """The example of doc/ui.md, from its first step to its last."""
        class Rig:
            capos, env = self.capos, {k: v for k, v in self.env.items() if k != "TERM"}
        once = self.run("ui", "guide", "-s", "may", "--once").stdout
        if "[1] guide: First steps (progress)" not in once or "Look around" not in once or "> next" not in once:
            raise Failed(f"the first step is {once!r}")
        t = Terminal(Rig, "ui", "guide", "-s", "may")
        t.until("Easier to read")
        for typed, shown in ((f"next {'x' * 256}=1", "at most 255 bytes"), ("next", "shows its methods"),
                             ("1 next", "is a first one"), ("easy", "more contrast, fewer controls"),
                             ("next", "all of it is gone"),
                             ("next", "guide has ended:")):
            t.until("ui> ")
            t.shown = b""
            t.type(typed + "\n")
            t.until(shown)
        expect(t.end(), 0, "its exit code")

    def by_the_page(self):
        """doc/ui.md's commands, as they stand there, make its service, start it and show it."""
        if "CAPOS_SANITIZED" in os.environ:
            raise instance.Skip("what is compiled here is linked with the libraries")
        with open(os.path.join(s.TOP, "doc", "ui.md"), encoding="utf-8") as f:
            blocks = re.findall(r"^```(\w*)\n(.*?)^```$", f.read(), re.M | re.S)
        schema, = [text for kind, text in blocks if kind == "capnp"]
        entry, = [text for kind, text in blocks if not kind]
        made, shown = [text for kind, text in blocks if kind == "sh"]
        build = instance.build_folder()
        with tempfile.TemporaryDirectory(prefix="capos-page-") as folder:
            env = {**os.environ, "HOME": folder, "XDG_RUNTIME_DIR": folder, "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH":
                   build, "PKG_CONFIG_PATH": os.path.join(build, "meson-uninstalled"), "PATH": ":".join(
                       os.path.join(build, x) for x in ("bin", "compiler")) + ":" + os.environ["PATH"]}
            shutil.copy(os.path.join(s.TOP, "example", "ui", "guide.c"), folder)
            with open(os.path.join(folder, "guide.capnp"), "w", encoding="utf-8") as f:
                f.write(schema)

            def shell(text, **more):
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=env, text=True,
                                      capture_output=True, timeout=WAIT_S, check=False, **more)
                if done.returncode:
                    raise Failed(f"{text}: {done}")
                return done.stdout

            printed = shell(made + "capnp compile -I$s -ocapnp guide.capnp\n")
            expect(re.search(r"interface Guide @(\w+)", printed)[1], hex(GUIDE), "the id that is printed")
            entry = entry.replace("/usr/local/libexec/guide", os.path.join(folder, "guide"))
            target = instance.Instance(f"({entry}, authentication = (password = true))")
            target.env = env
            with target:
                shell(f"capos login {instance.USER}@{target.where} --password-stdin", input=instance.SECRET + "\n")
                try:
                    rows = [json.loads(line) for line in shell(shown).splitlines() if line.startswith("{")]
                    expect([(r["service"], r["title"], r["kind"]) for r in rows],
                           [("guide", "First steps", "progress")], "what is shown")
                finally:
                    shell("capos logout --all")

    def the_page(self):
        """doc/ui.md shows no line that the example does not have, and is a page."""
        with open(os.path.join(s.TOP, "doc", "ui.md"), encoding="utf-8") as f:
            page = f.read()
        expect(page.count("\n") <= 80, True, "it has 80 lines at most")
        blocks = re.findall(r"^```c\n(.*?)^```$", page, re.M | re.S)
        expect(re.findall(r"interfaceId = (\w+)", page), [hex(GUIDE)], "the id")
        with open(os.path.join(s.TOP, "example", "ui", "guide.c"), encoding="utf-8") as f:
            source = f.read()
        for block in blocks:
            if block not in source:
                raise Failed(f"the example has no such lines: {block}")
        expect(len(blocks) >= 3, True, "there are blocks")

    def open_ones(self):
        return json.loads(self.run("call", "panel", "state", "-s", "may", "--json").stdout)["open"]

    def killed(self):
        """A service that dies ends it, and is told."""
        with heard.Program([self.capos, "ui", "panel", "-s", "may", "--follow"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.env) as p:
            heard.line(p.stdout)
            os.kill(self.target.pids("panel")[0], 9)
            said = p.stdout.read()
            expect(p.wait(WAIT_S), 1, "its exit code")
            if "closed, the service cannot be reached any more" not in said or "has ended" not in said:
                raise Failed(f"it says {said!r}")


def main():
    cases = Cases(*sys.argv[1:])
    with cases.target:
        cases.prepare()
        try:
            return instance.run_cases(SCRIPT, [
                ("as text", cases.as_text),
                ("as JSON", cases.as_json),
                ("what is refused", cases.refused),
                ("on and on", cases.on_and_on),
                ("lines that are too long", cases.stays_within),
                ("on a terminal", cases.on_a_terminal),
                ("a service that is killed", cases.killed),
                ("a guide", cases.guided),
                ("the page about it", cases.the_page),
                ("by the lines of the page", cases.by_the_page)])
        finally:
            cases.run("logout", "--all")


if __name__ == "__main__":
    sys.exit(main())
