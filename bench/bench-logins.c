/*
 * bench-logins: lets $LOGINS people log in by password, one after the other, for a tool that counts
 * what the session manager does for it: attempt, nonce, verdict, session, records.
 *
 * The session manager is the real one, in an unconfined build (bench/unconfined.c), since a tool
 * that translates code as it runs may not do so in the sandbox; started through a script of
 * bench/instructions'. Everybody else's part is the rig's of its tests; provers are the real ones.
 */
#include <stdlib.h>

#include "test-rig.h"

TEST_T(logins, 300)
{
        const char *count = getenv("LOGINS");
        struct rig g;

        CHECK(count);
        rig_start(&g, NULL);
        rig_account(&g, "alice", "correct horse");
        for (unsigned long n = strtoul(count, NULL, 10); n; n--) {
                struct rig_worker w;

                rig_worker(&g, RIG_HOME, &w);
                capnp_question_free(
                        rig_good(rig_password(&w, "alice", "operator", "correct horse")));
                rig_worker_end(&w);
        }
        rig_stop(&g, false);
        rig_remove(g.dir);
}
