/**
 * @file
 * Schemas inside a program: what generated code says about the declarations of a schema file.
 *
 * Generated code ends each header with one struct capnp_schema_file (conf.capnp:
 * conf_capnp_schema). It is constant data; nothing registers it anywhere. The dynamic layer takes a
 * file, and follows its imports, when a program wants to read or print messages by their schema at
 * run time.
 */
#ifndef CAPOS_CAPNP_SCHEMA_H
#define CAPOS_CAPNP_SCHEMA_H

#include "capnp-base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A declaration: a schema.capnp Node. */
struct capnp_schema_node {
        uint64_t id;           /**< its type id, the same as Node.id */
        const uint64_t *words; /**< a constant message of one segment; its root is the Node */
        uint32_t nwords;       /**< words at words */
};

/** The comments on a declaration and its members: a schema.capnp Node.SourceInfo. */
struct capnp_schema_doc {
        uint64_t id; /**< the declaration's type id */
        /**
         * The comment on the declaration itself, then those on its members in the order in which
         * its Node has them, a NUL behind each; after the last that has one they end. What has no
         * comment has an empty one.
         */
        const char *text;
        uint32_t len; /**< bytes at text, with the last NUL */
};

/** A schema file: its declarations, and the files its types come from. */
struct capnp_schema_file {
        uint64_t id;      /**< the file's id */
        const char *name; /**< as given to the schema compiler */
        /**
         * The file itself first; then parents before what is nested in them. Groups, and the
         * structs of method parameters and results, are included.
         */
        const struct capnp_schema_node *nodes;
        /**
         * Files whose types are used; may be NULL when nimports is 0. Files may import each other:
         * mind the circle.
         */
        const struct capnp_schema_file *const *imports;
        uint32_t nnodes;   /**< entries of nodes */
        uint32_t nimports; /**< entries of imports */
        uint32_t ndocs;    /**< entries of docs */
        /**
         * The comments, in the order of nodes: of what has any. NULL when ndocs is 0, as when the
         * generator was told to leave comments out.
         */
        const struct capnp_schema_doc *docs;
};

#ifdef __cplusplus
}
#endif

#endif
