/* Messages in and out: what each file that reads or writes them is asked for. */
#ifndef CAPNP_RPC_MESSAGE_H
#define CAPNP_RPC_MESSAGE_H

#include "rpc-conn.h"

/* rpc-plain.c: what nearly all calls are. false: it is none, and nothing has been done. */
struct plain {
        capnp_reader message, body, payload; /* its envelope */
        capnp_reader target, promised;       /* of a call; promised: only if it is for a result */
        capnp_list ops;                      /* … that is found so */
        capnp_list table;                    /* of a Return's references */
};

/* A message of one segment, of so many words, which may begin anywhere. */
bool capnp_i_plain_message(capnp_rpc *r, const void *b, uint32_t words);
bool capnp_i_plain_return(struct call *c);
/* A message that was taken in and could have been plain: others that look like it will be. */
void capnp_i_plain_learn(capnp_rpc *r, enum shape_of what, const struct frame *f,
                         const struct plain *p);
void capnp_i_plain_forget(capnp_rpc *r);

/* rpc-peer.c: calls of a peer's, and Returns for ours */
extern const struct caller capnp_i_peer_caller;
/* Why the peer may not ask for more; NULL: it may. */
const char *capnp_i_peer_quota(const capnp_rpc *r);
/* Where there is no room for the id, or another call has it. false: it has, or no memory. */
bool capnp_i_peer_add(capnp_rpc *r, struct answer_id id, struct call *c);
/* Whether results would make us hold too much for whoever gets them. */
bool capnp_i_peer_brings_too_much(const capnp_rpc *r, const struct call *c, uint64_t bytes);
/* The outcome of c is known: results, or why there are none. release: the peer keeps no reference
 * for results that we have not taken up. */
void capnp_i_peer_return_ends(capnp_rpc *r, struct call *c, rpc_return_reader b, bool release);
/* Its two steps: a Return may give back the references among the parameters; and c returns. */
void capnp_i_peer_return_params(capnp_rpc *r, struct call *c, rpc_return_reader b);
void capnp_i_peer_return_finish(capnp_rpc *r, struct call *c, bool no_finish, bool release);
/* A Finish and a Release, as far as they have been read. As capnp_rpc_feed(). */
int capnp_i_peer_finish(capnp_rpc *r, rpc_finish_reader b);
int capnp_i_peer_release(capnp_rpc *r, rpc_release_reader b);

/* rpc-in.c: one received message */
int capnp_i_in_message(capnp_rpc *r, struct frame *f);
/* One that is not kept, because it is too long: the first word of its Call or Return. */
int capnp_i_in_long_message(capnp_rpc *r, enum rpc_message_which tag, uint64_t word);
/* The peer ends the connection, for a reason that need not end in a NUL. */
int capnp_i_in_abort(capnp_rpc *r, const char *reason, size_t len);

/*
 * rpc-skip.c: a message that is too long. r->in holds its segment table and maybe more, and has
 * room for its first `keep` bytes. 0, or as capnp_rpc_feed().
 */
int capnp_i_skip_begin(capnp_rpc *r, uint64_t total, size_t keep) CAPNP_MUST_USE;
/* Takes what follows; *ret_used: bytes that were the message's. r->skip.total is 0 at its end. */
int capnp_i_skip_feed(capnp_rpc *r, const uint8_t *b, size_t len, size_t *ret_used) CAPNP_MUST_USE;

/* rpc-feed.c: the buffer of an incomplete message goes */
void capnp_i_feed_deinit(capnp_rpc *r);

/* rpc-desc.c: capability tables of payloads */
int capnp_i_desc_read(capnp_rpc *r, rpc_cap_descriptor_list table, struct frame *f);
/* What the ledger would be charged for it, if no reference were here already. */
uint64_t capnp_i_desc_cost(rpc_cap_descriptor_list table);
int capnp_i_desc_read_one(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap **ret_c);
void capnp_i_desc_take_fd(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap *c);
/* Whether a descriptor names something of its receiver's; the same for entry i of a Return. */
bool capnp_i_desc_is_ours(rpc_cap_descriptor_reader d);
bool capnp_i_desc_result_is_ours(struct frame *f, uint32_t i);
/* Writes the capability table of f, which is about to be sent; notes the exports made. */
int capnp_i_desc_write(capnp_rpc *r, struct frame *f, struct wire_ids *ids, struct fds *fds);
int capnp_i_desc_write_one(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct wire_ids *ids);
void capnp_i_desc_write_fd(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct fds *fds);
void capnp_i_desc_write_target(capnp_cap *c, rpc_message_target_builder target);
int capnp_i_desc_read_promised(capnp_rpc *r, rpc_promised_answer_reader promised,
                               capnp_cap **ret_c);
void capnp_i_wire_ids_release(capnp_rpc *r, struct wire_ids *ids);

/* rpc-send.c: one message to be sent. Errors break the connection. */
/* 0; or why it can not be sent. The connection is not closed. */
int capnp_i_send_call(capnp_rpc *r, struct call *c, capnp_cap *target) CAPNP_MUST_USE;
/* That it could not be sent; or what hangs on its results, or its end, follows it (rpc-promise.c).
 */
void capnp_i_promise_sent(struct call *c, capnp_rpc *r, int k);
/* A call goes to r's peer, with all that comes of it. */
static inline void capnp_i_promise_send_call(struct call *c, capnp_rpc *r, capnp_cap *target)
{
        int k = r->closed ? CAPNP_E_DISCONNECTED : capnp_i_send_call(r, c, target);

        if (k || c->pipes.n || c->canceled)
                capnp_i_promise_sent(c, r, k);
}

void capnp_i_send_return(struct call *c);
/* Why a question or a payload can not be sent, by the error. */
const char *capnp_i_send_why(int k);
/* An exception. release: none of the parameters' references were taken up. */
void capnp_i_send_refusal(capnp_rpc *r, struct answer_id id, enum capnp_kind kind,
                          const char *reason, bool release);
/* Answers c with: take the results of q, which you were asked to keep. */
void capnp_i_send_take_from(struct call *c, const struct call *q);
/* Tells the peer that t's results have been claimed by another question of ours. */
void capnp_i_send_taken(struct call *t);
/* workaround: the call is to be delivered before it is canceled. */
void capnp_i_send_finish(capnp_rpc *r, struct question_id id, bool release, bool workaround);
void capnp_i_send_release(capnp_rpc *r, struct import_id id, uint32_t count);
void capnp_i_send_resolve(struct export *e, capnp_cap *to);
void capnp_i_send_disembargo(capnp_rpc *r, struct promise *target, struct embargo_id id);
void capnp_i_send_bootstrap(capnp_rpc *r, struct question_id id);
void capnp_i_send_unimplemented(capnp_rpc *r, rpc_message_reader message);
/* NULL: no memory. */
struct disembargo *capnp_i_disembargo_new(capnp_rpc *r, struct peer_embargo_id id,
                                          struct import_id import);
void capnp_i_disembargo_deliver(struct disembargo *d, capnp_cap *target);

/* rpc-short.c: the Return of c, whose results have references. false: they are not short, or there
 * is no room for it; nothing has been done. */
bool capnp_i_short_return(capnp_rpc *r, struct call *c);

#endif
