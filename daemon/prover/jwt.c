/*
 * What a signed token is worth (RFC 8725): who made it is looked at before anything it says. What
 * it says of its issuer and key chooses whose keys it is held against, and no more.
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

enum { PARTS = 3, PART_BYTES = 16 * 1024 };

static const char *const words[] = {
        [TOKEN_E_FORM] = "no signed token",
        [TOKEN_E_ALGORITHM] = "an algorithm that is not accepted",
        [TOKEN_E_HEADER] = "its header wants what is not understood",
        [TOKEN_E_TYPE] = "a token for something else",
        [TOKEN_E_KEYS] = "the issuer's keys cannot be read",
        [TOKEN_E_KEY] = "it names no key that could have signed it",
        [TOKEN_E_UNKNOWN_KEY] = "the issuer has no such key",
        [TOKEN_E_SIGNATURE] = "not signed by the issuer",
        [TOKEN_E_ISSUER] = "of another issuer",
        [TOKEN_E_AUDIENCE] = "for somebody else",
        [TOKEN_E_EXPIRED] = "expired",
        [TOKEN_E_LONG] = "good for too long",
        [TOKEN_E_EARLY] = "not valid yet",
        [TOKEN_E_NONCE] = "for another login",
        [TOKEN_E_SUBJECT] = "about nobody, or somebody else",
        [TOKEN_E_HASH] = "for another access token",
        [TOKEN_E_UNDATED] = "without auth_time: the provider does not say when he was asked",
        [TOKEN_E_STALE] = "auth_time is too long ago: the provider has not asked him anew",
        [TOKEN_E_WANTED] = "what it has to be good for cannot be read",
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

static bool token_split(capnp_data all, struct part part[PARTS], capnp_data *ret_text)
{
        const char *p = (const char *)all.p, *end = p + all.len;

        if (!all.len || all.len > TOKEN_BYTES || memchr(p, 0, all.len))
                return false;

        for (unsigned i = 0; i < PARTS; i++) {
                const char *dot = memchr(p, '.', (size_t)(end - p));

                if (!dot != (i == PARTS - 1))
                        return false;
                part[i] = (struct part){p, (size_t)((dot ? dot : end) - p)};
                p = dot ? dot + 1 : end;
        }
        *ret_text = (capnp_data){all.p, (uint32_t)(part[1].p + part[1].len - (const char *)all.p)};
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

static const char *claim_text(json_t *object, const char *name)
{
        return json_string_value(json_object_get(object, name));
}

int jwt_read(capnp_data token, struct jwt *ret)
{
        struct jwt t = {0};
        struct part part[PARTS];

        if (!token_split(token, part, &t.text) ||
            !jwt_decode(part[2].p, part[2].len, t.signature, sizeof(t.signature), &t.signature_len))
                return TOKEN_E_FORM;

        t.header = part_json(&part[0]);
        t.claims = part_json(&part[1]);
        if (!t.header || !t.claims) {
                jwt_deinit(&t);
                return TOKEN_E_FORM;
        }

        t.issuer = claim_text(t.claims, "iss");
        t.key_id = claim_text(t.header, "kid");
        *ret = t;
        return 0;
}

void jwt_deinit(struct jwt *t)
{
        json_decref(t->header);
        json_decref(t->claims);
        *t = (struct jwt){0};
}

/* ---- who made it ---------------------------------------------------------------------------- */

/* A media type: without its case, and without what is before it of most (RFC 7515, 4.1.9). */
static bool type_is(const char *type, const char *wanted)
{
        static const char most[] = "application/";

        if (!strncasecmp(type, most, strlen(most)))
                type += strlen(most);
        return !strcasecmp(type, wanted);
}

static bool type_is_good(json_t *header, uint32_t flags)
{
        json_t *j = json_object_get(header, "typ");
        const char *type = json_string_value(j);

        if (!j)
                return true;

        return type && (type_is(type, "jwt") || (flags & TOKEN_ACCESS && type_is(type, "at+jwt")));
}

/* What would make another token of it, or says where its key is. A certificate that it brings
 * (`x5c`, `x5t`) is not looked at: issuers add theirs, and whose the key is, its id says. */
static int header_check(json_t *header, uint32_t flags)
{
        static const char *const unknown[] = {"crit", "b64", "zip", "enc", "jwk", "jku", "x5u"};

        for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
                if (json_object_get(header, unknown[i]))
                        return TOKEN_E_HEADER;
        return type_is_good(header, flags) ? 0 : TOKEN_E_TYPE;
}

static int signature_check(const struct jwt *t, const struct jwt_algorithm *a, EVP_PKEY *key)
{
        return jwt_key_verify(key, a, (capnp_data){t->signature, (uint32_t)t->signature_len},
                              t->text);
}

/* The same work for nothing, by a key of nobody's: how long it takes does not tell whether there is
 * a key. The algorithm is the token's, whoever has which key. */
static void signature_waste(const struct jwt *t, const struct jwt_algorithm *a)
{
        EVP_PKEY *key = NULL;

        if (!jwt_key_nobody(a, &key))
                (void)!signature_check(t, a, key);
        EVP_PKEY_free(key);
}

