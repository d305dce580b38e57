/*
 * The RPC core played against a model of plain pointers: what the parts of test/model share.
 *
 * A world is some vats in one process, each connected with each. An act is one thing that somebody
 * does: make a call, deliver seven bytes, run one event. An act names everything it uses by ids
 * that depend on the act alone which made them, so a list of acts can be shortened and still means
 * the same; an act on what does not exist does nothing.
 *
 * The model knows for each reference what it denotes. A node is the result of a call, a promise or
 * an object; a decision points one node at another. The end of that chain is what the library has
 * to find out by messages.
 */
#pragma once

#include <capos/capnp-rpc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
        MODEL_VATS = 5,      /* most vats in a world */
        MODEL_SLOTS = 3,     /* references in parameters, and in results */
        MODEL_FIRST_ID = 64, /* lower ids are special, see below */
        MODEL_STEP = 16,     /* ids that one act may give out */
        MODEL_INTERFACE = 0x4d6f6465,
};

/* Special ids in model_act.with: nothing, and the arguments of the call being served. */
enum { WITH_NULL = 0, WITH_ARG = 1 };

enum model_kind {
        ACT_NOTHING,
        ACT_OBJECT,    /* vat makes an object; how: 1, with a descriptor */
        ACT_BROKEN,    /* vat makes a broken reference, kind how */
        ACT_BOOTSTRAP, /* vat asks vat who */
        ACT_CALL,      /* vat calls reference who with arguments; how: enum model_call_how */
        ACT_SEND,      /* vat sends the unsent question who */
        ACT_PEEK,      /* vat takes the reference in result slot how of question who */
        ACT_FREE,      /* vat frees question who */
        ACT_COPY,      /* vat copies reference who */
        ACT_DROP,      /* vat drops reference who */
        ACT_PROMISE,   /* vat makes a promise */
        ACT_RESOLVE,   /* vat resolves promise who to with[0] */
        ACT_BREAK,     /* vat breaks promise who, kind how */
        ACT_END,       /* vat ends the kept answer who; how, with: the verdict */
        ACT_STEP,      /* vat runs an event; how, with: the verdict if it is a handler */
        ACT_DELIVER,   /* bytes of vat reach vat who; how: 0 all, 1 a frame, else so many bytes */
        ACT_MEMBRANE,  /* vat makes a membrane */
        ACT_WRAP,      /* vat wraps reference with[0] in membrane who; how: WRAP_NARROW or not */
        ACT_REVOKE,    /* vat revokes membrane who */
        ACT_UNREF,     /* vat drops its reference to membrane who */
        ACT_CLOSE,     /* vat closes its connection to vat who */
        ACT_CONNECT,   /* vat and vat who connect again */
        ACT_STARVE,    /* the how-th allocation from now on fails */
        ACT_FORGET,    /* who waits for room to make stream calls on reference who does not */
        ACT_FLUSH,     /* vat asks when all stream calls on reference who are over */
        ACT_KINDS
};

/* Bits of model_act.how of an ACT_CALL. The method is in bits 8 to 11, enum model_shape in 12, 13.
 */
enum model_call_how {
        CALL_UNSENT = 1,
        CALL_STREAM = 2,
        CALL_DETACH = 4,
        CALL_FREE = 8,
        CALL_READY = 16, /* with CALL_STREAM: its writer waits for room */
        CALL_PIPE = 32,  /* for what is called on a result alone: in which slot, in bits 6 and 7 */
};

/* What a handler does: bits 0 to 3 of how. Bits 4, 5: exception kind. Bit 6: the call is a stream
 * call, unless the verdict is a tail call. Bits 8 to 10: arguments to hold. Bits 12, 13: what the
 * results, or the tail call's parameters, look like. with: results; for a tail call, its target and
 * its arguments. */
enum model_verdict { VERDICT_RETURN, VERDICT_FAIL, VERDICT_KEEP, VERDICT_TAIL, VERDICT_PROMISE };

enum { HOW_STREAM = 1 << 6 };

/* What a payload looks like. The way it takes through the core depends on it. */
enum model_shape {
        SHAPE_USUAL,
        SHAPE_FLAT, /* no pointers, so no references */
        SHAPE_LONG, /* and a pattern of LONG_BYTES or more */
        SHAPE_NONE, /* results that nobody has filled in; of parameters, as SHAPE_FLAT */
};

enum { LONG_BYTES = 4200, LONG_MORE = 8192 };

enum { WRAP_NARROW = 3 };
enum { METHOD_REFUSED = 7 }; /* no membrane of the model lets it pass */

