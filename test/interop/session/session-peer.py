#!/usr/bin/env python3
"""session-peer: builds the client in a language that Debian alone doesn't have, and runs it
against an instance by session-run.py.

usage: session-peer.py rust|python
       session-peer.py python PANEL     as a host that lends a surface to that service (test/e2e/offer.py)
       session-peer.py python --connector CLIENT     a server behind a connector (test/e2e/connector.py)

What is built goes to the build folder, the sources stay as they are: the packages come from the
language's own registry, so this belongs to `make test-peers`. CAPOS_BUILDDIR names the build
folder.
"""
import contextlib
import fcntl
import os
import shlex
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("CAPOS_BUILDDIR") or os.path.join(TOP, "build")
SCHEMA = os.path.join(TOP, "schema")


def run(*command, **options):
    """Runs a command of the build; its output is seen only when it fails."""
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       check=False, **options)
    if r.returncode != 0:
        sys.exit(f"{r.stdout}\nnot ok build - {' '.join(command)} ended with {r.returncode}")
    return r.stdout


@contextlib.contextmanager
def alone(language):
    """One test at a time builds what several need."""
    os.makedirs(os.path.join(BUILD, "peers"), exist_ok=True)
    with open(os.path.join(BUILD, "peers", language + ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def folder(language):
    """An empty place for what this language writes, with a copy of the sources."""
    to = os.path.join(BUILD, "peers", language)
    os.makedirs(to, exist_ok=True)
    shutil.copytree(os.path.join(HERE, "client-" + language.replace("python", "py")), to,
                    dirs_exist_ok=True)
    return to


def build_rust():
    to = folder("rust")
    run("cargo", "build", "--quiet", "--locked", "--jobs", "1", cwd=to)
    return [os.path.join(to, "target", "debug", "session-client")]


def build_python():
    to = folder("python")
    python = os.path.join(to, "venv", "bin", "python")
    if not os.path.exists(python):
        run(sys.executable, "-m", "venv", os.path.join(to, "venv"))
    run(python, "-m", "pip", "install", "--quiet", "-r", os.path.join(to, "requirements.txt"))
    return [python, os.path.join(to, "session-client.py")]


def connector(language, client, foreign_client):
    """A server in this language; as one program, which the manifest can start."""
    server = os.path.join(BUILD, "peers", language, "calculator-server")
    schema = os.path.join(os.path.dirname(HERE), "connector", "calculator.capnp")
    with open(server, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + shlex.join(["exec", "env", f"CALCULATOR_SCHEMA={schema}", client[0],
                                            os.path.join(os.path.dirname(client[1]), "calculator-server.py")]) +
                ' "$@"\n')
    os.chmod(server, 0o755)
    return subprocess.run([sys.executable, os.path.join(TOP, "test", "e2e", "connector.py"), foreign_client, server,
                           "connector-" + language], check=False).returncode


def main(argv):
    build = {"rust": build_rust, "python": build_python}.get(argv[0] if argv else "")
    if build is None:
        print(__doc__, file=sys.stderr)
        return 2
    os.environ["SESSION_SCHEMA"] = SCHEMA
    os.environ["PATH"] += os.pathsep + os.path.expanduser("~/.cargo/bin")
    with alone(argv[0]):
        client = build()
    if argv[1:2] == ["--connector"]:
        return connector(argv[0], client, argv[2])
    if len(argv) > 1:
        os.environ["PANEL_SCHEMA"] = os.path.join(TOP, "test", "ui", "panel.capnp")
        return subprocess.run([sys.executable, os.path.join(TOP, "test", "e2e", "offer.py"), "--proof",
                               "session-panel-" + argv[0], argv[1], client[0],
                               os.path.join(os.path.dirname(client[1]), "panel-host.py")], check=False).returncode
    return subprocess.run([sys.executable, os.path.join(HERE, "session-run.py"), "--name",
                           "session-" + argv[0]] + client, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
