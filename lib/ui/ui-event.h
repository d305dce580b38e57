/* What a pane's service is told: a queue that has a bound, and shows what was lost. */
#ifndef CAPOS_UI_EVENT_H
#define CAPOS_UI_EVENT_H

#include "base-list.h"
#include "ui-ledger.h"
#include "ui-value.h"

struct ui_event {
        struct capnp_i_list link;
        uint64_t sequence;
        char command[33]; /* "": no command is behind it */
        bool by_person;
        enum ui_event_payload_which which;
        capnp_msg *m; /* of values, selection and outcome: a UiEventPayload */
        union {
                enum ui_close_reason closed;
                bool flag; /* pinned, visible */
                struct {
                        uint16_t columns, rows;
                } size;
        };
};

struct ui_events {
        struct capnp_i_list list;
        uint32_t n;
        uint64_t sequence; /* of the last one */
};

void ui_events_init(struct ui_events *q);
/* Takes e, which may be NULL. It may go itself: then there is a gap where it was. */
void ui_events_add(struct ui_events *q, struct ui_account *a, struct ui_event *e);
/* Writes up to n of them and drops those; how many is ui_events_count(). */
void ui_events_write(struct ui_events *q, struct ui_account *a, capnp_data surface,
                     ui_event_list_builder to);
/* Drops what is left. */
void ui_events_clear(struct ui_events *q, struct ui_account *a);

/* NULL: no memory. `command` may be NULL. */
struct ui_event *ui_event_new(enum ui_event_payload_which which, const char *command,
                              bool by_person);
struct ui_event *ui_event_new_values(const struct ui_args *a, const char *command, bool by_person);
struct ui_event *ui_event_new_selection(const char *const *keys, uint32_t n, const char *command,
                                        bool by_person);
struct ui_event *ui_event_new_outcome(const char *command, enum ui_outcome_which which,
                                      const char *why);
struct ui_event *ui_event_free(struct ui_event *e);

#endif
