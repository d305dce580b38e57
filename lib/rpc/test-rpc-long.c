/*
 * Messages over a limit: what is too long fails its own call, in both directions and through a
 * relay, and what can not be answered is a violation. Limits hold whoever sets them.
 */
#include "test-rpc-rig.h"

#include <stdlib.h>
#include <sys/uio.h>

/* ---- frames by hand ------------------------------------------------------------------------- */

enum { MOST = 1 << 18 };

/* A message on its way to a core: segments one behind the other. */
struct raw {
        uint32_t nsegs, sizes[600];
        uint64_t *w; /* room for MOST words */
        uint32_t n;
        uint8_t *bytes;
        size_t len;
};

static uint64_t ptr_struct(int32_t off, uint16_t words, uint16_t ptrs)
{
        return (uint64_t)((uint32_t)off << 2) | (uint64_t)words << 32 | (uint64_t)ptrs << 48;
}

static uint64_t ptr_far(uint32_t seg, uint32_t off, bool twice)
{
        return 2 | (twice ? 4u : 0u) | (uint64_t)off << 3 | (uint64_t)seg << 32;
}

static void raw_init(struct raw *m)
{
        *m = (struct raw){0};
        m->w = calloc(MOST, 8);
        CHECK(m->w);
}

static void raw_segment(struct raw *m, const uint64_t *w, uint32_t n, uint32_t fill)
{
        CHECK(m->n + n + fill <= MOST);
        for (uint32_t i = 0; i < n; i++)
                m->w[m->n + i] = w[i];
        m->n += n + fill;
        m->sizes[m->nsegs++] = n + fill;
}

static void raw_close(struct raw *m)
{
        size_t head = (4 + 4 * (size_t)m->nsegs + 7) / 8 * 8;
        uint32_t last = m->nsegs - 1;

        m->len = head + (size_t)m->n * 8;
        m->bytes = calloc(1, m->len);
        CHECK(m->bytes);
        memcpy(m->bytes, &last, 4);
        memcpy(m->bytes + 4, m->sizes, (size_t)m->nsegs * 4);
        memcpy(m->bytes + head, m->w, (size_t)m->n * 8);
}

static void raw_free(struct raw *m)
{
        free(m->w);
        free(m->bytes);
}

/* ---- a core that is fed by hand ------------------------------------------------------------- */

struct lone {
        capnp_vat *vat;
        capnp_rpc *rpc;
        unsigned served;
        _Alignas(8) uint8_t out[4096];
        size_t nout;
};

static int lone_serve(void *self, capnp_answer *a)
{
        ((struct lone *)self)->served++;
        return reply(a, 1, NULL);
}

static void lone_open(struct lone *l, const struct capnp_limits *limits)
{
        capnp_cap *root;

        *l = (struct lone){0};
        CHECK_OK(capnp_vat_new_bare(&l->vat));
        CHECK_OK(capnp_cap_new_dispatch(l->vat, lone_serve, NULL, l, &root));
        CHECK_OK(capnp_rpc_new(l->vat, limits, root, &l->rpc));
        capnp_cap_unref(root);
}

static void lone_close(struct lone *l)
{
        capnp_rpc_free(l->rpc);
        capnp_vat_free(l->vat);
}

static int lone_feed(struct lone *l, const uint8_t *b, size_t len, size_t chunk)
{
        size_t n;
        int r = 0;

        for (; !r && len; b += n, len -= n) {
                n = chunk && chunk < len ? chunk : len;
                r = capnp_rpc_feed(l->rpc, b, n, NULL, 0);
                CHECK_EQ(capnp_rpc_check(l->rpc), 0);
                while (capnp_rpc_step(l->vat))
                        ;
        }
        return r;
}

/* The core's only word so far: its frame as a message. */
static capnp_msg *lone_said(struct lone *l)
{
        capnp_msg *m = NULL;
        struct iovec v[4];
        int n = capnp_rpc_out_peek(l->rpc, v, 4, NULL, NULL);

        l->nout = 0;
        for (int i = 0; i < n; i++) {
                CHECK(l->nout + v[i].iov_len <= sizeof(l->out));
                memcpy(l->out + l->nout, v[i].iov_base, v[i].iov_len);
                l->nout += v[i].iov_len;
        }
        CHECK(l->nout);
        capnp_rpc_out_sent(l->rpc, l->nout);
        CHECK_OK(capnp_msg_parse(l->out, l->nout, NULL, &m));
        return m;
}

