#!/usr/bin/env python3
"""Breaks each rule of tool/check once, in a project made for that, and demands exactly these faults."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK = os.path.join(HERE, "..", "check")
ROOT = os.path.join(HERE, "..", "..")
UNFINISHED = "TO" + "DO"

GOOD_C = r"""/* Everything that a reader of C could stumble over, and nothing wrong with it. */
#include "base-list.h"

#include <capos/capnp-good.h>
#include <stdio.h>

#define LOOP(i, n) for (int i = 0; i < (n); i++)
#define OPEN_IF(x)                                                                      \
        do {                                                                            \
                if (x) {                                                                \
        } while (0)

struct __attribute__((packed)) ops {
        int (*read)(void *self, int, int, int, int, int, int);
        const char *text;
};

enum color { RED, GREEN = '}', BLUE = '"' };

static const struct ops table[] = {
        {.read = NULL, .text = "{ if (a && b) strcpy( // no comment"},
        {NULL, "/* nor this"},
};

typedef int callback(void *arg);

static int f(struct ops *o, int n) __attribute__((unused));

/* Four deep, else-if chains do not count. */
static int f(struct ops *o, int n)
{
        int i = 0, sum = 0;

        do {
                if (n == 1) {
                        sum += o->read(o, 1, 2, 3, 4, 5, 6);
                } else if (n == 2) {
                        LOOP (j, n) {
                                while (sum < j)
                                        sum++;
                        }
                } else if (n == 3)
                        sum--;
                else
                        sum = (struct {
                                      int a;
                              }){3}
                                      .a;
        } while (++i < n);

again:
        switch (n) {
        case RED:
        case GREEN:
                goto again;
        case BLUE ... 200:
        default:
                return sum;
        }
}

static int states(enum color c)
{
        switch (c) {
%s                return 1;
        }
        return 0;
}

#ifdef __linux__
static int g(int a)
{
#else
static int h(int a)
{
#endif
        return a + (int)sizeof(table) + states(RED);
}

int main(void)
{
        return f(NULL, g(1));
}
""" % "".join(f"        case {n}:\n" for n in range(30))

GOOD_H = """/** @file
 * A good header. */
#include <stdint.h>

/** A number with a name. */
typedef uint32_t capnp_number;

/**
 * Adds one.
 *
 * @param n  what to add to
 * @return   the sum, 0 after the largest
 */
capnp_number capnp_number_next(capnp_number n);
"""


def body(*lines):
    return "/* Bad in one way. */\n" + "\n".join(lines) + "\n"


def function(*lines):
    return body("int f(int a);", "", "int f(int a)", "{", *[" " * 8 + x if x else "" for x in lines], "}")


def nested(depth):
    lines = [" " * 8 * i + "if (a)" for i in range(depth)]
    return function(*lines, " " * 8 * depth + "return 1;", "return 0;")


def header(*lines):
    return "/** @file\n * A bad header. */\n#include <stdint.h>\n\n" + "\n".join(lines) + "\n"


DOC = ["/**", " * Adds one to a number.", " *", " * @param n  what to add to", " * @return   the sum", " */"]

# path: (text, the faults that must be found: (line, pattern))
CASES = {
    "lib/msg/long-function.c": (function(*["a++;"] * 77, "return a;"), [(4, "f: 81 lines")]),
    "lib/msg/fits.c": (function(*["a++;"] * 76, "return a;"), []),
    "lib/msg/long-file.c": (body(*["extern int a;"] * 1000), [(1001, "1001 lines")]),
    "lib/msg/nesting.c": (nested(5), [(4, "f: 5 levels")]),
    "lib/msg/nesting4.c": (nested(4), []),
    "lib/msg/params.c": (
        body("int f(int a, int b, int c, int d, int (*e)(int, int), int g, int h)", "{", " " * 8 + "return a;", "}"),
        [(2, "f: 7 parameters")],
    ),
    "lib/msg/mccabe.c": (
        function("return a == 1 " + " ".join(f"||\n               a == {n}" for n in range(2, 22)) + ";"),
        [(4, "f: 21 ways")],
    ),
    "lib/msg/mccabe-case.c": (
        function("switch (a) {", *[f"case {n}:\n" + " " * 16 + "a++;" for n in range(20)], "}", "return a;"),
        [(4, "f: 21 ways")],
    ),
    "lib/msg/wide.c": (body("/* " + "x" * 95 + " */"), [(2, "101 columns")]),
    "lib/msg/tab.c": (body("/* a\ttab */"), [(2, "a tab")]),
    "lib/msg/space.c": (body("/* a", " * b ", " */"), [(3, "space at the end")]),
    "lib/msg/no-newline.c": (body("extern int a;")[:-1], [(2, "no newline")]),
    "lib/msg/slashes.c": (body("// a comment"), [(2, "a // comment")]),
    "lib/msg/no-essay.c": ("extern int a;\n", [(1, "opens with a comment")]),
    "lib/msg/format.c": (body("extern  int a;"), [(2, "clang-format")]),
    "lib/msg/bracket.c": (body("int f(int a)", "{", " " * 8 + "return (a;", "}"), [(5, "cannot be read")]),
    "lib/msg/ifdef.c": (
        body("int f(int a)", "{", "#ifdef X", " " * 8 + "a++;", "#endif", " " * 8 + "return a;", "}"),
        [(4, "#ifdef inside a body")],
    ),
    "lib/msg/unfinished.c": (body(f"/* {UNFINISHED}: more */"), [(2, "unfinished")]),
    "doc/machine.md": ("see /ro" + "ot/x\n", [(1, "path of one machine")]),
    "lib/vat/vat-state.c": (
        body("void set(int a)", "{", " " * 8 + "a->state = 1;", "}", "", "void a_move(int a)", "{",
             " " * 8 + "a->state = 1;", "}"),
        [(4, "set: a state is set")],
    ),
    "lib/msg/clock.c": (function("return time(NULL);"), [(6, r"time\(\): lib/msg does no I/O")]),
    "lib/io/io-clock.c": (function("return time(NULL);"), []),
    "lib/io/io-exit.c": (function("exit(1);"), [(6, "neither exits nor prints")]),
    "lib/io/io-print.c": (function('fprintf(stderr, "");', "return a;"), [(6, "stderr: a library")]),
    "lib/io/io-thread.c": (function("return pthread_create(0, 0, 0, 0);"), [(6, "no threads")]),
    "lib/io/test-io-print.c": (function('printf("");', "return a;"), []),
    "lib/msg/member.c": (function("return a->time(1) + b.exit(2);"), []),
    "lib/wire/wire-up.c": (body('#include "msg-list.h"'), [(2, "lib/wire does not stand on lib/msg")]),
    "lib/wire/wire-down.c": (body('#include "base-list.h"'), []),
    "lib/io/io-side.c": (body('#include "wire-frame.h"'), [(2, "lib/io does not stand on lib/wire")]),
    "lib/msg/path.c": (body('#include "../base/base-list.h"'), [(2, "no way up")]),
    "daemon/e/reach.c": (body('#include "msg-list.h"'), [(2, "private to lib/msg")]),
    "daemon/e/open.c": (body('#include "base-list.h"'), []),
    "app/web/front.c": (body('#include "bridge.h"'), [(2, "the front holds no capability")]),
    "app/web/http.c": (body("#include <capos/capos-client.h>"), [(2, "the front holds no capability")]),
    "app/web/check.c": (body('#include "token.h"'), []),
    "app/web/link.c": (body('#include "base-list.h"'), []),
    "app/web/starter.c": (body("#include <capos/capnp-base.h>"), []),
    "app/web/calls.c": (body('#include "bridge.h"'), []),
    "lib/msg/list.h": ("/* A header with no name of its own. */\n", [(1, "named msg-")]),
    "lib/msg/msg-list.h": ("/* A list. */\n", []),
    "lib/base/base-list.h": ("/* A list. */\n", []),
    "lib/wire/wire-frame.h": ("/* A frame. */\n", []),
    "lib/base/base-good.c": (GOOD_C, []),
    "lib/msg/gen/generated.c": ("int  a;\t// no rules here\n", []),
    "include/capos/capnp-good.h": (GOOD_H, []),
    "include/capos/capnp-none.h": (header("uint32_t capnp_none(uint32_t n);"), [(5, "capnp_none.*not documented")]),
    "include/capos/capnp-param.h": (
        header(*DOC, "uint32_t capnp_param(uint32_t n, uint32_t more);"),
        [(8, "not documented: parameter 'more'")],
    ),
    "include/capos/capnp-return.h": (
        header(*DOC[:4], " */", "uint32_t capnp_return(uint32_t n);"),
        [(8, "return type.*not documented")],
    ),
    "include/capos/capnp-stub.h": (
        header("/** Next. */", "typedef int capnp_next;", "", *DOC[:3], " * @param n  n", *DOC[4:],
               "uint32_t capnp_stub(uint32_t n);"),
        [(5, "fewer than three"), (8, "@param n n: says nothing")],
    ),
    "include/capos/capnp-alone.h": (
        header(*DOC, "size_t capnp_alone(uint32_t n);"),
        [(11, "alone, gcc"), (11, "alone, clang")],
    ),
    "include/capos/capnp-inner.h": (
        header('#include "msg-list.h"'),
        [(5, "its like"), (5, "alone, gcc"), (5, "alone, clang")],
    ),
    "daemon/kit/include/capos/kit-none.h": (
        header("uint32_t kit_none(uint32_t n);"), [(5, "kit_none.*not documented")]),
    "daemon/kit/include/capos/kit-alone.h": (
        header(*DOC, "size_t kit_alone(uint32_t n);"),
        [(11, "alone, gcc"), (11, "alone, clang")],
    ),
    "test/e2e/names.py": ("import os\nimport re  # noqa: F401\n\nprint(nowhere)\n",
                          [(1, "'os' imported but unused"), (4, "undefined name 'nowhere'")]),
    "test/e2e/broken.py": ("def f(:\n", [(1, "invalid syntax")]),
    "tool/limits": ("f 100\n", [(1, "there are none")]),
}
for call in ("strcpy", "strcat", "sprintf", "strtok", "gets", "atoi", "dup", "system"):
    CASES[f"app/banned-{call}.c"] = (function(f"return {call}(a);"), [(6, rf"{call}\(\) is banned")])


# What a library shows: its own names, and of the internal ones those that a public header declares.
OBJECT_H = "#define CAPNP_PUBLIC\nCAPNP_PUBLIC int *capnp_i_declared(int a,\n        int b);\n"
OBJECT_C = """int capnp_good(void) { return 1; }
int capnp_i_declared(void) { return 2; }
int capnp_i_hidden(void) { return 3; }
int foreign(void) { return 4; }
"""
# The same as an object of the linker's compiler (-flto), which is what no merged core may be.
OBJECT_FAULTS = ["capos-core.o:1: the core as one piece has no copies that are checked",
                 "capos-core.o:1: the core as one piece has no guards of the stack",
                 "capos-core.o:1: the core as one piece has nothing for a debugger",
                 "capos-core.o:1: the core as one piece has what only one compiler reads",
                 "libcapos-rpc.so:1: shows capnp_i_hidden", "libcapos-rpc.so:1: shows foreign"]


def write(root, path, text):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as f:
        f.write(text)


def faults(root):
    only = ["text", "c"]
    only += ["format"] if shutil.which("clang-format") else []
    only += ["python"] if shutil.which("pyflakes3") else []
    only += ["doc"] if shutil.which("doxygen") else []
    only += ["headers"] if shutil.which("gcc") and shutil.which("clang") else []
    command = [sys.executable, CHECK, "--root", root, "--only", ",".join(only)]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    found = {}
    for line in out.stdout.splitlines():
        m = re.match(r"(.+?):(\d+): (.*)", line)
        # Most cases care little for their format; two are there for it.
        if m and ("clang-format" not in line or m.group(1).endswith(("/format.c", "-good.h"))):
            found.setdefault(m.group(1), []).append((int(m.group(2)), m.group(3)))
    if out.stderr:
        print(out.stderr)
    return out.returncode, found, only


def is_possible(pattern, only):
    if "clang-format" in pattern:
        return "format" in only
    if re.search("unused|undefined|invalid", pattern):
        return "python" in only
    if "alone" in pattern:
        return "headers" in only
    return "doc" in only or "not documented" not in pattern


def judge(path, expected, found):
    missing = [(n, p) for n, p in expected if not any(n == m and re.search(p, text) for m, text in found)]
    extra = [(m, text) for m, text in found if not any(n == m and re.search(p, text) for n, p in expected)]
    for n, p in missing:
        print(f"not reported: {path}:{n}: {p}")
    for m, text in extra:
        print(f"reported for nothing: {path}:{m}: {text}")
    return not missing and not extra


def objects_judged():
    with tempfile.TemporaryDirectory() as root:
        build = os.path.join(root, "build")
        write(root, "include/capos/capnp-good.h", OBJECT_H)
        write(root, "build/build.ninja", "")
        write(root, "build/x.c", OBJECT_C)
        command = ["gcc", "-shared", "-fPIC", "-o", f"{build}/libcapos-rpc.so", f"{build}/x.c"]
        subprocess.run(command, check=True)
        subprocess.run(["gcc", "-c", "-flto", "-o", f"{build}/capos-core.o", f"{build}/x.c"], check=True)
        command = [sys.executable, CHECK, "--root", root, "--only", "objects", build]
        out = subprocess.run(command, capture_output=True, text=True, check=False)
    found = out.stdout.splitlines()[:-1]
    if found != OBJECT_FAULTS or out.returncode != 1:
        print(f"what the libraries show: {found}, expected {OBJECT_FAULTS}")
        return False
    return True


def calls(name, *callees):
    """A file with one function that calls others."""
    return "/* One of several. */\n" + "".join(f"int {c}(int a);\n" for c in (name, *callees)) + \
        f"int {name}(int a)\n{{\n        return {' + '.join(f'{c}(a)' for c in callees) or 'a'};\n}}\n"


# Calls by name, there and back: each circle is told once, where it is shortest. Through a table there is no way back,
# nor to what has only the same name; a macro and an inline function call where they are used.
CIRCLES = {
    "daemon/a/back.c": calls("back", "there", "beside"),
    "daemon/a/beside.c": calls("beside") + "#define BACK(a) back(a)\n",
    "daemon/a/there.c": calls("there", "back"),
    "daemon/b/low.c": calls("low") + "static int high(int a) { return low(a); }\nint (*table)(int a) = high;\n",
    "daemon/b/high.c": calls("high", "low"),
    "daemon/c/one.c": calls("one", "two"),
    "daemon/c/two.c": calls("two", "three"),
    "daemon/c/three.c": calls("three", "one"),
    "daemon/d/pair.h": calls("pair").replace("int pair(int a)\n", "static inline int f(int a)\n"),
    "daemon/d/pair.c": '#include "pair.h"\nint pair(int a) { return a ? f(a - 1) : 0; }\n',
    "daemon/e/user.c": '#include "used.h"\nint user(int a) { return used_f(a); }\n',
    "daemon/e/used.h": "int used(int a);\nstatic inline int used_f(int a) { return used(a); }\n",
    "daemon/e/used.c": calls("used", "user"),
    "lib/io/io-one.c": calls("io_one", "io_two"),
    "lib/io/io-two.c": calls("io_two") + "int io_one(int a);\nint (*io_table[])(int a) = {io_one};\n",
    "lib/io/test-io-three.c": calls("test_io_three", "test_io_four"),
    "lib/io/test-io-four.c": calls("test_io_four", "test_io_three"),
    "lib/rpc/rpc-one.c": calls("rpc_one", "rpc_two"),
    "lib/rpc/rpc-two.c": calls("rpc_two", "rpc_one"),
}
CIRCLE_FAULTS = [
    "daemon/a/back.c:3: a circle of calls: back.c calls there(), there.c calls back()",
    "daemon/c/one.c:3: a circle of calls: one.c calls two(), two.c calls three(), three.c calls one()",
    "daemon/e/used.c:3: a circle of calls: used.c calls user(), user.c calls used()",
    "lib/io/io-one.c:3: a circle of calls: io-one.c calls io_two(), io-two.c calls io_one()",
    "lib/rpc/rpc-one.c:3: a circle of calls: rpc-one.c calls rpc_two(), rpc-two.c calls rpc_one()",
]


def circles_judged():
    """What is built calls in circles; a file of which there is no object is none of it."""
    with tempfile.TemporaryDirectory() as root:
        build = os.path.join(root, "build")
        write(root, "build/build.ninja", "")
        commands = [{"directory": build, "file": "../lib/io/io-absent.c", "output": "absent.o", "command": ""},
                    {"directory": build, "file": "../daemon/c/two.c", "output": "piece.o", "command": "gcc -flto"}]
        subprocess.run(["gcc", "-c", "-x", "c", "-o", f"{build}/piece.o", os.devnull], check=True)
        write(root, "lib/io/io-absent.c", calls("io_absent", "io_one"))
        for path, text in CIRCLES.items():
            write(root, path, text)
        for n, path in enumerate(CIRCLES):
            if path.endswith(".c"):
                command = ["gcc", "-O2", "-c", "-o", f"{build}/{n}.o", f"{root}/{path}"]
                commands.append({"directory": build, "file": f"../{path}", "output": f"{n}.o",
                                 "command": " ".join(command)})
                subprocess.run(command, check=True)
        write(root, "build/compile_commands.json", json.dumps(commands))
        command = [sys.executable, CHECK, "--root", root, "--only", "circles", build]
        out = subprocess.run(command, capture_output=True, text=True, check=False)
    found = out.stdout.splitlines()[:-1]
    if found != CIRCLE_FAULTS or out.returncode != 1:
        print(f"circles: {found}, expected {CIRCLE_FAULTS}")
        return False
    return True


BAD_PAGE = """let x = 1;
document.body.innerHTML = "<b>";
eval("x");
element.style = "color: red";
localStorage.setItem("a", "b");
link.href = "http://elsewhere/";
"""
PAGE_FAULTS = [
    ":1: a file opens with a comment: what it is, and why this way",
    ":2: lets in markup: innerHTML",
    ":3: lets in script: eval(",
    ":4: lets in style from a text: style =",
    ":5: lets in something that stays in the browser: localStorage",
    ":6: an address; nav.ts makes them",
]


def page_judged():
    """The page's own rules, and tsc's: a field that the frames do not have is found."""
    folder = "app/web/page"
    with tempfile.TemporaryDirectory() as root:
        write(root, f"{folder}/bad.ts", BAD_PAGE)
        write(root, f"{folder}/view.ts", "/* Long. */\n" + "export {};\n" * 200)
        write(root, f"{folder}/screens/long.ts", "/* Longer. */\n" + "export {};\n" * 400)
        for path in (f"{folder}/build.py", f"{folder}/types_of_frames.py", "app/web/web.capnp"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                write(root, path, f.read())
        shutil.copytree(os.path.join(ROOT, "schema"), os.path.join(root, "schema"))
        command = [sys.executable, CHECK, "--root", root, "--only", "page"]
        first = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()[:-1]
        os.unlink(os.path.join(root, folder, "bad.ts"))
        write(root, f"{folder}/app.ts", "/* Wrong. */\nexport const n: number = ({} as WebDown).greet?.version;\n")
        second = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    expected = [f"{folder}/bad.ts{f}" for f in PAGE_FAULTS] + [
        f"{folder}/screens/long.ts:401: file has 401 lines, at most 400",
        f"{folder}/view.ts:201: file has 201 lines, at most 200"]
    if first != expected or f"{folder}/app.ts:2: TS2322" not in second:
        print(f"the page: {first}, then {second}, expected {expected}")
        return False
    return True


def main():
    with tempfile.TemporaryDirectory() as root:
        for path, (text, _) in CASES.items():
            write(root, path, text)
        for path in ("meson.build", ".clang-format", "doc/Doxyfile"):
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                write(root, path, f.read())
        code, found, only = faults(root)

    passed = failed = 0
    for path in sorted(set(CASES) | set(found)):
        expected = [e for e in CASES.get(path, ("", []))[1] if is_possible(e[1], only)]
        good = judge(path, expected, found.get(path, []))
        passed += good
        failed += not good
    if shutil.which("gcc") and shutil.which("nm"):
        for good in (objects_judged(), circles_judged()):
            passed += good
            failed += not good
    if shutil.which("tsc"):
        good = page_judged()
        passed += good
        failed += not good
    if code != 1:
        print(f"exit code {code} in spite of faults")
        failed += 1

    print(f"check-test: {passed} passed, {failed} failed")
    if os.environ.get("CAPOS_TEST_COUNTS"):
        with open(os.environ["CAPOS_TEST_COUNTS"], "a", encoding="utf-8") as f:
            f.write(f"check-test {passed} {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
