#!/usr/bin/env python3
"""conf-run: starts a conformance server, runs a driver against it, ends the server.

Why: both directions of the conformance tests (our server and a foreign driver, a foreign server
and our driver) need the same: a server of their own on a Unix socket and another on a loopback
port, never outliving the test. The drivers stay free of process handling, and work on a server
started by hand.

usage: conf-run.py [--unix-only | --tcp-only] [--with-pid] [--each] [--name NAME]
                   [--through PROXY]... SERVER DRIVER [DRIVER-ARGUMENT...]

The driver is called as `DRIVER ARGUMENT... [--pid PID] ADDRESS`, once per kind of address. Its
output is passed on; the last line sums up: `N passed, N failed`. A server that dies on the way
is a failure. With --name NAME the two numbers are also appended, under that name, to the file that
CAPOS_TEST_COUNTS names. --each gives every case that the driver lists a server of its own, which
the resource rows need: memory that one row has made a server keep would hide the next one's growth.
Each --through puts a proxy between the driver and the server, in the order given, that is called as
`PROXY LISTEN CONNECT` (its own arguments separated by spaces).
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from ports import free_port

START_S = 60
RUN_S = 900
SUMMARY = re.compile(r"(\d+) passed, (\d+) failed")


def connectable(address):
    """True once something accepts connections at the address."""
    try:
        if address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(address[5:])
        else:
            host, port = address.rsplit(":", 1)
            socket.create_connection((host, int(port)), 1).close()
        return True
    except OSError:
        return False


def server_start(command, address):
    """Starts a server and waits until it listens; None if it does not."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        if connectable(address):
            return server
        time.sleep(0.02)
    server_stop(server)
    return None


def server_stop(server):
    """Ends this one process, politely first."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def driver_run(command, quiet=False):
    """Runs the driver, passing its output on; returns (passed, failed) of its last line."""
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
        bound = threading.Timer(RUN_S, driver.kill)
        bound.start()
        for line in driver.stdout:
            last = line
            if not (quiet and SUMMARY.match(line)):
                print(line, end="", flush=True)
        code = driver.wait()
        bound.cancel()
    m = SUMMARY.match(last)
    if not m:
        print(f"not ok driver - ended with code {code} and without a summary")
        return 0, 1
    return int(m.group(1)), int(m.group(2))


def servers_start(address, options):
    """The server, and the proxies before it; the last in the list listens at the address."""
    stages = [[options["server"]]] + [p.split() for p in reversed(options["through"])]
    started, before = [], []
    for n, command in enumerate(stages):
        last = n == len(stages) - 1
        here = address if last else f"unix:{options['folder']}/stage{n}"
        started.append(server_start(command + [here] + before, here))
        if started[-1] is None:
            break
        before = [here]
    return started


def run_at(address, options, only=None):
    """One server at one address and one run of the driver against it."""
    servers = servers_start(address, options)
    try:
        if servers[-1] is None:
            print(f"not ok server - {options['server']} does not listen on {address}")
            return 0, 1
        pid = ["--pid", str(servers[0].pid)] if options["with_pid"] else []
        pick = ["--only", only] if only else []
        passed, failed = driver_run(options["driver"] + pid + pick + [address], bool(only))
        for server in servers:
            if server.poll() is not None:
                print(f"not ok server - it ended on its own with code {server.returncode}")
                failed += 1
        return passed, failed
    finally:
        for server in filter(None, servers):
            server_stop(server)


def address_of(kind, folder, serial):
    """A new address of a kind."""
    if kind == "unix":
        return f"unix:{os.path.join(folder, f'socket{serial}')}"
    return f"127.0.0.1:{free_port()}"


def run_kind(kind, folder, options):
    """All runs on one kind of address; returns (passed, failed)."""
    only = [None]
    if options["each"]:
        listing = subprocess.run(options["driver"] + ["--list"], stdout=subprocess.PIPE, text=True,
                                 timeout=60, check=True)
        only = listing.stdout.split()
    total = [0, 0]
    for serial, name in enumerate(only):
        passed, failed = run_at(address_of(kind, folder, serial), options, name)
        total[0] += passed
        total[1] += failed
    return total


def main(argv):
    kinds = ["unix", "tcp"]
    options = {"with_pid": False, "each": False, "name": None, "through": []}
    while argv and argv[0].startswith("--"):
        option = argv.pop(0)
        if option == "--unix-only":
            kinds = ["unix"]
        elif option == "--tcp-only":
            kinds = ["tcp"]
        elif option in ("--with-pid", "--each"):
            options[option[2:].replace("-", "_")] = True
        elif option == "--through" and argv:
            options["through"].append(argv.pop(0))
        elif option == "--name" and argv:
            options["name"] = argv.pop(0)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    if len(argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2

    driver = argv[1:]
    if driver[0].endswith(".py"):
        driver.insert(0, sys.executable)
    options.update(server=argv[0], driver=driver)
    total = [0, 0]
    with tempfile.TemporaryDirectory(prefix="conf-") as folder:
        options["folder"] = folder
        for kind in kinds:
            print(f"# {kind}", flush=True)
            passed, failed = run_kind(kind, folder, options)
            total[0] += passed
            total[1] += failed
    counts = os.environ.get("CAPOS_TEST_COUNTS")
    if counts and options["name"]:
        with open(counts, "a", encoding="utf-8") as f:
            f.write(f"{options['name']} {total[0]} {total[1]}\n")
    print(f"{total[0]} passed, {total[1]} failed")
    return 0 if total[1] == 0 and total[0] > 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
