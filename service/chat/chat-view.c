/*
 * Chat's panes as they are told: the channels, what is said in one of them, and who is there.
 *
 * Nothing here remembers what has changed. What there is now is compared with what the panes were
 * told last, and the difference is the patch; so a pane that has refused one, and a host that was
 * lent late, are served by the same few lines as a message that has just come. The lists are
 * compared item by item, the talk goes on from the last event that was told.
 *
 * A patch may have 64 KiB and a service 20 in a second, so one drawing tells a bounded part, and
 * who draws does so four times a second at most (chat-show.c).
 *
 * What people say need not be fit for a pane, where text has no direction controls, for one. Then
 * the pane says that somebody has said something; the words are in the channel for who joins it.
 */
#include "chat-view.h"

#include "chat.capnp-c.h"
#include "remote_ui.capnp-c.h"
#include "ui-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)CHAT_CHANNELS <= 256 && (int)CHAT_MEMBERS <= 256, "rows of a list");

enum {
        ROWS = 256,               /* of a list; all of them fit into one patch */
        EVENTS = 24,              /* of a talk, in one patch … */
        EVENTS_BYTES = 40 * 1024, /* … and not much more than this */
        KEEP = 200,
        SAID_MOST = 9999, /* that a badge has room for */
        METHOD_SAY = 2,   /* schema/chat.capnp */
        METHOD_LEAVE = 3,
        METHOD_ENTER = 4,
};

const struct kit_view_spec chat_view_panes[CHAT_PANES] = {
        {"channels", "Channels", "The channels there are; in which you are, and what is new there.",
         UI_SURFACE_KIND_LIST, UI_SAFETY_CLASS_PERSONAL, UI_LIST_ID, UI_PLACE_SIDE},
        {"talk", "No channel",
         "What is said in the channel that is shown, and a line to say "
         "something.",
         UI_SURFACE_KIND_TRANSCRIPT, UI_SAFETY_CLASS_PERSONAL, UI_TRANSCRIPT_ID, UI_PLACE_MAIN},
        {"members", "Members", "Who is in the channel that is shown.", UI_SURFACE_KIND_LIST,
         UI_SAFETY_CLASS_PERSONAL, UI_LIST_ID, UI_PLACE_SIDE},
};

/* ---- commands -------------------------------------------------------------------------------- */

static const struct kit_command_field enter_field[] = {CHAT_CHANNEL_FIELD};
static const struct kit_command_field send_field[] = {{.path = "text",
                                                       .label = "Message",
                                                       .required = true,
                                                       .max_bytes = CHAT_TEXT_BYTES,
                                                       .lines = 2}};

const struct kit_command chat_view_enter = {
        .id = "enter",
        .title = "Enter a channel",
        .summary = "Takes a place in it, as long as these panes are there, and shows it.",
        .effect = KIT_SHARED,
        .interface = CHAT_ID,
        .method = METHOD_ENTER,
        .fields = enter_field,
        .nfields = 1};
static const struct kit_command send = {.id = "send",
                                        .title = "Say something",
                                        .summary = "Says it in the channel that is shown.",
                                        .effect = KIT_SHARED,
                                        .interface = CHAT_ID,
                                        .method = METHOD_SAY,
                                        .fields = send_field,
                                        .nfields = 1};
static const struct kit_command leave = {.id = "leave",
                                         .title = "Leave this channel",
                                         .summary = "Ends all places that you have in it.",
                                         .effect = KIT_SHARED,
                                         .interface = CHAT_ID,
                                         .method = METHOD_LEAVE};

