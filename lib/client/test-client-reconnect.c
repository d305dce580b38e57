/* Which ends of a try to come back are the last word: a table. */
#include "client.h"
#include "harness.h"

#include <errno.h>

TEST(what_ends_a_way_back)
{
        static const enum capos_denial last[] = {CAPOS_DENIED_CREDENTIALS, CAPOS_DENIED_PROFILE,
                                                 CAPOS_DENIED_STALE_SESSION,
                                                 CAPOS_DENIED_METHOD_DISABLED};

        for (unsigned d = 0; d <= CAPOS_DENIED_WITHDRAWN; d++) {
                struct capos_error e = {.code = CAPOS_E_DENIED, .denial = (enum capos_denial)d};
                bool is_last = false;

                for (unsigned i = 0; i < sizeof(last) / sizeof(last[0]); i++)
                        is_last |= d == last[i];
                CHECK_EQ(client_back_is_refused(&e), is_last);
                e.code = CAPOS_E_WRONG_KEY; /* whoever is there, a denial by him would be none */
                CHECK(!client_back_is_refused(&e));
        }
}

TEST(what_is_tried_again)
{
        static const int codes[] = {CAPOS_E_WRONG_KEY,    CAPOS_E_UNKNOWN_KEY, CAPOS_E_QUOTA,
                                    CAPOS_E_METHOD,       CAPNP_E_PROTOCOL,    CAPNP_E_ADDRESS,
                                    CAPNP_E_DISCONNECTED, -ETIMEDOUT,          -ENOMEM,
                                    CAPNP_E_EXCEPTION};

        for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                CHECK(!client_back_is_refused(&(struct capos_error){.code = codes[i]}));
}

TEST(a_session_lasts_by_the_clock_of_its_instance)
{
        /* Ours says 1,000 s since the start; the instance's is anything. */
        const struct client_back b = {.begun_ms = 1000000, .begun_at_ms = UINT64_C(4102444800000)};

        CHECK_EQ(client_back_until_ms(&b, b.begun_at_ms + 600000), 1600000);
        CHECK_EQ(client_back_until_ms(&b, b.begun_at_ms), 1000000);
        CHECK_EQ(client_back_until_ms(&b, 0), 1000000);
}
