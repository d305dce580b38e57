/*
 * The manifest, read again while the instance runs: all of it, or nothing.
 *
 * First everything is done that can fail, beside what runs: the file is read and checked as at the
 * start, with the files that it names; the session manager reads it, too (sessiond/swap.c);
 * services that are new or otherwise are started and have to be there, and every service has to
 * take the facets that bundles name. Then one packet makes it count, and nothing is left to fail.
 * Whatever goes wrong before is said, and ends what was started: nothing has changed.
 *
 * One thing cannot be tried: a service that is otherwise, and keeps things in a folder. Two of them
 * must not have it at once, so the other one is started when the first has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caposd.h"
#include "daemon-log.h"
#include "manifest-compare.h"
#include "manifest-load.h"
#include "providers.h"

enum {
        START_MS = 15 * 1000, /* for new services to be there and to answer */
        LOOK_MS = 50,
};

static const char *reload_name(const struct caposd *c)
{
        return c->options.manifest ? c->options.manifest : "built-in manifest";
}

/* ---- its end -------------------------------------------------------------------------------- */

/* Answers who waits. */
static void reload_tell(struct caposd *c, int result)
{
        struct reload *r = &c->reload;
        const struct packet p = {.type = PACKET_CHANGED, .index = r->request, .result = result};
        int fd = r->text;

        daemon_log_copy(-1);
        r->text = -1;
        if (fd >= 0)
                daemon_link_send(&c->core.sessiond.link, &p, &fd);
}

static void fd_end(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
        *fd = -1;
}

/* What was made and is not in use. */
static void reload_clear(struct reload *r)
{
        r->state = RELOAD_IDLE;
        capos_io_timer_stop(&r->timer);
        daemon_manifest_deinit(&r->manifest);
        fd_end(&r->manifest_fd);
        fd_end(&r->providers_fd);
        fd_end(&r->rules.fd);
        free(r->services);
        free(r->checked);
        r->services = NULL;
        r->checked = NULL;
        r->nservices = 0;
}

void reload_drop(struct caposd *c)
{
        struct reload *r = &c->reload;

        for (uint32_t i = 0; i < r->nservices; i++)
                if (r->services[i] && r->services[i]->next)
                        core_dismiss(&c->core, r->services[i]);
        if (r->state != RELOAD_IDLE)
                daemon_link_send(&c->core.sessiond.link, &(struct packet){.type = PACKET_DROP},
                                 NULL);
        reload_clear(r);
}

static void reload_fail(struct caposd *c)
{
        daemon_log_copy(-1);
        daemon_log(LOG_WARNING, "%s is not taken: nothing has changed", reload_name(c));
        reload_drop(c);
        reload_tell(c, -EINVAL);
        if (!c->keeper.ending && c->reload.again)
                capos_io_timer_start(&c->reload.timer, 0);
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A message has a budget for being read, and the one that counts lives long. */
static int reload_compare(struct caposd *c, uint32_t *ret_same)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest now = {0};
        manifest_reader next = manifest_root(c->reload.manifest.msg);
        int fd = fcntl(c->manifest_fd, F_DUPFD_CLOEXEC, 3), r;

        if (fd < 0)
                return -errno;
        r = daemon_manifest_take(&now, fd);
        if (r)
                return r;

        *ret_same = manifest_same(manifest_root(now.msg), next);
        return manifest_fixed(manifest_root(now.msg), next, manifest_complain, &c->reload.manifest)
                       ? CAPOSD_E_SAID
                       : 0;
}

/* Two files in memory; -1: there is none. */
static bool fds_same(int a, int b)
{
        struct stat x, y;
        void *p, *q;
        bool same;

        if (a < 0 || b < 0)
                return a == b;
        if (fstat(a, &x) || fstat(b, &y) || x.st_size != y.st_size)
                return false;
        if (!x.st_size)
                return true;

        p = mmap(NULL, (size_t)x.st_size, PROT_READ, MAP_PRIVATE, a, 0);
        q = mmap(NULL, (size_t)x.st_size, PROT_READ, MAP_PRIVATE, b, 0);
        same = p != MAP_FAILED && q != MAP_FAILED && !memcmp(p, q, (size_t)x.st_size);
        if (p != MAP_FAILED)
                (void)munmap(p, (size_t)x.st_size);
        if (q != MAP_FAILED)
                (void)munmap(q, (size_t)x.st_size);
        return same;
}

