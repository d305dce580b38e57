/* Texts of others, made harmless for whoever prints what we send. */
#ifndef CAPOS_MCP_TEXT_H
#define CAPOS_MCP_TEXT_H

#include <jansson.h>

#include <stddef.h>

/* JSON on one line, in which characters that steer, reorder or hide are escaped as JSON does. To be
 * freed; NULL: no memory. */
char *mcp_text_json(const json_t *o);
/* Text of an author, for people: one line, without such characters, cut to fit at a character. */
void mcp_text_plain(const char *s, char *to, size_t room);

#endif
