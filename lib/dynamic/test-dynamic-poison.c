/*
 * Malformed answers, over a connection between two vats: the server puts a word of its own where
 * the results are pointed to, or into them. Whoever reads gets defaults; whoever asks is told.
 */
#include "test-dynamic.h"

#include <errno.h>
#include <sys/uio.h>

#include "schema.capnp-c.h"

struct evil {
        uint64_t word;
        bool inside; /* the results are a struct, whose pointer is bad */
};

static int evil_dispatch(void *self, capnp_answer *a)
{
        struct evil *e = self;
        capnp_abuilder slot = capnp_answer_results_any(a);

        if (e->inside) {
                capnp_builder b = capnp_abuilder_init_struct(slot, 1, 2);

                capnp_builder_set_u64(b, 0, 42, 0);
                slot = capnp_builder_any(b, 0);
        }
        memcpy(slot.p, &e->word, sizeof(e->word));
        return capnp_answer_return(a);
}

/* Bytes of one side to the other; false: there were none. */
static bool carry(capnp_rpc *from, capnp_rpc *to)
{
        struct iovec v[16];
        const int *fds;
        unsigned nfds;
        int n = capnp_rpc_out_peek(from, v, 16, &fds, &nfds);

        for (int i = 0; i < n; i++) {
                CHECK_OK(capnp_rpc_feed(to, v[i].iov_base, v[i].iov_len, NULL, 0));
                capnp_rpc_out_sent(from, v[i].iov_len);
        }
        return n > 0;
}

struct pair {
        struct evil evil;
        capnp_vat *client, *server;
        capnp_rpc *c, *s;
        capnp_cap *root;
        capnp_schema *schema;
        struct capnp_dynamic_method m;
};

static void pair_open(struct pair *p)
{
        capnp_cap *cap;

        p->schema = schema_open();
        CHECK_OK(capnp_vat_new_bare(&p->client));
        CHECK_OK(capnp_vat_new_bare(&p->server));
        CHECK_OK(capnp_cap_new_dispatch(p->server, evil_dispatch, NULL, &p->evil, &cap));
        CHECK_OK(capnp_rpc_new(p->server, NULL, cap, &p->s));
        capnp_cap_unref(cap);
        CHECK_OK(capnp_rpc_new(p->client, NULL, NULL, &p->c));
        CHECK_OK(capnp_rpc_bootstrap(p->c, &p->root));
        p->m.vat = p->client;
        p->m.target = p->root;
        CHECK_OK(capnp_schema_find_method(p->schema, type_id(p->schema, "Leaf"), "move",
                                          &p->m.info));
}

static void pair_close(struct pair *p)
{
        capnp_cap_unref(p->root);
        capnp_rpc_free(p->c);
        capnp_rpc_free(p->s);
        capnp_vat_free(p->client);
        capnp_vat_free(p->server);
        capnp_schema_free(p->schema);
}

/* `move`, returned. */
static capnp_question *pair_ask(struct pair *p)
{
        capnp_question *q;
        bool more = true;

        CHECK_OK(capnp_dynamic_call(p->schema, &p->m, text_of(""), NULL, &q, NULL));
        CHECK_EQ(capnp_question_check(q), -EAGAIN);
        capnp_question_send(q, NULL, NULL);
        while (more) {
                more = capnp_rpc_step(p->client);
                more |= capnp_rpc_step(p->server);
                more |= carry(p->c, p->s);
                more |= carry(p->s, p->c);
        }
        CHECK(capnp_question_is_done(q));
        CHECK_OK(capnp_question_result(q));
        return q;
}

