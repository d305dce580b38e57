/*
 * Any bytes as a long Call, or a long Return, that a vat passes on. What comes out is decoded from
 * its own bytes, and says what was received, decoded from those, with no id of the old envelope;
 * or nothing was sent. Afterwards the vat still serves, and at the end nothing is left (R14, R20).
 *
 * What went on as it came has every word that was received: but for the first one, and for zeros
 * over the old envelope. What was copied has the same content.
 *
 * The first word says what the rest is, whether a membrane lies between, and how the bytes are cut.
 * The id in the message is the right one, wherever that lies: else no Return would ever be one.
 */
#include "test-rpc-relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTIONS = 8, CUTS = 3, MOST = 1 << 15, HIDDEN = 0x7ea51de5 };
/* What a message may have here; a new envelope, at most; words that a content may have, however
 * often each is pointed to; references that are looked at. */
enum { MOST_BYTES = 1 << 15, ENVELOPE_BYTES = 512, MOST_WORDS = 1 << 14, MOST_REFS = 1024 };

/* Of both connections, and of who decodes what was received. */
static const struct capnp_limits LIMITS = {.message_bytes = MOST_BYTES,
                                           .traversal = 4 * MOST_WORDS};

struct options {
        bool is_return, wall, looks, placed;
        uint8_t step;        /* bytes in a piece; 0: as many as there are until the next cut */
        uint16_t cuts[CUTS]; /* each behind the one before */
};

/* ---- what a message says --------------------------------------------------------------------- */

/* A message, and its parts; of a Call or a Return. */
struct told {
        capnp_msg *m;
        uint16_t tag;
        capnp_reader root, body, payload, target, promised;
        capnp_list table, path;
        capnp_any content;
};

static capnp_reader part(capnp_reader r, uint16_t i)
{
        return capnp_any_struct(capnp_reader_any(r, i), NULL);
}

/* Of m, which belongs to somebody else. */
static struct told told_of(capnp_msg *m)
{
        struct told t = {.m = m};

        t.root = capnp_any_struct(capnp_msg_root(m), NULL);
        t.tag = capnp_reader_u16(t.root, 0, 0);
        t.body = part(t.root, 0);
        t.payload = part(t.body, t.tag == MESSAGE_CALL ? CALL_PARAMS_PTR : 0);
        t.content = capnp_reader_any(t.payload, 0);
        t.table = capnp_any_list(capnp_reader_any(t.payload, 1), CAPNP_SIZE_COMPOSITE, NULL);
        if (t.tag != MESSAGE_CALL)
                return t;

        t.target = part(t.body, CALL_TARGET_PTR);
        if (capnp_reader_u16(t.target, TARGET_TAG_AT, 0) != TARGET_PROMISED)
                return t;

        t.promised = part(t.target, 0);
        t.path = capnp_any_list(capnp_reader_any(t.promised, 0), CAPNP_SIZE_COMPOSITE, NULL);
        return t;
}

/* A reference stands for each entry of its table, so that a copy says where there was one. */
static void told_fill(struct told *t, capnp_cap *any)
{
        for (uint32_t i = 0; i < t->table.len && i < MOST_REFS; i++) {
                uint16_t tag = capnp_reader_u16(capnp_list_struct(t->table, i), DESC_TAG_AT, 0);

                (void)capnp_i_msg_add_cap(t->m, tag == DESC_NONE ? NULL : capnp_cap_ref(any));
        }
        t->m->broken = any;
}

/* The content as bytes, within the same bounds for everybody; as flatten(). */
static uint8_t *told_flatten(struct told *t, size_t *ret_len)
{
        t->m->budget = MOST_WORDS;
        t->m->error = 0;
        return flatten(t->content, ret_len);
}

static void check_content_same(struct told *sent, struct told *came)
{
        size_t ns, nc;
        uint8_t *s = told_flatten(sent, &ns), *c = told_flatten(came, &nc);

        CHECK_EQ(!s, !c);
        CHECK_EQ(ns, nc);
        CHECK(!s || !memcmp(s, c, ns));
        free(s);
        free(c);
}

