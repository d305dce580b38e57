/* Which URLs something may be sent to: a table. */
#include "session-url.h"

#include "harness.h"

#include <stdio.h>
#include <string.h>

enum { NO, LOOPBACK, YES };

static const struct {
        const char *url;
        int good;
} urls[] = {
        {"https://example.org", YES},
        {"https://example.org/", YES},
        {"https://example.org:8443/a/b?c=d&e=%20", YES},
        {"https://127.0.0.1/x", YES},
        {"https://[2001:db8::1]:443/x", YES},
        {"http://127.0.0.1", LOOPBACK},
        {"http://127.0.0.1:80/x", LOOPBACK},
        {"http://127.255.3.4:8080?x", LOOPBACK},
        {"http://[::1]:8080/x", LOOPBACK},
        {"", NO},
        {"https://", NO},
        {"https:///x", NO},
        {"HTTPS://example.org", NO},
        {"http://example.org", NO},
        {"http://localhost:80", NO},
        {"http://127.0.0.1.example.org/", NO},
        {"http://127.0.0.1@example.org/", NO},
        {"http://127.0.0.256/", NO},
        {"http://127.0.0.01/", NO},
        {"http://127.1/", NO},
        {"http://0177.0.0.1/", NO},
        {"http://[::1].example.org/", NO},
        {"http://[::2]/", NO},
        {"http://127.0.0.1:/x", NO},
        {"http://127.0.0.1:65536/x", NO},
        {"https://user@example.org/", NO},
        {"https://user:secret@example.org/", NO},
        {"https://example.org#x", NO},
        {"https://example.org/#x", NO},
        {"https://example.org\\@evil.example/", NO},
        {"https://example.org/a b", NO},
        {"https://example.org/\n", NO},
        {"https://example.org/\x7f", NO},
        {"https://ex\xc3\xa4mple.org/", NO},
        {"https://example.org:x/", NO},
        {"https://example.org:99999/", NO},
        {"https://[::1/", NO},
        {"file:///etc/passwd", NO},
        {"ftp://example.org", NO},
        {"javascript:alert(1)", NO},
};

TEST(urls_are_good_or_not)
{
        for (unsigned i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                const char *url = urls[i].url;

                if (capos_i_url_is_good(url, false) != (urls[i].good == YES) ||
                    capos_i_url_is_good(url, true) != (urls[i].good != NO) ||
                    capos_i_url_is_loopback(url) != (urls[i].good == LOOPBACK))
                        printf("%s\n", url);
                CHECK_EQ(capos_i_url_is_good(url, false), urls[i].good == YES);
                CHECK_EQ(capos_i_url_is_good(url, true), urls[i].good != NO);
                CHECK_EQ(capos_i_url_is_loopback(url), urls[i].good == LOOPBACK);
        }
}

TEST(a_url_has_its_length)
{
        char url[CAPOS_URL_BYTES + 1] = "https://example.org/";

        memset(url + strlen(url), 'a', CAPOS_URL_BYTES - 1 - strlen(url));
        CHECK(capos_i_url_is_good(url, false));
        strncat(url, "a", 1);
        CHECK(!capos_i_url_is_good(url, false));
}

TEST(queries_are_read)
{
        static const struct {
                const char *query, *value;
                int r;
        } rows[] = {
                {"code=a", "a", 0},
                {"x=1&code=a&y=2", "a", 0},
                {"code=", "", 0},
                {"code=a%20b+c%2Bd", "a b c+d", 0},
                {"code=%C3%A4", "\xc3\xa4", 0},
                {"code=a=b", "a=b", 0},
                {"", NULL, CAPNP_E_UNKNOWN},
                {"code", NULL, CAPNP_E_UNKNOWN},
                {"xcode=a&codex=b", NULL, CAPNP_E_UNKNOWN},
                {"code=a&code=b", NULL, CAPNP_E_SYNTAX},
                {"code=%", NULL, CAPNP_E_SYNTAX},
                {"code=%4", NULL, CAPNP_E_SYNTAX},
                {"code=%4&x=1", NULL, CAPNP_E_SYNTAX},
                {"code=%zz", NULL, CAPNP_E_SYNTAX},
                {"code=%00", NULL, CAPNP_E_SYNTAX},
                {"code=12345678", NULL, CAPNP_E_SYNTAX},
        };
        char value[8];

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                CHECK_EQ(capos_i_query_get(rows[i].query, "code", value, sizeof(value)), rows[i].r);
                if (rows[i].value)
                        CHECK_STR(value, rows[i].value);
        }
}

TEST(queries_are_written)
{
        char query[32] = "";

        CHECK_OK(capos_i_query_add(query, sizeof(query), "a", "x y&z"));
        CHECK_OK(capos_i_query_add(query, sizeof(query), "b", "\xff"));
        CHECK_STR(query, "a=x%20y%26z&b=%FF");
        CHECK_EQ(capos_i_query_add(query, sizeof(query), "c", "0123456789012"), CAPNP_E_LIMIT);
}
