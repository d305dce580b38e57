#!/usr/bin/env python3
"""web-sockets: a bridge against what is no browser, by raw sockets.

    sockets.py BIN GUIDE [CASE...]

GUIDE is the program of example/ui.

First that a client of our own gets through: it enters, signs, opens a WebSocket, logs in, calls. Then attacks,
a row each, with the answer that each must get; after every one the bridge has to live, and another client to
work. What is tried here are R12, R13 (the host's side), R49 and R50.
"""
import base64
import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import instance  # noqa: E402
import sessionlib  # noqa: E402
from ports import free_port  # noqa: E402  (sessionlib knows where it is)

from bridge import (DEADLINE, PASSWORD, Answer, Bridge, Browser, Closed, Failed, Rig, Socket, equal,  # noqa: E402
                    holds, keygen, read_all, until)
from table import ROWS, row  # noqa: E402
import strangers  # noqa: E402,F401  (its rows)

CASES = []


def case(f):
    CASES.append(f)
    return f


# ---- what has to work --------------------------------------------------------------------------


@case
def a_client_enters_logs_in_and_calls(b):
    t = b.logged_in()
    r = t.ask("call", {"target": "system_info", "method": "motd"})["returned"]
    holds("elcome" in json.loads(r["json"])["text"], r)
    caps = t.down(lambda f: any(c.get("interface") for c in f.get("caps", [])))["caps"]
    holds({"session", "system_info", "chat"} <= {c["entry"]["name"] for c in caps}, caps)
    t.close()


@case
def every_answer_has_its_headers(b):
    for a in (b.request("GET", "/"), b.request("GET", "/no"), b.request("POST", "/enter", "x"),
              b.request("GET", "/ws"), b.request("GET", "/", address="127.0.0.1", Host="evil")):
        csp = a.headers["content-security-policy"]
        for words in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
                      "require-trusted-types-for 'script'", "trusted-types 'none'"):
            holds(words in csp, f"{words} not in {csp}")
        equal(a.headers["x-content-type-options"], "nosniff")
        equal(a.headers["referrer-policy"], "no-referrer")
        equal(a.headers["cross-origin-opener-policy"], "same-origin")
        equal(a.headers["cross-origin-embedder-policy"], "require-corp")
        equal(a.headers["cross-origin-resource-policy"], "same-origin")
        equal(a.headers["cache-control"], "no-store")


