/*
 * An instance goes on after a certificate or a list of revocations has ended, and lets fewer people
 * in. So those who look at it are told some days before, by `capos status` and by `capos doctor`.
 * Keys of service accounts have no date; those of an identity provider are fetched anew while it
 * answers, so what is told of it is that it does not.
 */
#include "dates.h"

#include <inttypes.h>
#include <stdio.h>

enum { WARN_DAYS = 14 };

/* what: "the certificate". */
static unsigned date_warn(const char *what, uint64_t until_ms, const char *todo)
{
        char until[64];

        if (!until_ms || until_ms > cli_now_ms() + (uint64_t)WARN_DAYS * 24 * 3600 * 1000)
                return 0;

        cli_format_until(until_ms, until, sizeof(until));
        if (until_ms > cli_now_ms())
                printf("\n  !      %s ends %s: %s", what, until, todo);
        else
                printf("\n  !      %s has ended: %s", what, todo);
        return 1;
}

static unsigned provider_warn(provider_state_reader p)
{
        uint64_t at_ms = provider_state_keys_at_ms(p), now_ms = cli_now_ms();

        if (!provider_state_failing(p).len)
                return 0;

        printf("\n  !      the identity provider ");
        cli_print_safe(provider_state_name(p).p);
        printf(" does not answer (");
        cli_print_safe(provider_state_failing(p).p);
        if (provider_state_pinned(p))
                printf("); its keys are the manifest's");
        else if (at_ms)
                printf("); its keys are %" PRIu64 " min old, and good for a day",
                       (now_ms > at_ms ? now_ms - at_ms : 0) / 60000);
        else
                printf("); there are no keys of it");
        return 1;
}

unsigned dates_warn(capnp_question *status)
{
        provider_state_list l = admin_status_providers(status);
        unsigned n = 0;

        n += date_warn("the certificate", admin_status_certificate_until_ms(status),
                       "capos cert renew, or capos cert import");
        n += date_warn("an authority for client certificates",
                       admin_status_authorities_until_ms(status),
                       "put its new certificate in the file, then capos cert crl");
        n += date_warn("a list of revocations", admin_status_revocations_until_ms(status),
                       "put a new one in its place, then capos cert crl");
        for (uint32_t i = 0; i < provider_state_list_len(l); i++)
                n += provider_warn(provider_state_list_get(l, i));
        return n;
}

void dates_json(json_t *to, capnp_question *status)
{
        provider_state_list l = admin_status_providers(status);
        json_t *all = json_array();

        for (uint32_t i = 0; i < provider_state_list_len(l); i++) {
                provider_state_reader p = provider_state_list_get(l, i);

                (void)json_array_append_new(
                        all, json_pack("{s:o,s:I,s:b,s:o}", "name",
                                       cli_json_text(provider_state_name(p).p), "keysAtMs",
                                       (json_int_t)provider_state_keys_at_ms(p), "pinned",
                                       provider_state_pinned(p), "failing",
                                       cli_json_text(provider_state_failing(p).p)));
        }
        (void)json_object_set_new(
                to, "authoritiesUntilMs",
                json_integer((json_int_t)admin_status_authorities_until_ms(status)));
        (void)json_object_set_new(
                to, "revocationsUntilMs",
                json_integer((json_int_t)admin_status_revocations_until_ms(status)));
        (void)json_object_set_new(to, "providers", all);
}
