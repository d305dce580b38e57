/* What time has passed, and what of it this process had: for the programs that log in. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdio.h>
#include <time.h>

struct bench_clock {
        double wall_s, cpu_s;
};

static inline double bench_clock_read(clockid_t which)
{
        struct timespec t;

        clock_gettime(which, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline struct bench_clock bench_clock_now(void)
{
        return (struct bench_clock){bench_clock_read(CLOCK_MONOTONIC),
                                    bench_clock_read(CLOCK_PROCESS_CPUTIME_ID)};
}

/* One line: what each of `count` has cost since then. */
static inline void bench_clock_print(struct bench_clock since, unsigned long count)
{
        struct bench_clock now = bench_clock_now();
        double us = 1e6 / (double)count;

        printf("{\"count\":%lu,\"wall_us\":%.1f,\"client_cpu_us\":%.1f}\n", count,
               (now.wall_s - since.wall_s) * us, (now.cpu_s - since.cpu_s) * us);
}

#endif
