#!/usr/bin/env python3
"""identity: what an instance shows over TLS, while that changes and while processes die.

Why: a certificate is replaced while people work. Nobody must notice but who comes after it; and
whatever is wrong with a new one, or dies over it, must leave the instance with a good one. The
client is Python's ssl, which knows nothing of ours.

usage: identity.py
"""
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import instance
import sessionlib as s
from sessionlib import Failed

SCRIPT = "e2e-identity"
SESSIONS = 100
LINE = re.compile(r"remote CapSet: tls (\S+) (\d+) (sha256:\S+)")
P256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
LEAF = ("-addext", "basicConstraints=critical,CA:FALSE")


def expect(got, wanted, what):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted!r}, got {got!r}")


def holds(text, part, what):
    if part not in text:
        raise Failed(f"{what}: no {part!r} in {text!r}")


class TlsPeer(s.Peer):
    """A connection over TLS that believes whom it meets; `certificate` is what it was shown."""

    def __init__(self, address, pause=None):
        """pause: is called between the connection and the handshake."""
        super().__init__(address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.sock.settimeout(s.WAIT_S * 2)
        if pause:
            pause()
        try:
            self.sock = context.wrap_socket(self.sock)
        except BaseException:
            self.sock.close()
            raise
        self.certificate = self.sock.getpeercert(binary_form=True)

    def send(self, *frames):
        self.sock.settimeout(s.WAIT_S)
        try:
            self.sock.sendall(b"".join(frames))
        except OSError:
            self.sent_closed = True
        self.sock.setblocking(False)

    def fill(self):
        got = b"x"
        some = False
        while got:
            try:
                got = self.sock.recv(1 << 16)
            except ssl.SSLWantReadError:
                return True
            except OSError:
                return some
            self.buf += got
            some = some or bool(got)
        return some


class TlsInstance(instance.Instance):
    """An instance that listens on TLS. `home`: of who calls the command."""

    def __init__(self, text=None):
        super().__init__(text or instance.manifest())
        self.arguments[3] = "tls:127.0.0.1:0"
        self.fingerprint = None
        self.command = os.path.join(instance.build_folder(), "bin", "capos")
        self.tls = os.path.join(self.state, "tls")

    def endpoint(self):
        got = b""
        while not LINE.search(got.decode(errors="replace")):
            part = os.read(self.process.stdout.fileno(), 4096)
            if not part:
                raise Failed(f"the instance does not start: {self.log_text()[-2000:]}")
            got += part
        found = LINE.search(got.decode(errors="replace"))
        self.fingerprint = found.group(3)
        return f"{found.group(1)}:{found.group(2)}"

    def connect(self, pause=None):
        return TlsPeer(self.address, pause)

    def capos(self, *words, code=0):
        """Runs the command on this instance; (standard output, standard error)."""
        done = subprocess.run([self.command, *words, "--state", self.state], capture_output=True,
                              text=True, timeout=120, check=False,
                              env=dict(os.environ, XDG_CONFIG_HOME=self.folder.name))
        if done.returncode != code:
            raise Failed(f"{words}: {done.returncode}, not {code}: {done.stdout} {done.stderr}")
        return done.stdout, done.stderr

    def stored(self):
        """The certificate that lies in the state directory."""
        with open(f"{self.tls}/cert.pem", encoding="ascii") as f:
            pem = f.read()
        return ssl.PEM_cert_to_DER_cert(pem[:pem.index("-----END") + 25])

    def shown(self):
        """The certificate that somebody is shown who connects now, and calls."""
        peer = self.connect()
        try:
            called(enter(peer))
            return peer.certificate
        finally:
            peer.close()

    def kill(self, part):
        """Kills a process; waits for the next one."""
        before = self.pids(part)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        instance.until(lambda: [p for p in self.pids(part) if p not in before], f"a new {part}")


def enter(peer):
    """An anonymous session's system_info."""
    return s.get(s.cap_set(peer.anonymous()), "system_info", s.SYSTEM_INFO)


def called(info):
    expect(s.motd(info), "Hello from the test.", "motd")


def served(run):
    """Waits until somebody can come in."""
    def try_it():
        try:
            return run.shown()
        except (OSError, s.Closed, s.Refused, s.Hang):
            return None
    return instance.until(try_it, "service")


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make(folder, name, *how):
    """NAME.pem and NAME.key, which signs itself."""
    openssl(folder, "req", "-x509", "-nodes", "-subj", f"/CN={name}", "-days", "30", "-keyout",
            f"{name}.key", "-out", f"{name}.pem", *how)


def make_all(folder):
    make(folder, "good", *P256, *LEAF)
    make(folder, "brief", *P256, *LEAF, "-days", "3")
    make(folder, "rsa", "-newkey", "rsa:2048", *LEAF)
    make(folder, "ca", *P256)
    openssl(folder, "pkey", "-in", "good.key", "-aes256", "-passout", "pass:x", "-out",
            "locked.key")
    with open(f"{folder}/both.pem", "wb") as f:
        for name in ("good.pem", "good.key"):
            with open(f"{folder}/{name}", "rb") as part:
                f.write(part.read())


class Cases:
    def __init__(self, run):
        self.run = run
        self.folder = run.folder.name

    def shown_is_stored(self):
        expect(self.run.shown(), self.run.stored(), "certificate")
        holds(json.loads(self.run.capos("status", "--json")[0])["address"], self.run.fingerprint,
              "status")

    def names_are_said_once(self):
        """Of the instance's first certificate: 127.0.0.1 is this machine, and listened on."""
        expect(json.loads(self.run.capos("status", "--json")[0])["certificate"]["names"],
               "DNS:localhost, IP:127.0.0.1, IP:::1", "names")

    def replaced_under_sessions(self):
        """Nobody notices; who comes after it sees the new one, and who is in the middle comes in."""
        old, peers = self.run.stored(), [self.run.connect() for _ in range(SESSIONS)]
        infos = [enter(p) for p in peers]
        half = [socket.create_connection(self.run.address.rsplit(":", 1)) for _ in range(8)]
        others = Stream(self.run)
        for new_key in ((), ("--new-key",), ("--new-key",)):
            holds(self.run.capos("cert", "renew", *new_key)[0], "sessions go on", "renew")
            new = self.run.stored()
            if new == old or self.run.shown() != new:
                raise Failed("whoever comes now does not see the new certificate")
            old = new
            for info in infos:
                called(info)
        others.end()
        for sock in half:
            sock.close()
        for peer in peers:
            peer.close()

    def handshakes_under_way(self):
        """A connection from before, whose handshake comes after."""
        for new_key in ((), ("--new-key",)):
            peer = self.run.connect(lambda k=new_key: self.run.capos("cert", "renew", *k))
            called(enter(peer))
            peer.close()

    def renewed_with_the_same_key(self):
        before = self.run.capos("cert", "show", "--json")[0]
        old = self.run.shown()
        self.run.capos("cert", "renew")
        expect(json.loads(self.run.capos("cert", "show", "--json")[0])["fingerprint"],
               json.loads(before)["fingerprint"], "fingerprint")
        if self.run.shown() == old:
            raise Failed("it is the old certificate")

    def imported(self):
        expect("  !  " in self.run.capos("status")[0], False, "a warning too early")
        self.run.capos("cert", "import", f"{self.folder}/brief.pem", f"{self.folder}/brief.key")
        said = self.run.capos("status")[0]
        holds(said, "the certificate ends in", "a warning")
        holds(said, "capos cert renew", "what to do")
        out = self.run.capos("cert", "import", f"{self.folder}/good.pem",
                             f"{self.folder}/good.key", "--json")[0]
        expect(json.loads(out)["taken"], True, "taken")
        expect(self.run.shown(), self.run.stored(), "certificate")
        status = json.loads(self.run.capos("status", "--json")[0])
        holds(status["address"], json.loads(out)["fingerprint"], "status")
        holds(status["certificate"]["names"], "none", "names")

    def refused_by_name(self):
        """By the command, which changes nothing."""
        before = self.run.stored()
        for cert, key, why in (("rsa", "rsa", "RSA"), ("ca", "ca", "CA:TRUE"),
                               ("good", "ca", "does not belong"),
                               ("good", "locked", "passphrase")):
            err = self.run.capos("cert", "import", f"{self.folder}/{cert}.pem",
                                 f"{self.folder}/{key}.key", code=1)[1]
            holds(err, why, "reason")
            expect(self.run.stored(), before, "what is stored")
            expect(self.run.shown(), before, "what is shown")

    def refused_by_the_instance(self):
        """Files that somebody has put there without the command."""
        before, keep = self.run.stored(), f"{self.folder}/keep"
        shutil.copytree(self.run.tls, keep)
        try:
            for cert, key, why in (("rsa", "rsa", "RSA"), ("ca", "ca", "CA:TRUE"),
                                   ("good", "ca", "does not belong"),
                                   ("good", "locked", "passphrase"),
                                   ("both", "good", "a private key in it"),
                                   ("good", None, "No such file")):
                self.put(f"{self.folder}/{cert}.pem", key and f"{self.folder}/{key}.key")
                admin = self.run.admin()
                try:
                    refused(admin, why)
                finally:
                    admin.close()
                expect(self.run.shown(), before, "what is shown")
        finally:
            self.put(f"{keep}/cert.pem", f"{keep}/key.pem")
        admin = self.run.admin()
        admin.ref.call(10)
        admin.close()
        expect(self.run.shown(), before, "what is shown at the end")

    def put(self, cert, key):
        shutil.copyfile(cert, f"{self.run.tls}/cert.pem")
        if os.path.exists(f"{self.run.tls}/key.pem"):
            os.unlink(f"{self.run.tls}/key.pem")
        if key:
            shutil.copyfile(key, f"{self.run.tls}/key.pem")

    def without_a_signer(self):
        """The next one takes what lies there when it starts; the command waits for that."""
        peer = self.run.connect()
        info = enter(peer)
        for pid in self.run.pids("signer"):
            os.kill(pid, signal.SIGKILL)
        self.run.capos("cert", "renew", "--new-key")
        expect(served(self.run), self.run.stored(), "certificate")
        called(info)
        peer.close()

    def who_comes_without_a_signer(self):
        """Waits for the next one, and gets in."""
        for _ in range(3):
            pids = self.run.pids("signer")
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            instance.until(lambda p=pids: all(instance.state(n) in ("", "Z") for n in p), "its end")
            expect(self.run.shown(), self.run.stored(), "certificate")

    def the_signer_dies(self):
        peer = self.run.connect()
        info = enter(peer)
        self.run.kill("signer")
        expect(served(self.run), self.run.stored(), "certificate")
        called(info)
        peer.close()

    def the_session_manager_dies(self):
        self.run.kill("sessiond")
        expect(served(self.run), self.run.stored(), "certificate")
        self.run.capos("cert", "renew")
        expect(self.run.shown(), self.run.stored(), "certificate")

    def the_gateway_dies(self):
        peer = self.run.connect()
        info = enter(peer)
        self.run.kill("gateway")
        self.run.capos("cert", "renew")
        expect(served(self.run), self.run.stored(), "certificate")
        called(info)
        peer.close()

    def many_at_once(self):
        """More than a zygote makes workers, and all of them good."""
        for _ in range(80):
            self.run.shown()


def refused(admin, why):
    try:
        admin.ref.call(10)
    except s.Refused as e:
        holds(str(e), why, "reason")
        holds(str(e), "stays", "reason")
        return
    raise Failed(f"it was taken, in spite of: {why}")


class Stream:
    """Logs in again and again beside what is tried; whoever is turned away is a failure."""

    def __init__(self, run):
        self.run, self.wrong, self.good, self.over = run, [], 0, False
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    def go(self):
        while not self.over:
            try:
                self.run.shown()
                self.good += 1
            except (OSError, s.Closed, s.Refused, Failed) as e:
                self.wrong.append(f"{type(e).__name__} {e}")

    def end(self):
        self.over = True
        self.thread.join()
        if self.wrong or not self.good:
            raise Failed(f"{len(self.wrong)} of {self.good + len(self.wrong)}: {self.wrong[:3]}")


# ---- instances of their own --------------------------------------------------------------------

def known_to_its_user():
    """`capos up` writes the line; a script logs in without a question, also after a new key."""
    run = TlsInstance()
    home = os.path.join(run.folder.name, "config")
    run.env = dict(os.environ, XDG_CONFIG_HOME=home)
    run.program = [run.command, "up"]
    with run:
        for new_key in ((), ("--new-key",)):
            if new_key:
                run.capos("cert", "renew", *new_key)
            fingerprint = json.loads(run.capos("cert", "show", "--json")[0])["fingerprint"]
            with open(f"{home}/capos/known-instances", encoding="utf-8") as f:
                holds(f.read(), f"{run.address} {fingerprint}", "known instances")
        expect(os.stat(f"{home}/capos/known-instances").st_mode & 0o777, 0o600, "mode")


def in_full_confinement():
    """The superuser's command writes what another user has to read."""
    text = instance.manifest().replace("( motd", "( confinement = full, motd", 1)
    with TlsInstance(text) as run:
        make_all(run.folder.name)
        status = json.loads(run.capos("status", "--json")[0])
        expect((status["confinement"], "namespaces" in status["layers"]), ("full", True), "status")
        for words in (("renew",), ("renew", "--new-key"),
                      ("import", f"{run.folder.name}/good.pem", f"{run.folder.name}/good.key")):
            run.capos("cert", *words)
            expect(run.shown(), run.stored(), "certificate")
            expect(len({os.stat(f"{run.tls}/{n}").st_uid for n in ("", "key.pem", "cert.pem")}), 1,
                   "owners of the files")
        run.kill("signer")
        expect(served(run), run.stored(), "certificate")


def while_somebody_makes_it():
    """The first start waits for whoever has the folder: key and certificate are two files."""
    run = TlsInstance()
    os.makedirs(run.tls, 0o700)
    os.chmod(run.state, 0o700)
    folder = os.open(run.tls, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    begun = threading.Thread(target=run.start)
    begun.start()
    try:
        instance.until(lambda: run.process and run.pids("signer"), "a signer")
        time.sleep(1)
        expect(os.listdir(run.tls), [], "files made while it is locked")
    finally:
        os.close(folder)
        begun.join()
        wrong = run.stop()
    expect(wrong, [], "the end")


def on_a_machine_with_an_odd_name():
    """What no certificate can be made out to is left out of it."""
    text = instance.manifest().replace("( motd", "( exposed = acceptBasic, motd", 1)
    for name in ("857923846512", "my_host"):
        run = TlsInstance(text)
        run.arguments[3] = "tls:0.0.0.0:0"
        run.wrapper = ["unshare", "--uts", sys.executable, "-c", "import os, socket, sys; "
                       f"socket.sethostname('{name}'); os.execv(sys.argv[1], sys.argv[1:])"]
        with run:
            holds(json.loads(run.capos("status", "--json")[0])["address"], name, "address")
            names = json.loads(run.capos("status", "--json")[0])["certificate"]["names"]
            expect(names, "DNS:localhost, IP:127.0.0.1, IP:::1", "names")


def can_have_full():
    done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos"), "doctor",
                           "--json"], capture_output=True, text=True, timeout=60, check=False)
    return bool(re.search(r'"full": ?true', done.stdout))