/* All that the manifest is, in files. 0; CAPOSD_E_SAID; -errno. */
static int reload_read(struct caposd *c, uint32_t *ret_same)
{
        struct reload *r = &c->reload;
        manifest_reader m;
        int e;

        if (manifest_load(&r->manifest, c->options.manifest))
                return CAPOSD_E_SAID;

        m = manifest_root(r->manifest.msg);
        if (programs_check(m, manifest_complain, &c->reload.manifest))
                return CAPOSD_E_SAID;
        e = reload_compare(c, ret_same);
        if (!e && certificates_wanted(m))
                e = certificates_make(m, manifest_complain, &r->manifest, &r->rules);
        if (!e && providers_wanted(m))
                e = providers_make(m, manifest_complain, &r->manifest, &r->providers_fd);
        if (e == -EINVAL)
                return CAPOSD_E_SAID;
        if (!e)
                e = daemon_manifest_give(&r->manifest, &r->manifest_fd);
        if (!e && providers_wanted(m))
                e = requests_want(&c->fetchers);
        if (!fds_same(c->providers_fd, r->providers_fd))
                *ret_same &= ~(uint32_t)NEXT_SAME_ISSUERS;
        return e;
}

/* ---- services ------------------------------------------------------------------------------- */

/* The running one of the same name; NULL: there is none. */
static struct service *service_now(const struct caposd *c, capnp_text name)
{
        for (uint32_t i = 0; i < c->core.nservices; i++)
                if (!strcmp(c->core.services[i]->program.name, name.p))
                        return c->core.services[i];

        return NULL;
}

static service_reader service_at(manifest_reader m, uint32_t i)
{
        return service_list_get(manifest_services(m), i);
}

/* Each one that is not as it was is a new one, which runs beside the other for a while. */
static int services_make(struct caposd *c, manifest_reader now)
{
        struct reload *r = &c->reload;
        manifest_reader m = manifest_root(r->manifest.msg);
        uint32_t n = service_list_len(manifest_services(m));
        int e = 0;

        r->services = calloc(n + 1, sizeof(struct service *));
        r->checked = calloc(n + 1, sizeof(*r->checked));
        if (!r->services || !r->checked)
                return -ENOMEM;

        for (r->nservices = 0; !e && r->nservices < n; r->nservices++) {
                uint32_t i = r->nservices;
                struct service *had = service_now(c, service_name(service_at(m, i)));

                if (had && manifest_same_process(service_at(now, had->index), service_at(m, i))) {
                        r->services[i] = had;
                        continue;
                }
                e = core_new_service(&c->core, m, i, &r->services[i]);
                if (e)
                        break;
                r->services[i]->next = r->services[i]->program.once = true;
                r->services[i]->late = had && had->state && r->services[i]->state;
        }
        return e;
}

static int reload_services(struct caposd *c)
{
        CAPNP_AUTO(daemon_manifest_deinit) struct daemon_manifest now = {0};
        int fd = fcntl(c->manifest_fd, F_DUPFD_CLOEXEC, 3), r;

        if (fd < 0)
                return -errno;
        r = daemon_manifest_take(&now, fd);
        return r ? r : services_make(c, manifest_root(now.msg));
}

/* Those that are kept, or cannot be tried, have nothing to be ready for. */
static bool service_is_tried(const struct service *s)
{
        return s->next && !s->late;
}

static void services_start(struct caposd *c)
{
        struct reload *r = &c->reload;

        for (uint32_t i = 0; i < r->nservices; i++)
                if (service_is_tried(r->services[i]))
                        program_start(&r->services[i]->program);
}

static void services_check(struct caposd *c)
{
        struct reload *r = &c->reload;

        for (uint32_t i = 0; i < r->nservices; i++) {
                const struct packet p = {.type = PACKET_NEXT_CHECK, .event = r->number, .index = i};

                if (service_is_tried(r->services[i]))
                        core_meet_service(&c->core, r->services[i]);
                r->checked[i] = r->services[i]->late;
                if (!r->checked[i])
                        daemon_link_send(&c->core.sessiond.link, &p, NULL);
        }
}

/* ---- from now on ---------------------------------------------------------------------------- */

