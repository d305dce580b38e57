/*
 * Handing the manifest around: caposd has read and checked it, everybody else gets the same bytes.
 * All of them share one file position, so nobody moves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-manifest.h"

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

void daemon_manifest_deinit(struct daemon_manifest *m)
{
        m->msg = capnp_msg_free(m->msg);
        free(m->bytes);
        free(m->text);
        *m = (struct daemon_manifest){0};
}

static int manifest_read(int fd, void *bytes, size_t len)
{
        size_t at = 0;
        ssize_t n;

        while (at < len) {
                n = pread(fd, (char *)bytes + at, len - at, (off_t)at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EBADMSG;
                at += (size_t)n;
        }
        return 0;
}

static int manifest_load(struct daemon_manifest *m, int fd)
{
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size <= 0 || st.st_size > MANIFEST_BYTES)
                return -EBADMSG;

        m->bytes = malloc((size_t)st.st_size);
        if (!m->bytes)
                return -ENOMEM;

        r = manifest_read(fd, m->bytes, (size_t)st.st_size);
        if (!r)
                r = capnp_msg_parse(m->bytes, (size_t)st.st_size, NULL, &m->msg);
        return r > 0 ? -EBADMSG : r;
}

int daemon_manifest_take(struct daemon_manifest *m, int fd)
{
        int r;

        *m = (struct daemon_manifest){0};
        r = manifest_load(m, fd);
        (void)close(fd);
        if (r)
                daemon_manifest_deinit(m);
        return r;
}

static int manifest_write(int fd, const char *bytes, size_t len)
{
        size_t at = 0;
        ssize_t n;

        while (at < len) {
                n = pwrite(fd, bytes + at, len - at, (off_t)at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                at += (size_t)n;
        }
        return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

int daemon_manifest_give(const struct daemon_manifest *m, int *ret_fd)
{
        size_t len = capnp_msg_size(m->msg);
        char *bytes = malloc(len);
        int fd, r;

        if (!bytes)
                return -ENOMEM;

        fd = memfd_create("manifest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        r = fd < 0 ? -errno : capnp_msg_write(m->msg, bytes, len);
        if (!r)
                r = manifest_write(fd, bytes, len);
        free(bytes);
        if (r) {
                if (fd >= 0)
                        (void)close(fd);
                return r;
        }

        *ret_fd = fd;
        return 0;
}
