#!/usr/bin/env python3
"""mcp-run: three real clients of MCP, in seven modes, each as a host of `capos mcp` at a real instance (R51, R52).

Why: mcptools.py plays a host as we have read the protocol. These are what hosts are made of: they open a connection in
their own ways, some by a second process; they check results against what was promised; they ask their person, give
calls up and end their server as they do. What each has to do is said by lines of JSON (driver.mjs); between it and the
server stands tap.py, so that what was said is known, and so that what no client would say can be.

    npm @modelcontextprotocol/sdk     legacy
    npm @modelcontextprotocol/client  legacy, auto, pin
    PyPI mcp                          legacy, auto, pin

`legacy` is the revision of 2025-11-25, `pin` that of 2026-07-28, `auto` finds out which. Some cases are about what one
era has alone: they are said to be of its modes.

The modes run beside each other, each with a home, accounts and a silent server of its own, at one instance; so what
one of them does to what it holds is nothing to the others. Within a mode a case takes the login that there is, unless
it ends it, and a client that has closed its connection opens the next one: starting it is most of what it costs.

usage: mcp-run.py [CASE...]
"""
import base64
import concurrent.futures
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))

import instance  # noqa: E402
import mcphost  # noqa: E402
import mcptools  # noqa: E402
from mcphost import no, yes  # noqa: E402
from mcptools import PLANTED, expect  # noqa: E402
from sessionlib import Failed  # noqa: E402

SCRIPT = "interop-mcp"
WAIT_S = 600
MODES = [("sdk", "legacy"), ("client", "legacy"), ("client", "auto"), ("client", "pin"),
         ("mcp", "legacy"), ("mcp", "auto"), ("mcp", "pin")]
ALLOW = '(rules = [(tools = "*", decide = allow)])'
STATE_S, SLACK_S = 20, 5  # how long an answer is waited for, and a state good, where a policy says so
GARBAGE = 2000
META = mcphost.META


def until(condition, what):
    return instance.until(condition, what, WAIT_S)


def build():
    """How each client is started; what they are made of, as it is pinned, lies in the build folder."""
    if not shutil.which("npm"):
        raise instance.Skip("there is no npm")
    to = os.path.join(instance.build_folder(), "peers", "mcp")
    shutil.copytree(HERE, to, dirs_exist_ok=True)
    python = os.path.join(to, "venv", "bin", "python")
    pinned, stamp = hashlib.sha256(sys.version.encode()), os.path.join(to, "installed")
    for name in ("package-lock.json", "requirements.txt"):
        with open(os.path.join(HERE, name), "rb") as f:
            pinned.update(f.read())
    if os.path.exists(stamp):
        with open(stamp, encoding="ascii") as f:
            if f.read() == pinned.hexdigest():
                return started(to, python)
    for command in (["npm", "ci", "--silent", "--no-audit", "--no-fund"],
                    [sys.executable, "-m", "venv", "--clear", os.path.join(to, "venv")],
                    [python, "-m", "pip", "install", "--quiet", "-r", "requirements.txt"]):
        r = subprocess.run(command, cwd=to, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if r.returncode:
            raise Failed(f"{command}: {r.stdout}")
    with open(stamp, "w", encoding="ascii") as f:
        f.write(pinned.hexdigest())
    return started(to, python)


def started(to, python):
    return {"sdk": ["node", os.path.join(to, "sdk.mjs")], "client": ["node", os.path.join(to, "client.mjs")],
            "mcp": [python, os.path.join(to, "client.py")]}


def garbage(chance, count):
    """Lines that nearly are JSON."""
    pieces = [b"{", b"}", b"[", b"]", b'"', b":", b",", b"\0", b"\xff", b"\xed\xa0\x80", b"null", b"-1", b"true", b"{}",
              b'"jsonrpc":"2.0"', b'"method":', b'"id":[]', b"\\ud800", b"\r", b"\t", b" ", b'"tools/call"']
    while count:
        line = b"".join(chance.choice(pieces) for _ in range(chance.choice((1, 3, 5, 20))))
        try:
            json.loads(line.decode())
        except ValueError:
            if line.strip():
                yield line
                count -= 1


class Wrong(Failed):
    """What an op of a driver ended with."""

    def __init__(self, error):
        super().__init__(f"{error}")
        self.code, self.text = error["code"], error["text"]


class Client:
    """A process of a client's, which has one connection after the other."""

    def __init__(self, command, env):
        self.driver, self.last, self.stderr = None, 0, b""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=env)
        self.threads = [threading.Thread(target=t, daemon=True) for t in (self.read, self.hear)]
        for t in self.threads:
            t.start()

    def end(self):
        self.process.kill()
        self.process.wait()
        for t in self.threads:
            t.join(WAIT_S)
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()

    def hear(self):
        for line in self.process.stderr:
            self.stderr += line

    def read(self):
        for line in self.process.stdout:
            self.driver.take(line)

    def say(self, m):
        self.process.stdin.write(json.dumps(m).encode() + b"\n")
        self.process.stdin.flush()