static void services_swap(struct caposd *c)
{
        struct core *core = &c->core;
        struct reload *r = &c->reload;

        for (uint32_t i = 0; i < core->nservices; i++) {
                bool kept = false;

                for (uint32_t k = 0; k < r->nservices; k++)
                        kept |= r->services[k] == core->services[i];
                if (!kept)
                        core_dismiss(core, core->services[i]);
        }
        for (uint32_t k = 0; k < r->nservices; k++) {
                struct service *s = r->services[k];

                s->index = k;
                s->next = s->program.once = false;
                s->checked = true;
        }
        free(core->services);
        core->services = r->services;
        core->nservices = r->nservices;
        r->services = NULL;
        r->nservices = 0;
}

/* Workers tell clients whose certificates are wanted. */
static void rules_swap(struct caposd *c)
{
        struct reload *r = &c->reload;
        bool same = c->rules_fd < 0 || r->rules.fd < 0
                            ? c->rules_fd == r->rules.fd
                            : certificates_same_authorities(c->rules_fd, r->rules.fd);

        fd_end(&c->rules_fd);
        c->rules_fd = c->core.rules_fd = c->workers.rules_fd = r->rules.fd;
        c->lists_until_s = c->core.lists_until_s = r->rules.until_s;
        c->authorities_s = c->core.authorities_s = r->rules.authorities_s;
        r->rules.fd = -1;
        if (!same && c->workers.zygote.running)
                workers_renew(&c->workers);
}

static void reload_do(struct caposd *c)
{
        struct reload *r = &c->reload;

        daemon_link_send(&c->core.sessiond.link, &(struct packet){.type = PACKET_SWAP}, NULL);
        services_swap(c);
        rules_swap(c);
        fd_end(&c->providers_fd);
        c->providers_fd = c->core.providers_fd = r->providers_fd;
        r->providers_fd = -1;
        fd_end(&c->manifest_fd);
        c->manifest_fd = c->core.manifest_fd = r->manifest_fd;
        r->manifest_fd = -1;
        daemon_manifest_deinit(&c->manifest);
        c->manifest = r->manifest;
        r->manifest = (struct daemon_manifest){0};
        reload_clear(r);
        daemon_log(LOG_NOTICE, "%s counts from now on", reload_name(c));
        reload_tell(c, 0);
        if (r->reread)
                c->core.reread(&c->core, 0);
        if (r->again)
                capos_io_timer_start(&r->timer, 0);
}

/* ---- the plot ------------------------------------------------------------------------------- */

static int fd_or_empty(int fd)
{
        return fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : memfd_create("empty", MFD_CLOEXEC);
}

/* Shows it to the session manager. */
static int reload_show(struct caposd *c, uint32_t same)
{
        struct reload *r = &c->reload;
        const struct packet p = {.type = PACKET_NEXT,
                                 .event = r->number,
                                 .index = same,
                                 .until_s = r->rules.until_s,
                                 .authorities_s = r->rules.authorities_s};
        int fds[3] = {fd_or_empty(r->manifest_fd), fd_or_empty(r->rules.fd),
                      fd_or_empty(r->providers_fd)};

        if (fds[0] < 0 || fds[1] < 0 || fds[2] < 0) {
                for (unsigned i = 0; i < 3; i++)
                        fd_end(&fds[i]);
                return -EMFILE;
        }
        daemon_link_send(&c->core.sessiond.link, &p, fds);
        return 0;
}

static void reload_begin(struct caposd *c, uint32_t request)
{
        struct reload *r = &c->reload;
        uint32_t same = 0;
        int e;

        r->request = request;
        r->number++;
        r->reread = false;
        r->rules = (struct certificates_made){.fd = -1};
        r->text = memfd_create("reload", MFD_CLOEXEC);
        daemon_log_copy(r->text);
        e = reload_read(c, &same);
        if (!e)
                e = reload_services(c);
        if (!e)
                e = reload_show(c, same);
        if (e && e != CAPOSD_E_SAID)
                daemon_log(LOG_ERR, "%s: %s", reload_name(c), capnp_strerror(e));
        if (e) {
                reload_fail(c);
                return;
        }

        r->state = RELOAD_READING;
        r->until_ms = capos_io_now_ms() + START_MS;
        capos_io_timer_start(&r->timer, LOOK_MS);
        services_start(c);
}

void reload_want(struct caposd *c, uint32_t request)
{
        struct reload *r = &c->reload;

        if (r->state == RELOAD_IDLE && c->keeper.up && !c->keeper.ending && !r->again) {
                reload_begin(c, request);
                return;
        }
        r->again = true;
        if (request)
                r->again_request = request;
        if (r->state == RELOAD_IDLE)
                capos_io_timer_start(&r->timer, LOOK_MS);
}

