#!/usr/bin/env python3
"""hijacked-tls: a worker that was taken over lies about its connection, to have a session by key.

Why: the exporter is the worker's word, the peer's address, the transport and what was signed are not.
So a lie about the first must be worth nothing to a worker that is nowhere near its victim: the nonce
that is signed is the session manager's, for one connection. What it is worth to one whom the victim
talks to is tried, too; the threat model names that. In both confinements, by the real processes.
"""
import base64
import importlib
import os
import struct
import sys

import attacklib as a
import certlib
import cheatlib as c
import instance
import sessionlib as s
from confine import can_have

SCRIPT = "attack-hijacked-tls"
inside = importlib.import_module("hijacked-worker")


class Target(c.Target):
    """One whose workers have been taken over, confined like this."""

    def __init__(self, how):
        super().__init__()
        overlay = os.path.join(self.folder.name, "libexec")
        os.mkdir(overlay)
        os.symlink(a.program("hijacked-worker"), os.path.join(overlay, "capos-worker"))
        self.env = dict(os.environ, CAPOS_LIBEXEC=overlay)
        path = os.path.join(self.folder.name, "manifest")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("( motd", f"( confinement = {how}, motd", 1))


class Worker(inside.TlsWorker):
    def __init__(self, tries):
        tries.workers += 1  # each from an address of its own: what one does again is only counted
        super().__init__(tries.target.tls, tries.server_key, f"127.30.{tries.workers}.1")
        self.here = "%s:%d" % self.sock.getsockname()

    def ready(self, exporter):
        """As if a handshake had been done, with this exporter."""
        if len(self.sign()) != 76 or self.secured(exporter):
            raise s.Failed("an honest one is refused")
        return self


