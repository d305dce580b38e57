/*
 * The fields of a command, and what somebody gives for them.
 *
 * A description comes from a service. It says what to ask for, and no more: a value that passes
 * here is still a parameter like any other, which the schema is asked about next. What it says of
 * itself is shown as other text of strangers, and bounds the service claims are held before
 * anything is sent. Where a value may come from is as in `capos call`: the word itself, a file,
 * standard input, or JSON.
 */
#include "command-fields.h"

#include "cap-schema.h"
#include "cli-near.h"
#include "params.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_NAMES = 4, ANSWER_BYTES = 4096, TAB_MS = 1500, PATH_BYTES = 256, FIRST_WORD = 2 };

/* One command while its parameters are made. */
struct fields {
        struct cli *c;
        capnp_cap *surface;
        command_reader command;
        json_t *to;
        bool typed;       /* nothing in it is the service's yet */
        const char *from; /* the file whose content is being read; NULL: none */
};

const char *command_kind_words(enum command_field_kind kind)
{
        static const char *const words[] = {"a text",
                                            "a whole number",
                                            "a number",
                                            "true or false",
                                            "a choice",
                                            "a time, in milliseconds since 1970",
                                            "a duration (90s, 10m, 2h)",
                                            "a size in bytes"};

        return (unsigned)kind < sizeof(words) / sizeof(words[0]) ? words[kind] : "something new";
}

/* ---- the terminal ------------------------------------------------------------------------- */

bool command_ask(struct cli *c, const char *prompt, char *to, size_t room)
{
        int fd = c->non_interactive ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        size_t len = 0, size = 4 * strlen(prompt) + 8;
        char *safe = fd < 0 ? NULL : malloc(size);
        ssize_t n = 1;

        if (!safe) {
                if (fd >= 0)
                        (void)close(fd);
                return false;
        }
        /* Whole: what is not shown is not agreed to. */
        cli_escape(prompt, safe, size);
        (void)fflush(stdout);
        (void)!write(fd, safe, strlen(safe));
        free(safe);
        while (len + 1 < room && (n = read(fd, to + len, 1)) == 1 && to[len] != '\n')
                len++;
        to[len] = 0;
        (void)close(fd);
        return n > 0 && len;
}

/* ---- values ------------------------------------------------------------------------------- */

static int value_fail(const struct fields *a, command_field_reader f, const char *value,
                      const char *why)
{
        return cli_fail(a->c, EXIT_USAGE, "parameters", "%s=%s: %s", command_field_path(f).p,
                        a->from ? a->from : value, why);
}

/* A number within the bounds of its field. */
static int number_check(const struct fields *a, command_field_reader f, const char *value, double v)
{
        double min = command_field_min(f), max = command_field_max(f);
        char why[128];

        /* Whatever is no number compares as false. */
        if (v >= min && v <= max)
                return EXIT_OK;
        (void)snprintf(why, sizeof(why), "it is from %g to %g", min, max);
        return value_fail(a, f, value, why);
}

static int integer_read(const struct fields *a, command_field_reader f, const char *value,
                        json_t **ret_v)
{
        bool is_signed = command_field_kind(f) == COMMAND_FIELD_KIND_INTEGER;
        bool digits =
                *value && value[*value == '-'] &&
                strspn(value + (*value == '-'), "0123456789") == strlen(value) - (*value == '-');
        int r;

        if (!digits || (*value == '-' && !is_signed) || strlen(value) > 20)
                return value_fail(a, f, value, "it is a whole number");
        r = number_check(a, f, value, strtod(value, NULL));
        if (!r)
                *ret_v = json_string(value); /* as JSON has it here, whatever its size */
        return r;
}

static int duration_read(const struct fields *a, command_field_reader f, const char *value,
                         json_t **ret_v)
{
        char text[24];
        uint64_t ms;
        int r;

        if (!cli_parse_duration(value, &ms))
                return value_fail(a, f, value, "it is a duration: 90s, 10m, 2h");
        r = number_check(a, f, value, (double)ms);
        (void)snprintf(text, sizeof(text), "%" PRIu64, ms);
        if (!r)
                *ret_v = json_string(text);
        return r;
}

