/*
 * What a fetcher is asked for, and what it answers: one packet each way, over a socket that the
 * session manager has got from caposd. And the files that a manifest names for identity providers,
 * as caposd hands them to the session manager.
 */
#ifndef CAPOS_DAEMON_FETCH_H
#define CAPOS_DAEMON_FETCH_H

#include <stdint.h>

enum {
        FETCH_URL_BYTES = 512, /* of texts, the NUL included */
        FETCH_ID_BYTES = 256,
        FETCH_CODE_BYTES = 2048,
        FETCH_WHY_BYTES = 192,
        FETCH_USER_CODE_BYTES = 64,
        FETCH_CA_BYTES = 48 * 1024,
        FETCH_KEYS_BYTES = 48 * 1024,
        FETCH_TOKEN_BYTES = 16 * 1024,
};

/* The files of an identity provider, one behind the other; a file in memory has those of all. */
struct fetch_files {
        uint32_t secret, keys, ca; /* bytes; 0: there is none */
        uint32_t zero;
};

enum fetch_kind {
        FETCH_DISCOVER = 1, /* what a provider says of itself: url is its name */
        FETCH_KEYS,         /* a set of keys */
        FETCH_DEVICE,       /* a code for a device (RFC 8628) */
        FETCH_DEVICE_TOKEN, /* … and what has come of it: code */
        FETCH_CODE_TOKEN,   /* tokens for a code of the browser's (RFC 6749, 7636) */
};

/* All texts end within their places. */
struct fetch_request {
        uint32_t kind;     /* enum fetch_kind */
        uint32_t loopback; /* 1: http:// to literal addresses of this machine is good */
        uint32_t ca_len;   /* of ca, PEM; 0: the system's are asked */
        uint32_t zero;
        char url[FETCH_URL_BYTES];
        char client_id[FETCH_ID_BYTES];
        char client_secret[FETCH_ID_BYTES]; /* "": none */
        char scopes[FETCH_ID_BYTES];
        char code[FETCH_CODE_BYTES];
        char verifier[FETCH_ID_BYTES];
        char redirect[FETCH_URL_BYTES];
        uint8_t ca[FETCH_CA_BYTES];
};

/* How a request has ended. */
enum fetch_end {
        FETCH_GOOD = 1,
        FETCH_PENDING,   /* a device's code: nobody has said yes or no */
        FETCH_SLOW_DOWN, /* … and it is asked for too often */
        FETCH_DENIED,    /* somebody has said no */
        FETCH_EXPIRED,   /* a code is too old */
        FETCH_REFUSED,   /* the provider says that it is not so */
        FETCH_MISFIT,    /* it does not take such a request from us: another one ends likewise */
        FETCH_FAILED,    /* no answer, or none that makes sense; another time it may be there */
};

struct fetch_reply {
        uint32_t end;       /* enum fetch_end */
        uint32_t len, len2; /* KEYS: of the set. Tokens: of the id token, of the access token */
        uint32_t interval_s, expires_s; /* DEVICE */
        uint32_t zero;
        char why[FETCH_WHY_BYTES]; /* printable: what was wrong */
        union {
                struct {
                        char authorization[FETCH_URL_BYTES]; /* "": it has none, as the next two */
                        char token[FETCH_URL_BYTES];
                        char device[FETCH_URL_BYTES];
                        char keys[FETCH_URL_BYTES];
                        uint32_t names_itself; /* 1: its redirects say who it is (RFC 9207) */
                } discovered;
                struct {
                        char code[FETCH_CODE_BYTES];
                        char user_code[FETCH_USER_CODE_BYTES];
                        char url[FETCH_URL_BYTES];
                        char url_complete[FETCH_URL_BYTES]; /* "": there is none */
                } device;
                uint8_t bytes[FETCH_KEYS_BYTES];
        };
};

_Static_assert(2 * (int)FETCH_TOKEN_BYTES <= (int)FETCH_KEYS_BYTES, "two tokens fit");

#endif
