/*
 * One call of a tool. It is found, judged, and then one of four things: refused, asked about
 * through the client, waiting for somebody elsewhere, or run. A call that runs is a question like
 * any other at the instance, which judges it as it judges everybody's: nothing here grants
 * anything.
 *
 * What a call is about is taken when it begins. While it waits, tools may come and go; it is looked
 * up again before it runs.
 */
#include "mcp-call.h"

#include "mcp-shown.h"
#include "mcp-text.h"
#include "mcp-words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        RESULT_BYTES = 64 * 1024,       /* what a model is given */
        RESULT_MOST = 16 * 1024 * 1024, /* what is printed to say how much it is */
        ASKED_BYTES = 8 * 1024,         /* what a client is given to ask its person */
        WAIT_MS = 50 * 1000,            /* for somebody elsewhere: a client waits a minute */
        TYPE_INTERFACE = 17,
};

/* What is called, by whatever way it was named. Borrowed from the tools and the request. */
struct target {
        const struct mcp_tool *tool;
        json_t *arguments;           /* of the method, without the handle; the target's own */
        json_t *shown;               /* the same in one form, likewise */
        const struct mcp_handle *on; /* NULL: a capability */
};

/* One that waits or runs: mcp_request.call. */
struct mcp_call {
        struct mcp *m;
        struct mcp_request *r;
        char tool[MCP_TOOL_NAME];
        struct capnp_method_info method;
        capnp_question *q; /* it runs; NULL: it waits */
        struct mcp_words words;
        json_t *arguments; /* of the method */
        uint32_t grant, waiting;
        uint64_t until_ms;
};

/* ---- which one ------------------------------------------------------------------------------- */

static void target_deinit(struct target *t)
{
        json_decref(t->arguments);
        json_decref(t->shown);
}

static void fail(struct mcp *m, struct mcp_request *r, const char *tool, const char *code,
                 const char *text)
{
        mcp_note(m, "failed", r, tool, NULL, code);
        mcp_request_fail(r, code, text);
}

static const struct mcp_handle *handle_of(struct mcp *m, json_t *on)
{
        const char *word = json_string_value(json_is_object(on) ? json_object_get(on, "$cap") : on);

        return word ? mcp_handles_find(&m->handles, word, mcp_now_ms()) : NULL;
}

/* `capos__call`: whose method, and which. */
static void target_of_call(struct mcp *m, json_t *arguments, struct target *t)
{
        json_t *on = json_object_get(arguments, "on");
        const char *method = json_string_value(json_object_get(arguments, "method"));
        const char *capability = json_string_value(on);
        json_t *inner = json_object_get(arguments, "arguments");

        t->on = handle_of(m, on);
        if (method && t->on)
                t->tool = mcp_tools_find_method(&m->tools, "", t->on->interface, method);
        else if (method && capability && *capability)
                t->tool = mcp_tools_find_method(&m->tools, capability, 0, method);
        if (inner && !json_is_object(inner))
                t->tool = NULL;
        t->arguments = inner ? json_copy(inner) : json_object();
}

static void wrong_arguments(struct mcp *m, struct mcp_request *r, const char *tool,
                            const struct capnp_fault *f)
{
        char text[sizeof(f->path) + sizeof(f->what) + 32];

        (void)snprintf(text, sizeof(text), "arguments: %s%s%s", f->path, *f->path ? ": " : "",
                       f->what);
        mcp_note(m, "failed", r, tool, NULL, "arguments");
        mcp_request_wrong(r, text);
}

/* Whether its arguments are what it takes. false: the request was answered. */
static bool target_reads(struct mcp *m, struct mcp_request *r, struct target *t)
{
        struct capnp_fault f = {0};
        int e = mcp_shown_make(m, t->tool, t->arguments, &t->shown, &f);

        if (e && f.what[0])
                wrong_arguments(m, r, t->tool->name, &f);
        else if (e)
                fail(m, r, t->tool->name, "failed", capnp_strerror(e));
        return !e;
}

