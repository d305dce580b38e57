/*
 * Paperclips as a process (R41): it is played by methods and commands alone; sessions of one
 * account play one game, and are told of each other's acts; a game is there again after the process
 * has ended in order, and after it was killed at any moment; who has no account has a game that is
 * his session's; a file that is broken is put aside.
 */
#include "clips-game.h"
#include "kit-play.h"

#include "command.capnp-c.h"
#include "paperclips.capnp-c.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KILLS = 100, ACTS = 16, ASIDE = 36 };

static const char *const program[] = {"capos-paperclips", NULL};
static const char *const at_once[] = {"capos-paperclips", "--autosave", "0", NULL};
static const char *const each_second[] = {"capos-paperclips", "--autosave", "1", NULL};

struct rig {
        struct play p;
        char folder[64];
        int fd;
};

static void rig_start(struct rig *r, const char *const *argv)
{
        play_spawn(&r->p, argv, r->fd);
        play_ready(&r->p);
}

static void rig_open(struct rig *r, const char *const *argv)
{
        (void)snprintf(r->folder, sizeof(r->folder), "/tmp/paperclips-test.XXXXXX");
        CHECK(mkdtemp(r->folder) != NULL);
        r->fd = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(r->fd >= 0);
        rig_start(r, argv);
}

/* The file's name is that of the pseudonym that kit-play makes of n. */
static const char *file_of(uint8_t n)
{
        static char name[33];

        for (unsigned i = 0; i < 16; i++)
                (void)snprintf(name + 2 * i, 3, "%02x", n ^ 0xff);
        return name;
}

static const char *aside_of(uint8_t n)
{
        static char name[ASIDE + 4];

        (void)snprintf(name, sizeof(name), "%s.bad", file_of(n));
        return name;
}

static void rig_close(struct rig *r)
{
        play_stop(&r->p);
        (void)unlinkat(r->fd, "new", 0);
        for (uint8_t n = 1; n < 4; n++) {
                (void)unlinkat(r->fd, file_of(n), 0);
                (void)unlinkat(r->fd, aside_of(n), 0);
        }
        close(r->fd);
        CHECK_OK(rmdir(r->folder));
}

/* ---- calls ----------------------------------------------------------------------------------- */

static paperclips_client game_of(const struct play_caller *c)
{
        return (paperclips_client){c->object};
}

/* How it stands; freed by the caller. */
static paperclips_status_reader status(const struct play_caller *c, capnp_question **q)
{
        *q = paperclips_status(game_of(c));
        CHECK_OK(capnp_question_wait(*q));
        return paperclips_status_status(*q);
}

static double amount(const struct play_caller *c, const char *key)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        paperclips_stock_list l = paperclips_status_stocks(status(c, &q));

        for (uint32_t i = 0; i < paperclips_stock_list_len(l); i++)
                if (!strcmp(paperclips_stock_key(paperclips_stock_list_get(l, i)).p, key))
                        return paperclips_stock_amount(paperclips_stock_list_get(l, i));
        return -1;
}

static uint32_t cents(const struct play_caller *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        return paperclips_status_price_cents(status(c, &q));
}

static uint64_t second(const struct play_caller *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        return paperclips_status_second(status(c, &q));
}

static bool is_kept(const struct play_caller *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        return paperclips_status_kept(status(c, &q));
}

static bool log_has(const struct play_caller *c, const char *text)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        paperclips_line_list l = paperclips_status_log(status(c, &q));
        bool found = false;

        for (uint32_t i = 0; i < paperclips_line_list_len(l); i++)
                found |= strstr(paperclips_line_text(paperclips_line_list_get(l, i)).p, text) !=
                         NULL;
        return found;
}

static enum paperclips_outcome_which make(const struct play_caller *c, uint32_t n)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = paperclips_make(game_of(c));

        paperclips_make_set_count(q, n);
        CHECK_OK(capnp_question_wait(q));
        CHECK(paperclips_outcome_said(paperclips_make_outcome(q)).len > 0);
        return paperclips_outcome_which(paperclips_make_outcome(q));
}

static capnp_question *price_ask(const struct play_caller *c, uint32_t n)
{
        capnp_question *q = paperclips_price(game_of(c));

        paperclips_price_set_cents(q, n);
        return q;
}

