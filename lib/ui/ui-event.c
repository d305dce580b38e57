/*
 * Events wait until they are polled for. There are so many and no more: then the oldest goes that
 * no person has caused, and only where all were caused by one, the oldest of those. A sequence
 * number that is missing shows it.
 */
#include "ui-event.h"

#include <stdio.h>
#include <stdlib.h>

void ui_events_init(struct ui_events *q)
{
        *q = (struct ui_events){.n = 0};
        capnp_i_list_init(&q->list);
}

static void event_drop(struct ui_events *q, struct ui_account *a, struct ui_event *e)
{
        capnp_i_list_remove(&e->link);
        q->n--;
        ui_account_events_gone(a, 1);
        ui_event_free(e);
}

/* The first to go; NULL: the new one is. */
static struct ui_event *event_least(const struct ui_events *q, const struct ui_event *new)
{
        for (struct capnp_i_list *l = q->list.next; l != &q->list; l = l->next) {
                struct ui_event *e = CAPNP_I_OF(l, struct ui_event, link);

                if (!e->by_person)
                        return e;
        }
        if (!new->by_person || capnp_i_list_empty(&q->list))
                return NULL;
        return CAPNP_I_OF(q->list.next, struct ui_event, link);
}

void ui_events_add(struct ui_events *q, struct ui_account *a, struct ui_event *e)
{
        q->sequence++;
        if (!e)
                return;

        e->sequence = q->sequence;
        while (!ui_account_event(a)) {
                struct ui_event *least = event_least(q, e);

                if (!least) {
                        ui_event_free(e);
                        return;
                }
                event_drop(q, a, least);
        }
        capnp_i_list_append(&q->list, &e->link);
        q->n++;
}

void ui_events_clear(struct ui_events *q, struct ui_account *a)
{
        while (!capnp_i_list_empty(&q->list))
                event_drop(q, a, CAPNP_I_OF(q->list.next, struct ui_event, link));
}

/* ---- writing --------------------------------------------------------------------------------- */

static void event_write(const struct ui_event *e, capnp_data surface, ui_event_builder to)
{
        ui_event_payload_builder p;

        ui_event_set_surface_id(to, surface);
        ui_event_set_user_initiated(to, e->by_person);
        ui_event_set_sequence(to, e->sequence);
        if (e->command[0])
                ui_event_set_command(to, e->command);
        if (e->m) {
                ui_event_set_payload(to, ui_event_payload_root(e->m));
                return;
        }

        p = ui_event_init_payload(to);
        if (e->which == UI_EVENT_PAYLOAD_CLOSED)
                ui_event_payload_set_closed(p, e->closed);
        else if (e->which == UI_EVENT_PAYLOAD_PINNED)
                ui_event_payload_set_pinned(p, e->flag);
        else if (e->which == UI_EVENT_PAYLOAD_VISIBLE)
                ui_event_payload_set_visible(p, e->flag);
        else if (e->which == UI_EVENT_PAYLOAD_SIZE) {
                ui_event_payload_size_builder size = ui_event_payload_init_size(p);

                ui_event_payload_size_set_columns(size, e->size.columns);
                ui_event_payload_size_set_rows(size, e->size.rows);
        }
}

void ui_events_write(struct ui_events *q, struct ui_account *a, capnp_data surface,
                     ui_event_list_builder to)
{
        for (uint32_t i = 0; i < ui_event_list_builder_len(to) && q->n; i++) {
                struct ui_event *e = CAPNP_I_OF(q->list.next, struct ui_event, link);

                event_write(e, surface, ui_event_list_builder_get(to, i));
                event_drop(q, a, e);
        }
}

/* ---- making ---------------------------------------------------------------------------------- */

struct ui_event *ui_event_new(enum ui_event_payload_which which, const char *command,
                              bool by_person)
{
        struct ui_event *e = calloc(1, sizeof(*e));

        if (!e)
                return NULL;

        capnp_i_list_init(&e->link);
        e->which = which;
        e->by_person = by_person;
        (void)snprintf(e->command, sizeof(e->command), "%s", command ? command : "");
        return e;
}

struct ui_event *ui_event_free(struct ui_event *e)
{
        if (e)
                capnp_msg_free(e->m);
        free(e);
        return NULL;
}

/* One with a message for its payload, which is then filled in and sealed. */
static struct ui_event *event_new_long(enum ui_event_payload_which which, const char *command,
                                       bool by_person)
{
        struct ui_event *e = ui_event_new(which, command, by_person);

        if (e && capnp_msg_new(&e->m))
                return ui_event_free(e);
        return e;
}

static struct ui_event *event_sealed(struct ui_event *e)
{
        return capnp_msg_check(e->m) ? ui_event_free(e) : e;
}

struct ui_event *ui_event_new_values(const struct ui_args *a, const char *command, bool by_person)
{
        struct ui_event *e = event_new_long(UI_EVENT_PAYLOAD_VALUES, command, by_person);

        if (!e)
                return NULL;
        ui_args_build(a, ui_event_payload_init_values(ui_event_payload_build(e->m), a->n));
        return event_sealed(e);
}

struct ui_event *ui_event_new_selection(const char *const *keys, uint32_t n, const char *command,
                                        bool by_person)
{
        struct ui_event *e = event_new_long(UI_EVENT_PAYLOAD_SELECTION, command, by_person);
        capnp_lbuilder l;

        if (!e)
                return NULL;
        l = ui_event_payload_init_selection(ui_event_payload_build(e->m), n);
        for (uint32_t i = 0; i < n; i++)
                capnp_abuilder_set_text(capnp_lbuilder_any(l, i), capnp_text_of(keys[i]));
        return event_sealed(e);
}

struct ui_event *ui_event_new_outcome(const char *command, enum ui_outcome_which which,
                                      const char *why)
{
        struct ui_event *e = event_new_long(UI_EVENT_PAYLOAD_OUTCOME, command, true);
        ui_outcome_builder o;

        if (!e)
                return NULL;
        o = ui_event_payload_init_outcome(ui_event_payload_build(e->m));
        if (which == UI_OUTCOME_REFUSED)
                ui_outcome_set_refused(o, why);
        else if (which == UI_OUTCOME_FAILED)
                ui_outcome_set_failed(o, why);
        else
                ui_outcome_set_done(o);
        return event_sealed(e);
}
