/*
 * bench-client: measures the calls of test/peers/bench.capnp against any Echo server, with our
 * library as the client. The counterpart of bench/peer/bench-client.c++: same figures, same lines.
 *
 * Usage: bench-client [--seconds S] [--rounds N] [--server-pid PID] [--name TEXT] ADDRESS
 *
 * N calls are kept in flight; each is started when one has returned. CPU time is that of the whole
 * process on either side. One round warms up; of the others the median by calls per second is
 * printed, as one JSON line.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.capnp-c.h"

enum { MAX_ROUNDS = 99 };

struct options {
        double seconds;
        int rounds, server_pid;
        const char *name, *address;
};

/* What one round measured. */
struct round {
        uint64_t calls;
        double wall_s, client_cpu_s, server_cpu_s;
};

/* Keeps calls of one kind in flight until the time is over. */
struct load {
        capnp_vat *vat;
        echo_client echo;
        void (*start)(struct load *l);
        uint64_t calls;
        double end;
        int open, failed;
        bool over;
};

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

/* CPU seconds of all threads of a process, from the scheduler's nanoseconds; 0 if there is none. */
static double process_cpu(int pid)
{
        struct dirent *e;
        double sum = 0;
        char path[64];
        DIR *dir;

        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        dir = pid ? opendir(path) : NULL;
        while (dir && (e = readdir(dir)))
                sum += task_cpu(pid, e->d_name);
        if (dir)
                closedir(dir);
        return sum;
}

/* ---- the loads ------------------------------------------------------------------------------ */

/* Counts a call; looks at the clock now and then only, which is not what is measured. */
static bool load_next(struct load *l)
{
        l->calls++;
        if ((l->calls & 15) == 0 && wall_now() >= l->end)
                l->over = true;
        return !l->over;
}

static void load_done(capnp_question *q, int r, void *arg)
{
        struct load *l = arg;

        capnp_question_free(q);
        l->failed += r != 0;
        if (load_next(l) && !r)
                l->start(l);
        else if (--l->open == 0)
                capnp_vat_stop(l->vat);
}

static void null_start(struct load *l)
{
        capnp_question_send(echo_null(l->echo), load_done, l);
}

static void echo_start(struct load *l)
{
        capnp_question *q = echo_echo(l->echo);

        memset(echo_echo_init_x(q, 1024), 'e', 1024);
        capnp_question_send(q, load_done, l);
}

static void push_done(capnp_question *q, int r, void *arg)
{
        struct load *l = arg;

        capnp_question_free(q);
        l->failed += r != 0;
        l->open--;
        capnp_vat_stop(l->vat);
}

static void push_ready(void *arg);

static void push_start(struct load *l)
{
        int r = 0;

        while (!r && load_next(l)) {
                capnp_question *q = echo_push(l->echo);

                memset(echo_push_init_x(q, 4096), 'p', 4096);
                r = capnp_question_stream(q, push_ready, l);
        }

        if (r != CAPNP_E_LIMIT)
                capnp_question_send(echo_done(l->echo), push_done, l);
}

static void push_ready(void *arg)
{
        push_start(arg);
}

/* ---- figures -------------------------------------------------------------------------------- */

static struct round measure(capnp_vat *vat, echo_client echo, void (*start)(struct load *l),
                            int in_flight, const struct options *o)
{
        struct load l = {.vat = vat, .echo = echo, .start = start, .open = in_flight};
        double wall = wall_now(), client = own_cpu(), server = process_cpu(o->server_pid);
        int i;

        l.end = wall + o->seconds;
        for (i = 0; i < in_flight; i++)
                start(&l);
        if (capnp_vat_run(vat) || l.failed) {
                fprintf(stderr, "bench-client: calls failed\n");
                exit(1);
        }

        return (struct round){l.calls, wall_now() - wall, own_cpu() - client,
                              process_cpu(o->server_pid) - server};
}

static int round_compare(const void *a, const void *b)
{
        const struct round *x = a, *y = b;
        double dx = (double)x->calls / x->wall_s, dy = (double)y->calls / y->wall_s;

        return (dx > dy) - (dx < dy);
}

static void figure(capnp_vat *vat, echo_client echo, const char *what,
                   void (*start)(struct load *l), int in_flight, const struct options *o)
{
        struct round rounds[MAX_ROUNDS], *r;
        double us;
        int i;

        (void)measure(vat, echo, start, in_flight, o); /* warms up */
        for (i = 0; i < o->rounds; i++)
                rounds[i] = measure(vat, echo, start, in_flight, o);
        qsort(rounds, (size_t)o->rounds, sizeof(*rounds), round_compare);
        r = &rounds[o->rounds / 2];
        us = 1e6 / (double)r->calls;
        printf("{\"bench\":\"rpc\",\"name\":\"%s\",\"what\":\"%s\",\"in_flight\":%d,"
               "\"calls\":%" PRIu64 ",\"calls_per_s\":%.0f,\"wall_us\":%.3f,"
               "\"client_cpu_us\":%.3f",
               o->name, what, in_flight, r->calls, (double)r->calls / r->wall_s, r->wall_s * us,
               r->client_cpu_s * us);
        if (o->server_pid)
                printf(",\"server_cpu_us\":%.3f", r->server_cpu_s * us);
        printf("}\n");
        fflush(stdout);
}

static bool options_parse(struct options *o, int argc, char **argv)
{
        int i;

        for (i = 1; i < argc; i++) {
                bool more = i + 1 < argc;

                if (!strcmp(argv[i], "--seconds") && more)
                        o->seconds = strtod(argv[++i], NULL);
                else if (!strcmp(argv[i], "--rounds") && more)
                        o->rounds = (int)strtol(argv[++i], NULL, 10);
                else if (!strcmp(argv[i], "--server-pid") && more)
                        o->server_pid = (int)strtol(argv[++i], NULL, 10);
                else if (!strcmp(argv[i], "--name") && more)
                        o->name = argv[++i];
                else if (argv[i][0] == '-' || o->address)
                        return false;
                else
                        o->address = argv[i];
        }

        return o->address && o->rounds > 0 && o->rounds <= MAX_ROUNDS && o->seconds > 0;
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *cap = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *first = NULL;
        struct options o = {.seconds = 0.4, .rounds = 5, .name = "capos"};
        echo_client echo;

        if (!options_parse(&o, argc, argv)) {
                fprintf(stderr,
                        "usage: %s [--seconds S] [--rounds N] [--server-pid PID] [--name TEXT] "
                        "unix:/path | HOST:PORT\n",
                        argv[0]);
                return 2;
        }

        if (capnp_vat_new(&vat) || capnp_vat_connect(vat, o.address, NULL, &cap))
                return 1;

        echo.c = cap;
        first = echo_null(echo);
        if (capnp_question_wait(first)) {
                fprintf(stderr, "bench-client: %s\n", capnp_question_exception(first).reason);
                return 1;
        }

        figure(vat, echo, "null", null_start, 1, &o);
        figure(vat, echo, "null", null_start, 64, &o);
        figure(vat, echo, "null", null_start, 1024, &o);
        figure(vat, echo, "echo-1k", echo_start, 64, &o);
        figure(vat, echo, "push-4k", push_start, 1, &o);
        return 0;
}
