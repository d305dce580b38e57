/*
 * What `capos shell` asks for while somebody types: schemas of the instance, commands and choices
 * of services.
 *
 * Whoever types must not wait for any of them, and a service may be stuck. So what is known is
 * answered at once, the rest is asked for in the background, and when it has come the line is told
 * (shell.on_news). There are a few answers, of which the one that was not looked at for
 * longest makes room, so no service can have us hold more; a question that nobody waits for any
 * more goes with its place.
 *
 * Tab alone asks a service. What is typed asks the instance for a schema, which changes nothing and
 * tells the service nothing, and not again when that has failed.
 */
#include "command.capnp-c.h"
#include "shell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How long Tab waits for one answer, of three at most: it is not seen. How old an answer may be
 * that is not asked for again. */
enum { SOON_MS = 15, OLD_MS = 2000 };

static void ask_news(struct shell *s)
{
        if (s->asks.lacking)
                s->asks.lacking--;
        if (s->on_news)
                s->on_news(s);
        capnp_vat_stop(s->c->vat);
}

/* ---- capabilities of the bundle ---------------------------------------------------------------
 */

void shell_held_drop(struct shell *s)
{
        for (unsigned i = 0; i < SHELL_HELD; i++)
                s->held[i] = capnp_cap_unref(s->held[i]);
}

capnp_cap *shell_cap_get(struct shell *s, const struct capos_cap_entry *e)
{
        struct capos_cap_entry found;
        uint32_t at = 0;

        while (capos_client_entry(s->c->client, at, &found) && strcmp(found.name, e->name) != 0)
                at++;
        if (at >= SHELL_HELD)
                return capos_client_get(s->c->client, e->name, e->interface);
        if (!s->held[at])
                s->held[at] = capos_client_get(s->c->client, e->name, e->interface);
        return capnp_cap_ref(s->held[at]);
}

/* ---- schemas --------------------------------------------------------------------------------- */

static void schemas_go(struct shell *s);

static bool schema_is_in(const uint64_t *list, unsigned n, uint64_t interface)
{
        for (unsigned i = 0; i < n; i++)
                if (list[i] == interface)
                        return true;
        return false;
}

static bool schema_is_there(const struct shell *s, uint64_t interface)
{
        return capnp_schema_find(capos_client_schema_peek(s->c->client), interface);
}

static void schema_forget_failure(struct shell_asks *a, uint64_t interface)
{
        for (unsigned i = 0; i < a->nfailed; i++)
                if (a->failed[i] == interface)
                        a->failed[i--] = a->failed[--a->nfailed];
}

static void schema_on_done(capos_client *c, int r, void *arg)
{
        struct shell *s = arg;
        struct shell_asks *a = &s->asks;
        uint64_t interface = a->wanted[0];

        a->running = false;
        a->nwanted--;
        memmove(a->wanted, a->wanted + 1, a->nwanted * sizeof(a->wanted[0]));
        if (r || !schema_is_there(s, interface)) {
                a->why = *capos_client_error_peek(c);
                if (a->nfailed == SHELL_WANTED)
                        memmove(a->failed, a->failed + 1, --a->nfailed * sizeof(a->failed[0]));
                a->failed[a->nfailed++] = interface;
        }
        schemas_go(s);
        ask_news(s);
}

/* One after the other: the client has one operation at a time. */
static void schemas_go(struct shell *s)
{
        struct shell_asks *a = &s->asks;

        if (!a->nwanted || a->running)
                return;
        a->running = true;
        if (capos_client_fetch_schema(s->c->client, a->wanted[0], schema_on_done, s)) {
                a->running = false;
                a->nwanted = 0; /* who needs it says so */
        }
}

static void schema_want(struct shell *s, uint64_t interface)
{
        struct shell_asks *a = &s->asks;

        schema_forget_failure(a, interface);
        if (!schema_is_in(a->wanted, a->nwanted, interface) && a->nwanted < SHELL_WANTED)
                a->wanted[a->nwanted++] = interface;
        schemas_go(s);
}

bool shell_schema_has(struct shell *s, uint64_t interface)
{
        struct shell_asks *a = &s->asks;

        if (schema_is_there(s, interface))
                return true;
        if (a->how == SHELL_ASKS ||
            (a->how == SHELL_HINTS && !schema_is_in(a->failed, a->nfailed, interface)))
                schema_want(s, interface);
        a->lacking += schema_is_in(a->wanted, a->nwanted, interface);
        return false;
}