/* The core has answered call `id` with a refusal that names bytes. */
static void check_refused(struct lone *l, uint32_t id)
{
        capnp_msg *m = lone_said(l);
        capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL);
        capnp_reader ret = capnp_any_struct(capnp_reader_any(root, 0), NULL);
        capnp_reader why = capnp_any_struct(capnp_reader_any(ret, 0), NULL);

        CHECK_EQ(capnp_reader_u16(root, 0, 0), 3);
        CHECK_EQ(capnp_reader_u32(ret, 0, 0), id);
        CHECK_EQ(capnp_reader_u16(ret, 6, 0), 1);
        CHECK_EQ(capnp_reader_u16(why, 4, 0), CAPNP_OVERLOADED);
        CHECK(!strncmp(capnp_reader_text(why, 0).p, "over-quota.bytes: ", 18));
        capnp_msg_free(m);
}

/* The connection goes on: it answers a Bootstrap. */
static void check_alive(struct lone *l)
{
        const uint64_t boot[] = {
                (uint64_t)5 << 32, ptr_struct(0, 1, 1), 8, ptr_struct(0, 1, 1), 9, 0};
        capnp_msg *m;

        CHECK_EQ(lone_feed(l, (const uint8_t *)boot, sizeof(boot), 0), 0);
        m = lone_said(l);
        CHECK_EQ(capnp_reader_u16(capnp_any_struct(capnp_msg_root(m), NULL), 0, 0), 3);
        capnp_msg_free(m);
}

/* Fed whole and in pieces, a message has the same outcome. */
static void check_long_call(struct raw *m, const struct capnp_limits *limits)
{
        static const size_t chunks[] = {0, 1, 7, 8, 1000, 65536};

        raw_close(m);
        for (unsigned i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
                struct lone l;

                lone_open(&l, limits);
                CHECK_EQ(lone_feed(&l, m->bytes, m->len, chunks[i]), 0);
                check_refused(&l, 77);
                check_alive(&l);
                CHECK_EQ(l.served, 0);
                lone_close(&l);
        }
        raw_free(m);
}

static void check_violation(struct raw *m, const struct capnp_limits *limits)
{
        static const size_t chunks[] = {0, 1, 1000};

        raw_close(m);
        for (unsigned i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
                struct lone l;

                lone_open(&l, limits);
                CHECK_EQ(lone_feed(&l, m->bytes, m->len, chunks[i]), CAPNP_E_PROTOCOL);
                lone_close(&l);
        }
        raw_free(m);
}

static const struct capnp_limits kib = {.message_bytes = 1024, .segments = 4};

/* ---- calls ---------------------------------------------------------------------------------- */

static const uint64_t body[] = {77, 7, 0, 0, 0, 0};

TEST(long_call_fails_and_nothing_else)
{
        const uint64_t w[] = {ptr_struct(0, 1, 1), 2, ptr_struct(0, 3, 3), 77, 7, 0, 0, 0, 0};
        struct raw m;

        for (uint32_t fill = 120; fill < 40000; fill *= 3) {
                raw_init(&m);
                raw_segment(&m, w, 9, fill);
                check_long_call(&m, &kib);
        }
}

