/*
 * Shares.
 *
 * Who comes to a pool may be one of two or of two hundred, and nobody knows how many come after
 * him. So what he may have depends on what is left and on how many there are: of what the others
 * have not taken, one part of as many as there are and one more, for whoever comes next. That is
 * how the D-Bus broker divides what its users share. Whoever comes late finds less, and still
 * something: the first has a half at most, the next a third of the rest, and so on.
 *
 * By itself that rule wastes what is little, and is hard on those who come from one place. Two
 * things soften it, and neither takes from what a late comer finds in the worst case, but where the
 * pool is a handful:
 *
 * - Who has nothing gets what he asks for, while it is there: a part of a few is nothing at all.
 * - Up to a half nobody is asked whose it is, for the first alone might have had it.
 *
 * Nobody has more than a half, be he alone and the pool small. What would be his while nobody else
 * is there would not be given back when somebody comes.
 */
#include "daemon-share.h"

/* The rule: (own + n) <= (left + own) / (users + 1), without dividing. */
static bool share_is_fair(const struct share *s, uint64_t left, uint64_t n)
{
        uint64_t wanted;

        if (__builtin_add_overflow(s->own, n, &wanted) ||
            __builtin_mul_overflow(wanted, (uint64_t)s->users + 1, &wanted))
                return false;

        return wanted - s->own <= left;
}

bool share_has(const struct share *s, uint64_t n)
{
        uint64_t half = s->limit / 2;

        if (s->used > s->limit || n > s->limit - s->used)
                return false;
        if (!n || !s->own || (s->used <= half && n <= half - s->used))
                return true;
        return share_is_fair(s, s->limit - s->used, n);
}
