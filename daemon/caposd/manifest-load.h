/* Reading a manifest: from its text to the message that every process gets. */
#ifndef CAPOS_CAPOSD_MANIFEST_LOAD_H
#define CAPOS_CAPOSD_MANIFEST_LOAD_H

#include "daemon-manifest.h"

/* The text of the built-in manifest. */
extern const char manifest_built_in_text[];

/* Reads and checks a manifest; path NULL: the built-in one. What is wrong goes to the log, a line
 * each. 0; -EINVAL: it is wrong; -errno: it cannot be read. path is borrowed. */
int manifest_load(struct daemon_manifest *ret_m, const char *path) CAPNP_MUST_USE;
/* Says in the log what is wrong with one: its name, line and column where it is a text, the path in
 * it, and what. manifest: a const struct daemon_manifest *. */
void manifest_complain(void *manifest, const char *path, const char *what);
/* Prints one as JSON, in a line. 0, or -errno. */
int manifest_print_json(manifest_reader m) CAPNP_MUST_USE;

#endif
