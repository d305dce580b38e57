/*
 * A public key as somebody brings it, and as it is kept: PEM or a JSON Web Key comes in, a JSON Web
 * Key with an id goes out. The one that goes out is made anew from the key's numbers, so that
 * nothing else of what came in is kept. Without an id of its own the key gets its thumbprint (RFC
 * 7638) for one, which whoever has the key can work out by himself.
 *
 * A private key is refused with that for a reason: it has been where it should not be.
 */
#include "token.h"

#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jwt-key.h"
#include "public-key.h"

enum { KEY_TEXT_BYTES = 16 * 1024, THUMBPRINT_TEXT = 44 };

static const char bad[] = "it is no public key of RSA (2048 to 4096 bits), P-256, P-384 or "
                          "Ed25519, or one by which anybody can sign";
static const char encrypted[] = "it is encrypted: a public key is no secret, bring it as it is";
static const char private_key[] = "it is a private key: it belongs to its owner alone";

/* What a key said of itself. */
struct brought {
        EVP_PKEY *key; /* owned */
        json_t *jwk;   /* owned; NULL: it was PEM */
};

static void brought_end(struct brought *b)
{
        EVP_PKEY_free(b->key);
        json_decref(b->jwk);
}

/* Why it is none; NULL: it is one. */
static const char *brought_read_jwk(capnp_data text, struct brought *b)
{
        b->jwk = jwt_json(text);
        if (json_object_get(b->jwk, "d") || json_object_get(b->jwk, "k"))
                return private_key;

        return b->jwk && !jwt_key_read(b->jwk, &b->key) ? NULL : bad;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *to, int room, int writing, void *arg)
{
        (void)to;
        (void)room;
        (void)writing;
        (void)arg;
        return -1;
}

static bool text_has(capnp_data text, const char *word)
{
        return memmem(text.p, text.len, word, strlen(word)) != NULL;
}

static const char *brought_read_pem(capnp_data text, struct brought *b)
{
        BIO *from;

        if (text_has(text, "PRIVATE KEY-----"))
                return private_key;
        if (text_has(text, "ENCRYPTED"))
                return encrypted;

        from = BIO_new_mem_buf(text.p, (int)text.len);
        b->key = from ? PEM_read_bio_PUBKEY(from, NULL, no_passphrase, NULL) : NULL;
        BIO_free(from);
        return b->key ? NULL : bad;
}

static const char *brought_read(capnp_data text, struct brought *b)
{
        uint32_t at = 0;

        if (text.len > KEY_TEXT_BYTES)
                return bad;
        while (at < text.len && strchr(" \t\r\n", text.p[at]) && text.p[at])
                at++;
        if (at == text.len)
                return bad;

        return text.p[at] == '{' ? brought_read_jwk(text, b) : brought_read_pem(text, b);
}

/* ---- as it is kept -------------------------------------------------------------------------- */

static bool id_is_good(const char *id)
{
        size_t len = strlen(id);

        for (size_t i = 0; i < len; i++)
                if (id[i] <= ' ' || id[i] >= 0x7f)
                        return false;
        return len > 0 && len <= TOKEN_KEY_ID_BYTES;
}

static bool thumbprint(json_t *jwk, uint8_t hash[32])
{
        char *text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
        bool done = text && EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) == 1;

        free(text);
        return done;
}

static const char *key_keep(const struct brought *b, const char *id, json_t *jwk,
                            struct proof_verdict *v)
{
        json_t *own = json_object_get(b->jwk, "kid"), *alg = json_object_get(b->jwk, "alg");
        char *text;

        if (!thumbprint(jwk, v->key_hash))
                return "no memory";
        if (*id || own)
                (void)snprintf(v->name, sizeof(v->name), "%s",
                               *id                   ? id
                               : json_is_string(own) ? json_string_value(own)
                                                     : "");
        else
                sodium_bin2base64(v->name, sizeof(v->name), v->key_hash, sizeof(v->key_hash),
                                  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        if (!id_is_good(v->name))
                return "its id (kid) has 1 to 128 letters of ASCII, without a blank";
        if (json_object_set_new(jwk, "kid", json_string(v->name)) ||
            (alg && json_object_set(jwk, "alg", alg)))
                return "no memory";

        text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
        if (!text || strlen(text) >= sizeof(v->verifier)) {
                free(text);
                return bad;
        }

        memcpy(v->verifier, text, strlen(text) + 1);
        free(text);
        return NULL;
}

bool token_prove_key(capnp_data text, capnp_data id, struct proof_verdict *v)
{
        char wanted[TOKEN_KEY_ID_BYTES + 2] = "";
        struct brought b = {0};
        const char *why = brought_read(text, &b);
        json_t *jwk = NULL;

        if (id.len >= sizeof(wanted))
                id.len = sizeof(wanted) - 1; /* too long all the same */
        if (id.len)
                memcpy(wanted, id.p, id.len);
        if (!why && !(jwt_key_is_good(b.key) && public_key_hides_factors(b.key)))
                why = bad;
        if (!why) {
                jwk = jwt_key_write(b.key);
                why = jwk ? key_keep(&b, wanted, jwk, v) : bad;
        }
        if (why) {
                v->verifier[0] = v->name[0] = 0;
                (void)snprintf(v->subject, sizeof(v->subject), "%s", why);
        }
        json_decref(jwk);
        brought_end(&b);
        return !why;
}
