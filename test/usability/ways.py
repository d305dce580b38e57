"""ways: rows of who logs in by each method there is, typed; and of what is said when one does not do, or none does.

An instance has all of them switched on, over TLS, so that what is chosen is chosen and not all that was there.
"""
import os
import re
import shlex
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import oplib  # noqa: E402
import sshkeys  # noqa: E402
from instance import Skip  # noqa: E402
from rows import row
from terminal import Terminal, need

ALL = ("key", "certificate", "passkey", "oidc", "oidc-device", "password", "service", "guest", "anonymous")

# What is put into the manifest that is built in.
OPEN = """s|guest = (enabled = false)|guest = (enabled = true, profile = "anonymous")|
s|( name = "operator",|( name = "robot", service = true, unbound = true, bundle = [(name = "session")] ), & \\
 unbound = true,|
s|authentication = (|& certificates = (authorities = [(name = "ours", file = "{home}/ca.pem")], \\
 rules = [(authority = "ours", email = ["*@example.org"], accountFromName = true)]), \\
 sshAuthorities = [(name = "office", key = "{key}")], \\
 passkeys = (relyingParty = "capos.example", origins = ["{origin}"]), \\
 oidc = [(name = "op", issuer = "{op}", clientId = "{client}", clientSecretFile = "{home}/secret", loopback = true, \\
 audience = "here", rules = [(claims = [(name = "groups", value = "people")], account = "alice"), \\
 (claims = [(name = "roles", value = "deploy")], account = "bot")])],|
"""
ORIGIN = "https://login.capos.example"

# Authorities as an operator makes them.
AUTHORITIES = (
    "ssh-keygen -q -t ed25519 -N '' -C office -f ca",
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj /CN=ours "
    "-days 9 -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null")

CERTIFICATE = (
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout alice.key -out alice.req -subj /CN=alice "
    "2>/dev/null",
    "printf 'basicConstraints=CA:FALSE\\nkeyUsage=critical,digitalSignature\\nextendedKeyUsage=clientAuth\\n"
    "subjectAltName=email:alice@example.org\\n' > ext",
    "openssl x509 -req -in alice.req -CA ca.pem -CAkey ca.key -days 9 -extfile ext -out alice.pem 2>/dev/null; "
    "chmod 600 alice.key")


def starts(t, op="http://127.0.0.1:9"):
    """An instance behind TLS, which whoever has started it knows; $A, and alice. op: the identity provider."""
    for line in AUTHORITIES:
        t.types(line)
    t.types(f"(umask 077; echo {shlex.quote(oplib.SECRET)} > secret)")
    with open(t.home.path("home/ca.pub"), encoding="ascii") as f:
        key = f.read().strip()
    with open(t.home.path("home/open.sed"), "w", encoding="utf-8") as f:
        f.write(OPEN.format(home=t.home.path("home"), key=key, op=op, client=oplib.CLIENT, origin=ORIGIN))
    t.types("capos manifest show | sed -f open.sed > my.manifest")
    t.types("capos manifest check my.manifest", "is good")
    t.instance = Terminal(t.home)
    t.instance.begin("capos up --listen tls:127.0.0.1:0 --manifest my.manifest")
    shown = t.instance.sees(r"^remote CapSet: tls \S+ \d+ sha256:")
    t.types("A=tls:" + ":".join(re.search(r"tls (\S+) (\d+) sha256", shown).groups()))
    t.types("echo 'correct horse' | capos account add alice --password-stdin", "The account is there")


def is_in(t, kind, who="alice"):
    """Who that is, by what; and out again."""
    t.types("capos whoami", rf"^account +{re.escape(who)}$", rf"^by +{kind}$", "^transport +tls$")
    t.types("capos logout", "Logged out")


def own_key(t, name="~/.ssh/id_ed25519", account=True):
    t.types(f"ssh-keygen -q -t ed25519 -N '' -f {name}")
    if account:
        t.types(f"capos account key add alice {name}.pub", "SHA256:")