@case
def the_cookie_is_for_this_host_alone(b):
    a = Browser(b).enter(b.another_code())
    equal(a.status, 200)
    words = a.headers["set-cookie"].split("; ")
    holds(words[0].startswith(f"__Host-capos-{b.port}="), words)
    equal(set(words[1:]), {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"})


@case
def both_addresses_of_localhost_are_the_bridges(b):
    """Else a browser that tries [::1] first would find somebody else there."""
    if os.path.exists("/proc/net/if_inet6"):
        equal(b.request("GET", "/", address="::1").status, 200)
    for host in ("127.0.0.1", "[::1]"):
        a = b.request("GET", "/", Host=f"{host}:{b.port}")
        equal((a.status, a.headers["location"]), (302, f"{b.origin}/"))


@case
def login_by_nobody_and_by_a_wrong_password(b):
    t = b.browser().tab()
    t.ask("connect", 0)
    r = t.ask("login", {"kind": "password", "account": "alice", "secret": "wrong"})
    equal(r["failed"]["code"], "denied.credentials")
    r = t.ask("login", {"kind": "anonymous"})
    if "failed" in r:
        t.ask("connect", 0)
        r = t.ask("login", {"kind": "anonymous"})
    equal(r["session"]["kind"], "anonymous")
    t.close()


@case
def a_password_that_did_not_come_along_is_asked_for(b):
    t = b.browser().tab()
    t.ask("connect", 0)
    login = t.up("login", {"kind": "password", "account": "alice"})
    step = t.down("step", login)["step"]
    equal((step["wants"], step["redaction"]), ("answer", True))
    equal(t.ask("answer", PASSWORD).get("done", 0), None)
    equal(t.down("session", login)["session"]["account"], "alice")
    t.close()


@case
def a_listener_is_called_and_a_handle_is_called_on(b):
    t = b.logged_in()
    params = json.dumps({"channel": "#lobby", "listener": {"$listen": True}})
    r = t.ask("call", {"target": "chat", "method": "join", "params": params})["returned"]
    handles = {h["path"]: h for h in r["handles"]}
    equal(handles["membership"]["interface"], "ChatMembership")
    t.ask("call", {"handle": handles["membership"]["handle"], "method": "send", "params": '{"text": "hello there"}'})
    e = t.down(lambda f: "hello there" in f.get("event", {}).get("json", ""))["event"]
    equal((e["listener"], e["method"]), (handles["params.listener"]["handle"], "event"))
    equal(t.ask("forget", handles["membership"]["handle"]).get("done", 0), None)
    r = t.ask("call", {"handle": handles["membership"]["handle"], "method": "send", "params": "{}"})
    equal(r["failed"]["code"], "bridge.no-target")
    t.close()


def comes(person):
    """A tab that comes, and all that it is told: the answer to what it asks last stands behind that."""
    t = person.tab()
    holds("instances" in t.ask("instances"), "no instances")
    return t, {what: [f[what] for f in t.frames if what in f] for what in ("held", "past", "event")}


@case
def what_is_held_is_told_to_a_tab_that_comes(b):
    """References, calls and events, the newest of them, as far as there is room; and to tabs that are there what one of
    them has got and let go of."""
    person = b.browser()
    t = person.tab()
    t.ask("connect", 0)
    t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
    other, told = comes(person)
    equal(told, {"held": [], "past": [], "event": []}, "what there is at first")
    params = json.dumps({"channel": "#held", "listener": {"$listen": True}})
    r = t.ask("call", {"target": "chat", "method": "join", "params": params})["returned"]
    wanted = sorted((h["handle"], h["path"], h["interface"], "chat.join", "chat") for h in r["handles"])
    shown = other.down("held")["held"]
    equal(sorted((h["handle"]["handle"], h["handle"]["path"], h["handle"]["interface"], h["from"], h["root"])
                 for h in shown), wanted, "what another tab is told")
    past = other.down("past")["past"]
    equal((past["target"], past["method"], past["params"], past.get("failure")), ("chat", "join", params, None))
    seat = next(h["handle"] for h in r["handles"] if h["path"] == "membership")
    equal(t.ask("call", {"handle": seat, "method": "send", "params": '{"text": ""}'}).get("returned"), None, "no text")
    long = json.dumps({"text": "x" * 4000}) + " " * 200
    for i in range(60):
        t.ask("call", {"handle": seat, "method": "send", "params": long} if i == 59 else
              {"target": "system_info", "method": "motd", "params": "{}"})
    late, told = comes(person)
    equal([sorted(h["handle"]["handle"] for h in l) for l in told["held"]], [sorted(w[0] for w in wanted)], "held")
    equal(len(told["past"]), 50, "calls that are told")
    equal((told["past"][-1]["handle"], told["past"][-1].get("params", "")), (seat, ""), "one whose parameters are long")
    holds(any("held" in e["json"] for e in told["event"]), told["event"])
    equal(t.ask("forget", seat).get("done", 0), None)
    for tab in (other, late):
        equal(tab.down("forgotten")["forgotten"], seat, "what is let go of")
        tab.close()
    gone, told = comes(person)
    equal([len(l) for l in told["held"]], [len(wanted) - 1], "what is held then")
    t.ask("logout")
    t.ask("disconnect")
    gone.close()
    none, told = comes(person)
    equal(told, {"held": [], "past": [], "event": []}, "what there is of a session that was left")
    none.close()
    t.close()


@case
def what_a_field_may_be(b):
    """A service says it of its commands; of what has none, or is not held, nobody is asked."""
    t = b.logged_in()
    t.ask("call", {"target": "chat", "method": "join", "params": json.dumps({"channel": "#field"})})
    ask = {"service": "chat", "command": "enter", "path": "channel", "prefix": "#fi"}
    r = t.ask("complete", ask)
    holds("choices" in r, r)
    found = r["choices"]
    equal([c["value"]["text"] for c in found], ["#field"], "channels that begin so")
    equal(t.ask("complete", {**ask, "prefix": "#fx"}).get("choices", []), [], "there is none")
    for name in ("system_info", "nothing", ""):
        equal(t.ask("complete", {**ask, "service": name})["failed"]["code"], "bridge.no-target", name)
    t.ask("logout")
    equal(t.ask("complete", ask)["failed"]["code"], "bridge.no-target", "after the end")
    t.close()


@case
def acts_that_are_out_of_place(b):
    """Each is refused by a code of its own, and harms nothing."""
    def refused(t, rows):
        for what, value, code in rows:
            r = t.ask(what, value)
            equal(r.get("failed", {}).get("code"), code, f"{what} {str(value)[:80]}: {r}")

    t, call = b.browser().tab(), {"target": "system_info", "method": "motd"}
    refused(t, [("connect", 99, "bridge.no-instance"), ("enrol", {"label": "mine"}, "bridge.not-connected"),
                ("login", {"kind": "anonymous"}, "bridge.not-connected"), ("call", call, "bridge.no-session")])
    t.ask("connect", 0)
    refused(t, [("login", {"kind": "serviceCredential"}, "bridge.method")])
    t.close()
    t = b.logged_in()
    refused(t, [("connect", 0, "bridge.in-session"), ("disconnect", None, "bridge.in-session"),
                ("cancel", 12345, "bridge.no-call"), ("confirm", {"prompt": "7", "yes": True}, "bridge.too-early"),
                ("call", {**call, "method": "none"}, "bridge.no-method"),
                ("call", {**call, "params": '{"x": '}, "bridge.params"),
                ("call", {**call, "params": " " * (64 * 1024 + 1)}, "bridge.params"),
                ("call", {**call, "target": "none"}, "bridge.no-target"), ("schema", "none", "bridge.no-target")])
    holds("returned" in t.ask("call", call), "a call is not served any more")
    t.close()


@case
def a_listener_of_a_call_that_fails(b):
    """It is let go of: any number of such calls leaves room for more."""
    t = b.logged_in()
    params = json.dumps({"channel": "no channel's name", "listener": {"$listen": True}})
    for _ in range(300):
        equal(t.ask("call", {"target": "chat", "method": "join", "params": params}).get("returned"), None)
    params = json.dumps({"channel": "#room", "listener": {"$listen": True}})
    holds("returned" in t.ask("call", {"target": "chat", "method": "join", "params": params}), "no room is left")
    t.close()


@case
def a_call_on_what_has_not_returned(b):
    t = b.logged_in()
    first = t.up("call", {"target": "chat", "method": "join", "params": '{"channel": "#pipe"}'})
    second = t.ask("call", {"pending": first, "path": "membership", "method": "send", "params": '{"text": "soon"}'})
    holds("sequence" in second.get("returned", {}).get("json", ""), second)
    t.close()


@case
def after_a_logout_the_stale_call_is_denied(b):
    t = b.logged_in()
    t.ask("call", {"target": "system_info", "method": "motd"})
    equal(t.ask("logout").get("done", 0), None)
    equal(t.down("ended")["ended"]["code"], "bridge.logged-out")
    r = t.ask("call", {"target": "system_info", "method": "motd"})
    equal(r["failed"]["code"], "denied.stale-session")
    t.close()


@case
def two_tabs_are_told_the_same(b):
    browser = b.browser()
    one, two = browser.tab(), browser.tab()
    one.ask("connect", 0)
    one.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
    equal(two.down("session")["session"]["account"], "alice")
    three = browser.tab()
    equal(three.down("session")["session"]["account"], "alice")
    one.ask("logout")
    two.down("ended")
    for t in (one, two, three):
        t.close()


@case
def the_cookie_is_changed_for_a_ticket(b):
    browser = b.browser()
    t = browser.tab()
    t.ask("connect", 0)
    t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
    ticket = t.down("rotate")["rotate"]
    old = browser.cookie

    def rotate(csrf, body):
        return b.request("POST", "/rotate", body, Cookie=old, Origin=b.origin, **{"X-Capos": csrf})
    equal(rotate("x" * 43, ticket).words, "403 csrf")
    equal(rotate(browser.csrf, "x" * 43).words, "403 ticket")
    a = rotate(browser.csrf, ticket)
    equal(a.status, 204)
    equal(rotate(browser.csrf, ticket).words, "403 cookie")
    browser.cookie = a.headers["set-cookie"].split(";")[0]
    equal(Browser.upgrade(browser, Cookie=old).words, "403 cookie")
    two = browser.tab()
    equal(two.down("session")["session"]["account"], "alice")
    t.close()
    two.close()


def in_so_long(option, begin, then):
    """A bridge on which something is over after ten seconds; or more, where even what has to come before takes as
    long: then(begin(bridge), seconds)."""
    for seconds in (10, 40, 160):
        quick = Bridge(BIN, option, f"{seconds}s")
        try:
            begun = begin(quick)
        except (Closed, Failed, ConnectionError):
            if seconds == 160:
                raise
        else:
            then(begun, seconds)
            equal(quick.web.poll(), None, "capos web has ended")
            return
        finally:
            quick.close()


@case
def nobody_does_anything_for_long(b):
    def acts(bridge):
        t, start = bridge.logged_in(), time.monotonic()
        t.ask("call", {"target": "system_info", "method": "motd"})  # an act
        return t, start

    def over(begun, seconds):
        t, start = begun
        equal(t.ended(), 4001)
        holds(time.monotonic() - start >= seconds, "it ended before its time")
    in_so_long("--idle", acts, over)


@case
def a_session_ends_though_somebody_acts(b):
    def over(t, seconds):
        start = time.monotonic()
        while time.monotonic() - start < seconds + DEADLINE:
            try:
                t.ask("export")  # an act
            except Closed as e:
                equal(e.code, 4001)
                return
            time.sleep(0.2)
        holds(False, "it does not end")
    in_so_long("--life", lambda bridge: bridge.browser().tab(), over)


@case
def what_is_exported_has_no_secret(b):
    t = b.browser().tab()
    t.ask("connect", 0)
    t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
    t.ask("call", {"target": "chat", "method": "join", "params": '{"channel": "#planted-channel"}'})
    text = t.ask("export")["file"]["text"]
    holds("chat.join" in text, text)
    for planted in (PASSWORD, "planted-channel", "alice"):
        holds(planted not in text, f"{planted!r} in {text}")
    t.close()


@case
def a_line_that_drops_comes_back(b):
    """What was held is gone; nothing is asked of a person."""
    other = Bridge(BIN)
    try:
        t = other.logged_in()
        t.down(lambda f: any(c.get("interface") for c in f.get("caps", [])))
        other.to_workers(signal.SIGKILL)
        holds(t.down("line")["line"]["down"], "not told")
        t.down(lambda f: f.get("line", {}).get("down") is False)
        t.down(lambda f: f.get("session", {}).get("account") == "alice")
        r = t.ask("call", {"target": "system_info", "method": "motd"})
        holds("returned" in r, r)
    finally:
        other.close()


@case
def each_process_is_confined(b):
    """The front and the browser's process have a filter of the kernel's, and can gain nothing."""
    t = b.logged_in()
    pids = b.processes()
    if not os.environ.get("CAPOS_SANITIZED"):
        for pid in [pids[0], pids[-1]]:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                status = dict(line.split(":\t") for line in f.read().splitlines() if ":\t" in line)
            equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), pid)
    t.close()


