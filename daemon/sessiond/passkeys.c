/*
 * For whom passkeys are, and by what an authenticator knows their accounts.
 *
 * A user handle must not say whose it is (WebAuthn, 14.6.1), and be the same each time: it is a
 * hash of the account's name, keyed with the instance's secret.
 */
#include "passkeys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store.h"

_Static_assert((int)PASSKEY_USER_BYTES == (int)crypto_auth_BYTES, "a user handle is a hash");
_Static_assert((int)STORE_SECRET_BYTES == (int)crypto_auth_KEYBYTES, "the secret is a key");

static uint8_t *text_put(uint8_t *to, capnp_text t)
{
        memcpy(to, t.p, t.len);
        to[t.len] = 0;
        return to + t.len + 1;
}

static int party_write(struct passkeys *p, capnp_text id, capnp_list origins)
{
        size_t len = (size_t)id.len + 1;
        uint8_t *at;

        for (uint32_t i = 0; i < origins.len; i++)
                len += (size_t)passkeys_origins_at(origins, i).len + 1;
        if (origins.len > PASSKEYS_ORIGINS || len > PASSKEY_RESPONSE_BYTES)
                return CAPNP_E_POISON;

        at = p->party = malloc(len);
        if (!at)
                return -ENOMEM;

        at = text_put(at, id);
        for (uint32_t i = 0; i < origins.len; i++)
                at = text_put(at, passkeys_origins_at(origins, i));
        p->party_len = (uint32_t)len;
        return 0;
}

static int makes_read(struct passkeys *p, capnp_list list)
{
        if (list.len > PASSKEY_AAGUIDS ||
            (list.len && p->wanted.attestation == PASSKEY_ATTESTATION_NONE))
                return CAPNP_E_POISON;

        for (uint32_t i = 0; i < list.len; i++) {
                capnp_text t = passkeys_aaguids_at(list, i);
                size_t n;

                if (sodium_hex2bin(p->wanted.aaguids[i], PASSKEY_AAGUID_BYTES, t.p, t.len, "-", &n,
                                   NULL) ||
                    n != PASSKEY_AAGUID_BYTES)
                        return CAPNP_E_POISON;
        }
        p->wanted.naaguids = list.len;
        return 0;
}

static enum passkey_attestation attestation_of(unsigned wanted)
{
        switch (wanted) {
        case ATTESTATION_SELF:
                return PASSKEY_ATTESTATION_SELF;
        case ATTESTATION_PACKED:
                return PASSKEY_ATTESTATION_PACKED;
        default:
                return PASSKEY_ATTESTATION_NONE;
        }
}

int passkeys_init(struct passkeys *p, passkeys_reader r)
{
        capnp_text id = passkeys_relying_party(r);
        int e;

        *p = (struct passkeys){.relying_party = id.p};
        if (!id.len)
                return 0;

        p->wanted.attestation = attestation_of(passkeys_attestation(r));
        e = party_write(p, id, passkeys_origins(r));
        return e ? e : makes_read(p, passkeys_aaguids(r));
}

void passkeys_deinit(struct passkeys *p)
{
        free(p->party);
        *p = (struct passkeys){0};
}

void passkeys_user(const struct store *s, const char *account, uint8_t ret[PASSKEY_USER_BYTES])
{
        static const char label[] = "passkey user handle: ";
        char text[sizeof(label) + STORE_NAME_BYTES];
        int n = snprintf(text, sizeof(text), "%s%s", label, account);

        (void)crypto_auth(ret, (const uint8_t *)text, (size_t)n, s->secret);
}

void passkeys_fingerprint(const uint8_t *id, size_t len, char ret[CAPOS_SSHKEY_FINGERPRINT])
{
        uint8_t hash[crypto_hash_sha256_BYTES];

        crypto_hash_sha256(hash, id, len);
        capos_i_sshkey_fingerprint(hash, ret);
}
