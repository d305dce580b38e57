/*
 * Capability tables of payloads that go out: where references become ids. (Those that came are read
 * in rpc-desc-in.c, and the targets of messages, which name one thing each, where the message is.)
 */
#include "rpc-message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* ---- what a descriptor says ----------------------------------------------------------------- */

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

/* ---- writing -------------------------------------------------------------------------------- */

static int wire_ids_add(struct wire_ids *ids, struct export_id id)
{
        bool own = ids->n > 1;
        struct export_id *v;

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

        rpc_promised_answer_set_question_id(b, p->source->out_id.n);
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
        const struct wire *w = capnp_i_table_wire(c);

        if (w->rpc)
                rpc_message_target_set_imported_cap(target, w->id.n);
        else
                desc_write_promised(capnp_i_cap_promise(c),
                                    rpc_message_target_init_promised_answer(target));
}

/* 0; -EDQUOT: the peer has as many references as it may; -ENOMEM. */
int capnp_i_desc_write_one(capnp_rpc *r, capnp_cap *c, rpc_cap_descriptor_builder d,
                           struct wire_ids *ids)
{
        struct export *e;

        c = capnp_i_cap_final(c);
        if (!c)
                return 0;

        if (capnp_i_cap_is_on(c, r)) {
                const struct wire *w = capnp_i_table_wire(c);

                if (w->rpc)
                        rpc_cap_descriptor_set_receiver_hosted(d, w->id.n);
                else
                        desc_write_promised(capnp_i_cap_promise(c),
                                            rpc_cap_descriptor_init_receiver_answer(d));
                return 0;
        }

        e = capnp_i_table_export_cap(r, c);
        if (!e)
                return r->exports.live >= r->limits.refs ? -EDQUOT : -ENOMEM;

        if (e->promise)
                rpc_cap_descriptor_set_sender_promise(d, e->id.n);
        else
                rpc_cap_descriptor_set_sender_hosted(d, e->id.n);
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
