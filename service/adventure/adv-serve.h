/* Adventure as callers see it: the objects and their methods. */
#ifndef CAPOS_ADV_SERVE_H
#define CAPOS_ADV_SERVE_H

#include "adv-hall.h"
#include "adv-voice.h"

#include <capos/capnp-vat.h>

struct adventure {
        capnp_vat *vat;
        struct adv_hall hall;
        struct adv_voice voice;
};

/* One socket's view. Lives as long as the socket or its object. */
struct adv_guest;

/* folder: where games are kept, borrowed; -1: nowhere. */
void adventure_init(struct adventure *a, const struct adv_world *w, capnp_vat *v, int folder);
/* Nothing is said to Chat any more; before the loop ends. */
void adventure_stop(struct adventure *a);
/* Every guest has to have left, and every object to have gone. */
void adventure_deinit(struct adventure *a);
/*
 * A caller has come. key: whose game; is_kept: an account's. ret_guest: for adv_guest_leave().
 * ret_cap: its Adventure, the caller's. 0; ADV_E_FULL; -errno.
 */
int adv_guest_enter(struct adventure *a, const uint8_t *key, bool is_kept,
                    struct adv_guest **ret_guest, capnp_cap **ret_cap) CAPNP_MUST_USE;
/* Its socket is gone. */
void adv_guest_leave(struct adv_guest *g);

#endif
