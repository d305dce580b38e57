/* What a WebAuthn client is asked for, as JSON; and that an instance can put nothing else in it. */
#include "client.h"
#include "harness.h"

#include <capos/capos-client.h>

#include <stdio.h>
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

TEST(a_host_may_ask_for_its_own)
{
        static const struct {
                const char *host, *party;
                bool may;
        } rows[] = {
                {"a.example.org", "a.example.org", true},
                {"a.example.org", "example.org", true},
                {"A.Example.Org", "example.org", true},
                {"localhost", "localhost", true},
                {"a.example.org", "org", false},
                {"a.example.org", "b.a.example.org", false},
                {"a.example.org", "ple.org", false},
                {"badexample.org", "example.org", false},
                {"example.org.evil.net", "example.org", false},
                {"a.example.org", "", false},
                {"a.example.org", ".example.org", false},
                {"a.example.org", "e.org", false},
                {"a.localhost", "localhost", false},
                {"a.org.", "org.", false},
                {"localhost", "example.org", false},
                {"", "localhost", false},
                {"", "example.org", false},
                {"", "", false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                CHECK_EQ(client_party_is_of(rows[i].host, rows[i].party), rows[i].may);
}

TEST(which_host_was_dialled)
{
        static const struct {
                enum capos_transport transport;
                const char *where, *host;
        } rows[] = {
                {CAPOS_TRANSPORT_TLS, "a.example.org:2327", "a.example.org"},
                {CAPOS_TRANSPORT_TLS, "127.0.0.1:2327", ""},
                {CAPOS_TRANSPORT_TLS, "[::1]:2327", ""},
                {CAPOS_TRANSPORT_TLS, "[fe80::1%eth0]:2327", ""},
                {CAPOS_TRANSPORT_PLAIN, "localhost:2327", "localhost"},
                {CAPOS_TRANSPORT_UNIX, "unix:/run/a.example.org:1", "localhost"},
        };
        char host[CAPOS_ADDRESS_WHERE];
        capos_client *c;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CHECK_OK(client_make(NULL, &c));
                c->at.transport = rows[i].transport;
                (void)snprintf(c->at.where, sizeof(c->at.where), "%s", rows[i].where);
                client_host(c, host);
                CHECK_STR(host, ""); /* it goes through somebody else's line */
                c->reachable = true;
                client_host(c, host);
                CHECK_STR(host, rows[i].host);
                capos_client_free(c);
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
