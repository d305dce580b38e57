/*
 * Chat's panes (R57), as lib/ui shows them: a process of capos-chat, sessions that say things, and
 * a workspace that lends it hosts. What is stubbed is the session, which hands a host on to
 * `compose` as a worker would.
 *
 * And a host that is none of ours: it refuses, and counts what it is told.
 */
#include "chat-room.h"
#include "kit-play.h"

#include "chat.capnp-c.h"
#include "command.capnp-c.h"
#include "remote_session.capnp-c.h"
#include "remote_ui.capnp-c.h"

#include <capos/ui.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const program[] = {"capos-chat", NULL};

enum { CHANNELS, TALK, MEMBERS, PANES };

/* ---- a host ---------------------------------------------------------------------------------- */

/* A workspace of a caller's, and what it is waited for. */
struct eye {
        struct play_caller *caller;
        capnp_vat *vat;
        capnp_cap *session;
        capnp_question *compose;
        capnp_answer *ended; /* of RemoteUiOffer */
        capnp_schema *schema;
        capos_ui *ui;
        capos_ui_offer *offer;
        unsigned pane;      /* that is looked at */
        const char *wanted; /* in there */
        const char *unwanted;
        bool seen, over, has_run;
        char why[CAPOS_UI_WORDS];
};

static void eye_tell_end(struct eye *e)
{
        if (e->ended && capnp_question_is_done(e->compose)) {
                remote_ui_offer_ended_results_set_reason(e->ended, "it has finished");
                (void)capnp_answer_return(e->ended);
                e->ended = NULL;
        }
}

static void compose_done(capnp_question *q, int r, void *arg)
{
        (void)q;
        (void)r;
        eye_tell_end(arg);
}

static int serve_withdraw(void *self, capnp_answer *a)
{
        struct eye *e = self;

        e->compose = capnp_question_free(e->compose);
        return capnp_answer_return(a);
}

