/* A story as the game plays it: keys have become places in tables, words have become bits. */
#ifndef CAPOS_ADV_WORLD_H
#define CAPOS_ADV_WORLD_H

#include "story.capnp-c.h"

enum {
        ADV_ROOMS = 32,
        ADV_THINGS = 32,
        ADV_PEOPLE = 8,
        ADV_EXITS = 8,   /* of a room */
        ADV_TEXTS = 8,   /* of a room, a thing or a person */
        ADV_TOPICS = 24, /* of a person */
        ADV_DEEDS = 96,
        ADV_STEPS = 16,
        ADV_FACTS = 32,
        ADV_MOVES = 4, /* of a deed */
        ADV_WORDS = 6, /* of needs that are about a thing */
        ADV_MAP = 16,  /* rooms beside each other */

        /* Where a thing may be that is in no room. */
        ADV_CARRIED = 0xfe,
        ADV_NOWHERE = 0xff,
        ADV_HERE = 0xfd,     /* in an effect: where the player is */
        ADV_NONE = 0xff,     /* no room, thing or person */
        ADV_A_PERSON = 0x80, /* in what a deed is done to: a person's place in his table */
};

enum adv_end { ADV_PLAYING, ADV_LOST, ADV_WON };

struct adv_word {
        uint8_t thing, place;
        bool is_not;
};

struct adv_needs {
        uint32_t facts, no_facts;
        uint8_t nwords;
        struct adv_word words[ADV_WORDS];
};

struct adv_effects {
        uint32_t set, clear;
        uint8_t nmoves, room; /* room: ADV_NONE: he stays */
        enum adv_end end;
        struct {
                uint8_t thing, place;
        } moves[ADV_MOVES];
};

struct adv_text {
        struct adv_needs needs;
        const char *text;
};

struct adv_texts {
        uint8_t n;
        struct adv_text v[ADV_TEXTS];
};

struct adv_exit {
        const char *key, *blocked, *text;
        uint8_t to;
        struct adv_needs needs;
        struct adv_effects effects;
};

struct adv_room {
        const char *key, *title;
        uint16_t x, y;
        struct adv_texts texts;
        uint8_t nexits;
        struct adv_exit exits[ADV_EXITS];
};

struct adv_thing {
        const char *key, *label;
        const char *fixed; /* "": it can be taken */
        const char *stuck;
        uint8_t place, home;
        struct adv_needs needs;
        struct adv_texts texts;
};

struct adv_topic {
        const char *key, *label, *text;
        struct adv_needs needs;
        struct adv_effects effects;
};

struct adv_person {
        const char *key, *label;
        uint8_t place, ntopics;
        struct adv_texts texts;
        capnp_list idle; /* of texts: story_person_idle_at() */
        struct adv_topic topics[ADV_TOPICS];
};

struct adv_deed {
        uint8_t use, on; /* on: a thing, ADV_A_PERSON and a person, or ADV_NONE */
        const char *text;
        struct adv_needs needs;
        struct adv_effects effects;
};

struct adv_step {
        const char *key, *title;
        struct adv_needs needs;
};

struct adv_world {
        const char *title, *intro, *nothing, *put;
        uint8_t start, nrooms, nthings, npeople, ndeeds, nsteps, nfacts;
        uint16_t width, height; /* of the map */
        struct adv_room rooms[ADV_ROOMS];
        struct adv_thing things[ADV_THINGS];
        struct adv_person people[ADV_PEOPLE];
        struct adv_deed deeds[ADV_DEEDS];
        struct adv_step steps[ADV_STEPS];
        const char *facts[ADV_FACTS]; /* their words */
        uint32_t needed, made;        /* facts, by whoever names them */
};

/*
 * Reads a story. Its texts are the story's own, which has to stay.
 * 0; -EINVAL, with what is wrong and where: `rooms[3].exits[0].to: there is no room "hal"`.
 */
int adv_world_load(struct adv_world *w, story_reader s, char ret_why[static 160]) CAPNP_MUST_USE;

/* By key; rooms by key alone, things and people by label as well. ADV_NONE: there is none. */
uint8_t adv_world_room(const struct adv_world *w, capnp_text key);
uint8_t adv_world_thing(const struct adv_world *w, capnp_text key);
uint8_t adv_world_person(const struct adv_world *w, capnp_text key);
/* ADV_NONE: nothing in this story is called so. */
uint8_t adv_world_fact(const struct adv_world *w, capnp_text word);

#endif
