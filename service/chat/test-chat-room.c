/* Channels and people without RPC, with a clock of the test's. */
#include "chat-room.h"
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct chat_rooms rooms;
static struct chat_people people;
static struct chat_time t;

static void start(void)
{
        chat_rooms_init(&rooms);
        chat_people_init(&people);
        t = (struct chat_time){.now_ms = 1000000, .wall_ms = 5};
}

static void finish(void)
{
        CHECK_OK(chat_rooms_check(&rooms));
        chat_rooms_deinit(&rooms);
        chat_people_deinit(&people);
}

static struct chat_person *enter(unsigned n)
{
        uint8_t reference[CHAT_REFERENCE_BYTES] = {(uint8_t)n, (uint8_t)(n >> 8), 7};
        struct chat_person *x = NULL;

        CHECK_OK(chat_people_enter(&people, reference, 1, t.now_ms, &x));
        return x;
}

static capnp_text text(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

static int join(struct chat_member *m, struct chat_person *x, const char *name)
{
        int r = chat_member_join(&rooms, m, x, text(name), t);

        if (!r)
                chat_member_announce(m, t);
        CHECK_OK(chat_rooms_check(&rooms));
        return r;
}

static int say(struct chat_member *m, const char *s)
{
        uint64_t sequence = 0;
        int r = chat_member_say(m, text(s), t, &sequence);

        CHECK(r || sequence == m->channel->sequence);
        CHECK_OK(chat_rooms_check(&rooms));
        return r;
}

static void leave(struct chat_member *m)
{
        (void)chat_member_leave(&rooms, m, t);
        CHECK_OK(chat_rooms_check(&rooms));
}

static void check_next(struct chat_member *m, enum chat_act act, const char *what)
{
        const struct chat_event *e = chat_member_next(m);

        CHECK(e);
        CHECK_EQ(e->act, act);
        CHECK_STR(e->text, what);
}

TEST(what_happens_is_heard_in_order)
{
        struct chat_person *a, *b;
        struct chat_member ma, mb;
        const char *labels[CHAT_MEMBERS];

        start();
        a = enter(1);
        b = enter(2);
        CHECK_OK(join(&ma, a, "#lobby"));
        check_next(&ma, CHAT_JOINED, "");
        CHECK_OK(say(&ma, "one"));
        CHECK_OK(join(&mb, b, "#lobby"));
        CHECK_EQ(chat_channel_tail(mb.channel, CHAT_SHOWN), 3);
        check_next(&mb, CHAT_JOINED, "");
        CHECK_OK(say(&mb, "two"));
        check_next(&mb, CHAT_SAID, "two");
        CHECK(!chat_member_next(&mb));
        check_next(&ma, CHAT_SAID, "one");
        check_next(&ma, CHAT_JOINED, "");
        check_next(&ma, CHAT_SAID, "two");
        CHECK_EQ(chat_channel_labels(&rooms, ma.channel, labels), 2);
        CHECK_STR(labels[0], a->label);
        CHECK_STR(labels[1], b->label);
        leave(&mb);
        check_next(&ma, CHAT_LEFT, "");
        CHECK_EQ(say(&mb, "too late"), CHAT_E_LEFT);
        CHECK(!chat_member_next(&mb));
        leave(&mb);
        leave(&ma);
        finish();
}

TEST(one_session_in_two_windows_is_seen_once)
{
        struct chat_member m1, m2, other;
        const char *labels[CHAT_MEMBERS];

        start();
        CHECK_OK(join(&other, enter(9), "#x"));
        CHECK_OK(join(&m1, enter(1), "#x"));
        CHECK_OK(join(&m2, enter(1), "#x"));
        CHECK(m1.person == m2.person);
        CHECK_EQ(m1.channel->npeople, 2);
        CHECK_EQ(m1.channel->sequence, 2);
        CHECK_EQ(chat_channel_labels(&rooms, m1.channel, labels), 2);
        CHECK_OK(say(&m1, "to both"));
        check_next(&m2, CHAT_SAID, "to both");
        leave(&m1);
        CHECK_EQ(other.channel->sequence, 3);
        leave(&m2);
        CHECK_EQ(other.channel->sequence, 4);
        CHECK_EQ(other.channel->npeople, 1);
        leave(&other);
        finish();
}

TEST(who_lags_misses_the_oldest_and_sees_it)
{
        struct chat_member slow, m[CHAT_PLACES];
        const struct chat_event *e;
        uint64_t last;

        start();
        CHECK_OK(join(&slow, enter(1), "#x"));
        for (unsigned i = 0; i < 10; i++)
                CHECK_OK(join(&m[i], enter(2 + i), "#x"));
        for (unsigned i = 0; i < 100; i++)
                CHECK_OK(say(&m[i % 10], "again"));
        e = chat_member_next(&slow);
        CHECK(e);
        last = e->sequence;
        CHECK_EQ(last, slow.channel->sequence - CHAT_LAG + 1);
        for (unsigned i = 1; i < CHAT_LAG; i++)
                CHECK_EQ(chat_member_next(&slow)->sequence, ++last);
        CHECK(!chat_member_next(&slow));
        for (unsigned i = 0; i < 10; i++)
                leave(&m[i]);
        leave(&slow);
        finish();
}

/* 200 events are kept, fewer long ones, never less than the 64 a listener may stand on. */
TEST(history_is_bounded)
{
        static char big[CHAT_TEXT_BYTES + 1];
        struct chat_member m, slow;

        memset(big, 'x', CHAT_TEXT_BYTES);
        start();
        CHECK_OK(join(&m, enter(1), "#x"));
        for (unsigned i = 0; i < 500; i++) {
                t.now_ms += 1000;
                CHECK_OK(say(&m, "short"));
        }
        CHECK_EQ(m.channel->kept, CHAT_KEPT);
        CHECK_EQ(chat_channel_tail(m.channel, CHAT_SHOWN), CHAT_SHOWN);
        CHECK_EQ(chat_channel_tail_at(m.channel, CHAT_SHOWN, 49)->sequence, 501);
        CHECK(!chat_channel_tail_at(m.channel, CHAT_SHOWN, 50));
        CHECK_OK(join(&slow, enter(2), "#x"));
        for (unsigned i = 0; i < 500; i++) {
                t.now_ms += 1000;
                CHECK_OK(say(&m, big));
        }
        CHECK(m.channel->bytes < CHAT_KEPT_BYTES + CHAT_LAG * 200);
        CHECK(m.channel->kept >= CHAT_LAG);
        CHECK_EQ(chat_member_next(&slow)->len, CHAT_TEXT_BYTES);
        leave(&m);
        leave(&slow);
        finish();
}

TEST(rates_are_exact_and_survive_leaving)
{
        struct chat_person *x;
        struct chat_member m;

        start();
        x = enter(1);
        CHECK_OK(join(&m, x, "#x"));
        for (unsigned i = 0; i < CHAT_SAYS; i++) {
                CHECK_OK(say(&m, "now"));
                t.now_ms += 100;
        }
        CHECK_EQ(say(&m, "now"), CHAT_E_FAST);
        leave(&m);
        chat_people_leave(&people, x, t.now_ms);
        CHECK(enter(1) == x);
        CHECK_OK(join(&m, x, "#x"));
        CHECK_EQ(say(&m, "now"), CHAT_E_FAST);
        t.now_ms += CHAT_RATE_MS - 2000;
        CHECK_OK(say(&m, "now"));
        CHECK_EQ(say(&m, "now"), CHAT_E_FAST);
        t.now_ms += 100;
        CHECK_OK(say(&m, "now"));
        CHECK_EQ(say(&m, ""), CHAT_E_EMPTY);
        CHECK_EQ(say(&m, "\a"), CHAT_E_TEXT);
        leave(&m);
        t.now_ms += CHAT_RATE_MS;
        chat_people_leave(&people, x, t.now_ms);
        CHECK_EQ(people.n, 0);
        finish();
}

TEST(a_person_has_sixteen_places)
{
        struct chat_member m[CHAT_PLACES + 1];
        char name[8];

        start();
        for (unsigned i = 0; i < CHAT_PLACES; i++) {
                snprintf(name, sizeof(name), "#c%u", i);
                CHECK_OK(join(&m[i], enter(1), name));
        }
        CHECK_EQ(join(&m[CHAT_PLACES], enter(1), "#more"), CHAT_E_PLACES);
        leave(&m[3]);
        CHECK_OK(join(&m[3], enter(1), "#more"));
        CHECK_EQ(join(&m[CHAT_PLACES], enter(1), "lobby"), CHAT_E_NAME);
        for (unsigned i = 0; i < CHAT_PLACES; i++)
                leave(&m[i]);
        CHECK_EQ(rooms.nchannels, 0);
        finish();
}

TEST(a_channel_has_256_members)
{
        static struct chat_member m[CHAT_MEMBERS + 1];

        start();
        for (unsigned i = 0; i < CHAT_MEMBERS; i++)
                CHECK_OK(chat_member_join(&rooms, &m[i], enter(i), text("#x"), t));
        CHECK_EQ(chat_member_join(&rooms, &m[CHAT_MEMBERS], enter(999), text("#x"), t),
                 CHAT_E_FULL);
        for (unsigned i = 0; i < CHAT_MEMBERS; i++)
                chat_member_announce(&m[i], t);
        CHECK_EQ(m[0].channel->npeople, CHAT_MEMBERS);
        for (unsigned i = 0; i < CHAT_MEMBERS; i++)
                leave(&m[i]);
        finish();
}

TEST(an_empty_channel_lasts_an_hour_when_something_was_said)
{
        struct chat_person *x;
        struct chat_member m;

        start();
        x = enter(1);
        CHECK_OK(join(&m, x, "#silent"));
        leave(&m);
        CHECK_EQ(rooms.nchannels, 0);
        CHECK_OK(join(&m, x, "#loud"));
        CHECK_OK(say(&m, "remember"));
        leave(&m);
        CHECK_EQ(rooms.nchannels, 1);
        t.now_ms += CHAT_EMPTY_MS - 1;
        CHECK_OK(join(&m, x, "#loud"));
        CHECK_STR(chat_channel_tail_at(m.channel, CHAT_SHOWN, 1)->text, "remember");
        CHECK_EQ(m.channel->sequence, 4);
        leave(&m);
        t.now_ms += 1;
        chat_rooms_sweep(&rooms, t);
        CHECK_EQ(rooms.nchannels, 0);
        finish();
}

/* All 256 channels, each with something said; the longest silent one that is empty gives way. */
TEST(channels_are_bounded_and_the_emptiest_gives_way)
{
        static struct chat_member m[CHAT_CHANNELS + 1];
        char name[8];

        start();
        for (unsigned i = 0; i < CHAT_CHANNELS; i++) {
                snprintf(name, sizeof(name), "#c%u", i);
                CHECK_OK(join(&m[i], enter(i), name));
                CHECK_OK(say(&m[i], "mine"));
                t.now_ms++;
        }
        CHECK_EQ(join(&m[CHAT_CHANNELS], enter(999), "#more"), CHAT_E_FULL);
        leave(&m[8]);
        leave(&m[5]);
        leave(&m[6]);
        CHECK_OK(join(&m[CHAT_CHANNELS], enter(999), "#more"));
        CHECK_OK(join(&m[5], enter(5), "#c6"));
        CHECK_EQ(chat_channel_tail(m[5].channel, 100), 4);
        CHECK_EQ(rooms.nchannels, CHAT_CHANNELS);
        CHECK_OK(join(&m[6], enter(6), "#c5"));
        CHECK_EQ(chat_channel_tail(m[6].channel, 100), 1);
        for (unsigned i = 0; i <= CHAT_CHANNELS; i++)
                leave(&m[i]);
        finish();
}

/* The same reference has the same label, in the next life of the service as well; two that are
 * here never share one. */
TEST(labels)
{
        static char seen[1000][CHAT_LABEL_BYTES];

        start();
        for (unsigned i = 0; i < 1000; i++) {
                const struct chat_person *x = enter(i);

                for (unsigned k = 0; k < i; k++)
                        CHECK(strcmp(seen[k], x->label) != 0);
                memcpy(seen[i], x->label, CHAT_LABEL_BYTES);
                CHECK(enter(i) == x);
        }
        finish();
        start();
        for (unsigned i = 0; i < 10; i++)
                CHECK_STR(enter(i)->label, seen[i]);
        finish();
}

TEST(people_are_bounded)
{
        uint8_t reference[CHAT_REFERENCE_BYTES] = {0};
        struct chat_person *x;

        start();
        for (unsigned i = 0; i < CHAT_PEOPLE; i++)
                (void)enter(i);
        reference[15] = 1;
        CHECK_EQ(chat_people_enter(&people, reference, 1, t.now_ms, &x), CHAT_E_FULL);
        finish();
}

/* One of each reference, whose rate his leaving does not reset; he is nobody else of that. */
TEST(narrators_are_people_of_their_own)
{
        uint8_t reference[CHAT_REFERENCE_BYTES] = {1, 0, 7},
                other[CHAT_REFERENCE_BYTES] = {2, 0, 7};
        struct chat_person *x, *again, *second;

        start();
        CHECK_OK(chat_people_enter_narrator(&people, reference, 1, t.now_ms, &x));
        CHECK_STR(x->label, "narrator");
        CHECK(enter(1) != x);
        CHECK(strcmp(enter(1)->label, "narrator") != 0);
        CHECK_OK(chat_people_enter_narrator(&people, other, 1, t.now_ms, &second));
        CHECK(second != x);
        CHECK_STR(second->label, "narrator");
        while (chat_rate_take(&x->says, CHAT_SAYS, t.now_ms))
                ;
        chat_people_leave(&people, x, t.now_ms);
        CHECK_OK(chat_people_enter_narrator(&people, reference, 1, t.now_ms, &again));
        CHECK(again == x && !chat_rate_take(&again->says, CHAT_SAYS, t.now_ms));
        finish();
}

static void leave_seats(unsigned n)
{
        struct chat_person *x = enter(n);
        struct chat_sat *sat = calloc(1, sizeof(*sat));

        CHECK(sat);
        sat->until_ms = t.now_ms + CHAT_BACK_MS;
        chat_person_sat(x, sat);
        chat_people_leave(&people, x, t.now_ms);
}

/* Where somebody sat is known for an hour, unless others need the room. */
TEST(who_may_come_back_gives_way)
{
        uint8_t reference[CHAT_REFERENCE_BYTES] = {0};
        struct chat_person *x;

        start();
        leave_seats(1);
        t.now_ms += CHAT_BACK_MS - 1;
        leave_seats(2);
        CHECK_EQ(people.n, 2);
        t.now_ms += 1;
        (void)enter(3);
        CHECK_EQ(people.n, 2);
        for (unsigned i = 4; people.n < CHAT_PEOPLE; i++)
                (void)enter(i);
        reference[15] = 1;
        CHECK_OK(chat_people_enter(&people, reference, 1, t.now_ms, &x));
        CHECK_EQ(people.n, CHAT_PEOPLE);
        reference[15] = 2;
        CHECK_EQ(chat_people_enter(&people, reference, 1, t.now_ms, &x), CHAT_E_FULL);
        finish();
}

/* Memory may fail anywhere: an event is missed then, but nobody is in two minds about who is here.
 */
TORTURE(without_memory)
{
        struct chat_person *x = NULL;
        struct chat_member m = {.channel = NULL};
        uint8_t reference[CHAT_REFERENCE_BYTES] = {0};
        uint64_t sequence;
        int r;

        start();
        r = chat_people_enter(&people, reference, 1, t.now_ms, &x);
        if (!r)
                r = chat_member_join(&rooms, &m, x, text("#x"), t);
        if (!r) {
                chat_member_announce(&m, t);
                r = chat_member_say(&m, text("hello"), t, &sequence);
                CHECK(r || sequence == 2);
                while (chat_member_next(&m))
                        ;
                CHECK_EQ(m.heard, m.channel->sequence);
        }
        (void)chat_member_leave(&rooms, &m, t);
        finish();
        TORTURE_OK(r);
}
