"""tied: what no proof over the transcript may be good for, whatever has made it.

Why: a proof says which login it is for by what it covers, and that is the same for a key, a
certificate, a passkey and a program's token. So each of them is tried in the same other places: in
another flow, on another connection, with one field of the transcript otherwise, through somebody
between. A script says how a proof is made, and why one that is for another login does not convince.
"""
import cheatlib as c
import sessionlib as s
from cheatlib import SERVER_KEY, TWIN, USER
from sessionlib import Failed


class Tied(c.Cheats):
    """`tied(login, key, **lies)` makes a proof, as bytes; lies: fields of the transcript. `login()` and
    `wrong()` are the script's; `self.key` is whose proofs are tried, unless each_key() says more."""

    untied = ""  # how the record of such a proof begins
    method = s.PUBLIC_KEY
    account = USER

    def each_key(self):
        return [self.key]

    def used(self, **how):
        """(login, its proof, its session)."""
        login = self.login(**how)
        proof = self.tied(login, self.each_key()[0])
        return login, proof, login.prove(proof)

    # ---- replays

    def same_flow(self):
        login, proof, _ = self.used()
        return self.refused("denied.flow", lambda: login.prove(proof), kind=None)

    def flow_beside(self):
        peer = self.peer()
        first, second = (self.login(peer=peer) for _ in range(2))
        return self.wrong(second, self.tied(first, self.each_key()[0]), why=self.untied)

    def flow_after(self):
        login, _, _ = self.used()
        return self.refused("denied.already-bound",
                            lambda: c.Login(login.peer, self.account, kind=self.method))

    def other_connection(self):
        for over in ("tls", "plain", "unix"):
            _, proof, _ = self.used(peer=self.peer(over))
            layer = self.wrong(self.login(peer=self.peer(over)), proof, why=self.untied,
                               transport=over)
            self.elsewhere()
        return layer

    # ---- lies in the transcript

    def lie(self, to=None, keys=None, **fields):
        """All is as it should be, but for these fields."""
        for key in keys or self.each_key():
            login = self.login(to or self.account)
            layer = self.wrong(login, self.tied(login, key, **fields), why=self.untied,
                               account=to or self.account)
            self.elsewhere()
        return layer

    def other_account(self):
        """By what is the other account's as well, where there is such a thing."""
        return self.lie(TWIN, self.each_key()[:1], account=USER.encode())

    def other_profile(self):
        return self.lie(profile=b"robot")

    def other_nonce(self):
        self.lie(client_nonce=b"mine")
        return self.lie(nonce=bytes(32))

    def other_exporter(self):
        return self.lie(channel=self.peer().exporter)

    def other_server(self):
        return self.lie(key_hash=bytes(32))

    def plain_over_tls(self):
        return self.lie(transport=b"plain", channel=b"", key_hash=b"")

    # ---- somebody between

    def between(self, identity, why=None, **how):
        """An honest proof, on its way through somebody."""
        with self.middle(identity) as middle:
            for key in self.each_key():
                login = self.login(peer=self.peer(address=middle.address), **how)
                proof = self.tied(login, key)
                layer = self.wrong(login, proof, why=why or self.untied, account=self.account,
                                   transport="tls")
                if proof not in middle.heard:
                    raise Failed("he has not heard the proof")
                self.elsewhere()
            return layer

    def middle_own_key(self):
        return self.between(None)

    def middle_stolen_key(self):
        return self.between(self.target.identity)

    def middle_server_key(self):
        return self.between(None, profile="loose", binding=SERVER_KEY)
