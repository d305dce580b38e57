"""people: those who use `capos` at an instance, each by a login of his own; and one at a terminal, in its panes."""
import os
import subprocess
import sys

import instance
from sessionlib import Failed

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from talk import Terminal  # noqa: E402

WAIT_S = 120


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class People:
    """Cases that are played by people. target: the instance."""

    def arrive(self, target, *people, **env):
        """(account, profile, names of its logins)"""
        self.target = target
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        home = os.path.join(target.folder.name, "home")
        os.mkdir(home, 0o700)
        self.env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, "LC_ALL": "C.UTF-8", "TZ": "UTC", **env}
        for account, profile, *logins in people:
            target.add_user(account, [profile])
            for login in logins:
                self.login(account, login)

    def login(self, account, login):
        self.run("login", f"{account}@{self.target.where}", "--as", login, "--password-stdin",
                 said=instance.SECRET + "\n")

    def try_run(self, *words, said=""):
        return subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=WAIT_S, env=self.env,
                              input=said, check=False)

    def run(self, *words, code=0, said=""):
        done = self.try_run(*words, said=said)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def rows(self, script, rows):
        """Plays them; then everybody leaves."""
        try:
            return instance.run_cases(script, rows)
        finally:
            self.run("logout", "--all")


class Person(Terminal):
    """Somebody at `capos ui SERVICE`, where these lines have been shown."""

    def __init__(self, people, service, login, *shown):
        super().__init__(people, "ui", service, "-s", login)
        for text in shown:
            self.until(text)

    def does(self, line, *shown):
        """Types a line; what is to be seen then, in any order."""
        self.shown = b""
        self.type(line + "\n")
        for text in shown:
            self.until(text)

    def quits(self):
        self.type("/quit\n")
        expect(self.end(), 0, "its exit code")
