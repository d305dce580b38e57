/*
 * Who wants the manifest to be read again: `capos reload`, by the admin socket. Whether anything is
 * wrong with it is caposd's to say, which does the same when it gets a SIGHUP; here it is passed
 * on, and recorded. Who waits is answered when every worker has heard of it: what he tries then is
 * tried by the new one.
 */
#include "reload.h"

#include <stdio.h>
#include <unistd.h>

#include "admin.capnp-c.h"
#include "admit.h"
#include "links.h"
#include "sessiond.h"

enum { RELOAD_MS = 60 * 1000, FAULTS_BYTES = 32 * 1024 };

static capnp_answer *reload_end(struct reload *w)
{
        capnp_answer *a = w->waiting;

        w->deadline = capnp_timer_free(w->deadline);
        w->waiting = NULL;
        return a;
}

static void reload_on_deadline(void *arg)
{
        struct reload *w = arg;

        w->deadline = NULL;
        (void)capnp_answer_fail(reload_end(w), CAPNP_FAILED,
                                "it takes too long: see the instance's log");
}

int reload_ask(struct sessiond *s, capnp_answer *a)
{
        struct reload *w = &s->reload;

        if (w->waiting)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         "another one is under way: try again");
        if (capnp_timer_new(s->vat, RELOAD_MS, reload_on_deadline, w, &w->deadline))
                return capnp_answer_fail(a, CAPNP_FAILED, "out of memory");

        w->waiting = a;
        w->request++;
        link_send_up(s, &(struct packet){.type = PACKET_CHANGE, .index = w->request});
        return capnp_answer_keep(a, NULL, NULL);
}

void reload_told(struct sessiond *s, const struct packet *p, int fd)
{
        static char text[FAULTS_BYTES];
        ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
        capnp_answer *a;

        close(fd);
        text[n < 0 ? 0 : n] = 0;
        if (p->result) /* what has worked is recorded where it happens */
                audit_add(&s->audit, (struct capos_audit_record){.what = "manifest",
                                                                 .outcome = "failed",
                                                                 .source = "local",
                                                                 .detail = text});
        if (!s->reload.waiting || p->index != s->reload.request)
                return;

        if (!p->result) {
                (void)admissions_return(s, reload_end(&s->reload));
                return;
        }

        a = reload_end(&s->reload);
        if (!text[0])
                (void)snprintf(text, sizeof(text), "see the instance's log\n");
        admin_reload_results_set_faults(a, text);
        (void)audit_return(&s->audit, a);
}

void reload_deinit(struct sessiond *s)
{
        if (s->reload.waiting)
                (void)capnp_answer_fail(reload_end(&s->reload), CAPNP_FAILED, "the instance ends");
}
