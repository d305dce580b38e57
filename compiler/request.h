/* The request of the schema compiler: every node with the C names it goes by. */
#ifndef CAPNPC_REQUEST_H
#define CAPNPC_REQUEST_H

#include "map.h"
#include "mem.h"

#include "gen/schema.capnp-c.h"

/* Type id of the struct that `-> stream` stands for (stream.capnp, StreamResult). */
#define STREAM_RESULT_ID UINT64_C(0x995f9a3377c0b16e)

/* How the header being written sees a file. */
enum sight {
        SIGHT_NONE,     /* not at all: its types are the library's plain views */
        SIGHT_INCLUDED, /* its header is included: types go by hint and id, whatever their name */
        SIGHT_OWN,      /* it is the one being written: types go by name */
};

/* A part of a C name: what the schema says, and which of its other forms is used. */
struct part {
        const char *said;    /* in the schema */
        const char *plain;   /* the first form */
        const char *name;    /* the one used */
        unsigned form;       /* 0: plain; each clash takes the next */
        bool given;          /* by an annotation or a map: others give way */
        const char *clash;   /* the whole C name that was taken, for the note; NULL: none was */
        const char *clasher; /* by whom */
};

/* A declaration. Names are NULL for what no file of the request reaches. */
struct node {
        uint64_t id;
        node_reader r;
        node_source_info_reader info; /* empty when there is none */
        struct node *file;            /* the file it is declared in, itself for a file */
        struct node *next;    /* in its file: parents first, then in the order of the schema */
        struct node *last;    /* of a file: where to append */
        const char *name;     /* C name, snake case, with the file's prefix: remote_auth_method */
        const char *upper;    /* the same in upper case */
        const char *plain;    /* the same had nothing clashed: what other files know */
        const char *list;     /* of a list of these: remote_auth_method_list */
        const char *hint;     /* its own name alone: method */
        const char *path;     /* as an author of the schema would say it: RemoteAuth.Method */
        struct part part;     /* the last part of its name */
        unsigned list_form;   /* likewise of its list */
        struct part *members; /* of fields, enumerants, methods */
        uint32_t nmembers;
        struct node *owner;    /* of a group: the struct whose field it is */
        uint32_t owner_member; /* which field */
        unsigned depth;        /* 1 for what stands in the file itself */
        enum sight sight;      /* of a file */
        bool implicit;         /* a parameter or result struct that a method declares in passing */
};

struct request {
        struct mem *mem;
        code_generator_request_reader r;
        struct map map;     /* names from outside of the schemas */
        struct node *nodes; /* by id */
        uint32_t n;
        bool no_doc; /* leave the comments of the schema out */
        bool failed; /* something was reported */
};

/* Reads the nodes and names them. Set no_doc and map before; the rest need not be. Problems are
 * reported; see failed. */
void request_init(struct request *q, struct mem *mem, code_generator_request_reader r);
/* Names a file's nodes anew, each part in the form that it has come to. */
void request_name_file(struct request *q, struct node *file);
/* The node with an id, or NULL. */
struct node *request_find(const struct request *q, uint64_t id);
/* The group of a field: NULL for another field, and for one whose group is not this field's. */
struct node *request_group(const struct request *q, const struct node *owner, uint32_t i);
/* Tells the author of a schema, on stderr, as `file: declaration: text`. The run will fail. */
void request_report(struct request *q, const struct node *file, const char *decl, const char *fmt,
                    ...) CAPNP_PRINTF(4, 5);
/* Likewise as a note: the run goes on. */
void request_note(const struct node *file, const char *decl, const char *fmt, ...)
        CAPNP_PRINTF(3, 4);

/* The doc comment of a node, or of its i-th member; "" when there is none. */
const char *node_doc(const struct node *n);
const char *node_member_doc(const struct node *n, uint32_t i);
/* "conf.capnp" */
const char *node_file_name(const struct node *file);
/* "conf": as a part of C names. */
const char *node_base_name(struct mem *m, const struct node *file);

#endif
