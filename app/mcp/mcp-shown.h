/* Arguments in one form: as a policy judges them, and as a person is shown them. */
#ifndef CAPOS_MCP_SHOWN_H
#define CAPOS_MCP_SHOWN_H

#include "mcp-state.h"

/*
 * Reads arguments as a call of a tool would, and writes them again: with defaults, enumerants by
 * name, numbers as numbers. Nothing is made, and nobody is called. 0; as capnp_json_parse(): what
 * is wrong with them; -ENOMEM.
 */
int mcp_shown_make(struct mcp *m, const struct mcp_tool *tool, const json_t *arguments,
                   json_t **ret_shown, struct capnp_fault *ret_f) CAPNP_MUST_USE;

#endif
