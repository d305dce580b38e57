/*
 * Signatures of texts (SSHSIG): a blob that says which key has signed, for which purpose and by
 * which hash, and is believed in none of that.
 */
#include "ssh.h"

#include <errno.h>
#include <string.h>

enum { SIGNED_BYTES = 512, NAME_BYTES = 128, SSHSIG_VERSION = 1 };

static const char magic[] = "SSHSIG";

int ssh_sig_read(capnp_data blob, struct ssh_sig *ret)
{
        struct ssh_in i = ssh_in(blob);
        capnp_data reserved, signature;
        struct ssh_sig s;
        int r;

        if (blob.len < sizeof(magic) - 1)
                return SSH_E_SHORT;
        if (memcmp(blob.p, magic, sizeof(magic) - 1) != 0)
                return SSH_E_FORM;

        i.p += sizeof(magic) - 1;
        i.left -= sizeof(magic) - 1;
        if (ssh_in_u32(&i) != SSHSIG_VERSION)
                return SSH_E_FORM;

        s.key = ssh_in_string(&i);
        s.name = ssh_in_string(&i);
        reserved = ssh_in_string(&i);
        s.hash = ssh_in_string(&i);
        signature = ssh_in_string(&i);
        if (!ssh_in_done(&i))
                return SSH_E_SHORT;
        r = ssh_signature_read(signature, &s.by);
        if (r)
                return r;
        if (reserved.len)
                return SSH_E_FORM;

        *ret = s;
        return 0;
}

struct signed_bytes {
        uint8_t p[SIGNED_BYTES];
        size_t len;
};

static void signed_put(struct signed_bytes *b, const void *p, size_t len)
{
        const uint8_t be[4] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len};

        memcpy(b->p + b->len, be, 4);
        if (len)
                memcpy(b->p + b->len + 4, p, len);
        b->len += 4 + len;
}

/* What an SSHSIG signature really signs: a second envelope with the message's hash. */
static int sig_envelope(const struct ssh_sig *s, const char *name, capnp_data message,
                        struct signed_bytes *ret)
{
        uint8_t hash[EVP_MAX_MD_SIZE];
        const EVP_MD *md = NULL;
        unsigned len;

        if (ssh_data_is(s->hash, "sha256"))
                md = EVP_sha256();
        if (ssh_data_is(s->hash, "sha512"))
                md = EVP_sha512();
        if (!md)
                return SSH_E_TYPE;
        if (!EVP_Digest(message.p, message.len, hash, &len, md, NULL))
                return -ENOMEM;

        ret->len = sizeof(magic) - 1;
        memcpy(ret->p, magic, ret->len);
        signed_put(ret, name, strlen(name));
        signed_put(ret, NULL, 0);
        signed_put(ret, s->hash.p, s->hash.len);
        signed_put(ret, hash, len);
        return 0;
}

int ssh_sig_verify(const struct ssh_sig *s, const struct ssh_key *k, const char *name,
                   capnp_data message)
{
        struct signed_bytes envelope;
        int r;

        if (strlen(name) > NAME_BYTES)
                return SSH_E_FORM;
        if (!ssh_data_is(s->name, name))
                return SSH_E_BAD;

        r = sig_envelope(s, name, message, &envelope);
        return r ? r : ssh_key_verify(k, &s->by, (capnp_data){envelope.p, (uint32_t)envelope.len});
}

int ssh_verify(capnp_data key, capnp_data sig, const char *name, capnp_data message,
               struct ssh_signature *ret_by)
{
        struct ssh_sig s;
        struct ssh_key k;
        int r = ssh_sig_read(sig, &s);

        if (r)
                return r;
        if (!ssh_data_equal(s.key, key))
                return SSH_E_KEY;
        r = ssh_key_read(key, &k);
        if (r)
                return r;

        r = ssh_sig_verify(&s, &k, name, message);
        ssh_key_deinit(&k);
        if (!r && ret_by)
                *ret_by = s.by;
        return r;
}
