/*
 * capos-chat as a process, with several sessions: delivery, order, labels, listeners that lag or
 * fail, limits, and what ends when a socket or the session manager does.
 */
#include "chat-room.h"
#include "kit-play.h"

#include "chat.capnp-c.h"
#include "command.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const program[] = {"capos-chat", NULL};

/* ---- a listener that writes down what it is told --------------------------------------------- */

enum { HEARD = 512 };

struct ear {
        capnp_cap *cap;
        uint32_t n;
        uint64_t sequence[HEARD];
        enum chat_event_which which[HEARD];
        char text[HEARD][24];
        char label[HEARD][CHAT_LABEL_BYTES];
        bool holds;         /* do not answer … */
        capnp_answer *held; /* … but keep */
        bool fails;
        uint32_t want; /* tell `full` when so many have come */
        bool full;
};

static int ear_event(void *self, capnp_answer *a)
{
        struct ear *e = self;
        chat_event_reader x = chat_listener_event_param_event(a);
        uint32_t i = e->n % HEARD;

        CHECK(!e->held); /* one call at a time */
        CHECK(!chat_event_history(x));
        e->sequence[i] = chat_event_sequence(x);
        e->which[i] = chat_event_which(x);
        snprintf(e->text[i], sizeof(e->text[i]), "%s", chat_event_said(x).p);
        snprintf(e->label[i], sizeof(e->label[i]), "%s", chat_event_label(x).p);
        e->n++;
        e->full = e->n >= e->want;
        if (e->fails)
                return capnp_answer_fail(a, CAPNP_FAILED, "deaf");
        if (!e->holds)
                return capnp_answer_return(a);

        e->held = a;
        return capnp_answer_keep(a, NULL, NULL);
}

static const struct chat_listener_ops ear_ops = {.event = ear_event};

static void ear_open(struct play *p, struct ear *e)
{
        *e = (struct ear){.n = 0};
        CHECK_OK(chat_listener_serve(p->vat, &ear_ops, e, &e->cap));
}

static void ear_release(struct ear *e)
{
        capnp_answer *a = e->held;

        e->held = NULL;
        e->holds = false;
        if (a)
                (void)capnp_answer_return(a);
}

static void ear_close(struct ear *e)
{
        ear_release(e);
        e->cap = capnp_cap_unref(e->cap);
}

static void ear_wait(struct play *p, struct ear *e, uint32_t n)
{
        e->want = n;
        e->full = e->n >= n;
        play_until(p, &e->full);
}

/* ---- a session in a channel ------------------------------------------------------------------ */

struct seat {
        capnp_question *q; /* the join; holds the membership */
        chat_membership_client in;
};

static capnp_question *ask_join(struct play_caller *c, const char *channel, struct ear *e)
{
        capnp_question *q = chat_join((chat_client){c->object});

        chat_join_set_channel(q, channel);
        chat_join_set_listener(q, (chat_listener_client){e ? e->cap : NULL});
        return q;
}

static void join(struct play_caller *c, const char *channel, struct ear *e, struct seat *s)
{
        s->q = ask_join(c, channel, e);
        CHECK_OK(capnp_question_wait(s->q));
        s->in = chat_join_membership(s->q);
}

static void unseat(struct seat *s)
{
        s->q = capnp_question_free(s->q);
}

static const char *label(const struct seat *s)
{
        return chat_join_label(s->q).p;
}

static int say_n(struct seat *s, const char *text, uint32_t len, const char *why)
{
        capnp_question *q = chat_membership_send(s->in);
        int r;

        chat_membership_send_set_text_n(q, (capnp_text){text, len});
        r = capnp_question_wait(q);
        if (why) {
                CHECK_STR(capnp_question_exception(q).reason, why);
                r = (int)capnp_question_exception(q).kind;
        } else {
                CHECK_OK(r);
                CHECK(chat_membership_send_sequence(q) > 0);
        }
        capnp_question_free(q);
        return r;
}

static void say(struct seat *s, const char *text)
{
        CHECK_OK(say_n(s, text, (uint32_t)strlen(text), NULL));
}

static uint32_t count_members(struct seat *s)
{
        capnp_question *q = chat_membership_members(s->in);
        uint32_t n;

        CHECK_OK(capnp_question_wait(q));
        n = chat_membership_members_labels(q).len;
        capnp_question_free(q);
        return n;
}

static void leave(struct seat *s)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_membership_leave(s->in);

        CHECK_OK(capnp_question_wait(q));
}

