#!/usr/bin/env python3
"""clients: the programs of doc/clients.md, compiled as they are printed there, and run.

Why: whoever writes a client begins with a copy of one. What is printed and does not work is worse than
nothing, so each is made with what is installed, logs in by its method, and is refused with a proof
that is not right.

usage: clients.py BUILD
"""
import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request

import certlib
import heard
import instance
import oplib
import sessionlib as s
from line import Line
from sessionlib import Failed

SCRIPT = "e2e-clients"
PAGE = os.path.join(s.TOP, "doc", "clients.md")
ORIGIN = "http://localhost:8080"
PROGRAM = re.compile(r"^```c\n(/\* ([a-z-]+)\.c: .*?)^```$", re.M | re.S)


class Programs:
    """The instance, what proves, and the programs by their names."""

    def __init__(self, folder, build):
        self.folder, self.build = folder, build
        self.ca = certlib.Authority(folder, "ca")
        stray = certlib.Authority(folder, "stray")
        self.ada = self.ca.issue("ada", "email:ada@example.org")
        self.stray = stray.issue("ada", "email:ada@example.org")
        self.op = oplib.Provider()
        robot = instance.profile("robot", ["session"]).replace("lease", "service = true, lease", 1)
        text = certlib.lets_in(self.ca, instance.manifest(guest=True, profiles=[robot]))
        text = text.replace('(name = "operator", ', '(name = "operator", unbound = true, ', 1)
        text = text.replace("authentication = (", f"""authentication = (oidc = [(name = "op",
            issuer = "{self.op.url}", clientId = "{oplib.CLIENT}", clientSecretFile = "{self.path('secret')}",
            loopback = true, rules = [(claims = [(name = "groups", value = "people")], account = "ada")])],""", 1)
        self.target = certlib.TlsInstance(text.replace(
            "authentication = (", f'authentication = (passkeys = (relyingParty = "localhost", origins = ["{ORIGIN}"]),',
            1))
        with open(self.path("secret"), "w", encoding="utf-8", opener=lambda p, f: os.open(p, f, 0o600)) as f:
            f.write(oplib.SECRET + "\n")
        with open(PAGE, encoding="utf-8") as f:
            self.texts = {m[2]: m[1] for m in PROGRAM.finditer(f.read())}

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        self.target.start()
        for name in ("ada", "carol"):
            self.target.add_user(name)
        for name in ("key", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)],
                           check=True)
        subprocess.run([os.path.join(self.build, "bin", "capos"), "account", "key", "add", "carol",
                        self.path("key.pub"), "--state", self.target.state], check=True,
                       stdout=subprocess.DEVNULL)
        pin = certlib.fingerprint(os.path.join(self.target.state, "tls", "cert.pem"))
        self.where = f"capos://{self.target.tls}/#{pin}"

    def make(self, name):
        source = self.path(name + ".c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(self.texts[name])
        done = subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o", self.path(name), source,
                               "-I", os.path.join(s.TOP, "include"), "-L", self.build, "-lcapos",
                               "-lcapos-rpc", "-Wl,-rpath," + self.build], capture_output=True,
                              text=True, check=False)
        if done.returncode:
            raise Failed(f"{name}: {done.stderr}")

    def run(self, name, *words, code=0, stdin="", **env):
        """What it has printed, by its exit code."""
        clean = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        done = subprocess.run([self.path(name), self.where, *words], input=stdin, text=True,
                              capture_output=True, env={**clean, "HOME": self.folder, **env},
                              timeout=60, check=False)
        if done.returncode != code:
            raise Failed(f"{name} {words}: {done}")
        return done.stderr if code else done.stdout

    def expect(self, name, text, *words, **more):
        said = self.run(name, *words, **more)
        if text not in said:
            raise Failed(f"{name} {words}: {said!r}, not {text!r}")

    # ---- one case for each program --------------------------------------------------------------

    def by_password(self):
        self.expect("by-password", f"{instance.USER} by password, profile operator\n",
                    instance.USER, stdin=instance.SECRET + "\n")
        self.expect("by-password", "denied.credentials", instance.USER, stdin="not it\n", code=1)

    def by_key(self):
        self.expect("by-key", "carol by publicKey, profile operator\n", "carol", self.path("key"))
        self.expect("by-key", "denied.credentials", "carol", self.path("other"), code=1)
        socket = self.path("agent")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
        try:
            instance.until(lambda: os.path.exists(socket), "the ssh-agent")
            subprocess.run(["ssh-add", "-q", self.path("key")], check=True,
                           env={**os.environ, "SSH_AUTH_SOCK": socket})
            self.expect("by-key", "carol by publicKey, profile operator\n", "carol",
                        self.path("key.pub"), SSH_AUTH_SOCK=socket)
            self.expect("by-key", "agent", "carol", self.path("other.pub"), code=1,
                        SSH_AUTH_SOCK=socket)
        finally:
            agent.terminate()
            agent.wait()

    def by_certificate(self):
        self.expect("by-certificate", "ada by mtlsClientCert, profile operator\n", *self.ada)
        self.expect("by-certificate", "denied.credentials", *self.stray, code=1)

    def by_passkey(self):
        tool = [sys.executable, os.path.join(s.TOP, "test", "passkey", "authenticator.py"), self.path("passkeys")]
        subprocess.run([os.path.join(self.build, "bin", "capos"), "account", "passkey", "add", "carol", "--state",
                        self.target.state, "--passkey-command", " ".join(tool + [ORIGIN])], check=True,
                       stdout=subprocess.DEVNULL)
        for origin, code, says in ((ORIGIN, 0, "carol by passkey, profile operator\n"),
                                   ("https://evil.example", 1, "denied.credentials")):
            child = subprocess.Popen([self.path("by-passkey"), self.where, "localhost"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     env={**os.environ, "HOME": self.folder})
            answer = subprocess.run(tool + [origin], input=heard.line(child.stdout), check=True, text=True,
                                    stdout=subprocess.PIPE).stdout
            said, _ = child.communicate(answer + "\n", timeout=60)
            if says not in said or child.returncode != code:
                raise Failed(f"by-passkey: {said!r}, not {says!r}")
        self.expect("by-passkey", "there is no answer", "localhost", code=1)
        self.expect("by-passkey", "was to ask for those of example.org", "example.org", code=1)

    def comes_back(self):
        """Through a line that is cut."""
        host, port = self.target.tls.rsplit(":", 1)
        line = Line(socket.AF_INET, ("127.0.0.1", 0), (host, int(port)))
        where = f"capos://127.0.0.1:{line.address[1]}/#" + self.where.rpartition("#")[2]
        child = subprocess.Popen([self.path("comes-back"), where, instance.USER], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1,
                                 env={**os.environ, "HOME": self.folder})
        same = f"{instance.USER}, profile operator\n"
        try:
            child.stdin.write(instance.SECRET + "\n\n")
            said = [heard.line(child.stdout)]
            for _ in range(3):
                line.cut()
                child.stdin.write("\n")
                said += [heard.line(child.stdout), heard.line(child.stdout)]
            child.stdin.close()
            if said != [same] + 3 * ["The line has dropped, and is there again.\n", same]:
                raise Failed(f"it says {said}")
            if child.wait(60):
                raise Failed(f"it ends with {child.returncode}")
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
            line.close()
        self.expect("comes-back", "denied.credentials", instance.USER, stdin="not it\n", code=1)

    def by_provider(self, name, kind, say_yes):
        """Somebody who is one of the people, and then one who is not."""
        for groups, code, says in (("people", 0, f"ada by {kind}, profile operator\n"),
                                   ("others", 1, "denied.credentials")):
            self.op.claims, self.op.approved = {"groups": groups, "sub": groups}, False
            child = subprocess.Popen([self.path(name), self.where], text=True, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, env={**os.environ, "HOME": self.folder})
            say_yes(heard.line(child.stdout).strip())
            said, _ = child.communicate(timeout=60)
            if says not in said or child.returncode != code:
                raise Failed(f"{name}: {said!r}, not {says!r}")

    def by_browser(self):
        self.by_provider("by-browser", "oidcAuthorizationCodePkce",
                         lambda url: urllib.request.urlopen(url, timeout=30).read())

    def by_device(self):
        def say_yes(said):
            if said != f"{self.op.url}/activate WDJB-MJHT":
                raise Failed(f"it says {said!r}")
            self.op.approved = True

        self.by_provider("by-device", "oidcDeviceCode", say_yes)

    def by_service(self):
        admin = [os.path.join(self.build, "bin", "capos"), "service-account"]
        state = ["--state", self.target.state]
        subprocess.run([*admin, "add", "bot", "--profile", "robot", *state], check=True, stdout=subprocess.DEVNULL)
        for name in ("bot", "stray-bot"):
            certlib.openssl("genpkey", "-algorithm", "ed25519", "-out", self.path(name))
            os.chmod(self.path(name), 0o600)
        public = certlib.openssl("pkey", "-in", self.path("bot"), "-pubout")
        subprocess.run([*admin, "key", "add", "bot", "-", *state], input=public, text=True, check=True,
                       stdout=subprocess.DEVNULL)
        self.expect("by-service", "bot by serviceCredential, profile robot\n", "bot", self.path("bot"))
        self.expect("by-service", "denied.credentials", "bot", self.path("stray-bot"), code=1)

    def by_nobody(self):
        for kind in ("anonymous", "guest"):
            self.expect("by-nobody", f"nobody by {kind}, profile {kind}\n", kind)
        self.expect("by-nobody", "", "sorcery", code=2)


def main():
    with tempfile.TemporaryDirectory(prefix="capos-clients-") as folder:
        programs = Programs(folder, os.path.abspath(sys.argv[1]))

        def case(name):
            programs.make(name)
            getattr(programs, name.replace("-", "_"))()

        try:
            programs.start()
            code = instance.run_cases(SCRIPT, [(name, lambda n=name: case(n))
                                               for name in programs.texts])
        finally:
            programs.op.stop()
            wrong = programs.target.stop()
            programs.target.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
