/*
 * SSHSIG blobs (PROTOCOL.sshsig), made with a key that is here, or by the agent that has it.
 *
 * Each part of a signature is wiped before this returns.
 */
#include "client-key.h"

#include "client-error.h"

#include <errno.h>
#include <string.h>

static const char sshsig_hash[] = "sha512";

/* What is really signed (PROTOCOL.sshsig, "Signed Data"). */
static int sshsig_write_data(const char *purpose, capnp_data what, struct client_out *o)
{
        uint8_t hash[64];

        if (!EVP_Digest(what.p, what.len, hash, NULL, EVP_sha512(), NULL))
                return -ENOMEM;

        client_out_raw(o, "SSHSIG", 6);
        client_out_text(o, purpose);
        client_out_text(o, "");
        client_out_text(o, sshsig_hash);
        client_out_string(o, hash, sizeof(hash));
        return o->full ? CAPNP_E_LIMIT : 0;
}

static void sshsig_write_blob(const capos_key *k, const char *purpose, const struct client_out *sig,
                              struct client_out *o)
{
        client_out_raw(o, "SSHSIG", 6);
        client_out_u32(o, 1);
        client_out_string(o, k->public, k->public_len);
        client_out_text(o, purpose);
        client_out_text(o, "");
        client_out_text(o, sshsig_hash);
        client_out_string(o, sig->p, sig->len);
}

/* What is made on the way to a blob, each a proof by itself. */
struct sshsig {
        uint8_t data[512], sig[KEY_SIGNATURE_BYTES], blob[KEY_PUBLIC_BYTES + KEY_SIGNATURE_BYTES];
};

static int sshsig_make(const capos_key *k, const char *purpose, capnp_data what,
                       struct sshsig *room, struct capnp_buf *to, struct capos_error *ret_e)
{
        struct client_out d = {.p = room->data, .room = sizeof(room->data)};
        struct client_out s = {.p = room->sig, .room = sizeof(room->sig)};
        struct client_out b = {.p = room->blob, .room = sizeof(room->blob)};
        int r;

        r = sshsig_write_data(purpose, what, &d);
        if (r)
                return client_fail(ret_e, r, "%s", capos_strerror(r));

        what = (capnp_data){room->data, (uint32_t)d.len};
        r = CAPOS_E_KEY;
        if (k->pkey)
                r = key_sign_pkey(k, what, &s);
        else if (k->agent)
                r = key_sign_agent(k, what, &s, ret_e);
        if (r == CAPOS_E_AGENT)
                return r;
        if (r)
                return client_fail(ret_e, r, "signing: %s", capos_strerror(r));

        sshsig_write_blob(k, purpose, &s, &b);
        r = s.full || b.full ? CAPNP_E_LIMIT : client_buf_append(to, room->blob, b.len);
        return r ? client_fail(ret_e, r, "signing: %s", capos_strerror(r)) : 0;
}

int capos_key_sign(const capos_key *k, const char *purpose, capnp_data what, struct capnp_buf *to,
                   struct capos_error *ret_e)
{
        struct sshsig room;
        int r = sshsig_make(k, purpose, what, &room, to, ret_e);

        explicit_bzero(&room, sizeof(room));
        return r;
}