static void price(const struct play_caller *c, uint32_t n)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = price_ask(c, n);

        CHECK_OK(capnp_question_wait(q));
        CHECK_EQ(paperclips_outcome_which(paperclips_price_outcome(q)), PAPERCLIPS_OUTCOME_DONE);
}

/* ---- playing --------------------------------------------------------------------------------- */

TEST(it_is_played_by_methods_alone)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *buy = NULL, *begin = NULL, *over = NULL;
        struct play_caller a;
        struct rig r;

        rig_open(&r, program);
        play_open(&r.p, &a, 1, "");
        CHECK_EQ((int)amount(&a, "wire"), 60);
        CHECK(amount(&a, "steam") < 0); /* not shown yet */
        CHECK_EQ(make(&a, 20), PAPERCLIPS_OUTCOME_DONE);
        CHECK_EQ((int)amount(&a, "wire"), 40);
        CHECK_EQ(make(&a, 0), PAPERCLIPS_OUTCOME_RANGE);
        price(&a, 33);
        CHECK_EQ(cents(&a), 33);

        buy = paperclips_buy(game_of(&a));
        paperclips_buy_set_machine(buy, "driftwood");
        CHECK_OK(capnp_question_wait(buy));
        CHECK_EQ(paperclips_outcome_which(paperclips_buy_outcome(buy)), PAPERCLIPS_OUTCOME_SHORT);
        CHECK_STR(paperclips_outcome_short(paperclips_buy_outcome(buy)).p, "strength");
        begin = paperclips_begin(game_of(&a));
        paperclips_begin_set_project(begin, "no such thing");
        CHECK_OK(capnp_question_wait(begin));
        CHECK_EQ(paperclips_outcome_which(paperclips_begin_outcome(begin)),
                 PAPERCLIPS_OUTCOME_UNKNOWN);

        over = paperclips_start_over(game_of(&a));
        CHECK_OK(capnp_question_wait(over));
        CHECK_EQ((int)amount(&a, "wire"), 60);
        play_close(&a);
        rig_close(&r);
}

TEST(it_says_what_can_be_done)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL, *complete = NULL;
        struct play_caller a;
        command_list commands;
        command_choice_list choices;
        struct rig r;

        rig_open(&r, program);
        play_open(&r.p, &a, 1, "");
        q = command_surface_commands((command_surface_client){a.object});
        CHECK_OK(capnp_question_wait(q));
        commands = command_surface_commands_commands(q);
        CHECK_EQ(command_list_len(commands), 6);
        CHECK_STR(command_id(command_list_get(commands, 5)).p, "start-over");
        CHECK_EQ(command_effect(command_list_get(commands, 5)), COMMAND_EFFECT_LASTING);

        complete = command_surface_complete((command_surface_client){a.object});
        command_surface_complete_set_command(complete, "buy");
        command_surface_complete_set_path(complete, "machine");
        command_surface_complete_set_prefix(complete, "s");
        CHECK_OK(capnp_question_wait(complete));
        choices = command_surface_complete_choices(complete);
        CHECK_EQ(command_choice_list_len(choices), 1);
        CHECK_STR(command_choice_label(command_choice_list_get(choices, 0)).p, "Spool of wire");
        play_close(&a);
        rig_close(&r);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void watch_done(capnp_question *q, int r, void *arg)
{
        (void)q;
        CHECK_OK(r);
        *(bool *)arg = true;
}

static capnp_question *watch(const struct play_caller *c, bool *done)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *now = NULL;
        uint64_t revision = paperclips_status_revision(status(c, &now));
        capnp_question *q = paperclips_watch(game_of(c));

        *done = false;
        paperclips_watch_set_since(q, revision);
        paperclips_watch_set_wait_ms(q, 60000);
        capnp_question_send(q, watch_done, done);
        return q;
}

