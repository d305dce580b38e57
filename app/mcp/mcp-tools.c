/*
 * Tools are methods: those that the session's capabilities were granted with, and those of whatever
 * these can return, found in the schemas from the start. So the list does not depend on what was
 * called; it changes when what the session holds changes, and is in the same order always.
 *
 * Methods that are about showing something to a person (UiComposer), describing what we know by
 * schema anyway (CommandSurface), or the session itself (UserSession; `capos__session` says what a
 * model may know) are no tools, and what takes or returns something of an unknown type is none.
 *
 * More than sixty are too many for a model. Then those of capabilities come first, and what is left
 * out is called by name with `capos__call`.
 */
#include "mcp-tools.h"

#include "mcp-text.h"
#include "remote_ui.capnp-c.h"
#include "user_session.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TYPE_STRUCT = 16, TYPE_INTERFACE = 17, STRUCTS = 1024, SCHEMA_BYTES = 32 * 1024 };

#define ANNOTATION_EFFECT UINT64_C(0xc8a77c2f6d0be391)
#define ANNOTATION_TITLE  UINT64_C(0xd71f0a52b4c36e88)

/* ---- what a method is ------------------------------------------------------------------------ */

enum command_effect mcp_effect(const capnp_schema *s, const struct capnp_method_info *m)
{
        struct capnp_annotation a;

        if (capnp_method_annotation(s, m, ANNOTATION_EFFECT, &a) ||
            !command_effect_name((enum command_effect)a.bits))
                return COMMAND_EFFECT_LASTING;
        return (enum command_effect)a.bits;
}

const char *mcp_effect_words(enum command_effect e)
{
        switch (e) {
        case COMMAND_EFFECT_READS:
                return "changes nothing";
        case COMMAND_EFFECT_OWN:
                return "changes only what is the session's own";
        case COMMAND_EFFECT_SHARED:
                return "others see it";
        case COMMAND_EFFECT_LASTING:
                break;
        }
        return "may not be undone";
}

