/* One request over HTTP, its answer bounded in every way. */
#ifndef FETCHER_HTTP_H
#define FETCHER_HTTP_H

#include <capos/capnp-base.h>

enum { HTTP_BODY_BYTES = 128 * 1024, HTTP_WHY_BYTES = 192 };

struct http_ask {
        const char *url;  /* one that is good (session-url.h) */
        const char *form; /* what is posted; NULL: it is got */
        const char *user; /* who asks, by name and secret; NULL: nobody */
        const char *secret;
        capnp_data ca;     /* who vouches for the host, PEM */
        uint64_t until_ms; /* capos_io_now_ms(): it is given up then, but for a look-up of names */
};

struct http_answer {
        long status;
        uint8_t *body; /* HTTP_BODY_BYTES of it; owned by the caller */
        uint32_t len;
        char why[HTTP_WHY_BYTES]; /* of a failure: in words, printable */
};

/* Makes the library ready, once and before the process is confined. False: it does not work. */
bool http_warm_up(void);
/* Asks. How long a look-up of names takes is not bounded: the C library waits for ever for a server
 * that says nothing over TCP. 0: an answer has come, whatever its status; -EIO: none, or one that
 * is too long: a->why. a->body is there before. */
int http_ask(const struct http_ask *q, struct http_answer *a) CAPNP_MUST_USE;

#endif
