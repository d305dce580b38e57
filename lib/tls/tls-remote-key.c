/*
 * A provider of OpenSSL with two tables: keys that are only a public half, and one signature.
 *
 * libssl signs a TLS 1.3 handshake by one call that has the whole text in it: 64 spaces, a label,
 * a zero, the transcript hash. That text is checked here byte by byte, and the hash alone goes to
 * whoever has the key, who writes the text anew. So this key cannot be used for anything else, nor
 * can another text be signed by mistake.
 *
 * What must stay as it is, because OpenSSL does otherwise:
 * - Our signature has a name that no other provider has. By any common name libcrypto would first
 *   try the default provider's with an export of our key; for the same reason there is no export.
 * - Keys are named as the default provider names them, since libssl finds the place of a
 * certificate by that. So the provider has a library context of its own, which is not that of the
 * SSL_CTX: key shares would be made with our table otherwise. To ask for the default provider by
 * property is not enough; the cache of fetched methods mixes up what was fetched from one provider
 * and what from any, and a handshake with P-256 then fails once our key has been looked at.
 * - The size of a signature is asked for by a first call without room. It must be answered from the
 *   public half: who has the key signs once a handshake.
 * - Import and match are there for SSL_CTX_use_PrivateKey(), which compares with the certificate.
 *
 * Whom to ask is handed in with the public half, as a parameter of our own.
 */
#include "tls-remote-key.h"

#include <errno.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#define PARAM_SIGNER   "capos-signer"
#define SIGNATURE_NAME "CAPOS-REMOTE"

enum { SPACES = 64, HASH = 32 };

static const char label[] = "TLS 1.3, server CertificateVerify"; /* its NUL belongs to the text */

/* provctx is the library context: the provider is built in. */
struct key {
        OSSL_LIB_CTX *x;
        EVP_PKEY *public;
        const struct tls_signer *signer; /* NULL in what is imported to be compared with */
};

/* ---- keys ----------------------------------------------------------------------------------- */

static void *key_new(void *provctx)
{
        struct key *k = calloc(1, sizeof(*k));

        if (k)
                k->x = provctx;
        return k;
}

static void key_free(void *keydata)
{
        struct key *k = keydata;

        if (k)
                EVP_PKEY_free(k->public);
        free(k);
}

static int key_has(const void *keydata, int selection)
{
        (void)selection;
        return ((const struct key *)keydata)->public != NULL;
}

static int key_match(const void *a, const void *b, int selection)
{
        (void)selection;
        return EVP_PKEY_eq(((const struct key *)a)->public, ((const struct key *)b)->public) == 1;
}

static int key_import(struct key *k, const char *type, const OSSL_PARAM *params)
{
        const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_SIGNER);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(k->x, type, "provider=default");
        int r;

        r = c && EVP_PKEY_fromdata_init(c) > 0 &&
            EVP_PKEY_fromdata(c, &k->public, EVP_PKEY_PUBLIC_KEY, (OSSL_PARAM *)(uintptr_t)params) >
                    0;
        EVP_PKEY_CTX_free(c);
        if (r && p && p->data_size == sizeof(k->signer))
                memcpy(&k->signer, p->data, sizeof(k->signer));
        return r;
}

static int key_import_ec(void *keydata, int selection, const OSSL_PARAM *params)
{
        (void)selection;
        return key_import(keydata, "EC", params);
}

static int key_import_ed25519(void *keydata, int selection, const OSSL_PARAM *params)
{
        (void)selection;
        return key_import(keydata, "ED25519", params);
}

static const OSSL_PARAM *key_import_types(int selection)
{
        static const OSSL_PARAM types[] = {
                OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                OSSL_PARAM_octet_string(PARAM_SIGNER, NULL, 0),
                OSSL_PARAM_END,
        };

        (void)selection;
        return types;
}

static int key_get_params(void *keydata, OSSL_PARAM *params)
{
        return EVP_PKEY_get_params(((struct key *)keydata)->public, params);
}

static const OSSL_PARAM *key_gettable_params(void *provctx)
{
        static const OSSL_PARAM params[] = {
                OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
                OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
                OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
                OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
                OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
                OSSL_PARAM_END,
        };

        (void)provctx;
        return params;
}

static const char *key_operation_name(int operation)
{
        return operation == OSSL_OP_SIGNATURE ? SIGNATURE_NAME : NULL;
}

#define FUNCTION(id, fn)                 \
        {                                \
                id, (void (*)(void))(fn) \
        }
#define KEY_TABLE(import)                                                                          \
        {                                                                                          \
                FUNCTION(OSSL_FUNC_KEYMGMT_NEW, key_new),                                          \
                        FUNCTION(OSSL_FUNC_KEYMGMT_FREE, key_free),                                \
                        FUNCTION(OSSL_FUNC_KEYMGMT_HAS, key_has),                                  \
                        FUNCTION(OSSL_FUNC_KEYMGMT_MATCH, key_match),                              \
                        FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT, import),                                \
                        FUNCTION(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),                \
                        FUNCTION(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),                    \
                        FUNCTION(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable_params),          \
                        FUNCTION(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation_name), {0}, \
        }

static const OSSL_DISPATCH key_ec[] = KEY_TABLE(key_import_ec);
static const OSSL_DISPATCH key_ed25519[] = KEY_TABLE(key_import_ed25519);

