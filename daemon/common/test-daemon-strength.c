/* What proofs are worth: every pair that matters, as a table. */
#include "harness.h"

#include "daemon-strength.h"

#include <stdio.h>
#include <string.h>

#define PASSWORD                                                \
        {                                                       \
                CAPOS_AUTH_PASSWORD, BINDING_NONE, false, false \
        }
#define KEY                                                           \
        {                                                             \
                CAPOS_AUTH_PUBLIC_KEY, BINDING_EXPORTER, false, false \
        }
#define KEY_WEAK                                                        \
        {                                                               \
                CAPOS_AUTH_PUBLIC_KEY, BINDING_SERVER_KEY, false, false \
        }
#define KEY_BARE                                                  \
        {                                                         \
                CAPOS_AUTH_PUBLIC_KEY, BINDING_NONE, false, false \
        }
#define TOUCH                                                        \
        {                                                            \
                CAPOS_AUTH_PUBLIC_KEY, BINDING_EXPORTER, true, false \
        }
#define TOUCH_SK                                                       \
        {                                                              \
                CAPOS_AUTH_PUBLIC_KEY, BINDING_SERVER_KEY, true, false \
        }
#define DEVICE                                                          \
        {                                                               \
                CAPOS_AUTH_OIDC_DEVICE_CODE, BINDING_NONE, false, false \
        }
#define BROWSER                                                      \
        {                                                            \
                CAPOS_AUTH_OIDC_PKCE, BINDING_EXPORTER, false, false \
        }
#define PASSKEY                                                    \
        {                                                          \
                CAPOS_AUTH_PASSKEY, BINDING_EXPORTER, false, false \
        }
#define CERT                                                       \
        {                                                          \
                CAPOS_AUTH_MTLS, BINDING_CERTIFICATE, false, false \
        }
#define ACCESS                                                    \
        {                                                         \
                CAPOS_AUTH_SERVICE, BINDING_EXPORTER, false, true \
        }
#define ASSERTION                                                  \
        {                                                          \
                CAPOS_AUTH_SERVICE, BINDING_EXPORTER, false, false \
        }
#define GUEST                                                \
        {                                                    \
                CAPOS_AUTH_GUEST, BINDING_NONE, false, false \
        }
#define NOBODY                                                   \
        {                                                        \
                CAPOS_AUTH_ANONYMOUS, BINDING_NONE, false, false \
        }

TEST(no_less_renews)
{
        static const struct {
                struct strength_of made, by;
                bool good;
        } rows[] = {
                {PASSWORD, PASSWORD, true},  {PASSWORD, KEY, true},
                {PASSWORD, KEY_WEAK, true},  {PASSWORD, DEVICE, false},
                {PASSWORD, BROWSER, true},   {PASSWORD, CERT, false},
                {DEVICE, DEVICE, true},      {DEVICE, PASSWORD, true},
                {ASSERTION, ACCESS, false},  {ACCESS, ACCESS, true},
                {ACCESS, ASSERTION, true},   {DEVICE, CERT, false},
                {BROWSER, BROWSER, true},    {BROWSER, PASSWORD, false},
                {BROWSER, DEVICE, false},    {BROWSER, KEY_WEAK, true},
                {KEY, PASSWORD, false},      {KEY, DEVICE, false},
                {KEY, BROWSER, false},       {KEY, KEY, true},
                {KEY, KEY_WEAK, false},      {KEY, TOUCH, true},
                {KEY, PASSKEY, true},        {KEY, CERT, false},
                {KEY_WEAK, KEY_WEAK, true},  {KEY_WEAK, KEY, true},
                {KEY_WEAK, PASSWORD, false}, {KEY_BARE, KEY_BARE, true},
                {KEY_BARE, PASSWORD, false}, {TOUCH, TOUCH, true},
                {TOUCH, KEY, false},         {TOUCH, PASSKEY, true},
                {TOUCH, TOUCH_SK, false},    {PASSKEY, PASSKEY, true},
                {PASSKEY, KEY, false},       {CERT, CERT, true},
                {CERT, KEY, true},           {CERT, KEY_WEAK, false},
                {CERT, PASSWORD, false},     {GUEST, PASSKEY, false},
                {NOBODY, KEY, false},        {NOBODY, NOBODY, false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                enum strength made = strength_made(&rows[i].made);

                if (strength_renews(&rows[i].by, rows[i].made.kind, made) != rows[i].good)
                        printf("row %u\n", i);
                CHECK_EQ(strength_renews(&rows[i].by, rows[i].made.kind, made), rows[i].good);
        }
}

static struct strength_demand demand(uint32_t methods, enum strength at_least)
{
        return (struct strength_demand){methods, at_least};
}

TEST(what_is_demanded_is_met_or_not)
{
        static const struct {
                uint32_t methods;
                enum strength at_least;
                struct strength_of by;
                bool good, may; /* … some proof of that kind would do */
        } rows[] = {
                {0, STRENGTH_NONE, PASSWORD, true, true},
                {1 << CAPOS_AUTH_PUBLIC_KEY, STRENGTH_NONE, KEY, true, true},
                {1 << CAPOS_AUTH_PUBLIC_KEY, STRENGTH_NONE, PASSKEY, false, false},
                {1 << CAPOS_AUTH_PUBLIC_KEY, STRENGTH_TOUCHED, KEY, false, true},
                {1 << CAPOS_AUTH_PUBLIC_KEY, STRENGTH_TOUCHED, TOUCH, true, true},
                {1 << CAPOS_AUTH_PUBLIC_KEY, STRENGTH_SIGNED, KEY_WEAK, false, true},
                {0, STRENGTH_ASSERTED, PASSWORD, false, false},
                {0, STRENGTH_ASSERTED, BROWSER, true, true},
                {0, STRENGTH_SIGNED, ACCESS, false, true},
                {0, STRENGTH_SIGNED, ASSERTION, true, true},
                {0, STRENGTH_SIGNED, CERT, true, true},
                {0, STRENGTH_TOUCHED, CERT, false, false},
                {1U << CAPOS_AUTH_KINDS, STRENGTH_NONE, KEY, false, false}, /* an unknown one */
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct strength_demand d = demand(rows[i].methods, rows[i].at_least);

                CHECK_EQ(strength_meets(&d, rows[i].by.kind, strength_made(&rows[i].by)),
                         rows[i].good);
                CHECK_EQ(strength_may_meet(&d, rows[i].by.kind), rows[i].may);
        }
}

TEST(what_is_demanded_is_said)
{
        struct strength_demand d =
                demand(1 << CAPOS_AUTH_PUBLIC_KEY | 1 << CAPOS_AUTH_PASSKEY, STRENGTH_SIGNED_KEY);
        char text[STRENGTH_TEXT];

        CHECK_STR(strength_say(&d, text), "it demands key or passkey, a proof worth `signedKey`");
        d = demand(0, STRENGTH_TOUCHED);
        CHECK_STR(strength_say(&d, text), "it demands a proof worth `touched`");
        d = demand((1 << CAPOS_AUTH_KINDS) - 1, STRENGTH_SIGNED_KEY);
        CHECK(strlen(strength_say(&d, text)) < STRENGTH_TEXT - 1);
}

TEST(words_are_read_back)
{
        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++) {
                const char *word = auth_word((enum capos_auth)i);

                CHECK_EQ(auth_of_word((capnp_text){word, (uint32_t)strlen(word)}), i);
        }
        CHECK_EQ(auth_of_word((capnp_text){"ke", 2}), CAPOS_AUTH_KINDS);
        CHECK_EQ(auth_of_word((capnp_text){"", 0}), CAPOS_AUTH_KINDS);
}
