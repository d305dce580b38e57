#!/usr/bin/env python3
"""grid-run: every implementation of Cap'n Proto RPC as a client of every other.

usage: grid-run.py [--markdown] [--only LANG[,LANG...]] BUILD

Ours (C), the reference's of Debian (C++), and Rust, Go, Python and TypeScript from their own
registries, in the versions that the lock files beside this pin. What is built goes to BUILD/peers.
Each client runs the 27 cases that grid.md names against each server of test/peers/conf.capnp, over
TCP.

A case that fails is a fault of ours unless grid-known.json names it, with its reason, as the
peer's; most of these fail in the same way with the reference on the other side. --markdown prints
the section of doc/conformance.md, else the last line is: N passed, N failed. With
CAPOS_TEST_COUNTS the two numbers are appended there.
"""
import argparse
import fcntl
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conf"))
from ports import free_port  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PEERS = os.path.join(TOP, "test", "peers")
LINE = re.compile(r"(ok|not ok|skip) (\S+)(?: - (.*))?")
GO_MODULE = "capnproto.org/go/capnp/v3"
CASES = re.findall(r"^- `([a-z0-9-]+)`", open(os.path.join(HERE, "grid.md"), encoding="utf-8").read(), re.M)
ORDER = ("C", "C++", "Rust", "Go", "Python", "TypeScript")


def run(*command, **options):
    """Runs a command of the build; its output is seen only when it fails."""
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       check=False, **options)
    if r.returncode:
        sys.exit(f"{r.stdout}\nnot ok build - {' '.join(command)} ended with {r.returncode}")
    return r.stdout


class Peer:
    """How one implementation serves and drives, and what it is."""

    def __init__(self, version, serve, drive, ours=False):
        self.version, self.serve, self.drive, self.ours = version, serve, drive, ours


# ---- building -------------------------------------------------------------------------------


def folder(build, name):
    """A place for what a language writes, with a copy of its sources."""
    to = os.path.join(build, "peers", "grid-" + name)
    shutil.copytree(os.path.join(HERE, name), to, dirs_exist_ok=True)
    return to


def build_rust(build):
    at = folder(build, "rust")
    run("cargo", "build", "--quiet", "--locked", "--jobs", "2", cwd=at)
    program = os.path.join(at, "target", "debug", "grid")
    return Peer("capnp-rpc 0.27.0", [program, "serve"], [program, "drive"])


def go_env(at):
    return dict(os.environ, GOFLAGS="-mod=readonly", GOBIN=os.path.join(at, "bin"),
                PATH=os.path.join(at, "bin") + ":" + os.environ["PATH"])


def go_generate(at, schema, package, path):
    """Go needs two annotations in each file; its own stream.capnp has them."""
    env = go_env(at)
    run("go", "mod", "download", cwd=at, env=env)
    run("go", "install", GO_MODULE + "/capnpc-go", cwd=at, env=env)
    std = os.path.join(run("go", "list", "-m", "-f", "{{.Dir}}", GO_MODULE, cwd=at, env=env).strip(), "std")
    with open(schema, encoding="utf-8") as f:
        id_line, rest = f.read().split("\n", 1)
    os.makedirs(os.path.join(at, package), exist_ok=True)
    copy = os.path.basename(schema)
    with open(os.path.join(at, copy), "w", encoding="utf-8") as f:
        f.write(f'{id_line}\nusing Go = import "/go.capnp";\n$Go.package("{package}");\n'
                f'$Go.import("{path}");\n{rest}')
    run("capnp", "compile", "--no-standard-import", "-I" + std, "-ogo:" + package, copy, cwd=at, env=env)


def build_go(build):
    at = folder(build, "go")
    go_generate(at, os.path.join(PEERS, "conf.capnp"), "conf", "grid/conf")
    run("go", "build", "-o", "grid", ".", cwd=at, env=go_env(at))
    program = os.path.join(at, "grid")
    return Peer("go-capnp v3.1.0-alpha.2", [program, "serve"], [program, "drive"])


def python_with(at):
    """A Python that has what requirements.txt names."""
    python = os.path.join(at, "venv", "bin", "python")
    if not os.path.exists(python):
        run(sys.executable, "-m", "venv", os.path.join(at, "venv"))
    run(python, "-m", "pip", "install", "--quiet", "-r", os.path.join(at, "requirements.txt"))
    return python


def build_python(build):
    at = folder(build, "python")
    program = [python_with(at), os.path.join(at, "grid.py")]
    return Peer("pycapnp 2.2.4", program + ["serve"], program + ["drive"])


def build_typescript(build):
    """Its generator has no `-> stream`: the schema is a copy in which those return nothing."""
    at = folder(build, "ts")
    run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=at)
    with open(os.path.join(PEERS, "conf.capnp"), encoding="utf-8") as f:
        text = f.read().replace("-> stream;", "-> ();")
    with open(os.path.join(at, "conf.capnp"), "w", encoding="utf-8") as f:
        f.write(text)
    run(os.path.join(at, "node_modules", ".bin", "capnp-es"), "conf.capnp", "-ojs", cwd=at)
    program = ["node", os.path.join(at, "grid.mjs")]
    return Peer("capnp-es 0.0.16", program + ["serve"], program + ["drive"])


