#!/usr/bin/env python3
"""listen: where an instance can be reached, and that both sides know who is there.

Why: a Unix socket is the only way by which the kernel says who the other side is. That it is there
beside a port, that a key's proof over it holds (the transcript names the transport), that the log
has it, and that nobody is sent to another's listener, is seen from outside only.

usage: listen.py
"""
import json
import os
import re
import socket
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "attack"))

import attacklib  # noqa: E402
import certlib  # noqa: E402
import instance  # noqa: E402
import sessionlib as s  # noqa: E402
from sessionlib import Failed  # noqa: E402


EVERYWHERE = re.compile(r"remote CapSet: tls (\S+) (\d+) \S+\n")
# Becomes its last words, in a kernel whose socket(AF_INET6, …) is EAFNOSUPPORT.
WITHOUT_IPV6 = """
import ctypes, os, sys
class Arg(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
f = ctypes.c_void_p(lib.seccomp_init(0x7fff0000))
is_six = Arg(0, 4, 10, 0)
call = lib.seccomp_syscall_resolve_name(b"socket")
assert not lib.seccomp_rule_add_array(f, 0x50000 | 97, call, 1, ctypes.byref(is_six))
assert not lib.seccomp_load(f)
os.execv(sys.argv[1], sys.argv[1:])
"""


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


class Cases:
    def __init__(self, target):
        self.target = target
        self.path = os.path.join(target.folder.name, "clients.sock")

    def transport(self, name, where, *how, stdin=""):
        """Logs in by the command; what the session says of its transport."""
        self.target.capos("login", where, *how, "--as", name, stdin=stdin)
        try:
            return json.loads(self.target.capos("whoami", "-s", name, "--json"))["transport"]
        finally:
            self.target.capos("logout", "-s", name)

    def the_socket_is_for_everybody(self):
        expect(stat.S_IMODE(os.stat(self.path).st_mode), 0o666, "mode")

    def by_key(self):
        key = ("--identity", self.target.key)
        expect(self.transport("k1", f"carol@unix:{self.path}", *key), "unix", "transport")
        expect(self.transport("k2", f"carol@{self.target.where}", *key), "plain", "transport")

    def by_password(self):
        expect(self.transport("p1", f"{instance.USER}@unix:{self.path}", "--password-stdin",
                              stdin=instance.SECRET + "\n"), "unix", "transport")

    def renewed_by_key(self):
        self.target.capos("login", f"carol@unix:{self.path}", "--identity", self.target.key,
                          "--as", "r1")
        self.target.capos("renew", "-s", "r1", "--identity", self.target.key)
        self.target.capos("logout", "-s", "r1")

    def audited(self):
        wanted = f'"source":"unix:uid={os.geteuid()}"'.encode()
        lines = [line for line in self.target.audit_lines() if b'"transport":"unix"' in line]
        if not lines or not all(wanted in line for line in lines):
            raise Failed(f"no record of a Unix socket with {wanted}: {lines[:2]}")

    def status_has_all(self):
        status = json.loads(self.target.capos("status", "--state", self.target.state, "--json"))
        expect(status["addresses"], [self.target.where, f"unix:{self.path}"], "addresses")
        text = self.target.capos("status", "--state", self.target.state)
        for address in status["addresses"]:
            if address not in text:
                raise Failed(f"{address} is not in {text!r}")

    def beside_a_port(self):
        """Without being asked for; found by who says `localhost` and the port."""
        other = attacklib.Target()
        runtime = os.path.join(other.folder.name, "home")
        os.mkdir(runtime, 0o700)
        other.env = dict(os.environ, XDG_RUNTIME_DIR=runtime)
        with other:
            port = other.address.rsplit(":", 1)[1]
            folder = "/run" if os.geteuid() == 0 else runtime
            path = f"{folder}/capos/instance-{port}.sock"
            if not os.path.exists(path) and not os.access(folder, os.W_OK):
                return
            expect(stat.S_ISSOCK(os.stat(path).st_mode), True, path)
            other.capos("login", f"carol@localhost:{port}", "--identity", other.key, "--as", "l")
            said = json.loads(other.capos("whoami", "-s", "l", "--json"))["transport"]
            expect(said, "unix", "transport of localhost")
            other.capos("logout", "-s", "l")
        expect(os.path.exists(path), False, "the socket afterwards")

    def everywhere(self):
        """An instance that listens on all addresses."""
        text = instance.manifest().replace("( motd", "( exposed = acceptBasic, motd", 1)
        other = instance.Instance(text)
        other.arguments[3] = "tls:*:0"
        other.endpoint = lambda: other.hear(EVERYWHERE).group(2)
        other.user = False
        return other

    def on_all_addresses(self):
        """Who comes by IPv4 has an address of IPv4, whatever the listener's socket is."""
        with self.everywhere() as other:
            certlib.TlsPeer(f"127.0.0.1:{other.address}").anonymous()
            sources = [r.get("source") or "" for r in instance.audit(other.state)]
        if not any(source.startswith("127.0.0.1:") for source in sources):
            raise Failed(f"sources: {sources}")

    def on_all_addresses_without_ipv6(self):
        """`*` is IPv6 and IPv4, or what of them the kernel has."""
        other = self.everywhere()
        other.wrapper = [sys.executable, "-c", WITHOUT_IPV6]
        with other:
            expect(other.hear(EVERYWHERE).group(1), "0.0.0.0", "the listener")

    def a_taken_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            where = f"plain:127.0.0.1:{taken.getsockname()[1]}"
            state = os.path.join(self.target.folder.name, "other")
            done = subprocess.run([self.target.command, "up", "--state", state, "--listen", where],
                                  capture_output=True, text=True, timeout=60, check=False)
        expect(done.returncode, 1, "exit code")
        expect(done.stdout, "", "standard output")
        if "--listen 127.0.0.1:0" not in done.stderr:
            raise Failed(f"no way out is named: {done.stderr!r}")


def main():
    target = attacklib.Target()
    target.arguments += ["--listen", f"unix:{target.folder.name}/clients.sock"]
    try:
        with target:
            cases = Cases(target)
            return instance.run_cases("e2e-listen", [
                ("the socket is for everybody", cases.the_socket_is_for_everybody),
                ("by key", cases.by_key),
                ("by password", cases.by_password),
                ("renewed by key", cases.renewed_by_key),
                ("audited", cases.audited),
                ("status has all", cases.status_has_all),
                ("beside a port", cases.beside_a_port),
                ("on all addresses", cases.on_all_addresses),
                ("on all addresses without IPv6", cases.on_all_addresses_without_ipv6),
                ("a taken port", cases.a_taken_port)])
    except (Failed, s.Closed, s.Refused, OSError) as e:
        print(f"not ok instance - {type(e).__name__} {e}")
        instance.count("e2e-listen", 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