static const OSSL_ALGORITHM keys[] = {
        {"EC:id-ecPublicKey:1.2.840.10045.2.1", "provider=capos", key_ec, NULL},
        {"ED25519:1.3.101.112", "provider=capos", key_ed25519, NULL},
        {0},
};

/* ---- the signature -------------------------------------------------------------------------- */

struct signing {
        const struct key *k;
};

static void *signing_new(void *provctx, const char *properties)
{
        (void)provctx;
        (void)properties;
        return calloc(1, sizeof(struct signing));
}

static void signing_free(void *ctx)
{
        free(ctx);
}

/* Called several times a handshake: libssl tries what the key can do. */
static int signing_init(void *ctx, const char *digest, void *keydata, const OSSL_PARAM *params)
{
        struct signing *s = ctx;

        (void)digest;
        (void)params;
        if (keydata)
                s->k = keydata;
        return s->k != NULL;
}

static bool signing_is_ours(const uint8_t *text, size_t len)
{
        if (len != SPACES + sizeof(label) + HASH)
                return false;

        for (unsigned i = 0; i < SPACES; i++)
                if (text[i] != ' ')
                        return false;
        return !memcmp(text + SPACES, label, sizeof(label));
}

static int signing_sign(void *ctx, unsigned char *sig, size_t *ret_len, size_t room,
                        const unsigned char *text, size_t len)
{
        const struct signing *s = ctx;
        size_t most = (size_t)EVP_PKEY_get_size(s->k->public), n;

        if (!sig) {
                *ret_len = most;
                return 1;
        }
        if (!s->k->signer || !signing_is_ours(text, len))
                return 0;

        n = room < most ? room : most;
        most = n;
        if (s->k->signer->sign(s->k->signer->arg, text + len - HASH, sig, &n) || n > most)
                return 0;

        *ret_len = n;
        return 1;
}

static const OSSL_DISPATCH signing[] = {
        FUNCTION(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
        FUNCTION(OSSL_FUNC_SIGNATURE_FREECTX, signing_free),
        FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_init),
        FUNCTION(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signing_sign),
        {0},
};

static const OSSL_ALGORITHM signatures[] = {{SIGNATURE_NAME, "provider=capos", signing, NULL}, {0}};

/* ---- the provider --------------------------------------------------------------------------- */

static const OSSL_ALGORITHM *provider_query(void *provctx, int operation, int *ret_no_cache)
{
        (void)provctx;
        *ret_no_cache = 0;
        switch (operation) {
        case OSSL_OP_KEYMGMT:
                return keys;
        case OSSL_OP_SIGNATURE:
                return signatures;
        default:
                return NULL;
        }
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **ret_out, void **ret_ctx)
{
        static const OSSL_DISPATCH out[] = {
                FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
                {0},
        };

        for (; in->function_id; in++)
                if (in->function_id == OSSL_FUNC_CORE_GET_LIBCTX) {
                        *ret_ctx = OSSL_FUNC_core_get_libctx(in)(handle);
                        *ret_out = out;
                        return 1;
                }
        return 0;
}

int capos_i_tls_remote_init(struct tls_remote *r)
{
        *r = (struct tls_remote){.lib = OSSL_LIB_CTX_new()};
        if (r->lib)
                r->standard = OSSL_PROVIDER_load(r->lib, "default");
        if (r->standard && OSSL_PROVIDER_add_builtin(r->lib, "capos", provider_init))
                r->ours = OSSL_PROVIDER_load(r->lib, "capos");
        return r->ours ? 0 : -ENOMEM;
}

void capos_i_tls_remote_deinit(struct tls_remote *r)
{
        if (r->ours)
                OSSL_PROVIDER_unload(r->ours);
        if (r->standard)
                OSSL_PROVIDER_unload(r->standard);
        OSSL_LIB_CTX_free(r->lib);
        *r = (struct tls_remote){0};
}

static const char *type_of(const EVP_PKEY *k)
{
        char group[32];

        if (EVP_PKEY_is_a(k, "ED25519"))
                return "ED25519";
        if (EVP_PKEY_is_a(k, "EC") && EVP_PKEY_get_group_name(k, group, sizeof(group), NULL) &&
            !strcmp(group, "prime256v1"))
                return "EC";
        return NULL;
}

int capos_i_tls_remote_key(const struct tls_remote *r, const X509 *cert, const struct tls_signer *s,
                           EVP_PKEY **ret)
{
        OSSL_PARAM signer[] = {OSSL_PARAM_construct_octet_string(PARAM_SIGNER, &s, sizeof(s)),
                               OSSL_PARAM_END};
        EVP_PKEY *public = X509_get0_pubkey(cert), *k = NULL;
        const char *type = public ? type_of(public) : NULL;
        OSSL_PARAM *half = NULL, *both = NULL; /* both points into half */
        EVP_PKEY_CTX *c = NULL;

        if (!type)
                return 1;

        if (EVP_PKEY_todata(public, EVP_PKEY_PUBLIC_KEY, &half))
                both = OSSL_PARAM_merge(half, signer);
        if (both)
                c = EVP_PKEY_CTX_new_from_name(r->lib, type, "provider=capos");
        if (!c || EVP_PKEY_fromdata_init(c) <= 0 ||
            EVP_PKEY_fromdata(c, &k, EVP_PKEY_KEYPAIR, both) <= 0)
                k = NULL;
        EVP_PKEY_CTX_free(c);
        OSSL_PARAM_free(both);
        OSSL_PARAM_free(half);
        if (!k)
                return -ENOMEM;

        *ret = k;
        return 0;
}
