#!/usr/bin/env python3
"""random-use: an instance used at random, by every command and every way in, with secrets planted in what is said; no
transcript of a command (`--transcript`) holds one of them.

usage: random-use.py [BINARIES]

Each act plants something, and names a method that its transcript must show to have been called: so what is looked for
has gone over that connection. Every act is done once, then one after the other as the seed has it.
CAPOS_RANDOM_SECONDS: for how long; else a few more. CAPOS_RANDOM_SEED: which seed. CAPOS_RANDOM_PAUSE: seconds between
two acts.
"""
import base64
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import serialization

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "e2e"), os.path.join(HERE, "..", "passkey")]
import authenticator  # noqa: E402
import oplib  # noqa: E402
import tokens  # noqa: E402
from rig import Failed, Result, Rig, holds, keygen  # noqa: E402
from transcripts import transcript_of  # noqa: E402

ORIGIN, MORE = "https://login.capos.example", 12
REFUSED = (0, 3)  # too many failures from here make any login wait, and then it may be refused


def planted(name):
    """Printable, and in no other text."""
    return f"{name}-{base64.b32encode(os.urandom(15)).decode().lower()}"


def forms(secret):
    """What a secret may look like in a text."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    yield raw
    yield raw.hex().encode()
    yield urllib.parse.quote(raw, safe="").encode()
    for cut in range(3):  # base64 depends on where it begins
        yield base64.b64encode(raw[cut:len(raw) - (len(raw) - cut) % 3])
        yield base64.urlsafe_b64encode(raw[cut:len(raw) - (len(raw) - cut) % 3])


def private_half(key):
    return key.private_bytes(serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())


def browsed(g, *words):
    """A command that asks for a page to be opened, which is done."""
    with subprocess.Popen([g.capos, *words], env=g.env, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        err = ""
        for line in p.stderr:
            err += line
            found = re.search(r"http://127\S+/authorize\?\S+", line)
            if found:
                with urllib.request.urlopen(found.group(), timeout=60) as page:
                    page.read()
        out = p.stdout.read()
    return Result(subprocess.CompletedProcess(words, p.returncode, out, err))


class Provider(oplib.Provider):
    """Its codes and its pages have a secret in them."""

    def __init__(self, code, page):
        super().__init__()
        self.code, self.page, self.approved = code, page, True
        self.claims = {"groups": ["people"]}

    def browse(self, url, **changes):
        query = dict(urllib.parse.parse_qsl(super().browse(url, **changes)))
        self.codes[self.code] = self.codes.pop(query["code"])
        return urllib.parse.urlencode({**query, "code": self.code})

    def device(self, h, form):
        return h.answer(200, {"device_code": self.page + "d", "user_code": self.page,
                              "verification_uri": f"{self.url}/{self.page}", "interval": 1, "expires_in": 600})


class Use:
    def __init__(self, binaries):
        self.secrets = {name: planted(name) for name in (
            "password", "other-password", "wrong-password", "reason", "channel", "words", "profile", "code", "page",
            "motd", "subject")}
        s = self.secrets
        self.op = Provider(s["code"], s["page"])
        self.seen = self.ran = 0
        self.done = set()
        plain = Rig(binaries, None)
        try:
            text = plain.ok("manifest", "show").out
        finally:
            plain.close()
        self.folder = tempfile.mkdtemp(prefix="capos-random-")
        self.g = Rig(binaries, None, manifest=self.manifest(text))
        self.prepare()

    def manifest(self, text):
        path = os.path.join(self.folder, "manifest")
        with open(os.path.join(self.folder, "secret"), "w", encoding="utf-8") as f:
            f.write(oplib.SECRET)
        os.chmod(f.name, 0o600)
        for old, new in (
                ("Welcome to capOS.", self.secrets["motd"]),
                ('( name = "operator",', '( name = "robot", service = true, unbound = true, bundle = '
                 '[(name = "session")] ),\n ( name = "operator", unbound = true,'),
                ("authentication = (", "authentication = (passkeys = (relyingParty = \"capos.example\", origins = "
                 f"[\"{ORIGIN}\"]), oidc = [(name = \"op\", issuer = \"{self.op.url}\", clientId = \"{oplib.CLIENT}\", "
                 f"audience = \"us\", clientSecretFile = \"{f.name}\", loopback = true, rules = [(claims = "
                 "[(name = \"groups\", value = \"people\")], account = \"alice\")])],")):
            holds(old in text, f"{old!r} is not in the manifest that is built in")
            text = text.replace(old, new, 1)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def prepare(self):
        g = self.g
        self.admin("account", "passwd", "alice", "--password-stdin", stdin=self.secrets["password"])
        keygen(g, "key", "-t", "ed25519")
        self.admin("account", "key", "add", "alice", g.path("key.pub"))
        with open(g.path("key"), "rb") as f:
            key = serialization.load_ssh_private_key(f.read(), None)
        self.secrets["ssh-key"] = private_half(key)
        program = tokens.Key("EdDSA")
        self.secrets["service-key"] = private_half(program.private)
        self.own("bot.pem", program.private_pem)
        self.own("bot.pub", program.pem)
        self.admin("service-account", "add", "bot", "--profile", "robot")
        self.admin("service-account", "key", "add", "bot", g.path("bot.pub"))
        self.passkey = f"python3 {os.path.join(HERE, '..', 'passkey', 'authenticator.py')} {g.path('token')} {ORIGIN}"
        self.admin("account", "passkey", "add", "alice", "--passkey-command", self.passkey)
        key = authenticator.read(g.path("token"))[0].key
        self.secrets["passkey"] = key.private_numbers().private_value.to_bytes(32, "big")
        token = self.op.key.token({"iss": self.op.url, "sub": "x", "aud": "us", "exp": int(time.time()) + 86400,
                                   "groups": ["people"], "jti": planted("token")}).decode()
        self.secrets["access-token"] = token.split(".")[1][-40:]
        self.own("access", token + "\n")
        self.own("pw", self.secrets["password"] + "\n")

    def own(self, name, text):
        """A file of the user's own."""
        with open(self.g.path(name), "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(f.name, 0o600)

    def admin(self, *words, stdin=""):
        return self.g.ok(*words, "--state", self.g.state, stdin=stdin + "\n")

    # ---- one command, and its transcript

    def run(self, calls, *words, stdin="", codes=(0,), browse=False):
        """Runs a command; its transcript shows that calls were made, and holds nothing."""
        g = self.g
        path = g.path("transcript")
        r = browsed(g, *words, "--transcript", path) if browse else \
            g.run(*words, "--transcript", path, stdin=stdin + "\n")
        holds(r.code in codes, f"{words}: {r}")
        self.ran += 1
        _, messages = transcript_of(g, "transcript")
        made = {f"{m.get('interface')}.{m.get('method')}" for m in messages if m["message"] == "call"}
        holds(set(calls) <= made or r.code, f"{words}: {made}")
        self.seen += len(messages)
        with open(path, "rb") as f:
            self.search(f.read(), words)
        os.unlink(path)
        return r

    def search(self, text, what):
        for name, secret in self.secrets.items():
            for form in forms(secret):
                if form in text:
                    raise Failed(f"{name} is in the transcript of {what}: {text.decode(errors='replace')}")

    def proof_of_search(self):
        """What is planted where it must not be is found, in each form."""
        for secret in self.secrets.values():
            for form in forms(secret):
                try:
                    self.search(b'{"at":"' + form + b'"}', "nothing")
                except Failed:
                    continue
                raise Failed(f"{form} is not found")

    # ---- acts

    def session(self, calls, who, *words, stdin="", browse=False):
        """A login under a name of its own, and out again."""
        r = self.run(["RemoteSessionGateway.authMethods", *calls], "login", f"{who}{self.g.address}", "--as", "other",
                     *words, stdin=stdin, codes=REFUSED, browse=browse)
        if not r.code:
            self.run(["SessionAgent.logout"], "logout", "--session", "other")
        return not r.code

    def work(self):
        """The login that is used by what needs one."""
        if self.g.run("whoami", "--session", "work").code:
            self.run(["RemoteAuthFlow.next"], "login", f"alice@{self.g.address}", "--as", "work", "--password-stdin",
                     stdin=self.secrets["password"])

    def by_password(self):
        return self.session(["RemoteAuthFlow.next"], "alice@", "--password-stdin", stdin=self.secrets["password"])

    def by_password_file(self):
        return self.session(["RemoteAuthFlow.next"], "alice@", "--password-file", self.g.path("pw"))

    def by_wrong_password(self):
        self.run([], "login", f"mallory@{self.g.address}", "--password-stdin", stdin=self.secrets["wrong-password"],
                 codes=(3,))
        return True

    def by_profile(self):
        self.run([], "login", f"alice@{self.g.address}", "--password-stdin", "--profile", self.secrets["profile"],
                 stdin=self.secrets["password"], codes=(3,))
        return True

    def by_key(self):
        return self.session(["RemoteAuthFlow.next"], "alice@", "--identity", self.g.path("key"))

    def by_service_key(self):
        return self.session(["RemoteAuthFlow.next"], "bot@", "--method", "service", "--identity",
                            self.g.path("bot.pem"))

    def by_access_token(self):
        """The account is a person's, so it is refused; the token has been sent by then."""
        self.run([], "login", f"bot@{self.g.address}", "--method", "service", "--token-file", self.g.path("access"),
                 codes=(3,))
        return True

    def by_browser(self):
        return self.session(["RemoteAuthFlow.next"], "", "--method", "oidc", browse=True)

    def by_device(self):
        return self.session(["RemoteAuthFlow.next"], "", "--method", "oidc-device", "--non-interactive")

    def by_passkey(self):
        return self.session(["RemoteAuthFlow.next"], "alice@", "--method", "passkey", "--relying-party",
                            "capos.example", "--passkey-command", self.passkey)

    def by_nobody(self):
        return self.session(["RemoteSessionGateway.anonymous"], "", "--anonymous")

    def accounts(self):
        s, name = ("--state", self.g.state), f"carol{random.randrange(10 ** 9)}"
        self.run(["Admin.accountAdd"], "account", "add", name, "--password-stdin", *s, stdin=self.secrets["password"])
        self.run(["Admin.passwd"], "account", "passwd", name, "--password-stdin", *s,
                 stdin=self.secrets["other-password"])
        self.run(["Admin.accountLock"], "account", "lock", name, "--reason", self.secrets["reason"], *s)
        self.run(["Admin.accountList"], "account", "list", *s)
        self.run([], "account", "identity", "add", name, "op", self.secrets["subject"], *s)
        self.run(["Admin.accountRemove"], "account", "remove", name, *s)
        return True

    def looks(self):
        self.work()
        self.run(["RemoteSession.info"], "whoami", "--session", "work")
        self.run(["RemoteCapSet.list"], "caps", "--long", "--session", "work")
        self.run(["RemoteCapSet.schema"], "describe", "chat", "--session", "work")
        self.run(["SystemInfo.motd"], "call", "system_info", "motd", "--session", "work")
        self.run(["RemoteSessionGateway.authMethods"], "methods", self.g.address)
        self.run(["Admin.sessionList"], "session", "list", "--state", self.g.state)
        self.run(["Admin.status"], "status", "--state", self.g.state)
        return True

    def talks(self):
        self.work()
        channel = "#" + self.secrets["channel"]
        self.run(["Chat.join", "ChatMembership.send"], "chat", "join", channel, "--session", "work",
                 stdin=self.secrets["words"])
        self.run(["Chat.join"], "call", "chat", "join", f"channel={channel}", "--session", "work")
        return True

    def renews(self):
        self.work()
        r = self.run(["SessionAgent.renew"], "renew", "--password-stdin", "--session", "work",
                     stdin=self.secrets["password"], codes=REFUSED)
        return not r.code

    def probes(self):
        self.work()
        self.run(["RemoteSessionGateway.start"], "probe", "work")
        return True

    def ends(self):
        self.work()
        self.run(["SessionAgent.logout"], "logout", "--session", "work")
        return True

    ACTS = (by_password, by_password_file, by_wrong_password, by_profile, by_key, by_service_key, by_access_token,
            by_browser, by_device, by_passkey, by_nobody, accounts, looks, talks, renews, probes, ends)

    def go_on(self, chosen, seconds):
        """Every act once, in the order of the seed; then at random, refusals seldom: they slow down all others."""
        acts = list(self.ACTS)
        chosen.shuffle(acts)
        weights = [1 if a in (Use.by_wrong_password, Use.by_access_token) else 10 for a in self.ACTS]
        end = time.monotonic() + seconds
        pause = float(os.environ.get("CAPOS_RANDOM_PAUSE", 0))
        while acts or time.monotonic() < end:
            act = acts.pop() if acts else chosen.choices(self.ACTS, weights)[0]
            if act(self):
                self.done.add(act.__name__)
            time.sleep(pause)
        if not seconds:
            for act in chosen.choices(self.ACTS, weights, k=MORE):
                act(self)
        missing = {a.__name__ for a in self.ACTS} - self.done
        holds(not missing, f"never done: {missing}")

    def close(self):
        self.g.run("logout", "--all")
        self.g.close()
        self.op.stop()
        shutil.rmtree(self.folder)


def main():
    seconds = int(os.environ.get("CAPOS_RANDOM_SECONDS", 0))
    seed = int(os.environ.get("CAPOS_RANDOM_SEED", 1 if not seconds else time.time()))
    print(f"seed {seed}, {seconds} seconds", flush=True)
    binaries = sys.argv[1] if sys.argv[1:] else os.path.join(os.environ["CAPOS_BUILDDIR"], "bin")
    use, failed = Use(os.path.abspath(binaries)), 0
    try:
        use.proof_of_search()
        use.go_on(random.Random(seed), seconds)
    except Failed as e:
        failed = 1
        print(f"not ok random-use (seed {seed}): {e}")
        print(use.g.read("log")[-2000:])
    finally:
        use.close()
    print(f"{use.ran} commands, {use.seen} messages in their transcripts, {len(use.secrets)} secrets in none")
    counts = os.environ.get("CAPOS_TEST_COUNTS")
    if counts:
        with open(counts, "a", encoding="ascii") as f:
            f.write(f"random-use {1 - failed} {failed}\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
