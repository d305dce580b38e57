/*
 * The object of fuzz-rpc-feed. What it does depends on the calls alone, so a conversation that was
 * recorded once means the same when it is played again.
 */
#include "feed-target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define check(ok) ((ok) ? (void)0 : abort())

static int feed_dispatch(void *self, capnp_answer *a);

void feed_fill(capnp_abuilder slot, capnp_cap *a, capnp_cap *b)
{
        capnp_builder s = capnp_abuilder_init_struct(slot, 1, 2);

        capnp_abuilder_set_cap(capnp_builder_any(s, 0), a);
        capnp_abuilder_set_cap(capnp_builder_any(s, 1), b);
}

capnp_cap *feed_arg_peek(capnp_any params, uint16_t i)
{
        return capnp_any_cap_peek(capnp_reader_any(capnp_any_struct(params, NULL), i));
}

static void feed_gone(void *self)
{
        struct feed_target *t = self;

        t->gone++;
}

static capnp_cap *feed_object(struct feed_target *t)
{
        capnp_cap *c;

        check(capnp_cap_new_dispatch(t->v, feed_dispatch, feed_gone, t, &c) == 0);
        t->objects++;
        return c;
}

static void feed_hold(struct feed_target *t, capnp_cap *c)
{
        if (t->nheld < FEED_MOST)
                t->held[t->nheld++] = capnp_cap_ref(c);
}

static void feed_done(capnp_question *q, int r, void *arg)
{
        uint16_t path[] = {0};
        struct feed_target *t = arg;

        check(r == capnp_question_result(q) && capnp_question_is_done(q));
        (void)capnp_any_words(capnp_question_response_any(q), NULL);
        feed_hold(t, capnp_question_cap_peek(q, path, 1));
}

static void feed_call(struct feed_target *t, capnp_cap *target, bool keep)
{
        uint16_t path[] = {0};
        capnp_question *q = capnp_question_new_any(t->v, target, 1, FEED_RETURN), *next;
        capnp_cap *mine = feed_object(t);

        check(q);
        feed_fill(capnp_question_params_any(q), mine, target);
        capnp_cap_unref(mine);
        next = capnp_question_new_any(t->v, capnp_question_cap_peek(q, path, 1), 1, FEED_HOLD);
        capnp_question_detach(next);
        if (keep && t->nquestions < FEED_MOST) {
                capnp_question_send(q, feed_done, t);
                t->questions[t->nquestions++] = q;
                return;
        }

        capnp_question_send(q, NULL, NULL);
        capnp_question_free(q);
}

static void feed_drop(struct feed_target *t)
{
        while (t->nquestions)
                capnp_question_free(t->questions[--t->nquestions]);
        while (t->nheld)
                capnp_cap_unref(t->held[--t->nheld]);
}

static void feed_end_kept(struct feed_target *t, capnp_cap *c)
{
        while (t->nkept) {
                capnp_answer *a = t->kept[--t->nkept];

                feed_fill(capnp_answer_results_any(a), c, NULL);
                (void)capnp_answer_return(a);
        }
}

static void feed_resolve(struct feed_target *t, capnp_cap *c)
{
        if (!t->npromises)
                return;

        capnp_promise_resolve(t->promises[0], c);
        memmove(t->promises, t->promises + 1, --t->npromises * sizeof(t->promises[0]));
}

static int feed_tail(struct feed_target *t, capnp_answer *a, capnp_cap *target, capnp_cap *arg)
{
        capnp_question *q = capnp_question_new_any(t->v, target, 1, FEED_RETURN);

        feed_fill(capnp_question_params_any(q), arg, NULL);
        return capnp_answer_tail(a, q);
}

static int feed_promise(struct feed_target *t, capnp_answer *a)
{
        capnp_cap *c;

        if (t->npromises == FEED_MOST)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too many promises");

        check(capnp_promise_new(t->v, &t->promises[t->npromises++], &c) == 0);
        feed_fill(capnp_answer_results_any(a), c, t->nheld ? t->held[0] : NULL);
        capnp_cap_unref(c);
        return capnp_answer_return(a);
}

static int feed_objects(struct feed_target *t, capnp_answer *a)
{
        capnp_cap *x = feed_object(t), *y = feed_object(t), *z;

        if (!t->m)
                check(capnp_membrane_new(t->v, NULL, NULL, &t->m) == 0);
        z = capnp_membrane_wrap(t->m, y);
        feed_fill(capnp_answer_results_any(a), x, z);
        capnp_cap_unref(x);
        capnp_cap_unref(y);
        capnp_cap_unref(z);
        return capnp_answer_return(a);
}

static void feed_bootstrap(struct feed_target *t)
{
        capnp_cap *c;

        check(capnp_rpc_bootstrap(t->r, &c) == 0);
        feed_call(t, c, true);
        feed_hold(t, c);
        capnp_cap_unref(c);
}

