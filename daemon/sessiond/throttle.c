/*
 * Backing off.
 *
 * Three counts: of an account from a source, of an account, of a source. The first is the one that
 * grows, so whoever guesses waits, and the owner elsewhere does not: strangers can make the owner
 * wait one second. Loopback is no source of its own: all users of the machine share it.
 *
 * The table is of a fixed size. Its keys are keyed hashes, so nobody can aim at a row; a full set
 * gives up the row that was used longest ago. An attacker with very many addresses can so forget
 * his own failures, but not sooner than he could have waited.
 */
#include "throttle.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the secret is siphash's");

enum what { WHAT_PAIR = 'p', WHAT_ACCOUNT = 'a', WHAT_SOURCE = 's' };

void throttle_init(struct throttle *t)
{
        memset(t, 0, sizeof(*t));
        randombytes_buf(t->secret, sizeof(t->secret));
}

bool throttle_is_loopback(const char *source)
{
        return !strncmp(source, "127.", 4) || !strcmp(source, "[::1]") || !*source ||
               !strncmp(source, "unix", 4);
}

static uint64_t throttle_key(const struct throttle *t, enum what what, const char *a, const char *b)
{
        char text[256];
        uint64_t key;
        int n = snprintf(text, sizeof(text), "%c%.64s\n%.64s", what, a, b);

        crypto_shorthash((unsigned char *)&key, (const unsigned char *)text, (unsigned long long)n,
                         t->secret);
        return key ? key : 1;
}

static void row_age(struct throttle_row *r, uint64_t now_ms)
{
        if (r->failures && now_ms - r->last_ms > THROTTLE_FORGET_MS)
                r->failures = 0;
}

/* The row of a key; with make the oldest of its set gives way. NULL: there is none. */
static struct throttle_row *throttle_row(struct throttle *t, uint64_t key, bool make,
                                         uint64_t now_ms)
{
        struct throttle_row *set = t->rows[key % THROTTLE_SETS], *oldest = set;

        for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
                if (set[i].key == key) {
                        row_age(&set[i], now_ms);
                        return &set[i];
                }
                if (set[i].last_ms < oldest->last_ms)
                        oldest = &set[i];
        }
        if (!make)
                return NULL;

        *oldest = (struct throttle_row){.key = key, .last_ms = now_ms};
        return oldest;
}

static uint32_t row_wait(const struct throttle_row *r, uint64_t now_ms)
{
        if (!r || r->until_ms <= now_ms)
                return 0;

        return (uint32_t)((r->until_ms - now_ms + 999) / 1000);
}

static uint32_t most(uint32_t a, uint32_t b)
{
        return a > b ? a : b;
}

uint32_t throttle_begin(struct throttle *t, const char *account, const char *source,
                        uint64_t now_ms)
{
        uint64_t pair_key = throttle_key(t, WHAT_PAIR, account, source);
        struct throttle_row *pair = throttle_row(t, pair_key, false, now_ms);
        uint32_t wait = row_wait(pair, now_ms);

        wait = most(wait, row_wait(throttle_row(t, throttle_key(t, WHAT_ACCOUNT, account, ""),
                                                false, now_ms),
                                   now_ms));
        if (!throttle_is_loopback(source))
                wait = most(wait, row_wait(throttle_row(t, throttle_key(t, WHAT_SOURCE, source, ""),
                                                        false, now_ms),
                                           now_ms));
        if (!wait && pair && pair->pending >= THROTTLE_PENDING)
                wait = 1;
        if (wait)
                return wait;

        pair = throttle_row(t, pair_key, true, now_ms);
        pair->pending++;
        pair->last_ms = now_ms;
        return 0;
}

static void row_fail(struct throttle_row *r, uint32_t free_failures, uint32_t most_s,
                     uint64_t now_ms)
{
        uint32_t over, wait_s;

        r->failures++;
        r->last_ms = now_ms;
        if (r->failures < free_failures)
                return;

        over = r->failures - free_failures;
        wait_s = over < 16 ? 1u << over : most_s;
        if (wait_s > most_s)
                wait_s = most_s;
        r->until_ms = now_ms + (uint64_t)wait_s * 1000;
}

void throttle_end(struct throttle *t, const char *account, const char *source,
                  enum throttle_outcome outcome, uint64_t now_ms)
{
        struct throttle_row *pair =
                throttle_row(t, throttle_key(t, WHAT_PAIR, account, source), true, now_ms);

        if (pair->pending)
                pair->pending--;
        if (outcome == THROTTLE_GOOD) {
                pair->failures = 0;
                pair->until_ms = 0;
        }
        if (outcome != THROTTLE_BAD)
                return;

        row_fail(pair, THROTTLE_FREE, THROTTLE_MOST_S, now_ms);
        row_fail(throttle_row(t, throttle_key(t, WHAT_ACCOUNT, account, ""), true, now_ms),
                 THROTTLE_FREE, 1, now_ms);
        if (!throttle_is_loopback(source))
                row_fail(throttle_row(t, throttle_key(t, WHAT_SOURCE, source, ""), true, now_ms),
                         THROTTLE_SOURCE_FREE, THROTTLE_MOST_S, now_ms);
}
