/* The request of the schema compiler: every node with the C names it goes by. */
#ifndef CAPNPC_REQUEST_H
#define CAPNPC_REQUEST_H

#include "mem.h"

#include "gen/schema.capnp-c.h"

/* Type id of the struct that `-> stream` stands for (stream.capnp, StreamResult). */
#define STREAM_RESULT_ID UINT64_C(0x995f9a3377c0b16e)

/* A declaration. Names are NULL for what no file of the request reaches. */
struct node {
        uint64_t id;
        node_reader r;
        node_source_info_reader info; /* empty when there is none */
        struct node *file;            /* the file it is declared in, itself for a file */
        struct node *next;    /* in its file: parents first, then in the order of the schema */
        struct node *last;    /* of a file: where to append */
        const char *name;     /* C name, snake case, with the file's prefix: remote_auth_method */
        const char *list;     /* of a list of these: remote_auth_method_list */
        const char *upper;    /* the same in upper case */
        const char *path;     /* as an author of the schema would say it: RemoteAuth.Method */
        const char **members; /* of fields, enumerants, methods: the last part of their C names */
        uint32_t nmembers;
        bool implicit; /* a parameter or result struct that a method declares in passing */
};

struct request {
        struct mem *mem;
        code_generator_request_reader r;
        struct node *nodes; /* by id */
        uint32_t n;
        bool no_doc; /* leave the comments of the schema out */
        bool failed; /* something was reported */
};

/* Reads the nodes and names them. Set no_doc before; the rest need not be. Problems are reported;
 * see failed. */
void request_init(struct request *q, struct mem *mem, code_generator_request_reader r);
/* The node with an id, or NULL. */
struct node *request_find(const struct request *q, uint64_t id);
/* Tells the author of a schema, on stderr, as `file: declaration: text`. The run will fail. */
void request_report(struct request *q, const struct node *file, const char *decl, const char *fmt,
                    ...) CAPNP_PRINTF(4, 5);

/* The doc comment of a node, or of its i-th member; "" when there is none. */
const char *node_doc(const struct node *n);
const char *node_member_doc(const struct node *n, uint32_t i);
/* "conf.capnp" */
const char *node_file_name(const struct node *file);

#endif
