#!/usr/bin/env python3
"""session-run: starts an instance, runs a foreign client against it, ends the instance.

usage: session-run.py --name NAME CLIENT [ARGUMENT...]

The instance has guests enabled, an account, and hold-proxy.py in front of it for the step that
pipelines. Then the client runs once more against an instance as it is without a manifest, where
guests are off. The numbers of the client's last line are added up, printed, and appended under
NAME to the file that CAPOS_TEST_COUNTS names. That the proxy saw all requests before it let the
first byte of the server's through is one test more.
"""
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))

import heard  # noqa: E402
import instance  # noqa: E402
import sessionlib as s  # noqa: E402

REQUESTS = 5    # Bootstrap, anonymous, capSet, get, motd


def behind_proxy(command, run):
    """A client, with the proxy in front of the instance for what it pipelines."""
    proxy = subprocess.Popen([sys.executable, os.path.join(HERE, "hold-proxy.py"), run.address,
                              str(REQUESTS)], stdout=subprocess.PIPE, text=True)
    try:
        address = heard.line(proxy.stdout).split()[-1]
        passed, failed = instance.run_client(command + ["--hold", address])
    finally:
        proxy.send_signal(signal.SIGTERM)
        said = proxy.communicate()[0].split("\n")
    if said and re.match(r"\d+ requests before the first byte", said[0]):
        print(f"ok hold-proxy - {said[0]}")
        return passed + 1, failed
    print(f"not ok hold-proxy - {said}")
    return passed, failed + 1


def main(argv):
    if len(argv) < 3 or argv[0] != "--name":
        print(__doc__, file=sys.stderr)
        return 2
    name, client = argv[1], argv[2:]
    if client[0].endswith(".py"):
        client.insert(0, sys.executable)
    total = [0, 0]
    login = ["--user", instance.USER, "--password", instance.SECRET]
    for title, text, options in (("guests", instance.manifest(guest=True), ["--guest"]),
                                 ("as it is", None, [])):
        print(f"# {title}", flush=True)
        try:
            with instance.Instance(text) as run:
                passed, failed = behind_proxy(client + [run.address] + login + options, run)
        except (s.Failed, s.Refused, s.Closed, OSError) as e:
            print(f"not ok instance - {e}")
            passed, failed = 0, 1
        total[0] += passed
        total[1] += failed
    instance.count(name, *total)
    return 0 if total[1] == 0 and total[0] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
