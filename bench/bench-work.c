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

#include <capos/capnp-dynamic.h>
#include <capos/capnp-vat.h>

#include "bench-clips.h"
#include "bench-record.h"
#include "bench-stage.h"
#include "bench-tls.h"

enum { CHAIN = 10 };

/* ---- rows: calls ---------------------------------------------------------------------------- */

static void work_null_with(uint64_t count, uint32_t in_flight, bool relay)
{
        struct stage s;

        stage_init(&s, &stage_ops, NULL, relay);
        stage_calls(&s, count, in_flight);
        stage_deinit(&s);
}

/* The same without a relay and through TLS. */
static void work_tls_with(uint64_t count, uint32_t in_flight)
{
        struct stage s = {0};

        for (int i = SERVER; i < VATS; i++)
                stage_must(capnp_vat_new(&s.vats[i]), "a vat");
        stage_must(echo_serve(s.vats[SERVER], &stage_ops, &s, &s.served), "an object");
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
        stage_must(r, "a chain");
        *(bool *)arg = true;
}

/* A call on the result of a call on the result of ..., sent before the first has returned. */
static void work_chain(uint64_t count)
{
        struct stage s;

        stage_init(&s, &stage_ops, NULL, false);
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

        stage_must(capnp_msg_new(&m), "a message");
        bench_record_fill(record_build(m), blob_bytes);
        len = capnp_msg_size(m);
        stage_must(capnp_msg_write(m, flat, sizeof(flat)), "writing");
        capnp_msg_free(m);
        return len;
}

static void work_build(uint64_t count)
{
        capnp_msg *m = NULL;

        stage_must(capnp_msg_new(&m), "a message");
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

                stage_must(capnp_msg_parse(flat, len, NULL, &m), "reading");
                sink += bench_record_sum(record_root(m));
                stage_must(capnp_msg_check(m), "reading");
                capnp_msg_free(m);
        }
}

static void work_pack(uint64_t count)
{
        static uint64_t again[4096];
        size_t len = record_flat(BENCH_BLOB_BYTES), packed_len, again_len;

        while (count--) {
                stage_must(capnp_pack(flat, len, packed, sizeof(packed), &packed_len), "packing");
                stage_must(capnp_unpack(packed, packed_len, again, sizeof(again), &again_len),
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

        stage_must(capnp_schema_new(&schema), "a registry");
        stage_must(capnp_schema_add_file(schema, &bench_capnp_schema), "the schema");
        stage_must(capnp_msg_new(&copy), "a message");
        while (count--) {
                struct capnp_buf text;

                stage_must(capnp_msg_parse(flat, len, NULL, &m), "reading");

                capnp_buf_init(&text, 1 << 20);
                stage_must(capnp_json_print(schema, RECORD_ID, record_root(m).r, NULL, &text),
                           "printing");
                capnp_msg_clear(copy);
                stage_must(capnp_json_parse(schema, RECORD_ID,
                                            (capnp_text){text.p, (uint32_t)text.len}, NULL,
                                            capnp_msg_build(copy), NULL),
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
