/*
 * capos-settings: what a host keeps of how a person has arranged the panes of services
 * (schema/remote_ui.capnp, UiSettings).
 *
 * Usage, in the manifest: (program = "capos-settings", state = true, disclosure = [pseudonym]).
 *
 * It is for front ends, not for services: its entry in a bundle stays with the session (transfer
 * `session`), so no service that composes panes can come by it. Whose settings they are is the
 * caller's pseudonym. Who has none, a guest or an anonymous session, has nothing kept: `load` says
 * that there is nothing, `save` is refused.
 *
 * Each account has one file in the service's folder: eight bytes of version, then a message with a
 * UiSaved. It is read when it is asked for, so two sessions of one account see the same. It is
 * replaced as a whole: what a crash leaves is the old one or the new one. The version grows with
 * each change, a reset among them, and `save` has to name the present one: of two hosts that save
 * at once the second is told, and loads again.
 */
#include "remote_ui.capnp-c.h"
#include <capos/kit.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        SAVED_BYTES = 64 * 1024, /* of one account, with its version */
        VERSION_BYTES = 8,
        NAME_BYTES = 2 * KIT_REFERENCE_BYTES + 1,
};

#define UNFINISHED "new" /* what a file is written as: one at a time, since nothing here waits */

struct settings {
        capnp_vat *vat;
        int folder; /* borrowed */
};

/* A caller's object. */
struct keeper {
        struct settings *s;
        char file[NAME_BYTES]; /* "": nothing is kept of this caller */
};

/* ---- files ----------------------------------------------------------------------------------- */

/* What is kept: nothing, version 0, if there is no file, or none that can be read. */
struct kept {
        uint64_t version;
        size_t len;
        _Alignas(8) uint8_t message[SAVED_BYTES - VERSION_BYTES];
};

