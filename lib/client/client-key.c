/*
 * Private keys, from a file of ssh-keygen's.
 *
 * A file of one's own that others may read is refused, as ssh refuses it: its key is theirs as
 * well.
 *
 * What is read of a file is wiped before this returns; the key itself is OpenSSL's, which wipes the
 * private numbers when it is freed.
 */
#include "client-key.h"

#include "client-error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

capos_key *capos_key_free(capos_key *k)
{
        if (!k)
                return NULL;

        EVP_PKEY_free(k->pkey);
        free(k->agent);
        free(k);
        return NULL;
}

capnp_data capos_key_public_peek(const capos_key *k)
{
        return (capnp_data){k->public, k->public_len};
}

const char *capos_key_fingerprint_peek(const capos_key *k)
{
        return k->fingerprint;
}

bool capos_key_needs_touch(const capos_key *k)
{
        return !key_type_signature(k->type);
}

bool capos_key_is_certified(const capos_key *k)
{
        return k->certified;
}

int key_make(capos_key **ret_k)
{
        CAPNP_AUTO(capos_key_freep) capos_key *k = calloc(1, sizeof(*k));
        uint8_t public[KEY_PUBLIC_BYTES];
        struct client_out o = {.p = public, .room = sizeof(public)};

        if (!k)
                return -ENOMEM;
        k->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        if (!k->pkey || key_public_of_pkey(k->pkey, &o) ||
            key_set_public(k, (capnp_data){public, (uint32_t)o.len}))
                return -ENOMEM;

        *ret_k = k;
        k = NULL;
        return 0;
}

/* ---- files -------------------------------------------------------------------------------- */

int key_read_file(const char *path, char *p, size_t room, size_t *ret_len)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        size_t len = 0;
        ssize_t n = 1;
        int r = 0;

        if (fd < 0)
                return -errno;

        while (len < room && n > 0) {
                n = read(fd, p + len, room - len);
                if (n < 0)
                        r = -errno;
                else
                        len += (size_t)n;
        }
        (void)close(fd);
        if (r)
                return r;

        *ret_len = len;
        return len == room ? CAPNP_E_LIMIT : 0;
}

/* One file: what it is opened with, and what is wrong with it. */
struct file {
        const char *path;
        capnp_data passphrase; /* len 0: none */
        const char *why;       /* NULL: nothing more than the code says */
        unsigned open_mode;    /* others may read it: its mode; 0: they may not */
        bool asked;            /* OpenSSL wanted a passphrase */
};

/* The base64 between the two lines of an OpenSSH file. */
static int key_of_armour(struct file *f, const char *text, size_t len, EVP_PKEY **ret_k)
{
        static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
        static const char end[] = "-----END OPENSSH PRIVATE KEY-----";
        uint8_t body[KEY_FILE_BYTES];
        struct client_out o = {.p = body, .room = sizeof(body)};
        const char *from = (const char *)memmem(text, len, begin, sizeof(begin) - 1), *to;
        int r = CAPOS_E_KEY;

        if (!from)
                return CAPNP_E_UNKNOWN;

        from += sizeof(begin) - 1;
        to = (const char *)memmem(from, len - (size_t)(from - text), end, sizeof(end) - 1);
        if (to && !client_base64(from, (size_t)(to - from), &o))
                r = key_of_openssh((capnp_data){body, (uint32_t)o.len}, f->passphrase, ret_k,
                                   &f->why);
        explicit_bzero(body, sizeof(body));
        return r;
}

/* OpenSSL asks for a passphrase. */
static int key_on_passphrase(char *buf, int size, int rwflag, void *arg)
{
        struct file *f = arg;

        (void)rwflag;
        f->asked = true;
        if (!f->passphrase.len || f->passphrase.len > (uint32_t)size)
                return -1;
        memcpy(buf, f->passphrase.p, f->passphrase.len);
        return (int)f->passphrase.len;
}

