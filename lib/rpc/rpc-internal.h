/* The objects of the RPC core and what its files ask of each other. See rpc-call.c for the plot. */
#ifndef CAPNP_RPC_INTERNAL_H
#define CAPNP_RPC_INTERNAL_H

#include <assert.h>
#include <capos/capnp-rpc.h>

#include "base-ids.h"
#include "base-list.h"
#include "base-map.h"
#include "base-quota.h"
#include "base-refs.h"
#include "msg-internal.h"
#include "rpc-frame.h"
#include "rpc-loop.h"
#include "rpc-recycle.h"
#include "rpc.capnp-c.h"

/* ---- vat and events (rpc-vat.c) ----------------------------------------------------------- */

/* Something to be run by capnp_rpc_step(): queueing it cannot fail. */
struct event {
        struct capnp_i_list link;
        void (*run)(struct event *e);
};

struct capnp_vat {
        struct capnp_i_list events;
        struct capnp_i_list rpcs;    /* every connection's core */
        struct capnp_i_list doomed;  /* references at zero, waiting to be taken apart */
        struct capnp_i_list settled; /* struct promise.source_link: their FIFOs are to be emptied */
        struct capnp_i_list sent;    /* struct call.waiter: … and those of their results */
        struct capnp_i_list stale;   /* capnp_cap.doomed: a reference to each is to be dropped */
        struct event freshen;        /* … now */
        bool dooming, flushing, running, dead;
        uint32_t asking;      /* policies of membranes that are being asked */
        capnp_cap *bad_index; /* lent to messages: what an index outside the table reads as */
        uint32_t refs;        /* the owner's, and one for each object that points here */
        uint64_t steps;       /* along lists that a peer can lengthen: for tests */
        struct recycle pools[POOL_COUNT];
        struct envelopes envelopes;
        const struct capnp_i_loop *loop;
        void *loop_self;
};

/* The last reference has gone: see capnp_i_vat_unref() below. */
void capnp_i_vat_last(capnp_vat *v);
static inline capnp_vat *capnp_i_vat_ref(capnp_vat *v)
{
        capnp_i_refs_take(&v->refs);
        return v;
}

static inline void capnp_i_vat_unref(capnp_vat *v)
{
        if (capnp_i_refs_drop(&v->refs))
                capnp_i_vat_last(v);
}

void capnp_i_event_init(struct event *e, void (*run)(struct event *e));
static inline bool capnp_i_event_queued(const struct event *e)
{
        return !capnp_i_list_empty(&e->link);
}

static inline void capnp_i_event_queue(capnp_vat *v, struct event *e)
{
        if (!capnp_i_event_queued(e))
                capnp_i_list_append(&v->events, &e->link);
}

/* Functions that act begin with this: a policy may look, and no more (struct capnp_membrane_ops).
 */
static inline void capnp_i_vat_acts(const capnp_vat *v)
{
        assert(!v->asking);
        (void)v;
}

/* ---- the ledger (rpc-ledger.c) -------------------------------------------------------------- */

/* What a charge is for. Each is summed up apart: some have a limit of their own. */
enum charge_for {
        FOR_ANYTHING,
        FOR_PARAMS, /* of a call that has not been answered */
        FOR_IMPORT, /* and what it has become */
        FOR_RETURN, /* that is owed: a question of ours that was given up */
        FOR_COUNT,
};

/* What a peer makes us keep; embedded in the thing that is kept. Zeroed: nothing. */
struct charge {
        capnp_rpc *rpc; /* whose peer's; counted */
        uint64_t bytes;
        uint8_t what; /* enum charge_for */
};

/* That of a call, and of its parameters while they are here: its peer pays for these. */
struct call_charge {
        struct charge kept;
        uint64_t params;
};

/* So many bytes, or so many more, for the thing g is in. */
void capnp_i_charge(struct charge *g, capnp_rpc *r, uint64_t bytes, enum charge_for what);
void capnp_i_charge_end(struct charge *g);
/* The thing is gone. Also right when nothing was charged, which is most often so. */
static inline void capnp_i_uncharge(struct charge *g)
{
        if (g->rpc)
                capnp_i_charge_end(g);
}

/* Its parameters are gone, of which there were some. r is who paid for them. */
void capnp_i_charge_end_params(struct call_charge *g, capnp_rpc *r);
/* The peer may not make us keep more. */
bool capnp_i_ledger_is_full(const capnp_rpc *r);
/* Whether imports of so many bytes may come with a message that was let in. */
bool capnp_i_ledger_has_room(const capnp_rpc *r, uint64_t bytes);

/* ---- what an exception carries beside its reason (rpc-more.c) -------------------------------- */

struct more; /* shared and counted; NULL: nothing */

/* A copy, cut to what we hold. NULL: there is nothing in it, or no memory. */
struct more *capnp_i_more_new(const struct capnp_exception_more *from);
struct more *capnp_i_more_ref(struct more *m);
struct more *capnp_i_more_unref(struct more *m);
/* The memory behind it, for the ledger. */
size_t capnp_i_more_bytes(const struct more *m);
struct capnp_exception_more capnp_i_more_peek(const struct more *m);
/* From and to the Exception of a message. */
struct more *capnp_i_more_read(rpc_exception_reader e);
void capnp_i_more_write(const struct more *m, rpc_exception_builder e);

/* ---- references (rpc-cap.c) ----------------------------------------------------------------- */

enum cap_kind { CAP_HOSTED, CAP_IMPORT, CAP_PROMISE, CAP_WRAP, CAP_BROKEN };

struct flow;   /* stream calls in flight, rpc-stream.c */
struct narrow; /* rpc-narrow.c */

