/*
 * The decision whom to believe, case by case: every way to know crossed with every key that may be
 * shown and everything the file may say.
 */
#include "harness.h"

#include "client-trust.h"

#include <string.h>

#define A "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define B "sha256:BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define C "sha256:CAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static struct capos_address at(const char *text)
{
        struct capos_address a;
        const char *why = "";

        CHECK_OK(capos_address_parse(text, CAPOS_ADDRESS_TYPED, &a, &why));
        return a;
}

static const enum client_known_state states[] = {CLIENT_KNOWN, CLIENT_UNKNOWN, CLIENT_CHANGED,
                                                 CLIENT_UNREADABLE};

/* The same answer whatever the file says and whoever may be asked. */
static void always(const char *address, const char *expect, const char *ca_refuses,
                   enum client_trust wanted)
{
        struct capos_address a = at(address);

        CHECK(!client_trust_needs_known(&a, expect));
        for (unsigned i = 0; i < 8; i++) {
                struct capos_error e = {.code = 0};
                struct client_trust_case t = {.at = &a,
                                              .expect = expect,
                                              .seen = A,
                                              .ca_refuses = ca_refuses,
                                              .known.state = states[i / 2],
                                              .can_ask = i % 2};

                CHECK_EQ(client_trust_decide(&t, &e), wanted);
                CHECK_EQ(e.code, wanted == CLIENT_TRUST_NO ? CAPOS_E_WRONG_KEY : 0);
                CHECK_EQ(client_trust_decide(&t, NULL), wanted);
        }
}

TEST(a_told_fingerprint_decides_alone)
{
        always("capos://h:1/#" A, NULL, NULL, CLIENT_TRUST_YES);
        always("capos://h:1/#" B, NULL, NULL, CLIENT_TRUST_NO);
        always("tls:h:1", A, NULL, CLIENT_TRUST_YES);
        always("tls:h:1", B, NULL, CLIENT_TRUST_NO);
        always("capos://h:1/#" A, A, NULL, CLIENT_TRUST_YES);
        always("capos://h:1/#" A, B, NULL, CLIENT_TRUST_NO);
        always("capos://h:1/#" B, A, NULL, CLIENT_TRUST_NO);
        /* What libssl thinks of the certificate is nothing to a fingerprint. */
        always("tls:h:1", A, "expired", CLIENT_TRUST_YES);
}

TEST(a_ca_decides_alone)
{
        always("capos://h:1/?ca=system", NULL, NULL, CLIENT_TRUST_YES);
        always("capos://h:1/?ca=/x", NULL, "self-signed", CLIENT_TRUST_NO);
        /* With both, both: neither makes the other good. */
        always("capos://h:1/?ca=/x", A, NULL, CLIENT_TRUST_YES);
        always("capos://h:1/?ca=/x", A, "self-signed", CLIENT_TRUST_NO);
        always("capos://h:1/?ca=/x", B, NULL, CLIENT_TRUST_NO);
}

static enum client_trust by_file(enum client_known_state state, bool can_ask, struct capos_error *e)
{
        struct capos_address a = at("tls:h:1");
        struct client_trust_case t = {.at = &a,
                                      .seen = A,
                                      .path = "/x/known-instances",
                                      .known = {.state = state, .line = 17, .fingerprint = C},
                                      .can_ask = can_ask};

        CHECK(client_trust_needs_known(&a, NULL));
        *e = (struct capos_error){.code = 0};
        return client_trust_decide(&t, e);
}

TEST(a_known_instance_is_believed)
{
        struct capos_error e;

        CHECK_EQ(by_file(CLIENT_KNOWN, false, &e), CLIENT_TRUST_YES);
        CHECK_EQ(by_file(CLIENT_KNOWN, true, &e), CLIENT_TRUST_YES);
        CHECK_EQ(e.code, 0);
}

TEST(a_new_one_is_asked_for_by_a_person_and_refused_to_a_program)
{
        struct capos_error e;

        CHECK_EQ(by_file(CLIENT_UNKNOWN, true, &e), CLIENT_TRUST_ASK);
        CHECK_EQ(by_file(CLIENT_UNKNOWN, false, &e), CLIENT_TRUST_NO);
        CHECK_EQ(e.code, CAPOS_E_UNKNOWN_KEY);
        CHECK(strstr(e.text, A) && strstr(e.text, "--expect"));
        CHECK(strstr(e.text, "capos cert show") && strstr(e.text, "capos known add h:1 " A));
}

TEST(a_changed_key_is_refused_to_everybody)
{
        struct capos_error e;

        for (int can_ask = 0; can_ask < 2; can_ask++) {
                CHECK_EQ(by_file(CLIENT_CHANGED, can_ask, &e), CLIENT_TRUST_NO);
                CHECK_EQ(e.code, CAPOS_E_WRONG_KEY);
                CHECK(strstr(e.text, A) && strstr(e.text, C));
                CHECK(strstr(e.text, "/x/known-instances, line 17"));
                CHECK(strstr(e.text, "capos known remove h:1"));
        }
}

TEST(a_line_that_cannot_be_read_is_no_unknown_instance)
{
        struct capos_error e;

        for (int can_ask = 0; can_ask < 2; can_ask++) {
                CHECK_EQ(by_file(CLIENT_UNREADABLE, can_ask, &e), CLIENT_TRUST_NO);
                CHECK(strstr(e.text, "/x/known-instances, line 17"));
        }
}