@row()
def by_a_key_in_a_file(t):
    starts(t)
    own_key(t)
    t.types("capos login alice@$A", "^Logged in as alice", never=("Password",))
    is_in(t, "publicKey")
    own_key(t, "k")
    for more in ("--identity k", "--method key --identity k --non-interactive"):
        t.types(f"capos login alice@$A {more}", "^Logged in as alice")
        is_in(t, "publicKey")


@row()
def by_a_key_in_an_agent(t):
    starts(t)
    own_key(t, "k")
    t.types("eval $(ssh-agent -a $HOME/agent); ssh-add -q k; rm k")
    t.types("capos login alice@$A -v", r"^capos: method key: offered \(operator, agent\); here \(the ssh-agent at ",
            r"^capos: trying key$", "^capos: by key: SHA256:", "^Logged in as alice")
    is_in(t, "publicKey")
    t.types("capos login alice@$A -i k.pub --non-interactive", "^Logged in as alice")
    is_in(t, "publicKey")
    t.types("ssh-agent -k")


@row()
def by_a_security_key(t):
    """One without hardware, which touches itself; whoever has one is told to."""
    if not os.path.exists(sshkeys.PROVIDER):
        raise Skip("there are no security keys here (openssh-tests)")
    starts(t)
    t.types(f"export SSH_SK_PROVIDER={sshkeys.PROVIDER}; eval $(ssh-agent -a $HOME/agent -P '/usr/lib/*')")
    touch = "^capos: touch the security key SHA256:"
    for kind in ("ed25519-sk", "ecdsa-sk"):
        t.types(f"ssh-keygen -q -t {kind} -N '' -f {kind} && ssh-add -q {kind} && rm {kind}")
        t.types(f"capos account key add alice {kind}.pub", "SHA256:")
        t.types(f"capos login alice@$A --identity {kind}.pub --non-interactive", touch, "^Logged in as alice")
        is_in(t, "publicKey")
    t.types("capos login alice@$A", touch, "^Logged in as alice", never=("Password",))
    t.types("capos renew", touch, "^by +publicKey$")
    is_in(t, "publicKey")
    t.types("ssh-agent -k")


@row()
def by_a_certified_key(t):
    starts(t)
    # Of one that is asked for, the first words are what is true: not that it is not offered.
    t.types("capos login $A --method oidc-device",
            "^capos: login: the instance lets nobody in this way now: the identity provider op does not answer", code=3)
    own_key(t, account=False)
    t.types("ssh-keygen -q -s ca -I laptop -n alice -V +1d ~/.ssh/id_ed25519.pub")
    t.types("capos login alice@$A -v", "^capos: by key: SHA256:.*, certified$", "^Logged in as alice")
    is_in(t, "publicKey")
    t.types("capos login alice@$A --identity ~/.ssh/id_ed25519-cert.pub --non-interactive", "^Logged in as alice")
    is_in(t, "publicKey")


@row()
def by_a_client_certificate(t):
    starts(t)
    for line in CERTIFICATE:
        t.types(line)
    for more in ("", "--non-interactive"):
        t.types(f"capos login $A --certificate alice.pem --key alice.key {more}", "^Logged in as alice")
        is_in(t, "mtlsClientCert")
    # Where it always lies nobody has to name it, or a name.
    t.types("C=~/.config/capos; mkdir -p $C; mv alice.pem $C/client.pem; mv alice.key $C/client.key")
    for who in ("$A", "alice@$A", "$A --method certificate"):
        t.types(f"capos login {who}", "^Logged in as alice", never=("Password",))
        is_in(t, "mtlsClientCert")
    # It is alice's: who says that he is bob is not.
    t.types("capos login bob@$A --non-interactive", "the account or the proof is not right", code=3)


