/* Requests to identity providers, made elsewhere: a queue of jobs, and a few fetchers at once. */
#ifndef SESSIOND_FETCH_H
#define SESSIOND_FETCH_H

#include "base-list.h"
#include "daemon-fetch.h"
#include "turns.h"

#include <capos/capnp.h>

enum {
        FETCH_AT_ONCE = 4,
        FETCH_WAITING = 128, /* beyond it whoever has most gives way */
        FETCH_OF_PARTY = 64, /* … likewise */
        FETCH_OF_SOURCE = 16,
        FETCH_OF_CONNECTION = 5,
        FETCH_MS = 20000,    /* a fetcher that takes longer has failed */
        FETCH_EVERY_MS = 40, /* providers are asked so often, … */
        FETCH_BURST = 50,    /* … after so many at once */
};

struct fetch_job;
struct sessiond;

struct fetcher {
        struct sessiond *s;
        struct turns waiting;
        struct capnp_i_list running;
        uint64_t due_ms;    /* when the next would come, were they evenly spaced */
        capnp_timer *again; /* for whoever waits for that */
        uint32_t last_request;
};

/* reply: NULL: there was no room for the job, or its fetcher has failed. Called once for every job,
 * from the loop or by fetcher_deinit(). */
typedef void fetch_done(void *arg, const struct fetch_reply *reply);

void fetcher_init(struct fetcher *f, struct sessiond *s);
/* Ends all jobs; nothing may be started any more. */
void fetcher_deinit(struct fetcher *f);

/*
 * Has something fetched. q: copied, and wiped when the job ends. path: whose turn it is. 0: done
 * will be called, and not before this returns; CAPNP_E_LIMIT: too many are waiting; -ENOMEM.
 */
int fetch_start(struct fetcher *f, const struct fetch_request *q, const struct turns_path *path,
                fetch_done *done, void *arg, struct fetch_job **ret_job) CAPNP_MUST_USE;
/* Nobody wants to know any more: done is not called. */
void fetch_forget(struct fetch_job *j);
/* caposd's answer to a request; fd is taken. */
void fetcher_arrived(struct fetcher *f, uint32_t request, int fd);

#endif
