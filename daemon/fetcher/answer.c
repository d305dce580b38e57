/*
 * What identity providers answer.
 *
 * All of it is JSON from the network, and becomes texts and numbers of known size here. What an
 * answer has beyond that is left out; what is not as it should be fails the request. A set of keys
 * and tokens go on as they are: whoever judges them trusts no word of this process's.
 */
#include "answer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "session-url.h"

_Static_assert((int)FETCH_URL_BYTES == (int)CAPOS_URL_BYTES, "URLs are as long everywhere");

enum { INTERVAL_S = 5, INTERVAL_MOST_S = 60, EXPIRES_S = 300 };
enum { HTTP_OK = 200, HTTP_TOO_MANY = 429, HTTP_SERVER = 5 /* hundred, and above */ };

void answer_fail(struct fetch_reply *ret, const char *why)
{
        *ret = (struct fetch_reply){.end = FETCH_FAILED};
        (void)snprintf(ret->why, sizeof(ret->why), "%s", why);
}

/* ---- texts ---------------------------------------------------------------------------------- */

/* A text of printable ASCII that fits, or nothing. False: there is another thing of this name. */
static bool text_copy(const json_t *o, const char *name, char *to, size_t room)
{
        const json_t *v = json_object_get(o, name);
        const char *p = json_string_value(v);

        if (!v || json_is_null(v))
                return true;
        if (!p || json_string_length(v) >= room)
                return false;
        for (const char *c = p; *c; c++)
                if (*c < ' ' || *c > '~')
                        return false;

        memcpy(to, p, json_string_length(v) + 1);
        return true;
}

/* The same, of a place that something may be sent to. */
static bool url_copy(const json_t *o, const char *name, bool loopback, char to[FETCH_URL_BYTES])
{
        return text_copy(o, name, to, FETCH_URL_BYTES) &&
               (!*to || capos_i_url_is_good(to, loopback));
}

static uint32_t number_of(const json_t *o, const char *name, uint32_t otherwise)
{
        const json_t *v = json_object_get(o, name);
        json_int_t n = json_integer_value(v);

        return json_is_integer(v) && n >= 0 && n <= UINT32_MAX ? (uint32_t)n : otherwise;
}

/* ---- discovery ------------------------------------------------------------------------------ */

static bool has_algorithm(const json_t *o)
{
        static const char *const known[] = {"RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"};
        const json_t *list = json_object_get(o, "id_token_signing_alg_values_supported");

        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *name = json_string_value(json_array_get(list, i));

                for (size_t k = 0; name && k < sizeof(known) / sizeof(known[0]); k++)
                        if (!strcmp(name, known[k]))
                                return true;
        }
        return !list;
}

static void read_discovery(const struct fetch_request *q, const json_t *o, struct fetch_reply *ret)
{
        const char *issuer = json_string_value(json_object_get(o, "issuer"));
        bool loopback = q->loopback;

        if (!issuer || strcmp(issuer, q->url) != 0) {
                answer_fail(ret, "the provider calls itself by another name than `issuer`");
                return;
        }
        if (!has_algorithm(o)) {
                answer_fail(ret, "the provider signs by no algorithm that is taken here");
                return;
        }
        if (!url_copy(o, "authorization_endpoint", loopback, ret->discovered.authorization) ||
            !url_copy(o, "token_endpoint", loopback, ret->discovered.token) ||
            !url_copy(o, "device_authorization_endpoint", loopback, ret->discovered.device) ||
            !url_copy(o, "jwks_uri", loopback, ret->discovered.keys)) {
                answer_fail(ret, "the provider's description has a URL that is not https://");
                return;
        }
        if (!ret->discovered.keys[0]) {
                answer_fail(ret, "the provider's description does not say where its keys are");
                return;
        }
        ret->discovered.names_itself =
                json_is_true(json_object_get(o, "authorization_response_iss_parameter_supported"));
        ret->end = FETCH_GOOD;
}

/* ---- keys, codes, tokens -------------------------------------------------------------------- */

