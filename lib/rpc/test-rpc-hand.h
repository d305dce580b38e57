/*
 * A peer played by hand: its messages are written field by field, and what the core says is read
 * message by message. For what a list of messages must do to the tables.
 */
#ifndef TEST_RPC_HAND_H
#define TEST_RPC_HAND_H

#include "test-rpc-rig.h"

#include <stdlib.h>

#include "test-rpc-numbers.h"

/* A core, and the bytes it has said that nobody has read yet. */
struct hand {
        capnp_vat *vat;
        capnp_rpc *rpc;
        _Alignas(8) uint8_t said[1 << 16];
        size_t nsaid;
        capnp_msg *last; /* what hand_read() gave */
        int fed;         /* what the core said to the last message */
};

/* Where a message goes: an export of the core's, or a result of a question of ours. */
struct target {
        bool promised, bootstrap; /* whose result is the reference itself, not a struct */
        uint32_t id;
};

static inline struct target to_export(uint32_t id)
{
        return (struct target){.id = id};
}

static inline struct target to_answer(uint32_t id)
{
        return (struct target){.promised = true, .id = id};
}

static inline struct target to_bootstrap(uint32_t id)
{
        return (struct target){.promised = true, .bootstrap = true, .id = id};
}

static inline void hand_open_limits(struct hand *h, capnp_vat *v, capnp_cap *root,
                                    const struct capnp_limits *limits)
{
        memset(h, 0, sizeof(*h));
        h->vat = v;
        CHECK_OK(capnp_rpc_new(v, limits, root, &h->rpc));
}

static inline void hand_open(struct hand *h, capnp_vat *v, capnp_cap *root)
{
        hand_open_limits(h, v, root, NULL);
}

static inline void hand_close(struct hand *h)
{
        h->last = capnp_msg_free(h->last);
        h->rpc = capnp_rpc_free(h->rpc);
        while (capnp_rpc_step(h->vat))
                ;
}

/* Gives the core a finished message, and runs what it causes. */
static inline int hand_feed(struct hand *h, capnp_msg *m)
{
        size_t len = capnp_msg_size(m);
        uint8_t *b = malloc(len);

        CHECK(b);
        CHECK_OK(capnp_msg_write(m, b, len));
        h->fed = capnp_rpc_feed(h->rpc, b, len, NULL, 0);
        free(b);
        capnp_msg_free(m);
        CHECK_EQ(capnp_rpc_check(h->rpc), 0);
        return h->fed;
}

static inline void hand_run(struct hand *h)
{
        while (capnp_rpc_step(h->vat))
                CHECK_EQ(capnp_rpc_check(h->rpc), 0);
}

static inline capnp_msg *hand_message(uint16_t tag, uint16_t words, uint16_t ptrs,
                                      capnp_builder *ret_b)
{
        capnp_msg *m = NULL;
        capnp_builder root;

        CHECK_OK(capnp_msg_new(&m));
        root = capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1);
        capnp_builder_set_u16(root, 0, tag, 0);
        *ret_b = capnp_abuilder_init_struct(capnp_builder_any(root, 0), words, ptrs);
        return m;
}

/* A PromisedAnswer: pointer 0 of the result, or the result itself. */
static inline void hand_promised(capnp_abuilder slot, uint32_t id, bool itself)
{
        capnp_builder p = capnp_abuilder_init_struct(slot, 1, 1), op;

        capnp_builder_set_u32(p, ID_AT, id, 0);
        if (itself)
                return;

        op = capnp_lbuilder_struct(capnp_abuilder_init_structs(capnp_builder_any(p, 0), 1, 1, 0),
                                   0);
        capnp_builder_set_u16(op, OP_TAG_AT, OP_FIELD, 0);
        capnp_builder_set_u16(op, OP_FIELD_AT, 0, 0);
}

/* A CapDescriptor. */
static inline void hand_descriptor(capnp_builder d, uint16_t tag, uint32_t id)
{
        capnp_builder_set_u16(d, DESC_TAG_AT, tag, 0);
        if (tag == DESC_RECEIVER_ANSWER)
                hand_promised(capnp_builder_any(d, 0), id, false);
        else
                capnp_builder_set_u32(d, DESC_ID_AT, id, 0);
}

/* A Payload of a word and, if tag is not DESC_NONE, one reference. */
static inline void hand_payload(struct hand *h, capnp_abuilder slot, uint64_t x, uint16_t tag,
                                uint32_t id)
{
        capnp_builder p = capnp_abuilder_init_struct(slot, 0, 2);
        capnp_builder c = capnp_abuilder_init_struct(capnp_builder_any(p, 0), 1, 1);

        capnp_builder_set_u64(c, 0, x, 0);
        if (tag == DESC_NONE)
                return;

        hand_descriptor(capnp_lbuilder_struct(
                                capnp_abuilder_init_structs(capnp_builder_any(p, 1), 1, 1, 1), 0),
                        tag, id);
        capnp_abuilder_set_cap(capnp_builder_any(c, 0), h->vat->bad_index); /* any: it is entry 0 */
}

static inline int hand_bootstrap(struct hand *h, uint32_t id)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_BOOTSTRAP, 1, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        return hand_feed(h, m);
}

/* A reference among parameters: enum of test-rpc-numbers.h, and the id of what it names. */
struct arg {
        uint16_t tag;
        uint32_t id;
};

