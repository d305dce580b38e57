/* Codes and kinds, in both directions, and texts that only look like codes. */
#include "harness.h"

#include "session-names.h"

#include <string.h>

TEST(a_text_has_a_code_whole_or_not_at_all)
{
        CHECK(capos_i_refusal_has("service: no", CAPOS_I_SERVICE));
        CHECK(capos_i_refusal_has("service", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("services: no", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("service no", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("no service: no", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("", CAPOS_I_SERVICE));
}

TEST(codes_survive_hops)
{
        static const struct {
                const char *text;
                enum capos_denial is;
        } rows[] = {
                {"denied.unknown-name", CAPOS_DENIED_UNKNOWN_NAME},
                {"denied.stale-session expired", CAPOS_DENIED_STALE_SESSION},
                {"remote exception: denied.backoff: try again in 4 seconds", CAPOS_DENIED_BACKOFF},
                {"remote exception: remote exception: denied.flow", CAPOS_DENIED_FLOW},
                {"service: denied.flow", CAPOS_DENIED_NONE},
                {"denied.flows", CAPOS_DENIED_NONE},
                {"denied.", CAPOS_DENIED_NONE},
                {"none", CAPOS_DENIED_NONE},
                {"", CAPOS_DENIED_NONE},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                CHECK_EQ(capos_denial_of_text(rows[i].text), rows[i].is);
        for (unsigned i = 1; i <= CAPOS_DENIED_BACKOFF; i++)
                CHECK_EQ(capos_denial_of_text(capos_denial_code((enum capos_denial)i)), i);
}

TEST(details_are_what_follows)
{
        CHECK_STR(capos_denial_detail_peek("denied.stale-session: expired"), "expired");
        CHECK_STR(capos_denial_detail_peek("denied.stale-session expired"), "expired");
        CHECK_STR(capos_denial_detail_peek("denied.flow"), "");
}

TEST(quotas_are_told_apart)
{
        size_t len;
        const char *q = capos_quota_of_text_peek("remote exception: over-quota.flows: 4", &len);

        CHECK(q && len == 5 && !memcmp(q, "flows", 5));
        CHECK(!capos_quota_of_text_peek("service: over-quota.flows", &len));
}

TEST(kinds_have_the_names_of_the_schema)
{
        enum capos_auth kind;

        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++) {
                CHECK_OK(capos_auth_of_name(capos_auth_name(i), &kind));
                CHECK_EQ(kind, i);
        }
        CHECK_EQ(capos_auth_of_name("root", &kind), CAPNP_E_UNKNOWN);
        CHECK_STR(capos_auth_name(99), "unknown");
}
