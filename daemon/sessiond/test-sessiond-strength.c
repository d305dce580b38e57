/* What proofs are worth: every pair that matters, as a table. */
#include "harness.h"

#include "strength.h"

#include <stdio.h>

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
