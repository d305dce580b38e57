/*
 * One game of Paperclips: what there is, what happens in a second, and what a player can do. No
 * I/O, no clock, no memory of its own: the same acts at the same ticks from the same seed make the
 * same game.
 */
#ifndef CAPOS_CLIPS_GAME_H
#define CAPOS_CLIPS_GAME_H

#include "clips-world.h"

enum {
        CLIPS_MAKE_MOST = 1000, /* by hand, in one act */
        CLIPS_BUY_MOST = 100,   /* machines, in one act */
        CLIPS_CENTS_MOST = 10000,
        CLIPS_LOG = 32,             /* lines that are kept */
        CLIPS_POINTS = 120,         /* of the past */
        CLIPS_POINT_SECONDS = 5,    /* between two of them */
        CLIPS_AWAY_MOST = 8 * 3600, /* seconds that are made up for */
        CLIPS_AWAY_STEPS = 480,
        CLIPS_AWAY_LIVE = 600, /* so many are played as if somebody had been there */
};

enum clips_state { CLIPS_HIDDEN, CLIPS_OFFERED, CLIPS_RUNNING, CLIPS_DONE };

enum clips_result {
        CLIPS_OK,
        CLIPS_SHORT,   /* not enough of a stock */
        CLIPS_LOCKED,  /* not now: not open yet, done, at its limit */
        CLIPS_UNKNOWN, /* nothing has that key */
        CLIPS_RANGE,   /* a number that is out of bounds */
};

/* What has come of an act. */
struct clips_outcome {
        enum clips_result result;
        uint8_t stock;               /* of CLIPS_SHORT */
        char said[CLIPS_TEXT_BYTES]; /* a sentence for a person */
};

struct clips_line {
        uint64_t sequence; /* 0: there is none */
        uint64_t tick;
        bool good; /* something that the player has brought about */
        char text[CLIPS_TEXT_BYTES];
};

struct clips_project_now {
        enum clips_state state;
        uint32_t left; /* seconds: that it runs, or that an order stands */
};

struct clips_game {
        const struct clips_world *w;
        uint64_t tick; /* seconds played, those away included */
        uint64_t acts; /* that have changed something */
        double stock[CLIPS_STOCKS], made[CLIPS_STOCKS], cap[CLIPS_STOCKS];
        double rate[CLIPS_STOCKS]; /* a second, of late; acts do not count */
        uint32_t owned[CLIPS_MACHINES];
        double factor[CLIPS_MACHINES];
        bool open[CLIPS_MACHINES];
        uint8_t waits[CLIPS_MACHINES]; /* for which stock, and 1; 0: it does not wait */
        struct clips_project_now project[CLIPS_PROJECTS];
        double hands, demand, worth; /* factors */
        double sold, selling;        /* ever; a second, of late */
        uint32_t price_cents;
        uint8_t phase;
        uint64_t random;
        uint32_t drawn; /* cards that have been, a bit each */
        uint32_t deal;  /* seconds to the next card */
        double weather;
        uint32_t weather_seconds;
        float clips_a_second[CLIPS_POINTS], coins_a_second[CLIPS_POINTS];
        uint64_t points; /* ever; the last CLIPS_POINTS are there */
        struct clips_line log[CLIPS_LOG];
        uint64_t lines; /* ever */
};

/* A new game. */
void clips_game_init(struct clips_game *g, const struct clips_world *w, uint64_t seed);
/* A second goes by. */
void clips_game_tick(struct clips_game *g);
/* Nobody was there for so long. Ten minutes are as any others; of more, nothing is drawn and no
 * order comes or goes, and it takes bounded time. */
void clips_game_away(struct clips_game *g, uint64_t seconds);

/* Acts. What cannot be done changes nothing; of several, as many as can be are done. */
void clips_game_make(struct clips_game *g, uint32_t count, struct clips_outcome *ret);
void clips_game_buy(struct clips_game *g, const char *machine, uint32_t count,
                    struct clips_outcome *ret);
void clips_game_price(struct clips_game *g, uint32_t cents, struct clips_outcome *ret);
void clips_game_begin(struct clips_game *g, const char *project, struct clips_outcome *ret);

/* How many clips are wanted in a second, by now. */
double clips_game_demand(const struct clips_game *g);
/* The tide: what is wanted because of it, 1 on average; rising or not. */
double clips_game_tide(const struct clips_game *g, bool *ret_rising);
/* What the next one costs. */
struct clips_amounts clips_game_cost(const struct clips_game *g, unsigned machine);
/* Whether so much is there; if not, of which stock there is not. */
bool clips_game_can_pay(const struct clips_game *g, const struct clips_amounts *price,
                        uint8_t *ret_short);
/* A stock that is shown by now. */
bool clips_game_shows(const struct clips_game *g, unsigned stock);
/* Writes a line into the log book. */
void clips_game_note(struct clips_game *g, bool good, const char *text);
/* A number for a person: 7, 1,204, 48.2 k, 1.31 M. */
const char *clips_number(double n, char to[static 24]);
/* Of a stock: money with two digits. */
const char *clips_amount_text(const struct clips_world *w, struct clips_amount a,
                              char to[static 64]);
/* `12 coins, 3 craft`; "" for nothing. */
const char *clips_amounts_text(const struct clips_world *w, const struct clips_amounts *a,
                               char to[static CLIPS_TEXT_BYTES]);

#endif
