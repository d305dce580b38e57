/*
 * bcrypt_pbkdf: what turns the passphrase of an OpenSSH key file into the key that the file is
 * encrypted with. No library of Debian's has it, so it is here, and nothing else uses it.
 *
 * It is PBKDF2 in outline, with a hash that is slow by design: Blowfish whose state is made from
 * SHA-512 of passphrase and salt, keyed over and over, and which then encrypts a fixed text 64
 * times. The output is spread over the key, so that no part of it can be had for less.
 *
 * Blowfish begins with the first 33,344 bits of pi's fraction. They are not a table here: they are
 * computed, by Machin's formula, which takes less time than the passphrase does and can be checked
 * by anybody. All state is wiped.
 */
#include "client-bcrypt.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
        BLOCK_ROUNDS = 16,
        P_WORDS = BLOCK_ROUNDS + 2,
        S_BOXES = 4,
        S_WORDS = 256,
        STATE_WORDS = P_WORDS + S_BOXES * S_WORDS,
        GUARD_BITS = 64, /* where the rounding of the series ends up */
        PI_BITS = 32 * STATE_WORDS + GUARD_BITS,

        SHA_BYTES = 64,
        SHA_WORDS = SHA_BYTES / 4,
        OUT_WORDS = 8,
        OUT_BYTES = 4 * OUT_WORDS,
        KEYINGS = 64,
        ENCRYPTIONS = 64,
};

struct blowfish {
        uint32_t p[P_WORDS];
        uint32_t s[S_BOXES][S_WORDS];
};

