/* Games as files, one of each account. */
#ifndef CAPOS_CLIPS_KEEP_H
#define CAPOS_CLIPS_KEEP_H

#include "clips-game.h"

enum {
        CLIPS_NAME_BYTES = 33, /* of a file's name: a pseudonym in hexadecimal */
        CLIPS_KEEP_NONE = 1,   /* there is no game */
        CLIPS_KEEP_BAD,        /* there was one that cannot be read; it is NAME.bad now */
};

/* Writes a game; what is there afterwards, whenever this is cut short, is the old one or this.
 * 0; -errno. */
int clips_keep_store(int folder, const char *name, const struct clips_game *g, uint64_t at_ms)
        __attribute__((warn_unused_result));
/* Reads one into a game that was just made. 0, with *ret_at_ms; CLIPS_KEEP_NONE; CLIPS_KEEP_BAD;
 * -errno: it may be there, and cannot be read now. */
int clips_keep_load(int folder, const char *name, struct clips_game *g, uint64_t *ret_at_ms)
        __attribute__((warn_unused_result));

#endif
