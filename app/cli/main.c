/*
 * capos: everything a person does with an instance, as commands. This file is the list of them.
 *
 * Exit codes: 0 done, 1 failed, 2 the command line is wrong, 3 denied by the instance, 4 no
 * connection to an instance or no login.
 */
#include "transcript.h"
#include "via.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cli_option up_options[] = {
        {"state", 0, "DIR", "where accounts and the audit log are kept",
         offsetof(struct cli, state)},
        {"listen", 0, "WHERE",
         "where clients connect: tls:ADDR:PORT, plain:ADDR:PORT, unix:PATH, repeatable (default: "
         "127.0.0.1:2327)",
         offsetof(struct cli, listen)},
        {"manifest", 0, "FILE", "what the instance consists of (default: built in)",
         offsetof(struct cli, manifest)},
        {"demo", 0, NULL, "all there is to play with, for guests, here and in a browser",
         offsetof(struct cli, demo)},
        {0},
};

static const struct cli_option explain_options[] = {
        {"account", 0, "NAME", "what a login of this account would get, by --method",
         offsetof(struct cli, account)},
        {"method", 0, "METHOD", "how it logs in: key, password, certificate, guest …",
         offsetof(struct cli, method)},
        {"profile", 0, "PROFILE", "the profile that it asks for (default: none)",
         offsetof(struct cli, profile)},
        {"from", 0, "WHERE", "tls, plain, unix, unix:UID or an IP address (default: tls)",
         offsetof(struct cli, from)},
        {"server-key", 0, NULL, "its proof is bound to the instance's key alone",
         offsetof(struct cli, server_key)},
        {"touched", 0, NULL, "a security key is touched for it", offsetof(struct cli, touched)},
        {"state", 0, "DIR", "where the accounts are (default: $CAPOS_STATE)",
         offsetof(struct cli, state)},
        {"profiles", 0, "P,…", "no account that is there: one that would have these profiles",
         offsetof(struct cli, supposed)},
        {"service-account", 0, NULL, "… and be a program's", offsetof(struct cli, service_account)},
        {0},
};

enum { TLS_NAMES = 32 };

/* For what is done on its machine alone. */
#define MACHINE_OPTION                                                                    \
        {                                                                                 \
                "state", 0, "DIR", "the instance's state folder (default: $CAPOS_STATE)", \
                        offsetof(struct cli, state)                                       \
        }

static const struct cli_option web_options[] = {
        {"listen", 0, "HOST:PORT", "where the browser comes (default: localhost:2380)",
         offsetof(struct cli, listen)},
        {"name", 0, "NAME", "what it is called by browsers elsewhere (default: HOST)",
         offsetof(struct cli, web_name)},
        {"tls-certificate", 0, "FILE", "the bridge's own, for a browser on another machine",
         offsetof(struct cli, tls_certificate)},
        {"tls-key", 0, "FILE", "its private key", offsetof(struct cli, tls_key)},
        {"instance", 0, "NAME=ADDRESS", "an instance to choose from, repeatable",
         offsetof(struct cli, instance)},
        {"allow", 0, "PATTERN", "what may be added on the page, repeatable (default: nothing)",
         offsetof(struct cli, allow)},
        {"open", 0, NULL, "open the address in a browser", offsetof(struct cli, open)},
        {"idle", 0, "DURATION", "ends when nobody does anything for so long (default: 30m)",
         offsetof(struct cli, idle)},
        {"life", 0, "DURATION", "ends after so long in any case (default: 12h)",
         offsetof(struct cli, life)},
        {"certificate", 0, "FILE", "shown to instances behind TLS that ask for one",
         offsetof(struct cli, certificate)},
        {"key", 0, "FILE", "its private key", offsetof(struct cli, key)},
        {0},
};

static const struct cli_option machine_options[] = {MACHINE_OPTION, {0}};

/* For what an administrator does from elsewhere, too: --session alone means it. */
#define STATE_OPTION                                                                     \
        MACHINE_OPTION,                                                                  \
        {                                                                                \
                "remote", 0, NULL, "the instance that your login is to, by its `admin`", \
                        offsetof(struct cli, far)                                        \
        }

static const struct cli_option state_options[] = {STATE_OPTION, {0}};

static const struct cli_option account_add_options[] = {
        STATE_OPTION,
        {"profile", 0, "P",
         "a profile the account may have, repeatable; the first is its default (default: operator)",
         offsetof(struct cli, profile)},
        {"password-stdin", 0, NULL, "read the password from standard input, one line",
         offsetof(struct cli, password_stdin)},
        {"password-file", 0, "FILE", "the password is the first line of FILE",
         offsetof(struct cli, password_file)},
        {"password", 0, NULL, "ask for a password (twice)", offsetof(struct cli, password)},
        {0},
};

#define KEY_LIMITS_OPTIONS                                                                   \
        {"from", 0, "NETWORKS",                                                              \
         "where it is good from: 10.0.0.0/8,2001:db8::7,!10.1.0.0/16, unix (a Unix socket)", \
         offsetof(struct cli, from)},                                                        \
                {"expires", 0, "WHEN", "a date, how long from now, or never",                \
                 offsetof(struct cli, expires)},                                             \
        {                                                                                    \
                "profile", 0, "P",                                                           \
                        "the one of the account's profiles that it gives (default: any)",    \
                        offsetof(struct cli, profile)                                        \
        }

static const struct cli_option account_key_options[] = {STATE_OPTION, KEY_LIMITS_OPTIONS, {0}};