static uint32_t read_word(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- pi ----------------------------------------------------------------------------------- */

static void bn_freep(BIGNUM **n)
{
        BN_clear_free(*n);
}

/* sum += times * arctan(1/x), as a fraction of 2^PI_BITS: 1/x - 1/3x^3 + 1/5x^5 - … */
static bool pi_add_arctan(BIGNUM *sum, BN_ULONG x, BN_ULONG times, bool minus)
{
        CAPNP_AUTO(bn_freep) BIGNUM *power = BN_new();
        CAPNP_AUTO(bn_freep) BIGNUM *term = BN_new();

        if (!power || !term || !BN_set_bit(power, PI_BITS) || !BN_mul_word(power, times) ||
            BN_div_word(power, x) == (BN_ULONG)-1)
                return false;

        for (BN_ULONG n = 1; !BN_is_zero(power); n += 2) {
                if (!BN_copy(term, power) || BN_div_word(term, n) == (BN_ULONG)-1 ||
                    !(minus ? BN_sub(sum, sum, term) : BN_add(sum, sum, term)) ||
                    BN_div_word(power, x * x) == (BN_ULONG)-1)
                        return false;
                minus = !minus;
        }
        return true;
}

static bool blowfish_init(struct blowfish *b)
{
        CAPNP_AUTO(bn_freep) BIGNUM *pi = BN_new();
        uint8_t bytes[4 * STATE_WORDS];
        uint32_t *s = &b->s[0][0];

        if (!pi || !pi_add_arctan(pi, 5, 16, false) || !pi_add_arctan(pi, 239, 4, true) ||
            !BN_rshift(pi, pi, GUARD_BITS) || !BN_mask_bits(pi, 32 * STATE_WORDS) ||
            BN_bn2binpad(pi, bytes, sizeof(bytes)) < 0)
                return false;

        for (unsigned i = 0; i < P_WORDS; i++)
                b->p[i] = read_word(bytes + 4 * i);
        for (unsigned i = 0; i < S_BOXES * S_WORDS; i++)
                s[i] = read_word(bytes + 4 * (P_WORDS + i));
        return true;
}

/* ---- Blowfish ----------------------------------------------------------------------------- */

static void blowfish_encrypt(const struct blowfish *b, uint32_t *l, uint32_t *r)
{
        uint32_t x = *l ^ b->p[0], y = *r;

        for (unsigned i = 1; i <= BLOCK_ROUNDS; i += 2) {
                y ^= (((b->s[0][x >> 24] + b->s[1][x >> 16 & 0xff]) ^ b->s[2][x >> 8 & 0xff]) +
                      b->s[3][x & 0xff]) ^
                     b->p[i];
                x ^= (((b->s[0][y >> 24] + b->s[1][y >> 16 & 0xff]) ^ b->s[2][y >> 8 & 0xff]) +
                      b->s[3][y & 0xff]) ^
                     b->p[i + 1];
        }
        *l = y ^ b->p[P_WORDS - 1];
        *r = x;
}

/* Replaces the whole state by what it encrypts to, with a salt mixed in (NULL: none). */
static void blowfish_key(struct blowfish *b, const uint32_t *salt, const uint32_t *key)
{
        uint32_t l = 0, r = 0, *s = &b->s[0][0];

        for (unsigned i = 0; i < P_WORDS; i++)
                b->p[i] ^= key[i % SHA_WORDS];
        for (unsigned i = 0; i < STATE_WORDS; i += 2) {
                if (salt) {
                        l ^= salt[i % SHA_WORDS];
                        r ^= salt[(i + 1) % SHA_WORDS];
                }
                blowfish_encrypt(b, &l, &r);
                if (i < P_WORDS) {
                        b->p[i] = l;
                        b->p[i + 1] = r;
                } else {
                        s[i - P_WORDS] = l;
                        s[i - P_WORDS + 1] = r;
                }
        }
}

/* ---- the hash, and the key ---------------------------------------------------------------- */

/* What one derivation works with; all of it is secret. */
struct bcrypt {
        struct blowfish initial, b;
        uint32_t passphrase[SHA_WORDS], salt[SHA_WORDS];
        uint8_t hash[OUT_BYTES], sum[OUT_BYTES];
};

static bool sha_words(const void *p, size_t len, uint32_t *to)
{
        uint8_t hash[SHA_BYTES];
        int ok = EVP_Digest(p, len, hash, NULL, EVP_sha512(), NULL);

        for (unsigned i = 0; ok && i < SHA_WORDS; i++)
                to[i] = read_word(hash + 4 * i);
        explicit_bzero(hash, sizeof(hash));
        return ok;
}

static void bcrypt_hash(struct bcrypt *c)
{
        static const uint8_t text[OUT_BYTES] = "OxychromaticBlowfishSwatDynamite";
        uint32_t w[OUT_WORDS];

        c->b = c->initial;
        blowfish_key(&c->b, c->salt, c->passphrase);
        for (unsigned i = 0; i < KEYINGS; i++) {
                blowfish_key(&c->b, NULL, c->salt);
                blowfish_key(&c->b, NULL, c->passphrase);
        }
        for (unsigned i = 0; i < OUT_WORDS; i++)
                w[i] = read_word(text + 4 * i);
        for (unsigned n = 0; n < ENCRYPTIONS; n++)
                for (unsigned i = 0; i < OUT_WORDS; i += 2)
                        blowfish_encrypt(&c->b, &w[i], &w[i + 1]);
        /* Out it comes with the bytes of each word the other way round. */
        for (unsigned i = 0; i < OUT_BYTES; i++)
                c->hash[i] = (uint8_t)(w[i / 4] >> (8 * (i % 4)));
        explicit_bzero(w, sizeof(w));
}

/* One block of output, in c->sum. */
static bool bcrypt_block(struct bcrypt *c, capnp_data salt, uint32_t number, uint32_t rounds)
{
        uint8_t numbered[BCRYPT_MOST_BYTES + 4];

        memcpy(numbered, salt.p, salt.len);
        for (unsigned i = 0; i < 4; i++)
                numbered[salt.len + i] = (uint8_t)(number >> (24 - 8 * i));
        if (!sha_words(numbered, salt.len + 4, c->salt))
                return false;

        bcrypt_hash(c);
        memcpy(c->sum, c->hash, sizeof(c->sum));
        for (uint32_t n = 1; n < rounds; n++) {
                if (!sha_words(c->hash, sizeof(c->hash), c->salt))
                        return false;
                bcrypt_hash(c);
                for (unsigned i = 0; i < OUT_BYTES; i++)
                        c->sum[i] ^= c->hash[i];
        }
        return true;
}

int client_bcrypt_pbkdf(capnp_data passphrase, capnp_data salt, uint32_t rounds, uint8_t *key,
                        size_t len)
{
        size_t blocks = (len + OUT_BYTES - 1) / OUT_BYTES, each;
        struct bcrypt *c;
        bool ok;

        if (!len || len > BCRYPT_MOST_BYTES || !rounds || rounds > BCRYPT_MOST_ROUNDS ||
            !salt.len || salt.len > BCRYPT_MOST_BYTES || !passphrase.len)
                return CAPNP_E_LIMIT;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        ok = blowfish_init(&c->initial) && sha_words(passphrase.p, passphrase.len, c->passphrase);
        each = (len + blocks - 1) / blocks;
        for (size_t n = 0; ok && n < blocks; n++) {
                ok = bcrypt_block(c, salt, (uint32_t)n + 1, rounds);
                for (size_t i = 0; ok && i < each && i * blocks + n < len; i++)
                        key[i * blocks + n] = c->sum[i];
        }
        explicit_bzero(c, sizeof(*c));
        free(c);
        return ok ? 0 : -ENOMEM;
}
