#!/usr/bin/env python3
"""The rules of axe-core (npm, pinned in axe/) on every screen and state of the page, light and dark: no violation.

usage: axe.py BINARIES GUIDE FOLDER

FOLDER is where npm may write. It walks the page as page.py does for its pictures, and looks in place of shooting.
"""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import page  # noqa: E402

WALKS = ["pictures", "panes_of_chat", "a_question_drops_from_the_frame"]
LOOK = """axe.run(document, {resultTypes: ["violations"]}).then((r) => ({passes: r.passes.length, violations:
    r.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`),
}))"""


def source(folder):
    os.makedirs(folder, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, "axe", name), folder)
    subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
    with open(os.path.join(folder, "node_modules", "axe-core", "axe.min.js"), encoding="utf-8") as f:
        return f.read()


class Looked(page.Cases):
    """Cases that look where others shoot."""

    def __init__(self, binaries, guide, axe):
        super().__init__(binaries, guide, "unused")
        self.axe, self.found, self.looks = axe, [], 0

    def shoot(self, p, name):
        if not p.js("!!globalThis.axe"):
            p.js(self.axe + "; true")
        for scheme in ("light", "dark"):
            p.media(scheme=scheme, motion="reduce")
            p.until(f"document.documentElement.dataset.scheme === '{scheme}' && !document.getAnimations().some((a) => "
                    "a.playState === 'running')", "it has come to rest")
            result = p.js(LOOK)
            page.holds(result["passes"] > 0, "axe has looked at nothing")
            self.looks += 1
            self.found += [f"{name}, {scheme}: {v}" for v in result["violations"]]
        p.media(scheme="light")


def main(binaries, guide, folder):
    cases = Looked(binaries, guide, source(folder))
    try:
        for walk in WALKS:
            getattr(cases, walk)()
    finally:
        cases.close()
    for line in cases.found:
        print(line)
    print(f"axe: {cases.looks} looks, {len(cases.found)} violations")
    return 1 if cases.found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
