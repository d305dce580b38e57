/*
 * What an interface is, as its service says. The session manager's messages are short, and a schema
 * with all its comments is longer than one; so it is asked for in parts, one after the other.
 */
#include "worker-schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_BYTES = 4 * 1024 * 1024 }; /* the session manager takes no longer ones */

/* What has come so far: pending.parts. */
struct parts {
        schema_give *give;
        uint32_t length, len; /* of all of it; of what is here */
        _Alignas(8) uint8_t bytes[];
};

static void part_done(struct pending *p);

static void part_ask(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
                     struct parts *parts)
{
        capnp_question *q = admission_schema(worker_ask(w));
        struct pending *p;

        admission_schema_set_interface_id(q, interface);
        admission_schema_set_at(q, parts->len);
        (void)pending_send(w, a, q, part_done, &p);
        if (!p) {
                free(parts);
                return;
        }

        p->parts = parts;
        p->interface = interface;
        (void)snprintf(p->name, sizeof(p->name), "%s", name);
}

/* The first part says how long it is. NULL: it is none, or there is no memory. */
static struct parts *parts_grow(struct pending *p, uint32_t length)
{
        struct parts *parts = p->parts;

        if (length > SCHEMA_BYTES || (parts->len && length != parts->length))
                return NULL;
        if (!parts->len)
                parts = realloc(parts, sizeof(*parts) + length);
        if (!parts)
                return NULL;

        parts->length = length;
        p->parts = parts;
        return parts;
}

static void part_done(struct pending *p)
{
        capnp_data part = admission_schema_schema(p->q);
        struct parts *parts = parts_grow(p, admission_schema_length(p->q));
        capnp_answer *a = p->a;

        if (!parts || part.len > parts->length - parts->len || (!part.len && parts->length)) {
                (void)capnp_answer_fail(a, CAPNP_DISCONNECTED, "the service is another one now");
                return;
        }

        if (part.len)
                memcpy(parts->bytes + parts->len, part.p, part.len);
        parts->len += part.len;
        if (parts->len == parts->length) {
                parts->give(p, (capnp_data){parts->bytes, parts->len});
                return;
        }

        p->a = NULL;
        p->parts = NULL;
        part_ask(p->w, a, p->name, p->interface, parts);
}

int schema_ask(struct worker *w, capnp_answer *a, const char *name, uint64_t interface,
               schema_give *give)
{
        struct parts *parts = calloc(1, sizeof(*parts));

        if (!parts)
                return capos_i_refuse_no_memory(a);

        parts->give = give;
        part_ask(w, a, name, interface, parts);
        return 0;
}
