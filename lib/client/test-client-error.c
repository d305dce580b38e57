/* Denials and quotas, told apart from other exceptions. */
#include "harness.h"

#include <capos/capos-client.h>

#include <errno.h>
#include <string.h>

TEST(exceptions_become_typed_errors)
{
        static const struct {
                int r;
                enum capnp_kind kind;
                const char *text;
                int code;
                enum capos_denial denial;
                const char *quota;
        } rows[] = {
                {0, CAPNP_FAILED, "", 0, CAPOS_DENIED_NONE, ""},
                {CAPNP_E_EXCEPTION, CAPNP_FAILED, "denied.unknown-name", CAPOS_E_DENIED,
                 CAPOS_DENIED_UNKNOWN_NAME, ""},
                {CAPNP_E_EXCEPTION, CAPNP_FAILED, "remote exception: denied.stale-session: expired",
                 CAPOS_E_DENIED, CAPOS_DENIED_STALE_SESSION, ""},
                {CAPNP_E_EXCEPTION, CAPNP_FAILED,
                 "remote exception: remote exception: denied.backoff: try again in 4 seconds",
                 CAPOS_E_DENIED, CAPOS_DENIED_BACKOFF, ""},
                {CAPNP_E_EXCEPTION, CAPNP_FAILED, "service: denied.profile", CAPNP_E_EXCEPTION,
                 CAPOS_DENIED_NONE, ""},
                {CAPNP_E_EXCEPTION, CAPNP_OVERLOADED, "denied.profile", CAPNP_E_EXCEPTION,
                 CAPOS_DENIED_NONE, ""},
                {CAPNP_E_EXCEPTION, CAPNP_OVERLOADED, "over-quota.flows", CAPOS_E_QUOTA,
                 CAPOS_DENIED_NONE, "flows"},
                {CAPNP_E_EXCEPTION, CAPNP_OVERLOADED, "remote exception: over-quota.calls: 16",
                 CAPOS_E_QUOTA, CAPOS_DENIED_NONE, "calls"},
                {CAPNP_E_EXCEPTION, CAPNP_OVERLOADED, "busy", CAPNP_E_EXCEPTION, CAPOS_DENIED_NONE,
                 ""},
                {CAPNP_E_EXCEPTION, CAPNP_FAILED, "over-quota.calls", CAPNP_E_EXCEPTION,
                 CAPOS_DENIED_NONE, ""},
                {CAPNP_E_DISCONNECTED, CAPNP_DISCONNECTED, "denied.profile", CAPNP_E_DISCONNECTED,
                 CAPOS_DENIED_NONE, ""},
                {-ENOMEM, CAPNP_FAILED, "", -ENOMEM, CAPOS_DENIED_NONE, ""},
        };
        struct capos_error e;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CHECK_EQ(capos_error_of(rows[i].r, (capnp_exception){rows[i].kind, rows[i].text},
                                        &e),
                         rows[i].code);
                CHECK_EQ(e.code, rows[i].code);
                CHECK_EQ(e.denial, rows[i].denial);
                CHECK_STR(e.quota, rows[i].quota);
                CHECK(e.text[0]);
                CHECK_EQ(capos_error_of(rows[i].r, (capnp_exception){rows[i].kind, rows[i].text},
                                        NULL),
                         rows[i].code);
        }
}

TEST(long_texts_are_cut_between_characters)
{
        char text[800];
        struct capos_error e;

        memset(text, 'x', sizeof(text));
        for (unsigned i = 1; i + 1 < sizeof(text); i += 2)
                memcpy(text + i, "\xc3\xa4", 2);
        text[sizeof(text) - 1] = 0;
        CHECK_EQ(capos_error_of(CAPNP_E_EXCEPTION, (capnp_exception){CAPNP_FAILED, text}, &e),
                 CAPNP_E_EXCEPTION);
        CHECK_EQ(strlen(e.text), sizeof(e.text) - 1);
        memset(text, 'x', 2);
        CHECK_EQ(capos_error_of(CAPNP_E_EXCEPTION, (capnp_exception){CAPNP_FAILED, text + 1}, &e),
                 CAPNP_E_EXCEPTION);
        CHECK_EQ((unsigned char)e.text[strlen(e.text) - 1], 0xa4);
}

TEST(every_code_has_words)
{
        for (int r = CAPOS_E_DENIED; r <= CAPOS_E_METHOD; r++)
                CHECK(*capos_strerror(r));
        CHECK_STR(capos_strerror(CAPNP_E_LIMIT), capnp_strerror(CAPNP_E_LIMIT));
}
