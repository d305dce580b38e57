/*
 * A service's commands: a table, its revision, and who waits for the next one.
 *
 * Who asks knows a revision or none (0). With the present one he waits: his answer is kept until
 * the table changes or his time is over, whichever comes first, and he is told accordingly. How
 * many wait is bounded; one more is told at once that nothing has changed, and may ask again. A
 * revision begins with the clock, so that one of a service that has started anew is not taken for
 * another's.
 *
 * Choices are gathered before they are written, because a list has its length from the start.
 */
#include "base-list.h"
#include "command.capnp-c.h"

#include <capos/kit-commands.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAITERS_MAX = 1024, WAIT_MS_MAX = 60000, CHOICE_BYTES = 256 };

_Static_assert((int)KIT_FIELD_BYTES == (int)COMMAND_FIELD_KIND_BYTES, "the schema's numbers");
_Static_assert((int)KIT_LASTING == (int)COMMAND_EFFECT_LASTING, "the schema's numbers");

struct kit_commands {
        capnp_vat *vat;
        const struct kit_command *table;
        uint32_t n;
        uint64_t revision;
        struct capnp_i_list waiters; /* struct waiter */
        uint32_t nwaiters;
        kit_complete *complete;
        void *arg;
};

struct waiter {
        struct capnp_i_list link;
        struct kit_commands *k;
        capnp_answer *a;
        capnp_timer *timer; /* NULL: it has fired */
};

struct kit_choices {
        const char *prefix;
        uint32_t n;
        char value[KIT_CHOICES_MAX][CHOICE_BYTES];
        char label[KIT_CHOICES_MAX][CHOICE_BYTES];
        char detail[KIT_CHOICES_MAX][CHOICE_BYTES];
};

/* ---- writing ------------------------------------------------------------------------------ */

static const char *or_empty(const char *s)
{
        return s ? s : "";
}

static void choice_write(command_choice_builder b, const char *value, const char *label,
                         const char *detail)
{
        command_value_set_text(command_choice_init_value(b), value);
        command_choice_set_label(b, label && *label ? label : value);
        command_choice_set_detail(b, or_empty(detail));
}

static void field_write(command_field_builder b, const struct kit_command_field *f)
{
        command_choice_list_builder choices;

        command_field_set_path(b, f->path);
        command_field_set_label(b, f->label ? f->label : f->path);
        command_field_set_help(b, or_empty(f->help));
        command_field_set_kind(b, (enum command_field_kind)f->kind);
        command_field_set_required(b, f->required);
        if (f->initial)
                command_value_set_text(command_field_init_initial(b), f->initial);
        if (f->min < 0 || f->min > 0 || f->max < 0 || f->max > 0) {
                command_field_set_min(b, f->min);
                command_field_set_max(b, f->max);
        }
        if (f->max_bytes)
                command_field_set_max_bytes(b, f->max_bytes);
        if (f->lines)
                command_field_set_lines(b, f->lines);
        choices = command_field_init_choices(b, f->nchoices);
        for (uint32_t i = 0; i < f->nchoices; i++)
                choice_write(command_choice_list_builder_get(choices, i), f->choices[i].value,
                             f->choices[i].label, f->choices[i].detail);
}

void kit_command_write(const struct kit_command *c, capnp_builder to)
{
        command_builder b = {to};
        command_field_list_builder fields;
        command_call_builder call;

        command_set_id(b, c->id);
        command_set_title(b, c->title);
        command_set_summary(b, or_empty(c->summary));
        command_set_group(b, or_empty(c->group));
        command_set_effect(b, (enum command_effect)c->effect);
        command_set_enabled(b, !c->why_not);
        command_set_reason(b, or_empty(c->why_not));
        command_set_key(b, or_empty(c->key));
        if (c->interface) {
                call = command_run_init_call(command_init_run(b));
                command_call_set_interface_id(call, c->interface);
                command_call_set_method_id(call, c->method);
        } else {
                command_run_set_view(command_init_run(b));
        }
        fields = command_init_fields(b, c->nfields);
        for (uint32_t i = 0; i < c->nfields; i++)
                field_write(command_field_list_builder_get(fields, i), &c->fields[i]);
}

/* Tells the table; or that the one that is known is still it. */
static int commands_tell(const struct kit_commands *k, capnp_answer *a, bool all)
{
        command_list_builder list;

        command_surface_commands_results_set_revision(a, k->revision);
        list = command_surface_commands_results_init_commands(a, all ? k->n : 0);
        for (uint32_t i = 0; all && i < k->n; i++)
                kit_command_write(&k->table[i], command_list_builder_get(list, i).b);
        return capnp_answer_return(a);
}

/* ---- waiting ------------------------------------------------------------------------------ */

static capnp_answer *waiter_free(struct waiter *w)
{
        capnp_answer *a = w->a;

        capnp_i_list_remove(&w->link);
        w->k->nwaiters--;
        capnp_timer_free(w->timer);
        free(w);
        return a;
}

