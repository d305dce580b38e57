/*
 * conf-driver: runs every semantic of test/peers/conf.capnp against whatever server listens at an
 * address, with our library as the client.
 *
 * It is the counterpart of test/interop/conf/conf-driver.c++, with the same names for the same
 * cases, and knows nothing about the server but its address and the comments in conf.capnp.
 *
 * Usage: conf-driver [--reference] [--list] [--only TEXT] [--case NAME]... ADDRESS
 *
 * Each case runs in a child process with a deadline, so a hang or a crash is one failed case and
 * not the end of the run. Output: `ok NAME`, `not ok NAME - why`, `skip NAME - why`, and
 * `N passed, N failed` as the last line. --reference skips what the C++ server cannot satisfy.
 */
#include "conf-driver.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DEADLINE_S = 30 };

/* What a child leaves behind for its parent. */
struct report {
        char step[256];
        char why[512];
};

static struct conf_case *cases, **cases_end = &cases;
static struct report *report;

void case_register(struct conf_case *c)
{
        *cases_end = c;
        cases_end = &c->next;
}

void case_fail(int line, const char *fmt, ...)
{
        char text[400];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        snprintf(report->why, sizeof(report->why), "line %d: %s", line, text);
        _exit(1);
}

void case_step(int line, const char *text)
{
        snprintf(report->step, sizeof(report->step), "line %d: %s", line, text);
}

uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the pool ------------------------------------------------------------------------------- */

static void *grown(void *p, size_t n, size_t size)
{
        if (n & (n - 1)) /* room is a power of two */
                return p;

        p = realloc(p, (n ? 2 * n : 1) * size);
        if (!p)
                case_fail(__LINE__, "out of memory");
        return p;
}

capnp_question *env_keep(struct env *e, int line, capnp_question *q)
{
        if (!q)
                case_fail(line, "no question: no memory, or a null target");

        e->questions = grown(e->questions, e->nquestions, sizeof(q));
        e->questions[e->nquestions++] = q;
        return q;
}

void env_drop(struct env *e, capnp_question *q)
{
        size_t i = e->nquestions;

        while (i && e->questions[i - 1] != q)
                i--;
        if (!i)
                case_fail(__LINE__, "this question is not in the pool");

        memmove(e->questions + i - 1, e->questions + i, (e->nquestions - i) * sizeof(q));
        e->nquestions--;
        capnp_question_free(q);
}

capnp_cap *env_own(struct env *e, capnp_cap *c)
{
        e->caps = grown(e->caps, e->ncaps, sizeof(c));
        e->caps[e->ncaps++] = c;
        return c;
}

capnp_cap *env_hold(struct env *e, capnp_cap *c)
{
        return env_own(e, capnp_cap_ref(c));
}

void env_drop_cap(struct env *e, capnp_cap *c)
{
        size_t i = e->ncaps;

        while (i && e->caps[i - 1] != c)
                i--;
        if (!i)
                case_fail(__LINE__, "this reference is not in the pool");

        memmove(e->caps + i - 1, e->caps + i, (e->ncaps - i) * sizeof(c));
        e->ncaps--;
        capnp_cap_unref(c);
}

static void env_deinit(struct env *e)
{
        while (e->nquestions)
                capnp_question_free(e->questions[--e->nquestions]);
        while (e->ncaps)
                capnp_cap_unref(e->caps[--e->ncaps]);
        free(e->questions);
        free(e->caps);
        e->vat = capnp_vat_free(e->vat);
}

/* ---- waiting -------------------------------------------------------------------------------- */

capnp_question *env_send(struct env *e, int line, const char *text, capnp_question *q)
{
        case_step(line, text);
        capnp_question_send(env_keep(e, line, q), NULL, NULL);
        return q;
}

capnp_question *env_wait(struct env *e, int line, const char *text, capnp_question *q)
{
        capnp_exception why;
        int r;

        (void)e;
        case_step(line, text);
        r = capnp_question_wait(q);
        why = capnp_question_exception(q);
        if (r)
                case_fail(line, "%s failed: %s: %s", text, capnp_strerror(r), why.reason);
        return q;
}