struct capnp_cap {
        const struct capnp_i_cap_class *class; /* first: what a message knows of us */
        capnp_vat *vat;
        uint32_t refs;
        uint8_t kind;
        int fd;
        struct flow *flow;
        struct narrow *narrow; /* for each membrane that has narrowed it */
        struct capnp_i_list doomed;
};

struct hosted {
        capnp_cap cap;
        const struct capnp_interface *iface; /* NULL: dispatch */
        const void *ops;
        capnp_handler *dispatch;
        void (*gone)(void *self);
        void *self;
        struct event event;
        struct capnp_i_list gates; /* struct gate: of those whose stream calls it serves */
};

struct broken {
        capnp_cap cap;
        enum capnp_kind kind;
        struct more *more; /* may be NULL */
        char reason[];
};

/* What it says, for the ledger. */
static inline uint64_t capnp_i_broken_bytes(const struct broken *b)
{
        return strlen(b->reason) + capnp_i_more_bytes(b->more);
}

/* A reference that came over a connection: what Release has to give back. */
struct wire {
        capnp_rpc *rpc; /* NULL: not from a connection */
        uint32_t id, refs;
        bool awaited; /* a promise that the peer has not resolved */
        struct charge charge;
};

struct import {
        capnp_cap cap;
        struct wire wire;
};

enum { PATH_SHORT = 4 }; /* of most paths */

enum promise_state { PROMISE_PENDING, PROMISE_EMBARGOED, PROMISE_SETTLED };

/* The only reference that changes, and it does so once. */
struct promise {
        capnp_cap cap;
        uint8_t state;
        bool called;                  /* calls went to the peer through it */
        capnp_cap *to;                /* when embargoed or settled; may be NULL */
        struct capnp_i_list fifo;     /* struct waiter: pending locally, or embargoed */
        struct capnp_i_list watchers; /* struct export: Resolve is owed */
        struct capnp_i_list waits;    /* struct capnp_wait (rpc-wait.c) */
        struct wire wire;             /* an import that is a promise */
        struct call *source;          /* a result that is not there yet */
        struct capnp_i_list source_link;
        struct pipes *in;     /* the set that source_link is in */
        struct promise *same; /* another one there, with the same hash */
        uint16_t *path;       /* short_path, or a block of its own */
        uint16_t npath;
        uint16_t short_path[PATH_SHORT];
        struct charge charge; /* for being a result that a peer has named */
        uint32_t embargo;     /* its id, when embargoed */
        capnp_rpc *embargo_rpc;
};

struct capnp_promise {
        struct promise *p;
};

/* Something that waits in a promise's FIFO. */
struct waiter {
        struct capnp_i_list link;
        bool is_call; /* else a struct disembargo */
};

struct disembargo {
        struct waiter waiter;
        capnp_rpc *rpc;
        uint32_t id;
        uint32_t import; /* where the promise led when Resolve was sent; what we answer if it broke
                          */
        struct charge charge;
};

/* References to results of one call, by path (rpc-pipe.c). */
struct pipes {
        struct capnp_i_list list; /* struct promise.source_link */
        struct capnp_i_map index; /* hash of the path -> struct promise; empty while they are few */
        uint32_t n;
};

void capnp_i_pipes_init(struct pipes *s);
struct promise *capnp_i_pipes_find(struct pipes *s, const uint16_t *path, uint16_t n);
/* p has its path, and is in no set. 0 or -ENOMEM. */
int capnp_i_pipes_add(struct pipes *s, struct promise *p) CAPNP_MUST_USE;
/* Also right for one that is in none. */
void capnp_i_pipes_remove(struct promise *p);
/* Moves all to a list, which does not know where they are. */
void capnp_i_pipes_take_all(struct pipes *s, struct capnp_i_list *to);

/* The one place where the state of a promise changes. */
static inline void capnp_i_promise_move(struct promise *p, enum promise_state to)
{
        static const uint8_t may[] = {
                [PROMISE_PENDING] = 1 << PROMISE_EMBARGOED | 1 << PROMISE_SETTLED,
                [PROMISE_EMBARGOED] = 1 << PROMISE_SETTLED,
                [PROMISE_SETTLED] = 0,
        };

        assert(may[p->state] >> to & 1);
        p->state = (uint8_t)to;
}

void capnp_i_cap_init(capnp_cap *c, capnp_vat *v, enum cap_kind kind);
/* What is behind a reference of that kind. */
static inline struct hosted *capnp_i_cap_hosted(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct hosted, cap);
}

static inline struct import *capnp_i_cap_import(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct import, cap);
}

static inline struct promise *capnp_i_cap_promise(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct promise, cap);
}

static inline struct broken *capnp_i_cap_broken(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct broken, cap);
}

/* What a reference is by now: follows settled promises, also through membranes. Borrowed. */
capnp_cap *capnp_i_cap_final(capnp_cap *c);
/* Drops what shortening chains has left over. */
void capnp_i_cap_freshen(struct event *e);
/* The promise that a final reference still waits for; NULL: it is settled, or a peer's for good. */
struct promise *capnp_i_cap_pending(capnp_cap *c);
/* Whether calls on a final reference go to that connection at once and in order. */
bool capnp_i_cap_is_on(capnp_cap *c, const capnp_rpc *r);

