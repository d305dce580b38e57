"""known: the cases of `capos known`, the file of instances whose keys a user knows.

What lines mean is tested beside lib/client/client-known.c; here is what a person sees.
"""
import os
import stat
import subprocess

from rig import case, equal, holds

A = "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
B = "sha256:BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def file_of(g):
    return g.path("home/.config/capos/known-instances")


def write(g, text):
    os.makedirs(os.path.dirname(file_of(g)), exist_ok=True)
    with open(file_of(g), "w", encoding="ascii") as f:
        f.write(text)


def known(g):
    return [(k["place"], k["fingerprint"]) for k in g.ok("known", "list", "--json").json["known"]]


@case(once=True)
def known_instances_are_added_and_removed(g):
    equal(known(g), [])
    g.ok("known", "add", "Example.org", A, "the", "one in the cellar")
    equal(stat.S_IMODE(os.stat(file_of(g)).st_mode), 0o600)
    g.ok("known", "add", f"capos://[::1]:7/#{B}")
    g.ok("known", "add", "tls:example.org:2327", B)
    g.ok("known", "add", "example.org", B)
    equal(known(g), [("Example.org:2327", A), ("[::1]:7", B), ("example.org:2327", B)])
    shown = g.ok("known", "list").out
    equal(g.ok("known").out, shown)
    holds(f"Example.org:2327 {A} since 20" in shown and "the one in the cellar" in shown, shown)
    g.ok("known", "remove", "example.org", A)
    equal(known(g), [("[::1]:7", B), ("example.org:2327", B)])
    g.ok("known", "remove", "EXAMPLE.ORG")
    equal(known(g), [("[::1]:7", B)])
    g.error(1, "not-known", "known", "remove", "example.org")


@case(once=True)
def known_says_what_is_wrong(g):
    for words in (("h:1",), ("h:1", "sha256:AAAA"), ("h:1", A + "="), ("unix:/x", A),
                  ("plain:h:1", A), ("h h:1", A), (f"capos://h:1/#{A}", B), ("capos://h:1/", )):
        g.error(2, "usage", "known", "add", *words)
    holds(not os.path.exists(file_of(g)), "a file was made")
    write(g, f"h:1 {A}\n# a comment\nh:2 {A[:-1]}\nh:3 {B}\n")
    says = g.error(1, "unreadable", "known", "list")
    holds(file_of(g) + ", line 3" in says, says)
    g.ok("known", "remove", "h:1")
    os.chmod(file_of(g), 0o666)
    holds("chmod go-w" in g.error(1, "failed", "known", "list"), "no way out")
    holds("chmod go-w" in g.error(1, "failed", "known", "add", "h:1", A), "no way out")
    bare = {k: v for k, v in g.env.items() if k != "HOME"}
    g.error(1, "failed", "known", "list", env=bare)


@case(once=True)
def known_is_written_by_two_at_once(g):
    def add(name):
        return subprocess.Popen(["sh", "-c", "for i in $(seq 1 25); do "
                                 f'"{g.capos}" known add {name}:$i {A} || exit 1; done'],
                                env=g.env)

    writers = [add("one"), add("two")]
    for writer in writers:
        equal(writer.wait(120), 0)
    equal(sorted(known(g)), sorted((f"{n}:{i}", A) for n in ("one", "two") for i in range(1, 26)))
