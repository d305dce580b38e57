#!/usr/bin/env python3
"""The workspace in Debian's Chromium, at a real instance and a real bridge: what a person sees and does, by clicks and
keys (R12, R13, R49, R50, R54 to R56 as a browser's host has them).

usage: page.py BINARIES GUIDE [SCREENS [CASE...]]

Each case has a name; it waits for states, never for times. SCREENS: a folder for pictures of screens and states, which
are made when it is given.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import bridge  # noqa: E402
import instance  # noqa: E402
import sessionlib  # noqa: E402
from bridge import PASSWORD, Failed, equal, holds  # noqa: E402
from browser import Browser  # noqa: E402

SECRET = "not-the-password-of-anybody"
SIZES = {"wide": (1360, 760), "phone": (390, 844)}
HERE_DONE = "document.querySelector('#outcome')?.innerText.includes('done in')"


def manifest(guide):
    """An operator may have panes of the guide and of chat, and the guide for half of the time that his session has."""
    text = instance.manifest(services=[instance.service("guide", os.path.abspath(guide), sessionlib.type_id(
        "guide", "Guide", root="example/ui"))])
    grants = instance.profile("operator", ["session", "system_info", "chat", "guide"], lease_ms=3600000)
    for name in ("chat", "guide"):
        grants = grants.replace(f'(name = "{name}"', f'(name = "{name}", ui = true')
    grants = grants.replace('(name = "guide"', '(name = "guide", lease = "30m"')
    return re.sub(r'\(name = "operator", lease.*?\)\)', lambda _: grants, text, count=1)


def stayed(browser):
    """No request of any page so far has left this machine, by whatever way somebody has logged in on it."""
    for p in browser.pages.values():
        away = [u for u in p.requests() if not re.match(
            r"(?:https?|wss?)://(?:localhost|127\.0\.0\.1)(?::\d+)?/|(?:about|blob|data):", u)]
        equal(away, [], "requests that leave")


class Cases:
    """One instance and bridge for all; a page of its own for each case."""

    def __init__(self, binaries, guide, screens, text=None):
        with tempfile.NamedTemporaryFile("w", suffix=".manifest") as f:
            f.write(text or manifest(guide))
            f.flush()
            self.bridge = bridge.Bridge(os.path.abspath(binaries), manifest=f.name)
        self.browser = Browser()
        self.screens = screens

    def close(self):
        self.browser.close()
        self.bridge.close()

    # ---- what cases begin with ----

    def page(self):
        return self.browser.page()

    def entered(self, page=None):
        p = page or self.page()
        p.go("about:blank")
        p.go(f"{self.bridge.origin}/#k={self.bridge.another_code()}")
        p.there("#connect-0")
        return p

    def at_login(self):
        p = self.entered()
        p.click("#connect-0")
        p.there("#choose-password")
        return p

    def log_in(self, p, password=PASSWORD):
        p.click("#choose-password")
        p.fill("#account", "alice")
        p.fill("#secret", password)
        p.click("#login")

    def session(self):
        p = self.at_login()
        self.log_in(p)
        p.says("alice", "#session-account")
        return p

    @staticmethod
    def leave(p):
        """Logs out and goes back to the list, as a person does."""
        p.click("#logout")
        p.click("#sheet-yes")
        p.there("#ended")
        p.click("#leave")
        p.there("#connect-0")
        p.close()

    @staticmethod
    def alike(now, before, what):
        """Pixels are as they were."""
        equal([len(now), len(now[0])], [len(before), len(before[0])], what)
        off = [(x, y, a, b) for y, rows in enumerate(zip(now, before)) for x, (a, b) in enumerate(zip(*rows)) if a != b]
        holds(not off, f"{what} differ in {len(off)} places: {off[:20]}")

    # ---- first visit ----

    def without_a_code(self):
        p = self.page()
        p.go(f"{self.bridge.origin}/")
        p.there("#door[data-why=none]")
        holds("alice" not in p.text(), "an account is named")
        p.close()

    def with_a_code(self):
        p = self.entered()
        holds("k=" not in p.js("location.href"), "the code is in the address")
        equal(p.js("history.length") <= 3, True, "the code is in the history")
        p.close()

    def a_code_twice(self):
        code = self.bridge.another_code()
        p = self.page()
        p.go(f"{self.bridge.origin}/#k={code}")
        p.there("#connect-0")
        q = self.page()
        q.go(f"{self.bridge.origin}/#k={code}")
        q.there("#door[data-why=code]")
        q.close()
        p.close()

    def nothing_can_be_added(self):
        """A bridge that was started without --allow shows no form that could only refuse, but what to start it with."""
        p = self.entered()
        p.says("--allow", "#add-none")
        equal(p.js("!!document.querySelector('#add')"), False, "a form that can only refuse")
        rig = self.bridge.rig
        with subprocess.Popen([rig.capos, "web", "--listen", "localhost:0"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=self.bridge.log, env=self.bridge.env) as web:
            try:
                p.go("about:blank")
                p.go(rig.read_line(web.stdout, bridge.DEADLINE).strip())
                p.says("No instances", "#view")
                p.says("capos web --open --instance home=localhost:2327", "#add-none")
                equal(p.js("!!document.querySelector('#add')"), False, "a form that can only refuse")
            finally:
                web.terminate()
        p.close()

    # ---- log in ----

    def by_password(self):
        p = self.session()
        equal(p.text("#session-profile"), "operator", "the profile")
        equal(p.js("document.title.startsWith('alice on lab')"), True, "the title")
        self.leave(p)

    def refused(self):
        p = self.at_login()
        self.log_in(p, SECRET)
        p.says("denied.credentials", "#complaint")
        holds(SECRET not in p.text(), "the password is on the page")
        p.click("#back")
        p.there("#connect-0")
        p.close()

    def after_a_long_thought(self):
        """The instance has let go of who did not log in for so long (here: of its own end): he is let in all the
        same."""
        p = self.at_login()
        self.bridge.to_workers(signal.SIGKILL)
        bridge.until(lambda: not self.connected(p), "the bridge has noticed")
        self.log_in(p)
        p.says("alice", "#session-account")
        self.leave(p)

    @staticmethod
    def connected(p):
        """Whether the page was told last that an instance is connected to."""
        p.call("Page.getFrameTree")  # what has come so far is read by that
        frames = [json.loads(e["params"]["response"]["payloadData"]) for e in p.events
                  if e["method"] == "Network.webSocketFrameReceived"]
        return any(i["connected"] for i in [f["instances"] for f in frames if "instances" in f][-1])

    def anonymous(self):
        p = self.at_login()
        p.click("#choose-anonymous")
        p.click("#login")
        p.says("anonymous", "#session-kind")
        self.leave(p)

    def what_is_off_says_why(self):
        p = self.at_login()
        for kind in ("guest", "passkey", "mtlsClientCert"):
            holds(p.js(f"!document.querySelector('#choose-{kind}')"), f"{kind} can be chosen")
            holds(len(p.text(f"#method-{kind}").splitlines()) == 2, f"{kind} does not say why it is off")
        p.click("#back")
        p.there("#connect-0")
        p.close()

    # ---- the first host of the contract, by clicks ----

    def the_whole_path(self):
        """Endpoint, methods, login, summary, bundle, sessionInfo, motd, probes, logout, stale call, transcript."""
        p = self.session()
        p.says("Hello from", "#motd")
        p.click("#go-capabilities")
        p.click("#show-session")
        p.click("#call-session-info")
        p.until("document.querySelector('#method')?.value === 'info'")
        p.click("#call")
        p.until(HERE_DONE)
        holds('"account": "alice"' in p.text("#response"), "sessionInfo")
        p.choose("#target", "c:system_info")
        p.until("document.querySelector('#method')?.value === 'motd'")
        p.click("#call")
        p.says("Hello from", "#response")
        p.click("#go-probes")
        p.click("#ask-all")
        p.until("document.querySelectorAll('.verdict.passed').length === 8", "eight probes pass")
        p.click("#logout")
        p.click("#sheet-yes")
        p.there("#ended")
        p.click("#stale-call")
        p.says("denied.stale-session", "#stale")
        p.click("#go-transcript")
        p.says("logout", "#view")
        holds(PASSWORD not in p.text(), "the password is in the transcript")
        p.click("#leave")
        p.there("#connect-0")
        equal(p.faults(), [], "faults of scripts")
        p.close()

    def a_long_click(self):
        """What a button is on is drawn anew each second, and between press and release: it is the same button."""
        p = self.session()
        p.click("#go-capabilities")
        lease = p.until("document.querySelector('#cap-session td:last-child')?.innerText")
        at = p.press("#show-session")
        p.until(f"document.querySelector('#cap-session td:last-child').innerText !== '{lease}'", "it is drawn anew")
        p.release(at)
        p.there("#call-session-info")
        self.leave(p)

    def references_come_back(self):
        """What a call gives is called on in its turn, and a listener hears of it."""
        p = self.session()
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.there("#arg-channel")
        p.fill("#arg-channel", "#page")
        p.choose("#arg-listener", "listen")
        p.click("#call")
        p.says("ChatMembership", "#handles")
        p.click(f"#use-{self.of_membership(p)}")
        p.until("document.querySelector('#target').value.startsWith('h:')", "the reference is what is called")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'send')")
        p.choose("#method", "send")
        p.fill("#arg-text", "heard?")
        p.click("#call")
        p.says("heard?", "#events")
        self.leave(p)

    def what_is_held_is_told_anew(self):
        """References, what was called and what was heard: after a reload, in another tab, and of what that one does."""
        p = self.session()
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.fill("#arg-channel", "#kept")
        p.choose("#arg-listener", "listen")
        p.click("#call")
        p.says("ChatMembership from chat.join", "#handles")
        p.says("joined", "#events")
        p.reload()
        q = self.page()
        q.go(self.bridge.origin)
        for tab in (p, q):
            tab.there("#go-calls")
            tab.js("location.hash = '#/calls'")
            tab.says("ChatMembership from chat.join", "#handles")
            tab.says("ChatListener from chat.join at params.listener", "#handles")
            tab.says("joined", "#events")
            tab.says("chat.join", ".history")
        first = self.of_membership(q)
        q.click(f"#use-{first}")
        q.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'send')")
        q.choose("#method", "send")
        q.fill("#arg-text", "in both")
        q.click("#call")
        q.until(HERE_DONE)
        p.says(f"#{first}.send", ".history")
        p.says("in both", "#events")
        p.click(".history li:first-child button")
        p.says("What came back then is not kept", ".answer")
        sent = p.until("document.querySelector('#raw')?.value", "what was sent then")
        equal(json.loads(sent), {"text": "in both"}, "what was sent then")
        p.click("#call")
        p.until(HERE_DONE)
        p.click("#go-overview")
        p.there("#overview")
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.click("#as-json")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.fill("#arg-channel", "#kept-too")
        p.click("#call")
        q.until("document.querySelectorAll('#handles [id^=use-]').length === 3", "what the other tab has got")
        q.click(f"#forget-{first}")
        for tab in (p, q):
            tab.until(f"!document.querySelector('#use-{first}')", "it is forgotten in both")
        q.close()
        self.leave(p)

    @staticmethod
    def of_membership(p):
        return p.js("""[...document.querySelectorAll("#handles li")].find((e) =>
            e.innerText.includes("ChatMembership")).querySelector("[id^=use-]").id.slice(4)""")

    # ---- panes ----

    def panes_of_a_service(self):
        """The guide's pane opens, is worked with, pinned, and closed; its wish for a look reaches no frame."""
        p = self.session()
        frame = 0, 0, 780, 47  # all of it but the lease, which runs
        p.click("#go-workspace")
        p.there("#open-guide")
        before = p.pixels(*frame)
        p.click("#open-guide")
        p.says("First steps", ".pane h2")
        holds(p.text(".pane h2").startswith("guide"), "a pane begins with its service's name")
        p.says("Look around", ".step.running")
        p.click("[id$='-c-next']")
        p.says("Ask what it can do", ".step.running")
        p.click("[id$='-c-easy']")
        p.until("document.querySelector('.pane').dataset.simple === 'yes'", "the wish is followed in the pane")
        self.alike(p.pixels(*frame), before, "the frame's pixels")
        p.click("[id$='-pin']")
        p.until("document.querySelector('[id$=-pin]').getAttribute('aria-pressed') === 'true'", "pinned")
        p.reload()
        p.says("Ask what it can do", ".step.running")
        p.click(".pane [id$='-close']")
        p.until("!document.querySelector('.pane')", "the pane is gone")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def a_question_drops_from_the_frame(self):
        """What is asked is no part of a pane, takes no answer before it can be read, and begins at the harmless one."""
        p = self.session()
        p.click("#go-workspace")
        p.click("#open-guide")
        p.says("Look around", ".step.running")
        p.click("[id$='-c-easy']")
        p.until("document.querySelector('.pane').dataset.simple === 'yes'")
        p.click("[id$='-c-keep']")
        p.there("#sheet[open]")
        equal(p.js("[document.activeElement.id, !!document.querySelector('.pane #sheet')]"), ["sheet-no", False],
              "where the question is, and its focus")
        holds(p.js("document.querySelector('#sheet').getBoundingClientRect().top") < 47, "it drops from the frame")
        p.until("document.querySelector('#sheet').dataset.deaf === ''", "it can be answered")
        if self.screens:
            self.shoot(p, "asked")
        p.key("Escape")
        p.until("!document.querySelector('#sheet').open", "it is answered")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def a_capability_is_taken(self):
        """By an administrator, while somebody looks and does nothing: whatever shows it says so, in each tab."""
        p = self.session()
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.fill("#arg-channel", "#taken")
        p.choose("#arg-listener", "listen")
        p.click("#call")
        p.there("#handles li")
        other = self.browser.page()
        other.go(self.bridge.origin)
        other.click("#go-capabilities")
        other.click("#show-chat")
        other.there("#call-chat-channels")
        rig = self.bridge.rig
        rig.ok("session", "revoke", "--account", "alice", "chat", "--state", rig.state)
        other.until("document.querySelector('#cap-chat.gone')?.innerText.includes('revoked')", "the row says so")
        other.until("document.querySelector('#call-chat-channels').disabled", "its methods are off")
        p.says("chat was taken from this session", "#taken")
        p.until("document.querySelector('#call').disabled", "its form is off")
        p.says("revoked", "#handles li.gone")
        p.until("document.querySelector('#service-chat').disabled", "its panes are not offered")
        p.says("revoked", ".records")
        other.close()
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    LATER = "{ const now = Date.now; Date.now = () => now() + 45 * 60 * 1000; }"

    def a_lease_runs_out(self):
        """Sooner than the session, by the clock of the machine that the browser is on: who has seen it run is told that
        it has run out, and who comes later that it is over."""
        p = self.session()
        p.there("#service-guide:enabled")
        p.js(self.LATER)
        p.until("document.querySelector('#service-guide').disabled", "its panes are not offered")
        p.says("ran out", "#service-guide")
        p.click("#go-capabilities")
        p.says("ran out", "#cap-guide.gone")
        p.call("Page.addScriptToEvaluateOnNewDocument", source=self.LATER)
        p.reload()
        p.says("over", "#cap-guide.gone")
        p.says("over", "#service-guide")
        equal(p.js("[!!document.querySelector('.gone:not(#cap-guide)'), document.body.innerText.includes('revoked')]"),
              [False, False], "what else has ended, or was revoked")
        self.leave(p)

    def what_comes_again_with_the_line(self):
        """The line to the instance drops while somebody types. When it is there again, so are his panes, where he had
        put them, and what he has typed and not sent; references are not, and the page lists none."""
        p = self.session()
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.fill("#arg-channel", "#held")
        p.click("#call")
        p.says("ChatMembership", "#handles")
        p.click("#service-chat")
        p.click("[id$='-c-enter']")
        p.fill("[id$='-enter-channel']", "#draft")
        p.key("Enter")
        p.there(".say textarea:enabled")
        p.click(".pane.of-transcript [id$='-pin']")
        p.there(".pane.of-transcript [id$='-pin'][aria-pressed=true]")
        p.fill(".say textarea", "Half a sen")
        p.click("[id$='-c-enter']")
        p.fill("[id$='-enter-channel']", "#hal")
        self.bridge.to_workers(signal.SIGKILL)
        p.says("reconnect done", "aside")
        p.until("document.querySelector('.say textarea:enabled')?.value === 'Half a sen'", "what was to be said")
        p.until("document.querySelector('[id$=-enter-channel]')?.value === '#hal'", "a command's field")
        p.there(".pane.of-transcript [id$='-pin'][aria-pressed=true]")
        p.says("#draft", ".pane.of-transcript h2")
        equal(p.text("#notice"), "", "what is said of panes that are there")
        p.click("[id$='-enter-channel']")
        p.key("Enter")
        p.says("#hal", ".pane.of-transcript h2")
        p.click("#go-calls")
        p.there("#target")
        equal(p.js("document.querySelectorAll('#handles li').length"), 0, "references that are gone")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def the_bridge_dies(self):
        """What a person sees stays, and says how old it may be. What is asked for then (here: since workers do nothing)
        nobody has refused."""
        p = self.session()
        p.says("Hello from", "#motd")  # all that there is to learn of the session is known
        self.bridge.to_workers(signal.SIGSTOP)
        try:
            p.reload()
            p.there("#motd .skeleton-line")
            self.bridge.web.kill()
            p.there("#bridge-down")
            p.says("alice", "#session-account")
            p.there("#motd .skeleton-line")
        finally:
            self.bridge.to_workers(signal.SIGCONT)
        if self.screens:
            self.shoot(p, "bridge-down")
        p.reload()
        p.close()

    @staticmethod
    def says(p, text):
        p.fill(".say textarea", text)
        p.key("Enter")
        p.says(text, ".messages")

    def panes_of_chat(self):
        """Several panes in a layout: a channel is entered, what is said in it is seen, by whom, and who is there."""
        p = self.session()
        p.click("#service-chat")
        p.says("No channel", ".pane")
        p.says("you are in no channel", ".pane.of-transcript .empty")
        if self.screens:
            self.shoot(p, "panes-chat-empty")
        p.click("[id$='-c-enter']")
        p.until("document.activeElement?.id.endsWith('-enter-channel')", "its field has the focus")
        p.type("#desk")
        p.key("Enter")
        p.there(".say textarea:enabled")
        self.says(p, "Has anybody seen the blue folder?")
        rig = self.bridge.rig
        rig.ok("login", f"alice@{rig.address}", "--as", "terminal", "--password-stdin", stdin=PASSWORD + "\n")
        rig.ok("run", "chat", "send", "channel=#desk", "text=It is in the reading room, on the left.")
        rig.ok("logout")
        p.says("reading room", ".messages")
        self.says(p, "Found it, thank you.")
        for where in (".pane.of-transcript h2", ".pane.of-list"):
            p.says("#desk", where)
        p.click("[id$='-c-enter']")
        p.until("[...document.activeElement?.list?.options ?? []].some((o) => o.value === '#desk')",
                "what its service says that it may be")
        p.type("#nothing-of-this-name")
        p.until("document.activeElement.list.options.length === 0", "… by what is typed")
        p.key("Escape")
        p.until("[...document.querySelectorAll('.pane:not(.of-transcript)')].some((e) => "
                "e.innerText.includes(document.querySelector('.messages .author').innerText))", "who has said it")
        equal(p.faults(), [], "faults of scripts")
        if self.screens:
            self.shoot(p, "panes-chat")
        self.leave(p)

    def a_line_that_is_dead(self):
        """After a sleep nobody has said that the line is gone: it is asked, and made again."""
        p = self.page()
        p.call("Page.addScriptToEvaluateOnNewDocument", source=self.HOOK)
        self.entered(p)
        p.js("window.before = line, line.send = () => undefined, void dispatchEvent(new Event('online'))")
        p.until("line !== before && document.body.dataset.line === 'open'", "another line")
        p.click("#connect-0")
        p.there("#choose-password")
        p.click("#back")
        p.there("#connect-0")
        p.close()

    # ---- tabs, reload, back ----

    def two_tabs(self):
        p = self.session()
        q = self.page()
        q.go(f"{self.bridge.origin}/")
        q.says("alice", "#session-account")
        p.click("#logout")
        p.click("#sheet-yes")
        q.there("#ended")
        q.click("#leave")
        q.there("#connect-0")
        q.close()
        p.close()

    def reload_and_back(self):
        p = self.session()
        p.click("#go-capabilities")
        p.there("#caps")
        p.back()
        p.there("#overview")
        p.reload()
        p.says("alice", "#session-account")
        p.click("#logout")
        p.click("#sheet-yes")
        p.click("#leave")
        p.there("#connect-0")
        p.go("about:blank")
        p.back()
        p.there("#connect-0")
        holds("alice" not in p.text(), "a session that has ended is shown again")
        p.close()

    def by_keyboard(self):
        """Log in, find a screen by the palette, and log out, without a pointer."""
        p = self.entered()
        self.tab_to(p, "connect-0")
        p.key("Enter")
        p.there("#choose-password")
        self.tab_to(p, "choose-password")
        p.key("Enter")
        self.tab_to(p, "account")
        p.type("alice")
        self.tab_to(p, "secret")
        p.type(PASSWORD)
        p.key("Enter")
        p.there("#overview")
        p.key("k", ctrl=True)
        p.until("document.activeElement?.id === 'palette-input'")
        p.type("probes")
        p.says("Probes", "#palette-list")
        p.key("Enter")
        p.there("#ask-all")
        self.tab_to(p, "logout")
        p.key("Enter")
        p.until("document.activeElement?.id === 'sheet-no'", "the harmless answer has the focus")
        self.tab_to(p, "sheet-yes")
        p.key("Enter")
        p.there("#ended")
        self.tab_to(p, "leave")
        p.key("Enter")
        p.there("#connect-0")
        p.close()

    @staticmethod
    def tab_to(p, name):
        for _ in range(80):
            if p.js("document.activeElement?.id ?? ''") == name:
                return
            p.key("Tab")
        raise Failed(f"Tab does not reach #{name}")

    def landmarks(self):
        """What a screen reader goes by."""
        p = self.session()
        roles = [role for role, _ in p.tree()]
        for role in ("main", "navigation", "banner", "contentinfo", "complementary", "heading"):
            holds(role in roles, f"no {role}: {sorted(set(roles))}")
        equal(p.js("document.querySelectorAll('h1').length"), 1, "level-one headings")
        equal(p.js("""[...document.querySelectorAll("button, a, input, select, textarea")].filter((e) =>
            !(e.innerText || e.getAttribute("aria-label") || e.labels?.length)).map((e) => e.outerHTML)"""), [],
              "controls without a name")
        self.leave(p)

    def nothing_is_kept(self):
        p = self.session()
        equal(p.js("[localStorage.length, sessionStorage.length, document.cookie]"), [0, 0, ""], "what is kept")
        kept = p.js("""new Promise((done) => { const o = indexedDB.open("capos", 1); o.onsuccess = () => {
            const all = o.result.transaction("key").objectStore("key").getAll();
            all.onsuccess = () => done(all.result.map(({privateKey: k}) => [k.extractable, k.algorithm.name])); };
        })""")
        equal(kept, [[False, "ECDSA"]], "IndexedDB")
        equal(p.js("indexedDB.databases().then((d) => d.map((x) => x.name))"), ["capos"], "data bases")
        host = re.escape(self.bridge.host)
        away = [u for u in p.requests() if not re.match(rf"(?:http|ws)://{host}/", u) and u != "about:blank"]
        equal(away, [], "requests that leave")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def at_200_percent(self):
        """Half as much room: nothing has to be scrolled sideways."""
        p = self.session()
        for name in ("overview", "capabilities", "calls", "probes", "transcript"):
            p.size(680, 380)
            p.js(f"location.hash = '#/{name}'")
            p.until(f"innerWidth === 680 && document.querySelector('#view').dataset.mode === '{name}'")
            equal(p.js("[document.documentElement.scrollWidth, document.querySelector('#main').scrollWidth <= "
                       "document.querySelector('#main').clientWidth]"), [680, True], f"{name} at 200 %")
        self.is_no_higher(p)
        self.leave(p)

    @staticmethod
    def is_no_higher(p):
        """No screen makes the page higher than its window: the frame cannot be scrolled out of sight."""
        for w, h in SIZES.values():
            p.size(w, h)
            for name in ("workspace", "overview", "capabilities", "calls", "probes", "transcript", "instances"):
                p.js(f"location.hash = '#/{name}'")
                p.until(f"innerHeight === {h} && document.querySelector('#view').dataset.mode === '{name}'")
                equal(p.js("document.scrollingElement.scrollHeight"), h, f"the height of {name} at {w}x{h}")
        p.size(*SIZES["wide"])

    def on_a_phone(self):
        """The menu has what the frame has no room for, and Escape closes it. Who has entered a channel is in it."""
        p = self.session()
        p.size(*SIZES["phone"])
        for name, title in (("renew", "Renew the lease"), ("reset", "Reset the layout?")):
            p.click("#menu")
            p.until("document.body.dataset.menu === 'yes'", "the menu is open")
            p.click(f"#menu-{name}")
            p.says(title, "#sheet[open]")
            p.until("document.body.dataset.menu === 'no'", "the menu is closed")
            p.click("#sheet-no")
            p.until("document.activeElement?.id === 'menu'", "the focus is where it was")
        p.click("#menu")
        p.until("document.body.dataset.menu === 'yes'", "the menu is open")
        p.key("Escape")
        p.until("document.body.dataset.menu === 'no' && document.activeElement?.id === 'menu'", "Escape closes it")
        p.click("#menu")
        p.click("#service-chat")
        p.click(".pane.of-list [id$='-c-enter']")
        p.fill("[id$='-enter-channel']", "#phone")
        p.key("Enter")
        p.there(".say textarea:enabled")
        p.size(*SIZES["wide"])
        self.leave(p)

    # ---- pictures ----

    HOOK = """window.WebSocket = class extends WebSocket { constructor(a) { super(a); window.line = this; } }"""
    SILENT = """window.WebSocket = class { send() {} close() {} }"""
    SHUT = """window.WebSocket = class { constructor() { setTimeout(() => this.onclose({code: %d})); } close() {} };
        %s"""
    KEY = {"address": "lab.example:2327", "fingerprint": "SHA256:q7Yd0m1f0cVXk8b5m8F6hYp2TzJ3a9uQ4r1sWn6Em41c",
           "words": "ivory marble piano candle harbor velvet anchor meadow"}

    def doors(self):
        """Before anybody is let in, and after: what a page shows that cannot talk."""
        gone = "window.fetch = () => Promise.reject(new TypeError());"
        for name, there, hook in (("connecting", "#connecting", self.SILENT), ("offline", "#offline", self.SHUT % (
                1006, gone)), ("away-for-long", "#door[data-why=idle]", self.SHUT % (4001, ""))):
            p = self.page()
            p.call("Page.addScriptToEvaluateOnNewDocument", source=hook)
            p.go(f"{self.bridge.origin}/")
            p.there(there)
            self.shoot(p, name)
            p.close()
        p = self.page()
        p.go(f"{self.bridge.origin}/#k=AAAAAAAAAAAAAAAAAAAAAA")
        p.there("#door[data-why=code]")
        self.shoot(p, "link-used")
        p.close()

    def told(self, p, name, down, there):
        """A state that the bridge says, said in its stead. What it says itself meanwhile would make another of it, and
        is heard afterwards."""
        p.js(f"""(() => {{ const hear = line.onmessage; line.late = []; line.onmessage = (e) => line.late.push(e);
            line.hear = () => {{ line.onmessage = hear; line.late.forEach((e) => line.onmessage(e)); }};
            hear({{data: {json.dumps(json.dumps({'id': 0, **down}))}}}); }})()""")
        p.until(f"!!({there}) && document.querySelector('#sheet').dataset.deaf !== 'yes'", name)
        self.shoot(p, name)
        p.js("line.hear()")

    def states(self):
        """What is asked on the way in, and what is not always so in a session."""
        p = self.page()
        p.call("Page.addScriptToEvaluateOnNewDocument", source=self.HOOK)
        self.entered(p)
        self.told(p, "key-asked", {"key": self.KEY}, "document.querySelector('#sheet[open]')")
        p.click("#sheet-no")
        self.told(p, "key-changed", {"key": {**self.KEY, "known": self.KEY["fingerprint"][::-1]}},
                  "document.querySelector('#sheet[open] .danger')")
        p.click("#sheet-no")
        p.reload()
        p.there("#connect-0")
        self.told(p, "instances-empty", {"instances": []}, "document.querySelector('.cards .empty')")
        p.reload()
        p.click("#connect-0")
        p.there("#choose-password")
        soon = int(time.time() * 1000) + 9 * 60 * 1000
        url = "https://login.example.org/device"
        for name, step in (("answer", {"prompt": "The code of your token", "redaction": True, "wants": "answer"}),
                           ("passkey", {"wants": "passkey", "kind": "passkey"}),
                           ("elsewhere", {"url": url, "userCode": "WDJB-MJHT", "wants": "elsewhere"}),
                           ("redirect", {"url": url, "wants": "redirect"}), ("nothing", {"wants": "nothing"})):
            self.told(p, f"step-{name}", {"step": {"kind": "oidcDeviceCode", "expiresAtMs": str(soon), **step}},
                      "document.querySelector('#step')")
        p.click("#give-up")
        self.log_in(p)
        p.there("#overview")
        p.js("location.hash = '#/transcript'")
        p.there(".records.full")
        self.told(p, "line-down", {"line": {"down": True, "why": "connection refused", "tries": 3}},
                  "document.querySelector('#line-down')")
        p.js("location.hash = '#/overview'")
        p.there("#overview")
        p.js("document.querySelector('#main').scrollTop = 9999")
        self.shoot(p, "session-overview-below")
        p.click("#renew")
        p.there("#sheet #choose-password")
        self.shoot(p, "renewal-asked")
        p.click("#sheet-no")
        p.click("#look")
        p.there("#sheet[open]")
        self.shoot(p, "look-asked")
        p.click("#sheet-no")
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.choose("#arg-listener", "listen")
        p.fill("#arg-channel", "nothing")
        p.click("#call")
        p.there("#outcome.tone-bad")
        self.shoot(p, "call-refused")
        p.fill("#arg-channel", "#pictures")
        p.click("#call")
        p.there("#handles li")
        p.there("#events li")
        self.shoot(p, "call-answered")
        p.js("document.querySelector('#menu').click()")
        self.shoot(p, "menu-open")
        p.js("document.querySelector('#menu').click()")
        p.js("location.hash = '#/transcript'")
        p.there(".records.full")
        p.js("location.hash = '#/capabilities'")
        p.there("#cap-chat")
        p.js("line.send = () => undefined")
        p.click("#show-guide")
        p.there(".drawer .skeleton-line")
        self.shoot(p, "capability-loading")
        self.told(p, "capabilities-empty", {"caps": []}, "document.querySelector('.view .empty')")
        p.reload()
        p.there("#go-workspace")
        self.leave(p)

    def pictures(self):
        """Every screen, light and dark, on a desk and in a hand, for people to look at."""
        p = self.page()
        p.call("Network.clearBrowserCookies")
        p.go(f"{self.bridge.origin}/")
        p.there("#door")
        self.shoot(p, "not-let-in")
        p.close()
        p = self.entered()
        self.shoot(p, "instances")
        p.click("#connect-0")
        p.there("#choose-password")
        self.shoot(p, "log-in")
        self.log_in(p, SECRET)
        p.there("#complaint")
        self.shoot(p, "log-in-refused")
        self.log_in_again(p)
        for name in ("overview", "capabilities", "calls", "probes", "transcript", "workspace", "instances"):
            p.js(f"location.hash = '#/{name}'")
            p.until(f"document.querySelector('#view').dataset.mode === '{name}'")
            if name == "capabilities":
                p.click("#show-chat")
                p.there("#call-chat-join")
            if name == "probes":
                p.click("#ask-all")
                p.until("document.querySelectorAll('.verdict.passed').length === 8")
            self.shoot(p, f"session-{name}")
        p.js("location.hash = '#/workspace'")
        p.click("#open-guide")
        p.there(".step.running")
        self.shoot(p, "panes-guide")
        p.key("k", ctrl=True)
        p.there("#palette[open]")
        self.shoot(p, "palette")
        p.key("Escape")
        p.click("#logout")
        self.shoot(p, "log-out-asked")
        p.click("#sheet-yes")
        p.there("#ended")
        p.js("location.hash = '#/overview'")
        p.there("#overview")
        self.shoot(p, "ended")
        p.click("#leave")
        p.there("#connect-0")
        p.close()

    def log_in_again(self, p):
        p.fill("#account", "alice")
        p.fill("#secret", PASSWORD)
        p.click("#login")
        p.there("#overview")

    def shoot(self, p, name):
        for scheme in ("light", "dark"):
            p.media(scheme=scheme)
            p.until(f"document.documentElement.dataset.scheme === '{scheme}'")
            for size, (w, h) in SIZES.items():
                p.size(w, h)
                self.has_its_layout(p, w)
                p.until("document.getAnimations().every((a) => a.effect.getComputedTiming().iterations === Infinity)",
                        "nothing moves")
                p.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
                p.shot(os.path.join(self.screens, f"{name}-{scheme}-{size}.png"))
        p.media(scheme="light")
        p.size(*SIZES["wide"])
        self.has_its_layout(p, SIZES["wide"][0])

    @staticmethod
    def has_its_layout(p, w):
        """What is done next is done to panes that stay where they are."""
        p.until(f"innerWidth === {w}")
        p.until(f"document.querySelector('#view').dataset.mode !== 'workspace' || "
                f"document.querySelectorAll('.pane').length < 2 || {'true' if w > 700 else 'false'} === "
                "!!document.querySelector('.room-of-panes .columns')", "the layout for this room")


