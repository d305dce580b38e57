/*
 * A line that drops under `capos shell` (back.c). What was got of the session before is dead then:
 * references that somebody has named are gone, and he is told which; what is a capability of the
 * bundle is taken anew, under its name. Data that has come stays.
 *
 * Nothing is called again. Whether a call has happened that was under way when the line dropped,
 * nobody knows, and so it is said.
 */
#include "shell.h"

#include <stdio.h>
#include <string.h>

enum { BASE_INTERFACE = 17 };

/* Names that a sentence ends with: `$m, $n`. */
struct names {
        char text[SHELL_REFS * (SHELL_NAME + 3)];
        size_t len;
};

static void names_add(struct names *n, const char *name)
{
        size_t room = sizeof(n->text) - n->len;
        int len = snprintf(n->text + n->len, room, "%s$%s", n->len ? ", " : "", name);

        n->len += len > 0 && (size_t)len < room ? (size_t)len : 0;
}

static void say(struct shell *s, const char *code, const char *text, const struct names *n)
{
        shell_input_hide(s->input);
        back_say(s->c, code, text, n->text);
        shell_input_show(s->input);
}

/* ---- what is gone ---------------------------------------------------------------------------- */

static bool ref_has_references(const struct shell *s, const struct shell_ref *r)
{
        const capnp_decl *d =
                capnp_schema_find(capos_client_schema_peek(s->c->client), r->m.results);
        struct capnp_field_info f;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                if (f.base_type == BASE_INTERFACE)
                        return true;
        return false;
}

/* What has not returned fails by itself, and is told then. */
static bool ref_is_gone(const struct shell *s, const struct shell_ref *r)
{
        if (!r->q)
                return !*r->from;
        return capnp_question_is_done(r->q) && !capnp_question_result(r->q) &&
               ref_has_references(s, r);
}

static void on_lost(void *arg)
{
        struct shell *s = arg;
        struct names gone = {.len = 0};

        shell_held_drop(s);
        shell_asks_drop(s);
        for (unsigned i = 0; i < s->nrefs;) {
                struct shell_ref *r = s->refs[i];

                if (!ref_is_gone(s, r)) {
                        i++;
                        continue;
                }
                names_add(&gone, r->name);
                shell_ref_drop(s, r);
        }
        say(s, "dropped",
            gone.len ? "the line to the instance has dropped, and is being made again. Gone "
                       "with it: "
                     : "the line to the instance has dropped, and is being made again.",
            &gone);
}

/* Takes anew what was named. What the session has no more is gone. */
static void on_back(void *arg)
{
        struct shell *s = arg;
        struct names taken = {.len = 0}, gone = {.len = 0};
        struct capos_cap_entry e;

        for (unsigned i = 0; i < s->nrefs;) {
                struct shell_ref *r = s->refs[i];

                if (!*r->from) {
                        i++;
                        continue;
                }
                r->cap = capnp_cap_unref(r->cap);
                if (capos_client_find(s->c->client, r->from, &e))
                        r->cap = shell_cap_get(s, &e);
                names_add(r->cap ? &taken : &gone, r->name);
                if (r->cap)
                        i++;
                else
                        shell_ref_drop(s, r);
        }
        say(s, "back",
            taken.len ? "the line is there again. Taken anew: " : "the line is there again.",
            &taken);
        if (gone.len)
                say(s, "gone", "the session has no more what these were: ", &gone);
}

void shell_back_begin(struct shell *s)
{
        s->back = (struct back){.c = s->c, .on_lost = on_lost, .on_back = on_back, .arg = s};
        back_begin(&s->back);
}
