/*
 * What an interface is, as its service says. The session manager's messages are short, and a schema
 * with all its comments is longer than one; so it is asked for in parts, one after the other. A
 * client whose own messages are shorter than that does likewise, and gets parts that fit them.
 */
#include "worker-schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        SCHEMA_BYTES = 4 * 1024 * 1024, /* the session manager takes no longer ones */
        PART_ENVELOPE = 256,            /* of a message that a part is in */
};

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

static void piece_done(struct pending *p)
{
        uint64_t message = worker_limits(p->w).message_bytes;
        uint64_t most = message > PART_ENVELOPE ? message - PART_ENVELOPE : 1;
        capnp_data part = admission_schema_schema(p->q);

        if (most > p->most)
                most = p->most;
        if (part.len > most)
                part.len = (uint32_t)most;
        remote_cap_set_schema_results_set_schema(p->a, part);
        remote_cap_set_schema_results_set_length(p->a, admission_schema_length(p->q));
        (void)capnp_answer_return(p->a);
}

int schema_ask_part(struct worker *w, capnp_answer *a, uint64_t interface, uint32_t most)
{
        uint32_t at = remote_cap_set_schema_param_at(a);
        capnp_question *q = admission_schema(worker_ask(w));
        struct pending *p;
        int r;

        admission_schema_set_interface_id(q, interface);
        admission_schema_set_at(q, at);
        r = pending_send(w, a, q, piece_done, &p);
        if (p)
                p->most = most;
        return r;
}
