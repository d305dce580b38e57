/* Memory that is given back all at once: the compiler reads, writes and ends. */
#ifndef CAPNPC_MEM_H
#define CAPNPC_MEM_H

#include <capos/capnp-base.h>

struct mem_block;

/* Zero it to begin. */
struct mem {
        struct mem_block *last;
};

/* Zeroed bytes, valid until mem_deinit(). Ends the program when there are none. */
void *mem_alloc(struct mem *m, size_t bytes);
/* A formatted string, valid until mem_deinit(). */
char *mem_fmt(struct mem *m, const char *fmt, ...) CAPNP_PRINTF(2, 3);
/* The first n bytes of s as a string, valid until mem_deinit(). */
char *mem_dup(struct mem *m, const char *s, size_t n);
/* Frees everything; m can be used again. */
void mem_deinit(struct mem *m);

#endif
