/*
 * Keys that are not believed any more, as in the file of sshd's RevokedKeys.
 *
 * Whatever the file has is turned into fingerprints here, and they go where the manifest goes, in
 * it: so whoever judges keys reads no file, and when the manifest is read again, they are another
 * part of what counts whole or not at all. A line that is not understood is a key that would go on
 * being good, so it is refused, with its number; so is a key whose line was cut off.
 */
#include "revoked-keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-text.h"
#include "session-sshkey.h"
#include "tls-file.h"

enum { WHAT_BYTES = 4400, PATH_ROOM = 64 };

static const char field[] = "authentication.revokedKeys";
static const char hash_kind[] = "SHA256:";

struct revoked {
        revoked_keys_complain *complain;
        void *arg;
        capnp_text path;
        char (*all)[CAPOS_SSHKEY_FINGERPRINT]; /* of the file */
        uint32_t n;
};

static void fault(struct revoked *r, const char *path, const char *what)
{
        r->complain(r->arg, path, what);
}

static void line_fault(struct revoked *r, unsigned line, const char *why)
{
        char what[WHAT_BYTES];

        (void)snprintf(what, sizeof(what), "%.4096s:%u: %s", r->path.p, line, why);
        fault(r, field, what);
}

/* ---- a line --------------------------------------------------------------------------------- */

/* Whether text begins with a fingerprint of SHA-256, and after that with a blank, if not nothing.
 */
static bool fingerprint_read(const char *text, char ret[CAPOS_SSHKEY_FINGERPRINT])
{
        size_t kind = strlen(hash_kind), len = strcspn(text, " \t"), n;
        uint8_t hash[crypto_hash_sha256_BYTES];

        if (strncmp(text, hash_kind, kind) != 0 ||
            sodium_base642bin(hash, sizeof(hash), text + kind, len - kind, NULL, &n, NULL,
                              sodium_base64_VARIANT_ORIGINAL_NO_PADDING) ||
            n != sizeof(hash))
                return false;

        capos_i_sshkey_fingerprint(hash, ret);
        return true;
}

/* Whether a key is made of whole strings, as all of them are: one that was cut off is not. */
static bool blob_is_whole(const uint8_t *p, uint32_t len)
{
        while (len >= 4) {
                uint32_t n =
                        (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];

                if (n > len - 4)
                        return false;
                p += 4 + n;
                len -= 4 + n;
        }
        return !len;
}

/* What is wrong with a key's line; NULL: ret is its fingerprint. */
static const char *key_read(const char *line, char ret[CAPOS_SSHKEY_FINGERPRINT])
{
        uint8_t blob[CAPOS_SSHKEY_BYTES], hash[crypto_hash_sha256_BYTES];
        const char *why;
        uint32_t len;

        why = capos_i_sshkey_read(line, blob, &len, NULL);
        if (why)
                return why;
        if (capos_i_sshkey_is_certificate((capnp_data){blob, len}))
                return "must be a key, and is a certificate";
        if (len == 4 + strcspn(line, " \t") || !blob_is_whole(blob, len))
                return "the key is not whole";

        crypto_hash_sha256(hash, blob, len);
        capos_i_sshkey_fingerprint(hash, ret);
        return NULL;
}