/* Whether a service is there as far as it has to be. */
static bool reload_has(const struct reload *r, uint32_t i)
{
        r->services[i]->checked |= r->checked[i];
        return r->checked[i] &&
               (!service_is_tried(r->services[i]) || core_service_is_ready(r->services[i]));
}

static bool reload_is_ready(const struct reload *r)
{
        for (uint32_t i = 0; i < r->nservices; i++)
                if (!reload_has(r, i))
                        return false;
        return true;
}

static void reload_blame(struct caposd *c, uint32_t i, const char *what)
{
        char path[64];

        (void)snprintf(path, sizeof(path), "services[%u].program", i);
        manifest_complain(&c->reload.manifest, path, what);
}

void reload_look(struct caposd *c)
{
        struct reload *r = &c->reload;

        if (r->state == RELOAD_IDLE)
                return;

        for (uint32_t i = 0; i < r->nservices; i++)
                if (service_is_tried(r->services[i]) && r->services[i]->program.failed) {
                        reload_blame(c, i, "cannot be started");
                        reload_fail(c);
                        return;
                }
        if (r->state == RELOAD_CHECKING && reload_is_ready(r)) {
                reload_do(c);
        } else if (capos_io_now_ms() >= r->until_ms) {
                for (uint32_t i = 0; i < r->nservices; i++)
                        if (!reload_has(r, i))
                                reload_blame(c, i, "is not there in time");
                reload_fail(c);
        }
}

static void reload_on_timer(struct capos_io_timer *t)
{
        struct caposd *c = CAPNP_I_OF(t, struct caposd, reload.timer);
        struct reload *r = &c->reload;
        uint32_t request = r->again_request;

        if (r->state != RELOAD_IDLE) {
                capos_io_timer_start(t, LOOK_MS);
                reload_look(c);
        } else if (!c->keeper.up && !c->keeper.ending) {
                capos_io_timer_start(t, LOOK_MS);
        } else if (r->again && !c->keeper.ending) {
                r->again = false;
                r->again_request = 0;
                reload_begin(c, request);
        }
}

static void reload_checked(struct caposd *c, const struct packet *p)
{
        struct reload *r = &c->reload;
        bool silent;

        if (r->state != RELOAD_CHECKING || p->index >= r->nservices)
                return;
        silent = (p->check == CHECK_SILENT || p->check == CHECK_UNKNOWN) &&
                 service_is_tried(r->services[p->index]);
        /* Of one that has died, its end says more, and comes in a moment. */
        if (silent && daemon_link_is_over(&r->services[p->index]->program.link))
                return;

        r->checked[p->index] = true;
        core_complain(&r->manifest, p);
        if (silent)
                reload_blame(c, p->index, "does not answer");
        if (silent || core_found_wrong(p, false))
                reload_fail(c);
        else
                reload_look(c);
}

void reload_got(struct caposd *c, const struct packet *p)
{
        struct reload *r = &c->reload;

        if (p && p->event != r->number)
                return;
        if (!p && r->state != RELOAD_IDLE) {
                daemon_log(LOG_ERR, "%s: the session manager has ended", reload_name(c));
                reload_fail(c);
        } else if (p && p->type == PACKET_NEXT_CHECKED) {
                reload_checked(c, p);
        } else if (p && p->type == PACKET_NEXT_READ && r->state == RELOAD_READING && p->result) {
                daemon_log(LOG_ERR, "%s: the session manager does not take it: %s", reload_name(c),
                           capnp_strerror(p->result));
                reload_fail(c);
        } else if (p && p->type == PACKET_NEXT_READ && r->state == RELOAD_READING) {
                r->state = RELOAD_CHECKING;
                services_check(c);
                reload_look(c);
        }
}

/* ---- life ----------------------------------------------------------------------------------- */

int reload_init(struct caposd *c)
{
        c->reload.text = c->reload.manifest_fd = c->reload.providers_fd = c->reload.rules.fd = -1;
        return capos_io_timer_init(&c->reload.timer, &c->keeper.loop, reload_on_timer);
}

void reload_deinit(struct caposd *c)
{
        struct reload *r = &c->reload;

        if (!r->timer.loop)
                return;

        reload_clear(r);
        fd_end(&r->text);
        capos_io_timer_deinit(&r->timer);
}