# ---- starts that must not succeed --------------------------------------------------------------

def starts_not(prepare, why):
    """With what is in the state directory the start ends, with 1, and says why."""
    with TlsInstance() as run:
        run.stop()
        prepare(run)
        done = subprocess.run([os.path.join(instance.build_folder(), "bin", "capos-caposd"),
                               *run.arguments], capture_output=True, text=True, timeout=120,
                              env=run.env, check=False)
        expect((done.returncode, done.stdout), (1, ""), f"exit code and output: {done.stderr}")
        holds(done.stderr, why, "reason")


def garbage(run):
    with open(f"{run.tls}/key.pem", "wb") as f:
        f.write(os.urandom(500))


def other_key(run):
    """What a crash between the two files of an identity leaves."""
    make(run.folder.name, "other", *P256, *LEAF)
    shutil.copyfile(f"{run.folder.name}/other.key", f"{run.tls}/key.pem")


def import_again(run):
    run.capos("cert", "import", f"{run.folder.name}/other.pem", f"{run.folder.name}/other.key")


def remove_both(run):
    for name in ("key.pem", "cert.pem"):
        os.unlink(f"{run.tls}/{name}")


def bad_starts():
    starts_not(garbage, "no private key")
    starts_not(other_key, "`capos cert import` with both that belong together")
    starts_not(other_key, "or remove both and a new identity is made")
    for mend in (import_again, remove_both):
        with TlsInstance() as run:
            run.stop()
            other_key(run)
            mend(run)
            run.user = False
            run.start()
            expect(run.shown(), run.stored(), "certificate after the repair")
    starts_not(lambda run: os.unlink(f"{run.tls}/key.pem"), "no private key")
    starts_not(lambda run: os.chmod(f"{run.tls}/key.pem", 0), "Permission denied")


def main():
    try:
        with TlsInstance() as run:
            make_all(run.folder.name)
            cases = Cases(run)
            names = ("shown_is_stored", "names_are_said_once", "many_at_once", "replaced_under_sessions",
                     "handshakes_under_way", "renewed_with_the_same_key", "imported",
                     "refused_by_name", "refused_by_the_instance", "without_a_signer",
                     "who_comes_without_a_signer", "the_signer_dies", "the_gateway_dies", "the_session_manager_dies")
            table = [(n.replace("_", " "), getattr(cases, n)) for n in names]
            table += [("known to its user", known_to_its_user), ("bad starts", bad_starts),
                      ("while somebody makes it", while_somebody_makes_it),
                      ("on a machine with an odd name",
                       instance.needs_root(on_a_machine_with_an_odd_name))]
            if can_have_full():
                table += [("in full confinement", in_full_confinement)]
            return instance.run_cases(SCRIPT, table)
    except (Failed, s.Closed, s.Refused, OSError) as e:
        print(f"not ok instance - {type(e).__name__} {e}")
        instance.count(SCRIPT, 0, 1)
        return 1


if __name__ == "__main__":
    sys.exit(main())
