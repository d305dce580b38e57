/* Vats of one process that call each other: for the programs that count what a call costs. */
#ifndef BENCH_STAGE_H
#define BENCH_STAGE_H

#include <capos/capnp-vat.h>

#include "bench.capnp-c.h"

enum { SERVER, RELAY, CLIENT, VATS };

struct stage {
        capnp_vat *vats[VATS];
        capnp_cap *served, *wrapped, *target;
        capnp_membrane *membrane;
        uint64_t left;      /* calls to be made yet */
        uint32_t in_flight; /* calls under way */
};

/* null() and self(). */
extern const struct echo_ops stage_ops;

/* Ends the program with a word when r is not 0. */
void stage_must(int r, const char *what);
/* Makes the vats and joins them; a relay has a membrane. The stage is the operations' self. */
void stage_init(struct stage *s, const struct echo_ops *ops, const struct capnp_limits *l,
                bool relay);
void stage_deinit(struct stage *s);
/* One turn of everybody. The counting tool can be told to count inside of one of these alone
 * (bench/instructions). */
void stage_turn(struct stage *s);
int stage_turn_server(struct stage *s);
int stage_turn_relay(struct stage *s);
/* null() so many times, so many at once. */
void stage_calls(struct stage *s, uint64_t count, uint32_t in_flight);

#endif
