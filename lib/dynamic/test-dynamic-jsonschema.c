/*
 * JSON Schema of types, text for text: test-dynamic-jsonschema.golden, a line for each type and
 * way; JSONSCHEMA_WRITE=1 writes it anew. That it is what a validator takes it for, and that it
 * says what the printer and the parser do, is seen in test/serial/json-schema.py. And references by
 * words and mailboxes, which are there for those who are told a schema. R51.
 */
#include "test-dynamic.h"

#include <errno.h>

#include "dynamic-buf.h"

static capnp_schema *schemas_open(void)
{
        return schema_open_file("test-dynamic-jsonschema.capnp");
}

/* ---- goldens ------------------------------------------------------------------------------ */

/* There are mailboxes for one interface. */
static int only_mailbox(void *arg, uint64_t interface, capnp_cap **ret_c)
{
        const uint64_t *id = arg;

        CHECK(!ret_c); /* a schema makes none */
        return interface == *id ? 0 : CAPNP_E_UNKNOWN;
}

static int no_word(void *arg, capnp_cap *c, uint64_t interface, char word[CAPNP_CAP_WORD])
{
        (void)arg;
        (void)c;
        (void)interface;
        word[0] = 0;
        return 0;
}

static capnp_cap *no_cap(void *arg, capnp_text word, uint64_t interface)
{
        (void)arg;
        (void)word;
        (void)interface;
        return NULL;
}

static void golden_print(struct capnp_buf *to)
{
        static const char *const types[] = {"Point", "Numbers", "Pointers", "Shapes", "Objects",
                                            "Tree",  "Pairs",   "Told",     "L1"};
        static const char *const ways[] = {"parameters", "results", "an agent's parameters",
                                           "results for an agent"};
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();
        uint64_t ear = type_id(s, "Ear");
        const struct capnp_dynamic_opts agent = {.word = no_word,
                                                 .find_word = no_cap,
                                                 .mailbox = only_mailbox,
                                                 .base64 = true,
                                                 .pretty = true,
                                                 .arg = &ear};
        struct dynamic_out out = {.b = to};

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                for (int way = 0; way < 4; way++) {
                        dynamic_out_fmt(&out, "%s, %s: ", types[i], ways[way]);
                        CHECK_OK(capnp_jsonschema_print(s, type_id(s, types[i]),
                                                        (enum capnp_jsonschema)(way % 2),
                                                        way < 2 ? NULL : &agent, to));
                        dynamic_out_char(&out, '\n');
                }
        CHECK_OK(out.error);
}

TEST(goldens)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};
        const char *dir = getenv("CAPOS_SRCDIR");
        static char path[4096], expected[1 << 18];
        FILE *f;

        golden_print(&b);
        (void)snprintf(path, sizeof(path), "%s/lib/dynamic/test-dynamic-jsonschema.golden",
                       dir ? dir : ".");
        f = fopen(path, getenv("JSONSCHEMA_WRITE") ? "we" : "re");
        CHECK(f);
        if (getenv("JSONSCHEMA_WRITE"))
                CHECK_EQ(fwrite(b.p, 1, b.len, f), b.len);
        else
                CHECK(fread(expected, 1, sizeof(expected) - 1, f) > 0);
        CHECK_OK(fclose(f));
        if (!getenv("JSONSCHEMA_WRITE"))
                CHECK_STR(b.p, expected);
}

/* ---- what has none ------------------------------------------------------------------------ */

TEST(what_nothing_is_known_of_has_none)
{
        static const struct {
                const char *type;
                int r;
        } rows[] = {
                {"Any", CAPNP_E_UNKNOWN},      /* an AnyPointer */
                {"Hidden", CAPNP_E_UNKNOWN},   /* inside */
                {"AnyList", CAPNP_E_UNKNOWN},  /* in a list */
                {"Unknown", CAPNP_E_UNKNOWN},  /* for a parameter */
                {"Pair", CAPNP_E_UNKNOWN},     /* a parameter that stands for nothing */
                {"Chains", CAPNP_E_LIMIT},     /* a generic struct in itself */
                {"Same", CAPNP_E_UNKNOWN},     /* two fields of one name */
                {"SameFlat", CAPNP_E_UNKNOWN}, /* one of them flattened */
                {"Knot", CAPNP_E_LIMIT},       /* flattened into itself */
                {"F0", CAPNP_E_LIMIT},         /* 3 to the 15th structs, without any field */
                {"Color", CAPNP_E_UNKNOWN},    /* no struct */
        };
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                for (int what = 0; what < 2; what++) {
                        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};

                        CHECK_EQ(capnp_jsonschema_print(s, type_id(s, rows[i].type),
                                                        (enum capnp_jsonschema)what, NULL, &b),
                                 rows[i].r);
                        CHECK_EQ(b.len, 0);
                }
}

