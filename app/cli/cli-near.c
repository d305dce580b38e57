/*
 * Did you mean …? Every "no such" of the command asks here. Names are compared by the number of
 * letters that would have to be added, taken out, changed, or swapped with their neighbour. A name
 * is near when at most a third of its letters are wrong; or when it begins with what was typed,
 * which is how somebody writes who knows the name and is tired.
 */
#include "cli-near.h"

#include <stdio.h>
#include <string.h>

enum { LETTERS = 48, FAR = 1000 };

static unsigned least(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
        unsigned row[3][LETTERS + 1];

        for (unsigned j = 0; j <= nb; j++)
                row[0][j] = j;
        for (size_t i = 1; i <= na; i++) {
                unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

                now[0] = (unsigned)i;
                for (size_t j = 1; j <= nb; j++) {
                        now[j] = least(least(last[j], now[j - 1]) + 1,
                                       last[j - 1] + (a[i - 1] != b[j - 1]));
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                now[j] = least(now[j], before[j - 2] + 1);
                }
        }
        return row[na % 3][nb];
}

/* How many bytes of whole words two names have in common at their beginning. */
static size_t words_shared(const char *a, const char *b)
{
        size_t shared = 0;

        for (size_t i = 0; a[i] && a[i] == b[i]; i++)
                if (a[i] == ' ')
                        shared = i + 1;
        return shared;
}

void cli_near_try(struct cli_near *n, const char *name)
{
        size_t shared = words_shared(n->word, name);
        const char *word = n->word + shared, *rest = name + shared;
        size_t typed = strlen(word), len = strlen(rest);
        unsigned changes = FAR;

        if (!typed || !len || typed > LETTERS || len > LETTERS)
                return;
        if (typed >= 2 && !strncmp(rest, word, typed))
                changes = 1;
        else
                changes = distance(word, typed, rest, len);
        if (!changes || changes > (len < 3 ? 1 : len / 3) || (n->name[0] && changes > n->changes))
                return;
        (void)snprintf(n->name, sizeof(n->name), "%s", name);
        n->changes = changes;
}

const char *cli_near_text(const struct cli_near *n, char *to, size_t room)
{
        to[0] = 0;
        if (n->name[0])
                (void)snprintf(to, room, " (did you mean `%s`?)", n->name);
        return to;
}