TEST(sessions_of_one_account_share_a_game)
{
        struct play_caller one, two, other;
        capnp_question *q;
        bool done = false;
        struct rig r;

        rig_open(&r, program);
        play_open(&r.p, &one, 1, "");
        play_open(&r.p, &two, 1, "");
        play_open(&r.p, &other, 2, "");
        CHECK(is_kept(&one));
        price(&one, 40);
        CHECK_EQ(cents(&two), 40);
        CHECK_EQ(cents(&other), 20);

        /* What one does the other is told of, and seconds too. */
        for (uint32_t n = 50; n < 53; n++) {
                q = watch(&two, &done);
                price(&one, n);
                play_until(&r.p, &done);
                capnp_question_free(q);
        }
        q = watch(&two, &done);
        play_until(&r.p, &done);
        CHECK(paperclips_status_second(paperclips_watch_status(q)) > 0);
        capnp_question_free(q);

        /* The last to leave saves. */
        play_close(&one);
        CHECK_EQ(cents(&two), 52);
        play_close(&two);
        play_open(&r.p, &one, 1, "");
        CHECK_EQ(cents(&one), 52);
        play_close(&one);
        play_close(&other);
        rig_close(&r);
}

/* How 80 that wait at once have ended. */
struct crowd {
        capnp_question *q[80];
        unsigned nrefused, ntold;
        bool some; /* the 16 that are too many */
};

static void crowd_done(capnp_question *q, int r, void *arg)
{
        struct crowd *c = arg;

        if (r)
                CHECK_EQ(capnp_question_exception(q).kind, CAPNP_OVERLOADED);
        c->nrefused += r != 0;
        c->ntold += r == 0;
        c->some = c->nrefused + c->ntold >= 16;
}

/* Nobody can have too much wait, and whoever hangs up meanwhile leaves nothing. */
TEST(who_waits_is_bounded)
{
        struct crowd c = {.some = false};
        struct play_caller a;
        struct rig r;

        rig_open(&r, program);
        play_open(&r.p, &a, 1, "");
        while (c.nrefused != 16) { /* a second may have gone by in between */
                CAPNP_AUTO(capnp_question_freep) capnp_question *now = NULL;
                uint64_t revision = paperclips_status_revision(status(&a, &now));

                for (unsigned i = 0; i < 80; i++)
                        capnp_question_free(c.q[i]);
                c = (struct crowd){.some = false};
                for (unsigned i = 0; i < 80; i++) {
                        c.q[i] = paperclips_watch(game_of(&a));
                        paperclips_watch_set_since(c.q[i], revision);
                        paperclips_watch_set_wait_ms(c.q[i], 60000);
                        capnp_question_send(c.q[i], crowd_done, &c);
                }
                play_until(&r.p, &c.some);
        }
        for (unsigned i = 0; i < 80; i++)
                capnp_question_free(c.q[i]);
        play_close(&a);
        rig_close(&r);
}

TEST(who_has_no_account_has_a_game_of_his_session)
{
        struct play_caller a, b;
        struct rig r;

        rig_open(&r, program);
        play_open(&r.p, &a, 0, "");
        CHECK(!is_kept(&a));
        price(&a, 77);
        play_close(&a);
        play_open(&r.p, &b, 0, "");
        CHECK_EQ(cents(&b), 77); /* as long as it lies about */
        play_close(&b);
        play_stop(&r.p);

        rig_start(&r, program);
        play_open(&r.p, &a, 0, "");
        CHECK_EQ(cents(&a), 20);
        play_close(&a);
        rig_close(&r);
}

/* ---- saving ---------------------------------------------------------------------------------- */

TEST(a_game_is_there_again)
{
        struct play_caller a;
        struct rig r;

        rig_open(&r, program);
        play_open(&r.p, &a, 1, "");
        price(&a, 44);
        CHECK_EQ(make(&a, 10), PAPERCLIPS_OUTCOME_DONE);
        play_stop(&r.p); /* with somebody in it */
        play_close(&a);
        rig_start(&r, program);
        play_open(&r.p, &a, 1, "");
        CHECK_EQ(cents(&a), 44);
        CHECK_EQ((int)amount(&a, "wire"), 50);
        play_close(&a);
        rig_close(&r);
}

/* Time is kept, too, by who does nothing. A life may end before what has passed in it was saved. */
TEST_T(a_game_is_saved_as_it_goes_on, 60)
{
        struct play_caller a;
        struct rig r;

        rig_open(&r, each_second);
        play_open(&r.p, &a, 1, "");
        do {
                while (second(&a) < 4)
                        play_for_ms(&r.p, 50);
                CHECK_OK(kill(r.p.pid, SIGKILL));
                play_close(&a);
                CHECK_EQ(play_wait(&r.p), -SIGKILL);
                rig_start(&r, each_second);
                play_open(&r.p, &a, 1, "");
        } while (second(&a) < 2);
        play_close(&a);
        rig_close(&r);
}

