/*
 * The manifest as plain structs.
 *
 * It is read once: a message has a budget for being read, and this process lives long. Texts are
 * borrowed from the message, which stays. caposd has checked the manifest before; what contradicts
 * itself here all the same ends the start, because a grant of nothing would be a lie in a bundle.
 */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin.capnp-c.h"
#include "daemon-admin.h"
#include "daemon-capacity.h"
#include "daemon-instance.h"
#include "daemon-log.h"
#include "daemon-quantity.h"
#include "daemon-text.h"
#include "instance.capnp-c.h"
#include "manifest.capnp-c.h"
#include "networks.h"

enum { MANIFEST_BYTES = 4 * 1024 * 1024 };

/* It reaches further than itself: accounts, what they are proved by, the audit log. */
static const struct policy_service policy_admin = {
        .name = DAEMON_ADMIN,
        .title = "Administration",
        .summary = "Accounts, sessions and the audit log of this instance.",
        .interface_id = ADMIN_ID,
        .remote = true,
        .powers = true,
        .own = true,
};

/* Likewise: what happens to everybody. Services alone have them. */
static const struct policy_service policy_instance[] = {
        {.name = DAEMON_INSTANCE,
         .interface_id = INSTANCE_VIEW_ID,
         .powers = true,
         .own = true,
         .held = true},
        {.name = DAEMON_TRACE,
         .interface_id = CALL_TRACE_ID,
         .powers = true,
         .own = true,
         .held = true},
};

static const struct policy_service *policy_service(const struct policy *p, const char *name)
{
        for (unsigned i = 0; i < p->nservices; i++)
                if (!strcmp(p->services[i].name, name))
                        return &p->services[i];

        for (unsigned i = 0; i < sizeof(policy_instance) / sizeof(policy_instance[0]); i++)
                if (!strcmp(policy_instance[i].name, name))
                        return &policy_instance[i];
        return strcmp(name, DAEMON_ADMIN) ? NULL : &policy_admin;
}

const struct policy_profile *policy_profile(const struct policy *p, capnp_text name)
{
        for (unsigned i = 0; i < p->nprofiles; i++)
                if (text_is(name, p->profiles[i].name))
                        return &p->profiles[i];

        return NULL;
}

/* What this version does not know it does not tell. */
static uint32_t policy_disclosure(disclosure_list l)
{
        uint32_t bits = 0;

        for (unsigned i = 0; i < disclosure_list_len(l); i++)
                if (disclosure_name(disclosure_list_get(l, i)))
                        bits |= 1U << disclosure_list_get(l, i);

        return bits;
}

static int policy_services(struct policy *p, service_list list)
{
        unsigned n = service_list_len(list);
        int r = 0;

        if (n > POLICY_SERVICES)
                return CAPNP_E_POISON;

        p->services = calloc(n + 1, sizeof(*p->services));
        if (!p->services)
                return -ENOMEM;

        for (unsigned i = 0; i < n && !r; i++) {
                service_reader f = service_list_get(list, i);
                struct policy_service *s = &p->services[p->nservices++];

                s->name = service_name(f).p;
                s->title = service_title(f).p;
                s->summary = service_summary(f).p;
                s->interface_id = service_interface_id(f);
                s->remote = service_has_remote(f);
                s->lease_ms = daemon_duration(remote_lease(service_remote(f)));
                s->powers = power_list_len(service_powers(f)) > 0;
                s->disclosure = policy_disclosure(service_disclosure(f));
                r = facets_init(&s->facets, service_facets(f));
        }
        return r;
}

bool policy_may_grant(const struct policy_profile *f, const struct policy_service *v)
{
        if ((v->remote || f->local) && (!v->powers || f->elevated))
                return true;

        daemon_log(LOG_ERR, "profile %s grants %s, which it may not have",
                   daemon_log_text(f->name, strlen(f->name)).s,
                   daemon_log_text(v->name, strlen(v->name)).s);
        return false;
}

static struct policy_grant policy_grant(const struct policy *p, grant_reader r)
{
        struct policy_grant g = {
                .name = grant_name(r).p,
                .facet = grant_facet(r).p,
                .services = grant_transfer(r) == TRANSFER_SERVICES,
                .ui = grant_ui(r),
                .lease_ms = daemon_duration(grant_lease(r)),
        };

        g.service = policy_service(p, g.name);
        if (g.service && !g.lease_ms)
                g.lease_ms = g.service->lease_ms;
        if (g.service)
                g.narrow = facets_narrow(
                        g.service == &policy_admin ? &p->admin : &g.service->facets, g.facet);
        return g;
}

static int policy_complain(const char *what, const char *who, const char *name)
{
        daemon_log(LOG_ERR, "%s %s grants %s, which is no service", what,
                   daemon_log_text(who, strlen(who)).s, daemon_log_text(name, strlen(name)).s);
        return CAPNP_E_POISON;
}

