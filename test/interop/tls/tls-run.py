#!/usr/bin/env python3
"""tls-run: logs in to an instance with a client in another language, over TLS and a Unix socket.

usage: tls-run.py NAME ROW[,ROW...] CLIENT [ARGUMENT...]
       tls-run.py NAME ROW[,ROW...] --build LANGUAGE

A ROW is the first column of the table in doc/clients.md, and that table says what must work: what
it promises is tried and has to work, and where it says `no` the client itself must say that it
cannot. So the page is true, or this fails. The row's words follow the client's arguments where it
has more than one (`python ssl`: ssl).

Every client is one program, and one run of it is one login:

        CLIENT ADDRESS CERTIFICATE METHOD ACCOUNT SECRET

ADDRESS is tls:HOST:PORT or unix:PATH. CERTIFICATE is the only one it trusts, for the name
`localhost`. METHOD is `password` (SECRET is the password), or with the private key in the file
SECRET: `key`, bound to the channel as strongly as the transport allows (tls-exporter over TLS), or
`tls-key`. With `-other` behind it the key is proved for another channel, as a victim of a relay
would. It prints ACCOUNT, KIND and the message of the day, and ends with 0; or why not, with 1; or
`cannot: ...`, with 3.

--build makes the client of a language that Debian alone does not have, in the build folder that
CAPOS_BUILDDIR names, in the versions that its lock file pins: `make test-peers`.
"""
import json
import os
import re
import select
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "e2e"))

import instance  # noqa: E402
import sessionlib as s  # noqa: E402

RUN_S = 120
CLIENTS = os.path.join(s.TOP, "doc", "clients.md")
COLUMNS = ("tls password", "tls key", "tls tls-key", "unix password", "unix key")
# As the audit log says it.
BOUND = {("tls", "key"): "tls-exporter", ("tls", "tls-key"): "tls-key"}
SCHEMA = os.path.join(s.TOP, "schema")
CAPOS = os.path.join(instance.build_folder(), "bin", "capos")
DEBIAN_PYTHON = "/usr/bin/python3"    # the one that Debian's packages are for
GO_MODULE = "capnproto.org/go/capnp/v3"


# ---- building -------------------------------------------------------------------------------

def run(*command, **options):
    """Runs a command of the build; its output is seen only when it fails."""
    r = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       check=False, **options)
    if r.returncode:
        sys.exit(f"{r.stdout}\nnot ok build - {' '.join(command)} ended with {r.returncode}")
    return r.stdout


def need(program):
    """The folder of what a client needs is there, or its tests are skipped."""
    if not shutil.which(program):
        raise instance.Skip(f"there is no {program}")


def folder(name):
    """A place for what a language writes, with a copy of its sources."""
    to = os.path.join(instance.build_folder(), "peers", "tls-" + name)
    shutil.copytree(os.path.join(HERE, name), to, dirs_exist_ok=True)
    return to


def build_rust():
    need("cargo")
    at = folder("rust")
    run("cargo", "build", "--quiet", "--locked", "--jobs", "1", cwd=at)
    return [os.path.join(at, "target", "debug", "tls-client")]


def build_go():
    need("go")
    at = folder("go")
    env = dict(os.environ, GOFLAGS="-mod=readonly", GOBIN=os.path.join(at, "bin"))
    run("go", "install", GO_MODULE + "/capnpc-go", cwd=at, env=env)
    env["PATH"] = env["GOBIN"] + ":" + env["PATH"]
    for name in ("command", "remote_ui", "user_session", "remote_session", "system_info"):
        to = os.path.join(at, name.replace("_", ""))
        os.makedirs(to, exist_ok=True)
        run("capnp", "compile", "--no-standard-import", "-I" + SCHEMA, "-ogo:" + to,
            "--src-prefix=" + SCHEMA, os.path.join(SCHEMA, name + ".capnp"), cwd=at, env=env)
    run("go", "build", "-o", "tls-client", ".", cwd=at, env=env)
    return [os.path.join(at, "tls-client")]


def build_node():
    need("npm")
    at = folder("node")
    run("npm", "ci", "--silent", "--no-audit", "--no-fund", cwd=at)
    for name in ("cxx", "go", "java", "command", "remote_ui", "user_session", "remote_session", "system_info"):
        shutil.copy(os.path.join(SCHEMA, name + ".capnp"), at)
    tool = os.path.join("node_modules", ".bin", "")
    for name in ("command", "remote_ui", "user_session", "remote_session", "system_info"):
        run(tool + "capnp-es", name + ".capnp", "-ots", cwd=at)
    run(tool + "tsc", "--target", "es2022", "--module", "nodenext", "--moduleResolution",
        "nodenext", "--skipLibCheck", "--strict", "tls-client.ts", cwd=at)
    return ["node", os.path.join(at, "tls-client.js")]


