/*
 * Tools about the session. They change nothing but what this process holds for the model, so the
 * policy does not judge them; quotas do.
 */
#include "mcp-builtin.h"

#include "mcp-events.h"
#include "mcp-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct builtin {
        const char *name, *title, *description;
        const char *input;  /* properties of the arguments, as JSON … */
        const char *needed; /* … and which of them are required */
        const char *output; /* properties of the result */
        bool reads;
        void (*run)(struct mcp *m, struct mcp_request *r);
};

static void run_session(struct mcp *m, struct mcp_request *r);
static void run_capabilities(struct mcp *m, struct mcp_request *r);
static void run_describe(struct mcp *m, struct mcp_request *r);
static void run_handles(struct mcp *m, struct mcp_request *r);
static void run_release(struct mcp *m, struct mcp_request *r);

/* By name. Without a function: `capos__call`, which is somebody else's. */
static const struct builtin builtins[] = {
        {"capos__call", "Call a method that is not listed",
         "Calls a method of a capability, or of a handle, that has no tool of its own, for there "
         "are too many. capos__describe says which methods there are, and what they take. "
         "Judged as any other call.",
         "\"on\":{\"type\":\"string\",\"description\":\"The name of a capability, or a handle\"},"
         "\"method\":{\"type\":\"string\"},\"arguments\":{\"type\":\"object\"}",
         "\"on\",\"method\"", "", false, NULL},
        {"capos__capabilities", "Capabilities", "What the session holds, and until when.", "", "",
         "\"capabilities\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}", true,
         run_capabilities},
        {"capos__describe", "Describe tools",
         "Says which methods a capability, or a handle, has, or what one tool takes and returns.",
         "\"name\":{\"type\":\"string\",\"description\":\"A capability, a handle, or a tool\"}",
         "\"name\"", "\"tools\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}", true,
         run_describe},
        {"capos__events", "Read a mailbox",
         "Takes the oldest events from a mailbox. With waitMs it waits for the first one. `lost` "
         "says how many had no room, `ended` that there will be no more.",
         "\"mailbox\":{\"type\":\"string\"},\"max\":{\"type\":\"integer\",\"minimum\":1,"
         "\"maximum\":256},\"waitMs\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":50000}",
         "\"mailbox\"",
         "\"events\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
         "\"lost\":{\"type\":\"integer\"},\"more\":{\"type\":\"boolean\"},"
         "\"ended\":{\"type\":\"boolean\"}",
         true, mcp_events_begin},
        {"capos__handles", "Handles", "Which handles and mailboxes there are.", "", "",
         "\"handles\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
         "\"mailboxes\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}",
         true, run_handles},
        {"capos__release", "Let go of a handle",
         "Lets go of a handle, or of a mailbox: what it stands for ends, if nobody else has it.",
         "\"handle\":{\"type\":\"string\"}", "\"handle\"", "\"released\":{\"type\":\"boolean\"}",
         false, run_release},
        {"capos__session", "Session",
         "Who the session is, until when, what a person has approved, and what waits for one.", "",
         "", "\"connected\":{\"type\":\"boolean\"}", true, run_session},
};

enum { BUILTINS = sizeof(builtins) / sizeof(builtins[0]), SCHEMA_TEXT = 2048, BYTES = 64 * 1024 };

static const struct builtin *builtin_find(const char *tool)
{
        for (unsigned i = 0; i < BUILTINS; i++)
                if (builtins[i].run && !strcmp(builtins[i].name, tool))
                        return &builtins[i];
        return NULL;
}

bool mcp_builtin_is(const char *tool)
{
        return builtin_find(tool);
}

unsigned mcp_builtin_count(void)
{
        return BUILTINS - 1;
}

/* ---- listing --------------------------------------------------------------------------------- */

static json_t *schema_of(const char *properties, const char *needed, bool closed)
{
        char text[SCHEMA_TEXT];

        (void)snprintf(text, sizeof(text), "{\"type\":\"object\",\"properties\":{%s}%s%s%s%s}",
                       properties, *needed ? ",\"required\":[" : "", needed, *needed ? "]" : "",
                       closed ? ",\"additionalProperties\":false" : "");
        return json_loads(text, 0, NULL);
}

