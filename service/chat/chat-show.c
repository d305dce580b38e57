/*
 * Chat in panes: who has lent a host, where he sits, and when his panes are drawn anew.
 *
 * A seat is a place in a channel that a person takes from within his panes (`enter`), so it lasts
 * as long as they do: with the last host that was given back all seats are left, and others see it.
 * A guest may have lent several hosts. They share his seats and which channel is shown, so `say`
 * and `leave` without a channel mean the same everywhere.
 *
 * What happens is only counted at once. It is drawn a moment later, and then not again for
 * PACE_MS: whatever goes on in a channel, a host gets at most so many patches, and a busy channel
 * costs no more than one drawing of it.
 *
 * A message is new until somebody could see it: while the talk's pane is visible (the host says
 * so), the channel that it shows has nothing new.
 */
#include "chat-show.h"

#include "chat-view.h"
#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PACE_MS = 250, AGAIN_MS = 1000 };

/* ---- views ----------------------------------------------------------------------------------- */

static void view_draw_in(struct chat_view *v, uint32_t ms);

static void view_free(struct chat_view *v)
{
        for (unsigned p = 0; p < CHAT_PANES; p++)
                free(v->told[p].v);
        capnp_timer_free(v->timer);
        capnp_i_list_remove(&v->link);
        free(v);
}

/* With the last view all seats go, and nobody watches. */
static void view_end(struct chat_view *v)
{
        struct chat_show *s = v->show;

        view_free(v);
        if (!capnp_i_list_empty(&s->views))
                return;
        capnp_i_list_remove(&s->watcher.link);
        while (!capnp_i_list_empty(&s->seats))
                chat_seat_leave(CAPNP_I_OF(s->seats.next, struct chat_seat, link));
}

static void view_on_time(void *arg)
{
        struct chat_view *v = arg;
        bool any = false;

        v->timer = NULL;
        for (unsigned p = 0; p < CHAT_PANES; p++)
                any |= v->pane[p] != NULL;
        if (!any) { /* somebody has closed them all */
                kit_compose_finish(v->c);
                view_end(v);
        } else if (v->dirty) {
                v->dirty = !chat_view_draw(v);
                view_draw_in(v, PACE_MS);
        }
}

/* Not before that, and not before it may be. */
static void view_draw_in(struct chat_view *v, uint32_t ms)
{
        if (!v->timer)
                (void)!capnp_timer_new(v->vat, ms, view_on_time, v, &v->timer);
}

static void view_touch(struct chat_view *v)
{
        v->dirty = true;
        view_draw_in(v, 0);
}

static void show_touch(const struct chat_show *s)
{
        for (struct capnp_i_list *l = s->views.next; l != &s->views; l = l->next)
                view_touch(CAPNP_I_OF(l, struct chat_view, link));
}

static void show_on_happened(struct chat_watcher *w)
{
        show_touch(CAPNP_I_OF(w, struct chat_show, watcher));
}

/* ---- seats ----------------------------------------------------------------------------------- */

static bool seat_is_seen(const struct chat_seat *s)
{
        if (s->show->seat != s)
                return false;
        for (struct capnp_i_list *l = s->show->views.next; l != &s->show->views; l = l->next)
                if (CAPNP_I_OF(l, struct chat_view, link)->visible)
                        return true;
        return false;
}

static void seat_count(struct chat_seat *s)
{
        const struct chat_event *e;

        bool seen = seat_is_seen(s);

        while ((e = chat_member_next(&s->member))) {
                s->unread++;
                s->said += e->act == CHAT_SAID;
                seen |= !strcmp(e->label, s->member.person->label);
                if (seen)
                        s->said = s->unread = 0;
        }
        if (seen)
                s->said = s->unread = 0;
}

static void seat_on_happened(struct chat_member *m)
{
        seat_count(CAPNP_I_OF(m, struct chat_seat, member));
}

static void show_seat(struct chat_show *s, struct chat_seat *seat)
{
        s->seat = seat;
        if (seat)
                seat_count(seat);
        show_touch(s);
}

static int seat_new(struct chat_show *s, capnp_text name, struct chat_seat **ret_seat)
{
        struct chat_seat *seat = calloc(1, sizeof(*seat));
        struct chat_time t = s->time(s->clock);
        int r = seat ? chat_member_join(s->rooms, &seat->member, s->person, name, t) : -ENOMEM;

        if (r) {
                free(seat);
                return r;
        }

        seat->show = s;
        seat->member.happened = seat_on_happened;
        capnp_i_list_append(&s->seats, &seat->link);
        chat_member_announce(&seat->member, t);
        *ret_seat = seat;
        return 0;
}

