/* The process of one browser. */
#ifndef CAPOS_WEB_SESSION_H
#define CAPOS_WEB_SESSION_H

#include "options.h"
#include "packets.h"

/* Serves a browser until its session is over; ends the process. fds: where WebSockets come by, and
 * the one for words. */
void session_run(const struct web_options *o, const struct packet_start *s, const int fds[2]);

#endif
