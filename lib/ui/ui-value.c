/*
 * Values. A front end hands over what stands in a field as text, whatever it is made of: here it
 * becomes the value that the field's kind says, and is held against the field's bounds. So every
 * front end means the same by `yes` and by `1e3`, and a person is told the same words.
 *
 * A call's parameters are written as JSON and read by the dynamic layer, which knows the schema and
 * checks everything once more; names of fields cannot break out of it, for they are quoted.
 */
#include "ui-value.h"

#include "ui-text.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 40 };

#define TEXT_FMT   "%.*s"
#define TEXT_OF(t) (int)(t).len, (t).p

int ui_why(struct capos_ui_why *w, capnp_text path, const char *fmt, ...)
{
        va_list ap;

        if (!w)
                return CAPNP_E_EXCEPTION;

        va_start(ap, fmt);
        (void)vsnprintf(w->text, sizeof(w->text), fmt, ap);
        va_end(ap);
        (void)snprintf(w->path, sizeof(w->path), TEXT_FMT, TEXT_OF(path));
        return CAPNP_E_EXCEPTION;
}

static bool text_is(capnp_text t, const char *s)
{
        return t.len == strlen(s) && !memcmp(t.p, s, t.len);
}

/* ---- one value ------------------------------------------------------------------------------- */

struct ui_value ui_value_of(command_value_reader r)
{
        struct ui_value v = {.which = command_value_which(r)};

        switch (v.which) {
        case COMMAND_VALUE_TEXT:
                v.text = command_value_text(r);
                break;
        case COMMAND_VALUE_INT:
                v.i = command_value_int(r);
                break;
        case COMMAND_VALUE_UINT:
                v.u = command_value_uint(r);
                break;
        case COMMAND_VALUE_NUMBER:
                v.number = command_value_number(r);
                break;
        case COMMAND_VALUE_FLAG:
                v.flag = command_value_flag(r);
                break;
        default:
                v.which = COMMAND_VALUE_NONE;
        }
        return v;
}

void ui_value_build(const struct ui_value *v, command_value_builder to)
{
        switch (v->which) {
        case COMMAND_VALUE_TEXT:
                command_value_set_text_n(to, v->text);
                return;
        case COMMAND_VALUE_INT:
                command_value_set_int(to, v->i);
                return;
        case COMMAND_VALUE_UINT:
                command_value_set_uint(to, v->u);
                return;
        case COMMAND_VALUE_NUMBER:
                command_value_set_number(to, v->number);
                return;
        case COMMAND_VALUE_FLAG:
                command_value_set_flag(to, v->flag);
                return;
        case COMMAND_VALUE_NONE:
                break;
        }
        command_value_set_none(to);
}

void ui_value_put(const struct ui_value *v, struct ui_words *to)
{
        switch (v->which) {
        case COMMAND_VALUE_TEXT:
                ui_words_quote(to, v->text);
                return;
        case COMMAND_VALUE_INT:
                ui_words_say(to, "%" PRId64, v->i);
                return;
        case COMMAND_VALUE_UINT:
                ui_words_say(to, "%" PRIu64, v->u);
                return;
        case COMMAND_VALUE_NUMBER:
                ui_words_say(to, "%.17g", v->number);
                return;
        case COMMAND_VALUE_FLAG:
                ui_words_say(to, "%s", v->flag ? "true" : "false");
                return;
        case COMMAND_VALUE_NONE:
                break;
        }
        ui_words_say(to, "null");
}

/* Whether a typed text is this value, as a person would write it. */
static bool value_is(const struct ui_value *v, capnp_text typed)
{
        char number[NUMBER_BYTES] = "";

        if (v->which == COMMAND_VALUE_TEXT)
                return v->text.len == typed.len && !memcmp(v->text.p, typed.p, typed.len);
        if (v->which == COMMAND_VALUE_FLAG)
                return text_is(typed, v->flag ? "true" : "false");
        if (v->which == COMMAND_VALUE_INT)
                (void)snprintf(number, sizeof(number), "%" PRId64, v->i);
        else if (v->which == COMMAND_VALUE_UINT)
                (void)snprintf(number, sizeof(number), "%" PRIu64, v->u);
        else if (v->which == COMMAND_VALUE_NUMBER)
                (void)snprintf(number, sizeof(number), "%g", v->number);
        return number[0] && text_is(typed, number);
}

