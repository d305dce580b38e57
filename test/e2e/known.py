#!/usr/bin/env python3
"""known: whom clients take for a running instance, as people and scripts meet it.

Why: the file of known instances is what stands between a client and whoever answers at an address.
Here the instance is real and so is the command: on a terminal and without one, with a key that
changes, a certificate of an authority, and a file that is damaged, closed, or not the user's.

usage: known.py
"""
import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time

import certlib
import heard
import identity
import instance
import sessionlib as s
from identity import expect, holds
from sessionlib import Failed

SCRIPT = "e2e-known"
OTHER = "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
QUESTION = b"[yes/no]"
ALL = re.compile(r"tls (\S+) (\d+) sha256:\S+\n(?s:.*)tls (\S+) (\d+) sha256:\S+\n")
REFUSED = 4


class Served(identity.TlsInstance):
    """An instance that `capos up` has started, on 127.0.0.1 and ::1; its user has his own home."""

    def __init__(self):
        super().__init__()
        self.home = os.path.join(self.folder.name, "operator")
        self.runtime = os.path.join(self.home, "run")
        os.makedirs(self.runtime, 0o700)
        self.env = {**os.environ, "HOME": self.home, "XDG_CONFIG_HOME": "",
                    "XDG_RUNTIME_DIR": self.runtime}
        self.program = [self.command, "up"]
        self.arguments += ["--listen", "tls:[::1]:0"]
        self.six = None

    def endpoint(self):
        found = self.hear(ALL)
        places = dict((found.group(i), found.group(i + 1)) for i in (1, 3))
        self.six = f"[::1]:{places.get('::1') or places['[::1]']}"
        return f"127.0.0.1:{places['127.0.0.1']}"

    def key(self):
        return json.loads(self.capos("cert", "show", "--json")[0])["fingerprint"]

    def own_lines(self):
        with open(f"{self.home}/.config/capos/known-instances", encoding="ascii") as f:
            return [line.split(" ")[:2] for line in f]


class Client:
    """Somebody who knows nobody yet."""

    def __init__(self, run, name):
        self.run = run
        self.home = os.path.join(run.folder.name, name)
        self.folder = f"{self.home}/.config/capos"
        self.file = f"{self.folder}/known-instances"
        os.makedirs(f"{self.home}/run", 0o700)
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": self.home,
                    "XDG_RUNTIME_DIR": f"{self.home}/run"}
        self.env.update((k, v) for k, v in os.environ.items() if k.endswith("SAN_OPTIONS"))

    def do(self, *words, code=0, stdin="", **how):
        """Without a terminal; standard output and standard error."""
        done = subprocess.run([self.run.command, *words], input=stdin, env=self.env, text=True,
                              capture_output=True, timeout=120, check=False,
                              start_new_session=True, **how)
        if done.returncode != code:
            raise Failed(f"{words}: {done.returncode}, not {code}: {done.stdout} {done.stderr}")
        return done.stdout + done.stderr

    def methods(self, where=None, code=0, more=(), **how):
        return self.do("methods", where or f"tls:{self.run.address}", *more, code=code, **how)

    def write(self, text):
        os.makedirs(self.folder, exist_ok=True)
        with open(self.file, "w", encoding="ascii") as f:
            f.write(text)

    def text(self):
        if not os.path.exists(self.file):
            return ""
        with open(self.file, encoding="ascii") as f:
            return f.read()

    def typed(self, keys, where=None):
        """On a terminal; keys None: no question may come. (exit code or -signal, what it showed)."""
        pid, fd = pty.fork()
        if not pid:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs this in the background ignores it
            os.execve(self.run.command,
                      [self.run.command, "methods", where or f"tls:{self.run.address}"], self.env)
        shown, end, told = b"", time.monotonic() + heard.DEADLINE_S, False
        try:
            while time.monotonic() < end:
                if not select.select([fd], [], [], 0.2)[0]:
                    continue
                try:
                    part = os.read(fd, 4096)
                except OSError:
                    break
                if not part:
                    break
                shown += part
                if QUESTION in shown and not told:
                    told = True
                    os.write(fd, keys if keys is not None else b"no\n")
            else:
                raise Failed(f"it does not end: {shown!r}")
        finally:
            os.close(fd)
            status = os.waitpid(pid, 0)[1]
        expect(told, keys is not None, f"a question in {shown!r}")
        return os.waitstatus_to_exitcode(status), shown.decode()