void chat_view_forget(void *self, unsigned p)
{
        struct chat_view *v = self;

        if (p == CHAT_PANE_TALK)
                v->commands = 0;
        free(v->told[p].v);
        v->told[p] = (struct chat_rows){.n = 0};
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int rows_compare(const void *a, const void *b)
{
        return strcmp(((const struct chat_row *)a)->key, ((const struct chat_row *)b)->key);
}

static bool row_same(const struct chat_row *a, const struct chat_row *b)
{
        return !strcmp(a->detail, b->detail) && !strcmp(a->badge, b->badge) && a->tone == b->tone;
}

/* What is to be told of a list: rows that are new or otherwise than they were, keys that are gone.
 */
struct change {
        const struct chat_row *put[ROWS], *gone[ROWS];
        uint32_t nput, ngone;
};

/* Both are sorted. */
static void rows_compare_all(const struct chat_rows *old, const struct chat_rows *now,
                             struct change *c)
{
        uint32_t i = 0, k = 0;

        while (i < old->n || k < now->n) {
                int order = i == old->n   ? 1
                            : k == now->n ? -1
                                          : rows_compare(&old->v[i], &now->v[k]);

                if (order < 0)
                        c->gone[c->ngone++] = &old->v[i];
                else if (order > 0 || !row_same(&old->v[i], &now->v[k]))
                        c->put[c->nput++] = &now->v[k];
                i += order <= 0;
                k += order >= 0;
        }
}

static void change_send(const struct chat_view *v, enum chat_pane p, const struct change *c)
{
        ui_model_patch_builder m;
        capnp_question *q = kit_view_change(&v->kit, p, &m.b);
        capnp_lbuilder gone = ui_model_patch_init_remove(m, c->ngone);
        ui_item_list_builder items = ui_model_patch_init_items(m, c->nput);

        for (uint32_t i = 0; i < c->ngone; i++)
                ui_model_patch_set_remove_at(gone, i, c->gone[i]->key);
        for (uint32_t i = 0; i < c->nput; i++) {
                ui_item_builder b = ui_item_list_builder_get(items, i);

                ui_item_set_key(b, c->put[i]->key);
                ui_item_set_title(b, c->put[i]->key);
                ui_item_set_detail(b, c->put[i]->detail);
                ui_item_set_badge(b, c->put[i]->badge);
                ui_item_set_tone(b, (enum ui_tone)c->put[i]->tone);
        }
        kit_pane_send(v->kit.pane[p], q);
}

static void list_begin(struct chat_view *v, enum chat_pane p)
{
        ui_model_builder m;
        capnp_question *q = kit_view_whole(&v->kit, p, &m.b);
        ui_list_builder l = ui_model_init_list_(m);

        if (p == CHAT_PANE_CHANNELS)
                ui_list_set_selectable(l, UI_LIST_SELECTION_ONE);
        kit_pane_send(v->kit.pane[p], q);
        if (p == CHAT_PANE_CHANNELS)
                kit_view_offer(&v->kit, p, &chat_view_enter);
}

/* now: its rows are taken, and told the next time if there is no memory for that. */
static void list_draw(struct chat_view *v, enum chat_pane p, struct chat_rows now)
{
        struct change *c = calloc(1, sizeof(*c));

        if (!c) {
                free(now.v);
                return;
        }

        if (!v->kit.begun[p])
                list_begin(v, p);
        if (now.n)
                qsort(now.v, now.n, sizeof(*now.v), rows_compare);
        rows_compare_all(&v->told[p], &now, c);
        if (c->nput || c->ngone)
                change_send(v, p, c);
        free(c);
        free(v->told[p].v);
        v->told[p] = now;
}

static void channels_draw(struct chat_view *v)
{
        struct chat_show *s = v->show;
        struct chat_rows now = {.v = calloc(ROWS, sizeof(struct chat_row))};
        const struct chat_channel *c = NULL;

        while (now.v && now.n < ROWS && (c = chat_rooms_next(s->rooms, c))) {
                struct chat_row *r = &now.v[now.n++];
                const struct chat_seat *seat = chat_show_find(s, capnp_text_of(c->name));

                (void)snprintf(r->key, sizeof(r->key), "%s", c->name);
                (void)snprintf(r->detail, sizeof(r->detail), "%u here", c->npeople);
                if (seat && seat->said)
                        (void)snprintf(r->badge, sizeof(r->badge), "%u new",
                                       seat->said < SAID_MOST ? seat->said : SAID_MOST);
                r->tone = !seat             ? UI_TONE_MUTED
                          : seat == s->seat ? UI_TONE_ACCENT
                                            : UI_TONE_NEUTRAL;
        }
        if (now.v)
                list_draw(v, CHAT_PANE_CHANNELS, now);
}

static void members_draw(struct chat_view *v)
{
        struct chat_show *s = v->show;
        struct chat_rows now = {.v = calloc(ROWS, sizeof(struct chat_row))};
        const char *labels[CHAT_MEMBERS];

        if (!now.v)
                return;
        now.n = s->seat ? chat_channel_labels(s->rooms, s->seat->member.channel, labels) : 0;
        for (uint32_t i = 0; i < now.n; i++) {
                (void)snprintf(now.v[i].key, sizeof(now.v[i].key), "%s", labels[i]);
                if (!strcmp(labels[i], s->person->label))
                        (void)snprintf(now.v[i].badge, sizeof(now.v[i].badge), "you");
        }
        list_draw(v, CHAT_PANE_MEMBERS, now);
}

/* ---- the talk -------------------------------------------------------------------------------- */

static void message_write(ui_message_builder b, const struct chat_event *e, const char *own)
{
        capnp_text text = {e->text, e->len};

        ui_message_set_sequence(b, e->sequence);
        ui_message_set_at_ms(b, e->at_ms);
        ui_message_set_author(b, e->label);
        ui_message_set_own(b, !strcmp(e->label, own));
        switch (e->act) {
        case CHAT_SAID:
                if (ui_text_wrong(UI_TEXT_MESSAGE, text)) {
                        ui_message_set_kind(b, UI_MESSAGE_KIND_NOTED);
                        ui_message_set_text(b, "has said what cannot be shown here");
                        return;
                }
                ui_message_set_text_n(b, text);
                return;
        case CHAT_JOINED:
                ui_message_set_kind(b, UI_MESSAGE_KIND_JOINED);
                return;
        case CHAT_LEFT:
                ui_message_set_kind(b, UI_MESSAGE_KIND_LEFT);
                return;
        }
}

/* The events after the last that was told, as many as a patch has. How many. */
static uint32_t talk_next(const struct chat_view *v, const struct chat_event *e[EVENTS])
{
        const struct chat_channel *c = v->seat ? v->seat->member.channel : NULL;
        uint32_t kept = c ? chat_channel_tail(c, CHAT_KEPT) : 0, n = 0, bytes = 0;

        for (uint32_t i = 0; i < kept && n < EVENTS && bytes < EVENTS_BYTES; i++) {
                const struct chat_event *at = chat_channel_tail_at(c, CHAT_KEPT, i);

                if (at->sequence <= v->drawn)
                        continue;
                e[n++] = at;
                bytes += at->len;
        }
        return n;
}

static void messages_write(struct chat_view *v, ui_message_list_builder l,
                           const struct chat_event *const *e, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                message_write(ui_message_list_builder_get(l, i), e[i], v->show->person->label);
        if (n)
                v->drawn = e[n - 1]->sequence;
}

/* Another channel is shown, or none: what it is called, and what can be done there. */
static void talk_name(struct chat_view *v)
{
        const char *title = v->seat ? v->seat->member.channel->name : NULL;
        const char *why_not = v->seat ? NULL : "you are in no channel: enter one";
        struct kit_command own[] = {send, leave};

        kit_view_rename(&v->kit, CHAT_PANE_TALK, title, NULL);
        if (v->commands == (v->seat ? 2 : 1))
                return;

        v->commands = v->seat ? 2 : 1;
        for (unsigned i = 0; i < 2; i++) {
                own[i].why_not = why_not;
                kit_view_offer(&v->kit, CHAT_PANE_TALK, &own[i]);
        }
}

/* Whole, with the last that was said. */
static void talk_begin(struct chat_view *v)
{
        const struct chat_event *e[EVENTS];
        ui_transcript_builder t;
        ui_model_builder m;
        capnp_question *q;
        uint32_t n;

        v->seat = v->show->seat;
        v->unread = 0;
        v->drawn = 0;
        if (v->seat)
                v->drawn = v->seat->member.channel->sequence -
                           chat_channel_tail(v->seat->member.channel, CHAT_SHOWN);
        n = talk_next(v, e);
        talk_name(v);

        q = kit_view_whole(&v->kit, CHAT_PANE_TALK, &m.b);
        t = ui_model_init_transcript(m);
        ui_transcript_set_keep(t, KEEP);
        ui_transcript_set_send(t, send.id);
        ui_transcript_set_draft(t, v->seat ? "Say something" : "");
        messages_write(v, ui_transcript_init_messages(t, n), e, n);
        kit_pane_send(v->kit.pane[CHAT_PANE_TALK], q);
}

/* What came since. false: there is more, which ends, since only so much is kept. */
static bool talk_go_on(struct chat_view *v)
{
        const struct chat_event *e[EVENTS];
        ui_model_patch_builder m;
        uint32_t n = talk_next(v, e);
        capnp_question *q;

        if (!n)
                return true;
        q = kit_view_change(&v->kit, CHAT_PANE_TALK, &m.b);
        messages_write(v, ui_model_patch_init_messages(m, n), e, n);
        kit_pane_send(v->kit.pane[CHAT_PANE_TALK], q);
        return !talk_next(v, e);
}

static void unread_draw(struct chat_view *v)
{
        uint32_t unread = v->seat ? v->seat->unread : 0;
        ui_model_patch_builder m;
        capnp_question *q;

        if (v->unread == unread)
                return;
        q = kit_view_change(&v->kit, CHAT_PANE_TALK, &m.b);
        ui_model_patch_set_unread(m, unread);
        kit_pane_send(v->kit.pane[CHAT_PANE_TALK], q);
        v->unread = unread;
}

static bool talk_draw(struct chat_view *v)
{
        if (!v->kit.begun[CHAT_PANE_TALK] || v->seat != v->show->seat)
                talk_begin(v);
        if (!talk_go_on(v))
                return false;
        unread_draw(v);
        return true;
}

bool chat_view_draw(void *self)
{
        struct chat_view *v = self;

        if (v->kit.pane[CHAT_PANE_CHANNELS])
                channels_draw(v);
        if (v->kit.pane[CHAT_PANE_MEMBERS])
                members_draw(v);
        return !v->kit.pane[CHAT_PANE_TALK] || talk_draw(v);
}
