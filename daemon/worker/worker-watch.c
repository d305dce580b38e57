/*
 * Who waits for the bundle to be another: a person's page, which has to show at once that a
 * capability was taken back. The bundle has a number, which is another after each change; whoever
 * knows an old one need not wait, so nothing is missed between two questions.
 */
#include "worker-watch.h"

static void watch_on_cancel(capnp_answer *a, void *arg)
{
        struct worker *w = arg;

        for (unsigned i = 0; i < WATCHERS; i++)
                if (w->watchers[i] == a)
                        w->watchers[i] = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int watch_return(const struct worker *w, capnp_answer *a)
{
        remote_cap_set_changed_results_set_now(a, w->changes);
        return capnp_answer_return(a);
}

int watch_wait(struct worker *w, capnp_answer *a)
{
        if (remote_cap_set_changed_param_since(a) != w->changes)
                return watch_return(w, a);
        for (unsigned i = 0; i < WATCHERS; i++)
                if (!w->watchers[i]) {
                        w->watchers[i] = a;
                        return capnp_answer_keep(a, watch_on_cancel, w);
                }
        return capos_i_over_quota(a, CAPOS_I_QUOTA_CALLS, "too many wait for a change already");
}

void watch_tell(struct worker *w)
{
        w->changes++;
        for (unsigned i = 0; i < WATCHERS; i++) {
                capnp_answer *a = w->watchers[i];

                w->watchers[i] = NULL;
                if (a)
                        (void)watch_return(w, a);
        }
}

void watch_fail_all(struct worker *w, const char *reason)
{
        for (unsigned i = 0; i < WATCHERS; i++) {
                capnp_answer *a = w->watchers[i];

                w->watchers[i] = NULL;
                if (a)
                        (void)capnp_answer_fail(a, CAPNP_FAILED, "%s", reason);
        }
}
