#!/usr/bin/env python3
"""`capos web --approve`: what agents of the user's wait for is shown in the page's frame and decided there (R52), by a
client of our own and in Debian's Chromium.

usage: approve.py BINARIES [CASE...]

An agent has the built-in profile `agent`, and a host that cannot ask its person: so what others would see waits for
somebody elsewhere. A call waits for 50 s at most; where an answer came later it is the next call's, which is made then.
"""
import json
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

import instance  # noqa: E402
import mcphost  # noqa: E402
from bridge import PASSWORD, Bridge, equal, holds, until  # noqa: E402
from browser import Browser  # noqa: E402

NAME = "chat__say"
# It turns over what follows, and hides: what is left of a name, and as JSON has it.
HIDDEN, LEFT, ESCAPED = "a\u202eb\u200bc", "abc", "a\\u202eb\\u200bc"


class Host(mcphost.Host):
    name = f"{HIDDEN} host"


class Cases:
    def __init__(self, binaries):
        self.binaries = os.path.abspath(binaries)
        self.bridge = Bridge(self.binaries, "--approve")
        self.rig = self.bridge.rig
        self.rig.ok("account", "add", "bot", "--profile", "agent", "--password-stdin", "--state", self.rig.state,
                    stdin=PASSWORD + "\n")
        made = self.rig.ok("login", f"bot@{self.rig.address}", "--password-stdin", "--as", "bot", "--json",
                           stdin=PASSWORD + "\n").json
        self.rig.agents.append(made["agent"])
        self.said = 0

    def close(self):
        self.bridge.close()

    def host(self):
        return Host({**self.rig.env, "XDG_STATE_HOME": self.rig.path("home")}, "--session", "bot", caps={})

    def begin(self, h, text=None):
        """A call that waits: its number and its arguments."""
        self.said += 1
        arguments = {"channel": "#bots", "text": text or f"number {self.said}"}
        return h.begin("tools/call", {"name": NAME, "arguments": arguments}, {"progressToken": self.said}), arguments

    @staticmethod
    def code(result):
        return json.loads(result["content"][0]["text"])["code"] if result["isError"] else ""

    def end(self, h, n, arguments):
        """What became of it."""
        code = self.code(h.end(n)["result"])
        return self.code(h.call(NAME, arguments)) if code == "refused.waiting" else code

    @staticmethod
    def asks(t, count):
        """What waits, when it is so much."""
        return t.down(lambda f: len(f.get("asks", ())) == count and "asks" in f)["asks"]

    def records(self, event):
        path = os.path.join(self.rig.path("home"), "capos", "mcp.log")
        return [x for x in instance.records(path) if x["event"] == event]

    # ---- by frames

    def what_waits_is_decided(self):
        t = self.bridge.browser().tab()  # without a session: it has no part in it
        self.asks(t, 0)
        with self.host() as h:
            for answer, code in (("once", ""), ("no", "refused.person")):
                n, arguments = self.begin(h)
                ask = self.asks(t, 1)[0]
                equal((ask["tool"], ask["client"]), (NAME, f"{LEFT} host 1"), "what waits")
                holds("chat.say" in ask["question"] and arguments["text"] in ask["question"], ask)
                decision = {"desk": ask["desk"], "number": ask["number"], "answer": answer}
                equal("done" in t.ask("decide", decision), True, "the answer")
                self.asks(t, 0)
                equal(self.end(h, n, arguments), code, answer)
                equal(t.ask("decide", decision)["failed"]["code"], "bridge.gone", "the answer, once more")
            n, arguments = self.begin(h)
            ask = self.asks(t, 1)[0]
            equal("done" in t.ask("decide", {"desk": ask["desk"], "number": ask["number"], "answer": "minutes"}), True,
                  "the answer")
            equal(self.end(h, n, arguments), "", "minutes")
            equal(self.code(h.call(NAME, {"channel": "#bots", "text": "other"})), "", "another call of the tool")
        decided = self.records("decided")[-3:]
        equal([(x["by"], x.get("code")) for x in decided], [("page", None), ("page", "refused.person"), ("page", None)],
              "the log")
        t.close()

    def each_tab_is_told(self):
        browser = self.bridge.browser()
        one = browser.tab()
        self.asks(one, 0)
        with self.host() as h, self.host() as other:
            n, arguments = self.begin(h)
            equal([a["number"] for a in self.asks(one, 1)], [1], "the first")
            self.begin(other)
            two = browser.tab()
            both = self.asks(two, 2)
            equal([(a["desk"], a["number"]) for a in self.asks(one, 2)],
                  [(a["desk"], a["number"]) for a in both], "both")
            holds(both[0]["desk"] != both[1]["desk"], both)
            other.close()  # what its host has begun waits no more
            left = self.asks(two, 1)[0]
            equal("done" in two.ask("decide", {"desk": left["desk"], "number": left["number"], "answer": "no"}), True,
                  "the answer of the second tab")
            self.asks(one, 0)
            equal(self.end(h, n, arguments), "refused.person", "a no")
        one.close()
        two.close()

    def what_hides_is_written_out(self):
        t = self.bridge.browser().tab()
        with self.host() as h:
            n, arguments = self.begin(h, HIDDEN)
            ask = self.asks(t, 1)[0]
            equal(ask["client"], f"{LEFT} host 1", "the client")
            holds(ESCAPED in ask["question"], ask)
            t.ask("decide", {"desk": ask["desk"], "number": ask["number"], "answer": "no"})
            equal(self.end(h, n, arguments), "refused.person", "a no")
        t.close()

    def a_bridge_that_was_not_told_to_decides_nothing(self):
        other = Bridge(self.binaries, rig=self.rig)
        try:
            t = other.browser().tab()
            with self.host() as h:
                n, arguments = self.begin(h)
                first = until(lambda: self.rig.ok("approve", "--json").out, "what waits, in a terminal")
                number = json.loads(first)["number"]
                for desk in (0, 1, 2):
                    answer = t.ask("decide", {"desk": desk, "number": number, "answer": "once"})
                    equal(answer["failed"]["code"], "bridge.gone", "an answer")
                equal([f for f in t.frames if "asks" in f], [], "what it is told")
                equal(len(self.rig.ok("approve", "--json").out.splitlines()), 1, "what waits still")
                h.cancel(n)
            t.close()
        finally:
            other.stop()

    # ---- in a browser

    def the_frame_asks(self):
        if os.environ.get("CAPOS_SANITIZED"):
            raise instance.Skip("Chromium says nothing of it")
        browser = Browser()
        try:
            p = browser.page()
            p.go(f"{self.bridge.origin}/#k={self.bridge.another_code()}")
            p.there("#connect-0")
            with self.host() as h:
                for press, hidden, code in (("#sheet-yes", "", ""), ("#sheet-refuse", HIDDEN, "refused.person")):
                    n, arguments = self.begin(h, f"<b>{press}</b>{hidden}")
                    p.there("#asked")
                    holds(not p.js("document.getElementById('sheet').open"), "it comes by itself")
                    p.click("#asked")
                    p.says("<b>", "#sheet-call")
                    p.says(ESCAPED if hidden else "chat.say", "#sheet-call")
                    p.says(f"{LEFT} host 1", "#sheet")
                    equal(p.js("document.activeElement.id"), "sheet-no", "what is focused")
                    p.until("document.getElementById('sheet').dataset.deaf === ''", "it listens")
                    p.click("#sheet-no")
                    p.until("!document.getElementById('sheet').open", "later")
                    p.click("#asked")
                    p.until("document.getElementById('sheet').dataset.deaf === ''", "it listens")
                    p.click(press)
                    p.until("!document.getElementById('asked')", "nothing waits")
                    equal(self.end(h, n, arguments), code, press)
                self.begin(h)
                p.there("#asked")
                p.click("#asked")
                p.there("#sheet-call")
                h.close()
                p.until("!document.getElementById('sheet').open", "what it was about is over")
            equal(p.faults(), [], "faults of scripts")
        finally:
            browser.close()


CASES = [n for n in vars(Cases) if not n.startswith("_") and n not in
         ("close", "host", "begin", "code", "end", "asks", "records")]


def main(binaries, *only):
    cases = Cases(binaries)
    try:
        return instance.run_cases("web-approve", [(n, getattr(cases, n)) for n in only or CASES],
                                  more=cases.bridge.said)
    finally:
        cases.close()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
