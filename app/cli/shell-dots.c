/*
 * What could be typed next in a line that begins with a dot: commands, and behind those that are
 * about a capability what it has: methods and types by its schema, commands and what their fields
 * may be by the word of its service. That word is a stranger's: nothing of it is offered that could
 * not have been typed as one plain word, and no more than a service may describe.
 */
#include "cap-schema.h"
#include "command-fields.h"
#include "shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMANDS_MAX = 64, CHOICES_MAX = 50 };

/* The words before the one that is being typed, without options. */
struct dots {
        const char *words[CLI_WORDS];
        unsigned n;
        char *store;
};

static bool dots_read(const char *line, const char *word, struct dots *d)
{
        const char *all[CLI_WORDS];
        unsigned n = 0;
        char *before = strndup(line, (size_t)(word - line));

        *d = (struct dots){.store = malloc((size_t)(word - line) + 1)};
        if (!before || !d->store || !shell_words(before, d->store, all, &n))
                n = 0;
        for (unsigned i = 0; i < n; i++)
                if (*all[i] != '-')
                        d->words[d->n++] = all[i];
        free(before);
        return d->n;
}

static bool dots_is(const struct dots *d, const char *name)
{
        return !strcmp(d->words[0], name);
}

/* The capability that it is about. */
static bool dots_cap(struct shell *s, const struct dots *d, struct capos_cap_entry *ret_e)
{
        return d->n > 1 && capos_client_find(s->c->client, d->words[1], ret_e);
}

/* ---- by the schema --------------------------------------------------------------------------- */

static void offer_methods(struct shell *s, const struct dots *d, bool types,
                          const struct shell_to *to)
{
        const capnp_schema *schema = capos_client_schema_peek(s->c->client);
        struct capnp_method_info m;
        struct capos_cap_entry e;
        const char **names;

        if (!dots_cap(s, d, &e) || !shell_schema_has(s, e.interface))
                return;
        for (uint32_t i = 0; !capnp_schema_method(schema, e.interface, i, &m); i++)
                if ((types || cap_method_is_called(&m)) &&
                    capos_client_entry_has(s->c->client, e.name, m.interface, m.ordinal))
                        shell_offer_word(to, m.name, "");
        names = types ? cap_types(schema) : NULL;
        for (const char **t = names; t && *t; t++)
                shell_offer_word(to, *t, "");
        free(names);
}

static void offer_call(struct shell *s, const struct dots *d, const char *word, struct shell_to *to)
{
        struct capnp_method_info m;
        struct capos_cap_entry e;

        if (d->n == 2)
                offer_methods(s, d, false, to);
        else if (dots_cap(s, d, &e) && shell_schema_has(s, e.interface) &&
                 !capnp_schema_find_method(capos_client_schema_peek(s->c->client), e.interface,
                                           d->words[2], &m))
                shell_offer_parameters(s, m.params, word, to);
}

/* ---- by the service -------------------------------------------------------------------------- */

/* Whether it has said anything that can be offered. */
static bool commands_get(struct shell *s, const struct dots *d, command_list *ret_l)
{
        struct capnp_method_info m;
        struct capos_cap_entry e;
        capnp_question *q;
        bool has = false;

        if (!dots_cap(s, d, &e) || !shell_schema_has(s, e.interface))
                return false;
        for (uint32_t i = 0; !has; i++) {
                if (capnp_schema_method(capos_client_schema_peek(s->c->client), e.interface, i, &m))
                        return false;
                has = m.interface == COMMAND_SURFACE_ID;
        }
        q = shell_ask_commands(s, &e);
        if (q)
                *ret_l = command_surface_commands_commands(q);
        return q;
}

static bool command_get(struct shell *s, const struct dots *d, command_reader *ret)
{
        command_list l;

        if (d->n < 3 || !commands_get(s, d, &l))
                return false;
        for (uint32_t i = 0; i < command_list_len(l) && i < COMMANDS_MAX; i++) {
                *ret = command_list_get(l, i);
                if (!strcmp(command_id(*ret).p, d->words[2]))
                        return true;
        }
        return false;
}

static bool field_get(command_reader c, const char *path, size_t len, command_field_reader *ret)
{
        command_field_list l = command_fields(c);

        for (uint32_t i = 0; i < command_field_list_len(l) && i < COMMANDS_MAX; i++) {
                *ret = command_field_list_get(l, i);
                if (command_field_path(*ret).len == len &&
                    !strncmp(command_field_path(*ret).p, path, len))
                        return true;
        }
        return false;
}

static void offer_harmless(const struct shell_to *to, const char *text, const char *end)
{
        if (*text && command_word_is_harmless(text))
                shell_offer_word(to, text, end);
}

static void offer_choices(command_choice_list l, const struct shell_to *to)
{
        char number[32];

        for (uint32_t i = 0; i < command_choice_list_len(l) && i < CHOICES_MAX; i++) {
                command_value_reader v = command_choice_value(command_choice_list_get(l, i));

                switch (command_value_which(v)) {
                case COMMAND_VALUE_TEXT:
                        offer_harmless(to, command_value_text(v).p, "");
                        break;
                case COMMAND_VALUE_INT:
                        (void)snprintf(number, sizeof(number), "%" PRId64, command_value_int(v));
                        shell_offer_word(to, number, "");
                        break;
                case COMMAND_VALUE_UINT:
                        (void)snprintf(number, sizeof(number), "%" PRIu64, command_value_uint(v));
                        shell_offer_word(to, number, "");
                        break;
                default:
                        break;
                }
        }
}