/* The same of any line. ssh-keygen -l shows the length of the key before its fingerprint. */
static const char *line_read(const char *line, char ret[CAPOS_SSHKEY_FINGERPRINT])
{
        size_t digits = strspn(line, "0123456789");

        if (digits && line[digits] == ' ')
                line += digits + 1;
        if (fingerprint_read(line, ret))
                return NULL;
        if (digits || !strncmp(line, hash_kind, strlen(hash_kind)))
                return "a fingerprint is `SHA256:` and 43 letters";
        return key_read(line, ret);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void lines_read(struct revoked *r, char *text)
{
        char *line;

        for (unsigned at = 1; (line = strsep(&text, "\n")); at++) {
                const char *why;
                size_t len = strlen(line);

                while (len && isspace((unsigned char)line[len - 1]))
                        line[--len] = 0;
                line += strspn(line, " \t");
                if (!*line || *line == '#')
                        continue;
                why = line_read(line, r->all[r->n]);
                if (why)
                        line_fault(r, at, why);
                else
                        r->n++;
        }
}

/* Each line that counts has more bytes than there are lines that could. */
static int bytes_read(struct revoked *r, capnp_data bytes)
{
        char *text = malloc((size_t)bytes.len + 1);
        size_t lines = 1;

        for (uint32_t i = 0; i < bytes.len; i++)
                lines += bytes.p[i] == '\n';
        r->all = calloc(lines, sizeof(*r->all));
        if (!text || !r->all) {
                free(text);
                return -ENOMEM;
        }

        if (bytes.len)
                memcpy(text, bytes.p, bytes.len);
        text[bytes.len] = 0;
        if (strlen(text) != bytes.len)
                fault(r, field, "is no text: it has a byte that is 0");
        else
                lines_read(r, text);
        free(text);
        return 0;
}

/* Who can write it could let a key in again. */
static bool others_write(int fd)
{
        struct stat st;

        return !fstat(fd, &st) && (st.st_mode & (S_IWGRP | S_IWOTH));
}

static int file_read(struct revoked *r)
{
        int fd = open(r->path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK), e;
        capnp_data bytes = {0};

        e = fd < 0 ? -errno : capos_i_tls_file_read(fd, &bytes);
        if (e == TLS_FILE_E_SIZE)
                fault(r, field, "is larger than 64 KiB");
        else if (e)
                fault(r, field, e == -EINVAL ? "it is no file" : strerror(-e));
        else if (others_write(fd))
                fault(r, field, "others may write it: chmod 644");
        else
                e = bytes_read(r, bytes);
        if (fd >= 0)
                (void)close(fd);
        capos_i_tls_bytes_free(&bytes);
        return e == -ENOMEM ? e : 0;
}

/* ---- the manifest --------------------------------------------------------------------------- */

static void own_check(struct revoked *r, capnp_list own)
{
        char path[PATH_ROOM], hash[CAPOS_SSHKEY_FINGERPRINT];

        for (uint32_t i = 0; i < own.len; i++) {
                capnp_text t = authentication_revoked_fingerprints_at(own, i);

                if (text_is_plain(t) && fingerprint_read(t.p, hash) && strlen(hash) == t.len)
                        continue;
                (void)snprintf(path, sizeof(path), "authentication.revokedFingerprints[%u]", i);
                fault(r, path, "must be `SHA256:` and 43 letters");
        }
}

int revoked_keys_take(capnp_msg *manifest, revoked_keys_complain *complain, void *arg)
{
        manifest_builder m = {capnp_abuilder_struct(capnp_msg_build(manifest), MANIFEST_WORDS,
                                                    MANIFEST_PTRS, NULL)};
        authentication_reader a = manifest_authentication(manifest_as_reader(m));
        capnp_list own = authentication_revoked_fingerprints(a);
        struct revoked r = {
                .complain = complain, .arg = arg, .path = authentication_revoked_keys(a)};
        capnp_lbuilder to;
        int e = 0;

        own_check(&r, own);
        if (r.path.len && (r.path.p[0] != '/' || !text_is_plain(r.path)))
                fault(&r, field, "must be an absolute path");
        else if (r.path.len)
                e = file_read(&r);
        if (!e && r.n) {
                to = authentication_init_revoked_fingerprints(manifest_build_authentication(m),
                                                              own.len + r.n);
                for (uint32_t i = 0; i < own.len; i++)
                        authentication_set_revoked_fingerprints_at(
                                to, i, authentication_revoked_fingerprints_at(own, i).p);
                for (uint32_t i = 0; i < r.n; i++)
                        authentication_set_revoked_fingerprints_at(to, own.len + i, r.all[i]);
        }
        free(r.all);
        return e;
}
