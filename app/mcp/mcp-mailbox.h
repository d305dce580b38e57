/* Mailboxes: what services tell to listeners, kept until a model asks. */
#ifndef CAPOS_MCP_MAILBOX_H
#define CAPOS_MCP_MAILBOX_H

#include "mcp-handles.h"

#include <capos/capnp-dynamic.h>

#include <jansson.h>

enum {
        MCP_MAILBOXES = 16,
        MCP_EVENTS = 256,               /* kept in one */
        MCP_EVENT_BYTES = 16 * 1024,    /* of one event, as JSON; what is longer is only counted */
        MCP_EVENTS_BYTES = 1024 * 1024, /* of one mailbox */
};

struct mcp_ear;

struct mcp_mailbox {
        char word[MCP_WORD]; /* "": this place is free */
        struct mcp_ear *ear; /* the object that the service holds; NULL: it has let go */
        uint64_t interface;
        char root[MCP_ROOT];
        struct mcp_event {
                json_t *json;
                size_t bytes;
        } events[MCP_EVENTS]; /* round and round */
        unsigned first, n;
        size_t bytes;
        uint64_t sequence, lost;
        uint64_t used_ms;
};

struct mcp_mailboxes {
        /* Told that something has come to one, or that there will be nothing more. */
        void (*woken)(void *arg, struct mcp_mailbox *b);
        /* How the parameters of a call are written, which has come for one of a root. To be used
         * at once. */
        struct capnp_dynamic_opts (*opts)(void *arg, const char *root);
        uint64_t (*now_ms)(void *arg);
        void *arg;
        capnp_vat *vat;
        struct mcp_mailbox all[MCP_MAILBOXES];
};

/* One more, and the reference to be passed. 0; CAPNP_E_LIMIT: there are too many; CAPNP_E_UNKNOWN:
 * no such interface; -ENOMEM. */
int mcp_mailbox_new(struct mcp_mailboxes *m, const capnp_schema *s, uint64_t interface,
                    const char *root, struct mcp_mailbox **ret_b, capnp_cap **ret_c) CAPNP_MUST_USE;
/* NULL: there is none with this word. */
struct mcp_mailbox *mcp_mailbox_find(struct mcp_mailboxes *m, const char *word);
/* Takes the oldest event, and its bytes from *room; NULL: there is none, or not so much room. */
json_t *mcp_mailbox_take(struct mcp_mailbox *b, size_t *room);
/* Ends it: who holds its reference is told that nobody listens. */
void mcp_mailbox_drop(struct mcp_mailbox *b);
/* Those that came from a capability; NULL: from any. */
void mcp_mailboxes_drop(struct mcp_mailboxes *m, const char *root);
/* Those that nobody has asked for long. */
void mcp_mailboxes_expire(struct mcp_mailboxes *m, uint64_t now_ms);

#endif
