/*
 * Keys that are not believed any more. They are fingerprints, so it is all the same who has such a
 * key, and whether it is shown by itself, in a certificate, or by those that it has certified.
 *
 * A session rests on what has made it, has renewed it last and has raised it last, and on whoever
 * has certified each of these.
 */
#include "revoked-keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "enrolment.h"
#include "manifest.capnp-c.h"
#include "session.h"

static int compare(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int revoked_keys_init(struct revoked_keys *r, capnp_list list)
{
        *r = (struct revoked_keys){.all = calloc((size_t)list.len + 1, sizeof(const char *))};
        if (!r->all)
                return -ENOMEM;

        for (r->n = 0; r->n < list.len; r->n++)
                r->all[r->n] = authentication_revoked_fingerprints_at(list, r->n).p;
        qsort(r->all, r->n, sizeof(const char *), compare);
        return 0;
}

void revoked_keys_deinit(struct revoked_keys *r)
{
        free(r->all);
        *r = (struct revoked_keys){0};
}

bool revoked_keys_have(const struct revoked_keys *r, const char *fingerprint)
{
        return r->n && fingerprint && fingerprint[0] &&
               bsearch(&fingerprint, r->all, r->n, sizeof(const char *), compare);
}

static bool have_authority(const struct revoked_keys *r,
                           const char authority[RESTS][STORE_FINGERPRINT_BYTES])
{
        for (unsigned i = 0; i < RESTS; i++)
                if (revoked_keys_have(r, authority[i]))
                        return true;
        return false;
}

bool revoked_keys_have_session(const struct revoked_keys *r, const struct session *e)
{
        return revoked_keys_have(r, e->credential) || revoked_keys_have(r, e->renewed) ||
               revoked_keys_have(r, e->raised) || have_authority(r, e->authority);
}

bool revoked_keys_have_enrolment(const struct revoked_keys *r, const struct enrolment *n)
{
        return revoked_keys_have(r, n->credential) || revoked_keys_have(r, n->renewed) ||
               revoked_keys_have(r, n->raised) || revoked_keys_have(r, n->fingerprint) ||
               have_authority(r, n->authority);
}
