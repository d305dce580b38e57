/*
 * capos-prover: one proof, one process.
 *
 * It reads one request from descriptor 3, answers with one verdict, and ends. It is the only
 * program of the instance that looks into passwords, keys and signatures, and it can do nothing
 * else: no files, no other sockets, bounded memory and processor time. Whatever it was given is
 * wiped before the verdict is sent.
 *
 * The password verifiers are argon2id, three passes over 64 MiB. For an account that does not exist
 * the same work is done, against a verifier that nothing matches.
 */
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon-log.h"
#include "daemon-packets.h"
#include "daemon-sandbox.h"
#include "io-packet.h"
#include "session-proof.h"
#include "ssh.h"

enum {
        FD_PROOF = 3,
        HASH_PASSES = 3,
        HASH_BYTES = 64 * 1024 * 1024,
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

static bool prove_hash(capnp_data password, struct proof_verdict *v)
{
        return !crypto_pwhash_str_alg(v->verifier, (const char *)password.p, password.len,
                                      HASH_PASSES, HASH_BYTES, crypto_pwhash_ALG_ARGON2ID13);
}

static bool prove_password(capnp_data verifier, capnp_data password)
{
        char text[crypto_pwhash_STRBYTES] = {0};

        if (verifier.len >= sizeof(text))
                return false;

        memcpy(text, verifier.p, verifier.len);
        return !crypto_pwhash_str_verify(text, (const char *)password.p, password.len);
}

/* The work of prove_password(), for nothing. */
static bool prove_dummy(capnp_data password)
{
        static const uint8_t salt[crypto_pwhash_SALTBYTES] = {1};
        uint8_t out[32];

        if (crypto_pwhash(out, sizeof(out), (const char *)password.p, password.len, salt,
                          HASH_PASSES, HASH_BYTES, crypto_pwhash_ALG_ARGON2ID13))
                return false;

        sodium_memzero(out, sizeof(out));
        return false;
}

static bool prove_key(capnp_data blob)
{
        struct ssh_key k;

        if (ssh_key_read(blob, &k))
                return false;

        ssh_key_deinit(&k);
        return true;
}

/* The work of ssh_verify(), for nothing: by the key that the signature itself is by. */
static bool prove_nobody(capnp_data sig, capnp_data transcript)
{
        struct ssh_sig s;

        if (!ssh_sig_read(sig, &s))
                (void)!ssh_verify(s.key, sig, CAPOS_PROOF_NAMESPACE, transcript);
        return false;
}

static bool prove(const struct proof_request *q, struct proof_verdict *v)
{
        capnp_data part[3];

        if (!request_split(q, part))
                return false;

        switch (q->kind) {
        case PROOF_HASH:
                return prove_hash(part[0], v);
        case PROOF_PASSWORD:
                return prove_password(part[0], part[1]);
        case PROOF_DUMMY:
                return prove_dummy(part[0]);
        case PROOF_SIGNATURE:
                return !ssh_verify(part[0], part[1], CAPOS_PROOF_NAMESPACE, part[2]);
        case PROOF_NOBODY:
                return prove_nobody(part[1], part[2]);
        case PROOF_KEY:
                return prove_key(part[0]);
        default:
                return false;
        }
}

/* OpenSSL reads its configuration and gathers what it needs on first use: before the door shuts. */
static void prover_warm_up(void)
{
        uint8_t hash[EVP_MAX_MD_SIZE];
        unsigned len;

        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
        (void)EVP_Digest("", 0, hash, &len, EVP_sha512(), NULL);
}

int main(void)
{
        static struct proof_request q;
        static struct proof_verdict v;
        const struct rlimit cpu = {CPU_SECONDS, CPU_SECONDS};
        struct pollfd p = {.fd = FD_PROOF, .events = POLLIN};
        int r;

        if (sodium_init() < 0)
                return 1;
        prover_warm_up();
        if (setrlimit(RLIMIT_CPU, &cpu))
                return 1;
        r = daemon_sandbox(ROLE_PROVER);
        if (r) {
                daemon_log(LOG_ERR, "the sandbox: %s", capnp_strerror(r));
                return 1;
        }

        if (poll(&p, 1, REQUEST_MS) <= 0 || capos_io_packet_recv(FD_PROOF, &q, sizeof(q), NULL, 0))
                return 1;

        v.good = prove(&q, &v);
        sodium_memzero(&q, sizeof(q));
        r = capos_io_packet_send(FD_PROOF, &v, sizeof(v), NULL, 0);
        sodium_memzero(&v, sizeof(v));
        return r ? 1 : 0;
}