/* The envelope may lie anywhere ahead: root, Message and body in segments of their own. */
TEST(long_call_with_its_envelope_elsewhere)
{
        struct raw m;

        for (uint32_t fill = 200; fill < 40000; fill *= 4) {
                raw_init(&m); /* single far pointers, content between */
                raw_segment(&m, (uint64_t[]){ptr_far(2, 0, false)}, 1, 0);
                raw_segment(&m, NULL, 0, fill);
                raw_segment(&m, (uint64_t[]){ptr_struct(1, 1, 1), 0, 2, ptr_far(3, 1, false)}, 4,
                            fill);
                raw_segment(&m, (uint64_t[]){0, ptr_struct(0, 3, 3), 77, 7, 0, 0, 0, 0}, 8, 0);
                check_long_call(&m, &kib);

                raw_init(&m); /* double far pointers: the pad and the content are apart */
                raw_segment(&m, (uint64_t[]){ptr_far(1, 0, true)}, 1, fill);
                raw_segment(&m, (uint64_t[]){ptr_far(2, 3, false), ptr_struct(0, 1, 1)}, 2, fill);
                raw_segment(&m, (uint64_t[]){0, 0, 0, 2, ptr_struct(5, 3, 3), 0, 0, 0, 0, 0, 77},
                            11, 10);
                check_long_call(&m, &kib);
        }

        raw_init(&m); /* the body before the Message, within what is kept */
        raw_segment(&m, (uint64_t[]){ptr_struct(6, 1, 1)}, 1, 0);
        m.sizes[0] += 8;
        memcpy(m.w + 1, body, sizeof(body));
        m.w[7] = 2;
        m.w[8] = ptr_struct(-8, 3, 3);
        m.n += 8;
        raw_segment(&m, NULL, 0, 50000);
        check_long_call(&m, &kib);
}

TEST(long_message_that_can_not_be_answered)
{
        static const uint16_t tags[] = {0, 4, 5, 6, 8, 13, 99};
        struct raw m;

        for (unsigned i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
                uint64_t w[] = {ptr_struct(0, 1, 1), tags[i], ptr_struct(0, 3, 3), 77};

                raw_init(&m);
                raw_segment(&m, w, 4, 500);
                check_violation(&m, &kib);
        }

        raw_init(&m); /* nothing but zeros */
        raw_segment(&m, NULL, 0, 50000);
        check_violation(&m, &kib);

        raw_init(&m); /* a far pointer to itself */
        raw_segment(&m, (uint64_t[]){ptr_far(0, 0, false)}, 1, 500);
        check_violation(&m, &kib);

        raw_init(&m); /* to a segment that is not there; out of a segment */
        raw_segment(&m, (uint64_t[]){ptr_far(9, 0, false)}, 1, 500);
        check_violation(&m, &kib);
        raw_init(&m);
        raw_segment(&m, (uint64_t[]){ptr_struct(600, 1, 1)}, 1, 500);
        check_violation(&m, &kib);

        raw_init(&m); /* back behind what is kept: nobody remembers it */
        raw_segment(&m, (uint64_t[]){ptr_struct(9000, 1, 1)}, 1, 9000);
        m.sizes[0] += 2;
        m.w[9001] = 2;
        m.w[9002] = ptr_struct(-4000, 3, 3);
        m.n += 2;
        check_violation(&m, &kib);
}

/* The segment table is all there is, and is not waited behind. */
TEST(message_without_words_is_noticed_with_its_last_byte)
{
        struct raw m;

        raw_init(&m);
        for (unsigned i = 0; i < 9; i++)
                raw_segment(&m, NULL, 0, 0);
        check_violation(&m, &kib);

        for (unsigned n = 1; n <= 4; n++) {
                raw_init(&m);
                for (unsigned i = 0; i < n; i++)
                        raw_segment(&m, NULL, 0, 0);
                check_violation(&m, &kib);
        }
}

/* ---- aborts --------------------------------------------------------------------------------- */

static void check_abort(struct raw *m, const struct capnp_limits *limits, const char *reason)
{
        static const size_t chunks[] = {0, 1, 8, 1000, 65536};
        capnp_exception why;

        raw_close(m);
        for (unsigned i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
                struct lone l;

                lone_open(&l, limits);
                CHECK_EQ(lone_feed(&l, m->bytes, m->len, chunks[i]), CAPNP_E_DISCONNECTED);
                CHECK(capnp_rpc_is_closed(l.rpc, &why));
                CHECK(!strncmp(why.reason, reason, strlen(reason)));
                CHECK(l.rpc->in_room <= 68 * 1024);
                lone_close(&l);
        }
        raw_free(m);
}