struct promise *capnp_i_promise_make(capnp_vat *v);
/* Whether p is a result that its peer keeps, for a call of its own: nobody says here what it is. */
bool capnp_i_promise_stays_there(const struct promise *p);
/* What a promise turned out to be: may set an embargo first. Takes no reference. */
void capnp_i_promise_settle(struct promise *p, capnp_cap *to);
/* ours: its peer has said that it is something on our side, whatever that is by now. */
void capnp_i_promise_settle_named(struct promise *p, capnp_cap *to, bool ours);
void capnp_i_promise_settle_broken(struct promise *p, enum capnp_kind kind, const char *reason);
/* The peer that p is of has said what it is. */
void capnp_i_promise_resolved(struct promise *p, capnp_cap *to, bool ours);
/* The peer has confirmed that nothing is under way any more. */
void capnp_i_promise_lift(struct promise *p);
/* Tells the peers that hold p, or others that hang on it, what it has become for them. */
void capnp_i_promise_tell(struct promise *p);
/* c was sent: what hangs on its results follows, at once or when what is going on is done. */
void capnp_i_promise_flush_results(struct call *c);
/* Lets calls that wait be sent on, now that the call they hang on has been. */
void capnp_i_promise_flush_to_source(struct promise *p);
bool capnp_i_promise_is_remote(const struct promise *p);
/* Answers what waits in the FIFO of a promise that nobody holds any more. */
void capnp_i_promise_drop_waiters(struct promise *p);

/* Those who waited for a promise that is settled look again. */
void capnp_i_waits_end(capnp_vat *v, struct capnp_i_list *waits);

/* ---- calls (rpc-call.c) --------------------------------------------------------------------- */

enum call_state {
        CALL_NEW,    /* being filled in */
        CALL_QUEUED, /* in the FIFO of a promise */
        CALL_HOSTED, /* an object of ours serves it, or will */
        CALL_REMOTE, /* sent to a peer */
        CALL_TAILED, /* another call will return for it */
        CALL_ENDED,  /* nobody serves it any more */
};

enum { CROSSING_CUT = -1, CROSSING_DROPPED = -2 };

/* A membrane that a call has crossed. */
struct crossing {
        struct capnp_i_list link; /* capnp_membrane.open */
        struct crossing *outer;   /* crossed before this one */
        struct call *call;
        capnp_membrane *membrane;
        capnp_cap *to; /* what was called, for a policy that looks; else NULL */
        bool inward;
        int outcome; /* as capnp_membrane_ops.back is told */
        uint64_t bytes;
        uint64_t mark; /* its policy's; 0: it has none */
};

/*
 * A reference lent by capnp_question_cap_peek(). Only our own program makes any, one for each path
 * it asks for before the return, so that a list will do: what peers name is in struct pipes.
 */
struct peek {
        struct peek *next;
        capnp_cap *cap;
        uint16_t npath;
        uint16_t path[];
};

/* Export ids that went out with a payload. */
struct wire_ids {
        uint32_t *v; /* NULL, &one, or a block of its own */
        uint32_t n, one;
};

enum { OWN_WORDS = 6 };

/*
 * What every call needs comes first and is zeroed when one is made. What follows is as it is in a
 * new one when a call goes: few calls have any of it, and whoever has knows (light).
 */
struct call {
        capnp_vat *vat;
        uint32_t refs;
        uint32_t callers; /* who wants the result: handle, answer entry, pipelined references … */
        uint64_t iface;
        const struct capnp_method *m; /* NULL: unknown here */
        capnp_cap *target;
        struct frame *params, *results;
        capnp_builder results_root;
        uint32_t own_bytes; /* of the message whose parameters are in own; 0: none are */
        uint16_t method;
        uint8_t state, due;
        uint8_t own_n;        /* words of data there, behind their pointer */
        bool done : 1;        /* the caller's side has its outcome */
        bool started : 1;     /* its handler has run */
        bool ended : 1;       /* its handler has used an ending verb */
        bool kept : 1;        /* its handler wants to be told of a cancellation */
        bool asked : 1;       /* its handler has checked the parameters */
        bool stream : 1;      /* its bytes are in the window of target */
        bool flowing : 1;     /* … and it has been sent */
        bool held : 1;        /* waits behind a stream call, in no promise's FIFO */
        bool unflushed : 1;   /* sent, but what waits for its results has not followed yet */
        bool ahead : 1;       /* a stream call before it waits for it: it does not wait itself */
        bool unfilled : 1;    /* there was no memory for what somebody wanted to fill in */
        bool bare : 1;        /* nobody has filled in its parameters: they have no frame */
        bool unpiped : 1;     /* noPromisePipelining */
        bool piped : 1;       /* the references in its results are known, and all of them */
        bool finish_sent : 1; /* to the peer that serves it */
        bool returned : 1;    /* by that peer */
        bool workaround : 1;  /* … which wants the call delivered before it is canceled */
        bool taken : 1;       /* another call has claimed its results */
        bool reflects : 1;    /* Return has named something of the peer's */
        bool refused : 1;     /* failed, and that is this vat's own word, nobody else's */
        bool light : 1;       /* has ended, and nothing of the second half was used */
        bool own_secret : 1;  /* what is in own is to be wiped */
        union {
                uint8_t odd; /* any of these: it does not end like any other */
                struct {
                        bool canceled : 1; /* no caller is left */
                        bool yourself : 1; /* its results stay here, for a call that takes them */
                        bool silent : 1;   /* onlyPromisePipeline: no Return is wanted */
                        bool answered : 1; /* Return has been sent to the peer that asked */
                        bool finished : 1; /* … and Finish received from it */
                        bool failed : 1;   /* kind and reason hold an exception */
                };
        };
        uint8_t kind; /* enum capnp_kind of the exception */
        int result;   /* 0, or CAPNP_E_… or -errno: what the caller is told */
        uint32_t peer_id;
        capnp_rpc *peer;           /* that asked; NULL: we did */
        struct call_charge charge; /* for the answer, and for results that are kept; of a question
                                      of ours, for the Return that is owed */
        /* the second half */
        struct event event;
        struct waiter waiter;
        struct pipes pipes;
        capnp_builder params_root;
        struct peek *peeks;
        struct pipes *early; /* lent before the call was tailed, embargoed; a reference to each */
        capnp_cap *broken;   /* what every result of a failed call is; made when it is needed */
        struct crossing *crossings; /* innermost first */
        char *reason;               /* of the exception; NULL: see result */
        struct more *more;          /* … what else it carries; may be NULL */
        void (*on_done)(capnp_question *q, int r, void *arg);
        void *done_arg;
        void (*on_cancel)(capnp_answer *a, void *arg);
        void *cancel_arg;
        struct call *parent; /* takes our results */
        struct call *tail;   /* whose results are ours */
        capnp_rpc *out;      /* that serves it; NULL: we do */
        uint32_t out_id;
        struct wire_ids param_ids, result_ids;
        uint64_t window; /* in the flow of target */
        capnp_cap *flow_cap;
        struct gate *gate;           /* where it waits for its turn, or makes others wait */
        uint64_t own[1 + OWN_WORDS]; /* short parameters (rpc-params.c); of no meaning without */
};

