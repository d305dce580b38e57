/*
 * The packets of the links between processes (doc/design/instance.md). A packet is exactly one of
 * these structs; whoever receives one checks its size by ==.
 */
#ifndef CAPOS_DAEMON_PACKETS_H
#define CAPOS_DAEMON_PACKETS_H

#include <stdint.h>

enum packet_type {
        PACKET_READY = 1,
        PACKET_GATEWAY,
        PACKET_SERVICE,
        PACKET_PROVER,
        PACKET_PROVE,
        PACKET_WORKERS,
        PACKET_KILL,
        PACKET_SESSIOND,
        PACKET_WORKER_READY,
        PACKET_WORKER_GONE,
        PACKET_WORKER_LIVE,
        PACKET_WORKER_USED,
        PACKET_WORKER_BOUND,
        PACKET_EVENT,
        PACKET_ADMISSION,
        PACKET_ADMISSION_TLS,
        PACKET_BOUND,
        PACKET_UNBOUND,
        PACKET_REFUSED,
        PACKET_LATER, /* an event over TLS: there is no signer; to be told again after SIGNABLE */
        PACKET_SIGNABLE, /* there is one */
        PACKET_LOST,
        PACKET_ENDPOINT,
        PACKET_HANDOFF,
        PACKET_HANDOFF_TLS,
        PACKET_FORK,
        PACKET_FORKED,
        PACKET_CONTROL,
        PACKET_CHECK,
        PACKET_CHECKED,
        PACKET_SIGNER,
        PACKET_SIGN,
        PACKET_SIGNED,
        PACKET_RENEW,
        PACKET_RELOAD,
        PACKET_RELOADED,
        PACKET_REREAD,
        PACKET_RULES, /* for client certificates: a memory file of records (lib/tls/tls-rules.h) */
        PACKET_IDENTITY,
        PACKET_CONFINED,
        PACKET_FETCH, /* something is to be fetched */
        PACKET_FETCHER,
        PACKET_PROVIDERS, /* a memory file: daemon-fetch.h */
        /* Another manifest, while the instance runs (sessiond/swap.c has the plot): */
        PACKET_CHANGE,    /* somebody wants the file to be read again */
        PACKET_CHANGED,   /* a memory file: what is wrong with it, or nothing */
        PACKET_NEXT,      /* memory files: the manifest, RULES, PROVIDERS; empty: there are none */
        PACKET_NEXT_READ, /* it has been read */
        PACKET_NEXT_SERVICE, /* as SERVICE, of one that the present manifest does not have so */
        PACKET_NEXT_CHECK,   /* as CHECK */
        PACKET_NEXT_CHECKED, /* as CHECKED */
        PACKET_SWAP,         /* from now on it is the manifest */
        PACKET_DROP,         /* it is not wanted any more */
        PACKET_OVER,         /* the instance ends, and the last worker has ended */
        PACKET_DIAL,      /* a connector wants a stream to its server; one at a time is asked for */
        PACKET_STREAM,    /* here it is */
        PACKET_NO_STREAM, /* there is none: result */
};

/* What another manifest has in common with the present one, files included: a set. */
enum packet_next {
        NEXT_SAME_ISSUERS = 1,
        NEXT_SAME_AUTHORITIES = 2, /* for SSH keys */
        NEXT_SAME_PASSKEYS = 4,
};

/* What the session manager has found when it looked at a service. */
enum packet_check {
        CHECK_GOOD,
        CHECK_SILENT,    /* it does not answer */
        CHECK_UNKNOWN,   /* it does not, and which methods its facets have is not known */
        CHECK_INTERFACE, /* it does not serve the interface that the manifest says */
        CHECK_FACET,     /* it refuses a facet that a bundle names */
        CHECK_HELD,      /* … that another service's `grants` name */
        CHECK_DECLARED,  /* it refuses one that its own entry declares */
        CHECK_METHOD,    /* its interface has not a method that its entry declares */
};

enum packet_transport { TRANSPORT_PLAIN = 0, TRANSPORT_TLS = 1, TRANSPORT_UNIX = 2 };

/* What a connection is, by what its session is. Its place is counted by that. */
enum conn_class {
        CLASS_FRESH,     /* no session yet */
        CLASS_LINGERING, /* no session any more, and still open */
        CLASS_ANONYMOUS,
        CLASS_GUEST,
        CLASS_ACCOUNT,
};

/* What a source is: daemon-source.c. */
enum source_kind {
        SOURCE_NONE,    /* could not be told: all of these are one */
        SOURCE_UID,     /* a user of this machine, and where on its loopback network */
        SOURCE_ADDRESS, /* an IPv4 address, the first 64 bits of an IPv6 one */
};

/* A plain value without holes: it travels in packets. All zero, it is SOURCE_NONE. */
struct source {
        uint32_t kind; /* enum source_kind */
        uint32_t uid;
        uint8_t prefix[16]; /* as IPv6; zero: Unix socket, 127.0.0.1 or ::1 */
};