static int policy_grants(struct policy *p, struct policy_profile *f, grant_list list)
{
        unsigned n = grant_list_len(list);

        if (n > POLICY_GRANTS)
                return CAPNP_E_POISON;

        f->grants = calloc(n + 1, sizeof(*f->grants));
        if (!f->grants)
                return -ENOMEM;

        for (unsigned i = 0; i < n; i++) {
                struct policy_grant *g = &f->grants[f->ngrants++];

                *g = policy_grant(p, grant_list_get(list, i));
                if (g->service && g->service->held)
                        return policy_complain("profile", f->name, g->name);
                if (g->service && !policy_may_grant(f, g->service))
                        return CAPNP_E_POISON;
                if (g->service == &policy_admin &&
                    (g->services || !daemon_admin_facets(capnp_text_of(g->facet))))
                        return CAPNP_E_POISON; /* caposd has said so */
                if (!g->service && strcmp(g->name, "session") != 0)
                        return policy_complain("profile", f->name, g->name);
        }
        return 0;
}

/* What services hold of others: once there are all of them. */
static int policy_held(struct policy *p, service_list list)
{
        for (unsigned i = 0; i < p->nservices; i++) {
                grant_list l = service_grants(service_list_get(list, i));
                struct policy_service *s = &p->services[i];
                unsigned n = grant_list_len(l);

                if (n > POLICY_GRANTS)
                        return CAPNP_E_POISON;

                s->grants = calloc(n + 1, sizeof(*s->grants));
                if (!s->grants)
                        return -ENOMEM;

                for (unsigned k = 0; k < n; k++) {
                        struct policy_grant *g = &s->grants[s->ngrants++];

                        *g = policy_grant(p, grant_list_get(l, k));
                        if (g->service && g->service->held &&
                            !daemon_instance_facets(capnp_text_of(g->name),
                                                    capnp_text_of(g->facet)))
                                return CAPNP_E_POISON; /* caposd has said so */
                        if (!g->service || (g->service->own && !g->service->held))
                                return policy_complain("service", s->name, g->name);
                }
        }
        return 0;
}

static struct policy_ui_quota policy_ui_quota(ui_quota_reader q)
{
        return (struct policy_ui_quota){
                .offers = ui_quota_offers(q),
                .patches_per_second = ui_quota_patches_per_second(q),
                .references = ui_quota_references(q),
                .patch_bytes = daemon_size(ui_quota_patch(q)),
                .bytes_per_second = daemon_size(ui_quota_per_second(q)),
        };
}

static struct policy_quota policy_quota(quota_reader q)
{
        return (struct policy_quota){
                .references = quota_references(q),
                .calls = quota_calls(q),
                .calls_per_second = quota_calls_per_second(q),
                .sessions_per_account = quota_sessions_per_account(q),
                .queued_bytes = daemon_size(quota_queued(q)),
                .message_bytes = daemon_size(quota_message(q)),
                .ui = policy_ui_quota(quota_ui(q)),
        };
}

/* What is for ever ends in ten years: a time that can be told. */
static uint64_t policy_lease(capnp_text t)
{
        uint64_t ms = daemon_duration(t);

        return ms < POLICY_LEASE_MS ? ms : POLICY_LEASE_MS;
}

static int policy_profiles(struct policy *p, profile_list list)
{
        unsigned n = profile_list_len(list);
        int r = 0;

        if (n > POLICY_PROFILES)
                return CAPNP_E_POISON;

        p->profiles = calloc(n + 1, sizeof(*p->profiles));
        if (!p->profiles)
                return -ENOMEM;

        for (unsigned i = 0; i < n && !r; i++) {
                profile_reader f = profile_list_get(list, i);
                struct policy_profile *to = &p->profiles[p->nprofiles++];

                to->name = profile_name(f).p;
                to->lease_ms = policy_lease(profile_lease(f));
                to->max_lease_ms = policy_lease(profile_max_lease(f));
                to->accounts = profile_accounts(f);
                to->server_key_binding = profile_server_key_binding(f);
                to->service = profile_service(f);
                to->audit_calls = profile_audit_calls(f);
                to->agent = profile_agent(f);
                to->max_sessions = profile_max_sessions(f);
                to->unbound = profile_unbound(f);
                to->local = profile_local(f);
                to->elevated = profile_elevated(f);
                to->from = profile_from(f);
                if (!networks_ok(to->from))
                        return CAPNP_E_POISON;
                to->quota = policy_quota(profile_quota(f));
                to->demand = strength_demanded(f);
                r = policy_grants(p, to, profile_bundle(f));
        }
        return r;
}

