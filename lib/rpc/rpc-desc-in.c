/* Capability tables of payloads that came: where ids become references. */
#include "rpc-message.h"

#include <errno.h>

enum { PATH_MOST = 64 };

static int desc_broken(capnp_rpc *r, const char *reason, capnp_cap **ret_c)
{
        *ret_c = capnp_cap_new_broken(r->vat, (capnp_exception){CAPNP_FAILED, reason});
        return *ret_c ? 0 : -ENOMEM;
}

/*
 * A result of a call the peer made (PromisedAnswer). The answer may have been forgotten already:
 * its Return said that no Finish was needed. That is no offence, but there is nothing to call any
 * more.
 */
int capnp_i_desc_read_promised(capnp_rpc *r, rpc_promised_answer_reader promised, capnp_cap **ret_c)
{
        rpc_promised_answer_op_list ops = rpc_promised_answer_transform(promised);
        struct answer_id id = {rpc_promised_answer_question_id(promised)};
        struct call *c = capnp_i_table_answer(r, id);
        uint16_t path[PATH_MOST], n = 0;
        uint32_t i;

        if (!c || c->finished)
                return desc_broken(r, "the call this one builds upon is over", ret_c);

        if (ops.l.len > PATH_MOST)
                return desc_broken(r, "the path is too long", ret_c);

        for (i = 0; i < ops.l.len; i++) {
                rpc_promised_answer_op_reader op = rpc_promised_answer_op_list_get(ops, i);

                switch (rpc_promised_answer_op_which(op)) {
                case RPC_PROMISED_ANSWER_OP_NOOP:
                        break;
                case RPC_PROMISED_ANSWER_OP_GET_POINTER_FIELD:
                        path[n++] = rpc_promised_answer_op_get_pointer_field(op);
                        break;
                default:
                        return desc_broken(r, "an unknown operation in a path", ret_c);
                }
        }

        /* Within a message, too: it may name as many paths as it has room for. */
        if (capnp_i_ledger_is_full(r))
                return CAPNP_E_LIMIT;

        *ret_c = capnp_i_call_pipe_outer(c, path, n);
        return capnp_i_call_pipe_failed(c, *ret_c) ? -ENOMEM : 0;
}

static int desc_import(capnp_rpc *r, struct import_id id, bool promise, capnp_cap **ret_c)
{
        int k = capnp_i_table_import(r, id, promise, ret_c);

        /* Given back at once, so that the peer's table does not fill up instead of ours. */
        if (k == CAPNP_E_LIMIT)
                capnp_i_send_release(r, id, 1);
        return k;
}

/* 0; CAPNP_E_LIMIT: no more references for this peer; -ENOMEM. */
int capnp_i_desc_read_one(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap **ret_c)
{
        struct import_id import;
        struct export_id export;
        struct export *e;

        *ret_c = NULL;
        switch (rpc_cap_descriptor_which(d)) {
        case RPC_CAP_DESCRIPTOR_NONE:
                return 0;
        case RPC_CAP_DESCRIPTOR_SENDER_HOSTED:
                import.n = rpc_cap_descriptor_sender_hosted(d);
                return desc_import(r, import, false, ret_c);
        case RPC_CAP_DESCRIPTOR_SENDER_PROMISE:
                import.n = rpc_cap_descriptor_sender_promise(d);
                return desc_import(r, import, true, ret_c);
        case RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED:
                export.n = rpc_cap_descriptor_receiver_hosted(d);
                e = capnp_i_table_export(r, export);
                if (!e)
                        return desc_broken(r, "no such export", ret_c);
                *ret_c = capnp_cap_ref(e->cap);
                return 0;
        case RPC_CAP_DESCRIPTOR_RECEIVER_ANSWER:
                return capnp_i_desc_read_promised(r, rpc_cap_descriptor_receiver_answer(d), ret_c);
        case RPC_CAP_DESCRIPTOR_THIRD_PARTY_HOSTED:
                /* Level 3 is not ours: the vine is as good as the object. */
                import.n = rpc_third_party_cap_descriptor_vine_id(
                        rpc_cap_descriptor_third_party_hosted(d));
                return desc_import(r, import, false, ret_c);
        default:
                return desc_broken(r, "an unknown kind of capability", ret_c);
        }
}

/* A descriptor is given away once: whoever names it first has it. */
void capnp_i_desc_take_fd(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap *c)
{
        unsigned i = rpc_cap_descriptor_attached_fd(d);

        if (i >= r->fds_now.n || !c || c->fd >= 0)
                return;

        if (c->kind != CAP_IMPORT && c->kind != CAP_PROMISE)
                return;

        c->fd = r->fds_now.v[i];
        r->fds_now.v[i] = -1;
}

uint64_t capnp_i_desc_cost(rpc_cap_descriptor_list table)
{
        uint64_t bytes = 0;
        uint32_t i;

        for (i = 0; i < table.l.len; i++) {
                enum rpc_cap_descriptor_which tag =
                        rpc_cap_descriptor_which(rpc_cap_descriptor_list_get(table, i));

                if (tag == RPC_CAP_DESCRIPTOR_SENDER_PROMISE)
                        bytes += COST_PROMISE;
                else if (tag == RPC_CAP_DESCRIPTOR_SENDER_HOSTED ||
                         tag == RPC_CAP_DESCRIPTOR_THIRD_PARTY_HOSTED)
                        bytes += COST_IMPORT;
        }

        return bytes;
}

int capnp_i_desc_read(capnp_rpc *r, rpc_cap_descriptor_list table, struct frame *f)
{
        capnp_msg *into = &f->msg;
        int worst = 0, k;
        capnp_cap *c;
        uint32_t i;

        for (i = 0; i < table.l.len && !capnp_msg_check(into); i++) {
                rpc_cap_descriptor_reader d = rpc_cap_descriptor_list_get(table, i);

                k = capnp_i_desc_read_one(r, d, &c);
                if (k < 0)
                        return k;

                if (k)
                        worst = k;
                f->names_ours |= capnp_i_desc_is_ours(d);
                capnp_i_desc_take_fd(r, d, c);
                if (capnp_i_msg_add_cap(into, c) == UINT32_MAX)
                        return -ENOMEM;
        }

        return worst;
}
