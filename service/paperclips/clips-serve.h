/* Paperclips as callers see it. */
#ifndef CAPOS_CLIPS_SERVE_H
#define CAPOS_CLIPS_SERVE_H

#include "clips-player.h"

/* One socket's view. Lives as long as the socket or its object. */
struct clips_guest;

/* Somebody has come to play: as clips_player_enter(). ret_cap: his Paperclips, the caller's. */
int clips_guest_enter(struct clips_players *all, const uint8_t id[CLIPS_ID_BYTES], bool kept,
                      struct clips_guest **ret_guest, capnp_cap **ret_cap)
        __attribute__((warn_unused_result));
/* His socket is gone. */
void clips_guest_leave(struct clips_guest *g);

#endif
