/*
 * Chat as callers see it.
 *
 * A guest is one socket; its Chat object and its memberships are what it can call. A membership
 * ends when it is asked to, when nobody holds it any more, or with its socket, whichever is first;
 * its object stays, and refuses, until the last reference has gone.
 *
 * Delivery: after each event every listener of the channel is looked at. One that has no call in
 * flight is sent the next event it has not heard (chat-room.c says which); when that call has
 * returned, the next. A call that fails is the listener's last: the member stays, and is told
 * nothing more. So one listener has one call in flight, and what it delays is its own.
 *
 * Who has the facet `narrator`, as a service that has rooms, can say something in channels `#adv-…`
 * and nothing else, without a place, and is called that.
 *
 * A handler decodes and checks, then changes what there is, then answers. What it causes for
 * others is sent after its own answer, so that who joins has the history before what comes next.
 */
#include "chat-serve.h"

#include "chat-show.h"
#include "chat-view.h"
#include "chat.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where narrators speak: in the rooms of an adventure. */
#define CHAT_NARRATED "#adv-"

struct chat_guest {
        struct chat *chat;
        struct chat_person *person; /* NULL: the socket is gone */
        struct capnp_i_list places; /* struct place */
        struct chat_show show;      /* his panes */
        bool has_object;
};

/* A ChatMembership. */
struct place {
        struct chat_member member;
        struct capnp_i_list link; /* chat_guest.places */
        struct chat *chat;
        capnp_cap *listener;      /* NULL: nobody listens */
        capnp_question *delivery; /* the call in flight; NULL: none */
};

static uint64_t clock_ms(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t boot_ms(void)
{
        return clock_ms(CLOCK_BOOTTIME);
}

static struct chat_time chat_time(const void *chat)
{
        const struct chat *c = chat;

        return (struct chat_time){.now_ms = c->now_ms(), .wall_ms = clock_ms(CLOCK_REALTIME)};
}

/* ---- commands ----------------------------------------------------------------------------- */

/* What can be done here in one call; a place and its listener are not for that. */
static const struct kit_command_field channel_field[] = {CHAT_CHANNEL_FIELD};
static const struct kit_command_field say_fields[] = {
        CHAT_CHANNEL_FIELD,
        {.path = "text", .label = "Message", .required = true, .max_bytes = 4096, .lines = 4}};

static const struct kit_command commands[] = {
        {.id = "join",
         .title = "Join a channel",
         .summary = "Takes a place in a channel, as long as it is held.",
         .effect = KIT_SHARED,
         .interface = CHAT_ID,
         .method = 0,
         .fields = channel_field,
         .nfields = 1},
        {.id = "leave",
         .title = "Leave a channel",
         .summary = "Ends all places that you have in it.",
         .effect = KIT_SHARED,
         .interface = CHAT_ID,
         .method = 3,
         .fields = channel_field,
         .nfields = 1},
        {.id = "send",
         .title = "Say something",
         .summary = "Says it in a channel, where you need no place.",
         .effect = KIT_SHARED,
         .interface = CHAT_ID,
         .method = 2,
         .fields = say_fields,
         .nfields = 2},
        {.id = "channels",
         .title = "List the channels",
         .effect = KIT_READS,
         .interface = CHAT_ID,
         .method = 1}};

static void commands_complete(void *arg, const char *command, const char *path, const char *prefix,
                              struct kit_choices *to)
{
        const struct chat_channel *c = NULL;
        const struct chat *chat = arg;

        (void)command;
        (void)path;
        (void)prefix;
        while ((c = chat_rooms_next(&chat->rooms, c)))
                kit_choices_add(to, &(struct kit_choice){.value = c->name});
}

int chat_init(struct chat *c, capnp_vat *v)
{
        int r;

        *c = (struct chat){.vat = v, .now_ms = boot_ms};
        chat_people_init(&c->people);
        chat_rooms_init(&c->rooms);
        r = kit_commands_new(v, commands, sizeof(commands) / sizeof(commands[0]), commands_complete,
                             c, &c->commands);
        if (!r)
                r = kit_commands_new(v, &chat_view_enter, 1, commands_complete, c,
                                     &c->pane_commands);
        return r;
}

void chat_stop(struct chat *c)
{
        c->commands = kit_commands_free(c->commands);
        c->pane_commands = kit_commands_free(c->pane_commands);
}

void chat_deinit(struct chat *c)
{
        chat_rooms_deinit(&c->rooms);
        chat_people_deinit(&c->people);
}

/* ---- errors ------------------------------------------------------------------------------- */

static int chat_fail(capnp_answer *a, int r)
{
        static const struct {
                enum capnp_kind kind;
                const char *reason;
        } why[] = {
                [CHAT_E_NAME] = {CAPNP_FAILED,
                                 "a channel is # and 1 to 32 of a-z, 0-9, dash and underscore"},
                [CHAT_E_FULL] = {CAPNP_OVERLOADED, "too many channels, or members in this one"},
                [CHAT_E_PLACES] = {CAPNP_OVERLOADED, "you are in 16 channels already"},
                [CHAT_E_FAST] = {CAPNP_OVERLOADED, "too fast: try again in 10 seconds"},
                [CHAT_E_EMPTY] = {CAPNP_FAILED, "the message is empty"},
                [CHAT_E_LONG] = {CAPNP_FAILED, "the message has more than 4096 bytes"},
                [CHAT_E_TEXT] = {CAPNP_FAILED, "the message is not UTF-8, or has control "
                                               "characters other than newline and tab"},
                [CHAT_E_LEFT] = {CAPNP_FAILED, "you have left the channel"},
                [CHAT_E_PANES] = {CAPNP_FAILED, "no panes are shown: `join` is for listeners"},
        };

        if (r < 0)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "%s", capnp_strerror(r));

        return capnp_answer_fail(a, why[r].kind, "%s", why[r].reason);
}