/* ---- what a person types --------------------------------------------------------------------- */

static int parse_text(command_field_reader f, capnp_text t, struct ui_value *v,
                      struct capos_ui_why *why)
{
        capnp_text path = command_field_path(f);
        const char *wrong = ui_text_wrong(UI_TEXT_PARAGRAPH, t);

        if (t.len > command_field_max_bytes(f))
                return ui_why(why, path, "refused.command: longer than %" PRIu32 " bytes",
                              command_field_max_bytes(f));
        if (wrong)
                return ui_why(why, path, "refused.text: %s", wrong);
        if (command_field_lines(f) <= 1 && t.len && memchr(t.p, '\n', t.len))
                return ui_why(why, path, "refused.command: more than one line");

        *v = (struct ui_value){.which = COMMAND_VALUE_TEXT, .text = t};
        return 0;
}

static int bounds_check(command_field_reader f, double x, struct capos_ui_why *why)
{
        capnp_text path = command_field_path(f);

        if (x < command_field_min(f))
                return ui_why(why, path, "refused.command: less than %g", command_field_min(f));
        if (x > command_field_max(f))
                return ui_why(why, path, "refused.command: more than %g", command_field_max(f));
        return 0;
}

static int parse_integer(command_field_reader f, capnp_text t, struct ui_value *v,
                         struct capos_ui_why *why)
{
        bool negative = t.len && t.p[0] == '-';
        uint64_t u = 0;

        if (t.len <= negative)
                return ui_why(why, command_field_path(f), "refused.command: not an integer");
        for (uint32_t i = negative; i < t.len; i++) {
                if (t.p[i] < '0' || t.p[i] > '9')
                        return ui_why(why, command_field_path(f),
                                      "refused.command: not an integer");
                if (__builtin_mul_overflow(u, 10u, &u) ||
                    __builtin_add_overflow(u, (uint64_t)(t.p[i] - '0'), &u))
                        return ui_why(why, command_field_path(f), "refused.command: too large");
        }
        if (negative && u > (uint64_t)INT64_MAX + 1)
                return ui_why(why, command_field_path(f), "refused.command: too small");

        if (negative)
                *v = (struct ui_value){.which = COMMAND_VALUE_INT, .i = (int64_t)(0 - u)};
        else
                *v = (struct ui_value){.which = COMMAND_VALUE_UINT, .u = u};
        return bounds_check(f, negative ? -(double)u : (double)u, why);
}

static int parse_number(command_field_reader f, capnp_text t, struct ui_value *v,
                        struct capos_ui_why *why)
{
        char copy[NUMBER_BYTES], *end = copy;
        double x = 0;

        if (t.len && t.len < sizeof(copy) && strspn(t.p, "+-.0123456789eE") >= t.len) {
                memcpy(copy, t.p, t.len);
                copy[t.len] = 0;
                x = strtod(copy, &end);
        }
        if (end == copy || *end || !isfinite(x))
                return ui_why(why, command_field_path(f), "refused.command: not a number");

        *v = (struct ui_value){.which = COMMAND_VALUE_NUMBER, .number = x};
        return bounds_check(f, x, why);
}

static int parse_flag(command_field_reader f, capnp_text t, struct ui_value *v,
                      struct capos_ui_why *why)
{
        bool yes = text_is(t, "true") || text_is(t, "yes");

        if (!yes && !text_is(t, "false") && !text_is(t, "no"))
                return ui_why(why, command_field_path(f), "refused.command: not true or false");

        *v = (struct ui_value){.which = COMMAND_VALUE_FLAG, .flag = yes};
        return 0;
}

