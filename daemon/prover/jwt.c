/*
 * What a signed token is worth (RFC 8725): who made it is looked at before anything it says.
 *
 * The three parts are base64url without padding and without a stray bit, so that a token has one
 * form. Its header may choose among the keys that are known, and nothing else: one that brings a
 * key, or that wants something understood which is not, is refused. So is one of a type that is
 * for something else: a logout token is signed by the same key.
 */
#include "jwt.h"

#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "jwt-key.h"

enum { PARTS = 3, PART_BYTES = 16 * 1024, SIGNATURE_BYTES = 2048, SUBJECT_BYTES = 255 };

static const char *const words[] = {
        [JWT_E_FORM] = "no signed token",
        [JWT_E_ALGORITHM] = "an algorithm that is not accepted",
        [JWT_E_HEADER] = "its header wants what is not understood",
        [JWT_E_TYPE] = "a token for something else",
        [JWT_E_KEYS] = "the issuer's keys cannot be read",
        [JWT_E_KEY] = "the issuer has no such key",
        [JWT_E_SIGNATURE] = "not signed by the issuer",
        [JWT_E_ISSUER] = "of another issuer",
        [JWT_E_AUDIENCE] = "for somebody else",
        [JWT_E_EXPIRED] = "expired",
        [JWT_E_EARLY] = "not valid yet",
        [JWT_E_NONCE] = "for another login",
        [JWT_E_SUBJECT] = "for nobody",
        [JWT_E_HASH] = "for another access token",
};

const char *jwt_strerror(int err)
{
        return err > 0 && err < (int)(sizeof(words) / sizeof(words[0])) ? words[err] : "no memory";
}

/* ---- its parts ------------------------------------------------------------------------------ */

struct part {
        const char *p;
        size_t len;
};

/* A token, taken apart. */
struct token {
        struct part part[PARTS]; /* as they came */
        capnp_data text;         /* what is signed */
        json_t *header, *claims; /* owned */
        uint8_t signature[SIGNATURE_BYTES];
        size_t signature_len;
};

static bool token_split(capnp_data all, struct token *t)
{
        const char *p = (const char *)all.p, *end = p + all.len;

        if (!all.len || all.len > JWT_TOKEN_BYTES || memchr(p, 0, all.len))
                return false;

        for (unsigned i = 0; i < PARTS; i++) {
                const char *dot = memchr(p, '.', (size_t)(end - p));

                if (!dot != (i == PARTS - 1))
                        return false;
                t->part[i] = (struct part){p, (size_t)((dot ? dot : end) - p)};
                p = dot ? dot + 1 : end;
        }
        t->text = (capnp_data){all.p,
                               (uint32_t)(t->part[1].p + t->part[1].len - (const char *)all.p)};
        return true;
}

static json_t *part_json(const struct part *part)
{
        uint8_t *bytes = malloc(PART_BYTES);
        json_t *j = NULL;
        size_t len;

        if (bytes && jwt_decode(part->p, part->len, bytes, PART_BYTES, &len))
                j = jwt_json((capnp_data){bytes, (uint32_t)len});
        if (bytes)
                sodium_memzero(bytes, PART_BYTES);
        free(bytes);
        return j;
}

static int token_read(capnp_data all, struct token *t)
{
        if (!token_split(all, t) || !jwt_decode(t->part[2].p, t->part[2].len, t->signature,
                                                sizeof(t->signature), &t->signature_len))
                return JWT_E_FORM;

        t->header = part_json(&t->part[0]);
        t->claims = part_json(&t->part[1]);
        return t->header && t->claims ? 0 : JWT_E_FORM;
}

