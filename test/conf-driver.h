/*
 * What the files of conf-driver share: the table of cases, what a case is given, the objects it
 * serves, and the checks. A case runs in a process of its own and ends it by its first failed
 * check, so nothing here returns an error.
 *
 * Questions and references of a case stand in its pool, which is emptied at its end; DROP ends one
 * of them earlier.
 */
#ifndef CONF_DRIVER_H
#define CONF_DRIVER_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.capnp-c.h"

/* What a case is given: a vat, and where the server is. */
struct env {
        capnp_vat *vat;
        const char *address;
        capnp_question **questions;
        size_t nquestions;
        capnp_cap **caps;
        size_t ncaps;
};

struct conf_case {
        const char *name;
        void (*run)(struct env *e);
        const char *reference_skip; /* why the reference server cannot satisfy it; or NULL */
        struct conf_case *next;
};

void case_register(struct conf_case *c);

#define CASE_ENTRY(id_, skip_)                                                   \
        static void case_##id_(struct env *e);                                   \
        __attribute__((constructor)) static void case_register_##id_(void)       \
        {                                                                        \
                static struct conf_case entry = {#id_, case_##id_, skip_, NULL}; \
                                                                                 \
                case_register(&entry);                                           \
        }                                                                        \
        static void case_##id_(struct env *e)

#define CASE(id)                     CASE_ENTRY(id, NULL)
#define CASE_SKIP_REFERENCE(id, why) CASE_ENTRY(id, why)

/* ---- checks --------------------------------------------------------------------------------- */

__attribute__((noreturn, format(printf, 2, 3))) void case_fail(int line, const char *fmt, ...);
/* Notes what is waited for, for the report of a hang. */
void case_step(int line, const char *text);

#define CHECK(condition_)                                                 \
        do {                                                              \
                if (!(condition_))                                        \
                        case_fail(__LINE__, "not true: %s", #condition_); \
        } while (0)

#define CHECK_EQ(a_, b_)                                                                       \
        do {                                                                                   \
                int64_t got_ = (int64_t)(a_), want_ = (int64_t)(b_);                           \
                                                                                               \
                if (got_ != want_)                                                             \
                        case_fail(__LINE__, "%s is %" PRId64 ", expected %" PRId64, #a_, got_, \
                                  want_);                                                      \
        } while (0)

#define CHECK_TEXT(a_, b_)                                                                   \
        do {                                                                                 \
                capnp_text got_ = (a_);                                                      \
                                                                                             \
                if (strcmp(got_.p, (b_)))                                                    \
                        case_fail(__LINE__, "%s is '%s', expected '%s'", #a_, got_.p, (b_)); \
        } while (0)

/* Puts a question into the pool. */
#define KEEP(q) env_keep(e, __LINE__, (q))
/* … and sends it. */
#define SEND(q) env_send(e, __LINE__, #q, (q))
/* Waits for a question that was put into the pool; it must succeed. */
#define WAIT(q) env_wait(e, __LINE__, #q, (q))
/* All three. */
#define OK(q) WAIT(KEEP(q))
/* Waits for a question that must fail with this kind, and this text in its reason. */
#define FAILS(q, kind, text) env_fails(e, __LINE__, #q, (q), (kind), (text))
#define FAILS_SOMEHOW(q)     env_fails(e, __LINE__, #q, (q), ANY_KIND, "")

enum { ANY_KIND = -1 };

capnp_question *env_keep(struct env *e, int line, capnp_question *q);
capnp_question *env_send(struct env *e, int line, const char *text, capnp_question *q);
capnp_question *env_wait(struct env *e, int line, const char *text, capnp_question *q);
void env_fails(struct env *e, int line, const char *text, capnp_question *q, int kind,
               const char *reason);
/* Ends a question or a reference of the pool. */
void env_drop(struct env *e, capnp_question *q);
void env_drop_cap(struct env *e, capnp_cap *c);
/* Puts another reference to c into the pool. */
capnp_cap *env_hold(struct env *e, capnp_cap *c);
/* Puts a reference that is owned into the pool. */
capnp_cap *env_own(struct env *e, capnp_cap *c);
/* Runs the loop for a while; until capnp_vat_stop(). */
void env_sleep(struct env *e, uint32_t ms);
void env_run(struct env *e);

/* Asks until the answer is the expected one, for at most five seconds. */
#define EVENTUALLY(expression_, want_)                                                 \
        do {                                                                           \
                uint64_t last_ = 0;                                                    \
                int i_;                                                                \
                                                                                       \
                for (i_ = 0; i_ < 250; i_++) {                                         \
                        last_ = (expression_);                                         \
                        if (last_ == (want_))                                          \
                                break;                                                 \
                        env_sleep(e, 20);                                              \
                }                                                                      \
                if (i_ == 250)                                                         \
                        case_fail(__LINE__, "%s stays %" PRIu64, #expression_, last_); \
        } while (0)

uint64_t now_ms(void);

/* ---- connections ---------------------------------------------------------------------------- */

/* A connection as most programs make it: it ends when nothing uses it any more. */
conf_client env_connect(struct env *e);

/* One that a case ends itself. */
struct link {
        capnp_conn *conn;
        conf_client conf;
};

struct link link_open(struct env *e);
void link_close(struct env *e, struct link *l);

/* ---- several questions ---------------------------------------------------------------------- */

struct batch {
        capnp_question **q;
        size_t n;
};

#define BATCH_ADD(b, q) batch_add((b), SEND(q))
/* Waits for all; they must succeed. The questions stay. */
#define BATCH_WAIT(b) batch_wait(e, __LINE__, (b))

void batch_add(struct batch *b, capnp_question *q);
void batch_wait(struct env *e, int line, struct batch *b);
void batch_free(struct batch *b);

/* ---- calls that many cases make; what they return is in the pool ----------------------------- */

#define INC(c, by) counter_inc_value(OK(inc_question((c), (by))))
#define GET(c)     counter_get_value(OK(counter_get(c)))

capnp_question *inc_question(counter_client c, uint64_t by);
capnp_question *make_counter_question(conf_client conf, uint64_t start);
counter_client make_counter(struct env *e, conf_client conf, uint64_t start);
uint32_t live(struct env *e, conf_client conf);
/* Before a case makes any: gives a server time to let go of those of the case before. */
uint32_t live_settled(struct env *e, conf_client conf);
uint32_t canceled(struct env *e, conf_client conf);
/* Returns 0, so that EVENTUALLY can use it. */
uint32_t null_call(struct env *e, conf_client conf);
conf_client fresh(struct env *e, conf_client conf);
void hold(struct env *e, conf_client conf, counter_client c);
counter_client held(struct env *e, conf_client conf);
void drop_held(struct env *e, conf_client conf);
capnp_question *echo_cap_question(conf_client conf, counter_client c);
capnp_question *echo_cap_later_question(conf_client conf, counter_client c, uint32_t ms);
capnp_question *delayed_add_question(conf_client conf, int32_t a, int32_t b, uint32_t ms);

/* ---- objects that a case serves ------------------------------------------------------------- */

enum { MAX_ORDER = 256 };

/* What the case sees of a counter it serves. */
struct watch {
        uint64_t order[MAX_ORDER]; /* the argument of every inc(), as they arrived */
        size_t n;
        uint64_t value;
        bool gone;
};

extern const struct counter_ops local_counter_ops;

counter_client local_counter(struct env *e, struct watch *w);
/* Whether a reference leads to this very object, without a detour. */
bool is_local(counter_client c, const struct watch *w);
/* The arguments must be 0, 1, 2, … */
void check_order(int line, const struct watch *w, size_t count);
#define CHECK_ORDER(w, count) check_order(__LINE__, (w), (count))

/* foo(i) answers i + 1 and a counter whose value is i. */
struct callee_watch {
        capnp_vat *vat;
        uint32_t calls, canceled;
        bool hang, fail;
        struct watch counter;
};

callee_client local_callee(struct env *e, struct callee_watch *w);
capnp_question *tail_question(conf_client conf, callee_client callee, uint32_t i);

#endif
