/*
 * What a manifest means, in words: of a field, by the schema's own comments (manifest-fields.py),
 * or of a manifest as a whole, by what it grants to whom.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon-admin.h"
#include "daemon-quantity.h"
#include "daemon-strength.h"
#include "manifest-explain.h"
#include "manifest-facets.h"

/* ---- fields --------------------------------------------------------------------------------- */

struct row {
        const char *in;      /* the declaration */
        const char *field;   /* or enumerant; empty: the declaration itself */
        const char *type;    /* of the declaration: struct or enum */
        const char *initial; /* its default; empty: none */
        const char *text;
};

static const struct row ROWS[] = {
#include "manifest-fields.inc"
};

enum { NROWS = sizeof(ROWS) / sizeof(*ROWS) };

static const struct row *row_find(const char *in, size_t in_len, const char *field, size_t len)
{
        for (unsigned i = 0; i < NROWS; i++)
                if (strlen(ROWS[i].in) == in_len && !memcmp(ROWS[i].in, in, in_len) &&
                    strlen(ROWS[i].field) == len && !memcmp(ROWS[i].field, field, len))
                        return &ROWS[i];
        return NULL;
}

/* The name in a type: `Grant` of `List(Grant)`. */
static const char *type_name(const char *type, size_t *ret_len)
{
        const char *open = strchr(type, '(');

        if (open)
                type = open + 1;
        *ret_len = strcspn(type, ")");
        return type;
}

static void members_print(const char *in, size_t len)
{
        for (unsigned i = 0; i < NROWS; i++) {
                const struct row *row = &ROWS[i];

                if (strlen(row->in) != len || memcmp(row->in, in, len) || !row->field[0])
                        continue;
                printf("\n  %s%s%s%s%s\n", row->field, row->type[0] ? " :" : "", row->type,
                       row->initial[0] ? " = " : "", row->initial);
                if (row->text[0])
                        printf("      %s\n", row->text);
        }
}

static int path_wrong(const char *path, size_t known, const char *in, size_t in_len)
{
        fprintf(stderr, "a manifest has no field %s; ", path);
        if (known)
                fprintf(stderr, "%.*s has:", (int)known, path);
        else
                fprintf(stderr, "it has:");
        for (unsigned i = 0; i < NROWS; i++)
                if (strlen(ROWS[i].in) == in_len && !memcmp(ROWS[i].in, in, in_len) &&
                    ROWS[i].field[0])
                        fprintf(stderr, " %s", ROWS[i].field);
        fputs("\n", stderr);
        return -EINVAL;
}

int manifest_explain_field(const char *path)
{
        const char *in = "Manifest", *at = path;
        size_t in_len = strlen(in);
        const struct row *row = NULL;

        while (*at) {
                size_t len = strcspn(at, ".[");

                row = row_find(in, in_len, at, len);
                if (!len || !row || !row->type[0])
                        return path_wrong(path, at > path ? (size_t)(at - path - 1) : 0, in,
                                          in_len);
                in = type_name(row->type, &in_len);
                at += len;
                at += strspn(at, "[0123456789]"); /* as faults write them: services[1].name */
                at += *at == '.';
        }
        if (row)
                printf("%s :%s%s%s\n", path, row->type, row->initial[0] ? " = " : "", row->initial);
        if (row && row->text[0])
                printf("  %s\n", row->text);
        row = row_find(in, in_len, "", 0);
        if (row && row->text[0])
                printf("\n%s: %s\n", row->in, row->text);
        members_print(in, in_len);
        return 0;
}

/* ---- a manifest ----------------------------------------------------------------------------- */

static void time_print(const char *before, uint64_t ms)
{
        char text[DAEMON_DURATION_TEXT];

        printf("%s%s", before, daemon_duration_say(ms, text));
}

static void entry_print(const char *name, entry_reader e)
{
        if (!entry_enabled(e))
                printf("  %-10s closed\n", name);
        else
                printf("  %-10s open, with profile %s, to %u at once\n", name, entry_profile(e).p,
                       entry_max_sessions(e));
}

static void certificates_print(certificates_reader c)
{
        uint32_t n = certificate_rule_list_len(certificates_rules(c));

        if (n)
                printf("  %-10s open over TLS, by %u rule%s\n", "certificate", n, n > 1 ? "s" : "");
        else
                printf("  %-10s closed\n", "certificate");
}

