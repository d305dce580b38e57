#!/usr/bin/env python3
"""described: whoever holds a capability can find out what it is (R48), however short its messages may be.

The services of the manifest that comes with this, and the instance's own, and one that composes panes, whose schema is
long: each is described to a profile with the shortest messages that a manifest may give, in parts. Who knows no parts
gets all at once, or is told why not.

usage: described.py PANEL
"""
import os
import struct
import subprocess
import sys

import instance
import sessionlib as s
from sessionlib import Failed, Refused

SCRIPT = "e2e-described"
PANEL = s.type_id("panel", "Panel", root="test/ui")
SETTINGS = s.type_id("remote_ui", "UiSettings")
SCHEMA = 2  # of RemoteCapSet
LEAST, LEAST_ADMIN = 4096, 65536  # who has `admin` has to have longer ones
MOST = 0xffffffff
SHIPPED = {"session": s.USER_SESSION, "system_info": s.SYSTEM_INFO, "chat": s.CHAT, "settings": SETTINGS,
           "panel": PANEL}


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def part(caps, interface, at=0, most=0):
    """(a part, the length of all)."""
    r = caps.call(SCHEMA, s.Struct(struct.pack("<QII", interface, at, most))).content
    return r.ptr(0) or b"", r.uint(0, 32)


def in_parts(caps, interface, most=MOST):
    """(all of it, the longest part)."""
    whole, longest = b"", 0
    while True:
        got, length = part(caps, interface, len(whole), most)
        whole += got
        longest = max(longest, len(got))
        if len(whole) >= length:
            expect(len(whole), length, "its length")
            return whole, longest
        if not got:
            raise Failed(f"nothing at {len(whole)} of {length}")


class Cases:
    def __init__(self, panel):
        least, wide = (instance.profile(name, list(SHIPPED), **quota)
                       for name, quota in (("least", {"message": f'"{LEAST}B"'}), ("wide", {})))
        elder = instance.profile("elder", ["session", "system_info", "admin"], message=f'"{LEAST_ADMIN}B"')
        self.target = instance.Instance(instance.manifest(
            services=[instance.service("panel", os.path.abspath(panel), PANEL),
                      instance.service("settings", "capos-settings", SETTINGS).replace(
                          "remote", "state = true, remote")],
            profiles=[least, wide, elder.replace("lease", "elevated = true, lease", 1)]))

    def prepare(self):
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")
        home = os.path.join(self.target.folder.name, "home")
        os.mkdir(home, 0o700)
        self.env = {**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home, "LC_ALL": "C.UTF-8"}
        for name in ("least", "wide", "elder"):
            self.target.add_user(name, [name])
        self.peers = {name: self.target.login(name) for name in ("least", "wide")}

    def run(self, *words, said=""):
        done = subprocess.run([self.capos, *words], capture_output=True, text=True, timeout=60, env=self.env,
                              input=said, check=False)
        if done.returncode:
            raise Failed(f"{words}: {done}")
        return done.stdout

    def all_shipped(self):
        """What the built-in manifest has is in the table above."""
        shown = self.run("manifest", "show")
        for name in SHIPPED:
            if name not in ("session", "panel") and f'name = "{name}"' not in shown:
                raise Failed(f"{name} is no service that comes with this")
        expect(shown.count("program ="), len(SHIPPED) - 2, "the services of the built-in manifest")

    def by_the_command(self):
        for user, names in (("least", SHIPPED), ("elder", {"admin": s.ADMIN})):
            self.run("login", f"{user}@{self.target.where}", "--as", user, "--password-stdin",
                     said=instance.SECRET + "\n")
            try:
                for name, interface in names.items():
                    said = self.run("describe", name, "-s", user)
                    if f"{interface:#x}" not in said.splitlines()[0]:
                        raise Failed(f"{name} is {said!r}")
            finally:
                self.run("logout", "-s", user)

    def parts_are_the_whole(self):
        _, _, narrow = self.peers["least"]
        _, _, wide = self.peers["wide"]
        for name, interface in SHIPPED.items():
            whole, length = part(wide, interface)
            expect(length, len(whole), f"the length of {name}")
            expect(in_parts(wide, interface)[0], whole, f"{name} in parts")
            expect(in_parts(wide, interface, 1000), (whole, 1000), f"{name} in parts of 1,000")
            mine, longest = in_parts(narrow, interface)
            expect(mine, whole, f"{name} in parts that get through")
            if longest > LEAST or (len(whole) > LEAST and longest < LEAST // 2):
                raise Failed(f"{name}: the longest part has {longest} bytes")

    def all_at_once(self):
        """As a client asks that knows no parts: all, or a reason."""
        peer, _, narrow = self.peers["least"]
        long = 0
        for name, interface in SHIPPED.items():
            length = part(narrow, interface, 0, 1)[1]
            try:
                expect(len(part(narrow, interface)[0]), length, name)
            except Refused as e:
                expect((e.code, length > LEAST - 256), ("over-quota.bytes", True), f"{name} of {length} bytes")
                long += 1
        expect(long >= 2, True, "some are too long")
        peer.gateway()  # it is there all the same

    def past_the_end(self):
        _, _, wide = self.peers["wide"]
        for at in (part(wide, s.CHAT)[1], MOST):
            expect(part(wide, s.CHAT, at, MOST)[0], b"", f"at {at}")
        for most in (0, 1, MOST):
            try:
                part(wide, 1, 0, most)
            except Refused as e:
                expect(e.code, "denied.unknown-name", "an interface that is not in the bundle")
            else:
                raise Failed("an interface that is not in the bundle is described")


def main():
    cases = Cases(*sys.argv[1:])
    with cases.target:
        cases.prepare()
        return instance.run_cases(SCRIPT, [
            ("the services that come with this", cases.all_shipped),
            ("by the command", cases.by_the_command),
            ("parts are the whole", cases.parts_are_the_whole),
            ("all at once", cases.all_at_once),
            ("past the end", cases.past_the_end)])


if __name__ == "__main__":
    sys.exit(main())
