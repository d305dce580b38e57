/* What ends at a date, when the date or the clock is set. */
#ifndef SESSIOND_EXPIRY_H
#define SESSIOND_EXPIRY_H

#include <capos/capnp.h>

#include <stdint.h>

struct sessiond;

/* Tells that the clock was set. */
struct expiry {
        int fd;
        capnp_watch *watch;
};

/* An account has another end now (0: none): its sessions, and what they can be come back to by,
 * last no longer. One that is over ends them now. */
void expiry_of_account(struct sessiond *s, const char *account, uint64_t expires_ms);
/* The clock was set: every session is held to its dates again. */
void expiry_clock_set(struct sessiond *s);

/* Listens for that. 0, or -errno. */
int expiry_init(struct sessiond *s) CAPNP_MUST_USE;
void expiry_deinit(struct sessiond *s);

#endif
