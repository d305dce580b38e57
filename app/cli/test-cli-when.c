/* When something ends, as it is typed: a table. */
#include "harness.h"

#include "when.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW UINT64_C(1000)

TEST(what_is_typed)
{
        static const struct {
                const char *text;
                int64_t ms; /* -1: it is none */
        } rows[] = {
                {"never", 0},
                {"90s", 91000},
                {"2h", 7201000},
                {"1ms", 1001},
                {"1d12h", 129601000},
                {"0s", 1000},
                {"2027-01-31", INT64_C(1801353600000)},
                {"2027-01-31Z", INT64_C(1801353600000)},
                {"20270131", INT64_C(1801353600000)},
                {"202701311830", INT64_C(1801420200000)},
                {"20270131183015Z", INT64_C(1801420215000)},
                {"2027-01-31T18:30", INT64_C(1801420200000)},
                {"2027-01-31T18:30:15Z", INT64_C(1801420215000)},
                {"2028-02-29", INT64_C(1835395200000)},
                {"1970-01-01", 1}, /* over, and not never */
                {"1969-12-31", 1},
                {"2027-02-29", -1},
                {"2027-13-01", -1},
                {"2027-00-10", -1},
                {"2027-01-31T24:00", -1},
                {"2027-01-31T18:60", -1},
                {"2027-01-31T", -1},
                {"2027-01-31T18", -1},
                {"2027-01-31T18:", -1},
                {"2027-01-31T18:30:", -1},
                {"2027-01-31T18:30:15.5", -1},
                {"2027-1-31", -1},
                {"2027-01-3", -1},
                {"2027-01", -1},
                {"2027", -1},
                {"202701", -1},
                {"2027013118", -1},
                {"20270131183", -1},
                {"2027-0131", -1},
                {"90", -1},
                {"123456789", -1},
                {"", -1},
                {"Z", -1},
                {"Never", -1},
                {"-2h", -1},
                {"2h ", -1},
                {"18446744073709551615s", -1},
                {"9223372036854775807ms", -1},
        };

        CHECK(!setenv("TZ", "UTC", 1));
        tzset();
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t ms = 0;
                bool ok = when_read(rows[i].text, NOW, &ms);

                if (ok != (rows[i].ms >= 0) || (ok && ms != (uint64_t)rows[i].ms))
                        test_fail(__FILE__, __LINE__, "%s: %d, %llu", rows[i].text, ok,
                                  (unsigned long long)ms);
        }
}

TEST(a_date_is_of_here_unless_it_says_otherwise)
{
        uint64_t here, utc;

        CHECK(!setenv("TZ", "ABC-2", 1));
        tzset();
        CHECK(when_date("2027-01-31", &here) && when_date("20270131Z", &utc));
        CHECK_EQ(utc - here, 2 * 3600 * 1000);
}
