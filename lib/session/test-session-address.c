/* Addresses: a table of texts and what they mean; what is wrong; and bytes of any kind, which never
 * give an address that cannot be written down again. */
#include "harness.h"

#include "io-address.h"
#include "session-address.h"

#include <stdlib.h>
#include <string.h>

#define PIN "sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

static void reads(const char *text, enum capos_address_use use, enum capos_transport t,
                  const char *where)
{
        struct capos_address a;
        const char *why = "";

        CHECK_OK(capos_address_parse(text, use, &a, &why));
        CHECK_EQ(a.transport, t);
        CHECK_STR(a.where, where);
}

static void refuses(const char *text, enum capos_address_use use, const char *says)
{
        struct capos_address a = {.where = "untouched"};
        const char *why = "";

        CHECK_EQ(capos_address_parse(text, use, &a, &why), CAPNP_E_ADDRESS);
        CHECK_STR(a.where, "untouched");
        CHECK(strstr(why, says));
}

TEST(a_word_in_front_is_the_transport)
{
        for (enum capos_address_use use = CAPOS_ADDRESS_LISTEN; use <= CAPOS_ADDRESS_TYPED; use++) {
                reads("tls:127.0.0.1:2327", use, CAPOS_TRANSPORT_TLS, "127.0.0.1:2327");
                reads("plain:[::1]:80", use, CAPOS_TRANSPORT_PLAIN, "[::1]:80");
                reads("unix:/run/x.sock", use, CAPOS_TRANSPORT_UNIX, "unix:/run/x.sock");
                reads("unix:/a:b@c#d?e", use, CAPOS_TRANSPORT_UNIX, "unix:/a:b@c#d?e");
                reads("localhost:1", use, (enum capos_transport)CAPOS_TRANSPORT_DEFAULT,
                      "localhost:1");
        }
        CHECK_EQ(CAPOS_TRANSPORT_DEFAULT, CAPOS_TRANSPORT_TLS);
        reads("tls:*:0", CAPOS_ADDRESS_LISTEN, CAPOS_TRANSPORT_TLS, "*:0");
        reads("unix-abstract:x", CAPOS_ADDRESS_TYPED, CAPOS_TRANSPORT_UNIX, "unix-abstract:x");
}

TEST(a_person_may_leave_the_port_out)
{
        reads("tls:example.org", CAPOS_ADDRESS_TYPED, CAPOS_TRANSPORT_TLS, "example.org:2327");
        reads("plain:[::1]", CAPOS_ADDRESS_TYPED, CAPOS_TRANSPORT_PLAIN, "[::1]:2327");
        reads("capos://example.org", CAPOS_ADDRESS_TYPED, CAPOS_TRANSPORT_TLS, "example.org:2327");
        refuses("tls:127.0.0.1", CAPOS_ADDRESS_LISTEN, "ADDRESS:PORT");
        refuses("127.0.0.1", CAPOS_ADDRESS_LISTEN, "ADDRESS:PORT");
        refuses("nonsense", CAPOS_ADDRESS_CONNECT, "HOST:PORT");
        refuses("capos://h/", CAPOS_ADDRESS_CONNECT, "HOST:PORT");
}

TEST(the_long_form_says_how_the_instance_is_known)
{
        struct capos_address a;
        const char *why;

        CHECK_OK(capos_address_parse("capos://[::1]:7/#" PIN, CAPOS_ADDRESS_TYPED, &a, &why));
        CHECK_EQ(a.transport, CAPOS_TRANSPORT_TLS);
        CHECK_STR(a.where, "[::1]:7");
        CHECK_STR(a.pin, PIN);
        CHECK_STR(a.ca, "");
        CHECK_OK(capos_address_parse("capos://h:7#" PIN, CAPOS_ADDRESS_TYPED, &a, &why));
        CHECK_STR(a.pin, PIN);
        CHECK_OK(capos_address_parse("capos://h/?ca=/etc/a ca.pem", CAPOS_ADDRESS_TYPED, &a, &why));
        CHECK_STR(a.where, "h:2327");
        CHECK_STR(a.ca, "/etc/a ca.pem");
        CHECK_STR(a.pin, "");
        CHECK_OK(capos_address_parse("capos://h?ca=system", CAPOS_ADDRESS_TYPED, &a, &why));
        CHECK_STR(a.ca, "system");
        CHECK_OK(capos_address_parse("capos://h/", CAPOS_ADDRESS_TYPED, &a, &why));
        CHECK_STR(a.ca, "");
        CHECK_STR(a.pin, "");
}

