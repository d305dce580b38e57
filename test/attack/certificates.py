#!/usr/bin/env python3
"""certificates: who tries to be somebody else by a client certificate, from outside and from within.

Why: a worker that was taken over speaks TLS with whom it likes, or with nobody. It keeps handshakes,
and the signer signs what it asks for. What stops it is spread over three processes; here they are
the real ones. What it takes to make a handshake of one's own is in test-sessiond-certificate.
"""
import base64
import hashlib
import importlib
import os
import sys
import tempfile

import attacklib as a
import certlib
import instance
import sessionlib as s
from confine import can_have

SCRIPT = "attack-certificates"
CERTIFICATE, REQUEST, VERIFY = 11, 13, 15
NONCE_EXTENSION = b"\xff\x43\x00\x20"

inside = importlib.import_module("hijacked-worker")
outside = importlib.import_module("by-certificate")


# ---- a handshake that somebody has kept ---------------------------------------------------------

def record(address, who):
    """The messages of a victim's handshake through his CertificateVerify."""
    messages = []

    def note(_conn, _direction, _version, content, _kind, data):
        if content == 22:
            messages.append(bytes(data))

    peer = certlib.TlsPeer(address, who, note)
    peer.by_certificate()
    peer.close()
    ends = [i for i, m in enumerate(messages) if m[0] == VERIFY]
    return messages[:ends[1] + 1]


def signed_part(messages):
    """The hash that a signer is asked for: through the server's certificate."""
    last = [m[0] for m in messages].index(CERTIFICATE)
    return hashlib.sha256(b"".join(messages[:last + 1])).digest()


# ---- a worker -----------------------------------------------------------------------------------

class Worker(inside.TlsWorker):
    def __init__(self, cases):
        super().__init__(cases.target.tls, cases.key)
        self.nonce = self.peek(0, 32)

    def log_in(self):
        """The refusal, if there is one."""
        why, m = self.admission(inside.START, inside.start_params(None, outside.MTLS))
        if why:
            return why
        return self.admission(inside.NEXT, inside.next_params(m.results().uint(0, 64), None))[0]


class Inside:
    def __init__(self, cases, kept):
        self.cases, self.target, self.kept = cases, cases.target, kept
        pin = certlib.fingerprint(os.path.join(self.target.state, "tls", "cert.pem"))
        cases.key = base64.b64decode(pin.removeprefix("sha256:") + "=")

    def worker(self):
        return Worker(self.cases)

    def illegal(self, why):
        if why is None or "illegal" not in why:
            raise s.Failed(f"it was {why!r}")
        return "sessiond"

    def unsigned(self):
        return self.illegal(self.worker().secured())

    def twice(self):
        worker = self.worker()
        worker.sign()
        if worker.secured() or worker.enter()[0]:
            raise s.Failed("an honest one is refused")
        return self.illegal(worker.secured())

    def two_hashes(self):
        worker = self.worker()
        if len(worker.sign(bytes(32))) != 76:
            raise s.Failed("nothing is signed")
        return "nobody" if worker.sign(bytes([1]) * 32) else "signer"

    def a_byte_more(self):
        return "nobody" if self.worker().sign(more=b"x") else "signer"

    def another_key(self):
        return "nobody" if self.worker().sign(key=bytes(32)) else "signer"

    def lie(self, handshake, digest, reason):
        """Hands over a handshake; who has stopped it, by the log."""
        worker = self.worker()
        if len(worker.sign(digest)) != 76 or worker.secured(handshake=handshake):
            raise s.Failed("it does not come to a proof")
        why = worker.log_in()
        if why is None:
            return "nobody"
        if not why.startswith("denied.credentials"):
            raise s.Failed(why)
        found = self.cases.last_attempt()
        if found.get("detail") != reason or reason in why:
            raise s.Failed(f"{why}, {found}")
        return "prover"

    def recorded(self):
        return self.lie(b"".join(self.kept), bytes(32),
                        "not the handshake that was signed for this connection")

    def signed_anew(self):
        return self.lie(b"".join(self.kept), signed_part(self.kept),
                        "a handshake of another connection")

    def nonce_written_in(self):
        worker = self.worker()  # its nonce is good for itself alone: the lie has to be its own
        at = [m[0] for m in self.kept].index(REQUEST)
        place = self.kept[at].index(NONCE_EXTENSION) + len(NONCE_EXTENSION)
        request = self.kept[at]
        made = list(self.kept)
        made[at] = request[:place] + worker.nonce + request[place + 32:]
        self.worker = lambda: worker
        try:
            return self.lie(b"".join(made), signed_part(made),
                            "the signature is not by the certificate's key")
        finally:
            del self.worker

    def no_handshake(self):
        worker = self.worker()
        worker.sign()
        if worker.secured():
            raise s.Failed("an honest one is refused")
        why = worker.log_in()
        return "sessiond" if why and why.startswith("denied.credentials: the client has") else why


INSIDE = ("unsigned", "twice", "two_hashes", "a_byte_more", "another_key", "recorded", "signed_anew",
          "nonce_written_in", "no_handshake")


def skipped():
    raise instance.Skip("this machine cannot have confinement `full`")


def by(layer, function):
    """What raises unless it was stopped, with its record."""
    def run():
        function()
        return layer
    return run


def main():
    with tempfile.TemporaryDirectory(prefix="capos-certs-") as folder:
        cases = outside.Cases(folder)
        target = cases.target
        try:
            cases.start()
            kept = record(target.tls, cases.ada)
            tries = {"CS1": by("prover", cases.expired), "CS2": by("prover", cases.not_yet_valid),
                     "CS3": by("prover", cases.another_authority),
                     "CS4": by("prover", cases.revoked), "CS5": by("prover", cases.no_rule),
                     "CS6": by("sessiond", cases.another_account),
                     "CS7": by("sessiond", cases.another_profile),
                     "CS8": by("sessiond", cases.no_account),
                     "CS9": by("sessiond", cases.renewal_of_another_account)}
            overlay = os.path.join(target.folder.name, "libexec")
            os.mkdir(overlay)
            os.symlink(a.program("hijacked-worker"), os.path.join(overlay, "capos-worker"))

            within = {}

            def hijack(how):
                """The same instance again, with other workers, confined like this."""
                wrong = target.stop()
                if wrong:
                    raise s.Failed("; ".join(wrong))
                with open(os.path.join(target.folder.name, "manifest"), "w", encoding="utf-8") as f:
                    f.write(cases.manifest().replace("( motd", f"( confinement = {how}, motd", 1))
                target.env, target.user = dict(os.environ, CAPOS_LIBEXEC=overlay), False
                target.start()
                within.clear()
                within[how] = Inside(cases, kept)

            def inside_try(name, how):
                def run():
                    if how not in within:
                        hijack(how)
                    return getattr(within[how], name)()
                return run

            for i, name in enumerate(INSIDE):
                tries[f"CW{i + 1}"] = inside_try(name, "basic")
                tries[f"CX{i + 1}"] = inside_try(name, "full") if can_have() else skipped
            return a.run(SCRIPT, tries)
        finally:
            target.stop()
            target.folder.cleanup()


if __name__ == "__main__":
    sys.exit(main())
