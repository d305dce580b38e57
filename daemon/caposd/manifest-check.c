/*
 * What a manifest may say beyond what its schema allows.
 *
 * Every fault is reported, with the path of the field it is in, and the checking goes on: somebody
 * who writes a manifest wants to know all of them. Names are checked strictly because they travel:
 * into directories, logs, the audit log and the mouths of clients.
 */
#include <stdio.h>
#include <string.h>

#include "certificates.h"
#include "daemon-admin.h"
#include "daemon-instance.h"
#include "daemon-packets.h"
#include "daemon-quantity.h"
#include "daemon-text.h"
#include "manifest-bounds.h"
#include "manifest-check.h"
#include "manifest-connect.h"
#include "manifest-facets.h"
#include "manifest-fault.h"
#include "manifest-grants.h"
#include "manifest-passkeys.h"
#include "manifest-profiles.h"
#include "manifest-strength.h"
#include "providers.h"
#include "session-sshkey.h"

enum {
        NAME_BYTES = 64,
        LEAST_RATE = 10,    /* calls in a second: nobody waits for longer than a tenth of one */
        LEAST_PATCH = 1024, /* bytes: what opens a pane, and says something in it */
        PERSON_MAX_MS = 10 * 60 * 1000,
        LEAST_MS = 1000, /* of whatever lasts: nobody is through with anything before */
        LIST_MAX = 256,
        IDLE_MAX = 64,
        PATH_BYTES = 160,
        MOTD_BYTES = 16384,
        GRANTS_MAX = 64, /* the session manager's */
        FIRST_USER_MIN = 1000,
        AUTHORITIES_MAX = 16,
        MEMBER_BYTES = 64,
};

/* There is room for all numbers beyond the first, and the last, which is no number. */
static const uint32_t FIRST_USER_MAX = UINT32_MAX - 65535;

static const char SESSION[] = "session"; /* it and `admin` are no services */

/* Faults in a field of a member of a list. */
static void check_fault_in(struct check *c, const char *member, const char *field, const char *what)
{
        char path[PATH_BYTES];

        snprintf(path, sizeof(path), "%s.%s", member, field);
        fault(c, path, what);
}

static bool name_is_good(capnp_text t)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

        return t.len > 0 && t.len <= NAME_BYTES && strlen(t.p) == t.len &&
               strspn(t.p, letters) == t.len && t.p[0] >= 'a' && t.p[0] <= 'z';
}

static const char BAD_NAME[] = "a name has 1 to 64 of a-z, 0-9, _ and -, a letter first";

/* ---- quantities ----------------------------------------------------------------------------- */

/* false: it is none, which has been said. */
static bool check_duration(struct check *c, const char *member, const char *field, capnp_text t,
                           uint64_t *ret_ms)
{
        if (!daemon_duration_read(t, ret_ms))
                check_fault_in(c, member, field,
                               "no duration: numbers with w, d, h, m, s or ms, as \"1h30m\"");
        else if (*ret_ms < LEAST_MS || *ret_ms > UINT32_MAX)
                check_fault_in(c, member, field, "must be 1s to 49 days");
        else
                return true;
        return false;
}

static void check_size(struct check *c, const char *member, const char *field, capnp_text t)
{
        uint64_t bytes;

        if (!daemon_size_read(t, &bytes))
                check_fault_in(c, member, field,
                               "no size: a number with GiB, MiB, KiB or B, as \"64KiB\"");
        else if (!bytes)
                check_fault_in(c, member, field, "must not be 0");
}

/* ---- services ------------------------------------------------------------------------------- */

static bool service_exists(manifest_reader m, capnp_text name)
{
        service_list l = manifest_services(m);

        for (uint32_t i = 0; i < service_list_len(l); i++)
                if (text_equal(service_name(service_list_get(l, i)), name))
                        return true;
        return false;
}

static bool program_is_good(capnp_text t)
{
        if (!t.len || strlen(t.p) != t.len || t.p[0] == '.')
                return false;

        return t.p[0] == '/' || !strchr(t.p, '/');
}

