/* Calls. See rpc-call.c for the plot. */
#ifndef CAPNP_RPC_CALL_H
#define CAPNP_RPC_CALL_H

#include "rpc-promise.h"

enum call_state {
        CALL_NEW,    /* being filled in */
        CALL_QUEUED, /* in the FIFO of a promise */
        CALL_HOSTED, /* an object of ours serves it, or will */
        CALL_REMOTE, /* sent to a peer */
        CALL_TAILED, /* another call will return for it */
        CALL_ENDED,  /* nobody serves it any more */
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
        struct export_id *v; /* NULL, &one, or a block of its own */
        struct export_id one;
        uint32_t n;
};

void capnp_i_wire_ids_clear(struct wire_ids *ids);

/* Who called, as the call knows it. */
struct caller {
        /* The outcome is known: tells whoever wants it. Once; does not block. */
        void (*returned)(struct call *c);
        /* The event of one that was to be sent when no policy is being asked. NULL: never. */
        void (*send)(struct call *c);
};

enum { OWN_WORDS = 6 };

/*
 * What every call needs comes first and is zeroed when one is made. What follows is as it is in a
 * new one when a call goes: few calls have any of it, and whoever has knows (light).
 */
struct call {
        capnp_vat *vat;
        const struct caller *caller;
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
                        bool silent : 1;   /* onlyPromisePipeline: who asked wants no Return */
                        bool answered : 1; /* Return has been sent to the peer that asked */
                        bool finished : 1; /* … and Finish received from it */
                        bool failed : 1;   /* kind and reason hold an exception */
                };
        };
        uint8_t kind; /* enum capnp_kind of the exception */
        int result;   /* 0, or CAPNP_E_… or -errno: what the caller is told */
        struct answer_id peer_id;
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
        struct question_id out_id;
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

/* Whether p is a result that its peer keeps, for a call of its own: nobody says here what it is. */
static inline bool capnp_i_promise_stays_there(const struct promise *p)
{
        const struct call *s = p->state == PROMISE_PENDING ? p->source : NULL;

        return s && s->state == CALL_REMOTE && (s->yourself || s->silent) && !s->peer;
}

static inline bool capnp_i_promise_is_remote(const struct promise *p)
{
        if (p->state != PROMISE_PENDING)
                return false;

        return p->wire.rpc || (p->source && p->source->state == CALL_REMOTE);
}

/* One whose first half has no meaning yet. NULL: no memory. */
struct call *capnp_i_call_make(void);
static inline struct call *capnp_i_call_new(capnp_vat *v, const struct caller *caller)
{
        struct call *c = capnp_i_recycle_get(&v->pools[POOL_CALLS]);

        if (!c)
                c = capnp_i_call_make();
        if (!c)
                return NULL;

        capnp_i_zero(c, offsetof(struct call, event));
        c->vat = capnp_i_vat_ref(v);
        c->caller = caller;
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
/* Whose peer wanted c: what is made for its results is kept for that one. NULL: our program. */
capnp_rpc *capnp_i_call_payer(const struct call *c);
/* A call of our own program, or of ours for it. */
extern const struct caller capnp_i_question_caller;
void capnp_i_call_set_target(struct call *c, capnp_cap *target);
/* Sends a call to wherever its target leads. */
void capnp_i_call_deliver(struct call *c, capnp_cap *target);
/* The callee is done: results are in c->results, or an exception is set. */
void capnp_i_call_return(struct call *c);
void capnp_i_call_fail(struct call *c, enum capnp_kind kind, const char *reason);
void capnp_i_call_fail_error(struct call *c, int r);
/* c has a gate, and is over, or has been run. */
void capnp_i_call_leave_gate(struct call *c, bool over);
/* A canceled call that has been sent, or is: tells the peer. */
void capnp_i_call_cancel_remote(struct call *c);
void capnp_i_call_cancel_tail(struct call *c);
/* Nothing where the outcome is known, or has been set to another exception. */
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
/* What is kept for the results that were lent before the call was tailed goes. */
void capnp_i_call_drop_early(struct call *c);
/* struct caller.returned, in two steps: what the results hold; and another call that takes them. */
void capnp_i_result_settle(struct call *c);
void capnp_i_result_hand_up(struct call *c);
/* What hangs on the results becomes what is in them. */
void capnp_i_call_settle_pipes(struct call *c);
/* The result's reference at a path, once returned. Borrowed. */
capnp_cap *capnp_i_call_result_cap(struct call *c, const uint16_t *path, uint16_t n);
/* c's results will be those of t. Takes a caller's place at t. */
void capnp_i_call_follow(struct call *c, struct call *t);
/* Removes a call of r's peer from the table of answers. */
void capnp_i_call_forget(struct call *c);
/* Drops what only the callee needed. */
void capnp_i_call_drop_params(struct call *c);

/* ---- parameters that lie in their call (rpc-params.c) --------------------------------------- */

/* Nobody reads them any more. */
void capnp_i_own_wipe(struct call *c);
static inline void capnp_i_own_drop(struct call *c)
{
        c->own_bytes = 0;
        if (c->own_secret)
                capnp_i_own_wipe(c);
}

/* As what is sent. */
static inline struct body capnp_i_own_body(const struct call *c)
{
        struct body b = {c->own[0], &c->own[1], c->own_n};

        if (b.content)
                b.content = capnp_i_msg_struct_at(c->own_n, 0, RPC_PAYLOAD_PTRS - 1);
        return b;
}

/* … those that nobody has filled in. */
static inline struct body capnp_i_bare_body(const struct call *c)
{
        const struct capnp_method *m = c->m;

        if (!m)
                return (struct body){0};

        return (struct body){
                capnp_i_msg_struct_at(m->params_words, m->params_ptrs, RPC_PAYLOAD_PTRS - 1), NULL,
                (uint32_t)m->params_words + m->params_ptrs};
}

/* The frame of a call's parameters. Those that lie in it, or that nobody has filled in, get one;
 * NULL: no memory, or there are none. */
struct frame *capnp_i_call_params(struct call *c);

#endif
