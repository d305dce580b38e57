/*
 * Chat in panes: who has lent a host, where he sits, and when his panes are drawn anew.
 *
 * A seat is a place in a channel that a person takes from within his panes (`enter`), so it lasts
 * as long as they do: with the last host that was given back all seats are left, and others see it.
 * A guest may have lent several hosts. They share his seats and which channel is shown, so `say`
 * and `leave` without a channel mean the same everywhere.
 *
 * Whoever lends hosts again by the same session begins anew. But a session whose line has dropped
 * is another one when its client has come back, of the same person; then his seats are taken again
 * with his panes, those that he had when the last were gone (chat_person.sat), or still has where
 * the old line is not known to be dead. Nobody has to know how a line ends for that: which session
 * it was says it.
 *
 * What happens is only counted at once, and drawn at the kit's pace: whatever goes on in a channel,
 * a host gets at most so many patches, and a busy channel costs no more than one drawing of it.
 *
 * A message is new until somebody could see it: while the talk's pane is visible (the host says
 * so), the channel that it shows has nothing new.
 */
#include "chat-show.h"

#include "chat-view.h"
#include "remote_ui.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- views ----------------------------------------------------------------------------------- */

static void sat_add(struct chat_sat *sat, const struct chat_seat *seat)
{
        (void)snprintf(sat->channels[sat->n++], sizeof(sat->channels[0]), "%s",
                       seat->member.channel->name);
}

/* Notes where the person sits, in case that he comes back; without memory he sits nowhere then. */
static void show_remember(const struct chat_show *s)
{
        struct chat_sat *sat;

        if (capnp_i_list_empty(&s->seats))
                return;
        sat = calloc(1, sizeof(*sat));
        if (sat) {
                memcpy(sat->line, s->line, sizeof(sat->line));
                sat->until_ms = s->time(s->clock).now_ms + CHAT_BACK_MS;
                if (s->seat)
                        sat_add(sat, s->seat);
        }
        for (struct capnp_i_list *l = s->seats.next; sat && l != &s->seats; l = l->next)
                if (CAPNP_I_OF(l, struct chat_seat, link) != s->seat)
                        sat_add(sat, CAPNP_I_OF(l, struct chat_seat, link));
        chat_person_sat(s->person, sat);
}

/* With the last view all seats go, and nobody watches. Who has closed all panes himself is not
 * remembered. */
static void view_over(void *self)
{
        struct chat_view *v = self;
        struct chat_show *s = v->show;
        bool closed = v->kit.closed;

        for (unsigned p = 0; p < CHAT_PANES; p++)
                chat_view_forget(v, p);
        capnp_i_list_remove(&v->link);
        free(v);
        if (capnp_i_list_empty(&s->views)) {
                show_remember(s);
                capnp_i_list_remove(&s->watcher.link);
                while (!capnp_i_list_empty(&s->seats))
                        chat_seat_leave(CAPNP_I_OF(s->seats.next, struct chat_seat, link));
        }
        if (closed)
                chat_person_sat(s->person, NULL);
}

static void show_touch(const struct chat_show *s)
{
        for (struct capnp_i_list *l = s->views.next; l != &s->views; l = l->next)
                kit_view_touch(&CAPNP_I_OF(l, struct chat_view, link)->kit);
}

static void show_on_happened(struct chat_watcher *w)
{
        show_touch(CAPNP_I_OF(w, struct chat_show, watcher));
}

/* ---- seats ----------------------------------------------------------------------------------- */

static bool view_shows_talk(const struct chat_view *v)
{
        return v->visible && v->kit.pane[CHAT_PANE_TALK];
}

static bool seat_is_seen(const struct chat_seat *s)
{
        if (s->show->seat != s)
                return false;
        for (struct capnp_i_list *l = s->show->views.next; l != &s->show->views; l = l->next)
                if (view_shows_talk(CAPNP_I_OF(l, struct chat_view, link)))
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
                        kit_view_forget(&v->kit, CHAT_PANE_TALK);
        }
        capnp_i_list_remove(&seat->link);
        if (s->seat == seat)
                show_seat(s, capnp_i_list_empty(&s->seats)
                                     ? NULL
                                     : CAPNP_I_OF(s->seats.next, struct chat_seat, link));
        chat_rooms_tell(rooms, chat_member_leave(rooms, &seat->member, s->time(s->clock)));
        free(seat);
}

