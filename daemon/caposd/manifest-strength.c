/*
 * What profiles demand of a proof.
 *
 * A demand that nobody can meet locks out whoever it was written for, who then finds out at a
 * login. So it is compared here with the ways in that there are, and with what a proof of each can
 * be worth.
 */
#include "manifest-strength.h"

#include <stdio.h>
#include <string.h>

#include "daemon-strength.h"
#include "manifest-fault.h"

enum { PATH_BYTES = 160, WHAT_BYTES = 200, LIST_MAX = 256 };

/* ---- the ways in ---------------------------------------------------------------------------- */

/* What would have to be so for anybody to log in this way. NULL: it is. */
static const char *way_is_closed(authentication_reader a, enum capos_auth kind)
{
        switch (kind) {
        case CAPOS_AUTH_PASSWORD:
                return authentication_password(a) ? NULL : "`authentication.password` is false";
        case CAPOS_AUTH_PUBLIC_KEY:
                return authentication_public_key(a) ? NULL : "`authentication.publicKey` is false";
        case CAPOS_AUTH_OIDC_DEVICE_CODE:
        case CAPOS_AUTH_OIDC_PKCE:
                return oidc_issuer_list_len(authentication_oidc(a)) ? NULL
                                                                    : "`authentication.oidc` "
                                                                      "names no identity provider";
        case CAPOS_AUTH_PASSKEY:
                return passkeys_relying_party(authentication_passkeys(a)).len
                               ? NULL
                               : "`authentication.passkeys` has no `relyingParty`";
        case CAPOS_AUTH_MTLS:
                return certificate_rule_list_len(certificates_rules(authentication_certificates(a)))
                               ? NULL
                               : "`authentication.certificates` has no rules";
        case CAPOS_AUTH_SERVICE:
                return NULL;
        case CAPOS_AUTH_GUEST:
        case CAPOS_AUTH_ANONYMOUS:
        case CAPOS_AUTH_KINDS:
                break;
        }
        return "it is for who has no account, and proves nothing";
}

/* Why no account of this profile's kind logs in to it so, though the way is open. NULL: some do. */
static const char *way_is_not_for(profile_reader p, enum capos_auth kind)
{
        if (kind == CAPOS_AUTH_SERVICE)
                return profile_service(p) ? NULL : "only service accounts log in by it";
        if (kind == CAPOS_AUTH_MTLS)
                return profile_local(p) ? "it needs TLS, and the profile is `local`" : NULL;
        if (profile_service(p))
                return "service accounts do not log in by it";

        return kind != CAPOS_AUTH_OIDC_DEVICE_CODE || profile_unbound(p)
                       ? NULL
                       : "its proof is bound to no channel, and the profile is not `unbound`";
}

/* ---- profiles ------------------------------------------------------------------------------- */

static void check_method(struct check *c, profile_reader p, uint32_t profile, uint32_t i)
{
        capnp_list l = profile_methods(p);
        enum capos_auth kind = auth_of_word(profile_methods_at(l, i));
        char path[PATH_BYTES], what[WHAT_BYTES];
        const char *closed;

        (void)snprintf(path, sizeof(path), "profiles[%u].methods[%u]", profile, i);
        for (uint32_t k = 0; k < i; k++)
                if (text_equal(profile_methods_at(l, k), profile_methods_at(l, i))) {
                        fault(c, path, "named twice");
                        return;
                }
        if (kind == CAPOS_AUTH_KINDS) {
                fault(c, path,
                      "unknown: key, password, certificate, passkey, oidc, oidc-device or service");
                return;
        }

        closed = way_is_closed(manifest_authentication(c->m), kind);
        if (!closed)
                closed = way_is_not_for(p, kind);
        if (closed) {
                (void)snprintf(what, sizeof(what), "nobody logs in by `%s`: %s", auth_word(kind),
                               closed);
                fault(c, path, what);
        } else if (strength_best(kind) < profile_at_least(p)) {
                (void)snprintf(what, sizeof(what), "`%s` is never worth `%s` (`atLeast`)",
                               auth_word(kind), strength_name(profile_at_least(p)));
                fault(c, path, what);
        }
}

