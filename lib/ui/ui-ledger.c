/*
 * Two kinds of limits. What is held (surfaces, bytes, commands, events) is reserved and given back,
 * in the surface's account, its service's ledger and the sum of all at once, or in none. What is
 * done (patches, bytes of patches) runs through a bucket: it fills as time passes, up to a burst,
 * and who finds it empty is told to wait; being told costs no token.
 *
 * The pace is asked before a patch is looked at, because looking is what it costs.
 */
#include "ui-ledger.h"

#include <string.h>

enum { MILLI = 1000, TRAFFIC_BURST_S = 2 };

const struct ui_limits ui_limits_default = {
        .surfaces = 16,
        .patches_per_second = 20,
        .patch_burst = 40,
        .patch_bytes = 65536,
        .bytes_per_second = 262144,
        .surface_bytes = 1 << 20,
        .bytes = 4 << 20,
        .commands = 64,
        .events = 256,
};

void ui_sum_init(struct ui_sum *s, uint32_t surfaces, uint64_t bytes)
{
        *s = (struct ui_sum){.surfaces = {.limit = surfaces}, .bytes = {.limit = bytes}};
}

void ui_ledger_init(struct ui_ledger *l, struct ui_sum *s, const struct ui_limits *limits,
                    uint64_t now_ms)
{
        *l = (struct ui_ledger){.limits = limits ? *limits : ui_limits_default, .sum = s};
        l->surfaces.limit = l->limits.surfaces;
        l->bytes.limit = l->limits.bytes;
        l->patches = (struct ui_bucket){(uint64_t)l->limits.patch_burst * MILLI, now_ms};
        l->traffic = (struct ui_bucket){
                (uint64_t)l->limits.bytes_per_second * TRAFFIC_BURST_S * MILLI, now_ms};
}

bool ui_ledger_is_zero(const struct ui_ledger *l)
{
        return !l->surfaces.used && !l->bytes.used;
}

/* Takes n out of what has come together; false: it is not there. A clock that went back is one
 * that stands. */
static bool bucket_take(struct ui_bucket *b, uint64_t n, uint64_t per_second, uint64_t burst,
                        uint64_t now_ms)
{
        uint64_t full = burst * MILLI;
        uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;

        if (per_second && passed > full / per_second)
                b->tokens = full;
        else
                b->tokens += passed * per_second;
        if (b->tokens > full)
                b->tokens = full;
        if (passed)
                b->at_ms = now_ms;

        if (n * MILLI > b->tokens)
                return false;

        b->tokens -= n * MILLI;
        return true;
}

int ui_ledger_patch(struct ui_ledger *l, uint64_t now_ms, struct ui_refused *ret_why)
{
        if (bucket_take(&l->patches, 1, l->limits.patches_per_second, l->limits.patch_burst,
                        now_ms))
                return 0;

        return ui_over_quota(ret_why, "patches", "more than %u patches a second",
                             l->limits.patches_per_second);
}

int ui_ledger_traffic(struct ui_ledger *l, uint64_t bytes, uint64_t now_ms,
                      struct ui_refused *ret_why)
{
        uint64_t rate = l->limits.bytes_per_second;

        if (bucket_take(&l->traffic, bytes, rate, rate * TRAFFIC_BURST_S, now_ms))
                return 0;

        return ui_over_quota(ret_why, "traffic", "more than %u bytes of patches a second",
                             l->limits.bytes_per_second);
}

int ui_account_open(struct ui_account *a, struct ui_ledger *l, struct ui_refused *ret_why)
{
        if (!capnp_i_quota_has(&l->surfaces, 1))
                return ui_over_quota(ret_why, "surfaces", "more than %u surfaces of one service",
                                     l->limits.surfaces);
        if (!capnp_i_quota_has(&l->sum->surfaces, 1))
                return ui_over_quota(ret_why, "surfaces", "more than %u surfaces in all",
                                     (unsigned)l->sum->surfaces.limit);

        capnp_i_quota_take(&l->surfaces, 1);
        capnp_i_quota_take(&l->sum->surfaces, 1);
        *a = (struct ui_account){.ledger = l};
        return 0;
}

void ui_account_close(struct ui_account *a)
{
        struct ui_ledger *l = a->ledger;

        if (!l)
                return;

        capnp_i_quota_give(&l->surfaces, 1);
        capnp_i_quota_give(&l->sum->surfaces, 1);
        capnp_i_quota_give(&l->bytes, a->bytes);
        capnp_i_quota_give(&l->sum->bytes, a->bytes);
        *a = (struct ui_account){0};
}

int ui_account_hold(struct ui_account *a, uint64_t bytes, uint32_t commands,
                    struct ui_refused *ret_why)
{
        struct ui_ledger *l = a->ledger;
        uint64_t more = bytes > a->bytes ? bytes - a->bytes : 0;

        if (commands > a->commands && commands > l->limits.commands)
                return ui_over_quota(ret_why, "commands", "more than %u commands of a surface",
                                     l->limits.commands);
        if (more && bytes > l->limits.surface_bytes)
                return ui_over_quota(ret_why, "bytes", "more than %u bytes of a surface",
                                     l->limits.surface_bytes);
        if (more && !capnp_i_quota_has(&l->bytes, more))
                return ui_over_quota(ret_why, "bytes", "more than %u bytes of a service's surfaces",
                                     l->limits.bytes);
        if (more && !capnp_i_quota_has(&l->sum->bytes, more))
                return ui_over_quota(ret_why, "bytes", "more than %u bytes of all surfaces",
                                     (unsigned)l->sum->bytes.limit);

        capnp_i_quota_give(&l->bytes, a->bytes);
        capnp_i_quota_give(&l->sum->bytes, a->bytes);
        capnp_i_quota_take(&l->bytes, bytes);
        capnp_i_quota_take(&l->sum->bytes, bytes);
        a->bytes = bytes;
        a->commands = commands;
        return 0;
}

bool ui_account_event(struct ui_account *a)
{
        if (a->events >= a->ledger->limits.events)
                return false;

        a->events++;
        return true;
}

void ui_account_events_gone(struct ui_account *a, uint32_t n)
{
        assert(n <= a->events);
        a->events -= n;
}
