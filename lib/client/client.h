/* A client inside: the connection, what was fetched, and the operation that runs. */
#ifndef CAPOS_CLIENT_INTERNAL_H
#define CAPOS_CLIENT_INTERNAL_H

#include "client-error.h"
#include "client-known.h"
#include "remote_session.capnp-c.h"
#include "session-proof.h"
#include "tls.h"

#include <capos/capos-client.h>

enum { OP_QUESTIONS = 5 };

/*
 * The running operation: a set of questions, sent together; when all have returned, `step` looks at
 * them and either asks more or ends the operation.
 */
struct client_op {
        bool running;
        capos_done *done;
        void *arg;
        void (*step)(capos_client *c);
        capnp_question *q[OP_QUESTIONS];
        unsigned n, open;
        capnp_cap *flow;           /* of a login; NULL: there is none */
        bool asks;                 /* a step was handed out and not answered yet */
        void (*let_go)(void *arg); /* that is over, however; NULL: nobody wants to know */
        void *let_go_arg;
        bool renews;        /* the flow is of the session's */
        uint64_t schema_of; /* which is fetched, part by part … */
        uint8_t *schema;    /* … and what has come */
        uint32_t schema_len, schema_length;
        capnp_timer *soon;
        capnp_timer *deadline; /* runs for the whole operation; NULL: it may take any time */
};

/* What a client comes back by when its line has dropped. */
struct client_back {
        capos_key *key; /* enrolled, or about to be; NULL: by the certificate of the connection */
        bool is_ready;  /* a login has left what is needed … */
        enum capos_auth kind; /* … to come back so */
        bool running;         /* it comes back … */
        bool begins;          /* … and begins an operation of its own */
        char account[128], profile[128], client[64];
        struct capos_login login;
        capnp_timer *timer;
        uint32_t wait_ms;     /* before the next try */
        uint32_t tries;       /* that have begun */
        uint64_t begun_ms;    /* the login, since this machine started */
        uint64_t begun_at_ms; /* … by the clock of the instance, which may be another */
        uint64_t give_up_ms;  /* since this machine started */
        char why[sizeof(((struct capos_error *)0)->text)]; /* the last try has failed; "": none */
        capos_done *done;
        void *arg;
};

/* Who is behind TLS: what was expected, and what has come. */
struct client_identity {
        struct capos_address at;
        char expect[CAPOS_FINGERPRINT]; /* "": nothing was told */
        char path[CLIENT_KNOWN_PATH];   /* of the file of known instances; "": there is none */
        char seen[CAPOS_FINGERPRINT];   /* "": no key was shown yet */
        uint8_t key[CAPOS_I_TLS_HASH];  /* its hash */
        uint8_t exporter[CAPOS_I_TLS_HASH];
        bool bound;                 /* exporter is filled in */
        struct capos_error refused; /* code 0: nothing was */
};

struct capos_client {
        capnp_vat *vat;
        struct client_identity *identity; /* NULL: no TLS */
        const char *transport;            /* of the connection, as the proof transcript names it */
        struct capos_address at;          /* where it leads, when reachable */
        struct capnp_limits limits;       /* likewise */
        struct capos_i_tls_context *tls;  /* likewise; NULL: no TLS */
        bool reachable;                   /* another connection can be made */
        capnp_conn *conn;                 /* NULL: somebody else's session */
        capnp_cap *gateway;               /* likewise */
        capnp_cap *session, *caps;        /* NULL: not logged in */
        capnp_schema *schema;             /* all that was fetched */
        capnp_question *methods;          /* the answers that the accessors read */
        capnp_question *info, *list;      /* likewise */
        const struct capos_login *as;     /* while a login runs */
        struct capos_login again;         /* … that is a renewal: what it is by */
        uint32_t timeout_ms;              /* of an operation; 0: none */
        uint8_t nonce[32];                /* ours, of the login that runs */
        struct client_op op;
        struct client_back back;
        struct capos_error error;
        void (*ended)(capos_client *c, const struct capos_error *why, void *arg);
        void *ended_arg;
        void (*trace)(void *arg, bool in, capnp_msg *m); /* NULL: nobody looks on */
        void *trace_arg;
};

/* Who serves a Unix socket is known before a word is said to him: root, the user himself, or whose
 * folder it is that he was sent to. Of TCP nothing is known. */
bool client_trusts_server(int fd);
/* Reads a file for capos_trust, the caller's to free; a private key's must be closed to others. 0;
 * CAPOS_E_CERTIFICATE; -errno. */
