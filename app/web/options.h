/* What a bridge was told to be. */
#ifndef CAPOS_WEB_OPTIONS_H
#define CAPOS_WEB_OPTIONS_H

#include <capos/capnp-base.h>

enum { OPTIONS_INSTANCES = 32, OPTIONS_ALLOWS = 32, OPTIONS_HOST = 254 };

struct web_instance {
        const char *name, *address;
};

struct web_options {
        uint16_t port;    /* of this machine's own addresses; 0: a free one, filled in later */
        const char *host; /* where we listen; "localhost" */
        const char *name; /* who we are, for a browser; the same if nothing else is said */
        const char *tls_certificate; /* ours, and its key: with TLS; NULL: without */
        const char *tls_key;
        bool open;        /* in a browser */
        uint64_t code_ms; /* how long a code is good; `capos web` leaves it at a minute */
        uint64_t idle_ms, life_ms;
        struct web_instance instances[OPTIONS_INSTANCES]; /* --instance */
        unsigned ninstances;
        const char *allows[OPTIONS_ALLOWS]; /* --allow: what may be added on the page */
        unsigned nallows;
        const char *places;      /* the file of instances that were added; "": none is kept */
        const char *certificate; /* a client certificate and its key; NULL: none */
        const char *key;
        const char *opener; /* with open: the program */
        const char
                *agents; /* the folder with sockets of `capos mcp`; NULL: they are not looked for */
};

/* Reads a command line; texts stay its. NULL, or what is wrong with it. */
const char *options_read(struct web_options *o, int argc, char **argv) CAPNP_MUST_USE;

#endif
