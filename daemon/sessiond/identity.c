/*
 * What the instance is to its clients: its addresses, its certificate, its confinement.
 *
 * caposd tells all of it, at the start and when it changes; here it is only kept for who asks. A
 * new certificate is taken by caposd and the signer when they are told to, which is passed on from
 * here: one at a time, with a deadline, for a signer that does not start has no answer.
 */
#include "identity.h"

#include <string.h>

#include "admin.capnp-c.h"
#include "daemon-log.h"
#include "daemon-seclude.h"
#include "links.h"
#include "sessiond.h"

enum { RELOAD_MS = 10 * 1000 };

/* ---- a new one ------------------------------------------------------------------------------ */

/* Nobody waits any more. */
static capnp_answer *reload_end(struct identity *id)
{
        capnp_answer *a = id->reloading;

        id->deadline = capnp_timer_free(id->deadline);
        id->reloading = NULL;
        return a;
}

static void reload_on_deadline(void *arg)
{
        struct identity *id = arg;

        id->deadline = NULL;
        (void)capnp_answer_fail(reload_end(id), CAPNP_FAILED,
                                "the instance has not taken it in time: see its log");
}

int identity_reload(struct sessiond *s, capnp_answer *a)
{
        struct identity *id = &s->identity;

        if (id->reloading)
                return capnp_answer_fail(a, CAPNP_OVERLOADED,
                                         "another one is under way: try again");
        if (capnp_timer_new(s->vat, RELOAD_MS, reload_on_deadline, id, &id->deadline))
                return capnp_answer_fail(a, CAPNP_FAILED, "out of memory");

        id->reloading = a;
        id->request++;
        link_send_up(s, &(struct packet){.type = PACKET_RENEW, .index = id->request});
        return capnp_answer_keep(a, NULL, NULL);
}

static void reload_audit(struct sessiond *s, const struct packet *p)
{
        audit_add(&s->audit, (struct capos_audit_record){.what = "identity",
                                                         .outcome = p->result ? "failed" : "ok",
                                                         .source = "local",
                                                         .detail = p->address});
}

static void reload_got(struct sessiond *s, const struct packet *p)
{
        capnp_answer *a;

        if (!s->identity.reloading || p->index != s->identity.request)
                return;

        a = reload_end(&s->identity);
        reload_audit(s, p);
        if (p->result) {
                (void)capnp_answer_fail(a, CAPNP_FAILED, "the old certificate stays: %s",
                                        p->address);
                return;
        }

        admin_reload_identity_results_set_fingerprint(a, p->address);
        (void)audit_return(&s->audit, a);
}

/* ---- what there is -------------------------------------------------------------------------- */

static void endpoint_got(struct identity *id, uint32_t index, const char *address)
{
        static const char known[] = "capos://"; /* with the fingerprint behind it */
        const char *where = address + sizeof(known) - 1;

        if (index >= IDENTITY_ADDRESSES)
                return;

        snprintf(id->addresses[index], sizeof(id->addresses[index]), "%s", address);
        if (!*id->needs_tls && !strncmp(address, known, sizeof(known) - 1))
                snprintf(id->needs_tls, sizeof(id->needs_tls), "needs TLS: log in at tls:%.*s",
                         (int)strcspn(where, "/"), where);
}

const char *identity_needs_tls(const struct identity *id)
{
        return *id->needs_tls ? id->needs_tls : "needs TLS, and this instance has no tls: listener";
}

bool identity_got(struct sessiond *s, const struct packet *p)
{
        struct identity *id = &s->identity;
        struct packet text = *p;

        text.address[sizeof(text.address) - 1] = '\0';
        switch (p->type) {
        case PACKET_ENDPOINT:
                endpoint_got(id, p->index, text.address);
                return true;
        case PACKET_IDENTITY:
                memcpy(id->names, text.address, sizeof(text.address));
                id->until_s = p->until_s;
                return true;
        case PACKET_CONFINED:
                id->full = p->check;
                id->layers = p->index;
                return true;
        case PACKET_RELOADED:
                reload_got(s, &text);
                return true;
        default:
                return false;
        }
}

static void describe_addresses(const struct identity *id, capnp_answer *a)
{
        capnp_lbuilder list;
        unsigned n = 0;

        while (n < IDENTITY_ADDRESSES && id->addresses[n][0])
                n++;
        list = admin_status_results_init_addresses(a, n);
        for (unsigned i = 0; i < n; i++)
                admin_status_out_set_addresses_at(list, i, id->addresses[i]);
}

static void describe_layers(const struct identity *id, capnp_answer *a)
{
        capnp_lbuilder list;
        unsigned n = 0;

        for (unsigned l = 1; l <= LAYERS_ALL; l <<= 1)
                n += (id->layers & l) != 0;
        list = admin_status_results_init_layers(a, n);
        n = 0;
        for (unsigned l = 1; l <= LAYERS_ALL; l <<= 1)
                if (id->layers & l)
                        admin_status_out_set_layers_at(list, n++,
                                                       daemon_layer_name((enum daemon_layer)l));
}

void identity_describe(const struct identity *id, capnp_answer *a)
{
        admin_status_results_set_address(a, id->addresses[0]);
        describe_addresses(id, a);
        admin_status_results_set_confinement(a, id->full ? "full" : "basic");
        describe_layers(id, a);
        admin_status_results_set_certificate_names(a, id->names);
        admin_status_results_set_certificate_until_ms(a, (uint64_t)id->until_s * 1000);
        admin_status_results_set_revocations_until_ms(a, (uint64_t)id->lists_until_s * 1000);
        admin_status_results_set_authorities_until_ms(a, (uint64_t)id->authorities_s * 1000);
}

void identity_deinit(struct identity *id)
{
        if (id->reloading)
                (void)capnp_answer_fail(reload_end(id), CAPNP_FAILED, "the instance ends");
}