static const struct cli_option lock_options[] = {
        STATE_OPTION,
        {"reason", 0, "TEXT", "why, for whoever lists the accounts or reads the audit log",
         offsetof(struct cli, reason)},
        {0},
};

static const struct cli_option service_add_options[] = {
        STATE_OPTION,
        {"profile", 0, "P", "a profile the account may have, repeatable; the first is its default",
         offsetof(struct cli, profile)},
        {0},
};

static const struct cli_option service_key_options[] = {
        STATE_OPTION,
        {"id", 0, "ID", "what assertions call the key (`kid`; default: its own, or its thumbprint)",
         offsetof(struct cli, key_id)},
        KEY_LIMITS_OPTIONS,
        {0},
};

static const struct cli_option cert_show_options[] = {
        MACHINE_OPTION,
        {"pem", 0, NULL, "the certificate itself, for programs that take it as their only root",
         offsetof(struct cli, pem)},
        {0},
};

static const struct cli_option cert_renew_options[] = {
        MACHINE_OPTION,
        {"new-key", 0, NULL, "with a new key: clients that know the old one must be told",
         offsetof(struct cli, new_key)},
        {0},
};

static const struct cli_option revoke_options[] = {
        STATE_OPTION,
        {"account", 0, "NAME", "all sessions of this account", offsetof(struct cli, account)},
        {0},
};

static const struct cli_option passwd_options[] = {
        STATE_OPTION,
        {"password-stdin", 0, NULL, "read the password from standard input, one line",
         offsetof(struct cli, password_stdin)},
        {"password-file", 0, "FILE", "the password is the first line of FILE",
         offsetof(struct cli, password_file)},
        {0},
};

#define VIA_OPTION                                                                               \
        {                                                                                        \
                "via", 0, "ssh[:DEST]", "through your own ssh, to HOST or to DEST: [USER@]HOST", \
                        offsetof(struct cli, via)                                                \
        }

#define KEY_ID_OPTION                                                                             \
        {                                                                                         \
                "key-id", 0, "ID", "of a service account's key (`kid`; default: its thumbprint)", \
                        offsetof(struct cli, key_id)                                              \
        }

#define EXPECT_OPTION                                                                  \
        {                                                                              \
                "expect", 0, "KEY", "the fingerprint of the instance's key: sha256:…", \
                        offsetof(struct cli, expect)                                   \
        }

#define PASSKEY_OPTION                                                                            \
        {                                                                                         \
                "passkey-command", 0, "COMMAND",                                                  \
                        "an authenticator: reads options of WebAuthn as JSON, writes a response", \
                        offsetof(struct cli, passkey_command)                                     \
        }

#define PARTY_OPTION                                                                           \
        {                                                                                      \
                "relying-party", 0, "DOMAIN",                                                  \
                        "whose passkeys the instance may ask for (default: its own domain's)", \
                        offsetof(struct cli, relying_party)                                    \
        }

static const struct cli_option passkey_add_options[] = {
        STATE_OPTION,
        {"label", 0, "TEXT", "what to call it", offsetof(struct cli, label)},
        KEY_LIMITS_OPTIONS,
        PASSKEY_OPTION,
        {0},
};

static const struct cli_option methods_options[] = {EXPECT_OPTION, VIA_OPTION, {0}};

static const struct cli_option login_options[] = {
        {"profile", 0, "P",
         "the profile to ask for (default: the account's first that takes the proof)",
         offsetof(struct cli, profile)},
        {"identity", 'i', "FILE",
         "log in by this private key, from a file or an ssh-agent; or by FILE-cert.pub",
         offsetof(struct cli, identity)},
        {"issuer", 0, "NAME", "the identity provider to log in by, as the instance calls it",
         offsetof(struct cli, issuer)},
        {"certificate", 0, "FILE", "log in by this certificate, over TLS; NAME may be left out",
         offsetof(struct cli, certificate)},
        {"key", 0, "FILE", "its private key", offsetof(struct cli, key)},
        {"password", 0, NULL, "log in by password, asked for on the terminal",
         offsetof(struct cli, password)},
        {"password-stdin", 0, NULL, "log in by password, one line of standard input",
         offsetof(struct cli, password_stdin)},
        {"token-file", 0, "FILE",
         "log in by this access token of an identity provider, the first line of FILE",
         offsetof(struct cli, token_file)},
        {"password-file", 0, "FILE", "log in by password, the first line of FILE",
         offsetof(struct cli, password_file)},
        {"method", 0, "NAME",
         "log in by this alone: key, certificate, passkey, oidc, oidc-device, password, service, "
         "guest, anonymous",
         offsetof(struct cli, method)},
        {"non-interactive", 0, NULL, "ask nobody anything, open no browser",
         offsetof(struct cli, non_interactive)},
        {"verbose", 'v', NULL, "say what is offered, what is tried, and how it ended",
         offsetof(struct cli, verbose)},
        PASSKEY_OPTION,
        PARTY_OPTION,
        {"anonymous", 0, NULL, "log in as nobody in particular", offsetof(struct cli, anonymous)},
        {"guest", 0, NULL, "log in as a guest", offsetof(struct cli, guest)},
        KEY_ID_OPTION,
        EXPECT_OPTION,
        VIA_OPTION,
        {"end-others", 0, NULL, "end the account's other sessions, wherever they are",
         offsetof(struct cli, end_others)},
        {"as", 0, "ALIAS", "what to call this login (default: NAME@HOST:PORT)",
         offsetof(struct cli, alias)},
        {0},
};

