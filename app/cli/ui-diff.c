/*
 * What is new in a text, line by line. Lines are compared as wholes, and where they stand does not
 * matter: a list that was sorted anew says nothing. So the cost is that of sorting, whatever a
 * service makes of it.
 */
#include "ui-diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct line {
        const char *p;
        size_t len, left; /* left: of the first among equals, how many were not taken */
};

static int line_compare(const void *a, const void *b)
{
        const struct line *l = a, *m = b;
        size_t least = l->len < m->len ? l->len : m->len;
        int r = memcmp(l->p, m->p, least);

        return r ? r : (l->len > m->len) - (l->len < m->len);
}

static size_t lines_count(const char *text)
{
        size_t n = 0;

        for (; *text; n++) {
                text += strcspn(text, "\n");
                text += *text == '\n';
        }
        return n;
}

/* The next line of a text. */
static struct line line_take(const char **text)
{
        struct line l = {.p = *text, .len = strcspn(*text, "\n")};

        *text += l.len + ((*text)[l.len] == '\n');
        return l;
}

/* All lines, sorted, each first one of equals with their number; NULL: no memory. */
static struct line *lines_sort(const char *text, size_t n)
{
        struct line *all = calloc(n + 1, sizeof(*all));
        size_t first = 0;

        if (!all)
                return NULL;
        for (size_t i = 0; i < n; i++)
                all[i] = line_take(&text);
        qsort(all, n, sizeof(*all), line_compare);
        for (size_t i = 0; i < n; i++) {
                if (line_compare(&all[first], &all[i]) != 0)
                        first = i;
                all[first].left++;
        }
        return all;
}

/* Takes one of the lines that are equal to l. */
static bool lines_take(struct line *all, size_t n, const struct line *l)
{
        size_t low = 0, high = n;

        while (low < high) {
                size_t mid = low + (high - low) / 2;

                if (line_compare(&all[mid], l) < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        if (low == n || line_compare(&all[low], l) != 0 || !all[low].left)
                return false;
        all[low].left--;
        return true;
}

/* Tells of each line of a text that the others have no more of. */
static void lines_tell(const char *text, struct line *others, size_t n, ui_diff_fn *fn, void *arg,
                       bool is_gone)
{
        while (*text) {
                struct line l = line_take(&text);

                if (!lines_take(others, n, &l))
                        fn(arg, is_gone, l.p, l.len);
        }
}

int ui_diff(const char *before, const char *after, ui_diff_fn *fn, void *arg)
{
        size_t nold = lines_count(before), nnew = lines_count(after);
        struct line *old = lines_sort(before, nold), *new = lines_sort(after, nnew);
        int r = old && new ? 0 : -ENOMEM;

        if (!r) {
                lines_tell(before, new, nnew, fn, arg, true);
                lines_tell(after, old, nold, fn, arg, false);
        }
        free(old);
        free(new);
        return r;
}

void ui_pace_pass(struct ui_pace *p, uint64_t now_ms)
{
        uint64_t ms = now_ms > p->at_ms ? now_ms - p->at_ms : 0;
        int64_t more = ms > 3600 * 1000 ? p->at_once : (int64_t)(ms * p->a_second / 1000);

        if (!p->at_ms)
                more = p->at_once;
        if (!more)
                return;
        p->bytes += more;
        if (p->bytes > p->at_once)
                p->bytes = p->at_once;
        p->at_ms = now_ms;
}

uint32_t ui_pace_wait_ms(const struct ui_pace *p)
{
        int64_t wanted = p->at_once / 4;

        return p->bytes > 0 ? 0 : (uint32_t)((wanted - p->bytes) * 1000 / p->a_second) + 1;
}
