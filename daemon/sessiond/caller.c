/*
 * Who is calling.
 *
 * A service knows its callers by references that mean nothing elsewhere: keyed hashes over its own
 * name. What else it may know is in the manifest, field by field, and it has to ask for it; only a
 * pseudonym comes along by itself, too. It can ask about those alone who have a socket to it now.
 * So nobody learns anything by a reference that another service has let him have, nor of a caller
 * who has gone.
 *
 * A disclosure is on record before the service is told, once for each session and field: what it
 * knows already it can ask for as often as it likes. What it is refused is counted, as something
 * that a service can cause as often as it likes, and not on the caller's account.
 */
#include "caller.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grant.h"
#include "services.h"
#include "session.h"
#include "sessiond.h"

#define DENIED "denied.disclosure"

enum { FIELDS = CALLER_FIELD_SOURCE + 1, FIELDS_TEXT = 64, UNKNOWN = 1 << FIELDS };

/* The manifest's bits are the fields'. */
_Static_assert((int)CALLER_FIELD_PSEUDONYM == (int)DISCLOSURE_PSEUDONYM &&
                       (int)CALLER_FIELD_ACCOUNT == (int)DISCLOSURE_ACCOUNT &&
                       (int)CALLER_FIELD_PROFILE == (int)DISCLOSURE_PROFILE &&
                       (int)CALLER_FIELD_METHOD == (int)DISCLOSURE_METHOD &&
                       (int)CALLER_FIELD_SOURCE == (int)DISCLOSURE_SOURCE,
               "the same enum twice");

/* ---- names ---------------------------------------------------------------------------------- */

/* The first 16 bytes of a keyed hash over a label, the service's name and one more text. */
static void caller_name(const uint8_t key[32], const char *label, const char *service,
                        const char *of, uint8_t ret[CALLER_BYTES])
{
        uint8_t mac[crypto_auth_hmacsha256_BYTES];
        crypto_auth_hmacsha256_state h;

        crypto_auth_hmacsha256_init(&h, key, 32);
        /* With its NUL each, so that no text can pass for the beginning of the next. */
        crypto_auth_hmacsha256_update(&h, (const uint8_t *)label, strlen(label) + 1);
        crypto_auth_hmacsha256_update(&h, (const uint8_t *)service, strlen(service) + 1);
        crypto_auth_hmacsha256_update(&h, (const uint8_t *)of, strlen(of) + 1);
        crypto_auth_hmacsha256_final(&h, mac);
        memcpy(ret, mac, CALLER_BYTES);
}

/* False: whoever it is has no account. */
static bool caller_pseudonym(const struct service *v, const struct session *e,
                             uint8_t ret[CALLER_BYTES])
{
        if (!e->account[0])
                return false;

        caller_name(v->s->store.secret, "pseudonym", v->policy->name, e->account, ret);
        return true;
}

/* ---- fields --------------------------------------------------------------------------------- */

/* "account, source". */
static void fields_text(uint32_t fields, char ret[FIELDS_TEXT])
{
        size_t at = 0;

        *ret = 0;
        for (unsigned i = 0; i <= FIELDS; i++) {
                const char *name = caller_field_name((enum caller_field)i);

                if (fields >> i & 1)
                        at += (size_t)snprintf(ret + at, FIELDS_TEXT - at, "%s%s", at ? ", " : "",
                                               name ? name : "unknown");
        }
}

static uint32_t fields_read(caller_field_list l)
{
        uint32_t fields = 0;

        for (uint32_t i = 0; i < caller_field_list_len(l); i++) {
                unsigned f = caller_field_list_get(l, i);

                fields |= f < FIELDS ? 1U << f : UNKNOWN;
        }
        return fields;
}

/* It is about to be told. */
static void fields_note(struct grant *g, uint32_t fields)
{
        uint32_t more = fields & ~g->disclosed;
        char text[FIELDS_TEXT];

        if (!more)
                return;
        fields_text(more, text);
        session_audit(g->session, "disclosure", "ok", g->name, text);
        g->disclosed |= more;
}

/* ---- what comes along ----------------------------------------------------------------------- */

