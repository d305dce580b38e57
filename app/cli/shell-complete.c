/*
 * What could be typed next, from the schemas: capabilities and names, their methods and references,
 * the fields of a method's parameters, and what an enum or a Bool can be; and what their author
 * says of a method. Nothing here says that something is wrong: what is not known is not offered.
 * Nothing waits, either: what is not there is asked for (shell-ask.c), and the line is looked at
 * again when it has come.
 */
#include "cap-schema.h"
#include "shell.h"

#include <stdio.h>
#include <string.h>

enum { BASE_BOOL = 1, BASE_ENUM = 15, BASE_STRUCT = 16, BASE_INTERFACE = 17 };
enum { ABOUT_LINES = 12, ABOUT_BYTES = 400 };

void shell_offer_word(const struct shell_to *to, const char *name, const char *end)
{
        char word[SHELL_WORD];
        int n = snprintf(word, sizeof(word), "%.*s%s%s", (int)to->len, to->before, name, end);

        /* What is cut would be something else. */
        if (n > 0 && (size_t)n < sizeof(word))
                to->offer(to->arg, word);
}

static const capnp_schema *schema_of(const struct shell *s)
{
        return capos_client_schema_peek(s->c->client);
}

/* The last word of a line up to the cursor. */
static const char *last_word(const char *line)
{
        const char *space = strrchr(line, ' ');

        return space ? space + 1 : line;
}

/* Whether the end of a line is within quotes. */
static bool is_quoted(const char *line)
{
        char quote = 0;

        for (; *line; line++)
                if (quote ? *line == quote : *line == '"' || *line == '\'')
                        quote = quote ? 0 : *line;
        return quote;
}

/* Where what is called begins: behind `$name =`. */
static const char *expression_of(const char *line)
{
        size_t len = *line == '$' ? shell_name_length(line + 1) + 1 : 0;
        const char *p = line + len;

        p += strspn(p, " ");
        if (!len || *p != '=')
                return line;
        p++;
        return p + strspn(p, " ");
}

/* Finds a target without a word. false: there is none such. */
static bool target_try(struct shell *s, const char *text, size_t len, struct shell_target *t)
{
        char word[300];
        int r;

        *t = (struct shell_target){.method = ""};
        if (len >= sizeof(word))
                return false;
        (void)snprintf(word, sizeof(word), "%.*s", (int)len, text);
        s->c->quiet = true;
        r = shell_target_find(s, word, t);
        s->c->quiet = false;
        /* The method lies in word. */
        t->method = r || !*t->method ? "" : text + (t->method - word);
        return !r;
}

/* The method that a line calls. */
static bool method_of(struct shell *s, const char *line, struct capnp_method_info *m)
{
        const char *p = expression_of(line);
        size_t len = strcspn(p, " ");
        struct shell_target t;
        char name[300];
        bool found;

        found = target_try(s, p, len, &t) && *t.method && t.interface;
        if (found) {
                /* It ends where the target does, which is no longer than this. */
                (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(t.method, " "), t.method);
                found = !capnp_schema_find_method(schema_of(s), t.interface, name, m);
        }
        shell_target_deinit(&t);
        return found;
}

/* ---- targets --------------------------------------------------------------------------------- */

void shell_offer_caps(struct shell *s, const struct shell_to *to)
{
        struct capos_cap_entry e;

        for (uint32_t i = 0; capos_client_entry(s->c->client, i, &e); i++)
                shell_offer_word(to, e.name, "");
}

/* Names of references, capabilities of the bundle, and what the parameters of a method may be. */
static void offer_beginnings(struct shell *s, const struct shell_to *to)
{
        struct capos_cap_entry e;
        char name[SHELL_NAME + 1];

        for (uint32_t i = 0; capos_client_entry(s->c->client, i, &e); i++)
                shell_offer_word(to, e.name, ".");
        for (unsigned i = 0; i < s->nrefs; i++) {
                (void)snprintf(name, sizeof(name), "$%s", s->refs[i]->name);
                shell_offer_word(to, name, ".");
        }
}

/* Behind `$m.`: the references in what m stands for. */
static void offer_references(struct shell *s, const struct shell_to *to, const char *word)
{
        const struct shell_ref *r = shell_ref_find(s, word + 1, shell_name_length(word + 1));
        const capnp_decl *d = r && r->q ? capnp_schema_find(schema_of(s), r->m.results) : NULL;
        struct capnp_field_info f;

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                if (f.base_type == BASE_INTERFACE && !f.lists)
                        shell_offer_word(to, f.name, ".");
}

