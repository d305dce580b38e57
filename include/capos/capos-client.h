/**
 * @file
 * capOS remote sessions for host programs: connect, log in, look at what was granted, use it, log
 * out. Nothing here knows about a user interface; a command, a window and a bridge all stand on it.
 *
 * A capos_client is one connection and its session. Operations take time: each is begun by its
 * function and tells its end to a callback, from the vat's loop; capos_client_wait() instead runs
 * that loop until the end. One operation at a time. A capability that was got is an ordinary
 * reference (capnp-rpc.h) and lives beside all that.
 *
 * What goes wrong is a code and a struct capos_error, which tells denials and quotas apart.
 *
 *     r = capos_client_new(vat, "tls:example.org:2327", NULL, &c);
 *     l = (struct capos_login){.kind = CAPOS_AUTH_ANONYMOUS};
 *     r = capos_client_wait(c, capos_client_login(c, &l, NULL, NULL));
 *     info = capos_client_get(c, "system_info", SYSTEM_INFO_ID);
 */
#ifndef CAPOS_CLIENT_H
#define CAPOS_CLIENT_H

#include "capnp-dynamic.h"
#include "capnp-vat.h"
#include "capos-names.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What can go wrong beyond enum capnp_err; capos_strerror() knows both. */
enum capos_err {
        CAPOS_E_DENIED = 0x201, /**< the instance refused: capos_error.denial says why */
        CAPOS_E_QUOTA,          /**< a bound of the session or the instance: capos_error.quota */
        CAPOS_E_KEY,            /**< a key file that nothing can be made of */
        CAPOS_E_KEY_LOCKED,     /**< a key file whose passphrase is missing or wrong */
        CAPOS_E_AGENT,          /**< no ssh-agent, or it does not have the key or refused */
        CAPOS_E_METHOD,         /**< the instance asks for a step that this library can't take */
        CAPOS_E_UNKNOWN_KEY,    /**< an instance that is not known here, and nobody was asked */
        CAPOS_E_WRONG_KEY,      /**< another instance than the one that was meant */
        CAPOS_E_CA,             /**< an address whose CA has no certificates to judge by */
        CAPOS_E_CERTIFICATE,    /**< a client certificate, or its key, that cannot be shown */
};

/**
 * What went wrong, in full. CAPNP_E_PROTOCOL: the connection is over because the other side does
 * not speak Cap'n Proto RPC, or not rightly.
 */
struct capos_error {
        int code;                 /**< 0, a negative errno value, enum capnp_err or capos_err */
        enum capnp_kind kind;     /**< of the exception, when it came as one */
        enum capos_denial denial; /**< when code is CAPOS_E_DENIED */
        char quota[32];           /**< when code is CAPOS_E_QUOTA: its name, "flows" */
        char text[512];           /**< for a person: UTF-8, may come from a peer; "" never */
};

/** One connection to an instance, and the session on it. */
typedef struct capos_client capos_client;
/** A private key: from a file, or in an ssh-agent, which then does the signing. */
typedef struct capos_key capos_key;

/** Told when an operation has ended: r is 0, or the code that capos_client_error_peek() explains.
 */
typedef void capos_done(capos_client *c, int r, void *arg);

/** A way to log in, as the instance describes it. */
struct capos_method {
        enum capos_auth kind; /**< which */
        bool enabled;         /**< whether it can be used */
        bool interactive;     /**< whether a person takes part */
        const char *label;    /**< for a person */
        const char *reason;   /**< why it is disabled; "" when it is not */
        uint32_t nprofiles;   /**< profiles that it may give: capos_client_method_profile() */
};

/** The bytes of capos_step.transcript_hash. */
enum { CAPOS_TRANSCRIPT_HASH = 32 };

/**
 * What an instance wants next of who logs in (remote_session.capnp, RemoteAuthStep). Borrowed until
 * the handler returns.
 */
struct capos_step {
        const char *prompt;        /**< for a person; "": nothing */
        bool secret;               /**< the answer is not to be echoed */
        const char *url;           /**< to be opened in a browser; "": there is none */
        const char *user_code;     /**< to be typed there; "": there is none */
        capnp_data challenge;      /**< the instance's nonce for this login; len 0: there is none */
        const char *relying_party; /**< for PASSKEY: whose are wanted, a domain; "": nobody's */
        uint64_t expires_at_ms;    /**< when the instance gives up; since 1970 */
        /** SHA-256 of the proof transcript with that challenge (doc/protocol/admission.md): what a
         * token's `nonce` and a passkey's challenge have to be. */
        uint8_t transcript_hash[CAPOS_TRANSCRIPT_HASH];
};

