/*
 * What the instance is and holds, for administrators: numbers, dates and names, no secrets.
 */
#include "admin-status.h"

#include "admin.capnp-c.h"
#include "clock.h"
#include "flows.h"
#include "session.h"
#include "sessiond.h"

uint32_t admin_descriptors(const struct sessiond *s)
{
        uint32_t n = 0;

        for (struct capnp_i_list *l = s->sessions.next; l != &s->sessions; l = l->next) {
                const struct session *e = CAPNP_I_OF(l, struct session, link);

                for (unsigned i = 0; i < e->ngrants; i++)
                        n += e->grants[i]->dup >= 0;
        }
        for (unsigned i = 0; i < s->policy.nservices; i++) {
                const struct capnp_i_list *held = &s->services[i]->held;

                for (const struct capnp_i_list *l = held->next; l != held; l = l->next)
                        n += CAPNP_I_OF(l, struct grant, of_holder)->dup >= 0;
        }
        return n;
}

/* Wall time is for people. */
static void status_providers(const struct issuers *is, capnp_answer *a)
{
        provider_state_list_builder list = admin_status_results_init_providers(a, is->n);

        for (unsigned k = 0; k < is->n; k++) {
                const struct issuer *i = &is->all[k];
                provider_state_builder b = provider_state_list_builder_get(list, k);
                uint64_t age_ms = issuer_keys_age_ms(i);

                provider_state_set_name(b, i->name);
                provider_state_set_pinned(b, i->pinned);
                if (age_ms != UINT64_MAX && !i->pinned)
                        provider_state_set_keys_at_ms(b, clock_wall_ms() - age_ms);
                if (i->failed)
                        provider_state_set_failing(b, i->why);
        }
}

static uint64_t ledger_limit(const struct sessiond *s, enum ledger_of l)
{
        switch (l) {
        case LEDGER_SESSIONS:
                return s->policy.max_sessions;
        case LEDGER_MEMORY:
                return s->policy.memory_bytes == UINT64_MAX ? 0 : s->policy.memory_bytes;
        case LEDGER_FLOWS:
                return flows_limit(&s->policy);
        case LEDGER_PROVERS:
                return (uint64_t)LANES * PROVE_AT_ONCE;
        case LEDGER_FETCHERS:
                return FETCH_AT_ONCE;
        case LEDGER_ACCOUNTS:
        case LEDGER_PROFILES:
        case LEDGERS:
                break;
        }
        return 0;
}

static void status_ledgers(const struct sessiond *s, capnp_answer *a)
{
        ledger_use_list_builder list = admin_status_results_init_ledgers(a, LEDGERS);

        for (unsigned i = 0; i < LEDGERS; i++) {
                const struct ledger *l = &s->ledgers.of[i];
                ledger_use_builder b = ledger_use_list_builder_get(list, i);

                ledger_use_set_name(b, ledger_name(i));
                ledger_use_set_limit(b, ledger_limit(s, i));
                ledger_use_set_used(b, l->used);
                ledger_use_set_most(b, l->most);
        }
}

int admin_on_status(void *self, capnp_answer *a)
{
        struct sessiond *s = self;

        admin_status_results_set_sessions(a, s->nsessions);
        admin_status_results_set_workers(a, s->workers);
        admin_status_results_set_descriptors(a, admin_descriptors(s));
        admin_status_results_set_version(a, CAPOS_VERSION);
        identity_describe(&s->identity, a);
        status_providers(&s->issuers, a);
        status_ledgers(s, a);
        return capnp_answer_return(a);
}