TEST(a_type_that_the_registry_lacks_has_none)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *empty = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};

        CHECK_OK(capnp_schema_new(&empty));
        CHECK_EQ(capnp_jsonschema_print(empty, type_id(s, "Point"), CAPNP_JSONSCHEMA_PARAMS, NULL,
                                        &b),
                 CAPNP_E_UNKNOWN);
}

TEST(what_is_larger_than_its_buffer_is_cut_off_whole)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf whole = {.max = 1 << 20};
        int r;

        CHECK_OK(capnp_jsonschema_print(s, type_id(s, "Shapes"), CAPNP_JSONSCHEMA_PARAMS, NULL,
                                        &whole));
        for (size_t max = 1; max <= whole.len; max++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = max};
                struct dynamic_out out = {.b = &b};

                dynamic_out_char(&out, '>');
                r = capnp_jsonschema_print(s, type_id(s, "Shapes"), CAPNP_JSONSCHEMA_PARAMS, NULL,
                                           &b);
                CHECK_EQ(r, CAPNP_E_LIMIT);
                CHECK_STR(b.p, ">");
        }
}

TORTURE(schemas_without_memory)
{
        static const char *const types[] = {"Pointers", "Tree", "Told"};
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        static struct bytes request;

        if (!request.len)
                schema_describe("test-dynamic-jsonschema.capnp", &request);
        TORTURE_OK(capnp_schema_new(&s));
        TORTURE_OK(capnp_schema_add_request(s, request.p, request.len, NULL));
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1 << 20};

                TORTURE_OK(capnp_jsonschema_print(s, type_id(s, types[i]), CAPNP_JSONSCHEMA_RESULTS,
                                                  NULL, &b));
        }
}

/* ---- words and mailboxes ------------------------------------------------------------------ */

/* Who has references by words. */
struct agent {
        capnp_vat *vat;
        capnp_cap *cap;     /* "h\"1" */
        uint64_t interface; /* that was told or asked for last */
        unsigned made;
        int fails;
};

