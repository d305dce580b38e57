/* Which methods the names of a manifest mean, by the schema of test/e2e/faceted.capnp. */
#include "facets.h"
#include "harness.h"

#include <capos/capnp-dynamic.h>
#include <errno.h>
#include <string.h>

#include "faceted.capnp-c.h"

/* A facet with these methods, NULL behind the last, beside one that has all. */
static void make(struct policy_facets *f, capnp_msg *m, const char *const *names)
{
        facet_list_builder l = service_init_facets(service_build(m), 2);
        unsigned n = 0;

        while (names[n])
                n++;
        facet_set_name(facet_list_builder_get(l, 0), "all");
        facet_set_name(facet_list_builder_get(l, 1), "some");
        (void)facet_init_methods(facet_list_builder_get(l, 1), n);
        CHECK_OK(facets_init(f, facet_list_as_reader(l)));
        for (unsigned i = 0; i < n; i++)
                f->v[1].v[i].name = names[i];
}

/* What the service says it is. */
static void describe(struct capnp_buf *b)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;

        capnp_buf_init(b, 1 << 20);
        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_file(s, &faceted_capnp_schema));
        CHECK_OK(capnp_schema_dump(s, SHELF_ID, b));
}

static const char *learn(struct policy_facets *f, const struct capnp_buf *b, struct facet_place *at)
{
        return facets_learn(f, SHELF_ID, (capnp_data){(const uint8_t *)b->p, (uint32_t)b->len}, at);
}

TEST(names_are_of_all_interfaces)
{
        static const char *const names[] = {"list", "keep", "Teller.count", "Shelf.list", NULL};
        static const struct daemon_method are[] = {
                {SHELF_ID, 0}, {KEEPER_ID, 0}, {TELLER_ID, 1}, {SHELF_ID, 0}};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct policy_facets f;
        struct facet_place at;

        CHECK_OK(capnp_msg_new(&m));
        make(&f, m, names);
        describe(&b);
        CHECK(facets_ask(&f) && !facets_known(&f));
        CHECK(!facets_narrow(&f, "all") && !facets_narrow(&f, "none"));
        CHECK(facets_narrow(&f, "some") == &f.v[1]);
        CHECK(!learn(&f, &b, &at));
        CHECK(facets_known(&f));
        CHECK_EQ(f.v[1].methods.n, 3); /* one has two names */
        for (unsigned i = 0; i < 4; i++) {
                CHECK_EQ(f.v[1].v[i].id.interface_id, are[i].interface_id);
                CHECK_EQ(f.v[1].v[i].id.method, are[i].method);
                CHECK(daemon_methods_have(&f.v[1].methods, are[i].interface_id, are[i].method));
        }
        CHECK(!learn(&f, &b, &at)); /* again, of the next process */
        CHECK_EQ(f.v[1].methods.n, 3);
        facets_deinit(&f);
}

TEST(what_is_wrong_has_its_place)
{
        static const char *const names[][4] = {{"list", "lists", NULL},
                                               {"list", "keep", "count", NULL},
                                               {"Keeper.list", NULL},
                                               {"list", "Nobody.list", NULL},
                                               {"list", "keep", ".list", NULL}};
        static const unsigned where[] = {1, 2, 0, 1, 2};
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct facet_place at;

        describe(&b);
        for (unsigned i = 0; i < sizeof(where) / sizeof(*where); i++) {
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct policy_facets f;
                const char *why;

                CHECK_OK(capnp_msg_new(&m));
                make(&f, m, names[i]);
                why = learn(&f, &b, &at);
                CHECK(why && strstr(why, i == 1 ? "several interfaces" : "no such method"));
                CHECK_EQ(at.facet, 1);
                CHECK_EQ(at.method, where[i]);
                CHECK(!facets_known(&f) && !f.v[1].methods.n);
                facets_deinit(&f);
        }
}

/* Of another manifest, until the service has said so anew. */
TEST(names_mean_what_they_meant)
{
        static const char *const before[] = {"list", "keep", NULL}, *const same[] = {"keep", NULL},
                                 *const more[] = {"keep", "tell", NULL};
        capnp_msg *m[3] = {NULL};
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct policy_facets f[3];
        struct facet_place at;

        describe(&b);
        for (unsigned i = 0; i < 3; i++) {
                CHECK_OK(capnp_msg_new(&m[i]));
                make(&f[i], m[i], i == 0 ? before : i == 1 ? same : more);
        }
        facets_inherit(&f[1], &f[0]);
        CHECK(!facets_known(&f[1])); /* it had not been known */
        CHECK(!learn(&f[0], &b, &at));
        facets_inherit(&f[1], &f[0]);
        CHECK(facets_known(&f[1]));
        CHECK(daemon_methods_have(&f[1].v[1].methods, KEEPER_ID, 0));
        CHECK_EQ(f[1].v[1].methods.n, 1);
        facets_inherit(&f[2], &f[0]);
        CHECK(!facets_known(&f[2]));
        for (unsigned i = 0; i < 3; i++) {
                facets_deinit(&f[i]);
                m[i] = capnp_msg_free(m[i]);
        }
}

TEST(who_does_not_say_what_he_is_has_none)
{
        static const char *const names[] = {"list", NULL};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct policy_facets f;
        struct facet_place at;

        CHECK_OK(capnp_msg_new(&m));
        make(&f, m, names);
        describe(&b);
        CHECK(learn(&f, &(struct capnp_buf){.p = b.p}, &at));
        CHECK(learn(&f, &(struct capnp_buf){.p = b.p, .len = b.len / 2}, &at));
        CHECK_EQ(at.facet, 1);
        CHECK(!facets_known(&f));
        facets_deinit(&f);
}

TORTURE(learning_without_memory)
{
        static const char *const names[] = {"list", "keep", NULL};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct policy_facets f = {0};
        struct facet_place at;
        facet_list_builder l;
        int r;

        TORTURE_OK(capnp_msg_new(&m));
        l = service_init_facets(service_build(m), 1);
        (void)facet_init_methods(facet_list_builder_get(l, 0), 2);
        TORTURE_OK(capnp_msg_check(m));
        r = facets_init(&f, facet_list_as_reader(l));
        if (!r) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
                CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;

                for (unsigned i = 0; i < 2; i++)
                        f.v[0].v[i].name = names[i];
                capnp_buf_init(&b, 1 << 20);
                r = capnp_schema_new(&s);
                if (!r)
                        r = capnp_schema_add_file(s, &faceted_capnp_schema);
                if (!r)
                        r = capnp_schema_dump(s, SHELF_ID, &b);
                if (!r && learn(&f, &b, &at))
                        r = -ENOMEM;
                CHECK_EQ(!r, facets_known(&f));
        }
        facets_deinit(&f);
        TORTURE_OK(r);
}