TEST(what_is_no_address_is_told_why)
{
        static const char *const bad[] = {
                "",      ":",      ":1",          "tls:",       "tls::1",    "plain:[]:1",
                "[::1",  "[::1]1", "h:",          "h:65536",    "h:-1",      "h:1x",
                "h:0x1", "::1:80", "ftp:h:1",     "http://h:1", "a b:1",     "alice@h:1",
                "h/x:1", "unix:",  "tls:unix:/x", "capos:h:1",  "[::1]:2:3", "plain:h:1/x",
        };
        static const char *const bad_url[] = {
                "capos:///",
                "capos://h:1/x",
                "capos://h:1/#",
                "capos://h:1/#sha256:AAAA",
                ("capos://h:1/#" PIN "="),
                "capos://h:1/#SHA256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                "capos://h:1/#sha256:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
                "capos://h:1/?ca=",
                "capos://h:1/?pin=x",
                ("capos://h:1/?ca=system#" PIN),
                "capos://alice@h:1/",
        };

        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                refuses(bad[i], CAPOS_ADDRESS_TYPED, "");
                refuses(bad[i], CAPOS_ADDRESS_LISTEN, "");
        }
        for (unsigned i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
                refuses(bad_url[i], CAPOS_ADDRESS_TYPED, "");
        refuses("capos://h:1/?ca=system#" PIN, CAPOS_ADDRESS_TYPED, "not both");
        refuses("capos://h:1/", CAPOS_ADDRESS_LISTEN, "ADDRESS:PORT");
        refuses("::1:80", CAPOS_ADDRESS_TYPED, "brackets");
        refuses("h:0", CAPOS_ADDRESS_TYPED, "port 0");
        refuses("h:99999", CAPOS_ADDRESS_LISTEN, "65535");
        refuses("*:99999", CAPOS_ADDRESS_LISTEN, "65535");
}

TEST(what_is_long_is_refused_whole)
{
        char text[600];

        memset(text, 'h', sizeof(text));
        memcpy(text, "tls:", 4);
        memcpy(text + sizeof(text) - 5, ":232", 5);
        refuses(text, CAPOS_ADDRESS_TYPED, "too long");
        memcpy(text, "unix:", 5);
        refuses(text, CAPOS_ADDRESS_TYPED, "too long");
        memcpy(text, "capos://h/?ca=", 14);
        text[sizeof(text) - 5] = 'x';
        refuses(text, CAPOS_ADDRESS_TYPED, "too long");
}

/* Whatever is accepted can be written down in the short form, and means the same again. */
TEST(any_bytes)
{
        static const char *const parts[] = {
                "tls:", "plain:",  "unix:", "capos://", "h", "[::1]",   ":",    "2327",
                "/",    ("#" PIN), "?",     "ca=",      "@", "system",  "\xff", " ",
                "*",    "%",       "0",     "[",        "]", "sha256:", "\x7f", "a.b"};
        struct capos_address a, again;
        unsigned accepted = 0;
        const char *why;

        srandom(7);
        for (unsigned i = 0; i < 200000; i++) {
                char text[300] = "", copy[CAPOS_ADDRESS_WHERE + 8];
                enum capos_address_use use = (enum capos_address_use)(random() % 3);

                for (long n = random() % 6; n >= 0; n--)
                        strncat(text, parts[(size_t)random() % (sizeof(parts) / sizeof(parts[0]))],
                                sizeof(text) - strlen(text) - 1);
                if (capos_address_parse(text, use, &a, &why))
                        continue;
                accepted++;
                snprintf(copy, sizeof(copy), "%s%s",
                         a.transport == CAPOS_TRANSPORT_UNIX ? ""
                                                             : capos_transport_name(a.transport),
                         a.transport == CAPOS_TRANSPORT_UNIX ? "" : ":");
                strncat(copy, a.where, sizeof(copy) - strlen(copy) - 1);
                CHECK_OK(capos_address_parse(copy, use, &again, &why));
                CHECK_EQ(again.transport, a.transport);
                CHECK_STR(again.where, a.where);
        }
        CHECK(accepted > 1000);
}
