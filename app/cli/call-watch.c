/*
 * Listeners of `capos call --watch`.
 *
 * A method that tells of something later takes a reference to call. What interface that is, the
 * schema says, so an object of it can be served here, and whatever is called on it is printed. It
 * is answered at once, with nothing: who waits for us to have printed it may go on.
 *
 * It ends when the other side has let go of the last listener: a service does so that has no more
 * to tell, and so does everything between us and it when the capability is taken back or the
 * session ends. Which of these it was, is asked then; the line to the instance may have dropped,
 * too (back.c), and what is done about that is the caller's. Ctrl-C ends the process, and with it
 * its connection.
 */
#include "call-watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 16 * 1024 * 1024, TYPE_INTERFACE_BASE = 17, NO_METHOD = UINT16_MAX };

/* ---- what comes --------------------------------------------------------------------------- */

static void event_print(const struct watch_listener *l, const struct capnp_method_info *m,
                        const struct capnp_buf *params)
{
        char first[600];

        if (l->w->c->json) {
                printf("{\"listener\":\"%s\",\"method\":\"%s\",\"params\":", l->param, m->name);
                cli_print_json_text(params->p, params->len);
                printf("}\n");
        } else {
                (void)snprintf(first, sizeof(first), "%s%s%s ", l->w->n > 1 ? l->param : "",
                               l->w->n > 1 ? "." : "", m->name);
                cli_print_line(stdout, first, params->p, params->len, cli_columns(stdout));
        }
        /* Who does not read any more has seen enough. */
        if (cli_finish(l->w->c, EXIT_OK)) {
                l->w->over = true;
                capnp_vat_stop(l->w->c->vat);
        }
}

static int on_call(void *self, const struct capnp_method_info *m, capnp_answer *a)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = EVENT_BYTES};
        const struct watch_listener *l = self;
        const capnp_schema *s;
        int r;

        if (!l->w->c)
                return capnp_answer_fail(a, CAPNP_FAILED, "nobody listens");
        s = capos_client_schema_peek(l->w->c->client);
        r = capnp_dynamic_params(s, m, a, NULL, &b);
        if (r)
                return capnp_answer_fail(a, CAPNP_FAILED, "parameters: %s", capnp_strerror(r));
        event_print(l, m, &b);
        if (capnp_dynamic_answer(s, m, a, (capnp_text){NULL, 0}, NULL, NULL))
                return capnp_answer_fail(a, CAPNP_FAILED, "no results");
        return capnp_answer_return(a);
}

static void on_gone(void *self)
{
        struct watch *w = ((struct watch_listener *)self)->w;

        w->living--;
        if (w->living)
                return;
        if (w->c)
                capnp_vat_stop(w->c->vat);
        else
                free(w);
}

static void on_closed(capnp_conn *conn, void *arg)
{
        struct watch *w = arg;

        (void)conn;
        w->closed = true;
        capnp_vat_stop(w->c->vat);
}

/* ---- before the call ---------------------------------------------------------------------- */

/* Adds a member to the text of an object, behind the others: what was typed keeps its place. */
static bool params_add(char **params, bool is_first, const char *name, unsigned n)
{
        char *end = strrchr(*params, '}'), *more;
        size_t len, room;

        if (!end)
                return false;
        len = (size_t)(end - *params);
        room = len + strlen(name) + 40;
        more = malloc(room);
        if (!more)
                return false;
        (void)snprintf(more, room, "%.*s%s\"%s\":{\"$cap\":%u}}", (int)len, *params,
                       is_first ? "" : ",", name, n);
        free(*params);
        *params = more;
        return true;
}

static int listener_add(struct watch *w, const struct capnp_field_info *f)
{
        static const struct capnp_dynamic_ops ops = {.call = on_call, .gone = on_gone};
        const capnp_schema *s = capos_client_schema_peek(w->c->client);
        struct watch_listener *l = &w->l[w->n];
        int r;

        if (w->n == WATCH_MAX)
                return cli_fail(w->c, EXIT_USAGE, "usage", "more than %d listeners", WATCH_MAX);
        l->w = w;
        (void)snprintf(l->param, sizeof(l->param), "%s", f->name);
        r = capnp_dynamic_serve(w->c->vat, s, f->type, &ops, l, &l->cap);
        if (r)
                return cli_fail_code(w->c, r, f->name);
        w->n++;
        w->living++;
        return EXIT_OK;
}

