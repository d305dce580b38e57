#!/usr/bin/env python3
"""oidc-run: logs in to an instance by a real identity provider, npm's oidc-provider.

Why: by-oidc.py plays a provider as we have read the standards. This is one that others have
written: its codes for devices, its browsers' pages with PKCE, its client credentials and token
exchange, its keys of each algorithm. People log in by `capos login`, as they would.

usage: oidc-run.py
"""
import http.cookiejar
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))

import heard  # noqa: E402
import instance  # noqa: E402
import sessionlib as s  # noqa: E402
from ports import free_port  # noqa: E402
from sessionlib import Failed  # noqa: E402

NAME = "interop-oidc"
WAIT_S = 120
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
CAPOS = os.path.join(instance.build_folder(), "bin", "capos")
SERVICE = 8
# What each profile has: no two the same, and none what guests have, so that a wrong one is seen.
BUNDLES = {"operator": ["chat", "session", "system_info"],
           "lounge": ["notes", "session", "system_info"],
           "robot": ["chat", "notes", "session", "system_info"]}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


def build():
    """The folder of the provider, with what its lock file pins."""
    if not shutil.which("npm"):
        raise instance.Skip("there is no npm")
    to = os.path.join(instance.build_folder(), "peers", "oidc")
    shutil.copytree(HERE, to, dirs_exist_ok=True)
    r = subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=to, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if r.returncode:
        raise Failed(f"npm ci: {r.stdout}")
    return to


class Provider:
    def __init__(self, folder):
        self.folder, self.port, self.asked = folder, free_port(), []
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        self.process = subprocess.Popen(["node", "provider.mjs", str(self.port)], cwd=self.folder,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        ready, lines = queue.Queue(), []

        def read():
            for line in self.process.stdout:
                lines.append(line)
                if line.startswith("asked "):
                    self.asked.append(line[6:].strip())
                if line.startswith(("ready", "server_error")):
                    ready.put(line)
            ready.put(None)

        threading.Thread(target=read, daemon=True).start()
        line = ready.get(timeout=WAIT_S)
        if not line or not line.startswith("ready"):
            raise Failed(f"the provider does not start: {''.join(lines)}")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def token(self, client, **form):
        """An access token; the provider's answer."""
        basic = urllib.parse.quote(client), urllib.parse.quote(f"secret of {client}")
        manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
        manager.add_password(None, self.url, *basic, is_authenticated=True)
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
        data = urllib.parse.urlencode({"resource": "urn:example:capos", **form}).encode()
        with opener.open(f"{self.url}/token", data, timeout=WAIT_S) as answer:
            return json.load(answer)["access_token"]


class Browser:
    """A person at the provider's pages, as far as they are forms."""

    def __init__(self, name):
        self.name = name
        jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(rfc2965=False))
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def get(self, url, form=None):
        data = urllib.parse.urlencode(form).encode() if form else None
        with self.opener.open(url, data, timeout=WAIT_S) as page:
            return page.url, page.read().decode()

    def go(self, url, code=None):
        """Fills in what is asked for until nothing is; the last page."""
        url, page = self.get(url)
        for _ in range(8):
            fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page))
            fields.update({n: v for v, n in re.findall(r'<input[^>]*value="([^"]*)"[^>]*name="([^"]+)"', page)})
            names = set(re.findall(r'<input[^>]*name="([^"]+)"', page))
            action = re.search(r'<form[^>]*action="([^"]+)"', page)
            if not action or not names:
                return page
            if "login" in names:
                fields.update(login=self.name, password="x")
            if "user_code" in names and code:
                fields["user_code"] = code
            if "confirm" in page and "user_code" in names and "user_code" in fields:
                fields["confirm"] = "yes"
            url, page = self.get(urllib.parse.urljoin(url, action[1]), fields)
        raise Failed(f"the pages have no end: {page}")