/* How often the hidden id is in some bytes. */
static unsigned count_hidden(const uint8_t *b, size_t len)
{
        unsigned n = 0;
        uint32_t x;

        for (size_t i = 0; i + sizeof(x) <= len; i += sizeof(x)) {
                memcpy(&x, b + i, sizeof(x));
                n += x == HIDDEN;
        }
        return n;
}

/* ---- what was sent of it --------------------------------------------------------------------- */

/* Zeros over a part of the envelope, but for what is kept of it. */
static void blank(const struct told *t, capnp_reader r)
{
        uint64_t *p = (uint64_t *)(uintptr_t)r.d;

        for (uint32_t n = r.bytes / 8 + r.ptrs; n--; p++)
                if (p != t->content.p && p != t->m->segs[0].base)
                        *p = 0;
}

/* What went on as it came. The content is read behind the same words, from where it was. */
static void check_passed(struct told *sent, struct told *came)
{
        capnp_msg *s = sent->m, *m = came->m;
        uint32_t n = m->nsegs;

        for (uint32_t i = 0; i < came->path.len; i++)
                blank(came, capnp_list_struct(came->path, i));
        blank(came, came->promised);
        blank(came, came->target);
        blank(came, came->payload);
        blank(came, came->body);
        blank(came, came->root);
        m->segs[0].base[0] = s->segs[0].base[0];
        for (uint32_t i = 0; i < n; i++) {
                CHECK_EQ(s->segs[i].words, m->segs[i].words);
                CHECK(!memcmp(s->segs[i].base, m->segs[i].base, m->segs[i].words * 8));
        }
        m->segs[n] = s->segs[n];
        m->nsegs = n + 1;
        check_content_same(sent, came);
        m->nsegs = n;
}

/* A content that lies over the old envelope has what is there. */
static void check_copied(const struct hand *h, struct told *sent, struct told *came)
{
        size_t len;
        uint8_t *flat = told_flatten(came, &len);

        if (flat && !count_hidden(flat, len))
                check_no_id(h, HIDDEN);
        free(flat);
        check_content_same(sent, came);
}

static bool is_passed(const struct told *sent, const struct told *came)
{
        uint64_t root = sent->m->segs[0].base[0];

        return sent->m->nsegs == came->m->nsegs + 1 && (root & 7) == 2 &&
               root >> 32 == came->m->nsegs;
}

static void check_call_fields(const struct told *sent, const struct told *came)
{
        capnp_reader s = sent->body, c = came->body;

        CHECK_EQ(capnp_reader_u64(s, CALL_INTERFACE_AT, 0),
                 capnp_reader_u64(c, CALL_INTERFACE_AT, 0));
        CHECK_EQ(capnp_reader_u16(s, CALL_METHOD_AT, 0), capnp_reader_u16(c, CALL_METHOD_AT, 0));
        CHECK_EQ(capnp_reader_bool(s, CALL_NO_PIPELINING_BIT, 0),
                 capnp_reader_bool(c, CALL_NO_PIPELINING_BIT, 0));
        CHECK_EQ(capnp_reader_u16(sent->target, TARGET_TAG_AT, 0), TARGET_IMPORT);
        CHECK_EQ(capnp_reader_u32(sent->target, ID_AT, 0), OBJECT);
}

/* sent: the message of h; came: what was received. */
static void check_sent(const struct hand *h, struct told *came, const struct options *o,
                       unsigned hidden)
{
        struct told sent = told_of(h->last);

        CHECK_EQ(sent.tag, came->tag);
        CHECK_EQ(capnp_msg_check(sent.m), 0);
        if (sent.tag == MESSAGE_CALL)
                check_call_fields(&sent, came);
        told_fill(&sent, h->vat->bad_index);
        if (!is_passed(&sent, came)) {
                check_copied(h, &sent, came);
                return;
        }

        if (hidden == 1)
                check_no_id(h, HIDDEN);
        CHECK(!o->looks || o->is_return);
        CHECK_EQ(came->table.len, 0);
        check_passed(&sent, came);
}

/* ---- what is fed ----------------------------------------------------------------------------- */