/* It is the last word, and only its beginning is of use: it is not waited for. */
TEST(long_abort_is_cut)
{
        static const char reason[] = "the peer aborted: 01234567abcdefgh";
        const uint64_t text[] = {0x3736353433323130, 0x6867666564636261};
        struct raw m;

        raw_init(&m);
        raw_segment(&m,
                    (uint64_t[]){ptr_struct(0, 1, 1), 1, ptr_struct(0, 1, 1), 0,
                                 1 | 2ull << 32 | 300000ull << 35, text[0], text[1]},
                    7, 40000);
        check_abort(&m, NULL, reason);

        raw_init(&m); /* too long by the limit; the reason is in another segment */
        raw_segment(&m, (uint64_t[]){ptr_struct(0, 1, 1), 1, ptr_far(1, 0, false)}, 3, 0);
        raw_segment(&m,
                    (uint64_t[]){ptr_struct(0, 1, 3), 0, 1 | 2ull << 2 | 2ull << 32 | 99ull << 35,
                                 0, 0, text[0], text[1]},
                    7, 500);
        check_abort(&m, &kib, reason);

        raw_init(&m); /* what can not be found is not told */
        raw_segment(&m,
                    (uint64_t[]){ptr_struct(0, 1, 1), 1, ptr_struct(0, 1, 1), 0,
                                 1 | 900000ull << 2 | 2ull << 32 | 300000ull << 35},
                    5, 40000);
        check_abort(&m, NULL, "the peer aborted: ");
}

/* The core's only word: an `unimplemented`, or a Return that says so of call 77. */
static void check_declined(struct lone *l, bool echoed)
{
        capnp_msg *m = lone_said(l);
        capnp_reader root = capnp_any_struct(capnp_msg_root(m), NULL);
        capnp_reader b = capnp_any_struct(capnp_reader_any(root, 0), NULL);

        CHECK_EQ(capnp_reader_u16(root, 0, 0), echoed ? 0 : 3);
        if (echoed) {
                CHECK_EQ(capnp_reader_u16(b, 0, 0), 2);
                b = capnp_any_struct(capnp_reader_any(b, 0), NULL);
        } else {
                CHECK_EQ(capnp_reader_u16(b, 6, 0), 1);
                CHECK(capnp_reader_bool(b, 33, false)); /* there is nothing to finish */
                CHECK_EQ(capnp_reader_u16(capnp_any_struct(capnp_reader_any(b, 0), NULL), 4, 0),
                         CAPNP_UNIMPLEMENTED);
        }
        CHECK_EQ(capnp_reader_u32(b, 0, 0), 77);
        capnp_msg_free(m);
}

/* Level 3: what can not be sent back as a whole is answered all the same. */
TEST(long_call_for_a_third_party)
{
        static const struct capnp_limits narrow = {.out_bytes = 2048};
        static const struct {
                const struct capnp_limits *limits;
                uint32_t words;
                bool echoed;
        } rows[] = {{NULL, 20, true},    {NULL, 9000, false},   {NULL, 200000, false},
                    {&narrow, 20, true}, {&narrow, 300, false}, {&narrow, 1000, false}};

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                /* sendResultsTo is the upper half of the id's word; the parameters are data. */
                const uint64_t w[] = {ptr_struct(0, 1, 1),
                                      2,
                                      ptr_struct(0, 3, 3),
                                      77 | UINT64_C(2) << 48,
                                      7,
                                      0,
                                      0,
                                      ptr_struct(1, 0, 2),
                                      0,
                                      UINT64_C(1) | (uint64_t)5 << 32 |
                                              (uint64_t)rows[i].words << 35 | 1 << 2,
                                      0};
                struct raw m;
                struct lone l;

                raw_init(&m);
                raw_segment(&m, w, 11, rows[i].words);
                raw_close(&m);
                lone_open(&l, rows[i].limits);
                CHECK_EQ(lone_feed(&l, m.bytes, m.len, 0), 0);
                check_declined(&l, rows[i].echoed);
                check_alive(&l);
                lone_close(&l);
                raw_free(&m);
        }
}

/* A list of pointers, all to the same bytes: as many as these are, and 2.5 MB as a copy. */
static void raw_many_of_one(struct raw *m, const uint64_t *w, uint32_t n)
{
        enum { POINTERS = 500, WORDS = 625 };

        raw_segment(m, w, n, POINTERS + WORDS);
        for (uint32_t i = 0; i < POINTERS; i++)
                m->w[n + i] =
                        1 | (POINTERS - 1 - i) << 2 | UINT64_C(2) << 32 | (uint64_t)WORDS * 8 << 35;
}

