/* The Admin interface of the instance on this machine, for the commands that are made of it. */
#ifndef CAPOS_CLI_ADMIN_H
#define CAPOS_CLI_ADMIN_H

#include "admin.capnp-c.h"
#include "key-options.h"
#include "state.h"

/* c->remote as what it is. */
admin_client admin_of(const struct cli *c);
/* Sends q, waits, and says what was done. Takes q. An exit code. */
int admin_do(struct cli *c, capnp_question *q, const char *done);
/* A list that comes in pages, each of which is there until the next one is asked for. */
struct admin_pages {
        struct cli *c;
        int wait_ms;       /* for each */
        capnp_question *q; /* the one that is there */
        char after[128];   /* what it begins behind */
        struct {
                uint64_t at_ms;
                char name[128];
        } last; /* its last entry */
        unsigned pages;
        bool failed, astray; /* it did not come; it does not go on from the one before */
};

/* The next page; false: there is no more, or it did not come. */
bool admin_accounts_next(struct admin_pages *p, account_list *ret);
bool admin_sessions_next(struct admin_pages *p, live_session_list *ret);
/* Says so, if one did not come. An exit code. */
int admin_pages_end(struct admin_pages *p);
void admin_pages_deinit(struct admin_pages *p);

/* A list of texts, as JSON and for a person. */
json_t *admin_texts_json(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i));
void admin_texts_print(capnp_list l, capnp_text (*at)(capnp_list l, uint32_t i));
/* In a list for a person: lines about an account that is locked, or expires; and when somebody got
 * in last. */
void admin_lock_print(account_reader a);
/* The same as members of an object. */
void admin_lock_json(json_t *to, account_reader a);
/* Reads --from, --expires and --profile. An exit code. */
int admin_key_limits(const struct cli *c, struct key_limits *k);
/* The same as the instance wants them. */
void admin_key_limits_set(const struct key_limits *k, key_options_builder b);
/* Adds them to an object; and to a line for a person. */
void admin_key_limits_json(json_t *to, key_options_reader r);
void admin_key_limits_print(key_options_reader r);
/* The keys of the account that the first word names: for a person, or as JSON. An exit code. */
int admin_keys_list(struct cli *c);

#endif