static void ended_canceled(capnp_answer *a, void *arg)
{
        ((struct eye *)arg)->ended = NULL;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int serve_ended(void *self, capnp_answer *a)
{
        ((struct eye *)self)->ended = a;
        return capnp_answer_keep(a, ended_canceled, self);
}

static int serve_report(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static const struct remote_ui_offer_ops offer_ops = {
        .withdraw = serve_withdraw, .ended = serve_ended, .report = serve_report};

static int serve_offer_ui(void *self, capnp_answer *a)
{
        struct eye *e = self;
        capnp_cap *offer;

        e->compose = ui_composer_compose((ui_composer_client){e->caller->object});
        ui_composer_compose_set_host(e->compose, remote_session_offer_ui_param_host(a));
        capnp_question_send(e->compose, compose_done, e);
        CHECK_OK(remote_ui_offer_serve(e->vat, &offer_ops, e, &offer));
        remote_session_offer_ui_results_set_offer(a, (remote_ui_offer_client){offer});
        capnp_cap_unref(offer);
        return capnp_answer_return(a);
}

static const struct remote_session_ops session_ops = {.offer_ui = serve_offer_ui};

static uint64_t on_now(void *arg)
{
        struct timespec t;

        (void)arg;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static capnp_cap *on_capability(void *arg, const char *name, uint64_t interface)
{
        (void)name;
        (void)interface;
        return capnp_cap_ref(((struct eye *)arg)->caller->object);
}

static void eye_look(struct eye *e)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        capos_ui_surface *s = capos_ui_surface_at(e->ui, e->pane);
        const struct capos_ui_draw page = {.columns = 100};
        struct capos_ui_pane p;
        char title[128];

        if (!s)
                return;
        capnp_buf_init(&b, 4 << 20);
        capos_ui_surface_info(s, &p);
        CHECK_OK(capos_ui_draw_text(s, &page, &b));
        (void)snprintf(title, sizeof(title), "%s\n", p.title.p);
        e->seen = !e->wanted || strstr(b.p ? b.p : "", e->wanted) || strstr(title, e->wanted);
        e->seen &= !e->unwanted || !strstr(b.p ? b.p : "", e->unwanted);
}

static void on_opened(void *arg, capos_ui_surface *s)
{
        (void)s;
        eye_look(arg);
}

static void on_changed(void *arg, capos_ui_surface *s, const struct capos_ui_change *c)
{
        (void)s;
        (void)c;
        eye_look(arg);
}

static void on_ran(void *arg, const struct capos_ui_ran *r)
{
        struct eye *e = arg;

        e->has_run = true;
        (void)snprintf(e->why, sizeof(e->why), "%s", r->why);
}

static void on_ended(void *arg, capos_ui_offer *o, enum capos_ui_close_reason how, const char *why)
{
        (void)o;
        (void)how;
        (void)why;
        ((struct eye *)arg)->over = true;
}

static const struct capos_ui_front_ops front_ops = {
        .now_ms = on_now,
        .capability = on_capability,
        .opened = on_opened,
        .changed = on_changed,
        .ran = on_ran,
        .ended = on_ended,
};

static void eye_open(struct play *p, struct eye *e, struct play_caller *c, uint16_t columns)
{
        const struct capos_ui_offering what = {
                .name = "chat", .title = "Chat", .interface = CHAT_ID, .asked_for = true};
        struct capos_ui_config config;

        *e = (struct eye){.caller = c, .vat = p->vat};
        CHECK_OK(capnp_schema_new(&e->schema));
        CHECK_OK(capnp_schema_add_file(e->schema, &chat_capnp_schema));
        CHECK_OK(remote_session_serve(p->vat, &session_ops, e, &e->session));
        config = (struct capos_ui_config){.vat = p->vat,
                                          .session = e->session,
                                          .schema = e->schema,
                                          .account = "ada",
                                          .columns = columns,
                                          .rows = 40,
                                          .ops = &front_ops,
                                          .arg = e};
        CHECK_OK(capos_ui_new(&config, &e->ui));
        CHECK_OK(capos_ui_offer_host(e->ui, &what, &e->offer, NULL));
}

static void eye_close(struct eye *e)
{
        e->ui = capos_ui_free(e->ui);
        e->compose = capnp_question_free(e->compose);
        e->session = capnp_cap_unref(e->session);
        e->schema = capnp_schema_free(e->schema);
}

/* Waits until a pane shows something, or something no longer. */
static void see(struct play *p, struct eye *e, unsigned pane, const char *wanted)
{
        e->pane = pane;
        e->wanted = wanted;
        e->unwanted = NULL;
        e->seen = false;
        eye_look(e);
        play_until(p, &e->seen);
}

static void miss(struct play *p, struct eye *e, unsigned pane, const char *unwanted)
{
        e->pane = pane;
        e->wanted = NULL;
        e->unwanted = unwanted;
        e->seen = false;
        eye_look(e);
        play_until(p, &e->seen);
}

/* Begins to run a command as a person does, with at most one field. */
static void act_begin(struct eye *e, unsigned pane, const char *command, const char *path,
                      const char *value)
{
        const struct capos_ui_value v = {
                .path = path, .text = capnp_text_of(value ? value : ""), .typed = true};
        const struct capos_ui_act a = {
                .command = command, .values = &v, .nvalues = value ? 1 : 0, .trusted = true};
        struct capos_ui_why why = {.text = ""};
        int r = capos_ui_activate(capos_ui_surface_at(e->ui, pane), &a, &why);

        e->has_run = r != 0;
        (void)snprintf(e->why, sizeof(e->why), "%s", why.text);
}

/* … and waits for its end. "": it is done. */
static const char *act(struct play *p, struct eye *e, unsigned pane, const char *command,
                       const char *path, const char *value)
{
        act_begin(e, pane, command, path, value);
        play_until(p, &e->has_run);
        return e->why;
}

/* Until the pane offers something to do. */
static void see_commands(struct play *p, struct eye *e, unsigned pane)
{
        struct capos_ui_pane info = {.commands = 0};

        while (!info.commands) {
                play_for_ms(p, 10);
                if (capos_ui_surface_at(e->ui, pane))
                        capos_ui_surface_info(capos_ui_surface_at(e->ui, pane), &info);
        }
}

static void enter(struct play *p, struct eye *e, const char *channel)
{
        see_commands(p, e, CHANNELS);
        CHECK_STR(act(p, e, CHANNELS, "enter", "channel", channel), "");
        see(p, e, TALK, channel);
}

/* ---- others ---------------------------------------------------------------------------------- */

static int say(struct play_caller *c, const char *channel, const char *text)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_say((chat_client){c->object});

        chat_say_set_channel(q, channel);
        chat_say_set_text(q, text);
        return capnp_question_wait(q);
}

static int call_enter(struct play_caller *c, const char *channel)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_enter((chat_client){c->object});

        chat_enter_set_channel(q, channel);
        return capnp_question_wait(q);
}

