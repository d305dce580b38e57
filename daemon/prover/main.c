/*
 * capos-prover: one proof, one process.
 *
 * A prover reads one request from its socket, answers with one verdict, and ends. It is the only
 * process of the instance that looks into passwords, signatures, certificates and tokens, and can
 * do nothing else: no files, no other sockets, bounded memory and processor time. Whatever it was
 * given is wiped before the verdict is sent.
 *
 * What caposd starts is a zygote: it loads the libraries, tries them on what is known, shuts half
 * of the door, and copies itself for each proof. Starting a program took longer than checking a
 * signature. A copy has seen no proof but its own.
 *
 * The password verifiers are argon2id, three passes over as much memory as the manifest says. For
 * an account that does not exist the same work is done, against a verifier that nothing matches.
 */
#include <openssl/evp.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "certificate.h"
#include "daemon-link.h"
#include "daemon-log.h"
#include "daemon-packets.h"
#include "daemon-zygote.h"
#include "io-packet.h"
#include "key.h"
#include "passkey.h"
#include "token.h"

enum {
        HASH_PASSES = 3,
        CPU_SECONDS = 10,
        REQUEST_MS = 10000,
};

_Static_assert((int)VERIFIER_BYTES >= (int)crypto_pwhash_STRBYTES, "a verifier fits");

/* The three strings. False: the lengths are not those of a request. */
static bool request_split(const struct proof_request *q, capnp_data ret[3])
{
        size_t at = 0;

        for (unsigned i = 0; i < 3; i++) {
                if (q->len[i] > PROOF_BYTES - at)
                        return false;
                ret[i] = (capnp_data){q->bytes + at, q->len[i]};
                at += q->len[i];
        }
        return true;
}

static bool memory_ok(uint32_t bytes)
{
        return bytes >= PASSWORD_MEMORY_LEAST && bytes <= PASSWORD_MEMORY_MOST;
}

static bool prove_hash(capnp_data password, uint32_t memory, struct proof_verdict *v)
{
        return memory_ok(memory) &&
               !crypto_pwhash_str_alg(v->verifier, (const char *)password.p, password.len,
                                      HASH_PASSES, memory, crypto_pwhash_ALG_ARGON2ID13);
}

static bool prove_password(capnp_data verifier, capnp_data password)
{
        char text[crypto_pwhash_STRBYTES] = {0};
        bool good;

        if (verifier.len >= sizeof(text))
                return false;

        memcpy(text, verifier.p, verifier.len);
        good = !crypto_pwhash_str_verify(text, (const char *)password.p, password.len);
        sodium_memzero(text, sizeof(text));
        return good;
}

/* The work of prove_password(), for nothing. */
static bool prove_dummy(capnp_data password, uint32_t memory)
{
        static const uint8_t salt[crypto_pwhash_SALTBYTES] = {1};
        uint8_t out[32];

        if (!memory_ok(memory) ||
            crypto_pwhash(out, sizeof(out), (const char *)password.p, password.len, salt,
                          HASH_PASSES, memory, crypto_pwhash_ALG_ARGON2ID13))
                return false;

        sodium_memzero(out, sizeof(out));
        return false;
}

static bool prove(const struct proof_request *q, struct proof_verdict *v)
{
        capnp_data part[3];

        if (!request_split(q, part))
                return false;

        switch (q->kind) {
        case PROOF_HASH:
                return prove_hash(part[0], q->memory, v);
        case PROOF_PASSWORD:
                return prove_password(part[0], part[1]);
        case PROOF_DUMMY:
                return prove_dummy(part[0], q->memory);
        case PROOF_SIGNATURE:
                return key_prove(part[0], part[1], part[2], v);
        case PROOF_NOBODY:
                return key_prove_nobody(part[1], part[2]);
        case PROOF_KEY:
                return key_is_good(part[0]);
        case PROOF_SSH_CERTIFICATE:
                return key_prove_certificate(part[0], part[1], part[2], v);
        case PROOF_CERTIFICATE:
                return certificate_prove(part[0], part[1], part[2], v);
        case PROOF_TOKEN:
                return token_prove(part[0], part[1], part[2], v);
        case PROOF_TOKEN_KEY:
                return token_prove_key(part[0], part[1], v);
        case PROOF_PASSKEY:
                return passkey_prove(part[0], part[1], part[2], v);
        case PROOF_PASSKEY_NEW:
                return passkey_prove_new(part[0], part[1], part[2], v);
        default:
                return false;
        }
}

