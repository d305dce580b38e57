/* What Adventure shows in panes, to a session that has lent it a host (schema/remote_ui.capnp). */
#ifndef CAPOS_ADV_SHOW_H
#define CAPOS_ADV_SHOW_H

#include "adv-view.h"

/* The hosts that one socket has lent. */
struct adv_show {
        struct capnp_i_list views; /* struct adv_view, by of_show */
        struct adv_player *player;
        capnp_vat *vat;
};

void adv_show_init(struct adv_show *s, struct adv_player *p, capnp_vat *v);
/* The handler of `compose`; takes a. */
int adv_show_compose(struct adv_show *s, capnp_answer *a);
/* The socket goes: its hosts are given back. */
void adv_show_deinit(struct adv_show *s);
/* Something that a player sees has changed: all his panes are drawn anew, soon. */
void adv_show_touch(const struct adv_player *p);

#endif
