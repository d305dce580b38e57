"""Circles of calls: files of one folder that cannot be read one after the other, because each calls the other.

A source file is a node. A function that its object file asks for, and that another of the folder has, is an arrow: what
a macro or an inline function of a header calls counts for who uses it, a static function of the same name does not. A
call through a table or a pointer is no arrow, for the caller does not know who is called; to put another file's
function into a table is one. What is not built is not judged, nor the pieces of what is compiled once more as one
(-flto), in which nothing is called yet.
"""

import json
import os
import re
import subprocess
from collections import namedtuple

Arrow = namedtuple("Arrow", "path function")


def objects(project, build):
    """{folder: {source: its object file}}"""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        commands = json.load(f)
    wanted = {f.path for f in project.files if f.is_c and not f.is_test and not f.generated}
    found = {}
    for c in commands:
        path = os.path.relpath(os.path.join(c["directory"], c["file"]), project.root)
        object_file = os.path.join(c["directory"], c["output"])
        if path in wanted and "-flto" not in c["command"].split() and os.path.exists(object_file):
            found.setdefault(os.path.dirname(path), {}).setdefault(path, object_file)
    return found


def symbols(object_files):
    """{object file: (functions it has, what it asks for)}"""
    found = {o: (set(), set()) for o in object_files}
    out = subprocess.run(["nm", "-A", *object_files], capture_output=True, text=True, check=True).stdout
    for object_file, kind, name in re.findall(r"^(.+?):[0-9a-f ]+ (\w) (\S+)$", out, re.M):
        if kind in "TWU":
            found[object_file][kind == "U"].add(name)
    return found


def arrows(sources):
    """{source: {source: the first call, by name}} among {source: object file} of a folder."""
    known = symbols(sources.values())
    owners = {}
    for path, object_file in sources.items():
        for name in known[object_file][0]:
            owners.setdefault(name, set()).add(path)

    graph = {path: {} for path in sources}
    for path, object_file in sources.items():
        has, asks = known[object_file]
        for name in sorted(asks - has):
            for other in sorted(owners.get(name, ())):
                graph[path].setdefault(other, Arrow(path, name))
    return graph


def way(graph, start, end):
    """The shortest way from start to end as a list of nodes, or None."""
    before, queue = {start: None}, [start]
    for node in queue:
        if node == end:
            path = []
            while node is not None:
                path.insert(0, node)
                node = before[node]
            return path
        for other in sorted(graph[node]):
            if other not in before:
                before[other] = node
                queue.append(other)
    return None


def circles(graph):
    """One shortest circle through each node that is on any, each circle once."""
    found = {}
    for node in sorted(graph):
        ways = [way(graph, other, node) for other in sorted(graph[node])]
        ways = [w for w in ways if w]
        if ways:
            circle = [node] + min(ways, key=len)
            found.setdefault(frozenset(circle), circle)
    return list(found.values())


def line_of(root, arrow):
    """Where its name stands first; 1: it is a macro's."""
    with open(os.path.join(root, arrow.path), encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            if re.search(rf"\b{arrow.function}\b", line):
                return n
    return 1


def check(project, build):
    """Faults: (path, line, message)."""
    for _, sources in sorted(objects(project, build).items()):
        graph = arrows(sources)
        for circle in circles(graph):
            steps = [graph[a][b] for a, b in zip(circle, circle[1:])]
            told = ", ".join(f"{os.path.basename(s.path)} calls {s.function}()" for s in steps)
            yield steps[0].path, line_of(project.root, steps[0]), f"a circle of calls: {told}"
