/* Dates that end a session, however long its lease is. */
#ifndef SESSIOND_DATES_H
#define SESSIOND_DATES_H

#include <stdint.h>

/* Why, for its client. */
#define REVOKED_EXPIRED "revoked: the account has expired"

#define DATES_MOST_MS UINT64_C(253402300799000) /* the end of the year 9999 */

/* Wall time; 0: there is none. */
struct dates {
        uint64_t made_ms;    /* what made it is over */
        uint64_t renewed_ms; /* what has renewed it last is */
        uint64_t raised_ms;  /* what has raised it last is */
        uint64_t account_ms; /* its account is */
        const char *over;    /* what its client is told at the first of them, if the lease ends by
                                it; NULL: what is said of any. Static */
};

/* What is left of ms at the first of them; if that is less, d->over is why. now_ms: wall time. What
 * is told of the end is this reading and what is left, and no later one: it is on time then. */
uint64_t dates_bound(struct dates *d, uint64_t now_ms, uint64_t ms);

#endif
