"""operate: rows of who starts an instance and looks after it."""
import re

from rows import log_in, row
from terminal import Terminal, need


def starts_not(t, manifest, *words):
    """The check and the start say the same, and neither tries again and again."""
    for command in ("manifest check", "up --listen plain:127.0.0.1:0 --manifest"):
        shown = t.types(f"capos {command} {manifest}", *words, code=1)
        need(shown.count("\n") < 5, f"more than a few lines:\n{shown}")


# ---- the manifest ------------------------------------------------------------------------------


@row()
def a_manifest_to_start_from(t):
    t.types("capos --help | grep manifest", "manifest show", "manifest check", "manifest explain")
    t.types("capos up --help", "--manifest FILE", "manifest show")
    t.types("capos manifest show > my.manifest")
    t.types("capos manifest check my.manifest", r"^my\.manifest is good: 3 services")
    t.types("capos manifest explain my.manifest", "anonymous +open", "chat +Chat")
    t.types("capos manifest explain profiles.lease", "profiles.lease :Text")


@row()
def the_message_of_the_day_of_a_manifest(t):
    t.types("capos manifest show | sed 's/Welcome to capOS/Mind the step/' > my.manifest")
    up = Terminal(t.home)
    up.begin("capos up --listen plain:127.0.0.1:0 --manifest my.manifest")
    address = ":".join(re.search(r"(plain) (\S+) (\d+)$", up.sees(r"^remote CapSet: plain \S+ \d+$"), re.M)
                       .groups())
    t.types(f"capos login {address} --anonymous", "Logged in", "Mind the step")
    t.types("capos call system_info motd", r"Mind the step\.")
    up.key("C-c")
    up.ended()


@row()
def an_interface_that_the_service_does_not_serve(t):
    t.types("capos manifest show | sed 's/0xc9c49edc60427cb2/0x9af912bd1eaaead7/' > m")
    starts_not(t, "m", r"m:\d+:\d+: services\[1\]\.interfaceId: capos-chat does not serve 0x9af912bd1eaaead7")


@row()
def a_facet_that_the_service_does_not_know(t):
    t.types("""capos manifest show | sed 's/(name = "chat"/&, facet = "readr"/' > m""")
    starts_not(t, "m", r"m:\d+:\d+: profiles\[1\]\.bundle\[2\]\.facet: .*readr")


@row()
def a_program_that_cannot_be_started(t):
    t.types("capos manifest show | sed 's/capos-chat/capos-chatt/' > m")
    starts_not(t, "m", r"services\[1\]\.program: there is no program capos-chatt")
    t.types("capos manifest show | sed \"s:capos-chat:$HOME/m:\" > n")
    starts_not(t, "n", r"services\[1\]\.program: .*Permission denied")
    t.types("capos manifest show | sed 's/program = \"capos-system-info\",/& arguments = [\"--no\"],/' > o")
    starts_not(t, "o", "does not take its arguments")


@row()
def a_manifest_in_another_form(t):
    t.types("echo '{\"motd\": \"hello\"}' > m.json")
    t.types("capos manifest check m.json", r"m\.json:1:1: expected a struct in parentheses", code=1)
    t.types("echo 'motd: hello' > m.yaml")
    t.types("capos manifest check m.yaml", r"m\.yaml:1:1: expected a struct in parentheses", code=1)
    t.types("echo 'motd = \"hello\"' > m.bare")
    t.types("capos manifest check m.bare", r"m\.bare:1:1: expected a struct in parentheses", code=1)
    t.types("printf '(\\n  motd = \"x\",\\n  services = [\\n' > m.open")
    t.types("capos manifest check m.open", r"m\.open:4:1: .*the \[ of 3:14 is not closed", code=1)
    t.types("(echo -n '(motd = \"'; head -c 70000 /dev/zero | tr '\\0' x; echo '\")') > m.long")
    t.types("capos manifest check m.long", r"m\.long:1:9: motd: ", code=1)
    t.types("echo '()' > m.closed; capos manifest check m.closed", "nobody can log in")
    t.types("echo '(authentication = (password = false, publicKey = false))' > m.off")
    t.types("capos manifest check m.off", "warning: m.off: nobody can log in")
    t.types("capos manifest show | sed 's/\"5m\"/5m/' > m.unit")
    t.types("capos manifest check m.unit", r"m\.unit:\d+:\d+: .*", code=1)
    t.types("capos manifest show | sed 's/\"5m\"/\"5\"/' > m.text")
    t.types("capos manifest check m.text", r"m\.text:.*no duration", code=1)
    t.types("capos manifest show | sed 's/lease =/confinement = ful, lease =/' > m.near")
    t.types("capos manifest check m.near", r"m\.near:\d+:\d+: ", code=1)


