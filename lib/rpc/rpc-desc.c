/*
 * Capability tables of payloads: where references become ids and ids become references. (The
 * targets of messages, which name one thing each, are read where the message is.)
 */
#include "rpc-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "rpc-proto.h"

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
int capnp_i_desc_read_promised(capnp_rpc *r, capnp_reader promised, capnp_cap **ret_c)
{
        capnp_list ops = capnp_any_list(capnp_reader_any(promised, 0), CAPNP_SIZE_COMPOSITE, NULL);
        struct call *c = capnp_i_map_get(&r->answers, capnp_reader_u32(promised, ID_AT, 0));
        uint16_t path[PATH_MOST], n = 0;
        uint32_t i;

        if (!c || c->finished)
                return desc_broken(r, "the call this one builds upon is over", ret_c);

        if (ops.len > PATH_MOST)
                return desc_broken(r, "the path is too long", ret_c);

        for (i = 0; i < ops.len; i++) {
                capnp_reader op = capnp_list_struct(ops, i);

                if (capnp_reader_u16(op, OP_TAG_AT, 0) == OP_FIELD)
                        path[n++] = capnp_reader_u16(op, OP_FIELD_AT, 0);
                else if (capnp_reader_u16(op, OP_TAG_AT, 0) != OP_NOOP)
                        return desc_broken(r, "an unknown operation in a path", ret_c);
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
int capnp_i_desc_read_one(capnp_rpc *r, capnp_reader d, capnp_cap **ret_c)
{
        uint32_t id = capnp_reader_u32(d, DESC_ID_AT, 0);
        struct export *e;

        *ret_c = NULL;
        switch (capnp_reader_u16(d, DESC_TAG_AT, 0)) {
        case DESC_NONE:
                return 0;
        case DESC_SENDER_HOSTED:
                return desc_import(r, id, false, ret_c);
        case DESC_SENDER_PROMISE:
                return desc_import(r, id, true, ret_c);
        case DESC_RECEIVER_HOSTED:
                e = capnp_i_table_export(r, id);
                if (!e)
                        return desc_broken(r, "no such export", ret_c);
                *ret_c = capnp_cap_ref(e->cap);
                return 0;
        case DESC_RECEIVER_ANSWER:
                return capnp_i_desc_read_promised(r, capnp_any_struct(capnp_reader_any(d, 0), NULL),
                                                  ret_c);
        case DESC_THIRD_PARTY: /* level 3 is not ours: the vine is as good as the object */
                d = capnp_any_struct(capnp_reader_any(d, 0), NULL);
                return desc_import(r, capnp_reader_u32(d, 0, 0), false, ret_c);
        default:
                return desc_broken(r, "an unknown kind of capability", ret_c);
        }
}

bool capnp_i_desc_is_ours(capnp_reader d)
{
        uint16_t tag = capnp_reader_u16(d, DESC_TAG_AT, 0);

        return tag == DESC_RECEIVER_HOSTED || tag == DESC_RECEIVER_ANSWER;
}

bool capnp_i_desc_result_is_ours(struct frame *f, uint32_t i)
{
        capnp_reader r = capnp_any_struct(capnp_msg_root(&f->msg), NULL);

        if (!f->received)
                return false;

        r = capnp_any_struct(capnp_reader_any(r, 0), NULL); /* Return */
        r = capnp_any_struct(capnp_reader_any(r, 0), NULL); /* Payload */
        return capnp_i_desc_is_ours(capnp_list_struct(
                capnp_any_list(capnp_reader_any(r, 1), CAPNP_SIZE_COMPOSITE, NULL), i));
}

/* A descriptor is given away once: whoever names it first has it. */
void capnp_i_desc_take_fd(capnp_rpc *r, capnp_reader d, capnp_cap *c)
{
        unsigned i = capnp_reader_u8(d, DESC_FD_AT, DESC_NO_FD);

        if (i >= r->fds_now.n || !c || c->fd >= 0)
                return;

        if (c->kind != CAP_IMPORT && c->kind != CAP_PROMISE)
                return;

        c->fd = r->fds_now.v[i];
        r->fds_now.v[i] = -1;
}

uint64_t capnp_i_desc_cost(capnp_list table)
{
        uint64_t bytes = 0;
        uint32_t i;

        for (i = 0; i < table.len; i++) {
                uint16_t tag = capnp_reader_u16(capnp_list_struct(table, i), DESC_TAG_AT, 0);

                if (tag == DESC_SENDER_PROMISE)
                        bytes += COST_PROMISE;
                else if (tag == DESC_SENDER_HOSTED || tag == DESC_THIRD_PARTY)
                        bytes += COST_IMPORT;
        }

        return bytes;
}

int capnp_i_desc_read(capnp_rpc *r, capnp_list table, capnp_msg *into)
{
        int worst = 0, k;
        capnp_cap *c;
        uint32_t i;

        for (i = 0; i < table.len && !capnp_msg_check(into); i++) {
                capnp_reader d = capnp_list_struct(table, i);

                k = capnp_i_desc_read_one(r, d, &c);
                if (k < 0)
                        return k;

                if (k)
                        worst = k;
                capnp_i_desc_take_fd(r, d, c);
                if (capnp_i_msg_add_cap(into, c) == UINT32_MAX)
                        return -ENOMEM;
        }

        return worst;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int wire_ids_add(struct wire_ids *ids, uint32_t id)
{
        uint32_t *v;

        if ((ids->n & (ids->n - 1)) == 0) { /* a power of two: full */
                v = realloc(ids->v, (ids->n ? ids->n * 2 : 1) * sizeof(*v));
                if (!v)
                        return -ENOMEM;
                ids->v = v;
        }

        ids->v[ids->n++] = id;
        return 0;
}

void capnp_i_wire_ids_clear(struct wire_ids *ids)
{
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

static void desc_write_promised(const struct promise *p, capnp_abuilder slot)
{
        capnp_builder b = capnp_abuilder_init_struct(slot, 1, 1);
        capnp_lbuilder ops;
        uint16_t i;

        capnp_builder_set_u32(b, ID_AT, p->source->out_id, 0);
        if (!p->npath)
                return;

        ops = capnp_abuilder_init_structs(capnp_builder_any(b, 0), p->npath, 1, 0);
        for (i = 0; i < p->npath; i++) {
                capnp_builder op = capnp_lbuilder_struct(ops, i);

                capnp_builder_set_u16(op, OP_TAG_AT, OP_FIELD, 0);
                capnp_builder_set_u16(op, OP_FIELD_AT, p->path[i], 0);
        }
}

/* A MessageTarget for something that is on r. */
void capnp_i_desc_write_target(capnp_cap *c, capnp_builder target)
{
        struct promise *p = c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;

        if (p && !p->wire.rpc) {
                capnp_builder_set_u16(target, TARGET_TAG_AT, TARGET_PROMISED, 0);
                desc_write_promised(p, capnp_builder_any(target, 0));
                return;
        }

        capnp_builder_set_u32(target, ID_AT, p ? p->wire.id : capnp_i_cap_import(c)->wire.id, 0);
}

/* 0; -EDQUOT: the peer has as many references as it may; -ENOMEM. */
int capnp_i_desc_write_one(capnp_rpc *r, capnp_cap *c, capnp_builder d, struct wire_ids *ids)
{
        struct promise *p;
        struct export *e;

        c = capnp_i_cap_final(c);
        if (!c)
                return 0;

        if (capnp_i_cap_is_on(c, r)) {
                p = c->kind == CAP_PROMISE ? capnp_i_cap_promise(c) : NULL;
                if (p && !p->wire.rpc) {
                        capnp_builder_set_u16(d, DESC_TAG_AT, DESC_RECEIVER_ANSWER, 0);
                        desc_write_promised(p, capnp_builder_any(d, 0));
                        return 0;
                }

                capnp_builder_set_u16(d, DESC_TAG_AT, DESC_RECEIVER_HOSTED, 0);
                capnp_builder_set_u32(d, DESC_ID_AT,
                                      p ? p->wire.id : capnp_i_cap_import(c)->wire.id, 0);
                return 0;
        }

        e = capnp_i_table_export_cap(r, c);
        if (!e)
                return r->exports.live >= r->limits.refs ? -EDQUOT : -ENOMEM;

        capnp_builder_set_u16(d, DESC_TAG_AT, e->promise ? DESC_SENDER_PROMISE : DESC_SENDER_HOSTED,
                              0);
        capnp_builder_set_u32(d, DESC_ID_AT, e->id, 0);
        if (!wire_ids_add(ids, e->id))
                return 0;

        (void)capnp_i_table_release(r, e->id, 1);
        return -ENOMEM;
}

/* For what we export: to give the peer a descriptor for what is its own would be waste. */
void capnp_i_desc_write_fd(capnp_rpc *r, capnp_cap *c, capnp_builder d, struct fds *fds)
{
        int fd = capnp_cap_fd_peek(c);

        if (fd < 0 || fds->n >= r->limits.fds)
                return;

        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
                return;

        capnp_builder_set_u8(d, DESC_FD_AT, (uint8_t)fds->n, DESC_NO_FD);
        fds->v[fds->n++] = fd;
}

/* On an error what was exported so far is taken back: nothing has been sent. */
int capnp_i_desc_write(capnp_rpc *r, capnp_msg *m, struct wire_ids *ids, struct fds *fds)
{
        capnp_lbuilder table;
        uint32_t i, exported;
        int k = 0;

        if (!m->ncaps)
                return 0;

        table = capnp_abuilder_init_structs(capnp_i_msg_slot(m, CAPTABLE_WORD), m->ncaps, 1, 1);
        for (i = 0; !k && i < m->ncaps; i++) {
                exported = ids->n;
                k = capnp_i_desc_write_one(r, m->caps[i], capnp_lbuilder_struct(table, i), ids);
                if (!k && ids->n > exported)
                        capnp_i_desc_write_fd(r, m->caps[i], capnp_lbuilder_struct(table, i), fds);
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
