#!/usr/bin/env python3
"""mcptools: `capos mcp` at a real instance, by raw lines of JSON, in both revisions of MCP (R52).

A login with a profile for agents; tools listed and called; what asks for approval, approved through the client and by
`capos approve` in a terminal; a lease that ends, a revocation while a call is under way, a call that is cancelled and a
server that hears of it; quotas, garbage, and every end that a host can have. Secrets that were planted are in nothing
that is sent, said or written.

usage: mcptools.py [SERVER]     SERVER: the calculator of the C++ library
       mcptools.py --afternoon  an agent's afternoon, and what the audit log tells of it
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading

import instance
import mcphost
import sessionlib as s
from instance import until
from mcphost import no, yes
from sessionlib import Failed

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from talk import Terminal  # noqa: E402

SCRIPT, AFTERNOON = "e2e-mcp", "e2e-mcp-afternoon"
CALCULATOR = s.type_id("calculator", "Calculator", root="test/interop/connector")
PLANTED = "xyzzy-planted-secret"
RUN_S = 120
SLOW = bool(os.environ.get("CAPOS_SANITIZED"))
LISTS, KEPT_KB = 200 if SLOW else 2000, 32 * 1024  # some 50 MB of answers
PLAYS_S, LEFT_S = (30, 100, 400), 600  # of an afternoon, and until it is over at the latest
MANY = 14  # services with five methods each: more than are listed
GARBAGE = (b"garbage", b"{", b"[]", b'{"jsonrpc":"2.0","id":[],"method":"x"}', b"\0\xff\r")
NAME = re.compile(r"^[A-Za-z0-9_-]{1,48}$")
BUILT_IN = ["capos__capabilities", "capos__describe", "capos__events", "capos__handles", "capos__release",
            "capos__session"]


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def agent(name, grants, more="", lease="1h"):
    bundle = ", ".join(g if g.startswith("(") else f'(name = "{g}")' for g in grants)
    return (f'(name = "{name}", agent = true, auditCalls = true, lease = "{lease}", maxLease = "1h", '
            f'bundle = [{bundle}], quota = (callsPerSecond = 100, sessionsPerAccount = 128{more}))')


class Silent:
    """A server that takes calls and answers none, and what it was sent: the kinds of messages."""

    def __init__(self, path):
        self.heard = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        self.socket.listen(16)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                conn = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.one, args=(conn,), daemon=True).start()

    def one(self, conn):
        buf = b""
        while part := conn.recv(65536):
            buf += part
            while found := s.w.split_frame(buf):
                buf = buf[found[1]:]
                m = s.w.Message(found[0])
                self.heard.append((m.tag, m.question_id))
                if m.tag == s.w.BOOTSTRAP:
                    conn.sendall(s.w.ret_results(m.question_id, s.w.Cap(0), [s.w.descriptor(s.w.SENDER_HOSTED, 0)]))

    def calls(self):
        """The numbers of the calls that came."""
        return [n for tag, n in self.heard if tag == s.w.CALL]

    def is_over(self, at):
        """Whether the call that came as number `at` was finished or cancelled."""
        places = [i for i, (tag, _) in enumerate(self.heard) if tag == s.w.CALL]
        return (s.w.FINISH, self.heard[places[at]][1]) in self.heard[places[at]:]


class Line:
    """A port that leads to an instance, and what can happen to a line: it is cut."""

    def __init__(self, to):
        self.to, self.ends = to.rpartition(":")[::2], []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.where = f"plain:127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                one = self.socket.accept()[0]
                two = socket.create_connection((self.to[0], int(self.to[1])))
            except OSError:
                return
            self.ends += [one, two]
            for a, b in ((one, two), (two, one)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    @staticmethod
    def carry(a, b):
        try:
            while part := a.recv(65536):
                b.sendall(part)
        except OSError:
            pass
        for end in (a, b):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        ends, self.ends = self.ends, []
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.socket.close()
        self.cut()


def calculator_schema(folder):
    """Compiles it; where it is then."""
    schema = os.path.join(s.TOP, "test", "interop", "connector", "calculator.capnp")
    path = os.path.join(folder, "calculator.schema")
    with open(path, "wb") as f:
        subprocess.run(["capnp", "compile", "-o-", f"--src-prefix={os.path.dirname(schema)}", schema], stdout=f,
                       check=True)
    return path


def paperclips():
    return instance.service("paperclips", "capos-paperclips", s.type_id("paperclips", "Paperclips"),
                            ["--autosave", "0"], "pseudonym")


class Home:
    """A user of this machine, who logs in to an instance and has hosts of models. Below a folder."""

    def __init__(self, target, folder):
        self.target, self.folder = target, folder
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        self.home = os.path.join(folder, "home")
        os.makedirs(self.home, 0o700)
        self.env = {**os.environ, "HOME": self.home, "XDG_RUNTIME_DIR": self.home, "XDG_STATE_HOME": self.home,
                    "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.logins = self.policies = 0
        self.agents = []  # the processes that logins have left

    def close(self):
        """Ends what is left of logins; the instance alone does not, for its line may come back."""
        for pid in self.agents:
            if self.capos in instance.read_proc(pid, "cmdline").split("\0"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def run(self, *words, code=0, said=""):
        done = subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=RUN_S, env=self.env,
                              input=said, check=False)
        if done.returncode != code:
            raise Failed(f"{words}: {done}")
        return done

    def login(self, who="agent", alias=None, where=None, profile=""):
        """A new login; what it is called here."""
        self.logins += 1
        alias = alias or f"l{self.logins}"
        made = self.run("login", f"{who}@{where or self.target.where}", "--as", alias, "--password-stdin", "--json",
                        *(["--profile", profile] if profile else []), said=instance.SECRET + "\n")
        self.agents.append(json.loads(made.stdout)["agent"])
        return alias

    def secret_file(self):
        path = os.path.join(self.folder, "password")
        with open(path, "w", encoding="utf-8") as f:
            f.write(instance.SECRET + "\n")
        os.chmod(path, 0o600)
        return path

    def host(self, *words, who="agent", login=None, policy=None, **more):
        """A host with a login of its own, or with the words', ""; quick, unless its policy says how quick."""
        policy = policy or "()"
        if "callsPerSecond" not in policy:
            policy = "(callsPerSecond = 100" + (", " if len(policy) > 2 else "") + policy[1:]
        self.policies += 1
        path = os.path.join(self.folder, f"policy-{self.policies}")
        with open(path, "w", encoding="utf-8") as f:
            f.write(policy)
        words = [*words, "--policy", path]
        if login != "":
            words = ["--session", login or self.login(who), *words]
        return mcphost.Host(self.env, *words, **more)

    def id_of(self, login):
        return json.loads(self.run("whoami", "--json", "-s", login).stdout)["id"]

    def approve(self, answer, number=None):
        """A person at a terminal, who answers the one call that waits."""
        t = Terminal(self, "approve")
        t.until("Allow it?")
        if number is not None:
            t.until(f"Number {number},")
        t.type(answer + "\n")
        expect(t.end(), 0, "the exit code of `capos approve`")
        return t.shown.decode()

    def waiting(self):
        return [json.loads(x) for x in self.run("approve", "--json").stdout.splitlines()]

    def log(self):
        return instance.records(os.path.join(self.home, "capos", "mcp.log"))

    def audit(self, what, session):
        return [x for x in instance.audit(self.target.state) if x["what"] == what and x.get("session") == session]


