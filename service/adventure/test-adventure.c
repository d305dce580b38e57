/*
 * capos-adventure as a process (R42): sessions that play, games that survive whatever ends it, what
 * commands say, and rooms that speak in Chat.
 */
#include "adv-save.h"
#include "adv-voice.h"
#include "kit-play.h"

#include "adventure.capnp-c.h"
#include "chat.capnp-c.h"
#include "command.capnp-c.h"
#include "tidehouse.capnp-c.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const program[] = {"capos-adventure", NULL};

struct rig {
        struct play p;
        char folder[64];
        int fd;
};

static void rig_start(struct rig *r)
{
        play_spawn(&r->p, program, r->fd);
        play_ready(&r->p);
}

static void rig_open(struct rig *r)
{
        (void)snprintf(r->folder, sizeof(r->folder), "/tmp/adventure-test.XXXXXX");
        CHECK(mkdtemp(r->folder) != NULL);
        r->fd = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(r->fd >= 0);
        rig_start(r);
}

static void rig_remove(struct rig *r)
{
        DIR *d = opendir(r->folder);
        const struct dirent *e;

        CHECK(d != NULL);
        while ((e = readdir(d)))
                if (e->d_name[0] != '.')
                        CHECK_OK(unlinkat(r->fd, e->d_name, 0));
        (void)closedir(d);
        close(r->fd);
        CHECK_OK(rmdir(r->folder));
}

static void rig_close(struct rig *r)
{
        play_stop(&r->p);
        rig_remove(r);
}

/* The file's name is that of the pseudonym that kit-play makes of n. */
static const char *file_of(uint8_t n)
{
        static char name[33];

        for (unsigned i = 0; i < 16; i++)
                (void)snprintf(name + 2 * i, 3, "%02x", n ^ 0xff);
        return name;
}

/* ---- playing --------------------------------------------------------------------------------- */

static adventure_client house(const struct play_caller *c)
{
        return (adventure_client){c->object};
}

/* A question of one verb, on its way to be sent. */
static capnp_question *ask(const struct play_caller *c, const char *verb, const char *what,
                           const char *on)
{
        capnp_question *q;

        if (!strcmp(verb, "go")) {
                q = adventure_go(house(c));
                adventure_go_set_exit(q, what);
        } else if (!strcmp(verb, "take")) {
                q = adventure_take(house(c));
                adventure_take_set_thing(q, what);
        } else if (!strcmp(verb, "talk")) {
                q = adventure_talk(house(c));
                adventure_talk_set_person(q, what);
                adventure_talk_set_topic(q, on);
        } else {
                CHECK_STR(verb, "use");
                q = adventure_use(house(c));
                adventure_use_set_thing(q, what);
                adventure_use_set_on(q, on);
        }
        return q;
}

/* What has come of it, and the text: all verbs have the same results. */
static enum adventure_outcome_what does(const struct play_caller *c, const char *verb,
                                        const char *what, const char *on)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = ask(c, verb, what, on);

        CHECK_OK(capnp_question_wait(q));
        return adventure_outcome_what(adventure_go_outcome(q));
}

static void look(const struct play_caller *c, char room[static 32], uint32_t *ret_turn)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = adventure_look(house(c));
        adventure_scene_reader s;

        CHECK_OK(capnp_question_wait(q));
        s = adventure_look_scene(q);
        (void)snprintf(room, 32, "%s", adventure_scene_room(s).p);
        *ret_turn = adventure_scene_turn(s);
}

static void expect_in(const struct play_caller *c, const char *room, uint32_t turn)
{
        uint32_t is_turn;
        char is[32];

        look(c, is, &is_turn);
        CHECK_STR(is, room);
        CHECK_EQ(is_turn, turn);
}

