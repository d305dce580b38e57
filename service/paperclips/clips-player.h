/* Who plays: games in memory, whose they are, the clock that drives them, and when they are saved.
 */
#ifndef CAPOS_CLIPS_PLAYER_H
#define CAPOS_CLIPS_PLAYER_H

#include "base-list.h"
#include "clips-game.h"
#include "clips-keep.h"

#include <capos/capnp-vat.h>
#include <capos/kit-commands.h>

enum { CLIPS_ID_BYTES = 16, CLIPS_PLAYERS = 4096 };

/* What can be done in one call. */
enum {
        CLIPS_STATUS,
        CLIPS_MAKE,
        CLIPS_BUY,
        CLIPS_PRICE,
        CLIPS_BEGIN,
        CLIPS_START_OVER,
        CLIPS_COMMANDS
};
extern const struct kit_command clips_commands[CLIPS_COMMANDS];

/* Who wants to know that something has happened in a game. */
struct clips_watcher {
        struct capnp_i_list link;                  /* clips_player.watchers */
        void (*happened)(struct clips_watcher *w); /* may take itself off */
};

/* A game that somebody plays, or has just played. Sessions of one account share it. */
struct clips_player {
        struct capnp_i_list link; /* clips_players.list */
        struct clips_players *all;
        uint8_t id[CLIPS_ID_BYTES];
        bool by_pseudonym;           /* what id is; else a session's reference */
        char file[CLIPS_NAME_BYTES]; /* "": it is not kept */
        struct clips_game game;
        uint64_t revision;
        uint64_t generation; /* grows with each game that was given up */
        struct kit_commands *commands;
        struct capnp_i_list watchers;
        unsigned sessions, views;
        uint64_t left_ms;  /* when the last session went */
        uint64_t saved_ms; /* when it was saved, or loaded */
        bool dirty;        /* it is not as it was then */
};

struct clips_players {
        capnp_vat *vat;
        const struct clips_world *world;
        int folder;           /* borrowed; -1: nothing is kept */
        uint32_t autosave_ms; /* 0: after each act */
        struct capnp_i_list list;
        unsigned n;
        capnp_timer *timer;
        uint64_t last_ms; /* up to when everything has gone on */
};

/* folder: borrowed. */
void clips_players_init(struct clips_players *p, capnp_vat *v, const struct clips_world *w,
                        int folder, uint32_t autosave_ms);
/* Saves all there are. Everybody has to have left. */
void clips_players_stop(struct clips_players *p);

/*
 * Somebody has come. kept: by a pseudonym, which id is. 0, with *ret_player, for
 * clips_player_leave(); -ENOMEM; CAPNP_E_LIMIT: too many play.
 */
int clips_player_enter(struct clips_players *p, const uint8_t id[CLIPS_ID_BYTES], bool kept,
                       struct clips_player **ret_player) __attribute__((warn_unused_result));
void clips_player_leave(struct clips_player *p);
/* An act has changed the game: it is saved, if each is to be. */
void clips_player_save_act(struct clips_player *p);
/* All watchers are told that something has happened. */
void clips_player_tell(struct clips_player *p);
/* Gives the game up, and begins another; an act as others. */
void clips_player_start_over(struct clips_player *p);
/* Milliseconds since 1970. */
uint64_t clips_wall_ms(void);

#endif
