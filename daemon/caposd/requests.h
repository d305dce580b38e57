/* Processes for one request each, copies of a zygote's: provers, fetchers. */
#ifndef CAPOS_CAPOSD_REQUESTS_H
#define CAPOS_CAPOSD_REQUESTS_H

#include "base-list.h"
#include "copies.h"
#include "program.h"

/* What is made for requests of a kind. */
struct request_kind {
        const char *name;        /* of the program, and for the log */
        enum confine_user user;  /* whose number it gets */
        bool network;            /* it has the machine's, and what names are looked up by */
        unsigned most;           /* at once */
        uint64_t patience_ms;    /* after which one is killed */
        enum packet_type answer; /* what the session manager gets its socket with */
};

extern const struct request_kind REQUEST_PROVER, REQUEST_FETCHER;

struct requests {
        /* Borrowed, and set before requests_init(). */
        const struct request_kind *kind;
        struct keeper *keeper;
        struct daemon_link *sessiond;
        struct copies *copies;
        bool wanted; /* else there is not even a zygote */

        struct program zygote;
        struct capnp_i_list list; /* struct request */
        unsigned n, forks;        /* forks: of this zygote */
        uint32_t last_id;
        bool tired; /* the zygote has to be replaced */
};

/* 0, or -errno: requests_deinit() is to be called all the same. */
int requests_init(struct requests *rs) CAPNP_MUST_USE;
/* Takes a zeroed one, too. */
void requests_deinit(struct requests *rs);
/* Something is wanted that was not, maybe. 0; CAPOSD_E_SAID; -errno. */
int requests_want(struct requests *rs) CAPNP_MUST_USE;
/* Starts the zygote, if one is wanted. */
void requests_begin(struct requests *rs);
/* Whether requests can be answered, or nobody will have one. */
bool requests_is_ready(const struct requests *rs);
/* Has a process made, and sends the session manager its socket, whose other end is closed when none
 * can be. 0; -errno: there is not even a socket, so that it would wait for ever. */
int requests_start(struct requests *rs, uint32_t request) CAPNP_MUST_USE;
void requests_kill_all(struct requests *rs);
/* Whether none is left, and no zygote. */
bool requests_none(const struct requests *rs);

#endif