TEST(two_sessions_of_one_account_share_a_game)
{
        struct play_caller a, again, b;
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        play_open(&r.p, &again, 1, "");
        play_open(&r.p, &b, 2, "");
        CHECK_EQ(does(&a, "go", "west", NULL), ADVENTURE_OUTCOME_WHAT_DONE);
        expect_in(&again, "shingle", 1);
        expect_in(&b, "landing", 0);
        CHECK_EQ(does(&again, "go", "east", NULL), ADVENTURE_OUTCOME_WHAT_DONE);
        expect_in(&a, "landing", 2);
        play_close(&a);
        play_close(&again);
        play_close(&b);
        play_stop(&r.p);
        rig_start(&r);
        play_open(&r.p, &a, 1, "");
        expect_in(&a, "landing", 2);
        play_close(&a);
        rig_close(&r);
}

TEST(without_a_folder_or_a_pseudonym_one_plays_all_the_same)
{
        struct play_caller a, b;
        struct play p;

        play_start(&p, program);
        play_open(&p, &a, 1, "");
        play_open(&p, &b, 0, "");
        CHECK_EQ(does(&a, "go", "west", NULL), ADVENTURE_OUTCOME_WHAT_DONE);
        CHECK_EQ(does(&b, "go", "east", NULL), ADVENTURE_OUTCOME_WHAT_DONE);
        play_close(&b);
        play_open(&p, &b, 0, "");
        expect_in(&b, "boathouse", 1); /* one session's next command */
        play_close(&a);
        play_close(&b);
        play_stop(&p);
}

TEST(what_was_said_is_heard_by_calls_alone)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *said = NULL, *lines = NULL;
        adventure_line_list list;
        struct play_caller a, b;
        struct rig r;
        uint32_t n;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        play_open(&r.p, &b, 2, "");
        said = adventure_say(house(&a));
        adventure_say_set_text(said, "Mind the gap.");
        CHECK_OK(capnp_question_wait(said));
        CHECK_EQ(adventure_say_heard(said), 1);
        lines = adventure_lines(house(&b));
        CHECK_OK(capnp_question_wait(lines));
        list = adventure_lines_lines(lines);
        n = adventure_line_list_len(list);
        CHECK(n >= 2);
        CHECK_STR(adventure_line_text(adventure_line_list_get(list, n - 1)).p, "Mind the gap.");
        CHECK(adventure_line_who(adventure_line_list_get(list, n - 1)).len > 0);
        play_close(&a);
        play_close(&b);
        rig_close(&r);
}

/* ---- the end of a process -------------------------------------------------------------------- */

enum { ROUNDS = 100, AT_ONCE = 6 };

static struct adv_world world;

/* Sends so many moves, one after another without waiting. */
static void moves_send(const struct play_caller *c, capnp_question *q[AT_ONCE], const char *room)
{
        bool is_landing = !strcmp(room, "landing");

        for (unsigned i = 0; i < AT_ONCE; i++, is_landing = !is_landing) {
                q[i] = ask(c, "go", is_landing ? "west" : "east", NULL);
                capnp_question_send(q[i], NULL, NULL);
        }
}

/* How many of them were answered. */
static uint32_t moves_count(capnp_question *q[AT_ONCE])
{
        uint32_t n = 0;

        for (unsigned i = 0; i < AT_ONCE; i++) {
                n += capnp_question_is_done(q[i]) && !capnp_question_wait(q[i]);
                q[i] = capnp_question_free(q[i]);
        }
        return n;
}

