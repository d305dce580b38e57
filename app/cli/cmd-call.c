/*
 * Calling any method of any capability from its schema alone. The schema comes from the instance,
 * once a command; parameters are JSON, or words like `name=value` from which JSON is made with the
 * help of the field's type.
 */
#include "cli-near.h"
#include "params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES = 16 * 1024 * 1024 };

/* ---- the schema --------------------------------------------------------------------------- */

static int cap_unknown(struct cli *c)
{
        struct cli_near near = {.word = c->words[0]};
        struct capos_cap_entry e;
        char hint[128];

        for (uint32_t i = 0; capos_client_entry(c->client, i, &e); i++)
                cli_near_try(&near, e.name);
        return cli_fail(c, EXIT_DENIED, "denied.unknown-name",
                        "%s: the session has no such capability%s (`capos caps` lists what it has)",
                        c->words[0], cli_near_text(&near, hint, sizeof(hint)));
}

/* Finds the capability that the first word names, and its schema. An exit code. */
static int cap_open(struct cli *c, struct capos_cap_entry *ret_e)
{
        int r = cli_open_and_fetch(c);

        if (r)
                return r;
        if (!capos_client_find(c->client, c->words[0], ret_e))
                return cap_unknown(c);

        r = capos_client_wait(c->client,
                              capos_client_fetch_schema(c->client, ret_e->interface, NULL, NULL));
        return r ? cli_fail_error(c, capos_client_error_peek(c->client), c->words[0]) : EXIT_OK;
}

/* "motd, uptime, version": for who has mistyped. */
static void methods_name(const capnp_schema *s, uint64_t interface, struct cli_near *near, char *to,
                         size_t room)
{
        struct capnp_method_info m;
        size_t len = 0;

        to[0] = 0;
        for (uint32_t i = 0; !capnp_schema_method(s, interface, i, &m); i++) {
                cli_near_try(near, m.name);
                if (len < room)
                        len += (size_t)snprintf(to + len, room - len, "%s%s", i ? ", " : "",
                                                m.name);
        }
}

static int method_find(struct cli *c, const struct capos_cap_entry *e, struct capnp_method_info *m)
{
        const capnp_schema *s = capos_client_schema_peek(c->client);
        struct cli_near near = {.word = c->words[1]};
        char names[400], hint[128];

        if (!capnp_schema_find_method(s, e->interface, c->words[1], m))
                return EXIT_OK;

        methods_name(s, e->interface, &near, names, sizeof(names));
        return cli_fail(c, EXIT_USAGE, "unknown-method", "%s has no method %s%s; it has: %s",
                        e->name, c->words[1], cli_near_text(&near, hint, sizeof(hint)), names);
}

/* ---- call --------------------------------------------------------------------------------- */

static int fault_fail(struct cli *c, int r, const struct capnp_fault *f)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf line = {0};

        capnp_buf_init(&line, 1024);
        if ((r != CAPNP_E_SYNTAX && r != CAPNP_E_UNKNOWN) || !f->what[0] ||
            capnp_fault_print(f, NULL, &line))
                return cli_fail_code(c, r, "parameters");
        return cli_fail(c, EXIT_USAGE, "parameters", "parameters: %s", line.p);
}

static int results_print(struct cli *c, const struct capnp_method_info *m, capnp_question *q)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf out = {0};
        struct capnp_dynamic_opts o = {.pretty = !c->json};
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

        /* JSON has no control characters; the pretty form is for eyes. */
        if (c->json)
                (void)fwrite(out.p, 1, out.len, stdout);
        else
                for (char *line = out.p; line;) {
                        char *end = strchr(line, '\n');

                        if (end)
                                *end = 0;
                        cli_print_safe(line);
                        if (end)
                                (void)putchar('\n');
                        line = end ? end + 1 : NULL;
                }
        (void)putchar('\n');
        return EXIT_OK;
}

