/*
 * What a line of `capos shell` does: a call, a name for what it returns, or a look at a name.
 *
 *         chat.channels                           calls and waits; the results are $_
 *         $m = chat.join channel=#lobby           calls, and goes on at once
 *         $m.membership.send text=hello           may be sent before the call above has returned
 *         $c = chat                               a name for a reference
 *         $m                                      what it stands for
 *
 * Where a parameter is a reference, `field=$m.membership` passes it.
 */
#include "call.h"
#include "cap-schema.h"
#include "cli-near.h"
#include "params.h"
#include "shell.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- failures ---------------------------------------------------------------------------------
 */

/* A failure of the session's own ends the shell: nothing that could be typed would succeed. After
 * another one a capability may have to be got anew: it was taken away and is there again, or its
 * service was started anew. */
static int question_fail(struct shell *s, capnp_question *q, const char *doing)
{
        bool over = capnp_rpc_is_closed(capnp_conn_rpc(s->c->conn), NULL);
        struct capos_error e;

        (void)capos_error_of_question(q, &e);
        shell_held_drop(s);
        if (e.kind == CAPNP_DISCONNECTED && !e.denial && !over)
                return cli_fail(s->c,
                                e.code == CAPNP_E_DISCONNECTED ? EXIT_NO_CONNECTION : EXIT_FAILED,
                                "disconnected",
                                "%s: %s. Nobody knows whether it was done; it is not done again",
                                doing, e.text);
        s->ending |= e.denial == CAPOS_DENIED_STALE_SESSION || over;
        return cli_fail_question(s->c, q, doing);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void wait_on_return(capnp_question *q, int r, void *arg)
{
        struct shell *s = arg;

        (void)q;
        (void)r;
        capnp_vat_stop(s->c->vat);
}

static void wait_on_time(void *arg)
{
        struct shell *s = arg;

        s->c->late = true;
        capnp_vat_stop(s->c->vat);
}

/* Until it has returned, or somebody does not want to wait any more. An exit code. */
static int question_wait(struct shell *s, capnp_question *q, const char *doing)
{
        capnp_timer *t = NULL;

        s->c->late = false;
        if (s->c->timeout_ms && capnp_timer_new(s->c->vat, s->c->timeout_ms, wait_on_time, s, &t))
                return cli_fail_code(s->c, -ENOMEM, NULL);
        capnp_question_send(q, wait_on_return, s);
        while (!capnp_question_is_done(q) && !s->interrupted && !s->ending && !s->c->late)
                if (capnp_vat_run(s->c->vat))
                        break;
        if (!s->c->late)
                capnp_timer_free(t);
        if (s->c->late)
                return cli_fail_late(s->c, doing);
        if (!capnp_question_is_done(q))
                return cli_fail(s->c, EXIT_FAILED, "canceled", "%s: canceled", doing);
        /* All of it is looked at: what is malformed is told, and not shown as defaults. */
        (void)capnp_any_words(capnp_question_response_any(q), NULL);
        return capnp_question_result(q) || capnp_question_check(q) ? question_fail(s, q, doing)
                                                                   : EXIT_OK;
}

void shell_wait_for(struct shell *s, uint64_t ms)
{
        capnp_timer *t = NULL;

        s->c->late = false;
        if (capnp_timer_new(s->c->vat, (uint32_t)ms, wait_on_time, s, &t))
                return;
        while (!s->interrupted && !s->ending && !s->c->late)
                if (capnp_vat_run(s->c->vat))
                        break;
        if (!s->c->late)
                capnp_timer_free(t);
        s->c->late = false;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* What was named has returned: who typed it sees what; a script is told of what failed. */
static void ref_on_return(capnp_question *q, int r, void *arg)
{
        struct shell_ref *ref = arg;
        struct shell *s = ref->shell;
        char doing[SHELL_NAME + 1], later[SHELL_NAME + 40];

        (void)snprintf(doing, sizeof(doing), "$%s", ref->name);
        (void)snprintf(later, sizeof(later), "%s has returned", doing);
        (void)r;
        (void)capnp_any_words(capnp_question_response_any(q), NULL);
        if (shell_later(s, later)) {
                capnp_vat_stop(s->c->vat);
                return;
        }
        shell_input_hide(s->input);
        if (capnp_question_result(q) || capnp_question_check(q)) {
                s->result = question_fail(s, q, doing);
                s->failed = ref->number;
        } else if (shell_input_is_typed(s->input)) {
                printf("$%s = ", ref->name);
                (void)!call_results_print(s->c, &ref->m, q);
        }
        (void)fflush(stdout);
        shell_input_show(s->input);
        capnp_vat_stop(s->c->vat);
}

void shell_wait_all(struct shell *s)
{
        for (unsigned i = 0; i < s->nrefs && !s->interrupted && !s->ending;)
                if (!s->refs[i]->q || capnp_question_is_done(s->refs[i]->q))
                        i++;
                else if (capnp_vat_run(s->c->vat))
                        break;
}

/* `$m` alone: what it stands for. */
static int ref_show(struct shell *s, const struct shell_ref *r)
{
        const capnp_schema *schema = capos_client_schema_peek(s->c->client);
        const capnp_decl *d;

        if (r->q && !capnp_question_is_done(r->q)) {
                printf("$%s: %s has not returned yet\n", r->name, r->m.name);
                return EXIT_OK;
        }
        if (r->q && capnp_question_result(r->q))
                return question_fail(s, r->q, r->name);
        if (r->q)
                return call_results_print(s->c, &r->m, r->q);
        d = capnp_schema_find(schema, r->interface);
        printf("$%s: a reference, ", r->name);
        cli_print_safe(d ? capnp_decl_name(d) : "of unknown interface");
        (void)putchar('\n');
        return EXIT_OK;
}

/* ---- calls ----------------------------------------------------------------------------------- */

static int method_find(struct shell *s, const struct shell_target *t, struct capnp_method_info *m)
{
        const capnp_schema *schema = capos_client_schema_peek(s->c->client);
        struct cli_near near = {.word = t->method};
        struct cap_names names = {.len = 0};
        const char *all;
        char hint[128], dot[128];

        if (t->interface && *t->method &&
            !capnp_schema_find_method(schema, t->interface, t->method, m))
                return EXIT_OK;
        for (uint32_t i = 0; t->interface && !capnp_schema_method(schema, t->interface, i, m);
             i++) {
                if (!cap_method_is_called(m))
                        continue;
                cli_near_try(&near, m->name);
                cap_names_add(&names, m->name);
        }
        all = *names.text ? names.text : "none that is known";
        if (!*t->method)
                return cli_fail(s->c, EXIT_USAGE, "usage", "%s: call which method? It has: %s",
                                t->name, all);
        (void)shell_dot_text(s, t->method, dot, sizeof(dot));
        return cli_fail(s->c, EXIT_USAGE, "unknown-method", "%s has no method %s%s; it has: %s%s",
                        t->name, t->method, *dot ? "" : cli_near_text(&near, hint, sizeof(hint)),
                        all, dot);
}

/* The number of a reference that is a parameter, `$m.membership`. */
static int given_number(void *arg, const char *text, uint32_t *ret_n)
{
        struct shell *s = arg;
        struct shell_target t;
        int r = shell_target_find(s, text, &t);

        if (!r && (*t.method || s->ngiven == CLI_WORDS))
                r = cli_fail(s->c, EXIT_USAGE, "usage", "%s: is no reference", text);
        if (r) {
                shell_target_deinit(&t);
                return r;
        }
        *ret_n = s->ngiven;
        s->given[s->ngiven++] = t.cap;
        return EXIT_OK;
}

static capnp_cap *given_find(void *arg, uint32_t n)
{
        struct shell *s = arg;

        return n < s->ngiven ? s->given[n] : NULL;
}

/* Makes the question of a call; words[0] is its target. who: for its listeners. An exit code. */
static int call_make(struct shell *s, const struct shell_target *t, const char *who,
                     struct capnp_method_info *m, capnp_question **ret_q)
{
        struct capnp_dynamic_opts o = {.reject_unknown = true, .find = given_find, .arg = s};
        struct capnp_dynamic_method dm = {.vat = s->c->vat, .target = t->cap};
        struct capnp_fault f = {0};
        char *text = NULL;
        bool typed, listens = false;
        int r = method_find(s, t, m), e = 0;

        if (!r)
                r = params_read(s->c, m, &text, &typed);
        if (!r) {
                dm.info = *m;
                e = shell_listen(s, who, m, &text, &listens);
                if (!e)
                        e = capnp_dynamic_call(capos_client_schema_peek(s->c->client), &dm,
                                               capnp_text_of(text), &o, ret_q, &f);
                if (!typed || listens)
                        f.line = 0; /* a place in a text that nobody has written */
                if (e)
                        r = call_fault_fail(s->c, e, &f);
        }
        free(text);
        while (s->ngiven > 0)
                capnp_cap_unref(s->given[--s->ngiven]);
        return r;
}

/* Sends it, and goes on: what comes back has a name. */
static int call_named(struct shell *s, const struct capnp_method_info *m, capnp_question *q,
                      const char *name, size_t len)
{
        struct shell_ref *r = shell_ref_new(s, name, len);

        if (!r) {
                capnp_question_free(q);
                return EXIT_USAGE;
        }
        r->q = q;
        r->m = *m;
        r->is_named = true;
        r->number = s->number;
        capnp_question_send(q, ref_on_return, r);
        return EXIT_OK;
}

/* Sends it, waits, prints; the results are `$_`. */
static int call_now(struct shell *s, const struct shell_target *t,
                    const struct capnp_method_info *m, capnp_question *q)
{
        struct shell_ref *last;
        char doing[300];
        int r;

        (void)snprintf(doing, sizeof(doing), "%s.%s", t->name, m->name);
        r = question_wait(s, q, doing);
        if (!r)
                r = call_results_print(s->c, m, q);
        last = r ? NULL : shell_ref_new(s, "_", 1);
        if (!last) {
                capnp_question_free(q);
                return r;
        }
        last->q = q;
        last->m = *m;
        return EXIT_OK;
}

/* `$c = chat` */
static int name_target(struct shell *s, struct shell_target *t, const char *name, size_t len)
{
        struct shell_ref *r = shell_ref_new(s, name, len);

        if (!r)
                return EXIT_USAGE;
        r->cap = t->cap;
        r->interface = t->interface;
        (void)snprintf(r->from, sizeof(r->from), "%s", t->from);
        r->is_named = true;
        t->cap = NULL;
        return EXIT_OK;
}

/* A call, as the words of `capos call`: target, method, parameters. */
static int call_do(struct shell *s, const struct shell_target *t, const char *const *words,
                   unsigned n, const char *name, size_t len)
{
        struct cli *c = s->c;
        struct capnp_method_info m;
        capnp_question *q = NULL;
        char who[SHELL_NAME + 150];
        int r;

        c->words[0] = t->name;
        c->words[1] = t->method;
        c->nwords = 2;
        while (n > 0 && c->nwords < CLI_WORDS) {
                c->words[c->nwords++] = *words++;
                n--;
        }
        if (n > 0)
                return cli_fail(c, EXIT_USAGE, "usage", "there are too many words");
        c->reference = given_number;
        c->reference_arg = s;
        (void)snprintf(who, sizeof(who), len ? "$%.*s" : "%.*s.%s", len ? (int)len : 120,
                       len ? name : t->name, t->method);
        r = call_make(s, t, who, &m, &q);
        if (r)
                return r;
        return len ? call_named(s, &m, q, name, len) : call_now(s, t, &m, q);
}

/* An expression, and the name that it gets, len 0: none. */
static int expression_do(struct shell *s, const char *line, const char *name, size_t len)
{
        const char *words[CLI_WORDS];
        char *store = malloc(strlen(line) + 1);
        struct shell_target t = {.method = ""};
        unsigned n;
        int r;

        if (!store)
                return cli_fail_code(s->c, -ENOMEM, NULL);
        if (s->back.down)
                r = cli_fail(s->c, EXIT_NO_CONNECTION, "disconnected",
                             "the line to the instance has dropped and is being made again: "
                             "nothing was sent");
        else if (!shell_words(line, store, words, &n))
                r = cli_fail(s->c, EXIT_USAGE, "usage",
                             "a quote has no end, or there are too many words");
        else if (!n)
                r = cli_fail(s->c, EXIT_USAGE, "usage", "$%.*s = what?", (int)len, name);
        else
                r = shell_target_find(s, words[0], &t);
        if (!r && !*t.method && len && n == 1)
                r = name_target(s, &t, name, len);
        else if (!r)
                r = call_do(s, &t, words + 1, n - 1, name, len);
        shell_target_deinit(&t);
        free(store);
        return r;
}

void shell_do(struct shell *s, const char *line)
{
        size_t len = *line == '$' ? shell_name_length(line + 1) : 0;
        const char *rest = line + 1 + len;
        const struct shell_ref *shown = len ? shell_ref_find(s, line + 1, len) : NULL;
        int r;

        while (len && isspace((unsigned char)*rest))
                rest++;
        if (len && *rest == '=')
                r = len == 1 && line[1] == '_'
                            ? cli_fail(s->c, EXIT_USAGE, "usage", "$_ is what was returned last")
                            : expression_do(s, rest + 1, line + 1, len);
        else if (shown && !*rest)
                r = ref_show(s, shown);
        else
                r = expression_do(s, line, NULL, 0);
        if (r)
                s->result = r;
        (void)cli_finish(s->c, EXIT_OK);
}
