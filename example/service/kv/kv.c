/*
 * kv: a service that does more than answer at once. Values by key that all callers share, with
 *
 *     callbacks   `watch` takes an object of the caller's and calls it
 *     promises    `next` keeps its answer until there is something to say
 *     timers      what is kept for a time, and answers that have waited long enough
 *     streams     `upload` gives an object that takes a value in parts
 *     state       all of it is in a file, for the instance that comes after this one
 *
 * Everything happens in one loop, and nothing waits. What is a caller's own has one function that
 * ends it: when its time is over, its call is canceled, its object let go of or its connection
 * gone. The values themselves and their file are in kv-table.c.
 */
#include "kv-table.h"
#include "kv.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { UNANSWERED = 64 }; /* calls of a watcher */

struct kv {
        capnp_vat *vat;
        struct kv_table table;
        LIST_HEAD(, watch) watches;
        LIST_HEAD(, wait) waits;
};

/* Ours of a Watch: lives as long as the caller has it. */
struct watch {
        LIST_ENTRY(watch) in_kv;
        watcher_client watcher; /* NULL: is told no more */
        unsigned unanswered;
        bool gone;
        char prefix[KV_KEY_BYTES + 1];
};

/* A call of next() that has not been answered. */
struct wait {
        LIST_ENTRY(wait) in_kv;
        capnp_answer *answer;
        capnp_timer *timer;
        char key[KV_KEY_BYTES + 1];
};

/* Ours of a Sink. */
struct sink {
        struct kv *kv;
        char key[KV_KEY_BYTES + 1];
        char value[KV_VALUE_BYTES];
        uint32_t len;
};

static bool key_copy(capnp_text key, char to[KV_KEY_BYTES + 1])
{
        if (key.len > KV_KEY_BYTES)
                return false;

        memcpy(to, key.p, key.len);
        to[key.len] = '\0';
        return true;
}

/* ---- promises: an answer that is kept -------------------------------------------------------- */

/* Out of the list, for who ends the answer now. */
static capnp_answer *wait_free(struct wait *w)
{
        capnp_answer *a = w->answer;

        LIST_REMOVE(w, in_kv);
        capnp_timer_free(w->timer);
        free(w);
        return a;
}

static void wait_on_timer(void *arg)
{
        struct wait *w = arg;

        w->timer = NULL; /* it is gone when it is called */
        (void)capnp_answer_fail(wait_free(w), CAPNP_OVERLOADED, "the key was not set in time");
}

/* The caller has lost interest, or has gone. */
static void wait_on_canceled(capnp_answer *a, void *arg)
{
        (void)a;
        (void)capnp_answer_fail(wait_free(arg), CAPNP_FAILED, "canceled");
}

static int kv_on_next(void *self, capnp_answer *a)
{
        struct kv *kv = self;
        capnp_text key = kv_next_param_key(a);
        uint32_t ms = kv_next_param_wait_ms(a);
        struct wait *w = calloc(1, sizeof(*w));
        int r = w ? 0 : -ENOMEM;

        if (!r && (!key_copy(key, w->key) || capnp_answer_check(a))) {
                free(w);
                return capnp_answer_fail(a, CAPNP_FAILED, "a key has 64 bytes at most");
        }
        if (!r)
                r = capnp_timer_new(kv->vat, ms, wait_on_timer, w, &w->timer);
        if (r) {
                free(w);
                return r;
        }

        w->answer = a;
        LIST_INSERT_HEAD(&kv->waits, w, in_kv);
        return capnp_answer_keep(a, wait_on_canceled, w);
}

/* ---- callbacks: an object of the caller's ---------------------------------------------------- */

static void watch_unref(struct watch *w)
{
        if (w->gone && w->unanswered == 0)
                free(w);
}

static void watch_gone(void *self)
{
        struct watch *w = self;

        LIST_REMOVE(w, in_kv);
        w->watcher.c = capnp_cap_unref(w->watcher.c);
        w->gone = true;
        watch_unref(w);
}

