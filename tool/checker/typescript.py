"""The rules of the page's TypeScript and CSS (app/web/page): nothing that turns a text into markup, script, style or an
address, files that can be read, and types that tsc finds in order, strictly."""

import importlib.util
import os
import re
import subprocess
import tempfile

FOLDER = "app/web/page"
LINES = 400
OF_FILE = {"view.ts": 200}
WIDTH = 120

# pattern: what it would let in
SINKS = {
    r"\b(?:inner|outer)HTML\b": "markup",
    r"\binsertAdjacentHTML\b": "markup",
    r"\bcreateContextualFragment\b": "markup",
    r"\bDOMParser\b": "markup",
    r"\bsetHTML\w*\b": "markup",
    r"\bdocument\.write": "markup",
    r"\bsrcdoc\b": "markup",
    r"\beval\s*\(": "script",
    r"\bnew Function\b": "script",
    r"\bset(?:Timeout|Interval)\(\s*[\"'`]": "script",
    r"\bjavascript:": "script",
    r"\bstyle\s*=[^=]": "style from a text",
    r"\bcssText\b": "style from a text",
    r"\binsertRule\b": "style from a text",
    r"\blocalStorage\b": "something that stays in the browser",
    r"\bsessionStorage\b": "something that stays in the browser",
    r"\bimportScripts\b": "script",
    r"\bas any\b": "a type that nobody holds",
    r"@ts-(?:ignore|nocheck|expect-error)": "a type that nobody holds",
}
# Addresses are made in these files alone, of what is checked there.
ADDRESSES = re.compile(r"\.(?:href|src|action)\s*=[^=]")
MAKES_ADDRESSES = {"nav.ts", "screens/transcript.ts"}


def check_file(f):
    """(line, message) for one file of the page."""
    name = f.path[len(FOLDER) + 1:]
    n = f.text.count("\n")
    limit = OF_FILE.get(name, LINES)
    if n > limit:
        yield limit + 1, f"file has {n} lines, at most {limit}"
    if not f.text.startswith("/*"):
        yield 1, "a file opens with a comment: what it is, and why this way"
    for line, text in enumerate(f.text.split("\n"), 1):
        if len(text) > WIDTH and f.path.endswith(".css"):
            yield line, f"{len(text)} columns wide, at most {WIDTH}"
        if not f.path.endswith(".ts"):
            continue
        for pattern, what in SINKS.items():
            if re.search(pattern, text):
                yield line, f"lets in {what}: {re.search(pattern, text).group(0).strip()}"
        if ADDRESSES.search(text) and name not in MAKES_ADDRESSES:
            yield line, "an address; nav.ts makes them"


def compiler(folder):
    """What the build calls, and the declarations of the frames."""
    found = []
    for name in ("types_of_frames", "build"):
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append(module)
    return found


def check(project):
    """(path, line, message) for all of the page."""
    ours = [f for f in project.files if f.path.startswith(FOLDER + "/") and f.path.endswith((".ts", ".css"))]
    for f in ours:
        for line, what in check_file(f):
            yield f.path, line, what
    folder = os.path.join(project.root, FOLDER)
    if not any(f.path == f"{FOLDER}/app.ts" for f in ours):
        return
    frames, build = compiler(folder)
    with tempfile.TemporaryDirectory() as out:
        types = os.path.join(out, "wire.d.ts")
        with open(types, "w", encoding="utf-8") as f:
            f.write(frames.declarations(os.path.join(folder, "..", "web.capnp"), os.path.join(project.root, "schema")))
        said = subprocess.run([*build.TSC, types, "app.ts"], cwd=folder, capture_output=True, text=True, check=False)
    for path, line, what in re.findall(r"^(.+?)\((\d+),\d+\): error (.*)$", said.stdout, re.M):
        yield os.path.normpath(os.path.join(FOLDER, path)), int(line), what
    if said.returncode and "): error" not in said.stdout:
        yield f"{FOLDER}/app.ts", 1, (said.stdout + said.stderr).strip() or "tsc fails"
