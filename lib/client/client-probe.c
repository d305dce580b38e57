/*
 * What every program that probes an instance asks, and how it names what comes: eight things that
 * have to be refused. How the answers are waited for is the program's.
 *
 * Nothing here risks the session that is looked at: each function asks one thing, or finds one.
 */
#include "client-probe.h"

#include "client.h"

#include "remote_session.capnp-c.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_INTERFACE = 17 };

void client_probe_name(const struct capos_error *e, char *to, size_t room)
{
        if (!e->code)
                (void)snprintf(to, room, "results");
        else if (e->code == CAPOS_E_DENIED)
                (void)snprintf(to, room, "%s", capos_denial_code(e->denial));
        else if (e->code == CAPOS_E_QUOTA)
                (void)snprintf(to, room, "over-quota.%s", e->quota);
        else
                (void)snprintf(to, room, "%.*s", (int)room - 1, e->text);
}

capnp_question *client_probe_get(const capos_client *c, const char *name, uint64_t interface)
{
        capnp_question *q = remote_cap_set_get((remote_cap_set_client){c->caps});

        if (q) {
                remote_cap_set_get_set_name(q, name);
                remote_cap_set_get_set_expected_interface_id(q, interface);
        }
        return q;
}

capnp_question *client_probe_login(const capos_client *c, enum capos_auth kind, const char *profile)
{
        remote_session_gateway_client g = {c->gateway};
        capnp_question *q;

        if (kind == CAPOS_AUTH_ANONYMOUS) {
                q = remote_session_gateway_anonymous(g);
                if (q && profile)
                        remote_session_gateway_anonymous_set_requested_profile(q, profile);
        } else if (kind == CAPOS_AUTH_GUEST) {
                q = remote_session_gateway_guest(g);
                if (q && profile)
                        remote_session_gateway_guest_set_requested_profile(q, profile);
        } else {
                q = remote_session_gateway_start(g);
                if (q)
                        remote_auth_start_set_kind(remote_session_gateway_start_init_request(q),
                                                   (enum remote_auth_kind)kind);
        }
        return q;
}

bool client_probe_method(const capos_client *c, bool enabled, bool nobody, enum capos_auth *ret)
{
        struct capos_method m;

        for (uint32_t i = 0; capos_client_method(c, i, &m); i++) {
                if (m.enabled != enabled)
                        continue;
                if (nobody && m.kind != CAPOS_AUTH_ANONYMOUS && m.kind != CAPOS_AUTH_GUEST)
                        continue;
                *ret = m.kind;
                return true;
        }
        return false;
}

bool client_probe_taker(const capnp_schema *s, uint64_t interface, struct capnp_method_info *ret_m,
                        struct capnp_field_info *ret_f)
{
        const capnp_decl *params;

        for (uint32_t i = 0; !capnp_schema_method(s, interface, i, ret_m); i++) {
                params = capnp_schema_find(s, ret_m->params);
                for (uint32_t j = 0; params && !capnp_decl_field(params, j, ret_f); j++)
                        if (ret_f->base_type == TYPE_INTERFACE && !ret_f->lists)
                                return true;
        }
        return false;
}
