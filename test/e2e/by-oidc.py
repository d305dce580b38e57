#!/usr/bin/env python3
"""by-oidc: log in by an identity provider, with a code for a device and with a browser.

Why: what a login by a provider is worth is decided in five processes, one of which speaks to the
network. That they agree, whose account it is, what a client is told and what the audit log has, is
seen from outside only. The provider is a stand-in (oplib.py); npm's is among the peers.

usage: by-oidc.py
"""
import base64
import concurrent.futures
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import heard
import instance
import oplib
import sessionlib as s
import tokens
from sessionlib import Failed, Refused, Struct

SCRIPT = "e2e-oidc"
DEVICE, BROWSER, SERVICE = 2, 3, 8
TOKENS = 200 if "CAPOS_SANITIZED" in os.environ else 1000  # there each takes several times as long
TOKENS_OF_ONE, AT_ONCE = 10, 10  # of an address; addresses
REDIRECT = "http://127.0.0.1:9/callback"


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def step(result):
    """(url, user code, challenge) of an answer to next."""
    b = result.content.ptr(0)
    return s.text(b.ptr(1)), s.text(b.ptr(2)), bytes(b.ptr(3) or b"")


def info(session):
    i = session.call(0).content.ptr(0)
    return tuple(s.text(i.ptr(n)) for n in (1, 2, 3))


