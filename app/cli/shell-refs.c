/*
 * What a person of `capos shell` holds by name: `$m = chat.join channel=#lobby`.
 *
 * A name stands for the results of a call, from the moment that it was sent: `$m.membership` is a
 * reference in them, and a call on it is sent at once, before there are any (pipelining). Or it
 * stands for one reference: `$c = chat`. What a name stands for is let go when the name is given
 * anew, by `.drop`, and at the end; the instance releases what nobody holds any more.
 *
 * The last results that were not named are `$_`.
 */
#include "cli-near.h"
#include "shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BASE_INTERFACE = 17 };

struct shell_ref *shell_ref_find(const struct shell *s, const char *name, size_t len)
{
        for (unsigned i = 0; i < s->nrefs; i++)
                if (strlen(s->refs[i]->name) == len && !strncmp(s->refs[i]->name, name, len))
                        return s->refs[i];
        return NULL;
}

void shell_ref_drop(struct shell *s, struct shell_ref *r)
{
        for (unsigned i = 0; i < s->nrefs; i++)
                if (s->refs[i] == r) {
                        memmove(&s->refs[i], &s->refs[i + 1],
                                (s->nrefs - i - 1) * sizeof(*s->refs));
                        s->nrefs--;
                        break;
                }
        capnp_question_free(r->q);
        capnp_cap_unref(r->cap);
        free(r);
}

void shell_refs_drop_all(struct shell *s)
{
        while (s->nrefs > 0)
                shell_ref_drop(s, s->refs[s->nrefs - 1]);
}

struct shell_ref *shell_ref_new(struct shell *s, const char *name, size_t len)
{
        struct shell_ref *old = shell_ref_find(s, name, len), *r;

        if (old)
                shell_ref_drop(s, old);
        if (len >= SHELL_NAME || s->nrefs == SHELL_REFS) {
                (void)cli_fail(s->c, EXIT_USAGE, "usage",
                               len >= SHELL_NAME ? "$%.*s: a name has at most %u letters"
                                                 : "$%.*s: there are %u names, which is the most: "
                                                   ".drop one",
                               (int)(len < 80 ? len : 80), name,
                               len >= SHELL_NAME ? SHELL_NAME - 1 : SHELL_REFS);
                return NULL;
        }

        r = calloc(1, sizeof(*r));
        if (!r) {
                (void)cli_fail_code(s->c, -ENOMEM, NULL);
                return NULL;
        }
        r->shell = s;
        memcpy(r->name, name, len);
        s->refs[s->nrefs++] = r;
        return r;
}

/* The reference that stands for the results of a call: the only one at their top. false: there are
 * none, or several. */
static bool only_reference(const struct shell *s, uint64_t results, const char **ret_field)
{
        const capnp_decl *d = capnp_schema_find(capos_client_schema_peek(s->c->client), results);
        struct capnp_field_info f;
        unsigned n = 0;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                if (f.base_type == BASE_INTERFACE && !f.lists) {
                        *ret_field = f.name;
                        n++;
                }
        return n == 1;
}

/* ---- targets --------------------------------------------------------------------------------- */

/* A reference in what a name stands for; path "": the only one. false: there is none. */
static bool ref_follow(const struct shell_ref *r, const char *path, struct shell_target *t)
{
        const capnp_schema *schema = capos_client_schema_peek(r->shell->c->client);
        capnp_cap *cap = r->cap;

        if (!r->q) {
                t->interface = r->interface;
                t->cap = capnp_cap_ref(cap);
                (void)snprintf(t->from, sizeof(t->from), "%s", r->from);
                return !*path;
        }
        if (!*path && !only_reference(r->shell, r->m.results, &path))
                return false;
        if (capnp_dynamic_cap_peek(schema, &r->m, r->q, path, &cap, &t->interface))
                return false;
        t->cap = capnp_cap_ref(cap);
        return true;
}

static int ref_fail(struct shell *s, const struct shell_ref *r, const char *text)
{
        const capnp_schema *schema = capos_client_schema_peek(s->c->client);
        const capnp_decl *d = r->q ? capnp_schema_find(schema, r->m.results) : NULL;
        char names[400] = "";
        struct capnp_field_info f;
        size_t used = 0;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                if (f.base_type == BASE_INTERFACE && !f.lists && used < sizeof(names))
                        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s$%s.%s",
                                                 used ? ", " : "", r->name, f.name);
        return cli_fail(s->c, EXIT_USAGE, "usage", "%s: $%s has no such reference%s%s", text,
                        r->name, *names ? "; it has: " : "", names);
}

