/*
 * What all generators do: claim names, write functions and words.
 *
 * Every name of a header passes through gen_claim(). C++ puts tags and types in one space, C does
 * not; a header serves both, so a type takes its tag along. A function may share its name with a
 * tag in both languages, and does: `enum foo_which foo_which(foo_reader r)`.
 *
 * What two declarations want, only one can have; who gives way is said in taken.c. A header is
 * therefore written again and again until it is written without a clash: what has lost has another
 * form of its name the next time, and what hangs on that name follows by itself. Of several losers
 * only the ones that matter most are renamed at a time, because with a struct's name the clashes of
 * all its fields may go. Shortcuts look at the names of the time before and take a free one.
 */
#include "gen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* One that gives way, and to whom. */
struct clash {
        struct unit loser;
        const char *name;
        const char *by;
};

/* A shortcut that has given way, and how many more of its declaration have. */
struct note {
        struct note *next;
        const char *decl;
        const char *wanted;
        const char *by;
        const char *got;
        unsigned more;
};

/* ISO C99, translation limits: longer literals are not portable. */
enum { LITERAL_MAX = 4095 };

/* ---- at work --------------------------------------------------------------------------------- */

void gen_at_member(struct gen *g, struct node *n, uint32_t i)
{
        g->unit = (struct unit){UNIT_MEMBER, n, i, n->path};
}

void gen_at(struct gen *g, struct node *n)
{
        if (n->owner)
                gen_at_member(g, n->owner, n->owner_member);
        else
                g->unit = (struct unit){UNIT_NODE, n, 0, NULL};
        g->unit.decl = *n->path ? n->path : "the file";
}

void gen_at_list(struct gen *g, struct node *n)
{
        g->unit = (struct unit){UNIT_LIST, n, 0, n->path};
}

/* ---- names ----------------------------------------------------------------------------------- */

static void add_clash(struct gen *g, const struct unit *loser, const char *name, const char *by)
{
        if (g->nclashes == g->clashes_room) {
                g->clashes_room = g->clashes_room ? 2 * g->clashes_room : 64;
                g->clashes = realloc(g->clashes, g->clashes_room * sizeof(*g->clashes));
                if (!g->clashes) {
                        fputs("capnpc-c: out of memory\n", stderr);
                        exit(1);
                }
        }

        g->clashes[g->nclashes++] = (struct clash){*loser, name, by};
}

void gen_claim_key(struct gen *g, const char *key, const char *name)
{
        struct unit *first = taken_find(&g->reserved, key);
        const struct unit *loser;

        if (!first)
                first = taken_claim(&g->taken, g->mem, key, g->unit);
        if (!first)
                return;

        loser = unit_loser(first, &g->unit);
        if (!loser)
                return;

        /* A shortcut goes by what it knew, and knows better the next time. */
        add_clash(g, loser, name, loser == first ? g->unit.decl : first->decl);
        if (loser == first)
                *first = g->unit;
}

void gen_claim(struct gen *g, const char *name)
{
        gen_claim_key(g, name, name);
}

void gen_claim_tag(struct gen *g, const char *name)
{
        gen_claim_key(g, mem_fmt(g->mem, "tag %s", name), name);
}

void gen_claim_type(struct gen *g, const char *name)
{
        gen_claim(g, name);
        gen_claim_tag(g, name);
}

/* Who has a name: in this header so far, or when it was written before. */
static const struct unit *who_has(const struct gen *g, const char *name)
{
        const struct unit *now = taken_find(&g->taken, name), *then = taken_find(&g->before, name);
        const struct unit *ever = taken_find(&g->reserved, name);

        return ever ? ever : now ? now : then && then->kind != UNIT_SHORT ? then : NULL;
}

bool gen_has(const struct gen *g, const char *name)
{
        return who_has(g, name);
}

