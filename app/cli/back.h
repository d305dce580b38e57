/* A line to the instance that drops under a command that goes on, and comes back. */
#ifndef CAPOS_CLI_BACK_H
#define CAPOS_CLI_BACK_H

#include "cli.h"

struct back {
        struct cli *c;
        /* It has dropped: what was got of the session is dead. NULL: nobody wants to know. */
        void (*on_lost)(void *arg);
        /* It is there again, and c->client knows what its session is and has. Likewise. */
        void (*on_back)(void *arg);
        void *arg;
        bool down;
        unsigned drops;        /* so many times it was lost */
        capnp_question *watch; /* returns when that changes; NULL: nobody tells us */
        bool told;
        uint64_t dropped_at_ms;
        uint32_t reconnects;
        capnp_timer *again;
        capnp_question *asked; /* with a function for when it returns */
        void (*on_asked)(void *arg);
};

/* Has us told, until the end; each time the vat is stopped then. */
void back_begin(struct back *b);
void back_end(struct back *b);
/* After something has failed: whether the line has dropped since b->drops was `drops`. The vat runs
 * meanwhile. */
bool back_has_dropped(struct back *b, unsigned drops);
/* The same without waiting: fn(b->arg) is called when b->drops says so. One at a time. */
void back_ask(struct back *b, void (*fn)(void *arg));
/* Runs the vat until the line is there. false: the login is over instead. */
bool back_wait(struct back *b);
/* Says that it has dropped ("dropped") or is back ("back"), on standard error, or as JSON among the
 * results; names: what a sentence of several names ends with, may be "". */
void back_say(const struct cli *c, const char *code, const char *text, const char *names);
void back_say_dropped(const struct cli *c);
void back_say_back(const struct cli *c);

#endif
