#!/usr/bin/env python3
"""Has tool/test-summary add up a run in which tests failed, and demands that its closing lines say which cases did."""

import json
import os
import subprocess
import sys
import tempfile

SUMMARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test-summary")
RESULTS = [("capos:unit / good", "OK", "not ok, says a test that passes\n"),
           ("capos:web+plain / web-x", "FAIL", "ok a (0.1 s)\nnot ok b - Failed so\nits log\nFAIL c: " + "d" * 400 +
            "\n\nnot ok b - Failed so\n2 passed, 2 failed\n"),
           ("capos:e2e / late", "TIMEOUT", "ok a\nbegins b\n\n"), ("mute", "FAIL", "")]
WANTED = ["b: late: 1 passed, 1 failed", "    TIMEOUT: begins b", "b: mute: 0 passed, 1 failed",
          "b: web-x: 2 passed, 2 failed", "    not ok b - Failed so", "    FAIL c: " + "d" * 292,
          "b: the slowest, in seconds: good 1, web-x 1, late 1, mute 1", "b: 4 programs, 8 passed, 4 failed, 0 skipped"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        counts, log = (os.path.join(folder, n) for n in ("counts", "log"))
        with open(counts, "w", encoding="ascii") as f:
            f.write("good 5 0\nweb-x 2 2\nlate 1 0\n")
        with open(log, "w", encoding="ascii") as f:
            for name, result, out in RESULTS:
                f.write(json.dumps({"name": name, "result": result, "duration": 1, "stdout": out}) + "\n")
        said = subprocess.run([SUMMARY, "b", counts, log], capture_output=True, text=True, check=False)
        good = (said.stdout.splitlines(), said.returncode) == (WANTED, 1)
        print("ok" if good else f"not ok: {said}")
        return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
