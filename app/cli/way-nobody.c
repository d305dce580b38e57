/*
 * As nobody: as a guest, or anonymous. Nothing is proved, so neither is ever taken in place of a
 * proof that was refused, only by who asks for it.
 */
#include "login-ways.h"

#include <stdio.h>

static bool guest_asked(const struct cli *c)
{
        return c->guest;
}

static bool anonymous_asked(const struct cli *c)
{
        return c->anonymous;
}

static bool nobody_ready(const struct login *l, char *why)
{
        (void)l;
        (void)snprintf(why, LOGIN_WHY, "nothing is needed");
        return true;
}

static enum way_end guest_run(struct login *l)
{
        l->how.kind = CAPOS_AUTH_GUEST;
        return login_try(l) ? WAY_REFUSED : WAY_IN;
}

static enum way_end anonymous_run(struct login *l)
{
        l->how.kind = CAPOS_AUTH_ANONYMOUS;
        return login_try(l) ? WAY_REFUSED : WAY_IN;
}

const struct way way_guest = {.name = "guest",
                              .kind = CAPOS_AUTH_GUEST,
                              .option = "--guest",
                              .asks_no_name = true,
                              .is_nobody = true,
                              .asked = guest_asked,
                              .ready = nobody_ready,
                              .run = guest_run};
const struct way way_anonymous = {.name = "anonymous",
                                  .kind = CAPOS_AUTH_ANONYMOUS,
                                  .option = "--anonymous",
                                  .asks_no_name = true,
                                  .is_nobody = true,
                                  .asked = anonymous_asked,
                                  .ready = nobody_ready,
                                  .run = anonymous_run};
