/*
 * Parameters of `capos call`. Either a whole JSON object, or fields one by one, which are made into
 * one with the help of the schema: it says whether `5` is a number or a text, and whether the bytes
 * of a file are Data or Text. Every field is checked here, so that a mistake is named by the word
 * that was typed.
 */
#include "params.h"

#include "cli-near.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 16 * 1024 * 1024, READ_BYTES = 64 * 1024 };

/* schema.capnp, Type: the members that a word is read by. */
enum {
        BASE_FLOAT32 = 10,
        BASE_FLOAT64 = 11,
        BASE_TEXT = 12,
        BASE_DATA = 13,
        BASE_ENUM = 15,
        BASE_INTERFACE = 17,
        BASE_ANY_POINTER = 18,
};

/* ---- files -------------------------------------------------------------------------------- */

bool params_block_name(const char *end)
{
        size_t n = 0;

        while (isalnum((unsigned char)end[n]) || end[n] == '_')
                n++;
        return n && !end[n];
}

/* Whether a word stands for the lines that follow: `<<END`, where there are such. */
static bool is_block(const struct cli *c, const char *word)
{
        return c->block && !strncmp(word, "<<", 2) && params_block_name(word + 2);
}

bool params_names_file(const struct cli *c, const char *value)
{
        return *value == '@' || is_block(c, value);
}

/* Reads all of a file, "-" is standard input; with a NUL behind it. An exit code. */
static int file_read(struct cli *c, const char *path, char **ret_p, size_t *ret_len)
{
        FILE *f;
        char *p = NULL, *more;
        size_t len = 0, n = 1;
        int r = EXIT_OK;

        if (is_block(c, path))
                return c->block(c->block_arg, path + 2, ret_p, ret_len);
        if (c->block && !strcmp(path, "-"))
                return c->block(c->block_arg, NULL, ret_p, ret_len);
        f = strcmp(path, "-") ? fopen(path, "re") : stdin;
        if (!f)
                return cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));

        while (!r && n) {
                more = realloc(p, len + READ_BYTES + 1);
                if (!more) {
                        r = cli_fail_code(c, -ENOMEM, path);
                        break;
                }
                p = more;
                n = fread(p + len, 1, READ_BYTES, f);
                len += n;
                if (len > MOST_BYTES)
                        r = cli_fail(c, EXIT_FAILED, "failed", "%s: more than 16 MiB", path);
        }
        if (!r && ferror(f))
                r = cli_fail(c, EXIT_FAILED, "failed", "%s: %s", path, strerror(errno));
        if (f != stdin)
                (void)fclose(f);
        if (r) {
                free(p);
                return r;
        }
        p[len] = 0;
        *ret_p = p;
        *ret_len = len;
        return EXIT_OK;
}

int params_file(struct cli *c, const char *value, char **ret_p, size_t *ret_len)
{
        return file_read(c, value + (*value == '@'), ret_p, ret_len);
}

static json_t *base64_json(const char *p, size_t len)
{
        char *text = malloc(len / 3 * 4 + 5);
        json_t *v = NULL;

        if (text && EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)p, (int)len) >= 0)
                v = json_string(text);
        free(text);
        return v;
}

/* What is in a file as JSON, for a field that holds neither. */
static int file_json(struct cli *c, const struct capnp_field_info *f, const char *path,
                     json_t **ret_v)
{
        json_error_t e;
        size_t len;
        char *p;
        int r = file_read(c, path, &p, &len);

        if (r)
                return r;

        *ret_v = json_loadb(p, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &e);
        free(p);
        if (*ret_v)
                return EXIT_OK;
        return cli_fail(c, EXIT_USAGE, "parameters",
                        "%s=@%s: line %d, column %d: %s (the file of a field that is no Text or "
                        "Data holds JSON)",
                        f->name, path, e.line, e.column, e.text);
}