int shell_schema_need(struct shell *s, uint64_t interface, const char *name)
{
        struct shell_asks *a = &s->asks;

        if (schema_is_there(s, interface))
                return EXIT_OK;
        schema_want(s, interface);
        while (schema_is_in(a->wanted, a->nwanted, interface) && !s->interrupted && !s->ending)
                if (capnp_vat_run(s->c->vat))
                        break;
        if (schema_is_there(s, interface))
                return EXIT_OK;
        if (schema_is_in(a->failed, a->nfailed, interface))
                return cli_fail_error(s->c, &a->why, name);
        if (s->interrupted || s->ending)
                return cli_fail(s->c, EXIT_FAILED, "canceled", "%s: canceled", name);
        return cli_fail_code(s->c, -ENOMEM, name);
}

/* ---- answers of services --------------------------------------------------------------------- */

static void answer_drop(struct shell_answer *w)
{
        capnp_question_free(w->asked);
        capnp_question_free(w->had);
        *w = (struct shell_answer){.s = NULL};
}

static void answer_on_return(capnp_question *q, int r, void *arg)
{
        struct shell_answer *w = arg;

        w->asked = NULL;
        (void)capnp_any_words(capnp_question_response_any(q), NULL);
        if (r || capnp_question_check(q)) {
                capnp_question_free(q);
        } else {
                capnp_question_free(w->had);
                w->had = q;
                w->had_ms = cli_now_ms();
        }
        ask_news(w->s);
}

/* The place of an answer: the one that it has, an empty one, or that of the oldest. */
static struct shell_answer *answer_place(struct shell *s, const char *key)
{
        struct shell_answer *best = &s->asks.answers[0];

        for (unsigned i = 0; i < SHELL_ANSWERS; i++) {
                struct shell_answer *w = &s->asks.answers[i];

                if (w->s && !strcmp(w->key, key))
                        return w;
                if (w->used < best->used)
                        best = w;
        }
        answer_drop(best);
        best->s = s;
        (void)snprintf(best->key, sizeof(best->key), "%s", key);
        return best;
}

/* Looks at an answer; whether it is to be asked for. */
static bool answer_is_due(struct shell *s, struct shell_answer *w)
{
        uint64_t now_ms = cli_now_ms();
        bool is_old = now_ms < w->had_ms || now_ms - w->had_ms > OLD_MS;

        w->used = ++s->asks.uses;
        return s->asks.how == SHELL_ASKS && !w->asked && (!w->had || is_old);
}

/* Sends a question, NULL: there is none to be sent. The last answer. */
static capnp_question *answer_ask(struct shell_answer *w, capnp_question *q)
{
        if (q) {
                w->asked = q;
                capnp_question_send(q, answer_on_return, w);
        }
        w->s->asks.lacking += !w->had && w->asked;
        return w->had;
}

capnp_question *shell_ask_commands(struct shell *s, const struct capos_cap_entry *e)
{
        struct shell_answer *w = answer_place(s, e->name);
        capnp_cap *cap = answer_is_due(s, w) ? shell_cap_get(s, e) : NULL;
        capnp_question *q = cap ? command_surface_commands((command_surface_client){cap}) : NULL;

        capnp_cap_unref(cap);
        return answer_ask(w, q);
}

capnp_question *shell_ask_choices(struct shell *s, const struct capos_cap_entry *e,
                                  const char *command, const char *path, const char *prefix)
{
        char key[SHELL_KEY];
        int n = snprintf(key, sizeof(key), "%s\n%s\n%s\n%s", e->name, command, path, prefix);
        struct shell_answer *w;
        capnp_question *q = NULL;
        capnp_cap *cap;

        if (n < 0 || (size_t)n >= sizeof(key))
                return NULL;
        w = answer_place(s, key);
        cap = answer_is_due(s, w) ? shell_cap_get(s, e) : NULL;
        if (cap)
                q = command_surface_complete((command_surface_client){cap});
        capnp_cap_unref(cap);
        if (q) {
                command_surface_complete_set_command(q, command);
                command_surface_complete_set_path(q, path);
                command_surface_complete_set_prefix(q, prefix);
        }
        return answer_ask(w, q);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_on_time(void *arg)
{
        struct shell *s = arg;

        s->c->late = true;
        capnp_vat_stop(s->c->vat);
}

bool shell_asks_wait(struct shell *s)
{
        unsigned lacking = s->asks.lacking;
        capnp_timer *t = NULL;

        s->c->late = false;
        if (capnp_timer_new(s->c->vat, SOON_MS, wait_on_time, s, &t))
                return false;
        while (s->asks.lacking == lacking && !s->interrupted && !s->ending && !s->c->late)
                if (capnp_vat_run(s->c->vat))
                        break;
        if (!s->c->late)
                capnp_timer_free(t);
        s->c->late = false;
        return s->asks.lacking != lacking;
}

void shell_asks_drop(struct shell *s)
{
        for (unsigned i = 0; i < SHELL_ANSWERS; i++)
                answer_drop(&s->asks.answers[i]);
        s->asks.lacking = 0;
        s->asks.nfailed = 0;
}