@row()
def by_a_password(t):
    starts(t)
    t.types("capos login alice@$A", "^Logged in as alice", answers=[("^Password of alice at .*:", "correct horse")],
            never=("horse",))
    is_in(t, "password")
    t.types("capos login alice@$A --method password", "^Logged in as alice", never=("horse",),
            answers=[("^Password of alice at .*:", "correct horse")])
    is_in(t, "password")
    t.types("(umask 077; echo 'correct horse' > pw)")
    for more in ("--password-stdin <pw", "--password-file pw", "--password-file /dev/fd/5 5<pw"):
        t.types(f"capos login alice@$A --non-interactive {more}", "^Logged in as alice")
        t.types(f"capos renew {more}", "^by +password$", never=("Password of",))
        is_in(t, "password")


@row()
def by_a_passkey(t):
    starts(t)
    t.types(f'P="python3 $SOURCE/test/passkey/authenticator.py $HOME/token {ORIGIN}"')
    t.types('capos account passkey add alice --passkey-command "$P"')
    t.types('capos login $A --passkey-command "$P"', "asks for passkeys of capos.example", "--relying-party", code=1)
    t.types('R="--relying-party capos.example"')
    t.types('capos login $A -v --passkey-command "$P" $R', "^capos: by passkey of capos.example: ",
            "^Logged in as alice")
    is_in(t, "passkey")
    t.types('capos login alice@$A --method passkey --passkey-command "$P" $R --non-interactive', "^Logged in as alice")
    is_in(t, "passkey")
    t.types("capos login $A --method passkey", "by passkey: .*--passkey-command", code=1)


class Provided:
    """An identity provider on this machine, where alice is one of the people."""

    def __enter__(self):
        self.op = oplib.Provider()
        self.op.claims = {"groups": ["people"]}
        return self.op

    def __exit__(self, *_):
        self.op.stop()


@row()
def by_a_browser(t):
    with Provided() as op:
        starts(t, op.url)
        with open(t.home.path("home/browser"), "w", encoding="ascii") as f:
            f.write("#!/usr/bin/python3\nimport sys, urllib.request as u\n"
                    "open('page', 'wb').write(u.urlopen(sys.argv[1]).read())\n")
        t.types("chmod 700 browser")
        t.types("BROWSER=$HOME/browser capos login $A", "^capos: log in with your browser",
                rf"^capos: {op.url}/authorize\?", "^Logged in as alice", never=("Password",))
        t.types("BROWSER=$HOME/browser capos renew", "^capos: log in with your browser",
                rf"^capos: {op.url}/authorize\?", "oidcAuthorizationCodePkce", never=("Password",))
        is_in(t, "oidcAuthorizationCodePkce")
        t.types("grep -o 'You may close this window' page", "close this window")
        # Whoever asks for it and has no browser is shown where to go.
        t.begin("capos login $A --method oidc --non-interactive")
        shown = t.sees(rf"^capos: {op.url}/authorize\?\S+$")
        other = Terminal(t.home)
        url = re.search(rf"{op.url}/authorize\?\S+", shown).group()
        other.types(f"./browser '{url}'")
        t.ended("^Logged in as alice")
        is_in(t, "oidcAuthorizationCodePkce")


@row()
def by_a_code_for_a_device(t):
    with Provided() as op:
        starts(t, op.url)
        for more in ("", " --method oidc-device", " --method oidc-device --non-interactive"):
            op.approved = False
            t.begin(f"capos login $A{more}")
            t.sees(rf"^capos: open {op.url}/activate in a browser, on any machine, and enter the code WDJB-MJHT$")
            if not more:
                t.sees(r"^capos: waiting for somebody to enter the code, \d+ s")
            op.approved = True
            t.ended("^Logged in as alice", never=("Password",))
            is_in(t, "oidcDeviceCode")
        # Somebody says no: a password is asked for then.
        op.answers["/token"] = lambda h, _: h.answer(400, {"error": "access_denied"})
        t.types("capos login alice@$A", "not by oidc-device: .*; now by password$", "^Logged in as alice",
                answers=[("^Password of alice at .*:", "correct horse")])
        is_in(t, "password")


