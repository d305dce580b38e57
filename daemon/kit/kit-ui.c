/*
 * Composing panes (<capos/kit-ui.h>).
 *
 * A composition is an open call, and what hangs on it: panes, each with one open poll and patches
 * that have not returned. Whatever ends it frees everything, once: the host takes it back and the
 * call is canceled; the service finishes.
 *
 * A pane ends when its poll fails: the host has closed it, or has never opened it. Two failures are
 * none. What the instance has too much of (`overloaded`) is over in a second, so the pane asks
 * again then, unless it was `open` that was refused so: nothing becomes of its surface any more.
 * And what was withdrawn is told by the call that is canceled.
 *
 * Between an answer and the next poll is a pause that no person notices: a host that answers at
 * once, with events or without, makes its service no busier than that.
 */
#include "base-list.h"
#include "remote_ui.capnp-c.h"

#include <capos/kit-ui.h>

#include <errno.h>
#include <stdlib.h>

enum { DRAW = 1, EVENTS = 32, WAIT_MS = 60000, AGAIN_MS = 1000, PAUSE_MS = 50 };

struct kit_composition {
        capnp_vat *vat;
        capnp_answer *a;
        capnp_cap *lent;
        void (*over)(void *self);
        void *self;
        struct capnp_i_list panes; /* struct kit_pane */
};

struct kit_pane {
        struct capnp_i_list link; /* kit_composition.panes */
        struct kit_composition *c;
        const struct kit_pane_ops *ops;
        void *self;
        capnp_cap *surface;
        capnp_question *poll;
        capnp_timer *again;       /* when it asks again; NULL: it is asking */
        struct capnp_i_list sent; /* struct sent */
        uint64_t revision, nsent; /* the last that was told; patches since */
        bool *gone;               /* set when the pane goes during a callback */
};

struct sent {
        struct capnp_i_list link;
        struct kit_pane *p;
        capnp_question *q;
};

/* ---- panes ---------------------------------------------------------------------------------- */

static void pane_ask(struct kit_pane *p);

static void sent_free(struct sent *s)
{
        capnp_i_list_remove(&s->link);
        capnp_question_free(s->q);
        free(s);
}

static void pane_free(struct kit_pane *p)
{
        while (!capnp_i_list_empty(&p->sent))
                sent_free(CAPNP_I_OF(p->sent.next, struct sent, link));
        if (p->gone)
                *p->gone = true;
        capnp_i_list_remove(&p->link);
        capnp_timer_free(p->again);
        capnp_question_free(p->poll);
        capnp_cap_unref(p->surface);
        free(p);
}

static void pane_end(struct kit_pane *p, const char *reason)
{
        capnp_i_list_remove(&p->link); /* out of reach of who ends the composition now */
        if (p->ops->gone)
                p->ops->gone(p->self, p, reason);
        pane_free(p);
}

static void pane_on_again(void *arg)
{
        struct kit_pane *p = arg;

        p->again = capnp_timer_free(p->again);
        pane_ask(p);
}

static void pane_ask_in(struct kit_pane *p, uint32_t ms)
{
        if (capnp_timer_new(p->c->vat, ms, pane_on_again, p, &p->again))
                pane_end(p, "over-quota.memory: out of memory");
}

/* false: there is no pane any more. */
static bool pane_tell(struct kit_pane *p, ui_event_list l)
{
        bool gone = false;

        p->gone = &gone;
        for (uint32_t i = 0; !gone && p->ops->event && i < ui_event_list_len(l); i++)
                p->ops->event(p->self, p, ui_event_list_get(l, i).r);
        if (!gone)
                p->gone = NULL;
        return !gone;
}

static void pane_on_events(capnp_question *q, int r, void *arg)
{
        struct kit_pane *p = arg;

        p->poll = NULL; /* its events are read below */
        if (!r && pane_tell(p, remote_ui_surface_poll_events(q)))
                pane_ask_in(p, PAUSE_MS);
        else if (r && capnp_question_exception(q).kind == CAPNP_OVERLOADED &&
                 !capnp_cap_is_broken(p->surface, NULL))
                pane_ask_in(p, AGAIN_MS);
        else if (r)
                pane_end(p, capnp_question_exception(q).reason);
        capnp_question_free(q);
}