static int call_leave(struct play_caller *c, const char *channel)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_leave((chat_client){c->object});

        chat_leave_set_channel(q, channel);
        return capnp_question_wait(q);
}

static uint32_t people(struct play_caller *c, const char *channel)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = chat_channels((chat_client){c->object});
        chat_channel_list l;

        CHECK_OK(capnp_question_wait(q));
        l = chat_channels_channels(q);
        for (uint32_t i = 0; i < chat_channel_list_len(l); i++)
                if (!strcmp(chat_channel_name(chat_channel_list_get(l, i)).p, channel))
                        return chat_channel_members(chat_channel_list_get(l, i));
        return 0;
}

/* A process, and callers. */
struct rig {
        struct play p;
        struct play_caller c[3];
};

static void rig_open(struct rig *g)
{
        play_start(&g->p, program);
        for (uint8_t i = 0; i < 3; i++)
                play_open(&g->p, &g->c[i], i + 1, "");
}

static void rig_close(struct rig *g)
{
        for (unsigned i = 0; i < 3; i++)
                if (g->c[i].conn)
                        play_close(&g->c[i]);
        play_stop(&g->p);
}

/* ---- talking --------------------------------------------------------------------------------- */

TEST(two_talk_in_panes)
{
        struct eye ada, bob;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &ada, &g.c[0], 100);
        eye_open(&g.p, &bob, &g.c[1], 100);
        enter(&g.p, &ada, "#lobby");
        enter(&g.p, &bob, "#lobby");
        see(&g.p, &ada, CHANNELS, "* #lobby - 2 here");
        see(&g.p, &ada, MEMBERS, "[you]");
        CHECK_STR(act(&g.p, &ada, TALK, "send", "text", "hello, both"), "");
        see(&g.p, &bob, TALK, ": hello, both");
        CHECK_STR(act(&g.p, &bob, TALK, "send", "text", "one\ntwo"), "");
        see(&g.p, &ada, TALK, "two");
        CHECK_STR(act(&g.p, &bob, TALK, "leave", NULL, NULL), "");
        see(&g.p, &ada, TALK, "has left");
        see(&g.p, &ada, CHANNELS, "1 here");
        see(&g.p, &bob, TALK, "No channel");
        CHECK(strstr(act(&g.p, &bob, TALK, "leave", NULL, NULL), "you are in no channel") != NULL);
        eye_close(&ada);
        eye_close(&bob);
        rig_close(&g);
}

/* What is new is counted where nobody looks, and is not when somebody has. */
TEST(what_is_new_is_counted)
{
        static const char *const lobby[] = {"#lobby"};
        struct eye e;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &e, &g.c[0], 100);
        enter(&g.p, &e, "#lobby");
        enter(&g.p, &e, "#other");
        CHECK_OK(say(&g.c[1], "#lobby", "one"));
        CHECK_OK(say(&g.c[1], "#lobby", "two"));
        CHECK_OK(say(&g.c[1], "#other", "three"));
        see(&g.p, &e, CHANNELS, "#lobby [2 new]");
        see(&g.p, &e, TALK, "three");
        miss(&g.p, &e, CHANNELS, "#other [");
        CHECK_OK(capos_ui_select(capos_ui_surface_at(e.ui, CHANNELS), lobby, 1));
        see(&g.p, &e, TALK, "two");
        see(&g.p, &e, CHANNELS, "* #lobby - 1 here");
        eye_close(&e);

        /* So narrow that one pane is to be seen, and it is not the talk: what comes of his act
         * shows that to nobody who looks elsewhere already. */
        eye_open(&g.p, &e, &g.c[0], 40);
        see_commands(&g.p, &e, CHANNELS);
        while (!capos_ui_surface_at(e.ui, MEMBERS))
                play_for_ms(&g.p, 10);
        act_begin(&e, CHANNELS, "enter", "channel", "#lobby");
        capos_ui_show(capos_ui_surface_at(e.ui, MEMBERS));
        play_until(&g.p, &e.has_run);
        CHECK_STR(e.why, "");
        CHECK_OK(say(&g.c[1], "#lobby", "four"));
        see(&g.p, &e, TALK, "-- 1 unread --");
        see(&g.p, &e, CHANNELS, "#lobby [1 new]");
        capos_ui_show(capos_ui_surface_at(e.ui, TALK));
        miss(&g.p, &e, TALK, "unread");
        miss(&g.p, &e, CHANNELS, "new");
        eye_close(&e);
        rig_close(&g);
}