static void read_keys(const json_t *o, capnp_data body, struct fetch_reply *ret)
{
        if (!json_is_array(json_object_get(o, "keys")) || body.len > FETCH_KEYS_BYTES) {
                answer_fail(ret, "the provider's keys are no set of keys of at most 48 KiB");
                return;
        }
        memcpy(ret->bytes, body.p, body.len);
        ret->len = body.len;
        ret->end = FETCH_GOOD;
}

static void read_device(const struct fetch_request *q, const json_t *o, struct fetch_reply *ret)
{
        uint32_t interval = number_of(o, "interval", INTERVAL_S);

        if (!text_copy(o, "device_code", ret->device.code, sizeof(ret->device.code)) ||
            !text_copy(o, "user_code", ret->device.user_code, sizeof(ret->device.user_code)) ||
            !url_copy(o, "verification_uri", q->loopback, ret->device.url) ||
            !url_copy(o, "verification_uri_complete", q->loopback, ret->device.url_complete) ||
            !ret->device.code[0] || !ret->device.user_code[0] || !ret->device.url[0]) {
                answer_fail(ret, "the provider's code for a device makes no sense");
                return;
        }
        ret->interval_s = interval < INTERVAL_MOST_S ? interval : INTERVAL_MOST_S;
        ret->expires_s = number_of(o, "expires_in", EXPIRES_S);
        ret->end = FETCH_GOOD;
}

/* Appends a token to the reply. False: it does not fit. */
static bool token_add(struct fetch_reply *ret, const json_t *v, uint32_t *len)
{
        size_t n = json_string_length(v), at = ret->len + ret->len2;

        if (n > FETCH_TOKEN_BYTES)
                return false;
        if (n)
                memcpy(ret->bytes + at, json_string_value(v), n);
        *len = (uint32_t)n;
        return true;
}

static void read_tokens(const json_t *o, struct fetch_reply *ret)
{
        const json_t *id = json_object_get(o, "id_token");

        if (!json_string_length(id) || !token_add(ret, id, &ret->len) ||
            !token_add(ret, json_object_get(o, "access_token"), &ret->len2)) {
                answer_fail(ret, "the provider's answer has no ID token, or one that is too long");
                return;
        }
        ret->end = FETCH_GOOD;
}

/* ---- errors --------------------------------------------------------------------------------- */

/* Only `invalid_grant` is about what somebody has brought; what is not known is about how we ask.
 */
static void read_error(const json_t *o, long status, struct fetch_reply *ret)
{
        static const struct {
                const char *name;
                enum fetch_end end;
        } known[] = {{"authorization_pending", FETCH_PENDING}, {"slow_down", FETCH_SLOW_DOWN},
                     {"access_denied", FETCH_DENIED},          {"expired_token", FETCH_EXPIRED},
                     {"invalid_grant", FETCH_REFUSED},         {"server_error", FETCH_FAILED},
                     {"temporarily_unavailable", FETCH_FAILED}};
        char name[64] = "";

        if (!text_copy(o, "error", name, sizeof(name)) || !name[0]) {
                answer_fail(ret, "");
                (void)snprintf(ret->why, sizeof(ret->why), "the provider answers with HTTP %ld%s",
                               status, status / 100 == 3 ? ": redirects are not followed" : "");
                return;
        }

        *ret = (struct fetch_reply){.end = FETCH_MISFIT};
        (void)snprintf(ret->why, sizeof(ret->why), "the provider says %s", name);
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (!strcmp(name, known[i].name))
                        ret->end = known[i].end;
        if (status / 100 == HTTP_SERVER || status == HTTP_TOO_MANY)
                ret->end = FETCH_FAILED;
}

void answer_read(const struct fetch_request *q, long status, capnp_data body,
                 struct fetch_reply *ret)
{
        json_t *o = json_loadb((const char *)body.p, body.len, JSON_REJECT_DUPLICATES, NULL);

        if (status != HTTP_OK)
                read_error(o, status, ret);
        else if (!json_is_object(o))
                answer_fail(ret, "the provider's answer is no JSON object");
        else if (q->kind == FETCH_DISCOVER)
                read_discovery(q, o, ret);
        else if (q->kind == FETCH_KEYS)
                read_keys(o, body, ret);
        else if (q->kind == FETCH_DEVICE)
                read_device(q, o, ret);
        else
                read_tokens(o, ret);
        json_decref(o);
}
