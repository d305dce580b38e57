/*
 * Reading a manifest.
 *
 * The text is parsed by its schema, so a field that is not there, a wrong type or a number out of
 * range is refused with its place. The result is then written and read again: so what is checked
 * here is the very message that all others will get.
 */
#include <capos/capnp-dynamic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon-log.h"
#include "manifest-check.h"
#include "manifest-load.h"
#include "manifest-place.h"
#include "revoked-keys.h"

enum { TEXT_BYTES = 1024 * 1024, LINE_BYTES = 1024, FAULTS_MAX = 20 };

static _Alignas(8) const uint8_t BUILT_IN[] = {
#include "default-manifest.inc"
};

const char manifest_built_in_text[] = {
#include "default-manifest-text.inc"
        , 0};

/* ---- text ----------------------------------------------------------------------------------- */

static int text_read_all(int fd, char **ret_text, size_t *ret_len)
{
        size_t len = 0;
        ssize_t n;
        char *text = malloc(TEXT_BYTES + 1);

        if (!text)
                return -ENOMEM;

        do {
                n = read(fd, text + len, TEXT_BYTES + 1 - len);
                if (n > 0)
                        len += (size_t)n;
        } while ((n > 0 && len <= TEXT_BYTES) || (n < 0 && errno == EINTR));
        if (n < 0 || len > TEXT_BYTES) {
                free(text);
                return n < 0 ? -errno : -EFBIG;
        }

        *ret_text = text;
        *ret_len = len;
        return 0;
}

/* A manifest says which programs are run, as whom it is started by. */
static void text_look(int fd, const char *path)
{
        struct stat st;

        if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (st.st_mode & 022))
                daemon_log(LOG_WARNING, "%s: others can write it (mode %04o)", path,
                           st.st_mode & 07777);
}

static int text_read(const char *path, char **ret_text, size_t *ret_len)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC), r;

        if (fd < 0)
                return -errno;

        text_look(fd, path);
        r = text_read_all(fd, ret_text, ret_len);
        (void)close(fd);
        return r;
}

static void text_fault(const struct capnp_fault *f, const char *path)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf line;

        capnp_buf_init(&line, LINE_BYTES);
        if (!capnp_fault_print(f, path, &line))
                daemon_log(LOG_ERR, "%s", line.p);
        else
                daemon_log(LOG_ERR, "%s: line %u is wrong", path, f->line);
}

static int manifest_schema(capnp_schema **ret_s)
{
        int r = capnp_schema_new(ret_s);

        return r ? r : capnp_schema_add_file(*ret_s, &manifest_capnp_schema);
}

int manifest_print_json(manifest_reader m)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf b;
        int r;

        capnp_buf_init(&b, TEXT_BYTES);
        r = manifest_schema(&s);
        if (!r)
                r = capnp_json_print(s, MANIFEST_ID, m.r, NULL, &b);
        if (!r && printf("%s\n", b.p) < 0)
                r = -errno;
        return r;
}

static int text_parse(const char *path, capnp_text text, capnp_msg *m)
{
        CAPNP_AUTO(capnp_schema_freep) capnp_schema *s = NULL;
        struct capnp_fault fault = {0};
        int r;

        r = manifest_schema(&s);
        if (!r)
                r = capnp_text_parse(s, MANIFEST_ID, text, NULL, capnp_msg_build(m), &fault);
        if (r > 0) {
                text_fault(&fault, path);
                return -EINVAL;
        }
        return r ? r : capnp_msg_check(m);
}

void manifest_complain(void *manifest, const char *path, const char *what)
{
        const struct daemon_manifest *m = manifest;
        struct manifest_place at;

        if (!m->text) {
                daemon_log(LOG_ERR, "%s: %s: %s", m->name, path, what);
                return;
        }

        at = manifest_place((capnp_text){m->text, m->text_len}, path);
        daemon_log(LOG_ERR, "%s:%u:%u: %s: %s", m->name, at.line, at.column, path, what);
}

/* Where one thing is wrong many may be, and nobody reads them all. */
struct faults {
        struct daemon_manifest *m;
        unsigned n;
};

static void load_complain(void *arg, const char *path, const char *what)
{
        struct faults *f = arg;

        if (f->n++ < FAULTS_MAX)
                manifest_complain(f->m, path, what);
}

static int manifest_from_text(struct daemon_manifest *ret_m, const char *path,
                              struct faults *faults)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        char *text = NULL;
        size_t len = 0;
        int r, fd = -1;

        r = text_read(path, &text, &len);
        if (r) {
                daemon_log(LOG_ERR, "%s: %s", path, capnp_strerror(r));
                return r;
        }

        r = capnp_msg_new(&m);
        if (!r)
                r = text_parse(path, (capnp_text){text, (uint32_t)len}, m);
        *ret_m = (struct daemon_manifest){.name = path, .text = text, .text_len = (uint32_t)len};
        if (!r)
                r = revoked_keys_take(m, load_complain, faults);
        *ret_m = (struct daemon_manifest){0};
        if (!r)
                r = daemon_manifest_give(&(struct daemon_manifest){.msg = m}, &fd);
        if (!r)
                r = daemon_manifest_take(ret_m, fd);
        if (r) {
                free(text);
                return r;
        }

        ret_m->text = text;
        ret_m->text_len = (uint32_t)len;
        return 0;
}

/* ---- both ----------------------------------------------------------------------------------- */

static int manifest_built_in(struct daemon_manifest *ret_m)
{
        int r;

        *ret_m = (struct daemon_manifest){0};
        r = capnp_msg_parse(BUILT_IN, sizeof(BUILT_IN), NULL, &ret_m->msg);
        return r > 0 ? -EINVAL : r;
}

int manifest_load(struct daemon_manifest *ret_m, const char *path)
{
        struct faults faults = {.m = ret_m};
        int r;

        r = path ? manifest_from_text(ret_m, path, &faults) : manifest_built_in(ret_m);
        if (r)
                return r;

        ret_m->name = path ? path : "built-in manifest";
        if (manifest_check(manifest_root(ret_m->msg), load_complain, &faults) || faults.n)
                r = -EINVAL;
        if (faults.n > FAULTS_MAX)
                daemon_log(LOG_ERR, "%s: %u more faults", ret_m->name, faults.n - FAULTS_MAX);
        if (!r)
                r = capnp_msg_check(ret_m->msg) ? -EINVAL : 0;
        if (r)
                daemon_manifest_deinit(ret_m);
        return r;
}