static json_t *builtin_json(const struct builtin *b)
{
        json_t *o = json_pack("{s:s,s:s,s:s,s:o,s:{s:b,s:b,s:b,s:b}}", "name", b->name, "title",
                              b->title, "description", b->description, "inputSchema",
                              schema_of(b->input, b->needed, true), "annotations", "readOnlyHint",
                              b->reads, "destructiveHint", !b->run, "idempotentHint", b->reads,
                              "openWorldHint", !b->run);

        if (o && *b->output)
                (void)json_object_set_new(o, "outputSchema", schema_of(b->output, "", false));
        return o;
}

static int json_compare(const void *a, const void *b)
{
        return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "name")),
                      json_string_value(json_object_get(*(json_t *const *)b, "name")));
}

json_t *mcp_builtin_list(const struct mcp *m)
{
        json_t *all[MCP_LISTED + BUILTINS], *list = json_array();
        unsigned n = 0;

        for (unsigned i = 0; i < BUILTINS; i++)
                if (builtins[i].run || mcp_tools_are_many(&m->tools))
                        all[n++] = builtin_json(&builtins[i]);
        for (unsigned i = 0; i < m->tools.n && n < MCP_LISTED + BUILTINS; i++)
                if (m->tools.all[i].is_listed)
                        all[n++] = json_incref(m->tools.all[i].json);
        for (unsigned i = 0; i < n; i++)
                if (!all[i]) {
                        json_decref(list);
                        list = NULL;
                }
        if (list)
                qsort(all, n, sizeof(*all), json_compare);
        for (unsigned i = 0; i < n; i++)
                if (list)
                        (void)json_array_append_new(list, all[i]);
                else
                        json_decref(all[i]);
        return list;
}

/* ---- running --------------------------------------------------------------------------------- */

void mcp_builtin_begin(struct mcp *m, struct mcp_request *r)
{
        const struct builtin *b = builtin_find(r->tool);
        struct mcp_verdict v;

        if (!mcp_gate_count(
                    &m->gate,
                    &(struct mcp_case){.calls = mcp_serve_calls(&m->serve), .now_ms = mcp_now_ms()},
                    &v)) {
                mcp_note(m, "refused", r, NULL, v.by, v.code);
                mcp_request_fail(r, v.code, v.text);
                return;
        }
        mcp_note(m, "called", r, NULL, NULL, NULL);
        b->run(m, r);
}

static void finish(struct mcp *m, struct mcp_request *r, json_t *result)
{
        mcp_note(m, "returned", r, NULL, NULL, NULL);
        mcp_request_result(r, result);
}

/* Text of others: one line, harmless. */
static json_t *said(const char *s)
{
        char text[MCP_SAID];

        mcp_text_plain(s, text, sizeof(text));
        return json_string(text);
}

static json_t *time_json(uint64_t at_ms)
{
        char text[24];

        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)at_ms);
        return json_string(text);
}

/* In how many seconds something ends; null: with the session. */
static json_t *left_json(uint64_t until_ms, uint64_t now_ms)
{
        if (!until_ms)
                return json_null();
        return json_integer(until_ms > now_ms ? (json_int_t)((until_ms - now_ms + 999) / 1000) : 0);
}

static json_t *approvals_json(struct mcp *m)
{
        json_t *l = json_array();
        uint64_t now_ms = mcp_now_ms();

        mcp_grants_expire(&m->gate.grants, now_ms);
        for (unsigned i = 0; i < MCP_GRANTS; i++) {
                const struct mcp_grant *g = &m->gate.grants.all[i];

                if (!g->number)
                        continue;
                (void)json_array_append_new(
                        l, json_pack("{s:s,s:b,s:o,s:o,s:s}", "tool", g->tool, "thisCallAlone",
                                     g->is_exact, "callsLeft",
                                     g->left ? json_integer(g->left) : json_null(), "secondsLeft",
                                     left_json(g->until_ms, now_ms), "approvedBy", g->by));
        }
        return l;
}

static json_t *waiting_json(const struct mcp *m)
{
        json_t *l = json_array();

        for (unsigned i = 0; i < MCP_WAITING; i++) {
                const struct mcp_waiting *w = &m->gate.waiting[i];

                if (w->number && !w->refused)
                        (void)json_array_append_new(l, json_pack("{s:i,s:s}", "number",
                                                                 (int)w->number, "tool", w->tool));
        }
        return l;
}

