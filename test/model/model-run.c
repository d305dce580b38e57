/*
 * A run: epochs of acts, each in a world of its own, all in a child process.
 *
 * The acts of the epoch are in memory that the parent sees too. When the child dies, the parent
 * leaves out acts for as long as the rest still fails in the same way, and prints what is left as
 * a TEST.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

enum { REPLAY_S = 20, MOST_EPOCH = 4000 };

/* Of the leak sanitizer, when there is one. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

void model_check_leaks(void)
{
        if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
                abort();
}

void model_epoch(const struct model_run *run, struct source *s, struct model_log *log)
{
        uint32_t most = run->epoch ? run->epoch : 20 + source_pick(s, MOST_EPOCH);
        unsigned mode = run->mode < 0 ? source_pick(s, 2 * (MODE_BITS + 1)) : (unsigned)run->mode;
        struct world *w = world_new(run->vats);

        /* Half of all epochs are without any of it, when the mode is open. */
        if (run->mode < 0)
                mode = mode > MODE_BITS ? MODE_PLAIN : mode;
        if (most > log->room)
                most = log->room;
        w->streams = mode & MODE_STREAMS;
        w->writers = mode & MODE_WRITERS;
        w->pace = 8 + source_pick(s, 48);
        w->check_each = run->check_each ? run->check_each : 1;
        log->vats = run->vats;
        log->crash = false;
        log->n = 0;
        while (log->n < most && !(s->bytes && s->left == 0)) {
                model_choose(w, s, mode, &log->acts[log->n]);
                log->n++;
                model_play(w, &log->acts[log->n - 1]);
        }

        log->crash = mode & MODE_CLOSE && source_pick(s, 2);
        if (log->crash)
                world_crash(w);
        else
                world_drain(w);
        world_free(w);
}

void model_replay(uint32_t vats, bool crash, const struct model_act *acts, size_t n)
{
        struct world *w = world_new(vats);

        for (size_t i = 0; i < n; i++)
                model_play(w, &acts[i]);
        if (crash)
                world_crash(w);
        else
                world_drain(w);
        world_free(w);
}

void model_print(const struct model_log *log, FILE *to)
{
        fprintf(to, "TEST(acts_from_%llu)\n{\n        static const struct model_act ACTS[] = {\n",
                (unsigned long long)log->begun);
        for (uint32_t i = 0; i < log->n; i++) {
                fputs("                ", to);
                model_print_act(&log->acts[i], to);
                fputs(",\n", to);
        }
        fprintf(to, "        };\n\n        model_replay(%u, %s, ACTS, ", log->vats,
                log->crash ? "true" : "false");
        fputs("sizeof(ACTS) / sizeof(ACTS[0]));\n}\n", to);
}

/* ---- making a failure small ----------------------------------------------------------------- */

static struct model_log *run_log;

static void run_on_fail(struct world *w, int line)
{
        (void)w;
        run_log->line = line;
}

static double now_s(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How a child ended: 0, or the same number for the same failure. */
static int child_wait(pid_t pid)
{
        int status = 0;

        while (waitpid(pid, &status, 0) < 0)
                ;
        if (status == 0)
                return 0;

        return run_log->line * 1000 + (WIFSIGNALED(status) ? WTERMSIG(status) : 500);
}

static int shrink_try(const struct model_log *log, const struct model_act *acts, uint32_t n)
{
        pid_t pid;

        run_log->line = 0;
        fflush(NULL);
        pid = fork();
        if (pid == 0) {
                if (!getenv("MODEL_VERBOSE") && !freopen("/dev/null", "w", stderr))
                        abort();
                alarm(REPLAY_S);
                model_replay(log->vats, log->crash, acts, n);
                model_check_leaks();
                _exit(0);
        }

        return child_wait(pid);
}

/* Leaves out pieces of a size wherever the rest fails as before; whether any could be. */
static bool shrink_by(struct model_log *log, uint32_t size, int failure, double until)
{
        struct model_act *rest = calloc(log->n, sizeof(*rest));
        bool shrunk = false;

        if (!rest)
                abort();
        for (uint32_t at = 0; at < log->n && now_s() < until;) {
                uint32_t gone = log->n - at < size ? log->n - at : size, n = log->n - gone;

                memcpy(rest, log->acts, at * sizeof(*rest));
                memcpy(rest + at, log->acts + at + gone, (n - at) * sizeof(*rest));
                if (shrink_try(log, rest, n) != failure) {
                        at += size;
                        continue;
                }
                memcpy(log->acts, rest, n * sizeof(*rest));
                log->n = n;
                shrunk = true;
        }

        free(rest);
        return shrunk;
}

/* Makes what is left plainer: operands that do not matter become 0. */
static void shrink_operands(struct model_log *log, int failure, double until)
{
        for (uint32_t i = 0; i < log->n && now_s() < until; i++) {
                struct model_act *act = &log->acts[i];
                uint32_t *operand[] = {&act->with[0], &act->with[1], &act->with[2], &act->how};

                for (unsigned k = 0; k < 4; k++) {
                        uint32_t old = *operand[k];

                        *operand[k] = 0;
                        if (old && shrink_try(log, log->acts, log->n) != failure)
                                *operand[k] = old;
                }
        }
}

static void shrink(struct model_log *log, unsigned seconds)
{
        int failure = shrink_try(log, log->acts, log->n);
        double until = now_s() + seconds;
        bool again = true;

        if (!failure) {
                fprintf(stderr, "model: the epoch alone does not fail; nothing is shortened\n");
                return;
        }

        while (again && now_s() < until) {
                again = false;
                for (uint32_t size = log->n / 2; size > 0; size /= 2)
                        again |= shrink_by(log, size, failure, until);
                if (!again || log->n < 64)
                        shrink_operands(log, failure, until);
        }
}

/* ---- the run -------------------------------------------------------------------------------- */

static void run_child(const struct model_run *run, struct model_log *log)
{
        struct source s = {.state = run->seed * 0x9e3779b97f4a7c15 + 0x1234567};
        unsigned epochs = 0;

        for (log->begun = 0; log->begun < run->acts; log->begun += log->n) {
                model_epoch(run, &s, log);
                if (++epochs % 8 == 0)
                        model_check_leaks();
        }
        model_check_leaks();
        _exit(0);
}

int model_run(const struct model_run *run)
{
        uint32_t room = run->epoch > MOST_EPOCH ? run->epoch : MOST_EPOCH + 20;
        size_t size = sizeof(*run_log) + room * sizeof(run_log->acts[0]);
        pid_t pid;
        int r;

        run_log = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (run_log == MAP_FAILED)
                return -1;

        run_log->room = room;
        model_on_fail = run_on_fail;
        fflush(NULL);
        pid = fork();
        if (pid == 0)
                run_child(run, run_log);
        r = child_wait(pid);
        if (r) {
                fprintf(stderr, "model: seed %llu failed (%d) at act %llu, %u in its epoch\n",
                        (unsigned long long)run->seed, r,
                        (unsigned long long)(run_log->begun + run_log->n), run_log->n);
                shrink(run_log, run->shrink_s);
                model_print(run_log, stderr);
        }
        munmap(run_log, size);
        return r ? 1 : 0;
}
