/*
 * What all generators do: claim names, write functions and words.
 *
 * Every name of a header passes through gen_claim(), so two declarations that arrive at one C name
 * are reported to the author of the schema and not found by a C compiler later. C++ puts tags and
 * types in one space, C does not; a header serves both, so a type takes its tag along. A function
 * may share its name with a tag in both languages, and does: `enum foo_which foo_which(foo_reader
 * r)`.
 */
#include "gen.h"

#include <inttypes.h>
#include <stdarg.h>

static void claim(struct gen *g, const char *key, const char *name)
{
        const char *other = names_claim(&g->names, g->mem, key, g->decl);

        if (other)
                request_report(
                        g->q, g->file, g->decl,
                        "its C name %s is taken by %s; give one of them another with $C.name", name,
                        *other ? other : "the file");
}

void gen_claim(struct gen *g, const char *name)
{
        claim(g, name, name);
}

void gen_claim_tag(struct gen *g, const char *name)
{
        claim(g, mem_fmt(g->mem, "tag %s", name), name);
}

void gen_claim_type(struct gen *g, const char *name)
{
        gen_claim(g, name);
        gen_claim_tag(g, name);
}

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

static void write_words(struct out *o, struct flat words)
{
        for (uint32_t i = 0; i < words.n; i++)
                out_f(o, "%sUINT64_C(0x%016" PRIx64 "),%s", i % 4 ? " " : "        ", words.w[i],
                      i % 4 == 3 || i + 1 == words.n ? "\n" : "");
        out_f(o, "};\n");
}

void gen_words(struct gen *g, const char *name, struct flat words)
{
        gen_claim(g, name);
        out_f(&g->h, "extern const uint64_t %s[%" PRIu32 "];\n", name, words.n);
        out_f(&g->c, "\nconst uint64_t %s[%" PRIu32 "] = {\n", name, words.n);
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
