/* Failures are counted here, and make later attempts wait (doc/protocol/admission.md, Refusals). */
#ifndef SESSIOND_THROTTLE_H
#define SESSIOND_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
        THROTTLE_SETS = 512,
        THROTTLE_WAYS = 8,
        THROTTLE_FREE = 3,         /* failures of an account from a source before it waits */
        THROTTLE_SOURCE_FREE = 20, /* of a source, whatever the accounts */
        THROTTLE_MOST_S = 60,
        THROTTLE_FORGET_MS = 600000,
        THROTTLE_PENDING = 16, /* attempts of an account from a source at once */
};

enum throttle_outcome { THROTTLE_BAD, THROTTLE_GOOD, THROTTLE_NEITHER };

struct throttle_row {
        uint64_t key; /* 0: free */
        uint64_t last_ms, until_ms;
        uint32_t failures, pending;
};

struct throttle {
        uint8_t secret[16];
        struct throttle_row rows[THROTTLE_SETS][THROTTLE_WAYS];
};

void throttle_init(struct throttle *t);

/* Asks before an attempt. 0: go on, and say later how it ended; else: seconds to wait. */
uint32_t throttle_begin(struct throttle *t, const char *account, const char *source,
                        uint64_t now_ms);
/* Says how an attempt ended that throttle_begin() let go on. */
void throttle_end(struct throttle *t, const char *account, const char *source,
                  enum throttle_outcome outcome, uint64_t now_ms);
/* Whether an address (without its port) is the machine's own. */
bool throttle_is_loopback(const char *source);

#endif
