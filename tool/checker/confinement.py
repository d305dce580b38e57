"""What a process may do, as the code's tables have it, in the words of doc/design/confinement.md.

The page ends with them. They are made from daemon/common/daemon-filter.c (the lists of system calls), daemon-sandbox.c
(limits) and daemon/caposd/confine.h (users), so the page says what is so, or is a fault.
"""

import re
import textwrap

PAGE = "doc/design/confinement.md"
FILTER = "daemon/common/daemon-filter.c"
SANDBOX = "daemon/common/daemon-sandbox.c"
USERS = "daemon/caposd/confine.h"
HEAD = "## The lists\n"
INTRO = "As the code has them; `tool/check --lists` prints this. A number before an argument is its place, from 0.\n"


def item(name, words):
    """A line of a list, broken where it is too long."""
    return textwrap.fill(f"- `{name}`: {', '.join(words)}", 118, subsequent_indent="  ",
                         break_long_words=False, break_on_hyphens=False)


def argument(text):
    m = re.fullmatch(r"(IS|WITHOUT)\((\d), (.*)\)", text.strip())
    return f"{m[2]} {'=' if m[1] == 'IS' else 'without'} {m[3]}"


def rule(text):
    """`RULE2(fcntl, IS(1, F_SETFL), WITHOUT(2, O_ASYNC))` for people."""
    name, rest = re.fullmatch(r"RULE\d\((\w+), (.*)\)", text).groups()
    parts = re.findall(r"(?:IS|WITHOUT)\([^()]*\)", re.sub(r"/\*.*?\*/", "", rest).replace("  ", " "))
    return f"{name} ({'; '.join(argument(p.replace(' )', ')')) for p in parts)})"


def groups(source):
    """{name: what is in it} of the lists by number, and of those by number and arguments."""
    calls = {m[1].lower(): re.findall(r"SCMP_SYS\((\w+)\)", m[2])
             for m in re.finditer(r"static const int CALLS_(\w+)\[\] = \{(.*?)-1,?\s*\};", source, re.S)}
    rules = {}
    for m in re.finditer(r"static const struct rule RULES_(\w+)\[\] = \{(.*?)\n\};", source, re.S):
        body = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", m[2]))
        rules[m[1].lower()] = [rule(r) for r in re.findall(r"RULE\d\((?:[^()]|\([^()]*\))*\)", body)] + \
            re.findall(r"\.call = SCMP_SYS\((\w+)\)", body)
    return calls, rules


def roles(filters, sandbox):
    """(role, words) of each."""
    table = re.search(r"LISTS\[\] = \{(.*?)\n\};", filters, re.S)[1]
    limits = re.search(r"ROLES\[\] = \{(.*?)\n\};", sandbox, re.S)[1]
    for m in re.finditer(r"\[ROLE_(\w+)\] = \{(.*?)\},?\s*(?=\[ROLE|$)", table, re.S):
        limit = re.search(rf"\[ROLE_{m[1]}\] =\s*\{{(.*?)\}}", limits, re.S)[1]
        words = [w.lower() for w in re.findall(r"CALLS_(\w+)", m[2])]
        words += [w.lower() for w in re.findall(r"RULES_(\w+)", m[2]) if w.lower() not in words]
        if "own_signals = true" in m[2]:
            words.append("signals to itself")
        if "refuses_paths = true" in m[2]:
            words.append("paths are refused with EACCES")
        if "refuses_sockets = true" in m[2]:
            words.append("sockets of other families are refused with EACCES")
        words.append(re.search(r"\.fds = (\d+)", limit)[1] + " descriptors")
        if memory := re.search(r"address_bytes = (\d+)ull", limit):
            words.append(f"{memory[1]} MiB of address space")
        yield m[1].lower(), ["all"] + words


def users(header):
    at = -1
    for name, value in re.findall(r"\n\s+USER_(\w+)(?: = (\d+))?,", header):
        at = int(value) if value else at + 1
        yield name.lower(), at


def expected(read):
    """The section. read(path): the text of a file."""
    calls, rules = groups(read(FILTER))
    lines = [HEAD, INTRO, "System calls, by what needs them:\n"]
    lines += [item(n, c + rules.pop(n, [])) for n, c in calls.items()]
    lines += [item(n, r) for n, r in rules.items()]
    lines += ["\nWho has which, and how much:\n"]
    lines += [item(r, w) for r, w in roles(read(FILTER), read(SANDBOX))]
    lines += ["\nUsers in the superuser's instance, `firstUser` and:\n"]
    lines += [item(n, [str(u)]) for n, u in users(read(USERS))]
    return "\n".join(lines) + "\n"


def faults(page, read):
    at = page.find(HEAD)
    if at < 0 or page[at:] != expected(read):
        yield page[:at].count("\n") + 1, "its lists are not the code's: tool/check --lists"
