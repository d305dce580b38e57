/* One worker's connection to the session manager: its state, its notices, its end. */
#ifndef SESSIOND_ADMIT_H
#define SESSIOND_ADMIT_H

#include "admission.capnp-c.h"
#include "base-list.h"
#include "flows.h"
#include "origin.h"
#include "session.h"
#include "tally.h"
#include "trace.h"

#include <capos/capnp.h>

struct packet;
struct registering;
struct sessiond;

enum {
        ADMISSION_ACK_MS = 1000,     /* for a worker to acknowledge a notice */
        ADMISSION_GONE_MS = 10000,   /* for one that is killed to be gone, on a busy machine */
        ADMISSION_TOLD_MS = 2000,    /* for a client to be told that nobody is waited for */
        ADMISSION_LINGER_MS = 90000, /* for a worker to go after its session has */
        ADMISSION_ILLEGAL = 16,      /* calls that are illegal, before the worker is killed */
        ADMISSION_REPORTS = 1000,    /* reports of a worker that are recorded, at once … */
        ADMISSION_REPORT_MS = 1000,  /* … and from then on one in so long */
        ADMISSION_REFUSALS = 100,    /* attempts refused before there is a session, likewise */
};

/* A set of the first three, and SHAKING, is where a call is legal. */
enum admission_state {
        ADMISSION_FRESH = 1,
        ADMISSION_BOUND = 2,   /* it has a session */
        ADMISSION_ENDED = 4,   /* its session is over */
        ADMISSION_KILLED = 8,  /* caposd was told to kill the worker; the connection is closing */
        ADMISSION_CLOSED = 16, /* the connection is over */
        ADMISSION_SHAKING =
                32, /* over TLS, before the handshake is done; where a call is legal, too */
};

struct admission {
        struct origin origin;
        struct capnp_i_list link;
        capnp_conn *conn;
        enum admission_state state;
        struct session *session; /* NULL: none yet, or none any more */
        struct flows flows;
        capnp_timer *deadline;
        uint64_t deadline_ms;    /* since the machine started: when that is */
        unsigned waits;          /* flows that wait for a person: so long there is none … */
        uint64_t left_ms;        /* … and this much is left afterwards */
        uint64_t still_until_ms; /* likewise: how long flows may do so; 0: none has yet */
        capnp_timer *ack;        /* a notice has not been acknowledged; a kill, not seen */
        uint64_t untold;         /* the first of the notices that have not been; 0: none */
        capnp_answer *watcher;   /* waits for a notice */
        bool ended_notice;       /* the worker has not been told of the end */
        char ended_reason[64];
        struct registering *registering;                /* a passkey, passkey-own.c; NULL: none */
        void (*registering_end)(struct registering *r); /* … which has no more to be one */
        struct tallied tallied;
        struct trace_rate traced;
        bool told_trace;                             /* the worker tells of each call */
        unsigned illegal, reports, refusals, enrols; /* enrols: keys that were refused */
        uint64_t reports_at_ms;                      /* when `reports` was last what it is */
        bool gone; /* the object that is served has no reference any more */
        void (*freed)(struct sessiond *s);
};

/*
 * A connection has come in: makes the socketpair and gives the gateway the worker's end. calls:
 * what is served to it, whose gone is admission_gone(). freed: called when its place is free again.
 * 0: *ret_ad, which is its own; or -errno.
 */
int admission_new(struct sessiond *s, const struct packet *event, const struct admission_ops *calls,
                  void (*freed)(struct sessiond *s), struct admission **ret_ad) CAPNP_MUST_USE;
void admission_gone(void *self);
/* Ends all of them, for the end of the process. */
void admissions_end(struct sessiond *s);

/* The signer has signed for a connection. */
void admissions_signed(struct sessiond *s, const struct packet *p);
/* Admission.secured. Takes a. */
int admission_shake(struct admission *ad, capnp_answer *a);
/* Becomes bound to a session, once. */
void admission_bind(struct admission *ad, struct session *e);
/* One more flow waits for a person: the time of a connection without a session stands still until
 * it does not any more. How long it may, of ms; 0: not any more. The first time decides until when
 * any may: for as long as a person is waited for (`limits.person`), or for ms if that is more. */
uint32_t admission_stand_still(struct admission *ad, uint32_t ms);
/* One less. */
void admission_go_on(struct admission *ad);
/* The worker must go: it has broken the rules, or does not answer. */
void admission_kill(struct admission *ad, const char *why);
/* A call that is illegal where it comes: refuses and records it, and a few of them are the end.
 * Takes a. */
int admission_refuse_illegal(struct admission *ad, capnp_answer *a, const char *call);
/* An attempt to log in was refused: too many of them, and the connection has to go. */
void admission_refused(struct admission *ad);
/* Admission.watch. Takes a. */
int admission_wait(struct admission *ad, capnp_answer *a);
/* Calls of sessions are traced from now on, or not any more: workers are told. */
void admissions_trace(struct sessiond *s);
/* Adds a record of something that concerns this connection. capability: may be NULL. */
void admission_audit(struct admission *ad, const char *what, const char *outcome,
                     const char *capability);

/* Ends an answer with its results, once that is recorded which was done for it, and every worker
 * has acknowledged what it has to know by now: each does within a second, or is killed. */
int admissions_return(struct sessiond *s, capnp_answer *a);
/* A new gateway, or a new link to it: it is told which connections have a session. */
void admissions_tell_gateway(struct sessiond *s);

#endif
