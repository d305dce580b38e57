/*
 * Patterns for names in certificates, as a table: what is a pattern, and what it matches. And the
 * records that rules travel in.
 */
#include "tls-rules.h"

#include <string.h>

#include "harness.h"

static capnp_text text(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

enum { S = TLS_RULES_SPIFFE, D = TLS_RULES_DNS, E = TLS_RULES_EMAIL };

TEST(what_is_a_pattern)
{
        static const struct {
                int kind;
                const char *text;
                bool good;
        } rows[] = {
                {S, "spiffe://a/b", true},
                {S, "spiffe://a.b-c_d/e/f.g", true},
                {S, "spiffe://a", true},
                {S, "spiffe://a/*", true},
                {S, "spiffe://a/b/*", true},
                {S, "spiffe://", false},
                {S, "spiffe://A/b", false},
                {S, "spiffe://a/", false},
                {S, "spiffe://a//b", false},
                {S, "spiffe://a/../b", false},
                {S, "spiffe://a/./b", false},
                {S, "spiffe://a/b*", false},
                {S, "spiffe://a/*/b", false},
                {S, "spiffe://*/b", false},
                {S, "spiffe://*", false},
                {S, "spiffe://a/b?c", false},
                {S, "spiffe://a:1/b", false},
                {S, "spiffe://u@a/b", false},
                {S, "https://a/b", false},
                {S, "SPIFFE://a/b", false},
                {S, "*", false},
                {S, "", false},
                {D, "a", true},
                {D, "a.example.org", true},
                {D, "*.example.org", true},
                {D, "*", false},
                {D, "*.", false},
                {D, "*.*.org", false},
                {D, "a.*.org", false},
                {D, "a*.org", false},
                {D, "a..b", false},
                {D, ".a", false},
                {D, "a.", false},
                {D, "a b", false},
                {D, "", false},
                {E, "a@b", true},
                {E, "a.b+c@example.org", true},
                {E, "*@example.org", true},
                {E, "*a@example.org", false},
                {E, "a@*.org", false},
                {E, "@b", false},
                {E, "a@", false},
                {E, "a@b@c", false},
                {E, "a b@c", false},
                {E, "a", false},
        };
        char longest[TLS_RULES_BYTES + 2] = "";

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (capos_i_tls_pattern_good((enum tls_rules_kind)rows[i].kind,
                                             text(rows[i].text)) != rows[i].good)
                        test_fail(__FILE__, __LINE__, "\"%s\"", rows[i].text);
        for (unsigned i = 0; i < sizeof(longest) - 1; i++)
                longest[i] = i % 2 ? '.' : 'a';
        CHECK(!capos_i_tls_pattern_good(TLS_RULES_DNS, text(longest)));
        longest[TLS_RULES_BYTES - 1] = '\0';
        CHECK(capos_i_tls_pattern_good(TLS_RULES_DNS, text(longest)));
        CHECK(!capos_i_tls_pattern_good(TLS_RULES_PIN, text("a")));
}

TEST(what_a_pattern_matches)
{
        static const struct {
                int kind;
                const char *pattern, *name;
                bool matches;
        } rows[] = {
                {S, "spiffe://a/b", "spiffe://a/b", true},
                {S, "spiffe://a/b", "spiffe://a/B", false},
                {S, "spiffe://a/b", "spiffe://a/b/c", false},
                {S, "spiffe://a/b", "spiffe://a/bc", false},
                {S, "spiffe://a/*", "spiffe://a/b", true},
                {S, "spiffe://a/*", "spiffe://a/b/c", true},
                {S, "spiffe://a/*", "spiffe://a", false},
                {S, "spiffe://a/*", "spiffe://a/", false},
                {S, "spiffe://a/*", "spiffe://ab/c", false},
                {S, "spiffe://a/b/*", "spiffe://a/b", false},
                {S, "spiffe://a/b/*", "spiffe://a/bc/d", false},
                {S, "spiffe://a/b/*", "spiffe://a/b/../c", false},
                {S, "spiffe://a/b/*", "spiffe://a/b/c?d", false},
                {S, "spiffe://a/*", "spiffe://a/*", false},
                {S, "spiffe://a", "spiffe://a", true},
                {D, "a.example.org", "a.example.org", true},
                {D, "a.example.org", "A.EXAMPLE.ORG", true},
                {D, "a.example.org", "b.example.org", false},
                {D, "a.example.org", "a.example.org.", false},
                {D, "*.example.org", "a.example.org", true},
                {D, "*.example.org", "example.org", false},
                {D, "*.example.org", "a.b.example.org", false},
                {D, "*.example.org", ".example.org", false},
                {D, "*.example.org", "*.example.org", false},
                {D, "*.example.org", "a.example.orgx", false},
                {D, "*.example.org", "aexample.org", false},
                {E, "a@example.org", "a@EXAMPLE.org", true},
                {E, "a@example.org", "A@example.org", false},
                {E, "a@example.org", "b@example.org", false},
                {E, "a@example.org", "a@example.org.evil", false},
                {E, "*@example.org", "b@example.org", true},
                {E, "*@example.org", "*@example.org", false},
                {E, "*@example.org", "@example.org", false},
                {E, "*@example.org", "a@b@example.org", false},
                {E, "*@example.org", "a@sub.example.org", false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (capos_i_tls_pattern_matches((enum tls_rules_kind)rows[i].kind,
                                                text(rows[i].pattern),
                                                text(rows[i].name)) != rows[i].matches)
                        test_fail(__FILE__, __LINE__, "\"%s\" and \"%s\"", rows[i].pattern,
                                  rows[i].name);
        CHECK(!capos_i_tls_pattern_matches(TLS_RULES_DNS, text("a.example.org"),
                                           (capnp_text){"a.example.org\0.evil.com", 22}));
        CHECK(!capos_i_tls_pattern_matches(TLS_RULES_DNS, text("a"), (capnp_text){NULL, 0}));
}

TEST(records_come_back)
{
        uint8_t bytes[64], pin[32] = {7};
        size_t len = 0;
        struct tls_rules_at at;
        enum tls_rules_kind kind;
        capnp_data d;

        CHECK_OK(
                capos_i_tls_rules_add(bytes, sizeof(bytes), &len, TLS_RULES_RULE, (capnp_data){0}));
        CHECK_OK(capos_i_tls_rules_add(bytes, sizeof(bytes), &len, TLS_RULES_PIN,
                                       (capnp_data){pin, 32}));
        CHECK_OK(capos_i_tls_rules_add(bytes, sizeof(bytes), &len, TLS_RULES_DNS,
                                       (capnp_data){(const uint8_t *)"abc", 3}));
        CHECK_EQ(len, 5 + 37 + 8);
        CHECK_EQ(capos_i_tls_rules_add(bytes, sizeof(bytes), &len, TLS_RULES_PIN,
                                       (capnp_data){pin, 32}),
                 CAPNP_E_LIMIT);
        CHECK_EQ(len, 50);

        at = (struct tls_rules_at){{bytes, 50}};
        CHECK_OK(capos_i_tls_rules_next(&at, &kind, &d));
        CHECK_EQ(kind, TLS_RULES_RULE);
        CHECK_EQ(d.len, 0);
        CHECK_OK(capos_i_tls_rules_next(&at, &kind, &d));
        CHECK_EQ(kind, TLS_RULES_PIN);
        CHECK_MEM(d.p, pin, 32);
        CHECK_OK(capos_i_tls_rules_next(&at, &kind, &d));
        CHECK_MEM(d.p, "abc", 3);
        CHECK_EQ(capos_i_tls_rules_next(&at, &kind, &d), CAPNP_E_SHORT);
}

TEST(what_is_no_record_is_refused)
{
        static const uint8_t rows[][8] = {
                {0, 0, 0, 0, 0},          {8, 0, 0, 0, 0},       {1, 0, 0, 0, 4, 1, 2, 3},
                {1, 255, 255, 255, 255},  {7, 0, 0, 0, 3, 1, 2}, {3, 0, 0, 0, 1, 0},
                {3, 0, 0, 0, 3, 0, 0, 0},
        };
        enum tls_rules_kind kind;
        capnp_data d;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct tls_rules_at at = {{rows[i], 8}};

                CHECK_EQ(capos_i_tls_rules_next(&at, &kind, &d), CAPNP_E_PROTOCOL);
        }
        for (uint32_t len = 1; len < 5; len++) {
                struct tls_rules_at at = {{rows[2], len}};

                CHECK_EQ(capos_i_tls_rules_next(&at, &kind, &d), CAPNP_E_PROTOCOL);
        }
}
