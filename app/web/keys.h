/* The SSH keys that a person may log in by: the ssh-agent's, and files (--identity). */
#ifndef CAPOS_WEB_KEYS_H
#define CAPOS_WEB_KEYS_H

#include "bridge.h"

/* Says which there are. */
void keys_write(const struct bridge *b, web_down_methods_builder m);
/*
 * The key with a fingerprint; "": the first. 0; CAPNP_E_UNKNOWN: there is none;
 * CAPOS_E_KEY_LOCKED: it is in the file *ret_path, which takes a passphrase; else as
 * capos_key_load(), with ret_e.
 */
int keys_find(const struct bridge *b, const char *fingerprint, capos_key **ret_k,
              const char **ret_path, struct capos_error *ret_e) CAPNP_MUST_USE;

#endif
