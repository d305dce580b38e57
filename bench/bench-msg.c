/*
 * bench-msg: builds and reads the Record message of bench/peer/README.md, without any I/O. The
 * counterpart of bench/peer/bench-serialize.c++: same message, same checksum, same lines.
 *
 * Usage: bench-msg [--seconds S]       five rounds of S seconds each (default 0.2)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.capnp-c.h"

enum { ITEMS = 64, BLOB = 1024, ROUNDS = 5 };

static void item_fill(item_builder b, unsigned i, const char *name)
{
        item_set_id(b, UINT64_C(1000000007) * i + 1);
        item_set_price(b, i * 0.25);
        item_set_qty(b, (int32_t)i - 32);
        item_set_flags(b, (uint16_t)(i * 257));
        item_set_kind(b, (enum item_kind)(i % 4));
        item_set_active(b, i % 2 == 1);
        item_set_name(b, name);
}

static void record_fill(record_builder r)
{
        char name[] = "item 00 of a list of sixty-four";
        item_list_builder items;
        uint8_t *blob;
        unsigned i;

        record_set_f0(r, UINT64_C(0x0123456789abcdef));
        record_set_f1(r, UINT64_C(0xfedcba9876543210));
        record_set_f2(r, -1);
        record_set_f3(r, INT64_C(1234567890123456789));
        record_set_f4(r, 4000000000u);
        record_set_f5(r, 5);
        record_set_f6(r, -6);
        record_set_f7(r, 2000000000);
        record_set_f8(r, 60000);
        record_set_f9(r, -9);
        record_set_f10(r, 200);
        record_set_f11(r, -11);
        record_set_f12(r, true);
        record_set_f13(r, false);
        record_set_f14(r, 1.5f);
        record_set_f15(r, -2.25);
        record_set_f16(r, "the sixteenth field: a text of ordinary length");
        record_set_f17(
                r, "the seventeenth field: another text, a little longer than the one before it");
        blob = record_init_f18(r, BLOB);
        for (i = 0; i < BLOB; i++)
                blob[i] = (uint8_t)i;
        item_fill(record_init_f19(r), 64, "the single item, in a field of its own");
        record_u_set_str(record_build_u(r), "a text in the union");
        items = record_init_items(r, ITEMS);
        for (i = 0; i < ITEMS; i++) {
                name[5] = (char)('0' + i / 10);
                name[6] = (char)('0' + i % 10);
                item_fill(item_list_builder_get(items, i), i, name);
        }
}

static uint64_t bits_of(double d)
{
        uint64_t u;

        memcpy(&u, &d, sizeof(u));
        return u;
}

static uint64_t text_sum(capnp_text t)
{
        return t.len + (uint8_t)t.p[0];
}

static uint64_t item_sum(item_reader i)
{
        return item_id(i) + bits_of(item_price(i)) + (uint64_t)item_qty(i) + item_flags(i) +
               (uint64_t)item_kind(i) + item_active(i) + text_sum(item_name(i));
}

/* Reads every field; the sum is the checksum that README.md defines. */
static uint64_t record_sum(record_reader r)
{
        uint64_t sum = record_f0(r) + record_f1(r) + (uint64_t)record_f2(r);
        capnp_data blob = record_f18(r);
        item_list items = record_items(r);
        uint32_t i;

        sum += (uint64_t)record_f3(r) + record_f4(r) + record_f5(r);
        sum += (uint64_t)record_f6(r) + (uint64_t)record_f7(r);
        sum += record_f8(r) + (uint64_t)record_f9(r) + record_f10(r) + (uint64_t)record_f11(r);
        sum += record_f12(r) + record_f13(r);
        sum += bits_of((double)record_f14(r)) + bits_of(record_f15(r));
        sum += text_sum(record_f16(r)) + text_sum(record_f17(r));
        sum += blob.len + blob.p[0] + blob.p[blob.len - 1];
        sum += item_sum(record_f19(r));
        if (record_u_which(record_u(r)) == RECORD_U_STR)
                sum += text_sum(record_u_str(record_u(r)));
        else if (record_u_which(record_u(r)) == RECORD_U_NUM)
                sum += record_u_num(record_u(r));
        for (i = 0; i < item_list_len(items); i++)
                sum += item_sum(item_list_get(items, i));
        return sum;
}

/* ---- what is measured ----------------------------------------------------------------------- */

static uint64_t flat[4096]; /* the message as a stream of bytes */
static size_t flat_bytes, sink;
static uint64_t checksum;
static capnp_msg *scratch; /* reused, as a program that builds many messages would do */

static void work_build(void)
{
        capnp_msg_clear(scratch);
        record_fill(record_build(scratch));
        sink += capnp_msg_size(scratch);
}

static void work_build_flat(void)
{
        work_build();
        flat_bytes = capnp_msg_size(scratch);
        if (capnp_msg_write(scratch, flat, sizeof(flat)))
                exit(1);
}

static void work_read(void)
{
        capnp_msg *m = NULL;

        if (capnp_msg_parse(flat, flat_bytes, NULL, &m))
                exit(1);
        checksum = record_sum(record_root(m));
        if (capnp_msg_check(m))
                exit(1);
        capnp_msg_free(m);
}

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int double_compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double one_round(double seconds, void (*work)(void))
{
        double start = now(), end = start;
        uint64_t n = 0;
        int i;

        while (end - start < seconds) {
                for (i = 0; i < 100; i++)
                        work();
                n += 100;
                end = now();
        }

        return (end - start) * 1e6 / (double)n;
}

/* The median, over five rounds, of the microseconds that one run of the work takes. */
static void measure(const char *what, double seconds, void (*work)(void))
{
        double rounds[ROUNDS];
        int i;

        for (i = 0; i < 100; i++)
                work();
        for (i = 0; i < ROUNDS; i++)
                rounds[i] = one_round(seconds, work);
        qsort(rounds, ROUNDS, sizeof(rounds[0]), double_compare);
        printf("{\"bench\":\"serialize\",\"name\":\"capos\",\"what\":\"%s\",\"us\":%.3f,"
               "\"bytes\":%zu,\"checksum\":\"%016" PRIx64 "\"}\n",
               what, rounds[ROUNDS / 2], flat_bytes, checksum);
}

int main(int argc, char **argv)
{
        double seconds = 0.2;

        if (argc == 3 && !strcmp(argv[1], "--seconds")) {
                seconds = strtod(argv[2], NULL);
        } else if (argc != 1) {
                fprintf(stderr, "usage: %s [--seconds S]\n", argv[0]);
                return 2;
        }

        if (capnp_msg_new(&scratch))
                return 1;

        work_build(); /* the block that is kept grows to what is needed */
        work_build_flat();
        work_read();
        measure("build", seconds, work_build);
        measure("build-flat", seconds, work_build_flat);
        measure("read", seconds, work_read);
        scratch = capnp_msg_free(scratch);
        return sink == 0;
}