/**
 * Answers a step: by capos_client_answer() or capos_client_give_up(), from within or later, while
 * the vat runs. Until then the operation waits, without a bound of time.
 */
typedef void capos_on_step(capos_client *c, const struct capos_step *s, void *arg);

/** How to log in. Everything is borrowed until the login has ended. */
struct capos_login {
        enum capos_auth kind; /**< which way */
        const char *account;  /**< whose session; NULL for GUEST and ANONYMOUS, and may be where the
                                 proof says whose it is: for MTLS, OIDC and PASSKEY */
        const char *profile;  /**< what to ask for; NULL: the account's first that takes the proof;
                                 for a renewal: what the session is raised to, NULL: nothing */
        const char *issuer;   /**< for OIDC: the identity provider, by its name; NULL: the first */
        const char *relying_party; /**< for PASSKEY: whose it may be asked for; NULL: the host's of
                                      the address, or of a domain above it that is no top level;
                                      of a Unix socket `localhost`, of a literal address nobody's */
        capnp_data password;       /**< for PASSWORD: UTF-8; the library keeps no copy of its own */
        const capos_key *key;      /**< for PUBLIC_KEY; for SERVICE it signs an assertion at once */
        const char *key_id;        /**< what that calls the key; NULL: its thumbprint */
        const char *algorithm; /**< what it is signed by; NULL: as capos_assertion_make() says */
        capnp_data first;      /**< the first response, for OIDC, PASSKEY and SERVICE; may be empty,
                                  which asks what is wanted */
        capos_on_step *step;   /**< for the same kinds: answers what the instance asks for then; not
                                  for SERVICE with a key */
        void *step_arg;        /**< handed to step */
        const char *client;    /**< the program, for the audit log: a claim; NULL: "libcapos" */
        const char *host;      /**< its machine, likewise; NULL: not told */
        const char *note;      /**< anything else, likewise; NULL: nothing */
        bool end_others;       /**< with a good proof the account's other sessions end first */
};

/** A session, for its holder (user_session.capnp, SessionInfo). Borrowed from the client. */
struct capos_session_info {
        const char *id;             /**< for administrators; not a credential */
        const char *account;        /**< "" for anonymous and guest sessions */
        const char *profile;        /**< what decided the bundle */
        const char *kind;           /**< how it was authenticated: "publicKey" */
        const char *transport;      /**< "plain", "tls" or "unix" */
        const char *source;         /**< where the instance saw the connection come from */
        uint64_t started_at_ms;     /**< since 1970 */
        uint64_t expires_at_ms;     /**< since 1970 */
        capnp_data renew_challenge; /**< empty: cannot be renewed */
        uint32_t references;        /**< quota: references, each way */
        uint32_t calls;             /**< quota: calls in flight */
        uint64_t queued_bytes;      /**< quota: toward a service, and toward us */
        uint64_t message_bytes;     /**< quota: one message */
        uint32_t calls_per_second;  /**< calls that are taken in a second; 0: any */
        uint64_t witness_records;   /**< how long the instance's audit log was then; 0: not told */
        capnp_data witness_hash;    /**< the hash of its last record */
        uint64_t last_login_at_ms; /**< of the account, before this one; since 1970; 0: not known */
        const char *last_login_kind; /**< how: "password" */
        const char *last_login_from; /**< from where: an address, or "uid:1000" */
        bool agent;                  /**< its profile is for models and other agents */
};

/** How near a session has come to one of its bounds (QuotaUse). Borrowed from the client. */
struct capos_quota_use {
        const char *name; /**< which: "references" */
        uint64_t limit;   /**< how much there may be; 0: any */
        uint64_t used;    /**< how much there was when it was asked for */
        uint64_t most;    /**< how much there had been at most */
};

/** A capability of the bundle (remote_session.capnp, RemoteCapEntry). Borrowed from the client. */
struct capos_cap_entry {
        const char *name;          /**< for capos_client_get() */
        uint64_t interface;        /**< the type id of its interface */
        const char *transfer;      /**< "session" or "services" */
        uint64_t lease_expires_ms; /**< since 1970 */
        const char *title;         /**< for a person */
        const char *summary;       /**< one sentence for a person */
        uint32_t nmethods;         /**< it has so many; 0: all of its interface */
        bool ui;                   /**< a host of panes may be lent to it (RemoteSession.offerUi) */
};

/** A method of a capability that was granted with some of them. */
struct capos_cap_method {
        const char *name;   /**< as the instance's manifest has it: `list`, `Directory.list` */
        uint64_t interface; /**< the interface that declares it */
        uint16_t ordinal;   /**< its number there */
};

/* ---- errors ------------------------------------------------------------------------------- */

