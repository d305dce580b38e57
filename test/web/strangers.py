"""strangers: rows of web-sockets (sockets.py): what a page of somebody's, and another user of the machine, try who have
thought about it: names that lead here, codes and who shares one, places that are taken, what can be read of processes.
"""
import base64
import os
import re
import signal
import socket
import subprocess
import sys
import time

import instance
from bridge import Answer, Bridge, Browser, Closed, equal, holds, of_process, read_all, until
from table import row


@row("421 host, 421 host, 421 host, 421 host")
def a_name_that_was_rebound(b):
    """A page whose own name leads here by now: to the browser it is all of one origin, so Origin and cookies agree."""
    name = f"evil.example:{b.port}"
    here = {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}
    browser = b.browser()
    return ", ".join(a.words for a in (
        b.request("GET", "/", **here), b.request("GET", "/back?code=x&state=" + "s" * 22, **here),
        Browser(b).enter(b.another_code(), **here), browser.upgrade(**here)))


@row("405 method")
def a_question_whether_another_page_may(b):
    """Before it sends our header, a browser asks; nothing in the answer says yes."""
    a = b.request("OPTIONS", "/enter", Origin="http://localhost:1", **{
        "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-capos"})
    equal([h for h in a.headers if h.startswith("access-control")], [], "headers")
    return a


@row("200, 403 code")
def a_code_that_two_use_at_once(b):
    """Both are heard before either is answered."""
    code, two = b.another_code(), [Browser(b), Browser(b)]
    sockets = [b.connect() for _ in two]
    for s, browser in zip(sockets, two):
        body = f"{code}\n{browser.public()}"
        s.sendall(b.head("POST", "/enter", {"X-Capos": "1", "Origin": b.origin, "Content-Length": str(len(body))}) +
                  body.encode())
    answers = sorted((Answer(read_all(s)) for s in sockets), key=lambda a: a.status)
    for s in sockets:
        s.close()
    return f"{answers[0].status}, {answers[1].words}"