struct model_act {
        uint32_t n; /* its number in the run it comes from; the ids it gives out follow from it */
        uint32_t kind;
        uint32_t vat;
        uint32_t who;
        uint32_t how;
        uint32_t with[3];
};

/* ---- what the model knows ------------------------------------------------------------------- */

enum node_kind { NODE_PENDING, NODE_FORWARD, NODE_OBJECT, NODE_NULL, NODE_BROKEN };

struct node {
        enum node_kind kind;
        struct node *to;     /* of NODE_FORWARD */
        struct node *as;     /* … before any way was shortened: what it was decided to be */
        struct object *obj;  /* of NODE_OBJECT */
        struct call *call;   /* whose result this is, or NULL */
        struct chain *first; /* of a result: the order of the calls its questioner makes on it */
};

/*
 * Calls that must arrive in the order in which they were made; behind a stream call, those that
 * come from the same vat.
 */
struct chain {
        uint32_t sent;
        uint32_t arrived;
        uint32_t arrived_from[MODEL_VATS];
};

struct object {
        uint32_t id, vat;
        struct world *w;
        struct node *node;
        unsigned gone;
        uint64_t ino; /* of its descriptor; 0: it has none */
        bool gated;   /* it has kept a stream call: what comes from another vat may overtake */
        bool shut;    /* a stream call on it has failed: so may what comes */
};

struct ref {
        uint32_t id, vat;
        capnp_cap *cap;
        struct node *node;
        struct chain *chain;
        struct call *unsent; /* the question it hangs on, while that may not have been sent */
        bool own;            /* what capnp_promise_new() gave, or a copy */
};

enum call_end { END_NOT_YET, END_RETURN, END_FAIL, END_TAIL };

struct call {
        uint32_t id, vat;
        uint32_t serial; /* what the payload carries */
        struct world *w;
        capnp_question *q; /* while the model holds it */
        struct node *target;
        struct chain *chain;
        struct call *unsent; /* the question its target hung on */
        uint32_t seq;
        uint16_t method;
        bool sent, done, freed, detached, stream, free_in_done;
        bool awaited; /* the library knows whom to tell when it is done */
        bool piped;   /* nobody is told what its results are */
        bool waits;   /* its writer is to be called back */
        struct node *args[MODEL_SLOTS];
        struct node *slots[MODEL_SLOTS];
        /* the serving side */
        uint32_t server; /* the vat it arrived in */
        bool arrived, noticed;
        struct object *object; /* … at, when it said that it is a stream call */
        enum call_end end;
        enum capnp_kind kind; /* of END_FAIL */
        unsigned nulls;       /* of END_RETURN: bit set of slots returned as null */
        bool empty;           /* of END_RETURN: nothing was filled in */
        struct call *tail;    /* of END_TAIL */
        struct call *tail_of; /* the call that ended with this one */
        bool seen;            /* by who looks for rings at the end */
        const void *cap;      /* what it was made on, to be compared only */
        struct call *behind;  /* the last stream call sent on that before */
};

struct kept {
        uint32_t id, vat;
        struct call *call;
        capnp_answer *a;
};

struct promise {
        uint32_t id, vat;
        capnp_promise *p;
        struct node *node;
};

struct membrane {
        uint32_t id, vat;
        struct world *w;
        capnp_membrane *m;
        bool dropped, revoked;
        bool narrows; /* something inside is narrow, or was */
        unsigned gone;
        uint64_t passes, passed_bytes, ends, ended_bytes;
};

/* Pointers to things that begin with an id and a vat. */
struct list {
        void **v;
        size_t n, room;
};

enum { MODEL_FDS = 16 };

/* Descriptors that came with the bytes from at to end of a pipe, as the kernel keeps them. */
struct parcel {
        struct parcel *next;
        size_t at, end;
        unsigned n;
        int fds[MODEL_FDS];
};

/* Bytes under way from one vat to another. */
struct pipe {
        uint8_t *b;
        size_t len, room;
        size_t frame; /* bytes from the start of b to the end of the frame it begins in */
        struct parcel *first;
        bool ended; /* the receiver has been told that there will be no more */
};

struct trace_line {
        uint32_t vat, peer;
};

struct vat {
        capnp_vat *v;
        struct object *root;
        capnp_cap *root_cap;
        capnp_rpc *to[MODEL_VATS];
        struct pipe out[MODEL_VATS];
        struct trace_line line[MODEL_VATS];
};