/* Every link speaks this one struct; members a packet does not use are zero. */
struct packet {
        uint32_t type;   /* enum packet_type */
        uint32_t worker; /* caposd's number for a worker process */
        /* The gateway's number for a connection: unique while the instance runs. NEXT and what is
         * said of it: caposd's number for that manifest */
        uint64_t event;
        /* SERVICE: place in the manifest; PROVE, PROVER, FETCH, FETCHER: request; WORKERS: count;
         * GATEWAY, SESSIOND, SIGNER, LOST: introduction; ENDPOINT: which; RENEW, RELOAD, RELOADED:
         * request; CONFINED: layers that are had, of enum daemon_layer; CHANGE, CHANGED: request;
         * NEXT: enum packet_next; NEXT_READ, NEXT_CHECK, …: as those without NEXT */
        uint32_t index;
        uint32_t transport;  /* enum packet_transport */
        int32_t pid;         /* FORKED */
        uint32_t conn_class; /* BOUND, WORKER_BOUND, WORKER_LIVE: enum conn_class */
        uint32_t check;      /* CHECKED: enum packet_check */
        uint32_t profile;    /* CHECKED: for CHECK_FACET, whose bundle it is in; CHECK_HELD: which
                              * service's */
        uint32_t grant;      /* CHECKED: and where in it */
        uint32_t facet;      /* CHECKED: for CHECK_DECLARED and CHECK_METHOD, whose */
        uint32_t method;     /* CHECKED: and for CHECK_METHOD, which of it */
        /* RELOADED: 0, an enum tls_identity_err, -errno. CHANGED, NEXT_READ: 0. NO_STREAM: -errno
         */
        int32_t result;
        /* IDENTITY: when the certificate expires, in seconds since 1970. RULES: when a list of
         * revocations has to be followed by another; 0: none has to */
        int64_t until_s;
        int64_t authorities_s; /* RULES: when an authority's certificate is over, likewise */
        /* The peer's, as text: 127.0.0.1:4711, [::1]:4711, unix:uid=1000. ENDPOINT: as clients
         * write it. IDENTITY: the names of the certificate. RELOADED from caposd: the fingerprint,
         * or why the old one stays. */
        char address[120];
        struct source source; /* whom the connection is counted under */
        /* ADMISSION_TLS, HANDOFF_TLS: the event's nonce, which the handshake has to carry. SIGNED:
         * the transcript hash that was signed */
        uint8_t nonce[32];
        /* SIGNED: which key has signed; the signer's READY, RELOADED: which one it signs with now.
         * SHA-256 of the SubjectPublicKeyInfo */
        uint8_t key_hash[32];
};

/* What the gateway says first over the socket of a connection's event: a worker has it now. */
struct sign_begin {
        uint32_t zero;
};

/* What that worker then asks the signer for, once. */
struct sign_request {
        uint8_t key_hash[32]; /* of the certificate that the worker shows */
        uint8_t hash[32];     /* of the handshake through that certificate */
};

enum { SIGN_BYTES = 72 }; /* P-256 in DER; Ed25519 has 64 */

/* … and what it gets. */
struct sign_reply {
        uint32_t len;
        uint8_t signature[SIGN_BYTES];
};

/* A proof to check. The strings follow each other in bytes, in the order of their lengths. */
enum proof_kind {
        PROOF_HASH = 1, /* password -> verifier */
        PROOF_PASSWORD, /* verifier, password */
        PROOF_DUMMY,    /* password: as PROOF_PASSWORD, for an account that is not there; refused */
        PROOF_SIGNATURE, /* public key blob, SSHSIG blob, transcript */
        PROOF_NOBODY, /* as PROOF_SIGNATURE, by whatever key it names; refused. No first string */
        PROOF_KEY,    /* public key blob: convinced when it is one that can log in */
        /* messages of a handshake, struct proof_connection, rules (lib/tls/tls-rules.h) */
        PROOF_CERTIFICATE,
        PROOF_SSH_CERTIFICATE, /* struct proof_ssh and authorities, SSHSIG blob, transcript */
        PROOF_TOKEN,     /* struct token_wanted and issuers, token, access token (daemon-token.h) */
        PROOF_TOKEN_KEY, /* public key, id: convinced when tokens can be signed with it */
        PROOF_PASSKEY,   /* struct proof_passkey, AuthenticationResponseJSON, relying party */
        PROOF_PASSKEY_NEW, /* struct proof_passkey_new, RegistrationResponseJSON, relying party */
};

enum {
        PROOF_BYTES = 96 * 1024,
        PROOF_RULES_BYTES = 56 * 1024,       /* of that, beside the longest handshake */
        PROOF_AUTHORITIES_BYTES = 32 * 1024, /* struct proof_ssh and all that is believed */
        VERIFIER_BYTES = 1024,
        PROOF_SUBJECT_BYTES = 256,
        PROOF_SERIAL_BYTES = 48,
};

