/* Three panes in one host: what they have been told, and what they are to be told next. */
#ifndef CAPOS_CHAT_VIEW_H
#define CAPOS_CHAT_VIEW_H

#include "chat-show.h"

#include <capos/kit-view.h>

enum chat_pane { CHAT_PANE_CHANNELS, CHAT_PANE_TALK, CHAT_PANE_MEMBERS, CHAT_PANES };

/* An item of a list, as it was told. */
struct chat_row {
        char key[CHAT_NAME_BYTES + 1], detail[24], badge[12];
        uint8_t tone;
};

struct chat_rows {
        struct chat_row *v; /* sorted by key */
        uint32_t n;
};

/* The command of the channels' pane: it is not among the service's own, for it needs panes. */
extern const struct kit_command chat_view_enter;

extern const struct kit_view_spec chat_view_panes[CHAT_PANES];

struct chat_view {
        struct kit_view kit;
        struct capnp_i_list link; /* chat_show.views */
        struct chat_show *show;
        struct chat_rows told[CHAT_PANES]; /* of the two lists */
        const struct chat_seat *seat;      /* that the other one shows … */
        uint64_t drawn;                    /* … up to this event … */
        uint32_t unread;                   /* … with so many marked as new */
        unsigned commands;                 /* of the talk: 0 none, 1 for no channel, 2 for one */
        bool visible;                      /* the host has said that this can be seen */
};

/* As kit_view_kind has them; self is a view. */
bool chat_view_draw(void *self);
void chat_view_forget(void *self, unsigned p);

#endif
