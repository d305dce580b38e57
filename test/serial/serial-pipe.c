/*
 * Serialization and the dynamic layer behind a pipe, for programs that compare them with others.
 *
 * A request is a line and as many bytes as its last word says; the answer is a line with a code (0
 * or what the library returned), the number of bytes, and the bytes:
 *
 *         schema N                    a CodeGeneratorRequest; it replaces the one before
 *         print FORM TYPE N           a message, to be printed; FORM: text, ptext, json, pjson, or
 *                                     bjson, with Data in base64
 *         parse FORM TYPE N           a text (text, json, or bjson, where nothing may be unknown),
 *                                     answered with a message
 *         jsonschema WHAT TYPE N      a JSON Schema; WHAT: params, results, or either with a b
 *                                     before it, with Data in base64
 *         structs N                   the names of all structs, one a line
 *         copy N                      a message, answered with a deep copy of it
 *         pack N, unpack N            words, and their packed form
 *
 * Every request works on memory of just its size, so that a sanitizer sees the first byte read past
 * it. A fault of a text is answered as a line that says it.
 */
#include <capos/capnp-dynamic.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 5, LINE_MAX_BYTES = 512, ANSWER_MAX = 1 << 28 };

/* A request: its words, the last being the number of bytes, and those. */
struct request {
        char line[LINE_MAX_BYTES];
        char *word[WORDS];
        int words;
        char *p;
        size_t len;
};

static capnp_schema *schema;

static int append(struct capnp_buf *to, size_t len)
{
        char *p = realloc(to->p, len ? len : 1);

        if (!p)
                return -ENOMEM;
        *to = (struct capnp_buf){.p = p, .len = len, .room = len, .max = ANSWER_MAX};
        return 0;
}

static int write_message(const capnp_msg *m, struct capnp_buf *to)
{
        int r = append(to, capnp_msg_size(m));

        return r ? r : capnp_msg_write(m, to->p, to->len);
}

static int type_of(const struct request *q, uint64_t *ret_id)
{
        const capnp_decl *d = capnp_schema_find_name(schema, q->word[2]);

        *ret_id = d ? capnp_decl_id(d) : 0;
        return d ? 0 : CAPNP_E_UNKNOWN;
}

static int do_schema(const struct request *q, struct capnp_buf *to)
{
        (void)to;
        capnp_schema_free(schema);
        if (capnp_schema_new(&schema))
                abort();
        return capnp_schema_add_request(schema, q->p, q->len, NULL);
}

static int do_print(const struct request *q, struct capnp_buf *to)
{
        bool json = strstr(q->word[1], "json");
        struct capnp_dynamic_opts o = {.pretty = q->word[1][0] == 'p',
                                       .base64 = q->word[1][0] == 'b'};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint64_t type;
        int r = type_of(q, &type);

        if (!r)
                r = capnp_msg_parse(q->p, q->len, NULL, &m);
        if (r)
                return r;
        return (json ? capnp_json_print : capnp_text_print)(
                schema, type, capnp_any_struct(capnp_msg_root(m), NULL), &o, to);
}

static int do_parse(const struct request *q, struct capnp_buf *to)
{
        bool json = strstr(q->word[1], "json");
        const struct capnp_dynamic_opts o = {.reject_unknown = q->word[1][0] == 'b'};
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct capnp_fault f = {0};
        capnp_text text = {q->p, (uint32_t)q->len};
        uint64_t type;
        int r = type_of(q, &type);

        if (!r)
                r = capnp_msg_new(&m);
        if (r)
                return r;
        r = (json ? capnp_json_parse : capnp_text_parse)(schema, type, text, &o, capnp_msg_build(m),
                                                         &f);
        if (!r)
                return write_message(m, to);
        return capnp_fault_print(&f, NULL, to) ? -ENOMEM : r;
}

static int do_jsonschema(const struct request *q, struct capnp_buf *to)
{
        const struct capnp_dynamic_opts o = {.base64 = q->word[1][0] == 'b'};
        bool results = strstr(q->word[1], "results");
        uint64_t type;
        int r = type_of(q, &type);

        return r ? r
                 : capnp_jsonschema_print(
                           schema, type,
                           results ? CAPNP_JSONSCHEMA_RESULTS : CAPNP_JSONSCHEMA_PARAMS, &o, to);
}

static int do_structs(const struct request *q, struct capnp_buf *to)
{
        const capnp_decl *d;
        FILE *f = open_memstream(&to->p, &to->len);

        (void)q;
        if (!f)
                abort();
        for (uint32_t i = 0; (d = capnp_schema_at(schema, i)); i++)
                if (capnp_decl_kind(d) == CAPNP_DECL_STRUCT)
                        fprintf(f, "%s\n", capnp_decl_name(d));
        return fclose(f) ? -ENOMEM : 0;
}

static int do_copy(const struct request *q, struct capnp_buf *to)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *from = NULL;
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        int r = capnp_msg_parse(q->p, q->len, NULL, &from);

        if (!r)
                r = capnp_msg_new(&m);
        if (r)
                return r;
        capnp_abuilder_set(capnp_msg_build(m), capnp_msg_root(from));
        r = capnp_msg_check(from);
        return r ? r : write_message(m, to);
}

static int do_pack(const struct request *q, struct capnp_buf *to)
{
        int (*f)(const void *, size_t, void *, size_t, size_t *) =
                strcmp(q->word[0], "pack") == 0 ? capnp_pack : capnp_unpack;
        size_t len;
        int r = f(q->p, q->len, NULL, 0, &len);

        if (!r)
                r = len > ANSWER_MAX ? CAPNP_E_LIMIT : append(to, len);
        return r ? r : f(q->p, q->len, to->p, to->len, &len);
}

/* False at the end of the input. */
static bool take(struct request *q)
{
        char *more = NULL;

        *q = (struct request){0};
        if (!fgets(q->line, sizeof q->line, stdin))
                return false;
        for (char *w = strtok_r(q->line, " \n", &more); w && q->words < WORDS;
             w = strtok_r(NULL, " \n", &more))
                q->word[q->words++] = w;
        if (q->words < 2)
                abort();
        q->len = strtoul(q->word[q->words - 1], NULL, 10);
        q->p = malloc(q->len ? q->len : 1);
        if (!q->p || fread(q->p, 1, q->len, stdin) != q->len)
                abort();
        return true;
}

static const struct {
        const char *name;
        int words;
        int (*run)(const struct request *q, struct capnp_buf *to);
} actions[] = {
        {"schema", 2, do_schema},
        {"print", 4, do_print},
        {"parse", 4, do_parse},
        {"copy", 2, do_copy},
        {"pack", 2, do_pack},
        {"unpack", 2, do_pack},
        {"jsonschema", 4, do_jsonschema},
        {"structs", 2, do_structs},
};

static void answer(const struct request *q)
{
        struct capnp_buf to;

        capnp_buf_init(&to, ANSWER_MAX);
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
                if (strcmp(actions[i].name, q->word[0]) == 0 && actions[i].words == q->words) {
                        printf("%d ", actions[i].run(q, &to));
                        printf("%zu\n", to.len);
                        fwrite(to.p ? to.p : "", 1, to.len, stdout);
                        fflush(stdout);
                        capnp_buf_deinit(&to);
                        return;
                }
        fprintf(stderr, "serial-pipe: no such request: %s\n", q->word[0]);
        exit(1);
}

int main(void)
{
        struct request q;

        while (take(&q)) {
                answer(&q);
                free(q.p);
        }
        capnp_schema_free(schema);
        return 0;
}
