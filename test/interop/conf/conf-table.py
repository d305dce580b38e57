#!/usr/bin/env python3
"""conf-table: runs every pair of client and server and prints doc/conformance.md.

usage: conf-table.py BUILD >doc/conformance.md

A mark is what was seen in this run over a Unix socket and over TCP both, nothing else: `ok`, `fails`,
`-` (the driver has no such case, or the reference server cannot satisfy it).
"""
import os
import re
import subprocess
import sys
import textwrap

from reference import ROWS

HERE = os.path.dirname(os.path.abspath(__file__))
LINE = re.compile(r"(ok|not ok|skip) (\S+)")

PAIRS = (("C to C++", "test/interop/conf-server-ref", "test/conf-driver",
          ["--reference"]),
         ("C++ to C", "test/conf-server", "test/interop/conf-driver", []),
         ("C to C", "test/conf-server", "test/conf-driver", []),
         ("C++ to C++", "test/interop/conf-server-ref", "test/interop/conf-driver",
          ["--reference"]))

HEAD = """# Conformance

What was tested of Cap'n Proto RPC, case by case, between our library and the C++ implementation of Debian 12 (0.9.2).
Made by `test/interop/conf/conf-table.py BUILD`, from a run over Unix sockets and TCP; `make test` runs the same cases.

Columns are client to server, `C` is ours. A mark is `ok` when the case passed on both kinds of socket, `fails` when it
did not, and `-` when that client has no such case (its API can not express it, or it is about its API) or the C++
server cannot satisfy it.

The interfaces are in `test/peers/conf.capnp`; what a case does is in `test/conf-cases-*.c` for our client and in
`test/interop/conf/cases-*.c++` for the C++ one, under the same name.
"""

WIRE = """
## Raw bytes against our server

`test/interop/conf/wire-driver.py` speaks the wire by hand: what is legal but rare, what is illegal, and far too much of
what is legal. After each case the server must still serve a new connection. The `load-` cases flood it with 24 MB while
its memory is watched: it may grow by 16 MB at most.
"""


RELAY = """
## Through the instance

The C++ client and a C++ service with our worker between them: the client logs in to an instance (anonymous, over TCP)
on every connection and asks for the capability `conf`; the service is started by the instance and speaks
`schema/service_control.capnp`. The same cases as above, and `relay-` ones for what only a session has: two services at
once, denials, the end of a session. Not among them is `fail-reasons-of-every-length`: what a service says is cut at
512 bytes on purpose.
"""


REFERENCE = """
## The reference's own test cases

Named as in the suites of the C++ implementation, with what holds the same here: cases of the table above, and single
tests of ours (program:TEST). `ok` means that all of these passed in this run.
"""


def test_mark(build, name):
    """How one TEST, or a whole program, ends."""
    program, test = name.split(":")
    folder = build if os.path.exists(f"{build}/{program}") else f"{build}/test/interop"
    command = [f"{folder}/{program}"] + ([] if test == "all" else [test])
    env = dict(os.environ, CAPOS_BUILDDIR=os.path.abspath(build), CAPOS_SRCDIR=os.path.join(HERE, "../../.."))
    if program == "test-fds":
        command = ["meson", "test", "-C", build, "--no-rebuild", "--quiet", "interop-fds"]
    r = subprocess.run(command, capture_output=True, env=env, check=False, timeout=240)
    return "ok" if r.returncode == 0 else "fails"


def item(text):
    """A line of a list, within the width of a page."""
    return textwrap.fill(text, 118, initial_indent="- ", subsequent_indent="  ",
                         break_long_words=False, break_on_hyphens=False)


def reference_table(build, columns):
    """Rows of reference.py; a case must be ok in every column that has it: ours as client, ours as
    server, and the raw bytes."""
    for what, names, remark in ROWS:
        found = [test_mark(build, n) if ":" in n else c.get(n, "-") for n in names
                 for c in ([{}] if ":" in n else columns)]
        mark = "-" if not names else "fails" if "fails" in found or "ok" not in found else "ok"
        shown = ", ".join(f"`{n}`" for n in names)
        yield item(f"*{what}*: {mark}. {'; '.join(filter(None, (shown, remark)))}")


def marks(server, driver, options):
    """{case: mark} of one pair, in the driver's order."""
    command = [sys.executable, os.path.join(HERE, "conf-run.py")] + options
    return marks_of(command + [server] + driver, driver)


def relay_marks(build):
    """The same through an instance, which relay-run.py starts."""
    folder = f"{build}/test/interop/session"
    driver = [f"{folder}/session-conf-driver"]
    run = os.path.join(HERE, "..", "session", "relay", "relay-run.py")
    os.environ["CAPOS_BUILDDIR"] = os.path.abspath(build)
    return marks_of([sys.executable, run, "--name", "relay", f"{folder}/conf-service"] + driver,
                    driver)


def marks_of(command, driver):
    """{case: mark} of what a run prints."""
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {}
    for line in out.splitlines():
        m = LINE.match(line)
        if m:
            mark = {"ok": "ok", "not ok": "fails", "skip": "-"}[m.group(1)]
            if mark == "fails":
                print(f"{' '.join(driver)}: {line}", file=sys.stderr)
            found[m.group(2)] = mark if found.get(m.group(2), mark) == mark else "fails"
    return found


def table(heads, columns):
    names = []
    for column in columns:
        names += [name for name in column if name not in names]
    width = max(len(name) for name in names)
    yield f"| {'case'.ljust(width)} | {' | '.join(heads)} |"
    yield f"|{'-' * (width + 2)}|{'|'.join('-' * (len(head) + 2) for head in heads)}|"
    for name in sorted(names):
        cells = [column.get(name, "-").ljust(len(head)) for head, column in zip(heads, columns)]
        yield f"| {name.ljust(width)} | {' | '.join(cells)} |"
    cells = [f"{list(column.values()).count('ok')} ok".ljust(len(head))
             for head, column in zip(heads, columns)]
    yield f"| {'**in all**'.ljust(width)} | {' | '.join(cells)} |"


def main(build):
    columns = [marks(f"{build}/{server}", [f"{build}/{driver}"] + more, [])
               for _, server, driver, more in PAIRS]
    print(HEAD)
    print("\n".join(table([pair[0] for pair in PAIRS], columns)))

    wire = os.path.join(HERE, "wire-driver.py")
    server = f"{build}/test/conf-server"
    found = {name: mark for name, mark in marks(server, [wire, "--strict"], []).items()
             if not name.startswith("load-")}
    found.update(marks(server, [wire, "--only", "load-"], ["--with-pid", "--each"]))
    print(REFERENCE)
    print("\n".join(reference_table(build, columns[1:3] + [found])))
    print(WIRE)
    print("\n".join(table(["our server"], [found])))
    print(RELAY)
    print("\n".join(table(["C++ through us to C++"], [relay_marks(build)])), flush=True)
    grid = [sys.executable, os.path.join(HERE, "..", "grid", "grid-run.py"), "--markdown", build]
    return subprocess.run(grid, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else print(__doc__) or 2)