/* Text that may be said and not be shown. */
TEST(what_cannot_be_shown_is_said_to_be)
{
        struct eye e;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &e, &g.c[0], 100);
        enter(&g.p, &e, "#lobby");
        CHECK_OK(say(&g.c[1], "#lobby", "turned \u202e round"));
        CHECK_OK(say(&g.c[1], "#lobby", "and on"));
        see(&g.p, &e, TALK, "has said what cannot be shown here");
        see(&g.p, &e, TALK, "and on");
        eye_close(&e);
        rig_close(&g);
}

/* As much history as there is: longer than one patch may be. */
TEST(long_history_comes_in_parts)
{
        char text[CHAT_TEXT_BYTES + 1], first[16], last[16];
        struct eye e;
        struct rig g;

        rig_open(&g);
        for (unsigned i = 0; i < 2 * CHAT_SAYS; i++) {
                memset(text, 'x', sizeof(text) - 1);
                text[sizeof(text) - 1] = 0;
                (void)snprintf(first, sizeof(first), "m%02u-", i);
                memcpy(text, first, strlen(first));
                CHECK_OK(say(&g.c[1 + i % 2], "#lobby", text));
        }
        (void)snprintf(last, sizeof(last), "%s", first);
        eye_open(&g.p, &e, &g.c[0], 100);
        enter(&g.p, &e, "#lobby");
        see(&g.p, &e, TALK, "m00-");
        see(&g.p, &e, TALK, last);
        see(&g.p, &e, TALK, "has joined");
        eye_close(&e);
        rig_close(&g);
}

/* ---- what ends ------------------------------------------------------------------------------- */

/* A seat lasts as long as the last host. */
TEST(seats_last_as_long_as_hosts)
{
        struct eye one, two;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &one, &g.c[0], 100);
        enter(&g.p, &one, "#lobby");
        eye_open(&g.p, &two, &g.c[0], 100);
        see(&g.p, &two, TALK, "#lobby");
        eye_close(&one);
        play_for_ms(&g.p, 50);
        CHECK_EQ(people(&g.c[1], "#lobby"), 1);
        CHECK_OK(say(&g.c[1], "#lobby", "still there"));
        see(&g.p, &two, TALK, "still there");
        eye_close(&two);
        while (people(&g.c[1], "#lobby"))
                play_for_ms(&g.p, 10);
        CHECK_EQ(call_enter(&g.c[0], "#lobby"), CAPNP_E_EXCEPTION);
        CHECK_EQ(say(&g.c[0], "", "where?"), CAPNP_E_EXCEPTION);
        CHECK_EQ(call_leave(&g.c[0], ""), CAPNP_E_EXCEPTION);
        rig_close(&g);
}

static void label(struct play_caller *c, const char *channel, char to[static CHAT_LABEL_BYTES])
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_enter((chat_client){c->object});

        chat_enter_set_channel(q, channel);
        CHECK_OK(capnp_question_wait(q));
        (void)snprintf(to, CHAT_LABEL_BYTES, "%s", chat_enter_label(q).p);
}

static void wait_for_people(struct rig *g, const char *channel, uint32_t n)
{
        while (people(&g->c[1], channel) != n)
                play_for_ms(&g->p, 10);
}

/* A client that comes back after its line has dropped is the same person, and sits where he sat; by
 * the same line he begins anew. */
