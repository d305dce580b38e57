#!/usr/bin/env python3
"""usability: what people type, and the words that they get, on a terminal of their own.

    usability.py NAME BINARIES SOURCE [ROW...]

A row is a few commands as somebody types them who has read the README and no more, and what must be shown. Each has a
machine of its own (a home, a runtime folder, an instance if it asks for one), so any can be run alone; no process and
no file is left. Skipped where there is no tmux. NAME is Meson's: `usability-ui` has what is shown of services, in panes
and in the shell, and `usability` all else.
"""
import os
import re
import shutil
import sys
import traceback

import operate  # noqa: F401  (its rows)
import paned  # noqa: F401  (likewise)
import person  # noqa: F401  (likewise)
import planted  # noqa: F401  (likewise)
import shelled  # noqa: F401  (likewise)
import ways  # noqa: F401  (likewise)
from instance import Skip  # (from beside e2e, as ways has it)
from rows import ROWS
from terminal import Home, Terminal

OF_SERVICES = ("paned", "planted", "shelled")


def run(name, function, with_instance, binaries, source):
    """0: it is as it should be; 1: it is not; 2: it can't be tried here."""
    home = Home(binaries, source)
    try:
        t = Terminal(home)
        if with_instance:
            t.instance = Terminal(home)
            t.instance.begin("capos up --listen plain:127.0.0.1:0")
            shown = t.instance.sees(r"^remote CapSet: plain \S+ \d+$")
            t.types("A=" + ":".join(re.search(r"(plain) (\S+) (\d+)$", shown, re.M).groups()))
            t.types("echo 'correct horse' | capos account add alice --password-stdin")
        function(t)
    except Skip as e:
        print(f"skipped {name}: {e}", flush=True)
        return 2
    except Exception as e:  # pylint: disable=broad-except
        print(f"not ok {name} - {type(e).__name__} {e}".replace("\n", " "))
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        home.close()
    print(f"ok {name}", flush=True)
    return 0


def main():
    test, binaries, source, *only = sys.argv[1:]
    binaries, source = os.path.abspath(binaries), os.path.abspath(source)
    if not shutil.which("tmux"):
        print("skipped: no tmux")
        return 77
    os.environ["PATH"] = f"{binaries}:{os.environ['PATH']}"
    ended = [0, 0, 0]
    for name, function, with_instance in ROWS:
        if name not in only if only else (test == "usability-ui") != (function.__module__ in OF_SERVICES):
            continue
        ended[run(name, function, with_instance, binaries, source)] += 1
    passed, failed, skipped = ended
    if os.environ.get("CAPOS_TEST_COUNTS"):
        with open(os.environ["CAPOS_TEST_COUNTS"], "a", encoding="utf-8") as f:
            f.write(f"{test} {passed} {failed} {skipped}\n")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
