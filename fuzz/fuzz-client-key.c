/*
 * Key files: the decoded body of an OpenSSH private key, the base64 around it, and SSH's strings.
 * Whatever the bytes are, there is a key that can sign, or an error, and nothing is out of bounds.
 */
#include "client-key.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t public[KEY_PUBLIC_BYTES], sig[KEY_SIGNATURE_BYTES], text[512];
        struct client_out o = {.p = public, .room = sizeof(public)};
        struct client_out s = {.p = sig, .room = sizeof(sig)};
        struct client_out t = {.p = text, .room = sizeof(text)};
        capos_key *k = calloc(1, sizeof(*k));
        const char *why = NULL;

        if (!k || size > KEY_FILE_BYTES) {
                free(k);
                return 0;
        }
        if (!key_of_openssh((capnp_data){data, (uint32_t)size}, (capnp_data){0}, &k->pkey, &why) &&
            !key_public_of_pkey(k->pkey, &o) &&
            !key_set_public(k, (capnp_data){public, (uint32_t)o.len}))
                (void)!key_sign_pkey(k, (capnp_data){data, 4}, &s);
        capos_key_free(k);
        (void)!client_base64((const char *)data, size, &t);
        return 0;
}