static int token_verify(const struct jwt *t, const struct jwt_wanted *w,
                        const struct jwt_algorithm **ret_a)
{
        const char *name = claim_text(t->header, "alg");
        EVP_PKEY *key = NULL;
        int r;

        *ret_a = name ? jwt_algorithm_find(name) : NULL;
        if (!*ret_a)
                return TOKEN_E_ALGORITHM;
        r = header_check(t->header, w->flags);
        if (r)
                return r;
        if (!t->key_id || strlen(t->key_id) > TOKEN_KEY_ID_BYTES)
                return TOKEN_E_KEY;
        r = w->keys.len ? jwt_key_find(w->keys, t->key_id, *ret_a, &key) : TOKEN_E_UNKNOWN_KEY;
        if (r == TOKEN_E_UNKNOWN_KEY || r == TOKEN_E_KEY)
                signature_waste(t, *ret_a);
        if (r)
                return r;

        r = signature_check(t, *ret_a, key);
        EVP_PKEY_free(key);
        return r;
}

/* ---- what it says --------------------------------------------------------------------------- */

static bool text_is(const char *text, capnp_data wanted)
{
        return text && strlen(text) == wanted.len && !memcmp(text, wanted.p, wanted.len);
}

static bool is_ours(json_t *name, const struct jwt_wanted *w)
{
        bool found = false;

        for (unsigned i = 0; i < w->naudience; i++)
                found = found || text_is(json_string_value(name), w->audience[i]);
        return found;
}

static bool is_for(json_t *claims, const struct jwt_wanted *w)
{
        json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp"), *one;
        bool found = is_ours(aud, w), others = false;
        size_t i;

        json_array_foreach(aud, i, one)
        {
                bool ours = is_ours(one, w);

                if (!json_is_string(one))
                        return false;
                found = found || ours;
                others = others || !ours;
        }
        if (w->flags & TOKEN_ACCESS || !found)
                return found;

        return azp ? is_ours(azp, w) : !others;
}

/* A time, which may be a fraction. false: it is there and none. */
static bool claim_time(json_t *claims, const char *name, bool *ret_there, double *ret)
{
        json_t *j = json_object_get(claims, name);

        *ret_there = j != NULL;
        *ret = json_number_value(j);
        return !j || (json_is_number(j) && isfinite(*ret) && fabs(*ret) < 1e15);
}

static int times_check(json_t *claims, const struct jwt_wanted *w, int64_t *ret_until)
{
        double until, from, issued, now = (double)w->now;
        bool has_until, has_from, has_issued;

        if (!claim_time(claims, "exp", &has_until, &until) || !has_until)
                return TOKEN_E_EXPIRED;
        if (!claim_time(claims, "nbf", &has_from, &from) ||
            !claim_time(claims, "iat", &has_issued, &issued))
                return TOKEN_E_EARLY;
        if (now >= until + TOKEN_SKEW_S)
                return TOKEN_E_EXPIRED;
        if (w->life_s && until > now + w->life_s + TOKEN_SKEW_S)
                return TOKEN_E_LONG;
        if ((has_from && now + TOKEN_SKEW_S < from) || (has_issued && now + TOKEN_SKEW_S < issued))
                return TOKEN_E_EARLY;

        *ret_until = (int64_t)until;
        return 0;
}

/* Whether its owner has just proved himself there: a session at the provider is no proof. */
static int fresh_check(json_t *claims, const struct jwt_wanted *w)
{
        double at, now = (double)w->now;
        bool there;

        if (!w->fresh_s)
                return 0;
        if (!claim_time(claims, "auth_time", &there, &at) || !there)
                return TOKEN_E_UNDATED;
        if (now + TOKEN_SKEW_S < at)
                return TOKEN_E_EARLY;
        return at + w->fresh_s + TOKEN_SKEW_S < now ? TOKEN_E_STALE : 0;
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

static bool nonce_is(json_t *claims, const char *wanted)
{
        const char *nonce = claim_text(claims, "nonce");

        return nonce && *wanted && strlen(nonce) == strlen(wanted) &&
               !sodium_memcmp(nonce, wanted, strlen(nonce));
}

static int claims_check(const struct jwt *t, const struct jwt_algorithm *a,
                        const struct jwt_wanted *w, struct jwt_said *ret)
{
        const char *subject = claim_text(t->claims, "sub");
        int r;

        if (!is_for(t->claims, w))
                return TOKEN_E_AUDIENCE;
        r = times_check(t->claims, w, &ret->until);
        if (!r)
                r = fresh_check(t->claims, w);
        if (r)
                return r;
        if (w->flags & TOKEN_NONCE && !nonce_is(t->claims, w->nonce))
                return TOKEN_E_NONCE;
        if (!subject || !*subject || strlen(subject) > TOKEN_SUBJECT_BYTES ||
            (w->subject.len && !text_is(subject, w->subject)))
                return TOKEN_E_SUBJECT;
        if (!hash_is_right(t->claims, a, w->access))
                return TOKEN_E_HASH;

        ret->subject = subject;
        return 0;
}

int jwt_judge(const struct jwt *t, const struct jwt_wanted *w, struct jwt_said *ret)
{
        const struct jwt_algorithm *a = NULL;
        int r;

        if (!text_is(t->issuer, w->issuer))
                return TOKEN_E_ISSUER;

        r = token_verify(t, w, &a);
        return r ? r : claims_check(t, a, w, ret);
}
