/* Frames: messages with their memory, the envelopes that they are sent in, and how they go on. */
#ifndef CAPNP_RPC_FRAME_H
#define CAPNP_RPC_FRAME_H

#include <capos/capnp-rpc.h>

#include "base-refs.h"
#include "msg-internal.h"
#include "rpc-recycle.h"
#include "rpc.capnp-c.h"

/* ---- envelopes (rpc-envelope.c) -------------------------------------------------------------- */

/*
 * The envelope of a built message: the first words of segment 0 are kept for Message, Call or
 * Return, MessageTarget and Payload, so that parameters and results are built in place and never
 * copied to be sent. Here is where each of them lies.
 */
enum {
        MESSAGE_WORD = 1,
        BODY_WORD = MESSAGE_WORD + RPC_MESSAGE_WORDS + RPC_MESSAGE_PTRS,
        TARGET_WORD = BODY_WORD + RPC_CALL_WORDS + RPC_CALL_PTRS,
        CONTENT_WORD = TARGET_WORD + RPC_MESSAGE_TARGET_WORDS + RPC_MESSAGE_TARGET_PTRS,
        ENVELOPE_WORDS = CONTENT_WORD + RPC_PAYLOAD_PTRS,
        SMALL_WORDS = BODY_WORD + RPC_RELEASE_WORDS, /* a whole message without a payload */
        /* A call of a result that is a pointer of another one's: behind the target what it is. */
        PROMISED_WORD = CONTENT_WORD,
        OP_WORD = PROMISED_WORD + RPC_PROMISED_ANSWER_WORDS + RPC_PROMISED_ANSWER_PTRS + 1,
        ON_WORDS = OP_WORD + RPC_PROMISED_ANSWER_OP_WORDS + RPC_PAYLOAD_PTRS,
        LAST_WORDS = BODY_WORD + RPC_RETURN_WORDS + RPC_RETURN_PTRS + RPC_PAYLOAD_PTRS,
        FRAME_WORDS = 64,
        SMALL_FRAME_WORDS = 20, /* a call without much in it */
};

/* What messages begin with (rpc-envelope.c). */
struct envelopes {
        uint64_t call[ENVELOPE_WORDS], ret[ENVELOPE_WORDS];
        uint64_t on[ON_WORDS];
        uint64_t last[ENVELOPE_WORDS]; /* a short Return that needs no Finish: LAST_WORDS */
        uint64_t finish[SMALL_WORDS], release[SMALL_WORDS];
};

void capnp_i_envelopes_init(struct envelopes *e);

/* ---- frames: a message and its memory (rpc-frame.c) ---------------------------------------- */

struct frame {
        capnp_msg msg;
        uint32_t refs;
        bool received;
        bool refusal;         /* a Return that took no entry in the table of answers */
        bool secret;          /* to be wiped when it goes */
        bool spent;           /* received and passed on: its envelope is gone */
        bool names_ours;      /* its capability table has something of its receiver's */
        uint32_t bytes;       /* of this block */
        struct frame *before; /* whose segments come before ours (rpc-relay.c); NULL: nobody's */
        struct recycle *pool; /* where it goes; NULL: to the heap */
        capnp_any content;    /* where parameters or results begin */
        uint64_t words[];
};

/* A struct without pointers that lies at a word: of a message that is written, or goes by. */
static inline capnp_reader capnp_i_at_word(const void *word, uint32_t words)
{
        return (capnp_reader){.d = word, .bytes = words * 8};
}

/* What is in the envelope of a message that is built. */
static inline capnp_builder capnp_i_frame_at(struct frame *f, uint32_t word, uint32_t words,
                                             uint16_t ptrs)
{
        return (capnp_builder){&f->msg, (uint8_t *)&f->words[word], 0, words * 8, ptrs};
}

static inline rpc_payload_builder capnp_i_frame_payload(struct frame *f)
{
        return (rpc_payload_builder){
                capnp_i_frame_at(f, CONTENT_WORD, RPC_PAYLOAD_WORDS, RPC_PAYLOAD_PTRS)};
}

