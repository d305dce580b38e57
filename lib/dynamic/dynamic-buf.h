/* Buffers that texts are written to. The first error sticks; whoever writes asks once, at the end.
 */
#ifndef CAPNP_DYNAMIC_BUF_H
#define CAPNP_DYNAMIC_BUF_H

#include <capos/capnp-dynamic.h>

struct dynamic_out {
        struct capnp_buf *b;
        int error; /* CAPNP_E_LIMIT, -ENOMEM or what a writer noted */
};

/* Room for n more bytes, which count as written; NULL: error is set. */
char *dynamic_out_grow(struct dynamic_out *o, size_t n);
void dynamic_out_add(struct dynamic_out *o, const char *p, size_t n);
void dynamic_out_str(struct dynamic_out *o, const char *s);
void dynamic_out_char(struct dynamic_out *o, char c);
/* Short texts only: at most 127 bytes, the rest is cut. */
void dynamic_out_fmt(struct dynamic_out *o, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* A number in decimal: the bits of a signed one, or an unsigned one. */
void dynamic_out_number(struct dynamic_out *o, uint64_t v, bool is_signed);
void dynamic_out_fail(struct dynamic_out *o, int error);
/* Appends a whole message in stream framing. 0; CAPNP_E_LIMIT; -ENOMEM; what is wrong with it. */
int dynamic_out_msg(struct capnp_buf *to, capnp_msg *m) CAPNP_MUST_USE;
/* Cuts the buffer to a length when something went wrong, and says what. */
int dynamic_out_end(struct dynamic_out *o, size_t start);

/* Bytes of the UTF-8 character at p; 0: not one. left > 0. */
unsigned dynamic_utf8(const char *p, size_t left);

/* Base64 (RFC 4648, with padding). */
void dynamic_base64(struct dynamic_out *o, const uint8_t *p, size_t n);
/* Decode in place. False: not hexadecimal, not base64, of which only padding may be missing. */
bool dynamic_unhex(char *p, size_t len, size_t *ret_len);
bool dynamic_unbase64(char *p, size_t len, size_t *ret_len);

#endif
