/*
 * Recorded handshakes and rules, both from strangers. Whatever they are, the first look is with the
 * record and nonce that come along; the second with those that the handshake itself would want, so
 * that what lies behind them is reached. A handshake that is believed under one nonce is not under
 * another.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz-recheck.h"
#include "tls-messages.h"

enum { NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a handshake would want to be judged by. False: it is none. */
static bool question_fit(struct tls_recheck *q, uint8_t record[32], uint8_t nonce[32],
                         uint8_t server[32])
{
        struct tls_messages t;
        const unsigned char *p;
        X509 *x;

        if (capos_i_tls_messages_read(q->handshake, &t) || t.nonce.len != TLS_NONCE_BYTES)
                return false;

        p = t.server_leaf.p;
        x = d2i_X509(NULL, &p, (long)t.server_leaf.len);
        if (!x || capos_i_tls_key_hash(x, server)) {
                X509_free(x);
                return false;
        }

        X509_free(x);
        memcpy(record, t.server_hash, 32);
        memcpy(nonce, t.nonce.p, 32);
        q->record = record;
        q->nonce = nonce;
        q->server_key = server;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint8_t record[32], nonce[32], server[32];
        struct tls_client who = {.rule = 0};
        struct tls_recheck q;
        uint32_t rules;

        if (size < RECHECK_RULES || size > 4 * TLS_HANDSHAKE_BYTES)
                return 0;

        rules = (uint32_t)data[RECHECK_RULES_LEN] << 8 | data[RECHECK_RULES_LEN + 1];
        if (rules > size - RECHECK_RULES)
                return 0;

        q = (struct tls_recheck){
                .handshake = {data + RECHECK_RULES + rules,
                              (uint32_t)(size - RECHECK_RULES - rules)},
                .record = data + RECHECK_RECORD,
                .server_key = data + RECHECK_SERVER,
                .nonce = data + RECHECK_NONCE,
                .rules = {data + RECHECK_RULES, rules},
                .now = NOW,
        };
        (void)!capos_i_tls_recheck(&q, &who);
        if (!question_fit(&q, record, nonce, server) || capos_i_tls_recheck(&q, &who))
                return 0;

        nonce[0] ^= 1;
        if (!capos_i_tls_recheck(&q, &who))
                abort();
        return 0;
}