@case
def by_a_key_of_the_agent(b):
    """It logs in and renews; the browser names it by its fingerprint and has no part in the proof."""
    r, agent = b.rig, None
    keygen(r, "key", "-t", "ed25519")
    r.ok("account", "key", "add", "alice", r.path("key.pub"), "--state", r.state)
    other = Bridge.__new__(Bridge)
    other.rig, other.env = r, {**r.env, "SSH_AUTH_SOCK": r.path("agent")}
    other.log = open(r.path("web.log"), "a+", encoding="utf-8")
    try:
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", r.path("agent")], stdout=subprocess.DEVNULL)
        until(lambda: not subprocess.run(["ssh-add", "-q", r.path("key")], env={**os.environ, **other.env},
                                         capture_output=True, check=False).returncode, "no agent")
        other.start()
        t = other.browser().tab()
        keys = t.ask("connect", 0)["methods"]["keys"]
        equal(len(keys), 1)
        equal(t.ask("login", {"kind": "publicKey", "account": "alice", "key": "SHA256:no"})["failed"]["code"],
              "bridge.no-key")
        login = {"kind": "publicKey", "account": "alice", "key": keys[0]["fingerprint"]}
        first = t.ask("login", login)["session"]
        equal((first["account"], first["kind"]), ("alice", "publicKey"))
        again = t.ask("renew", login)["session"]
        holds(again["id"] == first["id"] and int(again["expiresAtMs"]) >= int(first["expiresAtMs"]), again)
    finally:
        agent.terminate()
        agent.wait()
        other.web.terminate()
        other.web.wait(DEADLINE)
        other.web.stdout.close()
        other.log.close()


