/* Challenges for new passkeys: each is good once, for its account, for a while; and they are few.
 */
#include "harness.h"

#include "registrations.h"

#include <stdio.h>
#include <string.h>

TEST(a_challenge_is_good_once)
{
        struct registrations r = {0};
        uint8_t made[PASSKEY_CHALLENGE_BYTES], taken[PASSKEY_CHALLENGE_BYTES];

        registrations_begin(&r, "ada", 7, 1000, made);
        CHECK(!registrations_take(&r, "bob", 7, 1000, taken));
        CHECK(!registrations_take(&r, "", 7, 1000, taken));
        CHECK(registrations_take(&r, "ada", 7, 1000 + REGISTRATION_MS - 1, taken));
        CHECK_MEM(taken, made, sizeof(made));
        CHECK(!registrations_take(&r, "ada", 7, 1001, taken));
}

TEST(a_challenge_is_over_after_a_while)
{
        struct registrations r = {0};
        uint8_t made[PASSKEY_CHALLENGE_BYTES], taken[PASSKEY_CHALLENGE_BYTES];

        registrations_begin(&r, "ada", 7, 1000, made);
        CHECK(!registrations_take(&r, "ada", 7, 1000 + REGISTRATION_MS, taken));
        CHECK(!registrations_take(&r, "ada", 7, 1000, taken));
}

/* Its account was removed, and made anew under the name. */
TEST(a_challenge_ends_with_its_account)
{
        struct registrations r = {0};
        uint8_t made[PASSKEY_CHALLENGE_BYTES], taken[PASSKEY_CHALLENGE_BYTES];

        registrations_begin(&r, "ada", 7, 1000, made);
        CHECK(!registrations_take(&r, "ada", 8, 1000, taken));
        CHECK(!registrations_take(&r, "ada", 7, 1000, taken));
}

TEST(a_later_one_replaces_that_of_the_account)
{
        struct registrations r = {0};
        uint8_t first[PASSKEY_CHALLENGE_BYTES], second[PASSKEY_CHALLENGE_BYTES];
        uint8_t taken[PASSKEY_CHALLENGE_BYTES];

        registrations_begin(&r, "ada", 7, 1000, first);
        registrations_begin(&r, "ada", 7, 1001, second);
        CHECK(memcmp(first, second, sizeof(first)) != 0);
        CHECK(registrations_take(&r, "ada", 7, 1002, taken));
        CHECK_MEM(taken, second, sizeof(taken));
        CHECK(!registrations_take(&r, "ada", 7, 1002, taken));
}

TEST(the_oldest_gives_way)
{
        struct registrations r = {0};
        uint8_t c[PASSKEY_CHALLENGE_BYTES];
        char name[16];

        for (unsigned i = 0; i <= REGISTRATIONS; i++) {
                snprintf(name, sizeof(name), "ada%u", i);
                registrations_begin(&r, name, 7, 1000 + i, c);
        }
        CHECK(!registrations_take(&r, "ada0", 7, 2000, c));
        CHECK(registrations_take(&r, "ada1", 7, 2000, c));
        CHECK(registrations_take(&r, name, 7, 2000, c));
}
