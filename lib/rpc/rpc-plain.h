/* Plain messages (rpc-plain.c), and parameters without a frame: a part of rpc-internal.h. */
#ifndef CAPNP_RPC_PLAIN_H
#define CAPNP_RPC_PLAIN_H

#include "rpc-internal.h"

/* ---- parameters that lie in their call (rpc-params.c) ---------------------------------------- */

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

/* ---- plain messages (rpc-plain.c) ------------------------------------------------------------ */

/* Where all of a message is that has been read in the general way. */
struct plain {
        capnp_reader message, body, payload; /* its envelope */
        capnp_reader target, promised;       /* of a call; promised: only if it is for a result */
        capnp_list ops;                      /* … that is found so */
        capnp_list table;                    /* of a Return's references */
};

/* A message of one segment, of so many words, which may begin anywhere. false: it is no plain one,
 * and nothing has been done. */
bool capnp_i_plain_message(capnp_rpc *r, const void *b, uint32_t words);
/* A call that an object of ours has served, and that ends like any other. false: it does not. */
bool capnp_i_plain_return(struct call *c);
/* A message that was taken in and could have been plain: others that look like it will be. */
void capnp_i_plain_learn(capnp_rpc *r, enum shape_of what, const struct frame *f,
                         const struct plain *p);
void capnp_i_plain_forget(capnp_rpc *r);

#endif