class Cases:
    def __init__(self, run):
        self.run, self.n = run, 0

    def client(self):
        self.n += 1
        return Client(self.run, f"client{self.n}")

    # ---- first use

    def a_script_is_refused_and_told(self):
        c = self.client()
        said = c.methods(code=REFUSED)
        for word in (self.run.key(), "cert show", "--expect"):
            holds(said, word, "what a script is told")
        expect(c.text(), "", "the file")
        c.methods(more=("--expect", self.run.key()))
        c.methods(code=REFUSED, more=("--expect", OTHER))
        c.methods(f"capos://{self.run.address}/#{self.run.key()}")
        expect(c.text(), "", "the file")

    def a_person_is_asked(self):
        key = self.run.key()
        for keys, good in ((b"no\n", False), (b"y\n", False), (b"\n", False), (b"\x04", False),
                           (b"yes\x04\x04", False), (b"yes\x7f\x7f\n", False),
                           (OTHER.encode() + b"\n", False), (key.encode()[:-1] + b"\n", False),
                           (b"yes " * 40 + b"\n", False), (b"yes\n", True),
                           (key.encode() + b"\n", True)):
            c = self.client()
            code, shown = c.typed(keys)
            expect(code, 0 if good else REFUSED, f"{keys!r}: {shown}")
            holds(shown[:shown.index(QUESTION.decode())], key, "the question")
            holds(shown, self.run.address, "the question")
            expect(f"{self.run.address} {key}" in c.text(), good, f"{keys!r} is kept")
            if good:
                expect(c.typed(None)[0], 0, "the second time")
                c.methods()

    def interrupted(self):
        c = self.client()
        code, shown = c.typed(b"\x03")
        if code == 0 or c.text():
            raise Failed(f"interrupted: {code} {c.text()} {shown}")
        c.methods(code=REFUSED)

    # ---- keys that change

    def a_changed_key(self):
        c, key = self.client(), self.run.key()
        c.write(f"# people may edit it\n{self.run.address} {OTHER} since 2026-01-01 a note\n")
        before = c.text()
        for said in (c.methods(code=REFUSED), c.typed(None)[1]):
            said = re.sub(r"\s+", " ", said)
            for word in (key, OTHER, f"{c.file}, line 2", f"capos known remove {self.run.address}"):
                holds(said, word, "the refusal")
        expect(c.typed(None)[0], REFUSED, "exit code on a terminal")
        expect(c.text(), before, "the file")
        c.do("known", "remove", self.run.address)
        holds(c.methods(code=REFUSED), "--expect", "a place without a line")

    def renewed_and_rotated(self):
        """The same key is no event; another one is, but for who has entered it beforehand."""
        c, early, key = self.client(), self.client(), self.run.key()
        for who in (c, early):
            who.do("known", "add", self.run.address, key)
        self.run.capos("cert", "renew")
        c.methods()
        self.run.capos("cert", "renew", "--new-key")
        holds(c.methods(code=REFUSED), self.run.key(), "the refusal")
        early.do("known", "add", self.run.address, self.run.key())
        early.methods()
        expect(len(early.text().splitlines()), 2, "lines while the key changes")

    # ---- places

    def places_are_apart(self):
        """Ports are; a name's capitals are not, nor this machine's names where port and key are one."""
        c, key = self.client(), self.run.key()
        c.do("known", "add", self.run.six, key)
        c.methods(f"tls:{self.run.six}")
        c.methods(code=REFUSED)
        port = self.run.address.rsplit(":", 1)[1]
        c.do("known", "add", f"LocalHost:{port}", key)
        c.methods(f"tls:localhost:{port}")
        c.methods(f"tls:LOCALHOST:{port}")
        c.methods()
        c.write(f"localhost:{port} sha256:{'A' * 43}\n")
        c.methods(code=REFUSED)
        c.write(f"127.0.0.1:1 {key}\n")
        c.methods(code=REFUSED)

    # ---- the file

    def lines_and_files_that_are_not_read(self):
        c, key = self.client(), self.run.key()
        good = f"{self.run.address} {key}\n"
        c.write(good + "garbage\n")
        holds(c.methods(code=REFUSED), f"{c.file}, line 2", "the refusal")
        c.methods(more=("--expect", key))
        c.write(good)
        os.chmod(c.file, 0o666)
        c.methods(code=REFUSED)
        os.chmod(c.file, 0o400)
        c.methods()
        for make, end in ((os.mkdir, os.rmdir), (os.mkfifo, os.unlink)):
            os.unlink(c.file)
            make(c.file)
            c.methods(code=REFUSED)
            end(c.file)
            c.write(good)
        c.methods()

    def a_link_stays_one(self):
        c, key = self.client(), self.run.key()
        real = f"{c.home}/elsewhere"
        with open(real, "w", encoding="ascii") as f:
            f.write("# here\n")
        os.makedirs(c.folder)
        os.symlink(real, c.file)
        expect(c.typed(b"yes\n")[0], 0, "exit code")
        expect((os.path.islink(c.file), c.text().count(key)), (True, 1), "the link")
        c.methods()

    def what_cannot_be_written(self):
        """No answer is kept there, so none is taken; the script that knows is not in need of it."""
        c, key = self.client(), self.run.key()
        os.makedirs(f"{c.home}/.config")
        with open(f"{c.home}/.config/capos", "w", encoding="ascii"):
            pass
        code, shown = c.typed(b"yes\n")
        if code == 0:
            raise Failed(f"it goes on without having kept the key: {shown}")
        c.methods(more=("--expect", key))

    def of_somebody_else(self):
        c, key = self.client(), self.run.key()
        c.write(f"{self.run.address} {key}\n")
        c.methods()
        os.chown(c.file, 65534, 65534)
        c.methods(code=REFUSED)
        c.methods(more=("--expect", key))

    def under_sudo(self):
        """HOME is another user's: nothing of it is believed, and nothing left in it."""
        c = self.client()
        c.write(f"{self.run.address} {self.run.key()}\n")
        for top, folders, files in os.walk(c.home):
            for name in [".", *folders, *files]:
                os.chown(os.path.join(top, name), 65534, 65534)
        c.env["SUDO_USER"] = "nobody"
        said = json.loads(c.do("known", "list", "--json"))
        if [k for k in said["known"] if k["place"] == self.run.address]:
            raise Failed(f"another user's file is believed: {said}")
        c.methods(code=REFUSED)
        for top, folders, files in os.walk(c.home):
            for name in folders + files:
                expect(os.stat(os.path.join(top, name)).st_uid, 65534, f"owner of {name}")

    def two_at_once(self):
        c = self.client()
        run = self.run.command
        writers = [subprocess.Popen(["sh", "-c", 'for i in $(seq 1 20); do "$1" known add $2:$i $3 '
                                     ">/dev/null || exit 1; done", "sh", run, name, OTHER],
                                    env=c.env) for name in ("one", "two")]
        answers = c.typed(b"yes\n")
        expect([w.wait(120) for w in writers], [0, 0], "writers")
        expect(answers[0], 0, answers[1])
        expect(len(c.text().splitlines()), 41, "lines")
        c.methods()

    # ---- an authority

    def an_authority_decides_alone(self):
        folder = os.path.join(self.run.folder.name, "authorities")
        os.mkdir(folder)
        ours, theirs = (certlib.Authority(folder, n) for n in ("ours", "theirs"))
        for a in (ours, theirs):
            with open(a.config, encoding="ascii") as f:
                config = f.read().replace("clientAuth", "serverAuth")
            with open(a.config, "w", encoding="ascii") as f:
                f.write(config)
        port = self.run.address.rsplit(":", 1)[1]
        at, c = f"capos://localhost:{port}/?ca=", self.client()
        for cert, code in ((ours.issue("a", "DNS:localhost"), 0),
                           (ours.issue("b", "DNS:example.org"), REFUSED),
                           (ours.issue("c", "DNS:localhost", "20200101000000Z", "20200201000000Z"),
                            REFUSED), (ours.issue("d", "DNS:localhost"), 0)):
            self.run.capos("cert", "import", *cert)
            c.methods(at + ours.pem, code=code)
            c.methods(at + theirs.pem, code=REFUSED)
            c.methods(at + "system", code=REFUSED)
            # A line of the file makes nothing good, and a certificate does not make a line good.
            c.write(f"localhost:{port} {self.run.key()}\n")
            c.methods(at + theirs.pem, code=REFUSED)
            c.methods(f"tls:localhost:{port}")
            c.write(f"localhost:{port} {OTHER}\n")
            c.methods(at + ours.pem, code=code)
            c.methods(f"tls:localhost:{port}", code=REFUSED)
        c.methods(f"capos://127.0.0.1:{port}/?ca={ours.pem}", code=REFUSED)

    # ---- sessions

    def a_session_goes_on(self):
        """The agent has its connection; the file is for those who connect."""
        c, key = self.client(), self.run.key()
        c.do("known", "add", self.run.address, key)
        login = ("login", f"{instance.USER}@tls:{self.run.address}", "--password-stdin")
        c.do(*login, stdin=instance.SECRET)
        try:
            c.write(f"{self.run.address} {OTHER}\n")
            who = json.loads(c.do("whoami", "--json"))
            expect((who["instance"], who["key"]), (f"tls:{self.run.address}", key), "whoami")
            holds(c.do("whoami"), key, "whoami")
            c.do("renew", "--password-stdin", stdin=instance.SECRET)
            c.do(*login, "--as", "second", stdin=instance.SECRET, code=REFUSED)
        finally:
            c.do("logout")

    def ssh_has_its_own_file(self):
        """Through ssh it is ssh that knows whom to believe. Here a script stands in for it."""
        c = self.client()
        port = self.run.address.rsplit(":", 1)[1]
        c.write(f"there:{port} {OTHER}\nlocalhost:{port} {OTHER}\n")
        with open(f"{c.home}/ssh", "w", encoding="utf-8") as f:
            f.write('#!/bin/sh\nfor word; do last=$word; done\n'
                    f"export XDG_RUNTIME_DIR='{self.run.runtime}' "
                    f"PATH='{os.path.dirname(self.run.command)}':\"$PATH\"\n"
                    'exec sh -c "$last"\n')
        os.chmod(f"{c.home}/ssh", 0o700)
        c.env["CAPOS_SSH"] = f"{c.home}/ssh"
        c.do("login", f"{instance.USER}@there:{port}", "--via", "ssh", "--password-stdin",
             stdin=instance.SECRET)
        try:
            who = json.loads(c.do("whoami", "--json"))
            expect((who["account"], who["key"]), (instance.USER, ""), "whoami")
        finally:
            c.do("logout")

    def the_operator_is_not_asked(self):
        """By what `capos up` has written; lines of earlier ports and keys are gone."""
        operator = Client(self.run, "none")
        operator.env["HOME"] = self.run.home
        for where in (self.run.address, self.run.six):
            operator.methods(f"tls:{where}")
        expect(sorted(self.run.own_lines()),
               sorted([w, self.run.key()] for w in (self.run.address, self.run.six)), "lines")


