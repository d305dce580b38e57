/*
 * What a world of Paperclips is: world.capnp's constants with every key resolved to a place, and
 * checked once. It never changes after that, and holds no memory of its own: texts are the
 * constant's.
 */
#ifndef CAPOS_CLIPS_WORLD_H
#define CAPOS_CLIPS_WORLD_H

#include "world.capnp-c.h"

#include <stdbool.h>
#include <stdint.h>

enum {
        CLIPS_STOCKS = 12,
        CLIPS_MACHINES = 24,
        CLIPS_PROJECTS = 48,
        CLIPS_PHASES = 6,
        CLIPS_CARDS = 32,
        CLIPS_FEW = 4,        /* amounts, needs, effects of one thing */
        CLIPS_KEY_BYTES = 24, /* of a key, with its NUL */
        CLIPS_TEXT_BYTES = 160,
};

struct clips_amount {
        uint8_t of; /* the place of a stock, or a machine */
        double n;
};

struct clips_amounts {
        uint8_t n;
        struct clips_amount v[CLIPS_FEW];
};

struct clips_stock {
        const char *key, *title;
        enum world_stock_unit unit;
        double start, cap;
        uint8_t phase;
};

struct clips_machine {
        const char *key, *title, *text;
        struct clips_amounts cost, uses, gives, adds;
        double growth, demand;
        uint32_t limit, own;
        bool open, pace;
};

struct clips_need {
        enum world_need_which which;
        struct clips_amount amount; /* of `done` a project, of `phase` a phase, in `of` */
};

struct clips_effect {
        enum world_effect_which which;
        struct clips_amount amount; /* of a factor, in `n`; of what is opened, offered, in `of` */
};

struct clips_project {
        const char *key, *title, *text, *said;
        struct clips_amounts price;
        struct clips_need needs[CLIPS_FEW];
        struct clips_effect effects[CLIPS_FEW];
        uint8_t nneeds, neffects;
        uint32_t seconds, stands;
};

struct clips_phase {
        const char *key, *title, *text, *next;
};

struct clips_card {
        const char *key, *text;
        uint8_t from, to, neffects;
        double demand;
        uint32_t seconds;
        struct clips_effect effects[CLIPS_FEW];
};

struct clips_world {
        struct clips_stock stocks[CLIPS_STOCKS];
        struct clips_machine machines[CLIPS_MACHINES];
        struct clips_project projects[CLIPS_PROJECTS];
        struct clips_phase phases[CLIPS_PHASES];
        struct clips_card cards[CLIPS_CARDS];
        uint8_t nstocks, nmachines, nprojects, nphases, ncards;
        uint8_t strength, wire, clips, coins, craft; /* places of stocks */
        double craft_each, demand, tide_share;
        uint32_t fair_cents, tide_seconds, deal_seconds;
        char fault[160]; /* what is wrong; "": nothing */
};

/* Resolves a world. false: ret->fault says what is wrong with it, by its key. The texts are
 * borrowed from r for as long as ret is used. */
bool clips_world_load(world_reader r, struct clips_world *ret);

/* The place of what has this key, or -1. */
int clips_stock_find(const struct clips_world *w, const char *key);
int clips_machine_find(const struct clips_world *w, const char *key);
int clips_project_find(const struct clips_world *w, const char *key);
int clips_phase_find(const struct clips_world *w, const char *key);
int clips_card_find(const struct clips_world *w, const char *key);

#endif
