#!/usr/bin/env python3
"""kv-peer: builds the kv of example/service in a language that Debian alone doesn't have, and plays it
behind a connector by test/e2e/kv.py.

usage: kv-peer.py rust|go|python CLIENT

It is built in the build folder by what the lock file beside its source pins, in the way of grid-run.py
and with what that has built. The sources stay as they are.
"""
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
_spec = importlib.util.spec_from_file_location("grid_run", os.path.join(HERE, "grid-run.py"))
grid = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)
BUILD = os.path.abspath(os.environ.get("CAPOS_BUILDDIR") or os.path.join(grid.TOP, "build"))
SOURCES = os.path.join(grid.TOP, "example", "service")
SCHEMA = os.path.join(SOURCES, "kv", "kv.capnp")


def folder(language):
    to = os.path.join(BUILD, "peers", "kv-" + language)
    shutil.copytree(os.path.join(SOURCES, "kv-" + language), to, dirs_exist_ok=True)
    return to


def rust():
    target = os.path.join(BUILD, "peers", "grid-rust", "target")
    env = dict(os.environ, KV_SCHEMA_DIR=os.path.dirname(SCHEMA), CARGO_TARGET_DIR=target)
    grid.run("cargo", "build", "--quiet", "--locked", "--jobs", "2", cwd=folder("rust"), env=env)
    return [os.path.join(target, "debug", "kv")]


def go():
    at = folder("go")
    grid.go_generate(at, SCHEMA, "schema", "kv/schema")
    grid.run("go", "build", "-o", "kv", ".", cwd=at, env=grid.go_env(at))
    return [os.path.join(at, "kv")]


def python():
    at = folder("python")
    os.environ["KV_SCHEMA"] = SCHEMA
    return [grid.python_with(at), os.path.join(at, "kv-server.py")]


def main(language, client):
    os.environ["PATH"] += ":" + os.path.expanduser("~/.cargo/bin") + ":/usr/local/go/bin"
    os.makedirs(os.path.join(BUILD, "peers"), exist_ok=True)
    with open(os.path.join(BUILD, "peers", "grid.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = {"rust": rust, "go": go, "python": python}[language]()
    return subprocess.run([sys.executable, os.path.join(grid.TOP, "test", "e2e", "kv.py"), "kv-" + language, client,
                           *command], check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
