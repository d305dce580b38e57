#!/usr/bin/env python3
"""basics: what an attack is measured by works when nobody attacks."""
import os
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


def tries(target):
    return {"B1": lambda: by_password(target),
            "B2": lambda: by_key(target),
            "B3": lambda: no_capabilities(target)}


if __name__ == "__main__":
    sys.exit(a.main(SCRIPT, a.Target, tries))
