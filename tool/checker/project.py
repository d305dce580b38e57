"""Which files there are, whose they are, and the layers they belong to."""

import os
import re
import subprocess

GENERATED = re.compile(
    r"\.capnp-c\.[ch]$|^compiler/golden/|^lib/[a-z]+/gen/|\.capnp\.(h|c\+\+)$|(^|/)corpus/"
)
BINARY = re.compile(r"\.(png|bin|gz|pcap|der|p12|sqlite|ico|woff2?)$")
CODE = re.compile(r"\.(c|h|c\+\+|cc|cpp|hpp|py|sh|go|rs|js|mjs|ts)$|meson(_options)?\.(build|txt)$")


class File:
    """One file of the project, read once."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), "rb") as f:
            self.data = f.read()
        self.text = self.data.decode("utf-8", "replace")
        first = self.text.split("\n", 1)[0]
        self.is_cxx = bool(re.search(r"\.(c\+\+|cc|cpp|hpp)$", path)) or (
            path.endswith(".h") and bool(re.search(r"^(namespace|template|class|using)\b", self.text, re.M))
        )
        self.is_c = bool(re.search(r"\.[ch]$", path)) and not self.is_cxx
        self.is_code = bool(CODE.search(path)) or first.startswith("#!")
        self.is_python = path.endswith(".py") or bool(re.match(r"#!.*\bpython3?$", first))
        self.generated = bool(GENERATED.search(path))
        parts = path.split("/")
        self.layer = parts[1] if parts[0] == "lib" and len(parts) > 2 else None
        self.top = parts[0]
        self.name = parts[-1]
        self.is_test = self.name.startswith("test-") or self.top in ("test", "fuzz", "bench")


class Project:
    """The files under root that git knows or would take; all files where there is no git."""

    def __init__(self, root, only=()):
        self.root = root
        paths = self._git() or self._walk()
        self.all_paths = set(paths)
        if only:
            wanted = [os.path.relpath(os.path.abspath(p), root) for p in only]
            paths = [p for p in paths if any(p == w or p.startswith(w + "/") for w in wanted)]
        self.files = []
        for p in sorted(paths):
            full = os.path.join(root, p)
            if os.path.isfile(full) and not os.path.islink(full) and not BINARY.search(p):
                self.files.append(File(root, p))
        self.layers, self.open_layers = self._layers()

    def _git(self):
        try:
            out = subprocess.run(
                ["git", "-C", self.root, "ls-files", "-z", "-co", "--exclude-standard"],
                capture_output=True,
                check=True,
            ).stdout
        except (OSError, subprocess.CalledProcessError):
            return []
        return [p for p in out.decode().split("\0") if p]

    def _walk(self):
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [d for d in folders if not d.startswith((".git", "build"))]
            found += [os.path.relpath(os.path.join(folder, n), self.root) for n in names]
        return found

    def _layers(self):
        """{layer: all layers below it}, and those whose headers are for everybody, as the top meson.build has them."""
        direct = {}
        try:
            with open(os.path.join(self.root, "meson.build"), encoding="utf-8") as f:
                text = f.read()
        except FileNotFoundError:
            return {}, []
        table = re.search(r"^layers = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
        for name, below in re.findall(r"\['(\w+)', \[(.*?)\]\]", table.group(1) if table else ""):
            direct[name] = re.findall(r"'(\w+)'", below)

        closed = {}
        for name, below in direct.items():  # lower layers come first
            closed[name] = set(below).union(*(closed.get(b, set()) for b in below))
        shown = re.search(r"^open_layers = \[(.*?)\]", text, re.MULTILINE)
        return closed, re.findall(r"'(\w+)'", shown.group(1) if shown else "")