class Driver:
    """A connection of a client in one mode, and the server that it has started."""

    def __init__(self, rig, mode, words, asks=True, env=None, tapped=True):
        self.rig, self.mode, self.asks = rig, mode, asks
        self.env, self.words = env or rig.env, list(words)
        self.tapped = tapped
        rig.drivers += 1
        self.folder = os.path.join(rig.folder, f"d{rig.drivers}")
        os.mkdir(self.folder)
        self.answer = None  # what the person says to a question; None: nothing, until the test does
        self.asked, self.events, self.done = [], [], {}
        self.raw = b""
        self.changed = threading.Condition()
        self.client = rig.clients.pop() if tapped and rig.clients else Client(rig.commands[mode[0]], rig.env)
        self.client.driver = self
        self.process = self.client.process
        self.number = None

    def __enter__(self):
        self.number = self.client.last + 1
        self.begin("open", mode=self.mode[1], asks=self.asks, **self.command())
        self.version = self.end(self.number)["version"]
        return self

    def __exit__(self, kind, *_):
        """Closes it as a host does; then its client may have another. One that is not well is ended."""
        if kind or not self.tapped:
            self.client.end()
            return
        self.run("close")
        self.rig.clients.append(self.client)

    def command(self):
        command = [os.path.join(instance.build_folder(), "bin", "capos"), "mcp", *self.words]
        if self.tapped:
            command = [sys.executable, os.path.join(HERE, "tap.py"), self.folder, *command]
        env = {k: v for k, v in self.env.items() if k.startswith("XDG_") or k in ("LC_ALL", "TZ", "HOME", "PATH")}
        return {"command": command[0], "args": command[1:], "env": env}

    @property
    def is_modern(self):
        return self.version == mcphost.MODERN

    # ---- lines

    @property
    def stderr(self):
        return self.client.stderr

    def take(self, line):
        self.raw += line
        with self.changed:
            self.sort(json.loads(line))
            self.changed.notify_all()

    def sort(self, m):
        if "n" in m:
            self.done[m["n"]] = m
            return
        if m["at"] != self.number:
            return  # last words of the connection before
        self.events.append(m)
        if m["event"] == "asked":
            self.asked.append(m)
            if self.answer:
                self.reply(m["q"], self.answer(m["params"]))

    def say(self, **m):
        self.client.say(m)

    def until(self, condition, what):
        with self.changed:
            if not self.changed.wait_for(condition, WAIT_S):
                raise Failed(f"{what} never came: {self.events[-5:]} {self.stderr.decode()[-600:]}")
            return condition()

    def begin(self, op, **more):
        """Begins an op; its number."""
        self.client.last += 1
        self.say(n=self.client.last, op=op, **more)
        return self.client.last

    def end(self, n):
        """What it came to. Raises Wrong when that is an error of the client's."""
        m = self.until(lambda: self.done.get(n), f"the end of {n}")
        if "error" in m:
            raise Wrong(m["error"])
        return m["ok"]

    def run(self, op, **more):
        return self.end(self.begin(op, **more))

    # ---- tools

    def tools(self):
        return {t["name"]: t for t in self.run("list")["tools"]}

    def call(self, name, arguments=None, **more):
        return self.run("call", name=name, arguments=arguments or {}, **more)

    def good(self, name, arguments=None):
        result = self.call(name, arguments)
        if result.get("isError"):
            raise Failed(f"{name} {arguments}: {result} {self.stderr.decode()[-600:]}")
        return result["structuredContent"]

    def code_of(self, result):
        if not result.get("isError"):
            raise Failed(f"it went well: {result}")
        return json.loads(result["content"][0]["text"])["code"]

    def bad(self, name, arguments=None):
        """The code that a call fails with."""
        return self.code_of(self.call(name, arguments))

    def was_asked(self, times):
        self.until(lambda: len(self.asked) >= times, f"question {times}")
        return self.asked[times - 1]

    def reply(self, q, result):
        self.say(op="answer", at=self.number, q=q, result=result)

    # ---- the server

    def taps(self):
        """The processes that were started, in order: what each of them was said and has said."""
        found = []
        for name in sorted((n for n in os.listdir(self.folder) if n.endswith(".log")), key=lambda n: int(n[:-4])):
            with open(os.path.join(self.folder, name), encoding="utf-8") as f:
                found.append([json.loads(line) for line in f.read().splitlines(True) if line.endswith("\n")])
        return found

    def wire(self):
        """What the server of this connection was told and has told, parsed."""
        return [(who, json.loads(text)) for who, text in self.taps()[-1] if who in ("client", "server")]

    def told(self):
        return [m for who, m in self.wire() if who == "client"]

    def heard(self):
        return [m for who, m in self.wire() if who == "server"]

    def control(self, **command):
        """Tells the tap something, and waits until it is done."""
        path = max((n for n in os.listdir(self.folder) if n.endswith(".sock")), key=lambda n: int(n[:-5]))
        with socket.socket(socket.AF_UNIX) as conn:
            conn.connect(os.path.join(self.folder, path))
            with conn.makefile("rwb") as f:
                f.write(json.dumps(command).encode() + b"\n")
                f.flush()
                expect(f.readline(), b"{}\n", "the tap")

    def inject(self, data):
        self.control(inject=base64.b64encode(data).decode())

    def server(self):
        """The number of the server's process."""
        return int(next(text for who, text in self.taps()[-1] if who == "pid"))


