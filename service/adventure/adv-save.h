/* A game as it lies on disk. */
#ifndef CAPOS_ADV_SAVE_H
#define CAPOS_ADV_SAVE_H

#include "adv-game.h"

enum {
        ADV_SAVE_BYTES = 16 * 1024,
        ADV_SAVE_NONE = 1, /* there is none */
        ADV_SAVE_BAD = 2,  /* it was none of this story's, and is called NAME.bad now */
};

/* A game: as it is, and as it was before what was done last. */
struct adv_game {
        struct adv_state now, before;
};

/* Replaces what is kept by that name, as a whole. 0; -errno. */
int adv_save_store(int folder, const char *name, const struct adv_world *w,
                   const struct adv_game *g) CAPNP_MUST_USE;
/* 0; ADV_SAVE_NONE; ADV_SAVE_BAD; -errno. *ret is set for 0 alone. */
int adv_save_load(int folder, const char *name, const struct adv_world *w,
                  struct adv_game *ret) CAPNP_MUST_USE;

#endif