static void pane_ask(struct kit_pane *p)
{
        p->poll = remote_ui_surface_poll((remote_ui_surface_client){p->surface});
        remote_ui_surface_poll_set_max_events(p->poll, EVENTS);
        remote_ui_surface_poll_set_wait_ms(p->poll, WAIT_MS);
        capnp_question_send(p->poll, pane_on_events, p);
}

int kit_pane_new(struct kit_composition *c, capnp_cap *surface, const struct kit_pane_ops *o,
                 void *self, struct kit_pane **ret_p)
{
        struct kit_pane *p = calloc(1, sizeof(*p));

        if (!p)
                return -ENOMEM;

        *p = (struct kit_pane){.c = c, .ops = o, .self = self, .surface = capnp_cap_ref(surface)};
        capnp_i_list_init(&p->sent);
        capnp_i_list_init(&p->link);
        capnp_i_list_append(&c->panes, &p->link);
        pane_ask(p);
        *ret_p = p;
        return 0;
}

void kit_pane_close(struct kit_pane *p)
{
        capnp_question_detach(remote_ui_surface_close((remote_ui_surface_client){p->surface}));
        pane_free(p);
}

capnp_cap *kit_pane_surface_peek(const struct kit_pane *p)
{
        return p->surface;
}

/* ---- patches -------------------------------------------------------------------------------- */

static void patch_on_applied(capnp_question *q, int r, void *arg)
{
        struct sent *s = arg;
        struct kit_pane *p = s->p;
        bool gone = false;

        p->nsent--;
        if (!r)
                p->revision = remote_ui_surface_apply_revision(q);
        p->gone = &gone;
        if (r && p->ops->refused)
                p->ops->refused(p->self, p, capnp_question_exception(q).reason);
        if (gone)
                return; /* with what was sent */

        p->gone = NULL;
        sent_free(s);
}

void kit_pane_send(struct kit_pane *p, capnp_question *q)
{
        struct sent *s = q ? malloc(sizeof(*s)) : NULL;

        if (!s) {
                capnp_question_free(q);
                return;
        }

        *s = (struct sent){.p = p, .q = q};
        capnp_i_list_init(&s->link);
        capnp_i_list_append(&p->sent, &s->link);
        p->nsent++;
        capnp_question_send(q, patch_on_applied, s);
}

uint64_t kit_pane_base(const struct kit_pane *p)
{
        return p->revision + p->nsent;
}

/* ---- compositions --------------------------------------------------------------------------- */

static void composition_free(struct kit_composition *c)
{
        capnp_cap_unref(c->lent);
        free(c);
}

static void compose_canceled(capnp_answer *a, void *arg)
{
        struct kit_composition *c = arg;

        while (!capnp_i_list_empty(&c->panes))
                pane_end(CAPNP_I_OF(c->panes.next, struct kit_pane, link), "denied.withdrawn");
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
        if (c->over)
                c->over(c->self);
        composition_free(c);
}

int kit_compose(capnp_vat *v, capnp_answer *a, void (*over)(void *self), void *self,
                struct kit_composition **ret_c)
{
        capnp_cap *lent = capnp_answer_method(a) == DRAW ? ui_composer_draw_param_surface(a).c
                                                         : ui_composer_compose_param_host(a).c;
        struct kit_composition *c = lent ? calloc(1, sizeof(*c)) : NULL;

        if (!lent) {
                (void)capnp_answer_fail(a, CAPNP_FAILED, "nothing was lent");
                return CAPNP_E_POISON;
        }
        if (!c) {
                (void)capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
                return -ENOMEM;
        }

        *c = (struct kit_composition){
                .vat = v, .a = a, .lent = capnp_cap_ref(lent), .over = over, .self = self};
        capnp_i_list_init(&c->panes);
        (void)capnp_answer_keep(a, compose_canceled, c);
        *ret_c = c;
        return 0;
}

void kit_compose_finish(struct kit_composition *c)
{
        while (!capnp_i_list_empty(&c->panes))
                kit_pane_close(CAPNP_I_OF(c->panes.next, struct kit_pane, link));
        (void)capnp_answer_return(c->a);
        composition_free(c);
}

capnp_cap *kit_composition_lent_peek(const struct kit_composition *c)
{
        return c->lent;
}
