/*
 * Capability tables of payloads: where references become ids and ids become references. (The
 * targets of messages, which name one thing each, are read where the message is.)
 */
#include "rpc-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { PATH_MOST = 64 };

/* ---- reading -------------------------------------------------------------------------------- */

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
        struct call *c = capnp_i_ids_get(&r->answers, rpc_promised_answer_question_id(promised));
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

static int desc_import(capnp_rpc *r, uint32_t id, bool promise, capnp_cap **ret_c)
{
        *ret_c = capnp_i_table_import(r, id, promise);
        if (*ret_c)
                return 0;

        if (!capnp_i_table_imports_are_full(r, promise))
                return -ENOMEM;

        /* Given back at once, so that the peer's table does not fill up instead of ours. */
        capnp_i_send_release(r, id, 1);
        return CAPNP_E_LIMIT;
}

/* 0; CAPNP_E_LIMIT: no more references for this peer; -ENOMEM. */
int capnp_i_desc_read_one(capnp_rpc *r, rpc_cap_descriptor_reader d, capnp_cap **ret_c)
{
        struct export *e;

        *ret_c = NULL;
        switch (rpc_cap_descriptor_which(d)) {
        case RPC_CAP_DESCRIPTOR_NONE:
                return 0;
        case RPC_CAP_DESCRIPTOR_SENDER_HOSTED:
                return desc_import(r, rpc_cap_descriptor_sender_hosted(d), false, ret_c);
        case RPC_CAP_DESCRIPTOR_SENDER_PROMISE:
                return desc_import(r, rpc_cap_descriptor_sender_promise(d), true, ret_c);
        case RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED:
                e = capnp_i_table_export(r, rpc_cap_descriptor_receiver_hosted(d));
                if (!e)
                        return desc_broken(r, "no such export", ret_c);
                *ret_c = capnp_cap_ref(e->cap);
                return 0;
        case RPC_CAP_DESCRIPTOR_RECEIVER_ANSWER:
                return capnp_i_desc_read_promised(r, rpc_cap_descriptor_receiver_answer(d), ret_c);
        case RPC_CAP_DESCRIPTOR_THIRD_PARTY_HOSTED:
                /* Level 3 is not ours: the vine is as good as the object. */
                return desc_import(r,
                                   rpc_third_party_cap_descriptor_vine_id(
                                           rpc_cap_descriptor_third_party_hosted(d)),
                                   false, ret_c);
        default:
                return desc_broken(r, "an unknown kind of capability", ret_c);
        }
}

bool capnp_i_desc_is_ours(rpc_cap_descriptor_reader d)
{
        enum rpc_cap_descriptor_which tag = rpc_cap_descriptor_which(d);

        return tag == RPC_CAP_DESCRIPTOR_RECEIVER_HOSTED ||
               tag == RPC_CAP_DESCRIPTOR_RECEIVER_ANSWER;
}