/* ---- without a place ------------------------------------------------------------------------- */

static int say_in(struct play_caller *c, const char *channel, const char *text)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_say((chat_client){c->object});

        chat_say_set_channel(q, channel);
        chat_say_set_text(q, text);
        return capnp_question_wait(q);
}

static int leave_all(struct play_caller *c, const char *channel)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_leave((chat_client){c->object});

        chat_leave_set_channel(q, channel);
        return capnp_question_wait(q);
}

/* Who says something without a place is heard, and seen neither to come nor to go. */
TEST(one_message_needs_no_place)
{
        struct play_caller c[2];
        struct ear e;
        struct seat s, again;
        struct play p;

        play_start(&p, program);
        play_open(&p, &c[0], 1, "");
        play_open(&p, &c[1], 2, "");
        ear_open(&p, &e);
        join(&c[0], "#den", &e, &s);
        CHECK_OK(say_in(&c[1], "#den", "hello"));
        CHECK_OK(say_in(&c[0], "#den", "back"));
        ear_wait(&p, &e, 3); /* the first is that we have joined */
        CHECK_STR(e.text[1], "hello");
        CHECK_STR(e.text[2], "back");
        CHECK_EQ(count_members(&s), 1);
        CHECK_EQ(say_in(&c[1], "den", "x"), CAPNP_E_EXCEPTION);
        CHECK_EQ(say_in(&c[1], "#den", ""), CAPNP_E_EXCEPTION);
        CHECK_EQ(say_in(&c[1], "#den", "\x1b[2J"), CAPNP_E_EXCEPTION);
        CHECK_EQ(leave_all(&c[1], "#den"), CAPNP_E_EXCEPTION);
        join(&c[0], "#den", NULL, &again);
        CHECK_OK(leave_all(&c[0], "#den"));
        CHECK_EQ(leave_all(&c[0], "#den"), CAPNP_E_EXCEPTION);
        CHECK_EQ(say_n(&s, "x", 1, "you have left the channel"), CAPNP_FAILED);
        unseat(&s);
        unseat(&again);
        ear_close(&e);
        play_close(&c[0]);
        play_close(&c[1]);
        play_stop(&p);
}

/* It speaks in its rooms alone and can do nothing else, under a name that nobody else has; whoever
 * has its reference without the facet is somebody else. */
TEST(a_narrator_speaks_in_its_rooms)
{
        static const char *const elsewhere[] = {"#den", "#adv", "adv-hall", "", "#Adv-hall"};
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play_caller narrator, same, somebody;
        struct ear e;
        struct seat s;
        struct play p;

        play_start(&p, program);
        play_open(&p, &narrator, 1, "narrator");
        play_open(&p, &same, 1, "");
        play_open(&p, &somebody, 2, "");
        ear_open(&p, &e);
        join(&somebody, "#adv-hall", &e, &s);
        CHECK_OK(say_in(&narrator, "#adv-hall", "The door creaks."));
        CHECK_OK(say_in(&same, "#adv-hall", "Boo."));
        ear_wait(&p, &e, 3); /* the first is that somebody has joined */
        CHECK_STR(e.text[1], "The door creaks.");
        CHECK_STR(e.label[1], "narrator");
        CHECK_STR(e.text[2], "Boo.");
        CHECK(strcmp(e.label[2], "narrator") != 0);
        CHECK_EQ(count_members(&s), 1);

        for (unsigned i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
                CHECK_EQ(say_in(&narrator, elsewhere[i], "Psst."), CAPNP_E_EXCEPTION);
        CHECK_EQ(leave_all(&narrator, "#adv-hall"), CAPNP_E_EXCEPTION);
        q = ask_join(&narrator, "#adv-hall", NULL);
        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(q).kind, CAPNP_UNIMPLEMENTED);
        unseat(&s);
        ear_close(&e);
        play_close(&narrator);
        play_close(&same);
        play_close(&somebody);
        play_stop(&p);
}

TEST(commands_are_described)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play_caller c;
        struct play p;

        play_start(&p, program);
        play_open(&p, &c, 1, "");
        CHECK_OK(say_in(&c, "#den", "hello"));
        for (unsigned i = 0; i < 2; i++) {
                q = command_surface_complete((command_surface_client){c.object});
                command_surface_complete_set_command(q, i ? "enter" : "send"); /* a pane's, too */
                command_surface_complete_set_path(q, "channel");
                command_surface_complete_set_prefix(q, "#d");
                CHECK_OK(capnp_question_wait(q));
                CHECK_EQ(command_choice_list_len(command_surface_complete_choices(q)), 1);
                q = capnp_question_free(q);
        }
        q = command_surface_commands((command_surface_client){c.object});
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(command_list_len(command_surface_commands_commands(q)), 4);
        q = capnp_question_free(q);
        play_close(&c);
        play_stop(&p);
}