/* A value that was offered, else its label. Without offers a service completes what is typed. */
static int parse_choice(command_field_reader f, capnp_text t, struct ui_value *v,
                        struct capos_ui_why *why)
{
        command_choice_list l = command_field_choices(f);

        for (unsigned by_label = 0; by_label < 2; by_label++) {
                for (uint32_t i = 0; i < command_choice_list_len(l); i++) {
                        command_choice_reader c = command_choice_list_get(l, i);
                        capnp_text label = command_choice_label(c);

                        *v = ui_value_of(command_choice_value(c));
                        if (by_label ? label.len == t.len && !memcmp(label.p, t.p, t.len)
                                     : value_is(v, t))
                                return 0;
                }
        }
        if (command_choice_list_len(l))
                return ui_why(why, command_field_path(f), "refused.command: none of the choices");

        return parse_text(f, t, v, why);
}

int ui_value_parse(command_field_reader f, capnp_text typed, struct ui_value *ret,
                   struct capos_ui_why *ret_why)
{
        static int (*const parse[])(command_field_reader, capnp_text, struct ui_value *,
                                    struct capos_ui_why *) = {
                [COMMAND_FIELD_KIND_TEXT] = parse_text,
                [COMMAND_FIELD_KIND_INTEGER] = parse_integer,
                [COMMAND_FIELD_KIND_NUMBER] = parse_number,
                [COMMAND_FIELD_KIND_FLAG] = parse_flag,
                [COMMAND_FIELD_KIND_CHOICE] = parse_choice,
                [COMMAND_FIELD_KIND_INSTANT] = parse_integer,
                [COMMAND_FIELD_KIND_DURATION] = parse_integer,
                [COMMAND_FIELD_KIND_BYTES] = parse_integer,
        };
        unsigned kind = command_field_kind(f);

        if (kind >= sizeof(parse) / sizeof(parse[0]))
                return ui_why(ret_why, command_field_path(f), "refused.command: an unknown kind");

        return parse[kind](f, typed, ret, ret_why);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static const struct capos_ui_value *given_find(const struct capos_ui_value *given, uint32_t n,
                                               capnp_text path)
{
        for (uint32_t i = 0; i < n; i++)
                if (text_is(path, given[i].path))
                        return &given[i];
        return NULL;
}

/* Whether every value that was given is of a field, and each once. */
static int given_check(command_field_list fields, const struct capos_ui_value *given, uint32_t n,
                       struct capos_ui_why *why)
{
        for (uint32_t i = 0; i < n; i++) {
                capnp_text path = capnp_text_of(given[i].path);
                bool known = false;

                for (uint32_t j = 0; j < command_field_list_len(fields); j++)
                        known |= text_is(command_field_path(command_field_list_get(fields, j)),
                                         given[i].path);
                if (!known || given_find(given, i, path))
                        return ui_why(why, path, "refused.command: %s",
                                      known ? "given twice" : "there is no such field");
        }
        return 0;
}

/* Whether what was picked is called something else than it is: then it is the service's word that
 * is sent, as with a constant. */
static bool is_renamed(command_field_reader f, capnp_text picked)
{
        command_choice_list l = command_field_choices(f);

        for (uint32_t i = 0; i < command_choice_list_len(l); i++) {
                command_choice_reader c = command_choice_list_get(l, i);
                struct ui_value v = ui_value_of(command_choice_value(c));
                capnp_text label = command_choice_label(c);
                bool is_it = value_is(&v, picked) ||
                             (label.len == picked.len && !memcmp(label.p, picked.p, label.len));

                if (is_it && label.len && !value_is(&v, label))
                        return true;
        }
        return false;
}

/* What a field gives. has: false, nothing. */
static int arg_of(command_field_reader f, const struct capos_ui_value *v, bool some,
                  struct ui_arg *arg, bool *ret_has, struct capos_ui_why *why)
{
        bool needed = command_field_required(f) && !some;

