/* The tools: which methods there are to call, and how they are listed. */
#ifndef CAPOS_MCP_TOOLS_H
#define CAPOS_MCP_TOOLS_H

#include "mcp-name.h"
#include "mcp-policy.h"

#include <capos/capos-client.h>

enum {
        MCP_LISTED = 60,      /* tools in a list, at most; the others are called by `capos__call` */
        MCP_TOOLS = 1024,     /* methods that are looked at */
        MCP_INTERFACES = 256, /* interfaces, likewise */
        MCP_CAP_NAME = 96,
        MCP_SAID = 1024, /* of what an author says of something */
};

struct mcp_tool {
        char name[MCP_NAME_BYTES + 1];
        char capability[MCP_CAP_NAME]; /* it is called on; "": on a handle */
        uint64_t interface;            /* of the capability, or of handles that fit */
        struct capnp_method_info m;
        enum command_effect effect;
        char on[8];   /* the argument that is the handle; "": none */
        json_t *json; /* as in a list; NULL: not made yet */
        bool is_listed;
};

struct mcp_interfaces {
        uint64_t id[MCP_INTERFACES];
        unsigned n;
};

struct mcp_tools {
        struct mcp_tool *all; /* sorted by name */
        unsigned n;
        struct mcp_interfaces caps, results; /* of the bundle, and what calls may return */
};

/* Where tools come from. */
struct mcp_source {
        const capos_client *client; /* what it holds, with the schemas of that */
        const struct mcp_policy *policy;
        unsigned builtins; /* tools of our own, which are listed besides */
};

/* Looks which methods there are. 0; -ENOMEM. */
int mcp_tools_make(struct mcp_tools *t, const struct mcp_source *s) CAPNP_MUST_USE;
/* Describes them, where opts are how arguments will be read and results written. What cannot be
 * described is no tool. 0; -ENOMEM. */
int mcp_tools_describe(struct mcp_tools *t, const struct mcp_source *s,
                       const struct capnp_dynamic_opts *opts) CAPNP_MUST_USE;
void mcp_tools_deinit(struct mcp_tools *t);
/* Whether there are unlisted ones. */
bool mcp_tools_are_many(const struct mcp_tools *t);
/* Whether lists of them are the same. */
bool mcp_tools_equal(const struct mcp_tools *a, const struct mcp_tools *b);

/* NULL: there is none. */
const struct mcp_tool *mcp_tools_find(const struct mcp_tools *t, const char *name);
/* … by whose method it is: a capability's, or, where that is "", an interface's. */
const struct mcp_tool *mcp_tools_find_method(const struct mcp_tools *t, const char *capability,
                                             uint64_t interface, const char *method);
/* Whether a mailbox is made where a reference of an interface is wanted: nothing that could be
 * passed is one. */
bool mcp_tools_is_mailbox(const struct mcp_tools *t, const capnp_schema *s, uint64_t interface);
/* Whether a session holds a capability now: one that was taken back, or has run out, stays in the
 * list. e may be NULL. By this machine's clock, as everywhere. */
bool mcp_entry_is_held(const capos_client *c, const char *name, struct capos_cap_entry *e);
/* Whether a reference of one interface can be used as one of another. */
bool mcp_interface_fits(const capnp_schema *s, uint64_t have, uint64_t want);
/* What a method does to the world; what does not say so: COMMAND_EFFECT_LASTING. */
enum command_effect mcp_effect(const capnp_schema *s, const struct capnp_method_info *m);
const char *mcp_effect_words(enum command_effect e);

#endif