/* false: the request was answered. */
static bool target_find(struct mcp *m, struct mcp_request *r, struct target *t)
{
        const capnp_schema *s;

        *t = (struct target){0};
        if (!m->client) {
                fail(m, r, NULL, m->why_code, m->why);
                return false;
        }
        if (!strcmp(r->tool, "capos__call")) {
                target_of_call(m, r->arguments, t);
        } else {
                t->tool = mcp_tools_find(&m->tools, r->tool);
                t->arguments = json_copy(r->arguments);
        }
        if (!t->tool) {
                mcp_note(m, "failed", r, NULL, NULL, "unknown-tool");
                mcp_request_wrong(r, "there is no such tool: see tools/list, which may be another "
                                     "than before");
                return false;
        }
        if (!t->on && *t->tool->on) {
                t->on = handle_of(m, json_object_get(t->arguments, t->tool->on));
                (void)json_object_del(t->arguments, t->tool->on);
        }
        s = capos_client_schema_peek(m->client);
        if (*t->tool->on &&
            (!t->on || !mcp_interface_fits(s, t->on->interface, t->tool->m.interface))) {
                fail(m, r, t->tool->name, "unknown-handle",
                     "there is no such handle, or it is of something else: handles end when they "
                     "are not used for ten minutes, and with what they came from");
                return false;
        }
        return target_reads(m, r, t);
}

/* ---- what is asked --------------------------------------------------------------------------- */

/* Exactly what would be called, for a person. To be freed; NULL: no memory. */
static char *question_make(const struct target *t)
{
        char *arguments = mcp_text_json(t->shown), *text = NULL;
        const char *capability = *t->tool->capability ? t->tool->capability : t->on->root;
        int n = -1;

        if (arguments)
                n = asprintf(&text, "%s.%s%s%s%s (%s)\n%s", capability,
                             *t->tool->capability ? "" : "…", t->tool->m.name, t->on ? " on " : "",
                             t->on ? t->on->word : "", mcp_effect_words(t->tool->effect),
                             arguments);
        free(arguments);
        return n < 0 ? NULL : text;
}

/* ---- its end --------------------------------------------------------------------------------- */

static void call_free(struct mcp_call *c)
{
        if (!c)
                return;
        if (c->r)
                c->r->call = NULL;
        capnp_question_free(c->q);
        mcp_words_read(&c->words);
        json_decref(c->arguments);
        free(c);
}

static void call_fail(struct mcp_call *c, const char *code, const char *text)
{
        struct mcp_request *r = c->r;

        fail(c->m, r, c->tool, code, text);
        c->r = NULL;
        call_free(c);
}

/* Which arguments the mailboxes that were made are for. */
static json_t *mailboxes_json(const struct mcp_call *c)
{
        const capnp_schema *s = capos_client_schema_peek(c->m->client);
        const capnp_decl *d = capnp_schema_find(s, c->method.params);
        json_t *all = json_object();
        bool told[MCP_MADE] = {false};
        struct capnp_field_info f;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++) {
                if (f.base_type != TYPE_INTERFACE || !json_object_get(c->arguments, f.name))
                        continue;
                for (unsigned k = 0; k < c->words.nboxes; k++) {
                        if (told[k] || c->words.box_interfaces[k] != f.type)
                                continue;
                        told[k] = true;
                        (void)json_object_set_new(all, f.name, json_string(c->words.boxes[k]));
                        break;
                }
        }
        for (unsigned k = 0; k < c->words.nboxes; k++)
                if (!told[k])
                        (void)json_object_set_new(all, c->words.boxes[k],
                                                  json_string(c->words.boxes[k]));
        return all;
}

static void call_too_large(struct mcp_call *c, size_t bytes)
{
        char text[200];

        if (bytes)
                (void)snprintf(
                        text, sizeof(text),
                        "the result is %zu bytes long, and %d are given: ask for less, where "
                        "the method lets you",
                        bytes, RESULT_BYTES);
        else
                (void)snprintf(text, sizeof(text),
                               "the result has more references, or is far longer, than is given: "
                               "ask for less, where the method lets you");
        mcp_words_undo(&c->words);
        call_fail(c, "too-large", text);
}

static void call_result(struct mcp_call *c)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = RESULT_MOST};
        struct capnp_dynamic_opts o = mcp_words_opts(&c->words);
        const capnp_schema *s = capos_client_schema_peek(c->m->client);
        struct mcp_request *r = c->r;
        json_t *result;
        int e = capnp_dynamic_results(s, &c->method, c->q, &o, &b);

        if (e == CAPNP_E_LIMIT || (!e && b.len > RESULT_BYTES)) {
                call_too_large(c, b.len);
                return;
        }
        result = e ? NULL : json_loadb(b.p, b.len, 0, NULL);
        if (!result) {
                mcp_words_undo(&c->words);
                call_fail(c, "malformed", "the answer is no message of its schema");
                return;
        }
        if (c->words.nboxes)
                (void)json_object_set_new(result, "$mailboxes", mailboxes_json(c));
        mcp_note(c->m, "returned", r, c->tool, NULL, NULL);
        c->r = NULL;
        call_free(c);
        mcp_request_result(r, result);
}

