/*
 * Taking turns: how many of the peer's calls are let in before others have theirs.
 *
 * A peer writes thousands of calls in one go. Whoever reads them all has queued them before
 * anybody's next one, so a connection with limits.turn gives as many in a round as that, and with
 * limits.rate no more in a second. Feeding stops behind the last (rpc-feed.c); what was read beyond
 * stays as it came, in order, and nothing more is read until it is used up. So a flood costs the
 * peer time, nobody else, and no call is refused.
 *
 * The rate is a bucket that calls fill, each by a thousand, and that time empties. It holds what
 * may come in a second: so many come at once, and from then on one every 1/rate seconds.
 *
 * The core reads no clock: whoever moves its bytes says what time it is.
 */
#include "rpc-conn.h"

/* Of the bucket, a call; a second has as many milliseconds. */
enum { ONE_CALL = 1000 };

void capnp_i_turn_limits(capnp_rpc *r)
{
        if (!r->rate.limit)
                r->calls_counted = r->calls_in;
        r->rate.limit = (uint64_t)r->limits.rate * ONE_CALL;
        if (!capnp_i_rpc_takes_turns(r))
                r->calls_stop = UINT64_MAX;
}

/* Counts the calls that have come, then lets the time pass. */
static void turn_pass(capnp_rpc *r, uint64_t now_ms)
{
        uint64_t passed_ms = now_ms - r->rate_ms, used;

        capnp_i_quota_take(&r->rate, (r->calls_in - r->calls_counted) * ONE_CALL);
        r->calls_counted = r->calls_in;
        r->rate_ms = now_ms;
        used = r->rate.used;
        /* Behind a long time there is nothing left, and no product to overflow. */
        capnp_i_quota_give(&r->rate, passed_ms > used || passed_ms * r->limits.rate > used
                                             ? used
                                             : passed_ms * r->limits.rate);
}

/* What is in the bucket, with what has come since the turn began. */
static uint64_t turn_used(const capnp_rpc *r)
{
        return r->rate.used + (r->calls_in - r->calls_counted) * ONE_CALL;
}

/* How many calls it has room for. */
static uint64_t turn_room(const capnp_rpc *r)
{
        uint64_t used = turn_used(r);

        if (!r->limits.rate)
                return UINT64_MAX;

        return used < r->rate.limit ? (r->rate.limit - used) / ONE_CALL : 0;
}

uint32_t capnp_i_turn_used(const capnp_rpc *r)
{
        return r->limits.rate ? (uint32_t)((turn_used(r) + ONE_CALL - 1) / ONE_CALL) : 0;
}

uint32_t capnp_i_turn_most(const capnp_rpc *r)
{
        uint64_t most = r->rate.most > turn_used(r) ? r->rate.most : turn_used(r);

        return r->limits.rate ? (uint32_t)((most + ONE_CALL - 1) / ONE_CALL) : 0;
}

bool capnp_i_rpc_takes_turns(const capnp_rpc *r)
{
        return r->limits.turn || r->limits.rate || r->rest.b;
}

bool capnp_i_rpc_has_rate(const capnp_rpc *r)
{
        return r->limits.rate > 0;
}

int capnp_i_rpc_turn(capnp_rpc *r, uint64_t now_ms)
{
        uint64_t room, turn = r->limits.turn ? r->limits.turn : UINT64_MAX;

        if (r->limits.rate)
                turn_pass(r, now_ms);
        room = turn_room(r);
        if (turn < room)
                room = turn;
        r->calls_stop = room < UINT64_MAX - r->calls_in ? r->calls_in + room : UINT64_MAX;
        return r->rest.b && capnp_i_rpc_would_read(r) ? capnp_i_feed_rest(r) : 0;
}

enum capnp_i_stall capnp_i_rpc_stall(const capnp_rpc *r)
{
        if (!r->rest.b || r->closed)
                return CAPNP_I_GOES_ON;
        if (!capnp_i_rpc_would_read(r))
                return CAPNP_I_IS_FULL;

        return turn_room(r) ? CAPNP_I_HAS_TURN : CAPNP_I_WAITS;
}
