"""records: the cases of `capos audit query`, `export`, and of witnesses.

What is looked for is compared with the log itself, line by line; what is exported is verified, and
then changed in every way that somebody could like.
"""
import hashlib
import json
import os

from rig import case, equal, holds


@case(needs_instance=True)
def audit_query(g):
    """What is looked for is found, of a log that is written and of one that is not."""
    s = ("--state", g.state)
    g.login("work")
    g.fails(3, "login", f"alice@{g.address}", "--password-stdin", "--as", "x", stdin="not-my-password")
    session = g.ok("whoami", "--json").json["id"]
    g.ok("logout")
    log = g.ok("audit", "verify", "--json", *s).json["file"]
    lines = open(log, encoding="utf-8").read().splitlines()
    records = [json.loads(line) for line in lines]

    def query(*words, place=s):
        return g.ok("audit", "query", "--json", *words, *place).out.splitlines()

    def like(**wanted):
        return [line for line, r in zip(lines, records)
                if all(r.get(k) == v for k, v in wanted.items())]

    one = records[-1]
    rows = [(["--what", "grant"], like(what="grant")), (["--account", "alice"], like(account="alice")),
            (["--session", session], like(session=session)),
            (["--session", session[:8]], like(session=session)),
            (["--event", one["event"]], like(event=one["event"])),
            (["--source", one["source"]], like(source=one["source"])),
            (["--outcome", "denied.credentials"], like(outcome="denied.credentials")),
            (["--outcome", "denied"], [x for x, r in zip(lines, records)
                                       if r["outcome"].startswith("denied.")]),
            (["--what", "attempt", "--outcome", "ok"], like(what="attempt", outcome="ok"))]
    for words, expected in rows:
        holds(expected, f"{words}: no such record was made")
        equal(query(*words), expected)
        equal(query(*words, place=(log,)), expected)
    for words in (["--capability", "chat"], ["--outcome", "deni"], ["--source", one["source"][:3]],
                  ["--account", "ali"], ["--until", "2000-01-01"], ["--since", "2200-01"]):
        equal(query(*words), [])
    equal(query("--since", "1d"), lines)
    equal(query("--since", one["time"]), [x for x, r in zip(lines, records) if r["time"] >= one["time"]])
    equal(query("--until", records[1]["time"][:23]),
          [x for x, r in zip(lines, records) if r["time"] <= records[1]["time"]])
    equal(len(g.ok("audit", "query", "--account", "alice", *s).out.splitlines()),
          len(like(account="alice")))
    for wrong in ("yesterday", "2026-1-1", "2026-11-23 10:00"):
        g.error(2, "usage", "audit", "query", "--since", wrong, *s)
    copy = g.path("query-copy")
    with open(copy, "w", encoding="utf-8") as f:
        f.write("\n".join(lines[:3] + lines[4:]) + "\n")
    *broken, why = g.fails(1, "audit", "query", "--json", copy).out.splitlines()
    equal(broken, lines[:3])
    holds("line 4" in json.loads(why)["error"]["message"], why)
    holds("line 4" in g.fails(1, "audit", "query", copy).err, "nobody is told where")


def split_log(g, lines):
    """A log of two segments, made of one: the second goes on where the first ends."""
    folder = g.path("split")
    os.mkdir(folder)
    segment = dict(json.loads(lines[-1]), n=len(lines) + 1, segment="2",
                   before=json.loads(lines[-1])["hash"])
    segment.pop("hash")
    body = json.dumps(segment, separators=(",", ":"), ensure_ascii=False)[:-1]
    digest = hashlib.sha256(bytes.fromhex(segment["before"]) + body.encode()).hexdigest()
    last = f'{body},"hash":"{digest}"}}'
    for name, content in (("audit-000001.log", lines), ("audit.log", [last])):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write("\n".join(content) + "\n")
    return folder, last


@case(needs_instance=True)
def audit_export(g):
    """A part is verified elsewhere; it has no gaps, and no change in it stays unseen."""
    s = ("--state", g.state)
    g.login("work")
    g.ok("logout")
    log = g.ok("audit", "verify", "--json", *s).json["file"]
    lines = open(log, encoding="utf-8").read().splitlines()
    times = [json.loads(line)["time"] for line in lines]
    part = g.path("part")

    def export(*words):
        out = g.ok("audit", "export", *words).out
        with open(part, "w", encoding="utf-8") as f:
            f.write(out)
        return out.splitlines()

    got = export("--since", times[2], "--until", times[-2], *s)
    expected = [x for x, t in zip(lines, times) if times[2] <= t <= times[-2]]
    equal(got[1:-1], expected)
    verified = g.ok("audit", "verify", "--json", part).json
    equal(verified["hash"], json.loads(expected[-1])["hash"])
    for changed in (got[:2] + got[3:], got[:-1], got[1:], got[:1] + got[2:],
                    got[:3] + [got[3].replace('"what"', '"whit"')] + got[4:], got + lines[-1:]):
        with open(part, "w", encoding="utf-8") as f:
            f.write("\n".join(changed) + "\n")
        g.error(1, "audit", "audit", "verify", part)
    g.error(1, "failed", "audit", "export", "--until", "2000-01-01", *s)

    folder, last = split_log(g, lines)
    equal(export(folder)[1:-1], lines + [last])
    equal(g.ok("audit", "verify", "--json", part).json["records"], len(lines) + 1)
    os.remove(os.path.join(folder, "audit-000001.log"))
    done = g.ok("audit", "query", "--json", folder)
    equal(done.out.splitlines(), [last])
    holds(f"records 1 to {len(lines)} are not here" in done.err, done.err)
    g.error(1, "audit", "audit", "verify", folder)


