/*
 * Blocks used again: not in a build that watches memory, so that it sees whoever uses a block that
 * was given back. See rpc-recycle.c.
 */
#include "rpc-recycle.h"

/* There is room for none. */
void capnp_i_recycle_init(struct recycle *r)
{
        r->room = 0;
}
