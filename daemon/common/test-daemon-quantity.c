/* Durations and sizes: what is one, and what is not. */
#include "daemon-quantity.h"
#include "harness.h"

#include <string.h>

struct row {
        const char *text;
        uint64_t is;
};

static capnp_text text_of(const char *s)
{
        return (capnp_text){s, (uint32_t)strlen(s)};
}

TEST(a_duration_is_numbers_with_their_units)
{
        static const struct row good[] = {
                {"0s", 0},
                {"1ms", 1},
                {"90s", 90000},
                {"5m", 300000},
                {"8h", 28800000},
                {"1h30m", 5400000},
                {"1d", 86400000},
                {"2w", 1209600000},
                {"1w2d3h4m5s6ms", 788645006},
                {"0000000000000000000000001s", 1000},
                {"18446744073709551615ms", UINT64_MAX},
        };

        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                uint64_t ms = 7;

                CHECK(daemon_duration_read(text_of(good[i].text), &ms));
                CHECK_EQ(ms, good[i].is);
                CHECK_EQ(daemon_duration(text_of(good[i].text)), good[i].is);
        }
}

TEST(what_is_no_duration_is_refused)
{
        static const char *const bad[] = {
                "",
                "0",
                "8",
                "h",
                "8H",
                "8 h",
                " 8h",
                "8h ",
                "-8h",
                "+8h",
                "1.5h",
                "8hh",
                "8hm",
                "30m1h",
                "1h1h",
                "8min",
                "8hours",
                "8M",
                "0x8h",
                "8h30",
                "1e3s",
                "8\xc2\xb5s",
                "18446744073709551616ms",
                "18446744073709551615s",
                "18446744073709551615ms1ms",
                "30500568905w",
        };
        uint64_t ms;

        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CHECK(!daemon_duration_read(text_of(bad[i]), &ms));
                CHECK_EQ(daemon_duration(text_of(bad[i])), 0);
        }
        CHECK(!daemon_duration_read((capnp_text){"8h\0", 3}, &ms));
}

TEST(a_size_is_bytes_or_powers_of_1024)
{
        static const struct row good[] = {
                {"0B", 0},
                {"512B", 512},
                {"64KiB", 65536},
                {"8MiB", 8388608},
                {"1GiB512MiB", 1610612736},
        };
        static const char *const bad[] = {"",    "1",        "8MB",           "8M", "8kB", "8mib",
                                          "8Mi", "8MiB1GiB", "17179869184GiB"};
        uint64_t bytes;

        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                CHECK(daemon_size_read(text_of(good[i].text), &bytes));
                CHECK_EQ(bytes, good[i].is);
        }
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CHECK(!daemon_size_read(text_of(bad[i]), &bytes));
                CHECK_EQ(daemon_size(text_of(bad[i])), 0);
        }
}
