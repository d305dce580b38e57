/*
 * conf-server: the Conf interface of test/peers/conf.capnp, on our library.
 *
 * Drivers in any language run against it, so each method does what the comments of the schema say
 * and nothing else; where these leave a choice, the reference server in test/interop/conf decides.
 *
 * Usage: conf-server unix:/path | HOST:PORT      (prints `ready` once it listens)
 *
 * Every connection gets the same Conf object, so what is held for one is found by another. fresh()
 * makes an object with a state of its own. A method that answers later keeps its answer in a
 * struct delay (a timer) or a struct gather (calls of ours that are open); both stand in a list of
 * the server, so that nothing is left when it ends. A canceled answer is ended at once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "conf.capnp-c.h"

/*
 * How many calls callBack and sumAll have open at a time: a caller may ask for four billion. All
 * gathers together have so many, and each of them may have one more, so that it comes to an end.
 */
enum { GATHER_WINDOW = 16, GATHER_ALL = 1024 };

/* Undecided promises: they stay until their time comes, also when nobody holds them any more. So
 * do the reasons that they are going to be broken with. */
enum { MAX_PROMISES = 16384, MAX_REASONS = 1 << 20 };

struct delay;
struct state;

struct server {
        capnp_vat *vat;
        struct delay *delays;
        uint32_t promises; /* undecided ones of ours */
        uint64_t reasons;  /* bytes of text in delays */
        uint32_t gathered; /* open calls of all gathers */
        capnp_cap *conf;   /* what each connection gets */
};

/* One Conf object and what it made share this. */
struct state {
        struct server *server;
        capnp_cap *self; /* borrowed: valid while a method of the object runs */
        uint32_t refs;
        uint32_t live;     /* counters of makeCounter that exist */
        uint32_t canceled; /* hanging calls that were given up */
        capnp_cap *held;
        uint64_t stream_bytes;
        uint32_t stream_calls;
        bool poisoned;
};

static void state_unref(struct state *s)
{
        if (--s->refs > 0)
                return;

        capnp_cap_unref(s->held);
        free(s);
}

static int state_new(struct server *server, capnp_cap **ret_c);

/* ---- counters ------------------------------------------------------------------------------- */

struct counter {
        struct state *owner; /* NULL: nobody counts it */
        uint64_t value;
        char name[]; /* of a Derived */
};

static void counter_gone(void *self)
{
        struct counter *c = self;

        if (c->owner) {
                c->owner->live--;
                state_unref(c->owner);
        }
        free(c);
}

static int counter_on_inc(void *self, capnp_answer *a)
{
        struct counter *c = self;

        c->value += counter_inc_param_by(a);
        counter_inc_results_set_value(a, c->value);
        return capnp_answer_return(a);
}

static int counter_on_get(void *self, capnp_answer *a)
{
        struct counter *c = self;

        counter_get_results_set_value(a, c->value);
        return capnp_answer_return(a);
}

static int derived_on_name(void *self, capnp_answer *a)
{
        struct counter *c = self;

        derived_name_results_set_name(a, c->name);
        return capnp_answer_return(a);
}

static const struct counter_ops counter_ops = {
        .gone = counter_gone,
        .inc = counter_on_inc,
        .get = counter_on_get,
};

static const struct derived_ops derived_ops = {
        .gone = counter_gone,
        .name = derived_on_name,
        .counter = {.inc = counter_on_inc, .get = counter_on_get},
};

static int counter_new(capnp_vat *v, struct state *owner, uint64_t start, capnp_cap **ret_c)
{
        struct counter *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -1;

        c->value = start;
        r = counter_serve(v, &counter_ops, c, ret_c);
        if (r) {
                free(c);
                return r;
        }

        if (owner) {
                c->owner = owner;
                owner->refs++;
                owner->live++;
        }
        return 0;
}

