/* Ending a connection, and telling the peer why, as far as it can be told. */
#include "rpc-conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static void abort_send(capnp_rpc *r, capnp_exception why)
{
        struct frame *f = capnp_i_frame_new_plain(r->vat);
        rpc_exception_builder b;

        if (!f)
                return;

        b = rpc_message_init_abort(rpc_message_build(&f->msg));
        rpc_exception_set_type(b, (enum rpc_exception_type)why.kind);
        rpc_exception_set_reason(b, why.reason);
        if (!capnp_msg_check(&f->msg))
                (void)!capnp_i_out_frame(r, f, true, NULL);
        capnp_i_frame_unref(f);
}

void capnp_i_rpc_break(capnp_rpc *r, enum capnp_end end, int code, capnp_exception why, bool tell)
{
        if (tell && !r->closed)
                abort_send(r, why);
        capnp_i_rpc_shut(r, end, code, why); /* unless that it was sent has ended it already */
}

int capnp_i_rpc_starve(capnp_rpc *r, bool tell)
{
        capnp_i_rpc_break(r, CAPNP_END_OURS, -ENOMEM,
                          (capnp_exception){CAPNP_DISCONNECTED, "out of memory"}, tell);
        return -ENOMEM;
}

int capnp_i_rpc_violation(capnp_rpc *r, const char *fmt, ...)
{
        char text[256];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        capnp_i_rpc_break(r, CAPNP_END_BROKEN, CAPNP_E_PROTOCOL,
                          (capnp_exception){CAPNP_FAILED, text}, true);
        return CAPNP_E_PROTOCOL;
}

void capnp_i_rpc_lost(capnp_rpc *r, const char *reason)
{
        capnp_i_vat_acts(r->vat);
        capnp_i_rpc_break(r, CAPNP_END_LOST, CAPNP_E_DISCONNECTED,
                          (capnp_exception){CAPNP_DISCONNECTED, reason}, false);
}