class Rig(Home):
    """An instance with accounts of agents, and a home."""

    def __init__(self, server=None, text=None, accounts=None):
        target = instance.Instance()
        super().__init__(target, target.folder.name)
        usual = ("agent", "brief", "quiet", "many", *(["counts"] if server else []))
        self.server, self.accounts = server, accounts or {name: [name] for name in usual}
        grants = ["session", "system_info", "chat", "paperclips"]
        services = [paperclips()]
        folder = self.folder
        silent = self.connected("silent", f"unix:{folder}/silent")
        profiles = [agent("agent", grants),
                    agent("brief", ["session", "system_info", '(name = "chat", lease = "10s")']),
                    agent("quiet", ["session", "system_info", "silent"])]
        services.append(silent)
        many = [f"room{n:02}" for n in range(MANY)]
        services += [instance.service(name, "capos-chat", s.CHAT) for name in many]
        profiles.append(agent("many", ["session", "system_info", *many]))
        if server:
            services.append(self.connected("calculator", "stdio", f', program = "{server}", arguments = ["-"]'))
            profiles.append(agent("counts", ["session", "calculator"]))
        with open(os.path.join(folder, "manifest"), "w", encoding="utf-8") as f:
            f.write(text or instance.manifest(services=services, profiles=profiles))

    def connected(self, name, where, more=""):
        return (f'(name = "{name}", connect = "{where}", schema = "{self.folder}/calculator.schema", '
                f'interfaceId = {CALCULATOR}, title = "Calculator", summary = "Counts.", remote = (){more})')

    def __enter__(self):
        calculator_schema(self.folder)
        self.silent = Silent(os.path.join(self.folder, "silent"))
        self.target.__enter__()
        for name, profiles in self.accounts.items():
            self.target.add_user(name, profiles)
        return self

    def __exit__(self, *what):
        self.silent.socket.close()
        self.close()
        self.target.__exit__(*what)