/* What was answered is on disk, whenever the process ends; and what is there is a whole game. */
TEST_T(a_game_survives_kill_at_any_moment, 120)
{
        uint32_t turn = 0, between = 0;
        char why[160] = "", room[32];
        struct adv_game g;
        struct rig r;

        srand(7);
        CHECK_EQ(adv_world_load(&world, tide_house(), why), 0);
        rig_open(&r);
        for (unsigned i = 0; i < ROUNDS; i++) {
                capnp_question *q[AT_ONCE];
                struct play_caller a;
                uint32_t was = turn, answered;

                play_open(&r.p, &a, 1, "");
                look(&a, room, &turn);
                CHECK_EQ(turn, was);
                moves_send(&a, q, room);
                play_for_ms(&r.p, 0); /* they are on their way */
                usleep((useconds_t)(rand() % 3000));
                CHECK_OK(kill(r.p.pid, SIGKILL));
                play_until(&r.p, &a.closed);
                answered = moves_count(q);
                play_close(&a);
                CHECK_EQ(play_wait(&r.p), -SIGKILL);

                if (adv_save_load(r.fd, file_of(1), &world, &g)) {
                        CHECK_EQ(was + answered, 0);
                        adv_state_begin(&world, &g.now);
                }
                CHECK(g.now.turn >= was + answered && g.now.turn <= was + AT_ONCE);
                turn = g.now.turn;
                between += turn > was && turn < was + AT_ONCE;
                rig_start(&r);
        }
        fprintf(stderr, "%u of %d fell between moves\n", between, ROUNDS);
        CHECK(turn > 0);
        rig_close(&r);
}

/* ---- commands -------------------------------------------------------------------------------- */

/* Why a command cannot be run, "" when it can. */
static const char *reason(const struct play_caller *c, const char *id)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        command_list list;
        static char why[160];

        q = command_surface_commands((command_surface_client){c->object});
        CHECK_OK(capnp_question_wait(q));
        list = command_surface_commands_commands(q);
        CHECK_EQ(command_list_len(list), 11);
        for (uint32_t i = 0; i < command_list_len(list); i++) {
                command_reader k = command_list_get(list, i);

                if (strcmp(command_id(k).p, id) != 0)
                        continue;
                (void)snprintf(why, sizeof(why), "%s", command_reason(k).p);
                CHECK_EQ(command_enabled(k), !why[0]);
                return why;
        }
        test_fail(__FILE__, __LINE__, "no command %s", id);
}

/* What a field may be, with blanks between. */
static const char *choices(const struct play_caller *c, const char *command, const char *path)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        static char all[512];
        command_choice_list list;
        size_t at = 0;

        q = command_surface_complete((command_surface_client){c->object});
        command_surface_complete_set_command(q, command);
        command_surface_complete_set_path(q, path);
        CHECK_OK(capnp_question_wait(q));
        list = command_surface_complete_choices(q);
        all[0] = '\0';
        for (uint32_t i = 0; i < command_choice_list_len(list); i++) {
                command_value_reader v = command_choice_value(command_choice_list_get(list, i));

                at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? " " : "",
                                       command_value_text(v).p);
        }
        return all;
}

TEST(commands_offer_what_is_there)
{
        struct play_caller a;
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        CHECK_STR(choices(&a, "go", "exit"), "north east west");
        CHECK_STR(choices(&a, "take", "thing"), "");
        CHECK_STR(choices(&a, "inspect", "thing"), "door");
        CHECK_STR(choices(&a, "say", "text"), "");
        (void)does(&a, "go", "east", NULL);
        CHECK_STR(choices(&a, "talk", "person"), "tam");
        CHECK_STR(choices(&a, "talk", "topic"), "key boat advice");
        (void)does(&a, "talk", "tam", "key");
        CHECK_STR(choices(&a, "take", "thing"), "key");
        (void)does(&a, "take", "key", NULL);
        CHECK_STR(choices(&a, "drop", "thing"), "key");
        CHECK_STR(choices(&a, "use", "thing"), "key");
        CHECK_STR(choices(&a, "use", "on"), "key tam");
        play_close(&a);
        rig_close(&r);
}

/* As fast as it can be lost. */
static const char *const down[][3] = {
        {"go", "east", NULL},
        {"talk", "tam", "key"},
        {"take", "key", NULL},
        {"go", "west", NULL},
        {"use", "key", "door"},
        {"go", "north", NULL},
        {"take", "lantern", NULL},
        {"use", "stand", ""},
        {"go", "west", NULL},
        {"take", "matches", NULL},
        {"use", "matches", "lantern"},
        {"go", "east", NULL},
        {"go", "down", NULL},
        {"use", "handle", "wheel"},
        {"use", "wheel", ""},
        {"go", "up", NULL},
        {"go", "up", NULL},
        {"go", "east", NULL},
        {"go", "jump", NULL},
};