/* A service: by its name. */
static void caller_fill_holder(struct service *v, struct grant *g, caller_context_builder b)
{
        caller_name(v->s->boot_secret, "holder", v->policy->name, g->holder->policy->name,
                    g->reference);
        caller_context_set_reference(b, (capnp_data){g->reference, sizeof(g->reference)});
        caller_context_set_origin(b, (capnp_data){g->reference, sizeof(g->reference)});
        caller_context_set_epoch(b, v->s->store.epoch);
        caller_context_set_kind(b, CALLER_CONTEXT_KIND_SERVICE);
}

void caller_fill(struct service *v, struct grant *g, caller_context_builder b)
{
        uint8_t pseudonym[CALLER_BYTES], origin[CALLER_BYTES];

        if (g->holder) {
                caller_fill_holder(v, g, b);
                return;
        }

        caller_name(v->s->boot_secret, "reference", v->policy->name, g->session->id, g->reference);
        caller_context_set_reference(b, (capnp_data){g->reference, sizeof(g->reference)});
        caller_name(v->s->boot_secret, "reference", v->policy->name, g->session->first, origin);
        caller_context_set_origin(b, (capnp_data){origin, sizeof(origin)});
        caller_context_set_epoch(b, v->s->store.epoch);
        caller_context_set_kind(b, CALLER_CONTEXT_KIND_SESSION);
        if (!(v->policy->disclosure & 1U << CALLER_FIELD_PSEUDONYM) ||
            !caller_pseudonym(v, g->session, pseudonym))
                return;

        fields_note(g, 1U << CALLER_FIELD_PSEUDONYM);
        caller_context_set_pseudonym(b, (capnp_data){pseudonym, sizeof(pseudonym)});
}

/* ---- what is asked -------------------------------------------------------------------------- */

/* A session. Of services there is nothing to tell. */
static struct grant *caller_find(struct service *v, capnp_data reference)
{
        if (reference.len != CALLER_BYTES)
                return NULL;

        for (struct capnp_i_list *l = v->grants.next; l != &v->grants; l = l->next) {
                struct grant *g = CAPNP_I_OF(l, struct grant, of_service);

                if (g->session && !sodium_memcmp(g->reference, reference.p, CALLER_BYTES))
                        return g;
        }
        return NULL;
}

static int disclose_deny(struct service *v, const struct grant *g, uint32_t fields, capnp_answer *a)
{
        char text[FIELDS_TEXT] = "no such caller";
        struct capos_audit_record r = {.what = "disclosure",
                                       .outcome = DENIED,
                                       .source = "service",
                                       .capability = v->policy->name,
                                       .detail = text};

        if (g) {
                fields_text(fields, text);
                r.session = g->session->id;
                r.account = g->session->account[0] ? g->session->account : NULL;
        }
        audit_add_counted(&v->s->audit, r);
        return audit_fail(&v->s->audit, a, CAPNP_FAILED, DENIED ": %s", text);
}

static void disclose_fill(struct service *v, const struct session *e, uint32_t fields,
                          caller_facts_builder b)
{
        uint8_t pseudonym[CALLER_BYTES];

        if (fields & 1U << CALLER_FIELD_ACCOUNT)
                caller_facts_set_account(b, e->account);
        if (fields & 1U << CALLER_FIELD_PROFILE)
                caller_facts_set_profile(b, e->profile->name);
        if (fields & 1U << CALLER_FIELD_METHOD)
                caller_facts_set_method(b, capos_auth_name(e->kind));
        if (fields & 1U << CALLER_FIELD_SOURCE)
                caller_facts_set_source(b, e->origin->address);
        if (fields & 1U << CALLER_FIELD_PSEUDONYM && caller_pseudonym(v, e, pseudonym))
                caller_facts_set_pseudonym(b, (capnp_data){pseudonym, sizeof(pseudonym)});
}

int caller_disclose(struct service *v, capnp_answer *a)
{
        uint32_t fields = fields_read(service_host_disclose_param_fields(a)), denied;
        struct grant *g;

        g = caller_find(v, service_host_disclose_param_reference(a));
        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "the request cannot be read");

        denied = fields & ~v->policy->disclosure;
        if (!g || denied)
                return disclose_deny(v, g, denied, a);

        fields_note(g, fields);
        disclose_fill(v, g->session, fields, service_host_disclose_results_init_caller(a));
        return audit_return(&v->s->audit, a);
}