CASES = ["without_a_code", "with_a_code", "a_code_twice", "nothing_can_be_added", "by_password", "refused",
         "after_a_long_thought", "anonymous",
         "what_is_off_says_why", "the_whole_path", "a_long_click", "references_come_back", "what_is_held_is_told_anew",
         "panes_of_a_service", "panes_of_chat", "a_question_drops_from_the_frame",
         "a_capability_is_taken", "a_lease_runs_out", "what_comes_again_with_the_line", "a_line_that_is_dead",
         "two_tabs", "reload_and_back", "by_keyboard", "landmarks", "nothing_is_kept", "at_200_percent",
         "on_a_phone", "doors", "states", "pictures", "the_bridge_dies"]
PICTURES = ("doors", "states", "pictures")


def run(name, cases, only, after=lambda: None):
    """Runs cases by their names, and after() each that was good: no request may have left. Of one that failed, what
    scripts have thrown is said, and what the bridge has. The exit code."""
    def good():
        stayed(cases.browser)
        after()

    def more():
        return "\n".join([f"{p.faults()}" for p in cases.browser.pages.values()] + [cases.bridge.said()])
    try:
        return instance.run_cases(name, [(n, getattr(cases, n)) for n in only], good, more)
    finally:
        cases.close()


def main(binaries, guide, screens=None, *only):
    if not shutil.which("chromium"):
        print("there is no Chromium here")
        return 77
    return run("web-page", Cases(binaries, guide, screens), only or [c for c in CASES if screens or c not in PICTURES])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
