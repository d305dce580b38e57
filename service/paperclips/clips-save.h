/* A game as bytes, and back. No I/O. */
#ifndef CAPOS_CLIPS_SAVE_H
#define CAPOS_CLIPS_SAVE_H

#include "clips-game.h"

#include <stddef.h>

enum { CLIPS_SAVE_BYTES = 32 * 1024 };

/*
 * Writes a game. at_ms: now, by the wall clock. 0, with *ret_len; -ENOMEM; CAPNP_E_LIMIT: it is
 * longer than that, which no world that loads makes it.
 */
int clips_save_write(const struct clips_game *g, uint64_t at_ms, uint8_t to[CLIPS_SAVE_BYTES],
                     size_t *ret_len);
/*
 * Reads one into a game that was just made of the world. What the world has not is left out, and
 * what the game has not is as in a new one. 0, with *ret_at_ms; -ENOMEM; -EILSEQ: these bytes are
 * no whole game, and g is as it was.
 */
int clips_save_read(struct clips_game *g, const uint8_t *from, size_t len, uint64_t *ret_at_ms);

#endif
