#!/usr/bin/env python3
"""Passkeys in Debian's Chromium, at a real instance and a real bridge: registered and used by clicks, with Chromium's
virtual authenticator; and what must be refused, refused by the prover and on record (R13, R20).

usage: passkey.py BINARIES [SCREENS [CASE...]]

The authenticator is Chromium's own for tests, over its debugging pipe; so what it makes and signs has gone through a
browser's code. What a browser would not send is bent on its way through the page: by what is put before the page's
navigator.credentials, as a page that somebody has changed would, or a bridge that lies. Each case has a name; it waits
for states, never for times.
"""
import base64
import json
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("", os.path.join("..", "e2e")):
    sys.path.insert(0, os.path.join(HERE, folder))

import bridge  # noqa: E402
import instance  # noqa: E402
import page  # noqa: E402
import shield  # noqa: E402
from bridge import PASSWORD, equal, holds  # noqa: E402
from browser import Browser  # noqa: E402

ALGORITHMS = {"ES256": -7, "EdDSA": -8, "RS256": -257}
ELSEWHERE = "https://capos.example"


class Cases:
    """One instance and bridge for all; a page and an authenticator of its own for each case."""

    def __init__(self, binaries, screens):
        self.binaries = os.path.abspath(binaries)
        self.folder = tempfile.TemporaryDirectory(prefix="capos-passkey-")
        self.manifest = os.path.join(self.folder.name, "manifest")
        self.write(ELSEWHERE)
        self.bridge = bridge.Bridge(self.binaries, manifest=self.manifest)
        self.rig = self.bridge.rig
        self.rig.ok("account", "add", "bob", "--profile", "operator", *self.state())
        self.rig.ok("account", "add", "carol", "--profile", "operator", "--profile", "vault", "--password-stdin",
                    *self.state(), stdin=PASSWORD + "\n")
        self.browser, self.screens = Browser(), screens
        self.origins(self.bridge.origin)

    def close(self):
        self.browser.close()
        self.bridge.close()
        self.folder.cleanup()

    def state(self):
        return "--state", self.rig.state

    # ---- the instance's own side ----

    def write(self, *origins):
        party = "localhost" if all("localhost" in o for o in origins) else "capos.example"
        names = ", ".join(f'"{o}"' for o in origins)
        little, all_of_it = ["session", "system_info"], ["session", "system_info", "chat"]
        vault = instance.profile("vault", all_of_it).replace("lease = ", "atLeast = touched, lease = ", 1)
        text = instance.manifest(profiles=[vault]).replace(
            instance.profile("operator", all_of_it), instance.profile("operator", little)).replace(
            "authentication = (", f'authentication = (passkeys = (relyingParty = "{party}", origins = [{names}]), ', 1)
        with open(self.manifest, "w", encoding="utf-8") as f:
            f.write(text)

    def origins(self, *origins):
        """From now on the manifest lists these."""
        self.write(*origins)
        self.rig.ok("reload", *self.state())

    def code(self, account="alice", *more):
        return self.rig.ok("account", "passkey", "code", account, *more, *self.state()).out.strip()

    def passkeys(self, account="alice"):
        return self.rig.ok("account", "passkey", "list", account, "--json", *self.state()).json["passkeys"]

    def forget(self):
        """An account has room for sixteen: each case begins without."""
        for account in ("alice", "bob", "carol"):
            for k in self.passkeys(account):
                self.rig.ok("account", "passkey", "remove", account, k["id"], *self.state())

    def records(self, what):
        out = self.rig.ok("audit", "query", "--json", *self.state()).out
        return [r for r in map(json.loads, out.splitlines()) if r.get("what") == what]

    def recorded(self, what, outcome, detail, account=None):
        """The newest record of this kind."""
        last = self.records(what)[-1]
        equal((last["outcome"], detail in last.get("detail", "")), (outcome, True), f"the record {last}")
        if account:
            equal(last["account"], account, f"the record {last}")

    # ---- what cases begin with ----

    def at_login(self):
        p = self.browser.page()
        p.keys = p.authenticator()
        p.go(f"{self.bridge.origin}/#k={self.bridge.another_code()}")
        p.click("#connect-0")
        p.there("#choose-password")
        return p

    @staticmethod
    def enrol_form(p, code, label="a test's"):
        if not p.js("!!document.querySelector('#enrol-code')"):
            p.click("#choose-enrol")
        p.fill("#enrol-code", code)
        p.fill("#enrol-label", label)

    def enrolled(self, p, account="alice", label="a test's"):
        """Registers one by a code, and returns its id."""
        before = {k["id"] for k in self.passkeys(account)}
        self.enrol_form(p, self.code(account), label)
        p.click("#enrol")
        p.says("registered", "#enrol-outcome")
        new = [k for k in self.passkeys(account) if k["id"] not in before]
        equal([k["label"] for k in new], [label], "the passkeys that are new")
        return new[0]

    @staticmethod
    def use(p):
        """Logs in by a passkey. What was complained of before is gone by then."""
        p.there("#choose-passkey")
        open_now = "document.querySelector('#choose-passkey').getAttribute('aria-expanded') === 'true'"
        if p.js(open_now):
            p.click("#choose-passkey")
            p.until(f"!({open_now}) && !document.querySelector('#complaint')", "it is shut")
        p.click("#choose-passkey")
        p.until(open_now, "it is open")
        p.click("#login")

    def logged_in(self, p, account="alice"):
        self.use(p)
        p.says(account, "#session-account")
        equal(p.text("#session-kind").lower(), "passkey", "the kind")

    def refused(self, p, why):
        p.says("denied.credentials", "#complaint")
        self.recorded("attempt", "denied.credentials", why)

    @staticmethod
    def leave(p):
        p.click("#logout")
        p.click("#sheet-yes")
        p.there("#ended")
        p.close()

    # ---- what a changed page does ----

    @staticmethod
    def bend(p, what, source):
        """Puts a function of ours before navigator.credentials.get or create: `real` is the browser's, `o` its options,
        and what it returns is what the page sends."""
        p.js(f"""(() => {{ const real = navigator.credentials.{what}.bind(navigator.credentials);
            navigator.credentials.{what} = async (o) => {{ {source} }}; }})()""")

    def bend_answer(self, p, change):
        """Changes the answer of the authenticator, as JSON `j`."""
        self.bend(p, "get", f"""const j = JSON.parse(JSON.stringify((await real(o)).toJSON()));
            const text = (b) => atob(b.replace(/-/g, "+").replace(/_/g, "/"));
            const b64 = (s) => btoa(s).replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
            {change}; return {{ toJSON: () => j }};""")

    def only(self, p, algorithm):
        """The page asks for keys of one algorithm."""
        self.bend(p, "create", f"""o.publicKey.pubKeyCredParams = [{{ type: "public-key", alg: {algorithm} }}];
            return real(o);""")

    def held(self, p):
        """The one passkey that the authenticator of a page has, with its private key."""
        found = p.call("WebAuthn.getCredentials", authenticatorId=p.keys)["credentials"]
        equal(len(found), 1, "the authenticator's passkeys")
        return found[0]

    def give(self, p, credential, **other):
        """The authenticator has this passkey, and no other."""
        p.call("WebAuthn.clearCredentials", authenticatorId=p.keys)
        wanted = ("credentialId", "isResidentCredential", "rpId", "privateKey", "userHandle", "signCount")
        p.call("WebAuthn.addCredential", authenticatorId=p.keys,
               credential={**{k: v for k, v in credential.items() if k in wanted}, **other})

    def at_login_with(self, account="alice"):
        """A page whose authenticator has a passkey of an account's; and that passkey."""
        p = self.at_login()
        self.enrolled(p, account)
        return p, self.held(p)

    def good_again(self, p, account="alice"):
        """What was refused is so for the one reason: without it the same passkey logs in."""
        self.logged_in(p, account)
        self.leave(p)

    # ---- registering and logging in ----

    def by_a_code_and_in(self):
        """The whole way: a code, a passkey, a login by it that names nobody."""
        p = self.at_login()
        one = self.enrolled(p)
        self.recorded("passkey-add", "ok", one["id"], "alice")
        self.logged_in(p)
        self.recorded("attempt", "ok", "counter", "alice")
        equal(p.faults(), [], "faults of scripts")
        self.leave(p)

    def each_algorithm(self):
        """Registered, and used."""
        for name, number in ALGORITHMS.items():
            p = self.at_login()
            self.only(p, number)
            equal(self.enrolled(p)["algorithm"], name, "the algorithm")
            self.logged_in(p)
            self.leave(p)

    def from_a_session(self):
        """Soon after it was proved, its owner adds another; then that one logs in."""
        p = self.at_login()
        self.by_password(p)
        p.fill("#passkeys #enrol-label", "a second")
        p.click("#passkeys #enrol")
        p.says("registered", "#passkeys #enrol-outcome")
        holds("a second" in [k["label"] for k in self.passkeys()], "it is not the account's")
        p.click("#logout")
        p.click("#sheet-yes")
        p.click("#leave")
        p.click("#connect-0")
        self.logged_in(p)
        self.leave(p)

    def a_session_gives_no_more(self):
        """carol has a profile that demands a touched key. A password does not make her one; a passkey does."""
        p = self.at_login()
        self.by_password(p, "carol")
        p.click("#passkeys #enrol")
        p.says("would give more", "#passkeys #enrol-outcome")
        self.recorded("passkey-begin", "denied.weak-proof", "would give more", "carol")
        p.click("#logout")
        p.click("#sheet-yes")
        p.click("#leave")
        p.click("#connect-0")
        p.there("#choose-enrol")
        self.enrolled(p, "carol")
        self.logged_in(p, "carol")
        p.call("WebAuthn.clearCredentials", authenticatorId=p.keys)
        p.click("#passkeys #enrol")
        p.says("registered", "#passkeys #enrol-outcome")
        equal(len(self.passkeys("carol")), 2, "her passkeys")
        self.leave(p)

    @staticmethod
    def by_password(p, account="alice"):
        p.click("#choose-password")
        p.fill("#account", account)
        p.fill("#secret", PASSWORD)
        p.click("#login")
        p.says(account, "#session-account")

    def renewed_by_one(self):
        """A longer lease for a passkey, in the sheet of the frame."""
        p, _ = self.at_login_with()
        self.logged_in(p)
        before = p.text("#session-kind")
        p.click("#renew")
        p.click("#sheet #choose-passkey")
        p.click("#sheet #login")
        p.until("!document.querySelector('#sheet').open", "the sheet closes")
        self.recorded("attempt", "ok", "renewal", "alice")
        p.reload()
        p.there("#passkeys #enrol")
        p.click("#renew")
        p.there("#sheet #choose-passkey")
        p.click("#sheet-no")
        equal(p.text("#session-kind"), before, "the kind")
        self.leave(p)

    def raised_by_one(self):
        """A session by password, raised by a passkey to the profile that demands a touched key."""
        p = self.at_login()
        self.enrolled(p, "carol")
        self.by_password(p, "carol")
        equal(p.text("#session-profile"), "operator", "the profile")
        p.click("#renew")
        p.click("#sheet #choose-passkey")
        p.choose("#sheet #profile", "vault")
        p.click("#sheet #login")
        p.until("!document.querySelector('#sheet').open", "the sheet closes")
        p.says("vault", "#session-profile")
        p.click("#go-capabilities")
        p.there("#cap-chat")
        self.leave(p)

    def removed_ends_what_it_made(self):
        """An administrator takes it away while its owner looks: the session is over, and its owner is told why."""
        p = self.at_login()
        one = self.enrolled(p)
        self.logged_in(p)
        self.rig.ok("account", "passkey", "remove", "alice", one["id"], *self.state())
        p.says("what it was proved by was taken away", "#ended")
        equal(self.passkeys(), [], "the account's passkeys")
        p.close()

    def there_is_time(self):
        """Who has to look for his device first has minutes, and sees how many."""
        p, _ = self.at_login_with()
        self.bend(p, "get", "await new Promise((done) => { window.go = done; }); return real(o);")
        self.use(p)
        p.until("/at most (10|[5-9]) min/.test(document.querySelector('#step')?.innerText ?? '')",
                "how long it may take")
        p.js("window.go()")
        p.says("alice", "#session-account")
        self.leave(p)

    def removed_by_its_owner(self):
        """Seen on the overview, and taken away by who has just logged in: what it made ends, this session does not."""
        other, _ = self.at_login_with()
        one = self.passkeys()[0]
        self.logged_in(other)
        p = self.at_login()
        self.by_password(p)
        button = f"[data-remove='{one['id']}']"
        p.says(one["label"], "#own-passkeys")
        p.click(button)
        p.click(f"{button}.danger")
        p.says("none so far", "#passkeys")
        self.recorded("passkey-remove", "ok", one["id"], "alice")
        equal(self.passkeys(), [], "the account's passkeys")
        other.says("what it was proved by was taken away", "#ended")
        p.click("#go-capabilities")
        p.there("#cap-system_info")
        other.close()
        self.leave(p)

    def removed_with_its_session(self):
        """The passkey that this session was made by: the session ends with it."""
        p, _ = self.at_login_with()
        one = self.passkeys()[0]
        self.logged_in(p)
        p.says("this session", "#own-passkeys")
        p.click(f"[data-remove='{one['id']}']")
        p.click(f"[data-remove='{one['id']}'].danger")
        p.says("what it was proved by was taken away", "#ended")
        equal(self.passkeys(), [], "the account's passkeys")
        p.close()

    def removed_by_too_little(self):
        """carol's passkeys give more than her password: who has that alone takes none away."""
        p, _ = self.at_login_with("carol")
        one = self.passkeys("carol")[0]
        self.by_password(p, "carol")
        p.click(f"[data-remove='{one['id']}']")
        p.click(f"[data-remove='{one['id']}'].danger")
        p.says("prove it by more", "#passkeys")
        self.recorded("passkey-remove", "denied.weak-proof", "prove it by more", "carol")
        equal(len(self.passkeys("carol")), 1, "her passkeys")
        self.leave(p)

    # ---- codes ----

    def a_code_is_good_once(self):
        p = self.at_login()
        code = self.code()
        self.enrol_form(p, code)
        p.click("#enrol")
        p.says("registered", "#enrol-outcome")
        q = self.at_login()
        self.enrol_form(q, code)
        q.click("#enrol")
        q.says("denied.credentials", "#enrol-outcome")
        self.recorded("passkey-begin", "denied.credentials", "no such code")
        q.close()
        p.close()

    def a_code_that_is_none(self):
        p = self.at_login()
        self.enrol_form(p, "AAAAA-AAAAA-AAAAA-AAAAA")
        p.click("#enrol")
        p.says("denied.credentials", "#enrol-outcome")
        equal(p.call("WebAuthn.getCredentials", authenticatorId=p.keys)["credentials"], [], "what was made")
        p.close()

    def nobody_is_there(self):
        """The person does not do what the device asks: nothing is used up, and the same code is good then."""
        p = self.at_login()
        p.call("WebAuthn.setUserVerified", authenticatorId=p.keys, isUserVerified=False)
        self.enrol_form(p, self.code())
        p.click("#enrol")
        p.says("No passkey was used", "#enrol-outcome")
        p.call("WebAuthn.setUserVerified", authenticatorId=p.keys, isUserVerified=True)
        p.click("#enrol")
        p.says("registered", "#enrol-outcome")
        p.close()

    def one_device_twice(self):
        p, _ = self.at_login_with()
        self.enrol_form(p, self.code())
        p.click("#enrol")
        p.says("has a passkey of the account already", "#enrol-outcome")
        p.close()

    def registered_elsewhere(self):
        """A passkey made for another challenge: the one of a registration before."""
        p = self.at_login()
        self.bend(p, "create", """o.publicKey.challenge = new Uint8Array(32); return real(o);""")
        self.enrol_form(p, self.code())
        p.click("#enrol")
        p.says("for another challenge", "#enrol-outcome")
        self.recorded("passkey-add", "denied.credentials", "for another challenge", "alice")
        p.close()

    def what_a_code_restricts(self):
        """What an administrator restricts a code to, its passkey is."""
        p = self.at_login()
        self.enrol_form(p, self.code("alice", "--from", "192.0.2.0/24"))
        p.click("#enrol")
        p.says("registered", "#enrol-outcome")
        self.use(p)
        self.refused(p, "key not from here")
        p.close()

    # ---- what is refused by the prover, or by who keeps the passkeys ----

    def wrong_origin(self):
        """The page was let in by its origin, and the manifest does not list it any more."""
        p, _ = self.at_login_with()
        self.origins("http://localhost:1")
        try:
            self.use(p)
            self.refused(p, "from another origin")
        finally:
            self.origins(self.bridge.origin)
        self.good_again(p)

    def replay(self):
        """What was said at one login, at the next."""
        p, _ = self.at_login_with()
        self.bend(p, "get", """if (window.said) return { toJSON: () => window.said };
            const c = await real(o); window.said = JSON.parse(JSON.stringify(c.toJSON())); return c;""")
        self.logged_in(p)
        p.click("#logout")
        p.click("#sheet-yes")
        p.click("#leave")
        p.click("#connect-0")
        self.use(p)
        self.refused(p, "for another challenge")
        p.js("window.said = null")
        self.good_again(p)

    def other_account(self):
        """alice's passkey, whose authenticator says that it is bob's."""
        p, hers = self.at_login_with()
        q, his = self.at_login_with("bob")
        q.close()
        self.give(p, hers, userHandle=his["userHandle"])
        self.use(p)
        self.refused(p, "it names another account")
        self.give(p, hers)
        self.good_again(p)

    def not_verified(self):
        """Whoever has the device, and not its PIN: a page that does not ask for more than a touch."""
        p, _ = self.at_login_with()
        p.call("WebAuthn.setUserVerified", authenticatorId=p.keys, isUserVerified=False)
        self.bend(p, "get", """if (window.lax) o.publicKey.userVerification = "discouraged"; return real(o);""")
        p.js("window.lax = true")
        self.use(p)
        self.refused(p, "its user was not verified")
        p.js("window.lax = false")
        p.call("WebAuthn.setUserVerified", authenticatorId=p.keys, isUserVerified=True)
        self.good_again(p)

    def falling_count(self):
        """A copy of the passkey, from before it was used last."""
        p, before = self.at_login_with()
        self.logged_in(p)
        p.click("#logout")
        p.click("#sheet-yes")
        p.click("#leave")
        p.click("#connect-0")
        p.there("#choose-passkey")
        now = self.held(p)
        self.give(p, before, signCount=0)
        self.use(p)
        self.refused(p, "there may be a copy")
        self.give(p, now)
        self.good_again(p)

    def tampered(self):
        """Client data that the authenticator has not signed, one byte of white space; and one bit of each part."""
        p, _ = self.at_login_with()
        rows = [("j.response.clientDataJSON = b64(text(j.response.clientDataJSON).replace('{', '{ '))",
                 "not signed by it"),
                ("j.response.clientDataJSON = b64(text(j.response.clientDataJSON).replace('webauthn.get', "
                 "'webauthn.create'))", "made for something else"),
                ("const s = text(j.response.signature); j.response.signature = b64(s.slice(0, -1) + "
                 "String.fromCharCode(s.charCodeAt(s.length - 1) ^ 1))", "not signed by it"),
                ("const d = text(j.response.authenticatorData); j.response.authenticatorData = b64(d.slice(0, 36) + "
                 "String.fromCharCode(d.charCodeAt(36) ^ 64))", "not signed by it")]
        p.js("window.real = navigator.credentials.get")
        seen = set()
        for change, why in rows:
            self.bend_answer(p, change)
            self.use(p)
            p.says("denied.credentials", "#complaint")
            if why not in seen:  # the same again is counted, and recorded later
                self.recorded("attempt", "denied.credentials", why)
            seen.add(why)
            p.js("navigator.credentials.get = window.real")
        self.good_again(p)

    def cross_origin_frame(self):
        """A page of another origin, with one of ours inside: what is signed there says so. Nobody can put the bridge's
        page in a frame; the frame here is empty, and of our origin by what the browser is told."""
        p, _ = self.at_login_with()
        hers = self.held(p)
        self.bend(p, "get", """if (!window.carry) return real(o);
            const b = new Uint8Array(o.publicKey.challenge); window.asked = btoa(String.fromCharCode(...b));
            const j = await new Promise((done) => { window.carried = done; }); return { toJSON: () => j };""")
        p.js("window.carry = true")
        self.use(p)
        challenge = p.until("window.asked")
        answer = self.in_a_frame(hers, challenge)
        client = json.loads(base64.urlsafe_b64decode(answer["response"]["clientDataJSON"] + "=="))
        equal((client["origin"], client["crossOrigin"]), (self.bridge.origin, True), "what the browser says")
        p.js(f"window.carried({json.dumps(answer)})")
        self.refused(p, "from inside a page of another origin")
        p.js("window.carry = false")
        now = self.held(p)
        self.give(p, now, signCount=now["signCount"] + 10)
        self.good_again(p)

    def in_a_frame(self, credential, challenge):
        """What the browser says when a frame of the bridge's origin asks, in a page of another."""
        q = self.browser.page()
        q.keys = q.authenticator()
        self.give(q, credential, signCount=credential["signCount"] + 1)
        outer, inner = "http://localhost:9/", f"{self.bridge.origin}/frame"
        served = {outer: f'<iframe src="{inner}" allow="publickey-credentials-get *"></iframe>', inner: "<p>frame</p>"}
        q.call("Fetch.enable", patterns=[{"urlPattern": url} for url in served])
        self.browser.send("Page.navigate", {"url": outer}, q.session)
        for _ in served:
            paused = self.event(q, "Fetch.requestPaused", lambda e: True)
            q.call("Fetch.fulfillRequest", requestId=paused["requestId"], responseCode=200,
                   responseHeaders=[{"name": "Content-Type", "value": "text/html"}],
                   body=base64.b64encode(served[paused["request"]["url"]].encode()).decode())
        context = self.event(q, "Runtime.executionContextCreated",
                             lambda e: e["context"]["origin"] == self.bridge.origin)["context"]
        said = q.call("Runtime.evaluate", contextId=context["id"], awaitPromise=True, returnByValue=True,
                      userGesture=True, expression=f"""(async () => {{
            const challenge = Uint8Array.from(atob({json.dumps(challenge)}), (c) => c.charCodeAt(0));
            const c = await navigator.credentials.get({{ publicKey: {{ challenge, rpId: "localhost",
                userVerification: "required", allowCredentials: [] }} }});
            return JSON.parse(JSON.stringify(c.toJSON())); }})()""")
        holds("exceptionDetails" not in said, f"the frame: {said}")
        q.close()
        return said["result"]["value"]

    def event(self, p, method, wanted):
        """The next event of this kind, taken out."""
        deadline = time.monotonic() + bridge.DEADLINE
        while True:
            for i, e in enumerate(p.events):
                if e["method"] == method and wanted(e["params"]):
                    return p.events.pop(i)["params"]
            holds(time.monotonic() < deadline, f"no {method}")
            self.browser.read(time.monotonic() + 0.02)

    def foreign(self):
        """A passkey that its authenticator has for us, and the instance has never seen."""
        p, hers = self.at_login_with()
        q = self.at_login()
        strange = self.made_up(q, hers)
        self.give(p, strange)
        self.use(p)
        self.refused(p, "by an unknown passkey")
        q.close()
        self.give(p, hers)
        self.good_again(p)

    def made_up(self, q, like):
        """Made by a page that nobody has asked to."""
        q.js(f"""navigator.credentials.create({{ publicKey: {{ challenge: new Uint8Array(32),
            rp: {{ id: {json.dumps(like["rpId"])}, name: "x" }}, user: {{ id: new Uint8Array(16), name: "x",
            displayName: "x" }}, pubKeyCredParams: [{{ type: "public-key", alg: -7 }}],
            authenticatorSelection: {{ residentKey: "required", userVerification: "required" }} }} }}).then(() => 1)""")
        return {**self.held(q), "userHandle": like["userHandle"]}

    # ---- where it is not ----

    def elsewhere_it_is_off(self):
        """The manifest lists another page: the way is there, is off, and says why."""
        self.is_off_by(ELSEWHERE)

    def by_a_name_of_its_own(self):
        """A bridge for browsers elsewhere, over TLS, by a name that the browser trusts it for: all of it likewise, the
        passkey being that domain's; and from another page of the domain it is off."""
        here, browser = self.bridge, self.browser
        self.bridge = shield.Bridge(self.binaries, rig=self.rig)
        self.browser = Browser(*self.bridge.for_chromium())
        try:
            self.origins(self.bridge.origin)
            self.by_a_code_and_in()
            p, one = self.at_login_with()
            equal(one["rpId"], shield.NAME, "whose passkey it is")
            self.good_again(p)
            self.is_off_by(f"https://other.{shield.NAME}")
        finally:
            self.browser.close()
            self.bridge.stop()
            self.bridge, self.browser = here, browser
            self.origins(self.bridge.origin)

    def is_off_by(self, origin):
        self.origins(origin)
        try:
            p = self.at_login()
            holds(p.js("!document.querySelector('#choose-passkey') && !document.querySelector('#choose-enrol')"),
                  "it can be chosen")
            says = p.text("#method-passkey")
            holds(origin in says and self.bridge.origin in says, f"it does not say why it is off: {says}")
            self.by_password(p)
            p.there("#no-passkeys")
            self.leave(p)
        finally:
            self.origins(self.bridge.origin)

    # ---- pictures ----

    shoot, has_its_layout = page.Cases.shoot, staticmethod(page.Cases.has_its_layout)

    def pictures(self):
        """The screens of enrolment and login, light and dark, on a desk and in a hand, for people to look at."""
        if not self.screens:
            return
        p = self.at_login()
        p.click("#choose-enrol")
        p.there("#enrol-code")
        self.shoot(p, "passkey-enrol")
        self.enrol_form(p, "AAAAA-AAAAA-AAAAA-AAAAA")
        p.click("#enrol")
        p.there("#enrol-outcome")
        self.shoot(p, "passkey-enrol-refused")
        self.enrolled(p)
        p.until("document.activeElement?.id === 'choose-passkey'", "what to do next has the focus")
        self.shoot(p, "passkey-registered")
        self.bend(p, "get", "await new Promise((done) => { window.go = done; }); return real(o);")
        self.use(p)
        p.until("!!window.go")
        self.shoot(p, "passkey-asked")
        p.js("window.go()")
        p.says("alice", "#session-account")
        p.js("document.querySelector('#passkeys').scrollIntoView({block: 'nearest'})")
        self.shoot(p, "passkey-another")
        self.leave(p)


CASES = ["by_a_code_and_in", "each_algorithm", "from_a_session", "a_session_gives_no_more", "renewed_by_one",
         "raised_by_one", "removed_ends_what_it_made", "removed_by_its_owner", "removed_with_its_session",
         "removed_by_too_little", "there_is_time", "a_code_is_good_once", "a_code_that_is_none",
         "nobody_is_there", "one_device_twice", "registered_elsewhere", "what_a_code_restricts", "wrong_origin",
         "replay", "other_account", "not_verified", "falling_count", "tampered", "cross_origin_frame", "foreign",
         "elsewhere_it_is_off", "by_a_name_of_its_own", "pictures"]


def main(binaries, screens=None, *only):
    cases = Cases(binaries, screens)
    return page.run("web-passkey", cases, only or CASES, cases.forget)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