/* A code that does not change, and what is said to a person. */
static void call_error(struct mcp_call *c, const struct capos_error *e)
{
        char code[80];

        if (e->code == CAPOS_E_QUOTA)
                (void)snprintf(code, sizeof(code), "over-quota.%s", e->quota);
        else if (e->code == CAPOS_E_DENIED)
                (void)snprintf(code, sizeof(code), "%s", capos_denial_code(e->denial));
        else if (e->kind == CAPNP_DISCONNECTED)
                (void)snprintf(code, sizeof(code), "disconnected");
        else if (!strncmp(e->text, "service: ", 9))
                (void)snprintf(code, sizeof(code), "service");
        else
                (void)snprintf(code, sizeof(code), "failed");
        mcp_words_undo(&c->words);
        call_fail(c, code, e->text);
}

static void call_on_return(capnp_question *q, int r, void *arg)
{
        struct mcp_call *c = arg;
        struct capos_error e;

        /* All of it is looked at: what is malformed is told, and not shown as defaults. */
        (void)capnp_any_words(capnp_question_response_any(q), NULL);
        if (r || capos_error_of_question(q, &e)) {
                (void)capos_error_of_question(q, &e);
                call_error(c, &e);
        } else {
                call_result(c);
        }
}

/* ---- running --------------------------------------------------------------------------------- */

static struct mcp_call *call_new(struct mcp *m, struct mcp_request *r, const struct target *t)
{
        struct mcp_call *c = calloc(1, sizeof(*c));

        if (!c)
                return NULL;
        c->m = m;
        c->r = r;
        c->method = t->tool->m;
        (void)snprintf(c->tool, sizeof(c->tool), "%s", t->tool->name);
        mcp_words_init(&c->words, m, t->on ? t->on->root : t->tool->capability);
        c->arguments = json_incref(t->arguments);
        r->call = c;
        return c;
}

/* The arguments are not what the method takes any more: a handle has ended just now. */
static void call_wrong(struct mcp_call *c, const struct capnp_fault *f)
{
        struct mcp_request *r = c->r;
        struct mcp *m = c->m;
        char tool[MCP_TOOL_NAME];

        (void)snprintf(tool, sizeof(tool), "%s", c->tool);
        mcp_words_undo(&c->words);
        call_free(c);
        wrong_arguments(m, r, tool, f);
}

static void call_run(struct mcp *m, struct mcp_request *r, const struct target *t,
                     const struct mcp_verdict *v)
{
        struct mcp_call *c = call_new(m, r, t);
        struct capnp_dynamic_method dm = {.vat = m->vat, .info = t->tool->m};
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capnp_dynamic_opts o;
        struct capnp_fault f = {0};
        char *text;
        int e;

        if (!c) {
                fail(m, r, t->tool->name, "failed", "no memory");
                return;
        }
        c->grant = v->grant;
        cap = t->on ? capnp_cap_ref(t->on->cap)
                    : capos_client_get(m->client, t->tool->capability, t->tool->interface);
        dm.target = cap;
        o = mcp_words_opts(&c->words);
        text = json_dumps(t->arguments, JSON_COMPACT);
        e = text && cap ? capnp_dynamic_call(capos_client_schema_peek(m->client), &dm,
                                             capnp_text_of(text), &o, &c->q, &f)
                        : -ENOMEM;
        free(text);
        mcp_words_read(&c->words);
        if (e && f.what[0]) {
                call_wrong(c, &f);
        } else if (e) {
                mcp_words_undo(&c->words);
                call_fail(c, e == CAPNP_E_LIMIT ? "over-quota.mailboxes" : "failed",
                          capnp_strerror(e));
        } else {
                mcp_note(m, "called", r, c->tool, v->by, NULL);
                capnp_question_send(c->q, call_on_return, c);
        }
}

/* ---- waiting for somebody elsewhere ---------------------------------------------------------- */

static void call_waiting(struct mcp *m, struct mcp_request *r, const char *tool, uint32_t number)
{
        char text[300];

        (void)snprintf(text, sizeof(text),
                       "this call waits for somebody to approve it in a terminal, by `capos "
                       "approve`, as number %u: tell your person, and make the same call again "
                       "afterwards",
                       number);
        fail(m, r, tool, "refused.waiting", text);
}

