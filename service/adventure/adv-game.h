/* The game itself: what is so, what somebody does, and what comes of it. No I/O, no clock. */
#ifndef CAPOS_ADV_GAME_H
#define CAPOS_ADV_GAME_H

#include "adv-world.h"

enum { ADV_TOLD_BYTES = 2400 };

/* All that is so for one player. */
struct adv_state {
        uint32_t facts;
        uint32_t found; /* rooms that he has been in */
        uint32_t turn;  /* how often it has changed */
        uint8_t room;
        uint8_t end;       /* enum adv_end */
        uint8_t unused[2]; /* 0; so that states can be compared byte by byte */
        uint8_t place[ADV_THINGS];
};

enum adv_verb { ADV_GO, ADV_TAKE, ADV_DROP, ADV_INSPECT, ADV_USE, ADV_TALK };

/* Something to do. */
struct adv_act {
        enum adv_verb verb;
        uint8_t what; /* an exit of the room, a thing, or a person with ADV_A_PERSON */
        uint8_t on;   /* use: as what, or ADV_NONE. talk: a topic of the person */
};

enum adv_what { ADV_DONE, ADV_BLOCKED, ADV_ABSENT, ADV_OVER };

/* What has come of it. */
struct adv_told {
        enum adv_what what;
        bool has_changed; /* the state is another one */
        bool has_moved;
        uint16_t room_at; /* where in the text the room begins, then */
        char text[ADV_TOLD_BYTES];
};

/* The beginning. */
void adv_state_begin(const struct adv_world *w, struct adv_state *s);
/* Does something. A state that has ended changes no more. */
void adv_do(const struct adv_world *w, struct adv_state *s, struct adv_act act,
            struct adv_told *ret);

bool adv_needs_hold(const struct adv_needs *n, const struct adv_state *s);
/* Whether a thing is where the player could lay hands on it. */
bool adv_thing_is_near(const struct adv_state *s, uint8_t thing);
/* The exit of that key that one would take now: one that is open, else the first. ADV_NONE. */
uint8_t adv_exit_find(const struct adv_world *w, const struct adv_state *s, capnp_text key);
/* The topic of that key or label that one would talk about now. ADV_NONE: none, for now. */
uint8_t adv_topic_find(const struct adv_person *p, const struct adv_state *s, capnp_text key);
/* Whether this exit, this topic, stands for its key now: of several with one only one does. */
bool adv_exit_stands(const struct adv_world *w, const struct adv_state *s, uint8_t exit);
bool adv_topic_stands(const struct adv_person *p, const struct adv_state *s, uint8_t topic);
/* The room as it is told; returns ret. */
const char *adv_room_text(const struct adv_world *w, const struct adv_state *s,
                          char ret[static ADV_TOLD_BYTES]);

#endif