class Cases:
    def __init__(self, folder):
        self.op, self.peers, self.folder = oplib.Provider(), 0, folder
        secret = os.path.join(folder, "secret")
        with open(secret, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(oplib.SECRET + "\n")
        profiles = [instance.profile("lounge", ["session", "system_info"]).replace(
            "lease", "unbound = true, lease", 1),
                    instance.profile("robot", ["session", "system_info"]).replace(
                        "lease", "unbound = true, service = true, lease", 1),
                    instance.profile("careful", ["session"]).replace(
                        "lease", "service = true, lease", 1)]
        oidc = f"""oidc = [(name = "op", issuer = "{self.op.url}", clientId = "{oplib.CLIENT}",
          clientSecretFile = "{secret}", loopback = true, audience = "capos-api", rules = [
            (claims = [(name = "client_id", value = "ci")], account = "ci", profile = "robot"),
            (claims = [(name = "client_id", value = "careful")], account = "careful"),
            (claims = [(name = "client_id", value = "person")], account = "alice"),
            (claims = [(name = "client_id", value = "gone")], account = "gone"),
            (claims = [(name = "groups", value = "admins")], account = "alice"),
            (claims = [(name = "groups", value = "people")], create = true, profile = "lounge")])]"""
        text = instance.manifest(profiles=profiles)
        self.text = text.replace("authentication = (", f"authentication = ({oidc},\n    ", 1)
        self.target = instance.Instance(self.text)

    def connect(self):
        """From another address each time: what one source does again and again is only counted."""
        self.peers += 1
        host, port = self.target.address.rsplit(":", 1)
        source = f"127.0.{1 + self.peers // 250}.{1 + self.peers % 250}"
        sock = socket.create_connection((host, int(port)), 30, (source, 0))
        return s.Peer(sock)

    # ---- the two flows

    def device(self, peer, account=None, profile=None):
        flow = peer.flow(DEVICE, account, profile)
        url, code, _ = step(s.answer(flow, ""))
        expect((url, code), (f"{self.op.url}/activate", "WDJB-MJHT"), "the step")
        return flow

    def by_device(self):
        self.op.claims = {"groups": ["people"]}
        self.op.approved, self.op.slow_down = False, 0
        peer = self.connect()
        flow = self.device(peer)
        q = flow.send(0, Struct(b"", [b""]))
        instance.until(lambda: self.op.count("/token") > 0, "a question at the provider")
        self.op.approved = True
        session = peer.wait(q).ref(1, s.SESSION)
        account, profile, kind = info(session)
        expect((account[:3], profile, kind), ("op-", "lounge", "oidcDeviceCode"), "the session")
        expect(sorted(s.names(s.cap_set(session))), ["session", "system_info"], "the bundle")
        session.call(3)
        peer.close()

    def by_browser(self):
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        peer = self.connect()
        flow = peer.flow(BROWSER)
        url, _, challenge = step(s.answer(flow, REDIRECT))
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        expect(asked["nonce"], self.nonce(challenge), "the nonce")
        session = s.answer(flow, self.op.browse(url)).ref(1, s.SESSION)
        expect(info(session), ("alice", "operator", "oidcAuthorizationCodePkce"), "the session")
        expect(sorted(s.names(s.cap_set(session))), ["chat", "session", "system_info"], "the bundle")
        expect(self.last()["outcome"], "ok", "the record")
        expect(self.last()["binding"], "none", "the binding: there is no TLS")
        session.call(3)
        peer.close()

    def renewal(self):
        """By the same identity; another one's is refused, and the session goes on."""
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        peer = self.connect()
        session = self.browse(peer.flow(BROWSER))
        flow = session.call(4, s.auth_start(BROWSER)).ref(0, s.FLOW)
        session = self.browse(flow)
        expect(info(session)[0], "alice", "the account")
        for when, why in ((int(time.time()) - 600, "too long ago"), (None, "without auth_time")):
            self.op.claims = {"groups": "admins", "sub": "alice at op", "auth_time": when}
            self.refused(lambda: self.browse(session.call(4, s.auth_start(BROWSER)).ref(0, s.FLOW)),
                         "denied.credentials", "asked anew")
            if why not in self.last()["detail"]:
                raise Failed(self.last()["detail"])
        self.op.claims = {"groups": "admins", "sub": "another of the admins"}
        self.refused(lambda: self.browse(session.call(4, s.auth_start(BROWSER)).ref(0, s.FLOW)),
                     "denied.credentials", "made by something else")
        expect(info(session)[0], "alice", "the account")
        session.call(3)
        peer.close()

    def another_manifest(self):
        """One that says the same of providers ends nothing, and nothing is fetched anew; another one ends
        the logins that are under way, and not the sessions."""
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        peers = [self.connect() for _ in range(4)]
        session = self.browse(peers[0].flow(BROWSER))
        flow, fetched = peers[1].flow(BROWSER), self.op.count("/jwks")
        url, _, _ = step(s.answer(flow, REDIRECT))
        self.target.changed(self.text.replace("For tests", "For others"))
        same = s.answer(flow, self.op.browse(url)).ref(1, s.SESSION)
        expect(self.op.count("/jwks"), fetched, "keys fetched")

        self.op.claims, self.op.approved = {"groups": ["people"]}, False
        flow = peers[2].flow(BROWSER)
        url, _, _ = step(s.answer(flow, REDIRECT))
        waits = self.device(peers[3]).send(0, Struct(b"", [b""]))
        self.target.changed(self.text.replace('"capos-api"', '"capos-api-2"'))
        self.refused(lambda: s.answer(flow, self.op.browse(url)), "denied.flow")
        self.refused(lambda: peers[3].wait(waits), "denied.flow")
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        self.browse(peers[2].flow(BROWSER)).call(3)

        without = instance.manifest()
        self.target.changed(without)
        self.refused(lambda: peers[3].flow(BROWSER), "denied.method-disabled")
        for e in (session, same):
            expect(info(e)[0], "alice", "whose it is")
            e.call(3)
        self.target.changed(self.text)
        for peer in peers:
            peer.close()

    def subject_is_cut(self):
        """A record shows some of a long subject, in whole characters."""
        self.op.claims = {"groups": "admins", "sub": "a" + 60 * "\u00e9"}
        peer = self.connect()
        session = self.browse(peer.flow(BROWSER))
        expect(self.last()["detail"], "op, subject a" + 23 * "\u00e9", "the record")
        session.call(3)
        peer.close()

    def browse(self, flow, **changes):
        url, _, _ = step(s.answer(flow, REDIRECT))
        return s.answer(flow, self.op.browse(url, **changes)).ref(1, s.SESSION)

    # ---- what is told

    def told(self, target):
        """{method: what `capos methods` has of it}"""
        out, err = self.capos("methods", target.where, "--json").communicate(timeout=60)
        if not out:
            raise Failed(err)
        return {m["method"]: m for m in json.loads(out)["methods"]}

    def what_is_told(self):
        """Profiles that a code for a device gives; and where there is none, it is not offered."""
        told = self.told(self.target)
        expect(told["oidc-device"]["profiles"], ["lounge"], "profiles by a device")
        expect(told["oidc"]["profiles"], ["anonymous", "guest", "operator", "lounge"], "a browser")
        other = instance.Instance(self.text.replace("unbound = true, ", "", 1))
        other.start()
        try:
            told = self.told(other)
            expect(told["oidc"]["enabled"], True, "a browser")
            expect((told["oidc-device"]["enabled"], told["oidc-device"]["reason"]),
                   (False, "no profile takes a proof that is bound to no channel (`unbound`)"),
                   "a device")
        finally:
            wrong = other.stop()
            other.folder.cleanup()
        expect(wrong, [], "the other instance")

    # ---- the command

    def capos(self, *words):
        env = {**os.environ, "XDG_RUNTIME_DIR": self.folder, "HOME": self.folder}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_AUTH_SOCK"):
            env.pop(name, None)
        return subprocess.Popen([os.path.join(instance.build_folder(), "bin", "capos"), *words],
                                env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def page(self, do, *words):
        """A command that leads to a page: what it says is given to do. What it has printed in the end."""
        p = self.capos(*words)
        said = ""
        while not do(said):
            line = heard.line(p.stderr, before=said)
            if not line:
                raise Failed(f"it ends: {said}")
            said += line
        out, err = p.communicate(timeout=120)
        expect(p.returncode, 0, f"{said}{err}: the exit code")
        return out

    def renewed(self, alias, do):
        """A renewal that nobody waits for any more keeps none from the next one, and no later yes makes it."""
        self.op.approved = False
        p = self.capos("renew", "--session", alias)
        heard.until(p.stderr, "127.0.0.1")
        p.terminate()
        p.communicate(timeout=60)
        before = json.loads(self.capos("whoami", "--session", alias, "--json").communicate(timeout=60)[0])
        out = self.page(do, "renew", "--session", alias)
        if before["account"] not in out or before["profile"] not in out:
            raise Failed(out)
        record = self.last("renewal")
        expect((record["outcome"], record["account"]), ("ok", before["account"]), "the record")
        for words in (("--duration", "1h"), ("--method", "key")):
            p = self.capos("renew", "--session", alias, *words)
            said = p.communicate(timeout=60)
            expect(p.returncode, 2, f"{words}: {said}")
        made = [r for r in self.audit() if r["what"] == "renewal" and r["session"] == record["session"]]
        expect(len(made), 1, "renewals")

    def command(self, method, alias, do, found):
        """`capos login`, then what it has, a renewal by the same, and its end."""
        out = self.page(do, "login", self.target.where, "--method", method, "--issuer", "op", "--as", alias)
        if found not in out:
            raise Failed(f"{found} is not in {out!r}")
        self.renewed(alias, do)
        for words, wanted in ((("caps",), "system_info"), (("logout",), "Logged out")):
            out, err = self.capos(*words, "--session", alias).communicate(timeout=60)
            if wanted not in out:
                raise Failed(f"{words}: {out!r} {err!r}")

    def by_command_device(self):
        self.op.claims = {"groups": ["people"], "sub": "at a terminal"}
        self.op.approved = False

        def say_yes(said):
            if f"open {self.op.url}/activate in a browser" not in said or "WDJB-MJHT" not in said:
                return False
            self.op.approved = True
            return True

        self.command("oidc-device", "by-device", say_yes, "profile lounge")

    def by_command_browser(self):
        self.op.claims = {"groups": "admins", "sub": "alice at op"}

        def open_it(said):
            url = next((u for u in said.split() if u.startswith(f"{self.op.url}/authorize?")), None)
            if not url:
                return False
            host = url.split("127.0.0.1%3A")[1].split("%2F")[0]
            for path in ("/", "/callback", "/callback?state=guessed&code=x", "/callback?"):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{host}{path}", timeout=30)
                    raise Failed(f"{path} was answered")
                except urllib.error.HTTPError as e:
                    if e.code not in (400, 404):
                        raise
            with urllib.request.urlopen(url, timeout=30) as page:
                if b"You may close this window" not in page.read():
                    raise Failed("the page says something else")
            return True

        self.command("oidc", "by-browser", open_it, "Logged in as alice (profile operator)")

    # ---- what an administrator says

    def identities(self):
        """An identity that is given to an account comes before the rules; taken, it ends sessions."""
        def account(*words):
            p = self.capos("account", "identity", *words, "--state", self.target.state)
            out, err = p.communicate(timeout=60)
            return p.returncode, out + err

        self.add_services()
        said = self.listed("careful")
        expect("neither a key nor an identity" in said, True, said)
        expect(account("add", "careful", "op", "x")[0], 0, "an identity of a program")
        expect(self.listed("careful"), f"careful          careful\n{'':16} identity {self.op.url} x\n", "the list")
        expect(account("remove", "careful", "op", "x")[0], 0, "removing")
        self.op.claims = {"groups": "strangers", "sub": "Al Ice"}
        self.cheat("`capos account identity add`", "Al Ice")
        expect(account("add", "alice", "op", "Al Ice"), (0, "The identity is the account's.\n"), "adding")
        for words, why in ((("add", "alice", "op", "Al Ice"), "its own already"),
                           (("add", "ci", "op", "Al Ice"), "alice's already: `capos account identity remove`"),
                           (("add", "nobody", "op", "x"), "none such: `capos account list`"),
                           (("add", "alice", "elsewhere", "x"), "no identity provider of this name; there are op"),
                           (("add", "alice", "op", ""), "1 to 255 bytes"),
                           (("remove", "alice", "op", "another"), "none such")):
            code, said = account(*words)
            if code != 1 or why not in said:
                raise Failed(f"{words}: {code} {said}")
        expect(account("list", "alice"), (0, f"{self.op.url} Al Ice\n"), "the list")
        peer = self.connect()
        session = self.browse(peer.flow(BROWSER))
        expect(info(session)[0], "alice", "the account")
        expect(account("remove", "alice", self.op.url, "Al Ice")[0], 0, "removing")
        instance.over(session)
        self.refused(lambda: session.call(0), "denied.stale-session", "revoked")
        peer.close()
        self.cheat("nobody has an account", "Al Ice")

    # ---- programs, by access tokens

    def access(self, key=None, head=None, **claims):
        now = int(time.time())
        said = {"iss": self.op.url, "sub": "ci-runner", "aud": "capos-api", "client_id": "ci",
                "exp": now + 600, "iat": now, "jti": os.urandom(8).hex(), **claims}
        return (key or self.op.key).token({k: v for k, v in said.items() if v is not None},
                                          **{"typ": "at+jwt", **(head or {})}).decode()

    def show(self, token, account=None, profile=None, peer=None):
        peer = peer or self.connect()
        flow = peer.flow(SERVICE, account, profile)
        s.answer(flow, "")
        return peer, s.answer(flow, token).ref(1, s.SESSION)

    def add_services(self):
        for name, profile in (("ci", "robot"), ("careful", "careful")):
            p = self.capos("service-account", "add", name, "--profile", profile, "--state", self.target.state)
            out, err = p.communicate(timeout=60)
            expect(err, "", "adding a service account")
            for word in (f"service-account key add {name}", f"account identity add {name} PROVIDER"):
                expect(word in out, True, out)

    def listed(self, name):
        """What the list of service accounts has of one."""
        p = self.capos("service-account", "list", "--state", self.target.state)
        shown = p.communicate(timeout=60)[0].splitlines(keepends=True)
        at = [i for i, line in enumerate(shown) if line.startswith(name + " ")][0]
        rest = shown[at + 1:]
        more = next((i for i, line in enumerate(rest) if line[0] != " "), len(rest))
        return "".join(shown[at:at + 1 + more])

    @staticmethod
    def left(session):
        """Seconds that it has."""
        return session.call(0).content.ptr(0).uint(64, 64) / 1000 - time.time()

    def by_access_token(self):
        token = self.access(exp=int(time.time()) + 100)
        peer, session = self.show(token)
        expect(info(session), ("ci", "robot", "serviceCredential"), "the session")
        expect(self.left(session) <= 100, True, "it ends with its token")
        flow = session.call(4, s.auth_start(SERVICE)).ref(0, s.FLOW)
        s.answer(flow, "")
        session = s.answer(flow, self.access()).ref(1, s.SESSION)
        expect(info(session)[0], "ci", "the account after a renewal")
        expect(self.left(session) > 300, True, "it ends with the next one")
        self.refused(lambda: self.show(token), "denied.credentials", "good for one login")
        path = os.path.join(self.folder, "token")
        with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(self.access() + "\n")
        out, err = self.capos("login", self.target.where, "--token-file", path, "--as", "t").communicate(timeout=60)
        if "Logged in as ci (profile robot)" not in out:
            raise Failed(f"{out!r} {err!r}")
        expect(self.capos("renew", "--session", "t", "--token-file", path).wait(60), 3, "by the same token")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.access() + "\n")
        expect(self.capos("renew", "--session", "t", "--token-file", path).wait(60), 0, "by another one")
        out, err = self.capos("renew", "--session", "t").communicate(timeout=60)
        expect("--token-file FILE" in err, True, err)
        self.capos("logout", "--session", "t").communicate(timeout=60)
        session.call(3)
        peer.close()

    def wrong_access_tokens(self):
        now = int(time.time())
        for claims, code in (({"aud": oplib.CLIENT}, "denied.credentials"),
                             ({"aud": "another"}, "denied.credentials"),
                             ({"iss": "https://op.example"}, "denied.credentials"),
                             ({"exp": now - 120}, "denied.credentials"),
                             ({"client_id": "nobody"}, "denied.credentials"),
                             ({"client_id": "gone"}, "denied.credentials"),
                             ({"client_id": "person", "sub": "a person"}, "denied.profile"),
                             ({"client_id": "careful", "sub": "careful"}, "denied.profile")):
            self.refused(lambda c=claims: self.show(self.access(**c)), code)
        self.refused(lambda: self.show(self.access(), "careful"), "denied.credentials")
        self.refused(lambda: self.show(self.access(head={"typ": "logout+jwt"})), "denied.credentials")
        self.refused(lambda: self.show(self.access(key=tokens.Key("ES256", self.op.key.kid))), "denied.credentials")
        self.op.claims = {"aud": "capos-api", "client_id": "ci", "sub": "ci-runner"}
        self.cheat("", "for somebody else")

    def unknown_keys(self):
        """However many tokens name keys that are not there, keys are asked for once a minute. Several at once, from
        several addresses: one after the other they would take minutes."""
        self.show(self.access())[0].close()
        before, begun = self.op.count("/jwks"), time.monotonic()

        def some(peer):
            for _ in range(TOKENS_OF_ONE):
                self.refused(lambda: self.show(self.access(tokens.Key("ES256")), peer=peer), "denied.credentials")
            peer.close()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in range(TOKENS // TOKENS_OF_ONE // AT_ONCE):
                list(pool.map(some, [self.connect() for _ in range(AT_ONCE)]))
        asked, may = self.op.count("/jwks") - before, 1 + int((time.monotonic() - begun) / 60)
        if not 1 <= asked <= may:
            raise Failed(f"keys were asked for {asked} times, not 1 to {may}")

    def says_so(self):
        """Whoever looks at the instance is told, too."""
        for command in ("status", "doctor"):
            said = self.capos(command, "--state", self.target.state).communicate(timeout=60)
            expect("the identity provider op does not answer (" in str(said[0]), True, str(said))

    def many_keys(self):
        """A set of keys as large as is taken, and a byte more."""
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        op, ordinary = self.op, self.target
        text = json.dumps({"keys": [op.key.jwk]})
        for size, good in ((48 * 1024, True), (48 * 1024 + 1, False)):
            self.target = instance.Instance(self.text)
            op.answers["/jwks"] = lambda h, _, n=size: h.answer(200, text.ljust(n).encode())
            try:
                with self.target:
                    peer = self.connect()
                    if good:
                        expect(info(self.browse(peer.flow(BROWSER)))[0], "alice", "the account")
                    else:
                        self.refused(lambda p=peer: self.browse(p.flow(BROWSER)),
                                     "denied.method-disabled", "does not answer")
                        self.says_so()
                    peer.close()
            finally:
                self.target = ordinary
                op.answers.clear()

    @instance.needs_root
    def confined(self):
        """In confinement `full` the fetcher has a network, names, and who vouches for hosts."""
        ordinary = self.target
        self.target = instance.Instance(self.text.replace("( motd", "( confinement = full, motd", 1))
        try:
            with self.target:
                self.by_browser()
                if "capos-fetcher: warning" in self.target.log_text():
                    raise Failed(self.target.log_text())
        finally:
            self.target = ordinary

    # ---- who may not

    @staticmethod
    def refused(function, code, why=""):
        try:
            function()
        except Refused as e:
            expect(e.code, code, "the denial")
            if why not in e.reason:
                raise Failed(f"{why!r} is not in {e.reason!r}") from e
            return
        raise Failed(f"{code}: it was let in")

    def audit(self):
        return instance.audit(self.target.state)

    def last(self, what="attempt"):
        return [r for r in self.audit() if r["what"] == what and "times" not in r][-1]

    def cheat(self, told, recorded=None, account=None, changes=None):
        """A browser's login that is refused: what the client is told, what is recorded."""
        code = "denied.credentials"
        peer = self.connect()
        try:
            self.refused(lambda: self.browse(peer.flow(BROWSER, account), **changes or {}),
                         code, told)
        finally:
            peer.close()
        record = self.last()
        expect(record["outcome"], code, "the record's outcome")
        if (recorded or told) not in record.get("detail", ""):
            raise Failed(f"{recorded or told!r} is not in {record}")

    def wrong_tokens(self):
        now = int(time.time())
        for claims, why in (({"aud": "another"}, "for somebody else"),
                            ({"aud": ["another", "x"]}, "for somebody else"),
                            ({"aud": [oplib.CLIENT, "x"], "azp": "x"}, "for somebody else"),
                            ({"aud": [oplib.CLIENT, "x"]}, "for somebody else"),
                            ({"azp": "x"}, "for somebody else"), ({"aud": None}, "for somebody else"),
                            ({"iss": "https://op.example"}, "another issuer"),
                            ({"iss": self.op.url + "/"}, "another issuer"),
                            ({"iss": None}, "another issuer"), ({"nonce": "x" * 43}, "another login"),
                            ({"nonce": None}, "another login"),
                            ({"at_hash": "x" * 22}, "another access token"),
                            ({"exp": now - 120}, "expired"), ({"exp": None}, "expired"),
                            ({"nbf": now + 600}, "not valid yet"),
                            ({"iat": now + 600}, "not valid yet"), ({"sub": None}, "about nobody"),
                            ({"sub": ""}, "about nobody"), ({"sub": "x" * 256}, "about nobody")):
            self.op.claims = {"groups": "admins", "sub": "alice at op", **claims}
            try:
                self.cheat("", why)
            except Failed as e:
                raise Failed(f"{claims}: {e}") from e

    def wrong_redirects(self):
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        for changes, told in (({"state": "x" * 43}, "another login (state)"),
                              ({"state": None}, "another login (state)"),
                              ({"iss": "https://op.example"}, "another identity provider (iss)"),
                              ({"iss": None}, "another identity provider (iss)"),
                              ({"code": None}, "has no code"),
                              ({"code": "guessed"}, "invalid_grant"),
                              ({"code": None, "error": "access_denied"}, "somebody has said no"),
                              ({"code": None, "error": "server_error"}, "has failed"),
                              ({"code": None, "error": "login_required"}, "nobody has logged in"),
                              ({"code": None, "error": "\x1b[2J"}, "has refused"),
                              ({"code": None, "error": "x" * 100}, "has refused")):
            self.cheat(told, changes=changes)

    def wrong_responses(self):
        """Redirects to elsewhere, and turns that are none."""
        for uri in ("", "https://example.org/", "http://localhost:1/", "http://127.0.0.1.example.org/",
                    "javascript:alert(1)", "http://127.0.0.1:1/\0x"):
            peer = self.connect()
            flow = peer.flow(BROWSER)
            self.refused(lambda f=flow, u=uri: s.answer(f, u), "denied.credentials",
                         "first comes the redirect URI")
            peer.close()

    def wrong_accounts(self):
        """An account that is named must be the identity's; nobody's identity is nobody."""
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        self.cheat("", "it is alice's", account="bob")
        self.op.claims = {"groups": "strangers", "sub": "a stranger"}
        self.cheat("nobody has an account", "a stranger")

    def stolen_by_a_middle(self):
        """A login that one has begun, and another has said yes to: the nonce is of one connection."""
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        first, second = self.connect(), self.connect()
        flow, other = first.flow(BROWSER), second.flow(BROWSER)
        url, _, _ = step(s.answer(flow, REDIRECT))
        theirs, _, _ = step(s.answer(other, REDIRECT))
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(theirs).query))["state"]
        query = self.op.browse(url, state=state)
        self.refused(lambda: s.answer(other, query), "denied.credentials", "invalid_grant")
        first.close()
        second.close()

    def device_without_a_profile(self):
        """A code for a device gives no profile that does not say so."""
        self.op.claims = {"groups": "admins", "sub": "alice at op"}
        self.op.approved = True
        peer = self.connect()
        flow = self.device(peer)
        self.refused(lambda: s.answer(flow, ""), "denied.profile", "bound to the channel")
        peer.close()

    def device_refused(self):
        for error, code, told in (("access_denied", "denied.credentials", "somebody has said no"),
                                  ("expired_token", "denied.flow", "too old"),
                                  ("invalid_grant", "denied.credentials", "invalid_grant")):
            self.op.answers["/token"] = lambda h, _, e=error: h.answer(400, {"error": e})
            peer = self.connect()
            flow = self.device(peer)
            self.refused(lambda f=flow: s.answer(f, ""), code, told)
            peer.close()
        self.op.answers.clear()

    def device_slowly(self):
        """A provider that says slow_down is asked less often, and then lets in."""
        self.op.claims = {"groups": ["people"], "sub": "slow"}
        self.op.approved, self.op.slow_down = True, 1
        peer = self.connect()
        session = s.answer(self.device(peer), "").ref(1, s.SESSION)
        expect(info(session)[1], "lounge", "the profile")
        peer.close()

    def no_such_provider(self):
        peer = self.connect()
        start = s.auth_start(DEVICE)
        start.ptrs[0].ptrs[0] = Struct(b"", [None, "nowhere"])
        flow = peer.gateway().call(1, start).ref(0, s.FLOW)
        self.refused(lambda: s.answer(flow, ""), "denied.flow", "no such identity provider")
        peer.close()

    @staticmethod
    def nonce(challenge, account=b"", profile=b""):
        fields = [b"capos admission proof 1", b"plain", b"", challenge, b"", account, profile, b""]
        text = b"".join(len(f).to_bytes(4, "big") + f for f in fields)
        return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()

    def run(self):
        return instance.run_cases(SCRIPT, [
            ("what is told", self.what_is_told),
            ("a code for a device", self.by_device),
            ("a browser", self.by_browser),
            ("the command, by a code for a device", self.by_command_device),
            ("the command, by a browser", self.by_command_browser),
            ("identities that are given and taken", self.identities),
            ("an access token", self.by_access_token),
            ("access tokens that are wrong", self.wrong_access_tokens),
            ("renewal by the same identity", self.renewal),
            ("another manifest meanwhile", self.another_manifest),
            ("a provider that is slow", self.device_slowly),
            ("accounts that are not theirs", self.wrong_accounts),
            ("tokens that are wrong", self.wrong_tokens),
            ("redirects that are wrong", self.wrong_redirects),
            ("responses that are wrong", self.wrong_responses),
            ("somebody else's yes", self.stolen_by_a_middle),
            ("a code for a device without a profile for it", self.device_without_a_profile),
            ("a device that is refused", self.device_refused),
            ("a provider that is not there", self.no_such_provider),
            ("as many keys as are taken", self.many_keys),
            ("confinement full", self.confined),
            ("a long subject", self.subject_is_cut),
            ("keys that nobody has", self.unknown_keys),
        ])


def main():
    with tempfile.TemporaryDirectory(prefix="capos-oidc-") as folder:
        cases = Cases(folder)
        with cases.target:
            return cases.run()


if __name__ == "__main__":
    sys.exit(main())