TEST(a_malformed_answer_is_told)
{
        static const struct {
                uint64_t word;
                bool inside;
        } rows[] = {
                {UINT64_C(0x0002000100000fa0), false}, /* a struct out of bounds */
                {UINT64_C(0x00020001fffff000), false}, /* before its beginning */
                {UINT64_C(0x0000004d00000002), false}, /* a far pointer into nowhere */
                {UINT64_C(0x0000000000fffff2), false}, /* a landing pad out of bounds */
                {UINT64_C(0x0000000000000001), false}, /* a list */
                {UINT64_C(0x0000000000000003), false}, /* a capability */
                {UINT64_C(0x00000000000000ff), false}, /* nothing that there is */
                {UINT64_C(0x0000000200000fa1), true},  /* a text out of bounds */
                {UINT64_C(0x0000000100000000), true},  /* a struct where a text is */
                {UINT64_C(0x0000004d00000002), true},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *copy = NULL;
                struct pair p = {.evil = {rows[i].word, rows[i].inside}};
                capnp_question *q;
                capnp_reader r;

                pair_open(&p);
                q = pair_ask(&p);
                CHECK_OK(capnp_question_check(q)); /* nothing was read */
                r = capnp_question_response(q);
                CHECK(r.m);
                CHECK_EQ(capnp_reader_i32(r, 0, 0), rows[i].inside ? 42 : 0);
                CHECK_STR(capnp_reader_text(r, 0).p, "");
                CHECK_EQ(capnp_question_check(q), CAPNP_E_POISON);
                CHECK_OK(capnp_question_result(q));
                capnp_question_free(q);

                q = pair_ask(&p);
                CHECK_EQ(capnp_dynamic_results(p.schema, &p.m.info, q, NULL, &b), CAPNP_E_POISON);
                CHECK_EQ(b.len, 0);
                CHECK_EQ(capnp_text_print(p.schema, p.m.info.results, capnp_question_response(q),
                                          NULL, &b),
                         CAPNP_E_POISON);
                CHECK_EQ(b.len, 0);
                capnp_question_free(q);

                q = pair_ask(&p);
                CHECK_OK(capnp_msg_new(&copy));
                capnp_abuilder_set_struct(capnp_msg_build(copy), capnp_question_response(q));
                /* What its schema does not allow may still be a pointer like any other. */
                CHECK_EQ(capnp_msg_check(copy),
                         rows[i].word >> 32 == 1 && rows[i].inside ? 0 : CAPNP_E_POISON);
                capnp_question_free(q);
                pair_close(&p);
        }
}

TEST(a_question_that_is_none_is_asked)
{
        CHECK_EQ(capnp_question_check(NULL), -ENOMEM);
}

/* A root that leads out of the message, without a call: no printer says defaults. */
TEST(a_bad_root_is_not_printed)
{
        static const uint64_t roots[] = {UINT64_C(0x0001000100001000), UINT64_C(0x4d00000002),
                                         UINT64_C(1), UINT64_C(3)};
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schema_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};

        for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
                uint64_t w[2] = {UINT64_C(1) << 32, roots[i]};
                capnp_msg *m;

                for (int json = 0; json < 2; json++) {
                        CHECK_OK(capnp_msg_parse(w, sizeof(w), NULL, &m));
                        CHECK_EQ((json ? capnp_json_print : capnp_text_print)(
                                         s, type_id(s, "Point"), root_of(m), NULL, &b),
                                 CAPNP_E_POISON);
                        CHECK_EQ(b.len, 0);
                        m = capnp_msg_free(m);
                }
        }
}

/* What generated code hands on, however far from the bad pointer, can be asked. */
TEST(generated_views_name_their_message)
{
        static const uint64_t w[2] = {UINT64_C(1) << 32, UINT64_C(0x0001000100001000)};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        node_reader n;

        CHECK_OK(capnp_msg_parse(w, sizeof(w), NULL, &m));
        n = node_root(m);
        CHECK(n.r.m == m);
        CHECK(node_struct(n).r.m == m); /* not the active member */
        CHECK(node_annotations(n).l.m == m);
        CHECK(annotation_value(annotation_list_get(node_annotations(n), 7)).r.m == m);
        CHECK(type_struct_brand(
                      type_struct(type_list__element_type(type_list_(field_slot_type(
                              field_slot(field_list_get(node_struct_fields(node_struct(n)), 0)))))))
                      .r.m == m);
        CHECK_EQ(capnp_msg_check(m), CAPNP_E_POISON);
}