static void waiter_on_cancel(capnp_answer *a, void *arg)
{
        (void)waiter_free(arg);
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static void waiter_on_time(void *arg)
{
        struct waiter *w = arg;
        struct kit_commands *k = w->k;

        w->timer = NULL;
        (void)commands_tell(k, waiter_free(w), false);
}

int kit_commands_answer(struct kit_commands *k, capnp_answer *a)
{
        uint64_t known = command_surface_commands_param_known(a);
        uint32_t ms = command_surface_commands_param_wait_ms(a);
        struct waiter *w;

        if (known != k->revision)
                return commands_tell(k, a, true);
        if (!ms || k->nwaiters == WAITERS_MAX)
                return commands_tell(k, a, false);

        w = calloc(1, sizeof(*w));
        if (!w || capnp_timer_new(k->vat, ms < WAIT_MS_MAX ? ms : WAIT_MS_MAX, waiter_on_time, w,
                                  &w->timer)) {
                free(w);
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        }

        w->k = k;
        w->a = a;
        capnp_i_list_append(&k->waiters, &w->link);
        k->nwaiters++;
        return capnp_answer_keep(a, waiter_on_cancel, w);
}

void kit_commands_set(struct kit_commands *k, const struct kit_command *table, uint32_t n)
{
        k->table = table;
        k->n = n < KIT_COMMANDS_MAX ? n : KIT_COMMANDS_MAX;
        k->revision++;
        while (!capnp_i_list_empty(&k->waiters)) {
                struct waiter *w = CAPNP_I_OF(k->waiters.next, struct waiter, link);

                (void)commands_tell(k, waiter_free(w), true);
        }
}

/* ---- completion --------------------------------------------------------------------------- */

void kit_choices_add(struct kit_choices *to, const struct kit_choice *c)
{
        const char *label = c->label ? c->label : c->value;
        uint32_t i = to->n;

        if (i == KIT_CHOICES_MAX || strncmp(c->value, to->prefix, strlen(to->prefix)) != 0)
                return;
        if (strlen(c->value) >= CHOICE_BYTES || strlen(label) >= CHOICE_BYTES ||
            strlen(or_empty(c->detail)) >= CHOICE_BYTES)
                return;

        memcpy(to->value[i], c->value, strlen(c->value) + 1);
        memcpy(to->label[i], label, strlen(label) + 1);
        memcpy(to->detail[i], or_empty(c->detail), strlen(or_empty(c->detail)) + 1);
        to->n++;
}

static const struct kit_command_field *field_find(const struct kit_commands *k, const char *command,
                                                  const char *path)
{
        for (uint32_t i = 0; i < k->n; i++)
                for (uint32_t f = 0; !strcmp(k->table[i].id, command) && f < k->table[i].nfields;
                     f++)
                        if (!strcmp(k->table[i].fields[f].path, path))
                                return &k->table[i].fields[f];

        return NULL;
}

int kit_commands_complete(struct kit_commands *k, capnp_answer *a)
{
        capnp_text command = command_surface_complete_param_command(a);
        capnp_text path = command_surface_complete_param_path(a);
        capnp_text prefix = command_surface_complete_param_prefix(a);
        const struct kit_command_field *f;
        command_choice_list_builder list;
        struct kit_choices *c;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed parameters");
        f = field_find(k, command.p, path.p);
        if (!f)
                return capnp_answer_fail(a, CAPNP_FAILED, "there is no such command or field");

        c = calloc(1, sizeof(*c));
        if (!c)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");

        c->prefix = prefix.p;
        for (uint32_t i = 0; i < f->nchoices; i++)
                kit_choices_add(c, &f->choices[i]);
        if (!f->nchoices && f->completed && k->complete)
                k->complete(k->arg, command.p, path.p, prefix.p, c);
        list = command_surface_complete_results_init_choices(a, c->n);
        for (uint32_t i = 0; i < c->n; i++)
                choice_write(command_choice_list_builder_get(list, i), c->value[i], c->label[i],
                             c->detail[i]);
        free(c);
        return capnp_answer_return(a);
}

/* ---- life --------------------------------------------------------------------------------- */

int kit_commands_new(capnp_vat *vat, const struct kit_command *table, uint32_t n,
                     kit_complete *complete, void *arg, struct kit_commands **ret_k)
{
        struct kit_commands *k;
        struct timespec t;

        if (n > KIT_COMMANDS_MAX)
                return -EINVAL;

        k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;

        (void)clock_gettime(CLOCK_REALTIME, &t);
        *k = (struct kit_commands){.vat = vat,
                                   .table = table,
                                   .n = n,
                                   .revision = ((uint64_t)t.tv_sec << 20) + 1,
                                   .complete = complete,
                                   .arg = arg};
        capnp_i_list_init(&k->waiters);
        *ret_k = k;
        return 0;
}

struct kit_commands *kit_commands_free(struct kit_commands *k)
{
        if (!k)
                return NULL;

        while (!capnp_i_list_empty(&k->waiters)) {
                struct waiter *w = CAPNP_I_OF(k->waiters.next, struct waiter, link);

                (void)capnp_answer_fail(waiter_free(w), CAPNP_DISCONNECTED, "the service ends");
        }
        free(k);
        return NULL;
}
