/*
 * Dates: an account expires, a certificate or a key does. They are wall time, as people have set
 * them, while leases are timers on a clock that nobody sets.
 */
#include "dates.h"

#include <stddef.h>

/* What is left of ms at a date that may come before. */
static uint64_t date_bound(struct dates *d, uint64_t date_ms, uint64_t now_ms, uint64_t ms,
                           const char *why)
{
        uint64_t left = date_ms > now_ms ? date_ms - now_ms : 0;

        if (!date_ms || left >= ms)
                return ms;

        d->over = why;
        return left;
}

uint64_t dates_bound(struct dates *d, uint64_t now_ms, uint64_t ms)
{
        ms = date_bound(d, d->made_ms, now_ms, ms, NULL);
        ms = date_bound(d, d->renewed_ms, now_ms, ms, NULL);
        ms = date_bound(d, d->raised_ms, now_ms, ms, NULL);
        return date_bound(d, d->account_ms, now_ms, ms, REVOKED_EXPIRED);
}
