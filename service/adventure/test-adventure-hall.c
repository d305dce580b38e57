/*
 * Several who play in one house (R42): who is seen where, what is heard, how much one may do, and
 * what is on disk. The clock is the test's.
 */
#include "adv-hall.h"
#include "harness.h"
#include "tidehouse.capnp-c.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct adv_world world;
static struct adv_hall hall;
static struct adv_told told;
static uint64_t clock_now;
static char folder[64];
static unsigned nspoken;
static char spoken_in[32], spoken_by[32], spoken[1200];

static uint64_t test_now(void)
{
        return clock_now;
}

static void on_spoken(void *arg, const struct adv_room *room, const char *who, const char *text)
{
        CHECK(arg == &hall);
        nspoken++;
        (void)snprintf(spoken_in, sizeof(spoken_in), "%s", room->key);
        (void)snprintf(spoken_by, sizeof(spoken_by), "%s", who);
        (void)snprintf(spoken, sizeof(spoken), "%s", text);
}

static const struct adv_hall_ops hall_ops = {.spoken = on_spoken};

static void hall_open_at(int fd)
{
        adv_hall_init(&hall, &world, fd);
        hall.ops = &hall_ops;
        hall.arg = &hall;
        hall.now_ms = test_now;
        hall.wall_ms = test_now;
}

