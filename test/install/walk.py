#!/usr/bin/env python3
"""walk: a new author's first service, by typing what doc/service-authors.md says and nothing else (R45).

Why: a document that nobody follows is out of date by the next change. What is typed here is taken from it:
the blocks that are marked walk-, run- and call- for a language, in an empty home, with a product that was
installed in an empty folder. Where a mount is allowed that folder is in the place of its prefix, so that
paths, libraries and pkg-config are those that anybody has.

usage: walk.py c|python BUILD SOURCE
"""
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile


def block(text, name):
    found = re.findall(rf"^```sh {name}\n(.*?)^```$", text, re.M | re.S)
    if len(found) != 1:
        sys.exit(f"walk: the document has {len(found)} blocks {name}")
    return found[0]


def prefix_of(build):
    options = json.loads(subprocess.run(["meson", "introspect", build, "--buildoptions"], stdout=subprocess.PIPE,
                                        check=True).stdout)
    return next(o["value"] for o in options if o["name"] == "prefix")


def install(build, top):
    """One test at a time installs, and the log of somebody's real installation stays."""
    log = os.path.join(build, "meson-logs", "install-log.txt")
    with open(os.path.join(build, "meson-logs", "install.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(log):
            shutil.copy2(log, top + "/log")
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild"], env=os.environ | {"DESTDIR": top + "/root"},
                       stdout=subprocess.DEVNULL, check=True)
        if os.path.exists(top + "/log"):
            shutil.copy2(top + "/log", log)


class Author:
    """Somebody with a shell, a home and what is installed."""

    def __init__(self, top, root, prefix):
        at = root + prefix
        lib = os.path.dirname(os.path.dirname(next(os.path.join(d, f) for d, _, files in os.walk(at) for f in files
                                                   if f == "capos-kit.pc")))
        self.env = {"HOME": f"{top}/home", "XDG_RUNTIME_DIR": f"{top}/run", "LANG": "C.UTF-8"}
        for path in (self.env["HOME"], self.env["XDG_RUNTIME_DIR"]):
            os.mkdir(path, 0o700)
        mounts = subprocess.run(["unshare", "-rm", "mount", "--bind", at, prefix], stderr=subprocess.DEVNULL,
                                check=False).returncode == 0
        self.shell = ["bash", "-euxc"]
        if mounts:
            self.shell = ["unshare", "-rm", "bash", "-euc",
                          f'mount --bind {at} {prefix}; cd "$PWD"; exec bash -euxc "$1"', "walk"]
            lib = prefix + lib.removeprefix(at)
            at = prefix
        else:
            self.env |= {"PKG_CONFIG_PATH": lib + "/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": root}
        self.env |= {"PATH": f"{at}/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": lib}

    def begin(self, commands, where, said):
        return subprocess.Popen([*self.shell, commands], cwd=where, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=said, stderr=subprocess.STDOUT, start_new_session=True)

    def types(self, commands, where):
        """What it printed. A file takes it, because an agent of a login may keep what it was given."""
        with tempfile.TemporaryFile("w+") as said:
            code = self.begin(commands, where, said).wait(500)
            said.seek(0)
            text = said.read()
        if code:
            sys.exit(f"walk: it ended with {code}:\n{commands}\n{text}")
        return text


@contextlib.contextmanager
def instance(author, commands, where):
    """In another terminal, until Ctrl-C."""
    with subprocess.Popen([*author.shell, commands], cwd=where, env=author.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        try:
            for line in run.stdout:
                if line.startswith("remote CapSet: "):
                    break
            else:
                sys.exit("walk: the instance does not start")
            yield
        finally:
            os.killpg(run.pid, signal.SIGINT)


def main(language, build, source):
    with open(os.path.join(source, "doc", "service-authors.md"), encoding="utf-8") as f:
        text = f.read()
    walk, run, call = (block(text, f"{what}-{language}") for what in ("walk", "run", "call"))
    with tempfile.TemporaryDirectory(prefix="capos-walk-") as top:
        install(build, top)
        author = Author(top, top + "/root", prefix_of(build))
        said = author.types(walk, author.env["HOME"])
        if "hello.manifest is good" not in said:
            sys.exit(f"walk: the check says {said}")
        folder = os.path.join(author.env["HOME"], "hello")
        with instance(author, run, folder):
            said = author.types(call, folder)
        for wanted in ("Greets somebody", "Good day, Ada."):
            if wanted not in said:
                sys.exit(f"walk: {wanted!r} is not among {said}")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3])