static int key_of_pem(struct file *f, const char *text, size_t len, EVP_PKEY **ret_k)
{
        BIO *b = BIO_new_mem_buf(text, (int)len);

        if (!b)
                return -ENOMEM;

        *ret_k = PEM_read_bio_PrivateKey(b, NULL, key_on_passphrase, f);
        BIO_free(b);
        if (*ret_k)
                return 0;
        return f->asked ? CAPOS_E_KEY_LOCKED : CAPOS_E_KEY;
}

static int key_parse(struct file *f, const char *text, size_t len, capos_key *k)
{
        uint8_t public[KEY_PUBLIC_BYTES];
        struct client_out o = {.p = public, .room = sizeof(public)};
        int r;

        r = key_of_armour(f, text, len, &k->pkey);
        if (r == CAPNP_E_UNKNOWN)
                r = key_of_pem(f, text, len, &k->pkey);
        if (!r)
                r = key_public_of_pkey(k->pkey, &o);
        if (!r)
                r = key_set_public(k, (capnp_data){public, (uint32_t)o.len});
        return r > 0 && r != CAPOS_E_KEY_LOCKED ? CAPOS_E_KEY : r;
}

static int key_explain(int r, const struct file *f, struct capos_error *ret_e)
{
        if (f->open_mode)
                return client_fail(ret_e, r,
                                   "%s: mode %04o is too open, others could use this key: "
                                   "chmod 600 %s",
                                   f->path, f->open_mode, f->path);
        if (r == CAPOS_E_KEY_LOCKED && f->passphrase.len)
                return client_fail(ret_e, r, "%s: the passphrase is not right", f->path);
        if (r == CAPOS_E_KEY_LOCKED)
                return client_fail(ret_e, r,
                                   "%s is protected by a passphrase: add it to an ssh-agent "
                                   "(ssh-add %s), or remove the passphrase (ssh-keygen -p -f %s)",
                                   f->path, f->path, f->path);
        if (r == CAPOS_E_KEY && f->why)
                return client_fail(ret_e, r, "%s cannot be used: %s", f->path, f->why);
        if (r == CAPOS_E_KEY)
                return client_fail(ret_e, r,
                                   "%s is not a private key of a known kind (ssh-ed25519, "
                                   "ecdsa-sha2-nistp*, ssh-rsa)",
                                   f->path);
        return client_fail(ret_e, r, "%s: %s", f->path, capos_strerror(r));
}

/* Whether a key is open to others. Like ssh: what counts is a file of our own; somebody else's is
 * his business. */
static bool file_is_open(struct file *f)
{
        struct stat st;

        if (stat(f->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
            (st.st_mode & 077))
                f->open_mode = st.st_mode & 07777;
        return f->open_mode != 0;
}

int capos_key_unlock(const char *path, capnp_data passphrase, capos_key **ret_k,
                     struct capos_error *ret_e)
{
        CAPNP_AUTO(capos_key_freep) capos_key *k = calloc(1, sizeof(*k));
        struct file f = {.path = path, .passphrase = passphrase};
        char *text = malloc(KEY_FILE_BYTES);
        size_t len;
        int r = -ENOMEM;

        if (k && text) {
                r = key_read_file(path, text, KEY_FILE_BYTES, &len);
                if (!r)
                        r = key_parse(&f, text, len, k);
                if (r == CAPNP_E_LIMIT)
                        r = CAPOS_E_KEY;
                if ((!r || r == CAPOS_E_KEY_LOCKED) && file_is_open(&f))
                        r = CAPOS_E_KEY;
        }
        if (text)
                explicit_bzero(text, KEY_FILE_BYTES);
        free(text);
        if (r)
                return key_explain(r, &f, ret_e);

        *ret_k = k;
        k = NULL;
        return 0;
}

int capos_key_load(const char *path, capos_key **ret_k, struct capos_error *ret_e)
{
        return capos_key_unlock(path, (capnp_data){0}, ret_k, ret_e);
}
