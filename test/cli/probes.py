"""probes: the cases of `capos probe`: what it says of an instance that refuses, and of one that does not.
"""
import os
import signal
import subprocess

from rig import PASSWORD, Rig, case, equal, holds

ROWS = [("unknown-name", "denied.unknown-name"), ("wrong-interface", "denied.wrong-interface"),
        ("wrong-profile", "denied.profile"), ("disabled-method", "denied.method-disabled"),
        ("second-login", "denied.already-bound"), ("transfer", "denied.transfer"),
        ("quota", "over-quota.references"), ("stale-call", "denied.stale-session")]


def rows_of(report):
    equal([(r["row"], r["expected"]) for r in report["rows"]], ROWS)
    for r in report["rows"]:
        state = "skipped" if not r["came"] else "ok" if r["came"] == r["expected"] else "NOT"
        equal(r["outcome"], state, str(r))
        equal(not r["came"], bool(r["why"]), str(r))
    counts = [sum(r["outcome"] == o for r in report["rows"]) for o in ("ok", "NOT", "skipped")]
    equal([report["expected"], report["not"], report["skipped"]], counts)
    return {r["row"]: r for r in report["rows"]}


def sessions(g):
    return g.ok("session", "list", "--json", "--state", g.state).json["sessions"]


@case(needs_instance=True)
def probe_of_an_instance(g):
    """All eight, and the login is what it was: its session, and no other is left."""
    g.login("work")
    before = [s["id"] for s in sessions(g)]
    report = g.ok("probe", "--json").json
    rows_of(report)
    equal((report["session"], report["expected"]), ("work", 8))
    shown = g.ok("probe", "work")
    equal(sum(line.endswith(" ok") for line in shown.out.splitlines()), 8)
    holds("8 as expected, 0 not, 0 skipped" in shown.out, shown)
    by_proof = g.ok("probe", "--password-stdin", "--json", stdin=PASSWORD + "\n").json
    equal(by_proof["expected"], 8)
    holds("1024" in rows_of(by_proof)["quota"]["sent"], by_proof)
    g.until(lambda: [s["id"] for s in sessions(g)] == before, "the sessions of probes are left")
    equal(g.ok("call", "system_info", "motd", "--json").code, 0)
    g.login("home")
    equal([line.split('"')[3] for line in g.ok("probe", "work", "home", "--json").out.splitlines()],
          ["work", "home"])
    g.error(2, "which-session", "probe")
    g.error(4, "no-session", "probe", "nobody")
    g.fails(3, "probe", "home", "--password-stdin", stdin="not the password\n")
    g.ok("logout", "--all")


@case(needs_instance=True)
def probe_of_an_instance_without_some(g):
    """What an instance does not have cannot be tried: that is said, with what would be needed."""
    with open(g.path("manifest"), "w", encoding="utf-8") as f:
        f.write(g.ok("manifest", "show").out.replace(
            'anonymous = (enabled = true, profile = "anonymous")', "anonymous = (enabled = false)")
            .replace(', (name = "chat", ui = true)', ""))
    other = Rig(os.path.dirname(g.capos), None, manifest=g.path("manifest"))
    try:
        other.login("work")
        report = other.ok("probe", "--json").json
        left = {name: r["why"] for name, r in rows_of(report).items() if r["outcome"] == "skipped"}
        equal(sorted(left), ["quota", "second-login", "stale-call", "transfer", "wrong-profile"])
        holds("--method" in left["quota"] and "takes" not in left["quota"], left)
        rest = rows_of(other.ok("probe", "--json", "--password-stdin", stdin=PASSWORD + "\n").json)
        equal([n for n, r in rest.items() if r["outcome"] == "skipped"], ["wrong-profile", "transfer"])
        other.ok("logout")
    finally:
        other.close()


@case(once=True)
def probe_of_what_lets_all_through(g):
    """A server that is none of ours: a row each for what it should have refused, and exit code 1."""
    g.login("work")
    rows = rows_of(g.fails(1, "probe", "--json").json)
    equal({n for n, r in rows.items() if r["outcome"] == "NOT"}, {"wrong-profile", "disabled-method", "transfer"})
    equal(rows["wrong-profile"]["came"], "results")
    equal(rows["transfer"]["came"], "service: bad name")
    equal({n for n, r in rows.items() if r["outcome"] == "skipped"}, {"quota"})
    holds(" NOT\n" in g.fails(1, "probe").out, "people are not told")
    g.ok("logout")


@case(once=True)
def probe_of_what_does_not_answer(g):
    """It ends, and says at what it waited."""
    g.login("work")
    g.server.send_signal(signal.SIGSTOP)
    try:
        r = subprocess.run([g.capos, "probe", "--timeout", "1", "--json"], env=g.env, timeout=60,
                           capture_output=True, text=True, check=False)
        equal(r.returncode, 4)
        holds('"timeout"' in r.stdout, r)
    finally:
        g.server.send_signal(signal.SIGCONT)
    g.ok("logout")
