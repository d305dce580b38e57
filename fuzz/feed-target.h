/* A vat with one connection and an object that does a bit of everything: what fuzz-rpc-feed feeds.
 */
#pragma once

#include <capos/capnp-rpc.h>

enum { FEED_MOST = 16 };

/* What the object does with a call, by its method modulo FEED_METHODS. */
enum feed_method {
        FEED_RETURN,    /* returns its arguments */
        FEED_FAIL,      /* with a kind that depends on the method */
        FEED_KEEP,      /* answers later */
        FEED_END,       /* ends what was kept, with its own first argument */
        FEED_TAIL,      /* a tail call to its first argument, with the second */
        FEED_PROMISE,   /* returns a promise */
        FEED_RESOLVE,   /* resolves the oldest promise to its first argument */
        FEED_HOLD,      /* holds its first argument */
        FEED_CALL,      /* calls what it holds, pipelines on that, holds the result */
        FEED_DROP,      /* drops what it holds, frees questions */
        FEED_OBJECT,    /* returns new objects, one behind a membrane */
        FEED_REVOKE,    /* revokes the membrane */
        FEED_BOOTSTRAP, /* asks the peer for its object, and calls it */
        FEED_STREAM,    /* a stream call to its first argument */
        FEED_METHODS
};

enum { FEED_FDS = 3 };

struct feed_target {
        capnp_vat *v;
        capnp_rpc *r;
        capnp_cap *root, *held[FEED_MOST];
        capnp_answer *kept[FEED_MOST];
        capnp_promise *promises[FEED_MOST];
        capnp_question *questions[FEED_MOST];
        capnp_membrane *m;
        unsigned nheld, nkept, npromises, nquestions;
        unsigned objects, gone;
        int free_fd; /* the lowest descriptor that is not in use, before and after */
};

void feed_target_init(struct feed_target *t, const struct capnp_limits *l);
/*
 * Feeds bytes, with so many descriptors, and runs what they cause; what the target sends stays in
 * its core. What feed said.
 */
int feed_target_feed(struct feed_target *t, const uint8_t *b, size_t len, unsigned nfds);
/* Ends everything; aborts when anything remains. */
void feed_target_deinit(struct feed_target *t);

/* A payload with up to two references. */
void feed_fill(capnp_abuilder slot, capnp_cap *a, capnp_cap *b);
capnp_cap *feed_arg_peek(capnp_any params, uint16_t i);