void env_fails(struct env *e, int line, const char *text, capnp_question *q, int kind,
               const char *reason)
{
        capnp_exception why;
        int r;

        (void)e;
        case_step(line, text);
        r = capnp_question_wait(q);
        why = capnp_question_exception(q);
        if (!r)
                case_fail(line, "%s should have failed", text);
        if (r != CAPNP_E_EXCEPTION && r != CAPNP_E_DISCONNECTED)
                case_fail(line, "%s failed by itself: %s", text, capnp_strerror(r));
        if (kind != ANY_KIND && (int)why.kind != kind)
                case_fail(line, "exception of kind %d, expected %d: %s", (int)why.kind, kind,
                          why.reason);
        if (!strstr(why.reason, reason))
                case_fail(line, "reason '%s' does not contain '%s'", why.reason, reason);
}

static void env_stop(void *arg)
{
        capnp_vat_stop(arg);
}

void env_run(struct env *e)
{
        if (capnp_vat_run(e->vat))
                case_fail(__LINE__, "the loop is broken");
}

void env_sleep(struct env *e, uint32_t ms)
{
        if (capnp_timer_new(e->vat, ms, env_stop, e->vat, NULL))
                case_fail(__LINE__, "no timer");
        env_run(e);
}

/* ---- connections ---------------------------------------------------------------------------- */

conf_client env_connect(struct env *e)
{
        capnp_cap *c = NULL;
        int r = capnp_vat_connect(e->vat, e->address, NULL, &c);

        if (r)
                case_fail(__LINE__, "connect: %s", capnp_strerror(r));
        return (conf_client){env_own(e, c)};
}

static int connect_unix(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        return connect(fd, (struct sockaddr *)&a, sizeof(a)) ? -1 : fd;
}

static int connect_tcp(const char *address)
{
        const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
        const char *colon = strrchr(address, ':');
        struct addrinfo *found = NULL;
        char host[256];
        int fd;

        if (!colon)
                return -1;

        snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
        if (getaddrinfo(host, colon + 1, &want, &found))
                return -1;

        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, found->ai_addr, found->ai_addrlen)) {
                close(fd);
                fd = -1;
        }
        freeaddrinfo(found);
        return fd;
}

struct link link_open(struct env *e)
{
        bool is_unix = !strncmp(e->address, "unix:", 5);
        int fd = is_unix ? connect_unix(e->address + 5) : connect_tcp(e->address);
        struct link l = {0};

        if (fd < 0 || capnp_conn_new(e->vat, fd, NULL, NULL, &l.conn) ||
            capnp_rpc_bootstrap(capnp_conn_rpc(l.conn), &l.conf.c))
                case_fail(__LINE__, "no connection: %s", strerror(errno));

        env_own(e, l.conf.c);
        return l;
}

void link_close(struct env *e, struct link *l)
{
        (void)e;
        capnp_conn_close(l->conn, (capnp_exception){CAPNP_DISCONNECTED, "closed by the case"});
        l->conn = capnp_conn_unref(l->conn);
}

/* ---- several questions ---------------------------------------------------------------------- */

void batch_add(struct batch *b, capnp_question *q)
{
        b->q = grown(b->q, b->n, sizeof(q));
        b->q[b->n++] = q;
}

void batch_wait(struct env *e, int line, struct batch *b)
{
        size_t i;

        for (i = 0; i < b->n; i++)
                env_wait(e, line, "one of many", b->q[i]);
}

void batch_free(struct batch *b)
{
        free(b->q);
        *b = (struct batch){0};
}

/* ---- calls that many cases make ------------------------------------------------------------- */

capnp_question *inc_question(counter_client c, uint64_t by)
{
        capnp_question *q = counter_inc(c);

        counter_inc_set_by(q, by);
        return q;
}

capnp_question *make_counter_question(conf_client conf, uint64_t start)
{
        capnp_question *q = conf_make_counter(conf);

        conf_make_counter_set_start(q, start);
        return q;
}

counter_client make_counter(struct env *e, conf_client conf, uint64_t start)
{
        capnp_question *q = OK(make_counter_question(conf, start));
        counter_client c = {env_hold(e, conf_make_counter_c(q).c)};

        env_drop(e, q);
        return c;
}

uint32_t live(struct env *e, conf_client conf)
{
        capnp_question *q = OK(conf_live_counters(conf));
        uint32_t n = conf_live_counters_n(q);

        env_drop(e, q);
        return n;
}

