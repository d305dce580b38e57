/* Where the RPC core meets the layer that has sockets: what each may ask of the other. */
#ifndef CAPNP_RPC_LOOP_H
#define CAPNP_RPC_LOOP_H

#include <capos/capnp-rpc.h>

/*
 * What a vat with sockets adds to a bare one. Both are called from API functions: turn only when no
 * event is being run; it may wait.
 */
struct capnp_i_loop {
        /* Waits for input if nothing is pending, then does one round. 0, or -errno: broken loop. */
        int (*turn)(capnp_vat *v);
        /* The vat is going: close and free sockets, timers and cores. Runs capnp_rpc_step(). */
        void (*free)(capnp_vat *v);
};

/* Set once by capnp_vat_new(), right after capnp_vat_new_bare(). self: see capnp_i_vat_loop(). */
void capnp_i_vat_set_loop(capnp_vat *v, const struct capnp_i_loop *loop, void *self);
void *capnp_i_vat_loop(const capnp_vat *v);

/*
 * Who moves a core's bytes. Called from inside any API function, so members only take a note (put
 * the connection on a list for the next round) and never call back into the core. May be called
 * again and again.
 */
struct capnp_i_owner {
        void (*dirty)(void *self); /* there is output, wants_input changed, or it has closed */
        void (*idle)(void *self);  /* all four tables are empty: nobody uses the connection */
};
void capnp_i_rpc_set_owner(capnp_rpc *r, const struct capnp_i_owner *o, void *self);

/*
 * Whether input is not wanted for a reason that must not last: the peer may have sent what would
 * end it. Whoever reads looks again after a second in which capnp_i_rpc_progress() has not changed,
 * and then calls capnp_i_rpc_read_on(): from then on what is too much is refused.
 */
bool capnp_i_rpc_is_paused(const capnp_rpc *r);
uint64_t capnp_i_rpc_progress(const capnp_rpc *r);
void capnp_i_rpc_read_on(capnp_rpc *r);

/*
 * Turns (limits.turn, limits.rate). Where capnp_i_rpc_takes_turns(), capnp_i_rpc_turn() comes
 * before each time that bytes are read, and again in a later round while the core is stalled with
 * some: it takes what is left of those, and returns what capnp_rpc_feed() does. now_ms: of any
 * clock that does not go back; read only where there is a rate.
 */
enum capnp_i_stall {
        CAPNP_I_GOES_ON,  /* nothing is left of what was fed */
        CAPNP_I_HAS_TURN, /* in the next round */
        CAPNP_I_WAITS,    /* for time to pass */
        CAPNP_I_IS_FULL,  /* for what makes the core want input again */
};
bool capnp_i_rpc_takes_turns(const capnp_rpc *r);
bool capnp_i_rpc_has_rate(const capnp_rpc *r);
int capnp_i_rpc_turn(capnp_rpc *r, uint64_t now_ms) CAPNP_MUST_USE;
enum capnp_i_stall capnp_i_rpc_stall(const capnp_rpc *r);

/*
 * As capnp_rpc_feed() without descriptors, but of so many messages at most. *ret_left: how many
 * bytes at the end of b are to be fed yet, after what those messages cause has been run.
 */
int capnp_i_rpc_feed_some(capnp_rpc *r, const void *b, size_t len, unsigned most,
                          size_t *ret_left) CAPNP_MUST_USE;

/*
 * Whether bytes may simply be read, fed, and written, as they are by a core that is as most are at
 * most times: open, with no turns, and wanting input; what is read brings no descriptors, needs no
 * wiping, and continues no message that has begun. Then capnp_i_rpc_is_paused() is false as well.
 */
bool capnp_i_rpc_flows(const capnp_rpc *r);

/* What capnp_rpc_feed_place() says, and more. */
struct capnp_i_place {
        void *b;        /* NULL: there is none */
        size_t len;     /* 0: likewise */
        uint64_t total; /* bytes of the whole message */
        bool is_rest;   /* the place is for all that it lacks */
};
struct capnp_i_place capnp_i_rpc_place(capnp_rpc *r);

/* The transport has broken, or was cut off inside a message: nobody has said anything. */
void capnp_i_rpc_lost(capnp_rpc *r, const char *reason);

/* The transport carries no descriptors, whatever the limits say, now and later. */
void capnp_i_rpc_forbid_fds(capnp_rpc *r);
/* Whether there is output: without, none needs to be looked for. */
bool capnp_i_rpc_has_out(const capnp_rpc *r);
/* All there is to send, where that is bytes in one piece, as after most turns. 0: it is not. */
size_t capnp_i_rpc_out_one(const capnp_rpc *r, const void **ret_b);
/* Whether there is output, and more than small results of a few calls. */
bool capnp_i_rpc_has_much_out(const capnp_rpc *r);
/* Whether what was read is to be wiped after it was fed. */
bool capnp_i_rpc_wipes(const capnp_rpc *r);
/* How many descriptors one read may bring; 0: read without a control buffer. */
unsigned capnp_i_rpc_fds_in(const capnp_rpc *r);

#endif