int client_shown_read(const char *path, bool is_private, capnp_data *ret) CAPNP_MUST_USE;
/* A client without a connection. 0; -ENOMEM. */
int client_make(capnp_vat *v, capos_client **ret_c) CAPNP_MUST_USE;
/* Whether the connection is over because it is not the instance that was meant; *e says so then. */
bool client_identity_refused(const capos_client *c, struct capos_error *e);
struct client_identity *client_identity_free(struct client_identity *i);
/* Takes another session in place of one that somebody else had and has come back to. What was
 * fetched of schemas stays; what the session is and has is to be asked anew. 0; -ENOMEM. */
int client_take_session(capos_client *c, capnp_cap *session) CAPNP_MUST_USE;
/* Lets go of the session and closes the connection. */
void client_hang_up(capos_client *c);
/* … and makes another one, to where the first led. 0, or as capos_client_connect(). */
int client_dial_again(capos_client *c) CAPNP_MUST_USE;
/* Has who asked for it told of the end of this connection, too. */
void client_hear_end(capos_client *c);
/* By a clock that nobody sets, and that counts sleep. */
uint64_t client_back_now_ms(void);
/* When a session is over, by the same clock: expires_at_ms is the instance's word, by its own. */
uint64_t client_back_until_ms(const struct client_back *b, uint64_t expires_at_ms);
/* Whether what a try to come back has ended with is the last word, not the next try's to change. */
bool client_back_is_refused(const struct capos_error *e);
/* There is no coming back: wipes the key. */
void client_back_forget(capos_client *c);
/* What a proof by key names of the connection: tls-exporter, and the hash of the server's key.
 * false: it is not behind TLS. */
bool client_binding_peek(const capos_client *c, capnp_data *ret_channel, capnp_data *ret_key);
/* The same of a connection that somebody else has, for a client of his session. Empty: there is no
 * TLS. 0; -ENOMEM. */
int client_binding_set(capos_client *c, capnp_data channel, capnp_data key) CAPNP_MUST_USE;
/* What a proof is made over, in answer to a step with this challenge. 0, or -EINVAL. */
int client_transcript(const capos_client *c, capnp_data challenge, uint8_t to[CAPOS_PROOF_BYTES],
                      size_t *ret_len) CAPNP_MUST_USE;
/* Has who answers a step later told when it is none any more; fn NULL: nobody. */
void client_on_let_go(capos_client *c, void (*fn)(void *arg), void *arg);
/* A step is answered, or nobody waits for that: tells. */
void client_let_go(capos_client *c);
/* The host that was dialled, into CAPOS_ADDRESS_WHERE bytes: `localhost` of a Unix socket; "":
 * there is none, or a literal address. */
void client_host(const capos_client *c, char *to);
/* Whether passkeys of a domain may be asked for by who was dialled as a host; both as above. */
bool client_party_is_of(const char *host, const char *party);
/* Begins an operation. 0; -EBUSY. */
int client_begin(capos_client *c, capos_done *done, void *arg) CAPNP_MUST_USE;
/* The same for what needs a session: -ENOTCONN without one. */
int client_begin_bound(capos_client *c, capos_done *done, void *arg) CAPNP_MUST_USE;
/* Adds a question to the running operation; taken. NULL: the operation will end with -ENOMEM. */
void client_ask(capos_client *c, capnp_question *q);
/* Goes to wait for what was asked; then step is called. 0; -ENOMEM: the operation is over. */
int client_go(capos_client *c, void (*step)(capos_client *c)) CAPNP_MUST_USE;
/* The same from inside a step: a failure ends the operation. */
void client_go_on(capos_client *c, void (*step)(capos_client *c));
/* In a step: 0 when all questions up to and with the first n have succeeded; else the first
 * failure, which is in c->error. */
int client_outcome(capos_client *c, unsigned n);
/* Lets the time of the running operation begin anew: after this side has taken its time. 0;
 * -ENOMEM. */
int client_restart_deadline(capos_client *c) CAPNP_MUST_USE;
/* Nothing is waited for until it is restarted: this side takes its time. */
void client_stop_deadline(capos_client *c);
/* Lets go of what was asked. */
void client_drop_questions(capos_client *c);
/* Ends an operation that has not begun after all; nobody is told. */
void client_cancel(capos_client *c);
/* Ends the operation; c->error says how. The last thing to do: c may be gone afterwards. */
void client_end(capos_client *c);
/* Ends it with an error of our own. */
void client_end_with(capos_client *c, int r);
/* Takes question i of the operation over into a slot. */
void client_keep(capos_client *c, unsigned i, capnp_question **slot);

#endif
