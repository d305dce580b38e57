/*
 * Calling any method of any capability from its schema alone. The schema comes from the instance,
 * once a command; parameters are JSON, or words like `name=value` from which JSON is made with the
 * help of the field's type.
 *
 * What is watched by --watch ends when the line to the instance drops. To hear more is to call
 * again, and nothing is called again that may do something: the line being back, a call is repeated
 * when its schema says that it only reads, or when who typed it has said so (--again).
 */
#include "call-watch.h"
#include "call.h"
#include "cap-schema.h"
#include "params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 16 * 1024 * 1024 };

/* ---- call --------------------------------------------------------------------------------- */

int call_fault_fail(struct cli *c, int r, const struct capnp_fault *f)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf line = {0};

        capnp_buf_init(&line, 1024);
        if ((r != CAPNP_E_SYNTAX && r != CAPNP_E_UNKNOWN) || !f->what[0] ||
            capnp_fault_print(f, NULL, &line))
                return cli_fail_code(c, r, "parameters");
        return cli_fail(c, EXIT_USAGE, "parameters", "parameters: %s", line.p);
}

/* The pretty form is for eyes: on a terminal a line that is too long goes on below its field. */
static void results_print_lines(const char *text)
{
        unsigned columns = cli_columns(stdout);
        char more[64];

        while (*text) {
                size_t len = strcspn(text, "\n"), indent = strspn(text, " ");
                unsigned margin = columns / 2 < sizeof(more) ? columns / 2 : sizeof(more) - 1;

                margin = indent + 2 < margin ? (unsigned)indent + 2 : margin;
                (void)snprintf(more, sizeof(more), "%*s", (int)margin, "");
                cli_print_more(stdout, "", more, text, len, columns);
                text += len + (text[len] == '\n');
        }
}

int call_results_print(struct cli *c, const struct capnp_method_info *m, capnp_question *q)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf out = {0};
        struct capnp_dynamic_opts o = {.pretty = !c->json};
        bool among_events = c->json && c->watch;
        int r;

        capnp_buf_init(&out, TEXT_BYTES);
        r = capnp_dynamic_results(capos_client_schema_peek(c->client), m, q, &o, &out);
        if (r == CAPNP_E_POISON)
                return cli_fail(c, EXIT_FAILED, "malformed",
                                "%s: the answer is malformed: the service sent bytes that are no "
                                "message of its schema",
                                m->name);
        if (r)
                return cli_fail_code(c, r, "results");

        if (!c->json) {
                if (!c->prose || !call_prose_print(c, m, out.p))
                        results_print_lines(out.p);
                return cli_finish(c, EXIT_OK);
        }
        if (among_events)
                printf("{\"results\":");
        cli_print_json_text(out.p, out.len);
        printf(among_events ? "}\n" : "\n");
        return cli_finish(c, EXIT_OK);
}

/* Sends it, and prints its results. An exit code, or WATCH_DROPPED. */
static int call_run(struct cli *c, const struct capnp_dynamic_method *dm, capnp_text params,
                    bool typed, struct watch *w, const char *doing)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct capnp_dynamic_opts strict = {
                .reject_unknown = true, .find = w ? watch_find : NULL, .arg = w};
        struct capnp_fault f = {0};
        int r;

        r = capnp_dynamic_call(capos_client_schema_peek(c->client), dm, params, &strict, &q, &f);
        if (!typed)
                f.line = 0; /* a place in a text that nobody has written */
        if (r)
                return call_fault_fail(c, r, &f);

        if (cli_wait(c, q, 0))
                return w && watch_has_dropped(w, q) ? WATCH_DROPPED
                                                    : cli_fail_question(c, q, doing);
        r = call_results_print(c, &dm->info, q);
        if (r || !w)
                return r;

        /* What it returned is held while we watch: a place in a channel, say. */
        return watch_run(w, c->words[0]);
}

/* Once. back: to watch, else NULL. An exit code, or WATCH_DROPPED. */
static int call_once(struct cli *c, const struct capnp_method_info *m, const char *params,
                     bool typed, struct back *back)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        CAPNP_AUTO(watch_freep) struct watch *w = NULL;
        struct capnp_dynamic_method dm = {.vat = c->vat, .info = *m};
        struct capos_cap_entry e;
        char *text = strdup(params), doing[300];
        int r = text ? EXIT_OK : cli_fail_code(c, -ENOMEM, NULL);

        if (!r && back)
                r = watch_new(back, m, &text, &w);
        if (!r && !capos_client_find(c->client, c->words[0], &e))
                r = cli_fail(c, EXIT_DENIED, "denied.unknown-name",
                             "%s: the session has no such capability any more", c->words[0]);
        if (!r) {
                cap = capos_client_get(c->client, e.name, e.interface);
                dm.target = cap;
                (void)snprintf(doing, sizeof(doing), "%s.%s", e.name, m->name);
                r = call_run(c, &dm, capnp_text_of(text), typed, w, doing);
        }
        free(text);
        return r;
}

/* Whether it may be called again without asking. */
static bool call_repeats(const struct cli *c, const struct capnp_method_info *m)
{
        const char *effect = cap_effect(capos_client_schema_peek(c->client), m);

        return c->again || (effect && !strcmp(effect, "reads"));
}

/* As often as the line drops and comes back. An exit code. */
static int call_watched(struct cli *c, const struct capnp_method_info *m, const char *params,
                        bool typed)
{
        struct back back = {.c = c};
        int r;

        back_begin(&back);
        while ((r = call_once(c, m, params, typed, &back)) == WATCH_DROPPED) {
                if (!call_repeats(c, m)) {
                        r = cli_fail(c, EXIT_NO_CONNECTION, "disconnected",
                                     "%s.%s: the line to the instance has dropped. A call may do "
                                     "something: the call is not repeated; start it again, or "
                                     "with --again",
                                     c->words[0], m->name);
                        break;
                }
                back_say_dropped(c);
                if (!back_wait(&back)) {
                        r = cli_fail(c, EXIT_NO_CONNECTION, "denied.stale-session",
                                     "%s: the session has ended", c->words[0]);
                        break;
                }
                back_say_back(c);
        }
        back_end(&back);
        return r;
}

int call_method(struct cli *c, const struct capnp_method_info *m, char *params, bool typed)
{
        int r = c->watch ? call_watched(c, m, params, typed) : call_once(c, m, params, typed, NULL);

        free(params);
        return r;
}

int cmd_call(struct cli *c)
{
        struct capos_cap_entry e;
        struct capnp_method_info m;
        char *params = NULL;
        bool typed = false;
        int r;

        r = cap_open(c, &e);
        if (!r)
                r = cap_method(c, &e, &m);
        if (!r)
                r = params_read(c, &m, &params, &typed);
        return r ? r : call_method(c, &m, params, typed);
}
