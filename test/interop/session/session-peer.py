#!/usr/bin/env python3
"""session-peer: builds the client in a language that Debian alone doesn't have, and runs it
against an instance by session-run.py.

usage: session-peer.py rust|python|go

What is built goes to the build folder, the sources stay as they are: the packages come from the
language's own registry, so this belongs to `make test-peers`. CAPOS_BUILDDIR names the build
folder.
"""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("CAPOS_BUILDDIR") or os.path.join(TOP, "build")
SCHEMA = os.path.join(TOP, "schema")
PYCAPNP = "pycapnp>=2,<3"
GO_PLUGIN = "capnproto.org/go/capnp/v3/capnpc-go"


def run(*command, **options):
    """Runs a command of the build; its output is seen only when it fails."""
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       check=False, **options)
    if r.returncode != 0:
        sys.exit(f"{r.stdout}\nnot ok build - {' '.join(command)} ended with {r.returncode}")
    return r.stdout


def folder(language):
    """An empty place for what this language writes, with a copy of the sources."""
    to = os.path.join(BUILD, "peers", language)
    os.makedirs(to, exist_ok=True)
    shutil.copytree(os.path.join(HERE, "client-" + language.replace("python", "py")), to,
                    dirs_exist_ok=True)
    return to


def build_rust():
    to = folder("rust")
    run("cargo", "build", "--quiet", "--jobs", "1", cwd=to)
    return [os.path.join(to, "target", "debug", "session-client")]


def build_python():
    to = folder("python")
    python = os.path.join(to, "venv", "bin", "python")
    if not os.path.exists(python):
        run(sys.executable, "-m", "venv", os.path.join(to, "venv"))
    if subprocess.run([python, "-c", "import capnp"], capture_output=True, check=False).returncode:
        run(python, "-m", "pip", "install", "--quiet", PYCAPNP)
    return [python, os.path.join(to, "session-client.py")]


def build_go():
    """Go needs two annotations in each file, so its schema is a copy that has them."""
    to = folder("go")
    env = dict(os.environ, GOBIN=os.path.join(to, "bin"), GOFLAGS="-p=1")
    run("go", "mod", "tidy", cwd=to, env=env)
    module = run("go", "list", "-m", "-f", "{{.Dir}}", "capnproto.org/go/capnp/v3", cwd=to,
                 env=env).strip()
    run("go", "install", GO_PLUGIN, cwd=to, env=env)
    for name in ("user_session", "remote_session", "chat", "system_info"):
        short = name.replace("_", "")
        with open(os.path.join(SCHEMA, name + ".capnp"), encoding="utf-8") as f:
            text = f.read()
        extra = (f'\nusing Go = import "/go.capnp";\n$Go.package("{short}");\n'
                 f'$Go.import("session-client/{short}");\n')
        os.makedirs(os.path.join(to, short), exist_ok=True)
        with open(os.path.join(to, name + ".capnp"), "w", encoding="utf-8") as f:
            f.write(text + extra)
    for name in ("user_session", "remote_session", "chat", "system_info"):
        short = name.replace("_", "")
        run("capnp", "compile", "-I", os.path.join(module, "std"), "--src-prefix", to,
            "-o", f"{os.path.join(to, 'bin', 'capnpc-go')}:{os.path.join(to, short)}",
            os.path.join(to, name + ".capnp"), cwd=to)
    run("go", "build", "-o", "session-client", ".", cwd=to, env=env)
    return [os.path.join(to, "session-client")]


def main(argv):
    build = {"rust": build_rust, "python": build_python, "go": build_go}.get(argv[0] if argv else "")
    if build is None:
        print(__doc__, file=sys.stderr)
        return 2
    os.environ["SESSION_SCHEMA"] = SCHEMA
    os.environ["PATH"] += os.pathsep + os.pathsep.join(
        (os.path.expanduser("~/.cargo/bin"), "/usr/local/go/bin"))
    client = build()
    return subprocess.run([sys.executable, os.path.join(HERE, "session-run.py"), "--name",
                           "session-" + argv[0]] + client, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
