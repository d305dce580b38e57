/* One line an event, on standard error, with a priority that journald understands. */
#ifndef CAPOS_DAEMON_LOG_H
#define CAPOS_DAEMON_LOG_H

#include <capos/capnp-base.h>

#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO: the numbers alone */

enum { DAEMON_LOG_BYTES = 128 }; /* of a client's text */

/* A client's text, made fit for a line: at most 128 bytes of it, what is not printable as \xNN. */
struct daemon_log_text {
        char s[4 * DAEMON_LOG_BYTES + 4];
};

/* Writes `<priority>program: text`. What comes from a client goes through daemon_log_text(). */
void daemon_log(int priority, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* p: needs no NUL. What is longer is cut, and ends with an ellipsis. */
struct daemon_log_text daemon_log_text(const char *p, size_t len);

#endif