static int agent_serve(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static int agent_word(void *arg, capnp_cap *c, uint64_t interface, char word[CAPNP_CAP_WORD])
{
        struct agent *a = arg;

        CHECK(c == a->cap);
        a->interface = interface;
        (void)snprintf(word, CAPNP_CAP_WORD, "h\"1");
        return a->fails;
}

static capnp_cap *agent_find(void *arg, capnp_text word, uint64_t interface)
{
        struct agent *a = arg;

        a->interface = interface;
        return word.len == 3 && !memcmp(word.p, "h\"1", 3) ? a->cap : NULL;
}

static int agent_mailbox(void *arg, uint64_t interface, capnp_cap **ret_c)
{
        struct agent *a = arg;
        int r = interface == a->interface ? 0 : CAPNP_E_UNKNOWN;

        if (a->fails)
                return a->fails;

        if (r || !ret_c)
                return r;

        a->made++;
        return capnp_cap_new_dispatch(a->vat, agent_serve, NULL, a, ret_c);
}

static struct capnp_dynamic_opts agent_init(struct agent *a)
{
        CHECK_OK(capnp_vat_new_bare(&a->vat));
        CHECK_OK(capnp_cap_new_dispatch(a->vat, agent_serve, NULL, a, &a->cap));
        return (struct capnp_dynamic_opts){.word = agent_word,
                                           .find_word = agent_find,
                                           .mailbox = agent_mailbox,
                                           .reject_unknown = true,
                                           .arg = a};
}

static void agent_deinit(struct agent *a)
{
        capnp_cap_unref(a->cap);
        capnp_vat_free(a->vat);
}

static const struct {
        const char *text;
        int r;
        const char *fault;
} words[] = {
        {"{\"node\":{\"$cap\":\"h\\\"1\"}}", 0, NULL},
        {"{\"any\":{\"$cap\":\"h\\u00221\"}}", 0, NULL},
        {"{\"node\":{\"$cap\":\"h2\"}}", CAPNP_E_UNKNOWN,
         "1:17: node: there is no reference \"h2\""},
        {"{\"node\":{\"$cap\":1}}", CAPNP_E_SYNTAX,
         "1:17: node: expected the word of a reference, in quotes"},
        {"{\"node\":\"h2\"}", CAPNP_E_SYNTAX,
         "1:9: node: expected a reference, {\"$cap\": \"word\"}"},
        {"{\"node\":{\"$mailbox\":false}}", CAPNP_E_SYNTAX, "1:21: node: expected true"},
        {"{\"ears\":[{\"$mailbox\":true}]}", CAPNP_E_UNKNOWN,
         "1:22: ears[0]: there is no mailbox for this"},
};

TEST(references_have_words)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();
        CAPNP_AUTO(agent_deinit) struct agent a = {0};
        struct capnp_dynamic_opts o = agent_init(&a);

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
                struct capnp_fault f;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_EQ(capnp_json_parse(s, type_id(s, "Objects"), text_of(words[i].text), &o,
                                          capnp_msg_build(m), &f),
                         words[i].r);
                CHECK_OK(capnp_fault_print(&f, NULL, &b));
                if (words[i].fault)
                        CHECK_STR(b.p, words[i].fault);
                if (words[i].r)
                        continue;

                CHECK_EQ(a.interface, i ? 0 : type_id(s, "Node"));
                a.interface = 1;
                b.len = 0;
                CHECK_OK(capnp_json_print(s, type_id(s, "Objects"), root_of(m), &o, &b));
                CHECK_EQ(a.interface, i ? 0 : type_id(s, "Node"));
                CHECK(strstr(b.p, ":{\"$cap\":\"h\\\"1\"}}"));
                a.fails = CAPNP_E_LIMIT;
                CHECK_EQ(capnp_json_print(s, type_id(s, "Objects"), root_of(m), &o, &b),
                         CAPNP_E_LIMIT);
                a.fails = 0;
        }
}

TEST(mailboxes_are_made)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();
        CAPNP_AUTO(agent_deinit) struct agent a = {0};
        struct capnp_dynamic_opts o = agent_init(&a);
        const capnp_text text = text_of("{\"right\": {\"$mailbox\": true}}");
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_fault f;

        CHECK_OK(capnp_msg_new(&m));
        a.interface = type_id(s, "Ear");
        CHECK_OK(capnp_json_parse(s, type_id(s, "Objects"), text, &o, capnp_msg_build(m), &f));
        CHECK_EQ(a.made, 1);
        CHECK_EQ(capnp_any_what(capnp_reader_any(root_of(m), 3)), CAPNP_WHAT_CAP);
        a.fails = -EPERM;
        CHECK_EQ(capnp_json_parse(s, type_id(s, "Objects"), text, &o, capnp_msg_build(m), &f),
                 -EPERM);
        o.mailbox = NULL;
        CHECK_EQ(capnp_json_parse(s, type_id(s, "Objects"), text, &o, capnp_msg_build(m), &f),
                 CAPNP_E_SYNTAX);
        CHECK_STR(f.what, "expected a reference, {\"$cap\": \"word\"}");
}

TEST(bytes_are_base64_when_that_is_wanted)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = schemas_open();
        const struct capnp_dynamic_opts o = {.base64 = true};
        static const char *const texts[] = {"{\"data\":\"Zg==\"}", "{\"hex\":\"66\"}",
                                            "{\"datas\":[\"Zg==\",\"\"]}"};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = 1000};
                CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;

                CHECK_OK(capnp_msg_new(&m));
                CHECK_OK(capnp_json_parse(s, type_id(s, "Pointers"), text_of(texts[i]), NULL,
                                          capnp_msg_build(m), NULL));
                CHECK_OK(capnp_json_print(s, type_id(s, "Pointers"), root_of(m), &o, &b));
                CHECK(b.len > strlen(texts[i]));
                /* The value as it was written, among what is always printed. */
                CHECK(memmem(b.p, b.len, texts[i] + 1, strlen(texts[i]) - 2));
        }
}
