/* Whether a client's certificate meets a rule. */
#ifndef CAPOS_TLS_POLICY_H
#define CAPOS_TLS_POLICY_H

#include "tls-recheck.h"

/* What a client has shown. */
struct tls_shown {
        X509 *leaf;
        STACK_OF(X509) * rest; /* what it sent beside it; trusted for nothing */
        uint8_t key_hash[TLS_KEY_HASH_BYTES];
        int64_t now; /* seconds since 1970 */
};

/* Finds the first rule that it meets, and fills in rule, until and name. 0; of enum
 * tls_recheck_err, _CERTIFICATE and what comes after _RULES; -ENOMEM. */
int capos_i_tls_policy_judge(capnp_data rules, const struct tls_shown *shown,
                             struct tls_client *ret) CAPNP_MUST_USE;
/* Whether records can be read: authorities' certificates and lists, rules, patterns. 0;
 * TLS_RECHECK_E_RULES; -ENOMEM. */
int capos_i_tls_policy_check(capnp_data rules) CAPNP_MUST_USE;
/* When the first of the lists in records that can be read has to be followed by another, in seconds
 * since 1970; 0: there is none, or none that says so. */
int64_t capos_i_tls_policy_lists_until(capnp_data rules);
/* When the first of the authorities' certificates is over, likewise; 0: there is none. */
int64_t capos_i_tls_policy_authorities_until(capnp_data rules);

#endif
