/* What a WebAuthn client is asked for, as JSON; and that an instance can put nothing else in it. */
#include "harness.h"

#include <capos/capos-client.h>

#include <string.h>

static struct capos_step step_for(const char *party)
{
        static const uint8_t nonce[32] = {1};
        struct capos_step s = {.challenge = {nonce, sizeof(nonce)}, .relying_party = party};

        for (unsigned i = 0; i < CAPOS_TRANSCRIPT_HASH; i++)
                s.transcript_hash[i] = (uint8_t)(0xff - i);
        return s;
}

TEST(options_have_the_hash_as_challenge)
{
        static const char wanted[] =
                "{\"challenge\":\"__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA\","
                "\"rpId\":\"a.example\","
                "\"allowCredentials\":[],\"userVerification\":\"required\"}";
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct capos_step s = step_for("a.example");

        capnp_buf_init(&b, 1024);
        CHECK_OK(capos_passkey_options(&s, &b, NULL));
        CHECK_EQ(b.len, strlen(wanted));
        CHECK_MEM(b.p, wanted, b.len);
}

TEST(a_relying_party_is_a_domain)
{
        static const char *const bad[] = {"",          "a\"b", "a.example\n",
                                          "A.example", "a/b",  "\xc3\xa4.example"};
        char longest[300];

        memset(longest, 'a', sizeof(longest));
        longest[254] = 0;
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]) + 1; i++) {
                CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
                struct capos_step s = step_for(i < 6 ? bad[i] : longest);
                struct capos_error e;

                capnp_buf_init(&b, 1024);
                CHECK_EQ(capos_passkey_options(&s, &b, &e), CAPOS_E_METHOD);
                CHECK_EQ(e.code, CAPOS_E_METHOD);
                CHECK_EQ(b.len, 0);
        }
}

TEST(what_is_no_step_about_passkeys_has_none)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {0};
        struct capos_step s = step_for("a.example");

        capnp_buf_init(&b, 1024);
        s.challenge.len = 0;
        CHECK_EQ(capos_passkey_options(&s, &b, NULL), CAPOS_E_METHOD);
        s = step_for("a.example");
        capnp_buf_init(&b, 16);
        CHECK_EQ(capos_passkey_options(&s, &b, NULL), CAPNP_E_LIMIT);
}
