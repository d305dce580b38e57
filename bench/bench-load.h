/* Keeps calls in flight and measures what they cost: for every client of ours that measures. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <capos/capnp-vat.h>

enum { BENCH_MAX_ROUNDS = 99, BENCH_MAX_PIDS = 16 };

/* What every such program is told by its arguments. */
struct bench_options {
        double seconds; /* of one round */
        int rounds;
        int pids[BENCH_MAX_PIDS]; /* whose CPU time is the server's */
        int npids;
        const char *name, *address;
};

/* Calls of one kind, kept in flight until the time is over. */
struct bench_load {
        capnp_vat *vat;
        capnp_cap *cap; /* what is called */
        const char *what;
        /* Starts one call, whose callback is bench_load_done() with the load as its argument. */
        void (*start)(struct bench_load *l);
        /* Or all of a round, until bench_load_next() says so; 0, or that calls have failed. */
        int (*run)(struct bench_load *l);
        int in_flight;
        /* During a round. */
        uint64_t calls;
        double end;
        int open, failed;
        bool over;
};

/* False, after the usage has been printed: the program ends with 2. */
bool bench_options_parse(struct bench_options *o, int argc, char **argv);
/* Counts a call; false: the time is over. */
bool bench_load_next(struct bench_load *l);
void bench_load_done(capnp_question *q, int r, void *load);
/* Runs one round to warm up and o->rounds others, and prints the median as a line of JSON. */
void bench_load_figure(struct bench_load *l, const struct bench_options *o);

#endif