# ---- the log -----------------------------------------------------------------------------------


@row(instance=True)
def the_log_is_for_people(t):
    t.types("capos login alice@$A", "the account or the proof is not right", code=3,
            answers=[("^Password of .*:", "wrong")] * 3)
    t.instance.sees(r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ capos-sessiond: login of "alice" from \S+ refused: credentials')
    log_in(t)
    shown = t.instance.sees(r"Z capos-sessiond: session [0-9a-f]{8} of alice begins")
    need("<6>" not in shown and "<5>" not in shown, shown)
    t.instance.key("C-c")
    t.instance.ended(never=("has gone", "warning", r"<\d>"))


# ---- accounts and sessions ---------------------------------------------------------------------


@row(instance=True)
def an_account_that_nobody_can_log_in_to(t):
    t.types("printf 'pw\\n' | capos account add bob", "standard input was not read: --password-stdin",
            "no password and no key: nobody can log in yet", "capos account key add bob")
    t.types("capos account list", r"^bob .*no password, no key", r"^alice .*password")


@row()
def groups_answer_with_their_commands(t):
    for line in ("capos account", "capos account --help", "capos help account"):
        t.types(line, "account add", "account key list", never=("no such",),
                code=2 if line == "capos account" else 0)
    t.types("capos session", "session list", "session revoke", code=2)
    t.types("capos account key --help", "account key remove")
    for line in ("capos --version", "capos -V", "capos version"):
        t.types(line, r"^capos \d+\.\d+\.\d+")


@row(instance=True)
def the_beginning_of_an_id_names_a_session(t):
    log_in(t)
    begins = re.search(r"session ([0-9a-f]{8}) of alice", t.instance.sees("of alice begins")).group(1)
    t.types("capos session list", begins)
    t.types(f"capos session revoke {begins}", "ended|revoked")
    log_in(t)
    t.types("capos session revoke --account alice", "ended|revoked")
    t.types("capos session revoke 0", "no such session|there is no", code=1)


@row(instance=True)
def small_things_of_an_operator(t):
    t.types("ssh-keygen -q -t ed25519 -N '' -f k; capos account key add alice k.pub", "SHA256:")
    t.types("capos account key list alice", "SHA256:")
    t.types("capos account key add alice nothing.pub", "nothing.pub: No such file", code=1)
    t.types("capos up --json", "prints no JSON", code=2)
    t.types("capos doctor", r"`full` \(what a listener that others can reach demands\)")
    t.types(f"kill -USR1 {t.instance.running()[0]}; capos status", "sessions 0")
    t.types("CAPOS_STATE=$HOME/other capos status", "other/admin.sock|other.*No such|no instance", code=4)


@row(instance=True)
def the_audit_log(t):
    log_in(t)
    t.types("capos audit tail", '"alice"|alice')
    t.types("capos audit verify", r"\d+ records, complete and unchanged")
    t.types("capos account add 'ümlaut' </dev/null", "a name is 1 to 32 of a-z", code=1)
    t.types("echo pw | capos login ümlaut@$A --password-stdin", "not right", code=3)
    t.types("capos audit tail -n 3", "ümlaut")
