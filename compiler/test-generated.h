/* The `capnp` tool for tests: text to messages and back, by the schemas of the goldens. */
#pragma once

#include <capos/capnp-msg.h>

/* What `capnp encode` makes of a text. The caller frees it; its bytes stay for the test's life. */
capnp_msg *encoded(const char *schema, const char *type, const char *text);

/* Fails the test unless `capnp decode --short` prints the message like this. */
void check_decodes(const char *schema, const char *type, const capnp_msg *m, const char *text);
