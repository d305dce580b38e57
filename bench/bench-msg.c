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

#include "bench-record.h"

enum { ROUNDS = 5 };

/* ---- what is measured ----------------------------------------------------------------------- */

static uint64_t flat[4096]; /* the message as a stream of bytes */
static size_t flat_bytes, sink;
static uint64_t checksum;
static capnp_msg *scratch; /* reused, as a program that builds many messages would do */

static void work_build(void)
{
        capnp_msg_clear(scratch);
        bench_record_fill(record_build(scratch), BENCH_BLOB_BYTES);
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
        checksum = bench_record_sum(record_root(m));
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
