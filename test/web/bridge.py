"""bridge: an instance, a bridge to it, and a client of our own that is no browser: raw sockets, HTTP by hand,
a WebSocket by hand, and the browser's key by python3-cryptography.
"""
import atexit
import base64
import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from rig import PASSWORD, Failed, Rig, equal, holds, keygen  # noqa: E402,F401  (what others take from here)

DEADLINE = int(os.environ.get("CAPOS_WEB_DEADLINE", "120"))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Answer:
    """What came on a socket: a status and a body, or nothing."""

    def __init__(self, raw):
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        found = re.match(r"HTTP/1\.1 (\d+)", lines[0])
        self.status = int(found.group(1)) if found else 0
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()

    def __repr__(self):
        return f"{self.status} {self.body[:80]!r}" if self.status else f"closed {self.raw[:80]!r}"

    @property
    def words(self):
        """As a row of a table has it: `403 origin`."""
        return f"{self.status} {self.body.decode('latin-1').strip()}".strip() if self.status else "closed"


def of_process(pid, name):
    """A file of /proc; nothing, when the process has ended."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as f:
            return f.read()
    except OSError:
        return b""


def read_all(s):
    """Until the other side has ended, however."""
    got = b""
    s.settimeout(DEADLINE)
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return got
        if not more:
            return got
        got += more


class Closed(Exception):
    """A WebSocket has ended: its code, or 0, and the reason."""

    def __init__(self, code, why=""):
        super().__init__(f"closed with {code} {why}")
        self.code, self.why = code, why


class Socket:
    """A WebSocket, as bytes."""

    def __init__(self, s, early=b""):
        self.s, self.got = s, early
        self.frames = []
        self.last = 0

    def close(self):
        self.s.close()

    @staticmethod
    def frame(payload, opcode=1, fin=True, masked=True):
        n = len(payload)
        size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else \
            b"\x7f" + struct.pack(">Q", n)
        if not masked:
            return bytes([(0x80 if fin else 0) | opcode]) + size + payload
        mask = os.urandom(4)
        body = bytes(a ^ b for a, b in zip(payload, mask * (n // 4 + 1)))
        return bytes([(0x80 if fin else 0) | opcode, 0x80 | size[0]]) + size[1:] + mask + body

    def raw(self, data):
        self.s.settimeout(DEADLINE)
        self.s.sendall(data)

    def send_text(self, text):
        self.raw(self.frame(text.encode()))

    def need(self, n):
        """Reads on until so many bytes are there."""
        while len(self.got) < n:
            self.s.settimeout(DEADLINE)
            try:
                more = self.s.recv(65536)
            except ConnectionResetError as e:
                raise Closed(0) from e
            if not more:
                raise Closed(0)
            self.got += more

    def read(self):
        """The next text message; pings are answered."""
        while True:
            self.need(2)
            opcode, n, at = self.got[0] & 15, self.got[1] & 127, 2
            if n == 126:
                self.need(4)
                n, at = struct.unpack(">H", self.got[2:4])[0], 4
            elif n == 127:
                self.need(10)
                n, at = struct.unpack(">Q", self.got[2:10])[0], 10
            self.need(at + n)
            payload, self.got = self.got[at:at + n], self.got[at + n:]
            if opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if len(payload) > 1 else 1005
                raise Closed(code, payload[2:].decode())
            if opcode == 9:
                self.raw(self.frame(payload, opcode=10))
            elif opcode == 1:
                return payload.decode()

    def ended(self):
        """Reads on until it is closed, and says with what."""
        try:
            while True:
                self.read()
        except Closed as e:
            return e.code

    # ---- frames of web.capnp -----------------------------------------------------------------

    def up(self, what, value=None, **more):
        """Sends a WebUp, and returns its id."""
        self.last += 1
        self.send_text(json.dumps({"id": self.last, what: value, **more}))
        return self.last

    def down(self, wanted, id=None):
        """The next WebDown for which wanted(it) holds, or that has this member; others are kept."""
        if isinstance(wanted, str):
            name, wanted = wanted, lambda f: name in f
        for i, f in enumerate(self.frames):
            if wanted(f) and (id is None or f.get("id", 0) == id):
                return self.frames.pop(i)
        while True:
            f = json.loads(self.read())
            if wanted(f) and (id is None or f.get("id", 0) == id):
                return f
            self.frames.append(f)

    def ask(self, what, value=None):
        """Sends a WebUp and returns what answers it."""
        id = self.up(what, value)
        return self.down(lambda f: f.get("id") == id)


class Browser:
    """A browser as the bridge sees one: a key, a cookie, and tabs."""

    def __init__(self, bridge):
        self.bridge = bridge
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.cookie = self.csrf = None

    def public(self):
        return b64(self.key.public_key().public_bytes(serialization.Encoding.X962,
                                                      serialization.PublicFormat.UncompressedPoint))

    def enter(self, code=None, **more):
        code = self.bridge.code if code is None else code
        a = self.bridge.request("POST", "/enter", body=f"{code}\n{self.public()}",
                                **{"X-Capos": "1", "Origin": self.bridge.origin, **more})
        if a.status == 200:
            self.csrf = a.body.decode()
            self.cookie = re.match(r"(__Host-capos-\d+=[\w-]+);", a.headers["set-cookie"]).group(1)
        return a

    def upgrade(self, **more):
        """The handshake alone: an Answer, or a Socket."""
        headers = {"Origin": self.bridge.origin, "Cookie": self.cookie, "Upgrade": "websocket",
                   "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **more}
        s = self.bridge.connect()
        s.sendall(self.bridge.head("GET", "/ws", headers))
        got = b""
        s.settimeout(DEADLINE)
        while b"\r\n\r\n" not in got:
            data = s.recv(65536)
            if not data:
                break
            got += data
        if not got.startswith(b"HTTP/1.1 101"):
            got += read_all(s)
            s.close()
            return Answer(got)
        head, _, rest = got.partition(b"\r\n\r\n")
        accept = hashlib.sha1(headers["Sec-WebSocket-Key"].encode() +
                              b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        holds(base64.b64encode(accept) in head, f"the handshake's answer: {head}")
        return Socket(s, rest)

    def sign(self, greet, key=None, nonce=None):
        port = str(self.bridge.port).encode()
        text = b"capos-web-1\0" + (nonce or base64.b64decode(greet["nonce"])) + \
            base64.b64decode(greet["cookie"]) + port
        r, s = decode_dss_signature((key or self.key).sign(text, ec.ECDSA(hashes.SHA256())))
        return base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()

    def tab(self):
        """A tab that is in."""
        t = self.upgrade()
        holds(isinstance(t, Socket), f"no WebSocket: {t}")
        equal(t.ask("hello", self.sign(t.down("greet")["greet"])).get("done", 0), None, "hello")
        return t


class Bridge:
    """An instance, and `capos web` in front of it."""

    def __init__(self, binaries, *options, manifest=None, env=None, rig=None, port=0):
        self.rig = rig or Rig(binaries, None, manifest=manifest)
        self.env = {**self.rig.env, **(env or {})}
        self.log = open(self.rig.path("web.log"), "w+")
        self.start(*options, port=port)

    def start(self, *options, port=0):
        """A port that another one is to have after it is none that the kernel gives to others meanwhile (ports.py)."""
        self.web = subprocess.Popen(
            [self.rig.capos, "web", "--listen", f"localhost:{port}", "--instance", f"lab={self.rig.address}",
             *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, env=self.env)
        atexit.register(self.end)
        self.read_code()
        self.host = f"localhost:{self.port}"
        self.origin = f"http://{self.host}"

    def read_code(self):
        line = self.rig.read_line(self.web.stdout, DEADLINE)
        found = re.fullmatch(r"http://localhost:(\d+)/#k=([\w-]{22})\n", line)
        holds(found, f"the address is {line!r}: {self.rig.read('web.log')}")
        self.port, self.code = int(found.group(1)), found.group(2)

    def another_code(self):
        self.web.send_signal(signal.SIGUSR1)
        self.read_code()
        return self.code

    def browser(self):
        b = Browser(self)
        equal(b.enter(self.another_code()).status, 200, "enter")
        return b

    def logged_in(self):
        """A tab with a session of alice's."""
        t = self.browser().tab()
        holds("methods" in t.ask("connect", 0), "no methods")
        r = t.ask("login", {"kind": "password", "account": "alice", "secret": PASSWORD})
        equal(r.get("session", {}).get("account"), "alice", "login")
        return t

    def connect(self, address="127.0.0.1"):
        s = socket.create_connection((address, self.port), DEADLINE)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def head(self, method, path, headers):
        headers = {"Host": self.host, **headers}
        lines = [f"{method} {path} HTTP/1.1"]
        for name, value in headers.items():
            for v in value if isinstance(value, list) else [value]:
                if v is not None:
                    lines.append(f"{name}: {v}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def request(self, method, path, body=None, address="127.0.0.1", **headers):
        if body is not None:
            headers["Content-Length"] = str(len(body))
        s = self.connect(address)
        try:
            s.sendall(self.head(method, path, headers) + (body or "").encode())
        except (BrokenPipeError, ConnectionResetError):
            pass
        a = Answer(read_all(s))
        s.close()
        return a

    def lives(self):
        """The front answers, and another browser can work."""
        equal(self.web.poll(), None, "capos web has ended")
        t = self.browser().tab()
        holds("instances" in t.ask("instances"), "no instances")
        t.close()

    @staticmethod
    def below(pid):
        """A process and all that it has started, which stand behind it, but those that end meanwhile."""
        found = [pid]
        for child in of_process(pid, f"task/{pid}/children").split():
            found += Bridge.below(int(child))
        return found

    def processes(self):
        """The bridge's: the front first, then the starter, then the browsers'."""
        return self.below(self.web.pid)

    def pids_of(self, name):
        """The instance's processes of a program, in the order of their making."""
        return [pid for pid in self.below(self.rig.server.pid)
                if os.path.basename(of_process(pid, "cmdline").split(b"\0")[0]) == name.encode()]

    def pid_of(self, name):
        """A process of the instance's, of which there is one."""
        found = self.pids_of(name)
        equal(len(found), 1, f"processes of {name}")
        return found[0]

    def to_workers(self, number):
        """A signal to the instance's workers, but not to what they are copies of. One may end by itself just now."""
        for pid in self.pids_of("capos-worker")[1:]:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def said(self):
        """What it has said last, for who looks for why something has failed."""
        return self.rig.read("web.log")[-2000:]

    def end(self):
        """Ends the process, whatever has failed."""
        if self.web.poll() is None:
            self.web.send_signal(signal.SIGTERM)
            try:
                self.web.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.web.kill()
                self.web.wait()

    def stop(self):
        """Ends the bridge, and leaves the instance."""
        self.end()
        atexit.unregister(self.end)
        self.web.stdout.close()
        self.log.close()

    def close(self):
        self.stop()
        self.rig.close()


def until(f, what, seconds=DEADLINE):
    """Waits for what is true, and returns it."""
    end = time.monotonic() + seconds
    while not (found := f()):
        holds(time.monotonic() < end, what)
        time.sleep(0.05)
    return found