/* A listener for each that has none. An exit code. */
static int listeners_add(struct watch *w, struct cli *c, const struct capnp_method_info *m,
                         char **params)
{
        const capnp_decl *d = capnp_schema_find(capos_client_schema_peek(c->client), m->params);
        json_t *o = json_loads(*params, 0, NULL);
        struct capnp_field_info f;
        size_t given = json_object_size(o);
        int r = EXIT_OK;

        for (uint32_t i = 0; json_is_object(o) && !r && d && !capnp_decl_field(d, i, &f); i++) {
                if (f.base_type != TYPE_INTERFACE_BASE || f.lists || !f.type ||
                    json_object_get(o, f.name))
                        continue;
                r = listener_add(w, &f);
                if (!r && !params_add(params, !given && w->n == 1, f.name, w->n - 1))
                        r = cli_fail_code(c, -ENOMEM, NULL);
        }
        if (!r && json_is_object(o) && !w->n)
                r = cli_fail(c, EXIT_USAGE, "usage",
                             "%s: it takes no listener that has no value: there is nothing to "
                             "watch",
                             m->name);
        json_decref(o);
        return r;
}

int watch_new(struct back *back, const struct capnp_method_info *m, char **params,
              struct watch **ret_w)
{
        struct watch *w = calloc(1, sizeof(*w));

        if (!w)
                return cli_fail_code(back->c, -ENOMEM, NULL);

        w->c = back->c;
        w->back = back;
        w->drops = back->drops;
        *ret_w = w;
        return listeners_add(w, w->c, m, params);
}

/* The last listener frees it when there are some yet. */
struct watch *watch_free(struct watch *w)
{
        if (!w)
                return NULL;

        for (unsigned i = 0; i < w->n; i++)
                w->l[i].cap = capnp_cap_unref(w->l[i].cap);
        w->c = NULL;
        if (!w->living)
                free(w);
        return NULL;
}

capnp_cap *watch_find(void *arg, uint32_t n)
{
        const struct watch *w = arg;

        return n < w->n ? w->l[n].cap : NULL;
}

/* ---- after it ----------------------------------------------------------------------------- */

bool watch_has_dropped(const struct watch *w, const capnp_question *q)
{
        struct capos_error why;

        (void)capos_error_of_question(q, &why);
        return why.kind == CAPNP_DISCONNECTED && !why.denial && back_has_dropped(w->back, w->drops);
}

/* Everybody has let go: has the service no more to tell, or have we nothing more to hear? That is
 * asked by a call of a method that no interface has: the capability must refuse it, and says so if
 * it is no more. */
static int watch_why(struct watch *w, const char *cap)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *again = NULL;
        struct capos_cap_entry e = {.interface = 0};
        struct capos_error why;
        int r;

        if (w->over)
                return EXIT_OK;
        (void)capos_client_find(w->c->client, cap, &e);
        again = capos_client_get(w->c->client, cap, e.interface);
        q = capnp_question_new_any(w->c->vat, again, e.interface, NO_METHOD);
        r = w->closed ? CAPNP_E_DISCONNECTED : cli_wait(w->c, q, CLI_ANSWER_MS);
        if (!r)
                return EXIT_OK;
        if (watch_has_dropped(w, q))
                return WATCH_DROPPED;
        (void)capos_error_of_question(q, &why);
        if (r == CAPNP_E_DISCONNECTED || why.denial == CAPOS_DENIED_STALE_SESSION)
                return cli_fail(w->c, EXIT_NO_CONNECTION, "denied.stale-session",
                                "%s: the session has ended", cap);
        if (why.denial == CAPOS_DENIED_REVOKED_LEASE || why.kind == CAPNP_DISCONNECTED)
                return cli_fail_error(w->c, &why, cap);
        return EXIT_OK;
}

int watch_run(struct watch *w, const char *cap)
{
        int r = 0;

        /* From now on only the other side holds them. */
        for (unsigned i = 0; i < w->n; i++)
                w->l[i].cap = capnp_cap_unref(w->l[i].cap);
        capnp_conn_on_close(w->c->conn, on_closed, w);
        while (!r && w->living && !w->over && !w->closed)
                r = capnp_vat_run(w->c->vat);
        capnp_conn_on_close(w->c->conn, NULL, NULL);
        return r ? cli_fail_code(w->c, r, NULL) : watch_why(w, cap);
}