/* What the session is made by that a probe needs for itself. */
static const struct cli_option probe_options[] = {
        {"method", 0, "NAME", "make its own session by this, as for `capos login`",
         offsetof(struct cli, method)},
        {"identity", 'i', "FILE", "make it by this private key", offsetof(struct cli, identity)},
        {"password", 0, NULL, "make it by password, asked for on the terminal",
         offsetof(struct cli, password)},
        {"password-stdin", 0, NULL, "make it by password, one line of standard input",
         offsetof(struct cli, password_stdin)},
        {"password-file", 0, "FILE", "make it by password, the first line of FILE",
         offsetof(struct cli, password_file)},
        {"token-file", 0, "FILE", "make it by this access token, the first line of FILE",
         offsetof(struct cli, token_file)},
        KEY_ID_OPTION,
        EXPECT_OPTION,
        VIA_OPTION,
        {0},
};

static const struct cli_option logout_options[] = {
        {"all", 0, NULL,
         "every login of `capos sessions`, and the other sessions of their accounts, wherever they "
         "are",
         offsetof(struct cli, all)},
        {"other", 0, "ID", "not this session: another one of the account, by `sessions --remote`",
         offsetof(struct cli, other)},
        {0},
};

static const struct cli_option sessions_options[] = {
        {"remote", 0, NULL, "those of the login's account at its instance, wherever they are",
         offsetof(struct cli, far)},
        {0},
};

#define AGAIN "repeat the call when the line has dropped and is back"

static const struct cli_option call_options[] = {
        {"watch", 'w', NULL, "make listeners, and print what they are told",
         offsetof(struct cli, watch)},
        {"again", 0, NULL, AGAIN, offsetof(struct cli, again)},
        {0}};

static const struct cli_option commands_options[] = {
        {"watch", 'w', NULL, "list them again when they change", offsetof(struct cli, watch)}, {0}};

static const struct cli_option run_options[] = {
        {"yes", 'y', NULL, "do not ask whether it is wanted", offsetof(struct cli, yes)},
        {"watch", 'w', NULL, "make listeners, and print what they are told",
         offsetof(struct cli, watch)},
        {"again", 0, NULL, AGAIN, offsetof(struct cli, again)},
        {0}};

static const struct cli_option caps_options[] = {
        {"long", 'l', NULL, "interface, lease and transfer policy as well",
         offsetof(struct cli, lng)},
        {0},
};

static const struct cli_option whoami_options[] = {
        {"long", 'l', NULL, "how much of its quotas it uses as well", offsetof(struct cli, lng)},
        {0},
};

static const struct cli_option renew_options[] = {
        {"profile", 0, "NAME",
         "raise it to this profile of the account's, by a proof that it takes",
         offsetof(struct cli, profile)},
        {"duration", 0, "TIME", "how long from now: 90s, 10m, 2h (default: the profile's)",
         offsetof(struct cli, duration)},
        {"identity", 'i', "FILE", "prove it by this private key", offsetof(struct cli, identity)},
        {"password", 0, NULL, "prove it by password, asked for on the terminal",
         offsetof(struct cli, password)},
        {"password-stdin", 0, NULL, "prove it by password, one line of standard input",
         offsetof(struct cli, password_stdin)},
        {"password-file", 0, "FILE", "prove it by password, the first line of FILE",
         offsetof(struct cli, password_file)},
        {"method", 0, "NAME",
         "by an identity provider: oidc, oidc-device (default: as it was made)",
         offsetof(struct cli, method)},
        {"issuer", 0, "NAME", "which, as the instance calls it", offsetof(struct cli, issuer)},
        {"token-file", 0, "FILE", "prove it by this access token, the first line of FILE",
         offsetof(struct cli, token_file)},
        KEY_ID_OPTION,
        PASSKEY_OPTION,
        PARTY_OPTION,
        {0},
};

#define TIME_OPTIONS                                                                            \
        {"since", 0, "TIME",                                                                    \
         "from then on: a time in UTC or its beginning, 2026-11-23T02:06, or how long ago, 2h", \
         offsetof(struct cli, since)},                                                          \
        {                                                                                       \
                "until", 0, "TIME", "until then, likewise: a day is the whole day",             \
                        offsetof(struct cli, until)                                             \
        }

static const struct cli_option verify_options[] = {
        STATE_OPTION,
        {"witness", 0, "FILE", "what users were told must be in it, too",
         offsetof(struct cli, witness)},
        {0},
};

static const struct cli_option export_options[] = {STATE_OPTION, TIME_OPTIONS, {0}};

static const struct cli_option query_options[] = {
        STATE_OPTION,
        TIME_OPTIONS,
        {"what", 0, "WHAT", "this kind of record: attempt, grant, open, …",
         offsetof(struct cli, what)},
        {"outcome", 0, "CODE",
         "this one, `ok` or `denied.credentials`, or all of a group: `denied`",
         offsetof(struct cli, outcome)},
        {"account", 0, "NAME", "about this account", offsetof(struct cli, account)},
        {"session", 0, "ID", "about this session, by its id or how that begins",
         offsetof(struct cli, of_session)},
        {"event", 0, "N", "about this connection, by its number", offsetof(struct cli, event)},
        {"source", 0, "ADDR", "from this address, with its port or without",
         offsetof(struct cli, source)},
        {"capability", 0, "NAME", "about this capability", offsetof(struct cli, capability)},
        {"actor", 0, "NAME", "done by this administrator, from elsewhere",
         offsetof(struct cli, actor)},
        {0},
};

static const struct cli_option tail_options[] = {
        STATE_OPTION,
        {"lines", 'n', "N", "how many records (default: 10)", offsetof(struct cli, lines)},
        {"follow", 'f', NULL, "go on with what is added", offsetof(struct cli, follow)},
        {0},
};

