/* Offers: what the client has lent to services for composing panes. */
#ifndef CAPOS_WORKER_OFFER_H
#define CAPOS_WORKER_OFFER_H

#include "worker.h"

/* Answers RemoteSession.offerUi and offerSurface. */
int offer_host(struct worker *w, capnp_answer *a);
int offer_surface(struct worker *w, capnp_answer *a);
/* RemoteSession.reportUi. */
int offer_report_none(struct worker *w, capnp_answer *a);
/* The bundle is another one: what may not go on ends. */
void offers_follow(struct worker *w);
/* A capability is taken back: ends those of that service, before its calls fail. */
void offers_revoke(struct worker *w, capnp_text service, capnp_text why);
/* Ends all of them. reason: what RemoteUiOffer.ended returns. */
void offers_end_all(struct worker *w, const char *reason);
bool offer_owns(const capnp_cap *c);

#endif
