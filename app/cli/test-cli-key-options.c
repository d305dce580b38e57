/* Options in front of a key: what is taken, and what is said of the rest. */
#include "harness.h"

#include "key-options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TEST(options_of_a_line)
{
        static const struct {
                const char *line;
                const char *from;
                uint64_t expires_ms;
                const char *fault; /* a part of it; NULL: none */
        } rows[] = {
                {"from=\"10.0.0.0/8\" ssh-ed25519 A", "10.0.0.0/8", 0, NULL},
                {"FROM=\"10.0.0.0/8\" ssh-ed25519 A", "10.0.0.0/8", 0, NULL},
                {"from=\"10.0.0.0/8,!10.1.0.0/16,unix\",expiry-time=\"20270131\" ssh-ed25519 A",
                 "10.0.0.0/8,!10.1.0.0/16,unix", UINT64_C(1801353600000), NULL},
                {"expiry-time=\"202701311830\"\tssh-ed25519 A", "", UINT64_C(1801420200000), NULL},
                {"restrict,from=\"10.0.0.0/8\" ssh-ed25519 A", "", 0, "the option restrict is not"},
                {"command=\"ls, from\" ssh-ed25519 A", "", 0, "the option command is not"},
                {"no-pty ssh-ed25519 A", "", 0, "the option no-pty is not"},
                {"fromage=\"10.0.0.0/8\" ssh-ed25519 A", "", 0, "the option fromage is not"},
                {"from ssh-ed25519 A", "", 0, "from wants its value in double quotes"},
                {"from=10.0.0.0/8 ssh-ed25519 A", "", 0, "from wants its value"},
                {"from=\"10.0.0.0/8 ssh-ed25519 A", "", 0, "from wants its value"},
                {"from=", "", 0, "from wants its value"},
                {"from", "", 0, "from wants its value"},
                {"from=\"10.0.0.1/8\" ssh-ed25519 A", "", 0, "from: 10.0.0.1/8: it has bits"},
                {"from=\"*.example.org\" ssh-ed25519 A", "", 0,
                 "from: *.example.org: it is neither"},
                {"from=\"\" ssh-ed25519 A", "", 0, "from: "},
                {"from=\"unix\",from=\"10.0.0.0/8\" ssh-ed25519 A", "", 0, "from is given twice"},
                {"expiry-time=\"8h\" ssh-ed25519 A", "", 0, "expiry-time: 8h: this is no date"},
                {"expiry-time=\"20270131\",expiry-time=\"20270131\" k", "", 0, "given twice"},
                {"from=\"unix\"", "", 0, "there is no key"},
                {"from=\"unix\", ssh-ed25519 A", "", 0, "the option  is not"},
                {"from=\"unix\"x ssh-ed25519 A", "", 0, "there is no key"},
        };
        char fault[KEY_FAULT_BYTES];

        CHECK(!setenv("TZ", "UTC", 1));
        tzset();
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct key_limits k = {0};
                const char *line = rows[i].line, *why = key_limits_line(&k, &line, fault);

                if (!why != !rows[i].fault || (why && !strstr(why, rows[i].fault)))
                        test_fail(__FILE__, __LINE__, "%s: %s", rows[i].line, why);
                if (why)
                        continue;
                CHECK_STR(k.from, rows[i].from);
                CHECK_EQ(k.expires_ms, rows[i].expires_ms);
                CHECK_STR(line, "ssh-ed25519 A");
        }
}

TEST(a_value_has_an_end)
{
        char line[2 * KEY_FROM_BYTES], fault[KEY_FAULT_BYTES];
        struct key_limits k = {0};
        const char *p = line;

        memset(line, 'a', sizeof(line));
        memcpy(line, "from=\"", 6);
        memcpy(line + sizeof(line) - 4, "\" k", 4);
        CHECK(strstr(key_limits_line(&k, &p, fault), "from wants its value"));
}
