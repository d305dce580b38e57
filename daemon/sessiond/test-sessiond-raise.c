/* What a session is not raised from, and to what (R21, R52): the rest is in test-sessiond-time. */
#include "harness.h"

#include "raise.h"
#include "sessiond.h"

/* An agent's session has what its profile has, and no other is made one. */
TEST(no_session_is_raised_from_an_agents_profile_or_to_one)
{
        static const struct policy_service shelf = {.name = "shelf", .interface_id = 1};

        for (unsigned i = 0; i < 4; i++) {
                struct policy_grant has[] = {{"shelf", "", &shelf, NULL, .ui = false}};
                struct policy_grant gets[] = {{"shelf", "", &shelf, NULL, .ui = false},
                                              {"extra", "", &shelf, NULL, .ui = false}};
                struct policy_profile from = {
                        .name = "a", .grants = has, .ngrants = 1, .agent = i & 1};
                struct policy_profile to = {
                        .name = "b", .grants = gets, .ngrants = 2, .agent = i & 2};
                struct session e = {.account = "alice", .profile = &from};

                CHECK_EQ(raise_refuses(&e, &to) == NULL, !i);
        }
}
