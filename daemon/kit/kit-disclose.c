/*
 * Asking who a caller is: ServiceHost, on the control connection.
 *
 * A question belongs to the caller's socket and ends with it, unanswered: whatever the service
 * keeps of a caller goes when it is told that the caller has gone, and an answer that came later
 * would find nothing.
 */
#include "kit-internal.h"

#include "service_control.capnp-c.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTIONS = 16 };

struct kit_question {
        struct capnp_i_list link; /* kit_socket.questions */
        struct kit_socket *s;
        capnp_question *q;
        void (*told)(void *arg, int r, const struct kit_facts *facts);
        void *arg;
};

static void question_free(struct kit_question *n)
{
        capnp_i_list_remove(&n->link);
        n->s->nquestions--;
        capnp_question_free(n->q);
        free(n);
}

void kit_disclose_end(struct kit_socket *s)
{
        while (!capnp_i_list_empty(&s->questions))
                question_free(CAPNP_I_OF(s->questions.next, struct kit_question, link));
}

/* 0; what the answer cannot be read for. */
static int facts_read(capnp_question *q, struct kit_facts *ret)
{
        caller_facts_reader x = service_host_disclose_caller(q);
        capnp_data pseudonym = caller_facts_pseudonym(x);

        *ret = (struct kit_facts){.account = caller_facts_account(x).p,
                                  .profile = caller_facts_profile(x).p,
                                  .method = caller_facts_method(x).p,
                                  .source = caller_facts_source(x).p,
                                  .has_pseudonym = pseudonym.len == KIT_REFERENCE_BYTES};
        if (ret->has_pseudonym)
                memcpy(ret->pseudonym, pseudonym.p, KIT_REFERENCE_BYTES);
        return capnp_question_check(q);
}

/* Whoever is told may close the caller, which ends its other questions; so this one is not among
 * them any more. */
static void question_on_done(capnp_question *q, int r, void *arg)
{
        struct kit_question *n = arg, own = *n;
        struct kit_facts facts;

        n->q = NULL;
        question_free(n);
        if (!r)
                r = facts_read(q, &facts);
        own.told(own.arg, r, r ? NULL : &facts);
        capnp_question_free(q);
}

static capnp_question *question_ask(const struct kit_caller *caller, capnp_cap *host,
                                    unsigned fields)
{
        capnp_question *q = service_host_disclose((service_host_client){host});
        caller_field_list_builder l;
        uint32_t n = 0;

        service_host_disclose_set_reference(
                q, (capnp_data){caller->reference, sizeof(caller->reference)});
        for (unsigned i = 0; i < 32; i++)
                n += fields >> i & 1;
        l = service_host_disclose_init_fields(q, n);
        for (unsigned i = 32; i--;)
                if (fields >> i & 1)
                        caller_field_list_builder_set(l, --n, (enum caller_field)i);
        return q;
}

int kit_disclose(struct kit_caller *caller, unsigned fields,
                 void (*told)(void *arg, int r, const struct kit_facts *facts), void *arg)
{
        struct kit_socket *s = CAPNP_I_OF(caller, struct kit_socket, caller);
        capnp_cap *host = kit_host(s->k);
        struct kit_question *n;

        if (!host)
                return s->k->control ? -ENOMEM : CAPNP_E_DISCONNECTED;
        if (s->nquestions >= QUESTIONS)
                return CAPNP_E_LIMIT;

        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;

        *n = (struct kit_question){.s = s, .told = told, .arg = arg};
        n->q = question_ask(caller, host, fields);
        if (!n->q) {
                free(n);
                return -ENOMEM;
        }

        capnp_i_list_init(&n->link);
        capnp_i_list_append(&s->questions, &n->link);
        s->nquestions++;
        capnp_question_send(n->q, question_on_done, n);
        return 0;
}
