/* Addresses: a table of texts each way. */
#include "harness.h"
#include "io-address.h"

#include <string.h>

struct row {
        const char *text;
        bool listening;
        int r;
        const char *out; /* of the first address; NULL: as text */
        unsigned n;
};

static const struct row rows[] = {
        {"unix:/run/x", false, 0, NULL, 1},
        {"unix:x", true, 0, NULL, 1},
        {"unix-abstract:name", true, 0, NULL, 1},
        {"unix-abstract:with:colon", false, 0, NULL, 1},
        {"127.0.0.1:80", false, 0, NULL, 1},
        {"127.0.0.1:0", true, 0, NULL, 1},
        {"[::1]:65535", false, 0, NULL, 1},
        {"[::]:1", true, 0, NULL, 1},
        {"*:2327", true, 0, "[::]:2327", 2},
        {"*:0", true, 0, "[::]:0", 2},
        {"127.0.0.1:080", true, 0, "127.0.0.1:80", 1},
        {"", true, CAPNP_E_ADDRESS, NULL, 0},
        {":", true, CAPNP_E_ADDRESS, NULL, 0},
        {":80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"unix:", true, CAPNP_E_ADDRESS, NULL, 0},
        {"unix-abstract:", true, CAPNP_E_ADDRESS, NULL, 0},
        {"/run/x", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:0", false, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:65536", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:99999999999999999999", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:-1", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:+1", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:8 ", true, CAPNP_E_ADDRESS, NULL, 0},
        {"127.0.0.1:http", true, CAPNP_E_ADDRESS, NULL, 0},
        {"::1:80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[::1]", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[::1]80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[::1:80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[]:80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[:80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[*]:80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"[127.0.0.1]:80", true, CAPNP_E_ADDRESS, NULL, 0},
        {"*:80", false, CAPNP_E_ADDRESS, NULL, 0},
};

TEST(address_table)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                const struct row *w = &rows[i];
                char text[CAPOS_IO_ADDRESS_TEXT];
                struct capos_io_addresses as;
                int r = capos_io_address_parse(w->text, w->listening, &as);

                if (r != w->r)
                        test_fail(__FILE__, __LINE__, "'%s': %d", w->text, r);
                if (r)
                        continue;
                CHECK_EQ(as.n, w->n);
                capos_io_address_format(&as.a[0], text);
                CHECK_STR(text, w->out ? w->out : w->text);
        }
}

TEST(address_lengths)
{
        char text[CAPOS_IO_ADDRESS_TEXT + 100], out[CAPOS_IO_ADDRESS_TEXT];
        struct capos_io_addresses as;

        memset(text, 'x', sizeof(text));
        memcpy(text, "unix:", 5);
        text[5 + 107] = '\0';
        CHECK_OK(capos_io_address_parse(text, true, &as));
        CHECK_EQ(as.a[0].len, sizeof(struct sockaddr_un));
        capos_io_address_format(&as.a[0], out);
        CHECK_STR(out, text);
        text[5 + 107] = 'x';
        text[5 + 108] = '\0';
        CHECK_EQ(capos_io_address_parse(text, true, &as), CAPNP_E_ADDRESS);

        memset(text, 'x', sizeof(text));
        memcpy(text, "unix-abstract:", 14);
        text[14 + 107] = '\0';
        CHECK_OK(capos_io_address_parse(text, true, &as));
        capos_io_address_format(&as.a[0], out);
        CHECK_STR(out, text);

        memset(text, '1', sizeof(text));
        memcpy(text + sizeof(text) - 4, ":80", 4);
        CHECK(capos_io_address_parse(text, true, &as) != 0);
}

TEST(address_of_a_name)
{
        struct capos_io_addresses as;
        int r;

        r = capos_io_address_parse("localhost:7", false, &as);
        if (r)
                test_skip("this machine does not know localhost");
        CHECK(as.n >= 1);
        for (unsigned i = 0; i < as.n; i++)
                CHECK_EQ(capos_io_address_port(&as.a[i]), 7);
}
