/* Identity providers: what the manifest says of them, what they say of themselves, their keys. */
#ifndef SESSIOND_ISSUERS_H
#define SESSIOND_ISSUERS_H

#include "base-list.h"
#include "daemon-token.h"
#include "fetch.h"
#include "manifest.capnp-c.h"

enum {
        ISSUERS = 16,
        ISSUER_ACCESS_S = 24 * 60 * 60,         /* an access token is good that long at most */
        ISSUER_RULES_BYTES = TOKEN_RULES_BYTES, /* of the records of its rules */
        ISSUER_ASK_BYTES = sizeof(struct token_wanted) + FETCH_KEYS_BYTES + ISSUER_RULES_BYTES +
                           4 * FETCH_URL_BYTES,
};

/* How long what was fetched is good, and how soon after it something is fetched again. */
#define ISSUER_GOOD_MS  (UINT64_C(24) * 60 * 60 * 1000) /* not a moment longer */
#define ISSUER_FRESH_MS (UINT64_C(60) * 60 * 1000)      /* then it is asked for anew */
#define ISSUER_FLOOR_MS (UINT64_C(60) * 1000) /* after a failure, and between unknown keys */

/* Whose a token is that meets the rule. Texts are the manifest's. */
struct issuer_rule {
        const char *account; /* NULL: it is made */
        const char *profile; /* NULL: any of the account's */
};

/* What it says of itself. */
struct issuer_places {
        char authorization[FETCH_URL_BYTES], token[FETCH_URL_BYTES], device[FETCH_URL_BYTES];
        char keys[FETCH_URL_BYTES];
        bool names_itself; /* in its redirects */
};

struct issuer {
        struct issuers *of;
        const char *name, *issuer, *client_id, *scopes, *audience; /* the manifest's */
        bool loopback;
        bool pinned; /* its keys are the manifest's, and good for ever */
        struct issuer_rule *rules;
        unsigned nrules;
        uint8_t *rule_records; /* as a prover takes them */
        size_t rule_records_len;

        char secret[FETCH_ID_BYTES]; /* of ours there; "": none */
        uint8_t *ca;                 /* who vouches for its hosts; NULL: the system's */
        uint32_t ca_len;

        bool described; /* … by itself: places */
        struct issuer_places places;
        uint64_t described_ms;
        uint8_t *keys; /* owned; NULL: none yet */
        uint32_t keys_len;
        uint64_t keys_ms;
        uint32_t generation; /* counts sets of keys */

        struct fetch_job *job; /* NULL: nothing is being fetched */
        bool fetching_keys;    /* … keys; else its description */
        bool keys_wanted;      /* anew, whatever there is */
        bool failed, looked;   /* the last request has; an unknown key was looked for */
        uint64_t failed_ms, looked_ms;
        char why[FETCH_WHY_BYTES];   /* of the last failure */
        struct capnp_i_list waiting; /* struct issuer_wait */
};

struct issuers {
        struct fetcher *fetcher; /* borrowed */
        uint64_t (*now_ms)(void);
        struct issuer all[ISSUERS];
        unsigned n;
        bool have_files; /* caposd has sent them: before, nobody is asked */
};

/* Somebody who waits for an issuer; embedded, and zeroed at first. */
struct issuer_wait {
        struct capnp_i_list link;
        bool waits, keys; /* keys: those, too */
        /* 0: what was needed is there; CAPNP_E_UNKNOWN: it is not, and issuer->why says why. It
         * does not wait any more. */
        void (*done)(struct issuer_wait *w, int r);
};

/* list: of a manifest that has been checked, and stays. 0; CAPNP_E_POISON; -ENOMEM. */
int issuers_init(struct issuers *is, struct fetcher *f, oidc_issuer_list list) CAPNP_MUST_USE;
/* Nobody may wait any more. */
void issuers_deinit(struct issuers *is);
/* The manifest is another one, and says the same: what is known of them is still good. With from,
 * nothing is done any more but to deinit it. */
void issuers_adopt(struct issuers *is, struct issuers *from);
/* … and says something else: nothing is known. Nobody may wait any more; from is empty then. */
void issuers_replace(struct issuers *is, struct issuers *from);
/* The files that the manifest names, from caposd; fd is taken. 0, or -errno. */
int issuers_take_files(struct issuers *is, int fd) CAPNP_MUST_USE;

/* By its name in the manifest; "": the first. NULL: there is none. */
struct issuer *issuers_find(struct issuers *is, const char *name);
/* By what it is called in tokens. NULL: there is none. */
struct issuer *issuers_find_url(struct issuers *is, const char *issuer);

/* What is needed of an issuer. */
enum issuer_need { ISSUER_PLACES, ISSUER_KEYS };
enum { ISSUER_WAITS = 1 };

/*
 * Sees to it that something is known of an issuer that is good now. 0: it is; ISSUER_WAITS: w->done
 * is called, maybe before this returns, unless issuer_give_up() is; CAPNP_E_UNKNOWN: it cannot be
 * had now, and issuer->why says why.
 */
int issuer_need(struct issuer *i, enum issuer_need need, struct issuer_wait *w) CAPNP_MUST_USE;
/* A token names a key that is not in the set of this generation: looks for a newer one, as
 * issuer_need() does, but seldom. CAPNP_E_UNKNOWN: there is none. */
int issuer_look_for_key(struct issuer *i, uint32_t generation,
                        struct issuer_wait *w) CAPNP_MUST_USE;
/* How old its keys are; UINT64_MAX: there are none. */
uint64_t issuer_keys_age_ms(const struct issuer *i);
/* Nobody waits. */
void issuer_give_up(struct issuer_wait *w);

/* A request to it, of a kind, with what every request has. */
void issuer_fill(const struct issuer *i, enum fetch_kind kind, const char *url,
                 struct fetch_request *q);
/*
 * Adds to what a prover is asked (daemon-token.h) this issuer: for whom a token has to be, and
 * enum token_flag. Its keys are there as far as they are good now. 0; CAPNP_E_LIMIT.
 */
int issuer_ask(const struct issuer *i, const char *audience, uint32_t flags, uint8_t *out,
               size_t room, size_t *len) CAPNP_MUST_USE;
/* The same without its keys: its tokens are known then, and nothing else of them. */
int issuer_ask_without(const struct issuer *i, const char *audience, uint32_t flags, uint8_t *out,
                       size_t room, size_t *len) CAPNP_MUST_USE;
/* Whether it has keys that are good now. */
bool issuer_has_keys(const struct issuer *i);

#endif
