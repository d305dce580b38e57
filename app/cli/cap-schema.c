/*
 * A capability of the session by its name, with what it is by its schema. The schema comes from the
 * instance, once a command, and may be anybody's: whatever it says is shown as other text is.
 */
#include "cap-schema.h"

#include "cli-near.h"
#include "command.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cap_unknown(struct cli *c)
{
        struct cli_near near = {.word = c->words[0]};
        struct capos_cap_entry e;
        char hint[128];

        for (uint32_t i = 0; capos_client_entry(c->client, i, &e); i++)
                cli_near_try(&near, e.name);
        return cli_fail(c, EXIT_DENIED, "denied.unknown-name",
                        "%s: the session has no such capability%s; `capos caps` lists what it has",
                        c->words[0], cli_near_text(&near, hint, sizeof(hint)));
}

int cap_open(struct cli *c, struct capos_cap_entry *ret_e)
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

void cap_names_add(struct cap_names *n, const char *name)
{
        size_t room = sizeof(n->text) - n->len;
        int len;

        if (n->full)
                return;
        len = snprintf(n->text + n->len, room, "%s%s", n->len ? ", " : "", name);
        n->full = len < 0 || (size_t)len + sizeof(", …") > room;
        if (n->full)
                (void)snprintf(n->text + n->len, room, "%s…", n->len ? ", " : "");
        else
                n->len += (size_t)len;
}

bool cap_method_is_called(const struct capnp_method_info *m)
{
        return m->interface != UI_COMPOSER_ID;
}

int cap_method(struct cli *c, const struct capos_cap_entry *e, struct capnp_method_info *ret_m)
{
        const capnp_schema *s = capos_client_schema_peek(c->client);
        struct cli_near near = {.word = c->words[1]};
        struct cap_names names = {.len = 0};
        char hint[128];

        if (!capnp_schema_find_method(s, e->interface, c->words[1], ret_m))
                return EXIT_OK;

        for (uint32_t i = 0; !capnp_schema_method(s, e->interface, i, ret_m); i++) {
                if (!cap_method_is_called(ret_m))
                        continue;
                cli_near_try(&near, ret_m->name);
                cap_names_add(&names, ret_m->name);
        }
        return cli_fail(c, EXIT_USAGE, "unknown-method", "%s has no method %s%s; it has: %s",
                        e->name, c->words[1], cli_near_text(&near, hint, sizeof(hint)), names.text);
}

const char *cap_effect(const capnp_schema *s, const struct capnp_method_info *m)
{
        struct capnp_annotation a;

        if (capnp_method_annotation(s, m, CAP_EFFECT, &a))
                return NULL;
        return command_effect_name((enum command_effect)a.bits);
}

const char *cap_effect_words(const char *effect)
{
        static const char *const words[][2] = {{"reads", "changes nothing"},
                                               {"own", "changes only what is yours"},
                                               {"shared", "others see it"},
                                               {"lasting", "cannot be undone"}};

        for (unsigned i = 0; effect && i < sizeof(words) / sizeof(words[0]); i++)
                if (!strcmp(effect, words[i][0]))
                        return words[i][1];
        return NULL;
}

const char *cap_title(const capnp_schema *s, const struct capnp_method_info *m)
{
        struct capnp_annotation a;

        return !capnp_method_annotation(s, m, CAP_TITLE, &a) && a.text.p ? a.text.p : "";
}

/* No group, no parameters of a method. */
static bool type_is_shown(const capnp_decl *d)
{
        enum capnp_decl_kind kind = capnp_decl_kind(d);
        const char *name = capnp_decl_short_name(d);

        if (kind != CAPNP_DECL_STRUCT && kind != CAPNP_DECL_ENUM && kind != CAPNP_DECL_INTERFACE)
                return false;
        if (!isupper((unsigned char)*name))
                return false;
        for (; *name; name++)
                if (!isalnum((unsigned char)*name))
                        return false;
        return true;
}

static int name_compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **cap_types(const capnp_schema *s)
{
        const capnp_decl *d;
        const char **all;
        size_t n = 0;

        for (uint32_t i = 0; (d = capnp_schema_at(s, i)); i++)
                n += type_is_shown(d);
        all = calloc(n + 1, sizeof(*all));
        if (!all)
                return NULL;
        n = 0;
        for (uint32_t i = 0; (d = capnp_schema_at(s, i)); i++)
                if (type_is_shown(d))
                        all[n++] = capnp_decl_short_name(d);
        qsort(all, n, sizeof(*all), name_compare);
        return all;
}