struct world {
        uint32_t nvats;
        struct vat vat[MODEL_VATS];
        struct list refs, questions, promises, kept, membranes;
        struct list objects, calls; /* all that were ever made */
        struct list blocks;         /* everything to free at the end */
        const struct model_act *act;
        uint32_t given;      /* ids given out by the act */
        bool loose;          /* a connection or a membrane was cut: anything may be broken */
        bool membraned;      /* there has been a membrane */
        bool streams;        /* handlers say that they serve stream calls */
        bool writers;        /* there are more stream calls, whose writers wait */
        uint32_t flushes;    /* who waits for the end of stream calls */
        bool starved;        /* an allocation may fail, or has */
        unsigned fds;        /* open in this process before it began */
        bool draining;       /* handlers return at once */
        uint32_t check_each; /* tables are checked after each so many acts */
        uint32_t acts;
        uint32_t pace; /* how many of 64 acts move things along */
        bool spoken;   /* every act is printed */
};

/* ---- model-world.c -------------------------------------------------------------------------- */

/* Says what is wrong, where, and ends the process. */
#define model_fail(w_, ...) model_fail_at(w_, __LINE__, __VA_ARGS__)
__attribute__((noreturn, format(printf, 3, 4))) void model_fail_at(struct world *w, int line,
                                                                   const char *fmt, ...);
/* Is told the line before the process ends; for whoever compares failures. */
extern void (*model_on_fail)(struct world *w, int line);

