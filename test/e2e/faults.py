#!/usr/bin/env python3
"""faults: what is wrong with a manifest is told with file, line, column, path and reason.

Why: a manifest is written by hand, and read by a machine once, at a start. faults.txt has wrong ones, each with all
that has to be said of it, to the letter; `capos manifest check` is given each. A check without a row here is one that
nobody has seen work: so the checks' sources are read, too, and what they can say has to be said here, of each field.

usage: faults.py
"""
import os
import re
import subprocess
import sys
import tempfile

import instance
from sessionlib import Failed, TOP

SCRIPT = "e2e-faults"
CAPOSD = os.path.join(TOP, "daemon", "caposd")
# Who complains, and what of a source is not about manifests.
SOURCES = ("certificates.c", "manifest-bounds.c", "manifest-check.c", "manifest-connect.c", "manifest-facets.c",
           "manifest-grants.c", "manifest-passkeys.c", "manifest-profiles.c", "manifest-strength.c",
           "providers.c", "revoked-keys.c")
CALL = re.compile(r"\b(?:rule_)?(?:check_)?fault(?:_in|_at|_of)?\(|\bcheck_(?:duration|size)\(")
TEXT = r'"(?:[^"\\\n]|\\.)*"'
# Said by another test, which knows why: a file that another user has, memory that is short.
ELSEWHERE = {
    "is no file": "a folder's bytes cannot be read: it is the kernel that says so",
}
NOBODY = "nobody can log in: no profile, or no way in"  # a warning
PIN = f'"sha256:{"A" * 43}"'
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJKVfPmfTDrrJhC+gvMc1hrwOFliMdu8EvrAPz5H+oS4"
# Of keys: good lines, and others.
REVOKED = f"""# lost
  {KEY} a laptop

SHA256:{"A" * 43}
256 SHA256:{"A" * 43} a comment (ED25519)
laptop
ssh-rsa {KEY.split()[1]}
{KEY[:-8]}
SHA256:{"A" * 42}
256 MD5:00:11
ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAAA==
"""
SERVICE = 'name = "a", program = "capos-chat", interfaceId = 0x8000000000000001'


# ---- rows ------------------------------------------------------------------------------------------------------------

def rows():
    """[(text, [line that is said, without the file])]"""
    with open(os.path.join(os.path.dirname(__file__), "faults.txt"), encoding="utf-8") as f:
        whole = f.read()
    for row in whole.rstrip("\n").split("\n====\n"):
        text, said = ("\n" + row).split("\n----\n")
        yield text[1:] + "\n" if text[1:] else "", said.split("\n")


def many(member, n):
    return ", ".join([member] * n)