TEST(who_comes_back_sits_where_he_sat)
{
        char before[CHAT_LABEL_BYTES], after[CHAT_LABEL_BYTES];
        struct play_caller back, once_more;
        struct eye one, two;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &one, &g.c[0], 100);
        enter(&g.p, &one, "#one");
        enter(&g.p, &one, "#two");
        CHECK_OK(say(&g.c[1], "#one", "so it stays"));
        label(&g.c[0], "#one", before);
        see(&g.p, &one, TALK, "#one");
        play_close(&g.c[0]);
        g.c[0] = (struct play_caller){.conn = NULL};
        eye_close(&one);
        wait_for_people(&g, "#one", 0);
        wait_for_people(&g, "#two", 0);

        g.p.origin = 1;
        play_open(&g.p, &back, 11, "");
        CHECK_EQ(call_enter(&back, "#one"), CAPNP_E_EXCEPTION);
        eye_open(&g.p, &one, &back, 100);
        see(&g.p, &one, TALK, "#one");
        see(&g.p, &one, TALK, "has left");
        wait_for_people(&g, "#one", 1);
        wait_for_people(&g, "#two", 1);
        label(&back, "#one", after);
        CHECK_STR(after, before);

        /* The line before this one is not known to be dead yet: nobody comes and nobody goes. */
        CHECK_OK(say(&g.c[1], "#one", "the last word"));
        see(&g.p, &one, TALK, "the last word");
        play_open(&g.p, &once_more, 12, "");
        eye_open(&g.p, &two, &once_more, 100);
        see(&g.p, &two, TALK, "the last word");
        see(&g.p, &one, TALK, "No channel");
        play_close(&back);
        eye_close(&one);
        CHECK_OK(say(&g.c[1], "#two", "after that"));
        see(&g.p, &two, CHANNELS, "1 new");
        CHECK_EQ(people(&g.c[1], "#one"), 1);
        CHECK_EQ(people(&g.c[1], "#two"), 1);
        CHECK_OK(say(&g.c[1], "#one", "all are here"));
        see(&g.p, &two, TALK, "all are here");

        eye_close(&two);
        wait_for_people(&g, "#one", 0);
        eye_open(&g.p, &two, &once_more, 100);
        see_commands(&g.p, &two, TALK);
        see(&g.p, &two, TALK, "No channel");
        CHECK_EQ(people(&g.c[1], "#one"), 0);
        eye_close(&two);
        play_close(&once_more);
        rig_close(&g);
}

/* One pane that is closed is missing; with the last it is over. */
TEST(closed_panes)
{
        struct eye e;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &e, &g.c[0], 100);
        enter(&g.p, &e, "#lobby");
        capos_ui_close(capos_ui_surface_at(e.ui, CHANNELS));
        CHECK_STR(act(&g.p, &e, TALK - 1, "send", "text", "without a list"), "");
        see(&g.p, &e, TALK - 1, "without a list");
        CHECK_EQ(people(&g.c[1], "#lobby"), 1);
        capos_ui_close(capos_ui_surface_at(e.ui, 0));
        capos_ui_close(capos_ui_surface_at(e.ui, 0));
        play_until(&g.p, &e.over);
        while (people(&g.c[1], "#lobby"))
                play_for_ms(&g.p, 10);
        CHECK(capos_ui_is_zero(e.ui));
        eye_close(&e);
        rig_close(&g);
}

/* Whoever hangs up has left, with panes and all. */
TEST(a_caller_that_hangs_up)
{
        struct eye e;
        struct rig g;

        rig_open(&g);
        eye_open(&g.p, &e, &g.c[0], 100);
        enter(&g.p, &e, "#lobby");
        play_close(&g.c[0]);
        g.c[0] = (struct play_caller){.conn = NULL};
        while (people(&g.c[1], "#lobby"))
                play_for_ms(&g.p, 10);
        play_until(&g.p, &e.over);
        eye_close(&e);
        rig_close(&g);
}

/* ---- another host ---------------------------------------------------------------------------- */

/* It takes what comes, or refuses it, and counts: whole models, and messages, of the talk. */
struct wall {
        capnp_vat *vat;
        capnp_cap *host, *surface[PANES];
        unsigned opened, wholes, messages, patches, refuse;
        uint64_t revision[PANES];
        bool full;
        unsigned want;
        bool whole_again;
};

