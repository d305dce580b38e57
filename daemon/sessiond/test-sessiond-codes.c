/* Codes for passkeys: each is good for its account until it is over or used up, however it is
 * typed; and they are few. */
#include "harness.h"

#include "passkey-codes.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct passkey_codes codes;
static const struct store_options any = {.expires_ms = 0};

static struct passkey_code *found(const char *typed, uint64_t now_ms)
{
        uint8_t hash[STORE_HASH_BYTES];

        if (!passkey_code_hash((capnp_text){typed, (uint32_t)strlen(typed)}, hash))
                return NULL;
        return passkey_codes_find(&codes, hash, now_ms);
}

static void make(const char *account, uint64_t now_ms, char ret[PASSKEY_CODE_TEXT])
{
        passkey_codes_make(&codes, account, 7, &any, now_ms, ret);
}

TEST(a_code_is_good_for_its_account_and_its_time)
{
        const struct store_options may = {.sources = "10.0.0.0/8", .expires_ms = 5};
        char code[PASSKEY_CODE_TEXT];
        struct passkey_code *c;

        passkey_codes_make(&codes, "ada", 7, &may, 1000, code);
        CHECK_EQ(strlen(code), PASSKEY_CODE_TEXT - 1);
        c = found(code, 1000 + PASSKEY_CODE_MS - 1);
        CHECK(c);
        CHECK_STR(c->account, "ada");
        CHECK_EQ(c->serial, 7);
        CHECK_STR(c->may.sources, "10.0.0.0/8");
        CHECK_EQ(c->may.expires_ms, 5);
        CHECK(!found(code, 1000 + PASSKEY_CODE_MS));
        passkey_code_end(c);
        CHECK(!found(code, 1000));
}

/* As people write it: in small letters, without dashes, with o for 0 and l for 1. */
TEST(a_code_is_typed_somehow)
{
        char code[PASSKEY_CODE_TEXT], typed[64];
        size_t n = 0;

        make("ada", 1000, code);
        for (const char *p = code; *p; p++) {
                if (*p == '-')
                        typed[n++] = ' ';
                else if (*p == '0')
                        typed[n++] = 'o';
                else
                        typed[n++] = *p == '1' ? 'l' : (char)tolower(*p);
        }
        typed[n] = 0;
        CHECK(found(typed, 1000));
}

TEST(what_is_no_code)
{
        static const char *const none[] = {"",
                                           "-",
                                           "AAAAA-AAAAA-AAAAA-AAAA",
                                           "U",
                                           "AAAAAAAAAAAAAAAAAAA?",
                                           "AAAAA-AAAAA-AAAAA-AAAAA-A"};
        uint8_t hash[STORE_HASH_BYTES];
        char code[PASSKEY_CODE_TEXT];

        make("ada", 1000, code);
        for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                CHECK(!passkey_code_hash((capnp_text){none[i], (uint32_t)strlen(none[i])}, hash));
        CHECK(!passkey_code_hash((capnp_text){"AAAAAAAAAA\0AAAAAAAAA", 20}, hash));
        CHECK(!found("AAAAA-AAAAA-AAAAA-AAAAA", 1000));
        code[0] = code[0] == 'A' ? 'B' : 'A';
        CHECK(!found(code, 1000));
}

TEST(a_later_one_takes_its_place)
{
        char first[PASSKEY_CODE_TEXT], second[PASSKEY_CODE_TEXT];

        make("ada", 1000, first);
        make("ada", 1001, second);
        CHECK(!found(first, 1002));
        CHECK(found(second, 1002));
}

TEST(the_oldest_gives_way)
{
        char all[PASSKEY_CODES + 1][PASSKEY_CODE_TEXT], name[16];

        memset(&codes, 0, sizeof(codes));
        for (unsigned i = 0; i <= PASSKEY_CODES; i++) {
                snprintf(name, sizeof(name), "a%u", i);
                make(name, 1000 + i, all[i]);
        }
        CHECK(!found(all[0], 2000));
        for (unsigned i = 1; i <= PASSKEY_CODES; i++)
                CHECK(found(all[i], 2000));
}
