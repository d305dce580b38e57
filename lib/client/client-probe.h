/* Eight things that an instance has to refuse: what is sent, and what has to come. */
#ifndef CAPOS_CLIENT_PROBE_H
#define CAPOS_CLIENT_PROBE_H

#include <capos/capos-client.h>

enum {
        CLIENT_PROBE_WORDS = 200,
        CLIENT_PROBE_REFERENCES = 4096, /* the most that a probe fills a session with */
};

/* In the order in which they are shown. */
enum client_probe {
        CLIENT_PROBE_UNKNOWN_NAME,
        CLIENT_PROBE_WRONG_INTERFACE,
        CLIENT_PROBE_WRONG_PROFILE,
        CLIENT_PROBE_DISABLED_METHOD,
        CLIENT_PROBE_SECOND_LOGIN,
        CLIENT_PROBE_TRANSFER,
        CLIENT_PROBE_QUOTA,
        CLIENT_PROBE_STALE_CALL,
        CLIENT_PROBES,
};

struct client_probe_row {
        const char *expected;
        char sent[CLIENT_PROBE_WORDS];
        char came[CLIENT_PROBE_WORDS]; /* "": nothing yet, or it cannot be tried */
        char why[CLIENT_PROBE_WORDS];  /* … why not */
};

/* A reference that may not go where it is passed. */
struct client_probe_transfer {
        struct capos_cap_entry what, to;
        struct capnp_method_info method;
        struct capnp_field_info field;
};

/* What a row is called. */
const char *client_probe_name(enum client_probe p);
/* Makes a row of it, which nothing has come of. */
void client_probe_begin(enum client_probe p, struct client_probe_row *r);
/* It cannot be tried: printf-like. */
void client_probe_skip(struct client_probe_row *r, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* Whether what came is what had to. */
bool client_probe_is_good(const struct client_probe_row *r);
/* What came of a question, by which it has ended. */
void client_probe_came(struct client_probe_row *r, const capnp_question *q);

/*
 * The question of a probe that has one; of `quota`, one of those that fill a session; `transfer`
 * has others, below. c: the session that is looked at, or a connection of the probe's own. kind: of
 * `second-login`. session: of `stale-call`, kept over the logout. NULL: it cannot be tried, or
 * there is no memory, as the row says.
 */
capnp_question *client_probe_ask(enum client_probe p, const capos_client *c, enum capos_auth kind,
                                 capnp_cap *session, struct client_probe_row *r);
/* How many references `quota` asks for, one more than there may be. 0: the row says why none. */
uint32_t client_probe_fill(const capos_client *c, struct client_probe_row *r);
/* A way in for nobody, or one that is not offered: whether there is one. */
bool client_probe_method(const capos_client *c, bool enabled, bool nobody, enum capos_auth *ret);

/* What `transfer` would pass on, and where to, by the schemas that are known. The capability is got
 * first, by the question: while it is a promise, the call could go ahead of it. NULL: as above. */
capnp_question *client_probe_get(capos_client *c, struct client_probe_transfer *ret,
                                 struct client_probe_row *r);
/* … and passes it on. got: the question, which has results. NULL: it could not be made, and that
 * has come of it. */
capnp_question *client_probe_pass(capos_client *c, const struct client_probe_transfer *t,
                                  capnp_question *got, struct client_probe_row *r);

#endif
