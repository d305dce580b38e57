/*
 * motd-async: asks several servers for their message of the day at the same time.
 *
 * The callback style: a call is sent with a function that is called once, from the loop, when it
 * has returned or failed. Nothing blocks; one loop serves all connections.
 */
#include <stdio.h>

#include "system_info.capnp-c.h"

struct asking {
        capnp_vat *vat;
        int open, failed;
};

static void motd_done(capnp_question *q, int r, void *arg)
{
        struct asking *a = arg;

        if (r)
                fprintf(stderr, "motd: %s\n", capnp_question_exception(q).reason);
        else
                printf("%s\n", system_info_motd_text(q).p);
        capnp_question_free(q);
        a->failed += r != 0;
        if (--a->open == 0)
                capnp_vat_stop(a->vat);
}

static int ask(struct asking *a, const char *address)
{
        capnp_cap *info = NULL;
        capnp_question *q;
        int r;

        r = capnp_vat_connect(a->vat, address, NULL, &info);
        if (r)
                return r;

        q = system_info_motd((system_info_client){info});
        capnp_cap_unref(info); /* the question holds what it needs */
        if (!q)
                return -1;

        a->open++;
        capnp_question_send(q, motd_done, a);
        return 0;
}

int main(int argc, char **argv)
{
        CAPNP_AUTO(capnp_vat_freep) capnp_vat *vat = NULL;
        struct asking a = {0};
        int i;

        if (capnp_vat_new(&vat))
                return 1;

        a.vat = vat;
        for (i = 1; i < argc; i++)
                if (ask(&a, argv[i]))
                        fprintf(stderr, "%s: cannot connect\n", argv[i]);

        return (a.open && capnp_vat_run(vat)) || a.failed || argc < 2;
}
