/*
 * Lists of networks in a manifest, which has been checked. They are read each time: they are short,
 * and looked at once for a connection and once for a proof.
 */
#include "networks.h"

#include "daemon-log.h"
#include "daemon-network.h"

static capnp_text network_text(capnp_list l, uint32_t i)
{
        return capnp_any_text(capnp_list_any(l, i), (capnp_text){0});
}

bool networks_ok(capnp_list l)
{
        struct network n;

        if (l.len > NETWORKS)
                return false;

        for (uint32_t i = 0; i < l.len; i++) {
                capnp_text t = network_text(l, i);
                const char *why = daemon_network_read(t, &n);

                if (!why)
                        continue;
                daemon_log(LOG_ERR, "%s: %s", daemon_log_text(t.p, t.len).s, why);
                return false;
        }
        return true;
}

bool networks_have(capnp_list l, const char *host)
{
        struct network n;

        for (uint32_t i = 0; i < l.len; i++)
                if (!daemon_network_read(network_text(l, i), &n) && daemon_network_has(&n, host))
                        return true;
        return false;
}

/* An address that nobody can read is on every list of those that are kept out. */
bool networks_admit(addresses_reader a, const char *host)
{
        capnp_list deny = addresses_deny(a), allow = addresses_allow(a);

        if (deny.len && (!daemon_network_is_host(host) || networks_have(deny, host)))
                return false;

        return !allow.len || networks_have(allow, host);
}
