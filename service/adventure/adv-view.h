/* What Adventure shows in panes, to a session that has lent it a host (schema/remote_ui.capnp). */
#ifndef CAPOS_ADV_VIEW_H
#define CAPOS_ADV_VIEW_H

#include "adv-scene.h"

#include <capos/capnp-vat.h>

/* The handler of `compose`; takes a. views: the guest's, struct adv_view. */
int adv_view_compose(const struct adv_player *p, capnp_vat *vat, struct capnp_i_list *views,
                     capnp_answer *a);
/* Something that the player sees has changed: it is drawn anew, soon. */
void adv_views_touch(struct capnp_i_list *views);
/* The guest goes: his hosts are given back. */
void adv_views_end(struct capnp_i_list *views);

#endif