static void offer_target(struct shell *s, const char *word, struct shell_to *to)
{
        const char *dot = strrchr(word, '.');
        struct capnp_method_info m;
        struct shell_target t = {.method = ""};

        if (!dot) {
                offer_beginnings(s, to);
                return;
        }
        if (dot > word && dot[-1] == '.')
                return;
        to->before = word;
        to->len = (size_t)(dot - word) + 1;
        if (*word == '$' && dot == word + 1 + shell_name_length(word + 1))
                offer_references(s, to, word);
        if (target_try(s, word, (size_t)(dot - word), &t) && !*t.method)
                for (uint32_t i = 0; !capnp_schema_method(schema_of(s), t.interface, i, &m); i++)
                        if (cap_method_is_called(&m))
                                shell_offer_word(to, m.name, "");
        shell_target_deinit(&t);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static void offer_values(struct shell *s, const struct capnp_field_info *f,
                         const struct shell_to *to)
{
        const capnp_decl *d = capnp_schema_find(schema_of(s), f->type);
        const char *name;

        if (f->lists)
                return;
        if (f->base_type == BASE_BOOL) {
                shell_offer_word(to, "true", "");
                shell_offer_word(to, "false", "");
        }
        if (f->base_type == BASE_ENUM)
                for (uint16_t i = 0; d && (name = capnp_decl_enumerant(d, i)); i++)
                        shell_offer_word(to, name, "");
        if (f->base_type == BASE_INTERFACE)
                for (unsigned i = 0; i < s->nrefs; i++) {
                        char ref[SHELL_NAME + 1];

                        (void)snprintf(ref, sizeof(ref), "$%s", s->refs[i]->name);
                        shell_offer_word(to, ref, "");
                }
}

/* A field by name. */
static bool field_of(const capnp_decl *d, const char *name, size_t len, struct capnp_field_info *f)
{
        for (uint32_t i = 0; d && !capnp_decl_field(d, i, f); i++)
                if (strlen(f->name) == len && !strncmp(f->name, name, len))
                        return true;
        return false;
}

void shell_offer_parameters(struct shell *s, uint64_t type, const char *word, struct shell_to *to)
{
        const capnp_decl *d = capnp_schema_find(schema_of(s), type);
        const char *p = word;
        struct capnp_field_info f;

        to->before = word;
        for (;;) {
                size_t len = strcspn(p, ".:=");

                if (!p[len])
                        break;
                if (!field_of(d, p, len, &f))
                        return;
                if (p[len] != '.') {
                        to->len = (size_t)(p - word) + len + 1;
                        if (p[len] == '=')
                                offer_values(s, &f, to);
                        return;
                }
                d = capnp_schema_find(schema_of(s), f.type);
                p += len + 1;
        }
        to->len = (size_t)(p - word);
        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++)
                shell_offer_word(to, f.name, f.base_type == BASE_STRUCT && !f.lists ? "." : "=");
}

/* ---- the line -------------------------------------------------------------------------------- */

void shell_complete(struct shell *s, const char *line, shell_offer *offer_to, void *arg)
{
        struct shell_to to = {.offer = offer_to, .arg = arg, .before = ""};
        const char *word = last_word(line);
        struct capnp_method_info m;

        if (s->plain || is_quoted(line))
                return;
        if (word == expression_of(line))
                offer_target(s, word, &to);
        else if (method_of(s, line, &m))
                shell_offer_parameters(s, m.params, word, &to);
}

/* ---- what it is about ------------------------------------------------------------------------ */

/* The first sentence, in one line, and what the method does to the world. */
static void doc_first(const char *doc, const char *effect, char *to, size_t room)
{
        size_t len = strcspn(doc, "\n");

        for (size_t i = 0; i + 1 < len; i++)
                if (doc[i] == '.' && doc[i + 1] == ' ')
                        len = i + 1;
        (void)snprintf(to, room, "%.*s%s%s%s", (int)len, doc, effect && len ? " " : "",
                       effect ? "(" : "", effect ? effect : "");
        len = strlen(to);
        if (effect && len + 1 < room)
                (void)snprintf(to + len, room - len, ")");
}

void shell_hint(struct shell *s, const char *line, char *to, size_t room)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf usage = {0};
        struct capnp_method_info m;

        to[0] = '\0';
        if (s->plain)
                return;
        if (!method_of(s, line, &m))
                return;
        if (!strchr(expression_of(line), ' ')) {
                doc_first(capnp_method_doc(schema_of(s), &m),
                          cap_effect_words(cap_effect(schema_of(s), &m)), to, room);
                return;
        }
        capnp_buf_init(&usage, SHELL_TEXT);
        if (!capnp_schema_usage(schema_of(s), &m, &usage))
                (void)snprintf(to, room, "%s", usage.p);
}

bool shell_about_print(struct shell *s, const char *line)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf usage = {0};
        unsigned columns = cli_columns(stdout);
        struct capnp_method_info m;
        const char *doc;

        capnp_buf_init(&usage, SHELL_TEXT);
        if (s->plain || *line == '.' || *last_word(line) || !method_of(s, line, &m) ||
            capnp_schema_usage(schema_of(s), &m, &usage))
                return false;
        printf("\033[2m");
        cli_print_line(stdout, "", usage.p, strlen(usage.p), columns);
        doc = capnp_method_doc(schema_of(s), &m);
        for (unsigned i = 0; *doc && i < ABOUT_LINES; i++) {
                size_t len = strcspn(doc, "\n");

                cli_print_line(stdout, "  ", doc, len < ABOUT_BYTES ? len : ABOUT_BYTES, columns);
                doc += len + (doc[len] == '\n');
        }
        printf("%s\033[0m", *doc ? "…\n" : "");
        return true;
}