def witness_files(g):
    folder = os.path.join(g.env["HOME"], ".config", "capos", "witnesses")
    return [os.path.join(folder, name) for name in os.listdir(folder)]


def forge(lines, at):
    """The same log, written anew with something else in one line: the chain is whole again."""
    out, before = [], bytes(32)
    for i, line in enumerate(lines):
        body = line[:line.rindex(',"hash":"')]
        if i == at:
            body = body.replace('"account":"alice"', '"account":"mallory"')
        before = hashlib.sha256(before + body.encode()).digest()
        out.append(f'{body},"hash":"{before.hex()}"}}')
    return out


@case(needs_instance=True)
def audit_witness(g):
    """A log that was written anew is whole, and not what users were told of."""
    s = ("--state", g.state)
    g.login("work")
    g.ok("logout")
    files = witness_files(g)
    equal(len(files), 1, "files")
    told = [line.split() for line in open(files[0], encoding="utf-8")]
    equal([w[3] for w in told], ["login", "logout"])
    equal(os.stat(files[0]).st_mode & 0o777, 0o600)
    log = g.ok("audit", "verify", "--json", *s).json["file"]
    lines = open(log, encoding="utf-8").read().splitlines()
    grant = json.loads(lines[int(told[0][1]) - 1])
    equal((grant["what"], grant["hash"]), ("grant", told[0][2]))
    equal(g.ok("audit", "verify", "--json", "--witness", files[0], *s).json["witnesses"], 2)

    copy = g.path("witness-copy")

    def verify(content, words, witness=files[0]):
        with open(copy, "w", encoding="utf-8") as f:
            f.write("\n".join(content) + "\n")
        g.ok("audit", "verify", copy)
        says = g.error(1, "audit", "audit", "verify", "--witness", witness, copy)
        holds(words in says, says)

    changed = next(i for i, x in enumerate(lines) if '"account":"alice"' in x)
    verify(forge(lines, changed), "has another hash than in")
    part = g.path("witness-part")
    with open(part, "w", encoding="utf-8") as f:
        f.write(g.ok("audit", "export", log).out)
    g.ok("audit", "verify", "--witness", files[0], part)

    # A log that ends before, as a whole; and one that nobody was told of.
    whole = g.path("witness-whole")
    os.mkdir(whole)
    with open(os.path.join(whole, "audit.log"), "w", encoding="utf-8") as f:
        f.write("\n".join(lines[:int(told[0][1]) - 1]) + "\n")
    g.ok("audit", "verify", whole)
    says = g.error(1, "audit", "audit", "verify", "--witness", files[0], whole)
    holds("its end is missing" in says, says)
    empty = g.path("witness-empty")
    with open(empty, "w", encoding="utf-8") as f:
        f.write("# nobody\n")
    says = g.error(1, "audit", "audit", "verify", "--witness", empty, log)
    holds("no record that" in says, says)
    with open(empty, "w", encoding="utf-8") as f:
        f.write(f"now 1 {told[0][2][:-1]}\n")
    holds("line 1" in g.error(1, "failed", "audit", "verify", "--witness", empty, log), "no line")


@case(needs_instance=True)
def witnesses_stay_few(g):
    """A file that has become long loses every other line, and keeps its first and its last."""
    g.login("work")
    file = witness_files(g)[0]
    one = open(file, encoding="utf-8").read().splitlines()[-1]
    many = [one.replace(" login", f" {i}") for i in range(3000)]
    with open(file, "w", encoding="utf-8") as f:
        f.write("\n".join(many) + "\n")
    size = os.stat(file).st_size
    holds(size > 256 * 1024, "not long enough")
    g.ok("logout")
    now = open(file, encoding="utf-8").read().splitlines()
    kept = [int(x.split()[3]) for x in now[:-1]]
    equal(now[-1].split()[3], "logout")
    equal(kept[:3], [0, 2, 4])
    holds(os.stat(file).st_size < size * 0.6, "as long as before")
    g.ok("audit", "verify", "--witness", file, "--state", g.state)