int chat_show_enter(struct chat_show *s, capnp_text name)
{
        struct chat_seat *seat = name.len ? chat_show_find(s, name) : NULL;
        bool is_new = !seat;
        int r = 0;

        if (capnp_i_list_empty(&s->views))
                return CHAT_E_PANES;
        if (is_new)
                r = seat_new(s, name, &seat);
        if (r)
                return r;

        show_seat(s, seat);
        if (is_new)
                chat_rooms_tell(s->rooms, seat->member.channel);
        return 0;
}

void chat_seat_leave(struct chat_seat *seat)
{
        struct chat_show *s = seat->show;
        struct chat_rooms *rooms = s->rooms;

        for (struct capnp_i_list *l = s->views.next; l != &s->views; l = l->next) {
                struct chat_view *v = CAPNP_I_OF(l, struct chat_view, link);

                if (v->seat == seat)
                        chat_view_forget(v, CHAT_PANE_TALK);
        }
        capnp_i_list_remove(&seat->link);
        if (s->seat == seat)
                show_seat(s, capnp_i_list_empty(&s->seats)
                                     ? NULL
                                     : CAPNP_I_OF(s->seats.next, struct chat_seat, link));
        chat_rooms_tell(rooms, chat_member_leave(rooms, &seat->member, s->time(s->clock)));
        free(seat);
}

/* ---- panes ----------------------------------------------------------------------------------- */

static enum chat_pane pane_of(const struct chat_view *v, const struct kit_pane *k)
{
        enum chat_pane p = CHAT_PANE_CHANNELS;

        while (p < CHAT_PANES - 1 && v->pane[p] != k)
                p++;
        return p;
}

static void pane_on_event(void *self, struct kit_pane *k, capnp_reader event)
{
        ui_event_payload_reader what = ui_event_payload((ui_event_reader){event});
        struct chat_view *v = self;
        enum chat_pane p = pane_of(v, k);
        struct chat_seat *seat;

        if (p == CHAT_PANE_TALK && ui_event_payload_which(what) == UI_EVENT_PAYLOAD_VISIBLE) {
                v->visible = ui_event_payload_visible(what);
                show_seat(v->show, v->show->seat);
        }
        if (p == CHAT_PANE_CHANNELS && ui_event_payload_which(what) == UI_EVENT_PAYLOAD_SELECTION &&
            ui_event_payload_selection(what).len == 1) {
                seat = chat_show_find(v->show, ui_event_payload_selection_at(
                                                       ui_event_payload_selection(what), 0));
                if (seat)
                        show_seat(v->show, seat);
        }
}

/* Too much, or another revision than the service thinks: whole, in a while. */
static void pane_on_refused(void *self, struct kit_pane *k, const char *reason)
{
        struct chat_view *v = self;

        (void)reason;
        chat_view_forget(v, pane_of(v, k));
        v->dirty = true;
        v->timer = capnp_timer_free(v->timer);
        view_draw_in(v, AGAIN_MS);
}

static void pane_on_gone(void *self, struct kit_pane *k, const char *reason)
{
        struct chat_view *v = self;
        enum chat_pane p = pane_of(v, k);

        (void)reason;
        v->pane[p] = NULL;
        if (p == CHAT_PANE_TALK)
                v->visible = false;
        view_touch(v);
}

static const struct kit_pane_ops pane_ops = {
        .event = pane_on_event, .refused = pane_on_refused, .gone = pane_on_gone};

static void view_over(void *self)
{
        view_end(self);
}

int chat_show_compose(struct chat_show *s, capnp_vat *vat, capnp_answer *a)
{
        struct chat_view *v = calloc(1, sizeof(*v));

        if (!v)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        if (kit_compose(vat, a, view_over, v, &v->c)) {
                free(v);
                return 0;
        }

        v->show = s;
        v->vat = vat;
        if (capnp_i_list_empty(&s->views))
                capnp_i_list_append(&s->rooms->watchers, &s->watcher.link);
        capnp_i_list_append(&s->views, &v->link);
        for (enum chat_pane p = CHAT_PANE_CHANNELS; p < CHAT_PANES; p++) {
                capnp_question *q = chat_view_open(v, p);

                (void)!kit_pane_new(v->c, remote_ui_host_open_surface(q).c, &pane_ops, v,
                                    &v->pane[p]);
                capnp_question_detach(q);
        }
        view_touch(v);
        return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

void chat_show_init(struct chat_show *s, struct chat_rooms *rooms, struct chat_person *person,
                    struct chat_time (*time)(const void *clock), const void *clock)
{
        *s = (struct chat_show){.watcher.happened = show_on_happened,
                                .rooms = rooms,
                                .person = person,
                                .time = time,
                                .clock = clock};
        capnp_i_list_init(&s->seats);
        capnp_i_list_init(&s->views);
        capnp_i_list_init(&s->watcher.link);
}

void chat_show_deinit(struct chat_show *s)
{
        while (!capnp_i_list_empty(&s->views)) {
                struct chat_view *v = CAPNP_I_OF(s->views.next, struct chat_view, link);

                kit_compose_finish(v->c);
                view_end(v);
        }
}