bool mcp_entry_is_held(const capos_client *c, const char *name, struct capos_cap_entry *e)
{
        struct capos_cap_entry found;
        struct timespec now;

        e = e ? e : &found;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        return capos_client_find(c, name, e) &&
               e->lease_expires_ms > (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool mcp_interface_fits(const capnp_schema *s, uint64_t have, uint64_t want)
{
        struct capnp_method_info m;

        if (!want || have == want)
                return true;
        for (uint32_t i = 0; !capnp_schema_method(s, have, i, &m); i++)
                if (m.interface == want)
                        return true;
        return false;
}

static bool method_is_tool(const struct capnp_method_info *m)
{
        return m->interface != UI_COMPOSER_ID && m->interface != COMMAND_SURFACE_ID &&
               m->interface != USER_SESSION_ID;
}

/* ---- which interfaces there are -------------------------------------------------------------- */

static bool interfaces_have(const struct mcp_interfaces *l, uint64_t id)
{
        for (unsigned i = 0; i < l->n; i++)
                if (l->id[i] == id)
                        return true;
        return false;
}

static void interfaces_add(struct mcp_interfaces *l, uint64_t id)
{
        if (l->n < MCP_INTERFACES && !interfaces_have(l, id))
                l->id[l->n++] = id;
}

/* A walk through the types of results: structs that were seen, or are to be looked at. */
struct walk {
        const capnp_schema *s;
        struct mcp_interfaces *found;
        uint64_t structs[STRUCTS];
        unsigned n, done;
};

static void walk_add(struct walk *w, uint64_t type)
{
        for (unsigned i = 0; i < w->n; i++)
                if (w->structs[i] == type)
                        return;
        if (w->n < STRUCTS)
                w->structs[w->n++] = type;
}

static void walk_struct(struct walk *w, const capnp_decl *d)
{
        struct capnp_field_info f;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++) {
                if (f.base_type == TYPE_INTERFACE && f.type && capnp_schema_find(w->s, f.type))
                        interfaces_add(w->found, f.type);
                else if (f.base_type == TYPE_STRUCT && f.type)
                        walk_add(w, f.type);
        }
}

static void walk_run(struct walk *w)
{
        while (w->done < w->n)
                walk_struct(w, capnp_schema_find(w->s, w->structs[w->done++]));
}

static void walk_interface(struct walk *w, uint64_t interface)
{
        struct capnp_method_info m;

        for (uint32_t i = 0; !capnp_schema_method(w->s, interface, i, &m); i++)
                if (method_is_tool(&m))
                        walk_add(w, m.results);
        walk_run(w);
}

bool mcp_tools_is_mailbox(const struct mcp_tools *t, const capnp_schema *s, uint64_t interface)
{
        const capnp_decl *d = capnp_schema_find(s, interface);

        if (!d || capnp_decl_kind(d) != CAPNP_DECL_INTERFACE)
                return false;
        for (unsigned i = 0; i < t->results.n; i++)
                if (mcp_interface_fits(s, t->results.id[i], interface))
                        return false;
        for (unsigned i = 0; i < t->caps.n; i++)
                if (mcp_interface_fits(s, t->caps.id[i], interface))
                        return false;
        return true;
}

/* ---- collecting ------------------------------------------------------------------------------ */

static void tool_add(struct mcp_tools *t, const struct mcp_source *s, const char *capability,
                     uint64_t interface, const struct capnp_method_info *m)
{
        const capnp_schema *schema = capos_client_schema_peek(s->client);
        const capnp_decl *d = capnp_schema_find(schema, interface);
        struct mcp_tool *k = &t->all[t->n];

        if (t->n == MCP_TOOLS || !d || !method_is_tool(m))
                return;
        *k = (struct mcp_tool){.interface = interface, .m = *m, .effect = mcp_effect(schema, m)};
        (void)snprintf(k->capability, sizeof(k->capability), "%s", capability);
        mcp_name_make(*capability ? capability : capnp_decl_short_name(d), m, false, k->name);
        t->n++;
}

static int tool_compare(const void *a, const void *b)
{
        return strcmp(((const struct mcp_tool *)a)->name, ((const struct mcp_tool *)b)->name);
}

static bool name_is_ours(const char *name)
{
        return !strncmp(name, "capos__", strlen("capos__"));
}

/* Whatever has the name of another one gets a hash, all that share it; and what looks like a tool
 * of our own. */
static void names_part(struct mcp_tools *t, const capnp_schema *s)
{
        for (unsigned i = 0, end; i < t->n; i = end) {
                bool parted;

                for (end = i + 1; end < t->n && !strcmp(t->all[i].name, t->all[end].name);)
                        end++;
                parted = end - i > 1 || name_is_ours(t->all[i].name);
                for (unsigned j = i; parted && j < end; j++) {
                        struct mcp_tool *k = &t->all[j];
                        const capnp_decl *d = capnp_schema_find(s, k->interface);

                        mcp_name_make(*k->capability ? k->capability : capnp_decl_short_name(d),
                                      &k->m, true, k->name);
                }
        }
        qsort(t->all, t->n, sizeof(*t->all), tool_compare);
}

static bool listed_by_policy(const struct mcp_source *s, const struct mcp_tool *k)
{
        return mcp_policy_lists(s->policy, k->name, k->effect);
}

/* Leaves out what the policy refuses whatever the arguments. */
static void tools_sift(struct mcp_tools *t, const struct mcp_source *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < t->n; i++)
                if (listed_by_policy(s, &t->all[i]))
                        t->all[n++] = t->all[i];
        t->n = n;
}

int mcp_tools_make(struct mcp_tools *t, const struct mcp_source *s)
{
        const capnp_schema *schema = capos_client_schema_peek(s->client);
        struct walk *w = calloc(1, sizeof(*w));
        struct capnp_method_info m;
        struct capos_cap_entry e;

        *t = (struct mcp_tools){.all = calloc(MCP_TOOLS, sizeof(*t->all))};
        if (!w || !t->all) {
                free(w);
                mcp_tools_deinit(t);
                return -ENOMEM;
        }
        *w = (struct walk){.s = schema, .found = &t->results};
        for (uint32_t i = 0; capos_client_entry(s->client, i, &e); i++) {
                if (strlen(e.name) >= MCP_CAP_NAME || !mcp_entry_is_held(s->client, e.name, NULL))
                        continue;
                interfaces_add(&t->caps, e.interface);
                for (uint32_t k = 0; !capnp_schema_method(schema, e.interface, k, &m); k++) {
                        if (!capos_client_entry_has(s->client, e.name, m.interface, m.ordinal))
                                continue;
                        tool_add(t, s, e.name, e.interface, &m);
                        if (method_is_tool(&m))
                                walk_add(w, m.results);
                }
        }
        walk_run(w);
        for (unsigned i = 0; i < t->results.n; i++)
                walk_interface(w, t->results.id[i]);
        for (unsigned i = 0; i < t->results.n; i++)
                for (uint32_t k = 0; !capnp_schema_method(schema, t->results.id[i], k, &m); k++)
                        tool_add(t, s, "", t->results.id[i], &m);
        free(w);
        qsort(t->all, t->n, sizeof(*t->all), tool_compare);
        names_part(t, schema);
        tools_sift(t, s);
        return 0;
}