/* `$m`, `$m.membership`, `$m.membership.send` */
static int target_of_ref(struct shell *s, const char *text, struct shell_target *t)
{
        size_t len = shell_name_length(text + 1);
        const struct shell_ref *r = shell_ref_find(s, text + 1, len);
        const char *path = text + 1 + len, *last;
        char before[256] = "";

        if (!r)
                return cli_fail(s->c, EXIT_USAGE, "unknown-reference",
                                "$%.*s: nothing has this name (`.refs` lists what has)", (int)len,
                                text + 1);
        if (*path && *path != '.')
                return cli_fail(s->c, EXIT_USAGE, "usage", "%s: is no name", text);
        path += *path == '.';
        t->method = "";
        if (ref_follow(r, path, t))
                return EXIT_OK;
        shell_target_deinit(t);

        /* All but the last name leads to the reference, which is a method of it. */
        last = strrchr(path, '.');
        if (last && (size_t)(last - path) < sizeof(before))
                memcpy(before, path, (size_t)(last - path));
        if (!*path || !ref_follow(r, before, t))
                return ref_fail(s, r, text);
        t->method = last ? last + 1 : path;
        return EXIT_OK;
}

static int cap_unknown(struct shell *s, const char *text)
{
        char word[64], hint[128], dot[128];
        struct cli_near near = {.word = word};
        struct capos_cap_entry e;

        (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(text, "."), text);
        if (*shell_dot_text(s, text, dot, sizeof(dot)))
                return cli_fail(s->c, EXIT_DENIED, "denied.unknown-name",
                                "%s: the session has no such capability%s", word, dot);
        for (uint32_t i = 0; capos_client_entry(s->c->client, i, &e); i++)
                cli_near_try(&near, e.name);
        return cli_fail(s->c, EXIT_DENIED, "denied.unknown-name",
                        "%s: the session has no such capability%s; `.caps` lists what it has, "
                        "`.help` what else there is",
                        word, cli_near_text(&near, hint, sizeof(hint)));
}

/* `chat`, `chat.join`: the longest name that fits, for a name may have dots. */
static int target_of_cap(struct shell *s, const char *text, struct shell_target *t)
{
        struct capos_cap_entry e, found = {.name = NULL};
        size_t len = 0;
        int r;

        for (uint32_t i = 0; capos_client_entry(s->c->client, i, &e); i++) {
                size_t n = strlen(e.name);

                if (n > len && !strncmp(text, e.name, n) && (!text[n] || text[n] == '.')) {
                        found = e;
                        len = n;
                }
        }
        if (!len)
                return cap_unknown(s, text);
        t->interface = found.interface;
        if (s->asks.how != SHELL_NEEDS) {
                t->method = text[len] ? text + len + 1 : "";
                return shell_schema_has(s, found.interface) ? EXIT_OK : EXIT_FAILED;
        }
        r = shell_schema_need(s, found.interface, found.name);
        if (r)
                return r;

        t->method = text[len] ? text + len + 1 : "";
        if (len < sizeof(t->from))
                (void)snprintf(t->from, sizeof(t->from), "%s", found.name);
        t->cap = shell_cap_get(s, &found);
        return t->cap ? EXIT_OK : cli_fail_code(s->c, -ENOMEM, NULL);
}

int shell_target_find(struct shell *s, const char *text, struct shell_target *ret_t)
{
        int r;

        *ret_t = (struct shell_target){.method = ""};
        r = *text == '$' ? target_of_ref(s, text, ret_t) : target_of_cap(s, text, ret_t);
        if (r)
                return r;
        (void)snprintf(ret_t->name, sizeof(ret_t->name), "%.*s",
                       (int)(*ret_t->method ? (size_t)(ret_t->method - text) - 1 : strlen(text)),
                       text);
        if (strchr(ret_t->method, '.')) {
                shell_target_deinit(ret_t);
                if (strstr(text, ".."))
                        return cli_fail(s->c, EXIT_USAGE, "usage", "%s: one dot is enough", text);
                return cli_fail(
                        s->c, EXIT_USAGE, "usage",
                        "%s: what a call returns has to have a name first: $x = %.*s …, "
                        "then $x.…",
                        text, (int)(ret_t->method - text + (ptrdiff_t)strcspn(ret_t->method, ".")),
                        text);
        }
        return EXIT_OK;
}

void shell_target_deinit(struct shell_target *t)
{
        t->cap = capnp_cap_unref(t->cap);
}
