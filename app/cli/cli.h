/* What all commands of `capos` share: what was asked for, how it is answered. */
#ifndef CAPOS_CLI_H
#define CAPOS_CLI_H

#include <capos/capos-client.h>

#include <jansson.h>
#include <stdio.h>
#include <sys/types.h>

/* The exit codes; documented in capos(1). */
enum cli_exit {
        EXIT_OK = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_DENIED = 3,
        EXIT_NO_CONNECTION = 4,
        EXIT_INTERRUPTED = 130, /* by Ctrl-C, as a shell says it */
};

/* One option of a command, or of all. */
struct cli_option {
        const char *name; /* without dashes; NULL ends the list */
        char letter;      /* -n; 0: none */
        const char *arg;  /* the word for its argument: "FILE"; NULL: takes none */
        const char *help;
        size_t offset; /* of a bool or a const char * in struct cli */
};

enum { CLI_WORDS = 64, CLI_LISTENS = 8, CLI_ALLOWS = 32 };

/* One invocation. */
struct cli {
        const struct cli_command *commands; /* all there are; ends with a NULL name */
        /* What all commands take. */
        bool json, help, version;
        bool once, personal; /* `ui` */
        bool stays; /* what others say comes while a person types: lines are broken by us */
        const char *session, *runtime, *timeout, *transcript;
        uint32_t timeout_ms; /* 0: not given */
        /* What some of them take. */
        bool password_stdin, password, anonymous, guest, lng, follow, end_others, all, pem, new_key,
                verbose, non_interactive, watch, again, yes, far, service_account, server_key,
                touched, demo;
        const char *state, *listen, *manifest, *profile, *identity, *alias, *lines, *duration,
                *account, *via, *expect, *certificate, *key, *method, *password_file, *key_id,
                *passkey_command, *relying_party, *label, *issuer, *token_file, *since, *until,
                *reason, *from, *expires, *supposed, *what, *outcome, *event, *source, *capability,
                *of_session, *witness, *other, *interface, *language;
        const char *profiles[CLI_WORDS];
        unsigned nprofiles;
        const char *listens[CLI_LISTENS];
        unsigned nlistens;
        const char *allows[CLI_ALLOWS], *instances[CLI_ALLOWS]; /* `web` */
        const char *tls_certificate, *tls_key, *web_name;       /* `web` */
        unsigned nallows, ninstances;
        bool open;
        const char *allow, *instance, *idle, *life;
        /* The words that are no options. */
        const char *words[CLI_WORDS];
        unsigned nwords;
        const struct cli_command *command;
        char group[64]; /* "account": only the beginning of commands was given; else "" */
        /* The connection to the agent, or to the instance. */
        capnp_vat *vat;
        capnp_conn *conn;
        capnp_cap *remote; /* its bootstrap object; with --remote, what it administers by */
        capos_client *client;
        const char *peer;  /* who that is, for who waits: "the agent of this login"; NULL: nobody */
        pid_t peer_pid;    /* 0: not known */
        bool late;         /* a wait was given up */
        bool quiet;        /* what fails is not said: something is only tried */
        bool prose;        /* of results only what a person reads, where the schema says it */
        bool administers;  /* c->remote is the `admin` of a session */
        const char *actor; /* whose doings `audit query` looks for */
        char login[108];   /* the login that c->client is of; "": of none */
        /* What a parameter that begins with $ refers to, as a number for the parser of parameters;
         * NULL: nothing can. An exit code. */
        int (*reference)(void *arg, const char *text, uint32_t *ret_n);
        void *reference_arg;
        /* Where lines come from one by one: those up to one that is `end`; NULL: all that follow.
         * With newlines between them, and a NUL behind; to be freed. NULL: they do not. An exit
         * code. */
        int (*block)(void *arg, const char *end, char **ret_p, size_t *ret_len);
        void *block_arg;
        /* With --via ssh (via.c). */
        pid_t ssh;              /* 0: none */
        int ssh_errors;         /* what it says; -1: no more */
        capnp_watch *ssh_watch; /* of that */
};

struct cli_command {
        const char *name;  /* "account add" */
        const char *args;  /* "NAME [--profile P]…", after the name */
        const char *brief; /* one line */
        const char *help;  /* paragraphs and examples */
        int (*run)(struct cli *c);
        const struct cli_option *options; /* NULL: none of its own */
        unsigned min_words, max_words;
        bool hidden;
};

extern const struct cli_option cli_common_options[];

/* ---- cli-options.c */