static int file_read(int fd, void *to, size_t len)
{
        uint8_t *p = to;

        while (len > 0) {
                ssize_t n = read(fd, p, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                p += n;
                len -= (size_t)n;
        }
        return 0;
}

static int file_write(int fd, const void *from, size_t len)
{
        const uint8_t *p = from;

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

static int kept_read(int fd, struct kept *k)
{
        struct stat st;
        uint64_t version;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size < VERSION_BYTES || st.st_size > SAVED_BYTES)
                return -EIO;
        r = file_read(fd, &version, sizeof(version));
        k->len = (size_t)st.st_size - VERSION_BYTES;
        if (!r)
                r = file_read(fd, k->message, k->len);
        k->version = le64toh(version);
        return r;
}

static int kept_load(const struct keeper *k, struct kept *ret)
{
        int fd = openat(k->s->folder, k->file, O_RDONLY | O_CLOEXEC), r;

        ret->version = 0;
        ret->len = 0;
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;

        r = kept_read(fd, ret);
        (void)close(fd);
        return r;
}

/* What is there afterwards is the old file or the new one. */
static int kept_store(const struct keeper *k, const struct kept *v)
{
        uint64_t version = htole64(v->version);
        int fd = openat(k->s->folder, UNFINISHED, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int r;

        if (fd < 0)
                return -errno;

        r = file_write(fd, &version, sizeof(version));
        if (!r)
                r = file_write(fd, v->message, v->len);
        if (!r && fdatasync(fd) < 0)
                r = -errno;
        (void)close(fd);
        if (!r && renameat(k->s->folder, UNFINISHED, k->s->folder, k->file) < 0)
                r = -errno;
        return r;
}

/* ---- methods --------------------------------------------------------------------------------- */

/* The cause, which the folder's place may be in, is for the log. */
static int fail_disk(capnp_answer *a, int r)
{
        fprintf(stderr, "capos-settings: %s\n", strerror(-r));
        return capnp_answer_fail(a, r == -ENOSPC ? CAPNP_OVERLOADED : CAPNP_FAILED,
                                 "the settings cannot be kept: the instance's log says why");
}

static int settings_load(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        const struct keeper *k = self;
        static struct kept v;
        int r = k->file[0] ? kept_load(k, &v) : 0;

        if (r)
                return fail_disk(a, r);
        if (!k->file[0] || v.len == 0) {
                ui_settings_load_results_set_version(a, k->file[0] ? v.version : 0);
                return capnp_answer_return(a);
        }

        r = capnp_msg_parse(v.message, v.len, NULL, &m);
        if (r == -ENOMEM)
                return r;
        if (r)
                return fail_disk(a, -EIO);
        ui_settings_load_results_set_saved(a, ui_saved_root(m));
        ui_settings_load_results_set_version(a, v.version);
        return capnp_answer_return(a);
}

/* As the file has it. CAPNP_E_LIMIT: too much. */
static int kept_encode(ui_saved_reader saved, struct kept *v)
{
        CAPNP_AUTO(capnp_msg_freep) capnp_msg *m = NULL;
        int r = capnp_msg_new(&m);

        if (r)
                return r;
        capnp_abuilder_set_struct(capnp_msg_build(m), saved.r);
        r = capnp_msg_check(m);
        v->len = capnp_msg_size(m);
        return r ? r : capnp_msg_write(m, v->message, sizeof(v->message));
}

static int settings_save(void *self, capnp_answer *a)
{
        const struct keeper *k = self;
        static struct kept v;
        int r;

        if (!k->file[0])
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "nothing is kept of a session without an account");
        r = kept_load(k, &v);
        if (r)
                return fail_disk(a, r);
        if (v.version != ui_settings_save_param_version(a))
                return capnp_answer_fail(a, CAPNP_FAILED,
                                         "they have changed since: load them again");

        r = kept_encode(ui_settings_save_param_saved(a), &v);
        if (r == CAPNP_E_LIMIT)
                return capnp_answer_fail(a, CAPNP_OVERLOADED, "settings have 64 KiB at most");
        if (r)
                return r;
        v.version++;
        r = kept_store(k, &v);
        if (r)
                return fail_disk(a, r);
        ui_settings_save_results_set_version(a, v.version);
        return capnp_answer_return(a);
}

static int settings_reset(void *self, capnp_answer *a)
{
        const struct keeper *k = self;
        static struct kept v;
        int r;

        if (!k->file[0])
                return capnp_answer_return(a);
        /* One that cannot be read is forgotten, too: this is how to get rid of it. */
        r = kept_load(k, &v);
        if (r && r != -EIO)
                return fail_disk(a, r);
        v.version++;
        v.len = 0;
        r = kept_store(k, &v);
        return r ? fail_disk(a, r) : capnp_answer_return(a);
}

/* ---- the service ----------------------------------------------------------------------------- */

static void keeper_gone(void *self)
{
        free(self);
}

static const struct ui_settings_ops ops = {
        .gone = keeper_gone,
        .load = settings_load,
        .save = settings_save,
        .reset = settings_reset,
};

static int service_start(const struct kit_start *s, void **ret_self)
{
        static struct settings settings;

        if (s->argc > 1 || s->state_fd < 0) {
                fprintf(stderr, "capos-settings: %s\n",
                        s->argc > 1 ? "takes no arguments" : "needs `state = true`");
                return -EINVAL;
        }

        settings = (struct settings){.vat = s->vat, .folder = s->state_fd};
        *ret_self = &settings;
        return 0;
}

static int service_open(void *self, struct kit_caller *caller, const char *facet,
                        capnp_cap **ret_bootstrap)
{
        struct settings *s = self;
        struct keeper *k;
        int r;

        if (facet[0] != '\0')
                return CAPNP_E_UNKNOWN;

        k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;
        k->s = s;
        for (unsigned i = 0; caller->has_pseudonym && i < KIT_REFERENCE_BYTES; i++)
                snprintf(k->file + 2 * i, 3, "%02x", caller->pseudonym[i]);

        r = ui_settings_serve(s->vat, &ops, k, ret_bootstrap);
        if (r)
                free(k);
        return r;
}

int main(int argc, char **argv)
{
        static const struct kit_service service = {
                .name = "capos-settings",
                .schema = &remote_ui_capnp_schema,
                .start = service_start,
                .open = service_open,
        };

        return kit_run(&service, argc, argv);
}
