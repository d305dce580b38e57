/* Chat as callers see it: the objects, and the delivery of what happens. */
#ifndef CAPOS_CHAT_SERVE_H
#define CAPOS_CHAT_SERVE_H

#include "chat-room.h"

#include <capos/capnp-vat.h>
#include <capos/kit-commands.h>
#include <capos/kit.h>

struct chat {
        capnp_vat *vat;
        struct chat_people people;
        struct chat_rooms rooms;
        struct kit_commands *commands, *pane_commands; /* the latter are only completed */
        uint64_t (*now_ms)(void);                      /* a clock that never goes back */
};

/* One socket's view. Lives as long as the socket or its object. */
struct chat_guest;

/* 0; -ENOMEM. */
int chat_init(struct chat *c, capnp_vat *v) CAPNP_MUST_USE;
/* No more is told of commands; before the loop ends. */
void chat_stop(struct chat *c);
/* Every guest has to have left, and every object to have gone. */
void chat_deinit(struct chat *c);
/*
 * A caller has come, by a session (its reference) that goes on from another, or itself (its
 * origin). narrates: it has that facet. ret_guest: for chat_guest_leave(). ret_cap: its Chat, the
 * caller's. 0; CHAT_E_FULL; -ENOMEM.
 */
int chat_guest_enter(struct chat *c, const struct kit_caller *caller, bool narrates,
                     struct chat_guest **ret_guest, capnp_cap **ret_cap) CAPNP_MUST_USE;
/* Its socket is gone: all its memberships end. */
void chat_guest_leave(struct chat_guest *g);

#endif
