/*
 * Which client certificates are believed, as bytes that travel to whoever judges: authorities, and
 * rules about what they may have issued.
 *
 * A sequence of records, each one byte of kind, four of length (big-endian), and its bytes.
 */
#ifndef CAPOS_TLS_RULES_H
#define CAPOS_TLS_RULES_H

#include <capos/capnp-base.h>

enum tls_rules_kind {
        TLS_RULES_AUTHORITY = 1, /* begins an authority: its certificates, PEM */
        TLS_RULES_CRL,           /* of the authority before it: lists of revocations, PEM */
        TLS_RULES_RULE,          /* begins a rule; the number of its authority, 4 bytes, or none */
        TLS_RULES_SPIFFE, /* of the rule before it: an id, or all below one: spiffe://a/b/(*) */
        TLS_RULES_DNS,    /* … a host, or one label before it: *.example.org */
        TLS_RULES_EMAIL,  /* … an address, or all of a host: *@example.org */
        TLS_RULES_PIN,    /* … SHA-256 of a SubjectPublicKeyInfo, 32 bytes */
};

enum {
        TLS_RULES_AUTHORITIES = 32, /* at most */
        TLS_RULES_RULES = 256,
        TLS_RULES_BYTES = 256, /* of a pattern */
};

/* A reader; zeroed but for left it is at its beginning. */
struct tls_rules_at {
        capnp_data left;
};

/* The next record. 0; CAPNP_E_SHORT: there is none; CAPNP_E_PROTOCOL: what is left is none. */
int capos_i_tls_rules_next(struct tls_rules_at *at, enum tls_rules_kind *ret_kind,
                           capnp_data *ret) CAPNP_MUST_USE;
/* Adds a record. 0; CAPNP_E_LIMIT: it does not fit into room bytes. *len: as before, and after. */
int capos_i_tls_rules_add(uint8_t *out, size_t room, size_t *len, enum tls_rules_kind kind,
                          capnp_data bytes) CAPNP_MUST_USE;

/* Whether a text is a pattern of its kind (SPIFFE, DNS, EMAIL). */
bool capos_i_tls_pattern_good(enum tls_rules_kind kind, capnp_text pattern);
/* Whether a name in a certificate meets a pattern. A name that could not be one does not. */
bool capos_i_tls_pattern_matches(enum tls_rules_kind kind, capnp_text pattern, capnp_text name);

#endif
