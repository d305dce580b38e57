/*
 * The protocol, in two revisions at once.
 *
 * By the one of 2026-07-28 a request says itself which revision it is of and what its client can
 * do; nothing opens a connection, the server sends no requests, and a question to the person is an
 * answer that the client comes back from. By those until 2025-11-25 `initialize` opens, and the
 * server asks by a request of its own. The difference is here, and nowhere else: a call begins once
 * more with what was answered, in either.
 *
 * Every method is a row of a table: its name, in which era it is legal, what it does. No method but
 * those of tools does anything outside: a client that only looks, as one does that starts a second
 * process to find out what we speak, leaves no trace.
 *
 * What runs is in a table of its own; an id that is there already is refused, and what was
 * cancelled is answered no more.
 */
#include "mcp-serve.h"

#include "mcp-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define META         "io.modelcontextprotocol/"
#define META_VERSION META "protocolVersion"
#define META_CAPS    META "clientCapabilities"
#define META_CLIENT  META "clientInfo"
#define META_SERVER  META "serverInfo"
#define META_STREAM  META "subscriptionId"

static const char MODERN[] = "2026-07-28";
/* The first is what is answered to one that we do not know. */
static const char *const legacy_versions[] = {"2025-11-25", "2025-06-18"};
static const char INSTRUCTIONS[] =
        "Tools are methods of capabilities that a session of a capOS instance holds. A result may "
        "hold references: {\"$cap\": \"h…\"} is a handle, to be passed as `on` or as an argument, "
        "and let go by capos__release. {\"$mailbox\": true} in place of a listener makes a "
        "mailbox, read by capos__events. capos__session says what is held, for how long, and what "
        "was approved.";

enum { NAME_BYTES = 128, ASK_ID = 32 };

/* What is known of the request that is being read. */
struct asked {
        struct mcp_serve *s;
        json_t *id, *params;
        bool is_modern, can_ask;
};

/* ---- sending --------------------------------------------------------------------------------- */

static void send_message(struct mcp_serve *s, json_t *m)
{
        if (m)
                s->ops->send(s->arg, m);
        json_decref(m);
}

static json_t *server_info(const struct mcp_serve *s)
{
        return json_pack("{s:s,s:s,s:s}", "name", "capos", "title", "capOS", "version", s->version);
}

/* Takes the result. */
static void send_result(struct mcp_serve *s, json_t *id, bool is_modern, json_t *result)
{
        if (is_modern && result && !json_object_get(result, "resultType"))
                (void)json_object_set_new(result, "resultType", json_string("complete"));
        if (is_modern && result)
                (void)json_object_set_new(result, "_meta",
                                          json_pack("{s:o}", META_SERVER, server_info(s)));
        send_message(s, result ? mcp_result_new(id, result)
                               : mcp_error_new(id, MCP_INTERNAL, "no memory", NULL));
}

static void send_error(struct mcp_serve *s, json_t *id, enum mcp_code code, const char *why)
{
        send_message(s, mcp_error_new(id, code, why, NULL));
}

/* ---- requests under way ---------------------------------------------------------------------- */

static struct mcp_request *request_find(struct mcp_serve *s, const json_t *id)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++)
                if (s->requests[i].state != MCP_FREE && json_equal(s->requests[i].id, id))
                        return &s->requests[i];
        return NULL;
}

static struct mcp_subscription *subscription_find(struct mcp_serve *s, const json_t *id)
{
        for (unsigned i = 0; i < MCP_SUBSCRIPTIONS; i++)
                if (s->subscriptions[i].id && json_equal(s->subscriptions[i].id, id))
                        return &s->subscriptions[i];
        return NULL;
}

static struct mcp_request *request_new(const struct asked *a)
{
        json_t *meta = json_object_get(a->params, "_meta");
        json_t *token = json_object_get(meta, "progressToken");

        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_request *r = &a->s->requests[i];

                if (r->state != MCP_FREE)
                        continue;
                *r = (struct mcp_request){.s = a->s,
                                          .state = MCP_RUNNING,
                                          .id = json_incref(a->id),
                                          .is_modern = a->is_modern,
                                          .can_ask = a->can_ask,
                                          .told_ms = a->s->now_ms};
                if (json_is_string(token) || json_is_integer(token))
                        r->token = json_incref(token);
                return r;
        }
        return NULL;
}