@row()
def by_a_services_key(t):
    starts(t)
    t.types("openssl genpkey -algorithm ed25519 -out bot.pem; chmod 600 bot.pem")
    t.types("capos service-account add bot --profile robot")
    t.types("openssl pkey -in bot.pem -pubout | capos service-account key add bot -")
    t.types("capos login bot@$A --method service --identity bot.pem",
            "^Logged in as bot .profile robot., 1 capability, ends in")
    is_in(t, "serviceCredential", "bot")
    t.types("capos login bot@$A --method service --identity bot.pem --non-interactive", "^Logged in as bot")
    is_in(t, "serviceCredential", "bot")
    t.types("capos login alice@$A --method service --identity bot.pem --non-interactive", "not right", code=3)
    t.types("capos login bot@$A --identity bot.pem --non-interactive", "Then --method service", code=3)
    t.types("capos login bot@$A --method service", "by service: ", code=1)
    t.types("echo 'correct horse' | capos login alice@$A --profile nowhere --password-stdin", "capos login -v", code=3)
    t.types("capos login alice@127.0.0.1:9", "Connection refused: .*capos up", code=4)


def token(t, op, name):
    """An access token of a program's, in a file."""
    text = op.key.token({"iss": op.url, "sub": "the deployer", "aud": "here", "roles": ["deploy"], "jti": name,
                         "exp": int(time.time()) + 3600}, typ="at+jwt")
    with open(t.home.path("home/" + name), "wb", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(text + b"\n")


@row()
def by_an_access_token(t):
    with Provided() as op:
        starts(t, op.url)
        t.types("capos service-account add bot --profile robot")
        for name in ("first", "second", "third"):
            token(t, op, name)
        t.types("chmod 644 first; capos login $A --token-file first", "others can read this token", "chmod 600", code=1)
        t.types("chmod 600 first; capos login $A --token-file first", "^Logged in as bot .profile robot.",
                never=("Password",))
        t.types("capos renew --token-file second", "^by +serviceCredential$")
        is_in(t, "serviceCredential", "bot")
        t.types("capos login bot@$A --method service --token-file third --non-interactive", "^Logged in as bot")
        is_in(t, "serviceCredential", "bot")
        # Each is good once, be it for a login or a renewal.
        for name in ("first", "second", "third"):
            t.types(f"capos login $A --token-file {name} --non-interactive", "not right", code=3)


@row()
def as_nobody(t):
    starts(t)
    for name in ("guest", "anonymous"):
        for more in (f"--{name}", f"--method {name} --non-interactive"):
            t.types(f"capos login $A {more}", f"^Logged in as {name} ")
            is_in(t, name, "(none)")


@row()
def a_key_that_is_not_taken_leads_to_a_password(t):
    starts(t)
    own_key(t, account=False)
    t.types("capos login alice@$A", "^capos: not by key: the account or the proof is not right; now by oidc-device$",
            "^capos: not by oidc-device: the identity provider op does not answer: .*; now by password$",
            "^Logged in as alice", answers=[("^Password of alice at .*:", "correct horse")])
    is_in(t, "password")


@row()
def when_nothing_fits_each_way_says_why_not(t):
    starts(t)
    shown = t.types("capos login alice@$A --non-interactive", "nothing that is here fits what the instance offers:$",
                    r"^  key +not available here: .*ssh-keygen", r"^  certificate +not available here: .*--certificate",
                    r"^  password +not available here: .*--password-stdin", r"^  guest +not chosen: .*--method guest",
                    code=1)
    need([line.split()[0] for line in shown.split("\n")[1:]] == list(ALL), shown)
    t.types("capos login $A --non-interactive", "whose session", r"^  key +not available here: it needs a name", code=2)
    t.types("capos login alice@$A --method key", "by key: .*ssh-keygen", code=1)
    t.types("capos login alice@$A --method pass", "no such method.*there are: key, certificate", code=2)
    t.types("capos methods $A", r"^publicKey +key +enabled +not here ",
            r"^password +password +enabled +here +for operator, agent$")


@row()
def tab_completes_methods(t):
    t.types("source $SOURCE/pkg/completion/capos")
    t.completes("capos login alice@h --method cert", "capos login alice@h --method certificate")
