#!/usr/bin/env python3
"""cheats-certificate: who logs in by a client certificate that proves nothing, or something else.

Why: the proof is in the handshake, so whoever ends TLS has none to pass on; and what is in a
certificate is worth what its authority's signature is. Certificates here are made of bytes, so that
each can be what openssl does not make. What is tried from within, by a worker that was taken over, is
in certificates.py; out of time, revoked and of another authority, too.
"""
import datetime
import os
import ssl
import sys
import tempfile

import cheatlib as c
import debian  # noqa: F401
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import sessionlib as s
import tlspeer
from cheatlib import OTHER, USER
from certlib import MTLS
from sessionlib import Failed

SCRIPT = "attack-cheats-certificate"
STRANGE, UNFIT = "not issued by an authority of any rule", "is not fit for a client"
NAMELESS = "has none of the names"
NOBODY = "the client has shown no certificate"
MAIL = b"carol@example.org"
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\5\0")


# ---- certificates of bytes -----------------------------------------------------------------------

def mail_names(mails):
    """A SubjectAltName, as an extension, of addresses as bytes."""
    names = b"".join(b"\x81" + bytes([len(m)]) + m for m in mails)
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"),
                                      b"\x30" + bytes([len(names)]) + names)


class Maker:
    """A key, and the certificate that it has or issues by. issuer: the name of whom it says that it is
    by. more: further critical extensions. change: of the bytes, when they are signed."""

    def __init__(self, folder, name, by=None, key=None, **how):
        self.key, self.by = key or ec.generate_private_key(ec.SECP256R1()), by or self
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] +
                                 [x509.NameAttribute(o, t) for o, t in how.get("subject", ())])
        made = self.built(how)
        self.der = made.sign(self.by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        self.der = how.get("change", bytes)(self.der)
        path = os.path.join(folder, f"{name}-{os.urandom(4).hex()}")
        self.path, self.key_path = path + ".pem", path + ".key"
        self.write([self])
        with open(self.key_path, "wb") as f:
            f.write(self.key.private_bytes(serialization.Encoding.PEM,
                                           serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))

    def built(self, how):
        begin = datetime.datetime(how.get("year", 2020), 1, 1)
        authority = how.get("authority", False)
        made = (x509.CertificateBuilder().subject_name(self.subject)
                .issuer_name(how.get("issuer", self.by.subject)).public_key(self.key.public_key())
                .serial_number(x509.random_serial_number()).not_valid_before(begin)
                .not_valid_after(begin + datetime.timedelta(days=how.get("days", 20000)))
                .add_extension(x509.BasicConstraints(authority, None), True))
        if how.get("mails"):
            made = made.add_extension(mail_names(how["mails"]), False)
        if not authority:
            usage = how.get("usage", ExtendedKeyUsageOID.CLIENT_AUTH)
            made = made.add_extension(x509.ExtendedKeyUsage([usage]), False)
        for extension in how.get("more", ()):
            made = made.add_extension(extension, True)
        return made

    def write(self, chain):
        """The file that is shown: this certificate, and what comes along."""
        with open(self.path, "w", encoding="ascii") as f:
            f.write("".join(ssl.DER_cert_to_PEM_cert(one.der) for one in chain))
        return self


# ---- the instance --------------------------------------------------------------------------------

class Target(c.Target):
    """Lets in by the mail address in a certificate of one authority."""

    def __init__(self):
        self.place = tempfile.TemporaryDirectory(prefix="capos-ca-")
        self.ca = Maker(self.place.name, "ca", authority=True)
        self.late = Maker(self.place.name, "late", self.ca, authority=True, days=1)
        self.early = Maker(self.place.name, "early", self.ca, authority=True, year=2045)
        self.list = os.path.join(self.place.name, "crl.pem")
        self.list_revoked([])
        super().__init__(ways=f"""certificates = (
            authorities = [(name = "ours", file = "{self.ca.path}", revocations = "{self.list}")],
            rules = [(authority = "ours", email = ["*@example.org"], accountFromName = true)]), """)

    def list_revoked(self, revoked):
        """Writes the list of each authority; revoked: certificates of the first."""
        now, text = datetime.datetime.utcnow(), b""
        for one in (self.ca, self.late, self.early):
            made = (x509.CertificateRevocationListBuilder().issuer_name(one.subject)
                    .last_update(now).next_update(now + datetime.timedelta(days=30)))
            for who in revoked if one is self.ca else ():
                serial = x509.load_der_x509_certificate(who.der).serial_number
                made = made.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(
                    serial).revocation_date(now).build())
            text += made.sign(one.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        with open(self.list, "wb") as f:
            f.write(text)

    def __exit__(self, *error):
        super().__exit__(*error)
        self.place.cleanup()


class Cases(c.Cheats):
    """carol and eve have a certificate each, and a password."""

    def __init__(self, target):
        super().__init__(target, "mtlsClientCert")
        for name in (USER, OTHER):
            target.account(name, password=c.instance.SECRET)
        self.carol, self.eve = self.made(), self.made("eve", mails=[b"eve@example.org"])

    def made(self, name="carol", by=None, **how):
        """carol's, by the authority."""
        return Maker(self.folder, name, by or self.target.ca, **{"mails": [MAIL], **how})

    def peer(self, who=None, address=None):
        """A connection that shows this certificate."""
        context = tlspeer.client_context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # for keys that are no good
        if who:
            context.load_cert_chain(who.path, who.key_path)
        peer = tlspeer.TlsPeer(address or self.target.tls, self.source, context)
        return self.take(peer)

    @staticmethod
    def flow(peer, account=None, profile=None):
        return peer.first.call(1, s.auth_start(MTLS, account, profile)).ref(0, s.FLOW)

    def login(self, peer, account=None, profile=None):
        return s.answer(self.flow(peer, account, profile), "").ref(1, s.SESSION)

    def wrong(self, who, why, account=None):
        """Whoever shows this is refused, and the record says why."""
        layer = self.refused("denied.credentials", lambda: self.login(self.peer(who), account))
        if why not in self.recorded("denied.credentials")[-1].get("detail", ""):
            raise Failed(f"{why!r} is not in {self.recorded('denied.credentials')[-1]}")
        self.elsewhere()
        return layer

    # ---- who may

    def honest(self):
        return self.let_in(self.login(self.peer(self.carol)), USER)

    # ---- between

    def passed_on(self, identity, why, own=None):
        """carol logs in through somebody, who ends TLS on both sides, and may show his own."""
        with self.middle(identity) as middle:
            middle.shows = own and (own.path, own.key_path)
            peer = self.peer(self.carol, middle.address)
            return self.refused("denied.credentials", lambda: self.login(peer, USER), "sessiond",
                                why=why)

    def middle_own_key(self):
        return self.passed_on(None, NOBODY)

    def middle_stolen_key(self):
        return self.passed_on(self.target.identity, NOBODY)

    def middle_own_certificate(self):
        return self.passed_on(self.target.identity, f"rule 0: it is {OTHER}'s", self.eve)

    # ---- another connection, another flow

    def flow_after(self):
        peer = self.peer(self.carol)
        self.login(peer)
        return self.refused("denied.already-bound", lambda: self.flow(peer))

    def flow_begun_before(self):
        peer = self.peer(self.carol)
        spare = self.flow(peer)
        self.login(peer)
        return self.refused("denied.already-bound", lambda: s.answer(spare, ""))

    def flow_of_another(self):
        """A number of one connection is nothing on another, which ends."""
        stolen = s.Ref(self.peer(), self.flow(self.peer(self.carol)).number, s.FLOW)
        try:
            s.answer(stolen, "")
        except (s.Refused, Failed, s.Closed) as e:
            if isinstance(e, s.Refused) and e.code.startswith("denied."):
                raise Failed(f"it is known there: {e}") from e
            return "vat"
        raise Failed("it got through")

    def something_said(self):
        """There is nothing to say: no signature, no certificate, no password."""
        for response in (b"x", b"SSHSIG" + bytes(100), self.carol.der):
            flow = self.flow(self.peer(self.carol))
            layer = self.refused("denied.credentials", lambda x=flow, r=response: s.answer(x, r),
                                 "sessiond")
            self.elsewhere()
        return layer

    def without_tls(self):
        peer = self.take(s.Peer(self.target.address))
        return self.refused("denied.method-disabled", lambda: self.flow(peer))

    # ---- by whom

    def own_authority(self):
        """Of the same name, with a key of his own."""
        self.wrong(self.made(by=Maker(self.folder, "ca", authority=True)), STRANGE)
        return self.wrong(self.made(by=self.eve, issuer=self.target.ca.subject), STRANGE)

    def by_itself(self):
        return self.wrong(Maker(self.folder, "carol", mails=[MAIL]), STRANGE)

    def by_a_leaf(self):
        """eve has a good certificate, and issues by it."""
        return self.wrong(self.chained(self.eve), UNFIT)

    def chained(self, by):
        made = self.made(by=by)
        return made.write([made, by])

    def by_another(self):
        """The authority itself comes along: that makes nobody believe it."""
        own = Maker(self.folder, "ca", authority=True)
        return self.wrong(self.chained(own), STRANGE)

    # ---- when

    def expired(self):
        """Its own time, and that of who has issued it."""
        self.wrong(self.made(days=1), "has expired")
        return self.wrong(self.chained(self.target.late), "has expired")

    def not_yet(self):
        self.wrong(self.made(year=2045), "not valid yet")
        return self.wrong(self.chained(self.target.early), "not valid yet")

    def revoked(self):
        """By its authority's list, which says nothing about others."""
        who = self.made()
        self.let_in(self.login(self.peer(who)), USER)
        self.target.list_revoked([who])
        self.capos("cert", "crl", "--state", self.target.state)
        layer = self.wrong(who, "was revoked")
        self.let_in(self.login(self.peer(self.carol)), USER)
        return layer

    # ---- what it says

    def other_purpose(self):
        return self.wrong(self.made(usage=ExtendedKeyUsageOID.SERVER_AUTH), UNFIT)

    def weak_key(self):
        return self.wrong(self.made(key=rsa.generate_private_key(65537, 1024)), "of a kind that is not accepted")

    def unknown_extension(self):
        return self.wrong(self.made(more=[UNKNOWN]), UNFIT)

    def tampered(self):
        """A bit of its signature; its name."""
        def flip(at, bit=1):
            return lambda der: der[:at] + bytes([der[at] ^ bit]) + der[at + 1 or len(der):]
        self.wrong(self.made(change=flip(-1)), STRANGE)
        self.wrong(self.made(change=flip(-40)), STRANGE)
        return self.wrong(self.made(mails=[b"other@example.org"], change=lambda der: der.replace(
            b"other@", b"carol@")), STRANGE)

    def nearly_the_name(self):
        """Of others, and such as mean two things."""
        for mail in (b"carol@example.com", b"carol@example.org.evil.net", b"carol@example.orgx",
                     b"carol@example.org\0.evil.net", b"carol\0@example.org", b"@example.org",
                     b"carol@evil@example.org", b"carol @example.org"):
            layer = self.wrong(self.made(mails=[mail]), NAMELESS)
        for mail in (b"Carol@example.org", b"../carol@example.org", b"nobody@example.org"):
            self.wrong(self.made(mails=[mail]), "there is no account for email:" + mail.decode())
        return layer

    def name_elsewhere(self):
        """In the subject, where anybody may have written it."""
        self.wrong(self.made(mails=(), subject=[(NameOID.EMAIL_ADDRESS, MAIL.decode())]), NAMELESS)
        return self.wrong(self.made(MAIL.decode(), mails=()), NAMELESS)

    def other_account(self):
        return self.wrong(self.eve, f"rule 0: it is {OTHER}'s", USER) and "sessiond"

    # ---- renewal

    def renewal_of_others(self):
        """By the certificate of a session that something else has made."""
        peer = self.peer(self.carol)
        flow = peer.first.call(1, s.auth_start(s.PASSWORD, USER)).ref(0, s.FLOW)
        session = s.answer(flow, c.instance.SECRET).ref(1, s.SESSION)
        self.refused("denied.weak-proof",
                     lambda: session.call(2, s.Struct(bytes(8), [b""])))
        return self.refused("denied.weak-proof",
                            lambda: session.call(4, s.auth_start(MTLS)), kind=None)

    def renewal_by_less(self):
        session = self.login(self.peer(self.carol))
        return self.refused("denied.weak-proof", lambda: session.call(
            2, s.Struct(bytes(8), [c.instance.SECRET.encode()])), kind="password")


NAMES = ("honest", "middle_own_key", "middle_stolen_key", "middle_own_certificate", "flow_after",
         "flow_begun_before", "flow_of_another", "something_said", "without_tls", "own_authority",
         "by_itself", "by_a_leaf", "by_another", "other_purpose", "weak_key", "unknown_extension",
         "tampered", "nearly_the_name", "name_elsewhere", "other_account", "renewal_of_others",
         "renewal_by_less", "expired", "not_yet", "revoked")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "CC", Cases, NAMES, Target))