/* Bits of call.due: which event is to be run. */
enum { DUE_RUN = 1, DUE_CANCEL = 2, DUE_DONE = 4, DUE_SEND = 8 };

/* The one place where the state of a call changes. */
static inline void capnp_i_call_move(struct call *c, enum call_state to)
{
        static const uint8_t may[] = {
                [CALL_NEW] = 1 << CALL_QUEUED | 1 << CALL_REMOTE /* Bootstrap */ | 1 << CALL_ENDED,
                [CALL_QUEUED] = 1 << CALL_HOSTED | 1 << CALL_REMOTE | 1 << CALL_ENDED,
                [CALL_HOSTED] = 1 << CALL_TAILED | 1 << CALL_ENDED,
                [CALL_REMOTE] = 1 << CALL_TAILED | 1 << CALL_ENDED,
                [CALL_TAILED] = 1 << CALL_ENDED,
                [CALL_ENDED] = 0,
        };

        assert(may[c->state] >> to & 1);
        c->state = (uint8_t)to;
}

/* One whose first half has no meaning yet. NULL: no memory. */
struct call *capnp_i_call_make(void);
static inline struct call *capnp_i_call_new(capnp_vat *v)
{
        struct call *c = capnp_i_recycle_get(&v->pools[POOL_CALLS]);

        if (!c)
                c = capnp_i_call_make();
        if (!c)
                return NULL;

        capnp_i_zero(c, offsetof(struct call, event));
        c->vat = capnp_i_vat_ref(v);
        c->refs = 1;
        c->callers = 1;
        return c;
}

void capnp_i_call_last(struct call *c);
static inline struct call *capnp_i_call_ref(struct call *c)
{
        capnp_i_refs_take(&c->refs);
        return c;
}

static inline void capnp_i_call_unref(struct call *c)
{
        if (capnp_i_refs_drop(&c->refs))
                capnp_i_call_last(c);
}

void capnp_i_call_due(struct call *c, uint8_t what);
/* A question that was sent from inside a policy, when nothing can be re-entered any more. */
void capnp_i_question_send_later(struct call *c);
/* Sends a call to wherever its target leads. */
void capnp_i_call_deliver(struct call *c, capnp_cap *target);
/* The callee is done: results are in c->results, or an exception is set. */
void capnp_i_call_return(struct call *c);
void capnp_i_call_fail(struct call *c, enum capnp_kind kind, const char *reason);
void capnp_i_call_fail_error(struct call *c, int r);
void capnp_i_call_set_exception(struct call *c, enum capnp_kind kind, const char *reason);
/* The same, with more; takes it. */
void capnp_i_call_set_exception_more(struct call *c, capnp_exception why, struct more *more);
/* Fails with what a reference is broken with; without one for want of memory. */
void capnp_i_call_fail_as(struct call *c, capnp_cap *broken);
/* What every result of a failed call is. Borrowed; NULL: no memory. */
capnp_cap *capnp_i_call_broken(struct call *c);
/* Of kind overloaded, and our own refusal: no membrane rewrites it. reason: "over-quota.…: …". */
void capnp_i_call_refuse(struct call *c, const char *reason);
capnp_exception capnp_i_call_exception(const struct call *c);
/* The caller gets an exception now; whoever serves the call is told that it is canceled. */
void capnp_i_call_abandon(struct call *c, enum capnp_kind kind, const char *reason);
/*
 * The connection of c is gone: nobody wants it delivered any more, and if all that is left are
 * references to its results it is canceled. They may be held by nothing but its own parameters.
 */
void capnp_i_call_give_up(struct call *c);
/* One caller less; the last one cancels. */
void capnp_i_call_drop_caller(struct call *c);
/* A reference in the (future) results as the callee sees it / as the caller does. Owned. */
capnp_cap *capnp_i_call_pipe(struct call *c, const uint16_t *path, uint16_t n);
capnp_cap *capnp_i_call_pipe_outer(struct call *c, const uint16_t *path, uint16_t n);
/* Whether p, which one of them gave, is NULL for want of memory, and not because a result is. */
static inline bool capnp_i_call_pipe_failed(const struct call *c, const capnp_cap *p)
{
        return !p && (c->done ? c->failed : !c->piped);
}