static void feed_stream(struct feed_target *t, capnp_cap *target)
{
        capnp_question *q = capnp_question_new_any(t->v, target, 1, FEED_RETURN);

        feed_fill(capnp_question_params_any(q), target, NULL);
        (void)!capnp_question_stream(q, NULL, NULL);
}

/* The methods that do something and return their arguments. */
static void feed_act(struct feed_target *t, enum feed_method what, capnp_cap *c)
{
        switch (what) {
        case FEED_END:
                feed_end_kept(t, c);
                break;
        case FEED_RESOLVE:
                feed_resolve(t, c);
                break;
        case FEED_HOLD:
                feed_hold(t, c);
                break;
        case FEED_CALL:
                feed_call(t, t->nheld ? t->held[t->nheld - 1] : c, true);
                feed_call(t, c, false);
                break;
        case FEED_DROP:
                feed_drop(t);
                break;
        case FEED_REVOKE:
                if (t->m)
                        capnp_membrane_revoke(t->m, (capnp_exception){CAPNP_FAILED, "revoked"});
                t->m = capnp_membrane_unref(t->m);
                break;
        case FEED_BOOTSTRAP:
                feed_bootstrap(t);
                break;
        case FEED_STREAM:
                feed_stream(t, c);
                break;
        default:
                break;
        }
}

static int feed_dispatch(void *self, capnp_answer *a)
{
        struct feed_target *t = self;
        enum feed_method what = capnp_answer_method(a) % FEED_METHODS;
        capnp_any params = capnp_answer_params_any(a);
        capnp_cap *x = feed_arg_peek(params, 0), *y = feed_arg_peek(params, 1);

        (void)capnp_any_words(params, NULL);
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "malformed");

        switch (what) {
        case FEED_FAIL:
                return capnp_answer_fail(a, capnp_answer_method(a) >> 8 & 3, "as asked");
        case FEED_KEEP:
                if (t->nkept == FEED_MOST)
                        return capnp_answer_return(a);
                t->kept[t->nkept++] = a;
                return capnp_answer_keep(a, NULL, NULL);
        case FEED_TAIL:
                return feed_tail(t, a, x, y);
        case FEED_PROMISE:
                return feed_promise(t, a);
        case FEED_OBJECT:
                return feed_objects(t, a);
        default:
                feed_act(t, what, x);
                feed_fill(capnp_answer_results_any(a), x, y);
                return capnp_answer_return(a);
        }
}

static int feed_fd(void)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        check(fd >= 0);
        return fd;
}

static int feed_free_fd(void)
{
        int fd = feed_fd();

        close(fd);
        return fd;
}

void feed_target_init(struct feed_target *t, const struct capnp_limits *l)
{
        *t = (struct feed_target){.free_fd = feed_free_fd()};
        check(capnp_vat_new_bare(&t->v) == 0);
        t->root = feed_object(t);
        check(capnp_rpc_new(t->v, l, t->root, &t->r) == 0);
}

static void feed_run(struct feed_target *t)
{
        unsigned most = 1000;

        while (most-- && capnp_rpc_step(t->v))
                check(capnp_rpc_check(t->r) == 0);
}

int feed_target_feed(struct feed_target *t, const uint8_t *b, size_t len, unsigned nfds)
{
        int fds[FEED_FDS], r;

        check(nfds <= FEED_FDS);
        for (unsigned i = 0; i < nfds; i++)
                fds[i] = feed_fd();
        r = capnp_rpc_feed(t->r, b, len, fds, nfds);

        check(r >= 0);
        check(capnp_rpc_check(t->r) == 0);
        feed_run(t);
        return r;
}

void feed_target_deinit(struct feed_target *t)
{
        struct capnp_rpc_counts n;
        capnp_vat *v = t->v;

        capnp_rpc_close(t->r, (capnp_exception){CAPNP_DISCONNECTED, "the end"});
        feed_end_kept(t, NULL);
        while (t->npromises)
                feed_resolve(t, NULL);
        while (capnp_rpc_step(v) || t->nkept || t->npromises || t->nheld || t->nquestions) {
                feed_end_kept(t, NULL);
                while (t->npromises)
                        feed_resolve(t, NULL);
                feed_drop(t);
        }

        t->m = capnp_membrane_unref(t->m);
        t->root = capnp_cap_unref(t->root);
        while (capnp_rpc_step(v))
                ;
        capnp_rpc_count(t->r, &n);
        check(!n.questions && !n.answers && !n.exports && !n.imports && !n.embargoes);
        check(!n.held_bytes);
        check(capnp_rpc_check(t->r) == 0);
        t->r = capnp_rpc_free(t->r);
        t->v = capnp_vat_free(v);
        check(t->gone == t->objects);
        check(feed_free_fd() == t->free_fd);
}