static int real_read(const struct fields *a, command_field_reader f, const char *value,
                     json_t **ret_v)
{
        char *end;
        double v = strtod(value, &end);
        int r;

        if (!*value || *end || !isfinite(v))
                return value_fail(a, f, value, "it is a number");
        r = number_check(a, f, value, v);
        if (!r)
                *ret_v = json_real(v);
        return r;
}

static int text_read(const struct fields *a, command_field_reader f, const char *value,
                     json_t **ret_v)
{
        char why[128];

        (void)snprintf(why, sizeof(why), "it has at most %" PRIu32 " bytes",
                       command_field_max_bytes(f));
        if (strlen(value) > command_field_max_bytes(f))
                return value_fail(a, f, "…", why);
        *ret_v = json_string(value);
        return *ret_v ? EXIT_OK : value_fail(a, f, value, "it is UTF-8");
}

/* Whether a list has it; else near is told what it has. */
static bool choices_have(command_choice_list list, const char *value, struct cli_near *near,
                         struct cap_names *names)
{
        for (uint32_t i = 0; i < command_choice_list_len(list); i++) {
                command_value_reader v = command_choice_value(command_choice_list_get(list, i));
                const char *text = command_value_text(v).p;

                if (command_value_which(v) != COMMAND_VALUE_TEXT)
                        continue;
                if (!strcmp(text, value))
                        return true;
                cli_near_try(near, text);
                cap_names_add(names, text);
        }
        return false;
}

static int choice_read(const struct fields *a, command_field_reader f, const char *value,
                       json_t **ret_v)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        command_choice_list list = command_field_choices(f);
        struct cli_near near = {.word = value};
        struct cap_names names = {.len = 0};
        char why[600], hint[128];
        bool has;

        if (!command_choice_list_len(list)) {
                q = command_surface_complete((command_surface_client){a->surface});
                command_surface_complete_set_command_n(q, command_id(a->command));
                command_surface_complete_set_path_n(q, command_field_path(f));
                command_surface_complete_set_prefix(q, value);
                if (cli_wait(a->c, q, CLI_ANSWER_MS))
                        return cli_fail_question(a->c, q, command_field_path(f).p);
                list = command_surface_complete_choices(q);
        }
        has = choices_have(list, value, &near, &names);
        if (has)
                return text_read(a, f, value, ret_v);
        (void)snprintf(why, sizeof(why), "there is no such choice%s%s%s",
                       cli_near_text(&near, hint, sizeof(hint)), names.len ? "; there are: " : "",
                       names.text);
        return value_fail(a, f, value, why);
}

static int flag_read(const struct fields *a, command_field_reader f, const char *value,
                     json_t **ret_v)
{
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
                return value_fail(a, f, value, "it is true or false");
        *ret_v = json_boolean(!strcmp(value, "true"));
        return EXIT_OK;
}

static int value_read(const struct fields *a, command_field_reader f, const char *value,
                      json_t **ret_v)
{
        static int (*const by_kind[])(const struct fields *a, command_field_reader f,
                                      const char *value, json_t **ret_v) = {
                [COMMAND_FIELD_KIND_TEXT] = text_read,
                [COMMAND_FIELD_KIND_INTEGER] = integer_read,
                [COMMAND_FIELD_KIND_NUMBER] = real_read,
                [COMMAND_FIELD_KIND_FLAG] = flag_read,
                [COMMAND_FIELD_KIND_CHOICE] = choice_read,
                [COMMAND_FIELD_KIND_INSTANT] = integer_read,
                [COMMAND_FIELD_KIND_DURATION] = duration_read,
                [COMMAND_FIELD_KIND_BYTES] = integer_read,
        };
        unsigned kind = (unsigned)command_field_kind(f);

        if (kind >= sizeof(by_kind) / sizeof(by_kind[0]))
                return value_fail(a, f, value, "it is of a kind that this version does not know");
        return by_kind[kind](a, f, value, ret_v);
}

