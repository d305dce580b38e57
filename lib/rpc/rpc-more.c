/*
 * What an exception carries beside its kind and its reason (rpc.capnp, Exception): a trace, for
 * whoever looks for the place, and details, which say something to programs that know their ids.
 *
 * It is made once and shared by all that fail with it. What is too much is left out, because an
 * exception that says less is better than none; the same goes for memory.
 */
#include "rpc-cap.h"

#include <stdlib.h>

enum { TRACE_BYTES = 16 * 1024, DETAIL_BYTES = 16 * 1024, DETAILS_MOST = 16 };

struct more {
        uint32_t refs, n;
        size_t bytes; /* of this block */
        const char *trace;
        struct capnp_detail details[];
};

/* How many of the details fit, and their bytes. */
static uint32_t more_fit(const struct capnp_exception_more *from, size_t *ret_bytes)
{
        uint32_t n;

        *ret_bytes = 0;
        for (n = 0; n < from->ndetails && n < DETAILS_MOST; n++) {
                if (from->details[n].data.len > DETAIL_BYTES - *ret_bytes)
                        break;
                *ret_bytes += from->details[n].data.len;
        }

        return n;
}

struct more *capnp_i_more_new(const struct capnp_exception_more *from)
{
        size_t len, data, bytes;
        struct more *m;
        uint32_t n, i;
        uint8_t *to;

        if (!from)
                return NULL;

        len = from->trace ? strnlen(from->trace, TRACE_BYTES) : 0;
        n = more_fit(from, &data);
        if (!len && !n)
                return NULL;

        bytes = sizeof(*m) + n * sizeof(*m->details) + data + len + 1;
        m = calloc(1, bytes);
        if (!m)
                return NULL;

        m->refs = 1;
        m->bytes = bytes;
        m->n = n;
        to = (uint8_t *)&m->details[n];
        for (i = 0; i < n; i++) {
                m->details[i].id = from->details[i].id;
                m->details[i].data = (capnp_data){to, from->details[i].data.len};
                if (from->details[i].data.len)
                        memcpy(to, from->details[i].data.p, from->details[i].data.len);
                to += from->details[i].data.len;
        }
        m->trace = (const char *)to;
        if (len)
                memcpy(to, from->trace, len);
        return m;
}

struct more *capnp_i_more_ref(struct more *m)
{
        if (m)
                capnp_i_refs_take(&m->refs);

        return m;
}

struct more *capnp_i_more_unref(struct more *m)
{
        if (m && capnp_i_refs_drop(&m->refs))
                free(m);

        return NULL;
}

size_t capnp_i_more_bytes(const struct more *m)
{
        return m ? m->bytes : 0;
}

struct capnp_exception_more capnp_i_more_peek(const struct more *m)
{
        if (!m)
                return (struct capnp_exception_more){.trace = ""};

        return (struct capnp_exception_more){m->trace, m->details, m->n};
}

struct more *capnp_i_more_read(rpc_exception_reader e)
{
        rpc_exception_detail_list list = rpc_exception_details(e);
        struct capnp_detail details[DETAILS_MOST];
        struct capnp_exception_more from = {
                .trace = rpc_exception_trace(e).p,
                .details = details,
        };

        for (; from.ndetails < list.l.len && from.ndetails < DETAILS_MOST; from.ndetails++) {
                rpc_exception_detail_reader d = rpc_exception_detail_list_get(list, from.ndetails);

                details[from.ndetails] = (struct capnp_detail){rpc_exception_detail_detail_id(d),
                                                               rpc_exception_detail_data(d)};
        }

        return capnp_i_more_new(&from);
}

void capnp_i_more_write(const struct more *m, rpc_exception_builder e)
{
        rpc_exception_detail_list_builder list;
        uint32_t i;

        if (!m)
                return;

        if (*m->trace)
                rpc_exception_set_trace(e, m->trace);
        if (!m->n)
                return;

        list = rpc_exception_init_details(e, m->n);
        for (i = 0; i < m->n; i++) {
                rpc_exception_detail_builder d = rpc_exception_detail_list_builder_get(list, i);

                rpc_exception_detail_set_detail_id(d, m->details[i].id);
                rpc_exception_detail_set_data(d, m->details[i].data);
        }
}
