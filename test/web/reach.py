#!/usr/bin/env python3
"""web-reach: who sees little, hears the page, or has keys alone gets to every screen of it, and to all that is on it,
in Debian's Chromium (R54, R55); and what the browser keeps of a page that was left.

usage: reach.py BINARIES GUIDE [CASE...]

The walk from the door to the end of a session is by keys alone: Tab, Enter, arrows and letters. On each screen, in each
state on its way and in each dialog, the same is looked for: see Reach.reached.
"""
import json
import os
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bridge  # noqa: E402
import browser  # noqa: E402
import page  # noqa: E402
from bridge import Failed, equal, holds  # noqa: E402
from browser import Browser  # noqa: E402

ELSEWHERE = "https://capos.example"
NAMED = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "tab", "spinbutton", "listbox",
         "option", "dialog", "image", "img", "region", "group", "navigation", "complementary", "banner", "contentinfo"}
MOST_TABS = 250

# What can be reached in a part of the page: its elements, and a name for each that outlives a drawing.
REACHABLE = """
    const usable = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    const all = (root) => [...root.querySelectorAll(usable)].filter((e) => !e.disabled &&
        (e.tabIndex >= 0 || e.role !== "tab") && e.checkVisibility({visibilityProperty: true}));
    const name = (e) => e.id || `${e.localName} ${e.getAttribute("aria-label") ?? ""} ${e.innerText.slice(0, 40)} ${
        e.type === "radio" ? e.name : ""}`;
"""
# Nothing is wider than the room that there is, and whatever can be used can be brought to where a finger gets it.
ROOM = """(async () => {%s
    const bad = [], root = document.querySelector(%s), main = document.querySelector("main");
    if (document.documentElement.scrollWidth > innerWidth)
        bad.push("the page is wider than its window");
    if (document.scrollingElement.scrollHeight > innerHeight)
        bad.push("the page is higher than its window");
    if (main.scrollWidth > main.clientWidth)
        bad.push(`the screen is ${main.scrollWidth - main.clientWidth} too wide`);
    for (const e of all(root)) {
        e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
        const r = e.getBoundingClientRect();
        if (r.left < -1 || r.right > innerWidth + 1)
            bad.push(`${name(e)} is from ${r.left} to ${r.right}`);
        const x = r.x + r.width / 2, y = (Math.max(0, r.top) + Math.min(innerHeight, r.bottom)) / 2;
        const top = document.elementFromPoint(x, y);
        if (!top || !(e.contains(top) || top.contains(e)))
            bad.push(`${name(e)} is under ${top?.outerHTML.slice(0, 80)}`);
    }
    return bad;
})()"""
# Notes where Tab has stopped; whether it can be seen that it is there.
STOP = """(() => {%s
    const e = document.activeElement, style = getComputedStyle(e);
    (window.stops ??= new Set()).add(name(e));
    return ["main", "body"].includes(e.localName) ||
        style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
})()""" % REACHABLE
# Of one group of radio buttons Tab reaches one.
MISSED = """(() => {%s
    const want = all(document.querySelector(%s)), groups = new Set();
    for (const e of want)
        if (e.type === "radio" && stops.has(name(e)))
            groups.add(e.name);
    return want.filter((e) => !stops.has(name(e)) && !(e.type === "radio" && groups.has(e.name))).map(name);
})()"""