class Tries:
    def __init__(self, target):
        self.target, self.workers = target, 0
        pin = certlib.fingerprint(target.identity[0])
        self.server_key = base64.b64decode(pin.removeprefix("sha256:") + "=")
        self.key, self.eve = (c.keygen(os.path.join(target.folder.name, n)) for n in ("key", "eve"))
        target.account(c.USER, [self.key], password="a good password of hers")
        target.account(c.OTHER, [self.eve])
        self.victim = os.urandom(32)  # the exporter of her own connection

    def record(self, worker):
        """Of its attempt."""
        found = [r for r in self.target.records()
                 if r["what"] == "attempt" and r["source"] == worker.here]
        if len(found) != 1:
            raise s.Failed(f"{len(found)} records")
        return found[0]

    # ---- what is asked

    def ask(self, worker, account=c.USER, profile="operator", binding=c.EXPORTER):
        """(refusal, flow, nonce) of a login by key."""
        source = s.Struct(b"", ["e2e", "192.0.2.99", "192.0.2.99"])
        start = s.Struct(struct.pack("<Q", 0), [s.Struct(
            struct.pack("<HHH", s.PUBLIC_KEY, 0, binding),
            [s.Struct(b"", [account]), profile, None, source])])
        why, m = worker.admission(inside.START, start)
        if why:
            return why, None, None
        flow = m.results().uint(0, 64)
        why, m = worker.admission(inside.NEXT, inside.next_params(flow, None))
        return why, flow, None if why else m.results().ptr(0).ptr(3)

    def proof(self, nonce, key=None, account=c.USER, **lies):
        fields = {"label": c.LABEL, "transport": b"tls", "channel": self.victim, "nonce": nonce,
                  "client_nonce": b"", "account": account.encode(), "profile": b"operator",
                  "key_hash": self.server_key}
        return c.sign(key or self.key, c.transcript(fields | lies))

    def prove(self, worker, flow, proof):
        return worker.admission(inside.NEXT, inside.next_params(flow, proof))[0]

    def refused(self, worker, why, layer="prover", wanted="denied.credentials"):
        if why is None:
            return "nobody"
        if not why.startswith(wanted):
            raise s.Failed(f"{wanted} was expected: {why!r}")
        record = self.record(worker)
        if (record["outcome"], record["transport"]) != (wanted, "tls"):
            raise s.Failed(f"the record: {record}")
        return layer

    def worker(self):
        return Worker(self)

    def illegal(self, why):
        if why is None or "illegal" not in why:
            raise s.Failed(f"it was {why!r}")
        return "sessiond"

    # ---- lies about the handshake

    def exporter_too_short(self):
        worker = self.worker()
        worker.sign()
        return self.illegal(worker.secured(bytes(31)))

    def exporter_too_long(self):
        worker = self.worker()
        worker.sign()
        return self.illegal(worker.secured(bytes(33)))

    def no_exporter(self):
        worker = self.worker()
        worker.sign()
        return self.illegal(worker.secured(None))

    def secured_before_signed(self):
        return self.illegal(self.worker().secured(self.victim))

    def login_before_secured(self):
        worker = self.worker()
        worker.sign()
        return self.illegal(self.ask(worker)[0])

    def another_exporter_later(self):
        worker = self.worker().ready(bytes(32))
        return self.illegal(worker.secured(self.victim))

    def tls_on_a_plain_connection(self):
        worker = inside.Worker(self.target)
        return self.illegal(worker.admission(inside.SECURED, s.Struct(b"", [self.victim, None]))[0])

    # ---- a victim's proof

    def recorded_proof(self):
        """Her proof of another connection, whose exporter is said to be this one's."""
        worker = self.worker().ready(self.victim)
        _, flow, _ = self.ask(worker)
        return self.refused(worker, self.prove(worker, flow, self.proof(os.urandom(32))))

    def proof_of_a_flow_of_another(self):
        """Another worker's nonce, both with her exporter."""
        first, second = self.worker().ready(self.victim), self.worker().ready(self.victim)
        _, _, nonce = self.ask(first)
        _, flow, _ = self.ask(second)
        return self.refused(second, self.prove(second, flow, self.proof(nonce)))

    def exporter_of_the_victim_not_told(self):
        """She signs this nonce over her own channel, and the worker has said nothing of it."""
        worker = self.worker().ready(bytes(32))
        _, flow, nonce = self.ask(worker)
        return self.refused(worker, self.prove(worker, flow, self.proof(nonce)))

    def signed_for_another_server(self):
        worker = self.worker().ready(self.victim)
        _, flow, nonce = self.ask(worker)
        return self.refused(worker, self.prove(worker, flow, self.proof(nonce, key_hash=os.urandom(32))))

    def signed_over_plain(self):
        worker = self.worker().ready(self.victim)
        _, flow, nonce = self.ask(worker)
        lies = {"transport": b"plain", "channel": b"", "key_hash": b""}
        return self.refused(worker, self.prove(worker, flow, self.proof(nonce, **lies)))

    def somebody_elses_key(self):
        worker = self.worker().ready(self.victim)
        _, flow, nonce = self.ask(worker)
        return self.refused(worker, self.prove(worker, flow, self.proof(nonce, self.eve)))

    def weaker_binding(self):
        """The instance's key alone, where the profile wants the channel."""
        worker = self.worker().ready(self.victim)
        why, flow, nonce = self.ask(worker, binding=c.SERVER_KEY)
        if not why:
            proof = self.proof(nonce, transport=b"tls-key", channel=b"")
            why = self.prove(worker, flow, proof)
        return self.refused(worker, why, "sessiond", "denied.profile")

    def password_guessed(self):
        worker = self.worker().ready(self.victim)
        _, m = worker.admission(inside.START, inside.start_params(c.USER))
        flow = m.results().uint(0, 64)
        return self.refused(worker, self.prove(worker, flow, b"a guess, and no more"))

    # ---- where it is

    def another_address(self):
        """What it says of an address is in the log as its claim; the address is the gateway's."""
        worker = self.worker().ready(self.victim)
        _, flow, _ = self.ask(worker)
        if self.refused(worker, self.prove(worker, flow, b"SSHSIG, or not")) != "prover":
            return "nobody"
        if "192.0.2.99" not in self.record(worker)["claim"]:
            raise s.Failed(f"the record: {self.record(worker)}")
        return "gateway"

    # ---- what it is worth to who is on her path

    def victim_signs_this_very_nonce(self):
        worker = self.worker().ready(self.victim)
        _, flow, nonce = self.ask(worker)
        why = self.prove(worker, flow, self.proof(nonce))
        if why:
            raise s.Failed(f"an honest proof is refused: {why}")
        return "nobody"


class OverTls:
    """The same instance, by its other address."""

    def __init__(self, target):
        self.address, self.process = target.tls, target.process


TRIES = ("exporter_too_short", "exporter_too_long", "no_exporter", "secured_before_signed",
         "login_before_secured", "another_exporter_later", "tls_on_a_plain_connection",
         "recorded_proof", "proof_of_a_flow_of_another", "exporter_of_the_victim_not_told",
         "signed_for_another_server", "signed_over_plain", "somebody_elses_key", "weaker_binding",
         "password_guessed", "another_address", "victim_signs_this_very_nonce")


def skipped():
    raise instance.Skip("this machine cannot have confinement `full`")


def main():
    targets, tries = {}, {}

    def target(how):
        if how not in targets:
            targets[how] = Target(how)
            targets[how].start()
            targets[how].tries = Tries(targets[how])
        return targets[how]

    def run(how, name):
        return getattr(target(how).tries, name)()

    for i, name in enumerate(TRIES):
        tries[f"HT{i + 1}"] = lambda n=name: run("basic", n)
        tries[f"HF{i + 1}"] = (lambda n=name: run("full", n)) if can_have() else skipped
    for name, call in inside.kernel_tries().items():
        tries["HK" + name[2:]] = (lambda c=call: inside.kernel_try(OverTls(target("full")), c)) \
            if can_have() else skipped
    wrong = []
    try:
        code = a.run(SCRIPT, tries)
    finally:
        for one in targets.values():
            wrong += one.stop()
            one.folder.cleanup()
    for text in wrong:
        print("not ok", text)
    return code or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