def ports_do_not_pile_up():
    run = Served()
    with run:
        if "earlier starts" in run.log_text():
            raise Failed("a new instance says that it goes on")
        for _ in range(2):
            before = run.address
            run.stop()
            run.user = False
            run.start()
            holds(run.log_text(), "state of earlier starts: 1 account", "the log")
            expect(sorted(run.own_lines()),
                   sorted([w, run.key()] for w in (run.address, run.six)), f"lines after {before}")


def has_six():
    with contextlib.suppress(OSError):
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    return False


def main():
    if not has_six():
        print("skipped: no ::1")
        return 77
    try:
        with Served() as run:
            cases = Cases(run)
            names = ("a_script_is_refused_and_told", "a_person_is_asked", "interrupted",
                     "a_changed_key", "renewed_and_rotated", "places_are_apart",
                     "lines_and_files_that_are_not_read", "a_link_stays_one",
                     "what_cannot_be_written", "two_at_once", "an_authority_decides_alone",
                     "a_session_goes_on", "ssh_has_its_own_file", "the_operator_is_not_asked")
            table = [(n.replace("_", " "), getattr(cases, n)) for n in names]
            table += [(n.replace("_", " "), instance.needs_root(getattr(cases, n)))
                      for n in ("of_somebody_else", "under_sudo")]
            table += [("ports do not pile up", ports_do_not_pile_up)]
            return instance.run_cases(SCRIPT, table)
    except (Failed, s.Closed, s.Refused, OSError) as e:
        print(f"not ok instance - {type(e).__name__} {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
