#!/usr/bin/env python3
"""behind: servers of every implementation, each behind a connector, used by a C++ client through an instance (R44).

Why: what a server is put behind an instance for must not depend on who wrote its library. These are
the servers of grid-run.py, as they are: they were written for a port and a client, and know nothing of
an instance. The client is the conformance driver of the C++ library with a session (`session.c++`):
pipelining, callbacks, promises, streams, cancellation and release, case by case as grid.md has them.

usage: behind.py NAME DRIVER LANG[,LANG...]

What a server cannot do by itself is in grid-known.json, as for grid-run.py.
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))

import instance  # noqa: E402
import sessionlib as s  # noqa: E402

_spec = importlib.util.spec_from_file_location("grid_run", os.path.join(HERE, "grid-run.py"))
grid = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(grid)

# The client's own connection is to the instance; how a server's ends is for test/e2e/connector.py.
LEFT_OUT = ("disconnect-breaks-the-references",)
# pycapnp's process aborts within it ("Inner node returned empty value"), with Debian's C++ client directly as well.
DEADLY = {"Python": ("tail-call",)}
CONF = s.type_id("conf", "Conf", root="test/peers")


def manifest(address, folder):
    address = address if address.startswith("unix:") else "plain:" + address
    schema = os.path.join(folder, "conf.schema")
    with open(schema, "wb") as f:
        subprocess.run(["capnp", "compile", "-o-", "--src-prefix=" + grid.PEERS,
                        os.path.join(grid.PEERS, "conf.capnp")], stdout=f, check=True)
    entry = (f"(name = \"conf\", connect = {instance.quoted(address)}, schema = {instance.quoted(schema)}, "
             f"interfaceId = {CONF}, title = \"Conf\", remote = (transfer = services))")
    anonymous = instance.profile("behind", ["session", ("conf", "services")], references=65536, calls=65536,
                                 queued='"64MiB"', message='"1MiB"')
    return instance.manifest(services=[entry], profiles=[anonymous], anonymous="behind", operator=["conf"])


def wanted(language):
    return [case for case in grid.CASES if case not in LEFT_OUT + DEADLY.get(language, ())]


def judge(language, found, table):
    """How many of its cases pass, and how many fail that are not known to be its own."""
    passed = failed = 0
    for case in wanted(language):
        why = found.get(case, "it was not run")
        own = table.get(f"{language} server", {}).get(case)
        if not why:
            passed += 1
        elif not own:
            failed += 1
            print(f"not ok {language}: {case} - {why}")
    own = len(wanted(language)) - passed - failed
    print(f"{language}: {passed} passed, {own} fail that are known to be its own, {failed} failed")
    return passed, failed


def main(name, driver, languages):
    with open(os.path.join(HERE, "grid-known.json"), encoding="utf-8") as f:
        table = json.load(f)
    passed = failed = 0
    for language, peer in grid.peers(instance.build_folder(), languages.split(",")).items():
        with tempfile.TemporaryDirectory(prefix="capos-behind-") as folder, \
                grid.Server(peer, f"{folder}/conf" if peer.ours else None) as server:
            with instance.Instance(manifest(server.address, folder)) as run:
                before = run.daemons()
                cases = [word for case in wanted(language) for word in ("--case", case)]
                out = subprocess.run([os.path.abspath(driver), *cases, run.address], stdout=subprocess.PIPE, text=True,
                                     check=False, timeout=600).stdout
                good, bad = judge(language, grid.parse(out), table)
                # The connector and the workers are those that it began with, and so is the server.
                if run.daemons() != before or server.died():
                    print(f"not ok {language}: a process was replaced")
                    bad += 1
        passed, failed = passed + good, failed + bad
    instance.count(name, passed, failed)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
