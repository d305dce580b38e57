/**
 * @file
 * The names that capOS remote sessions use on the wire: why something was refused, and how somebody
 * authenticates. They are schema/remote_session.capnp's, for programs that do not generate code
 * from it.
 */
#ifndef CAPOS_NAMES_H
#define CAPOS_NAMES_H

#include "capnp-base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Why something was refused: RemoteDenial, the same values. */
enum capos_denial {
        CAPOS_DENIED_NONE,            /**< it was not */
        CAPOS_DENIED_UNKNOWN_NAME,    /**< the session has no capability of this name */
        CAPOS_DENIED_WRONG_INTERFACE, /**< it has another interface than the caller expects */
        CAPOS_DENIED_PROFILE,         /**< no such profile, or not for this principal or method */
        CAPOS_DENIED_STALE_SESSION,   /**< the session has ended; the text says how */
        CAPOS_DENIED_REVOKED_LEASE,   /**< an administrator has taken this capability back */
        CAPOS_DENIED_METHOD_DISABLED, /**< the instance does not offer this method */
        CAPOS_DENIED_CREDENTIALS,     /**< the proof does not convince */
        CAPOS_DENIED_ALREADY_BOUND,   /**< the connection has a session already */
        CAPOS_DENIED_TRANSFER,        /**< the capability may not be passed on to there */
        CAPOS_DENIED_FLOW,            /**< the authentication flow is over */
        CAPOS_DENIED_BACKOFF,         /**< too many failures; the text says for how long */
        CAPOS_DENIED_WEAK_PROOF,      /**< a renewal by less than what made the session */
        CAPOS_DENIED_METHOD,          /**< the capability was granted without this method */
        CAPOS_DENIED_UI,              /**< the profile does not let this service propose panes */
        CAPOS_DENIED_WITHDRAWN,       /**< to a service: the host has taken back what it lent */
};

/** How somebody authenticates: RemoteAuthKind, the same values. */
enum capos_auth {
        CAPOS_AUTH_PASSWORD,         /**< a password */
        CAPOS_AUTH_PUBLIC_KEY,       /**< a signature by an OpenSSH key */
        CAPOS_AUTH_OIDC_DEVICE_CODE, /**< OpenID Connect, a code typed elsewhere */
        CAPOS_AUTH_OIDC_PKCE,        /**< OpenID Connect, through a browser */
        CAPOS_AUTH_PASSKEY,          /**< WebAuthn */
        CAPOS_AUTH_MTLS,             /**< a client certificate */
        CAPOS_AUTH_GUEST,            /**< nobody, by the profile for guests */
        CAPOS_AUTH_ANONYMOUS,        /**< nobody in particular */
        CAPOS_AUTH_SERVICE,          /**< a credential of a service or workload */
        CAPOS_AUTH_KINDS,            /**< how many there are */
};

/**
 * The code of a denial, as it begins an exception's text.
 *
 * @param d  the denial
 * @return   "denied.unknown-name" and so forth; "none" for none and for values that are none
 */
CAPNP_PUBLIC const char *capos_denial_code(enum capos_denial d);

/**
 * Finds the denial in the text of an exception of type `failed`. Any number of
 * "remote exception: " before it, which some implementations add at each hop, is skipped.
 *
 * @param text  the exception's text
 * @return      the denial; CAPOS_DENIED_NONE: it is none, or one that this version does not know
 */
CAPNP_PUBLIC enum capos_denial capos_denial_of_text(const char *text);

/**
 * What a text says to a person, behind the code.
 *
 * @param text  the exception's text
 * @return      the rest of it, borrowed; "" when there is no more
 */
CAPNP_PUBLIC const char *capos_denial_detail_peek(const char *text);

/**
 * Finds the quota in the text of an exception of type `overloaded`: "flows" for
 * "over-quota.flows: …".
 *
 * @param text     the exception's text
 * @param ret_len  bytes of the quota's name; unset when there is none
 * @return         the name, borrowed, not terminated; NULL: no quota of the instance's
 */
CAPNP_PUBLIC const char *capos_quota_of_text_peek(const char *text, size_t *ret_len);

/**
 * The schema's name of a kind of authentication.
 *
 * @param kind  the number, possibly a peer's
 * @return      "publicKey" and so forth; "unknown" for a number that is none
 */
CAPNP_PUBLIC const char *capos_auth_name(unsigned kind);

/**
 * Words for a person for a kind of authentication.
 *
 * @param kind  the number, possibly a peer's
 * @return      "Public key" and so forth; "Unknown" for a number that is none
 */
CAPNP_PUBLIC const char *capos_auth_label(unsigned kind);

/**
 * The kind that has a name.
 *
 * @param name      the schema's name
 * @param ret_kind  the kind; unset when there is none
 * @return          0; CAPNP_E_UNKNOWN: no kind has this name
 */
CAPNP_PUBLIC int capos_auth_of_name(const char *name, enum capos_auth *ret_kind) CAPNP_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