class Rig(mcptools.Home):
    """What one mode has: a home, the accounts agentN and quietN, and the server silentN, which answers nothing."""

    def __init__(self, target, number, commands):
        super().__init__(target, os.path.join(target.folder.name, f"m{number}"))
        self.number, self.commands = number, commands
        self.drivers, self.standing, self.clients = 0, {}, []
        self.silent = mcptools.Silent(silent_path(target, number))

    def close(self):
        for c in self.clients:
            c.end()
        self.silent.socket.close()
        super().close()

    def login(self, who="agent", **more):
        return super().login(f"{who}{self.number}", **more)

    def driver(self, mode, who="agent", login=None, policy="()", **more):
        """A client with the login that stands, unless it is told of another, by a policy that is quick."""
        self.policies += 1
        path = os.path.join(self.folder, f"policy-{self.policies}")
        with open(path, "w", encoding="utf-8") as f:
            f.write("(callsPerSecond = 100" + (", " if policy != "()" else "") + policy[1:])
        if not login and who not in self.standing:
            self.standing[who] = self.login(who)
        return Driver(self, mode, ["--session", login or self.standing[who], "--policy", path], **more)


class Cases:
    """What is tried in a mode. Each case is given it."""

    def __init__(self, rig):
        self.rig = rig
        self.late, self.late_call, self.asked_at = None, None, None

    def close(self):
        if self.late:
            self.late.client.end()
        self.rig.close()

    # ---- opening

    def opens_in_its_era(self, mode):
        client, era = mode
        with self.rig.driver(mode) as d:
            d.tools()
            modern = era != "legacy"
            expect(d.version, mcphost.MODERN if modern else mcphost.LEGACY, "the revision")
            taps = d.taps()
            looks = client == "client" and modern
            expect(len(taps), 2 if looks else 1, "processes")
            if looks:
                expect([json.loads(x)["method"] for who, x in taps[0] if who == "client"], ["server/discover"],
                       "what the first was asked")
            first = "server/discover" if client == "mcp" and era == "auto" else "tools/list"
            expect(d.told()[0]["method"], first if modern else "initialize", "the first request")
            for m in d.told():
                if "id" in m:
                    expect((META + "protocolVersion") in m.get("params", {}).get("_meta", {}), modern, m)
            for m in d.heard():
                expect((m["jsonrpc"], "resultType" in m.get("result", {})), ("2.0", modern and "id" in m), m)

    def looking_needs_no_login_and_leaves_no_trace(self, mode):
        home = os.path.join(self.rig.folder, "nobody")
        os.mkdir(home, 0o700)
        env = {"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": os.environ["PATH"]}
        with Driver(self.rig, mode, [], env=env) as d:
            expect(os.listdir(home), [], "what is left of connecting")
            expect(sorted(d.tools()), mcptools.BUILT_IN, "tools")
            expect(d.good("capos__session")["code"], "no-session", "why there are no others")

    # ---- tools

    def tools_are_listed_and_called(self, mode):
        with self.rig.driver(mode) as d:
            tools = d.tools()
            expect(list(tools), sorted(tools), "the order of tools")
            expect({"system_info__motd", "chat__join", "ChatMembership__send", *mcptools.BUILT_IN} <= set(tools), True,
                   sorted(tools))
            expect(d.good("system_info__motd"), {"text": "Hello from the test."}, "a call")
            expect(isinstance(d.good("paperclips__status")["status"]["revision"], str), True, "a number of 64 bits")
            for name, arguments in (("none", {}), ("system_info__motd", {"text": 1})):
                try:
                    raise Failed(f"{name}: {d.call(name, arguments)}")
                except Wrong as e:
                    expect(e.code, -32602, f"{name} {arguments}: {e.text}")

    def results_are_checked_by_the_client(self, mode):
        with self.rig.driver(mode) as d:
            d.tools()
            d.good("system_info__motd")
            for content in ({"text": 7}, {"texts": "x"}, {"text": "x", "more": 1}):
                d.control(corrupt=content)
                try:
                    raise Failed(f"{content} passes: {d.call('system_info__motd')}")
                except Wrong as e:
                    expect(bool(re.search(r"structured content", e.text, re.I)), True, e.text)
            d.good("system_info__motd")

    def a_mailbox_hears_a_channel(self, mode):
        with self.rig.driver(mode, policy=ALLOW) as d:
            d.tools()
            got = d.good("chat__join", {"channel": f"#m{self.rig.drivers}", "listener": {"$mailbox": True}})
            handle, box = got["membership"]["$cap"], got["$mailboxes"]["listener"]
            d.good("ChatMembership__send", {"on": handle, "text": "hello"})
            events = []
            while not any(e["params"]["event"].get("said") == "hello" for e in events):
                events += d.good("capos__events", {"mailbox": box, "waitMs": 60000})["events"]
            expect(d.good("capos__release", {"handle": handle}), {"released": True}, "letting go")
            expect(d.bad("ChatMembership__send", {"on": handle, "text": "x"}), "unknown-handle", "a handle let go")

    # ---- approvals

    def a_person_says_yes_or_no(self, mode):
        with self.rig.driver(mode) as d:
            d.tools()
            for answer in (no, lambda _: {"action": "cancel"}, lambda _: {"action": "accept", "content": {}}):
                d.answer = answer
                expect(d.bad("paperclips__make", {"count": 1}), "refused.person", "no yes")
            d.answer = yes("once")
            d.good("paperclips__make", {"count": 1})
            text = d.asked[-1]["params"]["message"]
            expect("paperclips.make" in text and '{"count":1}' in text, True, text)
            asked = len(d.asked)
            d.good("paperclips__make", {"count": 1})
            expect(len(d.asked), asked + 1, "asked again")
            d.answer = yes("for 10 minutes")
            d.good("paperclips__make", {"count": 2})
            d.answer = no
            d.good("paperclips__make", {"count": 3})

    def a_question_is_asked_for_a_late_yes(self, mode):
        """Before anything else: it takes its time."""
        d = self.rig.driver(mode, policy=f'(answerWithin = "{STATE_S}s")')
        self.late = d.__enter__()  # pylint: disable=unnecessary-dunder-call
        d.tools()
        self.late_call = d.begin("call", name="paperclips__make", arguments={"count": 1})
        d.was_asked(1)
        self.asked_at = time.monotonic()

    def a_late_yes_is_none(self, _mode):
        d = self.late
        time.sleep(max(0, self.asked_at + STATE_S + SLACK_S - time.monotonic()))
        d.answer = no  # where its state is good no more, it is asked anew
        d.reply(1, yes("once")({}))
        expect(d.code_of(d.end(self.late_call)), "refused.person" if d.is_modern else "refused.late", f"{d.mode}")
        expect(len(d.asked) > 1, d.is_modern, "asked anew")

    def a_state_is_good_for_one_call_once(self, mode):
        with self.rig.driver(mode) as d:
            d.tools()

            def call(count=1, **more):
                return d.call("paperclips__make", {"count": count}, manual=True, **more)

            def again(state, count=1):
                return call(count, requestState=state, inputResponses={"approve": yes("once")({})})
            state = call()["requestState"]
            for forged in (state[:-4] + "AAA=", "A" * len(state), "x"):
                expect(again(forged)["resultType"], "input_required", "a forged state")
            expect(again(state, 2)["resultType"], "input_required", "other arguments")
            expect("structuredContent" in again(state), True, "the state")
            expect(again(state)["resultType"], "input_required", "the state, replayed")

    def an_answer_is_good_for_one_question_once(self, mode):
        with self.rig.driver(mode) as d:
            d.tools()

            def answer(question):
                d.inject(json.dumps({"jsonrpc": "2.0", "id": question, "result": yes("once")({})}).encode() + b"\n")
            n = d.begin("call", name="paperclips__make", arguments={"count": 1})
            d.was_asked(1)
            question = next(m["id"] for m in d.heard() if m.get("method") == "elicitation/create")
            for forged in (f"{question}0", 4711, None, [question]):
                answer(forged)
            d.good("system_info__motd")
            expect(n in d.done, False, "the call has been answered")
            d.reply(1, no({}))
            expect(d.code_of(d.end(n)), "refused.person", "a no")
            made = d.good("paperclips__status")["status"]["revision"]
            answer(question)
            d.good("system_info__motd")
            n = d.begin("call", name="paperclips__make", arguments={"count": 2})
            d.was_asked(2)
            answer(question)
            d.good("system_info__motd")
            expect(n in d.done, False, "an answer, replayed, is one to the next question")
            d.reply(2, no({}))
            expect(d.code_of(d.end(n)), "refused.person", "a no")
            expect(bool(made), True, "a status")

    def elsewhere(self, d, word, name, arguments):
        """The result of a call that is decided in a terminal. A decision that comes after what a call waits, 50 s, is
        the next one's."""
        n = d.begin("call", name=name, arguments=arguments)
        until(self.rig.waiting, "the call that waits")
        d.until(lambda: [e for e in d.events if e["event"] == "progress"], "progress")
        self.rig.approve(word)
        result = d.end(n)
        return d.call(name, arguments) if "refused.waiting" in json.dumps(result) else result

    def a_client_that_cannot_ask_is_not_believed(self, mode):
        with self.rig.driver(mode, asks=False) as d:
            d.tools()
            result = self.elsewhere(d, "once", "paperclips__make", {"count": 1})
            expect(result.get("isError", False), False, "the call, approved in a terminal")
            expect(d.asked, [], "questions")

    def what_lasts_is_approved_in_a_terminal(self, mode):
        with self.rig.driver(mode) as d:
            d.tools()
            d.answer = yes("until the session ends")
            result = self.elsewhere(d, "no", "paperclips__startOver", {})
            expect(d.code_of(result), "refused.person", "a no in the terminal")
            expect(d.asked, [], "the client was asked")

    # ---- what ends

    def silent(self, d):
        """Begins a call that is not answered; its number, and where the server has it."""
        before = len(self.rig.silent.calls())
        n = d.begin("call", name=f"silent{self.rig.number}__getOperator", arguments={"op": "add"})
        until(lambda: len(self.rig.silent.calls()) > before, "the call at the server")
        return n, before

    def a_cancelled_call_is_cancelled_at_the_server(self, mode):
        with self.rig.driver(mode, who="quiet", policy=ALLOW) as d:
            d.tools()
            n, at = self.silent(d)
            number = next(m["id"] for m in reversed(d.told()) if m.get("method") == "tools/call")
            expect(self.rig.silent.is_over(at), False, "the call, before")
            d.say(op="cancel", of=n)
            until(lambda: self.rig.silent.is_over(at), "the cancel at the server")
            d.good("system_info__uptime")
            expect([m for m in d.heard() if m.get("id") == number], [], "answers to what was cancelled")

    def a_revocation_meets_a_call_under_way(self, mode):
        login = self.rig.login("quiet")
        with self.rig.driver(mode, login=login, policy=ALLOW) as d:
            d.tools()
            d.run("listen")
            n, _ = self.silent(d)
            self.rig.run("session", "revoke", self.rig.id_of(login), f"silent{self.rig.number}", "--state",
                         self.rig.target.state)
            expect(d.code_of(d.end(n)), "denied.revoked-lease", "the call under way")
            d.until(lambda: [e for e in d.events if e["event"] == "changed"], "that the list has changed")
            until(lambda: f"silent{self.rig.number}__evaluate" not in d.tools(), "the end of the tools")
            expect("system_info__uptime" in d.tools(), True, "what goes on")

    def tools_vanish_and_come_back(self, mode):
        alias = "vanishes"
        self.rig.login(alias=alias)
        with self.rig.driver(mode, login=alias, policy=ALLOW) as d:
            expect("chat__say" in d.tools(), True, "a tool")
            d.run("listen")
            self.rig.run("logout", "-s", alias)
            d.until(lambda: [e for e in d.events if e["event"] == "changed"], "that the list has changed")
            until(lambda: sorted(d.tools()) == mcptools.BUILT_IN, "the end of the tools")
            expect(d.bad("chat__channels") in ("denied.stale-session", "no-session"), True, "a call")
            self.rig.login(alias=alias)
            until(lambda: "chat__say" in d.tools(), "the tools of the next login")
            d.good("chat__channels")

    def quotas_hold(self, mode):
        with self.rig.driver(mode, policy="(callsPerHour = 3)") as d:
            d.tools()
            for _ in range(3):
                d.good("system_info__uptime")
            expect(d.bad("system_info__uptime"), "over-quota.hour", "one more")

    def garbage_is_passed_over(self, mode):
        with self.rig.driver(mode) as d:
            d.tools()
            lines = list(garbage(random.Random(GARBAGE), GARBAGE))
            for i in range(0, GARBAGE, 100):
                d.inject(b"\n".join(lines[i:i + 100]) + b"\n")
            expect(d.good("system_info__motd"), {"text": "Hello from the test."}, "a call behind garbage")
            errors = [m["error"]["code"] for m in d.heard() if m.get("id", 0) is None]
            expect((len(errors), set(errors)), (GARBAGE, {-32700}), "answers to garbage")

    def child(self, d):
        """The server that a client has started itself."""
        return until(lambda: [p for p in instance.children(d.process.pid)
                              if "mcp" in instance.read_proc(p, "cmdline").split("\0")], "the server")[-1]

    def the_client_closes(self, mode):
        with self.rig.driver(mode, who="quiet", policy=ALLOW, tapped=False) as d:
            d.tools()
            _, at = self.silent(d)
            server = self.child(d)
            d.begin("close")
            until(lambda: instance.state(server) in ("", "Z"), "the end of the server")
            until(lambda: self.rig.silent.is_over(at), "the end of its call")

    def the_client_is_killed(self, mode):
        with self.rig.driver(mode, who="quiet", policy=ALLOW, tapped=False) as d:
            d.tools()
            _, at = self.silent(d)
            server = self.child(d)
            d.process.send_signal(signal.SIGKILL)
            until(lambda: instance.state(server) in ("", "Z"), "the end of the server")
            until(lambda: self.rig.silent.is_over(at), "the end of its call")

    def secrets_are_nowhere(self, mode):
        text = f'(rules = [(tools = "chat__say", where = [(argument = "text", is = "{PLANTED}")], decide = deny)])'
        with self.rig.driver(mode, policy=text) as d:
            d.tools()
            d.answer = yes("once")
            d.call("chat__say", {"channel": "#x", "text": "y"})
            d.good("capos__session")
            said = d.raw + d.stderr + json.dumps(d.taps()).encode()
        for folder, _, files in os.walk(self.rig.home):
            for path in (os.path.join(folder, name) for name in files):
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        said += f.read()
        with open(os.path.join(self.rig.target.state, "audit.log"), "rb") as f:
            said += f.read() + self.rig.target.log_text().encode()
        for secret in (PLANTED, instance.SECRET):
            expect(said.count(secret.encode()), 0, f"{secret} in what was said and written")


