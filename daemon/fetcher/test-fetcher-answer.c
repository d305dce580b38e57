/* What identity providers answer: a table of bodies, good and bad, and what becomes of each. */
#include "answer.h"

#include "harness.h"

#include <stdio.h>
#include <string.h>

#define ISSUER "https://op.example"
#define KEYS   "\"jwks_uri\":\"" ISSUER "/jwks\""

static struct fetch_reply reply;

/* Reads a body. What the request has come to. */
static unsigned ends(enum fetch_kind kind, long status, const char *body)
{
        static struct fetch_request q;

        q = (struct fetch_request){.kind = kind, .url = ISSUER};
        reply = (struct fetch_reply){0};
        answer_read(&q, status, (capnp_data){(const uint8_t *)body, (uint32_t)strlen(body)},
                    &reply);
        return reply.end;
}

TEST(a_description_is_read)
{
        CHECK_EQ(ends(FETCH_DISCOVER, 200,
                      "{\"issuer\":\"" ISSUER "\"," KEYS ",\"token_endpoint\":\"" ISSUER "/token\","
                      "\"device_authorization_endpoint\":null,"
                      "\"id_token_signing_alg_values_supported\":[\"HS256\",\"ES256\"],"
                      "\"authorization_response_iss_parameter_supported\":true,\"x\":[1,{}]}"),
                 FETCH_GOOD);
        CHECK_STR(reply.discovered.keys, ISSUER "/jwks");
        CHECK_STR(reply.discovered.token, ISSUER "/token");
        CHECK_STR(reply.discovered.device, "");
        CHECK_EQ(reply.discovered.names_itself, 1);
}

TEST(descriptions_are_refused)
{
        static const struct {
                const char *body, *why;
        } bad[] = {
                {"", "no JSON object"},
                {"<html>", "no JSON object"},
                {"[]", "no JSON object"},
                {"{}", "another name"},
                {"{\"issuer\":1," KEYS "}", "another name"},
                {"{\"issuer\":\"" ISSUER "/\"," KEYS "}", "another name"},
                {"{\"issuer\":\"https://evil.example\"," KEYS "}", "another name"},
                {"{\"issuer\":\"" ISSUER "\"}", "where its keys are"},
                {"{\"issuer\":\"" ISSUER "\",\"issuer\":\"" ISSUER "\"," KEYS "}",
                 "no JSON object"},
                {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://op.example/jwks\"}",
                 "not https://"},
                {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://127.0.0.1/jwks\"}",
                 "not https://"},
                {"{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}", "not https://"},
                {"{\"issuer\":\"" ISSUER "\"," KEYS ",\"token_endpoint\":\"http://op.example\"}",
                 "not https://"},
                {"{\"issuer\":\"" ISSUER "\"," KEYS ",\"token_endpoint\":7}", "not https://"},
                {"{\"issuer\":\"" ISSUER "\"," KEYS
                 ",\"id_token_signing_alg_values_supported\":[\"none\",\"HS256\"]}",
                 "no algorithm"},
        };

        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CHECK_EQ(ends(FETCH_DISCOVER, 200, bad[i].body), FETCH_FAILED);
                if (!strstr(reply.why, bad[i].why))
                        printf("%s: %s\n", bad[i].body, reply.why);
                CHECK(strstr(reply.why, bad[i].why));
        }
}

TEST(keys_go_on_as_they_are)
{
        CHECK_EQ(ends(FETCH_KEYS, 200, "{\"keys\":[{\"kty\":\"x\"}]}"), FETCH_GOOD);
        CHECK_EQ(reply.len, strlen("{\"keys\":[{\"kty\":\"x\"}]}"));
        CHECK_EQ(ends(FETCH_KEYS, 200, "{\"keys\":{}}"), FETCH_FAILED);
        CHECK_EQ(ends(FETCH_KEYS, 302, ""), FETCH_FAILED);
        CHECK(strstr(reply.why, "redirects are not followed"));
        CHECK_EQ(ends(FETCH_KEYS, 500, "{\"keys\":[]}"), FETCH_FAILED);
}