/* A new inner one, although there may be one for the path. */
capnp_cap *capnp_i_call_new_pipe(struct call *c, const uint16_t *path, uint16_t n);
/* What hangs on the results becomes what is in them. */
void capnp_i_call_settle_pipes(struct call *c);
/* The result's reference at a path, once returned. Borrowed. */
capnp_cap *capnp_i_call_result_cap(struct call *c, const uint16_t *path, uint16_t n);
/* c's results will be those of t. Takes a caller's place at t. */
void capnp_i_call_follow(struct call *c, struct call *t);
/* Removes a call of r's peer from the table of answers. */
void capnp_i_call_forget(struct call *c);
/* c has reached its peer: what hangs on it may follow. */
void capnp_i_call_flush_pipes(struct call *c);
/* Drops what only the callee needed. */
void capnp_i_call_drop_params(struct call *c);

/* ---- what would wait for itself (rpc-ring.c) ------------------------------------------------- */

/* Whether p, which is to become `to`, is what that waits for. */
bool capnp_i_ring_of_promise(struct promise *p, capnp_cap *to);
/* Whether c, which is to wait for p, is what p waits for. */
bool capnp_i_ring_of_call(struct call *c, struct promise *p);

/* ---- membranes (rpc-membrane.c) ------------------------------------------------------------- */

struct capnp_membrane {
        capnp_vat *vat;
        uint32_t refs; /* wrappers, crossings, and who has made it */
        bool owned;    /* … as long as that is so */
        const struct capnp_membrane_ops *ops;
        void *self;
        struct capnp_i_list open;   /* struct crossing */
        struct capnp_i_list narrow; /* struct narrow */
        struct capnp_i_map wraps[2];
        struct broken *revoked; /* NULL: in force */
        bool looks;             /* its policy looks into calls */
        bool holds;             /* something was narrow since it was last out of use */
        struct broken *spare;   /* what it is revoked with when there is no memory for a reason */
        struct event event;
};

struct wrap {
        capnp_cap cap;
        capnp_membrane *membrane;
        capnp_cap *inner; /* NULL: the membrane was revoked */
        bool inward;      /* calls on it go to the inside */
        capnp_cap *to;    /* inner's settled self, wrapped; owned */
        bool settled;
};

static inline struct wrap *capnp_i_cap_wrap(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct wrap, cap);
}

/* c as the other side sees it. inward: for use inside. Owned; NULL for NULL or without memory. */
capnp_cap *capnp_i_membrane_cross(capnp_membrane *m, capnp_cap *c, bool inward);
/* Lets a call through w: false: it has been failed. */
bool capnp_i_membrane_pass(struct wrap *w, struct call *c);
/* Whether a call that has crossed toward a promise may go to what that has become. */
bool capnp_i_membrane_allows(struct call *c, capnp_cap *to, capnp_exception *ret_why);
/* Whether c may not go on to a promise that a peer decides: nobody would ask about it there. */
bool capnp_i_membrane_holds(const struct call *c);
void capnp_i_crossing_free(struct crossing *x);
/* Undoes the crossings of a returned call, from the inside out. */
void capnp_i_membrane_return(struct call *c);
void capnp_i_wrap_free(struct wrap *w);
/* Follows inner. */
capnp_cap *capnp_i_wrap_final(struct wrap *w);

/* ---- what is narrow inside (rpc-narrow.c) ---------------------------------------------------- */

struct narrow {
        struct capnp_i_list link;  /* capnp_membrane.narrow */
        struct narrow *next, **at; /* of the same thing */
        capnp_membrane *membrane;
        capnp_cap *cap; /* held if it is a peer's */
        bool bare;      /* was inside as it is, in no other wrapper */
};

/* c is narrow from now on, as far as anything is there that can be. 0 or -ENOMEM. */
int capnp_i_narrow_new(capnp_membrane *m, capnp_cap *c) CAPNP_MUST_USE;
/* Whether c, of a membrane that has something narrow, is that or may be. */
bool capnp_i_narrow_is(const capnp_membrane *m, capnp_cap *c);
/* from is a promise, and has become that. */
void capnp_i_narrow_move(capnp_cap *from, capnp_cap *to);
/* Nobody holds c any more. */
void capnp_i_narrow_gone(capnp_cap *c);
/* Nothing is narrow any more. What it led to may be the last to hold a connection. */
void capnp_i_narrow_forget(capnp_membrane *m);

/* ---- streams, as who writes sees them (rpc-stream.c) ----------------------------------------- */

/* Whether c, which is about to be sent, waits behind a stream call, or fails behind one. */
bool capnp_i_flow_takes(struct call *c);
void capnp_i_flow_returned(struct call *c);
void capnp_i_flow_free(struct flow *f);

/* ---- … and as who serves does (rpc-gate.c) --------------------------------------------------- */

/* Whether c may be served now; if not, it waits or has failed. */
bool capnp_i_gate_admits(struct call *c, struct hosted *h);
/* c is a stream call and being served: what comes behind it waits. 0 or -ENOMEM. */
int capnp_i_gate_shut(struct call *c, struct hosted *h) CAPNP_MUST_USE;
/* The handler of c has run, or there is nothing to run any more. */
void capnp_i_gate_ran(struct call *c);
/* c, which has a gate, has ended. */
void capnp_i_gate_leave(struct call *c);
/* r's peer has let go of c, and with it of what failed there. */
void capnp_i_gate_forget(capnp_rpc *r, capnp_cap *c);
void capnp_i_gates_close(capnp_rpc *r);
void capnp_i_gates_free(struct hosted *h);

/* ---- connections ---------------------------------------------------------------------------- */

struct export
{
        capnp_cap *cap;
        uint32_t id, refs;
        bool promise;             /* was announced as one */
        bool resolved;            /* Resolve has been sent */
        bool reflects;            /* … and named something of the peer's */
        uint32_t reflects_import; /* … this */
        capnp_rpc *rpc;
        struct capnp_i_list watch; /* promise.watchers */
        struct charge charge;
};

