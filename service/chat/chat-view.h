/* Three panes in one host: what they have been told, and what they are to be told next. */
#ifndef CAPOS_CHAT_VIEW_H
#define CAPOS_CHAT_VIEW_H

#include "chat-show.h"

#include <capos/kit-commands.h>
#include <capos/kit-ui.h>

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

struct chat_view {
        struct capnp_i_list link; /* chat_show.views */
        struct chat_show *show;
        capnp_vat *vat;
        struct kit_composition *c;
        struct kit_pane *pane[CHAT_PANES]; /* NULL: closed */
        bool begun[CHAT_PANES];            /* its model is there, whole */
        struct chat_rows told[CHAT_PANES]; /* of the two lists */
        const struct chat_seat *seat;      /* that the other one shows … */
        uint64_t drawn;                    /* … up to this event … */
        uint32_t unread;                   /* … with so many marked as new */
        unsigned commands;                 /* of the talk: 0 none, 1 for no channel, 2 for one */
        bool visible;                      /* whether that can be seen */
        capnp_timer *timer;                /* when it may be drawn again */
        bool dirty;                        /* … and has to be */
};

/* A pane, by the host's `open`. The question is to be detached when its result has been used. */
capnp_question *chat_view_open(struct chat_view *v, enum chat_pane p);
/* Tells the panes what is new. false: there is more, for another time. */
bool chat_view_draw(struct chat_view *v);
/* A pane is not what was told: its model is given whole the next time. */
void chat_view_forget(struct chat_view *v, enum chat_pane p);

#endif