static int policy_entry(struct policy *p, entry_reader r, struct policy_entry *e)
{
        capnp_text name = entry_profile(r);

        if (!entry_enabled(r))
                return 0;

        e->profile = policy_profile(p, name);
        e->max_sessions = entry_max_sessions(r);
        e->max_sessions_of_one =
                daemon_capacity_of_one(e->max_sessions, entry_max_sessions_per_source(r));
        if (e->profile && !e->profile->service)
                return 0;

        daemon_log(LOG_ERR, "no profile %s for whoever comes", daemon_log_text(name.p, name.len).s);
        return CAPNP_E_POISON;
}

static int policy_rules(struct policy *p, certificate_rule_list list)
{
        unsigned n = certificate_rule_list_len(list);

        if (n > POLICY_RULES)
                return CAPNP_E_POISON;

        p->rules = calloc(n + 1, sizeof(*p->rules));
        if (!p->rules)
                return -ENOMEM;

        for (unsigned i = 0; i < n; i++) {
                certificate_rule_reader r = certificate_rule_list_get(list, i);
                const char *profile = certificate_rule_profile(r).p;

                p->rules[p->nrules++] = (struct policy_rule){certificate_rule_account(r).p,
                                                             certificate_rule_account_from_name(r),
                                                             profile[0] ? profile : NULL};
        }
        return 0;
}

static int policy_fill(struct policy *p, manifest_reader m)
{
        authentication_reader a = manifest_authentication(m);
        struct daemon_capacity room;
        int r;

        daemon_capacity_find(m, daemon_capacity_fds(), &room);
        p->max_sessions = room.connections;
        p->max_admissions = room.connections + room.unauthenticated;
        p->max_fresh = room.unauthenticated;
        p->memory_bytes = daemon_size(limits_memory(manifest_limits(m)));
        if (!p->memory_bytes)
                p->memory_bytes = UINT64_MAX;
        p->password = authentication_password(a);
        p->password_memory = (uint32_t)daemon_size(authentication_password_memory(a));
        p->public_key = authentication_public_key(a);
        p->issuers = authentication_oidc(a);
        p->admission_ms = daemon_duration(limits_admission(manifest_limits(m)));
        p->person_ms = (uint32_t)daemon_duration(limits_person(manifest_limits(m)));
        p->admission = manifest_admission(m);
        if (!networks_ok(addresses_allow(p->admission)) ||
            !networks_ok(addresses_deny(p->admission)))
                return CAPNP_E_POISON;
        r = policy_services(p, manifest_services(m));
        if (!r)
                r = facets_init_admin(&p->admin);
        if (!r)
                r = policy_held(p, manifest_services(m));
        if (!r)
                r = policy_profiles(p, manifest_profiles(m));
        if (!r)
                r = policy_rules(p, certificates_rules(authentication_certificates(a)));
        if (!r)
                r = authorities_init(&p->authorities, authentication_ssh_authorities(a));
        if (!r)
                r = passkeys_init(&p->passkeys, authentication_passkeys(a));
        if (!r)
                r = revoked_keys_init(&p->revoked, authentication_revoked_fingerprints(a));
        if (!r)
                r = policy_entry(p, authentication_guest(a), &p->guest);
        if (!r)
                r = policy_entry(p, authentication_anonymous(a), &p->anonymous);
        return r ? r : capnp_msg_check(p->msg);
}

/* It is read for as long as it counts, by each connection; so no number of words may be the last.
 * It comes from caposd, and each of its lists has a maximum here. */
static int policy_load(struct policy *p, int fd)
{
        const struct capnp_limits limits = {.traversal = UINT64_MAX};
        struct stat st;
        size_t size;

        if (fstat(fd, &st))
                return -errno;

        size = (size_t)st.st_size;
        if (!size || size > MANIFEST_BYTES)
                return CAPNP_E_POISON;

        p->bytes = malloc(size);
        if (!p->bytes)
                return -ENOMEM;
        if (pread(fd, p->bytes, size, 0) != (ssize_t)size)
                return -EIO;

        return capnp_msg_parse(p->bytes, size, &limits, &p->msg);
}

int policy_init(struct policy *p, int fd)
{
        int r;

        *p = (struct policy){0};
        r = policy_load(p, fd);
        if (!r)
                r = policy_fill(p, manifest_root(p->msg));
        if (r)
                policy_deinit(p);
        return r;
}

void policy_deinit(struct policy *p)
{
        for (unsigned i = 0; i < p->nprofiles; i++)
                free(p->profiles[i].grants);
        for (unsigned i = 0; i < p->nservices; i++) {
                facets_deinit(&p->services[i].facets);
                free(p->services[i].grants);
        }
        facets_deinit(&p->admin);
        free(p->profiles);
        free(p->services);
        free(p->rules);
        authorities_deinit(&p->authorities);
        passkeys_deinit(&p->passkeys);
        revoked_keys_deinit(&p->revoked);
        p->msg = capnp_msg_free(p->msg);
        free(p->bytes);
        *p = (struct policy){0};
}
