/*
 * What goes out over the links. What comes in is the session manager's as a whole (sessiond.c).
 */
#include "links.h"

#include <poll.h>

#include "sessiond.h"

void link_send_up(struct sessiond *s, const struct packet *p)
{
        daemon_link_send(&s->up, p, NULL);
}

void link_send_gate(struct sessiond *s, const struct packet *p, const int *fds)
{
        daemon_link_send(&s->gate, p, fds);
}

void link_send_signer(struct sessiond *s, const struct packet *p, const int *fds)
{
        daemon_link_send(&s->signer, p, fds);
}

bool link_has_signer(const struct sessiond *s)
{
        return !daemon_link_is_over(&s->signer);
}

void link_hear_signer(struct sessiond *s)
{
        daemon_link_drain(&s->signer);
}

void link_kill(struct sessiond *s, uint64_t event)
{
        link_send_up(s, &(struct packet){.type = PACKET_KILL, .event = event});
}

bool link_has_ended(void)
{
        struct pollfd p = {.fd = LINK_FD, .events = POLLRDHUP};

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLNVAL));
}
