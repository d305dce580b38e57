"""terminal: a person at a terminal. A shell in tmux, what is typed at it, and what it shows.

The prompt counts the commands and says how the last one ended, so a command is over when the next number is there;
nothing else is waited for, and nothing is guessed from time. The terminal is wide, so that no word that is looked for
is broken over two lines.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import termios
import time

DEADLINE_S = 120
# tmux may take a row that was made narrower for the end of the one above, which has blanks then.
PROMPT = re.compile(r"^(?:.*  )?(\d+):(\d+)\$ ?$")


class Unlike(Exception):
    """The screen does not show what it should."""


def need(condition, what):
    if not condition:
        raise Unlike(what)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return list(map(int, f.read().split()))


class Home:
    """A machine of somebody who has just come: a home, a runtime folder, nothing in either."""

    def __init__(self, binaries, source):
        self.dir = tempfile.mkdtemp(prefix="capos-typed-")
        self.source = source
        for name in ("run", "home", "home/.ssh"):
            os.mkdir(self.path(name), 0o700)
        self.env = {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": self.path("home"),
                    "XDG_RUNTIME_DIR": self.path("run"), "CAPOS_STATE": self.path("state"),
                    "SOURCE": source, "LC_ALL": "C.UTF-8", "TERM": "screen", "SHELL": "/bin/bash",
                    "TMUX_TMPDIR": self.path("run")}
        self.terminals = 0

    def path(self, name):
        return os.path.join(self.dir, name)

    def tmux(self, *args):
        done = subprocess.run(["tmux", "-S", self.path("tmux"), "-f", "/dev/null", *args],
                              capture_output=True, text=True, env=self.env, check=True,
                              timeout=DEADLINE_S)
        return done.stdout

    def close(self):
        """Ends what was started here, by its id: what runs in the shells, and the agents of logins."""
        if self.terminals:
            subprocess.run(["capos", "logout", "--all"], env=self.env, capture_output=True,
                           check=False, timeout=DEADLINE_S)
            for shell in self.tmux("list-panes", "-a", "-F", "#{pane_pid}").split():
                for pid in children(shell):
                    os.kill(pid, signal.SIGTERM)
            self.tmux("kill-server")
        shutil.rmtree(self.dir, ignore_errors=True)


class Terminal:
    """A shell; what is typed at it; what stands on its screen since then."""

    def __init__(self, home):
        self.home = home
        self.name = f"t{home.terminals}"
        rc = home.path("rc")
        with open(rc, "w", encoding="ascii") as f:
            f.write("PS1='\\#:$?$ '\nunset HISTFILE\nset +H\n")
        home.tmux("new-session", "-d", "-s", self.name, "-x", "220", "-y", "50", "-c",
                  home.path("home"), f"exec bash --noprofile --rcfile '{rc}'", ";",
                  "set-option", "-g", "history-limit", "20000")
        home.terminals += 1
        self.number = 0
        self.line = ""
        self.prompt()

    def screen(self):
        """All that was shown since the last command was typed, without what tmux adds."""
        return self.home.tmux("capture-pane", "-p", "-J", "-t", self.name, "-S", "-20000").rstrip()

    def prompt(self):
        """Waits for the next prompt; how the command before it ended."""
        end = time.monotonic() + DEADLINE_S
        while True:
            shown = self.screen()
            found = PROMPT.match(shown.rsplit("\n", 1)[-1])
            if found and int(found.group(1)) > self.number:
                self.number = int(found.group(1))
                return shown, int(found.group(2))
            need(time.monotonic() < end, f"no prompt comes:\n{shown}")
            time.sleep(0.02)

    def reads(self):
        """Waits until keys are read one by one: what is typed before somebody edits a line is echoed where it comes."""
        tty = self.home.tmux("display-message", "-p", "-t", self.name, "#{pane_tty}").strip()
        fd, end = os.open(tty, os.O_RDONLY | os.O_NOCTTY), time.monotonic() + DEADLINE_S
        try:
            while termios.tcgetattr(fd)[3] & termios.ICANON:
                need(time.monotonic() < end, f"nobody edits a line:\n{self.screen()}")
                time.sleep(0.02)
        finally:
            os.close(fd)

    def keys(self, text, enter=True):
        """enter: a line, which waits for who reads it; else it is looked at while it is edited."""
        if not enter:
            self.reads()
        self.home.tmux("send-keys", "-t", self.name, "-l", "--", text)
        if enter:
            self.home.tmux("send-keys", "-t", self.name, "Enter")

    def key(self, name):
        self.home.tmux("send-keys", "-t", self.name, name)

    def sees(self, pattern, seconds=DEADLINE_S):
        """Waits until something stands there."""
        end = time.monotonic() + seconds
        while not re.search(pattern, shown := self.screen(), re.M):
            need(time.monotonic() < end, f"no /{pattern}/ in:\n{shown}")
            time.sleep(0.02)
        return shown

    def running(self):
        """The ids of what the shell has started and not seen the end of."""
        return children(self.home.tmux("display-message", "-p", "-t", self.name, "#{pane_pid}"
                                       ).strip())

    def clear(self):
        self.home.tmux("send-keys", "-R", "-t", self.name, ";",
                       "clear-history", "-t", self.name)

    def begin(self, line):
        """Types a line at a clean screen, and does not wait for its end."""
        self.clear()
        self.line = line
        self.keys(line)

    def completes(self, typed, line):
        """Types the beginning of a line and the tab key, and that again if nothing has come of it: it waits for a
        second and a half. The line is not run."""
        self.clear()
        self.keys(typed, enter=False)
        for left in reversed(range(DEADLINE_S // 10)):
            self.key("Tab")
            try:
                self.sees("^ *" + re.escape(line) + "$", 10)
                break
            except Unlike:
                need(left, f"{line} is not offered:\n{self.screen()}")
        self.key("C-u")
        self.keys("true")
        self.prompt()

    def ended(self, *words, code=0, never=()):
        shown, ended = self.prompt()
        shown = "\n".join(shown.split("\n")[1:-1])
        for word in words:
            need(re.search(word, shown, re.M), f"{self.line}: no /{word}/ in:\n{shown}")
        for word in never:
            need(not re.search(word, shown, re.M), f"{self.line}: /{word}/ in:\n{shown}")
        need(ended == code, f"{self.line}: ended with {ended}, not {code}:\n{shown}")
        return shown

    def types(self, line, *words, code=0, answers=(), never=()):
        """Types a command, answers what it asks, and looks for words in what it showed."""
        self.begin(line)
        for i, (asked, answer) in enumerate(answers):
            # As often as it was asked before, and once more: what is typed early is echoed.
            again = sum(asked == before for before, _ in answers[:i])
            self.sees(rf"(?m:(?:{asked}\s*?$(?s:.)*){{{again}}}{asked})\s*\Z")
            self.keys(answer)
        return self.ended(*words, code=code, never=never)
