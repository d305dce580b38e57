/* Streams: who writes (rpc-stream.c), and who serves (rpc-gate.c). */
#ifndef CAPNP_RPC_STREAM_H
#define CAPNP_RPC_STREAM_H

#include "rpc-call.h"

/* Stream calls in flight. */
struct flow {
        struct event event;
        capnp_cap *cap; /* whose we are; it owns us */
        uint64_t in_flight, window;
        uint32_t sent;               /* stream calls that have been sent and have not returned */
        uint32_t unended;            /* … and those that are held */
        bool failed;                 /* for ever */
        capnp_cap *broken;           /* … with this; NULL: there was no memory to say with what */
        struct capnp_i_list held;    /* struct call.waiter: they wait for what has been sent */
        struct capnp_i_list writers; /* struct writer, the first to wait first */
};

/* Somebody who waits for room, or for the end of everything. */
struct writer {
        struct capnp_i_list link;
        bool end;
        void (*fn)(void *arg);
        void *arg;
};

/* Whether c, which is about to be sent, waits behind a stream call, or fails behind one. */
bool capnp_i_flow_takes(struct call *c);
void capnp_i_flow_returned(struct call *c);
/* c is a stream call from now on: as capnp_question_stream(), and it is not sent yet. */
int capnp_i_flow_enter(struct call *c, void (*ready)(void *arg), void *arg) CAPNP_MUST_USE;

/* ---- who serves ----------------------------------------------------------------------------- */

/* Whether c may be served now, waits, or is to fail as what came before it. */
enum gate_says { GATE_OPEN, GATE_WAITS, GATE_FAILS };
enum gate_says capnp_i_gate_admits(struct call *c, struct hosted *h, capnp_cap **ret_broken);
/* c is a stream call and being served: what comes behind it waits. 0 or -ENOMEM. */
int capnp_i_gate_shut(struct call *c, struct hosted *h) CAPNP_MUST_USE;
/* c, which has a gate, is over, or has been run: then a stream call stays. Where no event will ever
 * run again, the calls behind it are to be failed: those are struct call.waiter of *ret_stranded.
 */
void capnp_i_gate_leave(struct call *c, bool over, struct capnp_i_list *ret_stranded);
/* r's peer has let go of c, and with it of what failed there. */
void capnp_i_gate_forget(capnp_rpc *r, capnp_cap *c);
void capnp_i_gates_close(capnp_rpc *r);
void capnp_i_gates_free(struct hosted *h);

#endif
