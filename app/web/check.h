/* What a request says of where it comes from. Pure. */
#ifndef CAPOS_WEB_CHECK_H
#define CAPOS_WEB_CHECK_H

#include "token.h"

enum { CHECK_HOST = 264, CHECK_ORIGIN = 272, CHECK_COOKIE = 32 };

/* Who we are, for the browser. */
struct check_self {
        uint16_t port;
        bool tls;
        char host[CHECK_HOST];     /* "localhost:2380", as Host has it */
        char origin[CHECK_ORIGIN]; /* "http://localhost:2380" */
        char cookie[CHECK_COOKIE]; /* "__Host-capos-2380" */
};

/* name: "localhost", or with tls another host's. */
void check_self_make(const char *name, uint16_t port, bool tls, struct check_self *ret);

enum check_host {
        HOST_OURS,
        HOST_ADDRESS, /* ours, by an address and our port: no name, so no passkeys */
        HOST_OTHER,
};

/* host: the header; NULL: none. */
enum check_host check_host(const struct check_self *s, const char *host);
/* Whether what changes something comes from our own page. NULL: the header is not there. */
bool check_origin(const struct check_self *s, const char *origin, const char *fetch_site);
/* Our cookie's value among those of a Cookie header, TOKEN_TEXT - 1 bytes, borrowed; NULL: it is
 * not there, or twice, or of another length. */
const char *check_cookie(const struct check_self *s, const char *header);
/* Whether a list of words (Connection) has one, in any case. */
bool check_has_word(const char *list, const char *word);
/* Whether it is a Sec-WebSocket-Key: 16 bytes in base64. */
bool check_ws_key(const char *key);

#endif