static void request_free(struct mcp_request *r)
{
        json_decref(r->id);
        json_decref(r->token);
        json_decref(r->arguments);
        free(r->tool);
        *r = (struct mcp_request){.state = MCP_FREE};
}

unsigned mcp_serve_calls(const struct mcp_serve *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < MCP_REQUESTS; i++)
                n += (s->requests[i].state == MCP_RUNNING || s->requests[i].state == MCP_ASKED) &&
                     s->requests[i].tool;
        return n;
}

static void request_end(struct mcp_request *r, json_t *result)
{
        send_result(r->s, r->id, r->is_modern, result);
        request_free(r);
}

void mcp_request_result(struct mcp_request *r, json_t *structured)
{
        char *text = structured ? mcp_text_json(structured) : NULL;
        json_t *result = NULL;

        if (text)
                result = json_pack("{s:[{s:s,s:s}],s:O,s:b}", "content", "type", "text", "text",
                                   text, "structuredContent", structured, "isError", 0);
        free(text);
        json_decref(structured);
        request_end(r, result);
}

void mcp_request_fail(struct mcp_request *r, const char *code, const char *text)
{
        json_t *why = json_pack("{s:s,s:s}", "code", code, "text", text);
        char *s = why ? mcp_text_json(why) : NULL;
        json_t *result = NULL;

        if (s)
                result = json_pack("{s:[{s:s,s:s}],s:b}", "content", "type", "text", "text", s,
                                   "isError", 1);
        free(s);
        json_decref(why);
        request_end(r, result);
}

void mcp_request_wrong(struct mcp_request *r, const char *text)
{
        send_error(r->s, r->id, MCP_INVALID_PARAMS, text);
        request_free(r);
}

/* ---- asking a person ------------------------------------------------------------------------- */

static void ask_modern(struct mcp_request *r, const char *question, bool lasting)
{
        char state[MCP_SEAL_TEXT];
        json_t *result = NULL;

        if (mcp_seal_make(&r->s->seals, r->digest, r->s->now_ms, state))
                result =
                        json_pack("{s:s,s:{s:{s:s,s:o}},s:s}", "resultType", "input_required",
                                  "inputRequests", "approve", "method", "elicitation/create",
                                  "params", mcp_ask_form(question, lasting), "requestState", state);
        request_end(r, result);
}

static void ask_id(const struct mcp_request *r, char to[static ASK_ID])
{
        (void)snprintf(to, ASK_ID, "approve-%u", r->ask);
}

/* Nobody needs to answer any more. */
static void ask_take_back(struct mcp_request *r)
{
        char id[ASK_ID];

        ask_id(r, id);
        send_message(r->s, mcp_notification_new("notifications/cancelled",
                                                json_pack("{s:s}", "requestId", id)));
}

static void ask_legacy(struct mcp_request *r, const char *question, bool lasting)
{
        char id[ASK_ID];

        r->state = MCP_ASKED;
        r->ask = ++r->s->asks;
        r->until_ms = r->s->now_ms + r->s->seals.life_ms;
        ask_id(r, id);
        send_message(r->s,
                     mcp_request_new(id, "elicitation/create", mcp_ask_form(question, lasting)));
}

void mcp_request_ask(struct mcp_request *r, const char *question, bool lasting)
{
        if (r->is_modern)
                ask_modern(r, question, lasting);
        else
                ask_legacy(r, question, lasting);
}

/* A response: there are none but to questions of ours. */
static void on_response(struct mcp_serve *s, const struct mcp_message *m)
{
        const char *id = json_string_value(m->id);
        char own[ASK_ID];

        for (unsigned i = 0; id && i < MCP_REQUESTS; i++) {
                struct mcp_request *r = &s->requests[i];

                ask_id(r, own);
                if (r->state != MCP_ASKED || strcmp(id, own) != 0)
                        continue;
                r->state = MCP_RUNNING;
                s->ops->call(s->arg, r, mcp_ask_read(m->result));
                return;
        }
}

/* What a modern client brings with a call that it repeats. */
static enum mcp_answer answer_of_call(struct mcp_request *r, json_t *params)
{
        const char *state = json_string_value(json_object_get(params, "requestState"));
        json_t *answer = json_object_get(json_object_get(params, "inputResponses"), "approve");

        if (!r->is_modern || !state || !answer ||
            !mcp_seal_open(&r->s->seals, state, r->digest, r->s->now_ms))
                return MCP_UNASKED;
        return mcp_ask_read(answer);
}

