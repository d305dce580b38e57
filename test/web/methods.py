#!/usr/bin/env python3
"""web-methods: how one comes in, in Debian's Chromium: the entry code, then every method by which a person logs in
(R9 to R16 as a browser's host has them), the forms in which each is refused, and a session that is renewed and raised.

usage: methods.py BINARIES [CASE...]

The instance is real, and so is who proves: an ssh-agent, openssl's certificates, an identity provider on this machine
(oplib.py) whose pages the same browser opens. Each case has a name; it waits for states, never for times.
"""
import http.server
import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import bridge  # noqa: E402
import certlib  # noqa: E402
import instance  # noqa: E402
import oplib  # noqa: E402
import page  # noqa: E402
import sshkeys  # noqa: E402
from bridge import PASSWORD, equal, holds  # noqa: E402
from browser import Browser, Page  # noqa: E402

SAFE = "#connect-1"  # the instance over TLS


class Cases(page.Cases):
    """One instance and bridge for all; a page of its own for each case."""
    port = 0  # the bridge's

    def __init__(self, binaries):  # pylint: disable=super-init-not-called
        self.folder = tempfile.TemporaryDirectory(prefix="capos-methods-")
        self.op = oplib.Provider()
        self.op.answers["/activate"] = self.approve
        self.keys = sshkeys.Keys(self.folder.name)
        self.ca, self.others = (certlib.Authority(self.folder.name, n) for n in ("ours", "others"))
        self.binaries = os.path.abspath(binaries)
        rig = bridge.Rig(self.binaries, None, manifest=self.write("manifest", self.manifest()),
                         more=["--listen", "tls:127.0.0.1:0"])
        self.safe = rig.read_line(rig.server.stdout).split()  # … tls HOST PORT FINGERPRINT
        for name, profiles in (("bea", ("operator", "keeper")), ("ada", ("operator",))):
            rig.ok("account", "add", name, *(w for p in profiles for w in ("--profile", p)), "--password-stdin",
                   "--state", rig.state, stdin=PASSWORD + "\n")
        self.keys.start_agent()
        for name in ("known", "strange"):
            self.keys.keygen(name)
        rig.ok("account", "key", "add", "alice", self.keys.path("known.pub"), "--state", rig.state)
        self.bridge = bridge.Bridge(self.binaries, *self.options(self.ca), rig=rig, port=self.port,
                                    env={"SSH_AUTH_SOCK": self.keys.env["SSH_AUTH_SOCK"]})
        self.browser = Browser()
        self.screens = None

    def close(self):
        self.browser.close()
        self.bridge.close()
        self.keys.stop_agent()
        self.op.stop()
        self.folder.cleanup()

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def manifest(self, guest=True):
        """Guests, certificates and a provider; raised is to `keeper`, a code for a device gives `lounge`."""
        little, all_of_it = ["session", "system_info"], ["session", "system_info", "chat"]
        more = [instance.profile("keeper", all_of_it),
                instance.profile("robot", little).replace("lease", "service = true, lease", 1),
                instance.profile("lounge", little).replace("lease", "unbound = true, lease", 1)]
        text = certlib.lets_in(self.ca, instance.manifest(guest=guest, profiles=more))
        text = text.replace(instance.profile("operator", all_of_it), instance.profile("operator", little))
        return text.replace("authentication = (", f"""authentication = (
            oidc = [(name = "op", issuer = "{self.op.url}", clientId = "{oplib.CLIENT}",
                clientSecretFile = "{self.write("secret", oplib.SECRET)}", loopback = true, rules = [
                  (claims = [(name = "groups", value = "admins")], account = "alice"),
                  (claims = [(name = "groups", value = "people")], create = true, profile = "lounge")])],
            """, 1)

    def options(self, authority):
        certificate, key = authority.issue("alice", "email:alice@example.org")
        return ["--instance", f"safe=tls:{self.safe[-3]}:{self.safe[-2]}",
                "--instance", f"home=localhost:{self.safe[-2]}", "--certificate", certificate, "--key", key]

    # ---- what cases begin with ----

    def at(self, kind, instance_button="#connect-0", p=None):
        """The form of a method, on a page of its own."""
        p = p or self.entered()
        p.click(instance_button)
        if instance_button == SAFE:
            p.until("!!document.querySelector('#sheet[open], .methods')")
            if p.js("!!document.querySelector('#sheet[open]')"):
                p.says(self.safe[-1], "#sheet")
                p.until("document.querySelector('#sheet').dataset.deaf === ''", "it can be answered")
                p.click("#sheet-yes")
        p.click(f"#choose-{kind}")
        p.there("#login, .method-form, .method.open p")
        return p

    def is_in(self, p, account, profile, kind):
        p.there("#overview")
        p.says(account, "#session-account")
        equal(p.text("#session-profile"), profile, "the profile")
        p.says(kind, "#session-kind")
        equal(p.faults(), [], "faults of scripts")

    def refused(self, p, words):
        """It says why, and leads back to the methods."""
        p.says(words, "#complaint")
        p.there(".methods")
        equal(p.faults(), [], "faults of scripts")

    def away(self, p):
        """Back to the list, without a session."""
        p.click("#back")
        p.there("#connect-0")
        p.close()

    # ---- first visit ----

    def a_code_that_is_late(self):
        """Of a bridge whose codes are good for a millisecond."""
        web = subprocess.Popen([os.path.join(self.binaries, "capos-web"), "--port", "0", "--code-ms", "1"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=self.bridge.env)
        try:
            p = self.page()
            p.go(self.bridge.rig.read_line(web.stdout).strip())
            p.there("#door[data-why=code]")
            p.says("is too old", "#door")
            equal(p.js("location.href.includes('k=')"), False, "the code is in the address")
            p.close()
        finally:
            web.terminate()
            web.wait()
            web.stdout.close()

    # ---- another page of this machine ----

    def a_page_of_another_port(self):
        """Somebody else's server on `localhost`, whose page the same browser shows: it is sent the bridge's cookie, and
        nothing else comes of what it tries. When it puts a cookie of its own in that one's place, what is open goes on;
        a tab that is opened anew is let go, and comes in by another address."""
        name, got = f"__Host-capos-{self.bridge.port}", []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                got.append(self.headers.get("Cookie", ""))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                if self.path == "/toss":
                    self.send_header("Set-Cookie", f"{name}={'A' * 43}; Path=/; Secure; HttpOnly; SameSite=Strict")
                self.end_headers()
                self.wfile.write(b"<!doctype html><p id=here>here</p>")

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            try:
                self.tries_all(name, got, f"http://localhost:{server.server_address[1]}")
            finally:
                server.shutdown()

    def tries_all(self, name, got, other):
        p, origin = self.session(), self.bridge.origin
        script = p.js("document.querySelector('script[src]').src")
        q = self.page()
        q.go(f"{other}/")
        q.there("#here")
        holds(name in got[-1], f"ports keep cookies apart: {got}")
        for what, try_it in (
                ("reads", f'fetch("{origin}/", {{credentials: "include"}}).then((r) => r.text())'),
                ("enters", f'fetch("{origin}/enter", {{method: "POST", headers: {{"X-Capos": "1"}}, body: "x"}})'),
                ("opens a WebSocket", f"""new Promise((done, fail) => {{ const w = new WebSocket(
                    "{origin.replace("http", "ws")}/ws"); w.onopen = done; w.onerror = fail; }})"""),
                ("runs a script", f"""new Promise((done, fail) => {{ const s = document.createElement("script");
                    s.src = "{script}"; s.onload = done; s.onerror = fail; document.body.append(s); }})""")):
            equal(q.js(f"({try_it}).then(() => 'yes', () => 'no')"), "no", f"it {what}")
        q.js(f"""new Promise((done) => {{ const f = document.createElement("iframe"); f.onload = done;
            f.src = "{origin}/"; document.body.append(f); }}).then(() => 1)""")
        frame = q.call("Page.getFrameTree")["frameTree"]["childFrames"][0]["frame"]
        equal(frame.get("unreachableUrl"), f"{origin}/", "what its frame shows")
        q.go(f"{other}/toss")
        q.until("location.pathname === '/toss' && !!document.querySelector('#here')")
        q.close()
        p.click("#renew")
        p.there("#sheet #choose-password")
        p.click("#sheet-no")
        p.reload()
        p.says("open the link it prints", "#door")
        self.log_in_again(p)

    def log_in_again(self, p):
        p = self.entered(p)
        p.click("#connect-0")
        self.log_in(p)
        p.says("alice", "#session-account")
        self.leave(p)

    # ---- a password ----

    def password_of_nobody(self):
        """An account that is none is refused in the words of a wrong password."""
        p = self.at("password")
        said = []
        for account in ("alice", "nobody-of-this-name"):
            p.fill("#account", account)
            p.fill("#secret", "wrong")
            p.click("#login")
            # the last complaint is gone when its record is there: both are drawn at once
            p.until("[...document.querySelectorAll('aside .record')].filter((e) => e.innerText.includes("
                    f"'denied.credentials')).length === {len(said) + 1}", "it is refused")
            p.until("!!document.querySelector('#complaint') && !document.querySelector('#login').disabled")
            said.append(p.text("#complaint"))
        equal(said[0], said[1], "what is said")
        holds("denied.credentials" in said[0], said[0])
        equal(p.js("document.querySelector('#account').value"), "nobody-of-this-name", "what was typed")
        equal(p.js("document.querySelector('#secret').value"), "", "the secret")
        self.away(p)

    # ---- a key of the bridge's ssh-agent ----

    def ssh_key_that_is_not_there(self):
        p = self.at("publicKey")
        p.says("holds no key", ".method.open")
        self.away(p)

    def ssh_key(self):
        self.keys.add("known")
        p = self.at("publicKey")
        p.fill("#account", "alice")
        p.click("#login")
        self.is_in(p, "alice", "operator", "public key")
        self.leave(p)

    def ssh_key_of_another(self):
        self.keys.add("strange")
        p = self.at("publicKey")
        p.fill("#account", "alice")
        p.choose("#key", self.keys.fingerprint("strange"))
        p.click("#login")
        self.refused(p, "denied.credentials")
        self.away(p)

    # ---- without an account ----

    def guest(self):
        p = self.at("guest")
        p.click("#login")
        self.is_in(p, "none", "guest", "guest")
        self.leave(p)

    def guest_refused(self):
        """Those without an account come from elsewhere alone, as the manifest is by now: who is at the form already is
        refused, to others the ways are off, and it is said why. Likewise where no guests come in at all."""
        text, ways = self.manifest(), ("guest", "anonymous")
        for n in ways:
            one = instance.profile(n, ["session", "system_info"])
            text = text.replace(one, one.replace("lease", 'from = ["192.0.2.0/24"], lease', 1), 1)
        try:
            p = self.at("guest")
            self.reload(text)
            p.click("#login")
            self.refused(p, "denied.profile")
            p.click("#choose-anonymous")
            p.there("#method-anonymous.open #login")
            p.click("#login")
            self.refused(p, "denied.profile")
            self.away(p)
            p = self.entered()
            p.click("#connect-0")
            for n in ways:
                p.there(f"#method-{n}.off")
                p.says("not from where you are", f"#method-{n}")
            self.away(p)
            self.reload(self.manifest(guest=False))
            p = self.entered()
            p.click("#connect-0")
            p.there("#method-guest.off .detail")
            self.away(p)
        finally:
            self.reload(self.manifest())

    def reload(self, text):
        self.write("manifest", text)
        self.bridge.rig.ok("reload", "--state", self.bridge.rig.state)

    def anonymous(self):
        p = self.at("anonymous")
        p.click("#login")
        self.is_in(p, "none", "anonymous", "anonymous")
        self.leave(p)

    # ---- an identity provider, in this browser ----

    def opened(self, p, selector):
        """Clicks a link that opens beside the page: the new page."""
        before = {t["targetId"] for t in self.browser.call("Target.getTargets")["targetInfos"]}
        p.click(selector)
        found = bridge.until(lambda: next((t for t in self.browser.call("Target.getTargets")["targetInfos"]
                                           if t["targetId"] not in before and t["type"] == "page"), None), "a new page")
        session = self.browser.call("Target.attachToTarget", {"targetId": found["targetId"], "flatten": True})
        q = self.browser.pages[session["sessionId"]] = Page(self.browser, found["targetId"], session["sessionId"])
        for domain in ("Page", "Runtime", "Network"):
            q.call(f"{domain}.enable")
        return q

    def at_provider(self, **answers):
        """A login that waits for the provider's page: (page, address of its link)."""
        self.op.answers.update(answers)
        p = self.at("oidcAuthorizationCodePkce")
        p.click("#login")
        p.there("#step a")
        p.says("Waiting until you have agreed there", "#step")
        return p, p.js("document.querySelector('#step a').href")

    def oidc_by_redirect(self):
        """The provider's page leads back to the bridge, and both pages have the session."""
        self.op.claims = {"groups": "admins"}
        p, _ = self.at_provider()
        q = self.opened(p, "#step a")
        self.is_in(p, "alice", "operator", "oidc authorization code pkce")
        q.says("alice", "#session-account")
        equal(q.js("location.origin"), self.bridge.origin, "where the provider's page has led")
        holds("code=" not in q.js("location.href"), "the provider's code is in the address")
        q.close()
        self.leave(p)

    def back(self, **query):
        return self.bridge.request("GET", f"/back?{urllib.parse.urlencode(query)}",
                                   Host=f"127.0.0.1:{self.bridge.port}").words

    def oidc_handed_on_once(self):
        """What comes back is taken by its state alone, and once."""
        self.op.claims = {"groups": "admins"}
        p, url = self.at_provider()
        answer = dict(urllib.parse.parse_qsl(self.op.browse(url)))
        equal(self.back(**{**answer, "state": "A" * 22}), "400 state", "another state")
        equal(self.back(code=answer["code"]), "400 state", "no state")
        equal(self.back(**answer), "303", "the redirect")
        equal(self.back(**answer), "400 state", "the redirect again")
        self.is_in(p, "alice", "operator", "oidc authorization code pkce")
        equal(self.back(**answer), "400 state", "the redirect, after the login")
        self.leave(p)

    def oidc_among_many_redirects(self):
        """Whoever sends others than the one that is waited for, however many, is told so, and keeps nobody out."""
        self.op.claims = {"groups": "admins"}
        p, url = self.at_provider()
        answer = dict(urllib.parse.parse_qsl(self.op.browse(url)))
        said = {self.back(**{**answer, "state": f"{n:022d}"}) for n in range(300)}
        equal(said, {"400 state"}, "other states")
        equal(self.back(**answer), "303", "the redirect")
        self.is_in(p, "alice", "operator", "oidc authorization code pkce")
        self.leave(p)

    def oidc_of_a_provider_that_is_not_there(self):
        """It does not say where its pages are: the page has what the instance says of that, and not that a name or a
        secret is wrong."""
        other = oplib.Provider()
        other.answers["/.well-known/openid-configuration"] = lambda h, _: h.answer(503, {})
        try:
            self.reload(self.manifest().replace(self.op.url, other.url))
            p = self.at("oidcAuthorizationCodePkce")
            p.click("#login")
            p.says("identity provider", "#complaint")
            p.until("document.querySelector('#login')?.disabled === false", "it can be tried again")
            holds("secret is wrong" not in p.text("#complaint"), p.text("#complaint"))
            equal(p.faults(), [], "faults of scripts")
            self.away(p)
        finally:
            self.reload(self.manifest())
            other.stop()

    def oidc_state_of_another_session(self):
        """Two browsers wait. What comes back is handed to the one whose state it has, and a code that the other one was
        given is worth nothing there; the other waits on, and its own lets it in."""
        self.op.claims = {"groups": "admins"}
        tabs = [self.bridge.browser().tab() for _ in range(2)]
        asked = []
        for t in tabs:
            t.ask("connect", 0)
            login = t.up("login", {"kind": "oidcAuthorizationCodePkce"})
            asked.append((login, t.down("step", login)["step"]["url"]))
        mine, other = (dict(urllib.parse.parse_qsl(self.op.browse(url))) for _, url in asked)
        equal(self.back(**{**other, "state": mine["state"]}), "303", "with a code of the other's")
        equal(tabs[0].down("failed", asked[0][0])["failed"]["code"], "denied.credentials", "what comes of it")
        equal(self.back(**mine), "400 state", "the state again")
        equal(self.back(**dict(urllib.parse.parse_qsl(self.op.browse(asked[1][1])))), "303", "the other's own")
        equal(tabs[1].down("session", asked[1][0])["session"]["account"], "alice", "whose session it is")
        for t in tabs:
            t.close()

    def oidc_of_nobody(self):
        """An identity that no rule gives an account."""
        self.op.claims = {"groups": "strangers"}
        p, _ = self.at_provider()
        self.opened(p, "#step a").there("#connect-0, .methods")
        self.refused(p, "denied.credentials")
        self.away(p)

    def oidc_said_no_to(self):
        """At the provider: it leads back with an error in place of a code."""
        p, url = self.at_provider()
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))["state"]
        equal(self.back(error="access_denied", state=state, iss=self.op.url), "303", "the redirect")
        self.refused(p, "denied.")
        self.away(p)

    def oidc_of_a_provider_that_fails(self):
        """It leads back with an error, or answers one to the code: the page has what the instance says of it, and not
        that a name or a secret is wrong."""
        p = self.at("oidcAuthorizationCodePkce")
        for error, words in (("server_error", "has failed"), ("temporarily_unavailable", "is busy"),
                             ("new_words", "has refused"), ("", "")):
            p.click("#login")
            url = p.until("document.querySelector('#step a')?.href")
            answer = dict(urllib.parse.parse_qsl(self.op.browse(url)))
            if error:
                del answer["code"]
                answer["error"] = error
            else:
                self.op.answers["/token"] = lambda h, _: h.answer(503, {"error": "temporarily_unavailable"})
            try:
                equal(self.back(**answer), "303", "the redirect")
                p.says(words or "identity provider", "#complaint")
                p.until("document.querySelector('#login')?.disabled === false", "it can be tried again")
            finally:
                self.op.answers.pop("/token", None)
            holds("secret is wrong" not in p.text("#complaint"), p.text("#complaint"))
        equal(p.faults(), [], "faults of scripts")
        self.away(p)

    def oidc_too_late(self):
        """An instance that waits three seconds for a person. The page says that the time is over; what comes back then
        is handed on, once, and the instance refuses it."""
        rig = bridge.Rig(self.binaries, None, manifest=self.write("hurried", self.manifest().replace(
            "limits = (", 'limits = (person = "3s"', 1)))
        old, self.bridge = self.bridge, bridge.Bridge(self.binaries, rig=rig)
        try:
            p = self.at("oidcAuthorizationCodePkce")
            p.click("#login")
            p.says("The time for this is over", "#step")
            url = p.js("document.querySelector('#step a').href")
            answer = dict(urllib.parse.parse_qsl(self.op.browse(url)))
            equal(self.back(**answer), "303", "the redirect")
            self.refused(p, "nobody has come back in time (denied.flow)")
            equal(self.back(**answer), "400 state", "the redirect again")
            p.click("#choose-anonymous")
            p.click("#login")
            self.is_in(p, "none", "anonymous", "anonymous")
            self.leave(p)
        finally:
            hurried, self.bridge = self.bridge, old
            hurried.close()

    def oidc_whose_process_is_killed(self):
        """The browser is at the provider, and what began the login is gone: nobody takes what comes back, the page says
        that it was let go, and comes in anew."""
        before = set(self.bridge.processes())
        p, url = self.at_provider()
        mine = set(self.bridge.processes()) - before
        equal(len(mine), 1, "processes of a browser")
        answer = dict(urllib.parse.parse_qsl(self.op.browse(url)))
        os.kill(mine.pop(), signal.SIGKILL)
        p.there("#door[data-why=lost]")
        equal(self.back(**answer), "400 state", "the redirect")
        p = self.at("anonymous", p=self.entered(p))
        p.click("#login")
        self.is_in(p, "none", "anonymous", "anonymous")
        self.leave(p)

    def oidc_given_up(self):
        """On the page: then what comes back is nobody's any more, and another login is free to begin."""
        p, url = self.at_provider()
        answer = dict(urllib.parse.parse_qsl(self.op.browse(url)))
        p.click("#give-up")
        p.there(".methods")
        equal(p.text("#complaint"), "", "what is complained about")
        p.says("login", "aside")  # the bridge has heard of it
        equal(self.back(**answer), "400 state", "the redirect")
        p.click("#choose-anonymous")
        p.click("#login")
        self.is_in(p, "none", "anonymous", "anonymous")
        self.leave(p)

    # ---- a code for another device ----

    def approve(self, handler, _):
        self.op.approved = True
        handler.answer(200, b"<p id=done>You may close this window.</p>", **{"Content-Type": "text/html"})

    def at_device(self):
        self.op.claims, self.op.approved = {"groups": ["people"]}, False
        p = self.at("oidcDeviceCode")
        p.click("#login")
        p.says("WDJB-MJHT", "#step .user-code")
        p.says("This takes at most", "#step")
        return p

    def device_code(self):
        p = self.at_device()
        self.opened(p, "#step a").there("#done")
        p.there("#overview")
        p.says("op-", "#session-account")
        equal(p.text("#session-profile"), "lounge", "the profile")
        self.leave(p)

    def device_code_that_expires(self):
        """The provider's code is good for two seconds, in which nobody agrees."""
        self.op.claims, self.op.approved = {"groups": ["people"]}, False
        self.op.answers["/device"] = self.short
        try:
            p = self.at("oidcDeviceCode")
            p.click("#login")
            self.refused(p, "denied.")
        finally:
            del self.op.answers["/device"]
        self.away(p)

    def short(self, handler, _):
        handler.answer(200, {"device_code": "the-device-code", "user_code": "WDJB-MJHT", "interval": 1,
                             "verification_uri": f"{self.op.url}/activate", "expires_in": 2})

    def device_code_said_no_to(self):
        p = self.at_device()
        self.op.answers["/token"] = lambda h, _: h.answer(400, {"error": "access_denied"})
        try:
            self.refused(p, "somebody has said no there (denied.credentials)")
        finally:
            del self.op.answers["/token"]
        self.away(p)

    def device_code_given_up(self):
        p = self.at_device()
        p.click("#give-up")
        p.there(".methods")
        self.away(p)

    # ---- a certificate of the bridge's ----

    def certificate(self):
        p = self.at("mtlsClientCert", SAFE)
        p.click("#login")
        self.is_in(p, "alice", "operator", "mtls client cert")
        p.says("tls", "#overview")
        self.leave(p)

    def tls_by_another_name(self):
        """`localhost` is where the key is known, as 127.0.0.1; and what was met stands with the login and the session.
        Whoever was asked for it knows it already."""
        p = self.at("password", SAFE)
        p.click("#back")
        p.says(self.safe[-1], "#instance-2")
        equal(p.text("#instance-2").count(self.safe[-1]), 1, p.text("#instance-2"))
        p.click("#connect-2")
        p.there("#choose-password")
        p.says(self.safe[-1], ".login .at")
        holds("TLS" not in p.text(".login .at"), p.text(".login .at"))
        self.log_in(p)
        p.says(self.safe[-1], "#session-key")
        p.says("Transport\nTLS", "#overview")
        equal(p.js("document.querySelector('header .key').title"), self.safe[-1], "the key above")
        self.leave(p)

    def certificate_without_tls(self):
        """It is shown with the handshake, so there has to be one."""
        p = self.entered()
        p.click("#connect-0")
        p.there("#method-mtlsClientCert.off")
        self.away(p)

    def certificate_of_another_authority(self):
        rig, old = self.bridge.rig, self.bridge
        other = bridge.Bridge(self.binaries, *self.options(self.others), rig=rig, env=old.env)
        self.bridge = other
        try:
            p = self.at("mtlsClientCert", SAFE)
            p.click("#login")
            self.refused(p, "denied.credentials")
            self.away(p)
        finally:
            self.bridge = old
            other.stop()

    # ---- what is no person's ----

    def service_credential(self):
        """A program's: the page says so in place of a form."""
        p = self.entered()
        p.click("#connect-0")
        p.there("#method-serviceCredential.off")
        p.says("no person", "#method-serviceCredential")
        self.away(p)

    # ---- a session that goes on ----

    def as_bea(self):
        p = self.at("password")
        p.fill("#account", "bea")
        p.fill("#secret", PASSWORD)
        p.click("#login")
        self.is_in(p, "bea", "operator", "password")
        return p

    def renewing(self, p, secret, profile=""):
        p.click("#renew")
        p.click("#sheet #choose-password")
        p.there("#sheet #account")
        equal(p.js("document.querySelector('#sheet #account').value"), "bea", "whose it is")
        p.fill("#sheet #secret", secret)
        if profile:
            p.choose("#sheet #profile", profile)
        p.click("#sheet #login")

    def renewed(self):
        p = self.as_bea()
        self.renewing(p, PASSWORD)
        p.until("!document.querySelector('#sheet').open", "it is done")
        p.click("#go-transcript")
        p.says("renew password done", "#view")
        self.leave(p)

    def renewal_given_up(self):
        """At the step of a provider's: the session goes on, and what comes back is nobody's."""
        p = self.session()
        p.click("#renew")
        p.click("#sheet #choose-oidcAuthorizationCodePkce")
        p.click("#sheet #login")
        p.there("#sheet #step a")
        answer = dict(urllib.parse.parse_qsl(self.op.browse(p.js("document.querySelector('#sheet #step a').href"))))
        p.click("#sheet-no")
        p.until("!document.querySelector('#sheet').open", "it is closed")
        p.says("renew", "aside")
        equal(self.back(**answer), "400 state", "the redirect")
        equal(p.js("!!document.querySelector('#ended, #step')"), False, "the session has ended, or a step is left")
        self.leave(p)

    def raised(self):
        """To another profile, by fresh proof: what is new in the bundle is there."""
        p = self.as_bea()
        p.click("#go-capabilities")
        p.there("#cap-system_info")
        equal(p.js("!!document.querySelector('#cap-chat')"), False, "chat is there already")
        self.renewing(p, PASSWORD, "keeper")
        p.until("!document.querySelector('#sheet').open", "it is done")
        p.there("#cap-chat")
        p.click("#go-overview")
        p.says("keeper", "#session-profile")
        self.leave(p)

    def raised_by_a_wrong_proof(self):
        """Refused where it was asked for; the session goes on as it was."""
        p = self.as_bea()
        self.renewing(p, "wrong", "keeper")
        p.says("denied.credentials", "#sheet #complaint")
        p.click("#sheet-no")
        p.until("!document.querySelector('#sheet').open", "it is closed")
        equal(p.text("#session-profile"), "operator", "the profile")
        self.leave(p)


CASES = ["without_a_code", "with_a_code", "a_code_twice", "a_code_that_is_late", "a_page_of_another_port",
         "password_of_nobody", "ssh_key_that_is_not_there", "ssh_key", "ssh_key_of_another", "guest", "guest_refused",
         "anonymous", "oidc_by_redirect", "oidc_handed_on_once", "oidc_among_many_redirects",
         "oidc_state_of_another_session", "oidc_of_nobody", "oidc_said_no_to", "oidc_of_a_provider_that_fails",
         "oidc_of_a_provider_that_is_not_there",
         "oidc_too_late", "oidc_whose_process_is_killed",
         "oidc_given_up",
         "device_code", "device_code_that_expires", "device_code_said_no_to", "device_code_given_up",
         "certificate", "tls_by_another_name", "certificate_without_tls",
         "certificate_of_another_authority", "service_credential",
         "renewed", "renewal_given_up", "raised", "raised_by_a_wrong_proof"]


def main(binaries, *only):
    return page.run("web-methods", Cases(binaries), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
