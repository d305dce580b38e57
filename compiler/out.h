/* A text that grows, and the file it becomes once the whole run has succeeded. */
#ifndef CAPNPC_OUT_H
#define CAPNPC_OUT_H

#include "mem.h"

#include <stdarg.h>

/* Zero it to begin. */
struct out {
        char *s;
        size_t len;
        size_t room;
};

/* Appends. Ends the program when memory runs out. */
void out_f(struct out *o, const char *fmt, ...) CAPNP_PRINTF(2, 3);
void out_v(struct out *o, const char *fmt, va_list args) CAPNP_PRINTF(2, 0);
void out_bytes(struct out *o, const char *s, size_t n);

/* Appends a comment: the text's lines behind `indent` and a star. Nothing for an empty text. */
void out_doc(struct out *o, const char *indent, const char *text);
/* Appends a C string literal that means exactly these bytes. */
void out_literal(struct out *o, const char *s, size_t n);

/*
 * Writes the text to a file below the current folder, making the folders on the way: first under a
 * temporary name beside it. out_commit() gives it its own name, out_discard() removes it. 0 or
 * -errno.
 */
int out_write(const struct out *o, const char *path) CAPNP_MUST_USE;
int out_commit(const char *path) CAPNP_MUST_USE;
void out_discard(const char *path);

void out_deinit(struct out *o);

#endif
