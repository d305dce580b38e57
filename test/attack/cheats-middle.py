#!/usr/bin/env python3
"""cheats-middle: somebody sits between a user and the instance, and ends TLS on both sides.

Why: he is told every nonce, and his victim signs it. What the signature covers besides is all that
stops him, and whom the victim's client speaks to at all. He has a key of his own, or, what is worse,
the instance's; he may also be another instance that the user trusts and logs in to by the same key.
Everything he does is real, the clients are the command and one that checks nothing.
"""
import os
import sys

import cheatlib as c
import instance
import sessionlib as s
from cheatlib import SERVER_KEY, USER
from sessionlib import Failed

SCRIPT = "attack-cheats-middle"
REFUSED, UNTRUSTED = 3, 4


class Cases(c.KeyCheats):
    def __init__(self, target):
        super().__init__(target)
        target.add_user()
        self.own = c.own_certificate(self.folder, "own")

    # ---- a key

    def victim(self, middle, profile="operator", **how):
        return self.login(USER, profile, self.peer(address=middle.address), **how)

    def relayed(self, identity, **how):
        """An honest proof, on its way through somebody."""
        with self.middle(identity) as middle:
            login = self.victim(middle, **how)
            proof = login.signed(self.key)
            layer = self.wrong(login, proof, account=USER, transport="tls")
            if proof not in middle.heard:
                raise Failed("he has not heard the proof")
            return layer

    def own_key(self):
        return self.relayed(self.own)

    def stolen_key(self):
        """The channel is another one, whatever key it was made with."""
        return self.relayed(self.target.identity)

    def own_key_server_key(self):
        return self.relayed(self.own, profile="loose", binding=SERVER_KEY)

    def stolen_key_server_key(self):
        """What that binding cannot do, which is why a profile has to allow it."""
        with self.middle(self.target.identity) as middle:
            login = self.victim(middle, "loose", binding=SERVER_KEY)
            layer = self.let_in(login.prove(login.signed(self.key)), USER)
            self.recorded("ok", binding="tls-key")
            return layer

    def on_to_plain(self):
        """He is on the instance's own machine, and has no TLS to do there."""
        with self.middle(self.own, self.target.address, tls=False) as middle:
            login = self.victim(middle)
            return self.wrong(login, login.signed(self.key), account=USER, transport="plain")

    def another_instance(self):
        """The user trusts it, and its operator passes everything on to this one."""
        with self.middle(self.own) as middle:
            self.capos("login", f"{USER}@{middle.address}", "--expect", middle.pin,
                              "--identity", self.key, "--as", "m", code=REFUSED)
            self.recorded("denied.credentials", account=USER, transport="tls")
            if self.grants() or b"SSHSIG" not in middle.heard:
                raise Failed("a session has begun, or nothing was signed")
            return "prover"

    def its_own_login(self):
        """Without anybody between, the same command gets in: nothing else has stopped it."""
        pin = self.instance_pin()
        self.capos("login", f"{USER}@{self.target.tls}", "--expect", pin, "--identity", self.key,
                   "--as", "m")
        self.recorded("ok", account=USER, binding="tls-exporter")
        self.capos("logout", "-s", "m")
        return "nobody"

    # ---- whom a client speaks to

    def instance_pin(self):
        return c.certlib.fingerprint(self.target.identity[0])

    def client_refuses(self, how, *says):
        """The command ends before it has said anything."""
        with self.middle(self.own) as middle:
            for options, typed in ((("--identity", self.key), ""),
                                   (("--password-stdin",), instance.SECRET + "\n")):
                got = self.capos("login", *how(middle), *options, "--as", "m", stdin=typed,
                                 code=UNTRUSTED)
                for word in says:
                    if word not in got:
                        raise Failed(f"{word!r} is not in {got}")
            if middle.heard or self.grants():
                raise Failed(f"it has told him {bytes(middle.heard)!r}")
            return "client library"

    def pinned(self):
        return self.client_refuses(lambda m: (f"{instance.USER}@{m.address}", "--expect",
                                              self.instance_pin()), self.instance_pin())

    def pinned_by_address(self):
        return self.client_refuses(
            lambda m: (f"{instance.USER}@capos://{m.address}/#{self.instance_pin()}",),
            self.instance_pin())

    def known(self):
        """The address was the instance's yesterday."""
        def how(middle):
            folder = os.path.join(self.folder, "capos")
            os.makedirs(folder, 0o700, exist_ok=True)
            path = os.path.join(folder, "known-instances")
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w",
                      encoding="ascii") as f:
                f.write(f"{middle.address} {self.instance_pin()}\n")
            return (f"{instance.USER}@{middle.address}",)
        return self.client_refuses(how, self.instance_pin())

    def unknown(self):
        """Nobody can be asked whether that is the one: a script trusts nobody at first sight."""
        return self.client_refuses(lambda m: (f"{instance.USER}@{m.address}",))

    # ---- a password

    def told(self):
        """What a client that trusts anybody tells, he has. A password cannot be bound."""
        with self.middle(self.own) as middle:
            login = c.Login(self.peer(address=middle.address), instance.USER, kind=s.PASSWORD)
            login.prove(instance.SECRET)
            if instance.SECRET.encode() not in middle.heard:
                raise Failed("he has not heard it")
        return "nobody"

    # ---- bytes

    def recorded_bytes(self):
        """All that a client has sent, as it was on the wire, once more: it opens nothing."""
        sent = bytearray()
        with Tap(self.target.tls, self.source, sent) as tap:
            login = self.login(USER, "operator", self.peer(address=tap.address))
            login.prove(login.signed(self.key))
        before = self.grants()
        sock = c.tlspeer.connect(self.target.tls, self.source)
        try:
            sock.sendall(sent)
            while sock.recv(65536):
                pass
        except ConnectionError:
            pass
        finally:
            sock.close()
        if self.grants() != before or not before:
            raise Failed(f"{before} sessions have become {self.grants()}")
        return "TLS"

    def recorded_words(self):
        """What was inside of it, once more, by who has ended TLS: the nonce is another."""
        with self.middle(self.target.identity) as middle:
            login = self.victim(middle, "loose", binding=SERVER_KEY)
            login.prove(login.signed(self.key))
            heard = bytes(middle.heard)
        return self.refused("denied.credentials", lambda: self.say_again(heard))

    def say_again(self, heard):
        """Message by message, each after the answer to the one before."""
        peer = c.tlspeer.TlsPeer(self.target.tls, self.source)
        self.peers.append(peer)
        while heard:
            segments, size = s.w.split_frame(heard)
            message = s.w.Message(segments)
            peer.send(heard[:size])
            heard = heard[size:]
            if message.tag in (s.w.BOOTSTRAP, s.w.CALL):
                why = peer.recv().exception()
                if why:
                    raise s.Refused(*why)


class Tap(c.Middle):
    """Passes bytes on as they are, and keeps those of the client."""

    def __init__(self, upstream, source, sent):
        self.upstream, self.source = upstream, source
        self.listen()
        self.heard = sent

    def serve(self, sock):
        self.relay(sock, c.tlspeer.connect(self.upstream, self.source))


NAMES = ("own_key", "stolen_key", "own_key_server_key", "stolen_key_server_key", "on_to_plain",
         "another_instance", "its_own_login", "pinned", "pinned_by_address", "known", "unknown",
         "told", "recorded_bytes", "recorded_words")


if __name__ == "__main__":
    sys.exit(c.main(SCRIPT, "KM", Cases, NAMES))