static void call_wait(struct mcp *m, struct mcp_request *r, const struct target *t,
                      const struct mcp_verdict *v)
{
        struct mcp_waiting *w = mcp_gate_waiting(&m->gate, v->waiting);
        struct mcp_call *c;

        if (!m->has_desk) {
                fail(m, r, t->tool->name, "refused.nowhere",
                     "somebody would have to approve this call in a terminal, and there is no "
                     "folder here for that: XDG_RUNTIME_DIR, or --runtime");
                return;
        }
        mcp_note(m, "waits", r, t->tool->name, NULL, NULL);
        if (!w->question)
                w->question = question_make(t);
        c = r->token && w->question ? call_new(m, r, t) : NULL;
        if (!c) {
                call_waiting(m, r, t->tool->name, v->waiting);
                return;
        }
        c->waiting = v->waiting;
        c->until_ms = mcp_now_ms() + WAIT_MS;
}

static void call_judge(struct mcp *m, struct mcp_request *r, enum mcp_answer a, bool is_counted)
{
        struct mcp_verdict v;
        struct target t;
        char *question;

        if (!target_find(m, r, &t)) {
                target_deinit(&t);
                return;
        }
        question = question_make(&t);
        mcp_gate_judge(&m->gate,
                       &(struct mcp_case){.tool = t.tool->name,
                                          .effect = t.tool->effect,
                                          .arguments = t.shown,
                                          .digest = r->digest,
                                          .can_ask = r->can_ask && question &&
                                                     strlen(question) <= ASKED_BYTES,
                                          .is_counted = is_counted,
                                          .answer = a,
                                          .calls = mcp_serve_calls(&m->serve),
                                          .now_ms = mcp_now_ms()},
                       &v);
        switch (v.what) {
        case MCP_RUN:
                call_run(m, r, &t, &v);
                break;
        case MCP_ASK:
                mcp_note(m, "asked", r, t.tool->name, "client", NULL);
                mcp_request_ask(r, question, t.tool->effect != COMMAND_EFFECT_LASTING);
                break;
        case MCP_WAIT:
                call_wait(m, r, &t, &v);
                break;
        case MCP_REFUSE:
                mcp_note(m, "refused", r, t.tool->name, v.by, v.code);
                mcp_request_fail(r, v.code, v.text);
                break;
        }
        free(question);
        target_deinit(&t);
}

void mcp_call_begin(struct mcp *m, struct mcp_request *r, enum mcp_answer a)
{
        call_judge(m, r, a, a != MCP_UNASKED);
}

void mcp_call_cancel(struct mcp *m, struct mcp_request *r)
{
        struct mcp_call *c = r->call;

        if (!c)
                return;
        mcp_note(m, "cancelled", r, c->tool, "client", NULL);
        mcp_words_undo(&c->words);
        call_free(c);
}

/* ---- what happens meanwhile ------------------------------------------------------------------ */

/* The calls there are, one after the other: what is done about one may end others. */
static struct mcp_call *call_at(struct mcp *m, unsigned i)
{
        struct mcp_request *r = &m->serve.requests[i];

        return r->state == MCP_RUNNING ? r->call : NULL;
}

void mcp_calls_answered(struct mcp *m, uint32_t waiting, const char *tool)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_call *c = call_at(m, i);
                struct mcp_request *r = c ? c->r : NULL;

                if (!c || !c->waiting ||
                    (c->waiting != waiting && (!tool || strcmp(c->tool, tool) != 0)))
                        continue;
                call_free(c);
                call_judge(m, r, MCP_UNASKED, true);
        }
}

unsigned mcp_calls_revoked(struct mcp *m, const char *pattern)
{
        unsigned n = 0;

        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_call *c = call_at(m, i);

                if (!c || !c->grant || !mcp_pattern_fits(pattern, c->tool))
                        continue;
                mcp_words_undo(&c->words);
                call_fail(c, "refused.revoked",
                          "somebody has taken back the approval that this call ran by: nobody "
                          "knows how far it had come");
                n++;
        }
        return n;
}

void mcp_calls_end(struct mcp *m, const char *code, const char *text)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_call *c = call_at(m, i);

                if (c)
                        call_fail(c, code, text);
        }
}

void mcp_calls_tick(struct mcp *m, uint64_t now_ms)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_call *c = call_at(m, i);
                struct mcp_request *r = c ? c->r : NULL;
                char tool[MCP_TOOL_NAME];
                uint32_t number;

                if (!c || !c->waiting || now_ms < c->until_ms)
                        continue;
                number = c->waiting;
                (void)snprintf(tool, sizeof(tool), "%s", c->tool);
                call_free(c);
                call_waiting(m, r, tool, number);
        }
}
