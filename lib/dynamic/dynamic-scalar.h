/* From the tree of a text to numbers, names and bytes, as a type wants them. */
#ifndef CAPNP_DYNAMIC_SCALAR_H
#define CAPNP_DYNAMIC_SCALAR_H

#include "dynamic-tree.h"
#include "dynamic-value.h"

/* A value that is no pointer, as its bits. 0, CAPNP_E_SYNTAX, CAPNP_E_UNKNOWN. */
int dynamic_scalar(struct tree *t, const capnp_schema *s, const struct dynamic_type *type,
                   uint32_t node, const struct tree_path *path, uint64_t *ret_bits) CAPNP_MUST_USE;
/* Whether a JSON string, without its quotes but with a byte of each around it, means a name. */
bool dynamic_json_is(capnp_text key, capnp_text name);
/* Whether a node is this word. */
bool dynamic_is_word(const struct tree *t, uint32_t node, const char *word);
/* "expected a text" for a node of the wrong kind. */
int dynamic_expected(struct tree *t, uint32_t node, const struct tree_path *path,
                     const char *what) CAPNP_MUST_USE;
/* An integer of so many bits; see dynamic_scalar(). */
int dynamic_integer(struct tree *t, uint32_t node, const struct tree_path *path,
                    const struct dynamic_type *type, uint64_t *ret_bits) CAPNP_MUST_USE;

/* The bytes of a string or of a 0x"…" literal: malloc'ed, never NULL on success. */
int dynamic_bytes(struct tree *t, uint32_t node, char **ret_p, uint32_t *ret_len) CAPNP_MUST_USE;

/* Refuses a name that d does not have, and says which it may have been. what: "field". */
int dynamic_unknown(struct tree *t, uint32_t at, const struct tree_path *path, const capnp_decl *d,
                    capnp_text name) CAPNP_MUST_USE;

#endif
