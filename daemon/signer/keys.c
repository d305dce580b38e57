/*
 * What is signed, and with what.
 *
 * A worker sends 32 bytes and nothing else. The text around them is put together here, so whatever
 * the bytes are, the signature is good for one thing: a server's side of a TLS 1.3 handshake. The
 * digest is the key's own affair: SHA-256 for P-256, none for Ed25519.
 *
 * Private keys are in OpenSSL's secure heap: its pages are locked, have guards on both sides and
 * are left out of dumps; what is freed there is wiped. So is what OpenSSL frees elsewhere: while it
 * decodes a key it has copies in ordinary memory.
 */
#include "keys.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

#include "daemon-log.h"

enum {
        SECRET_BYTES = 256 * 1024, /* two files of PEM, and what they decode to, twice */
        SECRET_LEAST = 32,
        PAD = 64,
};

static const char CONTEXT[] = "TLS 1.3, server CertificateVerify";

int keys_prepare(void)
{
        int r = capos_i_tls_wipe_freed();

        if (r)
                return r;

        OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
        r = CRYPTO_secure_malloc_init(SECRET_BYTES, SECRET_LEAST);
        if (!r)
                return -ENOMEM;
        if (r == 2)
                daemon_log(LOG_WARNING, "the key's memory cannot be locked (see `ulimit -l`): it "
                                        "may be written to swap space");
        return 0;
}

/* ---- loading -------------------------------------------------------------------------------- */

static void keys_warn(const struct tls_identity *id)
{
        int r = capos_i_tls_identity_validity(id, time(NULL));

        if (r)
                daemon_log(LOG_WARNING, "%s: %s", TLS_CERTIFICATE_FILE,
                           capos_i_tls_identity_strerror(r));
}

/* The first identity of an instance. */
static int keys_make(struct keys *k, int dir, const char *const *names, unsigned n,
                     capnp_data key_pem)
{
        EVP_PKEY *key = NULL;
        int r = 0;

        if (key_pem.len)
                r = capos_i_tls_identity_read_key(key_pem, &key);
        else
                key = capos_i_tls_identity_new_key();
        if (r)
                return r;
        if (!key)
                return -ENOMEM;

        r = capos_i_tls_identity_make(names, n, time(NULL), key, &k->now);
        if (r) {
                EVP_PKEY_free(key);
                return r;
        }
        return capos_i_tls_identity_store(&k->now, dir);
}

static int keys_find_locked(struct keys *k, int dir, const char *const *names, unsigned n)
{
        capnp_data key = {0}, cert = {0};
        int rk = capos_i_tls_file_load(dir, TLS_KEY_FILE, &key);
        int rc = capos_i_tls_file_load(dir, TLS_CERTIFICATE_FILE, &cert);
        int r;

        if (rk && rk != -ENOENT)
                r = rk;
        else if (rc && rc != -ENOENT)
                r = rc;
        else if (rc)
                r = keys_make(k, dir, names, n, key);
        else if (rk)
                r = TLS_IDENTITY_E_KEY;
        else
                r = capos_i_tls_identity_read(cert, key, &k->now);
        capos_i_tls_bytes_free(&key);
        capos_i_tls_bytes_free(&cert);
        if (!r)
                keys_warn(&k->now);
        return r;
}

int keys_find(struct keys *k, int dir, const char *const *names, unsigned n)
{
        int r = capos_i_tls_folder_lock(dir);

        if (r)
                return r;

        r = keys_find_locked(k, dir, names, n);
        capos_i_tls_folder_unlock(dir);
        return r;
}

int keys_reload(struct keys *k, int key_fd, int cert_fd)
{
        struct tls_identity next = {0};
        capnp_data key = {0}, cert = {0};
        int r = capos_i_tls_file_read(key_fd, &key);

        if (!r)
                r = capos_i_tls_file_read(cert_fd, &cert);
        if (!r && !key.len)
                r = TLS_IDENTITY_E_KEY;
        if (!r)
                r = capos_i_tls_identity_read(cert, key, &next);
        capos_i_tls_bytes_free(&key);
        capos_i_tls_bytes_free(&cert);
        if (r)
                return r;

        keys_warn(&next);
        if (memcmp(next.key_hash, k->now.key_hash, sizeof(next.key_hash)) != 0) {
                capos_i_tls_identity_deinit(&k->before);
                k->before = k->now;
        } else {
                capos_i_tls_identity_deinit(&k->now);
        }
        k->now = next;
        return 0;
}

void keys_forget_before(struct keys *k)
{
        capos_i_tls_identity_deinit(&k->before);
}

void keys_deinit(struct keys *k)
{
        capos_i_tls_identity_deinit(&k->now);
        capos_i_tls_identity_deinit(&k->before);
}

/* ---- signing -------------------------------------------------------------------------------- */

static EVP_PKEY *keys_named(const struct keys *k, const uint8_t hash[TLS_KEY_HASH_BYTES])
{
        const struct tls_identity *const all[] = {&k->now, &k->before};

        for (unsigned i = 0; i < 2; i++)
                if (all[i]->key && !memcmp(all[i]->key_hash, hash, TLS_KEY_HASH_BYTES))
                        return all[i]->key;
        return NULL;
}

int keys_sign(const struct keys *k, const struct sign_request *q, struct sign_reply *ret)
{
        EVP_PKEY *key = keys_named(k, q->key_hash);
        uint8_t text[PAD + sizeof(CONTEXT) + sizeof(q->hash)];
        struct sign_reply out = {0};
        size_t len = sizeof(out.signature);
        const EVP_MD *digest;
        EVP_MD_CTX *c;
        bool done;

        if (!key)
                return -ENOKEY;

        memset(text, ' ', PAD);
        memcpy(text + PAD, CONTEXT, sizeof(CONTEXT)); /* with its NUL, which is the separator */
        memcpy(text + PAD + sizeof(CONTEXT), q->hash, sizeof(q->hash));
        digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
        c = EVP_MD_CTX_new();
        done = c && EVP_DigestSignInit(c, NULL, digest, NULL, key) == 1 &&
               EVP_DigestSign(c, out.signature, &len, text, sizeof(text)) == 1;
        EVP_MD_CTX_free(c);
        if (!done)
                return -EIO;

        out.len = (uint32_t)len;
        *ret = out;
        return 0;
}