class Reach(page.Cases):
    """An instance that takes passkeys and composes panes; a bridge to which instances can be added."""

    def __init__(self, binaries, guide):  # pylint: disable=super-init-not-called
        self.folder, self.guide = tempfile.TemporaryDirectory(prefix="capos-reach-"), guide
        path = self.write(ELSEWHERE)
        self.bridge = bridge.Bridge(os.path.abspath(binaries), "--allow", "127.0.0.1:*", manifest=path)
        self.write(self.bridge.origin)
        self.rig, self.screens = self.bridge.rig, None
        self.rig.ok("reload", "--state", self.rig.state)
        self.browser = Browser()

    def close(self):
        super().close()
        self.folder.cleanup()

    def write(self, origin):
        path = os.path.join(self.folder.name, "manifest")
        party = "localhost" if "localhost" in origin else "capos.example"
        with open(path, "w", encoding="utf-8") as f:
            f.write(page.manifest(self.guide).replace(
                "authentication = (",
                f'authentication = (passkeys = (relyingParty = "{party}", origins = ["{origin}"]), ', 1))
        return path

    # ---- keys ----

    @staticmethod
    def tab_to(p, name):
        """By Tab alone; what is drawn anew meanwhile takes the focus along."""
        for _ in range(MOST_TABS):
            if p.js(f"(document.activeElement?.id ?? '').endsWith({json.dumps(name)})"):
                return
            p.key("Tab")
        raise Failed(f"Tab does not reach #{name}")

    def enter(self, p, name, then):
        """What a click would do."""
        self.tab_to(p, name)
        p.key("Enter")
        p.there(then)

    def types(self, p, name, text):
        self.tab_to(p, name)
        p.type(text)

    # ---- what is looked for ----

    def is_read_out(self, p, name, dialog):
        """By the accessibility tree: landmarks, one heading of the first level, and a name for whatever can be used. Of
        a dialog: its name, and nothing of what is behind it."""
        nodes = [n for n in p.call("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
        roles = [n.get("role", {}).get("value", "") for n in nodes]
        nameless = [(r, n.get("nodeId")) for r, n in zip(roles, nodes)
                    if r in NAMED and not n.get("name", {}).get("value") and r not in ("group", "region")]
        equal(nameless, [], f"{name}: what has no name")
        levels = [v["value"]["value"] for r, n in zip(roles, nodes) if r == "heading"
                  for v in n.get("properties", []) if v["name"] == "level"]
        if dialog:
            equal((roles.count("dialog"), "main" in roles), (1, False), f"{name}: dialogs, and what is behind")
            return
        for role in ("main", "banner", "contentinfo"):
            equal(roles.count(role), 1, f"{name}: {role}")
        equal(levels.count(1), 1, f"{name}: headings of the first level")
        if p.js("document.body.dataset.session === 'yes'"):
            holds("navigation" in roles, f"{name}: no navigation")

    @staticmethod
    def has_room(p, name, root):
        """At 200 %: half as much room in each direction, and two pixels for each."""
        wide, high = page.SIZES["wide"]
        p.call("Emulation.setDeviceMetricsOverride", width=wide // 2, height=high // 2, deviceScaleFactor=2,
               mobile=False)
        p.until(f"innerWidth === {wide // 2} && devicePixelRatio === 2")
        look = ROOM % (REACHABLE, json.dumps(root))
        p.until(f"{look}.then((bad) => !bad.length || (window.bad = bad, false))", f"{name} has room",
                lambda: p.js("window.bad"))
        if root == "body" and p.js("document.querySelector('#menu').checkVisibility()"):
            p.js("document.querySelector('#menu').click()")
            p.until("document.querySelector('#menu').getAttribute('aria-expanded') === 'true'")
            menu = ROOM % (REACHABLE, '"nav"')
            p.until(f"{menu}.then((bad) => !bad.length || (window.bad = bad, false))", f"{name}: the menu has room",
                    lambda: p.js("window.bad"))
            p.js("document.querySelector('#menu').click()")
        p.size(wide, high)
        p.until(f"innerWidth === {wide} && devicePixelRatio === 1")

    @staticmethod
    def is_reached(p, name, root):
        """Tab comes to whatever can be used, it is seen where it is, and in a dialog it stays there."""
        missed = MISSED % (REACHABLE, json.dumps(root))
        p.call("Page.bringToFront")
        p.js("window.stops = new Set(), document.querySelector('dialog[open]') || document.activeElement?.blur()")
        for n in range(1, MOST_TABS + 1):
            p.key("Tab")
            p.until(STOP, f"{name}: it is seen where the focus is", lambda: p.js("document.activeElement.outerHTML"))
            left = p.js(missed) if n % 10 == 0 else None
            if left == []:
                break
        equal(left, [], f"{name}: what Tab does not reach")
        if root != "body":
            outside = p.js("(() => {%s return all(document.body).filter((e) => stops.has(name(e)) && !document"
                           ".querySelector(%s).contains(e)).map(name); })()" % (REACHABLE, json.dumps(root)))
            equal(outside, [], f"{name}: where Tab goes behind it")

    def reached(self, p, name, dialog=None):
        """A screen, a state of one, or a dialog: read out, reached by keys, and with room at 200 %."""
        self.is_read_out(p, name, dialog)
        self.is_reached(p, name, dialog or "body")
        self.has_room(p, name, dialog or "body")
        equal(p.faults(), [], f"{name}: faults of scripts")

    # ---- the walk ----

    def every_screen(self):
        """From the door to the end of a session."""
        p = self.page()
        p.authenticator()
        p.go(f"{self.bridge.origin}/")
        p.there("#door")
        self.reached(p, "not let in")
        self.entered(p)
        self.reached(p, "instances")
        self.enter(p, "connect-0", "#choose-password")
        self.reached(p, "log in")
        self.logged_in(p)
        self.screens_of_a_session(p)
        self.workspace(p)
        self.dialogs(p)
        self.enter(p, "logout", "#sheet[open]")
        self.reached(p, "log out", "#sheet")
        self.enter(p, "sheet-yes", "#ended")
        self.reached(p, "ended, the workspace")
        self.enter(p, "go-overview", "#overview")
        self.enter(p, "stale-call", "#stale")
        self.reached(p, "ended, the overview")
        self.enter(p, "leave", "#connect-0")
        p.close()

    def logged_in(self, p):
        """By a password's form, a code for a passkey, and that passkey."""
        self.enter(p, "choose-password", "#account")
        self.reached(p, "a password")
        self.enter(p, "choose-enrol", "#enrol-code")
        self.reached(p, "enrol")
        self.types(p, "enrol-code", self.rig.ok("account", "passkey", "code", "alice", "--state",
                                                self.rig.state).out.strip())
        self.tab_to(p, "enrol")
        p.key("Enter")
        p.says("registered", "#enrol-outcome")
        p.until("document.activeElement?.id === 'choose-passkey'", "what to do next has the focus")
        self.reached(p, "enrolled")
        p.js("""(() => { const real = navigator.credentials.get.bind(navigator.credentials);
            navigator.credentials.get = async (o) => { await new Promise((done) => { window.go = done; });
                return real(o); }; })()""")
        self.enter(p, "login", "#step")
        p.until("!!window.go", "the device is asked")
        self.reached(p, "a step of a login")
        p.js("window.go()")
        p.there("#own-passkeys")

    def screens_of_a_session(self, p):
        self.reached(p, "overview and passkeys")
        self.enter(p, "go-capabilities", "#cap-chat")
        self.enter(p, "show-chat", "#call-chat-join")
        self.reached(p, "capabilities")
        self.enter(p, "call-chat-join", "#arg-channel")
        self.types(p, "arg-channel", "#reach")
        self.tab_to(p, "arg-listener")
        p.key("ArrowDown")
        p.until("document.querySelector('#arg-listener').value === 'listen'")
        self.tab_to(p, "call")
        p.key("Enter")
        p.there("#handles li")
        p.there("#events li")
        self.reached(p, "calls")
        self.enter(p, "go-probes", "#ask-all")
        self.tab_to(p, "ask-all")
        p.key("Enter")
        p.until("document.querySelectorAll('.verdict.passed').length === 8", "eight probes pass")
        self.reached(p, "probes")
        self.enter(p, "go-transcript", ".records.full")
        self.reached(p, "transcript")
        self.enter(p, "go-instances", "#instance-0")
        self.reached(p, "instances in a session")

    def workspace(self, p):
        self.enter(p, "go-workspace", "#open-guide")
        self.reached(p, "workspace, empty")
        self.enter(p, "open-guide", ".step.running")
        self.enter(p, "service-chat", "[id$='-c-enter']")
        self.enter(p, "-c-enter", ".ask-fields")
        p.until("document.activeElement?.id.endsWith('-enter-channel')", "its field has the focus")
        p.type("#desk")
        p.key("Enter")
        p.there(".say textarea:enabled")
        p.until("!document.querySelector('.ask-fields')", "its form is closed")
        self.types(p, "-say", "hello")
        p.key("Enter")
        p.says("hello", ".messages")
        self.reached(p, "workspace")

    def dialogs(self, p):
        p.key("k", ctrl=True)
        p.until("document.activeElement?.id === 'palette-input'")
        self.reached(p, "palette", "#palette")
        p.key("Escape")
        for button in ("renew", "reset", "look"):
            self.enter(p, button, "#sheet[open]")
            self.reached(p, button, "#sheet")
            p.key("Escape")
            p.until(f"!document.querySelector('#sheet').open && document.activeElement?.id === '{button}'",
                    "the focus is where it was")


    # ---- what is looked for is found ----

    BAD = {
        "is_read_out": ["main.append(Object.assign(document.createElement('button'), {id: 'bad'}))",
                        "main.append(Object.assign(document.createElement('h1'), {id: 'bad', textContent: 'Another'}))",
                        "main.role = 'article'"],
        "is_reached": ["add.tabIndex = -1", "add.style.setProperty('outline', 'none', 'important')",
                       "main.onkeydown = (e) => e.key === 'Tab' && e.preventDefault()"],
        "has_room": ["add.style.setProperty('width', '900px')", "add.style.setProperty('position', 'fixed'), "
                     "add.style.setProperty('left', '-20px')", "main.append(Object.assign(document.createElement("
                     "'dialog'), {id: 'bad'})), document.querySelector('#bad').style.setProperty('width', '100%'), "
                     "document.querySelector('#bad').style.setProperty('height', '100%'), "
                     "document.querySelector('#bad').style.setProperty('max-width', 'none'), "
                     "document.querySelector('#bad').style.setProperty('max-height', 'none'), "
                     "document.querySelector('#bad').show()"],
    }

    def a_bad_page_is_found_out(self):
        """Each thing that is looked for, of a screen where it is not so; and the same screen as it is."""
        wait, p = browser.WAIT_S, self.entered()
        for look, all_bad in self.BAD.items():
            for bad in all_bad:
                p.reload()
                p.there("#add")
                p.js("((main, add) => { %s; })(document.querySelector('main'), document.querySelector('#add'))" % bad)
                browser.WAIT_S = 3  # what is never so need not be waited for
                try:
                    getattr(self, look)(p, "a bad page", *([None] if look == "is_read_out" else ["body"]))
                except (Failed, browser.Failed):
                    continue
                finally:
                    browser.WAIT_S = wait
                    p.size(*page.SIZES["wide"])
                raise Failed(f"{look} does not find {bad}")
        p.reload()
        p.there("#add")
        self.reached(p, "the same page")
        p.close()
        q = self.page()
        q.go("http://127.0.0.2:9/")
        try:
            page.stayed(self.browser)
        except Failed:
            q.events.clear()
            q.close()
            return
        raise Failed("a request to another address is not found")

    # ---- what the browser keeps of a page ----

    SHOWN = """addEventListener("pageshow", (e) => shown(JSON.stringify([e.persisted,
        document.documentElement.innerText])))"""

    def event(self, p, method, wanted=lambda e: True):
        """The next event of this kind, taken out."""
        deadline = time.monotonic() + bridge.DEADLINE
        while True:
            for i, e in enumerate(p.events):
                if e["method"] == method and wanted(e["params"]):
                    return p.events.pop(i)["params"]
            holds(time.monotonic() < deadline, f"no {method}")
            self.browser.read(time.monotonic() + 0.02)

    def away_and_back(self, p):
        """Leaves a page with a session, of which another tab makes an end meanwhile; what the page showed at first."""
        p.js("window.here = true")
        p.go("about:blank")
        p.until("location.href === 'about:blank'")
        q = self.page()
        q.go(f"{self.bridge.origin}/")
        q.says("alice", "#session-account")
        self.leave(q)
        p.events.clear()
        p.back()
        shown = json.loads(self.event(p, "Runtime.bindingCalled")["payload"])
        p.there("#connect-0")
        equal(p.js("!!window.here"), False, "it is the page that was left")
        holds("alice" not in p.text(), "a session that has ended is shown again")
        return shown

    def noted(self):
        """A page with a session, which tells how it is shown."""
        p = self.page()
        p.call("Runtime.addBinding", name="shown")
        p.call("Page.addScriptToEvaluateOnNewDocument", source=self.SHOWN)
        self.entered(p)
        p.click("#connect-0")
        self.log_in(p)
        p.says("alice", "#session-account")
        return p

    def no_page_is_kept(self):
        """The page says that it is not to be kept (`no-store`), and Chromium keeps it not in its back-forward cache."""
        p = self.noted()
        persisted, _ = self.away_and_back(p)
        equal(persisted, False, "it was kept")
        why = json.dumps(self.event(p, "Page.backForwardCacheNotUsed"))
        holds("MainResourceHasCacheControlNoStore" in why, why)
        p.close()

    def a_page_that_is_kept(self):
        """By a browser that heeds no `no-store`: the page does not say so here, on its way. What is shown again is
        empty, and then a page that begins anew."""
        p = self.noted()
        p.call("Fetch.enable", patterns=[{"urlPattern": f"{self.bridge.origin}/", "requestStage": "Response"}])
        p.js("window.left = true")
        self.browser.send("Page.reload", {}, p.session)
        e = self.event(p, "Fetch.requestPaused")
        p.call("Fetch.continueResponse", requestId=e["requestId"], responseCode=200, responseHeaders=[
            h for h in e["responseHeaders"] if h["name"].lower() != "cache-control"])
        p.call("Fetch.disable")
        p.until("!window.left", "another document")
        p.says("alice", "#session-account")
        persisted, text = self.away_and_back(p)
        equal((persisted, text), (True, ""), "how it is shown again")
        p.close()


CASES = ["every_screen", "a_bad_page_is_found_out", "no_page_is_kept", "a_page_that_is_kept"]


def main(binaries, guide, *only):
    if not shutil.which("chromium"):
        print("there is no Chromium here")
        return 77
    return page.run("web-reach", Reach(binaries, guide), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
