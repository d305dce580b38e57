#!/usr/bin/env python3
"""Reads the contract of page and bridge, web.capnp with what it imports, and says it as TypeScript declarations.

usage: types_of_frames.py WEB.CAPNP SCHEMA_FOLDER

The rules are those of lib/dynamic's JSON: 64-bit integers are strings, Data a list of numbers (or base64), an enum its
name, of a union the active member alone, Void null, a null pointer is left out. So pointers and members of unions may
be missing, and all else is there. Only what WebUp and WebDown reach is declared. The reader knows as much of the
language as our schemas use, and stops at what it does not know.
"""
import os
import re
import sys

TOKEN = re.compile(r'\s+|#[^\n]*|("(?:[^"\\]|\\.)*")|([A-Za-z_][\w.]*|-?[\d][\w.]*|@0x[0-9a-f]+|@\d+)|([^\s\w])')
WIDE = {"Int64", "UInt64"}
NUMBERS = {"Int8", "Int16", "Int32", "UInt8", "UInt16", "UInt32"}
FLOATS = {"Float32", "Float64"}
PLAIN = {"Text": "string", "Data": "Bytes", "Bool": "boolean", "Void": "null", "AnyPointer": "unknown",
         "Capability": "Ref"}


class Fault(Exception):
    pass


class Field:
    def __init__(self, name, kind, in_union):
        self.name, self.kind, self.in_union = name, kind, in_union


class Node:
    """A struct or an enum."""

    def __init__(self, what, name, scope):
        self.what, self.name, self.scope = what, name, scope
        self.fields, self.names, self.nested = [], [], {}

    @property
    def full(self):
        return f"{self.scope.full}_{self.name}" if self.scope and self.scope.name else self.name


class File:
    """One schema file: its declarations, and the files it names."""

    def __init__(self, path, folder, known):
        self.path, self.folder, self.known = path, folder, known
        with open(path, encoding="utf-8") as f:
            text = f.read()
        self.tokens = [m.group(0) for m in TOKEN.finditer(text) if any(m.groups())]
        self.at, self.uses = 0, {}
        self.root = Node("file", "", None)
        known[os.path.basename(path)] = self
        while self.at < len(self.tokens):
            self.declaration(self.root)

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def peek(self, n=0):
        return self.tokens[self.at + n] if self.at + n < len(self.tokens) else ""

    def skip(self):
        """To the end of a statement, over whatever is in brackets."""
        depth = 0
        while True:
            t = self.next()
            depth += (t in "({[") - (t in ")}]")
            if depth == 0 and (t == ";" or t == "}"):
                return

    def declaration(self, scope):
        t = self.peek()
        if t == "using":
            self.using()
        elif t in ("struct", "enum"):
            self.body(scope)
        elif t in ("interface", "annotation", "const", "$") or t.startswith("@0x"):
            self.skip()
        else:
            raise Fault(f"{self.path}: what is {t!r}?")

    def using(self):
        if self.peek(2) == "=" and self.peek(3) == "import":
            name = os.path.basename(self.peek(4).strip('"'))
            self.uses[self.peek(1)] = name
            path = os.path.join(self.folder, name)
            if name not in self.known and os.path.exists(path):
                File(path, self.folder, self.known)
        self.skip()

    def body(self, scope):
        node = Node(self.next(), self.next(), scope)
        scope.nested[node.name] = node
        while self.peek() != "{":
            self.next()
        self.next()
        self.members(node, node, False)

    def members(self, node, scope, in_union):
        while self.peek() != "}":
            t = self.peek()
            if t in ("struct", "enum", "interface", "using", "annotation", "const") and self.peek(1) not in (":", "@"):
                if not self.peek(1).startswith("@"):
                    self.declaration(scope)
                    continue
            if t == "union" and self.peek(1) == "{":
                self.at += 2
                self.members(node, scope, True)
            else:
                self.member(node, scope, in_union)
        self.next()

    def member(self, node, scope, in_union):
        name = self.next()
        if self.peek().startswith("@"):
            self.next()
        if node.what == "enum":
            node.names.append(name)
            self.skip()
            return
        if self.next() != ":":
            raise Fault(f"{self.path}: {name} has no type")
        if self.peek() in ("union", "group"):
            group = Node("struct", name[0].upper() + name[1:], scope)
            is_union = self.next() == "union"
            self.next()
            self.members(group, scope, is_union)
            node.fields.append(Field(name, ("group", group), in_union))
            return
        node.fields.append(Field(name, self.type(), in_union))
        self.skip()

    def type(self):
        name = self.next()
        if self.peek() != "(":
            return ("name", name)
        self.next()
        inner = self.type()
        self.next()
        return ("list", inner) if name == "List" else ("name", "AnyPointer")

    def find(self, name, scope):
        """What a name means here: in this scope, around it, or in a file that was imported."""
        first, *rest = name.split(".")
        while scope:
            if first in scope.nested:
                node = scope.nested[first]
                for r in rest:
                    node = node.nested[r]
                return self, node
            scope = scope.scope
        there = self.known.get(self.uses.get(first, ""))
        if not there or not rest:
            raise Fault(f"{self.path}: what is {name}?")
        return there.find(".".join(rest), there.root)


class Writer:
    def __init__(self):
        self.out, self.done = {}, {}

    def type(self, file, scope, kind):
        """(as TypeScript, whether it may be missing)."""
        what, name = kind
        if what == "list":
            inner, _ = self.type(file, scope, name)
            return (f"({inner})[]" if "|" in inner else f"{inner}[]"), True
        if what == "group":
            return self.node(file, name), False
        if name in WIDE:
            return "Wide", False
        if name in NUMBERS:
            return "number", False
        if name in FLOATS:
            return "Float", False
        if name in PLAIN:
            return PLAIN[name], name not in ("Bool", "Void")
        there, node = file.find(name, scope)
        return self.node(there, node), node.what == "struct"

    def node(self, file, node):
        if node.full in self.out:
            return node.full
        self.out[node.full] = None
        if node.what == "enum":
            names = " | ".join(f'"{n}"' for n in node.names)
            self.out[node.full] = f"type {node.full} = {names};\n"
            return node.full
        lines = []
        for f in node.fields:
            kind, optional = self.type(file, node, f.kind)
            lines.append(f"  {f.name}{'?' if optional or f.in_union else ''}: {kind};\n")
        self.out[node.full] = f"interface {node.full} {{\n{''.join(lines)}}}\n"
        return node.full


HEAD = """// Made from web.capnp and what it imports (types_of_frames.py): what page and bridge say to each other.
type Wide = string;
type Float = number | "NaN" | "Infinity" | "-Infinity";
type Bytes = string | number[];
type Ref = { $cap: number } | null;
"""


def read(path, folder):
    return File(path, folder, {})


def declarations(path, folder):
    file = read(path, folder)
    w = Writer()
    for name in ("WebUp", "WebDown"):
        w.node(file, file.root.nested[name])
    return HEAD + "".join(w.out.values())


if __name__ == "__main__":
    sys.stdout.write(declarations(*sys.argv[1:]))