static void offer_value(struct shell *s, const struct dots *d, command_reader c, const char *word,
                        struct shell_to *to)
{
        size_t len = strcspn(word, "=");
        struct capos_cap_entry e;
        command_field_reader f;
        capnp_question *q;

        if (!field_get(c, word, len, &f) || !dots_cap(s, d, &e))
                return;
        to->before = word;
        to->len = len + 1;
        if (command_field_kind(f) == COMMAND_FIELD_KIND_FLAG) {
                shell_offer_word(to, "true", "");
                shell_offer_word(to, "false", "");
        } else if (command_choice_list_len(command_field_choices(f))) {
                offer_choices(command_field_choices(f), to);
        } else {
                q = shell_ask_choices(s, &e, command_id(c).p, command_field_path(f).p,
                                      word + len + 1);
                if (q)
                        offer_choices(command_surface_complete_choices(q), to);
        }
}

static bool field_is_given(const struct dots *d, const char *path)
{
        size_t len = strlen(path);

        for (unsigned i = 3; i < d->n; i++)
                if (!strncmp(d->words[i], path, len) && d->words[i][len] == '=')
                        return true;
        return false;
}

static void offer_run(struct shell *s, const struct dots *d, const char *word, struct shell_to *to)
{
        command_field_list fields;
        command_reader c;
        command_list l;

        if (d->n == 2 && commands_get(s, d, &l))
                for (uint32_t i = 0; i < command_list_len(l) && i < COMMANDS_MAX; i++)
                        offer_harmless(to, command_id(command_list_get(l, i)).p, "");
        if (d->n == 2 || !command_get(s, d, &c))
                return;
        if (strchr(word, '=')) {
                offer_value(s, d, c, word, to);
                return;
        }
        fields = command_fields(c);
        for (uint32_t i = 0; i < command_field_list_len(fields) && i < COMMANDS_MAX; i++) {
                const char *path = command_field_path(command_field_list_get(fields, i)).p;

                if (!field_is_given(d, path))
                        offer_harmless(to, path, "=");
        }
}

/* ---- the line -------------------------------------------------------------------------------- */

static void offer_commands(struct shell *s, const struct shell_to *to)
{
        char name[80];

        for (const char *const *o = shell_own; *o; o++) {
                (void)snprintf(name, sizeof(name), ".%s", *o);
                shell_offer_word(to, name, "");
        }
        for (const struct cli_command *k = s->c->commands; k->name; k++) {
                (void)snprintf(name, sizeof(name), ".%.*s", (int)strcspn(k->name, " "), k->name);
                if (!k->hidden)
                        shell_offer_word(to, name, "");
        }
}

static void offer_names(struct shell *s, const struct shell_to *to)
{
        char name[SHELL_NAME + 1];

        for (unsigned i = 0; i < s->nrefs; i++) {
                (void)snprintf(name, sizeof(name), "$%s", s->refs[i]->name);
                shell_offer_word(to, name, "");
        }
}

static void dots_complete(struct shell *s, const char *line, const char *word, struct shell_to *to)
{
        static const char *const of_caps[] = {".call", ".commands", ".describe", ".run", ".ui"};
        struct dots d;

        if (!dots_read(line, word, &d))
                offer_commands(s, to);
        else if (dots_is(&d, ".drop"))
                offer_names(s, to);
        else if (dots_is(&d, ".trace") && d.n == 1)
                shell_offer_word(to, "off", "");
        else if (d.n == 1)
                for (unsigned i = 0; i < sizeof(of_caps) / sizeof(of_caps[0]); i++) {
                        if (dots_is(&d, of_caps[i]))
                                shell_offer_caps(s, to);
                }
        else if (dots_is(&d, ".describe") && d.n == 2)
                offer_methods(s, &d, true, to);
        else if (dots_is(&d, ".call"))
                offer_call(s, &d, word, to);
        else if (dots_is(&d, ".run"))
                offer_run(s, &d, word, to);
        free(d.store);
}

static void dots_hint(struct shell *s, const char *line, char *to, size_t room)
{
        const char *word = strrchr(line, ' '), *effect;
        command_field_reader f;
        command_reader c;
        struct dots d;

        to[0] = '\0';
        if (!word)
                return;
        word++;
        if (dots_read(line, word, &d) && dots_is(&d, ".run") && command_get(s, &d, &c)) {
                effect = cap_effect_words(command_effect_name(command_effect(c)));
                if (word[strcspn(word, "=")] && field_get(c, word, strcspn(word, "="), &f))
                        (void)snprintf(to, room, "%s%s%s", command_field_help(f).p,
                                       *command_field_help(f).p ? ": " : "",
                                       command_kind_words(command_field_kind(f)));
                else
                        (void)snprintf(to, room, "%s%s%s%s", command_summary(c).p,
                                       effect ? " (" : "", effect ? effect : "", effect ? ")" : "");
        }
        free(d.store);
}

void shell_line_complete(struct shell *s, const char *line, shell_offer *offer, void *arg)
{
        struct shell_to to = {.offer = offer, .arg = arg, .before = ""};
        const char *space = strrchr(line, ' ');

        if (*line != '.' || s->plain)
                shell_complete(s, line, offer, arg);
        else
                dots_complete(s, line, space ? space + 1 : line, &to);
}

void shell_line_hint(struct shell *s, const char *line, char *to, size_t room)
{
        if (*line != '.' || s->plain)
                shell_hint(s, line, to, room);
        else
                dots_hint(s, line, to, room);
}
