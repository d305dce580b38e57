#!/usr/bin/env python3
"""secrets-proofs: plants every proof that is no password, and looks for it a second later.

Why: a token is good until it expires, and an assertion, a code or a signature says what somebody has
agreed to; whoever finds a dump, a log or a disk has it then. So here is a table: who plants what,
and where it may be. All else is searched: the memory of every process of the instance, its log, its
audit log, its state, and the arguments of every process of the machine; and the memory of the
agents that `capos login` leaves, which have made or passed on a proof of their own. What that was is
heard on the way to the instance.

Memory of others is the superuser's to read; without that the script is skipped.
"""
import http.client
import importlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import attacklib as a
import cheatlib as c
import finder
import heard
import oplib
import sessionlib as s
import sshforge as f
import tokens as j

access, assertion, oidc, passkey = (importlib.import_module(f"cheats-{n}") for n in (
    "access", "assertion", "oidc", "passkey"))

SCRIPT = "attack-secrets-proofs"
SETTLE_S = 1
USER = c.USER
CAPOS = os.path.join(c.instance.build_folder(), "bin", "capos")
AMBIENT = ("SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


class Target(access.Target):
    """Two identity providers; and an SSH authority, passkeys and a profile for programs."""

    def __init__(self):
        self.office = f.Key("ed25519")
        super().__init__(passkey.WAYS + 'sshAuthorities = [(name = "office", key = '
                         f'"{self.office.line}")], ')


class Relay:
    """Between a command and an instance, until both are gone; keeps what the command has said."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.said, self.to = bytearray(), (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.where = f"plain:127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            near = self.listener.accept()[0]
            far = socket.create_connection(self.to)
            threading.Thread(target=self.move, args=(near, far, self.said), daemon=True).start()
            threading.Thread(target=self.move, args=(far, near, bytearray()), daemon=True).start()

    @staticmethod
    def move(source, to, kept):
        try:
            while part := source.recv(65536):
                kept += part
                to.sendall(part)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def signature(self):
        """The last of an SSH key."""
        at = self.said.index(b"sha512", self.said.rindex(b"SSHSIG")) + 6
        size = struct.unpack_from(">I", self.said, at)[0]
        return end(bytes(self.said[at + 4:at + 4 + size]))

    def match(self, pattern):
        return re.findall(pattern, self.said)[-1]


def end(proof):
    """What of it is looked for."""
    return proof[-finder.NEEDLE:]


class Planter(c.Cheats):
    """Each method plants, and returns what to look for: {where from: bytes that are nowhere else}."""

    def __init__(self, target):
        super().__init__(target, "publicKey")
        self.source = "127.20.0.1"
        self.key, self.sk, self.certified = f.Key("ed25519"), f.Key("sk-p256"), f.Key("ed25519")
        self.agents = {}  # name of a session: process
        self.files = [os.path.join(self.folder, kind) for kind in ("ed25519", "ecdsa", "rsa")]
        for path in self.files:
            subprocess.run(["ssh-keygen", "-q", "-t", os.path.basename(path), "-N", "", "-f", path],
                           check=True)
        target.account(USER, [self.key, self.sk, *self.files], profiles=("operator", "lounge"))
        self.program = j.Key("EdDSA", "the-program's")
        target.admin_call(12, "job", s.w.Ptrs(["job"]))
        target.admin_call(12, "ci", s.w.Ptrs(["night"]))
        target.admin_call(13, "job", j.json.dumps(self.program.jwk), "")

    def proved(self, key, shown=None, good=True):
        """A login over each transport; the ends of the signatures."""
        found = {}
        for over in ("tls", "plain", "unix"):
            login = self.login(USER, "operator", self.peer(over))
            proof = f.sshsig(key, login.text(**({} if good else {"nonce": bytes(32)})), shown)
            try:
                session = login.prove(proof)
            except s.Refused:
                if good:
                    raise
            else:
                session.call(3)
            found[over] = end(proof)
        return found

    def signature(self):
        return self.proved(self.key)

    def signature_refused(self):
        return self.proved(self.key, good=False)

    def security_key(self):
        return self.proved(self.sk)

    def certificate(self):
        return self.proved(self.certified, f.Certificate(self.certified, self.target.office,
                                                         principals=[USER.encode()]).blob())

    def renewal(self):
        login = self.login(USER, "operator")
        session = login.prove(f.sshsig(self.key, login.text()))
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        proof = f.sshsig(self.key, login.text())
        session.call(2, s.Struct(struct.pack("<Q", 60000), [proof]))
        return {"renewal": end(proof)}

    def dropped(self):
        """The client goes before there is an answer."""
        login = self.login(USER, "operator")
        proof = f.sshsig(self.key, login.text())
        login.flow.send(0, s.Struct(b"", [proof]))
        login.peer.close()
        self.peers.remove(login.peer)
        return {"dropped": end(proof)}


    # ---- the command, whose agent stays

    def command(self, *words, shown=None, **env):
        """Starts it, shows each line that it prints for a person, and waits until it has ended; what
        it has said."""
        home = os.path.join(self.folder, "home")
        os.makedirs(home, 0o700, exist_ok=True)
        env = {k: v for k, v in os.environ.items() if k not in AMBIENT} | env
        with heard.Program([CAPOS, *words], stdin=subprocess.DEVNULL, text=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, start_new_session=True,
                           env=env | {"HOME": home, "XDG_RUNTIME_DIR": home}) as p:
            late = threading.Timer(a.COMMAND_S, p.kill)
            late.start()
            said = ""
            for line in p.stderr:
                said += line
                if shown:
                    shown(line)
            out = p.stdout.read()
        late.cancel()
        if p.returncode:
            raise a.Failed(f"capos {words}: {p.returncode} {said}")
        return out

    def agent(self, account, *words, **how):
        """Logs in through a relay, which is given back."""
        relay, name = Relay(self.target.address), f"agent-{len(self.agents)}"
        out = self.command("login", account + relay.where, "--as", name, "--json", *words, **how)
        self.agents[name] = int(re.search(r'"agent":\s*(\d+)', out).group(1))
        relay.name = name
        return relay

    def key_file(self):
        found = {}
        for path in self.files:
            relay = self.agent(f"{USER}@", "--identity", path, "--profile", "operator")
            found[path] = relay.signature()
            self.command("renew", "-s", relay.name, "--identity", path)
            found[path + ", renewed"] = relay.signature()
        if len(set(found.values())) != len(found):
            raise a.Failed("a signature was made twice")
        return found

    def key_agent(self):
        path = os.path.join(self.folder, "ssh-agent")
        with heard.Program(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as p:
            try:
                c.instance.until(lambda: os.path.exists(path), "an ssh-agent")
                subprocess.run(["ssh-add", "-q", self.files[0]], check=True,
                               env=dict(os.environ, SSH_AUTH_SOCK=path))
                relay = self.agent(f"{USER}@", "--method", "key", "--profile", "operator",
                                   SSH_AUTH_SOCK=path)
            finally:
                p.send_signal(signal.SIGTERM)
        return {"an ssh-agent's": relay.signature()}

    def passkey_command(self):
        cases = passkey.Cases.__new__(passkey.Cases)
        cases.target = self.target
        file = os.path.join(self.folder, "passkeys")
        passkey.a.write(file, [cases.register(USER)])
        tool = [sys.executable, passkey.a.__file__, file, passkey.ORIGIN]
        words = ("--passkey-command", " ".join(tool), "--relying-party", passkey.PARTY)
        relay, found = self.agent(f"{USER}@", *words, "--profile", "operator"), {}
        for when in ("login", "renewal"):
            said = relay.match(rb'"signature": "([^"]+)"')
            found[when + ", as text"] = end(said)
            found[when + ", as bytes"] = end(passkey.a.unb64(said.decode()))
            if when == "login":
                self.command("renew", "-s", relay.name, *words)
        return found

    def private(self, name, text):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as f:
            f.write(text)
        return path

    def assertion_command(self):
        path = self.private("program", self.program.private_pem)
        relay = self.agent("job@", "--method", "service", "--identity", path, "--key-id",
                           self.program.kid, "--profile", "job")
        return {"an assertion": end(relay.match(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+"))}

    def token_command(self):
        cases = access.Cases.__new__(access.Cases)
        cases.op = self.target.op
        token = cases.token()
        path = self.private("token", token if isinstance(token, str) else token.decode())
        relay = self.agent("", "--token-file", path, "--profile", "night")
        return {"a token": end(relay.match(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+"))}

    def browser_command(self):
        op, given = self.provider()
        op.answers.clear()

        def browse(line):
            found = re.search(r"http://\S+\?\S+", line)
            if not found:
                return
            asked = dict(oidc.urllib.parse.parse_qsl(oidc.urllib.parse.urlsplit(found[0]).query))
            query, to = op.browse(found[0]), oidc.urllib.parse.urlsplit(asked["redirect_uri"])
            given.update(dict(oidc.urllib.parse.parse_qsl(query)))
            browser = http.client.HTTPConnection(to.hostname, to.port, timeout=s.WAIT_S)
            browser.request("GET", f"{to.path}?{query}")
            browser.getresponse().read()
            browser.close()
        self.agent("", "--method", "oidc", "--profile", "operator", shown=browse)
        return {name: end(given[name].encode()) for name in ("code", "state")}

    def device_command(self):
        _, _, typed = self.device_provider()
        seen = []
        self.agent("", "--method", "oidc-device", "--profile", "lounge", shown=seen.append)
        if typed not in "".join(seen):
            raise a.Failed(f"no code was shown: {seen}")
        return {"what is typed": typed.encode()}

    def nobody_is_in(self):
        admin = self.target.admin()
        try:
            return admin.status()["sessions"] == 0
        finally:
            admin.close()

    def closed(self):
        for name in self.agents:
            self.command("logout", "-s", name)
        for peer in self.peers:
            peer.close()
        c.instance.until(self.nobody_is_in, "the end of all sessions")
        return "nobody"

    # ---- programs

    def assertion(self, good=True):
        found = {}
        for over in ("tls", "plain", "unix"):
            login = c.Login(self.peer(over), "job", "job", 8).ask()
            proof = self.program.token(assertion.claims(login, **({} if good else {"nonce": "x"})))
            self.tried_out(lambda x=login, p=proof: x.prove(p), good)
            found[over] = end(proof)
        return found

    def assertion_refused(self):
        return self.assertion(False)

    def assertion_renewal(self):
        login = c.Login(self.peer(), "job", "job", 8).ask()
        session = login.prove(self.program.token(assertion.claims(login)))
        login.nonce = session.call(0).content.ptr(0).ptr(4)
        proof = self.program.token(assertion.claims(login))
        session.call(2, s.Struct(struct.pack("<Q", 60000), [proof]))
        return {"a renewal": end(proof)}

    @staticmethod
    def tried_out(function, good):
        try:
            function()
        except s.Refused:
            if good:
                raise
        else:
            if not good:
                raise a.Failed("it was let in")

    # ---- passkeys

    def passkey(self, good=True):
        cases = passkey.Cases.__new__(passkey.Cases)
        cases.target = self.target
        key, found = cases.register(USER), {}
        for over in ("tls", "plain", "unix"):
            login = c.Login(self.peer(over), USER, "operator", passkey.PASSKEY).ask()
            lies = {} if good else {"nonce": bytes(32)}
            proof = cases.proof(login, key, **lies)
            self.tried_out(lambda x=login, p=proof: x.prove(j.json.dumps(p)), good)
            found[over + ", as text"] = end(proof["response"]["signature"].encode())
            found[over + ", as bytes"] = end(passkey.a.unb64(proof["response"]["signature"]))
        return found

    def passkey_refused(self):
        return self.passkey(False)

    # ---- identity providers

    def provider(self, **claims):
        """What it gives is kept, and each time another."""
        op, given = self.target.op, {}

        def tokens(nonce, **how):
            access = finder.secret("access")
            made = oplib.Provider.tokens(op, nonce, **how) | {"access_token": access}
            given.update({"the access token": access, "the ID token": made["id_token"]})
            return made
        op.claims = {"groups": "admins", "sub": "carol at op", "at_hash": None, **claims}
        op.tokens, op.approved = tokens, True
        return op, given

    def browser(self, good=True):
        op, given = self.provider(**({} if good else {"aud": "another"}))
        flow = self.flow(oidc.BROWSER, "operator")
        query = op.browse(oidc.Cases.url(flow))
        asked = dict(oidc.urllib.parse.parse_qsl(query))
        exchange = {}

        def token(handler, form):
            exchange.update(form)
            op.token(handler, form)
        op.answers["/token"] = token
        self.tried_out(lambda: s.answer(flow, query), good)
        given.update({"the code": asked["code"], "the state": asked["state"],
                      "the verifier": exchange["code_verifier"]})
        return {name: end(text.encode()) for name, text in given.items()}

    def browser_refused(self):
        return self.browser(False)

    def browser_dropped(self):
        """Whoever has said yes, and is gone; the code is never asked for."""
        flow = self.flow(oidc.BROWSER, "operator")
        url = oidc.Cases.url(flow)
        flow.peer.close()
        self.peers.remove(flow.peer)
        state = oidc.urllib.parse.parse_qs(oidc.urllib.parse.urlsplit(url).query)["state"][0]
        return {"the state": end(state.encode())}

    def device_provider(self):
        """What it gives, its code for the instance, and what is typed."""
        op, given = self.provider()
        code, typed = finder.secret("device"), finder.secret("typed")[-20:]
        op.answers.clear()
        op.answers["/device"] = lambda h, _: h.answer(200, {
            "device_code": code, "user_code": typed, "verification_uri": op.url + "/activate",
            "interval": 1, "expires_in": 600})
        return given, code, typed

    def device(self):
        given, code, typed = self.device_provider()
        flow = self.flow(oidc.DEVICE, "lounge")
        s.answer(flow, "")
        self.tried_out(lambda: s.answer(flow, ""), True)
        given["the device's code"] = code
        return {name: end(text.encode()) for name, text in given.items()} | {
            "what is typed": typed.encode()}

    def flow(self, kind, profile):
        return oidc.Cases.start(self.peer(), kind, profile=profile)

    def access_token(self, good=True):
        cases = access.Cases.__new__(access.Cases)
        cases.op, found = self.target.op, {}
        for over in ("tls", "plain", "unix"):
            token = cases.token(**({} if good else {"aud": "another"}))
            login = c.Login(self.peer(over), "", "night", access.SERVICE).ask()
            self.tried_out(lambda x=login, t=token: x.prove(t), good)
            found[over] = end(token)
        return found

    def access_refused(self):
        return self.access_token(False)

    def client_secret(self):
        """The instance's own, which it needs again: with who speaks to providers alone, and never on
        disk."""
        return {"the manifest": end(oplib.SECRET.encode())}


# What is planted, and where it may be found.
SECRETS = (("signature", ()), ("signature_refused", ()), ("security_key", ()), ("certificate", ()),
           ("renewal", ()), ("dropped", ()), ("assertion", ()), ("assertion_refused", ()),
           ("assertion_renewal", ()), ("passkey", ()), ("passkey_refused", ()), ("browser", ()),
           ("browser_refused", ()), ("browser_dropped", ()), ("device", ()),
           ("client_secret", ("capos-sessiond",)), ("access_token", ()), ("access_refused", ()),
           ("key_file", ()), ("key_agent", ()), ("passkey_command", ()), ("assertion_command", ()),
           ("token_command", ()), ("browser_command", ()), ("device_command", ()))


def found_nowhere(search, needles, may):
    for where, needle in needles.items():
        places = set(search.places(needle)) - set(may)
        if places:
            raise a.Failed(f"what came over {where} is in {places}")
    return "wiping"


def plain(target):
    """What is no secret: a name, and an argument."""
    return [USER.encode(), target.state.encode()]


def search_works(search):
    """That is found, in memory, in files and among arguments."""
    name, argument = plain(search.target)
    places = search.places(name)
    if not {"capos-sessiond", "agent", "audit.log"} <= set(places):
        raise a.Failed(f"a name is only in {places}")
    if "ps" not in search.places(argument):
        raise a.Failed("the arguments of a process are not seen")
    return "nobody"


def tries(target):
    planter = Planter(target)
    planted = [(getattr(planter, name)(), may) for name, may in SECRETS]
    time.sleep(SETTLE_S)
    search = finder.Search(target, planter.agents.values(), plain(target) + [
        n for needles, _ in planted for n in needles.values()])
    functions = [lambda n=needles, m=may: found_nowhere(search, n, m) for needles, may in planted]
    functions += [lambda: search_works(search), planter.closed]
    return {f"XP{i + 1}": function for i, function in enumerate(functions)}


def main():
    if os.geteuid() != 0:
        print("skipped: memory of others is the superuser's to read")
        return a.SKIP
    return a.main(SCRIPT, Target, tries)


if __name__ == "__main__":
    sys.exit(main())
