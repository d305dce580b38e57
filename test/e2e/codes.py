#!/usr/bin/env python3
"""codes: doc/protocol/admission.md names the bounds that are enforced, all of them and no others.

Why: clients look at codes, and find them there. What the sources may answer and what the page says
are two lists that nothing else holds together. Codes of denials have theirs in one enum of the
schema; those of bounds are written where the bound is.
What lib/ui refuses it refuses in the client (doc/design/ui.md).
"""
import os
import re
import sys

import instance
import sessionlib as s

SCRIPT = "e2e-codes"
CODE = re.compile(r"over-quota\.[a-z][a-z-]*[a-z]")


def in_sources():
    found = set()
    for top in ("daemon", "lib"):
        for folder, _, names in os.walk(os.path.join(s.TOP, top)):
            for name in names:
                if re.fullmatch(r"(?!test-).*\.[ch]", name) and os.path.basename(folder) != "ui":
                    with open(os.path.join(folder, name), encoding="utf-8") as f:
                        found |= set(re.findall(r'"(' + CODE.pattern + ")(?![a-z-])", f.read()))
    return found


def on_the_page():
    with open(os.path.join(s.TOP, "doc", "protocol", "admission.md"), encoding="utf-8") as f:
        return set(CODE.findall(f.read()))


def the_same():
    sources, page = in_sources(), on_the_page()
    if not sources or sources != page:
        raise s.Failed(f"only in sources: {sorted(sources - page)}, "
                       f"only on the page: {sorted(page - sources)}")


if __name__ == "__main__":
    sys.exit(instance.run_cases(SCRIPT, [("bounds", the_same)]))
