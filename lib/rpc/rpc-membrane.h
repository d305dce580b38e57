/* Membranes, what has crossed them, and what they have narrowed. See rpc-membrane.c. */
#ifndef CAPNP_RPC_MEMBRANE_H
#define CAPNP_RPC_MEMBRANE_H

#include "base-map.h"
#include "rpc-call.h"

enum { CROSSING_CUT = -1, CROSSING_DROPPED = -2 };

/* A membrane that a call has crossed. */
struct crossing {
        struct capnp_i_list link; /* capnp_membrane.open */
        struct crossing *outer;   /* crossed before this one */
        struct call *call;
        capnp_membrane *membrane;
        capnp_cap *to; /* what was called, for a policy that looks; else NULL */
        bool inward;
        int outcome; /* as capnp_membrane_ops.back is told */
        uint64_t bytes;
        uint64_t mark; /* its policy's; 0: it has none */
};

struct capnp_membrane {
        capnp_vat *vat;
        uint32_t refs; /* wrappers, crossings, and who has made it */
        bool owned;    /* … as long as that is so */
        const struct capnp_membrane_ops *ops;
        const struct cap_ops *wrap_ops; /* of its wrappers */
        void *self;
        struct capnp_i_list open;   /* struct crossing */
        struct capnp_i_list narrow; /* struct narrow */
        struct capnp_i_map wraps[2];
        struct broken *revoked; /* NULL: in force */
        bool looks;             /* its policy looks into calls */
        bool holds;             /* something was narrow since it was last out of use */
        struct broken *spare;   /* what it is revoked with when there is no memory for a reason */
        struct event event;
};

struct wrap {
        capnp_cap cap;
        capnp_membrane *membrane;
        capnp_cap *inner; /* NULL: the membrane was revoked */
        bool inward;      /* calls on it go to the inside */
        capnp_cap *to;    /* inner's settled self, wrapped; owned */
        bool settled;
};

static inline struct wrap *capnp_i_cap_wrap(capnp_cap *c)
{
        return CAPNP_I_OF(c, struct wrap, cap);
}

/* c as the other side sees it. inward: for use inside. Owned; NULL for NULL or without memory. */
capnp_cap *capnp_i_membrane_cross(capnp_membrane *m, capnp_cap *c, bool inward);
/* Whether a call may go through w; then it has crossed, but for references to its results. false:
 * it has an exception, and is to return. */
bool capnp_i_membrane_pass(struct wrap *w, struct call *c);
void capnp_i_wrap_cross_pipes(struct wrap *w, struct call *c);
/* Both. false: it has returned. */
static inline bool capnp_i_wrap_pass(struct wrap *w, struct call *c)
{
        if (!capnp_i_membrane_pass(w, c)) {
                capnp_i_call_return(c);
                return false;
        }

        if (c->pipes.n)
                capnp_i_wrap_cross_pipes(w, c);
        return true;
}

/* Whether a call that has crossed toward a promise may go to what that has become. */
bool capnp_i_membrane_allows(struct call *c, capnp_cap *to, capnp_exception *ret_why);
/* Whether c may not go on to a promise that a peer decides: nobody would ask about it there. */
bool capnp_i_membrane_holds(const struct call *c);
void capnp_i_crossing_free(struct crossing *x);
/* Undoes the crossings of a returned call, from the inside out. */
void capnp_i_membrane_return(struct call *c);
/* Follows inner: cap_ops.final. */
capnp_cap *capnp_i_wrap_final(capnp_cap *c);
/* One less of what has crossed, or of who holds the membrane itself. */
void capnp_i_membrane_drop(capnp_membrane *m);

/* ---- what is narrow inside (rpc-narrow.c) --------------------------------------------------- */

struct narrow {
        struct capnp_i_list link;  /* capnp_membrane.narrow */
        struct narrow *next, **at; /* of the same thing */
        capnp_membrane *membrane;
        capnp_cap *cap; /* held if it is a peer's */
        bool bare;      /* was inside as it is, in no other wrapper */
};

/* c is narrow from now on, as far as anything is there that can be. 0 or -ENOMEM. */
int capnp_i_narrow_new(capnp_membrane *m, capnp_cap *c) CAPNP_MUST_USE;
/* Whether c, of a membrane that has something narrow, is that or may be. */
bool capnp_i_narrow_is(const capnp_membrane *m, capnp_cap *c);
/* from is a promise, and has become that. */
void capnp_i_narrow_move(capnp_cap *from, capnp_cap *to);
/* Nothing is narrow any more. What it led to may be the last to hold a connection. */
void capnp_i_narrow_forget(capnp_membrane *m);

#endif
