/*
 * What is known of identity providers, and when it is fetched: with fetchers that the test plays,
 * and a clock that it sets.
 */
#include "issuers.h"

#include "harness.h"

#include <capos/capnp.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE, WAITERS = 1000 };

/* ---- fetchers ------------------------------------------------------------------------------- */

struct fetch_job {
        fetch_done *done;
        void *arg;
        uint32_t kind;
};

static struct {
        struct fetch_job *job; /* the one that is open */
        unsigned n[FETCH_CODE_TOKEN + 1];
        char url[FETCH_URL_BYTES];
} fetches;

int fetch_start(struct fetcher *f, const struct fetch_request *q, const struct turns_path *path,
                fetch_done *done, void *arg, struct fetch_job **ret_job)
{
        (void)f;
        (void)path;
        CHECK(!fetches.job);
        fetches.job = calloc(1, sizeof(*fetches.job));
        *fetches.job = (struct fetch_job){done, arg, q->kind};
        fetches.n[q->kind]++;
        memcpy(fetches.url, q->url, sizeof(fetches.url));
        *ret_job = fetches.job;
        return 0;
}

void fetch_forget(struct fetch_job *j)
{
        CHECK(j == fetches.job);
        free(j);
        fetches.job = NULL;
}

/* Answers the request that is open: with a description, or keys; NULL: not at all. */
static void answer(const char *keys)
{
        static struct fetch_reply reply;
        struct fetch_job *j = fetches.job;
        struct fetch_job was = *j;

        reply = (struct fetch_reply){.end = FETCH_GOOD};
        if (j->kind == FETCH_DISCOVER)
                snprintf(reply.discovered.keys, FETCH_URL_BYTES, "https://op.example/jwks");
        if (j->kind == FETCH_KEYS && keys) {
                reply.len = (uint32_t)strlen(keys);
                memcpy(reply.bytes, keys, reply.len);
        }
        if (!keys) {
                reply.end = FETCH_FAILED;
                snprintf(reply.why, sizeof(reply.why), "no network");
        }
        free(j);
        fetches.job = NULL;
        was.done(was.arg, &reply);
}

/* ---- an issuer ------------------------------------------------------------------------------ */

struct rig {
        capnp_msg *msg;
        struct issuers is;
        struct issuer *i;
};

static uint64_t now;

static uint64_t now_ms(void)
{
        return now;
}

static int files_fd(const char *keys)
{
        struct fetch_files f = {.keys = (uint32_t)strlen(keys)};
        int fd = memfd_create("files", MFD_CLOEXEC);

        CHECK_EQ(write(fd, &f, sizeof(f)), sizeof(f));
        CHECK_EQ(write(fd, keys, f.keys), f.keys);
        return fd;
}

static void rig_start(struct rig *g, const char *pinned)
{
        oidc_issuer_builder b;
        authentication_builder a;

        *g = (struct rig){0};
        memset(&fetches, 0, sizeof(fetches));
        now = HOUR;
        CHECK_OK(capnp_msg_new(&g->msg));
        a = manifest_init_authentication(manifest_build(g->msg));
        b = oidc_issuer_list_builder_get(authentication_init_oidc(a, 1), 0);
        oidc_issuer_set_name(b, "op");
        oidc_issuer_set_issuer(b, "https://op.example");
        g->is.now_ms = now_ms;
        CHECK_OK(issuers_init(&g->is, NULL,
                              authentication_oidc(manifest_authentication(manifest_root(g->msg)))));
        CHECK_OK(issuers_take_files(&g->is, files_fd(pinned)));
        g->i = issuers_find(&g->is, "op");
        CHECK(g->i);
}

static void rig_stop(struct rig *g)
{
        issuers_deinit(&g->is);
        capnp_msg_free(g->msg);
}

struct waiter {
        struct issuer_wait w;
        int r;
        bool told;
};

static void told(struct issuer_wait *w, int r)
{
        struct waiter *me = CAPNP_I_OF(w, struct waiter, w);

        me->told = true;
        me->r = r;
}

static int need(struct rig *g, struct waiter *w)
{
        *w = (struct waiter){.w = {.done = told}};
        return issuer_need(g->i, ISSUER_KEYS, &w->w);
}

/* Has keys fetched, as the first who needs them. */
static void rig_fill(struct rig *g, const char *keys)
{
        struct waiter w;

        CHECK_EQ(need(g, &w), ISSUER_WAITS);
        if (fetches.job->kind == FETCH_DISCOVER)
                answer("");
        answer(keys);
        CHECK(w.told);
        CHECK_OK(w.r);
}

static bool rig_has(const struct rig *g, const char *keys)
{
        return g->i->keys_len == strlen(keys) && !memcmp(g->i->keys, keys, g->i->keys_len);
}

/* ---- tests ---------------------------------------------------------------------------------- */

