/*
 * The C names of a header: who has which, and who gives way.
 *
 * Every finished name of a header is claimed before it is written: functions, types, tags, macros,
 * constants. Taken from the start are the names of C, of C++, of their libraries, of ours, and of
 * the headers that this one includes.
 *
 * Of two that want one name, a shortcut gives way to anything and a list's type to anything but a
 * shortcut; then what is nested deeper, because more people know what stands outside; then a member
 * before a declaration; then what comes later. What an author or a map has named by hand gives way
 * only to what has no author here. So the outcome depends on the schema alone, and no clash stops
 * anybody from using it.
 */
#include "taken.h"

#include "reserved.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct taken_entry {
        const char *name;
        struct unit by;
};

/* ---- the table ------------------------------------------------------------------------------- */

static uint32_t hash(const char *s)
{
        uint32_t h = 2166136261u;

        for (; *s; s++)
                h = (h ^ (unsigned char)*s) * 16777619u;
        return h;
}

/* The entry with this name, or the free one where it belongs. */
static struct taken_entry *entry_of(const struct taken *t, const char *name)
{
        uint32_t i = hash(name);

        while (t->v[i & (t->room - 1)].name && strcmp(t->v[i & (t->room - 1)].name, name) != 0)
                i++;
        return &t->v[i & (t->room - 1)];
}

static void taken_grow(struct taken *t)
{
        struct taken bigger = {.n = t->n, .room = t->room ? 2 * t->room : 256};

        bigger.v = calloc(bigger.room, sizeof(*bigger.v));
        if (!bigger.v) {
                fputs("capnpc-c: out of memory\n", stderr);
                exit(1);
        }
        for (uint32_t i = 0; i < t->room; i++)
                if (t->v[i].name)
                        *entry_of(&bigger, t->v[i].name) = t->v[i];
        free(t->v);
        *t = bigger;
}

struct unit *taken_claim(struct taken *t, struct mem *m, const char *name, struct unit by)
{
        struct taken_entry *e;

        if (2 * t->n >= t->room)
                taken_grow(t);

        e = entry_of(t, name);
        if (e->name)
                return &e->by;

        e->name = mem_fmt(m, "%s", name);
        e->by = by;
        t->n++;
        return NULL;
}

struct unit *taken_find(const struct taken *t, const char *name)
{
        struct taken_entry *e = t->room ? entry_of(t, name) : NULL;

        return e && e->name ? &e->by : NULL;
}

void taken_deinit(struct taken *t)
{
        free(t->v);
        *t = (struct taken){0};
}

/* ---- who gives way --------------------------------------------------------------------------- */

static struct part *unit_part(const struct unit *u)
{
        return u->kind == UNIT_MEMBER ? &u->n->members[u->i] : &u->n->part;
}

unsigned unit_rank(const struct unit *u)
{
        switch (u->kind) {
        case UNIT_TAKEN:
                return 0;
        case UNIT_NODE:
                return 2 * u->n->depth;
        case UNIT_MEMBER:
                return 2 * u->n->depth + 1;
        case UNIT_LIST:
        case UNIT_SHORT:
                break;
        }

        return 1u << 16 | u->kind;
}

static bool is_given(const struct unit *u)
{
        return (u->kind == UNIT_NODE || u->kind == UNIT_MEMBER) && unit_part(u)->given;
}

const struct unit *unit_loser(const struct unit *first, const struct unit *second)
{
        if (second->kind == UNIT_TAKEN)
                return first->kind == UNIT_TAKEN ? NULL : first;
        if (first->kind == UNIT_TAKEN || is_given(first) != is_given(second))
                return is_given(second) && first->kind != UNIT_TAKEN ? first : second;

        return unit_rank(first) > unit_rank(second) ? first : second;
}

void unit_rename(const struct unit *u, const char *name, const char *by)
{
        struct part *part;

        if (u->kind == UNIT_LIST) {
                u->n->list_form++;
                return;
        }

        part = unit_part(u);
        part->form++;
        if (!part->clash) {
                part->clash = name;
                part->clasher = by;
        }
}

/* ---- names that nobody may have -------------------------------------------------------------- */

/* Words between spaces, taken as they are and, of types, as tags. */
static void reserve(struct taken *t, struct mem *m, const char *words, bool types,
                    const char *whose)
{
        struct unit by = {.kind = UNIT_TAKEN, .decl = whose};

        while (*words) {
                size_t n = strcspn(words, " ");
                const char *word = mem_dup(m, words, n);

                (void)taken_claim(t, m, word, by);
                if (types)
                        (void)taken_claim(t, m, mem_fmt(m, "tag %s", word), by);
                words += n + strspn(words + n, " ");
        }
}

void taken_reserve(struct taken *t, struct mem *m)
{
        reserve(t, m, reserved_keywords, true, "C or C++");
        reserve(t, m, reserved_types, true, "the C library");
        reserve(t, m, reserved_macros, true, "the C library");
        reserve(t, m, reserved_functions, false, "the C library");
        reserve(t, m, reserved_capos, true, "the library of generated code");
}
