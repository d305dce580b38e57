"""sshkeys: SSH keys for tests, as people have them: in files, agents and security keys, certified.

Why: ssh-keygen, ssh-agent and ssh-sk-helper make them, so that what is proved is what the world
has. The security keys are without hardware (sk-dummy, of Debian's openssh-tests): they touch
themselves.
"""
import os
import subprocess

import instance

PROVIDER = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so"
FOREVER = "20200101:20990101"


class Keys:
    """In a folder. env: of who has them; in it an agent, once it was started."""

    def __init__(self, folder):
        self.folder, self.agent = folder, None
        self.env = {k: v for k, v in os.environ.items() if k != "SSH_AUTH_SOCK"}
        self.env.update(HOME=folder, XDG_RUNTIME_DIR=folder, SSH_SK_PROVIDER=PROVIDER)
        os.makedirs(os.path.join(folder, ".ssh"), mode=0o700)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read().strip()

    def run(self, *words):
        subprocess.run(words, env=self.env, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)

    def keygen(self, name, kind="ed25519"):
        self.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", self.path(name))
        return self.path(name)

    def certify(self, name, by="ca", serial=7, ident="at work", principals="ada", when=FOREVER,
                options=()):
        words = ["ssh-keygen", "-q", "-s", self.path(by), "-I", ident, "-z", str(serial), "-V", when]
        if principals:
            words += ["-n", principals]
        for option in options:
            words += ["-O", option]
        self.run(*words, self.path(name + ".pub"))
        return self.path(name + "-cert.pub")

    def fingerprint(self, name):
        done = subprocess.run(["ssh-keygen", "-l", "-f", self.path(name + ".pub")], check=True,
                              capture_output=True, text=True)
        return done.stdout.split()[1]

    # ---- an agent

    def start_agent(self):
        socket = self.path("agent")
        self.agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket, "-P", "/usr/lib/*"],
                                      env=self.env, stdout=subprocess.DEVNULL)
        instance.until(lambda: os.path.exists(socket), "the agent")
        self.env["SSH_AUTH_SOCK"] = socket

    def add(self, name):
        """Gives it a key, which is in no file any more, with the certificate beside it."""
        self.run("ssh-add", "-q", self.path(name))
        os.unlink(self.path(name))

    def stop_agent(self):
        if self.agent:
            self.agent.terminate()
            self.agent.wait()