FIRST, LAST = "a_question_is_asked_for_a_late_yes", "a_late_yes_is_none"
EACH = ["opens_in_its_era", "looking_needs_no_login_and_leaves_no_trace", "tools_are_listed_and_called",
        "results_are_checked_by_the_client", "a_mailbox_hears_a_channel", "a_person_says_yes_or_no",
        "a_client_that_cannot_ask_is_not_believed", "what_lasts_is_approved_in_a_terminal",
        "a_cancelled_call_is_cancelled_at_the_server", "a_revocation_meets_a_call_under_way",
        "tools_vanish_and_come_back", "quotas_hold", "garbage_is_passed_over", "the_client_closes",
        "the_client_is_killed", "secrets_are_nowhere"]
MODERN = "a_state_is_good_for_one_call_once"
LEGACY = "an_answer_is_good_for_one_question_once"


def names_of(mode, wanted):
    """The cases of a mode, in order."""
    names = [FIRST, *EACH, LEGACY if mode[1] == "legacy" else MODERN, LAST]
    chosen = [n for n in names if not wanted or any(w in title(n, mode) for w in wanted)]
    return [FIRST, *chosen] if LAST in chosen and FIRST not in chosen else chosen


def title(name, mode):
    return f"{name.replace('_', ' ')}: {' '.join(mode)}"