static const char *claim_text(json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

/* ---- who made it ---------------------------------------------------------------------------- */

/* Names of media types are compared without their case (RFC 7515, 4.1.9). */
static bool type_is_good(json_t *header, const char *other)
{
        json_t *j = json_object_get(header, "typ");
        const char *type = json_string_value(j);

        return !j || (type && (!strcasecmp(type, "JWT") || (other && !strcasecmp(type, other))));
}

static int header_check(json_t *header, const struct jwt_wanted *w)
{
        static const char *const unknown[] = {"crit", "b64", "zip", "enc", "jwk", "jku", "x5u"};

        for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
                if (json_object_get(header, unknown[i]))
                        return JWT_E_HEADER;
        return type_is_good(header, w->type) ? 0 : JWT_E_TYPE;
}

static int token_verify(const struct token *t, const struct jwt_wanted *w,
                        const struct jwt_algorithm **ret_a)
{
        const char *name = claim_text(t->header, "alg"), *id = claim_text(t->header, "kid");
        EVP_PKEY *key = NULL;
        int r;

        *ret_a = name ? jwt_algorithm_find(name) : NULL;
        if (!*ret_a)
                return JWT_E_ALGORITHM;
        r = header_check(t->header, w);
        if (r)
                return r;
        if (!id)
                return JWT_E_KEY;
        r = jwt_key_find(w->keys, id, *ret_a, &key);
        if (r)
                return r;

        r = jwt_key_verify(key, *ret_a, (capnp_data){t->signature, (uint32_t)t->signature_len},
                           t->text);
        EVP_PKEY_free(key);
        return r;
}

/* ---- what it says --------------------------------------------------------------------------- */

static bool is_for(json_t *claims, const char *audience)
{
        json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp"), *one;
        bool found = json_is_string(aud) && !strcmp(json_string_value(aud), audience);
        size_t i;

        json_array_foreach(aud, i, one)
        {
                if (!json_is_string(one))
                        return false;
                found = found || !strcmp(json_string_value(one), audience);
        }
        if (json_array_size(aud) > 1 && !azp)
                return false;
        return found &&
               (!azp || (json_is_string(azp) && !strcmp(json_string_value(azp), audience)));
}

/* A time, which may be a fraction. false: it is there and none. */
static bool claim_time(json_t *claims, const char *name, bool *ret_there, double *ret)
{
        json_t *j = json_object_get(claims, name);

        *ret_there = j != NULL;
        *ret = json_number_value(j);
        return !j || (json_is_number(j) && isfinite(*ret) && fabs(*ret) < 1e15);
}

static int times_check(json_t *claims, int64_t now_s, int64_t *ret_until)
{
        double until, from, issued, now = (double)now_s;
        bool has_until, has_from, has_issued;

        if (!claim_time(claims, "exp", &has_until, &until) || !has_until)
                return JWT_E_EXPIRED;
        if (!claim_time(claims, "nbf", &has_from, &from) ||
            !claim_time(claims, "iat", &has_issued, &issued))
                return JWT_E_EARLY;
        if (now >= until + JWT_SKEW_S)
                return JWT_E_EXPIRED;
        if ((has_from && now + JWT_SKEW_S < from) || (has_issued && now + JWT_SKEW_S < issued))
                return JWT_E_EARLY;

        *ret_until = (int64_t)until;
        return 0;
}

/* `at_hash`: the left half of the hash of the access token. */
static bool hash_is_right(json_t *claims, const struct jwt_algorithm *a, capnp_data access)
{
        uint8_t hash[EVP_MAX_MD_SIZE], said[EVP_MAX_MD_SIZE];
        json_t *j = json_object_get(claims, "at_hash");
        const char *text = json_string_value(j);
        unsigned len;
        size_t n;

        if (!j || !access.p)
                return true;

        return text && EVP_Digest(access.p, access.len, hash, &len, jwt_algorithm_hash(a), NULL) &&
               jwt_decode(text, strlen(text), said, sizeof(said), &n) && n == len / 2 &&
               !sodium_memcmp(said, hash, n);
}

static int claims_check(const struct token *t, const struct jwt_algorithm *a,
                        const struct jwt_wanted *w, struct jwt *ret)
{
        const char *issuer = claim_text(t->claims, "iss"), *nonce = claim_text(t->claims, "nonce");
        const char *subject = claim_text(t->claims, "sub");
        int r;

        if (!issuer || strcmp(issuer, w->issuer) != 0)
                return JWT_E_ISSUER;
        if (!is_for(t->claims, w->audience))
                return JWT_E_AUDIENCE;
        r = times_check(t->claims, w->now, &ret->until);
        if (r)
                return r;
        if (w->nonce && (!nonce || strlen(nonce) != strlen(w->nonce) ||
                         sodium_memcmp(nonce, w->nonce, strlen(nonce)) != 0))
                return JWT_E_NONCE;
        if (!subject || !*subject || strlen(subject) > SUBJECT_BYTES)
                return JWT_E_SUBJECT;
        if (!hash_is_right(t->claims, a, w->access))
                return JWT_E_HASH;

        ret->subject = subject;
        return 0;
}

int jwt_judge(capnp_data token, const struct jwt_wanted *w, struct jwt *ret)
{
        const struct jwt_algorithm *a = NULL;
        struct token t = {0};
        int r = token_read(token, &t);

        *ret = (struct jwt){0};
        if (!r)
                r = token_verify(&t, w, &a);
        if (!r)
                r = claims_check(&t, a, w, ret);
        if (!r) {
                ret->claims = t.claims;
                t.claims = NULL;
        }
        json_decref(t.header);
        json_decref(t.claims);
        return r;
}

void jwt_deinit(struct jwt *t)
{
        json_decref(t->claims);
        *t = (struct jwt){0};
}