/* ---- tools ----------------------------------------------------------------------------------- */

static void tools_send(struct mcp_request *r)
{
        json_t *tools = r->s->ops->tools(r->s->arg);
        json_t *result = tools ? json_pack("{s:o}", "tools", tools) : NULL;

        if (result && r->is_modern) {
                (void)json_object_set_new(result, "ttlMs", json_integer(0));
                (void)json_object_set_new(result, "cacheScope", json_string("private"));
        }
        r->s->listed = true;
        request_end(r, result);
}

static void on_tools_list(const struct asked *a)
{
        struct mcp_request *r;

        if (json_is_string(json_object_get(a->params, "cursor"))) {
                send_error(a->s, a->id, MCP_INVALID_PARAMS, "there is no such `cursor`");
                return;
        }
        r = request_new(a);
        if (!r)
                send_error(a->s, a->id, MCP_INTERNAL, "too many requests are under way");
        else if (a->s->ops->ready(a->s->arg))
                tools_send(r);
        else
                r->state = MCP_PARKED;
}

static void on_tools_call(const struct asked *a)
{
        const char *name = json_string_value(json_object_get(a->params, "name"));
        json_t *arguments = json_object_get(a->params, "arguments");
        struct mcp_request *r = NULL;

        arguments = json_is_null(arguments) ? NULL : arguments;
        if (!name || strlen(name) > NAME_BYTES || (arguments && !json_is_object(arguments))) {
                send_error(a->s, a->id, MCP_INVALID_PARAMS,
                           name ? "`arguments` is no object" : "`name` is no name");
                return;
        }
        r = request_new(a);
        if (r) {
                r->tool = strdup(name);
                r->arguments = arguments ? json_incref(arguments) : json_object();
        }
        if (!r || !r->tool || !r->arguments || !mcp_digest(name, r->arguments, r->digest)) {
                send_error(a->s, a->id, MCP_INTERNAL,
                           r ? "no memory" : "too many requests are under way");
                if (r)
                        request_free(r);
                return;
        }
        if (a->s->ops->ready(a->s->arg))
                a->s->ops->call(a->s->arg, r, answer_of_call(r, a->params));
        else
                r->state = MCP_PARKED;
}

void mcp_serve_ready(struct mcp_serve *s)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_request *r = &s->requests[i];

                if (r->state != MCP_PARKED)
                        continue;
                r->state = MCP_RUNNING;
                if (r->tool)
                        s->ops->call(s->arg, r, MCP_UNASKED);
                else
                        tools_send(r);
        }
}

/* ---- what opens ------------------------------------------------------------------------------ */

static void client_tell(struct mcp_serve *s, const json_t *info)
{
        const char *name = json_string_value(json_object_get(info, "name"));
        const char *version = json_string_value(json_object_get(info, "version"));

        if (name)
                s->ops->client(s->arg, name, version ? version : "");
}

static json_t *capabilities(void)
{
        return json_pack("{s:{s:b}}", "tools", "listChanged", 1);
}

static json_t *versions(void)
{
        json_t *l = json_array();

        (void)json_array_append_new(l, json_string(MODERN));
        for (unsigned i = 0; i < sizeof(legacy_versions) / sizeof(legacy_versions[0]); i++)
                (void)json_array_append_new(l, json_string(legacy_versions[i]));
        return l;
}

static void on_initialize(const struct asked *a)
{
        const char *asked = json_string_value(json_object_get(a->params, "protocolVersion"));
        const char *version = legacy_versions[0];

        if (!asked || a->s->initialized) {
                send_error(a->s, a->id, asked ? MCP_INVALID_REQUEST : MCP_INVALID_PARAMS,
                           asked ? "`initialize` was there already"
                                 : "`protocolVersion` is no text");
                return;
        }
        for (unsigned i = 0; i < sizeof(legacy_versions) / sizeof(legacy_versions[0]); i++)
                if (!strcmp(asked, legacy_versions[i]))
                        version = legacy_versions[i];
        a->s->initialized = true;
        a->s->legacy_can_ask = mcp_ask_can(json_object_get(a->params, "capabilities"));
        client_tell(a->s, json_object_get(a->params, "clientInfo"));
        send_result(a->s, a->id, false,
                    json_pack("{s:s,s:o,s:o,s:s}", "protocolVersion", version, "capabilities",
                              capabilities(), "serverInfo", server_info(a->s), "instructions",
                              INSTRUCTIONS));
}