/* Whether there is a way in, of all that there are, that is worth enough. */
static bool profile_is_reached(const struct check *c, profile_reader p)
{
        for (unsigned kind = 0; kind < CAPOS_AUTH_KINDS; kind++)
                if (strength_best((enum capos_auth)kind) >= profile_at_least(p) &&
                    !way_is_closed(manifest_authentication(c->m), (enum capos_auth)kind) &&
                    !way_is_not_for(p, (enum capos_auth)kind))
                        return true;
        return false;
}

static bool is_for_nobody(const struct check *c, profile_reader p)
{
        authentication_reader a = manifest_authentication(c->m);

        return text_equal(profile_name(p), entry_profile(authentication_guest(a))) ||
               text_equal(profile_name(p), entry_profile(authentication_anonymous(a)));
}

static void check_profile(struct check *c, uint32_t i)
{
        profile_reader p = profile_list_get(manifest_profiles(c->m), i);
        uint32_t n = profile_methods(p).len;
        const char *field = n ? "methods" : "atLeast";
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "profiles[%u].%s", i, field);
        if (!n && profile_at_least(p) == STRENGTH_NONE)
                return;
        if (is_for_nobody(c, p)) {
                fault(c, path, "whoever has it without an account has proved nothing");
                return;
        }
        if (!profile_accounts(p)) {
                fault(c, path, "is demanded of accounts, and `accounts` is false");
                return;
        }
        if (!strength_name(profile_at_least(p)))
                fault(c, path, "unknown");
        else if (n > CAPOS_AUTH_KINDS)
                fault(c, path, "too many");
        else if (!n && !profile_is_reached(c, p))
                fault(c, path, "nothing by which one can log in to it is worth that");
        for (uint32_t k = 0; k < least(n, CAPOS_AUTH_KINDS); k++)
                check_method(c, p, i, k);
}

/* ---- what gives one profile alone ----------------------------------------------------------- */

/* Somebody is let in to a profile by a rule that its demand excludes. device: as good. */
static void check_rule(struct check *c, const char *path, capnp_text profile, enum capos_auth kind)
{
        profile_list l = manifest_profiles(c->m);

        for (uint32_t i = 0; profile.len && i < least(profile_list_len(l), LIST_MAX); i++) {
                profile_reader p = profile_list_get(l, i);
                struct strength_demand d = strength_demanded(p);

                if (!text_equal(profile_name(p), profile) || strength_may_meet(&d, kind) ||
                    (kind == CAPOS_AUTH_OIDC_PKCE &&
                     strength_may_meet(&d, CAPOS_AUTH_OIDC_DEVICE_CODE)))
                        continue;
                fault(c, path, "that profile's `methods` or `atLeast` keep out whom it lets in");
        }
}

static void check_rules(struct check *c)
{
        authentication_reader a = manifest_authentication(c->m);
        certificate_rule_list rules = certificates_rules(authentication_certificates(a));
        ssh_authority_list ssh = authentication_ssh_authorities(a);
        char path[PATH_BYTES];

        for (uint32_t i = 0; i < least(certificate_rule_list_len(rules), LIST_MAX); i++) {
                (void)snprintf(path, sizeof(path), "authentication.certificates.rules[%u].profile",
                               i);
                check_rule(c, path, certificate_rule_profile(certificate_rule_list_get(rules, i)),
                           CAPOS_AUTH_MTLS);
        }
        for (uint32_t i = 0; i < least(ssh_authority_list_len(ssh), LIST_MAX); i++) {
                (void)snprintf(path, sizeof(path), "authentication.sshAuthorities[%u].profile", i);
                check_rule(c, path, ssh_authority_profile(ssh_authority_list_get(ssh, i)),
                           CAPOS_AUTH_PUBLIC_KEY);
        }
}

unsigned manifest_strength_check(manifest_reader m,
                                 void (*complain)(void *arg, const char *path, const char *what),
                                 void *arg)
{
        struct check c = {.m = m, .complain = complain, .arg = arg};

        for (uint32_t i = 0; i < least(profile_list_len(manifest_profiles(m)), LIST_MAX); i++)
                check_profile(&c, i);
        check_rules(&c);
        return c.faults;
}
