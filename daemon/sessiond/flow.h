/* Attempts to authenticate: the engine that takes any method from a claim to a principal. */
#ifndef SESSIOND_FLOW_H
#define SESSIOND_FLOW_H

#include "ledgers.h"
#include "method.h"
#include "patience.h"

#include "admission.capnp-c.h"

#include <capos/capnp.h>

struct attempt;
struct flows;
struct session;
struct sessiond;

enum {
        FLOWS = 4,
        FLOW_STEPS = 4,
};

enum flow_state {
        FLOW_FREE,
        FLOW_STARTED,
        FLOW_WAITING, /* its call is kept, while the method asks somebody else */
        FLOW_PROVING, /* its call is kept until the verdict is there */
        FLOW_PROVED,  /* the proof was good; what comes of it is being seen to */
        FLOW_OVER,    /* it was ended, and its client has not been told yet */
};

/* Why a flow that waited for a person was ended. */
enum flow_over { FLOW_LATE, FLOW_DISPLACED };

struct flow {
        struct flows *of;
        uint32_t number;
        enum flow_state state;
        unsigned kind;                   /* enum capos_auth, or what the client has sent */
        const struct method_ops *method; /* NULL: it has not been looked up yet */
        struct claim claim;
        char tried[129]; /* the account that was claimed, once claim.claimed is whose it was */
        struct ledger_hold place; /* of a login */
        bool first;               /* … and it is its connection's own */
        bool renewal;             /* of a session */
        bool direct;              /* asked by Admission.renew, not by next */
        bool stale;               /* the account has changed meanwhile */
        bool outdated;            /* … or the rules that its proof is judged by */
        bool unbound;             /* its proof was bound to nothing, whatever its method is */
        bool alone;               /* the account's other sessions are to end */
        bool judged; /* its proof is seen to right now: what the store fails at is for it */
        bool costs;  /* flow_cost() was called */
        unsigned steps;
        uint64_t until_ms;   /* since the machine started: it has so long */
        capnp_timer *timer;  /* … and is ended then, while it waits for a person */
        enum flow_over over; /* FLOW_OVER: why */
        char credential[STORE_FINGERPRINT_BYTES]; /* what is being tried */
        char detail[CAPOS_AUDIT_TEXT_BYTES];      /* for the record of the attempt; "": nothing */
        uint64_t enrolment;                       /* whose key is being tried; 0: of none */
        uint64_t duration_ms;                     /* asked for a renewal */
        struct patient patient;                   /* sessiond.patient: it waits for a person */
        bool waits;                               /* … or has: flow_ops.waits was called */
        struct attempt *attempt;                  /* while its proof waits or is checked */
        capnp_answer *answer;                     /* kept as long */
};

struct flow_ops {
        /* A proof was good, and nothing is recorded of it yet. Ends the flow, by one of the
         * functions below, and the answer. Called from the loop. */
        void (*proved)(void *arg, struct flow *f, struct principal *p, capnp_answer *a);
        /* An attempt was refused; its flow and its answer are over. May end the connection, but not
         * free what the flows are in. */
        void (*refused)(void *arg);
        /* A flow waits for a person, until waited(): what the connection itself has of time stands
         * still meanwhile. How long it may, of ms; 0: not any more, and waited() is not called. */
        uint32_t (*waits)(void *arg, uint32_t ms);
        void (*waited)(void *arg);
};

/* Those of a connection (flows.h). */
struct flows {
        const struct origin *origin;
        const struct flow_ops *ops;
        void *arg;
        struct flow all[FLOWS];
        struct flow renewal; /* of Admission.renew */
        uint32_t last;
};

/* An empty place of a connection's. f: of memory that is zero. */
void flow_init(struct flow *f, struct flows *fs);
/* Against a table of legal moves. */
void flow_move(struct flow *f, enum flow_state to);
/* Of its time; 0: it can come to nothing any more. */
uint64_t flow_left_ms(const struct flow *f);
/* No person is waited for any more. */
void flow_hurry(struct flow *f);
/* Ends a flow whose call may be open, as a stranger to its outcome. */
void flow_abandon(struct flow *f);

/* What Admission.next or renew comes to, by the method's turn(). Each takes a. */
int flow_step(struct flow *f, capnp_answer *a);
int flow_prove(struct flow *f, capnp_answer *a, capnp_data response);
int flow_wait(struct flow *f, capnp_answer *a, capnp_data response);
/* Says why one is over that was not refused for what its client did; it has been recorded. */
int flow_tell_over(const struct origin *o, capnp_answer *a, enum flow_over why);

/* What a proof is worth. p: whose it was, once it was good. */
struct strength_of flow_strength(const struct flow *f, const struct principal *p);
/* Notes more for the record of the attempt. text: NULL or "": nothing. */
void flow_describe(struct flow *f, const char *text);
/* What a method that had to wait has come to: a step, or a proof, which is made of no response. */
void flow_go_on(struct flow *f, enum method_turn turn);
/* … a denial. why: for the client; may be NULL. detail: for the record; NULL: the same. */
void flow_refuse(struct flow *f, enum capos_denial d, const char *why, const char *detail);
/* … there was no room for it. */
void flow_full(struct flow *f);

/* Somebody else is asked for it, which strangers should not have us do without end: should it come
 * to no good proof, that counts as a failure. */
void flow_cost(struct flow *f);
/* Records that an attempt has got what it was for. */
void flow_passed(struct flow *f);
/* Ends a flow that came to something. */
void flow_end(struct flow *f);
/* Ends it as an attempt that was refused, which is recorded. Takes a. detail: may be NULL. Where
 * the store has failed since the verdict, the refusal is that, and nobody's fault. */
int flow_deny(struct flow *f, capnp_answer *a, enum capos_denial d, const char *detail);
/* A good proof that is to look and to count like a bad one. why: for the record. Takes a. */
int flow_deny_good(struct flow *f, capnp_answer *a, const char *why);
/* The same, because there is too much of something. why: NULL: it may be otherwise later. */
int flow_over_quota(struct flow *f, capnp_answer *a, enum capos_i_quota q, const char *why);

/* An account's credentials have changed: what is being proved right now does not count. */
void flows_spoil(struct sessiond *s, const char *account);
/* The same for all proofs of a kind. */
void flows_spoil_kind(struct sessiond *s, enum capos_auth kind);
/* The rules have changed: what is being proved right now is judged again, by those that there are
 * then. For a kind whose response is empty, as it is not kept. */
void flows_judge_again(struct sessiond *s, enum capos_auth kind);

#endif
