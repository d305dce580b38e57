"""person: rows of who logs in from a terminal and uses what is granted."""

from rows import log_in, row
from terminal import Terminal, need


# ---- the README's two minutes -------------------------------------------------------------------


@row(instance=True)
def the_two_minutes_of_the_readme(t):
    t.types("capos account add bob --profile operator", r"^The account is there\.",
            answers=[(r"^Password for bob \(empty: none\):", "correct horse"),
                     (r"^The same again:", "correct horse")], never=("horse",))
    t.types("capos login bob@$A", r"^Welcome to capOS\.$",
            r"^Logged in as bob \(profile operator\), 4 capabilities, ends in 8 h\. This login is called bob@",
            answers=[(r"^Password of bob at \S+:", "correct horse")], never=("horse",))
    t.types("capos caps", r"^session  ", r"^system_info .*uptime\.$", r"^chat .*Channels")
    t.types("capos call system_info motd", r'^\{"text": "Welcome to capOS\."\}$')
    t.types("capos describe chat", r"^chat \(chat\.capnp:Chat, 0xc9c49edc60427cb2\)",
            r"^  channels\(\) -> \(channels :List\(ChatChannel\)\)")
    t.types("echo hello | capos chat join '#lobby'", r"^\d\d:\d\d:\d\d \* \S+ has joined",
            r"^\* you are \S+ in #lobby", r"^\d\d:\d\d:\d\d <\S+> hello$")
    t.types("capos logout", r"^Logged out\.$")
    t.types("capos caps", r"^capos: you are not logged in: capos login NAME@HOST:PORT", code=4)
    t.types("capos audit verify", r"\d+ records, complete and unchanged\. The last one's hash",
            r"^[0-9a-f]{64}$")


@row(instance=True)
def what_has_to_be_refused(t):
    log_in(t)
    t.types("capos probe", r"^unknown-name .* denied\.unknown-name +ok$",
            r"^second-login .* denied\.already-bound +ok$", r"^quota .* over-quota\.references +ok$",
            r"^stale-call .* denied\.stale-session +ok$",
            r"^8 as expected, 0 not, 0 skipped$")
    t.types("capos probe --help", "Eight things", "--method NAME")
    t.types("capos whoami", "^account +alice$")


# ---- words that are not quite right --------------------------------------------------------------


@row(instance=True)
def what_is_mistyped_gets_a_hint(t):
    log_in(t)
    t.types("capos lgin", "no such command.*did you mean `login`", code=2)
    t.types("capos acount list", "did you mean `account list`", code=2)
    t.types("capos status --sate x", "did you mean `--state`", code=2)
    t.types("capos call chatt join", "did you mean `chat`", code=3)
    t.types("capos call chat joi", "did you mean `join`", "it has: join, channels", code=2)
    t.types("capos call chat join chanel=#a", "did you mean `channel`", "channel, listener", code=2)
    t.types("capos call chat join nosuch=1", "there are: channel, listener", code=2)
    t.types("capos login ssh://alice@h", "no URL: capos login alice@h", code=2)
    t.types("capos whoami --json --session nobody", r'^\{"error":\{"code":"no-session"', code=4)


# ---- output --------------------------------------------------------------------------------------


@row(instance=True)
def output_that_is_lost_is_an_error(t):
    log_in(t)
    add_key(t)
    for command in ("caps", "whoami", "describe chat", "sessions", "status", "account list", "session list",
                    "audit tail", "audit verify", "methods $A", "doctor", "version", "--help",
                    "call system_info motd", "caps --json", "manifest show", "manifest explain",
                    "account key list alice", "help login"):
        t.types(f"capos {command} >/dev/full", "No space left on device", code=1)


# ---- keys and passwords --------------------------------------------------------------------------


def add_key(t, phrase="", name="~/.ssh/id_ed25519"):
    t.types(f"ssh-keygen -q -t ed25519 -N '{phrase}' -f {name}; capos account key add alice {name}.pub",
            "SHA256:")


@row(instance=True)
def the_passphrase_of_a_key_is_asked_for(t):
    add_key(t, "open sesame")
    t.types("capos login alice@$A", "Logged in as alice", never=("sesame",),
            answers=[("[Pp]assphrase .*id_ed25519.*:", "open sesame")])