def large_rows():
    """What is too much of something; where it is said, and what."""
    claim = '(name = "n", value = "' + "x" * 240 + '")'
    issuer = 'name = "op{}", issuer = "https://op{}.example", clientId = "i"'
    one = issuer.format("", "")
    rule = f'(account = "a", claims = [{many(claim, 16)}])'
    yield f'(motd = "{"x" * 16385}")', "1:9: motd: must have at most 16384 bytes, none of them 0"
    yield (f'(motd = "{"x" * 4000}", profiles = [(name = "p", quota = (message = "5023B"))])',
           "1:4057: profiles[0].quota.message: must be 5024B or more: `motd` is as long, and who has the profile asks "
           "for it")
    yield (f'(profiles = [(name = "p", quota = (message = "6085B"), bundle = [(name = "a", facet = "f")])], '
           f'services = [({SERVICE}, remote = (), title = "A", summary = "{"x" * 4794}", '
           f'facets = [(name = "f", methods = ["one", "another"])])])',
           "1:46: profiles[0].quota.message: must be 6086B or more: the list of its bundle is as long, and who has the "
           "profile asks for it")
    yield f"(services = [{many('(' + SERVICE + ')', 257)}])", "1:13: services: too many: at most 256"
    yield f"(profiles = [{many('()', 257)}])", "1:13: profiles: too many: at most 256"
    yield (f"(services = [({SERVICE}, facets = [{many('()', 65)}])])",
           "1:94: services[0].facets: too many: at most 64")
    yield (f"(services = [({SERVICE}, grants = [{many('(name = ' + chr(34) + 'b' + chr(34) + ')', 65)}])])",
           "1:94: services[0].grants: too many: at most 64")
    yield (f"(services = [({SERVICE}, facets = [(methods = [{many(chr(34) + 'x' + chr(34), 257)}])])])",
           "1:106: services[0].facets[0].methods: too many: at most 256")
    wide = ", ".join(f'"m{i}"' for i in range(256))
    more = [SERVICE.replace('"a"', f'"a{i}"') + f", facets = [(methods = [{wide}])]" for i in range(9)]
    all_of_them = ", ".join(f"({m})" for m in more)
    all_named = ", ".join(f'(name = "a{i}")' for i in range(9))
    yield (f"(services = [{all_of_them}],\n"
           f"profiles = [(name = \"p\", bundle = [{all_named}])])",
           "2:35: profiles[0].bundle: too long: its facets have 2048 methods together, at most")
    yield (f"(admission = (deny = [{many(chr(34) + 'unix' + chr(34), 257)}]))",
           "1:22: admission.deny: has more than 256 networks")
    yield (f'(profiles = [(name = "p", bundle = [{many("()", 65)}])])',
           "1:36: profiles[0].bundle: too long: at most 64")
    yield (f"(authentication = (sshAuthorities = [{many('()', 17)}]))",
           "1:37: authentication.sshAuthorities: too many: at most 16")
    yield (f'(authentication = (sshAuthorities = [(name = "a", key = "{KEY}", revokedSerials = [{many("1", 4096)}])]))',
           "1:37: authentication.sshAuthorities: too long: all of them, with what they have revoked, have 32 KiB")
    yield (f"(authentication = (certificates = (rules = [(account = \"a\", keys = [{many(PIN, 2000)}])])))",
           "1:45: authentication.certificates.rules[0]: is too much: all of them and the rules have 56 KiB")
    yield (f"(authentication = (certificates = (authorities = [{many('()', 33)}])))",
           "1:179: authentication.certificates.authorities[32]: too many: at most 32")
    yield (f"(authentication = (certificates = (rules = [{many('()', 257)}])))",
           "1:1069: authentication.certificates.rules[256]: too many: at most 256")
    yield (f"(authentication = (oidc = [{many('()', 17)}]))",
           "1:92: authentication.oidc[16].name: too many: at most 16 providers")
    yield (f"(authentication = (oidc = [({one}, rules = [{many(rule, 4)}])]))",
           "1:97: authentication.oidc[0].rules: too long: names and values of all claims have 12 KiB at most, with 6 "
           "bytes for each")
    yield (f"(authentication = (oidc = [({one}, rules = [{many('()', 65)}])]))",
           "1:97: authentication.oidc[0].rules: too many: at most 64")
    yield (f"(authentication = (oidc = [({one}, rules = [(account = \"a\", claims = [{many('()', 17)}])])]))",
           "1:123: authentication.oidc[0].rules[0].claims: too many: at most 16")
    yield (f"(authentication = (passkeys = (relyingParty = \"a.example\", attestation = self, "
           f"aaguids = [{many(chr(34) + '1' + chr(34), 17)}])))",
           "1:90: authentication.passkeys.aaguids: too many: at most 16")


def all_rows():
    yield from rows()
    for text, said in large_rows():
        yield text, [said]


# ---- asking ----------------------------------------------------------------------------------------------------------

class Cases:
    def __init__(self, folder):
        self.folder, self.said = folder, set()
        self.capos = os.path.join(instance.build_folder(), "bin", "capos")

    def file(self, name, data, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)

    def files(self):
        """What rows name as FILES/name."""
        self.file("empty", b"")
        self.file("lines", b"one\ntwo\n")
        self.file("open", b"secret\n", 0o644)
        self.file("large", b"x" * 70000)
        self.file("writable", b"", 0o664)
        self.file("zero", b"# \0\n")
        self.file("revoked", REVOKED.encode())
        self.file("key.pem", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n")

    def check(self, text):
        """What is said of it, without the file."""
        path = os.path.join(self.folder, "wrong")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("FILES", self.folder))
        done = subprocess.run([self.capos, "manifest", "check", path], capture_output=True, text=True, timeout=60,
                              check=False)
        if done.returncode != 1 or done.stdout:
            raise Failed(f"{text}: exit code {done.returncode}, {done.stdout}")
        lines = done.stderr.rstrip("\n").split("\n")
        lines = [line for line in lines if line != f"warning: {path}: {NOBODY}"]
        if not all(line.startswith(path + ":") for line in lines):
            raise Failed(f"{text}: {done.stderr}")
        return [line[len(path) + 1:].replace(self.folder, "FILES") for line in lines]

    def each(self):
        n = 0
        for text, wanted in rows():
            got = self.check(text)
            if got != wanted:
                raise Failed(f"{text}\nexpected {wanted}\nsaid     {got}")
            n += 1
        if n < 60:
            raise Failed(f"{n} rows")

    def too_much(self):
        """What is in what is too long is wrong, too."""
        for text, wanted in large_rows():
            got = self.check(text)
            if wanted not in got:
                raise Failed(f"{text[:200]}\nexpected {wanted}\nsaid     {got}")

    def no_more_than_twenty(self):
        got = self.check(f"(services = [{many('()', 8)}])")
        if len(got) != 21 or not re.fullmatch(r" \d+ more faults", got[-1]):
            raise Failed(f"{len(got)}: {got}")

    def at_a_start(self):
        """The log of a start has the same lines."""
        for text, wanted in list(rows())[::20]:
            path = os.path.join(self.folder, "wrong")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace("FILES", self.folder))
            done = subprocess.run([self.capos, "up", "--state", path + "-state", "--listen", "plain:127.0.0.1:0",
                                   "--manifest", path], capture_output=True, text=True, timeout=60, check=False)
            for line in wanted:
                if done.returncode != 1 or f" capos-caposd: error: {path}:{line}\n" not in done.stderr:
                    raise Failed(f"{line!r} is not in {done}")


