/*
 * A thousand games of Paperclips, somewhere in its first half hour, where the solver has
 * got by other cards; then a second of all of them goes by, again and again, with nobody
 * doing anything: what it costs that they are there.
 *
 * Getting there is no part of what is counted, and costs the same however long one counts.
 */
#include "bench-clips.h"

#include "clips-solver.h"
#include "content.capnp-c.h"

#include <stdio.h>
#include <stdlib.h>

enum { PLAYERS = 1000, KINDS = 10, THREE_MINUTES = 180 };

void bench_clips(uint64_t count)
{
        static struct clips_game kinds[KINDS];
        static struct clips_world w;
        struct clips_game *g = calloc(PLAYERS, sizeof(*g));

        if (!g || !clips_world_load(world(), &w)) {
                fprintf(stderr, "bench-work: no players: %s\n", w.fault);
                exit(1);
        }
        for (unsigned k = 0; k < KINDS; k++) {
                clips_game_init(&kinds[k], &w, k + 1);
                for (unsigned i = 0; i < k * THREE_MINUTES; i++)
                        clips_solver_play(&kinds[k]);
        }
        for (unsigned i = 0; i < PLAYERS; i++) {
                g[i] = kinds[i % KINDS];
                g[i].random += i;
        }
        while (count--)
                for (unsigned i = 0; i < PLAYERS; i++)
                        clips_game_tick(&g[i]);
        free(g);
}
