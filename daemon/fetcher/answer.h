/* What identity providers answer (OpenID Connect Discovery; RFC 6749, 8628), read into replies. */
#ifndef FETCHER_ANSWER_H
#define FETCHER_ANSWER_H

#include "daemon-fetch.h"

#include <capos/capnp-base.h>

/*
 * Each reads the body of an answer and fills in ret, which is zeroed: how the request has ended,
 * and what has come. q: what was asked. status: of HTTP.
 */
void answer_read(const struct fetch_request *q, long status, capnp_data body,
                 struct fetch_reply *ret);
/* Ends a reply as failed, and says why. */
void answer_fail(struct fetch_reply *ret, const char *why);

#endif