class Cases:
    def __init__(self, folder, provider):
        self.folder, self.op = folder, provider
        secret = os.path.join(folder, "secret")
        with open(secret, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write("a secret & more")
        profiles = [self.profile("lounge", "unbound = true"),
                    self.profile("robot", "unbound = true, service = true")]
        notes = instance.service("notes", "capos-system-info", s.SYSTEM_INFO, ["--motd", "Notes."])
        # One provider, for each algorithm by the client that is signed for by it.
        rules = """rules = [
            (claims = [(name = "client_id", value = "ci")], account = "ci"),
            (claims = [(name = "client_id", value = "deputy")], account = "ci"),
            (claims = [(name = "groups", value = "admins")], account = "alice"),
            (claims = [(name = "groups", value = "people")], create = true, profile = "lounge")]"""
        self.texts = {a: instance.manifest(profiles=profiles, services=[notes]).replace(
            "authentication = (", f"""authentication = (oidc = [(name = "op", issuer = "{self.op.url}",
              clientId = "capos-{a}", clientSecretFile = "{secret}", loopback = true,
              audience = "capos-api", {rules})],\n""", 1) for a in ALGORITHMS}
        self.target = None

    @staticmethod
    def profile(name, more):
        return instance.profile(name, BUNDLES[name]).replace("lease", f"{more}, lease", 1)

    def instance(self, algorithm="RS256"):
        self.target = instance.Instance(self.texts[algorithm])
        return self.target

    def capos(self, *words):
        env = {**os.environ, "XDG_RUNTIME_DIR": self.folder, "HOME": self.folder}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_AUTH_SOCK"):
            env.pop(name, None)
        return subprocess.Popen([CAPOS, *words], env=env, stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def said(self, *words, wanted):
        out, err = self.capos(*words).communicate(timeout=WAIT_S)
        if wanted not in out:
            raise Failed(f"{words}: {out!r} {err!r}")

    def told(self, *words):
        out, err = self.capos(*words, "--session", "it", "--json").communicate(timeout=WAIT_S)
        if err:
            raise Failed(f"{words}: {err!r}")
        return json.loads(out)

    def has(self, profile, kind):
        """The session is what it should be, and has what its profile says, no more and no less."""
        i = self.told("whoami")
        caps = sorted(c["name"] for c in self.told("caps")["capabilities"])
        if (i["profile"], i["kind"], caps) != (profile, kind, BUNDLES[profile]):
            raise Failed(f"it should be {profile} by {kind}, with {BUNDLES[profile]}: {i}, {caps}")

    def login(self, words, do, who, kind, renewal=()):
        """A login, its renewal by the same, and its end. who: how the account begins, and the profile."""
        name, profile = who
        try:
            self.proved(["login", self.target.where, "--as", "it", *words], do,
                        f"Logged in as {name}")
            self.has(profile, kind)
            self.proved(["renew", "--session", "it", *renewal], do, "renewable  yes")
            self.has(profile, kind)
            self.said("logout", "--session", "it", wanted="Logged out")
        except BaseException:  # else its agent keeps the name from the next case
            self.capos("logout", "--session", "it").communicate(timeout=WAIT_S)
            raise

    def proved(self, words, do, wanted):
        """What a command says is given to do, line by line, until that has done its part."""
        done = not do
        said = ""
        with self.capos(*words) as p:
            try:
                while not done:
                    line = heard.line(p.stderr, before=said)
                    if not line:
                        raise Failed(f"it ends: {said}")
                    said += line
                    done = do(said)
                out, err = p.communicate(timeout=WAIT_S)
            except BaseException:
                p.kill()
                raise
        if wanted not in out:
            raise Failed(f"{wanted!r} is not in {out!r}; {said}{err}")

    # ---- people

    def browse(self, name):
        def do(said):
            found = re.search(rf"{self.op.url}/auth\?\S+", said)
            if found and "may close this window" not in Browser(name).go(found[0]):
                raise Failed("the browser did not come back")
            return found
        return do

    def by_browser(self, algorithm):
        with self.instance(algorithm):
            self.login(["--method", "oidc"], self.browse("admin ada"), ("alice ", "operator"),
                       "oidcAuthorizationCodePkce")

    def by_device(self):
        def do(said):
            found = re.search(r"open (\S+) in a browser, on any machine, and enter the code (\S+)", said)
            if found:
                Browser("grace").go(found[1], found[2])
            return found

        with self.instance():
            self.login(["--method", "oidc-device"], do, ("op-", "lounge"), "oidcDeviceCode")

    # ---- programs

    def by_token(self, another):
        """another: gets one; each is good once."""
        paths = [os.path.join(self.folder, name) for name in ("token", "token of the renewal")]
        for path in paths:
            with open(path, "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
                f.write(another())
        self.login(["--token-file", paths[0]], None, ("ci ", "robot"), "serviceCredential",
                   ["--token-file", paths[1]])

    def of_client(self):
        return self.op.token("ci", grant_type="client_credentials")

    def add_ci(self):
        p = self.capos("service-account", "add", "ci", "--profile", "robot", "--state", self.target.state)
        out, err = p.communicate(timeout=WAIT_S)
        if p.returncode:
            raise Failed(out + err)

    def by_client_credentials(self):
        with self.instance():
            self.add_ci()
            self.by_token(self.of_client)

    def by_token_exchange(self):
        with self.instance():
            self.add_ci()
            self.by_token(lambda: self.op.token(
                "deputy", grant_type=EXCHANGE, subject_token=self.of_client(),
                subject_token_type="urn:ietf:params:oauth:token-type:access_token"))

    def new_keys(self):
        """The provider is started anew, with other keys: tokens of the new ones are good at once, of
        the old ones no more; and what is asked for is little."""
        with self.instance():
            self.add_ci()
            self.by_token(self.of_client)
            old = self.of_client()
            self.op.stop()
            self.op.start()
            self.op.asked.clear()
            self.by_token(self.of_client)
            try:
                peer = self.target.connect()
                flow = peer.flow(SERVICE)
                s.answer(flow, "")
                s.answer(flow, old)
            except s.Refused as e:
                if e.code != "denied.credentials":
                    raise
            else:
                raise Failed("a key that was withdrawn is still good")
            if self.op.asked.count("/jwks") != 1:
                raise Failed(f"keys were asked for {self.op.asked.count('/jwks')} times")

    def run(self):
        browsers = [(f"a browser, {a}", lambda a=a: self.by_browser(a)) for a in ALGORITHMS]
        return instance.run_cases(NAME, [
            *browsers,
            ("a code for a device", self.by_device),
            ("client credentials", self.by_client_credentials),
            ("token exchange", self.by_token_exchange),
            ("new keys", self.new_keys),
        ])


def main():
    try:
        at = build()
    except instance.Skip as e:
        print(f"skipped: {e}")
        return 77
    with tempfile.TemporaryDirectory(prefix="capos-oidc-") as folder:
        provider = Provider(at)
        try:
            return Cases(folder, provider).run()
        finally:
            provider.stop()


if __name__ == "__main__":
    sys.exit(main())