/* A table whose ids we choose: an array with a list of its free slots. */
struct slot {
        void *p;
        bool live;
        uint32_t next_free;
};

struct slots {
        struct slot *v;
        uint32_t n, free, live; /* free: index of the first free slot, n when there is none */
        uint32_t most;          /* that were live at once so far */
        uint32_t upper;         /* that are in the upper half of it */
};

static inline struct slot *capnp_i_slots_get(const struct slots *s, uint32_t id)
{
        return id < s->n && s->v[id].live ? &s->v[id] : NULL;
}

enum { MAX_FDS = 16 };

struct fds {
        int v[MAX_FDS];
        unsigned n;
};

/* Bytes on their way out. */
struct out {
        struct capnp_i_list link;
        struct frame *frame; /* NULL: bytes[] */
        uint32_t len, sent, room;
        bool secret;      /* to be wiped when it goes */
        uint32_t replies; /* bytes of it that are Returns */
        uint32_t notes;   /* … that are neither Returns nor our own calls */
        bool pooled;      /* a block of POOL_OUT */
        struct fds fds;   /* ours to close */
        _Alignas(uint64_t) uint8_t bytes[];
};

/* What a message that is too long is about, looked for while it goes by (rpc-skip.c). */
struct skip {
        uint64_t total, at;      /* bytes of the frame, and how many have gone by; 0: none */
        size_t keep;             /* bytes of its front that stay in capnp_rpc.in */
        uint64_t lowest;         /* what lies between keep and this has gone by */
        uint32_t seg, off;       /* the word to be looked at next */
        uint32_t to_seg, to_off; /* where a double far pointer leads */
        uint8_t what, hop;       /* which pointer is followed, and how far it has been */
        enum rpc_message_which tag;
        bool found;
        uint8_t have; /* bytes of the word that are here */
        uint8_t word[8];
};

/* What was fed behind the last call of a turn. */
struct rest {
        uint8_t *b; /* NULL: nothing */
        size_t at, len;
        struct fds fds;
        bool ended; /* … and then the peer has closed its side */
};

/* What a plain message looks like (rpc-plain.c). */
enum shape_of { SHAPE_CALL, SHAPE_CALL_ON, SHAPE_RETURN, SHAPE_RETURN_CAPS, SHAPES };
enum { KNOWN_FINISH = 1, KNOWN_RELEASE = 2 };

struct capnp_rpc {
        capnp_vat *vat;
        struct capnp_i_list link; /* vat.rpcs */
        uint32_t refs;            /* the owner's, and one for each import and charge */
        struct capnp_limits limits;
        capnp_cap *bootstrap;
        const struct capnp_i_owner *owner;
        void *owner_self;
        struct broken *why; /* set when closed */
        int closed; /* what feed returns: 0, CAPNP_E_PROTOCOL, CAPNP_E_DISCONNECTED, -errno */
        enum capnp_end end;    /* whose doing that was */
        struct event teardown; /* empties the tables of a closed connection … */
        bool calls_over;       /* … and has, of calls */
        /* tables */
        struct slots questions;       /* struct call */
        struct slots exports;         /* struct export */
        struct slots embargoes;       /* struct promise, NULL: nobody waits any more */
        struct capnp_i_ids answers;   /* struct call */
        struct capnp_i_map exported;  /* capnp_cap -> struct export */
        struct capnp_i_map imports;   /* capnp_cap: import or promise */
        struct capnp_i_map gates;     /* struct hosted -> struct gate */
        uint64_t held, most_held;     /* bytes in the ledger; and at most so far */
        uint64_t held_for[FOR_COUNT]; /* of these */
        uint32_t charges;             /* things in it */
        uint32_t disembargos;         /* of the peer's, waiting */
        uint32_t awaited;             /* promises that the peer has not resolved */
        bool impatient;    /* input was not wanted for long, and nothing moved: read on */
        uint64_t progress; /* changes when something moves */
        /* streams of bytes */
        struct capnp_i_list outq;
        uint64_t out_bytes, out_replies, out_notes; /* queued; of these, as in struct out */
        uint64_t most_out, longest; /* queued at once before bytes left; of a message, either way */
        uint8_t *in;
        size_t in_len, in_room;
        struct skip skip;    /* a message that is too long, on its way past us */
        struct fds fds_open; /* came with the message that is not complete yet */
        struct fds fds_now;  /* … with the one that is being acted on; a taken one is -1 */
        bool no_fds;         /* the transport carries none, whatever the limits say */
        uint64_t calls_in, calls_out;
        struct shape *shapes[SHAPES]; /* of plain messages (rpc-plain.c); NULL: not known */
        uint8_t known;                /* smaller ones that have come */
        /* turns (rpc-turn.c) */
        uint64_t calls_stop;       /* behind so many nothing is let in before the next turn */
        uint64_t calls_counted;    /* so many are in … */
        struct capnp_i_quota rate; /* of limits.rate, in thousandths of calls, as of … */
        uint64_t rate_ms;
        struct rest rest;
        void (*trace)(void *arg, bool in, capnp_msg *m);
        void *trace_arg;
};

#define NO_ID UINT32_MAX

/* The longest reason of a call's exception, with its NUL. */
enum { REASON_BYTES = 4097 };

/* What an entry weighs in the ledger, with the object behind it; what an input buffer may keep. */
enum { COST_EXPORT = 256, COST_IMPORT = 192, COST_PROMISE = 320, COST_BROKEN = 128 };
enum { IN_KEEP = 65536 };
/* A question that was given up, its place in the table, and what its caller may have kept for it.
 */