bool capnp_i_desc_result_is_ours(struct frame *f, uint32_t i)
{
        rpc_return_reader r;

        if (!f->names_ours)
                return false;

        r = rpc_message_return(rpc_message_root(&f->msg));
        return capnp_i_desc_is_ours(
                rpc_cap_descriptor_list_get(rpc_payload_cap_table(rpc_return_results(r)), i));
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

/* ---- writing -------------------------------------------------------------------------------- */

static int wire_ids_add(struct wire_ids *ids, uint32_t id)
{
        bool own = ids->n > 1;
        uint32_t *v;

        if (!ids->n) {
                ids->v = &ids->one;
        } else if ((ids->n & (ids->n - 1)) == 0) { /* a power of two: full */
                v = realloc(own ? ids->v : NULL, ids->n * 2 * sizeof(*v));
                if (!v)
                        return -ENOMEM;
                if (!own)
                        v[0] = ids->one;
                ids->v = v;
        }

        ids->v[ids->n++] = id;
        return 0;
}

void capnp_i_wire_ids_clear(struct wire_ids *ids)
{
        if (ids->v != &ids->one)
                free(ids->v);
        *ids = (struct wire_ids){0};
}

void capnp_i_wire_ids_release(capnp_rpc *r, struct wire_ids *ids)
{
        uint32_t i;

        for (i = 0; i < ids->n; i++)
                (void)capnp_i_table_release(r, ids->v[i], 1);
        capnp_i_wire_ids_clear(ids);
}

static void desc_write_promised(const struct promise *p, rpc_promised_answer_builder b)
{
        rpc_promised_answer_op_list_builder ops;
        uint16_t i;

        rpc_promised_answer_set_question_id(b, p->source->out_id);
        if (!p->npath)
                return;

        ops = rpc_promised_answer_init_transform(b, p->npath);
        for (i = 0; i < p->npath; i++)
                rpc_promised_answer_op_set_get_pointer_field(
                        rpc_promised_answer_op_list_builder_get(ops, i), p->path[i]);
}

/* A MessageTarget for something that is on r. */
void capnp_i_desc_write_target(capnp_cap *c, rpc_message_target_builder target)
{
        struct promise *p = c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;

        if (p && !p->wire.rpc) {
                desc_write_promised(p, rpc_message_target_init_promised_answer(target));
                return;
        }

        rpc_message_target_set_imported_cap(target,
                                            p ? p->wire.id : capnp_i_cap_import(c)->wire.id);
}

/* 0; -EDQUOT: the peer has as many references as it may; -ENOMEM. */
int capnp_i_desc_write_one(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct wire_ids *ids)
{
        struct promise *p;
        struct export *e;

        c = capnp_i_cap_final(c);
        if (!c)
                return 0;

        if (capnp_i_cap_is_on(c, r)) {
                p = c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;
                if (p && !p->wire.rpc) {
                        desc_write_promised(p, rpc_cap_descriptor_init_receiver_answer(d));
                        return 0;
                }

                rpc_cap_descriptor_set_receiver_hosted(d, p ? p->wire.id
                                                            : capnp_i_cap_import(c)->wire.id);
                return 0;
        }

        e = capnp_i_table_export_cap(r, c);
        if (!e)
                return r->exports.live >= r->limits.refs ? -EDQUOT : -ENOMEM;

        if (e->promise)
                rpc_cap_descriptor_set_sender_promise(d, e->id);
        else
                rpc_cap_descriptor_set_sender_hosted(d, e->id);
        if (!wire_ids_add(ids, e->id))
                return 0;

        (void)capnp_i_table_release(r, e->id, 1);
        return -ENOMEM;
}

/* For what we export: to give the peer a descriptor for what is its own would be waste. */
void capnp_i_desc_write_fd(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct fds *fds)
{
        int fd = capnp_cap_fd_peek(c);

        if (fd < 0 || fds->n >= r->limits.fds)
                return;

        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return;

        rpc_cap_descriptor_set_attached_fd(d, (uint8_t)fds->n);
        fds->v[fds->n++] = fd;
}

/* On an error what was exported so far is taken back: nothing has been sent. */
int capnp_i_desc_write(capnp_rpc *r, struct frame *f, struct wire_ids *ids, struct fds *fds)
{
        rpc_cap_descriptor_list_builder table;
        capnp_msg *m = &f->msg;
        uint32_t i, exported;
        int k = 0;

        if (!m->ncaps)
                return 0;

        table = rpc_payload_init_cap_table(capnp_i_frame_payload(f), m->ncaps);
        for (i = 0; !k && i < m->ncaps; i++) {
                rpc_cap_descriptor_builder d = rpc_cap_descriptor_list_builder_get(table, i);

                exported = ids->n;
                k = capnp_i_desc_write_one(r, m->caps[i], d, ids);
                if (!k && ids->n > exported)
                        capnp_i_desc_write_fd(r, m->caps[i], d, fds);
        }

        if (!k)
                k = capnp_msg_check(m);
        if (!k)
                return 0;

        capnp_i_wire_ids_release(r, ids);
        capnp_i_fds_close(fds);
        return k;
}

void capnp_i_desc_resolve_broken(capnp_rpc *r, const struct wire_ids *ids)
{
        uint32_t i;

        for (i = 0; i < ids->n; i++) {
                struct export *e = capnp_i_table_export(r, ids->v[i]);

                if (e && e->promise && !e->resolved && e->cap->kind == CAP_BROKEN)
                        capnp_i_send_resolve(e, e->cap);
        }
}
