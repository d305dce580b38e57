/*
 * Any bytes as a CodeGeneratorRequest. What a registry takes is then used in all ways there are: by
 * name, by method, dumped and taken again, its comments, annotations and defaults looked at, JSON
 * Schema of it printed; and the input itself is printed as if it were each of the structs it
 * declares.
 */
#include <capos/capnp-dynamic.h>

#include <stdlib.h>

/* A macro, so that the stack of a crash names the line. */
#define check(ok) ((ok) ? (void)0 : abort())

enum { OUT_MAX = 1 << 15, DECLS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_interface(capnp_schema *s, const capnp_decl *d)
{
        struct capnp_buf b = {.max = 1 << 20};
        struct capnp_method_info m, again;
        capnp_schema *copy = NULL;
        int r;

        for (uint32_t i = 0; i < 50 && !capnp_schema_method(s, capnp_decl_id(d), i, &m); i++) {
                b.len = 0;
                (void)!capnp_schema_usage(s, &m, &b);
                check(capnp_schema_find_method(s, capnp_decl_id(d), m.name, &again) == 0);
        }

        b.len = 0;
        if (capnp_schema_dump(s, capnp_decl_id(d), &b) == 0) {
                check(capnp_schema_new(&copy) == 0);
                r = capnp_schema_add_request(copy, b.p, b.len, NULL);
                check(r == 0 || r == CAPNP_E_LIMIT);
                check(r || capnp_schema_find(copy, capnp_decl_id(d)));
        }

        capnp_schema_free(copy);
        capnp_buf_deinit(&b);
}

static void use_struct(capnp_schema *s, const capnp_decl *d, const void *bytes, size_t size)
{
        const struct capnp_limits limits = {.traversal = 1 << 13};
        struct capnp_dynamic_opts pretty = {.pretty = true};
        struct capnp_buf b = {.max = OUT_MAX};
        struct capnp_field_info f;
        capnp_msg *m = NULL, *built = NULL;

        for (uint32_t i = 0; i < 100 && !capnp_decl_field(d, i, &f); i++)
                check(f.name[0]);
        for (int what = CAPNP_JSONSCHEMA_PARAMS; what <= CAPNP_JSONSCHEMA_RESULTS; what++) {
                int r = capnp_jsonschema_print(s, capnp_decl_id(d), (enum capnp_jsonschema)what,
                                               NULL, &b);

                check(r ? !b.len : b.p[0] == '{' && b.p[b.len - 1] == '}');
                b.len = 0;
        }
        if (capnp_msg_parse(bytes, size, &limits, &m) == 0) {
                capnp_reader r = capnp_any_struct(capnp_msg_root(m), NULL);

                (void)!capnp_json_print(s, capnp_decl_id(d), r, NULL, &b);
                b.len = 0;
                (void)!capnp_text_print(s, capnp_decl_id(d), r, &pretty, &b);
        }

        check(capnp_msg_new(&built) == 0);
        (void)!capnp_json_parse(s, capnp_decl_id(d), (capnp_text){"{\"f\":{\"f\":1}}", 13}, NULL,
                                capnp_msg_build(built), NULL);
        capnp_msg_free(built);
        capnp_msg_free(m);
        capnp_buf_deinit(&b);
}

/* What an author writes beside the types. 0xc8a77c2f6d0be391: what the corpus has, too. */
static void use_words(const capnp_schema *s, const capnp_decl *d)
{
        struct capnp_buf b = {.max = OUT_MAX};
        struct capnp_annotation a;

        check(capnp_decl_doc(d));
        (void)!capnp_decl_annotation(d, CAPNP_DECL_ITSELF, UINT64_C(0xc8a77c2f6d0be391), &a);
        for (uint32_t i = 0; i < 50 && i < capnp_decl_count(d); i++) {
                check(capnp_decl_member_doc(d, i));
                if (!capnp_decl_annotation(d, i, UINT64_C(0xc8a77c2f6d0be391), &a))
                        check(!a.text.p || strlen(a.text.p) <= a.text.len);
                b.len = 0;
                (void)!capnp_text_print_default(s, d, i, NULL, &b);
                (void)!capnp_json_print_default(s, d, i, NULL, &b);
        }
        capnp_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        capnp_schema *s = NULL;
        const capnp_decl *d;
        void *bytes = malloc(size ? size : 1);

        check(bytes && capnp_schema_new(&s) == 0);
        if (size)
                memcpy(bytes, data, size);
        if (capnp_schema_add_request(s, bytes, size, NULL))
                check(!capnp_schema_at(s, 0));
        for (uint32_t i = 0; i < DECLS_MAX && (d = capnp_schema_at(s, i)); i++) {
                check(capnp_schema_find(s, capnp_decl_id(d)) == d);
                (void)capnp_schema_find_name(s, capnp_decl_name(d));
                if (capnp_decl_kind(d) == CAPNP_DECL_INTERFACE)
                        use_interface(s, d);
                if (capnp_decl_kind(d) == CAPNP_DECL_STRUCT)
                        use_struct(s, d, bytes, size);
                (void)capnp_decl_enumerant(d, 0);
                use_words(s, d);
        }

        capnp_schema_free(s);
        free(bytes);
        return 0;
}
