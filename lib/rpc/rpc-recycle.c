/*
 * Blocks used again: some that were given back are kept for whoever asks next.
 *
 * A vat with many calls in flight makes and ends them in batches, which is what a general allocator
 * is slowest at: a tenth of all instructions of a call went there. What is kept is bounded, and
 * belongs to one vat, so there is nothing to lock and nothing outlives it.
 *
 * rpc-recycle-sanitized.c takes this file's place in builds that watch memory: there a block that
 * was given back must not be used again.
 */
#include "rpc-recycle.h"

enum { RECYCLE_MAX = 256 };

void capnp_i_recycle_init(struct recycle *r)
{
        r->room = RECYCLE_MAX;
}
