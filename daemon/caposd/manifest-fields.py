#!/usr/bin/env python3
"""Makes of schema/manifest.capnp what people look up: manifest-fields.py SCHEMA table|man [HEAD]

table: the rows of manifest-explain.c. man: the manual page capos-manifest(5), whose beginning is the
file HEAD. Both say what the schema's own comments say.
"""
import re
import sys


def read(path):
    """[(declaration, kind, its text, [(field, type, default, text)])], in the schema's order."""
    out = []
    member = None
    for line in open(path, encoding="utf-8"):
        line = line.strip()
        opened = re.match(r"(struct|enum) (\w+) \{$", line)
        field = re.match(r"(\w+) @\d+(?: :([\w()]+))?(?: = (.+))?;$", line)
        if opened:
            out.append((opened[2], opened[1], [], []))
            member = out[-1][2]
        elif out and field:
            out[-1][3].append((field[1], field[2] or "", field[3] or "", []))
            member = out[-1][3][-1][3]
        elif out and line.startswith("#"):
            member.append(line[1:].strip())
        elif out and line == "}":
            member = []
    return out


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table(declarations):
    for name, kind, text, fields in declarations:
        print(f"{{{c_string(name)}, \"\", {c_string(kind)}, \"\", {c_string(' '.join(text))}}},")
        for field, type_, default, words in fields:
            print("{" + ", ".join(map(c_string, (name, field, type_, default, " ".join(words)))) + "},")


def escape(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")


def man(declarations, head):
    print(open(head, encoding="utf-8").read().rstrip())
    for name, kind, text, fields in reversed(declarations):
        print(f".SH {name.upper()}")
        words = " ".join(text if kind == "struct" else ["One of these words.", *text])
        print(escape(words) or "The whole.")
        for field, type_, default, words in fields:
            print(".TP")
            default = default.replace('"', "\\(dq")
            print(f".BR {field}" + (f" \" :{type_}" + (f" = {default}" if default else "") + "\"" if type_ else ""))
            print(escape(" ".join(words)))
    print(".SH SEE ALSO\n.BR capos (1)")


if __name__ == "__main__":
    if sys.argv[2] == "table":
        table(read(sys.argv[1]))
    else:
        man(read(sys.argv[1]), sys.argv[3])
