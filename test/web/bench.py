#!/usr/bin/env python3
"""bench web: what the page costs, in Chromium, a JSON line for each figure: bytes until a workspace can be used, script
before the first paint, 10,000 lines appended to a log, 20 patches a second (more than that no service may) on 16 panes.
Nothing is asserted. A trace of each is kept, for chrome://tracing.

    bench.py BIN STAGE TRACES
"""
import base64
import json
import os
import sys
import time

import browser
from bridge import PASSWORD
from staging import Staged, schema_of

LINES, PART, PANES, PATCHES = 10000, 100, 16, 200
CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing", "loading",
              "v8.execute"]


class Bench:
    def __init__(self, binaries, stage, traces):
        self.b = Staged(binaries, stage)
        self.browser = browser.Browser()
        self.page = self.browser.page()
        self.traces = traces
        os.makedirs(traces, exist_ok=True)
        self.page.call("Performance.enable")

    def close(self):
        self.browser.close()
        self.b.close()

    def metrics(self):
        return {m["name"]: m["value"] for m in self.page.call("Performance.getMetrics")["metrics"]}

    def bytes(self):
        """That have come so far: HTTP with its headers, and frames."""
        n = 0
        for e in self.page.events:
            if e["method"] == "Network.loadingFinished":
                n += e["params"]["encodedDataLength"]
            elif e["method"] == "Network.webSocketFrameReceived":
                n += len(e["params"]["response"]["payloadData"].encode())
        return int(n)

    def traced(self, name, do):
        """Does it, and keeps a trace."""
        p = self.page
        p.call("Tracing.start", transferMode="ReturnAsStream", traceConfig={"includedCategories": CATEGORIES})
        do()
        p.call("Tracing.end")
        deadline = time.monotonic() + 60
        while not [e for e in p.events if e["method"] == "Tracing.tracingComplete"]:
            if not self.browser.read(deadline):
                raise browser.Failed("no trace")
        handle = next(e for e in p.events if e["method"] == "Tracing.tracingComplete")["params"]["stream"]
        p.events = [e for e in p.events if e["method"] != "Tracing.tracingComplete"]
        with open(os.path.join(self.traces, f"{name}.json"), "wb") as f:
            end = False
            while not end:
                part = p.call("IO.read", handle=handle)
                data, end = part["data"], part["eof"]
                f.write(base64.b64decode(data) if part.get("base64Encoded") else data.encode())
        p.call("IO.close", handle=handle)

    def costing(self, name, times, do):
        """What something costs that is done so often."""
        before, bytes_, began = self.metrics(), self.bytes(), time.monotonic()
        self.traced(name, do)
        after = self.metrics()
        ms = {m.lower(): round((after[f"{m}Duration"] - before[f"{m}Duration"]) * 1000, 1)
              for m in ("Script", "Layout", "RecalcStyle", "Task")}
        say(name, times=times, seconds=round(time.monotonic() - began, 2), bytes=self.bytes() - bytes_,
            **{f"{k}_ms": v for k, v in ms.items()}, script_us_each=round(ms["script"] * 1000 / times, 1),
            heap_mb=round(after["JSHeapUsedSize"] / 1e6, 1))

    # ---- the figures ----

    def first_paint(self):
        """The page as a person first sees it."""
        p = self.page
        p.go(f"{self.b.origin}/#k={self.b.another_code()}")
        p.until("performance.getEntriesByName('first-contentful-paint').length")
        script = self.metrics()["ScriptDuration"]
        paint = p.js("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        say("first-paint", script_ms=round(script * 1000, 1), paint_ms=round(paint, 1))
        p.there("#connect-0")

    def workspace(self):
        """In, with the panes of a service open."""
        p = self.page
        p.click("#connect-0")
        p.click("#choose-password")
        p.fill("#account", "alice")
        p.fill("#secret", PASSWORD)
        p.click("#login")
        p.says("alice", "#session-account")
        p.js("location.hash = '#/workspace'")
        p.click("#open-stage")
        self.b.tell("heard")
        while self.b.tell("open", spec=self.spec("log", "log")).get("outcome"):
            pass
        self.b.revisions["log"] = 0
        p.there(".pane.of-log")
        say("workspace-bytes", bytes=self.bytes(), at_most=150000)

    def spec(self, name, kind):
        return {"surfaceId": self.b.id(name), "title": name, "kind": kind, "safetyClass": "ordinary",
                "modelSchema": schema_of(kind)}

    def log(self):
        for at in range(0, LINES, PART):
            self.b.change("log", lines=[{"sequence": str(at + i + 1), "atMs": "1", "level": "info", "source": "bench",
                                         "text": f"line {at + i + 1} of {LINES}, with some words to it"}
                                        for i in range(PART)])
        self.page.says(f"line {LINES} of", ".pane.of-log")

    def open_counters(self):
        self.b.tell("close", surfaceId=self.b.id("log"))
        for n in range(PANES):
            self.b.paced("open", spec=self.spec(f"c{n}", "counters"))
            self.b.revisions[f"c{n}"] = 0
        self.page.until(f"document.querySelectorAll('.pane.of-counters').length + document.querySelectorAll("
                        f"'[role=tab]').length >= {PANES}")

    def patches(self):
        began = time.monotonic()
        for i in range(PATCHES):
            self.b.change(f"c{i % PANES}", counters=[{"key": "n", "label": "so far", "value": i}])
            time.sleep(max(0, began + (i + 1) / 20 - time.monotonic()))
        self.page.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self):
        self.traced("first-paint", self.first_paint)
        self.traced("workspace", self.workspace)
        self.costing("log-lines", LINES, self.log)
        self.open_counters()
        self.costing("patches-on-16-panes", PATCHES, self.patches)


def say(name, **figures):
    print(json.dumps({"bench": "web", "figure": name, **figures}), flush=True)


def main(binaries, stage, traces):
    bench = Bench(binaries, stage, traces)
    try:
        bench.run()
    finally:
        bench.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