/* Reads the command line. 0; EXIT_USAGE: said why. */
int cli_parse(struct cli *c, int argc, char **argv) CAPNP_MUST_USE;
/* The help of a command; NULL: of a group; "": of all. */
void cli_print_help(const struct cli *c, const struct cli_command *command, const char *group);
/* The command with a name, "account add"; NULL. */
const struct cli_command *cli_command_find(const struct cli *c, const char *name);
/* Whether some command's name begins with these whole words. */
bool cli_command_is_group(const struct cli *c, const char *name);
/* Says that words are no command, and what was meant perhaps. EXIT_USAGE. */
int cli_fail_command(const struct cli *c, const char *const *words, int n);
/* "90s", "10m", "2h", "500ms"; a number alone is seconds. */
bool cli_parse_duration(const char *s, uint64_t *ret_ms);

/* ---- cli-out.c */

/* Says what went wrong, and returns exit. code: for programs. */
int cli_fail(const struct cli *c, int exit, const char *code, const char *fmt, ...)
        CAPNP_PRINTF(4, 5);
/* Likewise for what the library says; doing: what was tried, may be NULL. */
int cli_fail_error(const struct cli *c, const struct capos_error *e, const char *doing);
int cli_fail_code(const struct cli *c, int r, const char *doing);
int cli_fail_question(const struct cli *c, const capnp_question *q, const char *doing);
/* Likewise, when there was no answer in time; exit code 4. */
int cli_fail_late(const struct cli *c, const char *doing);
/* Prints an object in one line, and drops it. NULL: out of memory. */
int cli_print_json(const struct cli *c, json_t *o);
/* A text as JSON; bytes that are not UTF-8 are replaced. */
json_t *cli_json_text(const char *s);
/* What somebody else counts, as `capos call` prints 64 bits: a string, for a number of JSON may be
 * read as a double. */
json_t *cli_json_u64(uint64_t v);
/* Says when standard output could not be written. r, or EXIT_FAILED in place of EXIT_OK. */
int cli_finish(const struct cli *c, int r);
/* A time for a person, local; and how long until then, in two units: "in 7 h 59 min". */
void cli_format_time(uint64_t at_ms, char *to, size_t room);
void cli_format_until(uint64_t at_ms, char *to, size_t room);
uint64_t cli_now_ms(void);

/* ---- cli-text.c */

/* Prints text of somebody else's: what would steer a terminal is shown as \xNN. */
void cli_print_safe(const char *s);
/* The same into a buffer, cut to fit. */
void cli_escape(const char *s, char *to, size_t room);
/* Text of several lines, each harmless. */
void cli_print_lines(const char *s);
/* The same, with spaces up to a width in columns of a terminal. */
void cli_print_padded(const char *s, unsigned columns);
/* Columns of the terminal that a stream is; 0: it is none. */
unsigned cli_columns(FILE *to);
/* Prints a line of somebody else's behind a beginning of ours, harmless, and broken and moved in
 * before it has so many columns, so that nothing of it stands where our lines begin; 0: in one. */
void cli_print_line(FILE *to, const char *first, const char *text, size_t len, unsigned columns);
/* The same, where what goes on begins in another way (ASCII). */
void cli_print_more(FILE *to, const char *first, const char *more, const char *text, size_t len,
                    unsigned columns);
/* Prints JSON that somebody has written: what would steer a terminal is escaped as JSON does. */
void cli_print_json_text(const char *s, size_t len);

/* ---- cli-secret.c */

/*
 * Reads a password: from standard input (one line) when from_stdin, else from the terminal without
 * echo; twice and compared when twice. To be wiped by the caller, all room bytes. An exit code.
 */
int cli_read_password(struct cli *c, const char *prompt, bool from_stdin, bool twice, char *to,
                      size_t room) CAPNP_MUST_USE;

/* The first line of a file; one's own must be closed to others. Likewise to be wiped. An exit code.
 */
int cli_read_secret_file(struct cli *c, const char *path, const char *what, char *to,
                         size_t room) CAPNP_MUST_USE;

/* Whether a password is to prove it: --password, --password-stdin, --password-file. */
bool cli_has_password_option(const struct cli *c);
/* Reads it from where these say; without any, from the terminal. Likewise. */
int cli_take_password(struct cli *c, const char *prompt, bool twice, char *to,
                      size_t room) CAPNP_MUST_USE;

/* In the environment of a command that a shell has started: the number of a descriptor that gets a
 * byte when a secret is asked for on the terminal. */
#define CLI_SECRET_FD "CAPOS_SECRET_FD"

/* Whether there is a terminal that somebody may be asked on (--non-interactive). */
bool cli_has_terminal(const struct cli *c);
/* Asks for a secret on the terminal. false: there is no terminal, or nothing was typed. */
bool cli_ask_secret(struct cli *c, const char *prompt, char *to, size_t room);

/* Switches local modes of a terminal off (termios, c_lflag), until it is given back; a signal that
 * ends us gives it back, too. One at a time. false: that is no terminal. */
bool cli_terminal_take(int fd, unsigned local_modes);
void cli_terminal_give_back(void);

/* For processes that will hold a secret: no dump, no tracer, and memory overwritten when freed. */
void cli_protect(void);
/* Overwrites what is left of calls that have returned, ours and libraries', and what the allocator
 * keeps of freed memory. */
