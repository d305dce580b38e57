"""The rules that can be judged from the text of one file. Each yields (line, message)."""

import os
import re

from . import metrics

LINES_PER_FUNCTION = 80
LINES_PER_FILE = 1000
NESTING = 4
PARAMETERS = 6
COMPLEXITY = 20
WIDTH = 100
WIDTH_OTHER = 120

# function: what to do instead
BANNED = {
    "strcpy": "copy with a length",
    "strcat": "use a buffer with a maximum",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "strtok": "strtok_r or strcspn",
    "gets": "fgets",
    "atoi": "strtol with its checks",
    "atol": "strtol with its checks",
    "atof": "strtod with its checks",
    "alloca": "a buffer with a maximum",
    "dup": "fcntl(F_DUPFD_CLOEXEC)",
    "system": "posix_spawn",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
    "signal": "sigaction or signalfd",
}
THREADS = {"pthread_create", "thrd_create"}
PURE_LAYERS = {"base", "wire", "msg", "rpc", "dynamic", "ui"}
IMPURE = set(
    """open openat creat fopen socket accept accept4 connect bind listen read write readv writev
    send recv sendto recvfrom sendmsg recvmsg poll ppoll select epoll_create1 epoll_ctl epoll_wait
    fork execve usleep nanosleep sleep clock_gettime clock_nanosleep gettimeofday time timerfd_create
    eventfd getenv secure_getenv popen""".split()
)
LOUD = {"exit", "_exit", "abort", "printf", "puts", "putchar", "perror", "syslog", "vsyslog"}
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
MACHINE = re.compile(r"(?<![\w.])/(work|root|home/\w+)/")


def text_rules(f):
    """Any text of ours: width, white space, marks of unfinished work, somebody's machine."""
    lines = f.text.split("\n")
    if f.text and not f.text.endswith("\n"):
        yield len(lines), "no newline at the end of the file"
    if f.text.endswith("\n\n"):
        yield len(lines) - 1, "empty lines at the end of the file"

    prose = f.path.endswith(".md")
    limit = WIDTH if f.is_cxx or f.is_c else WIDTH_OTHER
    tabs_allowed = f.name.startswith("Makefile") or f.path.endswith((".go", ".mod", ".sum"))
    for n, line in enumerate(lines, 1):
        if (f.is_code or prose) and len(line) > limit and "://" not in line:
            yield n, f"{len(line)} columns wide, at most {limit}"
        if "\t" in line and f.is_code and not tabs_allowed:
            yield n, "a tab; indent with spaces"
        if line != line.rstrip() and f.is_code:
            yield n, "space at the end of the line"
        if UNFINISHED.search(line):
            yield n, "a mark of unfinished work"
        if MACHINE.search(line):
            yield n, "a path of one machine"


def file_rules(f, source):
    """The form of a C file as a whole."""
    n = f.text.count("\n")
    if n > LINES_PER_FILE:
        yield LINES_PER_FILE + 1, f"file has {n} lines, at most {LINES_PER_FILE}"
    if not f.text.startswith("/*"):
        yield 1, "a file opens with a comment: what it is, and why this way"
    for c in source.comments:
        if c.text.startswith("//"):
            yield c.line, "a // comment; use /* */"


def function_rules(f, source, functions):
    """The measures of each function."""
    for fn in functions:
        for what, value, limit in (
            ("lines", fn.lines, LINES_PER_FUNCTION),
            ("levels of nesting", fn.nesting, NESTING),
            ("parameters", fn.params, PARAMETERS),
            ("ways through (McCabe)", fn.complexity, COMPLEXITY),
        ):
            if value > limit:
                yield fn.line, f"{fn.name}: {value} {what}, at most {limit}"
        if f.is_test or f.path.startswith("test/"):
            continue
        for d in source.directives:
            if fn.start <= d.at <= fn.end and d.name in ("if", "ifdef", "ifndef"):
                yield d.line, f"{fn.name}: #{d.name} inside a body; put it in a second file"


# Layers in which a state changes in one function, against a table of what may follow what.
MOVES = {"rpc", "vat"}


def state_rules(f, source, functions):
    """x->state is set in x_move() alone."""
    if f.layer not in MOVES or f.is_test:
        return
    for fn in functions:
        for a, b, c in zip(source.tokens[fn.start:], source.tokens[fn.start + 1:fn.end], source.tokens[fn.start + 2:]):
            if (a.text, b.text, c.text) == ("->", "state", "=") and not fn.name.endswith("_move"):
                yield a.line, f"{fn.name}: a state is set by a function ..._move() alone"


def calls(source):
    """(name, line) of everything that looks like a call of a function by its name."""
    tokens = source.tokens
    for i, t in enumerate(tokens[:-1]):
        if t.kind != "word" or tokens[i + 1].text != "(":
            continue
        if i and tokens[i - 1].text in (".", "->"):
            continue
        # In "int time(void)" the word is being declared, in "return time(0)" it is not.
        if i and tokens[i - 1].kind == "word" and tokens[i - 1].text not in ("return", "else", "do"):
            continue
        yield t.text, t.line
    for d in source.directives:
        if d.name == "define":
            for m in re.finditer(r"(?<![\w.>])(\w+)\s*\(", d.rest.partition(" ")[2]):
                yield m.group(1), d.line