static void file_make(struct rig *r, uint8_t n, const char *bytes)
{
        int fd = openat(r->fd, file_of(n), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
        close(fd);
}

TEST(a_file_that_is_broken_is_put_aside)
{
        struct play_caller a;
        struct rig r;

        rig_open(&r, program);
        file_make(&r, 1, "this is no game");
        file_make(&r, 2, "");
        play_open(&r.p, &a, 1, "");
        CHECK(log_has(&a, "put aside"));
        CHECK_EQ(cents(&a), 20);
        price(&a, 21);
        play_close(&a);
        play_open(&r.p, &a, 2, "");
        CHECK(log_has(&a, "put aside"));
        play_close(&a);
        play_stop(&r.p);
        rig_start(&r, program);
        play_open(&r.p, &a, 1, "");
        CHECK(!log_has(&a, "put aside"));
        CHECK_EQ(cents(&a), 21);
        CHECK_OK(faccessat(r.fd, aside_of(1), F_OK, 0));
        CHECK_OK(faccessat(r.fd, aside_of(2), F_OK, 0));
        play_close(&a);
        rig_close(&r);
}

/* ---- killed ---------------------------------------------------------------------------------- */

/* Acts under way: the one that was answered last. */
struct flood {
        capnp_question *q[ACTS];
        uint32_t first, answered; /* prices */
        unsigned nanswered, wanted;
        bool enough;
};

static void act_done(capnp_question *q, int r, void *arg)
{
        struct flood *f = arg;

        if (r)
                return; /* it was killed before */
        for (unsigned i = 0; i < ACTS; i++)
                if (f->q[i] == q)
                        f->answered = f->first + i;
        f->enough = ++f->nanswered >= f->wanted;
}

static uint64_t next(uint64_t *random)
{
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        return *random >> 33;
}

/* One life: acts are sent, and in the midst of them it is killed. What was answered is kept, and
 * nothing is kept that nobody has done. */
static void live(struct rig *r, struct flood *f, uint64_t *random)
{
        struct play_caller a;
        uint32_t sent = f->first ? f->first + ACTS - 1 : 20, now;

        play_open(&r->p, &a, 1, "");
        now = cents(&a);
        if (now < f->answered || now > sent)
                test_fail(__FILE__, __LINE__, "%u is kept, of %u to %u", now, f->answered, sent);
        CHECK(!log_has(&a, "put aside"));

        *f = (struct flood){
                .first = sent + 1, .answered = now, .wanted = 1 + (unsigned)(next(random) % ACTS)};
        for (unsigned i = 0; i < ACTS; i++) {
                f->q[i] = price_ask(&a, f->first + i);
                capnp_question_send(f->q[i], act_done, f);
        }
        play_until(&r->p, &f->enough);
        usleep((useconds_t)(next(random) % 1500));
        CHECK_OK(kill(r->p.pid, SIGKILL));
        play_until(&r->p, &a.closed); /* and whatever was answered before */
        for (unsigned i = 0; i < ACTS; i++)
                capnp_question_free(f->q[i]);
        play_close(&a);
        CHECK_EQ(play_wait(&r->p), -SIGKILL);
}

TEST_T(a_game_survives_a_hundred_kills, 300)
{
        struct flood f = {.first = 0};
        uint64_t random = 2;
        struct play_caller a;
        struct rig r;

        rig_open(&r, at_once);
        for (unsigned i = 0; i < KILLS; i++) {
                live(&r, &f, &random);
                rig_start(&r, at_once);
        }
        play_open(&r.p, &a, 1, "");
        CHECK(cents(&a) >= f.answered);
        play_close(&a);
        rig_close(&r);
}

TEST(arguments)
{
        static const char *const wrong[][4] = {{"capos-paperclips", "--autosave", "-1", NULL},
                                               {"capos-paperclips", "--autosave", "3601", NULL},
                                               {"capos-paperclips", "--autosave", "x", NULL},
                                               {"capos-paperclips", "--autosave", NULL},
                                               {"capos-paperclips", "play", NULL}};

        for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct play p;

                play_spawn(&p, wrong[i], -1);
                CHECK_EQ(play_wait(&p), 2);
        }
}
