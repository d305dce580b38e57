/* Shares, as exact numbers: who finds how much of which pool, and who is refused one more. */
#include "daemon-share.h"
#include "harness.h"

enum { USERS = 8 };

/* Those who come one after the other, each taking all that he can. */
TEST(what_the_next_one_finds)
{
        static const struct {
                uint64_t limit, finds[USERS + 1];
        } rows[] = {
                {0, {0}},
                {1, {1}},
                {2, {1, 1}},
                {3, {1, 1, 1}},
                {4, {2, 1, 1}},
                {8, {4, 1, 1, 1, 1}},
                {9, {4, 1, 1, 1, 1, 1}},
                {16, {8, 2, 1, 1, 1, 1, 1, 1}},
                {64, {32, 10, 5, 3, 2, 1, 1, 1, 1}},
                {1024, {512, 170, 85, 51, 34, 24, 18, 14, 11}},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct share s = {.limit = rows[i].limit};

                for (s.users = 1; s.users <= USERS + 1; s.users++) {
                        for (s.own = 0; share_has(&s, 1); s.own++)
                                s.used++;
                        CHECK_EQ(s.own, rows[i].finds[s.users - 1]);
                }
        }
}

/* Those who are there from the first and take one each in turn, until nobody gets any. */
TEST(what_equals_come_to)
{
        static const struct {
                uint64_t limit;
                uint32_t users;
                uint64_t has[4];
        } rows[] = {
                {1, 2, {1, 0}},
                {2, 2, {1, 1}},
                {3, 2, {1, 1}},
                {3, 4, {1, 1, 1, 0}},
                {4, 2, {1, 1}},
                {8, 2, {2, 2}},
                {8, 3, {2, 1, 1}},
                {16, 2, {4, 4}},
                {16, 3, {3, 3, 2}},
                {16, 4, {2, 2, 2, 2}},
                {1024, 2, {256, 256}},
                {1024, 3, {171, 171, 170}},
                {1024, 4, {128, 128, 128, 128}},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct share s = {.limit = rows[i].limit};
                uint64_t own[4] = {0};
                bool any = true;

                while (any) {
                        any = false;
                        for (unsigned k = 0; k < rows[i].users; k++) {
                                struct share t = s;

                                t.own = own[k];
                                t.users += !own[k];
                                if (!share_has(&t, 1))
                                        continue;
                                s.users = t.users;
                                s.used++;
                                own[k]++;
                                any = true;
                        }
                }
                for (unsigned k = 0; k < rows[i].users; k++)
                        CHECK_EQ(own[k], rows[i].has[k]);
        }
}

/* Past the half, and where somebody else is, it is the rule that the D-Bus broker has: so many
 * exactly, and not one more. */
TEST(the_rule)
{
        static const struct {
                struct share s;
                uint64_t most;
        } rows[] = {
                {{1024, 600, 2, 100}, 74}, /* (424 + 100) / 3 - 100 */
                {{1024, 600, 3, 100}, 31}, /* (424 + 100) / 4 - 100 */
                {{1024, 600, 4, 100}, 4},  /* (424 + 100) / 5 - 100 */
                {{1024, 600, 5, 100}, 0},  /* … less than it has */
                {{1024, 1023, 900, 1}, 0}, /* what is left is for who has nothing */
                {{1024, 1023, 900, 0}, 1}, /* … */
                {{1024, 1024, 900, 0}, 0}, /* … while it is there */
                {{1024, 512, 2, 512}, 0},  /* the half, and another is there */
                {{1024, 511, 2, 511}, 1},  /* up to it nobody is asked */
                {{1024, 512, 1, 512}, 0},  /* alone, too */
                {{16, 8, 1, 8}, 0},        /* likewise */
                {{2, 1, 1, 1}, 0},         /* … with a pool however small */
                {{3, 1, 1, 1}, 0},         /* … */
                {{1, 0, 1, 0}, 1},         /* but of one */
                {{16, 20, 1, 0}, 0},       /* a limit that has become less */
                {{0, 0, 1, 0}, 0},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CHECK(share_has(&rows[i].s, 0) == (rows[i].s.used <= rows[i].s.limit));
                CHECK(!rows[i].most || share_has(&rows[i].s, rows[i].most));
                CHECK(!share_has(&rows[i].s, rows[i].most + 1));
        }
}

/* What is asked for at once may be large: bytes. The first has all of it, if it asks for that. */
TEST(a_session_of_bytes)
{
        const uint64_t mib = 1024 * 1024;
        struct share s = {.limit = 64 * mib, .users = 1};

        CHECK(share_has(&s, 64 * mib));
        CHECK(!share_has(&s, 64 * mib + 1));
        s.own = s.used = 16 * mib;
        CHECK(share_has(&s, 16 * mib));
        CHECK(!share_has(&s, 16 * mib + 1));
        s.own = s.used = 24 * mib;
        CHECK(!share_has(&s, 24 * mib));
        s.users = 2;
        s.own = 0;
        CHECK(share_has(&s, 40 * mib));
}

/* No sum and no product runs over. */
TEST(at_the_edges)
{
        static const struct {
                struct share s;
                uint64_t n;
                bool has;
        } rows[] = {
                {{UINT64_MAX, 0, 1, 0}, UINT64_MAX, true},
                {{UINT64_MAX, 1, 1, 0}, UINT64_MAX, false},
                {{UINT64_MAX, 1, 1, 1}, UINT64_MAX - 1, false},
                {{UINT64_MAX, 1, 1, 1}, UINT64_MAX / 2 - 1, true},
                {{UINT64_MAX, 2, 2, 1}, UINT64_MAX - 2, false},
                {{UINT64_MAX, UINT64_MAX, 1, UINT64_MAX}, 0, true},
                {{UINT64_MAX, UINT64_MAX, 1, UINT64_MAX}, 1, false},
                {{UINT64_MAX, UINT64_MAX - 1, UINT32_MAX, 0}, 1, true},
                {{UINT64_MAX, UINT64_MAX - 1, UINT32_MAX, 1}, 1, false},
                {{UINT64_MAX, UINT64_MAX / 2, UINT32_MAX, UINT64_MAX / 2}, 1, false},
                {{UINT64_MAX, UINT64_MAX / 2, UINT32_MAX, 1}, 1, true},
                {{UINT64_MAX, UINT64_MAX - UINT32_MAX, UINT32_MAX, 1}, 1, false},
                {{UINT64_MAX - 1, UINT64_MAX, 1, 0}, 0, false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                CHECK(share_has(&rows[i].s, rows[i].n) == rows[i].has);
}
