/* What passes between a service and what a host has lent it. */
#ifndef CAPOS_WORKER_OFFER_POLICY_H
#define CAPOS_WORKER_OFFER_POLICY_H

#include "worker.h"

/* So much of something in a second, and so much at once. */
struct offer_pace {
        uint32_t per_second;
        uint64_t at_once;
};

/* Whether n more are within the pace at now_ms; they are taken then. */
bool offer_rate_take(struct offer_rate *r, struct offer_pace pace, uint64_t n,
                     uint64_t now_ms) CAPNP_MUST_USE;

/* What is recorded of an offer: so many at once, and then one in a minute. */
enum offer_event {
        OFFER_OPENS,
        OFFER_CLOSES,
        OFFER_THEME,
        OFFER_PERSISTS,
        OFFER_QUOTA,
        OFFER_EVENTS
};

struct offer_told {
        unsigned n;
        uint64_t at_ms;
};

/* Of one offer. */
struct offer_policy {
        struct worker *w;
        const char *service;
        bool surface;                   /* one pane was lent, and no host */
        const capnp_membrane *membrane; /* borrowed; NULL: it has ended, or not begun */
        struct offer_rate patches, bytes;
        struct offer_told told[OFFER_EVENTS];
};

/* For what goes to this service; both texts and objects outlive it. */
void offer_policy_init(struct offer_policy *p, struct worker *w, const char *service, bool surface);
/* Of a membrane that leads to a host, or to a surface, as in struct capnp_membrane_ops. self:
 * struct offer_policy. */
int offer_policy_pass(void *self, bool inward, uint64_t iface, uint16_t method, uint64_t bytes,
                      capnp_exception *ret_why);
int offer_policy_look(void *self, const struct capnp_membrane_call *c, capnp_exception *ret_why);
int offer_policy_transfer(void *self, bool inward, capnp_cap *c, capnp_exception *ret_why);
void offer_policy_reason(void *self, capnp_exception why, char *out);

#endif