void cli_wipe_left(void);
/* The end of a buffer that has held a proof. */
void cli_buf_deinit(struct capnp_buf *b);

/* ---- cli-wait.c */

enum { CLI_ANSWER_MS = 15 * 1000, CLI_LOGIN_MS = 60 * 1000 };
/* … and for a person: as long as an instance does, and a little. */
enum { CLI_PERSON_MS = 11 * 60 * 1000 };

/* How long to wait, --timeout or this. */
uint32_t cli_timeout(const struct cli *c, uint32_t default_ms);
/* capnp_question_wait() and a look at the whole response: what is malformed is an error, too. At
 * most that long; 0: as long as it takes, unless --timeout was given. A
 * wait that was given up closes c->conn, and cli_fail_question() says who did not answer. */
int cli_wait(struct cli *c, capnp_question *q, uint32_t default_ms) CAPNP_MUST_USE;
/* Waits for an answer that can be done without, and closes nothing. Whether there is one. */
bool cli_wait_some(struct cli *c, capnp_question *q, uint32_t ms);
/* Whether c->peer is a process that was stopped (SIGSTOP). */
bool cli_peer_is_stopped(const struct cli *c);

/* ---- link.c */

/* Connects to the agent that --session names, or to the only one; c->client has its session then.
 * An exit code. */
int cli_open_session(struct cli *c) CAPNP_MUST_USE;
/* Connects to the agent of an alias; c->remote is it then. 0; -errno. */
int cli_open_agent(struct cli *c, const char *alias) CAPNP_MUST_USE;
/* Takes the session of the agent that c->remote is, as c->client. 0; -errno. */
int cli_session_of_agent(struct cli *c) CAPNP_MUST_USE;
/* … and asks what the session is and has. */
int cli_open_and_fetch(struct cli *c) CAPNP_MUST_USE;
/* Lets go of the connection; another can be opened. */
void cli_close(struct cli *c);

/* ---- the commands */

int cmd_up(struct cli *c);
int cmd_manifest_show(struct cli *c);
int cmd_manifest_check(struct cli *c);
int cmd_manifest_explain(struct cli *c);
int cmd_manifest_connect(struct cli *c);
int cmd_service_new(struct cli *c);
int cmd_account_add(struct cli *c);
int cmd_account_remove(struct cli *c);
int cmd_account_list(struct cli *c);
int cmd_account_passwd(struct cli *c);
int cmd_account_lock(struct cli *c);
int cmd_account_unlock(struct cli *c);
int cmd_account_expire(struct cli *c);
int cmd_account_key_add(struct cli *c);
int cmd_account_key_list(struct cli *c);
int cmd_account_key_remove(struct cli *c);
int cmd_account_identity_add(struct cli *c);
int cmd_account_identity_list(struct cli *c);
int cmd_account_identity_remove(struct cli *c);
int cmd_account_passkey_add(struct cli *c);
int cmd_account_passkey_code(struct cli *c);
int cmd_account_passkey_list(struct cli *c);
int cmd_account_passkey_remove(struct cli *c);
int cmd_service_add(struct cli *c);
int cmd_service_list(struct cli *c);
int cmd_service_remove(struct cli *c);
int cmd_service_key_add(struct cli *c);
int cmd_service_key_list(struct cli *c);
int cmd_service_key_remove(struct cli *c);
int cmd_session_list(struct cli *c);
int cmd_session_revoke(struct cli *c);
int cmd_status(struct cli *c);
int cmd_audit_verify(struct cli *c);
int cmd_audit_tail(struct cli *c);
int cmd_audit_query(struct cli *c);
int cmd_audit_export(struct cli *c);
int cmd_methods(struct cli *c);
int cmd_login(struct cli *c);
int cmd_pipe(struct cli *c);
int cmd_probe(struct cli *c);
int cmd_whoami(struct cli *c);
int cmd_caps(struct cli *c);
int cmd_describe(struct cli *c);
int cmd_call(struct cli *c);
int cmd_commands(struct cli *c);
int cmd_run(struct cli *c);
int cmd_chat_join(struct cli *c);
int cmd_renew(struct cli *c);
int cmd_shell(struct cli *c);
int cmd_ui(struct cli *c);
int cmd_web(struct cli *c);
int cmd_logout(struct cli *c);
int cmd_sessions(struct cli *c);
int cmd_cert_show(struct cli *c);
int cmd_cert_import(struct cli *c);
int cmd_cert_renew(struct cli *c);
int cmd_cert_crl(struct cli *c);
int cmd_reload(struct cli *c);
int cmd_known_list(struct cli *c);
int cmd_known_add(struct cli *c);
int cmd_known_remove(struct cli *c);
int cmd_doctor(struct cli *c);
int cmd_version(struct cli *c);
int cmd_help(struct cli *c);
int cmd_complete(struct cli *c);

#endif