/* ---- events ------------------------------------------------------------------------------- */

static void event_write(chat_event_builder b, const struct chat_channel *c,
                        const struct chat_event *e, bool history)
{
        chat_event_set_channel(b, c->name);
        chat_event_set_sequence(b, e->sequence);
        chat_event_set_at_ms(b, e->at_ms);
        chat_event_set_label(b, e->label);
        chat_event_set_history(b, history);
        switch (e->act) {
        case CHAT_SAID:
                chat_event_set_said_n(b, (capnp_text){e->text, e->len});
                return;
        case CHAT_JOINED:
                chat_event_set_joined(b);
                return;
        case CHAT_LEFT:
                chat_event_set_left(b);
                return;
        }
}

static void place_deliver(struct place *p);

static void place_on_delivered(capnp_question *q, int r, void *arg)
{
        struct place *p = arg;

        p->delivery = capnp_question_free(q);
        if (r)
                p->listener = capnp_cap_unref(p->listener);
        place_deliver(p);
}

static void place_deliver(struct place *p)
{
        const struct chat_channel *c = p->member.channel;
        const struct chat_event *e;

        if (!p->listener || p->delivery)
                return;

        e = chat_member_next(&p->member);
        if (!e)
                return;

        p->delivery = chat_listener_event((chat_listener_client){p->listener});
        if (!p->delivery) {
                p->listener = capnp_cap_unref(p->listener);
                return;
        }
        event_write(chat_listener_event_init_event(p->delivery), c, e, false);
        capnp_question_send(p->delivery, place_on_delivered, p);
}

static void place_on_happened(struct chat_member *m)
{
        place_deliver(CAPNP_I_OF(m, struct place, member));
}

/* ---- memberships -------------------------------------------------------------------------- */

static void place_end(struct place *p)
{
        struct chat_channel *c;

        p->delivery = capnp_question_free(p->delivery);
        p->listener = capnp_cap_unref(p->listener);
        capnp_i_list_remove(&p->link);
        c = chat_member_leave(&p->chat->rooms, &p->member, chat_time(p->chat));
        chat_rooms_tell(&p->chat->rooms, c);
}

static void membership_gone(void *self)
{
        place_end(self);
        free(self);
}

static int membership_send(void *self, capnp_answer *a)
{
        struct place *p = self;
        capnp_text text = chat_membership_send_param_text(a);
        uint64_t sequence;
        int r;

        if (capnp_answer_check(a))
                return chat_fail(a, CHAT_E_TEXT);

        r = chat_member_say(&p->member, text, chat_time(p->chat), &sequence);
        if (r)
                return chat_fail(a, r);

        chat_membership_send_results_set_sequence(a, sequence);
        r = capnp_answer_return(a);
        chat_rooms_tell(&p->chat->rooms, p->member.channel);
        return r;
}

static int membership_members(void *self, capnp_answer *a)
{
        struct place *p = self;
        const char *labels[CHAT_MEMBERS];
        capnp_lbuilder list;
        uint32_t n;

        if (!p->member.channel)
                return chat_fail(a, CHAT_E_LEFT);

        n = chat_channel_labels(&p->chat->rooms, p->member.channel, labels);
        list = chat_membership_members_results_init_labels(a, n);
        for (uint32_t i = 0; i < n; i++)
                chat_membership_members_out_set_labels_at(list, i, labels[i]);
        return capnp_answer_return(a);
}

static int membership_leave(void *self, capnp_answer *a)
{
        struct place *p = self;

        if (!p->member.channel)
                return chat_fail(a, CHAT_E_LEFT);

        place_end(p);
        return capnp_answer_return(a);
}

static const struct chat_membership_ops membership_ops = {
        .gone = membership_gone,
        .send = membership_send,
        .members = membership_members,
        .leave = membership_leave,
};

