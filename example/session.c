/*
 * session: logs in to an instance as anonymous, prints the message of the day, and logs out. The
 * address is the instance's Unix socket, or the port of a `plain:` listener.
 *
 * Five requests are on their way before the first answer comes, and one is waited for: a call on a
 * result that has not arrived is sent along at once and runs where the result will be.
 */
#include <stdio.h>

#include "remote_session.capnp-c.h"
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
        CAPNP_AUTO(capnp_question_freep) capnp_question *login = NULL, *set = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *get = NULL, *motd = NULL, *logout = NULL;
        int r;

        if (argc != 2) {
                fprintf(stderr, "usage: session unix:PATH | HOST:PORT\n");
                return 2;
        }
        r = capnp_vat_new(&vat);
        if (r)
                return fail("vat", r, NULL);

        r = capnp_vat_connect(vat, argv[1], NULL, &root);
        if (r)
                return fail("connect", r, NULL);

        login = remote_session_gateway_anonymous((remote_session_gateway_client){root});
        set = remote_session_cap_set(remote_session_gateway_anonymous_session(login));
        get = remote_cap_set_get(remote_session_cap_set_caps(set));
        remote_cap_set_get_set_name(get, "system_info");
        remote_cap_set_get_set_expected_interface_id(get, SYSTEM_INFO_ID);
        motd = system_info_motd((system_info_client){remote_cap_set_get_cap(get)});

        r = capnp_question_wait(motd);
        if (r)
                return fail("motd", r, motd);

        printf("%s\n", system_info_motd_text(motd).p);

        logout = remote_session_logout(remote_session_gateway_anonymous_session(login));
        r = capnp_question_wait(logout);
        return r ? fail("logout", r, logout) : 0;
}