enum { DOWN = sizeof(down) / sizeof(*down) };

TEST(a_story_that_is_lost_can_be_taken_back)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *again = NULL, *over = NULL;
        struct play_caller a;
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        CHECK_STR(reason(&a, "go"), "");
        CHECK_STR(reason(&a, "again"), "nothing has been lost");
        for (unsigned i = 0; i < DOWN; i++)
                CHECK_EQ(does(&a, down[i][0], down[i][1], down[i][2]), ADVENTURE_OUTCOME_WHAT_DONE);
        CHECK_STR(reason(&a, "go"), "it is over: take it back, or start over");
        CHECK_STR(reason(&a, "again"), "");
        CHECK_EQ(does(&a, "go", "west", NULL), ADVENTURE_OUTCOME_WHAT_OVER);
        play_close(&a);
        play_stop(&r.p);

        rig_start(&r); /* what it goes back to is kept, too */
        play_open(&r.p, &a, 1, "");
        again = adventure_again(house(&a));
        CHECK_OK(capnp_question_wait(again));
        CHECK_EQ(adventure_outcome_what(adventure_again_outcome(again)),
                 ADVENTURE_OUTCOME_WHAT_DONE);
        expect_in(&a, "balcony", DOWN - 1);
        CHECK_EQ(does(&a, "go", "west", NULL), ADVENTURE_OUTCOME_WHAT_DONE);
        over = adventure_start_over(house(&a));
        CHECK_OK(capnp_question_wait(over));
        expect_in(&a, "landing", 0);
        play_close(&a);
        rig_close(&r);
}

TEST(what_is_not_there_is_absent)
{
        struct play_caller a;
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        CHECK_EQ(does(&a, "go", "", NULL), ADVENTURE_OUTCOME_WHAT_ABSENT);
        CHECK_EQ(does(&a, "take", "spoon", NULL), ADVENTURE_OUTCOME_WHAT_ABSENT);
        CHECK_EQ(does(&a, "use", "door", "spoon"), ADVENTURE_OUTCOME_WHAT_ABSENT);
        CHECK_EQ(does(&a, "talk", "nobody", "key"), ADVENTURE_OUTCOME_WHAT_ABSENT);
        CHECK_EQ(does(&a, "talk", "tam", "key"), ADVENTURE_OUTCOME_WHAT_ABSENT);
        CHECK_EQ(does(&a, "go", "north", NULL), ADVENTURE_OUTCOME_WHAT_BLOCKED);
        expect_in(&a, "landing", 0);
        play_close(&a);
        rig_close(&r);
}

/* ---- Chat ------------------------------------------------------------------------------------ */

/* What was said last in a channel; "" where nothing was. */
static void channel_last(const struct play_caller *c, const char *channel, char ret[static 128])
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = chat_join((chat_client){c->object});
        chat_event_list list;

        chat_join_set_channel(q, channel);
        CHECK_OK(capnp_question_wait(q));
        list = chat_join_history(q);
        ret[0] = '\0';
        for (uint32_t i = 0; i < chat_event_list_len(list); i++) {
                chat_event_reader e = chat_event_list_get(list, i);

                if (chat_event_which(e) == CHAT_EVENT_SAID)
                        (void)snprintf(ret, 128, "%s", chat_event_said(e).p);
        }
}

/* Chat, as somebody has it who is asked for it. */
struct narrator {
        struct play_caller *caller;
        unsigned asked;
};

static int narrator_take(void *arg, capnp_cap **ret_chat)
{
        struct narrator *n = arg;

        n->asked++;
        if (!n->caller)
                return CAPNP_E_LIMIT;
        *ret_chat = capnp_cap_ref(n->caller->object);
        return 0;
}

