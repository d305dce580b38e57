/*
 * Commands. A service describes them, so all of a description is its word: what is called has to
 * exist, what is asked for has to be a parameter that a person can give, and what it costs is what
 * the worst of three says: the service, the schema's author, the host. Who says nothing counts as
 * the worst.
 *
 * A service's commands call its own capability, unless the host's policy names others. A method
 * that takes references is nobody's command: a person cannot type one, and which one would be
 * handed over could not be shown.
 */
#include "ui-command.h"

#include <errno.h>
#include <string.h>

enum {
        NAME_BYTES = 64,
        STRUCTS = 64,     /* of a method's parameters that are looked through for references */
        EFFECT_ENUM = 15, /* schema.capnp, Value: enum */
        TYPE_BOOL = 1,
        TYPE_INT8 = 2,
        TYPE_UINT64 = 9,
        TYPE_FLOAT32 = 10,
        TYPE_FLOAT64 = 11,
        TYPE_TEXT = 12,
        TYPE_ENUM = 15,
        TYPE_STRUCT = 16,
        TYPE_INTERFACE = 17,
        TYPE_ANY = 18,
};

#define ANNOTATION_EFFECT UINT64_C(0xc8a77c2f6d0be391)

#define INTEGERS ((1u << (TYPE_UINT64 + 1)) - (1u << TYPE_INT8))
#define FLOATS   (1u << TYPE_FLOAT32 | 1u << TYPE_FLOAT64)

/* ---- what is called -------------------------------------------------------------------------- */

static bool method_find(const capnp_schema *s, uint64_t of, command_call_reader call,
                        struct capnp_method_info *ret_m)
{
        for (uint32_t i = 0; !capnp_schema_method(s, of, i, ret_m); i++)
                if (ret_m->interface == command_call_interface_id(call) &&
                    ret_m->ordinal == command_call_method_id(call))
                        return true;
        return false;
}

int ui_command_target(const struct ui_judge *j, command_reader c, struct ui_target *ret_t,
                      struct ui_refused *ret_why)
{
        command_call_reader call = command_run_call(command_run(c));
        capnp_text name = command_call_capability(call);
        bool is_other = name.len && (name.len != strlen(j->service) ||
                                     memcmp(name.p, j->service, name.len) != 0);

        if (is_other && (!j->ops->may_target || !j->ops->may_target(j->arg, j->service, name.p)))
                return ui_refuse(ret_why, UI_REFUSAL_TARGET, "another capability than one's own");
        if (!method_find(j->schema, is_other ? command_call_interface_id(call) : j->interface, call,
                         &ret_t->method))
                return ui_refuse(ret_why, UI_REFUSAL_TARGET, "there is no such method");

        ret_t->capability = is_other ? name : capnp_text_of(j->service);
        ret_t->is_other = is_other;
        return 0;
}

enum capos_ui_effect ui_command_effect(const struct ui_judge *j, command_reader c,
                                       const struct ui_target *t)
{
        unsigned effect = command_effect(c), other = CAPOS_UI_LASTING;
        struct capnp_annotation a;
        char name[NAME_BYTES + 1];

        if (!capnp_method_annotation(j->schema, &t->method, ANNOTATION_EFFECT, &a) &&
            a.type == EFFECT_ENUM)
                other = a.bits < CAPOS_UI_LASTING ? (unsigned)a.bits : CAPOS_UI_LASTING;
        if (other > effect)
                effect = other;
        if (j->ops->effect && t->capability.len <= NAME_BYTES) {
                memcpy(name, t->capability.p, t->capability.len);
                name[t->capability.len] = 0;
                other = j->ops->effect(j->arg, j->service, name, &t->method);
                if (other > effect)
                        effect = other;
        }
        return effect < CAPOS_UI_LASTING ? (enum capos_ui_effect)effect : CAPOS_UI_LASTING;
}

bool ui_command_asks(enum capos_ui_effect effect, bool is_other, bool typed)
{
        return is_other || effect == CAPOS_UI_LASTING || (effect == CAPOS_UI_SHARED && !typed);
}

/* ---- its parameters -------------------------------------------------------------------------- */

/* Whether a reference can stand anywhere in a struct, or too much to say so. */
static bool takes_references(const capnp_schema *s, uint64_t type)
{
        uint64_t seen[STRUCTS] = {type};
        struct capnp_field_info f;
        unsigned n = 1;

        for (unsigned i = 0; i < n; i++) {
                const capnp_decl *d = capnp_schema_find(s, seen[i]);

                if (!d)
                        return true;
                for (uint32_t j = 0; !capnp_decl_field(d, j, &f); j++) {
                        unsigned k = 0;

                        if (f.base_type == TYPE_INTERFACE || f.base_type == TYPE_ANY)
                                return true;
                        if (!f.is_group && f.base_type != TYPE_STRUCT)
                                continue;
                        while (k < n && seen[k] != f.type)
                                k++;
                        if (k < n)
                                continue;
                        if (n >= STRUCTS)
                                return true;
                        seen[n++] = f.type;
                }
        }
        return false;
}