/* ---- joining ------------------------------------------------------------------------------ */

/* A place of a guest in a channel, which nobody has been told of yet. */
static int place_new(struct chat_guest *g, capnp_text name, struct chat_time t,
                     struct place **ret_place)
{
        struct place *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;

        r = chat_member_join(&g->chat->rooms, &p->member, g->person, name, t);
        if (r) {
                free(p);
                return r;
        }

        p->chat = g->chat;
        p->member.happened = place_on_happened;
        capnp_i_list_append(&g->places, &p->link);
        *ret_place = p;
        return 0;
}

static void join_results(capnp_answer *a, const struct place *p, capnp_cap *membership)
{
        const struct chat_channel *c = p->member.channel;
        uint32_t n = chat_channel_tail(c, CHAT_SHOWN);
        chat_event_list_builder history = chat_join_results_init_history(a, n);

        for (uint32_t i = 0; i < n; i++)
                event_write(chat_event_list_builder_get(history, i), c,
                            chat_channel_tail_at(c, CHAT_SHOWN, i), true);
        chat_join_results_set_label(a, p->member.person->label);
        chat_join_results_set_membership(a, (chat_membership_client){membership});
}

static int chat_serve_join(void *self, capnp_answer *a)
{
        struct chat_guest *g = self;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *membership = NULL;
        capnp_text name = chat_join_param_channel(a);
        capnp_cap *listener = chat_join_param_listener(a).c;
        struct chat_time t = chat_time(g->chat);
        struct place *p;
        int r;

        if (capnp_answer_check(a))
                return chat_fail(a, CHAT_E_NAME);
        if (!g->person)
                return chat_fail(a, CHAT_E_LEFT);

        r = place_new(g, name, t, &p);
        if (r)
                return chat_fail(a, r);

        r = chat_membership_serve(g->chat->vat, &membership_ops, p, &membership);
        if (r) {
                membership_gone(p);
                return chat_fail(a, r);
        }

        p->listener = capnp_cap_ref(listener);
        join_results(a, p, membership);
        r = capnp_answer_return(a);
        if (r)
                return r;

        chat_member_announce(&p->member, t);
        chat_rooms_tell(&g->chat->rooms, p->member.channel);
        return 0;
}

static int chat_serve_channels(void *self, capnp_answer *a)
{
        struct chat_guest *g = self;
        struct chat_rooms *rooms = &g->chat->rooms;
        const struct chat_channel *c = NULL;
        chat_channel_list_builder list;

        chat_rooms_sweep(rooms, chat_time(g->chat));
        list = chat_channels_results_init_channels(a, rooms->nchannels);
        for (uint32_t i = 0; (c = chat_rooms_next(rooms, c)); i++) {
                chat_channel_builder b = chat_channel_list_builder_get(list, i);

                chat_channel_set_name(b, c->name);
                chat_channel_set_members(b, c->npeople);
        }
        return capnp_answer_return(a);
}

/* ---- without a place ---------------------------------------------------------------------- */

/* One of a guest's places in a channel that are not for panes; NULL: none. */
static struct place *place_find(const struct chat_guest *g, capnp_text name)
{
        for (struct capnp_i_list *l = g->places.next; l != &g->places; l = l->next) {
                struct place *p = CAPNP_I_OF(l, struct place, link);

                if (p->member.channel && !strcmp(p->member.channel->name, name.p))
                        return p;
        }

        return NULL;
}

/* One of a guest's memberships of any kind; without a name, of what his panes show. NULL: none. */
static struct chat_member *member_find(const struct chat_guest *g, capnp_text name)
{
        struct chat_seat *seat = chat_show_find(&g->show, name);
        struct place *p = seat ? NULL : place_find(g, name);

        return seat ? &seat->member : p ? &p->member : NULL;
}

static int chat_serve_say(void *self, capnp_answer *a)
{
        struct chat_guest *g = self;
        capnp_text name = chat_say_param_channel(a), text = chat_say_param_text(a);
        struct chat_time t = chat_time(g->chat);
        struct place *own = NULL;
        struct chat_member *m;
        uint64_t sequence = 0;
        int r = 0;

        if (capnp_answer_check(a))
                return chat_fail(a, CHAT_E_TEXT);
        if (!g->person)
                return chat_fail(a, CHAT_E_LEFT);

        m = member_find(g, name);
        if (!m) {
                r = place_new(g, name, t, &own);
                m = own ? &own->member : NULL;
        }
        if (!r)
                r = chat_member_say(m, text, t, &sequence);
        if (r) {
                (void)chat_fail(a, r);
        } else {
                chat_say_results_set_sequence(a, sequence);
                r = capnp_answer_return(a);
                chat_rooms_tell(&g->chat->rooms, m->channel);
        }
        if (own)
                membership_gone(own);
        return r < 0 ? r : 0;
}

