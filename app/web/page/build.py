#!/usr/bin/env python3
"""Builds the page: checks the types, bundles scripts and styles, and writes all of it as constants of C (page.h).

usage: build.py WEB.CAPNP SCHEMA_FOLDER OUT.C [DEPFILE]

The names of script and style have a hash of their content in them: a browser that has kept an old one asks for the new
one. Both are packed, for they are most of what a browser has to fetch. No third-party code: esbuild and tsc are
Debian's, and nothing of theirs is in the result.
"""
import gzip
import hashlib
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import types_of_frames as frames  # noqa: E402

TSC = ["tsc", "--noEmit", "--strict", "--noUnusedLocals", "--noImplicitReturns", "--noFallthroughCasesInSwitch",
       "--target", "es2022", "--module", "es2022", "--moduleResolution", "node", "--lib", "es2022,dom,dom.iterable"]
PER_LINE = 24


def sources():
    for folder in (".", "kinds", "screens"):
        for name in sorted(os.listdir(os.path.join(HERE, folder))):
            if name.endswith((".ts", ".css", ".py", ".html", ".svg")):
                yield os.path.normpath(os.path.join(HERE, folder, name))


def checked(declarations):
    """Stops with what tsc has to say."""
    with tempfile.TemporaryDirectory() as folder:
        types = os.path.join(folder, "wire.d.ts")
        with open(types, "w", encoding="utf-8") as f:
            f.write(declarations)
        said = subprocess.run([*TSC, types, "app.ts"], cwd=HERE, capture_output=True, text=True, check=False)
    if said.returncode:
        sys.exit(said.stdout + said.stderr)


def bundled(entry, *more):
    return subprocess.run(["esbuild", entry, "--bundle", "--minify", "--charset=utf8", "--log-level=warning", *more],
                          cwd=HERE, stdout=subprocess.PIPE, check=True).stdout


def files():
    script = bundled("app.ts", "--format=esm", "--target=es2022")
    style = bundled("app.css")
    names = {}
    for name, data in (("app.js", script), ("app.css", style)):
        stem, end = name.split(".")
        names[name] = f"{stem}.{hashlib.sha256(data).hexdigest()[:16]}.{end}"
    with open(os.path.join(HERE, "index.html"), encoding="utf-8") as f:
        page = f.read()
    for plain, hashed in names.items():
        page = page.replace(f"/{plain}", f"/{hashed}")
    with open(os.path.join(HERE, "icon.svg"), "rb") as f:
        icon = f.read()
    return [("/", "text/html; charset=utf-8", page.encode(), False),
            (f"/{names['app.js']}", "text/javascript; charset=utf-8", gzip.compress(script, mtime=0), True),
            (f"/{names['app.css']}", "text/css; charset=utf-8", gzip.compress(style, mtime=0), True),
            ("/icon.svg", "image/svg+xml", icon, False)]


def constants(all_files):
    out = ['/* Made by app/web/page/build.py. */\n#include "page.h"\n']
    for n, (_, _, data, _) in enumerate(all_files):
        lines = [",".join(str(b) for b in data[i:i + PER_LINE]) for i in range(0, len(data), PER_LINE)]
        out.append(f"static const unsigned char file{n}[] = {{\n" + ",\n".join(lines) + "};\n")
    out.append("const struct page_file page_files[] = {\n")
    for n, (path, kind, _, packed) in enumerate(all_files):
        out.append(f'        {{"{path}", "{kind}", file{n}, sizeof(file{n}), {str(packed).lower()}}},\n')
    out.append("        {NULL, NULL, NULL, 0, false},\n};\n")
    return "".join(out)


def main(contract, schemas, out, depfile=None):
    checked(frames.declarations(contract, schemas))
    with open(out, "w", encoding="utf-8") as f:
        f.write(constants(files()))
    if depfile:
        with open(depfile, "w", encoding="utf-8") as f:
            f.write(f"{out}: {' '.join(sources())}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
