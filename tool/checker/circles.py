"""Circles of calls: files of one folder that cannot be read one after the other, because each calls the other.

A file is a node with its header: x.c and x.h. A call by name of a function that another file of the folder defines is
an arrow. A call through a table or a pointer is none: whoever is called that way is not known to the caller.
"""

from collections import namedtuple
from types import SimpleNamespace

from . import metrics, rules
from .lex import Source

Arrow = namedtuple("Arrow", "path line function")

# Where a circle is a fault. Elsewhere `--circles` prints them.
FOLDERS = ("app/", "compiler/", "daemon/", "service/")


def stem(path):
    return path.rsplit(".", 1)[0]


def functions(f):
    """(name, whether others can call it, its body) of each function of a file."""
    tokens = Source(f.text).tokens
    try:
        found = metrics.functions(tokens)
    except metrics.Unparsable:  # which is a fault of its own
        return
    for fn in found:
        i = fn.start - 2
        while i >= 0 and tokens[i].text not in (";", "}"):
            i -= 1
        visible = all(t.text != "static" for t in tokens[i + 1 : fn.start])
        # Of the directives nothing: a macro calls where it is used.
        yield fn.name, visible, SimpleNamespace(tokens=tokens[fn.start : fn.end], directives=[])


def arrows(files):
    """{stem: {stem: the first call}} among the files of a folder."""
    own, shown, bodies = {}, {}, []
    for f in files:
        for name, visible, body in functions(f):
            own.setdefault(stem(f.path), set()).add(name)
            bodies.append((f, body))
            if visible:
                shown.setdefault(name, set()).add(stem(f.path))

    graph = {stem(f.path): {} for f in files}
    for f, body in bodies:
        node = stem(f.path)
        for name, line in rules.calls(body):
            if name in own[node]:
                continue
            for other in sorted(shown.get(name, ())):
                graph[node].setdefault(other, Arrow(f.path, line, name))
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


def folders(project):
    by_folder = {}
    for f in project.files:
        if f.is_c and not f.is_test and not f.generated:
            by_folder.setdefault(f.path.rpartition("/")[0], []).append(f)
    return by_folder


def check(project, everywhere=False):
    """Faults: (path, line, message)."""
    for folder, files in sorted(folders(project).items()):
        if not everywhere and not (folder + "/").startswith(FOLDERS):
            continue
        graph = arrows(files)
        for circle in circles(graph):
            steps = [graph[a][b] for a, b in zip(circle, circle[1:])]
            told = ", ".join(f"{s.path.rpartition('/')[2]} calls {s.function}()" for s in steps)
            yield steps[0].path, steps[0].line, f"a circle of calls: {told}"
