/* What keys and passkeys are restricted to, when one has proved somebody. */
#ifndef SESSIOND_CREDENTIAL_H
#define SESSIOND_CREDENTIAL_H

#include "method.h"

#include "admin.capnp-c.h"

struct sessiond;

/*
 * Whether what was proved is good now, and from here. 0: *ret_why is NULL, and p knows what
 * follows; or why not, for the record, static. -errno.
 */
int credential_judge(const struct origin *o, const char *fingerprint, struct principal *p,
                     const char **ret_why) CAPNP_MUST_USE;
/* The same of what the session rests on that an enrolled key comes back to. */
int credential_judge_enrolled(const struct origin *o, uint64_t enrolment, struct principal *p,
                              const char **ret_why) CAPNP_MUST_USE;

/* Reads what something that is added is to be restricted to. What is wrong with it; NULL: nothing.
 * It may be written to text. account: whose it will be. */
const char *credential_read(struct sessiond *s, const char *account, key_options_reader from,
                            struct store_options *ret, char text[static 160]);
void credential_fill(const struct store_options *may, key_options_builder b);

#endif
