/*
 * Who is counted as one, and what it is called.
 */
#include <string.h>

#include "daemon-source.h"
#include "harness.h"

static struct capos_io_address at(const char *text)
{
        struct capos_io_addresses all;

        CHECK_EQ(capos_io_address_parse(text, true, &all), 0);
        return all.a[0];
}

static struct source from(const char *text)
{
        struct capos_io_address a = at(text);

        return source_of_address(&a);
}

static struct source user(uid_t uid, const char *text)
{
        struct capos_io_address a = at(text);

        return source_of_uid(uid, &a);
}

static void check_text(struct source s, const char *expected)
{
        char text[SOURCE_TEXT];

        source_print(&s, text);
        CHECK_STR(text, expected);
}

static void check_same(struct source a, struct source b, bool equal, bool party)
{
        CHECK_EQ(source_equal(&a, &b), equal);
        CHECK_EQ(source_equal(&b, &a), equal);
        CHECK_EQ(source_same_party(&a, &b), party);
        CHECK_EQ(source_same_party(&b, &a), party);
}

TEST(an_address_is_a_source_without_its_port)
{
        check_text(from("192.0.2.7:4711"), "192.0.2.7");
        check_same(from("192.0.2.7:1"), from("192.0.2.7:2"), true, true);
        check_same(from("192.0.2.7:1"), from("192.0.2.8:1"), false, false);
        check_same(from("[::ffff:192.0.2.7]:1"), from("192.0.2.7:2"), true, true);
}

TEST(an_address_is_printed_as_people_know_it)
{
        static const char *const texts[][2] = {{"[::ffff:192.0.2.7]:4711", "192.0.2.7:4711"},
                                               {"192.0.2.7:4711", "192.0.2.7:4711"},
                                               {"[2001:db8::1]:1", "[2001:db8::1]:1"}};
        char text[CAPOS_IO_ADDRESS_TEXT];

        for (unsigned i = 0; i < 3; i++) {
                struct capos_io_address a = at(texts[i][0]);

                source_print_address(&a, text);
                CHECK_STR(text, texts[i][1]);
        }
}

TEST(an_ipv6_address_counts_by_its_first_64_bits)
{
        check_text(from("[2001:db8::1]:4711"), "2001:db8::/64");
        check_same(from("[2001:db8::1]:1"), from("[2001:db8::ffff:2]:1"), true, true);
        check_same(from("[2001:db8::1]:1"), from("[2001:db8:0:1::1]:1"), false, false);
        check_text(from("[::1]:1"), "::1");
}

TEST(a_user_of_this_machine_is_one_party)
{
        check_text(source_of_uid(1000, NULL), "uid:1000");
        check_text(user(1000, "127.0.0.1:5"), "uid:1000");
        check_text(user(1000, "[::1]:5"), "uid:1000");
        check_text(user(1000, "127.0.0.7:5"), "uid:1000@127.0.0.7");
        check_same(source_of_uid(1000, NULL), user(1000, "127.0.0.1:5"), true, true);
        check_same(source_of_uid(1000, NULL), user(1000, "127.0.0.7:5"), false, true);
        check_same(user(1000, "127.0.0.7:5"), user(1000, "127.0.0.7:6"), true, true);
        check_same(user(1000, "127.0.0.7:5"), user(1001, "127.0.0.7:5"), false, false);
        check_same(source_of_uid(0, NULL), (struct source){0}, false, false);
}

TEST(what_cannot_be_told_is_one_source)
{
        check_text((struct source){0}, "unknown");
        check_text(from("unix:/x"), "unknown");
        check_same(from("unix:/x"), (struct source){0}, true, true);
}

TEST(the_loopback_network_is_known)
{
        const char *in[] = {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"};
        const char *out[] = {"192.0.2.7:1", "[2001:db8::1]:1", "unix:/x"};

        for (unsigned i = 0; i < 4; i++) {
                struct capos_io_address a = at(in[i]);

                CHECK(source_is_loopback(&a));
        }
        for (unsigned i = 0; i < 3; i++) {
                struct capos_io_address a = at(out[i]);

                CHECK(!source_is_loopback(&a));
        }
}
