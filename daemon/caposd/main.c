/*
 * capos-caposd: starts an instance and stays until it ends.
 *
 * Exit codes: 0 an orderly end, or a good manifest; 1 something failed, said on standard error;
 * 2 wrong arguments.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "caposd.h"
#include "daemon-log.h"
#include "daemon-powers.h"

static int instance_run(const struct options *o, struct daemon_manifest *m)
{
        struct caposd c;
        int code;

        if (caposd_init(&c, o, m))
                return 1;

        *m = (struct daemon_manifest){0};
        if (daemon_powers_drop(POWERS_FIND_PROGRAMS))
                daemon_log(LOG_WARNING, "the superuser's powers cannot be given up");
        code = caposd_run(&c);
        caposd_deinit(&c);
        return code;
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest m = {0};
        struct options o;
        int r;

        r = options_parse(&o, argc, argv);
        if (r)
                return r == OPTIONS_HELP ? 0 : EXIT_USAGE;

        (void)umask(077);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || manifest_load(&m, o.manifest))
                return 1;
        if (o.check) {
                puts("the manifest is good");
                return 0;
        }
        return instance_run(&o, &m);
}
