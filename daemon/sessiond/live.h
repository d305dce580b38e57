/* What has happened of late: calls of sessions and records of the audit log, for who looks on. */
#ifndef SESSIOND_LIVE_H
#define SESSIOND_LIVE_H

#include "base-list.h"
#include "session-audit.h"

#include <capos/capnp.h>

struct sessiond;

enum {
        LIVE_CALLS = 1024,     /* that are kept, … */
        LIVE_RECORDS = 256,    /* … likewise */
        LIVE_AT_ONCE = 64,     /* that are told at once */
        LIVE_WAITERS = 8,      /* who wait for more */
        LIVE_WAIT_MS = 10000,  /* … and for so long, at most */
        LIVE_ASKED_MS = 10000, /* after somebody has asked, calls are traced */
        LIVE_WORD_BYTES = 64,
};

/* A call, as its worker has told of it. */
struct live_call {
        uint64_t sequence, at_ms, micros, interface_id, bytes;
        uint16_t method;
        char session[40], account[40], profile[64];
        char capability[LIVE_WORD_BYTES + 1], outcome[LIVE_WORD_BYTES + 1];
        char name[LIVE_WORD_BYTES + 1]; /* of the method; "": not known */
};

/* A record, without what others have worded. */
struct live_record {
        uint64_t sequence, at_ms, times;
        bool from_worker;
        char what[32], session[40], account[40], profile[64];
        char capability[LIVE_WORD_BYTES + 1], outcome[LIVE_WORD_BYTES + 1];
};

struct live {
        struct sessiond *s;
        bool traced; /* somebody wants to know of calls */
        uint64_t asked_ms;
        capnp_timer *off;
        struct live_call *calls; /* NULL: nobody has asked */
        struct live_record *records;
        uint64_t ncalls, nrecords; /* that were ever put there */
        uint64_t last;             /* the number of the latest call */
        uint64_t written, refused; /* records, and refusals among them */
        struct capnp_i_list waiters;
        unsigned nwaiters;
};

/* Begins to keep the records that are written from now on. 0 or -ENOMEM. */
int live_init(struct live *l, struct sessiond *s) CAPNP_MUST_USE;
/* Fails who waits. */
void live_deinit(struct live *l);
/* Whether a word of a worker's is one as names and codes are. */
bool live_word_is_good(capnp_text t);
/* A record was written; it has this number. arg: the live. */
void live_record(void *arg, const struct capos_audit_record *r, uint64_t number);
/* A call; its number is filled in. Nothing while nobody traces. */
void live_call(struct live *l, const struct live_call *c);
/* So many more were left out. */
void live_left_out(struct live *l, uint32_t n);
/* Tells of calls that were put there who waits for them. */
void live_tell_calls(struct live *l);
/* InstanceView.audit, CallTrace.recent. Take a. */
int live_ask_records(struct live *l, capnp_answer *a);
int live_ask_calls(struct live *l, capnp_answer *a);

#endif
