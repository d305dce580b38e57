"""attacktls: an instance that is reached over TLS, for the scripts that attack it there."""
import re

import attacklib as a
import instance  # noqa: F401
import sessionlib as s
import tlspeer

ENDPOINT = re.compile(r"remote CapSet: tls (\S+) (\d+) (sha256:\S+)\n")


class TlsTarget(a.Target):
    """Listens on a plain port, for who looks on, and on one with TLS, which is attacked."""

    def __init__(self, manifest_text=None, programs=None):
        super().__init__(manifest_text, programs)
        self.arguments += ["--listen", "tls:127.0.0.1:0"]
        self.tls_address = self.fingerprint = None

    def endpoint(self):
        plain = super().endpoint()
        found = self.hear(ENDPOINT)
        self.tls_address = f"{found.group(1)}:{found.group(2)}"
        self.fingerprint = found.group(3)
        return plain

    # ---- good clients

    def tls_peer(self, source="127.0.0.1"):
        """A connection to the instance, and no other one."""
        peer = tlspeer.TlsPeer(self.tls_address, source)
        if tlspeer.fingerprint(peer.key_hash) != self.fingerprint:
            raise s.Failed("somebody else answers")
        return peer

    def tls_login(self, name=instance.USER, password=instance.SECRET):
        """(peer, session, CapSet) of a fresh login."""
        peer = self.tls_peer()
        session = peer.password(name, password)
        return peer, session, s.cap_set(session)

    def good_by_password(self):
        peer, session, caps = self.tls_login()
        try:
            if not s.motd(s.get(caps, "system_info", s.SYSTEM_INFO)):
                raise s.Failed("no message of the day")
            session.call(3)
        finally:
            peer.close()

    def good_by_key(self):
        self.logins += 1
        name = f"good-{self.logins}"
        self.capos("login", f"{a.KEY_USER}@tls:{self.tls_address}", "--expect", self.fingerprint,
                   "--identity", self.key, "--as", name)
        try:
            if '"text"' not in self.capos("call", "-s", name, "system_info", "motd"):
                raise s.Failed("no message of the day")
        finally:
            self.capos("logout", "-s", name)
