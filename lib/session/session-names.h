/* The names that admission uses on the wire: kinds of authentication, and codes of denials. */
#ifndef CAPOS_SESSION_NAMES_H
#define CAPOS_SESSION_NAMES_H

#include <capos/capnp-base.h>

/* Why something was refused: RemoteDenial of schema/remote_session.capnp, the same values. */
enum capos_denial {
        CAPOS_DENIED_NONE,
        CAPOS_DENIED_UNKNOWN_NAME,
        CAPOS_DENIED_WRONG_INTERFACE,
        CAPOS_DENIED_PROFILE,
        CAPOS_DENIED_STALE_SESSION,
        CAPOS_DENIED_REVOKED_LEASE,
        CAPOS_DENIED_METHOD_DISABLED,
        CAPOS_DENIED_CREDENTIALS,
        CAPOS_DENIED_ALREADY_BOUND,
        CAPOS_DENIED_TRANSFER,
        CAPOS_DENIED_FLOW,
        CAPOS_DENIED_BACKOFF,
};

/* How somebody authenticates: RemoteAuthKind of the same schema, the same values. */
enum capos_auth {
        CAPOS_AUTH_PASSWORD,
        CAPOS_AUTH_PUBLIC_KEY,
        CAPOS_AUTH_OIDC_DEVICE_CODE,
        CAPOS_AUTH_OIDC_PKCE,
        CAPOS_AUTH_PASSKEY,
        CAPOS_AUTH_MTLS,
        CAPOS_AUTH_GUEST,
        CAPOS_AUTH_ANONYMOUS,
        CAPOS_AUTH_SERVICE,
        CAPOS_AUTH_KINDS,
};

/* The code of a denial as it begins an exception's text: "denied.unknown-name". */
const char *capos_denial_code(enum capos_denial d);
/*
 * What a text says that came as an exception of type `failed`, after any number of
 * "remote exception: ". CAPOS_DENIED_NONE: it is no denial. A code that this version does not know
 * is CAPOS_DENIED_NONE, too.
 */
enum capos_denial capos_denial_of_text(const char *text);
/* The text behind the code, for a person: "" when there is none. Borrowed from text. */
const char *capos_denial_detail_peek(const char *text);
/* The first word of a text of type `overloaded`, when it is a quota of ours: "flows" for
 * "over-quota.flows …". len bytes of text; NULL when it is none. */
const char *capos_quota_of_text_peek(const char *text, size_t *ret_len);

/* The schema's name of a kind: "publicKey". "unknown" for a number that is none. */
const char *capos_auth_name(unsigned kind);
/* Words for a person: "Public key". */
const char *capos_auth_label(unsigned kind);
/* 0; CAPNP_E_UNKNOWN: no kind has this name. */
int capos_auth_of_name(const char *name, enum capos_auth *ret_kind) CAPNP_MUST_USE;

#endif
