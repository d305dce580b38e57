/*
 * hello: a service that greets.
 *
 * What is here is what is the service's own. Who calls, how many, with what limits, over what
 * sockets, and what happens when a session ends, is the kit's: <capos/kit.h>.
 */
#include <capos/kit.h>

#include "hello.capnp-c.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 64 };

/* What all callers share. */
struct service {
        capnp_vat *vat;
        uint64_t greeted;
};

/* A caller's object. Lives as long as somebody can call it. */
struct caller {
        struct service *service;
        uint64_t greeted;
};

static int on_greet(void *self, capnp_answer *a)
{
        struct caller *c = self;
        capnp_text name = hello_greet_param_name(a);
        char text[NAME_BYTES + 32];

        /* Decode, ask whether that was sound, then act. */
        if (capnp_answer_check(a) || name.len > NAME_BYTES)
                return capnp_answer_fail(a, CAPNP_FAILED, "a name has 64 bytes at most");

        c->greeted++;
        c->service->greeted++;
        (void)snprintf(text, sizeof(text), "Good day, %.*s.", (int)name.len, name.p);
        hello_greet_results_set_text(a, text);
        return capnp_answer_return(a);
}

static int on_count(void *self, capnp_answer *a)
{
        const struct caller *c = self;

        hello_count_results_set_all(a, c->service->greeted);
        hello_count_results_set_mine(a, c->greeted);
        return capnp_answer_return(a);
}

/* What is left out answers `unimplemented`. */
static const struct hello_ops caller_ops = {.gone = free, .greet = on_greet, .count = on_count};

/* Once: arguments of the manifest, state. */
static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct service service;

        if (s->argc > 1) {
                fprintf(stderr, "hello: takes no arguments\n");
                return -EINVAL;
        }

        service.vat = s->vat;
        *ret_self = &service;
        return 0;
}

/* A caller has come: which object does it get? */
static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct service *s = self;
        struct caller *c;
        int r;

        (void)caller; /* caller->reference names the session, to this service alone */
        if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->service = s;
        r = hello_serve(s->vat, &caller_ops, c, ret_bootstrap);
        if (r)
                free(c);
        return r;
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "hello",
                .schema = &hello_capnp_schema,
                .start = service_start,
                .open = service_open,
        };

        return kit_run(&service, argc, argv);
}