uint32_t live_settled(struct env *e, conf_client conf)
{
        uint32_t n = live(e, conf);

        for (int i = 0; i < 100 && n; i++) {
                env_sleep(e, 20);
                n = live(e, conf);
        }
        return n;
}

uint32_t canceled(struct env *e, conf_client conf)
{
        return conf_cancel_count_n(OK(conf_cancel_count(conf)));
}

uint32_t null_call(struct env *e, conf_client conf)
{
        OK(conf_null(conf));
        return 0;
}

conf_client fresh(struct env *e, conf_client conf)
{
        capnp_question *q = OK(conf_fresh(conf));
        conf_client c = {env_hold(e, conf_fresh_c(q).c)};

        env_drop(e, q);
        return c;
}

void hold(struct env *e, conf_client conf, counter_client c)
{
        capnp_question *q = KEEP(conf_hold(conf));

        conf_hold_set_cap(q, c);
        WAIT(q);
        env_drop(e, q);
}

counter_client held(struct env *e, conf_client conf)
{
        capnp_question *q = OK(conf_get_held(conf));
        counter_client c = {env_hold(e, conf_get_held_cap(q).c)};

        env_drop(e, q);
        return c;
}

void drop_held(struct env *e, conf_client conf)
{
        OK(conf_drop_held(conf));
}

capnp_question *echo_cap_question(conf_client conf, counter_client c)
{
        capnp_question *q = conf_echo_cap(conf);

        conf_echo_cap_set_cap(q, c);
        return q;
}

capnp_question *echo_cap_later_question(conf_client conf, counter_client c, uint32_t ms)
{
        capnp_question *q = conf_echo_cap_later(conf);

        conf_echo_cap_later_set_cap(q, c);
        conf_echo_cap_later_set_delay_ms(q, ms);
        return q;
}

capnp_question *delayed_add_question(conf_client conf, int32_t a, int32_t b, uint32_t ms)
{
        capnp_question *q = conf_delayed_add(conf);

        conf_delayed_add_set_a(q, a);
        conf_delayed_add_set_b(q, b);
        conf_delayed_add_set_delay_ms(q, ms);
        return q;
}

/* ---- objects that a case serves ------------------------------------------------------------- */

static void local_counter_gone(void *self)
{
        ((struct watch *)self)->gone = true;
}

static int local_counter_inc(void *self, capnp_answer *a)
{
        struct watch *w = self;
        uint64_t by = counter_inc_param_by(a);

        if (w->n < MAX_ORDER)
                w->order[w->n] = by;
        w->n++;
        w->value += by;
        counter_inc_results_set_value(a, w->value);
        return capnp_answer_return(a);
}

static int local_counter_get(void *self, capnp_answer *a)
{
        counter_get_results_set_value(a, ((struct watch *)self)->value);
        return capnp_answer_return(a);
}

const struct counter_ops local_counter_ops = {
        .gone = local_counter_gone,
        .inc = local_counter_inc,
        .get = local_counter_get,
};

counter_client local_counter(struct env *e, struct watch *w)
{
        capnp_cap *c = NULL;

        if (counter_serve(e->vat, &local_counter_ops, w, &c))
                case_fail(__LINE__, "out of memory");
        return (counter_client){env_own(e, c)};
}

bool is_local(counter_client c, const struct watch *w)
{
        return capnp_cap_self_peek(c.c, &local_counter_ops) == w;
}

void check_order(int line, const struct watch *w, size_t count)
{
        size_t i;

        if (w->n != count)
                case_fail(line, "%zu calls arrived, expected %zu", w->n, count);

        for (i = 0; i < count; i++)
                if (w->order[i] != i)
                        case_fail(line, "call %zu to arrive was number %" PRIu64 " to be made", i,
                                  w->order[i]);
}