/* What is in a file. Only in a text are the ends of lines behind it a part of the value. */
static int file_value(struct fields *a, command_field_reader f, const char *value, json_t **ret_v)
{
        bool is_text = command_field_kind(f) == COMMAND_FIELD_KIND_TEXT;
        size_t len;
        char *p;
        int r = params_file(a->c, value, &p, &len);

        if (r)
                return r;
        a->from = value;
        if (strlen(p) != len)
                r = value_fail(a, f, value, "there is a NUL byte in it");
        while (!is_text && len && p[len - 1] == '\n')
                p[--len] = 0;
        if (!r && !is_text && len >= ANSWER_BYTES)
                r = value_fail(a, f, value, "it is far too long");
        if (!r)
                r = value_read(a, f, p, ret_v);
        a->from = NULL;
        free(p);
        return r;
}

/* JSON for one value: a text is what it says, and a number or a truth as it is written. */
static int json_value(const struct fields *a, command_field_reader f, const char *value,
                      json_t **ret_v)
{
        json_error_t e;
        json_t *v = json_loads(value, JSON_DECODE_ANY, &e);
        bool is_one = v && !json_is_object(v) && !json_is_array(v) && !json_is_null(v);
        char *text = is_one && !json_is_string(v) ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
        int r;

        if (!v)
                r = value_fail(a, f, value, e.text);
        else if (!is_one)
                r = value_fail(a, f, value, "it is one value, and no list or object");
        else if (json_is_string(v))
                r = value_read(a, f, json_string_value(v), ret_v);
        else
                r = text ? value_read(a, f, text, ret_v) : cli_fail_code(a->c, -ENOMEM, NULL);
        free(text);
        json_decref(v);
        return r;
}

/* A value that the service gives, as JSON; NULL: none. */
static json_t *value_json(command_value_reader v)
{
        char text[32];

        switch (command_value_which(v)) {
        case COMMAND_VALUE_TEXT:
                return cli_json_text(command_value_text(v).p);
        case COMMAND_VALUE_INT:
                (void)snprintf(text, sizeof(text), "%" PRId64, command_value_int(v));
                return json_string(text);
        case COMMAND_VALUE_UINT:
                (void)snprintf(text, sizeof(text), "%" PRIu64, command_value_uint(v));
                return json_string(text);
        case COMMAND_VALUE_NUMBER:
                return isfinite(command_value_number(v)) ? json_real(command_value_number(v))
                                                         : NULL;
        case COMMAND_VALUE_FLAG:
                return json_boolean(command_value_flag(v));
        case COMMAND_VALUE_NONE:
                break;
        }
        return NULL;
}

/* ---- places ------------------------------------------------------------------------------- */

/* Puts a value where a path says; taken. An exit code. */
static int path_set(const struct fields *a, const char *path, json_t *v)
{
        json_t *to = a->to, *inner;
        const char *at = path;

        for (unsigned i = 0; i < PATH_NAMES; i++) {
                size_t len = strcspn(at, ".");

                if (!len || json_object_getn(to, at, len) != NULL) {
                        inner = len && at[len] ? json_object_getn(to, at, len) : NULL;
                        if (!json_is_object(inner))
                                break;
                        to = inner;
                } else if (!at[len]) {
                        (void)json_object_setn_new(to, at, len, v);
                        return EXIT_OK;
                } else {
                        inner = json_object();
                        (void)json_object_setn_new(to, at, len, inner);
                        to = inner;
                }
                at += len + 1;
        }
        json_decref(v);
        return cli_fail(a->c, EXIT_USAGE, "parameters", "%s is no path, or is given twice", path);
}

/* ---- fields ------------------------------------------------------------------------------- */

/* How long the name is that a word begins with; *ret_json: `:=` is behind it. */
static size_t word_name(const char *word, bool *ret_json)
{
        size_t len = strcspn(word, "=");

        *ret_json = len && word[len] && word[len - 1] == ':';
        return len - *ret_json;
}

