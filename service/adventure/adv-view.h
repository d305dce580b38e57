/* Five panes in one host: what they have been told, and what they are to be told next. */
#ifndef CAPOS_ADV_VIEW_H
#define CAPOS_ADV_VIEW_H

#include "adv-scene.h"

#include <capos/kit-ui.h>

enum adv_pane {
        ADV_PANE_ROOM,
        ADV_PANE_MAP,
        ADV_PANE_CARRIED,
        ADV_PANE_LOG,
        ADV_PANE_MISSION,
        ADV_PANES
};

struct adv_view {
        struct capnp_i_list link;    /* adv_player.shows */
        struct capnp_i_list of_show; /* adv_show.views */
        struct adv_player *player;
        capnp_vat *vat;
        struct kit_composition *c;
        struct kit_pane *pane[ADV_PANES]; /* NULL: closed */
        uint64_t told[ADV_PANES];         /* what a pane shows, as a number; 0: nothing yet */
        uint64_t offered[ADV_COMMANDS];   /* likewise of a command */
        uint64_t heard;                   /* the last line that the log was told */
        capnp_timer *timer;               /* when it may be drawn again */
        bool dirty;                       /* … and has to be */
};

/* A pane, by the host's `open`. The question is to be detached when its result has been used. */
capnp_question *adv_view_open(struct adv_view *v, enum adv_pane p);
/* Tells the panes what is new. false: there is more, for another time. */
bool adv_view_draw(struct adv_view *v);
/* A pane is not what was told: it is told all of it the next time. */
void adv_view_forget(struct adv_view *v, enum adv_pane p);

#endif