enum { COST_RETURN = sizeof(struct call) + 128 };

void capnp_i_rpc_last(capnp_rpc *r);
static inline capnp_rpc *capnp_i_rpc_ref(capnp_rpc *r)
{
        capnp_i_refs_take(&r->refs);
        return r;
}

static inline void capnp_i_rpc_unref(capnp_rpc *r)
{
        if (capnp_i_refs_drop(&r->refs))
                capnp_i_rpc_last(r);
}

void capnp_i_rpc_dirty(capnp_rpc *r);
void capnp_i_rpc_check_idle(capnp_rpc *r);
/* The peer broke the protocol, or memory ran out in the middle: the connection ends. Returns r. */
int capnp_i_rpc_violation(capnp_rpc *r, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* Something that was a reason to stop reading has become less. */
void capnp_i_rpc_eased(capnp_rpc *r);
/* Whether input would be wanted if none was left of the last turn. */
bool capnp_i_rpc_would_read(const capnp_rpc *r);
/* The limits are others. */
void capnp_i_turn_limits(capnp_rpc *r);
/* How many calls count for the rate, and did at most. */
uint32_t capnp_i_turn_used(const capnp_rpc *r);
uint32_t capnp_i_turn_most(const capnp_rpc *r);
/* Feeds what is left of the last turn; as capnp_rpc_feed(). */
int capnp_i_feed_rest(capnp_rpc *r) CAPNP_MUST_USE;
/* Ends a connection: marks it, queues the abort (tell) and the teardown. Never re-enters. */
void capnp_i_rpc_break(capnp_rpc *r, enum capnp_end end, int code, capnp_exception why, bool tell);
/* Ends it for want of memory. */
void capnp_i_rpc_starve(capnp_rpc *r, bool tell);

/* rpc-table.c */
/* 0; -ENOMEM; -EBUSY: the peer owes too many Returns. */
int capnp_i_table_question_new(capnp_rpc *r, struct call *c, uint32_t *ret_id) CAPNP_MUST_USE;
static inline struct call *capnp_i_table_question(const capnp_rpc *r, uint32_t id)
{
        struct slot *s = capnp_i_slots_get(&r->questions, id);

        return s ? s->p : NULL;
}

void capnp_i_table_question_drop(capnp_rpc *r, uint32_t id);
static inline struct export *capnp_i_table_export(const capnp_rpc *r, uint32_t id)
{
        struct slot *s = capnp_i_slots_get(&r->exports, id);

        return s ? s->p : NULL;
}

/* The export of a final reference, made or counted up. NULL: no memory, or over the limit. */
struct export *capnp_i_table_export_cap(capnp_rpc *r, capnp_cap *c);
/* false: the peer gave back more than it had. */
bool capnp_i_table_release(capnp_rpc *r, uint32_t id, uint32_t count);
void capnp_i_table_export_watch(struct export *e);
int capnp_i_table_embargo_new(capnp_rpc *r, struct promise *p, uint32_t *ret_id);
/* The peer has sent an embargo back. false: there is none with this id. */
bool capnp_i_table_embargo_take(capnp_rpc *r, uint32_t id, struct promise **ret_p);
/* The promise has gone; the id is free again only when the peer has sent it back. */
void capnp_i_table_embargo_forget(capnp_rpc *r, uint32_t id);
/* One more reference to the peer's object. Owned; NULL: no memory or over the limit. */
capnp_cap *capnp_i_table_import(capnp_rpc *r, uint32_t id, bool promise);
/* Whether a further one is over the limit. */
bool capnp_i_table_imports_are_full(const capnp_rpc *r, bool promise);
/* What it has become costs bytes, too. */
void capnp_i_table_import_more(struct wire *w, uint64_t bytes);
/* We need it no more. What stands here in its place is paid for until that goes, too: */
void capnp_i_table_import_release(struct wire *w);
void capnp_i_table_import_drop(struct wire *w);
/* Two promises of one peer's, in its table, stand for each other. */
void capnp_i_table_import_swap(struct promise *p, struct promise *q);
/* An import that is a promise has been resolved, or nobody waits for that any more. */
void capnp_i_table_import_decided(struct wire *w);
/* The end of a connection: calls both ways first, and, when who waited for them has been told, what
 * each side held of the other. */
void capnp_i_table_close_calls(capnp_rpc *r);
void capnp_i_table_close_caps(capnp_rpc *r);

/* Why the peer may not ask for more; NULL: it may. */
const char *capnp_i_in_quota(const capnp_rpc *r);
/* Whether results would make us hold too much for whoever gets them. */
bool capnp_i_in_is_too_much(const capnp_rpc *r, const struct call *c, uint64_t bytes);
/* The outcome of c is known: results, or why there are none. release: the peer keeps no reference
 * for results that we have not taken up. */
void capnp_i_in_return_ends(capnp_rpc *r, struct call *c, rpc_return_reader b, bool release);
/* A call or bootstrap of the peer's, in the table of answers; so many bytes of parameters come with
 * it. NULL: no memory. */
struct call *capnp_i_in_answer_new(capnp_rpc *r, uint32_t id, uint64_t params);

/* A Finish and a Release, as far as they have been read. As capnp_rpc_feed(). */
int capnp_i_in_finish(capnp_rpc *r, rpc_finish_reader b);
int capnp_i_in_release(capnp_rpc *r, rpc_release_reader b);

/* rpc-in.c: one received message */
int capnp_i_in_message(capnp_rpc *r, struct frame *f);
/* One that is not kept, because it is too long: the first word of its Call or Return. */
int capnp_i_in_long_message(capnp_rpc *r, enum rpc_message_which tag, uint64_t word);
/* The peer ends the connection, for a reason that need not end in a NUL. */
int capnp_i_in_abort(capnp_rpc *r, const char *reason, size_t len);

/*
 * rpc-skip.c: a message that is too long. r->in holds its segment table and maybe more, and has
 * room for its first `keep` bytes. 0, or as capnp_rpc_feed().
 */
int capnp_i_skip_begin(capnp_rpc *r, uint64_t total, size_t keep) CAPNP_MUST_USE;
/* Takes what follows; *ret_used: bytes that were the message's. r->skip.total is 0 at its end. */
int capnp_i_skip_feed(capnp_rpc *r, const uint8_t *b, size_t len, size_t *ret_used) CAPNP_MUST_USE;

/* rpc-feed.c: the buffer of an incomplete message goes */
void capnp_i_feed_deinit(capnp_rpc *r);

/* rpc-desc.c: capability tables of payloads */
int capnp_i_desc_read(capnp_rpc *r, rpc_cap_descriptor_list table, struct frame *f);
/* What the ledger would be charged for it, if no reference were here already. */
uint64_t capnp_i_desc_cost(rpc_cap_descriptor_list table);
int capnp_i_desc_read_one(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap **ret_c);
void capnp_i_desc_take_fd(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap *c);
/* Whether a descriptor names something of its receiver's; the same for entry i of a Return. */
bool capnp_i_desc_is_ours(rpc_cap_descriptor_reader d);
bool capnp_i_desc_result_is_ours(struct frame *f, uint32_t i);
/* Writes the capability table of f, which is about to be sent; notes the exports made. */
int capnp_i_desc_write(capnp_rpc *r, struct frame *f, struct wire_ids *ids, struct fds *fds);
int capnp_i_desc_write_one(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct wire_ids *ids);
void capnp_i_desc_write_fd(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct fds *fds);
/* After the message itself: Resolve for what was broken from the start. */
void capnp_i_desc_resolve_broken(capnp_rpc *r, const struct wire_ids *ids);
void capnp_i_desc_write_target(capnp_cap *c, rpc_message_target_builder target);
int capnp_i_desc_read_promised(capnp_rpc *r, rpc_promised_answer_reader promised,
                               capnp_cap **ret_c);
void capnp_i_wire_ids_release(capnp_rpc *r, struct wire_ids *ids);
void capnp_i_wire_ids_clear(struct wire_ids *ids);

/* rpc-send.c: one message to be sent. Errors break the connection. */
void capnp_i_send_call(capnp_rpc *r, struct call *c, capnp_cap *target);
void capnp_i_send_return(struct call *c);
/* Why a question or a payload can not be sent, by the error. */
const char *capnp_i_send_why(int k);
/* An exception of kind overloaded. release: none of the parameters' references were taken up. */
void capnp_i_send_refusal(capnp_rpc *r, uint32_t id, const char *reason, bool release);
/* The same for a call that nobody here knows how to answer and that is too long to be sent back. */
void capnp_i_send_declined(capnp_rpc *r, uint32_t id);
/* Answers c with: take the results of q, which you were asked to keep. */
void capnp_i_send_take_from(struct call *c, const struct call *q);
/* Tells the peer that t's results have been claimed by another question of ours. */
void capnp_i_send_taken(struct call *t);
/* workaround: the call is to be delivered before it is canceled. */
void capnp_i_send_finish(capnp_rpc *r, uint32_t id, bool release, bool workaround);
void capnp_i_send_release(capnp_rpc *r, uint32_t id, uint32_t count);
void capnp_i_send_resolve(struct export *e, capnp_cap *to);
void capnp_i_send_disembargo(capnp_rpc *r, struct promise *target, uint32_t id);
void capnp_i_send_disembargo_reply(capnp_rpc *r, capnp_cap *target, uint32_t import, uint32_t id);
void capnp_i_send_bootstrap(capnp_rpc *r, uint32_t id);
void capnp_i_send_unimplemented(capnp_rpc *r, rpc_message_reader message);
void capnp_i_send_abort(capnp_rpc *r, enum capnp_kind kind, const char *reason);
/* NULL: no memory. */
struct disembargo *capnp_i_disembargo_new(capnp_rpc *r, uint32_t id, uint32_t import);
void capnp_i_disembargo_deliver(struct disembargo *d, capnp_cap *target);

/* rpc-short.c: the Return of c, whose results have references. false: they are not short, or there
 * is no room for it; nothing has been done. */
bool capnp_i_short_return(capnp_rpc *r, struct call *c);

/* rpc-out.c: the queue of bytes */
int capnp_i_out_frame(capnp_rpc *r, struct frame *f, bool give, const struct fds *fds);
/* Room for a short message of one segment, of so many words, to be written where it is sent from;
 * nothing may come between. NULL: no memory, or it is too long. */
uint64_t *capnp_i_out_begin(capnp_rpc *r, uint32_t words);
/* The same for a call with its parameters; on: of a result. */
uint64_t *capnp_i_out_call(capnp_rpc *r, bool on, const struct body *b);
/* The whole of a Return that needs no Finish: what was returned, n words of it, and the pointer to
 * them; words NULL: zeros. false: it is too long, or no memory. */
bool capnp_i_out_return(capnp_rpc *r, uint32_t id, uint64_t content, const void *words, uint32_t n,
                        bool secret);
/* It has been written. secret: and is to be wiped when it has gone. */
void capnp_i_out_end(capnp_rpc *r, enum rpc_message_which tag, const uint64_t *words, uint32_t n,
                     bool secret);
void capnp_i_fds_close(struct fds *f);
void capnp_i_out_clear(capnp_rpc *r);

#include "rpc-plain.h"

#endif
