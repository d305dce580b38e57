#!/usr/bin/python3
"""The window of capos-desktop, on a screen of its own (R51, R53 to R56): used by the keyboard, read by its
accessibility tree, and looked at.

usage: desk.py BINARIES GUIDE STAGE HOSTILE SCREENS [wayland] [CASE...]

It is Debian's own Python, which has the bindings of AT-SPI. Each case has a window of its own.
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../e2e", "../cli", "../web", "."):
    sys.path.insert(0, os.path.join(HERE, folder))

import instance  # noqa: E402
from desktop import Desktop  # noqa: E402


def main(binaries, *args):
    wayland = args[4:5] == ("wayland",)
    wanted = args[5 if wayland else 4:]
    d = Desktop(binaries, *args[:4], wayland=wayland)
    cases = [(n, getattr(d, n)) for n in wanted or (d.WAYLAND if wayland else d.CASES)]
    try:
        return instance.run_cases("desktop-wayland" if wayland else "desktop-window", cases, after=d.over, more=d.told)
    finally:
        d.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
