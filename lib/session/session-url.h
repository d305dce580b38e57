/* Addresses of identity providers: which ones anything is sent to. */
#ifndef CAPOS_SESSION_URL_H
#define CAPOS_SESSION_URL_H

#include <capos/capnp-base.h>

enum { CAPOS_URL_BYTES = 512 }; /* of a URL, the NUL included */

/*
 * Whether a text is a URL that something may be sent to, or opened at: `https://HOST[:PORT][/…]`,
 * printable ASCII without quotes, brackets (but those of an IPv6 address) and backslashes, no user
 * name and no fragment. loopback: also `http://` at a literal address of 127.0.0.0/8 or at [::1].
 */
bool capos_i_url_is_good(const char *url, bool loopback);
/* Whether it is `http://` at such an address, whose port follows: where a program of the user's own
 * machine waits for a browser (RFC 8252). */
bool capos_i_url_is_loopback(const char *url);

/* Appends `name=value` to a query or a form, with an & before it where there is something already;
 * value is escaped. 0; CAPNP_E_LIMIT: there is no room. */
int capos_i_query_add(char *query, size_t room, const char *name, const char *value) CAPNP_MUST_USE;
/* The value of a field in a query, unescaped. 0; CAPNP_E_UNKNOWN: it has none of this name;
 * CAPNP_E_SYNTAX: it has two, or one that does not fit, or is wrongly escaped. */
int capos_i_query_get(const char *query, const char *name, char *ret, size_t room) CAPNP_MUST_USE;

#endif
