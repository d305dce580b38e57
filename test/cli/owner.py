"""Cases of an owner who looks after the sessions of his account, here and elsewhere. cli.py runs them."""
import os

from rig import agent_lives, case, equal, holds


def elsewhere(g, name):
    """Another machine of the same person's: its logins are not seen here. Its environment."""
    os.mkdir(g.path(name), 0o700)
    return {**g.env, "XDG_RUNTIME_DIR": g.path(name), "HOME": g.path(name)}


def login_elsewhere(g, where):
    done = g.run("login", f"alice@{g.address}", "--password-stdin", "--json",
                 stdin="correct horse\n", env=where)
    equal(done.code, 0, repr(done))
    return done.json


@case(needs_instance=True)
def an_owner_sees_and_ends_his_sessions(g):
    away = elsewhere(g, "away")
    g.login("here")
    login_elsewhere(g, away)
    there = g.run("whoami", "--json", env=away).json["id"]
    mine = g.ok("whoami", "--json").json["id"]
    listed = g.ok("sessions", "--remote", "--json").json
    equal([(s["id"], s["current"], s["kind"]) for s in listed["sessions"]],
          [(mine, True, "password"), (there, False, "password")])
    said = g.ok("sessions", "--remote").out.splitlines()
    holds(said[0].startswith(mine) and said[0].endswith("(this one)") and there in said[1], said)

    g.error(3, "denied.unknown-name", "logout", "--other", mine)
    g.error(3, "denied.unknown-name", "logout", "--other", "0" * 32)
    g.error(2, "usage", "logout", "--other", "")
    g.error(2, "usage", "logout", "--other", there, "--all")
    equal(g.ok("logout", "--other", there[:6]).out, "The session has ended.\n")
    r = g.run("caps", env=away)
    holds(r.code in (3, 4) and "ended it from another session" in r.err, r)

    login_elsewhere(g, away)
    equal(g.ok("logout", "--all", "--json").json,
          {"loggedOut": True, "sessions": 1, "others": 1})
    r = g.run("caps", env=away)
    holds(r.code in (3, 4) and "ended it from another session" in r.err, r)


@case(needs_instance=True)
def all_logins_end(g):
    agents = [g.login("one")["agent"], g.anonymous("two")["agent"], g.login("three")["agent"]]
    equal(g.ok("logout", "--all", "--json").json, {"loggedOut": True, "sessions": 3, "others": 0})
    for pid in agents:
        g.until(lambda pid=pid: not agent_lives(pid), "an agent lives on")
    holds("0 logins" in g.ok("logout", "--all").out, "not counted")


@case(needs_instance=True)
def nobody_has_no_other_sessions(g):
    g.anonymous("nobody")
    says = g.error(3, "denied.profile", "sessions", "--remote")
    holds("no account" in says, says)
    equal(g.ok("logout", "--all").out, "1 login has ended.\n")


@case(once=True)
def an_older_instance_is_not_blamed(g):
    agent = g.login("one")["agent"]
    for words in (("sessions", "--remote"), ("logout", "--other", "8a706f"), ("logout", "--all")):
        says = g.error(1, "unimplemented", *words)
        holds("older than this command" in says, says)
    g.until(lambda: not agent_lives(agent), "the agent lives on")
