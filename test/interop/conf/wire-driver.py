#!/usr/bin/env python3
"""wire-driver: runs raw-wire cases against whatever Conf server listens at an address.

Why: a library's client only sends what a library sends. This driver speaks the wire itself, so
it can send what is legal but rare, what is illegal, and far too much of what is legal; it shares
no line with any implementation (see wirelib.py). After each case a fresh connection must still
be served.

usage: wire-driver.py [--reference] [--strict] [--pid PID] [--only TEXT] [--list] ADDRESS

ADDRESS is unix:/path or HOST:PORT. --pid names the server's process: then the resource rows run,
too. --reference skips what the 0.9.2 reference server cannot satisfy, the resource rows among
them; with --strict nothing is skipped. Output: `ok NAME`, `not ok NAME - why`, `skip NAME -
why`, and the last line is `N passed, N failed`.
"""
import argparse
import sys
import traceback

sys.dont_write_bytecode = True

import wirebytes    # noqa: E402,F401  (registers its cases)
import wirecalls    # noqa: E402,F401
import wireload     # noqa: E402,F401
import wirelong     # noqa: E402,F401
from wireenv import CASES, Env, Skip, served    # noqa: E402
from wirelib import Closed, Failed    # noqa: E402


LOST = "afterwards a new connection is not served"


def case_run(case, args):
    """Runs one case; returns (verdict, text) with a verdict of ok, not ok or skip."""
    env = None
    try:
        env = Env(args.address, case.seconds, args.pid)
        case.run(env)
        verdict, text = "ok", env.detail
    except Skip as e:
        return "skip", str(e)
    except Closed:
        verdict, text = "not ok", "the server ended the connection"
    except (Failed, OSError) as e:
        verdict, text = "not ok", str(e) or type(e).__name__
    except Exception:   # pylint: disable=broad-except
        trace = traceback.format_exc(limit=-2).replace("\n", " | ")
        verdict, text = "not ok", f"the driver failed: {trace}"
    finally:
        if env is not None:
            env.close()
    try:
        served(args.address)
    except (Failed, Closed, OSError) as e:
        return "not ok", f"{LOST}: {e or type(e).__name__}; {text}"
    return verdict, text


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[2])
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("address", nargs="?")
    args = parser.parse_args()
    if not args.list and not args.address:
        parser.error("no address")

    passed = failed = lost = 0
    for case in CASES:
        if args.only not in case.name:
            continue
        if args.list:
            print(case.name)
            continue
        load = case.name.startswith("load-")
        why = case.reference_skip or ("no such limits in the reference" if load else None)
        if args.reference and not args.strict and why:
            print(f"skip {case.name} - {why}", flush=True)
            continue
        if lost == 2:
            verdict, text = "not ok", "not run, the server is lost"
        else:
            verdict, text = case_run(case, args)
            lost = lost + 1 if text.startswith(LOST) else 0
        print(f"{verdict} {case.name}{' - ' + text if text else ''}", flush=True)
        passed += verdict == "ok"
        failed += verdict == "not ok"
    if not args.list:
        print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