static const struct cli_option ui_options[] = {
        {"once", 0, NULL, "print the panes as they are, and end", offsetof(struct cli, once)},
        {"follow", 'f', NULL, "go on with what changes", offsetof(struct cli, follow)},
        {"personal", 0, NULL, "show personal panes where no terminal is, too",
         offsetof(struct cli, personal)},
        {NULL, 0, NULL, NULL, 0}};

static const struct cli_option connect_options[] = {
        {"as", 0, "NAME", "what clients ask for (default: the interface's name)",
         offsetof(struct cli, alias)},
        {"interface", 0, "NAME", "what its bootstrap object is, where the schema has several",
         offsetof(struct cli, interface)},
        {0}};

static const struct cli_option service_new_options[] = {
        {"language", 0, "LANGUAGE", "c (by the kit, the default) or python (behind a connector)",
         offsetof(struct cli, language)},
        {0}};

static const struct cli_command commands[] = {
        {"up", "[--state DIR] [--listen WHERE]... [--manifest FILE | --demo]",
         "Start an instance, in the foreground",
         "Prints `remote CapSet: tls ADDR PORT sha256:…` when it is ready. Ctrl-C ends it.\n"
         "An address without a word in front is TLS; what is plain is for loopback addresses\n"
         "only. Port 0 is a free one; beside a port there is always a Unix socket. A manifest\n"
         "of your own begins with `capos manifest show`; capos-manifest(5) has its fields.\n"
         "With --demo it has games, a guide and chat, lets guests in, says what to type and which\n"
         "address to open, and nothing is left of it but what --state names.\n\n"
         "Examples:\n"
         "  capos up\n"
         "  capos up --demo\n"
         "  capos up --state ~/capos --listen 127.0.0.1:0 --listen unix:/tmp/capos.sock\n",
         cmd_up, up_options, 0, 0, false},
        {"manifest show", "", "Print the manifest that is built in, to start your own from",
         "Example:\n  capos manifest show > my.manifest\n", cmd_manifest_show, NULL, 0, 0, false},
        {"manifest check", "[FILE]", "Start what a manifest names, and say whether it is right",
         "Starts every service once, in a folder of its own, and asks it for its interface, the\n"
         "facets that are named, and their methods. Without FILE: the built-in manifest. Exit\n"
         "code 0: good.\n\n"
         "Example:\n  capos manifest check my.manifest\n",
         cmd_manifest_check, NULL, 0, 1, false},
        {"manifest connect", "WHERE SCHEMA [ARGUMENT]... [--as NAME] [--interface NAME]",
         "Print the lines of a manifest for a server that is there",
         "WHERE is unix:PATH or plain:ADDR:PORT, where a Cap'n Proto server listens, or a\n"
         "program that serves one caller on its standard input and output, with its ARGUMENTs.\n"
         "SCHEMA is its .capnp file, which is compiled into a .schema beside it, or one that was.\n"
         "The server needs to know nothing of the instance.\n\n"
         "Examples:\n"
         "  capos manifest connect unix:/run/calculator.sock calculator.capnp\n"
         "  capos manifest connect /usr/bin/python3 kv.capnp -- /opt/kv.py\n",
         cmd_manifest_connect, connect_options, 2, CLI_WORDS, false},
        {"manifest explain", "[FIELD | FILE] [--account NAME] [--method METHOD]...",
         "Say what a field means, what a manifest grants, or what a login would get",
         "Without either: what the built-in manifest grants. With --method: what a login by it\n"
         "would come to, and why, as whoever decides about logins says. No instance has to run:\n"
         "what an account has is read in its folder, or said by --profiles. Exit code 0: it is\n"
         "let in; 3: it is not.\n\n"
         "Examples:\n"
         "  capos manifest explain profiles.lease\n"
         "  capos manifest explain my.manifest\n"
         "  capos manifest explain my.manifest --account ada --method key --from 192.0.2.7\n"
         "  capos manifest explain my.manifest --account new --profiles p --method password\n",
         cmd_manifest_explain, explain_options, 0, 1, false},
        {"service new", "NAME [--language LANGUAGE]",
         "Write a service of your own to start from, in a new folder",
         "Writes NAME/ with a schema, a program, a manifest, a test and a Makefile. It works as\n"
         "it is: `make check` there builds and tests it, `make run` starts an instance with it.\n"
         "doc/service-authors.md goes on from there.\n\n"
         "Examples:\n"
         "  capos service new hello\n"
         "  capos service new hello --language python\n",
         cmd_service_new, service_new_options, 1, 1, false},
        {"account add", "NAME [--profile P]... [--password | --password-stdin | --password-file F]",
         "Make an account on the instance of this machine",
         "Asks for a password, twice, unless standard input is no terminal. An account can\n"
         "also do without one and log in by keys.\n\n"
         "Examples:\n"
         "  capos account add alice --profile operator\n"
         "  pass show capos/alice | capos account add alice --password-stdin\n",
         cmd_account_add, account_add_options, 1, 1, false},
        {"account remove", "NAME", "Remove an account and end its sessions", NULL,
         cmd_account_remove, state_options, 1, 1, false},
        {"account list", "", "List the accounts", NULL, cmd_account_list, state_options, 0, 0,
         false},
        {"account key add", "NAME FILE", "Let an account log in by the public keys of a file",
         "FILE is the public half of a key, or an authorized_keys; `-` is standard input. Before\n"
         "a key may be from=\"…\" and expiry-time=\"…\", as sshd has them. A key that has\n"
         "expired, or comes from elsewhere, is refused as an unknown one is.\n\n"
         "Examples:\n"
         "  capos account key add alice ~/.ssh/id_ed25519.pub\n"
         "  capos account key add alice key.pub --from 10.0.0.0/8,192.0.2.7 --expires 30d\n",
         cmd_account_key_add, account_key_options, 2, 2, false},
        {"account key list", "NAME", "List the keys of an account", NULL, cmd_account_key_list,
         state_options, 1, 1, false},
        {"account key remove", "NAME FINGERPRINT",
         "Take a key from an account, and end the sessions it made",
         "`capos account key list NAME` has the fingerprints.\n", cmd_account_key_remove,
         state_options, 2, 2, false},
        {"account identity add", "NAME PROVIDER SUBJECT",
         "Let an account log in by an identity provider",
         "PROVIDER is its name in the manifest, or its URL; SUBJECT is what it calls the owner\n"
         "(`sub`; the audit log has it when a login was refused). Without this, the rules of\n"
         "the manifest decide.\n",
         cmd_account_identity_add, state_options, 3, 3, false},
        {"account identity list", "NAME", "List the identities of an account", NULL,
         cmd_account_identity_list, state_options, 1, 1, false},
        {"account identity remove", "NAME PROVIDER SUBJECT",
         "Take an identity from an account, and end the sessions it made",
         "`capos account identity list NAME` has them.\n", cmd_account_identity_remove,
         state_options, 3, 3, false},
        {"account passkey add", "NAME [FILE] [--label TEXT] [--passkey-command COMMAND]",
         "Let an account log in by a passkey",
         "In two steps. Without FILE it prints what an authenticator is to be asked for, a\n"
         "PublicKeyCredentialCreationOptionsJSON, good once and for five minutes. FILE (`-` is\n"
         "standard input) has the answer, a RegistrationResponseJSON. With --passkey-command\n"
         "both are done at once.\n\n"
         "Examples:\n"
         "  capos account passkey add alice >options.json\n"
         "  capos account passkey add alice response.json --label 'blue key'\n",
         cmd_account_passkey_add, passkey_add_options, 1, 2, false},
        {"account passkey code", "NAME",
         "Print a code by which an account's owner registers a passkey in a browser",
         "It is good once, for ten minutes, in the page of `capos web`.\n",
         cmd_account_passkey_code, account_key_options, 1, 1, false},
        {"account passkey list", "NAME", "List the passkeys of an account", NULL,
         cmd_account_passkey_list, state_options, 1, 1, false},
        {"account passkey remove", "NAME ID",
         "Take a passkey from an account, and end the sessions it made",
         "`capos account passkey list NAME` has the ids.\n", cmd_account_passkey_remove,
         state_options, 2, 2, false},
        {"account passwd", "NAME [--password-stdin | --password-file FILE]",
         "Set an account's password, and end the sessions the old one made",
         "An empty password removes it.\n", cmd_account_passwd, passwd_options, 1, 1, false},
        {"account lock", "NAME [--reason TEXT]", "Let nobody into an account, and end its sessions",
         "Whoever tries is told the same as with a wrong password. All that the account has\n"
         "stays: `capos account unlock NAME`.\n\n"
         "Example:\n  capos account lock alice --reason 'laptop stolen'\n",
         cmd_account_lock, lock_options, 1, 1, false},
        {"account unlock", "NAME", "Let the owner of a locked account in again", NULL,
         cmd_account_unlock, state_options, 1, 1, false},
        {"account expire", "NAME WHEN", "Let nobody into an account from some time on",
         "WHEN is a date, of this machine's time zone unless it ends with Z, how long from now,\n"
         "or never. The account is then as if it were locked, and its sessions end no later.\n\n"
         "Examples:\n"
         "  capos account expire alice 2027-01-31\n"
         "  capos account expire ci 8h\n"
         "  capos account expire alice never\n",
         cmd_account_expire, state_options, 2, 2, false},
        {"service-account add", "NAME --profile P...", "Make an account for a program",
         "It logs in by assertions that its own key has signed, or by a client certificate, and\n"
         "has profiles that the manifest has for such accounts (service = true).\n\n"
         "Examples:\n"
         "  capos service-account add ci --profile robot\n"
         "  openssl genpkey -algorithm ed25519 -out ci.pem\n"
         "  openssl pkey -in ci.pem -pubout | capos service-account key add ci -\n",
         cmd_service_add, service_add_options, 1, 1, false},
        {"service-account list", "", "List the service accounts", NULL, cmd_service_list,
         state_options, 0, 0, false},
        {"service-account remove", "NAME", "Remove a service account and end its sessions", NULL,
         cmd_service_remove, state_options, 1, 1, false},
        {"service-account key add", "NAME FILE [--id ID]",
         "Let a service account log in by what a key has signed",
         "FILE is a public key, PEM or a JSON Web Key: RSA, P-256, P-384 or Ed25519; `-` is\n"
         "standard input. Prints the key's id. The keys that are there stay good: add the new\n"
         "one, give it to the program, and remove the old one.\n",
         cmd_service_key_add, service_key_options, 2, 2, false},
        {"service-account key list", "NAME", "List the keys of a service account by their ids",
         NULL, cmd_service_key_list, state_options, 1, 1, false},
        {"service-account key remove", "NAME ID",
         "Take a key from a service account, and end the sessions it made", NULL,
         cmd_service_key_remove, state_options, 2, 2, false},
        {"login", "NAME@HOST:PORT [--method NAME] [OPTION]...", "Log in to an instance",
         "Also: capos login HOST:PORT --anonymous, or --guest. Without an option it tries what\n"
         "the instance offers and there is something for here: keys of the ssh-agent and of\n"
         "~/.ssh, a client certificate, a browser or a code for one elsewhere, then a password on\n"
         "the terminal. --method NAME tries one way alone; -v says what is offered and tried;\n"
         "`capos methods` lists both. The login goes on in the background until `capos logout`,\n"
         "or until the session ends.\n\n"
         "An address may say its transport: tls:HOST:PORT, plain:HOST:PORT, unix:PATH. HOST:PORT\n"
         "alone is tls:, and localhost:PORT the Unix socket of an instance here, where there is\n"
         "one. With --via ssh, HOST is one that your ssh knows, and has `capos` too.\n\n"
         "Examples:\n"
         "  capos login alice@localhost:2327\n"
         "  capos login alice@example.org --profile operator --as work\n"
         "  capos login localhost:2327 --anonymous\n"
         "  capos login bot@example.org --method key --identity bot.key --non-interactive\n"
         "  capos login ci@example.org --method service --identity ci.pem --non-interactive\n"
         "  capos login alice@example.org --via ssh\n",
         cmd_login, login_options, 1, 1, false},
        {"logout", "[--all | --other ID]", "End a session, or all of yours",
         "With --all, every login on this machine ends, and at their instances all other\n"
         "sessions of their accounts, wherever they are; with --session, that is one login and\n"
         "its account. The beginning of an ID is enough when no other session's begins so.\n\n"
         "Examples:\n"
         "  capos logout --all\n"
         "  capos logout --other 8a706f\n",
         cmd_logout, logout_options, 0, 0, false},
        {"renew", "[--duration TIME] [--profile NAME]", "Renew a session by a fresh proof",
         "Proved by what the login was made by, unless an option says otherwise. With --profile\n"
         "the session gets what that profile has more, by a proof that it takes.\n\n"
         "Examples:\n"
         "  capos renew --duration 2h\n"
         "  capos renew --method oidc\n"
         "  capos renew --profile operator --identity ~/.ssh/id_ed25519\n",
         cmd_renew, renew_options, 0, 0, false},
        {"sessions", "[--remote]", "List your logins on this machine, or your sessions anywhere",
         "With --remote: the sessions of the login's account at its instance, with where they\n"
         "come from, and those whose line has dropped and whose client may come back.\n",
         cmd_sessions, sessions_options, 0, 0, false},
        {"pipe", "[localhost:PORT | unix:PATH]",
         "Join standard input and output to the Unix socket of an instance here",
         "It is what `--via ssh` starts at the other end.\n", cmd_pipe, NULL, 0, 1, false},
        {"probe", "[ALIAS]... [--method NAME]", "Send an instance what it has to refuse",
         "Eight things, a line each: what was sent, what was expected and what came. The login\n"
         "stays as it is: what would end or fill a session is tried on another one, which is\n"
         "anonymous or a guest's, or made by --method NAME. Exit code 0: nothing was let through;\n"
         "what could not be tried says what it needs.\n\n"
         "Examples:\n"
         "  capos probe\n"
         "  capos probe work --method key --json\n",
         cmd_probe, probe_options, 0, CLI_WORDS, false},
        {"methods", "HOST:PORT", "List the ways to log in to an instance", NULL, cmd_methods,
         methods_options, 1, 1, false},
        {"whoami", "[--long]", "Show what the session is", NULL, cmd_whoami, whoami_options, 0, 0,
         false},
        {"caps", "[--long]", "List the capabilities of the session", NULL, cmd_caps, caps_options,
         0, 0, false},
        {"describe", "CAP [METHOD | TYPE]", "Show the methods of a capability, or a type",
         "What their author says about them is shown, too; of a struct, its fields with their\n"
         "types and defaults.\n\n"
         "Examples:\n  capos describe chat\n  capos describe chat join\n"
         "  capos describe chat ChatEvent\n",
         cmd_describe, NULL, 1, 2, false},
        {"call", "[--watch [--again]] CAP METHOD [JSON | - | @FILE | FIELD=VALUE...]",
         "Call a method of a capability",
         "Parameters are one JSON object (`-`: on standard input; @FILE: in a file), or words:\n"
         "FIELD=VALUE, FIELD=@FILE for what is in a file, FIELD=@- for what is on standard input,\n"
         "FIELD:=JSON for anything; a.b=VALUE sets a field inside a struct. Results are printed\n"
         "as JSON.\n\n"
         "With --watch, each parameter that is a reference and was not given becomes a listener,\n"
         "and what it is told is printed, a line each, until nobody has more to tell: Ctrl-C ends\n"
         "it before. When the line to the instance drops and comes back, the call is repeated if\n"
         "its schema says that it changes nothing, or with --again; else that is an error.\n\n"
         "Examples:\n"
         "  capos call system_info motd\n"
         "  capos call chat join '{\"channel\": \"#lobby\"}'\n"
         "  capos call chat join channel='#lobby'\n"
         "  capos call --watch chat join channel='#lobby'\n",
         cmd_call, call_options, 2, CLI_WORDS, false},
        {"shell", "", "Call methods line by line, and name what they return",
         "On a terminal with a prompt, Tab and a history; else the lines are a script's, which\n"
         "the first that fails ends; <<END behind a field stands for the lines up to one that is\n"
         "END. `$x = CAP.METHOD ...` names what comes back and does not\n"
         "wait: a call on a reference in it, `$x.FIELD.METHOD`, may be sent before. `.help` has\n"
         "it all.\n\n"
         "Examples:\n"
         "  capos shell\n"
         "  printf '%s\\n' '$m = chat.join channel=#lobby' '$m.membership.send text=hello' |\n"
         "          capos shell\n",
         cmd_shell, NULL, 0, 0, false},
        {"commands", "[--watch] CAP", "List the commands that a capability offers",
         "With --watch, again whenever they change.\n\n"
         "Example:\n  capos commands chat\n",
         cmd_commands, commands_options, 1, 1, false},
        {"run", "[--yes] CAP COMMAND [FIELD=VALUE...]", "Run a command of a capability",
         "FIELD=VALUE, FIELD=@FILE for what is in a file, FIELD=@- for what is on standard input,\n"
         "FIELD:=JSON for a value that begins with @, say, are as in `capos call`.\n"
         "Every field is checked before anything is sent. What is missing is asked for on a\n"
         "terminal; so is whether something that cannot be undone is wanted, or that others see\n"
         "and of which not all was typed, unless --yes says so. --watch and --again\n"
         "are those of `capos call`. Of what comes back is printed what a person reads, where\n"
         "the service has said what that is; --json prints all.\n\n"
         "Examples:\n"
         "  capos run chat send channel='#lobby' text=hello\n"
         "  capos run --watch chat join channel='#lobby'\n",
         cmd_run, run_options, 1, CLI_WORDS, false},
        {"ui", "[CAP] [--once | --follow] [--personal]", "Show the panes that services compose",
         "The service is lent a host for as long as this runs; what it wants to show is checked\n"
         "and printed. Without CAP, each that may show panes is, after a question. On a terminal\n"
         "it goes on with what changes, and lines are typed: a command of a pane with\n"
         "FIELD=VALUE, or `/help`. What a command would do for good, or with something else than\n"
         "its own capability, is asked before. Else, or with --once, it ends when nothing more\n"
         "comes for a moment. --json prints each pane and change as a line. Personal panes are\n"
         "left out where no terminal is, unless --personal asks for them.\n\n"
         "Examples:\n"
         "  capos ui\n"
         "  capos ui chat\n"
         "  capos ui chat --once --json\n",
         cmd_ui, ui_options, 0, 1, false},
        {"web", "[--listen HOST:PORT] [--instance NAME=ADDRESS]...", "Show a session in a browser",
         "Prints an address that lets one browser in, once and for a minute; Enter, or SIGUSR1,\n"
         "gives another. The browser is given no capability: it says what a person does, and is\n"
         "shown what came of it. It may connect to the instances that are named here, and to\n"
         "those that a person adds on the page, as far as --allow lets it: a pattern for\n"
         "HOST:PORT, plain:HOST:PORT or unix:PATH. Ctrl-C ends it, and every session with it.\n"
         "A browser on another machine is let in by the same address, over TLS alone: HOST, or\n"
         "--name, is then where it goes, and what the certificate is made out to.\n\n"
         "Examples:\n"
         "  capos web --open --instance home=localhost:2327\n"
         "  capos web --allow '*.example.org:2327'\n",
         cmd_web, web_options, 0, 0, false},
        {"chat join", "CHANNEL", "Talk in a channel",
         "Lines from standard input are said; what others say is printed. Ends with the input,\n"
         "by /quit, and when the capability or the session is over.\n\n"
         "Examples:\n"
         "  capos chat join '#lobby'\n"
         "  echo hello | capos chat join '#lobby'\n",
         cmd_chat_join, NULL, 1, 1, false},
        {"known list", "", "List the instances whose keys you know",
         "They are the lines of ~/.config/capos/known-instances: HOST:PORT sha256:… [note].\n",
         cmd_known_list, NULL, 0, 0, false},
        {"known add", "HOST:PORT FINGERPRINT [NOTE...]", "Know an instance by the key it shows",
         "`capos cert show` on its machine has the fingerprint. A place may have several.\n\n"
         "Examples:\n"
         "  capos known add example.org:2327 sha256:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE\n"
         "  capos known add capos://example.org:2327/#sha256:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9D"
         "BPE\n",
         cmd_known_add, NULL, 1, CLI_WORDS, false},
        {"known remove", "HOST:PORT [FINGERPRINT]", "Forget an instance, or one of its keys", NULL,
         cmd_known_remove, NULL, 1, 2, false},
        {"session list", "", "List the sessions of the instance of this machine", NULL,
         cmd_session_list, state_options, 0, 0, false},
        {"session revoke", "ID [CAP] | --account NAME [CAP]",
         "End a session, or take one capability from it",
         "The beginning of an ID is enough when no other session's begins so.\n\n"
         "Examples:\n"
         "  capos session revoke 8a706f\n"
         "  capos session revoke --account alice chat\n",
         cmd_session_revoke, revoke_options, 0, 2, false},
        {"cert show", "[--pem]", "Show the certificate of the instance of this machine",
         "Its fingerprint is what clients compare, and keep.\n", cmd_cert_show, cert_show_options,
         0, 0, false},
        {"cert import", "CERT KEY", "Give the instance of this machine a certificate of your own",
         "CERT is in PEM, the instance's own first, then who has issued it; KEY, its private key,\n"
         "P-256 or Ed25519. Nothing is changed when they do not fit.\n\n"
         "Example:\n  capos cert import fullchain.pem privkey.pem\n",
         cmd_cert_import, machine_options, 2, 2, false},
        {"cert renew", "[NAME...] [--new-key]", "Make the instance a new certificate of its own",
         "With the same key, unless --new-key, for the names and addresses given, or for those of\n"
         "the old one; valid for ten years.\n\n"
         "Example:\n  capos cert renew localhost 127.0.0.1 example.org\n",
         cmd_cert_renew, cert_renew_options, 0, TLS_NAMES, false},
        {"cert crl", "", "Have the instance of this machine read its lists of revocations again",
         "And the certificates of the authorities that its manifest names. Sessions that a client\n"
         "certificate has made end when it is not good any more.\n",
         cmd_cert_crl, machine_options, 0, 0, false},
        {"reload", "", "Have the instance of this machine live by its manifest as it is now",
         "It is read and checked as at the start, with the files that it names. If anything is\n"
         "wrong, that is said, and nothing changes. Otherwise it counts for living sessions, too:\n"
         "what a profile grants no more is taken away. SIGHUP for capos-caposd does the same.\n",
         cmd_reload, machine_options, 0, 0, false},
        {"status", "", "Show what the instance of this machine holds", NULL, cmd_status,
         state_options, 0, 0, false},
        {"audit verify", "[FILE]", "Check that an audit log is complete and unchanged",
         "Without FILE: the log of the instance whose state folder is meant. A folder, or a file\n"
         "called audit.log, stands for the sealed segments beside it, too.\n\n"
         "What users were told at login and logout is kept by `capos login`, a file for each\n"
         "instance, in ~/.config/capos/witnesses. With --witness such a file must agree: an\n"
         "operator who has written the log anew is found out.\n",
         cmd_audit_verify, verify_options, 0, 1, false},
        {"audit tail", "[FILE] [-n N] [-f]", "Show the latest records of an audit log", NULL,
         cmd_audit_tail, tail_options, 0, 1, false},
        {"audit query", "[FILE]", "Show the records of an audit log that are looked for",
         "All conditions must hold. What is read is verified; the first line that does not\n"
         "follow from those before it ends the list, and exit code 1 says so. --json prints\n"
         "the records as they stand in the log.\n\n"
         "Example:\n  capos audit query --since 1d --account alice --outcome denied\n",
         cmd_audit_query, query_options, 0, 1, false},
        {"audit export", "[FILE]", "Print a part of an audit log that can be verified elsewhere",
         "Everything that was recorded in that time, as JSON lines, between two that say what\n"
         "it goes on from and where it ends. `capos audit verify FILE` takes it.\n\n"
         "Example:\n  capos audit export --since 2026-11-23 --until 2026-11-23 >monday.jsonl\n",
         cmd_audit_export, export_options, 0, 1, false},
        {"doctor", "", "Show what this machine can confine, versions, and dates that come near",
         NULL, cmd_doctor, machine_options, 0, 0, false},
        {"version", "", "Show the version", NULL, cmd_version, NULL, 0, 0, false},
        {"help", "[COMMAND...]", "Show help", NULL, cmd_help, NULL, 0, 3, false},
        {"__complete", "", "Complete a command line", NULL, cmd_complete, NULL, 0, CLI_WORDS, true},
        {0},
};