static void watch_on_answer(capnp_question *q, int r, void *arg)
{
        struct watch *w = arg;

        (void)r; /* a watcher that refuses is its own affair */
        capnp_question_free(q);
        w->unanswered--;
        watch_unref(w);
}

static void watch_tell(struct watch *w, capnp_text key, capnp_text value)
{
        capnp_question *q;

        if (!w->watcher.c || key.len < strlen(w->prefix) ||
            memcmp(key.p, w->prefix, strlen(w->prefix)) != 0)
                return;
        if (w->unanswered == UNANSWERED) {
                w->watcher.c = capnp_cap_unref(w->watcher.c);
                return;
        }

        q = watcher_changed(w->watcher);
        watcher_changed_set_key_n(q, key);
        watcher_changed_set_value_n(q, value);
        if (!q)
                return;
        w->unanswered++;
        capnp_question_send(q, watch_on_answer, w);
}

static int kv_on_watch(void *self, capnp_answer *a)
{
        static const struct watch_ops ops = {.gone = watch_gone};
        struct kv *kv = self;
        struct watch *w = calloc(1, sizeof(*w));
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        int r;

        if (!w)
                return -ENOMEM;
        w->watcher.c = capnp_cap_ref(kv_watch_param_watcher(a).c);
        LIST_INSERT_HEAD(&kv->watches, w, in_kv);
        r = key_copy(kv_watch_param_prefix(a), w->prefix) && !capnp_answer_check(a) && w->watcher.c
                    ? watch_serve(kv->vat, &ops, w, &c)
                    : CAPNP_E_LIMIT;
        if (r)
                watch_gone(w);
        if (r == CAPNP_E_LIMIT)
                return capnp_answer_fail(a, CAPNP_FAILED, "a short prefix and a watcher");
        if (r)
                return r;

        kv_watch_results_set_watch(a, (watch_client){c});
        return capnp_answer_return(a);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Tells whoever waits or watches. What they hold cannot go meanwhile: nothing here calls them. */
static void kv_changed(struct kv *kv, capnp_text key, capnp_text value)
{
        struct wait *next;
        struct watch *x;

        for (struct wait *w = LIST_FIRST(&kv->waits); w; w = next) {
                capnp_answer *a;

                next = LIST_NEXT(w, in_kv);
                if (strlen(w->key) != key.len || memcmp(w->key, key.p, key.len) != 0)
                        continue;
                a = wait_free(w);
                kv_next_results_set_value_n(a, value);
                (void)capnp_answer_return(a);
        }
        LIST_FOREACH(x, &kv->watches, in_kv)
        watch_tell(x, key, value);
}

static void entry_on_timer(void *arg)
{
        static const capnp_text none = {"", 0};
        struct kv_entry *e = arg, *same;
        struct kv *kv = e->owner;
        char key[KV_KEY_BYTES + 1];
        capnp_text name = {key, (uint32_t)strlen(e->key)};

        e->expires = NULL;
        memcpy(key, e->key, sizeof(key));
        (void)kv_table_set(&kv->table, name, none, &same);
        kv_changed(kv, name, none);
}

/* 0, or what a handler returns after *a has been ended. */
static int kv_put(struct kv *kv, capnp_text key, capnp_text value, uint32_t keep_ms,
                  capnp_answer *a)
{
        struct kv_entry *e;
        int r = kv_table_set(&kv->table, key, value, &e);

        if (r == CAPNP_E_LIMIT)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "too long, or too many"), 1;
        e->owner = kv;
        if (!r && value.len > 0 && keep_ms > 0)
                r = capnp_timer_new(kv->vat, keep_ms, entry_on_timer, e, &e->expires);
        if (!r)
                r = kv_table_save(&kv->table);
        if (r)
                fprintf(stderr, "kv: the table cannot be kept: %s\n", strerror(-r));
        if (r)
                return capnp_answer_fail(a, CAPNP_FAILED, "it cannot be kept"), 1;

        kv_changed(kv, key, value);
        return 0;
}

