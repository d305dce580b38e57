/*
 * Files of keys and certificates.
 *
 * What is read may be a private key, so the memory comes from OpenSSL's secure heap (locked, not
 * dumped) where the program has set one up, and is wiped in any case. What is written goes to a new
 * file first, which then takes the old one's place: whoever reads sees the one or the other, and
 * the name is on the disk before success is told.
 */
#include "tls-file.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_BYTES = 64 };

/* ---- memory --------------------------------------------------------------------------------- */

static void *wiping_malloc(size_t len, const char *file, int line)
{
        (void)file;
        (void)line;
        return len ? malloc(len) : NULL; /* as OpenSSL's own */
}

static void wiping_free(void *p, const char *file, int line)
{
        (void)file;
        (void)line;
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}

static void *wiping_realloc(void *p, size_t len, const char *file, int line)
{
        size_t had = p ? malloc_usable_size(p) : 0;
        void *q = wiping_malloc(len, file, line);

        if (!q && len)
                return NULL;

        if (p && q)
                memcpy(q, p, had < len ? had : len);
        wiping_free(p, file, line);
        return q;
}

int capos_i_tls_wipe_freed(void)
{
        return CRYPTO_set_mem_functions(wiping_malloc, wiping_realloc, wiping_free) == 1
                       ? 0
                       : -EALREADY;
}

uint8_t *capos_i_tls_bytes_new(size_t len)
{
        return OPENSSL_secure_malloc(len ? len : 1);
}

void capos_i_tls_bytes_free(capnp_data *d)
{
        OPENSSL_secure_clear_free((void *)(uintptr_t)d->p, d->len);
        *d = (capnp_data){0};
}

/* ---- reading -------------------------------------------------------------------------------- */

static int bytes_fill(int fd, uint8_t *p, size_t len, size_t *ret_len)
{
        size_t at = 0;

        while (at < len) {
                ssize_t n = pread(fd, p + at, len - at, (off_t)at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (!n)
                        break;
                at += (size_t)n;
        }
        *ret_len = at;
        return 0;
}

int capos_i_tls_file_read(int fd, capnp_data *ret)
{
        size_t len = 0;
        struct stat st;
        uint8_t *p;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size > TLS_FILE_BYTES)
                return TLS_FILE_E_SIZE;

        p = capos_i_tls_bytes_new((size_t)st.st_size);
        if (!p)
                return -ENOMEM;

        r = bytes_fill(fd, p, (size_t)st.st_size, &len);
        if (r) {
                OPENSSL_secure_clear_free(p, (size_t)st.st_size);
                return r;
        }

        *ret = (capnp_data){p, (uint32_t)len};
        return 0;
}

int capos_i_tls_file_load(int dir, const char *name, capnp_data *ret)
{
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), r;

        if (fd < 0)
                return -errno;

        r = capos_i_tls_file_read(fd, ret);
        (void)close(fd);
        return r;
}

bool capos_i_tls_pem_has_key(capnp_data pem)
{
        static const char mark[] = "PRIVATE KEY-----"; /* all of them end so */

        return pem.len && memmem(pem.p, pem.len, mark, sizeof(mark) - 1);
}

/* ---- folders -------------------------------------------------------------------------------- */

int capos_i_tls_folder_lock(int dir)
{
        while (flock(dir, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}

void capos_i_tls_folder_unlock(int dir)
{
        (void)flock(dir, LOCK_UN);
}

/* ---- writing -------------------------------------------------------------------------------- */

static int file_write(int fd, mode_t mode, capnp_data bytes)
{
        size_t at = 0;

        while (at < bytes.len) {
                ssize_t n = write(fd, bytes.p + at, bytes.len - at);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        at += (size_t)n;
        }
        return fchmod(fd, mode) < 0 || fsync(fd) < 0 ? -errno : 0;
}

int capos_i_tls_file_store(int dir, const char *name, mode_t mode, capnp_data bytes)
{
        char new[NAME_BYTES];
        int fd, r;

        if (snprintf(new, sizeof(new), ".%s.new", name) >= (int)sizeof(new))
                return -ENAMETOOLONG;

        /* What an earlier attempt has left is nobody's. */
        if (unlinkat(dir, new, 0) < 0 && errno != ENOENT)
                return -errno;
        fd = openat(dir, new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        r = file_write(fd, mode, bytes);
        if (close(fd) < 0 && !r)
                r = -errno;
        if (!r && renameat(dir, new, dir, name) < 0)
                r = -errno;
        if (r) {
                (void)unlinkat(dir, new, 0);
                return r;
        }
        return fsync(dir) < 0 ? -errno : 0;
}