@row(instance=True)
def a_password_may_be_mistyped_twice(t):
    t.types("capos login alice@$A", "Logged in as alice", never=("horse",),
            answers=[("^Password of .*:", "corect horse"), ("^Password of .*:", "correct  horse"),
                     ("^Password of .*:", "correct horse")])


@row(instance=True)
def the_terminal_echoes_again_after_an_interrupt(t):
    t.begin("capos login alice@$A")
    t.sees("^Password of .*:$")
    t.key("C-c")
    t.ended(code=130)
    t.types("echo still he''re", "^still here")


@row(instance=True)
def a_key_that_others_can_read_is_refused(t):
    add_key(t)
    t.types("chmod 644 ~/.ssh/id_ed25519; capos login alice@$A -i ~/.ssh/id_ed25519",
            "id_ed25519.*(others|0?644|600)", code=1)


@row(instance=True)
def the_right_key_is_the_eighth(t):
    t.types("for i in 1 2 3 4 5 6 7 8; do ssh-keygen -q -t ed25519 -N '' -f k$i; done")
    t.types("eval $(ssh-agent -a $HOME/agent); ssh-add -q k[1-8]; rm k[1-8]")
    t.types("capos account key add alice k8.pub", "SHA256:")
    t.types("capos login alice@$A", "Logged in as alice")
    t.types("capos whoami", "by +publicKey|by +key")
    t.types("ssh-agent -k")


@row(instance=True)
def what_is_wrong_with_an_agent_is_said(t):
    add_key(t, name="k")
    t.types("rm k; SSH_AUTH_SOCK=$HOME/none capos login alice@$A -i k.pub", "agent.*(none|No such)", code=1)
    t.types("SSH_AUTH_SOCK=/$(printf %0200d 0) capos login alice@$A -i k.pub", "agent.*too long", code=1)
    t.types("SSH_AUTH_SOCK= capos login alice@$A -i k.pub", "agent", code=1)


@row(instance=True)
def keys_that_cannot_be_added_say_why(t):
    t.types("for i in 1 2; do ssh-keygen -q -t ed25519 -N '' -f k$i; done; cat k1.pub k2.pub > two")
    shown = t.types("capos account key add alice two", "SHA256:")
    need(shown.count("SHA256:") == 2, shown)
    t.types("ssh-keygen -q -t rsa -b 1024 -N '' -f small; capos account key add alice small.pub",
            r"1024|2048", code=1)
    t.types("ssh-keygen -q -s k1 -I me k2.pub; capos account key add alice k2-cert.pub",
            "certificate", code=1)
    t.types("capos account key add alice k1", "private key: give its public half", code=2)


# ---- where nobody answers ------------------------------------------------------------------------


@row()
def what_is_no_instance_is_called_so(t):
    serve = ("import socket as s,sys; l=s.create_server((\"127.0.0.1\",0)); "
             "print(l.getsockname()[1],flush=True); k=[]\nwhile 1: "
             "c=l.accept()[0]; k.append(c); c.send(sys.argv[1].encode())")
    with open(t.home.path("home/serve.py"), "w", encoding="ascii") as f:
        f.write(serve + "\n")
    for greeting in ("SSH-2.0-OpenSSH_9.2p1\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"):
        with open(t.home.path("home/greeting"), "w", encoding="ascii", newline="") as f:
            f.write(greeting)
        t.types("coproc S { exec python3 serve.py \"$(cat greeting)\"; }; read -ru ${S[0]} port")
        t.types("capos login plain:localhost:$port --anonymous", "not a capOS instance", code=4)
        t.types("kill $S_PID; wait $S_PID", code=143)
    t.types("coproc S { exec python3 serve.py ''; }; read -ru ${S[0]} port")
    t.types("capos methods plain:localhost:$port --timeout 1", "1 s", code=4)
    t.types("capos login alice@plain:localhost:$port --timeout 1", "1 s", code=4)
    t.types("kill $S_PID; wait $S_PID", code=143)


# ---- sessions ------------------------------------------------------------------------------------