def silent_path(target, number):
    return os.path.join(target.folder.name, f"silent{number}")


def manifest(target):
    """Of all modes."""
    schema = mcptools.calculator_schema(target.folder.name)
    services, profiles = [mcptools.paperclips()], []
    for n in range(len(MODES)):
        services.append(f'(name = "silent{n}", connect = "unix:{silent_path(target, n)}", schema = "{schema}", '
                        f'interfaceId = {mcptools.CALCULATOR}, title = "Calculator", summary = "Counts.", remote = ())')
        profiles += [mcptools.agent(f"agent{n}", ["session", "system_info", "chat", "paperclips"]),
                     mcptools.agent(f"quiet{n}", ["session", "system_info", f"silent{n}"])]
    return instance.manifest(services=services, profiles=profiles)


def play(cases, mode, ends):
    """All that is tried in a mode; ends: {case: the future that its end is told to}."""
    for name, end in ends.items():
        began = time.monotonic()
        try:
            getattr(cases, name)(mode)
        except BaseException as e:  # pylint: disable=broad-except
            end.set_exception(e)
        else:
            end.set_result(time.monotonic() - began)
    cases.close()


def try_all(target, commands, wanted):
    """Every mode, beside each other; the exit code."""
    rows, threads = [], []
    for number, mode in enumerate(MODES):
        ends = {name: concurrent.futures.Future() for name in names_of(mode, wanted)}
        rows += [(title(name, mode), end.result) for name, end in ends.items()]
        cases = Cases(Rig(target, number, commands))
        threads.append(threading.Thread(target=play, args=(cases, mode, ends)))
    with open(os.path.join(target.folder.name, "manifest"), "w", encoding="utf-8") as f:
        f.write(manifest(target))
    with target:
        for n in range(len(MODES)):
            target.add_user(f"agent{n}", [f"agent{n}"])
            target.add_user(f"quiet{n}", [f"quiet{n}"])
        for t in threads:
            t.start()
        code = instance.run_cases(SCRIPT, rows, more=lambda: target.log_text()[-600:])
        for t in threads:
            t.join()
        return code


def main():
    try:
        commands = build()
    except (instance.Skip, Failed) as e:
        def fails(e=e):
            raise e
        return instance.run_cases(SCRIPT, [("the clients are there", fails)])
    return try_all(instance.Instance(), commands, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