static bool field_find(const capnp_schema *s, uint64_t type, capnp_text name,
                       struct capnp_field_info *ret_f)
{
        const capnp_decl *d = capnp_schema_find(s, type);

        for (uint32_t i = 0; d && !capnp_decl_field(d, i, ret_f); i++)
                if (strlen(ret_f->name) == name.len && !memcmp(ret_f->name, name.p, name.len))
                        return true;
        return false;
}

/* The scalar, text or enum that a path names. */
static bool path_find(const capnp_schema *s, uint64_t type, capnp_text path,
                      struct capnp_field_info *ret_f)
{
        while (path.len) {
                uint32_t n = 0;

                while (n < path.len && path.p[n] != '.')
                        n++;
                if (!field_find(s, type, (capnp_text){path.p, n}, ret_f) || ret_f->lists)
                        return false;
                if (n == path.len)
                        return !ret_f->is_group && ret_f->base_type <= TYPE_ENUM &&
                               (1u << ret_f->base_type & (1u << TYPE_BOOL | INTEGERS | FLOATS |
                                                          1u << TYPE_TEXT | 1u << TYPE_ENUM)) != 0;
                if (!ret_f->is_group && ret_f->base_type != TYPE_STRUCT)
                        return false;
                type = ret_f->type;
                path = (capnp_text){path.p + n + 1, path.len - n - 1};
        }
        return false;
}

static bool enumerant_exists(const capnp_schema *s, uint64_t type, capnp_text name)
{
        const capnp_decl *d = capnp_schema_find(s, type);

        for (uint32_t i = 0; d && i < capnp_decl_count(d); i++) {
                const char *known = capnp_decl_enumerant(d, (uint16_t)i);

                if (known && strlen(known) == name.len && !memcmp(known, name.p, name.len))
                        return true;
        }
        return false;
}

static bool value_fits(const capnp_schema *s, const struct ui_value *v,
                       const struct capnp_field_info *f)
{
        static const uint32_t types[] = {
                [COMMAND_VALUE_NONE] = 0,
                [COMMAND_VALUE_TEXT] = 1u << TYPE_TEXT | 1u << TYPE_ENUM,
                [COMMAND_VALUE_INT] = INTEGERS | FLOATS,
                [COMMAND_VALUE_UINT] = INTEGERS | FLOATS,
                [COMMAND_VALUE_NUMBER] = FLOATS,
                [COMMAND_VALUE_FLAG] = 1u << TYPE_BOOL,
        };

        if (!(types[v->which] & 1u << f->base_type))
                return false;
        return f->base_type != TYPE_ENUM || enumerant_exists(s, f->type, v->text);
}

/* ---- its fields ------------------------------------------------------------------------------ */

static const uint32_t kind_types[] = {
        [COMMAND_FIELD_KIND_TEXT] = 1u << TYPE_TEXT,
        [COMMAND_FIELD_KIND_INTEGER] = INTEGERS,
        [COMMAND_FIELD_KIND_NUMBER] = FLOATS,
        [COMMAND_FIELD_KIND_FLAG] = 1u << TYPE_BOOL,
        [COMMAND_FIELD_KIND_CHOICE] =
                1u << TYPE_BOOL | INTEGERS | FLOATS | 1u << TYPE_TEXT | 1u << TYPE_ENUM,
        [COMMAND_FIELD_KIND_INSTANT] = INTEGERS,
        [COMMAND_FIELD_KIND_DURATION] = INTEGERS,
        [COMMAND_FIELD_KIND_BYTES] = INTEGERS,
};

/* Against the parameter that it is for. */
static int field_fits(const struct ui_judge *j, uint64_t params, command_field_reader f,
                      struct ui_refused *why)
{
        command_choice_list l = command_field_choices(f);
        struct capnp_field_info info;
        struct ui_value v = ui_value_of(command_field_initial(f));

        if (!path_find(j->schema, params, command_field_path(f), &info))
                return ui_refuse(why, UI_REFUSAL_COMMAND,
                                 "a field that no parameter has the path of");
        if (!(kind_types[command_field_kind(f)] & 1u << info.base_type))
                return ui_refuse(why, UI_REFUSAL_COMMAND, "a field of another kind than %s is",
                                 info.name);
        if (v.which != COMMAND_VALUE_NONE && !value_fits(j->schema, &v, &info))
                return ui_refuse(why, UI_REFUSAL_COMMAND, "%s cannot begin like that", info.name);
        for (uint32_t i = 0; i < command_choice_list_len(l); i++) {
                v = ui_value_of(command_choice_value(command_choice_list_get(l, i)));
                if (!value_fits(j->schema, &v, &info))
                        return ui_refuse(why, UI_REFUSAL_COMMAND, "a choice that %s cannot be",
                                         info.name);
        }
        return 0;
}

static bool paths_clash(capnp_text a, capnp_text b)
{
        uint32_t n = a.len < b.len ? a.len : b.len;

        return !memcmp(a.p, b.p, n) && (a.len == b.len || (a.len > n ? a.p[n] : b.p[n]) == '.');
}