int cmd_help(struct cli *c)
{
        char name[128] = "";
        const struct cli_command *k;
        size_t len = 0;

        for (unsigned i = 0; i < c->nwords && len < sizeof(name); i++)
                len += (size_t)snprintf(name + len, sizeof(name) - len, "%s%s", i ? " " : "",
                                        c->words[i]);
        k = cli_command_find(c, name);
        if (len && !k && !cli_command_is_group(c, name))
                return cli_fail_command(c, c->words, (int)c->nwords);
        cli_print_help(c, k, name);
        return EXIT_OK;
}

/* What answers without a command to run. An exit code. */
enum { HELP_BYTES = 32 * 1024 };

static int main_help(struct cli *c)
{
        static char whole[HELP_BYTES];

        /* One write: why it fails is known then. */
        (void)setvbuf(stdout, whole, _IOFBF, sizeof(whole));
        if (c->version && !c->help)
                return cmd_version(c);
        if (c->json && !c->help && *c->group)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: which of its commands? (see `capos %s "
                                "--help`)",
                                c->group, c->group);
        cli_print_help(c, c->command, c->group);
        return c->help ? EXIT_OK : EXIT_USAGE;
}

/* What a group alone stands for: its list, where that takes no word and no option. */
static const struct cli_command *main_list_of(const struct cli *c)
{
        const struct cli_command *k;
        char name[sizeof(c->group) + 8];

        if (!*c->group || c->help || c->version)
                return NULL;
        (void)snprintf(name, sizeof(name), "%s list", c->group);
        k = cli_command_find(c, name);
        return k && !k->options && !k->max_words ? k : NULL;
}

/*
 * Descriptors 0 to 2 are taken in any case, or a socket could get one of these numbers and the next
 * message to a person would go to an instance. What takes the place of one that is closed can't be
 * used in its direction, so using it is an error as before.
 */
static void main_take_standard(void)
{
        static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

        for (int fd = 0; fd < 3; fd++)
                if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd] | O_NOCTTY) != fd)
                        _exit(EXIT_FAILED);
}

int main(int argc, char **argv)
{
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        struct cli c = {.commands = commands, .ssh_errors = -1};
        int r;

        main_take_standard();
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* for how wide characters are */
        (void)sigaction(SIGPIPE, &ignore, NULL);
        r = cli_parse(&c, argc, argv);
        if (!c.command)
                c.command = main_list_of(&c);
        if (!r && (c.help || c.version || !c.command))
                r = main_help(&c);
        else if (!r)
                r = transcript_open(&c);
        if (!r && c.command && !c.help && !c.version)
                r = c.command->run(&c);
        via_end(&c);
        cli_close(&c);
        return cli_finish(&c, transcript_end(&c, r));
}
