/*
 * Backing off.
 *
 * Three counts: of an account from a source, of an account, of a source. The first is the one that
 * grows, so whoever guesses waits, and the owner elsewhere does not. Strangers can make the owner
 * wait for one second, and then not again before the account has been open for four: who has been
 * told to wait and does, gets in, however many fail meanwhile. Passwords and keys are counted
 * apart; only passwords have the count of an account, because nobody guesses a signature.
 *
 * The table is of a fixed size. Its keys are keyed hashes, so nobody can aim at a row. A row is
 * made by the verdict of a prover and by nothing else, so making one has a price; and what it
 * pushes out of a full set has never more failures than it has itself, so names that nobody has
 * cannot push out what was counted of real ones.
 */
#include "throttle.h"

#include <sodium.h>
#include <string.h>

_Static_assert(crypto_shorthash_KEYBYTES == 16, "the secret is siphash's");

enum { ACCOUNT_BYTES = 64, SOURCE_BYTES = 80 };

enum what { WHAT_PAIR = 'p', WHAT_ACCOUNT = 'a', WHAT_SOURCE = 's' };

void throttle_init(struct throttle *t)
{
        memset(t, 0, sizeof(*t));
        randombytes_buf(t->secret, sizeof(t->secret));
}

/* Writes as much of a text as counts; the end of what is written. */
static char *text_put(char *p, const char *s, size_t most)
{
        size_t n = strnlen(s, most);

        memcpy(p, s, n);
        return p + n;
}

static uint64_t throttle_key(const struct throttle *t, enum what what, const struct throttle_who *w)
{
        char text[3 + ACCOUNT_BYTES + SOURCE_BYTES], *p = text;
        uint64_t key;

        *p++ = (char)what;
        *p++ = (char)(what == WHAT_SOURCE ? '-' : w->kind);
        p = text_put(p, what == WHAT_SOURCE ? "" : w->account, ACCOUNT_BYTES);
        *p++ = '\n';
        p = text_put(p, what == WHAT_ACCOUNT ? "" : w->source, SOURCE_BYTES);
        crypto_shorthash((unsigned char *)&key, (const unsigned char *)text,
                         (unsigned long long)(p - text), t->secret);
        return key ? key : 1;
}

static bool row_is_old(const struct throttle_row *r, uint64_t now_ms)
{
        return now_ms - r->last_ms > THROTTLE_FORGET_MS;
}

static struct throttle_row *throttle_set(struct throttle *t, uint64_t key)
{
        return t->rows[key % THROTTLE_SETS];
}

/* The row of a key that still counts; NULL: there is none. */
static struct throttle_row *throttle_find(struct throttle *t, uint64_t key, uint64_t now_ms)
{
        struct throttle_row *set = throttle_set(t, key);

        for (unsigned i = 0; i < THROTTLE_WAYS; i++)
                if (set[i].key == key)
                        return row_is_old(&set[i], now_ms) ? NULL : &set[i];

        return NULL;
}

/* Whether a gives way before b: what is free or forgotten, then who has failed least, longest ago.
 */
static bool row_is_less(const struct throttle_row *a, const struct throttle_row *b, uint64_t now_ms)
{
        uint32_t fa = !a->key || row_is_old(a, now_ms) ? 0 : a->failures;
        uint32_t fb = !b->key || row_is_old(b, now_ms) ? 0 : b->failures;

        return fa != fb ? fa < fb : a->last_ms < b->last_ms;
}

/* A row for a first failure. NULL: all others of the set have more. */
static struct throttle_row *throttle_make(struct throttle *t, uint64_t key, uint64_t now_ms)
{
        struct throttle_row *set = throttle_set(t, key), *least = NULL;

        for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
                if (set[i].key == key) { /* forgotten, but there */
                        least = &set[i];
                        break;
                }
                if (!least || row_is_less(&set[i], least, now_ms))
                        least = &set[i];
        }
        if (least->key && least->key != key && !row_is_old(least, now_ms) && least->failures > 1)
                return NULL;

        *least = (struct throttle_row){.key = key, .last_ms = now_ms};
        return least;
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

