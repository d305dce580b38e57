/* The ways to log in that this command has: which there are, and which one is taken. */
#ifndef CAPOS_CLI_LOGIN_WAYS_H
#define CAPOS_CLI_LOGIN_WAYS_H

#include "login.h"

/* How trying a way has ended. */
enum way_end {
        WAY_IN,      /* logged in */
        WAY_REFUSED, /* l->error says how */
        WAY_EMPTY,   /* there was nothing to try with after all: l->why, and what would help */
        WAY_OVER,    /* what went wrong was said; l->exit */
};

/*
 * A way: a file way-*.c, and a row of the table in login-ways.c. The order of the rows is the order
 * in which they are tried.
 */
struct way {
        const char *name; /* for --method */
        enum capos_auth kind;
        const char *option; /* that asks for it, for a person: "--identity"; NULL: --method does */
        bool asks_no_name;  /* whose session it is, the proof says; or it is nobody's */
        bool is_nobody;     /* it proves nothing, so a name does not go with it */
        bool is_asked_for;  /* it is a program's: taken by who asks for it, and not by choice */
        /* Whether the command line has options that are about this way alone; NULL: it has none. */
        bool (*asked)(const struct cli *c);
        /*
         * Whether it can be tried from here. why has room for LOGIN_WHY bytes: what is there to try
         * it with, or what is missing and how that is changed. Nobody is asked and nothing is
         * connected for it. NULL: this command does not have it.
         */
        bool (*ready)(const struct login *l, char *why);
        enum way_end (*run)(struct login *l);
};

extern const struct way way_key, way_certificate, way_passkey, way_oidc, way_oidc_device,
        way_password, way_service, way_guest, way_anonymous;

/* The way that a command line asks for, and what contradicts itself is said. NULL: none in
 * particular. An exit code. */
int ways_asked(const struct cli *c, const struct way **ret_way) CAPNP_MUST_USE;
/* Logs in: by one way, or with NULL by the first that succeeds. An exit code; what went wrong was
 * said, with what to do next. */
int ways_try(struct login *l, const struct way *only) CAPNP_MUST_USE;

/* Reads whose session it is, where, and by which way, from the command line: what can be wrong
 * before anybody is connected to. An exit code. */
int login_read(struct login *l, const struct way **ret_only) CAPNP_MUST_USE;
/* Connects, and logs in: c->client has the session. An exit code. */
int login_in(struct login *l, const struct way *only) CAPNP_MUST_USE;

/* A way as it is from here. */
struct way_state {
        const char *name;    /* for --method; "-": this command has none */
        bool here;           /* it can be tried */
        char why[LOGIN_WHY]; /* what there is for it, or what is missing */
};

/* How it is with the way of a kind, which may be one that nobody knows. */
void ways_look(const struct login *l, enum capos_auth kind, struct way_state *ret);
/* The names for --method, from 0. NULL: past the last. */
const char *ways_name(unsigned i);

#endif