/* Takes over what the person has by a session before this one, whose end is not known yet. */
static void show_take_over(struct chat_show *s, struct chat_show *before)
{
        for (struct capnp_i_list *l = before->views.next; l != &before->views; l = l->next)
                kit_view_forget(&CAPNP_I_OF(l, struct chat_view, link)->kit, CHAT_PANE_TALK);
        for (struct capnp_i_list *l = before->seats.next; l != &before->seats; l = l->next)
                CAPNP_I_OF(l, struct chat_seat, link)->show = s;
        capnp_i_list_splice(&s->seats, &before->seats);
        s->seat = before->seat ? before->seat : s->seat;
        show_seat(before, NULL);
}

/* Takes the seats again that the person had by a session before this one. What is not to be had,
 * for want of room, he has not. */
static void show_come_back(struct chat_show *s)
{
        const struct chat_sat *sat = s->person->sat;
        struct chat_seat *seat, *first = NULL;

        for (struct capnp_i_list *l = s->person->shows.next; l != &s->person->shows; l = l->next) {
                struct chat_show *other = CAPNP_I_OF(l, struct chat_show, link);

                if (memcmp(other->line, s->line, sizeof(s->line)) != 0)
                        show_take_over(s, other);
        }
        if (sat && (!memcmp(sat->line, s->line, sizeof(s->line)) ||
                    s->time(s->clock).now_ms >= sat->until_ms))
                sat = NULL;
        for (uint32_t i = 0; sat && i < sat->n; i++) {
                capnp_text name = capnp_text_of(sat->channels[i]);

                if (chat_show_find(s, name) || seat_new(s, name, &seat))
                        continue;
                first = first ? first : seat;
                chat_rooms_tell(s->rooms, seat->member.channel);
        }
        chat_person_sat(s->person, NULL);
        show_seat(s, s->seat ? s->seat : first);
}

/* ---- panes ----------------------------------------------------------------------------------- */

static void pane_on_event(void *self, unsigned p, capnp_reader event)
{
        ui_event_payload_reader what = ui_event_payload((ui_event_reader){event});
        struct chat_view *v = self;
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

static const struct kit_view_kind view_kind = {.panes = chat_view_panes,
                                               .npanes = CHAT_PANES,
                                               .pace_ms = 250,
                                               .draw = chat_view_draw,
                                               .forget = chat_view_forget,
                                               .event = pane_on_event,
                                               .over = view_over};

int chat_show_compose(struct chat_show *s, capnp_vat *vat, capnp_answer *a)
{
        struct chat_view *v = calloc(1, sizeof(*v));
        bool is_first;

        if (!v)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "out of memory");
        if (kit_view_compose(&v->kit, &view_kind, v, vat, a)) {
                free(v);
                return 0;
        }

        v->show = s;
        is_first = capnp_i_list_empty(&s->views);
        if (is_first)
                capnp_i_list_append(&s->rooms->watchers, &s->watcher.link);
        capnp_i_list_append(&s->views, &v->link);
        if (is_first)
                show_come_back(s);
        return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

void chat_show_init(struct chat_show *s, struct chat_rooms *rooms, struct chat_person *person,
                    const uint8_t *line, struct chat_time (*time)(const void *clock),
                    const void *clock)
{
        *s = (struct chat_show){.watcher.happened = show_on_happened,
                                .rooms = rooms,
                                .person = person,
                                .time = time,
                                .clock = clock};
        capnp_i_list_init(&s->seats);
        capnp_i_list_init(&s->views);
        capnp_i_list_init(&s->watcher.link);
        memcpy(s->line, line, sizeof(s->line));
        capnp_i_list_append(&person->shows, &s->link);
}

void chat_show_deinit(struct chat_show *s)
{
        while (!capnp_i_list_empty(&s->views))
                kit_view_end(&CAPNP_I_OF(s->views.next, struct chat_view, link)->kit);
        capnp_i_list_remove(&s->link);
}