/* What is in a file, for a field. */
static int file_value(struct cli *c, const struct capnp_field_info *f, const char *path,
                      json_t **ret_v)
{
        size_t len;
        char *p;
        int r;

        if (f->lists || (f->base_type != BASE_TEXT && f->base_type != BASE_DATA))
                return file_json(c, f, path, ret_v);
        r = file_read(c, path, &p, &len);
        if (r)
                return r;

        *ret_v = f->base_type == BASE_DATA ? base64_json(p, len) : json_stringn(p, len);
        free(p);
        if (*ret_v)
                return EXIT_OK;
        return cli_fail(c, EXIT_USAGE, "usage", "%s=@%s: the file is not UTF-8", f->name, path);
}

/* ---- words -------------------------------------------------------------------------------- */

/* The names of a struct's fields, "a, b, c"; and the one that was meant. */
static int field_unknown(struct cli *c, const capnp_decl *d, const char *word, size_t at,
                         size_t len)
{
        char name[64], names[600] = "", hint[128];
        struct cli_near near = {.word = name};
        struct capnp_field_info f;
        size_t used = 0;

        (void)snprintf(name, sizeof(name), "%.*s", (int)len, word + at);
        for (uint32_t i = 0; d && !capnp_decl_field(d, i, &f); i++) {
                cli_near_try(&near, f.name);
                if (used < sizeof(names))
                        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
                                                 i ? ", " : "", f.name);
        }
        return cli_fail(c, EXIT_USAGE, "unknown-field", "there is no field %.*s%s%s%s",
                        (int)(at + len), word, cli_near_text(&near, hint, sizeof(hint)),
                        *names ? "; there are: " : "; there are none", names);
}

/* A field by its name; NULL: said that there is none. */
static bool field_find(struct cli *c, uint64_t type, const char *word, size_t at, size_t len,
                       struct capnp_field_info *ret_f)
{
        const capnp_decl *d = capnp_schema_find(capos_client_schema_peek(c->client), type);

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, ret_f); i++)
                if (strlen(ret_f->name) == len && !strncmp(ret_f->name, word + at, len))
                        return true;
        (void)field_unknown(c, d, word, at, len);
        return false;
}

/* Not a number, and the infinities, as JSON spells them here; NULL: something else. */
static json_t *float_json(const char *value)
{
        static const char *const words[][2] = {{"nan", "NaN"},
                                               {"inf", "Infinity"},
                                               {"infinity", "Infinity"},
                                               {"+inf", "Infinity"},
                                               {"+infinity", "Infinity"},
                                               {"-inf", "-Infinity"},
                                               {"-infinity", "-Infinity"}};

        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (!strcasecmp(value, words[i][0]))
                        return json_string(words[i][1]);
        return NULL;
}

/* What a word's value means: text and names as they are, everything else as JSON. */
static json_t *plain_json(const struct capnp_field_info *f, const char *value)
{
        bool plain = !f->lists && (f->base_type == BASE_TEXT || f->base_type == BASE_DATA ||
                                   f->base_type == BASE_ENUM);
        json_t *v = NULL;

        if (!f->lists && (f->base_type == BASE_FLOAT32 || f->base_type == BASE_FLOAT64))
                v = float_json(value);
        if (!v && !plain)
                v = json_loads(value, JSON_DECODE_ANY, NULL);
        return v ? v : json_string(value);
}

/* A reference that is held by name. */
static int reference_json(const struct cli *c, const char *value, json_t **ret_v)
{
        uint32_t n;
        int r = c->reference(c->reference_arg, value, &n);

        if (!r)
                *ret_v = json_pack("{s:I}", "$cap", (json_int_t)n);
        return r;
}

