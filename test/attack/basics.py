#!/usr/bin/env python3
"""basics: what an attack is measured by works when nobody attacks."""
import os
import re
import signal
import subprocess
import sys

import attacklib as a

SCRIPT = "attack-basics"


def by_password(target):
    target.good_by_password()
    return "nobody"


def by_key(target):
    target.good_by_key()
    return "nobody"


def no_capabilities(target):
    """The superuser's powers, which nobody needs: in no process but caposd."""
    with_powers = {name: hex(a.capabilities(pid)) for pid, name in target.tree().items()
                   if pid != target.process.pid and a.capabilities(pid)}
    if with_powers:
        raise a.Failed(f"capabilities are left: {with_powers}")
    return "capabilities"


def line_of_a_refusal(target):
    """One line a refused login, in the documented form; what is in a name cannot forge another."""
    for name, shown in (("mallory", "mallory"), ('x" from 10.0.0.1\n', 'x\\x22 from 10.0.0.1\\x0a')):
        flow = target.connect().flow(a.s.PASSWORD, name)
        try:
            a.s.answer(flow, "wrong password")
        except a.s.Refused:
            pass
        wanted = (r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ capos-sessiond: login of \"" + re.escape(shown) +
                  r"\" from \S+ refused: credentials \(password\)$")
        if len(re.findall(wanted, target.log_text(), re.M)) != 1:
            raise a.Failed(f"{wanted} is not in {target.log_text()[-500:]}")
    return "nobody"


def quiet_end(target):
    """An orderly end says nothing, and a closed standard error is no reason not to start."""
    with a.Target() as one:
        before = one.log_text()
        one.process.send_signal(signal.SIGINT)
        one.process.wait(30)
        said = one.log_text()[len(before):]
        one.process.stdout.close()
        a.instance.Instance.start(again(one))
    if re.search("warning|error|gone", said):
        raise a.Failed(said)
    command = [target.command, "up", "--state", os.path.join(target.folder.name, "second"),
               "--listen", "plain:127.0.0.1:0"]
    with a.heard.Program(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          preexec_fn=lambda: os.close(2)) as second:
        line = a.heard.line(second.stdout)
        second.send_signal(signal.SIGTERM)
        if "remote CapSet" not in line or second.wait(30):
            raise a.Failed(f"{line!r} {second.returncode}")
    return "nobody"


def open_manifest(target):
    """What others can write is said to be so; a lease that no timer can hold is refused."""
    path = os.path.join(target.folder.name, "manifest")
    with a.Target(a.instance.manifest()) as one:
        os.chmod(one.arguments[-1], 0o666)
        one.process.terminate()
        one.process.wait(30)
        one.process.stdout.close()
        a.instance.Instance.start(again(one))
        if "others can write it (mode 0666)" not in one.log_text():
            raise a.Failed(one.log_text())
    long = a.instance.profile("long", ["session", "system_info"], lease_ms=(1 << 64) - 1)
    with open(path, "w", encoding="utf-8") as f:
        f.write(a.instance.manifest(profiles=[long]).replace(
            f"lease = \"{(1 << 64) - 1}ms\"", f"lease = \"{(1 << 64) - 1}ms\", maxLease = \"{(1 << 64) - 1}ms\""))
    done = subprocess.run([target.command, "up", "--state", os.path.join(target.folder.name, "s"),
                           "--listen", "plain:127.0.0.1:0", "--manifest", path], capture_output=True,
                          text=True, timeout=60, check=False)
    if not done.returncode or "maxLease" not in done.stderr:
        raise a.Failed(f"{done.returncode} {done.stderr}")
    return "caposd"


def again(target):
    target.user = False
    return target


def tries(target):
    return {"B4": lambda: line_of_a_refusal(target),
            "B5": lambda: quiet_end(target),
            "B6": lambda: open_manifest(target),
            "B1": lambda: by_password(target),
            "B2": lambda: by_key(target),
            "B3": lambda: no_capabilities(target)}


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, a.Target, tries))
