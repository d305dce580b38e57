/*
 * The core of a connection: what it is like now, when it reads, and the mark of its end.
 *
 * It does no I/O and reads no clock, so it can be fuzzed, replayed and run many to a process.
 *
 * A connection ends once. capnp_i_rpc_shut() marks it and queues the event that empties its tables
 * (rpc-life.c), so anybody may end it in the middle of anything.
 */
#include "rpc-conn.h"

#include <stdlib.h>

/* All that it held that leads anywhere was given back when it was closed, and when it was freed. */
void capnp_i_rpc_last(capnp_rpc *r)
{
        capnp_vat *v = r->vat;

        assert(capnp_i_list_empty(&r->outq) && !r->in && !r->fds_open.n && !r->bootstrap);
        capnp_i_list_remove(&r->link);
        capnp_cap_unref(&r->why->cap);
        capnp_i_map_deinit(&r->gates);
        free(r);
        capnp_i_vat_unref(v);
}

void capnp_i_rpc_set_owner(capnp_rpc *r, const struct capnp_i_owner *o, void *self)
{
        r->owner = o;
        r->owner_self = self;
}

void capnp_i_rpc_forbid_fds(capnp_rpc *r)
{
        r->no_fds = true;
        r->limits.fds = 0;
}

unsigned capnp_i_rpc_fds_in(const capnp_rpc *r)
{
        return r->limits.fds_out_only ? 0 : r->limits.fds;
}

bool capnp_i_rpc_wipes(const capnp_rpc *r)
{
        return r->limits.wipe;
}

void capnp_i_rpc_dirty(capnp_rpc *r)
{
        if (r->owner)
                r->owner->dirty(r->owner_self);
}

void capnp_i_rpc_check_idle(capnp_rpc *r)
{
        if (r->owner && !r->closed && !r->questions.live && !r->silent.used && !r->exports.live &&
            !r->answers.used && !r->imports.used)
                r->owner->idle(r->owner_self);
}

/* ---- the end -------------------------------------------------------------------------------- */

void capnp_i_rpc_shut(capnp_rpc *r, enum capnp_end end, int code, capnp_exception why)
{
        capnp_cap *broken;

        if (r->closed)
                return;

        r->closed = code;
        r->end = end;
        broken = capnp_cap_new_broken(r->vat, (capnp_exception){CAPNP_DISCONNECTED, why.reason});
        if (broken) {
                capnp_cap_unref(&r->why->cap);
                r->why = capnp_i_cap_broken(broken);
        }

        capnp_i_rpc_ref(r); /* the event's */
        capnp_i_event_queue(r->vat, &r->teardown);
        capnp_i_rpc_dirty(r);
}

bool capnp_rpc_is_closed(const capnp_rpc *r, capnp_exception *ret_why)
{
        if (r->closed && ret_why)
                *ret_why = (capnp_exception){r->why->kind, r->why->reason};

        return r->closed != 0;
}

enum capnp_end capnp_rpc_end(const capnp_rpc *r)
{
        return r->end;
}

/* ---- when to stop reading (doc/design/limits.md) -------------------------------------------- */

/* Nothing that the peer could send is waited for: there is no call of ours, and no promise of its.
 */
static bool rpc_waits_for_nothing(const capnp_rpc *r)
{
        return !r->questions.live && !r->awaited && !r->embargoes.live;
}

static bool rpc_has_too_much(const capnp_rpc *r)
{
        return r->held_for[FOR_PARAMS] > r->limits.held_bytes || r->out_notes > r->limits.out_bytes;
}

bool capnp_i_rpc_is_paused(const capnp_rpc *r)
{
        return rpc_has_too_much(r) && !r->impatient && rpc_waits_for_nothing(r);
}

uint64_t capnp_i_rpc_progress(const capnp_rpc *r)
{
        return r->progress;
}

void capnp_i_rpc_read_on(capnp_rpc *r)
{
        r->impatient = true;
        capnp_i_rpc_dirty(r);
}

void capnp_i_rpc_eased(capnp_rpc *r)
{
        if (rpc_has_too_much(r))
                return;

        r->impatient = false;
        capnp_i_rpc_dirty(r);
}

inline bool capnp_i_rpc_would_read(const capnp_rpc *r)
{
        if (r->closed)
                return false;

        if (r->out_replies <= r->limits.out_bytes && !rpc_has_too_much(r)) /* as a rule */
                return true;

        return !rpc_waits_for_nothing(r) ||
               (r->out_replies <= r->limits.out_bytes && !capnp_i_rpc_is_paused(r));
}

bool capnp_rpc_wants_input(const capnp_rpc *r)
{
        return !r->rest.b && capnp_i_rpc_would_read(r);
}

void capnp_rpc_set_trace(capnp_rpc *r, void (*fn)(void *arg, bool in, capnp_msg *m), void *arg)
{
        r->trace = fn;
        r->trace_arg = arg;
}
