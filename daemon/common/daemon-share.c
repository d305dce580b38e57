/*
 * Shares.
 *
 * Who comes to a pool may be one of two or of two hundred, and nobody knows how many come after
 * him. So what he may have depends on what is left and on how many there are: of what the others
 * have not taken, one part of as many as there are and one more, for whoever comes next. That is
 * how the D-Bus broker divides what its users share. Whoever comes late finds less, and still
 * something: the first has a half at most, the next a third of the rest, and so on.
 *
 * By itself that rule wastes what is little, and is hard on those who come from one place. Three
 * things soften it, and none of them takes from what a late comer finds in the worst case, but
 * where the pool is a handful:
 *
 * - Who has nothing gets what he asks for, while it is there: a part of a few is nothing at all.
 * - Who is alone has a few in a pool however small, all of it maybe: nobody is there to lose.
 * - Up to a half nobody is asked whose it is, for the first alone might have had it.
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

/* With n more it has no more than a few times n. */
static bool share_is_little(uint64_t own, uint64_t n)
{
        uint64_t few;

        return __builtin_mul_overflow(n, (uint64_t)SHARE_ALONE - 1, &few) || own <= few;
}

bool share_has(const struct share *s, uint64_t n)
{
        uint64_t half = s->limit / 2;

        if (s->used > s->limit || n > s->limit - s->used)
                return false;
        if (!n || !s->own || (s->used <= half && n <= half - s->used))
                return true;
        if (s->own == s->used && share_is_little(s->own, n))
                return true;

        return share_is_fair(s, s->limit - s->used, n);
}
