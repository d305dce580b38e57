/* Plays Paperclips as somebody could: one act a second at most, and no look at what will come. */
#ifndef CAPOS_CLIPS_SOLVER_H
#define CAPOS_CLIPS_SOLVER_H

#include "clips-game.h"

/* What it does in this second, by the acts of the game; then a second goes by. */
void clips_solver_play(struct clips_game *g);

#endif