class Cases:
    def __init__(self, rig):
        self.rig = rig

    # ---- opening

    def looking_leaves_no_trace(self):
        home = os.path.join(self.rig.folder, "empty")
        os.mkdir(home, 0o700)
        env = {"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": os.environ["PATH"]}
        with mcphost.Host(env) as h:
            expect(h.request("server/discover")["supportedVersions"][0], mcphost.MODERN, "the newest revision")
        with mcphost.Host(env, modern=False) as h:
            h.request("ping")
        expect(os.listdir(home), [], "what is left of looking")

    def without_a_login_there_is_a_reason(self):
        home = os.path.join(self.rig.folder, "nobody")
        os.mkdir(home, 0o700)
        with mcphost.Host({**self.rig.env, "HOME": home, "XDG_RUNTIME_DIR": home}) as h:
            expect(sorted(h.tools()), BUILT_IN, "tools")
            got = h.good("capos__session")
            expect((got["connected"], got["code"]), (False, "no-session"), "the session")
            expect("not logged in" in got["text"], True, got)
            expect(h.bad("chat__channels"), "no-session", "a call")

    def a_persons_login_is_shared_by_who_says_so(self):
        login = self.rig.login(instance.USER)
        with self.rig.host(login=login) as h:
            expect(sorted(h.tools()), BUILT_IN, "tools of a person's login")
            expect(h.good("capos__session")["code"], "refused.profile", "why")
        with self.rig.host("--share-my-session", login=login) as h:
            expect("chat__channels" in h.tools(), True, "tools of a person's login that is shared")

    def tools_come_when_somebody_logs_in(self):
        for modern in (True, False):
            alias = f"late-{modern}"
            with self.rig.host(login=alias, modern=modern) as h:
                expect(sorted(h.tools()), BUILT_IN, "tools")
                self.rig.login(alias=alias)
                until(lambda h=h: "chat__say" in h.tools(), "tools of the new login")
                self.rig.run("logout", "-s", alias)
                until(lambda h=h: sorted(h.tools()) == BUILT_IN, "no tools after the logout")
                expect(h.bad("chat__channels") in ("denied.stale-session", "no-session"), True, "a call")
                self.rig.login(alias=alias)
                until(lambda h=h: "chat__say" in h.tools(), "tools of the third login")

    # ---- tools

    def tools_are_what_hosts_and_models_take(self):
        for modern in (True, False):
            with self.rig.host(modern=modern) as h:
                tools = h.request("tools/list")["tools"]
                names = [t["name"] for t in tools]
                expect(names, sorted(names), "the order of tools")
                for t in tools:
                    schema = t["inputSchema"]
                    if not NAME.match(t["name"]) or schema["type"] != "object" or not t["description"]:
                        raise Failed(f"{t}")
                    if {"oneOf", "anyOf", "allOf"} & set(schema) or schema["additionalProperties"]:
                        raise Failed(f"{t['name']}: {schema}")
                    if t.get("outputSchema", {"type": "object"})["type"] != "object":
                        raise Failed(f"{t['name']}: {t['outputSchema']}")
                by_name = {t["name"]: t for t in tools}
                for name, reads, destroys in (("system_info__motd", True, False), ("chat__say", False, False),
                                              ("paperclips__startOver", False, True)):
                    hints = by_name[name]["annotations"]
                    expect((hints["readOnlyHint"], hints["destructiveHint"]), (reads, destroys), name)
                expect([n for n in names if n.endswith(("__compose", "__commands", "__complete"))], [], "no tools")
                expect(by_name["ChatMembership__send"]["inputSchema"]["required"].count("on"), 1, "the handle")
                expect(h.request("tools/list")["tools"], tools, "the list, once more")

    def calls_return_what_their_schemas_say(self):
        for modern in (True, False):
            with self.rig.host(modern=modern) as h:
                expect(h.good("system_info__motd"), {"text": "Hello from the test."}, "a call")
                status = h.good("paperclips__status")["status"]
                expect(isinstance(status["revision"], str), True, "a number of 64 bits")
                for name, arguments in (("none", {}), ("system_info__motd", {"text": 1}),
                                        ("chat__say", {"channel": 7})):
                    h.answer = yes("once")
                    params = {"name": name, "arguments": arguments}
                    error = h.end(h.begin("tools/call", params))
                    if error.get("result", {}).get("resultType") == "input_required":
                        continue
                    expect(error["error"]["code"], -32602, f"{name} {arguments}")

    def references_are_handles_and_listeners_are_mailboxes(self):
        for modern in (True, False):
            with self.rig.host(modern=modern, policy='(rules = [(tools = "*", decide = allow)])') as h:
                got = h.good("chat__join", {"channel": f"#m{modern:d}", "listener": {"$mailbox": True}})
                handle, box = got["membership"]["$cap"], got["$mailboxes"]["listener"]
                expect(bool(re.match(r"^h[0-9a-f]{32}$", handle)), True, handle)
                h.good("ChatMembership__send", {"on": handle, "text": "hello"})
                events = []
                while not any(e["params"]["event"].get("said") == "hello" for e in events):
                    events += h.good("capos__events", {"mailbox": box, "waitMs": 50000})["events"]
                expect(events[-1]["method"], "event", "what was heard")
                held = h.good("capos__handles")
                expect((held["handles"][0]["handle"], held["mailboxes"][0]["mailbox"]), (handle, box), "what is held")
                expect(h.good("capos__release", {"handle": handle}), {"released": True}, "letting go")
                expect(h.bad("ChatMembership__send", {"on": handle, "text": "x"}), "unknown-handle", "a handle let go")
                until(lambda h=h, box=box: h.good("capos__events", {"mailbox": box, "max": 256})["ended"],
                      "the end of the mailbox, whose membership is no more")
                expect(h.good("capos__release", {"handle": box}), {"released": True}, "letting go")
                expect(h.bad("capos__events", {"mailbox": box}), "unknown-mailbox", "a mailbox let go")
                expect(h.bad("ChatMembership__send", {"on": "hffff", "text": "x"}), "unknown-handle", "a guess")

    # ---- approvals

    def a_client_asks_its_person(self):
        for modern in (True, False):
            with self.rig.host(modern=modern) as h:
                made = {"count": 1}
                h.answer = no
                expect(h.bad("paperclips__make", made), "refused.person", "a no")
                h.answer = yes("once")
                h.good("paperclips__make", made)
                asked = len(h.asked)
                h.good("paperclips__make", made)
                expect(len(h.asked), asked + 1, "asked again")
                text = json.dumps(h.asked[-1])
                expect('paperclips.make' in text and '{\\"count\\":1}' in text.replace("\\\\", "\\"), True, text)
                h.answer = yes("for 10 minutes")
                h.good("paperclips__make", {"count": 2})
                h.answer = no
                h.good("paperclips__make", {"count": 3})
                approvals = h.good("capos__session")["approvals"]
                expect([(a["tool"], a["thisCallAlone"], a["approvedBy"]) for a in approvals],
                       [("paperclips__make", False, "client")], "what was approved")

    def a_state_is_good_for_one_call_once(self):
        with self.rig.host() as h:
            params = {"name": "paperclips__make", "arguments": {"count": 1}}

            def again(state, **other):
                return h.request("tools/call", {**params, **other, "requestState": state,
                                                "inputResponses": {"approve": yes("once")({})}})
            state = h.request("tools/call", params)["requestState"]
            for forged in (state[:-4] + "AAA=", "A" * len(state), "", "x"):
                expect(again(forged)["resultType"], "input_required", "a forged state")
            expect(again(state, arguments={"count": 2})["resultType"], "input_required", "other arguments")
            expect(again(state, name="chat__leave", arguments={"channel": "#x"})["resultType"], "input_required",
                   "another tool")
            expect(again(state)["resultType"], "complete", "the state")
            expect(again(state)["resultType"], "input_required", "the state, once more")

    def what_lasts_is_approved_in_a_terminal(self):
        for modern in (True, False):
            with self.rig.host(modern=modern) as h:
                h.answer = yes("until the session ends")
                expect(h.bad("paperclips__startOver"), "refused.waiting", "what a client cannot approve")
                expect(h.asked, [], "the client was asked")
                one = self.rig.waiting()
                expect([(x["tool"], x["client"]) for x in one], [("paperclips__startOver", "mcphost 1")], "what waits")
                expect("paperclips.startOver (may not be undone)" in one[0]["question"], True, one)
                shown = self.rig.approve("no")
                expect("| paperclips.startOver (may not be undone)" in shown, True, shown)
                expect(h.bad("paperclips__startOver"), "refused.person", "a no")
                expect(self.rig.waiting(), [], "asked again")

    @staticmethod
    def decided(h, n, name="paperclips__startOver"):
        """The result of a call that was decided elsewhere; done again where that came after what a call waits."""
        result = h.end(n)["result"]
        return h.call(name) if "refused.waiting" in json.dumps(result) else result

    def a_call_waits_for_the_terminal(self):
        for word, again in (("once", False), ("10", True), ("session", True), ("no", None)):
            with self.rig.host() as h:
                n = h.begin("tools/call", {"name": "paperclips__startOver"}, {"progressToken": "p"})
                until(self.rig.waiting, "the call that waits")
                h.until(lambda h=h: [x for x in h.noted if x["method"] == "notifications/progress"], "progress")
                self.rig.approve(word)
                result = self.decided(h, n)
                expect(result["isError"], again is None, result)
                if again:
                    h.good("paperclips__startOver")
                elif again is False:
                    expect(h.bad("paperclips__startOver"), "refused.waiting", "once more")
            until(lambda: not self.rig.waiting(), "nothing that waits")

    def a_terminal_goes_on_with_those_that_come(self):
        with self.rig.host() as h:
            t = Terminal(self.rig, "approve", "--watch")
            for word, said, fails in (("once", "Approved.", False), ("no", "Refused.", True)):
                n = h.begin("tools/call", {"name": "paperclips__startOver"}, {"progressToken": word})
                before = len(t.shown)
                t.until("Allow it?", after=before)
                t.type(word + "\n")
                t.until(said, after=before)
                expect(self.decided(h, n)["isError"], fails, word)
            expect(h.bad("paperclips__startOver"), "refused.person", "a no is remembered for this very call")
            t.type("\x03")
            expect(t.end(), -signal.SIGINT, "the end of `capos approve --watch`")

    def a_client_that_cannot_ask_is_not_believed(self):
        for modern in (True, False):
            with self.rig.host(modern=modern, caps={}) as h:
                expect(h.bad("paperclips__make"), "refused.waiting", "what the client cannot ask")
                self.rig.approve("o")
                h.good("paperclips__make")
                expect(h.bad("paperclips__make", {"count": 2}), "refused.waiting", "another call")

    def an_approval_is_taken_back(self):
        with self.rig.host(who="quiet") as h:
            calls = len(self.rig.silent.calls())
            n = h.begin("tools/call", {"name": "silent__getOperator", "arguments": {"op": "add"}}, {"progressToken": 1})
            until(self.rig.waiting, "the call that waits")
            self.rig.approve("session")
            until(lambda: len(self.rig.silent.calls()) > calls, "the call at the server")
            expect(self.rig.run("mcp", "revoke", "other*").stdout, "0 approvals are taken back, 0 calls are ended.\n",
                   "others")
            expect(self.rig.run("mcp", "revoke", "silent__*").stdout, "1 approval is taken back, 1 call is ended.\n",
                   "it")
            code = json.loads(h.end(n)["result"]["content"][0]["text"])["code"]
            expect(code, "refused.revoked", "the call under way")
            until(lambda: self.rig.silent.is_over(calls), "the cancel at the server")
            expect(h.good("capos__session")["approvals"], [], "what is approved")

    # ---- the policy

    def the_policy_decides(self):
        text = ('(rules = [(tools = "chat__say", where = [(argument = "channel", is = "#bots")], decide = allow), '
                '(tools = "chat__say"), (tools = "chat__*", decide = deny), '
                '(tools = "paperclips__buy", where = [(argument = "count", is = "1")], decide = allow), '
                '(tools = "paperclips__buy"), (tools = "paperclips__make", decide = ask, uses = 2)])')
        with self.rig.host(policy=text) as h:
            tools = h.tools()
            expect(("chat__say" in tools, "chat__join" in tools), (True, False), "what is listed")
            expect(h.bad("chat__say", {"channel": "#people", "text": "x"}), "refused.policy", "another channel")
            code = h.call("chat__say", {"channel": "#bots", "text": "x"})
            expect("refused" in json.dumps(code), False, code)
            for count in ({}, {"count": 1}, {"count": "1"}, {"count": 1.0}, {"count": 1e0}):
                h.good("paperclips__buy", {"machine": "none", **count})
            for count in ({"count": 2}, {"count": "2"}, {"count": 0}):
                expect(h.bad("paperclips__buy", {"machine": "none", **count}), "refused.policy", count)
            error = h.error("tools/call", {"name": "chat__join", "arguments": {"channel": "#bots"}})
            expect(error["code"], -32602, "a tool that is not listed")
            h.answer = yes("until the session ends")
            for _ in range(2):
                h.good("paperclips__make")
            h.answer = no
            expect(h.bad("paperclips__make"), "refused.person", "the third use")

    def a_policy_is_checked(self):
        path = os.path.join(self.rig.folder, "checked")
        for text, said in (("()", None), ('(rules = [(tools = "a", decide = ask)])', None),
                           ('(rules = [(tool = "a")])', ":1:12: rules[0]"),
                           ("(calls = 99)", ": calls: must be 1 to 16")):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            done = self.rig.run("mcp", "check", path, code=1 if said else 0)
            expect((said or "nothing is wrong") in done.stdout + done.stderr, True, done)
            if said:
                done = self.rig.run("mcp", "--policy", path, code=2)
                expect((said in done.stderr, done.stdout), (True, ""), done)
        os.chmod(path, 0o666)
        done = self.rig.run("mcp", "check", path, code=1)
        expect("others can write it" in done.stderr, True, "a policy of anybody's")

    # ---- more than a model takes

    def many_tools_are_called_by_name(self):
        text = '(rules = [(tools = "room05__say"), (tools = "*", decide = allow)])'
        with self.rig.host(who="many", policy=text) as h:
            tools = h.tools()
            expect(len(tools), 60, "tools that are listed")
            expect("capos__call" in tools, True, "the tool for the others")
            left = [f"room{n:02}__channels" for n in range(MANY) if f"room{n:02}__channels" not in tools]
            expect(bool(left), True, "what is not listed")
            name = left[0].partition("__")[0]
            told = {t["method"]: t["name"] for t in h.good("capos__describe", {"name": name})["tools"]}
            expect(sorted(told), ["channels", "enter", "join", "leave", "say"], "what is described")
            expect(h.good("capos__call", {"on": name, "method": "channels"}), {"channels": []}, "a call by name")
            got = h.good("capos__call", {"on": name, "method": "join", "arguments": {
                "channel": "#x", "listener": {"$mailbox": True}}})
            handle = got["membership"]["$cap"]
            told = h.good("capos__describe", {"name": handle})["tools"]
            expect([t["method"] for t in told], ["leave", "members", "send"], "what a handle has")
            h.good("capos__call", {"on": handle, "method": "send", "arguments": {"text": "hello"}})
            for wrong in ({"on": name, "method": "none"}, {"on": "nobody", "method": "channels"}, {"on": name},
                          {"on": name, "method": "channels", "arguments": []}, {}):
                expect(h.error("tools/call", {"name": "capos__call", "arguments": wrong})["code"], -32602, wrong)
            error = h.error("tools/call", {"name": "capos__call", "arguments": {
                "on": "room05", "method": "say", "arguments": {"channel": "#x", "text": "x"}}})
            expect(error["code"], -32602, "what the policy refuses")

    # ---- what ends

    def a_line_drops_and_comes_back(self):
        line = Line(self.rig.target.address)
        try:
            login = self.rig.login(where=line.where)
            secret = ("--password-file", self.rig.secret_file())
            for words, login in (((), login), ((f"agent@{line.where}", *secret), "")):
                with self.rig.host(*words, login=login) as h:
                    h.answer = yes("until the session ends")
                    h.good("paperclips__make")
                    handle = h.good("chat__join", {"channel": "#line"})["membership"]["$cap"]
                    line.cut()
                    until(lambda h=h: not h.call("system_info__motd").get("isError"), "the line")
                    until(lambda h=h, handle=handle: h.call("ChatMembership__members", {"on": handle}).get("isError"),
                          "the end of a handle from before")
                    h.answer = no
                    h.good("paperclips__make")
        finally:
            line.close()

    def a_login_of_its_own(self):
        secret = self.rig.secret_file()
        ends = []
        while "logout" not in ends and len(ends) < 5:  # an instance that is slow is not waited for
            with self.rig.host(f"agent@{self.rig.target.where}", "--password-file", secret, login="") as h:
                expect(h.good("system_info__motd"), {"text": "Hello from the test."}, "a call")
                expect(h.close(), 0, "the exit code")
            session = [x for x in self.rig.log() if x["event"] == "opened"][-1]["session"]
            ends += until(lambda n=session: [x["what"] for what in ("logout", "disconnect")
                                             for x in self.rig.audit(what, n)][:1], "the end of the session")
        expect(ends[-1], "logout", f"how it ends: {ends}")
        with self.rig.host(f"nobody@{self.rig.target.where}", "--password-file", secret, login="") as h:
            expect(sorted(h.tools()), BUILT_IN, "tools of nobody")
            expect(h.good("capos__session")["code"], "no-session", "why")
        os.mkdir(os.path.join(self.rig.folder, "open"), 0o755)
        with self.rig.host(f"agent@{self.rig.target.where}", "--password-file", secret, "--runtime",
                           os.path.join(self.rig.folder, "open"), login="") as h:
            h.good("system_info__motd")
            expect(h.bad("paperclips__startOver"), "refused.nowhere", "where nothing can be approved")
        done = self.rig.run("mcp", "tls:x/y", code=2)
        expect(done.stdout, "", "what is said of a wrong address")

    def a_lease_ends(self):
        with self.rig.host(who="brief", policy='(rules = [(tools = "*", decide = allow)])') as h:
            before = h.tools()
            until(lambda: "chat__say" not in h.tools(), "the end of the lease")
            expect("system_info__motd" in h.tools(), True, "what goes on")
            expect(h.error("tools/call", {"name": "chat__channels"})["code"], -32602, "a tool that is gone")
            if "chat__say" in before:
                n = h.begin("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
                h.until(lambda: [x for x in h.noted if x["method"].endswith("acknowledged")], "the subscription")
                h.cancel(n)

    def a_revocation_meets_a_call_under_way(self):
        for modern in (True, False):
            login = self.rig.login("quiet")
            with self.rig.host(login=login, modern=modern, policy='(rules = [(tools = "*", decide = allow)])') as h:
                h.tools()
                if modern:
                    h.begin("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
                    h.until(lambda h=h: [x for x in h.noted if x["method"].endswith("acknowledged")], "the stream")
                calls = len(self.rig.silent.calls())
                n = h.begin("tools/call", {"name": "silent__getOperator", "arguments": {"op": "add"}})
                until(lambda calls=calls: len(self.rig.silent.calls()) > calls, "the call at the server")
                self.rig.run("session", "revoke", self.rig.id_of(login), "silent", "--state", self.rig.target.state)
                code = json.loads(h.end(n)["result"]["content"][0]["text"])["code"]
                expect(code, "denied.revoked-lease", "the call under way")
                h.until(lambda h=h: [x for x in h.noted if x["method"].endswith("tools/list_changed")], "list_changed")
                until(lambda h=h: "silent__evaluate" not in h.tools(), "the end of the tools")
                expect("system_info__uptime" in h.tools(), True, "what goes on")

    def a_cancelled_call_is_cancelled_at_the_server(self):
        for modern in (True, False):
            with self.rig.host(who="quiet", modern=modern, policy='(rules = [(tools = "*", decide = allow)])') as h:
                calls = len(self.rig.silent.calls())
                n = h.begin("tools/call", {"name": "silent__getOperator", "arguments": {"op": "add"}})
                until(lambda calls=calls: len(self.rig.silent.calls()) > calls, "the call at the server")
                expect(self.rig.silent.is_over(calls), False, "the call, before")
                h.cancel(n)
                until(lambda calls=calls: self.rig.silent.is_over(calls), "the cancel at the server")
                h.good("system_info__uptime")
                expect(h.waits[n], None, "an answer to what was cancelled")

    def quotas_hold(self):
        with self.rig.host(policy="(calls = 2, callsPerHour = 4, reads = allow, lasting = allow)", who="quiet") as h:
            waiting = [h.begin("tools/call", {"name": "silent__getOperator", "arguments": {"op": "add"}})
                       for _ in range(2)]
            expect(h.bad("system_info__uptime"), "over-quota.calls", "a third call at once")
            for n in waiting:
                h.cancel(n)
            h.good("system_info__uptime")
            h.good("system_info__uptime")
            expect(h.bad("system_info__uptime"), "over-quota.hour", "a fifth call")

    # ---- hosts

    def garbage_is_passed_over(self):
        with self.rig.host() as h:
            for i in range(2000):
                h.write(GARBAGE[i % len(GARBAGE)] + b"\n")
            h.write(b"x" * (3 << 20) + b"\n")
            expect(h.good("system_info__motd"), {"text": "Hello from the test."}, "a call behind garbage")
            expect(len(h.stray), 2001, "answers to garbage")

    def a_host_that_does_not_read_is_not_read(self):
        """So much is asked that the answers are far more than is kept; then they are read, and all are there."""
        meta = {mcphost.META + "protocolVersion": mcphost.MODERN, mcphost.META + "clientCapabilities": {}}
        ask = {"jsonrpc": "2.0", "method": "tools/list", "params": {"_meta": meta}}
        asked = "".join(json.dumps({**ask, "id": n}) + "\n" for n in range(LISTS)).encode()
        p = subprocess.Popen([self.rig.capos, "mcp", "--session", self.rig.login()], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, env=self.rig.env)
        try:
            p.stdin.write(json.dumps({**ask, "id": "first"}).encode() + b"\n")  # what comes while it logs in is bounded
            p.stdin.flush()
            expect(json.loads(p.stdout.readline())["id"], "first", "the first answer")
            done = threading.Thread(target=lambda: (p.stdin.write(asked), p.stdin.flush()), daemon=True)
            done.start()
            done.join(3)  # by then it holds what it may; that it does is no matter of time, for nobody reads
            held = int(re.search(r"VmRSS:\s+(\d+)", instance.read_proc(p.pid, "status")).group(1))
            if not SLOW:
                expect(held < KEPT_KB, True, f"{held} KiB are held")
            got = [json.loads(p.stdout.readline()) for _ in range(LISTS)]
            expect([m["id"] for m in got if m["result"]["tools"]], list(range(LISTS)), "the answers, in order")
            done.join(RUN_S)
            p.stdin.close()
            expect(p.wait(RUN_S), 0, "the exit code")
        finally:
            p.kill()
            p.wait()
            p.stdout.close()

    def the_input_ends(self):
        with self.rig.host() as h:
            h.tools()
            desk = os.path.join(self.rig.home, "capos.agents", f"{h.process.pid}.sock")
            expect(os.path.exists(desk), True, "the socket for approvals")
            h.begin("tools/call", {"name": "paperclips__watch", "arguments": {"since": "0", "waitMs": 1}})
            expect(h.close(), 0, "the exit code")
            expect(os.path.exists(desk), False, "the socket for approvals, afterwards")

    def the_parent_is_killed(self):
        wrapper = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])"]
        with self.rig.host(wrapper=wrapper) as h:
            h.tools()
            child = until(lambda: instance.children(h.process.pid), "the process")[0]
            os.kill(h.process.pid, signal.SIGKILL)
            until(lambda: instance.state(child) in ("", "Z"), "the end of the process, whose input is open")

    # ---- records

    def records_tell_it(self):
        login = self.rig.login()
        number = self.rig.id_of(login)
        with self.rig.host(login=login) as h:
            h.good("system_info__motd")
            h.answer = no
            h.bad("paperclips__make", {"count": 7})
            h.answer = yes("once")
            h.good("paperclips__make", {"count": 8})
        mine = [x for x in self.rig.log() if x["session"] == number and x.get("tool")]
        expect([(x["event"], x["tool"], x.get("by"), x.get("code")) for x in mine],
               [("called", "system_info__motd", "policy", None), ("returned", "system_info__motd", None, None),
                ("asked", "paperclips__make", "client", None),
                ("refused", "paperclips__make", "client", "refused.person"),
                ("asked", "paperclips__make", "client", None), ("called", "paperclips__make", "client", None),
                ("returned", "paperclips__make", None, None)], "the local log")
        expect(os.stat(os.path.join(self.rig.home, "capos", "mcp.log")).st_mode & 0o777, 0o600, "its mode")
        expect({x["sha256"] for x in mine[2:4]} & {x["sha256"] for x in mine[4:]}, set(), "digests of two calls")
        until(lambda: {"system_info", "paperclips"} <= {x["capability"] for x in self.rig.audit("call", number)},
              "the instance's records of calls")

    def secrets_are_nowhere(self):
        text = f'(rules = [(tools = "chat__say", where = [(argument = "text", is = "{PLANTED}")], decide = deny)])'
        with self.rig.host(policy=text) as h:
            h.answer = yes("once")
            h.call("chat__say", {"channel": "#x", "text": PLANTED})
            h.tools()
            h.good("capos__session")
            h.close()
            said = h.raw + h.said
        key = os.path.join(self.rig.folder, "key")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        self.rig.run("account", "key", "add", "agent", key + ".pub", "--state", self.rig.target.state)
        with self.rig.host(f"agent@{self.rig.target.where}", "--identity", key, login="") as h:
            h.good("system_info__motd")
            h.close()
            said += h.raw + h.said
        with open(key, encoding="ascii") as f:
            secrets = [PLANTED, instance.SECRET, *f.read().splitlines()[1:-1]]
        for folder, _, files in os.walk(self.rig.home):
            for name in files:
                if os.path.isfile(os.path.join(folder, name)):
                    with open(os.path.join(folder, name), "rb") as f:
                        said += f.read()
        with open(os.path.join(self.rig.target.state, "audit.log"), "rb") as f:
            said += f.read() + self.rig.target.log_text().encode()
        for secret in secrets:
            expect(said.count(secret.encode()), 0, f"{secret} in what was said and written")

    # ---- a server that nobody has written for this

    def a_calculator_is_a_set_of_tools(self):
        if not self.rig.server:
            raise instance.Skip("it needs the C++ library's calculator")
        for modern in (True, False):
            with self.rig.host(who="counts", modern=modern, policy="(lasting = allow)") as h:
                tools = h.tools()
                for name in ("calculator__evaluate", "calculator__getOperator", "Value__read", "Function__call"):
                    expect(name in tools, True, f"{name} in {sorted(tools)}")
                add = h.good("calculator__getOperator", {"op": "add"})["func"]["$cap"]
                expect(h.good("Function__call", {"on": add, "params": [40, 2]}), {"value": 42}, "a handle")
                value = h.good("calculator__evaluate", {"expression": {"call": {
                    "function": {"$cap": add}, "params": [{"literal": 1.5}, {"literal": 2}]}}})["value"]["$cap"]
                expect(h.good("Value__read", {"on": value}), {"value": 3.5}, "a value")
                value = h.good("calculator__evaluate", {"expression": {"call": {
                    "function": {"$cap": add}, "params": [{"previousResult": {"$cap": value}}, {"literal": 1}]}}})
                expect(h.good("Value__read", {"on": value["value"]["$cap"]}), {"value": 4.5}, "a value of a value")
                error = h.error("tools/call", {"name": "calculator__getOperator", "arguments": {"op": "modulo"}})
                expect((error["code"], "op: " in error["message"]), (-32602, True), error)