TEST(keys_have_their_length)
{
        static char body[FETCH_KEYS_BYTES + 2];

        memset(body, ' ', FETCH_KEYS_BYTES);
        memcpy(body, "{\"keys\":[]}", 11);
        CHECK_EQ(ends(FETCH_KEYS, 200, body), FETCH_GOOD);
        body[FETCH_KEYS_BYTES] = ' ';
        CHECK_EQ(ends(FETCH_KEYS, 200, body), FETCH_FAILED);
}

TEST(a_code_for_a_device_is_read)
{
        CHECK_EQ(ends(FETCH_DEVICE, 200,
                      "{\"device_code\":\"d\",\"user_code\":\"A-B\",\"verification_uri\":\"" ISSUER
                      "/d\",\"expires_in\":600}"),
                 FETCH_GOOD);
        CHECK_STR(reply.device.code, "d");
        CHECK_STR(reply.device.user_code, "A-B");
        CHECK_STR(reply.device.url, ISSUER "/d");
        CHECK_EQ(reply.interval_s, 5);
        CHECK_EQ(reply.expires_s, 600);
        CHECK_EQ(ends(FETCH_DEVICE, 200,
                      "{\"device_code\":\"d\",\"user_code\":\"A\\u001b[2J\",\"verification_uri\":"
                      "\"" ISSUER "/d\"}"),
                 FETCH_FAILED);
        CHECK_EQ(ends(FETCH_DEVICE, 200,
                      "{\"device_code\":\"d\",\"user_code\":\"A\",\"verification_uri\":"
                      "\"javascript:x\"}"),
                 FETCH_FAILED);
        CHECK_EQ(ends(FETCH_DEVICE, 200, "{\"device_code\":\"d\",\"user_code\":\"A\"}"),
                 FETCH_FAILED);
}

TEST(tokens_are_read)
{
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 200, "{\"id_token\":\"a.b.c\",\"access_token\":\"xy\"}"),
                 FETCH_GOOD);
        CHECK_EQ(reply.len, 5);
        CHECK_EQ(reply.len2, 2);
        CHECK_MEM(reply.bytes, "a.b.cxy", 7);
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 200, "{\"access_token\":\"xy\"}"), FETCH_FAILED);
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 200, "{\"id_token\":[]}"), FETCH_FAILED);
}

TEST(errors_are_told_apart)
{
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"authorization_pending\"}"),
                 FETCH_PENDING);
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"slow_down\"}"), FETCH_SLOW_DOWN);
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"access_denied\"}"), FETCH_DENIED);
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"expired_token\"}"), FETCH_EXPIRED);
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"invalid_grant\"}"), FETCH_REFUSED);
        CHECK(strstr(reply.why, "invalid_grant"));
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"a\\nb\"}"), FETCH_FAILED);
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 401, "{\"error\":\"invalid_client\"}"), FETCH_MISFIT);
        CHECK_EQ(ends(FETCH_DEVICE, 400, "{\"error\":\"unauthorized_client\"}"), FETCH_MISFIT);
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"never_heard\"}"), FETCH_MISFIT);
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "{\"error\":\"server_error\"}"), FETCH_FAILED);
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 503, "{\"error\":\"temporarily_unavailable\"}"),
                 FETCH_FAILED);
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 429, "{\"error\":\"invalid_client\"}"), FETCH_FAILED);
        CHECK_EQ(ends(FETCH_CODE_TOKEN, 500, "{\"error\":\"invalid_grant\"}"), FETCH_FAILED);
        CHECK(strstr(reply.why, "invalid_grant"));
        CHECK_EQ(ends(FETCH_DEVICE_TOKEN, 400, "nothing"), FETCH_FAILED);
}
