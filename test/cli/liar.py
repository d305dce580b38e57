#!/usr/bin/env python3
"""liar: an instance whose lists and log come in pieces that do not go on keeps nobody asking for ever.

usage: liar.py GATEWAY BIN

GATEWAY is gateway-server, whose `admin` tells one lie (gateway-liar.c); BIN the folder with the command.
"""
import os
import subprocess
import sys

from rig import Failed, Rig, holds

ACCOUNTS, SESSIONS = ("account", "list"), ("session", "list")
QUERY, VERIFY, FOLLOW = ("audit", "query"), ("audit", "verify"), ("audit", "tail", "-f")
LIES = [("same", ACCOUNTS), ("same", SESSIONS), ("round", ACCOUNTS), ("round", SESSIONS), ("none", ACCOUNTS),
        ("none", SESSIONS), ("round", ("service-account", "list")), ("nothing", QUERY), ("nothing", VERIFY),
        ("back", QUERY), ("back", FOLLOW), ("sealed", FOLLOW), ("many", QUERY), ("many", VERIFY), ("gone", ACCOUNTS),
        ("gone", SESSIONS)]


def tried(rig, lie, words):
    if lie == "gone":
        holds("entry0" in rig.ok(*words, "--remote").out, "what there is is not shown")
        return
    try:
        done = rig.run(*words, "--remote")
    except subprocess.TimeoutExpired as e:
        raise Failed("it asks for ever") from e
    holds(done.code == 1 and "do not go on" in done.err, f"{done}")
    if words[0] != "audit":
        rig.error(1, "failed", *words, "--remote")


def main():
    gateway, binaries = sys.argv[1:3]
    passed = failed = 0
    for lie, words in LIES:
        rig = Rig(os.path.abspath(binaries), gateway, more=("0", "", lie))
        try:
            rig.login("liar")
            tried(rig, lie, words)
            passed += 1
            print(f"ok {lie}, {' '.join(words)}")
        except Failed as e:
            failed += 1
            print(f"not ok {lie}, {' '.join(words)} - {e}")
        finally:
            rig.close()
    print(f"{passed} passed, {failed} failed")
    counts = os.environ.get("CAPOS_TEST_COUNTS")
    if counts:
        with open(counts, "a", encoding="ascii") as f:
            f.write(f"cli-liar {passed} {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
