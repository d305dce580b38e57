/*
 * The parent of every process of an instance.
 *
 * It opens what others are handed: the state directory and its lock, the admin socket, the
 * listener, the manifest. It starts and watches them, makes them acquainted, and says on standard
 * output where the instance is when everyone is ready. It reads no byte of a client; all it hears
 * are packets of a fixed size from its own children.
 *
 * Ending is one thing, whether it was asked for or something went wrong: nothing is started any
 * more, every link is closed, which each process takes as its call to end, and who is still there
 * after five seconds is killed. The session manager's end cuts the workers off, which tell
 * their clients and go.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "caposd.h"
#include "certificates.h"
#include "daemon-capacity.h"
#include "daemon-log.h"
#include "manifest-load.h"
#include "pin.h"
#include "providers.h"

enum {
        ORDERLY_MS = 5000,
        FORCED_MS = 500,
        LOOK_MS = 1000,      /* after which a silent service may be ready … */
        LOOK_AGAIN_MS = 250, /* … and then */
};

/* ---- the end -------------------------------------------------------------------------------- */

static bool caposd_is_over(const struct caposd *c)
{
        return c->keeper.ending && !core_is_running(&c->core) && !c->workers.zygote.running &&
               !c->identity.signer.running && workers_none(&c->workers) &&
               requests_none(&c->provers) && requests_none(&c->fetchers);
}

/* Last of all, when it has been told of each worker's end: so it knows whether it has lost one. */
static void caposd_end_gateway(struct caposd *c)
{
        struct program *p = &c->core.gateway;

        if (c->gateway_told || !workers_none(&c->workers))
                return;

        c->gateway_told = true;
        if (daemon_link_is_open(&p->link))
                daemon_link_send(&p->link, &(struct packet){.type = PACKET_OVER}, NULL);
        else
                program_end(p);
}

/* Orderly, within two seconds. Of several exit codes the first counts. */
static void caposd_end(struct caposd *c, int exit_code)
{
        if (c->keeper.ending)
                return;

        c->keeper.ending = true;
        c->exit_code = exit_code;
        program_end(&c->core.sessiond); /* first: to end all sessions, before it misses anybody */
        program_end(&c->provers.zygote);
        program_end(&c->fetchers.zygote);
        program_end(&c->identity.signer);
        reload_drop(c);
        for (uint32_t i = 0; i < c->core.nservices; i++)
                program_end(&c->core.services[i]->program);
        requests_kill_all(&c->provers);
        requests_kill_all(&c->fetchers);
        workers_end(&c->workers);
        caposd_end_gateway(c);
        capos_io_timer_start(&c->deadline, ORDERLY_MS);
}

/* keeper.hopeless */
static void caposd_give_up(struct keeper *k)
{
        caposd_end(CAPNP_I_OF(k, struct caposd, keeper), 1);
}

static void caposd_force(struct program *p)
{
        if (!p->running)
                return;

        daemon_log(LOG_WARNING, "%s does not end: killed", p->name);
        program_renew(p); /* nothing is started any more: this only kills */
}

static void caposd_late(struct capos_io_timer *t)
{
        struct caposd *c = CAPNP_I_OF(t, struct caposd, deadline);

        caposd_force(&c->core.gateway);
        caposd_force(&c->workers.zygote);
        caposd_force(&c->provers.zygote);
        caposd_force(&c->fetchers.zygote);
        caposd_force(&c->identity.signer);
        for (struct capnp_i_list *l = c->core.all.next; l != &c->core.all; l = l->next)
                caposd_force(&CAPNP_I_OF(l, struct service, of_all)->program);
        caposd_force(&c->core.sessiond);
        workers_kill_all(&c->workers);
        requests_kill_all(&c->provers);
        requests_kill_all(&c->fetchers);
        capos_io_timer_start(t, FORCED_MS);
}

/* ---- the endpoint line ---------------------------------------------------------------------- */

static bool caposd_is_ready(const struct caposd *c)
{
        return core_is_ready(&c->core) && identity_is_ready(&c->identity) && c->workers.offered &&
               requests_is_ready(&c->provers) && requests_is_ready(&c->fetchers);
}