static void check_service_name(struct check *c, const char *member, uint32_t i)
{
        service_list l = manifest_services(c->m);
        capnp_text name = service_name(service_list_get(l, i));

        if (!name_is_good(name))
                check_fault_in(c, member, "name", BAD_NAME);
        if (text_is(name, SESSION))
                check_fault_in(c, member, "name", "`session` is not a service");
        if (text_is(name, DAEMON_ADMIN))
                check_fault_in(c, member, "name", "`admin` is the instance's own");
        if (daemon_instance_is(name))
                check_fault_in(c, member, "name", "`instance` and `trace` are the instance's own");
        for (uint32_t k = 0; k < i; k++) {
                if (!text_equal(name, service_name(service_list_get(l, k))))
                        continue;
                check_fault_in(c, member, "name", "another service has this name");
                return;
        }
}

static void check_service(struct check *c, uint32_t i)
{
        service_reader s = service_list_get(manifest_services(c->m), i);
        char member[PATH_BYTES / 2];

        snprintf(member, sizeof(member), "services[%u]", i);
        check_service_name(c, member, i);
        if (!program_is_good(service_program(s)) && !manifest_connect_has_no_program(s))
                check_fault_in(c, member, "program",
                               "must be an absolute path, or a name without a slash");
        if (!(service_interface_id(s) >> 63))
                check_fault_in(c, member, "interfaceId",
                               "no id of an interface: those have their highest bit set");
        for (uint32_t k = 0; k < disclosure_list_len(service_disclosure(s)); k++)
                if (!disclosure_name(disclosure_list_get(service_disclosure(s), k)))
                        check_fault_in(c, member, "disclosure", "unknown");
}

/* ---- profiles ------------------------------------------------------------------------------- */

/* The instance's own stays with whom it was granted to. */
static void check_admin(struct check *c, const char *member, grant_reader g)
{
        if (!daemon_admin_facets(grant_facet(g)))
                check_fault_in(c, member, "facet",
                               "`admin` has `accounts`, `sessions` and `audit`; empty: all");
        if (grant_transfer(g) == TRANSFER_SERVICES)
                check_fault_in(c, member, "transfer", "`admin` is passed on to nobody");
}

static void check_grant(struct check *c, const char *profile, grant_list bundle, uint32_t i)
{
        grant_reader g = grant_list_get(bundle, i);
        capnp_text name = grant_name(g);
        char member[PATH_BYTES / 2 + 32];

        snprintf(member, sizeof(member), "%s.bundle[%u]", profile, i);
        if (text_is(name, DAEMON_ADMIN))
                check_admin(c, member, g);
        else if (daemon_instance_is(name))
                check_fault_in(c, member, "name", "services have it alone, by their `grants`");
        else if (!text_is(name, SESSION) && !service_exists(c->m, name))
                check_fault_in(c, member, "name", "there is no service of this name");
        if (!transfer_name(grant_transfer(g)))
                check_fault_in(c, member, "transfer", "unknown");
        if (grant_ui(g) && (text_is(name, SESSION) || text_is(name, DAEMON_ADMIN)))
                check_fault_in(c, member, "ui", "is for services: this is the instance's own");
        for (uint32_t k = 0; k < i; k++) {
                if (!text_equal(name, grant_name(grant_list_get(bundle, k))))
                        continue;
                check_fault_in(c, member, "name", "granted twice");
                return;
        }
}

/* Less than what opens a pane and says something in it. */
static bool is_too_small(capnp_text t)
{
        uint64_t bytes = daemon_size(t);

        return bytes && bytes < LEAST_PATCH;
}

static void check_ui_quota(struct check *c, const char *member, ui_quota_reader q)
{
        if (!ui_quota_offers(q))
                check_fault_in(c, member, "quota.ui.offers", "must not be 0");
        if (!ui_quota_patches_per_second(q))
                check_fault_in(c, member, "quota.ui.patchesPerSecond", "must not be 0");
        if (!ui_quota_references(q))
                check_fault_in(c, member, "quota.ui.references", "must not be 0");
        check_size(c, member, "quota.ui.patch", ui_quota_patch(q));
        if (is_too_small(ui_quota_patch(q)))
                check_fault_in(c, member, "quota.ui.patch", "must be 1KiB or more");
        check_size(c, member, "quota.ui.perSecond", ui_quota_per_second(q));
        if (is_too_small(ui_quota_per_second(q)))
                check_fault_in(c, member, "quota.ui.perSecond", "must be 1KiB or more");
}

static void check_quota(struct check *c, const char *member, quota_reader q)
{
        check_size(c, member, "quota.message", quota_message(q));
        check_size(c, member, "quota.queued", quota_queued(q));
        if (quota_calls_per_second(q) && quota_calls_per_second(q) < LEAST_RATE)
                check_fault_in(c, member, "quota.callsPerSecond", "must be 0, or 10 and more");
        if (!quota_sessions_per_account(q))
                check_fault_in(c, member, "quota.sessionsPerAccount", "must not be 0");
        check_ui_quota(c, member, quota_ui(q));
}