/* ---- a prover ------------------------------------------------------------------------------- */

/* One proof. The process's exit code. */
static int prover_serve(void)
{
        static struct proof_request q;
        static struct proof_verdict v;
        struct pollfd p = {.fd = LINK_FD, .events = POLLIN};
        int r;

        if (poll(&p, 1, REQUEST_MS) <= 0 || capos_io_packet_recv(LINK_FD, &q, sizeof(q), NULL, 0))
                return 1;

        v.good = prove(&q, &v);
        sodium_memzero(&q, sizeof(q));
        r = capos_io_packet_send(LINK_FD, &v, sizeof(v), NULL, 0);
        sodium_memzero(&v, sizeof(v));
        return r ? 1 : 0;
}

static void prover_live(struct daemon_zygote *z, int socket)
{
        const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
        enum daemon_copy_exit e;

        if (setrlimit(RLIMIT_CPU, &cpu))
                _exit(COPY_EXIT_SANDBOX);
        e = daemon_copy_confine(z, socket, 0);
        _exit(e ? (int)e : prover_serve());
}

/* ---- the zygote ----------------------------------------------------------------------------- */

/* RFC 8032, 7.1, test 2: what a signature is, and that it is none when a bit is wrong. */
static bool test_signature(void)
{
        static const uint8_t point[] = {0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a,
                                        0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
                                        0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c,
                                        0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c};
        uint8_t sig[] = {0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82,
                         0x0b, 0x5f, 0x64, 0x25, 0x40, 0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50,
                         0x3f, 0x8f, 0xb3, 0x76, 0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda, 0x08,
                         0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99, 0x6e, 0x45, 0x8f, 0x36, 0x13,
                         0xd0, 0xf1, 0x1d, 0x8c, 0x38, 0x7b, 0x2e, 0xae, 0xb4, 0x30, 0x2a,
                         0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00};
        const uint8_t message[] = {0x72};
        EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, point, sizeof(point));
        bool good = true;

        for (unsigned wrong = 0; wrong < 2; wrong++) {
                EVP_MD_CTX *c = EVP_MD_CTX_new();

                sig[0] ^= (uint8_t)wrong;
                good = good && key && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
                       (EVP_DigestVerify(c, sig, sizeof(sig), message, sizeof(message)) == 1) ==
                               !wrong;
                EVP_MD_CTX_free(c);
        }
        EVP_PKEY_free(key);
        return good;
}

/* A password's way there and back, with little work; and that another password is refused. */
static bool test_password(void)
{
        enum { PASSES = 1, BYTES = 64 * 1024 };
        char verifier[crypto_pwhash_STRBYTES];

        return !crypto_pwhash_str_alg(verifier, "a", 1, PASSES, BYTES,
                                      crypto_pwhash_ALG_ARGON2ID13) &&
               !crypto_pwhash_str_verify(verifier, "a", 1) &&
               crypto_pwhash_str_verify(verifier, "b", 1);
}

/* OpenSSL gathers what it needs on first use: before the door shuts, and once for all copies. */
static bool prover_warm_up(void)
{
        static const char *const names[] = {"EC", "RSA", "ED25519"};
        uint8_t hash[EVP_MAX_MD_SIZE];
        unsigned len;

        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                EVP_PKEY_CTX_free(EVP_PKEY_CTX_new_from_name(NULL, names[i], NULL));
        return EVP_Digest("", 0, hash, &len, EVP_sha256(), NULL) == 1 &&
               EVP_Digest("", 0, hash, &len, EVP_sha512(), NULL) == 1;
}

int main(void)
{
        struct daemon_zygote z = {.link = LINK_FD,
                                  .parent = getppid(),
                                  .live = prover_live,
                                  .own_role = ROLE_ZYGOTE,
                                  .role = ROLE_PROVER};
        int r;

        if (sodium_init() < 0 || !prover_warm_up() || !test_signature() || !test_password() ||
            !certificate_warm_up() || !token_warm_up() || !passkey_warm_up()) {
                daemon_log(LOG_ERR, "the libraries that judge proofs do not work");
                return 1;
        }

        r = daemon_zygote_begin(&z);
        if (!r)
                r = daemon_zygote_run(&z);
        daemon_filter_deinit(&z.filter);
        if (r && r != CAPOS_IO_E_CLOSED) {
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
                return 1;
        }
        return 0;
}