static void caposd_check_up(struct caposd *c)
{
        if (c->keeper.up || c->keeper.ending || !caposd_is_ready(c))
                return;

        c->keeper.up = true;
        if (c->options.check) {
                caposd_end(c, 0);
                return;
        }
        pin_listeners(&c->place, c->options.known, c->identity.certificate.key_hash);
        if (listen_print(&c->place, c->identity.certificate.key_hash))
                daemon_log(LOG_WARNING, "nobody reads the endpoint line");
}

/* keeper.changed */
static void caposd_changed(struct keeper *k)
{
        struct caposd *c = CAPNP_I_OF(k, struct caposd, keeper);

        if (k->ending)
                caposd_end_gateway(c);
        else
                reload_look(c);
        caposd_check_up(c);
}

static void caposd_look_again(struct capos_io_timer *t)
{
        struct caposd *c = CAPNP_I_OF(t, struct caposd, look_again);

        caposd_check_up(c);
        if (!c->keeper.up && !c->keeper.ending)
                capos_io_timer_start(t, LOOK_AGAIN_MS);
}

/* ---- rules for client certificates ---------------------------------------------------------- */

/* Reads them, and lets go of those before. 0, or -errno: nothing has changed. */
static int caposd_read_rules(struct caposd *c)
{
        struct certificates_made made = {.fd = -1};
        bool same;
        int r;

        if (!certificates_wanted(manifest_root(c->manifest.msg)))
                return 0;

        r = certificates_make(manifest_root(c->manifest.msg), manifest_complain, &c->manifest,
                              &made);
        if (r)
                return r;

        same = c->rules_fd < 0 || certificates_same_authorities(c->rules_fd, made.fd);
        if (c->rules_fd >= 0)
                (void)close(c->rules_fd);
        c->rules_fd = c->core.rules_fd = c->workers.rules_fd = made.fd;
        c->lists_until_s = c->core.lists_until_s = made.until_s;
        c->authorities_s = c->core.authorities_s = made.authorities_s;
        if (!same && c->workers.zygote.running)
                workers_renew(&c->workers); /* they tell clients of the authorities */
        return 0;
}

/* Which file is wrong was said. */
static int caposd_init_rules(struct caposd *c)
{
        int r = caposd_read_rules(c);

        return r == -EINVAL ? CAPOSD_E_SAID : r;
}

/* Sessions that were made by what is not good any more end. core.reread; request 0: nobody waits.
 */
static void caposd_reread(struct core *core, uint32_t request)
{
        struct caposd *c = CAPNP_I_OF(core, struct caposd, core);
        int r;

        c->reload.reread = true;
        if (c->rules_fd < 0)
                return;

        r = caposd_read_rules(c);
        if (r)
                daemon_log(LOG_ERR, "client certificates are judged by what was read before");
        else
                daemon_log(LOG_NOTICE, "authorities and lists of revocations were read again");
        if (!r || request)
                core_tell_rules(core, request, r);
}

/* core.change */
static void caposd_change(struct core *core, const struct packet *p)
{
        struct caposd *c = CAPNP_I_OF(core, struct caposd, core);

        if (p && p->type == PACKET_CHANGE)
                reload_want(c, p->index);
        else
                reload_got(c, p);
}

/* ---- signals -------------------------------------------------------------------------------- */

static void caposd_signal(struct capos_io_watch *w, uint32_t events)
{
        struct caposd *c = CAPNP_I_OF(w, struct caposd, signals);
        int signal = 0;

        (void)events;
        while (capos_io_signal_read(w->fd, &signal) == 0) {
                switch (signal) {
                case SIGCHLD:
                        copies_reap(&c->copies);
                        break;
                case SIGHUP:
                        reload_want(c, 0);
                        break;
                default:
                        caposd_end(c, 0);
                        break;
                }
        }
}