/* Calls method with a reference. */
static inline int hand_call_with(struct hand *h, uint32_t id, struct target t, uint16_t method,
                                 struct arg arg)
{
        capnp_builder b, to;
        capnp_msg *m = hand_message(MESSAGE_CALL, 3, 3, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_u16(b, CALL_METHOD_AT, method, 0);
        capnp_builder_set_u64(b, CALL_INTERFACE_AT, 7, 0);
        to = capnp_abuilder_init_struct(capnp_builder_any(b, CALL_TARGET_PTR), 1, 1);
        capnp_builder_set_u16(to, TARGET_TAG_AT, t.promised, 0);
        if (t.promised)
                hand_promised(capnp_builder_any(to, 0), t.id, t.bootstrap);
        else
                capnp_builder_set_u32(to, ID_AT, t.id, 0);
        hand_payload(h, capnp_builder_any(b, CALL_PARAMS_PTR), 0, arg.tag, arg.id);
        return hand_feed(h, m);
}

static inline int hand_call(struct hand *h, uint32_t id, struct target t, uint16_t method)
{
        return hand_call_with(h, id, t, method, (struct arg){DESC_NONE, 0});
}

static inline int hand_finish(struct hand *h, uint32_t id, bool workaround)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_FINISH, 1, 0, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_bool(b, FINISH_WORKAROUND_BIT, workaround, true);
        return hand_feed(h, m);
}

/* … whose results' references are kept. */
static inline int hand_finish_keeping(struct hand *h, uint32_t id)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_FINISH, 1, 0, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        capnp_builder_set_bool(b, FINISH_RELEASE_BIT, false, true);
        return hand_feed(h, m);
}

static inline int hand_resolve(struct hand *h, uint32_t promise, uint16_t tag, uint32_t id)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RESOLVE, 1, 1, &b);

        capnp_builder_set_u32(b, ID_AT, promise, 0);
        hand_descriptor(capnp_abuilder_init_struct(capnp_builder_any(b, 0), 1, 1), tag, id);
        return hand_feed(h, m);
}

/* A Return with a word and a reference, of kind tag. */
static inline int hand_return(struct hand *h, uint32_t id, uint64_t x, uint16_t tag, uint32_t cap)
{
        capnp_builder b;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        hand_payload(h, capnp_builder_any(b, 0), x, tag, cap);
        return hand_feed(h, m);
}

/* A Return of our bootstrap object, the export `cap`. */
static inline int hand_return_bootstrap(struct hand *h, uint32_t id, uint32_t cap)
{
        capnp_builder b, p;
        capnp_msg *m = hand_message(MESSAGE_RETURN, 2, 1, &b);

        capnp_builder_set_u32(b, ID_AT, id, 0);
        p = capnp_abuilder_init_struct(capnp_builder_any(b, 0), 0, 2);
        capnp_abuilder_set_cap(capnp_builder_any(p, 0), h->vat->bad_index); /* any: it is entry 0 */
        hand_descriptor(capnp_lbuilder_struct(
                                capnp_abuilder_init_structs(capnp_builder_any(p, 1), 1, 1, 1), 0),
                        DESC_SENDER_HOSTED, cap);
        return hand_feed(h, m);
}

/* Takes the bytes that the core wants to send. */
static inline void hand_listen(struct hand *h)
{
        struct iovec v[8];
        int n;

        while ((n = capnp_rpc_out_peek(h->rpc, v, 8, NULL, NULL)) > 0) {
                size_t sum = 0;

                for (int i = 0; i < n; i++) {
                        CHECK(h->nsaid + v[i].iov_len <= sizeof(h->said));
                        memcpy(h->said + h->nsaid, v[i].iov_base, v[i].iov_len);
                        h->nsaid += v[i].iov_len;
                        sum += v[i].iov_len;
                }
                capnp_rpc_out_sent(h->rpc, sum);
        }
}

/* The core's next message: its tag, and its body. NO_MESSAGE: it has nothing to say. */
enum { NO_MESSAGE = 0xffff };

static inline uint16_t hand_read(struct hand *h, capnp_reader *ret_body)
{
        capnp_reader root;
        size_t total;

        h->last = capnp_msg_free(h->last);
        hand_listen(h);
        if (!h->nsaid)
                return NO_MESSAGE;

        CHECK_OK(capnp_msg_measure(h->said, h->nsaid, NULL, &total));
        CHECK(total <= h->nsaid);
        CHECK_OK(capnp_msg_parse(h->said, total, NULL, &h->last)); /* borrows the bytes */
        root = capnp_any_struct(capnp_msg_root(h->last), NULL);
        *ret_body = capnp_any_struct(capnp_reader_any(root, 0), NULL);
        return capnp_reader_u16(root, 0, 0);
}

/* Forgets the message that hand_read() gave. */
static inline void hand_next(struct hand *h)
{
        size_t total = h->last ? capnp_msg_size(h->last) : 0;

        h->last = capnp_msg_free(h->last);
        memmove(h->said, h->said + total, h->nsaid - total);
        h->nsaid -= total;
}

/* Reads the next message, which must be of this kind and about this id. */
static inline capnp_reader hand_expect(struct hand *h, uint16_t tag, uint32_t id)
{
        capnp_reader b = {0};

        hand_next(h);
        CHECK_EQ(hand_read(h, &b), tag);
        CHECK_EQ(capnp_reader_u32(b, ID_AT, 0), id);
        return b;
}

static inline void hand_expect_nothing(struct hand *h)
{
        capnp_reader b;

        hand_next(h);
        CHECK_EQ(hand_read(h, &b), NO_MESSAGE);
}

#endif
