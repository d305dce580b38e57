/* What the instance tells of itself, as long as somebody looks: calls, records, and how much. */
#ifndef DIAG_FEED_H
#define DIAG_FEED_H

#include "base-list.h"

#include <capos/capnp-vat.h>

struct kit;

enum {
        FEED_CALLS = 64,    /* the latest that are kept, … */
        FEED_NOTABLE = 128, /* … and of those that somebody may look for */
        FEED_RECORDS = 256,
        FEED_SECONDS = 600,
        FEED_NOTABLE_US = 100 * 1000, /* so long is notable */
        FEED_NAME_BYTES = 64,
};

struct feed_call {
        uint64_t sequence, at_ms, micros, interface_id;
        uint16_t method;
        bool refused; /* by the instance, or cut off */
        bool ok;
        char who[FEED_NAME_BYTES + 1], capability[FEED_NAME_BYTES + 1];
        char outcome[FEED_NAME_BYTES + 1], name[FEED_NAME_BYTES + 1];
};

struct feed_record {
        uint64_t sequence, at_ms;
        bool refused, notable;
        char who[FEED_NAME_BYTES + 1], text[200];
};

struct feed_second {
        uint64_t at_ms;
        uint32_t calls, refused, sessions;
        bool counted; /* sessions is known */
};

/* Who looks: told that there is something new. */
struct feed_looker {
        struct capnp_i_list link;
        void (*news)(struct feed_looker *l);
};

struct feed {
        capnp_vat *vat;
        struct kit *kit;
        struct capnp_i_list lookers;
        unsigned nlookers;
        capnp_cap *instance, *trace; /* NULL: not held now */
        capnp_question *metrics, *audit, *recent;
        capnp_timer *second, *pause, *again;
        bool complained, traced;    /* traced: something was told of calls */
        uint64_t last, last_before; /* calls; as of the last second */
        uint32_t refused, sessions;
        bool counted;                                  /* sessions is known */
        uint64_t ncalls, nnotable, nrecords, nseconds; /* that were ever put there */
        struct feed_call calls[FEED_CALLS], notable[FEED_NOTABLE];
        struct feed_record records[FEED_RECORDS];
        struct feed_second seconds[FEED_SECONDS];
};

void feed_init(struct feed *f, capnp_vat *v, struct kit *k);
/* Somebody looks from now on: the first has it asked for. */
void feed_look(struct feed *f, struct feed_looker *l);
/* … not any more; the last has all of it forgotten. */
void feed_look_away(struct feed *f, struct feed_looker *l);
/* Since 1970. */
uint64_t feed_wall_ms(void);

#endif