#define model_check(w_, cond_)                             \
        do {                                               \
                if (!(cond_))                              \
                        model_fail(w_, "not: %s", #cond_); \
        } while (0)

/* Whether r says that there was no memory, where that may be. */
bool model_starved(const struct world *w, int r);
/* calloc() and realloc() for the model itself, which none of its failures is meant for. */
void *model_calloc(size_t size);
void *model_realloc(void *p, size_t size);
/* Freed with the world. */
void *model_alloc(struct world *w, size_t size);
void list_add(struct list *l, void *p);
void list_drop(struct list *l, void *p);
void *list_find(const struct list *l, uint32_t id);
/* The i-th of those that belong to a vat, or NULL; counts them when ret_n is there. */
void *list_of_vat(const struct list *l, uint32_t vat, size_t i, size_t *ret_n);

uint32_t model_id(struct world *w);
struct node *node_new(struct world *w, enum node_kind k);
struct chain *chain_new(struct world *w);
struct node *node_end(struct node *n);
/* Whether deciding that node means n would make something wait for itself. */
bool node_waits(struct node *n, struct node *for_node);
void node_decide(struct node *n, struct node *to);
/* NULL: there was no memory. */
struct object *object_new(struct world *w, uint32_t vat, capnp_cap **ret_c);
void object_give_fd(struct object *o, capnp_cap *c);
struct ref *ref_new(struct world *w, uint32_t vat, capnp_cap *c, struct node *n, struct chain *h);
void ref_drop(struct world *w, struct ref *r);
/* NULL: there was no memory. */
struct promise *promise_new(struct world *w, uint32_t vat, capnp_cap **ret_c);
struct call *call_new(struct world *w, uint32_t vat, struct node *target, struct chain *chain);

struct world *world_new(uint32_t nvats);
struct world *world_free(struct world *w);
/* The n-th allocation from now on fails; 0: none. */
void world_starve(struct world *w, uint64_t n);
void world_check(struct world *w);
/* The descriptor behind a reference is that of its object; or, if it need not be, there is none. */
void world_check_fd(struct world *w, const capnp_cap *c, struct node *n, bool need);
/* Ends all that goes on, and checks that nothing remains. */
void world_drain(struct world *w);
/* Frees the vats in the middle of everything. */
void world_crash(struct world *w);

/* ---- model-wire.c --------------------------------------------------------------------------- */

void wire_connect(struct world *w, uint32_t a, uint32_t b);
void wire_disconnect(struct world *w, uint32_t a, uint32_t b);
/* how as in ACT_DELIVER; whether anything was moved. */
bool wire_deliver(struct world *w, uint32_t from, uint32_t to, uint32_t how);

/* ---- model-trace.c -------------------------------------------------------------------------- */

/* For capnp_rpc_set_trace(); arg: struct trace_line. */
void model_trace(void *arg, bool in, capnp_msg *m);

/* ---- model-way.c ---------------------------------------------------------------------------- */

/* The connection that a call came by; NULL: it was made in the vat that serves it. */
const void *model_way(const capnp_answer *a);
/* The next call that r takes in goes the general way, also if it is plain. */
void model_go_general(capnp_rpc *r);
/* Whether there has been a stream call on a reference, and not on another that was in its place. */
bool model_has_streamed(const void *cap);

/* ---- model-serve.c -------------------------------------------------------------------------- */

int serve_dispatch(void *self, capnp_answer *a);
void serve_gone(void *self);
/* Ends an answer that was kept. */
void serve_end(struct world *w, struct kept *k, const struct model_act *act);

/* ---- model-call.c --------------------------------------------------------------------------- */

/* A payload: the call's serial number, and a reference in each of three places, of which a flat one
 * has none. */
capnp_builder payload_init(capnp_abuilder a, uint32_t serial, enum model_shape shape);
enum model_shape payload_shape(const struct model_act *act);
static inline bool payload_has_slots(enum model_shape shape)
{
        return shape == SHAPE_USUAL || shape == SHAPE_LONG;
}

void payload_put(capnp_builder b, unsigned slot, capnp_cap *c);
capnp_cap *payload_peek(capnp_reader r, unsigned slot);
uint32_t payload_serial(struct world *w, capnp_reader r);

/* Gives a call its place in the order of its chain, after those its target hangs on. */
void call_mark_sent(struct call *c);
/* The same in two steps: what a call that is about to be sent comes behind, and that it was sent.
 */
void call_look_behind(struct call *c);
void call_was_sent(struct call *c);
/* Whether nobody waits for it any more. */
bool call_unwanted(const struct call *c);
/* Whether it may fail without having arrived. */
bool call_may_fail(const struct call *c);
/* Whether a stream call made on the same reference before c may have failed. */
bool call_stream_failed(const struct call *c);
/* The last stream call that a vat has made on a reference, or NULL. */
struct call *call_last_stream(struct world *w, uint32_t vat, const void *cap);
/* Whether s, or a stream call before it on the same reference, goes on: what is behind waits. */
bool call_stream_goes_on(const struct call *s);
void act_call(struct world *w, const struct model_act *act);
void act_send(struct world *w, const struct model_act *act);
void act_peek(struct world *w, const struct model_act *act);
void act_free(struct world *w, const struct model_act *act);
/* Frees the question. */
void call_free(struct call *c);

/* ---- model-stream.c ------------------------------------------------------------------------- */

/* Sends c as a stream call; tell: its writer waits when it is told to. */
void act_stream(struct call *c, bool tell);
/* All of the stream calls up to s have returned, so those that were served have ended. */
void stream_over(struct world *w, const struct call *s);
void act_forget(struct world *w, const struct model_act *act);
void act_flush(struct world *w, const struct model_act *act);

/* ---- model-act.c ---------------------------------------------------------------------------- */

void model_play(struct world *w, const struct model_act *act);
void model_print_act(const struct model_act *act, FILE *to);

/* ---- model-choose.c ------------------------------------------------------------------------- */

/* Where decisions come from: a generator, or bytes. */
struct source {
        uint64_t state;
        const uint8_t *b;
        size_t left;
        bool bytes;
};

enum model_mode {
        MODE_PLAIN = 0,
        MODE_MEMBRANES = 1,
        MODE_REVOKE = 2,
        MODE_CLOSE = 4,
        MODE_STARVE = 8,
        MODE_STREAMS = 16,
        MODE_WRITERS = 32,
        MODE_BITS = 63
};

uint32_t source_pick(struct source *s, uint32_t n);
void model_choose(struct world *w, struct source *s, unsigned mode, struct model_act *ret_act);

/* ---- model-run.c ---------------------------------------------------------------------------- */

struct model_run {
        uint32_t vats;
        uint64_t seed;
        uint64_t acts;
        uint32_t epoch;      /* acts between two drains */
        uint32_t check_each; /* as in the world */
        uint32_t shrink_s;   /* seconds to spend on making a failure small */
        int mode;            /* enum model_mode; -1: another one in each epoch */
};

/* The acts of one epoch. */
struct model_log {
        volatile uint32_t n, room;
        volatile uint32_t vats;
        volatile bool crash;     /* it ended by world_crash() */
        volatile uint64_t begun; /* acts of the run before it */
        volatile int line;       /* where the model found a failure */
        struct model_act acts[];
};

/* Plays one epoch in this process; ends the process when it fails. */
void model_epoch(const struct model_run *run, struct source *s, struct model_log *log);
/* Plays in a child; prints a failure as a TEST. 0 when all went well. */
int model_run(const struct model_run *run);
/* Plays a list of acts, drains (or crashes), and ends the process when something is wrong. */
void model_replay(uint32_t vats, bool crash, const struct model_act *acts, size_t n);
/* Prints the acts as a TEST. */
void model_print(const struct model_log *log, FILE *to);
/* What leaked so far ends the process, where that can be known. */
void model_check_leaks(void);
