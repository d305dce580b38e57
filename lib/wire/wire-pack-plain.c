/* Packing on processors we know no faster way for: all is left to wire-pack.c. */
#include "wire-pack.h"

void capnp_i_pack_fast(struct pack_cursor *c)
{
        (void)c;
}

void capnp_i_unpack_fast(struct pack_cursor *c)
{
        (void)c;
}
