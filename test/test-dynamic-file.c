/*
 * The dynamic layer on generated code: files with their imports, a circle of imports, and the
 * manifest in Cap'n Proto text, read through the generated accessors.
 */
#include <capos/capnp-dynamic.h>

#include "admin.capnp-c.h"
#include "adventure.capnp-c.h"
#include "chat.capnp-c.h"
#include "command.capnp-c.h"
#include "harness.h"
#include "manifest.capnp-c.h"
#include "remote_session.capnp-c.h"
#include "remote_ui.capnp-c.h"
#include "system_info.capnp-c.h"
#include "user_session.capnp-c.h"

TEST(imports_come_along)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        struct capnp_method_info m;
        const capnp_decl *d;

        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_file(s, &remote_session_capnp_schema));
        CHECK(capnp_schema_find(s, user_session_capnp_schema.id));
        CHECK_OK(capnp_schema_add_file(s, &user_session_capnp_schema));
        d = capnp_schema_find_name(s, "RemoteCapSet");
        CHECK(d);
        CHECK_OK(capnp_schema_find_method(s, capnp_decl_id(d), "get", &m));
        CHECK_OK(capnp_schema_dump(s, capnp_decl_id(d), &b));
        CHECK(b.len > 1000);
}

TEST(circles_of_imports_end)
{
        static const struct capnp_schema_file *circle[2];
        struct capnp_schema_file one = user_session_capnp_schema, two = manifest_capnp_schema;
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;

        one.imports = two.imports = circle;
        one.nimports = two.nimports = 2;
        circle[0] = &one;
        circle[1] = &two;
        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_file(s, &one));
        CHECK(capnp_schema_find(s, manifest_capnp_schema.id));
}

/* What is written of generated code is what a registry makes of it. */
TEST(files_are_written_with_their_comments)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL, *again = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        const capnp_decl *d;
        uint32_t docs = 0;

        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_file(s, &remote_session_capnp_schema));
        CHECK_OK(capnp_schema_write_file(&remote_session_capnp_schema, &b));
        CHECK_OK(capnp_schema_new(&again));
        CHECK_OK(capnp_schema_add_request(again, b.p, b.len, NULL));
        for (uint32_t i = 0; (d = capnp_schema_at(s, i)); i++) {
                const capnp_decl *other = capnp_schema_at(again, i);

                CHECK(other && capnp_decl_id(other) == capnp_decl_id(d));
                CHECK_STR(capnp_decl_doc(other), capnp_decl_doc(d));
                for (uint32_t k = 0; k < capnp_decl_count(d); k++) {
                        CHECK_STR(capnp_decl_member_doc(other, k), capnp_decl_member_doc(d, k));
                        docs += *capnp_decl_member_doc(d, k) != 0;
                }
        }
        CHECK(docs > 50);
        b.len = 0;
        b.max = 1000;
        CHECK_EQ(capnp_schema_write_file(&remote_session_capnp_schema, &b), CAPNP_E_LIMIT);
        CHECK_EQ(b.len, 0);
}

/* command.capnp: who has no effect counts as `lasting`, so a method that is forgotten is asked for
 * in vain. Of what no client calls (the instance's own links) none is needed. */
TEST(every_method_says_what_it_does)
{
        static const struct capnp_schema_file *const files[] = {
                &admin_capnp_schema,        &chat_capnp_schema,        &command_capnp_schema,
                &remote_ui_capnp_schema,    &system_info_capnp_schema, &remote_session_capnp_schema,
                &user_session_capnp_schema, &adventure_capnp_schema};
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        struct capnp_annotation a;
        const capnp_decl *d;
        uint32_t methods = 0;

        CHECK_OK(capnp_schema_new(&s));
        for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                CHECK_OK(capnp_schema_add_file(s, files[i]));
        for (uint32_t i = 0; (d = capnp_schema_at(s, i)); i++)
                for (uint32_t k = 0; k < capnp_decl_count(d); k++) {
                        if (capnp_decl_kind(d) != CAPNP_DECL_INTERFACE)
                                continue;
                        methods++;
                        if (capnp_decl_annotation(d, k, UINT64_C(0xc8a77c2f6d0be391), &a))
                                test_fail(__FILE__, __LINE__, "%s, method %u", capnp_decl_name(d),
                                          k);
                        CHECK(a.bits <= COMMAND_EFFECT_LASTING);
                }
        CHECK(methods > 60);
}

TEST(manifest_is_read)
{
        static const char text[] = "# An instance.\n"
                                   "(motd = \"hi\", confinement = full,\n"
                                   " services = [(name = \"chat\", interfaceId = 0xff)])";
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_fault f;
        manifest_reader r;

        CHECK_OK(capnp_schema_new(&s));
        CHECK_OK(capnp_schema_add_file(s, &manifest_capnp_schema));
        CHECK_OK(capnp_msg_new(&m));
        CHECK_OK(capnp_text_parse(s, MANIFEST_ID, (capnp_text){text, sizeof(text) - 1}, NULL,
                                  capnp_msg_build(m), &f));
        r = manifest_root(m);
        CHECK_STR(manifest_motd(r).p, "hi");
        CHECK_EQ(manifest_confinement(r), CONFINEMENT_FULL);
        CHECK_EQ(service_interface_id(service_list_get(manifest_services(r), 0)), 0xff);
        CHECK_EQ(capnp_text_parse(s, MANIFEST_ID, (capnp_text){"(motdd = \"\")", 12}, NULL,
                                  capnp_msg_build(m), &f),
                 CAPNP_E_UNKNOWN);
        CHECK_STR(f.what, "Manifest has no `motdd`; did you mean `motd`?");
}