/* Where parameters or results begin. */
static inline capnp_abuilder capnp_i_frame_content(struct frame *f)
{
        return rpc_payload_build_content(capnp_i_frame_payload(f));
}

struct frame *capnp_i_frame_new(capnp_vat *v);
/* Without an envelope, for the messages that carry no payload. */
struct frame *capnp_i_frame_new_plain(capnp_vat *v);
struct frame *capnp_i_frame_new_received(capnp_vat *v, const void *b, size_t len,
                                         const struct capnp_limits *l, int *ret_r);
/*
 * Bytes of a message that is not complete yet, its segment table in front, where they will stay: in
 * a block that becomes its frame. NULL: no memory, and b is as it was. b: NULL, or the block so
 * far.
 */
uint8_t *capnp_i_frame_bytes_grow(uint8_t *b, size_t room);
void capnp_i_frame_bytes_free(uint8_t *b);
/* It has come, with its table, and is the frame now. NULL: no memory, and b is what it was. */
struct frame *capnp_i_frame_new_around(capnp_vat *v, uint8_t *b, size_t len,
                                       const struct capnp_limits *l);
/* One of a single segment of so many words, which are some. NULL: no memory. */
struct frame *capnp_i_frame_new_one(capnp_vat *v, const void *words, uint32_t n,
                                    const struct capnp_limits *l);
void capnp_i_frame_last(struct frame *f);
static inline struct frame *capnp_i_frame_ref(struct frame *f)
{
        capnp_i_refs_take(&f->refs);
        return f;
}

static inline struct frame *capnp_i_frame_unref(struct frame *f)
{
        if (f && capnp_i_refs_drop(&f->refs))
                capnp_i_frame_last(f);
        return NULL;
}

/* All the memory behind it, for the ledger. */
size_t capnp_i_frame_bytes(const struct frame *f);
/* Gives back what a finished small message does not use. */
struct frame *capnp_i_frame_shrink(capnp_vat *v, struct frame *f);
/* A copy with tables of its own. NULL: no memory, or *ret_r says what is wrong with the content. */
struct frame *capnp_i_frame_copy(capnp_vat *v, struct frame *f, int *ret_r);
/*
 * A short payload without references, to be sent from where it lies: the pointer to its content as
 * it is behind an envelope of ours, and what follows.
 */
struct body {
        uint64_t content;
        const void *words; /* NULL: they are 0 */
        uint32_t n;
};

/* Whether that of a frame that was received is one. */
bool capnp_i_frame_body_received(struct frame *f, struct body *ret_b);
/* Whether f's is one. NULL: what stands for nothing. */
static inline bool capnp_i_frame_body(struct frame *f, struct body *ret_b)
{
        *ret_b = (struct body){0};
        if (!f)
                return true;

        if (f->msg.ncaps || f->msg.error)
                return false;

        if (f->received)
                return capnp_i_frame_body_received(f, ret_b);

        if (f->msg.nsegs != 1 || f->msg.segs[0].base != f->words)
                return false;

        ret_b->content = f->words[CONTENT_WORD];
        ret_b->words = &f->words[ENVELOPE_WORDS];
        ret_b->n = f->msg.segs[0].words - ENVELOPE_WORDS;
        return true;
}

#define NO_ID UINT32_MAX
/* The index that the capability pointer at a path holds; NO_ID when there is none. */
uint32_t capnp_i_frame_cap_index(struct frame *f, const uint16_t *path, uint16_t n);

/* ---- what goes on as it came (rpc-relay.c) --------------------------------------------------- */

/* An envelope, to be written and sealed, for the payload of f, which was received and is long; so
 * many bytes may go out. NULL: it is to be copied. */
struct frame *capnp_i_relay_new(capnp_vat *v, struct frame *f, uint64_t most);
/* g is complete: nothing is read of the old envelope any more. */
void capnp_i_relay_seal(struct frame *g);

#endif