static int derived_new(capnp_vat *v, capnp_text name, capnp_cap **ret_c)
{
        struct counter *c = calloc(1, sizeof(*c) + name.len + 1);
        int r;

        if (!c)
                return -1;

        if (name.len)
                memcpy(c->name, name.p, name.len);
        r = derived_serve(v, &derived_ops, c, ret_c);
        if (r)
                free(c);
        return r;
}

/* ---- what happens later --------------------------------------------------------------------- */

/* Something a method leaves for later: ends an answer or decides a promise. */
struct delay {
        struct delay *next, **link;
        struct server *server;
        capnp_timer *timer;
        capnp_answer *answer;
        capnp_promise *promise;
        void (*fire)(struct delay *d);
        uint32_t len; /* of the reason */
        char reason[];
};

static struct delay *delay_new(struct server *s, void (*fire)(struct delay *d), capnp_text reason)
{
        struct delay *d = calloc(1, sizeof(*d) + reason.len + 1);

        if (!d)
                return NULL;

        d->server = s;
        d->fire = fire;
        d->len = reason.len;
        s->reasons += d->len;
        if (reason.len)
                memcpy(d->reason, reason.p, reason.len);
        d->next = s->delays;
        d->link = &s->delays;
        if (d->next)
                d->next->link = &d->next;
        s->delays = d;
        return d;
}

static void delay_free(struct delay *d)
{
        if (d->promise) {
                d->server->promises--;
                capnp_promise_resolve(d->promise, NULL);
        }
        *d->link = d->next;
        if (d->next)
                d->next->link = d->link;
        d->timer = capnp_timer_free(d->timer);
        d->server->reasons -= d->len;
        free(d);
}

static void delay_due(void *arg)
{
        struct delay *d = arg;

        d->timer = NULL;
        d->fire(d);
        delay_free(d);
}

static void delay_end(struct delay *d)
{
        if (d->answer)
                (void)capnp_answer_fail(d->answer, CAPNP_FAILED, "canceled");
        delay_free(d);
}

static void delay_canceled(capnp_answer *a, void *arg)
{
        (void)a;
        delay_end(arg);
}

/* Keeps an answer for a while. */
static int delay_answer(struct server *s, capnp_answer *a, uint32_t ms,
                        void (*fire)(struct delay *d))
{
        struct delay *d = delay_new(s, fire, (capnp_text){NULL, 0});

        if (!d || capnp_timer_new(s->vat, ms, delay_due, d, &d->timer)) {
                if (d)
                        delay_free(d);
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        }

        d->answer = a;
        return capnp_answer_keep(a, delay_canceled, d);
}

/* Makes a promise that is decided after a while. */
static int delay_promise(struct delay *d, uint32_t ms, capnp_cap **ret_c)
{
        if (!d)
                return -1;

        if (d->server->promises >= MAX_PROMISES || d->server->reasons > MAX_REASONS ||
            capnp_promise_new(d->server->vat, &d->promise, ret_c)) {
                delay_free(d);
                return -1;
        }

        d->server->promises++;

        if (capnp_timer_new(d->server->vat, ms, delay_due, d, &d->timer)) {
                *ret_c = capnp_cap_unref(*ret_c);
                delay_free(d);
                return -1;
        }

        return 0;
}

/* ---- several calls of ours whose results are added up --------------------------------------- */

struct gather {
        struct server *server;
        capnp_answer *answer;
        capnp_list caps;
        capnp_question *(*ask)(struct gather *g, uint32_t i); /* NULL: nothing to ask */
        uint64_t (*read)(capnp_question *q);
        int (*finish)(capnp_answer *a, uint64_t sum);
        uint32_t next, n, open;
        uint64_t sum;
        capnp_question *q[GATHER_WINDOW];
};

static void gather_done(capnp_question *q, int r, void *arg);

static void gather_drop_open(struct gather *g)
{
        uint32_t i;

        for (i = 0; i < GATHER_WINDOW; i++)
                g->q[i] = capnp_question_free(g->q[i]);
        g->server->gathered -= g->open;
        g->open = 0;
}

