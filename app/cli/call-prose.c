/*
 * What a person reads of a command's results: the texts that its schema marks as `prose`
 * (command.capnp), instead of everything. Of structs in each other the outermost that has some
 * counts: what has come of a step is read, and not once more the place that it led to. Nothing is
 * left out without the schema's word: results that have no such text are printed as they are, and
 * --json prints them in any case.
 */
#include "call.h"
#include "cap-schema.h"

#include <stdio.h>
#include <string.h>

enum { DEEP = 4 };

static bool is_prose(const capnp_decl *d, uint32_t field)
{
        struct capnp_annotation a;

        return !capnp_decl_annotation(d, field, CAP_PROSE, &a);
}

static void text_print(const char *text)
{
        unsigned columns = cli_columns(stdout);

        while (*text) {
                size_t len = strcspn(text, "\n");

                cli_print_line(stdout, "", text, len, columns);
                text += len + (text[len] == '\n');
        }
}

/* Prints the marked texts of a struct. */
static bool own_print(const capnp_decl *d, const json_t *o)
{
        struct capnp_field_info f;
        bool any = false;

        for (uint32_t i = 0; !capnp_decl_field(d, i, &f); i++) {
                const char *text = json_string_value(json_object_get(o, f.name));

                if (!text || !*text || !is_prose(d, i))
                        continue;
                text_print(text);
                any = true;
        }
        return any;
}

/* Of a struct that is a list's element it is not known which of them a person wants. */
static bool prose_print(const capnp_schema *s, uint64_t type, const json_t *o, unsigned depth)
{
        const capnp_decl *d = capnp_schema_find(s, type);
        struct capnp_field_info f;
        bool any = false;

        if (!d || depth > DEEP || !json_is_object(o))
                return false;
        if (own_print(d, o))
                return true;
        for (uint32_t i = 0; !capnp_decl_field(d, i, &f); i++)
                any = (!f.lists && f.type &&
                       prose_print(s, f.type, json_object_get(o, f.name), depth + 1)) ||
                      any;
        return any;
}

bool call_prose_print(const struct cli *c, const struct capnp_method_info *m, const char *json)
{
        json_t *o = json_loads(json, 0, NULL);
        bool any = prose_print(capos_client_schema_peek(c->client), m->results, o, 0);

        json_decref(o);
        return any;
}
