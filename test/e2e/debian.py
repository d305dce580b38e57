"""debian: the Python that Debian's packages are for.

Why: the first python3 of a machine may be another one (pyenv), which has none of the packages that tool/deps installs.
Whoever uses one imports this before it: where the package is not there, the script begins anew with Debian's.
"""
import importlib.util
import os
import sys

PYTHON = "/usr/bin/python3"


def need(package):
    if importlib.util.find_spec(package) or sys.executable == PYTHON or not os.path.exists(PYTHON):
        return
    sys.stdout.flush()
    os.execv(PYTHON, [PYTHON, *sys.orig_argv[1:]])


need("cryptography")