uint32_t throttle_wait(struct throttle *t, const struct throttle_who *w, uint64_t now_ms)
{
        uint32_t wait = row_wait(throttle_find(t, throttle_key(t, WHAT_PAIR, w), now_ms), now_ms);

        if (w->kind == THROTTLE_PASSWORD)
                wait = most(wait,
                            row_wait(throttle_find(t, throttle_key(t, WHAT_ACCOUNT, w), now_ms),
                                     now_ms));
        if (!w->exempt)
                wait = most(wait,
                            row_wait(throttle_find(t, throttle_key(t, WHAT_SOURCE, w), now_ms),
                                     now_ms));
        return wait;
}

/* ---- counting ------------------------------------------------------------------------------- */

/* One more failure; from the free_failures-th on each doubles the wait. */
static void row_fail(struct throttle_row *r, uint32_t free_failures, uint64_t now_ms)
{
        uint32_t over, wait_s;

        if (r->failures < UINT32_MAX)
                r->failures++;
        r->last_ms = now_ms;
        if (r->failures < free_failures)
                return;

        over = r->failures - free_failures;
        wait_s = over < 16 ? 1u << over : THROTTLE_MOST_S;
        if (wait_s > THROTTLE_MOST_S)
                wait_s = THROTTLE_MOST_S;
        r->until_ms = now_ms + (uint64_t)wait_s * 1000;
}

/* The count of an account: closed for a second, and then open for four. */
static void row_fail_account(struct throttle_row *r, uint64_t now_ms)
{
        if (r->failures < UINT32_MAX)
                r->failures++;
        r->last_ms = now_ms;
        if (r->failures >= THROTTLE_FREE && now_ms >= r->until_ms + THROTTLE_OPEN_MS)
                r->until_ms = now_ms + THROTTLE_CLOSED_MS;
}

static struct throttle_row *throttle_row(struct throttle *t, enum what what,
                                         const struct throttle_who *w, uint64_t now_ms)
{
        uint64_t key = throttle_key(t, what, w);
        struct throttle_row *r = throttle_find(t, key, now_ms);

        return r ? r : throttle_make(t, key, now_ms);
}

/*
 * Whoever can make a prover crash would else try for nothing. It is no failure of the account as a
 * whole, which would make its owner wait elsewhere: nothing was guessed.
 */
void throttle_unjudged(struct throttle *t, const struct throttle_who *w, uint64_t now_ms)
{
        struct throttle_row *r = throttle_row(t, WHAT_PAIR, w, now_ms);

        if (r)
                row_fail(r, w->kind == THROTTLE_KEY ? THROTTLE_KEY_FREE : THROTTLE_FREE, now_ms);
        r = w->exempt ? NULL : throttle_row(t, WHAT_SOURCE, w, now_ms);
        if (r)
                row_fail(r, THROTTLE_SOURCE_FREE, now_ms);
}

void throttle_verdict(struct throttle *t, const struct throttle_who *w, bool good, uint64_t now_ms)
{
        struct throttle_row *r;

        if (good) {
                r = throttle_find(t, throttle_key(t, WHAT_PAIR, w), now_ms);
                if (r)
                        *r = (struct throttle_row){0};
                return;
        }

        throttle_unjudged(t, w, now_ms);
        r = w->kind == THROTTLE_PASSWORD ? throttle_row(t, WHAT_ACCOUNT, w, now_ms) : NULL;
        if (r)
                row_fail_account(r, now_ms);
}

void throttle_wasted(struct throttle *t, const struct throttle_who *w, uint64_t now_ms)
{
        struct throttle_row *r;

        if (w->exempt)
                return;

        r = throttle_find(t, throttle_key(t, WHAT_SOURCE, w), now_ms);
        if (r)
                row_fail(r, THROTTLE_SOURCE_FREE, now_ms);
}