static int caposd_init_signals(struct caposd *c)
{
        static const int signals[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
        /* Of these some programs think that they mean "log more"; here they mean nothing, and
         * would end the instance without a word. */
        static const int ignored[] = {SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};
        const struct sigaction ignore = {.sa_handler = SIG_IGN};
        int r;

        for (unsigned i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
                if (sigaction(ignored[i], &ignore, NULL) < 0)
                        return -errno;

        r = capos_io_signal_open(signals, 4, &c->signal_fd);
        return r ? r
                 : capos_io_watch_init(&c->signals, &c->keeper.loop, c->signal_fd, EPOLLIN,
                                       caposd_signal);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* How much there is room for, with all descriptors that we and our children may have. */
static int caposd_measure(struct caposd *c)
{
        const struct rlimit all = {daemon_capacity_fds(), daemon_capacity_fds()};
        manifest_reader m = manifest_root(c->manifest.msg);
        struct daemon_capacity found, *k = &found;

        if (setrlimit(RLIMIT_NOFILE, &all) < 0)
                return -errno;

        daemon_capacity_find(m, all.rlim_max, k);
        if (k->wanted_fds <= k->fds)
                return 0;

        daemon_log(k->connections ? LOG_WARNING : LOG_ERR,
                   "%" PRIu64 " descriptors are enough for %u sessions and %u connections without "
                   "one, not %u and %u: see `ulimit -n`, which should be %" PRIu64,
                   k->fds, k->connections, k->unauthenticated,
                   limits_connections(manifest_limits(m)),
                   limits_unauthenticated(manifest_limits(m)), k->wanted_fds);
        return k->connections ? 0 : CAPOSD_E_SAID;
}

/* identity.started */
static void caposd_signer_started(struct identity *id)
{
        core_meet_signer(&CAPNP_I_OF(id, struct caposd, identity)->core);
}

/* identity.renewed */
static void caposd_identity_renewed(struct identity *id)
{
        struct caposd *c = CAPNP_I_OF(id, struct caposd, identity);

        c->workers.certificate_fd = id->certificate.fd;
        workers_renew(&c->workers);
        core_tell(&c->core);
        if (c->keeper.up)
                pin_listeners(&c->place, c->options.known, id->certificate.key_hash);
}

/* What the parts know of each other. */
static void caposd_introduce(struct caposd *c)
{
        limits_reader l = manifest_limits(manifest_root(c->manifest.msg));

        c->keeper.changed = caposd_changed;
        c->keeper.hopeless = caposd_give_up;
        c->core = (struct core){.keeper = &c->keeper,
                                .options = &c->options,
                                .place = &c->place,
                                .manifest = &c->manifest,
                                .manifest_fd = c->manifest_fd,
                                .rules_fd = c->rules_fd,
                                .lists_until_s = c->lists_until_s,
                                .authorities_s = c->authorities_s,
                                .providers_fd = c->providers_fd,
                                .reread = caposd_reread,
                                .change = caposd_change,
                                .workers = &c->workers,
                                .provers = &c->provers,
                                .fetchers = &c->fetchers,
                                .identity = &c->identity};
        c->identity = (struct identity){.keeper = &c->keeper,
                                        .place = &c->place,
                                        .sessiond = &c->core.sessiond.link,
                                        .started = caposd_signer_started,
                                        .renewed = caposd_identity_renewed};
        c->provers = (struct requests){.kind = &REQUEST_PROVER,
                                       .keeper = &c->keeper,
                                       .sessiond = &c->core.sessiond.link,
                                       .copies = &c->copies,
                                       .wanted = true};
        c->fetchers = c->provers;
        c->fetchers.kind = &REQUEST_FETCHER;
        c->fetchers.wanted = providers_wanted(manifest_root(c->manifest.msg));
        c->workers = (struct workers){.keeper = &c->keeper,
                                      .gateway = &c->core.gateway.link,
                                      .sessiond = &c->core.sessiond.link,
                                      .copies = &c->copies,
                                      .certificate_fd = -1,
                                      .rules_fd = c->rules_fd,
                                      .wanted_idle = limits_idle_workers(l)};
}

/* What everything is confined by, and whom the state belongs to then. */
static int caposd_confine(struct caposd *c)
{
        struct confine *how = &c->keeper.confinement;
        int r;

        r = confine_init(how, manifest_root(c->manifest.msg), listen_is_exposed(&c->place));
        return r ? r : confine_own(how, USER_SESSIOND, c->place.dir);
}

static int caposd_init_parts(struct caposd *c)
{
        int r;

        r = caposd_confine(c);
        if (!r)
                r = caposd_measure(c);
        if (!r)
                r = capos_io_timer_init(&c->deadline, &c->keeper.loop, caposd_late);
        if (!r)
                r = capos_io_timer_init(&c->look_again, &c->keeper.loop, caposd_look_again);
        if (!r)
                r = caposd_init_signals(c);
        if (!r)
                r = reload_init(c);
        if (!r)
                r = daemon_manifest_give(&c->manifest, &c->manifest_fd);
        if (!r)
                r = caposd_init_rules(c);
        if (!r && providers_wanted(manifest_root(c->manifest.msg)))
                r = providers_make(manifest_root(c->manifest.msg), manifest_complain, &c->manifest,
                                   &c->providers_fd);
        if (r)
                return r == -EINVAL ? CAPOSD_E_SAID : r;

        caposd_introduce(c);
        r = core_init(&c->core);
        if (!r)
                r = identity_init(&c->identity);
        if (!r)
                r = requests_init(&c->provers);
        if (!r)
                r = requests_init(&c->fetchers);
        if (!r)
                r = workers_init(&c->workers);
        return r;
}

int caposd_init(struct caposd *c, const struct options *o, struct daemon_manifest *m)
{
        int r;

        *c = (struct caposd){.options = *o,
                             .manifest_fd = -1,
                             .rules_fd = -1,
                             .providers_fd = -1,
                             .signal_fd = -1};
        r = place_open(&c->place, o, manifest_first_user(manifest_root(m->msg)));
        if (r)
                return r;

        r = capos_io_loop_init(&c->keeper.loop);
        if (r) {
                place_close(&c->place);
                return r;
        }

        c->manifest = *m;
        r = caposd_init_parts(c);
        if (r) {
                if (r != CAPOSD_E_SAID)
                        daemon_log(LOG_ERR, "cannot start: %s", capnp_strerror(r));
                c->manifest = (struct daemon_manifest){0};
                caposd_deinit(c);
        }
        return r;
}

int caposd_run(struct caposd *c)
{
        int r = 0;

        identity_start(&c->identity);
        if (identity_is_ready(&c->identity)) /* else when there is a certificate */
                program_start(&c->workers.zygote);
        requests_begin(&c->provers);
        requests_begin(&c->fetchers);
        program_start(&c->core.sessiond);
        for (uint32_t i = 0; i < c->core.nservices; i++)
                program_start(&c->core.services[i]->program);
        program_start(&c->core.gateway);
        capos_io_timer_start(&c->look_again, LOOK_MS);

        while (!r && !caposd_is_over(c)) {
                r = capos_io_loop_turn(&c->keeper.loop, -1);
                core_sweep(&c->core);
        }
        if (r)
                daemon_log(LOG_ERR, "%s", capnp_strerror(r));
        return r ? 1 : c->exit_code;
}

void caposd_deinit(struct caposd *c)
{
        reload_deinit(c);
        workers_deinit(&c->workers);
        requests_deinit(&c->fetchers);
        requests_deinit(&c->provers);
        identity_deinit(&c->identity);
        core_deinit(&c->core);
        capos_io_watch_deinit(&c->signals);
        capos_io_timer_deinit(&c->look_again);
        capos_io_timer_deinit(&c->deadline);
        if (c->signal_fd >= 0)
                (void)close(c->signal_fd);
        if (c->manifest_fd >= 0)
                (void)close(c->manifest_fd);
        if (c->rules_fd >= 0)
                (void)close(c->rules_fd);
        if (c->providers_fd >= 0)
                (void)close(c->providers_fd);
        capos_io_loop_deinit(&c->keeper.loop);
        place_close(&c->place);
        daemon_manifest_deinit(&c->manifest);
}
