/* What a bridge was told to be. */
#ifndef CAPOS_WEB_OPTIONS_H
#define CAPOS_WEB_OPTIONS_H

#include <capos/capnp-base.h>

enum { OPTIONS_INSTANCES = 32, OPTIONS_ALLOWS = 32, OPTIONS_HOST = 254, OPTIONS_IDENTITIES = 8 };

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
        const char *opener;                         /* with open: the program */
        const char *identities[OPTIONS_IDENTITIES]; /* files of SSH keys */
        unsigned nidentities;
        /* Descriptors that we were started with; 0: none of these. `capos desktop` starts a
         * window's session, which tabs come to by one and browsers' processes are told of by the
         * other … */
        int sockets, starts;
        /* … and a front for a browser that its person goes on in, to which that session is what the
         * starter is else. */
        int starter;
        const char *agents; /* the folder of `capos mcp`'s sockets; NULL: nobody looks there */
};

/* Reads a command line; texts stay its. NULL, or what is wrong with it. */
const char *options_read(struct web_options *o, int argc, char **argv) CAPNP_MUST_USE;

#endif
