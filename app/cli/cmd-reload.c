/*
 * `capos reload`: an instance reads its manifest again. What is wrong with it is the instance's to
 * say, by the file as it sees it; here it is printed.
 */
#include "admin.h"

enum { RELOAD_MS = 70 * 1000 }; /* the session manager gives up after a minute */

int cmd_reload(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        const char *faults;
        int r = state_open_admin(c);

        if (r)
                return r;

        q = admin_reload(admin_of(c));
        if (cli_wait(c, q, RELOAD_MS))
                return cli_fail_question(c, q, "reload");
        faults = admin_reload_faults(q).p;
        if (*faults) {
                fputs(faults, stderr);
                return cli_fail(c, EXIT_FAILED, "reload", "nothing has changed");
        }
        if (c->json)
                return cli_print_json(c, json_pack("{s:b}", "reloaded", true));
        puts("The manifest counts. What it grants no more is gone.");
        return EXIT_OK;
}
