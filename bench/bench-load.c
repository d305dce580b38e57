/*
 * bench-load: N calls in flight, each started when one has returned, and their cost.
 *
 * CPU time is that of whole processes: the client's from getrusage, the server's from the
 * scheduler's nanoseconds of every thread of every process that it consists of. One round warms up;
 * of the others the median by calls per second is printed, as one JSON line. With several server
 * processes their times are also printed one by one, in the order of the arguments.
 */
#include "bench-load.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* What one round measured. */
struct round {
        uint64_t calls;
        double wall_s, client_cpu_s;
        double server_cpu_s[BENCH_MAX_PIDS];
};

bool bench_options_parse(struct bench_options *o, int argc, char **argv)
{
        int i;

        for (i = 1; i < argc; i++) {
                bool more = i + 1 < argc;

                if (!strcmp(argv[i], "--seconds") && more)
                        o->seconds = strtod(argv[++i], NULL);
                else if (!strcmp(argv[i], "--rounds") && more)
                        o->rounds = (int)strtol(argv[++i], NULL, 10);
                else if (!strcmp(argv[i], "--server-pid") && more && o->npids < BENCH_MAX_PIDS)
                        o->pids[o->npids++] = (int)strtol(argv[++i], NULL, 10);
                else if (!strcmp(argv[i], "--name") && more)
                        o->name = argv[++i];
                else if (argv[i][0] == '-' || o->address)
                        break;
                else
                        o->address = argv[i];
        }

        if (i == argc && o->address && o->rounds > 0 && o->rounds <= BENCH_MAX_ROUNDS &&
            o->seconds > 0)
                return true;

        fprintf(stderr,
                "usage: %s [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] "
                "ADDRESS\n",
                argv[0]);
        return false;
}

/* ---- clocks --------------------------------------------------------------------------------- */

static double wall_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double own_cpu(void)
{
        struct rusage u;

        getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static double task_cpu(int pid, const char *task)
{
        unsigned long long ns = 0;
        char path[400];
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, task);
        f = fopen(path, "r");
        if (!f)
                return 0;

        if (fscanf(f, "%llu", &ns) != 1)
                ns = 0;
        fclose(f);
        return (double)ns * 1e-9;
}

/* CPU seconds of all threads of a process; 0 if there is none. */
static double process_cpu(int pid)
{
        struct dirent *e;
        double sum = 0;
        char path[64];
        DIR *dir;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        dir = opendir(path);
        while (dir && (e = readdir(dir)))
                if (e->d_name[0] != '.') /* `..` has the first thread again */
                        sum += task_cpu(pid, e->d_name);
        if (dir)
                closedir(dir);
        return sum;
}

/* ---- one round ------------------------------------------------------------------------------ */

/* Looks at the clock now and then only, which is not what is measured. */
bool bench_load_next(struct bench_load *l)
{
        l->calls++;
        if ((l->calls & 15) == 0 && wall_now() >= l->end)
                l->over = true;
        return !l->over;
}

void bench_load_done(capnp_question *q, int r, void *load)
{
        struct bench_load *l = load;

        capnp_question_free(q);
        l->failed += r != 0;
        if (bench_load_next(l) && !r)
                l->start(l);
        else if (--l->open == 0)
                capnp_vat_stop(l->vat);
}

static int bench_load_run(struct bench_load *l)
{
        l->open = l->in_flight;
        for (int i = 0; i < l->in_flight; i++)
                l->start(l);
        return capnp_vat_run(l->vat) || l->failed;
}

static struct round measure(struct bench_load *l, const struct bench_options *o)
{
        struct round m = {0};
        double wall, client;
        int i;

        l->calls = 0;
        l->failed = 0;
        l->over = false;
        for (i = 0; i < o->npids; i++)
                m.server_cpu_s[i] = -process_cpu(o->pids[i]);
        client = own_cpu();
        wall = wall_now();
        l->end = wall + o->seconds;
        if (l->run ? l->run(l) : bench_load_run(l)) {
                fprintf(stderr, "%s: calls failed\n", l->what);
                exit(1);
        }

        m.calls = l->calls;
        m.wall_s = wall_now() - wall;
        m.client_cpu_s = own_cpu() - client;
        for (i = 0; i < o->npids; i++)
                m.server_cpu_s[i] += process_cpu(o->pids[i]);
        return m;
}

/* ---- figures -------------------------------------------------------------------------------- */

static int round_compare(const void *a, const void *b)
{
        const struct round *x = a, *y = b;
        double dx = (double)x->calls / x->wall_s, dy = (double)y->calls / y->wall_s;

        return (dx > dy) - (dx < dy);
}

static void server_print(const struct round *m, const struct bench_options *o, double us)
{
        double sum = 0;
        int i;

        for (i = 0; i < o->npids; i++)
                sum += m->server_cpu_s[i];
        if (o->npids)
                printf(",\"server_cpu_us\":%.3f", sum * us);
        for (i = 0; i < o->npids && o->npids > 1; i++)
                printf("%s%.3f", i ? "," : ",\"server_cpu_us_each\":[", m->server_cpu_s[i] * us);
        if (o->npids > 1)
                printf("]");
}

void bench_load_figure(struct bench_load *l, const struct bench_options *o)
{
        struct round rounds[BENCH_MAX_ROUNDS], *m;
        double us;
        int i;

        (void)measure(l, o); /* warms up */
        for (i = 0; i < o->rounds; i++)
                rounds[i] = measure(l, o);
        qsort(rounds, (size_t)o->rounds, sizeof(*rounds), round_compare);
        m = &rounds[o->rounds / 2];
        us = 1e6 / (double)m->calls;
        printf("{\"bench\":\"rpc\",\"name\":\"%s\",\"what\":\"%s\",\"in_flight\":%d,"
               "\"calls\":%" PRIu64 ",\"calls_per_s\":%.0f,\"wall_us\":%.3f,"
               "\"client_cpu_us\":%.3f",
               o->name, l->what, l->in_flight, m->calls, (double)m->calls / m->wall_s,
               m->wall_s * us, m->client_cpu_s * us);
        server_print(m, o, us);
        printf("}\n");
        fflush(stdout);
}