/* What is sent back is no longer than what may come: whoever is told so need not read it. */
TEST(what_is_sent_back_is_not_amplified)
{
        const uint64_t list = 1 | UINT64_C(6) << 32 | UINT64_C(500) << 35;
        const uint64_t unknown[] = {ptr_struct(0, 1, 1), 99, list};
        const uint64_t third[] = {ptr_struct(0, 1, 1),
                                  2,
                                  ptr_struct(0, 3, 3),
                                  77 | UINT64_C(2) << 48,
                                  7,
                                  0,
                                  0,
                                  ptr_struct(1, 0, 2),
                                  0,
                                  list | 1 << 2,
                                  0};
        struct raw m;

        raw_init(&m);
        raw_many_of_one(&m, unknown, 3);
        check_violation(&m, NULL);

        raw_init(&m);
        raw_many_of_one(&m, third, 11);
        check_violation(&m, NULL);
}

TEST(more_segments_than_the_limit)
{
        const uint64_t w[] = {ptr_struct(0, 1, 1), 2, ptr_struct(0, 3, 3), 77, 7, 0, 0, 0, 0};
        struct raw m;

        raw_init(&m);
        raw_segment(&m, w, 9, 0);
        for (unsigned i = 0; i < 510; i++)
                raw_segment(&m, NULL, 0, 0);
        check_long_call(&m, &kib);

        raw_init(&m); /* more than any implementation takes */
        raw_segment(&m, w, 9, 0);
        for (unsigned i = 0; i < 511; i++)
                raw_segment(&m, NULL, 0, 0);
        check_violation(&m, NULL);
}

/* A segment table of 4,000 entries, after limits that would allow it were set. */
TEST(limits_hold_whoever_sets_them)
{
        const struct capnp_limits wide = {.segments = 100000, .fds = 100000};
        uint32_t n = 4000, last = n - 1;
        size_t len = (4 + 4 * (size_t)n + 7) / 8 * 8 + 8;
        uint8_t *b = calloc(1, len);
        struct lone l;

        CHECK(b);
        memcpy(b, &last, 4);
        for (int set = 0; set < 2; set++) {
                lone_open(&l, set ? NULL : &wide);
                if (set)
                        capnp_rpc_set_limits(l.rpc, &wide);
                CHECK_EQ(lone_feed(&l, b, len, 0), CAPNP_E_PROTOCOL);
                lone_close(&l);
        }
        free(b);
}

/* The limit becomes smaller while a message is on its way. */
TEST(limit_lowered_inside_a_message)
{
        const uint64_t w[] = {ptr_struct(0, 1, 1), 2, ptr_struct(0, 3, 3), 77, 7, 0, 0, 0, 0};
        struct raw m;

        for (size_t first = 0; first < 60000; first += 1777) {
                struct lone l;

                raw_init(&m);
                raw_segment(&m, w, 9, 8000);
                raw_close(&m);
                lone_open(&l, NULL);
                CHECK_EQ(lone_feed(&l, m.bytes, first, 0), 0);
                capnp_rpc_set_limits(l.rpc, &kib);
                CHECK_EQ(lone_feed(&l, m.bytes + first, m.len - first, 100), 0);
                check_refused(&l, 77);
                check_alive(&l);
                lone_close(&l);
                raw_free(&m);
        }
}

/* ---- both ends, and a relay between them ---------------------------------------------------- */

/* Answers with as many bytes as the word says. */
static int serve_bytes(void *self, capnp_answer *a)
{
        capnp_builder b = capnp_abuilder_init_struct(capnp_answer_results_any(a), 1, 1);

        ++*(unsigned *)self;
        capnp_builder_set_u64(b, 0, asked_word(a), 0);
        (void)capnp_abuilder_init_data(capnp_builder_any(b, 0), (uint32_t)asked_word(a));
        return capnp_answer_return(a);
}

struct chain {
        capnp_vat *vat[3];
        capnp_rpc *rpc[4]; /* 0-1: first hop; 2-3: second */
        capnp_cap *root;
        unsigned served;
};

static void chain_run(struct chain *c)
{
        bool more = true;

        while (more) {
                more = false;
                for (unsigned i = 0; i < 3; i++)
                        more |= capnp_rpc_step(c->vat[i]);
                for (unsigned i = 0; i < 4; i++) {
                        more |= rig_move_one(c->rpc[i], c->rpc[i ^ 1]);
                        CHECK_EQ(capnp_rpc_check(c->rpc[i]), 0);
                }
        }
}

