/* Pages that an instance wants opened: the one of this login is, as that of the document is, and
 * none that says something else. */
#include "harness.h"

#include "client-page.h"
#include "vectors.h"

#include <openssl/sha.h>
#include <string.h>

#define AT   "https://op.example/authorize"
#define BACK "http://127.0.0.1:4000/callback"
#define FIELDS                                                                                     \
        "response_type=code&client_id=capos&redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2Fcallback" \
        "&scope=openid%20email&state=S"
#define NONCE "nonce=__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA"
#define PKCE  "code_challenge=x&code_challenge_method=S256"
#define GOOD  AT "?" FIELDS "&" NONCE "&" PKCE

static const char *wrong(const char *url, char state[16])
{
        struct capos_step s = {.url = url};

        for (unsigned i = 0; i < CAPOS_TRANSCRIPT_HASH; i++)
                s.transcript_hash[i] = (uint8_t)(0xff - i);
        return client_page_wrong(&s, BACK, state, 16);
}

TEST(the_page_of_this_login_is_opened)
{
        char state[16] = "";

        CHECK(!wrong(GOOD, state));
        CHECK_STR(state, "S");
        CHECK(!wrong(GOOD "&max_age=0", state)); /* of a renewal */
}

TEST(a_page_that_says_something_else_is_not)
{
        static const char *const bad[][2] = {
                {"", "not opened"},
                {AT, "not opened"},
                {"http://op.example/authorize?" FIELDS "&" NONCE "&" PKCE, "not opened"},
                {"file:///etc/passwd?" FIELDS "&" NONCE "&" PKCE, "not opened"},
                {"https://a@op.example/?" FIELDS "&" NONCE "&" PKCE, "not opened"},
                {GOOD "#x", "not opened"},
                {GOOD "&x=\x1b[2J", "not opened"},
                {AT "?" FIELDS "&nonce=x&" PKCE, "somebody else"},
                {AT "?" FIELDS "&" PKCE, "something else"},
                {AT "?" FIELDS "&" NONCE "&nonce=x&" PKCE, "something else"},
                {AT "?" FIELDS "&" NONCE "&%6Eonce=x&" PKCE, "something else"},
                {AT "?" FIELDS "&%6Eonce=x&" PKCE, "something else"},
                {AT "?" FIELDS "&" NONCE "&+nonce=x&" PKCE, "something else"},
                {AT "?" FIELDS "&" NONCE "&Nonce=x&" PKCE, "something else"},
                {GOOD "&request=x", "something else"},
                {GOOD "&request_uri=https%3A%2F%2Fa.example", "something else"},
                {GOOD "&response_mode=form_post", "something else"},
                {GOOD "&prompt=none", "something else"},
                {GOOD "&max_age=0&max_age=0", "something else"},
                {GOOD "&max%5Fage=0", "something else"},
                {GOOD "&max_age", "something else"},
                {GOOD "&max_age=86400", "another kind"},
                {GOOD "&max_age=", "another kind"},
                {AT "?max_age=0&" FIELDS "&" PKCE, "something else"},
                {GOOD "&claims=x", "something else"},
                {GOOD "&x", "something else"},
                {GOOD "&=x", "something else"},
                {GOOD "&&", "something else"},
                {GOOD "?request=x&state=S", "something else"},
                {AT "?request=x&" FIELDS "&" NONCE "&" PKCE, "something else"},
                {AT "?" FIELDS "&" NONCE "&code_challenge=x&code_challenge_method=plain",
                 "another kind"},
        };
        char state[16];

        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const char *why = wrong(bad[i][0], state);

                CHECK_STR(why && strstr(why, bad[i][1]) ? bad[i][1] : why, bad[i][1]);
        }
}

TEST(a_state_that_is_too_long_or_another_redirect_is_not)
{
        static const char *const bad[] = {
                AT "?response_type=code&client_id=c&redirect_uri=https%3A%2F%2Fa&scope=s&state=S"
                   "&" NONCE "&" PKCE,
                AT "?response_type=token&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2F"
                   "callback&scope=s&state=S&" NONCE "&" PKCE,
                AT "?response_type=code&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2F"
                   "callback&scope=s&state=0123456789abcdef&" NONCE "&" PKCE,
                AT "?response_type=code&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2F"
                   "callback&scope=s&state=&" NONCE "&" PKCE,
        };
        char state[16];

        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                const char *why = wrong(bad[i], state);

                CHECK(why && strstr(why, "another kind"));
        }
}

TEST(what_is_shown_for_a_device_is_a_page_too)
{
        CHECK(client_page_is_good(""));
        CHECK(client_page_is_good("https://op.example/device?user_code=WDJB-MJHT"));
        CHECK(client_page_is_good("http://127.0.0.1:4000/device"));
        CHECK(!client_page_is_good("http://op.example/device"));
        CHECK(!client_page_is_good("javascript:alert(1)"));
        CHECK(!client_page_is_good("https://op.example/\x1b]0;x\a"));
        CHECK(!client_page_is_good("https://op.example/device?\x1b]0;x\a"));
        CHECK(!client_page_is_good("https://op.example/a b"));
}

/* ---- the document --------------------------------------------------------------------------- */

enum field { REDIRECT, STATE, URL, TEXTS };

struct vector {
        char text[TEXTS][1024];
        uint8_t transcript[512];
        size_t transcript_len;
};

static void vector_line(void *arg, const char *line)
{
        static const char *const names[] = {"redirect: ", "state: ", "url: "};
        struct vector *v = arg;

        for (unsigned i = 0; i < TEXTS; i++)
                if (!strncmp(line, names[i], strlen(names[i])))
                        strncat(v->text[i], line + strlen(names[i]),
                                sizeof(v->text[i]) - strlen(v->text[i]) - 1);
        vectors_hex(line, "transcript: ", v->transcript, sizeof(v->transcript), &v->transcript_len);
}

static void vector_check(void *arg)
{
        struct vector *v = arg;
        struct capos_step s = {.url = v->text[URL]};
        char state[64] = "";
        const char *why;

        (void)SHA256(v->transcript, v->transcript_len, s.transcript_hash);
        CHECK(!client_page_wrong(&s, v->text[REDIRECT], state, sizeof(state)));
        CHECK_STR(state, v->text[STATE]);
        s.transcript_hash[0] ^= 1;
        why = client_page_wrong(&s, v->text[REDIRECT], state, sizeof(state));
        CHECK(why && strstr(why, "somebody else"));
}

TEST(the_page_of_the_document_is_opened)
{
        struct vector v;

        CHECK_EQ(vectors_each(&(struct vectors){"vector-oidc", &v, sizeof(v), vector_line,
                                                vector_check}),
                 1);
}
