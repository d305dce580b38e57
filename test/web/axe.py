#!/usr/bin/env python3
"""The rules of axe-core (npm, pinned in axe/) on every screen and state of the page, light and dark: no violation.
Those of passkeys are among them, and what a page shows that is empty, waits, was refused, has ended, or is cut off.

usage: axe.py BINARIES GUIDE STAGE HOSTILE FOLDER

FOLDER is where npm may write. It walks the page as page.py and kinds.py do for their pictures, and looks in place of
shooting.
"""
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import kinds  # noqa: E402
import page  # noqa: E402
import passkey  # noqa: E402

WALKS = ["doors", "states", "pictures", "panes_of_chat", "a_question_drops_from_the_frame", "the_bridge_dies"]
PASSKEYS = ["pictures"]
KINDS = ["each_kind", "asked_about", "taken_while_a_call_runs"]
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


class Looked:
    """Cases that look where others shoot."""

    def begin(self, axe):
        self.axe, self.found, self.looks = axe, [], 0
        return self

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


class LookedPage(Looked, page.Cases):
    pass


class LookedPasskeys(Looked, passkey.Cases):
    pass


class LookedKinds(Looked, kinds.Kinds):
    pass


def walk(cases, walks):
    try:
        for name in walks:
            getattr(cases, name)()
    finally:
        cases.close()
    for line in cases.found:
        print(line)
    print(f"axe: {cases.looks} looks, {len(cases.found)} violations", flush=True)
    return len(cases.found)


def main(binaries, guide, stage, hostile, folder):
    axe = source(folder)
    found = walk(LookedPage(binaries, guide, "unused").begin(axe), WALKS)
    found += walk(LookedPasskeys(binaries, "unused").begin(axe), PASSKEYS)
    programs = {"guide": guide, "stage": stage, "hostile": hostile}
    found += walk(LookedKinds(binaries, programs, "unused").begin(axe), KINDS)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
