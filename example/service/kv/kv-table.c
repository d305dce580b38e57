/*
 * The values of kv, and their file. It is written as a whole beside the old one, brought to the
 * disk and renamed over it, so that a crash leaves one of the two.
 */
#include "kv-table.h"

#include "kv.capnp-c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The values, and around each its key, its place in the list and padding. */
enum { FILE_BYTES = KV_ALL_BYTES + KV_KEYS * 128 + 1024 };

#define SAVED      "table"
#define UNFINISHED "table.new"

struct kv_entry *kv_table_find(struct kv_table *t, capnp_text key)
{
        for (unsigned i = 0; i < KV_KEYS; i++) {
                struct kv_entry *e = &t->entries[i];

                if (e->key[0] && strlen(e->key) == key.len && memcmp(e->key, key.p, key.len) == 0)
                        return e;
        }
        return NULL;
}

static void entry_remove(struct kv_table *t, struct kv_entry *e)
{
        t->bytes -= e->len;
        e->expires = capnp_timer_free(e->expires);
        free(e->value);
        *e = (struct kv_entry){.value = NULL};
}

int kv_table_set(struct kv_table *t, capnp_text key, capnp_text value, struct kv_entry **ret)
{
        struct kv_entry *e = kv_table_find(t, key);
        size_t before = e ? e->len : 0;
        char *copy;

        for (unsigned i = 0; i < KV_KEYS && !e; i++)
                if (!t->entries[i].key[0])
                        e = &t->entries[i];
        if (!e || key.len == 0 || key.len > KV_KEY_BYTES || value.len > KV_VALUE_BYTES ||
            t->bytes - before + value.len > KV_ALL_BYTES)
                return CAPNP_E_LIMIT;

        *ret = e;
        if (value.len == 0) {
                entry_remove(t, e);
                return 0;
        }

        copy = malloc(value.len);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, value.p, value.len);
        entry_remove(t, e);
        memcpy(e->key, key.p, key.len);
        e->value = copy;
        e->len = value.len;
        t->bytes += value.len;
        return 0;
}

void kv_table_deinit(struct kv_table *t)
{
        for (unsigned i = 0; i < KV_KEYS; i++)
                entry_remove(t, &t->entries[i]);
}

/* ---- the file -------------------------------------------------------------------------------- */

static int file_read(int fd, uint8_t *to, size_t len)
{
        while (len > 0) {
                ssize_t n = read(fd, to, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                to += n;
                len -= (size_t)n;
        }
        return 0;
}

static int file_write(int fd, const uint8_t *from, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, from, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                from += n;
                len -= (size_t)n;
        }
        return 0;
}

static int table_decode(struct kv_table *t, const void *bytes, size_t len)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        struct kv_entry *e;
        table_entry_list list;
        int r = capnp_msg_parse(bytes, len, NULL, &m);

        if (r)
                return r == -ENOMEM ? r : -EIO;
        list = table_entries(table_root(m));
        for (uint32_t i = 0; i < table_entry_list_len(list) && !r; i++) {
                table_entry_reader x = table_entry_list_get(list, i);

                r = kv_table_set(t, table_entry_key(x), table_entry_value(x), &e);
        }
        if (!r)
                r = capnp_msg_check(m);
        return r > 0 ? -EIO : r;
}

int kv_table_load(struct kv_table *t, int folder)
{
        uint8_t *bytes;
        struct stat st;
        int fd, r = 0;

        *t = (struct kv_table){.folder = folder};
        fd = folder < 0 ? -1 : openat(folder, SAVED, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return folder < 0 || errno == ENOENT ? 0 : -errno;

        if (fstat(fd, &st) < 0)
                r = -errno;
        else if (st.st_size == 0 || st.st_size > FILE_BYTES)
                r = -EIO;
        bytes = r ? NULL : malloc((size_t)st.st_size);
        if (!r && !bytes)
                r = -ENOMEM;
        if (!r)
                r = file_read(fd, bytes, (size_t)st.st_size);
        (void)close(fd);
        if (!r)
                r = table_decode(t, bytes, (size_t)st.st_size);
        free(bytes);
        return r;
}

static int table_encode(const struct kv_table *t, capnp_msg *m)
{
        table_builder root = table_build(m);
        table_entry_list_builder list;
        uint32_t n = 0;

        for (unsigned i = 0; i < KV_KEYS; i++)
                n += t->entries[i].key[0] && !t->entries[i].expires;
        list = table_init_entries(root, n);
        n = 0;
        for (unsigned i = 0; i < KV_KEYS; i++) {
                const struct kv_entry *e = &t->entries[i];
                table_entry_builder b;

                if (!e->key[0] || e->expires)
                        continue;
                b = table_entry_list_builder_get(list, n++);
                table_entry_set_key(b, e->key);
                table_entry_set_value_n(b, (capnp_text){e->value, (uint32_t)e->len});
        }
        return capnp_msg_check(m);
}

static int table_write(const struct kv_table *t, const uint8_t *bytes, size_t len)
{
        int fd = openat(t->folder, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r;

        if (fd < 0)
                return -errno;

        r = file_write(fd, bytes, len);
        if (!r && fsync(fd) < 0)
                r = -errno;
        (void)close(fd);
        if (!r && renameat(t->folder, UNFINISHED, t->folder, SAVED) < 0)
                r = -errno;
        return r;
}

int kv_table_save(const struct kv_table *t)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        uint8_t *bytes;
        int r;

        if (t->folder < 0)
                return 0;

        r = capnp_msg_new(&m);
        if (!r)
                r = table_encode(t, m);
        if (r)
                return r < 0 ? r : -EFBIG;
        bytes = malloc(capnp_msg_size(m));
        if (!bytes)
                return -ENOMEM;
        r = capnp_msg_write(m, bytes, capnp_msg_size(m));
        if (!r)
                r = table_write(t, bytes, capnp_msg_size(m));
        free(bytes);
        return r < 0 || !r ? r : -EFBIG;
}