/* What is fed, a copy of it in which nothing is changed by others, and what that says. */
struct input {
        uint8_t *b, *copy;
        size_t len;
        uint32_t id;
        bool whole;
        unsigned hidden; /* how often the hidden id is in it, by chance or not */
        struct told told;
};

/* NULL: it is none, as far as it has come. */
static capnp_msg *input_parse(const uint8_t *b, size_t len)
{
        capnp_msg *m = NULL;
        size_t total;

        if (capnp_msg_measure(b, len, &LIMITS, &total) || total > len ||
            capnp_msg_parse(b, total, &LIMITS, &m))
                return NULL;

        return m;
}

static uint8_t *dup_bytes(const uint8_t *b, size_t len)
{
        uint8_t *copy = malloc(len ? len : 1);

        CHECK(copy);
        memcpy(copy, b, len);
        return copy;
}

/* One message with this id, or the beginning of one. */
static void input_init(struct input *in, const uint8_t *data, size_t size, uint32_t id)
{
        capnp_msg *m;
        capnp_reader body;

        *in = (struct input){.b = dup_bytes(data, size), .len = size, .id = id};
        m = input_parse(in->b, size);
        if (m) {
                in->len = capnp_msg_size(m);
                body = part(capnp_any_struct(capnp_msg_root(m), NULL), 0);
                if (body.bytes >= 4)
                        memcpy((void *)(uintptr_t)(body.d + ID_AT), &id, sizeof(id));
                capnp_msg_free(m);
        }
        in->copy = dup_bytes(in->b, in->len);
        m = input_parse(in->copy, in->len);
        in->whole = m;
        if (!m)
                return;

        in->told = told_of(m);
        in->hidden = count_hidden(in->copy, in->len);
}

static void input_deinit(struct input *in)
{
        capnp_msg_free(in->told.m);
        free(in->copy);
        free(in->b);
}

/* What must be passed on: there is nothing wrong with it, and no reference in it. */
static bool input_is_good(struct input *in, uint32_t object)
{
        struct told *t = &in->told;
        size_t len;
        uint8_t *flat;

        if (!in->whole || capnp_msg_check(t->m) || t->table.len ||
            capnp_reader_u32(t->body, ID_AT, 0) != in->id)
                return false;

        if (t->tag == MESSAGE_CALL &&
            (capnp_reader_u16(t->target, TARGET_TAG_AT, 0) != TARGET_IMPORT ||
             capnp_reader_u32(t->target, ID_AT, 0) != object ||
             capnp_reader_u16(t->body, CALL_TO_AT, 0) != CALL_TO_CALLER))
                return false;
        if (t->tag == MESSAGE_RETURN &&
            capnp_reader_u16(t->body, RETURN_TAG_AT, 0) != RETURN_RESULTS)
                return false;

        flat = told_flatten(t, &len);
        free(flat);
        return flat && len + ENVELOPE_BYTES <= MOST_BYTES;
}

static size_t next_piece(const struct options *o, size_t at, size_t len)
{
        size_t n = o->step ? o->step : len - at, cut = 0;

        for (unsigned i = 0; i < CUTS; i++) {
                cut += o->cuts[i];
                if (cut > at && cut - at < n)
                        n = cut - at;
        }
        return n < len - at ? n : len - at;
}

static void feed(struct hand *h, const struct input *in, const struct options *o)
{
        int r = 0;

        for (size_t at = 0, n, room; at < in->len && !r; at += n) {
                uint8_t *place = o->placed ? capnp_rpc_feed_place(h->rpc, &room) : NULL, *exact;

                n = next_piece(o, at, in->len);
                if (place) {
                        n = n < room ? n : room;
                        memcpy(place, in->b + at, n);
                        r = capnp_rpc_feed(h->rpc, place, n, NULL, 0);
                } else { /* a sanitizer sees what lies behind it */
                        exact = dup_bytes(in->b + at, n);
                        r = capnp_rpc_feed(h->rpc, exact, n, NULL, 0);
                        free(exact);
                }
                CHECK(r >= 0);
                hand_run(h);
        }
}

/* ---- the relay ------------------------------------------------------------------------------- */

