/*
 * What a caller may call of what it was granted.
 *
 * Where the manifest says which methods a facet has, the session manager sends them with the
 * caller's socket, and the object that the service hands out at the other end is put behind a
 * membrane that has these alone. The caller's worker refuses the others, too, and before they cost
 * anything; this is for one that was taken over and speaks to the socket as it likes. So every call
 * on that object is looked at, also those on the promise of it, and those on a result that turns
 * out to be it. Whatever else it hands out is not: the service has decided to.
 */
#include "kit-internal.h"

#include "daemon-methods.h"

#include <errno.h>
#include <stdlib.h>

static const char refusal[] = "denied.method: what was granted has not this method";

static int narrow_has(void *self, uint64_t iface, uint16_t method, uint64_t bytes,
                      capnp_exception *why)
{
        (void)bytes;
        *why = (capnp_exception){CAPNP_FAILED, refusal};
        return daemon_methods_have(self, iface, method) ? 0 : -EPERM;
}

static void narrow_gone(void *self)
{
        daemon_methods_deinit(self);
        free(self);
}

static const struct capnp_membrane_ops narrow_ops = {.has = narrow_has, .gone = narrow_gone};

/* A set for one caller. 0; CAPNP_E_LIMIT; -ENOMEM. */
static int narrow_new(method_id_list l, struct daemon_methods **ret)
{
        struct daemon_methods *m = calloc(1, sizeof(*m));
        int r = m ? daemon_methods_read(l, m) : -ENOMEM;

        if (r) {
                free(m);
                return r;
        }

        *ret = m;
        return 0;
}

int kit_narrow(struct kit *k, method_id_list l, capnp_cap **object)
{
        struct daemon_methods *methods;
        capnp_cap *inside = *object;
        capnp_membrane *m;
        int r;

        if (!method_id_list_len(l))
                return 0;

        r = narrow_new(l, &methods);
        if (r)
                return r;

        r = capnp_membrane_new(k->vat, &narrow_ops, methods, &m);
        if (r) {
                narrow_gone(methods);
                return r;
        }

        *object = capnp_membrane_wrap_narrow(m, inside);
        capnp_membrane_unref(m);
        capnp_cap_unref(inside);
        return *object ? 0 : -ENOMEM;
}