/* The value of a field among the words; NULL: none. */
static const char *word_find(const struct cli *c, const char *path, bool *ret_json)
{
        size_t len = strlen(path);

        for (unsigned i = FIRST_WORD; i < c->nwords; i++)
                if (word_name(c->words[i], ret_json) == len && !strncmp(c->words[i], path, len) &&
                    c->words[i][len])
                        return c->words[i] + len + 1 + *ret_json;
        return NULL;
}

/* Whether every word is a field of the command, once. An exit code. */
static int words_check(const struct fields *a)
{
        command_field_list list = command_fields(a->command);
        const struct cli *c = a->c;

        for (unsigned i = FIRST_WORD; i < c->nwords; i++) {
                bool json, other;
                size_t len = word_name(c->words[i], &json);
                char name[PATH_BYTES], hint[128];
                struct cli_near near = {.word = name};
                struct cap_names names = {.len = 0};
                bool known = false;

                if (len >= sizeof(name))
                        return cli_fail(c, EXIT_USAGE, "usage",
                                        "%.60s...: the name of a field has at most %d bytes",
                                        c->words[i], PATH_BYTES - 1);
                (void)snprintf(name, sizeof(name), "%.*s", (int)len, c->words[i]);
                for (uint32_t k = 0; k < command_field_list_len(list); k++) {
                        const char *path = command_field_path(command_field_list_get(list, k)).p;

                        known |= !strcmp(path, name);
                        cli_near_try(&near, path);
                        cap_names_add(&names, path);
                }
                if (!c->words[i][len])
                        return cli_fail(c, EXIT_USAGE, "usage",
                                        "%s: fields are given as FIELD=VALUE", c->words[i]);
                if (!known)
                        return cli_fail(
                                c, EXIT_USAGE, "unknown-field", "there is no field %s%s%s%s", name,
                                cli_near_text(&near, hint, sizeof(hint)),
                                names.len ? "; there are: " : "; there are none", names.text);
                if (word_find(c, name, &other) != c->words[i] + len + 1 + json)
                        return cli_fail(c, EXIT_USAGE, "usage", "%s is given twice", name);
        }
        return EXIT_OK;
}

/* What somebody is asked: first what is ours to say, then in quotes what the service calls it. */
static void field_prompt(const struct fields *a, command_field_reader f, char *to, size_t room)
{
        char label[72];
        int n = snprintf(label, sizeof(label), "%.64s", command_field_label(f).p);

        for (int i = 0; i < n; i++)
                if (label[i] == '"')
                        label[i] = '\'';
        (void)snprintf(to, room, "%.80s %.40s needs %.*s, %s%s%s%s: ", a->c->words[0],
                       command_id(a->command).p, PATH_BYTES, command_field_path(f).p,
                       command_kind_words(command_field_kind(f)), n > 0 ? ", \"" : "", label,
                       n > 0 ? "\"" : "");
}

/* One field: as it was given, or as it is at first, or as somebody says who is asked. */
static int field_read(struct fields *a, command_field_reader f)
{
        bool json = false;
        const char *path = command_field_path(f).p, *value = word_find(a->c, path, &json);
        const char *label = *command_field_label(f).p ? command_field_label(f).p : path;
        char answer[ANSWER_BYTES], prompt[600];
        json_t *v = NULL;
        int r = EXIT_OK;

        if (!value) {
                v = value_json(command_field_initial(f));
                a->typed &= !v;
                if (v)
                        return path_set(a, path, v);
                if (!command_field_required(f))
                        return EXIT_OK;
                field_prompt(a, f, prompt, sizeof(prompt));
                if (a->c->json || !command_ask(a->c, prompt, answer, sizeof(answer)))
                        return cli_fail(a->c, EXIT_USAGE, "missing-field",
                                        "it needs %s=VALUE: %s, %s", path, label,
                                        command_kind_words(command_field_kind(f)));
                r = value_read(a, f, answer, &v);
        } else if (json) {
                r = json_value(a, f, value, &v);
        } else if (params_names_file(a->c, value)) {
                r = file_value(a, f, value, &v);
        } else {
                r = value_read(a, f, value, &v);
        }
        if (!r && !v)
                r = cli_fail_code(a->c, -ENOMEM, NULL);
        return r ? r : path_set(a, path, v);
}

