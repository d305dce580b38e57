#!/usr/bin/env python3
"""web-ends: what a person sees in Debian's Chromium when something ends that he did not end, and what recovers; which
instances stay; and what is left in the transcript of all that he has typed (R49, R50).

usage: ends.py BINARIES [CASE...]

Processes are killed by their numbers. What would be seen only for a moment is held open: who would end it is stopped.
"""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

import bridge  # noqa: E402
import line  # noqa: E402
import methods  # noqa: E402
import sessionlib  # noqa: E402
from bridge import PASSWORD, equal, holds  # noqa: E402
from ports import free_port  # noqa: E402

HERE_DONE = "document.querySelector('#outcome')?.innerText.includes('done in')"
PROBES = ("unknownName", "wrongInterface", "wrongProfile", "methodDisabled", "secondLogin", "transfer", "quota",
          "staleCall")
PLANTED = {n: f"planted-{n.replace(' ', '-')}-7f3a" for n in (
    "wrong password", "name of nobody", "renewal", "code of a redirect", "state of a redirect", "address", "channel",
    "raw parameter", "message", "search")}


class Held(line.Line):
    """A line that carries nothing more from when on it is asked what an interface is (RemoteCapSet.schema), once."""

    ASKS = struct.pack("<HxxQ", 2, sessionlib.CAP_SET)
    has_asked = False

    def taken(self, got):
        super().taken(got)
        before, self.has_asked = self.has_asked, self.has_asked or self.ASKS in self.said
        return before or not self.has_asked