        *arg = (struct ui_arg){.path = command_field_path(f)};
        arg->typed = v && v->typed && !is_renamed(f, v->text);
        *ret_has = true;
        if (v && (v->text.len || (command_field_kind(f) == COMMAND_FIELD_KIND_TEXT && !needed)))
                return ui_value_parse(f, v->text, &arg->value, why);

        if (!v && !some)
                arg->value = ui_value_of(command_field_initial(f));
        *ret_has = arg->value.which != COMMAND_VALUE_NONE;
        if (!*ret_has && needed)
                return ui_why(why, arg->path, "refused.command: is needed");
        return 0;
}

int ui_args_fill(struct ui_args *a, command_field_list fields, const struct capos_ui_value *given,
                 uint32_t n, bool some, struct capos_ui_why *ret_why)
{
        int r = given_check(fields, given, n, ret_why);

        for (uint32_t i = 0; !r && i < command_field_list_len(fields); i++) {
                command_field_reader f = command_field_list_get(fields, i);
                bool has;

                if (a->n >= UI_ARGS)
                        return ui_why(ret_why, command_field_path(f),
                                      "refused.command: too many fields");
                r = arg_of(f, given_find(given, n, command_field_path(f)), some, &a->v[a->n], &has,
                           ret_why);
                a->n += has && !r;
        }
        return r;
}

bool ui_args_typed(const struct ui_args *a)
{
        for (uint32_t i = 0; i < a->n; i++)
                if (a->v[i].constant || !a->v[i].typed)
                        return false;
        return true;
}

bool ui_args_fix(struct ui_args *a, command_binding_list constants)
{
        for (uint32_t i = 0; i < command_binding_list_len(constants); i++) {
                command_binding_reader b = command_binding_list_get(constants, i);

                if (a->n >= UI_ARGS)
                        return false;
                a->v[a->n++] = (struct ui_arg){
                        .path = command_binding_path(b),
                        .value = ui_value_of(command_binding_value(b)),
                        .constant = true,
                };
        }
        return true;
}

static bool path_begins(capnp_text path, capnp_text with)
{
        return path.len > with.len && (!with.len || !memcmp(path.p, with.p, with.len));
}

/* The end of the name behind a prefix. */
static uint32_t path_name(capnp_text path, uint32_t from)
{
        while (from < path.len && path.p[from] != '.')
                from++;
        return from;
}

/* The members of the group that all paths with this prefix name. */
static void members_put(const struct ui_args *a, capnp_text prefix, struct ui_words *to)
{
        bool some = false;

        ui_words_put(to, "{", 1);
        for (uint32_t i = 0; i < a->n; i++) {
                capnp_text path = a->v[i].path;
                uint32_t end = path_name(path, prefix.len), j = 0;

                if (!path_begins(path, prefix))
                        continue;
                while (j < i && !(path_begins(a->v[j].path, prefix) &&
                                  path_name(a->v[j].path, prefix.len) == end &&
                                  !memcmp(a->v[j].path.p, path.p, end)))
                        j++;
                if (j < i) /* is in there already */
                        continue;

                ui_words_say(to, "%s", some ? ", " : "");
                some = true;
                ui_words_quote(to, (capnp_text){path.p + prefix.len, end - prefix.len});
                ui_words_say(to, ": ");
                if (end < path.len)
                        members_put(a, (capnp_text){path.p, end + 1}, to);
                else
                        ui_value_put(&a->v[i].value, to);
        }
        ui_words_put(to, "}", 1);
}

void ui_args_put(const struct ui_args *a, struct ui_words *to)
{
        members_put(a, (capnp_text){"", 0}, to);
}

void ui_args_build(const struct ui_args *a, command_binding_list_builder to)
{
        for (uint32_t i = 0; i < a->n; i++) {
                command_binding_builder b = command_binding_list_builder_get(to, i);

                command_binding_set_path_n(b, a->v[i].path);
                ui_value_build(&a->v[i].value, command_binding_init_value(b));
        }
}