int cmd_call(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_cap_entry e;
        struct capnp_dynamic_method dm;
        struct capnp_method_info m;
        struct capnp_dynamic_opts strict = {.reject_unknown = true};
        struct capnp_fault f = {0};
        char doing[300], *params = NULL;
        bool typed = false;
        int r;

        r = cap_open(c, &e);
        if (!r)
                r = method_find(c, &e, &m);
        if (!r)
                r = params_read(c, &m, &params, &typed);
        if (r)
                return r;

        cap = capos_client_get(c->client, e.name, e.interface);
        dm = (struct capnp_dynamic_method){.vat = c->vat, .target = cap, .info = m};
        r = capnp_dynamic_call(capos_client_schema_peek(c->client), &dm,
                               (capnp_text){params, (uint32_t)strlen(params)}, &strict, &q, &f);
        free(params);
        if (!typed)
                f.line = 0; /* a place in a text that nobody has written */
        if (r)
                return fault_fail(c, r, &f);

        (void)snprintf(doing, sizeof(doing), "%s.%s", e.name, m.name);
        if (cli_wait(c, q, 0))
                return cli_fail_question(c, q, doing);
        return results_print(c, &m, q);
}

/* ---- describe ----------------------------------------------------------------------------- */

/* Whether the session has it, of a capability that it was granted. */
static bool method_is_granted(const struct cli *c, const struct capos_cap_entry *e,
                              const struct capnp_method_info *m)
{
        return capos_client_entry_has(c->client, e->name, m->interface, m->ordinal);
}

static json_t *method_json(const capnp_schema *s, const struct capnp_method_info *m, bool granted)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf usage = {0};

        capnp_buf_init(&usage, TEXT_BYTES);
        if (capnp_schema_usage(s, m, &usage))
                return NULL;
        return json_pack("{s:s,s:i,s:b,s:b,s:o}", "name", m->name, "ordinal", (int)m->ordinal,
                         "stream", m->stream, "granted", granted, "usage", cli_json_text(usage.p));
}

static void method_print(const capnp_schema *s, const struct capnp_method_info *m)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf usage = {0};

        capnp_buf_init(&usage, TEXT_BYTES);
        printf("  ");
        cli_print_safe(capnp_schema_usage(s, m, &usage) ? m->name : usage.p);
        printf("\n");
}

static int describe_json(struct cli *c, const struct capos_cap_entry *e)
{
        const capnp_schema *s = capos_client_schema_peek(c->client);
        const capnp_decl *d = capnp_schema_find(s, e->interface);
        json_t *methods = json_array();
        struct capnp_method_info m;
        char id[24];

        for (uint32_t i = 0; !capnp_schema_method(s, e->interface, i, &m); i++)
                if (c->nwords < 2 || !strcmp(m.name, c->words[1]))
                        (void)json_array_append_new(
                                methods, method_json(s, &m, method_is_granted(c, e, &m)));
        (void)snprintf(id, sizeof(id), "0x%016" PRIx64, e->interface);
        return cli_print_json(c,
                              json_pack("{s:o,s:o,s:s,s:o,s:o,s:o}", "name", cli_json_text(e->name),
                                        "interface", cli_json_text(d ? capnp_decl_name(d) : ""),
                                        "interfaceId", id, "title", cli_json_text(e->title),
                                        "summary", cli_json_text(e->summary), "methods", methods));
}

int cmd_describe(struct cli *c)
{
        const capnp_schema *s;
        struct capos_cap_entry e;
        struct capnp_method_info m;
        const capnp_decl *d;
        unsigned without = 0;
        int r = cap_open(c, &e);

        if (!r && c->nwords == 2)
                r = method_find(c, &e, &m);
        if (r)
                return r;
        if (c->json)
                return describe_json(c, &e);

        s = capos_client_schema_peek(c->client);
        d = capnp_schema_find(s, e.interface);
        cli_print_safe(e.name);
        printf(" (");
        cli_print_safe(d ? capnp_decl_name(d) : "?");
        printf(", 0x%016" PRIx64 ")\n", e.interface);
        if (*e.title || *e.summary) {
                printf("  ");
                cli_print_safe(*e.summary ? e.summary : e.title);
                printf("\n");
        }
        printf("\n");
        for (uint32_t i = 0; !capnp_schema_method(s, e.interface, i, &m); i++) {
                if (c->nwords == 2 && strcmp(m.name, c->words[1]) != 0)
                        continue;
                if (method_is_granted(c, &e, &m))
                        method_print(s, &m);
                else
                        without++;
        }
        if (without)
                printf("  %u that the session was not granted\n", without);
        return EXIT_OK;
}