static int chat_serve_leave(void *self, capnp_answer *a)
{
        struct chat_guest *g = self;
        capnp_text name = chat_leave_param_channel(a);
        struct chat_seat *seat = chat_show_find(&g->show, name);
        char channel[CHAT_NAME_BYTES + 1];
        struct place *p;

        if (capnp_answer_check(a))
                return chat_fail(a, CHAT_E_NAME);
        if (seat && !name.len) {
                (void)snprintf(channel, sizeof(channel), "%s", seat->member.channel->name);
                name = capnp_text_of(channel);
        }
        p = place_find(g, name);
        if (!p && !seat)
                return chat_fail(a, CHAT_E_LEFT);

        if (seat)
                chat_seat_leave(seat);
        for (; p; p = place_find(g, name))
                place_end(p);
        return capnp_answer_return(a);
}

static int chat_serve_narrate(void *self, capnp_answer *a)
{
        if (strncmp(chat_say_param_channel(a).p, CHAT_NARRATED, strlen(CHAT_NARRATED)) != 0)
                return capnp_answer_fail(a, CAPNP_FAILED, "a narrator speaks in channels %s… alone",
                                         CHAT_NARRATED);

        return chat_serve_say(self, a);
}

/* ---- panes -------------------------------------------------------------------------------- */

static int chat_serve_enter(void *self, capnp_answer *a)
{
        struct chat_guest *g = self;
        capnp_text name = chat_enter_param_channel(a);
        int r;

        if (capnp_answer_check(a))
                return chat_fail(a, CHAT_E_NAME);
        if (!g->person)
                return chat_fail(a, CHAT_E_LEFT);

        r = chat_show_enter(&g->show, name);
        if (r)
                return chat_fail(a, r);
        chat_enter_results_set_label(a, g->person->label);
        return capnp_answer_return(a);
}

static int chat_serve_compose(void *self, capnp_answer *a)
{
        struct chat_guest *g = self;

        if (!g->person)
                return chat_fail(a, CHAT_E_LEFT);
        return chat_show_compose(&g->show, g->chat->vat, a);
}

static int chat_serve_commands(void *self, capnp_answer *a)
{
        return kit_commands_answer(((struct chat_guest *)self)->chat->commands, a);
}

static int chat_serve_complete(void *self, capnp_answer *a)
{
        struct chat *c = ((struct chat_guest *)self)->chat;

        capnp_text command = command_surface_complete_param_command(a);

        chat_rooms_sweep(&c->rooms, chat_time(c));
        return kit_commands_complete(
                !strcmp(command.p, chat_view_enter.id) ? c->pane_commands : c->commands, a);
}

/* ---- guests ------------------------------------------------------------------------------- */

static void guest_free_unused(struct chat_guest *g)
{
        if (!g->person && !g->has_object)
                free(g);
}

static void guest_object_gone(void *self)
{
        struct chat_guest *g = self;

        g->has_object = false;
        guest_free_unused(g);
}

static const struct chat_ops chat_ops = {
        .gone = guest_object_gone,
        .join = chat_serve_join,
        .channels = chat_serve_channels,
        .say = chat_serve_say,
        .leave = chat_serve_leave,
        .enter = chat_serve_enter,
        .ui_composer = {.compose = chat_serve_compose},
        .command_surface = {.commands = chat_serve_commands, .complete = chat_serve_complete},
};

static const struct chat_ops narrator_ops = {.gone = guest_object_gone, .say = chat_serve_narrate};

int chat_guest_enter(struct chat *c, const struct kit_caller *caller, bool narrates,
                     struct chat_guest **ret_guest, capnp_cap **ret_cap)
{
        struct chat_guest *g = calloc(1, sizeof(*g));
        int r;

        if (!g)
                return -ENOMEM;

        g->chat = c;
        capnp_i_list_init(&g->places);
        r = (narrates ? chat_people_enter_narrator : chat_people_enter)(
                &c->people, caller->origin, caller->epoch, c->now_ms(), &g->person);
        if (r) {
                free(g);
                return r;
        }

        chat_show_init(&g->show, &c->rooms, g->person, caller->reference, chat_time, c);
        r = chat_serve(c->vat, narrates ? &narrator_ops : &chat_ops, g, ret_cap);
        if (r) {
                chat_guest_leave(g);
                return r;
        }

        g->has_object = true;
        *ret_guest = g;
        return 0;
}

void chat_guest_leave(struct chat_guest *g)
{
        chat_show_deinit(&g->show);
        while (!capnp_i_list_empty(&g->places))
                place_end(CAPNP_I_OF(g->places.next, struct place, link));
        chat_people_leave(&g->chat->people, g->person, g->chat->now_ms());
        g->person = NULL;
        guest_free_unused(g);
}