static void check_leases(struct check *c, const char *member, profile_reader p)
{
        uint64_t lease, most;
        bool good = check_duration(c, member, "lease", profile_lease(p), &lease);

        if (!check_duration(c, member, "maxLease", profile_max_lease(p), &most))
                return;
        if (good && lease > most)
                check_fault_in(c, member, "maxLease", "must not be less than `lease`");
}

static void check_profile(struct check *c, uint32_t i)
{
        profile_list l = manifest_profiles(c->m);
        profile_reader p = profile_list_get(l, i);
        grant_list bundle = profile_bundle(p);
        char member[PATH_BYTES / 2];

        snprintf(member, sizeof(member), "profiles[%u]", i);
        if (!name_is_good(profile_name(p)))
                check_fault_in(c, member, "name", BAD_NAME);
        for (uint32_t k = 0; k < i; k++)
                if (text_equal(profile_name(p), profile_name(profile_list_get(l, k)))) {
                        check_fault_in(c, member, "name", "another profile has this name");
                        break;
                }
        check_leases(c, member, p);
        if (grant_list_len(bundle) > GRANTS_MAX)
                check_fault_in(c, member, "bundle", "too long: at most 64");
        if (profile_local(p) && !profile_accounts(p))
                check_fault_in(c, member, "local",
                               "is for accounts that come from here, and `accounts` is false");
        if (profile_service(p) && !profile_accounts(p))
                check_fault_in(c, member, "service",
                               "is for accounts of a kind, and `accounts` is false");
        check_quota(c, member, profile_quota(p));
        for (uint32_t k = 0; k < grant_list_len(bundle) && k < GRANTS_MAX; k++)
                check_grant(c, member, bundle, k);
}

/* ---- the rest ------------------------------------------------------------------------------- */

/* A profile for people, or for nobody in particular. */
static void check_profile_named(struct check *c, const char *member, capnp_text name)
{
        profile_list l = manifest_profiles(c->m);

        for (uint32_t i = 0; i < profile_list_len(l); i++) {
                if (!text_equal(profile_name(profile_list_get(l, i)), name))
                        continue;
                if (profile_service(profile_list_get(l, i)))
                        check_fault_in(c, member, "profile", "is for service accounts only");
                return;
        }
        check_fault_in(c, member, "profile", "there is no profile of this name");
}

static void check_entry(struct check *c, const char *member, entry_reader e)
{
        if (entry_enabled(e) || entry_profile(e).len)
                check_profile_named(c, member, entry_profile(e));
}

/* One that nobody could be certified by, or that nobody could tell from another. */
static void check_authority(struct check *c, uint32_t i)
{
        ssh_authority_list l = authentication_ssh_authorities(manifest_authentication(c->m));
        ssh_authority_reader a = ssh_authority_list_get(l, i);
        uint8_t blob[CAPOS_SSHKEY_BYTES];
        char member[MEMBER_BYTES];
        const char *wrong;
        uint32_t len;

        (void)snprintf(member, sizeof(member), "authentication.sshAuthorities[%u]", i);
        if (!ssh_authority_name(a).len || !text_is_plain(ssh_authority_name(a)))
                check_fault_in(c, member, "name", "is missing: the audit log calls it by that");
        for (uint32_t k = 0; k < i; k++)
                if (text_equal(ssh_authority_name(ssh_authority_list_get(l, k)),
                               ssh_authority_name(a)))
                        check_fault_in(c, member, "name", "another authority has this name");
        wrong = text_is_plain(ssh_authority_key(a))
                        ? capos_i_sshkey_read(ssh_authority_key(a).p, blob, &len, NULL)
                        : "a key is a line of text";
        if (!wrong && capos_i_sshkey_is_certificate((capnp_data){blob, len}))
                wrong = "must be a key, and is a certificate";
        if (wrong)
                check_fault_in(c, member, "key", wrong);
        if (ssh_authority_profile(a).len)
                check_profile_named(c, member, ssh_authority_profile(a));
}