@row("200")
def guesses(b):
    """They use nothing up: who has the code is in, within the minute that it is good for."""
    code, end = b.another_code(), time.monotonic() + 20
    guesser = Browser(b)
    for n in range(300):
        if n and time.monotonic() > end:
            break
        equal(guesser.enter(base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")).words, "403 code")
    return str(Browser(b).enter(code).status)


@row("200")
def silent_connections(b):
    """Of somebody who holds as many as he gets: who comes has a place at once, and goes on."""
    silent = [b.connect() for _ in range(200)]
    answers = [b.request("GET", "/").status for _ in range(20)]
    b.lives()
    for s in silent:
        s.close()
    equal(set(answers), {200})
    return str(answers[0])


@row("200")
def silent_connections_that_come_at_once(b):
    """While the front is busy elsewhere, and the one with a question last: he is none of the oldest."""
    answers = []
    for _ in range(5):
        os.kill(b.web.pid, signal.SIGSTOP)
        try:
            silent = [b.connect() for _ in range(120)]
            s = b.connect()
            s.sendall(b.head("GET", "/", {}))
        finally:
            os.kill(b.web.pid, signal.SIGCONT)
        answers.append(Answer(read_all(s)).status)
        for s in [s, *silent]:
            s.close()
    equal(answers, [200] * 5)
    return str(answers[0])


def comes_in(browser):
    try:
        return browser.tab()
    except (Closed, ConnectionError):  # by which it is noticed depends on who was quicker
        return None


@row("in")
def sockets_of_a_thief_who_has_no_key(b):
    """As many as he likes, with the cookie, and silent: the owner's tabs open all the same, at once or when they come
    again, as the page does: what the session's process cannot take as fast is dropped."""
    browser = b.browser()
    thief = Browser(b)
    thief.cookie = browser.cookie
    silent = [thief.upgrade() for _ in range(30)]
    tabs = [until(lambda: comes_in(browser), "it never comes in") for _ in range(4)]
    for t in tabs:
        holds("instances" in t.ask("instances"), "no instances")
    for t in silent + tabs:
        t.close()
    return "in"


@row("403 busy, then 200")
def more_browsers_than_there_is_room_for(b):
    """Each has a tab open; when one has shut it, it gives way to who has a code, and the others do not."""
    other = Bridge(None, rig=b.rig)
    try:
        tabs = [other.browser().tab() for _ in range(16)]
        code = other.another_code()
        got = Browser(other).enter(code).words
        tabs.pop(0).close()

        def enters():
            return Browser(other).enter(code).status == 200
        until(enters, "nobody gives way")
        for t in tabs:
            holds("instances" in t.ask("instances"), "it was let go of")
            t.close()
        return f"{got}, then 200"
    finally:
        other.stop()


@row("refused")
def an_address_that_somebody_has(b):
    """Another user listens at one of both addresses of localhost already: the bridge does not serve at the other."""
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as s:
        port = s.getsockname()[1]
        said = b.rig.fails(1, "web", "--listen", f"localhost:{port}")
        holds("in use" in said.err and not said.out, said)
    return "refused"


# In a network of its own with four ports, of which three are somebody's at ::1: what `capos web` prints there.
FOUR_PORTS = """if 1:
    import fcntl, socket, struct, subprocess, sys
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as f:
            f.write("40000 40003")
    except OSError:
        sys.exit(77)
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS: up
    held = [socket.create_server(("::1", 40000 + n), family=socket.AF_INET6) for n in (0, 1, 3)]
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as web:
        print(web.stdout.readline().decode(), end="", flush=True)
        web.terminate()
"""


@row("40002")
def a_port_that_somebody_has_at_one_address(b):
    """Any port will do, so it takes one that is free at both."""
    if os.getuid() != 0 or not os.path.exists("/proc/net/if_inet6"):
        raise instance.Skip("it needs the superuser, and IPv6")
    done = subprocess.run(["unshare", "--net", sys.executable, "-c", FOUR_PORTS, b.rig.capos, "web", "--listen",
                           "localhost:0"], env=b.env, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77 or "unshare:" in done.stderr:
        raise instance.Skip("it needs a network of its own")
    found = re.match(r"http://localhost:(\d+)/#k=", done.stdout)
    return found.group(1) if found else done.stderr


@row("a file of its user's")
def what_opens_the_browser(b):
    """Everybody can read a program's arguments, so the code is in none."""
    seen = b.rig.path("seen")
    script = b.rig.path("browser")
    with open(script, "w", encoding="ascii") as f:
        f.write(f'#!/bin/sh\nstat -c %a "$1" >{seen}.new; echo "$@" >>{seen}.new; cat "$1" >>{seen}.new; '
                f'mv {seen}.new {seen}\n')
    os.chmod(script, 0o700)
    other = Bridge(None, "--open", rig=b.rig, env={"BROWSER": script})
    try:
        until(lambda: os.path.exists(seen), "no browser was started")
        with open(seen, encoding="utf-8") as f:
            mode, arguments, text = f.read().split("\n", 2)
        equal(mode, "600")
        holds(f"{other.origin}/#k={other.code}" in text and other.code not in arguments, (arguments, text))
        for pid in other.processes():
            holds(other.code.encode() not in of_process(pid, "cmdline"), pid)
        return "a file of its user's"
    finally:
        other.stop()


@row("403, 413 body")
def a_body_in_two_minds(b):
    """Of two lengths, of which pieces count, and nothing is read behind it; and in pieces that are too many."""
    head = {"X-Capos": "1", "Origin": b.origin, "Transfer-Encoding": "chunked"}
    one = b.request("POST", "/enter", "0\r\n\r\n", **head)
    s = b.connect()
    s.sendall(b.head("POST", "/enter", head) + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 5 + b"0\r\n\r\n")
    two = Answer(read_all(s))
    s.close()
    return f"{one.status}, {two.words}"


@row("ended")
def a_starter_that_is_killed(b):
    """Nobody could come in any more: the bridge ends, with all of it, and says so."""
    other = Bridge(None, rig=b.rig)
    try:
        t = other.browser().tab()
        pids = other.processes()
        os.kill(pids[1], signal.SIGKILL)
        until(lambda: other.web.poll() is not None, "the bridge goes on")
        until(lambda: not any(os.path.exists(f"/proc/{n}") for n in pids), "processes of it are left")
        holds(other.web.returncode == 1 and "has ended" in b.rig.read("web.log"), b.rig.read("web.log"))
        t.close()
        return "ended"
    finally:
        other.stop()
