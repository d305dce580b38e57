#!/usr/bin/env python3
"""Random schemas through the compiler to C: programs of setters and getters, built and run.

A random value becomes a C function that sets it, field by field, reads back what it set, and writes
the message: whose canonical form is that of what `capnp encode` makes of the same value. The
programs are built with the undefined-behaviour sanitizer, which ends them at its first finding.
"""
import os
import shutil
import subprocess

from schemas import Schema, render
from seriallib import BUILD, CAPNP, Test, capnp, same

MESSAGES = 4
SOURCE = os.environ["CAPOS_SRCDIR"]
COMPILER = shutil.which("clang") or "gcc"
FLAGS = ["-std=c11", "-O0", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-variable",
         "-fsanitize=undefined", "-fno-sanitize-recover=all"]
# What runtime functions call the type, and what C calls it.
PRIM = {"Bool": ("bool", "bool"), "Float32": ("f32", "float"), "Float64": ("f64", "double")}
PRIM |= {f"{u}Int{n}": (f"{u or 'i'}{n}".lower(), f"{u.lower()}int{n}_t")
         for u in ("", "U") for n in (8, 16, 32, 64)}
SIZE = {"Void": "VOID", "Bool": "BIT"} | {name: {"8": "BYTE", "6": "TWO", "2": "FOUR", "4": "EIGHT"}
                                        [name[-1]] for name in PRIM if name != "Bool"}
HEAD = r"""
#include "s.capnp-c.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HOLDS(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); exit(1); } } while (0)
#define SAME(a, b) HOLDS((a) == (b) || ((a) != (a) && (b) != (b)))
static void write_message(capnp_msg *m, const char *path)
{
        size_t n = capnp_msg_size(m);
        char *p = malloc(n);
        FILE *f = fopen(path, "wb");
        HOLDS(p && f && capnp_msg_check(m) == 0 && capnp_msg_write(m, p, n) == 0);
        HOLDS(fwrite(p, 1, n, f) == n && fclose(f) == 0);
        free(p);
}
"""
test = Test("serial-generated")


def number(prim, text):
    """A number as C has it."""
    c_type = PRIM[prim][1]
    if prim == "Bool":
        return text
    if prim.startswith("Float"):
        text = text.replace("inf", "INFINITY").replace("nan", "NAN")
        return f"({c_type}){text if '.' in text or 'e' in text or text[-1] in 'YN' else text + '.0'}"
    if text == str(-2**63):
        return "INT64_MIN"
    return f"({c_type}){text}{'ull' if prim[0] == 'U' else 'll'}"


def data(text):
    """A Data value: its bytes as a C expression, and how many."""
    content = bytes.fromhex(text[3:-1]) if text.startswith("0x") else b""
    return '"' + "".join(f"\\x{b:02x}" for b in content) + '"', len(content)