static void local_callee_canceled(capnp_answer *a, void *arg)
{
        struct callee_watch *w = arg;

        w->canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int local_callee_foo(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct callee_watch *w = self;
        uint32_t i = callee_foo_param_i(a);

        w->calls++;
        if (w->fail)
                return capnp_answer_fail(a, CAPNP_FAILED, "callee fails");
        if (w->hang)
                return capnp_answer_keep(a, local_callee_canceled, w);

        w->counter.value = i;
        if (counter_serve(w->vat, &local_counter_ops, &w->counter, &c))
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");

        callee_foo_results_set_i(a, i + 1);
        callee_foo_results_set_self(a, (counter_client){c});
        return capnp_answer_return(a);
}

static const struct callee_ops local_callee_ops = {.foo = local_callee_foo};

callee_client local_callee(struct env *e, struct callee_watch *w)
{
        capnp_cap *c = NULL;

        w->vat = e->vat;
        if (callee_serve(e->vat, &local_callee_ops, w, &c))
                case_fail(__LINE__, "out of memory");
        return (callee_client){env_own(e, c)};
}

capnp_question *tail_question(conf_client conf, callee_client callee, uint32_t i)
{
        capnp_question *q = conf_tail(conf);

        conf_tail_set_callee(q, callee);
        conf_tail_set_i(q, i);
        return q;
}

/* ---- the runner ----------------------------------------------------------------------------- */

enum { CASES_NAMED = 64 };

struct options {
        bool reference, list;
        const char *only, *address;
        const char *named[CASES_NAMED]; /* these only; none: all */
        unsigned nnamed;
};

static void case_child(const struct conf_case *c, const char *address)
{
        struct env e = {.address = address};

        alarm(DEADLINE_S);
        if (capnp_vat_new(&e.vat))
                case_fail(__LINE__, "no vat");

        c->run(&e);
        case_step(__LINE__, "the end of the vat");
        env_deinit(&e);
        exit(0); /* and a leak checker has its say */
}

static bool case_run(const struct conf_case *c, const char *name, const char *address)
{
        int status = 0;
        pid_t pid;

        memset(report, 0, sizeof(*report));
        fflush(stdout);
        pid = fork();
        if (pid == 0)
                case_child(c, address);
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                return printf("not ok %s - no child\n", name), false;

        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
                printf("not ok %s - no end within %d s, at %s\n", name, DEADLINE_S, report->step);
        else if (WIFSIGNALED(status))
                printf("not ok %s - died of signal %d, at %s\n", name, WTERMSIG(status),
                       report->step);
        else if (WEXITSTATUS(status))
                printf("not ok %s - %s\n", name,
                       report->why[0] ? report->why : "it failed after its end (a leak?)");
        else
                printf("ok %s\n", name);
        return status == 0;
}

static bool options_parse(struct options *o, int argc, char **argv)
{
        int i;

        for (i = 1; i < argc; i++) {
                if (!strcmp(argv[i], "--reference"))
                        o->reference = true;
                else if (!strcmp(argv[i], "--list"))
                        o->list = true;
                else if (!strcmp(argv[i], "--only") && i + 1 < argc)
                        o->only = argv[++i];
                else if (!strcmp(argv[i], "--case") && i + 1 < argc && o->nnamed < CASES_NAMED)
                        o->named[o->nnamed++] = argv[++i];
                else if (argv[i][0] == '-' || o->address)
                        return false;
                else
                        o->address = argv[i];
        }

        return o->list || o->address;
}

static bool case_wanted(const struct options *o, const char *name)
{
        bool found = !o->nnamed;

        for (unsigned i = 0; i < o->nnamed && !found; i++)
                found = !strcmp(o->named[i], name);
        return found && (!o->only || strstr(name, o->only));
}

/* The name as it is printed: with dashes. */
static void case_name(const struct conf_case *c, char name[100])
{
        size_t i;

        snprintf(name, 100, "%s", c->name);
        for (i = 0; name[i]; i++)
                if (name[i] == '_')
                        name[i] = '-';
}

int main(int argc, char **argv)
{
        struct options o = {0};
        unsigned passed = 0, failed = 0;
        const struct conf_case *c;
        char name[100];

        if (!options_parse(&o, argc, argv)) {
                fprintf(stderr,
                        "usage: %s [--reference] [--list] [--only TEXT] [--case NAME]... ADDRESS\n",
                        argv[0]);
                return 2;
        }

        report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        if (report == MAP_FAILED)
                return 2;

        for (c = cases; c; c = c->next) {
                case_name(c, name);
                if (!case_wanted(&o, name))
                        continue;
                if (o.list)
                        printf("%s\n", name);
                else if (o.reference && c->reference_skip)
                        printf("skip %s - %s\n", name, c->reference_skip);
                else if (case_run(c, name, o.address))
                        passed++;
                else
                        failed++;
        }

        if (!o.list)
                printf("%u passed, %u failed\n", passed, failed);
        return failed ? 1 : 0;
}