int command_fields_read(struct cli *c, capnp_cap *surface, command_reader command,
                        char **ret_params, bool *ret_typed)
{
        struct fields a = {c, surface, command, json_object(), true, NULL};
        command_field_list list = command_fields(command);
        command_run_reader run = command_run(command);
        command_binding_list constants = command_call_constants(command_run_call(run));
        int r = words_check(&a);

        for (uint32_t i = 0; !r && i < command_field_list_len(list); i++)
                r = field_read(&a, command_field_list_get(list, i));
        for (uint32_t i = 0; !r && i < command_binding_list_len(constants); i++) {
                command_binding_reader b = command_binding_list_get(constants, i);
                json_t *v = value_json(command_binding_value(b));

                r = path_set(&a, command_binding_path(b).p, v ? v : json_null());
        }
        *ret_typed = a.typed && !command_binding_list_len(constants);
        if (!r) {
                *ret_params = json_dumps(a.to, JSON_COMPACT);
                r = *ret_params ? EXIT_OK : cli_fail_code(c, -ENOMEM, NULL);
        }
        json_decref(a.to);
        return r;
}

/* ---- completion --------------------------------------------------------------------------- */

bool command_word_is_harmless(const char *s)
{
        char safe[512];

        cli_escape(s, safe, sizeof(safe));
        return !strcmp(safe, s) && !strpbrk(s, " \t'\"\\$`;&|<>()*?[]{}!");
}

/* What a field may be, as `field=value`. */
static void offer_values(struct cli *c, capnp_cap *cap, const char *command, const char *word,
                         void (*offer)(const char *candidate, const char *word))
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = command_surface_complete((command_surface_client){cap});
        size_t len = strcspn(word, "=");
        char path[PATH_BYTES], whole[512];
        command_choice_list list;
        int n;

        if (len >= sizeof(path))
                return;
        (void)snprintf(path, sizeof(path), "%.*s", (int)len, word);
        command_surface_complete_set_command(q, command);
        command_surface_complete_set_path(q, path);
        command_surface_complete_set_prefix(q, word + len + 1);
        if (cli_wait(c, q, TAB_MS))
                return;
        list = command_surface_complete_choices(q);
        for (uint32_t i = 0; i < command_choice_list_len(list); i++) {
                n = snprintf(
                        whole, sizeof(whole), "%s=%s", path,
                        command_value_text(command_choice_value(command_choice_list_get(list, i)))
                                .p);
                if (n > 0 && (size_t)n < sizeof(whole) && command_word_is_harmless(whole))
                        offer(whole, word);
        }
}

static void offer_fields(command_reader r, const char *word,
                         void (*offer)(const char *candidate, const char *word))
{
        command_field_list list = command_fields(r);
        char name[300];

        for (uint32_t i = 0; i < command_field_list_len(list); i++) {
                (void)snprintf(name, sizeof(name),
                               "%.290s=", command_field_path(command_field_list_get(list, i)).p);
                if (command_word_is_harmless(name))
                        offer(name, word);
        }
        printf(":open\n");
}

void command_offer(struct cli *c, const char *const *words, unsigned n, const char *word,
                   void (*offer)(const char *candidate, const char *word))
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        struct capos_cap_entry e;
        command_list list;

        if (!n || cli_open_and_fetch(c) || !capos_client_find(c->client, words[0], &e))
                return;
        cap = capos_client_get(c->client, words[0], e.interface);
        if (n > 1 && strchr(word, '=')) {
                offer_values(c, cap, words[1], word, offer);
                return;
        }
        q = command_surface_commands((command_surface_client){cap});
        if (cli_wait(c, q, TAB_MS))
                return;
        list = command_surface_commands_commands(q);
        for (uint32_t i = 0; i < command_list_len(list); i++) {
                command_reader r = command_list_get(list, i);

                if (n == 1 && command_word_is_harmless(command_id(r).p))
                        offer(command_id(r).p, word);
                if (n > 1 && !strcmp(command_id(r).p, words[1]))
                        offer_fields(r, word, offer);
        }
}