class Program:
    """The C of one message."""

    def __init__(self, schema):
        self.schema, self.lines, self.names = schema, [], 0

    def name(self):
        """A name that is not taken."""
        self.names += 1
        return f"v{self.names}"

    def add(self, line):
        """A line."""
        self.lines.append("        " + line)

    def body(self, typ, b, value):
        """Sets the members of a struct or group."""
        for m, v in value:
            owner = typ
            if m.kind != "field":
                inner = self.name()
                verb = self.schema.random.choice(["init", "build"])
                self.add(f"{typ}_{m.name}_builder {inner} = {typ}_{verb}_{m.name}({b});")
                self.add(f"(void){inner};")
                self.body(f"{typ}_{m.name}", inner, v)
            else:
                self.field(owner, b, m, v)

    def field(self, typ, b, m, v):
        """Sets a field and reads it."""
        kind, get = m.type[0], f"{typ}_{m.name}({typ}_as_reader({b}))"
        if kind == "prim" and m.type[1] == "Void":
            if self.chosen(m):
                self.add(f"{typ}_set_{m.name}({b});")
        elif kind in ("prim", "enum"):
            c = number(m.type[1], v) if kind == "prim" else f"E{m.type[1]}_{v.upper()}"
            self.add(f"{typ}_set_{m.name}({b}, {c});")
            self.add(f"SAME({get}, {c});")
        elif kind == "text":
            self.add(f"{typ}_set_{m.name}({b}, {v});")
            self.add(f"HOLDS(strcmp({get}.p, {v}) == 0 && {get}.len == strlen({v}));")
        elif kind == "data":
            c, count = data(v)
            self.add(f"{typ}_set_{m.name}({b}, (capnp_data){{(const uint8_t *){c}, {count}}});")
            self.add(f"HOLDS({get}.len == {count} && memcmp({get}.p, {c}, {count}) == 0);")
        elif kind == "struct":
            inner = self.name()
            self.add(f"s{m.type[1]}_builder {inner} = {typ}_init_{m.name}({b});")
            self.add(f"(void){inner};")
            self.body(f"s{m.type[1]}", inner, v)
            self.add(f"HOLDS({typ}_has_{m.name}({typ}_as_reader({b})));")
        else:
            inner = self.name()
            of, items = m.type[1], v[1]
            own = f"{of[0][0]}{of[1]}_list_builder" if of[0] in ("struct", "enum") \
                else "capnp_lbuilder"
            raw = f"{inner}.l" if own != "capnp_lbuilder" else inner
            self.add(f"{own} {inner} = {typ}_init_{m.name}({b}, {len(items)});")
            self.add(f"HOLDS({raw}.len == {len(items)});")
            self.items(raw, of, items)

    def chosen(self, m):
        """Whether a field is in a union."""
        return any(m in u.members for s in self.schema.structs for k in s for u in unions(k))

    def items(self, raw, of, items):
        """Sets the elements of a list."""
        for i, v in enumerate(items):
            slot = f"capnp_lbuilder_any({raw}, {i})"
            if of[0] == "prim" and of[1] != "Void":
                f, c = PRIM[of[1]][0], number(of[1], v)
                self.add(f"capnp_lbuilder_set_{f}({raw}, {i}, {c});")
                self.add(f"SAME(capnp_list_{f}(capnp_lbuilder_list({raw}), {i}), {c});")
            elif of[0] == "enum":
                self.add(f"capnp_lbuilder_set_u16({raw}, {i}, E{of[1]}_{v.upper()});")
            elif of[0] == "text":
                self.add(f"capnp_abuilder_set_text({slot}, capnp_text_of({v}));")
            elif of[0] == "data":
                c, count = data(v)
                self.add(f"capnp_abuilder_set_data({slot}, "
                         f"(capnp_data){{(const uint8_t *){c}, {count}}});")
            elif of[0] == "struct":
                inner = self.name()
                self.add(f"s{of[1]}_builder {inner} = {{capnp_lbuilder_struct({raw}, {i})}};")
                self.add(f"(void){inner};")
                self.body(f"s{of[1]}", inner, v)
            elif of[0] == "list":
                self.inner_list(slot, of[1], v[1])

    def inner_list(self, slot, of, items):
        """Sets a list in a list."""
        inner, count = self.name(), len(items)
        if of[0] == "struct":
            self.add(f"capnp_lbuilder {inner} = capnp_abuilder_init_structs({slot}, {count}, "
                     f"S{of[1]}_WORDS, S{of[1]}_PTRS);")
        else:
            size = SIZE[of[1]] if of[0] == "prim" else "TWO" if of[0] == "enum" else "POINTER"
            self.add(f"capnp_lbuilder {inner} = "
                     f"capnp_abuilder_init_list({slot}, CAPNP_SIZE_{size}, {count});")
        self.items(inner, of, items)


def unions(m):
    """The unions in a member, itself counting."""
    if m.kind == "field":
        return []
    return ([m] if m.kind == "union" else []) + [u for k in m.members for u in unions(k)]


def function(schema, i, k, value):
    """One C function: it builds a message and writes it."""
    p = Program(schema)
    p.body(f"s{i}", "b", value)
    return "\n".join([f"static void message_{k}(void)", "{", "        capnp_msg *m = NULL;",
                      "        HOLDS(capnp_msg_new(&m) == 0);",
                      f"        s{i}_builder b = s{i}_build(m);", "        (void)b;", *p.lines,
                      f'        write_message(m, "out.{k}");', "        capnp_msg_free(m);", "}", ""])


def command(what, words):
    """Runs something in the folder of the test: whether it went well."""
    done = subprocess.run(words, cwd=test.folder, capture_output=True, timeout=240, check=False)
    keep = {"s.capnp": read("s.capnp"), "main.c": read("main.c")} if done.returncode else {}
    return test.holds(what, done.returncode == 0, complaint=done.stdout + done.stderr, **keep)


def read(name):
    """A file of the test's folder."""
    with open(test.path(name), "rb") as f:
        return f.read()


def one(seed):
    """A schema, a program, its messages."""
    schema = Schema(seed, simple=True)
    path = test.schema("s.capnp", schema.text())
    if not path:
        return
    values = [(i, schema.value(("struct", i))) for i in
              (schema.random.randrange(schema.count) for _ in range(MESSAGES))]
    calls = "\n".join(f"        message_{k}();" for k in range(MESSAGES))
    test.write("main.c", HEAD + "".join(function(schema, i, k, v) for k, (i, v) in
                                        enumerate(values)) + f"int main(void)\n{{\n{calls}\n}}\n")
    plugin = os.path.join(BUILD, "compiler/capnpc-c")
    if not command("to C", [CAPNP, "compile", f"-o{plugin}:.", "s.capnp"]):
        return
    if not command("built", [COMPILER, *FLAGS, f"-I{SOURCE}/include", "main.c", "s.capnp-c.c",
                             f"-L{BUILD}", "-lcapos-rpc", "-lm", f"-Wl,-rpath,{BUILD}",
                             "-o", "main"]):
        return
    if not command("run", ["./main"]):
        return
    for k, (i, v) in enumerate(values):
        text, ours = render(v).encode(), read(f"out.{k}")
        _, theirs, _ = capnp(["encode", path, f"S{i}"], text)
        test.holds(f"S{i} built by setters", same(ours, theirs), text=text,
                   ours=ours, theirs=theirs)


test.run(one, 1, 12)