# ---- what can be said ------------------------------------------------------------------------------------------------

def source(name):
    with open(os.path.join(CAPOSD, name), encoding="utf-8") as f:
        return re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)


def literal(text):
    """The value of an expression that is a text, in pieces or not; None: it is no text."""
    text = text.strip()
    if not re.fullmatch(rf"{TEXT}(?:\s*{TEXT})*", text):
        return None
    return "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)).replace('\\"', '"')


def arguments(text, at):
    """Those of the call whose parenthesis ends before `at`."""
    depth, inside, last, found = 0, False, at, []
    while True:
        c = text[at]
        if c == '"' and text[at - 1] != "\\":
            inside = not inside
        elif not inside and c in "([{":
            depth += 1
        elif not inside and c in ")]}":
            depth -= 1
        if not inside and (depth < 0 or (c == "," and depth == 0)):
            found.append(text[last:at])
            last = at + 1
        if depth < 0:
            return found
        at += 1


def pattern(said):
    """What a format says."""
    return ".*".join(re.escape(part) for part in re.split(r"%[-0-9.]*l*[a-z]", said))


def sentences():
    """What the sources say, each once: [(source, format)]."""
    for name in SOURCES:
        for match in re.finditer(rf"{TEXT}(?:\s*{TEXT})*", source(name)):
            said = literal(match.group(0))
            if " " in said.strip():
                yield name, said


def fields():
    """Where a field is named beside what is wrong with it: [(source, end of the path, format or None)]."""
    for name in SOURCES:
        text = source(name)
        for match in CALL.finditer(text):
            args = [literal(a) for a in arguments(text, match.end())]
            if len(args) > 2 and args[-1] is None:  # check_duration(), check_size(): what is wrong is theirs
                args = args[:3]
                args[2:] = [args[2], None] if "check_" in match.group(0) and args[2] else args[2:]
            if len(args) > 1 and args[-2]:
                yield name, args[-2], args[-1]


def none_is_missing():
    said = [line.split(": ", 2) for _, wanted in all_rows() for line in wanted]
    missing = []
    for name, text in sentences():
        if text not in ELSEWHERE and not any(re.search(pattern(text), "".join(line[2:])) for line in said):
            missing.append(f"{name}: {text}")
    n = 0
    for name, field, text in fields():
        n += 1
        if not any(re.sub(r"\[\d+\]$", "", line[1]).endswith(field) and
                   (text is None or re.search(pattern(text), "".join(line[2:]))) for line in said):
            missing.append(f"{name}: {field}: {text}")
    if missing or n < 60:
        raise Failed(f"{n} places; no row has\n" + "\n".join(missing))


def page_is_whole():
    """The page of the manual has each field and word of the schema, and says something of it."""
    schema = os.path.join(TOP, "schema", "manifest.capnp")
    page = subprocess.run([sys.executable, os.path.join(CAPOSD, "manifest-fields.py"), schema, "man",
                           os.path.join(TOP, "pkg", "man", "capos-manifest.5.head")],
                          capture_output=True, text=True, timeout=60, check=True).stdout
    with open(schema, encoding="utf-8") as f:
        text = re.sub(r"#.*", "", f.read())
    n = 0
    for kind, name, body in re.findall(r"^(struct|enum) (\w+) \{(.*?)^\}", text, flags=re.S | re.M):
        section = re.search(rf"^\.SH {name.upper()}\n(.*?)(?=^\.SH |\Z)", page, flags=re.S | re.M)
        if not section:
            raise Failed(f"the page has no section for {kind} {name}")
        for field in re.findall(r"(\w+) @\d+", body):
            n += 1
            if not re.search(rf"^\.TP\n\.BR {field}\b.*\n[A-Z]", section.group(1), flags=re.M):
                raise Failed(f"the page says nothing of {name}.{field}")
    if n < 100:
        raise Failed(f"{n} fields")


def main():
    with tempfile.TemporaryDirectory(prefix="capos-faults-") as folder:
        cases = Cases(folder)
        cases.files()
        return instance.run_cases(SCRIPT, [
            ("no check is without a row", none_is_missing),
            ("each fault is told with its place", cases.each),
            ("too much of each", cases.too_much),
            ("no more than twenty", cases.no_more_than_twenty),
            ("the log of a start says the same", cases.at_a_start),
            ("the page of the manual is whole", page_is_whole)])


if __name__ == "__main__":
    sys.exit(main())