static void on_discover(const struct asked *a)
{
        send_result(a->s, a->id, true,
                    json_pack("{s:o,s:o,s:s,s:i,s:s}", "supportedVersions", versions(),
                              "capabilities", capabilities(), "instructions", INSTRUCTIONS, "ttlMs",
                              0, "cacheScope", "private"));
}

static void on_ping(const struct asked *a)
{
        send_result(a->s, a->id, a->is_modern, json_object());
}

/* ---- what changes ---------------------------------------------------------------------------- */

static void on_listen(const struct asked *a)
{
        json_t *wanted = json_object_get(a->params, "notifications");
        bool tools = json_is_true(json_object_get(wanted, "toolsListChanged"));
        struct mcp_subscription *place = NULL;
        json_t *agreed = json_object();

        for (unsigned i = 0; i < MCP_SUBSCRIPTIONS; i++)
                if (!a->s->subscriptions[i].id)
                        place = &a->s->subscriptions[i];
        if (!place || !agreed) {
                send_error(a->s, a->id, MCP_INTERNAL, "too many subscriptions");
                json_decref(agreed);
                return;
        }
        *place = (struct mcp_subscription){json_incref(a->id), tools};
        if (tools)
                (void)json_object_set_new(agreed, "toolsListChanged", json_true());
        send_message(a->s, mcp_notification_new("notifications/subscriptions/acknowledged",
                                                json_pack("{s:{s:O},s:o}", "_meta", META_STREAM,
                                                          a->id, "notifications", agreed)));
}

void mcp_serve_changed(struct mcp_serve *s)
{
        static const char changed[] = "notifications/tools/list_changed";

        /* A client that hears it while it waits for its first list takes that for an old one. */
        if (!s->listed)
                return;

        for (unsigned i = 0; i < MCP_SUBSCRIPTIONS; i++)
                if (s->subscriptions[i].tools)
                        send_message(
                                s, mcp_notification_new(changed,
                                                        json_pack("{s:{s:O}}", "_meta", META_STREAM,
                                                                  s->subscriptions[i].id)));
        if (s->may_notify)
                send_message(s, mcp_notification_new(changed, NULL));
}