static void passkeys_print(passkeys_reader p)
{
        capnp_list origins = passkeys_origins(p), makes = passkeys_aaguids(p);

        if (!passkeys_relying_party(p).len) {
                printf("  %-10s closed\n", "passkey");
                return;
        }

        printf("  %-10s open, for %s, from", "passkey", passkeys_relying_party(p).p);
        for (uint32_t i = 0; i < origins.len; i++)
                printf("%s %s", i ? "," : "", passkeys_origins_at(origins, i).p);
        printf("\n  %-10s new ones: %s", "",
               passkeys_attestation(p) == ATTESTATION_SELF     ? "attested by their own key"
               : passkeys_attestation(p) == ATTESTATION_PACKED ? "attested, by whom is not judged"
                                                               : "not attested");
        if (makes.len)
                printf(", of the makes that are named, %u", makes.len);
        puts("");
}

static void rule_print(oidc_rule_reader r)
{
        oidc_claim_list claims = oidc_rule_claims(r);
        capnp_text profile = oidc_rule_profile(r);

        printf("  %-10s ", "");
        for (uint32_t i = 0; i < oidc_claim_list_len(claims); i++)
                printf("%s%s = %s", i ? " and " : "",
                       oidc_claim_name(oidc_claim_list_get(claims, i)).p,
                       oidc_claim_value(oidc_claim_list_get(claims, i)).p);
        if (oidc_rule_create(r))
                printf(": an account of its own, made with profile %s\n", profile.p);
        else if (profile.len)
                printf(": account %s, with profile %s\n", oidc_rule_account(r).p, profile.p);
        else
                printf(": account %s, with any of its profiles\n", oidc_rule_account(r).p);
}

/* In the order in which they are looked at. */
static void issuer_print(oidc_issuer_reader o)
{
        oidc_rule_list rules = oidc_issuer_rules(o);

        printf("  %-10s by %s, %s\n", "provider", oidc_issuer_name(o).p, oidc_issuer_issuer(o).p);
        printf("  %-10s identities that `capos account identity add` has given to an account%s\n",
               "", oidc_rule_list_len(rules) ? "; else:" : "");
        for (uint32_t i = 0; i < oidc_rule_list_len(rules); i++)
                rule_print(oidc_rule_list_get(rules, i));
        if (oidc_issuer_audience(o).len)
                printf("  %-10s programs, too, by access tokens for %s\n", "",
                       oidc_issuer_audience(o).p);
}

static void issuers_print(oidc_issuer_list l)
{
        for (uint32_t i = 0; i < oidc_issuer_list_len(l); i++)
                issuer_print(oidc_issuer_list_get(l, i));
        if (!oidc_issuer_list_len(l))
                printf("  %-10s closed\n", "provider");
}

static void authorities_print(ssh_authority_list l)
{
        for (uint32_t i = 0; i < ssh_authority_list_len(l); i++)
                printf("  %-10s %s\n", i ? "" : "certified",
                       ssh_authority_name(ssh_authority_list_get(l, i)).p);
}

static service_reader service_named(manifest_reader m, capnp_text name)
{
        service_list l = manifest_services(m);

        for (uint32_t i = 0; i < service_list_len(l); i++)
                if (!strcmp(service_name(service_list_get(l, i)).p, name.p))
                        return service_list_get(l, i);
        return (service_reader){0};
}

/* Of what is no service. */
static const char *own_title(capnp_text name)
{
        return text_is(name, DAEMON_ADMIN) ? "Administration" : "Who the session is";
}

/* Of those that have not all of them. */
static void methods_print(service_reader s, grant_reader g)
{
        capnp_list names = facet_methods(manifest_facet(s, g));
        unsigned facets = text_is(grant_name(g), DAEMON_ADMIN) && grant_facet(g).len
                                  ? daemon_admin_facets(grant_facet(g))
                                  : ADMIN_NOWHERE;
        const char *between = "      with ";

        for (uint32_t i = 0; i < names.len; i++, between = ", ")
                printf("%s%s", between, facet_methods_at(names, i).p);
        for (uint16_t i = 0; i < DAEMON_ADMIN_CALLS; i++) {
                if (!(daemon_admin_call_facets(i) & facets))
                        continue;
                printf("%s%s", between, daemon_admin_call(i));
                between = ", ";
        }
        if (between[0] == ',')
                puts("");
}

static void grant_print(manifest_reader m, grant_reader g)
{
        service_reader s = service_named(m, grant_name(g));
        capnp_text lease = grant_lease(g).len ? grant_lease(g) : remote_lease(service_remote(s));

        printf("    %-14s %s", grant_name(g).p,
               service_name(s).len ? service_title(s).p : own_title(grant_name(g)));
        if (grant_facet(g).len)
                printf(", as `%s`", grant_facet(g).p);
        if (grant_transfer(g) == TRANSFER_SERVICES)
                printf("; may be passed to other services");
        if (grant_ui(g))
                printf("; may propose panes");
        if (lease.len)
                printf("; for %s", lease.p);
        puts("");
        methods_print(s, g);
}