def build_python():
    at = folder("python")
    python = os.path.join(at, "venv", "bin", "python")
    if not os.path.exists(python):
        run(sys.executable, "-m", "venv", os.path.join(at, "venv"))
    run(python, "-m", "pip", "install", "--quiet", "-r", os.path.join(at, "requirements.txt"))
    return [python, os.path.join(at, "tls-client.py")]


BUILD = {"rust": build_rust, "go": build_go, "node": build_node, "python": build_python}


# ---- the table ------------------------------------------------------------------------------

def promises(row):
    """What doc/clients.md says of a client: {column: its cell}."""
    with open(CLIENTS, encoding="utf-8") as f:
        table = [[c.strip(" `") for c in line.strip().strip("|").split("|")]
                 for line in f if line.startswith("|")]
    heads = next(t for t in table if all(c in t for c in COLUMNS))
    cells = next(t for t in table if t[0] == row)
    return {c: cells[heads.index(c)] for c in COLUMNS}


class Logins:
    """The logins of one client at one instance."""

    def __init__(self, row, command, where, number):
        self.row, self.command, self.where = row, command, where
        self.user, self.strict = "operator" + number, "anonymous" + number

    def login(self, transport, method, secret, certificate=None, user=None):
        """(code, what it said) of one run."""
        r = subprocess.run(
            self.command + [self.where[transport], certificate or self.where["certificate"], method,
                            user or self.user, secret],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=RUN_S, check=False)
        if r.returncode == 77:
            raise instance.Skip(r.stdout.strip())
        return r.returncode, r.stdout.strip()

    def good(self, transport, method):
        secret = instance.SECRET if method == "password" else self.where["key"]
        kind = "password" if method == "password" else "publicKey"
        code, said = self.login(transport, method, secret)
        if code or said.splitlines()[-1] != f"{self.user} {kind} Hello from the test.":
            raise s.Failed(f"{code}: {said}")
        bound = BOUND.get((transport, method), "none")
        with open(self.where["audit"], encoding="utf-8") as f:
            records = [json.loads(line) for line in f if line.endswith("\n")]
        last = [r for r in records if r["what"] == "attempt" and r.get("account") == self.user][-1]
        if (last["transport"], last["binding"]) != (transport, bound):
            raise s.Failed(f"the audit log does not say {transport} and {bound}: {last}")

    def cannot(self, transport, method):
        code, said = self.login(transport, method, self.where["key"])
        if code != 3 or not said.startswith("cannot: "):
            raise s.Failed(f"the page says that it cannot: {code}: {said}")

    def bad(self, transport, method, secret, denial="denied.credentials", user=None):
        code, said = self.login(transport, method, secret, user=user)
        if code != 1 or denial not in said:
            raise s.Failed(f"{denial} was expected: {code}: {said}")

    def stranger(self):
        """A server whose certificate is not the trusted one gets no password."""
        code, said = self.login("tls", "password", instance.SECRET, self.where["stranger"])
        if code != 1 or "certificate" not in said.lower():
            raise s.Failed(f"it should not trust this certificate: {code}: {said}")

    def handshakes(self):
        """The logins over TLS that have to work, for an instance with another certificate."""
        return [(f"{self.row}: {column}, Ed25519",
                 lambda m=column.partition(" ")[2]: self.good("tls", m))
                for column, cell in promises(self.row).items()
                if column.startswith("tls ") and cell.startswith("yes")]

    def cases(self):
        found = [("stranger", self.stranger),
                 ("tls wrong password", lambda: self.bad("tls", "password", "not the password"))]
        for column, cell in promises(self.row).items():
            transport, method = column.split(" ")
            if cell.startswith("no"):
                found.append((f"{column}: it cannot",
                              lambda t=transport, m=method: self.cannot(t, m)))
                continue
            if not cell.startswith("yes"):
                continue
            found.append((column, lambda t=transport, m=method: self.good(t, m)))
            if method != "password":
                found.append((f"{column}, another channel's", lambda t=transport, m=method:
                              self.bad(t, m + "-other", self.where["key"])))
            if method == "tls-key":
                found.append((f"{column} where it is not allowed", lambda t=transport, m=method:
                              self.bad(t, m, self.where["key"], "denied.profile", self.strict)))
        return [(f"{self.row}: {title}", case) for title, case in found]


