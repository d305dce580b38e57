/*
 * Parameters that lie in their call.
 *
 * Short ones without pointers, as those of most calls are, need no frame: their words are copied
 * into the call, with a pointer before them. Whoever only reads them reads them there, as a
 * constant is read: there is nothing in them that leads anywhere, so there are no bounds, no depth
 * and no budget to hold. Whoever needs more has a frame made of them.
 *
 * Those of a question that nobody has filled in are written when they are sent, and have a frame
 * only for whoever reads them here.
 */
#include "rpc-conn.h"

void capnp_i_own_wipe(struct call *c)
{
        explicit_bzero(c->own, sizeof(c->own));
        c->own_secret = false;
}

/* A struct of defaults, or, where no schema is known, null. */
static struct frame *params_default(struct call *c)
{
        struct frame *f = capnp_i_frame_new(c->vat);

        if (!f)
                return NULL;

        if (c->m)
                c->params_root = capnp_abuilder_init_struct(capnp_i_frame_content(f),
                                                            c->m->params_words, c->m->params_ptrs);
        c->bare = false;
        c->params = f;
        return f;
}

struct frame *capnp_i_call_params(struct call *c)
{
        struct frame *f;

        if (c->bare)
                return params_default(c);
        if (!c->own_bytes)
                return c->params;

        f = capnp_i_frame_new_one(c->vat, c->own, 1u + c->own_n, &c->peer->limits);
        if (!f)
                return NULL;

        f->content = (capnp_any){&f->msg, f->words, 0, f->msg.depth};
        f->secret |= c->own_secret;
        c->own_bytes = 0; /* who reads them where they were may do so until they are dropped */
        c->params = f;
        return f;
}
