/* A capability of the session by its name, with what it is by its schema. */
#ifndef CAPOS_CLI_CAP_SCHEMA_H
#define CAPOS_CLI_CAP_SCHEMA_H

#include "cli.h"

/* command.capnp: its annotations, and the words for an effect. */
#define CAP_EFFECT UINT64_C(0xc8a77c2f6d0be391)
#define CAP_PROSE  UINT64_C(0xe4b7d1936c50a82f)
#define CAP_TITLE  UINT64_C(0xd71f0a52b4c36e88)

/* Opens the session, and finds the capability that c->words[0] names, and its schema. An exit
 * code. */
int cap_open(struct cli *c, struct capos_cap_entry *ret_e) CAPNP_MUST_USE;
/* Whether somebody can call it: a host is lent to a service by `capos ui`, and by no call of one's
 * own. */
bool cap_method_is_called(const struct capnp_method_info *m);
/* The method that c->words[1] names. An exit code. */
int cap_method(struct cli *c, const struct capos_cap_entry *e,
               struct capnp_method_info *ret_m) CAPNP_MUST_USE;
/* What a method does to the world, as its schema says: the name of a CommandEffect; NULL: it does
 * not say. */
const char *cap_effect(const capnp_schema *s, const struct capnp_method_info *m);
/* What an effect means, for a person; NULL: nobody knows. */
const char *cap_effect_words(const char *effect);
/* The title that the schema gives a method; "". */
const char *cap_title(const capnp_schema *s, const struct capnp_method_info *m);

/* The names of the types that one would ask about, sorted, and NULL behind the last: borrowed from
 * the schema, the list to be freed. NULL: no memory. */
const char **cap_types(const capnp_schema *s);

/* A list of names for who has mistyped: "motd, uptime, version", with … in place of what has no
 * room. */
struct cap_names {
        char text[400];
        size_t len;
        bool full;
};
void cap_names_add(struct cap_names *n, const char *name);

#endif
