/* What was asked for. */
#ifndef CAPOS_CAPOSD_OPTIONS_H
#define CAPOS_CAPOSD_OPTIONS_H

#include <capos/capnp-base.h>

enum { LISTENS_MAX = 7, LOGIN_ARGS = 16 };

struct options {
        const char *state;               /* NULL: the default */
        const char *listen[LISTENS_MAX]; /* none: the default */
        unsigned nlisten;
        const char *manifest; /* NULL: the built-in one */
        const char *known;    /* a client's file, which gets this instance's key; NULL: none */
        bool check;           /* start, look, and end again */
        bool show;            /* print the built-in manifest */
        bool json; /* … and what a check or a whole manifest's explanation says, as JSON */
        /* What a login would come to: the arguments of capos-sessiond --explain. None: not asked.
         */
        const char *login[LOGIN_ARGS];
        unsigned nlogin;
        const char *explain; /* a field to explain, empty for the manifest as a whole; or NULL */
};

enum { EXIT_USAGE = 2, OPTIONS_HELP = 1 };

/* 0; OPTIONS_HELP: help was asked for and given; -EINVAL: wrong, and said so. */
int options_parse(struct options *o, int argc, char **argv) CAPNP_MUST_USE;

#endif
