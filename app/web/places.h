/* The instances that a person may choose from. */
#ifndef CAPOS_WEB_PLACES_H
#define CAPOS_WEB_PLACES_H

#include "bridge.h"

#include "session-address.h"

enum { PLACES = 64, PLACE_NAME = 65, PLACE_TEXT = CAPOS_ADDRESS_WHERE + CAPOS_ADDRESS_CA + 80 };

struct place {
        bool is_there;
        bool fixed; /* of the command line */
        bool kept;  /* in the file: it has no key, or that is known to be the one */
        char name[PLACE_NAME];
        char text[PLACE_TEXT]; /* the address as it was given */
        struct capos_address at;
        uint64_t seen_ms; /* it has answered this process; since 1970; 0: not yet */
};

struct places {
        struct place p[PLACES]; /* a place in it is given again when no other is left */
        unsigned n;
};

/* Those of the command line, then those of the file. 0; -ENOMEM. */
int places_new(struct bridge *b) CAPNP_MUST_USE;
void places_free(struct bridge *b);
/* The place with a number; NULL: there is none. */
struct place *places_at(struct bridge *b, uint16_t i);
/* Says it to a tab, or with NULL to all. */
void places_tell(struct bridge *b, const struct bridge_tab *t);
/* What pages ask. */
void places_list(struct bridge *b, struct asker a);
void places_add(struct bridge *b, struct asker a, web_up_instance_reader r);
void places_rename(struct bridge *b, struct asker a, web_up_instance_reader r);
void places_remove(struct bridge *b, struct asker a, uint16_t i);
/* A place's key is the one, which a person, a pin or a CA has said: what was added is kept from
 * here on. 0, or -errno. */
int places_confirm(struct bridge *b, uint16_t i) CAPNP_MUST_USE;
/* A place's key is not the one: what was added, and not kept, goes. */
void places_deny(struct bridge *b, uint16_t i);
/* The whole address, for the library. */
void place_whole(const struct place *p, char to[PLACE_TEXT]);
/* As people and patterns have it: `HOST:PORT`, `plain:HOST:PORT`, `unix:/path`. */
void place_short(const struct place *p, char to[PLACE_TEXT]);

#endif