/**
 * Says in words what a returned code means.
 *
 * @param r  0, a negative errno value, an enum capnp_err or an enum capos_err
 * @return   a static text, never NULL
 */
CAPNP_PUBLIC const char *capos_strerror(int r);

/**
 * Tells apart how a call went: denials and quotas have codes of their own.
 *
 * @param r      what the call returned with
 * @param why    its exception, when r is CAPNP_E_EXCEPTION or CAPNP_E_DISCONNECTED
 * @param ret_e  filled in, also on success; may be NULL
 * @return       r, or CAPOS_E_DENIED or CAPOS_E_QUOTA in its place
 */
CAPNP_PUBLIC int capos_error_of(int r, capnp_exception why, struct capos_error *ret_e);

/**
 * Tells apart how a question ended, whatever it was asked of.
 *
 * @param q      the question, or NULL
 * @param ret_e  filled in, also on success; may be NULL
 * @return       as capos_error_of() with what capnp_question_check() returns
 */
CAPNP_PUBLIC int capos_error_of_question(const capnp_question *q, struct capos_error *ret_e);

/* ---- keys --------------------------------------------------------------------------------- */

/**
 * Reads a private key as ssh-keygen writes it: Ed25519, ECDSA on the three NIST curves, RSA,
 * without a passphrase. (PEM files of older versions of these kinds as well.)
 *
 * @param path   the file; one's own must be closed to others, as for ssh
 * @param ret_k  the key; freed by capos_key_free(), which wipes it
 * @param ret_e  what is wrong, with what to do about it; may be NULL
 * @return       0; CAPOS_E_KEY_LOCKED: it needs a passphrase: capos_key_unlock(); CAPOS_E_KEY: not
 *               a key we know, damaged, or others may read it; -ENOENT, -EACCES: from opening it;
 *               -ENOMEM
 */
CAPNP_PUBLIC int capos_key_load(const char *path, capos_key **ret_k,
                                struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Reads a private key that may be protected by a passphrase: OpenSSH's files (bcrypt with AES or
 * triple DES) and encrypted PEM. Costs what deriving the key costs, tenths of a second.
 *
 * @param path        the file, as for capos_key_load()
 * @param passphrase  the passphrase, len 0: none; the library keeps no copy
 * @param ret_k       the key; freed by capos_key_free(), which wipes it
 * @param ret_e       what is wrong, with what to do about it; may be NULL
 * @return            as capos_key_load(); CAPOS_E_KEY_LOCKED: the passphrase is missing or wrong
 */
