#!/usr/bin/env python3
"""relay-run: puts a foreign Conf service behind an instance and runs the conformance driver
through it.

usage: relay-run.py --name NAME SERVICE DRIVER [DRIVER-ARGUMENT...]

SERVICE is started three times by the instance: as `conf` and `conf2`, whose capabilities may go to
other services of the session, and as `conf3`, whose may not. The anonymous profile is granted all
three, with quotas that let the load cases of the driver through. After the driver, nothing of its
sessions may be left.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "e2e"))

import instance  # noqa: E402
import sessionlib as s  # noqa: E402


def relay_manifest(program):
    conf = s.type_id("conf", "Conf", root="test/peers")
    services = [instance.service(name, program, conf) for name in ("conf", "conf2", "conf3")]
    anonymous = instance.profile(
        "relay", ["session", ("conf", "services"), ("conf2", "services"), "conf3"],
        references=65536, calls=65536, queued="\"64MiB\"", message="\"32MiB\"")
    return instance.manifest(services=services, profiles=[anonymous], anonymous="relay",
                             operator=["conf", "conf2", "conf3"])


# A service's words are cut at 512 bytes on purpose; cases-relay.c++ has a case for that.
EXCEPT = ["--except", "fail-reasons-of-every-length"]


def all_gone(run):
    """Whether no session is left."""
    admin = run.admin()
    try:
        return not admin.sessions()
    finally:
        admin.close()


def main(argv):
    if len(argv) < 4 or argv[0] != "--name":
        print(__doc__, file=sys.stderr)
        return 2
    name, service, driver = argv[1], os.path.abspath(argv[2]), argv[3:]
    passed, failed = 0, 0
    try:
        with instance.Instance(relay_manifest(service)) as run:
            daemons = run.daemons()
            passed, failed = instance.run_client(driver + EXCEPT + [run.address])
            instance.until(lambda: all_gone(run), "the end of all sessions")
            if run.daemons() != daemons:
                raise s.Failed(f"a process was replaced: {daemons} {run.daemons()}")
    except (s.Failed, s.Refused, s.Closed, OSError) as e:
        print(f"not ok instance - {e}")
        failed += 1
    instance.count(name, passed, failed)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