/* Opens calls until the window is full. */
static bool gather_has_room(const struct gather *g)
{
        return g->open < GATHER_WINDOW && (!g->open || g->server->gathered < GATHER_ALL);
}

static void gather_fill(struct gather *g)
{
        uint32_t slot = 0;

        while (g->next < g->n && gather_has_room(g)) {
                capnp_question *q = g->ask(g, g->next++);

                if (!q)
                        continue;

                while (g->q[slot])
                        slot++;
                g->q[slot] = q;
                g->open++;
                g->server->gathered++;
                capnp_question_send(q, gather_done, g);
        }
}

static void gather_finish_if_done(struct gather *g)
{
        if (g->open || g->next < g->n)
                return;

        (void)g->finish(g->answer, g->sum);
        free(g);
}

static void gather_done(capnp_question *q, int r, void *arg)
{
        struct gather *g = arg;
        capnp_exception why = capnp_question_exception(q);
        uint32_t slot = 0;

        if (r) {
                (void)capnp_answer_fail(g->answer, why.kind, "%s", why.reason);
                gather_drop_open(g);
                free(g);
                return;
        }

        g->sum += g->read(q);
        while (g->q[slot] != q)
                slot++;
        g->q[slot] = capnp_question_free(q);
        g->open--;
        g->server->gathered--;
        gather_fill(g);
        gather_finish_if_done(g);
}

static void gather_canceled(capnp_answer *a, void *arg)
{
        struct gather *g = arg;

        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
        gather_drop_open(g);
        free(g);
}

/* Takes plan's functions and n; the answer is kept. */
static int gather_start(capnp_answer *a, const struct gather *plan)
{
        struct gather *g = malloc(sizeof(*g));

        if (!g)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");

        *g = *plan;
        g->answer = a;
        (void)capnp_answer_keep(a, gather_canceled, g);
        gather_fill(g);
        gather_finish_if_done(g);
        return 0;
}

/* ---- plain methods -------------------------------------------------------------------------- */

static int no_memory(capnp_answer *a)
{
        return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
}

