/* The values of kv, and their file. */
#ifndef KV_TABLE_H
#define KV_TABLE_H

#include <capos/kit.h>

enum {
        KV_KEYS = 256,
        KV_KEY_BYTES = 64,
        KV_VALUE_BYTES = 64 * 1024,
        KV_ALL_BYTES = 1024 * 1024,
};

struct kv_entry {
        char key[KV_KEY_BYTES + 1]; /* "": there is none here */
        char *value;
        size_t len;
        capnp_timer *expires; /* NULL: it is kept for good */
        void *owner;          /* for the timer's function */
};

struct kv_table {
        struct kv_entry entries[KV_KEYS];
        size_t bytes; /* of all values */
        int folder;   /* borrowed; -1: nothing is kept */
};

/* Reads what is kept. 0, also if there is nothing; -errno: there is something, but not that. */
int kv_table_load(struct kv_table *t, int folder);
/* Keeps it: the file is the old one or the new one, whatever happens meanwhile. 0 or -errno. */
int kv_table_save(const struct kv_table *t);
/* NULL: there is none. */
struct kv_entry *kv_table_find(struct kv_table *t, capnp_text key);
/* Sets a value; of an empty one the entry is gone, and so is a timer that it had. *ret: the entry.
 * 0; -ENOMEM; CAPNP_E_LIMIT: too many, or too much. */
int kv_table_set(struct kv_table *t, capnp_text key, capnp_text value, struct kv_entry **ret);
/* Ends all timers and frees all values. */
void kv_table_deinit(struct kv_table *t);

#endif