TEST(what_is_needed_is_fetched_once)
{
        struct waiter w[3];
        struct rig g;

        rig_start(&g, "");
        for (unsigned k = 0; k < 3; k++)
                CHECK_EQ(need(&g, &w[k]), ISSUER_WAITS);
        CHECK_STR(fetches.url, "https://op.example");
        issuer_give_up(&w[1].w);
        answer("");
        CHECK(!w[0].told);
        CHECK_STR(fetches.url, "https://op.example/jwks");
        answer("one");
        CHECK(w[0].told && !w[0].r && !w[1].told && w[2].told);
        CHECK(rig_has(&g, "one"));
        now += HOUR - 1;
        CHECK_OK(need(&g, &w[0]));
        CHECK_EQ(fetches.n[FETCH_DISCOVER], 1);
        CHECK_EQ(fetches.n[FETCH_KEYS], 1);
        rig_stop(&g);
}

TEST(a_thousand_unknown_keys_are_one_request)
{
        static struct waiter w[WAITERS];
        struct rig g;
        unsigned waiting = 0, refused = 0;

        rig_start(&g, "");
        rig_fill(&g, "one");
        for (unsigned k = 0; k < WAITERS; k++) {
                int r;

                w[k] = (struct waiter){.w = {.done = told}};
                r = issuer_look_for_key(g.i, 1, &w[k].w);
                waiting += r == ISSUER_WAITS;
                refused += r == CAPNP_E_UNKNOWN;
                if (k == WAITERS / 2)
                        answer("two");
        }
        CHECK_EQ(fetches.n[FETCH_KEYS], 2);
        CHECK_EQ(waiting, WAITERS / 2 + 1);
        for (unsigned k = 0; k < WAITERS / 2 + 1; k++)
                CHECK(w[k].told && !w[k].r);
        /* The rest had been told of the old set: they are to look at the new one first. */
        CHECK_EQ(refused, 0);
        for (unsigned k = 0; k < WAITERS; k++)
                CHECK_EQ(issuer_look_for_key(g.i, 2, &w[k].w), CAPNP_E_UNKNOWN);
        now += MINUTE;
        CHECK_EQ(issuer_look_for_key(g.i, 2, &w[0].w), ISSUER_WAITS);
        answer("three");
        CHECK_EQ(fetches.n[FETCH_KEYS], 3);
        rig_stop(&g);
}

TEST(a_new_set_takes_the_place_of_the_old_one)
{
        struct waiter w = {.w = {.done = told}};
        struct rig g;

        rig_start(&g, "");
        rig_fill(&g, "one");
        CHECK_EQ(issuer_look_for_key(g.i, g.i->generation, &w.w), ISSUER_WAITS);
        answer("two");
        CHECK(rig_has(&g, "two"));
        CHECK_OK(issuer_look_for_key(g.i, 1, &w.w));
        rig_stop(&g);
}

TEST(after_an_hour_they_are_asked_for_and_after_a_day_they_are_none)
{
        struct waiter w;
        struct rig g;

        rig_start(&g, "");
        rig_fill(&g, "one");
        now += HOUR;
        CHECK_EQ(need(&g, &w), ISSUER_WAITS);
        answer(NULL);
        CHECK(w.told && !w.r); /* the old ones are good while no answer comes */
        CHECK_OK(need(&g, &w));
        CHECK(!fetches.job); /* and it is left alone for a minute */
        now += MINUTE;
        CHECK_EQ(need(&g, &w), ISSUER_WAITS);
        answer(NULL);
        now += 23 * HOUR;
        CHECK_EQ(need(&g, &w), ISSUER_WAITS);
        answer(NULL);
        CHECK(w.told);
        CHECK_EQ(w.r, CAPNP_E_UNKNOWN);
        CHECK_STR(g.i->why, "no network");
        CHECK(!issuer_has_keys(g.i));
        CHECK_EQ(need(&g, &w), CAPNP_E_UNKNOWN);
        rig_stop(&g);
}

TEST(after_a_failure_it_is_left_alone_for_a_minute)
{
        struct waiter w;
        struct rig g;

        rig_start(&g, "");
        CHECK_EQ(need(&g, &w), ISSUER_WAITS);
        answer(NULL);
        CHECK_EQ(w.r, CAPNP_E_UNKNOWN);
        now += MINUTE - 1;
        CHECK_EQ(need(&g, &w), CAPNP_E_UNKNOWN);
        CHECK_EQ(fetches.n[FETCH_DISCOVER], 1);
        now++;
        rig_fill(&g, "one");
        now += MINUTE;
        w = (struct waiter){.w = {.done = told}};
        CHECK_EQ(issuer_look_for_key(g.i, g.i->generation, &w.w), ISSUER_WAITS);
        answer(NULL);
        CHECK(w.told && !w.r); /* the set is what it was: the token is refused by that */
        CHECK_EQ(issuer_look_for_key(g.i, g.i->generation, &w.w), CAPNP_E_UNKNOWN);
        rig_stop(&g);
}

TEST(pinned_keys_are_never_fetched)
{
        struct waiter w = {.w = {.done = told}};
        struct rig g;

        rig_start(&g, "pinned");
        CHECK_OK(need(&g, &w));
        now += 100 * HOUR;
        CHECK_OK(need(&g, &w));
        CHECK(rig_has(&g, "pinned"));
        CHECK_EQ(issuer_look_for_key(g.i, g.i->generation, &w.w), CAPNP_E_UNKNOWN);
        CHECK(!fetches.job);
        rig_stop(&g);
}