/* ---- describing ------------------------------------------------------------------------------ */

static json_t *schema_print(const capnp_schema *s, uint64_t type, enum capnp_jsonschema what,
                            const struct capnp_dynamic_opts *o, int *ret_r)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = SCHEMA_BYTES};
        json_t *j;

        *ret_r = capnp_jsonschema_print(s, type, what, o, &b);
        if (*ret_r)
                return NULL;
        j = json_loadb(b.p, b.len, JSON_REJECT_DUPLICATES, NULL);
        *ret_r = j ? 0 : CAPNP_E_UNKNOWN;
        return j;
}

/* The argument that is the handle: required, and called as no parameter is. */
static void input_add_on(struct mcp_tool *k, const capnp_decl *interface, json_t *input)
{
        json_t *properties = json_object_get(input, "properties");
        json_t *required = json_object_get(input, "required");
        char text[200];

        if (!required) {
                required = json_array();
                (void)json_object_set_new(input, "required", required);
        }
        (void)snprintf(k->on, sizeof(k->on), "on");
        while (json_object_get(properties, k->on) && strlen(k->on) + 2 < sizeof(k->on))
                memcpy(k->on + strlen(k->on), "_", 2);
        (void)snprintf(text, sizeof(text), "The handle of a %.100s: the text of `$cap` in a result",
                       capnp_decl_short_name(interface));
        (void)json_object_set_new(properties, k->on,
                                  json_pack("{s:s,s:s}", "type", "string", "description", text));
        (void)json_array_append_new(required, json_string(k->on));
}

/* What a call with mailboxes returns besides. */
static void output_add_mailboxes(const json_t *input, json_t *output)
{
        char *text = json_dumps(input, JSON_COMPACT);

        if (text && strstr(text, "\"$mailbox\""))
                (void)json_object_set_new(
                        json_object_get(output, "properties"), "$mailboxes",
                        json_pack("{s:s,s:s,s:{s:s}}", "type", "object", "description",
                                  "The mailboxes that were made, by the arguments that they are "
                                  "for: to be read by capos__events",
                                  "additionalProperties", "type", "string"));
        free(text);
}

static void time_write(uint64_t at_ms, char *to, size_t room)
{
        time_t at = (time_t)(at_ms / 1000);
        struct tm tm;

        if (!gmtime_r(&at, &tm) || !strftime(to, room, "%Y-%m-%dT%H:%M:%SZ", &tm))
                *to = 0;
}

static json_t *description(const struct mcp_tool *k, const struct mcp_source *s)
{
        const capnp_schema *schema = capos_client_schema_peek(s->client);
        const capnp_decl *d = capnp_schema_find(schema, k->interface);
        struct capos_cap_entry e = {.title = ""};
        struct capos_session_info info = {0};
        char said[MCP_SAID], title[128], lease[96] = "", at[40], text[MCP_SAID + 600];

        mcp_text_plain(capnp_method_doc(schema, &k->m), said, sizeof(said));
        (void)capos_client_info(s->client, &info);
        if (*k->capability && capos_client_find(s->client, k->capability, &e) &&
            e.lease_expires_ms && e.lease_expires_ms < info.expires_at_ms) {
                time_write(e.lease_expires_ms, at, sizeof(at));
                (void)snprintf(lease, sizeof(lease), " Held until %s.", at);
        }
        mcp_text_plain(*k->capability ? e.title : capnp_decl_short_name(d), title, sizeof(title));
        (void)snprintf(text, sizeof(text), "%s%s%s. Effect: %s.%s%s%s",
                       *k->capability ? "" : "On a ", *title ? title : k->capability,
                       *k->capability ? "" : " that was returned", mcp_effect_words(k->effect),
                       lease, *said ? " Its author says: " : "", said);
        return json_string(text);
}