/* No argument is asked for twice, or asked for and fixed, or inside another. */
static int paths_check(command_field_list fields, command_binding_list fixed,
                       struct ui_refused *why)
{
        capnp_text seen[UI_FIELDS + UI_CONSTANTS];
        uint32_t n = 0, asked = command_field_list_len(fields);

        if (asked > UI_FIELDS || command_binding_list_len(fixed) > UI_CONSTANTS)
                return ui_refuse(why, UI_REFUSAL_COMMAND, "more than %d fields or constants",
                                 UI_FIELDS);

        for (uint32_t i = 0; i < asked + command_binding_list_len(fixed); i++) {
                capnp_text path =
                        i < asked
                                ? command_field_path(command_field_list_get(fields, i))
                                : command_binding_path(command_binding_list_get(fixed, i - asked));

                for (uint32_t k = 0; k < n; k++)
                        if (paths_clash(seen[k], path))
                                return ui_refuse(why, UI_REFUSAL_COMMAND,
                                                 "the same argument twice");
                seen[n++] = path;
        }
        return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int ui_command_try(const struct ui_judge *j, const struct ui_target *t, const char *json,
                   struct capos_ui_why *ret_why)
{
        static const struct capnp_dynamic_opts opts = {.reject_unknown = true};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_fault f = {0};
        int r = capnp_msg_new(&m);

        if (!r)
                r = capnp_json_parse(j->schema, t->method.params, capnp_text_of(json), &opts,
                                     capnp_msg_build(m), &f);
        if (!r || r == -ENOMEM)
                return r;

        return ui_why(ret_why, capnp_text_of(f.path), "refused.command: %s", f.what);
}

static int constants_check(const struct ui_judge *j, const struct ui_target *t,
                           command_binding_list fixed, struct ui_refused *why)
{
        struct ui_args a = {.n = 0};
        struct ui_words json = {.p = NULL};
        struct capnp_field_info info;
        int r;

        if (!ui_args_fix(&a, fixed))
                return ui_refuse(why, UI_REFUSAL_COMMAND, "more than %d constants", UI_CONSTANTS);
        for (uint32_t i = 0; i < a.n; i++) {
                if (!path_find(j->schema, t->method.params, a.v[i].path, &info))
                        return ui_refuse(why, UI_REFUSAL_COMMAND,
                                         "a constant that no parameter has the path of");
                if (!value_fits(j->schema, &a.v[i].value, &info))
                        return ui_refuse(why, UI_REFUSAL_COMMAND, "a constant that %s cannot be",
                                         info.name);
        }

        ui_args_put(&a, &json);
        r = json.r ? json.r : ui_command_try(j, t, json.p, NULL);
        ui_words_deinit(&json);
        if (r == CAPNP_E_EXCEPTION)
                return ui_refuse(why, UI_REFUSAL_COMMAND,
                                 "constants that the method does not take");
        return r;
}

static int call_check(const struct ui_judge *j, enum ui_safety_class safety_class, command_reader c,
                      struct ui_refused *why)
{
        command_field_list fields = command_fields(c);
        enum capos_ui_effect effect;
        struct ui_target t;
        int r = ui_command_target(j, c, &t, why);

        if (r)
                return r;
        if (takes_references(j->schema, t.method.params))
                return ui_refuse(why, UI_REFUSAL_TARGET, "a method that takes references");

        effect = ui_command_effect(j, c, &t);
        if (safety_class != UI_SAFETY_CLASS_CONSEQUENTIAL &&
            (t.is_other || effect > CAPOS_UI_SHARED))
                return ui_refuse(why, UI_REFUSAL_SAFETY,
                                 t.is_other ? "another capability, in a pane of this class"
                                            : "a lasting effect, in a pane of this class");

        for (uint32_t i = 0; i < command_field_list_len(fields); i++) {
                r = field_fits(j, t.method.params, command_field_list_get(fields, i), why);
                if (r)
                        return r;
        }
        return constants_check(j, &t, command_call_constants(command_run_call(command_run(c))),
                               why);
}

int ui_command_check(const struct ui_judge *j, enum ui_safety_class safety_class, command_reader c,
                     struct ui_refused *ret_why)
{
        command_field_list fields = command_fields(c);
        command_binding_list fixed = {{0}};
        bool calls = command_run_which(command_run(c)) == COMMAND_RUN_CALL;
        int r = 0;

        if (safety_class == UI_SAFETY_CLASS_AMBIENT)
                return ui_refuse(ret_why, UI_REFUSAL_SAFETY, "commands, in a pane that only shows");
        if (!calls && command_run_which(command_run(c)) != COMMAND_RUN_VIEW)
                return ui_refuse(ret_why, UI_REFUSAL_COMMAND, "an unknown way to run");
        if ((unsigned)command_effect(c) > CAPOS_UI_LASTING)
                return ui_refuse(ret_why, UI_REFUSAL_COMMAND, "an unknown effect");

        if (calls)
                fixed = command_call_constants(command_run_call(command_run(c)));
        r = paths_check(fields, fixed, ret_why);
        return r || !calls ? r : call_check(j, safety_class, c, ret_why);
}
