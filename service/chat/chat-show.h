/* What Chat shows in panes, to a session that has lent it a host (schema/remote_ui.capnp). */
#ifndef CAPOS_CHAT_SHOW_H
#define CAPOS_CHAT_SHOW_H

#include "chat-room.h"

#include <capos/capnp-vat.h>

#include <string.h>

/* A place in a channel that lasts as long as the panes do. */
struct chat_seat {
        struct chat_member member;
        struct capnp_i_list link; /* chat_show.seats */
        struct chat_show *show;
        uint32_t said;   /* messages of others since somebody looked … */
        uint32_t unread; /* … and events of any kind: the last so many are new */
};

/* The panes of a guest: he may have lent several hosts, and they all show the same. */
struct chat_show {
        struct capnp_i_list link;           /* chat_person.shows */
        uint8_t line[CHAT_REFERENCE_BYTES]; /* which session it is, of this person's */
        struct capnp_i_list seats;          /* struct chat_seat */
        struct capnp_i_list views;          /* struct chat_view */
        struct chat_seat *seat;             /* whose channel is shown; NULL: none */
        struct chat_watcher watcher;        /* while there are views */
        struct chat_rooms *rooms;
        struct chat_person *person;
        struct chat_time (*time)(const void *clock); /* says what time it is */
        const void *clock;
};

/* line: the session's own reference. */
void chat_show_init(struct chat_show *s, struct chat_rooms *rooms, struct chat_person *person,
                    const uint8_t *line, struct chat_time (*time)(const void *clock),
                    const void *clock);
/* The handler of `compose`; takes a. */
int chat_show_compose(struct chat_show *s, capnp_vat *v, capnp_answer *a);
/* Shows a channel, and takes a seat there for that. 0; CHAT_E_PANES: no host is lent; or as
 * chat_member_join(). */
int chat_show_enter(struct chat_show *s, capnp_text name) CAPNP_MUST_USE;
/* Ends a seat. */
void chat_seat_leave(struct chat_seat *s);
/* The guest goes: his hosts are given back. */
void chat_show_deinit(struct chat_show *s);

/* The seat in a channel; of the one that is shown, if there is no name. NULL: there is none. */
static inline struct chat_seat *chat_show_find(const struct chat_show *s, capnp_text name)
{
        if (!name.len)
                return s->seat;
        for (struct capnp_i_list *l = s->seats.next; l != &s->seats; l = l->next) {
                struct chat_seat *seat = CAPNP_I_OF(l, struct chat_seat, link);

                if (!strcmp(seat->member.channel->name, name.p))
                        return seat;
        }
        return NULL;
}

#endif
