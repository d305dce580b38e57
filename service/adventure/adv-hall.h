/* Everybody who plays: their games, where they are, what they hear. */
#ifndef CAPOS_ADV_HALL_H
#define CAPOS_ADV_HALL_H

#include "adv-save.h"

#include "base-list.h"

enum {
        ADV_KEY_BYTES = 16,
        ADV_LABEL_BYTES = 32,
        ADV_LINES = 32,        /* that a player is remembered */
        ADV_LINE_BYTES = 1200, /* of one, with its NUL */
        ADV_SAY_BYTES = 500,
        ADV_PLAYERS = 1024,
        ADV_BURST = 100,      /* things done at once … */
        ADV_PER_SECOND = 10,  /* … and from then on */
        ADV_HERE_MS = 120000, /* who has done something since is here, even without a socket */
        ADV_IDLE_MS = 5000,   /* between what is said in a room without being asked */

        ADV_E_FULL = 1, /* too many players, all of them here */
        ADV_E_FAST = 2,
        ADV_E_TEXT = 3, /* not 1 to ADV_SAY_BYTES of UTF-8 in a line */
};

struct adv_line {
        uint64_t sequence, at_ms;
        char who[ADV_LABEL_BYTES]; /* a player, or somebody in the story; "": the story itself */
        char *text;
};

struct adv_hall;

struct adv_player {
        struct capnp_i_list link; /* adv_hall.players */
        struct adv_hall *hall;
        struct capnp_i_list guests; /* who plays him, theirs */
        bool is_kept;
        uint8_t key[ADV_KEY_BYTES];
        char label[ADV_LABEL_BYTES];
        struct adv_game game;
        struct adv_line lines[ADV_LINES]; /* by sequence; 0: none yet */
        uint64_t sequence;                /* of the last line */
        uint64_t seen_ms;                 /* when something was done last … */
        uint32_t credit; /* … and what might be done at once then, in thousandths */
        uint32_t sockets;
};

/* What the hall tells of; members may be NULL. */
struct adv_hall_ops {
        /* Something that a player sees has changed. */
        void (*happened)(struct adv_player *p);
        /* Somebody in the story says something in a room. */
        void (*spoken)(void *arg, const struct adv_room *room, const char *who, const char *text);
};

struct adv_hall {
        const struct adv_world *world;
        int folder; /* borrowed; -1: nothing is kept */
        const struct adv_hall_ops *ops;
        void *arg;
        uint64_t (*now_ms)(void);  /* never goes back */
        uint64_t (*wall_ms)(void); /* since 1970 */
        struct capnp_i_list players;
        uint32_t nplayers;
        uint64_t spoken_ms[ADV_ROOMS]; /* when somebody has said something unasked */
        uint32_t spoken[ADV_PEOPLE];   /* how often he has */
};

void adv_hall_init(struct adv_hall *h, const struct adv_world *w, int folder);
void adv_hall_deinit(struct adv_hall *h);

/*
 * A socket of somebody's. key: whose; is_kept: it is an account's, whose game is on disk.
 * 0; ADV_E_FULL; -errno.
 */
int adv_player_enter(struct adv_hall *h, const uint8_t *key, bool is_kept,
                     struct adv_player **ret_p) CAPNP_MUST_USE;
void adv_player_leave(struct adv_player *p);

/* Each of these keeps the game before it returns. 0; ADV_E_FAST; -errno, and nothing is done. */
int adv_player_do(struct adv_player *p, struct adv_act act, struct adv_told *ret) CAPNP_MUST_USE;
int adv_player_again(struct adv_player *p, struct adv_told *ret) CAPNP_MUST_USE;
int adv_player_start_over(struct adv_player *p) CAPNP_MUST_USE;

/* 0, with how many others have heard it; ADV_E_FAST; ADV_E_TEXT. */
int adv_player_say(struct adv_player *p, capnp_text text, uint32_t *ret_heard) CAPNP_MUST_USE;
/* The next of those who are in the same room, after one or from the first. NULL: no more. */
const struct adv_player *adv_player_next_other(const struct adv_player *p,
                                               const struct adv_player *after);
/* The first line after that one; NULL: none. */
const struct adv_line *adv_player_line(const struct adv_player *p, uint64_t after);

#endif