def peers(build, wanted):
    every = {
        "C": lambda: Peer("this library", [f"{build}/test/conf-server"],
                          [f"{build}/test/conf-driver"], True),
        "C++": lambda: Peer("capnproto 0.9.2", [f"{build}/test/interop/conf-server-ref"],
                            [f"{build}/test/interop/conf-driver"], True),
        "Rust": lambda: build_rust(build),
        "Go": lambda: build_go(build),
        "Python": lambda: build_python(build),
        "TypeScript": lambda: build_typescript(build),
    }
    os.environ["GRID_SCHEMA"] = PEERS
    os.environ["PATH"] += ":" + os.path.expanduser("~/.cargo/bin") + ":/usr/local/go/bin"
    os.makedirs(os.path.join(build, "peers"), exist_ok=True)
    with open(os.path.join(build, "peers", "grid.lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one test at a time builds what two need
        return {name: every[name]() for name in ORDER if name in wanted}


# ---- running --------------------------------------------------------------------------------


class Server:
    """A server of its own, at a socket file or on a port of its own, which ends with the with-block."""

    def __init__(self, peer, path=None):
        port = 0 if path else free_port()
        self.address = f"unix:{path}" if path else f"127.0.0.1:{port}"
        self.process = subprocess.Popen(peer.serve + [self.address], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.socket(socket.AF_UNIX if path else socket.AF_INET) as s:
                    s.connect(path or ("127.0.0.1", port))
                return
            except OSError:
                time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    def died(self):
        return self.process.poll() is not None


def parse(out):
    """{case: None or why} of what a driver prints."""
    found = {}
    for line in out.splitlines():
        m = LINE.match(line)
        if m and m[1] != "skip":
            found[m[2]] = None if m[1] == "ok" else (m[3] or "fails")
    return found


def drive(client, address, only):
    """What a client says of some cases at a server."""
    ours = [word for name in only for word in ("--case", name)] + [address]
    out = subprocess.run(client.drive + (ours if client.ours else [address, *only]),
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
                         timeout=900).stdout
    return parse(out)


def stuck(found):
    """Cases in which a client came back to nobody, past its own deadlines: `no end`. A server that does
    not answer is another failure, because the deadline of the call says so then."""
    return [name for name, why in found.items() if why == "no end"]


def cell(client, server, names, tries):
    """One client and one server. When the server dies on the way, what failed gets one of its own. What
    is stuck is tried again, so often."""
    with Server(server) as s:
        found = drive(client, s.address, names)
        died = s.died()
    for name in [n for n, why in found.items() if why] if died else ():
        with Server(server) as s:
            found |= drive(client, s.address, [name])
            if s.died():
                found[name] = "the server dies"
    for _ in range(tries):
        for name in stuck(found):
            with Server(server) as s:
                found |= drive(client, s.address, [name])
    return found


# ---- judging --------------------------------------------------------------------------------


def known(table, client, server, case):
    """Why a failure is a peer's own: the client's or the server's."""
    for who in (f"{client} client", f"{server} server"):
        reason = table.get(who, {}).get(case) or table.get(who, {}).get("*")
        if reason:
            return reason
    # Two strangers are none of our business; the table says what happens between them.
    return "between the two" if "C" not in (client, server) else None


def markdown(all_peers, grid, own):
    print("""
## Every implementation with every other

Rows are clients, columns servers; a cell says how many of the cases of `test/interop/grid/grid.md` pass, over TCP (of
those that the client's library has a way to do; a client that dies on the way has run fewer). C is this library.
Versions are pinned by the lock files beside that page. Made by `test/interop/grid/grid-run.py --markdown BUILD`.
""")
    names = list(all_peers)
    print("| client | version | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    for c in names:
        cells = [f"{sum(not w for w in grid[c, s].values())} of {len(grid[c, s])}" for s in names]
        print(f"| {c} | {all_peers[c].version} | " + " | ".join(cells) + " |")
    print("\nWhat does not pass where this library is one of the two, and why it is the other's own:\n")
    for (c, s), cases in grid.items():
        reasons = {}
        for case, why in cases.items():
            if why and "C" in (c, s):
                reasons.setdefault(own.get((c, s, case)) or why, []).append(f"`{case}`")
        for why, names in reasons.items():
            print(textwrap.fill(f"{c} client, {s} server: {why} ({', '.join(names)})", 118,
                                initial_indent="- ", subsequent_indent="  ",
                                break_long_words=False, break_on_hyphens=False))


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    p.add_argument("--markdown", action="store_true")
    p.add_argument("--only", default=",".join(ORDER))
    p.add_argument("build", type=os.path.abspath)
    args = p.parse_args()
    with open(os.path.join(HERE, "grid-known.json"), encoding="utf-8") as f:
        table = json.load(f)

    every = peers(args.build, args.only.split(","))
    grid, own, passed, failed = {}, {}, 0, 0
    for c, client in every.items():
        for s, server in every.items():
            if not args.markdown and ("C" not in (c, s) or "*" in table.get(f"{s} server", {})):
                continue  # told, not tested: what strangers do to each other, who cannot serve
            # Go's client holds its locks against itself now and then, one time in ten or so.
            grid[c, s] = cell(client, server, CASES, 3 if c == "Go" else 0)
            for case, why in grid[c, s].items():
                own[c, s, case] = known(table, c, s, case) if why else None
                bad = bool(why) and not own[c, s, case]
                passed, failed = passed + (not why), failed + bad
                if bad and not args.markdown:
                    print(f"not ok {c} client, {s} server: {case} - {why}")
            if not grid[c, s]:
                failed += 1
                print(f"not ok {c} client, {s} server: nothing ran", file=sys.stderr)
    if args.markdown:
        markdown(every, grid, own)
        return 1 if failed else 0
    if os.environ.get("CAPOS_TEST_COUNTS"):
        with open(os.environ["CAPOS_TEST_COUNTS"], "a", encoding="utf-8") as f:
            f.write(f"interop-grid {passed} {failed}\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
