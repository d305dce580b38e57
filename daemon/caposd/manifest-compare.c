/*
 * Two manifests: the one that an instance lives by, and the next.
 *
 * What was decided when the instance started stays: how its processes are confined, whom they
 * belong to, how much room there is, and what all services were told. Two structs say the same when
 * their texts are the same, whatever fields later versions of the schema add.
 */
#include <capos/capnp-dynamic.h>
#include <stdio.h>
#include <string.h>

#include "daemon-packets.h"
#include "manifest-compare.h"

enum { TEXT_BYTES = 1024 * 1024, PATH_BYTES = 64 };

static const char FIXED[] = "cannot change while the instance runs: it has to be started anew";

static bool text_equal(capnp_text a, capnp_text b)
{
        return a.len == b.len && !memcmp(a.p, b.p, a.len);
}

/* ---- what stays ----------------------------------------------------------------------------- */

struct limit {
        const char *field;
        bool same;
};

unsigned manifest_fixed(manifest_reader now, manifest_reader next,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg)
{
        limits_reader a = manifest_limits(now), b = manifest_limits(next);
        const struct limit all[] = {
                {"motd", text_equal(manifest_motd(now), manifest_motd(next))},
                {"confinement", manifest_confinement(now) == manifest_confinement(next)},
                {"exposed", manifest_exposed(now) == manifest_exposed(next)},
                {"firstUser", manifest_first_user(now) == manifest_first_user(next)},
                {"limits.connections", limits_connections(a) == limits_connections(b)},
                {"limits.unauthenticated", limits_unauthenticated(a) == limits_unauthenticated(b)},
                {"limits.unauthenticatedPerSource",
                 limits_unauthenticated_per_source(a) == limits_unauthenticated_per_source(b)},
                {"limits.admission", text_equal(limits_admission(a), limits_admission(b))},
                {"limits.person", text_equal(limits_person(a), limits_person(b))},
                {"limits.memory", text_equal(limits_memory(a), limits_memory(b))},
                {"limits.idleWorkers", limits_idle_workers(a) == limits_idle_workers(b)},
        };
        unsigned n = 0;

        for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
                if (all[i].same)
                        continue;
                complain(arg, all[i].field, FIXED);
                n++;
        }
        return n;
}

/* ---- what is the same ----------------------------------------------------------------------- */

static bool struct_same(const capnp_schema *s, uint64_t type, capnp_reader a, capnp_reader b)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf x;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf y;

        capnp_buf_init(&x, TEXT_BYTES);
        capnp_buf_init(&y, TEXT_BYTES);
        return !capnp_text_print(s, type, a, NULL, &x) && !capnp_text_print(s, type, b, NULL, &y) &&
               !strcmp(x.p, y.p);
}

static bool issuers_same(const capnp_schema *s, oidc_issuer_list a, oidc_issuer_list b)
{
        bool same = oidc_issuer_list_len(a) == oidc_issuer_list_len(b);

        for (uint32_t i = 0; same && i < oidc_issuer_list_len(a); i++)
                same = struct_same(s, OIDC_ISSUER_ID, oidc_issuer_list_get(a, i).r,
                                   oidc_issuer_list_get(b, i).r);
        return same;
}

static bool authorities_same(const capnp_schema *s, ssh_authority_list a, ssh_authority_list b)
{
        bool same = ssh_authority_list_len(a) == ssh_authority_list_len(b);

        for (uint32_t i = 0; same && i < ssh_authority_list_len(a); i++)
                same = struct_same(s, SSH_AUTHORITY_ID, ssh_authority_list_get(a, i).r,
                                   ssh_authority_list_get(b, i).r);
        return same;
}

uint32_t manifest_same(manifest_reader now, manifest_reader next)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        authentication_reader a = manifest_authentication(now);
        authentication_reader b = manifest_authentication(next);
        uint32_t same = 0;

        if (capnp_schema_new(&s) || capnp_schema_add_file(s, &manifest_capnp_schema))
                return 0;

        if (issuers_same(s, authentication_oidc(a), authentication_oidc(b)))
                same |= NEXT_SAME_ISSUERS;
        if (authorities_same(s, authentication_ssh_authorities(a),
                             authentication_ssh_authorities(b)))
                same |= NEXT_SAME_AUTHORITIES;
        if (struct_same(s, PASSKEYS_ID, authentication_passkeys(a).r, authentication_passkeys(b).r))
                same |= NEXT_SAME_PASSKEYS;
        return same;
}

bool manifest_same_process(service_reader a, service_reader b)
{
        capnp_list x = service_arguments(a), y = service_arguments(b);
        bool same = x.len == y.len && text_equal(service_name(a), service_name(b)) &&
                    text_equal(service_program(a), service_program(b)) &&
                    service_interface_id(a) == service_interface_id(b) &&
                    text_equal(service_connect(a), service_connect(b)) &&
                    text_equal(service_schema(a), service_schema(b)) &&
                    service_state(a) == service_state(b);

        for (uint32_t i = 0; same && i < x.len; i++)
                same = text_equal(service_arguments_at(x, i), service_arguments_at(y, i));
        return same;
}
