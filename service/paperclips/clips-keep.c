/*
 * A game is written beside the one that is there, made durable, and renamed over it. Only one is
 * written at a time, so the unfinished one has one name, and whatever is found under it is void.
 *
 * A file that cannot be understood is not overwritten: it is renamed, and whoever runs the instance
 * can look at it. One that cannot be read, because the disk says so, is left where it is.
 */
#include "clips-keep.h"

#include "clips-save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNFINISHED "new"

static int file_write(int fd, const uint8_t *p, size_t len)
{
        while (len > 0) {
                ssize_t n = write(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                p += n;
                len -= (size_t)n;
        }
        return 0;
}

/* As much as there is, up to len. */
static int file_read(int fd, uint8_t *to, size_t len, size_t *ret_len)
{
        size_t have = 0;

        while (have < len) {
                ssize_t n = read(fd, to + have, len - have);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        *ret_len = have;
        return 0;
}

int clips_keep_store(int folder, const char *name, const struct clips_game *g, uint64_t at_ms)
{
        static uint8_t bytes[CLIPS_SAVE_BYTES];
        size_t len;
        int fd, r = clips_save_write(g, at_ms, bytes, &len);

        if (r)
                return r < 0 ? r : -EMSGSIZE;
        fd = openat(folder, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        r = file_write(fd, bytes, len);
        if (!r && fdatasync(fd) < 0)
                r = -errno;
        (void)close(fd);
        if (!r && renameat(folder, UNFINISHED, folder, name) < 0)
                r = -errno;
        return r;
}

static int set_aside(int folder, const char *name)
{
        char bad[CLIPS_NAME_BYTES + 4];

        (void)snprintf(bad, sizeof(bad), "%s.bad", name);
        return renameat(folder, name, folder, bad) < 0 ? -errno : CLIPS_KEEP_BAD;
}

int clips_keep_load(int folder, const char *name, struct clips_game *g, uint64_t *ret_at_ms)
{
        static uint8_t bytes[CLIPS_SAVE_BYTES + 1]; /* one that is longer is none */
        int fd = openat(folder, name, O_RDONLY | O_CLOEXEC), r;
        size_t len = 0;

        if (fd < 0)
                return errno == ENOENT ? CLIPS_KEEP_NONE : -errno;

        r = file_read(fd, bytes, sizeof(bytes), &len);
        (void)close(fd);
        if (!r)
                r = clips_save_read(g, bytes, len, ret_at_ms);
        return r == -EILSEQ ? set_aside(folder, name) : r;
}
