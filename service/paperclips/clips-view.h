/* What Paperclips shows in panes, to a session that has lent it a host (schema/remote_ui.capnp). */
#ifndef CAPOS_CLIPS_VIEW_H
#define CAPOS_CLIPS_VIEW_H

#include "clips-player.h"

/* The handler of `compose`; takes a. views: the guest's, struct clips_view. */
int clips_view_compose(struct clips_player *p, struct capnp_i_list *views, capnp_answer *a);
/* The guest goes: his hosts are given back. */
void clips_views_end(struct capnp_i_list *views);

#endif
