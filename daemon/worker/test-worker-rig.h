/*
 * A worker in a test's process, with everybody it has to do with: its client, a session manager
 * that does as it is told, and a service. All live in one vat and speak over real sockets, so each
 * wait for a call turns them all.
 */
#ifndef CAPOS_TEST_WORKER_RIG_H
#define CAPOS_TEST_WORKER_RIG_H

#include "harness.h"
#include "worker-serve.h"

/* The methods of the service; each may have a reference as pointer 0 of its parameters. */
enum {
        SERVICE = 0x5e, /* its interface */
        ECHO = 0,       /* returns an object of the service's own */
        HOLD = 1,       /* keeps the call open until rig_release() */
        FAIL = 2,       /* fails with rig.service_says */
        TAKE = 3,       /* keeps what it is given */
        TELL = 4,       /* calls ECHO on what it has kept, and returns, or fails as that did */
};

struct rig {
        capnp_vat *vat;
        struct worker w;
        int sessiond_fd, client_fd; /* not owned: to look at */

        /* As a client. */
        capnp_conn *client;
        capnp_cap *gateway;

        /* The session manager: what it will say, and what it was asked. */
        capnp_conn *sessiond;
        const char *denial;    /* NULL, or what it refuses everything with but watch */
        bool silent;           /* keeps logins open, in `kept` */
        bool services;         /* of the bundle's entries "a" and "b": `services` */
        unsigned steps;        /* of a flow before it is done */
        unsigned without_end;  /* so many answers to open() carry no socket */
        unsigned nmethods;     /* that all objects have; 0: all */
        uint16_t first;        /* … from this on */
        uint32_t calls, bytes; /* the session's quota */
        capnp_answer *kept;
        capnp_answer *watch;
        unsigned asked[16];                    /* by method */
        bool audit_calls;                      /* of the session's profile */
        unsigned tallied;                      /* rows of tally() … */
        uint64_t tallied_calls, refused_calls; /* … and the calls in them */
        bool tally_kept;                       /* an answer to tally() waits, in … */
        bool tally_fails;                      /* it refuses them, and records nothing */
        capnp_answer *tally;
        char traced[8192];              /* rows of trace(), `CAPABILITY METHOD OUTCOME;` … */
        unsigned traced_rows, left_out; /* … how many, and how many were not told */
        char reported[192];      /* the last report, `EVENT CAPABILITY: DETAIL`; decided: and `!` */
        uint32_t reported_times; /* … and how often */

        /* The service. */
        capnp_answer *held[8];
        unsigned nheld, served;
        const char *service_says;
        capnp_cap *taken;
        bool ui;                 /* "a" may be offered a host; its schema extends UiComposer */
        capnp_answer *composing; /* its call as a composer */
        capnp_cap *lent;         /* what came with that */
        bool uncomposed;         /* that call was canceled */
        struct {
                uint32_t offers, patches, patch, traffic, references;
        } uiq; /* the session's quota of that; each 0: as is usual */
};

void rig_open(struct rig *r);
void rig_close(struct rig *r);
/* Turns everybody until *done is not 0; what never comes ends by the test's deadline. */
void rig_until(struct rig *r, const void *done, size_t size);
/* Turns everybody until nobody has anything to do. */
void rig_settle(struct rig *r);

/* A session by anonymous(); the caller's. */
capnp_cap *rig_enter(struct rig *r);
/* A capability of a session by its name; the caller's. The denial, when there is one: NULL. */
capnp_cap *rig_get(struct rig *r, capnp_cap *session, const char *name);
/* The last denial of rig_get() and rig_call(). */
extern char rig_said[600];

/* A call of the service's interface. given: NULL or what goes with it. 0, or as it failed:
 * rig_said. ret_c (may be NULL): what came back. */
int rig_call(struct rig *r, capnp_cap *c, uint16_t method, capnp_cap *given, capnp_cap **ret_c);
/* The same, begun. */
capnp_question *rig_begin(struct rig *r, capnp_cap *c, uint16_t method, capnp_cap *given);
/* 0, or as it failed: rig_said. Frees it. */
int rig_finish(capnp_question *q);
/* An object of the client's own, that answers ECHO. */
capnp_cap *rig_own(struct rig *r);
/* Ends what HOLD keeps. */
void rig_release(struct rig *r);

/* Notices of the session manager. */
void rig_notice_ended(struct rig *r, const char *why);
void rig_notice_revoked(struct rig *r, const char *name);
/* Somebody wants to know of each call, or nobody any more. */
void rig_notice_traced(struct rig *r, bool on);
/* The session is otherwise than it was. */
void rig_notice_renewed(struct rig *r);

#endif
