/* The core of a connection: its state, its tables and its queue. See rpc-conn.c. */
#ifndef CAPNP_RPC_CONN_H
#define CAPNP_RPC_CONN_H

#include "base-ids.h"
#include "base-map.h"
#include "base-quota.h"
#include "rpc-call.h"

struct export
{
        capnp_cap *cap;
        struct export_id id;
        uint32_t refs;
        bool promise;                     /* was announced as one */
        bool resolved;                    /* Resolve has been sent */
        bool reflects;                    /* … and named something of the peer's */
        struct import_id reflects_import; /* … this */
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

void capnp_i_slots_deinit(struct slots *s);

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
        struct capnp_i_map silent;    /* … of which no Return is wanted */
        uint32_t silent_ids;          /* so many of these there have been */
        bool loud;                    /* the peer returns them, too: no more of them */
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
        uint8_t *in; /* the message that is not complete: capnp_i_frame_bytes_grow() */
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

/* From here on are the ids of questions of which no Return is wanted. */
#define SILENT_ID (UINT32_C(1) << 31)

/* The longest reason of a call's exception, with its NUL. */
enum { REASON_BYTES = 4097 };

/* What an entry weighs in the ledger, with the object behind it; what an input buffer may keep. */
enum { COST_EXPORT = 256, COST_IMPORT = 192, COST_PROMISE = 320, COST_BROKEN = 128 };
enum { COST_EMBARGO = 64, IN_KEEP = 4096 };
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
/* Ends a connection: marks it and queues the teardown. Never re-enters. */
void capnp_i_rpc_shut(capnp_rpc *r, enum capnp_end end, int code, capnp_exception why);
/* The same, and first queues the abort (tell). */
void capnp_i_rpc_break(capnp_rpc *r, enum capnp_end end, int code, capnp_exception why, bool tell);
/* Ends it for want of memory. Returns -ENOMEM. */
int capnp_i_rpc_starve(capnp_rpc *r, bool tell);

/* rpc-table.c */
/* 0; -ENOMEM; -EBUSY: the peer owes too many Returns. */
int capnp_i_table_question_new(capnp_rpc *r, struct call *c,
                               struct question_id *ret_id) CAPNP_MUST_USE;
static inline struct call *capnp_i_table_question(const capnp_rpc *r, struct question_id id)
{
        struct slot *s = capnp_i_slots_get(&r->questions, id.n);

        return s ? s->p : NULL;
}

/* The same of one without a Return. false: there has never been one with this id; *ret_c may be
 * NULL when there has. */
bool capnp_i_table_silent(const capnp_rpc *r, struct question_id id, struct call **ret_c);
/* Whether no Return will come for c, which was sent: none is wanted by our own program. */
static inline bool capnp_i_call_is_silent(const struct call *c)
{
        return c->silent && !c->peer && c->state == CALL_REMOTE;
}

/* Nothing is owed for it any more. What a peer has asked for it pays for until it has its answer.
 */
void capnp_i_table_question_take(capnp_rpc *r, struct question_id id);
/* The same, if it is there, and nobody may be using the connection any more. */
void capnp_i_table_question_drop(capnp_rpc *r, struct question_id id);
static inline struct call *capnp_i_table_answer(const capnp_rpc *r, struct answer_id id)
{
        return capnp_i_ids_get(&r->answers, id.n);
}

static inline struct export *capnp_i_table_export(const capnp_rpc *r, struct export_id id)
{
        struct slot *s = capnp_i_slots_get(&r->exports, id.n);

        return s ? s->p : NULL;
}

/* The export of a final reference, made or counted up. NULL: no memory, or over the limit. */
struct export *capnp_i_table_export_cap(capnp_rpc *r, capnp_cap *c);
/* false: the peer gave back more than it had. */
bool capnp_i_table_release(capnp_rpc *r, struct export_id id, uint32_t count);
void capnp_i_table_export_drop(capnp_rpc *r, struct export *e);
/* Resolve is owed when p, which its reference waits for, is settled. */
void capnp_i_table_export_watch(struct export *e, struct promise *p);
int capnp_i_table_embargo_new(capnp_rpc *r, struct promise *p, struct embargo_id *ret_id);
/* The peer has sent an embargo back. false: there is none with this id. */
bool capnp_i_table_embargo_take(capnp_rpc *r, struct embargo_id id, struct promise **ret_p);
/* The promise has gone; the id is free again only when the peer has sent it back. */
void capnp_i_table_embargo_forget(capnp_rpc *r, struct embargo_id id);
/* None will come back any more. */
void capnp_i_table_embargoes_end(capnp_rpc *r);
/* One more reference to the peer's object. Owned. 0; -ENOMEM; CAPNP_E_LIMIT: there are too many. */
int capnp_i_table_import(capnp_rpc *r, struct import_id id, bool promise, capnp_cap **ret_c);
struct wire *capnp_i_table_wire(capnp_cap *c);
/* What it has become costs bytes, too. */
void capnp_i_table_import_more(struct wire *w, uint64_t bytes);
/* We need it no more. What stands here in its place is paid for until that goes, too: */
void capnp_i_table_import_release(struct wire *w);
void capnp_i_table_import_drop(struct wire *w);
/* Two promises of one peer's, in its table, stand for each other. */
void capnp_i_table_import_swap(struct promise *p, struct promise *q);
/* An import that is a promise has been resolved, or nobody waits for that any more. */
void capnp_i_table_import_decided(struct wire *w);

/* rpc-out.c: the queue of bytes */
int capnp_i_out_frame(capnp_rpc *r, struct frame *f, bool give, const struct fds *fds);
/* Room for a short message of one segment, of so many words, to be written where it is sent from;
 * nothing may come between. NULL: no memory, or it is too long. */
uint64_t *capnp_i_out_begin(capnp_rpc *r, uint32_t words);
/* The same for a call with its parameters; on: of a result. */
uint64_t *capnp_i_out_call(capnp_rpc *r, bool on, const struct body *b);
/* The whole of a Return that needs no Finish: what was returned, n words of it, and the pointer to
 * them; words NULL: zeros. false: it is too long, or no memory. */
bool capnp_i_out_return(capnp_rpc *r, struct answer_id id, uint64_t content, const void *words,
                        uint32_t n, bool secret);
/* It has been written. secret: and is to be wiped when it has gone. */
void capnp_i_out_end(capnp_rpc *r, enum rpc_message_which tag, const uint64_t *words, uint32_t n,
                     bool secret);
void capnp_i_fds_close(struct fds *f);
void capnp_i_out_clear(capnp_rpc *r);

#endif
