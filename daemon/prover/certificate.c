/*
 * The verdict on a client certificate.
 *
 * What is judged, and how, is in lib/tls. Here it becomes a struct that travels, and OpenSSL is
 * made to do once, in the zygote, what it will do in a copy: find its algorithms, read a
 * certificate, build a chain. A copy that had to begin with that would do it each time, and behind
 * a door through which no file can be reached.
 */
#include "certificate.h"

#include <errno.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "tls-identity.h"
#include "tls-policy.h"
#include "tls-recheck.h"

_Static_assert((int)PROOF_SUBJECT_BYTES >= (int)TLS_SUBJECT_TEXT, "a subject fits");
_Static_assert((int)PROOF_SERIAL_BYTES >= (int)TLS_SERIAL_TEXT, "a serial number fits");
_Static_assert(sizeof(((struct proof_connection *)0)->record) == TLS_HASH_BYTES, "a hash");
_Static_assert(sizeof(((struct proof_connection *)0)->nonce) == TLS_NONCE_BYTES, "a nonce");

bool certificate_prove(capnp_data handshake, capnp_data connection, capnp_data rules,
                       struct proof_verdict *v)
{
        struct proof_connection c;
        struct tls_client who = {.rule = 0};
        int r;

        v->reason = TLS_RECHECK_E_FORM;
        if (connection.len != sizeof(c))
                return false;

        memcpy(&c, connection.p, sizeof(c));
        r = capos_i_tls_recheck(&(struct tls_recheck){.handshake = handshake,
                                                      .record = c.record,
                                                      .server_key = c.server_key,
                                                      .nonce = c.nonce,
                                                      .rules = rules,
                                                      .now = c.now_s},
                                &who);
        v->reason = r < 0 ? PROOF_REASON_MEMORY : (uint32_t)r;
        if (r) {
                snprintf(v->subject, sizeof(v->subject), "%s", capos_i_tls_recheck_strerror(r));
                return false;
        }

        v->rule = who.rule;
        v->until_s = who.until;
        memcpy(v->key_hash, who.key_hash, sizeof(v->key_hash));
        memcpy(v->subject, who.subject, sizeof(who.subject));
        memcpy(v->name, who.name, sizeof(who.name));
        memcpy(v->serial, who.serial, sizeof(who.serial));
        return true;
}

/* ---- before the door shuts ------------------------------------------------------------------ */

/* A rule that a certificate would meet by itself, were it a client's. */
static bool rules_write(X509 *x, uint8_t *out, size_t room, size_t *len)
{
        BIO *b = BIO_new(BIO_s_mem());
        static const uint8_t first[4];
        char *p = NULL;
        long n;
        bool done;

        done = b && PEM_write_bio_X509(b, x) == 1;
        n = done ? BIO_get_mem_data(b, &p) : 0;
        done = done && n > 0 &&
               !capos_i_tls_rules_add(out, room, len, TLS_RULES_AUTHORITY,
                                      (capnp_data){(const uint8_t *)p, (uint32_t)n}) &&
               !capos_i_tls_rules_add(out, room, len, TLS_RULES_RULE,
                                      (capnp_data){first, sizeof(first)});
        BIO_free(b);
        return done;
}

bool certificate_warm_up(void)
{
        static const char *const names[] = {"localhost"};
        enum { NOW = 1800000000, ROOM = 4096 };
        struct tls_identity id = {0};
        struct tls_client who;
        uint8_t rules[ROOM];
        size_t len = 0;
        EVP_PKEY *key = capos_i_tls_identity_new_key();
        bool good = false;

        if (!key || capos_i_tls_identity_make(names, 1, NOW, key, &id)) {
                EVP_PKEY_free(key);
                return false;
        }

        /* It is trusted, and yet refused: it is a server's. */
        if (rules_write(id.leaf, rules, sizeof(rules), &len))
                good = capos_i_tls_policy_judge(
                               (capnp_data){rules, (uint32_t)len},
                               &(struct tls_shown){.leaf = id.leaf, .rest = NULL, .now = NOW},
                               &who) == TLS_RECHECK_E_PURPOSE;
        capos_i_tls_identity_deinit(&id);
        return good;
}
