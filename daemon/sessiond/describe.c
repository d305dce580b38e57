/*
 * What services are.
 *
 * A service is asked once; what it has said is kept as long as it runs. Until then everybody who
 * wants to know waits for the same question, a bounded number for a bounded time, and whoever gives
 * up is forgotten at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <capos/capnp-dynamic.h>

#include "admission.capnp-c.h"
#include "service_control.capnp-c.h"
#include "services.h"
#include "session-names.h"
#include "sessiond.h"

enum { PART_BYTES = 48 * 1024 }; /* of a schema, in a message to a worker */

/* Somebody who wants to know. */
struct waiter {
        struct capnp_i_list link; /* service.waiters */
        struct service *v;
        capnp_answer *a;
};

static capnp_answer *waiter_free(struct waiter *w)
{
        capnp_answer *a = w->a;

        capnp_i_list_remove(&w->link);
        w->v->nwaiters--;
        free(w);
        return a;
}

static void waiter_on_cancel(capnp_answer *a, void *arg)
{
        (void)waiter_free(arg);
        (void)capnp_answer_fail(a, CAPNP_FAILED, "canceled");
}

/* A part: it may be longer than a message here. */
static int schema_return(capnp_answer *a, const uint8_t *p, uint32_t len)
{
        uint32_t at = admission_schema_param_at(a), n;

        at = at < len ? at : len;
        n = len - at < PART_BYTES ? len - at : PART_BYTES;
        admission_schema_results_set_schema(a, (capnp_data){p + at, n});
        admission_schema_results_set_length(a, len);
        return capnp_answer_return(a);
}

/* The question has ended: all who wait are told. */
static void service_tell(struct service *v, const char *why)
{
        v->describing = capnp_question_free(v->describing);
        v->describing_deadline = capnp_timer_free(v->describing_deadline);
        while (!capnp_i_list_empty(&v->waiters)) {
                capnp_answer *a = waiter_free(CAPNP_I_OF(v->waiters.next, struct waiter, link));

                if (v->schema)
                        (void)schema_return(a, v->schema, v->schema_len);
                else
                        (void)capnp_answer_fail(a, CAPNP_DISCONNECTED, "%s", why);
        }
}

void service_describe_end(struct service *v)
{
        free(v->schema);
        v->schema = NULL;
        v->schema_len = 0;
        v->names = capnp_schema_free(v->names);
        v->nameless = v->asked = false;
        service_tell(v, "the service is not running");
}

static void service_keep_schema(struct service *v, capnp_data d)
{
        if (!d.len || d.len > SERVICE_SCHEMA_BYTES)
                return;

        v->schema = malloc(d.len);
        if (!v->schema)
                return;

        memcpy(v->schema, d.p, d.len);
        v->schema_len = d.len;
}

static void service_on_described(capnp_question *q, int r, void *arg)
{
        struct service *v = arg;

        if (!r)
                service_keep_schema(v, service_control_describe_schema(q));
        service_tell(v, "the service does not say what it is");
}

static void service_on_deadline(void *arg)
{
        struct service *v = arg;

        v->describing_deadline = NULL;
        service_tell(v, "the service does not answer");
}

/* Asks the service, unless it has been asked. 0, or -ENOMEM. */
static int service_ask(struct service *v)
{
        if (v->describing)
                return 0;

        v->describing = service_control_describe((service_control_client){v->control});
        if (!v->describing)
                return -ENOMEM;
        if (capnp_timer_new(v->s->vat, SERVICE_MS, service_on_deadline, v,
                            &v->describing_deadline)) {
                v->describing = capnp_question_free(v->describing);
                return -ENOMEM;
        }

        capnp_question_send(v->describing, service_on_described, v);
        return 0;
}

int service_describe(struct service *v, capnp_answer *a)
{
        struct waiter *w;

        if (v->schema)
                return schema_return(a, v->schema, v->schema_len);
        if (!v->control)
                return capnp_answer_fail(a, CAPNP_DISCONNECTED, "the service is not running");
        if (v->nwaiters >= SERVICE_WAITERS)
                return capos_i_over_quota(a, CAPOS_I_QUOTA_CALLS,
                                          "too many ask what this service is");

        w = calloc(1, sizeof(*w));
        if (!w || service_ask(v)) {
                free(w);
                return capos_i_refuse_no_memory(a);
        }

        *w = (struct waiter){.v = v, .a = a};
        capnp_i_list_init(&w->link);
        capnp_i_list_append(&v->waiters, &w->link);
        v->nwaiters++;
        return capnp_answer_keep(a, waiter_on_cancel, w);
}

/* Reads what it has said, once. */
static void service_learn_names(struct service *v)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        uint64_t *words = malloc(v->schema_len + sizeof(*words));
        int r = words ? capnp_schema_new(&s) : -ENOMEM;

        if (!r) {
                memcpy(words, v->schema, v->schema_len);
                r = capnp_schema_add_request(s, words, v->schema_len, NULL);
        }
        free(words);
        v->nameless = r != 0;
        if (r)
                return;

        v->names = s;
        s = NULL;
}

bool service_method_name(struct service *v, uint64_t interface_id, uint16_t method, char *ret,
                         size_t size)
{
        struct capnp_method_info m;
        const capnp_decl *d;

        if (v->nameless)
                return false;
        if (!v->schema && (v->describing || !v->control))
                return false;
        if (!v->schema) {
                /* Once: what does not answer is not asked for each call. */
                v->nameless = v->asked || service_ask(v);
                v->asked = true;
                return false;
        }
        if (!v->names)
                service_learn_names(v);
        d = v->names ? capnp_schema_find(v->names, interface_id) : NULL;
        if (!d || capnp_decl_method(d, method, &m))
                return false;

        (void)snprintf(ret, size, "%s.%s", capnp_decl_short_name(d), m.name);
        return true;
}

int service_describe_own(const struct capnp_schema_file *f, capnp_answer *a)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b = {.max = SERVICE_SCHEMA_BYTES};

        if (capnp_schema_write_file(f, &b))
                return capos_i_refuse_no_memory(a);

        return schema_return(a, (const uint8_t *)b.p, (uint32_t)b.len);
}
