#!/usr/bin/env python3
"""confine: an instance in confinement `full`, looked at from outside while it works.

Why: each layer is tried from inside where it is made (test-daemon-seclude). Here is the whole: every
process has what it should, the instance works as without, and a machine that cannot have a layer
starts such an instance only if the manifest says so.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import threading

import instance
import oplib
import sessionlib as s
from sessionlib import Failed

SCRIPT = "e2e-confine"
DEVICE = 2
FIRST_USER = 1823014912
SERVICES = 16
ROOT = os.geteuid() == 0
# Whoever has to know users by their numbers stays where these mean something.
SEES_USERS = ("gateway", "sessiond")
# Whoever asks identity providers has the machine's network, and nothing else of it.
DIALS = "fetcher"
NUMBERS = {"sessiond": 0, "gateway": 1, "worker": 2, "prover": 3, "fetcher": 5, "system-info": SERVICES,
           "chat": SERVICES + 1}
# A user namespace in which there can be no other network.
LESS = ["unshare", "--user", "--map-root-user", "sh", "-c",
        'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"', "sh"]


def expect(found, wanted, what):
    if found != wanted:
        raise Failed(f"{what}: {found!r}, not {wanted!r}")


def text(**more):
    """A manifest, with members added; chat has a state directory."""
    members = "".join(f"{k} = {v}, " for k, v in more.items())
    plain = instance.manifest().replace('name = "chat",', 'name = "chat", state = true,', 1)
    return plain.replace("( motd", f"( {members}motd", 1)


def with_provider(op):
    """The same, with an identity provider: so there are fetchers."""
    oidc = (f'oidc = [(name = "op", issuer = "{op.url}", clientId = "{oplib.CLIENT}", '
            f'loopback = true)],')
    profile = 'name = "operator", unbound = true'
    return text(confinement="full").replace("authentication = (", f"authentication = ({oidc}", 1) \
        .replace('name = "operator"', profile, 1)


class Cases:
    def __init__(self, run, op=None):
        self.run, self.op = run, op

    def others(self):
        return {p: n.removeprefix("capos-") for p, n in self.run.tree().items()
                if p != self.run.process.pid}

    def fetchers(self):
        """All is looked at again while a provider lets a fetcher wait; then that is served."""
        go = threading.Event()

        def device(h, _):
            go.wait(60)
            h.answer(200, {"device_code": "a", "user_code": "B", "interval": 1, "expires_in": 600,
                           "verification_uri": f"{self.op.url}/activate"})
        self.op.answers["/device"] = device
        peer = self.run.connect()
        q = peer.flow(DEVICE).send(0, s.Struct(b"", [b""]))
        instance.until(lambda: self.op.count("/device"), "a question at the provider")
        instance.until(lambda: len(self.run.pids("fetcher")) == 2, "the end of the fetchers before")
        try:
            self.namespaces()
            self.no_powers()
            if ROOT:
                Cases.nothing_to_see(self)
                Cases.users(self)
        finally:
            go.set()
        expect(s.text(peer.wait(q).content.ptr(0).ptr(2)), "B", "the provider's code")
        peer.close()

    def each(self, look):
        """Looks at all that are there; who ends meanwhile is left out."""
        for pid, name in self.others().items():
            try:
                look(pid, name)
            except (OSError, IndexError):
                if instance.state(pid) not in ("", "Z"):
                    raise

    def namespaces(self):
        def look(pid, name):
            outside = not ROOT and name in SEES_USERS
            for kind in ("net", "mnt", "ipc", "uts"):
                try:
                    same = (os.readlink(f"/proc/{pid}/ns/{kind}")
                            == os.readlink(f"/proc/self/ns/{kind}"))
                except PermissionError:
                    continue  # who is not dumpable is not looked at; the superuser looks
                expect(same, outside or (kind == "net" and name == DIALS),
                       f"{kind} of {name} is ours")
        self.each(look)

    @instance.needs_root
    def nothing_to_see(self):
        def look(pid, name):
            top = os.path.join("/proc", str(pid), "root")
            secrets = {"home", "root", "proc", "sys", "run", "var", "boot", "mnt"}
            if "CAPOS_SANITIZED" in os.environ:
                secrets.remove("proc")  # for its reports
            for secret in secrets & set(os.listdir(top)):
                if os.listdir(os.path.join(top, secret)) \
                        and not instance.build_folder().startswith(f"/{secret}/"):
                    raise Failed(f"{name} sees /{secret}")
        self.each(look)

    @instance.needs_root
    def users(self):
        def look(pid, name):
            uids = instance.read_proc(pid, "status").split("Uid:")[1].split("\n")[0].split()
            expect(set(uids), {str(FIRST_USER + NUMBERS[name])}, f"user of {name}")
        self.each(look)

    @instance.needs_root
    def files_belong_to_them(self):
        state = self.run.state
        expect(os.stat(state).st_uid, FIRST_USER, "owner of the state")
        expect(os.stat(f"{state}/accounts.db").st_uid, FIRST_USER, "owner of the accounts")
        expect(os.stat(f"{state}/services/chat").st_uid, FIRST_USER + NUMBERS["chat"],
               "owner of chat's directory")

    def no_powers(self):
        def look(pid, name):
            status = instance.read_proc(pid, "status")
            for line in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                expect(int(status.split(f"{line}:")[1].split()[0], 16), 0, f"{line} of {name}")
        self.each(look)

    def it_works(self):
        peer, _, caps = self.run.login()
        expect(s.motd(s.get(caps, "system_info", s.SYSTEM_INFO)), "Hello from the test.", "motd")
        s.get(caps, "chat", s.CHAT)
        peer.close()

    def who_dies_comes_back(self):
        for part in ("gateway", "chat", "sessiond"):
            before = self.run.pids(part)
            for pid in before:
                os.kill(pid, 9)
            instance.until(lambda p=part, b=before: set(self.run.pids(p)) - set(b), f"a new {part}")
        def served():
            try:
                self.it_works()
            except (OSError, s.Closed, s.Refused):
                return False
            return True
        instance.until(served, "service")


def less(manifest):
    """Starts it where there is less to be had: (exit code, log), or None while it runs."""
    run = instance.Instance(manifest)
    run.wrapper = LESS
    return run


def refused_where_it_cannot_be_had():
    run = less(text(confinement="full"))
    try:
        run.start()
        raise Failed("it has started")
    except Failed as e:
        if "namespaces" not in str(e) or "acceptBasic" not in str(e):
            raise
    finally:
        run.process.kill()
        run.process.wait()
        run.process.stdout.close()
        run.folder.cleanup()


def accepted_where_the_manifest_says_so():
    with less(text(confinement="full", exposed="acceptBasic")) as run:
        Cases(run).it_works()
        if "the manifest accepts that" not in run.log_text():
            raise Failed(run.log_text())


def on_one_state_directory():
    """With `full`, without, and with it again: the files belong to whom they should each time."""
    with tempfile.TemporaryDirectory(prefix="capos-e2e-") as folder:
        full = text(confinement="full")
        for manifest, owner, user in ((full, FIRST_USER, True), (text(), 0, False),
                                      (full, FIRST_USER, False)):
            run = instance.Instance(manifest, user=user)
            run.arguments[1] = run.state = os.path.join(folder, "state")
            with run:
                Cases(run).it_works()
                if ROOT:
                    expect(os.stat(f"{run.state}/accounts.db").st_uid, owner, "owner of accounts")


def can_have():
    capos = os.path.join(instance.build_folder(), "bin", "capos")
    done = subprocess.run([capos, "doctor", "--json"], capture_output=True, text=True, timeout=60,
                          check=False)
    return '"full": true' in done.stdout or '"full":true' in done.stdout


def can_have_less():
    return shutil.which("unshare") and subprocess.run([*LESS, "true"], capture_output=True,
                                                      timeout=60, check=False).returncode == 0


def main():
    if not can_have():
        print("this machine cannot have it: capos doctor")
        return 77
    try:
        op = oplib.Provider()
        with instance.Instance(with_provider(op)) as run:
            cases = Cases(run, op)
            table = [(name.replace("_", " "), getattr(cases, name))
                     for name in ("namespaces", "nothing_to_see", "users", "files_belong_to_them",
                                  "no_powers", "it_works", "fetchers", "who_dies_comes_back")]
            table += [("on one state directory", on_one_state_directory)]
            if can_have_less():
                table += [("refused where it cannot be had", refused_where_it_cannot_be_had),
                          ("accepted where the manifest says so",
                           accepted_where_the_manifest_says_so)]
            return instance.run_cases(SCRIPT, table)
    except (Failed, s.Closed, s.Refused, OSError) as e:
        print(f"not ok instance - {type(e).__name__} {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
