/* When something ends, as it is typed. */
#ifndef CAPOS_CLI_WHEN_H
#define CAPOS_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/* What is said of a text that is none. */
#define WHEN_FORMS                                                                        \
        "a date (2027-01-31, 2027-01-31T18:00, 20270131, with Z for UTC), how long from " \
        "now (90m, 8h, 30d), or never"

/* A date, of this machine's time zone unless it ends with Z, in ISO's form or in that of sshd's
 * expiry-time. false: it is none, or there is no such day. Since 1970, and never 0. */
bool when_date(const char *text, uint64_t *ret_ms);
/* Also `never`, which is 0, and how long from now: with a unit. */
bool when_read(const char *text, uint64_t now_ms, uint64_t *ret_ms);

#endif
