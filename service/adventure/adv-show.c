/*
 * Adventure in panes: who has lent a host, and when his panes are drawn anew. All hosts of a player
 * show the same game, whichever of his sessions has lent them.
 *
 * What happens is only noted at once. It is drawn a moment later, and then not again for PACE_MS,
 * so a host gets a bounded number of patches whatever goes on in a room.
 */
#include "adv-show.h"

#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <stdlib.h>

enum { PACE_MS = 700, AGAIN_MS = 1000 };

static void view_draw_in(struct adv_view *v, uint32_t ms);

static void view_end(struct adv_view *v)
{
        capnp_timer_free(v->timer);
        capnp_i_list_remove(&v->link);
        capnp_i_list_remove(&v->of_show);
        free(v);
}

static void view_on_time(void *arg)
{
        struct adv_view *v = arg;
        bool any = false;

        v->timer = NULL;
        for (unsigned p = 0; p < ADV_PANES; p++)
                any |= v->pane[p] != NULL;
        if (!any) { /* somebody has closed them all */
                kit_compose_finish(v->c);
                view_end(v);
        } else if (v->dirty) {
                v->dirty = !adv_view_draw(v);
                view_draw_in(v, PACE_MS);
        }
}

/* Not before that, and not before it may be. */
static void view_draw_in(struct adv_view *v, uint32_t ms)
{
        if (!v->timer)
                (void)!capnp_timer_new(v->vat, ms, view_on_time, v, &v->timer);
}

static void view_touch(struct adv_view *v)
{
        v->dirty = true;
        view_draw_in(v, 0);
}

void adv_show_touch(const struct adv_player *p)
{
        for (struct capnp_i_list *l = p->shows.next; l != &p->shows; l = l->next)
                view_touch(CAPNP_I_OF(l, struct adv_view, link));
}

static enum adv_pane pane_of(const struct adv_view *v, const struct kit_pane *k)
{
        enum adv_pane p = ADV_PANE_ROOM;

        while (p < ADV_PANES - 1 && v->pane[p] != k)
                p++;
        return p;
}

/* Too much, or another revision than the service thinks: whole, in a while. */
static void pane_on_refused(void *self, struct kit_pane *k, const char *reason)
{
        struct adv_view *v = self;

        (void)reason;
        adv_view_forget(v, pane_of(v, k));
        v->dirty = true;
        v->timer = capnp_timer_free(v->timer);
        view_draw_in(v, AGAIN_MS);
}

static void pane_on_gone(void *self, struct kit_pane *k, const char *reason)
{
        struct adv_view *v = self;

        (void)reason;
        v->pane[pane_of(v, k)] = NULL;
        view_touch(v);
}

static const struct kit_pane_ops pane_ops = {.refused = pane_on_refused, .gone = pane_on_gone};

static void view_over(void *self)
{
        view_end(self);
}

int adv_show_compose(struct adv_show *s, capnp_answer *a)
{
        struct adv_view *v = calloc(1, sizeof(*v));

        if (!v)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        if (kit_compose(s->vat, a, view_over, v, &v->c)) {
                free(v);
                return 0;
        }

        v->player = s->player;
        v->vat = s->vat;
        capnp_i_list_append(&s->player->shows, &v->link);
        capnp_i_list_append(&s->views, &v->of_show);
        for (enum adv_pane p = ADV_PANE_ROOM; p < ADV_PANES; p++) {
                capnp_question *q = adv_view_open(v, p);

                (void)!kit_pane_new(v->c, remote_ui_host_open_surface(q).c, &pane_ops, v,
                                    &v->pane[p]);
                capnp_question_detach(q);
        }
        view_touch(v);
        return 0;
}

void adv_show_init(struct adv_show *s, struct adv_player *p, capnp_vat *v)
{
        *s = (struct adv_show){.player = p, .vat = v};
        capnp_i_list_init(&s->views);
}

void adv_show_deinit(struct adv_show *s)
{
        while (!capnp_i_list_empty(&s->views)) {
                struct adv_view *v = CAPNP_I_OF(s->views.next, struct adv_view, of_show);

                kit_compose_finish(v->c);
                view_end(v);
        }
}