def tls_instance(r, state, port=0):
    """An instance behind TLS: the process, its port and its key's fingerprint. A port that another one is to have after
    it is none that the kernel gives to others meanwhile (ports.py)."""
    p = subprocess.Popen([r.capos, "up", "--state", r.path(state), "--listen", f"tls:127.0.0.1:{port}"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         env={**r.env, "HOME": r.path("run")})
    return p, *re.search(r" (\d+) (sha256:\S+)", r.read_line(p.stdout, DEADLINE)).groups()


def tls_end(p):
    p.terminate()
    p.wait(DEADLINE)
    p.stdin.close()
    p.stdout.close()


@case
def an_instance_that_is_not_known_is_confirmed(b):
    r, other = b.rig, None
    tls, port, fingerprint = tls_instance(r, "tls")
    try:
        other = Bridge(BIN, "--instance", f"safe=tls:127.0.0.1:{port}")
        t = other.browser().tab()
        key = t.ask("connect", 1)["key"]
        words = r.ok("cert", "show", "--state", r.path("tls"), "--json").json["words"]
        equal((key["fingerprint"], key["words"], key["known"]), (fingerprint, words, ""))
        equal(len(words), 47)
        holds(r.ok("cert", "show", "--state", r.path("tls")).out.endswith(f"{words}\n"), "the words for people")
        equal(t.ask("login", {"kind": "anonymous"})["failed"]["code"], "bridge.not-connected")
        equal(t.ask("trust", False).get("done", 0), None)
        t.ask("connect", 1)
        holds("methods" in t.ask("trust", True), "it is not connected to")
        equal(t.ask("instances")["instances"][1]["fingerprint"], fingerprint)
        equal(t.ask("login", {"kind": "anonymous"})["session"]["transport"], "tls")
        equal(t.ask("trust", True)["failed"]["code"], "bridge.not-asked")
    finally:
        if other:
            other.close()
        tls_end(tls)


@case
def an_instance_whose_key_has_changed_is_asked_about(b):
    """Both keys are shown; only yes replaces what is known. One that the command line names is refused."""
    r, other = b.rig, None
    tls, port, old = tls_instance(r, "tls-old", free_port())
    try:
        other = Bridge(BIN, "--instance", f"safe=tls:127.0.0.1:{port}",
                       "--instance", f"sure=capos://127.0.0.1:{port}/#{old}")
        t = other.browser().tab()
        t.ask("connect", 1)
        holds("methods" in t.ask("trust", True), "it is not connected to")
        t.ask("disconnect")
        tls_end(tls)
        tls, _, new = tls_instance(r, "tls-new", port)
        holds(new != old, "the same key")
        for yes in (False, True):
            key = t.ask("connect", 1)["key"]
            equal((key["fingerprint"], key["known"]), (new, old))
            equal(t.ask("instances")["instances"][1]["fingerprint"], old)
            got = t.ask("trust", yes)
            holds(("methods" in got) == yes, got)
        equal(t.ask("instances")["instances"][1]["fingerprint"], new)
        t.ask("disconnect")
        equal(t.ask("connect", 2)["failed"]["code"], "bridge.wrong-key")
        equal(t.ask("trust", True)["failed"]["code"], "bridge.not-asked")
    finally:
        if other:
            other.close()
        tls_end(tls)


@case
def all_eight_probes_are_refused(b):
    t = b.logged_in()
    for probe in ("unknownName", "wrongInterface", "wrongProfile", "methodDisabled", "secondLogin", "transfer",
                  "quota", "staleCall"):
        r = t.ask("probe", probe)["probed"]
        equal((r["state"], r["came"]), ("passed", r["expected"]), probe)
    equal(t.ask("refresh")["session"]["account"], "alice", "the session that was probed")
    t.close()


@case
def a_service_composes_and_a_person_acts(b):
    grants = instance.profile("operator", ["session", "system_info", "guide"])
    guide = instance.service("guide", GUIDE, sessionlib.type_id("guide", "Guide", root="example/ui"))
    text = re.sub(r'\(name = "operator", lease.*?\)\)',
                  lambda _: grants.replace('(name = "guide"', '(name = "guide", ui = true'),
                  instance.manifest(services=[guide]), count=1)
    with tempfile.NamedTemporaryFile("w", suffix=".manifest") as f:
        f.write(text)
        f.flush()
        other = Bridge(BIN, manifest=f.name)
    try:
        t = other.logged_in()
        equal([o["service"] for o in t.down("offers")["offers"]], ["guide"])
        equal(t.ask("offer", "guide").get("done", 0), None)
        p = t.down(lambda f: f.get("pane", {}).get("model", {}).get("progress", {}).get("steps"))["pane"]
        equal((p["service"], p["kind"], p["model"]["progress"]["steps"][0]["state"]), ("guide", "progress", "running"))
        if not p["commands"]:
            t.down(lambda f: f.get("commands", {}).get("commands"))
        equal(t.down(lambda f: f.get("layout", {}).get("nodes"))["layout"]["nodes"][0]["surface"], p["surface"])
        run = {"surface": p["surface"], "command": "next", "trusted": True}
        equal(t.ask("run", run).get("done", 0), None)
        t.down(lambda f: [s["state"] for s in f.get("pane", {}).get("model", {}).get("progress", {}).get("steps", [])]
               [:2] == ["done", "running"])
        equal(t.ask("run", {**run, "command": "nothing"})["failed"]["code"], "refused.command")
        equal(t.ask("run", {**run, "surface": 77})["failed"]["code"], "bridge.no-pane")
        equal(t.ask("act", {"surface": p["surface"], "pin": True}).get("done", 0), None)
        holds(t.down(lambda f: f.get("pane", {}).get("pinned")), "not pinned")
        equal(t.ask("withdraw", "guide").get("done", 0), None)
        equal(t.down("gone")["gone"]["surface"], p["surface"])
        t.ask("offer", "guide")
        t.down(lambda f: f.get("pane", {}).get("surface", p["surface"]) != p["surface"])
        t.ask("logout")
        t.down("gone")
        t.down("ended")
    finally:
        other.close()


@case
def a_schema_has_what_forms_need(b):
    t = b.logged_in()
    r = t.ask("schema", "chat")["schema"]
    names = {i["name"]: i for i in r["interfaces"]}
    holds({"Chat", "ChatListener", "ChatMembership"} <= set(names), names)
    join = next(m for m in names["Chat"]["methods"] if m["name"] == "join")
    holds(join["doc"] and join["granted"] and join["line"].startswith("join("), join)
    params = next(x for x in r["types"] if x["id"] == join["params"])
    fields = {f["name"]: f for f in params["fields"]}
    equal((fields["channel"]["type"], fields["listener"]["type"]), ("text", "cap"))
    equal(t.ask("schema", "no such thing")["failed"]["code"], "bridge.no-target")
    t.close()


@case
def instances_are_added_within_what_is_allowed(b):
    wide = Bridge(BIN, "--allow", "plain:127.0.0.1:*")
    try:
        t = wide.browser().tab()
        equal(t.ask("add", {"name": "far", "address": "tls:far.example:2327"})["failed"]["code"], "bridge.not-allowed")
        equal(t.ask("add", {"name": "x", "address": "plain:127.0.0.1:x"})["failed"]["code"], "bridge.address")
        equal(t.ask("add", {"name": "here", "address": wide.rig.address}).get("done", 0), None)
        equal(t.ask("rename", {"place": 0, "name": "y"})["failed"]["code"], "bridge.fixed")
        equal(t.ask("rename", {"place": 1, "name": "mine"}).get("done", 0), None)
        path = os.path.join(wide.rig.path("home"), ".config/capos/web-instances")
        equal((os.stat(path).st_mode & 0o777, open(path, encoding="utf-8").read()),
              (0o600, f"{wide.rig.address} mine\n"))
        holds("methods" in t.ask("connect", 1), "no methods")
        other = wide.browser().tab()
        equal([i["name"] for i in other.ask("instances")["instances"]], ["lab", "mine"])
        equal(t.ask("remove", 1)["failed"]["code"], "bridge.connected")
        t.ask("disconnect")
        equal(t.ask("remove", 1).get("done", 0), None)
        equal(open(path, encoding="utf-8").read(), "")
        for n in range(70):  # places are taken again
            equal(t.ask("add", {"name": f"n{n}", "address": wide.rig.address}).get("done", 0), None)
            place = [i["place"] for i in t.ask("instances")["instances"] if i["name"] == f"n{n}"]
            equal(t.ask("remove", place[0]).get("done", 0), None)
    finally:
        wide.close()
    t = b.browser().tab()
    equal(t.ask("add", {"name": "x", "address": b.rig.address})["failed"]["code"], "bridge.not-allowed")
    t.close()


@case
def a_user_who_has_no_folders_yet(b):
    """Neither the one that what he adds is kept in, nor the one that it lies in: both are there then, closed to
    others."""
    home = b.rig.path("of/somebody/new")
    new = Bridge(BIN, "--allow", "plain:127.0.0.1:*", env={"XDG_CONFIG_HOME": home}, rig=b.rig)
    try:
        t = new.browser().tab()
        equal(t.ask("add", {"name": "mine", "address": b.rig.address}).get("done", 0), None)
        with open(os.path.join(home, "capos", "web-instances"), encoding="utf-8") as f:
            equal(f.read(), f"{b.rig.address} mine\n")
        equal(os.stat(home).st_mode & 0o777, 0o700)
        t.close()
    finally:
        new.stop()


# ---- attacks -----------------------------------------------------------------------------------


@row("421 host")
def another_host(b):
    return b.request("GET", "/", Host="evil.example")


@row("421 host")
def our_host_at_another_port(b):
    return b.request("GET", "/", Host="localhost:1")


@row("421 host")
def a_handshake_at_an_address(b):
    return b.browser().upgrade(Host=f"127.0.0.1:{b.port}")


@row("421 host")
def two_hosts(b):
    return b.request("GET", "/", Host=[b.host, b.host])


@row("404 not found")
def a_path_that_climbs(b):
    return b.request("GET", "/../../etc/passwd")


@row("405 method")
def another_method(b):
    return b.request("PUT", "/enter", "x", Origin=b.origin)


@row("403 origin")
def no_origin(b):
    return b.browser().upgrade(Origin=None)


@row("403 origin")
def another_origin(b):
    return b.browser().upgrade(Origin="http://evil.example")


@row("403 origin")
def origin_null(b):
    return b.browser().upgrade(Origin="null")


@row("403 origin")
def two_origins(b):
    return b.browser().upgrade(Origin=[b.origin, "http://evil.example"])


@row("403 origin")
def another_port_of_localhost(b):
    """A page of another server on this machine has the cookie, which ports do not keep from it."""
    return b.browser().upgrade(Origin="http://localhost:1")


@row("403 origin")
def a_page_of_another_site(b):
    return b.browser().upgrade(**{"Sec-Fetch-Site": "cross-site"})


@row("403 cookie")
def no_cookie(b):
    return b.browser().upgrade(Cookie=None)


@row("403 cookie")
def a_key_without_its_cookie(b):
    browser = b.browser()
    browser.cookie = f"__Host-capos-{b.port}=" + "A" * 43
    return browser.upgrade()


@row("403 cookie")
def two_cookies(b):
    browser = b.browser()
    return browser.upgrade(Cookie=f"{browser.cookie}; {browser.cookie}")


@row("1008")
def a_cookie_without_its_key(b):
    """A stolen cookie opens a WebSocket, and nothing with it: not even the instances are told."""
    thief = Browser(b)
    thief.cookie = b.browser().cookie
    t = thief.upgrade()
    t.up("hello", thief.sign(t.down("greet")["greet"]))
    holds(not t.frames, t.frames)
    return str(t.ended())


@row("1008")
def a_stolen_cookie_that_asks_without_a_key(b):
    t = b.browser().upgrade()
    t.up("instances")
    return str(t.ended())


@row("1008")
def a_nonce_of_another_socket(b):
    browser = b.browser()
    old = browser.upgrade()
    nonce = base64.b64decode(old.down("greet")["greet"]["nonce"])
    t = browser.upgrade()
    t.up("hello", browser.sign(t.down("greet")["greet"], nonce=nonce))
    return str(t.ended())


@row("1008")
def a_hello_twice(b):
    browser = b.browser()
    t = browser.upgrade()
    sign = browser.sign(t.down("greet")["greet"])
    t.up("hello", sign)
    t.up("hello", sign)
    return str(t.ended())


@row("403 csrf")
def an_entry_without_our_header(b):
    return Browser(b).enter(b.another_code(), **{"X-Capos": None})


@row("403 origin")
def an_entry_from_another_origin(b):
    return Browser(b).enter(b.another_code(), Origin="http://evil.example")


@row("403 code")
def a_code_that_is_none(b):
    return Browser(b).enter("A" * 22)


@row("403 code")
def a_code_used_twice(b):
    code = b.another_code()
    equal(Browser(b).enter(code).status, 200)
    return Browser(b).enter(code)


@row("403 code")
def a_code_that_another_has_followed(b):
    code = b.another_code()
    b.another_code()
    return Browser(b).enter(code)


@row("403 key")
def a_key_that_is_no_point(b):
    browser = Browser(b)
    browser.public = lambda: base64.urlsafe_b64encode(b"\x04" + b"\x07" * 64).decode().rstrip("=")
    return browser.enter(b.another_code())


@row("413 body")
def a_body_of_5000_bytes(b):
    return Browser(b).enter("A" * 5000)


@row("426 version")
def an_old_websocket(b):
    return b.browser().upgrade(**{"Sec-WebSocket-Version": "8"})


@row("400 handshake")
def a_websocket_key_that_is_none(b):
    return b.browser().upgrade(**{"Sec-WebSocket-Key": "x"})


@row("400 state")
def a_redirect_that_nobody_waits_for(b):
    return b.request("GET", "/back?code=x&state=" + "s" * 22)


@row("431")
def headers_of_40_kib(b):
    return str(b.request("GET", "/", **{"X-Long": "x" * 40000}).status)


@row("1009")
def a_frame_of_300_kib(b):
    t = b.browser().tab()
    try:
        t.raw(Socket.frame(b"x" * 300 * 1024))
    except (BrokenPipeError, ConnectionResetError):
        pass
    return str(t.ended())


@row("1009")
def a_message_of_five_frames_and_more_than_a_mib(b):
    t = b.browser().tab()
    part = b"x" * 250 * 1024
    try:
        for i in range(5):
            t.raw(Socket.frame(part, opcode=0 if i else 1, fin=i == 4))
    except (BrokenPipeError, ConnectionResetError):
        pass
    return str(t.ended())


@row("1002")
def a_frame_without_a_mask(b):
    t = b.browser().tab()
    t.raw(Socket.frame(b"{}", masked=False))
    return str(t.ended())


@row("1008")
def a_flood_of_fragments(b):
    t = b.browser().tab()
    flood = Socket.frame(b"", opcode=1, fin=False) + Socket.frame(b"", opcode=0, fin=False) * 5000
    try:
        t.raw(flood)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return str(t.ended())


@row("1008")
def a_flood_of_pings(b):
    t = b.browser().tab()
    try:
        t.raw(Socket.frame(b"x", opcode=9) * 5000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return str(t.ended())


@row("1007")
def bytes_that_are_no_text(b):
    t = b.browser().tab()
    t.raw(Socket.frame(b"\xff\xfe"))
    return str(t.ended())


@row("1008 1008 1008 1008 1008 1008")
def frames_that_are_none(b):
    codes = []
    for text in ("[]", "{", '{"id": 1, "unknown": null}', '{"id": "x", "instances": null}',
                 '{"id": 1, "id": 2, "instances": null}', '{"id": 1, "call": {"target": 7}}'):
        t = b.browser().tab()
        t.send_text(text)
        codes.append(str(t.ended()))
    return " ".join(codes)


@row("closed")
def headers_that_come_slowly(b):
    """A byte now and then keeps no connection: it is over after ten seconds."""
    s = b.connect()
    start = time.monotonic()
    try:
        for c in b"GET / HTTP/1.1\r\nHost: " + b"x" * 1000:
            s.sendall(bytes([c]))
            time.sleep(0.2)
            if time.monotonic() - start > 100:
                return "still open"
    except (BrokenPipeError, ConnectionResetError):
        pass
    a = Answer(read_all(s))
    s.close()
    return a


@row("closed")
def nobody_reads(b):
    """What is queued for who reads nothing is bounded, and after ten seconds without a byte he is closed. What the
    kernel may keep for him does not grow meanwhile: megabytes of it take small answers for minutes."""
    browser = b.browser()
    t, other = browser.tab(), browser.tab()
    t.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    t.ask("connect", 0)
    t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
    other.down(lambda f: any(c.get("interface") for c in f.get("caps", [])))
    start = time.monotonic()
    while time.monotonic() - start < 5 * DEADLINE:
        for _ in range(50):
            try:
                t.up("schema", "chat")
            except (BrokenPipeError, ConnectionResetError):
                other.ask("instances")
                t.close()
                other.close()
                return "closed"
        time.sleep(0.5)
    return "still open"


@row("kept")
def who_reads_slowly(b):
    """A piece now and then is read, longer than somebody may read nothing: he is not closed, though much waits for him.
    Each piece is more than the kernel has to be rid of before it takes more of the bridge; and what it may keep is some
    segments of this machine's (64 KiB), or it would say seldom that there is room again. As much is asked for as is
    read, by bytes: some of it is refused while the bridge is busy, and who asks again for each refusal asks too
    often."""
    t = b.logged_in()
    t.down(lambda f: any(c.get("interface") for c in f.get("caps", [])))
    size = len(json.dumps(t.ask("schema", "chat")))
    t.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
    for _ in range(60):
        t.up("schema", "chat")
    end, owed = time.monotonic() + 14, 0
    while time.monotonic() < end:
        before = len(t.got)
        while len(t.got) < before + 96 * 1024:
            t.need(len(t.got) + 1)
        owed += len(t.got) - before
        while owed >= size:
            t.up("schema", "chat")
            owed -= size
        time.sleep(0.6)
    t.ask("instances")
    t.close()
    return "kept"


@row("bridge.busy")
def many_questions_to_an_instance_that_does_not_answer(b):
    other = Bridge(BIN)
    try:
        t = other.logged_in()
        t.down(lambda f: any(c.get("interface") for c in f.get("caps", [])))
        other.to_workers(signal.SIGSTOP)
        for _ in range(30):
            t.up("sessions")
        got = t.down("failed")["failed"]["code"]
        other.to_workers(signal.SIGCONT)
        t.down("sessions")
        return got
    finally:
        other.close()


@row("unix unix")
def localhost_is_the_socket_of_this_machine(_):
    """As with `capos login`: where an instance has one, nothing goes over TCP, and the kernel says whose it is."""
    rig = Rig(BIN, None)
    other = Bridge(BIN, "--instance", f"home=localhost:{rig.address.rsplit(':', 1)[1]}", rig=rig)
    try:
        t = other.browser().tab()
        holds("methods" in t.ask("connect", 1), "no methods")
        met = t.down(lambda f: any(i["connected"] for i in f.get("instances", [])))["instances"][1]["transport"]
        r = t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
        return f"{met} {r['session']['transport']}"
    finally:
        other.close()


@row("ended")
def a_front_that_hears_nothing(b):
    """A process whose front does not take its words ends, and is not left behind without one who could end it."""
    other = Bridge(BIN)
    try:
        t = other.browser().tab()
        t.ask("instances")
        own = other.processes()[-1]
        os.kill(other.web.pid, signal.SIGSTOP)

        def over():
            for what, value in (("connect", 0), ("login", {"kind": "anonymous"}), ("logout", None)):
                try:
                    t.up(what, value)
                except (BrokenPipeError, ConnectionResetError):
                    pass
            return not os.path.exists(f"/proc/{own}")
        until(over, "it goes on")
        return "ended"
    finally:
        os.kill(other.web.pid, signal.SIGCONT)
        other.close()


@row("bridge.no-session")
def what_another_browser_holds(b):
    """A second browser of the same bridge has nothing of the first one's session."""
    first, second = b.logged_in(), b.browser().tab()
    got = second.ask("refresh")["failed"]["code"]
    equal(second.ask("call", {"target": "system_info", "method": "motd"})["failed"]["code"], "bridge.no-session")
    equal(second.ask("call", {"handle": 1, "method": "motd"})["failed"]["code"], "bridge.no-session")
    first.close()
    second.close()
    return got


def main():
    global BIN, GUIDE
    BIN, GUIDE = sys.argv[1], os.path.abspath(sys.argv[2])
    wanted = sys.argv[3:]
    b = Bridge(BIN)
    cases = [(f.__name__, functools.partial(f, b)) for f in CASES + ROWS if f.__name__ in wanted or not wanted]
    try:
        return instance.run_cases("web-sockets", cases, b.lives, b.said)
    finally:
        b.close()


if __name__ == "__main__":
    sys.exit(main())