/* ---- talking --------------------------------------------------------------------------------- */

TEST(three_sessions_talk)
{
        struct play_caller c[3];
        struct ear e[3];
        struct seat s[3];
        char text[24];
        struct play p;

        play_start(&p, program);
        for (uint8_t i = 0; i < 3; i++) {
                play_open(&p, &c[i], i + 1, "");
                ear_open(&p, &e[i]);
                join(&c[i], "#lobby", &e[i], &s[i]);
                ear_wait(&p, &e[0], i + 1u);
        }
        CHECK(strcmp(label(&s[0]), label(&s[1])) != 0);
        CHECK(strcmp(label(&s[1]), label(&s[2])) != 0);
        CHECK_EQ(count_members(&s[2]), 3);
        for (unsigned i = 0; i < 30; i++) {
                snprintf(text, sizeof(text), "message %u", i);
                say(&s[i % 3], text);
        }
        for (unsigned k = 0; k < 3; k++) {
                ear_wait(&p, &e[k], 33 - k);
                CHECK_EQ(e[k].which[0], CHAT_EVENT_JOINED);
                for (unsigned i = 0; i < 30; i++) {
                        unsigned at = 3 - k + i;

                        snprintf(text, sizeof(text), "message %u", i);
                        CHECK_STR(e[k].text[at], text);
                        CHECK_EQ(e[k].sequence[at], 4 + i);
                        CHECK_STR(e[k].label[at], label(&s[i % 3]));
                }
        }
        leave(&s[1]);
        ear_wait(&p, &e[0], 34);
        CHECK_EQ(e[0].which[33], CHAT_EVENT_LEFT);
        CHECK_STR(e[0].label[33], label(&s[1]));
        CHECK_EQ(say_n(&s[1], "x", 1, "you have left the channel"), CAPNP_FAILED);
        CHECK_EQ(count_members(&s[0]), 2);
        for (unsigned i = 0; i < 3; i++) {
                unseat(&s[i]);
                play_close(&c[i]);
                ear_close(&e[i]);
        }
        play_stop(&p);
}

TEST(history_is_marked)
{
        chat_event_list h;
        struct play_caller a, b;
        struct seat s, t;
        char text[24];
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 2, "");
        join(&a, "#lobby", NULL, &s);
        CHECK_EQ(chat_event_list_len(chat_join_history(s.q)), 0);
        for (unsigned i = 0; i < CHAT_SAYS; i++) {
                snprintf(text, sizeof(text), "message %u", i);
                say(&s, text);
        }
        join(&b, "#lobby", NULL, &t);
        h = chat_join_history(t.q);
        CHECK_EQ(chat_event_list_len(h), 1 + CHAT_SAYS);
        for (uint32_t i = 0; i < chat_event_list_len(h); i++) {
                chat_event_reader x = chat_event_list_get(h, i);

                CHECK(chat_event_history(x));
                CHECK_EQ(chat_event_sequence(x), i + 1);
                CHECK(chat_event_at_ms(x) > 0);
                CHECK_STR(chat_event_channel(x).p, "#lobby");
                CHECK_STR(chat_event_label(x).p, label(&s));
        }
        CHECK_STR(chat_event_said(chat_event_list_get(h, 20)).p, "message 19");
        unseat(&s);
        unseat(&t);
        play_close(&a);
        play_close(&b);
        play_stop(&p);
}

/* How many there are in the only channel. */
static uint32_t only_channel(struct play_caller *a)
{
        CAPNP_AUTO(capnp_question_freep)
        capnp_question *q = chat_channels((chat_client){a->object});

        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(chat_channel_list_len(chat_channels_channels(q)), 1);
        return chat_channel_members(chat_channel_list_get(chat_channels_channels(q), 0));
}

