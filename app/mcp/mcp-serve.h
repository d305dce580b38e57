/* The protocol: both revisions of MCP, as a state machine without I/O and clock. */
#ifndef CAPOS_MCP_SERVE_H
#define CAPOS_MCP_SERVE_H

#include "mcp-ask.h"
#include "mcp-rpc.h"
#include "mcp-seal.h"

enum {
        MCP_REQUESTS = 32,     /* that are under way at once, whatever they ask for */
        MCP_SUBSCRIPTIONS = 8, /* to what changes */
        MCP_PROGRESS_MS = 1000,
};

struct mcp_serve;

/* A request under way. */
struct mcp_request {
        struct mcp_serve *s;
        enum mcp_request_state {
                MCP_FREE,
                MCP_PARKED,  /* the session is being opened */
                MCP_RUNNING, /* mcp_serve_ops.call has it */
                MCP_ASKED,   /* a person is, through the client */
        } state;
        json_t *id;
        bool is_modern; /* by the revision of 2026-07-28 */
        bool can_ask;   /* the client says that it can ask a person */
        json_t *token;  /* for progress; NULL: none is wanted */
        char *tool;     /* NULL: it is tools/list */
        json_t *arguments;
        uint8_t digest[MCP_DIGEST]; /* of both */
        unsigned ask;               /* the number of our own request */
        uint64_t until_ms;          /* when MCP_ASKED ends */
        uint64_t told_ms;           /* progress; when last */
        unsigned progress;
        void *call; /* the owner's; NULL: none */
};

/* What the machine asks of who owns it. */
struct mcp_serve_ops {
        /* Sends a message, which is borrowed. */
        void (*send)(void *arg, json_t *message);
        /* Tools are asked for. false: not yet; mcp_serve_ready() is called when they are there. */
        bool (*ready)(void *arg);
        /* All tools, as tools/list has them: an array, the caller's. NULL: no memory. */
        json_t *(*tools)(void *arg);
        /* A call of r->tool begins, or goes on with what somebody has answered: ends by
         * mcp_request_result(), _fail(), _unknown(), or _ask(); at once or later. */
        void (*call)(void *arg, struct mcp_request *r, enum mcp_answer a);
        /* Nobody waits for it any more. */
        void (*cancel)(void *arg, struct mcp_request *r);
        /* Who the client says that it is; both may be "". */
        void (*client)(void *arg, const char *name, const char *version);
};

struct mcp_serve {
        const struct mcp_serve_ops *ops;
        void *arg;
        const char *version; /* of this program */
        uint64_t now_ms;     /* as it was told last */
        bool initialized;    /* `initialize` was there … */
        bool may_notify;     /* … and what follows it */
        bool legacy_can_ask;
        bool listed; /* somebody was told which tools there are */
        unsigned asks;
        struct mcp_seals seals;
        struct mcp_request requests[MCP_REQUESTS];
        struct mcp_subscription {
                json_t *id; /* NULL: this place is free */
                bool tools; /* it is about the list of tools */
        } subscriptions[MCP_SUBSCRIPTIONS];
};

/* false: there are no random numbers. */
bool mcp_serve_init(struct mcp_serve *s, const struct mcp_serve_ops *ops, void *arg,
                    const char *version) CAPNP_MUST_USE;
/* Cancels nothing: the owner has gone. */
void mcp_serve_deinit(struct mcp_serve *s);

/* A line has come; one that was too long. now_ms: by a clock that does not go back. */
void mcp_serve_line(struct mcp_serve *s, capnp_text line, uint64_t now_ms);
void mcp_serve_lost(struct mcp_serve *s, uint64_t now_ms);
/* Tools are there now. */
void mcp_serve_ready(struct mcp_serve *s);
/* There are other tools than before; news for who was told which there were. */
void mcp_serve_changed(struct mcp_serve *s);
/* Time has passed. Returns in how many milliseconds it has to be told again; 0: it need not. */
uint32_t mcp_serve_tick(struct mcp_serve *s, uint64_t now_ms);

/* Ends a call: with what it has returned, as JSON, which is taken; NULL: no memory. */
void mcp_request_result(struct mcp_request *r, json_t *structured);
/* … with an error for the model: code and text. */
void mcp_request_fail(struct mcp_request *r, const char *code, const char *text);
/* … because there is no such tool, or its arguments are not what it takes. */
void mcp_request_wrong(struct mcp_request *r, const char *text);
/* Has the client ask its person: question says what. lasting: whether more than `once` is offered.
 * The call begins anew with the answer; what the owner has of it he gives up before. */
void mcp_request_ask(struct mcp_request *r, const char *question, bool lasting);
/* The number of calls that have begun and not ended. */
unsigned mcp_serve_calls(const struct mcp_serve *s);

#endif