static json_t *title_of(const struct mcp_tool *k, const capnp_schema *s)
{
        struct capnp_annotation a;
        char title[128] = "";

        if (!capnp_method_annotation(s, &k->m, ANNOTATION_TITLE, &a) && a.text.p)
                mcp_text_plain(a.text.p, title, sizeof(title));
        if (!*title)
                mcp_text_plain(k->m.name, title, sizeof(title));
        return json_string(title);
}

/* 0; > 0: it cannot be described; -ENOMEM. */
static int tool_describe(struct mcp_tool *k, const struct mcp_source *s,
                         const struct capnp_dynamic_opts *opts)
{
        const capnp_schema *schema = capos_client_schema_peek(s->client);
        bool reads = k->effect == COMMAND_EFFECT_READS;
        json_t *input, *output = NULL;
        int r;

        input = schema_print(schema, k->m.params, CAPNP_JSONSCHEMA_PARAMS, opts, &r);
        if (!r)
                output = schema_print(schema, k->m.results, CAPNP_JSONSCHEMA_RESULTS, opts, &r);
        if (r) {
                json_decref(input);
                return r;
        }
        if (!*k->capability)
                input_add_on(k, capnp_schema_find(schema, k->interface), input);
        output_add_mailboxes(input, output);
        k->json = json_pack("{s:s,s:o,s:o,s:o,s:o,s:{s:b,s:b,s:b,s:b}}", "name", k->name, "title",
                            title_of(k, schema), "description", description(k, s), "inputSchema",
                            input, "outputSchema", output, "annotations", "readOnlyHint", reads,
                            "destructiveHint", k->effect == COMMAND_EFFECT_LASTING,
                            "idempotentHint", reads, "openWorldHint",
                            k->effect != COMMAND_EFFECT_READS && k->effect != COMMAND_EFFECT_OWN);
        return k->json ? 0 : -ENOMEM;
}

/* Those of capabilities first, as far as there is room. */
static void tools_choose(struct mcp_tools *t, unsigned room)
{
        for (unsigned handles = 0; handles < 2; handles++)
                for (unsigned i = 0; i < t->n && room; i++) {
                        if (!*t->all[i].capability != !!handles)
                                continue;
                        t->all[i].is_listed = true;
                        room--;
                }
}

int mcp_tools_describe(struct mcp_tools *t, const struct mcp_source *s,
                       const struct capnp_dynamic_opts *opts)
{
        unsigned n = 0, room = MCP_LISTED - s->builtins;
        int r = 0;

        for (unsigned i = 0; i < t->n && r >= 0; i++) {
                r = tool_describe(&t->all[i], s, opts);
                if (!r)
                        t->all[n++] = t->all[i];
        }
        t->n = n;
        /* One place is for the tool that calls what has none. */
        tools_choose(t, n > room ? room - 1 : room);
        return r < 0 ? r : 0;
}

void mcp_tools_deinit(struct mcp_tools *t)
{
        for (unsigned i = 0; t->all && i < t->n; i++)
                json_decref(t->all[i].json);
        free(t->all);
        *t = (struct mcp_tools){0};
}

/* ---- looking --------------------------------------------------------------------------------- */

bool mcp_tools_are_many(const struct mcp_tools *t)
{
        for (unsigned i = 0; i < t->n; i++)
                if (!t->all[i].is_listed)
                        return true;
        return false;
}

bool mcp_tools_equal(const struct mcp_tools *a, const struct mcp_tools *b)
{
        if (a->n != b->n)
                return false;
        for (unsigned i = 0; i < a->n; i++)
                if (a->all[i].is_listed != b->all[i].is_listed ||
                    !json_equal(a->all[i].json, b->all[i].json))
                        return false;
        return true;
}

const struct mcp_tool *mcp_tools_find(const struct mcp_tools *t, const char *name)
{
        struct mcp_tool key;

        if (strlen(name) >= sizeof(key.name) || !t->n)
                return NULL;
        (void)snprintf(key.name, sizeof(key.name), "%s", name);
        return bsearch(&key, t->all, t->n, sizeof(*t->all), tool_compare);
}

const struct mcp_tool *mcp_tools_find_method(const struct mcp_tools *t, const char *capability,
                                             uint64_t interface, const char *method)
{
        for (unsigned i = 0; i < t->n; i++) {
                const struct mcp_tool *k = &t->all[i];

                if (!strcmp(k->capability, capability) && !strcmp(k->m.name, method) &&
                    (*capability || k->interface == interface))
                        return k;
        }
        return NULL;
}