class Afternoon:
    """An agent plays Paperclips, is asked about, is refused, and loses what it held; then the logs are read."""

    def __init__(self):
        profiles = {f"player{n}": f'(name = "paperclips", lease = "{n}s")' for n in PLAYS_S}
        self.rig = Rig(text=instance.manifest(services=[paperclips()], profiles=[
            agent(name, ["session", "system_info", game]) for name, game in profiles.items()]),
            accounts={"player": list(profiles)})
        self.number = None

    def play(self):
        """Where the lease ends before the game does, the next one is longer."""
        for n in PLAYS_S:
            alias = f"toby{n}"
            with self.rig.host(login=self.rig.login("player", alias, profile=f"player{n}"), policy=self.policy()) as h:
                try:
                    self.game(h)
                except Exception:  # pylint: disable=broad-except
                    if n == PLAYS_S[-1] or "paperclips__make" in h.tools():
                        raise
                    continue
                self.lose(h)
            self.number = self.rig.id_of(alias)
            self.rig.run("logout", "-s", alias)
            return

    def game(self, h):
        """As a model does: looks, makes, prices, and wants to begin anew."""
        h.answer = yes("until the session ends")
        begun = h.good("paperclips__status")["status"]
        for _ in range(3):
            h.good("paperclips__make", {"count": 10})
        h.good("paperclips__price", {"cents": 20})
        expect(len(h.asked), 2, "the person was asked, once for each tool")
        h.answer = no
        expect(h.bad("paperclips__buy", {"machine": "spool", "count": 1}), "refused.person", "a purchase")
        expect(h.bad("paperclips__startOver"), "refused.waiting", "beginning anew")
        shown = self.rig.approve("no")
        expect("paperclips.startOver (may not be undone)" in shown, True, shown)
        expect(h.bad("paperclips__startOver"), "refused.person", "beginning anew, once more")
        ended = h.good("paperclips__status")["status"]
        expect(int(ended["revision"]) > int(begun["revision"]), True, "it has played")

    @staticmethod
    def lose(h):
        until(lambda: "paperclips__make" not in h.tools(), "the end of the lease", LEFT_S)
        expect(h.error("tools/call", {"name": "paperclips__make"})["code"], -32602, "a tool that is gone")
        expect(h.good("system_info__motd"), {"text": "Hello from the test."}, "what it still holds")

    @staticmethod
    def policy():
        return '(rules = [(tools = "paperclips__startOver", decide = askElsewhere)])'

    def the_local_log_has_each_step(self):
        steps = [(x["event"], x["tool"].rpartition("__")[2], x.get("by"), x.get("code"))
                 for x in self.rig.log()
                 if x.get("session") == self.number and x.get("tool", "").startswith("paperclips")]
        made = [("called", "make", "client", None), ("returned", "make", None, None)]
        expect(steps, [
            ("called", "status", "policy", None), ("returned", "status", None, None),
            ("asked", "make", "client", None), *made * 3,
            ("asked", "price", "client", None), ("called", "price", "client", None), ("returned", "price", None, None),
            ("asked", "buy", "client", None), ("refused", "buy", "client", "refused.person"),
            ("waits", "startOver", None, None), ("failed", "startOver", None, "refused.waiting"),
            ("decided", "startOver", "terminal", "refused.person"),
            ("refused", "startOver", "terminal", "refused.person"),
            ("called", "status", "policy", None), ("returned", "status", None, None),
            ("failed", "make", None, "unknown-tool")], "the steps")

    def the_audit_log_tells_the_story(self):
        number, game = self.number, s.type_id("paperclips", "Paperclips")

        def records():
            return [x for x in instance.audit(self.rig.target.state) if x.get("session") == number]
        until(lambda: [x for x in records() if x["what"] == "logout"], "the end of the session")
        until(lambda: len([x for x in records() if x["what"] == "call" and x["capability"] == "paperclips"]) >= 6,
              "each call")
        told = records()
        calls = [x["detail"].partition(",")[0] for x in told if x["what"] == "call" and x["capability"] == "paperclips"]
        expect(calls, [f"0x{game:016x}.{n}" for n in (0, 1, 1, 1, 3, 0)], "calls of the game, in order")
        expect({x["account"] for x in told if "account" in x}, {"player"}, "whose they are")
        order = [x["what"] for x in told if x["what"] in ("grant", "expiry", "revocation", "logout")]
        expect((order[0], order[-1]), ("grant", "logout"), "the beginning and the end")
        ends = [x for x in told if x["what"] in ("expiry", "revocation") and x.get("capability") == "paperclips"]
        expect(len(ends), 1, f"the end of the lease, among {[(x['what'], x.get('capability')) for x in told]}")


