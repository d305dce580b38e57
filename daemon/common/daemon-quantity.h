/* Durations and sizes as people write them in a manifest. */
#ifndef CAPOS_DAEMON_QUANTITY_H
#define CAPOS_DAEMON_QUANTITY_H

#include <capos/capnp-base.h>

/* `90s`, `8h`, `1h30m`, `250ms`, `7d`, `2w`: whole numbers, each with its unit, the larger before
 * the smaller. false: it is no duration, or longer than UINT64_MAX milliseconds. */
bool daemon_duration_read(capnp_text t, uint64_t *ret_ms) CAPNP_MUST_USE;
/* `512B`, `64KiB`, `8MiB`, `1GiB`. false: it is no size. */
bool daemon_size_read(capnp_text t, uint64_t *ret_bytes) CAPNP_MUST_USE;

/* The same where it was checked before; 0 for what is none. */
uint64_t daemon_duration(capnp_text t);
uint64_t daemon_size(capnp_text t);

enum { DAEMON_DURATION_TEXT = 48 };
/* 90000 as `1 min 30 s`: its two largest units, for people. Returns out. */
const char *daemon_duration_say(uint64_t ms, char out[DAEMON_DURATION_TEXT]);

#endif