def readme(python, where):
    """The README's program in Python, as it is printed there and with what it says it needs."""
    with open(os.path.join(s.TOP, "README.md"), encoding="utf-8") as f:
        program = re.search(r"^```python\n(.*?)^```$", f.read(), re.M | re.S)[1]
    with open(os.path.join(where["folder"], "cert.pem"), "wb") as f:
        subprocess.run([CAPOS, "cert", "show", "--pem", "--state", where["state"]], stdout=f,
                       check=True)
    r = subprocess.run([python, "-c", program, where["tls"].rsplit(":", 1)[1]],
                       cwd=where["folder"], env=dict(os.environ, PYTHONPATH=SCHEMA), text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=RUN_S, check=False)
    if r.stdout != "Hello from the test.\n":
        raise s.Failed(f"{r.returncode}: {r.stdout}")


# ---- the instance ---------------------------------------------------------------------------

class TlsInstance(instance.Instance):
    """An instance that listens on TLS and on a Unix socket, with an account that has a key."""

    def __init__(self, key=None):
        """key: what openssl calls the kind of key of a certificate to import; None: its own."""
        super().__init__(instance.manifest().replace(
            '(name = "operator", ', '(name = "operator", serverKeyBinding = true, '), user=False)
        self.socket = os.path.join(self.folder.name, "socket")
        self.arguments[self.arguments.index("--listen") + 1] = "tls:127.0.0.1:0"
        self.arguments += ["--listen", "unix:" + self.socket]
        self.key = key

    def start(self):
        if self.key:
            at = [os.path.join(self.folder.name, name) for name in ("cert.pem", "key.pem")]
            run("openssl", "req", "-x509", "-newkey", self.key, "-nodes", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-addext",
                "basicConstraints=critical,CA:FALSE", "-out", at[0], "-keyout", at[1])
            os.mkdir(self.state, 0o700)
            run(CAPOS, "cert", "import", *at, "--state", self.state)
        super().start()

    def endpoint(self):
        """Waits for the line of each listener; the address of the one that speaks TLS."""
        said, end = b"", time.monotonic() + instance.START_S
        while not (b"CapSet: unix " in said and said.endswith(b"\n")) and time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 0.1)[0]:
                part = os.read(self.process.stdout.fileno(), 4096)
                said += part
                if not part:
                    break
        found = re.search(r"remote CapSet: tls (\S+) (\d+)", said.decode(errors="replace"))
        if not found:
            raise s.Failed(f"the instance does not start: {said!r} {self.log_text()[-2000:]}")
        return f"{found[1]}:{found[2]}"

    def client_files(self):
        """What a client must know: addresses, the certificate, a key."""
        at = {name: os.path.join(self.folder.name, name) for name in ("key", "stranger", "other")}
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", at["key"])
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", at["other"], "-out", at["stranger"], "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost")
        admin = self.admin()
        audit = admin.audit_path()
        admin.close()
        return at | {"audit": audit, "folder": self.folder.name, "state": self.state,
                     "tls": "tls:" + self.address, "unix": "unix:" + self.socket,
                     "certificate": os.path.join(self.state, "tls", "cert.pem")}

    def account(self, name, key, profile):
        """An account with a key: some for each row, whose failures are not the next one's."""
        self.add_user(name, [profile])
        with open(key + ".pub", encoding="ascii") as f:
            admin = self.admin()
            admin.key_add(name, f.read().strip())
            admin.close()
        return name


def main(argv):
    if len(argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    name, rows, client = argv[0], argv[1].split(","), argv[2:]
    os.environ["PATH"] += ":" + os.path.expanduser("~/.cargo/bin") + ":/usr/local/go/bin"
    os.environ["SESSION_SCHEMA"] = SCHEMA
    try:
        if client[0] == "--build":
            client = BUILD[client[1]]()
        elif client[0].endswith(".py"):
            client.insert(0, DEBIAN_PYTHON if os.path.exists(DEBIAN_PYTHON) else sys.executable)
    except instance.Skip as e:
        print(f"skipped all: {e}")
        instance.count(name, 0, 0, 1)
        return 0
    with TlsInstance() as run_, TlsInstance("ed25519") as other:
        where, there, cases = run_.client_files(), other.client_files(), []
        for n, row in enumerate(rows):
            for profile in ("operator", "anonymous"):
                run_.account(f"{profile}{n}", where["key"], profile)
            other.account(f"operator{n}", there["key"], "operator")
            words = [row.split(" ")[1].lower()] if len(rows) > 1 else []
            cases += Logins(row, client + words, where, str(n)).cases()
            cases += Logins(row, client + words, there, str(n)).handshakes()
        if client[-1].endswith("tls-client.py"):
            cases.append(("README: the client in Python", lambda: readme(client[0], where)))
        return instance.run_cases(name, cases)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