static int value_read(struct cli *c, const struct capnp_field_info *f, const char *value, bool json,
                      json_t **ret_v)
{
        bool refers = f->base_type == BASE_INTERFACE || f->base_type == BASE_ANY_POINTER;
        json_error_t e;

        if (json) {
                *ret_v = json_loads(value, JSON_DECODE_ANY, &e);
                return *ret_v ? EXIT_OK
                              : cli_fail(c, EXIT_USAGE, "parameters", "%s:=%s: %s", f->name, value,
                                         e.text);
        }
        if (refers && !f->lists && c->reference && *value == '$')
                return reference_json(c, value, ret_v);
        if (params_names_file(c, value))
                return file_value(c, f, value + (*value == '@'), ret_v);
        *ret_v = plain_json(f, value);
        return *ret_v ? EXIT_OK
                      : cli_fail(c, EXIT_USAGE, "usage", "%s: the value is not UTF-8", f->name);
}

/* Goes into the struct that a word like a.b= names, making it. NULL: said what is wrong. */
static json_t *inner_object(struct cli *c, json_t *to, const char *word, size_t at, size_t len)
{
        json_t *inner = json_object_getn(to, word + at, len);

        if (inner && !json_is_object(inner)) {
                (void)cli_fail(c, EXIT_USAGE, "usage", "%.*s is given twice", (int)(at + len),
                               word);
                return NULL;
        }
        if (!inner) {
                inner = json_object();
                (void)json_object_setn_new(to, word + at, len, inner);
        }
        return inner;
}

/* One `a.b=value`, `a.b=@file` or `a.b:=json`. An exit code. */
static int word_add(struct cli *c, uint64_t type, const char *word, json_t *to)
{
        size_t at = 0, len, end = strcspn(word, "=");
        bool json = end && word[end] && word[end - 1] == ':';
        struct capnp_field_info f;
        json_t *v;
        int r;

        if (!word[end])
                return cli_fail(c, EXIT_USAGE, "usage",
                                "%s: parameters are one JSON object, or words like field=value",
                                word);
        for (;; at += len + 1) {
                len = strcspn(word + at, json ? ".:=" : ".=");
                if (!field_find(c, type, word, at, len, &f))
                        return EXIT_USAGE;
                if (word[at + len] != '.')
                        break;
                to = inner_object(c, to, word, at, len);
                if (!to)
                        return EXIT_USAGE;
                type = f.type;
        }
        if (json_object_getn(to, word + at, len))
                return cli_fail(c, EXIT_USAGE, "usage", "%.*s is given twice", (int)(at + len),
                                word);
        r = value_read(c, &f, word + end + 1, json, &v);
        if (!r)
                (void)json_object_setn_new(to, word + at, len, v);
        return r;
}

/* The whole object, from a file. */
static int object_read(struct cli *c, const char *path, char **ret_text)
{
        size_t len;
        char *p;
        int r = file_read(c, path, &p, &len);

        if (r)
                return r;
        if (strlen(p) == len) {
                *ret_text = p;
                return EXIT_OK;
        }
        free(p);
        return cli_fail(c, EXIT_USAGE, "parameters", "%s: no JSON: there is a NUL byte in it",
                        path);
}

int params_read(struct cli *c, const struct capnp_method_info *m, char **ret_text, bool *ret_typed)
{
        const char *whole = c->nwords == 3 ? c->words[2] : "";
        json_t *o;
        int r = EXIT_OK;

        *ret_text = NULL;
        *ret_typed = *whole == '{' || *whole == '@' || !strcmp(whole, "-") || is_block(c, whole);
        if (*ret_typed && *whole != '{')
                return object_read(c, *whole == '@' ? whole + 1 : whole, ret_text);
        if (*ret_typed) {
                *ret_text = strdup(whole);
                return *ret_text ? EXIT_OK : cli_fail_code(c, -ENOMEM, NULL);
        }
        o = json_object();
        for (unsigned i = 2; !r && i < c->nwords; i++)
                r = word_add(c, m->params, c->words[i], o);
        if (!r)
                *ret_text = json_dumps(o, JSON_COMPACT);
        json_decref(o);
        return r;
}