struct brick {
        struct wall *w;
        unsigned pane;
};

static int wall_apply(void *self, capnp_answer *a)
{
        ui_patch_reader patch = remote_ui_surface_apply_param_patch(a);
        struct brick *b = self;
        struct wall *w = b->w;
        ui_model_patch_reader m = ui_patch_payload_model(ui_patch_payload(patch));

        if (b->pane == TALK) {
                w->patches++;
                if (w->refuse) {
                        w->refuse--;
                        return capnp_answer_fail(a, CAPNP_FAILED, "refused.revision: no");
                }
                if (ui_patch_kind(patch) == UI_PATCH_KIND_UPDATE_MODEL) {
                        bool whole = ui_model_patch_which(m) == UI_MODEL_PATCH_WHOLE;

                        w->wholes += whole;
                        w->whole_again = w->wholes > 1;
                        w->messages += ui_message_list_len(
                                whole ? ui_transcript_messages(
                                                ui_model_transcript(ui_model_patch_whole(m)))
                                      : ui_model_patch_messages(m));
                        w->full = w->messages >= w->want;
                }
        }
        remote_ui_surface_apply_results_set_revision(a, ++w->revision[b->pane]);
        return capnp_answer_return(a);
}

static void poll_canceled(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

static int wall_poll(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_keep(a, poll_canceled, NULL);
}

static int wall_close(void *self, capnp_answer *a)
{
        (void)self;
        return capnp_answer_return(a);
}

static const struct remote_ui_surface_ops brick_ops = {
        .gone = free, .apply = wall_apply, .poll = wall_poll, .close = wall_close};

static int wall_open_pane(void *self, capnp_answer *a)
{
        struct wall *w = self;
        struct brick *b = malloc(sizeof(*b));
        capnp_cap *c;

        CHECK(b && w->opened < PANES);
        *b = (struct brick){w, w->opened++};
        CHECK_OK(remote_ui_surface_serve(w->vat, &brick_ops, b, &c));
        remote_ui_host_open_results_set_surface(a, (remote_ui_surface_client){c});
        capnp_cap_unref(c);
        return capnp_answer_return(a);
}

static const struct remote_ui_host_ops wall_ops = {.open = wall_open_pane};

/* A refused patch is followed by the whole; many messages by few patches. */
TEST(another_host)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        capnp_question *said[2 * CHAT_SAYS];
        struct wall w = {.want = 1};
        unsigned patches;
        struct rig g;

        rig_open(&g);
        w.vat = g.p.vat;
        CHECK_OK(remote_ui_host_serve(w.vat, &wall_ops, &w, &w.host));
        q = ui_composer_compose((ui_composer_client){g.c[0].object});
        ui_composer_compose_set_host(q, (remote_ui_host_client){w.host});
        capnp_question_send(q, NULL, NULL);
        while (call_enter(&g.c[0], "#lobby"))
                play_for_ms(&g.p, 10);
        play_until(&g.p, &w.full);

        patches = w.patches;
        w.want = w.messages + 2 * CHAT_SAYS;
        w.full = false;
        for (unsigned i = 0; i < 2 * CHAT_SAYS; i++) {
                said[i] = chat_say((chat_client){g.c[1 + i % 2].object});
                chat_say_set_channel(said[i], "#lobby");
                chat_say_set_text(said[i], "x");
                capnp_question_send(said[i], NULL, NULL);
        }
        play_until(&g.p, &w.full);
        CHECK_EQ(w.messages, w.want);
        if (w.patches - patches > CHAT_SAYS)
                test_fail(__FILE__, __LINE__, "%u patches for %u messages", w.patches - patches,
                          2 * CHAT_SAYS);
        for (unsigned i = 0; i < 2 * CHAT_SAYS; i++)
                capnp_question_free(said[i]);

        w.refuse = 1;
        w.whole_again = false;
        w.wholes = 1;
        CHECK_OK(call_leave(&g.c[0], "#lobby"));
        play_until(&g.p, &w.whole_again);
        q = capnp_question_free(q);
        w.host = capnp_cap_unref(w.host);
        rig_close(&g);
}