static void begin(void)
{
        char why[160] = "";
        int fd;

        clock_now = 1000;
        nspoken = 0;
        CHECK_EQ(adv_world_load(&world, tide_house(), why), 0);
        (void)snprintf(folder, sizeof(folder), "/tmp/adventure-test.XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(fd >= 0);
        hall_open_at(fd);
}

/* Everybody leaves, and the service begins anew. */
static void hall_again(void)
{
        int fd = hall.folder;

        adv_hall_deinit(&hall);
        hall_open_at(fd);
}

static unsigned files(void)
{
        DIR *d = opendir(folder);
        const struct dirent *e;
        unsigned n = 0;

        CHECK(d != NULL);
        while ((e = readdir(d)))
                n += e->d_name[0] != '.';
        (void)closedir(d);
        return n;
}

static void end(void)
{
        DIR *d = opendir(folder);
        const struct dirent *e;

        CHECK(d != NULL);
        while ((e = readdir(d)))
                if (e->d_name[0] != '.')
                        CHECK_OK(unlinkat(hall.folder, e->d_name, 0));
        (void)closedir(d);
        close(hall.folder);
        CHECK_OK(rmdir(folder));
        adv_hall_deinit(&hall);
}

static struct adv_player *enter(uint8_t n, bool is_kept)
{
        uint8_t key[ADV_KEY_BYTES];
        struct adv_player *p = NULL;

        memset(key, n, sizeof(key));
        CHECK_EQ(adv_player_enter(&hall, key, is_kept, &p), 0);
        return p;
}

static void go(struct adv_player *p, const char *exit)
{
        uint8_t at = adv_exit_find(&world, &p->game.now, capnp_text_of(exit));

        CHECK_EQ(adv_player_do(p, (struct adv_act){ADV_GO, at, ADV_NONE}, &told), 0);
        CHECK_EQ(told.what, ADV_DONE);
}

static void talk(struct adv_player *p, const char *person, const char *topic)
{
        uint8_t who = adv_world_person(&world, capnp_text_of(person));
        uint8_t what = adv_topic_find(&world.people[who], &p->game.now, capnp_text_of(topic));

        CHECK_EQ(adv_player_do(p, (struct adv_act){ADV_TALK, ADV_A_PERSON | who, what}, &told), 0);
        CHECK_EQ(told.what, ADV_DONE);
}

static const struct adv_line *last(const struct adv_player *p)
{
        static const struct adv_line none = {.text = (char *)""};
        const struct adv_line *l = adv_player_line(p, p->sequence - 1);

        return l ? l : &none;
}

static unsigned others(const struct adv_player *p)
{
        const struct adv_player *o = NULL;
        unsigned n = 0;

        while ((o = adv_player_next_other(p, o)))
                n++;
        return n;
}

TEST(two_in_one_room_see_and_hear_each_other)
{
        struct adv_player *a, *b;
        uint32_t heard = 9;
        char note[64];

        begin();
        a = enter(1, true);
        CHECK_EQ(others(a), 0);
        b = enter(2, true);
        CHECK(strcmp(a->label, b->label) != 0);
        CHECK_EQ(others(a), 1);
        (void)snprintf(note, sizeof(note), "%s is here.", b->label);
        CHECK_STR(last(a)->text, note);
        CHECK_EQ(adv_player_say(a, capnp_text_of("Low water, at last."), &heard), 0);
        CHECK_EQ(heard, 1);
        CHECK_STR(last(b)->text, "Low water, at last.");
        CHECK_STR(last(b)->who, a->label);

        go(b, "west");
        (void)snprintf(note, sizeof(note), "%s goes.", b->label);
        CHECK_STR(last(a)->text, note);
        CHECK_EQ(others(a), 0);
        CHECK_EQ(adv_player_say(a, capnp_text_of("Hello?"), &heard), 0);
        CHECK_EQ(heard, 0);
        CHECK(strcmp(last(b)->text, "Hello?") != 0);
        go(b, "east");
        (void)snprintf(note, sizeof(note), "%s comes in.", b->label);
        CHECK_STR(last(a)->text, note);
        CHECK_EQ(nspoken, 0); /* players' words are not the rooms' */
        end();
}

TEST(what_happens_to_one_happens_to_him_alone)
{
        struct adv_player *a, *b;

        begin();
        a = enter(1, true);
        b = enter(2, true);
        go(a, "east");
        go(b, "east");
        talk(a, "tam", "key");
        CHECK_EQ(a->game.now.place[1], a->game.now.room);
        CHECK_EQ(b->game.now.place[1], ADV_NOWHERE);
        CHECK_STR(last(b)->who, "Tam");
        CHECK_STR(last(b)->text, told.text);
        CHECK_STR(last(a)->text, told.text);
        CHECK_STR(spoken_in, "boathouse");
        CHECK_STR(spoken_by, "Tam");
        CHECK_STR(spoken, told.text);
        end();
}

/* Two sockets of one account, and one of a session whose bytes are the same. */
TEST(an_account_plays_one_game)
{
        struct adv_player *a, *again, *guest;

        begin();
        a = enter(1, true);
        again = enter(1, true);
        guest = enter(1, false);
        CHECK(a == again);
        CHECK(a != guest);
        go(a, "west");
        CHECK_EQ(others(guest), 0);
        adv_player_leave(a);
        CHECK_EQ(a->sockets, 1);
        end();
}

TEST(somebody_is_here_a_while_after_he_was_seen)
{
        struct adv_player *a, *b;
        uint64_t was;

        begin();
        a = enter(1, true);
        b = enter(2, true);
        was = a->sequence;
        adv_player_leave(b);
        CHECK_EQ(others(a), 1);
        b = enter(2, true);
        CHECK_EQ(a->sequence, was); /* he has not been away */
        adv_player_leave(b);
        clock_now += ADV_HERE_MS - 1;
        CHECK_EQ(others(a), 1);
        clock_now++;
        CHECK_EQ(others(a), 0);
        b = enter(2, true);
        CHECK_EQ(a->sequence, was + 1);
        end();
}

/* The session manager opens a service to see what it is, for a caller that is nobody. */
TEST(the_check_at_the_start_is_not_seen)
{
        struct adv_player *a, *check;
        uint64_t was;

        begin();
        a = enter(1, false);
        was = a->sequence;
        check = enter(0, false);
        CHECK_EQ(others(a), 0);
        adv_player_leave(check);
        CHECK_EQ(others(a), 0);
        CHECK_EQ(a->sequence, was);
        end();
}

TEST(nobody_speaks_unasked_more_than_once_in_a_while)
{
        struct adv_player *a;

        begin();
        a = enter(1, true);
        go(a, "east");
        CHECK_EQ(nspoken, 1);
        CHECK_STR(spoken, "Mind the third step. It minds you.");
        CHECK_STR(last(a)->who, "Tam");
        go(a, "west");
        clock_now += ADV_IDLE_MS - 1;
        go(a, "east");
        CHECK_EQ(nspoken, 1);
        go(a, "west");
        clock_now++;
        go(a, "east");
        CHECK_EQ(nspoken, 2);
        CHECK(strcmp(spoken, "Mind the third step. It minds you.") != 0);
        end();
}

TEST(there_is_only_so_much_at_once)
{
        struct adv_act look = {ADV_INSPECT, 0, ADV_NONE};
        struct adv_player *a;
        uint32_t heard;

        begin();
        a = enter(1, true);
        for (unsigned i = 0; i < ADV_BURST; i++)
                CHECK_EQ(adv_player_do(a, look, &told), 0);
        CHECK_EQ(adv_player_do(a, look, &told), ADV_E_FAST);
        CHECK_EQ(adv_player_say(a, capnp_text_of("x"), &heard), ADV_E_FAST);
        CHECK_EQ(adv_player_start_over(a), ADV_E_FAST);
        CHECK_EQ(adv_player_again(a, &told), ADV_E_FAST);
        clock_now += 1000 / ADV_PER_SECOND;
        adv_player_leave(a); /* a socket that goes takes nothing with it */
        a = enter(1, true);
        CHECK_EQ(adv_player_do(a, look, &told), 0);
        CHECK_EQ(adv_player_do(a, look, &told), ADV_E_FAST);
        clock_now += 3600000;
        for (unsigned i = 0; i < ADV_BURST; i++)
                CHECK_EQ(adv_player_do(a, look, &told), 0);
        CHECK_EQ(adv_player_do(a, look, &told), ADV_E_FAST);
        end();
}

TEST(what_may_be_said)
{
        static const struct {
                const char *text;
                int r;
        } rows[] = {
                {"", ADV_E_TEXT},
                {"two\nlines", ADV_E_TEXT},
                {"a bell \a", ADV_E_TEXT},
                {"\xff", ADV_E_TEXT},
                {"\xc3\xa9t\xc3\xa9", 0},
                {"\xe2\x80\xae", ADV_E_TEXT},
                {"\xed\xa0\x80", ADV_E_TEXT},
        };
        char text[ADV_SAY_BYTES + 2] = "";
        struct adv_player *a;
        uint32_t heard;

        begin();
        a = enter(1, true);
        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                CHECK_EQ(adv_player_say(a, capnp_text_of(rows[i].text), &heard), rows[i].r);
        memset(text, 'x', ADV_SAY_BYTES);
        CHECK_EQ(adv_player_say(a, capnp_text_of(text), &heard), 0);
        CHECK_STR(last(a)->text, text);
        text[ADV_SAY_BYTES] = 'x';
        CHECK_EQ(adv_player_say(a, capnp_text_of(text), &heard), ADV_E_TEXT);
        end();
}

/* ---- what is kept ---------------------------------------------------------------------------- */

TEST(a_game_is_as_it_was_left)
{
        struct adv_player *a;
        struct adv_game was;

        begin();
        a = enter(1, true);
        go(a, "east");
        talk(a, "tam", "key");
        go(a, "west");
        go(a, "west");
        was = a->game;
        CHECK_EQ(was.now.turn, 4);
        hall_again();
        a = enter(1, true);
        CHECK_MEM(&a->game, &was, sizeof(was));
        CHECK_EQ(files(), 1);
        a = enter(2, true);
        CHECK_EQ(a->game.now.turn, 0);
        CHECK_OK(adv_player_start_over((a = enter(1, true))));
        CHECK_EQ(a->game.now.turn, 0);
        hall_again();
        CHECK_EQ(enter(1, true)->game.now.turn, 0);
        end();
}

TEST(of_a_session_without_an_account_nothing_is_kept)
{
        struct adv_player *a;

        begin();
        a = enter(1, false);
        go(a, "west");
        adv_player_leave(a);
        CHECK_EQ(enter(1, false)->game.now.turn, 1); /* the next socket of it */
        CHECK_EQ(files(), 0);
        hall_again();
        CHECK_EQ(enter(1, false)->game.now.turn, 0);
        end();
}

/* Where it cannot be kept, nothing has been done. */
TEST(a_disk_that_is_gone_stops_the_game)
{
        struct adv_player *a;
        struct adv_game was;
        int fd;

        begin();
        a = enter(1, true);
        go(a, "west");
        was = a->game;
        fd = hall.folder;
        hall.folder = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CHECK(adv_player_do(a, (struct adv_act){ADV_GO, 0, ADV_NONE}, &told) < 0);
        CHECK_MEM(&a->game, &was, sizeof(was));
        CHECK(adv_player_start_over(a) < 0);
        CHECK_MEM(&a->game, &was, sizeof(was));
        close(hall.folder);
        hall.folder = fd;
        go(a, "east");
        end();
}

static void spoil(const void *bytes, size_t len)
{
        int fd = openat(hall.folder, "01010101010101010101010101010101",
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        CHECK(fd >= 0);
        CHECK_EQ(write(fd, bytes, len), (ssize_t)len);
        close(fd);
}

TEST(what_is_no_game_is_put_aside_and_said)
{
        static const uint8_t zeroes[ADV_SAVE_BYTES];
        static uint8_t good[ADV_SAVE_BYTES];
        ssize_t len;
        int fd;

        begin();
        go(enter(1, true), "west");
        fd = openat(hall.folder, "01010101010101010101010101010101", O_RDONLY | O_CLOEXEC);
        len = read(fd, good, sizeof(good));
        CHECK(len > 0);
        close(fd);

        for (ssize_t n = 0; n <= len; n += n < len - 97 ? 97 : 1) { /* torn, and whole at last */
                struct adv_player *a;

                hall_again();
                spoil(good, (size_t)n);
                a = enter(1, true);
                if (a->game.now.turn == 0)
                        CHECK(strstr(last(a)->text, "could not be read") != NULL);
                CHECK_EQ(a->game.now.turn, n == len);
        }
        CHECK_EQ(files(), 2);
        hall_again();
        spoil(zeroes, sizeof(zeroes));
        CHECK_EQ(enter(1, true)->game.now.turn, 0);
        CHECK_EQ(files(), 1); /* the .bad one */
        end();
}

/* A room, a fact, a thing that the story has not: it is another story's. */
TEST(a_game_of_another_story_is_put_aside)
{
        static const char *const words[] = {"shingle", "door", "nowhere", "landing"};
        static uint8_t good[ADV_SAVE_BYTES];
        ssize_t len;
        int fd;

        begin();
        go(enter(1, true), "west");
        fd = openat(hall.folder, "01010101010101010101010101010101", O_RDONLY | O_CLOEXEC);
        len = read(fd, good, sizeof(good));
        close(fd);
        for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
                uint8_t *at = memmem(good, (size_t)len, words[i], strlen(words[i]));

                CHECK(at != NULL);
                *at ^= 1;
                hall_again();
                spoil(good, (size_t)len);
                CHECK_EQ(enter(1, true)->game.now.turn, 0);
                *at ^= 1;
        }
        end();
}

TEST(who_is_away_makes_room)
{
        struct adv_player *p = NULL;
        uint8_t key[ADV_KEY_BYTES] = {0};

        begin();
        for (uint32_t i = 0; i < ADV_PLAYERS; i++) {
                key[0] = (uint8_t)i;
                key[1] = (uint8_t)(i >> 8);
                CHECK_EQ(adv_player_enter(&hall, key, true, &p), 0);
        }
        key[2] = 1;
        CHECK_EQ(adv_player_enter(&hall, key, true, &p), ADV_E_FULL);
        p = enter(0, true); /* one who is there already */
        go(p, "west");
        adv_player_leave(p);
        adv_player_leave(p);
        CHECK_EQ(adv_player_enter(&hall, key, true, &p), ADV_E_FULL); /* he is still here */
        clock_now += ADV_HERE_MS;
        CHECK_EQ(adv_player_enter(&hall, key, true, &p), 0);
        CHECK_EQ(hall.nplayers, ADV_PLAYERS);
        adv_player_leave(p);
        clock_now += ADV_HERE_MS;
        CHECK_EQ(enter(0, true)->game.now.turn, 1); /* and finds his game */
        end();
}

/* … and has a socket, as everybody: it makes no room before that has gone. */
TEST(the_check_makes_room_when_it_has_gone)
{
        struct adv_player *p = NULL, *check;
        uint8_t key[ADV_KEY_BYTES] = {0};

        begin();
        check = enter(0, false);
        for (uint32_t i = 1; i < ADV_PLAYERS; i++) {
                key[0] = (uint8_t)i;
                key[1] = (uint8_t)(i >> 8);
                CHECK_EQ(adv_player_enter(&hall, key, true, &p), 0);
        }
        key[2] = 1;
        CHECK_EQ(adv_player_enter(&hall, key, true, &p), ADV_E_FULL);
        adv_player_leave(check);
        CHECK_EQ(adv_player_enter(&hall, key, true, &p), 0);
        end();
}

/* What cannot be done for want of memory is not done; a line may be missing. */
TORTURE(memory_may_be_short)
{
        const uint8_t key[ADV_KEY_BYTES] = {1};
        struct adv_player *p = NULL;
        struct adv_game was;
        int r;

        begin();
        r = adv_player_enter(&hall, key, true, &p);
        if (!r) {
                was = p->game;
                r = adv_player_do(p, (struct adv_act){ADV_GO, 2, ADV_NONE}, &told);
                if (r)
                        CHECK_MEM(&p->game, &was, sizeof(was));
                else
                        CHECK_EQ(p->game.now.turn, 1);
        }
        end();
        TORTURE_OK(r);
}
