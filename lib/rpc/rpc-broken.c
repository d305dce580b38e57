/* Broken references: every call on one fails with what it is broken with. */
#include "rpc-cap.h"

#include <stdlib.h>

static void broken_gone(capnp_cap *c)
{
        capnp_i_more_unref(capnp_i_cap_broken(c)->more);
        capnp_i_cap_end(c, NULL);
}

static const struct cap_ops broken_ops = {.class = CAP_CLASS, .gone = broken_gone};

capnp_cap *capnp_cap_new_broken(capnp_vat *v, capnp_exception why)
{
        return capnp_cap_new_broken_more(v, why, NULL);
}

capnp_cap *capnp_cap_new_broken_more(capnp_vat *v, capnp_exception why,
                                     const struct capnp_exception_more *more)
{
        size_t len = strnlen(why.reason ? why.reason : "", 1023);
        struct broken *b = malloc(sizeof(*b) + len + 1);

        if (!b)
                return NULL;

        capnp_i_cap_init(&b->cap, v, CAP_BROKEN, &broken_ops);
        b->kind = why.kind;
        b->more = capnp_i_more_new(more);
        memcpy(b->reason, why.reason ? why.reason : "", len);
        b->reason[len] = '\0';
        return &b->cap;
}