void gen_begin(struct gen *g)
{
        taken_deinit(&g->before);
        g->before = g->taken;
        g->taken = (struct taken){0};
        g->nclashes = 0;
        g->notes = NULL;
        out_deinit(&g->h);
        out_deinit(&g->c);
        if (!g->reserved.n)
                taken_reserve(&g->reserved, g->mem);
}

static bool same_unit(const struct unit *a, const struct unit *b)
{
        return a->kind == b->kind && a->n == b->n && a->i == b->i;
}

bool gen_settle(struct gen *g)
{
        unsigned least = UINT32_MAX;

        for (uint32_t i = 0; i < g->nclashes; i++)
                if (unit_rank(&g->clashes[i].loser) < least)
                        least = unit_rank(&g->clashes[i].loser);

        for (uint32_t i = 0; i < g->nclashes; i++) {
                const struct clash *c = &g->clashes[i];
                bool seen = unit_rank(&c->loser) != least || c->loser.kind == UNIT_SHORT;

                for (uint32_t k = 0; k < i && !seen; k++)
                        seen = same_unit(&g->clashes[k].loser, &c->loser);
                if (!seen)
                        unit_rename(&c->loser, c->name, c->by);
        }

        return g->nclashes;
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* The name with its part `from` replaced, in the case that it has; NULL when it is not in it. */
static const char *replaced(struct gen *g, const char *name, const char *from, const char *to)
{
        const char *at = strstr(name, from);

        if (!at) {
                from = name_upper(g->mem, from);
                to = name_upper(g->mem, to);
                at = strstr(name, from);
        }
        if (!at)
                return NULL;

        return mem_fmt(g->mem, "%.*s%s%s", (int)(at - name), name, to, at + strlen(from));
}

static void tell(struct gen *g, const char *decl, const struct part *part, const char *from,
                 const char *to)
{
        const char *now = part->clash ? replaced(g, part->clash, from, to) : NULL;

        if (!part->form || !part->clash)
                return;
        if (now)
                request_note(g->file, decl, "its C name %s is taken by %s; it is called %s",
                             part->clash, part->clasher, now);
        else
                request_note(g->file, decl,
                             "its C name %s is taken by %s; in its names %s has become %s",
                             part->clash, part->clasher, from, to);
}

static void tell_node(struct gen *g, struct node *n)
{
        struct mem *m = g->mem;

        /* A group goes by its field. */
        if (!n->owner)
                tell(g, n->path, &n->part,
                     mem_fmt(m, "%.*s%s", (int)(strlen(n->name) - strlen(n->part.name)), n->name,
                             n->part.plain),
                     n->name);
        for (uint32_t i = 0; i < n->nmembers; i++) {
                const struct part *part = &n->members[i];

                tell(g, mem_fmt(m, "%s.%s", n->path, part->said), part,
                     name_join(m, n->name, part->plain), name_join(m, n->name, part->name));
        }
}

void gen_tell(struct gen *g)
{
        struct note *all = NULL;

        for (struct node *n = g->file->next; n; n = n->next)
                tell_node(g, n);

        while (g->notes) {
                struct note *note = g->notes;

                g->notes = note->next;
                note->next = all;
                all = note;
        }
        for (struct note *n = all; n; n = n->next) {
                const char *more = n->more ? mem_fmt(g->mem, " (and %u more)", n->more) : "";

                request_note(g->file, n->decl,
                             "the C name %s is taken by %s; the shortcut is called %s%s", n->wanted,
                             n->by, n->got, more);
        }
}

void gen_deinit(struct gen *g)
{
        out_deinit(&g->h);
        out_deinit(&g->c);
        taken_deinit(&g->taken);
        taken_deinit(&g->before);
        taken_deinit(&g->reserved);
        free(g->clashes);
        g->clashes = NULL;
}

/* ---- functions ------------------------------------------------------------------------------- */

const char *gen_spaced(struct gen *g, const char *type)
{
        return mem_fmt(g->mem, "%s%s", type, type[strlen(type) - 1] == '*' ? "" : " ");
}

void gen_fn(struct gen *g, const char *ret, const char *name, const char *params, const char *fmt,
            ...)
{
        va_list args;

        gen_claim(g, name);
        out_f(&g->h, "static inline %s%s(%s) { ", gen_spaced(g, ret), name, params);
        va_start(args, fmt);
        out_v(&g->h, fmt, args);
        va_end(args);
        out_f(&g->h, " }\n");
}

/* A free name for a shortcut: base_rest, base__rest, base__rest2, .... */
static const char *free_name(struct gen *g, const char *base, const char *rest)
{
        const char *name = name_join(g->mem, base, rest);

        for (unsigned k = 1; gen_has(g, name); k++) {
                name = mem_fmt(g->mem, "%s__%s", base, rest);
                if (k > 1)
                        name = mem_fmt(g->mem, "%s%u", name, k);
        }

        return name;
}

/* One note for all that a declaration's shortcuts had to give up. */
static void add_note(struct gen *g, const char *wanted, const char *got)
{
        const struct unit *by = who_has(g, wanted);
        struct note *note = g->notes;

        if (note && !strcmp(note->decl, g->unit.decl)) {
                note->more++;
                return;
        }

        note = mem_alloc(g->mem, sizeof(*note));
        *note = (struct note){g->notes, g->unit.decl, wanted, by ? by->decl : "?", got, 0};
        g->notes = note;
}

void gen_short(struct gen *g, const struct shortcut *s, const char *fmt, ...)
{
        const char *name = free_name(g, s->base, s->rest);
        const char *wanted = name_join(g->mem, s->base, s->rest);
        struct unit unit = g->unit;
        va_list args;

        if (strcmp(name, wanted) != 0)
                add_note(g, wanted, name);

        g->unit.kind = UNIT_SHORT;
        gen_claim(g, name);
        g->unit = unit;
        out_f(&g->h, "static inline %s%s(%s) { ", gen_spaced(g, s->ret), name, s->params);
        va_start(args, fmt);
        out_v(&g->h, fmt, args);
        va_end(args);
        out_f(&g->h, " }\n");
}

/* ---- words ----------------------------------------------------------------------------------- */

static void write_words(struct out *o, struct flat words)
{
        for (uint32_t i = 0; i < words.n; i++)
                out_f(o, "%sUINT64_C(0x%016" PRIx64 "),%s", i % 4 ? " " : "        ", words.w[i],
                      i % 4 == 3 || i + 1 == words.n ? "\n" : "");
        out_f(o, "};\n");
}

void gen_words(struct gen *g, const char *name, struct flat words)
{
        out_f(&g->h, "extern const uint64_t %s[%" PRIu32 "];\n", name, words.n);
        out_f(&g->c, "\nCAPNP_SHARED const uint64_t %s[%" PRIu32 "] = {\n", name, words.n);
        write_words(&g->c, words);
}

void gen_static_words(struct gen *g, const char *name, struct flat words)
{
        out_f(&g->c, "\nstatic const uint64_t %s[%" PRIu32 "] = {\n", name, words.n);
        write_words(&g->c, words);
}

const char *gen_literal(struct gen *g, const char *s, uint32_t len)
{
        struct out o = {0};
        char *copy;

        out_literal(&o, s, len);
        copy = mem_dup(g->mem, o.s, o.len);
        out_deinit(&o);
        return copy;
}

const char *gen_bytes(struct gen *g, const char *name, const char *s, uint32_t len)
{
        if (len <= LITERAL_MAX)
                return gen_literal(g, s, len);

        return mem_fmt(g->mem, "((const char *)%s)", name);
}

struct flat gen_bytes_words(struct gen *g, const char *s, uint32_t len)
{
        uint32_t n = len / 8 + 1;
        uint64_t *words;

        if (len <= LITERAL_MAX)
                return (struct flat){NULL, 0};

        words = mem_alloc(g->mem, (size_t)n * 8);
        memcpy(words, s, len);
        return (struct flat){words, n};
}
