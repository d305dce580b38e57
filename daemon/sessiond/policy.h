/* What the manifest says about services, profiles and ways in, as this process uses it. */
#ifndef SESSIOND_POLICY_H
#define SESSIOND_POLICY_H

#include "authorities.h"
#include "daemon-strength.h"
#include "facets.h"
#include "manifest.capnp-c.h"
#include "passkeys.h"
#include "revoked-keys.h"

#include <capos/capnp.h>

/* The longest lease: ten years. What the manifest says beyond that is taken for it. */
#define POLICY_LEASE_MS (UINT64_C(10) * 365 * 24 * 60 * 60 * 1000)

enum {
        POLICY_SERVICES = 256,
        POLICY_PROFILES = 256,
        POLICY_GRANTS = 64, /* of one profile, and of one service */
        POLICY_RULES = 256,
        POLICY_NAME_BYTES = 64, /* of a service: the manifest takes no longer ones */
};

struct policy_service {
        const char *name, *title, *summary;
        uint64_t interface_id;
        uint64_t lease_ms;           /* the longest that it is granted for; 0: any */
        bool remote;                 /* for profiles that are not local, too */
        bool powers;                 /* for profiles that are elevated, alone */
        bool own;                    /* the instance's, which nobody is started for: `admin` … */
        bool held;                   /* … or what services alone have */
        uint32_t disclosure;         /* what it may know of its callers: bits of enum disclosure */
        struct policy_facets facets; /* what is known of them: check.c */
        struct policy_grant *grants; /* what it holds of others */
        unsigned ngrants;
};

struct policy_grant {
        const char *name, *facet;
        const struct policy_service *service; /* NULL: `session`, served by the worker */
        const struct policy_facet *narrow;    /* the methods that it has; NULL: all */
        bool services;                        /* may be passed on to other services */
        bool ui;                              /* may be offered the client's screen */
        uint64_t lease_ms;                    /* after a login or renewal; 0: as its session */
};

struct policy_ui_quota {
        uint32_t offers, patches_per_second, references;
        uint64_t patch_bytes, bytes_per_second;
};

struct policy_quota {
        uint32_t references, calls, calls_per_second, sessions_per_account;
        uint64_t queued_bytes, message_bytes;
        struct policy_ui_quota ui;
};

struct policy_profile {
        const char *name;
        struct policy_grant *grants;
        unsigned ngrants;
        uint64_t lease_ms, max_lease_ms;
        uint32_t max_sessions; /* of all who have it; 0: any number */
        struct policy_quota quota;
        struct strength_demand demand; /* of who logs in to it */
        bool accounts;                 /* may be given to accounts */
        bool server_key_binding;       /* a proof may be bound to our key alone */
        bool service;                  /* for service accounts, and for nobody else */
        bool audit_calls;              /* each call is recorded by itself */
        bool unbound;                  /* a proof may be bound to no channel at all */
        bool local;                    /* for who comes from this machine as its owner */
        bool elevated;                 /* may have what hands out powers */
        bool agent;                    /* for models and other agents */
        capnp_list from; /* where its sessions come from (networks.h); empty: anywhere */
};

/* A way in without an account. */
struct policy_entry {
        const struct policy_profile *profile;       /* NULL: closed */
        uint32_t max_sessions, max_sessions_of_one; /* in all, and of one source */
};

/* Whose a client certificate is that meets the rule of the same number. */
struct policy_rule {
        const char *account; /* unless it is in the certificate's name */
        bool account_from_name;
        const char *profile; /* the only one that it gives; NULL: any of the account's */
};

struct policy {
        uint32_t max_sessions;   /* of all kinds: what there is room for */
        uint32_t max_admissions; /* … of connections, with and without one */
        uint32_t max_fresh;      /* … without one */
        uint64_t memory_bytes;   /* that sessions may come to; UINT64_MAX: any number */
        capnp_msg *msg;          /* all texts lie in it */
        void *bytes;
        struct policy_service *services;
        struct policy_facets admin; /* of the instance's own */
        struct policy_profile *profiles;
        struct policy_rule *rules;
        unsigned nservices, nprofiles, nrules;
        bool password, public_key;
        uint32_t password_memory;       /* bytes, of the work for a password */
        struct authorities authorities; /* who may certify SSH keys */
        struct passkeys passkeys;
        struct revoked_keys revoked; /* whoever has them */
        struct policy_entry guest, anonymous;
        addresses_reader admission; /* in msg: who is spoken to at all */
        oidc_issuer_list issuers;   /* in msg; what is made of them is struct issuers */
        uint64_t admission_ms;
        uint32_t person_ms; /* for whoever has something to do while he logs in */
};

/* Reads a serialized Manifest. 0; CAPNP_E_POISON: it is none, or contradicts itself, and the log
 * says where; -errno. */
int policy_init(struct policy *p, int fd) CAPNP_MUST_USE;
void policy_deinit(struct policy *p);

/* Whether a profile may have a service at all, by what both say of themselves; the log says so if
 * it may not. */
bool policy_may_grant(const struct policy_profile *f, const struct policy_service *v);
/* NULL when there is none. */
const struct policy_profile *policy_profile(const struct policy *p, capnp_text name);

#endif
