/* The links to caposd, the gateway and the signer, outward. */
#ifndef SESSIOND_LINKS_H
#define SESSIOND_LINKS_H

#include <stdbool.h>

#include "daemon-packets.h"

struct sessiond;

/* Packets out; what they mean is in daemon-packets.h. */
void link_send_up(struct sessiond *s, const struct packet *p);
void link_send_gate(struct sessiond *s, const struct packet *p, const int *fds);
void link_send_signer(struct sessiond *s, const struct packet *p, const int *fds);
/* Whether there is a signer. */
bool link_has_signer(const struct sessiond *s);
/* What the signer has sent already is handled. */
void link_hear_signer(struct sessiond *s);
void link_kill(struct sessiond *s, uint64_t event);
/* Whether caposd has hung up: what goes away now goes because the instance ends. */
bool link_has_ended(void);

#endif
