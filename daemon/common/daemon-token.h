/*
 * What a token has to be good for, as bytes that travel to a prover, and what it answers.
 *
 * PROOF_TOKEN judges a signed JSON Web Token. Its parts:
 *
 *   0  struct token_wanted, then records: the issuers that are believed (TOKEN_ISSUER begins one)
 *   1  the token
 *   2  the access token that came beside it, for `at_hash`; empty: there is none
 *
 * The prover takes the first issuer whose TOKEN_NAME is the token's `iss`, byte by byte. Its
 * verdict (struct proof_verdict), for a good one:
 *
 *   issuer    which issuer: the first is 0
 *   rule      which of that issuer's rules is met, the first that is; TOKEN_NO_RULE: none. A token
 *             that meets none is good all the same: what it is good for is the asker's to say
 *   name      `sub`: 1 to 255 bytes, no NUL. Foreign: it may be any UTF-8
 *   subject   the id of the key that has signed it (`kid`), printable
 *   until_s   `exp`
 *   key_hash  SHA-256 of its header and claims as they were signed, to keep it from being used
 *             twice: the signature is not in it, as whoever has one of ECDSA can make another
 *
 * and for a refused one reason (enum token_err, or PROOF_REASON_MEMORY) and subject: why, in
 * printable words, for the audit log and not for the client. TOKEN_E_UNKNOWN_KEY is the one reason
 * that may pass: whoever can fetch the issuer's keys may do that once, and ask again; issuer then
 * says whose.
 *
 * PROOF_TOKEN_KEY reads a public key: part 0 is its text, PEM or a JSON Web Key, part 1 the id
 * that it is to have; empty: its own `kid`, or else its thumbprint (RFC 7638). For a good one
 * verifier is the key as a JSON Web Key of one line, with that id; name the id; key_hash the
 * thumbprint. For a bad one subject is why, in words for whoever brought it.
 */
#ifndef DAEMON_TOKEN_H
#define DAEMON_TOKEN_H

#include <capos/capnp-base.h>

/* What can be wrong with a token. */
enum token_err {
        TOKEN_E_FORM = 1,    /* no signed token: not three parts, not base64url, not JSON */
        TOKEN_E_ALGORITHM,   /* one that is not accepted, `none` above all */
        TOKEN_E_HEADER,      /* it wants something that is not understood here (`crit`), or brings a
                              * key */
        TOKEN_E_TYPE,        /* a token for something else */
        TOKEN_E_KEYS,        /* the set of keys cannot be read */
        TOKEN_E_KEY,         /* it names no key, or one that two have, or that is not for this */
        TOKEN_E_UNKNOWN_KEY, /* no key has the id that it names */
        TOKEN_E_SIGNATURE,   /* not signed by that key */
        TOKEN_E_ISSUER,      /* from somebody else */
        TOKEN_E_AUDIENCE,    /* for somebody else */
        TOKEN_E_EXPIRED,
        TOKEN_E_LONG,    /* good for longer than is taken */
        TOKEN_E_EARLY,   /* not valid yet, or issued in the future */
        TOKEN_E_NONCE,   /* for another login */
        TOKEN_E_SUBJECT, /* for nobody, or not for whom it has to be */
        TOKEN_E_HASH,    /* the access token beside it is another */
        TOKEN_E_UNDATED, /* it does not say when its owner has proved himself (`auth_time`) */
        TOKEN_E_STALE,   /* … and that was before he was asked to */
        TOKEN_E_WANTED,  /* what it has to be good for cannot be read: our own fault */
};

enum {
        TOKEN_BYTES = 32 * 1024,      /* of a token */
        TOKEN_KEYS_BYTES = 48 * 1024, /* of a set of keys. All parts together: PROOF_BYTES */
        TOKEN_NONCE_TEXT = 44,        /* base64url of 32 bytes without padding, and a NUL */
        TOKEN_SUBJECT_BYTES = 255,
        TOKEN_KEY_ID_BYTES = 128,
        TOKEN_SKEW_S = 60,             /* clocks differ by that */
        TOKEN_RULES_BYTES = 12 * 1024, /* of the records of an issuer's rules */
        TOKEN_HEADER_BYTES = 5,        /* of a record, before its bytes */
};

#define TOKEN_NO_RULE UINT32_MAX

/* At the beginning of part 0. */
struct token_wanted {
        int64_t now_s;                /* seconds since 1970 */
        char nonce[TOKEN_NONCE_TEXT]; /* of TOKEN_NONCE */
        uint32_t fresh_s; /* `auth_time` is at most so long ago; 0: it is not looked at */
};

/* Of an issuer. */
enum token_flag {
        TOKEN_NONCE = 1, /* `nonce` has to be the one that is wanted; else it is not looked at */
        /* An access token: `typ` may also be `at+jwt` (RFC 9068), and `azp` is whoever asked for
         * it. Else `azp`, where there is one, must be an audience of ours, and it must be there
         * where there are other audiences beside. */
        TOKEN_ACCESS = 2,
};

enum token_record {
        TOKEN_ISSUER = 1, /* begins an issuer: struct token_issuer */
        TOKEN_NAME,       /* of the issuer before it: its `iss`. Once */
        TOKEN_AUDIENCE,   /* … who must be in `aud`. Of several (8 at most), one */
        TOKEN_SUBJECT,    /* … what `sub` must be. Once; without it, anything */
        TOKEN_KEYS,       /* … its JSON Web Key Set. Once; without it, no key is known */
        TOKEN_RULE,       /* … begins a rule. Empty */
        /* Of the rule before it: a claim's name, NUL, and its value. A text, a number and a truth
         * value must be it; of a list one must. A * at its end stands for any rest. A rule is met
         * when all its claims are; one without any always is. */
        TOKEN_CLAIM,
};

struct token_issuer {
        uint32_t flags;  /* enum token_flag */
        uint32_t life_s; /* the latest `exp`: so long from now; 0: any */
};

/* Adds a record: its kind, the length and the bytes. 0; CAPNP_E_LIMIT: it does not fit into room
 * bytes. *len: as before, and after. */
int daemon_token_add(uint8_t *out, size_t room, size_t *len, enum token_record kind,
                     capnp_data bytes) CAPNP_MUST_USE;
/* Takes the next record off the front of *left. 0; CAPNP_E_SHORT: there is none;
 * CAPNP_E_PROTOCOL: what is left is none. */
int daemon_token_next(capnp_data *left, enum token_record *ret_kind,
                      capnp_data *ret) CAPNP_MUST_USE;

#endif