static int conf_on_null(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static int conf_on_add(void *self, capnp_answer *a)
{
        (void)self;
        conf_add_results_set_sum(a, (int64_t)conf_add_param_a(a) + conf_add_param_b(a));
        return capnp_answer_return(a);
}

static int conf_on_echo(void *self, capnp_answer *a)
{
        (void)self;
        conf_echo_results_set_x(a, conf_echo_param_x(a));
        return capnp_answer_return(a);
}

static int conf_on_echo_any(void *self, capnp_answer *a)
{
        (void)self;
        conf_echo_any_results_set_p(a, conf_echo_any_param_p(a));
        return capnp_answer_return(a);
}

static int conf_on_echo_payload(void *self, capnp_answer *a)
{
        (void)self;
        if (conf_echo_payload_param_has_p(a))
                conf_echo_payload_results_set_p(a, conf_echo_payload_param_p(a));
        return capnp_answer_return(a);
}

static int conf_on_is_null(void *self, capnp_answer *a)
{
        (void)self;
        conf_is_null_results_set_null(a, !conf_is_null_param_has_cap(a));
        return capnp_answer_return(a);
}

static int conf_on_fail(void *self, capnp_answer *a)
{
        uint16_t type = conf_fail_param_type(a);
        capnp_text reason = conf_fail_param_reason(a);

        (void)self;
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed parameters");

        return capnp_answer_fail(a, type <= 3 ? (enum capnp_kind)type : CAPNP_FAILED, "%.*s",
                                 (int)reason.len, reason.p);
}

/* ---- objects -------------------------------------------------------------------------------- */

static int conf_on_get_self(void *self, capnp_answer *a)
{
        struct state *s = self;

        conf_get_self_results_set_cap(a, (conf_client){s->self});
        return capnp_answer_return(a);
}

static int conf_on_fresh(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct state *s = self;

        if (state_new(s->server, &c))
                return no_memory(a);

        conf_fresh_results_set_c(a, (conf_client){c});
        return capnp_answer_return(a);
}

static int conf_on_make_counter(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct state *s = self;

        if (counter_new(s->server->vat, s, conf_make_counter_param_start(a), &c))
                return no_memory(a);

        conf_make_counter_results_set_c(a, (counter_client){c});
        return capnp_answer_return(a);
}

static int conf_on_get_derived(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct state *s = self;

        if (derived_new(s->server->vat, conf_get_derived_param_name(a), &c))
                return no_memory(a);

        conf_get_derived_results_set_d(a, (derived_client){c});
        return capnp_answer_return(a);
}

static int conf_on_live_counters(void *self, capnp_answer *a)
{
        struct state *s = self;

        conf_live_counters_results_set_n(a, s->live);
        return capnp_answer_return(a);
}

static int conf_on_echo_cap(void *self, capnp_answer *a)
{
        (void)self;
        conf_echo_cap_results_set_cap(a, conf_echo_cap_param_cap(a));
        return capnp_answer_return(a);
}

static int conf_on_hold(void *self, capnp_answer *a)
{
        capnp_cap *c = conf_hold_param_cap(a).c;
        struct state *s = self;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed parameters");

        capnp_cap_ref(c);
        capnp_cap_unref(s->held);
        s->held = c;
        return capnp_answer_return(a);
}

static int conf_on_get_held(void *self, capnp_answer *a)
{
        struct state *s = self;

        conf_get_held_results_set_cap(a, (counter_client){s->held});
        return capnp_answer_return(a);
}

static int conf_on_drop_held(void *self, capnp_answer *a)
{
        struct state *s = self;

        s->held = capnp_cap_unref(s->held);
        return capnp_answer_return(a);
}

/* ---- methods that take their time ----------------------------------------------------------- */

static void delayed_add_fire(struct delay *d)
{
        (void)conf_on_add(NULL, d->answer);
}

static int conf_on_delayed_add(void *self, capnp_answer *a)
{
        struct state *s = self;

        return delay_answer(s->server, a, conf_delayed_add_param_delay_ms(a), delayed_add_fire);
}

static void echo_cap_later_fire(struct delay *d)
{
        conf_echo_cap_later_results_set_cap(d->answer, conf_echo_cap_later_param_cap(d->answer));
        (void)capnp_answer_return(d->answer);
}

static int conf_on_echo_cap_later(void *self, capnp_answer *a)
{
        struct state *s = self;

        return delay_answer(s->server, a, conf_echo_cap_later_param_delay_ms(a),
                            echo_cap_later_fire);
}

static void promise_cap_fire(struct delay *d)
{
        capnp_cap *c = NULL;

        if (counter_new(d->server->vat, NULL, 100, &c))
                return;

        d->server->promises--;
        capnp_promise_resolve(d->promise, c);
        d->promise = NULL;
        capnp_cap_unref(c);
}

static int conf_on_get_promise_cap(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct state *s = self;
        struct delay *d = delay_new(s->server, promise_cap_fire, (capnp_text){NULL, 0});

        if (delay_promise(d, conf_get_promise_cap_param_delay_ms(a), &c))
                return no_memory(a);

        conf_get_promise_cap_results_set_c(a, (counter_client){c});
        return capnp_answer_return(a);
}

static void broken_promise_fire(struct delay *d)
{
        d->server->promises--;
        capnp_promise_break(d->promise, (capnp_exception){CAPNP_FAILED, d->reason});
        d->promise = NULL;
}

static int conf_on_get_broken_promise(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct state *s = self;
        struct delay *d =
                delay_new(s->server, broken_promise_fire, conf_get_broken_promise_param_reason(a));

        if (delay_promise(d, conf_get_broken_promise_param_delay_ms(a), &c))
                return no_memory(a);

        conf_get_broken_promise_results_set_c(a, (counter_client){c});
        return capnp_answer_return(a);
}

static void hang_canceled(capnp_answer *a, void *arg)
{
        struct state *s = arg;

        s->canceled++;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
        state_unref(s);
}

static int conf_on_hang(void *self, capnp_answer *a)
{
        struct state *s = self;

        s->refs++;
        return capnp_answer_keep(a, hang_canceled, s);
}

/* What it returns in the end is never said, but can be called. */
static int eager_on_counter(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        struct state *s = self;

        if (counter_new(s->server->vat, s, eager_counter_param_start(a), &c))
                return no_memory(a);

        eager_counter_results_set_c(a, (counter_client){c});
        capnp_answer_pipeline(a);
        s->refs++;
        return capnp_answer_keep(a, hang_canceled, s);
}

static int conf_on_cancel_count(void *self, capnp_answer *a)
{
        struct state *s = self;

        conf_cancel_count_results_set_n(a, s->canceled);
        return capnp_answer_return(a);
}

/* ---- methods that call others --------------------------------------------------------------- */

static capnp_question *call_back_ask(struct gather *g, uint32_t i)
{
        capnp_question *q = callback_call(conf_call_back_param_cb(g->answer));

        callback_call_set_i(q, i);
        return q;
}

static int call_back_finish(capnp_answer *a, uint64_t sum)
{
        conf_call_back_results_set_sum(a, sum);
        return capnp_answer_return(a);
}

static int conf_on_call_back(void *self, capnp_answer *a)
{
        uint32_t n = conf_call_back_param_n(a);
        struct state *s = self;

        if (n && !conf_call_back_param_has_cb(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the callback is null");

        return gather_start(a, &(struct gather){.server = s->server,
                                                .ask = call_back_ask,
                                                .read = callback_call_v,
                                                .finish = call_back_finish,
                                                .n = n});
}

static capnp_question *sum_all_ask(struct gather *g, uint32_t i)
{
        return counter_get(conf_sum_all_in_caps_at(g->caps, i));
}

static int sum_all_finish(capnp_answer *a, uint64_t sum)
{
        conf_sum_all_results_set_sum(a, sum);
        return capnp_answer_return(a);
}

static int conf_on_sum_all(void *self, capnp_answer *a)
{
        capnp_list caps = conf_sum_all_param_caps(a);
        struct state *s = self;

        return gather_start(a, &(struct gather){.server = s->server,
                                                .ask = sum_all_ask,
                                                .read = counter_get_value,
                                                .finish = sum_all_finish,
                                                .caps = caps,
                                                .n = caps.len});
}

static int conf_on_tail(void *self, capnp_answer *a)
{
        capnp_question *q;

        (void)self;
        if (!conf_tail_param_has_callee(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the callee is null");

        q = callee_foo(conf_tail_param_callee(a));
        callee_foo_set_i(q, conf_tail_param_i(a));
        return capnp_answer_tail(a, q);
}

/* ---- streams -------------------------------------------------------------------------------- */

static int conf_on_write(void *self, capnp_answer *a)
{
        capnp_data chunk = conf_write_param_chunk(a);
        struct state *s = self;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed parameters");

        if (chunk.len && chunk.p[0] == 0xff)
                s->poisoned = true;
        if (s->poisoned)
                return capnp_answer_fail(a, CAPNP_FAILED, "poison");

        s->stream_bytes += chunk.len;
        s->stream_calls++;
        return capnp_answer_return(a);
}

static int conf_on_finish_stream(void *self, capnp_answer *a)
{
        struct state *s = self;

        if (s->poisoned)
                return capnp_answer_fail(a, CAPNP_FAILED, "poison");

        conf_finish_stream_results_set_bytes(a, s->stream_bytes);
        conf_finish_stream_results_set_calls(a, s->stream_calls);
        s->stream_bytes = 0;
        s->stream_calls = 0;
        return capnp_answer_return(a);
}

/* ---- the object and the program ------------------------------------------------------------- */

static void conf_gone(void *self)
{
        struct state *s = self;

        s->held = capnp_cap_unref(s->held); /* perhaps a counter, which holds the state */
        state_unref(s);
}

static const struct eager_ops eager_ops = {
        .gone = conf_gone,
        .counter = eager_on_counter,
        .conf.null = conf_on_null,
        .conf.add = conf_on_add,
        .conf.echo = conf_on_echo,
        .conf.get_self = conf_on_get_self,
        .conf.make_counter = conf_on_make_counter,
        .conf.live_counters = conf_on_live_counters,
        .conf.echo_cap = conf_on_echo_cap,
        .conf.echo_cap_later = conf_on_echo_cap_later,
        .conf.call_back = conf_on_call_back,
        .conf.hold = conf_on_hold,
        .conf.get_held = conf_on_get_held,
        .conf.drop_held = conf_on_drop_held,
        .conf.get_promise_cap = conf_on_get_promise_cap,
        .conf.get_broken_promise = conf_on_get_broken_promise,
        .conf.tail = conf_on_tail,
        .conf.fail = conf_on_fail,
        .conf.hang = conf_on_hang,
        .conf.cancel_count = conf_on_cancel_count,
        .conf.write = conf_on_write,
        .conf.finish_stream = conf_on_finish_stream,
        .conf.delayed_add = conf_on_delayed_add,
        .conf.sum_all = conf_on_sum_all,
        .conf.get_derived = conf_on_get_derived,
        .conf.echo_any = conf_on_echo_any,
        .conf.echo_payload = conf_on_echo_payload,
        .conf.is_null = conf_on_is_null,
        .conf.fresh = conf_on_fresh,
};

static int state_new(struct server *server, capnp_cap **ret_c)
{
        struct state *s = calloc(1, sizeof(*s));

        if (!s)
                return -1;

        s->server = server;
        s->refs = 1;
        if (eager_serve(server->vat, &eager_ops, s, ret_c)) {
                free(s);
                return -1;
        }

        s->self = *ret_c;
        return 0;
}

static void server_stop(void *arg, uint32_t events)
{
        struct server *s = arg;

        (void)events;
        capnp_vat_stop(s->vat);
}

/* Ends the server in an orderly way when it is told to: then a leak is seen. */
static int server_watch_signals(struct server *s, capnp_watch **ret_w)
{
        sigset_t set;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return fd;

        return capnp_watch_new(s->vat, fd, EPOLLIN, server_stop, s, ret_w);
}

/* All get the same, but at a Unix socket it is ours alone. */
static capnp_cap *server_offer(void *self, const struct capnp_peer *peer)
{
        struct server *s = self;

        return peer->known && peer->uid != geteuid() ? NULL : capnp_cap_ref(s->conf);
}

static int server_run(struct server *s, const char *address)
{
        capnp_watch *watch = NULL;
        int r;

        if (state_new(s, &s->conf) || server_watch_signals(s, &watch))
                return -1;

        r = capnp_vat_listen_each(s->vat, address, NULL, server_offer, s);
        if (r) {
                fprintf(stderr, "conf-server: %s: %s\n", address, capnp_strerror(r));
        } else {
                puts("ready");
                fflush(stdout);
                r = capnp_vat_run(s->vat);
        }
        capnp_watch_free(watch);
        return r;
}

int main(int argc, char **argv)
{
        struct server s = {0};
        int r;

        if (argc != 2) {
                fprintf(stderr, "usage: %s unix:/path | HOST:PORT\n", argv[0]);
                return 2;
        }

        if (capnp_vat_new(&s.vat))
                return 1;

        r = server_run(&s, argv[1]);
        while (s.delays)
                delay_end(s.delays);
        capnp_cap_unref(s.conf);
        capnp_vat_free(s.vat);
        return r ? 1 : 0;
}
