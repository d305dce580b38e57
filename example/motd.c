/*
 * motd: prints the message of the day of whoever serves SystemInfo at an address.
 *
 * The blocking style: a question is made, filled in, and waited for. Three calls are on their way
 * before the first answer comes, and a question keeps its first error until it is asked.
 */
#include <inttypes.h>
#include <stdio.h>

#include "system_info.capnp-c.h"

static int fail(const char *what, int r, capnp_question *q)
{
        fprintf(stderr, "%s: %s: %s\n", what, capnp_strerror(r),
                q ? capnp_question_exception(q).reason : "");
        return 1;
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *root = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *motd = NULL, *version = NULL, *up = NULL;
        system_info_client info;
        int r;

        r = capnp_vat_new(&vat);
        if (r)
                return fail("vat", r, NULL);

        r = capnp_vat_connect(vat, argc > 1 ? argv[1] : "localhost:2327", NULL, &root);
        if (r)
                return fail("connect", r, NULL);

        info.c = root;
        motd = system_info_motd(info);
        version = system_info_version(info);
        up = system_info_uptime(info);
        capnp_question_send(motd, NULL, NULL);
        capnp_question_send(version, NULL, NULL);

        r = capnp_question_wait(up);
        if (r)
                return fail("uptime", r, up);

        r = capnp_question_wait(motd);
        if (r)
                return fail("motd", r, motd);

        r = capnp_question_wait(version);
        if (r)
                return fail("version", r, version);

        printf("%s\n", system_info_motd_text(motd).p);
        printf("version %s, up for %" PRIu64 " s\n", system_info_version_text(version).p,
               system_info_uptime_seconds(up));
        return 0;
}