/* Everybody has gone, and what was said is there for whoever comes within the hour. */
TEST(what_was_said_outlives_its_sessions)
{
        struct play_caller a;
        char was[CHAT_LABEL_BYTES];
        struct seat s;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        join(&a, "#lobby", NULL, &s);
        say(&s, "hello?");
        snprintf(was, sizeof(was), "%s", label(&s));
        unseat(&s);
        play_close(&a);
        play_open(&p, &a, 1, "");
        while (only_channel(&a)) /* until that it was closed has been heard */
                play_for_ms(&p, 1);
        join(&a, "#lobby", NULL, &s);
        CHECK_EQ(chat_event_list_len(chat_join_history(s.q)), 3);
        CHECK_STR(label(&s), was); /* the same session by another socket */
        unseat(&s);
        play_close(&a);
        play_stop(&p);
}

/* ---- listeners ------------------------------------------------------------------------------- */

TEST(a_listener_that_lags_delays_nobody)
{
        struct play_caller c[5];
        struct seat s[5];
        struct ear slow, fast;
        struct play p;

        play_start(&p, program);
        ear_open(&p, &slow);
        ear_open(&p, &fast);
        slow.holds = true;
        for (uint8_t i = 0; i < 5; i++) {
                play_open(&p, &c[i], i + 1, "");
                join(&c[i], "#x", i == 0 ? &slow : i == 1 ? &fast : NULL, &s[i]);
        }
        for (unsigned i = 0; i < 5 * CHAT_SAYS; i++)
                say(&s[i % 5], "go on");
        ear_wait(&p, &fast, 4 + 5 * CHAT_SAYS);
        for (unsigned i = 1; i < fast.n; i++)
                CHECK_EQ(fast.sequence[i], fast.sequence[i - 1] + 1);
        CHECK_EQ(slow.n, 1);
        ear_release(&slow);
        ear_wait(&p, &slow, 1 + CHAT_LAG);
        play_for_ms(&p, 20);
        CHECK_EQ(slow.n, 1 + CHAT_LAG);
        CHECK(slow.sequence[1] > slow.sequence[0] + 1); /* the gap shows */
        for (unsigned i = 2; i < slow.n; i++)
                CHECK_EQ(slow.sequence[i], slow.sequence[i - 1] + 1);
        CHECK_EQ(slow.sequence[slow.n - 1], fast.sequence[fast.n - 1]);
        for (unsigned i = 0; i < 5; i++) {
                unseat(&s[i]);
                play_close(&c[i]);
        }
        ear_close(&slow);
        ear_close(&fast);
        play_stop(&p);
}

TEST(a_listener_that_fails_is_told_no_more)
{
        struct play_caller a, b;
        struct ear deaf, ear;
        struct seat s, t;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 2, "");
        ear_open(&p, &deaf);
        ear_open(&p, &ear);
        deaf.fails = true;
        join(&a, "#x", &deaf, &s);
        join(&b, "#x", &ear, &t);
        for (unsigned i = 0; i < 5; i++)
                say(&s, "can you hear me");
        ear_wait(&p, &ear, 6);
        CHECK_EQ(deaf.n, 1);
        CHECK_EQ(count_members(&t), 2);
        unseat(&s);
        unseat(&t);
        play_close(&a);
        play_close(&b);
        ear_close(&deaf);
        ear_close(&ear);
        play_stop(&p);
}

/* ---- limits ---------------------------------------------------------------------------------- */

TEST(what_may_not_be_said)
{
        static char big[CHAT_TEXT_BYTES + 1];
        static const char *const control = "the message is not UTF-8, or has control characters "
                                           "other than newline and tab";
        struct play_caller a;
        struct seat s;
        struct play p;

        memset(big, 'x', sizeof(big));
        play_start(&p, program);
        play_open(&p, &a, 1, "");
        join(&a, "#x", NULL, &s);
        CHECK_EQ(say_n(&s, "", 0, "the message is empty"), CAPNP_FAILED);
        CHECK_EQ(say_n(&s, big, sizeof(big), "the message has more than 4096 bytes"), CAPNP_FAILED);
        CHECK_EQ(say_n(&s, "\xff\xfe", 2, control), CAPNP_FAILED);
        CHECK_EQ(say_n(&s, "\x1b[2J", 4, control), CAPNP_FAILED);
        CHECK_EQ(say_n(&s, "a\0b", 3, control), CAPNP_FAILED);
        CHECK_OK(say_n(&s, big, CHAT_TEXT_BYTES, NULL));
        for (unsigned i = 1; i < CHAT_SAYS; i++)
                say(&s, "quick");
        CHECK_EQ(say_n(&s, "x", 1, "too fast: try again in 10 seconds"), CAPNP_OVERLOADED);
        unseat(&s);
        play_close(&a);
        play_stop(&p);
}

