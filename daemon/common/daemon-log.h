/* One line an event, on standard error: for people, or for the journal if it is that. */
#ifndef CAPOS_DAEMON_LOG_H
#define CAPOS_DAEMON_LOG_H

#include <capos/capnp-base.h>

#include <syslog.h> /* LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO: the numbers alone */

enum { DAEMON_LOG_BYTES = 128 }; /* of a client's text */

/* A client's text, made fit for a line: at most 128 bytes of it, what is not printable as \xNN. */
struct daemon_log_text {
        char s[4 * DAEMON_LOG_BYTES + 4];
};

/* For lines that strangers can cause: five a second and sixty at once. Zeroed at first. */
struct daemon_log_rate {
        uint64_t since_ms, lost;
        unsigned left;
};

/* Writes `2026-11-28 17:50:12Z program: warning: text`, or `<4>program: text` to the journal. What
 * comes from a client goes through daemon_log_text(). */
void daemon_log(int priority, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* From now on this process writes the text alone: somebody has asked it something, and waits. */
void daemon_log_to_somebody(void);
/* Has what is logged as an error written to a file, too, from now on: a line each, without the
 * time. -1: not any more. For a process that is asked why something did not work. */
void daemon_log_copy(int fd);
/* Whether another line may be written; how many were not is said with the next that may. now_ms: of
 * any clock that goes on. */
bool daemon_log_may(struct daemon_log_rate *r, uint64_t now_ms);
/* p: needs no NUL. What is longer is cut, and ends with an ellipsis. */
struct daemon_log_text daemon_log_text(const char *p, size_t len);

#endif