/* A policy that looks: what it has seen is what arrives. */
static int look(void *self, const struct capnp_membrane_call *c, capnp_exception *why)
{
        (void)self, (void)why;
        (void)capnp_any_words(capnp_reader_any(c->params, 0), NULL);
        return 0;
}

static const struct capnp_membrane_ops curious = {.look = look};

/* The next message of this kind that h is told; there is one at most. false: there is none. */
static bool find(struct hand *h, uint16_t tag, capnp_reader *ret_body)
{
        uint16_t found;

        do {
                hand_next(h);
                found = hand_read(h, ret_body);
        } while (found != tag && found != NO_MESSAGE);
        return found == tag;
}

static void play_call(struct relay *y, const struct options *o, struct input *in)
{
        bool good = input_is_good(in, y->object) && in->told.tag == MESSAGE_CALL;
        capnp_reader body;

        feed(&y->near, in, o);
        if (!find(&y->far, MESSAGE_CALL, &body)) {
                CHECK(!good);
                return;
        }

        CHECK(in->whole);
        check_sent(&y->far, &in->told, o, in->hidden);
        CHECK_OK(hand_return(&y->far, capnp_reader_u32(body, ID_AT, 0), 1, DESC_NONE, 0));
        hand_run(&y->far);
        CHECK(!find(&y->far, MESSAGE_CALL, &body));
}

static void play_return(struct relay *y, const struct options *o, struct input *in)
{
        bool good = input_is_good(in, 0) && in->told.tag == MESSAGE_RETURN;
        bool results;
        capnp_reader body;

        feed(&y->far, in, o);
        results = find(&y->near, MESSAGE_RETURN, &body) &&
                  capnp_reader_u16(body, RETURN_TAG_AT, 0) == RETURN_RESULTS;
        CHECK(results || !good);
        if (!results)
                return;

        CHECK(in->whole);
        CHECK_EQ(capnp_reader_u32(body, ID_AT, 0), y->id);
        check_sent(&y->near, &in->told, o, 0);
}

/* The id by which the far one is asked what it is to answer. */
static uint32_t ask_far(struct relay *y)
{
        uint32_t id;

        CHECK_OK(hand_feed(&y->near, relay_call(y, y->id, 2)));
        hand_run(&y->near);
        check_content(relay_content(&y->far, MESSAGE_CALL, CALL_PARAMS_PTR, &id), 2);
        return id;
}

static bool is_usable(const struct relay *y, const struct input *in, uint16_t tag)
{
        return in->whole && in->told.tag == tag && !capnp_rpc_is_closed(y->near.rpc, NULL) &&
               !capnp_rpc_is_closed(y->far.rpc, NULL);
}

static void play(struct relay *y, const struct options *o, const uint8_t *data, size_t size)
{
        struct input in;

        capnp_rpc_set_limits(y->near.rpc, &LIMITS);
        capnp_rpc_set_limits(y->far.rpc, &LIMITS);
        input_init(&in, data, size, o->is_return ? ask_far(y) : HIDDEN);
        if (in.whole)
                told_fill(&in.told, y->vat->bad_index);
        if (o->is_return)
                play_return(y, o, &in);
        else
                play_call(y, o, &in);
        forget(&y->near);
        forget(&y->far);
        if (!is_usable(y, &in, o->is_return ? MESSAGE_RETURN : MESSAGE_CALL)) {
                relay_disconnect(y);
                relay_connect(y);
        }
        input_deinit(&in);
        relay_once(y, 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct relay y;
        struct options o;

        if (size < OPTIONS || size > MOST)
                return 0;

        o = (struct options){.is_return = data[0] & 1,
                             .wall = data[0] & 2,
                             .looks = (data[0] & 6) == 6,
                             .placed = data[0] & 8,
                             .step = data[1]};
        memcpy(o.cuts, data + 2, sizeof(o.cuts));
        y = (struct relay){.vat = NULL};
        CHECK_OK(capnp_vat_new_bare(&y.vat));
        if (o.wall)
                CHECK_OK(capnp_membrane_new(y.vat, o.looks ? &curious : NULL, NULL, &y.wall));
        relay_connect(&y);
        play(&y, &o, data + OPTIONS, size - OPTIONS);
        relay_close(&y);
        return 0;
}
