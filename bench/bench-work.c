/*
 * bench-work: does one kind of work a given number of times, for a tool that counts instructions.
 *
 * Both ends of a connection, and the relay between them, are vats of this one process, joined by
 * Unix sockets and turned in a fixed order: so a run takes the same way through the code each time,
 * and its count differs by nothing but what the code does. A row's cost is the difference between
 * two runs of different length, so that neither the start nor the end is in it
 * (bench/instructions).
 *
 * Usage: bench-work ROW COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <capos/capnp-dynamic.h>
#include <capos/capnp-vat.h>

#include "bench-clips.h"
#include "bench-record.h"
#include "bench-tls.h"

/* ---- vats ----------------------------------------------------------------------------------- */

enum { SERVER, RELAY, CLIENT, VATS, CHAIN = 10 };

struct stage {
        capnp_vat *vats[VATS];
        capnp_cap *served, *wrapped, *target;
        capnp_membrane *membrane;
        uint64_t left;      /* calls to be made yet */
        uint32_t in_flight; /* calls under way */
};

static void must(int r, const char *what)
{
        if (!r)
                return;

        fprintf(stderr, "bench-work: %s: %s\n", what, capnp_strerror(r));
        exit(1);
}

static int stage_on_null(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static int stage_on_self(void *self, capnp_answer *a)
{
        struct stage *s = self;

        echo_self_results_set_cap(a, (echo_client){s->served});
        return capnp_answer_return(a);
}

static const struct echo_ops stage_ops = {.null = stage_on_null, .self = stage_on_self};
static const struct capnp_membrane_ops membrane_ops;

/* The counting tool can be told to count inside of one of these alone (bench/instructions). */
static __attribute__((noinline)) int stage_turn_server(struct stage *s)
{
        return capnp_vat_process(s->vats[SERVER]);
}

static __attribute__((noinline)) int stage_turn_relay(struct stage *s)
{
        return capnp_vat_process(s->vats[RELAY]);
}

static void stage_turn(struct stage *s)
{
        must(capnp_vat_process(s->vats[CLIENT]), "a turn");
        must(stage_turn_relay(s), "a turn");
        must(stage_turn_server(s), "a turn");
}

static void stage_null_done(capnp_question *q, int r, void *arg);

static void stage_null(struct stage *s)
{
        s->left--;
        s->in_flight++;
        capnp_question_send(echo_null((echo_client){s->target}), stage_null_done, s);
}

static void stage_null_done(capnp_question *q, int r, void *arg)
{
        struct stage *s = arg;

        must(r, "a call");
        capnp_question_free(q);
        s->in_flight--;
        if (s->left)
                stage_null(s);
}

static void stage_calls(struct stage *s, uint64_t count, uint32_t in_flight)
{
        s->left = count;
        while (s->left && s->in_flight < in_flight)
                stage_null(s);
        while (s->in_flight)
                stage_turn(s);
}

static void stage_init(struct stage *s, bool relay)
{
        char address[2][64];

        *s = (struct stage){0};
        for (int i = SERVER; i < VATS; i++) {
                must(capnp_vat_new(&s->vats[i]), "a vat");
                if (i < CLIENT)
                        snprintf(address[i], sizeof(address[i]), "unix-abstract:bench-work-%d-%d",
                                 (int)getpid(), i);
        }

        must(echo_serve(s->vats[SERVER], &stage_ops, s, &s->served), "an object");
        must(capnp_vat_listen(s->vats[SERVER], address[SERVER], NULL, s->served), "listening");
        if (relay) {
                CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *inside = NULL;

                must(capnp_vat_connect(s->vats[RELAY], address[SERVER], NULL, &inside),
                     "connecting");
                must(capnp_membrane_new(s->vats[RELAY], &membrane_ops, NULL, &s->membrane),
                     "a membrane");
                s->wrapped = capnp_membrane_wrap(s->membrane, inside);
                must(capnp_vat_listen(s->vats[RELAY], address[RELAY], NULL, s->wrapped),
                     "listening");
        }
        must(capnp_vat_connect(s->vats[CLIENT], address[relay ? RELAY : SERVER], NULL, &s->target),
             "connecting");
        stage_calls(s, 100, 1);
}

static void stage_deinit(struct stage *s)
{
        s->target = capnp_cap_unref(s->target);
        s->wrapped = capnp_cap_unref(s->wrapped);
        s->served = capnp_cap_unref(s->served);
        s->membrane = capnp_membrane_unref(s->membrane);
        for (int i = CLIENT; i >= SERVER; i--)
                s->vats[i] = capnp_vat_free(s->vats[i]);
}

/* ---- rows: calls ---------------------------------------------------------------------------- */

static void work_null_with(uint64_t count, uint32_t in_flight, bool relay)
{
        struct stage s;

        stage_init(&s, relay);
        stage_calls(&s, count, in_flight);
        stage_deinit(&s);
}

/* The same without a relay and through TLS. */
static void work_tls_with(uint64_t count, uint32_t in_flight)
{
        struct stage s = {0};

        for (int i = SERVER; i < VATS; i++)
                must(capnp_vat_new(&s.vats[i]), "a vat");
        must(echo_serve(s.vats[SERVER], &stage_ops, &s, &s.served), "an object");
        bench_tls_join(s.vats[SERVER], s.served, s.vats[CLIENT], &s.target);
        stage_calls(&s, 100, 1);
        stage_calls(&s, count, in_flight);
        stage_deinit(&s);
}

static void work_tls_1(uint64_t count)
{
        work_tls_with(count, 1);
}

static void work_tls_64(uint64_t count)
{
        work_tls_with(count, 64);
}

static void work_tls_1024(uint64_t count)
{
        work_tls_with(count, 1024);
}

static void work_null_1(uint64_t count)
{
        work_null_with(count, 1, false);
}

static void work_null_64(uint64_t count)
{
        work_null_with(count, 64, false);
}

static void work_null_1024(uint64_t count)
{
        work_null_with(count, 1024, false);
}

static void work_relay(uint64_t count)
{
        work_null_with(count, 64, true);
}

static void chain_done(capnp_question *q, int r, void *arg)
{
        (void)q;
        must(r, "a chain");
        *(bool *)arg = true;
}

/* A call on the result of a call on the result of ..., sent before the first has returned. */
static void work_chain(uint64_t count)
{
        struct stage s;

        stage_init(&s, false);
        for (uint64_t n = 0; n < count; n++) {
                capnp_question *self[CHAIN], *last;
                echo_client at = {s.target};
                bool done = false;

                for (int i = 0; i < CHAIN; i++) {
                        self[i] = echo_self(at);
                        at = echo_self_cap(self[i]);
                }
                last = echo_null(at);
                for (int i = 0; i < CHAIN; i++)
                        capnp_question_send(self[i], NULL, NULL);
                capnp_question_send(last, chain_done, &done);
                while (!done)
                        stage_turn(&s);
                capnp_question_free(last);
                for (int i = 0; i < CHAIN; i++)
                        capnp_question_free(self[i]);
        }
        stage_deinit(&s);
}

/* ---- rows: messages ------------------------------------------------------------------------- */

static uint64_t flat[4096], packed[4096];
static uint64_t sink;

static size_t record_flat(uint32_t blob_bytes)
{
        capnp_msg *m = NULL;
        size_t len;

        must(capnp_msg_new(&m), "a message");
        bench_record_fill(record_build(m), blob_bytes);
        len = capnp_msg_size(m);
        must(capnp_msg_write(m, flat, sizeof(flat)), "writing");
        capnp_msg_free(m);
        return len;
}

static void work_build(uint64_t count)
{
        capnp_msg *m = NULL;

        must(capnp_msg_new(&m), "a message");
        while (count--) {
                capnp_msg_clear(m);
                bench_record_fill(record_build(m), BENCH_BLOB_BYTES);
                sink += capnp_msg_size(m);
        }
        capnp_msg_free(m);
}

static void work_read(uint64_t count)
{
        size_t len = record_flat(BENCH_BLOB_BYTES);

        while (count--) {
                capnp_msg *m = NULL;

                must(capnp_msg_parse(flat, len, NULL, &m), "reading");
                sink += bench_record_sum(record_root(m));
                must(capnp_msg_check(m), "reading");
                capnp_msg_free(m);
        }
}

static void work_pack(uint64_t count)
{
        static uint64_t again[4096];
        size_t len = record_flat(BENCH_BLOB_BYTES), packed_len, again_len;

        while (count--) {
                must(capnp_pack(flat, len, packed, sizeof(packed), &packed_len), "packing");
                must(capnp_unpack(packed, packed_len, again, sizeof(again), &again_len),
                     "unpacking");
                sink += again_len;
        }
}

/* Without a blob: how bytes are written in JSON is a matter of taste, not of speed. */
static void work_json(uint64_t count)
{
        size_t len = record_flat(0);
        capnp_schema *schema = NULL;
        capnp_msg *m = NULL, *copy = NULL;

        must(capnp_schema_new(&schema), "a registry");
        must(capnp_schema_add_file(schema, &bench_capnp_schema), "the schema");
        must(capnp_msg_new(&copy), "a message");
        while (count--) {
                struct capnp_buf text;

                must(capnp_msg_parse(flat, len, NULL, &m), "reading");

                capnp_buf_init(&text, 1 << 20);
                must(capnp_json_print(schema, RECORD_ID, record_root(m).r, NULL, &text),
                     "printing");
                capnp_msg_clear(copy);
                must(capnp_json_parse(schema, RECORD_ID, (capnp_text){text.p, (uint32_t)text.len},
                                      NULL, capnp_msg_build(copy), NULL),
                     "parsing");
                sink += text.len;
                capnp_buf_deinit(&text);
                m = capnp_msg_free(m);
        }
        capnp_msg_free(copy);
        capnp_schema_free(schema);
}

/* ---- main ----------------------------------------------------------------------------------- */

static const struct {
        const char *name;
        void (*work)(uint64_t count);
} rows[] = {
        {"tls-1", work_tls_1},       {"tls-64", work_tls_64},   {"tls-1024", work_tls_1024},
        {"null-1", work_null_1},     {"null-64", work_null_64}, {"null-1024", work_null_1024},
        {"relay-64", work_relay},    {"chain-10", work_chain},  {"build", work_build},
        {"read", work_read},         {"pack", work_pack},       {"json", work_json},
        {"clips-1000", bench_clips},
};

int main(int argc, char **argv)
{
        for (size_t i = 0; argc == 3 && i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (strcmp(argv[1], rows[i].name))
                        continue;

                rows[i].work(strtoull(argv[2], NULL, 10));
                return sink == 1;
        }

        fprintf(stderr, "usage: bench-work ROW COUNT, where ROW is one of:");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                fprintf(stderr, " %s", rows[i].name);
        fprintf(stderr, "\n");
        return 2;
}