static void check_join(struct play_caller *c, const char *channel, enum capnp_kind kind)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = ask_join(c, channel, NULL);

        CHECK_EQ(capnp_question_wait(q), CAPNP_E_EXCEPTION);
        CHECK_EQ(capnp_question_exception(q).kind, kind);
}

TEST(sixteen_channels_for_a_session)
{
        struct seat s[CHAT_PLACES + 1];
        struct play_caller a, b;
        char name[8];
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 1, ""); /* another socket of the same session */
        for (unsigned i = 0; i < CHAT_PLACES; i++) {
                snprintf(name, sizeof(name), "#c%u", i);
                join(i % 2 ? &a : &b, name, NULL, &s[i]);
        }
        check_join(&a, "#more", CAPNP_OVERLOADED);
        check_join(&b, "#more", CAPNP_OVERLOADED);
        check_join(&a, "more", CAPNP_FAILED);
        check_join(&a, "", CAPNP_FAILED);
        unseat(&s[1]); /* dropping it leaves; in order only with what the same socket says next */
        join(&a, "#more", NULL, &s[CHAT_PLACES]);
        for (unsigned i = 0; i <= CHAT_PLACES; i++)
                unseat(&s[i]);
        play_close(&a);
        play_close(&b);
        play_stop(&p);
}

/* ---- ends ------------------------------------------------------------------------------------ */

TEST(a_socket_takes_its_memberships_along)
{
        struct play_caller a, b;
        struct ear ear;
        struct seat s, t[3];
        struct play p;
        int before;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        ear_open(&p, &ear);
        join(&a, "#x", &ear, &s);
        before = play_count_fds(&p);
        play_open(&p, &b, 2, "");
        join(&b, "#x", NULL, &t[0]);
        join(&b, "#y", NULL, &t[1]);
        join(&b, "#x", NULL, &t[2]);
        ear_wait(&p, &ear, 2);
        CHECK_EQ(count_members(&s), 2);
        play_close(&b);
        ear_wait(&p, &ear, 3);
        CHECK_EQ(ear.which[2], CHAT_EVENT_LEFT);
        CHECK_STR(ear.label[2], label(&t[0]));
        CHECK_EQ(count_members(&s), 1);
        play_expect_fds(&p, before);
        for (unsigned i = 0; i < 3; i++)
                unseat(&t[i]);
        unseat(&s);
        play_close(&a);
        ear_close(&ear);
        play_stop(&p);
}

TEST(the_session_manager_dies_and_everybody_leaves)
{
        struct play_caller c[3];
        struct ear e[3];
        struct seat s[3];
        struct play p;
        int before;

        play_start(&p, program);
        play_open(&p, &c[0], 9, "");
        before = play_count_fds(&p);
        play_close(&c[0]);
        for (uint8_t i = 0; i < 3; i++) {
                play_open(&p, &c[i], i + 1, "");
                ear_open(&p, &e[i]);
                e[i].holds = i == 2;
                join(&c[i], "#x", &e[i], &s[i]);
        }
        say(&s[0], "remember");
        play_control_kill(&p);
        for (unsigned i = 0; i < 3; i++) {
                play_until(&p, &c[i].closed);
                unseat(&s[i]);
                play_close(&c[i]);
                ear_close(&e[i]);
        }
        play_control(&p);
        play_open(&p, &c[0], 4, "");
        join(&c[0], "#x", NULL, &s[0]);
        CHECK_EQ(count_members(&s[0]), 1);
        CHECK_EQ(chat_event_list_len(chat_join_history(s[0].q)), 7);
        play_expect_fds(&p, before);
        unseat(&s[0]);
        play_close(&c[0]);
        play_stop(&p);
}

/* Somebody joins and leaves, opens and closes, a hundred times: nothing is left of it. */
TEST(nothing_is_left_of_many)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct play_caller a;
        struct seat s;
        struct play p;
        int before = -1;

        play_start(&p, program);
        for (unsigned i = 0; i < 100; i++) {
                play_open(&p, &a, (uint8_t)i, "");
                join(&a, "#x", NULL, &s);
                unseat(&s);
                if (i == 0)
                        before = play_count_fds(&p);
                play_close(&a);
        }
        play_open(&p, &a, 200, "");
        q = chat_channels((chat_client){a.object});
        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(chat_channel_list_len(chat_channels_channels(q)), 0);
        play_expect_fds(&p, before);
        play_close(&a);
        play_stop(&p);
}