static int kv_on_set(void *self, capnp_answer *a)
{
        capnp_text key = kv_set_param_key(a), value = kv_set_param_value(a);
        uint32_t keep_ms = kv_set_param_keep_ms(a);

        /* Decode, ask whether that was sound, then act. */
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "not a message");

        return kv_put(self, key, value, keep_ms, a) ? 0 : capnp_answer_return(a);
}

static int kv_on_get(void *self, capnp_answer *a)
{
        struct kv *kv = self;
        const struct kv_entry *e = kv_table_find(&kv->table, kv_get_param_key(a));

        if (!e)
                return capnp_answer_fail(a, CAPNP_FAILED, "there is no such key");

        kv_get_results_set_value_n(a, (capnp_text){e->value, (uint32_t)e->len});
        return capnp_answer_return(a);
}

/* ---- streams --------------------------------------------------------------------------------- */

/* `-> stream`: the kit hands over one at a time, and remembers one that has failed. */
static int sink_on_write(void *self, capnp_answer *a)
{
        struct sink *s = self;
        capnp_text part = sink_write_param_part(a);

        if (capnp_answer_check(a) || part.len > KV_VALUE_BYTES - s->len)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "a value has 64 KiB at most");

        memcpy(s->value + s->len, part.p, part.len);
        s->len += part.len;
        return capnp_answer_return(a);
}

static int sink_on_done(void *self, capnp_answer *a)
{
        struct sink *s = self;
        capnp_text key = {s->key, (uint32_t)strlen(s->key)}, value = {s->value, s->len};

        if (kv_put(s->kv, key, value, 0, a))
                return 0;
        sink_done_results_set_length(a, s->len);
        return capnp_answer_return(a);
}

static int kv_on_upload(void *self, capnp_answer *a)
{
        static const struct sink_ops ops = {
                .gone = free, .write = sink_on_write, .done = sink_on_done};
        struct kv *kv = self;
        struct sink *s = calloc(1, sizeof(*s));
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *c = NULL;
        int r;

        if (!s)
                return -ENOMEM;
        s->kv = kv;
        if (!key_copy(kv_upload_param_key(a), s->key) || capnp_answer_check(a)) {
                free(s);
                return capnp_answer_fail(a, CAPNP_FAILED, "a key has 64 bytes at most");
        }
        r = sink_serve(kv->vat, &ops, s, &c);
        if (r) {
                free(s);
                return r;
        }

        kv_upload_results_set_sink(a, (sink_client){c});
        return capnp_answer_return(a);
}

/* ---- the service ----------------------------------------------------------------------------- */

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct kv kv;
        int r = s->argc > 1 ? -EINVAL : kv_table_load(&kv.table, s->state_fd);

        kv.vat = s->vat;
        *ret_self = &kv;
        if (r)
                fprintf(stderr, "kv: %s\n", s->argc > 1 ? "takes no arguments" : strerror(-r));
        return r;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        static const struct kv_ops ops = {.get = kv_on_get,
                                          .set = kv_on_set,
                                          .next = kv_on_next,
                                          .watch = kv_on_watch,
                                          .upload = kv_on_upload};
        struct kv *kv = self;

        (void)caller;
        return facet[0] ? CAPNP_E_UNKNOWN : kv_serve(kv->vat, &ops, kv, ret_bootstrap);
}

static void service_stop(void *self)
{
        struct kv *kv = self;

        while (!LIST_EMPTY(&kv->waits))
                (void)capnp_answer_fail(wait_free(LIST_FIRST(&kv->waits)), CAPNP_DISCONNECTED,
                                        "the service ends");
        kv_table_deinit(&kv->table);
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "kv",
                .schema = &kv_capnp_schema,
                .start = service_start,
                .open = service_open,
                .stop = service_stop,
        };

        return kit_run(&service, argc, argv);
}
