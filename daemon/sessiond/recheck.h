/* Sessions that a certificate has made, judged again when the rules have changed. */
#ifndef SESSIOND_RECHECK_H
#define SESSIOND_RECHECK_H

#include "session.h"

struct prove_job;

struct recheck {
        struct prove_job *job;             /* NULL: none is under way */
        char id[2 * SESSION_ID_BYTES + 1]; /* of the session it is about */
        uint32_t generation;               /* of the rules it is about */
        uint64_t passes;                   /* of sessions that were passed over, so far */
        capnp_timer *again;
        capnp_answer *waiting; /* for all of it; NULL: nobody does */
        capnp_timer *deadline; /* … and for how long */
        uint32_t request;      /* the last one to caposd */
        bool answered;         /* these rules are what is waited for */
        uint32_t ended;        /* sessions, since the rules have come */
};

/* RULES: other rules have come, in a file, which is taken. */
void recheck_start(struct sessiond *s, const struct packet *p, int fd);
/* The policy has rules, and these are they: a file, which is taken. 0, or -errno. */
int recheck_rules(struct sessiond *s, int fd) CAPNP_MUST_USE;
/* Admin.reloadRevocations: has caposd read the files again. The answer is ended when every session
 * was judged by them, or after a deadline. Takes a. */
int recheck_reload(struct sessiond *s, capnp_answer *a);
void recheck_deinit(struct sessiond *s);

#endif