NAMES = ["looking_leaves_no_trace", "without_a_login_there_is_a_reason", "a_persons_login_is_shared_by_who_says_so",
         "tools_come_when_somebody_logs_in", "tools_are_what_hosts_and_models_take",
         "calls_return_what_their_schemas_say", "references_are_handles_and_listeners_are_mailboxes",
         "a_client_asks_its_person", "a_state_is_good_for_one_call_once", "what_lasts_is_approved_in_a_terminal",
         "a_call_waits_for_the_terminal", "a_terminal_goes_on_with_those_that_come",
         "a_client_that_cannot_ask_is_not_believed", "an_approval_is_taken_back",
         "the_policy_decides", "a_policy_is_checked", "many_tools_are_called_by_name", "a_line_drops_and_comes_back",
         "a_login_of_its_own", "a_lease_ends", "a_revocation_meets_a_call_under_way",
         "a_cancelled_call_is_cancelled_at_the_server", "quotas_hold", "garbage_is_passed_over",
         "a_host_that_does_not_read_is_not_read", "the_input_ends", "the_parent_is_killed", "records_tell_it",
         "secrets_are_nowhere", "a_calculator_is_a_set_of_tools"]


def afternoon():
    day = Afternoon()
    with day.rig:
        return instance.run_cases(AFTERNOON, [(n.replace("_", " "), getattr(day, n)) for n in (
            "play", "the_local_log_has_each_step", "the_audit_log_tells_the_story")])


def main():
    if sys.argv[1:] == ["--afternoon"]:
        return afternoon()
    server = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else None
    with Rig(server) as rig:
        cases = Cases(rig)
        return instance.run_cases(SCRIPT, [(n.replace("_", " "), getattr(cases, n)) for n in NAMES],
                                  more=lambda: rig.target.log_text()[-600:])


if __name__ == "__main__":
    sys.exit(main())
