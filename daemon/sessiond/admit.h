/* The session manager's side of one worker: the connection that Admission is served on. */
#ifndef SESSIOND_ADMIT_H
#define SESSIOND_ADMIT_H

#include "base-list.h"
#include "daemon-source.h"
#include "flow.h"
#include "session-audit.h"
#include "session-names.h"
#include "turns.h"

#include <capos/capnp.h>

struct packet;
struct session;
struct sessiond;

enum {
        ADMISSION_FLOWS = 4,
        ADMISSION_ACK_MS = 1000,     /* for a worker to acknowledge a notice */
        ADMISSION_LINGER_MS = 90000, /* for a worker to go after its session has */
        ADMISSION_ILLEGAL = 16,      /* calls that are illegal, before the worker is killed */
        ADMISSION_REPORTS = 1000,    /* records a worker may cause */
        ADMISSION_REFUSALS = 100,    /* attempts refused before there is a session, likewise */
};

/* A set of these is where a call is legal. */
enum admission_state { ADMISSION_FRESH = 1, ADMISSION_BOUND = 2, ADMISSION_ENDED = 4 };

struct admission {
        struct sessiond *s;
        struct capnp_i_list link;
        capnp_conn *conn;
        uint64_t event;
        char address[64]; /* the peer's, as the gateway saw it */
        /* Whom it is counted under; a party has one or many sources. */
        char source[TURNS_KEY], party[TURNS_KEY];
        struct source from; /* the same as the gateway has it */
        bool shared;        /* the source is the machine itself: not to be blamed as a whole */
        uint32_t transport; /* enum packet_transport */
        enum admission_state state;
        struct session *session;
        struct flow flows[ADMISSION_FLOWS];
        struct flow renewal; /* of Admission.renew */
        uint32_t last_flow;
        char claim[160]; /* what the client says about itself */
        capnp_timer *deadline;
        capnp_timer *ack;      /* a notice has not been acknowledged */
        capnp_answer *watcher; /* waits for a notice */
        bool ended_notice;     /* the worker has not been told of the end */
        char ended_reason[64];
        unsigned illegal, reports, refusals;
        bool hostile; /* it has sent what it may not */
        bool killed, closed, gone;
};

/* A connection has come in: makes the socketpair and gives the gateway the worker's end. 0 or
 * -errno. */
int admission_new(struct sessiond *s, const struct packet *event) CAPNP_MUST_USE;
/* Ends all of them, for the end of the process. */
void admissions_end(struct sessiond *s);

/* Becomes bound to a session, once. */
void admission_bind(struct admission *ad, struct session *e);
/* The session has ended; the worker is told, unless it asked for it. */
void admission_ended(struct admission *ad, const char *reason);
/* An attempt to log in was refused: too many of them, and the connection has to go. */
void admission_refused(struct admission *ad);
/* There is something to tell the worker. */
void admission_notify(struct admission *ad);

/* Whose turn it is counted as. */
struct turns_path admission_path(const struct admission *ad);
/* A new gateway, or a new link to it: it is told which connections have a session. */
void admissions_tell_gateway(struct sessiond *s);

/* "plain", "tls" or "unix". */
const char *admission_transport(const struct admission *ad);
/* A record with all that is known of the connection filled in. */
struct capos_audit_record admission_record(const struct admission *ad, const char *what,
                                           const char *outcome);
/* Ends an answer with a denial, once all that was recorded is on disk. detail: may be NULL. */
int admission_deny(struct admission *ad, capnp_answer *a, enum capos_denial d, const char *detail);
/* The same, because of a quota: "over-quota." and its name. */
int admission_over_quota(struct admission *ad, capnp_answer *a, const char *quota,
                         const char *detail);
/* Keeps what a client says about itself. */
void admission_claim(struct admission *ad, login_source_metadata_reader r);

#endif