@row(instance=True)
def what_was_revoked_is_not_listed(t):
    log_in(t)
    t.types("capos session revoke --account alice chat")
    t.types("capos caps", r"^system_info +Message", r"^chat +\(revoked\)")
    t.types("capos call chat channels", "administrator", code=3)


@row(instance=True)
def a_dead_login_makes_room_and_says_why(t):
    log_in(t)
    t.types("capos session revoke --account alice")
    log_in(t)
    t.types("capos session revoke --account alice")
    t.types("until capos whoami 2>&1 | grep ended; do sleep 0.2; done", "revoked")


@row(instance=True)
def times_are_as_people_say_them(t):
    log_in(t)
    for command in ("caps -l", "whoami", "sessions", "session list"):
        t.types(f"capos {command}", r"\b8 h\b", never=(r"\b7 h\b",))
    t.types("capos login $A --anonymous --as guest", "ends in 5 min")


@row(instance=True)
def a_login_keeps_nothing_of_its_caller(t):
    t.types("( exec 9>lock; flock 9; capos login $A --anonymous >/dev/null 2>&1 )")
    t.types("flock -n lock true")
    t.types("{ capos login $A --anonymous --as two >/dev/null 2>&1; } 7>&1 | cat")
    t.types("capos logout --all", "2 logins")


@row(instance=True)
def names_cannot_write_on_the_terminal(t):
    t.types("capos login $A --anonymous --as $'a\\nb\\e[31m'", r"called a\\x0ab\\x1b\[31m")
    t.types("capos sessions", r"^a\\x0ab\\x1b\[31m")


# ---- calls ---------------------------------------------------------------------------------------


@row(instance=True)
def parameters_from_files_and_standard_input(t):
    log_in(t)
    t.types("""echo '{"channel": "#a"}' | capos call chat join -""", '"label"')
    t.types("printf '#b' > name; capos call chat join channel=@name", '"label"')
    t.types("""capos call chat join channel:='"#c"'""", '"label"')
    t.types("capos call chat join channel=#a channel=#b", "channel is given twice", code=2)
    t.types("capos call chat join", "channel", code=1)


# ---- chat ----------------------------------------------------------------------------------------


@row(instance=True)
def two_people_talk(t):
    log_in(t, "one")
    log_in(t, "two")
    other = Terminal(t.home)
    t.begin("capos chat join '#lobby' -s one")
    t.sees("^> ?$")
    t.keys("half a line", enter=False)
    other.begin("capos chat join '#lobby' -s two")
    other.sees("^> ?$")
    t.sees("has joined\n(.*\n)*> half a line$")
    other.keys("hello")
    shown = t.sees("> hello\n> half a line$")
    need("half a line\n" not in shown, shown)
    t.keys("")
    other.sees("> half a line$")
    shown = t.sees("<[a-z0-9-]+> half a line$")
    need(shown.count("half a line") == 1, shown)
    t.keys("/help")
    t.sees("/quit leaves")
    t.keys("/quit")
    t.ended()
    other.sees("has left")
    t.types("capos session revoke --account alice chat")
    shown = other.ended("taken this capability back", code=3)
    need(shown.count("administrator") == 1, shown)


@row(instance=True)
def a_chat_ends_with_an_interrupt_or_a_logout(t):
    log_in(t)
    t.begin("capos chat join '#lobby'")
    t.sees("^> ?$")
    t.key("C-c")
    t.ended(code=130)
    t.begin("capos chat join '#lobby'")
    t.sees("^> ?$")
    other = Terminal(t.home)
    other.types("capos logout", "Logged out")
    t.ended("session|login|ended", code=4)
    t.types("echo still he''re", "^still here")


# ---- completion ----------------------------------------------------------------------------------


@row(instance=True)
def tab_completes_what_there_is(t):
    log_in(t)
    t.types("source $SOURCE/pkg/completion/capos")
    t.completes("capos descr", "capos describe")
    t.completes("capos call chat jo", "capos call chat join")
    t.completes("capos call chat join chan", "capos call chat join channel=")
    t.completes("capos account remove al", "capos account remove alice")
    t.completes("capos account key li", "capos account key list")
