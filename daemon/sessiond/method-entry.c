/*
 * Ways in without an account: nothing is proved, and the manifest says who may come and as what.
 */
#include "method.h"

static const struct policy_entry *guest_entry(const struct policy *p)
{
        return &p->guest;
}

static bool guest_is_on(const struct policy *p)
{
        return p->guest.profile != NULL;
}

static const struct policy_entry *anonymous_entry(const struct policy *p)
{
        return &p->anonymous;
}

static bool anonymous_is_on(const struct policy *p)
{
        return p->anonymous.profile != NULL;
}

const struct method method_guest = {.is_on = guest_is_on, .entry = guest_entry};
const struct method method_anonymous = {.is_on = anonymous_is_on, .entry = anonymous_entry};