/* What the session manager knows of a TLS connection without its worker. */
struct proof_connection {
        uint8_t record[32];     /* the transcript hash that the signer has signed for it */
        uint8_t server_key[32]; /* … with this key */
        uint8_t nonce[32];      /* the event's */
        int64_t now_s;          /* seconds since 1970 */
};

/* What an SSH certificate is to be good for; who is believed (prover/ssh-certificate.h) follows. */
struct proof_ssh {
        int64_t now_s;     /* seconds since 1970 */
        char account[129]; /* that is claimed */
        char address[63];  /* the peer's, without its port; "": it has none */
};

enum {
        PASSKEY_CHALLENGE_BYTES = 32,
        PASSKEY_USER_BYTES = 32, /* of a user handle: an account's */
        PASSKEY_ID_BYTES = 1023, /* of a credential id, at most */
        PASSKEY_KEY_BYTES = 272, /* of a public key, as libfido2 has it, at most */
        PASSKEY_AAGUID_BYTES = 16,
        PASSKEY_AAGUIDS = 16,
        PASSKEY_RESPONSE_BYTES = 16 * 1024, /* of what an authenticator answers, as JSON */
};

/* A passkey: plain values, all zero behind what they hold. */
struct passkey {
        int32_t algorithm; /* COSE's: -7, -8, -257. 0: there is none */
        uint32_t id_len, key_len;
        uint8_t id[PASSKEY_ID_BYTES + 1];
        uint8_t key[PASSKEY_KEY_BYTES];
        uint8_t aaguid[PASSKEY_AAGUID_BYTES]; /* the authenticator's make, by its own word */
};

/* What somebody logs in by. The relying party's id and the origins are a part of their own, each
 * with a zero behind it. */
struct proof_passkey {
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES];
        uint8_t user[PASSKEY_USER_BYTES]; /* whose it is */
        uint32_t user_wanted;             /* 1: the response has to say so, for nobody else has */
        struct passkey known;             /* by this one; algorithm 0: by none, and refused */
};

/* What becomes a passkey. */
enum passkey_attestation {
        PASSKEY_ATTESTATION_NONE,
        PASSKEY_ATTESTATION_SELF,
        PASSKEY_ATTESTATION_PACKED, /* by itself, or by a certificate that it shows */
};

struct proof_passkey_new {
        uint8_t challenge[PASSKEY_CHALLENGE_BYTES];
        uint32_t attestation; /* enum passkey_attestation: what has to be shown */
        uint32_t naaguids;    /* 0: of any make */
        uint8_t aaguids[PASSKEY_AAGUIDS][PASSKEY_AAGUID_BYTES];
};

/* What a password's verifier may cost, in bytes that the work fills. */
enum { PASSWORD_MEMORY_LEAST = 8 * 1024 * 1024, PASSWORD_MEMORY_MOST = 64 * 1024 * 1024 };

struct proof_request {
        uint32_t kind;   /* enum proof_kind */
        uint32_t memory; /* PROOF_HASH, PROOF_DUMMY: PASSWORD_MEMORY_LEAST and more */
        uint32_t len[3];
        uint8_t bytes[PROOF_BYTES];
};

/* What a verdict has for a reason when there was no memory to find one. */
enum { PROOF_REASON_MEMORY = UINT16_MAX };

struct proof_verdict {
        uint32_t good;                 /* 1: convinced */
        char verifier[VERIFIER_BYTES]; /* PROOF_HASH; PROOF_TOKEN_KEY: the key */
        /* PROOF_CERTIFICATE, PROOF_SSH_CERTIFICATE; of a token daemon-token.h has what they say: */
        uint32_t reason;      /* of a refusal: enum tls_recheck_err, PROOF_REASON_MEMORY */
        uint32_t rule;        /* the first that is met, and so for those that follow */
        uint32_t issuer;      /* of a token; else 0 */
        uint32_t count;       /* PROOF_PASSKEY, PROOF_PASSKEY_NEW: how often it has signed */
        uint32_t zero;        /* for the alignment */
        int64_t until_s;      /* when the first of the chain expires: seconds since 1970.
                               * 0: no certificate */
        uint8_t key_hash[32]; /* SHA-256 of the SubjectPublicKeyInfo, or of SSH's; of a passkey's
                               * id */
        char subject[PROOF_SUBJECT_BYTES]; /* printable. Of a refusal: why, in words. Of an SSH key:
                                            * what its security key says */
        char name[PROOF_SUBJECT_BYTES];    /* by which name; empty: the rule wants none. Of an SSH
                                            * certificate: what its authority calls it */
        char serial[PROOF_SERIAL_BYTES];   /* hexadecimal; of an SSH certificate, decimal */
        struct passkey passkey;            /* PROOF_PASSKEY_NEW */
};

#endif
