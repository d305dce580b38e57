/* A login under way: what `capos login` and the ways that it tries share. */
#ifndef CAPOS_CLI_LOGIN_H
#define CAPOS_CLI_LOGIN_H

#include "agent.h"
#include "greet.h"
#include "keys.h"
#include "runtime.h"

#include <limits.h>

enum { LOGIN_WHY = 320, LOGIN_REASON = 160, LOGIN_PROFILES = 200 };

/* What the instance has said of a kind, to this connection. */
struct login_offer {
        bool enabled;
        char reason[LOGIN_REASON];     /* why not; "": it was not named at all */
        char profiles[LOGIN_PROFILES]; /* that it may give: "operator, admin" */
};

/* What is logged in to, and how far that has come. */
struct login {
        struct cli *c;
        struct greet_place place;
        char account[128]; /* "": whose session it is, the proof says */
        char alias[RUNTIME_PATH], socket[RUNTIME_PATH];
        struct login_offer offers[CAPOS_AUTH_KINDS];
        struct capos_login how;
        struct capos_error error; /* of the last attempt */
        unsigned attempts, waited;
        bool greeted;         /* the connection has not been used for an attempt */
        uint32_t patience_ms; /* how long a step may take, where a way needs longer than usual */
        const char *awaited;  /* what it is that takes long, for a person; NULL: the instance */
        char why[LOGIN_WHY];  /* why a way had nothing to try with, and what would help */
        int exit;             /* of a way that has said itself what went wrong */
        char witnesses[PATH_MAX];                 /* the file of this instance */
        char key[KEYS_PRINT], identity[PATH_MAX]; /* what it was made by, for renewals */
        struct agent_seed seed;
};

/* Whether there is somebody to be asked: a terminal, and nobody has said --non-interactive. */
bool login_has_person(const struct login *l);
/* Says what is done, on standard error: always, or with --verbose. No secret may be in it. */
void login_say(const struct login *l, const char *fmt, ...) CAPNP_PRINTF(2, 3);
void login_tell(const struct login *l, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* Notes what the instance offers, c->client having been greeted. */
void login_note_offers(struct login *l);
/* The next attempt is made on a connection of its own: with another certificate, say. */
void login_reconnect(struct login *l);

/*
 * Makes one attempt, l->how filled in; whose session, profile and claims are there already. Waits
 * as long as the instance asks for, within bounds. What takes long is shown meanwhile, with
 * l->awaited and how long it has taken. 0, or a code that l->error explains.
 */
int login_try(struct login *l);

#endif