static void speak_at(struct play *p, struct adv_voice *v, const char *text, uint64_t now_ms)
{
        const struct adv_room room = {.key = "boathouse"};

        adv_voice_speak(v, &room, "Tam", text, now_ms);
        while (v->words[0].q)
                play_for_ms(p, 1);
}

static void speak(struct play *p, struct adv_voice *v, const char *text)
{
        speak_at(p, v, text, 0);
}

TEST(what_a_room_says_is_heard_in_chat)
{
        static const char *const chat[] = {"capos-chat", NULL};
        struct narrator narrator = {.caller = NULL};
        struct adv_voice voice = {.take = NULL};
        struct play_caller first, second, somebody;
        char last[128];
        struct play p;

        play_start(&p, chat);
        play_open(&p, &first, 1, "");
        play_open(&p, &second, 1, "");
        play_open(&p, &somebody, 2, "");
        speak(&p, &voice, "Nobody listens.");
        voice.take = narrator_take;
        voice.arg = &narrator;
        speak(&p, &voice, "Still nobody.");
        CHECK_EQ(narrator.asked, 1);
        channel_last(&somebody, "#adv-boathouse", last);
        CHECK_STR(last, "");

        narrator.caller = &first;
        speak(&p, &voice, "Mind the third step.");
        channel_last(&somebody, "#adv-boathouse", last);
        CHECK_STR(last, "Tam: Mind the third step.");
        speak(&p, &voice, "It minds you.");
        CHECK_EQ(narrator.asked, 2);

        play_close(&first); /* Chat goes, and comes again */
        speak(&p, &voice, "Into the wind.");
        narrator.caller = &second;
        speak(&p, &voice, "Back again.");
        CHECK_EQ(narrator.asked, 3);
        channel_last(&somebody, "#adv-boathouse", last);
        CHECK_STR(last, "Tam: Back again.");

        for (unsigned i = 0; i < 4 * ADV_VOICE_WORDS; i++) /* too fast for Chat, and for itself */
                adv_voice_speak(&voice, &(struct adv_room){.key = "hall"}, "Tam", "Again?", 0);
        adv_voice_deinit(&voice);
        play_close(&second);
        play_close(&somebody);
        play_stop(&p);
}

/* Where it is not granted, it is asked for again after a while, and no sooner: then it may be. */
TEST(who_is_refused_chat_asks_again_later)
{
        static const char *const chat[] = {"capos-chat", NULL};
        struct narrator narrator = {.caller = NULL};
        struct adv_voice voice = {.take = narrator_take, .arg = &narrator};
        struct play_caller a, denied, granted, somebody;
        char last[128];
        struct play p;
        struct rig r;

        rig_open(&r);
        play_open(&r.p, &a, 1, "");
        play_open_narrow(&r.p, &denied, CHAT_ID, 1); /* `say` is denied.method */
        narrator.caller = &denied;
        speak_at(&r.p, &voice, "May I?", 5000);
        speak_at(&r.p, &voice, "And now?", 5000 + ADV_VOICE_SILENT_MS - 1);
        CHECK_EQ(narrator.asked, 1);
        speak_at(&r.p, &voice, "And now?", 5000 + ADV_VOICE_SILENT_MS);
        CHECK_EQ(narrator.asked, 2);

        play_start(&p, chat);
        play_open(&p, &granted, 1, "");
        play_open(&p, &somebody, 2, "");
        narrator.caller = &granted;
        speak_at(&p, &voice, "Thank you.", 5000 + 2 * ADV_VOICE_SILENT_MS);
        CHECK_EQ(narrator.asked, 3);
        channel_last(&somebody, "#adv-boathouse", last);
        CHECK_STR(last, "Tam: Thank you.");

        adv_voice_deinit(&voice);
        play_close(&granted);
        play_close(&somebody);
        play_stop(&p);
        play_close(&denied);
        play_close(&a);
        rig_close(&r);
}