/* Of what is lent for panes: of a profile that may lend anything. */
static void ui_quota_print(profile_reader p)
{
        ui_quota_reader q = quota_ui(profile_quota(p));
        bool ui = false;

        for (uint32_t i = 0; i < grant_list_len(profile_bundle(p)); i++)
                ui |= grant_ui(grant_list_get(profile_bundle(p), i));
        if (ui)
                printf("    of panes: %u offers at once, each with %u references, and a second %u "
                       "patches of %s, %s in all\n",
                       ui_quota_offers(q), ui_quota_references(q), ui_quota_patches_per_second(q),
                       ui_quota_patch(q).p, ui_quota_per_second(q).p);
}

static void profile_print(manifest_reader m, profile_reader p)
{
        const struct strength_demand demand = strength_demanded(p);
        quota_reader q = profile_quota(p);
        char text[STRENGTH_TEXT];

        printf("  %s%s%s\n", profile_name(p).p,
               profile_service(p)    ? ", for service accounts only"
               : profile_accounts(p) ? ""
                                     : ", not for accounts",
               profile_unbound(p) ? ", by proofs that are bound to no channel, too" : "");
        if (profile_local(p))
                puts("    for the instance's owner and root, over a Unix socket");
        if (profile_elevated(p))
                puts("    elevated: may have what hands out powers");
        if (profile_agent(p))
                puts("    for agents, by `capos mcp`");
        if (demand.methods || demand.at_least != STRENGTH_NONE)
                printf("    %s\n", strength_say(&demand, text));
        time_print("    for ", daemon_duration(profile_lease(p)));
        time_print(", renewable up to ", daemon_duration(profile_max_lease(p)));
        printf("; at once %u calls, %u references, %" PRIu64 " KiB", quota_calls(q),
               quota_references(q), daemon_size(quota_queued(q)) / 1024);
        if (profile_accounts(p))
                printf(", %u sessions an account", quota_sessions_per_account(q));
        if (profile_max_sessions(p))
                printf(", %u in all", profile_max_sessions(p));
        puts("");
        ui_quota_print(p);
        for (uint32_t i = 0; i < grant_list_len(profile_bundle(p)); i++)
                grant_print(m, grant_list_get(profile_bundle(p), i));
}

static void disclosure_print(disclosure_list d)
{
        for (uint32_t i = 0; i < disclosure_list_len(d); i++)
                printf("%s%s", i ? ", " : "; may know of callers: ",
                       disclosure_name(disclosure_list_get(d, i)));
}

/* What it has of others. */
static void held_print(grant_list l)
{
        for (uint32_t i = 0; i < grant_list_len(l); i++) {
                grant_reader g = grant_list_get(l, i);

                printf("%s%s%s%s%s", i ? ", " : "; holds: ", grant_name(g).p,
                       grant_facet(g).len ? " (facet `" : "", grant_facet(g).p,
                       grant_facet(g).len ? "`)" : "");
        }
}

static void services_print(manifest_reader m)
{
        service_list l = manifest_services(m);

        for (uint32_t i = 0; i < service_list_len(l); i++) {
                service_reader s = service_list_get(l, i);

                printf("  %-14s %s%s%s, interface 0x%016" PRIx64 "%s", service_name(s).p,
                       service_program(s).p,
                       service_program(s).len && service_connect(s).len ? ", for each caller, by "
                                                                        : "",
                       service_connect(s).p, service_interface_id(s),
                       service_state(s) ? ", keeps files" : "");
                disclosure_print(service_disclosure(s));
                held_print(service_grants(s));
                printf("\n");
        }
}

void manifest_explain(manifest_reader m)
{
        authentication_reader a = manifest_authentication(m);
        profile_list l = manifest_profiles(m);

        printf("Message of the day: %s\n\nWays in\n", manifest_motd(m).p);
        printf("  %-10s %s\n", "password", authentication_password(a) ? "open" : "closed");
        printf("  %-10s %s\n", "key", authentication_public_key(a) ? "open" : "closed");
        authorities_print(authentication_ssh_authorities(a));
        certificates_print(authentication_certificates(a));
        passkeys_print(authentication_passkeys(a));
        issuers_print(authentication_oidc(a));
        entry_print("guest", authentication_guest(a));
        entry_print("anonymous", authentication_anonymous(a));
        puts("\nProfiles");
        for (uint32_t i = 0; i < profile_list_len(l); i++)
                profile_print(m, profile_list_get(l, i));
        puts("\nServices");
        services_print(m);
}