/* limits: one for each end. walled: the relay's reference goes through a membrane. */
static void chain_open(struct chain *c, const struct capnp_limits *const *limits, bool walled)
{
        capnp_cap *root, *mid, *outside;

        *c = (struct chain){0};
        for (unsigned i = 0; i < 3; i++)
                CHECK_OK(capnp_vat_new_bare(&c->vat[i]));
        CHECK_OK(capnp_cap_new_dispatch(c->vat[2], serve_bytes, NULL, &c->served, &root));
        CHECK_OK(capnp_rpc_new(c->vat[2], limits[3], root, &c->rpc[3]));
        CHECK_OK(capnp_rpc_new(c->vat[1], limits[2], NULL, &c->rpc[2]));
        CHECK_OK(capnp_rpc_bootstrap(c->rpc[2], &mid));
        outside = capnp_cap_ref(mid);
        if (walled) {
                static const struct capnp_membrane_ops none;
                capnp_membrane *m;

                CHECK_OK(capnp_membrane_new(c->vat[1], &none, NULL, &m));
                capnp_cap_unref(outside);
                outside = capnp_membrane_wrap(m, mid);
                capnp_membrane_unref(m);
        }
        CHECK_OK(capnp_rpc_new(c->vat[1], limits[1], outside, &c->rpc[1]));
        CHECK_OK(capnp_rpc_new(c->vat[0], limits[0], NULL, &c->rpc[0]));
        CHECK_OK(capnp_rpc_bootstrap(c->rpc[0], &c->root));
        capnp_cap_unref(root);
        capnp_cap_unref(mid);
        capnp_cap_unref(outside);
}

static void chain_close(struct chain *c)
{
        for (unsigned i = 0; i < 4; i++)
                CHECK(!capnp_rpc_is_closed(c->rpc[i], NULL));
        capnp_cap_unref(c->root);
        chain_run(c);
        for (unsigned i = 0; i < 4; i++)
                capnp_rpc_free(c->rpc[i]);
        for (unsigned i = 0; i < 3; i++)
                capnp_vat_free(c->vat[i]);
}

/* A call that brings so many bytes and asks for so many. */
static capnp_question *chain_ask(struct chain *c, uint32_t bytes, uint64_t wanted)
{
        capnp_question *q = capnp_question_new_any(c->vat[0], c->root, 7, 0);
        capnp_builder b = capnp_abuilder_init_struct(capnp_question_params_any(q), 1, 1);

        capnp_builder_set_u64(b, 0, wanted, 0);
        (void)capnp_abuilder_init_data(capnp_builder_any(b, 0), bytes);
        capnp_question_send(q, NULL, NULL);
        chain_run(c);
        CHECK(capnp_question_is_done(q));
        return q;
}

static void check_over_quota(struct chain *c, uint32_t bytes, uint64_t wanted)
{
        capnp_question *q = chain_ask(c, bytes, wanted);
        capnp_exception why = capnp_question_exception(q);

        CHECK_EQ(capnp_question_result(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(why.kind, CAPNP_OVERLOADED);
        CHECK(!strncmp(why.reason, "over-quota.bytes: ", 18));
        capnp_question_free(q);
}

/* One end after the other has a narrow limit: each way, that call fails and the next one works. */
TEST(long_message_fails_its_call_on_every_hop)
{
        static const struct capnp_limits narrow = {.message_bytes = 4096};

        for (unsigned at = 0; at < 8; at++) {
                const struct capnp_limits *limits[4] = {NULL};
                struct chain c;
                capnp_question *q;

                limits[at % 4] = &narrow;
                chain_open(&c, limits, at >= 4);
                for (unsigned i = 0; i < 3; i++) {
                        check_over_quota(&c, 100000, 10);
                        CHECK_EQ(c.served, 3 * i);
                        check_over_quota(&c, 10, 100000);
                        check_over_quota(&c, 10, 5000);
                        q = chain_ask(&c, 10, 10);
                        CHECK_EQ(capnp_question_result(q), 0);
                        capnp_question_free(q);
                        CHECK_EQ(c.served, 3 * i + 3);
                }
                chain_close(&c);
        }
}
