/* What a peer makes us keep, and who pays for it. See rpc-ledger.c. */
#ifndef CAPNP_RPC_CHARGE_H
#define CAPNP_RPC_CHARGE_H

#include <capos/capnp-rpc.h>

/* What a charge is for. Each is summed up apart: some have a limit of their own. */
enum charge_for {
        FOR_ANYTHING,
        FOR_PARAMS, /* of a call that has not been answered */
        FOR_IMPORT, /* and what it has become */
        FOR_RETURN, /* that is owed: a question of ours that was given up */
        FOR_COUNT,
};

/* What a peer makes us keep; embedded in the thing that is kept. Zeroed: nothing. */
struct charge {
        capnp_rpc *rpc; /* whose peer's; counted */
        uint64_t bytes;
        uint8_t what; /* enum charge_for */
};

/* That of a call, and of its parameters while they are here: its peer pays for these. */
struct call_charge {
        struct charge kept;
        uint64_t params;
};

/* So many bytes, or so many more, for the thing g is in. */
void capnp_i_charge(struct charge *g, capnp_rpc *r, uint64_t bytes, enum charge_for what);
void capnp_i_charge_end(struct charge *g);
/* The thing is gone. Also right when nothing was charged, which is most often so. */
static inline void capnp_i_uncharge(struct charge *g)
{
        if (g->rpc)
                capnp_i_charge_end(g);
}

/* Its parameters are gone, of which there were some. r is who paid for them. */
void capnp_i_charge_end_params(struct call_charge *g, capnp_rpc *r);
/* The peer may not make us keep more. */
bool capnp_i_ledger_is_full(const capnp_rpc *r);
/* Whether imports of so many bytes may come with a message that was let in. */
bool capnp_i_ledger_has_room(const capnp_rpc *r, uint64_t bytes);

#endif