def call_rules(f, source):
    """Functions that nobody, or nobody in this layer, may call."""
    for name, line in calls(source):
        if name in BANNED:
            yield line, f"{name}() is banned: {BANNED[name]}"
        if name in THREADS and f.top in ("lib", "daemon", "service") and not f.is_test:
            yield line, f"{name}(): no threads here"
        if f.layer and not f.is_test:
            if f.layer in PURE_LAYERS and name in IMPURE:
                yield line, f"{name}(): lib/{f.layer} does no I/O and reads no clock"
            if name in LOUD and not f.name.startswith("base-assert"):
                yield line, f"{name}(): a library neither exits nor prints"
    if f.layer and not f.is_test and not f.name.startswith("base-assert"):
        for t in source.tokens:
            if t.kind == "word" and t.text in ("stdout", "stderr"):
                yield t.line, f"{t.text}: a library does not print"


def include_rules(f, source, project):
    """An include reaches the own layer and lower ones; a public header its like; a process, no private header."""
    public = f.path.startswith("include/")
    if f.layer and f.name.endswith(".h") and not f.name.startswith((f.layer, "test-")):
        yield 1, f"a header of lib/{f.layer} is named {f.layer}-….h"
    for d in source.directives:
        m = re.match(r'"([^"]+)"', d.rest) if d.name == "include" else None
        if not m:
            continue
        name = m.group(1)
        if public:
            if f"include/capos/{name}" not in project.all_paths:
                yield d.line, f'"{name}": a public header includes its like and <…> only'
        elif ".." in name.split("/"):
            yield d.line, f'"{name}": no way up in an include'
        elif f.layer in project.layers:
            owner = owner_of(name, project)
            if owner and owner != f.layer and owner not in project.layers[f.layer]:
                yield d.line, f'"{name}": lib/{f.layer} does not stand on lib/{owner}'
        elif f.top in ("daemon", "service"):
            owner = owner_of(name, project)
            if owner and owner not in project.open_layers:
                yield d.line, f'"{name}": private to lib/{owner}'


# What of app/web is linked for the processes that read what strangers send, and may hold no capability.
FRONT = {"front", "http", "check", "token", "link", "starter", "shield", "protect", "confine",
         "confine-none", "options", "packets", "page"}
FRONT_LAYERS = ("base", "io", "session", "tls")


def front_rules(f, source, project):
    """The front of app/web includes itself, what has no references, and of <capos/…> no more than the words."""
    if not f.path.startswith("app/web/") or os.path.splitext(f.name)[0] not in FRONT:
        return
    for d in source.directives:
        m = re.match(r'["<]([^">]+)[">]', d.rest) if d.name == "include" else None
        if not m:
            continue
        name = m.group(1)
        ours = d.rest.startswith('"') and os.path.splitext(name)[0] not in FRONT and \
            owner_of(name, project) not in FRONT_LAYERS
        if ours or (name.startswith("capos/") and name != "capos/capnp-base.h"):
            yield d.line, f"{name}: the front holds no capability, and includes nothing of those who do"


def owner_of(name, project):
    for layer in project.layers:
        if f"lib/{layer}/{name}" in project.all_paths:
            return layer
    return None


def stub_rules(f, source):
    """Doxygen asks for a comment, a parameter and a result; this asks that they say something."""
    for c in source.comments:
        if not c.text.startswith(("/**", "/*!")) or c.text.startswith("/**<"):
            continue
        body = re.sub(r"^\s*\*", "", c.text[3:-2], flags=re.MULTILINE)
        parts = re.split(r"[@\\](\w+)", body)
        brief = parts[0].split()
        if len(parts) == 1 and len(brief) < 3:
            yield c.line, "documentation of fewer than three words"
        for command, text in zip(parts[1::2], parts[2::2]):
            words = re.sub(r"^\[.*?\]", "", text).split()
            if command in ("param", "retval") and not set(words[1:]) - set(words[:1]):
                yield c.line, f"@{command} {' '.join(words)}: says nothing"
            if command in ("return", "returns", "brief") and not words:
                yield c.line, f"@{command}: says nothing"


# Folders of headers that are installed: for programs and services, and for services written with the kit.
PUBLIC = ("include/capos/", "daemon/kit/include/capos/")


def check_c(f, source, project):
    yield from file_rules(f, source)
    yield from call_rules(f, source)
    yield from include_rules(f, source, project)
    yield from front_rules(f, source, project)
    if f.path.startswith(PUBLIC):
        yield from stub_rules(f, source)
    try:
        functions = metrics.functions(source.tokens)
        yield from function_rules(f, source, functions)
        yield from state_rules(f, source, functions)
    except metrics.Unparsable as e:
        yield e.line, f"cannot be read: {e}"
