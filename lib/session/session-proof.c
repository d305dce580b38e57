/*
 * The proof transcript: eight fields, each behind its length, nothing else.
 *
 * Lengths make it impossible to move bytes from one field to its neighbour: two different sets of
 * fields never have the same transcript. The label separates it from everything else a key may
 * sign; the SSHSIG namespace does so once more. There is one format for logging in and renewing,
 * whatever the transport: a nonce is good for one purpose, and the verifier knows which.
 */
#include "session-proof.h"

#include <sodium.h>
#include <string.h>

struct writer {
        uint8_t *out;
        size_t room, len;
        bool full;
};

static void writer_field(struct writer *w, const void *p, size_t len)
{
        if (w->full || len > UINT32_MAX || w->room - w->len < 4 || w->room - w->len - 4 < len) {
                w->full = true;
                return;
        }

        for (unsigned i = 0; i < 4; i++)
                w->out[w->len + i] = (uint8_t)(len >> (24 - 8 * i));
        if (len)
                memcpy(w->out + w->len + 4, p, len);
        w->len += 4 + len;
}

int capos_proof_write(const struct capos_proof *p, uint8_t *out, size_t room, size_t *ret_len)
{
        struct writer w = {.out = out, .room = room};

        writer_field(&w, CAPOS_PROOF_LABEL, strlen(CAPOS_PROOF_LABEL));
        writer_field(&w, p->transport, strlen(p->transport));
        writer_field(&w, p->channel_binding.p, p->channel_binding.len);
        writer_field(&w, p->nonce.p, p->nonce.len);
        writer_field(&w, p->client_nonce.p, p->client_nonce.len);
        writer_field(&w, p->account.p, p->account.len);
        writer_field(&w, p->profile.p, p->profile.len);
        writer_field(&w, p->server_key_hash.p, p->server_key_hash.len);
        if (w.full)
                return CAPNP_E_LIMIT;

        *ret_len = w.len;
        return 0;
}

void capos_proof_nonce(const uint8_t hash[CAPOS_PROOF_HASH_BYTES], char ret[CAPOS_PROOF_NONCE_TEXT])
{
        sodium_bin2base64(ret, CAPOS_PROOF_NONCE_TEXT, hash, CAPOS_PROOF_HASH_BYTES,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void capos_proof_audience(capnp_data key, char ret[CAPOS_PROOF_AUDIENCE])
{
        static const char kind[] = "sha256:", nobody[] = "capos";

        if (key.len != CAPOS_PROOF_HASH_BYTES) {
                memcpy(ret, nobody, sizeof(nobody));
                return;
        }

        memcpy(ret, kind, strlen(kind));
        sodium_bin2base64(ret + strlen(kind), CAPOS_PROOF_AUDIENCE - strlen(kind), key.p, key.len,
                          sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}