class Cases(methods.Cases):
    port = free_port()  # a second bridge has it, too

    def options(self, authority):
        """Instances of this machine may be added."""
        return ["--allow", "127.0.0.1:*", "--allow", "plain:127.0.0.1:*"]

    def called(self, p):
        """The session is of use."""
        p.click("#go-calls")
        p.choose("#target", "c:system_info")
        p.until("document.querySelector('#method')?.value === 'motd'")
        p.click("#call")
        p.says("Hello from", "#response")

    # ---- the first host of the contract ----

    def all_of_a_first_host(self):
        """By clicks, in the order of its sentence: endpoint configuration, auth methods, login, session summary, CapSet
        inspection, sessionInfo, systemMotd, denial probes, logout, stale-call proof, redacted transcript export."""
        p = self.entered()
        self.add(p, self.bridge.rig.address, "mine")
        place = p.until("document.querySelector('.instance:nth-child(2)')?.id.split('-')[1]")
        p.says("mine", f"#instance-{place} h2")
        p.click(f"#connect-{place}")
        p.there(".methods")
        kinds = p.js("[...document.querySelectorAll('[id^=method-]')].map((e) => [e.id.slice(7), !!e.querySelector("
                     "'button') || e.innerText.split('\\n').length > 1])")
        equal(len([k for k, _ in kinds if k != "enrol"]), 9, f"methods: {kinds}")
        equal([k for k, said in kinds if not said], [], "methods that neither can be used nor say why not")
        self.log_in_as_keeper(p)
        for what, words in (("account", "bea"), ("profile", "keeper"), ("kind", "password")):
            p.says(words, f"#session-{what}")
        p.click("#go-capabilities")
        for name in ("session", "system_info", "chat"):
            p.says(name, f"#cap-{name}")
        p.click("#show-session")
        p.click("#call-session-info")
        p.until("document.querySelector('#method')?.value === 'info'")
        p.click("#call")
        p.until(HERE_DONE)
        holds('"account": "bea"' in p.text("#response"), "sessionInfo")
        self.called(p)
        self.probed(p)
        p.click("#logout")
        p.click("#sheet-yes")
        p.says("This session has ended", "#ended")
        p.click("#stale-call")
        p.says("denied.stale-session", "#stale")
        p.click("#go-transcript")
        text = self.exported(p, "#export-json", "capos-transcript.jsonl")
        rows = [json.loads(line) for line in text.splitlines()]
        for what in ("connect", "login", "call", "probe", "logout"):
            holds(any(r["what"] == what for r in rows), f"{what} is not in {text}")
        holds(any(r.get("outcome") == "denied.stale-session" for r in rows), "the stale call is not in it")
        holds(PASSWORD not in text, "the password is in it")
        equal(p.faults(), [], "faults of scripts")
        p.click("#leave")
        p.click(f"#remove-{place}")
        p.click(f"#remove-{place}")
        p.until(f"!document.querySelector('#instance-{place}')", "it is removed")
        p.close()

    @staticmethod
    def log_in_as_keeper(p):
        p.click("#choose-password")
        p.fill("#account", "bea")
        p.fill("#secret", PASSWORD)
        p.choose("#profile", "keeper")
        p.click("#login")
        p.there("#overview")

    @staticmethod
    def probed(p):
        """Each of the eight by itself, with what was sent, expected and came."""
        p.click("#go-probes")
        for name in PROBES:
            p.click(f"#ask-{name}")
            p.says("refused, as it must be", f"#probe-{name}")
            for what in ("Sent", "Expected", "Came"):
                p.says(what, f"#probe-{name}")

    def logged_out_at_once(self):
        """The session is a reference that was kept, though nobody has called it before: the instance refuses it."""
        p = self.session()
        p.click("#logout")
        p.click("#sheet-yes")
        p.there("#ended")
        p.click("#stale-call")
        p.says("session.info() came back as denied.stale-session", "#stale")
        equal(p.js("document.querySelector('#stale').className"), "tone-good", "what is refused as it must be")
        p.click("#leave")
        p.there("#connect-0")
        p.close()

    # ---- kill -9 ----

    def worker_killed(self):
        """The line is made again by itself: the page says so meanwhile, and the session goes on; what was asked while
        there was no line is answered. (Nobody is let in for as long as it is looked at.)"""
        p = self.session()
        p.says("Hello from", "#motd") # what it is that greets is known by now
        gateway = self.bridge.pid_of("capos-gateway")
        os.kill(gateway, signal.SIGSTOP)
        try:
            self.bridge.to_workers(signal.SIGKILL)
            p.says("The line to the instance has dropped", "#line-down")
            p.reload()
            p.there("#motd")
        finally:
            os.kill(gateway, signal.SIGCONT)
        p.says("reconnect done", "aside")
        p.until("!document.querySelector('#line-down')", "the line is back")
        p.says("Hello from", "#motd")
        self.called(p)
        equal(p.js("!!document.querySelector('#ended')"), False, "the session has ended")
        self.leave(p)

    def line_dropped_before_it_is_known_who_greets(self):
        """What capabilities are is learned after the login. The line drops before, and the page is loaded anew while it
        is down: when it is there again that is learned, and the overview greets."""
        here, (host, port) = self.bridge, self.bridge.rig.address.split(":")[1:]
        held = Held(socket.AF_INET, ("127.0.0.1", 0), (host, int(port)))
        self.bridge = bridge.Bridge(self.binaries, "--instance", f"held=plain:127.0.0.1:{held.address[1]}",
                                    rig=here.rig)
        try:
            p = self.entered()
            p.click("#connect-1")
            self.log_in(p)
            p.says("alice", "#session-account")
            bridge.until(lambda: held.has_asked, "nothing is learned")
            held.up = False
            held.cut()
            p.says("The line to the instance has dropped", "#line-down")
            p.reload()
            p.says("alice", "#session-account")
            equal(p.js("!!document.querySelector('#motd')"), False, "who greets is known")
            held.up = True
            p.says("reconnect done", "aside")
            p.says("Hello from", "#motd")
            self.called(p)
            self.leave(p)
        finally:
            other, self.bridge = self.bridge, here
            other.stop()
            held.close()

    def worker_of_nobody_killed(self):
        """Who has no account cannot come back: the last view stays, under the reason."""
        p = self.at("anonymous")
        p.click("#login")
        p.there("#overview")
        self.bridge.to_workers(signal.SIGKILL)
        p.says("This session has ended", "#ended")
        p.there("#overview")
        equal(p.js("document.querySelector('#renew').disabled"), True, "renewing a session that has ended")
        p.click("#stale-call")
        p.says("session.info() came back as", "#stale")
        p.says("which proves nothing", "#stale")
        equal(p.js("document.querySelector('#stale').className"), "tone-bad", "a line that is gone proves the end")
        p.click("#leave")
        p.there("#connect-0")
        equal(p.faults(), [], "faults of scripts")
        p.close()

    def instance_restarted(self):
        """Each try to come back is counted, and the instance that is there again does not know the session any more: in
        words, and no code twice."""
        r = self.bridge.rig
        listen = {"plain:127.0.0.1:0": r.address, "tls:127.0.0.1:0": f"tls:{self.safe[-3]}:{self.safe[-2]}"}
        p, pids = self.session(), self.bridge.below(r.server.pid)
        r.server.kill()
        r.server.wait()
        bridge.until(lambda: not any(bridge.of_process(n, "cmdline") for n in pids), "processes of it are left")
        # By itself it would wait half a minute at last: so often it is tried because that is asked for.
        p.until(r"document.querySelector('#line-again')?.click() || "
                r"/attempt (1[5-9]|[2-9]\d|\d{3,})\./.test(document.querySelector('#line-down')?.innerText ?? '')",
                "tries are counted")
        r.server.stdout.close()
        r.server.stdin.close()
        r.server = subprocess.Popen([listen.get(a, a) for a in r.server.args], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=r.log, env=r.env)
        holds(r.read_line(r.server.stdout).startswith("remote CapSet: "), r.read("log"))
        p.says("The instance does not know this session any more", "#ended")
        p.says("Log in again", "#ended")
        equal(p.text("#ended").count("denied.credentials"), 1, p.text("#ended"))
        p.click("#leave")
        p.click("#connect-0")
        self.log_in(p)
        p.says("alice", "#session-account")
        self.leave(p)

    def session_process_killed(self):
        """The page says that it was let go, and how to come in again; another browser of the bridge is as it was."""
        other = self.bridge.logged_in()
        before = set(self.bridge.processes())
        p = self.session()
        mine = set(self.bridge.processes()) - before
        equal(len(mine), 1, "processes of a browser")
        p.js("""new MutationObserver(() => { window.both ||= !!document.querySelector('#door') &&
             document.body.innerText.includes('alice'); }).observe(document.body, {childList: true, subtree: true})""")
        os.kill(mine.pop(), signal.SIGKILL)
        p.there("#door[data-why=lost]")
        p.says("let this browser go", "#door")
        holds("alice" not in p.text(), "a session that is gone is shown")
        equal(p.js("!!window.both"), False, "the door beside what is left of the session, for one picture")
        holds("returned" in other.ask("call", {"target": "system_info", "method": "motd"}), "the other browser")
        other.close()
        p = self.entered(p)
        p.there("#connect-0")
        p.close()

    def front_killed(self):
        """What was seen stays, greyed by a banner; all of the bridge has ended; a new one wants a new code."""
        p = self.session()
        pids = self.bridge.processes()
        self.bridge.web.kill()
        self.bridge.web.wait()
        p.says("The bridge cannot be reached", "#bridge-down")
        p.says("alice", "#session-account")
        bridge.until(lambda: not any(os.path.exists(f"/proc/{n}") for n in pids), "processes of the bridge are left")
        self.bridge.web.stdout.close()
        self.bridge.start(port=self.bridge.port)
        # However often that is asked for, and though the page does so by itself.
        p.until("!!document.querySelector('#door[data-why=lost]') || "
                "document.querySelector('#bridge-down button')?.click()", "it is tried again")
        p = self.entered(p)
        p.click("#connect-0")
        self.log_in(p)
        p.says("alice", "#session-account")
        self.leave(p)

    # ---- instances ----

    def kept(self):
        path = os.path.join(self.bridge.rig.path("home"), ".config/capos/web-instances")
        if not os.path.exists(path):
            return ""
        equal(os.stat(path).st_mode & 0o777, 0o600, "whose the file is")
        with open(path, encoding="utf-8") as f:
            return f.read()

    @staticmethod
    def add(p, address, name):
        p.fill("#add-address", address)
        p.fill("#add-name", name)
        p.click("#add")

    @staticmethod
    def asked(p, fingerprint, answer):
        """The sheet of the frame has the instance's fingerprint."""
        p.says(fingerprint, "#sheet[open]")
        equal(p.js("!!document.querySelector('#main #sheet')"), False, "the question is in the page")
        p.until("document.querySelector('#sheet').dataset.deaf === ''", "it can be answered")
        p.click(f"#sheet-{answer}")
        p.until("!document.querySelector('#sheet').open", "it is answered")

    def instances_beyond_what_is_allowed(self):
        p = self.entered()
        self.add(p, "tls:far.example:2327", "far")
        p.says("bridge.not-allowed", "#view")
        equal((p.js("!!document.querySelector('#instance-1')"), self.kept()), (False, ""), "what is added")
        equal(p.js("[document.querySelector('#add-address').value, document.querySelector('#add-name').value]"),
              ["tls:far.example:2327", "far"], "what was typed, and can be mended")
        p.close()

    def instances_added_named_removed(self):
        """One with a key is kept once its fingerprint was confirmed, and goes when that was denied. (Whoever starts an
        instance knows its key; so somebody else starts this one.)"""
        r = self.bridge.rig
        with subprocess.Popen([r.capos, "up", "--state", r.path("tls"), "--listen", "tls:127.0.0.1:0"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              env={**r.env, "HOME": r.path("run")}) as tls:
            try:
                said = r.read_line(tls.stdout)
                self.added_named_removed(*re.search(r" (\d+) (sha256:\S+)", said).groups())
            finally:
                tls.terminate()

    def added_named_removed(self, port, fingerprint):
        address = f"127.0.0.1:{port}"
        p = self.entered()
        self.add(p, f"tls:{address}", "safe")
        p.there("#sheet[open]")
        equal(self.kept(), "", "what is kept before it was confirmed")
        self.asked(p, fingerprint, "no")
        p.until("!document.querySelector('#instance-1')", "it is not the one")
        self.add(p, f"tls:{address}", "safe")
        self.asked(p, fingerprint, "yes")
        p.there(".methods")
        equal(self.kept(), f"tls:{address} safe\n", "what is kept")
        p.click("#back")
        place = p.until("document.querySelector('.instance:nth-child(2)')?.id.split('-')[1]")
        p.says(fingerprint, f"#instance-{place}")
        p.click(f"#rename-{place}")
        p.fill(f"#name-{place}", "home")
        p.key("Enter")
        p.says("home", f"#instance-{place} h2")
        p.click(f"#rename-{place}")
        p.fill(f"#name-{place}", " ")
        p.key("Enter")
        p.says("a name has 1 to 64 bytes", "#view [role=alert]")
        equal(p.js(f"document.querySelector('#name-{place}').value"), " ", "what was typed, and was refused")
        p.fill(f"#name-{place}", "home")
        p.key("Enter")
        p.until(f"!document.querySelector('#name-{place}')", "it is named")
        q = self.entered()
        q.says("home", "#view")
        equal(self.kept(), f"tls:{address} home\n", "what is kept")
        q.close()
        p.click(f"#remove-{place}")
        p.click(f"#remove-{place}")
        p.until(f"!document.querySelector('#instance-{place}')", "it is removed")
        equal(self.kept(), "", "what is kept")
        equal(p.js("!!document.querySelector('#remove-0')"), False, "that of the command line can be removed")
        p.close()

    # ---- the transcript ----

    def exported(self, p, button, name):
        """A file that the page hands to the browser's downloads."""
        path = os.path.join(self.folder.name, name)
        if os.path.exists(path):
            os.unlink(path)
        self.browser.call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": self.folder.name})
        p.click(button)
        bridge.until(lambda: os.path.exists(path) and os.path.getsize(path), f"{name} is not there")
        with open(path, encoding="utf-8") as f:
            return f.read()

    def export_has_no_secret(self):
        """Twelve are typed, each where a person types it, or come along; the export by a click has none."""
        p = self.entered()
        self.add(p, f"{PLANTED['address']}.example:1", "")
        p.says("bridge.not-allowed", "#view")
        p.click("#connect-0")
        p.click("#choose-password")
        p.fill("#account", PLANTED["name of nobody"])
        p.fill("#secret", PLANTED["wrong password"])
        p.click("#login")
        p.says("denied.credentials", "#complaint")
        self.op.claims = {"groups": "admins"}
        p.click("#choose-oidcAuthorizationCodePkce")
        p.click("#login")
        p.there("#step a")
        url = p.js("document.querySelector('#step a').href")
        state = dict(q.split("=", 1) for q in url.split("?")[1].split("&"))["state"]
        self.back(code=PLANTED["code of a redirect"], state=PLANTED["state of a redirect"])
        self.back(code=PLANTED["code of a redirect"], state=state, iss=self.op.url)
        p.says("denied.", "#complaint")
        self.log_in_as_keeper(p)
        p.key("k", ctrl=True)
        p.until("document.activeElement?.id === 'palette-input'")
        p.type(PLANTED["search"])
        p.key("Escape")
        p.click("#renew")
        p.click("#sheet #choose-password")
        p.fill("#sheet #secret", PLANTED["renewal"])
        p.click("#sheet #login")
        p.says("denied.credentials", "#sheet #complaint")
        p.click("#sheet-no")
        self.typed_calls(p)
        p.click("#go-transcript")
        for button, name in (("#export-json", "capos-transcript.jsonl"), ("#export-text", "transcript.txt")):
            text = self.exported(p, button, name)
            for word in ("denied.credentials", "login", "renew", "call"):
                holds(word in text, f"{word!r} is not in {text}")
            for what, planted in {**PLANTED, "password": PASSWORD, "state": state}.items():
                holds(planted not in text and planted not in p.text(), f"the {what} is in the transcript")
        self.leave(p)

    def typed_calls(self, p):
        """In fields, as JSON, and on what has come back."""
        p.click("#go-calls")
        p.choose("#target", "c:chat")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'join')")
        p.choose("#method", "join")
        p.fill("#arg-channel", f"#{PLANTED['channel']}")
        p.click("#call")
        p.says("ChatMembership", "#handles")
        p.click("#as-json")
        p.fill("#raw", json.dumps({"channel": f"#{PLANTED['raw parameter']}"}))
        p.click("#call")
        p.until("document.querySelectorAll('#handles li').length === 2", "the second call has returned")
        p.click("#handles [id^=use-]")
        p.until("document.querySelector('#target').value.startsWith('h:')", "the reference is what is called")
        p.until("[...document.querySelectorAll('#method option')].some((o) => o.value === 'send')")
        p.choose("#method", "send")
        p.there("#raw")
        p.fill("#raw", json.dumps({"text": PLANTED["message"]}))
        p.click("#call")
        p.until(f"{HERE_DONE} && document.querySelector('#response').innerText.includes('sequence')")


CASES = ["all_of_a_first_host", "logged_out_at_once", "worker_killed",
         "line_dropped_before_it_is_known_who_greets", "worker_of_nobody_killed", "session_process_killed",
         "instances_beyond_what_is_allowed", "instances_added_named_removed", "export_has_no_secret",
         "instance_restarted", "front_killed"]


def main(binaries, *only):
    return methods.page.run("web-ends", Cases(binaries), only or CASES)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
