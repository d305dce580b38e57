/* Failures are counted here, and make later attempts wait (doc/protocol/admission.md, Refusals). */
#ifndef SESSIOND_THROTTLE_H
#define SESSIOND_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
        THROTTLE_SETS = 512,
        THROTTLE_WAYS = 8,
        THROTTLE_FREE = 3,         /* passwords of an account from a source, before it waits */
        THROTTLE_KEY_FREE = 20,    /* signatures, likewise: nobody guesses one */
        THROTTLE_SOURCE_FREE = 20, /* of a source, whatever the accounts */
        THROTTLE_MOST_S = 60,
        THROTTLE_FORGET_MS = 600000,
        THROTTLE_CLOSED_MS = 1000, /* what strangers can make an account wait … */
        THROTTLE_OPEN_MS = 4000,   /* … and how long it is open then, whatever they do */
};

/* What is proved. A failure of one kind never delays the other. */
enum throttle_kind { THROTTLE_PASSWORD = 'p', THROTTLE_KEY = 'k' };

/* Who tries what. Both texts are borrowed. */
struct throttle_who {
        enum throttle_kind kind;
        const char *account;
        const char *source; /* NULL-terminated text that is equal for equal sources */
        bool exempt;        /* the source alone is not counted: many users share it */
};

struct throttle_row {
        uint64_t key; /* 0: free */
        uint64_t last_ms, until_ms;
        uint32_t failures;
};

struct throttle {
        uint8_t secret[16];
        struct throttle_row rows[THROTTLE_SETS][THROTTLE_WAYS];
};

void throttle_init(struct throttle *t);

/* Asks before an attempt, which changes nothing. 0: go on; else: seconds to wait. */
uint32_t throttle_wait(struct throttle *t, const struct throttle_who *w, uint64_t now_ms);
/* A proof was checked. */
void throttle_verdict(struct throttle *t, const struct throttle_who *w, bool good, uint64_t now_ms);
/* A prover got it, and gave no verdict: costs who tried, there, and nobody else. */
void throttle_unjudged(struct throttle *t, const struct throttle_who *w, uint64_t now_ms);
/* An attempt was refused for want of room, or given up before it was checked: costs its source. */
void throttle_wasted(struct throttle *t, const struct throttle_who *w, uint64_t now_ms);

#endif
