/*
 * Authorities for SSH keys. What they have signed is judged by a prover, which is told each time
 * whom to believe; the strings for that are put together once, here.
 */
#include "authorities.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* Strings with their length before them, in a place of PROOF_AUTHORITIES_BYTES. */
struct out {
        uint8_t *p;
        size_t len;
        bool full;
};

static void out_raw(struct out *o, const void *p, size_t len)
{
        if (o->full || len > PROOF_AUTHORITIES_BYTES - o->len) {
                o->full = true;
                return;
        }
        if (len)
                memcpy(o->p + o->len, p, len);
        o->len += len;
}

static void out_number(struct out *o, uint64_t v, unsigned bytes)
{
        while (bytes--) {
                uint8_t b = (uint8_t)(v >> 8 * bytes);

                out_raw(o, &b, 1);
        }
}

/* Begins a string whose length is not known yet; and ends it. */
static size_t out_begin(struct out *o)
{
        size_t at = o->len;

        out_number(o, 0, 4);
        return at;
}

static void out_end(struct out *o, size_t at)
{
        struct out head = {.p = o->p, .len = at};

        if (!o->full)
                out_number(&head, o->len - at - 4, 4);
}

static void out_text(struct out *o, const void *p, size_t len)
{
        out_number(o, len, 4);
        out_raw(o, p, len);
}

static int authority_write(struct out *o, ssh_authority_reader a,
                           char ret_fingerprint[CAPOS_SSHKEY_FINGERPRINT])
{
        capnp_list serials = ssh_authority_revoked_serials(a), ids = ssh_authority_revoked_ids(a);
        uint8_t blob[CAPOS_SSHKEY_BYTES], hash[crypto_hash_sha256_BYTES];
        size_t all = out_begin(o), part;
        uint32_t len;

        if (capos_i_sshkey_read(ssh_authority_key(a).p, blob, &len, NULL))
                return CAPNP_E_POISON;

        crypto_hash_sha256(hash, blob, len);
        capos_i_sshkey_fingerprint(hash, ret_fingerprint);
        out_text(o, blob, len);
        part = out_begin(o);
        for (uint32_t i = 0; i < serials.len; i++)
                out_number(o, ssh_authority_revoked_serials_at(serials, i), 8);
        out_end(o, part);
        part = out_begin(o);
        for (uint32_t i = 0; i < ids.len; i++) {
                capnp_text id = ssh_authority_revoked_ids_at(ids, i);

                out_text(o, id.p, id.len);
        }
        out_end(o, part);
        out_end(o, all);
        return o->full ? CAPNP_E_POISON : 0;
}

int authorities_init(struct authorities *a, ssh_authority_list list)
{
        unsigned n = ssh_authority_list_len(list);
        struct out o = {.p = n ? calloc(1, PROOF_AUTHORITIES_BYTES) : NULL,
                        .len = sizeof(struct proof_ssh)};
        int r = n && !o.p ? -ENOMEM : 0;

        *a = (struct authorities){0};
        if (n > AUTHORITIES)
                r = CAPNP_E_POISON;
        for (unsigned i = 0; i < n && !r; i++) {
                ssh_authority_reader one = ssh_authority_list_get(list, i);
                const char *profile = ssh_authority_profile(one).p;

                a->name[i] = ssh_authority_name(one).p;
                a->profile[i] = profile[0] ? profile : NULL;
                r = authority_write(&o, one, a->fingerprint[i]);
        }
        if (r) {
                free(o.p);
                return r;
        }

        a->n = n;
        a->bytes = o.p;
        a->len = (uint32_t)o.len;
        return 0;
}

void authorities_deinit(struct authorities *a)
{
        free(a->bytes);
        *a = (struct authorities){0};
}

capnp_data authorities_ask(const struct authorities *a, const struct proof_ssh *about)
{
        memcpy(a->bytes, about, sizeof(*about));
        return (capnp_data){a->bytes, a->len};
}
