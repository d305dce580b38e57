/* A ledger: who has how much of what there is. */
#ifndef CAPOS_DAEMON_LEDGER_H
#define CAPOS_DAEMON_LEDGER_H

#include "base-list.h"

#include <capos/capnp-base.h>
#include <stdbool.h>
#include <stdint.h>

struct ledger_owner;

/* Something that is counted. */
struct ledger {
        struct capnp_i_list pools;
        uint64_t used; /* of all pools … */
        uint64_t most; /* … at most so far */
};

/* What somebody holds of it; zeroed: nothing. It may be copied, if only one copy is given back. */
struct ledger_hold {
        struct ledger *of;
        struct ledger_owner *owner;
        uint64_t n;
};

enum { LEDGER_SHARES = 0 }; /* of_one: as many as daemon-share.h says */

/* What is asked for. Limits are the asker's to know: they may be others at the next time. */
struct ledger_ask {
        const char *group, *pool, *owner; /* a pool is one of its group's; copied */
        uint64_t n;
        uint64_t all;    /* how much there may be in all pools of the group, … */
        uint64_t limit;  /* … in this one, … */
        uint64_t of_one; /* … and of the owner's in it */
        /* What is given back as soon as this is there, and does not count: ledger_replace(). */
        struct {
                uint64_t ledger, all, pool, own;
                uint32_t users; /* others who have nothing in the pool then */
        } spare;
};

/* Where there is no room. */
enum ledger_full { LEDGER_FULL_OWNER = 1, LEDGER_FULL_POOL, LEDGER_FULL_ALL };

void ledger_init(struct ledger *l);
/* Whether nobody has anything, as it must be at the end. */
bool ledger_is_empty(const struct ledger *l);

/* Whether h is of the group in which something is asked for. */
bool ledger_is_of(const struct ledger_hold *h, const struct ledger_ask *q);
/* h will be given back for what is asked for. */
void ledger_replace(struct ledger_ask *q, const struct ledger *l, const struct ledger_hold *h);
/* 0: there is room; enum ledger_full, looked at in this order. Nothing is changed. */
int ledger_judge(const struct ledger *l, const struct ledger_ask *q);
/* Reserves. 0: *ret_h, to be given back; enum ledger_full, as above; -ENOMEM. */
int ledger_take(struct ledger *l, const struct ledger_ask *q,
                struct ledger_hold *ret_h) CAPNP_MUST_USE;
/* It holds n from now on, whatever the limits are: what is there cannot be refused. */
void ledger_set(struct ledger_hold *h, uint64_t n);
/* Gives it back; afterwards it holds nothing. */
void ledger_give(struct ledger_hold *h);

/* What is in use of a pool. */
uint64_t ledger_used(const struct ledger *l, const char *group, const char *pool);

#endif
