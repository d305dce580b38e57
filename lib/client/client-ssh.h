/* The bytes of SSH's formats (RFC 4251, section 5): big-endian numbers, strings with their length.
 */
#ifndef CAPOS_CLIENT_SSH_H
#define CAPOS_CLIENT_SSH_H

#include <capos/capnp-dynamic.h>

/* Bytes being written into a place of fixed size. Once something did not fit, it stays full. */
struct client_out {
        uint8_t *p;
        size_t room, len;
        bool full;
};

void client_out_raw(struct client_out *o, const void *p, size_t len);
void client_out_u8(struct client_out *o, uint8_t v);
void client_out_u32(struct client_out *o, uint32_t v);
void client_out_string(struct client_out *o, const void *p, size_t len);
void client_out_text(struct client_out *o, const char *s);
/* A number that is not negative, from its big-endian bytes. */
void client_out_mpint(struct client_out *o, const uint8_t *p, size_t len);

/* Bytes being read. Once something was missing, it stays bad, and all further values are empty. */
struct client_in {
        const uint8_t *p;
        size_t len;
        bool bad;
};

uint8_t client_in_u8(struct client_in *i);
uint32_t client_in_u32(struct client_in *i);
/* Borrowed from the input. */
capnp_data client_in_string(struct client_in *i);
bool client_data_is(capnp_data d, const char *text);

/*
 * Decodes base64 (spaces and line ends are skipped) from the text's first len bytes; ends at the
 * first padding. 0; CAPNP_E_SYNTAX: another character; CAPNP_E_LIMIT: no room.
 */
int client_base64(const char *text, size_t len, struct client_out *to) CAPNP_MUST_USE;

/* Appends to a buffer that may hold a secret: what it outgrows is wiped. 0; CAPNP_E_LIMIT; -ENOMEM.
 */
int client_buf_append(struct capnp_buf *b, const uint8_t *p, size_t len) CAPNP_MUST_USE;
/* The end of a buffer that has held a proof: nothing is left of what was in it. */
void client_buf_deinit(struct capnp_buf *b);

#endif
