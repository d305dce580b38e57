/* Networks: what is one, and who is in which. */
#include "harness.h"

#include "daemon-network.h"

#include <string.h>

static capnp_text text_of(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

TEST(what_is_a_network)
{
        static const struct {
                const char *text;
                bool ok;
        } rows[] = {
                {"192.0.2.7", true},
                {"192.0.2.7/32", true},
                {"10.0.0.0/8", true},
                {"0.0.0.0/0", true},
                {"255.255.255.255/32", true},
                {"10.0.0.0/08", true},
                {"::", true},
                {"::/0", true},
                {"2001:db8::/32", true},
                {"2001:db8::7/128", true},
                {"::ffff:10.0.0.0/104", true},
                {"::ffff:0.0.0.0/96", true},
                {"unix", true},
                {"", false},
                {"/", false},
                {"/8", false},
                {"10.0.0.0/", false},
                {"10.0.0.0/33", false},
                {"10.0.0.0/128", false},
                {"10.0.0.0/0000", false},
                {"10.0.0.0/-1", false},
                {"10.0.0.0/+8", false},
                {"10.0.0.0/8 ", false},
                {" 10.0.0.0/8", false},
                {"10.0.0.0/8/8", false},
                {"10.0.0.0/4294967304", false},
                {"10.0.0.1/8", false}, /* bits behind the prefix */
                {"0.0.0.1/0", false},
                {"2001:db8::1/64", false},
                {"::/129", false},
                {"::ffff:10.0.0.0/8", false},
                {"::ffff:0.0.0.0/90", false},
                {"10.0.0", false},
                {"10.0.0.0.0", false},
                {"010.0.0.0/8", false},
                {"10.*", false},
                {"example.org", false},
                {"unix/0", false},
                {"UNIX", false},
                {"fe80::1%lo", false},
                {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", false},
        };
        struct network n;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (!daemon_network_read(text_of(rows[i].text), &n) != rows[i].ok)
                        test_fail(__FILE__, __LINE__, "%s", rows[i].text);
        CHECK(daemon_network_read((capnp_text){"10.0.0.0\0/8", 11}, &n));
}

TEST(who_is_in_which)
{
        static const struct {
                const char *list, *host;
                bool in;
        } rows[] = {
                {"192.0.2.7", "192.0.2.7", true},
                {"192.0.2.7", "192.0.2.8", false},
                {"192.0.2.7", "::ffff:192.0.2.7", true},
                {"::ffff:192.0.2.7", "192.0.2.7", true},
                {"::ffff:10.0.0.0/104", "10.255.0.1", true},
                {"::ffff:10.0.0.0/104", "11.0.0.0", false},
                {"10.0.0.0/8", "10.0.0.0", true},
                {"10.0.0.0/8", "10.255.255.255", true},
                {"10.0.0.0/8", "11.0.0.0", false},
                {"10.0.0.0/8", "9.255.255.255", false},
                {"10.128.0.0/9", "10.127.255.255", false},
                {"10.128.0.0/9", "10.128.0.0", true},
                {"10.0.0.0/31", "10.0.0.1", true},
                {"10.0.0.0/31", "10.0.0.2", false},
                {"0.0.0.0/0", "255.255.255.255", true},
                {"0.0.0.0/0", "::1", false},
                {"::/0", "2001:db8::1", true},
                {"::/0", "192.0.2.7", false},
                {"::/0", "::ffff:192.0.2.7", false},
                {"2001:db8::/32", "2001:db8:ffff::1", true},
                {"2001:db8::/32", "2001:db9::1", false},
                {"2001:db8::1", "2001:0db8::0001", true},
                {"fe80::/10", "fe80::1%eth0", true},
                {"127.0.0.0/8", "127.0.0.1", true},
                {"127.0.0.0/8", "", false},
                {"0.0.0.0/0,::/0", "", false},
                {"unix", "", true},
                {"unix", "127.0.0.1", false},
                {"10.0.0.0/8,unix", "", true},
                {"10.0.0.0/8,192.0.2.7", "192.0.2.7", true},
                {"10.0.0.0/8,!10.1.0.0/16", "10.1.2.3", false},
                {"!10.1.0.0/16,10.0.0.0/8", "10.1.2.3", false},
                {"!10.1.0.0/16,10.0.0.0/8", "10.2.2.3", true},
                {"!10.1.0.0/16,0.0.0.0/0,10.1.2.3", "10.1.2.3", false},
                {"!unix,10.0.0.0/8", "", false},
                {"0.0.0.0/0,!fe80::/10,::/0", "fe80::1%eth0", false},
                {"0.0.0.0/0,::/0,unix", "somewhere", false}, /* nobody knows where that is */
                {"0.0.0.0/0,::/0,unix,damaged", "192.0.2.7", false},
                {"", "192.0.2.7", false},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (daemon_networks_have(rows[i].list, rows[i].host) != rows[i].in)
                        test_fail(__FILE__, __LINE__, "%s in %s", rows[i].host, rows[i].list);
}

TEST(what_is_wrong_with_a_list_is_said)
{
        static const struct {
                const char *list, *entry; /* entry: NULL: nothing is */
        } rows[] = {
                {"10.0.0.0/8", NULL},
                {"10.0.0.0/8,!10.1.0.0/16,unix", NULL},
                {"10.0.0.0/8,10.1.0.0/8", "10.1.0.0/8"},
                {"!example.org,10.0.0.0/8", "example.org"},
                {"!10.0.0.0/8", "!10.0.0.0/8"},
                {"!!10.0.0.0/8,unix", "!10.0.0.0/8"},
                {"10.0.0.0/8,", "10.0.0.0/8,"},
                {",10.0.0.0/8", ""},
                {"10.0.0.0/8, 192.0.2.7", " 192.0.2.7"},
                {"!", ""},
                {"", ""},
        };
        char list[NETWORKS_BYTES + 2], one[] = "10.0.0.0,";
        capnp_text entry;

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *why = daemon_networks_check(text_of(rows[i].list), &entry);

                if (!why != !rows[i].entry ||
                    (why && (entry.len != strlen(rows[i].entry) ||
                             memcmp(entry.p, rows[i].entry, entry.len) != 0)))
                        test_fail(__FILE__, __LINE__, "%s: %s, %.*s", rows[i].list, why,
                                  (int)entry.len, entry.p);
        }
        for (unsigned i = 0; i < sizeof(list) - 1; i++)
                list[i] = one[i % (sizeof(one) - 1)];
        CHECK(daemon_networks_check((capnp_text){list, NETWORKS_BYTES + 1}, &entry));
        CHECK(!daemon_networks_check((capnp_text){list, 1016}, &entry));
}