/* Of the strings that a prover is told of it: sessiond/authorities.c. */
static size_t authority_size(ssh_authority_reader a)
{
        capnp_list ids = ssh_authority_revoked_ids(a);
        uint8_t blob[CAPOS_SSHKEY_BYTES];
        uint32_t len = 0;
        size_t size;

        (void)capos_i_sshkey_read(ssh_authority_key(a).p, blob, &len, NULL);
        size = 4 * sizeof(uint32_t) + len + sizeof(uint64_t) * ssh_authority_revoked_serials(a).len;
        for (uint32_t i = 0; i < ids.len; i++)
                size += sizeof(uint32_t) + ssh_authority_revoked_ids_at(ids, i).len;
        return size;
}

static void check_authorities(struct check *c)
{
        authentication_reader a = manifest_authentication(c->m);
        ssh_authority_list l = authentication_ssh_authorities(a);
        uint32_t n = ssh_authority_list_len(l);
        size_t size = sizeof(struct proof_ssh);

        if (n > AUTHORITIES_MAX)
                fault(c, "authentication.sshAuthorities", "too many: at most 16");
        if (n && !authentication_public_key(a))
                fault(c, "authentication.sshAuthorities",
                      "let nobody in while `publicKey` is false");
        for (uint32_t i = 0; i < n && i < AUTHORITIES_MAX; i++)
                check_authority(c, i);
        for (uint32_t i = 0; i < n && i < AUTHORITIES_MAX; i++)
                size += authority_size(ssh_authority_list_get(l, i));
        if (size > PROOF_AUTHORITIES_BYTES)
                fault(c, "authentication.sshAuthorities",
                      "too long: all of them, with what they have revoked, have 32 KiB");
}

static void check_limits(struct check *c, limits_reader l)
{
        uint64_t ms;

        if (!limits_connections(l))
                fault(c, "limits.connections", "must not be 0");
        if (!limits_unauthenticated(l))
                fault(c, "limits.unauthenticated", "must not be 0");
        if (limits_connections(l) > 4096)
                fault(c, "limits.connections", "too many: at most 4096");
        if (limits_unauthenticated(l) > limits_connections(l))
                fault(c, "limits.unauthenticated", "must not be more than connections");
        if (limits_memory(l).len)
                (void)check_size(c, "limits", "memory", limits_memory(l));
        check_duration(c, "limits", "admission", limits_admission(l), &ms);
        if (check_duration(c, "limits", "person", limits_person(l), &ms) && ms > PERSON_MAX_MS)
                fault(c, "limits.person", "must be 10m at most: clients wait no longer");
        if (!limits_idle_workers(l) || limits_idle_workers(l) > IDLE_MAX)
                fault(c, "limits.idleWorkers", "must be 1 to 64");
}

unsigned manifest_check(manifest_reader m,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};
        authentication_reader a = manifest_authentication(m);
        uint32_t services = service_list_len(manifest_services(m));
        uint32_t profiles = profile_list_len(manifest_profiles(m));

        if (manifest_motd(m).len > MOTD_BYTES || strlen(manifest_motd(m).p) != manifest_motd(m).len)
                fault(&c, "motd", "must have at most 16384 bytes, none of them 0");
        if (services > LIST_MAX)
                fault(&c, "services", "too many: at most 256");
        if (profiles > LIST_MAX)
                fault(&c, "profiles", "too many: at most 256");
        for (uint32_t i = 0; i < services && i < LIST_MAX; i++)
                check_service(&c, i);
        for (uint32_t i = 0; i < profiles && i < LIST_MAX; i++)
                check_profile(&c, i);
        check_entry(&c, "authentication.guest", authentication_guest(a));
        check_entry(&c, "authentication.anonymous", authentication_anonymous(a));
        check_size(&c, "authentication", "passwordMemory", authentication_password_memory(a));
        check_authorities(&c);
        c.faults += manifest_bounds_check(m, complain, arg);
        c.faults += certificates_check(m, complain, arg);
        c.faults += manifest_connect_check(m, complain, arg);
        c.faults += manifest_facets_check(m, complain, arg);
        c.faults += manifest_grants_check(m, complain, arg);
        c.faults += manifest_passkeys_check(m, complain, arg);
        c.faults += manifest_profiles_check(m, complain, arg);
        c.faults += manifest_strength_check(m, complain, arg);
        c.faults += providers_check(m, complain, arg);
        if (manifest_first_user(m) < FIRST_USER_MIN || manifest_first_user(m) > FIRST_USER_MAX)
                fault(&c, "firstUser", "must be 1000 to 4294901760");
        check_limits(&c, manifest_limits(m));
        return c.faults;
}