static void run_session(struct mcp *m, struct mcp_request *r)
{
        struct capos_session_info i = {0};

        if (!m->client || !capos_client_info(m->client, &i)) {
                finish(m, r,
                       json_pack("{s:b,s:s,s:s}", "connected", 0, "code", m->why_code, "text",
                                 m->why));
                return;
        }
        finish(m, r,
               json_pack("{s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:i}", "connected", 1, "account",
                         said(i.account), "profile", said(i.profile), "kind", said(i.kind),
                         "expiresAtMs", time_json(i.expires_at_ms), "approvals", approvals_json(m),
                         "waiting", waiting_json(m), "tools", (int)m->tools.n));
}

static const char *interface_name(const struct mcp *m, uint64_t interface)
{
        const capnp_decl *d = capnp_schema_find(capos_client_schema_peek(m->client), interface);

        return d ? capnp_decl_name(d) : "";
}

static void run_capabilities(struct mcp *m, struct mcp_request *r)
{
        json_t *l = json_array();
        struct capos_cap_entry e;

        for (uint32_t i = 0; m->client && capos_client_entry(m->client, i, &e); i++)
                (void)json_array_append_new(
                        l, json_pack("{s:o,s:o,s:o,s:o,s:o}", "name", said(e.name), "title",
                                     said(e.title), "summary", said(e.summary), "interface",
                                     said(interface_name(m, e.interface)), "leaseExpiresAtMs",
                                     time_json(e.lease_expires_ms)));
        finish(m, r, json_pack("{s:o}", "capabilities", l));
}

/* Whether a tool is what was asked for: by its name, its capability, or its interface. */
static bool tool_is_of(const struct mcp_tool *k, const char *name, const struct mcp_handle *h)
{
        if (h)
                return !*k->capability && k->interface == h->interface;
        return !strcmp(k->name, name) || (*k->capability && !strcmp(k->capability, name));
}

static void run_describe(struct mcp *m, struct mcp_request *r)
{
        const char *name = json_string_value(json_object_get(r->arguments, "name"));
        const struct mcp_handle *h =
                name ? mcp_handles_find(&m->handles, name, mcp_now_ms()) : NULL;
        json_t *l = json_array(), *o;
        size_t bytes = 0;

        for (unsigned i = 0; name && i < m->tools.n && bytes < BYTES; i++) {
                const struct mcp_tool *k = &m->tools.all[i];

                if (!tool_is_of(k, name, h))
                        continue;
                bytes += json_dumpb(k->json, NULL, 0, JSON_COMPACT);
                if (bytes >= BYTES && json_array_size(l))
                        break;
                o = json_copy(k->json);
                (void)json_object_set_new(o, "method", json_string(k->m.name));
                (void)json_array_append_new(l, o);
        }
        if (!json_array_size(l)) {
                json_decref(l);
                mcp_note(m, "failed", r, NULL, NULL, "unknown-name");
                mcp_request_fail(
                        r, "unknown-name",
                        "there is no such capability, handle or tool that could be called");
                return;
        }
        finish(m, r, json_pack("{s:o}", "tools", l));
}

static void run_handles(struct mcp *m, struct mcp_request *r)
{
        json_t *handles = json_array(), *boxes = json_array();

        mcp_handles_expire(&m->handles, mcp_now_ms());
        for (unsigned i = 0; m->client && i < MCP_HANDLES; i++) {
                const struct mcp_handle *h = &m->handles.all[i];

                if (*h->word)
                        (void)json_array_append_new(
                                handles,
                                json_pack("{s:s,s:o,s:s}", "handle", h->word, "interface",
                                          said(interface_name(m, h->interface)), "from", h->root));
        }
        for (unsigned i = 0; m->client && i < MCP_MAILBOXES; i++) {
                const struct mcp_mailbox *b = &m->boxes.all[i];

                if (*b->word)
                        (void)json_array_append_new(
                                boxes, json_pack("{s:s,s:o,s:i,s:b}", "mailbox", b->word,
                                                 "interface", said(interface_name(m, b->interface)),
                                                 "events", (int)b->n, "ended", !b->ear));
        }
        finish(m, r, json_pack("{s:o,s:o}", "handles", handles, "mailboxes", boxes));
}

static void run_release(struct mcp *m, struct mcp_request *r)
{
        const char *word = json_string_value(json_object_get(r->arguments, "handle"));
        struct mcp_mailbox *b = word ? mcp_mailbox_find(&m->boxes, word) : NULL;
        bool released = b || (word && mcp_handles_release(&m->handles, word));

        if (b) {
                mcp_mailbox_drop(b);
                (void)mcp_events_look(m, mcp_now_ms());
        }
        finish(m, r, json_pack("{s:b}", "released", released));
}