CAPNP_PUBLIC int capos_key_unlock(const char *path, capnp_data passphrase, capos_key **ret_k,
                                  struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Finds a key in an ssh-agent. Blocks while the agent answers, 5 seconds at most.
 *
 * @param socket  the agent's socket; NULL: what SSH_AUTH_SOCK says
 * @param i       which of its keys that we can use, from 0
 * @param ret_k   the key; freed by capos_key_free()
 * @param ret_e   what is wrong; may be NULL
 * @return        0; CAPNP_E_UNKNOWN: it has no more of them; CAPOS_E_AGENT: no agent, or not one
 *                that makes sense; -ENOMEM
 */
CAPNP_PUBLIC int capos_key_of_agent(const char *socket, uint32_t i, capos_key **ret_k,
                                    struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Finds the key in an ssh-agent whose public half is in a file. Blocks as capos_key_of_agent().
 *
 * @param socket  the agent's socket; NULL: what SSH_AUTH_SOCK says
 * @param path    the file of the public key, one line
 * @param ret_k   the key; freed by capos_key_free()
 * @param ret_e   what is wrong; may be NULL
 * @return        0; CAPNP_E_UNKNOWN: the agent does not have it; CAPOS_E_KEY: not a public key;
 *                CAPOS_E_AGENT; -ENOENT, -EACCES: from opening the file; -ENOMEM
 */
CAPNP_PUBLIC int capos_key_of_agent_file(const char *socket, const char *path, capos_key **ret_k,
                                         struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Reads a public key, or a certificate, the file that ends in .pub: to know its fingerprint. It
 * cannot sign.
 *
 * @param path   the file, one line
 * @param ret_k  the key; freed by capos_key_free()
 * @param ret_e  what is wrong; may be NULL
 * @return       0; CAPOS_E_KEY: not a public key of a kind we know; -ENOENT, -EACCES: from opening
 *               the file; -ENOMEM
 */
CAPNP_PUBLIC int capos_key_load_public(const char *path, capos_key **ret_k,
                                       struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Has a key show a certificate: a copy of it that signs as the key does, and names the certificate
 * in what it signs. An agent is then asked for a signature by the certificate, so it must have
 * that.
 *
 * @param k      the key; not changed
 * @param path   the file of the certificate, one line, as `ssh-keygen -s` writes it
 * @param ret_k  the copy; freed by capos_key_free()
 * @param ret_e  what is wrong; may be NULL
 * @return       0; CAPOS_E_KEY: not a certificate, or of another key; -ENOENT, -EACCES: from
 * opening the file; -ENOMEM
 */
CAPNP_PUBLIC int capos_key_certify(const capos_key *k, const char *path, capos_key **ret_k,
                                   struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * What somebody has to do for a key to sign.
 *
 * @param k  the key
 * @return   whether it is in a security key, which has to be touched for each signature
 */
CAPNP_PUBLIC bool capos_key_needs_touch(const capos_key *k);

/**
 * Whether a key shows a certificate.
 *
 * @param k  the key
 * @return   whether it does
 */
CAPNP_PUBLIC bool capos_key_is_certified(const capos_key *k);

/**
 * The public half of a key, or its certificate.
 *
 * @param k  the key
 * @return   in SSH's binary form; borrowed
 */
CAPNP_PUBLIC capnp_data capos_key_public_peek(const capos_key *k);

/**
 * The fingerprint of a key, as ssh-keygen -l prints it; of a certificate, that of its key.
 *
 * @param k  the key
 * @return   "SHA256:…", borrowed
 */
CAPNP_PUBLIC const char *capos_key_fingerprint_peek(const capos_key *k);

/**
 * Signs for a purpose (OpenSSH's PROTOCOL.sshsig, hash sha512). A key in an agent blocks while the
 * agent signs, which may include asking its user; a minute at most.
 *
 * @param k        the key
 * @param purpose  the namespace
 * @param what     what is signed
 * @param to       where the binary blob is appended
 * @param ret_e    what is wrong; may be NULL
 * @return         0; CAPOS_E_AGENT: it did not sign; CAPNP_E_LIMIT: larger than to may become;
 *                 CAPOS_E_KEY: the key cannot sign, or is a public one; -ENOMEM
 */
CAPNP_PUBLIC int capos_key_sign(const capos_key *k, const char *purpose, capnp_data what,
                                struct capnp_buf *to, struct capos_error *ret_e) CAPNP_MUST_USE;

/** What an assertion of a service account says (doc/protocol/admission.md). All is borrowed. */
struct capos_assertion {
        const char *account;   /**< whose it is */
        const char *key_id;    /**< what the instance calls the key; NULL: its thumbprint */
        const char *algorithm; /**< "EdDSA", "ES256", "ES384", "PS256", "RS256"; NULL: the key's
                                    own, of RSA "PS256" */
        const char *audience; /**< fingerprint of the instance's key, `sha256:…`; NULL or "": there
                                   is no TLS */
        uint32_t life_s;      /**< how long it is good, 300 at most; 0: a minute */
        /** of the login that it is for: capos_step.transcript_hash */
        uint8_t transcript_hash[CAPOS_TRANSCRIPT_HASH];
};

/**
 * Makes an assertion (RFC 7523), with which a service account logs in.
 *
 * @param k      the account's key, from a file: RSA, P-256, P-384 or Ed25519
 * @param s      what it says
 * @param to     where the token is appended
 * @param ret_e  what is wrong; may be NULL
 * @return       0; CAPOS_E_KEY: an agent's key, or one that does not sign so; -EINVAL: a word that
 *               cannot stand in it; CAPNP_E_LIMIT: larger than it or to may become; -ENOMEM
 */
CAPNP_PUBLIC int capos_assertion_make(const capos_key *k, const struct capos_assertion *s,
                                      struct capnp_buf *to,
                                      struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Wipes and frees a key.
 *
 * @param k  the key, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capos_key *capos_key_free(capos_key *k);

/**
 * capos_key_free() for CAPNP_AUTO.
 *
 * @param k  the variable; set to NULL
 */
static inline void capos_key_freep(capos_key **k)
{
        *k = capos_key_free(*k);
}

/* ---- connections and operations ----------------------------------------------------------- */

/**
 * Whom to take for the instance behind TLS, beside what the address says, and who to be there. A
 * fingerprint in the address or here decides alone; so does a CA in the address; otherwise the file
 * of known instances.
 */
struct capos_trust {
        const char *expect; /**< fingerprint of its key, `sha256:…`; NULL: none was told */
        const char *known;  /**< file of known instances; NULL: ~/.config/capos/known-instances */
        capnp_data certificates; /**< shown to an instance that asks for one: PEM, the own one
                                    first, then who has issued it; empty: none */
        capnp_data key;          /**< the private key of the first: PEM, not encrypted */
};

/**
 * Connects to an instance. A refused connection shows in the first operation, and to who has asked
 * for the end; so does an instance that is not the one that was meant (CAPOS_E_WRONG_KEY) or that
 * is not known (CAPOS_E_UNKNOWN_KEY), which has been told nothing then. Of the latter a program may
 * show capos_client_key_peek() to somebody, call capos_known_add(), and connect again.
 *
 * Behind a Unix socket there must be a process of root's, of the caller's own user, or of the user
 * who owns the folder that the socket is in and lets nobody else write to it; else it is refused
 * with -EPERM before anything is sent.
 *
 * @param v      the vat; must outlive the client
 * @param addr   where to, its transport in front: `tls:HOST:PORT`, `plain:HOST:PORT`, `unix:/path`,
 *               `unix-abstract:name`; without one it is TLS. So is `capos://HOST:PORT/`, with
 *               `#sha256:…` (the key), `?ca=FILE` or `?ca=system` behind it
 * @param trust  whom to believe; NULL: the user's own file of known instances. Copied
 * @param l      limits, or NULL
 * @param ret_c  the client; freed by capos_client_free()
 * @return       0; CAPNP_E_ADDRESS: no such address; CAPOS_E_CA: nothing to judge by;
 *               CAPOS_E_CERTIFICATE: no certificate, or not its key, or not over TLS; -EINVAL:
 * expect is no fingerprint; -ENOMEM or another errno value
 */
CAPNP_PUBLIC int capos_client_connect(capnp_vat *v, const char *addr,
                                      const struct capos_trust *trust, const struct capnp_limits *l,
                                      capos_client **ret_c) CAPNP_MUST_USE;

/**
 * capos_client_connect() with the user's own file of known instances.
 *
 * @param v      the vat; must outlive the client
 * @param addr   where to
 * @param l      limits, or NULL
 * @param ret_c  the client; freed by capos_client_free()
 * @return       as capos_client_connect()
 */
CAPNP_PUBLIC int capos_client_new(capnp_vat *v, const char *addr, const struct capnp_limits *l,
                                  capos_client **ret_c) CAPNP_MUST_USE;

/**
 * The fingerprint of the key that the instance has shown, and proved that it has.
 *
 * @param c  the client
 * @return   `sha256:…`, borrowed; "" without TLS, or before the handshake is done
 */
CAPNP_PUBLIC const char *capos_client_key_peek(const capos_client *c);

/**
 * Writes an instance into a file of known instances.
 *
 * @param known        the file, made when it is not there; NULL: the user's own
 * @param addr         where it is, with its port
 * @param fingerprint  of its key
 * @return             0, also when it is there already; CAPNP_E_ADDRESS; -EINVAL: no fingerprint;
 *                     -EPERM: others can write to the file; -ENOENT: nobody has said where it is;
 *                     another errno value
 */
CAPNP_PUBLIC int capos_known_add(const char *known, const char *addr,
                                 const char *fingerprint) CAPNP_MUST_USE;

/**
 * Makes a client of a socket that leads to an instance already: through a tunnel, or a program. Who
 * is behind it is the caller's to know.
 *
 * @param v          the vat; must outlive the client
 * @param fd         the socket; taken, also on failure
 * @param transport  how the instance sees the connection, which a key's proof names: "unix",
 *                   "plain"; a static text
 * @param l          limits, or NULL
 * @param ret_c      the client; freed by capos_client_free()
 * @return           0; -ENOMEM or another errno value
 */
CAPNP_PUBLIC int capos_client_new_of_socket(capnp_vat *v, int fd, const char *transport,
                                            const struct capnp_limits *l,
                                            capos_client **ret_c) CAPNP_MUST_USE;

/**
 * Makes a client of a session that somebody else has logged in to and hands over.
 *
 * @param v        the vat; must outlive the client
 * @param session  a RemoteSession, possibly still a promise; the client takes its own reference
 * @param ret_c    the client; freed by capos_client_free()
 * @return         0; -ENOMEM
 */
CAPNP_PUBLIC int capos_client_new_of_session(capnp_vat *v, capnp_cap *session,
                                             capos_client **ret_c) CAPNP_MUST_USE;

/**
 * Drops the session and closes the connection; an operation that runs is canceled, its callback is
 * not called. May be called from any callback.
 *
 * @param c  the client, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capos_client *capos_client_free(capos_client *c);

/**
 * capos_client_free() for CAPNP_AUTO.
 *
 * @param c  the variable; set to NULL
 */
static inline void capos_client_freep(capos_client **c)
{
        *c = capos_client_free(*c);
}

/**
 * Asks to be told when the connection has ended, whoever ended it. A client of somebody else's
 * session has none and is not told.
 *
 * @param c      the client
 * @param ended  called once for a connection, from the loop, with why; NULL: no more
 * @param arg    handed to ended
 */
CAPNP_PUBLIC void capos_client_on_end(capos_client *c,
                                      void (*ended)(capos_client *c, const struct capos_error *why,
                                                    void *arg),
                                      void *arg);

/**
 * Sees every frame of this client's connection from now on, and of those that it makes when it
 * comes back, for tracing. A client of somebody else's session has none.
 *
 * @param c    the client
 * @param fn   as for capnp_rpc_set_trace(); NULL: no more tracing
 * @param arg  handed to fn
 */
CAPNP_PUBLIC void capos_client_set_trace(capos_client *c,
                                         void (*fn)(void *arg, bool in, capnp_msg *m), void *arg);

/**
 * Bounds how long an operation may take. One that takes longer is canceled and ends with
 * -ETIMEDOUT; the connection stays, and what a login had begun at the instance may still happen
 * there. Without this there is no bound.
 *
 * @param c           the client
 * @param timeout_ms  for each operation that begins from now on; 0: no bound
 */
CAPNP_PUBLIC void capos_client_set_timeout(capos_client *c, uint32_t timeout_ms);

/**
 * How the last operation ended.
 *
 * @param c  the client
 * @return   borrowed until the next operation begins
 */
CAPNP_PUBLIC const struct capos_error *capos_client_error_peek(const capos_client *c);

/**
 * Runs the vat until an operation has ended: the blocking style is
 * `r = capos_client_wait(c, capos_client_login(c, &l, NULL, NULL));`.
 *
 * @param c      the client
 * @param begun  what the function that began the operation has returned
 * @return       begun, when that is not 0; else how it ended: 0, or the code that
 *               capos_client_error_peek() explains; -EDEADLK: called from a callback
 */
CAPNP_PUBLIC int capos_client_wait(capos_client *c, int begun) CAPNP_MUST_USE;

/**
 * Begins to ask what ways to log in there are; capos_client_method() has them afterwards.
 *
 * @param c     the client
 * @param done  told the end, unless this returns an error; may be NULL
 * @param arg   handed to done
 * @return      0: it has begun; -EBUSY: another operation is running; -ENOMEM. So for all
 * operations.
 */
CAPNP_PUBLIC int capos_client_fetch_methods(capos_client *c, capos_done *done,
                                            void *arg) CAPNP_MUST_USE;

/**
 * A way to log in.
 *
 * @param c      the client
 * @param i      from 0
 * @param ret_m  filled in; borrowed until the next capos_client_fetch_methods()
 * @return       true; false past the last, or before they were asked for
 */
CAPNP_PUBLIC bool capos_client_method(const capos_client *c, uint32_t i,
                                      struct capos_method *ret_m);

/**
 * A profile that a way to log in may give.
 *
 * @param c  the client
 * @param i  which way, from 0, as for capos_client_method()
 * @param j  which of its profiles, from 0
 * @return   its name, borrowed until the next capos_client_fetch_methods(); NULL past the last
 */
CAPNP_PUBLIC const char *capos_client_method_profile(const capos_client *c, uint32_t i, uint32_t j);

/**
 * Begins to log in. On success the session's info and bundle have been fetched as well. A key in an
 * agent blocks as in capos_key_sign().
 *
 * @param c     the client
 * @param l     how
 * @param done  told the end; may be NULL
 * @param arg   handed to done
 * @return      0; -EBUSY, -ENOMEM: it has not begun; CAPOS_E_METHOD: not by this kind, or something
 *              that it needs is missing
 */
CAPNP_PUBLIC int capos_client_login(capos_client *c, const struct capos_login *l, capos_done *done,
                                    void *arg) CAPNP_MUST_USE;

/**
 * Answers the step that a login has asked its handler for. The bound of time of the operation
 * begins anew.
 *
 * @param c         the client
 * @param response  the answer; copied
 * @return          0; -EINVAL: no step waits for an answer
 */
CAPNP_PUBLIC int capos_client_answer(capos_client *c, capnp_data response) CAPNP_MUST_USE;

/**
 * Ends a login or renewal that proves something, with -ECANCELED: because a step will not be
 * answered, or nobody waits any more for what comes of it. The client may be gone when this
 * returns.
 *
 * @param c    the client
 * @param why  for a person
 * @return     0; -EINVAL: nothing of that kind is under way
 */
CAPNP_PUBLIC int capos_client_give_up(capos_client *c, const char *why) CAPNP_MUST_USE;

/**
 * Writes what a WebAuthn client is to be asked for, to answer the step of a login by passkey: a
 * PublicKeyCredentialRequestOptionsJSON, with the step's transcript_hash as its challenge. Its
 * AuthenticationResponseJSON is the answer, for capos_client_answer(). No credentials are named:
 * the authenticator has to find one by itself (a discoverable credential), and to verify its user.
 *
 * @param s      the step, in its handler
 * @param to     where the JSON is appended
 * @param ret_e  what is wrong; may be NULL
 * @return       0; CAPOS_E_METHOD: it is not about passkeys; CAPNP_E_LIMIT: larger than to may
 *               become; -ENOMEM
 */
CAPNP_PUBLIC int capos_passkey_options(const struct capos_step *s, struct capnp_buf *to,
                                       struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Begins to ask what the session is and what it was granted; capos_client_info() and
 * capos_client_entry() have it afterwards.
 *
 * @param c     the client
 * @param done  told the end; may be NULL
 * @param arg   handed to done
 * @return      0; -EBUSY, -ENOTCONN (not logged in), -ENOMEM: it has not begun
 */
CAPNP_PUBLIC int capos_client_fetch(capos_client *c, capos_done *done, void *arg) CAPNP_MUST_USE;

/**
 * What the session is.
 *
 * @param c      the client
 * @param ret_i  filled in; borrowed until the next operation that asks
 * @return       true; false before it was asked for
 */
CAPNP_PUBLIC bool capos_client_info(const capos_client *c, struct capos_session_info *ret_i);

/**
 * How much of its quotas the session uses, as of the last time that it was asked.
 *
 * @param c      the client
 * @param i      from 0
 * @param ret_u  filled in; borrowed until the next operation that asks
 * @return       true; false past the last, or before it was asked for
 */
CAPNP_PUBLIC bool capos_client_use(const capos_client *c, uint32_t i,
                                   struct capos_quota_use *ret_u);

/**
 * A capability of the bundle.
 *
 * @param c      the client
 * @param i      from 0
 * @param ret_e  filled in; borrowed until the next operation that asks
 * @return       true; false past the last, or before it was asked for
 */
CAPNP_PUBLIC bool capos_client_entry(const capos_client *c, uint32_t i,
                                     struct capos_cap_entry *ret_e);

/**
 * The capability of the bundle that has a name.
 *
 * @param c      the client
 * @param name   the name
 * @param ret_e  filled in; borrowed until the next operation that asks
 * @return       true; false when there is none, or before they were asked for
 */
CAPNP_PUBLIC bool capos_client_find(const capos_client *c, const char *name,
                                    struct capos_cap_entry *ret_e);

/**
 * A method that a capability has, where it has not all of its interface's.
 *
 * @param c      the client
 * @param name   the capability's
 * @param i      from 0
 * @param ret_m  filled in; borrowed until the next operation that asks
 * @return       true; false past the last: at once where it has all, and where there is none
 */
CAPNP_PUBLIC bool capos_client_entry_method(const capos_client *c, const char *name, uint32_t i,
                                            struct capos_cap_method *ret_m);

/**
 * Whether a capability was granted with a method. Any other call on it is refused.
 *
 * @param c          the client
 * @param name       the capability's
 * @param interface  the interface that declares the method
 * @param ordinal    its number there
 * @return           true, also where it has all of them; false: it has not, or there is none
 */
CAPNP_PUBLIC bool capos_client_entry_has(const capos_client *c, const char *name,
                                         uint64_t interface, uint16_t ordinal);

/**
 * Takes a capability out of the bundle. Costs no waiting: what comes back is a promise that calls
 * can be made on at once; a denial shows in those calls.
 *
 * @param c          the client; logged in
 * @param name       its name
 * @param interface  the type id of the interface that is expected of it: CHAT_ID
 * @return           the reference, the caller's; NULL when there is no memory
 */
CAPNP_PUBLIC capnp_cap *capos_client_get(capos_client *c, const char *name, uint64_t interface);

/**
 * Whether this client can come back when its connection has ended: it was made by an address, and
 * its login has left what is needed. That is a key that the library makes for the session and hands
 * over with it, where the instance takes one (doc/protocol/admission.md, A line that drops); it is
 * in memory alone, and wiped with the client, by a logout, and when the instance refuses it. After
 * a login by certificate it is that certificate.
 *
 * @param c  the client
 * @return   whether capos_client_reconnect() can begin
 */
CAPNP_PUBLIC bool capos_client_can_reconnect(const capos_client *c);

/**
 * Begins to come back: connects again and logs in by what capos_client_can_reconnect() says, at
 * once and, where there is no connection, no answer, no room or another instance, again after waits
 * that grow to half a minute. Another instance than the one that was meant is told nothing. For who
 * was told by capos_client_on_end() that the line has dropped, or by an operation that ended with
 * CAPNP_E_DISCONNECTED or -ETIMEDOUT; he may call it from there. A connection that is there is
 * closed, and its session ends.
 *
 * The session that comes back has the same account and profile, and ends no later than the first
 * would have. Nothing is done again that was under way, and no reference survives: take each anew,
 * by its name. capos_client_on_end() stays in force. What ends in an error cannot be tried again:
 * free the client.
 *
 * @param c       the client; no operation runs
 * @param for_ms  how long to try; 0: until the session would have ended
 * @param done    told the end; may be NULL
 * @param arg     handed to done
 * @return        0; -EBUSY, -ENOMEM: it has not begun; -ENOTCONN: it cannot
 */
CAPNP_PUBLIC int capos_client_reconnect(capos_client *c, uint32_t for_ms, capos_done *done,
                                        void *arg) CAPNP_MUST_USE;

/**
 * Why it has not come back yet: how the last try has ended.
 *
 * @param c  the client
 * @return   for a person, may come from a peer; "": it does not come back, or was not refused yet.
 *           Borrowed until the vat runs
 */
CAPNP_PUBLIC const char *capos_client_reconnect_why_peek(const capos_client *c);

/**
 * Tries at once, for a person who does not want to wait, and begins with short waits again. Nothing
 * happens while it is being tried, or when it does not come back.
 *
 * @param c  the client
 */
CAPNP_PUBLIC void capos_client_reconnect_now(capos_client *c);

/**
 * The session itself, a RemoteSession.
 *
 * @param c  the client
 * @return   borrowed until the next renewal; NULL before the login
 */
CAPNP_PUBLIC capnp_cap *capos_client_session_peek(const capos_client *c);

/**
 * Begins to load the schema of an interface in the bundle, and of all it mentions, into the
 * client's registry. One that is there already is not asked for again.
 *
 * @param c          the client
 * @param interface  its type id
 * @param done       told the end; may be NULL
 * @param arg        handed to done
 * @return      0; -EBUSY, -ENOTCONN (not logged in), -ENOMEM: it has not begun
 */
CAPNP_PUBLIC int capos_client_fetch_schema(capos_client *c, uint64_t interface, capos_done *done,
                                           void *arg) CAPNP_MUST_USE;

/**
 * The registry of all schemas that were fetched.
 *
 * @param c  the client
 * @return   borrowed until the client is freed
 */
CAPNP_PUBLIC const capnp_schema *capos_client_schema_peek(const capos_client *c);

/**
 * Begins to renew the session with a fresh proof: a password, a key, or what a handler answers the
 * instance's steps by (OIDC, PASSKEY). Its info is fetched again.
 *
 * @param c            the client; logged in, and its info asked for
 * @param l            the proof: kind, and password, key or step, borrowed until the end; profile,
 * to raise it to another of the account's, in steps then; the rest is the session's
 * @param duration_ms  how long from now; 0: what the profile gives, and always so with steps
 * @param done         told the end; may be NULL
 * @param arg          handed to done
 * @return      0; -EBUSY, -ENOMEM: it has not begun; or as
 *              capos_client_renewal_proof()
 */
CAPNP_PUBLIC int capos_client_renew(capos_client *c, const struct capos_login *l,
                                    uint64_t duration_ms, capos_done *done,
                                    void *arg) CAPNP_MUST_USE;

/**
 * Makes a proof for RemoteSession.renew, for who calls that himself.
 *
 * @param c      the client; its info asked for
 * @param l      kind, and password or key
 * @param to     where the proof is appended; wipe it afterwards
 * @param ret_e  what is wrong; may be NULL
 * @return       0; CAPOS_E_METHOD: not by this kind, or the session cannot be renewed; or as
 *               capos_key_sign(), capos_assertion_make()
 */
CAPNP_PUBLIC int capos_client_renewal_proof(const capos_client *c, const struct capos_login *l,
                                            struct capnp_buf *to,
                                            struct capos_error *ret_e) CAPNP_MUST_USE;

/**
 * Begins to log out. Every reference that came from the session is dead afterwards.
 *
 * @param c     the client; logged in
 * @param done  told the end; may be NULL
 * @param arg   handed to done
 * @return      0; -EBUSY, -ENOTCONN (not logged in), -ENOMEM: it has not begun
 */
CAPNP_PUBLIC int capos_client_logout(capos_client *c, capos_done *done, void *arg) CAPNP_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
