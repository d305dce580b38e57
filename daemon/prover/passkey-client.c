/*
 * The outer parts of a passkey's response (WebAuthn level 2: 5.1, 5.8.1, 7.1, 7.2).
 *
 * The JSON that a browser makes of a PublicKeyCredential is only how the bytes come; the client
 * data inside it is JSON again, which the authenticator has signed by its hash. Of neither a key
 * may be there twice: two readers could take it for two things. What is not known in them is passed
 * over, as the standard wants; what is, has to be there in its one form.
 *
 * A page in a frame of somebody else's page is no place to log in (`crossOrigin`, `topOrigin`): the
 * person sees another address than the one that counts.
 */
#include "passkey-client.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

enum { CHALLENGE_TEXT = 44 };

static const char *const words[PASSKEY_ERRS] = {
        [PASSKEY_E_FORM] = "no response of an authenticator",
        [PASSKEY_E_TYPE] = "made for something else",
        [PASSKEY_E_CHALLENGE] = "for another challenge",
        [PASSKEY_E_ORIGIN] = "from another origin",
        [PASSKEY_E_CROSS] = "from inside a page of another origin",
        [PASSKEY_E_PARTY] = "for another relying party",
        [PASSKEY_E_ABSENT] = "nobody was present",
        [PASSKEY_E_UNVERIFIED] = "its user was not verified",
        [PASSKEY_E_BACKUP] = "it says that it is backed up, and cannot be",
        [PASSKEY_E_CREDENTIAL] = "by an unknown passkey",
        [PASSKEY_E_USER] = "it names another account",
        [PASSKEY_E_SIGNATURE] = "not signed by it",
        [PASSKEY_E_ALGORITHM] = "an algorithm that is not accepted",
        [PASSKEY_E_KEY] = "its key is none",
        [PASSKEY_E_ATTESTATION] = "not attested as the manifest demands",
        [PASSKEY_E_MAKE] = "of a make that the manifest does not name",
        [PASSKEY_E_TOKEN] = "bound to another connection, by a token",
        [PASSKEY_E_EXTENSIONS] = "its extensions are none",
};

const char *passkey_strerror(int err)
{
        return err > 0 && err < PASSKEY_ERRS ? words[err] : "no memory";
}

int passkey_party_read(capnp_data part, struct passkey_party *ret)
{
        size_t len;

        if (!part.len || part.p[part.len - 1])
                return PASSKEY_E_FORM;

        len = strlen((const char *)part.p) + 1;
        *ret = (struct passkey_party){
                .id = (const char *)part.p,
                .origins = {part.p + len, (uint32_t)(part.len - len)},
        };
        return 0;
}

/* ---- the response --------------------------------------------------------------------------- */

/* Base64url without padding and without a stray bit, of something that is there. */
static bool response_take(struct passkey_response *r, json_t *object, const char *name,
                          capnp_data *ret)
{
        const char *text = json_string_value(json_object_get(object, name));
        size_t len = text ? strlen(text) : 0, n;

        if (!len || sodium_base642bin(r->bytes + r->used, sizeof(r->bytes) - r->used, text, len,
                                      NULL, &n, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING))
                return false;

        *ret = (capnp_data){r->bytes + r->used, (uint32_t)n};
        r->used += n;
        return n > 0;
}

/* A user handle is there, or is not: null, as some write it. */
static bool response_take_user(struct passkey_response *r, json_t *object)
{
        json_t *j = json_object_get(object, "userHandle");

        return !j || json_is_null(j) || response_take(r, object, "userHandle", &r->user);
}

static bool response_fill(struct passkey_response *r, json_t *j, bool is_new)
{
        json_t *inner = json_object_get(j, "response");
        const char *id = json_string_value(json_object_get(j, "id"));
        const char *raw = json_string_value(json_object_get(j, "rawId"));
        const char *type = json_string_value(json_object_get(j, "type"));

        if (!id || !raw || strcmp(id, raw) != 0 || !type || strcmp(type, "public-key") != 0)
                return false;
        if (!response_take(r, j, "rawId", &r->id) || r->id.len > PASSKEY_ID_BYTES ||
            !response_take(r, inner, "clientDataJSON", &r->client))
                return false;
        if (is_new)
                return response_take(r, inner, "attestationObject", &r->data);

        return response_take(r, inner, "authenticatorData", &r->data) &&
               response_take(r, inner, "signature", &r->signature) && response_take_user(r, inner);
}

int passkey_response_read(capnp_data json, bool is_new, struct passkey_response *ret)
{
        json_t *j;
        bool done;

        memset(ret, 0, sizeof(*ret));
        if (!json.len || json.len > PASSKEY_RESPONSE_BYTES)
                return PASSKEY_E_FORM;

        j = json_loadb((const char *)json.p, json.len, JSON_REJECT_DUPLICATES, NULL);
        done = json_is_object(j) && response_fill(ret, j, is_new);
        json_decref(j);
        return done ? 0 : PASSKEY_E_FORM;
}

/* ---- what the browser says ------------------------------------------------------------------ */

static bool party_has(const struct passkey_party *p, const char *origin)
{
        const char *one = (const char *)p->origins.p, *end = one + p->origins.len;

        for (; one < end; one += strlen(one) + 1)
                if (!strcmp(one, origin))
                        return true;
        return false;
}

static bool challenge_is(const char *text, const uint8_t challenge[PASSKEY_CHALLENGE_BYTES])
{
        char wanted[CHALLENGE_TEXT];

        sodium_bin2base64(wanted, sizeof(wanted), challenge, PASSKEY_CHALLENGE_BYTES,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        return strlen(text) == strlen(wanted) && !sodium_memcmp(text, wanted, strlen(wanted));
}

/* Token binding has gone from the Web. A browser that knows it says that it is `supported`; one
 * that has used it has used it with somebody else. A word that is not known says nothing (5.8.1).
 */
static int token_judge(json_t *binding)
{
        const char *status = json_string_value(json_object_get(binding, "status"));

        if (!binding)
                return 0;
        if (!status)
                return PASSKEY_E_FORM;
        return strcmp(status, "present") != 0 ? 0 : PASSKEY_E_TOKEN;
}

static int client_judge(json_t *j, const char *type,
                        const uint8_t challenge[PASSKEY_CHALLENGE_BYTES],
                        const struct passkey_party *p)
{
        const char *said = json_string_value(json_object_get(j, "type"));
        const char *asked = json_string_value(json_object_get(j, "challenge"));
        const char *origin = json_string_value(json_object_get(j, "origin"));
        json_t *cross = json_object_get(j, "crossOrigin");

        if (!said || !asked || !origin)
                return PASSKEY_E_FORM;
        if (strcmp(said, type) != 0)
                return PASSKEY_E_TYPE;
        if (!challenge_is(asked, challenge))
                return PASSKEY_E_CHALLENGE;
        if (!party_has(p, origin))
                return PASSKEY_E_ORIGIN;
        if ((cross && !json_is_false(cross)) || json_object_get(j, "topOrigin"))
                return PASSKEY_E_CROSS;

        return token_judge(json_object_get(j, "tokenBinding"));
}

int passkey_client_check(capnp_data client, const char *type,
                         const uint8_t challenge[PASSKEY_CHALLENGE_BYTES],
                         const struct passkey_party *p)
{
        json_t *j = json_loadb((const char *)client.p, client.len, JSON_REJECT_DUPLICATES, NULL);
        int r = json_is_object(j) ? client_judge(j, type, challenge, p) : PASSKEY_E_FORM;

        json_decref(j);
        return r;
}