static void on_cancelled(struct mcp_serve *s, const json_t *params)
{
        const json_t *id = json_object_get(params, "requestId");
        struct mcp_request *r = id ? request_find(s, id) : NULL;
        struct mcp_subscription *place = id ? subscription_find(s, id) : NULL;

        if (r && r->state == MCP_ASKED)
                ask_take_back(r);
        if (r) {
                s->ops->cancel(s->arg, r);
                request_free(r);
        }
        if (place) {
                json_decref(place->id);
                *place = (struct mcp_subscription){0};
        }
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { LEGACY = 1, MODERN_ERA = 2, UNOPENED = 4 };

static const struct method {
        const char *name;
        unsigned eras; /* in which it is legal */
        void (*run)(const struct asked *a);
} methods[] = {
        {"initialize", LEGACY | UNOPENED, on_initialize},
        {"ping", LEGACY | UNOPENED | MODERN_ERA, on_ping},
        {"server/discover", MODERN_ERA, on_discover},
        {"subscriptions/listen", MODERN_ERA, on_listen},
        {"tools/call", LEGACY | MODERN_ERA, on_tools_call},
        {"tools/list", LEGACY | MODERN_ERA, on_tools_list},
};

static const struct method *method_find(const char *name)
{
        for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                if (!strcmp(methods[i].name, name))
                        return &methods[i];
        return NULL;
}

/* The era that a request is of, by what it says itself. false: it was answered. */
static bool era_read(struct asked *a, unsigned *ret_era)
{
        json_t *meta = json_object_get(a->params, "_meta");
        json_t *version = json_object_get(meta, META_VERSION);
        json_t *caps = json_object_get(meta, META_CAPS);
        const char *text = json_string_value(version);

        *ret_era = a->s->initialized ? LEGACY : UNOPENED;
        a->can_ask = a->s->legacy_can_ask;
        if (!version)
                return true;
        if (!text || strcmp(text, MODERN) != 0) {
                send_message(a->s, mcp_error_new(a->id, MCP_VERSION, "this revision is not spoken",
                                                 json_pack("{s:o,s:O}", "supported", versions(),
                                                           "requested", version)));
                return false;
        }
        if (!json_is_object(caps)) {
                send_error(a->s, a->id, MCP_INVALID_PARAMS, "`_meta` lacks `" META_CAPS "`");
                return false;
        }
        *ret_era = MODERN_ERA;
        a->is_modern = true;
        a->can_ask = mcp_ask_can(caps);
        client_tell(a->s, json_object_get(meta, META_CLIENT));
        return true;
}

static void on_request(struct mcp_serve *s, const struct mcp_message *m)
{
        const struct method *k = method_find(m->method);
        struct asked a = {.s = s, .id = m->id, .params = m->params};
        unsigned era;

        if (request_find(s, m->id) || subscription_find(s, m->id)) {
                send_error(s, m->id, MCP_INVALID_REQUEST, "a request with this `id` is under way");
                return;
        }
        if (!era_read(&a, &era))
                return;
        if (!k) {
                send_error(s, m->id, MCP_NO_METHOD, "there is no such method");
                return;
        }
        if (k->eras & era)
                k->run(&a);
        else if (era == UNOPENED || k->eras == MODERN_ERA)
                send_error(s, m->id, MCP_INVALID_PARAMS,
                           "`_meta` lacks `" META_VERSION "`, and nothing was initialized");
        else
                send_error(s, m->id, MCP_NO_METHOD, "this revision has no such method");
}

static void on_notification(struct mcp_serve *s, const struct mcp_message *m)
{
        if (!strcmp(m->method, "notifications/cancelled"))
                on_cancelled(s, m->params);
        else if (!strcmp(m->method, "notifications/initialized"))
                s->may_notify = s->initialized;
}

void mcp_serve_line(struct mcp_serve *s, capnp_text line, uint64_t now_ms)
{
        struct mcp_message m;

        s->now_ms = now_ms;
        mcp_message_read(&m, line);
        switch (m.kind) {
        case MCP_BAD:
                send_error(s, m.id, m.code, m.why);
                break;
        case MCP_REQUEST:
                on_request(s, &m);
                break;
        case MCP_NOTIFICATION:
                on_notification(s, &m);
                break;
        case MCP_RESPONSE:
                on_response(s, &m);
                break;
        }
        mcp_message_deinit(&m);
}

void mcp_serve_lost(struct mcp_serve *s, uint64_t now_ms)
{
        s->now_ms = now_ms;
        send_error(s, NULL, MCP_PARSE, "the line is longer than 1 MiB");
}

/* ---- time ------------------------------------------------------------------------------------ */

static void progress_send(struct mcp_request *r)
{
        send_message(r->s, mcp_notification_new("notifications/progress",
                                                json_pack("{s:O,s:i}", "progressToken", r->token,
                                                          "progress", (int)++r->progress)));
        r->told_ms = r->s->now_ms;
}

uint32_t mcp_serve_tick(struct mcp_serve *s, uint64_t now_ms)
{
        bool again = false;

        s->now_ms = now_ms;
        for (unsigned i = 0; i < MCP_REQUESTS; i++) {
                struct mcp_request *r = &s->requests[i];

                if (r->state == MCP_ASKED && now_ms >= r->until_ms) {
                        ask_take_back(r);
                        r->state = MCP_RUNNING;
                        s->ops->call(s->arg, r, MCP_LATE);
                } else if (r->state == MCP_RUNNING && r->token &&
                           now_ms - r->told_ms >= MCP_PROGRESS_MS) {
                        progress_send(r);
                }
                again |= r->state == MCP_ASKED || (r->state == MCP_RUNNING && r->token);
        }
        return again ? MCP_PROGRESS_MS : 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

bool mcp_serve_init(struct mcp_serve *s, const struct mcp_serve_ops *ops, void *arg,
                    const char *version)
{
        *s = (struct mcp_serve){.ops = ops, .arg = arg, .version = version};
        return mcp_seals_init(&s->seals);
}

void mcp_serve_deinit(struct mcp_serve *s)
{
        for (unsigned i = 0; i < MCP_REQUESTS; i++)
                request_free(&s->requests[i]);
        for (unsigned i = 0; i < MCP_SUBSCRIPTIONS; i++)
                json_decref(s->subscriptions[i].id);
        mcp_seals_deinit(&s->seals);
}
